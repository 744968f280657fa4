"""The ``flask`` commands: thin, each opens its own transaction."""

from datetime import datetime

import click
from flask import Flask

from qiantang_nest.billing.services import run_bills
from qiantang_nest.billing.services.issue_bills import Issued, batches_by_street, plan_batches
from qiantang_nest.core import clock
from qiantang_nest.core.actor import SYSTEM
from qiantang_nest.core.db import transaction
from qiantang_nest.core.invariants import broken_invariants, read_checks
from qiantang_nest.core.money import format_money
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

    @app.cli.command("bill-run")
    @click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Issue what is due by this day; today.")
    @click.option("--village", help="Only this village, by its 12-digit code.")
    def bill_run(until: datetime | None, village: str | None) -> None:
        """Issue deposits and rent that have come due; may be stopped and run again, issues nothing twice."""
        today = clock.today()
        last_day = until.date() if until else today
        with transaction():
            batches = plan_batches(until=last_day, village_code=village)
        total, leases = Issued(), sum(batch.leases for batch in batches)
        click.echo(f"Bills due by {last_day}: {leases:,} leases in {len(batches)} batches")
        looked_at = 0
        for street, of_street in batches_by_street(batches):
            issued = Issued()
            for batch in of_street:
                with transaction():
                    issued += run_bills(batch=batch, until=last_day, today=today, actor=SYSTEM)
                looked_at += batch.leases
            total += issued
            click.echo(f"{looked_at * 100 // leases:3d}%  {street}  {_say_issued(issued)}")
        click.echo(f"Done: {_say_issued(total)}")

    @app.cli.command("check-invariants")
    def check_invariants() -> None:
        """Run every check of tests/invariants.sql; exits with 1 and the rows if one does not hold."""
        broken = broken_invariants()
        for rule in broken:
            click.echo(f"BROKEN  {rule.name}")
            for row in rule.rows:
                click.echo(f"        {row}")
        click.echo(f"{len(read_checks())} checks, {len(broken)} broken")
        if broken:
            raise SystemExit(1)


def _say_issued(issued: Issued) -> str:
    return f"{issued.bills:,} bills, {issued.lines:,} lines, {format_money(issued.amount_fen)}"
