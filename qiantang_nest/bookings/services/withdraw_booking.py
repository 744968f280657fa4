"""The employer gives up what of a booking is not signed by both yet; what is signed stays in force."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from qiantang_nest.bookings.models import Booking, BookingLease
from qiantang_nest.bookings.services.telling import tell_withdrawn
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.occupancy.models import Lease
from qiantang_nest.occupancy.queries.leases import awaits_signature
from qiantang_nest.occupancy.services.signing import LESSEE
from qiantang_nest.occupancy.services.withdrawing import cancel_drafts


def withdraw_booking(*, booking: Booking, reason: str, actor: Actor, now: datetime) -> list[Lease]:
    """Take back every lease of the booking that still waits for a signature, and tell the households.

    Raises:
        InvalidValue: no reason, or one too long for a text message.
        WrongState: none waits any more.
    """
    ids = select(BookingLease.lease_id).where(BookingLease.booking_id == booking.id)
    db.session.execute(select(Lease.id).where(Lease.id.in_(ids)).order_by(Lease.id).with_for_update())
    # The look comes after the lock, in a statement of its own: whoever signed meanwhile has signed.
    leases = list(
        db.session.execute(
            select(Lease)
            .options(joinedload(Lease.enterprise))
            .where(Lease.id.in_(ids), awaits_signature(now))
            .order_by(Lease.id)
            .execution_options(populate_existing=True)
        ).scalars()
    )
    if not leases:
        raise WrongState(_("这一单没有等签字的合同了，不用撤回。"))
    cancel_drafts(leases=leases, side=LESSEE, reason=reason, actor=actor, now=now)
    audit.record(
        actor=actor,
        action="bookings.withdraw_booking",
        entity="booking",
        entity_id=booking.id,
        changes={"leases": [lease.id for lease in leases], "reason": reason},
    )
    tell_withdrawn(leases, side=LESSEE, reason=reason)
    return leases
