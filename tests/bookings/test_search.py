"""Finding rooms: what is shown, to whom, from where, and how many statements it takes."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from qiantang_nest.core import clock
from qiantang_nest.core.db import db
from tests import factories
from tests.conftest import QueryLog, sign_in
from tests.factories import NEIGHBOUR_VILLAGE, NOW, TODAY, VILLAGE

DATES = {"starts_on": "2026-12-01", "last_on": "2027-05-31"}


@pytest.fixture(autouse=True)
def _today(db_session: Any) -> Any:
    with clock.frozen_at(NOW):
        yield


def page(client: FlaskClient, status: int = 200, **values: Any) -> str:
    answer = client.get("/rooms", query_string={**DATES, **values})
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def listed(village: str = VILLAGE, *, rent_fen: int = 60_000, **room: Any) -> Any:
    house = factories.make_house(factories.make_owner(village), **room.pop("house", {}))
    return factories.make_listing(factories.make_room(house, **room), rent_fen=rent_fen)


def test_a_reach_that_nobody_typed_is_shown_and_can_be_widened(client: FlaskClient) -> None:
    listed(house={"lat": 30.2, "lon": 120.7})
    db.session.commit()
    near = {"place": "下沙西站"}
    assert re.search(r'name="within"[^>]*value="10"', page(client, **near))
    assert "这么近没有村" in page(client, **near, unit="walk")
    assert re.search(r'name="within"[^>]*value="60"', page(client, **near, within="60"))


def test_anybody_sees_free_rooms_without_owner_and_door(client: FlaskClient) -> None:
    listing = listed()
    db.session.commit()
    shown = page(client)
    room = listing.room
    assert room.label in shown
    assert "同一村" in shown
    assert room.house.owner.name not in shown
    assert room.house.address not in shown
    assert 'name="pick"' not in shown


def test_taken_rooms_and_houses_off_the_market_are_not_shown(client: FlaskClient) -> None:
    free = listed(label="自由")
    held = listed(label="锁着")
    expired = listed(label="过期")
    listed(label="危房", house={"dangerous_since": TODAY})
    listed(label="没查", house={"safe_until": TODAY})
    starts, ends = TODAY + timedelta(days=8), TODAY + timedelta(days=190)
    factories.make_claim(held.room, starts, ends, "held", held_until=NOW + timedelta(hours=1))
    factories.make_claim(expired.room, starts, ends, "held", held_until=NOW)
    db.session.commit()
    shown = page(client)
    assert "自由" in shown
    assert "过期" in shown, "an expired hold frees its room though nothing has swept it"
    assert "锁着" not in shown
    assert "危房" not in shown
    assert "没查" not in shown
    assert free.room.label in shown


def test_an_earlier_lease_beside_an_expired_hold_still_counts(client: FlaskClient) -> None:
    """The expired hold is the last to start before the wanted end, the lease before it still reaches in."""
    listing = listed(label="还租着")
    factories.make_claim(listing.room, TODAY, TODAY + timedelta(days=30))
    factories.make_claim(
        listing.room, TODAY + timedelta(days=60), TODAY + timedelta(days=90), "held", held_until=NOW
    )
    db.session.commit()
    assert "还租着" not in page(client)


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        ({}, {"近", "远", "小", "贵"}),
        ({"area": NEIGHBOUR_VILLAGE}, {"远"}),
        ({"area": VILLAGE[:9]}, {"近", "远", "小", "贵"}),
        ({"village": [NEIGHBOUR_VILLAGE]}, {"远"}),
        ({"beds": "2"}, {"近", "远", "贵"}),
        ({"max_rent": "700"}, {"近", "远", "小"}),
        ({"features": ["wifi"]}, {"贵"}),
        ({"place": "30.301, 120.462", "within": "1"}, {"近", "小", "贵"}),
        ({"place": "同一村", "within": "4", "unit": "ebike"}, {"近", "小", "贵"}),
        ({"place": "同一", "within": "30", "unit": "ebike"}, {"近", "远", "小", "贵"}),
    ],
)
def test_filters(client: FlaskClient, values: dict[str, Any], seen: set[str]) -> None:
    listed(label="近")
    listed(NEIGHBOUR_VILLAGE, label="远", house={"lat": 30.331, "lon": 120.462})
    listed(label="小", beds=1)
    listed(label="贵", rent_fen=90_000, features=["wifi"])
    db.session.commit()
    shown = page(client, **values)
    assert {label for label in ("近", "远", "小", "贵") if f"{label} 房" in shown} == seen


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"starts_on": "2026-13-01"}, "不是一个日期"),
        ({"starts_on": "2026-11-01"}, "已经过去"),
        ({"last_on": "2026-11-30"}, "早于"),
        ({"within": "三百"}, "不是整数"),
        ({"within": "500"}, "1 到 120"),
        ({"max_rent": "三百二"}, "三百二"),
        ({"beds": "0"}, "1 到 20"),
        ({"place": "火星基地"}, "没有找到“火星基地”"),
        ({"area": "999"}, "area"),
    ],
)
def test_odd_filters_are_named_at_their_field(
    client: FlaskClient, values: dict[str, str], sentence: str
) -> None:
    factories.make_village()
    db.session.commit()
    shown = page(client, 422, **values)
    assert sentence in shown
    for typed in values.values():
        assert typed in shown or values == {"area": "999"}


def test_employers_count_from_their_gate_and_keep_what_they_ticked(client: FlaskClient) -> None:
    first, second = listed(label="甲房"), listed(label="乙房")
    actor, enterprise = factories.make_employer()
    factories.make_worksite(enterprise, name="江东北门")
    db.session.commit()
    sign_in(client, actor)
    shown = page(client)
    assert "江东北门" in shown
    assert 'name="pick"' in shown
    both = f"{first.room_id}.{second.room_id}"
    carried = page(client, pick=str(second.room_id), shown=both, picked="", page="2")
    assert f'name="picked" value="{second.room_id}"' in carried
    unticked = page(client, shown=both, picked=both)
    assert 'name="picked" value=""' in unticked


def test_other_worksites_are_not_to_be_had(client: FlaskClient) -> None:
    _other, theirs = factories.make_employer()
    site = factories.make_worksite(theirs, name="别人的厂")
    actor, _mine = factories.make_employer()
    db.session.commit()
    sign_in(client, actor)
    assert "别人的厂" not in page(client, 422, worksite=str(site.id))


def test_paging_and_counts(client: FlaskClient, query_log: QueryLog) -> None:
    for _house in range(5):
        house = factories.make_house(factories.make_owner())
        for _room in range(5):
            factories.make_listing(factories.make_room(house))
    db.session.commit()
    page(client)  # once, so that nothing is measured that only the first request does
    query_log.clear()
    shown = page(client)
    assert "25 间，50 张床" in shown
    assert shown.count("/rooms/") >= 20
    assert len([line for line in query_log if line.startswith("SELECT")]) <= 10
    assert "再看 20 间" in shown
    assert "再看 20 间" not in page(client, page="2")


def test_empty_search_says_what_to_do(client: FlaskClient) -> None:
    factories.make_village()
    db.session.commit()
    assert "没有找到合适的空房" in page(client)


def test_one_room(client: FlaskClient) -> None:
    listing = listed(features=["wifi"])
    factories.make_claim(listing.room, TODAY, TODAY + timedelta(days=30))
    db.session.commit()
    answer = client.get(f"/rooms/free/{listing.room_id}")
    shown = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "宽带" in shown
    assert "2026-12-22" in shown
    assert listing.room.house.owner.name not in shown
    assert listing.room.house.address not in shown


def test_a_room_off_the_market_is_not_found(client: FlaskClient) -> None:
    withdrawn = listed()
    withdrawn.state = "withdrawn"
    db.session.commit()
    assert client.get(f"/rooms/free/{withdrawn.room_id}").status_code == 404
    assert client.get("/rooms/free/99999999").status_code == 404


def test_villages_without_free_rooms_are_passed_over_and_counted(client: FlaskClient) -> None:
    factories.make_village(NEIGHBOUR_VILLAGE, lat=30.3253, lon=120.4895)
    factories.make_listing(factories.make_room(factories.make_house(factories.make_owner(VILLAGE))))
    db.session.commit()
    page = client.get("/rooms").text
    assert '<span class="title">同一村</span>' in page
    assert '<span class="title">同二村</span>' not in page
    assert "另有 1 个村没有合适的空房" in page


def test_an_odd_place_among_the_villages_is_the_beginning(client: FlaskClient) -> None:
    factories.make_village()
    db.session.commit()
    for odd in ("-1", "abc", "9" * 30):
        assert client.get("/rooms", query_string={"vfrom": odd}).status_code == 200
