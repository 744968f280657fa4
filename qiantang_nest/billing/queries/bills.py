"""Bills and payments in an actor's scope. A role that has no business with money sees none."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, joinedload

from qiantang_nest.accounts.models import User
from qiantang_nest.accounts.rules import Role
from qiantang_nest.billing.models import Bill, BillLine, Payment, PaymentAllocation, Receipt, RemarkCode
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import NotFound
from qiantang_nest.core.i18n import _
from qiantang_nest.core.period import add_months
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.geography.queries import in_area
from qiantang_nest.housing.models import Owner, Room

OPEN = (Bill.voided_at.is_(None)) & (Bill.paid_fen < Bill.amount_fen)
"""Issued and not yet paid in full."""


def _visible(
    actor: Actor,
    village_code: InstrumentedAttribute[str],
    owner_id: InstrumentedAttribute[int],
    enterprise_id: InstrumentedAttribute[int],
) -> ColumnElement[bool]:
    if actor.role == Role.VILLAGER:
        if actor.user_id is None:
            return false()
        return owner_id.in_(select(Owner.id).where(Owner.user_id == actor.user_id))
    if actor.enterprise_id is not None:
        return enterprise_id == actor.enterprise_id
    if actor.is_office or actor.role == "system":
        return in_area(village_code, actor.scope)
    return false()


def bills_visible_to(actor: Actor) -> Select[Bill]:
    """Bills with payer and payee loaded: an owner's own, an employer's own, an office's area."""
    return (
        select(Bill)
        .options(joinedload(Bill.owner), joinedload(Bill.enterprise), joinedload(Bill.lease))
        .where(_visible(actor, Bill.village_code, Bill.owner_id, Bill.enterprise_id))
    )


def payments_visible_to(actor: Actor) -> Select[Payment]:
    """Payments with payer and payee loaded; scope as for bills."""
    return (
        select(Payment)
        .options(joinedload(Payment.owner), joinedload(Payment.enterprise))
        .where(_visible(actor, Payment.village_code, Payment.owner_id, Payment.enterprise_id))
    )


def bill_visible_to(actor: Actor, bill_id: int) -> Bill:
    """One bill. Raises NotFound for one that is absent or another's."""
    found = db.session.execute(bills_visible_to(actor).where(Bill.id == bill_id)).scalar_one_or_none()
    if found is None:
        raise NotFound(_("没有找到这张账单，或者它不归您管。"))
    return found


