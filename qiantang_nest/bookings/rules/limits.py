"""Which rooms may answer a demand, which change would let enough in, and why one was passed over. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from qiantang_nest.bookings.rules.need import LEAST_LET_DAYS, Candidate, Need
from qiantang_nest.bookings.rules.solver import shortage
from qiantang_nest.core.i18n import _
from qiantang_nest.core.money import format_yuan
from qiantang_nest.core.period import Period

MOST_DAYS_MOVED = 14
MOST_CHANGES = 3
MOST_MINUTES = 120


class RentUnit(StrEnum):
    """What a demand's most rent is paid for."""

    BED = "bed"
    ROOM = "room"


@dataclass(frozen=True, slots=True)
class Limits:
    """What each room of a plan must keep to. ``area_code``: a street, a village, or None for the district."""

    max_rent_fen: int | None = None
    rent_unit: RentUnit = RentUnit.BED
    max_minutes: int | None = None
    max_floor: int | None = None
    features: tuple[str, ...] = ()
    area_code: str | None = None


@dataclass(frozen=True, slots=True)
class Offered:
    """A room on offer with what limits look at; ``taken`` are half-open periods when it is somebody's."""

    room: Candidate
    floor: int
    features: tuple[str, ...]
    listing_id: int
    offered_from: date
    offered_to: date
    safe_until: date
    taken: tuple[tuple[date, date], ...] = ()


class Miss(StrEnum):
    """Why a room cannot answer a demand."""

    NOT_OFFERED = "not_offered"
    CHECK_OVER = "check_over"
    TAKEN = "taken"
    AREA = "area"
    FAR = "far"
    DEAR = "dear"
    HIGH = "high"
    LACKS_FEATURE = "lacks_feature"


def miss_of(offered: Offered, limits: Limits, period: Period) -> Miss | None:
    """The first reason why a room may not answer, or None.

    The listing covers the whole period; the safety check holds on the first day. A check that ends during the
    stay is made anew by the village, as for every let house; a plan says how many of its rooms that concerns.
    """
    if period.ends_on is None:
        raise ValueError("rooms are wanted for a period with an end")
    room = offered.room
    if offered.offered_from > period.starts_on or offered.offered_to < period.ends_on:
        return Miss.NOT_OFFERED
    if offered.safe_until <= period.starts_on:
        return Miss.CHECK_OVER
    if any(first < period.ends_on and last > period.starts_on for first, last in offered.taken):
        return Miss.TAKEN
    if limits.area_code is not None and not room.village_code.startswith(limits.area_code):
        return Miss.AREA
    if limits.max_minutes is not None and room.minutes > limits.max_minutes:
        return Miss.FAR
    if limits.max_rent_fen is not None and rent_in(limits.rent_unit, room) > limits.max_rent_fen:
        return Miss.DEAR
    if limits.max_floor is not None and offered.floor > limits.max_floor:
        return Miss.HIGH
    if not set(limits.features) <= set(offered.features):
        return Miss.LACKS_FEATURE
    return None


