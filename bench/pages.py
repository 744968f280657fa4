"""A page's server time against its SQL by hand plus the rendering of the same template with the same context.

Ours is the whole of what the server does for one GET, called as gunicorn calls it, so the network has no
part in it: session, person, form, queries, rows, template, headers.
"""

import contextvars
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from flask import Flask, template_rendered
from jinja2 import Template
from werkzeug.test import EnvironBuilder, run_wsgi_app

from bench import bare
from bench.board import board_rows
from bench.district import TODAY, District
from bench.holds import first_gate
from bench.measure import Result, interleaved
from bench.people import person
from qiantang_nest.accounts.rules import Role
from qiantang_nest.bookings.queries.rooms import count_by_village
from qiantang_nest.bookings.rules import DEFAULT_REACH_M, Wants
from qiantang_nest.bookings.rules import Area as SearchArea
from qiantang_nest.core import clock
from qiantang_nest.core.db import db
from qiantang_nest.geography.rules import DEFAULT_COMMUTE, LatLon, TravelMode, reach_m
from qiantang_nest.reports.queries.occupancy import Area, counts_by_village, trend_by_month
from qiantang_nest.reports.rules import first_of_trend

STREET = "330114003"
STARTS_ON, LAST_ON = TODAY + timedelta(days=8), TODAY + timedelta(days=189)
METRES_PER_UNIT = 111_200
ROUNDS = 40
TARGET = 2.0

Connection = psycopg.Connection[tuple[Any, ...]]
Ask = Callable[[], Any]
Times = tuple[float, float]


def measure_pages(district: District) -> Iterator[Result]:
    """Every read of the table, one after the other."""
    with psycopg.connect(district.app_url, autocommit=True) as connection:
        for name, measure in _CASES.items():
            times = measure(district.app, connection)
            if times is not None:
                yield Result(name, district.scale, *times, TARGET)


def _search(app: Flask, connection: Connection) -> Times:
    """An employer looks for half a year: the nearest rooms, the villages around and their counts, the map."""
    enterprise, near = first_gate(connection)
    binds = _binds(near)
    cookie = person(app, Role.EMPLOYER_STAFF, str(enterprise)).cookie
    with _page(app, f"/rooms?starts_on={STARTS_ON}&last_on={LAST_ON}", cookie) as page:
        question, around = page.context["question"], page.context["around"]
        counted = [village.code for village in question.villages[around.first : around.upto]]

        def ask() -> list[int]:
            connection.execute(bare.WORKSITES, {"enterprise": enterprise}).fetchall()
            connection.execute(bare.VILLAGES).fetchall()
            connection.execute(bare.COUNTS, {**binds, "villages": counted}).fetchall()
            return [row[0] for row in connection.execute(bare.NEAREST_ROOMS, binds)]

        shown = [line.room.id for line in page.context["lines"]]
        assert len(shown) == 20
        assert shown == ask()[:20], "both ways find the same rooms"
        return page.against(ask)


def _commute(app: Flask, connection: Connection) -> Times:
    """The same within a quarter of an hour of the gate by e-bike, the fewest minutes first."""
    enterprise, binds = _gate_with_rooms(connection, reach_m(15, TravelMode.EBIKE, DEFAULT_COMMUTE))
    cookie = person(app, Role.EMPLOYER_STAFF, str(enterprise)).cookie
    path = f"/rooms?within=15&unit=ebike&starts_on={STARTS_ON}&last_on={LAST_ON}"
    with _page(app, path, cookie) as page:
        question, around = page.context["question"], page.context["around"]
        counted = [village.code for village in question.villages[around.first : around.upto]]

        def ask() -> list[int]:
            connection.execute(bare.WORKSITES, {"enterprise": enterprise}).fetchall()
            connection.execute(bare.COMMUTE_RULE, {"day": TODAY}).fetchall()
            connection.execute(bare.VILLAGES).fetchall()
            connection.execute(bare.COUNTS, {**binds, "villages": counted}).fetchall()
            return [row[0] for row in connection.execute(bare.NEAREST_ROOMS, binds)]

        lines = page.context["lines"]
        minutes = [line.way.minutes for line in lines]
        assert minutes == sorted(minutes)
        assert minutes[-1] <= 15
        assert [line.room.id for line in lines] == ask()[:20], "both ways find the same rooms"
        return page.against(ask)


def _village_counts(app: Flask, connection: Connection) -> Times:
    """Free rooms, beds and lowest rent of each of the district's 59 villages."""
    _enterprise, near = first_gate(connection)
    villages = _official_villages(connection)
    binds = {**_binds(near), "villages": villages}
    area, days = SearchArea(near, (), DEFAULT_REACH_M), {"starts_on": STARTS_ON, "ends_on": binds["ends_on"]}

    def count() -> dict[str, int]:
        found = count_by_village(villages, area, Wants(), **days, now=clock.now())
        db.session.rollback()
        return {code: line.rooms for code, line in found.items()}

    def ask() -> dict[str, int]:
        return {row[0]: row[1] for row in connection.execute(bare.COUNTS, binds)}

    with app.app_context():
        assert count() == ask()
        return interleaved(count, ask, rounds=ROUNDS)


