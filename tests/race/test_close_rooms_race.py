"""A village closes a block of rooms while employers want the same: one gets all of them, nobody half."""

from datetime import date

import pytest
from flask import Flask
from sqlalchemy import create_engine, select, text

from qiantang_nest.bookings.rules import Area, Ask
from qiantang_nest.bookings.services import hold_rooms as holding
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import Busy
from qiantang_nest.housing.models import Room
from qiantang_nest.occupancy.models import RoomTaken
from qiantang_nest.occupancy.services import closing
from tests.factories import NOW, TODAY
from tests.race.test_hold_rooms_race import NEAR, OVERLAPS, at_once, many_connections, sellable_rooms, take

ROOMS, CLIENTS = 20, 24
UNTIL = date(2027, 1, 1)


def close(room_ids: tuple[int, ...]) -> str:
    try:
        with transaction():
            rooms = db.session.scalars(select(Room).where(Room.id.in_(room_ids))).all()
            closing.close_rooms(
                rooms=rooms,
                starts_on=TODAY,
                ends_on=UNTIL,
                reason="过节",
                actor=SYSTEM,
                today=TODAY,
                now=NOW,
            )
    except RoomTaken:
        return "taken"
    except Busy:
        return "busy"
    return "closed"


def everybody_at_once(app: Flask, actor: Actor, enterprise_id: int) -> tuple[dict[str, int], int, int]:
    """Half close all rooms, half hold them: what was said, how many claims there are, how many overlap."""
    room_ids = tuple(db.session.execute(text("SELECT id FROM room ORDER BY id")).scalars())
    db.session.rollback()
    ask = Ask(Area(NEAR), room_ids=room_ids)
    said = at_once(
        app,
        lambda number: close(room_ids) if number % 2 else take(actor, enterprise_id, ask),
        clients=CLIENTS,
    )
    live = text("SELECT count(*) FROM room_claim WHERE state IN ('held', 'closed')")
    claims, overlaps = db.session.execute(live).scalar_one(), db.session.execute(OVERLAPS).scalar_one()
    db.session.rollback()
    return said, claims, overlaps


def test_one_gets_all_rooms_and_nobody_some(fresh_app: Flask) -> None:
    with many_connections(fresh_app):
        actor, enterprise_id = sellable_rooms(ROOMS)
        said, claims, overlaps = everybody_at_once(fresh_app, actor, enterprise_id)
    assert set(said) <= {"held", "closed", "gone", "taken", "busy"}
    assert said.get("held", 0) + said.get("closed", 0) == 1
    assert (claims, overlaps) == (ROOMS, 0)


@pytest.mark.breaks_invariants("shows what the guards are for")
def test_without_guards_a_room_is_closed_and_held(fresh_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: were this green with guards off, the test above would prove nothing."""
    with many_connections(fresh_app):
        actor, enterprise_id = sellable_rooms(ROOMS)
        owner = create_engine(fresh_app.extensions["settings"].database_owner_url)
        with owner.begin() as connection:
            connection.execute(text("ALTER TABLE room_claim DROP CONSTRAINT room_claim_no_overlap"))
        owner.dispose()
        for service in (holding, closing):
            monkeypatch.setattr(service, "lock_villages", lambda codes: None)
        _said, claims, overlaps = everybody_at_once(fresh_app, actor, enterprise_id)
    assert overlaps > 0
    assert claims > ROOMS
