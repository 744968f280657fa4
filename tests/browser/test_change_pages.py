"""The pages of changing a lease in Chromium: end early and see the bill change; axe at both sizes."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from qiantang_nest.billing.models import Bill
from qiantang_nest.billing.services import issue_due_bills
from qiantang_nest.bookings.queries.bookings import booking_of_lease
from qiantang_nest.bookings.queries.change_effects import effect_of
from qiantang_nest.bookings.rules.changes import ChangeKind, Wanted
from qiantang_nest.bookings.services.change_booking import ask_change
from qiantang_nest.core.actor import SYSTEM
from qiantang_nest.core.clock import now, today
from qiantang_nest.core.db import db, transaction
from qiantang_nest.geography.services import load_places
from qiantang_nest.occupancy.models import LeaseRoom
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_people_pages import check, enter
from tests.factories import (
    make_clerk,
    make_consent,
    make_employer,
    make_house,
    make_lease,
    make_listing,
    make_owner,
    make_room,
    make_stay,
    make_villager,
    make_worker,
)


@pytest.fixture
def let(live_server):
    """Two leases of a household: one to be changed, one whose extension waits for an answer."""
    day = today()
    with live_server.app.app_context(), transaction():
        load_places()
        villager, owner = make_villager()
        make_consent(owner)
        employer, enterprise = make_employer()
        house = make_house(owner)
        leases = [
            make_lease(
                enterprise,
                [make_room(house), make_room(house)],
                day - timedelta(days=50),
                day + timedelta(days=300),
                notice_days=3,
            )
            for _number in range(2)
        ]
        make_listing(make_room(house), rent_fen=65_000)
        make_listing(make_room(make_house(make_owner(name="俞水仙"), address="3组7号")), rent_fen=62_000)
        coming = make_lease(
            enterprise,
            [make_room(house), make_room(house)],
            day + timedelta(days=5),
            day + timedelta(days=300),
            signed_on=day,
        )
        let_now = select(LeaseRoom).where(LeaseRoom.lease_id.in_([lease.id for lease in leases]))
        for room in db.session.scalars(let_now).all():
            make_stay(make_worker(enterprise, name="王大山"), room)
        db.session.flush()
        for lease in (*leases, coming):
            issue_due_bills(lease=lease, today=day, actor=SYSTEM)
        rooms = db.session.scalars(select(LeaseRoom.id).where(LeaseRoom.lease_id == leases[1].id)).all()
        wanted = Wanted(ChangeKind.EXTEND, tuple(rooms), day + timedelta(days=390))
        change = ask_change(
            lease=leases[1],
            wanted=wanted,
            reason="订单多，想再住三个月",
            shown_digest=effect_of(leases[1], wanted, actor=employer, today=day, now=now()).digest(),
            actor=employer,
            today=day,
            now=now(),
        )
        db.session.flush()
        first = f"/leases/{leases[0].id}"
        booking = booking_of_lease(leases[0].id)
        pages = [
            first,
            f"{first}/end",
            f"{first}/extend",
            f"{first}/swap",
            f"/lease-changes/{change.id}",
            f"/leases/{leases[1].id}",
            f"/leases/{coming.id}",
            f"/leases/{coming.id}/release",
            "/bookings",
            f"/bookings/{booking.id if booking else 0}",
        ]
        return {
            "employer": employer,
            "villager": villager,
            "clerk": make_clerk(),
            "pages": pages,
            "relocate": f"{first}/relocate",
            "release": f"/leases/{coming.id}/release",
        }


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_every_page_of_every_role(live_server, open_page, visit, let, device):
    page = open_page(device)
    for role in ("employer", "villager", "clerk"):
        enter(page, live_server, let[role])
        for address in [*let["pages"], *([let["relocate"]] if role == "employer" else [])]:
            assert page.goto(address).status == 200, address
            check(page, device["viewport"])


def test_end_early_and_see_the_bill_change(live_server, page, let):
    enter(page, live_server, let["employer"])
    page.goto(let["pages"][0])
    page.get_by_role("link", name="提前退房").click()
    page.get_by_label("最后一天").fill((today() + timedelta(days=4)).isoformat())
    page.get_by_role("button", name="先算一算").click()
    expect(page.get_by_text("作废，重新出").first).to_be_visible()
    page.get_by_label("为什么").fill("订单少了")
    page.get_by_role("button", name="就这样退").click()
    expect(page.get_by_text("改好了", exact=False).first).to_be_visible()
    page.goto(let["pages"][0])
    expect(page.get_by_text("提前退房", exact=False).first).to_be_visible()


def test_a_clerk_closes_a_room_moves_a_worker_and_ends_a_lease_whose_bill_then_changes(
    live_server, open_page, visit
):
    """From the board, for a household that lets the village act; the firm reads the new sum and why."""
    day = today()
    with live_server.app.app_context(), transaction():
        load_places()
        villager, owner = make_villager()
        make_consent(owner)
        employer, enterprise = make_employer()
        house = make_house(owner)
        rooms = [make_room(house, label=label) for label in ("101", "102", "103")]
        for room in rooms:
            make_listing(room, starts_on=day - timedelta(days=60))
        lease = make_lease(
            enterprise, rooms[:2], day - timedelta(days=10), day + timedelta(days=300), notice_days=3
        )
        places = db.session.scalars(
            select(LeaseRoom).where(LeaseRoom.lease_id == lease.id).order_by(LeaseRoom.id)
        ).all()
        make_stay(make_worker(enterprise, name="王大山"), places[0])
        issue_due_bills(lease=lease, today=day, actor=SYSTEM)
        db.session.flush()
        bill = db.session.scalars(select(Bill.id).where(Bill.lease_id == lease.id, Bill.kind == "rent")).one()
        clerk, number = make_clerk(), lease.number
        lived_in, other, empty = (room.id for room in rooms)

    desk = open_page(DESKTOP)
    enter(desk, live_server, clerk)
    desk.goto("/board")
    desk.locator(f"#room-{empty} input[name=room]").check()
    desk.get_by_role("button", name="停用选中的房").click()
    desk.get_by_text("维修", exact=True).click()
    desk.get_by_role("button", name="停用这间房").click()
    expect(desk.get_by_text("停用了")).to_be_visible()
    expect(desk.locator(f"#room-{empty}").get_by_text("维修，到")).to_be_visible()

    desk.locator(f"#room-{lived_in} a.bar").first.click()
    desk.get_by_role("link", name="换床").click()
    to = desk.get_by_label("换到")
    to.select_option(to.locator("option", has_text="102").first.get_attribute("value"))
    desk.get_by_role("button").filter(has_text="换").last.click()
    expect(desk.get_by_text("换好了")).to_be_visible()

    desk.goto("/board")
    desk.locator(f"#room-{other} a.bar").first.click()
    expect(desk.get_by_text("王**")).to_be_visible()
    desk.get_by_role("link", name="看租约").click()
    desk.get_by_role("link", name="提前退房").click()
    desk.get_by_role("checkbox", name="102").uncheck()
    desk.get_by_label("最后一天").fill((day + timedelta(days=4)).isoformat())
    desk.get_by_role("button", name="先算一算").click()
    desk.get_by_label("为什么").fill("屋顶要大修")
    desk.get_by_role("button", name="就这样退，房从第二天空出来").click()
    expect(desk.get_by_text("改好了", exact=False).first).to_be_visible()
    desk.goto("/board")
    expect(desk.locator(f"#room-{lived_in} a.bar")).to_have_count(2)

    for actor, device in ((employer, DESKTOP), (villager, PHONE)):
        page = open_page(device)
        enter(page, live_server, actor)
        page.goto(f"/bills/{bill}")
        expect(page.get_by_text("这张账单作废了：提前退房，按退房日重新出账")).to_be_visible()
        page.get_by_role("link", name="重新出的账单").click()
        expect(page.get_by_text("代替作废的账单")).to_be_visible()
        expect(page.get_by_text(number)).to_be_visible()
        # 15 days of the room that goes back, the other one whole.
        expect(page.get_by_text("¥600.00 × 15 天 ÷").first).to_be_visible()
        check(page, device["viewport"])


def test_a_room_of_another_household_is_held_and_asked_for(live_server, page, let):
    enter(page, live_server, let["employer"])
    page.goto(let["relocate"])
    page.get_by_role("button", name="先算一算").click()
    expect(page.get_by_role("heading", name="新房和新合同")).to_be_visible()
    page.get_by_label("为什么").fill("隔壁太吵")
    page.get_by_role("button", name="留着新房，请新户主签合同").click()
    expect(page.get_by_text("新房先留着了").first).to_be_visible()
    page.get_by_role("link", name="看新合同").click()
    expect(page.get_by_role("link", name="去签字")).to_be_visible()
