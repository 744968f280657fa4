"""Pages of ``occupancy``."""

from flask import Blueprint

blueprint = Blueprint("occupancy", __name__)
