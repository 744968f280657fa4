-- What must never be false. Each check is one SELECT that returns the rows that break it.
-- Run after every test that writes and by `flask check-invariants`; `:now` is the instant they are asked at
-- (by hand: `psql -v now="now()"`).

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
    SELECT enterprise_id, owner_id, sum(bank) AS bank, sum(credit) AS credit
    FROM (
        -- By deposit nothing arrives: it is what was held that pays.
        SELECT enterprise_id, owner_id, CASE WHEN method = 'deposit' THEN 0 ELSE amount_fen END AS bank,
               unallocated_fen AS credit
        FROM payment
        WHERE state = 'confirmed'
        UNION ALL
        SELECT enterprise_id, owner_id, -paid_fen, 0 FROM deposit_return
    ) AS moved
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
LEFT JOIN LATERAL (
    SELECT rent_fen FROM lease_room_rent
    WHERE lease_room_id = r.id AND starts_on <= l.starts_on AND b.kind = 'rent'
    ORDER BY starts_on DESC LIMIT 1
) AS later ON true
-- What was billed and voided may be of an extension that came to nothing.
WHERE b.voided_at IS NULL
  AND (r.lease_id <> b.lease_id OR r.room_id <> l.room_id OR coalesce(later.rent_fen, r.rent_fen) <> l.rate_fen);

-- name: L4 another rent begins within its room's days
SELECT t.lease_room_id, t.starts_on
FROM lease_room_rent AS t
JOIN lease_room AS r ON r.id = t.lease_room_id
WHERE t.starts_on <= r.starts_on OR t.starts_on >= r.ends_on;

-- name: L5 nothing is billed beyond the days of a room
SELECT l.id, l.bill_id
FROM bill_line AS l
JOIN bill AS b ON b.id = l.bill_id AND b.voided_at IS NULL
JOIN lease_room AS r ON r.id = l.lease_room_id
JOIN lease AS s ON s.id = r.lease_id
WHERE s.state NOT IN ('signed', 'ended')
   OR r.ends_on = r.starts_on
   OR (b.kind = 'rent' AND (l.starts_on < r.starts_on OR l.ends_on > r.ends_on));

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
    WHERE a.released_at IS NULL
) AS a ON a.bill_id = b.id
GROUP BY b.id
HAVING b.paid_fen <> coalesce(sum(a.amount_fen), 0);

-- name: L7 a confirmed payment is its allocations and its credit, any other settles nothing
SELECT p.id, p.state, p.amount_fen, p.unallocated_fen
FROM payment AS p
LEFT JOIN (
    SELECT payment_id, sum(amount_fen)::bigint AS fen FROM payment_allocation
    WHERE released_at IS NULL
    GROUP BY payment_id
) AS a ON a.payment_id = p.id
WHERE CASE
    WHEN p.state = 'confirmed' THEN p.amount_fen <> coalesce(a.fen, 0) + p.unallocated_fen
    WHEN p.state = 'reversed' THEN p.unallocated_fen <> 0
    ELSE p.unallocated_fen <> 0 OR a.fen IS NOT NULL
END;

-- name: L7 what is released settles a voided bill, and a bill stands in only for a voided one of its months
SELECT b.id, b.number
FROM bill AS b
LEFT JOIN bill AS v ON v.id = b.replaces_id
WHERE (b.replaces_id IS NOT NULL
       AND (v.voided_at IS NULL OR (v.lease_id, v.kind, v.seq) <> (b.lease_id, b.kind, b.seq)))
   OR (b.voided_at IS NULL
       AND EXISTS (SELECT FROM payment_allocation AS a WHERE a.bill_id = b.id AND a.released_at IS NOT NULL));

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

-- name: L12 what was kept and given back of a pair's deposits never exceeds what was paid of them
SELECT r.enterprise_id, r.owner_id, r.gone_fen, b.paid_fen
FROM (
    SELECT enterprise_id, owner_id, sum(deducted_fen + rent_fen + paid_fen) AS gone_fen
    FROM deposit_return
    GROUP BY enterprise_id, owner_id
) AS r
LEFT JOIN (
    SELECT enterprise_id, owner_id, sum(paid_fen) AS paid_fen
    FROM bill
    WHERE kind = 'deposit' AND voided_at IS NULL
    GROUP BY enterprise_id, owner_id
) AS b USING (enterprise_id, owner_id)
WHERE r.gone_fen > coalesce(b.paid_fen, 0);

