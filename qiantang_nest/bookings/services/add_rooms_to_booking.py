"""More rooms for a booking that runs: a hold like any other, whose leases join the booking."""

import uuid
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert

from qiantang_nest.bookings.models import Booking, BookingHold
from qiantang_nest.bookings.rules import Ask, OnRefusal, Times
from qiantang_nest.bookings.services.hold_rooms import hold_rooms
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.period import Period


def add_rooms_to_booking(
    *,
    booking: Booking,
    ask: Ask,
    period: Period,
    on_refusal: OnRefusal,
    request_key: uuid.UUID,
    shown_rent_fen: int | None,
    times: Times,
    actor: Actor,
    now: datetime,
) -> int:
    """Hold rooms for the booking; returns the hold's id. The same key again returns the same hold.

    Raises what ``hold_rooms`` raises.
    """
    hold_id = hold_rooms(
        enterprise=booking.enterprise,
        ask=ask,
        period=period,
        on_refusal=on_refusal,
        worksite=booking.worksite,
        request_key=request_key,
        shown_rent_fen=shown_rent_fen,
        times=times,
        actor=actor,
        now=now,
    )
    linked = db.session.execute(
        insert(BookingHold)
        .values(hold_id=hold_id, booking_id=booking.id)
        .on_conflict_do_nothing()
        .returning(BookingHold.hold_id)
    ).scalar_one_or_none()
    if linked is not None:
        audit.record(
            actor=actor,
            action="bookings.add_rooms",
            entity="booking",
            entity_id=booking.id,
            changes={"hold_id": hold_id},
        )
    return hold_id
