"""A factory's week in Chromium: the weekly file becomes moves, a suggestion is struck, a slip is scanned."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from qiantang_nest.core.clock import today
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.invariants import broken_invariants
from qiantang_nest.geography.models import Village
from qiantang_nest.geography.services import load_places
from qiantang_nest.occupancy.models import LeaseRoom, Registration, Stay
from qiantang_nest.occupancy.queries.worker_pages import tokens_of
from qiantang_nest.occupancy.services.worker_links import give_links
from qiantang_nest.spreadsheets.rules.changes import CHANGE, CHANGE_COLUMNS, DAY
from qiantang_nest.spreadsheets.rules.roster import NAME, NUMBER, SHIFT
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_people_pages import check, enter
from tests.factories import (
    NOW,
    VILLAGE,
    make_clerk,
    make_employer,
    make_house,
    make_id_number,
    make_lease,
    make_room,
    make_stay,
    make_worker,
    make_worksite,
)
from tests.spreadsheets.test_roster import workbook


@pytest.fixture
def factory(live_server):
    """An employer with four rooms: two men on days together, a night worker, one room empty."""
    day = today()
    with live_server.app.app_context(), transaction():
        load_places()
        db.session.get_one(Village, VILLAGE).office_phone = "0571-22223201"
        employer, enterprise = make_employer()
        make_worksite(enterprise)
        house = make_house(address="7组12号")
        rooms = [make_room(house, label=f"{number}01", floor=number) for number in (1, 2, 3, 4)]
        lease = make_lease(enterprise, rooms, day - timedelta(days=60), day + timedelta(days=300))
        leased = db.session.scalars(
            select(LeaseRoom).where(LeaseRoom.lease_id == lease.id).order_by(LeaseRoom.id)
        ).all()
        people = {}
        for name, room, bed, fields in (
            ("王大山", 1, 1, {}),
            ("陈小河", 1, 2, {"ground_floor": True}),
            ("赵守夜", 2, 1, {"shift": "night"}),
            ("钱换班", 3, 1, {}),
            ("孙同屋", 3, 2, {}),
        ):
            worker = make_worker(enterprise, name=name, is_local=True, **fields)
            people[name] = make_stay(worker, leased[room], bed)
        give_links(stays=[people["陈小河"]], actor=employer)
        db.session.flush()
        return {
            "employer": employer,
            "clerk": make_clerk(),
            "numbers": {name: stay.worker.id_number for name, stay in people.items()},
            "stay": people["钱换班"].id,
            "token": tokens_of([people["陈小河"].worker_id])[people["陈小河"].worker_id],
        }


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_every_page_of_beds(live_server, open_page, visit, factory, device):
    page = open_page(device)
    stay = f"/stays/{factory['stay']}"
    papers = [
        "/papers",
        "/papers/doors",
        "/papers/roster",
        "/papers/slips",
        f"{stay}/shift",
        f"{stay}/revoke-link",
    ]
    for who, addresses in (
        ("employer", [*papers, "/changes/import", "/beds/assign?suggest=1", stay]),
        ("clerk", papers),
    ):
        enter(page, live_server, factory[who])
        for address in addresses:
            assert page.goto(address).status == 200, address
            check(page, device)
    page.context.clear_cookies()
    assert page.goto(f"/w/{factory['token']}").status == 200
    check(page, device)


def test_a_weekly_file_becomes_moves(live_server, open_page, visit, factory, tmp_path):
    day = today()
    numbers = factory["numbers"]
    new = make_id_number()
    rows = [
        {CHANGE: "离开", NAME: "王大山", NUMBER: numbers["王大山"], DAY: day - timedelta(days=1)},
        {CHANGE: "新来", NAME: "吴新来", NUMBER: new, DAY: day},
        {CHANGE: "调整", NAME: "钱换班", NUMBER: numbers["钱换班"], SHIFT: "夜班"},
        {CHANGE: "离开", NAME: "孙同屋", NUMBER: numbers["孙同屋"], DAY: day},
    ]
    page = open_page(DESKTOP)
    enter(page, live_server, factory["employer"])
    page.goto("/stays")
    page.get_by_role("link", name="每周人员变动").click()
    for content in ([*rows[:-1], {**rows[-1], NAME: "写错名"}], rows):
        file = tmp_path / f"changes-{content[-1][NAME]}.xlsx"
        file.write_bytes(workbook(content, CHANGE_COLUMNS))
        page.get_by_label("人员变动表").set_input_files(file)
        page.get_by_role("button", name="看").click()
        page.wait_for_load_state()
        check(page, DESKTOP)
    visit.ignore("422")
    page.get_by_text("接第 2 行空出的床").wait_for()
    page.get_by_label("孙同屋，要办").uncheck()
    page.get_by_role("button", name="把勾着的一次办好").click()
    page.get_by_text("办好了：新来 1 人，离开 1 人，调整 1 人").wait_for()
    with live_server.app.app_context():
        live = {
            stay.worker.name: stay
            for stay in db.session.scalars(
                select(Stay).where(Stay.left_on.is_(None), Stay.cancelled_at.is_(None))
            )
        }
        assert set(live) == {"陈小河", "赵守夜", "钱换班", "孙同屋", "吴新来"}
        assert live["吴新来"].room_id == live["陈小河"].room_id
        assert live["钱换班"].room_id == live["赵守夜"].room_id
        assert live["孙同屋"].ends_on > day + timedelta(days=1)
        assert [one.stay_id for one in db.session.scalars(select(Registration))] == [live["吴新来"].id]
        assert broken_invariants(db.session.connection(), now=NOW) == []
    page.goto("/changes/import")
    file = tmp_path / "again.xlsx"
    file.write_bytes(workbook(rows[:-1], CHANGE_COLUMNS))
    page.get_by_label("人员变动表").set_input_files(file)
    page.get_by_role("button", name="看看怎么办").click()
    page.get_by_role("heading", name="这张表已经办过了").wait_for()


def test_a_suggestion_is_struck_and_then_taken(live_server, open_page, visit, factory):
    page = open_page(DESKTOP)
    enter(page, live_server, factory["employer"])
    page.goto("/beds/assign?suggest=1")
    page.get_by_role("button", name="看看怎么住").click()
    page.get_by_role("cell", name="要住一楼").wait_for()
    check(page, DESKTOP)
    page.get_by_label("陈小河 照这样换").uncheck()
    page.get_by_role("button", name="划掉的不动，重新排").click()
    page.get_by_text("谁都不用动").wait_for()
    page.goto("/beds/assign?suggest=1")
    page.get_by_role("button", name="看看怎么住").click()
    page.get_by_role("button", name="就这样住，保存").click()
    page.get_by_text("1 人换了床").wait_for()


def test_a_slip_leads_to_the_own_page_until_it_is_replaced(live_server, open_page, visit, factory):
    page = open_page(DESKTOP)
    enter(page, live_server, factory["employer"])
    page.goto("/papers")
    page.get_by_role("button", name="全部入住条").click()
    assert page.locator(".slip").count() == 5
    check(page, DESKTOP)
    phone = open_page(PHONE)
    phone.goto(f"/w/{factory['token']}")
    phone.get_by_text("您的床").wait_for()
    phone.get_by_text("王师傅").wait_for()
    page.goto("/stays?q=陈小河")
    page.get_by_role("link", name="陈小河").click()
    page.get_by_role("button", name="入住条丢了").click()
    page.locator(".slip").wait_for()
    assert phone.goto(f"/w/{factory['token']}").status == 404
    visit.ignore("404")
