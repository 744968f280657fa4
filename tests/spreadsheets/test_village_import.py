"""A village from Excel: looked at first, all or nothing, and the same again adds nothing."""

import io
import re
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import xlsxwriter
from sqlalchemy import func, select

from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db
from qiantang_nest.core.workbook import read_workbook
from qiantang_nest.geography.models import Village
from qiantang_nest.housing.models import House, ImportedFile, Listing, Owner, ProxyConsent, Room
from qiantang_nest.housing.queries import lacks_of
from qiantang_nest.housing.rules import Feature, RoomKind, feature_label, room_kind_label
from qiantang_nest.spreadsheets.rules.village import (
    COLUMNS,
    FEATURE_WORDS,
    KINDS,
    PROBLEM_LABEL,
    Terms,
    read_village,
)
from qiantang_nest.spreadsheets.services import village as services
from tests.conftest import sign_in
from tests.factories import (
    NEIGHBOUR_VILLAGE,
    NOW,
    TODAY,
    make_clerk,
    make_house,
    make_owner,
    make_room,
    make_street_officer,
    make_village,
    make_villager,
)

pytestmark = pytest.mark.usefixtures("at_now")

LABELS = [column.label for column in COLUMNS]
GOOD: dict[str, Any] = {
    "户号": "3-018",
    "户主": "沈桂珍",
    "小组": 3,
    "电话": 13900001234,
    "开户行": "浙江农信",
    "账号": "6228580000123456781",
    "门牌": "3组18号",
    "层数": 3,
    "证明种类": "建房审批",
    "证明编号": "建字第1号",
    "检查日期": date(2026, 11, 1),
    "检查有效到": "2027.10.31",
    "房号": 201,
    "楼层": 2,
    "使用面积": 18,
    "设施": "独立卫生间、空调",
    "月租": 620,
    "同意方式": "书面",
    "见证人": "周建国",
    "同意日期": 46327,
}


def book(rows: list[dict[str, Any]], labels: list[str] | None = None, above: int = 0) -> bytes:
    """A workbook as a clerk would save it."""
    labels = LABELS if labels is None else labels
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"default_date_format": "yyyy-mm-dd"}) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(above, 0, labels)
        for number, row in enumerate(rows, start=above + 1):
            for place, label in enumerate(labels):
                value = row.get(label)
                if isinstance(value, date):
                    sheet.write_datetime(number, place, value)
                elif value is not None:
                    sheet.write(number, place, value)
    return out.getvalue()


def parse(rows: list[dict[str, Any]], **kwargs: Any) -> Any:
    terms = Terms("同一村", TODAY, 2, COLUMNS_M2)
    return read_village(read_workbook(book(rows, **kwargs)), terms)


COLUMNS_M2 = Decimal("4")


@pytest.fixture(autouse=True)
def _context(app: Any) -> Iterator[None]:
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        yield
    app.config["WTF_CSRF_ENABLED"] = True


def test_the_words_of_the_workbook_are_those_of_the_pages() -> None:
    assert {word: item for item in Feature for word in [feature_label(item)]} == FEATURE_WORDS
    assert {room_kind_label(kind): kind for kind in RoomKind}.items() <= KINDS.items()


def test_a_row_becomes_household_house_and_room() -> None:
    second = {**GOOD, "房号": "202", "电话": None, "使用面积": "7.9", "月租": None, "设施": None}
    found = parse([{**GOOD, "户号": "示例-001"}, GOOD, second], above=2)
    assert found.problems == []
    assert list(found.households) == ["3-018"]
    household = found.households["3-018"]
    assert (household.row, household.phone, household.consent_on) == (5, "13900001234", date(2026, 11, 1))
    house = found.houses["3-018", "3组18号"]
    assert (house.floors, house.paper_kind, house.checked_until) == (3, "permit", date(2027, 10, 31))
    first, other = found.rooms.values()
    assert (first.label, first.capacity, first.beds, first.rent_fen) == ("201", 2, 2, 62_000)
    assert first.features == ["private_bathroom", "air_conditioning"]
    assert (first.starts_on, first.ends_on) == (TODAY, date(2027, 11, 23))
    assert (other.capacity, other.beds, other.rent_fen) == (1, 1, None)


