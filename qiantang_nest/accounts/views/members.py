"""Colleagues of an employer."""

from flask import redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from qiantang_nest.accounts import queries, services
from qiantang_nest.accounts.forms import InviteForm
from qiantang_nest.accounts.models import RoleGrant
from qiantang_nest.accounts.rules import ROLE_LABELS, Permission, Role
from qiantang_nest.accounts.views.base import blueprint, say_done
from qiantang_nest.accounts.views.gate import places, response_of
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue, TooMany, WrongState
from qiantang_nest.core.forms import given
from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import mask_phone
from qiantang_nest.core.web import actor


@blueprint.route("/members", methods=["GET", "POST"])
@requires(Permission.MEMBERS_MANAGE)
def members() -> Response | str:
    """Who acts for the enterprise, and the form that adds a colleague."""
    who = actor()
    form = InviteForm()
    if form.validate_on_submit():
        try:
            with transaction():
                services.invite_member(
                    phone=given(form.phone),
                    name=given(form.name),
                    role=Role(given(form.role)),
                    enterprise_name=places().name(who.role, who.scope),
                    now=clock.now(),
                    actor=who,
                )
        except (InvalidValue, TooMany) as error:
            form.refuse(form.phone, error)
        else:
            say_done(_("加好了。已发短信，对方用这个手机号收验证码就能登录。"))
            return redirect(url_for("accounts.members"), 303)
    grants = db.session.scalars(queries.members_visible_to(who)).all()
    page = render_template(
        "accounts/members.html",
        form=form,
        members=[_shown(grant) for grant in grants],
    )
    return response_of(page, 422) if form.errors else page


@blueprint.route("/members/<int:grant_id>/remove", methods=["GET", "POST"])
@requires(Permission.MEMBERS_MANAGE)
def remove_member(grant_id: int) -> Response | str:
    """Take a colleague out, after asking."""
    who = actor()
    grant = db.session.scalars(queries.members_visible_to(who).where(RoleGrant.id == grant_id)).one_or_none()
    if grant is None:
        raise NotFound
    refusal = ""
    if request.method == "POST":
        try:
            with transaction():
                services.remove_member(grant=grant, now=clock.now(), actor=who)
        except WrongState as error:
            refusal = str(error.message)
        else:
            say_done(_("移出了。对方马上不能再办本单位的事。"))
            return redirect(url_for("accounts.members"), 303)
    page = render_template("accounts/remove_member.html", member=_shown(grant), refusal=refusal)
    return response_of(page, 409) if refusal else page


def _shown(grant: RoleGrant) -> dict[str, object]:
    return {
        "id": grant.id,
        "user_id": grant.user_id,
        "name": grant.user.name,
        "phone": mask_phone(grant.user.phone or ""),
        "role": ROLE_LABELS[Role(grant.role)],
        "since": grant.granted_at,
    }
