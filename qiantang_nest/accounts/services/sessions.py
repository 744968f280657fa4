"""Signed-in browsers: opened, kept alive, taken into a role, ended. Only the cookie holds the token."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import delete, update

from qiantang_nest.accounts.models import RoleGrant, User, UserSession
from qiantang_nest.accounts.rules import SECOND_FACTOR_ROLES, session_limits
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import DomainError
from qiantang_nest.core.i18n import _

SEEN_EVERY = timedelta(minutes=5)
"""How exactly idleness is known; each click in between writes nothing."""


class SecondFactorNeeded(DomainError):
    """The role may be acted in only after the time-based code."""

    status = 403


class SessionTooOld(DomainError):
    """The role's hours have passed since this session began: sign in again."""

    status = 403


def start_session(
    *,
    user: User,
    grant: RoleGrant | None,
    address: str,
    agent: str,
    now: datetime,
    second_factor_at: datetime | None = None,
) -> str:
    """Open a session; returns the token for the cookie."""
    token = secrets.token_urlsafe(32)
    db.session.add(
        UserSession(
            token_hash=_hash(token),
            user_id=user.id,
            grant_id=grant.id if grant else None,
            second_factor_at=second_factor_at,
            created_at=now,
            seen_at=now,
            expires_at=now + session_limits(grant.role if grant else None).absolute,
            address=address,
            agent=agent[:200],
        )
    )
    db.session.flush()
    audit.record(
        actor=Actor(
            user_id=user.id, role=grant.role if grant else "person", scope=grant.scope if grant else ""
        ),
        action="accounts.sign_in",
        entity="app_user",
        entity_id=user.id,
        changes={"network": network_of(address)},
    )
    return token


def network_of(address: str) -> str:
    """An address without its last part: enough to see a pattern, not to name a person."""
    for mark in (".", ":"):
        head, found, _tail = address.rpartition(mark)
        if found:
            return f"{head}{mark}*"
    return "*"


def touch_session(*, session: UserSession, now: datetime) -> None:
    """Note that the person is there; in a short transaction, so that no lock is held while a page works."""
    db.session.execute(
        update(UserSession)
        .where(UserSession.id == session.id, UserSession.seen_at <= now - SEEN_EVERY)
        .values(seen_at=now)
        .execution_options(synchronize_session=False)
    )


def needs_second_factor(session: UserSession, role: str, now: datetime) -> bool:
    """Whether the time-based code stands between this session and a role."""
    if role not in SECOND_FACTOR_ROLES:
        return False
    passed = session.second_factor_at
    return passed is None or passed + session_limits(role).absolute <= now


def act_as(*, session: UserSession, grant: RoleGrant, now: datetime, actor: Actor) -> None:
    """Take on one of the person's roles; the session's end follows the role.

    Raises SecondFactorNeeded, SessionTooOld.
    """
    ends_at = session.created_at + session_limits(grant.role).absolute
    if ends_at <= now:
        raise SessionTooOld(_("登录已经久了，请重新登录，再选这个身份。"))
    if needs_second_factor(session, grant.role, now):
        raise SecondFactorNeeded(_("请先填动态码。"))
    session.grant_id, session.expires_at, session.seen_at = grant.id, ends_at, now
    db.session.flush()
    audit.record(
        actor=actor,
        action="accounts.act_as",
        entity="role_grant",
        entity_id=grant.id,
        changes={"role": grant.role, "scope": grant.scope},
    )


def renew_token(*, session: UserSession) -> str:
    """A new token for a session that has gained power; the old cookie no longer opens it."""
    token = secrets.token_urlsafe(32)
    session.token_hash = _hash(token)
    db.session.flush()
    return token


def end_sessions(*, user_id: int, keep_id: int | None = None) -> None:
    """Sign a person out everywhere, but for one session if given."""
    statement = delete(UserSession).where(UserSession.user_id == user_id)
    if keep_id is not None:
        statement = statement.where(UserSession.id != keep_id)
    db.session.execute(statement.execution_options(synchronize_session=False))


def end_session(*, session: UserSession, actor: Actor) -> None:
    """Sign one browser out."""
    db.session.execute(
        delete(UserSession).where(UserSession.id == session.id).execution_options(synchronize_session=False)
    )
    audit.record(actor=actor, action="accounts.end_session", entity="app_user", entity_id=session.user_id)


def drop_old_sessions(*, now: datetime) -> None:
    """Forget sessions that have ended."""
    db.session.execute(delete(UserSession).where(UserSession.expires_at < now))


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