@pytest.mark.parametrize(
    ("change", "column", "words"),
    [
        ({"户号": None}, "户号", "没有填"),
        ({"户号": date(2026, 3, 18)}, "户号", "改成了日期"),
        ({"户主": "沈" * 31}, "户主", "最多 30 个字"),
        ({"身份证号": 3.30121199003070e17}, "身份证号", "末位已丢失"),
        ({"身份证号": "330121199003070191"}, "身份证号", "校验不符"),
        ({"电话": "1390000"}, "电话", "不是电话"),
        ({"账号": 6228580000123456781}, "账号", "末位已丢失"),
        ({"账号": "6228"}, "账号", "16 到 19 位"),
        ({"开户行": None}, "账号", "要一起填"),
        ({"层数": 2.5}, "层数", "1 到 9 的整数"),
        ({"楼层": 7}, "楼层", "只有 3 层"),
        ({"使用面积": "十八"}, "使用面积", "不是数字"),
        ({"使用面积": 0}, "使用面积", "1 到 200"),
        ({"床位": 3}, "床位", "最多住 2 人"),
        ({"用途": "卧房"}, "用途", "请填：卧室"),
        ({"用途": "厨房"}, "月租", "不能住人"),
        ({"设施": "空调、直升机"}, "设施", "没有“直升机”"),
        ({"月租": "三百二"}, "月租", "三百二"),
        ({"月租": 620.123}, "月租", "小数"),
        ({"月租": 1}, "月租", "之间"),
        ({"检查日期": "2026.13.1"}, "检查日期", "不是日期"),
        ({"检查日期": 2026.3}, "检查日期", "不是日期"),
        ({"检查日期": date(2026, 12, 1)}, "检查日期", "还没有到"),
        ({"检查有效到": None}, "检查有效到", "要一起填"),
        ({"检查有效到": "2099-01-01"}, "检查有效到", "最多管 5 年"),
        ({"证明编号": None}, "证明编号", "要一起填"),
        ({"起租日": "2027-01-01", "租到": "2026-12-01"}, "租到", "晚于起租日"),
        ({"见证人": None}, "同意方式", "要一起填"),
        ({"村": "同二村"}, "村", "只能导入自己村"),
    ],
)
def test_each_mistake_names_row_column_and_reason(change: dict[str, Any], column: str, words: str) -> None:
    found = parse([GOOD | {"户号": "9-001", "门牌": "9组1号"}, {**GOOD, **change}])
    assert [(problem.row, problem.column) for problem in found.problems] == [(3, column)]
    assert words in found.problems[0].reason


def test_rows_that_disagree_or_repeat_are_named() -> None:
    found = parse([GOOD, {**GOOD, "房号": 202, "户主": "沈桂花", "层数": 4}, {**GOOD, "房号": "201"}])
    assert [(p.row, p.column) for p in found.problems] == [(3, "户主"), (3, "层数"), (4, "房号")]
    assert "和第 2 行" in found.problems[0].reason


def test_heads_are_the_templates() -> None:
    renamed = ["姓名" if label == "户主" else label for label in LABELS]
    found = parse([GOOD], labels=renamed)
    assert [(p.row, p.column) for p in found.problems] == [(1, "户主")]
    assert "多了“姓名”" in found.problems[0].reason
    doubled = parse([GOOD], labels=[*LABELS, "房号"])
    assert "出现了两次" in doubled.problems[0].reason
    assert "没有找到表头" in parse([], labels=["甲", "乙"]).problems[0].reason
    assert "没有内容" in parse([]).problems[0].reason


# --- the service ----------------------------------------------------------------------------------


def village_of(rows: int, per_house: int = 8) -> list[dict[str, Any]]:
    return [
        {
            **GOOD,
            "户号": f"{number // per_house}",
            "户主": f"户主{number // per_house}",
            "门牌": f"1组{number // per_house}号",
            "电话": None,
            "房号": f"{100 + number % per_house}",
        }
        for number in range(rows)
    ]


