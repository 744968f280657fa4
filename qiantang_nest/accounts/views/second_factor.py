"""The time-based code: set up once, asked at each sign-in before an office's role is acted in."""

import segno
from flask import redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from qiantang_nest.accounts import queries, services
from qiantang_nest.accounts.forms import SecondFactorForm
from qiantang_nest.accounts.models import RoleGrant, User
from qiantang_nest.accounts.views.base import (
    blueprint,
    caller_address,
    next_target,
    person,
    person_session,
)
from qiantang_nest.accounts.views.gate import response_of
from qiantang_nest.accounts.views.sign_in import act_as_and_go, sign_in_browser
from qiantang_nest.core import clock
from qiantang_nest.core.access import signed_in
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.forms import given


@blueprint.route("/second-factor", methods=["GET", "POST"])
@signed_in
def second_factor() -> Response | str:
    """The code, and before the first time how to set up the app that makes it."""
    row = person_session()
    now = clock.now()
    form = SecondFactorForm()
    if form.validate_on_submit():
        try:
            with transaction():
                token = services.pass_second_factor(
                    user=row.user,
                    session=row,
                    code=given(form.code),
                    address=caller_address(),
                    now=now,
                    actor=person(),
                )
        except InvalidValue as error:
            form.refuse(form.code, error)
        else:
            sign_in_browser(token, now)
            grant = _wanted_grant(row.user_id)
            if grant is None:
                return redirect(url_for("accounts.choose_role", next=next_target()), 303)
            return act_as_and_go(grant, now, next_target())
    form.next.data = next_target() or ""
    form.grant.data = request.values.get("grant", "")
    page = _page(row.user, form)
    return response_of(page, 422) if form.errors else page


def _wanted_grant(user_id: int) -> RoleGrant | None:
    grants = queries.live_grants(user_id)
    wanted = request.values.get("grant", "")
    found = [grant for grant in grants if str(grant.id) == wanted]
    if found:
        return found[0]
    return grants[0] if len(grants) == 1 else None


def _page(user: User, form: SecondFactorForm) -> str:
    if user.totp_confirmed:
        return render_template("accounts/second_factor.html", form=form)
    with transaction():
        secret = services.begin_second_factor(user=user)
    picture = segno.make(services.setup_address(user=user), error="m").svg_inline(scale=5)
    return render_template(
        "accounts/second_factor_setup.html",
        form=form,
        # Drawn by segno from our own address: shapes only, no text of anybody's.
        qr=Markup(picture),  # noqa: S704
        secret=" ".join(secret[place : place + 4] for place in range(0, len(secret), 4)),
    )
