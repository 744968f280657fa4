"""The pages of moving in and out in Chromium: a roster becomes people in beds."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from qiantang_nest.core.clock import today
from qiantang_nest.core.db import db, transaction
from qiantang_nest.geography.services import load_places
from qiantang_nest.occupancy.models import LeaseRoom, Registration, Stay
from tests.browser.conftest import DESKTOP
from tests.browser.test_people_pages import check, enter
from tests.factories import (
    make_clerk,
    make_employer,
    make_house,
    make_lease,
    make_report,
    make_room,
    make_stay,
    make_villager,
    make_worker,
)
from tests.spreadsheets.test_roster import PHONE as PHONE_COLUMN
from tests.spreadsheets.test_roster import man, workbook


@pytest.fixture
def village(live_server):
    """A house let to an employer: somebody lives there, somebody is expected; who rents, and the clerk."""
    day = today()
    with live_server.app.app_context(), transaction():
        load_places()
        _villager, owner = make_villager()
        employer, enterprise = make_employer()
        house = make_house(owner)
        lease = make_lease(
            enterprise,
            [make_room(house), make_room(house), make_room(house)],
            day - timedelta(days=60),
            day + timedelta(days=300),
        )
        rooms = db.session.scalars(select(LeaseRoom).where(LeaseRoom.lease_id == lease.id)).all()
        present = make_stay(make_worker(enterprise, name="王大山"), rooms[0], 1)
        make_stay(make_worker(enterprise), rooms[0], 2)
        make_stay(make_worker(enterprise, "F", name="李小花"), rooms[1], 1, starts_on=day, arrived_on=None)
        for number in range(3):
            make_worker(enterprise, "MFM"[number])
        for kind, days in (("arrival", -9), ("departure", 0)):
            make_report(present, kind, happened_on=day + timedelta(days=days))
        return employer, make_clerk()


def test_a_roster_becomes_people_in_beds(live_server, open_page, visit, village, tmp_path):
    employer, clerk = village
    page = open_page(DESKTOP)
    enter(page, live_server, employer)
    page.goto("/stays")
    page.get_by_role("link", name="导入花名册").click()
    good, bad = man("孙大力"), man("周小强", **{PHONE_COLUMN: "12"})
    for rows in ([good, bad], [good, {**bad, PHONE_COLUMN: "13900001111"}]):
        file = tmp_path / f"roster-{len(str(rows))}.xlsx"
        file.write_bytes(workbook(rows))
        page.get_by_label("花名册文件").set_input_files(file)
        page.get_by_role("button", name="核对").click()
        page.wait_for_load_state()
        check(page, DESKTOP)
    visit.ignore("422")
    page.get_by_role("button", name="导入这 2 人").click()
    page.get_by_role("button", name="看看怎么住").click()
    page.get_by_role("heading", name="人这样住").wait_for()
    check(page, DESKTOP)
    page.get_by_role("button", name="就这样住，保存").click()
    page.get_by_text("排好了").wait_for()
    page.goto("/stays/check-in")
    page.get_by_role("button", name="勾选的都到了").click()
    page.get_by_text("人已入住").wait_for()
    with live_server.app.app_context():
        assert not db.session.scalars(select(Stay).where(Stay.arrived_on.is_(None))).all()
    enter(page, live_server, clerk)
    page.goto("/registrations")
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_label("派出所回执编号").fill("杭公 2026-1")
    page.get_by_role("button", name="勾选的都登记好了").click()
    page.get_by_text("条登记好了").wait_for()
    with live_server.app.app_context():
        assert not db.session.scalars(select(Registration).where(Registration.done_on.is_(None))).all()
