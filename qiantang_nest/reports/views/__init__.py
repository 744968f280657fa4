"""Pages of ``reports``: figures and everybody's home; nothing is written here."""

from flask import Blueprint

blueprint = Blueprint("reports", __name__)

from qiantang_nest.reports.views import board, home, income, occupancy, public  # noqa: E402

__all__ = ["blueprint", "board", "home", "income", "occupancy", "public"]
