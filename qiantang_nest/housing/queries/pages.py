"""What the list pages show, each in a handful of queries."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select

from qiantang_nest.accounts.models import User
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.crypto import lookup_hash
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.identifiers import check_phone
from qiantang_nest.geography.models import Village
from qiantang_nest.geography.queries import in_area
from qiantang_nest.housing.models import (
    Hazard,
    House,
    HouseDocument,
    HouseholdLink,
    Listing,
    Owner,
    Room,
)
from qiantang_nest.housing.queries.market import on_market_condition
from qiantang_nest.housing.queries.scope import (
    hazards_visible_to,
    houses_visible_to,
    links_visible_to,
    listings_visible_to,
    owners_visible_to,
)
from qiantang_nest.housing.rules import needs_management

SOON_DAYS = 30
"""A check that ends within these days is said to run out soon."""

HOUSE_STATES = ("offered", "waiting", "idle", "unsafe", "expiring", "dangerous", "managed")


@dataclass(frozen=True, slots=True)
class HouseSums:
    """Counts of one house."""

    rooms: int = 0
    beds: int = 0
    offered: int = 0
    waiting: int = 0
    open_hazards: int = 0
    open_major: int = 0

    @property
    def managed(self) -> bool:
        """Ten rooms or ten beds: a manager and a register are due."""
        return needs_management(self.rooms, self.beds)


def search_houses(actor: Actor, *, text: str, state: str, village_code: str, today: date) -> Select[House]:
    """Houses in scope by what was typed: part of a name or address, a household number, a whole phone."""
    statement = houses_visible_to(actor)
    if village_code:
        statement = statement.where(House.village_code == village_code)
    if text:
        statement = statement.where(or_(*_matches(text)))
    if state in HOUSE_STATES:
        statement = statement.where(_in_state(state, today))
    return statement


def search_owners(actor: Actor, text: str) -> Select[Owner]:
    """Households in scope by part of a name, the number, or a whole phone."""
    return owners_visible_to(actor).where(or_(*_owner_matches(text)))


def _owner_matches(text: str) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        Owner.name.contains(text, autoescape=True),
        Owner.household_no == text,
    ]
    try:
        conditions.append(Owner.phone_hash == lookup_hash(check_phone(text), "phone"))
    except InvalidValue:
        pass
    return conditions


def _matches(text: str) -> list[ColumnElement[bool]]:
    return [*_owner_matches(text), House.address.contains(text, autoescape=True)]


def _room_exists(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(Room.house_id == House.id, Room.removed_at.is_(None), *conditions)


def _listed(state: str) -> ColumnElement[bool]:
    return exists().where(Listing.room_id == Room.id, Listing.state == state)


def _in_state(state: str, today: date) -> ColumnElement[bool]:
    managed = (
        select(or_(func.count() >= 10, func.sum(Room.beds) >= 10))
        .where(Room.house_id == House.id, Room.removed_at.is_(None))
        .scalar_subquery()
    )
    conditions: dict[str, ColumnElement[bool]] = {
        "offered": _room_exists(_listed("approved")),
        "waiting": _room_exists(_listed("submitted")),
        "idle": _room_exists(~_listed("approved"), ~_listed("submitted")),
        "unsafe": or_(
            House.safe_until.is_(None),
            House.safe_until <= today,
            exists().where(Hazard.house_id == House.id, Hazard.closed_on.is_(None)),
        ),
        "expiring": and_(House.safe_until > today, House.safe_until <= today + timedelta(days=SOON_DAYS)),
        "dangerous": House.dangerous_since.isnot(None),
        "managed": managed,
    }
    return conditions[state]


def house_sums(house_ids: Collection[int]) -> dict[int, HouseSums]:
    """house id → its counts, in two queries for any number of houses."""
    sums = {house_id: HouseSums() for house_id in house_ids}
    for house_id, rooms, beds, offered, waiting in db.session.execute(
        select(
            Room.house_id,
            func.count(),
            func.coalesce(func.sum(Room.beds), 0),
            func.count().filter(_listed("approved")),
            func.count().filter(_listed("submitted")),
        )
        .where(Room.house_id.in_(house_ids), Room.removed_at.is_(None))
        .group_by(Room.house_id)
    ):
        sums[house_id] = HouseSums(int(rooms), int(beds), int(offered), int(waiting))
    for house_id, total, major in db.session.execute(
        select(Hazard.house_id, func.count(), func.count().filter(Hazard.severity == "major"))
        .where(Hazard.house_id.in_(house_ids), Hazard.closed_on.is_(None))
        .group_by(Hazard.house_id)
    ):
        sums[house_id] = replace(sums[house_id], open_hazards=int(total), open_major=int(major))
    return sums


@dataclass(frozen=True, slots=True)
class MarketSums:
    """Rooms and beds of an area: registered, on the market today, waiting for the clerk."""

    houses: int
    rooms: int
    beds: int
    on_market: int
    waiting: int


def market_sums(actor: Actor, today: date) -> MarketSums:
    """The sums over the list of houses, for an office."""
    area = in_area(Room.village_code, actor.scope)
    rooms, beds = db.session.execute(
        select(func.count(), func.coalesce(func.sum(Room.beds), 0)).where(area, Room.removed_at.is_(None))
    ).one()
    houses = db.session.execute(
        select(func.count()).select_from(House).where(in_area(House.village_code, actor.scope))
    ).scalar_one()
    offered = (
        select(func.count())
        .select_from(Listing)
        .join(Room, Room.id == Listing.room_id)
        .join(House, House.id == Room.house_id)
        .where(area)
    )
    return MarketSums(
        houses=int(houses),
        rooms=int(rooms),
        beds=int(beds),
        on_market=int(db.session.execute(offered.where(on_market_condition(today))).scalar_one()),
        waiting=int(db.session.execute(offered.where(Listing.state == "submitted")).scalar_one()),
    )


def waiting_listings(actor: Actor) -> Select[Listing]:
    """What waits for the clerk, oldest first."""
    return (
        listings_visible_to(actor)
        .where(Listing.state == "submitted")
        .order_by(Listing.submitted_at, Listing.id)
    )


def open_hazards(actor: Actor, *, severity: str, only_late: bool, today: date) -> Select[Hazard, House]:
    """Open hazards in scope, the one due first on top."""
    statement = hazards_visible_to(actor).where(Hazard.closed_on.is_(None))
    if severity in ("minor", "major"):
        statement = statement.where(Hazard.severity == severity)
    if only_late:
        statement = statement.where(Hazard.due_on < today)
    return statement.order_by(Hazard.due_on, Hazard.id)


def waiting_links(actor: Actor) -> Select[HouseholdLink]:
    """Villagers waiting to be linked, oldest first."""
    return links_visible_to(actor).where(HouseholdLink.state == "waiting").order_by(HouseholdLink.id)


def people_by_id(user_ids: Collection[int | None]) -> Mapping[int, User]:
    """user id → person, for names beside what they did."""
    wanted = {user_id for user_id in user_ids if user_id is not None}
    if not wanted:
        return {}
    found = db.session.execute(select(User).where(User.id.in_(wanted))).scalars()
    return {user.id: user for user in found}


def latest_link(user_id: int) -> HouseholdLink | None:
    """A villager's newest request to be linked."""
    return db.session.execute(
        select(HouseholdLink)
        .where(HouseholdLink.user_id == user_id)
        .order_by(HouseholdLink.id.desc())
        .limit(1)
    ).scalar_one_or_none()


