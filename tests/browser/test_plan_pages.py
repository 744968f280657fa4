"""Demand → three plans → hold → one room replaced → booking, in Chromium; and axe at both sizes."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import select, update

from qiantang_nest.bookings.models import Demand, Hold, HoldRoom, Plan
from qiantang_nest.bookings.services.plans import read_for_plans, record_plans, solve_plans
from qiantang_nest.core import clock
from qiantang_nest.core.db import db, transaction
from qiantang_nest.geography.services import load_places
from qiantang_nest.housing.models import Listing
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_people_pages import check, enter
from tests.factories import (
    add,
    make_district_officer,
    make_employer,
    make_enterprise,
    make_hold,
    make_house,
    make_listing,
    make_owner,
    make_room,
    make_villager,
    make_worksite,
)


def offers(count: int, rent_fen: int) -> list:
    """Rooms of two beds, each in a house of its own, safe and on offer for two years from now."""
    today = clock.today()
    return [
        make_listing(
            make_room(make_house(make_owner(), safe_until=today + timedelta(days=400))),
            rent_fen=rent_fen,
            starts_on=today,
            ends_on=today + timedelta(days=700),
        )
        for _room in range(count)
    ]


def test_from_a_need_to_a_booking(live_server, open_page):
    today = clock.today()
    with live_server.app.app_context(), transaction():
        load_places()
        employer, enterprise = make_employer()
        make_worksite(enterprise)
        cheap = [listing.id for listing in offers(3, 60_000)]
        offers(2, 65_000)
    page = open_page(DESKTOP)
    enter(page, live_server, employer)
    page.goto("/demands")
    page.get_by_role("link", name="登记一条需求").first.click()
    page.get_by_label("白班男").fill("4")
    page.get_by_label("夜班女（白天睡）").fill("2")
    page.get_by_label("哪天入住").fill((today + timedelta(days=10)).isoformat())
    page.get_by_label("住到哪天").fill((today + timedelta(days=190)).isoformat())
    page.get_by_role("button", name="存好，去算方案").click()
    page.get_by_role("button", name="算三个方案").click()
    for name in ("最省钱", "路最近", "最好管"):
        expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("¥1,800")
    # Somebody else is faster with one of the three cheap rooms.
    with live_server.app.app_context(), transaction():
        from_plan = db.session.execute(select(Plan).where(Plan.kind == "cost")).scalar_one()
        assert from_plan.rooms == 3
        listings = [db.session.get_one(Listing, listing_id) for listing_id in cheap]
        make_hold(
            make_enterprise(),
            listings[:1],
            today + timedelta(days=10),
            today + timedelta(days=191),
            expires_at=clock.now() + timedelta(hours=40),
        )
    page.get_by_role("link", name="锁定方案 A").click()
    main = page.get_by_role("main")
    expect(main).to_contain_text("算好以后有 1 间变了，其余 2 间照旧")
    expect(main).to_contain_text("多 ¥50")
    page.get_by_role("button", name="照这样换，锁定 3 间房").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("锁定 3 间房，6 张床")
    with live_server.app.app_context(), transaction():
        hold = db.session.execute(select(Hold).where(Hold.plan_id.isnot(None))).scalar_one()
        db.session.execute(update(HoldRoom).where(HoldRoom.hold_id == hold.id).values(answer="accepted"))
    page.reload()
    page.get_by_role("link", name="预订答应的 3 间").click()
    page.get_by_role("button", name="预订，每户出一份合同").click()
    expect(main).to_contain_text("订好了")
    page.goto("/demands?state=all")
    expect(main).to_contain_text("够了")


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_every_page(live_server, open_page, visit, device):
    today = clock.today()
    with live_server.app.app_context(), transaction():
        load_places()
        employer, enterprise = make_employer()
        villager, owner = make_villager()
        mine = make_listing(
            make_room(make_house(owner, safe_until=today + timedelta(days=400))),
            rent_fen=99_000,
            starts_on=today,
            ends_on=today + timedelta(days=700),
        )
        offers(3, 60_000)
        days = {"starts_on": today + timedelta(days=10), "ends_on": today + timedelta(days=190)}
        enough = add(Demand(enterprise_id=enterprise.id, day_men=4, couples=1, **days))
        short = add(Demand(enterprise_id=enterprise.id, day_men=40, max_rent_fen=32_000, **days))
        for demand in (enough, short):
            found = read_for_plans(demand=demand, now=clock.now())
            record_plans(found=found, made=solve_plans(found), actor=employer)
        plan = db.session.execute(select(Plan.id).order_by(Plan.id).limit(1)).scalar_one()
        pages = {
            employer: [
                "/demands",
                "/demands/new",
                "/demands/import",
                f"/demands/{enough.id}",
                f"/demands/{short.id}",
                f"/demands/{short.id}/change",
                f"/demands/{short.id}/withdraw",
                f"/plans/{plan}",
                f"/plans/{plan}/hold",
            ],
            make_district_officer(): ["/demands", "/demands/signal", "/income-spread", "/fairness"],
            villager: [f"/rooms/{mine.room_id}/passed-over"],
        }
    for actor, urls in pages.items():
        page = open_page(device)
        enter(page, live_server, actor)
        for url in urls:
            page.goto(url)
            check(page, device["viewport"]["width"])
