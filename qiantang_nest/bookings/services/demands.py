"""What an employer announces it will need; the offices see what is coming."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy import select

from qiantang_nest.bookings.models import Demand, Hold, Plan, PlanRound
from qiantang_nest.bookings.queries.waiting import beds_taken
from qiantang_nest.bookings.rules import check_period
from qiantang_nest.bookings.rules.limits import RentUnit
from qiantang_nest.bookings.rules.need import Group
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, refuse_as
from qiantang_nest.core.errors import DomainError, InvalidValue, WrongState
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.core.period import Period
from qiantang_nest.enterprises.models import Enterprise, Worksite
from qiantang_nest.geography.rules import TravelMode

MOST_HEADS = 500
"""Of one demand: even in single rooms they are one hold. More is several worksites or several dates."""


class DemandExists(DomainError):
    """The row of a workbook has been taken in already."""


refuse_as("uq_demand_source", DemandExists, _l("表里有一行刚才已经登记过，没有再登记一次。"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a demand says beside whose it is. ``heads`` are people by group, of couples pairs."""

    worksite: Worksite | None
    period: Period
    heads: Mapping[Group, int]
    shifts: str = ""
    max_rent_fen: int | None = None
    rent_unit: RentUnit = RentUnit.BED
    max_minutes: int | None = None
    travel_mode: TravelMode = TravelMode.EBIKE
    area_code: str | None = None
    max_floor: int | None = None
    ground_beds: int = 0
    features: tuple[str, ...] = ()
    utilities_by: str = "lessee"
    same_village: bool = False
    spare_percent: int = 0
    note: str = ""


def check_wanted(wanted: Wanted, today: date) -> Wanted:
    """Return what is wanted if it makes sense.

    Raises:
        InvalidValue: nobody is to come, too many are, or the period makes no sense.
    """
    check_period(wanted.period, today)
    people = sum(count * (2 if group is Group.COUPLE else 1) for group, count in wanted.heads.items())
    if people < 1:
        raise InvalidValue(_("请至少写一个要住的人。"), field="day_men")
    if people > MOST_HEADS:
        raise InvalidValue(
            _(
                "一条需求最多 %(most)s 人，这里是 %(people)s 人。请按厂区或日期分成几条。",
                most=MOST_HEADS,
                people=people,
            ),
            field="day_men",
        )
    if wanted.ground_beds > people:
        raise InvalidValue(
            _(
                "一楼的床 %(beds)s 张比要住的 %(people)s 人还多，请改少。",
                beds=wanted.ground_beds,
                people=people,
            ),
            field="ground_beds",
        )
    return wanted


def post_demand(
    *, enterprise: Enterprise, wanted: Wanted, today: date, actor: Actor, source_digest: str | None = None
) -> Demand:
    """Announce a need of beds; ``source_digest`` is of its row in a workbook. Raises InvalidValue."""
    check_wanted(wanted, today)
    demand = Demand(enterprise_id=enterprise.id, created_by=actor.user_id, source_digest=source_digest)
    _write(demand, wanted)
    db.session.add(demand)
    db.session.flush()
    audit.record(
        actor=actor,
        action="bookings.post_demand",
        entity="demand",
        entity_id=demand.id,
        changes={"beds": demand.beds, "starts_on": demand.starts_on.isoformat()},
    )
    return demand


def change_demand(*, demand: Demand, wanted: Wanted, today: date, actor: Actor) -> None:
    """Say the need anew; plans made before stay as they were. Raises InvalidValue or WrongState."""
    _lock_open(demand)
    check_wanted(wanted, today)
    _write(demand, wanted)
    db.session.flush()
    audit.record(
        actor=actor,
        action="bookings.change_demand",
        entity="demand",
        entity_id=demand.id,
        changes={
            key: str(value) for key, value in asdict(wanted).items() if key not in ("worksite", "heads")
        },
    )


