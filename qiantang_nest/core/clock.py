"""The one clock. Business dates are Asia/Shanghai, instants are UTC and aware.

Views and commands read it and hand ``now`` or ``today`` to services, which never look themselves.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

_frozen: ContextVar[datetime | None] = ContextVar("frozen_clock", default=None)
_offset = timedelta(0)


def now() -> datetime:
    """The present instant, aware, UTC."""
    return _frozen.get() or datetime.now(UTC) + _offset


def today() -> date:
    """The business date in Hangzhou."""
    return business_date(now())


def business_date(instant: datetime) -> date:
    """The Shanghai calendar date of an aware instant."""
    return instant.astimezone(SHANGHAI).date()


@contextmanager
def frozen_at(instant: datetime) -> Iterator[None]:
    """Let this thread's clock stand at an aware instant (tests, demo building)."""
    if instant.tzinfo is None:
        raise ValueError("the clock needs an aware instant")
    token = _frozen.set(instant)
    try:
        yield
    finally:
        _frozen.reset(token)


def start_at(instant: datetime | None) -> None:
    """Let the whole process' clock run on from ``instant`` (``CLOCK_START``, refused in production)."""
    global _offset
    _offset = timedelta(0) if instant is None else instant - datetime.now(UTC)
