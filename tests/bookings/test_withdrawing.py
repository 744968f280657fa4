"""A lease that is not signed: taken back by either side, or lapsed; its rooms are free, the reason stays."""

import threading
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from qiantang_nest.bookings.models import BookingLease
from qiantang_nest.bookings.queries.rooms import free_among
from qiantang_nest.bookings.rules import DISTRICT_CENTRE
from qiantang_nest.core import clock
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import NotAllowed, WrongState
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.housing.models import Owner
from qiantang_nest.notifications.models import Message, OutboxItem
from qiantang_nest.occupancy.models import Lease, LeaseRoom, LeaseWithdrawal, RoomClaim
from qiantang_nest.occupancy.rules import last_day_to_sign, signing_end
from qiantang_nest.occupancy.services import withdrawing
from qiantang_nest.occupancy.services.withdrawing import withdraw_lease
from tests import factories
from tests.bookings.test_block import post, text_of
from tests.conftest import sign_in
from tests.factories import NOW, SIGN_UNTIL, TODAY
from tests.occupancy.test_signing import code_for, drafted, sign

STARTS_ON, ENDS_ON = date(2026, 12, 10), date(2027, 6, 10)


@dataclass
class Cast:
    """Two unsigned leases of one booking, one of a household on the phone, one of one without."""

    employer: Actor
    enterprise: Enterprise
    villager: Actor
    owner: Owner
    neighbour: Owner
    clerk: Actor
    lease: Lease
    other: Lease
    booking_id: int


@pytest.fixture
def cast(at_now: None, db_session: Any) -> Cast:
    villager, owner = factories.make_villager()
    neighbour = factories.make_owner(phone=None)
    employer, enterprise = factories.make_employer()
    leases = []
    for one in (owner, neighbour):
        listing = factories.make_listing(factories.make_room(factories.make_house(one)))
        leases.append(factories.make_lease(enterprise, [listing.room], STARTS_ON, ENDS_ON, state="drafted"))
    lease, other = leases
    booking_id = booking_of(lease)
    db.session.execute(BookingLease.__table__.update().values(booking_id=booking_id))
    clerk = factories.make_clerk()
    db.session.commit()
    return Cast(employer, enterprise, villager, owner, neighbour, clerk, lease, other, booking_id)


def booking_of(lease: Lease) -> int:
    statement = select(BookingLease.booking_id).where(BookingLease.lease_id == lease.id)
    return db.session.execute(statement).scalar_one()


def free(lease: Lease, now: Any = NOW) -> bool:
    """Whether another employer could take the room of the lease."""
    room_id = db.session.execute(select(LeaseRoom.room_id).where(LeaseRoom.lease_id == lease.id)).scalar_one()
    return bool(free_among([room_id], DISTRICT_CENTRE, starts_on=STARTS_ON, ends_on=ENDS_ON, now=now))


def withdrawal(lease: Lease) -> LeaseWithdrawal:
    return db.session.get_one(LeaseWithdrawal, lease.id)


# --- the last day to sign -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("booked_on", "starts_on", "last"),
    [
        (date(2026, 11, 23), date(2026, 12, 10), date(2026, 11, 30)),  # a week
        (date(2026, 11, 23), date(2026, 11, 26), date(2026, 11, 26)),  # the first day comes sooner
        (date(2026, 11, 23), date(2026, 11, 23), date(2026, 11, 24)),  # at the last moment: one more day
    ],
)
def test_the_last_day_to_sign(booked_on: date, starts_on: date, last: date) -> None:
    assert last_day_to_sign(signing_end(booked_on, starts_on, 7)) == last


def test_after_it_the_rooms_are_free_and_nobody_signs(client: FlaskClient, cast: Cast) -> None:
    assert not free(cast.lease, SIGN_UNTIL - timedelta(seconds=1))
    assert free(cast.lease, SIGN_UNTIL)
    with clock.frozen_at(SIGN_UNTIL):
        sign_in(client, cast.villager)
        assert "房间放开了" in text_of(client.get(f"/leases/{cast.lease.id}/sign"))
        assert post(client, f"/leases/{cast.lease.id}/sign", send="1").status_code == 409
        assert "签字" not in text_of(client.get("/")), "nothing is to be signed any more"
        sign_in(client, cast.employer)
        page = text_of(client.get(f"/bookings/{cast.booking_id}"))
        assert "没签成的" in page
        assert "到时没签" in page


def test_before_it_everybody_reads_by_when(client: FlaskClient, cast: Cast) -> None:
    for actor in (cast.villager, cast.employer):
        sign_in(client, actor)
        assert "11 月 30 日" in text_of(client.get("/"))
        assert "2026-11-30" in text_of(client.get(f"/leases/{cast.lease.id}"))


# --- taking back --------------------------------------------------------------------------------------------


