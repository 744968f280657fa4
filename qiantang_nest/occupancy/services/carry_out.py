"""Many people leave, move and come at once: all of it, or nothing and a sentence for each in the way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import DomainError, WrongState
from qiantang_nest.core.i18n import _, ngettext
from qiantang_nest.occupancy.models import Stay
from qiantang_nest.occupancy.queries.stays import called
from qiantang_nest.occupancy.services.bed_checks import BedChoice, refusals, refuse_barred
from qiantang_nest.occupancy.services.beds import (
    check_movable,
    lock_and_refresh,
    place,
    refuse_too_early,
    renewed,
    write_moves,
)
from qiantang_nest.occupancy.services.stays import check_in, check_out


@dataclass(frozen=True)
class Leave:
    """Somebody sleeps in a bed no longer from ``leaves_on``; if that is to come, it is what is expected."""

    line: int
    stay: Stay
    leaves_on: date


@dataclass(frozen=True)
class Move:
    """Somebody changes beds, or shift and key with it, on the day the choice begins."""

    line: int
    stay: Stay
    choice: BedChoice


@dataclass(frozen=True)
class Come:
    """Somebody gets a bed; ``arrived`` if the person has come."""

    line: int
    choice: BedChoice
    arrived: bool = False


class NotPossible(DomainError):
    """Some lines cannot be done any more; nothing was. ``problems`` holds (line, sentence)."""

    def __init__(self, problems: Sequence[tuple[int, str]]) -> None:
        super().__init__(
            ngettext(
                "有 %(num)s 条现在办不了，一条都没有办。",
                "有 %(num)s 条现在办不了，一条都没有办。",
                len({line for line, _sentence in problems}),
            )
        )
        self.problems = list(problems)


def carry_out(
    *,
    leaves: Sequence[Leave] = (),
    moves: Sequence[Move] = (),
    comes: Sequence[Come] = (),
    actor: Actor,
    today: date,
    now: datetime,
) -> None:
    """Do all of it under one lock: first those who leave, then those who move, then those who come.

    A bed left on a day may be given to somebody from that day on. Raises NotPossible, naming each line.
    """
    lock_and_refresh(
        [
            *(leave.stay.lease_room for leave in leaves),
            *(room for move in moves for room in (move.stay.lease_room, move.choice.lease_room)),
            *(come.choice.lease_room for come in comes),
        ]
    )
    problems = [problem for leave in leaves for problem in _leave(leave, actor, today, now)]
    moving: list[tuple[Move, BedChoice]] = []
    for move in moves:
        db.session.refresh(move.stay)
        try:
            check_movable(move.stay, move.choice, move.choice.starts_on, today, actor)
        except DomainError as error:
            problems.append((move.line, str(error.message)))
        else:
            moving.append((move, renewed(move.stay, move.choice, move.choice.starts_on)))
    problems += _in_the_way(moving, comes, actor, today)
    if problems:
        raise NotPossible(sorted(set(problems)))
    write_moves(
        [move.stay for move, _choice in moving],
        [choice for _move, choice in moving],
        "occupancy.move_stay",
        actor,
        now,
    )
    stays = place(choices=[one.choice for one in comes], actor=actor) if comes else []
    by_day: dict[date, list[Stay]] = {}
    for come, stay in zip(comes, stays, strict=True):
        if come.arrived:
            by_day.setdefault(come.choice.starts_on, []).append(stay)
    for day, arrived in sorted(by_day.items()):
        check_in(stays=arrived, arrived_on=day, actor=actor, today=today)


def _in_the_way(
    moving: Sequence[tuple[Move, BedChoice]], comes: Sequence[Come], actor: Actor, today: date
) -> list[tuple[int, str]]:
    """What keeps people from the beds they would get, those who move being away from their old ones."""
    lines = {id(choice): move.line for move, choice in moving} | {id(one.choice): one.line for one in comes}
    choices = [choice for _move, choice in moving] + [one.choice for one in comes]
    if not choices:
        return []
    away = [move.stay.id for move, _choice in moving]
    found = [
        (lines[id(choice)], str(error.message)) for choice, error in refusals(choices, actor, ignoring=away)
    ]
    present = [choice for move, choice in moving if move.stay.arrived_on is not None]
    for choice in [*present, *(one.choice for one in comes)]:
        try:
            refuse_too_early(choice.starts_on, today)
            if choice in present or any(one.arrived for one in comes if one.choice is choice):
                refuse_barred([choice])
        except DomainError as error:
            found.append((lines[id(choice)], str(error.message)))
    return found


def _leave(leave: Leave, actor: Actor, today: date, now: datetime) -> Iterable[tuple[int, str]]:
    """Check somebody out, or note the day it is expected; a plan that has no day left is cancelled."""
    stay, day = leave.stay, leave.leaves_on
    try:
        db.session.refresh(stay)
        if stay.arrived_on is not None and day <= today:
            check_out(stays=[stay], left_on=day, actor=actor, today=today, now=now)
        else:
            _expect_to_leave(stay, day, actor, now)
    except DomainError as error:
        yield leave.line, str(error.message)


def _expect_to_leave(stay: Stay, day: date, actor: Actor, now: datetime) -> None:
    if stay.cancelled_at is not None or stay.left_on is not None or stay.ends_on <= day:
        raise WrongState(
            _("%(name)s 到那天已经不住这张床了，请刷新后再看。", name=called(stay.worker, actor))
        )
    if day <= stay.starts_on:
        stay.cancelled_at = now
    else:
        stay.ends_on = day
    db.session.flush()
    audit.record(
        actor=actor,
        action="occupancy.expect_to_leave",
        entity="stay",
        entity_id=stay.id,
        changes={"ends_on": day.isoformat()},
    )
