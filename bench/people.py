"""Somebody to measure as: accounts with one role each, signed in as after their second factor."""

from dataclasses import dataclass

from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from qiantang_nest.accounts.models import RoleGrant, User
from qiantang_nest.accounts.rules import Role
from qiantang_nest.accounts.services import start_session
from qiantang_nest.core import clock
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction


@dataclass(frozen=True)
class Person:
    """An account, and the Cookie header of its browser."""

    actor: Actor
    cookie: str


def person(app: Flask, role: Role, scope: str) -> Person:
    """A new account, signed in."""
    now = clock.now()
    with app.app_context(), transaction():
        user = User(name="测速员", phone=f"166{db.session.query(User).count():08d}")
        db.session.add(user)
        db.session.flush()
        grant = RoleGrant(user_id=user.id, role=role.value, scope=scope)
        db.session.add(grant)
        db.session.flush()
        token = start_session(
            user=user, grant=grant, address="127.0.0.1", agent="bench", now=now, second_factor_at=now
        )
        actor = Actor(user_id=user.id, role=role.value, scope=scope, name=user.name, request_id="bench")
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer is not None
    cookie = signer.dumps({"_user_id": token, "_fresh": True})
    return Person(actor, f"{app.config['SESSION_COOKIE_NAME']}={cookie}")
