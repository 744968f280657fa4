"""Four lettings side by side, each with a mark in every text, and one person of every role.

``sides[0]`` is where the people stand: its village, its household, its employer. The others are foreign to
some of them: 1 is another household and employer of the same village, 2 another village of the same street,
3 another street. Every text of side N holds ``ZZS<N>``, and names begin with a character that nobody else's
name has, so that a masked name (``阚**``) gives itself away as well.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask import Flask
from PIL import Image
from sqlalchemy import select, update

from qiantang_nest.accounts.models import RoleGrant, User, UserSession
from qiantang_nest.accounts.rules import Role
from qiantang_nest.accounts.services import start_session
from qiantang_nest.billing.models import Bill, DepositCase, Receipt
from qiantang_nest.billing.services import issue_due_bills, record_payment
from qiantang_nest.bookings.models import BookingLease, Demand, HoldRoom, Plan, PlanRoom, PlanRound, Waiting
from qiantang_nest.bookings.queries.bookings import booking_of_lease
from qiantang_nest.bookings.queries.change_effects import effect_of
from qiantang_nest.bookings.rules.changes import ChangeKind, Wanted
from qiantang_nest.bookings.services.change_booking import ask_change
from qiantang_nest.core import media
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.db import db
from qiantang_nest.geography.services import load_places
from qiantang_nest.housing.models import (
    Hazard,
    House,
    HouseDocument,
    HouseholdLink,
    Listing,
    Owner,
    Photo,
    Room,
    RoomNote,
)
from qiantang_nest.notifications.models import Message
from qiantang_nest.notifications.services import notify
from qiantang_nest.occupancy.models import HandoverPhoto, Lease, LeaseRoom
from qiantang_nest.occupancy.queries.worker_pages import tokens_of
from qiantang_nest.occupancy.services.worker_links import give_links
from tests import factories as make
from tests.factories import NEIGHBOUR_VILLAGE, NOW, OTHER_STREET_VILLAGE, TODAY, VILLAGE, add

ROLES = (
    "visitor",
    "person",
    "villager",
    "manager",
    "staff",
    "clerk",
    "street",
    "district",
    "system",
    "security",
    "audit",
)
"""Columns of the matrix; ``person`` is signed in and has no role."""
GONE = ("disabled", "revoked", "signed_out")
"""People whose session has ended: to them everything is as to a visitor."""
FOREIGN = {
    "visitor": (0, 1, 2, 3),
    "person": (0, 1, 2, 3),
    "villager": (1, 2, 3),
    "manager": (1, 2, 3),
    "staff": (1, 2, 3),
    "clerk": (2, 3),
    "street": (3,),
    "district": (),
    "system": (0, 1, 2, 3),
    "security": (0, 1, 2, 3),
    "audit": (0, 1, 2, 3),
}
"""role → sides of which it must see nothing."""

OWNER_SURNAMES, WORKER_SURNAMES, STAFF_SURNAMES = "阚郗邬郜", "邰郇郐郓", "邝邡邢邴"
VILLAGES = (VILLAGE, VILLAGE, NEIGHBOUR_VILLAGE, OTHER_STREET_VILLAGE)
OFFICE_PEOPLE = {
    "clerk": ("周管理", Role.VILLAGE_CLERK, VILLAGE),
    "street": ("街道老李", Role.STREET_OFFICER, VILLAGE[:9]),
    "district": ("区里老陈", Role.DISTRICT_OFFICER, VILLAGE[:6]),
    "system": ("系统小吴", Role.SYSTEM_ADMIN, ""),
    "security": ("安全小郑", Role.SECURITY_ADMIN, ""),
    "audit": ("审计小冯", Role.AUDIT_ADMIN, ""),
}


@dataclass
class Side:
    """One letting. ``ids`` has a value for each variable of an address, ``endpoint.variable`` goes first."""

    number: int
    village: str
    owner: Owner
    villager: Actor
    manager: Actor
    staff: Actor
    ids: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    """What a search may be asked for that belongs to this side alone."""

    def value(self, endpoint: str, variable: str) -> Any:
        return self.ids.get(f"{endpoint}.{variable}", self.ids.get(variable))


@dataclass
class World:
    """Everything a request needs to know: whose session, which ids."""

    sides: list[Side]
    actors: dict[str, Actor]
    tokens: dict[str, str]
    persons: dict[str, dict[str, Any]]
    """role → values of a person's own things: messages, sessions, grants."""
    removed: dict[str, Any]
    """Ids of what is gone, though it was side 0's own."""

    def values(self, role: str, endpoint: str, variables: set[str], side: int = 0) -> dict[str, Any]:
        """Values for the variables of an endpoint's address, of one side."""
        own = self.persons.get(role, {}) if side == 0 else {}
        return {
            name: own.get(f"{endpoint}.{name}") or own.get(name) or self.sides[side].value(endpoint, name)
            for name in variables
        }