# --- capacity -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CapacityEffect:
    """What a rule would do today: rooms and beds that go, rooms that could take more."""

    rooms: int
    rooms_down: int
    beds_lost: int
    rooms_to_zero: int
    rooms_up: int


def _new_capacity(cap: int, m2_per_person: Decimal) -> ColumnElement[Any]:
    return func.least(cap, func.floor(Room.usable_m2 / m2_per_person))


_HABITABLE = and_(Room.kind.in_(("bedroom", "living_room")), Room.removed_at.is_(None))


def capacity_effect(cap: int, m2_per_person: Decimal) -> CapacityEffect:
    """Count, without changing anything, what ``apply_capacity_rule`` would do."""
    new = _new_capacity(cap, m2_per_person)
    row = db.session.execute(
        select(
            func.count(),
            func.count().filter(new < Room.capacity),
            func.coalesce(func.sum(case((Room.beds > new, Room.beds - new), else_=0)), 0),
            func.count().filter(and_(new < 1, Room.capacity >= 1)),
            func.count().filter(new > Room.capacity),
        ).where(_HABITABLE)
    ).one()
    return CapacityEffect(*(int(value) for value in row))


def rooms_losing_beds(cap: int, m2_per_person: Decimal) -> Select[Room, Village, int]:
    """Rooms whose beds exceed what the rule would allow, worst first; the number is the new capacity."""
    new = _new_capacity(cap, m2_per_person)
    return (
        select(Room, Village, new.label("allowed"))
        .join(Village, Village.code == Room.village_code)
        .where(_HABITABLE, Room.beds > new)
        .order_by(Room.beds - new, Room.village_code, Room.id)
    )


# --- one row, in scope ----------------------------------------------------------------------------


def document_in_scope(actor: Actor, document_id: int) -> HouseDocument | None:
    """A paper of a house the actor may see."""
    return db.session.execute(
        select(HouseDocument)
        .where(HouseDocument.id == document_id)
        .where(HouseDocument.house_id.in_(houses_visible_to(actor).with_only_columns(House.id)))
    ).scalar_one_or_none()


def owner_is_managed(sums: Iterable[HouseSums]) -> bool:
    """Whether all houses of one household together reach ten rooms or ten beds."""
    found = list(sums)
    return needs_management(sum(one.rooms for one in found), sum(one.beds for one in found))


# --- the clerk's day ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HousingWork:
    """What waits in a clerk's village; ``houses`` tells a village that has begun from one that has not."""

    houses: int
    listings: int
    links: int
    checks_ending: int
    hazards: int
    hazards_late: int


def housing_work(actor: Actor, today: date) -> HousingWork:
    """The numbers of the pages they lead to; one query."""
    houses = houses_visible_to(actor).with_only_columns(House.id)
    hazards = open_hazards(actor, severity="", only_late=False, today=today).order_by(None)
    late = open_hazards(actor, severity="", only_late=True, today=today).order_by(None)
    counted = (
        houses,
        waiting_listings(actor).with_only_columns(Listing.id).order_by(None),
        waiting_links(actor).with_only_columns(HouseholdLink.id).order_by(None),
        houses.where(_in_state("expiring", today)),
        hazards.with_only_columns(Hazard.id),
        late.with_only_columns(Hazard.id),
    )
    row = db.session.execute(
        select(*(select(func.count()).select_from(one.subquery()).scalar_subquery() for one in counted))
    ).one()
    return HousingWork(*(int(value) for value in row))
