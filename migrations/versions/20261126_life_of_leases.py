"""Rent agreed with an extension, rooms given up before the first day, rooms of another household.

Revision: life_of_leases, after rent_from_deposits
"""

import sqlalchemy as sa
from alembic import op

revision = "life_of_leases"
down_revision = "rent_from_deposits"
branch_labels = None
depends_on = None

KINDS = ("end", "extend", "swap", "transfer")


def upgrade() -> None:
    op.create_table(
        "lease_room_rent",
        sa.Column("lease_room_id", sa.BigInteger(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("rent_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("rent_fen > 0", name=op.f("ck_lease_room_rent_rent_positive")),
        sa.ForeignKeyConstraint(
            ["lease_room_id"], ["lease_room.id"], name=op.f("fk_lease_room_rent_lease_room_id")
        ),
        sa.PrimaryKeyConstraint("lease_room_id", "starts_on", name=op.f("pk_lease_room_rent")),
    )
    _check("lease_room", "period_forward", "ends_on >= starts_on")
    _check("lease_change", "kind_known", _one_of("kind", (*KINDS, "release", "relocate")))
    op.add_column("lease_change", sa.Column("agreed_by", sa.BigInteger(), nullable=True))
    op.add_column("lease_change", sa.Column("agreed_for", sa.BigInteger(), nullable=True))
    op.add_column("lease_change", sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key(
        op.f("fk_lease_change_agreed_by"), "lease_change", "app_user", ["agreed_by"], ["id"]
    )
    op.create_foreign_key(op.f("fk_lease_change_agreed_for"), "lease_change", "owner", ["agreed_for"], ["id"])
    op.create_check_constraint(
        op.f("ck_lease_change_relocated_to_a_lease"),
        "lease_change",
        "kind <> 'relocate' OR new_lease_id IS NOT NULL",
    )
    op.create_check_constraint(
        op.f("ck_lease_change_agreed_to_relocate"),
        "lease_change",
        "agreed_at IS NULL OR (kind = 'relocate' AND agreed_by IS NOT NULL)",
    )
    op.create_index(
        "uq_lease_change_new_lease_id",
        "lease_change",
        ["new_lease_id"],
        unique=True,
        postgresql_where=sa.text("new_lease_id IS NOT NULL"),
    )


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def _check(table: str, name: str, condition: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def downgrade() -> None:
    op.drop_index("uq_lease_change_new_lease_id", table_name="lease_change")
    op.drop_constraint(op.f("ck_lease_change_agreed_to_relocate"), "lease_change", type_="check")
    op.drop_constraint(op.f("ck_lease_change_relocated_to_a_lease"), "lease_change", type_="check")
    op.drop_constraint(op.f("fk_lease_change_agreed_for"), "lease_change", type_="foreignkey")
    op.drop_constraint(op.f("fk_lease_change_agreed_by"), "lease_change", type_="foreignkey")
    op.drop_column("lease_change", "agreed_at")
    op.drop_column("lease_change", "agreed_for")
    op.drop_column("lease_change", "agreed_by")
    _check("lease_change", "kind_known", _one_of("kind", KINDS))
    _check("lease_room", "period_forward", "ends_on > starts_on")
    op.drop_table("lease_room_rent")
