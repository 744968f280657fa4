"""The district's bound of fairness: how much dearer a plan may be so that households let least come first."""

from datetime import date

from qiantang_nest.bookings.models import FairnessRule
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _


def set_fairness_rule(
    *, permille: int, basis: str, effective_on: date, today: date, actor: Actor
) -> FairnessRule:
    """Set the bound in thousandths of a plan's rent from a day on, with its basis.

    Raises:
        InvalidValue: a day in the past, or one that already has a rule.
    """
    if effective_on < today:
        raise InvalidValue(
            _("照顾标准只能从今天或以后起用，不能倒回 %(day)s。", day=effective_on.isoformat())
        )
    if db.session.query(FairnessRule.id).where(FairnessRule.effective_on == effective_on).first() is not None:
        raise InvalidValue(_("%(day)s 已经定过一次标准，请换一天。", day=effective_on.isoformat()))
    rule = FairnessRule(permille=permille, basis=basis, effective_on=effective_on, set_by=actor.user_id)
    db.session.add(rule)
    db.session.flush()
    audit.record(
        actor=actor,
        action="bookings.set_fairness_rule",
        entity="fairness_rule",
        entity_id=rule.id,
        changes={"permille": permille, "basis": basis, "effective_on": effective_on.isoformat()},
    )
    return rule
