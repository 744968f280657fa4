"""People, their roles over areas, their sessions and one-time codes."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.sql import func

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.crypto import HasSealed, SealedText, hash_column, sealed_column
from qiantang_nest.core.db import Base

_ROLES = ", ".join(f"'{role.value}'" for role in Role)


class User(HasSealed, Base):
    """A person who can sign in, known by a mobile number."""

    __tablename__ = "app_user"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    phone_sealed: Mapped[bytes | None] = sealed_column()
    phone_hash: Mapped[bytes | None] = hash_column(unique=True)
    phone = SealedText(kind="phone")
    password_hash: Mapped[str | None]
    totp_secret_sealed: Mapped[bytes | None] = sealed_column()
    totp_secret = SealedText()
    totp_confirmed: Mapped[bool] = mapped_column(server_default=text("false"))
    totp_last_step: Mapped[int] = mapped_column(server_default=text("0"))
    """The last time step used: a code opens once."""
    locale: Mapped[str | None]
    large_type: Mapped[bool] = mapped_column(server_default=text("false"))
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class RoleGrant(Base):
    """One role of one person over one area; see ``core.actor.Actor.scope`` for what ``scope`` holds."""

    __tablename__ = "role_grant"
    __table_args__ = (
        CheckConstraint(f"role IN ({_ROLES})", name="role_known"),
        Index(
            "uq_role_grant_live",
            "user_id",
            "role",
            "scope",
            unique=True,
            postgresql_where=text("revoked_at IS NULL"),
        ),
        Index("ix_role_grant_scope", "scope", "role", postgresql_where=text("revoked_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("app_user.id"))
    role: Mapped[str]
    scope: Mapped[str]
    granted_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    granted_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(foreign_keys=[user_id])


class UserSession(Base):
    """One signed-in browser. The cookie holds the token, the row only its hash."""

    __tablename__ = "user_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("app_user.id"), index=True)
    grant_id: Mapped[int | None] = mapped_column(ForeignKey("role_grant.id"), index=True)
    """The role the person acts in; None until the second factor is passed or while nothing is granted."""
    second_factor_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    address: Mapped[str]
    agent: Mapped[str]

    user: Mapped[User] = relationship()
    grant: Mapped[RoleGrant | None] = relationship()


class SmsCode(Base):
    """A six-digit code for one phone and one purpose, five tries, five minutes, once."""

    __tablename__ = "sms_code"
    __table_args__ = (Index("ix_sms_code_phone_hash_purpose", "phone_hash", "purpose", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    phone_hash: Mapped[bytes] = mapped_column(LargeBinary)
    purpose: Mapped[str]
    subject: Mapped[str]
    """What the code is bound to: the browser for sign-in, the document's SHA-256 for a signature."""
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    tries_left: Mapped[int] = mapped_column(server_default=text("5"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Throttle(Base):
    """Hits of one key in one window; an UNLOGGED table, so that counting costs no WAL."""

    __tablename__ = "throttle"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012

    key: Mapped[str] = mapped_column(primary_key=True)
    window_starts_at: Mapped[datetime]
    hits: Mapped[int]
