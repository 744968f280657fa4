"""A block from the search to signed leases, through the pages, by everybody who has a part in it."""

import re
import uuid
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select

from qiantang_nest.billing.models import Bill
from qiantang_nest.bookings.models import Booking, Hold, HoldRoom
from qiantang_nest.core import clock
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.housing.models import Listing, Owner, ProxyConsent
from qiantang_nest.notifications.models import Message, OutboxItem
from qiantang_nest.occupancy.models import Lease, LeaseSignature, RoomClaim
from tests import factories
from tests.conftest import QueryLog, sign_in
from tests.factories import NEIGHBOUR_VILLAGE, NOW, TODAY, VILLAGE

DATES = {"starts_on": "2026-12-01", "last_on": "2027-05-31"}


@dataclass
class Cast:
    """An employer, two households with three rooms each, their clerk."""

    employer: Actor
    enterprise: Enterprise
    villager: Actor
    owner: Owner
    neighbour: Owner
    listings: list[Listing]
    clerk: Actor


@pytest.fixture
def cast(at_now: None, db_session: Any) -> Cast:
    villager, owner = factories.make_villager()
    neighbour = factories.make_owner(phone=None)
    listings = [
        factories.make_listing(factories.make_room(house))
        for house in (factories.make_house(owner), factories.make_house(neighbour))
        for _room in range(3)
    ]
    employer, enterprise = factories.make_employer()
    clerk = factories.make_clerk()
    db.session.commit()
    return Cast(employer, enterprise, villager, owner, neighbour, listings, clerk)


def consent(cast: Cast, owner: Owner) -> None:
    db.session.add(
        ProxyConsent(
            owner_id=owner.id, given_on=TODAY, how="paper", witness="村会计", recorded_by=cast.clerk.user_id
        )
    )
    db.session.commit()


def text_of(answer: Any) -> str:
    return str(answer.get_data(as_text=True))


def hold_block(client: FlaskClient, cast: Cast, **values: Any) -> int:
    """Hold through the pages as the employer; the hold's id."""
    sign_in(client, cast.employer)
    query = {**DATES, "area": VILLAGE, "count": "6", "count_of": "rooms", **values}
    shown = client.get("/rooms/hold", query_string=query)
    assert shown.status_code == 200
    key = re.search(r'name="request_key"[^>]*value="([^"]+)"', text_of(shown))
    rent = re.search(r'name="shown_rent_fen"[^>]*value="(\d+)"', text_of(shown))
    assert key
    assert rent
    done = client.post(
        "/rooms/hold",
        query_string=query,
        data={
            "request_key": key[1],
            "shown_rent_fen": rent[1],
            "on_refusal": values.get("on_refusal", "replace"),
            "csrf_token": token(shown),
        },
    )
    assert done.status_code == 303, text_of(done)
    return int(done.location.rsplit("/", 1)[1])


def token(answer: Any) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', text_of(answer))
    return found[1] if found else ""


def post(client: FlaskClient, url: str, page: str | None = None, **data: Any) -> Any:
    """Send a form with the token of the page that shows it."""
    return client.post(url, data={"csrf_token": token(client.get(page or url)), **data})


def rooms_of(hold_id: int) -> list[HoldRoom]:
    db.session.expire_all()
    return list(
        db.session.execute(
            select(HoldRoom).where(HoldRoom.hold_id == hold_id).order_by(HoldRoom.id)
        ).scalars()
    )


# --- holding ------------------------------------------------------------------------------------------------


def test_the_confirmation_states_price_and_end(client: FlaskClient, cast: Cast) -> None:
    sign_in(client, cast.employer)
    shown = text_of(
        client.get("/rooms/hold", query_string={**DATES, "area": VILLAGE, "count": "11", "count_of": "beds"})
    )
    assert "锁定 6 间房，12 张床，对吗？" in shown
    assert "2026-11-25 09:00" in shown
    assert "3,600" in shown


