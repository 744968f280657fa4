"""The SQL of the bill run: what is due, and its bills, lines and ledger entries in one statement.

The same rules as ``billing.rules.schedule`` and ``prorate``, which a property test holds them to. Sets, not
rows: a month of the whole district is seven pairs of statements.

``SCOPE`` stands for the leases looked at: ``l.id = :lease_id`` or ``l.village_code = ANY(:villages)``.
Binds: ``until`` (bills whose issue day has come by then), ``issued_on``.
"""

_PIECES = """
-- Leases with months due that are not all billed. What stands is one probe of uq_bill_once a lease; joining
-- the bills instead would read the whole history each time.
WITH lease_due AS MATERIALIZED (
    SELECT l.id, l.owner_id, l.enterprise_id, l.village_code, l.starts_on, l.ends_on, l.convention,
           l.proration, l.grace_days, l.bill_lead_days, l.signed_on, months.count AS months,
           standing.rent_seqs, CASE WHEN standing.has_deposit THEN 0 ELSE l.deposit_fen END AS deposit_fen
    FROM lease AS l
    CROSS JOIN LATERAL (
        SELECT least(CAST(:until AS date) + l.bill_lead_days::int, l.ends_on - 1) AS last_start
    ) AS horizon
    CROSS JOIN LATERAL (
        SELECT (extract(year FROM horizon.last_start) - extract(year FROM l.starts_on))::int * 12
               + (extract(month FROM horizon.last_start) - extract(month FROM l.starts_on))::int AS months
    ) AS apart
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN horizon.last_start < l.starts_on THEN 0
            -- An anchor month counts only once its own day has come.
            WHEN l.convention = 'anchor'
                 AND (l.starts_on + make_interval(months => apart.months))::date > horizon.last_start
            THEN apart.months
            ELSE apart.months + 1
        END AS count
    ) AS months
    CROSS JOIN LATERAL (
        SELECT count(*) AS bills, coalesce(bool_or(b.kind = 'deposit'), false) AS has_deposit,
               coalesce(array_agg(b.seq) FILTER (WHERE b.kind = 'rent'), '{{}}') AS rent_seqs
        FROM bill AS b
        WHERE b.lease_id = l.id AND b.voided_at IS NULL
    ) AS standing
    WHERE {scope}
      AND l.state IN ('signed', 'ended') AND l.signed_on <= :until
      AND months.count + (l.deposit_fen > 0)::int > standing.bills
),
-- Apart from the months, whose number the planner overrates: it would read every lease room there ever was.
room AS MATERIALIZED (
    SELECT r.lease_id, r.id, r.room_id, r.rent_fen, r.starts_on, r.ends_on
    FROM lease_due AS l
    -- A room given up before its first day has none.
    JOIN lease_room AS r ON r.lease_id = l.id AND r.ends_on > r.starts_on
),
-- The days of a room at one rent: from its first day at the first, then at what an extension agreed.
span AS (
    SELECT lease_id, id, room_id, rent_fen, starts_on,
           lead(starts_on, 1, ends_on) OVER (PARTITION BY id ORDER BY starts_on) AS ends_on
    FROM (
        SELECT * FROM room
        UNION ALL
        SELECT r.lease_id, r.id, r.room_id, later.rent_fen, later.starts_on, r.ends_on
        FROM room AS r
        JOIN lease_room_rent AS later ON later.lease_room_id = r.id
    ) AS rents
),
-- Anchor months always step from the first day of the lease, so a 31st comes back after February.
cycle AS (
    SELECT l.*, k + 1 AS seq, base.starts_on AS base_starts_on, base.ends_on AS base_ends_on
    FROM lease_due AS l
    CROSS JOIN LATERAL generate_series(0, l.months - 1) AS k
    CROSS JOIN LATERAL (
        SELECT CASE WHEN l.convention = 'anchor' THEN l.starts_on
                    ELSE date_trunc('month', l.starts_on)::date END AS anchor
    ) AS step
    CROSS JOIN LATERAL (
        SELECT (step.anchor + make_interval(months => k))::date AS starts_on,
               (step.anchor + make_interval(months => k + 1))::date AS ends_on
    ) AS base
    WHERE k + 1 <> ALL (l.rent_seqs)
),
rent_piece AS (
    SELECT c.id AS lease_id, 'rent' AS kind, c.seq, r.id AS lease_room_id, r.room_id, r.rent_fen,
           cut.starts_on, cut.ends_on, cut.ends_on - cut.starts_on AS days, cut.whole,
           CASE WHEN c.proration = '30' AND NOT cut.whole THEN 30
                ELSE c.base_ends_on - c.base_starts_on END AS base_days
    FROM cycle AS c
    JOIN span AS r
      ON r.lease_id = c.id AND r.starts_on < c.base_ends_on AND r.ends_on > c.base_starts_on
    CROSS JOIN LATERAL (
        SELECT greatest(r.starts_on, c.base_starts_on) AS starts_on,
               least(r.ends_on, c.base_ends_on) AS ends_on,
               r.starts_on <= c.base_starts_on AND r.ends_on >= c.base_ends_on AS whole
    ) AS cut
),
-- The deposit of a lease, split over its rooms by rent; the fen left over go to the largest remainders.
deposit_share AS (
    SELECT l.id AS lease_id, r.id AS lease_room_id, r.room_id, r.rent_fen, r.starts_on, r.ends_on,
           l.deposit_fen, share.floor_fen,
           row_number() OVER (
               PARTITION BY l.id ORDER BY l.deposit_fen * r.rent_fen % share.total_fen DESC, r.id
           ) AS place,
           sum(share.floor_fen) OVER (PARTITION BY l.id) AS floors_fen
    FROM lease_due AS l
    JOIN room AS r ON r.lease_id = l.id
    CROSS JOIN LATERAL (
        SELECT total.fen AS total_fen, l.deposit_fen * r.rent_fen / total.fen AS floor_fen
        FROM (
            SELECT sum(o.rent_fen)::bigint AS fen FROM room AS o WHERE o.lease_id = l.id
        ) AS total
    ) AS share
    WHERE l.deposit_fen > 0
),
piece AS MATERIALIZED (
    SELECT lease_id, kind, seq, lease_room_id, room_id, rent_fen, starts_on, ends_on, days, whole, base_days,
           -- Half up, once a line; a whole month is never prorated, a part never dearer than the whole.
           CASE WHEN whole THEN rent_fen
                ELSE least(rent_fen, (2 * rent_fen * days + base_days) / (2 * base_days)) END AS amount_fen
    FROM rent_piece
    UNION ALL
    SELECT lease_id, 'deposit', 0, lease_room_id, room_id, rent_fen, starts_on, ends_on, ends_on - starts_on,
           true, ends_on - starts_on, floor_fen + (place <= deposit_fen - floors_fen)::int
    FROM deposit_share
),
head AS MATERIALIZED (
    SELECT l.id AS lease_id, l.owner_id, l.enterprise_id, l.village_code, p.kind, p.seq, p.starts_on,
           p.ends_on, p.amount_fen, voided.id AS replaces_id,
           CASE WHEN p.kind = 'deposit' THEN greatest(p.starts_on, l.signed_on)
                -- Issued anew for more than before, the rest is not late on the day it is first asked for;
                -- for less or as much, what was late stays late.
                WHEN p.amount_fen > voided.amount_fen THEN greatest(p.starts_on, CAST(:issued_on AS date))
                ELSE p.starts_on END
               + l.grace_days::int AS due_on
    FROM (
        SELECT lease_id, kind, seq, min(starts_on) AS starts_on, max(ends_on) AS ends_on,
               sum(amount_fen)::bigint AS amount_fen
        FROM piece GROUP BY lease_id, kind, seq
    ) AS p
    JOIN lease_due AS l ON l.id = p.lease_id
    LEFT JOIN LATERAL (
        SELECT v.id, v.amount_fen FROM bill AS v
        WHERE v.lease_id = p.lease_id AND v.kind = p.kind AND v.seq = p.seq AND v.voided_at IS NOT NULL
        ORDER BY v.id DESC LIMIT 1
    ) AS voided ON true
    WHERE p.amount_fen > 0 AND (p.kind = 'deposit' OR p.starts_on - l.bill_lead_days::int <= :until)
)
"""