def rent_in(unit: RentUnit, room: Candidate) -> int:
    """The rent a month of a room, or of one of its beds rounded up."""
    return room.rent_fen if unit is RentUnit.ROOM else -(-room.rent_fen // room.beds)


# --- what would meet a demand that is not met ---------------------------------------------------------


class ChangeKind(StrEnum):
    """What of a demand may be changed."""

    DATES = "dates"
    MINUTES = "minutes"
    RENT = "rent"
    AREA = "area"


@dataclass(frozen=True, slots=True)
class Change:
    """One change that meets the whole demand: days moved, the new most minutes or rent, the new area.

    ``size`` puts changes in order: the share by which a limit grows, or of the days that dates may move.
    """

    kind: ChangeKind
    value: int | str
    size: float


def changes_that_meet(
    pool: Sequence[Offered],
    need: Need,
    limits: Limits,
    period: Period,
    *,
    today: date,
    pinned: frozenset[int] = frozenset(),
    struck: frozenset[int] = frozenset(),
) -> list[Change]:
    """Up to three changes, each of one thing alone and each solved, the smallest first."""

    def meets(limits: Limits, period: Period) -> bool:
        rooms = [one.room for one in pool if miss_of(one, limits, period) is None]
        if sum(room.beds for room in rooms) < need.people:
            return False
        return not shortage(rooms, need, pinned=pinned, struck=struck)

    found = [
        _dates(period, today, lambda moved: meets(limits, moved)),
        _minutes(pool, limits, lambda changed: meets(changed, period)),
        _rent(pool, limits, lambda changed: meets(changed, period)),
        _area(pool, limits, lambda changed: meets(changed, period)),
    ]
    return sorted((change for change in found if change), key=lambda change: change.size)[:MOST_CHANGES]


def _dates(period: Period, today: date, meets: Callable[[Period], bool]) -> Change | None:
    """The fewest days to move, later before earlier."""
    if period.ends_on is None:
        return None
    for days in range(1, MOST_DAYS_MOVED + 1):
        for shift in (days, -days):
            if period.starts_on + timedelta(shift) < today:
                continue
            moved = Period(period.starts_on + timedelta(shift), period.ends_on + timedelta(shift))
            if meets(moved):
                return Change(ChangeKind.DATES, shift, days / MOST_DAYS_MOVED)
    return None


def _least(values: Iterable[int], meets: Callable[[int], bool]) -> int | None:
    """The least of the values that meets, when every greater one does as well."""
    order = sorted(set(values))
    if not order or not meets(order[-1]):
        return None
    low, high = 0, len(order) - 1
    while low < high:
        middle = (low + high) // 2
        if meets(order[middle]):
            high = middle
        else:
            low = middle + 1
    return order[low]


def _minutes(pool: Sequence[Offered], limits: Limits, meets: Callable[[Limits], bool]) -> Change | None:
    limit = limits.max_minutes
    if limit is None:
        return None
    more = (one.room.minutes for one in pool if limit < one.room.minutes <= MOST_MINUTES)
    least = _least(more, lambda minutes: meets(replace(limits, max_minutes=minutes)))
    return None if least is None else Change(ChangeKind.MINUTES, least, least / limit - 1)


_WHOLE_YUAN = 100


def _rent(pool: Sequence[Offered], limits: Limits, meets: Callable[[Limits], bool]) -> Change | None:
    limit = limits.max_rent_fen
    if limit is None:
        return None
    rents = (rent_in(limits.rent_unit, one.room) for one in pool)
    more = (-(-rent // _WHOLE_YUAN) * _WHOLE_YUAN for rent in rents if rent > limit)
    least = _least(more, lambda rent: meets(replace(limits, max_rent_fen=rent)))
    return None if least is None else Change(ChangeKind.RENT, least, least / limit - 1)


_ANOTHER_STREET, _WHOLE_DISTRICT = 0.5, 1.0
"""How much an employer minds another place, beside limits that grow by a half or double."""


def _area(pool: Sequence[Offered], limits: Limits, meets: Callable[[Limits], bool]) -> Change | None:
    """The nearest other street that can do it alone, else the whole district."""
    if limits.area_code is None:
        return None
    nearest: dict[str, int] = {}
    for one in pool:
        street = one.room.village_code[:9]
        nearest[street] = min(one.room.minutes, nearest.get(street, one.room.minutes))
    for street in sorted(nearest, key=lambda code: (nearest[code], code)):
        if street != limits.area_code and meets(replace(limits, area_code=street)):
            return Change(ChangeKind.AREA, street, _ANOTHER_STREET)
    if meets(replace(limits, area_code=None)):
        return Change(ChangeKind.AREA, "", _WHOLE_DISTRICT)
    return None


# --- why a room was passed over -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlannedAround:
    """What a household is told of plans near it that went without its room.

    ``dearest_bed_fen`` and ``longest_minutes``: of the rooms the plans took there, a bed's rent and the way.
    """

    period: Period
    limits: Limits
    people: int
    dearest_bed_fen: int
    longest_minutes: int
    struck: bool = False


def passed_over_reason(offered: Offered, plans: PlannedAround) -> str:
    """Why a room is in none of the plans, in words for its household, with the way out where there is one."""
    missed = miss_of(offered, plans.limits, plans.period)
    if missed is not None:
        return _why_missed(missed, offered, plans.limits)
    if plans.struck:
        return str(_("企业看过方案，自己划掉了这间。"))
    room, a_bed = offered.room, rent_in(RentUnit.BED, offered.room)
    if a_bed > plans.dearest_bed_fen:
        return str(
            _(
                "选上的房每床每月最多 %(theirs)s 元，您这间合 %(own)s 元。",
                theirs=format_yuan(plans.dearest_bed_fen),
                own=format_yuan(a_bed),
            )
        )
    if room.let_days > LEAST_LET_DAYS:
        return str(
            _(
                "差不多的房，区里规定先选一年里租出少的人家。您家每间过去一年平均租出 %(days)s 天。",
                days=room.let_days,
            )
        )
    if room.minutes > plans.longest_minutes:
        return str(
            _(
                "选上的房更近，最远 %(theirs)s 分钟，您这间 %(own)s 分钟。",
                theirs=plans.longest_minutes,
                own=room.minutes,
            )
        )
    return str(_("同样合适的房多，床已经够住 %(people)s 人，这次没轮到。", people=plans.people))


def _why_missed(missed: Miss, offered: Offered, limits: Limits) -> str:
    room = offered.room
    match missed:
        case Miss.NOT_OFFERED:
            return str(_("企业要租到的日子，您这间没有全部上架。把出租日期放长就能选上。"))
        case Miss.CHECK_OVER:
            return str(_("到入住那天，房子的安全检查已经过期。请村里来复查一次。"))
        case Miss.TAKEN:
            return str(_("那些天您这间已经租出去了。"))
        case Miss.AREA:
            return str(_("企业只要别的街道或村的房。"))
        case Miss.FAR:
            return str(
                _(
                    "到厂里要 %(minutes)s 分钟，企业最多要 %(limit)s 分钟。",
                    minutes=room.minutes,
                    limit=limits.max_minutes,
                )
            )
        case Miss.DEAR:
            own, limit = rent_in(limits.rent_unit, room), limits.max_rent_fen or 0
            sums = {"own": format_yuan(own), "limit": format_yuan(limit)}
            if limits.rent_unit is RentUnit.BED:
                return str(_("租金合每床每月 %(own)s 元，企业最多出 %(limit)s 元。", **sums))
            return str(_("租金每月 %(own)s 元，企业一间最多出 %(limit)s 元。", **sums))
        case Miss.HIGH:
            return str(
                _(
                    "房间在 %(floor)s 楼，企业要 %(limit)s 楼或更低的。",
                    floor=offered.floor,
                    limit=limits.max_floor,
                )
            )
        case Miss.LACKS_FEATURE:
            return str(_("企业要的东西（比如单独卫生间）这间还没有。"))
