"""The room board: 400 rooms × 62 days of the village that lets most, against its rows by hand."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg

from bench.district import TODAY
from qiantang_nest.core import clock

Connection = psycopg.Connection[tuple[Any, ...]]
ROOMS, DAYS = 400, 62
FIRST = TODAY - timedelta(days=3)

_VILLAGE = """
SELECT village_code FROM room_claim WHERE state IN ('held', 'leased', 'closed') AND ends_on > %(today)s
GROUP BY village_code ORDER BY count(*) DESC, village_code LIMIT 1"""

_FACTS = """
WITH claim AS MATERIALIZED (
    SELECT c.room_id, c.state, x.lease_id FROM room_claim AS c LEFT JOIN lease_room AS x ON x.claim_id = c.id
    WHERE c.village_code = %(village)s AND c.starts_on <= %(today)s AND c.ends_on > %(today)s
      AND c.state IN ('held', 'leased', 'closed') AND (c.held_until IS NULL OR c.held_until > %(now)s)
),
sleeper AS MATERIALIZED (
    SELECT room_id, count(*) FILTER (WHERE ends_on > %(today)s) AS heads,
           count(*) FILTER (WHERE ends_on > %(today)s AND ends_on <= %(soon)s) AS leaving,
           min(ends_on) FILTER (WHERE ends_on > %(today)s) AS leaves_on,
           count(*) FILTER (WHERE ends_on <= %(today)s) AS overstayed
    FROM stay WHERE village_code = %(village)s AND arrived_on IS NOT NULL AND left_on IS NULL
      AND cancelled_at IS NULL
    GROUP BY room_id
),
late AS MATERIALIZED (
    SELECT lease_id, min(due_on) AS since, bool_or(kind = 'rent') AS rent FROM bill
    WHERE village_code = %(village)s AND voided_at IS NULL AND paid_fen < amount_fen AND due_on < %(today)s
    GROUP BY lease_id
),
report AS MATERIALIZED (
    SELECT s.room_id, count(*) AS open FROM registration AS g JOIN stay AS s ON s.id = g.stay_id
    WHERE g.village_code = %(village)s AND g.done_on IS NULL GROUP BY s.room_id
),
fact AS MATERIALIZED (
    SELECT r.id, r.house_id, h.address, o.name, o.group_no, r.label, r.floor, r.beds, h.safe_until,
           h.dangerous_since, z.hazards, z.major, d.papers, c.state, s.heads, s.leaving, s.leaves_on,
           s.overstayed, l.since, l.rent, g.open, n.notes, f.starts_on AS offered_since
    FROM room AS r JOIN house AS h ON h.id = r.house_id JOIN owner AS o ON o.id = h.owner_id
    LEFT JOIN claim AS c ON c.room_id = r.id LEFT JOIN sleeper AS s ON s.room_id = r.id
    LEFT JOIN late AS l ON l.lease_id = c.lease_id LEFT JOIN report AS g ON g.room_id = r.id
    CROSS JOIN LATERAL (SELECT count(*) AS hazards, bool_or(severity = 'major') AS major FROM hazard
                        WHERE house_id = h.id AND closed_on IS NULL) AS z
    CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM house_document WHERE house_id = h.id) AS papers) AS d
    CROSS JOIN LATERAL (SELECT count(*) AS notes FROM room_note
                        WHERE room_id = r.id AND removed_at IS NULL) AS n
    LEFT JOIN listing AS f ON c.state IS NULL AND f.room_id = r.id AND f.state = 'approved'
        AND f.starts_on <= %(today)s AND f.ends_on > %(today)s
    WHERE r.village_code = %(village)s AND r.removed_at IS NULL AND r.kind IN ('bedroom', 'living_room')
)
"""

_GROUPS = f"""{_FACTS}
SELECT group_no, count(DISTINCT house_id), count(*), sum(beds), sum(heads),
       sum(beds) FILTER (WHERE state = 'held'), sum(beds) FILTER (WHERE state = 'leased'),
       sum(beds) FILTER (WHERE offered_since IS NOT NULL)
FROM fact GROUP BY group_no ORDER BY length(group_no), group_no"""

_ROOMS = f"""{_FACTS}
SELECT house.n, fact.*, offer.starts, offer.ends,
       (SELECT max(ends_on) FROM room_claim
        WHERE offered_since IS NOT NULL AND room_id = fact.id AND state = 'leased' AND ends_on <= %(today)s)
FROM (SELECT house_id, row_number() OVER (ORDER BY length(group_no), group_no, length(address), address) AS n
      FROM (SELECT DISTINCT house_id, group_no, address FROM fact) AS one) AS house
JOIN fact ON fact.house_id = house.house_id
CROSS JOIN LATERAL (
    SELECT array_agg(starts_on) AS starts, array_agg(ends_on) AS ends FROM listing
    WHERE room_id = fact.id AND state = 'approved' AND starts_on < %(last)s AND ends_on > %(first)s) AS offer
WHERE house.n <= %(houses)s
ORDER BY house.n, floor, label"""

_CLAIMS = """
SELECT c.*, x.lease_id, l.state, b.id, e.name, s.*
FROM room_claim AS c
LEFT JOIN lease_room AS x ON x.claim_id = c.id LEFT JOIN lease AS l ON l.id = x.lease_id
LEFT JOIN hold_room AS hr ON hr.claim_id = c.id LEFT JOIN hold AS b ON b.id = hr.hold_id
LEFT JOIN enterprise AS e ON e.id = coalesce(l.enterprise_id, b.enterprise_id)
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE arrived_on <= %(today)s AND ends_on > %(today)s) AS heads,
           bool_or(companion_key >= 1000), count(*) FILTER (WHERE arrived_on IS NULL)
    FROM stay WHERE lease_room_id = x.id AND cancelled_at IS NULL) AS s ON true
WHERE c.room_id = ANY(%(rooms)s) AND c.starts_on < %(last)s AND c.ends_on > %(first)s
  AND c.state IN ('held', 'leased', 'closed') AND (c.held_until IS NULL OR c.held_until > %(now)s)
ORDER BY c.room_id, c.starts_on"""


@dataclass(frozen=True)
class BoardRows:
    """The village that lets most, so many of its houses that 400 rooms are shown, and what binds the SQL."""

    village: str
    houses: int
    binds: dict[str, Any]

    @property
    def path(self) -> str:
        """The page that shows the same."""
        return f"/board?days={DAYS}&per_page={self.houses}"

    def ask(self, connection: Connection) -> tuple[int, int]:
        """How many rooms and claims there are to show."""
        connection.execute(_GROUPS, self.binds).fetchall()
        rooms = [row[1] for row in connection.execute(_ROOMS, self.binds)]
        return len(rooms), len(connection.execute(_CLAIMS, {**self.binds, "rooms": rooms}).fetchall())


def board_rows(connection: Connection) -> BoardRows | None:
    """Choose the village and the houses; None where no village has so many rooms."""
    binds: dict[str, Any] = {
        "today": TODAY,
        "soon": TODAY + timedelta(days=7),
        "now": clock.now(),
        "first": FIRST,
        "last": FIRST + timedelta(days=DAYS),
    }
    village = connection.execute(_VILLAGE, binds).fetchone()
    assert village is not None
    binds |= {"village": village[0], "houses": 10_000}
    rooms = connection.execute(_ROOMS, binds).fetchall()
    if len(rooms) < ROOMS:
        return None
    houses = rooms[ROOMS - 1][0]
    return BoardRows(village[0], houses, {**binds, "houses": houses})
