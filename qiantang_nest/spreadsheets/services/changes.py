"""A weekly headcount file meets the database: the moves it proposes, and doing the accepted ones at once.

A proposal is found by doing everything inside a savepoint, day by day, and taking it back: what is shown is
what the same services would do. What is done later is what was shown, or nothing.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from qiantang_nest.core.actor import Actor
from qiantang_nest.core.crypto import lookup_hash
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import DomainError, InvalidValue, RowProblem
from qiantang_nest.core.i18n import _
from qiantang_nest.enterprises.models import Enterprise, Worker
from qiantang_nest.enterprises.rules import shift_label
from qiantang_nest.enterprises.services import add_workers, change_details
from qiantang_nest.occupancy.models import LeaseRoom, Stay
from qiantang_nest.occupancy.queries import beds
from qiantang_nest.occupancy.rules import COUPLE_KEYS_FROM, assign_beds, unplaced_reason_label
from qiantang_nest.occupancy.services.bed_checks import BedChoice, room_name
from qiantang_nest.occupancy.services.carry_out import Come, Leave, Move, NotPossible, carry_out
from qiantang_nest.spreadsheets.rules.changes import DAY, ChangeKind, ChangeLine, check_changes
from qiantang_nest.spreadsheets.rules.roster import NAME, NUMBER, RawRow

NIGHT = timedelta(days=1)


@dataclass(frozen=True)
class Step:
    """What one row would do: ids to do it by, words to show it with. It goes through the page and back."""

    row: int
    kind: str
    name: str
    day: str
    stay_id: int | None = None
    lease_room_id: int | None = None
    bed_no: int | None = None
    come_from: str = ""
    go_to: str = ""
    note: str = ""
    before: int | None = None
    """The row of who leaves the bed that this one gets."""
    struck: bool = False


@dataclass
class Plan:
    """What a file would do."""

    steps: list[Step] = field(default_factory=list)
    settled: list[tuple[int, str, str]] = field(default_factory=list)
    """(row, name, sentence) of rows with nothing to do: done before, or not possible for now."""
    problems: list[RowProblem] = field(default_factory=list)


class _Undone(Exception):
    """Ends the savepoint of a trial."""


@contextmanager
def _trial() -> Iterator[None]:
    """What happens inside is taken back, and forgotten by the session too."""
    try:
        with db.session.begin_nested():
            yield
            raise _Undone
    except _Undone:
        db.session.expire_all()


def plan_changes(
    *,
    rows: Sequence[RawRow],
    struck: Collection[int] = (),
    enterprise: Enterprise,
    actor: Actor,
    today: date,
    now: datetime,
) -> Plan:
    """The steps of a file as things stand; rows in ``struck`` take no bed and free none."""
    lines, problems = check_changes(rows, today)
    with _trial():
        plan = _Planner(enterprise, actor, today, now).plan(lines, set(struck))
    plan.problems = sorted(dict.fromkeys([*problems, *plan.problems]), key=lambda problem: problem.row)
    plan.steps.sort(key=lambda step: step.row)
    plan.settled.sort()
    return plan


def carry_out_changes(
    *,
    rows: Sequence[RawRow],
    steps: Sequence[Step],
    accepted: Collection[int],
    enterprise: Enterprise,
    actor: Actor,
    today: date,
    now: datetime,
) -> list[Step]:
    """Do the accepted steps as they were shown, all at once; returns them.

    Raises NotPossible, whose lines are rows, if one of them cannot be done any more, and InvalidValue if a
    couple would be torn apart.
    """
    lines, _problems = check_changes(rows, today)
    by_row = {line.row: line for line in lines}
    chosen = [step for step in steps if step.row in accepted and step.row in by_row]
    _refuse_without_leaver(chosen, steps)
    known = _known(enterprise, lines)
    joined = [by_row[step.row] for step in chosen if step.kind == ChangeKind.JOINED]
    if joined:
        add_workers(enterprise=enterprise, rows=_rows_of(joined), actor=actor)
        known = _known(enterprise, lines)
    stays = _stays_by_id([step.stay_id for step in chosen if step.stay_id], enterprise)
    rooms = {
        room.id: room
        for room in db.session.execute(
            beds.lease_rooms_visible_to(actor).where(
                LeaseRoom.id.in_([step.lease_room_id for step in chosen if step.lease_room_id])
            )
        ).scalars()
    }
    lost = [
        (step.row, str(_("%(name)s 的床位刚才有变动，请按现在的情况重新排", name=step.name)))
        for step in chosen
        if (step.stay_id and step.stay_id not in stays)
        or (step.lease_room_id and step.lease_room_id not in rooms)
    ]
    if lost:
        raise NotPossible(lost)
    leaves, moves, comes = [], [], []
    for step in chosen:
        line = by_row[step.row]
        worker, day = known[line.number], date.fromisoformat(step.day)
        if step.kind == ChangeKind.CHANGED:
            _change(line, worker, actor, with_shift=step.lease_room_id is None)
        if step.kind == ChangeKind.LEFT and step.stay_id:
            leaves.append(Leave(step.row, stays[step.stay_id], day + NIGHT))
        elif step.lease_room_id and step.bed_no:
            room = rooms[step.lease_room_id]
            if step.stay_id:
                stay = stays[step.stay_id]
                shift = line.shift.value if line.shift and line.shift != worker.shift else None
                choice = BedChoice(worker, room, step.bed_no, day, stay.ends_on, shift=shift)
                moves.append(Move(step.row, stay, choice))
            else:
                comes.append(Come(step.row, BedChoice(worker, room, step.bed_no, day), arrived=day <= today))
    carry_out(leaves=leaves, moves=moves, comes=comes, actor=actor, today=today, now=now)
    return chosen


def _refuse_without_leaver(chosen: Sequence[Step], steps: Sequence[Step]) -> None:
    """Who gets the bed of somebody whose leaving was struck cannot have it."""
    rows, names = {step.row for step in chosen}, {step.row: step.name for step in steps}
    waiting = [
        (
            step.row,
            str(
                _(
                    "%(name)s 要住的床还没空：您划掉了第 %(row)s 行 %(leaver)s 的离开",
                    name=step.name,
                    row=step.before,
                    leaver=names[step.before],
                )
            ),
        )
        for step in chosen
        if step.before is not None and step.before not in rows
    ]
    if waiting:
        raise NotPossible(waiting)


def _known(enterprise: Enterprise, lines: Sequence[ChangeLine]) -> dict[str, Worker]:
    """The enterprise's workers that the lines are about, by identity number."""
    numbers = {lookup_hash(line.number, "id_number"): line.number for line in lines}
    found = db.session.execute(
        select(Worker).where(Worker.enterprise_id == enterprise.id, Worker.id_number_hash.in_(numbers))
    ).scalars()
    return {numbers[worker.id_number_hash]: worker for worker in found if worker.id_number_hash}


