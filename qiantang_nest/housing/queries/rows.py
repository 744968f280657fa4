"""Rows of one house or household."""

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import exists, select, true

from qiantang_nest.core.db import db
from qiantang_nest.housing.models import (
    Hazard,
    House,
    HouseDocument,
    Inspection,
    Listing,
    Photo,
    ProxyConsent,
    Room,
)
from qiantang_nest.housing.queries.market import on_market_condition


def live_consent(owner_id: int) -> ProxyConsent | None:
    """The household's word that the village may act for it, unless withdrawn."""
    return db.session.execute(
        select(ProxyConsent)
        .where(ProxyConsent.owner_id == owner_id, ProxyConsent.withdrawn_on.is_(None))
        .order_by(ProxyConsent.id.desc())
        .limit(1)
    ).scalar_one_or_none()


def rooms_of(house_ids: Collection[int]) -> Sequence[Room]:
    """The rooms of houses that were not removed, by floor and name."""
    return (
        db.session.execute(
            select(Room)
            .where(Room.house_id.in_(house_ids), Room.removed_at.is_(None))
            .order_by(Room.house_id, Room.floor, Room.label)
        )
        .scalars()
        .all()
    )


def current_listings(room_ids: Collection[int]) -> dict[int, Listing]:
    """room id → the listing that matters now: offered or waiting before draft before returned before gone."""
    found: dict[int, Listing] = {}
    rows = db.session.execute(
        select(Listing).where(Listing.room_id.in_(room_ids)).order_by(Listing.id)
    ).scalars()
    for listing in rows:
        best = found.get(listing.room_id)
        if best is None or _RANK[listing.state] <= _RANK[best.state]:
            found[listing.room_id] = listing
    return found


_RANK = {"approved": 0, "submitted": 0, "draft": 1, "returned": 2, "withdrawn": 2}


def documents_of(house_id: int) -> Sequence[HouseDocument]:
    """The papers of a house, newest first."""
    return (
        db.session.execute(
            select(HouseDocument).where(HouseDocument.house_id == house_id).order_by(HouseDocument.id.desc())
        )
        .scalars()
        .all()
    )


def inspections_of(house_id: int) -> Sequence[Inspection]:
    """The safety checks of a house, newest first."""
    return (
        db.session.execute(
            select(Inspection)
            .where(Inspection.house_id == house_id)
            .order_by(Inspection.inspected_on.desc(), Inspection.id.desc())
        )
        .scalars()
        .all()
    )


def hazards_of(house_id: int) -> Sequence[Hazard]:
    """The hazards of a house, open ones first."""
    return (
        db.session.execute(
            select(Hazard)
            .where(Hazard.house_id == house_id)
            .order_by(Hazard.closed_on.isnot(None), Hazard.due_on, Hazard.id)
        )
        .scalars()
        .all()
    )


def photos_of(house_ids: Collection[int]) -> Sequence[Photo]:
    """The photographs of houses and their rooms, oldest first."""
    return (
        db.session.execute(select(Photo).where(Photo.house_id.in_(house_ids)).order_by(Photo.id))
        .scalars()
        .all()
    )


def is_public_photo(photo: Photo, today: date) -> bool:
    """Whether anyone may look: the room it shows, or any room of the house, is on the market today."""
    in_picture = Room.id == photo.room_id if photo.room_id is not None else true()
    return bool(
        db.session.execute(
            select(
                exists(
                    select(Listing.id)
                    .join(Room, Room.id == Listing.room_id)
                    .join(House, House.id == Room.house_id)
                    .where(House.id == photo.house_id, in_picture, on_market_condition(today))
                )
            )
        ).scalar_one()
    )


def photo_by_name(name: str) -> Photo | None:
    """The photograph a file belongs to."""
    return db.session.execute(select(Photo).where(Photo.media_name == name)).scalar_one_or_none()
