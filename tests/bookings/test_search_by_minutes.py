"""«Within 15 minutes by e-bike of gate 2»: which rooms, in which order, said how, and refused how."""

import re
from datetime import date, timedelta
from html import unescape
from random import Random
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from qiantang_nest.bookings.models import Demand, HoldRoom
from qiantang_nest.bookings.queries.commute import minutes_of_houses
from qiantang_nest.bookings.queries.planning import question_of, rooms_for
from qiantang_nest.bookings.queries.rooms import count_by_village, find_rooms
from qiantang_nest.bookings.rules import Area, Wants, area_within
from qiantang_nest.core.db import db
from qiantang_nest.enterprises.models import Enterprise, RoutedMinutes, Worksite
from qiantang_nest.enterprises.queries import way_to_work
from qiantang_nest.geography.models import CommuteSetting, Village
from qiantang_nest.geography.rules import DEFAULT_COMMUTE, LatLon, TravelMode
from qiantang_nest.housing.models import Room
from tests import factories
from tests.conftest import QueryLog, sign_in
from tests.factories import NEIGHBOUR_VILLAGE, NOW, OTHER_STREET_VILLAGE, TODAY, VILLAGE
from tests.forms import submit

pytestmark = pytest.mark.usefixtures("at_now")

DATES = {"starts_on": "2026-12-01", "last_on": "2027-05-31"}
DAYS = {"starts_on": TODAY, "ends_on": TODAY + timedelta(days=180), "now": NOW}
GATE = LatLon(30.30, 120.46)
LABELS = ("甲", "乙", "丙", "丁", "戊")


def away(metres: float, lon: float = GATE.lon) -> dict[str, Any]:
    """So many metres north of the gate, pinned."""
    return {"lat": GATE.lat + metres / 111_200, "lon": lon, "geo_precision": "house"}


def listed(label: str, village: str = VILLAGE, **house: Any) -> Any:
    found = factories.make_house(factories.make_owner(village), **house)
    return factories.make_listing(factories.make_room(found, label=label))


@pytest.fixture
def employer(client: FlaskClient) -> Enterprise:
    """Signed in, with two gates; the second, far away, is the one to search from."""
    actor, enterprise = factories.make_employer()
    factories.make_worksite(enterprise, name="一号门", lat=30.35, lon=120.6)
    sign_in(client, actor)
    return enterprise


@pytest.fixture
def gate(employer: Enterprise) -> Worksite:
    place(factories.make_village(VILLAGE), 0)
    return factories.make_worksite(employer, name="二号门", lat=GATE.lat, lon=GATE.lon)


def place(village: Village, metres: float) -> Village:
    village.lat, village.lon = GATE.lat + metres / 111_200, GATE.lon
    return village


def page(client: FlaskClient, status: int = 200, **values: Any) -> str:
    db.session.commit()
    answer = client.get("/rooms", query_string={**DATES, **values})
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def found(shown: str) -> list[str]:
    """Labels of the rooms listed, in their order."""
    return re.findall(r"([甲乙丙丁戊]) 房</a>", shown)


def minutes_said(shown: str) -> list[int]:
    """The minutes on the cards, in their order."""
    return [int(one) for one in re.findall(r"<b>[^<\d]+(\d+) 分钟", shown)]


# --- what is found ----------------------------------------------------------------------------------------


def test_within_15_minutes_by_e_bike_of_gate_2(client: FlaskClient, gate: Worksite) -> None:
    listed("乙", **away(2000))
    listed("丁", **away(2890))
    listed("甲", **away(500))
    listed("丙", **away(2884))
    shown = page(client, worksite=str(gate.id), within="15", unit="ebike")
    assert found(shown) == ["甲", "乙", "丙"], "2,884.6 m straight are 15 minutes"
    assert minutes_said(shown) == [3, 11, 15]
    assert "到二号门 15 分钟以内的村" in shown
    assert "空房，路上时间短的在前" in shown
    assert "电动车 15 分钟以内" in shown, "the ring on the map is explained"
    assert shown.count('class="reach" cx') == 2 + 1, "one on each map, one in the legend"
    assert "×1.3、每小时 15 公里" in shown
    assert found(page(client, worksite=str(gate.id), within="16", unit="ebike")) == ["甲", "乙", "丙", "丁"]


