"""Reads of reports to the police and of the register of occupants."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import contains_eager, joinedload

from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.i18n import _l
from qiantang_nest.enterprises.models import Worker
from qiantang_nest.housing.models import House, Room
from qiantang_nest.occupancy.models import Registration, Stay
from qiantang_nest.occupancy.queries.stays import matching, visible

MOST_UNMASKED_ROWS = 1000
"""GB/T 35273 7.1: more of it in one go needs somebody else's approval."""


class ReportState(StrEnum):
    """What the list page can be asked for."""

    OPEN = "open"
    OVERDUE = "overdue"
    DONE = "done"


STATE_LABELS = {
    ReportState.OPEN: _l("待登记"),
    ReportState.OVERDUE: _l("已超期"),
    ReportState.DONE: _l("已登记"),
}


def in_state(state: ReportState, today: date) -> ColumnElement[bool]:
    """The condition of a state; overdue ones are open, too."""
    if state is ReportState.DONE:
        return Registration.done_on.is_not(None)
    if state is ReportState.OVERDUE:
        return and_(Registration.done_on.is_(None), Registration.due_on < today)
    return Registration.done_on.is_(None)


def registrations_visible_to(actor: Actor) -> Select[Registration]:
    """Reports with stay, worker, enterprise, room and house loaded; scope as for stays."""
    return (
        select(Registration)
        .join(Registration.stay)
        .join(Stay.worker)
        .join(Worker.enterprise)
        .join(Stay.room)
        .join(Room.house)
        .join(House.owner)
        .options(
            contains_eager(Registration.stay).options(
                contains_eager(Stay.worker).contains_eager(Worker.enterprise),
                contains_eager(Stay.room).contains_eager(Room.house),
            )
        )
        .where(visible(actor))
    )


def registrations(
    actor: Actor, state: ReportState, kind: str, village_code: str, text: str, today: date
) -> Select[Registration]:
    """The list page's rows: open ones by due day, done ones newest first."""
    statement = registrations_visible_to(actor).where(in_state(state, today))
    if kind in ("arrival", "departure"):
        statement = statement.where(Registration.kind == kind)
    if village_code:
        statement = statement.where(Registration.village_code == village_code)
    if text:
        statement = statement.where(matching(text))
    if state is ReportState.DONE:
        return statement.order_by(Registration.done_on.desc(), Registration.id.desc())
    return statement.order_by(Registration.due_on, Registration.village_code, House.id, Registration.id)


def registrations_by_ids(actor: Actor, ids: Sequence[int]) -> Sequence[Registration]:
    """Those of the reports that the actor may see, by due day."""
    return (
        db.session.execute(
            registrations_visible_to(actor)
            .where(Registration.id.in_(ids))
            .order_by(Registration.due_on, Registration.id)
        )
        .scalars()
        .all()
    )


def counts(actor: Actor, today: date) -> dict[ReportState, int]:
    """How many reports are in each state; one query."""
    states = list(ReportState)
    statement = registrations_visible_to(actor).with_only_columns(
        *(func.count().filter(in_state(state, today)) for state in states)
    )
    return dict(zip(states, db.session.execute(statement).one(), strict=True))


def register(actor: Actor, first: date, last: date, village_code: str) -> Select[Stay]:
    """Everybody who slept somewhere on one of the days ``first`` … ``last``, locals as well: the register."""
    statement = (
        select(Stay)
        .join(Stay.worker)
        .join(Stay.room)
        .join(Room.house)
        .join(House.owner)
        .options(
            contains_eager(Stay.worker).options(joinedload(Worker.enterprise)),
            contains_eager(Stay.room).contains_eager(Room.house),
        )
        .where(
            visible(actor),
            Stay.arrived_on.is_not(None),
            Stay.cancelled_at.is_(None),
            Stay.starts_on <= last,
            Stay.ends_on > first,
        )
        .order_by(Stay.village_code, House.id, Room.label, Stay.bed_no, Stay.starts_on)
    )
    return statement.where(Stay.village_code == village_code) if village_code else statement
