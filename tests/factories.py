"""Rows with sensible defaults, straight into the session; every argument can be given.

They flush, so ids exist, and never commit. Names are invented. ``TODAY`` is the date tests live on.
"""

import itertools
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from qiantang_nest.accounts.models import RoleGrant, User
from qiantang_nest.accounts.rules import Role
from qiantang_nest.bookings.models import Booking, BookingLease, Hold, HoldRoom
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.enterprises.models import Enterprise, ShuttleStop, Worker, Worksite
from qiantang_nest.geography.models import Street, Village
from qiantang_nest.housing.models import House, HouseDocument, Inspection, Listing, Owner, ProxyConsent, Room
from qiantang_nest.occupancy.models import (
    Handover,
    Lease,
    LeaseRoom,
    LeaseWithdrawal,
    Registration,
    RoomClaim,
    Stay,
)
from qiantang_nest.occupancy.rules import THINGS

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # 09:00 in Hangzhou
SIGN_UNTIL = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)  # 24:00 of the seventh day in Hangzhou
VILLAGE, NEIGHBOUR_VILLAGE = "330114003201", "330114003202"
OTHER_STREET_VILLAGE = "330114004203"
_VILLAGE_NAMES = {VILLAGE: "同一村", NEIGHBOUR_VILLAGE: "同二村", OTHER_STREET_VILLAGE: "义蓬村"}
_STREET_NAMES = {"330114003": "河庄街道", "330114004": "义蓬街道"}

_serial = itertools.count(1)
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def add(row: Any) -> Any:
    db.session.add(row)
    db.session.flush()
    return row


def make_phone() -> str:
    return f"139{next(_serial):08d}"


def make_uscc() -> str:
    """A valid, fictional 统一社会信用代码."""
    body = f"91330114MA2T{next(_serial):05d}"
    total = sum(_USCC_ALPHABET.index(c) * w for c, w in zip(body, _USCC_WEIGHTS, strict=True))
    return body + _USCC_ALPHABET[(31 - total % 31) % 31]


