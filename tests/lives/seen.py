"""What the database says after a step, with every check of what must never be false: one round trip."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from tests import promises


@dataclass(frozen=True)
class SeenRoom:
    """A room of a hold."""

    id: int
    room_id: int
    answer: str
    replaces_id: int | None


@dataclass(frozen=True)
class SeenHold:
    """A hold, whatever has become of it."""

    id: int
    enterprise_id: int
    state: str
    starts_on: date
    ends_on: date
    expires_at: datetime
    lengthened: bool
    demand_id: int | None
    waiting_id: int | None
    rooms: tuple[SeenRoom, ...]


@dataclass(frozen=True)
class SeenStay:
    """A stay that was not cancelled."""

    id: int
    worker_id: int
    room_id: int
    lease_room_id: int
    bed_no: int
    key: int
    starts_on: date
    ends_on: date
    arrived: bool
    left: bool


@dataclass(frozen=True)
class Seen:
    """Everything the model has an opinion on."""

    claims: list[tuple[int, date, date, str, datetime | None]]
    """Those that count: room, days, state, until."""
    holds: dict[int, SeenHold]
    leases: dict[int, tuple[str, date, datetime | None, list[tuple[int, int, date, date]]]]
    """State, end, last moment to sign, and of each room: id, room, days."""
    changes: dict[int, str]
    stays: list[SeenStay]
    demands: dict[int, str]
    waits: dict[int, bool]
    """Whether still in the list."""
    arrived: dict[tuple[int, int], int]
    """(employer, household) → the sum of payments that count."""
    kept: dict[tuple[int, int], int]
    """What of it is on bills, or credit."""
    open: dict[tuple[int, int], int]
    """What is billed and not paid."""

    @property
    def living(self) -> Counter[int]:
        """Who has come and not left."""
        return Counter(stay.worker_id for stay in self.stays if stay.arrived and not stay.left)


QUESTION = f"""
CREATE FUNCTION seen(moment timestamptz) RETURNS json
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $seen$ BEGIN RETURN json_build_object(
  'broken', ({promises._ANY_BROKEN}),
  'claims', (SELECT json_agg(json_build_array(room_id, starts_on, ends_on, state, held_until)
             ORDER BY room_id, starts_on)
      FROM room_claim
      WHERE state <> 'released' AND (held_until IS NULL OR held_until > CAST(:now AS timestamptz))),
  'holds', (SELECT json_agg(json_build_array(id, enterprise_id, state, starts_on, ends_on, expires_at,
             lengthened_at IS NOT NULL, demand_id, waiting_id,
             (SELECT json_agg(json_build_array(r.id, r.room_id, r.answer, r.replaces_id) ORDER BY r.id)
              FROM hold_room AS r WHERE r.hold_id = hold.id)) ORDER BY id) FROM hold),
  'leases', (SELECT json_agg(json_build_array(id, state, ends_on, sign_until,
             (SELECT json_agg(json_build_array(r.id, r.room_id, r.starts_on, r.ends_on) ORDER BY r.id)
              FROM lease_room AS r WHERE r.lease_id = lease.id))) FROM lease),
  'changes', (SELECT json_agg(json_build_array(id, state)) FROM lease_change),
  'stays', (SELECT json_agg(json_build_array(id, worker_id, room_id, lease_room_id, bed_no, companion_key,
             starts_on, ends_on, arrived_on IS NOT NULL, left_on IS NOT NULL) ORDER BY id)
      FROM stay WHERE cancelled_at IS NULL),
  'demands', (SELECT json_agg(json_build_array(id, state)) FROM demand),
  'waits', (SELECT json_agg(json_build_array(id, left_at IS NULL)) FROM waiting),
  'paid', (SELECT json_agg(json_build_array(enterprise_id, owner_id, amount_fen, unallocated_fen))
      FROM payment WHERE state = 'confirmed'),
  'bills', (SELECT json_agg(json_build_array(enterprise_id, owner_id, paid_fen, amount_fen))
      FROM bill WHERE voided_at IS NULL)
); END $seen$
""".replace(":now", "moment")
"""A function for a test's own database, made by its superuser: planned once.

As a statement it would be planned anew after each refusal, since the driver forgets what it prepared when a
savepoint is rolled back, and planning takes ten times as long as asking.
"""


def look(connection: Connection, now: datetime) -> Seen:
    """Read it all as of ``now``; fails if a check does not hold."""
    said = connection.execute(text("SELECT seen(:now)"), {"now": now}).scalar_one()
    if said.pop("broken"):
        promises.assert_kept(connection, now)
    found = {name: rows or [] for name, rows in said.items()}
    arrived: Counter[tuple[int, int]] = Counter()
    kept: Counter[tuple[int, int]] = Counter()
    owed: Counter[tuple[int, int]] = Counter()
    for firm, owner, amount, credit in found["paid"]:
        arrived[firm, owner] += amount
        kept[firm, owner] += credit
    for firm, owner, paid, amount in found["bills"]:
        kept[firm, owner] += paid
        owed[firm, owner] += amount - paid
    return Seen(
        claims=[
            (room, date.fromisoformat(first), date.fromisoformat(end), state, _instant(until))
            for room, first, end, state, until in found["claims"]
        ],
        holds={hold.id: hold for hold in map(_hold, found["holds"])},
        leases={
            id_: (state, date.fromisoformat(end), _instant(until), [_lease_room(one) for one in rooms])
            for id_, state, end, until, rooms in found["leases"]
        },
        changes=dict(found["changes"]),
        stays=[
            SeenStay(*one[:6], date.fromisoformat(one[6]), date.fromisoformat(one[7]), *one[8:])
            for one in found["stays"]
        ],
        demands=dict(found["demands"]),
        waits=dict(found["waits"]),
        arrived=arrived,
        kept=kept,
        open=owed,
    )


def _instant(iso: str | None) -> datetime | None:
    return None if iso is None else datetime.fromisoformat(iso)


def _hold(row: list[Any]) -> SeenHold:
    id_, firm, state, first, end, expires, lengthened, demand, waiting, rooms = row
    return SeenHold(
        id_,
        firm,
        state,
        date.fromisoformat(first),
        date.fromisoformat(end),
        datetime.fromisoformat(expires),
        lengthened,
        demand,
        waiting,
        tuple(SeenRoom(*room) for room in rooms or ()),
    )


def _lease_room(row: list[Any]) -> tuple[int, int, date, date]:
    return row[0], row[1], date.fromisoformat(row[2]), date.fromisoformat(row[3])
