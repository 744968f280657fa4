"""Beds are given, changed and swapped here; nothing else writes where a worker sleeps.

Every function locks the villages concerned, then looks (``bed_checks``), then writes.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, lock_villages
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.enterprises.rules import Shift
from qiantang_nest.housing.models import Room
from qiantang_nest.occupancy.models import LeaseRoom, Stay
from qiantang_nest.occupancy.queries.stays import called
from qiantang_nest.occupancy.services import registrations
from qiantang_nest.occupancy.services.bed_checks import BedChoice, check_choices, refuse_barred

EARLIEST_PLAN_DAYS = 60


def lock_and_refresh(lease_rooms: Collection[LeaseRoom]) -> None:
    """Lock the rooms' villages, then read the rooms, leases and houses anew: they may just have changed."""
    ids = {one.id for one in lease_rooms}
    lock_villages(
        db.session.execute(
            select(Room.village_code)
            .join(LeaseRoom, LeaseRoom.room_id == Room.id)
            .where(LeaseRoom.id.in_(ids))
            .distinct()
        ).scalars()
    )
    db.session.execute(
        select(LeaseRoom)
        .options(
            joinedload(LeaseRoom.lease),
            joinedload(LeaseRoom.room).joinedload(Room.house),
        )
        .where(LeaseRoom.id.in_(ids))
        .execution_options(populate_existing=True)
    ).scalars().all()


def refuse_too_early(starts_on: date, today: date) -> None:
    """Raise InvalidValue for a plan that begins too long ago."""
    if starts_on < today - timedelta(days=EARLIEST_PLAN_DAYS):
        raise InvalidValue(
            _(
                "入住日期 %(day)s 太早了，最多补办 %(most)s 天以内的。",
                day=starts_on.isoformat(),
                most=EARLIEST_PLAN_DAYS,
            )
        )


def assign_beds(*, choices: Sequence[BedChoice], actor: Actor, today: date) -> list[Stay]:
    """Plan a bed for each worker, all or nothing, in one INSERT.

    A plan starts at most ``EARLIEST_PLAN_DAYS`` back, for people who already came.
    Raises what ``bed_checks.refusals`` yields.
    """
    if not choices:
        return []
    for choice in choices:
        refuse_too_early(choice.starts_on, today)
    lock_and_refresh([choice.lease_room for choice in choices])
    return place(choices=choices, actor=actor)


def place(*, choices: Sequence[BedChoice], actor: Actor) -> list[Stay]:
    """Check and insert plans; only under the lock that ``lock_and_refresh`` takes."""
    check_choices(choices, actor)
    stays = [_new_stay(choice) for choice in choices]
    db.session.add_all(stays)
    db.session.flush()
    for stay in stays:
        _record(stay, "occupancy.assign_beds", actor)
    return stays


def _new_stay(choice: BedChoice, *, arrived: bool = False) -> Stay:
    return Stay(
        worker=choice.worker,
        enterprise_id=choice.worker.enterprise_id,
        village_code=choice.lease_room.room.village_code,
        room=choice.lease_room.room,
        lease_room=choice.lease_room,
        bed_no=choice.bed_no,
        companion_key=choice.key,
        by_hand=choice.by_hand,
        starts_on=choice.starts_on,
        ends_on=choice.until,
        arrived_on=choice.starts_on if arrived else None,
    )


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


def move_stay(
    *,
    stay: Stay,
    lease_room: LeaseRoom,
    bed_no: int,
    moves_on: date,
    actor: Actor,
    today: date,
    now: datetime,
) -> Stay:
    """Give a worker another bed from a day on; returns the stay in the new bed.

    A plan, or a stay that began that very day, is changed in place; else the old stay ends on ``moves_on``
    and a new one begins. Into another house also means a departure and an arrival to report.
    """
    choice = _choice_for(stay, lease_room, bed_no, moves_on)
    return relocate([(stay, choice)], "occupancy.move_stay", moves_on, actor, today, now)[0]


def swap_beds(
    *, first: Stay, second: Stay, moves_on: date, actor: Actor, today: date, now: datetime
) -> tuple[Stay, Stay]:
    """Let two workers change beds from a day on; returns their new stays in the same order."""
    if first.id == second.id or first.worker_id == second.worker_id:
        raise InvalidValue(_("请选另一位员工来对换。"))
    pairs = [
        (first, _choice_for(first, second.lease_room, second.bed_no, moves_on)),
        (second, _choice_for(second, first.lease_room, first.bed_no, moves_on)),
    ]
    moved = relocate(pairs, "occupancy.swap_beds", moves_on, actor, today, now)
    return moved[0], moved[1]


