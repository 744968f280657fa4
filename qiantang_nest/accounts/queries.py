"""Reads of people, roles, sessions and the audit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from sqlalchemy import Select, bindparam, exists, false, func, or_, select
from sqlalchemy.orm import joinedload

from qiantang_nest.accounts.models import RoleGrant, User, UserSession
from qiantang_nest.accounts.rules import EMPLOYER_ROLES, GRANTED_ROLES, Role, session_limits
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.clock import SHANGHAI
from qiantang_nest.core.crypto import lookup_hash
from qiantang_nest.core.db import db
from qiantang_nest.notifications.models import Message

SECURITY_ACTIONS = (
    "accounts.sign_in",
    "accounts.sign_in_failed",
    "accounts.sign_out",
    "accounts.end_session",
    "accounts.pass_second_factor",
    "accounts.set_up_second_factor",
    "accounts.reset_second_factor",
    "accounts.set_password",
    "accounts.change_phone",
    "accounts.create_user",
    "accounts.disable_user",
    "accounts.enable_user",
    "accounts.grant_role",
    "accounts.revoke_role",
)


@dataclass(frozen=True)
class LiveSession:
    """A session with what every page of its person shows."""

    row: UserSession
    unread: int
    roles: int


def session_by_token(token: str, now: datetime) -> LiveSession | None:
    """The live session of a cookie's token, with person and acting role; one query.

    None when it is unknown, over, idle for too long, or when person or role has ended.
    """
    found = db.session.execute(
        _session_statement(), {"token_hash": sha256(token.encode()).digest(), "now": now}
    ).one_or_none()
    if found is None:
        return None
    row = found[0]
    if row.user.disabled_at is not None or (row.grant is not None and row.grant.revoked_at is not None):
        return None
    if row.seen_at + session_limits(row.grant.role if row.grant else None).idle <= now:
        return None
    return LiveSession(row, found[1], found[2])


@cache
def _session_statement() -> Select[Any]:
    """Built once: every request asks it, and building it takes longer than asking."""
    unread = (
        select(func.count())
        .select_from(Message)
        .where(Message.user_id == UserSession.user_id, Message.read_at.is_(None))
        .scalar_subquery()
    )
    roles = (
        select(func.count())
        .select_from(RoleGrant)
        .where(RoleGrant.user_id == UserSession.user_id, RoleGrant.revoked_at.is_(None))
        .scalar_subquery()
    )
    return (
        select(UserSession, unread, roles)
        .options(joinedload(UserSession.user), joinedload(UserSession.grant))
        .where(
            UserSession.token_hash == bindparam("token_hash"),
            UserSession.expires_at > bindparam("now"),
        )
    )


def sessions_of(user_id: int, now: datetime) -> Sequence[UserSession]:
    """A person's signed-in browsers, the latest seen first."""
    return db.session.scalars(
        select(UserSession)
        .options(joinedload(UserSession.grant))
        .where(UserSession.user_id == user_id, UserSession.expires_at > now)
        .order_by(UserSession.seen_at.desc(), UserSession.id.desc())
    ).all()


def user_by_phone(phone: str) -> User | None:
    """The person with a normalised mobile number."""
    return db.session.scalars(
        select(User).where(User.phone_hash == lookup_hash(phone, "phone"))
    ).one_or_none()


def live_grants(user_id: int) -> Sequence[RoleGrant]:
    """The roles a person holds, oldest first."""
    return db.session.scalars(
        select(RoleGrant)
        .where(RoleGrant.user_id == user_id, RoleGrant.revoked_at.is_(None))
        .order_by(RoleGrant.id)
    ).all()


def holds_any(user_id: int, roles: Iterable[Role], scope: str) -> bool:
    """Whether a person holds one of the roles over exactly this scope."""
    return bool(
        db.session.scalar(
            select(
                exists().where(
                    RoleGrant.user_id == user_id,
                    RoleGrant.role.in_([role.value for role in roles]),
                    RoleGrant.scope == scope,
                    RoleGrant.revoked_at.is_(None),
                )
            )
        )
    )


