"""Bookings in an actor's scope, with those of their leases the actor may see."""

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import contains_eager

from qiantang_nest.bookings.models import Booking, BookingLease
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.occupancy.models import Lease
from qiantang_nest.occupancy.queries.leases import leases_visible_to


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