_DUE = (
    _PIECES
    + """
SELECT due_on, count(*) AS bills FROM head GROUP BY due_on
"""
)

_ISSUE = (
    _PIECES
    + """,
numbered AS (
    SELECT h.*, d.payable_on,
           :first_number - 1 + row_number() OVER (ORDER BY h.village_code, h.lease_id, h.kind, h.seq) AS n
    FROM head AS h
    JOIN unnest(CAST(:raw_days AS date[]), CAST(:payable_days AS date[])) AS d(raw_on, payable_on)
      ON d.raw_on = h.due_on
),
issued AS (
    INSERT INTO bill (number, lease_id, owner_id, enterprise_id, village_code, kind, seq, starts_on, ends_on,
                      issued_on, due_on, amount_fen, replaces_id)
    SELECT :series || '-' || lpad(n::text, greatest(6, length(n::text)), '0'), lease_id, owner_id,
           enterprise_id, village_code, kind, seq, starts_on, ends_on, :issued_on, payable_on, amount_fen,
           replaces_id
    FROM numbered
    ORDER BY n
    ON CONFLICT (lease_id, kind, seq) WHERE voided_at IS NULL DO NOTHING
    RETURNING id, lease_id, owner_id, enterprise_id, village_code, kind, seq, starts_on, amount_fen
),
lines AS (
    INSERT INTO bill_line (bill_id, lease_room_id, room_id, starts_on, ends_on, days, base_days, whole,
                           rate_fen, amount_fen)
    SELECT b.id, p.lease_room_id, p.room_id, p.starts_on, p.ends_on, p.days, p.base_days, p.whole, p.rent_fen,
           p.amount_fen
    FROM issued AS b
    JOIN piece AS p ON p.lease_id = b.lease_id AND p.kind = b.kind AND p.seq = b.seq
    ORDER BY b.id, p.lease_room_id
    RETURNING bill_id
),
entries AS (
    INSERT INTO ledger_entry (booked_on, payer_id, payee_id, debit, credit, amount_fen, source, source_id)
    SELECT :issued_on, enterprise_id, owner_id,
           CASE WHEN kind = 'rent' THEN 'receivable' ELSE 'deposit_due' END,
           CASE WHEN kind = 'rent' THEN 'rent_income' ELSE 'deposit_held' END,
           amount_fen, 'bill', id
    FROM issued
),
counted AS (SELECT bill_id, count(*) AS lines FROM lines GROUP BY bill_id)
SELECT i.village_code, i.enterprise_id, i.owner_id, date_trunc('month', i.starts_on)::date AS month,
       count(*) AS bills, sum(c.lines)::bigint AS lines, sum(i.amount_fen)::bigint AS amount_fen
FROM issued AS i
JOIN counted AS c ON c.bill_id = i.id
GROUP BY 1, 2, 3, 4
"""
)