def test_a_hold_takes_the_rooms_and_asks_the_owners(client: FlaskClient, cast: Cast) -> None:
    hold_id = hold_block(client, cast)
    rooms = rooms_of(hold_id)
    assert len(rooms) == 6
    assert {room.answer for room in rooms} == {"waiting"}
    claims = db.session.execute(select(RoomClaim)).scalars().all()
    assert {claim.state for claim in claims} == {"held"}
    assert {claim.held_until for claim in claims} == {NOW + timedelta(hours=48)}
    assert len(db.session.execute(select(OutboxItem)).scalars().all()) == 1, "one household has a phone"
    message = db.session.execute(select(Message).where(Message.user_id == cast.villager.user_id)).scalar_one()
    assert message.params["rooms"] == 3
    event = db.session.execute(
        select(AuditEvent).where(AuditEvent.action == "bookings.hold_rooms")
    ).scalar_one()
    assert event.changes["rent_fen"] == 360_000
    shown = text_of(client.get(f"/holds/{hold_id}"))
    assert "2026-11-25 09:00" in shown
    assert "等户主答复" in shown
    assert cast.owner.name not in shown, "owners are masked until there is a contract"
    assert "锁定中" in text_of(client.get("/holds"))


def test_the_same_form_twice_gives_one_hold(client: FlaskClient, cast: Cast) -> None:
    sign_in(client, cast.employer)
    key = str(uuid.uuid4())
    query = {**DATES, "area": VILLAGE, "count": "2", "count_of": "rooms"}
    data = {
        "request_key": key,
        "on_refusal": "drop",
        "csrf_token": token(client.get("/rooms/hold", query_string=query)),
    }
    first = client.post("/rooms/hold", query_string=query, data=data)
    again = client.post("/rooms/hold", query_string=query, data=data)
    assert first.location == again.location
    assert db.session.query(Hold).count() == 1
    other = client.post("/rooms/hold", query_string={**query, "count": "3"}, data=data)
    assert other.location.startswith("/rooms?")
    assert db.session.query(Hold).count() == 1


def test_too_few_rooms_says_how_many_are_left(client: FlaskClient, cast: Cast) -> None:
    sign_in(client, cast.employer)
    answer = client.get(
        "/rooms/hold", query_string={**DATES, "area": VILLAGE, "count": "7", "count_of": "rooms"}
    )
    assert answer.status_code == 409
    assert "只剩 6 间" in text_of(answer)
    assert "count=6" in text_of(answer)


def test_rooms_gone_meanwhile_are_named(client: FlaskClient, cast: Cast) -> None:
    sign_in(client, cast.employer)
    first, second = cast.listings[0].room, cast.listings[1].room
    query = {**DATES, "picked": f"{first.id}.{second.id}"}
    shown = client.get("/rooms/hold", query_string=query)
    assert shown.status_code == 200
    factories.make_claim(first, TODAY, TODAY + timedelta(days=400))
    db.session.commit()
    answer = client.post(
        "/rooms/hold",
        query_string=query,
        data={"request_key": str(uuid.uuid4()), "on_refusal": "drop", "csrf_token": token(shown)},
    )
    assert answer.status_code == 409
    assert f"同一村 {first.label}" in text_of(answer)
    assert f"picked={second.id}" in text_of(answer)
    assert db.session.query(Hold).count() == 0


def test_a_refusal_reads_the_villages_once(client: FlaskClient, cast: Cast, query_log: QueryLog) -> None:
    """Rows of the transaction that was taken back would each be read anew."""
    for number in range(5):
        factories.make_village(f"33011400321{number}", name=f"邻村{number}")
    db.session.commit()
    sign_in(client, cast.employer)
    query = {**DATES, "village": VILLAGE, "count": "6", "count_of": "rooms"}
    shown = client.get("/rooms/hold", query_string=query)
    factories.make_claim(cast.listings[0].room, TODAY, TODAY + timedelta(days=400))
    db.session.commit()
    query_log.clear()
    answer = client.post(
        "/rooms/hold",
        query_string=query,
        data={"request_key": str(uuid.uuid4()), "on_refusal": "drop", "csrf_token": token(shown)},
    )
    assert answer.status_code == 409
    assert len([line for line in query_log if "FROM village" in line]) == 1


