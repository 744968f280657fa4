"""Accounts (system administrator) and roles (security administrator): two people, two pages."""

from collections.abc import Sequence

from flask import g, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from qiantang_nest.accounts import queries, services
from qiantang_nest.accounts.forms import GrantForm, NewUserForm, ReasonForm, UserSearchForm
from qiantang_nest.accounts.models import RoleGrant, User
from qiantang_nest.accounts.rules import GRANTED_ROLES, ROLE_LABELS, Permission, Role
from qiantang_nest.accounts.views.base import blueprint, say_done
from qiantang_nest.accounts.views.gate import places, response_of
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import DomainError, InvalidValue
from qiantang_nest.core.forms import SelectChoice, given
from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import mask_phone
from qiantang_nest.core.web import Page, actor, paginate


def _user(user_id: int) -> User:
    found = db.session.scalars(queries.users_visible_to(actor()).where(User.id == user_id)).one_or_none()
    if found is None:
        raise NotFound
    return found


def _people() -> tuple[Page, dict[int, list[str]], UserSearchForm]:
    """One page of accounts, each with its roles in words."""
    form = UserSearchForm(request.args)
    search = (form.q.data or "") if form.validate() else ""
    statement = queries.office_users(queries.users_visible_to(actor()), search)
    page = paginate(statement.order_by(User.id.desc()))
    grants = queries.grants_of([user.id for user in page.items])
    return page, {user_id: _in_words(held) for user_id, held in grants.items()}, form


def _in_words(grants: Sequence[RoleGrant]) -> list[str]:
    """Each role with its place; the names of all places are read once a request."""
    if "names_of_places" not in g:
        g.names_of_places = {code: name for _group, areas in places().choices() for code, name in areas}
    words = []
    for grant in grants:
        label = str(ROLE_LABELS[Role(grant.role)])
        # Whose village or firm a villager or employer belongs to is no business of an administrator.
        place = g.names_of_places.get(grant.scope, "") if grant.role in GRANTED_ROLES else ""
        words.append(f"{label} · {place}" if place else label)
    return words


@blueprint.route("/users", methods=["GET", "POST"])
@requires(Permission.ACCOUNTS_CREATE)
def users() -> Response | str:
    """Accounts of offices; a new one has no role until the security administrator gives it one."""
    new = NewUserForm()
    if new.validate_on_submit():
        try:
            with transaction():
                services.create_user(name=given(new.name), phone=given(new.phone), actor=actor())
        except InvalidValue as error:
            new.refuse(new.phone, error)
        else:
            say_done(_("账号开好了。下一步：请安全管理员授角色。"))
            return redirect(url_for("accounts.users"), 303)
    page, roles, search = _people()
    shown = render_template(
        "accounts/users.html", new=new, page=page, roles=roles, search=search, mask_phone=mask_phone
    )
    return response_of(shown, 422) if new.errors else shown


@blueprint.route("/users/<int:user_id>/disable", methods=["GET", "POST"])
@requires(Permission.ACCOUNTS_CREATE)
def disable_user(user_id: int) -> Response | str:
    """Stop an account, after asking."""
    user = _user(user_id)
    if request.method == "POST":
        with transaction():
            services.disable_user(user=user, now=clock.now(), actor=actor())
        say_done(_("%(name)s 的账号停用了，登录都已退出。", name=user.name))
        return redirect(url_for("accounts.users"), 303)
    return render_template("accounts/disable_user.html", user=user, phone=mask_phone(user.phone or ""))


@blueprint.post("/users/<int:user_id>/enable")
@requires(Permission.ACCOUNTS_CREATE)
def enable_user(user_id: int) -> Response:
    """Let someone sign in again."""
    user = _user(user_id)
    with transaction():
        services.enable_user(user=user, actor=actor())
    say_done(_("%(name)s 的账号恢复了。", name=user.name))
    return redirect(url_for("accounts.users"), 303)


@blueprint.get("/roles")
@requires(Permission.ROLES_GRANT)
def roles() -> str:
    """Who holds what."""
    page, held, search = _people()
    return render_template("accounts/roles.html", page=page, roles=held, search=search, mask_phone=mask_phone)


@blueprint.route("/roles/<int:user_id>", methods=["GET", "POST"])
@requires(Permission.ROLES_GRANT)
def grant_role(user_id: int) -> Response | str:
    """One person's roles, and the form that gives one more."""
    user = _user(user_id)
    form = GrantForm()
    form.scope.choices = [
        SelectChoice("", _("不分地方（管理员）")),
        *(
            SelectChoice(code, name, optgroup=group)
            for group, areas in places().choices()
            for code, name in areas
        ),
    ]
    if form.validate_on_submit():
        try:
            with transaction():
                services.grant_office_role(
                    user=user, role=Role(given(form.role)), scope=form.scope.data, actor=actor()
                )
        except DomainError as error:
            form.refuse(form.scope, error)
        else:
            say_done(_("授好了。%(name)s 要重新登录。", name=user.name))
            return redirect(url_for("accounts.grant_role", user_id=user.id), 303)
    held = queries.grants_of([user.id])[user.id]
    page = render_template(
        "accounts/grant_role.html",
        user=user,
        phone=mask_phone(user.phone or ""),
        form=form,
        grants=list(zip(held, _in_words(held), strict=True)),
    )
    return response_of(page, 422) if form.errors else page


@blueprint.route("/roles/<int:user_id>/<int:grant_id>/revoke", methods=["GET", "POST"])
@requires(Permission.ROLES_GRANT)
def revoke_role(user_id: int, grant_id: int) -> Response | str:
    """Take a role away, after asking."""
    user = _user(user_id)
    grant = next((held for held in queries.grants_of([user.id])[user.id] if held.id == grant_id), None)
    if grant is None:
        raise NotFound
    if request.method == "POST":
        with transaction():
            services.revoke_role(grant=grant, now=clock.now(), actor=actor())
        say_done(_("收回了，%(name)s 的登录都已退出。", name=user.name))
        return redirect(url_for("accounts.grant_role", user_id=user.id), 303)
    return render_template("accounts/revoke_role.html", user=user, role=_in_words([grant])[0])


@blueprint.route("/roles/<int:user_id>/reset-second-factor", methods=["GET", "POST"])
@requires(Permission.ROLES_GRANT)
def reset_second_factor(user_id: int) -> Response | str:
    """For someone who lost the device; the reason says how the person was recognised."""
    user = _user(user_id)
    form = ReasonForm()
    if form.validate_on_submit():
        try:
            with transaction():
                services.reset_second_factor(user=user, reason=given(form.reason), actor=actor())
        except InvalidValue as error:
            form.refuse(form.reason, error)
        else:
            say_done(_("重置了。%(name)s 下次登录时重新绑定。", name=user.name))
            return redirect(url_for("accounts.grant_role", user_id=user.id), 303)
    page = render_template("accounts/reset_second_factor.html", user=user, form=form)
    return response_of(page, 422) if form.errors else page
