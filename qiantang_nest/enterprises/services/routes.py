"""Asking a routing service for the ways from the villages to a worksite, and keeping what it says.

Nothing depends on it: without an answer the straight line counts. ``ask_routes`` opens transactions of its
own, as the sending of the outbox does, because the service must be asked outside of any.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from sqlalchemy import delete, select, text, update

from qiantang_nest.core.db import db, transaction
from qiantang_nest.enterprises.models import RoutedMinutes, Worksite
from qiantang_nest.enterprises.queries import stops_of
from qiantang_nest.geography.gateways import RoutingFailed, RoutingGateway
from qiantang_nest.geography.models import Village
from qiantang_nest.geography.rules import LatLon, TravelMode
from qiantang_nest.notifications.rules import wait_after

log = logging.getLogger("qiantang_nest.routes")

CLAIM = timedelta(minutes=5)
"""A worksite whose asker died is free again after this long."""
ASK_AGAIN = timedelta(days=1)
"""Roads change, and villages are moved by their staff."""
_LONGEST_MINUTES = 1440


class Asked(Enum):
    """What became of one turn of ``ask_routes``."""

    NOTHING_DUE = auto()
    ANSWERED = auto()
    FAILED = auto()


def ask_anew(worksite_id: int) -> None:
    """Have the ways to a worksite asked for at the next turn; an answer under way no longer counts."""
    db.session.execute(
        update(Worksite)
        .where(Worksite.id == worksite_id)
        .values(routes_due_at=text("DEFAULT"), routes_attempts=0)
        .execution_options(synchronize_session=False)
    )


def forget_routes(*, worksite_id: int, stop_id: int | None) -> None:
    """Drop what is known of the ways to a gate, or to a stop, that is no longer where it was; ask anew."""
    ask_anew(worksite_id)  # first: it waits for an answer that is just being stored
    db.session.execute(
        delete(RoutedMinutes).where(
            RoutedMinutes.worksite_id == worksite_id, RoutedMinutes.stop_id.is_not_distinct_from(stop_id)
        )
    )


def ask_routes(*, now: datetime, gateway: RoutingGateway) -> Asked:
    """Ask for one worksite that is due, and replace what is known of it by the answer.

    Claims it in one transaction, asks in none, stores in another; may run twice, and several may run at once.
    A worksite or stop that was changed meanwhile is asked for again. After a failure what is known stays.
    """
    with transaction():
        claimed = _claim(now)
    if claimed is None:
        return Asked.NOTHING_DUE
    try:
        routes = _ask(claimed, gateway)
    except Exception as error:
        reason = error.reason if isinstance(error, RoutingFailed) else type(error).__name__
        log.warning("routes not told: %s", reason)
        with transaction():
            _set_due(claimed, now + wait_after(claimed.attempts), claimed.attempts)
        return Asked.FAILED
    with transaction():
        if _set_due(claimed, now + ASK_AGAIN, 0):
            _store(claimed.worksite_id, routes, now)
    return Asked.ANSWERED


@dataclass(frozen=True, slots=True)
class _Claimed:
    worksite_id: int
    until: datetime
    attempts: int
    gate: LatLon
    stops: Sequence[tuple[int, LatLon]]
    villages: Sequence[tuple[str, LatLon]]


@dataclass(frozen=True, slots=True)
class _Route:
    stop_id: int | None
    mode: TravelMode
    village_code: str
    village: LatLon
    minutes: int


def _claim(now: datetime) -> _Claimed | None:
    due = (
        select(Worksite.id)
        .where(Worksite.closed_at.is_(None), Worksite.routes_due_at <= now)
        .order_by(Worksite.routes_due_at, Worksite.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = db.session.execute(
        update(Worksite)
        .where(Worksite.id.in_(due.scalar_subquery()))
        .values(routes_due_at=now + CLAIM, routes_attempts=Worksite.routes_attempts + 1)
        .returning(Worksite.id, Worksite.lat, Worksite.lon, Worksite.routes_due_at, Worksite.routes_attempts)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if row is None:
        return None
    villages = db.session.execute(select(Village.code, Village.lat, Village.lon).order_by(Village.code))
    return _Claimed(
        worksite_id=row.id,
        until=row.routes_due_at,
        attempts=row.routes_attempts,
        gate=LatLon(row.lat, row.lon),
        stops=[(stop.id, LatLon(stop.lat, stop.lon)) for stop in stops_of(row.id)],
        villages=[(code, LatLon(lat, lon)) for code, lat, lon in villages],
    )


def _ask(claimed: _Claimed, gateway: RoutingGateway) -> list[_Route]:
    """On foot to the gate and to each stop, by e-bike to the gate. Raises RoutingFailed."""
    starts = [point for _code, point in claimed.villages]
    routes: list[_Route] = []
    for mode, stops in ((TravelMode.WALK, claimed.stops), (TravelMode.EBIKE, ())):
        ends = [(None, claimed.gate), *stops]
        table = gateway.minutes(mode, starts, [point for _stop_id, point in ends])
        for (code, village), row in zip(claimed.villages, table, strict=True):
            for (stop_id, _point), minutes in zip(ends, row, strict=True):
                if minutes is not None and minutes <= _LONGEST_MINUTES:
                    routes.append(_Route(stop_id, mode, code, village, math.ceil(minutes)))
    return routes


def _set_due(claimed: _Claimed, due_at: datetime, attempts: int) -> bool:
    """Say when to ask next; False if the worksite was changed since it was claimed, or claimed anew."""
    done = db.session.execute(
        update(Worksite)
        .where(Worksite.id == claimed.worksite_id, Worksite.routes_due_at == claimed.until)
        .values(routes_due_at=due_at, routes_attempts=attempts)
        .execution_options(synchronize_session=False)
    )
    return bool(getattr(done, "rowcount", 0))


_STORE = text(
    """
    INSERT INTO routed_minutes
        (worksite_id, stop_id, mode, village_code, minutes, village_lat, village_lon, told_at)
    SELECT :worksite_id, stop_id, mode, village_code, minutes, village_lat, village_lon, :now
    FROM unnest(CAST(:stop_ids AS bigint[]), CAST(:modes AS text[]), CAST(:codes AS text[]),
                CAST(:minutes AS bigint[]), CAST(:lats AS float8[]), CAST(:lons AS float8[]))
        AS route (stop_id, mode, village_code, minutes, village_lat, village_lon)
    """
)


def _store(worksite_id: int, routes: Sequence[_Route], now: datetime) -> None:
    db.session.execute(delete(RoutedMinutes).where(RoutedMinutes.worksite_id == worksite_id))
    db.session.execute(
        _STORE,
        {
            "worksite_id": worksite_id,
            "now": now,
            "stop_ids": [route.stop_id for route in routes],
            "modes": [route.mode.value for route in routes],
            "codes": [route.village_code for route in routes],
            "minutes": [route.minutes for route in routes],
            "lats": [route.village.lat for route in routes],
            "lons": [route.village.lon for route in routes],
        },
    )
