"""Holds, and the answers they wait for, in an actor's scope."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, cast, exists, false, func, select
from sqlalchemy.orm import contains_eager

from qiantang_nest.accounts.rules import Role
from qiantang_nest.bookings.models import BookingRule, Demand, Hold, HoldRoom
from qiantang_nest.bookings.rules import Times
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.dated_rules import rule_on
from qiantang_nest.core.db import db
from qiantang_nest.enterprises.models import Enterprise, Worksite
from qiantang_nest.geography.queries import in_area
from qiantang_nest.housing.models import House, Owner, Room
from qiantang_nest.occupancy.models import RoomClaim

_EMPLOYERS = (Role.EMPLOYER_MANAGER, Role.EMPLOYER_STAFF)


def times_on(day: date) -> Times:
    """The times of the ladder in force on a day: the district's, else the usual ones."""
    rule = rule_on(BookingRule, day)
    if rule is None:
        return Times()
    return Times(rule.hold_hours, rule.answer_hours, rule.lengthen_hours, rule.offer_hours, rule.sign_days)


def holds_visible_to(actor: Actor) -> Select[Hold]:
    """Holds with their employer loaded: an employer's own; for others those with a room in their scope."""
    statement = select(Hold).join(Hold.enterprise).options(contains_eager(Hold.enterprise))
    if actor.role in _EMPLOYERS:
        return statement.where(Hold.enterprise_id == actor.enterprise_id)
    rooms = select(HoldRoom.id).join(HoldRoom.owner).where(HoldRoom.hold_id == Hold.id, _rooms_of(actor))
    return statement.where(exists(rooms))


def _rooms_of(actor: Actor) -> ColumnElement[bool]:
    """The rooms of any hold that an actor may see; ``Owner`` has to be in the select."""
    match actor.role:
        case Role.VILLAGER:
            return Owner.user_id == actor.user_id
        case Role.VILLAGE_CLERK | Role.STREET_OFFICER | SYSTEM.role:
            return in_area(HoldRoom.village_code, actor.scope)
        case _:
            return false()


@dataclass(frozen=True, slots=True)
class HoldSum:
    """What a hold has: rooms by answer, beds, rent a month of the rooms still in it."""

    rooms: int
    beds: int
    rent_fen: int
    waiting: int
    accepted: int
    declined: int


_NO_ROOMS = HoldSum(0, 0, 0, 0, 0, 0)


def hold_sums(hold_ids: Sequence[int]) -> dict[int, HoldSum]:
    """hold id → its sums without rooms refused or given back; one query for any number."""
    kept = HoldRoom.answer.in_(("waiting", "accepted"))
    rows = db.session.execute(
        select(
            HoldRoom.hold_id,
            func.count().filter(kept),
            func.coalesce(func.sum(Room.beds).filter(kept), 0),
            func.coalesce(func.sum(HoldRoom.rent_fen).filter(kept), 0),
            func.count().filter(HoldRoom.answer == "waiting"),
            func.count().filter(HoldRoom.answer == "accepted"),
            func.count().filter(HoldRoom.answer == "declined"),
        )
        .join(Room, Room.id == HoldRoom.room_id)
        .where(HoldRoom.hold_id.in_(hold_ids))
        .group_by(HoldRoom.hold_id)
    )
    found = {row[0]: HoldSum(*(int(value) for value in row[1:])) for row in rows}
    return {hold_id: found.get(hold_id, _NO_ROOMS) for hold_id in hold_ids}


def rooms_of_hold(hold: Hold, actor: Actor) -> Sequence[HoldRoom]:
    """The rooms of a hold an actor may see, with room, house, household and claim, by village and house."""
    statement = (
        select(HoldRoom)
        .join(HoldRoom.owner)
        .join(HoldRoom.room)
        .join(Room.house)
        .join(HoldRoom.claim)
        .options(
            contains_eager(HoldRoom.owner),
            contains_eager(HoldRoom.room).contains_eager(Room.house),
            contains_eager(HoldRoom.claim),
        )
        .where(HoldRoom.hold_id == hold.id)
        .order_by(HoldRoom.village_code, House.id, Room.floor, Room.label, HoldRoom.id)
    )
    if actor.role not in _EMPLOYERS:
        statement = statement.where(_rooms_of(actor))
    elif hold.enterprise_id != actor.enterprise_id:
        return []
    return db.session.execute(statement).scalars().all()


