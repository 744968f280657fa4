"""The ``flask`` commands: thin, each opens its own transaction."""

import click
from flask import Flask

from qiantang_nest.core.db import transaction
from qiantang_nest.core.web import settings
from qiantang_nest.geography.services import load_places


def register(app: Flask) -> None:
    """Attach the commands."""

    @app.cli.command("db-url")
    def db_url() -> None:
        """Print the address of the database in use, for psql and backups."""
        click.echo(settings().database_url.replace("postgresql+psycopg://", "postgresql://"))

    @app.cli.command("load-places")
    def load_places_command() -> None:
        """Load the district's streets and villages; may be run again, moved villages stay where they are."""
        with transaction():
            loaded = load_places()
        click.echo(
            f"{loaded.streets} streets, {loaded.villages} villages, {loaded.other_units} other units loaded"
        )
