"""Plans for a demand side by side, one plan's rooms, pins and strikes, and a plan becoming a hold."""

import uuid
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission, may
from qiantang_nest.bookings.forms import ChangeForm, ChoiceForm, FairnessForm, HoldPlanForm
from qiantang_nest.bookings.models import Demand, FairnessRule, Plan, PlanRoom, PlanRound
from qiantang_nest.bookings.queries.demands import chip_of, holds_of_demand, standings
from qiantang_nest.bookings.queries.holds import times_on
from qiantang_nest.bookings.queries.planning import (
    HEADS,
    choices_of,
    fairness_on,
    latest_round,
    plans_of_round,
    question_of,
    rooms_of_plans,
)
from qiantang_nest.bookings.queries.planning import passed_over as passed_over_plans
from qiantang_nest.bookings.queries.rooms import names_of_rooms
from qiantang_nest.bookings.queries.waiting import open_offers, place_in_queue
from qiantang_nest.bookings.rules import OnRefusal
from qiantang_nest.bookings.rules.limits import ChangeKind, RentUnit
from qiantang_nest.bookings.rules.need import Group, Wish
from qiantang_nest.bookings.rules.plans import GROUP_WORDS, WISH_WORDS, weak_point
from qiantang_nest.bookings.services.demands import Wanted, change_demand, wanted_of
from qiantang_nest.bookings.services.fairness import set_fairness_rule
from qiantang_nest.bookings.services.hold_plan import PlanNow, hold_plan, look_at_plan
from qiantang_nest.bookings.services.hold_rooms import DearerThanShown, KeyReused, RoomsGone
from qiantang_nest.bookings.services.plans import choose, read_for_plans, record_plans, solve_plans
from qiantang_nest.bookings.views import blueprint
from qiantang_nest.bookings.views.demands import load_demand
from qiantang_nest.core import clock, svgmap
from qiantang_nest.core.access import requires
from qiantang_nest.core.dated_rules import rules_set
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import DomainError, InvalidValue
from qiantang_nest.core.forms import given
from qiantang_nest.core.i18n import _
from qiantang_nest.core.money import format_yuan
from qiantang_nest.core.period import Period
from qiantang_nest.core.web import actor
from qiantang_nest.geography.models import Village
from qiantang_nest.geography.queries import area_name, outline_geojson
from qiantang_nest.housing.models import House, Room
from qiantang_nest.housing.queries import people_by_id, rooms_visible_to
from qiantang_nest.occupancy.models import RoomTaken


@dataclass(frozen=True)
class Column:
    """One plan as the page shows it: figures, map, where it is, its best values and its fault."""

    letter: str
    plan: Plan
    name: str
    map: svgmap.Map
    places: list[tuple[str, int]]
    """Village and how many houses of it."""
    rooms: frozenset[int]
    best: frozenset[str]
    fault: str


@blueprint.get("/demands/<int:demand_id>")
@requires(Permission.DEMAND_READ)
def demand(demand_id: int) -> str:
    """A need, its three plans side by side, and what would meet it if they do not."""
    found = load_demand(demand_id)
    last = latest_round(found.id)
    plans = list(plans_of_round(last.id)) if last else []
    standing = standings([found.id], clock.now())[found.id]
    choices = choices_of(found.id)
    columns = _columns(found, plans)
    return render_template(
        "bookings/demand.html",
        demand=found,
        chip_kind=chip_of(found, standing, clock.today()),
        round=last,
        columns=columns,
        same_rooms=len(columns) > 1 and len({column.rooms for column in columns}) == 1,
        missing=_missing(last),
        changes=_changes_in_words(last),
        choices=choices,
        choice_names=_choice_names(found),
        holds=holds_of_demand(found.id),
        group_words=_group_words(found),
        mode_word=_mode_words()[found.travel_mode],
        area_word=_area_word(found.area_code),
        times=times_on(clock.today()),
        waiting=place_in_queue(found.id, clock.now(), clock.today()),
        offers=[one for one in open_offers(found.enterprise_id, clock.now()) if one.demand_id == found.id],
        may_plan=may(actor().role, Permission.HOLD)
        and found.state == "open"
        and found.starts_on >= clock.today(),
        may_hold=may(actor().role, Permission.HOLD) and found.state == "open" and not standing.held,
        now=clock.now(),
    )


