"""What a wanted change would do now: the page shows it, and the service makes exactly that."""

from datetime import date, datetime

from sqlalchemy import select

from qiantang_nest.bookings.queries.lease_facts import lease_facts
from qiantang_nest.bookings.queries.rooms import free_among
from qiantang_nest.bookings.rules import DISTRICT_CENTRE
from qiantang_nest.bookings.rules.changes import (
    ChangeEffect,
    ChangeKind,
    LeaseFacts,
    OtherRoom,
    Wanted,
    end_effect,
    extend_effect,
    release_effect,
    swap_effect,
    transfer_effect,
)
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.housing.models import House, Room
from qiantang_nest.occupancy.models import Lease


def effect_of(lease: Lease, wanted: Wanted, *, actor: Actor, today: date, now: datetime) -> ChangeEffect:
    """Read the lease and say what the change would do.

    Under the lock of ``occupancy.services.lease_rooms.lock_lease`` and the money lock it is what will be
    done; without them, what would be.

    Raises:
        InvalidValue: it cannot be done; the sentence says why and what can.
    """
    facts = lease_facts(lease, actor, today)
    match wanted.kind:
        case ChangeKind.END:
            return end_effect(facts, lease_room_ids=wanted.lease_room_ids, last_on=wanted.day, today=today)
        case ChangeKind.EXTEND:
            return extend_effect(
                facts,
                lease_room_ids=wanted.lease_room_ids,
                last_on=wanted.day,
                rents=wanted.rents,
                today=today,
            )
        case ChangeKind.SWAP:
            return _swap(lease, facts, wanted, today, now)
        case ChangeKind.TRANSFER:
            return transfer_effect(facts, starts_on=wanted.day, today=today)
        case ChangeKind.RELEASE:
            return release_effect(facts, lease_room_ids=wanted.lease_room_ids, today=today)


def _swap(lease: Lease, facts: LeaseFacts, wanted: Wanted, today: date, now: datetime) -> ChangeEffect:
    (old,) = facts.chosen(wanted.lease_room_ids)
    if not today <= wanted.day < old.ends_on:
        # Says which days are possible; the room that is asked for does not matter then.
        return swap_effect(
            facts,
            lease_room_id=old.lease_room_id,
            other=OtherRoom(0, "", 0, 0),
            starts_on=wanted.day,
            today=today,
        )
    others = rooms_to_swap_for(lease, wanted.day, old.ends_on, now)
    other = next((one for one in others if one.room_id == wanted.room_id), None)
    if other is None:
        raise InvalidValue(_("换去的那间房在这些天里不空，或者没有上架，请另选一间。"))
    return swap_effect(facts, lease_room_id=old.lease_room_id, other=other, starts_on=wanted.day, today=today)


def rooms_to_swap_for(lease: Lease, starts_on: date, ends_on: date, now: datetime) -> list[OtherRoom]:
    """Rooms of the same lessor that are on the market and free for the days, cheapest first."""
    rooms = {
        room.id: room
        for room in db.session.execute(
            select(Room)
            .join(House, House.id == Room.house_id)
            .where(House.owner_id == lease.owner_id, Room.removed_at.is_(None))
        ).scalars()
    }
    free = free_among(list(rooms), DISTRICT_CENTRE, starts_on=starts_on, ends_on=ends_on, now=now)
    return [
        OtherRoom(
            one.room_id,
            f"{rooms[one.room_id].house.address} {one.label}",
            _beds(rooms[one.room_id]),
            one.rent_fen,
        )
        for one in sorted(free, key=lambda one: (one.rent_fen, one.room_id))
    ]


def _beds(room: Room) -> int:
    return min(room.beds, room.capacity)
