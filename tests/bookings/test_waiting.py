"""The waiting list: freed rooms are offered in order, for a while, and nobody overtakes whoever waits."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from qiantang_nest.bookings.models import Demand, Hold, HoldRoom, Waiting
from qiantang_nest.bookings.queries.waiting import beds_taken, place_in_queue
from qiantang_nest.bookings.rules import DISTRICT_CENTRE, Area, Ask, OnRefusal, Times
from qiantang_nest.bookings.services import waiting as services
from qiantang_nest.bookings.services.hold_rooms import RoomsGone, hold_rooms
from qiantang_nest.core import clock
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, lock_villages, transaction
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.core.period import Period
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.notifications.models import Message, OutboxItem
from qiantang_nest.occupancy.models import RoomClaim
from tests import factories
from tests.bookings.test_block import post, text_of
from tests.bookings.test_plans import END, START, listing, make_demand
from tests.conftest import sign_in
from tests.factories import NOW, TODAY, VILLAGE

pytestmark = pytest.mark.usefixtures("at_now")
TIMES = Times()
RUN_OUT = NOW + timedelta(hours=TIMES.offer_hours)


@dataclass
class Firm:
    """An employer with a demand that waits."""

    actor: Actor
    enterprise: Enterprise
    demand: Demand
    waiting: Waiting


def firm(joined_at: datetime = NOW, *, least_beds: int = 1, **fields: Any) -> Firm:
    actor, enterprise = factories.make_employer()
    demand = make_demand(enterprise, **fields)
    waiting = services.join_waiting(demand=demand, least_beds=least_beds, actor=actor, now=joined_at)
    return Firm(actor, enterprise, demand, waiting)


def serve(now: datetime = NOW, apart_from: int | None = None) -> int:
    with transaction():
        lock_villages([VILLAGE])
        return services.serve_waiting(village_codes=[VILLAGE], times=TIMES, now=now, apart_from=apart_from)


def take(enterprise: Enterprise, actor: Actor, room_ids: list[int], now: datetime = NOW) -> int:
    """Somebody who does not wait holds rooms by name."""
    with transaction():
        return hold_rooms(
            enterprise=enterprise,
            ask=Ask(Area(DISTRICT_CENTRE), room_ids=tuple(room_ids)),
            period=Period(START, END),
            on_refusal=OnRefusal.DROP,
            worksite=None,
            request_key=uuid.uuid4(),
            shown_rent_fen=None,
            times=TIMES,
            actor=actor,
            now=now,
        )


def offers(one: Firm) -> list[Hold]:
    statement = select(Hold).where(Hold.waiting_id == one.waiting.id).order_by(Hold.id)
    return list(db.session.execute(statement).scalars())


def rooms_of(hold: Hold) -> list[int]:
    statement = select(HoldRoom.room_id).where(HoldRoom.hold_id == hold.id).order_by(HoldRoom.room_id)
    return list(db.session.execute(statement).scalars())


# --- in order -----------------------------------------------------------------------------------------------


def test_freed_rooms_go_to_whoever_came_first(db_session: Any) -> None:
    second = firm(NOW + timedelta(seconds=1), day_men=2)
    first = firm(NOW, day_men=2)
    one = listing()
    assert serve() == 1
    assert [rooms_of(offer) for offer in offers(first)] == [[one.room_id]]
    assert offers(second) == []
    other = listing()
    assert serve() == 1
    assert [rooms_of(offer) for offer in offers(second)] == [[other.room_id]]
    assert serve() == 0, "both have what they lack"


def test_only_rooms_within_the_demands_limits_are_offered(db_session: Any) -> None:
    waits = firm(max_rent_fen=32_000, max_floor=2, day_men=4)
    listing(rent=641)
    listing(floor=3)
    assert serve() == 0
    good = listing(rent=640)
    assert serve() == 1
    assert rooms_of(offers(waits)[0]) == [good.room_id]


def test_few_beds_go_to_the_next_if_the_first_wants_more_at_a_time(db_session: Any) -> None:
    first = firm(NOW, least_beds=4, day_men=4)
    second = firm(NOW + timedelta(seconds=1), day_men=4)
    listing()
    assert serve() == 1
    assert (offers(first), len(offers(second))) == ([], 1)


def test_nobody_overtakes_whoever_waits(db_session: Any) -> None:
    waits = firm(day_men=2)
    rival, other = factories.make_employer()
    one = listing()
    db.session.commit()
    with pytest.raises(RoomsGone):
        take(other, rival, [one.room_id])
    db.session.expire_all()
    assert offers(waits) == [], "the refused taking wrote nothing; the worker makes the offer"
    assert serve() == 1
    more = listing()
    take(other, rival, [more.room_id])
    assert rooms_of(offers(waits)[0]) == [one.room_id]


def test_without_the_list_the_rival_takes_the_room(db_session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: it is the list that kept the room above."""
    firm(day_men=2)
    rival, other = factories.make_employer()
    one = listing()
    monkeypatch.setattr("qiantang_nest.bookings.services.hold_rooms.serve_waiting", lambda **_values: 0)
    assert take(other, rival, [one.room_id])


