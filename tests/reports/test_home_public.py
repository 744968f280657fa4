"""What visitors see: the public home, the telephones, the notices."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from qiantang_nest.core import clock
from tests import factories as make
from tests.conftest import sign_in

pytestmark = pytest.mark.usefixtures("at_now")


def offer(village=make.VILLAGE, rent_fen=60_000, **room):
    made = make.make_room(make.make_house(make.make_owner(village)), **room)
    make.make_listing(made, rent_fen=rent_fen)
    return made


def words(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text))


def test_visitors_see_free_beds_and_where_they_are(client, db_session):
    offer()
    offer(rent_fen=45_000)
    offer(make.NEIGHBOUR_VILLAGE)
    taken = offer()
    make.make_lease(make.make_enterprise(), [taken], make.TODAY)
    db_session.commit()
    page = client.get("/")
    assert page.status_code == 200
    assert re.search(r"起空着的床</dt><dd>6</dd>", page.text)
    assert re.search(r"有空床的村</dt><dd>2</dd>", page.text)
    assert "同一村" in page.text
    assert "4 张空床" in words(page)
    assert "每间 ¥450 起" in words(page)
    assert "沈桂珍" not in page.text
    assert "style=" not in page.text
    assert page.text.count("<h1") == 1
    assert 'name="starts_on"' in page.text
    assert f'href="/rooms?area={make.VILLAGE}"' in page.text


def test_the_numbers_are_those_of_the_search_they_lead_to(client, db_session):
    offer()
    offer(beds=1)
    db_session.commit()
    assert "3 张空床" in words(client.get("/"))
    assert "2 间，3 张床" in words(client.get(f"/rooms?area={make.VILLAGE}"))


def test_the_form_of_the_home_is_understood_by_the_search(client, db_session):
    offer()
    db_session.commit()
    values = {"place": "同一村", "starts_on": "2026-12-01", "last_on": "2027-05-31", "within": "20"}
    page = client.get("/rooms", query_string={**values, "unit": "ebike", "max_rent": "700"})
    assert page.status_code == 200
    assert "到同一村 20 分钟以内的村" in words(page)


def test_the_count_is_kept_for_a_minute_and_no_longer(client, db_session, query_log):
    make.make_village()
    db_session.commit()
    client.get("/")
    query_log.clear()
    client.get("/")
    assert not [sql for sql in query_log if "room_claim" in sql]
    offer()
    db_session.commit()
    with clock.frozen_at(make.NOW + timedelta(minutes=1)):
        assert "2 张空床" in words(client.get("/"))


def test_an_empty_district_says_what_to_do(client, db_session):
    make.make_village()
    db_session.commit()
    page = client.get("/")
    assert page.status_code == 200
    assert "这几天还没有空房" in page.text


def test_few_questions_whatever_there_is(client, db_session, query_log):
    for village in (make.VILLAGE, make.NEIGHBOUR_VILLAGE, make.OTHER_STREET_VILLAGE):
        for _number in range(3):
            offer(village)
    db_session.commit()
    query_log.clear()
    client.get("/")
    assert len([sql for sql in query_log if sql.startswith(("SELECT", "WITH"))]) <= 6


def test_telephones_can_be_called(client, db_session):
    make.make_village(office_phone="0571-82345678")
    make.make_village(make.NEIGHBOUR_VILLAGE)
    db_session.commit()
    page = client.get("/villages/phones")
    assert 'href="tel:0571-82345678"' in page.text
    assert "村里还没写电话" in page.text


@pytest.mark.parametrize(
    ("path", "holds"),
    [
        ("/about", "MIT"),
        ("/accessibility", "大字"),
        ("/privacy", "谁在处理"),
        ("/villages/phones", "您是住在这里的工人"),
    ],
)
@pytest.mark.parametrize("role", ["visitor", "villager", "employer"])
def test_notices_open_for_anyone(client, db_session, path, holds, role):
    make.make_village()
    if role != "visitor":
        sign_in(client, make.make_villager()[0] if role == "villager" else make.make_employer()[0])
    page = client.get(path)
    assert page.status_code == 200
    assert holds in page.text
    assert page.text.count("<h1") == 1
    assert 'href="/privacy"' in page.text


def test_the_notice_names_who_runs_the_installation(client, app, monkeypatch):
    told = replace(app.extensions["settings"], operator_name="某街道办事处", operator_contact="0571-82340000")
    monkeypatch.setitem(app.extensions, "settings", told)
    page = client.get("/privacy")
    assert "某街道办事处" in page.text
    assert "0571-82340000" in page.text


@pytest.mark.parametrize("path", ["/", "/about", "/accessibility", "/villages/phones"])
def test_english_pages_hold_no_chinese(client, db_session, path):
    make.make_village(name="Tongyi", office_phone="0571-82345678").street.name = "Hezhuang"
    offer()
    db_session.commit()
    client.set_cookie("locale", "en")
    page = client.get(path)
    shown = re.sub(r"<datalist.*?</datalist>|<a[^>]*lang=\"zh-Hans\".*?</a>", "", page.text, flags=re.DOTALL)
    assert not re.findall(r"[\u4e00-\u9fff]+", re.sub(r"<[^>]+>", " ", shown))
