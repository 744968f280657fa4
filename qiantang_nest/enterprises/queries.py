"""Reads of employers, narrowed to what the actor may see; an unknown role sees nothing."""

from collections.abc import Sequence

from sqlalchemy import Select, false, func, or_, select

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.crypto import lookup_hash
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, NotFound
from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import check_uscc
from qiantang_nest.enterprises.models import Enterprise, RoutedMinutes, ShuttleStop, Worker, Worksite
from qiantang_nest.geography.models import Street, Village
from qiantang_nest.geography.rules import (
    Boarding,
    CommuteRule,
    LatLon,
    TravelMode,
    WayToWork,
    commute_minutes,
    flat_m,
)

_EMPLOYERS = (Role.EMPLOYER_MANAGER, Role.EMPLOYER_STAFF)


def enterprises_visible_to(actor: Actor) -> Select[Enterprise]:
    """Own enterprise for employers; those of the street for its officer; all for the district.

    A village clerk sees all verified ones: any of them may let rooms in the village.
    """
    statement = select(Enterprise)
    match actor.role:
        case Role.EMPLOYER_MANAGER | Role.EMPLOYER_STAFF:
            return statement.where(Enterprise.id == actor.enterprise_id)
        case Role.VILLAGE_CLERK:
            return statement.where(Enterprise.state == "verified")
        case Role.STREET_OFFICER:
            return statement.where(Enterprise.street_code == actor.scope)
        case Role.DISTRICT_OFFICER | SYSTEM.role:
            return statement
        case _:
            return statement.where(false())


def worksites_visible_to(actor: Actor) -> Select[Worksite]:
    """The worksites of the enterprises the actor may see."""
    seen = enterprises_visible_to(actor).with_only_columns(Enterprise.id)
    return select(Worksite).where(Worksite.enterprise_id.in_(seen))


def workers_visible_to(actor: Actor) -> Select[Worker]:
    """An employer's own workers.

    Offices meet workers through their stays (``occupancy.queries``), never through the employer's list.
    """
    if actor.role in _EMPLOYERS:
        return select(Worker).where(Worker.enterprise_id == actor.enterprise_id)
    if actor.role == SYSTEM.role:
        return select(Worker)
    return select(Worker).where(false())


def enterprise_of(actor: Actor) -> Enterprise:
    """The enterprise an employer acts for. Raises NotFound."""
    if actor.role not in _EMPLOYERS:
        raise NotFound(_("没有这家企业。"))
    found = db.session.scalars(enterprises_visible_to(actor)).one_or_none()
    if found is None:
        raise NotFound(_("没有这家企业。"))
    return found


def open_worksites(enterprise_id: int) -> Sequence[Worksite]:
    """Worksites in use, oldest first."""
    return (
        db.session.execute(
            select(Worksite)
            .where(Worksite.enterprise_id == enterprise_id, Worksite.closed_at.is_(None))
            .order_by(Worksite.id)
        )
        .scalars()
        .all()
    )


def stops_of(worksite_id: int) -> Sequence[ShuttleStop]:
    """The stops of a worksite's shuttle, in the order they were entered."""
    return (
        db.session.execute(
            select(ShuttleStop).where(ShuttleStop.worksite_id == worksite_id).order_by(ShuttleStop.id)
        )
        .scalars()
        .all()
    )


def ride_minutes(stop: ShuttleStop, gate: LatLon, rule: CommuteRule) -> int:
    """From a stop to the gate: by the timetable, else at the district's speed."""
    if stop.ride_minutes is not None:
        return stop.ride_minutes
    return commute_minutes(flat_m(LatLon(stop.lat, stop.lon), gate), TravelMode.SHUTTLE, rule)


def way_to_work(worksite: Worksite, mode: TravelMode, rule: CommuteRule) -> WayToWork:
    """How people come to a worksite by one mode: one statement, two for the shuttle."""
    gate = LatLon(worksite.lat, worksite.lon)
    if mode is TravelMode.SHUTTLE:
        stops = stops_of(worksite.id)
        routed = _routed_to_stops(worksite.id) if stops else {}
        boardings = tuple(
            Boarding(
                LatLon(stop.lat, stop.lon), stop.name, ride_minutes(stop, gate, rule), routed.get(stop.id, {})
            )
            for stop in stops
        )
        return WayToWork(gate, mode, rule, boardings)
    return WayToWork(gate, mode, rule, (Boarding(gate, routed=_routed_to_gate(worksite.id, mode)),))


