"""Closing and opening rooms on the board: many at once, all or nothing, with a way back."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from qiantang_nest.core.db import db
from qiantang_nest.housing.models import Room
from qiantang_nest.occupancy.models import RoomClaim
from tests.conftest import sign_in
from tests.factories import (
    NEIGHBOUR_VILLAGE,
    TODAY,
    make_claim,
    make_clerk,
    make_employer,
    make_house,
    make_owner,
    make_room,
    make_street_officer,
    make_villager,
)
from tests.forms import submit

pytestmark = pytest.mark.usefixtures("db_session", "at_now")

DAY = timedelta(days=1)
WEEK = {"kind": "festival", "note": "", "starts_on": "2026-11-23", "last_day": "2026-11-29"}


@pytest.fixture
def rooms(db_session: Any) -> list[Room]:
    return [make_room(make_house(address=f"3组{number}号"), label="201") for number in range(1, 4)]


def claims(state: str = "closed") -> list[RoomClaim]:
    db.session.expire_all()
    return list(db.session.scalars(select(RoomClaim).where(RoomClaim.state == state).order_by(RoomClaim.id)))


def ids(rooms: list[Room]) -> list[int]:
    return [room.id for room in rooms]


def query(rooms: list[Room]) -> str:
    return "&".join(f"room={room.id}" for room in rooms)


def test_strangers_and_others_may_not(client: FlaskClient, rooms: list[Room]) -> None:
    db.session.commit()
    for path in ("/rooms/close", "/closings/reopen"):
        assert "sign-in" in client.get(f"{path}?{query(rooms)}").location
        assert "sign-in" in submit(client, path, room=ids(rooms)).location
    for who in (make_employer()[0], make_street_officer()):
        sign_in(client, who)
        for path in ("/rooms/close", "/closings/reopen"):
            assert client.get(f"{path}?{query(rooms)}").status_code == 403
            assert submit(client, path, room=ids(rooms), **WEEK).status_code == 403
    assert claims() == []


def test_another_villages_room_among_them_is_not_found(client: FlaskClient, rooms: list[Room]) -> None:
    foreign = make_room(make_house(make_owner(NEIGHBOUR_VILLAGE)))
    closing = make_claim(foreign, TODAY, TODAY + 9 * DAY, "closed", reason="维修")
    sign_in(client, make_clerk())
    for mixed in ([*rooms, foreign], [foreign]):
        assert client.get(f"/rooms/close?{query(mixed)}").status_code == 404
        assert submit(client, "/rooms/close", room=ids(mixed), **WEEK).status_code == 404
        assert client.get(f"/closings/reopen?{query(mixed)}").status_code == 404
    assert submit(client, "/closings/reopen", claim=[closing.id]).status_code == 404
    assert claims() == [closing]


@pytest.mark.parametrize("path", ["/rooms/close", "/closings/reopen"])
def test_none_and_too_many_lead_back_with_a_word(client: FlaskClient, path: str) -> None:
    sign_in(client, make_clerk())
    for wanted, sentence in (
        ("", "还没有选房间"),
        ("&".join(f"room={n}" for n in range(101)), "一次最多选 100 间"),
    ):
        answer = client.get(f"{path}?{wanted}")
        assert answer.status_code == 303
        assert answer.location == "/board"
        assert sentence in client.get("/board").get_data(as_text=True)


def test_rooms_ticked_on_the_board_are_closed_together(client: FlaskClient, rooms: list[Room]) -> None:
    sign_in(client, make_clerk())
    body = client.get(f"/rooms/close?{query(rooms)}&from=2026-12-01").get_data(as_text=True)
    assert "停用 3 间房" in body
    assert body.count('name="room"') == 3
    assert 'value="2026-12-01"' in body
    assert 'value="2026-12-07"' in body
    answer = submit(client, "/rooms/close", room=ids(rooms), **WEEK)
    assert answer.status_code == 303
    assert {claim.room_id for claim in claims()} == set(ids(rooms))
    assert {(claim.reason, claim.ends_on) for claim in claims()} == {("过节", TODAY + 7 * DAY)}
    board = client.get(answer.location).get_data(as_text=True)
    assert "停用了 3 间" in board
    assert "过节，到 11-29" in board


def test_a_room_in_the_way_is_named_and_marked_and_none_is_closed(
    client: FlaskClient, rooms: list[Room]
) -> None:
    make_claim(rooms[1], TODAY + 2 * DAY, TODAY + 90 * DAY)
    sign_in(client, make_clerk())
    answer = submit(client, "/rooms/close", room=ids(rooms), **WEEK)
    body = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "3组2号 201 在 2026-11-25 到 2027-02-20 已经租出去了" in body
    assert "什么都没有改动" in body
    assert body.count("这几天有人占着") == 1
    assert claims() == []
    without = submit(client, f"/rooms/close?{query(rooms)}", room=ids([rooms[0], rooms[2]]), **WEEK)
    assert without.status_code == 303
    assert len(claims()) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"kind": ""},
        {"kind": "party"},
        {"kind": "other"},
        {"note": "长" * 37},
        {"last_day": "2026-11-22"},
        {"starts_on": "2026-11-22"},
        {"starts_on": "x"},
        {"last_day": "2040-01-01"},
    ],
)
def test_odd_answers_are_refused_at_the_field(
    client: FlaskClient, rooms: list[Room], change: dict[str, str]
) -> None:
    sign_in(client, make_clerk())
    answer = submit(client, "/rooms/close", room=ids(rooms), **{**WEEK, **change})
    assert answer.status_code == 422
    assert "error-summary" in answer.get_data(as_text=True)
    assert claims() == []


def test_a_closing_is_undone_from_the_board_once(client: FlaskClient, rooms: list[Room]) -> None:
    sign_in(client, make_clerk())
    board = client.get(submit(client, "/rooms/close", room=ids(rooms), **WEEK).location).get_data(
        as_text=True
    )
    assert "撤销刚才的停用（3 间）" in board
    offered = [int(one) for one in re.findall(r'name="claim" value="(\d+)"', board)]
    assert offered == [claim.id for claim in claims()]
    assert "撤销刚才的停用" not in client.get("/board").get_data(as_text=True)
    assert submit(client, "/closings/reopen", claim=offered).status_code == 303
    assert claims() == []
    assert submit(client, "/closings/reopen", claim=offered).status_code == 404


def test_ticked_rooms_are_opened_again(client: FlaskClient, rooms: list[Room]) -> None:
    running = make_claim(rooms[0], TODAY - 9 * DAY, TODAY + 9 * DAY, "closed", reason="维修")
    coming = make_claim(rooms[1], TODAY + 9 * DAY, TODAY + 19 * DAY, "closed", reason="过节")
    sign_in(client, make_clerk())
    page = client.get(f"/closings/reopen?{query(rooms)}").get_data(as_text=True)
    assert "2 次停用都恢复出租？" in page
    assert "维修" in page
    answer = submit(client, "/closings/reopen", claim=[running.id, coming.id])
    assert answer.status_code == 303
    db.session.expire_all()
    assert (running.state, running.ends_on) == ("closed", TODAY)
    assert coming.state == "released"
    answer = client.get(f"/closings/reopen?{query(rooms)}")
    assert answer.status_code == 303
    assert "现在都没有停用" in client.get(answer.location).get_data(as_text=True)


def test_one_that_is_open_already_keeps_the_others_closed(client: FlaskClient, rooms: list[Room]) -> None:
    closed = make_claim(rooms[0], TODAY, TODAY + 9 * DAY, "closed", reason="维修")
    over = make_claim(rooms[1], TODAY - 9 * DAY, TODAY, "closed", reason="维修")
    sign_in(client, make_clerk())
    assert submit(client, "/closings/reopen", claim=[closed.id, over.id]).status_code == 404
    assert submit(client, "/closings/reopen").status_code == 303
    assert len(claims()) == 2


def test_a_household_closes_its_own_rooms_and_is_offered_no_board(client: FlaskClient) -> None:
    villager, owner = make_villager()
    room, other = make_room(make_house(owner)), make_room()
    sign_in(client, villager)
    assert submit(client, "/rooms/close", room=[room.id, other.id], **WEEK).status_code == 404
    answer = submit(client, "/rooms/close", room=[room.id], **WEEK)
    assert (answer.status_code, answer.location) == (303, "/my-rooms")
    assert [claim.room_id for claim in claims()] == [room.id]
