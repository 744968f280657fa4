"""How people come to a worksite: stops, what a routing service tells of it, and the pages of both."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from qiantang_nest.accounts.rules import Role
from qiantang_nest.cli import Routes
from qiantang_nest.core import clock
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.enterprises import queries, services
from qiantang_nest.enterprises.models import RoutedMinutes, ShuttleStop, StopExists, Worksite
from qiantang_nest.enterprises.services import Asked, ask_routes
from qiantang_nest.enterprises.services.stops import MOST_STOPS
from qiantang_nest.geography.gateways import Minutes, OsrmGateway, RoutingFailed
from qiantang_nest.geography.rules import DEFAULT_COMMUTE, LatLon, TravelMode, Way
from qiantang_nest.housing.services import place_village
from tests.conftest import sign_in
from tests.factories import (
    NEIGHBOUR_VILLAGE,
    NOW,
    VILLAGE,
    make_clerk,
    make_employer,
    make_enterprise,
    make_stop,
    make_street_officer,
    make_village,
    make_worksite,
)
from tests.forms import submit
from tests.geography.test_gateways import stub, told

pytestmark = pytest.mark.usefixtures("at_now")

THERE = LatLon(30.31, 120.47)
FILLED = {"name": "同二村村口", "lat": "30.31", "lon": "120.47", "ride_minutes": "12"}


class Roads:
    """A routing service in memory: so many minutes from any village, by mode and place among the ends."""

    def __init__(self, minutes: Callable[[TravelMode, int], float | None]) -> None:
        self._minutes = minutes
        self.asked: list[tuple[TravelMode, int, int]] = []

    def minutes(self, mode: TravelMode, starts: Sequence[LatLon], ends: Sequence[LatLon]) -> Minutes:
        assert not db.session().in_transaction(), "asked inside a transaction"
        self.asked.append((mode, len(starts), len(ends)))
        return [[self._minutes(mode, end) for end in range(len(ends))] for _start in starts]


class Broken:
    """One that never answers."""

    def minutes(self, mode: TravelMode, starts: Sequence[LatLon], ends: Sequence[LatLon]) -> Minutes:
        raise RoutingFailed("out of order")


def roads(walk: float | None = 40, ebike: float | None = 14, stop: float | None = 5) -> Roads:
    return Roads(lambda mode, end: ebike if mode is TravelMode.EBIKE else stop if end else walk)


@pytest.fixture
def site(db_session: Any) -> Worksite:
    """A worksite with a shuttle and two villages; committed."""
    make_village(NEIGHBOUR_VILLAGE, lat=30.331, lon=120.462)
    found = make_worksite(make_enterprise())
    make_stop(found, name="村口", ride_minutes=10)
    db.session.commit()
    return found


def manager_of(site: Worksite) -> Actor:
    return Actor(user_id=None, role=Role.EMPLOYER_MANAGER, scope=str(site.enterprise_id))


def way(site: Worksite, mode: TravelMode, village: str = VILLAGE) -> Way | None:
    db.session.expire_all()
    found = make_village(village)
    return queries.way_to_work(site, mode, DEFAULT_COMMUTE).from_village(
        village, LatLon(found.lat, found.lon)
    )


def routed() -> int:
    return db.session.scalar(select(func.count()).select_from(RoutedMinutes)) or 0


# --- stops ------------------------------------------------------------------------------------------------


def test_a_stop_with_no_timetable_is_reckoned_at_the_speed_of_shuttles(site: Worksite) -> None:
    stop = make_stop(site, lat=site.lat, lon=site.lon + 0.05, ride_minutes=None)
    gate = LatLon(site.lat, site.lon)
    assert queries.ride_minutes(stop, gate, DEFAULT_COMMUTE) == 13, "4.8 km straight at 30 km/h"
    found = queries.way_to_work(site, TravelMode.SHUTTLE, DEFAULT_COMMUTE)
    assert [(one.name, one.ride_minutes) for one in found.boardings] == [("村口", 10), (stop.name, 13)]


def test_stops_are_kept_with_a_record(site: Worksite) -> None:
    who = manager_of(site)
    with transaction():
        stop = services.add_stop(worksite=site, name="新站", point=THERE, ride_minutes=None, actor=who)
    with transaction():
        services.change_stop(stop=stop, name="新站", point=THERE, ride_minutes=7, actor=who)
    assert db.session.get_one(ShuttleStop, stop.id).ride_minutes == 7
    with transaction():
        services.remove_stop(stop=stop, actor=who)
    assert [one.name for one in queries.stops_of(site.id)] == ["村口"]
    done = db.session.scalars(
        select(AuditEvent.action).where(AuditEvent.entity == "shuttle_stop").order_by(AuditEvent.id)
    ).all()
    assert done == ["enterprises.add_stop", "enterprises.change_stop", "enterprises.remove_stop"]


def test_a_worksite_has_each_name_once_and_not_too_many_stops(site: Worksite) -> None:
    who = manager_of(site)
    with pytest.raises(StopExists, match="同名的站点"), transaction():
        services.add_stop(worksite=site, name="村口", point=THERE, ride_minutes=None, actor=who)
    for _number in range(MOST_STOPS - 1):
        make_stop(site)
    with pytest.raises(InvalidValue, match=f"最多 {MOST_STOPS} 个站点"), transaction():
        services.add_stop(worksite=site, name="再一站", point=THERE, ride_minutes=None, actor=who)


# --- what a routing service tells -------------------------------------------------------------------------


def test_what_is_told_takes_the_place_of_the_straight_line(site: Worksite) -> None:
    straight = {mode: way(site, mode) for mode in TravelMode}
    service = roads()
    assert ask_routes(now=NOW, gateway=service) is Asked.ANSWERED
    assert service.asked == [(TravelMode.WALK, 2, 2), (TravelMode.EBIKE, 2, 1)]
    assert way(site, TravelMode.WALK) == Way(40) != straight[TravelMode.WALK]
    assert way(site, TravelMode.EBIKE) == Way(14) != straight[TravelMode.EBIKE]
    assert way(site, TravelMode.SHUTTLE) == Way(5 + 10, "村口") != straight[TravelMode.SHUTTLE]
    found = queries.way_to_work(site, TravelMode.EBIKE, DEFAULT_COMMUTE)
    pinned = found.from_house(VILLAGE, LatLon(30.301, 120.462), pinned=True)
    assert pinned == straight[TravelMode.EBIKE], "a house with a pin of its own counts by where it stands"
    assert ask_routes(now=NOW, gateway=service) is Asked.NOTHING_DUE
    assert ask_routes(now=NOW + timedelta(days=1), gateway=service) is Asked.ANSWERED, "asked again daily"
    assert routed() == 6, "and the answer stands in place of the one before"


def test_minutes_are_rounded_up_and_ways_that_are_none_left_out(site: Worksite) -> None:
    ask_routes(now=NOW, gateway=roads(walk=12.01, ebike=None, stop=5000))
    assert way(site, TravelMode.WALK) == Way(13)
    assert routed() == 2


def test_a_failure_leaves_what_was_known_and_is_tried_again_later(site: Worksite) -> None:
    straight = way(site, TravelMode.EBIKE)
    assert ask_routes(now=NOW, gateway=Broken()) is Asked.FAILED
    assert way(site, TravelMode.EBIKE) == straight
    assert ask_routes(now=NOW, gateway=Broken()) is Asked.NOTHING_DUE
    assert ask_routes(now=NOW + timedelta(seconds=30), gateway=Broken()) is Asked.FAILED
    assert ask_routes(now=NOW + timedelta(seconds=60), gateway=roads()) is Asked.NOTHING_DUE, "waits longer"
    assert ask_routes(now=NOW + timedelta(seconds=90), gateway=roads()) is Asked.ANSWERED
    assert way(site, TravelMode.EBIKE) == Way(14)
    assert ask_routes(now=NOW + timedelta(days=2), gateway=Broken()) is Asked.FAILED
    assert way(site, TravelMode.EBIKE) == Way(14)


def test_an_unforeseen_error_is_a_failure_too(site: Worksite) -> None:
    def crash(_mode: TravelMode, _end: int) -> float | None:
        raise KeyError("no such road")

    assert ask_routes(now=NOW, gateway=Roads(crash)) is Asked.FAILED


def test_over_the_wire(site: Worksite) -> None:
    with stub(told([[600], [900]])) as server:
        assert ask_routes(now=NOW, gateway=OsrmGateway(server.url)) is Asked.FAILED, "two ends, one answer"
    with transaction():
        services.remove_stop(stop=queries.stops_of(site.id)[0], actor=manager_of(site))
    with stub(told([[600], [900]])) as server:
        assert ask_routes(now=NOW, gateway=OsrmGateway(server.url)) is Asked.ANSWERED
    assert [way(site, TravelMode.EBIKE, code) for code in (VILLAGE, NEIGHBOUR_VILLAGE)] == [Way(10), Way(15)]


def test_a_moved_gate_is_asked_for_anew_and_the_straight_line_counts_till_then(site: Worksite) -> None:
    ask_routes(now=NOW, gateway=roads())
    values = {"name": site.name, "address": site.address, "shifts": "", "actor": manager_of(site)}
    with transaction():
        services.move_worksite(worksite=site, lat=site.lat, lon=site.lon, **values)
    assert way(site, TravelMode.EBIKE) == Way(14), "nothing has moved"
    with transaction():
        services.move_worksite(worksite=site, lat=site.lat, lon=120.5, **values)
    assert way(site, TravelMode.EBIKE) != Way(14)
    assert way(site, TravelMode.SHUTTLE) == Way(15, "村口"), "the way to the stop is as it was"
    assert ask_routes(now=NOW, gateway=roads(ebike=19)) is Asked.ANSWERED
    assert way(site, TravelMode.EBIKE) == Way(19)


def test_a_moved_stop_is_asked_for_anew(site: Worksite) -> None:
    ask_routes(now=NOW, gateway=roads())
    stop = queries.stops_of(site.id)[0]
    with transaction():
        services.change_stop(stop=stop, name="村口", point=THERE, ride_minutes=3, actor=manager_of(site))
    assert way(site, TravelMode.SHUTTLE) != Way(5 + 3, "村口")
    assert way(site, TravelMode.EBIKE) == Way(14)
    ask_routes(now=NOW, gateway=roads())
    assert way(site, TravelMode.SHUTTLE) == Way(5 + 3, "村口")
    with transaction():
        services.change_stop(stop=stop, name="村口", point=THERE, ride_minutes=4, actor=manager_of(site))
    assert way(site, TravelMode.SHUTTLE) == Way(5 + 4, "村口"), "the timetable is no business of the service"


def test_a_moved_village_counts_by_the_straight_line_until_it_is_asked_anew(site: Worksite) -> None:
    ask_routes(now=NOW, gateway=roads())
    with transaction():
        place_village(
            village=make_village(VILLAGE), point=LatLon(30.302, 120.463), now=NOW, actor=make_clerk()
        )
    assert way(site, TravelMode.EBIKE) != Way(14)
    assert way(site, TravelMode.EBIKE, NEIGHBOUR_VILLAGE) == Way(14)
    ask_routes(now=NOW + timedelta(days=1), gateway=roads())
    assert way(site, TravelMode.EBIKE) == Way(14)


def test_an_answer_about_what_has_changed_meanwhile_is_dropped(site: Worksite) -> None:
    def move(_mode: TravelMode, _end: int) -> float | None:
        if db.session.get_one(Worksite, site.id).lon != 120.5:
            db.session.commit()
            with transaction():
                services.move_worksite(
                    worksite=site,
                    name=site.name,
                    address=site.address,
                    lat=site.lat,
                    lon=120.5,
                    shifts="",
                    actor=manager_of(site),
                )
        db.session.commit()
        return 14

    assert ask_routes(now=NOW, gateway=Roads(move)) is Asked.ANSWERED
    assert routed() == 0
    assert ask_routes(now=NOW, gateway=roads()) is Asked.ANSWERED, "it is due at once"


def test_several_workers_share_the_worksites(fresh_app: Flask) -> None:
    with fresh_app.app_context(), transaction():
        enterprise = make_enterprise()
        sites = [make_worksite(enterprise).id for _site in range(6)]

    def work() -> int:
        asked = 0
        with fresh_app.app_context():
            while ask_routes(now=NOW, gateway=roads()) is Asked.ANSWERED:
                asked += 1
        return asked

    with ThreadPoolExecutor(3) as pool:
        asked = sum(pool.map(lambda _worker: work(), range(3)))
    assert asked == len(sites), "each once"
    with fresh_app.app_context():
        assert routed() == len(sites) * 2


def test_the_worker_leaves_a_service_alone_that_fails(site: Worksite) -> None:
    make_worksite(site.enterprise)
    db.session.commit()
    assert not Routes(None).turn(), "no service, nothing to ask"
    broken = Routes(Broken())
    assert not broken.turn()
    with clock.frozen_at(NOW + timedelta(seconds=29)):
        assert not broken.turn()
    attempts = select(func.sum(Worksite.routes_attempts))
    assert db.session.scalar(attempts) == 1, "the other worksite waits as well"
    well = Routes(roads())
    assert well.turn(), "there may be more"
    assert not well.turn()
    with clock.frozen_at(NOW + timedelta(minutes=1)):
        assert well.turn()
    assert db.session.scalar(attempts) == 0


def test_closed_worksites_are_not_asked_for(site: Worksite) -> None:
    with transaction():
        services.close_worksite(worksite=site, now=NOW, actor=manager_of(site))
    assert ask_routes(now=NOW, gateway=roads()) is Asked.NOTHING_DUE


# --- pages ------------------------------------------------------------------------------------------------


@pytest.fixture
def own(client: FlaskClient) -> Worksite:
    """A manager signed in, with a worksite."""
    actor, enterprise = make_employer()
    found = make_worksite(enterprise)
    sign_in(client, actor)
    return found


def addresses(site: Worksite, stop: ShuttleStop) -> list[str]:
    return [
        f"/enterprises/mine/worksites/{site.id}/stops/add",
        f"/enterprises/mine/stops/{stop.id}",
        f"/enterprises/mine/stops/{stop.id}/remove",
    ]


def test_a_visitor_is_asked_to_sign_in(client: FlaskClient, site: Worksite) -> None:
    stop = queries.stops_of(site.id)[0]
    for address in [*addresses(site, stop), f"/enterprises/mine/worksites/{site.id}/minutes"]:
        assert client.get(address).location.startswith("/sign-in?next=")


def test_staff_read_the_minutes_and_do_not_keep_stops(client: FlaskClient) -> None:
    actor, enterprise = make_employer(role=Role.EMPLOYER_STAFF)
    site = make_worksite(enterprise)
    stop = make_stop(site)
    sign_in(client, actor)
    for address in addresses(site, stop):
        assert client.get(address).status_code == 403
        assert submit(client, address, **FILLED).status_code == 403
    page = client.get(f"/enterprises/mine/worksites/{site.id}/minutes")
    assert page.status_code == 200
    assert "改厂区和班车站点" not in page.text


def test_offices_have_no_business_here(client: FlaskClient, site: Worksite) -> None:
    stop = queries.stops_of(site.id)[0]
    sign_in(client, make_street_officer())
    for address in [*addresses(site, stop), f"/enterprises/mine/worksites/{site.id}/minutes"]:
        assert client.get(address).status_code == 403


def test_a_rivals_stops_are_not_found(client: FlaskClient, own: Worksite, site: Worksite) -> None:
    stop = queries.stops_of(site.id)[0]
    for address in addresses(site, stop):
        assert client.get(address).status_code == 404, address
        assert submit(client, address, **FILLED).status_code == 404, address
    assert client.get(f"/enterprises/mine/worksites/{site.id}/minutes").status_code == 404
    assert client.get("/enterprises/mine/stops/999999999").status_code == 404
    db.session.expire_all()
    assert [one.id for one in queries.stops_of(site.id)] == [stop.id]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": ""}, "请给站点起个名"),
        ({"lat": "31.5"}, "北纬 30 到 31 度"),
        ({"lon": "abc"}, "lon-error"),
        ({"ride_minutes": "0"}, "1 到 120 之间的分钟数"),
        ({"ride_minutes": "半小时"}, "ride_minutes-error"),
    ],
)
def test_an_odd_stop_is_named_at_its_field(
    client: FlaskClient, own: Worksite, changes: dict[str, str], sentence: str
) -> None:
    answer = submit(client, f"/enterprises/mine/worksites/{own.id}/stops/add", **{**FILLED, **changes})
    assert answer.status_code == 422
    assert sentence in answer.text
    db.session.expire_all()
    assert queries.stops_of(own.id) == []


def test_a_stop_is_added_changed_and_taken_away(client: FlaskClient, own: Worksite) -> None:
    page = f"/enterprises/mine/worksites/{own.id}"
    added = submit(client, f"{page}/stops/add", **FILLED)
    assert added.location == page
    shown = client.get(page).text
    assert "同二村村口站加好了" in shown
    assert "12 分钟" in shown
    db.session.expire_all()
    stop = queries.stops_of(own.id)[0]
    twice = submit(client, f"{page}/stops/add", **FILLED)
    assert twice.status_code == 422
    assert "已经有同名的站点" in twice.text
    one = f"/enterprises/mine/stops/{stop.id}"
    assert 'value="同二村村口"' in client.get(one).text
    assert submit(client, one, **{**FILLED, "ride_minutes": ""}).location == page
    assert "没写，按区里的车速算" in client.get(page).text
    other = make_stop(own, name="另一站")
    db.session.commit()
    assert submit(client, f"/enterprises/mine/stops/{other.id}", **FILLED).status_code == 422
    assert "去掉同二村村口站？" in client.get(f"{one}/remove").text
    assert submit(client, f"{one}/remove").location == page
    db.session.expire_all()
    assert [found.name for found in queries.stops_of(own.id)] == ["另一站"]


def test_the_minutes_of_every_village(client: FlaskClient, own: Worksite) -> None:
    near = make_village(VILLAGE)
    near.lat, near.lon = 30.3265, 120.48
    make_village(NEIGHBOUR_VILLAGE, lat=30.3265, lon=120.45)
    page = f"/enterprises/mine/worksites/{own.id}/minutes"
    db.session.commit()
    shown = client.get(page).text
    assert "没有登记班车站点" in shown
    assert [shown.count(f"{minutes} 分钟") for minutes in (16, 5, 63, 20)] == [1, 1, 1, 1]
    assert shown.index("同一村") < shown.index("同二村")
    make_stop(own, name="西站", lat=30.3265, lon=120.45, ride_minutes=8)
    db.session.commit()
    by_shuttle = client.get(page, query_string={"sort": "shuttle"}).text
    assert "西站上车" in by_shuttle
    assert by_shuttle.index("同二村") < by_shuttle.index("同一村")
    backwards = client.get(page, query_string={"sort": "-shuttle"}).text
    assert backwards.index("同一村") < backwards.index("同二村")
    ask_routes(now=NOW, gateway=roads(ebike=33))
    assert "按道路算" in client.get(page, query_string={"sort": "nonsense"}).text
