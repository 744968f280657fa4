from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiantang_nest.core.identifiers import Sex
from qiantang_nest.core.period import Period
from qiantang_nest.occupancy.rules import (
    Bed,
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
    assert (companion_key(M, night=True), companion_key(F, night=True)) == (3, 4)
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


def test_day_and_night_sleepers_are_apart() -> None:
    placed, left = assign_beds(
        [Sleeper(1, M), Sleeper(2, M, night=True), Sleeper(3, M, night=True)], [room(10, beds=3), room(11)]
    )
    assert left == []
    assert {p.worker_id: p.companion_key for p in placed} == {1: 1, 2: 3, 3: 3}
    _, left = assign_beds([Sleeper(1, F, night=True), Sleeper(2, M, night=True)], [room(10, 1, key=1)])
    assert {one.reason for one in left} == {
        UnplacedReason.NO_BED_FOR_NIGHT_WOMEN,
        UnplacedReason.NO_BED_FOR_NIGHT_MEN,
    }


def test_friends_are_together_and_the_lame_on_the_ground() -> None:
    people = [
        Sleeper(1, M, wish="老乡"),
        *men(2, 3),
        Sleeper(4, M, wish="老乡"),
        Sleeper(5, M, ground_floor=True),
    ]
    rooms = [room(10), room(11), FreeRoom(12, 2, (1, 2), 2, ground_floor=True)]
    placed, left = assign_beds(people, rooms)
    homes = {p.worker_id: p.room_id for p in placed}
    assert left == []
    assert homes[1] == homes[4]
    assert homes[5] == 12


def test_a_friend_joins_who_is_there_already() -> None:
    there = FreeRoom(11, 1, (2,), 2, 1, wishes=frozenset({"老乡"}))
    placed, _ = assign_beds([*men(1), Sleeper(2, M, wish="老乡")], [room(10, 1, key=1, first=2), there])
    assert {p.worker_id: p.room_id for p in placed} == {1: 10, 2: 11}


def test_a_wish_costs_nobody_a_bed() -> None:
    people = [Sleeper(1, M, wish="一组"), Sleeper(2, M, wish="一组"), *women(3)]
    placed, left = assign_beds(people, [room(10, 1, key=1, first=2), room(11, 1), room(12, 1)])
    assert left == []
    assert len(placed) == 3


def test_who_has_a_bed_is_moved_only_if_that_helps() -> None:
    alone = [Sleeper(1, M, at=Bed(10, 2)), Sleeper(2, M, at=Bed(11, 1))]
    placed, left = assign_beds(alone, [room(10), room(11)])
    assert left == []
    assert [(p.room_id, p.bed_no) for p in placed] == [(10, 2), (11, 1)]
    placed, left = assign_beds(alone + women(3), [room(10), room(11)])
    assert left == []
    assert (
        sum(
            p.worker_id in (1, 2) and Bed(p.room_id, p.bed_no) not in (Bed(10, 2), Bed(11, 1)) for p in placed
        )
        == 1
    )


def test_nobody_is_moved_where_the_lease_ends_earlier() -> None:
    stays = Sleeper(1, M, ground_floor=True, at=Bed(10, 1), until=date(2027, 3, 1))
    for until, expected in ((date(2027, 3, 1), 11), (date(2027, 2, 1), 10)):
        placed, _ = assign_beds([stays], [room(10), FreeRoom(11, 1, (1,), 1, ground_floor=True, until=until)])
        assert placed[0].room_id == expected


@st.composite
def crowds(draw: st.DrawFn) -> tuple[list[Sleeper], list[FreeRoom]]:
    people = men(*range(1, draw(st.integers(0, 6)) + 1)) + women(*range(101, draw(st.integers(0, 5)) + 101))
    people += [
        Sleeper(301 + n, draw(st.sampled_from([M, F])), night=True) for n in range(draw(st.integers(0, 3)))
    ]
    for number in range(draw(st.integers(0, 2))):
        people += couple(200 + 2 * number, 201 + 2 * number)
    people = draw(st.permutations(people))
    rooms = []
    for number in range(draw(st.integers(0, 5))):
        beds = draw(st.integers(0, 4))
        key = draw(st.sampled_from([None, None, None, 1, 2, 3, 4, 1200, 1999]))
        rooms.append(room(number, beds, draw(st.integers(1, 3)), key, first=1 if key is None else 2))
    return people, rooms


def most_people(people: list[Sleeper], rooms: list[FreeRoom]) -> int:
    """How many can sleep at most, by trying every way to give the empty rooms to a key."""
    heads = Counter(sleeper.key for sleeper in people)
    beds: Counter[int] = Counter()
    for one in rooms:
        if one.companion_key is not None and (one.companion_key < 1000 or len(one.free_beds) >= 2):
            beds[one.companion_key] += len(one.free_beds)
    empty = [one for one in rooms if one.companion_key is None]
    best = 0
    for keys in product(heads or [0], repeat=len(empty)):
        given = beds.copy()
        for one, key in zip(empty, keys, strict=True):
            if key < 1000 or len(one.free_beds) >= 2:
                given[key] += len(one.free_beds)
        best = max(best, sum(min(count, given[key]) for key, count in heads.items()))
    return best


def check_rules_of_rooms(
    people: list[Sleeper], rooms: list[FreeRoom], placed: list[Placement], left: list[Unplaced]
) -> None:
    """Everybody once, a free bed each, one key a room."""
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
    couples = [p for p in placed if p.companion_key >= 1000]
    assert len({(p.companion_key, p.room_id) for p in couples}) == len({p.companion_key for p in couples})


@settings(max_examples=200, deadline=None)
@given(crowds())
def test_rooms_are_never_mixed_nor_overfull_and_nobody_waits_in_vain(
    crowd: tuple[list[Sleeper], list[FreeRoom]],
) -> None:
    people, rooms = crowd
    placed, left = assign_beds(people, rooms)
    check_rules_of_rooms(people, rooms, placed, left)
    assert len(placed) == most_people(people, rooms)
    assert assign_beds(people, rooms) == (placed, left)


@st.composite
def wishing(draw: st.DrawFn) -> tuple[list[Sleeper], list[FreeRoom]]:
    """A few rooms and people, some with wishes, some in a bed that they may be asked to change."""
    rooms = [
        FreeRoom(number, number // 2, (1, 2), 2, ground_floor=draw(st.booleans()))
        for number in range(draw(st.integers(1, 3)))
    ]
    people = []
    keys: dict[int, int] = {}
    for number in range(draw(st.integers(1, 5))):
        one = Sleeper(
            number,
            draw(st.sampled_from([M, M, F])),
            night=draw(st.sampled_from([False, False, True])),
            wish=draw(st.sampled_from(["", "甲", "乙"])),
            ground_floor=draw(st.booleans()),
        )
        bed = Bed(draw(st.integers(0, len(rooms) - 1)), draw(st.integers(1, 2)))
        if (
            draw(st.booleans())
            and keys.setdefault(bed.room_id, one.key) == one.key
            and bed not in [other.at for other in people]
        ):
            one = replace(one, at=bed)
        people.append(one)
    return people, rooms


def worth(people: list[Sleeper], rooms: list[FreeRoom], homes: dict[int, int]) -> tuple[int, int, int, int]:
    """What a placing is worth, the most important first."""
    ground = {one.id for one in rooms if one.ground_floor}
    return (
        len(homes),
        sum(one.ground_floor and homes.get(one.id) in ground for one in people),
        -len({(one.wish, one.key, homes[one.id]) for one in people if one.wish and one.id in homes}),
        -sum(one.at is not None and homes.get(one.id) != one.at.room_id for one in people),
    )


@settings(max_examples=150, deadline=None)
@given(wishing())
def test_no_placing_fulfils_more_wishes(crowd: tuple[list[Sleeper], list[FreeRoom]]) -> None:
    people, rooms = crowd
    placed, left = assign_beds(people, rooms)
    check_rules_of_rooms(people, rooms, placed, left)
    beds = {p.worker_id: Bed(p.room_id, p.bed_no) for p in placed}
    for one in people:
        if one.at is not None:
            assert one.id in beds
            if beds[one.id].room_id == one.at.room_id:
                assert beds[one.id] == one.at
    best = max(
        worth(people, rooms, homes)
        for choice in product([None, *(one.id for one in rooms)], repeat=len(people))
        if lawful(people, homes := {p.id: r for p, r in zip(people, choice, strict=True) if r is not None})
    )
    assert worth(people, rooms, {worker: bed.room_id for worker, bed in beds.items()}) == best


def lawful(people: list[Sleeper], homes: dict[int, int]) -> bool:
    """At most two of one key in a room, and nobody without a bed who had one."""
    there = defaultdict(list)
    for one in people:
        if one.id in homes:
            there[homes[one.id]].append(one.key)
        elif one.at is not None:
            return False
    return all(len(keys) <= 2 and len(set(keys)) == 1 for keys in there.values())


def test_a_factory_is_placed_quickly() -> None:
    rooms = [room(number, 2, house=number // 6) for number in range(500)]
    people = men(*range(1, 601)) + women(*range(1001, 1401))
    placed, left = assign_beds(people, rooms)
    assert (len(placed), left) == (1000, [])


def test_a_factory_with_wishes_is_placed_whole() -> None:
    rooms = [
        FreeRoom(number, number // 4, (1, 2, 3), 3, ground_floor=number % 4 == 0) for number in range(60)
    ]
    people = [
        Sleeper(
            number,
            F if number % 3 == 0 else M,
            night=number % 4 == 0,
            wish=f"组{number % 12}" if number < 36 else "",
            ground_floor=number % 17 == 0,
        )
        for number in range(160)
    ]
    placed, left = assign_beds(people, rooms)
    assert (len(placed), left) == (160, [])


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
