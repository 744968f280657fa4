"""The district sets the hours of the ladder from a day on."""

from dataclasses import asdict
from datetime import date

from qiantang_nest.bookings.models import BookingRule
from qiantang_nest.bookings.rules import Times
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.dated_rules import add_rule


def set_times(*, times: Times, basis: str, effective_on: date, today: date, actor: Actor) -> BookingRule:
    """Holds made from ``effective_on`` on live by these hours; those that exist keep theirs.

    Raises InvalidValue as ``add_rule``.
    """
    return add_rule(
        BookingRule(**asdict(times), basis=basis, effective_on=effective_on),
        action="bookings.set_times",
        today=today,
        actor=actor,
    )
