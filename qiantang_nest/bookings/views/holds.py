"""An employer's holds: the list, one hold with its owners' answers, giving it back, booking it."""

from datetime import timedelta

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission, may
from qiantang_nest.bookings.forms import LengthenForm, ReleaseForm, TermsForm
from qiantang_nest.bookings.models import Demand, Hold, HoldRoom
from qiantang_nest.bookings.queries.bookings import booking_of_hold, stages_of_holds
from qiantang_nest.bookings.queries.holds import hold_sums, holds_visible_to, rooms_of_hold, times_on
from qiantang_nest.bookings.rules import HoldStage, hold_stage
from qiantang_nest.bookings.services.confirm_booking import StillWaiting, confirm_booking
from qiantang_nest.bookings.services.lengthen_hold import lengthen_hold as lengthen
from qiantang_nest.bookings.services.release_hold import release_hold as give_back
from qiantang_nest.bookings.services.release_hold import release_rooms
from qiantang_nest.bookings.views import blueprint
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.forms import SelectChoice
from qiantang_nest.core.i18n import _
from qiantang_nest.core.money import format_yuan
from qiantang_nest.core.web import actor, paginate
from qiantang_nest.geography.models import Village
from qiantang_nest.occupancy.rules import last_day_to_sign, signing_end


@blueprint.get("/holds")
@requires(Permission.HOLD)
def holds() -> str:
    """The employer's holds: those that count first, then the newest."""
    now = clock.now()
    stage = request.args.get("stage", "")
    statement = holds_visible_to(actor())
    live = (Hold.state == "active") & (Hold.expires_at > now)
    match stage:
        case HoldStage.ACTIVE:
            statement = statement.where(live)
        case HoldStage.EXPIRED:
            statement = statement.where(Hold.state == "active", Hold.expires_at <= now)
        case HoldStage.BOOKED | HoldStage.RELEASED:
            statement = statement.where(Hold.state == stage)
        case _:
            stage = ""
    page = paginate(statement.order_by(live.desc(), Hold.created_at.desc(), Hold.id.desc()))
    ids = [hold.id for hold in page.items]
    return render_template(
        "bookings/holds.html",
        page=page,
        stage=stage,
        sums=hold_sums(ids),
        bookings=stages_of_holds(ids, now),
        stages={hold.id: hold_stage(hold.state, hold.expires_at, now) for hold in page.items},
    )


def load_hold(hold_id: int) -> Hold:
    """A hold in the actor's scope, or 404."""
    found: Hold | None = db.session.execute(
        holds_visible_to(actor()).where(Hold.id == hold_id)
    ).scalar_one_or_none()
    if found is None:
        abort(404)
    return found


def village_names(rooms: list[HoldRoom]) -> dict[str, str]:
    """Village code → name of the rooms' villages."""
    codes = {room.village_code for room in rooms}
    rows = db.session.execute(select(Village.code, Village.name).where(Village.code.in_(codes)))
    return {row.code: row.name for row in rows}


@blueprint.get("/holds/<int:hold_id>")
@requires(Permission.HOLD)
def hold(hold_id: int) -> str | Response:
    """One hold: price, end, and what each owner has said; one that is only offered has a page of its own."""
    found = load_hold(hold_id)
    if found.state == "offered":
        return redirect(url_for("bookings.offer", hold_id=hold_id), 303)
    rooms = list(rooms_of_hold(found, actor()))
    return render_template(
        "bookings/hold.html",
        hold=found,
        stage=hold_stage(found.state, found.expires_at, clock.now()),
        sums=hold_sums([found.id])[found.id],
        rooms=rooms,
        replaced={room.replaces_id: room for room in rooms if room.replaces_id},
        by_id={room.id: room for room in rooms},
        villages=village_names(rooms),
        booking=booking_of_hold(found.id),
        may_confirm=may(actor().role, Permission.BOOKING_CONFIRM),
        may_lengthen=found.lengthened_at is None and times_on(clock.today()).lengthen_hours > 0,
    )


