"""The same questions in SQL written by hand, as psycopg sends it: what the database itself takes.

Shapes and indexes are the good ones (docs/performance.md), so that the ratio measures our layers and not a
bad query. Parameters are psycopg's named ones.
"""

from qiantang_nest.geography.rules import LatLon

_SQUEEZE = 0.8635


def point(place: LatLon) -> dict[str, float]:
    """A place as ``house.place`` has it: one unit is as long in every direction."""
    return {"x": place.lon * _SQUEEZE, "y": place.lat}


FREE = """coalesce((
    SELECT c.ends_on FROM room_claim AS c
    WHERE c.room_id = r.id AND c.starts_on < %(ends_on)s AND c.state IN ('held', 'leased', 'closed')
      AND (c.held_until IS NULL OR c.held_until > %(now)s)
    ORDER BY c.starts_on DESC LIMIT 1) <= %(starts_on)s, true)"""

TAKEABLE = f"""
    l.state = 'approved' AND l.starts_on <= %(starts_on)s AND l.ends_on >= %(ends_on)s
    AND r.removed_at IS NULL AND r.beds >= 1
    AND h.dangerous_since IS NULL AND h.safe_until > %(starts_on)s
    AND EXISTS (SELECT FROM house_document AS d WHERE d.house_id = h.id)
    AND NOT EXISTS (SELECT FROM hazard AS z
                    WHERE z.house_id = h.id AND z.severity = 'major' AND z.closed_on IS NULL)
    AND {FREE}"""

NEAREST_ROOMS = f"""
SELECT r.id, r.village_code, r.label, r.floor, r.usable_m2, r.beds, r.features, l.rent_fen, h.lat, h.lon,
       (SELECT p.media_name FROM photo AS p WHERE p.room_id = r.id ORDER BY p.id LIMIT 1) AS photo
FROM (
    SELECT id, place <-> point(%(x)s, %(y)s) AS far FROM house
    WHERE place <@ circle(point(%(x)s, %(y)s), %(reach)s)
    ORDER BY place <-> point(%(x)s, %(y)s) OFFSET 0
) AS near
JOIN house AS h ON h.id = near.id
JOIN room AS r ON r.house_id = near.id
JOIN listing AS l ON l.room_id = r.id
WHERE {TAKEABLE}
ORDER BY near.far, near.id, r.id
LIMIT 21
"""

COUNTS = f"""
SELECT r.village_code, count(*), sum(r.beds), min(l.rent_fen)
FROM room AS r
JOIN house AS h ON h.id = r.house_id
JOIN listing AS l ON l.room_id = r.id
WHERE h.village_code = ANY(%(villages)s) AND h.place <@ circle(point(%(x)s, %(y)s), %(reach)s) AND {TAKEABLE}
GROUP BY r.village_code
"""

VILLAGES = """
SELECT v.code, v.name, v.lat, v.lon, s.code, s.name, s.lat, s.lon
FROM village AS v JOIN street AS s ON s.code = v.street_code ORDER BY v.code
"""

WORKSITES = (
    "SELECT id, name, lat, lon FROM worksite WHERE enterprise_id = %(enterprise)s AND closed_at IS NULL"
)

COMMUTE_RULE = """
SELECT detour, walk_kmh, ebike_kmh, shuttle_kmh FROM commute_setting
WHERE effective_on <= %(day)s ORDER BY effective_on DESC LIMIT 1
"""

LOCK = "SELECT pg_advisory_xact_lock(k) FROM unnest(%(keys)s::bigint[]) AS k"

TAKE = f"""
INSERT INTO room_claim (room_id, village_code, starts_on, ends_on, state, held_until)
SELECT offer.id, offer.village_code, %(starts_on)s, %(ends_on)s, 'held', %(now)s + interval '48 hours'
FROM (
    SELECT id FROM house
    WHERE village_code = ANY(%(villages)s) ORDER BY place <-> point(%(x)s, %(y)s) OFFSET 0
) AS near
CROSS JOIN LATERAL (
    SELECT r.id, r.village_code
    FROM house AS h
    JOIN room AS r ON r.house_id = h.id
    JOIN listing AS l ON l.room_id = r.id
    WHERE h.id = near.id AND {TAKEABLE} OFFSET 0
) AS offer
LIMIT %(rooms)s
"""
"""The nearest free rooms of the villages, claimed: what a hold asks, and the least that answers it."""

