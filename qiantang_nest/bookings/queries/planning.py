"""What the planner reads: the rooms that may answer a demand, how long their households let, earlier rounds.

Two statements for the rooms of a plan whatever their number: the nearest that are free, out of the index in
their order, and the days that their households let. A third, wider one is read only if the need is not met.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    Date,
    Integer,
    Select,
    Subquery,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    text,
)

from qiantang_nest.bookings.models import Demand, DemandChoice, FairnessRule, Plan, PlanRoom, PlanRound
from qiantang_nest.bookings.queries.houses import AreaShape, area_values, near_houses
from qiantang_nest.bookings.rules import DISTRICT_CENTRE, Area, area_within
from qiantang_nest.bookings.rules.limits import (
    MOST_DAYS_MOVED,
    Limits,
    Offered,
    PlannedAround,
    RentUnit,
    passed_over_reason,
)
from qiantang_nest.bookings.rules.need import Candidate, Group, Need
from qiantang_nest.bookings.rules.solver import DEFAULT_FAIRNESS_PERMILLE, MOST_CANDIDATES
from qiantang_nest.core.dated_rules import rule_on
from qiantang_nest.core.db import db
from qiantang_nest.core.period import Period
from qiantang_nest.enterprises.queries import way_to_work
from qiantang_nest.geography.queries import commute_rule_on
from qiantang_nest.geography.rules import (
    Boarding,
    LatLon,
    TravelMode,
    WayToWork,
    commute_minutes,
    flat_m,
    reach_m,
)
from qiantang_nest.housing.models import House, Listing, Room
from qiantang_nest.housing.queries import on_offer_condition, safe_house_condition
from qiantang_nest.occupancy.models import RoomClaim
from qiantang_nest.occupancy.queries.claims import FREE_SQL, free_values

_FARTHEST_M = 60_000.0
"""The whole district and a bit: who names no minutes takes any way."""
YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Question:
    """A demand in the words of the rules."""

    gate: LatLon
    way: WayToWork
    period: Period
    need: Need
    limits: Limits

    @property
    def mode(self) -> TravelMode:
        """How they come to work."""
        return self.way.mode

    @property
    def area(self) -> Area:
        """Where a house may stand: within the most minutes, as the search has it, else in the district."""
        minutes = self.limits.max_minutes
        if minutes is None:
            return Area(self.gate, reach_m=_FARTHEST_M)
        if not self.way.boardings:
            return Area(self.gate, reach_m=reach_m(minutes, self.mode, self.way.rule))
        return area_within(self.way, minutes)

    def minutes_from(self, village_code: str, point: LatLon, *, pinned: bool) -> int:
        """The way of a house; where no stops of a shuttle are known it is taken to come by."""
        way = self.way.from_house(village_code, point, pinned=pinned)
        if way is not None:
            return way.minutes
        return commute_minutes(flat_m(self.gate, point), self.mode, self.way.rule)

    @property
    def ends_on(self) -> date:
        """The day after the last one."""
        if self.period.ends_on is None:
            raise ValueError("a demand has an end")
        return self.period.ends_on


HEADS = {
    Group.DAY_MEN: "day_men",
    Group.DAY_WOMEN: "day_women",
    Group.NIGHT_MEN: "night_men",
    Group.NIGHT_WOMEN: "night_women",
    Group.COUPLE: "couples",
}
"""Column of ``Demand``, and with ``unmet_`` before it of ``PlanRound``, for each group."""


def question_of(demand: Demand) -> Question:
    """What a demand asks; distances count from the district's middle while no gate is named."""
    site, mode, rule = demand.worksite, TravelMode(demand.travel_mode), commute_rule_on(demand.starts_on)
    gate = LatLon(site.lat, site.lon) if site else DISTRICT_CENTRE
    return Question(
        gate=gate,
        way=way_to_work(site, mode, rule) if site else WayToWork(gate, mode, rule, (Boarding(gate),)),
        period=Period(demand.starts_on, demand.ends_on),
        need=Need(
            {group: count for group, name in HEADS.items() if (count := getattr(demand, name))},
            spare_percent=demand.spare_percent,
            ground_beds=demand.ground_beds,
            same_village=demand.same_village,
        ),
        limits=Limits(
            demand.max_rent_fen,
            RentUnit(demand.rent_unit),
            demand.max_minutes,
            demand.max_floor,
            tuple(demand.features),
            demand.area_code,
        ),
    )


# --- the rooms ----------------------------------------------------------------------------------------


