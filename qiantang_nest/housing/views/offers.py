"""An offer that exists: another price, a pause."""

from datetime import timedelta

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import DomainError, NotFound
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor
from qiantang_nest.housing import queries, services
from qiantang_nest.housing.forms.offers import ChangeOfferForm, ReasonForm
from qiantang_nest.housing.models import Listing
from qiantang_nest.housing.views import blueprint
from qiantang_nest.housing.views.loading import is_villager, load_room
from qiantang_nest.housing.views.steps import OWN_OR_PROXY


def _frame() -> str:
    return "layouts/phone.html" if is_villager() else "layouts/desk.html"


def _live_listing(room_id: int) -> Listing:
    listing = queries.current_listings([room_id]).get(room_id)
    if listing is None or listing.state not in ("submitted", "approved"):
        raise NotFound(_("这间房现在没有上架。"))
    return listing


@blueprint.route("/rooms/<int:room_id>/price", methods=["GET", "POST"])
@requires(*OWN_OR_PROXY)
def change_offer(room_id: int) -> Response | str | tuple[str, int]:
    """Another price or period; rooms already taken keep theirs."""
    room = load_room(room_id)
    listing = _live_listing(room_id)
    form = ChangeOfferForm(
        data={
            "rent_fen": listing.rent_fen,
            "starts_on": listing.starts_on,
            "last_day": listing.ends_on - timedelta(days=1),
            "direct": listing.direct,
        }
    )
    if form.validate_on_submit():
        try:
            with transaction():
                services.change_offer(
                    listing=listing,
                    rent_fen=form.rent_fen.data,
                    starts_on=form.starts_on.data,
                    ends_on=form.last_day.data + timedelta(days=1),
                    direct=form.direct.data,
                    today=clock.today(),
                    actor=actor(),
                )
            flash(_("改好了。已经订走的还按原来的价，从下一家起按新价。"), "done")
            return redirect(url_for("housing.room", room_id=room_id), 303)
        except DomainError as error:
            room = load_room(room_id)
            form.refuse(form.last_day, error)
    page = render_template("housing/change_offer.html", form=form, room=room, frame=_frame())
    return (page, 422) if form.errors else page


@blueprint.route("/rooms/<int:room_id>/pause", methods=["GET", "POST"])
@requires(*OWN_OR_PROXY)
def pause_room(room_id: int) -> Response | str | tuple[str, int]:
    """Off the market for now; asked first, with a reason the village reads."""
    room = load_room(room_id)
    listing = _live_listing(room_id)
    form = ReasonForm()
    if form.validate_on_submit():
        with transaction():
            services.withdraw_listing(
                listing=listing, reason=form.reason.data, now=clock.now(), actor=actor()
            )
        flash(_("%(label)s 房先不租了。想再租，点“再上架”就行。", label=room.label), "done")
        return redirect(url_for("housing.room", room_id=room_id), 303)
    page = render_template("housing/pause_room.html", form=form, room=room, listing=listing, frame=_frame())
    return (page, 422) if form.errors else page
