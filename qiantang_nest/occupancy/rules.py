"""Who sleeps where, when a report is due, and what a room is on a day.

Men and women never share a room; a couple has a room of its own (domain rulebook 2.2, 5). The database says
the same by ``stay_no_mixed_room`` over ``companion_key``; beds are chosen here so that it need not refuse.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

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
COUPLE_KEYS_FROM = 1000


def companion_key(sex: Sex, couple_id: int | None = None) -> int:
    """Return the key that all who share a room on a day have in common.

    1 for men, 2 for women, 1000 + ``couple_id`` for the two of a couple (``couple_id`` of both).

    Raises:
        ValueError: ``couple_id`` is negative.
    """
    if couple_id is not None:
        if couple_id < 0:
            raise ValueError("a couple's id is not negative")
        return COUPLE_KEYS_FROM + couple_id
    return MALE_KEY if sex is Sex.MALE else FEMALE_KEY


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


# --- beds -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sleeper:
    """A worker who needs a bed; ``couple_with`` is the worker id of the partner."""

    id: int
    sex: Sex
    couple_with: int | None = None

    @property
    def key(self) -> int:
        """The companion key of this worker's stay."""
        if self.couple_with is None:
            return companion_key(self.sex)
        return companion_key(self.sex, couple_id(self.id, self.couple_with))


@dataclass(frozen=True, slots=True)
class FreeRoom:
    """A room with its free bed numbers over the whole time wanted.

    ``companion_key`` is that of the people already there at any time of it, None if nobody is.
    """

    id: int
    house_id: int
    free_beds: tuple[int, ...]
    capacity: int
    companion_key: int | None = None


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
    NO_ROOM_FOR_COUPLE = "no_room_for_couple"
    COUPLE_MISMATCH = "couple_mismatch"


