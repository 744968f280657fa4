"""Giving a room back and its deposit: the sheet both agree on, cases, the decision, the money."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from qiantang_nest.billing.models import DepositCase, DepositReturn
from qiantang_nest.billing.queries.deposits import deposit_of
from qiantang_nest.billing.rules import CaseKind
from qiantang_nest.billing.services import issue_due_bills, record_payment
from qiantang_nest.billing.services.deposits import decide_case, open_case, reply_to_case, return_deposit
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import InvalidValue, NotAllowed, WrongState
from qiantang_nest.core.invariants import broken_invariants
from qiantang_nest.occupancy.models import Handover, LeaseRoom
from qiantang_nest.occupancy.queries.handovers import rooms_work
from qiantang_nest.occupancy.rules import THINGS, Condition, Moment, Worse, worse_since
from qiantang_nest.occupancy.services.hand_over import Sheet, confirm_sheet, write_sheet
from tests import factories as make
from tests.conftest import sign_in
from tests.factories import NOW, TODAY
from tests.forms import submit

SHEET = Sheet(
    happened_on=TODAY - timedelta(days=1),
    electric_kwh=Decimal("1234.5"),
    water_m3=Decimal("60.0"),
    gas_m3=None,
    keys=2,
    inventory=dict.fromkeys(THINGS, "good"),
    note="",
)


class Ended:
    """A lease of one room that ended yesterday, nobody in it, deposit of 600 yuan paid."""

    def __init__(self, *, people: bool = False) -> None:
        self.villager, owner = make.make_villager()
        self.manager, enterprise = make.make_employer()
        self.lease = make.make_lease(
            enterprise, [make.make_room(make.make_house(owner))], date(2026, 8, 23), TODAY
        )
        self.room = make.db.session.query(LeaseRoom).filter_by(lease_id=self.lease.id).one()
        if people:
            make.make_stay(make.make_worker(enterprise, is_local=True), self.room)
        issue_due_bills(lease=self.lease, today=TODAY, actor=SYSTEM)
        record_payment(
            enterprise=enterprise,
            owner=owner,
            amount_fen=4 * 60_000,
            paid_on=TODAY,
            method="bank",
            actor=self.villager,
            now=NOW,
        )
        make.db.session.commit()

    def write(
        self, actor: Actor, sheet: Sheet = SHEET, *, seen: int = 0, moment: Moment = Moment.END
    ) -> Handover:
        with transaction():
            return write_sheet(
                lease_room=self.room,
                moment=moment,
                sheet=sheet,
                photo_names=[],
                seen_version=seen,
                actor=actor,
                today=TODAY,
                now=NOW,
            )

    def confirm(self, handover: Handover, actor: Actor, seen: int = 1) -> None:
        with transaction():
            confirm_sheet(handover=handover, seen_version=seen, actor=actor, now=NOW)

    def given_back(self) -> "Ended":
        self.confirm(self.write(self.villager), self.manager)
        return self

    def claim(self, fen: int, actor: Actor | None = None) -> DepositCase:
        with transaction():
            return open_case(
                lease_room=self.room,
                kind=CaseKind.DAMAGE,
                amount_fen=fen,
                what="空调遥控器",
                evidence_media=None,
                actor=actor or self.villager,
                today=TODAY,
                now=NOW,
            )

    def reply(self, case: DepositCase, actor: Actor, *, agrees: bool, on: date = TODAY) -> None:
        with transaction():
            reply_to_case(case=case, agrees=agrees, reply="不是我们弄的", actor=actor, today=on, now=NOW)

    def give_back(self, fen: int, actor: Actor | None = None, on: date = TODAY) -> DepositReturn:
        with transaction():
            return return_deposit(
                lease_room=self.room,
                shown_fen=fen,
                paid_on=on,
                method="bank",
                serial="",
                actor=actor or self.villager,
                today=on,
                now=NOW,
            )


# --- the sheet --------------------------------------------------------------------------------------


def test_a_sheet_is_agreed_by_both_and_ends_the_lease(db_session: Any) -> None:
    one = Ended()
    handover = one.write(one.villager)
    assert rooms_work(one.manager, TODAY).sheets == 1
    with pytest.raises(WrongState, match="您这一方"):
        one.confirm(handover, one.villager)
    with pytest.raises(WrongState, match="改了"):
        one.confirm(handover, one.manager, seen=7)
    one.confirm(handover, one.manager)
    assert (handover.agreed, one.lease.state, one.lease.ended_on) == (
        True,
        "ended",
        TODAY - timedelta(days=1),
    )
    with pytest.raises(WrongState, match="不能再改"):
        one.write(one.manager, seen=1)
    assert rooms_work(one.manager, TODAY).sheets == 0
    assert broken_invariants(make.db.session.connection(), now=NOW) == []


def test_writing_anew_asks_the_first_again(db_session: Any) -> None:
    one = Ended()
    handover = one.write(one.villager)
    with pytest.raises(WrongState, match="刷新"):
        one.write(one.manager)
    one.write(one.manager, replace(SHEET, keys=1), seen=1)
    assert (handover.version, handover.lessor_at, handover.lessee_at) == (2, None, NOW)
    one.confirm(handover, one.villager, seen=2)
    assert handover.agreed


def test_readings_days_and_people_are_checked(db_session: Any) -> None:
    one = Ended(people=True)
    with pytest.raises(WrongState, match="还有 1 人住着"):
        one.write(one.villager)
    assert rooms_work(one.manager, TODAY).held_over == 1
    one.write(one.villager, replace(SHEET, happened_on=date(2026, 8, 23)), moment=Moment.START)
    other = Ended()
    other.write(other.villager, replace(SHEET, happened_on=date(2026, 8, 23)), moment=Moment.START)
    assert rooms_work(other.villager, TODAY).held_over == 1
    with pytest.raises(InvalidValue, match="变小了"):
        other.write(other.villager, replace(SHEET, electric_kwh=Decimal("1.0")))
    with pytest.raises(InvalidValue, match="还没有到"):
        other.write(other.villager, replace(SHEET, happened_on=TODAY + timedelta(days=1)))
    with pytest.raises(NotAllowed):
        other.write(make.make_clerk())


def test_what_got_worse_is_named() -> None:
    start = dict.fromkeys(THINGS, "good") | {"window": "broken"}
    end = start | {"lamps": "broken", "walls": "worn", "lock": "absent"}
    assert worse_since(start, end) == [
        Worse("lamps", Condition.GOOD, Condition.BROKEN),
        Worse("lock", Condition.GOOD, Condition.ABSENT),
    ]


# --- the deposit ------------------------------------------------------------------------------------


def test_without_a_case_all_of_it_goes_back_once(db_session: Any) -> None:
    one = Ended().given_back()
    deposit = deposit_of(one.room, TODAY)
    assert (deposit.held_fen, deposit.back_fen) == (60_000, 60_000)
    assert deposit.due_on == TODAY + timedelta(days=6)
    with pytest.raises(NotAllowed):
        one.give_back(60_000, one.manager)
    with pytest.raises(WrongState, match="刚才变了"):
        one.give_back(50_000)
    made = one.give_back(60_000)
    assert (made.paid_fen, made.deducted_fen) == (60_000, 0)
    with pytest.raises(WrongState, match="已经登记退过"):
        one.give_back(60_000)
    assert broken_invariants(make.db.session.connection(), now=NOW) == []


def test_an_agreed_and_a_decided_case_are_kept(db_session: Any) -> None:
    one = Ended().given_back()
    first, second = one.claim(6_000), one.claim(10_000)
    with pytest.raises(WrongState, match="2 笔扣款没有结果"):
        one.give_back(44_000)
    one.reply(first, one.manager, agrees=True)
    one.reply(second, one.manager, agrees=False)
    clerk = make.make_clerk()
    make.db.session.commit()
    with pytest.raises(NotAllowed), transaction():
        decide_case(case=second, decided_fen=1, decision="x", actor=one.villager, now=NOW)
    with pytest.raises(InvalidValue), transaction():
        decide_case(case=second, decided_fen=10_001, decision="x", actor=clerk, now=NOW)
    with transaction():
        decide_case(case=second, decided_fen=3_000, decision="各担一半", actor=clerk, now=NOW)
    made = one.give_back(51_000)
    assert (made.paid_fen, made.deducted_fen) == (51_000, 9_000)
    assert broken_invariants(make.db.session.connection(), now=NOW) == []


def test_silence_past_the_window_is_agreement(db_session: Any) -> None:
    one = Ended().given_back()
    case = one.claim(6_000)
    late = TODAY + timedelta(days=4)
    assert deposit_of(one.room, TODAY + timedelta(days=3)).unsettled == 1
    with pytest.raises(WrongState):
        one.reply(case, one.manager, agrees=False, on=late)
    assert one.give_back(54_000, on=late).deducted_fen == 6_000
    assert broken_invariants(make.db.session.connection(), now=NOW) == []


def test_no_more_is_kept_than_is_held_and_not_before_the_sheet(db_session: Any) -> None:
    one = Ended()
    with pytest.raises(WrongState, match="交割单"):
        one.claim(6_000)
    one.given_back()
    one.claim(50_000)
    with pytest.raises(InvalidValue, match=r"100\.00"):
        one.claim(10_001)
    with pytest.raises(NotAllowed):
        one.claim(1, one.manager)


# --- the pages --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_now")
def test_the_way_from_keys_to_the_deposit(client: Any) -> None:
    one = Ended()
    address = f"/lease-rooms/{one.room.id}/handover/end"
    sign_in(client, one.villager)
    form = {"happened_on": "2026-11-22", "electric_kwh": "1234.5", "keys": "2", "seen": "0"}
    things = dict.fromkeys(THINGS, "good")
    for wrong, words in (
        ({"electric_kwh": "很多"}, "不是读数"),
        ({"keys": "100"}, "0 到 99"),
        ({"happened_on": "2026-11-30"}, "还没有到"),
        ({"walls": "漏"}, "walls"),
    ):
        answer = submit(client, address, **{**things, **form, **wrong})
        assert (answer.status_code, words in answer.text) == (422, True), wrong
    assert submit(client, address, **things, **form).status_code == 303
    assert "等一方确认" in client.get(address).text
    sheet = make.db.session.query(Handover).one()

    sign_in(client, one.manager)
    assert "写得对，确认" in client.get(address).text
    assert submit(client, f"/handovers/{sheet.id}/confirm", seen="1").status_code == 303
    assert "两边都确认了" in client.get(address).text

    sign_in(client, one.villager)
    deposit = f"/lease-rooms/{one.room.id}/deposit"
    page = submit(client, f"{deposit}/case", kind="damage", amount="60", what="遥控器")
    assert page.status_code == 303
    assert submit(client, f"{deposit}/case", kind="rent", amount="60", what="x").status_code == 422
    assert submit(client, f"{deposit}/case", kind="damage", amount="999", what="x").status_code == 422
    case = make.db.session.query(DepositCase).one()
    sign_in(client, one.manager)
    assert "答复这一笔" in client.get(deposit).text
    assert submit(client, f"/deposit-cases/{case.id}/reply", agrees="no").status_code == 422
    assert submit(client, f"/deposit-cases/{case.id}/reply", agrees="yes").status_code == 303
    sign_in(client, one.villager)
    assert 'value="54000"' in client.get(f"{deposit}/return").text
    form = {"paid_on": "2026-11-23", "method": "bank", "shown": "54000"}
    assert submit(client, f"{deposit}/return", **{**form, "paid_on": "2026-12-23"}).status_code == 422
    assert submit(client, f"{deposit}/return", **form).status_code == 303
    assert "押金两清" in client.get(deposit).text


@pytest.mark.usefixtures("at_now")
def test_rooms_held_over_are_asked_about(client: Any) -> None:
    one = Ended(people=True)
    sign_in(client, one.manager)
    page = client.get("/rooms-due-back").text
    assert one.lease.number in page
    assert "过了 1 天" in page
    assert "到期没交还的房" in client.get("/").text
    assert "没有到期没交还的房" in sign_in(client, make.make_employer()[0]).get("/rooms-due-back").text
