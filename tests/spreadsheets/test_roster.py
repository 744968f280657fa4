"""An employer's roster comes in by Excel; the register goes out."""

import io
from datetime import date, timedelta
from typing import Any

import pytest
import xlsxwriter
from flask.testing import FlaskClient
from sqlalchemy import func, select

from qiantang_nest.core.actor import Actor
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import BadRows, InvalidValue
from qiantang_nest.core.workbook import read_workbook
from qiantang_nest.enterprises.models import Enterprise, Worker
from qiantang_nest.occupancy.models import Stay
from qiantang_nest.spreadsheets.rules.roster import (
    BED,
    BORN,
    COLUMNS,
    COUPLE,
    GROUND,
    HOME,
    HOUSE,
    KIND,
    MOVES_IN,
    NAME,
    NUMBER,
    PHONE,
    PROBLEM,
    ROOM,
    SEX,
    SHIFT,
    VILLAGE,
    WISH,
    read_day,
    read_rows,
    seal_rows,
    template_workbook,
    unseal_rows,
)
from qiantang_nest.spreadsheets.services.roster import import_roster, try_roster
from tests.conftest import sign_in
from tests.factories import (
    TODAY,
    make_clerk,
    make_district_officer,
    make_employer,
    make_enterprise,
    make_id_number,
    make_stay,
    make_street_officer,
    make_villager,
    make_worker,
)
from tests.occupancy.test_beds import leased_rooms

pytestmark = pytest.mark.usefixtures("db_session", "at_now")


