"""Bills that no longer say what a lease costs: voided, and issued anew for the days that stay.

An issued bill never changes. When a lease changes under it, the bill is voided with its reason, what was
paid on it becomes credit of the same payer and payee, and the bill of the same month is issued anew from the
lease as it now is; the new one names the old. Credit settles it at once.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from qiantang_nest.billing.models import Bill
from qiantang_nest.billing.services.issue_bills import issue_due_bills
from qiantang_nest.billing.services.money_lock import lock_money
from qiantang_nest.billing.services.settle import release_allocations, use_credit
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.clock import business_date
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.ledger import services as ledger
from qiantang_nest.occupancy.models import Lease


def reissue_bills(
    *, lease: Lease, bill_ids: Sequence[int], reason: str, actor: Actor, now: datetime
) -> list[Bill]:
    """Void the bills and issue anew what the lease, already changed, owes for their months by today.

    Months whose issue day is still to come are left to the bill run. Takes the money lock of the lease's
    village, so call it after any lock of rooms. Returns the bills that were voided.

    Raises:
        WrongState: one of the bills is another lease's, or voided already.
    """
    lock_money([lease.village_code])
    today = business_date(now)
    bills = (
        db.session.execute(
            select(Bill)
            .where(Bill.id.in_(bill_ids), Bill.lease_id == lease.id, Bill.voided_at.is_(None))
            .order_by(Bill.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        .scalars()
        .all()
    )
    if len(bills) != len(set(bill_ids)):
        raise WrongState(_("账单刚才有变动，请重新打开看过再办。"))
    for bill in bills:
        released_fen = release_allocations(bill=bill, booked_on=today, now=now)
        bill.voided_at, bill.void_reason = now, reason
        audit.record(
            actor=actor,
            action="billing.void_bill",
            entity="bill",
            entity_id=bill.id,
            changes={"number": bill.number, "amount_fen": bill.amount_fen, "credit_fen": released_fen},
        )
    ledger.reverse(booked_on=today, source="bill", source_ids=[bill.id for bill in bills])
    issue_due_bills(lease=lease, today=today, actor=actor)
    use_credit(
        villages=[lease.village_code],
        booked_on=today,
        actor=actor,
        pair=(lease.enterprise_id, lease.owner_id),
    )
    return list(bills)
