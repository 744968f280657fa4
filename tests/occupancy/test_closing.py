"""Rooms are closed for repair, own use or a festival, all or nothing, and opened again."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.housing.models import Room
from qiantang_nest.occupancy.models import RoomClaim, RoomTaken
from qiantang_nest.occupancy.services.closing import RoomsTaken, close_rooms, reopen_rooms
from tests.factories import NOW, TODAY, make_claim, make_clerk, make_room

pytestmark = pytest.mark.usefixtures("db_session")

WEEK = timedelta(days=7)


def close(room: Room, reason: str = "换热水器", **fields: object) -> RoomClaim:
    values = {"starts_on": TODAY, "ends_on": TODAY + WEEK, **fields}
    return close_rooms(
        rooms=[room],
        reason=reason,
        actor=make_clerk(),
        today=TODAY,
        now=NOW,
        **values,  # type: ignore[arg-type]
    )[0]


def test_a_closed_room_is_claimed() -> None:
    claim = close(make_room())
    assert (claim.state, claim.reason, claim.ends_on) == ("closed", "换热水器", TODAY + WEEK)


def test_a_closing_names_who_closed_and_for_whom() -> None:
    clerk, room = make_clerk(), make_room()
    days = {"starts_on": TODAY, "ends_on": TODAY + WEEK, "today": TODAY, "now": NOW}
    (claim,) = close_rooms(rooms=[room], reason="换热水器", actor=clerk, as_proxy=True, **days)  # type: ignore[arg-type]
    assert (claim.closed_by, claim.on_behalf_of) == (clerk.user_id, room.house.owner_id)


@pytest.mark.parametrize("state", ["held", "leased", "closed"])
def test_a_taken_room_is_not_closed(state: str) -> None:
    room = make_room()
    fields = {"held_until": NOW + WEEK} if state == "held" else {}
    make_claim(room, TODAY + timedelta(days=6), TODAY + 3 * WEEK, state, **fields)
    with pytest.raises(RoomTaken, match=room.label):
        close(room)
    close(room, ends_on=TODAY + timedelta(days=6))


def test_a_hold_whose_time_has_come_is_no_obstacle() -> None:
    room = make_room()
    hold = make_claim(room, TODAY, TODAY + WEEK, "held", held_until=NOW - timedelta(seconds=1))
    close(room)
    assert hold.state in ("held", "released")  # swept by SQL, perhaps not yet reread
    assert make_claim(room, TODAY + WEEK, TODAY + 2 * WEEK).id


def test_odd_dates_and_reasons_are_refused() -> None:
    room = make_room()
    for fields in (
        {"starts_on": TODAY - timedelta(days=1)},
        {"ends_on": TODAY},
        {"ends_on": TODAY + timedelta(days=6 * 366)},
        {"reason": "  "},
        {"reason": "长" * 41},
    ):
        with pytest.raises(InvalidValue):
            close(room, **fields)  # type: ignore[arg-type]


def test_reopening_ends_it_today_or_undoes_it() -> None:
    clerk = make_clerk()
    running, later = close(make_room()), close(make_room(), starts_on=TODAY + timedelta(days=2))
    tomorrow = TODAY + timedelta(days=1)
    reopen_rooms(claims=[running], actor=clerk, today=tomorrow)
    assert (running.state, running.ends_on) == ("closed", tomorrow)
    reopen_rooms(claims=[later], actor=clerk, today=tomorrow)
    assert later.state == "released"
    for claim in (running, later):
        with pytest.raises(WrongState):
            reopen_rooms(claims=[claim], actor=clerk, today=tomorrow)


def test_many_are_closed_together_and_each_is_told_of() -> None:
    clerk, rooms = make_clerk(), [make_room() for _number in range(3)]
    claims = close_rooms(
        rooms=rooms,
        starts_on=TODAY,
        ends_on=TODAY + WEEK,
        reason="过节",
        actor=clerk,
        today=TODAY,
        now=NOW,
        as_proxy=True,
    )
    assert {claim.room_id for claim in claims} == {room.id for room in rooms}
    events = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "occupancy.close_rooms")).all()
    assert {(event.entity_id, event.on_behalf_of) for event in events} == {
        (claim.id, claim.room.house.owner_id) for claim in claims
    }


def test_one_taken_room_keeps_all_open_and_is_named() -> None:
    free, let, held = make_room(), make_room(), make_room()
    make_claim(let, TODAY + timedelta(days=3), TODAY + 3 * WEEK)
    make_claim(let, TODAY - WEEK, TODAY + timedelta(days=1))
    make_claim(held, TODAY, TODAY + WEEK, "held", held_until=NOW + WEEK)
    with pytest.raises(RoomsTaken) as refusal:
        close_rooms(
            rooms=[free, let, held],
            starts_on=TODAY,
            ends_on=TODAY + WEEK,
            reason="过节",
            actor=make_clerk(),
            today=TODAY,
            now=NOW,
        )
    assert set(refusal.value.in_the_way) == {let.id, held.id}
    assert (
        f"{let.house.address} {let.label} 在 2026-11-16 到 2026-11-23 已经租出去了" in refusal.value.message
    )
    assert f"{held.house.address} {held.label}" in refusal.value.message
    assert db.session.scalars(select(RoomClaim).where(RoomClaim.state == "closed")).all() == []


def test_many_in_the_way_are_counted_and_not_all_spelt_out() -> None:
    rooms = [make_room() for _number in range(8)]
    for room in rooms:
        make_claim(room, TODAY, TODAY + WEEK)
    with pytest.raises(RoomsTaken, match="等 8 间") as refusal:
        close_rooms(
            rooms=rooms,
            starts_on=TODAY,
            ends_on=TODAY + WEEK,
            reason="过节",
            actor=make_clerk(),
            today=TODAY,
            now=NOW,
        )
    assert sum(room.label in refusal.value.message for room in rooms) == 5


def test_reopening_many_is_all_or_nothing() -> None:
    running, over = close(make_room()), close(make_room(), ends_on=TODAY + timedelta(days=1))
    with pytest.raises(WrongState, match=over.room.label):
        reopen_rooms(claims=[running, over], actor=make_clerk(), today=TODAY + timedelta(days=1))
    db.session.expire_all()
    assert running.ends_on == TODAY + WEEK
