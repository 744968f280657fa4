"""How a year's rent spreads over the households with rooms on offer; never who has what.

Ranks are made by the database, so that a page reads as many rows as it shows.
"""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import text

from qiantang_nest.core.db import db
from qiantang_nest.reports.rules.income import gini

_HOUSEHOLDS = """
WITH household AS (
    SELECT owner.id, owner.village_code,
           coalesce((SELECT sum(bill.amount_fen) FROM bill
                     WHERE bill.owner_id = owner.id AND bill.kind = 'rent' AND bill.voided_at IS NULL
                       AND bill.starts_on >= :since AND bill.starts_on < :upto), 0) AS rent
    FROM owner
    WHERE owner.village_code LIKE :area AND EXISTS (
        SELECT FROM house JOIN room ON room.house_id = house.id JOIN listing ON listing.room_id = room.id
        WHERE house.owner_id = owner.id AND room.removed_at IS NULL AND listing.state = 'approved'
          AND listing.starts_on < :upto AND listing.ends_on > :since)
)"""

_BY_VILLAGE = text(
    _HOUSEHOLDS
    + """, ranked AS (
    SELECT *, row_number() OVER (PARTITION BY village_code ORDER BY rent, id) AS rank FROM household
)
SELECT village.code, village.name, count(*) AS households, sum(rent) AS rent_fen,
       count(*) FILTER (WHERE rent = 0) AS without, sum(rank * rent) AS ranked,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY rent) AS median_fen
FROM ranked JOIN village ON village.code = ranked.village_code
GROUP BY village.code, village.name ORDER BY village.code"""
)

_TENTHS = text(
    _HOUSEHOLDS
    + """, ranked AS (
    SELECT rent, row_number() OVER (ORDER BY rent, id) AS rank, ntile(10) OVER (ORDER BY rent, id) AS tenth
    FROM household
)
SELECT tenth, count(*) AS households, sum(rent) AS rent_fen, sum(rank * rent) AS ranked
FROM ranked GROUP BY tenth ORDER BY tenth"""
)


@dataclass(frozen=True, slots=True)
class VillageSpread:
    """One village: its households with rooms on offer, what they got, and how evenly."""

    code: str
    name: str
    households: int
    rent_fen: int
    without: int
    """Households that got nothing."""
    median_fen: int
    gini: float | None


@dataclass(frozen=True, slots=True)
class Spread:
    """All households of an area: tenths from the one that got least to the one that got most."""

    households: int
    rent_fen: int
    gini: float | None
    tenths: list[tuple[int, int]]


def _binds(area: str, since: date, upto: date) -> dict[str, object]:
    return {"area": f"{area}%", "since": since, "upto": upto}


def spread_by_village(area: str, since: date, upto: date) -> list[VillageSpread]:
    """Each village of an area (a code or the beginning of one) that has households with rooms on offer."""
    rows = db.session.execute(_BY_VILLAGE, _binds(area, since, upto))
    return [
        VillageSpread(
            row.code,
            row.name,
            int(row.households),
            int(row.rent_fen),
            int(row.without),
            int(row.median_fen),
            gini(int(row.households), int(row.rent_fen), int(row.ranked)),
        )
        for row in rows
    ]


def spread_of(area: str, since: date, upto: date) -> Spread:
    """The households of an area together."""
    rows = db.session.execute(_TENTHS, _binds(area, since, upto)).all()
    tenths = [(int(row.households), int(row.rent_fen)) for row in rows]
    households, total = sum(count for count, _rent in tenths), sum(rent for _count, rent in tenths)
    return Spread(households, total, gini(households, total, sum(int(row.ranked) for row in rows)), tenths)
