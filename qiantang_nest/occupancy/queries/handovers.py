"""Handover sheets in an actor's scope, and rooms that were not handed over when they should have been."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Select, and_, exists, func, null, or_, select, union_all
from sqlalchemy.orm import contains_eager, joinedload

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.housing.models import House, Room
from qiantang_nest.occupancy.models import LET, Handover, HandoverPhoto, Lease, LeaseChange, LeaseRoom, Stay
from qiantang_nest.occupancy.queries.lease_changes import changes_to_answer
from qiantang_nest.occupancy.queries.leases import leases_visible_to


def lease_rooms_visible_to(actor: Actor) -> Select[LeaseRoom]:
    """Rooms of the leases an actor may see, with lease, room and house."""
    leases = leases_visible_to(actor).with_only_columns(Lease.id)
    return (
        select(LeaseRoom)
        .join(LeaseRoom.lease)
        .join(LeaseRoom.room)
        .join(Room.house)
        .options(
            contains_eager(LeaseRoom.lease).joinedload(Lease.owner),
            contains_eager(LeaseRoom.lease).joinedload(Lease.enterprise),
            contains_eager(LeaseRoom.room).contains_eager(Room.house),
        )
        .where(LeaseRoom.lease_id.in_(leases), LET)
    )


def sheets_of(lease_room_ids: Sequence[int]) -> dict[tuple[int, str], Handover]:
    """(lease room id, moment) → its sheet."""
    found = db.session.execute(select(Handover).where(Handover.lease_room_id.in_(lease_room_ids))).scalars()
    return {(sheet.lease_room_id, sheet.moment): sheet for sheet in found}


def handed_over(lease_room_ids: Sequence[int]) -> dict[int, dict[str, date]]:
    """lease room id → moment → the actual day, of the sheets both sides have agreed to."""
    found: dict[int, dict[str, date]] = {}
    for (lease_room_id, moment), sheet in sheets_of(lease_room_ids).items():
        if sheet.agreed:
            found.setdefault(lease_room_id, {})[moment] = sheet.happened_on
    return found


def photos_of_sheet(handover_id: int) -> Sequence[HandoverPhoto]:
    """The photographs of a sheet, oldest first."""
    return (
        db.session.execute(
            select(HandoverPhoto).where(HandoverPhoto.handover_id == handover_id).order_by(HandoverPhoto.id)
        )
        .scalars()
        .all()
    )


def handovers_visible_to(actor: Actor) -> Select[Handover]:
    """Sheets of the rooms an actor may see."""
    rooms = lease_rooms_visible_to(actor).with_only_columns(LeaseRoom.id)
    return (
        select(Handover)
        .options(joinedload(Handover.lease_room).joinedload(LeaseRoom.lease))
        .where(Handover.lease_room_id.in_(rooms))
    )


def sheets_to_confirm(actor: Actor) -> Select[Handover]:
    """Sheets the other side has written and the actor's side has not said yes to."""
    mine = Handover.lessee_at if actor.enterprise_id is not None else Handover.lessor_at
    statement = handovers_visible_to(actor).where(mine.is_(None))
    if actor.role not in (Role.VILLAGER, Role.VILLAGE_CLERK, Role.EMPLOYER_MANAGER, Role.EMPLOYER_STAFF):
        return statement.where(Handover.id.is_(None))
    return statement.order_by(Handover.id)


def held_over(actor: Actor, today: date) -> Select[LeaseRoom]:
    """Rooms past their agreed end that somebody still lives in, or that were never handed back.

    A room in whose place another came, or that another lease of the same employer goes on with, asks only
    for the people in it.
    """
    inside = exists().where(
        Stay.lease_room_id == LeaseRoom.id,
        Stay.arrived_on.is_not(None),
        Stay.left_on.is_(None),
        Stay.cancelled_at.is_(None),
    )
    given = exists().where(
        Handover.lease_room_id == LeaseRoom.id, Handover.moment == "start", Handover.lessor_at.is_not(None)
    )
    back = exists().where(Handover.lease_room_id == LeaseRoom.id, Handover.moment == "end")
    return (
        lease_rooms_visible_to(actor)
        .where(
            Lease.state == "signed",
            LeaseRoom.ends_on <= today,
            or_(inside, and_(given, ~back)),
        )
        .order_by(LeaseRoom.ends_on, House.address, Room.label)
    )


def rooms_in_words(actor: Actor, today: date) -> Sequence[Any]:
    """What waits for an actor with few rooms, by name: sheets to confirm, then rooms held over; one query.

    ``moment`` is that of the sheet, None of a room held over.
    """
    words = (House.address.label("house"), Room.label.label("room"))
    sheets = (
        sheets_to_confirm(actor)
        .join(LeaseRoom, LeaseRoom.id == Handover.lease_room_id)
        .join(Room, Room.id == LeaseRoom.room_id)
        .join(House, House.id == Room.house_id)
        .with_only_columns(Handover.lease_room_id, Handover.moment, *words)
        .limit(10)
        .subquery()
    )
    held = held_over(actor, today).with_only_columns(LeaseRoom.id, null(), *words).limit(10).subquery()
    return db.session.execute(union_all(select(sheets), select(held))).all()


@dataclass(frozen=True, slots=True)
class RoomsWork:
    """What is to be done about let rooms: held over, sheets and changes that wait for the actor's word."""

    held_over: int
    sheets: int
    changes: int


def rooms_work(actor: Actor, today: date) -> RoomsWork:
    """The counts of an actor's scope; one query."""
    parts = (
        held_over(actor, today).with_only_columns(LeaseRoom.id),
        sheets_to_confirm(actor).with_only_columns(Handover.id),
        changes_to_answer(actor).with_only_columns(LeaseChange.id),
    )
    counts = [
        select(func.count()).select_from(part.order_by(None).subquery()).scalar_subquery() for part in parts
    ]
    row = db.session.execute(select(*counts)).one()
    return RoomsWork(*(int(value) for value in row))


def people_inside(lease_room_ids: Sequence[int]) -> dict[int, int]:
    """lease room id → how many have arrived and not been checked out."""
    rows = db.session.execute(
        select(Stay.lease_room_id, func.count())
        .where(
            Stay.lease_room_id.in_(lease_room_ids),
            Stay.arrived_on.is_not(None),
            Stay.left_on.is_(None),
            Stay.cancelled_at.is_(None),
        )
        .group_by(Stay.lease_room_id)
    )
    return {row[0]: row[1] for row in rows}
