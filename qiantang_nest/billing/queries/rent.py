"""A villager's rent: what has come, what is still open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, func, or_, select

from qiantang_nest.billing.models import Bill, BillLine, Payment
from qiantang_nest.billing.queries.bills import (
    OPEN,
    bills_visible_to,
    claimed_payments,
    lines_of_bills,
    payments_visible_to,
)
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.period import add_months

RECENT = 12


@dataclass(frozen=True, slots=True)
class Rent:
    """Sums in fen; ``lines`` by bill."""

    arrived_fen: int
    left_fen: int
    credit_fen: int
    claimed: Sequence[Payment]
    open_bills: Sequence[Bill]
    payments: Sequence[Payment]
    lines: dict[int, list[BillLine]]


def rent_of(actor: Actor, today: date) -> Rent:
    """What arrived this month, what is open, what waits for a word, and the last payments."""
    month = today.replace(day=1)
    confirmed = payments_visible_to(actor).where(Payment.state == "confirmed")
    of_month = (
        # What is set off against a deposit arrived with the deposit.
        confirmed.where(Payment.method != "deposit")
        .where(Payment.paid_on >= month, Payment.paid_on < add_months(month, 1))
        .with_only_columns(Payment.amount_fen)
        .subquery()
    )
    credits = confirmed.with_only_columns(Payment.unallocated_fen).subquery()
    open_bills = (
        db.session.execute(bills_visible_to(actor).where(OPEN).order_by(Bill.due_on, Bill.id)).scalars().all()
    )
    return Rent(
        arrived_fen=_sum(of_month.c.amount_fen),
        left_fen=sum(bill.amount_fen - bill.paid_fen for bill in open_bills),
        credit_fen=_sum(credits.c.unallocated_fen),
        claimed=claimed_payments(actor),
        open_bills=open_bills,
        payments=db.session.execute(
            payments_visible_to(actor)
            .where(Payment.state != "claimed")
            .order_by(Payment.paid_on.desc(), Payment.id.desc())
            .limit(RECENT)
        )
        .scalars()
        .all(),
        lines=lines_of_bills([bill.id for bill in open_bills]),
    )


def _sum(column: ColumnElement[int]) -> int:
    return int(db.session.execute(select(func.coalesce(func.sum(column), 0))).scalar_one())


@dataclass(frozen=True, slots=True)
class RentNow:
    """The short of it, for the home page: what arrived this month, what is open, what waits for a word."""

    arrived: Sequence[Payment]
    open_bills: Sequence[Bill]
    claimed: Sequence[Payment]

    @property
    def arrived_fen(self) -> int:
        return sum(payment.amount_fen for payment in self.arrived)

    @property
    def left_fen(self) -> int:
        return sum(bill.amount_fen - bill.paid_fen for bill in self.open_bills)


def rent_now(actor: Actor, today: date) -> RentNow:
    """The same sums as ``rent_of``, in two queries."""
    month = today.replace(day=1)
    of_month = (
        (Payment.state == "confirmed") & (Payment.paid_on >= month) & (Payment.paid_on < add_months(month, 1))
    )
    payments = (
        db.session.execute(
            payments_visible_to(actor)
            .where(or_(Payment.state == "claimed", of_month))
            .order_by(Payment.paid_on.desc(), Payment.id.desc())
        )
        .scalars()
        .all()
    )
    return RentNow(
        arrived=[
            payment for payment in payments if payment.state == "confirmed" and payment.method != "deposit"
        ],
        open_bills=db.session.execute(bills_visible_to(actor).where(OPEN).order_by(Bill.due_on, Bill.id))
        .scalars()
        .all(),
        claimed=[payment for payment in payments if payment.state == "claimed"],
    )
