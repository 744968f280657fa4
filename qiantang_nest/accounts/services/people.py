"""Writes on people, roles and sessions."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import delete

from qiantang_nest.accounts.models import RoleGrant, User, UserSession
from qiantang_nest.accounts.rules import Role
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db

SESSION_HOURS = 12


def create_user(*, name: str, phone: str | None, actor: Actor) -> User:
    """A person known by a normalised mobile number (unique)."""
    user = User(name=name, phone=phone)
    db.session.add(user)
    db.session.flush()
    audit.record(actor=actor, action="accounts.create_user", entity="app_user", entity_id=user.id)
    return user


def grant_role(*, user: User, role: Role, scope: str, actor: Actor) -> RoleGrant:
    """Give a role over a scope (see ``Actor.scope``). It counts from the next sign-in or switch."""
    grant = RoleGrant(user_id=user.id, role=role.value, scope=scope, granted_by=actor.user_id)
    db.session.add(grant)
    db.session.flush()
    audit.record(
        actor=actor,
        action="accounts.grant_role",
        entity="role_grant",
        entity_id=grant.id,
        changes={"user_id": user.id, "role": role.value, "scope": scope},
    )
    return grant


def revoke_role(*, grant: RoleGrant, now: datetime, actor: Actor) -> None:
    """End a role; every session of the person ends with it."""
    grant.revoked_at = now
    end_sessions(user_id=grant.user_id)
    audit.record(actor=actor, action="accounts.revoke_role", entity="role_grant", entity_id=grant.id)


def end_sessions(*, user_id: int, keep_id: int | None = None) -> None:
    """Sign a person out everywhere, but for one session if given."""
    statement = delete(UserSession).where(UserSession.user_id == user_id)
    if keep_id is not None:
        statement = statement.where(UserSession.id != keep_id)
    db.session.execute(statement)


def start_session(
    *,
    user: User,
    grant: RoleGrant | None,
    address: str,
    agent: str,
    now: datetime,
    hours: int = SESSION_HOURS,
) -> str:
    """Open a session; returns the token for the cookie, which is kept nowhere else."""
    token = secrets.token_urlsafe(32)
    db.session.add(
        UserSession(
            token_hash=sha256(token.encode()).digest(),
            user_id=user.id,
            grant_id=grant.id if grant else None,
            created_at=now,
            seen_at=now,
            expires_at=now + timedelta(hours=hours),
            address=address,
            agent=agent[:200],
        )
    )
    db.session.flush()
    return token
