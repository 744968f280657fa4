"""Who is late, by age: a clerk sees households, a street employers and sums, the district sums a street."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Row, func, select

from qiantang_nest.accounts.rules import Role
from qiantang_nest.billing.models import Bill
from qiantang_nest.billing.queries.bills import OPEN
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.geography.models import Street, Village
from qiantang_nest.geography.queries import in_area
from qiantang_nest.housing.models import Owner


@dataclass(frozen=True, slots=True)
class Arrears:
    """One row: who, and how much has been late for how long, in fen."""

    name: str
    detail: str
    bills: int
    up_to_30: int
    up_to_60: int
    up_to_90: int
    over_90: int
    enterprise_id: int | None = None
    owner_id: int | None = None

    @property
    def total_fen(self) -> int:
        return self.up_to_30 + self.up_to_60 + self.up_to_90 + self.over_90


def arrears_visible_to(actor: Actor, today: date) -> list[Arrears]:
    """The late sums of an office's area, largest first; nothing for anyone else."""
    if not actor.is_office:
        return []
    left = Bill.amount_fen - Bill.paid_fen

    def late(more_than: int, up_to: int | None) -> object:
        condition = Bill.due_on < today - timedelta(days=more_than)
        if up_to is not None:
            condition &= Bill.due_on >= today - timedelta(days=up_to)
        return func.coalesce(func.sum(left).filter(condition), 0)

    sums = (
        func.count().label("bills"),
        late(0, 30).label("up_to_30"),  # type: ignore[attr-defined]
        late(30, 60).label("up_to_60"),  # type: ignore[attr-defined]
        late(60, 90).label("up_to_90"),  # type: ignore[attr-defined]
        late(90, None).label("over_90"),  # type: ignore[attr-defined]
    )
    overdue = (OPEN, Bill.due_on < today, in_area(Bill.village_code, actor.scope))
    biggest = func.sum(left).desc()
    if actor.role == Role.VILLAGE_CLERK:
        rows = db.session.execute(
            select(Enterprise.name, Owner.name.label("detail"), Bill.enterprise_id, Bill.owner_id, *sums)
            .join(Bill.enterprise)
            .join(Bill.owner)
            .where(*overdue)
            .group_by(Enterprise.name, Owner.name, Bill.enterprise_id, Bill.owner_id)
            .order_by(biggest, Bill.enterprise_id, Bill.owner_id)
        ).all()
        return [_arrears(row, detail=row.detail, pair=(row.enterprise_id, row.owner_id)) for row in rows]
    if actor.role == Role.STREET_OFFICER:
        rows = db.session.execute(
            select(Enterprise.name, func.count(Bill.owner_id.distinct()).label("payees"), *sums)
            .join(Bill.enterprise)
            .where(*overdue)
            .group_by(Bill.enterprise_id, Enterprise.name)
            .order_by(biggest, Bill.enterprise_id)
        ).all()
        return [_arrears(row, detail=str(row.payees)) for row in rows]
    rows = db.session.execute(
        select(Street.name, func.count(Bill.enterprise_id.distinct()).label("payers"), *sums)
        .join(Village, Village.code == Bill.village_code)
        .join(Street, Street.code == Village.street_code)
        .where(*overdue)
        .group_by(Street.code, Street.name)
        .order_by(biggest, Street.code)
    ).all()
    return [_arrears(row, detail=str(row.payers)) for row in rows]


def _arrears(row: Row[tuple[object, ...]], *, detail: str, pair: tuple[int, int] | None = None) -> Arrears:
    return Arrears(
        name=row.name,
        detail=detail,
        bills=int(row.bills),
        up_to_30=int(row.up_to_30),
        up_to_60=int(row.up_to_60),
        up_to_90=int(row.up_to_90),
        over_90=int(row.over_90),
        enterprise_id=pair[0] if pair else None,
        owner_id=pair[1] if pair else None,
    )


def totals(rows: Sequence[Arrears]) -> Arrears:
    """The last row of the table."""
    return Arrears(
        name="",
        detail="",
        bills=sum(row.bills for row in rows),
        up_to_30=sum(row.up_to_30 for row in rows),
        up_to_60=sum(row.up_to_60 for row in rows),
        up_to_90=sum(row.up_to_90 for row in rows),
        over_90=sum(row.over_90 for row in rows),
    )
