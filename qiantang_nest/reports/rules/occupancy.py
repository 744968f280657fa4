"""Occupancy: the counts of one day, and the rates made of them (domain rulebook 6 and 9)."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Self

from qiantang_nest.core.i18n import _l


class Figure(StrEnum):
    """What can be counted on a day, and opened to the rooms behind it."""

    REGISTERED = "registered"
    LISTED = "listed"
    HELD = "held"
    LET = "let"
    CLOSED = "closed"
    OCCUPIED = "occupied"
    EMPTY = "empty"


FIGURE_LABELS = {
    Figure.REGISTERED: _l("登记房间"),
    Figure.LISTED: _l("在架"),
    Figure.HELD: _l("锁定"),
    Figure.LET: _l("已租"),
    Figure.CLOSED: _l("停用"),
    Figure.OCCUPIED: _l("有人住"),
    Figure.EMPTY: _l("空着可租"),
}


@dataclass(frozen=True, slots=True)
class Counts:
    """Rooms, beds and heads of one area on one day; adds up over areas."""

    registered: int = 0
    listed: int = 0
    """On offer: an approved listing on a house that passes the safety gate."""
    held: int = 0
    let: int = 0
    closed: int = 0
    occupied: int = 0
    """With at least one person who has arrived."""
    empty: int = 0
    """Listed, and neither held, let nor closed."""
    empty_beds: int = 0
    market: int = 0
    """Listed or let, each room once."""
    beds: int = 0
    """Beds of rooms listed or let and not closed."""
    heads: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Counts)))

    @property
    def let_rate(self) -> float | None:
        """出租率: rooms let ÷ rooms listed or let; None for a zero base."""
        return self.let / self.market if self.market else None

    @property
    def bed_rate(self) -> float | None:
        """入住率 of the day: heads ÷ beds of rooms listed or let and not closed; None for a zero base."""
        return self.heads / self.beds if self.beds else None

    @classmethod
    def total(cls, parts: Iterable[Self]) -> "Counts":
        """The sum over areas."""
        whole = Counts()
        for part in parts:
            whole += part
        return whole


@dataclass(frozen=True, slots=True)
class MonthRates:
    """One month of a trend: bed-days, and the two rates over the month; None for a zero base."""

    month: str
    """``2026-03``"""
    let_rate: float | None
    bed_rate: float | None
    heads: float
    """Mean heads a day."""


LOW_RATE = 0.5
"""Below this 入住率 a village is marked on the map."""


def first_of_trend(day: date) -> date:
    """The first of the month eleven months before: the trend shows twelve months, the last up to ``day``."""
    months = day.year * 12 + day.month - 1 - 11
    return date(months // 12, months % 12 + 1, 1)
