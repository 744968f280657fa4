"""Before each request: who acts, and whether the role may. Deny by default."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, g, has_request_context, make_response, redirect, request, url_for
from flask_login import LoginManager, current_user
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response

from qiantang_nest.accounts import queries, services
from qiantang_nest.accounts.models import UserSession
from qiantang_nest.accounts.rules import ROLE_LABELS, Role, may
from qiantang_nest.accounts.views.base import SignedIn, preferences
from qiantang_nest.core import clock
from qiantang_nest.core.access import PUBLIC, SIGNED_IN, access_of, public
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import transaction
from qiantang_nest.core.i18n import DEFAULT_LOCALE, LOCALES, _
from qiantang_nest.core.web import actor_or_none, is_local_url

_BEFORE_SECOND_FACTOR = frozenset({"accounts.second_factor", "accounts.choose_role", "accounts.sign_out"})
"""What a person with a second factor may reach before passing it."""


@dataclass(frozen=True)
class Places:
    """What ``accounts`` must know of higher packages; the application factory hands it in."""

    name: Callable[[str, str], str]
    """(role, scope) → the name of the village, street or enterprise, "" if there is none."""
    choices: Callable[[], list[tuple[str, list[tuple[str, str]]]]]
    """(group, [(code, name)]) of everything an office role may be over."""


def places() -> Places:
    """As registered."""
    found: Places = current_app.extensions["places"]
    return found


def _load_user(token: str) -> SignedIn | None:
    now = clock.now()
    live = queries.session_by_token(token, now)
    if live is None:
        return None
    if live.row.seen_at <= now - services.SEEN_EVERY:
        with transaction():
            services.touch_session(session=live.row, now=now)
        live = queries.session_by_token(token, now)
    return None if live is None else SignedIn(live, token)


def select_locale() -> str:
    """The cookie's choice, else the person's, else what the browser prefers, else Chinese."""
    if not has_request_context():  # commands and jobs speak Chinese
        return DEFAULT_LOCALE
    chosen = request.cookies.get("locale")
    if chosen in LOCALES:
        return chosen
    if not g.get("draws_failure"):
        kept = current_user.row.user.locale if current_user and current_user.is_authenticated else None
        if kept in LOCALES:
            return str(kept)
    best = request.accept_languages.best_match(["zh-Hans-CN", "zh-CN", "zh", "en"])
    return "en" if best == "en" else DEFAULT_LOCALE


def large_type_on() -> bool:
    """大字: the cookie's choice, else the person's."""
    chosen = request.cookies.get("large_type")
    if chosen in ("0", "1"):
        return chosen == "1"
    return bool(current_user and current_user.is_authenticated and current_user.row.user.large_type)


def _set_actor() -> None:
    """Make ``g.actor`` from the session; nobody acts before the second factor or without a role."""
    if request.endpoint in ("static", "core.healthz") or not current_user.is_authenticated:
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
    here = request.full_path if request.method == "GET" and request.query_string else request.path
    target = here if request.method == "GET" else None
    if not current_user.is_authenticated:
        return redirect(url_for("accounts.sign_in", next=target))
    if access == SIGNED_IN:
        row: UserSession = current_user.row
        waiting = row.user.totp_confirmed and row.second_factor_at is None
        if waiting and request.endpoint not in _BEFORE_SECOND_FACTOR:
            return redirect(url_for("accounts.second_factor", next=target))
        return None
    who = actor_or_none()
    if who is None:
        return redirect(url_for("accounts.choose_role", next=target))
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
    keep_preference(response, name, value)
    return response


def keep_preference(response: Response, name: str, value: str) -> None:
    """A preference cookie for a year; it holds nothing secret."""
    response.set_cookie(name, value, max_age=365 * 86400, samesite="Lax", httponly=True)


def _area_name() -> str:
    """The name of the place the actor acts for, asked once a request."""
    who = actor_or_none()
    if who is None:
        return ""
    if "area_name" not in g:
        g.area_name = places().name(who.role, who.scope)
    return str(g.area_name)


def _other_roles() -> list[dict[str, str]]:
    """The person's further roles, as the account menu shows them."""
    who = actor_or_none()
    if who is None or current_user.live.roles < 2:
        return []
    return [
        {
            "label": str(ROLE_LABELS[Role(grant.role)]),
            "url": url_for("accounts.switch_role", grant_id=grant.id),
        }
        for grant in queries.live_grants(current_user.row.user_id)
        if grant.id != current_user.row.grant_id
    ]


def _offer_person() -> dict[str, Any]:
    if g.get("draws_failure"):
        return {"app_name": _("钱塘巢"), "locale": select_locale(), "large_type": False, "signed_in": False}
    who = actor_or_none()
    signed_in = bool(current_user and current_user.is_authenticated)
    return {
        "app_name": _("钱塘巢"),
        "current_actor": who,
        "role_label": ROLE_LABELS[Role(who.role)] if who else "",
        "area_name": _area_name(),
        "other_roles": _other_roles(),
        "unread_messages": current_user.live.unread if signed_in else 0,
        "locale": select_locale(),
        "large_type": large_type_on(),
        "switch_locale_url": lambda lang: url_for(
            "preferences.set_locale",
            locale=lang,
            next=request.full_path if request.method == "GET" else "/",
        ),
        "signed_in": signed_in,
    }


def register(app: Flask, *, places: Places) -> None:
    """Sign-in, the deny-by-default check, and what the layouts need to know of the person."""
    app.extensions["places"] = places
    # Templates get the person from `_offer_person`. The extension's own `current_user` would ask the database
    # again while a page is drawn that says that it cannot be reached.
    manager = LoginManager()
    manager.init_app(app, add_context_processor=False)
    # Sessions are rows that end by themselves; a mobile network changes addresses all day.
    manager.session_protection = None
    manager.user_loader(_load_user)
    app.before_request(_set_actor)
    app.before_request(lambda: _enforce_access(app))
    app.context_processor(_offer_person)
    app.jinja_env.globals["ROLE_LABELS"] = ROLE_LABELS


def response_of(page: str, status: int) -> Response:
    """A page with a status."""
    response = make_response(page)
    response.status_code = status
    return response
