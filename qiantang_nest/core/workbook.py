"""Excel in and out.

What comes in is not trusted: the zip is looked at before anything is unpacked, and parsing happens in a child
process under limits (``workbook_child``). What goes out is text that no program will run.
"""

import io
import json
import subprocess
import sys
import unicodedata
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _

MAX_BYTES = 10 * 1024 * 1024
MAX_UNPACKED = 50 * 1024 * 1024
MAX_ENTRIES = 1000
MAX_RATIO = 100
SECONDS = 60

Cell = str | int | float | bool | date | datetime | None
"""What a cell may hold; an empty one is None."""

_CHILD = Path(__file__).with_name("workbook_child.py")


@dataclass(frozen=True)
class Sheet:
    """The first sheet of a workbook: ``rows[0]`` is Excel's row 1, hidden rows included.

    ``merged`` holds the first row (as Excel counts) of each merged area.
    """

    name: str
    rows: list[list[Cell]]
    merged: list[int] = field(default_factory=list)


def read_workbook(data: bytes, *, max_rows: int = 20_000, max_columns: int = 60) -> Sheet:
    """Read the first sheet of an .xlsx file. Formulas are not evaluated: their last result is read.

    Raises:
        InvalidValue: not an .xlsx, encrypted, with macros, too large, or damaged; says what to do.
    """
    _look_at_zip(data)
    try:
        child = subprocess.run(  # noqa: S603  our own interpreter and our own script
            [sys.executable, "-I", str(_CHILD), str(max_rows), str(max_columns)],
            input=data,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _damaged() from error
    if child.returncode != 0:
        raise _damaged()
    answer: dict[str, Any] = json.loads(child.stdout)
    if "too_large" in answer:
        rows, columns = answer["too_large"]
        raise InvalidValue(
            _(
                "表格用到了第 %(rows)s 行、第 %(columns)s 列，最多读 %(most_rows)s 行、%(most_columns)s 列。"
                "请删掉下面和右边多余的行列，或者分成几个文件。",
                rows=rows,
                columns=columns,
                most_rows=max_rows,
                most_columns=max_columns,
            )
        )
    return Sheet(
        name=str(answer["sheet"]),
        rows=[[_cell(value) for value in row] for row in answer["rows"]],
        merged=[area[0][0] + 1 for area in answer["merged"]],
    )


def _cell(value: Any) -> Cell:
    if isinstance(value, dict):
        return datetime.fromisoformat(value["at"]) if "at" in value else date.fromisoformat(value["on"])
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    found: Cell = None if value == "" else value
    return found


def _damaged() -> InvalidValue:
    return InvalidValue(_("这个文件读不出来，可能坏了或内容异常。请在 Excel 里打开，另存为新的 .xlsx 再传。"))


def _look_at_zip(data: bytes) -> None:
    """Refuse what is not worth parsing; reads the directory of the zip only."""
    if len(data) > MAX_BYTES:
        raise InvalidValue(_("文件超过 10 MB，请分成几个文件再传。"))
    if data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise InvalidValue(_("文件加了密码，或者是旧的 .xls。请去掉密码，另存为 .xlsx 再传。"))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise InvalidValue(_("这不是 Excel 文件。请在 Excel 或 WPS 里打开，另存为 .xlsx 再传。")) from error
    names = {entry.filename for entry in entries}
    if "xl/workbook.xml" not in names or any(name.endswith("vbaProject.bin") for name in names):
        raise InvalidValue(_("只收 .xlsx 文件，不收 .xls、.xlsm、.ods。请另存为 .xlsx 再传。"))
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if len(entries) > MAX_ENTRIES or unpacked > MAX_UNPACKED or unpacked > MAX_RATIO * max(packed, 1):
        raise InvalidValue(_("这个文件展开后太大，没有打开。请把内容复制到一个新的 Excel 文件里再传。"))
    if any(entry.flag_bits & 1 for entry in entries):
        raise InvalidValue(_("文件加了密码。请去掉密码再传。"))


# --- out ------------------------------------------------------------------------------------------

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe_text(value: str) -> str:
    """Text that no spreadsheet takes for a formula: a leading ``'`` where one would, full-width signs too."""
    head = unicodedata.normalize("NFKC", value[:1])
    return "'" + value if head in _DANGEROUS else value


@dataclass(frozen=True, slots=True)
class Column:
    """``kind`` is text, number, money (fen in, yuan out), percent or date; ``width`` in characters."""

    label: str
    kind: str = "text"
    width: int = 14


@dataclass(frozen=True)
class Table:
    """One sheet: a title, facts such as (填报单位, 河庄街道), a head row, rows."""

    sheet: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Any]]
    title: str = ""
    facts: Sequence[tuple[str, str]] = ()


_FORMATS = {
    "text": {"num_format": "@"},
    "number": {"num_format": "#,##0.##"},
    "money": {"num_format": "#,##0.00"},
    "percent": {"num_format": "0.0%"},
    "date": {"num_format": "yyyy-mm-dd", "align": "left"},
}


def write_workbook(tables: Sequence[Table]) -> bytes:
    """An .xlsx file of the tables, one a sheet; text stays text, pages are numbered, the head repeats."""
    out = io.BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as workbook:
        formats = {kind: workbook.add_format(values) for kind, values in _FORMATS.items()}
        formats["title"] = workbook.add_format({"bold": True, "font_size": 15})
        formats["head"] = workbook.add_format(
            {"bold": True, "bg_color": "#EEF1F0", "border": 1, "text_wrap": True, "valign": "vcenter"}
        )
        for table in tables:
            _write_table(workbook.add_worksheet(table.sheet[:31]), table, formats)
    return out.getvalue()


def _write_table(sheet: Any, table: Table, formats: dict[str, Any]) -> None:
    for place, column in enumerate(table.columns):
        sheet.set_column(place, place, column.width, formats[column.kind])
    row = 0
    if table.title:
        sheet.write_string(row, 0, table.title, formats["title"])
        row += 1
    for label, value in table.facts:
        sheet.write_string(row, 0, safe_text(f"{label}：{value}"))
        row += 1
    for place, column in enumerate(table.columns):
        sheet.write_string(row, place, column.label, formats["head"])
    sheet.freeze_panes(row + 1, 0)
    sheet.repeat_rows(row)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&C&P / &N")
    for values in table.rows:
        row += 1
        for place, (column, value) in enumerate(zip(table.columns, values, strict=True)):
            _write_cell(sheet, row, place, column.kind, value, formats[column.kind])


def _write_cell(sheet: Any, row: int, place: int, kind: str, value: Any, style: Any) -> None:
    if value is None or value == "":
        return
    if kind == "text" or isinstance(value, str):
        sheet.write_string(row, place, safe_text(str(value)), style)
    elif kind == "date":
        sheet.write_datetime(row, place, value, style)
    elif kind == "money":
        sheet.write_number(row, place, value / 100, style)
    else:
        sheet.write_number(row, place, float(value), style)
