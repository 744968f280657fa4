"""Reads of the home pages that belong to no single package below."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from qiantang_nest.accounts.queries import clerk_names
from qiantang_nest.bookings.queries.rooms import VillageCount, count_by_village
from qiantang_nest.bookings.rules import DISTRICT_CENTRE, Area, Wants
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.geography.models import Village
from qiantang_nest.geography.rules import CommuteRule, LatLon, TravelMode, commute_minutes, flat_m
from qiantang_nest.housing.models import Owner
from qiantang_nest.housing.queries import owners_visible_to

FREE_ROOMS_KEPT = timedelta(minutes=1)
NEAREST = 5


@dataclass(frozen=True, slots=True)
class FreeRooms:
    """Rooms free from a day on for half a year, by village; ``at`` is when they were counted."""

    at: datetime
    starts_on: date
    by_village: dict[str, VillageCount]

    @property
    def beds(self) -> int:
        return sum(count.beds for count in self.by_village.values())


def count_free_rooms(villages: Sequence[Village], starts_on: date, ends_on: date, now: datetime) -> FreeRooms:
    """What a search without wishes would find; one query that looks at every room of the district."""
    return FreeRooms(
        now,
        starts_on,
        count_by_village(
            [village.code for village in villages],
            Area(DISTRICT_CENTRE),
            Wants(),
            starts_on=starts_on,
            ends_on=ends_on,
            now=now,
        ),
    )


@dataclass(frozen=True, slots=True)
class NearVillage:
    """A village with free rooms, and the minutes by e-bike from the district's centre."""

    village: Village
    count: VillageCount
    minutes: int


def nearest_with_rooms(villages: Sequence[Village], free: FreeRooms, rule: CommuteRule) -> list[NearVillage]:
    """The few nearest to the district's centre that have a free room."""
    near = sorted(
        (village for village in villages if village.code in free.by_village),
        key=lambda village: flat_m(DISTRICT_CENTRE, LatLon(village.lat, village.lon)),
    )
    return [
        NearVillage(
            village,
            free.by_village[village.code],
            commute_minutes(
                flat_m(DISTRICT_CENTRE, LatLon(village.lat, village.lon)), TravelMode.EBIKE, rule
            ),
        )
        for village in near[:NEAREST]
    ]


@dataclass(frozen=True, slots=True)
class Household:
    """A household of the villager, with its village."""

    owner: Owner
    village: Village


def households_of(actor: Actor) -> list[Household]:
    """The households an actor speaks for; one query."""
    rows = db.session.execute(
        owners_visible_to(actor)
        .join(Village, Village.code == Owner.village_code)
        .add_columns(Village)
        .order_by(Owner.id)
    )
    return [Household(owner, village) for owner, village in rows]


@dataclass(frozen=True, slots=True)
class VillageOffice:
    """Whom to call in a village."""

    village: Village
    clerks: list[str]


def offices_of(villages: Sequence[Village]) -> list[VillageOffice]:
    """The villages with the names of their clerks; one query."""
    names = clerk_names([village.code for village in villages])
    return [VillageOffice(village, names[village.code]) for village in villages]
