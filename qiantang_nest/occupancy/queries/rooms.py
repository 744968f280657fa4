"""Rooms as their household sees them today."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, case, func, or_, select

from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.housing.models import House, Listing, Room
from qiantang_nest.housing.queries import rooms_visible_to
from qiantang_nest.occupancy.models import RoomClaim, Stay
from qiantang_nest.occupancy.rules import RoomState


@dataclass(frozen=True)
class RoomToday:
    """One room today: what it is, how many sleep in it, until when it is taken."""

    room: Room
    state: RoomState
    heads: int
    taken_until: date | None


def rooms_today(actor: Actor, today: date, now: datetime) -> list[RoomToday]:
    """The rooms the actor sees, by house, floor and name; one query."""
    heads = (
        select(func.count())
        .where(
            Stay.room_id == Room.id,
            Stay.cancelled_at.is_(None),
            Stay.arrived_on.is_not(None),
            Stay.starts_on <= today,
            Stay.ends_on > today,
        )
        .correlate(Room)
        .scalar_subquery()
    )
    taken_until = (
        select(RoomClaim.ends_on)
        .where(
            RoomClaim.room_id == Room.id,
            RoomClaim.state.in_(("held", "leased", "closed")),
            RoomClaim.starts_on <= today,
            RoomClaim.ends_on > today,
            or_(RoomClaim.held_until.is_(None), RoomClaim.held_until > now),
        )
        .limit(1)
        .correlate(Room)
        .scalar_subquery()
    )
    rows = db.session.execute(
        rooms_visible_to(actor)
        .add_columns(_state_on(today, now), heads, taken_until)
        .order_by(House.id, Room.floor, Room.label)
    )
    return [RoomToday(room, RoomState(state), int(count), until) for room, state, count, until in rows]


def _state_on(day: date, now: datetime) -> ColumnElement[str]:
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
