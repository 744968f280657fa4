"""Who sleeps where, when a report or a signature is due, and what a room is on a day.

Men and women never share a room, nor do those who sleep by night and by day; a couple has one of its own
(domain rulebook 2.2, 5). The database says so too by ``stay_no_mixed_room`` over ``companion_key``; beds are
chosen here so that it need not refuse.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple

from highspy import Highs, HighsSolution, SolutionStatus
from highspy.highs import highs_linear_expression, highs_var

from qiantang_nest.core.clock import SHANGHAI, business_date
from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import Sex, age_on
from qiantang_nest.core.period import Period
from qiantang_nest.core.workdays import add_workdays

REPORT_WORKDAYS = 3
"""浙江省流动人口居住登记条例 art. 9."""
MIN_WORKER_AGE = 16
"""禁止使用童工规定 art. 2; domain rulebook 3.2."""

MALE_KEY = 1
FEMALE_KEY = 2
NIGHT_KEYS = 2
"""Added to the key of those who work at night and sleep by day: 3 for men, 4 for women."""
COUPLE_KEYS_FROM = 1000


def companion_key(sex: Sex, couple_id: int | None = None, *, night: bool = False) -> int:
    """Return the key that all who share a room on a day have in common.

    1 for men, 2 for women, 3 and 4 for those on night shift, 1000 + ``couple_id`` for the two of a couple
    (``couple_id`` of both), whatever their shifts.

    Raises:
        ValueError: ``couple_id`` is negative.
    """
    if couple_id is not None:
        if couple_id < 0:
            raise ValueError("a couple's id is not negative")
        return COUPLE_KEYS_FROM + couple_id
    return (MALE_KEY if sex is Sex.MALE else FEMALE_KEY) + (NIGHT_KEYS if night else 0)


def couple_id(one_worker_id: int, other_worker_id: int) -> int:
    """Return the one id that stands for a couple, whichever of the two asks: the smaller worker id."""
    return min(one_worker_id, other_worker_id)


def registration_due(happened_on: date) -> date:
    """Return the last day to report an arrival or departure: the third workday after it.

    The day itself is not counted: Friday 2026-02-13 → 2026-02-25.
    """
    return add_workdays(happened_on, REPORT_WORKDAYS)


def old_enough(born_on: date, on: date) -> bool:
    """Say whether someone born on ``born_on`` may be housed as a worker on the day ``on`` (16 years)."""
    return born_on <= on and age_on(born_on, on) >= MIN_WORKER_AGE


# --- signing --------------------------------------------------------------------------------------


def signing_end(booked_on: date, starts_on: date, days: int) -> datetime:
    """Return the instant from which an unsigned lease holds no room: the end of the last day to sign.

    That is ``days`` days after the booking, or the first day of the lease if it comes sooner; whoever books
    at the last moment still has the whole of the next day.
    """
    last = max(min(booked_on + timedelta(days=days), starts_on), booked_on + timedelta(days=1))
    return datetime.combine(last + timedelta(days=1), time(), SHANGHAI)


def last_day_to_sign(sign_until: datetime) -> date:
    """Return the day whose 24:00 ``sign_until`` is."""
    return business_date(sign_until) - timedelta(days=1)


def has_lapsed(state: str, sign_until: datetime | None, now: datetime) -> bool:
    """Say whether a lease was not signed by both in time; computed, never stored."""
    return state == "drafted" and sign_until is not None and sign_until <= now


# --- beds -----------------------------------------------------------------------------------------


class Bed(NamedTuple):
    """A bed of a room."""

    room_id: int
    bed_no: int


@dataclass(frozen=True, slots=True)
class Sleeper:
    """A worker who needs a bed; ``couple_with`` is the worker id of the partner.

    ``wish`` is the name that those who want to be together have in common. Who has a bed already and may be
    asked to change it is ``at`` that bed, until ``until``; such a one is never left without a bed.
    """

    id: int
    sex: Sex
    couple_with: int | None = None
    night: bool = False
    wish: str = ""
    ground_floor: bool = False
    at: Bed | None = None
    until: date | None = None

    @property
    def key(self) -> int:
        """The companion key of this worker's stay."""
        if self.couple_with is None:
            return companion_key(self.sex, night=self.night)
        return companion_key(self.sex, couple_id(self.id, self.couple_with))


