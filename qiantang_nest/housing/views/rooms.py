"""A villager's rooms, and one room for whoever may see it."""

from collections import defaultdict

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms import Field

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import DomainError, InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor
from qiantang_nest.geography.queries import village_by_code, villages_in
from qiantang_nest.housing import queries, services
from qiantang_nest.housing.forms.desk import RoomForm
from qiantang_nest.housing.forms.fields import choices
from qiantang_nest.housing.forms.offers import LinkRequestForm
from qiantang_nest.housing.models import House
from qiantang_nest.housing.rules import Feature, RoomKind, feature_label, room_kind_label
from qiantang_nest.housing.views import blueprint
from qiantang_nest.housing.views.loading import is_villager, load_house, load_room
from qiantang_nest.housing.views.steps import OWN_OR_PROXY, own_households


@blueprint.get("/my-rooms")
@requires(Permission.HOUSE_LIST_OWN)
def my_rooms() -> str:
    """Houses and rooms of the signed-in villager, what each waits for, and how to add one."""
    owners = own_households()
    houses = list(db.session.execute(queries.houses_visible_to(actor()).order_by(House.id)).scalars())
    rooms = queries.rooms_of([house.id for house in houses])
    of_house = defaultdict(list)
    for room in rooms:
        of_house[room.house_id].append(room)
    listings = queries.current_listings([room.id for room in rooms])
    link = queries.latest_link(actor().user_id or 0) if not owners else None
    return render_template(
        "housing/my_rooms.html",
        owners=owners,
        houses=houses,
        of_house=of_house,
        listings=listings,
        today=clock.today(),
        link=link,
    )


@blueprint.route("/my-household", methods=["GET", "POST"])
@requires(Permission.HOUSE_LIST_OWN)
def ask_link() -> Response | str | tuple[str, int]:
    """Which household is mine: the village's clerk decides."""
    form = LinkRequestForm()
    villages = villages_in("330114")
    form.village_code.choices = choices((village.code, village.name) for village in villages)
    link = queries.latest_link(actor().user_id or 0)
    if own_households():
        return redirect(url_for("housing.my_rooms"), 303)
    if form.validate_on_submit():
        try:
            with transaction():
                services.request_link(
                    user_id=actor().user_id or 0,
                    village=next(v for v in villages if v.code == form.village_code.data),
                    note=form.note.data,
                    actor=actor(),
                )
            flash(_("告诉村里了。村管理员核对好就绑定给您，到时这里会有消息。"), "done")
            return redirect(url_for("housing.my_rooms"), 303)
        except DomainError as error:
            form.refuse(form.note, error)
    by_street: dict[str, list[int]] = defaultdict(list)
    for place, village in enumerate(villages):
        by_street[village.street.name].append(place)
    page = render_template("housing/ask_link.html", form=form, link=link, by_street=by_street)
    return (page, 422) if form.errors else page


@blueprint.get("/rooms/<int:room_id>")
@requires(Permission.HOUSE_READ)
def room(room_id: int) -> str:
    """One room: its offer, what it lacks, what can be done with it."""
    found = load_room(room_id)
    today = clock.today()
    listing = queries.current_listings([found.id]).get(found.id)
    lacks = queries.lacks_of([listing], today)[listing.id] if listing else []
    people = queries.people_by_id(
        [found.added_by, *([listing.submitted_by, listing.decided_by] if listing else [])]
    )
    return render_template(
        "housing/room.html",
        room=found,
        listing=listing,
        lacks=lacks,
        people=people,
        today=today,
        rule=queries.capacity_on(today),
        village=village_by_code(found.village_code),
        photos=[p for p in queries.photos_of([found.house_id]) if p.room_id in (found.id, None)],
        kind_label=room_kind_label(RoomKind(found.kind)),
        feature_labels=[feature_label(Feature(feature)) for feature in found.features],
        frame="layouts/phone.html" if is_villager() else "layouts/desk.html",
    )


@blueprint.route("/houses/<int:house_id>/rooms/new", methods=["GET", "POST"])
@requires(Permission.HOUSE_MANAGE)
def add_room(house_id: int) -> Response | str | tuple[str, int]:
    """A room entered by the clerk on one page."""
    house = load_house(house_id)
    form = RoomForm(data={"kind": RoomKind.BEDROOM.value, "floor": 1})
    if form.validate_on_submit():
        try:
            with transaction():
                services.add_room(
                    house=house,
                    label=form.label.data,
                    floor=form.floor.data,
                    usable_m2=form.usable_m2.data,
                    kind=RoomKind(form.kind.data),
                    beds=form.beds.data,
                    features=form.features.data or [],
                    today=clock.today(),
                    actor=actor(),
                )
            flash(_("%(label)s 房登记好了。", label=form.label.data), "done")
            return redirect(url_for("housing.house", house_id=house_id), 303)
        except DomainError as error:
            house = load_house(house_id)
            form.refuse(_field_of(form, error), error)
    page = render_template(
        "housing/add_room.html", form=form, house=house, rule=queries.capacity_on(clock.today())
    )
    return (page, 422) if form.errors else page


@blueprint.route("/rooms/<int:room_id>/edit", methods=["GET", "POST"])
@requires(*OWN_OR_PROXY)
def edit_room(room_id: int) -> Response | str | tuple[str, int]:
    """Correct name, floor, size, beds and what is in it."""
    found = load_room(room_id)
    form = RoomForm(obj=found)
    if form.validate_on_submit():
        try:
            with transaction():
                services.edit_room(
                    room=found,
                    label=form.label.data,
                    floor=form.floor.data,
                    kind=RoomKind(form.kind.data),
                    usable_m2=form.usable_m2.data,
                    beds=form.beds.data if form.beds.data else None,
                    features=form.features.data or [],
                    today=clock.today(),
                    actor=actor(),
                )
            flash(_("%(label)s 房改好了。", label=form.label.data), "done")
            return redirect(url_for("housing.room", room_id=room_id), 303)
        except DomainError as error:
            found = load_room(room_id)
            form.refuse(_field_of(form, error), error)
    page = render_template(
        "housing/edit_room.html",
        form=form,
        room=found,
        rule=queries.capacity_on(clock.today()),
        frame="layouts/phone.html" if is_villager() else "layouts/desk.html",
    )
    return (page, 422) if form.errors else page


def _field_of(form: RoomForm, error: DomainError) -> Field:
    """Size and beds refuse as wrong values; a name that is taken refuses by its constraint."""
    wrong: Field = form.beds if isinstance(error, InvalidValue) else form.label
    return wrong


@blueprint.route("/rooms/<int:room_id>/remove", methods=["GET", "POST"])
@requires(*OWN_OR_PROXY)
def remove_room(room_id: int) -> Response | str:
    """Take away a room that was entered by mistake; asked first."""
    found = load_room(room_id)
    if request.method == "POST":
        with transaction():
            services.remove_room(room=found, now=clock.now(), actor=actor())
        flash(_("%(label)s 房删掉了。", label=found.label.split("#")[0]), "done")
        if is_villager():
            return redirect(url_for("housing.my_rooms"), 303)
        return redirect(url_for("housing.house", house_id=found.house_id), 303)
    return render_template(
        "housing/remove_room.html",
        room=found,
        frame="layouts/phone.html" if is_villager() else "layouts/desk.html",
    )
