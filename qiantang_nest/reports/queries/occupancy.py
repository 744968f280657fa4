"""Occupancy from the rows themselves: one day, the rooms behind each number, and the trend of a year.

A day is the state at its 24:00. One SQL says for each room what it is on a day (``_ROOM_DAY``); counts are
sums over it, and opening a number filters it, so the two cannot disagree. The trend reads ``occupancy_day``
where that is valid and computes the rest from changes (+1 where a period begins, −1 where it ends).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import text

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.reports.rules import Counts, Figure, MonthRates


@dataclass(frozen=True, slots=True)
class Area:
    """Whose rooms are looked at: those of villages, narrowed to one household's or one employer's."""

    village_codes: tuple[str, ...]
    owner_user_id: int | None = None
    enterprise_id: int | None = None


def area_of(actor: Actor, village_codes: Sequence[str]) -> Area:
    """The part of the villages that the actor may see figures of; an unknown role sees nothing."""
    if actor.role == Role.VILLAGER:
        return Area(tuple(village_codes), owner_user_id=actor.user_id)
    if actor.enterprise_id is not None:
        return Area(tuple(village_codes), enterprise_id=actor.enterprise_id)
    if actor.is_office:
        return Area(tuple(code for code in village_codes if code.startswith(actor.scope)))
    return Area(())


def own_village_codes(actor: Actor) -> list[str]:
    """Where a villager has houses, or an employer has or had rooms under contract."""
    if actor.role == Role.VILLAGER:
        sql, binds = "SELECT DISTINCT village_code FROM owner WHERE user_id = :id", {"id": actor.user_id}
    elif actor.enterprise_id is not None:
        sql = "SELECT DISTINCT village_code FROM lease WHERE enterprise_id = :id"
        binds = {"id": actor.enterprise_id}
    else:
        return []
    return list(db.session.execute(text(sql), binds).scalars())


_OWN = """AND h.owner_id IN (SELECT id FROM owner WHERE user_id = :user_id)"""
_LET_TO = """AND r.id IN (
    SELECT lr.room_id FROM lease_room AS lr JOIN lease AS l ON l.id = lr.lease_id
    WHERE l.enterprise_id = :enterprise_id
      AND (l.state IN ('signed', 'ended') OR (l.state = 'drafted' AND l.sign_until > :now))
      AND lr.starts_on <= :day AND lr.ends_on > :day)"""

_ROOM_DAY = """
WITH claim_day AS MATERIALIZED (
    SELECT room_id, state FROM room_claim
    WHERE village_code = ANY(:villages) AND starts_on <= :day AND ends_on > :day
      AND state IN ('held', 'leased', 'closed') AND (held_until IS NULL OR held_until > :now)
),
stay_day AS MATERIALIZED (
    SELECT room_id, count(*) AS heads FROM stay
    WHERE village_code = ANY(:villages) AND starts_on <= :day AND ends_on > :day
      AND cancelled_at IS NULL AND arrived_on IS NOT NULL {stay_scope}
    GROUP BY room_id
),
-- Houses that passed the gate on the day: the latest check by then was passed and had not run out.
house_day AS MATERIALIZED (
    SELECT h.id FROM house AS h
    WHERE h.village_code = ANY(:villages) AND (h.dangerous_since IS NULL OR h.dangerous_since > :day)
      AND (SELECT i.passed AND i.valid_until > :day FROM inspection AS i
           WHERE i.house_id = h.id AND i.inspected_on <= :day
           ORDER BY i.inspected_on DESC, i.id DESC LIMIT 1)
      AND NOT EXISTS (SELECT FROM hazard AS z WHERE z.house_id = h.id AND z.severity = 'major'
                      AND z.found_on <= :day AND (z.closed_on IS NULL OR z.closed_on > :day))
),
room_day AS (
    SELECT r.id, r.village_code, r.house_id, r.label, r.beds, l.rent_fen,
           l.id IS NOT NULL AND g.id IS NOT NULL AS listed,
           coalesce(c.state = 'held', false) AS held,
           coalesce(c.state = 'leased', false) AS let,
           coalesce(c.state = 'closed', false) AS closed,
           coalesce(s.heads, 0) AS heads
    FROM room AS r
    JOIN house AS h ON h.id = r.house_id
    LEFT JOIN house_day AS g ON g.id = r.house_id
    LEFT JOIN listing AS l ON l.room_id = r.id AND l.state = 'approved'
        AND l.starts_on <= :day AND l.ends_on > :day
    LEFT JOIN claim_day AS c ON c.room_id = r.id
    LEFT JOIN stay_day AS s ON s.room_id = r.id
    WHERE r.village_code = ANY(:villages) AND r.kind IN ('bedroom', 'living_room')
      AND (r.removed_at IS NULL OR (r.removed_at AT TIME ZONE 'Asia/Shanghai')::date > :day) {room_scope}
)
"""

_CONDITIONS = {
    Figure.REGISTERED: "true",
    Figure.LISTED: "listed",
    Figure.HELD: "held",
    Figure.LET: "let",
    Figure.CLOSED: "closed",
    Figure.OCCUPIED: "heads > 0",
    Figure.EMPTY: "listed AND NOT (held OR let OR closed)",
}

_COUNTS = f"""
SELECT village_code,
       count(*) AS registered,
       count(*) FILTER (WHERE {_CONDITIONS[Figure.LISTED]}) AS listed,
       count(*) FILTER (WHERE {_CONDITIONS[Figure.HELD]}) AS held,
       count(*) FILTER (WHERE {_CONDITIONS[Figure.LET]}) AS let,
       count(*) FILTER (WHERE {_CONDITIONS[Figure.CLOSED]}) AS closed,
       count(*) FILTER (WHERE {_CONDITIONS[Figure.OCCUPIED]}) AS occupied,
       count(*) FILTER (WHERE {_CONDITIONS[Figure.EMPTY]}) AS empty,
       coalesce(sum(beds) FILTER (WHERE {_CONDITIONS[Figure.EMPTY]}), 0)::bigint AS empty_beds,
       count(*) FILTER (WHERE listed OR let) AS market,
       coalesce(sum(beds) FILTER (WHERE (listed OR let) AND NOT closed), 0)::bigint AS beds,
       coalesce(sum(heads), 0)::bigint AS heads