def make_id_number(sex: str = "M", born: date = date(1990, 3, 7)) -> str:
    """A valid, fictional 18-digit number; the 17th digit is odd for men."""
    serial = next(_serial) % 499 * 2 + (1 if sex == "M" else 0)
    body = f"341226{born:%Y%m%d}{serial:03d}"
    total = sum(int(c) * w for c, w in zip(body, _ID_WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


def make_village(code: str = VILLAGE, **fields: Any) -> Village:
    """An existing village, or a new one of a real code."""
    found = db.session.get(Village, code)
    if found is not None:
        return found
    street = code[:9]
    if db.session.get(Street, street) is None:
        add(Street(code=street, name=_STREET_NAMES.get(street, street), lat=30.30015, lon=120.46107))
    name = _VILLAGE_NAMES.get(code, code)
    values = {"name": name, "official_name": name + "村委会", "lat": 30.301, "lon": 120.462, **fields}
    return add(Village(code=code, street_code=street, **values))


def make_user(name: str = "王小明", phone: str | None = None, **fields: Any) -> User:
    return add(User(name=name, phone=phone or make_phone(), **fields))


def make_actor(role: Role, scope: str, name: str = "王小明", user: User | None = None) -> Actor:
    """A person with one role; sign in with ``sign_in(client, actor)`` from conftest."""
    user = user or make_user(name)
    add(RoleGrant(user_id=user.id, role=role.value, scope=scope))
    return Actor(user_id=user.id, role=role.value, scope=scope, name=user.name, request_id="test")


def make_clerk(village: str = VILLAGE) -> Actor:
    return make_actor(Role.VILLAGE_CLERK, village, "周管理")


def make_street_officer(street: str = VILLAGE[:9]) -> Actor:
    return make_actor(Role.STREET_OFFICER, street, "街道老李")


def make_district_officer() -> Actor:
    return make_actor(Role.DISTRICT_OFFICER, "330114", "区里老陈")


def make_owner(village: str = VILLAGE, **fields: Any) -> Owner:
    make_village(village)
    values: dict[str, Any] = {
        "household_no": f"3-{next(_serial):03d}",
        "name": "沈桂珍",
        "group_no": "3",
        "phone": make_phone(),
        "account_name": "沈桂珍",
        "account_bank": "浙江农信",
        "account_number": "6228580000123456781",
        **fields,
    }
    return add(Owner(village_code=village, **values))


def make_villager(owner: Owner | None = None) -> tuple[Actor, Owner]:
    """A signed-up villager linked to a household."""
    owner = owner or make_owner()
    user = make_user(owner.name)
    owner.user_id = user.id
    return make_actor(Role.VILLAGER, str(user.id), user=user), owner


def make_house(owner: Owner | None = None, *, sellable: bool = True, **fields: Any) -> House:
    """A house; ``sellable`` gives it a permit and a passed safety check for a year."""
    owner = owner or make_owner()
    values: dict[str, Any] = {
        "address": f"3组{next(_serial)}号",
        "floors": 3,
        "lat": 30.301,
        "lon": 120.462,
        "safe_until": TODAY + timedelta(days=365) if sellable else None,
        **fields,
    }
    house = add(House(owner_id=owner.id, village_code=owner.village_code, **values))
    if sellable:
        add(HouseDocument(house_id=house.id, kind="permit", number=f"建-{house.id}"))
        add(
            Inspection(
                house_id=house.id,
                inspected_on=TODAY - timedelta(days=1),
                passed=True,
                valid_until=TODAY + timedelta(days=365),
            )
        )
    return house


def make_room(house: House | None = None, **fields: Any) -> Room:
    house = house or make_house()
    values: dict[str, Any] = {
        "label": f"{200 + next(_serial)}",
        "usable_m2": Decimal("12.0"),
        "capacity": 2,
        "beds": 2,
        **fields,
    }
    return add(Room(house_id=house.id, village_code=house.village_code, **values))


def make_listing(room: Room | None = None, **fields: Any) -> Listing:
    """An approved offer of a sellable room, 600 yuan a month, for two years."""
    room = room or make_room()
    values: dict[str, Any] = {
        "rent_fen": 60_000,
        "starts_on": TODAY - timedelta(days=30),
        "ends_on": TODAY + timedelta(days=700),
        "state": "approved",
        **fields,
    }
    return add(Listing(room_id=room.id, **values))


def make_enterprise(**fields: Any) -> Enterprise:
    make_village()
    values: dict[str, Any] = {
        "uscc": make_uscc(),
        "name": f"海川精密{next(_serial)}有限公司",
        "street_code": VILLAGE[:9],
        "contact_name": "李经理",
        "contact_phone": make_phone(),
        "state": "verified",
        **fields,
    }
    return add(Enterprise(**values))


def make_employer(
    enterprise: Enterprise | None = None, role: Role = Role.EMPLOYER_MANAGER
) -> tuple[Actor, Enterprise]:
    enterprise = enterprise or make_enterprise()
    return make_actor(role, str(enterprise.id), "李经理"), enterprise


def make_worksite(enterprise: Enterprise, **fields: Any) -> Worksite:
    values: dict[str, Any] = {
        "name": "江东厂区",
        "address": "青六北路",
        "lat": 30.3265,
        "lon": 120.49,
        **fields,
    }
    return add(Worksite(enterprise_id=enterprise.id, **values))


def make_stop(worksite: Worksite, **fields: Any) -> ShuttleStop:
    """A stop of the worksite's shuttle, ten minutes from the gate."""
    values: dict[str, Any] = {
        "name": f"村口{next(_serial)}",
        "lat": 30.301,
        "lon": 120.462,
        "ride_minutes": 10,
        **fields,
    }
    return add(ShuttleStop(worksite_id=worksite.id, **values))


def make_worker(enterprise: Enterprise, sex: str = "M", **fields: Any) -> Worker:
    values: dict[str, Any] = {
        "name": f"张{next(_serial)}",
        "id_number": make_id_number(sex),
        "phone": make_phone(),
        **fields,
    }
    return add(Worker(enterprise_id=enterprise.id, sex=sex, **values))


def make_claim(room: Room, starts_on: date, ends_on: date, state: str = "leased", **fields: Any) -> RoomClaim:
    return add(
        RoomClaim(
            room_id=room.id,
            village_code=room.village_code,
            starts_on=starts_on,
            ends_on=ends_on,
            state=state,
            **fields,
        )
    )


def make_hold(
    enterprise: Enterprise, listings: list[Listing], starts_on: date, ends_on: date, **fields: Any
) -> Hold:
    """An active 48-hour hold on the listed rooms, nobody has answered yet."""
    values: dict[str, Any] = {
        "expires_at": NOW + timedelta(hours=48),
        "request_key": uuid.uuid4(),
        "request_digest": "",
        "created_at": NOW,
        **fields,
    }
    hold = add(Hold(enterprise_id=enterprise.id, starts_on=starts_on, ends_on=ends_on, **values))
    for listing in listings:
        room = db.session.get_one(Room, listing.room_id)
        claim = make_claim(room, starts_on, ends_on, "held", held_until=hold.expires_at)
        add(
            HoldRoom(
                hold_id=hold.id,
                claim_id=claim.id,
                listing_id=listing.id,
                room_id=room.id,
                owner_id=room.house.owner_id,
                village_code=room.village_code,
                rent_fen=listing.rent_fen,
                answer="accepted" if listing.direct else "waiting",
                answer_due_at=min(NOW + timedelta(hours=24), hold.expires_at),
            )
        )
    return hold


def make_lease(
    enterprise: Enterprise,
    rooms: list[Room],
    starts_on: date = TODAY,
    ends_on: date = date(2027, 11, 23),
    *,
    rent_fen: int = 60_000,
    **fields: Any,
) -> Lease:
    """A signed lease of rooms of one owner, with its claims and booking; deposit one month's rent.

    With ``state="drafted"`` its rooms are held for the week it may be signed in.
    """
    house = rooms[0].house
    state = fields.get("state", "signed")
    drafted = state == "drafted"
    values: dict[str, Any] = {
        "number": f"HT-2026-{next(_serial):06d}",
        "deposit_fen": rent_fen * len(rooms),
        "state": state,
        "signed_on": None if drafted else starts_on,
        "sign_until": SIGN_UNTIL if drafted else None,
        **fields,
    }
    lease = add(
        Lease(
            owner_id=house.owner_id,
            enterprise_id=enterprise.id,
            village_code=house.village_code,
            starts_on=starts_on,
            ends_on=ends_on,
            **values,
        )
    )
    for room in rooms:
        claim = make_claim(
            room,
            starts_on,
            ends_on,
            {"drafted": "held", "cancelled": "released"}.get(state, "leased"),
            held_until=lease.sign_until,
        )
        add(
            LeaseRoom(
                lease_id=lease.id,
                claim_id=claim.id,
                room_id=room.id,
                rent_fen=rent_fen,
                starts_on=starts_on,
                ends_on=ends_on,
            )
        )
    booking = add(
        Booking(
            number=f"YD-2026-{next(_serial):06d}",
            enterprise_id=enterprise.id,
            starts_on=starts_on,
            ends_on=ends_on,
        )
    )
    add(BookingLease(booking_id=booking.id, lease_id=lease.id))
    if state == "cancelled":
        someone = make_user("撤回的人")
        withdrawal = {"user_id": someone.id, "reason": "不来了", "withdrawn_at": NOW}
        add(LeaseWithdrawal(lease_id=lease.id, side="lessee", **withdrawal))
    return lease


def take_back_to_draft(lease: Lease) -> None:
    """A signed lease as it was before: it waits for signatures, and its rooms are held until then."""
    lease.state, lease.signed_on, lease.sign_until = "drafted", None, SIGN_UNTIL
    claims = select(LeaseRoom.claim_id).where(LeaseRoom.lease_id == lease.id)
    for claim in db.session.scalars(select(RoomClaim).where(RoomClaim.id.in_(claims))):
        claim.state, claim.held_until = "held", SIGN_UNTIL
    db.session.flush()


def make_stay(worker: Worker, lease_room: LeaseRoom, bed_no: int = 1, **fields: Any) -> Stay:
    """A worker who moved in on the lease's first day and stays to its end; what had to be reported is."""
    values: dict[str, Any] = {
        "companion_key": (1 if worker.sex == "M" else 2) + (2 if worker.shift == "night" else 0),
        "starts_on": lease_room.starts_on,
        "ends_on": lease_room.ends_on,
        "arrived_on": lease_room.starts_on,
        **fields,
    }
    stay = add(
        Stay(
            worker_id=worker.id,
            enterprise_id=worker.enterprise_id,
            village_code=lease_room.room.village_code,
            room_id=lease_room.room_id,
            lease_room_id=lease_room.id,
            bed_no=bed_no,
            **values,
        )
    )
    for kind, happened_on in (("arrival", stay.arrived_on), ("departure", stay.left_on)):
        if happened_on is not None and not worker.is_local:
            make_report(stay, kind, happened_on=happened_on, done_on=happened_on, reference="杭公 2026-1")
    return stay


def make_report(stay: Stay, kind: str = "arrival", **fields: Any) -> Registration:
    """The report of an arrival or departure, still to be made: the one the stay came with, or a new one."""
    found = db.session.scalars(select(Registration).filter_by(stay_id=stay.id, kind=kind)).one_or_none()
    report = found or Registration(stay_id=stay.id, kind=kind)
    happened_on = stay.starts_on if kind == "arrival" else stay.ends_on
    values = {
        "village_code": stay.village_code,
        "happened_on": happened_on,
        "due_on": fields.get("happened_on", happened_on) + timedelta(days=3),
        "done_on": None,
        "reference": "",
        **fields,
    }
    for name, value in values.items():
        setattr(report, name, value)
    return add(report)


def make_consent(owner: Owner, **fields: Any) -> ProxyConsent:
    """The household's word that the village may act for it."""
    values: dict[str, Any] = {"given_on": TODAY, "how": "paper", "witness": "组长老陆", **fields}
    recorder = values.pop("recorded_by", None) or make_user("周管理").id
    return add(ProxyConsent(owner_id=owner.id, recorded_by=recorder, **values))


def make_handover(lease_room: LeaseRoom, moment: str = "start", **fields: Any) -> Handover:
    """A sheet the household has written on the first or after the last day; all things are good."""
    last = min(lease_room.ends_on, TODAY) - timedelta(days=1)
    values: dict[str, Any] = {
        "happened_on": lease_room.starts_on if moment == "start" else last,
        "electric_kwh": Decimal("1000.0"),
        "water_m3": Decimal("50.0"),
        "keys": 2,
        "inventory": dict.fromkeys(THINGS, "good"),
        "lessor_at": NOW,
        **fields,
    }
    values["lessor_by"] = values.get("lessor_by") or make_user("沈桂珍").id
    return add(
        Handover(
            lease_room_id=lease_room.id, village_code=lease_room.room.village_code, moment=moment, **values
        )
    )