def wanted_of(demand: Demand) -> Wanted:
    """What a demand says, to be changed or said again."""
    return Wanted(
        worksite=demand.worksite,
        period=Period(demand.starts_on, demand.ends_on),
        heads={
            Group.DAY_MEN: demand.day_men,
            Group.DAY_WOMEN: demand.day_women,
            Group.NIGHT_MEN: demand.night_men,
            Group.NIGHT_WOMEN: demand.night_women,
            Group.COUPLE: demand.couples,
        },
        shifts=demand.shifts,
        max_rent_fen=demand.max_rent_fen,
        rent_unit=RentUnit(demand.rent_unit),
        max_minutes=demand.max_minutes,
        travel_mode=TravelMode(demand.travel_mode),
        area_code=demand.area_code,
        max_floor=demand.max_floor,
        ground_beds=demand.ground_beds,
        features=tuple(demand.features),
        utilities_by=demand.utilities_by,
        same_village=demand.same_village,
        spare_percent=demand.spare_percent,
        note=demand.note,
    )


def _write(demand: Demand, wanted: Wanted) -> None:
    if wanted.period.ends_on is None:
        raise InvalidValue(_("请写住到哪天。"))
    demand.worksite_id = wanted.worksite.id if wanted.worksite else None
    demand.starts_on, demand.ends_on = wanted.period.starts_on, wanted.period.ends_on
    demand.day_men = wanted.heads.get(Group.DAY_MEN, 0)
    demand.day_women = wanted.heads.get(Group.DAY_WOMEN, 0)
    demand.night_men = wanted.heads.get(Group.NIGHT_MEN, 0)
    demand.night_women = wanted.heads.get(Group.NIGHT_WOMEN, 0)
    demand.couples = wanted.heads.get(Group.COUPLE, 0)
    demand.shifts, demand.note = wanted.shifts, wanted.note
    demand.max_rent_fen, demand.rent_unit = wanted.max_rent_fen, wanted.rent_unit.value
    demand.max_minutes, demand.travel_mode = wanted.max_minutes, wanted.travel_mode.value
    demand.area_code, demand.max_floor = wanted.area_code, wanted.max_floor
    demand.ground_beds, demand.features = wanted.ground_beds, list(wanted.features)
    demand.utilities_by, demand.same_village = wanted.utilities_by, wanted.same_village
    demand.spare_percent = wanted.spare_percent


def withdraw_demand(*, demand: Demand, reason: str, actor: Actor) -> None:
    """The beds are no longer wanted, and why. Raises WrongState if the demand is closed already."""
    _lock_open(demand)
    demand.state, demand.withdraw_reason = "withdrawn", reason
    audit.record(
        actor=actor,
        action="bookings.withdraw_demand",
        entity="demand",
        entity_id=demand.id,
        changes={"reason": reason},
    )


def _lock_open(demand: Demand) -> None:
    db.session.refresh(demand, with_for_update={"of": Demand})
    if demand.state != "open":
        raise WrongState(_("这条需求已经关闭了。"))


def meet_demand(hold: Hold, actor: Actor, now: datetime) -> None:
    """A hold made for a demand has become a booking: the demand is met once everybody has a bed.

    Not by a plan that left people out, even if beds of the wrong groups are to spare.
    """
    if hold.demand_id is None:
        return
    unmet = db.session.execute(
        select(PlanRound.unmet_people)
        .join(Plan, Plan.round_id == PlanRound.id)
        .where(Plan.id == hold.plan_id)
    ).scalar_one_or_none()
    demand = db.session.get_one(Demand, hold.demand_id)
    db.session.refresh(demand, with_for_update={"of": Demand})
    if demand.state != "open" or unmet or beds_taken(demand.id, now) < demand.beds:
        return
    demand.state = "met"
    audit.record(
        actor=actor,
        action="bookings.meet_demand",
        entity="demand",
        entity_id=demand.id,
        changes={"hold_id": hold.id, "plan_id": hold.plan_id},
    )
