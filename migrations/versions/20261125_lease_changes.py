"""Changes of signed leases; a bill issued anew names the one it stands in for, what was paid on that is credit.

Revision: lease_changes, after people_in_beds
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "lease_changes"
down_revision = "people_in_beds"
branch_labels = None
depends_on = None

FROZEN = (
    "number, lease_id, owner_id, enterprise_id, village_code, kind, seq, starts_on, ends_on, issued_on,"
    " due_on, amount_fen"
)


def upgrade() -> None:
    op.create_table(
        "lease_change",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("lease_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'asked'"), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("asked_side", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=True),
        sa.Column("asked_for", sa.BigInteger(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_for", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer_reason", sa.Text(), nullable=True),
        sa.Column("taker_id", sa.BigInteger(), nullable=True),
        sa.Column("taken_by", sa.BigInteger(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("new_lease_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('end', 'extend', 'swap', 'transfer')", name=op.f("ck_lease_change_kind_known")
        ),
        sa.CheckConstraint(
            "state IN ('asked', 'done', 'refused', 'withdrawn')", name=op.f("ck_lease_change_state_known")
        ),
        sa.CheckConstraint("asked_side IN ('lessor', 'lessee')", name=op.f("ck_lease_change_side_known")),
        sa.CheckConstraint(
            "(kind = 'transfer') = (taker_id IS NOT NULL)", name=op.f("ck_lease_change_taker_of_transfer")
        ),
        sa.CheckConstraint(
            "kind <> 'transfer' OR state <> 'done' OR taken_at IS NOT NULL",
            name=op.f("ck_lease_change_taken_before_done"),
        ),
        sa.CheckConstraint("(state = 'asked') = (decided_at IS NULL)", name=op.f("ck_lease_change_decided")),
        sa.ForeignKeyConstraint(["asked_by"], ["app_user.id"], name=op.f("fk_lease_change_asked_by")),
        sa.ForeignKeyConstraint(["asked_for"], ["owner.id"], name=op.f("fk_lease_change_asked_for")),
        sa.ForeignKeyConstraint(["decided_by"], ["app_user.id"], name=op.f("fk_lease_change_decided_by")),
        sa.ForeignKeyConstraint(["decided_for"], ["owner.id"], name=op.f("fk_lease_change_decided_for")),
        sa.ForeignKeyConstraint(["lease_id"], ["lease.id"], name=op.f("fk_lease_change_lease_id")),
        sa.ForeignKeyConstraint(["new_lease_id"], ["lease.id"], name=op.f("fk_lease_change_new_lease_id")),
        sa.ForeignKeyConstraint(["taken_by"], ["app_user.id"], name=op.f("fk_lease_change_taken_by")),
        sa.ForeignKeyConstraint(["taker_id"], ["enterprise.id"], name=op.f("fk_lease_change_taker_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease_change")),
    )
    op.create_index("ix_lease_change_lease_id", "lease_change", ["lease_id"])
    op.create_index(
        "uq_lease_change_open",
        "lease_change",
        ["lease_id"],
        unique=True,
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.execute(
        "CREATE TRIGGER lease_change_settled BEFORE UPDATE ON lease_change FOR EACH ROW WHEN ("
        " OLD.state <> 'asked'"
        " OR (OLD.lease_id, OLD.kind, OLD.terms, OLD.asked_side, OLD.asked_by, OLD.asked_at)"
        " IS DISTINCT FROM (NEW.lease_id, NEW.kind, NEW.terms, NEW.asked_side, NEW.asked_by, NEW.asked_at)"
        ") EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER lease_change_kept BEFORE DELETE ON lease_change"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.add_column("lease_room", sa.Column("follows_id", sa.BigInteger(), nullable=True))
    op.create_unique_constraint(op.f("uq_lease_room_follows_id"), "lease_room", ["follows_id"])
    op.create_foreign_key(
        op.f("fk_lease_room_follows_id"), "lease_room", "lease_room", ["follows_id"], ["id"]
    )
    op.add_column("payment_allocation", sa.Column("released_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("bill", sa.Column("replaces_id", sa.BigInteger(), nullable=True))
    op.create_unique_constraint(op.f("uq_bill_replaces_id"), "bill", ["replaces_id"])
    op.create_foreign_key(op.f("fk_bill_replaces_id"), "bill", "bill", ["replaces_id"], ["id"])
    op.create_index(
        "ix_bill_voided",
        "bill",
        ["lease_id", "kind", "seq"],
        postgresql_where=sa.text("voided_at IS NOT NULL"),
    )
    _freeze_bills(FROZEN + ", replaces_id")
    op.execute(
        """
        DO $$
        BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'qiantang_app') THEN
                REVOKE DELETE, TRUNCATE ON lease_change FROM qiantang_app;
            END IF;
        END $$
        """
    )


def _freeze_bills(columns: str) -> None:
    """An issued bill never changes but for what is paid on it and its voiding."""
    names = [name.strip() for name in columns.split(",")]
    old, new = (", ".join(f"{side}.{name}" for name in names) for side in ("OLD", "NEW"))
    op.execute("DROP TRIGGER bill_never_changes ON bill")
    op.execute(
        f"CREATE TRIGGER bill_never_changes BEFORE UPDATE ON bill FOR EACH ROW WHEN ("
        f" ({old}) IS DISTINCT FROM ({new}) OR OLD.voided_at IS NOT NULL"
        f") EXECUTE FUNCTION refuse_bill_change()"
    )


def downgrade() -> None:
    _freeze_bills(FROZEN)
    op.drop_index("ix_bill_voided", table_name="bill")
    op.drop_constraint(op.f("fk_bill_replaces_id"), "bill", type_="foreignkey")
    op.drop_constraint(op.f("uq_bill_replaces_id"), "bill", type_="unique")
    op.drop_column("bill", "replaces_id")
    op.drop_column("payment_allocation", "released_at")
    op.drop_constraint(op.f("fk_lease_room_follows_id"), "lease_room", type_="foreignkey")
    op.drop_constraint(op.f("uq_lease_room_follows_id"), "lease_room", type_="unique")
    op.drop_column("lease_room", "follows_id")
    op.drop_table("lease_change")