def test_never_dearer_than_shown(client: FlaskClient, cast: Cast) -> None:
    sign_in(client, cast.employer)
    for listing in cast.listings[3:]:
        listing.rent_fen = 90_000
    db.session.commit()
    query = {**DATES, "area": VILLAGE, "count": "3", "count_of": "rooms"}
    shown = client.get("/rooms/hold", query_string=query)
    answer = client.post(
        "/rooms/hold",
        query_string=query,
        data={
            "request_key": str(uuid.uuid4()),
            "shown_rent_fen": "100000",
            "on_refusal": "drop",
            "csrf_token": token(shown),
        },
    )
    assert answer.status_code == 409
    assert "比页面上多" in text_of(answer)
    assert db.session.query(Hold).count() == 0


@pytest.mark.parametrize("count", ["", "0", "-1", "abc", "1e20", "501", "999999"])
def test_odd_numbers_are_refused(client: FlaskClient, cast: Cast, count: str) -> None:
    sign_in(client, cast.employer)
    answer = client.get(
        "/rooms/hold", query_string={**DATES, "area": VILLAGE, "count": count, "count_of": "rooms"}
    )
    assert answer.status_code in (303, 422)
    assert db.session.query(Hold).count() == 0


def test_an_unverified_employer_holds_nothing(client: FlaskClient, cast: Cast) -> None:
    cast.enterprise.state = "submitted"
    db.session.commit()
    sign_in(client, cast.employer)
    query = {**DATES, "area": VILLAGE, "count": "1", "count_of": "rooms"}
    shown = client.get("/rooms/hold", query_string=query)
    assert "还没有核验" in text_of(shown)
    answer = client.post(
        "/rooms/hold",
        query_string=query,
        data={
            "request_key": str(uuid.uuid4()),
            "on_refusal": "drop",
            "csrf_token": token(client.get("/demands")),
        },
    )
    assert answer.status_code == 403


def test_an_expired_hold_frees_its_rooms_with_nobody_sweeping(client: FlaskClient, cast: Cast) -> None:
    hold_id = hold_block(client, cast)
    with clock.frozen_at(NOW + timedelta(hours=48)):
        sign_in(client, cast.employer)
        assert "到时放开" in text_of(client.get(f"/holds/{hold_id}"))
        again = hold_block(client, cast)
        assert len(rooms_of(again)) == 6
        assert client.get(f"/holds/{hold_id}/confirm").status_code == 303
        refused = post(client, f"/holds/{hold_id}/confirm", "/demands", convention="anchor", **TERMS)
        assert refused.status_code == 409


def test_giving_back(client: FlaskClient, cast: Cast) -> None:
    hold_id = hold_block(client, cast)
    url = f"/holds/{hold_id}/release"
    assert "全部放开（6 间）" in text_of(client.get(url))
    assert post(client, url, all="1").status_code == 303
    assert db.session.execute(select(RoomClaim.state).distinct()).scalars().all() == ["released"]
    assert post(client, url, all="1").status_code == 409
    assert len(rooms_of(hold_block(client, cast))) == 6


# --- answers ------------------------------------------------------------------------------------------------


def test_a_household_accepts_on_its_phone(client: FlaskClient, cast: Cast) -> None:
    hold_id = hold_block(client, cast)
    sign_in(client, cast.villager)
    url = f"/holds/{hold_id}/answers/{cast.owner.id}"
    shown = text_of(client.get(url))
    assert "把 3 间房租给" in shown
    assert "尾号 6781" in shown
    mine = [room for room in rooms_of(hold_id) if room.owner_id == cast.owner.id]
    answer = post(client, url, answer="accepted", rooms=[str(room.id) for room in mine])
    assert answer.status_code == 303
    assert [room.answer for room in rooms_of(hold_id) if room.owner_id == cast.owner.id] == ["accepted"] * 3
    assert post(client, url, answer="accepted", rooms=[str(mine[0].id)]).status_code in (409, 422)


