"""The waiting list: joining and leaving it from a demand, and answering what it offers."""

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.bookings.forms import WaitForm
from qiantang_nest.bookings.models import Demand, Hold
from qiantang_nest.bookings.queries.holds import hold_sums, holds_visible_to, rooms_of_hold, times_on
from qiantang_nest.bookings.queries.waiting import beds_taken, place_in_queue
from qiantang_nest.bookings.rules import HoldStage, hold_stage
from qiantang_nest.bookings.services import waiting as services
from qiantang_nest.bookings.views import blueprint
from qiantang_nest.bookings.views.demands import load_demand
from qiantang_nest.bookings.views.holds import village_names
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor


@blueprint.route("/demands/<int:demand_id>/wait", methods=["GET", "POST"])
@requires(Permission.HOLD)
def wait(demand_id: int) -> Response | str | tuple[str, int]:
    """«Wait for rooms?»: from how many beds on an offer is worth it; where one stands, and leaving."""
    demand, now = load_demand(demand_id), clock.now()
    lacking = max(demand.beds - beds_taken(demand.id, now), 0)
    form = WaitForm(data={"least_beds": 1})
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                with transaction():
                    services.join_waiting(
                        demand=demand, least_beds=form.least_beds.data or 0, actor=actor(), now=now
                    )
                flash(_("排上了。有合适的房空出来就给您留着，会发消息和短信。"), "done")
                return redirect(url_for("bookings.wait", demand_id=demand_id), 303)
            except InvalidValue as error:
                form.refuse(form.least_beds, error)
    return render_template(
        "bookings/wait.html",
        demand=demand,
        form=form,
        lacking=lacking,
        standing=place_in_queue(demand.id, now, clock.today()),
        times=times_on(clock.today()),
        may_join=demand.state == "open" and demand.starts_on >= clock.today() and lacking > 0,
    ), status


@blueprint.post("/demands/<int:demand_id>/leave-waiting")
@requires(Permission.HOLD)
def leave_waiting(demand_id: int) -> Response:
    """Wait no more."""
    demand = load_demand(demand_id)
    standing = place_in_queue(demand.id, clock.now(), clock.today())
    if standing is None:
        flash(_("这条需求不在候补。"), "failed")
    else:
        with transaction():
            services.leave_waiting(waiting=standing[0], actor=actor(), now=clock.now())
        flash(_("不候补了。"), "done")
    return redirect(url_for("bookings.demand", demand_id=demand_id), 303)


def load_offer(hold_id: int) -> Hold:
    """An offer to the actor's enterprise, answered or not, or 404."""
    found: Hold | None = db.session.execute(
        holds_visible_to(actor()).where(Hold.id == hold_id, Hold.waiting_id.is_not(None))
    ).scalar_one_or_none()
    if found is None:
        abort(404)
    return found


@blueprint.route("/offers/<int:hold_id>", methods=["GET", "POST"])
@requires(Permission.HOLD)
def offer(hold_id: int) -> Response | str:
    """«Take these rooms?»: yes makes a hold of them, no lets them go to the next in the queue."""
    found, now = load_offer(hold_id), clock.now()
    if request.method == "POST":
        if request.form.get("answer") == "yes":
            with transaction():
                services.accept_offer(hold=found, times=times_on(clock.today()), actor=actor(), now=now)
            flash(_("锁好了。户主会收到消息，答复了这里会写出来。"), "done")
            return redirect(url_for("bookings.hold", hold_id=hold_id), 303)
        keep = request.form.get("answer") == "no"
        with transaction():
            services.decline_offer(hold=found, keep_waiting=keep, actor=actor(), now=now)
        flash(_("这几间放开了，接着候补。") if keep else _("这几间放开了，不再候补。"), "done")
        return redirect(url_for("bookings.demand", demand_id=found.demand_id), 303)
    stage = hold_stage(found.state, found.expires_at, now)
    if stage in (HoldStage.ACTIVE, HoldStage.BOOKED):
        return redirect(url_for("bookings.hold", hold_id=hold_id), 303)
    rooms = list(rooms_of_hold(found, actor()))
    return render_template(
        "bookings/offer.html",
        hold=found,
        stage=stage,
        demand=db.session.execute(select(Demand).where(Demand.id == found.demand_id)).scalar_one(),
        sums=hold_sums([found.id])[found.id],
        rooms=rooms,
        villages=village_names(rooms),
        times=times_on(clock.today()),
    )
