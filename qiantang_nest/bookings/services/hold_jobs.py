"""What time does to holds, for the worker: reminders, silence, the sweep.

Each may run twice, late, or never: a row is marked by the statement that finds it, several workers share the
rows by SKIP LOCKED, and nothing here decides whether a room is free: an expired hold is, swept or not.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, update

from qiantang_nest.bookings.models import Hold, HoldRoom
from qiantang_nest.bookings.rules import REMIND_BEFORE
from qiantang_nest.bookings.services.telling import OwnerNotice, tell_enterprise, tell_owners
from qiantang_nest.core.clock import SHANGHAI
from qiantang_nest.core.db import db
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.housing.models import Owner
from qiantang_nest.housing.services.telling import tell_clerks
from qiantang_nest.occupancy.models import RoomClaim
from qiantang_nest.occupancy.services.claims import release_expired_claims

BATCH = 500


def remind_households(*, now: datetime) -> int:
    """Remind, once, households whose answer is due within ``REMIND_BEFORE``; returns how many rooms."""
    rows = _mark_waiting(HoldRoom.reminded_at, HoldRoom.answer_due_at <= now + REMIND_BEFORE, now)
    notices = []
    for hold_id, owner_id, enterprise, rooms in _by_household(rows):
        due = min(row.answer_due_at for row in rows if (row.hold_id, row.owner_id) == (hold_id, owner_id))
        local = due.astimezone(SHANGHAI)
        by_when = f"请在 {local.month} 月 {local.day} 日 {local:%H:%M} 前答复" if due > now else "请尽快答复"
        notices.append(
            OwnerNotice(
                owner_id=owner_id,
                key=f"hold-remind:{hold_id}:{owner_id}:{min(rooms)}",
                sms=f"{enterprise}想租您 {len(rooms)} 间房，{by_when}，不会弄就找村管理员。",
                kind="bookings.answer_due",
                params={"enterprise": enterprise, "rooms": len(rooms)},
                url=f"/holds/{hold_id}/answers/{owner_id}",
            )
        )
    tell_owners(notices)
    return len(rows)


def hand_silence_to_clerks(*, now: datetime) -> int:
    """Ask the village, once, to see to households whose answer is overdue; returns how many rooms."""
    rows = _mark_waiting(HoldRoom.chased_at, HoldRoom.answer_due_at <= now, now)
    owners = {
        owner.id: owner
        for owner in db.session.execute(
            select(Owner).where(Owner.id.in_({row.owner_id for row in rows}))
        ).scalars()
    }
    for hold_id, owner_id, enterprise, rooms in _by_household(rows):
        owner = owners[owner_id]
        tell_clerks(
            village_code=owner.village_code,
            kind="bookings.owner_silent",
            params={
                "owner": f"{owner.name} {owner.household_no}",
                "enterprise": enterprise,
                "rooms": len(rooms),
            },
            url=f"/holds/{hold_id}/answers/{owner_id}",
        )
    return len(rows)


def warn_employers(*, now: datetime) -> int:
    """Tell, once, employers whose hold ends within ``REMIND_BEFORE``; returns how many holds."""
    found = (
        select(Hold.id)
        .where(
            Hold.state == "active",
            Hold.expires_at > now,
            Hold.expires_at <= now + REMIND_BEFORE,
            Hold.warned_at.is_(None),
        )
        .order_by(Hold.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    holds = db.session.execute(
        update(Hold)
        .where(Hold.id.in_(found.scalar_subquery()))
        .values(warned_at=now)
        .returning(Hold.id, Hold.enterprise_id)
        .execution_options(synchronize_session=False)
    ).all()
    counts = db.session.execute(
        select(HoldRoom.hold_id, func.count().label("rooms"))
        .join(RoomClaim, RoomClaim.id == HoldRoom.claim_id)
        .where(HoldRoom.hold_id.in_([hold.id for hold in holds]), RoomClaim.state == "held")
        .group_by(HoldRoom.hold_id)
    )
    rooms = {row.hold_id: row.rooms for row in counts}
    for hold in holds:
        tell_enterprise(
            hold.enterprise_id,
            kind="bookings.hold_ends_soon",
            params={"rooms": rooms.get(hold.id, 0)},
            url=f"/holds/{hold.id}",
        )
    return len(holds)


def sweep_expired_holds(*, now: datetime) -> int:
    """Mark the claims of expired holds as released, for tidy tables; returns how many."""
    return release_expired_claims(now=now, limit=BATCH)


def _mark_waiting(mark: Any, due: Any, now: datetime) -> Sequence[Row[Any]]:
    """Set ``mark`` on rooms of live holds that wait and are due; the rows that this call marked."""
    found = (
        select(HoldRoom.id)
        .join(Hold, Hold.id == HoldRoom.hold_id)
        .join(RoomClaim, RoomClaim.id == HoldRoom.claim_id)
        .where(
            HoldRoom.answer == "waiting",
            due,
            mark.is_(None),
            Hold.state == "active",
            Hold.expires_at > now,
            RoomClaim.state == "held",
        )
        .order_by(HoldRoom.id)
        .limit(BATCH)
        .with_for_update(of=HoldRoom, skip_locked=True)
    )
    marked = (
        update(HoldRoom)
        .where(HoldRoom.id.in_(found.scalar_subquery()))
        .values({mark: now})
        .returning(HoldRoom.id, HoldRoom.hold_id, HoldRoom.owner_id, HoldRoom.room_id, HoldRoom.answer_due_at)
        .cte("marked")
    )
    return db.session.execute(
        select(marked, Enterprise.name.label("enterprise"))
        .join(Hold, Hold.id == marked.c.hold_id)
        .join(Enterprise, Enterprise.id == Hold.enterprise_id)
        .order_by(marked.c.id)
    ).all()


def _by_household(rows: Sequence[Row[Any]]) -> list[tuple[int, int, str, list[int]]]:
    """(hold, owner, employer's name, room ids) of each household among the rows."""
    found: dict[tuple[int, int], tuple[str, list[int]]] = {}
    for row in rows:
        found.setdefault((row.hold_id, row.owner_id), (row.enterprise, []))[1].append(row.room_id)
    return [(hold_id, owner_id, name, rooms) for (hold_id, owner_id), (name, rooms) in found.items()]


HOLD_JOBS = (remind_households, hand_silence_to_clerks, warn_employers, sweep_expired_holds)
