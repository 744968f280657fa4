"""Reports of arrivals and departures to the police, due in three working days.

浙江省流动人口居住登记条例 art. 8–9; rulebook 2.4 and 9. Locals are on the register but have no report.
Somebody who leaves again before the arrival was reported, within its three working days, needs neither.
"""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select, tuple_

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.text import normalise
from qiantang_nest.housing.models import Room
from qiantang_nest.occupancy.models import Registration, Stay
from qiantang_nest.occupancy.rules import registration_due

SHORT_STAY = "short_stay"
"""The ``reference`` of a pair that needed no report, as pages read it."""
REFERENCE_LENGTH = 40


def report_arrivals(stays: Sequence[Stay]) -> None:
    """Make the arrival task of each outsider who has just come; one INSERT."""
    db.session.add_all([_task(stay, "arrival", stay.starts_on) for stay in stays if not stay.worker.is_local])
    db.session.flush()


def report_departures(stays: Sequence[Stay], *, actor: Actor) -> None:
    """Make the departure task of each outsider who has left; short stays close together with their arrival.

    The arrival may have been made by an earlier bed in the same house.
    """
    outsiders = [stay for stay in stays if not stay.worker.is_local and stay.left_on is not None]
    if not outsiders:
        return
    open_arrivals = _open_arrivals(outsiders)
    tasks = []
    for stay in outsiders:
        left_on = stay.ends_on
        task = _task(stay, "departure", left_on)
        arrival = open_arrivals.get((stay.worker_id, stay.room.house_id))
        if arrival is not None and left_on <= arrival.due_on:
            for one in (arrival, task):
                one.done_on, one.done_by, one.reference = left_on, actor.user_id, SHORT_STAY
            _record(arrival, "occupancy.close_short_stay", actor)
        tasks.append(task)
    db.session.add_all(tasks)
    db.session.flush()


def change_address(*, old: Stay, new: Stay, actor: Actor) -> None:
    """A present worker sleeps in another house now: report the departure there and the arrival here.

    A stay corrected in place (``old is new``) only takes its open or done arrival along, to be reported anew.
    """
    if old is not new:
        report_departures([old], actor=actor)
        report_arrivals([new])
        return
    arrival = db.session.execute(
        select(Registration).where(Registration.stay_id == new.id, Registration.kind == "arrival")
    ).scalar_one_or_none()
    if arrival is not None:
        arrival.village_code = new.village_code
        arrival.done_on, arrival.done_by, arrival.reference = None, None, ""
        db.session.flush()


def record_registrations(
    *, registrations: Sequence[Registration], reference: str, done_on: date, actor: Actor, today: date
) -> int:
    """Mark reports as made, with the number the police station gave; returns how many were still open.

    Those that somebody else has just marked stay as they are.
    Raises InvalidValue for a day in the future or before one of the arrivals or departures.
    """
    reference = normalise(reference)
    if len(reference) > REFERENCE_LENGTH:
        raise InvalidValue(
            _(
                "回执编号太长，最多 %(most)s 个字，您填了 %(count)s 个。",
                most=REFERENCE_LENGTH,
                count=len(reference),
            )
        )
    if done_on > today:
        raise InvalidValue(_("登记日期 %(day)s 还没有到，请核对。", day=done_on.isoformat()))
    latest = max((one.happened_on for one in registrations), default=done_on)
    if done_on < latest:
        raise InvalidValue(
            _(
                "登记日期 %(day)s 早于其中一人的进出日期 %(happened)s，请改晚一点或分开登记。",
                day=done_on.isoformat(),
                happened=latest.isoformat(),
            )
        )
    locked = (
        db.session.execute(
            select(Registration)
            .where(Registration.id.in_({one.id for one in registrations}), Registration.done_on.is_(None))
            .order_by(Registration.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        .scalars()
        .all()
    )
    for one in locked:
        one.done_on, one.done_by, one.reference = done_on, actor.user_id, reference
        _record(one, "occupancy.record_registrations", actor)
    db.session.flush()
    return len(locked)


def _task(stay: Stay, kind: str, happened_on: date) -> Registration:
    return Registration(
        stay_id=stay.id,
        village_code=stay.village_code,
        kind=kind,
        happened_on=happened_on,
        due_on=registration_due(happened_on),
        reference="",
    )


def _open_arrivals(stays: Sequence[Stay]) -> dict[tuple[int, int], Registration]:
    """Unreported arrivals by worker and house; the latest of each."""
    rows = db.session.execute(
        select(Stay.worker_id, Room.house_id, Registration)
        .join(Stay, Registration.stay_id == Stay.id)
        .join(Room, Stay.room_id == Room.id)
        .where(
            tuple_(Stay.worker_id, Room.house_id).in_(
                [(stay.worker_id, stay.room.house_id) for stay in stays]
            ),
            Registration.kind == "arrival",
            Registration.done_on.is_(None),
        )
        .order_by(Registration.happened_on)
    )
    return {(worker_id, house_id): arrival for worker_id, house_id, arrival in rows}


def _record(registration: Registration, action: str, actor: Actor) -> None:
    audit.record(
        actor=actor,
        action=action,
        entity="registration",
        entity_id=registration.id,
        changes={
            "done_on": registration.done_on.isoformat() if registration.done_on else None,
            "reference": registration.reference,
        },
    )
