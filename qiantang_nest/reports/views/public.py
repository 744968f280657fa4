"""Pages anyone may read: the public home, the villages' telephones, and what this is."""

import threading
from collections.abc import Sequence
from datetime import timedelta

from flask import render_template, url_for

from qiantang_nest.bookings.forms import usual_dates
from qiantang_nest.bookings.queries.holds import times_on
from qiantang_nest.bookings.views.question import place_names, search_form
from qiantang_nest.core import clock, svgmap
from qiantang_nest.core.access import public
from qiantang_nest.core.i18n import _
from qiantang_nest.geography.models import Village
from qiantang_nest.geography.queries import DISTRICT, outline_geojson, villages_in
from qiantang_nest.geography.views import commute_rule
from qiantang_nest.reports.queries.home import (
    FREE_ROOMS_KEPT,
    FreeRooms,
    NearVillage,
    count_free_rooms,
    nearest_with_rooms,
)
from qiantang_nest.reports.views import blueprint

USUAL_MINUTES = 20
_kept: list[FreeRooms] = []
_counting = threading.Lock()


def forget_free_rooms() -> None:
    """Count anew at the next visit."""
    _kept.clear()


def _free_rooms(villages: Sequence[Village]) -> FreeRooms:
    """At most a minute old: visitors are many, and the count looks at every room of the district."""
    with _counting:
        now = clock.now()
        if not _kept or not _kept[0].at <= now < _kept[0].at + FREE_ROOMS_KEPT:
            starts_on, last_on = usual_dates(clock.today())
            _kept[:] = [count_free_rooms(villages, starts_on, last_on + timedelta(days=1), now)]
        return _kept[0]


def public_home() -> str:
    """Search from the factory's gate, where there are rooms, the doors, and how the money goes."""
    villages = villages_in(DISTRICT)
    free = _free_rooms(villages)
    nearest = nearest_with_rooms(villages, free, commute_rule())
    form = search_form()
    form.within.data, form.unit.data = USUAL_MINUTES, "ebike"
    return render_template(
        "reports/public_home.html",
        form=form,
        places=place_names(),
        free=free,
        nearest=nearest,
        maps=_maps(villages, free, nearest) if nearest else None,
        precise=all(village.geo_precision == "village" for village in villages),
        villages=len(villages),
        times=times_on(clock.today()),
    )


def _maps(villages: Sequence[Village], free: FreeRooms, nearest: list[NearVillage]) -> dict[str, svgmap.Map]:
    """All villages on a desk; on a phone those of the list and what lies between."""
    listed = {one.village.code for one in nearest}
    spots = []
    for village in villages:
        count = free.by_village.get(village.code)
        beds = count.beds if count else 0
        spots.append(
            svgmap.Spot(
                village.name,
                village.lon,
                village.lat,
                size=beds,
                label=f"{village.name} {beds}" if village.code in listed else "",
                detail=_("%(beds)s 张空床", beds=beds) if beds else _("没有空床"),
                href=url_for("bookings.search", area=village.code) if beds else "",
                chosen=village.code in listed,
            )
        )
    places = {
        village.street_code: svgmap.Place(
            village.street.name.removesuffix("街道"), village.street.lon, village.street.lat
        )
        for village in villages
    }
    rings = svgmap.rings_of(outline_geojson())
    everywhere = [(village.lon, village.lat) for village in villages]
    near = [(one.village.lon, one.village.lat) for one in nearest]
    return {
        "desk": svgmap.draw(rings, spots, places=list(places.values()), around=everywhere),
        "phone": svgmap.draw(rings, spots, phone=True, around=near),
    }


@blueprint.get("/villages/phones")
@public
def village_phones() -> str:
    """The telephone of every village, for people who would rather call; what tenants may ask for there."""
    streets: dict[str, list[Village]] = {}
    for village in villages_in(DISTRICT):
        streets.setdefault(village.street.name, []).append(village)
    return render_template("reports/village_phones.html", streets=streets)


@blueprint.get("/about")
@public
def about() -> str:
    """What this is, how a room gets from a village to a worker, and whose work it stands on."""
    return render_template("reports/about.html", times=times_on(clock.today()), rule=commute_rule())


@blueprint.get("/accessibility")
@public
def accessibility() -> str:
    """How to use it with large type, keyboard, voice, or through the village."""
    return render_template("reports/accessibility.html")