def picture(color: str = "teal") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (320, 240), color).save(out, "JPEG")
    return out.getvalue()


def build(app: Flask) -> World:
    """Write the world in one transaction of its own and commit it. The clock has to stand at ``NOW``."""
    with app.app_context():
        load_places()
        people = {
            role: make.make_actor(kind, scope, name) for role, (name, kind, scope) in OFFICE_PEOPLE.items()
        }
        sides = [_side(number, people["clerk"]) for number in range(4)]
        first = sides[0]
        people |= {"villager": first.villager, "manager": first.manager, "staff": first.staff}
        nobody = make.make_user("无角色")
        tokens = {role: _session(actor) for role, actor in people.items()}
        tokens["person"] = start_session(user=nobody, grant=None, address="test", agent="test", now=NOW)
        people["person"] = Actor(user_id=nobody.id, role="person", scope=str(nobody.id), name=nobody.name)
        tokens |= _sessions_that_ended(first)
        persons = {role: _own_things(actor, tokens[role]) for role, actor in people.items()}
        for role in ("system", "security"):
            persons[role]["user_id"] = people["street"].user_id
            persons[role]["accounts.revoke_role.grant_id"] = persons["street"]["grant_id"]
        # A manager cannot take out the last manager, so the colleague is the one to be taken out.
        persons["manager"]["accounts.remove_member.grant_id"] = persons["staff"]["grant_id"]
        removed = _removed(first)
        _session(first.villager)  # a second browser, to be signed out from the first
        db.session.commit()
        return World(sides, people, tokens, persons, removed)


def _session(actor: Actor) -> str:
    grant = db.session.execute(
        select(RoleGrant).where(RoleGrant.user_id == actor.user_id, RoleGrant.role == actor.role)
    ).scalar_one()
    user = db.session.get_one(User, actor.user_id)
    return start_session(user=user, grant=grant, address="test", agent="test", now=NOW)


def _sessions_that_ended(side: Side) -> dict[str, str]:
    """Sessions of a disabled person, of a role taken away this second, and of one who signed out."""
    found = {}
    for name in GONE:
        actor = make.make_actor(Role.VILLAGE_CLERK, side.village, name)
        found[name] = _session(actor)
        session = db.session.execute(
            select(UserSession).where(UserSession.user_id == actor.user_id)
        ).scalar_one()
        if name == "disabled":
            session.user.disabled_at = NOW - timedelta(seconds=1)
        elif name == "revoked" and session.grant is not None:
            session.grant.revoked_at = NOW - timedelta(seconds=1)
        else:
            db.session.delete(session)
    return found


def _own_things(actor: Actor, token: str) -> dict[str, Any]:
    """A message, a session and a grant of one's own."""
    notify(user_id=actor.user_id or 0, kind="enterprises.verified", params={"name": "某企业"}, url="/account")
    db.session.flush()
    message = db.session.execute(select(Message.id).where(Message.user_id == actor.user_id)).scalars().first()
    session = db.session.execute(
        select(UserSession.id).where(UserSession.user_id == actor.user_id)
    ).scalar_one()
    grant = db.session.execute(select(RoleGrant.id).where(RoleGrant.user_id == actor.user_id)).scalar()
    return {"message_id": message, "session_id": session, "grant_id": grant}


