"""Rooms added to a booking: held beside it, their leases join it."""

import re
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select, update

from qiantang_nest.bookings.models import Booking, BookingHold, BookingLease, Hold, HoldRoom
from qiantang_nest.bookings.queries.bookings import booking_of_lease
from qiantang_nest.bookings.services.confirm_booking import confirm_booking
from qiantang_nest.core.db import transaction
from qiantang_nest.core.invariants import broken_invariants
from qiantang_nest.occupancy.services.leases import Terms
from tests import factories as make
from tests.bookings.test_lease_changes import let
from tests.conftest import sign_in
from tests.factories import NOW
from tests.forms import submit

pytestmark = pytest.mark.usefixtures("at_now")

DAYS = {"starts_on": "2026-12-01", "last_on": "2027-05-31", "on_refusal": "drop"}


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]+)"', page)
    assert found, name
    return found[1]


def test_leases_of_added_rooms_join_the_booking(client: Any) -> None:
    one = let()
    offers = [make.make_listing() for _number in range(3)]
    make.db.session.commit()
    booking = booking_of_lease(one.lease.id)
    assert booking
    sign_in(client, one.manager)
    address = f"/bookings/{booking.id}/add-rooms"
    page = submit(
        client,
        address,
        show="1",
        count="2",
        request_key=hidden(client.get(address).text, "request_key"),
        **DAYS,
    )
    assert page.status_code == 200
    sent = {
        "count": "2",
        "request_key": hidden(page.text, "request_key"),
        "shown_rent_fen": hidden(page.text, "shown_rent_fen"),
        **DAYS,
    }
    answer = submit(client, address, **sent)
    assert submit(client, address, **sent).location == answer.location
    hold = make.db.session.execute(select(Hold)).scalar_one()
    assert make.db.session.execute(select(BookingHold.booking_id)).scalar_one() == booking.id
    assert "还有要加的房锁着" in client.get(f"/bookings/{booking.id}").text
    make.db.session.execute(update(HoldRoom).values(answer="accepted", answered_at=NOW))
    make.db.session.commit()
    with transaction():
        made = confirm_booking(
            hold=hold, terms=Terms(), drop_waiting=False, sign_days=7, actor=one.manager, now=NOW
        )
    assert made.id == booking.id
    assert make.db.session.execute(select(func.count()).select_from(Booking)).scalar_one() == 1
    leases = select(func.count()).where(BookingLease.booking_id == booking.id)
    assert make.db.session.execute(leases).scalar_one() == 3
    assert f"/bookings/{booking.id}" in client.get(f"/holds/{hold.id}").text
    assert broken_invariants(make.db.session.connection(), now=NOW) == []
    assert len(offers) == 3
    assert hold.starts_on == date(2026, 12, 1)


def test_too_many_and_nonsense_are_told(client: Any) -> None:
    one = let()
    booking = booking_of_lease(one.lease.id)
    assert booking
    sign_in(client, one.manager)
    address = f"/bookings/{booking.id}/add-rooms"
    page = client.get(address)
    assert (page.status_code, "只剩 0 间" in page.text) == (409, True)
    key = hidden(page.text, "request_key")
    for form, words in (
        ({"count": "x"}, "不是整数"),
        ({"count": "501"}, "1 到 500"),
        ({"count": "1", "last_on": "2026-11-01"}, "早于第一天"),
        ({"count": "1", "starts_on": "2026-01-01"}, "已经过去"),
    ):
        answer = submit(client, address, request_key=key, **{**DAYS, **form})
        assert (answer.status_code, words in answer.text) == (422, True), form
    assert make.db.session.execute(select(func.count()).select_from(Hold)).scalar_one() == 0