def unplaced_reason_label(reason: UnplacedReason) -> str:
    """Return the sentence for a reason, with the way out."""
    labels: dict[UnplacedReason, str] = {
        UnplacedReason.NO_BED_FOR_MEN: _("没有男员工能住的空床了，请再订几间房"),
        UnplacedReason.NO_BED_FOR_WOMEN: _("没有女员工能住的空床了，请再订几间房"),
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

    First whoever may join people of the same key; then couples, each in an empty room with two free beds,
    the smallest that will do; then men and women in the other empty rooms, house by house, the house that
    takes most of them first. As many single men and women get a bed as any placing could give one after the
    couples. A worker whose partner is not in the list gets a couple's room for both.
    Depends on nothing but the arguments and their order.

    Raises:
        ValueError: a worker, a room, or a bed of a room appears twice, or more beds are free than lawful.
    """
    people = list(sleepers)
    space = [_Space(room) for room in rooms]
    if len({sleeper.id for sleeper in people}) != len(people):
        raise ValueError("a worker appears twice")
    if len({one.room.id for one in space}) != len(space):
        raise ValueError("a room appears twice")
    if any(len(set(one.beds)) != len(one.beds) or len(one.beds) > one.room.capacity for one in space):
        raise ValueError("a bed appears twice, or there are more beds than the law allows")

    placed: dict[int, Placement] = {}
    unplaced: dict[int, Unplaced] = {}
    by_id = {sleeper.id: sleeper for sleeper in people}
    named = {sleeper.couple_with for sleeper in people}
    for sleeper in people:
        if not _couple_agrees(sleeper, by_id, named):
            unplaced[sleeper.id] = Unplaced(sleeper.id, UnplacedReason.COUPLE_MISMATCH)

    waiting = [sleeper for sleeper in people if sleeper.id not in unplaced]
    men = [sleeper for sleeper in waiting if sleeper.key == MALE_KEY]
    women = [sleeper for sleeper in waiting if sleeper.key == FEMALE_KEY]
    men = _fill([one for one in space if one.key == MALE_KEY], men, placed)
    women = _fill([one for one in space if one.key == FEMALE_KEY], women, placed)
    _place_couples([sleeper for sleeper in waiting if sleeper.couple_with is not None], space, placed)
    _place_singles(men, women, space, placed)

    for sleeper in waiting:
        if sleeper.id not in placed:
            unplaced[sleeper.id] = Unplaced(sleeper.id, _why_unplaced(sleeper))
    return (
        [placed[sleeper.id] for sleeper in people if sleeper.id in placed],
        [unplaced[sleeper.id] for sleeper in people if sleeper.id in unplaced],
    )


class _Space:
    """A room while it fills."""

    def __init__(self, room: FreeRoom) -> None:
        self.room = room
        self.beds = sorted(room.free_beds)
        self.key = room.companion_key

    @property
    def empty(self) -> bool:
        return self.key is None and bool(self.beds)

    def take(self, sleeper: Sleeper) -> Placement:
        self.key = sleeper.key
        return Placement(sleeper.id, self.room.id, self.beds.pop(0), sleeper.key)


def _couple_agrees(sleeper: Sleeper, by_id: dict[int, Sleeper], named: set[int | None]) -> bool:
    """Say whether both name each other and are of different sex; a partner not in the list may come later."""
    if sleeper.couple_with is None:
        return sleeper.id not in named
    partner = by_id.get(sleeper.couple_with)
    return partner is None or (partner.couple_with == sleeper.id and partner.sex is not sleeper.sex)


def _fill(
    rooms: Sequence[_Space], sleepers: Sequence[Sleeper], placed: dict[int, Placement]
) -> list[Sleeper]:
    """Put ``sleepers`` into the free beds of ``rooms`` in order; return those who found none."""
    free = [one for one in rooms for _bed in one.beds]
    for one, sleeper in zip(free, sleepers, strict=False):
        placed[sleeper.id] = one.take(sleeper)
    return list(sleepers[len(free) :])


def _why_unplaced(sleeper: Sleeper) -> UnplacedReason:
    if sleeper.couple_with is not None:
        return UnplacedReason.NO_ROOM_FOR_COUPLE
    return UnplacedReason.NO_BED_FOR_MEN if sleeper.sex is Sex.MALE else UnplacedReason.NO_BED_FOR_WOMEN


def _place_couples(
    partners: Sequence[Sleeper], space: Sequence[_Space], placed: dict[int, Placement]
) -> None:
    """Give each couple its room: the one it has, else the smallest empty one for two.

    The smallest, because a larger one serves others at least as well.
    """
    couples: dict[int, list[Sleeper]] = {}
    for sleeper in partners:
        couples.setdefault(sleeper.key, []).append(sleeper)
    for key, pair in couples.items():
        own = [one for one in space if one.key == key and len(one.beds) >= len(pair)]
        empty = sorted(
            (one for one in space if one.empty and len(one.beds) >= 2), key=lambda one: len(one.beds)
        )
        _fill((own or empty)[:1], pair, placed)


def _place_singles(
    men: Sequence[Sleeper], women: Sequence[Sleeper], space: Sequence[_Space], placed: dict[int, Placement]
) -> None:
    """Share the empty rooms out between men and women, then fill them."""
    rooms = _by_house([one for one in space if one.empty], len(men) + len(women))
    sizes = [len(one.beds) for one in rooms]
    for_men = _share_by_house(sizes, len(men), len(women))
    best = _share_exactly(sizes, len(men), len(women))
    if _seated(sizes, best, len(men), len(women)) > _seated(sizes, for_men, len(men), len(women)):
        for_men = best
    _fill([one for one, mens in zip(rooms, for_men, strict=True) if mens], men, placed)
    _fill([one for one, mens in zip(rooms, for_men, strict=True) if not mens], women, placed)


def _by_house(rooms: Sequence[_Space], heads: int) -> list[_Space]:
    """Order rooms so that few houses are used: the smallest house that holds all, else the largest first."""
    houses: dict[int, list[_Space]] = {}
    for one in rooms:
        houses.setdefault(one.room.house_id, []).append(one)
    remaining = [sorted(house, key=lambda one: -len(one.beds)) for house in houses.values()]
    ordered: list[_Space] = []

    def beds(house: list[_Space]) -> int:
        return sum(len(one.beds) for one in house)

    remaining.sort(key=beds, reverse=True)
    while remaining:
        enough = [house for house in remaining if beds(house) >= heads]
        house = enough[-1] if enough else remaining[0]
        remaining = [other for other in remaining if other is not house]
        ordered += house
        heads = max(heads - beds(house), 0)
    return ordered


def _share_by_house(sizes: Sequence[int], men: int, women: int) -> list[bool]:
    """Give each room in turn to the sex that fills more of it, on a tie to the one with more waiting."""
    shares = []
    for size in sizes:
        is_for_men = (min(size, men), men) >= (min(size, women), women)
        shares.append(is_for_men)
        if is_for_men:
            men = max(men - size, 0)
        else:
            women = max(women - size, 0)
    return shares


def _share_exactly(sizes: Sequence[int], men: int, women: int) -> list[bool]:
    """Choose the rooms for men so that the most people sit: every reachable number of men's beds is tried."""
    total = sum(sizes)
    reachable = [1]
    for size in sizes:
        reachable.append(reachable[-1] | reachable[-1] << size)
    beds = max(
        (count for count in range(total + 1) if reachable[-1] >> count & 1),
        key=lambda count: (min(men, count) + min(women, total - count), -count),
    )
    shares = [False] * len(sizes)
    for index in range(len(sizes) - 1, -1, -1):
        if not reachable[index] >> beds & 1:
            shares[index] = True
            beds -= sizes[index]
    return shares


def _seated(sizes: Sequence[int], for_men: Sequence[bool], men: int, women: int) -> int:
    """How many sit when the rooms are shared out so."""
    mens = sum(size for size, is_for_men in zip(sizes, for_men, strict=True) if is_for_men)
    return min(men, mens) + min(women, sum(sizes) - mens)


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