def waiting_answers(actor: Actor, now: datetime) -> Select[Any]:
    """Households in scope that have not answered a hold that still counts, most urgent first."""
    columns: tuple[Any, ...] = (
        Hold.id.label("hold_id"),
        Owner.id.label("owner_id"),
        Owner.name.label("owner"),
        Owner.household_no,
        Owner.phone_hash.isnot(None).label("has_phone"),
        Enterprise.name.label("enterprise"),
        func.count().label("rooms"),
        cast(func.sum(HoldRoom.rent_fen), BigInteger).label("rent_fen"),
        Hold.starts_on,
        Hold.ends_on,
        Hold.expires_at,
        func.min(HoldRoom.answer_due_at).label("answer_due_at"),
    )
    return (
        select(*columns)
        .select_from(HoldRoom)
        .join(Hold, Hold.id == HoldRoom.hold_id)
        .join(Owner, Owner.id == HoldRoom.owner_id)
        .join(Enterprise, Enterprise.id == Hold.enterprise_id)
        .join(RoomClaim, RoomClaim.id == HoldRoom.claim_id)
        .where(
            HoldRoom.answer == "waiting",
            Hold.state == "active",
            Hold.expires_at > now,
            RoomClaim.state == "held",
            _rooms_of(actor),
        )
        .group_by(Hold.id, Owner.id, Enterprise.id)
        .order_by(func.min(HoldRoom.answer_due_at), Hold.id, Owner.household_no)
    )


def demands_visible_to(actor: Actor) -> Select[Demand]:
    """Demands with employer and worksite: an employer's own, a street's, for the district all.

    A demand is of the street its employer belongs to.
    """
    statement = (
        select(Demand)
        .join(Demand.enterprise)
        .outerjoin(Worksite, Worksite.id == Demand.worksite_id)
        .options(contains_eager(Demand.enterprise), contains_eager(Demand.worksite))
    )
    match actor.role:
        case Role.EMPLOYER_MANAGER | Role.EMPLOYER_STAFF:
            return statement.where(Demand.enterprise_id == actor.enterprise_id)
        case Role.STREET_OFFICER:
            return statement.where(Enterprise.street_code == actor.scope)
        case Role.DISTRICT_OFFICER | SYSTEM.role:
            return statement
        case _:
            return statement.where(false())


def active_holds(actor: Actor, now: datetime) -> Sequence[Hold]:
    """Holds in scope that still count, the one that ends first on top."""
    return (
        db.session.execute(
            holds_visible_to(actor)
            .where(Hold.state == "active", Hold.expires_at > now)
            .order_by(Hold.expires_at, Hold.id)
        )
        .scalars()
        .all()
    )


def open_demand(actor: Actor, today: date) -> tuple[int, int]:
    """How many needs in scope are open and not over yet, and for how many beds."""
    open_ones = (
        demands_visible_to(actor)
        .where(Demand.state == "open", Demand.ends_on > today)
        .with_only_columns(Demand.beds)
        .subquery()
    )
    row = db.session.execute(select(func.count(), func.coalesce(func.sum(open_ones.c.beds), 0))).one()
    return int(row[0]), int(row[1])


def answers_due(actor: Actor, now: datetime) -> tuple[int, datetime | None]:
    """How many households in scope have not answered, and when the first of their holds ends."""
    waiting = waiting_answers(actor, now).order_by(None).subquery()
    row = db.session.execute(select(func.count(), func.min(waiting.c.expires_at)).select_from(waiting)).one()
    return int(row[0]), row[1]
