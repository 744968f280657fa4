"""A factory's weekly headcount file: who came, who left, what changed. Its columns, template, and reading it.

Reading is pure: every bad cell is reported with its row and column, and nothing is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from qiantang_nest.core.errors import DomainError, InvalidValue, RowProblem
from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import IdKind, check_document_number, check_mobile, id_sex
from qiantang_nest.core.workbook import Column, Table, write_workbook
from qiantang_nest.enterprises.rules import Shift, WorkerRow, check_person_name, check_worker
from qiantang_nest.spreadsheets.rules.roster import (
    BORN,
    COUPLE,
    GROUND,
    HOME,
    KIND,
    KINDS,
    LOCAL,
    NAME,
    NUMBER,
    PHONE,
    SEX,
    SEXES,
    SHIFT,
    WISH,
    RawRow,
    one_of,
    read_day,
    read_wishes,
    width_of,
)

CHANGE, DAY = "变动", "日期"
CHANGE_COLUMNS = (CHANGE, NAME, NUMBER, DAY, SEX, PHONE, SHIFT, WISH, GROUND, COUPLE, HOME, KIND, BORN)
CHANGE_NEEDED = (CHANGE, NAME, NUMBER)
SHEET = "人员变动"
FURTHEST = timedelta(days=180)


class ChangeKind(StrEnum):
    """What a row tells of somebody."""

    JOINED = "joined"
    LEFT = "left"
    CHANGED = "changed"


KIND_WORDS = {
    "新来": ChangeKind.JOINED,
    "入职": ChangeKind.JOINED,
    "离开": ChangeKind.LEFT,
    "离职": ChangeKind.LEFT,
    "调整": ChangeKind.CHANGED,
}


@dataclass(frozen=True)
class ChangeLine:
    """One row that can be taken. ``day`` is the first night of who came, the last of who left.

    ``worker`` is the whole person for who came; of a change only what is not None.
    """

    row: int
    kind: ChangeKind
    name: str
    number: str
    day: date
    worker: WorkerRow | None = None
    phone: str | None = None
    shift: Shift | None = None
    wish_group: str | None = None
    ground_floor: bool | None = None


def check_changes(rows: Sequence[RawRow], today: date) -> tuple[list[ChangeLine], list[RowProblem]]:
    """The rows that can be taken, and what is wrong with the others, cell by cell."""
    lines: list[ChangeLine] = []
    problems: list[RowProblem] = []
    seen: dict[str, int] = {}
    for row in rows:
        line, found = _check_row(row, today)
        problems += found
        if line is None:
            continue
        first = seen.setdefault(line.number, row.row)
        if first != row.row:
            reason = _("和第 %(row)s 行是同一个证件号，一个人一周只写一行", row=first)
            problems.append(RowProblem(row.row, NUMBER, str(reason)))
        else:
            lines.append(line)
    return lines, problems


def _check_row(row: RawRow, today: date) -> tuple[ChangeLine | None, list[RowProblem]]:
    problems: list[RowProblem] = []
    cells = {head: row.cells.get(head, "") for head in CHANGE_COLUMNS}

    def read(head: str, reader: Callable[[str], Any]) -> Any:
        try:
            return reader(cells[head])
        except DomainError as error:
            problems.append(RowProblem(row.row, head, str(error.message)))
            return None

    kind = read(CHANGE, lambda text: one_of(text, KIND_WORDS))
    name = read(NAME, check_person_name)
    id_kind = read(KIND, lambda text: one_of(text, KINDS)) or IdKind.RESIDENT
    number = read(NUMBER, lambda text: check_document_number(id_kind, text, today=today))
    day = read(DAY, lambda text: _day_of(text, kind, today))
    phone = read(PHONE, lambda text: check_mobile(text) if text else None)
    wishes = read_wishes(cells, read)
    sex = read(SEX, lambda text: one_of(text, SEXES)) or ""
    if number and id_kind is IdKind.RESIDENT and sex and sex != id_sex(number):
        problems.append(RowProblem(row.row, SEX, str(_("和身份证号对不上，请核对其中一个"))))
    if kind is ChangeKind.CHANGED and phone is None and all(value is None for value in wishes.values()):
        reason = _("没有写要改什么：手机、班次、同住组、要住一楼，至少填一样")
        problems.append(RowProblem(row.row, CHANGE, str(reason)))
    born_on = read(BORN, read_day)
    couple = read(
        COUPLE, lambda text: check_document_number(IdKind.RESIDENT, text, today=today) if text else ""
    )
    if problems:
        return None, problems
    if kind is not ChangeKind.JOINED:
        changes = {"phone": phone, **wishes} if kind is ChangeKind.CHANGED else {}
        return ChangeLine(row.row, kind, name, number, day, **changes), []
    try:
        worker = check_worker(
            name=name,
            sex=sex,
            id_kind=id_kind,
            id_number=number,
            phone=cells[PHONE],
            today=today,
            home_address=cells[HOME],
            born_on=born_on,
            is_local=id_kind is IdKind.RESIDENT and LOCAL in cells[HOME],
            couple_id_number=couple,
            **wishes,
        )
    except DomainError as error:
        needs_birth = id_kind is not IdKind.RESIDENT and born_on is None
        return None, [RowProblem(row.row, BORN if needs_birth else NUMBER, str(error.message))]
    return ChangeLine(row.row, kind, worker.name, worker.id_number, day, worker), []


def _day_of(text: str, kind: ChangeKind | None, today: date) -> date:
    """The day of a row; a change without one is of today. Raises InvalidValue."""
    day = read_day(text)
    if day is None:
        if kind is ChangeKind.CHANGED:
            return today
        raise InvalidValue(_("请填日期：新来的填第一晚，离开的填最后一晚"))
    if abs(day - today) > FURTHEST:
        raise InvalidValue(_("%(day)s 离今天太远，请核对", day=day.isoformat()))
    return day


def changes_template() -> bytes:
    """An empty file, and a second sheet that says how each column is filled."""
    notes = [
        (CHANGE, _("必填：新来 / 离开 / 调整")),
        (NAME, _("必填，照证件填")),
        (NUMBER, _("必填；这一列已设为文本，请不要改成数字")),
        (DAY, _("新来的填第一晚，离开的填最后一晚；调整的填从哪天起，不填就是今天")),
        (SEX, _("男 / 女；身份证可以不填")),
        (PHONE, _("新来的、换号码的填；不变的空着")),
        (SHIFT, _("白班 / 夜班；不变的空着。换班会换到同班次的房间")),
        (WISH, _("想住在一起的人填同一个名字，例如 老乡1；填 无 就是不要了")),
        (GROUND, _("是 / 否；不变的空着")),
        (COUPLE, _("只有新来的填：夫妻要同住一间的，两人各填对方的身份证号")),
        (HOME, _("只有新来的填：照证件；地址里有“钱塘区”的算本地户籍")),
        (KIND, _("不填就是居民身份证；可填 护照、外国人永久居留身份证、港澳台居民居住证")),
        (BORN, _("护照、永居证要填；身份证不用填")),
    ]
    return write_workbook(
        [
            Table(SHEET, [Column(head, width=width_of(head)) for head in CHANGE_COLUMNS], []),
            Table("填写说明", [Column(_("列"), width=26), Column(_("怎么填"), width=70)], notes),
        ]
    )