def bring_in(rows: list[dict[str, Any]], actor: Any, sha256: str = "a" * 64) -> services.ImportCounts:
    village = db.session.get_one(Village, actor.scope)
    return services.import_village(
        village=village,
        sheet=parse(rows),
        sha256=sha256,
        file_name="同一村.xlsx",
        today=TODAY,
        now=NOW,
        actor=actor,
    )


def count(model: type[Any]) -> int:
    return int(db.session.execute(select(func.count()).select_from(model)).scalar_one())


def test_four_hundred_rooms_take_seconds_and_few_statements(db_session: Any, query_log: Any) -> None:
    make_village()
    clerk = make_clerk()
    rows = village_of(400)
    query_log.clear()
    started = time.monotonic()
    counts = bring_in(rows, clerk)
    assert time.monotonic() - started < 10
    assert len(query_log) < 40
    assert (counts.households, counts.houses, counts.rooms, counts.beds) == (50, 50, 400, 800)
    assert (count(Owner), count(House), count(Room), count(Listing)) == (50, 50, 400, 400)
    assert count(ProxyConsent) == 50
    listings = db.session.execute(select(Listing).limit(5)).scalars().all()
    assert {row.on_behalf_of for row in listings} <= set(db.session.execute(select(Owner.id)).scalars())
    for row in db.session.execute(select(Room).limit(5)).scalars():
        assert (row.added_by, row.on_behalf_of) == (clerk.user_id, row.house.owner_id)
        assert (row.house.added_by, row.house.on_behalf_of) == (clerk.user_id, row.house.owner_id)
    assert all(not lacks for lacks in lacks_of(listings, TODAY).values())
    audited = dict(
        db.session.execute(
            select(AuditEvent.entity, func.count())
            .where(AuditEvent.request_id == "test")
            .group_by(AuditEvent.entity)
        ).all()
    )
    assert audited["room"] == 400
    assert audited["listing"] == 400


def test_the_same_again_adds_nothing_and_more_rows_add_the_rest(db_session: Any) -> None:
    make_village()
    clerk = make_clerk()
    bring_in(village_of(8), clerk)
    with pytest.raises(services.WrongState, match="已经导入过"):
        bring_in(village_of(8), clerk)
    again = bring_in(village_of(8), clerk, "b" * 64)
    assert (again.households, again.rooms, again.known_rooms) == (0, 0, 8)
    more = bring_in(village_of(10), clerk, "c" * 64)
    assert (more.households, more.houses, more.rooms, more.known_rooms) == (1, 1, 2, 8)
    assert (count(Room), count(Listing), count(ProxyConsent)) == (10, 10, 2)


def test_nothing_is_added_while_one_row_is_wrong(db_session: Any) -> None:
    make_village()
    make_owner(household_no="0", name="别人")
    with pytest.raises(services.BadRows) as refused:
        bring_in(village_of(16), make_clerk())
    assert [(p.row, p.column) for p in refused.value.problems] == [(2, "户主")]
    assert (count(Owner), count(Room)) == (1, 0)


def test_rents_need_the_households_word(db_session: Any) -> None:
    owner = make_owner(household_no="3-018", name="沈桂珍")
    make_room(make_house(owner, address="3组18号"), label="201")
    silent = {**GOOD, "同意方式": None, "见证人": None, "同意日期": None}
    with pytest.raises(services.BadRows) as refused:
        bring_in([silent, {**silent, "房号": 202}], make_clerk())
    assert [(p.row, p.column) for p in refused.value.problems] == [(3, "同意方式")]


# --- the pages ------------------------------------------------------------------------------------


def send(client: Any, data: bytes, name: str = "同一村.xlsx") -> Any:
    return client.post(
        "/import-village", data={"file": (io.BytesIO(data), name)}, content_type="multipart/form-data"
    )