def rooms_for(
    question: Question, now: datetime, village_codes: Sequence[str] | None = None
) -> tuple[list[Offered], bool]:
    """The nearest free rooms within the limits, and whether there were more than are looked at.

    Of the villages alone, if some are named.

    The houses are those of a search within the minutes. Callers sort out with ``rules.limits.miss_of``, which
    has the last word.
    """
    limits, area = question.limits, question.area
    rows = db.session.execute(
        _free_sql(AreaShape.of(area)),
        {
            **free_values(question.period.starts_on, question.ends_on, now),
            **area_values(area),
            "area": f"{limits.area_code or ''}%",
            "villages": None if village_codes is None else list(village_codes),
            "max_rent": limits.max_rent_fen if limits.max_rent_fen is not None else 2**40,
            "per_bed": limits.rent_unit is RentUnit.BED,
            "max_floor": limits.max_floor if limits.max_floor is not None else 2**15,
            "features": list(limits.features),
            "limit": MOST_CANDIDATES + 1,
        },
    ).all()
    offered = _offered(question, rows[:MOST_CANDIDATES])
    return with_let_days(offered, question.period.starts_on), len(rows) > MOST_CANDIDATES


def rooms_around(question: Question, now: datetime) -> list[Offered]:
    """The nearest rooms on offer about then, with the days they are taken, whatever the limits say."""
    window = timedelta(days=MOST_DAYS_MOVED)
    rows = db.session.execute(
        _around_sql(),
        {
            **area_values(Area(question.gate, reach_m=_FARTHEST_M)),
            "first": question.period.starts_on - window,
            "last": question.ends_on + window,
            "starts_on": question.period.starts_on,
            "now": now,
            "limit": 2 * MOST_CANDIDATES,
        },
    ).all()
    return _offered(question, rows)


def room_offered(room_id: int, question: Question, now: datetime) -> Offered | None:
    """One room on offer about then, with the days it is taken; None if it is off the market."""
    window = timedelta(days=MOST_DAYS_MOVED)
    rows = db.session.execute(
        _around_sql(one_room=True),
        {
            **area_values(Area(question.gate, reach_m=10 * _FARTHEST_M)),
            "first": question.period.starts_on - window,
            "last": question.ends_on + window,
            "starts_on": question.period.starts_on,
            "now": now,
            "limit": 1,
            "room_id": room_id,
        },
    ).all()
    found = with_let_days(_offered(question, rows), question.period.starts_on)
    return found[0] if found else None


_STARTS: BindParameter[date] = bindparam("starts_on", type_=Date)
_ENDS: BindParameter[date] = bindparam("ends_on", type_=Date)
_VILLAGES: BindParameter[Any] = bindparam("villages", type_=ARRAY(Text))
_OFFER: tuple[Any, ...] = (
    Room.id,
    Room.house_id,
    Room.village_code,
    Room.beds,
    Room.floor,
    Room.features,
    Listing.rent_fen,
    Listing.id.label("listing_id"),
    Listing.starts_on.label("offered_from"),
    Listing.ends_on.label("offered_to"),
)


def _offers(house: Subquery, *columns: Any) -> Select[Any]:
    """Offered rooms of the houses, whether free or not."""
    of_house = (house.c.owner_id, house.c.safe_until, house.c.lat, house.c.lon, house.c.pinned)
    return (
        select(*_OFFER, *of_house, *columns)
        .select_from(house)
        .join(Room, Room.house_id == house.c.id)
        .join(Listing, Listing.room_id == Room.id)
        .limit(bindparam("limit", type_=Integer))
    )


@cache
def _free_sql(shape: AreaShape) -> Any:
    house = near_houses(shape, safe_house_condition(_STARTS))
    a_bed = func.ceil(Listing.rent_fen * literal_column("1.0") / Room.beds)
    return (
        _offers(house)
        .where(
            on_offer_condition(_STARTS, _ENDS),
            text(FREE_SQL),
            Room.village_code.like(bindparam("area")),
            or_(_VILLAGES.is_(None), Room.village_code == any_(_VILLAGES)),
            or_(
                and_(bindparam("per_bed"), a_bed <= bindparam("max_rent", type_=BigInteger)),
                and_(~bindparam("per_bed"), Listing.rent_fen <= bindparam("max_rent", type_=BigInteger)),
            ),
            Room.floor <= bindparam("max_floor", type_=BigInteger),
            Room.features.contains(bindparam("features", type_=ARRAY(Text))),
        )
        .order_by(house.c.far, house.c.id, Room.id)
    )


