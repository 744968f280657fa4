"""The room board (房态图) of a village: beds by group of houses, and rooms with their days.

One SQL says for each room of the village what it is today (``_ROOM_TODAY``); groups are sums over it and the
rooms on screen are a page of it, so a number and the rooms behind it cannot disagree. Three reads in all:
groups, rooms, and the claims of those rooms with who sleeps under them; two when more rooms are asked for.

It stands above bookings and billing because it tells of holds and of what is owed.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import TextClause, text

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.occupancy.rules import COUPLE_KEYS_FROM
from qiantang_nest.reports.rules.board import (
    LEAVING_SOON_DAYS,
    LONG_IDLE_DAYS,
    Bar,
    Barred,
    Beds,
    Claim,
    Flag,
    Look,
    Room,
    bars_of,
)

TODO = "todo"
"""The filter for rooms that need a hand."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rooms of the village: of a group, in a state today, with a text in household, address or firm."""

    group: str | None = None
    state: str = ""
    """A ``Look``, a ``Flag`` or ``TODO``; nothing for all."""
    text: str = ""
    room_id: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Which houses of those wanted: ``size`` from the page's first, or the page that holds a house."""

    size: int
    page: int = 1
    house_id: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A group of houses (村民小组) today: rooms by look, beds by what becomes of them, what needs a hand."""

    name: str
    houses: int
    looks: dict[Look, int]
    beds: Beds
    todo: int
    """Rooms that need a hand."""
    held_later: int
    """Rooms held from a later day on."""

    @property
    def rooms(self) -> int:
        return sum(self.looks.values())


@dataclass(frozen=True, slots=True)
class House:
    """A house on the board, in its place among all that were asked for."""

    id: int
    number: int
    address: str
    owner: str
    group: str
    hazards: int
    barred: Barred | None
    rooms: list[tuple[Room, list[Bar]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Board:
    """Some houses of those that were asked for, and how many these are."""

    houses: list[House]
    total: int


_ROOM_TODAY = f"""
WITH claim_today AS MATERIALIZED (
    SELECT c.room_id, c.state, lr.lease_id
    FROM room_claim AS c LEFT JOIN lease_room AS lr ON lr.claim_id = c.id
    WHERE c.village_code = :village AND c.starts_on <= :today AND c.ends_on > :today
      AND c.state IN ('held', 'leased', 'closed') AND (c.held_until IS NULL OR c.held_until > :now)
),
-- Who has arrived and was not checked out: departures are recorded on the day or later, never ahead.
here AS MATERIALIZED (
    SELECT room_id, count(*) FILTER (WHERE ends_on > :today) AS heads,
           count(*) FILTER (WHERE ends_on > :today AND ends_on <= :soon) AS leaving,
           min(ends_on) FILTER (WHERE ends_on > :today) AS leaves_on,
           count(*) FILTER (WHERE ends_on <= :today) AS overstayed
    FROM stay
    WHERE village_code = :village AND arrived_on IS NOT NULL AND left_on IS NULL AND cancelled_at IS NULL
    GROUP BY room_id
),
owing AS MATERIALIZED (
    SELECT lease_id, min(due_on) AS since, bool_or(kind = 'rent') AS rent FROM bill
    WHERE village_code = :village AND voided_at IS NULL AND paid_fen < amount_fen AND due_on < :today
    GROUP BY lease_id
),
to_report AS MATERIALIZED (
    SELECT s.room_id, count(*) AS reports FROM registration AS g JOIN stay AS s ON s.id = g.stay_id
    WHERE g.village_code = :village AND g.done_on IS NULL
    GROUP BY s.room_id
),
house_today AS MATERIALIZED (
    SELECT h.id, h.address, h.safe_until, o.name AS owner, o.group_no, z.hazards,
           CASE WHEN h.dangerous_since IS NOT NULL THEN '{Barred.DANGER}' WHEN z.major THEN '{Barred.HAZARD}'
                WHEN h.safe_until IS NULL OR h.safe_until <= :today THEN '{Barred.CHECK}'
                WHEN d.id IS NULL THEN '{Barred.PAPERS}' END AS barred
    FROM house AS h JOIN owner AS o ON o.id = h.owner_id
    CROSS JOIN LATERAL (SELECT count(*) AS hazards, bool_or(severity = 'major') AS major FROM hazard
                        WHERE house_id = h.id AND closed_on IS NULL) AS z
    LEFT JOIN LATERAL (SELECT id FROM house_document WHERE house_id = h.id LIMIT 1) AS d ON true
    WHERE h.village_code = :village
),
room_facts AS (
    SELECT r.id, r.house_id, h.address, h.owner, h.group_no, r.label, r.floor,
           least(r.beds, r.capacity) AS beds, h.safe_until, h.barred, h.hazards, c.state AS claimed,
           coalesce(p.heads, 0) AS heads, coalesce(p.leaving, 0) AS leaving, p.leaves_on,
           coalesce(p.overstayed, 0) AS overstayed, a.since AS owing_since,
           coalesce(a.rent, false) AS owes_rent, coalesce(g.reports, 0) AS reports, n.notes,
           CASE WHEN p.overstayed > 0 THEN '{Look.CONFLICT}'
                WHEN c.state = 'leased' AND p.heads > 0 THEN '{Look.OCCUPIED}'
                WHEN c.state IS NOT NULL THEN c.state
                WHEN l.starts_on IS NOT NULL THEN '{Look.IDLE}'
                ELSE '{Look.UNLISTED}' END AS look,
           l.starts_on AS offered_since
    FROM room AS r
    JOIN house_today AS h ON h.id = r.house_id
    LEFT JOIN claim_today AS c ON c.room_id = r.id
    LEFT JOIN here AS p ON p.room_id = r.id
    LEFT JOIN owing AS a ON a.lease_id = c.lease_id
    LEFT JOIN to_report AS g ON g.room_id = r.id
    CROSS JOIN LATERAL (SELECT count(*) AS notes FROM room_note
                        WHERE room_id = r.id AND removed_at IS NULL) AS n
    LEFT JOIN LATERAL (
        SELECT starts_on FROM listing
        WHERE c.state IS NULL AND h.barred IS NULL AND r.beds > 0
          AND room_id = r.id AND state = 'approved' AND starts_on <= :today AND ends_on > :today
    ) AS l ON true
    WHERE r.village_code = :village AND r.removed_at IS NULL AND r.kind IN ('bedroom', 'living_room')
),
room_today AS MATERIALIZED (
    SELECT *, overstayed > 0 OR owing_since IS NOT NULL OR reports > 0 OR hazards > 0 AS todo,
           CASE WHEN look = '{Look.IDLE}' THEN greatest(offered_since, (
               SELECT max(ends_on) FROM room_claim
               WHERE room_id = room_facts.id AND state = 'leased' AND ends_on <= :today)) END AS idle_since
    FROM room_facts
)
"""

_GROUPS = text(
    f"""{_ROOM_TODAY},
