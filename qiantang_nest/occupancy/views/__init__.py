"""Pages of ``occupancy``: leases, stays, registrations and the like, a module each under one blueprint."""

from flask import Blueprint

blueprint = Blueprint("occupancy", __name__)

from qiantang_nest.occupancy.views import (  # noqa: E402
    beds,
    closing,
    handovers,
    leases,
    papers,
    registrations,
    rosters,
    stays,
)

__all__ = [
    "beds",
    "blueprint",
    "closing",
    "handovers",
    "leases",
    "papers",
    "registrations",
    "rosters",
    "stays",
]
