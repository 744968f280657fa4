"""A room of another household for one of this lease: a repair that takes long, or a quarrel.

Both lessors have a say. The question drafts the lease of the new room at once, which holds it; the old lessor
lets the other go, by notice or by a yes; and the second signature under the new lease makes all of it in one
transaction: the old room ends, people move, bills follow. Until then nobody has lost a bed, and whatever ends
the question ends the draft, and the other way round.
"""

from datetime import date, datetime, time, timedelta

from sqlalchemy import select

from qiantang_nest.billing.services.money_lock import lock_money
from qiantang_nest.bookings.models import BookingLease
from qiantang_nest.bookings.queries.bookings import booking_of_lease
from qiantang_nest.bookings.queries.change_effects import effect_of
from qiantang_nest.bookings.rules.changes import ChangeEffect, Wanted
from qiantang_nest.bookings.services.change_booking.making import make_change
from qiantang_nest.bookings.services.change_booking.telling import tell_done
from qiantang_nest.bookings.services.telling import ask_to_sign, tell_withdrawn
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.clock import SHANGHAI
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.housing.models import Room
from qiantang_nest.occupancy.models import Lease, LeaseChange
from qiantang_nest.occupancy.queries.lease_changes import relocation_to
from qiantang_nest.occupancy.services.lease_rooms import hold_room, lock_lease
from qiantang_nest.occupancy.services.leases import HeldRoom, Terms, draft_leases
from qiantang_nest.occupancy.services.signing import LESSEE
from qiantang_nest.occupancy.services.withdrawing import cancel_drafts


def draft_new_lease(*, lease: Lease, effect: ChangeEffect, today: date, actor: Actor, now: datetime) -> Lease:
    """Hold the other household's room and draft its lease on the terms of this one; it joins the booking.

    Raises:
        RoomTaken: somebody has the room on one of the days.
    """
    new = effect.new_lease
    if new is None or new.period.ends_on is None:
        raise ValueError("a relocation brings a lease with an end")
    room = db.session.get_one(Room, new.room_id)
    # 24:00 of the last day; people cannot move on a day that has passed.
    sign_until = datetime.combine(new.sign_by + timedelta(days=1), time(), SHANGHAI)
    claim = hold_room(
        room=room,
        starts_on=new.period.starts_on,
        ends_on=new.period.ends_on,
        held_until=sign_until,
        now=now,
    )
    (draft,) = draft_leases(
        enterprise_id=lease.enterprise_id,
        rooms=[HeldRoom(claim.id, room.id, new.owner_id, room.village_code, new.rent_fen)],
        starts_on=new.period.starts_on,
        ends_on=new.period.ends_on,
        terms=Terms(
            convention=lease.convention,
            proration=lease.proration,
            bill_lead_days=lease.bill_lead_days,
            grace_days=lease.grace_days,
            deposit_months=new.deposit_fen // new.rent_fen,
            deposit_return_days=lease.deposit_return_days,
            late_fee_permyriad=lease.late_fee_permyriad,
            notice_days=lease.notice_days,
            utilities_by=lease.utilities_by,
        ),
        sign_until=sign_until,
        today=today,
        actor=actor,
    )
    booking = booking_of_lease(lease.id)
    if booking is not None:
        db.session.add(BookingLease(booking_id=booking.id, lease_id=draft.id))
        db.session.flush()
    ask_to_sign(lease.enterprise.name, [(draft, 1)])
    return draft


def finish_relocation(*, new_lease: Lease, actor: Actor, today: date, now: datetime) -> None:
    """After the second signature under ``new_lease``: if it was drafted for a relocation, that is made.

    In the transaction of the signature, under the lock of the village it has taken.

    Raises:
        WrongState: the old lessor has not let the room go yet, or its lease is no longer in force.
        InvalidValue: it can no longer be made; the signature is not given then either.
    """
    change = relocation_to(new_lease.id)
    if change is None:
        return
    lease = change.lease
    lock_lease(lease)
    lock_money([lease.village_code])
    db.session.refresh(change, with_for_update=True)
    if change.state != "asked":
        raise WrongState(_("换房刚才撤回了，这份合同不用签了。"))
    wanted = Wanted.from_terms(change.kind, change.terms)
    effect = effect_of(lease, wanted, actor=actor, today=today, now=now, asked=change)
    if effect.needs_yes and change.agreed_at is None:
        raise WrongState(
            _("这份合同是给换房用的，原来那户还没答应放那间房。等他答应了，您再签。企业随时可以撤回。")
        )
    change.facts, change.effective_on = effect.facts(), effect.effective_on
    make_change(change=change, wanted=wanted, effect=effect, actor=actor, today=today, now=now)
    change.state, change.decided_by, change.decided_at = "done", actor.user_id, now
    db.session.flush()
    audit.record(
        actor=actor,
        action="bookings.relocate",
        entity="lease_change",
        entity_id=change.id,
        changes={"lease_id": lease.id, "new_lease_id": new_lease.id, "state": change.state},
    )
    tell_done(lease, change)


def drop_draft(*, change: LeaseChange, reason: str, actor: Actor, now: datetime) -> None:
    """The question has come to nothing, so the lease that was drafted with it does too.

    It is the employer's word that is taken back, whoever said no.
    """
    draft = db.session.execute(
        select(Lease)
        .where(Lease.id == change.new_lease_id, Lease.state == "drafted")
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if draft is None:
        return
    cancel_drafts(leases=[draft], side=LESSEE, reason=reason, actor=actor, now=now, user_id=change.asked_by)
    tell_withdrawn([draft], side=LESSEE, reason=reason)
