"""The list of houses of an area, and one house with everything about it."""

from datetime import timedelta

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import DomainError
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor, paginate, sort_from_query
from qiantang_nest.geography.queries import area_name, village_by_code, villages_in
from qiantang_nest.geography.rules import Crs, LatLon, convert, parse_point
from qiantang_nest.housing import queries, services
from qiantang_nest.housing.forms.desk import HouseForm, HouseSearch, PlaceForm
from qiantang_nest.housing.models import House, Owner
from qiantang_nest.housing.rules import DocumentKind, Severity, document_kind_label, severity_label
from qiantang_nest.housing.views import blueprint
from qiantang_nest.housing.views.loading import is_villager, load_house, load_owner

SORTS = {
    "address": House.address,
    "owner": Owner.name,
    "village": House.village_code,
    "safe": House.safe_until,
}


@blueprint.get("/houses")
@requires(Permission.HOUSE_READ)
def houses() -> Response | str:
    """Search, filters, counts; a villager has a page of their own."""
    if is_villager():
        return redirect(url_for("housing.my_rooms"), 303)
    today, who = clock.today(), actor()
    villages = villages_in(who.scope)
    form = HouseSearch(request.args)
    form.offer([(village.code, village.name) for village in villages])
    village_code = form.village.data or "" if "village" in form else ""
    statement = queries.search_houses(
        who,
        text=form.q.data or "",
        state=form.state.data or "",
        village_code=village_code,
        today=today,
    )
    page = paginate(statement.order_by(sort_from_query(SORTS, "address"), House.id))
    return render_template(
        "housing/houses.html",
        page=page,
        form=form,
        filtered=any(request.args.get(name) for name in ("q", "state", "village")),
        sums=queries.house_sums([house.id for house in page.items]),
        totals=queries.market_sums(who, today),
        village_names={village.code: village.name for village in villages},
        area=area_name(who.scope),
        today=today,
        soon=today + timedelta(days=queries.SOON_DAYS),
    )


@blueprint.get("/houses/<int:house_id>")
@requires(Permission.HOUSE_READ)
def house(house_id: int) -> str:
    """Rooms, papers, checks, hazards, photographs; the household's numbers masked."""
    found = load_house(house_id)
    today = clock.today()
    rooms = queries.rooms_of([found.id])
    inspections = queries.inspections_of(found.id)
    listings = queries.current_listings([room.id for room in rooms])
    people = queries.people_by_id(
        [row.submitted_by for row in listings.values() if row.on_behalf_of]
        + [row.inspected_by for row in inspections]
        + [found.added_by]
    )
    return render_template(
        "housing/house.html",
        house=found,
        rooms=rooms,
        listings=listings,
        sums=queries.house_sums([found.id])[found.id],
        documents=queries.documents_of(found.id),
        document_labels={kind.value: document_kind_label(kind) for kind in DocumentKind},
        inspections=inspections,
        hazards=queries.hazards_of(found.id),
        severity_labels={item.value: severity_label(item) for item in Severity},
        photos=queries.photos_of([found.id]),
        consent=queries.live_consent(found.owner_id),
        village=village_by_code(found.village_code),
        people=people,
        today=today,
        frame="layouts/phone.html" if is_villager() else "layouts/desk.html",
    )


@blueprint.route("/owners/<int:owner_id>/houses/new", methods=["GET", "POST"])
@requires(Permission.HOUSE_MANAGE)
def add_house(owner_id: int) -> Response | str | tuple[str, int]:
    """A house of a household."""
    owner = load_owner(owner_id)
    form = HouseForm()
    if form.validate_on_submit():
        try:
            with transaction():
                added = services.add_house(
                    owner=owner, address=form.address.data, floors=form.floors.data, actor=actor()
                )
            flash(_("%(address)s 登记好了，接着登记房间。", address=added.address), "done")
            return redirect(url_for("housing.house", house_id=added.id), 303)
        except DomainError as error:
            owner = load_owner(owner_id)
            form.refuse(form.address, error)
    page = render_template("housing/add_house.html", form=form, owner=owner)
    return (page, 422) if form.errors else page


@blueprint.route("/houses/<int:house_id>/edit", methods=["GET", "POST"])
@requires(Permission.HOUSE_MANAGE)
def edit_house(house_id: int) -> Response | str | tuple[str, int]:
    """Correct door number and floors."""
    found = load_house(house_id)
    form = HouseForm(obj=found)
    if form.validate_on_submit():
        try:
            with transaction():
                services.edit_house(
                    house=found, address=form.address.data, floors=form.floors.data, actor=actor()
                )
            flash(_("改好了。"), "done")
            return redirect(url_for("housing.house", house_id=house_id), 303)
        except DomainError as error:
            found = load_house(house_id)
            form.refuse(form.address, error)
    page = render_template("housing/edit_house.html", form=form, house=found)
    return (page, 422) if form.errors else page


@blueprint.route("/houses/<int:house_id>/place", methods=["GET", "POST"])
@requires(Permission.HOUSE_MANAGE)
def place_house(house_id: int) -> Response | str | tuple[str, int]:
    """Pin the house where it stands."""
    found = load_house(house_id)
    form = PlaceForm(data={"latitude": f"{found.lat:.6f}", "longitude": f"{found.lon:.6f}"})
    if form.validate_on_submit():
        try:
            with transaction():
                services.place_house(house=found, point=point_of(form), actor=actor())
            flash(_("位置标好了。"), "done")
            return redirect(url_for("housing.house", house_id=house_id), 303)
        except DomainError as error:
            found = load_house(house_id)
            form.refuse(form.latitude, error)
    page = render_template("housing/place_house.html", form=form, house=found)
    return (page, 422) if form.errors else page


def point_of(form: PlaceForm) -> LatLon:
    """The typed place in WGS-84. Raises InvalidValue."""
    typed = parse_point(f"{form.latitude.data},{form.longitude.data}", Crs.WGS84)
    return convert(typed, Crs(form.crs.data), Crs.WGS84)
