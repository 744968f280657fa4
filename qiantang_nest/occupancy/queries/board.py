"""The room board (房态图): every room of a village over some days, as bars.

Three reads whatever the number of days: claims, stays with their open reports, listings.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.orm import aliased, contains_eager

from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.housing.models import House, Listing, Owner, Room
from qiantang_nest.housing.queries import rooms_visible_to
from qiantang_nest.occupancy.models import Lease, LeaseRoom, Registration, RoomClaim, Stay
from qiantang_nest.occupancy.rules import COUPLE_KEYS_FROM, RoomState

LONG_IDLE_DAYS = 30


@dataclass(frozen=True)
class BoardClaim:
    """A live claim of a room, with whose it is."""

    id: int
    room_id: int
    state: str
    starts_on: date
    ends_on: date
    held_until: datetime | None
    reason: str | None
    lease_id: int | None
    enterprise: str | None


@dataclass(frozen=True)
class BoardStay:
    """A worker's days in a room; ``overstayed`` when its end has come without a departure."""

    room_id: int
    starts_on: date
    ends_on: date
    couple: bool
    arrived: bool
    overstayed: bool
    open_reports: int


@dataclass(frozen=True)
class Bar:
    """A stretch of days of one room that look alike; ``kind`` is a ``room.*`` chip."""

    kind: str
    starts_on: date
    ends_on: date
    claim: BoardClaim | None = None
    heads: int = 0
    expected: int = 0
    """Who has a bed there and has not come."""
    couple: bool = False
    overstayed: int = 0
    open_reports: int = 0
    idle_since: date | None = None

    @property
    def days(self) -> int:
        return (self.ends_on - self.starts_on).days


@dataclass(frozen=True)
class BoardRoom:
    """One row of the board."""

    room: Room
    bars: list[Bar]


@dataclass(frozen=True)
class BoardHouse:
    """The rows of one house."""

    house: House
    rooms: list[BoardRoom] = field(default_factory=list)


def state_on(day: date, now: datetime) -> ColumnElement[str]:
    """What a room is at the end of a day, as ``rules.room_state`` says, for a select that has ``Room``."""
    occupied = (
        select(Stay.id)
        .where(
            Stay.room_id == Room.id,
            Stay.cancelled_at.is_(None),
            Stay.arrived_on.is_not(None),
            Stay.starts_on <= day,
            Stay.ends_on > day,
        )
        .correlate(Room)
        .exists()
    )
    claimed = (
        select(RoomClaim.state)
        .where(
            RoomClaim.room_id == Room.id,
            RoomClaim.state.in_(("held", "leased", "closed")),
            RoomClaim.starts_on <= day,
            RoomClaim.ends_on > day,
            or_(RoomClaim.held_until.is_(None), RoomClaim.held_until > now),
        )
        .limit(1)
        .correlate(Room)
        .scalar_subquery()
    )
    listed = (
        select(Listing.id)
        .where(
            Listing.room_id == Room.id,
            Listing.state == "approved",
            Listing.starts_on <= day,
            Listing.ends_on > day,
        )
        .correlate(Room)
        .exists()
    )
    return case(
        (occupied, RoomState.OCCUPIED.value),
        (claimed.is_not(None), claimed),
        (listed, RoomState.LISTED.value),
        else_=RoomState.UNLISTED.value,
    )


def rooms_by_state(actor: Actor, day: date, now: datetime) -> dict[RoomState, int]:
    """How many rooms the actor sees are in each state on a day; together they are all rooms."""
    state = state_on(day, now)
    inner = rooms_visible_to(actor).with_only_columns(state.label("state")).subquery()
    counts = {
        row[0]: row[1]
        for row in db.session.execute(select(inner.c.state, func.count()).group_by(inner.c.state))
    }
    return {state: counts.get(state.value, 0) for state in RoomState}


