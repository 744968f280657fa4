"""The pages of changes: what they show, what they send, what they refuse."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from qiantang_nest.bookings.rules.changes import ChangeKind
from qiantang_nest.core.db import transaction
from qiantang_nest.notifications.models import Message
from qiantang_nest.occupancy.models import Lease, LeaseChange, LeaseRoom
from qiantang_nest.occupancy.services.contract import ensure_document
from tests import factories as make
from tests.bookings.test_lease_changes import (
    ENDS,
    Let,
    ask,
    coming,
    elsewhere,
    ending,
    last_code,
    let,
    other_room,
)
from tests.conftest import sign_in
from tests.factories import TODAY
from tests.forms import submit

pytestmark = pytest.mark.usefixtures("at_now")


def digest_in(page: str) -> str:
    found = re.search(r'name="shown"[^>]*value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


def changes(one: Let) -> list[LeaseChange]:
    make.db.session.expire_all()
    return list(
        make.db.session.execute(select(LeaseChange).where(LeaseChange.lease_id == one.lease.id)).scalars()
    )


def test_ending_shows_what_it_does_and_does_it(client: Any) -> None:
    one = let(notice_days=5)
    rooms = [room.id for room in one.rooms]
    sign_in(client, one.manager)
    page = client.get(f"/leases/{one.lease.id}/end").text
    assert 'value="2026-11-28"' in page
    assert "先算一算" in page
    address = f"/leases/{one.lease.id}/end"
    form = {"rooms": rooms, "last_on": "2026-11-29"}
    page = submit(client, address, show="1", **form)
    assert page.status_code == 200
    assert "400.00" in page.text
    assert "800.00" in page.text
    assert "就这样退" in page.text
    assert changes(one) == []
    answer = submit(client, address, shown=digest_in(page.text), reason="订单少了", **form)
    (change,) = changes(one)
    assert answer.location == f"/lease-changes/{change.id}"
    assert "改好了" in client.get(answer.location).text
    bill = one.bills()[-1]
    assert "代替作废的账单" in client.get(f"/bills/{bill.id}").text
    assert "重新出的账单" in client.get(f"/bills/{bill.replaces_id}").text
    assert "提前退房" in client.get(f"/leases/{one.lease.id}").text


def test_a_change_that_was_not_shown_is_shown_first(client: Any) -> None:
    one = let(notice_days=5)
    sign_in(client, one.manager)
    form = {"rooms": [one.rooms[0].id], "last_on": "2026-11-29", "reason": "订单少了"}
    answer = submit(client, f"/leases/{one.lease.id}/end", shown="0" * 64, **form)
    assert answer.status_code == 409
    assert "和您看到的不一样" in answer.text
    assert changes(one) == []
    answer = submit(client, f"/leases/{one.lease.id}/end", **{**form, "shown": digest_in(answer.text)})
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"last_on": "2026-12-01"}, "请至少选一间房"),
        ({"rooms": "x", "last_on": "2026-12-01"}, "rooms"),
        ({"rooms": 0, "last_on": "2026-12-01"}, "rooms"),
        ({"rooms": "own", "last_on": "昨天"}, "不是一个日期"),
        ({"rooms": "own", "last_on": "2026-01-01"}, "已经过去"),
        ({"rooms": "own", "last_on": "2026-12-01"}, "请写一句原因"),
    ],
)
def test_bad_input_is_told_at_its_field(client: Any, form: dict[str, Any], words: str) -> None:
    one = let(notice_days=5)
    if form.get("rooms") == "own":
        form = {**form, "rooms": one.rooms[0].id}
    sign_in(client, one.manager)
    answer = submit(client, f"/leases/{one.lease.id}/end", **form)
    assert answer.status_code == 422
    assert words in answer.text
    assert changes(one) == []


def test_an_extension_is_asked_and_answered(client: Any) -> None:
    one = let()
    sign_in(client, one.manager)
    address = f"/leases/{one.lease.id}/extend"
    page = client.get(address).text
    assert 'value="2027-12-09"' in page
    form = {"rooms": [room.id for room in one.rooms], "last_on": "2027-12-09", "reason": "订单多"}
    assert submit(client, address, shown=digest_in(page), **form).status_code == 303
    (change,) = changes(one)
    told = make.db.session.execute(
        select(Message).where(
            Message.user_id == one.villager.user_id, Message.kind == "bookings.change_asked"
        )
    ).scalar_one()
    assert told.url == f"/lease-changes/{change.id}"
    assert "等答复" in client.get(told.url).text

    sign_in(client, one.villager)
    page = client.get(told.url).text
    assert "同意了会怎样" in page
    address = f"/lease-changes/{change.id}/answer"
    assert submit(client, address).status_code == 422
    assert submit(client, address, answer="no").status_code == 422
    stale = submit(client, address, answer="yes", shown="0" * 64)
    assert (stale.status_code, "和您看到的不一样" in stale.text) == (409, True)
    assert submit(client, address, answer="yes", shown=digest_in(stale.text)).status_code == 303
    make.db.session.expire_all()
    assert one.lease.ends_on == ENDS + timedelta(days=91)
    assert submit(client, address, answer="yes", shown=digest_in(stale.text)).status_code == 409


def test_a_room_taken_meanwhile_is_named_on_the_page(client: Any) -> None:
    one = let()
    change = ask(one, one.wanted(ChangeKind.EXTEND, ENDS + timedelta(days=30)))
    make.make_claim(one.rooms[0].room, ENDS, ENDS + timedelta(days=9), "closed", reason="维修")
    make.db.session.commit()
    sign_in(client, one.villager)
    page = client.get(f"/lease-changes/{change.id}").text
    answer = submit(client, f"/lease-changes/{change.id}/answer", answer="yes", shown=digest_in(page))
    assert answer.status_code == 422
    assert f"{one.rooms[0].room.label} 从 {ENDS.isoformat()}" in answer.text


def test_a_swap_offers_free_rooms_of_the_household(client: Any) -> None:
    one = let()
    sign_in(client, one.manager)
    address = f"/leases/{one.lease.id}/swap"
    assert "没有别的空房上架" in client.get(address).text
    room_id = other_room(one)
    page = client.get(address).text
    form = {"room": one.rooms[0].id, "other": room_id, "first_on": TODAY.isoformat(), "reason": "漏水"}
    assert submit(client, address, shown=digest_in(page), **form).status_code == 303
    foreign = make.make_listing().room_id
    make.db.session.commit()
    answer = submit(client, address, **{**form, "other": foreign, "shown": digest_in(page)})
    assert answer.status_code == 422


def test_the_asker_withdraws(client: Any) -> None:
    one = let()
    change = ask(one, one.wanted(ChangeKind.EXTEND, ENDS + timedelta(days=30)))
    sign_in(client, one.villager)
    assert submit(client, f"/lease-changes/{change.id}/withdraw").status_code == 409
    sign_in(client, one.manager)
    assert "撤回这个变更" in client.get(f"/lease-changes/{change.id}").text
    assert submit(client, f"/lease-changes/{change.id}/withdraw").status_code == 303
    assert [one.state for one in changes(one)] == ["withdrawn"]


@pytest.mark.breaks_invariants("a lease that was billed becomes a draft again")
def test_a_draft_is_not_changed(client: Any) -> None:
    one = let()
    make.take_back_to_draft(one.lease)
    sign_in(client, one.manager)
    answer = client.get(f"/leases/{one.lease.id}/end")
    assert answer.status_code == 409
    assert "还没有签好" in answer.text


def test_a_booking_shows_its_leases_rooms_and_changes(client: Any) -> None:
    one = let(notice_days=5)
    ask(one, one.wanted(ChangeKind.END, TODAY + timedelta(days=6), 0))
    sign_in(client, one.manager)
    answer = client.get(f"/leases/{one.lease.id}/booking")
    page = client.get(answer.location).text
    assert one.lease.number in page
    assert "提前退房" in page
    assert one.lease.number not in client.get("/bookings").text
    assert answer.location in client.get("/bookings").text
    stranger, _enterprise = make.make_employer()
    sign_in(client, stranger)
    assert client.get(answer.location).status_code == 404
    assert "还没有预订" in client.get("/bookings").text


def test_the_clerk_acts_only_with_the_households_word(client: Any) -> None:
    one = let()
    change = ask(one, one.wanted(ChangeKind.EXTEND, ENDS + timedelta(days=30)))
    clerk = make.make_clerk()
    sign_in(client, clerk)
    page = client.get(f"/lease-changes/{change.id}").text
    assert "还没有委托村里代办" in page
    form = {"answer": "yes", "shown": digest_in(page)}
    assert submit(client, f"/lease-changes/{change.id}/answer", **form).status_code == 403
    make.make_consent(one.lease.owner)
    make.db.session.commit()
    assert submit(client, f"/lease-changes/{change.id}/answer", **form).status_code == 303
    (made,) = changes(one)
    assert (made.state, made.decided_for) == ("done", one.lease.owner_id)
    assert "受 沈桂珍 委托答复" in client.get(f"/lease-changes/{change.id}").text
    room = make.db.session.execute(select(LeaseRoom).where(LeaseRoom.lease_id == one.lease.id).limit(1))
    assert room.scalar_one().ends_on == ENDS + timedelta(days=31)


def test_a_sister_firm_takes_over(client: Any) -> None:
    one = let()
    sister, firm = make.make_employer()
    make.db.session.commit()
    sign_in(client, one.manager)
    address = f"/leases/{one.lease.id}/transfer"
    form = {"uscc": firm.uscc, "first_on": "2026-12-01", "reason": "调到新厂"}
    for uscc in ("9133", one.lease.enterprise.uscc):
        assert submit(client, address, show="1", **{**form, "uscc": uscc}).status_code == 422
    page = submit(client, address, show="1", **form)
    assert firm.name in page.text
    assert submit(client, address, shown=digest_in(page.text), **form).status_code == 303
    (change,) = changes(one)
    sign_in(client, sister)
    page = client.get(f"/lease-changes/{change.id}").text
    assert "答应接手" in page
    assert one.stays[0].worker.name not in page
    assert submit(client, f"/lease-changes/{change.id}/take").status_code == 303
    sign_in(client, one.villager)
    page = client.get(f"/lease-changes/{change.id}").text
    sent = submit(client, f"/lease-changes/{change.id}/answer", answer="yes", shown=digest_in(page))
    assert sent.status_code == 303
    sign_in(client, sister)
    assert client.get("/bookings").text.count("/bookings/") >= 1


def test_an_extension_names_another_rent(client: Any) -> None:
    one = let()
    sign_in(client, one.manager)
    address = f"/leases/{one.lease.id}/extend"
    rooms = [room.id for room in one.rooms]
    names = [f"rent_{room_id}" for room_id in rooms]
    form: dict[str, Any] = {"rooms": rooms, "last_on": "2027-12-09", "reason": "订单多"}
    for wrong, words in (("0.5", "不在"), ("六百", "不是"), ("1000000", "不在")):
        answer = submit(client, address, show="1", **{**form, names[0]: wrong})
        assert (answer.status_code, words in answer.text) == (422, True), wrong
    written = {names[0]: "650", names[1]: ""}
    page = submit(client, address, show="1", **form, **written).text
    assert "1,250.00" in page
    assert submit(client, address, shown=digest_in(page), **form, **written).status_code == 303
    (change,) = changes(one)
    assert change.terms["rents"] == [[rooms[0], 65_000]]
    sign_in(client, one.villager)
    page = client.get(f"/lease-changes/{change.id}").text
    assert "650.00" in page
    sent = submit(client, f"/lease-changes/{change.id}/answer", answer="yes", shown=digest_in(page))
    assert sent.status_code == 303
    assert "2027-09-10 起 650.00" in client.get(f"/leases/{one.lease.id}").text
    assert "2027-09-10 起 650.00" in client.get(f"/leases/{one.lease.id}/booking", follow_redirects=True).text


def test_rooms_are_given_up_before_the_first_day(client: Any) -> None:
    one = coming(TODAY + timedelta(days=5), notice_days=3)
    sign_in(client, one.manager)
    assert "起租前退掉" in client.get(f"/leases/{one.lease.id}").text
    address = f"/leases/{one.lease.id}/release"
    assert submit(client, address, show="1").status_code == 422
    form = {"rooms": [one.rooms[0].id], "reason": "少来几个人"}
    page = submit(client, address, show="1", **form).text
    assert "不租了" in page
    assert "收 ¥600.00" in page
    assert submit(client, address, shown=digest_in(page), **form).status_code == 303
    form = {"rooms": [one.rooms[1].id], "reason": "都不来了"}
    page = submit(client, address, show="1", **form).text
    assert "整份不再生效" in page
    assert submit(client, address, shown=digest_in(page), **form).status_code == 303
    page = client.get(f"/leases/{one.lease.id}").text
    assert "起租前退掉了" in page
    assert "都不来了" in page
    assert client.get(f"/leases/{one.lease.id}/booking", follow_redirects=True).status_code == 200
    sign_in(client, one.villager)
    assert client.get(f"/leases/{one.lease.id}").status_code == 200
    running = let()
    sign_in(client, running.manager)
    assert "起租前退掉" not in client.get(f"/leases/{running.lease.id}").text
    form = {"rooms": [running.rooms[0].id], "reason": "x"}
    assert submit(client, f"/leases/{running.lease.id}/release", **form).status_code == 422


def test_a_room_of_another_household_is_signed_for_and_taken(client: Any) -> None:
    one = let()
    sign_in(client, one.manager)
    address = f"/leases/{one.lease.id}/relocate"
    assert "同村别家在这些天没有空房" in client.get(address).text
    neighbour, room_id = elsewhere()
    form = {"room": one.rooms[0].id, "other": room_id, "first_on": TODAY.isoformat(), "reason": "屋顶漏水"}
    page = submit(client, address, show="1", **form).text
    assert "新房和新合同" in page
    assert "700.00" in page
    assert "离原来约" in page
    assert submit(client, address, shown=digest_in(page), **form).status_code == 303
    (change,) = changes(one)
    lease = make.db.session.get_one(Lease, change.new_lease_id)
    page = client.get(f"/lease-changes/{change.id}").text
    assert lease.number in page
    assert "撤回这个变更" in page
    sign_in(client, neighbour)
    assert client.get(f"/lease-changes/{change.id}").status_code == 404
    assert "1 人从 2026-11-23 起搬过来" in client.get(f"/leases/{lease.id}/sign").text
    sign_in(client, one.villager)
    assert client.get(f"/leases/{lease.id}").status_code == 404
    assert "换到别家" in client.get("/").text
    page = client.get(f"/lease-changes/{change.id}").text
    sent = submit(client, f"/lease-changes/{change.id}/answer", answer="yes", shown=digest_in(page))
    assert "新合同两边签好" in client.get(sent.location).text
    assert "答应放这间房了" in client.get(f"/lease-changes/{change.id}").text
    for actor in (neighbour, one.manager):
        sign_in(client, actor)
        submit(client, f"/leases/{lease.id}/sign", send="1")
        with transaction():
            document = ensure_document(lease)
        answer = submit(client, f"/leases/{lease.id}/sign", document=document, code=last_code())
        assert answer.status_code == 303, answer.text
    (made,) = changes(one)
    assert made.state == "done"
    page = client.get(f"/lease-changes/{change.id}").text
    assert "两边签好了" in page
    assert "换到别家" in client.get(f"/leases/{one.lease.id}").text
    bill = one.bills()[-1]
    assert "换到别家" in client.get(f"/bills/{bill.id}").text


def test_agreed_actual_and_billed_days_stand_apart_and_holding_over_is_asked_about(client: Any) -> None:
    one = ending(date(2026, 11, 20))
    make.make_handover(
        one.rooms[0],
        "start",
        happened_on=date(2026, 9, 12),
        lessee_at=make.NOW,
        lessee_by=one.manager.user_id,
    )
    clerk = make.make_clerk()
    make.db.session.commit()
    for actor in (one.manager, one.villager, clerk):
        sign_in(client, actor)
        page = client.get(f"/leases/{one.lease.id}/booking", follow_redirects=True).text
        assert "2026-11-19" in page
        assert "2026-09-12 交房" in page
        assert "账单出到" in page
        assert "到期了还没交还" in client.get(f"/leases/{one.lease.id}").text
        assert "到期没交还" in client.get("/", follow_redirects=True).text
        assert one.lease.number in client.get("/rooms-due-back").text
