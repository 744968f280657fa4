"""The planner against its published instances, and against a checker that knows nothing of it."""

import csv
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiantang_nest.bookings.rules.need import (
    SINGLES,
    Candidate,
    Fault,
    Group,
    Need,
    Placed,
    Shortage,
    Wish,
    faults_of,
)
from qiantang_nest.bookings.rules.solver import DEFAULT_FAIRNESS_PERMILLE, best_block, shortage
from tests.bookings.instances.generate import SIZES, aim_of, instance

WITHIN = 0.01
"""Of the optimum, or of the best bound known."""


def known() -> dict[tuple[int, Wish], tuple[int, int]]:
    """(instance, wish) → best aim found in a minute, and what no answer can be below."""
    path = Path(__file__).parent / "instances" / "known.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        return {
            (int(row["number"]), Wish(row["wish"])): (int(row["aim"]), int(row["bound"]))
            for row in csv.DictReader(lines)
        }


@pytest.mark.parametrize("number", range(len(SIZES)))
def test_a_published_instance_is_solved_within_a_hundredth_of_its_optimum(number: int) -> None:
    case = instance(number)
    for wish in Wish:
        plain = best_block(case.rooms, case.need, wish, fairness_permille=0)
        best, bound = known()[number, wish]
        assert not plain.lacking
        assert not faults_of(plain.placed, case.need, case.rooms)
        aim = aim_of(plain.placed, wish)
        assert bound <= aim, "nothing is better than what is proven impossible"
        assert aim <= best * (1 + WITHIN) + (1 if wish is Wish.HOUSES else 0)
        assert plain.gap <= WITHIN or wish is Wish.HOUSES


