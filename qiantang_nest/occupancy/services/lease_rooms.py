"""The rooms of a signed lease and their claims: ended earlier, let longer, joined; and the stays in them.

Lock the lease (``lock_lease``) first, then look, then write. Nothing here asks who may: that is for the
change that calls it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, select

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, lock_villages
from qiantang_nest.core.errors import WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import Sex
from qiantang_nest.enterprises.models import Worker
from qiantang_nest.housing.models import Room
from qiantang_nest.occupancy.models import (
    Lease,
    LeaseChange,
    LeaseRoom,
    LeaseRoomRent,
    LeaseWithdrawal,
    RoomClaim,
    RoomTaken,
    Stay,
)
from qiantang_nest.occupancy.queries.lease_changes import taker_of
from qiantang_nest.occupancy.rules import COUPLE_KEYS_FROM, companion_key, couple_id
from qiantang_nest.occupancy.services import registrations
from qiantang_nest.occupancy.services.claims import expire_stale_holds


def lock_lease(lease: Lease, *, villages: Iterable[str] = ()) -> None:
    """Lock the lease's village, and the others named, then the lease's row; both are read afresh.

    Raises:
        WrongState: it is not a signed lease (any more).
    """
    lock_villages({lease.village_code, *villages})
    db.session.execute(
        select(Lease).where(Lease.id == lease.id).with_for_update().execution_options(populate_existing=True)
    ).scalar_one()
    db.session.execute(
        select(LeaseRoom).where(LeaseRoom.lease_id == lease.id).execution_options(populate_existing=True)
    ).scalars().all()
    refuse_unless_signed(lease)


def refuse_unless_signed(lease: Lease) -> None:
    """Raise WrongState unless the lease is signed and in force."""
    if lease.state == "drafted":
        raise WrongState(_("这份合同两边还没有签好，签好以后才能改；不要了就撤掉它。"))
    if lease.state != "signed":
        raise WrongState(_("合同 %(number)s 已经结束，不能再改。", number=lease.number))


def end_rooms(*, lease: Lease, ends: Mapping[int, date], reason: str) -> None:
    """End rooms (lease room id → the day from which each is free) and the claims with them.

    The lease ends with its last room; a rent that was to begin later begins no more. Freeing needs no look.
    """
    for lease_room, claim in _rooms_with_claims(ends):
        lease_room.ends_on = claim.ends_on = ends[lease_room.id]
    db.session.flush()
    db.session.execute(
        delete(LeaseRoomRent).where(
            LeaseRoomRent.lease_room_id == LeaseRoom.id,
            LeaseRoomRent.starts_on >= LeaseRoom.ends_on,
            LeaseRoom.id.in_(list(ends)),
        )
    )
    _fit_lease(lease, reason)


def extend_rooms(
    *, lease: Lease, lease_room_ids: Sequence[int], ends_on: date, rents: Mapping[int, int], now: datetime
) -> None:
    """Let rooms and their claims go on up to ``ends_on``. Under the lock of ``lock_lease``.

    ``rents`` (lease room id → fen a month) says which of them cost something else from their present end on.

    Raises:
        RoomTaken: somebody has one of the rooms on one of the days; the sentence says which, who and when.
    """
    pairs = _rooms_with_claims(lease_room_ids)
    room_ids = [lease_room.room_id for lease_room, _claim in pairs]
    for lease_room, claim in pairs:
        refuse_if_taken([lease_room.room_id], lease_room.ends_on, ends_on, now, but=[claim.id])
    expire_stale_holds(room_ids=room_ids, now=now)
    for lease_room, claim in pairs:
        if lease_room.id in rents:
            rent = LeaseRoomRent(
                lease_room_id=lease_room.id, starts_on=lease_room.ends_on, rent_fen=rents[lease_room.id]
            )
            db.session.add(rent)
        lease_room.ends_on = claim.ends_on = ends_on
    db.session.flush()
    _fit_lease(lease, lease.end_reason)


def release_rooms(*, lease: Lease, lease_room_ids: Sequence[int], deposit_fen: int) -> None:
    """Give rooms up before the lease's first day: they keep no days, and are free at once.

    ``deposit_fen`` is agreed for the rooms that are left.
    """
    for lease_room, claim in _rooms_with_claims(lease_room_ids):
        lease_room.ends_on = lease_room.starts_on
        claim.state = "released"
    lease.deposit_fen = deposit_fen
    db.session.flush()
    _fit_lease(lease, lease.end_reason)


def cancel_before_first_day(*, change: LeaseChange, now: datetime) -> None:
    """Nothing is left of a lease whose rooms are all given up: it is cancelled, and says by whom and why."""
    lease = change.lease
    room_ids = db.session.execute(select(LeaseRoom.id).where(LeaseRoom.lease_id == lease.id)).scalars()
    for _lease_room, claim in _rooms_with_claims(room_ids):
        claim.state = "released"
    lease.state = "cancelled"
    db.session.add(
        LeaseWithdrawal(
            lease_id=lease.id,
            side=change.asked_side,
            user_id=change.asked_by,
            on_behalf_of=change.asked_for,
            reason=change.reason,
            withdrawn_at=now,
        )
    )
    db.session.flush()


def join_room(
    *,
    lease: Lease,
    room: Room,
    rent_fen: int,
    starts_on: date,
    ends_on: date,
    now: datetime,
    follows_id: int | None = None,
    later_rents: Sequence[tuple[date, int]] = (),
) -> LeaseRoom:
    """Take a free room into the lease for ``[starts_on, ends_on)``. Under the lock of its village.

    Raises:
        RoomTaken: somebody has the room on one of the days.
    """
    refuse_if_taken([room.id], starts_on, ends_on, now)
    expire_stale_holds(room_ids=[room.id], now=now)
    claim = RoomClaim(
        room_id=room.id,
        village_code=room.village_code,
        starts_on=starts_on,
        ends_on=ends_on,
        state="leased",
    )
    db.session.add(claim)
    db.session.flush()
    lease_room = LeaseRoom(
        lease=lease,
        claim_id=claim.id,
        room=room,
        rent_fen=rent_fen,
        starts_on=starts_on,
        ends_on=ends_on,
        follows_id=follows_id,
    )
    db.session.add(lease_room)
    db.session.flush()
    db.session.add_all(
        LeaseRoomRent(lease_room_id=lease_room.id, starts_on=day, rent_fen=fen) for day, fen in later_rents
    )
    db.session.flush()
    return lease_room


def hold_room(
    *, room: Room, starts_on: date, ends_on: date, held_until: datetime, now: datetime
) -> RoomClaim:
    """Hold a free room for a lease that is to be signed. Under the lock of its village.

    Raises:
        RoomTaken: somebody has the room on one of the days.
    """
    refuse_if_taken([room.id], starts_on, ends_on, now)
    expire_stale_holds(room_ids=[room.id], now=now)
    claim = RoomClaim(
        room_id=room.id,
        village_code=room.village_code,
        starts_on=starts_on,
        ends_on=ends_on,
        state="held",
        held_until=held_until,
    )
    db.session.add(claim)
    db.session.flush()
    return claim


def refuse_if_taken(
    room_ids: Sequence[int], starts_on: date, ends_on: date, now: datetime, *, but: Sequence[int] = ()
) -> None:
    """Raise RoomTaken if somebody has one of the rooms on a day of ``[starts_on, ends_on)``.

    The sentence names room and days, and how it is taken; which employer has it is nobody's business.
    """
    taker = taker_of(room_ids, starts_on, ends_on, now, but=but)
    if taker is None:
        return
    values = {
        "room": f"{taker.room.house.address} {taker.room.label}",
        "first": taker.starts_on.isoformat(),
        "last": (taker.ends_on - timedelta(days=1)).isoformat(),
    }
    sentences = {
        "held": _(
            "%(room)s 从 %(first)s 到 %(last)s 被别家企业锁定了。请改早最后一天，或去掉这间。", **values
        ),
        "leased": _(
            "%(room)s 从 %(first)s 到 %(last)s 已经租给别家了。请改早最后一天，或去掉这间。", **values
        ),
        "closed": _("%(room)s 从 %(first)s 到 %(last)s 停用。请改早最后一天，或去掉这间。", **values),
    }
    raise RoomTaken(sentences[taker.state])


def _rooms_with_claims(lease_room_ids: Iterable[int]) -> list[tuple[LeaseRoom, RoomClaim]]:
    rows = db.session.execute(
        select(LeaseRoom, RoomClaim)
        .join(RoomClaim, RoomClaim.id == LeaseRoom.claim_id)
        .where(LeaseRoom.id.in_(list(lease_room_ids)))
        .order_by(RoomClaim.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return [(lease_room, claim) for lease_room, claim in rows]


def _fit_lease(lease: Lease, reason: str | None) -> None:
    """A lease runs as long as its last room."""
    last = max(db.session.execute(select(LeaseRoom.ends_on).where(LeaseRoom.lease_id == lease.id)).scalars())
    if lease.ends_on != last:
        lease.ends_on, lease.end_reason = last, reason if last < lease.ends_on else None
    db.session.flush()


# --- the people in them ---------------------------------------------------------------------------------


def plan_ends(*, ends: Mapping[Stay, date], actor: Actor) -> None:
    """Set the planned end of stays, earlier or later. Whoever is still there on it has not left by that."""
    for stay, ends_on in ends.items():
        before, stay.ends_on = stay.ends_on, ends_on
        _record(stay, "occupancy.plan_end", actor, before=before.isoformat())
    db.session.flush()


def drop_plans(*, stays: Sequence[Stay], actor: Actor, now: datetime) -> None:
    """Cancel planned stays that no longer have a room."""
    for stay in stays:
        stay.cancelled_at = now
        _record(stay, "occupancy.cancel_stay", actor)
    db.session.flush()


def carry_over(
    *, stays: Mapping[Stay, tuple[LeaseRoom, int]], moves_on: date, actor: Actor, today: date, now: datetime
) -> list[Stay]:
    """Move stays to a bed of another lease room from ``moves_on`` on; returns them as they go on there.

    Who has arrived by then and moves today leaves the one bed and arrives in the other at once; for a later
    day the old stay is planned to end and a plan in the new bed waits for that day. A stay that only begins
    then or later just changes the bed. The new bed is free: its room joined by the same change.
    """
    moved = []
    for stay, (lease_room, bed_no) in stays.items():
        old_house_id = stay.room.house_id
        if stay.starts_on >= moves_on:
            _change_bed(stay, lease_room, bed_no)
            db.session.flush()
            if stay.arrived_on is not None and old_house_id != lease_room.room.house_id:
                registrations.change_address(old=stay, new=stay, actor=actor)
            moved.append(stay)
            continue
        until, now_there = stay.ends_on, stay.arrived_on is not None and moves_on <= today
        stay.ends_on = moves_on
        if now_there:
            stay.left_on = moves_on
        db.session.flush()
        follower = Stay(
            worker_id=stay.worker_id,
            enterprise_id=stay.enterprise_id,
            village_code=lease_room.room.village_code,
            room=lease_room.room,
            lease_room=lease_room,
            bed_no=bed_no,
            companion_key=stay.companion_key,
            starts_on=moves_on,
            ends_on=until,
            arrived_on=moves_on if now_there else None,
        )
        db.session.add(follower)
        moved.append(follower)
        db.session.flush()
        if now_there and old_house_id != lease_room.room.house_id:
            registrations.change_address(old=stay, new=follower, actor=actor)
    db.session.flush()
    for stay, follower in zip(stays, moved, strict=True):
        _record(follower, "occupancy.move_stay", actor, from_stay_id=stay.id, on=moves_on.isoformat())
    return moved


class Following(NamedTuple):
    """Under which lease and as whose worker a stay goes on, and until when it was to."""

    worker: Worker
    lease_room: LeaseRoom
    ends_on: date


def follow_on(
    *, stays: Mapping[Stay, Following], moves_on: date, actor: Actor, today: date, now: datetime
) -> None:
    """The same people in the same beds under another firm's lease from ``moves_on`` on.

    Who is there by today leaves the one firm and arrives with the other at once, with both reports; for a
    later day a plan waits. A stay that only begins then or later is void and planned anew. A couple's room is
    the couple's there as well.
    """
    first_days = {stay: max(stay.starts_on, moves_on) for stay in stays}
    moving_now = {stay for stay in stays if stay.arrived_on is not None and moves_on <= today}
    # All leave first: until then the one of a couple is in the other's way, whose key is another one there.
    for stay in stays:
        if stay.starts_on >= moves_on:
            stay.cancelled_at = stay.cancelled_at or now
            if stay.arrived_on is not None:
                stay.ends_on = stay.left_on = stay.starts_on
        else:
            stay.ends_on = moves_on
            stay.left_on = moves_on if stay in moving_now else None
    db.session.flush()
    followers = {
        stay: Stay(
            worker_id=to.worker.id,
            enterprise_id=to.worker.enterprise_id,
            village_code=to.lease_room.room.village_code,
            room=to.lease_room.room,
            lease_room=to.lease_room,
            bed_no=stay.bed_no,
            companion_key=_key_under(to.worker, stay),
            by_hand=stay.by_hand,
            starts_on=first_days[stay],
            ends_on=to.ends_on,
            arrived_on=first_days[stay] if stay in moving_now else None,
        )
        for stay, to in stays.items()
    }
    db.session.add_all(followers.values())
    db.session.flush()
    registrations.report_departures([stay for stay in stays if stay in moving_now], actor=actor)
    registrations.report_arrivals([followers[stay] for stay in stays if stay in moving_now])
    for stay, follower in followers.items():
        _record(follower, "occupancy.follow_on", actor, from_stay_id=stay.id)


def _key_under(worker: Worker, stay: Stay) -> int:
    """The key of a stay that goes on under the same person's row with another firm."""
    if stay.companion_key < COUPLE_KEYS_FROM or worker.couple_with_id is None:
        return stay.companion_key
    return companion_key(Sex(worker.sex), couple_id(worker.id, worker.couple_with_id))


def _change_bed(stay: Stay, lease_room: LeaseRoom, bed_no: int) -> None:
    stay.lease_room, stay.room, stay.bed_no = lease_room, lease_room.room, bed_no
    stay.village_code = lease_room.room.village_code


def _record(stay: Stay, action: str, actor: Actor, **more: object) -> None:
    audit.record(
        actor=actor,
        action=action,
        entity="stay",
        entity_id=stay.id,
        changes={
            "room_id": stay.room_id,
            "bed_no": stay.bed_no,
            "starts_on": stay.starts_on.isoformat(),
            "ends_on": stay.ends_on.isoformat(),
            **more,
        },
    )
