"""Which rooms are free: the one condition that search, holding, closing and figures share."""

from datetime import date, datetime
from typing import Any

FREE_SQL = """coalesce((
    SELECT claim.ends_on FROM room_claim AS claim
    WHERE claim.room_id = room.id AND claim.starts_on < :ends_on
      AND claim.state IN ('held', 'leased', 'closed')
      AND (claim.held_until IS NULL OR claim.held_until > :now)
    ORDER BY claim.starts_on DESC LIMIT 1) <= :starts_on, true)"""
"""True for a row of ``room`` that nobody has taken on any day of ``[:starts_on, :ends_on)`` at ``:now``.

Claims that count never overlap, so the last one to start before the wanted end is the only one that can reach
past the wanted start: one step in ``ix_room_claim_probe``, a quarter of what asking the guard's own index
costs. Only a held claim has ``held_until`` (``ck_room_claim_only_holds_end``), and one whose time has come is
free, whether or not anything has swept it.
"""


def free_values(starts_on: date, ends_on: date, now: datetime) -> dict[str, Any]:
    """What ``FREE_SQL`` binds."""
    return {"starts_on": starts_on, "ends_on": ends_on, "now": now}