def _side(number: int, clerk: Actor) -> Side:
    def mark(what: str) -> str:
        return f"ZZS{number}-{what}"

    village = VILLAGES[number]
    owner = make.make_owner(
        village,
        household_no=mark("户"),
        name=f"{OWNER_SURNAMES[number]}ZZS{number}",
        group_no=mark("组"),
        account_name=f"{OWNER_SURNAMES[number]}ZZS{number}",
        account_bank=mark("银行"),
        account_number=f"62285800{number}0998877661",
    )
    villager, _owner = make.make_villager(owner)
    enterprise = make.make_enterprise(
        name=mark("企业"),
        street_code="330114004" if number == 3 else "330114003",
        contact_name=f"{STAFF_SURNAMES[number]}ZZS{number}",
    )
    manager = make.make_actor(
        Role.EMPLOYER_MANAGER, str(enterprise.id), f"{STAFF_SURNAMES[number]}ZZS{number}"
    )
    staff = make.make_actor(Role.EMPLOYER_STAFF, str(enterprise.id), f"{STAFF_SURNAMES[number]}ZZS{number}")
    make.make_consent(owner, witness=mark("见证"), recorded_by=clerk.user_id)
    side = Side(number, village, owner, villager, manager, staff)
    side.texts = {"owner_phone": owner.phone or ""}
    house = make.make_house(owner, address=mark("18号"))
    side.ids |= {
        "owner_id": owner.id,
        "enterprise_id": enterprise.id,
        "house_id": house.id,
        "code": village,
        "user_id": villager.user_id,
        "grant_id": _grant_of(staff),
        "session_id": 0,
        "message_id": 0,
        "step": "kind",
        "locale": "en",
        "on": 1,
        "filename": "css/app.css",
    }
    _houses(side, house, mark)
    _letting(side, house, mark)
    return side


def _grant_of(actor: Actor) -> int:
    return db.session.execute(select(RoleGrant.id).where(RoleGrant.user_id == actor.user_id)).scalar_one()


def _photo(house: House, room: Room | None, user_id: int | None) -> str:
    stored = media.store_photo(picture())
    add(
        Photo(
            house_id=house.id,
            room_id=room.id if room else None,
            media_name=stored.name,
            width=stored.width,
            height=stored.height,
            added_by=user_id,
        )
    )
    return stored.name


def _houses(side: Side, house: House, mark: Callable[[str], str]) -> None:
    """Rooms in every state of the market, papers, a hazard, a villager who asks to be linked."""
    offered, waiting, idle, closed = (make.make_room(house, label=f"{side.number}0{n}") for n in range(1, 5))
    make.make_listing(offered, submitted_by=side.villager.user_id)
    listing = make.make_listing(
        waiting, state="submitted", submitted_by=side.villager.user_id, conditions=mark("条件")
    )
    add(
        Listing(
            room_id=idle.id,
            rent_fen=60_000,
            starts_on=TODAY,
            ends_on=TODAY + timedelta(days=365),
            state="draft",
            conditions=mark("草稿"),
        )
    )
    claim = make.make_claim(closed, TODAY, TODAY + timedelta(days=30), "closed", reason=mark("维修"))
    dangerous = make.make_house(
        side.owner, address=mark("危房"), dangerous_since=TODAY, dangerous_reason=mark("鉴定")
    )
    document = add(
        HouseDocument(
            house_id=house.id,
            kind="title",
            number=mark("证"),
            media_name=media.store_document(picture("red")),
        )
    )
    hazard = add(
        Hazard(
            house_id=house.id,
            severity="minor",
            what=mark("隐患"),
            found_on=TODAY - timedelta(days=9),
            due_on=TODAY - timedelta(days=2),
        )
    )
    note = add(RoomNote(room_id=idle.id, words=mark("记事"), noted_by=side.villager.user_id))
    user = make.make_user(f"{OWNER_SURNAMES[side.number]}ZZS{side.number}")
    asking = make.make_actor(Role.VILLAGER, str(user.id), user=user)
    link = add(HouseholdLink(user_id=asking.user_id, village_code=side.village, note=mark("认领")))
    side.ids |= {
        "room_id": idle.id,
        "bookings.room.room_id": offered.id,
        "housing.change_offer.room_id": offered.id,
        "housing.pause_room.room_id": offered.id,
        "listing_id": listing.id,
        "claim_id": claim.id,
        "closed_room_id": closed.id,
        "housing.clear_danger.house_id": dangerous.id,
        "document_id": document.id,
        "hazard_id": hazard.id,
        "link_id": link.id,
        "note_id": note.id,
        "private_photo": _photo(house, waiting, side.villager.user_id),
        "housing.remove_photo.name": _photo(house, idle, side.villager.user_id),
        "name": _photo(house, offered, side.villager.user_id),
    }