-- name: L12 every deposit that went back stands in the ledger with its sum
SELECT r.id, r.held_fen, e.net_fen
FROM deposit_return AS r
LEFT JOIN (
    SELECT source_id, sum(amount_fen) AS net_fen FROM ledger_entry
    WHERE source = 'deposit_return' GROUP BY source_id
) AS e ON e.source_id = r.id
WHERE coalesce(e.net_fen, 0) <> r.held_fen - r.rent_fen;

-- name: L12 rent set off against a deposit is a payment of that sum and pair, by a settled deposit alone
SELECT r.id AS deposit_return_id, p.id AS payment_id
FROM deposit_return AS r
FULL JOIN (SELECT * FROM payment WHERE method = 'deposit') AS p ON p.id = r.rent_payment_id
WHERE (r.id IS NULL OR r.rent_fen > 0)
  AND (r.rent_fen, r.enterprise_id, r.owner_id, 'confirmed')
      IS DISTINCT FROM (p.amount_fen, p.enterprise_id, p.owner_id, p.state);

-- name: L12 a deposit goes back after both agreed on the room, and keeps only what cases say
SELECT r.id
FROM deposit_return AS r
LEFT JOIN handover AS h
  ON h.lease_room_id = r.lease_room_id AND h.moment = 'end'
 AND h.lessor_at IS NOT NULL AND h.lessee_at IS NOT NULL
LEFT JOIN (
    SELECT lease_room_id, sum(coalesce(decided_fen, amount_fen)) FILTER (WHERE kind <> 'rent') AS kept_fen,
           sum(coalesce(decided_fen, amount_fen)) FILTER (WHERE kind = 'rent') AS rent_fen
    FROM deposit_case WHERE state <> 'withdrawn' GROUP BY lease_room_id
) AS c ON c.lease_room_id = r.lease_room_id
WHERE h.id IS NULL OR r.deducted_fen > coalesce(c.kept_fen, 0) OR r.rent_fen > coalesce(c.rent_fen, 0);

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
  AND s.ends_on > (CAST(:now AS timestamptz) AT TIME ZONE 'Asia/Shanghai')::date
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

-- name: B4 who sleeps by day has a bed among such, who sleeps by night another
SELECT s.id, w.shift
FROM stay AS s
JOIN worker AS w ON w.id = s.worker_id
WHERE s.cancelled_at IS NULL AND s.left_on IS NULL AND s.companion_key < 1000
  AND s.ends_on > (CAST(:now AS timestamptz) AT TIME ZONE 'Asia/Shanghai')::date
  AND (s.companion_key IN (3, 4)) <> (w.shift = 'night');

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
JOIN hold_room AS r ON r.hold_id = h.id AND r.answer IN ('waiting', 'accepted')
JOIN room_claim AS c ON c.id = r.claim_id
WHERE h.state IN ('active', 'offered') AND h.expires_at > CAST(:now AS timestamptz)
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
LEFT JOIN lease_room AS lr ON lr.claim_id = c.id
LEFT JOIN lease AS l ON l.id = lr.lease_id
WHERE c.state = 'held' AND (r.answer IN ('declined', 'released')
      OR h.state = 'released' OR (h.state = 'booked' AND l.state IS DISTINCT FROM 'drafted'));

-- name: B6 a lease in force has let its rooms, one that waits for signatures holds them until it lapses
SELECT l.id AS lease_id, lr.id AS lease_room_id
FROM lease AS l
JOIN lease_room AS lr ON lr.lease_id = l.id
JOIN room_claim AS c ON c.id = lr.claim_id
WHERE lr.ends_on > (CAST(:now AS timestamptz) AT TIME ZONE 'Asia/Shanghai')::date AND lr.ends_on > lr.starts_on
  AND (c.room_id <> lr.room_id OR c.starts_on > lr.starts_on OR c.ends_on < lr.ends_on
       OR (l.state = 'signed' AND c.state <> 'leased')
       OR (l.state = 'drafted' AND l.sign_until > CAST(:now AS timestamptz)
           AND (c.state, c.held_until) IS DISTINCT FROM ('held', l.sign_until)))
  AND (l.state = 'signed' OR (l.state = 'drafted' AND l.sign_until > CAST(:now AS timestamptz)));

-- name: B6 a lease that came to nothing, and a room given up before its first day, let and hold nothing
SELECT l.id AS lease_id, c.id AS claim_id
FROM lease AS l
JOIN lease_room AS lr ON lr.lease_id = l.id
JOIN room_claim AS c ON c.id = lr.claim_id
WHERE (lr.ends_on = lr.starts_on AND c.state IN ('held', 'leased'))
   OR (l.state = 'cancelled' AND c.state IN ('held', 'leased'))
   OR (l.state = 'drafted' AND l.sign_until <= CAST(:now AS timestamptz)
       AND (c.state = 'leased' OR (c.state = 'held' AND c.held_until > CAST(:now AS timestamptz))));

