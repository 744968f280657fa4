"""The pages of houses and rooms in Chromium: a villager's seven questions, and axe at both sizes."""

from datetime import timedelta

import pytest
from PIL import Image

from qiantang_nest.core.db import transaction
from qiantang_nest.geography.services import load_places
from qiantang_nest.housing import services
from qiantang_nest.housing.models import HouseholdLink
from qiantang_nest.housing.rules import Severity
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_people_pages import check, enter
from tests.factories import (
    TODAY,
    add,
    make_clerk,
    make_district_officer,
    make_house,
    make_listing,
    make_owner,
    make_room,
    make_street_officer,
    make_user,
    make_villager,
)


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_every_page_of_every_role(live_server, open_page, visit, device):
    with live_server.app.app_context(), transaction():
        load_places()
        villager, owner = make_villager()
        clerk, street, district = make_clerk(), make_street_officer(), make_district_officer()
        house = make_house(owner, dangerous_since=TODAY, dangerous_reason="鉴定为 D 级")
        room, idle = make_room(house), make_room(house)
        for _number in range(6):
            make_listing(make_room(make_house(make_owner())))
        listing = make_listing(make_room(make_house(owner)), state="submitted", submitted_by=villager.user_id)
        offered = listing.room_id
        hazard = services.record_hazard(
            house=house,
            severity=Severity.MAJOR,
            what="二楼电线裸露",
            found_on=TODAY - timedelta(days=9),
            today=TODAY,
            actor=clerk,
        )
        link = add(
            HouseholdLink(
                user_id=make_user("沈大龙").id, village_code=owner.village_code, note="3组18号 沈桂珍家"
            )
        )
        own = f"/owners/{owner.id}"
        pages = {
            villager: [
                "/my-rooms",
                f"{own}/list-house",
                f"{own}/list-house?new=1",
                f"/houses/{house.id}/list-room",
                *[f"/rooms/{idle.id}/list/{step}" for step in ("kind", "beds", "features", "rent", "photos")],
                f"/rooms/{room.id}",
                f"/rooms/{offered}/price",
                f"/rooms/{offered}/pause",
                f"/rooms/{idle.id}/edit",
                f"/rooms/{idle.id}/remove",
                f"/houses/{house.id}",
                own,
                f"{own}/account",
            ],
            clerk: [
                "/houses",
                "/houses?q=无此人",
                f"/houses/{house.id}",
                f"/houses/{house.id}/edit",
                f"/houses/{house.id}/place",
                f"/houses/{house.id}/rooms/new",
                f"/houses/{house.id}/documents/new",
                f"/houses/{house.id}/inspections/new",
                f"/houses/{house.id}/hazards/new",
                f"/houses/{house.id}/safe-again",
                f"/hazards/{hazard.id}/close",
                "/owners/new",
                own,
                f"{own}/edit",
                f"{own}/consent",
                f"{own}/reveal",
                f"{own}/houses/new",
                f"/rooms/{offered}",
                "/household-links",
                f"/household-links/{link.id}",
                "/listings-waiting",
                f"/listings/{listing.id}",
                "/import-village",
            ],
            street: ["/houses", "/hazards", "/villages", f"/villages/{owner.village_code}/place"],
            district: ["/houses", "/capacity"],
        }
    for actor, urls in pages.items():
        page = open_page(device)
        enter(page, live_server, actor)
        for url in urls:
            page.goto(live_server.url + url)
            check(page, device)


def test_a_villager_lists_a_room_on_a_phone(live_server, open_page, visit, tmp_path):
    with live_server.app.app_context(), transaction():
        load_places()
        villager, _owner = make_villager()
    picture = tmp_path / "窗户.jpg"
    Image.new("RGB", (3000, 2000), "teal").save(picture)
    page = open_page(PHONE)
    enter(page, live_server, villager)
    page.goto(live_server.url + "/list-house")
    page.get_by_label("门牌").fill("3组18号")
    page.get_by_role("button", name="是这里，下一题").click()
    page.get_by_label("在几楼").fill("2")
    page.get_by_label("叫几号房").fill("201")
    page.get_by_label("里面能用的面积").fill("18")
    page.get_by_role("button", name="是这间，下一题").click()
    page.get_by_role("button", name="选好了，下一题").click()
    assert page.get_by_text("最多住 2 人", exact=True).is_visible()
    page.get_by_role("button", name="就这么多，下一题").click()
    page.get_by_text("独立卫生间").click()
    page.get_by_role("button", name="点好了，下一题").click()
    page.get_by_label("一个月租金").fill("620")
    page.get_by_role("button", name="就这个价，下一题").click()
    page.locator("input[type=file]").set_input_files(picture)
    page.get_by_role("button", name="照片好了，看一遍").click()
    page.get_by_text("我知道").click()
    page.get_by_role("button", name="对，交给村里").click()
    page.get_by_text("交给村里了，3 天内给您答复").wait_for()
    assert page.locator(".photos img").count() == 1
