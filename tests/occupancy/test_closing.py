"""A room is closed for repair or own use, and opened again."""

from datetime import timedelta

import pytest

from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.housing.models import Room
from qiantang_nest.occupancy.models import RoomClaim, RoomTaken
from qiantang_nest.occupancy.services.closing import close_room, reopen_room
from tests.factories import NOW, TODAY, make_claim, make_clerk, make_room

pytestmark = pytest.mark.usefixtures("db_session")

WEEK = timedelta(days=7)


def close(room: Room, reason: str = "换热水器", **fields: object) -> RoomClaim:
    values = {"starts_on": TODAY, "ends_on": TODAY + WEEK, **fields}
    return close_room(room=room, reason=reason, actor=make_clerk(), today=TODAY, now=NOW, **values)  # type: ignore[arg-type]


def test_a_closed_room_is_claimed() -> None:
    claim = close(make_room())
    assert (claim.state, claim.reason, claim.ends_on) == ("closed", "换热水器", TODAY + WEEK)


def test_a_closing_names_who_closed_and_for_whom() -> None:
    clerk, room = make_clerk(), make_room()
    days = {"starts_on": TODAY, "ends_on": TODAY + WEEK, "today": TODAY, "now": NOW}
    claim = close_room(room=room, reason="换热水器", actor=clerk, on_behalf_of=room.house.owner_id, **days)
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
    reopen_room(claim=running, actor=clerk, today=tomorrow)
    assert (running.state, running.ends_on) == ("closed", tomorrow)
    reopen_room(claim=later, actor=clerk, today=tomorrow)
    assert later.state == "released"
    for claim in (running, later):
        with pytest.raises(WrongState):
            reopen_room(claim=claim, actor=clerk, today=tomorrow)