held_later AS MATERIALIZED (
    SELECT DISTINCT room_id FROM room_claim
    WHERE village_code = :village AND state = 'held' AND starts_on > :today AND held_until > :now
)
SELECT group_no, count(DISTINCT house_id), count(*) FILTER (WHERE todo), count(held_later.room_id), sum(beds),
       coalesce(sum(beds) FILTER (WHERE look = '{Look.IDLE}'), 0),
       coalesce(sum(greatest(beds - heads - overstayed, 0)) FILTER (WHERE claimed = 'held'), 0),
       coalesce(sum(greatest(beds - heads - overstayed, 0)) FILTER (WHERE claimed = 'leased'), 0),
       sum(least(heads + overstayed, beds)),
       {", ".join(f"count(*) FILTER (WHERE look = '{look}')" for look in Look)}
FROM room_today LEFT JOIN held_later ON held_later.room_id = room_today.id
GROUP BY group_no
ORDER BY length(group_no), group_no"""
)

_STATES = {
    **{look.value: f"look = '{look}'" for look in Look},
    Flag.ARREARS.value: "owing_since IS NOT NULL",
    Flag.REGISTRATION.value: "reports > 0",
    Flag.HAZARD.value: "hazards > 0",
    Flag.LEAVING.value: "leaving > 0",
    Flag.BEDS.value: f"look = '{Look.OCCUPIED}' AND heads < beds",
    Flag.LONG_IDLE.value: "idle_since <= :long_ago",
    Flag.NOTE.value: "notes > 0",
    TODO: "todo",
}
STATES = tuple(_STATES)
"""What the board can be narrowed to."""

_TEXT = """(address ILIKE :like OR owner ILIKE :like OR label ILIKE :like OR EXISTS (
    SELECT FROM room_claim AS c
    LEFT JOIN lease_room AS lr ON lr.claim_id = c.id LEFT JOIN lease AS l ON l.id = lr.lease_id
    LEFT JOIN hold_room AS hr ON hr.claim_id = c.id LEFT JOIN hold AS b ON b.id = hr.hold_id
    JOIN enterprise AS e ON e.id = coalesce(l.enterprise_id, b.enterprise_id)
    WHERE c.room_id = room_today.id AND c.ends_on > :today AND c.state IN ('held', 'leased')
      AND (c.held_until IS NULL OR c.held_until > :now) AND e.name ILIKE :like))"""

_ROOMS = """{room_today},
matching AS (SELECT * FROM room_today WHERE {wanted}),
numbered AS (
    SELECT house_id, count(*) OVER () AS total,
           row_number() OVER (ORDER BY length(group_no), group_no, length(address), address, house_id) AS n
    FROM (SELECT DISTINCT house_id, group_no, address FROM matching) AS house
),
skipped AS (
    SELECT least(coalesce((SELECT n - 1 FROM numbered WHERE house_id = :house), :skip),
                 (SELECT greatest(max(n) - 1, 0) FROM numbered)) / :size * :size AS n
)
SELECT m.house_id, numbered.n, numbered.total, m.address, m.owner, m.group_no, m.hazards, m.id, m.label,
       m.floor, m.beds, m.look, m.heads, m.leaving, m.leaves_on, m.overstayed, m.owing_since, m.owes_rent,
       m.reports, m.notes, m.idle_since, m.barred, m.safe_until, offered.starts, offered.ends
