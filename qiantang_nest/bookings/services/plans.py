"""Plans for a demand: read, solved, written, in this order, so that no transaction waits for the solver.

``read_for_plans`` looks, ``solve_plans`` takes its second, ``record_plans`` writes what came of it.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert

from qiantang_nest.bookings.models import Demand, DemandChoice, Plan, PlanRoom, PlanRound
from qiantang_nest.bookings.queries.planning import (
    HEADS,
    Question,
    choices_of,
    fairness_on,
    question_of,
    rooms_around,
    rooms_for,
)
from qiantang_nest.bookings.rules.limits import Change, Offered, changes_that_meet, miss_of
from qiantang_nest.bookings.rules.need import Group, Shortage, Wish
from qiantang_nest.bookings.rules.plans import figures_of
from qiantang_nest.bookings.rules.solver import Block, best_block, shortage
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.clock import business_date
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import WrongState
from qiantang_nest.core.i18n import _


@dataclass(frozen=True, slots=True)
class PlansInput:
    """All that plans are made of. ``around`` is read only if the need cannot be met."""

    demand_id: int
    question: Question
    offered: list[Offered]
    preselected: bool
    pinned: frozenset[int]
    struck: frozenset[int]
    fairness_permille: int
    lacking: Shortage
    around: list[Offered]
    now: datetime


@dataclass(frozen=True, slots=True)
class PlansOutput:
    """The blocks, and what would meet a need that they do not meet."""

    blocks: list[Block]
    changes: list[Change] = field(default_factory=list)


def read_for_plans(*, demand: Demand, now: datetime) -> PlansInput:
    """Read what can be had for a demand at this moment.

    Raises:
        WrongState: the demand is closed, or its first day has passed.
    """
    refuse_unless_open(demand, now)
    question = question_of(demand)
    offered, preselected = rooms_for(question, now)
    offered = [one for one in offered if miss_of(one, question.limits, question.period) is None]
    rooms = [one.room for one in offered]
    choices = choices_of(demand.id)
    pinned, struck = choices.pinned(rooms), choices.struck(rooms)
    lacking = shortage(rooms, question.need, pinned=pinned, struck=struck)
    return PlansInput(
        demand_id=demand.id,
        question=question,
        offered=offered,
        preselected=preselected,
        pinned=pinned,
        struck=struck,
        fairness_permille=fairness_on(business_date(now)).permille,
        lacking=lacking,
        around=rooms_around(question, now) if lacking else [],
        now=now,
    )


def refuse_unless_open(demand: Demand, now: datetime) -> None:
    """Raises WrongState unless plans can still be made for a demand."""
    if demand.state != "open":
        raise WrongState(_("这条需求已经关闭了。要再找房，照它新登记一条。"))
    if demand.starts_on < business_date(now):
        raise WrongState(
            _("入住日期 %(day)s 已经过去，请先把日子改成今天或以后。", day=demand.starts_on.isoformat())
        )


def solve_plans(found: PlansInput) -> PlansOutput:
    """The three plans, and up to three changes that would meet a need they do not. Touches no database."""
    rooms = [one.room for one in found.offered]
    question = found.question
    blocks = [
        best_block(
            rooms,
            question.need,
            wish,
            fairness_permille=found.fairness_permille,
            pinned=found.pinned,
            struck=found.struck,
        )
        for wish in Wish
    ]
    if not found.lacking:
        return PlansOutput(blocks)
    changes = changes_that_meet(
        found.around,
        question.need,
        question.limits,
        question.period,
        today=business_date(found.now),
        struck=found.struck,
    )
    return PlansOutput(blocks, changes)


def record_plans(*, found: PlansInput, made: PlansOutput, actor: Actor) -> int:
    """Write a round of plans; returns its id. What stays unmet is part of it."""
    lacking, question = found.lacking, found.question
    made_round = PlanRound(
        demand_id=found.demand_id,
        made_at=found.now,
        made_by=actor.user_id,
        candidates=len(found.offered),
        preselected=found.preselected,
        fairness_permille=found.fairness_permille,
        unmet_spare=lacking.spare,
        unmet_ground=lacking.ground_beds,
        changes=[asdict(change) for change in made.changes],
        **{f"unmet_{name}": lacking.heads.get(group, 0) for group, name in HEADS.items()},
    )
    db.session.add(made_round)
    db.session.flush()
    listings = {one.room.room_id: one.listing_id for one in found.offered}
    lines: list[dict[str, Any]] = []
    for block in made.blocks:
        if not block.placed:
            continue
        figures = figures_of(block, question.need, found.offered, question.ends_on)
        plan = Plan(round_id=made_round.id, kind=block.wish.value, **asdict(figures))
        db.session.add(plan)
        db.session.flush()
        lines += [_line(plan.id, place.room, place.group, listings) for place in block.placed]
    if lines:
        db.session.execute(insert(PlanRoom), lines)
    audit.record(
        actor=actor,
        action="bookings.make_plans",
        entity="demand",
        entity_id=found.demand_id,
        changes={
            "round_id": made_round.id,
            "plans": sum(bool(block.placed) for block in made.blocks),
            "unmet": lacking.people,
        },
    )
    return int(made_round.id)


def _line(plan_id: int, room: Any, group: Group, listings: dict[int, int]) -> dict[str, Any]:
    return {
        "plan_id": plan_id,
        "room_id": room.room_id,
        "house_id": room.house_id,
        "owner_id": room.owner_id,
        "village_code": room.village_code,
        "listing_id": listings[room.room_id],
        "beds": room.beds,
        "rent_fen": room.rent_fen,
        "minutes": room.minutes,
        "let_days": room.let_days,
        "sleepers": group.value,
    }


def choose(
    *, demand: Demand, kind: str, room_id: int | None, house_id: int | None, actor: Actor, now: datetime
) -> None:
    """Pin or strike a room or a house for all later plans of a demand; ``clear`` takes the choice back.

    Raises:
        WrongState: the demand is closed or over.
    """
    refuse_unless_open(demand, now)
    db.session.execute(
        delete(DemandChoice).where(
            DemandChoice.demand_id == demand.id,
            DemandChoice.room_id == room_id if room_id is not None else DemandChoice.house_id == house_id,
        )
    )
    if kind != "clear":
        db.session.add(DemandChoice(demand_id=demand.id, kind=kind, room_id=room_id, house_id=house_id))
        db.session.flush()
    audit.record(
        actor=actor,
        action="bookings.choose_room",
        entity="demand",
        entity_id=demand.id,
        changes={"kind": kind, "room_id": room_id, "house_id": house_id},
    )
