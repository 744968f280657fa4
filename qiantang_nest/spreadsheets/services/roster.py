"""A checked roster meets the database: what it would add, what stands in its way, and taking it in.

All or nothing; the same file again adds nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from qiantang_nest.core.actor import Actor
from qiantang_nest.core.crypto import lookup_hash
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import BadRows, InvalidValue, RowProblem
from qiantang_nest.core.i18n import _, ngettext
from qiantang_nest.enterprises.models import Enterprise, Worker
from qiantang_nest.enterprises.rules import WorkerRow
from qiantang_nest.enterprises.services import add_workers
from qiantang_nest.occupancy.models import LeaseRoom, Stay
from qiantang_nest.occupancy.queries import beds
from qiantang_nest.occupancy.rules import COUPLE_KEYS_FROM
from qiantang_nest.occupancy.services.bed_checks import BedChoice, refusals
from qiantang_nest.occupancy.services.beds import assign_beds, refuse_too_early
from qiantang_nest.spreadsheets.rules.roster import (
    COUPLE,
    NUMBER,
    ROOM,
    SHIFT,
    Line,
    RawRow,
    check_rows,
    without_couple,
)


@dataclass(frozen=True)
class Outcome:
    """What a roster adds, or would add."""

    added: int
    changed: int
    unchanged: int
    placed: int

    @property
    def nothing(self) -> bool:
        """Everything in it is known already."""
        return not (self.added or self.changed or self.placed)


def try_roster(
    *, rows: Sequence[RawRow], enterprise: Enterprise, actor: Actor, today: date
) -> tuple[Outcome, list[RowProblem]]:
    """Take the good rows in, look what the database says, and undo it all."""
    lines, problems = check_rows(rows, today)
    savepoint = db.session.begin_nested()
    try:
        outcome, choices, found = _take_in(lines, enterprise, actor, today)
        by_choice = {id(choice): row for row, choice in choices}
        for choice, error in refusals([choice for _row, choice in choices], actor):
            found.append(RowProblem(by_choice[id(choice)], ROOM, str(error.message)))
    finally:
        savepoint.rollback()
    return outcome, sorted(dict.fromkeys([*problems, *found]), key=lambda problem: problem.row)


def import_roster(*, rows: Sequence[RawRow], enterprise: Enterprise, actor: Actor, today: date) -> Outcome:
    """Take a roster in, workers and the beds it names.

    Raises BadRows if a single row cannot be taken, and what ``assign_beds`` raises if a bed has just gone.
    """
    lines, problems = check_rows(rows, today)
    outcome, choices, found = _take_in(lines, enterprise, actor, today)
    problems += found
    if problems:
        raise BadRows(
            ngettext(
                "有 %(num)s 处要改，整份名单都没有导入。",
                "有 %(num)s 处要改，整份名单都没有导入。",
                len(problems),
            ),
            problems,
        )
    assign_beds(choices=[choice for _row, choice in choices], actor=actor, today=today)
    return outcome


def _take_in(
    lines: Sequence[Line], enterprise: Enterprise, actor: Actor, today: date
) -> tuple[Outcome, list[tuple[int, BedChoice]], list[RowProblem]]:
    """Write the workers that are new or changed; give back the beds wanted with their rows."""
    known = _known(enterprise, lines)
    lines, problems = _check_couples(lines, known)
    lines, shifted = _housed_in_other_shift(lines, known, today)
    problems += shifted
    fresh = [line for line in lines if _differs(line.worker, known.get(line.worker.id_number), known)]
    added = sum(line.worker.id_number not in known for line in fresh)
    if fresh:
        add_workers(enterprise=enterprise, rows=[line.worker for line in fresh], actor=actor)
        known = _known(enterprise, lines)
    problems += _housed_elsewhere(lines, enterprise)
    choices, found = _choices(lines, known, actor, today)
    outcome = Outcome(added, len(fresh) - added, len(lines) - len(fresh), len(choices))
    return outcome, choices, problems + found


def _known(enterprise: Enterprise, lines: Sequence[Line]) -> dict[str, Worker]:
    """The enterprise's workers that the lines are about or name as spouses, by identity number."""
    numbers = [number for line in lines for number in (line.worker.id_number, line.worker.couple_id_number)]
    hashes = {lookup_hash(number, "id_number"): number for number in numbers if number}
    found = db.session.execute(
        select(Worker).where(Worker.enterprise_id == enterprise.id, Worker.id_number_hash.in_(hashes))
    ).scalars()
    return {hashes[worker.id_number_hash]: worker for worker in found if worker.id_number_hash}


