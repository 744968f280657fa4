"""What an employer announces it will need; the offices see what is coming."""

from datetime import date

from qiantang_nest.bookings.models import Demand
from qiantang_nest.bookings.rules import check_period
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.core.period import Period
from qiantang_nest.enterprises.models import Enterprise, Worksite


def post_demand(
    *,
    enterprise: Enterprise,
    worksite: Worksite | None,
    beds: int,
    period: Period,
    max_rent_fen: int | None,
    max_km: int | None,
    note: str,
    today: date,
    actor: Actor,
) -> Demand:
    """Announce a need of beds; ``max_rent_fen`` is the most a bed may cost a month. Raises InvalidValue."""
    check_period(period, today)
    demand = Demand(
        enterprise_id=enterprise.id,
        worksite_id=worksite.id if worksite else None,
        beds=beds,
        starts_on=period.starts_on,
        ends_on=period.ends_on,
        max_rent_fen=max_rent_fen,
        max_km=max_km,
        note=note,
        created_by=actor.user_id,
    )
    db.session.add(demand)
    db.session.flush()
    audit.record(
        actor=actor,
        action="bookings.post_demand",
        entity="demand",
        entity_id=demand.id,
        changes={"beds": beds, "starts_on": period.starts_on.isoformat()},
    )
    return demand


def withdraw_demand(*, demand: Demand, actor: Actor) -> None:
    """The beds are no longer wanted. Raises WrongState if the demand is closed already."""
    db.session.refresh(demand, with_for_update=True)
    if demand.state != "open":
        raise WrongState(_("这条需求已经关闭了。"))
    demand.state = "withdrawn"
    audit.record(actor=actor, action="bookings.withdraw_demand", entity="demand", entity_id=demand.id)