def _rows_of(lines: Sequence[ChangeLine]) -> list[Any]:
    return [line.worker for line in lines if line.worker is not None]


def _stays_by_id(ids: Collection[int], enterprise: Enterprise) -> dict[int, Stay]:
    found = db.session.execute(
        select(Stay).where(Stay.id.in_(ids), Stay.enterprise_id == enterprise.id)
    ).scalars()
    return {stay.id: stay for stay in found}


def _change(line: ChangeLine, worker: Worker, actor: Actor, *, with_shift: bool) -> None:
    change_details(
        worker=worker,
        phone=line.phone,
        shift=line.shift.value if line.shift and with_shift else None,
        wish_group=line.wish_group,
        ground_floor=line.ground_floor,
        actor=actor,
    )


class _Planner:
    """One trial run over a file, inside a savepoint."""

    def __init__(self, enterprise: Enterprise, actor: Actor, today: date, now: datetime) -> None:
        self._enterprise, self._actor, self._today, self._now = enterprise, actor, today, now
        self._plan = Plan()
        self._known: dict[str, Worker] = {}
        self._stays: dict[int, list[Stay]] = {}
        self._rooms = (
            db.session.execute(beds.lease_rooms_visible_to(actor).where(LeaseRoom.ends_on > today))
            .scalars()
            .all()
        )
        self._vacated: dict[tuple[int, int], tuple[int, date]] = {}
        """(room, bed) → row of who leaves it, and from when it is free."""

    def plan(self, lines: Sequence[ChangeLine], struck: set[int]) -> Plan:
        self._known = _known(self._enterprise, lines)
        for stay in db.session.execute(
            select(Stay)
            .where(
                Stay.worker_id.in_([worker.id for worker in self._known.values()]),
                Stay.cancelled_at.is_(None),
            )
            .order_by(Stay.starts_on, Stay.id)
        ).scalars():
            self._stays.setdefault(stay.worker_id, []).append(stay)
        lines = [line for line in lines if self._is_known(line)]
        self._struck(lines, struck)
        lines = [line for line in lines if line.row not in struck]
        for line in lines:
            if line.kind is ChangeKind.LEFT:
                self._leave(line)
        for line in lines:
            if line.kind is ChangeKind.CHANGED:
                self._details(line)
        for day in sorted({line.day for line in lines}):
            today = [line for line in lines if line.day == day]
            self._turn_shifts([line for line in today if line.kind is ChangeKind.CHANGED])
        self._join([line for line in lines if line.kind is ChangeKind.JOINED])
        return self._plan

    def _is_known(self, line: ChangeLine) -> bool:
        """Whether the row names somebody of the list, or somebody new; a wrong one is a problem."""
        worker = self._known.get(line.number)
        if line.kind is ChangeKind.JOINED:
            return True
        if worker is None:
            self._wrong(line, NUMBER, _("名单里没有这个证件号的员工；新来的请在“变动”里填 新来"))
            return False
        if worker.name != line.name:
            self._wrong(line, NAME, _("和名单里这个证件号的名字不一样，请核对"))
            return False
        return True

    def _wrong(self, line: ChangeLine, column: str, reason: object) -> None:
        self._plan.problems.append(RowProblem(line.row, column, str(reason)))

    def _settle(self, line: ChangeLine, reason: object) -> None:
        self._plan.settled.append((line.row, line.name, str(reason)))

    def _step(self, line: ChangeLine, day: date | None = None, **more: Any) -> None:
        shown = (day or line.day).isoformat()
        self._plan.steps.append(Step(line.row, line.kind.value, line.name, shown, **more))

    def _struck(self, lines: Sequence[ChangeLine], struck: Collection[int]) -> None:
        for line in lines:
            if line.row in struck:
                self._step(line, note=str(_("划掉了，不办")), struck=True)

    def _live(self, line: ChangeLine) -> list[Stay]:
        worker = self._known.get(line.number)
        return [s for s in self._stays.get(worker.id if worker else 0, []) if s.left_on is None]

    def _try(self, do: Callable[[], Any], lines: Sequence[ChangeLine], column: str = NUMBER) -> bool:
        """Do something in the trial; a refusal becomes the problem of its row."""
        by_row = {line.row: line for line in lines}
        try:
            with db.session.begin_nested():
                do()
        except NotPossible as error:
            for row, sentence in error.problems:
                self._wrong(by_row[row], column, sentence)
            return False
        except DomainError as error:
            for line in lines:
                self._wrong(line, column, error.message)
            return False
        return True

    def _carry_out(self, **what: Any) -> None:
        carry_out(actor=self._actor, today=self._today, now=self._now, **what)

    # --- leaving ----------------------------------------------------------------------------------

    def _leave(self, line: ChangeLine) -> None:
        leaves_on = line.day + NIGHT
        live = self._live(line)
        stay = next((one for one in live if one.ends_on >= leaves_on), live[0] if live else None)
        if stay is None:
            past = self._stays.get(self._known[line.number].id, [])
            if past:
                last = past[-1].left_on or past[-1].ends_on
                self._settle(line, _("%(day)s 已经退房，没有要办的", day=last.isoformat()))
            else:
                self._settle(line, _("没有床位，不用退"))
            return
        if stay.ends_on < leaves_on:
            self._wrong(line, DAY, _("床位 %(day)s 就到期了，最后一晚不能更晚", day=stay.ends_on.isoformat()))
            return
        arrived = stay.arrived_on is not None and leaves_on <= self._today
        if stay.ends_on == leaves_on and not arrived:
            self._settle(line, _("已经记好那天离开"))
            return
        if stay.arrived_on is not None and leaves_on < stay.starts_on:
            self._wrong(line, DAY, _("%(day)s 才入住，请核对最后一晚", day=stay.starts_on.isoformat()))
            return
        leave = Leave(line.row, stay, leaves_on)
        if self._try(lambda: self._carry_out(leaves=[leave]), [line], DAY):
            self._vacated[stay.room_id, stay.bed_no] = (line.row, leaves_on)
            note = (
                _("办退房")
                if arrived
                else _("还没来住，取消安排")
                if stay.cancelled_at
                else _("记下那天离开，到时再办退房")
            )
            self._step(line, stay_id=stay.id, come_from=_bed_name(stay.room, stay.bed_no), note=str(note))

    # --- changes ----------------------------------------------------------------------------------

    def _details(self, line: ChangeLine) -> None:
        """Phone and wishes; whoever may move for a wish, and whose shift changes, is seen to after that."""
        worker = self._known[line.number]
        words = _changed_words(line, worker)
        if not words:
            self._settle(line, _("和系统里一样，没有要改的"))
            return
        stay = next((one for one in self._live(line) if one.ends_on > line.day), None)
        turns = line.shift is not None and line.shift != worker.shift
        housed = stay is not None and stay.companion_key < COUPLE_KEYS_FROM
        if not self._try(lambda: _change(line, worker, self._actor, with_shift=not housed), [line]):
            return
        if turns and housed:
            return
        if stay is None or stay.by_hand or not housed or (line.wish_group is None and not line.ground_floor):
            self._step(line, note=words)
            return
        starts_on = self._moves_on(line, stay)
        found = beds.propose_beds(
            workers=[],
            lease_rooms=self._long_enough(stay),
            starts_on=starts_on,
            ends_on=stay.ends_on,
            movable=[stay],
        )
        if not found.moves or (stay.arrived_on is not None and starts_on > self._today):
            self._step(line, note=words)
            return
        move = found.moves[0]
        note = words if move.reason in words else f"{words}{_('；')}{move.reason}"
        self._move(line, stay, move.lease_room, move.bed_no, starts_on, note)

    def _moves_on(self, line: ChangeLine, stay: Stay) -> date:
        return stay.starts_on if stay.arrived_on is None else max(line.day, stay.starts_on)

    def _long_enough(self, stay: Stay) -> list[LeaseRoom]:
        return [room for room in self._rooms if room.ends_on >= stay.ends_on]

    def _move(
        self,
        line: ChangeLine,
        stay: Stay,
        room: LeaseRoom,
        bed_no: int,
        starts_on: date,
        note: str,
        shift: str | None = None,
    ) -> None:
        here, before = _bed_name(stay.room, stay.bed_no), self._before(room.room_id, bed_no)
        stay_id = stay.id
        choice = BedChoice(stay.worker, room, bed_no, starts_on, stay.ends_on, shift=shift)
        if self._try(lambda: self._carry_out(moves=[Move(line.row, stay, choice)]), [line], DAY):
            self._step(
                line,
                starts_on,
                stay_id=stay_id,
                lease_room_id=room.id,
                bed_no=bed_no,
                come_from=here,
                go_to=_bed_name(room.room, bed_no),
                note=note,
                before=before,
            )

    def _before(self, room_id: int, bed_no: int) -> int | None:
        row = self._vacated.get((room_id, bed_no))
        return row[0] if row else None

    def _turn_shifts(self, lines: Sequence[ChangeLine]) -> None:
        """Beds among the other shift for all who change on a day, their own beds counting as free."""
        turning: dict[int, tuple[ChangeLine, Stay]] = {}
        for line in lines:
            worker = self._known[line.number]
            stay = next((one for one in self._live(line) if one.ends_on > line.day), None)
            if stay is None or line.shift in (None, worker.shift) or stay.companion_key >= COUPLE_KEYS_FROM:
                continue
            if stay.arrived_on is not None and line.day > self._today:
                self._settle(
                    line, _("住着的人换班要连床一起换，请到 %(day)s 那天再传", day=line.day.isoformat())
                )
            else:
                turning[worker.id] = (line, stay)
        while turning:
            ignoring = [stay.id for _line, stay in turning.values()]
            until = max(stay.ends_on for _line, stay in turning.values())
            starts_on = max(self._moves_on(line, stay) for line, stay in turning.values())
            safe = self._safe([room for room in self._rooms if room.ends_on >= until])
            rows = beds.bed_rows(safe, starts_on, until, ignoring=ignoring)
            sleepers = [
                replace(beds.sleeper(stay.worker, line.shift), wish="", ground_floor=False)
                for line, stay in turning.values()
            ]
            placements, unplaced = assign_beds(sleepers, [row.as_free_room() for row in rows])
            for one in unplaced:
                line, _stay = turning.pop(one.worker_id)
                self._settle(line, _("这一行先不办：%(why)s", why=unplaced_reason_label(one.reason)))
            if not unplaced:
                self._turn(turning, {one.worker_id: (one.room_id, one.bed_no) for one in placements})
                return

    def _turn(self, turning: dict[int, tuple[ChangeLine, Stay]], homes: dict[int, tuple[int, int]]) -> None:
        """Do the changes of shift together: two may take each other's beds."""
        rooms = {room.id: room for room in self._rooms}
        moves, shown = [], []
        for worker_id, (line, stay) in turning.items():
            room, bed_no = rooms[homes[worker_id][0]], homes[worker_id][1]
            if room.id == stay.lease_room_id:
                bed_no = stay.bed_no
            starts_on = self._moves_on(line, stay)
            choice = BedChoice(stay.worker, room, bed_no, starts_on, stay.ends_on, shift=line.shift)
            moves.append(Move(line.row, stay, choice))
            words = _("换成%(shift)s", shift=shift_label(line.shift or ""))
            if room.id == stay.lease_room_id:
                words = _("%(what)s，屋里没有别人，不用搬", what=words)
            shown.append(
                (
                    line,
                    starts_on,
                    {
                        "stay_id": stay.id,
                        "lease_room_id": room.id,
                        "bed_no": bed_no,
                        "come_from": _bed_name(stay.room, stay.bed_no),
                        "go_to": _bed_name(room.room, bed_no),
                        "note": str(words),
                        "before": self._before(room.room_id, bed_no),
                    },
                )
            )
        lines = [line for line, _stay in turning.values()]
        if self._try(lambda: self._carry_out(moves=moves), lines, DAY):
            for line, starts_on, more in shown:
                self._step(line, starts_on, **more)

    def _safe(self, rooms: Sequence[LeaseRoom]) -> list[LeaseRoom]:
        barred = beds.barred_houses({room.room.house_id for room in rooms})
        return [room for room in rooms if room.room.house_id not in barred]

    # --- coming -----------------------------------------------------------------------------------

    def _join(self, lines: Sequence[ChangeLine]) -> None:
        """Put who is new on the list and give beds day by day, those just left first."""
        lines = [line for line in lines if not self._has_a_bed(line)]
        known_before = set(self._known)
        if not lines or not self._try(
            lambda: add_workers(enterprise=self._enterprise, rows=_rows_of(lines), actor=self._actor), lines
        ):
            return
        self._known |= _known(self._enterprise, lines)
        for day in sorted({line.day for line in lines}):
            of_day = {self._known[line.number].id: line for line in lines if line.day == day}
            free = {place for place, (_row, from_on) in self._vacated.items() if from_on <= day}
            emptied = {room_id for room_id, _bed_no in free}
            found = beds.propose_beds(
                workers=[self._known[line.number] for line in of_day.values()],
                lease_rooms=[
                    *(room for room in self._rooms if room.room_id in emptied),
                    *(room for room in self._rooms if room.room_id not in emptied),
                ],
                starts_on=day,
                ends_on=None,
                first=free,
            )
            for left_over in found.unplaced:
                line, why = of_day[left_over.worker_id], unplaced_reason_label(left_over.reason)
                if line.number in known_before:
                    self._settle(line, _("在名单里，还没有床：%(why)s", why=why))
                else:
                    self._step(line, note=str(_("加进名单，先没有床：%(why)s", why=why)))
            rooms = {room.id: room for room in self._rooms}
            for one in found.placements:
                self._come(of_day[one.worker_id], rooms[one.room_id], one.bed_no)

    def _has_a_bed(self, line: ChangeLine) -> bool:
        stay = next((one for one in self._live(line) if one.ends_on > line.day), None)
        if stay is None:
            return False
        self._settle(line, _("已经有床位：%(bed)s", bed=_bed_name(stay.room, stay.bed_no)))
        return True

    def _come(self, line: ChangeLine, room: LeaseRoom, bed_no: int) -> None:
        arrived = line.day <= self._today
        come = Come(line.row, BedChoice(self._known[line.number], room, bed_no, line.day), arrived)
        if self._try(lambda: self._carry_out(comes=[come]), [line]):
            before = self._before(room.room_id, bed_no)
            self._step(
                line,
                lease_room_id=room.id,
                bed_no=bed_no,
                go_to=_bed_name(room.room, bed_no),
                note=str(_("办入住") if arrived else _("留好床，到了再办入住")),
                before=before,
            )


