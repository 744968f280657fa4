"""The room board: what a room looks like on a day, and its days cut into bars."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

LONG_IDLE_DAYS = 30
LEAVING_SOON_DAYS = 7


class Look(StrEnum):
    """What a bar looks like; the suffix of a ``room.*`` chip. A room has exactly one of them today."""

    IDLE = "idle"
    """On offer, the house passes the gate, nobody has taken it."""
    HELD = "held"
    LEASED = "leased"
    """Under contract, nobody sleeps there."""
    OCCUPIED = "occupied"
    CLOSED = "closed"
    UNLISTED = "unlisted"
    """Neither taken nor to be had: no approved offer, or the house may not be let."""
    CONFLICT = "conflict"
    """Somebody's days are over and nobody has recorded a departure; told before everything else."""


class Flag(StrEnum):
    """What is said of a room beside its look; the suffix of a ``flag.*`` chip."""

    ARREARS = "arrears"
    REGISTRATION = "registration"
    HAZARD = "hazard"
    LEAVING = "leaving"
    BEDS = "beds"
    LONG_IDLE = "long_idle"
    NOTE = "note"


class Barred(StrEnum):
    """Why nobody may be let into a house today, the gravest reason first."""

    DANGER = "danger"
    HAZARD = "hazard"
    CHECK = "check"
    PAPERS = "papers"


@dataclass(frozen=True, slots=True)
class Claim:
    """A live claim of a room, with whose it is and who sleeps there under it."""

    id: int
    room_id: int
    state: str
    """``held``, ``leased`` or ``closed``."""
    starts_on: date
    ends_on: date
    held_until: datetime | None
    reason: str | None
    lease_id: int | None
    lease_state: str | None
    hold_id: int | None
    enterprise: str | None
    heads: int
    """Who sleeps there today, or on the first day shown if the claim does not hold today."""
    couple: bool
    expected: int
    """Who has a bed there and has not come."""


@dataclass(frozen=True, slots=True)
class Room:
    """A room with everything there is to say of it today."""

    id: int
    house_id: int
    label: str
    floor: int
    beds: int
    """That may be slept in."""
    look: Look
    heads: int
    leaving: int
    """Of ``heads``, whose days end within ``LEAVING_SOON_DAYS``."""
    leaves_on: date | None
    overstayed: int
    owing_since: date | None
    """When the oldest unpaid bill of today's lease fell due, if that day is over."""
    owes_rent: bool
    """False if only the deposit is owed."""
    reports: int
    """Arrivals and departures not reported yet."""
    notes: int
    idle_since: date | None
    """Since when an idle room has been on offer and free."""
    barred: Barred | None
    safe_until: date | None
    offers: Sequence[tuple[date, date]]
    """Days of approved offers within the days shown, in order; they never overlap."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of days of one room that look alike."""

    look: Look
    starts_on: date
    ends_on: date
    claim: Claim | None
    is_today: bool
    """Whether it holds today: then the room's facts of today are told on it."""

    @property
    def days(self) -> int:
        return (self.ends_on - self.starts_on).days


def bars_of(room: Room, claims: Iterable[Claim], *, first: date, last: date, today: date) -> list[Bar]:
    """Cut ``[first, last)`` into bars without gap or overlap: claims, and between them on offer or not.

    Claims do not overlap (``room_claim_no_overlap``), touch the days and come in order of their start.
    """
    bars: list[Bar] = []

    def add(look: Look, starts_on: date, ends_on: date, claim: Claim | None = None) -> None:
        is_today = starts_on <= today < ends_on
        if is_today and room.overstayed:
            look = Look.CONFLICT
        elif claim is not None and claim.state == "leased":
            heads = room.heads if is_today else claim.heads
            look = Look.OCCUPIED if heads else Look.LEASED
        bars.append(Bar(look, starts_on, ends_on, claim, is_today))

    def add_free(starts_on: date, ends_on: date) -> None:
        at = starts_on
        for offered_from, offered_until in () if room.barred else room.offers:
            begin = max(offered_from, at)
            end = min(offered_until, ends_on, room.safe_until or begin)
            if begin < end:
                if at < begin:
                    add(Look.UNLISTED, at, begin)
                add(Look.IDLE, begin, end)
                at = end
        if at < ends_on:
            add(Look.UNLISTED, at, ends_on)

    at = first
    for claim in claims:
        starts_on, ends_on = max(claim.starts_on, at), min(claim.ends_on, last)
        if at < starts_on:
            add_free(at, starts_on)
        add(Look(claim.state), starts_on, ends_on, claim)
        at = ends_on
    if at < last:
        add_free(at, last)
    return bars


_PLACE = re.compile(r"^(?:浙江省|浙江|杭州市|杭州|钱塘区)+")
_FORM = re.compile(r"(?:集团)?(?:股份)?有限(?:责任)?公司.*$")


def short_name(enterprise: str) -> str:
    """A company's name as people say it: ``杭州海川精密制造有限公司`` is ``海川精密制造``."""
    return _FORM.sub("", _PLACE.sub("", enterprise)) or enterprise


@dataclass(frozen=True, slots=True)
class Beds:
    """Beds of some rooms today, by what becomes of them; the parts add up to ``total``."""

    total: int
    free: int
    held: int
    let: int
    """Under contract, nobody in them."""
    occupied: int

    @property
    def out(self) -> int:
        """Of closed and unlisted rooms."""
        return self.total - self.free - self.held - self.let - self.occupied
