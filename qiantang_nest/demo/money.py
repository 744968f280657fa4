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
# Every INSERT is ordered, so that the same district gets the same ids.
_PAY = f"""
WITH due AS (
    SELECT id, kind, enterprise_id, owner_id, village_code, amount_fen,
           max(due_on) OVER (PARTITION BY enterprise_id, owner_id, date_trunc('month', due_on)) AS due_on,
           date_trunc('month', due_on)::date AS month
    FROM bill
    WHERE village_code = ANY(:villages) AND paid_fen = 0 AND voided_at IS NULL AND due_on < :today
),
fate AS (
    SELECT due.*, {_CHANCE} AS luck, due_on < :today - 150 AS long_ago FROM due
),
paid AS (
    SELECT fate.*,
           upper(substr(md5(enterprise_id || '-' || owner_id || '-' || month), 1, 14)) AS serial,
           CASE
               WHEN luck < 0.88 THEN due_on - 3 + floor(luck * 100)::int % 4
               WHEN luck < 0.97 THEN due_on + 4 + floor(luck * 1000)::int % 30
               WHEN long_ago THEN due_on + 60
               WHEN luck < 0.985 THEN due_on + 2
           END AS paid_on,
           CASE WHEN luck >= 0.97 AND luck < 0.985 AND NOT long_ago THEN 60 ELSE 100 END AS percent
    FROM fate
),
part AS MATERIALIZED (
    SELECT id AS bill_id, kind, enterprise_id, owner_id, village_code, serial, paid_on,
           amount_fen * percent / 100 AS fen
    FROM paid
    WHERE paid_on <= :today
),
payment_made AS (
    INSERT INTO payment (enterprise_id, owner_id, village_code, amount_fen, unallocated_fen, paid_on, method,
                         serial, state, recorded_role, recorded_at, decided_at)
    SELECT enterprise_id, owner_id, village_code, sum(fen), 0, paid_on, 'bank', serial, 'confirmed', 'system',
           paid_on + time '10:00', paid_on + time '10:00'
    FROM part
    GROUP BY enterprise_id, owner_id, village_code, paid_on, serial
    ORDER BY paid_on, enterprise_id, owner_id, serial
    RETURNING id, paid_on, serial
),
allocated AS (
    INSERT INTO payment_allocation (payment_id, bill_id, amount_fen, allocated_at)
    SELECT m.id, p.bill_id, p.fen, p.paid_on + time '10:00'
    FROM payment_made AS m
    JOIN part AS p USING (serial)
    ORDER BY m.id, p.bill_id
    RETURNING id, bill_id, amount_fen
),
settled AS (
    UPDATE bill AS b SET paid_fen = a.amount_fen FROM allocated AS a WHERE b.id = a.bill_id
),
entered AS (
    INSERT INTO ledger_entry (booked_on, payer_id, payee_id, debit, credit, amount_fen, source, source_id)
    SELECT p.paid_on, p.enterprise_id, p.owner_id, 'bank',
           CASE WHEN p.kind = 'rent' THEN 'receivable' ELSE 'deposit_due' END, a.amount_fen,
           'payment_allocation', a.id
    FROM allocated AS a
    JOIN part AS p ON p.bill_id = a.bill_id
    ORDER BY a.id
),
numbered AS (
    SELECT id, paid_on, 'SJ-' || to_char(paid_on, 'YYYYMM') AS series,
           row_number() OVER (PARTITION BY to_char(paid_on, 'YYYYMM') ORDER BY paid_on, id) AS place
    FROM payment_made
),
reserved AS (
    INSERT INTO number_series (name, last)
    SELECT series, count(*) FROM numbered GROUP BY series
    ON CONFLICT (name) DO UPDATE SET last = number_series.last + excluded.last
)
INSERT INTO receipt (number, payment_id, issued_on)
SELECT n.series || '-' || lpad((n.place + coalesce(s.last, 0))::text, 6, '0'), n.id, n.paid_on
FROM numbered AS n
LEFT JOIN number_series AS s ON s.name = n.series
ORDER BY n.id
"""


def bill_and_pay(
    *,
    since: date,
    today: date,
    commit: Callable[[], None],
    analyze: Callable[[], None],
    say: Callable[[str], None],
) -> None:
    """Run the bills twice a month from ``since`` to ``today``, then pay most of them; commits as it goes."""
    bills = 0
    for day in [*(since + timedelta(days=step) for step in range(0, (today - since).days, 15)), today]:
        for batch in plan_batches(until=day):
            bills += run_bills(batch=batch, until=day, today=day, actor=SYSTEM).bills
            commit()
        if day.day <= 15:
            say(f"bills until {day}: {bills:,}")
    analyze()
    for batch in plan_batches(until=today):
        # Village by village, so that each statement stays well inside the time limit of the role.
        for village in batch.villages:
            db.session.execute(text(_PAY), {"today": today, "villages": [village]})
            commit()
    say("payments recorded")
