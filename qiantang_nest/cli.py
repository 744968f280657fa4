"""The ``flask`` commands: thin, each opens its own transaction."""

import logging
import signal
import sys
import threading
from datetime import datetime, timedelta
from random import Random

import click
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from qiantang_nest.accounts import services as accounts
from qiantang_nest.accounts.queries import user_by_phone
from qiantang_nest.accounts.rules import Role
from qiantang_nest.billing.services import run_bills
from qiantang_nest.billing.services.issue_bills import Issued, batches_by_street, plan_batches
from qiantang_nest.bookings.queries.holds import times_on
from qiantang_nest.bookings.queries.waiting import anybody_waits
from qiantang_nest.bookings.services.hold_jobs import BATCH, HOLD_JOBS
from qiantang_nest.bookings.services.waiting import serve_waiting
from qiantang_nest.core import clock
from qiantang_nest.core.actor import SYSTEM
from qiantang_nest.core.db import db, lock_villages, transaction
from qiantang_nest.core.errors import Busy, DomainError
from qiantang_nest.core.identifiers import check_mobile
from qiantang_nest.core.invariants import broken_invariants, read_checks
from qiantang_nest.core.money import format_money
from qiantang_nest.core.web import settings
from qiantang_nest.demo.district import build_district, is_empty
from qiantang_nest.demo.logins import logins
from qiantang_nest.demo.today import PICTURED_SCALE, hang_pictures, put_in_the_air
from qiantang_nest.enterprises.services import Asked, ask_routes
from qiantang_nest.geography.gateways import OsrmGateway, RoutingGateway
from qiantang_nest.geography.queries import streets, village_codes_in
from qiantang_nest.geography.services import load_places
from qiantang_nest.housing.services import apply_capacity_rule
from qiantang_nest.notifications.gateways import ConsoleGateway, SmsGateway
from qiantang_nest.notifications.rules import wait_after
from qiantang_nest.notifications.services import drop_old_items, send_due
from qiantang_nest.reports.services import KEPT_DAYS, refresh_days

log = logging.getLogger("qiantang_nest")

TIDY_EVERY = timedelta(minutes=10)
JOBS_EVERY = timedelta(minutes=1)
ROUTES_EVERY = timedelta(seconds=30)


def _sms_gateway() -> SmsGateway:
    """The carrier of this installation. The console prints codes, so production refuses it."""
    if settings().production:
        raise click.ClickException("SMS_GATEWAY=console prints codes to the log: for development only")
    return ConsoleGateway()


def _routing_gateway() -> RoutingGateway | None:
    """The district's routing service, if it has one."""
    return OsrmGateway(settings().routing_url) if settings().routing_url else None


class Routes:
    """The worker's side of asking for routes: only when nothing is to be sent, and less often if it fails."""

    def __init__(self, gateway: RoutingGateway | None) -> None:
        self._gateway = gateway
        self._failures = 0
        self._next = clock.now()

    def turn(self) -> bool:
        """Ask for one worksite, if one is due and it is time; whether there may be another at once."""
        now = clock.now()
        if self._gateway is None or now < self._next:
            return False
        asked = ask_routes(now=now, gateway=self._gateway)
        self._failures = self._failures + 1 if asked is Asked.FAILED else 0
        if asked is not Asked.ANSWERED:
            self._next = now + (wait_after(self._failures) if self._failures else ROUTES_EVERY)
        return asked is Asked.ANSWERED


def _tidy() -> None:
    """Forget codes, throttles, sessions and messages sent long ago; each in a short transaction."""
    for drop in (
        accounts.drop_old_codes,
        accounts.drop_old_throttles,
        accounts.drop_old_sessions,
        drop_old_items,
    ):
        with transaction():
            drop(now=clock.now())


def _run_hold_jobs() -> None:
    """What time does to holds; each job in a transaction of its own, again while it finds a full batch."""
    for job in HOLD_JOBS:
        done = BATCH
        while done == BATCH:
            with transaction():
                done = job(now=clock.now())
    _offer_freed_rooms()


def _offer_freed_rooms() -> None:
    """The waiting list, a street at a time: its villages are locked no longer than it takes to offer."""
    now, today = clock.now(), clock.today()
    if not anybody_waits():
        return
    for street in streets():
        with transaction():
            codes = village_codes_in(street.code)
            lock_villages(codes)
            serve_waiting(village_codes=codes, times=times_on(today), now=now)


