"""Half-open periods of business dates, and the two ways of cutting them into months.

A period holds its first day and not its last: ``[starts_on, ends_on)``. Pages and contracts show the
inclusive last day (``inclusive_end``).
"""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.dialects.postgresql import Range

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _

FIRST_YEAR = 1900
LAST_YEAR = 2199


@dataclass(frozen=True, slots=True)
class Period:
    """The days from ``starts_on`` up to, not including, ``ends_on``; ``None`` has no end.

    Raises:
        InvalidValue: the end is not after the start, or a year lies outside 1900–2199.
        TypeError: a bound is an instant (``datetime``), not a date.
    """

    starts_on: date
    ends_on: date | None = None

    def __post_init__(self) -> None:
        for day in (self.starts_on, self.ends_on):
            if day is None:
                continue
            if isinstance(day, datetime):
                raise TypeError("a period is made of dates, not of instants")
            if not FIRST_YEAR <= day.year <= LAST_YEAR:
                raise InvalidValue(_("日期 %(day)s 不对，请核对年份", day=day.isoformat()))
        if self.ends_on is not None and self.ends_on <= self.starts_on:
            raise InvalidValue(
                _(
                    "结束日期 %(end)s 应晚于开始日期 %(start)s，请改晚一点",
                    end=self.ends_on.isoformat(),
                    start=self.starts_on.isoformat(),
                )
            )

    @classmethod
    def through(cls, first: date, last: date) -> "Period":
        """Make the period of the days from ``first`` to ``last``, both included.

        Raises:
            InvalidValue: ``last`` is before ``first``, or a year lies outside 1900–2199.
        """
        if last < first:
            raise InvalidValue(
                _(
                    "最后一天 %(end)s 早于第一天 %(start)s，请改晚一点",
                    end=last.isoformat(),
                    start=first.isoformat(),
                )
            )
        if last.year > LAST_YEAR:
            raise InvalidValue(_("日期 %(day)s 不对，请核对年份", day=last.isoformat()))
        return cls(first, last + timedelta(days=1))

    @property
    def days(self) -> int:
        """The number of days.

        Raises:
            ValueError: the period has no end.
        """
        if self.ends_on is None:
            raise ValueError("a period without end has no number of days")
        return (self.ends_on - self.starts_on).days

    @property
    def inclusive_end(self) -> date | None:
        """The last day that belongs to the period, as contracts write it; ``None`` without end."""
        return None if self.ends_on is None else self.ends_on - timedelta(days=1)

    def contains(self, day: date) -> bool:
        """Say whether ``day`` belongs to the period."""
        return self.starts_on <= day and (self.ends_on is None or day < self.ends_on)

    def covers(self, other: "Period") -> bool:
        """Say whether every day of ``other`` belongs to this period."""
        if self.ends_on is None:
            return self.starts_on <= other.starts_on
        return (
            self.starts_on <= other.starts_on and other.ends_on is not None and other.ends_on <= self.ends_on
        )

    def overlaps(self, other: "Period") -> bool:
        """Say whether the two periods share a day; periods that only touch do not."""
        return (other.ends_on is None or self.starts_on < other.ends_on) and (
            self.ends_on is None or other.starts_on < self.ends_on
        )

    def intersect(self, other: "Period") -> "Period | None":
        """Return the days that both periods share, ``None`` if there are none."""
        if not self.overlaps(other):
            return None
        ends = [end for end in (self.ends_on, other.ends_on) if end is not None]
        return Period(max(self.starts_on, other.starts_on), min(ends) if ends else None)

    def to_range(self) -> Range[date]:
        """Return the PostgreSQL ``daterange`` ``[starts_on, ends_on)``."""
        return Range(self.starts_on, self.ends_on, bounds="[)")

    @classmethod
    def from_range(cls, value: Range[date]) -> "Period":
        """Read a PostgreSQL ``daterange`` with whatever bounds it was written.

        Raises:
            ValueError: the range is empty or has no lower bound, which no row of ours may hold.
        """
        if value.is_empty or value.lower is None:
            raise ValueError(f"not a period: {value!r}")
        one_day = timedelta(days=1)
        starts_on = value.lower if value.bounds[0] == "[" else value.lower + one_day
        ends_on = value.upper
        if ends_on is not None and value.bounds[1] == "]":
            ends_on += one_day
        return cls(starts_on, ends_on)


@dataclass(frozen=True, slots=True)
class Piece:
    """One month (or cycle of months) cut from a period.

    ``whole`` says that nothing of it lies outside the period; ``base`` is the whole month or cycle it was
    cut from, so ``period == base`` exactly when ``whole``.
    """

    period: Period
    whole: bool
    base: Period


def add_months(anchor: date, months: int) -> date:
    """Return the day ``months`` months after ``anchor``, cut to the end of a shorter month.

    Always step from the original anchor: 31 January + 1 → 28 February, + 2 → 31 March (domain rulebook 4,
    Civil Code 202).
    """
    year, month_index = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    month = month_index + 1
    return date(year, month, min(anchor.day, calendar.monthrange(year, month)[1]))


def cut(period: Period, base: Period) -> Piece | None:
    """Return the part of the month (or cycle) ``base`` that lies in ``period``, None if none does."""
    inside = base.intersect(period)
    return None if inside is None else Piece(inside, inside == base, base)


def anchor_periods(period: Period, months: int = 1, *, anchor: date | None = None) -> Iterator[Piece]:
    """Cut ``period`` into cycles of ``months`` months counted from ``anchor``, by default its first day.

    Counted from its own first day only the last piece can be partial; with an earlier anchor (a room that
    joins a running lease) the first one can be, too. A period without end yields pieces for as long as dates
    last.

    Raises:
        ValueError: ``months`` is below 1, or the anchor lies after the first day.
    """
    if months < 1:
        raise ValueError("a cycle has at least one month")
    anchor = period.starts_on if anchor is None else anchor
    if anchor > period.starts_on:
        raise ValueError("the anchor lies after the period's first day")
    step = 0
    start = anchor
    while period.ends_on is None or start < period.ends_on:
        step += months
        following = add_months(anchor, step)
        if following.year > LAST_YEAR:
            return
        piece = cut(period, Period(start, following))
        if piece is not None:
            yield piece
        start = following


def calendar_periods(period: Period) -> Iterator[Piece]:
    """Cut ``period`` at the first of each month; the first and the last piece can be partial.

    A period without end yields pieces for as long as dates last.
    """
    start = period.starts_on.replace(day=1)
    while period.ends_on is None or start < period.ends_on:
        following = add_months(start, 1)
        if following.year > LAST_YEAR:
            return
        piece = cut(period, Period(start, following))
        if piece is not None:
            yield piece
        start = following
