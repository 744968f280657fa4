"""How rent spreads over households: Lorenz curve and Gini coefficient of an area and of its villages."""

from flask import abort, render_template, request

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.period import add_months
from qiantang_nest.core.web import actor
from qiantang_nest.geography.queries import area_name, villages_in
from qiantang_nest.reports.queries.income import spread_by_village, spread_of
from qiantang_nest.reports.rules.income import lorenz
from qiantang_nest.reports.views import blueprint


@blueprint.get("/income-spread")
@requires(Permission.INCOME_SPREAD_READ)
def income_spread() -> str:
    """The last twelve months; ``village`` in the address draws the curve of one village."""
    who, today = actor(), clock.today()
    since = add_months(today, -12)
    chosen = request.args.get("village", "")
    if chosen and chosen not in {village.code for village in villages_in(who.scope)}:
        abort(404)
    spread = spread_of(chosen or who.scope, since, today)
    curve = lorenz(spread.tenths)
    return render_template(
        "reports/income_spread.html",
        name=area_name(chosen or who.scope),
        chosen=chosen,
        spread=spread,
        curve=curve,
        labels=[f"{round(share * 100)}%" for share, _rent in curve],
        villages=spread_by_village(who.scope, since, today),
        since=since,
        today=today,
    )
