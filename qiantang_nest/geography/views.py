"""Pages of ``geography``."""

from flask import Blueprint

blueprint = Blueprint("geography", __name__)
