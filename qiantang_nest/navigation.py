"""What each role finds in its bar, in the order of use. Endpoints by name, so nothing is imported."""

from dataclasses import dataclass
from typing import Any

from flask import Flask, request, url_for

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.web import actor_or_none


@dataclass(frozen=True)
class Item:
    """One link of the bar."""

    label: str
    url: str
    icon: str
    active: bool
    count: int = 0


_DESK: dict[str, list[tuple[str, Any, str]]] = {}
"""role → (endpoint, label, icon)."""


def add(role: str, endpoint: str, label: Any, icon: str) -> None:
    """Place a link in a role's bar; called once per link below."""
    _DESK.setdefault(role, []).append((endpoint, label, icon))


def items() -> list[Item]:
    """The acting role's links; those whose endpoint exists."""
    who = actor_or_none()
    return [] if who is None else _draw(_DESK.get(who.role, []))


def _draw(entries: list[tuple[str, Any, str]]) -> list[Item]:
    here = request.endpoint or ""
    return [
        Item(str(label), url_for(endpoint), icon, active=here == endpoint)
        for endpoint, label, icon in entries
    ]


def register(app: Flask) -> None:
    """Offer ``nav`` and ``tabs`` to the layouts."""

    @app.context_processor
    def offer_navigation() -> dict[str, object]:
        who = actor_or_none()
        is_villager = who is not None and who.role == Role.VILLAGER
        return {"nav": [] if is_villager else items(), "tabs": items() if is_villager else []}
