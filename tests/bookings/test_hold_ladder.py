"""The ladder of a hold: direct offers, reminders, silence, one lengthening, rooms given back, the hours."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from qiantang_nest.bookings.models import BookingRule, Hold, HoldRoom
from qiantang_nest.bookings.queries.holds import hold_sums, times_on
from qiantang_nest.bookings.rules import REMIND_BEFORE, Times
from qiantang_nest.bookings.services import hold_jobs
from qiantang_nest.bookings.services.lengthen_hold import lengthen_hold
from qiantang_nest.bookings.services.release_hold import release_rooms
from qiantang_nest.core import clock
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.housing.models import Owner
from qiantang_nest.notifications.models import Message, OutboxItem
from qiantang_nest.occupancy.models import RoomClaim
from tests import factories
from tests.bookings.test_block import hold_block, post, text_of
from tests.conftest import sign_in
from tests.factories import NOW, TODAY

STARTS_ON, ENDS_ON = date(2026, 12, 1), date(2027, 6, 1)


@dataclass
class Cast:
    """A hold of four rooms: two of a villager with a phone, two of a neighbour that offers directly."""

    employer: Actor
    enterprise: Enterprise
    villager: Actor
    owner: Owner
    neighbour: Owner
    clerk: Actor
    hold: Hold

    def rooms(self) -> list[HoldRoom]:
        db.session.expire_all()
        statement = select(HoldRoom).where(HoldRoom.hold_id == self.hold.id).order_by(HoldRoom.id)
        return list(db.session.execute(statement).scalars())


@pytest.fixture
def cast(at_now: None, db_session: Any) -> Cast:
    villager, owner = factories.make_villager()
    neighbour = factories.make_owner(phone=None)
    listings = [
        factories.make_listing(factories.make_room(house), direct=direct)
        for house, direct in (
            (factories.make_house(owner), False),
            (factories.make_house(neighbour), True),
        )
        for _room in range(2)
    ]
    employer, enterprise = factories.make_employer()
    hold = factories.make_hold(enterprise, listings, STARTS_ON, ENDS_ON)
    clerk = factories.make_clerk()
    db.session.commit()
    return Cast(employer, enterprise, villager, owner, neighbour, clerk, hold)


def messages(actor: Actor, kind: str) -> int:
    statement = select(func.count()).where(Message.user_id == actor.user_id, Message.kind == kind)
    return int(db.session.execute(statement).scalar_one())


def texts(prefix: str) -> int:
    statement = select(func.count()).where(OutboxItem.key.startswith(prefix))
    return int(db.session.execute(statement).scalar_one())


# --- direct offers ------------------------------------------------------------------------------------------


def test_rooms_offered_directly_are_accepted_with_the_hold(client: FlaskClient, cast: Cast) -> None:
    with transaction():
        db.session.execute(RoomClaim.__table__.update().values(state="released"))
        cast.hold.state = "released"
    hold_id = hold_block(client, cast, count="4")  # type: ignore[arg-type]
    found = {
        (room.owner_id, room.answer, room.answered_by)
        for room in db.session.execute(select(HoldRoom).where(HoldRoom.hold_id == hold_id)).scalars()
    }
    assert found == {(cast.owner.id, "waiting", None), (cast.neighbour.id, "accepted", None)}
    page = text_of(client.get(f"/holds/{hold_id}"))
    assert "预订答应的 2 间" in page
    assert "可直接订" in page


def test_the_owner_of_a_direct_offer_is_told_not_asked(client: FlaskClient, cast: Cast) -> None:
    villager, owner = factories.make_villager()
    factories.make_listing(factories.make_room(factories.make_house(owner)), direct=True)
    db.session.commit()
    hold_block(client, cast, count="1")  # type: ignore[arg-type]
    assert messages(villager, "bookings.held_directly") == 1
    assert messages(villager, "bookings.answer_wanted") == 0


# --- reminders and silence ----------------------------------------------------------------------------------


def test_a_silent_household_is_reminded_once_before_its_answer_is_due(cast: Cast) -> None:
    due = cast.rooms()[0].answer_due_at
    early, late = due - REMIND_BEFORE - timedelta(minutes=1), due - REMIND_BEFORE
    with transaction():
        assert hold_jobs.remind_households(now=early) == 0
    for found in (2, 0):
        with transaction():
            assert hold_jobs.remind_households(now=late) == found
    assert messages(cast.villager, "bookings.answer_due") == 1
    assert texts("hold-remind:") == 1


def test_silence_is_handed_to_the_clerk_once(client: FlaskClient, cast: Cast) -> None:
    due = cast.rooms()[0].answer_due_at
    with transaction():
        assert hold_jobs.hand_silence_to_clerks(now=due - timedelta(seconds=1)) == 0
    for found in (2, 0):
        with transaction():
            assert hold_jobs.hand_silence_to_clerks(now=due) == found
    assert messages(cast.clerk, "bookings.owner_silent") == 1
    sign_in(client, cast.employer)
    assert "村里在催" in text_of(client.get(f"/holds/{cast.hold.id}"))


def test_whoever_has_answered_is_left_alone(cast: Cast) -> None:
    with transaction():
        for room in cast.rooms():
            room.answer, room.answered_at = "accepted", NOW
    with transaction():
        late = NOW + timedelta(hours=25)
        assert (hold_jobs.remind_households(now=late), hold_jobs.hand_silence_to_clerks(now=late)) == (0, 0)


def test_nobody_is_chased_for_a_hold_that_is_over(cast: Cast) -> None:
    after = cast.hold.expires_at
    with transaction():
        assert (hold_jobs.remind_households(now=after), hold_jobs.warn_employers(now=after)) == (0, 0)


def test_an_employer_is_warned_once_before_the_end(cast: Cast) -> None:
    soon = cast.hold.expires_at - REMIND_BEFORE
    with transaction():
        assert hold_jobs.warn_employers(now=soon - timedelta(seconds=1)) == 0
    for found in (1, 0):
        with transaction():
            assert hold_jobs.warn_employers(now=soon) == found
    assert messages(cast.employer, "bookings.hold_ends_soon") == 1


def test_the_sweep_marks_what_is_free_already(cast: Cast) -> None:
    with clock.frozen_at(cast.hold.expires_at), transaction():
        assert hold_jobs.sweep_expired_holds(now=cast.hold.expires_at - timedelta(seconds=1)) == 0
        assert hold_jobs.sweep_expired_holds(now=cast.hold.expires_at) == 4
        assert hold_jobs.sweep_expired_holds(now=cast.hold.expires_at) == 0
    assert {room.claim.state for room in cast.rooms()} == {"released"}


# --- lengthening --------------------------------------------------------------------------------------------


def test_a_hold_is_lengthened_once_with_a_reason(client: FlaskClient, cast: Cast) -> None:
    until = cast.hold.expires_at
    sign_in(client, cast.employer)
    url = f"/holds/{cast.hold.id}/lengthen"
    refused = post(client, url, reason="")
    assert refused.status_code == 422
    assert "请写一句为什么要多留" in text_of(refused)
    assert post(client, url, reason="周五来看房").status_code == 303
    db.session.expire_all()
    assert cast.hold.expires_at == until + timedelta(hours=48)
    assert {room.claim.held_until for room in cast.rooms()} == {cast.hold.expires_at}
    assert messages(cast.villager, "bookings.hold_lengthened") == 1
    assert post(client, url, reason="再多留").status_code == 409
    db.session.expire_all()
    assert cast.hold.expires_at == until + timedelta(hours=48)
    assert "不能再延长" in text_of(client.get(url))


def test_a_hold_that_is_over_is_not_lengthened(cast: Cast) -> None:
    with pytest.raises(WrongState, match="已经到时"):
        lengthen_hold(
            hold=cast.hold, reason="晚了", times=Times(), actor=cast.employer, now=cast.hold.expires_at
        )


def test_the_district_may_forbid_lengthening(cast: Cast) -> None:
    with pytest.raises(WrongState, match="不能延长"):
        lengthen_hold(
            hold=cast.hold, reason="看房", times=Times(lengthen_hours=0), actor=cast.employer, now=NOW
        )


def test_another_employers_hold_is_not_found(client: FlaskClient, cast: Cast) -> None:
    rival, _enterprise = factories.make_employer()
    sign_in(client, rival)
    for page in ("lengthen", "release"):
        assert client.get(f"/holds/{cast.hold.id}/{page}").status_code == 404


# --- rooms given back ---------------------------------------------------------------------------------------


def test_rooms_not_taken_are_given_back_and_the_rest_stays_held(client: FlaskClient, cast: Cast) -> None:
    sign_in(client, cast.employer)
    first, *others = cast.rooms()
    answer = post(client, f"/holds/{cast.hold.id}/release", rooms=[str(first.id)])
    assert answer.status_code == 303
    states = {room.id: (room.answer, room.claim.state) for room in cast.rooms()}
    assert states.pop(first.id) == ("released", "released")
    assert {state for _answer, state in states.values()} == {"held"}
    assert hold_sums([cast.hold.id])[cast.hold.id].rooms == len(others)
    assert messages(cast.villager, "bookings.hold_released") == 1


def test_giving_back_needs_a_choice_and_not_all(cast: Cast) -> None:
    rooms = [room.id for room in cast.rooms()]
    for chosen in ([], rooms):
        with pytest.raises(InvalidValue):
            release_rooms(hold=cast.hold, hold_room_ids=chosen, actor=cast.employer, now=NOW)
    release_rooms(hold=cast.hold, hold_room_ids=rooms[:1], actor=cast.employer, now=NOW)
    with pytest.raises(WrongState):
        release_rooms(hold=cast.hold, hold_room_ids=rooms[:1], actor=cast.employer, now=NOW)


# --- the hours ----------------------------------------------------------------------------------------------


def test_the_usual_hours_hold_until_the_district_sets_others(at_now: None, db_session: Any) -> None:
    assert times_on(TODAY) == Times(48, 24, 48, 12, 7)


def test_the_district_sets_hours_from_a_day_on(client: FlaskClient, at_now: None, db_session: Any) -> None:
    district = factories.make_district_officer()
    db.session.commit()
    sign_in(client, district)
    values = {
        "hold_hours": "72",
        "answer_hours": "36",
        "lengthen_hours": "0",
        "offer_hours": "6",
        "sign_days": "5",
        "basis": "区住建局〔2026〕9 号",
    }
    tomorrow = TODAY + timedelta(days=1)
    assert post(client, "/holds/times", effective_on=tomorrow.isoformat(), **values).status_code == 303
    assert times_on(TODAY) == Times()
    assert times_on(tomorrow) == Times(72, 36, 0, 6, 5)
    again = post(client, "/holds/times", effective_on=tomorrow.isoformat(), **values)
    assert again.status_code == 422
    assert "已经定过一次标准" in text_of(again)
    past = post(client, "/holds/times", effective_on="2026-01-01", **values)
    assert (past.status_code, "不能倒回 2026-01-01" in text_of(past)) == (422, True)
    longer = post(client, "/holds/times", effective_on="2027-01-01", **{**values, "answer_hours": "73"})
    assert (longer.status_code, "比锁定 72 小时长" in text_of(longer)) == (422, True)
    assert db.session.execute(select(func.count()).select_from(BookingRule)).scalar_one() == 1
