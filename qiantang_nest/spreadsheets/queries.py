"""What is known already of a village before a workbook adds to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from qiantang_nest.core.db import db
from qiantang_nest.housing.models import House, ImportedFile, Owner, ProxyConsent, Room


@dataclass(frozen=True)
class KnownVillage:
    """Households by number, houses by (number, address), rooms by (number, address, label)."""

    owners: dict[str, Owner]
    houses: dict[tuple[str, str], House]
    rooms: frozenset[tuple[str, str, str]]
    consenting: frozenset[int]
    """Ids of households that let the village act for them."""


def known_village(village_code: str) -> KnownVillage:
    """Four queries, whatever the village's size."""
    owners = db.session.execute(select(Owner).where(Owner.village_code == village_code)).scalars().all()
    number_of = {owner.id: owner.household_no for owner in owners}
    houses = db.session.execute(select(House).where(House.village_code == village_code)).scalars().all()
    place_of = {house.id: (number_of[house.owner_id], house.address) for house in houses}
    rooms = db.session.execute(
        select(Room.house_id, Room.label).where(Room.village_code == village_code, Room.removed_at.is_(None))
    )
    consenting = db.session.execute(
        select(ProxyConsent.owner_id)
        .join(Owner, Owner.id == ProxyConsent.owner_id)
        .where(Owner.village_code == village_code, ProxyConsent.withdrawn_on.is_(None))
    ).scalars()
    return KnownVillage(
        owners={owner.household_no: owner for owner in owners},
        houses={place_of[house.id]: house for house in houses},
        rooms=frozenset((*place_of[house_id], label) for house_id, label in rooms),
        consenting=frozenset(consenting),
    )


def imported_before(village_code: str, sha256: str) -> ImportedFile | None:
    """The earlier import of the same bytes."""
    return db.session.execute(
        select(ImportedFile).where(ImportedFile.village_code == village_code, ImportedFile.sha256 == sha256)
    ).scalar_one_or_none()


def imports_of(village_code: str) -> Sequence[ImportedFile]:
    """The last twenty imports of a village, newest first."""
    return (
        db.session.execute(
            select(ImportedFile)
            .where(ImportedFile.village_code == village_code)
            .order_by(ImportedFile.id.desc())
            .limit(20)
        )
        .scalars()
        .all()
    )
