"""The district's figures for the way to work.

Revision: commute_setting, after room_notes
"""

import sqlalchemy as sa
from alembic import op

revision = "commute_setting"
down_revision = "room_notes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "commute_setting",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("detour", sa.Numeric(precision=3, scale=2), nullable=False),
        sa.Column("walk_kmh", sa.Numeric(precision=3, scale=1), nullable=False),
        sa.Column("ebike_kmh", sa.Numeric(precision=3, scale=1), nullable=False),
        sa.Column("shuttle_kmh", sa.Numeric(precision=3, scale=1), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("set_by", sa.BigInteger(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("detour BETWEEN 1 AND 3", name=op.f("ck_commute_setting_detour_sensible")),
        sa.CheckConstraint("walk_kmh BETWEEN 2 AND 8", name=op.f("ck_commute_setting_walk_sensible")),
        sa.CheckConstraint("ebike_kmh BETWEEN 5 AND 40", name=op.f("ck_commute_setting_ebike_sensible")),
        sa.CheckConstraint("shuttle_kmh BETWEEN 10 AND 80", name=op.f("ck_commute_setting_shuttle_sensible")),
        sa.CheckConstraint("btrim(basis) <> ''", name=op.f("ck_commute_setting_basis_given")),
        sa.ForeignKeyConstraint(["set_by"], ["app_user.id"], name=op.f("fk_commute_setting_set_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commute_setting")),
        sa.UniqueConstraint("effective_on", name=op.f("uq_commute_setting_effective_on")),
    )


def downgrade() -> None:
    op.drop_table("commute_setting")