def _letting(side: Side, house: House, mark: Callable[[str], str]) -> None:
    """Worksite, demand, holds, leases, people in beds, bills and payments."""
    enterprise = db.session.get_one(make.Enterprise, int(side.manager.scope))
    site = make.make_worksite(enterprise, name=mark("厂区"), address=mark("厂址"))
    make.make_worksite(enterprise, name=mark("二厂"), address=mark("二厂址"))
    stop = make.make_stop(site, name=mark("站"))
    demand = add(
        Demand(
            enterprise_id=enterprise.id,
            worksite_id=site.id,
            day_men=40,
            starts_on=TODAY + timedelta(days=20),
            ends_on=TODAY + timedelta(days=200),
            note=mark("需求"),
        )
    )
    first, second, third, drafted, held = (
        make.make_room(house, label=f"{side.number}1{n}") for n in range(1, 6)
    )
    lease = make.make_lease(
        enterprise, [first, second, third], TODAY - timedelta(days=75), number=mark("合同")
    )
    draft = make.make_lease(enterprise, [drafted], state="drafted", signed_on=None, number=mark("草约"))
    coming = make.make_lease(
        enterprise,
        [make.make_room(house, label=f"{side.number}16")],
        TODAY + timedelta(days=40),
        number=mark("后约"),
    )
    hold = make.make_hold(
        enterprise,
        [make.make_listing(held)],
        TODAY + timedelta(days=10),
        TODAY + timedelta(days=100),
        worksite_id=site.id,
        created_by=side.manager.user_id,
    )
    answered = make.make_hold(
        enterprise,
        [make.make_listing(make.make_room(house, label=f"{side.number}20"))],
        TODAY + timedelta(days=10),
        TODAY + timedelta(days=100),
        created_by=side.manager.user_id,
    )
    db.session.execute(
        update(HoldRoom).where(HoldRoom.hold_id == answered.id).values(answer="accepted", answered_at=NOW)
    )
    applicant = make.make_enterprise(
        name=mark("企业新"),
        street_code=enterprise.street_code,
        state="submitted",
        contact_name=mark("联系人"),
    )
    make.make_worksite(applicant, name=mark("新厂区"), address=mark("新厂址"))
    waited_for, offered = _waiting(enterprise, house, side, mark)
    side.ids |= {
        "bookings.leave_waiting.demand_id": waited_for,
        "bookings.offer.hold_id": offered,
        "enterprises.verify.enterprise_id": applicant.id,
        "bookings.confirm.hold_id": answered.id,
        "worksite_id": site.id,
        "stop_id": stop.id,
        "demand_id": demand.id,
        "plan_id": _plan(demand, held),
        "hold_id": hold.id,
        "lease_id": lease.id,
        "bookings.release_rooms.lease_id": coming.id,
        "bookings.sign_lease.lease_id": draft.id,
        "bookings.withdraw_lease.lease_id": draft.id,
        "bookings.withdraw_booking.booking_id": db.session.execute(
            select(BookingLease.booking_id).where(BookingLease.lease_id == draft.id)
        ).scalar_one(),
    }
    _stays(side, enterprise, lease, mark)
    _money(side, enterprise, lease, mark)
    _changes(side, enterprise, house, mark)
    _given_back(side, enterprise, house, mark)


def _changes(side: Side, enterprise: Any, house: House, mark: Callable[[str], str]) -> None:
    """A lease of which the employer wants to give a room back sooner than by notice."""
    lease = make.make_lease(
        enterprise,
        [make.make_room(house, label=f"{side.number}3{n}") for n in (1, 2)],
        TODAY - timedelta(days=20),
        number=mark("改约"),
    )
    room = db.session.execute(
        select(LeaseRoom).where(LeaseRoom.lease_id == lease.id).order_by(LeaseRoom.id).limit(1)
    ).scalar_one()
    wanted = Wanted(ChangeKind.END, (room.id,), TODAY + timedelta(days=3))
    effect = effect_of(lease, wanted, actor=side.manager, today=TODAY, now=NOW)
    change = ask_change(
        lease=lease,
        wanted=wanted,
        reason=mark("原因"),
        shown_digest=effect.digest(),
        actor=side.manager,
        today=TODAY,
        now=NOW,
    )
    sister, giver = _sister(side, house, mark)
    passing = Wanted(
        ChangeKind.TRANSFER, tuple(sister[1:]), TODAY + timedelta(days=9), enterprise_id=enterprise.id
    )
    given = db.session.get_one(Lease, sister[0])
    offer = ask_change(
        lease=given,
        wanted=passing,
        reason=mark("转让"),
        shown_digest=effect_of(given, passing, actor=giver, today=TODAY, now=NOW).digest(),
        actor=giver,
        today=TODAY,
        now=NOW,
    )
    side.ids["bookings.take_lease.change_id"] = offer.id
    booking = booking_of_lease(lease.id)
    side.ids |= {"change_id": change.id, "booking_id": booking.id if booking else 0}


