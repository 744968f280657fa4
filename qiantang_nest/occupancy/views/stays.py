"""Pages of stays: who sleeps where, coming, leaving, changing beds, and opening an identity."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission, Role, may
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import DomainError, InvalidValue, NotFound
from qiantang_nest.core.forms import SelectChoice, given
from qiantang_nest.core.i18n import _, ngettext
from qiantang_nest.core.web import actor, ids_from, paginate
from qiantang_nest.enterprises.services import record_reveal
from qiantang_nest.occupancy.forms.stays import (
    ArriveForm,
    LeaveForm,
    RevealForm,
    StayFilterForm,
)
from qiantang_nest.occupancy.models import Stay
from qiantang_nest.occupancy.queries import beds as bed_queries
from qiantang_nest.occupancy.queries import stays as queries
from qiantang_nest.occupancy.queries.stays import Person, StayFilter, StayState
from qiantang_nest.occupancy.services import stays as services
from qiantang_nest.occupancy.views import blueprint

MOST_AT_ONCE = 500

STATE_CHIPS = {
    StayState.PLANNED: "state.waiting",
    StayState.PRESENT: "room.occupied",
    StayState.OVERSTAYED: "state.late",
    StayState.LEFT: "state.off",
    StayState.CANCELLED: "state.closed",
}


@dataclass(frozen=True)
class Row:
    """A stay as a list shows it."""

    stay: Stay
    person: Person
    state: StayState
    village: str

    @property
    def chip(self) -> str:
        return STATE_CHIPS[self.state]

    @property
    def word(self) -> str:
        return str(queries.STATE_LABELS[self.state])


def rows_of(stays: Sequence[Stay], who: Actor, today: date) -> list[Row]:
    """Stays with what the actor may read of each person; one query for the villages."""
    names = bed_queries.village_names({stay.village_code for stay in stays})
    return [
        Row(
            stay,
            queries.person(stay.worker, who),
            queries.stay_state(stay, today),
            names.get(stay.village_code, ""),
        )
        for stay in stays
    ]


def layout(who: Actor) -> str:
    """Villagers read on the phone frame, everybody else at the desk."""
    return "layouts/phone.html" if who.role == Role.VILLAGER else "layouts/desk.html"


def find_stay(stay_id: int) -> Stay:
    """The stay of the address, in scope. Raises NotFound."""
    found = queries.stay_for(actor(), stay_id)
    if found is None:
        raise NotFound(_("没有找到这次住宿，或者它不归您管。"))
    return found


@blueprint.get("/stays")
@requires(Permission.STAY_READ)
def stays() -> str:
    """Who sleeps where."""
    who, today = actor(), clock.today()
    villages = queries.villages_of_stays(who)
    form = StayFilterForm(request.args)
    form.state.choices = [
        SelectChoice("", _("住着和要来的")),
        *(SelectChoice(state.value, str(label)) for state, label in queries.STATE_LABELS.items()),
    ]
    form.village.choices = [SelectChoice("", _("全部")), *(SelectChoice(*one) for one in villages)]
    form.lease.choices = [
        SelectChoice("", _("全部")),
        *(SelectChoice(str(lease_id), number) for lease_id, number in queries.leases_of_stays(who)),
    ]
    form.validate()
    wanted = StayFilter(
        state=next((one for one in StayState if one == form.state.data), None),
        village_code=next((code for code, _name in villages if code == form.village.data), ""),
        lease_id=next(iter(ids_from([form.lease.data or ""])), None),
        text=form.q.data or "" if not form.q.errors else "",
    )
    page = paginate(queries.stays(who, wanted, today))
    waiting = (
        db.session.execute(
            select(func.count()).select_from(bed_queries.unhoused(who, today).order_by(None).subquery())
        ).scalar_one()
        if may(who.role, Permission.ROSTER_KEEP)
        else 0
    )
    return render_template(
        "occupancy/stays.html",
        layout=layout(who),
        form=form,
        filtered=wanted != StayFilter(),
        page=page,
        rows=rows_of(page.items, who, today),
        counts=queries.counts_by_state(who, today),
        states=StayState,
        waiting=waiting,
        employer=who.enterprise_id is not None,
        villager=who.role == Role.VILLAGER,
        can_manage=may(who.role, Permission.STAY_MANAGE),
        can_keep=may(who.role, Permission.ROSTER_KEEP),
    )


@blueprint.get("/stays/<int:stay_id>")
@requires(Permission.STAY_READ)
def stay(stay_id: int) -> str:
    """One worker's bed: since when, until when, what can be done, what came before."""
    who, today = actor(), clock.today()
    found = find_stay(stay_id)
    return render_template(
        "occupancy/stay.html",
        layout=layout(who),
        row=rows_of([found], who, today)[0],
        history=rows_of(queries.history_of(found, who), who, today),
        reports=queries.registrations_of(found),
        today=today,
        states=StayState,
        can_manage=may(who.role, Permission.STAY_MANAGE),
        can_reveal=may(who.role, Permission.WORKER_REVEAL),
    )


