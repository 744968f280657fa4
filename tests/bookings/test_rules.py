"""Which free rooms answer a request, and what counts as one; no database."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from qiantang_nest.bookings.rules import (
    Area,
    Ask,
    FreeRoom,
    HoldStage,
    OnRefusal,
    Wants,
    better_replacement,
    check_ask,
    check_period,
    choose_rooms,
    digest,
    hold_stage,
)
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.period import Period
from qiantang_nest.geography.rules import LatLon

NEAR = LatLon(30.3, 120.4)
HERE = Area(NEAR, ("330114003201",))
TODAY = date(2026, 11, 23)


def free(room_id: int, house_id: int, beds: int = 2, rent_fen: int = 60_000) -> FreeRoom:
    return FreeRoom(
        room_id, house_id, house_id, "330114003201", str(room_id), beds, room_id, rent_fen, False, house_id
    )


def chosen(among: list[FreeRoom], wanted: int) -> list[int]:
    return [room.room_id for room in choose_rooms(among, rooms=wanted)]


def test_one_house_that_suffices_before_two() -> None:
    rooms = [free(1, 1), free(2, 2), free(3, 2), free(4, 2)]
    assert chosen(rooms, 3) == [2, 3, 4]


def test_the_nearest_of_the_smallest_houses_that_suffice() -> None:
    rooms = [free(1, 1), free(2, 1), free(3, 1), free(4, 2), free(5, 2), free(6, 3), free(7, 3)]
    assert chosen(rooms, 2) == [4, 5]


def test_largest_houses_first_then_the_one_that_fits() -> None:
    rooms = [free(1, 1), *(free(10 + at, 2) for at in range(5)), *(free(20 + at, 3) for at in range(4))]
    picked = choose_rooms(rooms, rooms=6)
    assert {room.house_id for room in picked} == {1, 2}


def test_beds_leave_as_few_spare_as_they_can() -> None:
    rooms = [free(1, 1, beds=2), free(2, 1, beds=1), free(3, 1, beds=2)]
    assert sum(room.beds for room in choose_rooms(rooms, beds=3)) == 3
    assert sum(room.beds for room in choose_rooms(rooms, beds=4)) == 4
    assert len(choose_rooms(rooms, beds=9)) == 3


def test_never_more_rooms_than_asked_and_never_one_twice() -> None:
    rng = random.Random(7)
    for _round in range(200):
        rooms = [free(at, rng.randrange(1, 9), rng.randrange(1, 3)) for at in range(rng.randrange(0, 30))]
        wanted = rng.randrange(1, 25)
        picked = chosen(rooms, wanted)
        assert len(picked) == len(set(picked)) == min(wanted, len(rooms))
        beds = choose_rooms(rooms, beds=wanted)
        assert len({room.room_id for room in beds}) == len(beds)
        given = sum(room.beds for room in beds)
        assert given >= min(wanted, sum(room.beds for room in rooms))
        assert given <= wanted + 1


@pytest.mark.parametrize(
    "ask",
    [
        Ask(HERE),
        Ask(Area(NEAR), rooms=1),
        Ask(HERE, rooms=0),
        Ask(HERE, beds=-1),
        Ask(HERE, rooms=501),
        Ask(HERE, beds=1002),
        Ask(HERE, room_ids=tuple(range(501))),
    ],
)
def test_requests_that_make_no_sense(ask: Ask) -> None:
    with pytest.raises(InvalidValue):
        check_ask(ask)


def test_a_request_asks_for_one_thing() -> None:
    with pytest.raises(ValueError, match="ask for"):
        check_ask(Ask(HERE, rooms=1, beds=1))


@pytest.mark.parametrize(
    ("starts_on", "ends_on"),
    [
        (TODAY - timedelta(days=1), TODAY + timedelta(days=30)),
        (TODAY + timedelta(days=367), TODAY + timedelta(days=400)),
        (TODAY, date(2046, 11, 24)),
        (TODAY, None),
    ],
)
def test_periods_nobody_may_hold(starts_on: date, ends_on: date | None) -> None:
    with pytest.raises(InvalidValue):
        check_period(Period(starts_on, ends_on), TODAY)


def test_twenty_years_to_the_day_are_lawful() -> None:
    check_period(Period(TODAY, date(2046, 11, 23)), TODAY)


def test_the_digest_tells_requests_apart() -> None:
    period = Period(TODAY, TODAY + timedelta(days=30))

    def of(ask: Ask, **more: object) -> str:
        values = {"period": period, "on_refusal": OnRefusal.DROP, "worksite_id": None, **more}
        return digest(ask, **values)  # type: ignore[arg-type]

    assert of(Ask(HERE, room_ids=(1, 2))) == of(Ask(HERE, room_ids=(2, 1)))
    different = [
        of(Ask(HERE, rooms=1)),
        of(Ask(HERE, beds=1)),
        of(Ask(HERE, Wants(beds_at_least=2), rooms=1)),
        of(Ask(HERE, rooms=1), on_refusal=OnRefusal.REPLACE),
        of(Ask(HERE, rooms=1), worksite_id=3),
        of(Ask(HERE, rooms=1), period=Period(TODAY, TODAY + timedelta(days=31))),
    ]
    assert len(set(different)) == len(different)


def test_a_hold_ends_at_its_instant() -> None:
    end = datetime(2026, 11, 25, 1, tzinfo=UTC)
    assert hold_stage("active", end, end - timedelta(seconds=1)) is HoldStage.ACTIVE
    assert hold_stage("active", end, end) is HoldStage.EXPIRED
    assert hold_stage("booked", end, end) is HoldStage.BOOKED
    assert hold_stage("released", end, end) is HoldStage.RELEASED


def test_a_replacement_is_near_as_good_and_no_dearer() -> None:
    rooms = [free(1, 1, rent_fen=61_000), free(2, 2, beds=1), free(3, 3), free(4, 4)]
    found = better_replacement(rooms, rent_fen=60_000, beds=2)
    assert found is not None
    assert found.room_id == 3
    assert better_replacement(rooms[:2], rent_fen=60_000, beds=2) is None
