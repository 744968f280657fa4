"""Payments: what counts when, what it settles, and that nothing counts twice."""

import uuid
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from qiantang_nest.billing.models import Bill, Payment, Receipt
from qiantang_nest.billing.services import (
    confirm_payment,
    issue_due_bills,
    record_payment,
    reject_payment,
    reverse_payment,
)
from qiantang_nest.billing.services.payments import ConsentMissing, PaidInFuture
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import NotAllowed, WrongState
from qiantang_nest.core.invariants import broken_invariants
from qiantang_nest.ledger.queries import balance
from qiantang_nest.occupancy.models import Lease
from tests import factories as make

pytestmark = pytest.mark.usefixtures("db_session")


@pytest.fixture(autouse=True)
def _nothing_false(db_session: object) -> Iterator[None]:
    yield
    db.session.flush()
    assert broken_invariants(db.session.connection(), now=make.NOW) == []


class Scene:
    """A lease since 1 October with two months of 600 yuan and a deposit of 600 billed."""

    def __init__(self) -> None:
        self.villager, self.owner = make.make_villager()
        self.employer, self.enterprise = make.make_employer()
        room = make.make_room(make.make_house(self.owner))
        self.lease: Lease = make.make_lease(self.enterprise, [room], date(2026, 10, 1), date(2027, 10, 1))
        issue_due_bills(lease=self.lease, today=make.TODAY, actor=SYSTEM)

    def bills(self) -> list[Bill]:
        query = select(Bill).where(Bill.lease_id == self.lease.id).order_by(Bill.seq)
        return list(db.session.execute(query).scalars())

    def pay(self, fen: int, actor: Actor | None = None, **fields: object) -> Payment:
        values: dict[str, object] = {"paid_on": make.TODAY, "method": "bank", "now": make.NOW, **fields}
        return record_payment(
            enterprise=self.enterprise,
            owner=self.owner,
            amount_fen=fen,
            actor=actor or self.villager,
            **values,  # type: ignore[arg-type]
        )

    def balance(self, account: str) -> int:
        return balance(payer_id=self.enterprise.id, payee_id=self.owner.id, account=account)

    def paid(self) -> list[int]:
        return [bill.paid_fen for bill in self.bills()]


@pytest.fixture
def scene(db_session: object) -> Scene:
    return Scene()


def test_what_the_payee_records_counts_at_once(scene: Scene) -> None:
    payment = scene.pay(60_000, serial="20261123001")
    assert payment.state == "confirmed"
    # Deposit and first month fall due together; equals share by what they owe.
    assert scene.paid() == [30_000, 30_000, 0]
    assert (scene.balance("bank"), scene.balance("receivable"), scene.balance("deposit_due")) == (
        60_000,
        90_000,
        30_000,
    )
    receipt = db.session.execute(select(Receipt)).scalar_one()
    assert (receipt.number, receipt.issued_on) == ("SJ-202611-000001", make.TODAY)


def test_the_debtor_chooses(scene: Scene) -> None:
    deposit, first, second = scene.bills()
    payment = scene.pay(70_000, chosen_bill_ids=[second.id])
    assert scene.paid() == [5_000, 5_000, 60_000]
    assert payment.unallocated_fen == 0
    assert (deposit.kind, first.kind) == ("deposit", "rent")


def test_over_payment_is_credit_and_settles_the_next_bill(scene: Scene) -> None:
    payment = scene.pay(200_000)
    assert payment.unallocated_fen == 20_000
    assert scene.balance("credit") == -20_000
    issue_due_bills(lease=scene.lease, today=make.TODAY + timedelta(days=1), actor=SYSTEM)
    assert scene.paid() == [60_000, 60_000, 60_000, 20_000]
    assert payment.unallocated_fen == 0
    assert scene.balance("credit") == 0
    assert scene.balance("receivable") == 40_000


