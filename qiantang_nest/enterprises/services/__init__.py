"""Writes on employers, their worksites with shuttles and routes, and their workers."""

from qiantang_nest.enterprises.services.registration import (
    correct_enterprise,
    register_enterprise,
    return_enterprise,
    verify_enterprise,
)
from qiantang_nest.enterprises.services.routes import Asked, ask_routes
from qiantang_nest.enterprises.services.stops import add_stop, change_stop, remove_stop
from qiantang_nest.enterprises.services.workers import (
    add_worker,
    add_workers,
    change_details,
    record_reveal,
)
from qiantang_nest.enterprises.services.worksites import add_worksite, close_worksite, move_worksite

__all__ = [
    "Asked",
    "add_stop",
    "add_worker",
    "add_workers",
    "add_worksite",
    "ask_routes",
    "change_details",
    "change_stop",
    "close_worksite",
    "correct_enterprise",
    "move_worksite",
    "record_reveal",
    "register_enterprise",
    "remove_stop",
    "return_enterprise",
    "verify_enterprise",
]
