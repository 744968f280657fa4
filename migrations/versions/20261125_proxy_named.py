"""Houses, rooms and closings name who entered them, and the household a clerk did it for.

Revision: proxy_named, after signed_in_time
"""

import sqlalchemy as sa
from alembic import op

revision = "proxy_named"
down_revision = "signed_in_time"
branch_labels = None
depends_on = None

COLUMNS = {"house": "added_by", "room": "added_by", "room_claim": "closed_by"}


def upgrade() -> None:
    for table, who in COLUMNS.items():
        op.add_column(table, sa.Column(who, sa.BigInteger(), nullable=True))
        op.add_column(table, sa.Column("on_behalf_of", sa.BigInteger(), nullable=True))
        op.create_foreign_key(op.f(f"fk_{table}_{who}"), table, "app_user", [who], ["id"])
        op.create_foreign_key(op.f(f"fk_{table}_on_behalf_of"), table, "owner", ["on_behalf_of"], ["id"])


def downgrade() -> None:
    for table, who in COLUMNS.items():
        op.drop_column(table, "on_behalf_of")
        op.drop_column(table, who)
