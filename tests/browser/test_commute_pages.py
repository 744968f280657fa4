"""The way to work in Chromium: rooms by the minutes to a gate on a phone, and axe over its pages."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from qiantang_nest.core.db import transaction
from qiantang_nest.geography.services import load_places
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_people_pages import check, enter
from tests.factories import (
    VILLAGE,
    make_district_officer,
    make_employer,
    make_house,
    make_listing,
    make_owner,
    make_room,
    make_stop,
    make_village,
    make_worksite,
)

METRES = {"近房": 500, "中房": 1900, "远房": 2700, "外房": 3500}


@pytest.fixture
def district(live_server: Any) -> dict[str, Any]:
    """An employer with two gates; houses at different distances from the second, and a stop beyond them."""
    with live_server.app.app_context(), transaction():
        load_places()
        employer, enterprise = make_employer()
        village = make_village(VILLAGE)
        lat, lon = village.lat, village.lon
        make_worksite(enterprise, name="一号门", lat=30.36, lon=120.64)
        gate = make_worksite(enterprise, name="二号门", lat=lat, lon=lon)
        far_stop = make_stop(gate, name="外村村口", lat=lat + 3600 / 111_200, lon=lon, ride_minutes=9)
        for label, metres in METRES.items():
            house = make_house(
                make_owner(VILLAGE), lat=lat + metres / 111_200, lon=lon, geo_precision="house"
            )
            make_listing(make_room(house, label=label))
        return {
            "employer": employer,
            "officer": make_district_officer(),
            "gate": f"/enterprises/mine/worksites/{gate.id}",
            "stop": f"/enterprises/mine/stops/{far_stop.id}",
        }


def test_rooms_by_minutes_on_a_phone(
    live_server: Any, phone_page: Any, visit: Any, district: dict[str, Any]
) -> None:
    page = phone_page
    enter(page, live_server, district["employer"])
    page.goto("/rooms")
    page.get_by_label("从哪个厂区算").select_option(label="二号门")
    page.get_by_label("最多多远").fill("15")
    page.get_by_label("怎么走").select_option(label="分钟，电动车")
    page.get_by_role("button", name="看看哪些村有房").click()
    expect(page.get_by_role("heading", name="到二号门 15 分钟以内的村")).to_be_visible()
    rooms = page.get_by_role("rowheader").filter(has_text="同一村")
    expect(rooms).to_have_text([re.compile(label) for label in ("近房", "中房", "远房")])
    minutes = page.get_by_role("cell").filter(has_text="电动车")
    expect(minutes).to_have_text([re.compile(f"电动车 {number} 分钟") for number in (3, 10, 15)])
    expect(page.locator("svg.for-phone circle.reach")).to_have_count(1)
    check(page, PHONE)

    page.get_by_label("怎么走").select_option(label="分钟，班车")
    page.get_by_role("button", name="看看哪些村有房").click()
    expect(rooms).to_have_text([re.compile("外房")])
    expect(page.get_by_role("cell").filter(has_text="班车 11 分钟，在外村村口上车")).to_have_count(1)
    check(page, PHONE)

    page.get_by_label("最多多远").fill("5")
    page.get_by_role("button", name="看看哪些村有房").click()
    expect(page.get_by_role("alert")).to_contain_text("从最近的一站也要坐 9 分钟")
    expect(page.get_by_label("怎么走")).to_have_value("shuttle")
    visit.ignore("422")

    page.get_by_label("怎么走").select_option(label="分钟，电动车")
    page.get_by_label("最多多远").fill("10")
    page.get_by_role("button", name="看看哪些村有房").click()
    expect(rooms).to_have_text([re.compile("近房"), re.compile("中房")])
    page.get_by_label("要多少").fill("2")
    page.get_by_role("button", name="看看是哪些房，再锁定").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("锁定 2 间房")
    expect(page.get_by_role("main")).to_contain_text("最远电动车 10 分钟")
    check(page, PHONE)


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_the_pages_of_stops_and_figures(
    live_server: Any, open_page: Any, district: dict[str, Any], device: dict[str, Any]
) -> None:
    page = open_page(device)
    pages = {
        district["employer"]: [
            "/enterprises/mine",
            district["gate"],
            f"{district['gate']}/stops/add",
            f"{district['gate']}/minutes",
            f"{district['gate']}/minutes?sort=-shuttle",
            district["stop"],
            f"{district['stop']}/remove",
            "/rooms?within=20&unit=shuttle&worksite=" + district["gate"].rsplit("/", 1)[1],
        ],
        district["officer"]: ["/commute"],
    }
    for actor, addresses in pages.items():
        enter(page, live_server, actor)
        for address in addresses:
            answer = page.goto(address)
            assert answer.status == 200, address
            check(page, device)
    page.get_by_label("路比直线长几倍").fill("1.5")
    page.get_by_label("依据").fill("2026 年 11 月实测 20 条路线")
    page.get_by_role("button", name="先看看分钟数怎么变").click()
    expect(page.get_by_role("cell", name="16 改成 18")).to_be_visible()
    check(page, device)
    page.get_by_role("button", name="就按这个标准").click()
    expect(page.get_by_role("status")).to_contain_text("路程标准定好了")
    check(page, device)