def test_a_household_does_not_sign_and_says_why(client: FlaskClient, cast: Cast) -> None:
    sign_in(client, cast.villager)
    url = f"/leases/{cast.lease.id}/withdraw"
    empty = post(client, url, reason=" ")
    assert (empty.status_code, "请写一句原因" in text_of(empty)) == (422, True)
    assert post(client, url, reason="儿子要回来住").status_code == 303
    db.session.expire_all()
    assert cast.lease.state == "cancelled"
    assert free(cast.lease)
    assert (withdrawal(cast.lease).side, withdrawal(cast.lease).reason) == ("lessor", "儿子要回来住")
    told = db.session.execute(select(Message).where(Message.user_id == cast.employer.user_id)).scalar_one()
    assert told.kind == "bookings.lease_declined"
    sign_in(client, cast.employer)
    assert "儿子要回来住" in text_of(client.get("/leases?state=cancelled"))
    assert post(client, url, "/demands", reason="再撤一次").status_code == 409


def test_the_clerk_declines_for_a_household_with_its_consent(client: FlaskClient, cast: Cast) -> None:
    sign_in(client, cast.clerk)
    url = f"/leases/{cast.other.id}/withdraw"
    assert post(client, url, reason="户主不租了").status_code == 403
    factories.make_consent(cast.neighbour)
    db.session.commit()
    assert post(client, url, reason="户主不租了").status_code == 303
    assert withdrawal(cast.other).on_behalf_of == cast.neighbour.id


def test_an_employer_gives_up_what_is_not_signed_yet(client: FlaskClient, cast: Cast) -> None:
    with transaction():
        cast.other.state, cast.other.signed_on = "signed", TODAY
        claim_id = select(LeaseRoom.claim_id).where(LeaseRoom.lease_id == cast.other.id).scalar_subquery()
        db.session.execute(
            RoomClaim.__table__.update()
            .where(RoomClaim.id == claim_id)
            .values(state="leased", held_until=None)
        )
    sign_in(client, cast.employer)
    url = f"/bookings/{cast.booking_id}/withdraw"
    assert "撤回 1 份没签好的合同" in text_of(client.get(url))
    assert post(client, url, reason="订单少了").status_code == 303
    db.session.expire_all()
    assert (cast.lease.state, cast.other.state) == ("cancelled", "signed")
    assert (free(cast.lease), free(cast.other)) == (True, False)
    sms = select(OutboxItem.id).where(OutboxItem.key == f"lease:{cast.lease.id}:withdrawn")
    assert db.session.execute(sms).scalar_one()
    again = client.get(url)
    assert (again.status_code, again.location) == (303, f"/bookings/{cast.booking_id}")


def test_bookings_and_leases_of_others_are_not_found(client: FlaskClient, cast: Cast) -> None:
    rival, _enterprise = factories.make_employer()
    db.session.commit()
    sign_in(client, rival)
    for url in (
        f"/bookings/{cast.booking_id}",
        f"/bookings/{cast.booking_id}/withdraw",
        f"/leases/{cast.lease.id}/withdraw",
    ):
        assert client.get(url).status_code == 404


def test_staff_signs_nothing_and_takes_nothing_back(cast: Cast) -> None:
    officer = factories.make_street_officer()
    with pytest.raises(NotAllowed):
        withdraw_lease(lease=cast.lease, reason="不归我管", actor=officer, now=NOW)


# --- two at once --------------------------------------------------------------------------------------------


def both_at_once(app: Flask) -> tuple[str, bool, list[Exception]]:
    """The second signature is in the air while the employer withdraws: state, withdrawn or not, errors."""
    with app.app_context(), transaction():
        lease_id, villager, employer = drafted()
    with app.app_context(), transaction():
        codes = {actor.user_id: code_for(lease_id, actor) for actor in (villager, employer)}
    with app.app_context(), transaction():
        sign(lease_id, employer, codes[employer.user_id])
    failed: list[Exception] = []

    def withdraw() -> None:
        try:
            with app.app_context(), transaction():
                lease = db.session.get_one(Lease, lease_id)
                withdraw_lease(lease=lease, reason="不租了", actor=employer, now=NOW)
        except Exception as error:
            failed.append(error)

    other = threading.Thread(target=withdraw)
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with app.app_context():
        with transaction():
            sign(lease_id, villager, codes[villager.user_id])
            other.start()
            for _look in range(200):
                if db.session.execute(waiting).scalar_one() or not other.is_alive():
                    break
                other.join(0.01)
        other.join(10)
        db.session.expire_all()
        withdrawn = db.session.get(LeaseWithdrawal, lease_id) is not None
        return db.session.get_one(Lease, lease_id).state, withdrawn, failed


def test_signing_and_withdrawing_at_once_have_one_outcome(fresh_app: Flask) -> None:
    state, withdrawn, failed = both_at_once(fresh_app)
    assert (state, withdrawn) == ("signed", False)
    assert [type(error) for error in failed] == [WrongState]


@pytest.mark.breaks_invariants("the guard is off on purpose")
def test_without_the_lock_a_signed_lease_is_withdrawn(
    fresh_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: were this green with the guard on, the test above would prove nothing."""
    monkeypatch.setattr(withdrawing, "_lock", lambda lease: None)
    state, withdrawn, failed = both_at_once(fresh_app)
    assert failed == []
    assert (state, withdrawn) != ("signed", False)
