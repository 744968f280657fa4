"""People come, do not come, and leave: one audit row each and, for outsiders, one report to make."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.enterprises.models import Worker
from qiantang_nest.housing.models import Room
from qiantang_nest.occupancy.models import LeaseRoom, Stay
from qiantang_nest.occupancy.queries.stays import called
from qiantang_nest.occupancy.services import registrations
from qiantang_nest.occupancy.services.bed_checks import BedChoice, check_choices, refuse_barred
from qiantang_nest.occupancy.services.beds import lock_and_refresh, place


def check_in(*, stays: Sequence[Stay], arrived_on: date, actor: Actor, today: date) -> None:
    """Record that planned workers have come on a day, all or nothing; the stay begins that day.

    Raises:
        InvalidValue: the day is in the future or outside the room's lease, or someone is under 16.
        WrongState: someone has come already or the plan was cancelled.
        HouseBarred: an open major hazard, or a dangerous house.
        BedTaken, MixedRoom, WorkerHoused: coming earlier than planned, somebody is in the way.
    """
    if not stays:
        return
    if arrived_on > today:
        raise InvalidValue(_("入住日期 %(day)s 还没有到，到那天再办。", day=arrived_on.isoformat()))
    lock_and_refresh([stay.lease_room for stay in stays])
    _refresh(stays)
    for stay in stays:
        _refuse_if_settled(stay, actor)
        if stay.arrived_on is not None:
            raise WrongState(_("%(name)s 已经办过入住了。", name=called(stay.worker, actor)))
    choices = [
        BedChoice(stay.worker, stay.lease_room, stay.bed_no, arrived_on, stay.ends_on) for stay in stays
    ]
    check_choices(choices, actor, ignoring=[stay.id for stay in stays])
    refuse_barred(choices)
    for stay in stays:
        stay.starts_on = stay.arrived_on = arrived_on
    db.session.flush()
    for stay in stays:
        _record(stay, "occupancy.check_in", actor, arrived_on=arrived_on.isoformat())
    registrations.report_arrivals(stays)


def check_out(*, stays: Sequence[Stay], left_on: date, actor: Actor, today: date, now: datetime) -> None:
    """Record that workers have left on a day; their beds are free from that very day on.

    Who leaves on the day of arrival has not slept there: the stay is void, and so is the report.
    Freeing needs no lock.

    Raises:
        InvalidValue: the day is in the future, before the arrival, or after the end of the stay.
        WrongState: someone has not come yet or has already left.
    """
    if left_on > today:
        raise InvalidValue(_("退房日期 %(day)s 还没有到，请填今天或以前。", day=left_on.isoformat()))
    _refresh(stays)
    for stay in stays:
        _refuse_if_settled(stay, actor)
        if stay.arrived_on is None:
            raise WrongState(
                _("%(name)s 还没有入住，不用退房；不来了请办“没来”。", name=called(stay.worker, actor))
            )
        if not stay.starts_on <= left_on <= stay.ends_on:
            raise InvalidValue(
                _(
                    "%(name)s 的退房日期应在 %(first)s 到 %(last)s 之间，您填的是 %(day)s。",
                    name=called(stay.worker, actor),
                    first=stay.starts_on.isoformat(),
                    last=min(stay.ends_on, today).isoformat(),
                    day=left_on.isoformat(),
                )
            )
    for stay in stays:
        if left_on == stay.starts_on:
            stay.cancelled_at = now
        stay.ends_on = stay.left_on = left_on
    db.session.flush()
    for stay in stays:
        _record(stay, "occupancy.check_out", actor, left_on=left_on.isoformat())
    registrations.report_departures(stays, actor=actor)


def cancel_stay(*, stay: Stay, actor: Actor, now: datetime) -> None:
    """Record that a planned worker does not come; the bed is free at once."""
    _refresh([stay])
    _refuse_if_settled(stay, actor)
    if stay.arrived_on is not None:
        raise WrongState(_("%(name)s 已经入住，要走请办退房。", name=called(stay.worker, actor)))
    stay.cancelled_at = now
    db.session.flush()
    _record(stay, "occupancy.cancel_stay", actor)


def replace_worker(
    *, stay: Stay, worker: Worker, left_on: date, actor: Actor, today: date, now: datetime
) -> Stay:
    """Check one worker out and plan another into the same bed from that day on, without a gap.

    ``left_on`` is the first day the one before no longer sleeps there. Returns the new plan, which lasts as
    long as the old stay would have.
    """
    until = stay.ends_on
    lease_room: LeaseRoom = stay.lease_room
    if left_on >= min(until, lease_room.ends_on):
        raise InvalidValue(
            _("%(name)s 的床位到那天就到期了，没有日子给接替的人。", name=called(stay.worker, actor))
        )
    # The lock comes first: the bed must not be given away between leaving and planning.
    lock_and_refresh([lease_room])
    check_out(stays=[stay], left_on=left_on, actor=actor, today=today, now=now)
    choice = BedChoice(worker, lease_room, stay.bed_no, left_on, until, by_hand=True)
    return place(choices=[choice], actor=actor)[0]


def _refresh(stays: Sequence[Stay]) -> None:
    """Lock the rows and read them anew, workers and rooms with them, in the order of their ids."""
    db.session.execute(
        select(Stay)
        .options(joinedload(Stay.worker), joinedload(Stay.room).joinedload(Room.house))
        .where(Stay.id.in_({stay.id for stay in stays}))
        .order_by(Stay.id)
        .with_for_update(of=Stay)
        .execution_options(populate_existing=True)
    ).scalars().all()


def _refuse_if_settled(stay: Stay, actor: Actor) -> None:
    if stay.left_on is not None:
        raise WrongState(
            _(
                "%(name)s 在 %(day)s 已经退房了。",
                name=called(stay.worker, actor),
                day=stay.left_on.isoformat(),
            )
        )
    if stay.cancelled_at is not None:
        raise WrongState(_("%(name)s 的这次安排已经取消了。", name=called(stay.worker, actor)))


def _record(stay: Stay, action: str, actor: Actor, **changes: object) -> None:
    audit.record(
        actor=actor,
        action=action,
        entity="stay",
        entity_id=stay.id,
        changes={"room_id": stay.room_id, "bed_no": stay.bed_no, **changes},
    )
