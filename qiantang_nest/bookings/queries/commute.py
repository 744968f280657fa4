"""How long the way to work takes from given houses."""

from collections.abc import Sequence

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, select

from qiantang_nest.core.db import db
from qiantang_nest.geography.rules import LatLon, WayToWork
from qiantang_nest.housing.models import House


def minutes_of_houses(way: WayToWork, house_ids: Sequence[int]) -> dict[int, int]:
    """House id → minutes to work; houses that no shuttle serves are absent. One statement.

    ``way`` comes from ``enterprises.queries.way_to_work``; of a bare point it tells itself (``from_point``).
    """
    rows = db.session.execute(
        select(House.id, House.village_code, House.lat, House.lon, House.geo_precision).where(
            House.id == any_(bindparam("house_ids", type_=ARRAY(BigInteger)))
        ),
        {"house_ids": list(house_ids)},
    )
    found = {}
    for house_id, village_code, lat, lon, precision in rows:
        taken = way.from_house(village_code, LatLon(lat, lon), pinned=precision == "house")
        if taken is not None:
            found[house_id] = taken.minutes
    return found