@pytest.mark.parametrize("number", [4, 11, 22])
@pytest.mark.parametrize("wish", list(Wish))
def test_fairness_costs_no_more_than_its_bound_and_worsens_nothing_else(number: int, wish: Wish) -> None:
    case = instance(number)
    plain = best_block(case.rooms, case.need, wish, fairness_permille=0)
    fair = best_block(case.rooms, case.need, wish)
    assert not faults_of(fair.placed, case.need, case.rooms)
    assert fair.rent_fen * 1000 <= fair.plain_rent_fen * (1000 + DEFAULT_FAIRNESS_PERMILLE)

    def let_beds(block: object) -> int:
        return sum(-(-place.room.let_days // 30) * place.room.beds for place in block.placed)  # type: ignore[attr-defined]

    assert let_beds(fair) <= let_beds(plain)
    if wish is not Wish.COST:
        assert aim_of(fair.placed, wish) == aim_of(plain.placed, wish)


def test_one_village_is_kept_to_where_one_can_hold_all() -> None:
    case = instance(14)
    assert case.need.same_village
    for wish in Wish:
        block = best_block(case.rooms, case.need, wish)
        assert len({place.room.village_code for place in block.placed}) == 1


def room(room_id: int, beds: int, rent: int, **values: object) -> Candidate:
    return replace(Candidate(room_id, room_id, room_id, "330114000001", beds, rent * 100, 10), **values)  # type: ignore[arg-type]


def test_a_pin_is_taken_at_any_price_and_a_strike_never() -> None:
    rooms = [room(1, 2, 500), room(2, 2, 900), room(3, 2, 510)]
    need = Need({Group.DAY_MEN: 2})
    assert [place.room.room_id for place in best_block(rooms, need, Wish.COST).placed] == [1]
    assert 2 in {place.room.room_id for place in best_block(rooms, need, Wish.COST, pinned=[2]).placed}
    assert [place.room.room_id for place in best_block(rooms, need, Wish.COST, struck=[1]).placed] == [3]


def test_a_couple_gets_a_room_of_its_own_with_two_beds() -> None:
    rooms = [room(1, 1, 100), room(2, 2, 500), room(3, 4, 600)]
    block = best_block(rooms, Need({Group.COUPLE: 1, Group.DAY_MEN: 1}), Wish.COST)
    assert {(place.room.room_id, place.group) for place in block.placed} == {
        (1, Group.DAY_MEN),
        (2, Group.COUPLE),
    }


def test_the_least_let_household_comes_first_within_three_percent() -> None:
    rooms = [room(1, 2, 1000, let_days=300), room(2, 2, 1030, let_days=0), room(3, 2, 1040, let_days=0)]
    block = best_block(rooms, Need({Group.DAY_MEN: 2}), Wish.COST)
    assert [place.room.room_id for place in block.placed] == [2]
    assert (block.plain_rent_fen, block.plain_least_let, block.least_let) == (100_000, 0, 1)
    dear = best_block(rooms, Need({Group.DAY_MEN: 2}), Wish.COST, fairness_permille=10)
    assert [place.room.room_id for place in dear.placed] == [1]


def test_what_cannot_be_met_is_named_by_group_and_the_rest_is_planned() -> None:
    rooms = [room(1, 2, 500), room(2, 2, 500)]
    need = Need({Group.DAY_MEN: 3, Group.NIGHT_MEN: 2}, spare_percent=50)
    block = best_block(rooms, need, Wish.COST)
    assert block.lacking.people == 1
    assert block.lacking.spare == 3
    assert not faults_of(block.placed, need, rooms, lacking=block.lacking)
    assert shortage([], need).heads == {Group.DAY_MEN: 3, Group.NIGHT_MEN: 2}
    assert best_block([], need, Wish.WAY).placed == ()


def test_ground_floor_beds_are_there() -> None:
    rooms = [room(1, 2, 400), room(2, 2, 450, ground=True), room(3, 2, 400)]
    block = best_block(rooms, Need({Group.DAY_MEN: 4}, ground_beds=1), Wish.HOUSES)
    assert 2 in {place.room.room_id for place in block.placed}


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[Candidate], Need, set[int], set[int]]:
    """A few rooms of a few houses, and any need of them, met or not; pins and strikes."""
    rng = Random(draw(st.integers(0, 2**32)))
    count = draw(st.integers(0, 25))
    rooms = [
        Candidate(
            room_id=at + 1,
            house_id=rng.randint(1, 8),
            owner_id=1,
            village_code="330114000001",
            beds=rng.randint(1, 4),
            rent_fen=rng.randint(3, 9) * 10_000,
            minutes=rng.randint(1, 30),
            let_days=rng.choice((0, 90, 365)),
            ground=rng.random() < 0.4,
        )
        for at in range(count)
    ]
    villages = {house: f"33011400000{rng.randint(1, 3)}" for house in range(1, 9)}
    rooms = [replace(one, village_code=villages[one.house_id], owner_id=one.house_id) for one in rooms]
    heads = {group: draw(st.integers(0, 6)) for group in Group}
    need = Need(
        {group: count for group, count in heads.items() if count},
        spare_percent=draw(st.sampled_from([0, 5, 20])),
        ground_beds=draw(st.sampled_from([0, 0, 2])),
        same_village=draw(st.booleans()),
    )
    ids = [one.room_id for one in rooms]
    struck = set(rng.sample(ids, k=min(len(ids), draw(st.integers(0, 3)))))
    pinned = {one.room_id for one in rooms if one.beds > 1 and rng.random() < 0.1} - struck
    return rooms, need, pinned if any(need.heads.values()) else set(), struck


@settings(max_examples=60, deadline=None)
@given(questions(), st.sampled_from(list(Wish)))
def test_a_plan_never_breaks_a_rule(
    question: tuple[list[Candidate], Need, set[int], set[int]], wish: Wish
) -> None:
    rooms, need, pinned, struck = question
    block = best_block(rooms, need, wish, pinned=pinned, struck=struck)
    assert not faults_of(block.placed, need, rooms, pinned=pinned, struck=struck, lacking=block.lacking)
    assert block.lacking == shortage(rooms, need, pinned=pinned, struck=struck)
    assert 0 <= block.gap < 1


@settings(max_examples=60, deadline=None)
@given(questions(), st.data())
def test_a_block_broken_on_purpose_is_found_out(
    question: tuple[list[Candidate], Need, set[int], set[int]], data: st.DataObject
) -> None:
    rooms, need, pinned, struck = question
    block = best_block(rooms, need, Wish.COST, pinned=pinned, struck=struck)
    if not block.placed:
        return
    placed = list(block.placed)
    victim = data.draw(st.sampled_from(placed))
    absent = next((group for group in SINGLES if not need.heads.get(group)), None)
    ways = {
        Fault.ROOM_TWICE: [*placed, victim],
        Fault.ROOM_NOT_OFFERED: [*placed, Placed(replace(victim.room, room_id=9999), victim.group)],
    }
    if pinned:
        ways[Fault.PIN_MISSING] = [place for place in placed if place.room.room_id not in pinned]
    if absent:
        ways[Fault.GROUP_NOT_WANTED] = [*placed, Placed(victim.room, absent)]
    if struck:
        struck_room = next(one for one in rooms if one.room_id in struck)
        ways[Fault.ROOM_STRUCK] = [*placed, Placed(struck_room, victim.group)]
    ways[Fault.GROUP_SHORT] = [place for place in placed if place.group is not victim.group]
    if need.ground_beds - block.lacking.ground_beds > 0:
        ways[Fault.GROUND_SHORT] = [place for place in placed if not place.room.ground]
    fault = data.draw(st.sampled_from(sorted(ways)))
    found = faults_of(ways[fault], need, rooms, pinned=pinned, struck=struck, lacking=block.lacking)
    if fault is Fault.GROUP_SHORT and need.wanted(victim.group) <= block.lacking.heads.get(
        victim.group, 0
    ) + min(block.lacking.spare, need.spare(victim.group)):
        return  # only a pin was there: the group needs nothing of it
    assert fault in found


def test_a_couple_in_a_single_bed_is_found_out() -> None:
    lone = room(1, 1, 100)
    assert faults_of([Placed(lone, Group.COUPLE)], Need({Group.COUPLE: 1}), [lone]) == {Fault.COUPLE_BED}
    assert not Shortage()
