"""The pages of houses and rooms in Chromium: a villager's seven questions."""

from PIL import Image

from qiantang_nest.core.db import transaction
from qiantang_nest.geography.services import load_places
from tests.browser.conftest import PHONE
from tests.browser.test_people_pages import enter
from tests.factories import make_villager


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
