"""What waits for the clerk's word, one by one or all that pass at once."""

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor, ids_from, paginate
from qiantang_nest.housing import queries, services
from qiantang_nest.housing.forms.offers import ReasonForm
from qiantang_nest.housing.models import Listing
from qiantang_nest.housing.rules import Feature, RoomKind, feature_label, gate_lack_label, room_kind_label
from qiantang_nest.housing.services.listings import NotListable
from qiantang_nest.housing.views import blueprint
from qiantang_nest.housing.views.loading import load_listing

MOST_AT_ONCE = 500


@blueprint.get("/listings-waiting")
@requires(Permission.LISTING_DECIDE)
def listings_waiting() -> str:
    """Oldest first; what each lacks stands beside it."""
    page = paginate(queries.waiting_listings(actor()), per_page=50)
    lacks = queries.lacks_of(page.items, clock.today())
    return render_template(
        "housing/listings_waiting.html",
        page=page,
        lacks={key: [gate_lack_label(lack) for lack in found] for key, found in lacks.items()},
        people=queries.people_by_id([row.submitted_by for row in page.items if row.on_behalf_of]),
    )


@blueprint.post("/listings-waiting/approve")
@requires(Permission.LISTING_DECIDE)
def approve_listings() -> Response:
    """Approve the ticked ones that pass; those that lack something stay and are counted."""
    wanted = ids_from(request.form.getlist("listing"))[:MOST_AT_ONCE]
    waiting = (
        db.session.execute(queries.waiting_listings(actor()).where(Listing.id.in_(wanted))).scalars().all()
    )
    today, now = clock.today(), clock.now()
    lacks = queries.lacks_of(waiting, today)
    passing = [listing for listing in waiting if not lacks[listing.id]]
    held_back = len(waiting) - len(passing)
    with transaction():
        for listing in passing:
            services.approve_listing(listing=listing, today=today, now=now, actor=actor())
    if passing:
        flash(_("%(count)s 间上架了，已经告诉户主。", count=len(passing)), "done")
    if held_back:
        flash(_("还有 %(count)s 间差材料，没有上架，看每一间后面写的。", count=held_back), "todo")
    if not waiting:
        flash(_("没有选中要上架的房间，请先打勾。"), "todo")
    return redirect(url_for("housing.listings_waiting"), 303)


@blueprint.get("/listings/<int:listing_id>")
@requires(Permission.LISTING_DECIDE)
def decide_listing(listing_id: int) -> str:
    """One offer with everything the clerk looks at."""
    return _decision_page(load_listing(listing_id), ReasonForm())


@blueprint.post("/listings/<int:listing_id>/approve")
@requires(Permission.LISTING_DECIDE)
def approve_listing(listing_id: int) -> Response | tuple[str, int]:
    """Onto the market, or the same page with what is missing."""
    listing = load_listing(listing_id)
    try:
        with transaction():
            services.approve_listing(listing=listing, today=clock.today(), now=clock.now(), actor=actor())
    except NotListable:
        return _decision_page(load_listing(listing_id), ReasonForm()), 422
    flash(_("上架了，已经告诉户主。"), "done")
    return redirect(url_for("housing.listings_waiting"), 303)


@blueprint.post("/listings/<int:listing_id>/return")
@requires(Permission.LISTING_DECIDE)
def return_listing(listing_id: int) -> Response | tuple[str, int]:
    """Back to the owner with a reason."""
    listing = load_listing(listing_id)
    form = ReasonForm()
    if form.validate_on_submit():
        with transaction():
            services.return_listing(listing=listing, reason=form.reason.data, now=clock.now(), actor=actor())
        flash(_("退回了，原因已经告诉户主。"), "done")
        return redirect(url_for("housing.listings_waiting"), 303)
    return _decision_page(listing, form), 422


def _decision_page(listing: Listing, form: ReasonForm) -> str:
    room = listing.room
    found = queries.lacks_of([listing], clock.today())[listing.id]
    return render_template(
        "housing/decide_listing.html",
        listing=listing,
        room=room,
        form=form,
        lacks=[gate_lack_label(lack) for lack in found],
        people=queries.people_by_id([listing.submitted_by, listing.decided_by]),
        photos=[p for p in queries.photos_of([room.house_id]) if p.room_id in (room.id, None)],
        kind_label=room_kind_label(RoomKind(room.kind)),
        feature_labels=[feature_label(Feature(feature)) for feature in room.features],
        rule=queries.capacity_on(clock.today()),
    )
