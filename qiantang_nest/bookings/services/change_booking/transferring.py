"""Another firm takes a lease over: its rooms, its terms and the people in it (Civil Code art. 555).

Three say yes: the firm that gives it up by asking, the one that takes it, and the lessor. With that the same
contract goes on under another lessee: the new lease is in force without new signatures, and the change is the
paper that says so. Bills up to the day before stay with the old firm; each firm has a deposit of its own.
"""

from datetime import date, datetime
from fractions import Fraction

from sqlalchemy import select

from qiantang_nest.bookings.models import Booking, BookingLease
from qiantang_nest.bookings.rules.changes import ChangeEffect, Wanted
from qiantang_nest.core import audit, numbering
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.money import round_half_up
from qiantang_nest.enterprises.services.workers import take_workers_over
from qiantang_nest.occupancy.models import Lease, LeaseRoom, Stay
from qiantang_nest.occupancy.queries.lease_changes import later_rents
from qiantang_nest.occupancy.services.lease_rooms import (
    Following,
    drop_plans,
    end_rooms,
    follow_on,
    join_room,
)

_TERMS = (
    "mode",
    "owner_id",
    "village_code",
    "convention",
    "proration",
    "bill_lead_days",
    "grace_days",
    "deposit_return_days",
    "late_fee_permyriad",
    "notice_days",
    "utilities_by",
)


def transfer(
    *,
    lease: Lease,
    wanted: Wanted,
    effect: ChangeEffect,
    reason: str,
    actor: Actor,
    today: date,
    now: datetime,
) -> Lease:
    """End the rooms for the old firm and let them go on for the new one, people and all."""
    if wanted.enterprise_id is None:
        raise ValueError("a transfer names the firm that takes over")
    rooms = {
        room.id: room
        for room in db.session.execute(
            select(LeaseRoom).where(LeaseRoom.id.in_([one.lease_room_id for one in effect.rooms]))
        ).scalars()
    }
    rents = later_rents(list(rooms))
    until = {room.id: room.ends_on for room in rooms.values()}
    new = _new_lease(lease, rooms, wanted.enterprise_id, wanted.day, today, actor)
    stays = {
        stay.id: stay
        for stay in db.session.execute(
            select(Stay)
            .where(Stay.id.in_([one.stay_id for one in effect.stays]))
            .order_by(Stay.id)
            .with_for_update(of=Stay)
            .execution_options(populate_existing=True)
        ).scalars()
    }
    ends = {stay.id: stay.ends_on for stay in stays.values()}
    # Out of the way first: no claim and no bed is free until the old ones end.
    later = [stay for stay in stays.values() if stay.starts_on >= wanted.day]
    drop_plans(stays=[stay for stay in later if stay.arrived_on is None], actor=actor, now=now)
    end_rooms(lease=lease, ends=dict.fromkeys(rooms, wanted.day), reason=reason)
    joined = {
        room.id: join_room(
            lease=new,
            room=room.room,
            rent_fen=_rent_on(wanted.day, room, rents),
            starts_on=wanted.day,
            ends_on=until[room.id],
            now=now,
            later_rents=[rent for rent in rents.get(room.id, ()) if rent[0] > wanted.day],
        )
        for room in rooms.values()
    }
    workers = take_workers_over(
        workers=list({stay.worker_id: stay.worker for stay in stays.values()}.values()),
        enterprise_id=new.enterprise_id,
        actor=actor,
    )
    follow_on(
        stays={
            stay: Following(workers[stay.worker_id], joined[stay.lease_room_id], ends[stay.id])
            for stay in stays.values()
        },
        moves_on=wanted.day,
        actor=actor,
        today=today,
        now=now,
    )
    return new


def _rent_on(day: date, room: LeaseRoom, rents: dict[int, list[tuple[date, int]]]) -> int:
    """What a room costs a month on the day on which it goes over."""
    begun = [fen for starts_on, fen in rents.get(room.id, ()) if starts_on <= day]
    return begun[-1] if begun else room.rent_fen


def _new_lease(
    lease: Lease,
    rooms: dict[int, LeaseRoom],
    enterprise_id: int,
    starts_on: date,
    today: date,
    actor: Actor,
) -> Lease:
    series = f"HT-{today:%Y}"
    rent_fen = sum(room.rent_fen for room in rooms.values())
    agreed_fen = sum(
        db.session.execute(
            select(LeaseRoom.rent_fen).where(LeaseRoom.lease_id == lease.id, LeaseRoom.follows_id.is_(None))
        ).scalars()
    )
    new = Lease(
        number=f"{series}-{numbering.reserve(series):06d}",
        enterprise_id=enterprise_id,
        starts_on=starts_on,
        ends_on=max(room.ends_on for room in rooms.values()),
        # As many months of rent as the old firm put down.
        deposit_fen=round_half_up(Fraction(lease.deposit_fen * rent_fen, agreed_fen)),
        state="signed",
        signed_on=today,
        **{name: getattr(lease, name) for name in _TERMS},
    )
    db.session.add(new)
    db.session.flush()
    series = f"YD-{today:%Y}"
    booking = Booking(
        number=f"{series}-{numbering.reserve(series):06d}",
        enterprise_id=enterprise_id,
        starts_on=starts_on,
        ends_on=new.ends_on,
        created_by=actor.user_id,
    )
    db.session.add(booking)
    db.session.flush()
    db.session.add(BookingLease(booking_id=booking.id, lease_id=new.id))
    audit.record(
        actor=actor,
        action="bookings.transfer_lease",
        entity="lease",
        entity_id=new.id,
        changes={"from_lease_id": lease.id, "enterprise_id": enterprise_id, "rooms": sorted(rooms)},
    )
    return new