def test_refusing_needs_a_reason_and_a_room(client: FlaskClient, cast: Cast) -> None:
    hold_id = hold_block(client, cast)
    sign_in(client, cast.villager)
    url = f"/holds/{hold_id}/answers/{cast.owner.id}"
    mine = [room for room in rooms_of(hold_id) if room.owner_id == cast.owner.id]
    without_reason = post(client, url, answer="declined", rooms=[str(mine[0].id)])
    assert without_reason.status_code == 422
    assert "请写一句不租的原因" in text_of(without_reason)
    without_room = post(client, url, answer="accepted")
    assert without_room.status_code == 422
    assert "至少勾一间" in text_of(without_room)
    foreign = next(room for room in rooms_of(hold_id) if room.owner_id != cast.owner.id)
    assert post(client, url, answer="accepted", rooms=[str(foreign.id)]).status_code == 422


def test_a_refused_room_is_replaced_in_the_village_by_one_no_dearer(client: FlaskClient, cast: Cast) -> None:
    cheap_far = factories.make_house(factories.make_owner(), lat=30.31)
    spare = factories.make_listing(factories.make_room(cheap_far), rent_fen=55_000)
    factories.make_listing(factories.make_room(factories.make_house(factories.make_owner())), rent_fen=61_000)
    factories.make_listing(
        factories.make_room(factories.make_house(factories.make_owner(NEIGHBOUR_VILLAGE))), rent_fen=50_000
    )
    hold_id = hold_block(client, cast)
    sign_in(client, cast.villager)
    url = f"/holds/{hold_id}/answers/{cast.owner.id}"
    mine = [room for room in rooms_of(hold_id) if room.owner_id == cast.owner.id]
    answer = post(client, url, answer="declined", rooms=[str(mine[0].id)], reason="亲戚要住")
    assert answer.status_code == 303
    rooms = rooms_of(hold_id)
    new = next(room for room in rooms if room.replaces_id == mine[0].id)
    assert new.room_id == spare.room_id
    assert db.session.get_one(RoomClaim, mine[0].claim_id).state == "released"
    assert db.session.get_one(RoomClaim, new.claim_id).state == "held"
    sign_in(client, cast.employer)
    shown = text_of(client.get(f"/holds/{hold_id}"))
    assert "亲戚要住" in shown
    assert "每月省 ¥50" in shown
    assert db.session.execute(
        select(Message).where(
            Message.kind == "bookings.rooms_refused", Message.user_id == cast.employer.user_id
        )
    ).scalar_one()


def test_a_refused_room_is_dropped_when_that_was_chosen(client: FlaskClient, cast: Cast) -> None:
    factories.make_listing(factories.make_room(factories.make_house(factories.make_owner())))
    hold_id = hold_block(client, cast, on_refusal="drop")
    sign_in(client, cast.villager)
    mine = next(room for room in rooms_of(hold_id) if room.owner_id == cast.owner.id)
    url = f"/holds/{hold_id}/answers/{cast.owner.id}"
    post(client, url, answer="declined", rooms=[str(mine.id)], reason="亲戚要住")
    assert len(rooms_of(hold_id)) == 6
    sign_in(client, cast.employer)
    assert "锁定 5 间房" in text_of(client.get(f"/holds/{hold_id}"))


def test_the_clerk_answers_with_consent_and_is_named(client: FlaskClient, cast: Cast) -> None:
    hold_id = hold_block(client, cast)
    sign_in(client, cast.clerk)
    url = f"/holds/{hold_id}/answers/{cast.neighbour.id}"
    listed = text_of(client.get("/answers"))
    assert cast.neighbour.household_no in listed
    assert "没有，上门问" in listed
    theirs = [str(room.id) for room in rooms_of(hold_id) if room.owner_id == cast.neighbour.id]
    assert post(client, url, answer="accepted", rooms=theirs).status_code == 403, "nobody has agreed yet"
    consent(cast, cast.neighbour)
    assert post(client, url, answer="accepted", rooms=theirs).status_code == 303
    room = next(room for room in rooms_of(hold_id) if room.owner_id == cast.neighbour.id)
    assert room.answer == "accepted"
    assert room.on_behalf_of == cast.neighbour.id
    assert room.answered_by == cast.clerk.user_id
    shown = text_of(client.get(url))
    assert "同意村里代办（签了书面授权）" in shown
    assert "1,800" in shown, "what was agreed to stays to be seen"