def test_on_foot_it_is_further(client: FlaskClient, gate: Worksite) -> None:
    listed("甲", **away(900))
    listed("乙", **away(1000))
    shown = page(client, worksite=str(gate.id), within="15", unit="walk")
    assert found(shown) == ["甲"]
    assert "走路 15 分钟" in shown


def test_by_shuttle_one_walks_to_a_stop_and_rides(client: FlaskClient, gate: Worksite) -> None:
    place(factories.make_village(VILLAGE), 6000)
    factories.make_stop(gate, name="西站", lat=away(8000)["lat"], lon=GATE.lon, ride_minutes=6)
    factories.make_stop(gate, name="东站", lat=away(4000)["lat"], lon=GATE.lon, ride_minutes=9)
    factories.make_stop(gate, name="远站", lat=away(0)["lat"], lon=GATE.lon, ride_minutes=16)
    listed("丁", **away(8000 + 600))
    listed("甲", **away(8000 + 100))
    listed("丙", **away(8000 + 500))
    listed("乙", **away(4000 + 60))
    listed("戊", **away(0))
    shown = page(client, worksite=str(gate.id), within="15", unit="shuttle")
    assert found(shown) == ["甲", "乙", "丙"], "gate itself is no stop, and 16 minutes of riding are too many"
    assert minutes_said(shown) == [8, 10, 15]
    assert "班车 8 分钟，在西站上车" in shown
    assert "班车 10 分钟，在东站上车" in shown
    assert shown.count('class="reach" cx') == 2 * 2 + 1
    assert "班车站点西站" in shown
    assert "远站" not in shown
    assert "走到站点再坐车，15 分钟以内" in shown


def test_villages_are_in_the_order_of_their_minutes(client: FlaskClient, gate: Worksite) -> None:
    place(factories.make_village(VILLAGE), 1500)
    far = place(factories.make_village(NEIGHBOUR_VILLAGE), 5000)
    factories.make_stop(gate, name="同二村口", lat=far.lat, lon=far.lon, ride_minutes=5)
    listed("甲", VILLAGE, **away(1500))
    listed("乙", NEIGHBOUR_VILLAGE, **away(5000))
    titles = re.compile(r'<span class="title">(同.村)</span>')
    by_bike = page(client, worksite=str(gate.id), within="60", unit="ebike")
    assert titles.findall(by_bike) == ["同一村", "同二村"]
    assert found(by_bike) == ["甲", "乙"]
    by_shuttle = page(client, worksite=str(gate.id), within="70", unit="shuttle")
    assert titles.findall(by_shuttle) == ["同二村", "同一村"]
    assert found(by_shuttle) == ["乙", "甲"]


def test_a_village_further_than_its_nearest_houses_says_so(client: FlaskClient, gate: Worksite) -> None:
    village = place(factories.make_village(VILLAGE), 3500)
    listed("甲", **away(2000))
    listed("乙", lat=village.lat, lon=village.lon)
    shown = page(client, worksite=str(gate.id), within="15", unit="ebike")
    assert found(shown) == ["甲"]
    assert "近的房在 15 分钟以内" in shown
    assert "1 间，2 张床" in shown


def test_the_figures_of_the_district_count(client: FlaskClient, gate: Worksite) -> None:
    listed("甲", **away(2790))
    figures = {"detour": 1.5, "walk_kmh": 4, "ebike_kmh": 12, "shuttle_kmh": 25}
    factories.add(CommuteSetting(**figures, basis="实测", effective_on=TODAY))
    assert found(page(client, worksite=str(gate.id), within="15", unit="ebike")) == []
    shown = page(client, worksite=str(gate.id), within="21", unit="ebike")
    assert minutes_said(shown) == [21]
    assert "×1.5、每小时 12 公里" in shown


