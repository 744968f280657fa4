"""The ladder of a hold: the district's hours, direct offers, reminders, one lengthening, rooms given back.

Revision: hold_ladder, after initial
"""

import sqlalchemy as sa
from alembic import op

revision = "hold_ladder"
down_revision = "initial"
branch_labels = None
depends_on = None

ANSWERS = "answer IN ('waiting', 'accepted', 'declined')"
ANSWERS_NOW = "answer IN ('waiting', 'accepted', 'declined', 'released')"


def upgrade() -> None:
    op.create_table(
        "booking_rule",
        sa.Column("hold_hours", sa.BigInteger(), nullable=False),
        sa.Column("answer_hours", sa.BigInteger(), nullable=False),
        sa.Column("lengthen_hours", sa.BigInteger(), nullable=False),
        sa.Column("offer_hours", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("set_by", sa.BigInteger(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("hold_hours BETWEEN 1 AND 168", name=op.f("ck_booking_rule_hold_sensible")),
        sa.CheckConstraint(
            "answer_hours BETWEEN 1 AND hold_hours", name=op.f("ck_booking_rule_answer_within_hold")
        ),
        sa.CheckConstraint(
            "lengthen_hours BETWEEN 0 AND 168", name=op.f("ck_booking_rule_lengthen_sensible")
        ),
        sa.CheckConstraint("offer_hours BETWEEN 1 AND 72", name=op.f("ck_booking_rule_offer_sensible")),
        sa.CheckConstraint("btrim(basis) <> ''", name=op.f("ck_booking_rule_basis_given")),
        sa.ForeignKeyConstraint(["set_by"], ["app_user.id"], name=op.f("fk_booking_rule_set_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking_rule")),
        sa.UniqueConstraint("effective_on", name=op.f("uq_booking_rule_effective_on")),
    )
    op.add_column(
        "listing", sa.Column("direct", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )

    op.add_column("hold", sa.Column("lengthened_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("hold", sa.Column("lengthen_reason", sa.Text(), nullable=True))
    op.add_column("hold", sa.Column("warned_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("ck_hold_lengthened_with_reason"), "hold", "(lengthened_at IS NULL) = (lengthen_reason IS NULL)"
    )

    op.add_column("hold_room", sa.Column("answer_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("hold_room", sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("hold_room", sa.Column("chased_at", sa.DateTime(timezone=True), nullable=True))
    # Until now a household had a day, or less when the hold ended sooner.
    op.execute(
        "UPDATE hold_room SET answer_due_at = least(hold.created_at + interval '24 hours', hold.expires_at)"
        " FROM hold WHERE hold.id = hold_room.hold_id"
    )
    op.alter_column("hold_room", "answer_due_at", nullable=False)
    op.drop_constraint(op.f("ck_hold_room_answer_known"), "hold_room")
    op.create_check_constraint(op.f("ck_hold_room_answer_known"), "hold_room", ANSWERS_NOW)
    op.create_index(
        "ix_hold_room_answer_due_at",
        "hold_room",
        ["answer_due_at"],
        postgresql_where=sa.text("answer = 'waiting'"),
    )


def downgrade() -> None:
    op.drop_index("ix_hold_room_answer_due_at", table_name="hold_room")
    op.drop_constraint(op.f("ck_hold_room_answer_known"), "hold_room")
    # What an employer gave back was, in the old words, a room nobody need answer for any more.
    op.execute(
        "UPDATE hold_room SET answer = 'declined', answer_reason = '企业放开' WHERE answer = 'released'"
    )
    op.create_check_constraint(op.f("ck_hold_room_answer_known"), "hold_room", ANSWERS)
    for column in ("chased_at", "reminded_at", "answer_due_at"):
        op.drop_column("hold_room", column)
    op.drop_constraint(op.f("ck_hold_lengthened_with_reason"), "hold")
    for column in ("warned_at", "lengthen_reason", "lengthened_at"):
        op.drop_column("hold", column)
    op.drop_column("listing", "direct")
    op.drop_table("booking_rule")
