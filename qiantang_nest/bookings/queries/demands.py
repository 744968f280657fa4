"""What stands around demands: what became of each, and what all of them together tell the district."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select, text

from qiantang_nest.bookings.models import Demand, Hold
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.geography.queries import DISTRICT


@dataclass(frozen=True, slots=True)
class Standing:
    """What dates and rows tell of a demand: a hold that counts, and whom its latest plans leave out."""

    held: bool = False
    planned: bool = False
    unmet: int = 0


_STANDING = text(
    """
    SELECT demand.id,
           EXISTS (SELECT FROM hold WHERE hold.demand_id = demand.id AND hold.state = 'active'
                   AND hold.expires_at > :now) AS held,
           latest.unmet_people
    FROM demand
    LEFT JOIN LATERAL (SELECT unmet_people FROM plan_round WHERE plan_round.demand_id = demand.id
                       ORDER BY made_at DESC, id DESC LIMIT 1) AS latest ON true
    WHERE demand.id = ANY(:ids)
    """
)


def standings(demand_ids: Sequence[int], now: datetime) -> dict[int, Standing]:
    """demand id → how it stands; one query for any number."""
    rows = db.session.execute(_STANDING, {"ids": list(demand_ids), "now": now})
    return {
        row.id: Standing(row.held, row.unmet_people is not None, int(row.unmet_people or 0)) for row in rows
    }


def chip_of(demand: Demand, standing: Standing, today: date) -> str:
    """The kind of chip (``core.chips``) that says how a demand stands."""
    if demand.state != "open":
        return "demand.met" if demand.state == "met" else "demand.closed"
    if standing.held:
        return "demand.held"
    if demand.starts_on < today:
        return "demand.over"
    return "demand.short" if standing.unmet else "demand.open"


def holds_of_demand(demand_id: int) -> Sequence[Hold]:
    """Holds made of a demand's plans, the newest first."""
    return (
        db.session.execute(
            select(Hold).where(Hold.demand_id == demand_id).order_by(Hold.created_at.desc(), Hold.id.desc())
        )
        .scalars()
        .all()
    )


@dataclass(frozen=True, slots=True)
class SignalRow:
    """Demands of one street that begin in one month, in beds; ``unmet``: by the last plans of those open."""

    street_code: str
    street: str
    month: date
    demands: int
    beds: int
    met: int
    open: int
    withdrawn: int
    unmet: int


_SIGNAL = text(
    """
    SELECT street.code, street.name, CAST(date_trunc('month', demand.starts_on) AS date) AS month,
           count(*) AS demands, sum(demand.beds) AS beds,
           coalesce(sum(demand.beds) FILTER (WHERE demand.state = 'met'), 0) AS met,
           coalesce(sum(demand.beds) FILTER (WHERE demand.state = 'open'), 0) AS open,
           coalesce(sum(demand.beds) FILTER (WHERE demand.state = 'withdrawn'), 0) AS withdrawn,
           coalesce(sum(latest.unmet_people) FILTER (WHERE demand.state <> 'met'), 0) AS unmet
    FROM demand
    JOIN enterprise ON enterprise.id = demand.enterprise_id
    JOIN street ON street.code = enterprise.street_code
    LEFT JOIN LATERAL (SELECT unmet_people FROM plan_round WHERE plan_round.demand_id = demand.id
                       ORDER BY made_at DESC, id DESC LIMIT 1) AS latest ON true
    WHERE demand.starts_on >= :first AND demand.starts_on < :last
      AND (CAST(:street AS text) IS NULL OR street.code = :street)
    GROUP BY street.code, street.name, month
    ORDER BY month, street.code
    """
)


def signal_rows(actor: Actor, first: date, last: date) -> list[SignalRow]:
    """Demand that begins in ``[first, last)`` by month and street of the employer, in an office's scope."""
    street = None if actor.scope == DISTRICT else actor.scope
    rows = db.session.execute(_SIGNAL, {"first": first, "last": last, "street": street})
    return [
        SignalRow(
            row.code,
            row.name,
            row.month,
            int(row.demands),
            int(row.beds),
            int(row.met),
            int(row.open),
            int(row.withdrawn),
            int(row.unmet),
        )
        for row in rows
    ]