_TAKEN = (
    select(func.array_agg(cast(RoomClaim.starts_on, Text) + "/" + cast(RoomClaim.ends_on, Text)))
    .where(
        RoomClaim.room_id == Room.id,
        RoomClaim.starts_on < bindparam("last", type_=Date),
        RoomClaim.ends_on > bindparam("first", type_=Date),
        RoomClaim.state.in_(("held", "leased", "closed")),
        or_(RoomClaim.held_until.is_(None), RoomClaim.held_until > bindparam("now")),
    )
    .correlate(Room)
    .scalar_subquery()
    .label("taken")
)


@cache
def _around_sql(*, one_room: bool = False) -> Any:
    """Rooms whose house may be let, on offer on some day of the window; whether it fits is for the rules."""
    house = near_houses(AreaShape(circle=True), House.dangerous_since.is_(None))
    statement = (
        _offers(house, _TAKEN)
        .where(
            on_offer_condition(cast(Listing.starts_on, Date)),
            house.c.safe_until > Listing.starts_on,
            Listing.starts_on < bindparam("last", type_=Date),
            Listing.ends_on > bindparam("first", type_=Date),
        )
        .order_by(house.c.far, house.c.id, Room.id, func.abs(Listing.starts_on - _STARTS))
    )
    return statement.where(Room.id == bindparam("room_id", type_=BigInteger)) if one_room else statement


def _offered(question: Question, rows: Iterable[Any]) -> list[Offered]:
    """Rows as the rules know them; the way is computed once a house, and a room counts once."""
    minutes: dict[int, int] = {}
    found: dict[int, Offered] = {}
    for row in rows:
        if row.id in found:
            continue
        if row.house_id not in minutes:
            minutes[row.house_id] = question.minutes_from(
                row.village_code, LatLon(row.lat, row.lon), pinned=row.pinned
            )
        found[row.id] = Offered(
            Candidate(
                room_id=row.id,
                house_id=row.house_id,
                owner_id=row.owner_id,
                village_code=row.village_code,
                beds=row.beds,
                rent_fen=row.rent_fen,
                minutes=minutes[row.house_id],
                ground=row.floor == 1,
            ),
            floor=row.floor,
            features=tuple(row.features),
            listing_id=row.listing_id,
            offered_from=row.offered_from,
            offered_to=row.offered_to,
            safe_until=row.safe_until,
            taken=tuple(_days(one) for one in getattr(row, "taken", None) or ()),
        )
    return list(found.values())


def _days(text_of_both: str) -> tuple[date, date]:
    first, last = text_of_both.split("/")
    return date.fromisoformat(first), date.fromisoformat(last)


_LET_DAYS = text(
    """
    SELECT house.owner_id,
           coalesce(sum((SELECT sum(least(claim.ends_on, :upto) - greatest(claim.starts_on, :since))
                         FROM room_claim AS claim
                         WHERE claim.room_id = room.id AND claim.state = 'leased'
                           AND claim.starts_on < :upto AND claim.ends_on > :since)), 0)
           / count(*) AS days
    FROM house JOIN room ON room.house_id = house.id
    WHERE house.owner_id = ANY(:owner_ids) AND room.removed_at IS NULL AND room.beds > 0
    GROUP BY house.owner_id
    """
)


def with_let_days(offered: Sequence[Offered], upto: date) -> list[Offered]:
    """The rooms with the days that their household let each of its rooms in the year before ``upto``."""
    owners = sorted({one.room.owner_id for one in offered})
    rows = db.session.execute(_LET_DAYS, {"owner_ids": owners, "since": upto - YEAR, "upto": upto})
    days = {row.owner_id: int(row.days) for row in rows}
    return [replace(one, room=replace(one.room, let_days=days.get(one.room.owner_id, 0))) for one in offered]


# --- choices, rules, rounds -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choices:
    """Rooms and houses the employer wants in every plan or in none."""

    pinned_rooms: frozenset[int]
    pinned_houses: frozenset[int]
    struck_rooms: frozenset[int]
    struck_houses: frozenset[int]

    def pinned(self, rooms: Iterable[Candidate]) -> frozenset[int]:
        """The pinned ones of the rooms; a strike on a room outweighs a pin on its house."""
        return (
            frozenset(
                room.room_id
                for room in rooms
                if room.room_id in self.pinned_rooms or room.house_id in self.pinned_houses
            )
            - self.struck_rooms
        )

    def struck(self, rooms: Iterable[Candidate]) -> frozenset[int]:
        """The struck ones of the rooms; a pin on a room outweighs a strike on its house."""
        return (
            frozenset(
                room.room_id
                for room in rooms
                if room.room_id in self.struck_rooms or room.house_id in self.struck_houses
            )
            - self.pinned_rooms
        )

    @property
    def any(self) -> bool:
        """Whether something is chosen."""
        return bool(self.pinned_rooms or self.pinned_houses or self.struck_rooms or self.struck_houses)


