"""Holds that add rooms to a booking.

Revision: booking_holds, after lease_changes
"""

import sqlalchemy as sa
from alembic import op

revision = "booking_holds"
down_revision = "lease_changes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "booking_hold",
        sa.Column("hold_id", sa.BigInteger(), nullable=False),
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_booking_hold_booking_id")),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name=op.f("fk_booking_hold_hold_id")),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_booking_hold")),
    )
    op.create_index(op.f("ix_booking_hold_booking_id"), "booking_hold", ["booking_id"])


def downgrade() -> None:
    op.drop_table("booking_hold")
