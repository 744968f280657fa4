"""The waiting list: who waits, in which order, for how many beds, and what was offered."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Select, and_, exists, func, or_, select, text
from sqlalchemy.orm import contains_eager

from qiantang_nest.bookings.models import Demand, Hold, HoldRoom, Waiting
from qiantang_nest.core.db import db
from qiantang_nest.enterprises.models import Worksite
from qiantang_nest.housing.models import Room
from qiantang_nest.occupancy.models import RoomClaim


def queue(now: datetime, today: date) -> Select[Waiting]:
    """Who waits, first come first, with demand and worksite; whoever let an offer run out waits no more."""
    ran_out = exists().where(Hold.waiting_id == Waiting.id, Hold.state == "offered", Hold.expires_at <= now)
    return (
        select(Waiting)
        .join(Waiting.demand)
        .outerjoin(Worksite, Worksite.id == Demand.worksite_id)
        .options(contains_eager(Waiting.demand).contains_eager(Demand.worksite))
        .where(Waiting.left_at.is_(None), Demand.state == "open", Demand.starts_on >= today, ~ran_out)
        .order_by(Waiting.joined_at, Waiting.id)
    )


ANYBODY_WAITS_SQL = "EXISTS (SELECT FROM waiting WHERE left_at IS NULL)"
"""Whether ``queue`` may have somebody; every hold asks it."""


def anybody_waits() -> bool:
    """Whether ``queue`` may have somebody."""
    return bool(db.session.execute(text(f"SELECT {ANYBODY_WAITS_SQL}")).scalar_one())


def place_in_queue(demand_id: int, now: datetime, today: date) -> tuple[Waiting, int] | None:
    """The entry of a demand and its place, counted from 1; None if it does not wait."""
    for place, waiting in enumerate(db.session.execute(queue(now, today)).scalars(), start=1):
        if waiting.demand_id == demand_id:
            return waiting, place
    return None


def beds_taken(demand_id: int, now: datetime) -> int:
    """Beds that a demand has already: offered, held or let to it."""
    live = or_(RoomClaim.state == "leased", and_(RoomClaim.state == "held", RoomClaim.held_until > now))
    statement = (
        select(func.coalesce(func.sum(Room.beds), 0))
        .select_from(HoldRoom)
        .join(Hold, Hold.id == HoldRoom.hold_id)
        .join(RoomClaim, RoomClaim.id == HoldRoom.claim_id)
        .join(Room, Room.id == HoldRoom.room_id)
        .where(
            Hold.demand_id == demand_id,
            Hold.state.in_(("offered", "active", "booked")),
            HoldRoom.answer.in_(("waiting", "accepted")),
            live,
        )
    )
    return int(db.session.execute(statement).scalar_one())


def rooms_offered_before(waiting_id: int) -> set[int]:
    """Rooms that were offered in this turn: nobody is asked twice about a room."""
    statement = (
        select(HoldRoom.room_id).join(Hold, Hold.id == HoldRoom.hold_id).where(Hold.waiting_id == waiting_id)
    )
    return set(db.session.execute(statement).scalars())


def open_offers(enterprise_id: int, now: datetime) -> Sequence[Hold]:
    """Offers an employer has yet to answer, the one that ends first on top."""
    statement = (
        select(Hold)
        .where(Hold.enterprise_id == enterprise_id, Hold.state == "offered", Hold.expires_at > now)
        .order_by(Hold.expires_at, Hold.id)
    )
    return db.session.execute(statement).scalars().all()
