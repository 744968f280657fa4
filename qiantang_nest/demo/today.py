"""What is in the air today: things waiting for each person of the demo, made by the services themselves."""

import uuid
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

from sqlalchemy import func, select, text

from qiantang_nest.accounts.models import User
from qiantang_nest.accounts.rules import Role
from qiantang_nest.accounts.services.people import create_user, grant_role
from qiantang_nest.billing.models import Bill
from qiantang_nest.billing.services.payments import record_payment
from qiantang_nest.bookings.models import Demand, Hold, HoldRoom
from qiantang_nest.bookings.queries.rooms import candidates
from qiantang_nest.bookings.rules import Answer, Area, Ask, OnRefusal, Times, Wants
from qiantang_nest.bookings.services.answer_hold import answer_hold
from qiantang_nest.bookings.services.confirm_booking import confirm_booking
from qiantang_nest.bookings.services.hold_rooms import hold_rooms
from qiantang_nest.bookings.services.plans import read_for_plans, record_plans, solve_plans
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.identifiers import IdKind
from qiantang_nest.core.media import store_photo
from qiantang_nest.core.period import Period, add_months
from qiantang_nest.demo.board import BoardHouse
from qiantang_nest.demo.changes import change_leases
from qiantang_nest.demo.logins import create_logins
from qiantang_nest.demo.people import People, seal
from qiantang_nest.demo.pictures import house_picture, room_picture
from qiantang_nest.demo.supply import CLERK_VILLAGE
from qiantang_nest.enterprises.models import Enterprise, Worksite
from qiantang_nest.enterprises.rules import Shift, check_worker
from qiantang_nest.enterprises.services import add_stop, add_workers
from qiantang_nest.geography.models import Village
from qiantang_nest.geography.queries import DISTRICT, villages_in
from qiantang_nest.geography.rules import DEFAULT_COMMUTE, LatLon, TravelMode, commute_minutes, flat_m
from qiantang_nest.housing.models import (
    House,
    HouseholdLink,
    Listing,
    Owner,
    Photo,
    ProxyConsent,
    Room,
)
from qiantang_nest.occupancy.models import Lease, Registration
from qiantang_nest.occupancy.services.leases import Terms

_TOO_FAR_TO_WALK_M = 2_000

PICTURED_SCALE = 0.02
"""Up to this scale rooms get drawn pictures."""

_WANTED = ((40, 1, 20), (120, 2, 35), (16, 1, 12), (260, 3, 60), (80, 2, 90))
"""Demands: people, and from which to which number of days ahead they begin."""


def put_in_the_air(*, rng: Random, today: date, now: datetime, instance_path: Path) -> None:
    """Logins; holds to answer, listings to check, employers to verify, links, demands, a payment to confirm.

    Needs a built district; in the caller's transaction.
    """
    owner, enterprise = _owner_and_tenant(today)
    users = create_logins(owner=owner, enterprise_id=enterprise.id, instance_path=instance_path)
    people = People(rng, first=9_000_000)
    _consents(users[Role.VILLAGE_CLERK], today)
    _listings_to_check(now)
    _links(people, now)
    _employers_to_verify(people, now)
    _demands(rng, today, now)
    manager = Actor(users[Role.EMPLOYER_MANAGER].id, Role.EMPLOYER_MANAGER, str(enterprise.id), "李经理")
    villager = Actor(owner.user_id, Role.VILLAGER, str(owner.user_id), owner.name)
    _shuttle(enterprise, manager)
    _blocks(owner, villager, enterprise, manager, today, now)
    _plans(enterprise, manager, today, now)
    _workers_without_bed(enterprise, people, manager, today)
    _reports_to_make(today)
    clerk = Actor(users[Role.VILLAGE_CLERK].id, Role.VILLAGE_CLERK, CLERK_VILLAGE)
    BoardHouse(people=people, enterprise=enterprise, clerk=clerk, now=now, today=today).fill()
    _payment_to_confirm(owner, enterprise, manager, today, now)
    clerk = Actor(users[Role.VILLAGE_CLERK].id, Role.VILLAGE_CLERK, CLERK_VILLAGE, "村管理员")
    change_leases(enterprise=enterprise, manager=manager, clerk=clerk, today=today, now=now)