def test_figures_to_come_count_for_who_moves_in_when_they_do(client: FlaskClient, gate: Worksite) -> None:
    listed("甲", **away(2790))
    first = TODAY + timedelta(days=30)
    slower = {"detour": 1.5, "walk_kmh": 4, "ebike_kmh": 12, "shuttle_kmh": 25}
    factories.add(CommuteSetting(**slower, basis="实测", effective_on=first))
    asked = {"worksite": str(gate.id), "within": "30", "unit": "ebike"}
    before, then = first - timedelta(days=1), first + timedelta(days=90)
    assert minutes_said(page(client, **asked, starts_on=str(before), last_on=str(then))) == [15]
    assert minutes_said(page(client, **asked, starts_on=str(first), last_on=str(then))) == [21]


def test_what_a_routing_service_told_counts_for_houses_without_a_pin(
    client: FlaskClient, gate: Worksite
) -> None:
    near = place(factories.make_village(VILLAGE), 1000)
    far = place(factories.make_village(NEIGHBOUR_VILLAGE), 5000)
    for village, minutes in ((near, 31), (far, 12)):
        told(gate, village, minutes)
    listed("甲", VILLAGE, lat=near.lat, lon=near.lon)
    listed("乙", NEIGHBOUR_VILLAGE, lat=far.lat, lon=far.lon)
    listed("丙", VILLAGE, **away(1000))
    listed("丁", NEIGHBOUR_VILLAGE, **away(5000))
    shown = page(client, worksite=str(gate.id), within="15", unit="ebike")
    assert found(shown) == ["丙", "乙"]
    assert minutes_said(shown) == [6, 12]
    assert "问过道路的村按道路的分钟算" in shown
    by_distance = page(client, worksite=str(gate.id))
    assert "电动车 31 分钟" in by_distance, "minutes beside kilometres are those of the road as well"


def told(gate: Worksite, village: Any, minutes: int, **fields: Any) -> None:
    factories.add(
        RoutedMinutes(
            worksite_id=gate.id,
            village_code=village.code,
            minutes=minutes,
            village_lat=village.lat,
            village_lon=village.lon,
            told_at=NOW,
            **{"mode": "ebike", **fields},
        )
    )


# --- what the index finds is what is said -----------------------------------------------------------------


@pytest.mark.parametrize("with_routes", [False, True], ids=["straight", "routed"])
@pytest.mark.parametrize("mode", list(TravelMode))
def test_the_index_finds_exactly_the_houses_whose_minutes_are_as_few(
    db_session: Any, mode: TravelMode, with_routes: bool
) -> None:
    rng = Random(f"{mode}{with_routes}")
    codes = (VILLAGE, NEIGHBOUR_VILLAGE, OTHER_STREET_VILLAGE)
    villages = [factories.make_village(code, **anywhere(rng)) for code in codes]
    site = factories.make_worksite(factories.make_enterprise(), lat=GATE.lat, lon=GATE.lon)
    stops = [factories.make_stop(site, ride_minutes=rng.randint(1, 15), **anywhere(rng)) for _ in range(4)]
    for village in villages[:2] if with_routes else []:
        told(site, village, rng.randint(5, 30))
        told(site, village, rng.randint(5, 30), mode="walk")
        for stop in stops[:3]:
            told(site, village, rng.randint(1, 20), mode="walk", stop_id=stop.id)
    owners = {village.code: factories.make_owner(village.code) for village in villages}
    houses = []
    for _house in range(60):
        village = rng.choice(villages)
        place = anywhere(rng) | {"geo_precision": "house"} if rng.random() < 0.6 else standing_in(village)
        house = factories.make_house(owners[village.code], **place)
        factories.make_listing(factories.make_room(house))
        houses.append(house)
    way = way_to_work(site, mode, DEFAULT_COMMUTE)
    minutes = minutes_of_houses(way, [house.id for house in houses])
    assert len(minutes) == 60
    seen = 0
    for most in (5, 10, 15, 20, 30, 45, 120):
        area = area_within(way, most)
        rooms = find_rooms(area, Wants(), limit=100, **DAYS)
        of_rooms = [minutes_at(way, room) for room in rooms]
        within = sorted(one for one in minutes.values() if one <= most)
        assert of_rooms == within, "each house once, the fewest minutes first"
        counts = count_by_village(codes, area, Wants(), **DAYS)
        assert sum(count.rooms for count in counts.values()) == len(within)
        in_one = find_rooms(area_within(way, most, (VILLAGE,)), Wants(), limit=100, **DAYS)
        assert [room.id for room in in_one] == [room.id for room in rooms if room.village_code == VILLAGE]
        page_two = find_rooms(area, Wants(), limit=5, offset=5, **DAYS)
        assert [room.id for room in page_two] == [room.id for room in rooms[5:10]]
        seen += len(within)
    assert seen


