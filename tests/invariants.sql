-- What must never be false. Each check is one SELECT that returns the rows that break it.
-- Run by tests that write and by `flask check-invariants`.

-- money ------------------------------------------------------------------------------------------------------

-- name: L1 a reversing entry mirrors the one it reverses
SELECT e.id, e.reverses_id
FROM ledger_entry AS e
JOIN ledger_entry AS o ON o.id = e.reverses_id
WHERE (e.debit, e.credit, e.amount_fen, e.payer_id, e.payee_id)
      IS DISTINCT FROM (o.credit, o.debit, o.amount_fen, o.payer_id, o.payee_id);

-- name: L1 every bill stands in the ledger once, with its sum, and a voided one is taken back
SELECT b.id, b.number, b.amount_fen, e.net_fen
FROM bill AS b
LEFT JOIN (
    SELECT source_id, sum(CASE WHEN reverses_id IS NULL THEN amount_fen ELSE -amount_fen END) AS net_fen
    FROM ledger_entry
    WHERE source = 'bill'
    GROUP BY source_id
) AS e ON e.source_id = b.id
WHERE coalesce(e.net_fen, 0) <> CASE WHEN b.voided_at IS NULL THEN b.amount_fen ELSE 0 END;

-- name: L3 the ledger's balance of each pair is what its open bills and credits say
WITH legs AS (
    SELECT payer_id, payee_id, debit AS account, amount_fen FROM ledger_entry
    UNION ALL
    SELECT payer_id, payee_id, credit, -amount_fen FROM ledger_entry
),
balance AS (
    SELECT payer_id, payee_id,
           sum(amount_fen) FILTER (WHERE account = 'receivable') AS receivable,
           sum(amount_fen) FILTER (WHERE account = 'deposit_due') AS deposit_due,
           sum(amount_fen) FILTER (WHERE account = 'bank') AS bank,
           sum(amount_fen) FILTER (WHERE account = 'credit') AS credit
    FROM legs
    GROUP BY payer_id, payee_id
),
owed AS (
    SELECT enterprise_id, owner_id,
           sum(amount_fen - paid_fen) FILTER (WHERE kind = 'rent') AS receivable,
           sum(amount_fen - paid_fen) FILTER (WHERE kind = 'deposit') AS deposit_due
    FROM bill
    WHERE voided_at IS NULL
    GROUP BY enterprise_id, owner_id
),
arrived AS (
    SELECT enterprise_id, owner_id, sum(amount_fen) AS bank, sum(unallocated_fen) AS credit
    FROM payment
    WHERE state = 'confirmed'
    GROUP BY enterprise_id, owner_id
)
SELECT coalesce(l.payer_id, o.enterprise_id, a.enterprise_id) AS enterprise_id,
       coalesce(l.payee_id, o.owner_id, a.owner_id) AS owner_id
FROM balance AS l
FULL JOIN owed AS o ON o.enterprise_id = l.payer_id AND o.owner_id = l.payee_id
FULL JOIN arrived AS a
  ON a.enterprise_id = coalesce(l.payer_id, o.enterprise_id) AND a.owner_id = coalesce(l.payee_id, o.owner_id)
WHERE coalesce(l.receivable, 0) <> coalesce(o.receivable, 0)
   OR coalesce(l.deposit_due, 0) <> coalesce(o.deposit_due, 0)
   OR coalesce(l.bank, 0) <> coalesce(a.bank, 0)
   OR coalesce(-l.credit, 0) <> coalesce(a.credit, 0);

-- name: L4 bill total equals its lines
SELECT b.id, b.number, b.amount_fen, sum(l.amount_fen) AS lines_fen
FROM bill AS b
LEFT JOIN bill_line AS l ON l.bill_id = b.id
GROUP BY b.id
HAVING b.amount_fen IS DISTINCT FROM sum(l.amount_fen)::bigint;

-- name: L4 a rent line is its days times its rate by the one rounding rule
SELECT l.id, l.bill_id, l.amount_fen
FROM bill_line AS l
JOIN bill AS b ON b.id = l.bill_id
WHERE b.kind = 'rent'
  AND l.amount_fen <> CASE
      WHEN l.whole THEN l.rate_fen
      ELSE least(l.rate_fen, (2 * l.rate_fen * l.days + l.base_days) / (2 * l.base_days))
  END;

