"""One's own account: name, language, password, phone, signed-in browsers, roles."""

from flask import flash, redirect, render_template, session, url_for
from flask_login import logout_user
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from qiantang_nest.accounts import queries, services
from qiantang_nest.accounts.forms import AccountForm, ChangePhoneForm, NewPhoneForm, PasswordForm
from qiantang_nest.accounts.models import User
from qiantang_nest.accounts.rules import CodePurpose
from qiantang_nest.accounts.views.base import blueprint, caller_address, person, person_session, say_done
from qiantang_nest.accounts.views.gate import (
    keep_preference,
    large_type_on,
    places,
    response_of,
    select_locale,
)
from qiantang_nest.core import clock
from qiantang_nest.core.access import signed_in
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import DomainError, InvalidValue, TooMany
from qiantang_nest.core.forms import given
from qiantang_nest.core.i18n import DEFAULT_LOCALE, _
from qiantang_nest.core.identifiers import check_mobile, mask_phone


@blueprint.route("/account", methods=["GET", "POST"])
@signed_in
def account() -> Response | str:
    """Everything about the own account, and the form of name, language and type size."""
    row = person_session()
    user = row.user
    form = AccountForm(data={"name": user.name, "locale": user.locale or "", "large_type": large_type_on()})
    if form.validate_on_submit():
        with transaction():
            services.change_own_details(
                user=user,
                name=form.name.data,
                locale=form.locale.data or None,
                large_type=form.large_type.data,
                actor=person(),
            )
        say_done(_("存好了。"))
        response = redirect(url_for("accounts.account"), 303)
        keep_preference(response, "large_type", "1" if form.large_type.data else "0")
        if form.locale.data:
            keep_preference(response, "locale", form.locale.data)
        else:
            response.delete_cookie("locale")
        return response
    name = places().name
    page = render_template(
        "accounts/account.html",
        form=form,
        user=user,
        phone=mask_phone(user.phone or ""),
        this_session=row.id,
        sessions=queries.sessions_of(user.id, clock.now()),
        grants=[(grant, name(grant.role, grant.scope)) for grant in queries.live_grants(user.id)],
        language=select_locale() or DEFAULT_LOCALE,
    )
    return response_of(page, 422) if form.errors else page


@blueprint.post("/account/sign-out-others")
@signed_in
def end_other_sessions() -> Response:
    """Sign out everywhere but here."""
    row = person_session()
    with transaction():
        services.end_sessions(user_id=row.user_id, keep_id=row.id)
    say_done(_("别处的登录都退出了，只留这一处。"))
    return redirect(url_for("accounts.account"), 303)


@blueprint.post("/account/sessions/<int:session_id>/end")
@signed_in
def end_one_session(session_id: int) -> Response:
    """Sign one browser of one's own out."""
    row = person_session()
    this_session = row.id
    found = next((own for own in queries.sessions_of(row.user_id, clock.now()) if own.id == session_id), None)
    if found is None:
        raise NotFound
    with transaction():
        services.end_session(session=found, actor=person())
    if session_id == this_session:
        logout_user()
        session.clear()
        return redirect(url_for("accounts.sign_in"), 303)
    say_done(_("那一处的登录退出了。"))
    return redirect(url_for("accounts.account"), 303)


@blueprint.post("/account/password/code")
@signed_in
def send_password_code() -> Response:
    """Send a code to the own phone; whoever changes the password must hold it."""
    user = person_session().user
    try:
        with transaction():
            _send(user, user.phone or "", CodePurpose.SET_PASSWORD)
    except TooMany as error:
        flash(str(error.message), "failed")
        return redirect(url_for("accounts.account"), 303)
    return redirect(url_for("accounts.set_password"), 303)


@blueprint.route("/account/password", methods=["GET", "POST"])
@signed_in
def set_password() -> Response | str:
    """A new password; every other browser is signed out."""
    row = person_session()
    user = row.user
    form = PasswordForm()
    if form.validate_on_submit():
        try:
            with transaction():
                _use(user, user.phone or "", CodePurpose.SET_PASSWORD, given(form.code))
                try:
                    services.set_password(
                        user=user, password=given(form.password), keep_session_id=row.id, actor=person()
                    )
                except InvalidValue as error:
                    form.refuse(form.password, error)
                    raise
        except InvalidValue as error:
            if not form.password.errors:
                form.refuse(form.code, error)
        else:
            say_done(_("密码换好了，别处的登录都退出了。"))
            return redirect(url_for("accounts.account"), 303)
    page = render_template("accounts/set_password.html", form=form, phone=mask_phone(user.phone or ""))
    return response_of(page, 422) if form.errors else page


@blueprint.route("/account/phone", methods=["GET", "POST"])
@signed_in
def new_phone() -> Response | str:
    """Which number to change to; then a code goes to the old one and to the new one."""
    user = person_session().user
    form = NewPhoneForm()
    if form.validate_on_submit():
        try:
            if form.phone.data == user.phone:
                raise InvalidValue(_("这就是您现在的手机号"))
            with transaction():
                _send(user, user.phone or "", CodePurpose.CHANGE_PHONE)
                _send(user, given(form.phone), CodePurpose.CHANGE_PHONE)
        except (InvalidValue, TooMany) as error:
            form.refuse(form.phone, error)
        else:
            return _change_phone_page(ChangePhoneForm(formdata=None, phone=given(form.phone)))
    page = render_template("accounts/new_phone.html", form=form, phone=mask_phone(user.phone or ""))
    return response_of(page, 422) if form.errors else page


@blueprint.post("/account/phone/change")
@signed_in
def change_phone() -> Response | str:
    """Both codes: the number changes, every other browser is signed out."""
    row = person_session()
    user = row.user
    form = ChangePhoneForm()
    try:
        phone = check_mobile(form.phone.data or "")
    except DomainError:
        return redirect(url_for("accounts.new_phone"), 303)
    if form.validate_on_submit():
        field = form.old_code
        try:
            with transaction():
                _use(user, user.phone or "", CodePurpose.CHANGE_PHONE, given(form.old_code))
                field = form.new_code
                _use(user, phone, CodePurpose.CHANGE_PHONE, given(form.new_code))
                services.change_phone(user=user, phone=phone, keep_session_id=row.id, actor=person())
        except InvalidValue as error:
            form.refuse(field, error)
        else:
            say_done(_("手机号换好了，以后用新号登录。"))
            return redirect(url_for("accounts.account"), 303)
    return response_of(_change_phone_page(form), 422)


def _change_phone_page(form: ChangePhoneForm) -> str:
    user = person_session().user
    return render_template(
        "accounts/change_phone.html",
        form=form,
        old_phone=mask_phone(user.phone or ""),
        new_phone=mask_phone(given(form.phone)),
    )


def _send(user: User, phone: str, purpose: CodePurpose) -> None:
    services.send_code(
        phone=phone, purpose=purpose, subject=str(user.id), now=clock.now(), address=caller_address()
    )


def _use(user: User, phone: str, purpose: CodePurpose, code: str) -> None:
    services.use_code(phone=phone, purpose=purpose, subject=str(user.id), code=code, now=clock.now())
