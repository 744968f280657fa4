"""Beds are given, changed and swapped here; nothing else writes where a worker sleeps.

Every function locks the villages concerned, then looks, then writes. What is checked here with a sentence
that names the person is also a constraint: ``stay_one_worker_a_bed``, ``stay_one_bed_a_worker``,
``stay_no_mixed_room``.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, lock_villages
from qiantang_nest.core.errors import DomainError, InvalidValue, NotFound, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.enterprises.models import Worker
from qiantang_nest.housing.models import House, Room
from qiantang_nest.occupancy.models import BedTaken, LeaseRoom, MixedRoom, Stay, WorkerHoused
from qiantang_nest.occupancy.queries.beds import barred_houses, sleeper
from qiantang_nest.occupancy.queries.stays import called
from qiantang_nest.occupancy.rules import MIN_WORKER_AGE, old_enough
from qiantang_nest.occupancy.services import registrations


class HouseBarred(DomainError):
    """Nobody may move into the house: an open major hazard, or it is graded dangerous."""


@dataclass(frozen=True)
class BedChoice:
    """One worker, one bed of one leased room; to the end of the room's lease unless ``ends_on`` says so."""

    worker: Worker
    lease_room: LeaseRoom
    bed_no: int
    starts_on: date
    ends_on: date | None = None

    @property
    def until(self) -> date:
        """First day the bed is free again."""
        return min(self.ends_on or self.lease_room.ends_on, self.lease_room.ends_on)

    @property
    def key(self) -> int:
        """Companion key of the stay."""
        return sleeper(self.worker).key


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


def check_choices(choices: Sequence[BedChoice], actor: Actor, *, ignoring: Collection[int] = ()) -> None:
    """Refuse what would be unlawful or taken; call it under the lock. Stays in ``ignoring`` count as gone.

    Raises:
        NotFound: the room is leased by another enterprise.
        WrongState: its lease is not in force.
        InvalidValue: outside the room's lease, no such bed, or the worker is too young.
        BedTaken, MixedRoom, WorkerHoused: somebody is in the way.
    """
    for choice in choices:
        _check_alone(choice, actor)
    _check_companions(choices, ignoring, actor)
    _check_workers(choices, ignoring, actor)


def _check_alone(choice: BedChoice, actor: Actor) -> None:
    lease_room, room = choice.lease_room, choice.lease_room.room
    if lease_room.lease.enterprise_id != choice.worker.enterprise_id:
        raise NotFound(_("没有找到这间房，请回到我租的房里重新选。"))
    if lease_room.lease.state != "signed":
        raise WrongState(_("租约 %(number)s 不在租期内，不能安排人住。", number=lease_room.lease.number))
    if not lease_room.starts_on <= choice.starts_on < choice.until:
        raise InvalidValue(
            _(
                "%(room)s 的租期是 %(first)s 到 %(last)s，%(day)s 不在里面，请改日期或换一间房。",
                room=room_name(room),
                first=lease_room.starts_on.isoformat(),
                last=(lease_room.ends_on - timedelta(days=1)).isoformat(),
                day=choice.starts_on.isoformat(),
            )
        )
    beds = min(room.beds, room.capacity)
    if not 1 <= choice.bed_no <= beds:
        raise InvalidValue(
            _(
                "%(room)s 只有 %(beds)s 张床，没有 %(bed)s 号床，请换一张。",
                room=room_name(room),
                beds=beds,
                bed=choice.bed_no,
            )
        )
    born_on = choice.worker.born_on
    if born_on is not None and not old_enough(born_on, choice.starts_on):
        raise InvalidValue(
            _(
                "%(name)s 到 %(day)s 还不满 %(age)s 岁，不能安排住宿。",
                name=called(choice.worker, actor),
                day=choice.starts_on.isoformat(),
                age=MIN_WORKER_AGE,
            )
        )


def _check_companions(choices: Sequence[BedChoice], ignoring: Collection[int], actor: Actor) -> None:
    """Nobody in the same bed, nobody of another key in the same room, on any day."""
    others = db.session.execute(
        select(Stay.room_id, Stay.bed_no, Stay.companion_key, Stay.starts_on, Stay.ends_on).where(
            Stay.room_id.in_({choice.lease_room.room_id for choice in choices}),
            Stay.cancelled_at.is_(None),
            Stay.ends_on > min(choice.starts_on for choice in choices),
            Stay.id.not_in(ignoring),
        )
    )
    there: dict[int, list[tuple[int, int, date, date]]] = {}
    for room_id, bed_no, key, starts_on, ends_on in others:
        there.setdefault(room_id, []).append((bed_no, key, starts_on, ends_on))
    for choice in choices:
        room = choice.lease_room.room
        for bed_no, key, starts_on, ends_on in there.setdefault(room.id, []):
            if starts_on >= choice.until or ends_on <= choice.starts_on:
                continue
            if bed_no == choice.bed_no:
                raise BedTaken(
                    _(
                        "%(room)s %(bed)s 号床在 %(day)s 起已经有人，没有改动任何东西，请换一张床。",
                        room=room_name(room),
                        bed=bed_no,
                        day=max(starts_on, choice.starts_on).isoformat(),
                    )
                )
            if key != choice.key:
                raise MixedRoom(
                    _(
                        "%(name)s 不能住 %(room)s：同一间房不能男女混住，夫妻房也不能再住别人。请换一间房。",
                        name=called(choice.worker, actor),
                        room=room_name(room),
                    )
                )
        there[room.id].append((choice.bed_no, choice.key, choice.starts_on, choice.until))


