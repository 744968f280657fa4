"""Puts the district together: supply, letting, bills and payments, and what is in the air today."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from sqlalchemy import select

from qiantang_nest.core.db import db
from qiantang_nest.core.numbering import NumberSeries
from qiantang_nest.demo.letting import ZONES, Letting
from qiantang_nest.demo.loader import Loader
from qiantang_nest.demo.people import People
from qiantang_nest.demo.supply import DemoVillage, Supply
from qiantang_nest.geography.models import Street, Village

HOUSES, ROOMS_A_YEAR, FIRMS = 12_000, 62_000, 400
HISTORY_DAYS = 500
DISTRICTS = 10
"""The most copies of the district that fit; beyond scale 1 each is set beside the others."""


@dataclass(frozen=True)
class Copy:
    """One copy of the district: 0 is the real one, the others are moved aside under codes of their own."""

    number: int

    @property
    def shift(self) -> tuple[float, float]:
        """Degrees of latitude and longitude to move by; copies do not touch."""
        if self.number == 0:
            return 0.0, 0.0
        row, column = divmod(self.number - 1, 2)
        return round(-0.22 + 0.16 * row, 2), 0.0 if column else -0.28

    def street(self, code: str) -> str:
        """The copy's code of an official street."""
        return f"330114{int(code[6:]) + 10 * self.number:03d}"

    def village(self, code: str) -> str:
        """The copy's code of an official village."""
        return self.street(code[:9]) + code[9:]


def build(
    *, scale: float, seed: int, today: date, commit: Callable[[], None], say: Callable[[str], None]
) -> None:
    """Build a district of ``scale`` (1 is the full one; 10 is ten beside each other).

    ``commit`` is called between steps; ``say`` gets a line of progress at each. Needs the places loaded
    and no households present. Raises ValueError for a scale out of (0, 10].
    """
    if not 0 < scale <= DISTRICTS:
        raise ValueError("scale is above 0 and at most 10")
    rng = Random(seed)  # noqa: S311
    people, loader = People(rng), Loader()
    last_numbers: dict[str, int] = {}
    share = min(scale, 1.0)
    since = today - timedelta(days=HISTORY_DAYS)
    for number in range(max(1, round(scale))):
        copy = Copy(number)
        villages = _villages(copy)
        supply = Supply(loader, rng, people, today, since)
        market = supply.build(villages, round(HOUSES * share))
        letting = Letting(loader, rng, people, today, since, last_numbers)
        streets = {zone[1]: copy.street(zone[1]) for zone in ZONES}
        firms = letting.firms(max(6, round(FIRMS * share)), copy.shift, streets)
        letting.build(firms, market, ROOMS_A_YEAR * share)
        for series, last in last_numbers.items():
            db.session.merge(NumberSeries(name=series, last=last))
        commit()
        say(f"district {number + 1}: {len(villages)} villages, {len(market)} houses on the market")


def _villages(copy: Copy) -> list[DemoVillage]:
    """The copy's villages; made if the copy is not the real district."""
    official = (
        db.session.execute(select(Village).where(Village.street_code <= "330114007").order_by(Village.code))
        .scalars()
        .all()
    )
    north, east = copy.shift
    made = [DemoVillage(copy.village(v.code), v.lat + north, v.lon + east) for v in official]
    if copy.number == 0:
        for village in official:
            village.office_phone = f"0571-2222{village.code[-4:]}"
        return made
    streets = db.session.execute(
        select(Street).where(Street.code <= "330114007").order_by(Street.code)
    ).scalars()
    for street in streets.all():
        db.session.add(
            Street(
                code=copy.street(street.code),
                name=f"{street.name}{copy.number + 1}",
                lat=street.lat + north,
                lon=street.lon + east,
            )
        )
    db.session.flush()
    for village, place in zip(official, made, strict=True):
        db.session.add(
            Village(
                code=place.code,
                street_code=place.code[:9],
                name=f"{village.name}{copy.number + 1}",
                official_name=village.official_name,
                lat=place.lat,
                lon=place.lon,
            )
        )
    db.session.flush()
    return made
