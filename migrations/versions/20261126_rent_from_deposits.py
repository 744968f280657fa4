"""Open rent that is set off against a deposit when it is settled.

Revision: rent_from_deposits, after shuttle_stops
"""

import sqlalchemy as sa
from alembic import op

revision = "rent_from_deposits"
down_revision = "shuttle_stops"
branch_labels = None
depends_on = None

METHODS = ("bank", "cash", "alipay", "wechat", "other")


def upgrade() -> None:
    _check("payment", "method_known", _one_of("method", (*METHODS, "deposit")))
    _check("deposit_case", "kind_known", _one_of("kind", ("rent", "utilities", "damage")))
    op.add_column(
        "deposit_return",
        sa.Column("rent_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("deposit_return", sa.Column("rent_payment_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_deposit_return_rent_payment_id"), "deposit_return", "payment", ["rent_payment_id"], ["id"]
    )
    op.create_unique_constraint(
        op.f("uq_deposit_return_rent_payment_id"), "deposit_return", ["rent_payment_id"]
    )
    _check(
        "deposit_return",
        "sums_not_negative",
        "held_fen > 0 AND deducted_fen >= 0 AND rent_fen >= 0 AND paid_fen >= 0",
    )
    _check("deposit_return", "whole_deposit", "deducted_fen + rent_fen + paid_fen = held_fen")
    op.create_check_constraint(
        op.f("ck_deposit_return_rent_by_payment"),
        "deposit_return",
        "(rent_fen > 0) = (rent_payment_id IS NOT NULL)",
    )


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def _check(table: str, name: str, condition: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def downgrade() -> None:
    op.drop_constraint(op.f("ck_deposit_return_rent_by_payment"), "deposit_return", type_="check")
    _check("deposit_return", "whole_deposit", "deducted_fen + paid_fen = held_fen")
    _check("deposit_return", "sums_not_negative", "held_fen > 0 AND deducted_fen >= 0 AND paid_fen >= 0")
    op.drop_column("deposit_return", "rent_payment_id")
    op.drop_column("deposit_return", "rent_fen")
    _check("deposit_case", "kind_known", _one_of("kind", ("utilities", "damage")))
    _check("payment", "method_known", _one_of("method", METHODS))
