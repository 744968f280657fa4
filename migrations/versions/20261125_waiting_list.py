"""The waiting list: who waits for rooms for which demand, and rooms offered to whoever waits.

Revision: waiting_list, after plans
"""

import sqlalchemy as sa
from alembic import op

revision = "waiting_list"
down_revision = "plans"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "waiting",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("demand_id", sa.BigInteger(), nullable=False),
        sa.Column("least_beds", sa.BigInteger(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("joined_by", sa.BigInteger(), nullable=True),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("least_beds BETWEEN 1 AND 1000", name=op.f("ck_waiting_least_beds_sensible")),
        sa.ForeignKeyConstraint(["demand_id"], ["demand.id"], name=op.f("fk_waiting_demand_id")),
        sa.ForeignKeyConstraint(["joined_by"], ["app_user.id"], name=op.f("fk_waiting_joined_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiting")),
    )
    op.create_index(
        "uq_waiting_demand",
        "waiting",
        ["demand_id"],
        unique=True,
        postgresql_where=sa.text("left_at IS NULL"),
    )
    op.create_index(
        "ix_waiting_queue", "waiting", ["joined_at", "id"], postgresql_where=sa.text("left_at IS NULL")
    )
    op.add_column("hold", sa.Column("waiting_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_hold_waiting_id"), "hold", "waiting", ["waiting_id"], ["id"])
    op.create_index(op.f("ix_hold_waiting_id"), "hold", ["waiting_id"])
    op.drop_constraint(op.f("ck_hold_state_known"), "hold")
    op.create_check_constraint(
        op.f("ck_hold_state_known"), "hold", "state IN ('offered', 'active', 'booked', 'released')"
    )
    op.create_check_constraint(
        op.f("ck_hold_offered_to_whoever_waits"),
        "hold",
        "(state = 'offered') <= (waiting_id IS NOT NULL)",
    )


def downgrade() -> None:
    """Offers that nobody has answered are taken back; their rooms are free."""
    op.execute(
        "UPDATE room_claim AS c SET state = 'released' FROM hold_room AS r JOIN hold AS h ON h.id = r.hold_id"
        " WHERE r.claim_id = c.id AND h.state = 'offered' AND c.state = 'held'"
    )
    op.execute("UPDATE hold SET state = 'released' WHERE state = 'offered'")
    op.drop_constraint(op.f("ck_hold_offered_to_whoever_waits"), "hold")
    op.drop_constraint(op.f("ck_hold_state_known"), "hold")
    op.create_check_constraint(
        op.f("ck_hold_state_known"), "hold", "state IN ('active', 'booked', 'released')"
    )
    op.drop_index(op.f("ix_hold_waiting_id"), table_name="hold")
    op.drop_column("hold", "waiting_id")
    op.drop_table("waiting")