FROM room_day GROUP BY village_code
"""


def _room_day(area: Area, day: date, now: datetime) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {"villages": list(area.village_codes), "day": day, "now": now}
    room_scope = stay_scope = ""
    if area.owner_user_id is not None:
        room_scope, values["user_id"] = _OWN, area.owner_user_id
    if area.enterprise_id is not None:
        room_scope, values["enterprise_id"] = _LET_TO, area.enterprise_id
        stay_scope = "AND enterprise_id = :enterprise_id"
    return _ROOM_DAY.format(room_scope=room_scope, stay_scope=stay_scope), values


def counts_by_village(area: Area, day: date, now: datetime) -> dict[str, Counts]:
    """The counts of each village of the area on a day; a village without rooms is absent. One query."""
    cte, values = _room_day(area, day, now)
    rows = db.session.execute(text(cte + _COUNTS), values).mappings()
    return {
        row["village_code"]: Counts(**{k: v for k, v in row.items() if k != "village_code"}) for row in rows
    }


@dataclass(frozen=True, slots=True)
class RoomOnDay:
    """One of the rooms behind a number."""

    id: int
    village_code: str
    village_name: str
    house_id: int
    address: str
    label: str
    beds: int
    heads: int
    rent_fen: int | None
    listed: bool
    held: bool
    let: bool
    closed: bool


def rooms_behind(
    area: Area, figure: Figure, day: date, now: datetime, *, limit: int, offset: int
) -> tuple[list[RoomOnDay], int]:
    """A page of exactly the rooms that a figure counts, by village, house and label; and how many in all."""
    cte, values = _room_day(area, day, now)
    condition = _CONDITIONS[figure]
    total = db.session.execute(
        text(f"{cte} SELECT count(*) FROM room_day WHERE {condition}"), values
    ).scalar_one()
    rows = db.session.execute(
        text(
            f"{cte} SELECT d.id, d.village_code, v.name AS village_name, d.house_id, h.address, d.label,"
            " d.beds, d.heads, d.rent_fen, d.listed, d.held, d.let, d.closed"
            " FROM room_day AS d JOIN house AS h ON h.id = d.house_id"
            " JOIN village AS v ON v.code = d.village_code"
            f" WHERE {condition} ORDER BY d.village_code, d.house_id, d.label, d.id"
            " LIMIT :limit OFFSET :offset"
        ),
        {**values, "limit": limit, "offset": offset},
    )
    return [RoomOnDay(**row) for row in rows.mappings()], total


# Periods of each room as multiranges, clipped to the wanted days, then counted by their ends.
_SPAN = """
WITH span AS (
    SELECT code, from_day, daterange(from_day, CAST(:last_day AS date) + 1) AS days
    FROM unnest(CAST(:codes AS text[]), CAST(:from_days AS date[])) AS s(code, from_day)
    WHERE from_day <= :last_day
),
offered AS (
    SELECT l.room_id, range_agg(daterange(l.starts_on, l.ends_on)) AS days
    FROM span AS s JOIN room AS r ON r.village_code = s.code
    JOIN listing AS l ON l.room_id = r.id AND l.state = 'approved'
    GROUP BY l.room_id
),
checked AS (
    SELECT house_id,
           range_agg(daterange(inspected_on, greatest(inspected_on, least(valid_until, next_on)))) AS days
    FROM (
        SELECT i.house_id, i.passed, i.inspected_on, i.valid_until,
               lead(i.inspected_on) OVER (PARTITION BY i.house_id ORDER BY i.inspected_on, i.id) AS next_on
        FROM span AS s
        JOIN house AS h ON h.village_code = s.code
        JOIN inspection AS i ON i.house_id = h.id
    ) AS c
    WHERE passed GROUP BY house_id
),
hazardous AS (
    SELECT z.house_id,
           range_agg(daterange(z.found_on, CASE WHEN z.closed_on > z.found_on THEN z.closed_on
                                                WHEN z.closed_on IS NOT NULL THEN z.found_on END)) AS days
    FROM span AS s JOIN house AS h ON h.village_code = s.code
    JOIN hazard AS z ON z.house_id = h.id AND z.severity = 'major'
    GROUP BY z.house_id
),
claimed AS (
    SELECT c.room_id,
           range_agg(daterange(c.starts_on, c.ends_on)) FILTER (WHERE c.state = 'leased') AS let,
           range_agg(daterange(c.starts_on, c.ends_on)) FILTER (WHERE c.state = 'closed') AS closed
    FROM span AS s
    JOIN room_claim AS c ON c.village_code = s.code AND c.ends_on > s.from_day
        AND c.starts_on <= :last_day AND c.state IN ('leased', 'closed')
    GROUP BY c.room_id
),
housed AS (
    SELECT t.room_id, t.village_code,
           daterange(t.starts_on, t.ends_on) * s.days
           * daterange(NULL, (r.removed_at AT TIME ZONE 'Asia/Shanghai')::date) AS days
    FROM span AS s
    JOIN stay AS t ON t.village_code = s.code AND t.ends_on > s.from_day AND t.starts_on <= :last_day
        AND t.cancelled_at IS NULL AND t.arrived_on IS NOT NULL
    JOIN room AS r ON r.id = t.room_id
),
room_span AS (
    SELECT r.village_code, r.beds, listed.days AS listed, let.days AS let, closed.days AS closed
    FROM span AS s
    JOIN room AS r ON r.village_code = s.code AND r.kind IN ('bedroom', 'living_room')
    JOIN house AS h ON h.id = r.house_id
    LEFT JOIN offered AS o ON o.room_id = r.id
    LEFT JOIN checked AS k ON k.house_id = r.house_id
    LEFT JOIN hazardous AS z ON z.house_id = r.house_id
    LEFT JOIN claimed AS c ON c.room_id = r.id
    CROSS JOIN LATERAL (
        SELECT datemultirange(
            s.days * daterange(NULL, (r.removed_at AT TIME ZONE 'Asia/Shanghai')::date)
        ) AS days
    ) AS there
    CROSS JOIN LATERAL (
        SELECT coalesce(o.days * k.days, '{}') * there.days - coalesce(z.days, '{}')
               - CASE WHEN h.dangerous_since IS NULL THEN '{}'::datemultirange
                      ELSE datemultirange(daterange(h.dangerous_since, NULL)) END AS days
    ) AS listed
    CROSS JOIN LATERAL (SELECT coalesce(c.let, '{}') * there.days AS days) AS let
    CROSS JOIN LATERAL (SELECT coalesce(c.closed, '{}') * there.days AS days) AS closed
),
piece AS (
    SELECT village_code, unnest(listed) AS days,
           1 AS listed, 0 AS let, 0 AS market, 0 AS occupied, 0 AS beds, 0 AS heads
    FROM room_span
    UNION ALL SELECT village_code, unnest(let), 0, 1, 0, 0, 0, 0 FROM room_span
    UNION ALL SELECT village_code, unnest(listed + let), 0, 0, 1, 0, 0, 0 FROM room_span
    UNION ALL SELECT village_code, unnest(listed + let - closed), 0, 0, 0, 0, beds, 0 FROM room_span
    UNION ALL SELECT village_code, days, 0, 0, 0, 0, 0, 1 FROM housed
    UNION ALL SELECT village_code, unnest(range_agg(days)), 0, 0, 0, 1, 0, 0
        FROM housed GROUP BY room_id, village_code
),
change AS (
    SELECT village_code, lower(days) AS day, listed, let, market, occupied, beds, heads
    FROM piece WHERE NOT isempty(days)
    UNION ALL
    SELECT village_code, upper(days), -listed, -let, -market, -occupied, -beds, -heads
    FROM piece WHERE NOT isempty(days)
    UNION ALL
    -- The grid as changes of nothing, so that quiet days have a row.
    SELECT s.code, s.from_day + n, 0, 0, 0, 0, 0, 0
    FROM span AS s CROSS JOIN LATERAL generate_series(0, CAST(:last_day AS date) - s.from_day) AS n
),
day_change AS (
    SELECT village_code, day, sum(listed) AS listed, sum(let) AS let, sum(market) AS market,
           sum(occupied) AS occupied, sum(beds) AS beds, sum(heads) AS heads
    FROM change GROUP BY village_code, day
),
running AS (
    SELECT village_code, day,
           sum(listed) OVER w AS listed, sum(let) OVER w AS let, sum(market) OVER w AS market,
           sum(occupied) OVER w AS occupied, sum(beds) OVER w AS beds, sum(heads) OVER w AS heads
    FROM day_change WINDOW w AS (PARTITION BY village_code ORDER BY day)
)
"""

_SPAN_DAYS = _SPAN + "SELECT * FROM running WHERE day <= :last_day"

_STORED = """
SELECT o.* FROM unnest(CAST(:codes AS text[]), CAST(:from_days AS date[])) AS s(code, from_day)
JOIN occupancy_day AS o ON o.village_code = s.code AND o.day >= :first_day AND o.day < s.from_day
    AND o.day <= :last_day
