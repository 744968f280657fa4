"""Which bills a sum settles: the one way by which ``paid_fen`` changes.

Accounts: a rent bill is ``receivable`` against ``rent_income``, a deposit bill ``deposit_due`` against
``deposit_held``, which also pays rent that is open when the deposit is settled. Money that arrives is
``bank`` against whatever it settles; what is left over is ``bank`` against ``credit``, and goes from
``credit`` to the next bill of the pair by itself, when that bill is issued.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from sqlalchemy import select

from qiantang_nest.billing import rules
from qiantang_nest.billing.models import Bill, Payment, PaymentAllocation
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.ledger import services as ledger


def lock_open_bills(*, enterprise_id: int, owner_id: int) -> Sequence[Bill]:
    """The pair's bills not yet paid, locked in id order and read afresh."""
    return (
        db.session.execute(
            select(Bill)
            .where(
                Bill.enterprise_id == enterprise_id,
                Bill.owner_id == owner_id,
                Bill.voided_at.is_(None),
                Bill.paid_fen < Bill.amount_fen,
            )
            .order_by(Bill.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        .scalars()
        .all()
    )


def settle_payment(*, payment: Payment, booked_on: date) -> list[PaymentAllocation]:
    """Spend a confirmed payment on open bills, in the debtor's order, else the law's; the rest is credit."""
    money_from = "deposit_held" if payment.method == "deposit" else "bank"
    allocations, left = _spend(payment, payment.amount_fen, money_from=money_from, booked_on=booked_on)
    payment.unallocated_fen = left
    if left:
        ledger.post(
            booked_on=booked_on,
            payer_id=payment.enterprise_id,
            payee_id=payment.owner_id,
            debit=money_from,
            credit="credit",
            amount_fen=left,
            source="payment",
            source_id=payment.id,
        )
    return allocations


def use_credit(
    *, villages: Iterable[str], booked_on: date, actor: Actor, pair: tuple[int, int] | None = None
) -> int:
    """Spend the credit of pairs that have an open bill again; returns the sum spent in fen.

    Called with the villages' money locks held, after bills are issued or a payment is reversed, so that
    credit never stands beside an open bill. ``pair`` narrows it to one (enterprise, owner).
    """
    statement = (
        select(Payment)
        .where(
            Payment.village_code.in_(sorted(villages)),
            Payment.state == "confirmed",
            Payment.unallocated_fen > 0,
            select(Bill.id)
            .where(
                Bill.enterprise_id == Payment.enterprise_id,
                Bill.owner_id == Payment.owner_id,
                Bill.voided_at.is_(None),
                Bill.paid_fen < Bill.amount_fen,
            )
            .exists(),
        )
        .order_by(Payment.id)
        .with_for_update(of=Payment)
        .execution_options(populate_existing=True)
    )
    if pair is not None:
        statement = statement.where(Payment.enterprise_id == pair[0], Payment.owner_id == pair[1])
    spent = 0
    for payment in db.session.execute(statement).scalars().all():
        allocations, left = _spend(payment, payment.unallocated_fen, money_from="credit", booked_on=booked_on)
        used = payment.unallocated_fen - left
        if used:
            payment.unallocated_fen = left
            spent += used
            audit.record(
                actor=actor,
                action="billing.use_credit",
                entity="payment",
                entity_id=payment.id,
                changes={"used_fen": used, "bills": [allocation.bill_id for allocation in allocations]},
            )
    return spent


def take_back(*, payment: Payment, booked_on: date) -> None:
    """Reopen what a payment settled, and take back its ledger entries; its allocations stay as history."""
    allocations = _allocations_of(payment)
    paid = {one.bill_id: one.amount_fen for one in allocations if one.released_at is None}
    bills = db.session.execute(
        select(Bill)
        .where(Bill.id.in_(paid))
        .order_by(Bill.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalars()
    for bill in bills.all():
        bill.paid_fen -= paid[bill.id]
    ledger.reverse(
        booked_on=booked_on,
        source="payment_allocation",
        source_ids=[allocation.id for allocation in allocations],
    )
    ledger.reverse(booked_on=booked_on, source="payment", source_ids=[payment.id])
    payment.unallocated_fen = 0
    db.session.flush()


def release_allocations(*, bill: Bill, booked_on: date, now: datetime) -> int:
    """Take every payment off a bill that is to be voided; each sum is credit of its payment again.

    Returns the sum in fen. The allocations stay as history. With the village's money lock held.
    """
    rows = db.session.execute(
        select(PaymentAllocation, Payment)
        .join(Payment, Payment.id == PaymentAllocation.payment_id)
        .where(
            PaymentAllocation.bill_id == bill.id,
            PaymentAllocation.released_at.is_(None),
            Payment.state == "confirmed",
        )
        .order_by(Payment.id)
        .with_for_update(of=Payment)
        .execution_options(populate_existing=True)
    ).all()
    for allocation, payment in rows:
        allocation.released_at = now
        bill.paid_fen -= allocation.amount_fen
        payment.unallocated_fen += allocation.amount_fen
        ledger.post(
            booked_on=booked_on,
            payer_id=bill.enterprise_id,
            payee_id=bill.owner_id,
            debit="receivable" if bill.kind == "rent" else "deposit_due",
            credit="credit",
            amount_fen=allocation.amount_fen,
            source="payment_allocation",
            source_id=allocation.id,
        )
    db.session.flush()
    return sum(allocation.amount_fen for allocation, _payment in rows)


def _spend(
    payment: Payment, amount_fen: int, *, money_from: str, booked_on: date
) -> tuple[list[PaymentAllocation], int]:
    """Allocate a sum of a payment; returns the allocations touched and what is left."""
    bills = {
        bill.id: bill
        for bill in lock_open_bills(enterprise_id=payment.enterprise_id, owner_id=payment.owner_id)
    }
    debts = [rules.Debt(bill.id, bill.due_on, bill.amount_fen - bill.paid_fen) for bill in bills.values()]
    chosen = [bill_id for bill_id in payment.chosen_bill_ids if bill_id in bills]
    settled, left = rules.allocate(amount_fen, debts, on=payment.paid_on, chosen=chosen)
    known = {allocation.bill_id: allocation for allocation in _allocations_of(payment)}
    allocations = []
    for part in settled:
        bill = bills[part.debt_id]
        bill.paid_fen += part.fen
        allocation = known.get(bill.id)
        if allocation is None:
            allocation = PaymentAllocation(payment_id=payment.id, bill_id=bill.id, amount_fen=part.fen)
            db.session.add(allocation)
            db.session.flush()
        else:
            allocation.amount_fen += part.fen
        allocations.append(allocation)
        ledger.post(
            booked_on=booked_on,
            payer_id=payment.enterprise_id,
            payee_id=payment.owner_id,
            debit=money_from,
            credit="receivable" if bill.kind == "rent" else "deposit_due",
            amount_fen=part.fen,
            source="payment_allocation",
            source_id=allocation.id,
        )
    db.session.flush()
    return allocations, left


def _allocations_of(payment: Payment) -> Sequence[PaymentAllocation]:
    return (
        db.session.execute(
            select(PaymentAllocation)
            .where(PaymentAllocation.payment_id == payment.id)
            .order_by(PaymentAllocation.bill_id)
        )
        .scalars()
        .all()
    )
