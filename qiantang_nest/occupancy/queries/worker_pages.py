"""What a worker reads by the personal link, and what the papers in the house and the slips say."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from qiantang_nest.core.actor import Actor
from qiantang_nest.core.crypto import lookup_hash
from qiantang_nest.core.db import db
from qiantang_nest.enterprises.models import Worker
from qiantang_nest.enterprises.queries import open_worksites, way_to_work
from qiantang_nest.geography.models import Village
from qiantang_nest.geography.queries import commute_rule_on
from qiantang_nest.geography.rules import LatLon, TravelMode
from qiantang_nest.housing.models import House, Room
from qiantang_nest.occupancy.models import LeaseRoom, Registration, Stay, WorkerLink
from qiantang_nest.occupancy.queries.beds import lease_rooms_visible_to
from qiantang_nest.occupancy.queries.stays import stays_visible_to
from qiantang_nest.occupancy.rules import FEMALE_KEY, MALE_KEY, NIGHT_KEYS

LONGEST_TOKEN = 64
MOST_PAPERS = 200


@dataclass(frozen=True)
class BedOfRoom:
    """One bed on the worker's page: whose, by surname, or nobody's."""

    bed_no: int
    surname: str
    mine: bool


@dataclass(frozen=True)
class Way:
    """How far a gate of the employer is."""

    gate: str
    ebike_minutes: int
    walk_minutes: int


@dataclass(frozen=True)
class WorkerPage:
    """All that the link shows. No number of anybody but the village's desk."""

    stay: Stay
    surname: str
    village: Village
    beds: list[BedOfRoom]
    ways: list[Way]
    registration: Registration | None


def worker_page(token: str, today: date) -> WorkerPage | None:
    """The page of a link that is good and whose worker has a bed now or soon; else None."""
    if len(token) > LONGEST_TOKEN:
        return None
    found = db.session.execute(
        select(Stay)
        .join(WorkerLink, WorkerLink.worker_id == Stay.worker_id)
        .options(
            joinedload(Stay.worker).joinedload(Worker.enterprise),
            joinedload(Stay.room).joinedload(Room.house),
        )
        .where(
            WorkerLink.token_hash == lookup_hash(token, "worker_link"),
            WorkerLink.revoked_at.is_(None),
            Stay.cancelled_at.is_(None),
            Stay.left_on.is_(None),
            Stay.ends_on > today,
        )
        .order_by(Stay.starts_on)
        .limit(1)
    ).scalar_one_or_none()
    if found is None:
        return None
    return WorkerPage(
        found,
        surname_of(found.worker),
        db.session.get_one(Village, found.village_code),
        _beds_of(found, today),
        _ways(found),
        db.session.execute(
            select(Registration).where(Registration.stay_id == found.id, Registration.kind == "arrival")
        ).scalar_one_or_none(),
    )


def surname_of(worker: Worker) -> str:
    """What neighbours may read: the first character of the name, or the family name as a passport has it."""
    return worker.name.split()[0] if worker.name.isascii() else worker.name[:1]


def _beds_of(stay: Stay, today: date) -> list[BedOfRoom]:
    """The beds of the room on the day the stay is looked at, or begins."""
    day = max(today, stay.starts_on)
    others = {
        one.bed_no: one
        for one in db.session.execute(
            select(Stay)
            .options(joinedload(Stay.worker))
            .where(
                Stay.room_id == stay.room_id,
                Stay.cancelled_at.is_(None),
                Stay.left_on.is_(None),
                Stay.starts_on <= day,
                Stay.ends_on > day,
            )
        ).scalars()
    }
    numbers = sorted({*range(1, min(stay.room.beds, stay.room.capacity) + 1), stay.bed_no})
    return [
        BedOfRoom(no, surname_of(others[no].worker) if no in others else "", no == stay.bed_no)
        for no in numbers
    ]


