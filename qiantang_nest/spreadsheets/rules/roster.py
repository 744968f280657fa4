"""An employer's roster as an Excel sheet: its columns, the template, reading it, and sending it back.

Reading is pure: every bad cell is reported with its row and column, and nothing is written.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from cryptography.exceptions import InvalidTag

from qiantang_nest.core.crypto import keyring
from qiantang_nest.core.errors import DomainError, InvalidValue, RowProblem
from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import IdKind, Sex, check_document_number, check_mobile, id_sex
from qiantang_nest.core.text import normalise, without_spaces
from qiantang_nest.core.workbook import Cell, Column, Sheet, Table, read_workbook, write_workbook
from qiantang_nest.enterprises.rules import Shift, WorkerRow, check_person_name, check_wish, check_worker
from qiantang_nest.spreadsheets.rules.cells import day_of

MAX_ROWS = 2_000
MAX_COLUMNS = 40
HEAD_WITHIN = 5
"""The head row is looked for in the first rows, so that a title above it does no harm."""

# The heads are what people's files say, in every language of the pages.
NAME, KIND, NUMBER, SEX = "姓名", "证件类型", "证件号码", "性别"
PHONE, HOME, COUPLE, BORN = "手机", "户籍地址", "夫妻（对方证件号码）", "出生日期"
MOVES_IN, VILLAGE, HOUSE, ROOM, BED = "入住日期", "村", "房子", "房间", "床号"
SHIFT, WISH, GROUND = "班次", "同住组", "要住一楼"
COLUMNS = (
    *(NAME, KIND, NUMBER, SEX, PHONE, HOME, COUPLE, BORN, SHIFT, WISH, GROUND),
    *(MOVES_IN, VILLAGE, HOUSE, ROOM, BED),
)
NEEDED = (NAME, NUMBER)
PROBLEM = "要改的地方"

KINDS = {
    "": IdKind.RESIDENT,
    "居民身份证": IdKind.RESIDENT,
    "身份证": IdKind.RESIDENT,
    "港澳台居民居住证": IdKind.RESIDENT,
    "护照": IdKind.PASSPORT,
    "外国人永久居留身份证": IdKind.PERMANENT,
}
SEXES = {"": "", "男": Sex.MALE, "女": Sex.FEMALE}
SHIFTS = {"": None, "白班": Shift.DAY, "夜班": Shift.NIGHT}
YES_OR_NO = {"": None, "是": True, "否": False}
NO_WISH = "无"
LOCAL = "钱塘区"
"""A home address in the district makes a local, who has no outsider report; the template says so."""


@dataclass(frozen=True)
class RawRow:
    """One row as typed: its number as Excel counts, and the text under each known head."""

    row: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Line:
    """One row that can be taken: the worker, and the bed wanted, if the row names one."""

    row: int
    worker: WorkerRow
    starts_on: date | None
    place: tuple[str, str, str] | None = None
    """Village, house address, room label."""
    bed_no: int | None = None


# --- from a file to text --------------------------------------------------------------------------


def read_rows(
    data: bytes, columns: Sequence[str] = COLUMNS, needed: Sequence[str] = NEEDED
) -> tuple[list[RawRow], list[RowProblem]]:
    """The rows of a file as text, and the cells whose text Excel has already lost.

    Raises InvalidValue: not an .xlsx, too large, no head row, a head missing or doubled, no rows.
    """
    sheet = read_workbook(data, max_rows=MAX_ROWS + HEAD_WITHIN, max_columns=MAX_COLUMNS)
    head_row, places = _find_heads(sheet, columns, needed)
    rows, problems = [], []
    if any(row > head_row for row in sheet.merged):
        merged = min(row for row in sheet.merged if row > head_row)
        problems.append(RowProblem(merged, "", _("有合并的单元格，请取消合并，每一格分别填")))
    for number, cells in enumerate(sheet.rows[head_row:], start=head_row + 1):
        texts = {}
        for head, place in places.items():
            try:
                texts[head] = _text(cells[place] if place < len(cells) else None, head)
            except InvalidValue as error:
                texts[head] = ""
                problems.append(RowProblem(number, head, error.message))
        if any(texts.values()) or any(problem.row == number for problem in problems):
            rows.append(RawRow(number, texts))
    if not rows:
        raise InvalidValue(_("表里一个人也没有。请从表头下面一行开始，一人一行填好再传。"))
    return rows, problems


def _find_heads(sheet: Sheet, columns: Sequence[str], needed: Sequence[str]) -> tuple[int, dict[str, int]]:
    """(row of the heads, head → place of its column)."""
    for number, cells in enumerate(sheet.rows[:HEAD_WITHIN], start=1):
        heads = [_head(cell) for cell in cells]
        if not any(head in heads for head in needed):
            continue
        missing = [head for head in needed if head not in heads]
        if missing:
            raise InvalidValue(_("缺少“%(head)s”这一列，请用模板，表头不要改名。", head=missing[0]))
        doubled = [head for head in columns if heads.count(head) > 1]
        if doubled:
            raise InvalidValue(_("“%(head)s”有两列，请只留一列。", head=doubled[0]))
        return number, {head: heads.index(head) for head in columns if head in heads}
    raise InvalidValue(_("没有找到表头。请下载模板，把名单填进去再传。"))


def _head(cell: Cell) -> str:
    """A head as ``COLUMNS`` writes it: brackets of either width, spaces and stars dropped."""
    text = without_spaces(str(cell or "")).replace("(", "（").replace(")", "）").strip("*＊")
    return COUPLE if text.startswith("夫妻") else text


def _text(cell: Cell, head: str) -> str:
    """A cell as the text that was meant. Raises InvalidValue where Excel has lost it."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        raise InvalidValue(_("这里是“是/否”，请填文字"))
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, int | float):
        if abs(cell) >= 10**15:
            raise InvalidValue(
                _("%(head)s被 Excel 存成了数字，末几位已经丢失。请把这一列设为文本，重新填", head=head)
            )
        return str(int(cell)) if float(cell).is_integer() else str(cell)
    return normalise(cell)


