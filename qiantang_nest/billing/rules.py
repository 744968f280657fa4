"""How much rent falls due when, what a line says about itself, and which debt a payment settles.

Sums are integer fen, periods half-open. Sources: domain rulebook 4 and 9; Civil Code 203, 560, 561.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple, Protocol

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.money import format_money, round_half_up, split_largest_remainder
from qiantang_nest.core.period import Period, Piece, add_months, cut
from qiantang_nest.core.workdays import next_workday_on_or_after


class Convention(StrEnum):
    """Where a lease's months begin: at its own first day, or at the first of each month."""

    ANCHOR = "anchor"
    CALENDAR = "calendar"


class Proration(StrEnum):
    """What a part of a month divides by: the days of that month, or 30."""

    ACTUAL = "actual"
    THIRTY = "30"


THIRTY_DAYS = 30


def prorate(rent_fen: int, piece: Piece, proration: Proration) -> int:
    """Return the rent in fen for a month cut from a lease.

    A whole month costs the month's rent whatever its length. A part costs rent × days ÷ base, rounded half
    up, never more than the month's rent. The base is 30, or (``actual``) the days of the month it was cut
    from: the calendar month, or the whole anchor month (rulebook 9).

    600.00 from 10 to 31 March 2026 → 425.81 by days, 440.00 by 30.
    """
    if piece.whole:
        return rent_fen
    return min(rent_fen, round_half_up(Fraction(rent_fen * piece.period.days, base_days(piece, proration))))


def base_days(piece: Piece, proration: Proration) -> int:
    """Return the days by which a month's rent is divided for ``piece``; of a whole one, its own days."""
    return THIRTY_DAYS if proration is Proration.THIRTY and not piece.whole else piece.base.days


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """The terms of one room of a lease that decide its rent lines.

    ``rent_fen`` a month; ``period`` the days of this room; ``anchor_on`` the first day of the lease where
    the room joined later (default: the room's own); ``cycle_months`` months in one bill; ``bill_lead_days``
    days from issue to the start of a cycle; ``grace_days`` days from the start of a cycle to its due day.

    Raises:
        ValueError: the period has no end, or a figure is out of its range.
    """

    rent_fen: int
    period: Period
    convention: Convention = Convention.ANCHOR
    proration: Proration = Proration.ACTUAL
    cycle_months: int = 1
    bill_lead_days: int = 7
    grace_days: int = 5
    anchor_on: date | None = None

    def __post_init__(self) -> None:
        if self.period.ends_on is None:
            raise ValueError("a schedule needs an end")
        if self.rent_fen < 0 or self.cycle_months < 1 or self.bill_lead_days < 0 or self.grace_days < 0:
            raise ValueError("rent and days are not negative, a cycle has at least one month")
        if self.anchor_on is not None and self.anchor_on > self.period.starts_on:
            raise ValueError("the anchor lies after the room's first day")

    @property
    def lease_starts_on(self) -> date:
        """The day from which the lease counts its months."""
        return self.period.starts_on if self.anchor_on is None else self.anchor_on


class RentLine(Protocol):
    """What a line must know to explain itself; bill lines and scheduled pieces both do."""

    @property
    def starts_on(self) -> date: ...
    @property
    def ends_on(self) -> date: ...
    @property
    def whole(self) -> bool: ...
    @property
    def days(self) -> int: ...
    @property
    def base_days(self) -> int: ...
    @property
    def rate_fen(self) -> int: ...
    @property
    def amount_fen(self) -> int: ...


@dataclass(frozen=True, slots=True)
class ScheduledPiece:
    """One month of rent of one room, as it will stand on a bill.

    ``seq`` numbers the cycles of the lease from 1; pieces of the rooms of one lease with the same ``seq``
    belong on one bill and share ``issue_on`` and ``due_on``.
    """

    seq: int
    period: Period
    whole: bool
    days: int
    base_days: int
    rate_fen: int
    amount_fen: int
    issue_on: date
    due_on: date

    @property
    def starts_on(self) -> date:
        """First day."""
        return self.period.starts_on

    @property
    def ends_on(self) -> date:
        """The day after the last."""
        return self.starts_on + timedelta(days=self.days)