def _check_workers(choices: Sequence[BedChoice], ignoring: Collection[int], actor: Actor) -> None:
    """Nobody has another bed on one of the days, as this enterprise's worker or as another's.

    A person is known by the hash of the identity number. Which other enterprise houses them is not said.
    """
    if len({choice.worker.id for choice in choices}) != len(choices):
        raise WorkerHoused(_("同一位员工选了两张床，请只留一张。"))
    by_person = {choice.worker.id_number_hash: choice for choice in choices}
    by_worker = {choice.worker.id: choice for choice in choices}
    rows = db.session.execute(
        select(Worker.id, Worker.id_number_hash, Stay.starts_on, Stay.ends_on)
        .join(Stay, Stay.worker_id == Worker.id)
        .where(
            or_(
                Worker.id.in_(by_worker),
                Worker.id_number_hash.in_([person for person in by_person if person is not None]),
            ),
            Stay.cancelled_at.is_(None),
            Stay.ends_on > min(choice.starts_on for choice in choices),
            Stay.id.not_in(ignoring),
        )
    )
    for worker_id, person, starts_on, ends_on in rows:
        choice = by_worker.get(worker_id) or by_person[person]
        if starts_on >= choice.until or ends_on <= choice.starts_on:
            continue
        if worker_id == choice.worker.id:
            raise WorkerHoused(
                _(
                    "%(name)s 从 %(day)s 起已经安排了床位，请先办退房或换床。",
                    name=called(choice.worker, actor),
                    day=starts_on.isoformat(),
                )
            )
        raise WorkerHoused(
            _(
                "%(name)s 在别的单位还没有退房，请先请那边办退房，再来安排。",
                name=called(choice.worker, actor),
            )
        )


def room_name(room: Room) -> str:
    """House and label as people say it: 3组18号 201。"""
    return f"{room.house.address} {room.label}"


def refuse_barred(choices: Sequence[BedChoice]) -> None:
    """Raise HouseBarred if one of the houses has an open major hazard or is dangerous."""
    barred = barred_houses({choice.lease_room.room.house_id for choice in choices})
    for choice in choices:
        house: House = choice.lease_room.room.house
        if house.id in barred:
            raise HouseBarred(
                _(
                    "%(house)s 有重大隐患没有整改完，现在不能住人。整改复查后再办，或换一间房。",
                    house=house.address,
                )
            )


def assign_beds(*, choices: Sequence[BedChoice], actor: Actor, today: date) -> list[Stay]:
    """Plan a bed for each worker, all or nothing, in one INSERT.

    A plan starts today or later, or at most 60 days back for people who already came.
    Raises what ``check_choices`` raises.
    """
    if not choices:
        return []
    for choice in choices:
        if choice.starts_on < today - timedelta(days=60):
            raise InvalidValue(
                _("入住日期 %(day)s 太早了，最多补办 60 天以内的。", day=choice.starts_on.isoformat())
            )
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
    return _relocate([(stay, choice)], "occupancy.move_stay", moves_on, actor, today, now)[0]


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
    moved = _relocate(pairs, "occupancy.swap_beds", moves_on, actor, today, now)
    return moved[0], moved[1]


def _choice_for(stay: Stay, lease_room: LeaseRoom, bed_no: int, moves_on: date) -> BedChoice:
    starts_on = stay.starts_on if stay.arrived_on is None else moves_on
    return BedChoice(stay.worker, lease_room, bed_no, starts_on, stay.ends_on)


def _relocate(
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
        _check_movable(stay, choice, moves_on, today, actor)
        # Built anew after the lock: the refreshed row may say something else than the page did.
        choices.append(_choice_for(stay, choice.lease_room, choice.bed_no, moves_on))
    check_choices(choices, actor, ignoring=[stay.id for stay, _choice in pairs])
    if any(stay.arrived_on is not None for stay, _choice in pairs):
        refuse_barred(choices)
    return _write_moves([stay for stay, _choice in pairs], choices, action, actor, now)


def _check_movable(stay: Stay, choice: BedChoice, moves_on: date, today: date, actor: Actor) -> None:
    gone = stay.arrived_on is not None and stay.ends_on <= moves_on
    if stay.cancelled_at is not None or stay.left_on is not None or gone:
        raise WrongState(
            _("%(name)s 到那天已经不住这张床了，请刷新后再看。", name=called(stay.worker, actor))
        )
    if (choice.lease_room.id, choice.bed_no) == (stay.lease_room_id, stay.bed_no):
        raise InvalidValue(_("选的还是原来那张床，请换一张。"))
    if stay.arrived_on is not None and moves_on > today:
        raise InvalidValue(
            _("换床日期 %(day)s 还没有到，请填今天或以前，到那天再来办也行。", day=moves_on.isoformat())
        )
    if stay.arrived_on is not None and moves_on < stay.starts_on:
        raise InvalidValue(
            _(
                "%(day)s 早于入住日期 %(start)s，请改晚一点。",
                day=moves_on.isoformat(),
                start=stay.starts_on.isoformat(),
            )
        )


def _write_moves(
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
    stay.ends_on = choice.until
