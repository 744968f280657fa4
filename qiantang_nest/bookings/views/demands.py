"""Needs of beds: employers announce and withdraw them, offices see what is coming."""

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission, may
from qiantang_nest.bookings.forms import DemandForm, usual_dates
from qiantang_nest.bookings.models import Demand
from qiantang_nest.bookings.queries.holds import demands_visible_to
from qiantang_nest.bookings.services.demands import post_demand, withdraw_demand
from qiantang_nest.bookings.views import blueprint
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.forms import SelectChoice
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor, paginate
from qiantang_nest.enterprises.models import Worksite
from qiantang_nest.enterprises.queries import enterprise_of, open_worksites, worksites_visible_to


@blueprint.route("/demands", methods=["GET", "POST"])
@requires(Permission.DEMAND_READ)
def demands() -> Response | str | tuple[str, int]:
    """The needs in scope, soonest first; employers add one below."""
    who = actor()
    form = _form() if may(who.role, Permission.HOLD) else None
    status = 200
    if request.method == "POST":
        if form is None:
            abort(403)
        status = 422
        if form.validate():
            site = None
            if form.worksite.data:
                site = db.session.execute(
                    worksites_visible_to(who).where(Worksite.id == int(form.worksite.data))
                ).scalar_one_or_none()
            try:
                with transaction():
                    post_demand(
                        enterprise=enterprise_of(who),
                        worksite=site,
                        beds=form.beds.data or 0,
                        period=form.period(),
                        max_rent_fen=form.max_rent.data,
                        max_km=form.max_km.data,
                        note=form.note.data or "",
                        today=clock.today(),
                        actor=who,
                    )
                flash(_("登记好了，街道和区里看得到。找到房就可以直接锁定。"), "done")
                return redirect(url_for("bookings.demands"), 303)
            except InvalidValue as error:
                form.refuse(form.starts_on, error)
    only_open = request.args.get("state", "open") != "all"
    statement = demands_visible_to(who)
    if only_open:
        statement = statement.where(Demand.state == "open")
    total = db.session.execute(select(func.coalesce(func.sum(statement.subquery().c.beds), 0))).scalar_one()
    page = paginate(statement.order_by(Demand.starts_on, Demand.id))
    return render_template(
        "bookings/demands.html",
        page=page,
        form=form,
        beds=int(total),
        only_open=only_open,
        employer=who.enterprise_id is not None,
    ), status


def _form() -> DemandForm:
    form = DemandForm()
    sites = open_worksites(actor().enterprise_id or 0)
    form.worksite.choices = [
        *(SelectChoice(str(site.id), site.name) for site in sites),
        SelectChoice("", _("还没定")),
    ]
    if request.method == "GET":
        form.starts_on.data, form.last_on.data = usual_dates(clock.today())
        form.worksite.data = str(sites[0].id) if sites else ""
    return form


@blueprint.post("/demands/<int:demand_id>/withdraw")
@requires(Permission.HOLD)
def withdraw(demand_id: int) -> Response:
    """The beds are no longer wanted."""
    demand: Demand | None = db.session.execute(
        demands_visible_to(actor()).where(Demand.id == demand_id)
    ).scalar_one_or_none()
    if demand is None:
        abort(404)
    with transaction():
        withdraw_demand(demand=demand, actor=actor())
    flash(_("已经撤回。"), "done")
    return redirect(url_for("bookings.demands"), 303)