def choices_of(demand_id: int) -> Choices:
    """What was pinned and struck for a demand."""
    rows = db.session.execute(
        select(DemandChoice.kind, DemandChoice.room_id, DemandChoice.house_id).where(
            DemandChoice.demand_id == demand_id
        )
    ).all()

    def rooms(kind: str) -> frozenset[int]:
        return frozenset(row.room_id for row in rows if row.kind == kind and row.room_id is not None)

    def houses(kind: str) -> frozenset[int]:
        return frozenset(row.house_id for row in rows if row.kind == kind and row.house_id is not None)

    return Choices(rooms("pin"), houses("pin"), rooms("strike"), houses("strike"))


@dataclass(frozen=True, slots=True)
class Fairness:
    """The fairness rule of a day; ``basis`` is empty while the district has set none."""

    permille: int
    basis: str = ""
    effective_on: date | None = None


def fairness_on(day: date) -> Fairness:
    """The rule in force: the newest whose day has come, else three in a hundred."""
    found = rule_on(FairnessRule, day)
    if found is None:
        return Fairness(DEFAULT_FAIRNESS_PERMILLE)
    return Fairness(int(found.permille), found.basis, found.effective_on)


def latest_round(demand_id: int) -> PlanRound | None:
    """The newest asking for plans of a demand."""
    return db.session.execute(
        select(PlanRound)
        .where(PlanRound.demand_id == demand_id)
        .order_by(PlanRound.made_at.desc(), PlanRound.id.desc())
        .limit(1)
    ).scalar_one_or_none()


def plans_of_round(round_id: int) -> Sequence[Plan]:
    """The plans of a round: cheapest, nearest, fewest houses."""
    order = func.array_position(literal_column("ARRAY['cost', 'way', 'houses']"), Plan.kind)
    return db.session.execute(select(Plan).where(Plan.round_id == round_id).order_by(order)).scalars().all()


def rooms_of_plans(plan_ids: Sequence[int]) -> dict[int, list[PlanRoom]]:
    """plan id → its rooms, by village and house."""
    found: dict[int, list[PlanRoom]] = {plan_id: [] for plan_id in plan_ids}
    rows = db.session.execute(
        select(PlanRoom)
        .where(PlanRoom.plan_id.in_(plan_ids))
        .order_by(PlanRoom.plan_id, PlanRoom.village_code, PlanRoom.house_id, PlanRoom.room_id)
    ).scalars()
    for row in rows:
        found[row.plan_id].append(row)
    return found


# --- why a room was passed over ---------------------------------------------------------------------------

PASSED_OVER_DAYS = 30
_MOST_SHOWN = 5

_ROUNDS_WITHOUT = text(
    """
    SELECT made.id, made.demand_id, made.made_at,
           max(ceil(taken.rent_fen * 1.0 / taken.beds)) AS dearest_bed_fen, max(taken.minutes) AS longest
    FROM plan_round AS made
    JOIN plan ON plan.round_id = made.id
    JOIN plan_room AS taken ON taken.plan_id = plan.id AND taken.village_code = :village_code
    WHERE made.made_at > :since AND made.made_at <= :now
    GROUP BY made.id
    HAVING NOT bool_or(taken.room_id = :room_id)
    ORDER BY made.made_at DESC, made.id DESC
    LIMIT 20
    """
)


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Plans near a room that went without it, and why."""

    made_at: datetime
    people: int
    starts_on: date
    reason: str


def passed_over(room: Room, now: datetime) -> list[PassedOver]:
    """The newest plans of the last 30 days that took rooms of the room's village but not this one."""
    rounds = db.session.execute(
        _ROUNDS_WITHOUT,
        {
            "village_code": room.village_code,
            "room_id": room.id,
            "since": now - timedelta(days=PASSED_OVER_DAYS),
            "now": now,
        },
    ).all()
    newest: dict[int, Any] = {}
    for row in rounds:
        newest.setdefault(row.demand_id, row)
    found = []
    for demand_id, row in list(newest.items())[:_MOST_SHOWN]:
        demand = db.session.get_one(Demand, demand_id)
        question = question_of(demand)
        offered = room_offered(room.id, question, now)
        if offered is None:
            continue
        struck = choices_of(demand_id).struck([offered.room])
        around = PlannedAround(
            period=question.period,
            limits=question.limits,
            people=question.need.people,
            dearest_bed_fen=int(row.dearest_bed_fen),
            longest_minutes=int(row.longest),
            struck=bool(struck),
        )
        found.append(
            PassedOver(
                row.made_at, question.need.people, demand.starts_on, passed_over_reason(offered, around)
            )
        )
    return found
