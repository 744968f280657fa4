"""What a wanted change would do now: the page shows it, and the service makes exactly that."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select

from qiantang_nest.bookings.queries.holds import times_on
from qiantang_nest.bookings.queries.lease_facts import lease_facts
from qiantang_nest.bookings.queries.rooms import candidates, free_among, names_of_rooms
from qiantang_nest.bookings.rules import DISTRICT_CENTRE, Area, Wants
from qiantang_nest.bookings.rules.changes import (
    ChangeEffect,
    ChangeKind,
    LeaseFacts,
    OtherRoom,
    Wanted,
    end_effect,
    extend_effect,
    release_effect,
    relocate_effect,
    swap_effect,
    transfer_effect,
)
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.clock import business_date
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.geography.rules import LatLon, geodesic_m
from qiantang_nest.housing.models import House, Room
from qiantang_nest.occupancy.models import Lease, LeaseChange, LeaseRoom

MOST_TO_RELOCATE_TO = 60
"""So many of the nearest rooms are looked at; more is no choice for a person."""


def effect_of(
    lease: Lease,
    wanted: Wanted,
    *,
    actor: Actor,
    today: date,
    now: datetime,
    asked: LeaseChange | None = None,
) -> ChangeEffect:
    """Read the lease and say what the change would do; ``asked`` is its question, once there is one.

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
        case ChangeKind.RELOCATE:
            return _relocate(lease, facts, wanted, today, now, asked)


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


def _relocate(
    lease: Lease, facts: LeaseFacts, wanted: Wanted, today: date, now: datetime, asked: LeaseChange | None
) -> ChangeEffect:
    (old,) = facts.chosen(wanted.lease_room_ids)
    sign_by = min(today + timedelta(days=times_on(today).sign_days), wanted.day)
    asked_on = today
    if asked is not None:
        other, sign_by = _room_drafted(asked, sign_by)
        asked_on = business_date(asked.asked_at)
    elif not today <= wanted.day < old.ends_on:
        # Says which days are possible; the room that is asked for does not matter then.
        other = OtherRoom(0, "", 0, 0)
    else:
        others = rooms_to_relocate_to(lease, old.room_id, wanted.day, old.ends_on, now)
        found = next((one.room for one in others if one.room.room_id == wanted.room_id), None)
        if found is None:
            raise InvalidValue(_("换去的那间房在这些天里不空，或者没有上架，请另选一间。"))
        other = found
    return relocate_effect(
        facts,
        lease_room_id=old.lease_room_id,
        other=other,
        starts_on=wanted.day,
        sign_by=sign_by,
        asked_on=asked_on,
        today=today,
    )


def _room_drafted(asked: LeaseChange, sign_by: date) -> tuple[OtherRoom, date]:
    """The room that the new lease holds for the question, and until when it can be signed."""
    row = db.session.execute(
        select(LeaseRoom, Lease)
        .join(Lease, Lease.id == LeaseRoom.lease_id)
        .where(LeaseRoom.lease_id == asked.new_lease_id)
    ).one()
    lease_room, lease = row
    name = names_of_rooms([lease_room.room_id])[lease_room.room_id]
    other = OtherRoom(lease_room.room_id, name, _beds(lease_room.room), lease_room.rent_fen, lease.owner_id)
    return other, lease.sign_by or sign_by


@dataclass(frozen=True, slots=True)
class RoomNearby:
    """A room of another household of the village, and how far it is from the one that is left, in metres."""

    room: OtherRoom
    usable_m2: float
    metres: int


def rooms_to_relocate_to(
    lease: Lease, room_id: int, starts_on: date, ends_on: date, now: datetime
) -> list[RoomNearby]:
    """Rooms of other households of the village that are free for the days, nearest first.

    Of the village, since the same clerk knows both households, and one lock covers both rooms.
    """
    house = db.session.get_one(Room, room_id).house
    here = LatLon(house.lat, house.lon)
    found = [
        one
        for one in candidates(
            Area(here, (lease.village_code,)),
            Wants(),
            starts_on=starts_on,
            ends_on=ends_on,
            now=now,
            limit=MOST_TO_RELOCATE_TO,
        )
        if one.owner_id != lease.owner_id
    ]
    ids = [one.room_id for one in found]
    rooms = {room.id: room for room in db.session.execute(select(Room).where(Room.id.in_(ids))).scalars()}
    names = names_of_rooms(ids)
    return [
        RoomNearby(
            OtherRoom(one.room_id, names[one.room_id], _beds(rooms[one.room_id]), one.rent_fen, one.owner_id),
            float(rooms[one.room_id].usable_m2),
            round(geodesic_m(here, LatLon(rooms[one.room_id].house.lat, rooms[one.room_id].house.lon))),
        )
        for one in found
    ]


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
