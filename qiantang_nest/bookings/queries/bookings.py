"""Bookings in an employer's scope, and how far their leases have come."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, false, func, select
from sqlalchemy.orm import contains_eager

from qiantang_nest.bookings.models import Booking, BookingLease
from qiantang_nest.bookings.rules import BookingStage, booking_stage
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.occupancy.models import Lease
from qiantang_nest.occupancy.queries.leases import awaits_signature


def bookings_visible_to(actor: Actor) -> Select[Booking]:
    """An employer's own bookings; others see the leases they have a part in."""
    if actor.enterprise_id is None:
        return select(Booking).where(false())
    return select(Booking).where(Booking.enterprise_id == actor.enterprise_id)


def booking_of_hold(hold_id: int) -> Booking | None:
    """The booking a hold became."""
    return db.session.execute(select(Booking).where(Booking.hold_id == hold_id)).scalar_one_or_none()


def leases_of_booking(booking_id: int) -> Sequence[Lease]:
    """The leases a booking made, with their households, in the order of their numbers."""
    return (
        db.session.execute(
            select(Lease)
            .join(BookingLease, BookingLease.lease_id == Lease.id)
            .join(Lease.owner)
            .options(contains_eager(Lease.owner))
            .where(BookingLease.booking_id == booking_id)
            .order_by(Lease.id)
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
