"""How people come to a worksite: the stops of its shuttle, and the minutes from every village."""

from dataclasses import dataclass

from flask import flash, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.forms import given
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor, paginate_list
from qiantang_nest.enterprises import queries, services
from qiantang_nest.enterprises.forms import StopForm
from qiantang_nest.enterprises.models import ShuttleStop, StopExists
from qiantang_nest.enterprises.views.base import answer, blueprint, own_worksite
from qiantang_nest.geography.models import Village
from qiantang_nest.geography.queries import DISTRICT, villages_in
from qiantang_nest.geography.rules import LatLon, TravelMode, Way
from qiantang_nest.geography.views import commute_rule

VILLAGES_A_PAGE = 60


@dataclass(frozen=True)
class VillageWays:
    """A village with the way to work by each mode, and those modes that a routing service has told of."""

    village: Village
    ways: dict[str, Way | None]
    routed: set[str]


@blueprint.get("/enterprises/mine/worksites/<int:worksite_id>/minutes")
@requires(Permission.ENTERPRISE_MANAGE, Permission.HOLD)
def worksite_minutes(worksite_id: int) -> str:
    """The minutes from each village, in the order of those by one mode."""
    worksite = own_worksite(worksite_id)
    ways = queries.ways_to_work(worksite, commute_rule())
    sort = request.args.get("sort", "")
    sort = sort if sort.removeprefix("-") in ways else TravelMode.EBIKE.value
    mode, direction = sort.removeprefix("-"), -1 if sort.startswith("-") else 1
    lines = [
        VillageWays(
            village,
            {
                one.value: way.from_village(village.code, LatLon(village.lat, village.lon))
                for one, way in ways.items()
            },
            {
                one.value
                for one, way in ways.items()
                if any(village.code in boarding.routed for boarding in way.boardings)
            },
        )
        for village in villages_in(DISTRICT)
    ]

    def quickness(line: VillageWays) -> tuple[bool, int, int, str]:
        way, on_foot = line.ways[mode], line.ways[TravelMode.WALK]
        minutes = direction * way.minutes if way else 0
        return way is None, minutes, on_foot.minutes if on_foot else 0, line.village.code

    return render_template(
        "enterprises/worksite_minutes.html",
        worksite=worksite,
        page=paginate_list(sorted(lines, key=quickness), per_page=VILLAGES_A_PAGE),
        sort=sort,
        has_shuttle=bool(ways[TravelMode.SHUTTLE].boardings),
        rule=commute_rule(),
    )


@blueprint.route("/enterprises/mine/worksites/<int:worksite_id>/stops/add", methods=["GET", "POST"])
@requires(Permission.ENTERPRISE_MANAGE)
def add_stop(worksite_id: int) -> Response | str:
    """A further stop of the worksite's shuttle."""
    worksite = own_worksite(worksite_id)
    form = StopForm()
    if form.validate_on_submit():
        try:
            with transaction():
                services.add_stop(
                    worksite=worksite,
                    name=given(form.name),
                    point=form.point,
                    ride_minutes=form.ride_minutes.data,
                    actor=actor(),
                )
        except (InvalidValue, StopExists) as error:
            form.refuse(form.name, error)
        else:
            flash(_("%(name)s站加好了，找房时可以按班车找。", name=given(form.name)), "done")
            return redirect(url_for("enterprises.move_worksite", worksite_id=worksite_id), 303)
    page = render_template("enterprises/stop.html", form=form, worksite=worksite, stop=None)
    return answer(page, form.errors)


@blueprint.route("/enterprises/mine/stops/<int:stop_id>", methods=["GET", "POST"])
@requires(Permission.ENTERPRISE_MANAGE)
def change_stop(stop_id: int) -> Response | str:
    """Correct a stop."""
    stop = _own_stop(stop_id)
    worksite = stop.worksite
    form = StopForm(obj=stop)
    if form.validate_on_submit():
        try:
            with transaction():
                services.change_stop(
                    stop=stop,
                    name=given(form.name),
                    point=form.point,
                    ride_minutes=form.ride_minutes.data,
                    actor=actor(),
                )
        except StopExists as error:
            form.refuse(form.name, error)
        else:
            flash(_("存好了。"), "done")
            return redirect(url_for("enterprises.move_worksite", worksite_id=worksite.id), 303)
    page = render_template("enterprises/stop.html", form=form, worksite=worksite, stop=stop)
    return answer(page, form.errors)


@blueprint.route("/enterprises/mine/stops/<int:stop_id>/remove", methods=["GET", "POST"])
@requires(Permission.ENTERPRISE_MANAGE)
def remove_stop(stop_id: int) -> Response | str:
    """Take a stop away, after asking."""
    stop = _own_stop(stop_id)
    if request.method == "POST":
        name, worksite_id = stop.name, stop.worksite_id
        with transaction():
            services.remove_stop(stop=stop, actor=actor())
        flash(_("%(name)s站去掉了。", name=name), "done")
        return redirect(url_for("enterprises.move_worksite", worksite_id=worksite_id), 303)
    return render_template("enterprises/remove_stop.html", stop=stop)


def _own_stop(stop_id: int) -> ShuttleStop:
    stop = db.session.get(ShuttleStop, stop_id)
    if stop is None:
        raise NotFound
    own_worksite(stop.worksite_id)
    return stop
