"""A dangerous house leaves the market and every hold; employers say what they will need."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from qiantang_nest.bookings.models import Demand, Hold, HoldRoom
from qiantang_nest.bookings.services.delist_dangerous_house import delist_dangerous_house
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import WrongState
from qiantang_nest.housing.models import Listing
from qiantang_nest.notifications.models import Message, OutboxItem
from qiantang_nest.occupancy.models import RoomClaim
from tests import factories
from tests.bookings.test_block import DATES, post, text_of
from tests.conftest import sign_in
from tests.factories import NOW, OTHER_STREET_VILLAGE, TODAY


def test_employers_of_a_dangerous_house_are_told_and_held_rooms_freed(at_now: None, db_session: Any) -> None:
    house = factories.make_house()
    held, let = (factories.make_listing(factories.make_room(house)) for _room in range(2))
    elsewhere = factories.make_listing()
    holder, holding = factories.make_employer()
    tenant, renting = factories.make_employer()
    hold = factories.make_hold(holding, [held, elsewhere], TODAY, TODAY + timedelta(days=30))
    factories.make_lease(renting, [let.room])
    clerk = factories.make_clerk()
    with transaction():
        done = delist_dangerous_house(house=house, reason="D 级", today=TODAY, now=NOW, actor=clerk)
    assert (done.held, done.leased, done.employers) == (1, 1, 2)
    rooms = {room.room_id: room for room in db.session.execute(select(HoldRoom)).scalars()}
    assert rooms[held.room_id].answer == "declined"
    assert db.session.get_one(RoomClaim, rooms[held.room_id].claim_id).state == "released"
    assert db.session.get_one(RoomClaim, rooms[elsewhere.room_id].claim_id).state == "held"
    assert db.session.get_one(Hold, hold.id).state == "active"
    assert db.session.get_one(Listing, held.id).state == "withdrawn"
    told = {
        message.user_id: message.params
        for message in db.session.execute(
            select(Message).where(Message.kind == "bookings.house_dangerous")
        ).scalars()
    }
    assert told[holder.user_id]["held"] == 1
    assert told[tenant.user_id]["leased"] == 1
    texts = [item for item in db.session.execute(select(OutboxItem)).scalars() if "dangerous" in item.key]
    assert len(texts) == 2
    with pytest.raises(WrongState), transaction():
        delist_dangerous_house(house=house, reason="D 级", today=TODAY, now=NOW, actor=clerk)


def test_only_the_village_marks_its_houses(client: FlaskClient, at_now: None) -> None:
    house = factories.make_house()
    url = f"/houses/{house.id}/danger"
    factories.make_village(OTHER_STREET_VILLAGE)
    for actor, status in (
        (factories.make_clerk(OTHER_STREET_VILLAGE), 404),
        (factories.make_employer()[0], 403),
        (factories.make_villager()[0], 403),
    ):
        sign_in(client, actor)
        assert client.get(url).status_code == status
    sign_in(client, factories.make_clerk())
    assert "是危房，全部下架？" in text_of(client.get(url))
    without = post(client, url)
    assert without.status_code == 422
    assert "请写鉴定等级" in text_of(without)


def test_demands_of_one_employer(client: FlaskClient, at_now: None) -> None:
    actor, enterprise = factories.make_employer()
    site = factories.make_worksite(enterprise)
    sign_in(client, actor)
    data = {
        **DATES,
        "day_men": "100",
        "couples": "10",
        "worksite": str(site.id),
        "max_rent": "320",
        "rent_unit": "bed",
        "max_minutes": "20",
        "travel_mode": "ebike",
        "utilities_by": "lessee",
        "note": "夜班",
    }
    for field, odd, sentence in (
        ("day_men", "501", "0 到 500"),
        ("day_men", "一百", "不是整数"),
        ("max_rent", "三百二", "三百二"),
        ("last_on", "2026-11-01", "早于"),
        ("starts_on", "2026-11-01", "已经过去"),
        ("ground_beds", "200", "比要住的 120 人还多"),
    ):
        refused = post(client, "/demands/new", **{**data, field: odd})
        assert refused.status_code == 422, field
        assert sentence in text_of(refused)
    nobody = post(client, "/demands/new", **{**data, "day_men": "", "couples": "0"})
    assert "至少写一个要住的人" in text_of(nobody)
    assert post(client, "/demands/new", **data).status_code == 303
    demand = db.session.execute(select(Demand)).scalar_one()
    assert (demand.beds, demand.max_rent_fen, demand.worksite_id) == (120, 32_000, site.id)
    assert "夜班" in text_of(client.get("/demands"))
    again = text_of(client.get(f"/demands/new?copy={demand.id}"))
    assert 'value="100"' in again
    assert post(client, f"/demands/{demand.id}/change", **{**data, "day_men": "80"}).status_code == 303
    db.session.expire_all()
    assert db.session.get_one(Demand, demand.id).beds == 100
    rival, _theirs = factories.make_employer()
    sign_in(client, rival)
    assert "夜班" not in text_of(client.get("/demands"))
    withdraw = f"/demands/{demand.id}/withdraw"
    assert post(client, withdraw, "/demands", reason="x").status_code == 404
    sign_in(client, actor)
    assert post(client, withdraw).status_code == 422
    assert post(client, withdraw, reason="订单没了").status_code == 303
    assert "撤回的原因：订单没了" in text_of(client.get(f"/demands/{demand.id}"))
    assert post(client, withdraw, reason="再撤").status_code == 409


def test_offices_read_the_demands_of_their_area(client: FlaskClient, at_now: None) -> None:
    _actor, enterprise = factories.make_employer()
    db.session.add(
        Demand(enterprise_id=enterprise.id, day_men=80, starts_on=TODAY, ends_on=TODAY + timedelta(days=30))
    )
    factories.make_village(OTHER_STREET_VILLAGE)
    for actor, seen in (
        (factories.make_street_officer(), True),
        (factories.make_district_officer(), True),
        (factories.make_street_officer(OTHER_STREET_VILLAGE[:9]), False),
    ):
        sign_in(client, actor)
        assert (enterprise.name in text_of(client.get("/demands"))) is seen
        assert client.get("/demands/new").status_code == 403
    sign_in(client, factories.make_clerk())
    assert client.get("/demands").status_code == 403


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("ck_room_claim_only_holds_end", {"state": "leased", "held_until": NOW}),
        ("ck_room_claim_hold_has_end", {"state": "held", "held_until": None}),
        ("ck_room_claim_period_forward", {"state": "closed", "ends_on": TODAY}),
        ("ck_room_claim_state_known", {"state": "taken"}),
    ],
)
def test_claims_that_cannot_be(db_session: Any, constraint: str, values: dict[str, Any]) -> None:
    room = factories.make_room()
    taken = {
        "room_id": room.id,
        "village_code": room.village_code,
        "starts_on": TODAY,
        "ends_on": TODAY + timedelta(days=1),
        **values,
    }
    with pytest.raises(IntegrityError, match=constraint):
        factories.add(RoomClaim(**taken))


def test_one_key_one_hold(db_session: Any) -> None:
    listings = [factories.make_listing(), factories.make_listing()]
    enterprise = factories.make_enterprise()
    hold = factories.make_hold(enterprise, listings[:1], TODAY, TODAY + timedelta(days=1))
    with pytest.raises(IntegrityError, match="uq_hold_request_key"):
        factories.make_hold(
            enterprise, listings[1:], TODAY, TODAY + timedelta(days=1), request_key=hold.request_key
        )
