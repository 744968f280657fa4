"""Writing what a change's effect says: claims, people's beds, bills. Under the locks of ``asking``."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select

from qiantang_nest.billing.services import issue_due_bills, reissue_bills
from qiantang_nest.bookings.rules.changes import ChangeEffect, ChangeKind, Fate, Wanted
from qiantang_nest.bookings.services.change_booking.transferring import transfer
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.housing.models import Room
from qiantang_nest.occupancy.models import Lease, LeaseChange, LeaseRoom, Stay
from qiantang_nest.occupancy.queries.beds import barred_houses
from qiantang_nest.occupancy.services.lease_rooms import (
    cancel_before_first_day,
    carry_over,
    drop_plans,
    end_rooms,
    extend_rooms,
    join_room,
    plan_ends,
    refuse_if_taken,
    release_rooms,
)

_VOID_REASONS = {
    ChangeKind.END: "提前退房，按退房日重新出账",
    ChangeKind.EXTEND: "续租，这个月按新的日期重新出账",
    ChangeKind.SWAP: "换房，按换房日重新出账",
    ChangeKind.TRANSFER: "转给别的企业，按转出日重新出账",
    ChangeKind.RELEASE: "起租前退掉，没住的日子不出账",
    ChangeKind.RELOCATE: "换到别家，按换房日重新出账",
}


def villages_of(wanted: Wanted) -> list[str]:
    """Villages to lock beside the lease's own: that of a room to come."""
    if wanted.room_id is None:
        return []
    return list(db.session.execute(select(Room.village_code).where(Room.id == wanted.room_id)).scalars())


def refuse_unmakeable(lease: Lease, wanted: Wanted, now: datetime) -> None:
    """Raise what making the change would raise about rooms: RoomTaken, or InvalidValue for a barred house."""
    if wanted.kind is not ChangeKind.EXTEND:
        return
    rooms = _lease_rooms(wanted.lease_room_ids)
    if barred_houses({room.room.house_id for room in rooms}):
        raise InvalidValue(_("有房子查出重大隐患或被鉴定为危房，整改复查以前不能续租。"))
    for room in rooms:
        refuse_if_taken([room.room_id], room.ends_on, _after(wanted.day), now, but=[room.claim_id])


def make_change(
    *,
    change: LeaseChange,
    wanted: Wanted,
    effect: ChangeEffect,
    actor: Actor,
    today: date,
    now: datetime,
) -> Lease | None:
    """Write the effect; returns the lease that goes on with the rooms if it is another one."""
    lease, reason = change.lease, change.reason
    new_lease: Lease | None = None
    match effect.kind:
        case ChangeKind.END:
            _end(lease, effect, reason, actor, now)
        case ChangeKind.EXTEND:
            _extend(lease, wanted, effect, actor, now)
        case ChangeKind.SWAP:
            _swap(lease, wanted, effect, reason, actor, today, now)
        case ChangeKind.TRANSFER:
            new_lease = transfer(
                lease=lease, wanted=wanted, effect=effect, reason=reason, actor=actor, today=today, now=now
            )
        case ChangeKind.RELOCATE:
            _relocate(change, wanted, effect, actor, today, now)
        case ChangeKind.RELEASE:
            _release(change, effect, actor, now)
    reissue_bills(
        lease=lease,
        bill_ids=[bill.bill_id for bill in effect.bills if bill.bill_id],
        reason=_VOID_REASONS[effect.kind],
        actor=actor,
        now=now,
    )
    if new_lease is not None:
        issue_due_bills(lease=new_lease, today=today, actor=actor)
    return new_lease


def _end(lease: Lease, effect: ChangeEffect, reason: str, actor: Actor, now: datetime) -> None:
    drop_plans(stays=_stays(effect, Fate.CANCELLED), actor=actor, now=now)
    _set_ends(effect, Fate.ENDS, actor)
    end_rooms(
        lease=lease, ends={room.lease_room_id: effect.effective_on for room in effect.rooms}, reason=reason
    )


