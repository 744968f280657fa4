"""The room board in Chromium: a clerk closes a room and moves a worker, by mouse, by keyboard, on a phone."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from qiantang_nest.core.clock import now, today
from qiantang_nest.core.db import db, transaction
from qiantang_nest.geography.services import load_places
from qiantang_nest.housing.models import Hazard, RoomNote
from qiantang_nest.occupancy.models import LeaseRoom, RoomClaim, Stay
from tests.browser.conftest import DESKTOP, PHONE, Visit
from tests.browser.test_people_pages import check, enter
from tests.factories import (
    add,
    make_claim,
    make_clerk,
    make_employer,
    make_hold,
    make_house,
    make_lease,
    make_listing,
    make_owner,
    make_room,
    make_stay,
    make_worker,
)
from tests.live_server import LiveServer

DAY = timedelta(days=1)


class Village:
    """A house with rooms in every state, and fifteen more houses of another group."""

    def __init__(self) -> None:
        day = today()
        load_places()
        self.clerk = make_clerk()
        _employer, enterprise = make_employer()
        house = make_house(make_owner(name="俞水仙", group_no="1"), address="1组1号")
        self.house = house.id
        rooms = [make_room(house, label=f"10{number}") for number in range(1, 8)]
        for room in rooms:
            make_listing(room, starts_on=day - 60 * DAY)
        lived_in, other, late, held, closed, self_free, free_too = rooms
        self.free, self.free_too, self.lived_in = self_free.id, free_too.id, lived_in.id
        lease = make_lease(enterprise, [lived_in, other, late], day - 60 * DAY, day + 300 * DAY)
        places = db.session.scalars(select(LeaseRoom).where(LeaseRoom.lease_id == lease.id)).all()
        stay = make_stay(make_worker(enterprise, name="王大山"), places[0], ends_on=day + 4 * DAY)
        self.stay = stay.id
        make_stay(make_worker(enterprise, name="赵小川"), places[1], arrived_on=None, starts_on=day + DAY)
        make_stay(make_worker(enterprise, name="周小强"), places[2], ends_on=day - DAY)
        make_hold(
            enterprise,
            [make_listing(make_room(house, label="201"))],
            day,
            day + 90 * DAY,
            expires_at=now() + timedelta(hours=31),
        )
        make_claim(held, day, day + 90 * DAY, "held", held_until=now() + timedelta(hours=31))
        self.closing = make_claim(closed, day, day + 9 * DAY, "closed", reason="换热水器").id
        add(Hazard(house_id=house.id, severity="minor", what="杂物", found_on=day, due_on=day))
        add(RoomNote(room_id=self_free.id, words="钥匙在儿子家", noted_by=self.clerk.user_id))
        for number in range(1, 16):
            make_listing(make_room(make_house(make_owner(group_no="2"), address=f"2组{number}号")))


@pytest.fixture
def village(live_server: LiveServer) -> Village:
    with live_server.app.app_context(), transaction():
        return Village()


@pytest.fixture
def desk(live_server: LiveServer, open_page: Callable[..., Page], village: Village) -> Page:
    page = open_page(DESKTOP)
    enter(page, live_server, village.clerk)
    return page


def claims_of(server: LiveServer, room_id: int) -> list[str]:
    with server.app.app_context():
        rows = select(RoomClaim.state).where(RoomClaim.room_id == room_id).order_by(RoomClaim.id)
        return list(db.session.scalars(rows))


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_every_page(
    live_server: LiveServer,
    open_page: Callable[..., Page],
    visit: Visit,
    village: Village,
    device: dict[str, Any],
) -> None:
    page = open_page(device)
    enter(page, live_server, village.clerk)
    for address in (
        "/board",
        "/board?days=93",
        "/board?q=无此人",
        f"/board?house={village.house}&per_page=1",
        *(f"/board/rooms/{room}" for room in (village.free, village.lived_in)),
        f"/rooms/close?room={village.free}&room={village.free_too}",
        f"/rooms/{village.free}/close",
        f"/closings/{village.closing}/reopen",
        f"/rooms/{village.free}/notes/new",
    ):
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        check(page, device)


def test_two_rooms_are_closed_by_mouse_and_opened_again_by_one_press(
    live_server: LiveServer, desk: Page, village: Village, visit: Visit
) -> None:
    desk.goto("/board?days=62&group=1")
    for room in (village.free, village.free_too):
        desk.locator(f"#room-{room} input[name=room]").check()
    expect(desk.get_by_text("选了 2 间")).to_be_visible()
    desk.get_by_role("button", name="停用选中的房").click()
    expect(desk.get_by_role("heading", level=1)).to_have_text("停用 2 间房")
    desk.get_by_text("过节", exact=True).click()
    desk.get_by_role("button", name="停用选中的房").click()
    expect(desk.get_by_text("停用了 2 间")).to_be_visible()
    assert "days=62" in desk.url
    assert "group=1" in desk.url
    expect(desk.locator(f"#room-{village.free}").get_by_text("过节，到")).to_be_visible()
    assert claims_of(live_server, village.free) == ["closed"]
    desk.get_by_role("button", name="撤销刚才的停用（2 间）").click()
    expect(desk.get_by_text("恢复了 2 间")).to_be_visible()
    assert claims_of(live_server, village.free) == ["released"]


def test_a_room_in_the_way_is_marked_and_left_out(
    live_server: LiveServer, desk: Page, village: Village, visit: Visit
) -> None:
    desk.goto(f"/rooms/close?room={village.free}&room={village.lived_in}")
    desk.get_by_text("维修", exact=True).click()
    desk.get_by_role("button", name="停用选中的房").click()
    expect(desk.get_by_text("这几天有人占着")).to_be_visible()
    check(desk, DESKTOP)
    desk.get_by_role("checkbox", name="1组1号 101").uncheck()
    desk.get_by_role("button", name="改好了，停用选中的房").click()
    expect(desk.get_by_text("停用了 1 间")).to_be_visible()
    assert claims_of(live_server, village.free) == ["closed"]
    visit.ignore("422")


def test_a_worker_is_moved_from_the_board(
    live_server: LiveServer, desk: Page, village: Village, visit: Visit
) -> None:
    desk.goto("/board?group=1")
    desk.locator(f"#room-{village.lived_in} a.bar").first.click()
    expect(desk.get_by_role("heading", level=1)).to_have_text("1组1号 101")
    expect(desk.get_by_text("王**")).to_be_visible()
    desk.get_by_role("link", name="换床").click()
    desk.get_by_label("换到").select_option(index=0)
    desk.get_by_role("button").filter(has_text="换").last.click()
    expect(desk.get_by_text("换好了")).to_be_visible()
    with live_server.app.app_context():
        assert db.session.get_one(Stay, village.stay).left_on == today()
    desk.get_by_role("link", name="房态图", exact=True).click()
    assert "group=1" in desk.url


def test_the_keyboard_reaches_every_bar_from_one_stop(desk: Page, village: Village, visit: Visit) -> None:
    desk.goto("/board?group=1&days=31")
    assert desk.locator("a.bar[tabindex='0']").count() == 1
    assert desk.locator("input[name=room]:not([tabindex='-1'])").count() == 0
    first = desk.locator("a.bar").first
    first.focus()
    desk.keyboard.press("ArrowDown")
    second = desk.locator("tr[id^=room-]").nth(1).locator("a.bar").first
    expect(second).to_be_focused()
    desk.keyboard.press("Space")
    expect(desk.get_by_text("选了 1 间")).to_be_visible()
    expect(desk.locator("tr[id^=room-]").nth(1).locator("input")).to_be_checked()
    desk.keyboard.press("Space")
    expect(desk.get_by_text("在房号前打勾")).to_be_visible()
    # A closed room is free after its closing: right goes there, End and Home as far as it goes.
    closed = desk.locator("tr[id^=room-]", has_text="换热水器")
    closed.locator("a.bar").first.focus()
    desk.keyboard.press("ArrowRight")
    expect(closed.locator("a.bar").nth(1)).to_be_focused()
    desk.keyboard.press("Home")
    desk.keyboard.press("End")
    expect(closed.locator("a.bar").last).to_be_focused()
    assert desk.locator("a.bar[tabindex='0']").count() == 1
    # One Tab leaves the board.
    desk.keyboard.press("Tab")
    expect(desk.get_by_role("button", name="停用选中的房")).to_be_focused()
    desk.keyboard.press("Shift+Tab")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", level=1)).to_have_text("1组1号 105")
    desk.get_by_label("您在这里").get_by_role("link", name="房态图").click()
    expect(desk.locator("tr:target a.bar").first).to_be_focused()


def test_more_houses_come_when_one_scrolls_and_join_the_keyboard(
    desk: Page, village: Village, visit: Visit
) -> None:
    desk.goto("/board?days=31")
    houses = desk.locator("tbody[id^=house-]")
    expect(houses).to_have_count(12)
    desk.locator("tr.more, tbody.more").scroll_into_view_if_needed()
    expect(houses).to_have_count(16)
    expect(desk.locator("tbody.more")).to_have_count(0)
    assert desk.locator("a.bar[tabindex='0']").count() == 1
    last = desk.locator("a.bar").last
    last.focus()
    desk.keyboard.press("ArrowUp")
    expect(desk.locator("tbody[id^=house-]").nth(14).locator("a.bar").last).to_be_focused()


def test_without_a_script_the_same_is_done_by_links_and_boxes(
    live_server: LiveServer, open_page: Callable[..., Page], village: Village, visit: Visit
) -> None:
    page = open_page(DESKTOP, java_script_enabled=False)
    enter(page, live_server, village.clerk)
    page.goto("/board?days=31")
    page.get_by_role("link", name="下面还有 4 户").click()
    expect(page.locator("tbody[id^=house-]")).to_have_count(4)
    page.locator("input[name=room]").first.check()
    page.get_by_role("button", name="停用选中的房").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("停用 2组")
    page.goto("/board")
    assert "days=31" in page.url
    page.get_by_label("今天的状态").select_option(label="停用")
    page.get_by_role("button", name="筛选").click()
    page.locator("input[name=room]").check()
    page.get_by_role("button", name="选中的恢复出租").click()
    page.get_by_role("button", name="恢复出租").click()
    expect(page.get_by_text("恢复了 1 间")).to_be_visible()


def test_a_phone_shows_one_house_and_a_week(
    live_server: LiveServer, open_page: Callable[..., Page], village: Village, visit: Visit
) -> None:
    phone = open_page(PHONE)
    enter(phone, live_server, village.clerk)
    phone.goto("/board")
    expect(phone.locator(".board")).to_be_hidden()
    phone.get_by_role("link", name="1 组").click()
    phone.get_by_role("link", name="俞水仙").click()
    expect(phone.get_by_role("heading", name="俞水仙")).to_be_visible()
    assert phone.locator(".board thead tr").nth(1).locator("th").count() == 7
    box = phone.locator(".board").bounding_box()
    assert box is not None
    assert box["width"] <= 360
    phone.locator(f"#room-{village.lived_in} a.bar").first.click()
    expect(phone.get_by_text("王**")).to_be_visible()
    phone.get_by_label("您在这里").get_by_role("link", name="房态图").click()
    expect(phone.get_by_role("heading", name="俞水仙")).to_be_visible()
    phone.get_by_role("link", name="看别的户").click()
    expect(phone.get_by_role("link", name="俞水仙")).to_be_visible()


def test_paper_is_wide_and_bare(desk: Page, village: Village, visit: Visit) -> None:
    desk.goto("/board?days=31&group=2")
    desk.get_by_role("link", name="打印").click()
    desk.emulate_media(media="print")
    expect(desk.locator("tbody[id^=house-]")).to_have_count(15)
    assert desk.locator("main").evaluate("one => getComputedStyle(one).page") == "wide"
    expect(desk.locator(".print-bar")).to_be_hidden()
    assert desk.pdf(prefer_css_page_size=True)[:5] == b"%PDF-"