def _bed_name(room: Any, bed_no: int) -> str:
    return str(_("%(room)s · %(bed)s 号床", room=room_name(room), bed=bed_no))


def _changed_words(line: ChangeLine, worker: Worker) -> str:
    """What a row changes of somebody, in words; "" if nothing."""
    words = []
    if line.phone is not None and line.phone != worker.phone:
        words.append(_("换手机号"))
    if line.shift is not None and line.shift != worker.shift:
        words.append(_("换成%(shift)s", shift=shift_label(line.shift)))
    if line.wish_group is not None and line.wish_group != worker.wish_group:
        words.append(
            _("想和“%(group)s”同住", group=line.wish_group) if line.wish_group else _("不要求和谁同住了")
        )
    if line.ground_floor is not None and line.ground_floor != worker.ground_floor:
        words.append(_("要住一楼") if line.ground_floor else _("不要求一楼了"))
    return str(_("；")).join(str(word) for word in words)


def steps_to_plain(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The steps for a sealed field."""
    return [asdict(step) for step in steps]


def steps_from_plain(plain: Sequence[dict[str, Any]]) -> list[Step]:
    """The steps of ``steps_to_plain``. Raises InvalidValue for what it never wrote."""
    try:
        return [Step(**one) for one in plain]
    except TypeError as error:
        raise InvalidValue(_("页面放得太久了，请重新选择文件上传。")) from error