def _ways(stay: Stay) -> list[Way]:
    house = stay.room.house
    here, pinned = LatLon(house.lat, house.lon), house.geo_precision == "house"
    rule = commute_rule_on(stay.starts_on)
    ways = []
    for site in open_worksites(stay.enterprise_id):
        ride, walk = (
            way_to_work(site, mode, rule).from_house(house.village_code, here, pinned=pinned)
            for mode in (TravelMode.EBIKE, TravelMode.WALK)
        )
        if ride and walk:
            ways.append(Way(site.name, ride.minutes, walk.minutes))
    return sorted(ways, key=lambda way: way.ebike_minutes)[:3]


# --- papers ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DoorSheet:
    """One room's sheet: for whom the room is, and whom to call."""

    room: Room
    village: Village
    employer: str
    keys: frozenset[int]

    @property
    def beds(self) -> int:
        """Beds that may be slept in."""
        return min(self.room.beds, self.room.capacity)

    @property
    def by_day(self) -> bool:
        """People sleep here by day."""
        return bool(self.keys & {MALE_KEY + NIGHT_KEYS, FEMALE_KEY + NIGHT_KEYS})


def rooms_for_papers(actor: Actor, today: date, house_id: int | None = None) -> Sequence[LeaseRoom]:
    """Rooms under lease today that the actor prints for, house by house; of one house, or the first ones."""
    statement = lease_rooms_visible_to(actor).where(LeaseRoom.starts_on <= today, LeaseRoom.ends_on > today)
    if house_id is not None:
        statement = statement.where(Room.house_id == house_id)
    statement = statement.order_by(None).order_by(House.village_code, House.id, Room.label)
    return db.session.execute(statement.limit(MOST_PAPERS)).scalars().all()


def door_sheets(lease_rooms: Sequence[LeaseRoom], today: date) -> list[DoorSheet]:
    """A sheet for each room; two queries."""
    villages = villages_of({one.room.village_code for one in lease_rooms})
    keys: dict[int, set[int]] = {}
    for room_id, key in db.session.execute(
        select(Stay.room_id, Stay.companion_key).where(
            Stay.lease_room_id.in_([one.id for one in lease_rooms]),
            Stay.cancelled_at.is_(None),
            Stay.ends_on > today,
        )
    ):
        keys.setdefault(room_id, set()).add(key)
    return [
        DoorSheet(
            one.room,
            villages[one.room.village_code],
            one.lease.enterprise.name,
            frozenset(keys.get(one.room_id, ())),
        )
        for one in lease_rooms
    ]


def stays_for_papers(
    actor: Actor, today: date, *, house_id: int | None = None, stay_id: int | None = None
) -> Sequence[Stay]:
    """Who sleeps or will sleep where, by house, room and bed; of one house, one stay, or the first ones."""
    statement = stays_visible_to(actor).where(
        Stay.cancelled_at.is_(None), Stay.left_on.is_(None), Stay.ends_on > today
    )
    if house_id is not None:
        statement = statement.where(House.id == house_id)
    if stay_id is not None:
        statement = statement.where(Stay.id == stay_id)
    statement = statement.order_by(Stay.village_code, House.id, Room.label, Stay.bed_no, Stay.starts_on)
    return db.session.execute(statement.limit(MOST_PAPERS)).scalars().all()


def tokens_of(worker_ids: Collection[int]) -> dict[int, str]:
    """The good links of workers, opened for printing."""
    found = db.session.execute(
        select(WorkerLink).where(WorkerLink.worker_id.in_(worker_ids), WorkerLink.revoked_at.is_(None))
    ).scalars()
    return {link.worker_id: link.token for link in found}


def arrivals_of(stay_ids: Collection[int]) -> dict[int, Registration]:
    """The arrival report of each stay that has one."""
    found = db.session.execute(
        select(Registration).where(Registration.stay_id.in_(stay_ids), Registration.kind == "arrival")
    ).scalars()
    return {one.stay_id: one for one in found}


def villages_of(codes: Collection[str]) -> dict[str, Village]:
    """Villages by code."""
    found = db.session.execute(select(Village).where(Village.code.in_(codes))).scalars()
    return {village.code: village for village in found}