# --- from text to lines ---------------------------------------------------------------------------


def check_rows(rows: Sequence[RawRow], today: date) -> tuple[list[Line], list[RowProblem]]:
    """The rows that can be taken, and what is wrong with the others, cell by cell."""
    lines: list[Line] = []
    problems: list[RowProblem] = []
    seen: dict[str, int] = {}
    for row in rows:
        line, found = _check_row(row, today)
        problems += found
        if line is None:
            continue
        first = seen.setdefault(line.worker.id_number, row.row)
        if first != row.row:
            problems.append(
                RowProblem(row.row, NUMBER, _("和第 %(row)s 行是同一个证件号，请只留一行", row=first))
            )
        else:
            lines.append(line)
    return lines, problems


def _check_row(row: RawRow, today: date) -> tuple[Line | None, list[RowProblem]]:
    problems: list[RowProblem] = []
    cells = {head: row.cells.get(head, "") for head in COLUMNS}

    def read(head: str, reader: Callable[[str], Any]) -> Any:
        try:
            return reader(cells[head])
        except DomainError as error:
            problems.append(RowProblem(row.row, head, str(error.message)))
            return None

    kind = read(KIND, lambda text: one_of(text, KINDS)) or IdKind.RESIDENT
    sex = read(SEX, lambda text: one_of(text, SEXES)) or ""
    read(NAME, check_person_name)
    number = read(NUMBER, lambda text: check_document_number(kind, text, today=today))
    if number and kind is IdKind.RESIDENT and sex and sex != id_sex(number):
        problems.append(RowProblem(row.row, SEX, _("和身份证号对不上，请核对其中一个")))
    read(PHONE, lambda text: check_mobile(text) if text else "")
    couple = read(
        COUPLE, lambda text: check_document_number(IdKind.RESIDENT, text, today=today) if text else ""
    )
    born_on, starts_on = read(BORN, read_day), read(MOVES_IN, read_day)
    wishes = read_wishes(cells, read)
    place, bed_no = read(ROOM, lambda _text: _read_place(cells)), read(BED, _read_bed)
    if place and starts_on is None and not any(problem.column == MOVES_IN for problem in problems):
        problems.append(RowProblem(row.row, MOVES_IN, _("填了房间就要填从哪天入住")))
    if problems:
        return None, problems
    try:
        worker = check_worker(
            name=cells[NAME],
            sex=sex,
            id_kind=kind,
            id_number=cells[NUMBER],
            phone=cells[PHONE],
            today=today,
            home_address=cells[HOME],
            born_on=born_on,
            is_local=kind is IdKind.RESIDENT and LOCAL in cells[HOME],
            couple_id_number=couple,
            **wishes,
        )
    except DomainError as error:
        needs_birth = kind is not IdKind.RESIDENT and born_on is None
        return None, [RowProblem(row.row, BORN if needs_birth else NUMBER, str(error.message))]
    return Line(row.row, worker, starts_on, place, bed_no), []


def read_wishes(cells: dict[str, str], read: Callable[[str, Callable[[str], Any]], Any]) -> dict[str, Any]:
    """Shift and wishes of a row for ``check_worker``; an empty cell says nothing, 无 takes a wish back."""
    return {
        "shift": read(SHIFT, lambda text: one_of(text, SHIFTS)),
        "wish_group": read(WISH, _read_wish),
        "ground_floor": read(GROUND, lambda text: one_of(text, YES_OR_NO)),
    }


def _read_wish(text: str) -> str | None:
    if not text:
        return None
    return "" if text == NO_WISH else check_wish(text)


def one_of(text: str, known: dict[str, Any]) -> Any:
    if text not in known:
        raise InvalidValue(
            _("“%(value)s”不认识，请填 %(words)s", value=text[:20], words=" / ".join(filter(None, known)))
        )
    return known[text]


def _read_place(cells: dict[str, str]) -> tuple[str, str, str] | None:
    place = (cells[VILLAGE], cells[HOUSE], cells[ROOM])
    if not any(place) and not cells[BED]:
        return None
    if not all(place):
        raise InvalidValue(_("村、房子、房间三样要一起填；都不填就由系统排床位"))
    return place