def anywhere(rng: Random) -> dict[str, float]:
    return {
        "lat": GATE.lat + rng.uniform(-3000, 3000) / 111_200,
        "lon": GATE.lon + rng.uniform(-3000, 3000) / 96_000,
    }


def standing_in(village: Any) -> dict[str, float]:
    return {"lat": village.lat, "lon": village.lon}


def minutes_at(way: Any, room: Any) -> int:
    taken = way.from_house(room.village_code, room.place, pinned=room.pinned)
    assert taken is not None
    return int(taken.minutes)


@pytest.mark.parametrize("mode", list(TravelMode))
def test_plans_and_the_search_give_the_same_houses_the_same_minutes(
    client: FlaskClient, employer: Enterprise, gate: Worksite, mode: TravelMode
) -> None:
    """Pinned and not, by the straight line and by the road, in the village told of and in the other."""
    near = place(factories.make_village(VILLAGE), 400)
    far = place(factories.make_village(NEIGHBOUR_VILLAGE), 9000)
    stop = factories.make_stop(gate, name="西站", lat=far.lat, lon=far.lon, ride_minutes=7)
    told(gate, far, 12)
    told(gate, far, 14, mode="walk")
    told(gate, far, 3, mode="walk", stop_id=stop.id)
    listed("甲", VILLAGE, **away(700))
    listed("乙", VILLAGE, lat=near.lat, lon=near.lon)
    listed("丙", NEIGHBOUR_VILLAGE, **away(9300))
    listed("丁", NEIGHBOUR_VILLAGE, lat=far.lat, lon=far.lon)
    listed("戊", NEIGHBOUR_VILLAGE, **away(30_000))
    starts_on, ends_on = date.fromisoformat(DATES["starts_on"]), date.fromisoformat("2027-06-01")
    for most in (6, 12, 14, 120):
        demand = factories.add(
            Demand(
                enterprise_id=employer.id,
                worksite_id=gate.id,
                travel_mode=mode.value,
                max_minutes=most,
                day_men=2,
                starts_on=starts_on,
                ends_on=ends_on,
            )
        )
        db.session.refresh(demand)
        offered, _more = rooms_for(question_of(demand), NOW)
        planned = [(labels()[one.room.room_id], one.room.minutes) for one in offered]
        values = {"worksite": str(gate.id), "within": str(most), "unit": mode.value}
        if mode is TravelMode.SHUTTLE and most < 7:
            assert planned == []
            continue
        shown = page(client, **values)
        assert list(zip(found(shown), minutes_said(shown), strict=True)) == planned
    assert len(planned) >= 2


def labels() -> dict[int, str]:
    return {room.id: room.label for room in db.session.scalars(select(Room))}


def test_one_circle_round_the_gate_is_left_to_the_index_alone(db_session: Any) -> None:
    site = factories.make_worksite(factories.make_enterprise(), lat=GATE.lat, lon=GATE.lon)
    by_bike = area_within(way_to_work(site, TravelMode.EBIKE, DEFAULT_COMMUTE), 15)
    assert by_bike == Area(GATE, reach_m=pytest.approx(2884.6, abs=0.1))
    factories.make_stop(site)
    by_shuttle = area_within(way_to_work(site, TravelMode.SHUTTLE, DEFAULT_COMMUTE), 15)
    assert by_shuttle.reach_m is None
    assert by_shuttle.within


# --- how it is asked --------------------------------------------------------------------------------------


def test_how_many_statements_does_not_depend_on_stops(
    client: FlaskClient, gate: Worksite, query_log: QueryLog
) -> None:
    for label in LABELS:
        listed(label, **away(100))
    worksite = str(gate.id)
    db.session.commit()

    def statements(unit: str) -> int:
        query_log.clear()
        page(client, worksite=worksite, within="15", unit=unit)
        return len([line for line in query_log if line.startswith("SELECT")])

    page(client, worksite=worksite)  # once, so that nothing is counted that only the first request does
    by_distance = statements("km")
    assert statements("ebike") == by_distance
    factories.make_stop(gate, lat=GATE.lat, lon=GATE.lon)
    one = statements("shuttle")
    assert one == by_distance + 1
    for _stop in range(5):
        factories.make_stop(gate, lat=GATE.lat, lon=GATE.lon)
    assert statements("shuttle") == one


