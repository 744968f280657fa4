"""Figures that the district sets from a day on, with the document they rest on.

Each kind of rule is a table of its own that mixes ``DatedRule`` in; the newest row whose day has come is in
force. Past rows stay, so that what was decided on a day can be explained by the figures of that day.
"""

from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import func

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import Base, db
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _


class DatedRule:
    """From which day, on which basis, set by whom."""

    id: Mapped[int] = mapped_column(primary_key=True)
    basis: Mapped[str]
    effective_on: Mapped[date] = mapped_column(unique=True)
    set_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    set_at: Mapped[datetime] = mapped_column(server_default=func.now())


Rule = TypeVar("Rule", bound=DatedRule)


def rule_on(kind: type[Rule], day: date) -> Rule | None:
    """The rule of a kind in force on a day, or None while none was set."""
    return db.session.execute(
        select(kind).where(kind.effective_on <= day).order_by(kind.effective_on.desc()).limit(1)
    ).scalar_one_or_none()


def rules_set(kind: type[Rule]) -> list[Rule]:
    """All rules of a kind, the newest first."""
    return list(db.session.execute(select(kind).order_by(kind.effective_on.desc())).scalars())


def add_rule(rule: Rule, *, action: str, today: date, actor: Actor) -> Rule:
    """Set a rule from its day on; ``action`` names it in the audit.

    Raises:
        InvalidValue: a day in the past, or one that already has a rule.
    """
    kind = type(rule)
    if rule.effective_on < today:
        raise InvalidValue(
            _("标准只能从今天或以后起用，不能倒回 %(day)s。", day=rule.effective_on.isoformat())
        )
    taken = db.session.execute(select(kind.id).where(kind.effective_on == rule.effective_on)).first()
    if taken is not None:
        raise InvalidValue(_("%(day)s 已经定过一次标准，请换一天。", day=rule.effective_on.isoformat()))
    rule.set_by = actor.user_id
    db.session.add(rule)
    db.session.flush()
    audit.record(actor=actor, action=action, entity=_table(kind), entity_id=rule.id, changes=_figures(rule))
    return rule


def _table(kind: type[DatedRule]) -> str:
    return str(kind.__tablename__) if issubclass(kind, Base) else kind.__name__


def _figures(rule: DatedRule) -> dict[str, Any]:
    """What was set, as the audit keeps it."""
    kept = {"id", "set_by", "set_at"}
    columns = (column.key for column in Base.metadata.tables[_table(type(rule))].columns)
    return {
        name: value if isinstance(value := getattr(rule, name), int | str) else str(value)
        for name in columns
        if name not in kept
    }
