"""The stops of a worksite's shuttle."""

from sqlalchemy import func, select

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.enterprises.models import ShuttleStop, Worksite
from qiantang_nest.enterprises.services.routes import ask_anew, forget_routes
from qiantang_nest.geography.rules import LatLon

MOST_STOPS = 20
"""A worksite; each is one circle more in a search."""


def add_stop(
    *, worksite: Worksite, name: str, point: LatLon, ride_minutes: int | None, actor: Actor
) -> ShuttleStop:
    """A further stop (WGS-84); ``ride_minutes`` None is reckoned at the district's speed.

    Raises:
        InvalidValue: the worksite has ``MOST_STOPS`` already.
        StopExists: at the flush, if it has one of this name.
    """
    count = db.session.execute(
        select(func.count()).where(ShuttleStop.worksite_id == worksite.id)
    ).scalar_one()
    if count >= MOST_STOPS:
        raise InvalidValue(_("一个厂区最多 %(most)s 个站点，请先去掉不用的。", most=MOST_STOPS))
    stop = ShuttleStop(
        worksite_id=worksite.id, name=name, lat=point.lat, lon=point.lon, ride_minutes=ride_minutes
    )
    db.session.add(stop)
    db.session.flush()
    ask_anew(worksite.id)
    _record("add_stop", stop, actor)
    return stop


def change_stop(
    *, stop: ShuttleStop, name: str, point: LatLon, ride_minutes: int | None, actor: Actor
) -> None:
    """Correct a stop. Raises StopExists at the flush."""
    moved = (stop.lat, stop.lon) != (point.lat, point.lon)
    stop.name, stop.ride_minutes = name, ride_minutes
    stop.lat, stop.lon = point.lat, point.lon
    db.session.flush()
    if moved:
        forget_routes(worksite_id=stop.worksite_id, stop_id=stop.id)
    _record("change_stop", stop, actor)


def remove_stop(*, stop: ShuttleStop, actor: Actor) -> None:
    """The shuttle no longer calls here."""
    forget_routes(worksite_id=stop.worksite_id, stop_id=stop.id)
    _record("remove_stop", stop, actor)
    db.session.delete(stop)
    db.session.flush()


def _record(verb: str, stop: ShuttleStop, actor: Actor) -> None:
    audit.record(
        actor=actor,
        action=f"enterprises.{verb}",
        entity="shuttle_stop",
        entity_id=stop.id,
        changes={
            "worksite_id": stop.worksite_id,
            "lat": stop.lat,
            "lon": stop.lon,
            "ride_minutes": stop.ride_minutes,
        },
    )
