"""Handover sheets of rooms.

Revision: handovers, after booking_holds
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "handovers"
down_revision = "booking_holds"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "handover",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("lease_room_id", sa.BigInteger(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("moment", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("electric_kwh", sa.Numeric(10, 1), nullable=True),
        sa.Column("water_m3", sa.Numeric(10, 1), nullable=True),
        sa.Column("gas_m3", sa.Numeric(10, 1), nullable=True),
        sa.Column("keys", sa.BigInteger(), nullable=False),
        sa.Column("inventory", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("lessor_by", sa.BigInteger(), nullable=True),
        sa.Column("lessor_for", sa.BigInteger(), nullable=True),
        sa.Column("lessor_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lessee_by", sa.BigInteger(), nullable=True),
        sa.Column("lessee_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("moment IN ('start', 'end')", name=op.f("ck_handover_moment_known")),
        sa.CheckConstraint(
            "coalesce(electric_kwh, 0) >= 0 AND coalesce(water_m3, 0) >= 0 AND coalesce(gas_m3, 0) >= 0",
            name=op.f("ck_handover_readings_not_negative"),
        ),
        sa.CheckConstraint("keys BETWEEN 0 AND 99", name=op.f("ck_handover_keys_sensible")),
        sa.CheckConstraint(
            "lessor_at IS NOT NULL OR lessee_at IS NOT NULL", name=op.f("ck_handover_written_by_a_side")
        ),
        sa.CheckConstraint(
            "(lessor_at IS NULL) = (lessor_by IS NULL) AND (lessee_at IS NULL) = (lessee_by IS NULL)",
            name=op.f("ck_handover_who_and_when"),
        ),
        sa.ForeignKeyConstraint(["lease_room_id"], ["lease_room.id"], name=op.f("fk_handover_lease_room_id")),
        sa.ForeignKeyConstraint(["lessee_by"], ["app_user.id"], name=op.f("fk_handover_lessee_by")),
        sa.ForeignKeyConstraint(["lessor_by"], ["app_user.id"], name=op.f("fk_handover_lessor_by")),
        sa.ForeignKeyConstraint(["lessor_for"], ["owner.id"], name=op.f("fk_handover_lessor_for")),
        sa.ForeignKeyConstraint(["village_code"], ["village.code"], name=op.f("fk_handover_village_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover")),
        sa.UniqueConstraint("lease_room_id", "moment", name="uq_handover_moment"),
    )
    op.create_index(
        "ix_handover_open",
        "handover",
        ["village_code"],
        postgresql_where=sa.text("lessor_at IS NULL OR lessee_at IS NULL"),
    )
    op.create_table(
        "handover_photo",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("handover_id", sa.BigInteger(), nullable=False),
        sa.Column("media_name", sa.Text(), nullable=False),
        sa.Column("added_by", sa.BigInteger(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["added_by"], ["app_user.id"], name=op.f("fk_handover_photo_added_by")),
        sa.ForeignKeyConstraint(["handover_id"], ["handover.id"], name=op.f("fk_handover_photo_handover_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_photo")),
        sa.UniqueConstraint("media_name", name=op.f("uq_handover_photo_media_name")),
    )
    op.create_index("ix_handover_photo_handover_id", "handover_photo", ["handover_id"])
    op.execute(
        "CREATE TRIGGER handover_agreed BEFORE UPDATE OR DELETE ON handover FOR EACH ROW"
        " WHEN (OLD.lessor_at IS NOT NULL AND OLD.lessee_at IS NOT NULL)"
        " EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.drop_table("handover_photo")
    op.drop_table("handover")