def _waiting(enterprise: Any, house: House, side: Side, mark: Callable[[str], str]) -> tuple[int, int]:
    """A demand that waits for rooms, and the hold in which one is offered to it."""
    starts_on, ends_on = TODAY + timedelta(days=30), TODAY + timedelta(days=120)
    demand = add(
        Demand(
            enterprise_id=enterprise.id, day_men=9, starts_on=starts_on, ends_on=ends_on, note=mark("候补")
        )
    )
    waiting = add(Waiting(demand_id=demand.id, least_beds=9, joined_at=NOW, joined_by=side.manager.user_id))
    listing = make.make_listing(make.make_room(house, label=f"{side.number}81"))
    hold = make.make_hold(
        enterprise, [listing], starts_on, ends_on, state="offered", waiting_id=waiting.id, demand_id=demand.id
    )
    return demand.id, hold.id


def _sister(side: Side, house: House, mark: Callable[[str], str]) -> tuple[list[int], Actor]:
    """The lease and its room of another firm of the group, and who speaks for it."""
    firm = make.make_enterprise(
        name=mark("企业姊妹"), contact_name=mark("联系人二"), street_code=side.village[:9]
    )
    giver = make.make_actor(Role.EMPLOYER_MANAGER, str(firm.id), mark("经理二"))
    lease = make.make_lease(
        firm,
        [make.make_room(house, label=f"{side.number}51")],
        TODAY - timedelta(days=20),
        number=mark("转约"),
    )
    room = db.session.execute(select(LeaseRoom.id).where(LeaseRoom.lease_id == lease.id)).scalar_one()
    return [lease.id, room], giver


def _given_back(side: Side, enterprise: Any, house: House, mark: Callable[[str], str]) -> None:
    """A room that was given back, with cases about its deposit, and one of which a sheet waits for a yes."""
    rooms = [make.make_room(house, label=f"{side.number}4{n}") for n in (1, 2)]
    lease = make.make_lease(
        enterprise, rooms, TODAY - timedelta(days=90), TODAY - timedelta(days=2), number=mark("退租")
    )
    issue_due_bills(lease=lease, today=TODAY, actor=SYSTEM)
    deposit = db.session.scalars(select(Bill).filter_by(lease_id=lease.id, kind="deposit")).one()
    record_payment(
        enterprise=enterprise,
        owner=side.owner,
        amount_fen=deposit.amount_fen,
        paid_on=TODAY,
        method="bank",
        chosen_bill_ids=[deposit.id],
        actor=side.villager,
        now=NOW,
    )
    back, waiting = db.session.execute(
        select(LeaseRoom).where(LeaseRoom.room_id.in_([room.id for room in rooms])).order_by(LeaseRoom.id)
    ).scalars()
    sheets = [
        make.make_handover(one, "end", note=mark("备注三"), lessor_by=side.villager.user_id, **agreed)
        for one, agreed in (
            (back, {"lessee_by": side.manager.user_id, "lessee_at": NOW}),
            (waiting, {}),
        )
    ]
    photo = add(
        HandoverPhoto(
            handover_id=sheets[0].id, media_name=media.store_photo(picture("olive")).name, added_by=None
        )
    )
    cases = [
        add(
            DepositCase(
                lease_room_id=back.id,
                village_code=side.village,
                kind="damage",
                amount_fen=6_000,
                what=mark("遥控器"),
                evidence_media=media.store_document(picture("gray")),
                opened_by=side.villager.user_id,
                opened_at=NOW,
                reply_by=TODAY + timedelta(days=3),
                state=state,
                reply=mark("不同意") if state == "disputed" else None,
            )
        )
        for state in ("open", "disputed")
    ]
    side.ids |= {
        "moment": "end",
        "occupancy.handover.lease_room_id": waiting.id,
        "handover_id": sheets[1].id,
        "occupancy.handover_photo.handover_id": sheets[0].id,
        "occupancy.handover_photo.name": photo.media_name,
        "billing.deposit.lease_room_id": back.id,
        "billing.open_deposit_case.lease_room_id": back.id,
        "billing.return_deposit.lease_room_id": back.id,
        "case_id": cases[0].id,
        "billing.decide_deposit_case.case_id": cases[1].id,
    }


