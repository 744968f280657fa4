"""A hold whose owners have answered becomes a booking: one lease per lessor, to be signed."""

from datetime import date, datetime

from qiantang_nest.bookings.models import Booking, BookingLease, Hold
from qiantang_nest.bookings.queries.bookings import booking_of_hold
from qiantang_nest.bookings.rules import Answer
from qiantang_nest.bookings.services.demands import meet_demand
from qiantang_nest.bookings.services.hold_lock import lock_active_hold
from qiantang_nest.bookings.services.telling import ask_to_sign
from qiantang_nest.core import audit, numbering
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.clock import business_date
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.occupancy.rules import signing_end
from qiantang_nest.occupancy.services.claims import release_claims
from qiantang_nest.occupancy.services.leases import HeldRoom, Terms, draft_leases


class StillWaiting(WrongState):
    """Owners have not answered, and the employer did not say to go on without them."""


def confirm_booking(
    *, hold: Hold, terms: Terms, drop_waiting: bool, sign_days: int, actor: Actor, now: datetime
) -> Booking:
    """Book the accepted rooms; with ``drop_waiting`` the unanswered ones are given back.

    A hold that adds rooms to a booking gives its leases to that one; any other makes a booking.
    The leases hold the rooms for as long as they may be signed (``signing_end``).

    Raises:
        WrongState: the hold no longer counts, or no owner has accepted.
        StillWaiting: owners have not answered.
    """
    locked = lock_active_hold(hold, now)
    waiting, accepted = locked.with_answer(Answer.WAITING), locked.with_answer(Answer.ACCEPTED)
    if waiting and not drop_waiting:
        raise StillWaiting(
            _("还有 %(rooms)s 间房的户主没有答复。等一等，或者勾上不要这几间。", rooms=len(waiting))
        )
    if not accepted:
        raise WrongState(_("还没有户主答应，不能预订。"))
    if waiting:
        release_claims(claim_ids=[room.claim_id for room in waiting])
    today = business_date(now)
    leases = draft_leases(
        enterprise_id=hold.enterprise_id,
        rooms=[
            HeldRoom(room.claim_id, room.room_id, room.owner_id, room.village_code, room.rent_fen)
            for room in accepted
        ],
        starts_on=hold.starts_on,
        ends_on=hold.ends_on,
        terms=terms,
        sign_until=signing_end(today, hold.starts_on, sign_days),
        today=today,
        actor=actor,
    )
    booking = booking_of_hold(hold.id) or _new_booking(hold, today, actor)
    db.session.add_all(BookingLease(booking_id=booking.id, lease_id=lease.id) for lease in leases)
    hold.state = "booked"
    meet_demand(hold, actor, now)
    audit.record(
        actor=actor,
        action="bookings.confirm_booking",
        entity="booking",
        entity_id=booking.id,
        changes={
            "number": booking.number,
            "hold_id": hold.id,
            "leases": len(leases),
            "rooms": len(accepted),
            "dropped": len(waiting),
        },
    )
    rooms_of = {lease.owner_id: sum(room.owner_id == lease.owner_id for room in accepted) for lease in leases}
    ask_to_sign(hold.enterprise.name, [(lease, rooms_of[lease.owner_id]) for lease in leases])
    return booking


def _new_booking(hold: Hold, today: date, actor: Actor) -> Booking:
    series = f"YD-{today:%Y}"
    booking = Booking(
        number=f"{series}-{numbering.reserve(series):06d}",
        hold_id=hold.id,
        enterprise_id=hold.enterprise_id,
        worksite_id=hold.worksite_id,
        starts_on=hold.starts_on,
        ends_on=hold.ends_on,
        created_by=actor.user_id,
    )
    db.session.add(booking)
    db.session.flush()
    return booking
