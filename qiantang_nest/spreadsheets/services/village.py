"""Taking a village workbook in: looked at first, then whole or not at all.

The rows go in by one statement a table, not one a row: four hundred rooms take a second or two.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from qiantang_nest.core.actor import Actor
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db, lock_villages
from qiantang_nest.core.errors import BadRows, NotAllowed, RowProblem, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.geography.models import Village
from qiantang_nest.housing.models import (
    House,
    HouseDocument,
    ImportedFile,
    Inspection,
    Listing,
    Owner,
    ProxyConsent,
    Room,
)
from qiantang_nest.spreadsheets.queries import KnownVillage, imported_before, known_village
from qiantang_nest.spreadsheets.rules.village import HouseholdRow, HouseRow, RoomRow, VillageSheet


@dataclass(frozen=True)
class ImportCounts:
    """What a workbook would add, or has added."""

    households: int
    houses: int
    rooms: int
    beds: int
    offered: int
    known_rooms: int
    """Rooms of the workbook that are there already; left as they are."""


@dataclass(frozen=True)
class _New:
    households: list[HouseholdRow]
    houses: list[HouseRow]
    rooms: list[RoomRow]


def dry_run(*, village: Village, sheet: VillageSheet) -> tuple[ImportCounts, list[RowProblem]]:
    """What taking the workbook in would add, and every problem, of the file itself and with what is known."""
    known = known_village(village.code)
    return _counts(sheet, known), sorted(
        [*sheet.problems, *_conflicts(sheet, known)], key=lambda problem: problem.row
    )


def import_village(
    *,
    village: Village,
    sheet: VillageSheet,
    sha256: str,
    file_name: str,
    today: date,
    now: datetime,
    actor: Actor,
) -> ImportCounts:
    """Add what the workbook has and the village has not; what is there already stays as it is.

    Raises:
        WrongState: the same bytes were taken in before.
        BadRows: anything is wrong; nothing was added.
        NotAllowed: nobody in particular imports.
    """
    if actor.user_id is None:
        raise NotAllowed(_("导入要由村管理员本人来办。"))
    lock_villages([village.code])
    earlier = imported_before(village.code, sha256)
    if earlier is not None:
        raise WrongState(
            _(
                "这个文件在 %(day)s 已经导入过了，不会再加一遍。",
                day=earlier.imported_at.date().isoformat(),
            )
        )
    known = known_village(village.code)
    problems = [*sheet.problems, *_conflicts(sheet, known)]
    if problems:
        raise BadRows(_("有 %(count)s 处要改，什么都没有导入。", count=len(problems)), problems)
    counts = _counts(sheet, known)
    new = _new_of(sheet, known)
    owners = {**known.owners, **_add_owners(new.households, village)}
    _add_consents(sheet.households.values(), owners, known, actor)
    houses = {**known.houses, **_add_houses(new.houses, owners, village, actor)}
    _add_safety(new.houses, houses, actor)
    rooms = _add_rooms(new.rooms, houses, village, actor)
    listings = _add_listings(new.rooms, rooms, houses, now, actor)
    _audit(
        {
            "owner": [owners[row.household_no].id for row in new.households],
            "house": [houses[row.household_no, row.address].id for row in new.houses],
            "room": [room.id for room in rooms.values()],
        },
        actor,
    )
    _audit_listings(listings, actor)
    db.session.add(
        ImportedFile(
            village_code=village.code,
            sha256=sha256,
            file_name=file_name[:200],
            rows=len(sheet.rooms),
            imported_by=actor.user_id,
            imported_at=now,
        )
    )
    db.session.flush()
    return counts


def _new_of(sheet: VillageSheet, known: KnownVillage) -> _New:
    return _New(
        households=[row for key, row in sheet.households.items() if key not in known.owners],
        houses=[row for key, row in sheet.houses.items() if key not in known.houses],
        rooms=[row for key, row in sheet.rooms.items() if key not in known.rooms],
    )


def _counts(sheet: VillageSheet, known: KnownVillage) -> ImportCounts:
    new = _new_of(sheet, known)
    return ImportCounts(
        households=len(new.households),
        houses=len(new.houses),
        rooms=len(new.rooms),
        beds=sum(row.beds for row in new.rooms),
        offered=sum(row.rent_fen is not None for row in new.rooms),
        known_rooms=len(sheet.rooms) - len(new.rooms),
    )


def _conflicts(sheet: VillageSheet, known: KnownVillage) -> list[RowProblem]:
    """What the workbook says against what the village has on record."""
    problems = []
    for number, row in sheet.households.items():
        owner = known.owners.get(number)
        if owner is not None and owner.name != row.owner_name:
            problems.append(
                RowProblem(
                    row.row, "户主", _("户号 %(number)s 已经登记给别的户主，请核对户号", number=number)
                )
            )
    for room in sheet.rooms.values():
        if room.rent_fen is None or (room.household_no, room.address, room.label) in known.rooms:
            continue
        owner = known.owners.get(room.household_no)
        agreed = sheet.households[room.household_no].consent_how is not None
        if not agreed and (owner is None or owner.id not in known.consenting):
            problems.append(
                RowProblem(
                    room.row, "同意方式", _("填了月租就要写户主怎么同意的：同意方式、见证人、同意日期")
                )
            )
    return problems


def _add_owners(rows: list[HouseholdRow], village: Village) -> dict[str, Owner]:
    added = {
        row.household_no: Owner(
            village_code=village.code,
            household_no=row.household_no,
            name=row.owner_name,
            group_no=row.group_no or "",
            phone=row.phone,
            id_number=row.id_number,
            account_name=row.owner_name if row.account_number else "",
            account_bank=row.account_bank or "",
            account_number=row.account_number,
        )
        for row in rows
    }
    db.session.add_all(added.values())
    db.session.flush()
    return added


def _add_consents(
    rows: Iterable[HouseholdRow], owners: dict[str, Owner], known: KnownVillage, actor: Actor
) -> None:
    consents = [
        ProxyConsent(
            owner_id=owners[row.household_no].id,
            given_on=row.consent_on,
            how=row.consent_how,
            witness=row.consent_witness,
            recorded_by=actor.user_id,
        )
        for row in rows
        if row.consent_how is not None and owners[row.household_no].id not in known.consenting
    ]
    db.session.add_all(consents)
    db.session.flush()
    _insert_audit(
        [
            {
                "action": "housing.record_consent",
                "entity": "proxy_consent",
                "entity_id": consent.id,
                "changes": {"owner_id": consent.owner_id, "how": consent.how},
                "on_behalf_of": consent.owner_id,
            }
            for consent in consents
        ],
        actor,
    )


def _add_houses(
    rows: list[HouseRow], owners: dict[str, Owner], village: Village, actor: Actor
) -> dict[tuple[str, str], House]:
    added = {
        (row.household_no, row.address): House(
            owner_id=owners[row.household_no].id,
            village_code=village.code,
            address=row.address,
            floors=row.floors,
            lat=village.lat,
            lon=village.lon,
            geo_precision=village.geo_precision,
            safe_until=row.checked_until + timedelta(days=1) if row.checked_until else None,
            added_by=actor.user_id,
            on_behalf_of=owners[row.household_no].id,
        )
        for row in rows
    }
    db.session.add_all(added.values())
    db.session.flush()
    return added


def _add_safety(rows: list[HouseRow], houses: dict[tuple[str, str], House], actor: Actor) -> None:
    papers, checks = [], []
    for row in rows:
        house = houses[row.household_no, row.address]
        if row.paper_kind is not None:
            papers.append(
                HouseDocument(
                    house_id=house.id,
                    kind=row.paper_kind,
                    number=row.paper_number,
                    recorded_by=actor.user_id,
                )
            )
        if row.inspected_on is not None:
            checks.append(
                Inspection(
                    house_id=house.id,
                    inspected_on=row.inspected_on,
                    passed=True,
                    valid_until=house.safe_until,
                    inspected_by=actor.user_id,
                )
            )
    db.session.add_all([*papers, *checks])
    db.session.flush()
    _audit({"house_document": [row.id for row in papers], "inspection": [row.id for row in checks]}, actor)


def _add_rooms(
    rows: list[RoomRow], houses: dict[tuple[str, str], House], village: Village, actor: Actor
) -> dict[tuple[str, str, str], Room]:
    added = {
        (row.household_no, row.address, row.label): Room(
            house_id=houses[row.household_no, row.address].id,
            village_code=village.code,
            label=row.label,
            floor=row.floor,
            kind=row.kind.value,
            usable_m2=row.usable_m2,
            capacity=row.capacity,
            beds=row.beds,
            features=row.features,
            added_by=actor.user_id,
            on_behalf_of=houses[row.household_no, row.address].owner_id,
        )
        for row in rows
    }
    db.session.add_all(added.values())
    db.session.flush()
    return added


def _add_listings(
    rows: list[RoomRow],
    rooms: dict[tuple[str, str, str], Room],
    houses: dict[tuple[str, str], House],
    now: datetime,
    actor: Actor,
) -> list[Listing]:
    listings = [
        Listing(
            room_id=rooms[row.household_no, row.address, row.label].id,
            rent_fen=row.rent_fen,
            starts_on=row.starts_on,
            ends_on=row.ends_on,
            state="submitted",
            submitted_by=actor.user_id,
            submitted_at=now,
            on_behalf_of=houses[row.household_no, row.address].owner_id,
        )
        for row in rows
        if row.rent_fen is not None
    ]
    db.session.add_all(listings)
    db.session.flush()
    return listings


def _audit(ids: dict[str, list[int]], actor: Actor) -> None:
    _insert_audit(
        [
            {
                "action": "spreadsheets.import_village",
                "entity": entity,
                "entity_id": entity_id,
                "changes": {},
                "on_behalf_of": None,
            }
            for entity, found in ids.items()
            for entity_id in found
        ],
        actor,
    )


def _audit_listings(listings: list[Listing], actor: Actor) -> None:
    _insert_audit(
        [
            {
                "action": "housing.submit_listing",
                "entity": "listing",
                "entity_id": listing.id,
                "changes": {
                    "room_id": listing.room_id,
                    "rent_fen": listing.rent_fen,
                    "starts_on": listing.starts_on.isoformat(),
                    "ends_on": listing.ends_on.isoformat(),
                },
                "on_behalf_of": listing.on_behalf_of,
            }
            for listing in listings
        ],
        actor,
    )


def _insert_audit(rows: list[dict[str, Any]], actor: Actor) -> None:
    if rows:
        who = {
            "actor_user_id": actor.user_id,
            "actor_role": actor.role,
            "actor_scope": actor.scope,
            "request_id": actor.request_id,
        }
        db.session.execute(insert(AuditEvent), [{**who, **row} for row in rows])
