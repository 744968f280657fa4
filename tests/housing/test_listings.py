"""From a draft to the market and off it again, against the real database."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue, NotAllowed, WrongState
from qiantang_nest.housing import queries, services
from qiantang_nest.housing.models import AlreadyOffered, Hazard, House, HouseDocument, Listing, Room
from qiantang_nest.housing.rules import GateLack, Severity
from qiantang_nest.housing.services.listings import NotListable
from tests.factories import (
    NOW,
    TODAY,
    make_clerk,
    make_consent,
    make_house,
    make_listing,
    make_owner,
    make_room,
    make_villager,
)

YEAR_ON = TODAY + timedelta(days=365)
TERMS: dict[str, Any] = {"rent_fen": 62_000, "starts_on": TODAY, "ends_on": YEAR_ON}


def on_market(day: date = TODAY, ends_on: date | None = None) -> set[int]:
    return set(
        db.session.execute(
            select(Room.id)
            .join(Listing, Listing.room_id == Room.id)
            .join(House, House.id == Room.house_id)
            .where(queries.on_market_condition(day, ends_on))
        ).scalars()
    )


def test_a_villagers_room_goes_from_draft_to_market(db_session: Any) -> None:
    villager, owner = make_villager()
    room = make_room(make_house(owner))
    draft = services.draft_offer(room=room, **TERMS, today=TODAY, actor=villager)
    again = services.draft_offer(room=room, **{**TERMS, "rent_fen": 65_000}, today=TODAY, actor=villager)
    assert (again.id, again.rent_fen, again.state) == (draft.id, 65_000, "draft")
    services.submit_draft(listing=draft, today=TODAY, now=NOW, actor=villager)
    assert on_market() == set()
    services.approve_listing(listing=draft, today=TODAY, now=NOW, actor=make_clerk())
    assert on_market() == {room.id}
    assert on_market(TODAY, YEAR_ON) == {room.id}
    assert on_market(TODAY, YEAR_ON + timedelta(days=1)) == set()
    services.withdraw_listing(listing=draft, reason="儿子回来住", now=NOW, actor=villager)
    assert on_market() == set()
    services.submit_listing(room=room, **TERMS, today=TODAY, now=NOW, actor=villager)
    actions = list(
        db.session.execute(
            select(AuditEvent.action).where(AuditEvent.entity == "listing").order_by(AuditEvent.id)
        ).scalars()
    )
    assert actions == [
        "housing.draft_offer",
        "housing.draft_offer",
        "housing.submit_listing",
        "housing.approve_listing",
        "housing.withdraw_listing",
        "housing.draft_offer",
        "housing.submit_listing",
    ]


def test_a_room_is_offered_once_for_a_day(db_session: Any) -> None:
    villager, owner = make_villager()
    room = make_room(make_house(owner))
    with transaction():
        services.submit_listing(room=room, **TERMS, today=TODAY, now=NOW, actor=villager)
    with pytest.raises(AlreadyOffered), transaction():
        services.submit_listing(room=room, **TERMS, today=TODAY, now=NOW, actor=villager)


def test_approval_names_everything_that_is_missing(db_session: Any) -> None:
    house = make_house(sellable=False)
    room = make_room(house)
    services.record_hazard(
        house=house, severity=Severity.MAJOR, what="线路老化", found_on=TODAY, today=TODAY, actor=make_clerk()
    )
    listing = make_listing(room, state="submitted")
    with pytest.raises(NotListable) as refused:
        services.approve_listing(listing=listing, today=TODAY, now=NOW, actor=make_clerk())
    assert refused.value.lacks == [
        GateLack.NO_DOCUMENT,
        GateLack.NO_SAFETY_CHECK,
        GateLack.MAJOR_HAZARD_OPEN,
    ]
    assert listing.state == "submitted"


def test_a_room_nobody_may_sleep_in_is_refused_before_it_waits(db_session: Any) -> None:
    villager, owner = make_villager()
    room = make_room(make_house(owner), usable_m2=Decimal("3.9"), capacity=0, beds=0)
    with pytest.raises(NotListable, match="使用面积太小"):
        services.submit_listing(room=room, **TERMS, today=TODAY, now=NOW, actor=villager)


def _expire(house: House) -> None:
    house.safe_until = TODAY


def _endanger(house: House) -> None:
    house.dangerous_since = TODAY


def _fail(house: House) -> None:
    house.safe_until = None


def _find_hazard(house: House) -> None:
    db.session.add(Hazard(house_id=house.id, severity="major", what="裂缝", found_on=TODAY, due_on=TODAY))


def _lose_papers(house: House) -> None:
    db.session.query(HouseDocument).where(HouseDocument.house_id == house.id).delete()


@pytest.mark.parametrize("break_it", [_expire, _endanger, _fail, _find_hazard, _lose_papers])
def test_a_house_that_fails_the_gate_leaves_the_market_by_itself(
    db_session: Any, break_it: Callable[[House], None]
) -> None:
    room = make_room()
    listing = make_listing(room)
    assert on_market() == {room.id}
    assert queries.lacks_of([listing], TODAY)[listing.id] == []
    break_it(room.house)
    db.session.flush()
    assert on_market() == set()
    assert len(queries.lacks_of([listing], TODAY)[listing.id]) == 1


def test_a_minor_hazard_keeps_nobody_out(db_session: Any) -> None:
    room = make_room()
    make_listing(room)
    hazard = services.record_hazard(
        house=room.house,
        severity=Severity.MINOR,
        what="灭火器过期",
        found_on=TODAY,
        today=TODAY,
        actor=make_clerk(),
    )
    assert (hazard.due_on - TODAY).days == 15
    assert on_market() == {room.id}
    services.close_hazard(hazard=hazard, today=TODAY, actor=make_clerk())
    with pytest.raises(WrongState, match="已经销号"):
        services.close_hazard(hazard=hazard, today=TODAY, actor=make_clerk())


def test_the_latest_check_by_day_decides(db_session: Any) -> None:
    house, clerk = make_house(sellable=False), make_clerk()

    def check(days_ago: int, passed: bool) -> None:
        services.record_inspection(
            house=house,
            inspected_on=TODAY - timedelta(days=days_ago),
            passed=passed,
            valid_until=YEAR_ON if passed else None,
            today=TODAY,
            actor=clerk,
        )

    check(10, passed=True)
    assert house.safe_until == YEAR_ON
    check(20, passed=False)
    assert house.safe_until == YEAR_ON
    check(5, passed=False)
    assert house.safe_until is None


@pytest.mark.parametrize(
    ("inspected", "until", "sentence"),
    [
        (TODAY + timedelta(days=1), YEAR_ON, "还没有到"),
        (TODAY, None, "有效到哪一天"),
        (TODAY, TODAY, "晚于检查日期"),
        (TODAY, date(2099, 1, 1), "最多管 5 年"),
    ],
)
def test_checks_that_cannot_be_are_refused(
    db_session: Any, inspected: date, until: date | None, sentence: str
) -> None:
    with pytest.raises(InvalidValue, match=sentence):
        services.record_inspection(
            house=make_house(),
            inspected_on=inspected,
            passed=True,
            valid_until=until,
            today=TODAY,
            actor=make_clerk(),
        )


def test_a_dangerous_house_loses_all_its_offers_at_once(db_session: Any) -> None:
    house = make_house()
    approved, waiting = make_listing(make_room(house)), make_listing(make_room(house), state="submitted")
    elsewhere = make_listing()
    rooms = services.mark_dangerous(
        house=house, reason="鉴定为 D 级", today=TODAY, now=NOW, actor=make_clerk()
    )
    assert {room.id for room in rooms} == {approved.room_id, waiting.room_id}
    assert (approved.state, waiting.state, elsewhere.state) == ("withdrawn", "withdrawn", "approved")
    assert house.dangerous_since == TODAY
    with pytest.raises(WrongState):
        services.mark_dangerous(house=house, reason="再标", today=TODAY, now=NOW, actor=make_clerk())
    services.clear_danger(house=house, reason="加固后重新鉴定 B 级", actor=make_clerk())
    assert (house.dangerous_since, approved.state) == (None, "withdrawn")


def test_what_a_clerk_enters_names_the_clerk_and_the_household(db_session: Any) -> None:
    clerk = make_clerk()
    villager, owner = make_villager()
    for actor, household in ((clerk, owner.id), (villager, None)):
        house = services.add_house(owner=owner, address=f"{actor.role}号", floors=2, actor=actor)
        room = services.add_room(
            house=house, label="101", floor=1, usable_m2=Decimal(12), today=TODAY, actor=actor
        )
        for row in (house, room):
            assert (row.added_by, row.on_behalf_of) == (actor.user_id, household)


def test_the_village_acts_only_for_households_that_agreed(db_session: Any) -> None:
    clerk = make_clerk()
    owner = make_owner(phone=None)
    room = make_room(make_house(owner))
    with pytest.raises(NotAllowed, match="还没有同意"):
        services.submit_listing(room=room, **TERMS, today=TODAY, now=NOW, actor=clerk)
    consent = services.record_consent(
        owner=owner, given_on=TODAY, how="paper", witness="组长老周", today=TODAY, actor=clerk
    )
    listing = services.submit_listing(room=room, **TERMS, today=TODAY, now=NOW, actor=clerk)
    assert listing.on_behalf_of == owner.id
    event = db.session.execute(
        select(AuditEvent).where(AuditEvent.action == "housing.submit_listing")
    ).scalar_one()
    assert (event.on_behalf_of, event.actor_user_id) == (owner.id, clerk.user_id)
    services.withdraw_consent(consent=consent, today=TODAY, actor=clerk)
    with pytest.raises(NotAllowed):
        services.withdraw_listing(listing=listing, reason="歇一歇", now=NOW, actor=clerk)


@pytest.mark.parametrize(
    ("starts_on", "ends_on", "sentence"),
    [
        (TODAY, TODAY, "不晚于起租"),
        (TODAY - timedelta(days=9), TODAY, "已经过了"),
        (TODAY, date(2099, 1, 1), "最多上架 10 年"),
    ],
)
def test_periods_that_cannot_be_are_refused(
    db_session: Any, starts_on: date, ends_on: date, sentence: str
) -> None:
    villager, owner = make_villager()
    with pytest.raises(InvalidValue, match=sentence):
        services.draft_offer(
            room=make_room(make_house(owner)),
            rent_fen=1,
            starts_on=starts_on,
            ends_on=ends_on,
            today=TODAY,
            actor=villager,
        )


def test_price_and_period_of_an_offer_change_under_audit(db_session: Any) -> None:
    villager, owner = make_villager()
    listing = make_listing(make_room(make_house(owner)))
    services.change_offer(
        listing=listing,
        rent_fen=70_000,
        starts_on=TODAY,
        ends_on=YEAR_ON,
        direct=True,
        today=TODAY,
        actor=villager,
    )
    assert (listing.rent_fen, listing.ends_on, listing.state) == (70_000, YEAR_ON, "approved")
    assert listing.direct


def test_returning_says_why(db_session: Any) -> None:
    listing = make_listing(state="submitted")
    services.return_listing(listing=listing, reason="照片看不清窗户", now=NOW, actor=make_clerk())
    assert (listing.state, listing.reason) == ("returned", "照片看不清窗户")
    with pytest.raises(WrongState):
        services.return_listing(listing=listing, reason="再退", now=NOW, actor=make_clerk())


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"rent_fen": 99}, "ck_listing_rent_sensible"),
        ({"state": "sold"}, "ck_listing_state_known"),
        ({"ends_on": TODAY - timedelta(days=31)}, "ck_listing_period_forward"),
    ],
)
def test_listing_constraints(db_session: Any, fields: dict[str, Any], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        make_listing(**fields)


def test_a_consent_says_how_in_a_known_way(db_session: Any) -> None:
    with pytest.raises(IntegrityError, match="ck_proxy_consent_how_known"):
        make_consent(make_owner(), how="书面")


def test_one_draft_a_room(db_session: Any) -> None:
    listing = make_listing(state="draft")
    with pytest.raises(IntegrityError, match="uq_listing_draft"):
        make_listing(listing.room, state="draft")