"""

_MONTHS = """
SELECT to_char(day, 'YYYY-MM') AS month, sum(let)::bigint AS let, sum(market)::bigint AS market,
       sum(beds)::bigint AS beds, sum(heads)::bigint AS heads, count(DISTINCT day) AS days
FROM ({source}) AS source GROUP BY 1
"""

# The stored days of a village have no gap; they count if they reach back far enough, up to the first change.
_MISSING_FROM = """
SELECT c.code, greatest(:first_day, CASE WHEN o.first_day <= :first_day
                                         THEN least(d.from_day, o.last_day + 1) END) AS from_day
FROM unnest(CAST(:codes AS text[])) AS c(code)
LEFT JOIN occupancy_dirty AS d ON d.village_code = c.code
LEFT JOIN LATERAL (
    SELECT min(day) AS first_day, max(day) AS last_day FROM occupancy_day WHERE village_code = c.code
) AS o ON true
"""


def missing_from(codes: Sequence[str], first_day: date) -> dict[str, date]:
    """For each village the first day from ``first_day`` on that no valid stored row covers."""
    rows = db.session.execute(text(_MISSING_FROM), {"codes": list(codes), "first_day": first_day})
    return {row.code: row.from_day for row in rows}


def trend_by_month(
    codes: Sequence[str], first_day: date, last_day: date, *, known: Mapping[str, Counts] | None = None
) -> list[MonthRates]:
    """The two rates of each month from ``first_day`` to ``last_day`` over villages, over room- and bed-days.

    Stored days where they are valid, the rest from the rows: never stale, and it does not grow with history.
    ``known`` are the counts of ``last_day``, if the caller has them: usually the only day that is not stored.
    """
    missing = missing_from(codes, first_day)
    sums: dict[str, list[int]] = {}

    def add(month: str, *values: int) -> None:
        sums[month] = [a + b for a, b in zip(sums.get(month, (0, 0, 0, 0)), values, strict=True)]

    stored = text(_MONTHS.format(source=_STORED))
    for row in db.session.execute(stored, _spans(missing, last_day) | {"first_day": first_day}):
        add(row.month, row.let, row.market, row.beds, row.heads)
    if known is not None:
        for code in [code for code, from_day in missing.items() if from_day == last_day]:
            counts = known.get(code, Counts())
            add(f"{last_day:%Y-%m}", counts.let, counts.market, counts.beds, counts.heads)
            del missing[code]
    from_rows = {code: from_day for code, from_day in missing.items() if from_day <= last_day}
    if from_rows:
        live = text(_SPAN + _MONTHS.format(source="SELECT * FROM running WHERE day <= :last_day"))
        for row in db.session.execute(live, _spans(from_rows, last_day)):
            add(row.month, row.let, row.market, row.beds, row.heads)
    return [_rates(month, values, first_day, last_day) for month, values in sorted(sums.items())]


def _spans(from_days: Mapping[str, date], last_day: date) -> dict[str, Any]:
    return {"codes": list(from_days), "from_days": list(from_days.values()), "last_day": last_day}


def _rates(month: str, sums: Sequence[int], first_day: date, last_day: date) -> MonthRates:
    let, market, beds, heads = sums
    begin = date.fromisoformat(f"{month}-01")
    end = (begin + timedelta(days=32)).replace(day=1)
    days = (min(end, last_day + timedelta(days=1)) - max(begin, first_day)).days
    return MonthRates(
        month,
        let_rate=let / market if market else None,
        bed_rate=heads / beds if beds else None,
        heads=heads / days,
    )


def days_from_rows(codes: Sequence[str], first_day: date, last_day: date) -> list[dict[str, Any]]:
    """Each village's days recomputed from the rows: ``village_code, day, listed, let, market, occupied, beds,
    heads``. What ``refresh_days`` stores.
    """
    rows = db.session.execute(
        text(_SPAN_DAYS), {"codes": list(codes), "from_days": [first_day] * len(codes), "last_day": last_day}
    )
    return [dict(row) for row in rows.mappings()]