def register(app: Flask) -> None:
    """Attach the commands."""

    @app.cli.command("db-url")
    def db_url() -> None:
        """Print the address of the database in use, for psql and backups."""
        click.echo(settings().database_url.replace("postgresql+psycopg://", "postgresql://"))

    @app.cli.command("create-user")
    @click.option("--phone", required=True, help="Mobile number; the person signs in by a code sent to it.")
    @click.option("--name", required=True)
    @click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
    @click.option("--scope", default="", help="Division code for offices, empty for administrators.")
    @click.option("--password-stdin", is_flag=True, help="Read a password from the standard input.")
    def create_user_command(phone: str, name: str, role: str, scope: str, password_stdin: bool) -> None:
        """Make an account with a role: the way to the first administrators. An existing one gets the role."""
        password = sys.stdin.readline().rstrip("\n") if password_stdin else None
        try:
            number = check_mobile(phone)
            with transaction():
                user = user_by_phone(number) or accounts.create_user(name=name, phone=number, actor=SYSTEM)
                accounts.grant_role(user=user, role=Role(role), scope=scope, actor=SYSTEM)
                if password is not None:
                    accounts.set_password(user=user, password=password, keep_session_id=None, actor=SYSTEM)
        except DomainError as error:
            raise click.ClickException(str(error.message)) from error
        click.echo(f"Account {user.id}: {role} {scope}".rstrip())

    @app.cli.command("send-outbox")
    def send_outbox() -> None:
        """Send what is due now, once."""
        gateway = _sms_gateway()
        sent = 0
        while tried := send_due(now=clock.now(), gateway=gateway):
            sent += tried
        click.echo(f"{sent} messages tried")

    @app.cli.command("worker")
    def worker() -> None:
        """Send what is due, every second, until SIGTERM; in pauses ask for routes, forget what has ended."""
        gateway, routes = _sms_gateway(), Routes(_routing_gateway())
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_caught: stop.set())
        tidied_at, jobs_at = clock.now() - TIDY_EVERY, clock.now() - JOBS_EVERY
        while not stop.is_set():
            try:
                if tidied_at <= clock.now() - TIDY_EVERY:
                    tidied_at = clock.now()
                    _tidy()
                    with transaction():
                        apply_capacity_rule(today=clock.today(), actor=SYSTEM)
                if jobs_at <= clock.now() - JOBS_EVERY:
                    jobs_at = clock.now()
                    _run_hold_jobs()
                busy = send_due(now=clock.now(), gateway=gateway) > 0 or routes.turn()
            except (SQLAlchemyError, Busy) as error:
                log.warning("worker: %s, trying again", type(error).__name__)
                busy = False
                stop.wait(5)
            finally:
                # Each tick starts on a fresh connection check and holds none while it waits.
                db.session.remove()
            if not busy:
                stop.wait(1)

    @app.cli.command("hold-jobs")
    def hold_jobs() -> None:
        """Remind, hand silence to clerks, sweep expired holds; the worker does it every minute."""
        _run_hold_jobs()

    @app.cli.command("load-places")
    def load_places_command() -> None:
        """Load the district's streets and villages; may be run again, moved villages stay where they are."""
        with transaction():
            loaded = load_places()
        click.echo(
            f"{loaded.streets} streets, {loaded.villages} villages, {loaded.other_units} other units loaded"
        )

    @app.cli.command("apply-capacity-rule")
    def apply_capacity_rule_command() -> None:
        """Bring rooms in line with the capacity rule in force; the worker does it too. Run again: nothing."""
        with transaction():
            changed = apply_capacity_rule(today=clock.today(), actor=SYSTEM)
        click.echo(f"{changed} rooms changed")

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

    @app.cli.command("occupancy-refresh")
    @click.option("--all", "everything", is_flag=True, help="Rebuild every stored day from the rows.")
    def occupancy_refresh(everything: bool) -> None:
        """Store the occupancy of past days that are missing or changed; figures are the same without it."""
        today, written = clock.today(), 0
        first_day = today - timedelta(days=KEPT_DAYS) if everything else None
        for street in streets():
            with transaction():
                codes = village_codes_in(street.code)
                written += refresh_days(codes=codes, today=today, first_day=first_day)
        click.echo(f"{written:,} village days stored")

    @app.cli.command("demo")
    @click.option(
        "--scale",
        type=click.FloatRange(0, 10, min_open=True),
        default=0.01,
        show_default=True,
        help="1 is the full district, 10 is ten of them beside each other.",
    )
    @click.option("--seed", type=int, default=2026, show_default=True)
    @click.option("--if-empty", is_flag=True, help="Do nothing, and say nothing, if households are there.")
    def demo(scale: float, seed: int, if_empty: bool) -> None:
        """Build an invented district in an empty database; the same seed and day build the same one."""
        if settings().production:
            raise click.ClickException("an invented district has no place in production")
        if not is_empty():
            if if_empty:
                return
            raise click.ClickException("there are households already: the demo is built in an empty database")
        click.echo(f"Building the demo district, scale {scale:g}, seed {seed}")
        build_district(
            scale=scale,
            seed=seed,
            today=clock.today(),
            owner_url=settings().database_owner_url,
            say=lambda line: click.echo(f"  {line}"),
        )
        with transaction():
            put_in_the_air(
                rng=Random(seed),  # noqa: S311
                today=clock.today(),
                now=clock.now(),
                instance_path=settings().instance_path,
            )
        if scale <= PICTURED_SCALE:
            with transaction():
                pictures = hang_pictures(rng=Random(seed))  # noqa: S311
            click.echo(f"  {pictures} pictures drawn")
        _say_logins()

    @app.cli.command("demo-logins")
    def demo_logins() -> None:
        """Print who can sign in to the demo, with the code of this half minute for offices."""
        _say_logins()

    @app.cli.command("check-invariants")
    def check_invariants() -> None:
        """Run every check of tests/invariants.sql; exits with 1 and the rows if one does not hold."""
        broken = broken_invariants(db.session.connection(), now=clock.now())
        for rule in broken:
            click.echo(f"BROKEN  {rule.name}")
            for row in rule.rows:
                click.echo(f"        {row}")
        click.echo(f"{len(read_checks())} checks, {len(broken)} broken")
        if broken:
            raise SystemExit(1)


def _say_logins() -> None:
    for login in logins(instance_path=settings().instance_path, now=clock.now()):
        code = f"  code {login.code} (changes every 30 s)" if login.code else ""
        click.echo(f"  {login.role.value:<17} {login.phone}  {login.password}{code}")


def _say_issued(issued: Issued) -> str:
    return f"{issued.bills:,} bills, {issued.lines:,} lines, {format_money(issued.amount_fen)}"
