"""Taking a block: our service with its hold, audit, messages and outbox, against lock and one INSERT."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg

from bench import bare
from bench.district import TODAY, District
from bench.measure import Result, interleaved
from bench.people import person
from qiantang_nest.accounts.rules import Role
from qiantang_nest.bookings.rules import Area, Ask, OnRefusal, Times
from qiantang_nest.bookings.services.hold_rooms import hold_rooms
from qiantang_nest.core import clock
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.period import Period
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.geography.rules import LatLon

PERIOD = Period(TODAY + timedelta(days=300), TODAY + timedelta(days=482))
"""So far ahead that four rooms of five are free."""
SIZES = {10: (5.0, 60), 100: (3.0, 30), 500: (3.0, 15)}
"""Rooms → target and rounds."""

Connection = psycopg.Connection[tuple[Any, ...]]

_FREE_BY_VILLAGE = f"""
SELECT v.code, count(*)
FROM village AS v
JOIN room AS r ON r.village_code = v.code
JOIN house AS h ON h.id = r.house_id
JOIN listing AS l ON l.room_id = r.id
WHERE {bare.TAKEABLE}
GROUP BY v.code
ORDER BY point(v.lon, v.lat) <-> (SELECT point(lon, lat) FROM worksite ORDER BY enterprise_id LIMIT 1)
"""


class Undo:
    """Takes back every hold and claim made since: as the owner, since the application never deletes them."""

    _TABLES = ("hold_room", "hold", "room_claim", "outbox", "message")

    def __init__(self, owner: Connection) -> None:
        self._owner = owner
        self._last = {
            table: owner.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchall()[0][0]
            for table in self._TABLES
        }

    def __call__(self) -> None:
        for table, last in self._last.items():
            self._owner.execute(f"DELETE FROM {table} WHERE id > %s", [last])


def binds() -> dict[str, Any]:
    """The period and the instant as the bare statements take them."""
    return {"starts_on": PERIOD.starts_on, "ends_on": PERIOD.ends_on, "now": clock.now()}


def first_gate(connection: Connection) -> tuple[int, LatLon]:
    """The first employer, who stands in the first zone at any scale, and its gate."""
    row = connection.execute(
        "SELECT enterprise_id, lat, lon FROM worksite ORDER BY enterprise_id LIMIT 1"
    ).fetchall()[0]
    return row[0], LatLon(row[1], row[2])


def villages_with(connection: Connection, rooms: int) -> list[str]:
    """The villages nearest to the first gate that have at least so many free rooms between them."""
    found: list[str] = []
    free = 0
    for code, count in connection.execute(_FREE_BY_VILLAGE, binds()):
        found.append(code)
        free += count
        if free >= rooms:
            return found
    raise RuntimeError(f"only {free} rooms are free in the whole district: {rooms} are needed")


def take(connection: Connection, villages: list[str], gate: LatLon, rooms: int) -> int:
    """The bare transaction: the lock in a statement of its own, then the rooms; returns how many it took."""
    wanted = {**binds(), **bare.point(gate), "villages": villages, "rooms": rooms}
    with connection.transaction():
        connection.execute(bare.LOCK, {"keys": sorted(int(code) for code in villages)})
        done = connection.execute(bare.TAKE, wanted)
        if done.rowcount < rooms:
            raise psycopg.Rollback
    return done.rowcount


def measure_holds(district: District) -> Iterator[Result]:
    """Blocks of 10, 100 and 500 rooms out of about 600 free ones, in villages that are mostly free."""
    with (
        psycopg.connect(district.app_url, autocommit=True) as connection,
        psycopg.connect(district.owner_url, autocommit=True) as owner,
    ):
        villages = villages_with(connection, 600)
        firm, gate = first_gate(connection)
        actor = person(district.app, Role.EMPLOYER_STAFF, str(firm)).actor
        area = Area(gate, tuple(villages))

        def hold(rooms: int) -> None:
            with transaction():
                hold_rooms(
                    enterprise=db.session.get_one(Enterprise, firm),
                    ask=Ask(area, rooms=rooms),
                    period=PERIOD,
                    on_refusal=OnRefusal.REPLACE,
                    worksite=None,
                    request_key=uuid.uuid4(),
                    shown_rent_fen=None,
                    times=Times(),
                    actor=actor,
                    now=clock.now(),
                )

        def take_bare(rooms: int) -> None:
            assert take(connection, villages, gate, rooms) == rooms

        for rooms, (target, rounds) in SIZES.items():
            with district.app.app_context():
                ours_ms, bare_ms = interleaved(
                    lambda rooms=rooms: hold(rooms),  # type: ignore[misc]
                    lambda rooms=rooms: take_bare(rooms),  # type: ignore[misc]
                    rounds=rounds,
                    after_each=Undo(owner),
                )
            owner.execute("VACUUM room_claim")
            yield Result(f"hold-{rooms}", district.scale, ours_ms, bare_ms, target)
