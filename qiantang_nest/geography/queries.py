"""Reads of streets, villages, the district's outline and its figures for the way to work."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.orm import InstrumentedAttribute, contains_eager, joinedload

from qiantang_nest.core.dated_rules import rule_on
from qiantang_nest.core.db import db
from qiantang_nest.core.i18n import _
from qiantang_nest.geography.models import CommuteSetting, Street, Village
from qiantang_nest.geography.rules import DEFAULT_COMMUTE, CommuteRule, Outline, outline_from_geojson

DISTRICT = "330114"
DATA = Path(__file__).resolve().parent / "data"


def streets() -> Sequence[Street]:
    """The seven streets, by code."""
    return db.session.execute(select(Street).order_by(Street.code)).scalars().all()


def villages_in(scope: str) -> Sequence[Village]:
    """The villages of a district, street or village code, by code, each with its street."""
    return (
        db.session.execute(
            select(Village)
            .join(Village.street)
            .options(contains_eager(Village.street))
            .where(_of_area(scope))
            .order_by(Village.code)
        )
        .scalars()
        .all()
    )


@dataclass(frozen=True, slots=True)
class StreetPoint:
    """A street as a value."""

    code: str
    name: str
    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class VillagePoint:
    """A village as a value: unlike a row it can be read after its transaction was taken back."""

    code: str
    name: str
    lat: float
    lon: float
    street: StreetPoint


def village_points() -> list[VillagePoint]:
    """Where the district's villages are, by code; a third of the cost of ``villages_in``."""
    rows = db.session.execute(_VILLAGE_POINTS).all()
    streets = {row[4]: StreetPoint(row[4], row[5], row[6], row[7]) for row in rows}
    return [VillagePoint(row[0], row[1], row[2], row[3], streets[row[4]]) for row in rows]


_VILLAGE_POINTS = (
    select(
        *(Village.code, Village.name, Village.lat, Village.lon),
        *(Street.code, Street.name, Street.lat, Street.lon),
    )
    .join(Village.street)
    .order_by(Village.code)
)


def village_codes_in(scope: str) -> list[str]:
    """The 12-digit codes of the villages of an area; none for a code of another shape."""
    return list(
        db.session.execute(select(Village.code).where(_of_area(scope)).order_by(Village.code)).scalars()
    )


def village_by_code(code: str) -> Village | None:
    """One village, or None."""
    return db.session.get(Village, code)


def in_area(column: InstrumentedAttribute[str], scope: str) -> ColumnElement[bool]:
    """The condition that a ``village_code`` column lies in an office's area; nothing if the scope is odd.

    Equality or a list of codes, so that an index led by the column serves; the district is no condition.
    """
    if scope == DISTRICT:
        return true()
    if len(scope) == 12:
        return column == scope
    return column.in_(village_codes_in(scope))


def _of_area(scope: str) -> ColumnElement[bool]:
    if scope == DISTRICT:
        return true()
    if len(scope) == 9:
        return Village.street_code == scope
    return Village.code == scope if len(scope) == 12 else false()


def area_name(scope: str) -> str:
    """The name of an office's area, ``河庄街道`` or ``同一村``; empty for scopes that are no area."""
    if scope == DISTRICT:
        return str(_("钱塘区"))
    found: Street | Village | None = None
    if len(scope) == 9:
        found = db.session.get(Street, scope)
    elif len(scope) == 12:
        found = db.session.get(Village, scope)
    return found.name if found else ""


def commute_rule_on(day: date) -> CommuteRule:
    """The figures in force on a day: the newest set by then, else those of the rulebook."""
    found = rule_on(CommuteSetting, day)
    if found is None:
        return DEFAULT_COMMUTE
    return CommuteRule(
        detour=float(found.detour),
        walk_kmh=float(found.walk_kmh),
        ebike_kmh=float(found.ebike_kmh),
        shuttle_kmh=float(found.shuttle_kmh),
        basis=found.basis,
        effective_on=found.effective_on,
    )


def commute_settings() -> Sequence[CommuteSetting]:
    """Every setting ever made, newest first, each with who made it."""
    return (
        db.session.execute(
            select(CommuteSetting)
            .options(joinedload(CommuteSetting.setter))
            .order_by(CommuteSetting.effective_on.desc())
        )
        .scalars()
        .all()
    )


@cache
def outline_geojson() -> dict[str, Any]:
    """The district's outline as the file has it; WGS-84, longitude first. Not to be changed."""
    document: dict[str, Any] = json.loads((DATA / "qiantang.geojson").read_text(encoding="utf-8"))
    return document


@cache
def outline() -> Outline:
    """The district's outline for ``rules.inside`` and maps."""
    return outline_from_geojson(outline_geojson())