def houses(actor: Actor, text: str, state: RoomState | None, day: date, now: datetime) -> Select[House]:
    """The houses with a room that matches, by address; ``text`` is part of a household, address or room."""
    rooms = rooms_visible_to(actor)
    if text:
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        like = f"%{escaped}%"
        rooms = rooms.where(or_(Owner.name.ilike(like), House.address.ilike(like), Room.label.ilike(like)))
    if state is not None:
        rooms = rooms.where(state_on(day, now) == state.value)
    return (
        select(House)
        .join(House.owner)
        .options(contains_eager(House.owner))
        .where(House.id.in_(rooms.with_only_columns(Room.house_id)))
        .order_by(House.village_code, Owner.group_no, House.address, House.id)
    )


def board(shown: Sequence[House], first: date, days: int, today: date, now: datetime) -> list[BoardHouse]:
    """The rows of some houses from a day on."""
    last = first + timedelta(days=days)
    rooms = (
        db.session.execute(
            select(Room)
            .where(Room.house_id.in_([house.id for house in shown]), Room.removed_at.is_(None))
            .order_by(Room.floor, Room.label)
        )
        .scalars()
        .all()
    )
    ids = [room.id for room in rooms]
    claims = _claims(ids, first, last, today, now)
    stays = _stays(ids, first, last, today)
    listings = _listings(ids, first, last)
    by_house: dict[int, BoardHouse] = {house.id: BoardHouse(house) for house in shown}
    for room in rooms:
        bars = bars_of(
            claims[room.id], stays[room.id], listings[room.id], first=first, last=last, today=today
        )
        by_house[room.house_id].rooms.append(BoardRoom(room, bars))
    return [by_house[house.id] for house in shown]


def _claims(
    ids: list[int], first: date, last: date, today: date, now: datetime
) -> dict[int, list[BoardClaim]]:
    """Live claims that touch the days shown, and the last let before today, to tell how long it is idle."""
    earlier = aliased(RoomClaim)
    last_let = (
        select(func.max(earlier.starts_on))
        .where(earlier.room_id == Room.id, earlier.state == "leased", earlier.ends_on <= today)
        .correlate(Room)
        .scalar_subquery()
    )
    rows = db.session.execute(
        select(RoomClaim, LeaseRoom.lease_id, Enterprise.name)
        .join(Room, Room.id == RoomClaim.room_id)
        .outerjoin(LeaseRoom, LeaseRoom.claim_id == RoomClaim.id)
        .outerjoin(Lease, Lease.id == LeaseRoom.lease_id)
        .outerjoin(Enterprise, Enterprise.id == Lease.enterprise_id)
        .where(
            RoomClaim.room_id.in_(ids),
            RoomClaim.state.in_(("held", "leased", "closed")),
            RoomClaim.starts_on < last,
            or_(RoomClaim.ends_on > first, RoomClaim.starts_on == last_let),
            or_(RoomClaim.held_until.is_(None), RoomClaim.held_until > now),
        )
        .order_by(RoomClaim.room_id, RoomClaim.starts_on)
    )
    found: dict[int, list[BoardClaim]] = defaultdict(list)
    for claim, lease_id, enterprise in rows:
        found[claim.room_id].append(
            BoardClaim(
                claim.id,
                claim.room_id,
                claim.state,
                claim.starts_on,
                claim.ends_on,
                claim.held_until,
                claim.reason,
                lease_id,
                enterprise,
            )
        )
    return found