@dataclass(frozen=True, slots=True)
class FreeRoom:
    """A room with its free bed numbers over the whole time wanted, in the order they are given out.

    ``companion_key`` is that of the people already there at any time of it, None if nobody is, and ``wishes``
    the names of wishes they have. The beds of sleepers who may move count as free, those people as away.
    """

    id: int
    house_id: int
    free_beds: tuple[int, ...]
    capacity: int
    companion_key: int | None = None
    ground_floor: bool = False
    wishes: frozenset[str] = frozenset()
    until: date | None = None


class Placement(NamedTuple):
    """One worker in one bed."""

    worker_id: int
    room_id: int
    bed_no: int
    companion_key: int


class UnplacedReason(StrEnum):
    """Why a worker got no bed."""

    NO_BED_FOR_MEN = "no_bed_for_men"
    NO_BED_FOR_WOMEN = "no_bed_for_women"
    NO_BED_FOR_NIGHT_MEN = "no_bed_for_night_men"
    NO_BED_FOR_NIGHT_WOMEN = "no_bed_for_night_women"
    NO_ROOM_FOR_COUPLE = "no_room_for_couple"
    COUPLE_MISMATCH = "couple_mismatch"


def unplaced_reason_label(reason: UnplacedReason) -> str:
    """Return the sentence for a reason, with the way out."""
    labels: dict[UnplacedReason, str] = {
        UnplacedReason.NO_BED_FOR_MEN: _("没有白班男员工能住的空床了，请再订几间房"),
        UnplacedReason.NO_BED_FOR_WOMEN: _("没有白班女员工能住的空床了，请再订几间房"),
        UnplacedReason.NO_BED_FOR_NIGHT_MEN: _("没有夜班男员工能住的空床了，请再订几间房"),
        UnplacedReason.NO_BED_FOR_NIGHT_WOMEN: _("没有夜班女员工能住的空床了，请再订几间房"),
        UnplacedReason.NO_ROOM_FOR_COUPLE: _("没有整间空着的双人房给夫妻住，请再订一间，或让两人分开住"),
        UnplacedReason.COUPLE_MISMATCH: _("两人的夫妻关系填得不一致，请核对名单里互填的配偶"),
    }
    return labels[reason]


class Unplaced(NamedTuple):
    """A worker without a bed, and why."""

    worker_id: int
    reason: UnplacedReason


def assign_beds(
    sleepers: Iterable[Sleeper], rooms: Iterable[FreeRoom]
) -> tuple[list[Placement], list[Unplaced]]:
    """Place workers in beds; return who sleeps where and who is left over, both in the order given.

    As many people get a bed as any placing could give one. Among such placings one is taken that gives most
    of those who asked for it the ground floor, then one that spreads those who want to be together over the
    fewest rooms, then one that moves the fewest of those who have a bed, then one in few houses. A couple has
    a room of its own, of two beds at least, also while one of them is not in the list.
    The number of beds is always the largest; wishes are searched for ``LEVEL_SECONDS`` a level, which for a
    small factory is to the end. Then the answer depends on nothing but the arguments and their order.

    Raises:
        ValueError: a worker, a room, or a bed of a room appears twice, or more beds are free than lawful.
    """
    people, space = list(sleepers), list(rooms)
    if len({sleeper.id for sleeper in people}) != len(people):
        raise ValueError("a worker appears twice")
    if len({room.id for room in space}) != len(space):
        raise ValueError("a room appears twice")
    if any(len(set(room.free_beds)) != len(room.free_beds) for room in space):
        raise ValueError("a bed appears twice")
    if any(len(room.free_beds) > room.capacity for room in space):
        raise ValueError("a bed too many, or one that appears twice")

    by_id = {sleeper.id: sleeper for sleeper in people}
    named = {sleeper.couple_with for sleeper in people}
    willing = [sleeper for sleeper in people if _couple_agrees(sleeper, by_id, named)]
    homes = _fill(willing, space)
    if any(sleeper.wish or sleeper.ground_floor or sleeper.at for sleeper in willing):
        homes = _honour_wishes(willing, space, homes)
    beds = _beds_of(willing, space, homes)
    return (
        [Placement(one.id, *beds[one.id], one.key) for one in people if one.id in beds],
        [Unplaced(one.id, _why_unplaced(one, willing)) for one in people if one.id not in beds],
    )


