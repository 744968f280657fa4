"""The gates workers walk to."""

from datetime import datetime

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.enterprises.models import Enterprise, Worksite
from qiantang_nest.enterprises.services.routes import forget_routes


def add_worksite(
    *, enterprise: Enterprise, name: str, address: str, lat: float, lon: float, shifts: str, actor: Actor
) -> Worksite:
    """A further worksite; the point is WGS-84 (``geography.rules.check_latlon``)."""
    worksite = Worksite(
        enterprise_id=enterprise.id, name=name, address=address, lat=lat, lon=lon, shifts=shifts
    )
    db.session.add(worksite)
    db.session.flush()
    _record("add_worksite", worksite, actor)
    return worksite


def move_worksite(
    *, worksite: Worksite, name: str, address: str, lat: float, lon: float, shifts: str, actor: Actor
) -> None:
    """Correct a worksite's name, address, point or shifts."""
    moved = (worksite.lat, worksite.lon) != (lat, lon)
    worksite.name, worksite.address, worksite.shifts = name, address, shifts
    worksite.lat, worksite.lon = lat, lon
    db.session.flush()
    if moved:
        forget_routes(worksite_id=worksite.id, stop_id=None)
    _record("move_worksite", worksite, actor)


def close_worksite(*, worksite: Worksite, now: datetime, actor: Actor) -> None:
    """No longer offered in searches; what was booked for it stays. Raises WrongState."""
    if worksite.closed_at is not None:
        raise WrongState(_("%(name)s 已经停用了。", name=worksite.name))
    worksite.closed_at = now
    db.session.flush()
    _record("close_worksite", worksite, actor)


def _record(verb: str, worksite: Worksite, actor: Actor) -> None:
    audit.record(
        actor=actor,
        action=f"enterprises.{verb}",
        entity="worksite",
        entity_id=worksite.id,
        changes={"enterprise_id": worksite.enterprise_id, "lat": worksite.lat, "lon": worksite.lon},
    )
