"""Where the villages of an office lie, and moving one."""

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import clock, svgmap
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import DomainError
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor
from qiantang_nest.geography.queries import area_name, outline_geojson, villages_in
from qiantang_nest.geography.services import set_office_phone as write_office_phone
from qiantang_nest.housing import services
from qiantang_nest.housing.forms.desk import OfficePhoneForm, PlaceForm
from qiantang_nest.housing.views import blueprint
from qiantang_nest.housing.views.houses import point_of
from qiantang_nest.housing.views.loading import load_village


@blueprint.get("/villages")
@requires(Permission.VILLAGE_PLACE)
def villages() -> str:
    """The villages in scope on the district's outline, and which still stand where the computer put them."""
    found = villages_in(actor().scope)
    spots = [
        svgmap.Spot(
            village.name,
            village.lon,
            village.lat,
            size=1,
            label=village.name,
            detail=_("村里标定的位置") if village.geo_precision == "village" else _("示意位置"),
            href=url_for("housing.place_village", code=village.code),
            low=village.geo_precision == "street",
        )
        for village in found
    ]
    rings = svgmap.rings_of(outline_geojson())
    return render_template(
        "housing/villages.html",
        villages=found,
        area=area_name(actor().scope),
        desk=svgmap.draw(rings, spots),
        phone=svgmap.draw(rings, spots, phone=True),
        unset=sum(village.geo_precision == "street" for village in found),
    )


@blueprint.route("/villages/<code>/place", methods=["GET", "POST"])
@requires(Permission.VILLAGE_PLACE)
def place_village(code: str) -> Response | str | tuple[str, int]:
    """Two numbers, or a pin to drag; houses without a place of their own come along."""
    village = load_village(code)
    form = PlaceForm(data={"latitude": f"{village.lat:.6f}", "longitude": f"{village.lon:.6f}"})
    if form.validate_on_submit():
        try:
            with transaction():
                services.place_village(village=village, point=point_of(form), now=clock.now(), actor=actor())
            flash(_("%(village)s的位置标好了。", village=village.name), "done")
            return redirect(url_for("housing.villages"), 303)
        except DomainError as error:
            village = load_village(code)
            form.refuse(form.latitude, error)
    page = render_template("housing/place_village.html", form=form, village=village)
    return (page, 422) if form.errors else page


@blueprint.route("/villages/<code>/phone", methods=["GET", "POST"])
@requires(Permission.VILLAGE_PLACE)
def set_office_phone(code: str) -> Response | str | tuple[str, int]:
    """The number villagers find under 找村里, and anybody among the villages' telephones."""
    village = load_village(code)
    form = OfficePhoneForm(data={"phone": village.office_phone})
    if form.validate_on_submit():
        try:
            with transaction():
                write_office_phone(village=village, phone=form.phone.data or "", actor=actor())
            flash(_("%(village)s的电话存好了，村民打得到。", village=village.name), "done")
            return redirect(url_for("housing.villages"), 303)
        except DomainError as error:
            village = load_village(code)
            form.refuse(form.phone, error)
    page = render_template("housing/set_office_phone.html", form=form, village=village)
    return (page, 422) if form.errors else page