def workbook(rows: list[dict[str, Any]], heads: tuple[str, ...] = COLUMNS, merge: bool = False) -> bytes:
    """An .xlsx file of rows under heads; dates are Excel's own."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet("花名册")
        days = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, heads)
        for at, row in enumerate(rows, start=1):
            for place, head in enumerate(heads):
                value = row.get(head)
                if isinstance(value, date):
                    sheet.write_datetime(at, place, value, days)
                elif value is not None:
                    sheet.write(at, place, value)
        if merge:
            sheet.merge_range(5, 0, 6, 0, "合并")
    return out.getvalue()


def man(name: str = "孙大力", **fields: Any) -> dict[str, Any]:
    return {NAME: name, NUMBER: make_id_number("M"), SEX: "男", PHONE: "13912345678", **fields}


def couple() -> tuple[dict[str, Any], dict[str, Any]]:
    his, hers = make_id_number("M"), make_id_number("F")
    return (
        {NAME: "郑先生", NUMBER: his, SEX: "男", COUPLE: hers},
        {NAME: "王女士", NUMBER: hers, SEX: "女", COUPLE: his},
    )


def problems_of(rows: list[dict[str, Any]], who: Actor, enterprise: Enterprise, **more: Any) -> list[Any]:
    raw, lost = read_rows(workbook(rows, **more))
    _outcome, problems = try_roster(rows=raw, enterprise=enterprise, actor=who, today=TODAY)
    return [(one.row, one.column) for one in [*lost, *problems]]


def take(rows: list[dict[str, Any]], who: Actor, enterprise: Enterprise) -> Any:
    raw, _lost = read_rows(workbook(rows))
    return import_roster(rows=raw, enterprise=enterprise, actor=who, today=TODAY)


def counts() -> tuple[int, ...]:
    return tuple(
        db.session.execute(select(func.count()).select_from(kind)).scalar_one()
        for kind in (Worker, Stay, AuditEvent)
    )


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("2026-03-01", date(2026, 3, 1)),
        ("2026.3.1", date(2026, 3, 1)),
        ("2026/3/1", date(2026, 3, 1)),
        ("2026年3月1日", date(2026, 3, 1)),
        ("45291", date(2023, 12, 31)),
        ("", None),
    ],
)
def test_days_are_read_as_people_write_them(typed: str, read: date | None) -> None:
    assert read_day(typed) == read


@pytest.mark.parametrize("typed", ["2026-02-31", "明天", "0001-01-01", "2026", "1-2-3-4", "99999999"])
def test_odd_days_are_refused(typed: str) -> None:
    with pytest.raises(InvalidValue):
        read_day(typed)


def test_template_is_readable_and_empty() -> None:
    sheet = read_workbook(template_workbook())
    assert tuple(sheet.rows[0]) == COLUMNS
    with pytest.raises(InvalidValue, match="一个人也没有"):
        read_rows(template_workbook())


@pytest.mark.parametrize(
    ("heads", "words"),
    [
        (("姓名", "身份证"), "证件号码"),
        (("甲", "乙"), "没有找到表头"),
        ((NAME, NUMBER, NUMBER), "有两列"),
    ],
)
def test_bad_heads_are_named(heads: tuple[str, ...], words: str) -> None:
    with pytest.raises(InvalidValue, match=words):
        read_rows(workbook([man()], heads))


def test_what_is_not_a_workbook_is_refused() -> None:
    for data in (b"", b"PK\x03\x04", "姓名,证件号码".encode()):
        with pytest.raises(InvalidValue):
            read_rows(data)


def test_each_bad_cell_is_named_by_row_and_column() -> None:
    who, enterprise = make_employer()
    twice = man()
    rows = [
        man(),
        man(**{NUMBER: 330106199003078000}),  # Excel's own 3.30106E+17
        man(**{NUMBER: "341226199512310025"}),
        man(**{SEX: "女"}),
        man(**{PHONE: "123"}),
        man(**{NAME: ""}),
        man(**{KIND: "驾驶证"}),
        man(**{MOVES_IN: "明天"}),
        man(**{NUMBER: make_id_number("M", TODAY - timedelta(days=365 * 15))}),
        twice,
        twice,
        man(**{COUPLE: make_id_number("F")}),
        {NAME: "John Smith", KIND: "护照", NUMBER: "E12345678", SEX: "男"},
        man(**{VILLAGE: "同一村"}),
        man(**{BED: "上铺"}),
        man(**{NAME: True}),
    ]
    assert problems_of(rows, who, enterprise) == [
        (3, NUMBER),
        (17, NAME),
        (3, NUMBER),
        (4, NUMBER),
        (5, SEX),
        (6, PHONE),
        (7, NAME),
        (8, KIND),
        (9, MOVES_IN),
        (10, NUMBER),
        (12, NUMBER),
        (13, COUPLE),
        (14, BORN),
        (15, ROOM),
        (16, ROOM),
        (16, BED),
        (17, NAME),
    ]
    assert counts()[0] == 0


def test_merged_cells_are_refused() -> None:
    _rows, problems = read_rows(workbook([man()], merge=True))
    assert [problem.row for problem in problems] == [6]


# --- taking in ------------------------------------------------------------------------------------


def test_a_roster_comes_in_and_the_same_again_adds_nothing() -> None:
    who, enterprise = make_employer()
    room, _other = leased_rooms(enterprise, 2)
    his, hers = couple()
    place = {
        VILLAGE: "同一村",
        HOUSE: room.room.house.address,
        ROOM: room.room.label,
        MOVES_IN: TODAY + timedelta(days=3),
    }
    rows = [
        man("孙大力", **{**place, BED: 2}),
        man("李大力", **{**place, HOME: "浙江省杭州市钱塘区河庄街道"}),
        his,
        hers,
        {NAME: "John Smith", KIND: "护照", NUMBER: "E12345678", SEX: "男", BORN: date(1990, 1, 2)},
    ]
    outcome = take(rows, who, enterprise)
    assert (outcome.added, outcome.changed, outcome.placed) == (5, 0, 2)
    before = counts()
    again = take(rows, who, enterprise)
    assert again.nothing
    assert again.unchanged == 5
    assert counts() == before

    workers = {worker.name: worker for worker in db.session.execute(select(Worker)).scalars()}
    assert workers["李大力"].is_local
    assert workers["郑先生"].couple_with_id == workers["王女士"].id
    assert workers["John Smith"].born_on == date(1990, 1, 2)
    stays = db.session.execute(select(Stay).order_by(Stay.bed_no)).scalars().all()
    assert [(stay.worker.name, stay.bed_no, stay.starts_on) for stay in stays] == [
        ("李大力", 1, TODAY + timedelta(days=3)),
        ("孙大力", 2, TODAY + timedelta(days=3)),
    ]


def test_a_changed_row_changes_its_worker_only() -> None:
    who, enterprise = make_employer()
    first, second = man("孙大力"), man("李大力")
    take([first, second], who, enterprise)
    outcome = take([{**first, PHONE: "13700001111"}, second], who, enterprise)
    assert (outcome.added, outcome.changed, outcome.unchanged) == (0, 1, 1)


def test_one_bad_row_keeps_the_whole_roster_out() -> None:
    who, enterprise = make_employer()
    before = counts()
    with pytest.raises(BadRows) as caught:
        take([man(), man(**{PHONE: "1"})], who, enterprise)
    db.session.rollback()
    assert [problem.row for problem in caught.value.problems] == [3]
    assert counts()[:2] == before[:2]


def test_beds_that_cannot_be_had_are_named_by_row() -> None:
    who, enterprise = make_employer()
    room, second = leased_rooms(enterprise, 2)
    make_stay(make_worker(enterprise), room, 1)
    (elsewhere,) = leased_rooms(make_enterprise())
    other = make_enterprise()
    (theirs,) = leased_rooms(other)
    housed = make_worker(other)
    make_stay(housed, theirs)

    def at(lease_room: Any, **fields: Any) -> dict[str, Any]:
        return {
            VILLAGE: "同一村",
            HOUSE: lease_room.room.house.address,
            ROOM: lease_room.room.label,
            MOVES_IN: TODAY,
            **fields,
        }

    rows = [
        man(**at(room, **{BED: 1})),
        {NAME: "女员工", NUMBER: make_id_number("F"), **at(room, **{BED: 2})},
        man(**at(second, **{BED: 9})),
        man(**at(elsewhere)),
        man(**{**at(second, **{BED: 1}), MOVES_IN: date(2026, 1, 1)}),
        man(**{**at(second, **{BED: 1}), MOVES_IN: None}),
        {NAME: "已住别处", NUMBER: housed.id_number, MOVES_IN: TODAY},
        {NAME: "已住别处", NUMBER: housed.id_number},
        man(**at(second, **{BED: 2})),
        man(**at(second, **{BED: 2})),
    ]
    found = problems_of(rows, who, enterprise)
    assert found == [
        (2, ROOM),
        (3, ROOM),
        (4, ROOM),
        (5, ROOM),
        (6, ROOM),
        (7, MOVES_IN),
        (8, NUMBER),
        (9, NUMBER),  # the same number as row 8
        (11, ROOM),
    ]


def test_couples_are_checked_both_ways() -> None:
    who, enterprise = make_employer()
    his, hers = couple()
    assert problems_of([his, {**hers, COUPLE: None}], who, enterprise) == [(2, COUPLE)]
    other = man("另一个", **{COUPLE: his[NUMBER]})
    assert problems_of([{**his, COUPLE: other[NUMBER]}, other], who, enterprise) == [(2, COUPLE), (3, COUPLE)]
    take([his, hers], who, enterprise)
    # One of a known couple alone, unchanged, is fine; a new spouse is not.
    assert problems_of([his], who, enterprise) == []
    new = {NAME: "新妻子", NUMBER: make_id_number("F"), COUPLE: his[NUMBER]}
    assert problems_of([{**his, COUPLE: new[NUMBER]}, new], who, enterprise) == [(2, COUPLE), (3, COUPLE)]


def test_a_large_roster_costs_few_queries(query_log: list[str]) -> None:
    who, enterprise = make_employer()
    rooms = leased_rooms(enterprise, 20)
    rows = [
        man(
            **{
                VILLAGE: "同一村",
                HOUSE: rooms[at // 2].room.house.address,
                ROOM: rooms[at // 2].room.label,
                MOVES_IN: TODAY,
            }
        )
        for at in range(40)
    ]
    raw, _lost = read_rows(workbook(rows))
    query_log.clear()
    outcome = import_roster(rows=raw, enterprise=enterprise, actor=who, today=TODAY)
    db.session.flush()
    assert outcome.placed == 40
    assert len(query_log) <= 30


def test_sealed_rows_open_only_for_their_owner() -> None:
    rows, _problems = read_rows(workbook([man()]))
    token = seal_rows(rows, "1:2")
    assert "孙大力" not in token
    assert unseal_rows(token, "1:2") == rows
    for odd, context in ((token, "1:3"), (token[:-8], "1:2"), ("", "1:2"), ("中文", "1:2")):
        with pytest.raises(InvalidValue):
            unseal_rows(odd, context)


# --- pages ----------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def without_csrf(client: FlaskClient) -> Any:
    client.application.config["WTF_CSRF_ENABLED"] = False
    yield
    client.application.config["WTF_CSRF_ENABLED"] = True


def upload(client: FlaskClient, data: bytes) -> Any:
    return client.post("/roster/import", data={"file": (io.BytesIO(data), "名单.xlsx")})


def sealed_in(body: str) -> str:
    return body.split('name="sealed" value="')[1].split('"')[0]


def test_only_employers_reach_the_roster(client: FlaskClient) -> None:
    urls = [
        ("GET", "/roster/import"),
        ("GET", "/roster/template.xlsx"),
        ("POST", "/roster/save"),
        ("POST", "/roster/errors.xlsx"),
    ]
    db.session.commit()
    for method, url in urls:
        assert client.open(url, method=method).status_code in (302, 303), url
    villager, _owner = make_villager()
    for who in (make_clerk(), villager, make_street_officer()):
        sign_in(client, who)
        for method, url in urls:
            assert client.open(url, method=method).status_code == 403, url


def test_a_roster_is_looked_at_then_saved(client: FlaskClient) -> None:
    who, _enterprise = make_employer()
    sign_in(client, who)
    assert client.get("/roster/template.xlsx").status_code == 200
    data = workbook([man("孙大力"), man("李大力")])
    looked = upload(client, data)
    assert looked.status_code == 200
    assert counts()[0] == 0
    saved = client.post("/roster/save", data={"sealed": sealed_in(looked.get_data(as_text=True))})
    assert (saved.status_code, saved.location) == (303, "/beds/assign")
    assert counts()[0] == 2
    assert "已经导入过" in upload(client, data).get_data(as_text=True)


def test_a_bad_roster_is_shown_and_can_be_mended(client: FlaskClient) -> None:
    who, _enterprise = make_employer()
    sign_in(client, who)
    good, bad = man("孙大力"), man("李大力", **{PHONE: "12"})
    looked = upload(client, workbook([good, bad]))
    body = looked.get_data(as_text=True)
    assert looked.status_code == 422
    assert "手机号应为 11 位" in body
    sealed = sealed_in(body)
    assert client.post("/roster/save", data={"sealed": sealed}).status_code == 422
    errors = client.post("/roster/errors.xlsx", data={"sealed": sealed})
    sheet = read_workbook(errors.data)
    at = sheet.rows[0].index(PROBLEM)
    assert sheet.rows[1][at] is None
    assert "手机号应为 11 位" in str(sheet.rows[2][at])
    # The mended file is taken as it is, its extra column and all.
    rows, problems = read_rows(errors.data)
    assert not problems
    assert [row.cells[NAME] for row in rows] == ["孙大力", "李大力"]
    assert counts()[0] == 0


def test_odd_uploads_are_refused_at_the_field(client: FlaskClient) -> None:
    who, _enterprise = make_employer()
    sign_in(client, who)
    assert client.post("/roster/import", data={}).status_code == 422
    assert upload(client, b"not a workbook").status_code == 422
    for url in ("/roster/save", "/roster/errors.xlsx"):
        assert client.post(url, data={"sealed": "x"}).status_code == 422


# --- the register ---------------------------------------------------------------------------------


def register(client: FlaskClient, **fields: str) -> Any:
    form = {"first": "2026-11-01", "last": "2026-11-23", "village": "", "numbers": "masked", "purpose": ""}
    return client.post("/register/export", data={**form, **fields})


def test_the_register_is_masked_unless_a_purpose_is_given(client: FlaskClient) -> None:
    _employer, enterprise = make_employer()
    (room,) = leased_rooms(enterprise)
    worker = make_worker(
        enterprise, name="王大山", is_local=True, home_address="浙江省杭州市钱塘区河庄街道同一村"
    )
    make_stay(worker, room)
    make_stay(make_worker(enterprise), room, 2, arrived_on=None)
    sign_in(client, make_clerk())
    masked = read_workbook(register(client).data)
    text = str(masked.rows)
    assert masked.rows[5][:11] == [
        "姓名",
        "性别",
        "证件类型",
        "证件号码",
        "户籍地址",
        "手机",
        "服务处所",
        "房屋地址",
        "房间",
        "入住",
        "离开",
    ]
    assert len(masked.rows) == 7
    assert "王**" in text
    assert worker.id_number not in text
    assert "同一村****" not in text
    refused = register(client, numbers="full")
    assert refused.status_code == 422
    full = str(read_workbook(register(client, numbers="full", purpose="registration").data).rows)
    assert worker.id_number in full
    assert "王大山" in full
    events = db.session.execute(
        select(AuditEvent.changes).where(AuditEvent.action == "spreadsheets.export_register")
    ).scalars()
    assert [(event["unmasked"], event["purpose"], event["people"]) for event in events] == [
        (False, "", 1),
        (True, "registration", 1),
    ]


def test_the_register_holds_the_actors_people_only(client: FlaskClient) -> None:
    employer, enterprise = make_employer()
    (room,) = leased_rooms(enterprise)
    make_stay(make_worker(enterprise), room)
    stranger, _enterprise = make_employer()
    villager, _owner = make_villager()
    for who, people in (
        (employer, 1),
        (make_clerk(), 1),
        (make_street_officer(), 1),
        (stranger, 0),
        (villager, 0),
        (make_clerk("330114004203"), 0),
    ):
        sign_in(client, who)
        assert client.get("/register/export").status_code == 200
        assert len(read_workbook(register(client).data).rows) == 6 + people, who.role
    sign_in(client, villager)
    assert register(client, numbers="full", purpose="contact").status_code == 403
    sign_in(client, make_district_officer())
    assert register(client).status_code == 403


def test_odd_days_of_the_register_are_refused(client: FlaskClient) -> None:
    sign_in(client, make_clerk())
    for fields in (
        {"first": "2026-11-24"},
        {"first": "2020-01-01"},
        {"first": ""},
        {"last": "x"},
        {"village": "999"},
        {"numbers": "all"},
        {"purpose": "fun"},
    ):
        assert register(client, **fields).status_code == 422, fields


def test_too_many_full_numbers_at_once_are_refused(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qiantang_nest.spreadsheets.services.register.MOST_UNMASKED_ROWS", 1)
    _employer, enterprise = make_employer()
    (room,) = leased_rooms(enterprise)
    make_stay(make_worker(enterprise), room, 1)
    make_stay(make_worker(enterprise), room, 2)
    sign_in(client, make_clerk())
    assert register(client, numbers="full", purpose="registration").status_code == 422
    assert register(client).status_code == 200


def test_a_roster_brings_shifts_and_wishes() -> None:
    who, enterprise = make_employer()
    row = man(**{SHIFT: "夜班", WISH: "老乡1", GROUND: "是"})
    take([row], who, enterprise)
    (worker,) = db.session.scalars(select(Worker)).all()
    assert (worker.shift, worker.wish_group, worker.ground_floor) == ("night", "老乡1", True)
    assert take([{**row, SHIFT: None, WISH: None, GROUND: None}], who, enterprise).nothing
    take([{**row, SHIFT: None, WISH: "无", GROUND: "否"}], who, enterprise)
    assert (worker.shift, worker.wish_group, worker.ground_floor) == ("night", "", False)


def test_a_roster_turns_nobodys_shift_who_has_a_bed() -> None:
    who, enterprise = make_employer()
    (room,) = leased_rooms(enterprise)
    row = man()
    take([row], who, enterprise)
    make_stay(db.session.scalars(select(Worker)).one(), room)
    assert problems_of([{**row, SHIFT: "夜班"}], who, enterprise) == [(2, SHIFT)]
    assert problems_of([{**row, SHIFT: "中班", WISH: "字" * 30}], who, enterprise) == [(2, SHIFT), (2, WISH)]


def test_a_bed_named_in_a_roster_is_by_hand() -> None:
    who, enterprise = make_employer()
    (room,) = leased_rooms(enterprise)
    named = {MOVES_IN: TODAY, VILLAGE: "同一村", HOUSE: room.room.house.address, ROOM: room.room.label}
    take([man(**named)], who, enterprise)
    assert db.session.scalars(select(Stay.by_hand)).all() == [True]