-- name: L4 a line charges the room of its lease at the rent of the lease
SELECT l.id, l.bill_id
FROM bill_line AS l
JOIN bill AS b ON b.id = l.bill_id
JOIN lease_room AS r ON r.id = l.lease_room_id
WHERE r.lease_id <> b.lease_id OR r.room_id <> l.room_id OR r.rent_fen <> l.rate_fen;

-- name: L5 no day of a room is charged twice
SELECT a.lease_room_id, a.bill_id, z.bill_id AS other_bill_id
FROM bill_line AS a
JOIN bill AS ab ON ab.id = a.bill_id AND ab.kind = 'rent' AND ab.voided_at IS NULL
JOIN bill_line AS z
  ON z.lease_room_id = a.lease_room_id AND z.id > a.id
 AND z.starts_on < a.ends_on AND a.starts_on < z.ends_on
JOIN bill AS zb ON zb.id = z.bill_id AND zb.kind = 'rent' AND zb.voided_at IS NULL;

-- name: L5 no day between two charged days of a room is left out
SELECT lease_room_id, ends_on, next_starts_on
FROM (
    SELECT l.lease_room_id, l.ends_on,
           lead(l.starts_on) OVER (PARTITION BY l.lease_room_id ORDER BY l.starts_on) AS next_starts_on
    FROM bill_line AS l
    JOIN bill AS b ON b.id = l.bill_id AND b.kind = 'rent' AND b.voided_at IS NULL
) AS spans
WHERE next_starts_on > ends_on
  AND NOT EXISTS (
      SELECT FROM bill_line AS v
      JOIN bill AS vb ON vb.id = v.bill_id AND vb.voided_at IS NOT NULL
      WHERE v.lease_room_id = spans.lease_room_id AND v.starts_on = spans.ends_on
  );

-- name: L6 what is paid on a bill is the sum of its allocations
SELECT b.id, b.number, b.paid_fen, coalesce(sum(a.amount_fen), 0) AS allocated_fen
FROM bill AS b
LEFT JOIN (
    SELECT a.bill_id, a.amount_fen
    FROM payment_allocation AS a
    JOIN payment AS p ON p.id = a.payment_id AND p.state = 'confirmed'
) AS a ON a.bill_id = b.id
GROUP BY b.id
HAVING b.paid_fen <> coalesce(sum(a.amount_fen), 0);

-- name: L7 a confirmed payment is its allocations and its credit, any other settles nothing
SELECT p.id, p.state, p.amount_fen, p.unallocated_fen
FROM payment AS p
LEFT JOIN (
    SELECT payment_id, sum(amount_fen)::bigint AS fen FROM payment_allocation GROUP BY payment_id
) AS a ON a.payment_id = p.id
WHERE CASE
    WHEN p.state = 'confirmed' THEN p.amount_fen <> coalesce(a.fen, 0) + p.unallocated_fen
    WHEN p.state = 'reversed' THEN p.unallocated_fen <> 0
    ELSE p.unallocated_fen <> 0 OR a.fen IS NOT NULL
END;

-- name: L7 a payment settles bills of its own payer and payee only
SELECT a.id, a.payment_id, a.bill_id
FROM payment_allocation AS a
JOIN payment AS p ON p.id = a.payment_id
JOIN bill AS b ON b.id = a.bill_id
WHERE (p.enterprise_id, p.owner_id) <> (b.enterprise_id, b.owner_id);

-- name: L7 no credit stands beside an open bill of the same pair
SELECT p.id, p.enterprise_id, p.owner_id
FROM payment AS p
WHERE p.state = 'confirmed' AND p.unallocated_fen > 0
  AND EXISTS (
      SELECT FROM bill AS b
      WHERE b.enterprise_id = p.enterprise_id AND b.owner_id = p.owner_id
        AND b.voided_at IS NULL AND b.paid_fen < b.amount_fen
  );

