"""Signing in and out, preferences; and, before each request, who acts and whether the role may."""

from typing import Any

from flask import Blueprint, Flask, g, has_request_context, redirect, request, url_for
from flask_login import LoginManager, UserMixin, current_user
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response

from qiantang_nest.accounts import queries
from qiantang_nest.accounts.models import UserSession
from qiantang_nest.accounts.rules import ROLE_LABELS, Role, may
from qiantang_nest.core import clock
from qiantang_nest.core.access import PUBLIC, SIGNED_IN, access_of, public
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.i18n import DEFAULT_LOCALE, LOCALES
from qiantang_nest.core.web import actor_or_none, is_local_url

preferences = Blueprint("preferences", __name__)
blueprint = Blueprint("accounts", __name__)


class SignedIn(UserMixin):  # type: ignore[misc]
    """Flask-Login's view of one session row."""

    def __init__(self, row: UserSession, token: str) -> None:
        self.row, self.token = row, token

    def get_id(self) -> str:
        return self.token


def _load_user(token: str) -> SignedIn | None:
    row = queries.session_by_token(token, clock.now())
    return None if row is None else SignedIn(row, token)


def select_locale() -> str:
    """The person's choice, else the cookie's, else what the browser prefers, else Chinese."""
    if not has_request_context():  # commands and jobs
        return DEFAULT_LOCALE
    chosen = request.cookies.get("locale")
    if chosen in LOCALES:
        return chosen
    best = request.accept_languages.best_match(["zh-Hans-CN", "zh-CN", "zh", "en"])
    return "en" if best == "en" else DEFAULT_LOCALE


def _set_actor() -> None:
    """Make ``g.actor`` from the session; nobody acts before the second factor or without a role."""
    if request.endpoint == "static" or not current_user.is_authenticated:
        return
    row: UserSession = current_user.row
    if row.grant is not None:
        g.actor = Actor(
            user_id=row.user_id,
            role=row.grant.role,
            scope=row.grant.scope,
            name=row.user.name,
            request_id=g.request_id,
        )


def _enforce_access(app: Flask) -> Response | None:
    if request.endpoint is None:
        return None
    access = access_of(app, request.endpoint)
    if access == PUBLIC:
        return None
    if not current_user.is_authenticated:
        target = request.full_path if request.method == "GET" else None
        return redirect(url_for("accounts.sign_in", next=target))
    if access == SIGNED_IN:
        return None
    who = actor_or_none()
    if who is None:
        return redirect(url_for("accounts.choose_role"))
    if not isinstance(access, frozenset) or not any(may(who.role, permission) for permission in access):
        raise Forbidden
    return None


@preferences.get("/preferences/locale/<locale>")
@public
def set_locale(locale: str) -> Response:
    """Chinese or English, kept in a cookie."""
    return _set_cookie("locale", locale if locale in LOCALES else DEFAULT_LOCALE)


@preferences.get("/preferences/large-type/<int:on>")
@public
def set_large_type(on: int) -> Response:
    """大字 on or off, kept in a cookie."""
    return _set_cookie("large_type", "1" if on else "0")


def _set_cookie(name: str, value: str) -> Response:
    target = request.args.get("next")
    response = redirect(target if target and is_local_url(target) else "/")
    response.set_cookie(name, value, max_age=365 * 86400, samesite="Lax", httponly=True)
    return response


def register(app: Flask) -> None:
    """Sign-in, the deny-by-default check, and what the layouts need to know of the person."""
    manager = LoginManager(app)
    manager.session_protection = None
    manager.user_loader(_load_user)
    app.before_request(_set_actor)
    app.before_request(lambda: _enforce_access(app))

    @app.context_processor
    def offer_person() -> dict[str, Any]:
        who = actor_or_none()
        locale = select_locale()
        return {
            "app_name": "钱塘巢",
            "current_actor": who,
            "role_label": ROLE_LABELS[Role(who.role)] if who else "",
            "locale": locale,
            "large_type": request.cookies.get("large_type") == "1",
            "switch_locale_url": lambda lang: url_for(
                "preferences.set_locale",
                locale=lang,
                next=request.full_path if request.method == "GET" else "/",
            ),
            "signed_in": current_user.is_authenticated,
        }