def _columns(found: Demand, plans: list[Plan]) -> list[Column]:
    rooms = rooms_of_plans([plan.id for plan in plans])
    codes = {room.village_code for of_plan in rooms.values() for room in of_plan}
    villages = {
        village.code: village
        for village in db.session.execute(select(Village).where(Village.code.in_(codes))).scalars()
    }
    values = {
        name: [int(getattr(plan, name)) for plan in plans]
        for name in ("rent_fen", "longest_minutes", "houses", "villages")
    }
    # What is the same in all plans is no reason to choose one.
    least = {name: min(of_plans) for name, of_plans in values.items() if len(set(of_plans)) > 1}
    columns = []
    for letter, plan in zip("ABC", plans, strict=False):
        houses: dict[str, set[int]] = {}
        beds: Counter[str] = Counter()
        for room in rooms[plan.id]:
            houses.setdefault(room.village_code, set()).add(room.house_id)
            beds[room.village_code] += room.beds
        places = sorted(
            ((villages[code].name, len(own)) for code, own in houses.items()), key=lambda one: -one[1]
        )
        best = {name for name, value in least.items() if getattr(plan, name) == value}
        columns.append(
            Column(
                letter,
                plan,
                str(WISH_WORDS[Wish(plan.kind)]),
                _map(found, [(villages[code], count) for code, count in beds.items()]),
                places,
                frozenset(room.room_id for room in rooms[plan.id]),
                frozenset(best),
                weak_point(plan, plans),
            )
        )
    return columns


def _map(found: Demand, villages: list[tuple[Village, int]]) -> svgmap.Map:
    gate = question_of(found).gate
    spots = [
        svgmap.Spot(
            village.name,
            village.lon,
            village.lat,
            size=beds,
            label=village.name,
            detail=_("%(beds)s 张床", beds=beds),
            chosen=True,
        )
        for village, beds in villages
    ]
    around = [(village.lon, village.lat) for village, _beds in villages]
    return svgmap.draw(
        svgmap.rings_of(outline_geojson()), spots, phone=True, pin=(gate.lon, gate.lat), around=around
    )


def _missing(last: PlanRound | None) -> list[tuple[str, int]]:
    """Who has no bed, in words with how many."""
    if last is None:
        return []
    counts = [(group, getattr(last, f"unmet_{name}")) for group, name in HEADS.items()]
    return [(str(GROUP_WORDS[group]), count) for group, count in counts if count]


def _group_words(found: Demand) -> list[tuple[str, int]]:
    counts = [(group, getattr(found, name)) for group, name in HEADS.items()]
    return [(str(GROUP_WORDS[group]), count) for group, count in counts if count]


def _mode_words() -> dict[str, str]:
    return {"walk": _("走路"), "ebike": _("电动车"), "shuttle": _("班车")}


def _area_word(code: str | None) -> str:
    if not code:
        return str(_("全区"))
    return area_name(code)


def _changes_in_words(last: PlanRound | None) -> list[str]:
    """What would meet the need, one sentence each, in the order of the round."""
    words = []
    for change in last.changes if last else []:
        value = change["value"]
        match ChangeKind(change["kind"]):
            case ChangeKind.DATES:
                moved = last.demand.starts_on + timedelta(days=value) if last else None
                words.append(
                    _("改到 %(day)s 入住（晚 %(days)s 天）", day=moved, days=value)
                    if value > 0
                    else _("改到 %(day)s 入住（早 %(days)s 天）", day=moved, days=-value)
                )
            case ChangeKind.MINUTES:
                words.append(_("路程放宽到 %(minutes)s 分钟", minutes=value))
            case ChangeKind.RENT:
                words.append(_("租金放宽到每月 %(sum)s 元", sum=format_yuan(value)))
            case ChangeKind.AREA:
                words.append(_("改到%(place)s找", place=_area_word(value or None)))
    return words


