"""One world for all access tests of a worker, and requests in it that leave nothing behind."""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

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
from tests import promises, run_folder
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
_NOT_COMPARED = {"audit_event", "throttle", "user_session", "occupancy_day"}


def matrix() -> list[dict[str, str]]:
    """The rows of matrix.csv."""
    with MATRIX.open(newline="") as lines:
        return list(csv.DictReader(lines))


@dataclass(eq=False)
class Site:
    """The application over the world. Each visit is undone when it ends."""

    app: Flask
    world: World
    connection: Connection
    cookies: dict[str, str]
    token: str
    writes: promises.Writes
    checksums: dict[str, str]
    """table → a number of all its rows when nobody is there."""

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

    def open(self, role: str, method: str, url: str, data: Any = None, **options: Any) -> TestResponse:
        """A visit of one request."""
        with self.visit(role, url) as visit:
            return visit.open(method, url, data, **options)

    @contextmanager
    def visit(self, role: str, url: str = "") -> Iterator["Visit"]:
        """Requests of one person that build on each other; what they wrote is undone at the end."""
        point = self.connection.begin_nested()
        self.writes.tables.clear()
        client: FlaskClient = self.app.test_client()
        client.set_cookie("qiantang", self._cookie(role, url))
        try:
            yield Visit(self, role, client, self.checksums)
        finally:
            # A request may leave savepoints of its own open inside: they would pile up.
            while (inner := self.connection.get_nested_transaction()) not in (point, None):
                inner.rollback()
            point.rollback()

    def _cookie(self, role: str, url: str) -> str:
        if "/import-village/" in url and role == "clerk":
            return self._sign({"_user_id": self.world.tokens[role], **self._upload()})
        return self.cookies[role] if role in self.cookies else self._sign({})

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


@dataclass
class Visit:
    """One person with a browser."""

    site: Site
    role: str
    client: FlaskClient
    before: dict[str, str]

    def open(
        self,
        method: str,
        url: str,
        data: Any = None,
        *,
        csrf: bool = True,
        locale: str | None = None,
        headers: Any = None,
    ) -> TestResponse:
        """One request; an unsafe one carries the token of the pages. A file is (bytes, its name)."""
        if locale:
            self.client.set_cookie("locale", locale)
        options: dict[str, Any] = {"headers": headers, "buffered": True}
        if method in UNSAFE:
            options |= _body(MultiDict(data or {}), self.site.token if csrf else None)
        answer = self.client.open(url, method=method, **options)
        promises.assert_kept_after(self.site.writes)
        return answer

    def start_here(self) -> None:
        """From now on ``written`` and ``changed`` mean: since this moment."""
        self.before = checksums(self.site.connection, self.before)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Requests that are undone by themselves, within the visit; the browser forgets them too."""
        point, cookie = self.site.connection.begin_nested(), self.client.get_cookie("qiantang")
        self.site.writes.tables.clear()
        try:
            yield
        finally:
            point.rollback()
            self.client.set_cookie("qiantang", cookie.value if cookie else "")

    def written(self) -> list[str]:
        """Tables whose rows are not what they were before the visit."""
        touched = self.site.writes.tables & self.before.keys()
        now = checksums(self.site.connection, touched)
        return sorted(table for table in touched if now[table] != self.before[table])

    def changed(self) -> list[str]:
        """The same without those that a refused request may write."""
        return [table for table in self.written() if table not in _NOT_COMPARED]


def _body(data: MultiDict[str, Any], token: str | None) -> dict[str, Any]:
    """A form as a browser sends it: with files in parts, else as one line that may hold any bytes."""
    if token:
        data.setdefault("csrf_token", token)
    pairs = list(data.items(multi=True))
    if any(isinstance(value, tuple) for _name, value in pairs):
        as_files = [(n, (io.BytesIO(v[0]), v[1]) if isinstance(v, tuple) else v) for n, v in pairs]
        return {"data": MultiDict(as_files), "content_type": "multipart/form-data"}
    line = urlencode(pairs, errors="surrogatepass")
    return {"data": line, "content_type": "application/x-www-form-urlencoded"}


def checksums(connection: Connection, tables: Iterable[str]) -> dict[str, str]:
    """table → a number of all its rows."""
    parts = [
        f"SELECT '{name}', coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {name} AS t"
        for name in sorted(tables)
    ]
    return dict(connection.execute(text(" UNION ALL ".join(parts))).all()) if parts else {}


def sign_all(app: Flask, world: World) -> tuple[dict[str, str], str]:
    """Session cookies of all roles, and the token that fits them."""
    site = Site(app, world, None, {}, "", None, {})  # type: ignore[arg-type]
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
        promises.assert_kept(connection)
        writes, numbers = promises.Writes(connection), checksums(connection, db.metadata.tables)
        yield Site(app, world, connection, cookies, token, writes, numbers)
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