OCCUPANCY_DAY = """
WITH claim AS MATERIALIZED (
    SELECT room_id, state FROM room_claim
    WHERE village_code = ANY(%(villages)s) AND starts_on <= %(day)s AND ends_on > %(day)s
      AND state IN ('held', 'leased', 'closed') AND (held_until IS NULL OR held_until > %(now)s)
),
head AS MATERIALIZED (
    SELECT room_id, count(*) AS heads FROM stay
    WHERE village_code = ANY(%(villages)s) AND starts_on <= %(day)s AND ends_on > %(day)s
      AND cancelled_at IS NULL AND arrived_on IS NOT NULL
    GROUP BY room_id
),
sound AS MATERIALIZED (
    SELECT h.id FROM house AS h
    WHERE h.village_code = ANY(%(villages)s) AND (h.dangerous_since IS NULL OR h.dangerous_since > %(day)s)
      AND (SELECT i.passed AND i.valid_until > %(day)s FROM inspection AS i
           WHERE i.house_id = h.id AND i.inspected_on <= %(day)s
           ORDER BY i.inspected_on DESC, i.id DESC LIMIT 1)
      AND NOT EXISTS (SELECT FROM hazard AS z WHERE z.house_id = h.id AND z.severity = 'major'
                      AND z.found_on <= %(day)s AND (z.closed_on IS NULL OR z.closed_on > %(day)s))
),
day AS (
    SELECT r.village_code, r.beds, l.id IS NOT NULL AND s.id IS NOT NULL AS listed,
           coalesce(c.state, '') AS state, coalesce(e.heads, 0) AS heads
    FROM room AS r
    LEFT JOIN sound AS s ON s.id = r.house_id
    LEFT JOIN listing AS l ON l.room_id = r.id AND l.state = 'approved'
        AND l.starts_on <= %(day)s AND l.ends_on > %(day)s
    LEFT JOIN claim AS c ON c.room_id = r.id
    LEFT JOIN head AS e ON e.room_id = r.id
    WHERE r.village_code = ANY(%(villages)s) AND r.kind IN ('bedroom', 'living_room')
      AND (r.removed_at IS NULL OR (r.removed_at AT TIME ZONE 'Asia/Shanghai')::date > %(day)s)
)
SELECT village_code, count(*) AS registered, count(*) FILTER (WHERE listed) AS listed,
       count(*) FILTER (WHERE state = 'held') AS held, count(*) FILTER (WHERE state = 'leased') AS let,
       count(*) FILTER (WHERE state = 'closed') AS closed, count(*) FILTER (WHERE heads > 0) AS occupied,
       count(*) FILTER (WHERE listed AND state = '') AS empty,
       coalesce(sum(beds) FILTER (WHERE listed AND state = ''), 0) AS empty_beds,
       count(*) FILTER (WHERE listed OR state = 'leased') AS market,
       coalesce(sum(beds) FILTER (WHERE (listed OR state = 'leased') AND state <> 'closed'), 0) AS beds,
       sum(heads) AS heads
FROM day GROUP BY village_code
"""

OCCUPANCY_YEAR = """
SELECT to_char(day, 'YYYY-MM'), sum(let), sum(market), sum(beds), sum(heads)
FROM occupancy_day WHERE village_code = ANY(%(villages)s) AND day >= %(first_day)s AND day < %(day)s
GROUP BY 1 ORDER BY 1
"""

