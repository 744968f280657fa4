"""Pages of ``geography``: the outline that maps are drawn on, and the figures for the way to work."""

from dataclasses import dataclass

from flask import Blueprint, flash, g, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import clock
from qiantang_nest.core.access import public, requires
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.forms import given
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor
from qiantang_nest.geography.forms import CommuteForm
from qiantang_nest.geography.queries import commute_rule_on, commute_settings, outline_geojson
from qiantang_nest.geography.rules import DEFAULT_COMMUTE, CommuteRule, TravelMode, commute_minutes
from qiantang_nest.geography.services import set_commute_rule

blueprint = Blueprint("geography", __name__)

_EXAMPLES_M = (500, 1000, 2000, 3000, 5000, 8000)
"""Straight distances whose minutes show what a change does."""


def commute_rule() -> CommuteRule:
    """The figures in force today; a request that needs them again reads them once."""
    if "commute_rule" not in g:
        g.commute_rule = commute_rule_on(clock.today())
    found: CommuteRule = g.commute_rule
    return found


@blueprint.get("/outline.geojson")
@public
def outline() -> Response:
    """The district's outline, WGS-84."""
    response: Response = jsonify(outline_geojson())
    response.headers["Content-Type"] = "application/geo+json"
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@blueprint.route("/commute", methods=["GET", "POST"])
@requires(Permission.COMMUTE_SET)
def commute() -> Response | str | tuple[str, int]:
    """The figures in force, what others would do, and the change. The first press shows, the second sets."""
    today, rule = clock.today(), commute_rule()
    form = CommuteForm(
        data={
            "detour": rule.detour,
            "walk_kmh": rule.walk_kmh,
            "ebike_kmh": rule.ebike_kmh,
            "shuttle_kmh": rule.shuttle_kmh,
            "effective_on": today,
        }
    )
    effect: list[Example] = []
    if form.validate_on_submit():
        if request.form.get("confirmed"):
            try:
                with transaction():
                    set_commute_rule(
                        detour=given(form.detour),
                        walk_kmh=given(form.walk_kmh),
                        ebike_kmh=given(form.ebike_kmh),
                        shuttle_kmh=given(form.shuttle_kmh),
                        basis=given(form.basis),
                        effective_on=given(form.effective_on),
                        today=today,
                        actor=actor(),
                    )
                day = given(form.effective_on).isoformat()
                flash(_("路程标准定好了，从 %(day)s 起用。", day=day), "done")
                return redirect(url_for("geography.commute"), 303)
            except InvalidValue as error:
                form.refuse(form.effective_on, error)
        wanted = CommuteRule(
            detour=float(given(form.detour)),
            walk_kmh=float(given(form.walk_kmh)),
            ebike_kmh=float(given(form.ebike_kmh)),
            shuttle_kmh=float(given(form.shuttle_kmh)),
        )
        effect = [_example(metres, rule, wanted) for metres in _EXAMPLES_M]
    page = render_template(
        "geography/commute.html",
        form=form,
        rule=rule,
        effect=effect,
        settings=commute_settings(),
        rulebook=DEFAULT_COMMUTE,
    )
    return (page, 422) if form.errors else page


@dataclass(frozen=True)
class Example:
    """A straight distance with its minutes now and under other figures, by mode."""

    metres: int
    minutes: dict[str, tuple[int, int]]


def _example(metres: int, now: CommuteRule, wanted: CommuteRule) -> Example:
    return Example(
        metres,
        {
            mode.value: (commute_minutes(metres, mode, now), commute_minutes(metres, mode, wanted))
            for mode in TravelMode
        },
    )
