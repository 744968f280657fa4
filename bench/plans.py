"""Three plans for a demand: read, solved and written, against the bare solver on the same rooms in memory."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg

from bench.district import TODAY, District
from bench.holds import PERIOD
from bench.measure import Result, interleaved
from bench.people import person
from qiantang_nest.accounts.rules import Role
from qiantang_nest.bookings.models import Demand
from qiantang_nest.bookings.rules.need import Wish
from qiantang_nest.bookings.rules.solver import best_block
from qiantang_nest.bookings.services.plans import read_for_plans, record_plans, solve_plans
from qiantang_nest.core import clock
from qiantang_nest.core.db import db, transaction

PEOPLE = {50: (3.0, 15), 500: (3.0, 5)}
"""Heads → target and rounds."""
_ROUNDS = "SELECT id FROM plan_round WHERE demand_id = %(demand)s"
_PLANS = f"SELECT id FROM plan WHERE round_id IN ({_ROUNDS})"
_UNDO = (
    f"DELETE FROM plan_room WHERE plan_id IN ({_PLANS})",
    f"DELETE FROM plan WHERE round_id IN ({_ROUNDS})",
    "DELETE FROM plan_round WHERE demand_id = %(demand)s",
    "DELETE FROM demand WHERE id = %(demand)s",
)


def measure_plans(district: District) -> Iterator[Result]:
    """Demands at the first gate, with women, nights and couples, out of the nearest 5,000 free rooms."""
    with psycopg.connect(district.owner_url, autocommit=True) as owner:
        site, enterprise = owner.execute(
            "SELECT id, enterprise_id FROM worksite ORDER BY enterprise_id LIMIT 1"
        ).fetchall()[0]
        actor = person(district.app, Role.EMPLOYER_STAFF, str(enterprise)).actor
        for people, (target, rounds) in PEOPLE.items():
            with district.app.app_context():
                with transaction():
                    couples = people // 20
                    demand = Demand(
                        enterprise_id=enterprise,
                        worksite_id=site,
                        starts_on=TODAY + timedelta(days=300),
                        ends_on=PERIOD.ends_on,
                        day_men=people - 2 * couples - people // 2,
                        day_women=people // 4,
                        night_men=people // 2 - people // 4,
                        couples=couples,
                        spare_percent=5,
                        created_by=actor.user_id,
                    )
                    db.session.add(demand)
                    db.session.flush()
                    demand_id = demand.id
                found = read_for_plans(demand=demand, now=clock.now())
                rooms = [one.room for one in found.offered]
                need = found.question.need

                def ours(demand: Demand = demand) -> None:
                    read = read_for_plans(demand=demand, now=clock.now())
                    with transaction():
                        record_plans(found=read, made=solve_plans(read), actor=actor)

                def bare() -> None:
                    for wish in Wish:
                        best_block(rooms, need, wish)  # noqa: B023  called at once

                ours_ms, bare_ms = interleaved(ours, bare, rounds=rounds, warm_up=1)
                db.session.rollback()
            for statement in _UNDO:
                owner.execute(statement, {"demand": demand_id})
            yield Result(f"plan-{people}", district.scale, ours_ms, bare_ms, target)