def test_a_limit_in_minutes_that_nobody_typed_is_shown(client: FlaskClient, gate: Worksite) -> None:
    listed("甲", **away(5700))
    shown = page(client, worksite=str(gate.id), unit="ebike")
    assert re.search(r'name="within"[^>]*value="30"', shown)
    assert found(shown) == ["甲"]
    assert minutes_said(shown) == [30]
    of_village = page(client, worksite=str(gate.id), unit="ebike", area=VILLAGE)
    assert re.search(r'name="within"[^>]*value="30"', of_village)


def test_filters_stay(client: FlaskClient, gate: Worksite) -> None:
    listed("甲", **away(500))
    shown = page(
        client, worksite=str(gate.id), within="15", unit="ebike", beds="2", max_rent="700", area=VILLAGE
    )
    kept = {"worksite": gate.id, "within": 15, "unit": "ebike", "beds": 2, "max_rent": 700}
    for name, value in kept.items():
        hidden = f'<input type="hidden" name="{name}" value="{value}">'
        assert shown.count(hidden) == 2, "to hold a block, and to pick and turn pages"
    link = re.search(r'href="(/rooms\?[^"]*)#list"', shown)
    assert link
    assert "unit=ebike" in link[1]
    assert f"worksite={gate.id}" in link[1]


def test_visitors_search_by_minutes_from_a_place(client: FlaskClient) -> None:
    listed("甲", **away(500))
    listed("乙", **away(4000))
    shown = page(client, place=f"{GATE.lat}, {GATE.lon}", within="15", unit="ebike")
    assert found(shown) == ["甲"]
    assert "分钟，班车" not in shown, "a shuttle runs to a gate of one's own"
    refused = page(client, 422, within="15", unit="shuttle")
    assert "班车要企业登录以后，从自己的厂区算" in refused


@pytest.mark.parametrize(
    ("values", "sentence", "field"),
    [
        ({"unit": "shuttle", "within": "15"}, "二号门还没有登记班车站点", "unit"),
        ({"unit": "shuttle", "within": "15", "place": "同一村"}, "班车只开到厂区", "unit"),
        ({"unit": "shuttle", "within": "15", "worksite": ""}, "班车只开到厂区", "unit"),
        ({"unit": "train", "within": "15"}, "没有这种走法", "unit"),
        ({"unit": "ebike", "within": "一刻钟"}, "“一刻钟”不是整数", "within"),
        ({"unit": "ebike", "within": "0"}, "1 到 120 之间", "within"),
    ],
)
def test_what_cannot_be_answered_is_said_at_its_field(
    client: FlaskClient, gate: Worksite, values: dict[str, str], sentence: str, field: str
) -> None:
    shown = page(client, 422, **{"worksite": str(gate.id), **values})
    assert sentence in shown
    assert f'id="{field}-error"' in shown


def test_fewer_minutes_than_any_ride_are_refused_with_the_number_that_would_do(
    client: FlaskClient, gate: Worksite
) -> None:
    factories.make_stop(gate, ride_minutes=18)
    factories.make_stop(gate, ride_minutes=25)
    shown = page(client, 422, worksite=str(gate.id), unit="shuttle", within="15")
    assert "15 分钟坐班车到不了：从最近的一站也要坐 18 分钟。请写 18 以上。" in shown
    assert 'id="within-error"' in shown
    assert page(client, worksite=str(gate.id), unit="shuttle", within="18")


@pytest.mark.parametrize("within", ["abc", "0", "999", "-5", "1.5", "１５", "9" * 40])
@pytest.mark.parametrize("unit", list(TravelMode))
def test_minutes_that_are_none_are_refused_at_their_field(
    client: FlaskClient, gate: Worksite, within: str, unit: str
) -> None:
    shown = page(client, 422, worksite=str(gate.id), unit=unit, within=within)
    assert 'id="within-error"' in shown
    assert "不是整数" in shown or "1 到 120 之间" in shown


