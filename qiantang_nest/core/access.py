"""How an endpoint declares who may call it. One without a declaration stops the start.

``requires`` and ``public`` only mark the view; ``accounts.views`` reads the mark before each request.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask

View = TypeVar("View", bound=Callable[..., Any])

PUBLIC = "public"
SIGNED_IN = "signed-in"


def public(view: View) -> View:
    """Anyone, signed in or not."""
    view.access = PUBLIC  # type: ignore[attr-defined]
    return view


def signed_in(view: View) -> View:
    """Any signed-in person: own password, language, sessions."""
    view.access = SIGNED_IN  # type: ignore[attr-defined]
    return view


def requires(*permissions: str) -> Callable[[View], View]:
    """Only roles that hold one of the permissions (``accounts.rules.ROLE_PERMISSIONS``)."""

    def mark(view: View) -> View:
        view.access = frozenset(permissions)  # type: ignore[attr-defined]
        return view

    return mark


def access_of(app: Flask, endpoint: str) -> str | frozenset[str] | None:
    """The declaration of an endpoint, or None if there is none."""
    if endpoint == "static":
        return PUBLIC
    return getattr(app.view_functions[endpoint], "access", None)


def refuse_undeclared(app: Flask) -> None:
    """Called at the end of ``create_app``.

    Raises RuntimeError naming every endpoint without a declaration.
    """
    undeclared = sorted(
        {rule.endpoint for rule in app.url_map.iter_rules() if access_of(app, rule.endpoint) is None}
    )
    if undeclared:
        raise RuntimeError("endpoints without @requires, @signed_in or @public: " + ", ".join(undeclared))
