"""Notes of the village's staff about a room.

Revision: room_notes, after deposits
"""

import sqlalchemy as sa
from alembic import op

revision = "room_notes"
down_revision = "deposits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "room_note",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("room_id", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("noted_by", sa.BigInteger(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("removed_by", sa.BigInteger(), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "btrim(words) <> '' AND length(words) <= 120", name=op.f("ck_room_note_words_short")
        ),
        sa.CheckConstraint(
            "(removed_at IS NULL) = (removed_by IS NULL)", name=op.f("ck_room_note_removed_by_somebody")
        ),
        sa.ForeignKeyConstraint(["noted_by"], ["app_user.id"], name=op.f("fk_room_note_noted_by")),
        sa.ForeignKeyConstraint(["removed_by"], ["app_user.id"], name=op.f("fk_room_note_removed_by")),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_room_note_room_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_note")),
    )
    op.create_index(
        "ix_room_note_live", "room_note", ["room_id"], postgresql_where=sa.text("removed_at IS NULL")
    )


def downgrade() -> None:
    op.drop_table("room_note")