# --- booking and leases -------------------------------------------------------------------------------------

TERMS = {
    "proration": "actual",
    "grace_days": "5",
    "deposit_months": "1",
    "deposit_return_days": "7",
    "utilities_by": "lessee",
    "late_fee_permyriad": "5",
    "notice_days": "30",
}


def booked(client: FlaskClient, cast: Cast) -> list[Lease]:
    """A block held, accepted by both households and booked; its leases."""
    hold_id = hold_block(client, cast)
    db.session.execute(HoldRoom.__table__.update().values(answer="accepted"))
    db.session.commit()
    done = post(client, f"/holds/{hold_id}/confirm", convention="anchor", **TERMS)
    assert done.status_code == 303, text_of(done)
    db.session.expire_all()
    return list(db.session.execute(select(Lease).order_by(Lease.id)).scalars())


def test_booking_makes_one_lease_per_lessor(client: FlaskClient, cast: Cast) -> None:
    leases = booked(client, cast)
    assert [lease.owner_id for lease in leases] == sorted((cast.owner.id, cast.neighbour.id))
    assert [lease.number for lease in leases] == ["HT-2026-000001", "HT-2026-000002"]
    assert {lease.deposit_fen for lease in leases} == {180_000}
    assert {lease.state for lease in leases} == {"drafted"}
    claims = db.session.execute(select(RoomClaim)).scalars().all()
    assert {(claim.state, claim.held_until) for claim in claims} == {("held", factories.SIGN_UNTIL)}
    assert {lease.sign_until for lease in leases} == {factories.SIGN_UNTIL}
    assert db.session.execute(select(Booking)).scalar_one().number == "YD-2026-000001"
    shown = text_of(client.get("/leases"))
    assert "HT-2026-000001" in shown
    assert "等签字" in shown


def test_unanswered_rooms_wait_or_are_dropped(client: FlaskClient, cast: Cast) -> None:
    hold_id = hold_block(client, cast)
    url = f"/holds/{hold_id}/confirm"
    nobody = post(client, url, "/demands", convention="anchor", drop_waiting="y", **TERMS)
    assert nobody.status_code == 409
    db.session.execute(
        HoldRoom.__table__.update().where(HoldRoom.owner_id == cast.owner.id).values(answer="accepted")
    )
    db.session.commit()
    waits = post(client, url, convention="anchor", **TERMS)
    assert waits.status_code == 422
    assert "还有 3 间房的户主没有答复" in text_of(waits)
    assert post(client, url, convention="anchor", drop_waiting="y", **TERMS).status_code == 303
    states = sorted(claim.state for claim in db.session.execute(select(RoomClaim)).scalars())
    assert states == ["held"] * 3 + ["released"] * 3


@pytest.mark.parametrize(
    ("field", "value"),
    [("deposit_months", "4"), ("grace_days", "x"), ("notice_days", ""), ("convention", "z")],
)
def test_odd_terms_are_named(client: FlaskClient, cast: Cast, field: str, value: str) -> None:
    hold_id = hold_block(client, cast)
    db.session.execute(HoldRoom.__table__.update().values(answer="accepted"))
    db.session.commit()
    data = {"convention": "anchor", **TERMS, field: value}
    answer = post(client, f"/holds/{hold_id}/confirm", **data)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in text_of(answer) or "error-summary" in text_of(answer)


def test_staff_may_hold_but_not_book(client: FlaskClient, cast: Cast) -> None:
    hold_id = hold_block(client, cast)
    staff, _enterprise = factories.make_employer(cast.enterprise, factories.Role.EMPLOYER_STAFF)
    sign_in(client, staff)
    assert client.get(f"/holds/{hold_id}").status_code == 200
    assert client.get(f"/holds/{hold_id}/confirm").status_code == 403


