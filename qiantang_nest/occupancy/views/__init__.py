"""Pages of ``occupancy``: leases, stays, registrations, one module each under one blueprint."""

from flask import Blueprint

blueprint = Blueprint("occupancy", __name__)

from qiantang_nest.occupancy.views import leases, registrations, stays  # noqa: E402

__all__ = ["blueprint", "leases", "registrations", "stays"]
