"""One household of the clerk's village in which everything happens that the room board can show."""

import uuid
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from qiantang_nest.billing.services.issue_bills import issue_due_bills
from qiantang_nest.bookings.models import Hold, HoldRoom
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.db import db
from qiantang_nest.demo.people import People
from qiantang_nest.demo.supply import CLERK_VILLAGE
from qiantang_nest.enterprises.models import Enterprise, Worker
from qiantang_nest.geography.models import Village
from qiantang_nest.housing.models import House, HouseDocument, Inspection, Listing, Owner, Room
from qiantang_nest.housing.rules import Severity
from qiantang_nest.housing.services.notes import note_room
from qiantang_nest.housing.services.safety import record_hazard
from qiantang_nest.occupancy.models import LeaseRoom, RoomClaim, Stay
from qiantang_nest.occupancy.services.claims import claims_to_leased
from qiantang_nest.occupancy.services.closing import close_rooms
from qiantang_nest.occupancy.services.leases import HeldRoom, Terms, draft_leases
from qiantang_nest.occupancy.services.registrations import report_arrivals

RENT_FEN = 60_000
BEDS = 2
_CLOSINGS = (("维修：换热水器", 0, 5), ("自己住", 0, 120), ("过节", 75, 90))
"""Reason, and from which to which day ahead a room is closed."""


