"""The best block of rooms for a need, as a mixed-integer programme with a proven gap. Pure: no database.

Rooms that are alike in all that an aim looks at are one whole-number column, and groups need no column per
room: ``rooms of s beds for group g`` says enough, and the rooms are dealt to the groups house by house
afterwards. So 5,000 rooms become a few hundred columns where only rent counts, and a few thousand
where houses do.

Aims come one after another, each without worsening the one before: what the plan is best at; the rent; and
then, within the district's bound on the rent, rooms of households that were let least (共富).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from qiantang_nest.bookings.rules.need import (
    COUPLE_BEDS,
    LEAST_LET_DAYS,
    Candidate,
    Group,
    Need,
    Placed,
    Shortage,
    Wish,
)
from qiantang_nest.bookings.rules.programme import MANY, Found, Programme

MOST_CANDIDATES = 5_000
SECONDS_A_PLAN = 0.8
"""Three plans and the reading before them stay under the three seconds one answer may take."""
DEFAULT_FAIRNESS_PERMILLE = 30
_FEW_SECONDS = 0.2
_MANY_SECONDS = 1.5
_OTHER_HOUSES = 120
"""Houses that rent and fairness may exchange for those of a first answer."""
_FRACTION = 1e-6
_DAYS_A_STEP = 30
"""Fairness counts whole months let, so that rooms of like households are one column."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of rooms, how good it is proven to be, and what the fairness rule changed in it.

    ``gap``: how far its aim may be above the optimum, as a share. ``plain_rent_fen`` and ``plain_least_let``
    are the rent and the rooms of households let least that the block would have without the rule.
    """

    wish: Wish
    placed: tuple[Placed, ...]
    lacking: Shortage
    gap: float
    seconds: float
    plain_rent_fen: int
    plain_least_let: int

    @property
    def rent_fen(self) -> int:
        """Of all rooms a month."""
        return sum(place.room.rent_fen for place in self.placed)

    @property
    def least_let(self) -> int:
        """Rooms of households that were let least."""
        return sum(place.room.let_days <= LEAST_LET_DAYS for place in self.placed)


def best_block(
    rooms: Sequence[Candidate],
    need: Need,
    wish: Wish,
    *,
    fairness_permille: int = DEFAULT_FAIRNESS_PERMILLE,
    pinned: Collection[int] = (),
    struck: Collection[int] = (),
    seconds: float = SECONDS_A_PLAN,
) -> Block:
    """The best rooms for ``need``: all of it, or if that cannot be, with as few people left out as possible.

    ``pinned`` rooms are taken whatever they cost, ``struck`` ones never. ``fairness_permille`` is how much
    dearer a block may be for the sake of households let least.
    """
    began = perf_counter()
    away, wanted = set(struck), frozenset(pinned)
    offered = sorted((room for room in rooms if room.room_id not in away), key=lambda room: room.room_id)
    lacking = shortage(offered, need, pinned=wanted)
    targets = _Targets.of(need, lacking)
    if not targets.any:
        return Block(wish, (), lacking, 0.0, perf_counter() - began, 0, 0)
    search = _Search(targets, wish, wanted, fairness_permille, began + seconds)
    answer = search.in_one_village(offered, need) if need.same_village and not lacking else None
    answer = answer or search.among(offered)
    return Block(
        wish,
        tuple(answer.placed),
        lacking,
        answer.gap,
        perf_counter() - began,
        sum(place.room.rent_fen for place in answer.plain),
        sum(place.room.let_days <= LEAST_LET_DAYS for place in answer.plain),
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    """A block with the fairness rule and without, and what its aim came to."""

    placed: Sequence[Placed]
    plain: Sequence[Placed]
    aim: int
    bound: float
    gap: float


@dataclass(frozen=True, slots=True)
class _Search:
    """One search for a block: what is looked for, and until when."""

    targets: "_Targets"
    wish: Wish
    pinned: frozenset[int]
    fairness_permille: int
    deadline: float

    def left(self) -> float:
        """Seconds that are left."""
        return self.deadline - perf_counter()

    def among(self, rooms: Sequence[Candidate]) -> _Answer:
        """The best block out of rooms that can meet the targets."""
        if self.wish is Wish.HOUSES:
            return self._of_fewest_houses(rooms)
        model = _Model(
            _worth_a_look(rooms, self.targets, self.pinned, self.wish), self.targets, self.pinned, self.wish
        )
        found = first = _must(model.programme, model.main_costs(self.wish), self.left() * 0.8)
        if self.wish is Wish.WAY:
            model.programme.keep(model.ways, first.aim)
            found = model.refine(model.rents, self.left(), first.values)
        placed = plain = model.placed(found.values)
        if self.fairness_permille:
            model.programme.keep(model.rents, self._most_rent(plain))
            placed = model.placed(model.refine(model.let_months, self.left(), found.values).values)
        return _Answer(placed, plain, first.aim, first.bound, first.gap)

    def _most_rent(self, plain: Sequence[Placed]) -> int:
        """What a block may cost a month for the sake of fairness."""
        return sum(place.room.rent_fen for place in plain) * (1000 + self.fairness_permille) // 1000

    def _of_fewest_houses(self, rooms: Sequence[Candidate]) -> _Answer:
        """Houses are all or nothing, so rent and fairness are improved among fewer houses."""
        first, rooms, plain = _fewest_houses(rooms, self.targets, self.pinned, self.left() * 0.5)

        def better(
            block: list[Placed], by: Callable[[Candidate], float], seconds: float, *, fair: bool
        ) -> list[Placed]:
            model = _Model(_of_best_houses(rooms, block, by), self.targets, self.pinned, self.wish)
            model.programme.keep(model.houses, first.aim)
            if fair:
                model.programme.keep(model.rents, self._most_rent(block))
            start = model.start_from(block)
            return model.placed(
                _must(model.programme, model.let_months if fair else model.rents, seconds, start).values
            )

        plain = better(plain, lambda room: room.rent_fen / room.beds, self.left() * 0.6, fair=False)
        placed = plain
        if self.fairness_permille:
            placed = better(plain, lambda room: float(_months(room)), self.left(), fair=True)
        return _Answer(placed, plain, first.aim, first.bound, first.gap)

    def in_one_village(self, rooms: Sequence[Candidate], need: Need) -> _Answer | None:
        """The best block of one village, or None if no village alone can meet the need.

        Villages are tried in the order of what their relaxation promises, until none left can be better.
        """
        of_village: dict[str, list[Candidate]] = defaultdict(list)
        for room in rooms:
            of_village[room.village_code].append(room)
        promises: list[tuple[float, str]] = []
        for code, own in of_village.items():
            if self.pinned and not self.pinned & {room.room_id for room in rooms} <= {r.room_id for r in own}:
                continue
            if sum(room.beds for room in own) < self.targets.beds or shortage(own, need, pinned=self.pinned):
                continue
            model = _Model(own, self.targets, self.pinned, self.wish)
            promises.append((model.programme.relaxed_aim(model.main_costs(self.wish)), code))
        best: _Answer | None = None
        promises.sort()
        for at, (promise, code) in enumerate(promises):
            if best is not None and (math.ceil(promise - _FRACTION) >= best.aim or self.left() <= 0):
                bound = min(best.bound, max(promise, 0.0))
                gap = (best.aim - min(best.aim, math.ceil(bound - _FRACTION))) / best.aim if best.aim else 0.0
                return replace(best, gap=max(best.gap, gap) if self.left() <= 0 else best.gap)
            share = replace(
                self, deadline=perf_counter() + self.left() / (2 if at < len(promises) - 1 else 1)
            )
            answer = share.among(of_village[code])
            if best is None or answer.aim < best.aim:
                best = answer
        return best


def shortage(
    rooms: Iterable[Candidate], need: Need, *, pinned: Collection[int] = (), struck: Collection[int] = ()
) -> Shortage:
    """What the rooms cannot give, with as few people as possible left out, then as few spare beds.

    Only sizes count here, so the programme has a dozen columns whatever the number of rooms.
    """
    away = set(struck)
    counts = Counter(
        (room.beds, room.ground, room.room_id in pinned) for room in rooms if room.room_id not in away
    )
    programme = Programme()
    of_size: dict[int, list[int]] = defaultdict(list)
    on_ground: list[tuple[int, int]] = []
    for (beds, ground, pin), count in sorted(counts.items()):
        column = programme.column(count, count if pin else 0)
        of_size[beds].append(column)
        if ground:
            on_ground.append((column, beds))
    missing: dict[Group, int] = {}
    spare: dict[Group, int] = {}
    terms = _group_terms(programme, of_size, [group for group in Group if need.heads.get(group)])
    for group, row in terms.items():
        missing[group] = programme.column(need.heads[group])
        row = [*row, (missing[group], 1)]
        if need.spare(group):
            spare[group] = programme.column(need.spare(group))
            row.append((spare[group], 1))
        programme.row(row, at_least=need.wanted(group))
    costs = {
        column: 10_000 * (COUPLE_BEDS if group is Group.COUPLE else 1) for group, column in missing.items()
    }
    costs |= dict.fromkeys(spare.values(), 10)
    no_ground = programme.column(need.ground_beds)
    programme.row([*on_ground, (no_ground, 1)], at_least=need.ground_beds)
    costs[no_ground] = 100
    found = programme.minimise(costs, seconds=_FEW_SECONDS)
    if found is None:  # only pins can make it so: beds of the wrong size for who is to come
        return Shortage({group: need.heads[group] for group in terms}, 0, need.ground_beds)
    return Shortage(
        {group: found.values[column] for group, column in missing.items() if found.values[column]},
        sum(found.values[column] for column in spare.values()),
        found.values[no_ground],
    )


@dataclass(frozen=True, slots=True)
class _Targets:
    """What the programme must reach, once what cannot be is taken off: beds by group, of couples rooms."""

    of_group: Mapping[Group, int]
    spare: Mapping[Group, int]
    less_spare: int
    ground_beds: int

    @classmethod
    def of(cls, need: Need, lacking: Shortage) -> "_Targets":
        present = [group for group in Group if need.heads.get(group)]
        return cls(
            {group: need.wanted(group) - lacking.heads.get(group, 0) for group in present},
            {group: need.spare(group) for group in present if need.spare(group)},
            lacking.spare,
            need.ground_beds - lacking.ground_beds,
        )

    @property
    def any(self) -> bool:
        return any(self.of_group.values())

    @property
    def beds(self) -> int:
        """Beds that are taken at the least."""
        return (
            sum(
                count * (COUPLE_BEDS if group is Group.COUPLE else 1)
                for group, count in self.of_group.items()
            )
            - self.less_spare
        )

    def most_rooms(self, size: int) -> int:
        """More rooms of ``size`` beds than these no answer needs."""
        singles = sum(
            -(-count // size) for group, count in self.of_group.items() if group is not Group.COUPLE
        )
        return singles + self.of_group.get(Group.COUPLE, 0) + -(-self.ground_beds // size)

    def bind(
        self, programme: Programme, of_size: Mapping[int, Sequence[int]]
    ) -> dict[tuple[int, Group], int]:
        """Write the rows of the groups; returns the column of each size and group."""
        columns: dict[tuple[int, Group], int] = {}
        terms = _group_terms(programme, of_size, list(self.of_group), columns)
        lacks = {group: programme.column(most) for group, most in self.spare.items() if self.less_spare}
        for group, row in terms.items():
            programme.row(
                [*row, *([(lacks[group], 1)] if group in lacks else [])], at_least=self.of_group[group]
            )
        if lacks:
            programme.row([(column, 1) for column in lacks.values()], at_most=self.less_spare)
        return columns


def _group_terms(
    programme: Programme,
    of_size: Mapping[int, Sequence[int]],
    groups: Sequence[Group],
    columns: dict[tuple[int, Group], int] | None = None,
) -> dict[Group, list[tuple[int, int]]]:
    """For each group the beds (of couples, the rooms) it gets; every chosen room goes to one group."""
    terms: dict[Group, list[tuple[int, int]]] = {group: [] for group in groups}
    for size, rooms in sorted(of_size.items()):
        shares = []
        for group in groups:
            if group is Group.COUPLE and size < COUPLE_BEDS:
                continue
            column = programme.column(MANY)
            if columns is not None:
                columns[size, group] = column
            shares.append((column, -1))
            terms[group].append((column, 1 if group is Group.COUPLE else size))
        programme.row([*((room, 1) for room in rooms), *shares], at_least=0, at_most=0)
    return terms


def _like(
    rooms: Iterable[Candidate], key: Callable[[Candidate], Hashable], pinned: Collection[int]
) -> list[list[Candidate]]:
    """Rooms that are alike, each kind with those of households let least and the nearest first."""
    kinds: dict[Hashable, list[Candidate]] = defaultdict(list)
    for room in rooms:
        kinds[key(room), room.room_id in pinned].append(room)
    for kind in kinds.values():
        kind.sort(key=lambda room: (room.let_days, room.minutes, room.house_id, room.room_id))
    return list(kinds.values())


def _months(room: Candidate) -> int:
    return -(-room.let_days // _DAYS_A_STEP)


def _worth_a_look(
    rooms: Sequence[Candidate],
    targets: _Targets,
    pinned: Collection[int],
    wish: Wish,
) -> list[Candidate]:
    """The rooms without those that an answer need not have: enough others are as good in every respect.

    No answer needs more rooms of a size than would do for all groups, so a room with so many others of its
    size that are no dearer, no farther and of households let no more can go. Houses are another matter.
    """
    if wish is Wish.HOUSES:
        return list(rooms)
    kinds: dict[Hashable, list[Candidate]] = defaultdict(list)
    kept: list[Candidate] = []
    for room in rooms:
        if room.room_id in pinned:
            kept.append(room)
            continue
        kinds[room.beds, room.ground if targets.ground_beds else False].append(room)
    for kind in kinds.values():
        most = targets.most_rooms(kind[0].beds)
        if len(kind) <= most:
            kept.extend(kind)
            continue
        figures = np.array(
            [(room.rent_fen, _months(room), room.minutes if wish is Wish.WAY else 0) for room in kind]
        )
        order = np.lexsort(figures.T)
        figures = figures[order]
        for at, own in enumerate(figures):
            before = figures[:at]
            if np.count_nonzero((before <= own).all(axis=1)) < most:
                kept.append(kind[order[at]])
    return kept


class _Model:
    """The programme of one plan: columns of like rooms, and of houses and villages where they count."""

    def __init__(
        self,
        rooms: Sequence[Candidate],
        targets: _Targets,
        pinned: Collection[int],
        wish: Wish,
    ) -> None:
        ground = targets.ground_beds > 0

        def key(room: Candidate) -> Hashable:
            return (
                room.beds,
                room.rent_fen,
                _months(room),
                room.minutes if wish is Wish.WAY else 0,
                room.house_id if wish is Wish.HOUSES else 0,
                room.ground if ground else False,
            )

        self.programme = Programme()
        self.kinds = _like(rooms, key, pinned)
        of_size: dict[int, list[int]] = defaultdict(list)
        of_house: dict[int, list[int]] = defaultdict(list)
        self.rents: dict[int, int] = {}
        self.ways: dict[int, int] = {}
        self.let_months: dict[int, int] = {}
        ground_terms: list[tuple[int, int]] = []
        for kind in self.kinds:
            first = kind[0]
            column = self.programme.column(len(kind), len(kind) if first.room_id in pinned else 0)
            of_size[first.beds].append(column)
            of_house[first.house_id].append(column)
            self.rents[column] = first.rent_fen
            self.ways[column] = first.minutes * first.beds
            self.let_months[column] = _months(first) * first.beds
            if first.ground:
                ground_terms.append((column, first.beds))
        self.shares = targets.bind(self.programme, of_size)
        if ground:
            self.programme.row(ground_terms, at_least=targets.ground_beds)
        self.house_columns: dict[int, int] = {}
        if wish is Wish.HOUSES:
            for house, columns in of_house.items():
                self.house_columns[house] = self._gate(columns)
        self.houses = dict.fromkeys(self.house_columns.values(), 1)

    def _gate(self, columns: Sequence[int]) -> int:
        """A column that is 1 as soon as one of the columns is used."""
        gate = self.programme.column(1)
        for column in columns:
            self.programme.row([(column, 1), (gate, -len(self.kinds[column]))], at_most=0)
        return gate

    def main_costs(self, wish: Wish) -> dict[int, int]:
        """What the plan is to be best at."""
        match wish:
            case Wish.COST:
                return self.rents
            case Wish.WAY:
                return self.ways
            case Wish.HOUSES:
                return self.houses

    def refine(self, costs: Mapping[int, int], seconds: float, start: Sequence[int]) -> Found:
        """Better by a further aim, or as good."""
        found = self.programme.refine(costs, seconds=max(_FEW_SECONDS, seconds), start=start)
        if found is None:
            raise AssertionError("what was begun from is an answer")
        return found

    def start_from(self, placed: Sequence[Placed]) -> list[int]:
        """The columns of a block known already, to begin from."""
        kind_of = {room.room_id: column for column, kind in enumerate(self.kinds) for room in kind}
        values = [0] * self.programme.columns
        for place in placed:
            values[kind_of[place.room.room_id]] += 1
            values[self.shares[place.room.beds, place.group]] += 1
            values[self.house_columns[place.room.house_id]] = 1
        return values

    def placed(self, values: Sequence[int]) -> list[Placed]:
        """The rooms of an answer, dealt to the groups."""
        chosen = [room for column, kind in enumerate(self.kinds) for room in kind[: values[column]]]
        return deal(chosen, {share: values[column] for share, column in self.shares.items()})


def deal(rooms: Iterable[Candidate], shares: Mapping[tuple[int, Group], int]) -> list[Placed]:
    """Give each chosen room its group, so that few houses have more than one.

    ``shares``: how many rooms of a size go to a group; they add up to the rooms. House by house, largest
    first, the group that can take most of a house takes what it can of it.
    """
    left = Counter({share: count for share, count in shares.items() if count})
    houses: dict[int, list[Candidate]] = defaultdict(list)
    for room in rooms:
        houses[room.house_id].append(room)
    placed: list[Placed] = []
    for house in sorted(houses, key=lambda one: (-sum(room.beds for room in houses[one]), one)):
        waiting = sorted(houses[house], key=lambda room: (-room.beds, room.room_id))
        while waiting:
            group = max(Group, key=lambda one: _can_take(waiting, one, left))
            rest = []
            for room in waiting:
                if left[room.beds, group]:
                    left[room.beds, group] -= 1
                    placed.append(Placed(room, group))
                else:
                    rest.append(room)
            if len(rest) == len(waiting):
                raise ValueError("the shares do not add up to the rooms")
            waiting = rest
    return sorted(
        placed, key=lambda place: (place.room.village_code, place.room.house_id, place.room.room_id)
    )


def _can_take(
    rooms: Sequence[Candidate], group: Group, left: Mapping[tuple[int, Group], int]
) -> tuple[int, int]:
    """Beds of a house a group could take; of equals the one with more rooms still to come."""
    sizes = Counter(room.beds for room in rooms)
    beds = sum(size * min(count, left.get((size, group), 0)) for size, count in sizes.items())
    return beds, sum(count for (_size, one), count in left.items() if one is group)


def _fewest_houses(
    rooms: Sequence[Candidate], targets: _Targets, pinned: Collection[int], seconds: float
) -> tuple[Found, list[Candidate], list[Placed]]:
    """The least number of houses, the rooms of houses that an answer of so few can have, and one such answer.

    Houses that offer the same number of rooms of each size are one column. A house with so few beds that the
    largest others cannot make up for it is in no such answer, which leaves few for the programme of the rent.
    """

    def part(room: Candidate) -> tuple[int, bool, bool]:
        return room.beds, room.ground and targets.ground_beds > 0, room.room_id in pinned

    houses: dict[int, list[Candidate]] = defaultdict(list)
    for room in rooms:
        houses[room.house_id].append(room)
    profiles: dict[Hashable, list[int]] = defaultdict(list)
    for house, own in houses.items():
        profiles[tuple(sorted(Counter(map(part, own)).items()))].append(house)
    programme = Programme()
    of_size: dict[int, list[int]] = defaultdict(list)
    ground: list[tuple[int, int]] = []
    uses: list[tuple[int, list[int]]] = []
    parts: list[dict[tuple[int, bool, bool], int]] = []
    for alike in profiles.values():
        alike.sort(key=lambda house: (sum(room.rent_fen for room in houses[house]), house))
        used = programme.column(len(alike))
        columns: dict[tuple[int, bool, bool], int] = {}
        for (beds, on_ground, pin), count in sorted(Counter(map(part, houses[alike[0]])).items()):
            most = count * len(alike)
            column = programme.column(most, most if pin else 0)
            programme.row([(column, 1), (used, -count)], at_most=0)
            of_size[beds].append(column)
            columns[beds, on_ground, pin] = column
            if on_ground:
                ground.append((column, beds))
        uses.append((used, alike))
        parts.append(columns)
    shares = targets.bind(programme, of_size)
    if targets.ground_beds:
        programme.row(ground, at_least=targets.ground_beds)
    found = _must(programme, {used: 1 for used, _alike in uses}, seconds)
    chosen: list[Candidate] = []
    for (used, alike), columns in zip(uses, parts, strict=True):
        pool = sorted(
            (room for house in alike[: found.values[used]] for room in houses[house]),
            key=lambda room: (room.rent_fen, room.room_id),
        )
        for like, column in columns.items():
            chosen.extend([room for room in pool if part(room) == like][: found.values[column]])
    start = deal(chosen, {share: found.values[column] for share, column in shares.items()})
    beds_of = {house: sum(room.beds for room in own) for house, own in houses.items()}
    largest = sum(sorted(beds_of.values(), reverse=True)[: max(0, found.aim - 1)])
    kept = {room.house_id for room in chosen}
    kept |= {house for house, beds in beds_of.items() if largest + beds >= targets.beds}
    return found, [room for room in rooms if room.house_id in kept], start


def _of_best_houses(
    rooms: Sequence[Candidate], block: Sequence[Placed], by: Callable[[Candidate], float]
) -> list[Candidate]:
    """The rooms of the houses of a block, and of others whose rooms are least in ``by``."""
    worth: dict[int, list[float]] = defaultdict(list)
    for room in rooms:
        worth[room.house_id].append(by(room))
    order = sorted(
        worth, key=lambda house: (sum(worth[house]) / len(worth[house]), -len(worth[house]), house)
    )
    kept = {place.room.house_id for place in block} | set(order[:_OTHER_HOUSES])
    return [room for room in rooms if room.house_id in kept]


def _must(
    programme: Programme, costs: Mapping[int, int], seconds: float, start: Sequence[int] | None = None
) -> Found:
    """The best found; a programme reduced to what can be met has an answer unless the time runs out."""
    found = programme.minimise(costs, seconds=max(_FEW_SECONDS, seconds), start=start)
    if found is None:
        found = programme.minimise(costs, seconds=_MANY_SECONDS)
    if found is None:
        raise AssertionError("a programme reduced to what can be met has an answer")
    return found
