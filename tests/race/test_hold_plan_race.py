"""Two employers hold plans of the same rooms at once, and one employer the same plan twice: nobody gets half.

Each thread has a connection of its own and commits. The last test takes the guards away and must see rooms
taken twice: it shows that the others would have noticed.
"""

import threading
import uuid
from dataclasses import dataclass
from datetime import date

import pytest
from flask import Flask
from sqlalchemy import func, select

from qiantang_nest.bookings.models import Demand, Hold, HoldRoom, Plan, PlanRoom
from qiantang_nest.bookings.rules import OnRefusal, Times
from qiantang_nest.bookings.services import taking_rooms as taking
from qiantang_nest.bookings.services.hold_plan import hold_plan, look_at_plan
from qiantang_nest.bookings.services.hold_rooms import RoomsGone
from qiantang_nest.bookings.services.plans import read_for_plans, record_plans, solve_plans
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import Busy
from tests import factories as make
from tests.factories import NOW
from tests.race.test_hold_rooms_race import at_once, held_rooms, many_connections, remove_guards

ROOMS, CLIENTS = 6, 16
PEOPLE = 2 * ROOMS


@dataclass(frozen=True)
class Planner:
    """An employer with a plan that takes every room there is."""

    actor: Actor
    demand_id: int
    plan_id: int


def planner() -> Planner:
    with transaction():
        actor, enterprise = make.make_employer()
        demand = make.add(
            Demand(
                enterprise_id=enterprise.id,
                day_men=PEOPLE,
                starts_on=date(2026, 12, 1),
                ends_on=date(2027, 6, 1),
            )
        )
        found = read_for_plans(demand=demand, now=NOW)
        made_round = record_plans(found=found, made=solve_plans(found), actor=actor)
        plan_id = db.session.execute(
            select(Plan.id).where(Plan.round_id == made_round, Plan.kind == "cost")
        ).scalar_one()
        rooms = select(func.count()).select_from(PlanRoom).where(PlanRoom.plan_id == plan_id)
        assert db.session.execute(rooms).scalar_one() == ROOMS
        return Planner(actor, demand.id, plan_id)


def two_planners() -> list[Planner]:
    with transaction():
        for _house in range(ROOMS // 2):
            house = make.make_house()
            for _room in range(2):
                make.make_listing(make.make_room(house))
    return [planner(), planner()]


def take(one: Planner, key: uuid.UUID) -> str:
    try:
        with transaction():
            hold_plan(
                plan=db.session.get_one(Plan, one.plan_id),
                demand=db.session.get_one(Demand, one.demand_id),
                agreed={},
                on_refusal=OnRefusal.REPLACE,
                request_key=key,
                shown_rent_fen=None,
                times=Times(),
                actor=one.actor,
                now=NOW,
            )
    except RoomsGone:
        return "gone"
    except Busy:
        return "busy"
    return "held"


def test_of_two_employers_one_gets_the_whole_plan(fresh_app: Flask) -> None:
    with many_connections(fresh_app):
        planners = two_planners()
        said = at_once(fresh_app, lambda number: take(planners[number % 2], uuid.uuid4()), clients=CLIENTS)
        assert said["held"] == 1
        assert set(said) <= {"held", "gone", "busy"}
        assert held_rooms() == (ROOMS, ROOMS, 0)
        (winner,) = db.session.execute(select(Hold.demand_id)).scalars()
        loser = next(one for one in planners if one.demand_id != winner)
        left = look_at_plan(
            plan=db.session.get_one(Plan, loser.plan_id),
            demand=db.session.get_one(Demand, loser.demand_id),
            agreed={},
            now=NOW,
        )
        assert len(left.swaps) == ROOMS
        assert not left.whole


def test_the_same_click_many_times_makes_one_hold_of_the_plan(fresh_app: Flask) -> None:
    with many_connections(fresh_app):
        one, _other = two_planners()
        key = uuid.uuid4()
        said = at_once(fresh_app, lambda _number: take(one, key), clients=CLIENTS)
        # On a slow machine some wait for the first longer than the lock's time; trying again finds its hold.
        assert set(said) <= {"held", "busy"}
        assert take(one, key) == "held"
        assert held_rooms() == (ROOMS, ROOMS, 0)
        holds = db.session.execute(select(Hold.plan_id, Hold.demand_id)).all()
        assert [tuple(hold) for hold in holds] == [(one.plan_id, one.demand_id)]


@pytest.mark.breaks_invariants("shows what the guards are for")
def test_without_guards_both_get_the_rooms(fresh_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: both look before either writes, and nothing keeps them apart."""
    with many_connections(fresh_app):
        planners = two_planners()
        remove_guards(fresh_app, monkeypatch, lock=True, constraint=True)
        both_looked = threading.Barrier(2, timeout=30)
        monkeypatch.setattr(taking, "expire_stale_holds", lambda *, room_ids, now: both_looked.wait())
        said = at_once(fresh_app, lambda number: take(planners[number], uuid.uuid4()), clients=2)
        assert said == {"held": 2}
        claims, rooms, overlaps = held_rooms()
        assert (claims, rooms, overlaps) == (2 * ROOMS, 2 * ROOMS, ROOMS)
        per_room = select(HoldRoom.room_id, func.count()).group_by(HoldRoom.room_id)
        assert {count for _room, count in db.session.execute(per_room)} == {2}
