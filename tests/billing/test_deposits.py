"""Giving a room back and its deposit: the sheet both agree on, cases, the decision, the money."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from qiantang_nest.billing.models import Bill, DepositCase, DepositReturn, Payment
from qiantang_nest.billing.queries.deposits import deposit_of
from qiantang_nest.billing.queries.rent import rent_now
from qiantang_nest.billing.rules import CaseKind
from qiantang_nest.billing.services import issue_due_bills, record_payment, reverse_payment
from qiantang_nest.billing.services.deposits import decide_case, open_case, reply_to_case, return_deposit
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import InvalidValue, NotAllowed, WrongState
from qiantang_nest.ledger.queries import balance
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

    def __init__(self, *, people: bool = False, paid_fen: int = 4 * 60_000) -> None:
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
            amount_fen=paid_fen,
            chosen_bill_ids=make.db.session.execute(
                select(Bill.id).where(Bill.lease_id == self.lease.id).order_by(Bill.seq)
            )
            .scalars()
            .all(),
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

    def claim(self, fen: int, actor: Actor | None = None, kind: CaseKind = CaseKind.DAMAGE) -> DepositCase:
        with transaction():
            return open_case(
                lease_room=self.room,
                kind=kind,
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


def test_silence_past_the_window_is_agreement(db_session: Any) -> None:
    one = Ended().given_back()
    case = one.claim(6_000)
    late = TODAY + timedelta(days=4)
    assert deposit_of(one.room, TODAY + timedelta(days=3)).unsettled == 1
    with pytest.raises(WrongState):
        one.reply(case, one.manager, agrees=False, on=late)
    assert one.give_back(54_000, on=late).deducted_fen == 6_000


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


def test_open_rent_is_paid_by_the_deposit_and_the_rest_goes_back(db_session: Any) -> None:
    one = Ended(paid_fen=200_000).given_back()  # the deposit and 1,400.00 of 1,800.00 rent
    with pytest.raises(InvalidValue, match=r"还欠 ¥400\.00"):
        one.claim(40_001, kind=CaseKind.RENT)
    rent, damage = one.claim(40_000, kind=CaseKind.RENT), one.claim(5_000)
    for case in (rent, damage):
        one.reply(case, one.manager, agrees=True)
    deposit = deposit_of(one.room, TODAY)
    assert (deposit.kept_fen, deposit.rent_fen, deposit.back_fen) == (5_000, 40_000, 15_000)
    made = one.give_back(15_000)
    assert (made.deducted_fen, made.rent_fen, made.paid_fen) == (5_000, 40_000, 15_000)
    assert deposit_of(one.room, TODAY).open_rent == []
    payment = make.db.session.get_one(Payment, made.rent_payment_id)
    assert (payment.method, payment.state, payment.unallocated_fen) == ("deposit", "confirmed", 0)
    pair = {"payer_id": one.lease.enterprise_id, "payee_id": one.lease.owner_id}
    assert balance(account="receivable", **pair) == 0
    assert balance(account="deposit_held", **pair) == 0
    assert balance(account="bank", **pair) == 200_000 - 15_000
    assert rent_now(one.villager, TODAY).arrived_fen == 200_000
    with pytest.raises(WrongState, match="不能冲回"), transaction():
        reverse_payment(payment=payment, reason="记错了", actor=one.villager, now=NOW)


def test_rent_paid_meanwhile_is_not_taken_from_the_deposit(db_session: Any) -> None:
    one = Ended(paid_fen=200_000).given_back()
    one.reply(one.claim(40_000, kind=CaseKind.RENT), one.manager, agrees=True)
    with transaction():
        record_payment(
            enterprise=one.lease.enterprise,
            owner=one.lease.owner,
            amount_fen=30_000,
            paid_on=TODAY,
            method="cash",
            actor=one.villager,
            now=NOW,
        )
    with pytest.raises(WrongState, match="刚才变了"):
        one.give_back(20_000)
    made = one.give_back(50_000)
    assert (made.rent_fen, made.paid_fen) == (10_000, 50_000)


def test_two_rooms_pay_no_more_rent_than_is_owed(db_session: Any) -> None:
    """What one room is to pay the other can no longer be asked for; a deposit pays at most what it holds."""
    villager, owner = make.make_villager()
    manager, enterprise = make.make_employer()
    house = make.make_house(owner)
    lease = make.make_lease(
        enterprise, [make.make_room(house), make.make_room(house)], date(2026, 8, 23), TODAY
    )
    issue_due_bills(lease=lease, today=TODAY, actor=SYSTEM)
    deposit_bill = make.db.session.execute(select(Bill.id).where(Bill.kind == "deposit")).scalar_one()
    record_payment(
        enterprise=enterprise,
        owner=owner,
        amount_fen=120_000 + 3 * 120_000 - 70_000,
        paid_on=TODAY,
        method="bank",
        chosen_bill_ids=[deposit_bill],
        actor=villager,
        now=NOW,
    )
    make.db.session.commit()
    ones = []
    for room in make.db.session.query(LeaseRoom).filter_by(lease_id=lease.id).order_by(LeaseRoom.id):
        one = Ended.__new__(Ended)
        one.villager, one.manager, one.lease, one.room = villager, manager, lease, room
        ones.append(one.given_back())
    first, second = ones
    with pytest.raises(InvalidValue, match="最多还能扣"):
        first.claim(60_001, kind=CaseKind.RENT)
    first.reply(first.claim(60_000, kind=CaseKind.RENT), manager, agrees=True)
    with pytest.raises(InvalidValue, match=r"最多还能从押金里抵 ¥100\.00"):
        second.claim(10_001, kind=CaseKind.RENT)
    second.reply(second.claim(10_000, kind=CaseKind.RENT), manager, agrees=True)
    assert first.give_back(0).rent_fen == 60_000
    assert second.give_back(50_000).rent_fen == 10_000


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


@pytest.mark.usefixtures("at_now")
def test_both_sides_see_the_rent_a_deposit_paid(client: Any) -> None:
    one = Ended(paid_fen=200_000).given_back()
    sign_in(client, one.villager)
    deposit = f"/lease-rooms/{one.room.id}/deposit"
    assert "还欠着的租金" in client.get(deposit).text
    assert submit(client, f"{deposit}/case", kind="rent", amount="500", what="十月").status_code == 422
    assert submit(client, f"{deposit}/case", kind="rent", amount="400", what="十月").status_code == 303
    case = make.db.session.query(DepositCase).one()
    one.reply(case, one.manager, agrees=True)
    page = client.get(f"{deposit}/return").text
    assert 'value="20000"' in page
    assert "抵租金" in page
    form = {"paid_on": "2026-11-23", "method": "bank", "shown": "20000"}
    assert submit(client, f"{deposit}/return", **form).status_code == 303
    bill = make.db.session.query(Bill).filter_by(kind="rent").order_by(Bill.due_on.desc()).first()
    for side in (one.villager, one.manager):
        sign_in(client, side)
        assert "从押金里抵了 ¥400.00 租金" in client.get(deposit).text
        assert "从押金里抵" in client.get(f"/bills/{bill.id}").text
    payment = make.db.session.query(Payment).filter_by(method="deposit").one()
    sign_in(client, one.villager)
    assert "冲回" not in client.get(f"/payments/{payment.id}").text
    assert submit(client, f"/payments/{payment.id}/reverse", reason="x").status_code == 409
