"""Changing a signed lease: shown, asked, agreed to, and made in one transaction exactly as shown."""

from qiantang_nest.bookings.services.change_booking.asking import (
    DiffersFromShown,
    answer_change,
    ask_change,
    side_of_change,
    take_lease,
    withdraw_change,
)
from qiantang_nest.bookings.services.change_booking.relocating import finish_relocation

__all__ = [
    "DiffersFromShown",
    "answer_change",
    "ask_change",
    "finish_relocation",
    "side_of_change",
    "take_lease",
    "withdraw_change",
]