def _couple_agrees(sleeper: Sleeper, by_id: dict[int, Sleeper], named: set[int | None]) -> bool:
    """Say whether both name each other and are of different sex; a partner not in the list may come later."""
    if sleeper.couple_with is None:
        return sleeper.id not in named
    partner = by_id.get(sleeper.couple_with)
    return partner is None or (partner.couple_with == sleeper.id and partner.sex is not sleeper.sex)


def _why_unplaced(sleeper: Sleeper, willing: Sequence[Sleeper]) -> UnplacedReason:
    if sleeper not in willing:
        return UnplacedReason.COUPLE_MISMATCH
    if sleeper.couple_with is not None:
        return UnplacedReason.NO_ROOM_FOR_COUPLE
    if sleeper.sex is Sex.MALE:
        return UnplacedReason.NO_BED_FOR_NIGHT_MEN if sleeper.night else UnplacedReason.NO_BED_FOR_MEN
    return UnplacedReason.NO_BED_FOR_NIGHT_WOMEN if sleeper.night else UnplacedReason.NO_BED_FOR_WOMEN


def _beds_of(
    people: Sequence[Sleeper], rooms: Sequence[FreeRoom], homes: Mapping[int, int]
) -> dict[int, Bed]:
    """A bed in the room of each; who stays in a room keeps the bed."""
    kept = {one.id: one.at for one in people if one.at is not None and one.at.room_id == homes.get(one.id)}
    left = {room.id: [no for no in room.free_beds if Bed(room.id, no) not in kept.values()] for room in rooms}
    return {
        one.id: kept.get(one.id) or Bed(homes[one.id], left[homes[one.id]].pop(0))
        for one in people
        if one.id in homes
    }


def _fill(people: Sequence[Sleeper], rooms: Sequence[FreeRoom]) -> dict[int, int]:
    """worker → room for as many as possible, wishes aside; who has a bed stays in it.

    First whoever may join people of the same key; then the empty rooms are shared out.
    """
    homes = {one.id: one.at.room_id for one in people if one.at is not None}
    keys = {room.id: room.companion_key for room in rooms}
    keys |= {one.at.room_id: one.key for one in people if one.at is not None}
    left = {room.id: len(room.free_beds) for room in rooms}
    for room_id in homes.values():
        left[room_id] -= 1
    waiting: dict[int, list[Sleeper]] = defaultdict(list)
    for one in people:
        if one.id not in homes:
            waiting[one.key].append(one)

    def settle(key: int, room_id: int) -> None:
        for one in waiting[key][: left[room_id]]:
            homes[one.id] = room_id
        waiting[key] = waiting[key][left[room_id] :]

    for room in rooms:
        key = keys[room.id]
        if key is not None and (key < COUPLE_KEYS_FROM or left[room.id] >= len(waiting[key])):
            settle(key, room.id)
    couples = {key: pair for key, pair in waiting.items() if key >= COUPLE_KEYS_FROM and pair}
    singles = {key: len(found) for key, found in waiting.items() if key < COUPLE_KEYS_FROM and found}
    empty = [room for room in rooms if keys[room.id] is None and room.free_beds]
    if not empty or not (couples or singles):
        return homes
    quota = _share_out(Counter(len(room.free_beds) for room in empty), singles, couples)
    for room in _by_house(empty, sum(singles.values())):
        open_to = [key for key in singles if quota[len(room.free_beds), key]]
        if open_to:
            key = max(open_to, key=lambda key: len(waiting[key]))
            quota[len(room.free_beds), key] -= 1
            keys[room.id] = key
            settle(key, room.id)
    for room in empty:
        key = next((key for key in couples if quota[len(room.free_beds), key]), None)
        if keys[room.id] is None and key is not None:
            quota[len(room.free_beds), key] -= 1
            settle(key, room.id)
    return homes