def _extend(lease: Lease, wanted: Wanted, effect: ChangeEffect, actor: Actor, now: datetime) -> None:
    refuse_unmakeable(lease, wanted, now)
    extend_rooms(
        lease=lease,
        lease_room_ids=wanted.lease_room_ids,
        ends_on=_after(wanted.day),
        rents={
            room.lease_room_id: room.rent_after_fen
            for room in effect.rooms
            if room.rent_after_fen != room.rent_fen
        },
        now=now,
    )
    _set_ends(effect, Fate.GOES_ON, actor)


def _release(change: LeaseChange, effect: ChangeEffect, actor: Actor, now: datetime) -> None:
    drop_plans(stays=_stays(effect, Fate.CANCELLED), actor=actor, now=now)
    if effect.cancels:
        cancel_before_first_day(change=change, now=now)
        return
    release_rooms(
        lease=change.lease,
        lease_room_ids=[room.lease_room_id for room in effect.rooms],
        deposit_fen=effect.deposit_after_fen,
    )


def _swap(
    lease: Lease,
    wanted: Wanted,
    effect: ChangeEffect,
    reason: str,
    actor: Actor,
    today: date,
    now: datetime,
) -> None:
    old, new = effect.rooms
    if new.after is None or new.after.ends_on is None:
        raise ValueError("a room joins for a period with an end")
    joined = join_room(
        lease=lease,
        room=db.session.get_one(Room, new.room_id),
        rent_fen=new.rent_fen,
        starts_on=wanted.day,
        ends_on=new.after.ends_on,
        now=now,
        follows_id=old.lease_room_id,
    )
    moves = {change.stay_id: change for change in effect.stays}
    carry_over(
        stays={stay: (joined, moves[stay.id].bed_no) for stay in _stays(effect, Fate.MOVES)},
        moves_on=wanted.day,
        actor=actor,
        today=today,
        now=now,
    )
    end_rooms(lease=lease, ends={old.lease_room_id: wanted.day}, reason=reason)


def _relocate(
    change: LeaseChange, wanted: Wanted, effect: ChangeEffect, actor: Actor, today: date, now: datetime
) -> None:
    joined = db.session.execute(
        select(LeaseRoom).where(LeaseRoom.lease_id == change.new_lease_id)
    ).scalar_one()
    beds = {one.stay_id: one.bed_no for one in effect.stays}
    carry_over(
        stays={stay: (joined, beds[stay.id]) for stay in _stays(effect, Fate.MOVES)},
        moves_on=wanted.day,
        actor=actor,
        today=today,
        now=now,
    )
    (old,) = effect.rooms
    end_rooms(lease=change.lease, ends={old.lease_room_id: wanted.day}, reason=change.reason)


def _set_ends(effect: ChangeEffect, fate: Fate, actor: Actor) -> None:
    ends = {change.stay_id: change.ends_on for change in effect.stays}
    plan_ends(ends={stay: ends[stay.id] for stay in _stays(effect, fate)}, actor=actor)


def _stays(effect: ChangeEffect, fate: Fate) -> Sequence[Stay]:
    """The stays of a fate, locked and read anew, in the order of the effect."""
    ids = [change.stay_id for change in effect.stays if change.fate is fate]
    found = {
        stay.id: stay
        for stay in db.session.execute(
            select(Stay)
            .where(Stay.id.in_(ids))
            .order_by(Stay.id)
            .with_for_update(of=Stay)
            .execution_options(populate_existing=True)
        ).scalars()
    }
    return [found[stay_id] for stay_id in ids]


def _lease_rooms(ids: Sequence[int]) -> Sequence[LeaseRoom]:
    return (
        db.session.execute(select(LeaseRoom).where(LeaseRoom.id.in_(ids)).order_by(LeaseRoom.id))
        .scalars()
        .all()
    )


def _after(last_on: date) -> date:
    return date.fromordinal(last_on.toordinal() + 1)