def test_what_the_employer_records_waits_for_the_payee(scene: Scene) -> None:
    payment = scene.pay(60_000, scene.employer)
    assert (payment.state, scene.paid(), scene.balance("bank")) == ("claimed", [0, 0, 0], 0)
    receipt = confirm_payment(payment=payment, actor=scene.villager, now=make.NOW)
    assert receipt.number == "SJ-202611-000001"
    assert sum(scene.paid()) == 60_000
    with pytest.raises(WrongState, match="已经确认"):
        confirm_payment(payment=payment, actor=scene.villager, now=make.NOW)
    assert sum(scene.paid()) == 60_000


def test_the_payee_says_it_did_not_arrive(scene: Scene) -> None:
    payment = scene.pay(60_000, scene.employer, serial="A1")
    reject_payment(payment=payment, reason="卡里没有这笔", actor=scene.villager, now=make.NOW)
    assert (payment.state, payment.reject_reason, scene.paid()) == ("rejected", "卡里没有这笔", [0, 0, 0])
    # The serial is free again, for the transfer that does arrive.
    assert scene.pay(60_000, scene.employer, serial="A1").state == "claimed"


def test_a_payment_by_mistake_is_reversed_and_stays(scene: Scene) -> None:
    payment = scene.pay(200_000)
    reverse_payment(payment=payment, reason="记成了别家的", actor=scene.villager, now=make.NOW)
    assert scene.paid() == [0, 0, 0]
    assert (scene.balance("bank"), scene.balance("credit")) == (0, 0)
    receipt = db.session.execute(select(Receipt)).scalar_one()
    assert receipt.voided_at is not None
    with pytest.raises(WrongState):
        reverse_payment(payment=payment, reason="再来", actor=scene.villager, now=make.NOW)


def test_credit_fills_what_a_reversal_reopens(scene: Scene) -> None:
    first = scene.pay(100_000)
    second = scene.pay(100_000)
    assert second.unallocated_fen == 20_000
    reverse_payment(payment=first, reason="重复记了", actor=scene.villager, now=make.NOW)
    assert second.unallocated_fen == 0
    assert sum(scene.paid()) == 100_000


def test_the_same_page_sent_twice_is_one_payment(scene: Scene) -> None:
    key = uuid.uuid4()
    first = scene.pay(60_000, request_key=key)
    assert scene.pay(60_000, request_key=key).id == first.id
    assert sum(scene.paid()) == 60_000
    with pytest.raises(WrongState, match="已经记过"):
        scene.pay(61_000, request_key=key)


def test_uq_payment_serial(scene: Scene) -> None:
    scene.pay(60_000, serial="A1")
    with pytest.raises(IntegrityError, match="uq_payment_serial"), db.session.begin_nested():
        scene.pay(60_000, serial="A1")


def test_a_clerk_needs_the_households_word(scene: Scene) -> None:
    clerk = make.make_clerk()
    with pytest.raises(ConsentMissing):
        scene.pay(60_000, clerk)
    make.make_consent(scene.owner)
    payment = scene.pay(60_000, clerk)
    assert (payment.state, payment.on_behalf_of) == ("confirmed", scene.owner.id)


def test_nobody_pays_tomorrow_or_for_another_firm(scene: Scene) -> None:
    with pytest.raises(PaidInFuture):
        scene.pay(60_000, paid_on=make.TODAY + timedelta(days=1))
    stranger, _firm = make.make_employer()
    with pytest.raises(NotAllowed):
        scene.pay(60_000, stranger)


def test_pairs_do_not_mix(scene: Scene) -> None:
    other = Scene()
    scene.pay(200_000)
    assert other.paid() == [0, 0, 0]


def test_a_broken_row_is_found(db_session: object, scene: Scene) -> None:
    scene.pay(60_000)
    bill = scene.bills()[0]
    bill.paid_fen -= 1
    db.session.flush()
    assert {broken.name[:2] for broken in broken_invariants(db.session.connection(), now=make.NOW)} == {
        "L3",
        "L6",
    }
    bill.paid_fen += 1
