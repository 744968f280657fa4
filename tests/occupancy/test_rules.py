from collections import defaultdict
from datetime import date
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiantang_nest.core.identifiers import Sex
from qiantang_nest.core.period import Period
from qiantang_nest.occupancy.rules import (
    ClaimState,
    FreeRoom,
    Placement,
    RoomState,
    Sleeper,
    Unplaced,
    UnplacedReason,
    assign_beds,
    companion_key,
    couple_id,
    old_enough,
    registration_due,
    room_state,
    unplaced_reason_label,
)

M, F = Sex.MALE, Sex.FEMALE


def men(*ids: int) -> list[Sleeper]:
    return [Sleeper(worker, M) for worker in ids]


def women(*ids: int) -> list[Sleeper]:
    return [Sleeper(worker, F) for worker in ids]


def couple(his: int, hers: int) -> list[Sleeper]:
    return [Sleeper(his, M, hers), Sleeper(hers, F, his)]


def room(number: int, beds: int = 2, house: int = 1, key: int | None = None, first: int = 1) -> FreeRoom:
    return FreeRoom(number, house, tuple(range(first, first + beds)), beds + first - 1, key)


def test_companion_keys() -> None:
    assert companion_key(M) == 1
    assert companion_key(F) == 2
    assert companion_key(M, 7) == companion_key(F, 7) == 1007
    assert couple_id(9, 7) == couple_id(7, 9) == 7
    assert Sleeper(9, M, 7).key == Sleeper(7, F, 9).key == 1007
    with pytest.raises(ValueError, match="negative"):
        companion_key(M, -1)


def test_reports_over_spring_festival() -> None:
    assert registration_due(date(2026, 2, 13)) == date(2026, 2, 25)


def test_sixteen_is_old_enough() -> None:
    assert old_enough(date(2010, 11, 23), date(2026, 11, 23))
    assert not old_enough(date(2010, 11, 24), date(2026, 11, 23))
    assert not old_enough(date(2027, 1, 1), date(2026, 11, 23))


def test_men_and_women_get_rooms_of_their_own() -> None:
    placed, left = assign_beds(men(1, 2) + women(3), [room(10), room(11)])
    assert left == []
    assert placed == [Placement(1, 10, 1, 1), Placement(2, 10, 2, 1), Placement(3, 11, 1, 2)]


def test_half_full_rooms_fill_first() -> None:
    placed, _ = assign_beds(
        men(1), [room(10), room(11, beds=1, key=2, first=2), room(12, beds=1, key=1, first=2)]
    )
    assert placed == [Placement(1, 12, 2, 1)]


def test_a_couple_lives_alone() -> None:
    placed, left = assign_beds(men(1, 2, 3) + couple(8, 9), [room(10, beds=3), room(11), room(12, beds=1)])
    assert left == []
    assert {p.worker_id: p.room_id for p in placed} == {1: 10, 2: 10, 3: 10, 8: 11, 9: 11}
    assert {p.companion_key for p in placed if p.worker_id > 3} == {1008}


def test_nobody_joins_a_couple_even_where_beds_are_left() -> None:
    placed, left = assign_beds(couple(8, 9) + men(1), [room(10, beds=3)])
    assert [p.worker_id for p in placed] == [8, 9]
    assert left == [Unplaced(1, UnplacedReason.NO_BED_FOR_MEN)]


def test_a_couple_needs_an_empty_room_for_two() -> None:
    placed, left = assign_beds(couple(8, 9), [room(10, beds=1), room(11, beds=1, key=1, first=2)])
    assert placed == []
    assert left == [
        Unplaced(8, UnplacedReason.NO_ROOM_FOR_COUPLE),
        Unplaced(9, UnplacedReason.NO_ROOM_FOR_COUPLE),
    ]


def test_a_partner_who_comes_later_joins_the_other() -> None:
    first, _ = assign_beds([Sleeper(8, M, 9)], [room(10, beds=1), room(11)])
    assert first == [Placement(8, 11, 1, 1008)]
    later, _ = assign_beds([Sleeper(9, F, 8)], [room(10), room(11, beds=1, key=1008, first=2)])
    assert later == [Placement(9, 11, 2, 1008)]


@pytest.mark.parametrize(
    "people",
    [
        [Sleeper(8, M, 9), Sleeper(9, F)],
        [Sleeper(8, M, 9), Sleeper(9, F, 7)],
        [Sleeper(8, M, 9), Sleeper(9, M, 8)],
        [Sleeper(8, M, 8)],
    ],
)
def test_couples_must_agree(people: list[Sleeper]) -> None:
    placed, left = assign_beds(people, [room(10), room(11)])
    assert Unplaced(8, UnplacedReason.COUPLE_MISMATCH) in left
    assert all(p.worker_id != 8 for p in placed)


def test_one_house_is_enough_if_it_is() -> None:
    rooms = [
        room(10, house=1),
        room(20, house=2),
        room(21, house=2),
        room(30, house=3),
        room(31, house=3),
        room(32, house=3),
    ]
    placed, _ = assign_beds(men(1, 2) + women(3, 4), rooms)
    assert {p.room_id for p in placed} == {20, 21}


def test_large_houses_first_when_none_is_enough() -> None:
    rooms = [room(10, house=1), room(20, house=2), room(21, house=2)]
    placed, _ = assign_beds(men(1, 2, 3, 4, 5, 6), rooms)
    assert [p.room_id for p in placed] == [20, 20, 21, 21, 10, 10]