FROM skipped
JOIN numbered ON numbered.n > skipped.n AND numbered.n <= skipped.n + :size
JOIN matching AS m ON m.house_id = numbered.house_id
CROSS JOIN LATERAL (
    SELECT array_agg(starts_on ORDER BY starts_on) AS starts, array_agg(ends_on ORDER BY starts_on) AS ends
    FROM listing
    WHERE room_id = m.id AND state = 'approved' AND starts_on < :last AND ends_on > :first
) AS offered
ORDER BY numbered.n, m.floor, length(m.label), m.label"""


@cache
def _rooms_where(wanted: str) -> TextClause:
    """The read of rooms under a condition put together from the constants above."""
    return text(_ROOMS.format(room_today=_ROOM_TODAY, wanted=wanted))


_CLAIMS = text(
    """
SELECT c.id, c.room_id, c.state, c.starts_on, c.ends_on, c.held_until, c.reason, lr.lease_id, l.state, b.id,
       e.name, coalesce(s.heads, 0), coalesce(s.couple, false), coalesce(s.expected, 0)
FROM room_claim AS c
LEFT JOIN lease_room AS lr ON lr.claim_id = c.id
LEFT JOIN lease AS l ON l.id = lr.lease_id
LEFT JOIN hold_room AS hr ON hr.claim_id = c.id AND c.state = 'held'
LEFT JOIN hold AS b ON b.id = hr.hold_id
LEFT JOIN enterprise AS e ON e.id = coalesce(l.enterprise_id, b.enterprise_id)
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE arrived_on IS NOT NULL AND starts_on <= d.day AND ends_on > d.day) AS heads,
           bool_or(companion_key >= :couples) FILTER (
               WHERE arrived_on IS NOT NULL AND starts_on <= d.day AND ends_on > d.day) AS couple,
           count(*) FILTER (WHERE arrived_on IS NULL AND ends_on > :today) AS expected
    FROM stay, (SELECT CASE WHEN c.starts_on <= :today AND c.ends_on > :today THEN :today
                            ELSE greatest(c.starts_on, :first) END AS day) AS d
    WHERE lease_room_id = lr.id AND cancelled_at IS NULL
) AS s ON true
WHERE c.room_id = ANY(CAST(:rooms AS bigint[])) AND c.starts_on < :last AND c.ends_on > :first
  AND c.state IN ('held', 'leased', 'closed') AND (c.held_until IS NULL OR c.held_until > :now)
