"""The capacity rule in force, the market, and what keeps a room off it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, exists, func, literal_column, select

from qiantang_nest.core.dated_rules import rule_on
from qiantang_nest.core.db import db
from qiantang_nest.housing.models import (
    CapacityRule,
    Hazard,
    House,
    HouseDocument,
    Listing,
    Room,
)
from qiantang_nest.housing.rules import (
    DEFAULT_CAP,
    DEFAULT_M2_PER_PERSON,
    DocumentKind,
    GateFacts,
    GateLack,
    RoomKind,
    gate_lacks,
)


@dataclass(frozen=True, slots=True)
class Capacity:
    """The capacity rule of a day; ``basis`` is empty for the figures of the law itself."""

    cap: int
    m2_per_person: Decimal
    basis: str = ""
    effective_on: date | None = None


def capacity_on(day: date) -> Capacity:
    """The rule in force: the newest whose day has come, else the figures of 若干规定 art. 14."""
    found = rule_on(CapacityRule, day)
    if found is None:
        return Capacity(DEFAULT_CAP, DEFAULT_M2_PER_PERSON)
    return Capacity(int(found.cap), found.m2_per_person, found.basis, found.effective_on)


def on_market_condition(
    starts_on: date | ColumnElement[date], ends_on: date | ColumnElement[date] | None = None
) -> ColumnElement[bool]:
    """The condition that a room is on offer for a period, for a select of Listing ⋈ Room ⋈ House.

    ``on_market_condition(day)`` asks for one day, ``(starts_on, ends_on)`` for a half-open period that one
    approved listing covers. Says what ``rules.gate_lacks`` says, so a house whose check has run out, that is
    found dangerous, or has a major hazard open, is off the market without anybody touching its listings.
    Whether somebody has taken the room is the claims' business (``occupancy``).

    The days may be bind parameters, so that a statement can be built once and kept.
    """
    return and_(safe_house_condition(starts_on), on_offer_condition(starts_on, ends_on))


def safe_house_condition(starts_on: date | ColumnElement[date]) -> ColumnElement[bool]:
    """The part of ``on_market_condition`` that a row of House tells by itself."""
    return and_(House.dangerous_since.is_(None), House.safe_until > starts_on)


def on_offer_condition(
    starts_on: date | ColumnElement[date],
    ends_on: date | ColumnElement[date] | None = None,
) -> ColumnElement[bool]:
    """The rest of ``on_market_condition``, for a select of Listing ⋈ Room alone.

    Indexes: ``ix_listing_room_id_approved`` finds a room's listing, ``uq_house_document_number`` and
    ``ix_hazard_open`` answer the two probes from the index alone. States are written out, as a plan made for
    any value may not use an index that holds one.
    """
    if ends_on is None:
        ends_on = starts_on + timedelta(days=1)
    return and_(
        Listing.state == literal_column("'approved'"),
        Listing.starts_on <= starts_on,
        Listing.ends_on >= ends_on,
        Room.removed_at.is_(None),
        Room.beds > literal_column("0"),
        exists().where(HouseDocument.house_id == Room.house_id),
        ~exists().where(
            Hazard.house_id == Room.house_id,
            Hazard.severity == literal_column("'major'"),
            Hazard.closed_on.is_(None),
        ),
    )


def lacks_of(listings: Sequence[Listing], today: date) -> dict[int, list[GateLack]]:
    """What keeps each listing (room and house loaded) from the market; two queries for any number."""
    house_ids = {listing.room.house_id for listing in listings}
    papers: dict[int, set[DocumentKind]] = {}
    for house_id, kind in db.session.execute(
        select(HouseDocument.house_id, HouseDocument.kind).where(HouseDocument.house_id.in_(house_ids))
    ):
        papers.setdefault(house_id, set()).add(DocumentKind(kind))
    majors = open_major_hazards(house_ids)
    return {
        listing.id: gate_lacks(
            gate_facts(
                listing.room,
                papers.get(listing.room.house_id, set()),
                majors.get(listing.room.house_id, 0),
                max(listing.starts_on, today),
            )
        )
        for listing in listings
    }


def gate_facts(
    room: Room, papers: Collection[DocumentKind], open_major: int, offered_from: date
) -> GateFacts:
    """The facts of one room for ``rules.gate_lacks``."""
    return GateFacts(
        room_kind=RoomKind(room.kind),
        capacity=room.capacity,
        beds=room.beds,
        documents=papers,
        safe_until=room.house.safe_until,
        open_major_hazards=open_major,
        dangerous=room.house.dangerous_since is not None,
        offered_from=offered_from,
    )


def open_major_hazards(house_ids: Collection[int]) -> dict[int, int]:
    """house id → number of open major hazards; houses without any are absent."""
    rows = db.session.execute(
        select(Hazard.house_id, func.count())
        .where(Hazard.house_id.in_(house_ids), Hazard.severity == "major", Hazard.closed_on.is_(None))
        .group_by(Hazard.house_id)
    )
    return {int(house_id): int(count) for house_id, count in rows}


@dataclass(frozen=True, slots=True)
class RentLevels:
    """What neighbours ask a month, in fen: lowest, quartiles, highest, over ``rooms`` rooms on offer."""

    rooms: int
    lowest_fen: int
    lower_fen: int
    median_fen: int
    upper_fen: int
    highest_fen: int


def neighbours_rent(village_code: str, today: date, *, private_bathroom: bool) -> RentLevels | None:
    """Rents asked for rooms of the same sort in a village; None below three rooms (no neighbour's secret)."""
    bathroom = Room.features.contains(["private_bathroom"])
    row = db.session.execute(
        select(
            func.count(),
            func.min(Listing.rent_fen),
            func.percentile_disc(0.25).within_group(Listing.rent_fen),
            func.percentile_disc(0.5).within_group(Listing.rent_fen),
            func.percentile_disc(0.75).within_group(Listing.rent_fen),
            func.max(Listing.rent_fen),
        )
        .join(Room, Room.id == Listing.room_id)
        .where(
            Room.village_code == village_code,
            Room.removed_at.is_(None),
            Listing.state == "approved",
            Listing.ends_on > today,
            bathroom if private_bathroom else ~bathroom,
        )
    ).one()
    return None if row[0] < 3 else RentLevels(*(int(value) for value in row))
