"""From a demand to three plans, from a plan to a hold, and what is said when the need cannot be met."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from qiantang_nest.bookings.models import (
    Demand,
    DemandChoice,
    FairnessRule,
    Hold,
    HoldRoom,
    Plan,
    PlanRoom,
    PlanRound,
)
from qiantang_nest.bookings.queries.planning import question_of, rooms_for, rooms_of_plans
from qiantang_nest.bookings.rules import OnRefusal, Times
from qiantang_nest.bookings.rules.need import Group
from qiantang_nest.bookings.services.hold_plan import hold_plan, look_at_plan
from qiantang_nest.bookings.services.hold_rooms import RoomsGone
from qiantang_nest.bookings.services.plans import choose, read_for_plans, record_plans, solve_plans
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import WrongState
from qiantang_nest.housing.models import Listing
from qiantang_nest.occupancy.models import RoomClaim
from tests import factories
from tests.bookings.test_block import post, text_of
from tests.conftest import sign_in
from tests.factories import NEIGHBOUR_VILLAGE, NOW, TODAY

START, END = TODAY + timedelta(days=7), TODAY + timedelta(days=187)


def make_demand(enterprise: Any, **fields: Any) -> Demand:
    values: dict[str, Any] = {"day_men": 4, "starts_on": START, "ends_on": END, **fields}
    return factories.add(Demand(enterprise_id=enterprise.id, **values))  # type: ignore[no-any-return]


def listing(rent: int = 600, **fields: Any) -> Listing:
    """An offered room of two beds in a house of its own."""
    return factories.make_listing(factories.make_room(**fields), rent_fen=rent * 100)


def plan_for(demand: Demand, actor: Actor) -> list[Plan]:
    with transaction():
        read = read_for_plans(demand=demand, now=NOW)
        made_round = record_plans(found=read, made=solve_plans(read), actor=actor)
    plans = db.session.execute(select(Plan).where(Plan.round_id == made_round).order_by(Plan.kind))
    return list(plans.scalars())


def rooms_of(plan: Plan) -> set[int]:
    return {room.room_id for room in rooms_of_plans([plan.id])[plan.id]}


def test_only_rooms_that_may_be_let_for_the_whole_period_answer(db_session: Any) -> None:
    _actor, enterprise = factories.make_employer()
    good = listing()
    short = factories.make_listing(ends_on=END - timedelta(days=1))
    taken = listing()
    factories.make_claim(taken.room, END - timedelta(days=1), END + timedelta(days=9))
    lapsed = factories.make_listing(
        factories.make_room(factories.make_house(safe_until=START, sellable=True))
    )
    dear = listing(rent=641)
    high = listing(floor=3)
    demand = make_demand(enterprise, max_rent_fen=32_000, max_floor=2)
    question = question_of(demand)
    found, more = rooms_for(question, NOW)
    ids = {one.room.room_id for one in found}
    assert good.room_id in ids
    assert not ids & {one.room_id for one in (short, taken, lapsed, dear, high)}
    assert not more


def test_three_plans_are_kept_with_their_figures_and_unmet_heads(db_session: Any) -> None:
    actor, enterprise = factories.make_employer()
    for rent in (500, 520, 560):
        listing(rent)
    demand = make_demand(enterprise, day_men=3, day_women=2, couples=1)
    plans = plan_for(demand, actor)
    made = db.session.execute(select(PlanRound)).scalar_one()
    # Six beds for seven: one man goes without, since a couple and two women fill theirs.
    assert (made.unmet_people, made.unmet_day_men) == (1, 1)
    assert [plan.kind for plan in plans] == ["cost", "houses", "way"]
    for plan in plans:
        rooms = rooms_of_plans([plan.id])[plan.id]
        assert plan.rent_fen == sum(room.rent_fen for room in rooms)
        assert plan.rooms == len(rooms)
        assert plan.beds == sum(room.beds for room in rooms)


def test_pins_and_strikes_stay_and_are_obeyed(db_session: Any) -> None:
    actor, enterprise = factories.make_employer()
    cheap, middle, dear = listing(500), listing(520), listing(900)
    demand = make_demand(enterprise, day_men=2)
    with transaction():
        choose(demand=demand, kind="pin", room_id=dear.room_id, house_id=None, actor=actor, now=NOW)
        choose(demand=demand, kind="strike", room_id=None, house_id=cheap.room.house_id, actor=actor, now=NOW)
    for plan in plan_for(demand, actor):
        assert dear.room_id in rooms_of(plan)
        assert cheap.room_id not in rooms_of(plan)
    with transaction():
        choose(demand=demand, kind="clear", room_id=dear.room_id, house_id=None, actor=actor, now=NOW)
    assert rooms_of(plan_for(demand, actor)[0]) == {middle.room_id}
    assert db.session.scalar(select(func.count()).select_from(DemandChoice)) == 1


def test_the_household_let_least_comes_first_and_the_district_decides_how_much_that_may_cost(
    db_session: Any,
) -> None:
    actor, enterprise = factories.make_employer()
    let, idle = listing(600), listing(610)
    factories.make_claim(let.room, TODAY - timedelta(days=300), TODAY)
    demand = make_demand(enterprise, day_men=2)
    plan = plan_for(demand, actor)[0]
    assert rooms_of(plan) == {idle.room_id}
    assert (plan.plain_rent_fen, plan.plain_least_let, plan.least_let) == (60_000, 0, 1)
    factories.add(FairnessRule(permille=0, basis="会议", effective_on=TODAY))
    assert rooms_of(plan_for(demand, actor)[0]) == {let.room_id}


def test_what_would_meet_the_need_is_solved_and_the_smallest_comes_first(db_session: Any) -> None:
    actor, enterprise = factories.make_employer()
    listing(600)
    busy, dearer = listing(600), listing(900)
    factories.make_claim(busy.room, TODAY, START + timedelta(days=2))
    demand = make_demand(enterprise, day_men=4, max_rent_fen=32_000)
    plan_for(demand, actor)
    made = db.session.execute(select(PlanRound)).scalar_one()
    assert made.unmet_day_men == 2
    assert [(one["kind"], one["value"]) for one in made.changes] == [("dates", 2), ("rent", 45_000)]
    assert dearer.rent_fen == 90_000


def held(plan: Plan, demand: Demand, actor: Actor, key: uuid.UUID, agreed: dict[int, int]) -> int:
    with transaction():
        return hold_plan(
            plan=plan,
            demand=demand,
            agreed=agreed,
            on_refusal=OnRefusal.DROP,
            request_key=key,
            shown_rent_fen=None,
            times=Times(),
            actor=actor,
            now=NOW,
        )


def test_a_plan_is_held_whole_and_the_same_click_twice_is_one_hold(db_session: Any) -> None:
    actor, enterprise = factories.make_employer()
    for _room in range(3):
        listing()
    demand = make_demand(enterprise)
    plan, key = plan_for(demand, actor)[0], uuid.uuid4()
    first = held(plan, demand, actor, key, {})
    assert held(plan, demand, actor, key, {}) == first
    hold = db.session.get_one(Hold, first)
    assert (hold.demand_id, hold.plan_id) == (demand.id, plan.id)
    taken = db.session.execute(select(HoldRoom.room_id).where(HoldRoom.hold_id == first)).scalars()
    assert set(taken) == rooms_of(plan)


def test_a_room_that_went_is_the_only_one_replaced_and_only_after_a_yes(db_session: Any) -> None:
    actor, enterprise = factories.make_employer()
    _rival, other = factories.make_employer()
    first, second = listing(600), listing(600)
    stand_in, dear = listing(650), listing(900)
    demand = make_demand(enterprise)
    plan = plan_for(demand, actor)[0]
    assert rooms_of(plan) == {first.room_id, second.room_id}
    with transaction():
        factories.make_hold(other, [second], START, END)
    key = uuid.uuid4()
    with pytest.raises(RoomsGone):
        held(plan, demand, actor, key, {})
    assert db.session.scalar(select(func.count()).select_from(Hold)) == 1
    look = look_at_plan(plan=plan, demand=demand, agreed={}, now=NOW)
    (swap,) = look.swaps
    assert swap.new is not None
    assert (swap.gone.room_id, swap.new.room.room_id) == (second.room_id, stand_in.room_id)
    assert (swap.dearer_fen, look.rent_fen) == (5_000, 125_000)
    agreed = {second.room_id: stand_in.room_id}
    hold_id = held(plan, demand, actor, key, agreed)
    assert held(plan, demand, actor, key, agreed) == hold_id
    taken = db.session.execute(select(HoldRoom.room_id).where(HoldRoom.hold_id == hold_id)).scalars()
    assert set(taken) == {first.room_id, stand_in.room_id}
    assert dear.room_id not in rooms_of(plan)


def test_a_stand_in_from_outside_the_limits_is_refused(db_session: Any) -> None:
    actor, enterprise = factories.make_employer()
    first, second, dear = listing(600), listing(600), listing(900)
    demand = make_demand(enterprise, max_rent_fen=30_000)
    plan = plan_for(demand, actor)[0]
    with pytest.raises(RoomsGone):
        held(plan, demand, actor, uuid.uuid4(), {second.room_id: dear.room_id})
    assert db.session.scalar(select(func.count()).select_from(RoomClaim)) == 0
    assert first.room_id in rooms_of(plan)


def test_a_closed_demand_gets_no_plans(db_session: Any) -> None:
    _actor, enterprise = factories.make_employer()
    demand = make_demand(enterprise, state="withdrawn", withdraw_reason="停产")
    with pytest.raises(WrongState):
        read_for_plans(demand=demand, now=NOW)


def test_from_the_form_to_a_booking_that_meets_the_demand(client: FlaskClient, at_now: None) -> None:
    actor, enterprise = factories.make_employer()
    site = factories.make_worksite(enterprise)
    house = factories.make_house()
    for _room in range(2):
        factories.make_listing(factories.make_room(house))
    sign_in(client, actor)
    written = post(
        client,
        "/demands/new",
        day_men="2",
        night_women="2",
        worksite=str(site.id),
        starts_on=START.isoformat(),
        last_on=(END - timedelta(days=1)).isoformat(),
        travel_mode="ebike",
        rent_unit="bed",
        utilities_by="lessor",
    )
    assert written.status_code == 303
    page = written.headers["Location"]
    assert "算三个方案" in text_of(client.get(page))
    assert post(client, f"{page}/plans", page).status_code == 303
    shown = text_of(client.get(page))
    for words in ("最省钱", "路最近", "最好管", "已证明没有更好的", "三个方案是同一批房"):
        assert words in shown
    plan = db.session.execute(select(Plan).order_by(Plan.id)).scalars().first()
    assert plan is not None
    assert "夜班女" in text_of(client.get(f"/plans/{plan.id}"))
    ask = f"/plans/{plan.id}/hold"
    asked = text_of(client.get(ask))
    assert "锁定“最省钱”的 2 间房" in asked
    done = post(client, ask, on_refusal="drop", request_key=str(uuid.uuid4()), shown_rent_fen="120000")
    assert done.status_code == 303
    hold_id = int(done.headers["Location"].rsplit("/", 1)[1])
    assert "已锁定" in text_of(client.get("/demands"))
    with transaction():
        db.session.execute(update(HoldRoom).where(HoldRoom.hold_id == hold_id).values(answer="accepted"))
    confirm = f"/holds/{hold_id}/confirm"
    assert re.search(r'<input[^>]*checked[^>]*value="lessor"', client.get(confirm).text)
    terms = {"convention": "anchor", "proration": "actual", "utilities_by": "lessor"}
    terms |= {"grace_days": "5", "deposit_months": "1", "deposit_return_days": "7"}
    booked = post(client, confirm, late_fee_permyriad="5", notice_days="30", **terms)
    assert booked.status_code == 303, text_of(booked)
    db.session.expire_all()
    assert db.session.execute(select(Demand.state)).scalar_one() == "met"


@pytest.mark.parametrize(("people", "met"), [(2, True), (4, False)])
def test_a_plan_says_that_one_village_did_not_hold_all(
    client: FlaskClient, at_now: None, people: int, met: bool
) -> None:
    """Two rooms in two villages hold four; two people fit into either."""
    actor, enterprise = factories.make_employer()
    listing()
    factories.make_listing(factories.make_room(factories.make_house(factories.make_owner(NEIGHBOUR_VILLAGE))))
    demand = make_demand(enterprise, day_men=people, same_village=True)
    page = f"/demands/{demand.id}"
    sign_in(client, actor)
    assert post(client, f"{page}/plans", page).status_code == 303
    shown = text_of(client.get(page))
    assert "最好一个村" in shown
    assert ("“最好一个村”没有做到，分在 2 个村" in shown) != met


def test_plans_of_others_are_not_found(client: FlaskClient, at_now: None) -> None:
    actor, enterprise = factories.make_employer()
    listing()
    listing()
    demand = make_demand(enterprise)
    plan = plan_for(demand, actor)[0]
    rival, _theirs = factories.make_employer()
    sign_in(client, rival)
    for url in (f"/demands/{demand.id}", f"/plans/{plan.id}", f"/plans/{plan.id}/hold"):
        assert client.get(url).status_code == 404
    sign_in(client, factories.make_street_officer())
    assert client.get(f"/demands/{demand.id}").status_code == 200
    assert client.get(f"/plans/{plan.id}/hold").status_code == 403


def test_a_change_that_was_proposed_is_done_with_a_press(client: FlaskClient, at_now: None) -> None:
    actor, enterprise = factories.make_employer()
    listing(600)
    listing(700)
    demand = make_demand(enterprise, max_rent_fen=30_000)
    plan_for(demand, actor)
    sign_in(client, actor)
    page = f"/demands/{demand.id}"
    shown = text_of(client.get(page))
    assert "还有 2 人没有床" in shown
    assert "租金放宽到每月 350.00 元" in shown
    assert post(client, f"{page}/changes", page, number="1").status_code == 303
    assert post(client, f"{page}/changes", page, number="9").status_code == 404
    db.session.expire_all()
    assert db.session.get_one(Demand, demand.id).max_rent_fen == 35_000
    latest = db.session.execute(select(PlanRound).order_by(PlanRound.id.desc())).scalars().first()
    assert latest is not None
    assert latest.unmet_people == 0


def test_the_district_sets_the_rule_once_a_day_and_not_backwards(client: FlaskClient, at_now: None) -> None:
    sign_in(client, factories.make_district_officer())
    data = {"percent": "5", "basis": "区政府会议纪要", "effective_on": TODAY.isoformat()}
    early = post(client, "/fairness", **{**data, "effective_on": "2026-01-01"})
    assert early.status_code == 422
    assert post(client, "/fairness", **data).status_code == 303
    assert post(client, "/fairness", **data).status_code == 422
    assert "最多贵 5%" in text_of(client.get("/fairness"))
    sign_in(client, factories.make_street_officer())
    assert client.get("/fairness").status_code == 403


def test_the_signal_counts_beds_by_street_and_month(client: FlaskClient, at_now: None) -> None:
    actor, enterprise = factories.make_employer()
    factories.make_village(NEIGHBOUR_VILLAGE)
    listing()
    demand = make_demand(enterprise, day_men=9)
    plan_for(demand, actor)
    make_demand(enterprise, day_men=5, state="met")
    for officer in (factories.make_street_officer(), factories.make_district_officer()):
        sign_in(client, officer)
        shown = text_of(client.get("/demands/signal"))
        assert "河庄街道" in shown
        assert "2026-11" in shown
        assert "14" in shown
    sign_in(client, factories.make_street_officer("330114004"))
    assert "前后半年没有登记的需求" in text_of(client.get("/demands/signal"))


def test_plan_rooms_have_one_group(db_session: Any) -> None:
    actor, enterprise = factories.make_employer()
    for _room in range(4):
        listing()
    demand = make_demand(enterprise, day_men=1, night_men=1, couples=1)
    for plan in plan_for(demand, actor):
        sleepers = db.session.execute(select(PlanRoom.sleepers).where(PlanRoom.plan_id == plan.id)).scalars()
        assert sorted(sleepers) == sorted([Group.DAY_MEN, Group.NIGHT_MEN, Group.COUPLE])
