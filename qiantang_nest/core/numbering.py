"""Gapless numbers (receipts, contracts, bills) from one counter row per series."""

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from qiantang_nest.core.db import Base, db


class NumberSeries(Base):
    """The last number given out in a series such as ``SJ-202603``."""

    __tablename__ = "number_series"

    name: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int]


def reserve(series: str, count: int = 1) -> int:
    """Take ``count`` consecutive numbers; returns the first.

    The counter row stays locked to the end of the transaction, which is what makes the series gapless;
    so call it late, and after any village lock.
    """
    last: int = db.session.execute(
        text(
            "INSERT INTO number_series (name, last) VALUES (:name, :count)"
            " ON CONFLICT (name) DO UPDATE SET last = number_series.last + :count RETURNING last"
        ),
        {"name": series, "count": count},
    ).scalar_one()
    return last - count + 1