def schedule(terms: LeaseTerms) -> list[ScheduledPiece]:
    """Return the rent lines of one room of a lease, month by month, in order.

    Pieces tile the period without gap or overlap. A bill covers ``cycle_months`` months counted from the
    lease's first day (``anchor``) or from the first of its first month (``calendar``). It is issued
    ``bill_lead_days`` before its first day and due ``grace_days`` after it, moved to the next workday if
    that is none (Civil Code 203). Whether that year's holidays are known: ``core.workdays.calendar_known``.
    """
    last = terms.period.inclusive_end or terms.period.starts_on
    return [
        piece
        for seq in range(cycle_on(terms, terms.period.starts_on), cycle_on(terms, last) + 1)
        for piece in cycle_pieces(terms, seq)
    ]


def cycle_pieces(terms: LeaseTerms, seq: int) -> list[ScheduledPiece]:
    """Return the lines of one room on the ``seq``-th rent bill of its lease; none if no day falls there.

    Costs nothing for the rest of the lease: what a bill run asks for.

    Raises:
        ValueError: ``seq`` is below 1.
    """
    if seq < 1:
        raise ValueError("bills are numbered from 1")
    first_month = (seq - 1) * terms.cycle_months
    first_day = max(
        _month_of_lease(terms, first_month).starts_on, terms.lease_starts_on, terms.period.starts_on
    )
    issue_on = first_day - timedelta(days=terms.bill_lead_days)
    due_on = due_date(first_day, terms.grace_days)
    pieces = (
        cut(terms.period, _month_of_lease(terms, month))
        for month in range(first_month, first_month + terms.cycle_months)
    )
    return [
        ScheduledPiece(
            seq=seq,
            period=piece.period,
            whole=piece.whole,
            days=piece.period.days,
            base_days=base_days(piece, terms.proration),
            rate_fen=terms.rent_fen,
            amount_fen=prorate(terms.rent_fen, piece, terms.proration),
            issue_on=issue_on,
            due_on=due_on,
        )
        for piece in pieces
        if piece is not None
    ]


def cycle_on(terms: LeaseTerms, day: date) -> int:
    """Return the number, from 1, of the rent bill of the lease that ``day`` falls on.

    Raises:
        ValueError: ``day`` is before the lease.
    """
    anchor = terms.lease_starts_on
    if day < anchor:
        raise ValueError("the day is before the lease")
    months = (day.year - anchor.year) * 12 + day.month - anchor.month
    if day < _month_of_lease(terms, months).starts_on:
        months -= 1
    return months // terms.cycle_months + 1


def _month_of_lease(terms: LeaseTerms, index: int) -> Period:
    """Return the ``index``-th whole month of the lease, from 0, by its convention."""
    anchor = terms.lease_starts_on
    if terms.convention is Convention.CALENDAR:
        anchor = anchor.replace(day=1)
    return Period(add_months(anchor, index), add_months(anchor, index + 1))


def due_date(first_day: date, grace_days: int) -> date:
    """Return the last day to pay without being late: ``grace_days`` on, moved to the next workday."""
    return next_workday_on_or_after(first_day + timedelta(days=grace_days))


# --- words ----------------------------------------------------------------------------------------


def explain(line: RentLine, *, this_year: int | None = None) -> str:
    """Say in plain words how a rent line came about.

    «¥620.00 × 22 天 ÷ 30 天 = ¥454.67，11 月 9 日到 11 月 30 日», or «整月 ¥620.00，…». Days carry their year
    when the line crosses New Year, or when ``this_year`` is given and it is another.
    """
    last = line.ends_on - timedelta(days=1)
    with_year = line.starts_on.year != last.year or this_year not in (None, last.year)
    days = _say_day(line.starts_on, with_year)
    if last != line.starts_on:
        days = _("%(first)s到 %(last)s", first=days, last=_say_day(last, with_year))
    if line.whole:
        return str(_("整月 %(amount)s，%(days)s", amount=format_money(line.amount_fen), days=days))
    return str(
        _(
            "%(rate)s × %(count)s 天 ÷ %(base)s 天 = %(amount)s，%(days)s",
            rate=format_money(line.rate_fen),
            count=line.days,
            base=line.base_days,
            amount=format_money(line.amount_fen),
            days=days,
        )
    )