def change_shift(
    *,
    stay: Stay,
    lease_room: LeaseRoom,
    bed_no: int,
    changes_on: date,
    actor: Actor,
    today: date,
    now: datetime,
) -> Stay:
    """Let a worker change to the other shift and to a bed among such people, from a day on.

    The bed may be the same if nobody else is in the room from then on. Raises as ``move_stay`` does.
    """
    shift = Shift.DAY if stay.worker.shift == Shift.NIGHT else Shift.NIGHT
    choice = _choice_for(stay, lease_room, bed_no, changes_on, shift=shift)
    return relocate([(stay, choice)], "occupancy.change_shift", changes_on, actor, today, now)[0]


def _choice_for(
    stay: Stay,
    lease_room: LeaseRoom,
    bed_no: int,
    moves_on: date,
    *,
    by_hand: bool = True,
    shift: str | None = None,
) -> BedChoice:
    starts_on = stay.starts_on if stay.arrived_on is None else moves_on
    return BedChoice(stay.worker, lease_room, bed_no, starts_on, stay.ends_on, by_hand, shift)


def relocate(
    pairs: Sequence[tuple[Stay, BedChoice]],
    action: str,
    moves_on: date,
    actor: Actor,
    today: date,
    now: datetime,
) -> list[Stay]:
    """Move each worker; stays are first taken out of the way, so that two may change places."""
    lock_and_refresh([one for stay, choice in pairs for one in (stay.lease_room, choice.lease_room)])
    choices = []
    for stay, choice in pairs:
        db.session.refresh(stay)
        check_movable(stay, choice, moves_on, today, actor)
        # Built anew after the lock: the refreshed row may say something else than the page did.
        choices.append(renewed(stay, choice, moves_on))
    check_choices(choices, actor, ignoring=[stay.id for stay, _choice in pairs])
    if any(stay.arrived_on is not None for stay, _choice in pairs):
        refuse_barred(choices)
    return write_moves([stay for stay, _choice in pairs], choices, action, actor, now)


def renewed(stay: Stay, choice: BedChoice, moves_on: date) -> BedChoice:
    """A choice with the dates that the stay has now."""
    return _choice_for(
        stay, choice.lease_room, choice.bed_no, moves_on, by_hand=choice.by_hand, shift=choice.shift
    )


def check_movable(stay: Stay, choice: BedChoice, moves_on: date, today: date, actor: Actor) -> None:
    if stay.arrived_on is not None and moves_on > today:
        raise InvalidValue(
            _("换床日期 %(day)s 还没有到，请填今天或以前，到那天再来办也行。", day=moves_on.isoformat()),
            field="moves_on",
        )
    gone = stay.arrived_on is not None and stay.ends_on <= moves_on
    if stay.cancelled_at is not None or stay.left_on is not None or gone:
        raise WrongState(
            _("%(name)s 到那天已经不住这张床了，请刷新后再看。", name=called(stay.worker, actor))
        )
    same_bed = (choice.lease_room.id, choice.bed_no) == (stay.lease_room_id, stay.bed_no)
    if same_bed and choice.key == stay.companion_key:
        raise InvalidValue(_("选的还是原来那张床，请换一张。"))
    if stay.arrived_on is not None and moves_on < stay.starts_on:
        raise InvalidValue(
            _(
                "%(day)s 早于入住日期 %(start)s，请改晚一点。",
                day=moves_on.isoformat(),
                start=stay.starts_on.isoformat(),
            ),
            field="moves_on",
        )


def write_moves(
    stays: Sequence[Stay], choices: Sequence[BedChoice], action: str, actor: Actor, now: datetime
) -> list[Stay]:
    before = [(stay.lease_room.room, stay.bed_no) for stay in stays]
    in_place = [stay.starts_on >= choice.starts_on for stay, choice in zip(stays, choices, strict=True)]
    for stay, choice, same_row in zip(stays, choices, in_place, strict=True):
        if same_row:
            stay.cancelled_at = now
        else:
            stay.ends_on = choice.starts_on
            stay.left_on = choice.starts_on
    db.session.flush()
    for choice in choices:
        if choice.shift is not None:
            choice.worker.shift = choice.shift
    db.session.flush()
    moved = []
    for stay, choice, same_row in zip(stays, choices, in_place, strict=True):
        if same_row:
            stay.cancelled_at = None
            _take_bed(stay, choice)
            moved.append(stay)
        else:
            moved.append(_new_stay(choice, arrived=True))
    db.session.add_all(moved)
    db.session.flush()
    for stay, new, (room, bed_no) in zip(stays, moved, before, strict=True):
        _record(new, action, actor, from_stay_id=stay.id, from_room_id=room.id, from_bed_no=bed_no)
        if new.arrived_on is not None and new.room.house_id != room.house_id:
            registrations.change_address(old=stay, new=new, actor=actor)
    return moved


def _take_bed(stay: Stay, choice: BedChoice) -> None:
    stay.lease_room = choice.lease_room
    stay.room = choice.lease_room.room
    stay.village_code = choice.lease_room.room.village_code
    stay.bed_no = choice.bed_no
    stay.companion_key = choice.key
    stay.by_hand = choice.by_hand
    stay.ends_on = choice.until
