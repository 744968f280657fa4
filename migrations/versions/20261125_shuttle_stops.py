"""Shuttle stops, and what a routing service has told of the ways to a worksite.

Revision: shuttle_stops, after commute_setting
"""

import sqlalchemy as sa
from alembic import op

revision = "shuttle_stops"
down_revision = "commute_setting"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "worksite",
        sa.Column(
            "routes_due_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("'1970-01-01 00:00:00+00'"),
            nullable=False,
        ),
    )
    op.add_column(
        "worksite",
        sa.Column("routes_attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.create_index(
        "ix_worksite_routes_due",
        "worksite",
        ["routes_due_at"],
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "shuttle_stop",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("worksite_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("ride_minutes", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("ride_minutes BETWEEN 1 AND 120", name=op.f("ck_shuttle_stop_ride_sensible")),
        sa.CheckConstraint(
            "lat BETWEEN 30 AND 31 AND lon BETWEEN 120 AND 121", name=op.f("ck_shuttle_stop_near_district")
        ),
        sa.ForeignKeyConstraint(["worksite_id"], ["worksite.id"], name=op.f("fk_shuttle_stop_worksite_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shuttle_stop")),
        sa.UniqueConstraint("worksite_id", "name", name="uq_shuttle_stop_worksite_name"),
    )
    op.create_table(
        "routed_minutes",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("worksite_id", sa.BigInteger(), nullable=False),
        sa.Column("stop_id", sa.BigInteger(), nullable=True),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("minutes", sa.BigInteger(), nullable=False),
        sa.Column("village_lat", sa.Double(), nullable=False),
        sa.Column("village_lon", sa.Double(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "mode = 'walk' OR (mode = 'ebike' AND stop_id IS NULL)",
            name=op.f("ck_routed_minutes_mode_known"),
        ),
        sa.CheckConstraint("minutes BETWEEN 0 AND 1440", name=op.f("ck_routed_minutes_minutes_sensible")),
        sa.ForeignKeyConstraint(["stop_id"], ["shuttle_stop.id"], name=op.f("fk_routed_minutes_stop_id")),
        sa.ForeignKeyConstraint(
            ["village_code"], ["village.code"], name=op.f("fk_routed_minutes_village_code")
        ),
        sa.ForeignKeyConstraint(["worksite_id"], ["worksite.id"], name=op.f("fk_routed_minutes_worksite_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routed_minutes")),
        sa.UniqueConstraint(
            "worksite_id",
            "stop_id",
            "mode",
            "village_code",
            name="uq_routed_minutes_way",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("ix_routed_minutes_stop_id", "routed_minutes", ["stop_id"])


def downgrade() -> None:
    op.drop_index("ix_routed_minutes_stop_id", table_name="routed_minutes")
    op.drop_table("routed_minutes")
    op.drop_table("shuttle_stop")
    op.drop_index("ix_worksite_routes_due", table_name="worksite")
    op.drop_column("worksite", "routes_attempts")
    op.drop_column("worksite", "routes_due_at")
