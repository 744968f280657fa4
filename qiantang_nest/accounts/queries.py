"""Reads of people, roles and sessions."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from qiantang_nest.accounts.models import RoleGrant, User, UserSession
from qiantang_nest.core.crypto import lookup_hash
from qiantang_nest.core.db import db


def session_by_token(token: str, now: datetime) -> UserSession | None:
    """The live session of a cookie's token, with person and acting role; one query."""
    statement = (
        select(UserSession)
        .options(joinedload(UserSession.user), joinedload(UserSession.grant))
        .where(UserSession.token_hash == sha256(token.encode()).digest(), UserSession.expires_at > now)
    )
    found = db.session.execute(statement).scalar_one_or_none()
    if found is None or found.user.disabled_at is not None:
        return None
    if found.grant is not None and found.grant.revoked_at is not None:
        return None
    return found


def user_by_phone(phone: str) -> User | None:
    """The person with a normalised mobile number."""
    return db.session.execute(
        select(User).where(User.phone_hash == lookup_hash(phone, "phone"))
    ).scalar_one_or_none()


def live_grants(user_id: int) -> Sequence[RoleGrant]:
    """The roles a person holds, oldest first."""
    return (
        db.session.execute(
            select(RoleGrant)
            .where(RoleGrant.user_id == user_id, RoleGrant.revoked_at.is_(None))
            .order_by(RoleGrant.id)
        )
        .scalars()
        .all()
    )
