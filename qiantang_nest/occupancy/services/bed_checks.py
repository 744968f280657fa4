"""What must be true of a bed before a worker gets it, each with a sentence that names the person.

The constraints ``stay_one_worker_a_bed``, ``stay_one_bed_a_worker`` and ``stay_no_mixed_room`` say the same
last; who decides on the answer holds the villages' lock (``beds.lock_and_refresh``).
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import or_, select

from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import DomainError, InvalidValue, NotFound, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.enterprises.models import Worker
from qiantang_nest.housing.models import House, Room
from qiantang_nest.occupancy.models import BedTaken, LeaseRoom, MixedRoom, Stay, WorkerHoused
from qiantang_nest.occupancy.queries.beds import barred_houses, sleeper
from qiantang_nest.occupancy.queries.stays import called
from qiantang_nest.occupancy.rules import MIN_WORKER_AGE, old_enough


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
    by_hand: bool = False
    """A person chose this bed: no suggestion moves it later."""
    shift: str | None = None
    """The worker's shift from then on, if it changes with the bed."""

    @property
    def until(self) -> date:
        """First day the bed is free again."""
        return min(self.ends_on or self.lease_room.ends_on, self.lease_room.ends_on)

    @property
    def key(self) -> int:
        """Companion key of the stay."""
        return sleeper(self.worker, self.shift).key


Refusal = tuple[BedChoice, DomainError]


def check_choices(choices: Sequence[BedChoice], actor: Actor, *, ignoring: Collection[int] = ()) -> None:
    """Raise the first refusal of ``refusals``, if there is one."""
    for _choice, error in refusals(choices, actor, ignoring=ignoring):
        raise error


def refusals(
    choices: Sequence[BedChoice], actor: Actor, *, ignoring: Collection[int] = ()
) -> Iterator[Refusal]:
    """Everything unlawful or taken in some choices, in two queries; stays in ``ignoring`` count as gone.

    The errors:
        NotFound: the room is leased by another enterprise.
        WrongState: its lease is not in force.
        InvalidValue: outside the room's lease, no such bed, or the worker is too young.
        BedTaken, MixedRoom, WorkerHoused: somebody is in the way.
    """
    if not choices:
        return
    for choice in choices:
        error = _alone(choice, actor)
        if error is not None:
            yield choice, error
    yield from _companions(choices, ignoring, actor)
    yield from _workers(choices, ignoring, actor)


def _alone(choice: BedChoice, actor: Actor) -> DomainError | None:
    """What is wrong with a choice, whoever else is there."""
    lease_room, room = choice.lease_room, choice.lease_room.room
    if lease_room.lease.enterprise_id != choice.worker.enterprise_id:
        return NotFound(_("没有找到这间房，请回到我租的房里重新选。"))
    if lease_room.lease.state != "signed":
        return WrongState(_("租约 %(number)s 不在租期内，不能安排人住。", number=lease_room.lease.number))
    if not lease_room.starts_on <= choice.starts_on < choice.until:
        return InvalidValue(
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
        return InvalidValue(
            _(
                "%(room)s 只有 %(beds)s 张床，没有 %(bed)s 号床，请换一张。",
                room=room_name(room),
                beds=beds,
                bed=choice.bed_no,
            )
        )
    born_on = choice.worker.born_on
    if born_on is not None and not old_enough(born_on, choice.starts_on):
        return InvalidValue(
            _(
                "%(name)s 到 %(day)s 还不满 %(age)s 岁，不能安排住宿。",
                name=called(choice.worker, actor),
                day=choice.starts_on.isoformat(),
                age=MIN_WORKER_AGE,
            )
        )
    return None


def _companions(choices: Sequence[BedChoice], ignoring: Collection[int], actor: Actor) -> Iterator[Refusal]:
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
                yield choice, _bed_taken(room, bed_no, max(starts_on, choice.starts_on))
                break
            if key != choice.key:
                yield choice, _mixed(choice.worker, room, actor)
                break
        there[room.id].append((choice.bed_no, choice.key, choice.starts_on, choice.until))


def _bed_taken(room: Room, bed_no: int, day: date) -> DomainError:
    return BedTaken(
        _(
            "%(room)s %(bed)s 号床在 %(day)s 起已经有人，没有改动任何东西，请换一张床。",
            room=room_name(room),
            bed=bed_no,
            day=day.isoformat(),
        )
    )


def _mixed(worker: Worker, room: Room, actor: Actor) -> DomainError:
    return MixedRoom(
        _(
            "%(name)s 不能住 %(room)s：同一间房不能男女混住，白班夜班不能混住，夫妻房不住别人。请换一间。",
            name=called(worker, actor),
            room=room_name(room),
        )
    )


def _workers(choices: Sequence[BedChoice], ignoring: Collection[int], actor: Actor) -> Iterator[Refusal]:
    """Nobody has another bed on one of the days, as this enterprise's worker or as another's.

    A person is known by the hash of the identity number. Which other enterprise houses them is not said.
    """
    by_worker: dict[int, BedChoice] = {}
    for choice in choices:
        if choice.worker.id in by_worker:
            yield choice, WorkerHoused(_("同一位员工选了两张床，请只留一张。"))
        by_worker[choice.worker.id] = choice
    by_person = {choice.worker.id_number_hash: choice for choice in choices}
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
        name = called(choice.worker, actor)
        if worker_id == choice.worker.id:
            sentence = _(
                "%(name)s 从 %(day)s 起已经安排了床位，请先办退房或换床。",
                name=name,
                day=starts_on.isoformat(),
            )
        else:
            sentence = _("%(name)s 在别的单位还没有退房，请先请那边办退房，再来安排。", name=name)
        yield choice, WorkerHoused(sentence)


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
