"""What an employer asks for, which of the free rooms answer it, and when a hold still counts. Pure."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.period import Period, add_months
from qiantang_nest.geography.rules import LatLon, Reach, WayToWork

MAX_ROOMS_A_HOLD = 500
DEFAULT_REACH_M = 10_000
DEFAULT_MINUTES = 30
"""How far away is looked when nobody said, by whether kilometres or minutes are asked for."""
MOST_REACH_M = 30_000
REMIND_BEFORE = timedelta(hours=6)
"""So long before the end a silent household, or an employer that has not booked, is reminded."""
LATEST_START_DAYS = 366

DISTRICT_CENTRE = LatLon(30.32525, 120.48945)
"""钱塘中心, where distances are counted from while nobody named a gate (domain rulebook 7)."""

PLACES = {
    "钱塘中心": DISTRICT_CENTRE,
    "江东二路与青六北路路口": LatLon(30.32646, 120.49033),
    "下沙西站": LatLon(30.31225, 120.30789),
    "金沙湖站": LatLon(30.31163, 120.32108),
    "高沙路站": LatLon(30.31176, 120.33083),
    "文泽路站": LatLon(30.31234, 120.34377),
    "文海南路站": LatLon(30.31337, 120.37181),
    "云水站": LatLon(30.30507, 120.37719),
    "下沙江滨站": LatLon(30.28999, 120.37716),
    "工商大学云滨站": LatLon(30.31326, 120.38847),
}
"""Named points one may search from, beside streets and villages (domain rulebook 7, those marked good)."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long the steps of the ladder last, in hours; the district sets them (``models.BookingRule``)."""

    hold_hours: int = 48
    """A hold, from its making to its end."""
    answer_hours: int = 24
    """A household's time to answer; later answers count as long as the hold does."""
    lengthen_hours: int = 48
    """What lengthening adds, once; 0 forbids it."""
    offer_hours: int = 12
    """How long freed rooms are kept for whoever waits for them."""
    sign_days: int = 7
    """How many days after a booking its leases may be signed."""


class Answer(StrEnum):
    """An owner's word on one room of a hold."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    RELEASED = "released"
    """The employer gave this room back; the household need not answer any more."""


class OnRefusal(StrEnum):
    """What the employer wants when an owner says no."""

    REPLACE = "replace"
    DROP = "drop"


class HoldStage(StrEnum):
    """What a hold is at an instant; ``expired`` is computed, never stored."""

    OFFERED = "offered"
    ACTIVE = "active"
    EXPIRED = "expired"
    RELEASED = "released"
    BOOKED = "booked"


def hold_stage(state: str, expires_at: datetime, now: datetime) -> HoldStage:
    """The stage of a hold: one that is active, or only offered, is over from ``expires_at`` on."""
    if state in (HoldStage.ACTIVE, HoldStage.OFFERED) and expires_at <= now:
        return HoldStage.EXPIRED
    return HoldStage(state)


class BookingStage(StrEnum):
    """What a booking is, told by its leases; never stored."""

    SIGNING = "signing"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


def booking_stage(*, waiting: int, signed: int) -> BookingStage:
    """The stage of a booking with so many leases that wait for a signature, and so many signed by both."""
    if waiting:
        return BookingStage.SIGNING
    return BookingStage.CONFIRMED if signed else BookingStage.CANCELLED


# --- what is asked ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wants:
    """What each room must be. ``max_rent_fen`` is a month's rent of the room."""

    beds_at_least: int = 1
    max_rent_fen: int | None = None
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Area:
    """Where to look: inside the villages and the circle of ``reach_m`` around ``near``; nearest first.

    ``within`` takes the circle's place where one is not enough; then the fewest minutes come first.
    """

    near: LatLon
    village_codes: tuple[str, ...] = ()
    reach_m: float | None = None
    within: Reach | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """What a hold is to take: so many ``rooms``, or ``beds``, in the area; or exactly ``room_ids``."""

    area: Area
    wants: Wants = field(default_factory=Wants)
    rooms: int | None = None
    beds: int | None = None
    room_ids: tuple[int, ...] = ()


def area_within(way: WayToWork, minutes: int, village_codes: tuple[str, ...] = ()) -> Area:
    """All houses from which the way to work takes at most ``minutes``.

    One circle round the gate where that says it: its index hands over houses in order, only as many as are
    looked at.
    """
    reach = way.within(minutes)
    if not reach.routed and [(one.centre, one.ahead_m) for one in reach.circles] == [(way.gate, 0.0)]:
        return Area(way.gate, village_codes, reach.circles[0].reach_m)
    return Area(way.gate, village_codes, within=reach)


