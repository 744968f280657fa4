"""Runs the migrations as the owner, one at a time, giving up on a lock after two seconds."""

from alembic import context
from flask import current_app
from sqlalchemy import create_engine, text
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import NullType

MIGRATION_LOCK = 330_114_000

ischema_names["point"] = NullType
database = current_app.extensions["migrate"].db


def run_migrations() -> None:
    """Connect as the owner, take the migration lock, run."""
    url = current_app.extensions["settings"].database_owner_url
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            # Two starts at once: the second waits here and then finds nothing to do.
            connection.execute(text("SET lock_timeout = '120s'"))
            connection.execute(text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})"))
            connection.execute(text("SET lock_timeout = '2s'"))
            connection.execute(text("SET statement_timeout = '30min'"))
            connection.commit()
            context.configure(
                connection=connection,
                target_metadata=database.metadata,
                **current_app.extensions["migrate"].configure_args,
            )
            with context.begin_transaction():
                context.run_migrations()
            connection.execute(text(f"SELECT pg_advisory_unlock({MIGRATION_LOCK})"))
            connection.commit()
    finally:
        engine.dispose()


run_migrations()
