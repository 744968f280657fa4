"""Counting in windows, in one UNLOGGED table, so that a limit holds over all processes.

What is counted survives a refusal (``keep_if_refused``). Keys hold hashes, never a phone or an address.
"""

from datetime import datetime, timedelta

from sqlalchemy import case, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.postgresql.dml import Insert

from qiantang_nest.accounts.models import Throttle
from qiantang_nest.core.crypto import lookup_hash
from qiantang_nest.core.db import db, keep_if_refused
from qiantang_nest.core.errors import TooMany
from qiantang_nest.core.i18n import _

LONGEST_WINDOW = timedelta(days=1)


def throttle_key(what: str, *values: str) -> str:
    """A key that tells nothing of the values it counts for."""
    return f"{what}:{lookup_hash(chr(31).join(values), 'throttle').hex()[:40]}"


def throttle(*, key: str, limit: int, window_seconds: int, now: datetime) -> None:
    """Count one hit; raises TooMany when it is over ``limit`` in its window (at most a day long)."""
    count_hit(key=key, window_seconds=window_seconds, now=now)
    row = db.session.execute(
        select(Throttle.hits, Throttle.window_starts_at).where(Throttle.key == key)
    ).one()
    if row.hits > limit:
        ends_at = row.window_starts_at + timedelta(seconds=window_seconds)
        wait = max(1, int((ends_at - now).total_seconds()))
        raise TooMany(_("太频繁了，请过 %(wait)s再试。", wait=_spoken(wait)), wait)


def is_throttled(*, key: str, limit: int, window_seconds: int, now: datetime) -> bool:
    """Whether ``limit`` hits of the key lie in the window that runs now; counts nothing."""
    hits = db.session.execute(
        select(Throttle.hits).where(
            Throttle.key == key, Throttle.window_starts_at > now - timedelta(seconds=window_seconds)
        )
    ).scalar_one_or_none()
    return hits is not None and hits >= limit


def count_hit(*, key: str, window_seconds: int, now: datetime) -> None:
    """Count one hit in the key's window; a window that is over starts anew."""
    keep_if_refused(_hit(key, window_seconds, now))


def hits_of(*, key: str) -> int:
    """What the key has counted so far."""
    return db.session.execute(select(Throttle.hits).where(Throttle.key == key)).scalar_one_or_none() or 0


def drop_old_throttles(*, now: datetime) -> None:
    """Forget windows that are over for certain."""
    db.session.execute(delete(Throttle).where(Throttle.window_starts_at < now - LONGEST_WINDOW))


def _hit(key: str, window_seconds: int, now: datetime) -> Insert:
    over = Throttle.window_starts_at <= now - timedelta(seconds=window_seconds)
    return (
        insert(Throttle)
        .values(key=key, window_starts_at=now, hits=1)
        .on_conflict_do_update(
            index_elements=[Throttle.key],
            set_={
                "hits": case((over, 1), else_=Throttle.hits + 1),
                "window_starts_at": case((over, now), else_=Throttle.window_starts_at),
            },
        )
    )


def _spoken(seconds: int) -> str:
    if seconds < 120:
        return str(_("%(count)s 秒", count=seconds))
    if seconds < 7200:
        return str(_("%(count)s 分钟", count=-(-seconds // 60)))
    return str(_("%(count)s 小时", count=-(-seconds // 3600)))
