"""Pages of ``housing``."""

from flask import Blueprint

blueprint = Blueprint("housing", __name__)
