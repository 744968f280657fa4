"""Sixty-four clients at once for the last rooms: whoever is refused is told the truth, and nothing is lost.

Each thread has a connection of its own and commits. The second test takes both guards away and must see
double bookings: it shows that the first one would have noticed.
"""

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from itertools import cycle

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from qiantang_nest.bookings.rules import Area, Ask, OnRefusal, Times, Wants
from qiantang_nest.bookings.services import hold_rooms as service
from qiantang_nest.bookings.services.hold_rooms import NotEnoughRooms, RoomsGone, hold_rooms
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import Busy
from qiantang_nest.core.period import Period
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.geography.rules import LatLon
from tests import factories
from tests.factories import NEIGHBOUR_VILLAGE, NOW, VILLAGE

PERIOD = Period(date(2026, 12, 1), date(2027, 6, 1))
VILLAGES = (VILLAGE, NEIGHBOUR_VILLAGE)
NEAR = LatLon(30.301, 120.462)
CLIENTS = 64

OVERLAPS = text(
    "SELECT count(*) FROM room_claim AS a JOIN room_claim AS b ON a.room_id = b.room_id AND a.id < b.id"
    " AND daterange(a.starts_on, a.ends_on) && daterange(b.starts_on, b.ends_on)"
    " WHERE a.state IN ('held', 'leased', 'closed') AND b.state IN ('held', 'leased', 'closed')"
)


@contextmanager
def many_connections(app: Flask) -> Iterator[None]:
    """As many connections as clients: the database, not the pool, has to keep them apart."""
    with app.app_context():
        usual = db.engines[None]
        db.engines[None] = create_engine(usual.url, pool_size=CLIENTS, max_overflow=0)
        try:
            yield
        finally:
            db.session.remove()
            db.engines[None].dispose()
            db.engines[None] = usual


def sellable_rooms(count: int) -> tuple[Actor, int]:
    """Rooms of many owners in two villages; the employer who wants them."""
    with transaction():
        for at in range(count // 5):
            house = factories.make_house(factories.make_owner(VILLAGES[at % 2]))
            for _room in range(5):
                factories.make_listing(factories.make_room(house))
        actor, enterprise = factories.make_employer()
        return actor, enterprise.id


def at_once(app: Flask, work: Callable[[int], str], clients: int = CLIENTS) -> Counter[str]:
    """Run ``work(number)`` in threads that start together; what it says, counted."""
    gate = threading.Barrier(clients)
    said: list[str] = []

    def client(number: int) -> None:
        with app.app_context():
            gate.wait()
            try:
                said.append(work(number))
            except Exception as error:
                said.append(f"unforeseen {type(error).__name__}: {error}")

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads)
    return Counter(said)


def take(actor: Actor, enterprise_id: int, ask: Ask, key: uuid.UUID | None = None) -> str:
    try:
        with transaction():
            hold_rooms(
                enterprise=db.session.get_one(Enterprise, enterprise_id),
                ask=ask,
                period=PERIOD,
                on_refusal=OnRefusal.DROP,
                worksite=None,
                request_key=key or uuid.uuid4(),
                shown_rent_fen=None,
                times=Times(),
                actor=actor,
                now=NOW,
            )
    except (NotEnoughRooms, RoomsGone):
        return "gone"
    except Busy:
        return "busy"
    return "held"


def held_rooms() -> tuple[int, int, int]:
    """Held claims, rooms of holds, and pairs of claims that overlap."""
    claims = db.session.execute(text("SELECT count(*) FROM room_claim WHERE state = 'held'")).scalar_one()
    rooms = db.session.execute(text("SELECT count(*) FROM hold_room")).scalar_one()
    overlaps = db.session.execute(OVERLAPS).scalar_one()
    db.session.rollback()
    return claims, rooms, overlaps


