"""Taking a dangerous house off the market, and telling who booked it."""

from flask import abort, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.bookings.forms import DangerForm
from qiantang_nest.bookings.services.delist_dangerous_house import delist_dangerous_house as delist
from qiantang_nest.bookings.views import blueprint
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor
from qiantang_nest.geography.models import Village
from qiantang_nest.housing.models import House
from qiantang_nest.housing.queries import houses_visible_to, rooms_of


@blueprint.route("/houses/<int:house_id>/danger", methods=["GET", "POST"])
@requires(Permission.SAFETY_RECORD)
def delist_dangerous_house(house_id: int) -> Response | str | tuple[str, int]:
    """«Is this house dangerous?»: off the market at once, held rooms free, employers told."""
    house: House | None = db.session.execute(
        houses_visible_to(actor()).where(House.id == house_id)
    ).scalar_one_or_none()
    if house is None:
        abort(404)
    form = DangerForm()
    if form.validate_on_submit():
        with transaction():
            done = delist(
                house=house,
                reason=form.reason.data or "",
                today=clock.today(),
                now=clock.now(),
                actor=actor(),
            )
        flash(
            _(
                "已经下架。放开了 %(held)s 间锁定的房，有 %(leased)s 间正租着，通知了 %(employers)s 家企业。",
                held=done.held,
                leased=done.leased,
                employers=done.employers,
            ),
            "done",
        )
        return redirect(url_for("housing.house", house_id=house.id), 303)
    village = db.session.get_one(Village, house.village_code)
    return render_template(
        "bookings/delist_dangerous_house.html",
        house=house,
        village=village,
        rooms=len(rooms_of([house.id])),
        form=form,
    ), (422 if form.errors else 200)