def _stays(ids: list[int], first: date, last: date, today: date) -> dict[int, list[BoardStay]]:
    overstayed = Stay.arrived_on.is_not(None) & Stay.left_on.is_(None) & (Stay.ends_on <= today)
    open_reports = (
        select(func.count())
        .where(Registration.stay_id == Stay.id, Registration.done_on.is_(None))
        .correlate(Stay)
        .scalar_subquery()
    )
    rows = db.session.execute(
        select(
            Stay.room_id,
            Stay.starts_on,
            Stay.ends_on,
            Stay.companion_key >= COUPLE_KEYS_FROM,
            Stay.arrived_on.is_not(None),
            overstayed,
            open_reports,
        ).where(
            Stay.room_id.in_(ids),
            Stay.cancelled_at.is_(None),
            or_((Stay.starts_on < last) & (Stay.ends_on > first), overstayed),
        )
    )
    found: dict[int, list[BoardStay]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(BoardStay(*row))
    return found


def _listings(ids: list[int], first: date, last: date) -> dict[int, list[tuple[date, date]]]:
    rows = db.session.execute(
        select(Listing.room_id, Listing.starts_on, Listing.ends_on)
        .where(
            Listing.room_id.in_(ids),
            Listing.state == "approved",
            Listing.starts_on < last,
            Listing.ends_on > first,
        )
        .order_by(Listing.room_id, Listing.starts_on)
    )
    found: dict[int, list[tuple[date, date]]] = defaultdict(list)
    for room_id, starts_on, ends_on in rows:
        found[room_id].append((starts_on, ends_on))
    return found


# --- bars, from rows alone ------------------------------------------------------------------------


def bars_of(
    claims: Sequence[BoardClaim],
    stays: Sequence[BoardStay],
    listings: Sequence[tuple[date, date]],
    *,
    first: date,
    last: date,
    today: date,
) -> list[Bar]:
    """Cut ``[first, last)`` into bars without gap or overlap: claims, and between them offered or not.

    Claims do not overlap (``room_claim_no_overlap``) and come in order of their start.
    """
    bars: list[Bar] = []
    at = first
    idle_since: date | None = None
    for claim in claims:
        if claim.ends_on <= first:
            idle_since = claim.ends_on
            continue
        starts_on = max(claim.starts_on, at)
        bars += _free_bars(at, starts_on, listings, stays, idle_since, today)
        ends_on = min(claim.ends_on, last)
        bars.append(_claim_bar(claim, starts_on, ends_on, stays, today))
        at, idle_since = ends_on, claim.ends_on
    return bars + _free_bars(at, last, listings, stays, idle_since, today)


def _claim_bar(
    claim: BoardClaim, starts_on: date, ends_on: date, stays: Iterable[BoardStay], today: date
) -> Bar:
    if claim.state != "leased":
        return Bar(claim.state, starts_on, ends_on, claim)
    on = today if starts_on <= today < ends_on else starts_on
    here = [stay for stay in stays if stay.arrived and stay.starts_on <= on < stay.ends_on]
    overstayed = _overstayed(stays, starts_on, ends_on, today)
    kind = "conflict" if overstayed else "occupied" if here else "leased"
    within = [stay for stay in stays if starts_on <= stay.starts_on < ends_on or stay in here]
    return Bar(
        kind,
        starts_on,
        ends_on,
        claim,
        heads=len(here),
        expected=sum(not stay.arrived for stay in within),
        couple=any(stay.couple for stay in here),
        overstayed=overstayed,
        open_reports=sum(stay.open_reports for stay in within),
    )


def _free_bars(
    starts_on: date,
    ends_on: date,
    listings: Iterable[tuple[date, date]],
    stays: Iterable[BoardStay],
    idle_since: date | None,
    today: date,
) -> list[Bar]:
    """Days without a claim: on offer (``idle``) or not (``unlisted``)."""
    bars: list[Bar] = []
    at = starts_on

    def add(kind: str, until: date) -> None:
        overstayed = _overstayed(stays, at, until, today)
        bars.append(
            Bar("conflict" if overstayed else kind, at, until, overstayed=overstayed, idle_since=idle_since)
        )

    for offered_from, offered_until in listings:
        offered_from, offered_until = max(offered_from, at), min(offered_until, ends_on)
        if offered_from >= offered_until:
            continue
        if at < offered_from:
            add("unlisted", offered_from)
        at = offered_from
        add("idle", offered_until)
        at = offered_until
    if at < ends_on:
        add("unlisted", ends_on)
    return bars


def _overstayed(stays: Iterable[BoardStay], starts_on: date, ends_on: date, today: date) -> int:
    """How many have not been checked out though their days are over; told on the bar that holds today."""
    return sum(stay.overstayed for stay in stays) if starts_on <= today < ends_on else 0