def test_sharing_out_gives_way_to_seating_all() -> None:
    # Room by room men would take the 4 beds first; only 3 + 3 for men and 4 for women seats everybody.
    rooms = [room(1, beds=4, house=1), room(2, beds=3, house=2), room(3, beds=3, house=3)]
    _, left = assign_beds(men(*range(1, 7)) + women(11, 12, 13, 14), rooms)
    assert left == []


def test_what_the_caller_got_wrong() -> None:
    for people, rooms in (
        (men(1, 1), [room(10)]),
        (men(1), [room(10), room(10)]),
        (men(1), [FreeRoom(10, 1, (1, 1), 2)]),
        (men(1), [FreeRoom(10, 1, (1, 2, 3), 2)]),
    ):
        with pytest.raises(ValueError, match=r"twice"):
            assign_beds(people, rooms)


@st.composite
def crowds(draw: st.DrawFn) -> tuple[list[Sleeper], list[FreeRoom]]:
    people = men(*range(1, draw(st.integers(0, 7)) + 1)) + women(*range(101, draw(st.integers(0, 7)) + 101))
    for number in range(draw(st.integers(0, 2))):
        people += couple(200 + 2 * number, 201 + 2 * number)
    people = draw(st.permutations(people))
    rooms = []
    for number in range(draw(st.integers(0, 6))):
        beds = draw(st.integers(0, 4))
        key = draw(st.sampled_from([None, None, None, 1, 2, 1200, 1999]))
        rooms.append(room(number, beds, draw(st.integers(1, 3)), key, first=1 if key is None else 2))
    return people, rooms


def most_singles(singles: list[Sleeper], rooms: list[FreeRoom]) -> int:
    """How many can sit at most, by trying every way to give empty rooms to men or women."""
    best = 0
    empty = [one for one in rooms if one.companion_key is None]
    for keys in product((1, 2), repeat=len(empty)):
        seated = 0
        for key in (1, 2):
            beds = sum(len(one.free_beds) for one, given in zip(empty, keys, strict=True) if given == key)
            beds += sum(len(one.free_beds) for one in rooms if one.companion_key == key)
            seated += min(beds, sum(sleeper.key == key for sleeper in singles))
        best = max(best, seated)
    return best


@settings(max_examples=300)
@given(crowds())
def test_rooms_are_never_mixed_nor_overfull_and_nobody_waits_in_vain(
    crowd: tuple[list[Sleeper], list[FreeRoom]],
) -> None:
    people, rooms = crowd
    placed, left = assign_beds(people, rooms)
    assert sorted([p.worker_id for p in placed] + [u.worker_id for u in left]) == sorted(s.id for s in people)
    by_room = {one.id: one for one in rooms}
    keys = defaultdict(set)
    for placement in placed:
        assert placement.bed_no in by_room[placement.room_id].free_beds
        keys[placement.room_id].add(placement.companion_key)
        if by_room[placement.room_id].companion_key is not None:
            keys[placement.room_id].add(by_room[placement.room_id].companion_key)
    assert all(len(found) == 1 for found in keys.values())
    assert len({(p.room_id, p.bed_no) for p in placed}) == len(placed)
    coupled = {p.room_id for p in placed if p.companion_key >= 1000}
    singles = [sleeper for sleeper in people if sleeper.couple_with is None]
    free = [one for one in rooms if one.id not in coupled]
    assert sum(p.companion_key < 1000 for p in placed) == most_singles(singles, free)
    if any(u.reason is UnplacedReason.NO_ROOM_FOR_COUPLE for u in left):
        assert all(
            one.id in coupled or one.companion_key is not None or len(one.free_beds) < 2 for one in rooms
        )
    assert assign_beds(people, rooms) == (placed, left)


def test_a_factory_is_placed_quickly() -> None:
    rooms = [room(number, 2, house=number // 6) for number in range(500)]
    people = men(*range(1, 601)) + women(*range(1001, 1401))
    placed, left = assign_beds(people, rooms)
    assert (len(placed), left) == (1000, [])


@pytest.mark.parametrize(
    ("day", "state"),
    [
        (date(2026, 1, 1), RoomState.UNLISTED),
        (date(2026, 2, 1), RoomState.LISTED),
        (date(2026, 3, 1), RoomState.HELD),
        (date(2026, 3, 9), RoomState.HELD),
        (date(2026, 3, 10), RoomState.LEASED),
        (date(2026, 3, 12), RoomState.OCCUPIED),
        (date(2026, 3, 20), RoomState.LEASED),
        (date(2026, 4, 10), RoomState.CLOSED),
        (date(2026, 5, 1), RoomState.LISTED),
        (date(2026, 6, 1), RoomState.UNLISTED),
    ],
)
def test_a_room_on_a_day(day: date, state: RoomState) -> None:
    assert (
        room_state(
            day,
            claims=[
                (ClaimState.HELD, Period(date(2026, 3, 1), date(2026, 3, 10))),
                (ClaimState.LEASED, Period(date(2026, 3, 10), date(2026, 4, 10))),
                (ClaimState.CLOSED, Period(date(2026, 4, 10), date(2026, 5, 1))),
                (ClaimState.RELEASED, Period(date(2026, 2, 1), date(2026, 3, 1))),
            ],
            stays=[Period(date(2026, 3, 12), date(2026, 3, 20))],
            listings=[Period(date(2026, 2, 1), date(2026, 6, 1))],
        )
        is state
    )


def test_everything_has_its_own_words() -> None:
    words = [unplaced_reason_label(reason) for reason in UnplacedReason]
    assert all(words)
    assert len(set(words)) == len(words)