def test_an_employer_may_take_itself_what_it_waits_for(db_session: Any) -> None:
    waits = firm(day_men=2)
    one = listing()
    assert take(waits.enterprise, waits.actor, [one.room_id])
    assert offers(waits) == []


# --- for a while --------------------------------------------------------------------------------------------


def test_an_offer_that_runs_out_goes_to_the_next_without_any_job(db_session: Any) -> None:
    first = firm(NOW, day_men=2)
    second = firm(NOW + timedelta(seconds=1), day_men=2)
    one = listing()
    serve()
    assert place_in_queue(second.demand.id, NOW, TODAY) is not None
    assert serve(RUN_OUT - timedelta(seconds=1)) == 0
    with clock.frozen_at(RUN_OUT):
        assert serve(RUN_OUT) == 1
        assert rooms_of(offers(second)[0]) == [one.room_id]
        assert place_in_queue(first.demand.id, RUN_OUT, TODAY) is None
        again = services.join_waiting(demand=first.demand, least_beds=1, actor=first.actor, now=RUN_OUT)
        assert place_in_queue(first.demand.id, RUN_OUT, TODAY) == (again, 2)


def test_a_room_that_was_refused_is_not_offered_in_the_same_turn_again(db_session: Any) -> None:
    waits = firm(day_men=2)
    listing()
    serve()
    with transaction():
        services.decline_offer(hold=offers(waits)[0], keep_waiting=True, actor=waits.actor, now=NOW)
    assert serve() == 0
    assert place_in_queue(waits.demand.id, NOW, TODAY) == (waits.waiting, 1)
    other = listing()
    assert serve() == 1
    assert rooms_of(offers(waits)[-1]) == [other.room_id]


def test_whoever_leaves_is_offered_nothing_more(db_session: Any) -> None:
    waits = firm(day_men=2)
    with transaction():
        services.leave_waiting(waiting=waits.waiting, actor=waits.actor, now=NOW)
    listing()
    assert serve() == 0
    with pytest.raises(WrongState):
        services.leave_waiting(waiting=waits.waiting, actor=waits.actor, now=NOW)


# --- joining ------------------------------------------------------------------------------------------------


def test_one_waits_once_and_only_for_what_is_lacking(db_session: Any) -> None:
    waits = firm(day_men=2)
    with pytest.raises(WrongState, match="已经在候补"):
        services.join_waiting(demand=waits.demand, least_beds=1, actor=waits.actor, now=NOW)
    actor, enterprise = factories.make_employer()
    demand = make_demand(enterprise, day_men=2)
    for least in (0, 3):
        with pytest.raises(InvalidValue):
            services.join_waiting(demand=demand, least_beds=least, actor=actor, now=NOW)
    demand.state, demand.withdraw_reason = "withdrawn", "不用了"
    db.session.flush()
    with pytest.raises(WrongState, match="关闭"):
        services.join_waiting(demand=demand, least_beds=1, actor=actor, now=NOW)