-- name: L8 a confirmed payment has one valid receipt, any other none
SELECT p.id, p.state, count(r.id) AS receipts
FROM payment AS p
LEFT JOIN receipt AS r ON r.payment_id = p.id AND r.voided_at IS NULL
GROUP BY p.id
HAVING count(r.id) <> (p.state = 'confirmed')::int;

-- name: L8 receipt and bill numbers have no gap
SELECT series, last, count
FROM (
    SELECT substr(number, 1, 9) AS series, max(substr(number, 11)::bigint) AS last, count(*) AS count
    FROM (SELECT number FROM receipt UNION ALL SELECT number FROM bill) AS numbers
    WHERE number ~ '^(SJ|ZD)-[0-9]{6}-[0-9]{6,}$'
    GROUP BY 1
) AS series
WHERE last <> count;

-- name: L12 a deposit that is held never exceeds what was agreed
SELECT b.lease_id, sum(b.amount_fen) AS billed_fen, l.deposit_fen
FROM bill AS b
JOIN lease AS l ON l.id = b.lease_id
WHERE b.kind = 'deposit' AND b.voided_at IS NULL
GROUP BY b.lease_id, l.deposit_fen
HAVING sum(b.amount_fen) > l.deposit_fen;

-- name: L5 every bill of a pair and month has its remark code
SELECT b.id, b.number
FROM bill AS b
WHERE NOT EXISTS (
    SELECT FROM remark_code AS c
    WHERE c.enterprise_id = b.enterprise_id AND c.owner_id = b.owner_id
      AND c.month = date_trunc('month', b.starts_on)::date
);

-- sleeping ---------------------------------------------------------------------------------------------------

-- name: B1 a bed has one sleeper on any day
SELECT a.id, b.id AS other_id
FROM stay AS a
JOIN stay AS b ON b.room_id = a.room_id AND b.bed_no = a.bed_no AND b.id > a.id
WHERE a.cancelled_at IS NULL AND b.cancelled_at IS NULL
  AND a.starts_on < b.ends_on AND b.starts_on < a.ends_on;

