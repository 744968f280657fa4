"""The districts that are measured: an embedded server of their own, one migrated, filled database a scale.

Everything lies in one temporary folder and goes away afterwards, unless KEEP=1: then the folder stays, and
the next run finds its districts ready as long as neither schema nor demo has changed.
"""

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path

import flask_migrate
from flask import Flask

from config import Config
from qiantang_nest.app import create_app
from qiantang_nest.core import clock
from qiantang_nest.core.db import db
from qiantang_nest.core.postgres_server import OWNER_ROLE, SUPERUSER, Server, ensure_running
from qiantang_nest.demo.district import build_district

ROOT = Path(__file__).resolve().parent.parent
SEED = 330114
CLOCK_START = "2026-11-23T09:00:00+08:00"
"""Every run lives on the same day, so that runs of different months compare."""
TODAY = date(2026, 11, 23)
SETTINGS = {"shared_buffers": "1GB", "max_connections": "150"}


@dataclass(frozen=True)
class District:
    """A filled database of one scale. ``variables`` start another process of the application on it."""

    scale: float
    app: Flask
    variables: dict[str, str]
    app_url: str
    owner_url: str
    superuser_url: str


@contextlib.contextmanager
def running_server(*, keep: bool) -> Iterator[tuple[Server, Path]]:
    """The server and the folder it lies in; both go at the end unless they are to be kept."""
    if keep:
        folder = Path(tempfile.gettempdir()) / f"qiantang-bench-kept-{os.geteuid()}"
        folder.mkdir(exist_ok=True)
    else:
        folder = Path(tempfile.mkdtemp(prefix="qiantang-bench-"))
    folder.chmod(0o711)  # as root, the database's own user must be able to pass through
    server = ensure_running(folder / "postgres", settings=SETTINGS)
    try:
        yield server, folder
    finally:
        server.stop()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def district(server: Server, folder: Path, scale: float) -> Iterator[District]:
    """The district of a scale, built if it is not there."""
    name = f"bench_{scale:g}".replace(".", "_")
    variables = {
        "DATABASE_URL": server.url(name),
        "DATABASE_OWNER_URL": server.url(name, OWNER_ROLE),
        "INSTANCE_PATH": str(folder / name),
        "CLOCK_START": CLOCK_START,
    }
    mark = folder / f"{name}.json"
    wanted = json.dumps({"scale": scale, "seed": SEED, "today": TODAY.isoformat(), "code": _code_digest()})
    fresh = not mark.exists() or mark.read_text() != wanted
    if fresh:
        mark.unlink(missing_ok=True)
        server.drop_database(name)
        server.create_database(name)
    app = create_app(Config.from_env(variables))
    if fresh:
        began = time.monotonic()
        with app.app_context():
            flask_migrate.upgrade(directory=str(ROOT / "migrations"))
            with clock.frozen_at(Config.from_env(variables).clock_start or clock.now()):
                build_district(
                    scale=scale,
                    seed=SEED,
                    today=TODAY,
                    owner_url=app.extensions["settings"].database_owner_url,
                    say=say,
                )
        _settle(server, name)
        print(f"  built in {time.monotonic() - began:.0f} s", flush=True)
        mark.write_text(wanted)
    try:
        yield District(
            scale, app, variables, server.url(name), server.url(name, OWNER_ROLE), server.url(name, SUPERUSER)
        )
    finally:
        with app.app_context():
            for engine in db.engines.values():
                engine.dispose()


def _settle(server: Server, name: str) -> None:
    """Checks that hold on, so rooms may be held a year ahead, and what autovacuum would do in an hour."""
    # Without triggers: they would mark the stored occupancy as changed, which today's page would work off.
    server.sql(f"SET session_replication_role = replica; {_LONG_SAFE}", name)
    server.sql("VACUUM (ANALYZE)", name)
    server.sql("CHECKPOINT", name)


_LONG_SAFE = f"UPDATE house SET safe_until = date '{TODAY}' + 1000 WHERE safe_until > date '{TODAY}';"


def _code_digest() -> str:
    """Of everything that decides what a built district looks like."""
    found = sha256()
    for folder in ("migrations/versions", "qiantang_nest/demo", "qiantang_nest/billing/services"):
        for file in sorted((ROOT / folder).glob("*.py")):
            found.update(file.read_bytes())
    return found.hexdigest()[:16]


def say(line: str) -> None:
    """A line of progress."""
    print("  " + line, flush=True)