@dataclass(frozen=True)
class ChoiceName:
    """A pinned or struck room or house, by the name the employer knows."""

    kind: str
    name: str
    room_id: int | None
    house_id: int | None


def _choice_names(found: Demand) -> list[ChoiceName]:
    choices = choices_of(found.id)
    rooms = names_of_rooms([*choices.pinned_rooms, *choices.struck_rooms])
    rows = db.session.execute(
        select(House.id, (Village.name + " " + House.address).label("name"))
        .join(Village, Village.code == House.village_code)
        .where(House.id.in_([*choices.pinned_houses, *choices.struck_houses]))
    )
    houses = {row.id: row.name for row in rows}
    return [
        *(ChoiceName("pin", rooms.get(one, ""), one, None) for one in sorted(choices.pinned_rooms)),
        *(ChoiceName("pin", houses.get(one, ""), None, one) for one in sorted(choices.pinned_houses)),
        *(ChoiceName("strike", rooms.get(one, ""), one, None) for one in sorted(choices.struck_rooms)),
        *(ChoiceName("strike", houses.get(one, ""), None, one) for one in sorted(choices.struck_houses)),
    ]


@blueprint.post("/demands/<int:demand_id>/plans")
@requires(Permission.HOLD)
def make_plans(demand_id: int) -> Response:
    """Three plans anew. What is read is given back to the pool before the solver takes its second."""
    _plan_anew(load_demand(demand_id))
    return redirect(url_for("bookings.demand", demand_id=demand_id), 303)


def _plan_anew(found: Demand) -> None:
    who = actor()
    read = read_for_plans(demand=found, now=clock.now())
    db.session.rollback()
    made = solve_plans(read)
    with transaction():
        record_plans(found=read, made=made, actor=who)


@blueprint.post("/demands/<int:demand_id>/changes")
@requires(Permission.HOLD)
def apply_change(demand_id: int) -> Response:
    """Do what was proposed, the ``number``-th from 1 in the form, and plan anew."""
    found = load_demand(demand_id)
    last = latest_round(found.id)
    form = ChangeForm()
    if not form.validate():
        abort(400)
    number = given(form.number)
    if last is None or not 1 <= number <= len(last.changes):
        abort(404)
    change = last.changes[number - 1]
    with transaction():
        change_demand(
            demand=found,
            wanted=_changed(wanted_of(found), ChangeKind(change["kind"]), change["value"]),
            today=clock.today(),
            actor=actor(),
        )
    _plan_anew(load_demand(demand_id))
    flash(_("需求改好了，方案也重新算了。"), "done")
    return redirect(url_for("bookings.demand", demand_id=demand_id), 303)


def _changed(wanted: Wanted, kind: ChangeKind, value: Any) -> Wanted:
    match kind:
        case ChangeKind.DATES:
            moved = timedelta(days=int(value))
            if wanted.period.ends_on is None:
                raise InvalidValue(_("请写住到哪天。"))
            return replace(
                wanted, period=Period(wanted.period.starts_on + moved, wanted.period.ends_on + moved)
            )
        case ChangeKind.MINUTES:
            return replace(wanted, max_minutes=int(value))
        case ChangeKind.RENT:
            return replace(wanted, max_rent_fen=int(value))
        case ChangeKind.AREA:
            return replace(wanted, area_code=str(value) or None)