def ways_to_work(worksite: Worksite, rule: CommuteRule) -> dict[TravelMode, WayToWork]:
    """How people come to a worksite, by every mode."""
    return {mode: way_to_work(worksite, mode, rule) for mode in TravelMode}


def _routed_to_gate(worksite_id: int, mode: TravelMode) -> dict[str, int]:
    rows = db.session.execute(
        _routed(worksite_id).where(RoutedMinutes.stop_id.is_(None), RoutedMinutes.mode == mode.value)
    )
    return {row.village_code: row.minutes for row in rows}


def _routed_to_stops(worksite_id: int) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    for row in db.session.execute(_routed(worksite_id).where(RoutedMinutes.stop_id.isnot(None))):
        found.setdefault(row.stop_id, {})[row.village_code] = row.minutes
    return found


def _routed(worksite_id: int) -> Select[int | None, str, int]:
    """What a routing service has told, less the villages that have moved since it was asked."""
    return (
        select(RoutedMinutes.stop_id, RoutedMinutes.village_code, RoutedMinutes.minutes)
        .join(Village, Village.code == RoutedMinutes.village_code)
        .where(
            RoutedMinutes.worksite_id == worksite_id,
            RoutedMinutes.village_lat == Village.lat,
            RoutedMinutes.village_lon == Village.lon,
        )
    )


def street_choices() -> list[tuple[str, str]]:
    """Code and name of each street, for a select."""
    return [
        (code, name)
        for code, name in db.session.execute(select(Street.code, Street.name).order_by(Street.code))
    ]


def counts_by_street(actor: Actor) -> Sequence[tuple[str, str, int, int, int]]:
    """Street code and name with the numbers of submitted, returned and verified enterprises in the scope."""
    seen = enterprises_visible_to(actor).subquery()
    statement = (
        select(
            Street.code,
            Street.name,
            func.count(seen.c.id).filter(seen.c.state == "submitted"),
            func.count(seen.c.id).filter(seen.c.state == "returned"),
            func.count(seen.c.id).filter(seen.c.state == "verified"),
        )
        .outerjoin(seen, seen.c.street_code == Street.code)
        .group_by(Street.code, Street.name)
        .order_by(Street.code)
    )
    return [(row[0], row[1], row[2], row[3], row[4]) for row in db.session.execute(statement)]


def enterprise_name(enterprise_id: int) -> str:
    """The name for the bar of its people; "" if there is none."""
    return (
        db.session.execute(select(Enterprise.name).where(Enterprise.id == enterprise_id)).scalar_one_or_none()
        or ""
    )


def narrow_enterprises(statement: Select[Enterprise], search: str, state: str) -> Select[Enterprise]:
    """Those of a state, whose name holds the words or whose code begins with them."""
    if state:
        statement = statement.where(Enterprise.state == state)
    if search:
        statement = statement.where(
            or_(
                Enterprise.name.contains(search, autoescape=True),
                Enterprise.uscc.startswith(search.upper(), autoescape=True),
            )
        )
    return statement


def find_workers(actor: Actor, search: str) -> Select[Worker]:
    """The actor's workers whose name holds the words, or whose whole ID or phone number it is."""
    statement = workers_visible_to(actor)
    if not search:
        return statement
    compact = search.replace(" ", "").upper()
    return statement.where(
        or_(
            Worker.name.contains(search, autoescape=True),
            Worker.id_number_hash == lookup_hash(compact, "id_number"),
            Worker.phone_hash == lookup_hash(compact, "phone"),
        )
    )


def worker_count(actor: Actor) -> int:
    """How many workers the actor may see."""
    return db.session.execute(
        select(func.count()).select_from(workers_visible_to(actor).with_only_columns(Worker.id).subquery())
    ).scalar_one()


def names_of(worker_ids: Sequence[int]) -> dict[int, str]:
    """Names by id, one query."""
    if not worker_ids:
        return {}
    rows = db.session.execute(select(Worker.id, Worker.name).where(Worker.id.in_(worker_ids)))
    return {row.id: row.name for row in rows}


def verified_enterprise(uscc: str) -> Enterprise | None:
    """The verified employer of a code, as a person types it."""
    try:
        code = check_uscc(uscc)
    except InvalidValue:
        return None
    return db.session.execute(
        select(Enterprise).where(Enterprise.uscc == code, Enterprise.state == "verified")
    ).scalar_one_or_none()
