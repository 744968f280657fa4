"""What the figures and the room board are made of. Pure."""

from qiantang_nest.reports.rules.occupancy import (
    FIGURE_LABELS,
    LOW_RATE,
    Counts,
    Figure,
    MonthRates,
    first_of_trend,
)

__all__ = ["FIGURE_LABELS", "LOW_RATE", "Counts", "Figure", "MonthRates", "first_of_trend"]
