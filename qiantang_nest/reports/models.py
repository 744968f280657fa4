"""Occupancy per village and day, aggregated ahead; always rebuildable from claims, stays and listings."""

from datetime import date

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from qiantang_nest.core.db import Base


class OccupancyDay(Base):
    """One village on one past day, state at 24:00. Only days before ``OccupancyDirty.from_day`` count."""

    __tablename__ = "occupancy_day"

    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    listed: Mapped[int]
    """Rooms on offer."""
    let: Mapped[int]
    market: Mapped[int]
    """Rooms listed or let, each once."""
    occupied: Mapped[int]
    """Rooms with at least one person."""
    beds: Mapped[int]
    """Beds of rooms listed or let and not closed."""
    heads: Mapped[int]


class OccupancyDirty(Base):
    """From this day on a village's stored days no longer agree with the rows (set by triggers)."""

    __tablename__ = "occupancy_dirty"

    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"), primary_key=True)
    from_day: Mapped[date]
