"""Needs of several worksites as an Excel sheet: its columns, the template, reading it, and sending it back.

Reading is pure: every bad cell is reported with its row and column, and nothing is written. Between looking
and saving the rows travel sealed in the page, as a roster's do.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from qiantang_nest.bookings.rules.limits import RentUnit
from qiantang_nest.bookings.rules.need import Group
from qiantang_nest.core.errors import DomainError, InvalidValue, RowProblem
from qiantang_nest.core.i18n import _
from qiantang_nest.core.money import parse_yuan
from qiantang_nest.core.period import Period
from qiantang_nest.core.text import normalise, without_spaces
from qiantang_nest.core.workbook import Cell, Column, Sheet, Table, read_workbook, write_workbook
from qiantang_nest.geography.rules import TravelMode
from qiantang_nest.housing.rules import FEATURES, Feature, feature_label
from qiantang_nest.spreadsheets.rules.cells import whole_of
from qiantang_nest.spreadsheets.rules.roster import RawRow, read_day
from qiantang_nest.spreadsheets.rules.roster import error_workbook as rows_to_mend

MAX_ROWS = 200
MAX_COLUMNS = 40
HEAD_WITHIN = 5
MOST_HEADS = 500

# The heads are what people's files say, in every language of the pages.
SITE, SHIFTS = "厂区", "班次时间"
DAY_MEN, DAY_WOMEN, NIGHT_MEN, NIGHT_WOMEN, COUPLES = "白班男", "白班女", "夜班男", "夜班女", "夫妻（对）"
STARTS, LAST = "哪天入住", "住到哪天"
RENT, UNIT, MINUTES, MODE = "每月租金最多（元）", "按床还是按间", "最多几分钟", "怎么去"
AREA, FLOOR, GROUND, FEATURE = "只要哪个街道或村", "最高几楼", "至少几张床在一楼", "每间要有"
UTILITIES, ONE_VILLAGE, SPARE, NOTE = "水电谁付", "最好一个村", "多备几成（%）", "备注"
COLUMNS = (
    *(SITE, SHIFTS, DAY_MEN, DAY_WOMEN, NIGHT_MEN, NIGHT_WOMEN, COUPLES, STARTS, LAST, RENT, UNIT, MINUTES),
    *(MODE, AREA, FLOOR, GROUND, FEATURE, UTILITIES, ONE_VILLAGE, SPARE, NOTE),
)
NEEDED = (SITE, STARTS, LAST)
SHEET = "用房需求"

HEADS = {
    DAY_MEN: Group.DAY_MEN,
    DAY_WOMEN: Group.DAY_WOMEN,
    NIGHT_MEN: Group.NIGHT_MEN,
    NIGHT_WOMEN: Group.NIGHT_WOMEN,
    COUPLES: Group.COUPLE,
}
UNITS = {
    "": RentUnit.BED,
    "按床": RentUnit.BED,
    "床": RentUnit.BED,
    "按间": RentUnit.ROOM,
    "间": RentUnit.ROOM,
}
MODES = {
    "": TravelMode.EBIKE,
    "电动车": TravelMode.EBIKE,
    "走路": TravelMode.WALK,
    "步行": TravelMode.WALK,
    "班车": TravelMode.SHUTTLE,
}
PAYERS = {"": "lessee", "企业": "lessee", "户主": "lessor"}
YES_NO = {"": False, "否": False, "是": True}


@dataclass(frozen=True)
class Line:
    """One row that can be taken; the names of site and area are looked up by the service."""

    row: int
    digest: str
    site: str
    area: str
    period: Period
    heads: Mapping[Group, int]
    values: Mapping[str, Any]
    """The rest, by the names of ``bookings.services.demands.Wanted``."""


# --- from a file to text --------------------------------------------------------------------------


def read_rows(data: bytes) -> list[RawRow]:
    """The rows of a file as text.

    Raises InvalidValue: not an .xlsx, too large, a head missing or doubled, no rows.
    """
    sheet = read_workbook(data, max_rows=MAX_ROWS + HEAD_WITHIN, max_columns=MAX_COLUMNS)
    head_row, places = _find_heads(sheet)
    rows = []
    for number, cells in enumerate(sheet.rows[head_row:], start=head_row + 1):
        texts = {head: _text(cells[at] if at < len(cells) else None) for head, at in places.items()}
        if any(texts.values()):
            rows.append(RawRow(number, texts))
    if not rows:
        raise InvalidValue(_("表里一条需求也没有。请从表头下面一行开始，一个厂区一行填好再传。"))
    return rows


def _find_heads(sheet: Sheet) -> tuple[int, dict[str, int]]:
    for number, cells in enumerate(sheet.rows[:HEAD_WITHIN], start=1):
        heads = [without_spaces(str(cell or "")).replace("(", "（").replace(")", "）") for cell in cells]
        if not any(needed in heads for needed in NEEDED):
            continue
        missing = [needed for needed in NEEDED if needed not in heads]
        if missing:
            raise InvalidValue(_("缺少“%(head)s”这一列，请用模板，表头不要改名。", head=missing[0]))
        doubled = [head for head in COLUMNS if heads.count(head) > 1]
        if doubled:
            raise InvalidValue(_("“%(head)s”有两列，请只留一列。", head=doubled[0]))
        return number, {head: heads.index(head) for head in COLUMNS if head in heads}
    raise InvalidValue(_("没有找到表头。请下载模板，把需求填进去再传。"))


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, bool):
        return "是" if cell else "否"
    return normalise(str(cell))


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
        first = seen.setdefault(line.digest, row.row)
        if first != row.row:
            problems.append(RowProblem(row.row, SITE, _("和第 %(row)s 行一模一样，请只留一行", row=first)))
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

    def whole(low: int, high: int) -> Callable[[str], int | None]:
        return lambda text: whole_of(text, low=low, high=high) if text else None

    heads = {group: read(head, whole(0, MOST_HEADS)) or 0 for head, group in HEADS.items()}
    if not any(heads.values()) and not any(problem.column in HEADS for problem in problems):
        problems.append(RowProblem(row.row, DAY_MEN, _("请至少写一个要住的人")))
    starts_on, last_on = read(STARTS, _needed_day), read(LAST, _needed_day)
    if starts_on and starts_on < today:
        problems.append(RowProblem(row.row, STARTS, _("%(day)s 已经过去", day=starts_on.isoformat())))
    if starts_on and last_on and last_on < starts_on:
        problems.append(RowProblem(row.row, LAST, _("早于入住日期 %(day)s", day=starts_on.isoformat())))
    values = {
        "shifts": cells[SHIFTS][:60],
        "max_rent_fen": read(RENT, lambda text: _rent(text) if text else None),
        "rent_unit": read(UNIT, lambda text: _one_of(text, UNITS)),
        "max_minutes": read(MINUTES, whole(1, 120)),
        "travel_mode": read(MODE, lambda text: _one_of(text, MODES)),
        "max_floor": read(FLOOR, whole(1, 10)),
        "ground_beds": read(GROUND, whole(0, MOST_HEADS)) or 0,
        "features": read(FEATURE, _features),
        "utilities_by": read(UTILITIES, lambda text: _one_of(text, PAYERS)),
        "same_village": read(ONE_VILLAGE, lambda text: _one_of(text, YES_NO)),
        "spare_percent": read(SPARE, whole(0, 50)) or 0,
        "note": cells[NOTE][:300],
    }
    if not cells[SITE]:
        problems.append(RowProblem(row.row, SITE, _("请写厂区的名字，和企业资料里的一样")))
    if problems:
        return None, problems
    body = json.dumps(cells, ensure_ascii=False, sort_keys=True)
    digest = sha256(body.encode()).hexdigest()
    period = Period.through(starts_on, last_on)
    return Line(row.row, digest, cells[SITE], cells[AREA], period, heads, values), []


def _needed_day(text: str) -> date:
    found = read_day(text)
    if found is None:
        raise InvalidValue(_("要填日期，例如 2026-12-01"))
    return found


def _rent(text: str) -> int:
    found = parse_yuan(text)
    if not 100 <= found <= 10_000_000:
        raise InvalidValue(_("%(value)s 元不合常理，请核对", value=text[:20]))
    return found


def _one_of(text: str, known: Mapping[str, Any]) -> Any:
    if text not in known:
        words = " / ".join(filter(None, known))
        raise InvalidValue(_("“%(value)s”不认识，请填 %(words)s", value=text[:20], words=words))
    return known[text]


def _features(text: str) -> tuple[str, ...]:
    """Names of features with commas of any kind between them."""
    labels = {str(feature_label(Feature(code))): code for code in FEATURES}
    names = [name for name in text.replace(",", "、").replace("，", "、").split("、") if name.strip()]
    unknown = [name for name in names if name.strip() not in labels]
    if unknown:
        raise InvalidValue(
            _("“%(value)s”不认识，请填 %(words)s", value=unknown[0][:20], words=" / ".join(labels))
        )
    return tuple(sorted(labels[name.strip()] for name in names))


# --- files to give out ----------------------------------------------------------------------------


def template_workbook(sites: Sequence[str]) -> bytes:
    """An empty sheet with one line for each worksite, and a second sheet that says how columns are filled."""
    notes = [
        (SITE, _("必填，和企业资料里的厂区名字一样：%(names)s", names=_("、").join(sites) or "—")),
        (
            f"{DAY_MEN}、{DAY_WOMEN}、{NIGHT_MEN}、{NIGHT_WOMEN}",
            _("人数；夜班是白天睡觉的人，和白班分开住"),
        ),
        (COUPLES, _("几对；一对住一间")),
        (f"{STARTS}、{LAST}", _("必填，例如 2026-12-01；住到的那天也算")),
        (f"{RENT}、{UNIT}", _("不填就是不限；按床 或 按间")),
        (f"{MINUTES}、{MODE}", _("到厂门口的分钟；电动车、走路 或 班车")),
        (AREA, _("街道或村的名字，不填就是全区")),
        (f"{FLOOR}、{GROUND}", _("数字，不填就是不限")),
        (
            FEATURE,
            _(
                "用顿号分开：%(names)s",
                names=_("、").join(str(feature_label(Feature(code))) for code in FEATURES),
            ),
        ),
        (UTILITIES, _("企业 或 户主")),
        (ONE_VILLAGE, _("是 或 否")),
        (SPARE, _("0 到 50")),
    ]
    empty = [""] * (len(COLUMNS) - 1)
    return write_workbook(
        [
            Table(
                SHEET,
                [Column(head, width=_width(head)) for head in COLUMNS],
                [[site, *empty] for site in sites],
            ),
            Table("填写说明", [Column(_("列"), width=30), Column(_("怎么填"), width=70)], notes),
        ]
    )


def error_workbook(rows: Sequence[RawRow], problems: Sequence[RowProblem]) -> bytes:
    """All rows as they were sent with what is to be mended beside each; it can be mended and sent again."""
    return rows_to_mend(rows, problems, COLUMNS, SHEET, _width)


def _width(head: str) -> int:
    return {SITE: 18, SHIFTS: 22, AREA: 18, FEATURE: 22, NOTE: 30}.get(head, 11)
