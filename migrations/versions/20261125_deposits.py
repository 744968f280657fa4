"""Deposits: cases in which a part is kept, and what went back.

Revision: deposits, after handovers
"""

import sqlalchemy as sa
from alembic import op

revision = "deposits"
down_revision = "handovers"
branch_labels = None
depends_on = None

ACCOUNTS = ("receivable", "rent_income", "deposit_due", "deposit_held", "bank", "credit")


def _accounts_known(accounts: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{account}'" for account in accounts)
    op.drop_constraint(op.f("ck_ledger_entry_accounts_known"), "ledger_entry", type_="check")
    op.create_check_constraint(
        op.f("ck_ledger_entry_accounts_known"),
        "ledger_entry",
        f"debit IN ({listed}) AND credit IN ({listed})",
    )


def upgrade() -> None:
    _accounts_known((*ACCOUNTS, "deducted"))
    op.create_table(
        "deposit_case",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("lease_room_id", sa.BigInteger(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("evidence_media", sa.Text(), nullable=True),
        sa.Column("opened_by", sa.BigInteger(), nullable=True),
        sa.Column("opened_for", sa.BigInteger(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reply_by", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("replied_by", sa.BigInteger(), nullable=True),
        sa.Column("replied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_fen", sa.BigInteger(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('utilities', 'damage')", name=op.f("ck_deposit_case_kind_known")),
        sa.CheckConstraint(
            "state IN ('open', 'agreed', 'disputed', 'decided', 'withdrawn')",
            name=op.f("ck_deposit_case_state_known"),
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_deposit_case_amount_positive")),
        sa.CheckConstraint(
            "decided_fen BETWEEN 0 AND amount_fen", name=op.f("ck_deposit_case_decided_within_amount")
        ),
        sa.CheckConstraint(
            "(state = 'decided') = (decided_fen IS NOT NULL)", name=op.f("ck_deposit_case_decided_sum")
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["app_user.id"], name=op.f("fk_deposit_case_decided_by")),
        sa.ForeignKeyConstraint(
            ["lease_room_id"], ["lease_room.id"], name=op.f("fk_deposit_case_lease_room_id")
        ),
        sa.ForeignKeyConstraint(["opened_by"], ["app_user.id"], name=op.f("fk_deposit_case_opened_by")),
        sa.ForeignKeyConstraint(["opened_for"], ["owner.id"], name=op.f("fk_deposit_case_opened_for")),
        sa.ForeignKeyConstraint(["replied_by"], ["app_user.id"], name=op.f("fk_deposit_case_replied_by")),
        sa.ForeignKeyConstraint(
            ["village_code"], ["village.code"], name=op.f("fk_deposit_case_village_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deposit_case")),
    )
    op.create_index("ix_deposit_case_lease_room_id", "deposit_case", ["lease_room_id"])
    op.create_table(
        "deposit_return",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("lease_room_id", sa.BigInteger(), nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("held_fen", sa.BigInteger(), nullable=False),
        sa.Column("deducted_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_fen", sa.BigInteger(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("recorded_by", sa.BigInteger(), nullable=True),
        sa.Column("on_behalf_of", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "held_fen > 0 AND deducted_fen >= 0 AND paid_fen >= 0",
            name=op.f("ck_deposit_return_sums_not_negative"),
        ),
        sa.CheckConstraint(
            "deducted_fen + paid_fen = held_fen", name=op.f("ck_deposit_return_whole_deposit")
        ),
        sa.CheckConstraint(
            "method IN ('bank', 'cash', 'alipay', 'wechat', 'other')",
            name=op.f("ck_deposit_return_method_known"),
        ),
        sa.ForeignKeyConstraint(
            ["enterprise_id"], ["enterprise.id"], name=op.f("fk_deposit_return_enterprise_id")
        ),
        sa.ForeignKeyConstraint(
            ["lease_room_id"], ["lease_room.id"], name=op.f("fk_deposit_return_lease_room_id")
        ),
        sa.ForeignKeyConstraint(["on_behalf_of"], ["owner.id"], name=op.f("fk_deposit_return_on_behalf_of")),
        sa.ForeignKeyConstraint(["owner_id"], ["owner.id"], name=op.f("fk_deposit_return_owner_id")),
        sa.ForeignKeyConstraint(["recorded_by"], ["app_user.id"], name=op.f("fk_deposit_return_recorded_by")),
        sa.ForeignKeyConstraint(
            ["village_code"], ["village.code"], name=op.f("fk_deposit_return_village_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deposit_return")),
        sa.UniqueConstraint("lease_room_id", name=op.f("uq_deposit_return_lease_room_id")),
    )
    op.create_index("ix_deposit_return_pair", "deposit_return", ["enterprise_id", "owner_id"])
    op.execute(
        "CREATE TRIGGER deposit_return_append_only BEFORE UPDATE OR DELETE ON deposit_return"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        """
        DO $$
        BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'qiantang_app') THEN
                REVOKE UPDATE, DELETE, TRUNCATE ON deposit_return FROM qiantang_app;
            END IF;
        END $$
        """
    )


def downgrade() -> None:
    op.drop_table("deposit_return")
    op.drop_table("deposit_case")
    _accounts_known(ACCOUNTS)
