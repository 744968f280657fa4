"""The occupancy pages: everybody sees the own area and nothing else, and every number opens its rooms."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.db import db
from qiantang_nest.core.workbook import read_workbook
from qiantang_nest.occupancy.models import LeaseRoom
from tests.conftest import sign_in
from tests.factories import (
    NEIGHBOUR_VILLAGE,
    OTHER_STREET_VILLAGE,
    VILLAGE,
    make_actor,
    make_clerk,
    make_district_officer,
    make_employer,
    make_house,
    make_lease,
    make_listing,
    make_owner,
    make_room,
    make_stay,
    make_street_officer,
    make_village,
    make_villager,
    make_worker,
)
from tests.reports.test_occupancy_figures import TODAY


@pytest.fixture(autouse=True)
def _today(monkeypatch):
    monkeypatch.setattr("qiantang_nest.core.clock.today", lambda: TODAY)


def let_room(owner, enterprise, heads: int = 1):
    room = make_room(make_house(owner))
    make_listing(room)
    lease = make_lease(enterprise, [room], TODAY - timedelta(days=40), TODAY + timedelta(days=100))
    lease_room = db.session.execute(select(LeaseRoom).where(LeaseRoom.lease_id == lease.id)).scalar_one()
    for bed in range(1, heads + 1):
        make_stay(make_worker(enterprise), lease_room, bed)
    return room


@pytest.fixture
def district(db_session):
    """Two streets, three villages, two households each; two employers."""
    hr, enterprise = make_employer()
    rival, rival_enterprise = make_employer()
    villager, owner = make_villager()
    rooms = {
        "own": let_room(owner, enterprise, 2),
        "same-village": let_room(make_owner(VILLAGE), rival_enterprise),
        "neighbour": let_room(make_owner(NEIGHBOUR_VILLAGE), enterprise),
        "other-street": let_room(make_owner(OTHER_STREET_VILLAGE), rival_enterprise),
    }
    free = make_room(make_house(make_owner(VILLAGE)))
    make_listing(free)
    db_session.commit()
    return {"hr": hr, "rival": rival, "villager": villager, "rooms": rooms, "free": free}


def words(response) -> str:
    return re.sub(r"<[^>]+>|\s+", " ", response.text)


def test_a_visitor_is_sent_to_sign_in(client):
    assert client.get("/occupancy").status_code == 302


@pytest.mark.parametrize("role", [Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN])
def test_administrators_see_no_figures(client, role, db_session):
    sign_in(client, make_actor(role, ""))
    for path in ("/occupancy", "/occupancy/rooms?figure=let", "/occupancy.xlsx"):
        assert client.get(path).status_code == 403


SCOPES = {
    "clerk": (lambda d: make_clerk(VILLAGE), {"own", "same-village"}),
    "street": (lambda d: make_street_officer(VILLAGE[:9]), {"own", "same-village", "neighbour"}),
    "district": (lambda d: make_district_officer(), {"own", "same-village", "neighbour", "other-street"}),
    "villager": (lambda d: d["villager"], {"own"}),
    "hr": (lambda d: d["hr"], {"own", "neighbour"}),
    "rival": (lambda d: d["rival"], {"same-village", "other-street"}),
}


@pytest.mark.parametrize("who", SCOPES)
def test_everybody_sees_the_own_area_and_nothing_else(client, district, who):
    make, seen = SCOPES[who]
    sign_in(client, make(district))
    page = client.get("/occupancy/rooms?figure=let")
    assert page.status_code == 200
    for name, room in district["rooms"].items():
        assert (f">{room.label}<" in page.text.replace(" ", "")) == (name in seen), name
    overview = client.get("/occupancy")
    assert overview.status_code == 200
    assert f"{len(seen)} 间" in words(page)


@pytest.mark.parametrize("who", ["clerk", "street", "villager", "hr"])
def test_an_area_outside_is_not_there(client, district, who):
    sign_in(client, SCOPES[who][0](district))
    for area in (OTHER_STREET_VILLAGE, OTHER_STREET_VILLAGE[:9], "330114", "999", "%"):
        assert client.get("/occupancy", query_string={"area": area}).status_code == 404, area
        query = {"area": area, "figure": "let"}
        assert client.get("/occupancy/rooms", query_string=query).status_code == 404


def test_each_number_on_the_page_opens_as_many_rooms(client, district):
    sign_in(client, make_district_officer())
    page = client.get("/occupancy").text
    links = set(re.findall(r'<a href="(/occupancy/rooms\?[^"]+)">([\d,]+)</a>', page))
    assert len(links) > 10
    for path, number in links:
        opened = words(client.get(path.replace("&amp;", "&")))
        assert f"{number} 间" in opened, path


@pytest.mark.parametrize("day", ["2026-13-01", "abc", "0001-01-01", "９９９９"])
def test_an_odd_day_is_named_and_today_is_shown(client, district, day):
    sign_in(client, make_clerk())
    page = client.get("/occupancy", query_string={"day": day})
    assert page.status_code == 200
    assert "field-error" in page.text or "invalid" in page.text
    assert day in page.text


def test_a_day_to_come_is_shown_as_today(client, district):
    sign_in(client, make_clerk())
    assert "2026-11-23" in client.get("/occupancy?day=2027-05-01").text


def test_an_unknown_figure_is_not_there(client, district):
    sign_in(client, make_clerk())
    assert client.get("/occupancy/rooms?figure=rent").status_code == 404


def test_an_empty_village_says_what_to_do(client, db_session):
    make_village(NEIGHBOUR_VILLAGE)
    sign_in(client, make_clerk(NEIGHBOUR_VILLAGE))
    assert "还没有登记房间" in client.get("/occupancy").text


def test_the_workbook_holds_the_same_numbers(client, district):
    sign_in(client, make_street_officer(VILLAGE[:9]))
    response = client.get("/occupancy.xlsx")
    assert response.status_code == 200
    sheet = read_workbook(response.data)
    cells = sheet.rows
    total = next(row for row in cells if "合计" in row)
    head = next(row for row in cells if "已租" in row)
    assert total[head.index("已租")] == 3
    assert total[head.index("住着的人")] == 4
    assert any("填报单位" in str(cell) for row in cells for cell in row)


def test_employers_and_villagers_may_not_export(client, district):
    for who in ("hr", "villager"):
        sign_in(client, SCOPES[who][0](district))
        assert client.get("/occupancy.xlsx").status_code == 403


def test_the_page_asks_few_questions(client, district, query_log):
    sign_in(client, make_district_officer())
    query_log.clear()
    client.get("/occupancy")
    assert len([q for q in query_log if q.lstrip().upper().startswith(("SELECT", "WITH"))]) <= 9


def test_the_emptiest_village_stands_first_beside_the_map(client, district):
    sign_in(client, make_district_officer())
    shown = client.get("/occupancy").text
    beside = re.findall(r'class="title">([^<]+)<', shown[shown.index("空床比例最高的村") :])
    rates = re.findall(r'<b class="num">([0-9.]+)%<', shown)
    assert len(beside) == 3
    assert sorted(map(float, rates)) == list(map(float, rates))