class BoardHouse:
    """The house, and what happens in its rooms."""

    def __init__(self, *, people: People, enterprise: Enterprise, clerk: Actor, now: datetime, today: date):
        self._people, self._enterprise, self._clerk = people, enterprise, clerk
        self._now, self._today = now, today
        self._house = self._build()
        self._rooms = 0

    def fill(self) -> None:
        """Every look and every flag at least once."""
        owing = self._lease(begin=-45, end=200)
        self._sleeps(owing, bed=1)
        self._sleeps(owing, bed=2)
        issue_due_bills(lease=owing.lease, today=self._today, actor=SYSTEM)
        leaving = self._lease(begin=-45, end=4)
        self._sleeps(leaving, bed=1)
        self._sleeps(self._lease(begin=-45, end=90), bed=1, until=-2)
        self._lease(begin=-5, end=180)
        self._hold()
        idle = self._room()
        note_room(room=idle, words="钥匙在户主儿子那里，看房前打电话给他", actor=self._clerk, now=self._now)
        for reason, begin, end in _CLOSINGS:
            close_rooms(
                rooms=[self._room()],
                starts_on=self._day(begin),
                ends_on=self._day(end),
                reason=reason,
                actor=self._clerk,
                today=self._today,
                now=self._now,
                as_proxy=True,
            )
        self._room(listed=False)
        record_hazard(
            house=self._house,
            severity=Severity.MINOR,
            what="电动车停在楼梯间",
            found_on=self._day(-2),
            today=self._today,
            actor=self._clerk,
        )

    def _day(self, ahead: int) -> date:
        return self._today + timedelta(days=ahead)

    def _build(self) -> House:
        village = db.session.get_one(Village, CLERK_VILLAGE)
        name = self._people.villager_name()
        owner = Owner(
            village_code=CLERK_VILLAGE,
            household_no="3-901",
            name=name,
            group_no="3",
            phone=self._people.phone(),
            account_name=name,
            account_bank="浙江农信",
            account_number=self._people.card(),
        )
        db.session.add(owner)
        db.session.flush()
        house = House(
            owner_id=owner.id,
            village_code=CLERK_VILLAGE,
            address="3组88号",
            floors=3,
            lat=village.lat + 0.001,
            lon=village.lon + 0.001,
            safe_until=self._day(300),
        )
        db.session.add(house)
        db.session.flush()
        db.session.add_all(
            [
                HouseDocument(house_id=house.id, kind="permit", number="钱村建字0000088"),
                Inspection(
                    house_id=house.id,
                    inspected_on=self._day(-65),
                    passed=True,
                    valid_until=self._day(300),
                ),
            ]
        )
        return house

    def _room(self, *, listed: bool = True) -> Room:
        """The next room of the house; an offered one has stood empty for three months."""
        floor, number = divmod(self._rooms, 4)
        self._rooms += 1
        room = Room(
            house=self._house,
            village_code=CLERK_VILLAGE,
            label=f"{floor + 1}0{number + 1}",
            floor=floor + 1,
            usable_m2=Decimal("16.0"),
            capacity=BEDS,
            beds=BEDS,
        )
        db.session.add(room)
        db.session.flush()
        if listed:
            db.session.add(
                Listing(
                    room_id=room.id,
                    rent_fen=RENT_FEN,
                    starts_on=self._day(-96),
                    ends_on=self._day(600),
                    state="approved",
                )
            )
        return room

    def _lease(self, *, begin: int, end: int) -> LeaseRoom:
        """A room under a signed lease."""
        room = self._room()
        claim = RoomClaim(
            room_id=room.id,
            village_code=CLERK_VILLAGE,
            starts_on=self._day(begin),
            ends_on=self._day(end),
            state="held",
            held_until=self._now,
        )
        db.session.add(claim)
        db.session.flush()
        (lease,) = draft_leases(
            enterprise_id=self._enterprise.id,
            rooms=[HeldRoom(claim.id, room.id, self._house.owner_id, CLERK_VILLAGE, RENT_FEN)],
            starts_on=claim.starts_on,
            ends_on=claim.ends_on,
            terms=Terms(),
            sign_until=self._now,
            today=self._today,
            actor=SYSTEM,
        )
        claims_to_leased(claim_ids=[claim.id])
        lease.state, lease.signed_on = "signed", claim.starts_on
        db.session.flush()
        return db.session.execute(select(LeaseRoom).where(LeaseRoom.lease_id == lease.id)).scalar_one()

    def _sleeps(self, place: LeaseRoom, *, bed: int, until: int | None = None) -> None:
        """Somebody has come on the lease's first day and stays to its end, or to a day."""
        number, born, home = self._people.id_number("M", self._today)
        worker = Worker(
            enterprise_id=self._enterprise.id,
            name=self._people.worker_name("M"),
            sex="M",
            id_number=number,
            phone=self._people.phone(),
            home_address=home,
            born_on=born,
            is_local=False,
        )
        db.session.add(worker)
        db.session.flush()
        stay = Stay(
            worker=worker,
            enterprise_id=worker.enterprise_id,
            village_code=CLERK_VILLAGE,
            room=place.room,
            lease_room=place,
            bed_no=bed,
            companion_key=1,
            starts_on=place.starts_on,
            arrived_on=place.starts_on,
            ends_on=place.ends_on if until is None else self._day(until),
        )
        db.session.add(stay)
        db.session.flush()
        report_arrivals([stay])

    def _hold(self) -> None:
        """A room held for 31 more hours."""
        room = self._room()
        listing = db.session.execute(select(Listing).where(Listing.room_id == room.id)).scalar_one()
        until = self._now + timedelta(hours=31)
        hold = Hold(
            enterprise_id=self._enterprise.id,
            starts_on=self._today,
            ends_on=self._day(180),
            expires_at=until,
            request_key=uuid.UUID(int=88, version=4),
            request_digest="",
            created_at=self._now - timedelta(hours=17),
        )
        claim = RoomClaim(
            room_id=room.id,
            village_code=CLERK_VILLAGE,
            starts_on=hold.starts_on,
            ends_on=hold.ends_on,
            state="held",
            held_until=until,
        )
        db.session.add_all([hold, claim])
        db.session.flush()
        db.session.add(
            HoldRoom(
                hold_id=hold.id,
                claim_id=claim.id,
                listing_id=listing.id,
                room_id=room.id,
                owner_id=self._house.owner_id,
                village_code=CLERK_VILLAGE,
                rent_fen=RENT_FEN,
                answer_due_at=hold.expires_at,
            )
        )