@blueprint.post("/demands/<int:demand_id>/choices")
@requires(Permission.HOLD)
def choose_room(demand_id: int) -> Response:
    """Pin or strike a room or a house, or leave it to the planner again; back to where the person was."""
    found = load_demand(demand_id)
    form = ChoiceForm()
    if not form.validate() or (form.room.data is None) == (form.house.data is None):
        abort(400)
    room_id, house_id = form.room.data, form.house.data
    model: Any = Room if room_id is not None else House
    if db.session.get(model, room_id if room_id is not None else house_id) is None:
        abort(404)
    with transaction():
        choose(
            demand=found,
            kind=form.kind.data,
            room_id=room_id,
            house_id=house_id,
            actor=actor(),
            now=clock.now(),
        )
    flash(_("记下了，再算一次方案就照这个来。"), "done")
    return redirect(url_for("bookings.demand", demand_id=demand_id) + "#choices", 303)


# --- one plan -------------------------------------------------------------------------------------------


def load_plan(plan_id: int) -> tuple[Plan, Demand]:
    """A plan of a demand in the actor's scope, or 404."""
    plan = db.session.get(Plan, plan_id)
    if plan is None:
        abort(404)
    return plan, load_demand(plan.round.demand_id)


@dataclass(frozen=True)
class HouseLine:
    """A house of a plan with its rooms; no household and no door number before a hold."""

    house_id: int
    village: str
    minutes: int
    rooms: list[tuple[PlanRoom, Room, str]]


@blueprint.get("/plans/<int:plan_id>")
@requires(Permission.DEMAND_READ)
def plan(plan_id: int) -> str:
    """The rooms of one plan by house and who sleeps where, with pins and strikes."""
    found, wanted = load_plan(plan_id)
    lines = rooms_of_plans([found.id])[found.id]
    facts = {
        room.id: room
        for room in db.session.execute(
            select(Room).where(Room.id.in_([line.room_id for line in lines]))
        ).scalars()
    }
    names = _village_names({line.village_code for line in lines})
    houses: dict[int, HouseLine] = {}
    for line in lines:
        house = houses.setdefault(
            line.house_id, HouseLine(line.house_id, names[line.village_code], line.minutes, [])
        )
        house.rooms.append((line, facts[line.room_id], str(GROUP_WORDS[Group(line.sleepers)])))
    return render_template(
        "bookings/plan.html",
        plan=found,
        demand=wanted,
        name=WISH_WORDS[Wish(found.kind)],
        houses=list(houses.values()),
        choices=choices_of(wanted.id),
        may_choose=may(actor().role, Permission.HOLD)
        and wanted.state == "open"
        and wanted.starts_on >= clock.today(),
    )


def _village_names(codes: set[str]) -> dict[str, str]:
    rows = db.session.execute(select(Village.code, Village.name).where(Village.code.in_(codes)))
    return {row.code: row.name for row in rows}


@blueprint.route("/plans/<int:plan_id>/hold", methods=["GET", "POST"], endpoint="hold_plan")
@requires(Permission.HOLD)
def hold_whole_plan(plan_id: int) -> Response | str | tuple[str, int]:
    """«Hold this plan?»; rooms that went are shown with those that would take their place, for a yes."""
    found, wanted = load_plan(plan_id)
    form = HoldPlanForm()
    if request.method == "GET":
        form.request_key.data = str(uuid.uuid4())
        return _plan_to_hold(found, wanted, form, {}, None)
    if not form.validate():
        return _plan_to_hold(found, wanted, form, {}, None, 422)
    agreed: dict[int, int] = {}
    try:
        agreed = form.agreed()
        with transaction():
            hold_id = hold_plan(
                plan=found,
                demand=wanted,
                agreed=agreed,
                on_refusal=OnRefusal(form.on_refusal.data),
                request_key=_key(form),
                shown_rent_fen=form.shown_rent_fen.data,
                times=times_on(clock.today()),
                actor=actor(),
                now=clock.now(),
            )
    except KeyReused as error:
        flash(str(error.message), "failed")
        return redirect(url_for("bookings.demand", demand_id=wanted.id), 303)
    except (RoomsGone, DearerThanShown, RoomTaken, InvalidValue) as error:
        found, wanted = load_plan(plan_id)
        return _plan_to_hold(found, wanted, form, agreed, error, error.status)
    flash(_("锁好了。户主会收到消息，答复了这里会写出来。"), "done")
    return redirect(url_for("bookings.hold", hold_id=hold_id), 303)


