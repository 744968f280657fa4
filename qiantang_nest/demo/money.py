"""Bills by the bill run itself; payments in bulk, by the rules of ``billing.services.settle``."""

from collections.abc import Callable
from datetime import date, timedelta

from sqlalchemy import text

from qiantang_nest.billing.services.issue_bills import plan_batches, run_bills
from qiantang_nest.core.actor import SYSTEM
from qiantang_nest.core.db import db

_CHANCE = (
    "('x' || substr(md5(enterprise_id || '/' || owner_id || '/' || month), 1, 8))::bit(32)::bigint"
    " / 4294967296.0"
)
"""A number from 0 up to 1, the same for the same employer, owner and month."""

# Most pay within days, some late, a few a part; what is a year old has been paid by everybody.
_PAY = f"""
WITH due AS (
    SELECT enterprise_id, owner_id, village_code, date_trunc('month', due_on)::date AS month,
           max(due_on) AS due_on, sum(amount_fen)::bigint AS amount_fen
    FROM bill WHERE paid_fen = 0 AND voided_at IS NULL AND due_on < :today
      AND enterprise_id BETWEEN :first AND :last
    GROUP BY 1, 2, 3, 4
),
fate AS (
    SELECT due.*, {_CHANCE} AS luck FROM due
),
paid AS (
    SELECT fate.*, CASE
               WHEN luck < 0.88 THEN due_on - 3 + floor(luck * 100)::int % 4
               WHEN luck < 0.97 THEN due_on + 4 + floor(luck * 1000)::int % 30
               WHEN due_on < :today - 150 THEN due_on + 60
               WHEN luck < 0.985 THEN due_on + 2
           END AS paid_on,
           CASE WHEN luck >= 0.97 AND luck < 0.985 AND due_on >= :today - 150 THEN 60 ELSE 100 END AS percent
    FROM fate
),
part AS (
    SELECT b.id AS bill_id, b.kind, p.enterprise_id, p.owner_id, p.month, p.village_code, p.paid_on,
           b.amount_fen * p.percent / 100 AS fen
    FROM paid AS p
    JOIN bill AS b ON b.enterprise_id = p.enterprise_id AND b.owner_id = p.owner_id
        AND date_trunc('month', b.due_on)::date = p.month
        AND b.paid_fen = 0 AND b.voided_at IS NULL AND b.due_on < :today
    WHERE p.paid_on <= :today
),
payment_made AS (
    INSERT INTO payment (enterprise_id, owner_id, village_code, amount_fen, unallocated_fen, paid_on, method,
                         serial, state, recorded_role, recorded_at, decided_at)
    SELECT enterprise_id, owner_id, village_code, sum(fen), 0, paid_on, 'bank',
           upper(substr(md5(enterprise_id || '-' || owner_id || '-' || month), 1, 14)), 'confirmed', 'system',
           paid_on + time '10:00', paid_on + time '10:00'
    FROM part GROUP BY enterprise_id, owner_id, village_code, month, paid_on
    RETURNING id, enterprise_id, owner_id, paid_on, serial
),
allocated AS (
    INSERT INTO payment_allocation (payment_id, bill_id, amount_fen, allocated_at)
    SELECT m.id, p.bill_id, p.fen, p.paid_on + time '10:00'
    FROM payment_made AS m
    JOIN part AS p ON p.enterprise_id = m.enterprise_id AND p.owner_id = m.owner_id
        AND m.serial = upper(substr(md5(p.enterprise_id || '-' || p.owner_id || '-' || p.month), 1, 14))
    RETURNING id, payment_id, bill_id, amount_fen
),
settled AS (
    UPDATE bill AS b SET paid_fen = a.amount_fen FROM allocated AS a WHERE b.id = a.bill_id RETURNING b.id
),
entered AS (
    INSERT INTO ledger_entry (booked_on, payer_id, payee_id, debit, credit, amount_fen, source, source_id)
    SELECT p.paid_on, p.enterprise_id, p.owner_id, 'bank',
           CASE WHEN p.kind = 'rent' THEN 'receivable' ELSE 'deposit_due' END, a.amount_fen,
           'payment_allocation', a.id
    FROM allocated AS a JOIN part AS p ON p.bill_id = a.bill_id
    RETURNING id
)
INSERT INTO receipt (number, payment_id, issued_on)
SELECT 'SJ-' || to_char(paid_on, 'YYYYMM') || '-'
       || lpad((row_number() OVER (PARTITION BY to_char(paid_on, 'YYYYMM') ORDER BY paid_on, m.id)
                + coalesce(s.last, 0))::text, 6, '0'),
       m.id, paid_on
FROM payment_made AS m
LEFT JOIN number_series AS s ON s.name = 'SJ-' || to_char(paid_on, 'YYYYMM')
"""

_FOLLOW_SERIES = """
INSERT INTO number_series (name, last)
SELECT left(number, 9), max(substr(number, 11)::bigint) FROM receipt GROUP BY 1
ON CONFLICT (name) DO UPDATE SET last = excluded.last
"""


def bill_and_pay(
    *,
    since: date,
    today: date,
    firms: tuple[int, int],
    commit: Callable[[], None],
    say: Callable[[str], None],
) -> None:
    """Run the bills twice a month from ``since`` to ``today``, then pay what employers ``firms`` would have.

    ``firms`` is the first and last enterprise id. Commits after each run.
    """
    bills = 0
    for day in [*(since + timedelta(days=step) for step in range(0, (today - since).days, 15)), today]:
        for batch in plan_batches(until=day):
            bills += run_bills(batch=batch, until=day, today=day, actor=SYSTEM).bills
            commit()
    say(f"bills: {bills:,}")
    db.session.execute(text("ANALYZE bill"))
    db.session.execute(text(_PAY), {"today": today, "first": firms[0], "last": firms[1]})
    db.session.execute(text(_FOLLOW_SERIES))
    commit()
    say("payments recorded")
