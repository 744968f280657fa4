"""Pages of ``spreadsheets``."""

from flask import Blueprint

blueprint = Blueprint("spreadsheets", __name__)