# --- through the pages --------------------------------------------------------------------------------------


def test_an_offer_taken_becomes_a_hold_and_the_household_is_asked(
    client: FlaskClient, db_session: Any
) -> None:
    waits = firm(day_men=2)
    villager, owner = factories.make_villager()
    factories.make_listing(factories.make_room(factories.make_house(owner)))
    serve()
    offer = offers(waits)[0]
    told = select(Message.kind).where(Message.user_id.in_([villager.user_id, waits.actor.user_id]))
    assert db.session.execute(told).scalars().all() == ["bookings.rooms_offered"], (
        "the household is not asked yet"
    )
    assert db.session.execute(select(OutboxItem).where(OutboxItem.key == f"offer:{offer.id}")).scalar_one()
    db.session.commit()
    sign_in(client, waits.actor)
    assert client.get(f"/holds/{offer.id}").location == f"/offers/{offer.id}"
    assert "要这 1 间房，2 张床吗" in text_of(client.get(f"/offers/{offer.id}"))
    assert "候补的房有了" in text_of(client.get(f"/demands/{waits.demand.id}"))
    done = post(client, f"/offers/{offer.id}", answer="yes")
    assert done.location == f"/holds/{offer.id}"
    db.session.expire_all()
    assert (offer.state, offer.expires_at) == ("active", NOW + timedelta(hours=48))
    claim = db.session.execute(select(RoomClaim)).scalar_one()
    assert (claim.state, claim.held_until) == ("held", offer.expires_at)
    assert "bookings.answer_wanted" in db.session.execute(told).scalars().all()
    assert beds_taken(waits.demand.id, NOW) == 2
    assert post(client, f"/offers/{offer.id}", "/demands/new", answer="no").status_code == 409


def test_joining_and_leaving_on_the_pages(client: FlaskClient, db_session: Any) -> None:
    actor, enterprise = factories.make_employer()
    demand = make_demand(enterprise, day_men=6)
    db.session.commit()
    sign_in(client, actor)
    url = f"/demands/{demand.id}/wait"
    assert "6 张床" in text_of(client.get(url))
    for wrong in ("", "七", "0", "7"):
        refused = post(client, url, least_beds=wrong)
        assert refused.status_code == 422, wrong
        assert f'value="{wrong}"' in text_of(refused), "what was typed stays"
    assert post(client, url, least_beds="4").status_code == 303
    page = text_of(client.get(url))
    assert "第 1 位" in page
    assert "一次至少 4 张床" in page
    assert post(client, f"/demands/{demand.id}/leave-waiting", url).status_code == 303
    assert place_in_queue(demand.id, NOW, TODAY) is None


def test_offers_and_demands_of_others_are_not_found(client: FlaskClient, db_session: Any) -> None:
    waits = firm(day_men=2)
    listing()
    serve()
    rival, _enterprise = factories.make_employer()
    db.session.commit()
    sign_in(client, rival)
    assert client.get(f"/offers/{offers(waits)[0].id}").status_code == 404
    assert client.get(f"/demands/{waits.demand.id}/wait").status_code == 404
    assert post(client, f"/demands/{waits.demand.id}/leave-waiting", "/demands/new").status_code == 404


def test_the_worker_makes_the_offers(app: Flask, db_session: Any) -> None:
    waits = firm(day_men=2)
    listing()
    db.session.commit()
    done = app.test_cli_runner().invoke(args=["hold-jobs"])
    assert done.exit_code == 0, done.output
    assert len(offers(waits)) == 1


def test_a_listing_nobody_waits_for_costs_one_statement(db_session: Any, query_log: Any) -> None:
    listing()
    query_log.clear()
    assert services.serve_waiting(village_codes=[VILLAGE], times=TIMES, now=NOW) == 0
    assert len(query_log) == 1