BILLS = """
WITH due AS MATERIALIZED (
    SELECT l.id, l.owner_id, l.enterprise_id, l.village_code, l.starts_on AS lease_starts_on, l.ends_on,
           l.convention, l.proration, l.grace_days, l.bill_lead_days, l.deposit_fen,
           CASE WHEN l.convention = 'anchor' THEN l.starts_on
                ELSE date_trunc('month', l.starts_on)::date END AS anchor
    FROM lease AS l
    WHERE l.state = 'signed' AND l.signed_on <= %(until)s AND l.ends_on > %(since)s
),
cycle AS (
    SELECT due.*, k + 1 AS seq, (anchor + make_interval(months => k))::date AS base_from,
           (anchor + make_interval(months => k + 1))::date AS base_to
    FROM due CROSS JOIN LATERAL generate_series(
        greatest(0, (extract(year FROM age(%(since)s::date, anchor)) * 12
                     + extract(month FROM age(%(since)s::date, anchor)))::int - 1), 400) AS k
    WHERE (anchor + make_interval(months => k))::date < ends_on
      AND greatest(lease_starts_on, (anchor + make_interval(months => k))::date) - bill_lead_days::int
          <= %(until)s
),
open AS (
    SELECT * FROM cycle AS c
    WHERE NOT EXISTS (SELECT FROM bill AS b WHERE b.lease_id = c.id AND b.kind = 'rent' AND b.seq = c.seq
                      AND b.voided_at IS NULL)
),
piece AS MATERIALIZED (
    SELECT o.id AS lease_id, 'rent' AS kind, o.seq, r.id AS lease_room_id, r.room_id, r.rent_fen,
           greatest(r.starts_on, o.base_from) AS piece_from, least(r.ends_on, o.base_to) AS piece_to,
           r.starts_on <= o.base_from AND r.ends_on >= o.base_to AS whole,
           CASE WHEN o.proration = '30' THEN 30 ELSE o.base_to - o.base_from END AS base_days
    FROM open AS o
    JOIN lease_room AS r ON r.lease_id = o.id AND r.starts_on < o.base_to AND r.ends_on > o.base_from
    UNION ALL
    SELECT d.id, 'deposit', 0, r.id, r.room_id, r.rent_fen, r.starts_on, r.ends_on, true, 0
    FROM due AS d JOIN lease_room AS r ON r.lease_id = d.id
    WHERE d.deposit_fen > 0 AND NOT EXISTS (
        SELECT FROM bill AS b WHERE b.lease_id = d.id AND b.kind = 'deposit' AND b.voided_at IS NULL)
),
priced AS MATERIALIZED (
    SELECT *, piece_to - piece_from AS days,
           CASE WHEN whole THEN rent_fen
                ELSE least(rent_fen, round(rent_fen::numeric * (piece_to - piece_from) / base_days)::bigint)
           END AS fen
    FROM piece
),
issued AS (
    INSERT INTO bill (number, lease_id, owner_id, enterprise_id, village_code, kind, seq, starts_on, ends_on,
                      issued_on, due_on, amount_fen)
    SELECT 'X-' || p.lease_id || '-' || p.seq, p.lease_id, d.owner_id, d.enterprise_id, d.village_code,
           p.kind, p.seq, p.starts_on, p.ends_on, %(today)s, p.starts_on + d.grace_days::int, p.fen
    FROM (SELECT lease_id, kind, seq, min(piece_from) AS starts_on, max(piece_to) AS ends_on,
                 sum(fen)::bigint AS fen
          FROM priced GROUP BY lease_id, kind, seq) AS p
    JOIN due AS d ON d.id = p.lease_id
    ON CONFLICT (lease_id, kind, seq) WHERE voided_at IS NULL DO NOTHING
    RETURNING id, lease_id, kind, seq
)
INSERT INTO bill_line (bill_id, lease_room_id, room_id, starts_on, ends_on, days, base_days, whole, rate_fen,
                       amount_fen)
SELECT i.id, p.lease_room_id, p.room_id, p.piece_from, p.piece_to, p.days,
       CASE WHEN p.whole THEN p.days ELSE p.base_days END, p.whole, p.rent_fen, p.fen
FROM issued AS i JOIN priced AS p ON p.lease_id = i.lease_id AND p.kind = i.kind AND p.seq = i.seq
"""
"""The month's bills and lines of the whole district in one statement; no ledger, numbers or remark codes."""
