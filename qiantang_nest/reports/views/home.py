"""Everybody's home: what is to be done comes first, whoever asks; and whom a villager may call."""

from collections.abc import Callable

from flask import redirect, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission, Role
from qiantang_nest.core.access import public, requires
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.web import actor, actor_or_none
from qiantang_nest.geography.queries import village_by_code
from qiantang_nest.housing.queries import latest_link
from qiantang_nest.reports.queries.home import households_of, offices_of
from qiantang_nest.reports.views import blueprint
from qiantang_nest.reports.views.clerk import clerk_home
from qiantang_nest.reports.views.employer import employer_home
from qiantang_nest.reports.views.public import public_home
from qiantang_nest.reports.views.villager import villager_home

_HOMES: dict[str, Callable[[Actor], str]] = {
    Role.VILLAGER: villager_home,
    Role.VILLAGE_CLERK: clerk_home,
    Role.EMPLOYER_MANAGER: employer_home,
    Role.EMPLOYER_STAFF: employer_home,
}
_FIRST_PAGES = {
    Role.STREET_OFFICER: "reports.occupancy",
    Role.DISTRICT_OFFICER: "reports.occupancy",
    Role.SYSTEM_ADMIN: "accounts.users",
    Role.SECURITY_ADMIN: "accounts.roles",
    Role.AUDIT_ADMIN: "accounts.audit_log",
}
"""Those whose first page is a figure or a list."""


@blueprint.get("/")
@public
def home() -> Response | str:
    """By role; a person who has signed in and acts in none chooses one first."""
    who = actor_or_none()
    if who is None:
        if current_user.is_authenticated:
            return redirect(url_for("accounts.choose_role"))
        return public_home()
    if who.role in _HOMES:
        return _HOMES[who.role](who)
    return redirect(url_for(_FIRST_PAGES[Role(who.role)]))


@blueprint.get("/my-village")
@requires(Permission.RENT_READ)
def my_village() -> str:
    """Whom to call in the villages of the household, and what they do for it."""
    who = actor()
    villages = {one.village.code: one.village for one in households_of(who)}
    link = latest_link(who.user_id) if who.user_id is not None and not villages else None
    if link is not None and link.state != "waiting":
        link = None
    village = village_by_code(link.village_code) if link is not None else None
    if village is not None:
        villages[village.code] = village
    return render_template(
        "reports/my_village.html", offices=offices_of(list(villages.values())), waiting=link is not None
    )
