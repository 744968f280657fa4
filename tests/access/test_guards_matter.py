"""Each guard matters: with any one of them weakened in the process the matrix or a scope test turns red."""

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import true

from qiantang_nest.accounts.rules import ROLE_PERMISSIONS, Permission, Role
from qiantang_nest.core.access import PUBLIC, SIGNED_IN, access_of
from qiantang_nest.core.actor import SYSTEM, Actor
from tests.access.conftest import Site, matrix
from tests.access.pages import page_cells
from tests.access.test_matrix import red
from tests.access.test_scope import cases, foreign_values, leaks
from tests.access.world import FOREIGN, ROLES

KINDS = dict(zip(ROLES[2:], Role, strict=True))
"""Column of the matrix → role."""
SECOND_WALL = {
    Permission.LEASE_SIGN: "signing itself refuses whoever is no party of the lease (test_signing.py)",
    "users_visible_to": "no other role reaches a page that asks it (test_administration.py)",
}
"""What no request alone can notice, and where it is looked at."""


@pytest.mark.parametrize("weaker", [PUBLIC, SIGNED_IN])
def test_a_weaker_declaration_turns_the_matrix_red(
    site: Site, weaker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unnoticed = []
    for row in matrix():
        view = site.app.view_functions[row["endpoint"]]
        if access_of(site.app, row["endpoint"]) in (PUBLIC, weaker):
            continue
        with monkeypatch.context() as patch:
            patch.setattr(view, "access", weaker)
            refused = [role for role in ROLES if row[role] not in ("yes", "public")]
            if not any(red(site, role, row) for role in refused):
                unnoticed.append(f"{row['endpoint']} {row['method']}")
    assert not unnoticed, f"as {weaker} nobody would notice:\n" + "\n".join(unnoticed)


@pytest.mark.parametrize("role", KINDS)
def test_another_permission_turns_the_matrix_red(
    site: Site, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One taken from the role, or one given to it that it has not."""
    held = ROLE_PERMISSIONS[KINDS[role]]
    unnoticed = []
    for permission in Permission:
        cell, changed = ("yes", held - {permission}) if permission in held else ("no", held | {permission})
        rows = [row for row in matrix() if row[role] == cell and permission in needed(site, row)]
        with monkeypatch.context() as patch:
            patch.setitem(ROLE_PERMISSIONS, KINDS[role], changed)
            behind_another = permission in SECOND_WALL and permission not in held
            if not behind_another and not any(red(site, role, row) for row in rows):
                unnoticed.append(f"{permission} {'taken away' if permission in held else 'given'}")
    assert not unnoticed, "nobody would notice:\n" + "\n".join(unnoticed)


def needed(site: Site, row: dict[str, str]) -> frozenset[str]:
    access = access_of(site.app, row["endpoint"])
    return access if isinstance(access, frozenset) else frozenset()


def narrowings() -> list[Callable[..., Any]]:
    """Every function of the product that narrows rows to what an actor may see."""
    found = {
        function
        for name, module in sys.modules.items()
        if name.startswith("qiantang_nest.") and ".queries" in name
        for function in vars(module).values()
        if inspect.isfunction(function)
        and ("visible_to" in function.__name__ or function.__name__.lstrip("_") == "visible")
        and "actor" in inspect.signature(function).parameters
        and function.__name__ not in SECOND_WALL
    }
    return sorted(found, key=lambda function: (function.__module__, function.__name__))


def taken_away(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same without its narrowing: a condition that is true, a select of all rows, or as for everybody."""
    gives = str(inspect.signature(function).return_annotation)

    def everything(actor: Actor, *args: Any, **kwargs: Any) -> Any:
        if "Select" in gives:
            found = function(actor, *args, **kwargs).where(true())
            found._where_criteria = ()
            return found
        if "ColumnElement" in gives:
            return true()
        everybody = replace(actor, scope=SYSTEM.scope) if actor.is_office else SYSTEM
        return function(everybody, *args, **kwargs)

    return everything


def foreign_requests(site: Site, package: str) -> Iterator[bool]:
    """Ask for what is foreign, in the package's own endpoints first; True: a scope test would be red."""
    for near in (True, False):
        for role in ("villager", "manager", "clerk", "street"):
            for endpoint, method in cases(site, role):
                if endpoint.startswith(f"{package}.") == near:
                    for side in FOREIGN[role]:
                        for values in foreign_values(site, role, endpoint, side):
                            answer = site.open(role, method, site.url(role, endpoint, **values))
                            yield answer.status_code != 404
            for endpoint in page_cells(role):
                if endpoint.startswith(f"{package}.") == near:
                    answer = site.open(role, "GET", site.url(role, endpoint))
                    yield bool(leaks(role, endpoint, answer, FOREIGN[role]))


@pytest.mark.parametrize("function", narrowings(), ids=lambda one: f"{one.__module__}.{one.__name__}")
def test_rows_that_are_not_narrowed_turn_the_scope_tests_red(
    site: Site, function: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("qiantang_nest.") and vars(module).get(function.__name__) is function:
            monkeypatch.setattr(module, function.__name__, taken_away(function))
    package = function.__module__.split(".")[1]
    assert any(foreign_requests(site, package)), "nobody would notice"