_SCOPES = {"villages": "l.village_code = ANY(CAST(:villages AS text[]))", "lease": "l.id = :lease_id"}

DUE = {scope: _DUE.format(scope=condition) for scope, condition in _SCOPES.items()}
"""What would be issued: (raw due day, bills)."""

ISSUE = {scope: _ISSUE.format(scope=condition) for scope, condition in _SCOPES.items()}
"""Issue it; returns (village, enterprise, owner, month, bills, lines, sum) for each pair and month."""

ADD_CODES = """
INSERT INTO remark_code (code, enterprise_id, owner_id, month)
SELECT * FROM unnest(
    CAST(:codes AS text[]), CAST(:enterprises AS bigint[]), CAST(:owners AS bigint[]), CAST(:months AS date[])
)
ON CONFLICT (enterprise_id, owner_id, month) DO NOTHING
"""

LEASES_BY_VILLAGE = """
SELECT s.code AS street_code, s.name AS street_name, l.village_code, count(*) AS leases
FROM lease AS l
JOIN village AS v ON v.code = l.village_code
JOIN street AS s ON s.code = v.street_code
WHERE l.state IN ('signed', 'ended') AND l.signed_on <= :until
  AND (CAST(:village AS text) IS NULL OR l.village_code = :village)
GROUP BY 1, 2, 3
ORDER BY 1, 3
"""