def explain_deposit(amount_fen: int, rate_fen: int) -> str:
    """Say in plain words what a deposit line is: so many months' rent, or just its sum."""
    amount = format_money(amount_fen)
    if rate_fen > 0 and amount_fen % rate_fen == 0:
        return str(_("押金 %(amount)s，等于 %(count)s 个月租金", amount=amount, count=amount_fen // rate_fen))
    return str(_("押金 %(amount)s", amount=amount))


def _say_day(day: date, with_year: bool) -> str:
    if with_year:
        return str(_("%(year)s 年 %(month)s 月 %(day)s 日", year=day.year, month=day.month, day=day.day))
    return str(_("%(month)s 月 %(day)s 日", month=day.month, day=day.day))


# --- which debt a payment settles -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Debt:
    """What is still owed on one bill, in fen.

    ``security`` is higher the better the debt is secured, ``burden`` higher the heavier it weighs on the
    debtor (its late fee); both 0 where all bills are alike.
    """

    id: int
    due_on: date
    principal_fen: int
    interest_fen: int = 0
    costs_fen: int = 0
    security: int = 0
    burden: int = 0

    @property
    def owed_fen(self) -> int:
        """Costs, interest and principal together."""
        return self.costs_fen + self.interest_fen + self.principal_fen


class Allocated(NamedTuple):
    """The part of a payment that settles (part of) one debt; ``fen`` is the sum of the other three."""

    debt_id: int
    fen: int
    costs_fen: int
    interest_fen: int
    principal_fen: int


def allocate(
    amount_fen: int, debts: Iterable[Debt], *, on: date, chosen: Sequence[int] = ()
) -> tuple[list[Allocated], int]:
    """Return which debts a payment made on the day ``on`` settles, and what is left of it.

    Order of Civil Code 560: the debts the debtor chose (``chosen`` ids, in that order); then those due,
    then the least secured, the heaviest, the earliest due; equals pro rata by what each owes in all, odd fen
    by largest remainder, earlier in ``debts`` first. Within a debt: costs, interest, principal (561).
    Nothing is settled beyond what is owed: the rest is returned, and is credit.

    Raises:
        InvalidValue: the amount is not above 0.
        ValueError: a debt appears twice, owes a negative sum, or a chosen id is unknown.
    """
    if amount_fen <= 0:
        raise InvalidValue(_("收款金额应大于 0"))
    known = list(debts)
    by_id = {debt.id: debt for debt in known}
    if len(by_id) != len(known) or any(
        min(debt.costs_fen, debt.interest_fen, debt.principal_fen) < 0 for debt in known
    ):
        raise ValueError("each debt once, none negative")
    if not set(chosen) <= set(by_id):
        raise ValueError("a chosen debt is unknown")
    groups = [[by_id[debt_id]] for debt_id in dict.fromkeys(chosen)]

    def rank(debt: Debt) -> tuple[bool, int, int, date]:
        return debt.due_on > on, debt.security, -debt.burden, debt.due_on

    rest = sorted((debt for debt in known if debt.id not in set(chosen)), key=rank)
    groups += [list(equals) for _rank, equals in groupby(rest, key=rank)]

    allocated = []
    left = amount_fen
    for group in groups:
        owed = [debt.owed_fen for debt in group]
        paid = min(left, sum(owed))
        left -= paid
        for debt, share in zip(group, split_largest_remainder(paid, owed), strict=True):
            if share:
                costs = min(share, debt.costs_fen)
                interest = min(share - costs, debt.interest_fen)
                allocated.append(Allocated(debt.id, share, costs, interest, share - costs - interest))
    return allocated, left


# --- lateness and receipts ------------------------------------------------------------------------


def overdue_days(due_on: date, on: date) -> int:
    """Return by how many days a bill is late on the day ``on``; 0 up to and on the due day."""
    return max((on - due_on).days, 0)


def receipt_series(issued_on: date) -> str:
    """Return the number series of the receipts of a month: ``SJ-202603``."""
    return f"SJ-{issued_on:%Y%m}"


def receipt_number(issued_on: date, serial: int) -> str:
    """Return the number of a receipt: ``SJ-202603-000001``; a seventh digit comes when it must.

    Raises:
        ValueError: the serial is below 1.
    """
    if serial < 1:
        raise ValueError("receipts are numbered from 1")
    return f"{receipt_series(issued_on)}-{serial:06d}"


# --- bills as people see them ---------------------------------------------------------------------


class BillState(StrEnum):
    """What a bill is on a day; told from its dates and sums, never stored."""

    DUE = "due"
    PART_PAID = "part_paid"
    PAID = "paid"
    OVERDUE = "overdue"
    VOIDED = "voided"


class AnyBill(Protocol):
    """What tells the state of a bill."""

    @property
    def amount_fen(self) -> int: ...
    @property
    def paid_fen(self) -> int: ...
    @property
    def due_on(self) -> date: ...
    @property
    def voided_at(self) -> datetime | None: ...


def bill_state(bill: AnyBill, on: date) -> BillState:
    """Return what a bill is on the day ``on``; lateness outranks part payment."""
    if bill.voided_at is not None:
        return BillState.VOIDED
    if bill.paid_fen >= bill.amount_fen:
        return BillState.PAID
    if on > bill.due_on:
        return BillState.OVERDUE
    return BillState.PART_PAID if bill.paid_fen else BillState.DUE


def bill_series(issued_on: date) -> str:
    """Return the number series of the bills of a month: ``ZD-202603``, numbered ``ZD-202603-000001``."""
    return f"ZD-{issued_on:%Y%m}"


# --- what a change of a lease does to its bills -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class RentedRoom:
    """A room of a lease with its rent a month and its days; ``key`` is 0 for one that is yet to join."""

    key: int
    rent_fen: int
    period: Period


def rent_by_rent(
    key: int, period: Period, rent_fen: int, later: Iterable[tuple[date, int]]
) -> list[RentedRoom]:
    """Return the days of a room at each of its rents: the first one, and ``later`` ones from their days on.

    A rent that would begin after the room has ended does not count.

    Raises:
        ValueError: the period has no end.
    """
    if period.ends_on is None:
        raise ValueError("a room is let for a period with an end")
    rents = [(period.starts_on, rent_fen), *sorted(one for one in later if one[0] < period.ends_on)]
    ends = [day for day, _fen in rents[1:]] + [period.ends_on]
    return [RentedRoom(key, fen, Period(day, until)) for (day, fen), until in zip(rents, ends, strict=True)]


class LineFigures(NamedTuple):
    """What makes one rent line the same as another."""

    key: int
    starts_on: date
    ends_on: date
    whole: bool
    rate_fen: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class StandingBill:
    """An issued rent bill that is not voided."""

    id: int
    number: str
    seq: int
    amount_fen: int
    paid_fen: int
    lines: tuple[LineFigures, ...]


@dataclass(frozen=True, slots=True)
class BillingTerms:
    """What of a lease decides its bills, beside its rooms."""

    starts_on: date
    convention: Convention
    proration: Proration
    bill_lead_days: int
    grace_days: int


@dataclass(frozen=True, slots=True)
class BillChange:
    """What becomes of one month's bill, in fen.

    ``bill_id`` is the bill to void, 0 when none stands yet; ``after_fen`` is what is billed then, 0 for
    nothing; ``issue_on`` is when (None for nothing), at the latest the day of the change. ``paid_fen`` was
    paid on the voided one and becomes credit.
    """

    bill_id: int
    number: str
    seq: int
    starts_on: date
    ends_on: date
    before_fen: int
    paid_fen: int
    after_fen: int
    issue_on: date | None


def bill_changes(
    standing: Sequence[StandingBill], rooms: Sequence[RentedRoom], terms: BillingTerms, today: date
) -> list[BillChange]:
    """Return which standing bills no longer say what the rooms cost, and what is billed in their place.

    ``rooms`` are those after the change. Bills whose lines stay as they are do not appear; months not yet
    billed appear if their issue day has come by ``today``. In the order of the months.
    """
    known = {bill.seq: bill for bill in standing}
    last = max((room.period.inclusive_end or room.period.starts_on for room in rooms), default=None)
    seqs = set(known)
    if last is not None:
        seqs |= set(range(1, cycle_on(_terms_of(rooms[0], terms), last) + 1))
    changes = []
    for seq in sorted(seqs):
        pieces = [(room, piece) for room in rooms for piece in cycle_pieces(_terms_of(room, terms), seq)]
        after = tuple(
            sorted(
                LineFigures(
                    room.key, piece.starts_on, piece.ends_on, piece.whole, piece.rate_fen, piece.amount_fen
                )
                for room, piece in pieces
            )
        )
        bill = known.get(seq)
        if bill is not None and tuple(sorted(bill.lines)) == after:
            continue
        sum_fen = sum(line.amount_fen for line in after)
        first = min((line.starts_on for line in after), default=None)
        issue_on = None if first is None else first - timedelta(days=terms.bill_lead_days)
        if bill is None:
            if issue_on is None or issue_on > today or not sum_fen:
                continue
            figures = after
        else:
            figures = after or bill.lines
        changes.append(
            BillChange(
                bill_id=bill.id if bill else 0,
                number=bill.number if bill else "",
                seq=seq,
                starts_on=min(line.starts_on for line in figures),
                ends_on=max(line.ends_on for line in figures),
                before_fen=bill.amount_fen if bill else 0,
                paid_fen=bill.paid_fen if bill else 0,
                after_fen=sum_fen,
                issue_on=max(issue_on, today) if issue_on is not None and sum_fen else None,
            )
        )
    return changes


def _terms_of(room: RentedRoom, terms: BillingTerms) -> LeaseTerms:
    return LeaseTerms(
        rent_fen=room.rent_fen,
        period=room.period,
        convention=terms.convention,
        proration=terms.proration,
        bill_lead_days=terms.bill_lead_days,
        grace_days=terms.grace_days,
        anchor_on=terms.starts_on,
    )


# --- deposits ---------------------------------------------------------------------------------------

REPLY_DAYS = 3
"""How long the employer has to answer a case, day of opening not counted."""


class CaseKind(StrEnum):
    """The cases of the contract in which the deposit may be reduced; no other is allowed.

    Unpaid rent is set off: when the deposit is settled its open bills are paid by that part.
    """

    RENT = "rent"
    UTILITIES = "utilities"
    DAMAGE = "damage"


def case_kind_label(kind: CaseKind) -> str:
    """The words of the contract (clause 4)."""
    labels: dict[CaseKind, str] = {
        CaseKind.RENT: _("欠着的租金"),
        CaseKind.UTILITIES: _("应付没付的水、电、燃气费"),
        CaseKind.DAMAGE: _("损坏房屋、设施的修理费"),
    }
    return labels[kind]


class AnyCase(Protocol):
    """What tells how a case stands."""

    @property
    def state(self) -> str: ...
    @property
    def amount_fen(self) -> int: ...
    @property
    def decided_fen(self) -> int | None: ...
    @property
    def reply_by(self) -> date: ...


def kept_for(case: AnyCase, on: date) -> int | None:
    """Return what a case takes of the deposit, in fen; None while it is not settled.

    Agreed: all of it. Decided: what was decided. Unanswered past its last day: all of it.
    """
    match case.state:
        case "withdrawn":
            return 0
        case "decided":
            return case.decided_fen
        case "agreed":
            return case.amount_fen
        case "open" if on > case.reply_by:
            return case.amount_fen
    return None
