"""The small district that lives are played in: everybody knows everybody, and rooms run out at once."""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from qiantang_nest.billing.services import issue_due_bills
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.occupancy.models import LeaseRoom
from tests import factories as make
from tests.factories import NEIGHBOUR_VILLAGE, OTHER_STREET_VILLAGE, TODAY, VILLAGE

VILLAGES = (VILLAGE, NEIGHBOUR_VILLAGE, OTHER_STREET_VILLAGE)
FAR_OFF = TODAY + timedelta(days=9_000)
"""Later than any clock gets: offers and safety checks do not run out in here."""
ROOMS_OF_HOUSEHOLD = (3, 2, 2, 2, 2, 1)
BEGAN, ENDS = date(2026, 10, 10), date(2027, 3, 10)
NOTICE_DAYS = 5


@dataclass(frozen=True)
class RoomFacts:
    """What never changes of a room of two beds."""

    id: int
    owner: int
    """Index of the household."""
    village: str
    rent_fen: int
    direct: bool


@dataclass(frozen=True)
class Worker:
    """Who may be given a bed; ``key`` says with whom."""

    id: int
    key: int


@dataclass(frozen=True)
class World:
    """Three villages, six households with twelve rooms, two employers with three workers each.

    The first employer has leased two rooms of the first household, which has a third one; one of its workers
    lives there.
    """

    rooms: tuple[RoomFacts, ...]
    owner_ids: tuple[int, ...]
    villagers: tuple[Actor, ...]
    enterprise_ids: tuple[int, ...]
    managers: tuple[Actor, ...]
    workers: tuple[tuple[Worker, ...], ...]
    lease_id: int
    lease_room_ids: tuple[int, ...]


def build() -> World:
    """Commit the district (to the test's own savepoint)."""
    with transaction():
        households = [make.make_villager(make.make_owner(VILLAGES[at // 2])) for at in range(6)]
        rooms, facts = [], []
        for at, (_villager, owner) in enumerate(households):
            house = make.make_house(owner, safe_until=FAR_OFF, lat=30.301 + at / 1000)
            for number in range(ROOMS_OF_HOUSEHOLD[at]):
                room = make.make_room(house)
                rent_fen, direct = 50_000 + 2_000 * (2 * at + number), at % 3 == 0
                make.make_listing(room, rent_fen=rent_fen, direct=direct, ends_on=FAR_OFF)
                rooms.append(room)
                facts.append(RoomFacts(room.id, at, owner.village_code, rent_fen, direct))
        firms = [make.make_employer() for _firm in range(2)]
        workers = tuple(
            tuple(
                Worker(make.make_worker(firm, sex, shift=shift).id, key)
                for sex, shift, key in (("M", "day", 1), ("F", "day", 2), ("M", "night", 3))
            )
            for _actor, firm in firms
        )
        lease = make.make_lease(firms[0][1], rooms[:2], BEGAN, ENDS, notice_days=NOTICE_DAYS)
        lease_rooms = db.session.scalars(
            select(LeaseRoom).where(LeaseRoom.lease_id == lease.id).order_by(LeaseRoom.id)
        ).all()
        sleeper = make.make_worker(firms[0][1], is_local=True)
        make.make_stay(sleeper, lease_rooms[0])
        issue_due_bills(lease=lease, today=TODAY, actor=SYSTEM)
        return World(
            rooms=tuple(facts),
            owner_ids=tuple(owner.id for _villager, owner in households),
            villagers=tuple(villager for villager, _owner in households),
            enterprise_ids=tuple(firm.id for _actor, firm in firms),
            managers=tuple(actor for actor, _firm in firms),
            workers=((*workers[0], Worker(sleeper.id, 1)), workers[1]),
            lease_id=lease.id,
            lease_room_ids=tuple(room.id for room in lease_rooms),
        )
