"""Pages of ``spreadsheets``: Excel in and out."""

from flask import Blueprint

blueprint = Blueprint("spreadsheets", __name__)

# The modules hang their pages on the blueprint above.
from qiantang_nest.spreadsheets.views import changes, demands, registers, rosters, village_import  # noqa: E402

__all__ = ["blueprint", "changes", "demands", "registers", "rosters", "village_import"]
