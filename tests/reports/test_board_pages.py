"""Pages of the room board: whose, what was asked for, what is remembered, and what a room offers."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.housing.models import Hazard, RoomNote
from qiantang_nest.occupancy.models import LeaseRoom, Stay
from tests.conftest import QueryLog, sign_in
from tests.factories import (
    NEIGHBOUR_VILLAGE,
    TODAY,
    add,
    make_actor,
    make_claim,
    make_clerk,
    make_district_officer,
    make_employer,
    make_hold,
    make_house,
    make_lease,
    make_listing,
    make_owner,
    make_room,
    make_stay,
    make_street_officer,
    make_villager,
    make_worker,
)

pytestmark = pytest.mark.usefixtures("db_session", "at_now")

DAY = timedelta(days=1)


class Scene:
    """A village of two houses: rooms in every state, people in beds."""

    def __init__(self) -> None:
        self.clerk = make_clerk()
        self.villager, self.owner = make_villager(make_owner(name="俞水仙", group_no="5"))
        self.employer, self.enterprise = make_employer()
        self.house = make_house(self.owner, address="5组6号")
        self.lived_in, self.planned, self.held, self.idle, self.closed, self.unlisted = (
            make_room(self.house, label=f"{number}01") for number in range(1, 7)
        )
        lease = make_lease(self.enterprise, [self.lived_in, self.planned], TODAY - 30 * DAY)
        first, second = db.session.scalars(
            select(LeaseRoom).where(LeaseRoom.lease_id == lease.id).order_by(LeaseRoom.id)
        )
        self.present = make_stay(make_worker(self.enterprise, name="王大山"), first)
        self.expected = make_stay(make_worker(self.enterprise, name="赵小川"), second, arrived_on=None)
        self.hold = make_hold(self.enterprise, [make_listing(self.held)], TODAY, TODAY + 90 * DAY)
        make_listing(self.idle)
        self.closing = make_claim(self.closed, TODAY, TODAY + 9 * DAY, "closed", reason="换热水器")
        self.note = add(RoomNote(room_id=self.idle.id, words="钥匙在儿子家", noted_by=self.clerk.user_id))
        self.other_house = make_house(make_owner(name="倪关林", group_no="7"), address="7组2号")
        self.other = make_room(self.other_house, label="201")
        self.foreign = make_room(make_house(make_owner(NEIGHBOUR_VILLAGE, name="邻村人"), address="9组9号"))
        db.session.flush()

    def pages(self) -> list[str]:
        return ["/board", "/board/print", f"/board/rooms/{self.idle.id}"]


@pytest.fixture
def scene(db_session: Any) -> Scene:
    return Scene()


def page(client: FlaskClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.get_data(as_text=True)


def reads(log: QueryLog) -> list[str]:
    """Without the savepoints of the test itself."""
    return [sql for sql in log if "SAVEPOINT" not in sql]


# --- who may --------------------------------------------------------------------------------------


def test_strangers_are_asked_to_sign_in(client: FlaskClient, scene: Scene) -> None:
    for address in scene.pages():
        answer = client.get(address)
        assert answer.status_code == 302
        assert "sign-in" in answer.location


def test_only_the_clerk_works_on_a_board(client: FlaskClient, scene: Scene) -> None:
    others: list[Actor] = [
        scene.villager,
        scene.employer,
        make_actor(Role.EMPLOYER_STAFF, str(scene.enterprise.id)),
        make_street_officer(),
        make_district_officer(),
        make_actor(Role.SYSTEM_ADMIN, ""),
        make_actor(Role.SECURITY_ADMIN, ""),
        make_actor(Role.AUDIT_ADMIN, ""),
    ]
    for who in others:
        sign_in(client, who)
        for address in scene.pages():
            assert client.get(address).status_code == 403, (who.role, address)


def test_another_village_is_not_there(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.clerk)
    foreign = client.get(f"/board/rooms/{scene.foreign.id}")
    absent = client.get("/board/rooms/987654321")
    assert foreign.status_code == absent.status_code == 404
    for address in ("/board", "/board/print", f"/board?house={scene.foreign.house_id}", "/board?q=邻村"):
        assert "9组9号" not in page(client, address)


def test_odd_questions_get_a_page(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.clerk)
    for query in (
        "from=0001-01-01", "from=x", "from=9999-12-31", "days=0", "days=100000", "days=x", "state=?",
        "group=nobody", "group=-", "house=0", "house=x", "page=0", "page=99", "per_page=0", "per_page=9999",
        "q=%25", "q=%5C", "endpoint=x", "_external=1", "per_page=1&endpoint=x",
    ):  # fmt: skip
        page(client, f"/board?{query}&state=")
        page(client, f"/board/print?{query}")
    for on in ("x", "0001-01-01", "2027-06-01", "2026-01-01"):
        page(client, f"/board/rooms/{scene.idle.id}?on={on}")


# --- what is shown --------------------------------------------------------------------------------


def test_board_shows_each_room_groups_and_sums_of_today(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.clerk)
    body = page(client, "/board")
    for words in (
        "俞水仙", "5组6号", "1/2", "空 1 床", "1 人等着入住", "锁到 11-25 09:00", "换热水器，到 12-01",
        "空 31 天", "记事 1 条", "住着 1 间", "已租待住 1 间", "锁定 1 间", "空闲 1 间", "停用 1 间",
        "未上架 2 间", "5 组", "7 组", "图例",
    ):  # fmt: skip
        assert words in body, words
    assert "王大山" not in body


def test_what_needs_a_hand_is_counted_on_its_group(client: FlaskClient, scene: Scene) -> None:
    scene.present.ends_on = TODAY
    sign_in(client, scene.clerk)
    body = page(client, "/board")
    assert "要办 1" in body
    assert "1 人到期没退房" in body
    add(Hazard(house_id=scene.house.id, severity="minor", what="杂物", found_on=TODAY, due_on=TODAY))
    db.session.commit()
    body = page(client, "/board?state=hazard")
    assert "要办 6" in body
    assert "隐患 1 处" in body
    assert "7组2号" not in body


def test_narrowed_by_group_state_and_text(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.clerk)
    for query, seen, unseen in (
        ("group=7", "7组2号", "5组6号"),
        ("state=idle", "401", "换热水器"),
        ("q=倪关林", "7组2号", "5组6号"),
        (f"q={scene.enterprise.name}", "101", "换热水器"),
    ):
        body = page(client, f"/board?{query}")
        assert seen in body, query
        assert unseen not in body, query
        assert "清掉筛选" in body, query
    assert "没有这样的房间" in page(client, "/board?q=无此人")


def test_an_empty_village_says_how_to_begin(client: FlaskClient) -> None:
    sign_in(client, make_clerk())
    assert "先登记第一户" in page(client, "/board")


@pytest.mark.parametrize("days", [14, 31, 62, 93])
def test_each_zoom_has_a_column_a_day_and_pages_by_it(client: FlaskClient, scene: Scene, days: int) -> None:
    sign_in(client, scene.clerk)
    body = page(client, f"/board?days={days}")
    row = re.search(rf'<tr id="room-{scene.lived_in.id}">(.*?)</tr>', body, re.DOTALL)
    assert row is not None
    assert sum(int(span) for span in re.findall(r'colspan="(\d+)"', row[1])) == days
    later = (TODAY + (days - 3) * DAY).isoformat()
    assert f"from={later}" in body
    assert f"from={(TODAY - (days + 3) * DAY).isoformat()}" in body


def test_one_house_and_seven_days_for_a_phone(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.clerk)
    body = page(client, f"/board?house={scene.other_house.id}&per_page=1")
    assert "倪关林" in body
    assert "5组6号" not in body
    assert "board-week" in body
    assert f"from={(TODAY + 7 * DAY).isoformat()}" in body
    assert "第 2–2 户，共 2 户" in body
    assert "5组6号" in page(client, f"/board?house={scene.other_house.id}&per_page=1&page=1")


def test_more_houses_come_as_rows_alone(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.clerk)
    first = page(client, "/board?per_page=2&days=62&group=")
    assert "hx-get" not in first
    for number in range(3):
        make_room(make_house(make_owner(group_no="9"), address=f"9组{number}号"))
    db.session.commit()
    first = page(client, "/board?per_page=2&days=62")
    more = re.search(r'hx-get="([^"]+)"', first)
    assert more is not None
    address = more[1].replace("&amp;", "&")
    answer = client.get(address, headers={"HX-Request": "true"})
    rows = answer.get_data(as_text=True)
    assert "<html" not in rows
    assert rows.count("<tbody id=") == 2
    assert "hx-get" in rows
    assert "9组0号" in rows
    # Without a script the same address is the next page.
    assert "9组0号" in page(client, address)
    assert "<html" in page(client, address)


def test_paper_has_all_houses_and_no_links(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.clerk)
    body = page(client, "/board/print?days=62")
    assert "page-wide" in body
    assert "5组6号" in body
    assert "7组2号" in body
    assert 'class="bar bar-idle" href' not in body
    assert "周管理 印于 2026-11-23 09:00" in body
    assert "5组6号" not in page(client, "/board/print?group=7")


def test_the_number_of_statements_does_not_grow(
    client: FlaskClient, scene: Scene, query_log: QueryLog
) -> None:
    sign_in(client, scene.clerk)
    page(client, "/board?days=62")
    query_log.clear()
    page(client, "/board?days=62")
    few = reads(query_log)
    assert len([sql for sql in few if "room_claim" in sql]) == 3
    # Beside them: the session with its person and role, and the village's name for the frame.
    assert len(few) == 3 + 2, few
    for number in range(8):
        house = make_house(make_owner(), address=f"8组{number}号")
        for _room in range(5):
            room = make_room(house)
            make_lease(scene.enterprise, [room])
    db.session.commit()
    query_log.clear()
    page(client, "/board?days=93&per_page=100")
    assert len(reads(query_log)) == len(few)
    query_log.clear()
    client.get("/board?days=93&per_page=3&page=2", headers={"HX-Request": "true"})
    assert len([sql for sql in reads(query_log) if "room_claim" in sql]) == 2


# --- what is remembered ---------------------------------------------------------------------------


def test_whoever_comes_back_finds_the_board_as_it_was(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.clerk)
    page(client, "/board?group=5&state=idle&days=62&from=2026-12-01&q=俞")
    room = page(client, f"/board/rooms/{scene.idle.id}")
    back = re.search(r'<a href="(/board\?[^"]+)#room-\d+">房态图</a>', room)
    assert back is not None
    for part in ("group=5", "state=idle", "days=62", "from=2026-12-01", f"house={scene.house.id}"):
        assert part in back[1].replace("&amp;", "&"), part
    answer = client.get("/board")
    assert answer.status_code == 302
    assert "group=5" in answer.location
    assert f"house={scene.house.id}" in client.get(f"/board?house={scene.house.id}").location


def test_a_cleared_filter_stays_cleared(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.clerk)
    page(client, "/board?group=5&days=62")
    page(client, "/board?days=62")
    assert client.get("/board").location == "/board?days=62"
    assert client.get("/board?endpoint=x&_external=1").location == "/board?days=62"


def test_leaving_a_group_and_going_back_to_today_are_not_undone_by_memory(
    client: FlaskClient, scene: Scene
) -> None:
    sign_in(client, scene.clerk)
    body = page(client, "/board?group=5&from=2027-03-01")
    today = re.search(r'href="([^"]+)">回到今天', body)
    tile = re.search(r'<a class="tile" href="([^"]+)" aria-current', body)
    assert today is not None
    assert tile is not None
    assert "今" in page(client, today[1].replace("&amp;", "&"))
    assert "7组2号" in page(client, tile[1].replace("&amp;", "&"))
    assert client.get("/board").location == "/board?from=2027-03-01"


def test_a_phone_comes_back_to_its_house_and_begins_with_the_list(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.clerk)
    page(client, f"/board?group=5&house={scene.house.id}&per_page=1")
    assert "per_page=1" in page(client, f"/board/rooms/{scene.idle.id}")
    assert client.get("/board").location == "/board?group=5"


def test_nobody_else_gets_what_was_asked_for(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.clerk)
    page(client, "/board?q=俞水仙")
    sign_in(client, make_clerk())
    assert client.get("/board").status_code == 200


# --- one room -------------------------------------------------------------------------------------


def test_a_room_shows_its_beds_by_surname_and_what_can_be_done(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.clerk)
    body = page(client, f"/board/rooms/{scene.lived_in.id}")
    assert "王**" in body
    assert "王大山" not in body
    for address in ("move", "check-out"):
        assert f"/stays/{scene.present.id}/{address}" in body
    assert "2 号床" in body
    assert "/leases/" in body
    body = page(client, f"/board/rooms/{scene.planned.id}")
    assert f"/stays/{scene.expected.id}/cancel" in body
    assert "/stays/check-in?lease=" in body


def test_a_room_offers_what_its_state_allows(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.clerk)
    for room, there, not_there in (
        (scene.idle, f"/rooms/{scene.idle.id}/close", "恢复出租"),
        (scene.idle, "村里不替企业锁房", "看租约"),
        (scene.closed, f"/closings/{scene.closing.id}/reopen", "停用这间房"),
        (scene.held, f"/holds/{scene.hold.id}/answers/{scene.owner.id}", "停用这间房"),
        (scene.unlisted, "去上架", "看租约"),
    ):
        body = page(client, f"/board/rooms/{room.id}")
        assert there in body, room.label
        assert not_there not in body, room.label


def test_a_room_on_a_later_day_shows_that_day(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.clerk)
    after = (scene.closing.ends_on).isoformat()
    body = page(client, f"/board/rooms/{scene.closed.id}?on={after}")
    assert f"/rooms/{scene.closed.id}/close?from={after}" in body
    assert "看今天" in body


def test_who_has_not_left_is_in_the_room_whatever_the_day(client: FlaskClient, scene: Scene) -> None:
    db.session.get_one(Stay, scene.present.id).ends_on = TODAY - DAY
    sign_in(client, scene.clerk)
    body = page(client, f"/board/rooms/{scene.lived_in.id}?on=2027-03-01")
    assert "到期没办退房" in body
    assert f"/stays/{scene.present.id}/check-out" in body


def test_notes_are_read_on_the_room(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.clerk)
    body = page(client, f"/board/rooms/{scene.idle.id}")
    assert "钥匙在儿子家" in body
    assert f"/room-notes/{scene.note.id}/remove" in body
    assert "周管理" in body


def test_the_board_speaks_english_when_asked_to(client: FlaskClient, scene: Scene) -> None:
    scene.present.ends_on = TODAY
    add(Hazard(house_id=scene.house.id, severity="minor", what="杂物", found_on=TODAY, due_on=TODAY))
    sign_in(client, scene.clerk)
    client.set_cookie("locale", "en")
    data = {
        "俞水仙",
        "倪关林",
        "组",
        "号",
        "周管理",
        "同一村",
        "中文",
        "换热水器",
        "海川精密",
        "有限公司",
        "钥匙在儿子家",
        "王",
        "赵",
    }
    for address in (
        "/board",
        f"/board?house={scene.house.id}&per_page=1",
        "/board?q=nobody",
        "/board/print",
        *(f"/board/rooms/{room.id}" for room in (scene.lived_in, scene.planned, scene.held, scene.idle)),
        f"/rooms/close?room={scene.idle.id}&room={scene.unlisted.id}",
        f"/closings/reopen?room={scene.closed.id}",
        f"/rooms/{scene.idle.id}/notes/new",
    ):
        body = re.sub(r"<[^>]*>", " ", page(client, address).split("<main", 1)[1])
        assert set(re.findall(r"[\u4e00-\u9fff]+", body)) <= data, address