def test_all_rooms_are_sold_and_none_twice(fresh_app: Flask) -> None:
    with many_connections(fresh_app):
        actor, enterprise_id = sellable_rooms(300)
        sizes = cycle((5, 10, 20, 1))
        asks = [Ask(Area(NEAR, VILLAGES), Wants(), rooms=next(sizes)) for _client in range(CLIENTS)]

        said = at_once(fresh_app, lambda number: take(actor, enterprise_id, asks[number]))
        assert set(said) <= {"held", "gone", "busy"}
        # Whoever was told «busy» tries again, as the page says; then one at a time takes what is left.
        for ask in asks:
            take(actor, enterprise_id, ask)
        claims, rooms, overlaps = held_rooms()

    assert claims == rooms == 300
    assert overlaps == 0
    assert said["gone"] > 0


def test_picked_rooms_go_to_one(fresh_app: Flask) -> None:
    """Everybody wants the same rooms by name: one gets them, the others are told so."""
    with many_connections(fresh_app):
        actor, enterprise_id = sellable_rooms(10)
        room_ids = tuple(db.session.execute(text("SELECT id FROM room ORDER BY id")).scalars())
        db.session.rollback()
        ask = Ask(Area(NEAR), room_ids=room_ids)
        said = at_once(fresh_app, lambda _number: take(actor, enterprise_id, ask))
        claims, rooms, overlaps = held_rooms()

    assert said["held"] == 1
    assert set(said) <= {"held", "gone", "busy"}
    assert (claims, rooms, overlaps) == (10, 10, 0)


def test_same_key_at_once_gives_one_hold(fresh_app: Flask) -> None:
    with many_connections(fresh_app):
        actor, enterprise_id = sellable_rooms(50)
        key = uuid.uuid4()
        ask = Ask(Area(NEAR, VILLAGES), Wants(), rooms=5)
        said = at_once(fresh_app, lambda _number: take(actor, enterprise_id, ask, key), clients=16)
        # On a slow machine some wait for the first longer than the lock's time; trying again finds its hold.
        again = take(actor, enterprise_id, ask, key)
        claims, rooms, _overlaps = held_rooms()

    assert set(said) <= {"held", "busy"}
    assert again == "held"
    assert claims == rooms == 5


@pytest.mark.parametrize("guard", ["constraint", "lock"])
def test_each_guard_alone_keeps_rooms_single(
    fresh_app: Flask, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    """The constraint alone never double-books (it only sells less well); nor does the lock alone."""
    with many_connections(fresh_app):
        actor, enterprise_id = sellable_rooms(50)
        remove_guards(fresh_app, monkeypatch, lock=guard == "constraint", constraint=guard == "lock")
        ask = Ask(Area(NEAR, VILLAGES), Wants(), rooms=5)
        at_once(fresh_app, lambda _number: take(actor, enterprise_id, ask), clients=32)
        assert held_rooms()[2] == 0


@pytest.mark.breaks_invariants("shows what the guards are for")
def test_without_guards_rooms_are_sold_twice(fresh_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: were this green with guards off, the tests above would prove nothing."""
    with many_connections(fresh_app):
        actor, enterprise_id = sellable_rooms(50)
        remove_guards(fresh_app, monkeypatch, lock=True, constraint=True)
        ask = Ask(Area(NEAR, VILLAGES), Wants(), rooms=5)
        at_once(fresh_app, lambda _number: take(actor, enterprise_id, ask), clients=32)
        claims, _rooms, overlaps = held_rooms()

    assert overlaps > 0
    assert claims > 50


def remove_guards(app: Flask, monkeypatch: pytest.MonkeyPatch, *, lock: bool, constraint: bool) -> None:
    """Take guards away, in this test's own database and process only."""
    if constraint:
        owner = create_engine(app.extensions["settings"].database_owner_url)
        with owner.begin() as connection:
            connection.execute(text("ALTER TABLE room_claim DROP CONSTRAINT room_claim_no_overlap"))
        owner.dispose()
    if lock:
        monkeypatch.setattr(service, "lock_villages", lambda codes: None)