def payment_visible_to(actor: Actor, payment_id: int) -> Payment:
    """One payment. Raises NotFound for one that is absent or another's."""
    found = db.session.execute(
        payments_visible_to(actor).where(Payment.id == payment_id)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound(_("没有找到这笔付款，或者它不归您管。"))
    return found


def pair_visible_to(actor: Actor, enterprise_id: int, owner_id: int) -> tuple[Enterprise, Owner]:
    """A payer and a payee with at least one bill between them. Raises NotFound."""
    bill = (
        db.session.execute(
            bills_visible_to(actor)
            .where(Bill.enterprise_id == enterprise_id, Bill.owner_id == owner_id)
            .limit(1)
        )
        .scalars()
        .first()
    )
    if bill is None:
        raise NotFound(_("这两家之间没有账单，或者不归您管。"))
    return bill.enterprise, bill.owner


def open_bills_of_pair(*, enterprise_id: int, owner_id: int) -> Sequence[Bill]:
    """What one employer still owes one lessor, earliest due first."""
    return (
        db.session.execute(
            select(Bill)
            .where(OPEN, Bill.enterprise_id == enterprise_id, Bill.owner_id == owner_id)
            .order_by(Bill.due_on, Bill.id)
        )
        .scalars()
        .all()
    )


def lines_of_bills(bill_ids: Collection[int]) -> dict[int, list[BillLine]]:
    """The lines of bills, each with its room and house, in the order they were written."""
    rows = db.session.execute(
        select(BillLine)
        .options(joinedload(BillLine.room).joinedload(Room.house))
        .where(BillLine.bill_id.in_(bill_ids))
        .order_by(BillLine.id)
    ).scalars()
    found: dict[int, list[BillLine]] = defaultdict(list)
    for line in rows:
        found[line.bill_id].append(line)
    return found


def billed_until(lease_ids: Collection[int]) -> dict[int, date]:
    """lease room id → the day up to which, not included, its rent is billed; others are absent."""
    rows = db.session.execute(
        select(BillLine.lease_room_id, func.max(BillLine.ends_on))
        .join(BillLine.bill)
        .where(Bill.lease_id.in_(lease_ids), Bill.kind == "rent", Bill.voided_at.is_(None))
        .group_by(BillLine.lease_room_id)
    )
    return {row[0]: row[1] for row in rows}


def remark_code(*, enterprise_id: int, owner_id: int, month: date) -> str | None:
    """The code of a payer, payee and month; ``month`` is any day of it."""
    return db.session.execute(
        select(RemarkCode.code).where(
            RemarkCode.enterprise_id == enterprise_id,
            RemarkCode.owner_id == owner_id,
            RemarkCode.month == month.replace(day=1),
        )
    ).scalar_one_or_none()


def settled_by(bill_id: int) -> Sequence[PaymentAllocation]:
    """What settled a bill, payments loaded; those taken back are not shown."""
    return (
        db.session.execute(
            select(PaymentAllocation)
            .join(PaymentAllocation.payment)
            .options(joinedload(PaymentAllocation.payment))
            .where(
                PaymentAllocation.bill_id == bill_id,
                PaymentAllocation.released_at.is_(None),
                Payment.state == "confirmed",
            )
            .order_by(Payment.paid_on, Payment.id)
        )
        .scalars()
        .all()
    )


def settles(payment_id: int) -> Sequence[PaymentAllocation]:
    """Which bills a payment settled, or did before it was taken back; voided bills are left out."""
    return (
        db.session.execute(
            select(PaymentAllocation)
            .options(joinedload(PaymentAllocation.bill))
            .where(PaymentAllocation.payment_id == payment_id, PaymentAllocation.released_at.is_(None))
            .order_by(PaymentAllocation.bill_id)
        )
        .scalars()
        .all()
    )


def receipts_of(payment_id: int) -> Sequence[Receipt]:
    """The receipts of a payment, voided ones too, newest first."""
    return (
        db.session.execute(
            select(Receipt).where(Receipt.payment_id == payment_id).order_by(Receipt.id.desc())
        )
        .scalars()
        .all()
    )


def receipt_visible_to(actor: Actor, receipt_id: int) -> Receipt:
    """One receipt with payment, payer and payee. Raises NotFound."""
    found = db.session.execute(
        select(Receipt)
        .join(Receipt.payment)
        .options(
            joinedload(Receipt.payment).joinedload(Payment.owner),
            joinedload(Receipt.payment).joinedload(Payment.enterprise),
        )
        .where(
            Receipt.id == receipt_id,
            _visible(actor, Payment.village_code, Payment.owner_id, Payment.enterprise_id),
        )
    ).scalar_one_or_none()
    if found is None:
        raise NotFound(_("没有找到这张收据，或者它不归您管。"))
    return found


def instead_of(bill: Bill) -> tuple[Bill | None, Bill | None]:
    """The voided bill this one stands in for, and the one that stands in for this one."""
    before = db.session.get(Bill, bill.replaces_id) if bill.replaces_id is not None else None
    after = db.session.execute(select(Bill).where(Bill.replaces_id == bill.id)).scalar_one_or_none()
    return before, after


def person_name(user_id: int | None) -> str:
    """Who did it; empty for the system."""
    if user_id is None:
        return ""
    return db.session.execute(select(User.name).where(User.id == user_id)).scalar_one()


def claimed_payments(actor: Actor) -> Sequence[Payment]:
    """What employers say they paid and nobody has confirmed, oldest first."""
    return (
        db.session.execute(
            payments_visible_to(actor).where(Payment.state == "claimed").order_by(Payment.id).limit(50)
        )
        .scalars()
        .all()
    )


def bills_for_list(actor: Actor, *, state: str, search: str, month: date | None, today: date) -> Select[Bill]:
    """The bills of a list page: ``state`` is open, late, paid or all; ``search`` a name or a number."""
    statement = bills_visible_to(actor).join(Bill.owner).join(Bill.enterprise)
    if state == "open":
        statement = statement.where(OPEN)
    elif state == "late":
        statement = statement.where(OPEN, Bill.due_on < today)
    elif state == "paid":
        statement = statement.where(Bill.voided_at.is_(None), Bill.paid_fen == Bill.amount_fen)
    if month is not None:
        statement = statement.where(func.date_trunc("month", Bill.starts_on) == month)
    if search:
        wanted = f"%{search.replace('%', '').replace('_', '')}%"
        statement = statement.where(
            or_(
                Owner.name.ilike(wanted),
                Enterprise.name.ilike(wanted),
                Bill.number.ilike(wanted),
                Owner.household_no.ilike(wanted),
            )
        )
    return statement


def sums_of(statement: Select[Any]) -> tuple[int, int]:
    """Sum billed and sum paid of a list's bills; voided ones are listed, and count nothing."""
    part = (
        statement.order_by(None)
        .where(Bill.voided_at.is_(None))
        .with_only_columns(Bill.amount_fen, Bill.paid_fen)
        .subquery()
    )
    row = db.session.execute(
        select(func.coalesce(func.sum(part.c.amount_fen), 0), func.coalesce(func.sum(part.c.paid_fen), 0))
    ).one()
    return int(row[0]), int(row[1])


@dataclass(frozen=True, slots=True)
class MoneyWork:
    """What is to be done about money: open and late bills, and payments nobody has confirmed; sums in fen."""

    open_bills: int
    open_fen: int
    late_bills: int
    late_fen: int
    claimed: int


def money_work(actor: Actor, today: date) -> MoneyWork:
    """The counts of an actor's scope; one query."""
    bills = (
        bills_visible_to(actor)
        .where(OPEN)
        .with_only_columns(Bill.due_on, (Bill.amount_fen - Bill.paid_fen).label("left_fen"))
        .subquery()
    )
    claimed = payments_visible_to(actor).where(Payment.state == "claimed").with_only_columns(Payment.id)
    late = bills.c.due_on < today
    row = db.session.execute(
        select(
            func.count(),
            func.coalesce(func.sum(bills.c.left_fen), 0),
            func.count().filter(late),
            func.coalesce(func.sum(bills.c.left_fen).filter(late), 0),
            select(func.count()).select_from(claimed.subquery()).scalar_subquery(),
        ).select_from(bills)
    ).one()
    return MoneyWork(*(int(value) for value in row))


def month_sums(actor: Actor, month: date) -> tuple[int, int]:
    """Billed and paid of the bills whose period begins in a month (its first day): the statement's sums."""
    return sums_of(
        bills_visible_to(actor).where(
            Bill.starts_on >= month, Bill.starts_on < add_months(month, 1), Bill.voided_at.is_(None)
        )
    )