def members_visible_to(actor: Actor) -> Select[RoleGrant]:
    """The live roles in the actor's own enterprise; nothing for anybody else."""
    statement = select(RoleGrant).options(joinedload(RoleGrant.user)).where(RoleGrant.revoked_at.is_(None))
    if actor.role not in EMPLOYER_ROLES:
        return statement.where(false())
    return statement.where(
        RoleGrant.role.in_([role.value for role in EMPLOYER_ROLES]), RoleGrant.scope == actor.scope
    ).order_by(RoleGrant.id)


def users_visible_to(actor: Actor) -> Select[User]:
    """Every account, for the two administrators who keep them; nothing for anybody else."""
    if actor.role not in (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN):
        return select(User).where(false())
    return select(User)


def office_users(statement: Select[User], search: str) -> Select[User]:
    """Narrow to people of offices and those without a role; or to what is searched for.

    ``search`` is a whole normalised phone number, which finds anybody, or a part of a name.
    """
    live = select(RoleGrant.user_id).where(RoleGrant.revoked_at.is_(None))
    in_office = live.where(RoleGrant.role.in_([role.value for role in GRANTED_ROLES]))
    if search.isdigit() and len(search) == 11:
        return statement.where(User.phone_hash == lookup_hash(search, "phone"))
    narrowed = statement.where(or_(User.id.in_(in_office), User.id.not_in(live)))
    return narrowed.where(User.name.contains(search, autoescape=True)) if search else narrowed


def grants_of(user_ids: Sequence[int]) -> dict[int, list[RoleGrant]]:
    """The live roles of several people, one query."""
    found: dict[int, list[RoleGrant]] = {user_id: [] for user_id in user_ids}
    for grant in db.session.scalars(
        select(RoleGrant)
        .where(RoleGrant.user_id.in_(user_ids), RoleGrant.revoked_at.is_(None))
        .order_by(RoleGrant.id)
    ):
        found[grant.user_id].append(grant)
    return found


@dataclass(frozen=True)
class AuditFilter:
    """What an auditor looks for; empty parts do not narrow."""

    user_id: int | None = None
    action: str = ""
    entity: str = ""
    entity_id: int | None = None
    first_day: date | None = None
    last_day: date | None = None
    before_id: int | None = None
    """Older than this row: the next page, without counting the whole log."""


def audit_events(
    wanted: AuditFilter, limit: int, actions: Sequence[str] | None = None
) -> Sequence[AuditEvent]:
    """The newest matching rows, at most ``limit``."""
    statement = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(limit)
    if actions is not None:
        statement = statement.where(AuditEvent.action.in_(actions))
    if wanted.user_id is not None:
        statement = statement.where(AuditEvent.actor_user_id == wanted.user_id)
    if wanted.action:
        statement = statement.where(AuditEvent.action.startswith(wanted.action, autoescape=True))
    if wanted.entity:
        statement = statement.where(AuditEvent.entity == wanted.entity)
    if wanted.entity_id is not None:
        statement = statement.where(AuditEvent.entity_id == wanted.entity_id)
    if wanted.first_day is not None:
        statement = statement.where(AuditEvent.at >= datetime.combine(wanted.first_day, time(), SHANGHAI))
    if wanted.last_day is not None:
        next_day = wanted.last_day + timedelta(days=1)
        statement = statement.where(AuditEvent.at < datetime.combine(next_day, time(), SHANGHAI))
    if wanted.before_id is not None:
        statement = statement.where(AuditEvent.id < wanted.before_id)
    return db.session.scalars(statement).all()


def clerk_names(village_codes: Sequence[str]) -> dict[str, list[str]]:
    """Village code → the names of its clerks, oldest in office first; one query."""
    found: dict[str, list[str]] = {code: [] for code in village_codes}
    rows = db.session.execute(
        select(RoleGrant.scope, User.name)
        .join(User, User.id == RoleGrant.user_id)
        .where(
            RoleGrant.role == Role.VILLAGE_CLERK.value,
            RoleGrant.scope.in_(village_codes),
            RoleGrant.revoked_at.is_(None),
            User.disabled_at.is_(None),
        )
        .order_by(RoleGrant.id)
    )
    for code, name in rows:
        found[code].append(name)
    return found
