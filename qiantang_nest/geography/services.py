"""Loading the official divisions, moving a village's point, and setting the figures for the way to work."""

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.dialects.postgresql import insert

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.dated_rules import add_rule
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import check_phone
from qiantang_nest.geography.models import CommuteSetting, DivisionUnit, Street, Village
from qiantang_nest.geography.queries import DATA, outline
from qiantang_nest.geography.rules import LatLon, inside, village_points

STREET_CENTRES = {
    "330114001": LatLon(30.31023, 120.31718),  # 下沙
    "330114002": LatLon(30.308, 120.375),  # 白杨
    "330114003": LatLon(30.30015, 120.46107),  # 河庄
    "330114004": LatLon(30.26158, 120.48884),  # 义蓬
    "330114005": LatLon(30.27889, 120.53857),  # 新湾
    "330114006": LatLon(30.272, 120.62),  # 临江, within 3 km
    "330114007": LatLon(30.312, 120.575),  # 前进, within 3 km
}
"""Seats of the streets (domain rulebook 7)."""


@dataclass(frozen=True)
class LoadedPlaces:
    """How many rows the files hold."""

    streets: int
    villages: int
    other_units: int


def load_places() -> LoadedPlaces:
    """Write streets, villages and other units as the files have them; may be run again.

    A village starts near its street's seat, marked ``street``; one that its staff has moved stays there.
    """
    with (DATA / "divisions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    streets = [row for row in rows if row["level"] == "street"]
    villages = [row for row in rows if row["level"] == "village"]
    others = [row for row in rows if row["level"] in ("community", "other")]
    _upsert(Street, [_street_values(row) for row in streets], update=("name", "lat", "lon"))
    _upsert(Village, _village_values(villages), update=("name", "official_name", "street_code"))
    _upsert(
        DivisionUnit,
        [
            {
                "code": row["code"],
                "street_code": row["street_code"],
                "kind": row["level"],
                "name": row["name"],
                "official_name": row["official_name"],
            }
            for row in others
        ],
        update=("name", "official_name", "street_code", "kind"),
    )
    return LoadedPlaces(len(streets), len(villages), len(others))


def _street_values(row: dict[str, str]) -> dict[str, Any]:
    centre = STREET_CENTRES[row["code"]]
    return {"code": row["code"], "name": row["name"], "lat": centre.lat, "lon": centre.lon}


def _village_values(rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    codes = defaultdict(list)
    for row in rows:
        codes[row["street_code"]].append(row["code"])
    points = {
        code: point
        for street, of_street in codes.items()
        for code, point in village_points(of_street, STREET_CENTRES[street], outline()).items()
    }
    return [
        {
            "code": row["code"],
            "street_code": row["street_code"],
            "name": row["name"],
            "official_name": row["official_name"],
            "lat": points[row["code"]].lat,
            "lon": points[row["code"]].lon,
        }
        for row in rows
    ]


def _upsert(
    model: type[Street] | type[Village] | type[DivisionUnit],
    rows: list[dict[str, Any]],
    *,
    update: tuple[str, ...],
) -> None:
    statement = insert(model).values(rows)
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["code"], set_={name: statement.excluded[name] for name in update}
        )
    )


def place_village(*, village: Village, point: LatLon, now: datetime, actor: Actor) -> None:
    """Move a village's point (WGS-84) to where its staff says it is.

    ``housing.services.place_village`` also moves the houses that have no point of their own.

    Raises:
        InvalidValue: the point lies outside the district.
    """
    if not inside(outline(), point):
        raise InvalidValue(
            _(
                "%(lat)s, %(lon)s 不在钱塘区里。请核对数字，"
                "也看看坐标系选对没有：高德、腾讯是 GCJ-02，百度是 BD-09。",
                lat=f"{point.lat:.5f}",
                lon=f"{point.lon:.5f}",
            )
        )
    before = (village.lat, village.lon)
    village.lat, village.lon = round(point.lat, 6), round(point.lon, 6)
    village.geo_precision, village.moved_at = "village", now
    audit.record(
        actor=actor,
        action="geography.place_village",
        entity="village",
        entity_id=int(village.code),
        changes={"from": before, "to": (village.lat, village.lon)},
    )


def set_office_phone(*, village: Village, phone: str, actor: Actor) -> None:
    """Write the number that villagers call; an empty one takes it away.

    Raises:
        InvalidValue: it is no telephone number.
    """
    before, village.office_phone = village.office_phone, check_phone(phone) if phone.strip() else ""
    audit.record(
        actor=actor,
        action="geography.set_office_phone",
        entity="village",
        entity_id=int(village.code),
        changes={"from": before, "to": village.office_phone},
    )


def set_commute_rule(
    *,
    detour: Decimal,
    walk_kmh: Decimal,
    ebike_kmh: Decimal,
    shuttle_kmh: Decimal,
    basis: str,
    effective_on: date,
    today: date,
    actor: Actor,
) -> CommuteSetting:
    """Set detour and speeds from a day on, with what they rest on. Minutes are never stored: nothing to redo.

    Raises:
        InvalidValue: a day in the past, or one that already has figures.
    """
    return add_rule(
        CommuteSetting(
            detour=detour,
            walk_kmh=walk_kmh,
            ebike_kmh=ebike_kmh,
            shuttle_kmh=shuttle_kmh,
            basis=basis,
            effective_on=effective_on,
        ),
        action="geography.set_commute_rule",
        today=today,
        actor=actor,
    )
