"""What the pages of ``accounts`` share: the blueprints, and the signed-in person."""

from flask import Blueprint, flash, g, request
from flask_login import UserMixin, current_user

from qiantang_nest.accounts.models import UserSession
from qiantang_nest.accounts.queries import LiveSession
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.web import actor_or_none, is_local_url

preferences = Blueprint("preferences", __name__)
blueprint = Blueprint("accounts", __name__)


class SignedIn(UserMixin):
    """Flask-Login's view of one session row."""

    def __init__(self, live: LiveSession, token: str) -> None:
        self.live, self.row, self.token = live, live.row, token

    def get_id(self) -> str:
        return self.token


def person_session() -> UserSession:
    """The session of the signed-in person; only in views that are not public."""
    row: UserSession = current_user.row
    return row


def person() -> Actor:
    """The signed-in person as an actor, in the acting role or, before one is taken on, as ``person``."""
    found = actor_or_none()
    if found is not None:
        return found
    row = person_session()
    return Actor(
        user_id=row.user_id,
        role="person",
        scope=str(row.user_id),
        name=row.user.name,
        request_id=g.request_id,
    )


def next_target() -> str | None:
    """Where the person wanted to go, if it is on this site."""
    target = request.values.get("next") or request.values.get("code-next")
    return target if is_local_url(target) else None


def caller_address() -> str:
    """The network address of the caller, as the trusted proxies tell it."""
    return request.remote_addr or ""


def say_done(message: str) -> None:
    """A green line on the next page."""
    flash(message, "done")
