"""Signing in by password or code, signing up, choosing a role, signing out."""

import secrets
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag
from flask import flash, redirect, render_template, request, session, url_for
from flask_login import current_user, login_user, logout_user
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from qiantang_nest.accounts import queries, services
from qiantang_nest.accounts.forms import CodeForm, SendCodeForm, SignInForm, SignUpForm, VillagerForm
from qiantang_nest.accounts.models import RoleGrant, User
from qiantang_nest.accounts.rules import SECOND_FACTOR_ROLES, CodePurpose, Role
from qiantang_nest.accounts.views.base import (
    SignedIn,
    blueprint,
    caller_address,
    next_target,
    person,
    person_session,
)
from qiantang_nest.accounts.views.gate import places, response_of
from qiantang_nest.core import audit, clock
from qiantang_nest.core.access import public, signed_in
from qiantang_nest.core.crypto import keyring
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import DomainError, InvalidValue, TooMany
from qiantang_nest.core.forms import given
from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import check_mobile, mask_phone
from qiantang_nest.core.templating import link_to
from qiantang_nest.core.web import settings

_PROOF_MINUTES = 30
PRIVACY_NOTICE = "2026-11"
"""The version people agree to; a changed notice gets a new one."""


@blueprint.get("/sign-in")
@public
def sign_in() -> Response | str:
    """One page, two ways in."""
    if current_user.is_authenticated:
        return redirect(next_target() or "/")
    return _sign_in_page(SignInForm(formdata=None), SendCodeForm(formdata=None, prefix="code-"))


@blueprint.post("/sign-in")
@public
def sign_in_by_password() -> Response | str:
    """Phone and password."""
    form = SignInForm()
    if form.validate_on_submit():
        now = clock.now()
        with transaction():
            user = services.sign_in_with_password(
                phone=given(form.phone), password=given(form.password), address=caller_address(), now=now
            )
        if user is not None:
            return _enter(user, now)
        form.form_errors.append(
            _("手机号或密码不对，或者试得太多次了。请核对后再试；也可以用短信验证码登录。")
        )
    return response_of(_sign_in_page(form, SendCodeForm(formdata=None, prefix="code-")), 422)


@blueprint.post("/sign-in/code")
@public
def send_sign_in_code() -> Response | str:
    """Send a code to any number, known or not, and ask for it."""
    form = SendCodeForm(prefix="code-")
    if form.validate_on_submit():
        session.setdefault("browser", secrets.token_urlsafe(16))
        try:
            with transaction():
                services.send_code(
                    phone=given(form.phone),
                    purpose=CodePurpose.SIGN_IN,
                    subject=session["browser"],
                    now=clock.now(),
                    address=caller_address(),
                )
        except TooMany as error:
            form.refuse(form.phone, error)
        else:
            code_form = CodeForm(formdata=None, phone=given(form.phone), next=next_target() or "")
            return _code_page(code_form)
    return response_of(_sign_in_page(SignInForm(formdata=None), form), 422)


@blueprint.get("/sign-in/code")
@public
def sign_in_code() -> Response:
    """The page of the code is the answer to a POST; its address alone leads to the start."""
    return redirect(url_for("accounts.sign_in"))


@blueprint.post("/sign-in/code/check")
@public
def sign_in_by_code() -> Response | str:
    """Take the code: a known phone is signed in, an unknown one signs up."""
    form = CodeForm()
    try:
        phone = check_mobile(form.phone.data or "")
    except DomainError:
        return redirect(url_for("accounts.sign_in"))
    if form.validate_on_submit():
        now = clock.now()
        try:
            with transaction():
                services.use_code(
                    phone=phone,
                    purpose=CodePurpose.SIGN_IN,
                    subject=session.get("browser", ""),
                    code=given(form.code),
                    now=now,
                )
        except InvalidValue as error:
            form.refuse(form.code, error)
        else:
            user = queries.user_by_phone(phone)
            if user is None:
                _keep_proof(phone, now)
                return redirect(url_for("accounts.sign_up", next=next_target()), 303)
            if user.disabled_at is None:
                return _enter(user, now)
            form.refuse(form.code, InvalidValue(_("这个账号已停用。要恢复，请找给您开账号的人。")))
    return response_of(_code_page(form), 422)


@blueprint.route("/sign-up", methods=["GET", "POST"])
@public
def sign_up() -> Response | str:
    """Name and purpose of someone whose phone is proven; then the villager's or the employer's page."""
    now = clock.now()
    phone = _proven_phone(now)
    if phone is None:
        return redirect(url_for("accounts.sign_in", next=next_target()))
    form = SignUpForm()
    if form.validate_on_submit():
        with transaction():
            user = services.create_user(name=form.name.data, phone=phone, actor=services.VISITOR)
            audit.record(
                actor=services.VISITOR,
                action="accounts.agree_to_privacy_notice",
                entity="app_user",
                entity_id=user.id,
                changes={"notice": PRIVACY_NOTICE},
            )
        target = url_for(
            "enterprises.register" if form.kind.data == "employer" else "accounts.become_villager"
        )
        return _enter(user, now, target=target)
    page = render_template("accounts/sign_up.html", form=form, phone=mask_phone(phone))
    return response_of(page, 422) if form.errors else page