def _plan(demand: Demand, room: Any) -> int:
    """A plan that takes one room and leaves most without a bed, with a change that would meet the need."""
    made = add(
        PlanRound(
            demand_id=demand.id,
            made_at=NOW - timedelta(hours=1),
            candidates=1,
            fairness_permille=30,
            unmet_day_men=38,
            changes=[{"kind": "dates", "value": 3, "size": 0.2}],
        )
    )
    figures = dict.fromkeys(
        (
            *("spare_beds", "recheck_rooms", "gap_permyriad", "milliseconds", "least_let"),
            *("plain_least_let", "median_minutes", "longest_minutes"),
        ),
        0,
    )
    ones = dict.fromkeys(("rooms", "houses", "owners", "villages"), 1)
    sums = {"rent_fen": 60_000, "plain_rent_fen": 60_000, "beds": 2}
    plan = add(Plan(round_id=made.id, kind="cost", **figures, **ones, **sums))
    listing = db.session.execute(select(Listing).where(Listing.room_id == room.id)).scalar_one()
    add(
        PlanRoom(
            plan_id=plan.id,
            room_id=room.id,
            house_id=room.house_id,
            owner_id=room.house.owner_id,
            village_code=room.village_code,
            listing_id=listing.id,
            beds=2,
            rent_fen=60_000,
            minutes=10,
            let_days=0,
            sleepers="day_men",
        )
    )
    return int(plan.id)


def _stays(side: Side, enterprise: Any, lease: Lease, mark: Callable[[str], str]) -> None:
    first, second, third = db.session.execute(
        select(LeaseRoom).where(LeaseRoom.lease_id == lease.id).order_by(LeaseRoom.id)
    ).scalars()

    def worker(sex: str = "M") -> Any:
        return make.make_worker(
            enterprise,
            sex,
            name=f"{WORKER_SURNAMES[side.number]}ZZS{side.number}",
            home_address=mark("籍贯县某村"),
        )

    present = make.make_stay(worker(), first)
    other = make.make_stay(worker("F"), second)
    planned = make.make_stay(worker(), third, starts_on=TODAY, arrived_on=None)
    unhoused = worker()
    side.texts["worker_id_number"] = unhoused.id_number
    make.make_report(present)
    report = make.make_report(other)
    give_links(stays=[present], actor=side.manager)
    side.ids |= {
        "token": tokens_of([present.worker_id])[present.worker_id],
        "stay_id": present.id,
        "occupancy.cancel_stay.stay_id": planned.id,
        "worker_id": unhoused.id,
        "other_stay_id": other.id,
        "planned_stay_id": planned.id,
        "registration_id": report.id,
        "lease_room_id": third.id,
    }


def _money(side: Side, enterprise: Any, lease: Lease, mark: Callable[[str], str]) -> None:
    issue_due_bills(lease=lease, today=TODAY, actor=SYSTEM)
    bills = (
        db.session.execute(select(Bill).where(Bill.lease_id == lease.id).order_by(Bill.seq)).scalars().all()
    )
    common: dict[str, Any] = {
        "enterprise": enterprise,
        "owner": side.owner,
        "paid_on": TODAY,
        "method": "bank",
        "now": NOW,
    }
    confirmed = record_payment(
        amount_fen=bills[0].amount_fen,
        actor=side.villager,
        serial=mark("流水1"),
        note=mark("备注"),
        slip_media_name=media.store_document(picture("blue")),
        **common,
    )
    claimed = record_payment(
        amount_fen=10_000, actor=side.manager, serial=mark("流水2"), note=mark("备注二"), **common
    )
    db.session.flush()
    receipt = db.session.execute(select(Receipt.id).where(Receipt.payment_id == confirmed.id)).scalar_one()
    side.ids |= {
        "bill_id": bills[1].id,
        "payment_id": confirmed.id,
        "billing.confirm_payment.payment_id": claimed.id,
        "billing.reject_payment.payment_id": claimed.id,
        "receipt_id": receipt,
    }


def _removed(side: Side) -> dict[str, Any]:
    """What once was side 0's own and is gone: nobody finds it any more."""
    house = db.session.get_one(House, side.ids["house_id"])
    room = make.make_room(house, label="删掉的", removed_at=NOW)
    other = make.make_room(house, label="停过的")
    ended = make.make_claim(other, TODAY - timedelta(days=9), TODAY - timedelta(days=8), "released")
    return {"room_id": room.id, "claim_id": ended.id}
