"""Pages of ``housing``: what villagers do on a phone, what clerks and officers do at a desk."""

from flask import Blueprint

blueprint = Blueprint("housing", __name__)

# The modules hang their pages on the blueprint above.
from qiantang_nest.housing.views import (  # noqa: E402
    capacity,
    decisions,
    households,
    houses,
    notes,
    offers,
    photos,
    places,
    rooms,
    safety,
    showing,
    steps,
)

__all__ = [
    "blueprint",
    "capacity",
    "decisions",
    "households",
    "houses",
    "notes",
    "offers",
    "photos",
    "places",
    "rooms",
    "safety",
    "showing",
    "steps",
]
