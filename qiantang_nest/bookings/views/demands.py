"""Needs of beds: employers say, repeat, change and withdraw them; offices see what is coming and unmet."""

from datetime import date, timedelta

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.bookings.forms import DemandForm, WithdrawForm, usual_dates
from qiantang_nest.bookings.models import Demand
from qiantang_nest.bookings.queries.demands import chip_of, signal_rows, standings
from qiantang_nest.bookings.queries.holds import demands_visible_to
from qiantang_nest.bookings.services.demands import (
    Wanted,
    change_demand,
    post_demand,
    wanted_of,
    withdraw_demand,
)
from qiantang_nest.bookings.views import blueprint
from qiantang_nest.bookings.views.question import all_villages
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.forms import SelectChoice, given
from qiantang_nest.core.i18n import _
from qiantang_nest.core.period import add_months
from qiantang_nest.core.web import actor, paginate
from qiantang_nest.enterprises.models import Worksite
from qiantang_nest.enterprises.queries import enterprise_of, open_worksites, worksites_visible_to

SIGNAL_MONTHS = 6


@blueprint.get("/demands")
@requires(Permission.DEMAND_READ)
def demands() -> str:
    """The needs in scope, soonest first."""
    who = actor()
    only_open = request.args.get("state", "open") != "all"
    statement = demands_visible_to(who)
    if only_open:
        statement = statement.where(Demand.state == "open")
    total = db.session.execute(select(func.coalesce(func.sum(statement.subquery().c.beds), 0))).scalar_one()
    page = paginate(statement.order_by(Demand.starts_on, Demand.id))
    stands = standings([demand.id for demand in page.items], clock.now())
    return render_template(
        "bookings/demands.html",
        page=page,
        beds=int(total),
        only_open=only_open,
        employer=who.enterprise_id is not None,
        standings=stands,
        chips={demand.id: chip_of(demand, stands[demand.id], clock.today()) for demand in page.items},
    )


def load_demand(demand_id: int) -> Demand:
    """A demand in the actor's scope, or 404."""
    found: Demand | None = db.session.execute(
        demands_visible_to(actor()).where(Demand.id == demand_id)
    ).scalar_one_or_none()
    if found is None:
        abort(404)
    return found


@blueprint.route("/demands/new", methods=["GET", "POST"])
@requires(Permission.HOLD)
def write_demand() -> Response | str | tuple[str, int]:
    """Say a need, perhaps starting from an older one (``copy``); then plans are a press away."""
    form = _form()
    older = request.args.get("copy", "")
    if request.method == "GET":
        form.starts_on.data, form.last_on.data = usual_dates(clock.today())
        sites = open_worksites(actor().enterprise_id or 0)
        form.worksite.data = str(sites[0].id) if sites else ""
        if older.isascii() and older.isdigit() and len(older) < 16:
            _show_again(form, load_demand(int(older)))
        return _written(form, 200)
    if not form.validate():
        return _written(form, 422)
    try:
        with transaction():
            demand = post_demand(
                enterprise=enterprise_of(actor()),
                wanted=_wanted(form),
                today=clock.today(),
                actor=actor(),
            )
            demand_id = demand.id
    except InvalidValue as error:
        form.refuse(form.starts_on, error)
        return _written(form, 422)
    flash(_("登记好了，街道和区里看得到。现在可以算方案。"), "done")
    return redirect(url_for("bookings.demand", demand_id=demand_id), 303)


@blueprint.route("/demands/<int:demand_id>/change", methods=["GET", "POST"], endpoint="change_demand")
@requires(Permission.HOLD)
def change(demand_id: int) -> Response | str | tuple[str, int]:
    """Say an open need anew; older plans stay to be compared until new ones are made."""
    demand = load_demand(demand_id)
    form = _form()
    if request.method == "GET":
        form.show(wanted_of(demand))
        return _written(form, 200, demand)
    if not form.validate():
        return _written(form, 422, demand)
    try:
        with transaction():
            change_demand(demand=demand, wanted=_wanted(form), today=clock.today(), actor=actor())
    except InvalidValue as error:
        form.refuse(form.starts_on, error)
        return _written(form, 422, demand)
    flash(_("需求改好了。下面是改之前的方案，请再算一次。"), "done")
    return redirect(url_for("bookings.demand", demand_id=demand_id), 303)


def _show_again(form: DemandForm, older: Demand) -> None:
    """An older need with dates of the same length from a week ahead on."""
    form.show(wanted_of(older))
    days = older.ends_on - older.starts_on
    starts_on = max(usual_dates(clock.today())[0], older.starts_on)
    form.starts_on.data, form.last_on.data = starts_on, starts_on + days - timedelta(days=1)


def _form() -> DemandForm:
    form = DemandForm()
    sites = open_worksites(actor().enterprise_id or 0)
    form.worksite.choices = [
        *(SelectChoice(str(site.id), site.name) for site in sites),
        SelectChoice("", _("还没定，按钱塘中心算路程")),
    ]
    villages = all_villages()
    streets = {village.street.code: village.street.name for village in villages}
    form.area.choices = [
        SelectChoice("", _("全区都行")),
        *(SelectChoice(code, name) for code, name in streets.items()),
        *(SelectChoice(village.code, f"{village.street.name} {village.name}") for village in villages),
    ]
    return form


def _wanted(form: DemandForm) -> Wanted:
    site = None
    if form.worksite.data:
        site = db.session.execute(
            worksites_visible_to(actor()).where(Worksite.id == int(form.worksite.data))
        ).scalar_one_or_none()
    return form.wanted(site)


def _written(form: DemandForm, status: int, demand: Demand | None = None) -> tuple[str, int]:
    return render_template("bookings/write_demand.html", form=form, demand=demand), status


@blueprint.route("/demands/<int:demand_id>/withdraw", methods=["GET", "POST"], endpoint="withdraw_demand")
@requires(Permission.HOLD)
def withdraw(demand_id: int) -> Response | str | tuple[str, int]:
    """«No longer wanted?», with the reason that offices read."""
    demand = load_demand(demand_id)
    form = WithdrawForm()
    if form.validate_on_submit():
        with transaction():
            withdraw_demand(demand=demand, reason=given(form.reason), actor=actor())
        flash(_("已经撤回。"), "done")
        return redirect(url_for("bookings.demands"), 303)
    page = render_template("bookings/withdraw_demand.html", demand=demand, form=form)
    return (page, 422) if form.errors else page


@blueprint.get("/demands/signal")
@requires(Permission.DEMAND_SIGNAL_READ)
def demand_signal() -> str:
    """What is wanted, met and unmet by street and month of the first day: what rooms the district lacks."""
    today = clock.today()
    first = add_months(date(today.year, today.month, 1), -SIGNAL_MONTHS)
    last = add_months(first, 2 * SIGNAL_MONTHS + 1)
    rows = signal_rows(actor(), first, last)
    months = [add_months(first, count) for count in range(2 * SIGNAL_MONTHS + 1)]

    def by_month(name: str) -> list[int]:
        return [sum(getattr(row, name) for row in rows if row.month == month) for month in months]

    return render_template(
        "bookings/demand_signal.html",
        rows=rows,
        months=[month.strftime("%Y-%m") for month in months],
        beds=by_month("beds"),
        unmet=by_month("unmet"),
        totals={
            name: sum(getattr(row, name) for row in rows)
            for name in ("demands", "beds", "met", "open", "unmet")
        },
        now=clock.now(),
    )
