"""Arrears by age: on which day a late bill moves on to the next column."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from qiantang_nest.billing.models import Bill
from qiantang_nest.billing.queries.arrears import arrears_visible_to
from qiantang_nest.billing.services import issue_due_bills
from qiantang_nest.core.actor import SYSTEM
from qiantang_nest.core.db import db
from tests import factories as make

FIRST = date(2026, 3, 2)


@pytest.mark.usefixtures("db_session")
@pytest.mark.parametrize(
    ("days", "column"),
    [
        (-3, None),
        (0, None),
        (1, "up_to_30"),
        (30, "up_to_30"),
        (31, "up_to_60"),
        (60, "up_to_60"),
        (61, "up_to_90"),
        (90, "up_to_90"),
        (91, "over_90"),
    ],
)
def test_the_age_of_a_late_bill(days: int, column: str | None) -> None:
    room = make.make_room(make.make_house())
    lease = make.make_lease(
        make.make_enterprise(), [room], FIRST, date(2026, 4, 2), deposit_fen=0, signed_on=FIRST
    )
    issue_due_bills(lease=lease, today=FIRST, actor=SYSTEM)
    bill = db.session.execute(select(Bill)).scalar_one()
    rows = arrears_visible_to(make.make_clerk(lease.village_code), bill.due_on + timedelta(days=days))
    if column is None:
        assert rows == []
        return
    assert rows[0].total_fen == bill.amount_fen
    assert getattr(rows[0], column) == bill.amount_fen