def test_the_contract_says_what_the_law_asks_for(client: FlaskClient, cast: Cast) -> None:
    cast.owner.name = "沈<b>桂珍&"
    cast.owner.id_number = factories.make_id_number("F")
    db.session.commit()
    lease = next(lease for lease in booked(client, cast) if lease.owner_id == cast.owner.id)
    answer = client.get(f"/leases/{lease.id}/contract.pdf", buffered=True)
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Cache-Control"] == "no-store"
    words = "".join(page.extract_text() for page in PdfReader(BytesIO(answer.data)).pages).replace("\n", "")
    for asked in (
        lease.number,
        "沈<b>桂珍&",
        cast.owner.id_number,
        cast.enterprise.uscc,
        "人民币壹仟捌佰元整",
        "2026 年 12 月 01 日",
        "2027 年 05 月 31 日",
        "押金",
        "不得扣减",
        "房屋交割单",
        "万分之五",
        "提前 30 天",
        "备案",
        "见证",
        "不收取、不转付、不存放",
        "6228580000123456781",
        "附件一",
        "2027-05-01 至 2027-05-31",
    ):
        assert asked in words, asked
    again = client.get(f"/leases/{lease.id}/contract.pdf", buffered=True)
    assert again.data == answer.data


def code_for(app: Flask, phone_user: int) -> str:
    """The newest code in the outbox."""
    rows = db.session.execute(
        select(OutboxItem).where(OutboxItem.key.startswith("code:")).order_by(OutboxItem.id.desc())
    )
    body = rows.scalars().first().body
    found = re.search(r"\d{6}", body)
    assert found
    return found[0]


def sign(client: FlaskClient, app: Flask, lease_id: int, actor: Actor) -> Any:
    sign_in(client, actor)
    url = f"/leases/{lease_id}/sign"
    assert post(client, url, send="1").status_code == 303
    shown = client.get(url + "?sent=1")
    document = re.search(r'name="document"[^>]*value="([0-9a-f]{64})"', text_of(shown))
    assert document
    return client.post(
        url,
        data={
            "csrf_token": token(shown),
            "document": document[1],
            "code": code_for(app, actor.user_id or 0),
        },
    )


def test_both_sides_sign_and_the_first_bills_come(client: FlaskClient, app: Flask, cast: Cast) -> None:
    lease = next(lease for lease in booked(client, cast) if lease.owner_id == cast.owner.id)
    assert sign(client, app, lease.id, cast.villager).status_code == 303
    db.session.expire_all()
    assert lease.state == "drafted"
    assert "等对方签字" in text_of(client.get(f"/leases/{lease.id}"))
    assert sign(client, app, lease.id, cast.employer).status_code == 303
    db.session.expire_all()
    assert lease.state == "signed"
    assert lease.signed_on == TODAY
    signatures = db.session.execute(select(LeaseSignature).order_by(LeaseSignature.id)).scalars().all()
    assert [one.side for one in signatures] == ["lessor", "lessee"]
    assert {one.document_sha256 for one in signatures} == {lease.document_sha256}
    assert {bill.kind for bill in db.session.execute(select(Bill)).scalars()} >= {"deposit"}
    assert client.post(f"/leases/{lease.id}/sign", data={"send": "1"}).status_code in (400, 409)


def test_the_clerk_signs_with_consent(client: FlaskClient, app: Flask, cast: Cast) -> None:
    lease = next(lease for lease in booked(client, cast) if lease.owner_id == cast.neighbour.id)
    sign_in(client, cast.clerk)
    assert post(client, f"/leases/{lease.id}/sign", send="1").status_code == 403
    consent(cast, cast.neighbour)
    assert sign(client, app, lease.id, cast.clerk).status_code == 303
    signature = db.session.execute(select(LeaseSignature)).scalar_one()
    assert signature.on_behalf_of == cast.neighbour.id
    assert signature.user_id == cast.clerk.user_id