def check_ask(ask: Ask) -> Ask:
    """Return ``ask`` if it asks for one thing of a sensible size.

    Raises:
        InvalidValue: nothing is asked for, or too much at once.
        ValueError: more than one of rooms, beds and room_ids is given.
    """
    given = [what for what in (ask.rooms, ask.beds, ask.room_ids or None) if what is not None]
    if len(given) > 1:
        raise ValueError("ask for rooms, for beds, or for picked rooms")
    if not given:
        raise InvalidValue(_("请写要几间房或几张床，或者在清单里勾选房间。"))
    if not ask.room_ids and not ask.area.village_codes:
        raise InvalidValue(_("请先选一个村或街道，再说要几间。"))
    if given[0] in (0, ()) or (ask.rooms or ask.beds or 1) < 1:
        raise InvalidValue(_("至少要 1 间房或 1 张床。"))
    if max(len(ask.room_ids), ask.rooms or 0, -(-(ask.beds or 0) // 2)) > MAX_ROOMS_A_HOLD:
        raise InvalidValue(
            _(
                "一次最多锁定 %(rooms)s 间房或 %(beds)s 张床，请分几次锁定。",
                rooms=MAX_ROOMS_A_HOLD,
                beds=2 * MAX_ROOMS_A_HOLD,
            )
        )
    return ask


def check_period(period: Period, today: date) -> Period:
    """Return ``period`` if rooms may be held for it.

    Raises:
        InvalidValue: it starts in the past or more than a year ahead, or is longer than 20 years
            (Civil Code art. 705).
    """
    if period.starts_on < today:
        raise InvalidValue(
            _("入住日期 %(day)s 已经过去，请改成今天或以后。", day=period.starts_on.isoformat())
        )
    if period.starts_on > today + timedelta(days=LATEST_START_DAYS):
        raise InvalidValue(_("入住日期 %(day)s 太远，最多提前一年锁定。", day=period.starts_on.isoformat()))
    if period.ends_on is None or period.ends_on > add_months(period.starts_on, 240):
        raise InvalidValue(_("租期最长 20 年，请把最后一天改早。"))
    return period


def digest(ask: Ask, *, period: Period, on_refusal: OnRefusal, worksite_id: int | None) -> str:
    """SHA-256 of what is asked: the same key with another digest is another request, and refused."""
    body = {
        "ask": {**asdict(ask), "room_ids": sorted(ask.room_ids)},
        "starts_on": period.starts_on.isoformat(),
        "ends_on": None if period.ends_on is None else period.ends_on.isoformat(),
        "on_refusal": on_refusal.value,
        "worksite_id": worksite_id,
    }
    return sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


# --- which rooms answer it ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FreeRoom:
    """A room that can be taken now. ``far`` orders by distance, in degrees of latitude."""

    room_id: int
    house_id: int
    owner_id: int
    village_code: str
    label: str
    beds: int
    listing_id: int
    rent_fen: int
    direct: bool
    """The household need not be asked."""
    far: float


def candidates_wanted(rooms: int) -> int:
    """How many of the nearest free rooms are looked at to take ``rooms``: enough to choose by house."""
    return rooms + 20


def choose_rooms(
    free: Sequence[FreeRoom], *, rooms: int | None = None, beds: int | None = None
) -> list[FreeRoom]:
    """Take ``rooms`` rooms, or rooms for ``beds`` beds, out of ``free``, given nearest first.

    Fewest houses first, so that one manager can look after the block; among houses that give as many, the
    nearer one. The last house is the smallest that suffices. Returns fewer when ``free`` has no more.
    """
    wanted = rooms if rooms is not None else beds or 0

    def worth(room: FreeRoom) -> int:
        return 1 if rooms is not None else room.beds

    houses = _by_house(free)
    nearness = {house: at for at, house in enumerate(houses)}
    gives = {house: sum(map(worth, of_house)) for house, of_house in houses.items()}
    # Largest first, as long as none suffices for what is left; then the smallest that does.
    by_size = sorted(houses, key=lambda house: (-gives[house], nearness[house]))
    chosen: list[FreeRoom] = []
    for at, house in enumerate(by_size):
        if wanted <= 0:
            break
        if gives[house] >= wanted:
            enough = [one for one in by_size[at:] if gives[one] >= wanted]
            house = min(enough, key=lambda one: (gives[one], nearness[one]))
        for room in _least_spare(houses[house], wanted, worth):
            chosen.append(room)
            wanted -= worth(room)
    return chosen


def _by_house(free: Sequence[FreeRoom]) -> dict[int, list[FreeRoom]]:
    houses: dict[int, list[FreeRoom]] = defaultdict(list)
    for room in free:
        houses[room.house_id].append(room)
    return houses


def _least_spare(rooms: list[FreeRoom], wanted: int, worth: Callable[[FreeRoom], int]) -> list[FreeRoom]:
    """Rooms of one house until ``wanted`` is reached: largest first, the last one as small as will do."""
    left = sorted(rooms, key=lambda room: (-worth(room), room.rent_fen, room.room_id))
    if sum(map(worth, left)) <= wanted:
        return left
    taken: list[FreeRoom] = []
    while wanted > 0 and left:
        fitting = [room for room in left if worth(room) >= wanted]
        room = min(fitting, key=lambda one: (worth(one), one.rent_fen, one.room_id)) if fitting else left[0]
        left.remove(room)
        taken.append(room)
        wanted -= worth(room)
    return taken


def better_replacement(rooms: Sequence[FreeRoom], *, rent_fen: int, beds: int) -> FreeRoom | None:
    """The room that stands in for a refused one: nearest with as many beds that costs no more, or None."""
    fitting = [room for room in rooms if room.beds >= beds and room.rent_fen <= rent_fen]
    return min(fitting, key=lambda room: (room.far, -room.rent_fen, room.room_id), default=None)
