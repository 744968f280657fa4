"""The pages of houses speak English throughout when asked to."""

import re
from typing import Any

import pytest

from tests.conftest import sign_in
from tests.factories import make_clerk, make_house, make_listing, make_room, make_villager

CHINESE = re.compile(r"[\u4e00-\u9fff]+")
DATA = {"沈桂珍", "周管理", "同一村", "中文", "组", "号", "建", "浙江农信"}
"""Names and addresses stay as they are."""


@pytest.mark.usefixtures("at_now")
def test_no_page_is_half_translated(client: Any, db_session: Any) -> None:
    villager, owner = make_villager()
    house = make_house(owner)
    room, idle = make_room(house), make_room(house)
    listing = make_listing(room, state="submitted")
    clerk = make_clerk()
    pages = {
        villager: [
            "/my-rooms",
            f"/rooms/{room.id}",
            *[f"/rooms/{idle.id}/list/{step}" for step in ("kind", "beds", "features", "rent", "photos")],
        ],
        clerk: [
            "/houses",
            f"/houses/{house.id}",
            f"/owners/{owner.id}",
            "/listings-waiting",
            f"/listings/{listing.id}",
            f"/houses/{house.id}/inspections/new",
            f"/owners/{owner.id}/consent",
        ],
    }
    for actor, urls in pages.items():
        sign_in(client, actor)
        client.set_cookie("locale", "en")
        for url in urls:
            body = re.sub(r"<[^>]*>", " ", client.get(url).text.split("<main", 1)[1])
            assert set(CHINESE.findall(body)) <= DATA, url