-- name: B2 a person sleeps in one bed on any day, whoever employs them
SELECT id
FROM (
    SELECT s.id, s.starts_on, max(s.ends_on) OVER (
        PARTITION BY coalesce(w.id_number_hash, int8send(w.id)) ORDER BY s.starts_on, s.id
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS taken_until
    FROM stay AS s
    JOIN worker AS w ON w.id = s.worker_id
    WHERE s.cancelled_at IS NULL
) AS nights
WHERE taken_until > starts_on;

-- name: B4 a stay lies inside its room's lease, in a bed that the law allows
SELECT s.id
FROM stay AS s
JOIN lease_room AS lr ON lr.id = s.lease_room_id
JOIN lease AS l ON l.id = lr.lease_id
WHERE s.cancelled_at IS NULL
  AND (s.starts_on < lr.starts_on OR s.ends_on > lr.ends_on
       OR s.room_id <> lr.room_id OR s.enterprise_id <> l.enterprise_id);

-- name: B4 nobody lives in a bed beyond the room's beds and its legal capacity
SELECT s.id, s.bed_no, r.beds, r.capacity
FROM stay AS s
JOIN room AS r ON r.id = s.room_id
WHERE s.cancelled_at IS NULL AND s.left_on IS NULL
  AND s.ends_on > (now() AT TIME ZONE 'Asia/Shanghai')::date
  AND s.bed_no > least(r.beds, r.capacity);

-- name: B4 those who share a room on a day are of one sex or one couple
SELECT a.id, b.id AS other_id
FROM stay AS a
JOIN stay AS b ON b.room_id = a.room_id AND b.id > a.id
JOIN worker AS aw ON aw.id = a.worker_id
JOIN worker AS bw ON bw.id = b.worker_id
WHERE a.cancelled_at IS NULL AND b.cancelled_at IS NULL
  AND a.starts_on < b.ends_on AND b.starts_on < a.ends_on
  AND aw.sex <> bw.sex AND a.companion_key < 1000;

-- name: S2 every arrival and departure of an outsider has its report
SELECT s.id, k.kind
FROM stay AS s
JOIN worker AS w ON w.id = s.worker_id AND NOT w.is_local
JOIN room AS r ON r.id = s.room_id
CROSS JOIN (VALUES ('arrival'), ('departure')) AS k (kind)
WHERE CASE k.kind WHEN 'arrival' THEN s.arrived_on IS NOT NULL ELSE s.left_on IS NOT NULL END
  AND NOT EXISTS (SELECT FROM registration AS g WHERE g.stay_id = s.id AND g.kind = k.kind)
  -- A change of bed within one house is no arrival and no departure.
  AND NOT EXISTS (
      SELECT FROM stay AS o
      JOIN room AS n ON n.id = o.room_id
      WHERE o.worker_id = s.worker_id AND o.id <> s.id AND n.house_id = r.house_id AND o.arrived_on IS NOT NULL
        AND CASE k.kind WHEN 'arrival' THEN o.ends_on = s.starts_on ELSE o.starts_on = s.ends_on END
  );

-- rooms ------------------------------------------------------------------------------------------------------

-- name: B1 a room has one taker on any day
SELECT a.room_id, a.id, b.id AS other_id
FROM room_claim AS a
JOIN room_claim AS b ON b.room_id = a.room_id AND a.id < b.id
WHERE a.state IN ('held', 'leased', 'closed') AND b.state IN ('held', 'leased', 'closed')
  AND daterange(a.starts_on, a.ends_on) && daterange(b.starts_on, b.ends_on);

-- name: B3 a hold that counts holds every room it still has, for the whole time
SELECT h.id AS hold_id, r.id AS hold_room_id
FROM hold AS h
JOIN hold_room AS r ON r.hold_id = h.id AND r.answer <> 'declined'
JOIN room_claim AS c ON c.id = r.claim_id
WHERE h.state = 'active' AND h.expires_at > now()
  AND (c.state, c.starts_on, c.ends_on, c.held_until, c.room_id)
      IS DISTINCT FROM ('held', h.starts_on, h.ends_on, h.expires_at, r.room_id);

-- name: B4 a held room was offered at its rent for the whole time
SELECT r.id AS hold_room_id
FROM hold_room AS r
JOIN hold AS h ON h.id = r.hold_id
JOIN listing AS l ON l.id = r.listing_id
WHERE l.room_id <> r.room_id OR l.starts_on > h.starts_on OR l.ends_on < h.ends_on;

-- name: B6 what was refused, released or booked holds nothing
SELECT r.id AS hold_room_id
FROM hold_room AS r
JOIN hold AS h ON h.id = r.hold_id
JOIN room_claim AS c ON c.id = r.claim_id
WHERE c.state = 'held' AND (h.state <> 'active' OR r.answer = 'declined');

-- name: B6 a let room has its lease, and a lease in force its claims
SELECT l.id AS lease_id, lr.id AS lease_room_id
FROM lease AS l
JOIN lease_room AS lr ON lr.lease_id = l.id
JOIN room_claim AS c ON c.id = lr.claim_id
WHERE l.state IN ('drafted', 'signed') AND lr.ends_on > current_date
  AND (c.state <> 'leased' OR c.room_id <> lr.room_id OR c.starts_on > lr.starts_on OR c.ends_on < lr.ends_on);

-- name: S1 whoever signed a lease signed its own document, and two signatures make it valid
SELECT l.id AS lease_id
FROM lease AS l
JOIN lease_signature AS s ON s.lease_id = l.id
GROUP BY l.id
HAVING bool_or(s.document_sha256 IS DISTINCT FROM l.document_sha256)
    OR (l.state = 'drafted') <> (count(*) < 2);

-- way to work ------------------------------------------------------------------------------------------------

-- name: W1 a way that was told to a stop is kept with the stop's own worksite
SELECT m.id AS routed_minutes_id
FROM routed_minutes AS m
JOIN shuttle_stop AS s ON s.id = m.stop_id
WHERE s.worksite_id <> m.worksite_id;

-- name: W1 a worksite of which ways are known says when it was told of them
SELECT w.id AS worksite_id
FROM worksite AS w
WHERE w.routes_told_at IS NULL AND EXISTS (SELECT FROM routed_minutes AS m WHERE m.worksite_id = w.id);
