"""Claims: taking rooms, letting them, freeing them. Lock the villages (``core.db.lock_villages``) first.

Each function is one statement whatever the number of rooms.
"""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import text, update

from qiantang_nest.core.db import db
from qiantang_nest.occupancy.models import RoomClaim


def expire_stale_holds(*, room_ids: Sequence[int], now: datetime) -> None:
    """Release held claims of the rooms whose time has come: the guard cannot read a clock.

    Call it after the look and before ``insert_held_claims``, under the same lock.
    """
    db.session.execute(
        text(
            "UPDATE room_claim SET state = 'released' WHERE room_id = ANY(:room_ids)"
            " AND state = 'held' AND held_until <= :now"
        ),
        {"room_ids": list(room_ids), "now": now},
    )


def insert_held_claims(
    *, room_ids: Sequence[int], starts_on: date, ends_on: date, held_until: datetime
) -> dict[int, int]:
    """Take the rooms for ``[starts_on, ends_on)`` until ``held_until``; returns room id → claim id.

    Raises RoomTaken (when the statement runs inside ``transaction``) if one of them is taken.
    """
    rows = db.session.execute(
        text(
            "INSERT INTO room_claim (room_id, village_code, starts_on, ends_on, state, held_until)"
            " SELECT id, village_code, :starts_on, :ends_on, 'held', :held_until"
            " FROM room WHERE id = ANY(:room_ids) ORDER BY id RETURNING room_id, id"
        ),
        {
            "room_ids": list(room_ids),
            "starts_on": starts_on,
            "ends_on": ends_on,
            "held_until": held_until,
        },
    )
    return {row.room_id: row.id for row in rows}


def claims_to_leased(*, claim_ids: Sequence[int]) -> None:
    """Held rooms become let rooms; from now on no clock frees them."""
    _set_state(claim_ids, "leased", "held", held_until=None)


def release_claims(*, claim_ids: Sequence[int]) -> None:
    """Held rooms are free again from this transaction's commit on; let and closed ones are left alone."""
    _set_state(claim_ids, "released", "held")


def _set_state(claim_ids: Sequence[int], state: str, before: str, **values: None) -> None:
    db.session.execute(
        update(RoomClaim)
        .where(RoomClaim.id.in_(claim_ids), RoomClaim.state == before)
        .values(state=state, **values)
    )
