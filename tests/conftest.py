"""Fixtures for every test: see tests/README.md for which kind of test uses which."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select

from config import Config
from qiantang_nest.accounts.models import RoleGrant, User
from qiantang_nest.accounts.services import start_session
from qiantang_nest.app import create_app
from qiantang_nest.core import clock
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from tests import promises, run_folder, socket_guard
from tests.factories import NOW
from tests.run_folder import TestDatabase
from tools.translations import compile_catalogues

ROOT = Path(__file__).resolve().parent.parent

_RUN = pytest.StashKey[tuple[Path, int]]()


def pytest_configure(config: pytest.Config) -> None:
    socket_guard.install()
    if not hasattr(config, "workerinput"):
        compile_catalogues()
        config.stash[_RUN] = run_folder.open_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if _RUN in config.stash:
        run_folder.close_run(*config.stash[_RUN])


def make_app(database: TestDatabase, instance: Path) -> Flask:
    """The application on a test database."""
    app = create_app(
        Config.for_tests(
            database_url=database.app_url, owner_database_url=database.owner_url, instance_path=instance
        )
    )
    app.test_client_class = IsolatedClient
    return app


class IsolatedClient(FlaskClient):
    """Each request gets an application context of its own, as in production.

    Flask reuses a context that is already open, so a test that holds one would share `g` between requests:
    whoever signed in first would stay signed in.
    """

    def open(self, *args: Any, **kwargs: Any) -> Any:
        with self.application.app_context():
            answer = super().open(*args, **kwargs)
        for name, value in answer.headers:
            assert value.isascii(), f"a web server refuses to send {name}: {value}"
        return answer


@pytest.fixture(scope="session")
def template_database() -> str:
    """The name of the migrated database that all others are cloned from. Nobody connects to it."""
    running = run_folder.server()
    with run_folder.locked("migrate") as done:
        if not done.exists():
            instance = run_folder.run_folder() / "instance"
            instance.mkdir(exist_ok=True)
            migrate(TestDatabase(running, run_folder.DATABASE), instance)
            done.touch()
    return run_folder.DATABASE


def migrate(database: TestDatabase, instance: Path, revision: str = "head") -> None:
    """Bring a database to a revision as `flask db upgrade` does."""
    with make_app(database, instance).app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"), revision=revision)


@pytest.fixture(scope="session")
def worker_database(template_database: str) -> Iterator[TestDatabase]:
    """This worker's own database, into which nothing is ever committed."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with run_folder.cloned_database(f"test_{worker}", template_database) as database:
        yield database


@pytest.fixture(scope="session")
def app(worker_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application on this worker's database."""
    app = make_app(worker_database, tmp_path_factory.mktemp("instance"))
    yield app
    _dispose(app)


@pytest.fixture
def db_session(app: Flask, request: pytest.FixtureRequest) -> Iterator[Any]:
    """`db.session` inside a transaction that is rolled back after the test.

    Code under test may commit and roll back freely: it ends savepoints only. An application context is open
    during the test; each request of `client` has its own, on the same connection, so commit before a request
    and expire after it. A test that wrote fails if it leaves something behind that must never be false.
    """
    with app.app_context():
        engine = db.engines[None]
        connection = engine.connect()
        outer = connection.begin()
        db.engines[None] = connection
        writes = promises.Writes(connection)
        try:
            yield db.session
            if not promises.breaks_on_purpose(request):
                promises.assert_kept_after(writes)
        finally:
            db.session.remove()
            db.engines[None] = engine
            outer.rollback()
            connection.close()


@pytest.fixture
def client(app: Flask, db_session: Any) -> FlaskClient:
    """A visitor without a session; what its requests write is rolled back after the test."""
    return app.test_client()


@pytest.fixture
def at_now() -> Iterator[None]:
    """The clock stands at 09:00 on the day that factories live on."""
    with clock.frozen_at(NOW):
        yield


def sign_in(client: FlaskClient, actor: Actor) -> FlaskClient:
    """Let the client act as a person made by a factory, second factor passed; commits what was made."""
    now = clock.now()
    grant = db.session.execute(
        select(RoleGrant).where(
            RoleGrant.user_id == actor.user_id, RoleGrant.role == actor.role, RoleGrant.scope == actor.scope
        )
    ).scalar_one()
    token = start_session(
        user=db.session.get_one(User, actor.user_id), grant=grant, address="test", agent="test", now=now
    )
    db.session.commit()
    with client.session_transaction() as session:
        session["_user_id"] = token
        session["_fresh"] = True
    return client


@pytest.fixture
def fresh_database(template_database: str, request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    """A migrated database of the test's own: commits are real. For races, migrations and servers."""
    with run_folder.cloned_database(f"fresh_{uuid.uuid4().hex}", template_database) as database:
        yield database
        if not promises.breaks_on_purpose(request):
            promises.assert_kept_in(database)


@pytest.fixture
def fresh_app(fresh_database: TestDatabase, tmp_path: Path) -> Iterator[Flask]:
    """The application on `fresh_database`, with its real connection pool: threads may use it at once."""
    app = make_app(fresh_database, tmp_path)
    yield app
    _dispose(app)


def _dispose(app: Flask) -> None:
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


class QueryLog(list[str]):
    """The SQL statements sent while the fixture was open."""


@pytest.fixture
def query_log(db_session: Any) -> Iterator[QueryLog]:
    """Every statement sent on the test's connection: `query_log.clear()`, act, then look at its length."""
    log = QueryLog()
    connection = db_session.connection()

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        log.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    yield log
    event.remove(connection, "before_cursor_execute", note)
