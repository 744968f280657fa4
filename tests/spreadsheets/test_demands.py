"""An employer's needs of several worksites come in by Excel."""

import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from qiantang_nest.bookings.models import Demand
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import BadRows, InvalidValue
from qiantang_nest.core.workbook import Column, Table, read_workbook, write_workbook
from qiantang_nest.spreadsheets.rules.demands import (
    AREA,
    COLUMNS,
    COUPLES,
    DAY_MEN,
    FEATURE,
    LAST,
    MODE,
    NIGHT_WOMEN,
    RENT,
    SITE,
    STARTS,
    read_rows,
    template_workbook,
)
from qiantang_nest.spreadsheets.rules.roster import PROBLEM
from qiantang_nest.spreadsheets.services.demands import import_demands, try_demands
from tests import factories
from tests.bookings.test_block import text_of, token
from tests.conftest import sign_in
from tests.factories import TODAY

pytestmark = pytest.mark.usefixtures("db_session", "at_now")


def workbook(*rows: dict[str, Any]) -> bytes:
    return write_workbook(
        [
            Table(
                "用房需求",
                [Column(head) for head in COLUMNS],
                [[row.get(head, "") for head in COLUMNS] for row in rows],
            )
        ]
    )


def line(**values: Any) -> dict[str, Any]:
    usual = {SITE: "江东厂区", DAY_MEN: "20", STARTS: "2026-12-01", LAST: "2027-05-31"}
    return usual | values


def test_each_row_becomes_a_demand_and_the_same_file_again_adds_nothing() -> None:
    actor, enterprise = factories.make_employer()
    factories.make_worksite(enterprise)
    factories.make_worksite(enterprise, name="二厂")
    rows = read_rows(
        workbook(
            line(**{RENT: "320", MODE: "走路", FEATURE: "空调", AREA: "河庄街道"}),
            line(**{SITE: "二厂", DAY_MEN: "", NIGHT_WOMEN: "6", COUPLES: "2"}),
        )
    )
    for added in (2, 0):
        with transaction():
            outcome = import_demands(rows=rows, enterprise=enterprise, actor=actor, today=TODAY)
        assert outcome.added == added
    first, second = db.session.execute(select(Demand).order_by(Demand.id)).scalars()
    assert (first.beds, first.max_rent_fen, first.travel_mode, first.area_code) == (
        20,
        32_000,
        "walk",
        "330114003",
    )
    assert (second.night_women, second.couples, second.beds) == (6, 2, 10)


def test_every_bad_cell_is_named_and_nothing_is_taken_in() -> None:
    actor, enterprise = factories.make_employer()
    factories.make_worksite(enterprise)
    rows = read_rows(
        workbook(
            line(),
            line(**{DAY_MEN: "二十"}),
            line(**{STARTS: "2026-01-01"}),
            line(**{LAST: "2026-11-30"}),
            line(**{SITE: "北厂"}),
            line(**{AREA: "天上村"}),
            line(**{MODE: "坐船"}),
            line(**{DAY_MEN: ""}),
            line(),
        )
    )
    _outcome, problems = try_demands(rows=rows, enterprise=enterprise, today=TODAY)
    assert [(problem.row, problem.column) for problem in problems] == [
        (3, DAY_MEN),
        (4, STARTS),
        (5, LAST),
        (6, SITE),
        (7, AREA),
        (8, MODE),
        (9, DAY_MEN),
        (10, SITE),
    ]
    with pytest.raises(BadRows), transaction():
        import_demands(rows=rows, enterprise=enterprise, actor=actor, today=TODAY)
    assert db.session.scalar(select(func.count()).select_from(Demand)) == 0


def test_the_template_has_a_line_for_each_worksite_and_reads_back() -> None:
    sheet = read_workbook(template_workbook(["江东厂区", "二厂"]))
    assert sheet.rows[0] == list(COLUMNS)
    assert [row[0] for row in sheet.rows[1:]] == ["江东厂区", "二厂"]
    with pytest.raises(InvalidValue):
        read_rows(write_workbook([Table("x", [Column("别的")], [["1"]])]))


def test_from_the_file_to_the_list(client: FlaskClient) -> None:
    actor, enterprise = factories.make_employer()
    factories.make_worksite(enterprise)
    sign_in(client, actor)
    assert client.get("/demands/template.xlsx").status_code == 200
    page = client.get("/demands/import")
    bad = client.post(
        "/demands/import",
        data={"csrf_token": token(page), "file": (io.BytesIO(workbook(line(**{MODE: "坐船"}))), "a.xlsx")},
    )
    assert bad.status_code == 422
    assert "坐船" in text_of(bad)
    sealed = re.search(r'name="sealed" value="([^"]+)"', text_of(bad))
    assert sealed
    mend = client.post("/demands/import/errors.xlsx", data={"csrf_token": token(page), "sealed": sealed[1]})
    assert read_workbook(mend.data).rows[0][-1] == PROBLEM
    good = client.post(
        "/demands/import",
        data={"csrf_token": token(page), "file": (io.BytesIO(workbook(line())), "a.xlsx")},
    )
    assert "登记这 1 条需求" in text_of(good)
    sealed = re.search(r'name="sealed" value="([^"]+)"', text_of(good))
    assert sealed
    done = client.post("/demands/import/save", data={"csrf_token": token(page), "sealed": sealed[1]})
    assert done.status_code == 303
    assert "江东厂区" in text_of(client.get("/demands"))
