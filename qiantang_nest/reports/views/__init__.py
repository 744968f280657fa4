"""Pages of ``reports``: figures only, nothing is written here."""

from flask import Blueprint

blueprint = Blueprint("reports", __name__)

from qiantang_nest.reports.views import occupancy  # noqa: E402

__all__ = ["blueprint", "occupancy"]