@blueprint.route("/become-villager", methods=["GET", "POST"])
@signed_in
def become_villager() -> Response | str:
    """The two statements of the land law, then the villager's role; the household comes next."""
    row = person_session()
    if queries.holds_any(row.user_id, [Role.VILLAGER], str(row.user_id)):
        return redirect(_first_villager_page(), 303)
    form = VillagerForm()
    if form.validate_on_submit():
        now = clock.now()
        with transaction():
            who = person()
            grant = services.become_villager(user=row.user, actor=who)
            services.act_as(session=row, grant=grant, now=now, actor=who)
        session.permanent = True
        return redirect(_first_villager_page(), 303)
    page = render_template("accounts/become_villager.html", form=form)
    return response_of(page, 422) if form.errors else page


def _first_villager_page() -> str:
    return link_to("housing.ask_link") or "/"


@blueprint.get("/privacy")
@public
def privacy() -> str:
    """What is kept of whom, why, for how long, and what people may ask for."""
    return render_template(
        "accounts/privacy.html",
        version=PRIVACY_NOTICE,
        operator_name=settings().operator_name,
        operator_contact=settings().operator_contact,
    )


@blueprint.get("/choose-role")
@signed_in
def choose_role() -> str:
    """The person's roles, one button each; without any, how to get one."""
    name = places().name
    grants = queries.live_grants(person_session().user_id)
    return render_template(
        "accounts/choose_role.html",
        grants=[(grant, name(grant.role, grant.scope)) for grant in grants],
        next=next_target() or "",
    )


@blueprint.post("/choose-role/<int:grant_id>")
@signed_in
def switch_role(grant_id: int) -> Response:
    """Act in another of one's own roles."""
    row = person_session()
    grant = next((own for own in queries.live_grants(row.user_id) if own.id == grant_id), None)
    if grant is None:
        raise NotFound
    return _act_as(grant, clock.now(), next_target())


@blueprint.post("/sign-out")
@signed_in
def sign_out() -> Response:
    """End this session; the cookie opens nothing any more."""
    with transaction():
        services.end_session(session=person_session(), actor=person())
    logout_user()
    session.clear()
    flash(_("已退出登录。"), "done")
    return redirect(url_for("accounts.sign_in"), 303)


def _enter(user: User, now: datetime, target: str | None = None) -> Response:
    """Open a session for a person who has proven to be one; a fresh cookie, whatever came before."""
    target = target or next_target()
    grants = queries.live_grants(user.id)
    only = grants[0] if len(grants) == 1 else None
    act_now = only if only is not None and only.role not in SECOND_FACTOR_ROLES else None
    with transaction():
        token = services.start_session(
            user=user,
            grant=act_now,
            address=caller_address(),
            agent=request.user_agent.string,
            now=now,
        )
    sign_in_browser(token, now)
    session.permanent = act_now is not None and act_now.role == Role.VILLAGER
    if act_now is not None or not grants:
        return redirect(target or (url_for("accounts.choose_role") if not grants else "/"), 303)
    if only is not None:
        return redirect(url_for("accounts.second_factor", grant=only.id, next=target), 303)
    return redirect(url_for("accounts.choose_role", next=target), 303)


def sign_in_browser(token: str, now: datetime) -> None:
    """Put a session's token into a new cookie session (no fixation: nothing of the old one stays)."""
    live = queries.session_by_token(token, now)
    if live is None:
        raise NotFound
    session.clear()
    login_user(SignedIn(live, token))


def _act_as(grant: RoleGrant, now: datetime, target: str | None) -> Response:
    try:
        with transaction():
            services.act_as(session=person_session(), grant=grant, now=now, actor=person())
    except services.SecondFactorNeeded:
        return redirect(url_for("accounts.second_factor", grant=grant.id, next=target), 303)
    except services.SessionTooOld as error:
        logout_user()
        session.clear()
        flash(str(error.message), "todo")
        return redirect(url_for("accounts.sign_in", next=target), 303)
    session.permanent = grant.role == Role.VILLAGER
    return redirect(target or "/", 303)


act_as_and_go = _act_as


def _sign_in_page(form: SignInForm, code_form: SendCodeForm) -> str:
    for one in (form, code_form):
        one.next.data = next_target() or ""
    return render_template("accounts/sign_in.html", form=form, code_form=code_form)


def _code_page(form: CodeForm) -> str:
    return render_template("accounts/sign_in_code.html", form=form, phone=mask_phone(given(form.phone)))


def _keep_proof(phone: str, now: datetime) -> None:
    """Remember in the cookie, sealed, that this browser has answered for a phone."""
    ends_at = int((now + timedelta(minutes=_PROOF_MINUTES)).timestamp())
    session["proof"] = keyring().seal(f"{ends_at}:{phone}", "cookie.proof").hex()


def _proven_phone(now: datetime) -> str | None:
    try:
        opened = keyring().unseal(bytes.fromhex(session.get("proof", "")), "cookie.proof")
    except (InvalidTag, ValueError, IndexError):
        return None
    ends_at, _colon, phone = opened.partition(":")
    return phone if int(ends_at) > now.timestamp() else None