-- name: S1 a relocation waits for a lease that is not signed, and is done with one that was
SELECT c.id AS lease_change_id, l.id AS lease_id
FROM lease_change AS c
JOIN lease AS l ON l.id = c.new_lease_id
WHERE c.kind = 'relocate'
  AND ((c.state = 'asked' AND l.state <> 'drafted')
       OR (c.state = 'done' AND l.state NOT IN ('signed', 'ended'))
       OR (c.state IN ('refused', 'withdrawn') AND l.state = 'drafted' AND l.sign_until > CAST(:now AS timestamptz)));

-- name: S1 a cancelled lease says who took it back, and no other does
SELECT l.id AS lease_id
FROM lease AS l
LEFT JOIN lease_withdrawal AS w ON w.lease_id = l.id
WHERE (l.state = 'cancelled') <> (w.lease_id IS NOT NULL);

-- name: B4 nobody who has not left lives in a room that both agreed was given back
SELECT s.id, h.id AS handover_id
FROM handover AS h
JOIN stay AS s ON s.lease_room_id = h.lease_room_id
WHERE h.moment = 'end' AND h.lessor_at IS NOT NULL AND h.lessee_at IS NOT NULL
  AND s.arrived_on IS NOT NULL AND s.left_on IS NULL AND s.cancelled_at IS NULL;

-- name: B6 the rooms added to a booking are its own employer's, and their leases are in it
SELECT bh.hold_id, bh.booking_id
FROM booking_hold AS bh
JOIN hold AS h ON h.id = bh.hold_id
JOIN booking AS b ON b.id = bh.booking_id
LEFT JOIN hold_room AS r ON r.hold_id = h.id AND h.state = 'booked' AND r.answer = 'accepted'
LEFT JOIN lease_room AS lr ON lr.claim_id = r.claim_id
LEFT JOIN booking_lease AS bl ON bl.lease_id = lr.lease_id
WHERE h.enterprise_id <> b.enterprise_id OR (r.id IS NOT NULL AND bl.booking_id IS DISTINCT FROM b.id);

-- name: S1 whoever signed a lease signed its own document, and two signatures make it valid
SELECT l.id AS lease_id
FROM lease AS l
JOIN lease_signature AS s ON s.lease_id = l.id
GROUP BY l.id
HAVING bool_or(s.document_sha256 IS DISTINCT FROM l.document_sha256)
    OR (l.state = 'drafted' AND count(*) = 2)
    OR (l.state IN ('signed', 'ended') AND count(*) < 2);

-- plans ------------------------------------------------------------------------------------------------------

-- name: P1 a plan's figures are the sums of its rooms
SELECT plan.id, plan.rent_fen, plan.beds, plan.rooms
FROM plan
LEFT JOIN (
    SELECT plan_id, sum(rent_fen) AS rent_fen, sum(beds) AS beds, count(*) AS rooms,
           count(DISTINCT house_id) AS houses, count(DISTINCT owner_id) AS owners
    FROM plan_room GROUP BY plan_id
) AS line ON line.plan_id = plan.id
WHERE (plan.rent_fen, plan.beds, plan.rooms, plan.houses, plan.owners)
      IS DISTINCT FROM (line.rent_fen, line.beds, line.rooms, line.houses, line.owners);

-- name: P2 a couple has a room of two beds or more
SELECT plan_id, room_id FROM plan_room WHERE sleepers = 'couple' AND beds < 2;

-- name: P3 a hold of a plan is for the plan's own demand and its employer
SELECT hold.id, hold.plan_id, hold.demand_id
FROM hold
JOIN plan ON plan.id = hold.plan_id
JOIN plan_round ON plan_round.id = plan.round_id
JOIN demand ON demand.id = plan_round.demand_id
WHERE hold.demand_id IS DISTINCT FROM demand.id OR hold.enterprise_id <> demand.enterprise_id;

-- way to work ------------------------------------------------------------------------------------------------

-- name: W1 a way that was told to a stop is kept with the stop's own worksite
SELECT m.id AS routed_minutes_id
FROM routed_minutes AS m
JOIN shuttle_stop AS s ON s.id = m.stop_id
WHERE s.worksite_id <> m.worksite_id;
