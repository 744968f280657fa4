"""A lease holds its rooms only until it has to be signed; taking it back before that is a row.

Revision: signed_in_time, after hold_ladder

Leases that wait for signatures now get the usual week from here, and their claims become holds with that end.
"""

import sqlalchemy as sa
from alembic import op

revision = "signed_in_time"
down_revision = "hold_ladder"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("booking_rule", sa.Column("sign_days", sa.BigInteger(), server_default="7", nullable=False))
    op.alter_column("booking_rule", "sign_days", server_default=None)
    op.create_check_constraint(
        op.f("ck_booking_rule_sign_sensible"), "booking_rule", "sign_days BETWEEN 1 AND 30"
    )
    op.add_column("lease", sa.Column("sign_until", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE lease SET sign_until ="
        " ((now() AT TIME ZONE 'Asia/Shanghai')::date + 8)::timestamp AT TIME ZONE 'Asia/Shanghai'"
        " WHERE state = 'drafted'"
    )
    op.execute(
        "UPDATE room_claim AS c SET state = 'held', held_until = l.sign_until"
        " FROM lease_room AS r JOIN lease AS l ON l.id = r.lease_id"
        " WHERE r.claim_id = c.id AND l.state = 'drafted' AND c.state = 'leased'"
    )
    op.create_check_constraint(
        op.f("ck_lease_draft_has_end"), "lease", "(state = 'drafted') <= (sign_until IS NOT NULL)"
    )
    op.create_table(
        "lease_withdrawal",
        sa.Column("lease_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("on_behalf_of", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "side IN ('lessor', 'lessee', 'office')", name=op.f("ck_lease_withdrawal_side_known")
        ),
        sa.CheckConstraint("btrim(reason) <> ''", name=op.f("ck_lease_withdrawal_reason_given")),
        sa.ForeignKeyConstraint(["lease_id"], ["lease.id"], name=op.f("fk_lease_withdrawal_lease_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_lease_withdrawal_user_id")),
        sa.ForeignKeyConstraint(
            ["on_behalf_of"], ["owner.id"], name=op.f("fk_lease_withdrawal_on_behalf_of")
        ),
        sa.PrimaryKeyConstraint("lease_id", name=op.f("pk_lease_withdrawal")),
    )
    op.execute(
        "CREATE TRIGGER lease_withdrawal_append_only BEFORE UPDATE OR DELETE ON lease_withdrawal"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        """
        DO $$
        BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'qiantang_app') THEN
                REVOKE UPDATE, DELETE, TRUNCATE ON lease_withdrawal FROM qiantang_app;
            END IF;
        END $$
        """
    )


def downgrade() -> None:
    """Drafts that still hold rooms keep them without an end; those that have lapsed are cancelled."""
    op.drop_table("lease_withdrawal")
    op.execute(
        "UPDATE lease AS l SET state = 'cancelled' WHERE l.state = 'drafted' AND EXISTS ("
        " SELECT FROM lease_room AS r JOIN room_claim AS c ON c.id = r.claim_id"
        " WHERE r.lease_id = l.id AND (c.state <> 'held' OR c.held_until <= now()))"
    )
    op.execute(
        "UPDATE room_claim AS c SET state = CASE l.state WHEN 'drafted' THEN 'leased' ELSE 'released' END,"
        " held_until = CASE l.state WHEN 'drafted' THEN NULL ELSE c.held_until END"
        " FROM lease_room AS r JOIN lease AS l ON l.id = r.lease_id"
        " WHERE r.claim_id = c.id AND l.state IN ('drafted', 'cancelled') AND c.state = 'held'"
    )
    op.drop_constraint(op.f("ck_booking_rule_sign_sensible"), "booking_rule")
    op.drop_column("booking_rule", "sign_days")
    op.drop_constraint(op.f("ck_lease_draft_has_end"), "lease")
    op.drop_column("lease", "sign_until")
