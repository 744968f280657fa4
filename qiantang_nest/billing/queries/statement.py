"""What one employer owes in one month: villages, payees, bills, lines, each with how it came about."""

from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import func, select

from qiantang_nest.billing import rules
from qiantang_nest.billing.models import Bill, BillLine, RemarkCode
from qiantang_nest.billing.queries.bills import bills_visible_to, lines_of_bills
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.i18n import _
from qiantang_nest.core.period import add_months
from qiantang_nest.geography.models import Village
from qiantang_nest.housing.models import Owner


@dataclass(slots=True)
class Payee:
    """One lessor's part: the transfer to make, and the lines that explain it."""

    owner: Owner
    code: str
    bills: list[Bill] = field(default_factory=list)
    lines: list[tuple[Bill, BillLine]] = field(default_factory=list)

    @property
    def amount_fen(self) -> int:
        return sum(bill.amount_fen for bill in self.bills)

    @property
    def paid_fen(self) -> int:
        return sum(bill.paid_fen for bill in self.bills)

    @property
    def left_fen(self) -> int:
        return self.amount_fen - self.paid_fen

    @property
    def due_on(self) -> date:
        """The earliest day by which something of it is to be paid."""
        open_bills = [bill for bill in self.bills if bill.paid_fen < bill.amount_fen]
        return min(bill.due_on for bill in open_bills or self.bills)

    def state(self, today: date) -> rules.BillState:
        """As one bill would say it."""
        if not self.left_fen:
            return rules.BillState.PAID
        if self.due_on < today:
            return rules.BillState.OVERDUE
        return rules.BillState.PART_PAID if self.paid_fen else rules.BillState.DUE

    def account(self, *, full: bool = False) -> str:
        """The bank and the account, masked to its last four digits unless ``full``."""
        number: str = self.owner.account_number or ""
        if not number:
            return ""
        shown = number if full else _("尾号 %(tail)s", tail=number[-4:])
        return f"{self.owner.account_bank} {shown}".strip()


@dataclass(slots=True)
class VillagePart:
    """The payees of one village."""

    name: str
    payees: list[Payee]

    @property
    def amount_fen(self) -> int:
        return sum(payee.amount_fen for payee in self.payees)


@dataclass(slots=True)
class Statement:
    """One employer, one month (its first day)."""

    month: date
    villages: list[VillagePart]

    @property
    def payees(self) -> list[Payee]:
        return [payee for village in self.villages for payee in village.payees]

    @property
    def amount_fen(self) -> int:
        return sum(payee.amount_fen for payee in self.payees)

    @property
    def paid_fen(self) -> int:
        return sum(payee.paid_fen for payee in self.payees)

    @property
    def left_fen(self) -> int:
        return self.amount_fen - self.paid_fen

    @property
    def open_payees(self) -> list[Payee]:
        return [payee for payee in self.payees if payee.left_fen]


def statement_of(actor: Actor, month: date) -> Statement:
    """The bills of an employer whose period begins in the month; four queries whatever their number."""
    first = month.replace(day=1)
    bills = (
        db.session.execute(
            bills_visible_to(actor)
            .where(Bill.starts_on >= first, Bill.starts_on < add_months(first, 1), Bill.voided_at.is_(None))
            .order_by(Bill.village_code, Bill.owner_id, Bill.kind.desc(), Bill.id)
        )
        .scalars()
        .all()
    )
    lines = lines_of_bills([bill.id for bill in bills])
    codes: dict[int, str] = {
        row.owner_id: row.code
        for row in db.session.execute(
            select(RemarkCode.owner_id, RemarkCode.code).where(
                RemarkCode.enterprise_id == actor.enterprise_id, RemarkCode.month == first
            )
        )
    }
    names: dict[str, str] = {
        row.code: row.name
        for row in db.session.execute(
            select(Village.code, Village.name).where(Village.code.in_({bill.village_code for bill in bills}))
        )
    }
    payees: dict[int, Payee] = {}
    by_village: dict[str, VillagePart] = {}
    for bill in bills:
        payee = payees.get(bill.owner_id)
        if payee is None:
            payee = payees[bill.owner_id] = Payee(bill.owner, codes[bill.owner_id])
            village = by_village.setdefault(bill.village_code, VillagePart(names[bill.village_code], []))
            village.payees.append(payee)
        payee.bills.append(bill)
        payee.lines += [(bill, line) for line in lines[bill.id]]
    return Statement(first, list(by_village.values()))


def months_with_bills(actor: Actor) -> list[date]:
    """The months for which an employer has bills, newest first."""
    month = func.date_trunc("month", Bill.starts_on)
    rows = db.session.execute(
        select(month).where(Bill.enterprise_id == actor.enterprise_id).group_by(month).order_by(month.desc())
    ).scalars()
    return [row.date() for row in rows]