def test_the_gate_of_another_firm_is_none(client: FlaskClient, gate: Worksite) -> None:
    theirs = factories.make_worksite(factories.make_enterprise(), name="别人的门")
    for worksite in (str(theirs.id), "abc", "9" * 30):
        shown = page(client, 422, worksite=worksite, unit="ebike", within="15")
        assert 'id="worksite-error"' in shown
        assert "这不是贵公司在用的厂区" in shown
        assert "别人的门" not in shown


def test_nothing_within_reach_says_what_would_do(client: FlaskClient, gate: Worksite) -> None:
    place(factories.make_village(VILLAGE), 3000)
    listed("甲", **away(2900))
    asked = {"worksite": str(gate.id), "unit": "walk", "area": VILLAGE}
    shown = page(client, **asked, within="5")
    assert found(shown) == []
    assert "5 分钟以内没有空房" in shown
    assert "最快的一间在同一村，走路 48 分钟。把分钟数放宽到 48" in shown
    link = re.search(r'href="([^"]*)">放宽到 48 分钟', shown)
    assert link
    wider = client.get(unescape(link[1])).get_data(as_text=True)
    assert found(wider) == ["甲"]
    assert minutes_said(wider) == [48]
    assert "没有找到合适的空房" in page(client, **asked, within="5", max_rent="10"), "minutes would not help"


def test_pages_go_on_within_the_minutes(client: FlaskClient, gate: Worksite) -> None:
    for metres in range(101, 146):
        listed("甲", **away(metres))
    asked = {"worksite": str(gate.id), "unit": "ebike", "within": "3"}
    shown = [page(client, **asked, page=str(number)) for number in (1, 2, 3, 4)]
    assert [len(minutes_said(one)) for one in shown] == [20, 20, 5, 0]
    links = [re.findall(r'href="/rooms/free/(\d+)"', one) for one in shown]
    assert len({*links[0], *links[1], *links[2]}) == 45
    assert "后面没有了" in shown[3]
    assert "分钟以内没有空房" not in shown[3]
    for one in shown[:3]:
        assert '<input type="hidden" name="within" value="3">' in one


def test_in_english(client: FlaskClient, gate: Worksite) -> None:
    listed("甲", **away(500))
    listed("乙", **away(5000))
    client.set_cookie("locale", "en")
    asked = {"worksite": str(gate.id), "unit": "ebike"}
    assert "E-bike 3 min" in page(client, **asked, within="15")
    assert "Allow 3 minutes" in page(client, **asked, within="2", area=VILLAGE)


# --- a block ----------------------------------------------------------------------------------------------


def test_a_block_is_taken_from_within_the_minutes(client: FlaskClient, gate: Worksite) -> None:
    place(factories.make_village(VILLAGE), 8000)
    factories.make_stop(gate, name="西站", lat=away(8000)["lat"], lon=GATE.lon, ride_minutes=6)
    listed("甲", **away(8000 + 100))
    listed("乙", **away(8000 + 300))
    listed("丙", **away(8000 + 900))
    listed("丁", **away(0))
    db.session.commit()
    query = {**DATES, "worksite": str(gate.id), "within": "15", "unit": "shuttle", "count": "2"}
    shown = client.get("/rooms/hold", query_string=query)
    assert shown.status_code == 200
    assert sorted(found(shown.text)) == ["乙", "甲"]
    assert "最远班车 11 分钟" in shown.text
    more = client.get("/rooms/hold", query_string={**query, "count": "3"})
    assert more.status_code == 409
    assert "只剩 2 间" in more.text
    key = re.search(r'name="request_key"[^>]*value="([^"]+)"', shown.text)
    assert key
    sent = {"request_key": key[1], "shown_rent_fen": "120000", "on_refusal": "drop"}
    address = f"/rooms/hold?{urlencode(query)}"
    done = submit(client, address, **sent)
    assert done.status_code == 303
    assert submit(client, address, **sent).location == done.location, "sent twice it is the same hold"
    taken = db.session.scalars(select(Room.label).join(HoldRoom, HoldRoom.room_id == Room.id))
    assert sorted(taken) == ["乙", "甲"]