def _share_out(
    sizes: Mapping[int, int], singles: Mapping[int, int], couples: Mapping[int, Sequence[Sleeper]]
) -> dict[tuple[int, int], int]:
    """(beds, key) → how many empty rooms of that size go to a key, so that the most people get a bed.

    Rooms of one size are alike, which keeps the programme small whatever their number. Among the best, one
    with the most couples, then with the fewest rooms.
    """
    model = _solver()
    given = {
        (size, key): model.addIntegral(0, rooms if key in singles else 1)
        for size, rooms in sizes.items()
        for key in (*singles, *couples)
        if key in singles or size >= 2
    }
    seated = {key: model.addVariable(0, heads) for key, heads in singles.items()}
    for size, rooms in sizes.items():
        model.addConstr(model.qsum(count for (beds, _key), count in given.items() if beds == size) <= rooms)
    for key, heads in seated.items():
        model.addConstr(
            heads <= model.qsum(size * count for (size, other), count in given.items() if other == key)
        )
    for key in couples:
        model.addConstr(model.qsum(count for (_size, other), count in given.items() if other == key) <= 1)
    person = 3 * sum(sizes.values()) + 1
    worth = model.qsum(person * heads for heads in seated.values())
    for (_size, key), count in given.items():
        worth += (person * len(couples[key]) + 1 if key in couples else -1) * count
    model.maximize(worth)
    return {place: round(model.val(count)) for place, count in given.items()} | {
        (size, key): 0 for size in sizes for key in couples if size < 2
    }


def _by_house(rooms: Sequence[FreeRoom], heads: int) -> list[FreeRoom]:
    """Order rooms so that few houses are used: the smallest house that holds all, else the largest first."""
    houses: dict[int, list[FreeRoom]] = {}
    for room in rooms:
        houses.setdefault(room.house_id, []).append(room)
    remaining = [sorted(house, key=lambda room: -len(room.free_beds)) for house in houses.values()]
    ordered: list[FreeRoom] = []

    def beds(house: list[FreeRoom]) -> int:
        return sum(len(room.free_beds) for room in house)

    remaining.sort(key=beds, reverse=True)
    while remaining:
        enough = [house for house in remaining if beds(house) >= heads]
        house = enough[-1] if enough else remaining[0]
        remaining = [other for other in remaining if other is not house]
        ordered += house
        heads = max(heads - beds(house), 0)
    return ordered


LEVEL_SECONDS = 0.5
"""The most time for one level of wishes; after it the best found stands."""
MOST_PLACES = 20_000
"""Kinds of people times rooms; beyond that only the rooms in use and a quarter as many others are tried."""