def _differs(row: WorkerRow, worker: Worker | None, known: dict[str, Worker]) -> bool:
    """Whether a row says something new about a worker."""
    if worker is None:
        return True
    said = (row.name, row.sex, row.id_kind, row.phone, row.home_address, row.born_on, row.is_local)
    have = (
        worker.name,
        worker.sex,
        worker.id_kind,
        worker.phone,
        worker.home_address,
        worker.born_on,
        worker.is_local,
    )
    if said != have or _wishes_differ(row, worker):
        return True
    if row.couple_id_number is None:
        return False
    spouse = known.get(row.couple_id_number)
    return spouse is None or worker.couple_with_id != spouse.id


def _wishes_differ(row: WorkerRow, worker: Worker) -> bool:
    said = (row.shift, row.wish_group, row.ground_floor)
    have = (worker.shift, worker.wish_group, worker.ground_floor)
    return any(new is not None and new != old for new, old in zip(said, have, strict=True))


def _housed_in_other_shift(
    lines: Sequence[Line], known: dict[str, Worker], today: date
) -> tuple[list[Line], list[RowProblem]]:
    """A roster changes nobody's shift who has a bed: shift and bed change together."""
    wanted = {
        known[line.worker.id_number].id: line
        for line in lines
        if line.worker.id_number in known
        and line.worker.shift not in (None, known[line.worker.id_number].shift)
    }
    housed = set(
        db.session.execute(
            select(Stay.worker_id).where(
                Stay.worker_id.in_(wanted),
                Stay.cancelled_at.is_(None),
                Stay.left_on.is_(None),
                Stay.ends_on > today,
                Stay.companion_key < COUPLE_KEYS_FROM,
            )
        ).scalars()
    )
    reason = str(_("这位员工住着，改班次要连床一起换：请用“每周人员变动”，或在“员工住宿”里办“换班”"))
    bad = {wanted[worker_id].row for worker_id in housed}
    return [line for line in lines if line.row not in bad], [
        RowProblem(row, SHIFT, reason) for row in sorted(bad)
    ]


def _check_couples(lines: Sequence[Line], known: dict[str, Worker]) -> tuple[list[Line], list[RowProblem]]:
    """Two of a couple name each other, are of different sex, and both work here."""
    by_number = {line.worker.id_number: line for line in lines}
    kept: list[Line] = []
    problems: list[RowProblem] = []
    for line in lines:
        reason = _couple_problem(line.worker, by_number, known)
        if reason:
            problems.append(RowProblem(line.row, COUPLE, reason))
        kept.append(without_couple(line) if reason else line)
    return kept, problems


def _couple_problem(worker: WorkerRow, by_number: dict[str, Line], known: dict[str, Worker]) -> str | None:
    if worker.couple_id_number is None:
        return None
    me, spouse = known.get(worker.id_number), known.get(worker.couple_id_number)
    if me is not None and spouse is not None and me.couple_with_id == spouse.id:
        return None
    other = by_number.get(worker.couple_id_number)
    if other is None:
        return str(_("对方不在这份名单里（或那一行有错），夫妻两人要在同一份名单里互相填写"))
    if other.worker.couple_id_number != worker.id_number:
        return str(_("第 %(row)s 行没有填回来，夫妻两人要互相填写", row=other.row))
    if other.worker.sex is worker.sex:
        return str(_("和第 %(row)s 行性别相同，不能填成夫妻", row=other.row))
    for one in (me, spouse):
        if one is not None and one.couple_with_id is not None:
            return str(_("%(name)s 已经和别人登记为夫妻，请先改那一位", name=one.name))
    return None


def _housed_elsewhere(lines: Sequence[Line], enterprise: Enterprise) -> list[RowProblem]:
    """Rows that say when somebody moves in who still has a bed with another employer then."""
    wanted = {
        lookup_hash(line.worker.id_number, "id_number"): line
        for line in lines
        if line.starts_on is not None and line.place is None
    }
    rows = db.session.execute(
        select(Worker.id_number_hash, Stay.ends_on)
        .join(Stay, Stay.worker_id == Worker.id)
        .where(
            Worker.id_number_hash.in_(wanted),
            Worker.enterprise_id != enterprise.id,
            Stay.cancelled_at.is_(None),
            Stay.ends_on
            > min((line.starts_on for line in wanted.values() if line.starts_on), default=date.max),
        )
    )
    found = []
    for person, ends_on in rows:
        line = wanted[person or b""]
        if line.starts_on is not None and ends_on > line.starts_on:
            reason = _("这位员工在别的单位还没有退房，请先请那边办退房")
            found.append(RowProblem(line.row, NUMBER, reason))
    return found


