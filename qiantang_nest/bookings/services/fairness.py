"""The district's bound of fairness: how much dearer a plan may be so that households let least come first."""

from datetime import date

from qiantang_nest.bookings.models import FairnessRule
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.dated_rules import add_rule


def set_fairness_rule(
    *, permille: int, basis: str, effective_on: date, today: date, actor: Actor
) -> FairnessRule:
    """Set the bound in thousandths of a plan's rent from a day on. Raises InvalidValue as ``add_rule``."""
    return add_rule(
        FairnessRule(permille=permille, basis=basis, effective_on=effective_on),
        action="bookings.set_fairness_rule",
        today=today,
        actor=actor,
    )