def _occupancy(scope: str) -> Callable[[Flask, Connection], Times]:
    """An officer's page of today: table, map, trend of twelve months."""

    def measure(app: Flask, connection: Connection) -> Times:
        role = Role.DISTRICT_OFFICER if len(scope) == 6 else Role.STREET_OFFICER
        with _page(app, "/occupancy", person(app, role, scope).cookie) as page:
            villages = [village.code for village in page.context["asked"].villages]
            binds = _occupancy_binds(villages)

            def ask() -> int:
                connection.execute(bare.VILLAGES).fetchall()
                connection.execute(bare.OCCUPANCY_YEAR, binds).fetchall()
                rows = connection.execute(bare.OCCUPANCY_DAY, binds).fetchall()
                return sum(row[1] for row in rows)

            assert page.context["total"].registered == ask() > 0
            return page.against(ask)

    return measure


def _occupancy_year(app: Flask, connection: Connection) -> Times:
    """The rates of twelve months up to today, over 59 villages."""
    villages = _official_villages(connection)
    binds = _occupancy_binds(villages)

    def trend() -> int:
        counts = counts_by_village(Area(tuple(villages)), TODAY, clock.now())
        months = trend_by_month(villages, binds["first_day"], TODAY, known=counts)
        db.session.rollback()
        return len(months)

    def ask() -> int:
        connection.execute(bare.OCCUPANCY_DAY, binds).fetchall()
        return len(connection.execute(bare.OCCUPANCY_YEAR, binds).fetchall())

    with app.app_context():
        assert trend() == ask()
        return interleaved(trend, ask, rounds=ROUNDS)


def _board(app: Flask, connection: Connection) -> Times | None:
    """A clerk's room board: groups, 400 rooms, 62 days; a tenth of a district has no village of that size."""
    rows = board_rows(connection)
    if rows is None:
        return None
    with _page(app, rows.path, person(app, Role.VILLAGE_CLERK, rows.village).cookie) as page:
        rooms = [room for house in page.context["houses"] for room in house.rooms]
        claims = sum(bar.look not in ("idle", "unlisted") for room in rooms for bar in room.bars)
        assert (len(rooms), claims) == rows.ask(connection), "both ways show the same rooms and claims"
        return page.against(lambda: rows.ask(connection))


_CASES: dict[str, Callable[[Flask, Connection], Times | None]] = {
    "search": _search,
    "commute": _commute,
    "village-counts": _village_counts,
    "occupancy": _occupancy("330114"),
    "occupancy-street": _occupancy(STREET),
    "occupancy-year": _occupancy_year,
    "board": _board,
}


def _gate_with_rooms(connection: Connection, reach_m: float) -> tuple[int, dict[str, Any]]:
    """The first employer with a page of free rooms so near to its gate, and what to bind to look for them."""
    for enterprise, near in _firms(connection):
        binds = {**_binds(near), "reach": reach_m / METRES_PER_UNIT}
        if len(connection.execute(bare.NEAREST_ROOMS, binds).fetchall()) > 20:
            return enterprise, binds
    raise AssertionError("no gate has a page of free rooms near it")


def _firms(connection: Connection) -> list[tuple[int, LatLon]]:
    rows = connection.execute("SELECT enterprise_id, lat, lon FROM worksite ORDER BY enterprise_id")
    return [(row[0], LatLon(row[1], row[2])) for row in rows]


def _official_villages(connection: Connection) -> list[str]:
    rows = connection.execute("SELECT code FROM village WHERE street_code <= '330114007' ORDER BY code")
    return [row[0] for row in rows]


def _binds(near: LatLon) -> dict[str, Any]:
    return {
        "starts_on": STARTS_ON,
        "ends_on": LAST_ON + timedelta(days=1),
        "now": clock.now(),
        **bare.point(near),
        "reach": DEFAULT_REACH_M / METRES_PER_UNIT,
    }


def _occupancy_binds(villages: list[str]) -> dict[str, Any]:
    return {"villages": villages, "day": TODAY, "now": clock.now(), "first_day": first_of_trend(TODAY)}


# --- one page, kept open --------------------------------------------------------------------------


@dataclass
class _Page:
    """A page as it was answered once: its template and context, and the request they belong to."""

    app: Flask
    environ: dict[str, Any]
    request: contextvars.Context
    template: Template
    context: dict[str, Any]

    def against(self, ask: Ask) -> Times:
        """Medians of serving it anew, and of asking by hand and rendering it."""

        def by_hand() -> None:
            ask()
            self.request.run(self.template.render, self.context)

        return interleaved(self.serve, by_hand, rounds=ROUNDS)

    def serve(self) -> None:
        """One request through the whole application."""
        environ = {**self.environ, "wsgi.input": io.BytesIO()}
        _body, status, _headers = run_wsgi_app(self.app, environ, buffered=True)
        assert status == "200 OK", status


@contextmanager
def _page(app: Flask, path: str, cookie: str) -> Iterator[_Page]:
    """Ask for a page and keep its request open in a context of its own, so that templates can be rendered."""
    drawn: list[tuple[Template, dict[str, Any]]] = []
    client = app.test_client(use_cookies=False)
    request = contextvars.copy_context()

    def note(_sender: Flask, template: Template, context: dict[str, Any], **_rest: Any) -> None:
        drawn.append((template, context))

    def open_request() -> None:
        client.__enter__()
        with template_rendered.connected_to(note, app):
            answer = client.get(path, headers={"Cookie": cookie})
        assert answer.status_code == 200, f"{path}: {answer.status}"

    request.run(open_request)
    template, context = drawn[-1]
    environ = EnvironBuilder(path, headers=[("Cookie", cookie)]).get_environ()
    try:
        yield _Page(app, environ, request, template, context)
    finally:
        request.run(client.__exit__, None, None, None)