ORDER BY c.room_id, c.starts_on"""
)


def _binds(actor: Actor, today: date, now: datetime) -> dict[str, Any]:
    """The days, and the clerk's village; nobody else works on a board, so everyone else sees no room."""
    return {
        "village": actor.scope if actor.role == Role.VILLAGE_CLERK else "",
        "today": today,
        "now": now,
        "soon": today + timedelta(days=LEAVING_SOON_DAYS),
        "long_ago": today - timedelta(days=LONG_IDLE_DAYS),
    }


def groups(actor: Actor, today: date, now: datetime) -> list[Group]:
    """The groups of the clerk's village in the order of their numbers; one query."""
    return [
        Group(
            name=row[0],
            houses=row[1],
            todo=row[2],
            held_later=row[3],
            beds=Beds(*(int(beds) for beds in row[4:9])),
            looks=dict(zip(Look, row[9:], strict=True)),
        )
        for row in db.session.execute(_GROUPS, _binds(actor, today, now))
    ]


def board(
    actor: Actor, wanted: Wanted, place: Place, *, first: date, days: int, today: date, now: datetime
) -> Board:
    """A page of the clerk's houses with their rooms and bars over some days; two queries.

    Houses come by group and address; of each only the rooms that match. A page past the end is the last one.
    """
    last = first + timedelta(days=days)
    binds = {**_binds(actor, today, now), "first": first, "last": last}
    conditions = ["true"]
    if wanted.group is not None:
        conditions.append("group_no = :group")
        binds["group"] = wanted.group
    if wanted.state:
        conditions.append(_STATES[wanted.state])
    if wanted.text:
        conditions.append(_TEXT)
        escaped = wanted.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        binds["like"] = f"%{escaped}%"
    if wanted.room_id is not None:
        conditions.append("id = :room")
        binds["room"] = wanted.room_id
    rows = db.session.execute(
        _rooms_where(" AND ".join(conditions)),
        {**binds, "size": place.size, "skip": (place.page - 1) * place.size, "house": place.house_id},
    ).all()
    claims: dict[int, list[Claim]] = defaultdict(list)
    if rows:
        ids = [row[7] for row in rows]
        for row in db.session.execute(_CLAIMS, {**binds, "rooms": ids, "couples": COUPLE_KEYS_FROM}):
            claims[row[1]].append(Claim(*row))
    houses: dict[int, House] = {}
    for row in rows:
        house = houses.get(row[0])
        if house is None:
            house = houses[row[0]] = House(
                row[0], row[1], row[3], row[4], row[5], row[6], Barred(row[21]) if row[21] else None
            )
        room = _room(row, house)
        house.rooms.append((room, bars_of(room, claims[room.id], first=first, last=last, today=today)))
    return Board(list(houses.values()), rows[0][2] if rows else 0)


def _room(row: Sequence[Any], house: House) -> Room:
    (
        identity, label, floor, beds, look, heads, leaving, leaves_on, overstayed, owing_since, owes_rent,
        reports, notes, idle_since, _barred, safe_until, starts, ends,
    ) = row[7:]  # fmt: skip
    return Room(
        id=identity,
        house_id=house.id,
        label=label,
        floor=floor,
        beds=beds,
        look=Look(look),
        heads=heads,
        leaving=leaving,
        leaves_on=leaves_on,
        overstayed=overstayed,
        owing_since=owing_since,
        owes_rent=owes_rent,
        reports=reports,
        notes=notes,
        idle_since=idle_since,
        barred=house.barred,
        safe_until=safe_until,
        offers=list(zip(starts or (), ends or (), strict=True)),
    )