def _owner_and_tenant(today: date) -> tuple[Owner, Enterprise]:
    """A household of the clerk's village that lets to an employer now, with the most rooms."""
    lease = (
        db.session.execute(
            select(Lease)
            .join(House, House.owner_id == Lease.owner_id)
            .join(Room, Room.house_id == House.id)
            .where(Lease.starts_on <= today, Lease.ends_on > today, Lease.state == "signed")
            .order_by((Lease.village_code == CLERK_VILLAGE).desc(), func.count(Room.id).desc(), Lease.id)
            .group_by(Lease.id)
        )
        .scalars()
        .first()
    )
    if lease is None:
        raise RuntimeError("the demo district is too small to have a lease today")
    return lease.owner, lease.enterprise


def _workers_without_bed(enterprise: Enterprise, people: People, manager: Actor, today: date) -> None:
    """Six who start next week: two friends, two on nights, one who needs the ground floor."""
    rows = []
    for sex, shift, wish, ground in (
        ("M", Shift.DAY, "老乡1", False),
        ("M", Shift.DAY, "老乡1", False),
        ("F", Shift.DAY, "", True),
        ("M", Shift.NIGHT, "", False),
        ("F", Shift.NIGHT, "", False),
        ("F", Shift.DAY, "", False),
    ):
        number, _born, home = people.id_number(sex, today)
        rows.append(
            check_worker(
                name=people.worker_name(sex),
                sex=sex,
                id_kind=IdKind.RESIDENT,
                id_number=number,
                phone=people.phone(),
                today=today,
                home_address=home,
                shift=shift,
                wish_group=wish,
                ground_floor=ground,
            )
        )
    add_workers(enterprise=enterprise, rows=rows, actor=manager)


def _consents(clerk: User, today: date) -> None:
    """A third of the village lets the clerk act for it."""
    owners = db.session.execute(
        select(Owner).where(Owner.village_code == CLERK_VILLAGE).order_by(Owner.id)
    ).scalars()
    for owner in owners.all()[::3]:
        db.session.add(
            ProxyConsent(
                owner_id=owner.id,
                given_on=today - timedelta(days=200),
                how="paper",
                witness="村民小组长",
                recorded_by=clerk.id,
            )
        )


def _listings_to_check(now: datetime) -> None:
    """Three offers of the village wait for the clerk: rooms nobody has taken."""
    free = db.session.execute(
        select(Listing)
        .join(Room)
        .where(
            Room.village_code == CLERK_VILLAGE,
            Listing.state == "approved",
            text("NOT EXISTS (SELECT FROM room_claim c WHERE c.room_id = room.id AND c.ends_on > :now)"),
        )
        .order_by(Listing.id.desc())
        .limit(3),
        {"now": now.date()},
    ).scalars()
    for listing in free:
        listing.state, listing.decided_at, listing.submitted_at = "submitted", None, now - timedelta(hours=20)


def _links(people: People, now: datetime) -> None:
    for note in ("3 组 5 号，我是户主的儿子", "7 组 2 号"):
        user = create_user(name=people.villager_name(), phone=people.phone(), actor=SYSTEM)
        grant_role(user=user, role=Role.VILLAGER, scope=str(user.id), actor=SYSTEM)
        db.session.add(
            HouseholdLink(
                user_id=user.id, village_code=CLERK_VILLAGE, note=note, created_at=now - timedelta(hours=30)
            )
        )


def _employers_to_verify(people: People, now: datetime) -> None:
    for number, (name, state, reason) in enumerate(
        (
            ("杭州钱江新能源科技有限公司", "submitted", None),
            ("杭州瑞丰冷链物流有限公司", "submitted", None),
            ("杭州启航五金制品有限公司", "returned", "营业执照上的名称和填写的不一致，请核对后再交"),
        )
    ):
        key = people.key()
        enterprise = Enterprise(
            uscc=people.uscc(),
            name=name,
            street_code=CLERK_VILLAGE[:9],
            contact_name=people.worker_name("F"),
            state=state,
            return_reason=reason,
            created_at=now - timedelta(hours=10 * (number + 1)),
            seal_key=key,
            contact_phone_sealed=seal("enterprise", "contact_phone", "phone", people.phone(), key).sealed,
        )
        db.session.add(enterprise)
        db.session.flush()
        db.session.add(
            Worksite(
                enterprise_id=enterprise.id,
                name="一号厂区",
                address="江东工业区",
                lat=30.3265 + number * 0.004,
                lon=120.490 - number * 0.006,
            )
        )


