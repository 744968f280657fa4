"""One lock a village for everything that settles or issues bills there.

Without it a payment confirmed while the run issues the same pair's next bill would see no open bill and keep
its sum as credit beside an unpaid bill. Row locks cannot stand in: the bill does not exist yet. It is another
lock than the one of rooms (``core.db.lock_villages``), so nobody's booking waits for a bill run; who takes
both takes the rooms' first.
"""

from collections.abc import Iterable

from sqlalchemy import text

from qiantang_nest.core.db import db

_KEY_SPACE = 1
# Keys of two integers never meet the one-integer keys of the rooms' lock. A village is told from the others
# of its district by the last six digits of its code.
_LOCK = text(
    "SELECT pg_advisory_xact_lock(:space, k) FROM (SELECT set_config('lock_timeout', :wait, true)) AS s,"
    " unnest(CAST(:keys AS int[])) AS k"
)


def lock_money(village_codes: Iterable[str], *, wait_seconds: int = 3) -> None:
    """Take the villages' money locks in ascending order, held to the transaction's end.

    Raises Busy (through ``transaction``) after ``wait_seconds``.
    """
    keys = sorted({int(code[-6:]) for code in village_codes})
    db.session.execute(_LOCK, {"space": _KEY_SPACE, "wait": f"{wait_seconds}s", "keys": keys})