def _key(form: HoldPlanForm) -> uuid.UUID:
    try:
        return uuid.UUID(form.request_key.data or "")
    except ValueError as error:
        raise InvalidValue(_("这张表不完整，请回到方案重新锁定。")) from error


def _plan_to_hold(
    found: Plan,
    wanted: Demand,
    form: HoldPlanForm,
    agreed: dict[int, int],
    refused: DomainError | None,
    status: int = 200,
) -> tuple[str, int]:
    """What holding the plan would take now; the form carries exactly what is shown."""
    look: PlanNow = look_at_plan(plan=found, demand=wanted, agreed=agreed, now=clock.now())
    times = times_on(clock.today())
    form.shown_rent_fen.data, form.shown_rent_fen.raw_data = look.rent_fen, None
    form.swaps.data = ",".join(
        f"{swap.gone.room_id}:{swap.new.room.room_id}" for swap in look.swaps if swap.new is not None
    )
    form.swaps.raw_data = None
    ids = [*(swap.gone.room_id for swap in look.swaps), *look.room_ids]
    beds = sum(room.beds for room in look.rooms)
    beds += sum(swap.new.room.beds - swap.gone.beds for swap in look.swaps if swap.new is not None)
    return render_template(
        "bookings/hold_plan.html",
        plan=found,
        demand=wanted,
        form=form,
        look=look,
        beds=beds,
        names=names_of_rooms(ids),
        group_words={group.value: word for group, word in GROUP_WORDS.items()},
        plan_name=WISH_WORDS[Wish(found.kind)],
        refused=refused,
        expires_at=clock.now() + timedelta(hours=times.hold_hours),
        times=times,
        area_word=_area_word(wanted.area_code),
        per_bed=RentUnit(wanted.rent_unit) is RentUnit.BED,
    ), status


@blueprint.get("/rooms/<int:room_id>/passed-over")
@requires(Permission.HOUSE_LIST_OWN)
def passed_over(room_id: int) -> str:
    """Why plans near a household's room went without it, in the last 30 days."""
    room: Room | None = db.session.execute(
        rooms_visible_to(actor()).where(Room.id == room_id)
    ).scalar_one_or_none()
    if room is None:
        abort(404)
    return render_template(
        "bookings/passed_over.html",
        room=room,
        plans=passed_over_plans(room, clock.now()),
        fairness=fairness_on(clock.today()),
    )


# --- the district's rule --------------------------------------------------------------------------------


@blueprint.route("/fairness", methods=["GET", "POST"])
@requires(Permission.FAIRNESS_SET)
def fairness() -> Response | str | tuple[str, int]:
    """How much dearer a plan may be for households let least: what holds now, and the change."""
    today = clock.today()
    rule = fairness_on(today)
    form = FairnessForm(data={"percent": rule.permille / 10, "effective_on": today})
    if form.validate_on_submit():
        try:
            with transaction():
                set_fairness_rule(
                    permille=round(given(form.percent) * 10),
                    basis=given(form.basis),
                    effective_on=given(form.effective_on),
                    today=today,
                    actor=actor(),
                )
            flash(_("照顾标准定好了，从 %(day)s 起用。", day=given(form.effective_on).isoformat()), "done")
            return redirect(url_for("bookings.fairness"), 303)
        except DomainError as error:
            form.refuse(form.effective_on, error)
    rules = rules_set(FairnessRule)
    page = render_template(
        "bookings/fairness.html",
        form=form,
        rule=rule,
        rules=rules,
        people=people_by_id([one.set_by for one in rules]),
    )
    return (page, 422) if form.errors else page