def _demands(rng: Random, today: date, now: datetime) -> None:
    sites = db.session.execute(
        select(Worksite)
        .join(Enterprise)
        .where(Enterprise.state == "verified")
        .order_by(Worksite.id)
        .limit(40)
    ).scalars()
    for site, (people, first, last) in zip(rng.sample(sites.all(), k=5), _WANTED, strict=True):
        starts_on = today + timedelta(days=rng.randint(first, last))
        db.session.add(
            Demand(
                enterprise_id=site.enterprise_id,
                worksite_id=site.id,
                **_heads(people),
                starts_on=starts_on,
                ends_on=add_months(starts_on, rng.choice((3, 6))),
                max_rent_fen=rng.choice((32_000, 36_000, None)),
                max_minutes=rng.choice((25, 40, None)),
                spare_percent=5,
                created_at=now - timedelta(days=rng.randint(0, 6)),
            )
        )


def _heads(people: int) -> dict[str, int]:
    """A usual mix: a third women, a fifth on nights, a couple in each twenty."""
    couples = people // 20
    singles = people - 2 * couples
    women, nights = singles // 3, singles // 5
    return {
        "day_men": singles - women - nights,
        "day_women": women,
        "night_men": nights,
        "couples": couples,
    }


def _plans(enterprise: Enterprise, manager: Actor, today: date, now: datetime) -> None:
    """The tenant has a need with plans that meet it, and one that asks too much, for the district to see."""
    site = (
        db.session.execute(
            select(Worksite).where(Worksite.enterprise_id == enterprise.id).order_by(Worksite.id)
        )
        .scalars()
        .first()
    )
    starts_on = today + timedelta(days=10)
    for people, rent_fen, minutes in ((24, None, None), (120, 24_000, 12)):
        demand = Demand(
            enterprise_id=enterprise.id,
            worksite_id=site.id if site else None,
            shifts="白班 8:00–20:00，夜班 20:00–8:00",
            starts_on=starts_on,
            ends_on=add_months(starts_on, 6),
            max_rent_fen=rent_fen,
            max_minutes=minutes,
            created_by=manager.user_id,
            created_at=now,
            **_heads(people),
        )
        db.session.add(demand)
        db.session.flush()
        found = read_for_plans(demand=demand, now=now)
        record_plans(found=found, made=solve_plans(found), actor=manager)


def _shuttle(enterprise: Enterprise, manager: Actor) -> None:
    """The tenant's bus calls at a few villages too far to walk from."""
    site = db.session.execute(
        select(Worksite).where(Worksite.enterprise_id == enterprise.id).order_by(Worksite.id).limit(1)
    ).scalar_one()
    gate = LatLon(site.lat, site.lon)
    points = {village: LatLon(village.lat, village.lon) for village in villages_in(DISTRICT)}
    away = sorted(
        (flat_m(gate, point), village.name, point)
        for village, point in points.items()
        if flat_m(gate, point) > _TOO_FAR_TO_WALK_M
    )
    for far, name, point in away[:6:2]:
        minutes = commute_minutes(far, TravelMode.SHUTTLE, DEFAULT_COMMUTE) + 2
        add_stop(worksite=site, name=f"{name}村口", point=point, ride_minutes=minutes, actor=manager)