def _choices(
    lines: Sequence[Line], known: dict[str, Worker], actor: Actor, today: date
) -> tuple[list[tuple[int, BedChoice]], list[RowProblem]]:
    """The beds that rows ask for and their workers do not have yet."""
    placed = [line for line in lines if line.place is not None and line.starts_on is not None]
    if not placed:
        return [], []
    have = _beds_had([known[line.worker.id_number].id for line in placed])
    rooms = _Rooms(actor)
    choices: list[tuple[int, BedChoice]] = []
    problems: list[RowProblem] = []
    for line in placed:
        worker, starts_on = known[line.worker.id_number], line.starts_on or today
        try:
            refuse_too_early(starts_on, today)
            lease_room = rooms.find(line.place or ("", "", ""), starts_on)
            if _has_it(have.get(worker.id, []), lease_room, line.bed_no, starts_on):
                continue
            bed_no = rooms.take(lease_room, line.bed_no, starts_on)
        except InvalidValue as error:
            problems.append(RowProblem(line.row, ROOM, str(error.message)))
            continue
        choices.append((line.row, BedChoice(worker, lease_room, bed_no, starts_on, by_hand=True)))
    return choices, problems


class _Rooms:
    """The enterprise's leased rooms, found by name, and their beds while the rows take them."""

    def __init__(self, actor: Actor) -> None:
        self._rooms = db.session.execute(beds.lease_rooms_visible_to(actor)).scalars().all()
        names = beds.village_names({one.room.village_code for one in self._rooms})
        self._by_name: dict[tuple[str, str, str], list[LeaseRoom]] = {}
        for one in self._rooms:
            name = (names[one.room.village_code], one.room.house.address, one.room.label)
            self._by_name.setdefault(name, []).append(one)
        self._free: dict[date, dict[int, tuple[int, ...]]] = {}
        self._taken: dict[int, set[int]] = {}

    def find(self, name: tuple[str, str, str], on: date) -> LeaseRoom:
        """The room of a village, house and label that is leased on a day. Raises InvalidValue."""
        for one in self._by_name.get(name, []):
            if one.starts_on <= on < one.ends_on:
                return one
        raise InvalidValue(_("那天贵司没有租着这间房，请照“我租的房”里的村、房子、房间填"))

    def take(self, lease_room: LeaseRoom, bed_no: int | None, on: date) -> int:
        """The bed asked for, else the lowest that is free from a day on. Raises InvalidValue."""
        if on not in self._free:
            self._free[on] = {row.lease_room.id: row.free_beds for row in beds.bed_rows(self._rooms, on)}
        taken = self._taken.setdefault(lease_room.id, set())
        free = (bed for bed in self._free[on].get(lease_room.id, ()) if bed not in taken)
        chosen = bed_no or next(free, None)
        if chosen is None:
            raise InvalidValue(_("这间房那天起没有空床了"))
        taken.add(chosen)
        return chosen


def _has_it(
    had: Sequence[tuple[int, int, date, date]], lease_room: LeaseRoom, bed_no: int | None, on: date
) -> bool:
    """Whether a worker already has that bed, or any bed of the room if none is named."""
    return any(
        room_id == lease_room.room_id and bed_no in (None, bed) and first <= on < last
        for room_id, bed, first, last in had
    )


def _beds_had(worker_ids: Sequence[int]) -> dict[int, list[tuple[int, int, date, date]]]:
    """worker → (room, bed, from, to) of the beds they have or will have."""
    rows = db.session.execute(
        select(Stay.worker_id, Stay.room_id, Stay.bed_no, Stay.starts_on, Stay.ends_on).where(
            Stay.worker_id.in_(worker_ids), Stay.cancelled_at.is_(None), Stay.left_on.is_(None)
        )
    )
    found: dict[int, list[tuple[int, int, date, date]]] = {}
    for worker_id, room_id, bed_no, starts_on, ends_on in rows:
        found.setdefault(worker_id, []).append((room_id, bed_no, starts_on, ends_on))
    return found
