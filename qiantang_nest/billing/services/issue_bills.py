"""Issue what has come due: the deposits and months of signed leases."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text

from qiantang_nest.billing.rules import bill_series
from qiantang_nest.billing.services import bill_sql
from qiantang_nest.billing.services.money_lock import lock_money
from qiantang_nest.billing.services.settle import use_credit
from qiantang_nest.core import audit, numbering
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.identifiers import make_remark_code, remark_body
from qiantang_nest.core.workdays import next_workday_on_or_after
from qiantang_nest.occupancy.models import Lease

BATCH_LEASES = 5_000
RUN_WAIT_SECONDS = 120
"""A run waits this long for another run or a payment in the same village; a page waits 3 s."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Villages of one street whose bills are issued in one transaction."""

    street_code: str
    street_name: str
    villages: tuple[str, ...]
    leases: int


@dataclass(frozen=True, slots=True)
class Issued:
    """What one batch, or one lease, got: numbers of bills and lines, and their sum in fen."""

    bills: int = 0
    lines: int = 0
    amount_fen: int = 0

    def __add__(self, other: "Issued") -> "Issued":
        return Issued(self.bills + other.bills, self.lines + other.lines, self.amount_fen + other.amount_fen)


def plan_batches(*, until: date, village_code: str | None = None) -> list[Batch]:
    """Cut the district into batches of one street and about 5,000 leases, a village never cut."""
    rows = db.session.execute(
        text(bill_sql.LEASES_BY_VILLAGE), {"until": until, "village": village_code}
    ).all()
    batches: list[Batch] = []
    for row in rows:
        last = batches[-1] if batches else None
        if last and last.street_code == row.street_code and last.leases + row.leases <= BATCH_LEASES:
            villages, leases = (*last.villages, row.village_code), last.leases + row.leases
            batches[-1] = Batch(row.street_code, row.street_name, villages, leases)
        else:
            batches.append(Batch(row.street_code, row.street_name, (row.village_code,), row.leases))
    return batches


def run_bills(*, batch: Batch, until: date, today: date, actor: Actor) -> Issued:
    """Issue every bill of a batch's villages whose issue day has come by ``until``; once each, ever.

    The caller opens a transaction for each batch, so a run that is stopped keeps what is done, and the next
    one does the rest. Bills are dated the earlier of ``until`` and ``today``. One audit row a village.
    """
    lock_money(batch.villages, wait_seconds=RUN_WAIT_SECONDS)
    rows = _issue("villages", {"villages": list(batch.villages)}, until=until, today=today)
    by_village: dict[str, Issued] = {}
    for row in rows:
        issued = Issued(row.bills, row.lines, row.amount_fen)
        by_village[row.village_code] = by_village.get(row.village_code, Issued()) + issued
    for code, issued in sorted(by_village.items()):
        audit.record(
            actor=actor,
            action="billing.run_bills",
            entity="village",
            entity_id=int(code),
            changes={
                "until": until.isoformat(),
                "bills": issued.bills,
                "lines": issued.lines,
                "amount_fen": issued.amount_fen,
            },
        )
    use_credit(villages=by_village, booked_on=min(until, today), actor=actor)
    return sum(by_village.values(), Issued())


def issue_due_bills(*, lease: Lease, today: date, actor: Actor) -> Issued:
    """Issue what one lease has due: right after the second signature, its deposit and first month.

    Does nothing for a lease that is not signed, or has nothing due that is not issued.
    """
    db.session.flush()
    lock_money([lease.village_code])
    rows = _issue("lease", {"lease_id": lease.id}, until=today, today=today)
    issued = sum((Issued(row.bills, row.lines, row.amount_fen) for row in rows), Issued())
    if issued.bills:
        audit.record(
            actor=actor,
            action="billing.issue_bills",
            entity="lease",
            entity_id=lease.id,
            changes={"bills": issued.bills, "lines": issued.lines, "amount_fen": issued.amount_fen},
        )
        use_credit(villages=[lease.village_code], booked_on=today, actor=actor)
    return issued


def _issue(scope: str, binds: dict[str, Any], *, until: date, today: date) -> Sequence[Any]:
    """Run the statements of ``bill_sql``; returns what each pair and month got.

    Due days fall on workdays, which only Python knows: the days in question are few, so they travel as two
    arrays.
    """
    issued_on = min(until, today)
    days = {"until": until, "issued_on": issued_on}
    due = db.session.execute(text(bill_sql.DUE[scope]), {**binds, **days}).all()
    count = sum(row.bills for row in due)
    if not count:
        return []
    series = bill_series(issued_on)
    rows = db.session.execute(
        text(bill_sql.ISSUE[scope]),
        {
            **binds,
            **days,
            "series": series,
            "first_number": numbering.reserve(series, count),
            "raw_days": [row.due_on for row in due],
            "payable_days": [next_workday_on_or_after(row.due_on) for row in due],
        },
    ).all()
    _add_remark_codes(rows)
    return rows


def _add_remark_codes(rows: Sequence[Any]) -> None:
    """Give each pair and month its code, unless it has one (a second lease of the pair)."""
    pairs = sorted({(row.enterprise_id, row.owner_id, row.month) for row in rows})
    first = numbering.reserve("QT", len(pairs))
    codes = [make_remark_code(remark_body(first + place)) for place in range(len(pairs))]
    enterprises, owners, months = zip(*pairs, strict=True)
    db.session.execute(
        text(bill_sql.ADD_CODES),
        {
            "codes": codes,
            "enterprises": list(enterprises),
            "owners": list(owners),
            "months": list(months),
        },
    )


def batches_by_street(batches: Sequence[Batch]) -> Iterator[tuple[str, list[Batch]]]:
    """The batches street by street, for a run that reports on each street."""
    streets: dict[str, list[Batch]] = {}
    for batch in batches:
        streets.setdefault(batch.street_name, []).append(batch)
    yield from streets.items()
