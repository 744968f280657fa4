"""Excel files: what is read of good ones, and that hostile ones are refused quickly and in words."""

import io
import os
import time
import zipfile
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import xlsxwriter

from qiantang_nest.core import workbook
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.workbook import Column, Table, read_workbook, safe_text, write_workbook


@pytest.fixture(autouse=True)
def _context(app: Any) -> Iterator[None]:
    with app.app_context():
        yield


def xlsx(write: Any) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        write(book, book.add_worksheet("房源"))
    return out.getvalue()


def test_cells_keep_their_kinds_and_rows_their_numbers() -> None:
    def write(book: Any, sheet: Any) -> None:
        sheet.write_row(1, 0, ["沈桂珍", 12, 12.5, True])
        sheet.write_datetime(1, 4, date(2026, 11, 30), book.add_format({"num_format": "yyyy-mm-dd"}))
        sheet.write_number(2, 0, 110105199001011234)
        sheet.write_formula(2, 1, "=1+1", value=2)
        sheet.set_row(2, options={"hidden": True})
        sheet.merge_range("A5:B5", "合并")

    sheet = read_workbook(xlsx(write))
    assert sheet.name == "房源"
    assert sheet.rows[0] == [None] * 5
    assert sheet.rows[1] == ["沈桂珍", 12, 12.5, True, date(2026, 11, 30)]
    assert isinstance(sheet.rows[2][0], float)
    assert sheet.rows[2][1] == 2
    assert sheet.merged == [5]


def one_cell(row: int, column: int) -> bytes:
    return xlsx(lambda _book, sheet: sheet.write(row, column, 1))


def repacked(extra: dict[str, bytes], *, drop: str = "") -> bytes:
    """A good workbook with parts added to its zip, or one taken away."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(one_cell(0, 0))) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            if name != drop:
                target.writestr(name, source.read(name))
        for name, body in extra.items():
            target.writestr(name, body)
    return out.getvalue()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: b"", "不是 Excel"),
        (lambda: "<html><table><tr><td>户主</td></tr></table>".encode(), "不是 Excel"),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "密码"),
        (lambda: repacked({"xl/vbaProject.bin": b"macro"}), "另存为 .xlsx"),
        (lambda: repacked({}, drop="xl/workbook.xml"), "另存为 .xlsx"),
        (lambda: repacked({"mimetype": b"ods"}, drop="xl/workbook.xml"), "另存为 .xlsx"),
        (lambda: repacked({"xl/media/zero": b"\0" * 60_000_000}), "展开后太大"),
        (lambda: repacked({"xl/media/zero": b"\0" * 5_000_000}), "展开后太大"),
        (lambda: repacked({f"xl/media/{n}": os.urandom(9) for n in range(1001)}), "展开后太大"),
        (lambda: one_cell(0, 0)[:-40], "不是 Excel"),
        (
            lambda: repacked({"xl/worksheets/sheet1.xml": b"<worksheet"}, drop="xl/worksheets/sheet1.xml"),
            "读不出来",
        ),
        (lambda: b"x" * (workbook.MAX_BYTES + 1), "10 MB"),
    ],
)
def test_files_that_are_none_are_refused_in_words(make: Any, sentence: str) -> None:
    with pytest.raises(InvalidValue, match=sentence):
        read_workbook(make())


def test_one_cell_in_the_last_corner_harms_only_the_child() -> None:
    started = time.monotonic()
    with pytest.raises(InvalidValue):
        read_workbook(one_cell(1_048_575, 16_383))
    assert time.monotonic() - started < 10


def test_too_many_rows_or_columns_say_where_they_end() -> None:
    with pytest.raises(InvalidValue, match="第 21 行"):
        read_workbook(one_cell(20, 0), max_rows=20)
    with pytest.raises(InvalidValue, match="第 61 列"):
        read_workbook(one_cell(0, 60))


def test_entities_are_not_expanded() -> None:
    bomb = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">
    <!ENTITY x SYSTEM "file:///etc/passwd">]><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">
    <si><t>&b;&x;</t></si></sst>"""
    data = repacked({"xl/sharedStrings.xml": bomb}, drop="xl/sharedStrings.xml")
    try:
        text = str(read_workbook(data).rows)
    except InvalidValue:
        return
    assert "root:" not in text


def test_written_text_is_never_a_formula() -> None:
    rows = [("=1+1", 3, 62_050, 0.815, date(2026, 11, 30)), ("＝cmd|' /C calc'!A0", None, 0, None, None)]
    data = write_workbook(
        [
            Table(
                sheet="房源",
                title="房源台账",
                facts=[("填报单位", "河庄街道")],
                columns=[
                    Column("户主"),
                    Column("间数", "number"),
                    Column("月租（元）", "money"),
                    Column("入住率", "percent"),
                    Column("日期", "date"),
                ],
                rows=rows,
            )
        ]
    )
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")
    sheet = read_workbook(data)
    assert sheet.rows[0][0] == "房源台账"
    assert sheet.rows[1][0] == "填报单位：河庄街道"
    assert sheet.rows[3] == ["'=1+1", 3, 620.5, 0.815, date(2026, 11, 30)]
    assert sheet.rows[4][0] == "'＝cmd|' /C calc'!A0"


@pytest.mark.parametrize("head", list("=+-@\t\r\n") + list("＝＋－＠"))
def test_dangerous_heads_are_guarded(head: str) -> None:
    assert safe_text(head + "1") == "'" + head + "1"


def test_plain_text_is_left_alone() -> None:
    assert safe_text("沈桂珍 (3组)") == "沈桂珍 (3组)"
    assert safe_text("") == ""
