"""Writes on employers, their worksites and their workers."""

from qiantang_nest.enterprises.services.registration import (
    correct_enterprise,
    register_enterprise,
    return_enterprise,
    verify_enterprise,
)
from qiantang_nest.enterprises.services.workers import (
    add_worker,
    add_workers,
    change_details,
    record_reveal,
)
from qiantang_nest.enterprises.services.worksites import add_worksite, close_worksite, move_worksite

__all__ = [
    "add_worker",
    "add_workers",
    "add_worksite",
    "change_details",
    "close_worksite",
    "correct_enterprise",
    "move_worksite",
    "record_reveal",
    "register_enterprise",
    "return_enterprise",
    "verify_enterprise",
]