def test_a_wrong_code_or_another_document_signs_nothing(client: FlaskClient, app: Flask, cast: Cast) -> None:
    lease = booked(client, cast)[0]
    sign_in(client, cast.employer)
    url = f"/leases/{lease.id}/sign"
    post(client, url, send="1")
    shown = client.get(url + "?sent=1")
    code = code_for(app, cast.employer.user_id or 0)
    wrong = "000000" if code != "000000" else "111111"
    document = re.search(r'name="document"[^>]*value="([0-9a-f]{64})"', text_of(shown))
    assert document
    answer = client.post(url, data={"csrf_token": token(shown), "document": document[1], "code": wrong})
    assert answer.status_code == 422
    assert "还可以试" in text_of(answer)
    other = client.post(url, data={"csrf_token": token(shown), "document": "0" * 64, "code": code})
    assert other.status_code == 409
    assert db.session.query(LeaseSignature).count() == 0


def test_filing(client: FlaskClient, cast: Cast) -> None:
    house = factories.make_house(cast.owner)
    lease = factories.make_lease(cast.enterprise, [factories.make_room(house)])
    db.session.commit()
    sign_in(client, cast.clerk)
    url, page = f"/leases/{lease.id}/filing", f"/leases/{lease.id}"
    assert post(client, url, page, state="filed", number="1").status_code == 422, "not the next step"
    assert post(client, url, page, state="submitted").status_code == 303
    without = post(client, url, page, state="filed")
    assert without.status_code == 422
    assert "请写备案号" in text_of(without)
    assert post(client, url, page, state="filed", number="备-2026-18").status_code == 303
    db.session.expire_all()
    assert (lease.filing_state, lease.filing_number, lease.filed_on) == ("filed", "备-2026-18", TODAY)


# --- who may, and whose -------------------------------------------------------------------------------------


def test_visitors_sign_in_first(client: FlaskClient, cast: Cast) -> None:
    for url in ("/rooms/hold", "/holds", "/answers", "/demands", "/leases", "/holds/1", "/leases/1/sign"):
        answer = client.get(url)
        assert answer.status_code == 302, url
        assert "sign-in" in answer.location or "login" in answer.location


def test_wrong_roles(client: FlaskClient, cast: Cast) -> None:
    sign_in(client, cast.villager)
    for url in ("/rooms/hold", "/holds", "/demands"):
        assert client.get(url).status_code == 403, url
    sign_in(client, cast.employer)
    assert client.get("/answers").status_code == 403
    sign_in(client, factories.make_district_officer())
    assert client.get("/leases").status_code == 403
    assert client.get("/demands").status_code == 200


def test_others_rows_are_not_found(client: FlaskClient, app: Flask, cast: Cast) -> None:
    hold_id = hold_block(client, cast)
    leases = [
        factories.make_lease(
            cast.enterprise, [factories.make_room(factories.make_house(factories.make_owner()))]
        )
    ]
    rival, _rival_enterprise = factories.make_employer()
    stranger, stranger_owner = factories.make_villager()
    far_clerk = factories.make_clerk(NEIGHBOUR_VILLAGE)
    factories.make_village(NEIGHBOUR_VILLAGE)
    db.session.commit()
    lease_urls = [f"/leases/{leases[0].id}", f"/leases/{leases[0].id}/contract.pdf"]
    sign_in(client, rival)
    for url in (f"/holds/{hold_id}", f"/holds/{hold_id}/release", f"/holds/{hold_id}/confirm", *lease_urls):
        assert client.get(url).status_code == 404, url
    for actor in (stranger, far_clerk):
        sign_in(client, actor)
        for url in (f"/holds/{hold_id}/answers/{cast.owner.id}", *lease_urls, f"/leases/{leases[0].id}/sign"):
            assert client.get(url).status_code == 404, url
        assert cast.owner.household_no not in text_of(client.get("/answers"))
    sign_in(client, stranger)
    assert client.get(f"/holds/{hold_id}/answers/{stranger_owner.id}").status_code == 404
    sign_in(client, cast.villager)
    assert client.get(f"/holds/{hold_id}/answers/{cast.neighbour.id}").status_code == 404