@blueprint.route("/holds/<int:hold_id>/release", methods=["GET", "POST"])
@requires(Permission.HOLD)
def release_hold(hold_id: int) -> Response | str | tuple[str, int]:
    """«Give rooms back?»: those ticked, or all of them."""
    found = load_hold(hold_id)
    rooms = [room for room in rooms_of_hold(found, actor()) if room.claim.state == "held"]
    villages = village_names(rooms)
    form = ReleaseForm()
    form.rooms.choices = [
        SelectChoice(
            room.id,
            _(
                "%(village)s %(label)s 房，每月 %(rent)s 元",
                village=villages[room.village_code],
                label=room.room.label,
                rent=format_yuan(room.rent_fen),
            ),
        )
        for room in rooms
    ]
    status = 200
    if request.method == "POST":
        if request.form.get("all"):
            with transaction():
                give_back(hold=found, actor=actor(), now=clock.now())
            flash(_("已经放开，户主会知道不用再答复。"), "done")
            return redirect(url_for("bookings.holds"), 303)
        status = 422
        if form.validate():
            try:
                with transaction():
                    count = release_rooms(
                        hold=found, hold_room_ids=form.rooms.data or [], actor=actor(), now=clock.now()
                    )
                flash(_("放开了 %(rooms)s 间，其余的还锁着。", rooms=count), "done")
                return redirect(url_for("bookings.hold", hold_id=hold_id), 303)
            except InvalidValue as error:
                form.refuse(form.rooms, error)
    sums = hold_sums([found.id])[found.id]
    return render_template("bookings/release_hold.html", hold=found, sums=sums, form=form), status


@blueprint.route("/holds/<int:hold_id>/lengthen", methods=["GET", "POST"])
@requires(Permission.HOLD)
def lengthen_hold(hold_id: int) -> Response | str | tuple[str, int]:
    """«Keep the rooms longer?», once, with a reason that the households read."""
    found = load_hold(hold_id)
    times = times_on(clock.today())
    form = LengthenForm()
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            with transaction():
                lengthen(
                    hold=found, reason=form.reason.data or "", times=times, actor=actor(), now=clock.now()
                )
            flash(_("多留了 %(hours)s 小时，户主收到了消息。", hours=times.lengthen_hours), "done")
            return redirect(url_for("bookings.hold", hold_id=hold_id), 303)
    return render_template(
        "bookings/lengthen_hold.html",
        hold=found,
        form=form,
        times=times,
        until=found.expires_at + timedelta(hours=times.lengthen_hours),
        stage=hold_stage(found.state, found.expires_at, clock.now()),
        sums=hold_sums([found.id])[found.id],
    ), status


def _utilities_wanted(hold: Hold) -> str:
    """Who pays for water and power, as the demand behind a hold says; the employer if there is none."""
    wanted = db.session.execute(
        select(Demand.utilities_by).where(Demand.id == hold.demand_id)
    ).scalar_one_or_none()
    return wanted or "lessee"


@blueprint.route("/holds/<int:hold_id>/confirm", methods=["GET", "POST"])
@requires(Permission.BOOKING_CONFIRM)
def confirm(hold_id: int) -> Response | str | tuple[str, int]:
    """The terms of the leases, then one lease per lessor."""
    found, today = load_hold(hold_id), clock.today()
    form = TermsForm(data={"utilities_by": _utilities_wanted(found)} if request.method == "GET" else None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                with transaction():
                    booking = confirm_booking(
                        hold=found,
                        terms=form.terms(),
                        drop_waiting=bool(form.drop_waiting.data),
                        sign_days=times_on(today).sign_days,
                        actor=actor(),
                        now=clock.now(),
                    )
                    booking_id, number = booking.id, booking.number
                flash(_("订好了，预订号 %(number)s。下一步：两边签合同。", number=number), "done")
                return redirect(url_for("bookings.booking", booking_id=booking_id), 303)
            except StillWaiting as error:
                form.refuse(form.drop_waiting, error)
    sums = hold_sums([found.id])[found.id]
    stage = hold_stage(found.state, found.expires_at, clock.now())
    if stage is not HoldStage.ACTIVE or not sums.accepted:
        return redirect(url_for("bookings.hold", hold_id=hold_id), 303)
    rooms = [room for room in rooms_of_hold(found, actor()) if room.answer == "accepted"]
    return render_template(
        "bookings/confirm.html",
        hold=found,
        form=form,
        sums=sums,
        lessors=len({room.owner_id for room in rooms}),
        rent_fen=sum(room.rent_fen for room in rooms),
        sign_by=last_day_to_sign(
            signing_end(clock.today(), found.starts_on, times_on(clock.today()).sign_days)
        ),
    ), status
