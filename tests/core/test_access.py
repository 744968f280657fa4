"""An endpoint that says nothing about access stops the start; nobody gets in by default."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from qiantang_nest.accounts.rules import ROLE_PERMISSIONS, Permission, Role, may
from qiantang_nest.core.access import public, refuse_undeclared, requires


def test_an_undeclared_endpoint_stops_the_start():
    app = Flask(__name__)
    app.add_url_rule("/open", "open", public(lambda: "open"))
    refuse_undeclared(app)
    app.add_url_rule("/forgotten", "forgotten", lambda: "forgotten")
    with pytest.raises(RuntimeError, match="forgotten"):
        refuse_undeclared(app)


def test_a_declaration_is_kept_on_the_view():
    view = requires(Permission.HOLD)(lambda: "held")
    assert view.access == frozenset({"bookings.hold"})


def test_every_endpoint_of_the_product_is_declared(app):
    refuse_undeclared(app)


def test_every_role_is_on_the_permission_page():
    assert set(ROLE_PERMISSIONS) == set(Role)


def test_every_permission_is_held_by_somebody():
    held = frozenset().union(*ROLE_PERMISSIONS.values())
    assert held == set(Permission)


def test_unknown_roles_may_nothing():
    assert not may("janitor", Permission.HOLD)


@pytest.mark.parametrize("role", [Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN])
def test_administrators_touch_neither_people_nor_money(role):
    assert all(permission.startswith("accounts.") for permission in ROLE_PERMISSIONS[role])


@pytest.mark.parametrize("path", ["/static/css/app.css", "/sign-in"])
def test_nothing_goes_out_unguarded(client: FlaskClient, path: str) -> None:
    answer = client.get(path, buffered=True)
    assert answer.status_code == 200
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
