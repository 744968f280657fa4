"""The pages of changing a lease in Chromium: end early and see the bill change; axe at both sizes."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

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
        for room in db.session.scalars(select(LeaseRoom)).all():
            make_stay(make_worker(enterprise, name="王大山"), room)
        db.session.flush()
        for lease in leases:
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
            "/bookings",
            f"/bookings/{booking.id if booking else 0}",
        ]
        return {"employer": employer, "villager": villager, "clerk": make_clerk(), "pages": pages}


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_every_page_of_every_role(live_server, open_page, visit, let, device):
    page = open_page(device)
    for role in ("employer", "villager", "clerk"):
        enter(page, live_server, let[role])
        for address in let["pages"]:
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