def _honour_wishes(
    people: Sequence[Sleeper], rooms: Sequence[FreeRoom], homes: Mapping[int, int]
) -> dict[int, int]:
    """worker → room with as many people as before, or more if some may move, and more wishes fulfilled.

    People who are alike for the programme are counted, not named; ``homes`` is where the search begins.
    """
    alike: dict[Hashable, list[Sleeper]] = defaultdict(list)
    for one in people:
        alike[one.key, one.wish, one.ground_floor, one.at and one.at.room_id, one.until].append(one)
    groups = list(alike.values())
    if len(groups) * len(rooms) > MOST_PLACES:
        used = set(homes.values())
        spare = sorted(
            (room for room in rooms if room.id not in used), key=lambda room: not room.ground_floor
        )
        rooms = [*(room for room in rooms if room.id in used), *spare[: len(used) // 4]]
    model = _solver(LEVEL_SECONDS)
    begin: list[int] = []

    def whole(most: int, at_first: int) -> highs_var:
        begin.append(at_first)
        column: highs_var = model.addIntegral(0, most)
        return column

    heads: dict[tuple[int, int], highs_var] = {}
    for place, group in enumerate(groups):
        for room in rooms:
            if room.free_beds and _suits(group, room):
                there = sum(homes.get(one.id) == room.id for one in group)
                heads[place, room.id] = whole(min(len(group), len(room.free_beds)), there)
        in_beds = model.qsum(heads[place, room.id] for room in rooms if (place, room.id) in heads)
        model.addConstr(in_beds == len(group) if group[0].at else in_beds <= len(group))

    keys = {one.id: one.key for one in people}
    home_keys = {room_id: keys[worker_id] for worker_id, room_id in homes.items()}
    opened: dict[int, list[highs_var]] = defaultdict(list)
    couples: dict[int, list[highs_var]] = defaultdict(list)
    for room in rooms:
        by_key: dict[int, list[highs_var]] = defaultdict(list)
        for place, group in enumerate(groups):
            if (place, room.id) in heads:
                by_key[group[0].key].append(heads[place, room.id])
        beds, given = len(room.free_beds), []
        for key, counts in by_key.items():
            given.append(whole(1, int(home_keys.get(room.id) == key)))
            model.addConstr(model.qsum(counts) <= beds * given[-1])
            if key >= COUPLE_KEYS_FROM:
                couples[key].append(given[-1])
        if given:
            model.addConstr(model.qsum(given) <= 1)
            opened[room.house_id] += given
    for one_room in couples.values():
        model.addConstr(model.qsum(one_room) <= 1)
    together = _rooms_of_wishes(groups, rooms, heads, homes, model, whole)

    in_use = {room.house_id for room in rooms if room.companion_key is not None}
    houses = []
    for house_id, given in opened.items():
        if house_id not in in_use:
            houses.append(whole(1, int(any(r.house_id == house_id and r.id in home_keys for r in rooms))))
            model.addConstr(model.qsum(given) <= len(given) * houses[-1])
    ground = {room.id for room in rooms if room.ground_floor}
    if not any(one.at for one in people):  # ``homes`` has the most people that can get a bed.
        model.addConstr(model.qsum(heads.values()) >= len(homes))
    levels = [
        list(heads.values()) if any(one.at for one in people) else [],
        [count for (place, room), count in heads.items() if groups[place][0].ground_floor and room in ground],
        [-1 * one for one in together],
        [
            -1 * count
            for (place, room), count in heads.items()
            if (at := groups[place][0].at) is not None and at.room_id != room
        ],
        [-1 * house for house in houses],
    ]
    best = _best_in_turn(model, levels, begin)
    new_homes: dict[int, int] = {}
    for place, group in enumerate(groups):
        into = [
            room.id
            for room in rooms
            if (place, room.id) in heads
            for _head in range(round(best[heads[place, room.id].index]))
        ]
        new_homes |= {one.id: room_id for one, room_id in zip(group, into, strict=False)}
    return new_homes


def _suits(group: Sequence[Sleeper], room: FreeRoom) -> bool:
    """Whether people who are alike may sleep in a room, whoever else comes."""
    one = group[0]
    if one.until is not None and room.until is not None and room.until < one.until:
        return False
    if room.companion_key is not None:
        return room.companion_key == one.key
    return one.couple_with is None or len(room.free_beds) >= 2


def _rooms_of_wishes(
    groups: Sequence[Sequence[Sleeper]],
    rooms: Sequence[FreeRoom],
    heads: Mapping[tuple[int, int], highs_var],
    homes: Mapping[int, int],
    model: Highs,
    whole: Callable[[int, int], highs_var],
) -> list[highs_var]:
    """For each wish and each room without anybody of it, whether it is spread to there as well."""
    parts: dict[tuple[str, int], list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        if group[0].wish:
            parts[group[0].wish, group[0].key].append(place)
    spread = []
    for (wish, _key), places in parts.items():
        for room in rooms:
            counts = [heads[place, room.id] for place in places if (place, room.id) in heads]
            if counts and wish not in room.wishes:
                there = any(homes.get(one.id) == room.id for place in places for one in groups[place])
                spread.append(whole(1, int(there)))
                model.addConstr(model.qsum(counts) <= len(room.free_beds) * spread[-1])
    return spread


def _best_in_turn(
    model: Highs, levels: Sequence[Sequence[highs_linear_expression | highs_var]], begin: Sequence[int]
) -> list[float]:
    """Maximise each level without giving up anything of the ones before; returns the columns' values."""
    best = [float(value) for value in begin]
    for level in levels:
        if not level:
            continue
        start = HighsSolution()
        start.col_value = best
        model.setSolution(start)
        aim = model.qsum(level)
        model.maximize(aim)
        found = list(model.getSolution().col_value)
        if model.getInfo().primal_solution_status == SolutionStatus.kSolutionStatusFeasible:
            best = [float(round(value)) for value in found]
        model.addConstr(aim >= sum(_value(term, best) for term in level) - 0.5)
    return best


def _value(term: highs_linear_expression | highs_var, values: Sequence[float]) -> float:
    if isinstance(term, highs_var):
        return values[term.index]
    return sum(factor * values[column] for column, factor in zip(term.idxs, term.vals, strict=True))


def _solver(seconds: float | None = None) -> Highs:
    """A silent solver that proves its answer to the last unit and gives the same answer each time."""
    model = Highs()  # type: ignore[no-untyped-call]
    model.silent()
    model.setOptionValue("threads", 1)
    model.setOptionValue("mip_rel_gap", 0.0)
    model.setOptionValue("mip_abs_gap", 0.9)
    if seconds is not None:
        model.setOptionValue("time_limit", seconds)
    return model


# --- a room on a day ------------------------------------------------------------------------------


class RoomState(StrEnum):
    """What a room is at 24:00 of a day; each room is exactly one of these."""

    UNLISTED = "unlisted"
    LISTED = "listed"
    HELD = "held"
    LEASED = "leased"
    """Under contract, nobody sleeping there."""
    OCCUPIED = "occupied"
    CLOSED = "closed"


class ClaimState(StrEnum):
    """The states of a ``RoomClaim``; a released one takes no room."""

    HELD = "held"
    LEASED = "leased"
    CLOSED = "closed"
    RELEASED = "released"


def room_state(
    day: date,
    *,
    claims: Iterable[tuple[ClaimState, Period]],
    stays: Iterable[Period],
    listings: Iterable[Period],
) -> RoomState:
    """Return what a room is at 24:00 of ``day`` from its claims, arrived stays and approved listings.

    Expired holds are for the caller to leave out: whether a hold has expired is a question of instants.
    Someone sleeping there counts before everything else, then closed, leased, held, listed.
    """
    if any(stay.contains(day) for stay in stays):
        return RoomState.OCCUPIED
    taken = {state for state, period in claims if period.contains(day)}
    for claim, state in (
        (ClaimState.CLOSED, RoomState.CLOSED),
        (ClaimState.LEASED, RoomState.LEASED),
        (ClaimState.HELD, RoomState.HELD),
    ):
        if claim in taken:
            return state
    return RoomState.LISTED if any(listing.contains(day) for listing in listings) else RoomState.UNLISTED


# --- handing a room over --------------------------------------------------------------------------


class Moment(StrEnum):
    """At which end of its days a room is handed over."""

    START = "start"
    END = "end"


class Condition(StrEnum):
    """How a thing in a room is."""

    GOOD = "good"
    WORN = "worn"
    """Used, in order: no case for the deposit."""
    BROKEN = "broken"
    ABSENT = "absent"


THINGS = ("bed", "wardrobe", "table", "air_conditioner", "water_heater", "lamps", "lock", "window", "walls")
"""What a sheet lists; domain rulebook 4 (SAMR model lease: both-side handover sheet)."""


def thing_label(thing: str) -> str:
    """The word for a thing of the sheet."""
    labels: dict[str, str] = {
        "bed": _("床和床垫"),
        "wardrobe": _("衣柜"),
        "table": _("桌椅"),
        "air_conditioner": _("空调"),
        "water_heater": _("热水器"),
        "lamps": _("灯和开关"),
        "lock": _("门锁"),
        "window": _("窗"),
        "walls": _("墙和地"),
    }
    return labels[thing]


def condition_label(condition: Condition) -> str:
    """The word for a condition."""
    labels: dict[Condition, str] = {
        Condition.GOOD: _("好"),
        Condition.WORN: _("旧了，能用"),
        Condition.BROKEN: _("坏了"),
        Condition.ABSENT: _("没有"),
    }
    return labels[condition]


class Worse(NamedTuple):
    """A thing that was whole when the room was given and is not when it comes back."""

    thing: str
    before: Condition
    after: Condition


def worse_since(start: Mapping[str, str], end: Mapping[str, str]) -> list[Worse]:
    """What was broken or went missing between two sheets, in the order of the sheet. Wear is none of it."""
    bad = (Condition.BROKEN, Condition.ABSENT)
    return [
        Worse(thing, Condition(start[thing]), Condition(end[thing]))
        for thing in THINGS
        if thing in start and thing in end and end[thing] in bad and start[thing] not in bad
    ]
