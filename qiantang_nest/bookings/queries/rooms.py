"""Rooms that can be taken: the search's list, its counts per village, and the candidates of a hold.

The shape of the SQL decides the cost (measured on 41,000 rooms): houses come in their order (``houses``),
the offers of each are looked up from there in a second subquery, and the limit stops it all, so the list
costs what it shows (0.3 ms). Both are fences (OFFSET 0) that the planner does not tear apart: as one join of
six tables it took longer to plan than to run, and a plan kept for any value read every listing of the
district (230 ms for a hold). Counts look at every room of a village (2 ms each), so they stand apart and the
caller asks for a few villages at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Any, Self

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    Date,
    Integer,
    Select,
    Subquery,
    Text,
    TextClause,
    any_,
    bindparam,
    func,
    literal_column,
    select,
    text,
    true,
)
from sqlalchemy.sql.selectable import LateralFromClause

from qiantang_nest.bookings.queries.houses import FAR, AreaShape, area_values, houses_inside, near_houses
from qiantang_nest.bookings.rules import Area, FreeRoom, Wants
from qiantang_nest.core.db import db
from qiantang_nest.geography.rules import LatLon
from qiantang_nest.housing.models import House, Listing, Photo, Room
from qiantang_nest.housing.queries import on_offer_condition, safe_house_condition
from qiantang_nest.occupancy.queries.claims import FREE_SQL, free_values


@dataclass(frozen=True, slots=True)
class FoundRoom:
    """One line of the list; no household and no door number, anybody may read it."""

    id: int
    village_code: str
    label: str
    floor: int
    usable_m2: float
    beds: int
    features: tuple[str, ...]
    rent_fen: int
    direct: bool
    place: LatLon
    pinned: bool
    """Whether ``place`` is the house's own; else it is its village's."""
    photo: str | None


@dataclass(frozen=True, slots=True)
class VillageCount:
    """Free rooms of one village that answer the search."""

    village_code: str
    rooms: int
    beds: int
    lowest_rent_fen: int | None


def find_rooms(
    area: Area,
    wants: Wants,
    *,
    starts_on: date,
    ends_on: date,
    now: datetime,
    limit: int,
    offset: int = 0,
) -> list[FoundRoom]:
    """The nearest rooms free for the whole of ``[starts_on, ends_on)``, each with its first photograph."""
    rows = db.session.execute(
        _list_sql(_Shape.of(area, wants)),
        {**_values(area, wants, starts_on, ends_on, now), "limit": limit, "offset": offset},
    )
    return [
        FoundRoom(
            id=row.id,
            village_code=row.village_code,
            label=row.label,
            floor=row.floor,
            usable_m2=float(row.usable_m2),
            beds=row.beds,
            features=tuple(row.features),
            rent_fen=row.rent_fen,
            direct=row.direct,
            place=LatLon(row.lat, row.lon),
            pinned=row.pinned,
            photo=row.photo,
        )
        for row in rows
    ]


def candidates(
    area: Area, wants: Wants, *, starts_on: date, ends_on: date, now: datetime, limit: int
) -> list[FreeRoom]:
    """The nearest rooms that can be taken, for ``rules.choose_rooms``."""
    rows = db.session.execute(
        _candidates_sql(_Shape.of(area, wants)),
        {**_values(area, wants, starts_on, ends_on, now), "limit": limit, "offset": 0},
    )
    return [FreeRoom(*row) for row in rows]


def free_among(
    room_ids: Sequence[int], near: LatLon, *, starts_on: date, ends_on: date, now: datetime
) -> list[FreeRoom]:
    """Those of the rooms that can be taken."""
    values = _values(Area(near), Wants(), starts_on, ends_on, now)
    rows = db.session.execute(_picked_sql(), {**values, "room_ids": list(room_ids)})
    return [FreeRoom(*row) for row in rows]


def count_by_village(
    village_codes: Sequence[str],
    area: Area,
    wants: Wants,
    *,
    starts_on: date,
    ends_on: date,
    now: datetime,
) -> dict[str, VillageCount]:
    """Free rooms of each of the villages inside the area; villages without any are absent."""
    area = replace(area, village_codes=tuple(village_codes))
    rows = db.session.execute(
        _counts_sql(_Shape.of(area, wants)), _values(area, wants, starts_on, ends_on, now)
    )
    return {row[0]: VillageCount(row[0], int(row[1]), int(row[2]), int(row[3])) for row in rows}


# --- the statements, built once for each shape of question, since building costs as much as running ---------


@dataclass(frozen=True, slots=True)
class _Shape:
    """Which conditions a question has; their values are bound."""

    area: AreaShape
    rent: bool = False
    features: bool = False

    @classmethod
    def of(cls, area: Area, wants: Wants) -> Self:
        return cls(AreaShape.of(area), rent=wants.max_rent_fen is not None, features=bool(wants.features))


_STARTS: BindParameter[date] = bindparam("starts_on", type_=Date)
_ENDS: BindParameter[date] = bindparam("ends_on", type_=Date)


def _values(area: Area, wants: Wants, starts_on: date, ends_on: date, now: datetime) -> dict[str, Any]:
    return {
        **free_values(starts_on, ends_on, now),
        **area_values(area),
        "beds_at_least": wants.beds_at_least,
        "max_rent_fen": wants.max_rent_fen,
        "features": list(wants.features),
    }


@cache
def _list_sql(shape: _Shape) -> Select[Any]:
    house = near_houses(shape.area, safe_house_condition(_STARTS))
    offer = _offers_of(house, shape)
    photo = (
        select(Photo.media_name)
        .where(Photo.room_id == offer.c.id)
        .order_by(Photo.id)
        .limit(literal_column("1"))
        .scalar_subquery()
    )
    return _nearest_first(
        house,
        offer,
        *(offer.c.id, offer.c.village_code, offer.c.label, offer.c.floor, offer.c.usable_m2, offer.c.beds),
        *(offer.c.features, offer.c.rent_fen, offer.c.direct, house.c.lat, house.c.lon, house.c.pinned),
        photo.label("photo"),
    )


@cache
def _candidates_sql(shape: _Shape) -> Select[Any]:
    house = near_houses(shape.area, safe_house_condition(_STARTS))
    offer = _offers_of(house, shape)
    return _nearest_first(
        house,
        offer,
        *(offer.c.id, house.c.id, house.c.owner_id, offer.c.village_code, offer.c.label, offer.c.beds),
        *(offer.c.listing_id, offer.c.rent_fen, offer.c.direct, house.c.far),
    )


@cache
def _picked_sql() -> Select[Any]:
    return (
        select(
            *(Room.id, Room.house_id, House.owner_id, Room.village_code, Room.label, Room.beds),
            *(Listing.id, Listing.rent_fen, Listing.direct, FAR),
        )
        .join(House, House.id == Room.house_id)
        .join(Listing, Listing.room_id == Room.id)
        .where(
            Room.id == any_(bindparam("room_ids", type_=ARRAY(BigInteger))),
            safe_house_condition(_STARTS),
            *_takeable(_Shape(AreaShape())),
        )
        .order_by(Room.id)
    )


@cache
def _counts_sql(shape: _Shape) -> Select[Any]:
    house = houses_inside(shape.area, safe_house_condition(_STARTS))
    offer = _offers_of(house, shape)
    counts: tuple[Any, ...] = (func.count(), func.sum(offer.c.beds), func.min(offer.c.rent_fen))
    return (
        select(house.c.village_code, *counts)
        .select_from(house)
        .join(offer, true())
        .group_by(house.c.village_code)
    )


def _offers_of(house: Subquery, shape: _Shape) -> LateralFromClause:
    """What can be taken in one house of ``house``."""
    return (
        select(
            *(Room.id, Room.village_code, Room.label, Room.floor, Room.usable_m2, Room.beds, Room.features),
            *(Listing.id.label("listing_id"), Listing.rent_fen, Listing.direct),
        )
        .join(Listing, Listing.room_id == Room.id)
        .where(Room.house_id == house.c.id, *_takeable(shape))
        .offset(literal_column("0"))
        .lateral("offer")
    )


def _nearest_first(house: Subquery, offer: LateralFromClause, *columns: ColumnElement[Any]) -> Select[Any]:
    return (
        select(*columns)
        .select_from(house)
        .join(offer, true())
        .order_by(house.c.far, house.c.id, offer.c.id)
        .limit(bindparam("limit", type_=Integer))
        .offset(bindparam("offset", type_=Integer))
    )


def _takeable(shape: _Shape) -> list[ColumnElement[bool] | TextClause]:
    """On offer, free, and what the question wants of a room."""
    conditions: list[ColumnElement[bool] | TextClause] = [
        on_offer_condition(_STARTS, _ENDS),
        text(FREE_SQL),
        Room.beds >= bindparam("beds_at_least", type_=Integer),
    ]
    if shape.rent:
        conditions.append(Listing.rent_fen <= bindparam("max_rent_fen", type_=BigInteger))
    if shape.features:
        conditions.append(Room.features.contains(bindparam("features", type_=ARRAY(Text))))
    return conditions


# --- one room, and names ------------------------------------------------------------------------------------


def room_on_market(room_id: int, today: date) -> tuple[Room, Listing] | None:
    """A room anybody may look at: on the market on some day from ``today`` on."""
    statement = (
        select(Room, Listing)
        .join(House, House.id == Room.house_id)
        .join(Listing, Listing.room_id == Room.id)
        .where(
            Room.id == room_id,
            Room.removed_at.is_(None),
            Listing.state == "approved",
            Listing.ends_on > today,
            House.dangerous_since.is_(None),
        )
        .order_by(Listing.starts_on)
        .limit(1)
    )
    row = db.session.execute(statement).first()
    return None if row is None else (row[0], row[1])


def taken_periods(room_id: int, from_day: date, now: datetime) -> list[tuple[date, date]]:
    """When the room is taken from a day on, first to last; by whom is nobody's business here."""
    rows = db.session.execute(
        text(
            "SELECT starts_on, ends_on FROM room_claim WHERE room_id = :room_id AND ends_on > :from_day"
            " AND state IN ('held', 'leased', 'closed') AND (held_until IS NULL OR held_until > :now)"
            " ORDER BY starts_on"
        ),
        {"room_id": room_id, "from_day": from_day, "now": now},
    )
    return [(row.starts_on, row.ends_on) for row in rows]


def villages_of_rooms(room_ids: Sequence[int]) -> list[str]:
    """The codes of the villages in which the rooms lie."""
    return list(
        db.session.execute(select(Room.village_code).where(Room.id.in_(room_ids)).distinct()).scalars()
    )


def names_of_rooms(room_ids: Sequence[int]) -> dict[int, str]:
    """room id → ``同一村 201 房``."""
    rows = db.session.execute(
        text(
            "SELECT room.id, village.name || ' ' || room.label AS name"
            " FROM room JOIN village ON village.code = room.village_code WHERE room.id = ANY(:room_ids)"
        ),
        {"room_ids": list(room_ids)},
    )
    return {row.id: row.name for row in rows}