@pytest.mark.parametrize(
    "url", ["/import-village", "/import-village/template.xlsx", "/import-village/problems.xlsx"]
)
def test_only_clerks_import(client: Any, db_session: Any, url: str) -> None:
    make_village()
    assert client.get(url).status_code == 302
    for actor in (make_street_officer(), make_villager()[0]):
        assert sign_in(client, actor).get(url).status_code == 403
    assert sign_in(client, make_clerk()).post("/import-village/confirm").status_code == 404


def test_the_template_is_taken_as_it_is_and_holds_nothing_to_import(client: Any, db_session: Any) -> None:
    make_village()
    sign_in(client, make_clerk())
    template = client.get("/import-village/template.xlsx")
    assert template.headers["Content-Disposition"] == (
        "attachment; filename=\"file.xlsx\"; filename*=UTF-8''%E5%90%8C%E4%B8%80%E6%9D%91"
        "%E6%88%BF%E6%BA%90%E6%A8%A1%E6%9D%BF.xlsx"
    )
    sheet = read_workbook(template.data)
    assert [str(label).rstrip("*") for label in sheet.rows[0]] == LABELS
    terms = Terms("同一村", TODAY, 2, COLUMNS_M2)
    found = read_village(sheet, terms)
    assert (found.rooms, len(found.problems)) == ({}, 1)
    # The example itself is a row that would be taken.
    sheet.rows[1][1] = "3-001"
    assert read_village(sheet, terms).problems == []


def test_a_clerk_looks_first_and_then_imports(client: Any, db_session: Any) -> None:
    make_village()
    sign_in(client, make_clerk())
    data = book(village_of(16))
    looked = send(client, data)
    assert looked.status_code == 200
    assert "导入这 16 间房" in looked.text
    assert len(re.findall("<h1", looked.text)) == 1
    assert count(Room) == 0
    done = client.post("/import-village/confirm")
    assert (done.status_code, done.location) == (303, "/listings-waiting")
    db_session.expire_all()
    assert (count(Room), count(ImportedFile)) == (16, 1)
    assert client.post("/import-village/confirm").status_code == 404
    waiting = client.get("/listings-waiting").text
    assert waiting.count('name="listing"') == 16
    assert "由村管理员周管理代办" in waiting
    again = send(client, data)
    assert "已经导入过了" in again.text
    assert count(Room) == 16


def test_bad_rows_come_back_as_a_file_that_can_be_mended(client: Any, db_session: Any) -> None:
    make_village()
    sign_in(client, make_clerk())
    rows = village_of(3)
    rows[1] = {**rows[1], "使用面积": "十八", "户主": "=1+1"}
    answer = send(client, book(rows))
    assert answer.status_code == 422
    assert "第 3 行" in answer.text
    assert "“十八”不是数字" in answer.text
    assert count(Room) == 0
    refused = client.post("/import-village/confirm")
    assert refused.status_code == 422
    assert count(Room) == 0
    problems = read_workbook(client.get("/import-village/problems.xlsx").data)
    assert problems.rows[0][-1] == PROBLEM_LABEL
    assert "不是数字" in str(problems.rows[2][-1])
    assert problems.rows[1][-1] is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "请先选填好的 Excel 文件"),
        (b"<html><table>", "不是 Excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "另存为 .xlsx"),
        (b"PK\x03\x04" + b"x" * 1000, "超过 10 MB"),
    ],
)
def test_files_that_are_none_are_refused_at_the_field(
    client: Any, db_session: Any, monkeypatch: pytest.MonkeyPatch, data: bytes, words: str
) -> None:
    # The test client keeps uploads above half a megabyte in files that it never closes.
    monkeypatch.setattr("qiantang_nest.core.media.MAX_BYTES", 1000)
    make_village()
    answer = send(sign_in(client, make_clerk()), data)
    assert answer.status_code == 422
    assert words in answer.text


def test_the_upload_belongs_to_the_browser_that_sent_it(client: Any, db_session: Any) -> None:
    make_village()
    make_village(NEIGHBOUR_VILLAGE)
    sign_in(client, make_clerk())
    send(client, book(village_of(2)))
    sign_in(client, make_clerk(NEIGHBOUR_VILLAGE))
    assert client.post("/import-village/confirm").status_code == 404
    assert count(Room) == 0
