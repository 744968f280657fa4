"""The ``flask`` commands: thin, each opens its own transaction."""

import click
from flask import Flask

from qiantang_nest.core.web import settings


def register(app: Flask) -> None:
    """Attach the commands."""

    @app.cli.command("db-url")
    def db_url() -> None:
        """Print the address of the database in use, for psql and backups."""
        click.echo(settings().database_url.replace("postgresql+psycopg://", "postgresql://"))
