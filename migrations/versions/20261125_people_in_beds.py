"""Shifts and wishes of workers, beds chosen by hand, and personal links.

Revision: people_in_beds, after waiting_list
"""

import sqlalchemy as sa
from alembic import op

revision = "people_in_beds"
down_revision = "waiting_list"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("worker", sa.Column("shift", sa.Text(), server_default=sa.text("'day'"), nullable=False))
    op.add_column("worker", sa.Column("wish_group", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column(
        "worker", sa.Column("ground_floor", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.create_check_constraint(op.f("ck_worker_shift_known"), "worker", "shift IN ('day', 'night')")
    op.add_column("stay", sa.Column("by_hand", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_table(
        "worker_link",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("worker_id", sa.BigInteger(), nullable=False),
        sa.Column("token_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seal_key", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["app_user.id"], name=op.f("fk_worker_link_created_by")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_worker_link_worker_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_worker_link_token_hash")),
    )
    op.create_index(
        "uq_worker_link_live",
        "worker_link",
        ["worker_id"],
        unique=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    _guard_shifts()


def _guard_shifts() -> None:
    """Nobody sleeps by day in a room of people who sleep by night, also after a change of shift.

    ``stay_no_mixed_room`` keeps keys apart; these keep the key of a bed and the worker's shift together.
    """
    for name, condition in (
        (
            "stay_fits_shift",
            # The lock makes a change of shift that is under way wait, or be waited for.
            "(NEW.companion_key IN (3, 4))"
            " <> ((SELECT shift FROM worker WHERE id = NEW.worker_id FOR SHARE) = 'night')",
        ),
        (
            "shift_fits_stays",
            "EXISTS (SELECT FROM stay AS s WHERE s.worker_id = NEW.id AND s.companion_key < 1000"
            " AND s.cancelled_at IS NULL AND s.left_on IS NULL"
            " AND s.ends_on > (now() AT TIME ZONE 'Asia/Shanghai')::date"
            " AND (s.companion_key IN (3, 4)) <> (NEW.shift = 'night'))",
        ),
    ):
        op.execute(
            f"""
            CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF {condition} THEN
                    RAISE EXCEPTION 'the bed is not of the worker''s shift'
                        USING ERRCODE = '23514', CONSTRAINT = 'worker_shift_fits_bed';
                END IF;
                RETURN NULL;
            END $$
            """
        )
    op.execute(
        "CREATE TRIGGER stay_fits_shift AFTER INSERT OR UPDATE OF companion_key, worker_id ON stay"
        " FOR EACH ROW WHEN (NEW.companion_key < 1000 AND NEW.cancelled_at IS NULL)"
        " EXECUTE FUNCTION stay_fits_shift()"
    )
    op.execute(
        "CREATE TRIGGER shift_fits_stays AFTER UPDATE OF shift ON worker"
        " FOR EACH ROW WHEN (OLD.shift <> NEW.shift) EXECUTE FUNCTION shift_fits_stays()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER shift_fits_stays ON worker")
    op.execute("DROP TRIGGER stay_fits_shift ON stay")
    op.execute("DROP FUNCTION shift_fits_stays()")
    op.execute("DROP FUNCTION stay_fits_shift()")
    op.drop_table("worker_link")
    op.drop_column("stay", "by_hand")
    op.drop_constraint(op.f("ck_worker_shift_known"), "worker", type_="check")
    op.drop_column("worker", "ground_floor")
    op.drop_column("worker", "wish_group")
    op.drop_column("worker", "shift")