def _read_bed(text: str) -> int | None:
    if not text:
        return None
    digits = text.removesuffix("号床").removesuffix("号")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 3 and 1 <= int(digits) <= 20):
        raise InvalidValue(_("“%(value)s”不是床号，请填 1、2 这样的数字", value=text[:20]))
    return int(digits)


def read_day(text: str) -> date | None:
    """A day as people and Excel write it: 2026-03-01, 2026.3.1, 2026年3月1日, 46082. Raises InvalidValue."""
    if not text:
        return None
    compact = without_spaces(text)
    is_number = compact.isascii() and compact.isdigit() and len(compact) < 10
    found = day_of(int(compact) if is_number else compact)
    if not 1900 <= found.year <= 2099:
        raise InvalidValue(_("%(value)s 太远了，请核对年份", value=text[:20]))
    return found


def without_couple(line: Line) -> Line:
    """The same line naming no spouse, to try the rest of a roster whose other half is wrong."""
    return replace(line, worker=replace(line.worker, couple_id_number=None))


# --- files to give out ----------------------------------------------------------------------------


def template_workbook() -> bytes:
    """An empty roster, and a second sheet that says how each column is filled."""
    notes = [
        (NAME, _("必填，照证件填")),
        (KIND, _("不填就是居民身份证；可填 护照、外国人永久居留身份证、港澳台居民居住证")),
        (NUMBER, _("必填；这一列已设为文本，请不要改成数字")),
        (SEX, _("男 / 女；身份证可以不填")),
        (PHONE, _("11 位手机号，可不填")),
        (HOME, _("照证件填；地址里有“钱塘区”的算本地户籍，不用报流动人口登记")),
        (COUPLE, _("夫妻要同住一间的，两人各填对方的身份证号")),
        (BORN, _("护照、永居证要填；身份证不用填")),
        (SHIFT, _("白班 / 夜班；新员工不填就是白班。白班夜班不住一间")),
        (WISH, _("想住在一起的人填同一个名字，例如 老乡1；填 无 就是不要了")),
        (GROUND, _("是 / 否；腿脚不方便的填 是")),
        (MOVES_IN, _("例如 2026-11-30；指定房间时必填")),
        (f"{VILLAGE}、{HOUSE}、{ROOM}、{BED}", _("指定住哪里时填；都不填，导入后由系统排床位。床号可不填")),
    ]
    return write_workbook(
        [
            Table("花名册", [Column(head, width=width_of(head)) for head in COLUMNS], []),
            Table("填写说明", [Column(_("列"), width=26), Column(_("怎么填"), width=70)], notes),
        ]
    )


def width_of(head: str) -> int:
    """Characters a column is wide."""
    return {NUMBER: 22, COUPLE: 22, HOME: 30, HOUSE: 16}.get(head, 12)


def error_workbook(
    rows: Sequence[RawRow],
    problems: Sequence[RowProblem],
    columns: Sequence[str] = COLUMNS,
    sheet: str = "花名册",
    width: Callable[[str], int] = width_of,
) -> bytes:
    """All rows as they were sent with what is to be mended beside each; it can be mended and sent again.

    Of any sheet that is read into ``RawRow``.
    """
    by_row: dict[int, list[str]] = {}
    for problem in problems:
        words = f"{problem.column}：{problem.reason}" if problem.column else problem.reason
        by_row.setdefault(problem.row, []).append(words)
    heads = [*columns, PROBLEM]
    return write_workbook(
        [
            Table(
                sheet,
                [Column(head, width=60 if head == PROBLEM else width(head)) for head in heads],
                [
                    [*(row.cells.get(head, "") for head in columns), "；".join(by_row.get(row.row, []))]
                    for row in rows
                ],
            )
        ]
    )


# --- between looking and saving -------------------------------------------------------------------


def seal_rows(rows: Sequence[RawRow], context: str) -> str:
    """The rows as a sealed text for a hidden field: nothing of a roster lies on a disk between two pages.

    ``context`` names the person and enterprise it is good for.
    """
    return seal_plain([[row.row, row.cells] for row in rows], context)


def unseal_rows(token: str, context: str) -> list[RawRow]:
    """The rows of ``seal_rows``. Raises InvalidValue if the text was changed or is somebody else's."""
    return [RawRow(row, cells) for row, cells in unseal_plain(token, context)]


def seal_plain(value: Any, context: str) -> str:
    """What JSON can say as a sealed text for a hidden field, good for one context."""
    packed = base64.b85encode(zlib.compress(json.dumps(value, ensure_ascii=False).encode())).decode()
    return base64.urlsafe_b64encode(keyring().seal(packed, f"roster:{context}")).decode()


def unseal_plain(token: str, context: str) -> Any:
    """The value of ``seal_plain``. Raises InvalidValue if the text was changed or is somebody else's."""
    try:
        packed = keyring().unseal(base64.urlsafe_b64decode(token.encode()), f"roster:{context}")
        return json.loads(zlib.decompress(base64.b85decode(packed)))
    except (InvalidTag, ValueError, IndexError, zlib.error, binascii.Error) as error:
        raise InvalidValue(_("页面放得太久了，请重新选择文件上传。")) from error