@blueprint.route("/stays/<int:stay_id>/reveal", methods=["GET", "POST"])
@requires(Permission.WORKER_REVEAL)
def reveal_worker(stay_id: int) -> str | tuple[str, int]:
    """Ask what for, write it down, then show the full identity once."""
    who = actor()
    found = find_stay(stay_id)
    form = RevealForm()
    opened = None
    if form.validate_on_submit():
        with transaction():
            record_reveal(worker=found.worker, purpose=form.purpose.data, actor=who)
        opened = queries.person(find_stay(stay_id).worker, who, opened=True)
    body = render_template(
        "occupancy/reveal_worker.html",
        form=form,
        stay_id=stay_id,
        person=queries.person(found.worker, who),
        opened=opened,
    )
    return (body, 422) if form.errors else body


@blueprint.route("/stays/check-in", methods=["GET", "POST"])
@requires(Permission.STAY_MANAGE)
def check_in() -> str | tuple[str, int] | Response:
    """Tick who has come, all at once: everybody planned until today is ticked already."""
    who, today = actor(), clock.today()
    form = ArriveForm()
    if form.arrived_on.data is None and not form.is_submitted():
        form.arrived_on.data = today
    ids = ids_from(request.form.getlist("stay"))[:MOST_AT_ONCE]
    if form.validate_on_submit():
        chosen = queries.stays_by_ids(who, ids)
        if not chosen:
            form.form_errors.append(_("还没有勾选谁到了。"))
        else:
            try:
                with transaction():
                    services.check_in(stays=chosen, arrived_on=given(form.arrived_on), actor=who, today=today)
            except DomainError as error:
                form.refuse(form.arrived_on if isinstance(error, InvalidValue) else None, error)
            else:
                flash(
                    ngettext("办好了，%(num)s 人已入住。", "办好了，%(num)s 人已入住。", len(chosen)),
                    "done",
                )
                return redirect(url_for("occupancy.stays"), 303)
    wanted = StayFilter(state=StayState.PLANNED, lease_id=_lease_from_query())
    planned = queries.stays(who, wanted, today).order_by(None).order_by(Stay.starts_on, Stay.room_id)
    expected = db.session.execute(planned.limit(MOST_AT_ONCE)).scalars().all()
    barred = bed_queries.barred_houses({one.room.house_id for one in expected})
    body = render_template(
        "occupancy/check_in.html",
        form=form,
        rows=rows_of(expected, who, today),
        barred=barred,
        ticked=set(ids)
        if form.is_submitted()
        else {one.id for one in expected if one.starts_on <= today and one.room.house_id not in barred},
        employer=who.enterprise_id is not None,
    )
    return (body, 422) if form.is_submitted() else body


def _lease_from_query() -> int | None:
    return next(iter(ids_from([request.args.get("lease", "")])), None)


@blueprint.route("/stays/<int:stay_id>/check-out", methods=["GET", "POST"])
@requires(Permission.STAY_MANAGE)
def check_out(stay_id: int) -> str | tuple[str, int] | Response:
    """One has left; another may take the bed without a gap."""
    who, today, now = actor(), clock.today(), clock.now()
    found = find_stay(stay_id)
    form = LeaveForm()
    candidates = (
        db.session.execute(bed_queries.unhoused(who, today).limit(MOST_AT_ONCE)).scalars().all()
        if may(who.role, Permission.ROSTER_KEEP)
        else []
    )
    by_id = {str(worker.id): worker for worker in candidates if worker.sex == found.worker.sex}
    form.replacement.choices = [
        SelectChoice("", _("先空着")),
        *(SelectChoice(worker_id, worker.name) for worker_id, worker in by_id.items()),
    ]
    if not form.is_submitted():
        form.left_on.data = min(today, found.ends_on)
    if form.validate_on_submit():
        fresh = by_id.get(form.replacement.data)
        try:
            with transaction():
                if fresh is None:
                    services.check_out(
                        stays=[found], left_on=given(form.left_on), actor=who, today=today, now=now
                    )
                else:
                    services.replace_worker(
                        stay=found,
                        worker=fresh,
                        left_on=given(form.left_on),
                        actor=who,
                        today=today,
                        now=now,
                    )
        except DomainError as error:
            form.refuse(form.left_on, error)
            found = find_stay(stay_id)
        else:
            flash(_("办好了，床位从 %(day)s 起空出来。", day=given(form.left_on).isoformat()), "done")
            return redirect(url_for("occupancy.stay", stay_id=stay_id), 303)
    body = render_template(
        "occupancy/check_out.html", form=form, row=rows_of([found], who, today)[0], can_replace=bool(by_id)
    )
    return (body, 422) if form.is_submitted() else body


@blueprint.route("/stays/<int:stay_id>/cancel", methods=["GET", "POST"])
@requires(Permission.STAY_MANAGE)
def cancel_stay(stay_id: int) -> str | Response:
    """Somebody does not come: asked on a page of its own, then the bed is free."""
    who, today, now = actor(), clock.today(), clock.now()
    found = find_stay(stay_id)
    if request.method == "POST":
        with transaction():
            services.cancel_stay(stay=found, actor=who, now=now)
        flash(_("记下了，这张床空出来了。"), "done")
        return redirect(url_for("occupancy.stays"), 303)
    return render_template("occupancy/cancel_stay.html", row=rows_of([found], who, today)[0])


def last_day_to_end(last_day: date | None) -> date | None:
    """Half-open end of a period whose last day was typed."""
    return None if last_day is None else last_day + timedelta(days=1)
