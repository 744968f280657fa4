"""Claims: taking rooms, letting them, freeing them. Lock the villages (``core.db.lock_villages``) first.

Each function is one statement whatever the number of rooms.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, text, update

from qiantang_nest.core.db import array_literal, db
from qiantang_nest.core.i18n import _
from qiantang_nest.occupancy.models import RoomClaim, RoomTaken


def expire_stale_holds(*, room_ids: Sequence[int], now: datetime) -> None:
    """Release held claims of the rooms whose time has come: the guard cannot read a clock.

    Call it after the look and before ``HELD_CLAIMS_SQL``, under the same lock.
    """
    db.session.execute(
        text(
            "UPDATE room_claim SET state = 'released' WHERE room_id = ANY(CAST(:room_ids AS bigint[]))"
            " AND state = 'held' AND held_until <= :now"
        ),
        {"room_ids": array_literal(room_ids), "now": now},
    )


HELD_CLAIMS_SQL = """
    INSERT INTO room_claim (room_id, village_code, starts_on, ends_on, state, held_until)
    SELECT room_id, village_code, :starts_on, :ends_on, 'held', :held_until
    FROM unnest(CAST(:room_ids AS bigint[]), CAST(:village_codes AS text[])) AS wanted (room_id, village_code)
    ORDER BY room_id
    RETURNING id, room_id"""
"""Takes rooms for ``[:starts_on, :ends_on)`` until ``:held_until``; for a CTE of whoever holds them.

One statement with what hangs on the claims, as every round trip is time inside the villages' lock. A room
that is taken breaks ``room_claim_no_overlap``, which ``transaction`` turns into RoomTaken.
"""


def hold_claims_until(*, claim_ids: Sequence[int], held_until: datetime) -> None:
    """Held rooms stay held until another instant: a lengthened hold's, or that of the lease to be signed."""
    _change_held(claim_ids, held_until=held_until)


def claims_to_leased(*, claim_ids: Sequence[int]) -> None:
    """Held rooms become let rooms; from now on no clock frees them.

    Raises RoomTaken if one is no longer held: its time had come, and somebody else took it.
    """
    if _change_held(claim_ids, state="leased", held_until=None) < len(claim_ids):
        raise RoomTaken(_("手慢了：签字期限到了，其中有房间刚被别家订走，这份合同签不成了。"))


def release_expired_claims(*, now: datetime, limit: int) -> int:
    """Mark at most ``limit`` expired holds as released; returns how many. They are free in any case."""
    expired = (
        select(RoomClaim.id)
        .where(RoomClaim.state == "held", RoomClaim.held_until <= now)
        .order_by(RoomClaim.held_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    done = db.session.execute(
        update(RoomClaim)
        .where(RoomClaim.id.in_(expired.scalar_subquery()))
        .values(state="released")
        .returning(RoomClaim.id)
        .execution_options(synchronize_session=False)
    )
    return len(done.all())


def release_claims(*, claim_ids: Sequence[int]) -> None:
    """Held rooms are free again from this transaction's commit on; let and closed ones are left alone."""
    _change_held(claim_ids, state="released")


def _change_held(claim_ids: Sequence[int], **values: Any) -> int:
    """Write to those of the claims that are held; returns how many."""
    changed = db.session.execute(
        update(RoomClaim)
        .where(RoomClaim.id.in_(claim_ids), RoomClaim.state == "held")
        .values(**values)
        .returning(RoomClaim.id)
    )
    return len(changed.all())