def _blocks(
    owner: Owner, villager: Actor, enterprise: Enterprise, manager: Actor, today: date, now: datetime
) -> None:
    """The tenant takes one more room of the villager, to be signed, and asks for a block, to be answered."""
    village = db.session.get_one(Village, owner.village_code)
    starts_on = today + timedelta(days=7)
    period = Period(starts_on, add_months(starts_on, 6))
    codes = db.session.execute(select(Village.code).where(Village.street_code == village.street_code))
    area = Area(near=LatLon(village.lat, village.lon), village_codes=tuple(codes.scalars()))
    free = candidates(
        area, Wants(), starts_on=starts_on, ends_on=add_months(starts_on, 6), now=now, limit=200
    )
    mine = [room.room_id for room in free if room.owner_id == owner.id]
    others = [room.room_id for room in free if room.owner_id != owner.id][:5]
    site = db.session.execute(
        select(Worksite).where(Worksite.enterprise_id == enterprise.id).order_by(Worksite.id).limit(1)
    ).scalar_one()

    def hold(room_ids: list[int], number: int) -> Hold:
        hold_id = hold_rooms(
            enterprise=enterprise,
            ask=Ask(area=area, room_ids=tuple(room_ids)),
            period=period,
            on_refusal=OnRefusal.REPLACE,
            worksite=site,
            request_key=uuid.UUID(int=number, version=4),
            shown_rent_fen=None,
            times=Times(),
            actor=manager,
            now=now,
        )
        return db.session.get_one(Hold, hold_id)

    if len(mine) > 1:
        taken = hold(mine[:1], 1)
        rooms = db.session.execute(select(HoldRoom.id).where(HoldRoom.hold_id == taken.id)).scalars().all()
        answer_hold(
            hold=taken,
            owner=owner,
            hold_room_ids=rooms,
            answer=Answer.ACCEPTED,
            reason="",
            times=Times(),
            actor=villager,
            now=now,
        )
        confirm_booking(
            hold=taken, terms=Terms(), drop_waiting=False, sign_days=Times().sign_days, actor=manager, now=now
        )
        mine = mine[1:]
    if mine or others:
        hold([*mine[:2], *others], 2)


def _reports_to_make(today: date) -> None:
    """The last few arrivals and departures of the village have not been reported yet."""
    latest = db.session.execute(
        select(Registration)
        .where(Registration.village_code == CLERK_VILLAGE, Registration.happened_on <= today)
        .order_by(Registration.happened_on.desc(), Registration.id)
        .limit(4)
    ).scalars()
    for report in latest:
        report.done_on, report.reference = None, ""


def _payment_to_confirm(
    owner: Owner, enterprise: Enterprise, manager: Actor, today: date, now: datetime
) -> None:
    """The employer says it has paid the oldest open bill; the villager has not looked yet."""
    bill = (
        db.session.execute(
            select(Bill)
            .where(
                Bill.owner_id == owner.id,
                Bill.enterprise_id == enterprise.id,
                Bill.voided_at.is_(None),
                Bill.paid_fen < Bill.amount_fen,
            )
            .order_by(Bill.due_on)
        )
        .scalars()
        .first()
    )
    if bill is not None:
        record_payment(
            enterprise=enterprise,
            owner=owner,
            amount_fen=bill.amount_fen - bill.paid_fen,
            paid_on=today - timedelta(days=1),
            method="bank",
            serial="2026112300017",
            actor=manager,
            now=now,
        )


def hang_pictures(*, rng: Random, most: int = 200) -> int:
    """A drawn picture for rooms on offer and, beside the first of each house, one of the house.

    The clerk's village comes first; stops at ``most``. Returns how many were hung.
    """
    rooms = db.session.execute(
        select(Room)
        .join(Listing)
        .where(Listing.state.in_(("approved", "submitted")))
        .order_by((Room.village_code == CLERK_VILLAGE).desc(), Room.id)
    ).scalars()
    hung, seen = 0, set[int]()
    for room in rooms:
        pictures: list[tuple[int | None, bytes]] = [(room.id, room_picture(rng, max(1, room.beds)))]
        if room.house_id not in seen:
            seen.add(room.house_id)
            pictures.append((None, house_picture(rng, rng.randint(2, 4))))
        for room_id, picture in pictures:
            stored = store_photo(picture)
            db.session.add(
                Photo(
                    house_id=room.house_id,
                    room_id=room_id,
                    media_name=stored.name,
                    width=stored.width,
                    height=stored.height,
                )
            )
        hung += len(pictures)
        if hung >= most:
            break
    return hung
