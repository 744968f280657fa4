"""One world for all access tests of a worker, and requests in it that leave nothing behind."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from pypdf import PdfReader
from sqlalchemy import Connection, text
from werkzeug.datastructures import MultiDict
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from qiantang_nest.core import clock, media
from qiantang_nest.core.db import db
from qiantang_nest.core.workbook import Column, Table, write_workbook
from tests import run_folder
from tests.access.world import World, build
from tests.conftest import make_app
from tests.factories import NOW

MATRIX = Path(__file__).with_name("matrix.csv")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
SIGNED_TEXT = "0" * 40
QUERIES = {
    "bookings.hold_rooms": {"count": "1", "area": "330114003201"},
    "occupancy.close_rooms": {"room": "{room_id}"},
    "occupancy.reopen_rooms": {"room": "{closed_room_id}"},
    "reports.occupancy_rooms": {"figure": "registered"},
}
"""What an address needs beside its path to show a page at all; names of ids are those of the side."""
_NOT_COMPARED = {"audit_event", "throttle", "user_session", "alembic_version", "occupancy_day"}


def matrix() -> list[dict[str, str]]:
    """The rows of matrix.csv."""
    with MATRIX.open(newline="") as lines:
        return list(csv.DictReader(lines))


@dataclass
class Site:
    """The application over the world. Each request is undone after it was answered."""

    app: Flask
    world: World
    connection: Connection
    cookies: dict[str, str]
    token: str

    def rules(self) -> list[Rule]:
        return sorted(self.app.url_map.iter_rules(), key=lambda rule: (rule.endpoint, rule.rule))

    def rule(self, endpoint: str) -> Rule:
        return next(iter(self.app.url_map.iter_rules(endpoint)))

    def url(self, role: str, endpoint: str, side: int = 0, **values: Any) -> str:
        """The address of an endpoint for the things of one side."""
        known = self.world.values(role, endpoint, set(self.rule(endpoint).arguments), side)
        ids = self.world.sides[side].ids
        query = {name: value.format_map(ids) for name, value in QUERIES.get(endpoint, {}).items()}
        adapter = self.app.url_map.bind("localhost")
        return adapter.build(endpoint, {**known, **query, **values})

    def open(
        self,
        role: str,
        method: str,
        url: str,
        data: Any = None,
        *,
        csrf: bool = True,
        locale: str | None = None,
        headers: Any = None,
        keep: bool = False,
    ) -> TestResponse:
        """One request of a person; its writes are undone unless ``keep``."""
        client: FlaskClient = self.app.test_client()
        if role in self.cookies:
            client.set_cookie("qiantang", self._cookie(role, url))
        if locale:
            client.set_cookie("locale", locale)
        if method in UNSAFE:
            data = MultiDict(data or {})
            if csrf:
                data.setdefault("csrf_token", self.token)
                if role == "visitor":
                    client.set_cookie("qiantang", self._sign({"csrf_token": SIGNED_TEXT}))
        point = self.connection.begin_nested()
        try:
            return client.open(url, method=method, data=data, headers=headers, buffered=True)
        finally:
            # A request may leave savepoints of its own open inside: they would pile up.
            while (inner := self.connection.get_nested_transaction()) not in (point, None):
                inner.rollback()
            if keep:
                point.commit()
            else:
                point.rollback()

    def _cookie(self, role: str, url: str) -> str:
        if "/import-village/" in url and role == "clerk":
            return self._sign({"_user_id": self.world.tokens[role], **self._upload()})
        return self.cookies[role]

    def _upload(self) -> dict[str, Any]:
        """A workbook that this clerk has just sent; a new one each time, since confirming takes it away."""
        workbook = write_workbook([Table(sheet="房源", columns=[Column("户号")], rows=[["1"]])])
        with self.app.app_context():
            name = media.store_bytes(workbook, "xlsx")
        kept = {"name": name, "file_name": "村.xlsx", "user_id": self.world.actors["clerk"].user_id}
        return {"village_import": kept}

    def _sign(self, values: dict[str, Any]) -> str:
        serializer = self.app.session_interface.get_signing_serializer(self.app)  # type: ignore[attr-defined]
        return str(serializer.dumps({"csrf_token": SIGNED_TEXT, "_fresh": True, **values}))

    def checksum(self) -> dict[str, str]:
        """table → a number of all its rows, but for those every request may write."""
        tables = [table.name for table in db.metadata.sorted_tables if table.name not in _NOT_COMPARED]
        statement = " UNION ALL ".join(
            f"SELECT '{name}', coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {name} AS t"
            for name in tables
        )
        return dict(self.connection.execute(text(statement)).all())


def sign_all(app: Flask, world: World) -> tuple[dict[str, str], str]:
    """Session cookies of all roles, and the token that fits them."""
    site = Site(app, world, None, {}, "")  # type: ignore[arg-type]
    cookies = {role: site._sign({"_user_id": token}) for role, token in world.tokens.items()}
    serializer = URLSafeTimedSerializer(app.secret_key or "", salt="wtf-csrf-token")
    return cookies, str(serializer.dumps(SIGNED_TEXT))


@pytest.fixture(scope="session")
def shared_site(template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The world, committed once a worker into a database of its own."""
    name = f"access_{tmp_path_factory.getbasetemp().name.replace('-', '_')}"
    with run_folder.cloned_database(name, template_database) as database:
        app = make_app(database, tmp_path_factory.mktemp("access"))
        with clock.frozen_at(NOW):  # no longer: the worker goes on to tests of other folders
            world = build(app)
        with app.app_context():
            engine = db.engines[None]
            connection = engine.connect()
            outer = connection.begin()
            # It stays open while the worker runs the tests of other folders.
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            db.engines[None] = connection  # type: ignore[assignment]
        cookies, token = sign_all(app, world)
        yield Site(app, world, connection, cookies, token)
        outer.rollback()
        connection.close()
        with app.app_context():
            db.engines[None] = engine
            engine.dispose()


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    """The shared world on the day it was made for."""
    with clock.frozen_at(NOW):
        yield shared_site


def everything_in(answer: TestResponse) -> str:
    """All text an answer holds: headers, body, and what is inside of workbooks and PDFs."""
    kind = answer.mimetype
    parts = [str(answer.headers)]
    if kind == "application/pdf":
        parts += [page.extract_text() for page in PdfReader(io.BytesIO(answer.data)).pages]
    elif "spreadsheetml" in kind:
        with zipfile.ZipFile(io.BytesIO(answer.data)) as files:
            parts += [files.read(name).decode("utf-8", "replace") for name in files.namelist()]
    elif kind.startswith(("text/", "application/json", "application/geo+json")):
        parts.append(answer.text)
    return "\n".join(parts)


_VARYING = re.compile(
    r'[0-9a-f]{16}(?=</span>)|name="csrf-token" content="[^"]*"|name="csrf_token"[^>]*|next=[^"&]*'
)


def plain(answer: TestResponse) -> str:
    """The body without what differs between any two requests: request id, token, the address asked for."""
    return _VARYING.sub("", answer.text)
