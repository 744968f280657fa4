"""Bookings in an actor's scope, with those of their leases the actor may see."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import contains_eager

from qiantang_nest.bookings.models import Booking, BookingHold, BookingLease, Hold
from qiantang_nest.bookings.rules import Area, BookingStage, booking_stage
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.geography.rules import LatLon
from qiantang_nest.housing.models import House, Room
from qiantang_nest.occupancy.models import Lease, LeaseRoom
from qiantang_nest.occupancy.queries.leases import awaits_signature, leases_visible_to


def bookings_visible_to(actor: Actor) -> Select[Booking]:
    """Bookings with their employer loaded: those with a lease the actor may see."""
    leases = leases_visible_to(actor).with_only_columns(Lease.id)
    mine = select(BookingLease.booking_id).where(BookingLease.lease_id.in_(leases))
    return (
        select(Booking)
        .join(Booking.enterprise)
        .options(contains_eager(Booking.enterprise))
        .where(Booking.id.in_(mine))
    )


def booking_of_hold(hold_id: int) -> Booking | None:
    """The booking a hold became, or adds rooms to."""
    added = select(BookingHold.booking_id).where(BookingHold.hold_id == hold_id)
    return db.session.execute(
        select(Booking).where((Booking.hold_id == hold_id) | Booking.id.in_(added))
    ).scalar_one_or_none()


def leases_of_booking(booking_id: int, actor: Actor) -> Sequence[Lease]:
    """The leases of a booking that the actor may see, lessor and lessee loaded, by number."""
    return (
        db.session.execute(
            leases_visible_to(actor)
            .join(BookingLease, BookingLease.lease_id == Lease.id)
            .where(BookingLease.booking_id == booking_id)
            .order_by(Lease.number)
        )
        .scalars()
        .all()
    )


def booking_of_lease(lease_id: int) -> Booking | None:
    """The booking a lease belongs to; None for leases taken over from paper."""
    return db.session.execute(
        select(Booking).join(BookingLease).where(BookingLease.lease_id == lease_id)
    ).scalar_one_or_none()


def area_of_booking(booking_id: int, actor: Actor) -> Area:
    """Where to look for more rooms: the villages of the booking, nearest to the rooms it has."""
    leases = leases_visible_to(actor).with_only_columns(Lease.id)
    rows = db.session.execute(
        select(House.village_code, House.lat, House.lon)
        .join(Room, Room.house_id == House.id)
        .join(LeaseRoom, LeaseRoom.room_id == Room.id)
        .join(BookingLease, BookingLease.lease_id == LeaseRoom.lease_id)
        .where(BookingLease.booking_id == booking_id, LeaseRoom.lease_id.in_(leases))
        .order_by(LeaseRoom.id)
    ).all()
    first = rows[0]
    return Area(LatLon(first.lat, first.lon), tuple(dict.fromkeys(row.village_code for row in rows)))


def waiting_holds_of(booking_id: int, now: datetime) -> Sequence[Hold]:
    """Holds that add rooms to the booking and still count."""
    return (
        db.session.execute(
            select(Hold)
            .join(BookingHold, BookingHold.hold_id == Hold.id)
            .where(BookingHold.booking_id == booking_id, Hold.state == "active", Hold.expires_at > now)
            .order_by(Hold.id)
        )
        .scalars()
        .all()
    )


def stages_of_holds(hold_ids: Sequence[int], now: datetime) -> dict[int, BookingStage]:
    """hold id → the stage of the booking it became; holds that became none are absent."""
    rows = db.session.execute(
        select(
            Booking.hold_id,
            func.count().filter(awaits_signature(now)),
            func.count().filter(Lease.state.in_(("signed", "ended"))),
        )
        .join(BookingLease, BookingLease.booking_id == Booking.id)
        .join(Lease, Lease.id == BookingLease.lease_id)
        .where(Booking.hold_id.in_(hold_ids))
        .group_by(Booking.hold_id)
    )
    return {
        hold_id: booking_stage(waiting=waiting, signed=signed)
        for hold_id, waiting, signed in rows
        if hold_id is not None
    }
