"""The demo district is true: it keeps every promise the real one keeps, and looks like the trade."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from flask import Flask
from sqlalchemy import inspect, text

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.crypto import SealedText
from qiantang_nest.core.db import Base, db
from qiantang_nest.core.invariants import broken_invariants
from qiantang_nest.demo.district import build_district
from qiantang_nest.demo.supply import CLERK_VILLAGE
from qiantang_nest.demo.today import put_in_the_air
from qiantang_nest.reports.queries.board import STATES, Place, Wanted, board
from tests.conftest import make_app
from tests.factories import NOW, TODAY
from tests.run_folder import TestDatabase, cloned_database

SCALE, SEED = 0.005, 7

_RULES = (
    "SELECT concat(conname, pg_get_constraintdef(oid), convalidated) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace"
    " UNION ALL SELECT concat(tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal"
    " ORDER BY 1"
)


@pytest.fixture(scope="module")
def built(template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Flask]]:
    """The same district built twice, in two databases."""
    with (
        cloned_database(f"demo_{uuid.uuid4().hex}", template_database) as first,
        cloned_database(f"demo_{uuid.uuid4().hex}", template_database) as second,
    ):
        apps = _build(first, tmp_path_factory), _build(second, tmp_path_factory)
        yield apps
        for app in apps:
            with app.app_context():
                db.engine.dispose()


@pytest.fixture
def demo(built: tuple[Flask, Flask]) -> Iterator[Flask]:
    with built[0].app_context():
        yield built[0]


def _build(database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    app = make_app(database, tmp_path_factory.mktemp("demo"))
    with app.app_context():
        rules = db.session.execute(text(_RULES)).scalars().all()
        build_district(scale=SCALE, seed=SEED, today=TODAY, owner_url=_owner_url(app), say=lambda _line: None)
        assert db.session.execute(text(_RULES)).scalars().all() == rules, "every rule stayed in force"
        db.session.rollback()
    return app


def _owner_url(app: Flask) -> str:
    return str(app.extensions["settings"].database_owner_url)


def _count(sql: str, **values: object) -> int:
    return int(db.session.execute(text(sql), values).scalar_one())


def test_every_promise_holds(demo: Flask) -> None:
    assert broken_invariants(db.session.connection(), now=NOW) == []


def test_all_villages_have_rooms_and_most_tables_have_rows(demo: Flask) -> None:
    assert _count("SELECT count(DISTINCT village_code) FROM room") == 59
    for table in ("listing", "hazard", "inspection", "stay", "registration", "bill", "payment", "receipt"):
        assert _count(f"SELECT count(*) FROM {table}") > 0, table
    assert _count("SELECT count(*) FROM bill WHERE paid_fen < amount_fen AND due_on < :day", day=TODAY) > 0
    assert _count("SELECT count(*) FROM room_claim WHERE starts_on > :day", day=TODAY) > 0


def test_the_board_of_the_clerks_village_shows_everything_once(demo: Flask, tmp_path: Path) -> None:
    put_in_the_air(rng=Random(1), today=TODAY, now=NOW, instance_path=tmp_path)
    clerk = Actor(1, Role.VILLAGE_CLERK, CLERK_VILLAGE)

    def rooms(state: str) -> int:
        found = board(clerk, Wanted(state=state), Place(500), first=TODAY, days=31, today=TODAY, now=NOW)
        return sum(len(house.rooms) for house in found.houses)

    missing = {state for state in STATES if not rooms(state)}
    broken = broken_invariants(db.session.connection(), now=NOW)
    db.session.rollback()
    assert missing == set()
    assert broken == []


def test_blocks_follow_the_season(demo: Flask) -> None:
    """Few begin in the four weeks before the Spring Festival of 2026-02-17, many in the weeks after it."""
    begun = "SELECT count(*) FROM room_claim WHERE starts_on >= :since AND starts_on < :until"
    trough = _count(begun, since="2026-01-20", until="2026-02-17")
    peak = _count(begun, since="2026-02-22", until="2026-03-22")
    assert peak > 4 * max(trough, 1)


def test_same_seed_and_day_build_the_same(built: tuple[Flask, Flask]) -> None:
    first, second = (_digests(app) for app in built)
    assert first == second
    assert len(first) > 40


def _digests(app: Flask) -> dict[str, str]:
    """Table → digest of its rows by key: sealed values opened, readings of the clock left out."""
    found = {}
    with app.app_context():
        for mapper in Base.registry.mappers:
            model = mapper.class_
            sealed = {name: it for name, it in vars(model).items() if isinstance(it, SealedText)}
            columns = [
                column
                for column in inspect(model).local_table.columns
                if not column.name.endswith("_sealed")
                and "now()" not in str(getattr(column.server_default, "arg", ""))
            ]
            digest = sha256()
            rows = db.session.execute(db.select(model).order_by(*mapper.primary_key)).scalars()
            for row in rows:
                values = [getattr(row, column.key) for column in columns]
                digest.update(repr([*values, *(getattr(row, name) for name in sealed)]).encode())
            found[model.__tablename__] = digest.hexdigest()
    return found


def test_command_builds_only_in_an_empty_database(fresh_app: Flask) -> None:
    run = fresh_app.test_cli_runner().invoke
    first = run(args=["demo", "--scale", "0.001", "--seed", "3"])
    assert first.exit_code == 0, first.output
    assert "payments recorded" in first.output
    again = run(args=["demo", "--scale", "0.001"])
    assert again.exit_code == 1
    assert "empty database" in again.output
    quiet = run(args=["demo", "--if-empty"])
    assert (quiet.exit_code, quiet.output) == (0, "")


@pytest.mark.parametrize("scale", ["0", "10.5", "viel"])
def test_command_refuses_odd_scales(fresh_app: Flask, scale: str) -> None:
    assert fresh_app.test_cli_runner().invoke(args=["demo", "--scale", scale]).exit_code == 2


def test_command_refuses_production(fresh_app: Flask) -> None:
    fresh_app.extensions["settings"] = replace(fresh_app.extensions["settings"], production=True)
    refused = fresh_app.test_cli_runner().invoke(args=["demo"])
    assert refused.exit_code == 1
    assert "production" in refused.output
