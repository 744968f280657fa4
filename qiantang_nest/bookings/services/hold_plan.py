"""A plan becomes a hold whole or not at all; for a room that went since, one other is proposed.

Everything that makes a hold safe is ``hold_rooms``' own: the villages' locks, the look, the key, the digest.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from qiantang_nest.bookings.models import Demand, Hold, Plan, PlanRoom
from qiantang_nest.bookings.queries.planning import choices_of, question_of, rooms_for, rooms_of_plans
from qiantang_nest.bookings.queries.rooms import free_among, names_of_rooms
from qiantang_nest.bookings.rules import Area, Ask, OnRefusal, Times
from qiantang_nest.bookings.rules.limits import Offered, miss_of
from qiantang_nest.bookings.rules.need import Group
from qiantang_nest.bookings.rules.plans import Gone, stand_in
from qiantang_nest.bookings.services.hold_rooms import RoomsGone, hold_rooms
from qiantang_nest.bookings.services.plans import refuse_unless_open
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _


@dataclass(frozen=True, slots=True)
class Swap:
    """A room of the plan that has gone, and the one that takes its place; None if none can."""

    gone: PlanRoom
    new: Offered | None

    @property
    def dearer_fen(self) -> int:
        """How much more a month; less is negative."""
        return 0 if self.new is None else self.new.room.rent_fen - self.gone.rent_fen

    @property
    def farther(self) -> int:
        """How many minutes more; fewer is negative."""
        return 0 if self.new is None else self.new.room.minutes - self.gone.minutes


@dataclass(frozen=True, slots=True)
class PlanNow:
    """A plan as it could be held at this moment."""

    rooms: list[PlanRoom]
    swaps: list[Swap]
    rent_fen: int

    @property
    def room_ids(self) -> list[int]:
        """What a hold would take."""
        swapped = {swap.gone.room_id: swap.new for swap in self.swaps}
        ids = [room.room_id for room in self.rooms if room.room_id not in swapped]
        return sorted([*ids, *(new.room.room_id for new in swapped.values() if new is not None)])

    @property
    def whole(self) -> bool:
        """Every room that went has another."""
        return all(swap.new is not None for swap in self.swaps)


def look_at_plan(*, plan: Plan, demand: Demand, agreed: Mapping[int, int], now: datetime) -> PlanNow:
    """What of a plan can still be had, with a stand-in for each room that went; takes nothing.

    ``agreed``: room that went → its stand-in, as the employer has seen them; kept while they are free.
    The rooms around are read only if something has gone.
    """
    question = question_of(demand)
    rooms = rooms_of_plans([plan.id])[plan.id]
    wanted = [room.room_id for room in rooms]
    free = {
        one.room_id: one
        for one in free_among(
            wanted, question.gate, starts_on=demand.starts_on, ends_on=demand.ends_on, now=now
        )
    }
    # Dearer than when it was planned is as good as gone: nobody has said yes to that rent.
    kept = {
        room.room_id
        for room in rooms
        if room.room_id in free and free[room.room_id].rent_fen <= room.rent_fen
    }
    gone = [room for room in rooms if room.room_id not in kept]
    swaps = _swaps(gone, kept, demand, agreed, now) if gone else []
    rent_fen = sum(free[room_id].rent_fen for room_id in kept)
    rent_fen += sum(swap.new.room.rent_fen for swap in swaps if swap.new is not None)
    return PlanNow(rooms, swaps, rent_fen)


def _swaps(
    gone: Sequence[PlanRoom], kept: set[int], demand: Demand, agreed: Mapping[int, int], now: datetime
) -> list[Swap]:
    question = question_of(demand)
    offered, _more = rooms_for(question, now)
    struck = choices_of(demand.id).struck(one.room for one in offered)
    fitting = [
        one
        for one in offered
        if one.room.room_id not in struck and miss_of(one, question.limits, question.period) is None
    ]
    if question.need.ground_beds:
        # A stand-in on the same floor keeps the promise of beds without stairs.
        on_ground = {one.room.room_id for one in fitting if one.room.ground}
    else:
        on_ground = set()
    by_id = {one.room.room_id: one for one in fitting}
    taken = set(kept) | {room.room_id for room in gone}
    swaps = []
    for room in gone:
        wanted = by_id.get(agreed.get(room.room_id, 0))
        pool = fitting
        if on_ground and room.room.floor == 1:
            pool = [one for one in fitting if one.room.room_id in on_ground]
        new = (
            wanted
            if wanted is not None and wanted.room.room_id not in taken
            else stand_in(
                Gone(room.room_id, room.beds, room.rent_fen, room.minutes, Group(room.sleepers)), pool, taken
            )
        )
        if new is not None:
            taken.add(new.room.room_id)
        swaps.append(Swap(room, new))
    return swaps


def hold_plan(
    *,
    plan: Plan,
    demand: Demand,
    agreed: Mapping[int, int],
    on_refusal: OnRefusal,
    request_key: uuid.UUID,
    shown_rent_fen: int | None,
    times: Times,
    actor: Actor,
    now: datetime,
) -> int:
    """Hold exactly the rooms of a plan, those that went replaced as ``agreed``; returns the hold's id.

    The same key with the same plan again returns the hold it made before.

    Raises:
        RoomsGone: one of them went meanwhile; nothing was taken. ``look_at_plan`` proposes others.
        InvalidValue: what was agreed is not of this plan.
        WrongState: the demand is closed or over.
        And what ``hold_rooms`` raises.
    """
    refuse_unless_open(demand, now)
    of_plan = {room.room_id for room in rooms_of_plans([plan.id])[plan.id]}
    if not of_plan or not set(agreed) <= of_plan or len({*agreed.values()} - of_plan) < len(agreed):
        raise InvalidValue(_("这张表不完整，请回到方案重新锁定。"))
    wanted = sorted((of_plan - set(agreed)) | set(agreed.values()))
    if agreed and not _held_already(demand, request_key):
        _refuse_unfit(agreed, plan, demand, now)
    question = question_of(demand)
    hold_id = hold_rooms(
        enterprise=demand.enterprise,
        ask=Ask(Area(question.gate), room_ids=tuple(wanted)),
        period=question.period,
        on_refusal=on_refusal,
        worksite=demand.worksite,
        request_key=request_key,
        shown_rent_fen=shown_rent_fen,
        times=times,
        actor=actor,
        now=now,
    )
    db.session.execute(update(Hold).where(Hold.id == hold_id).values(demand_id=demand.id, plan_id=plan.id))
    return hold_id


def _held_already(demand: Demand, request_key: uuid.UUID) -> bool:
    """The click came twice: its stand-ins are not free, since they are held by the first."""
    found = db.session.execute(
        select(Hold.id).where(Hold.enterprise_id == demand.enterprise_id, Hold.request_key == request_key)
    )
    return found.first() is not None


def _refuse_unfit(agreed: Mapping[int, int], plan: Plan, demand: Demand, now: datetime) -> None:
    """Stand-ins come from the page, so they are held to the demand's limits again. Raises RoomsGone."""
    question = question_of(demand)
    offered, _more = rooms_for(question, now)
    beds = {
        one.room.room_id: one.room.beds
        for one in offered
        if miss_of(one, question.limits, question.period) is None
    }
    wanted = {room.room_id: room.beds for room in rooms_of_plans([plan.id])[plan.id]}
    unfit = [new for gone, new in agreed.items() if beds.get(new, 0) < wanted[gone]]
    if unfit:
        names = names_of_rooms(unfit)
        raise RoomsGone(
            _(
                "替换用的 %(names)s 也刚被订走了，这一单没有锁任何房。",
                names=_("、").join(names.get(room_id, f"#{room_id}") for room_id in unfit[:10]),
            ),
            unfit,
        )
