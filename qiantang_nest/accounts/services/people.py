"""People and their roles. Taking a role away signs the person out everywhere, at once."""

from datetime import datetime

from sqlalchemy import select

from qiantang_nest.accounts.models import RoleGrant, User
from qiantang_nest.accounts.rules import ADMIN_ROLES, GRANTED_ROLES, ROLE_LABELS, Role, check_scope
from qiantang_nest.accounts.services.sessions import end_sessions
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, refuse_as
from qiantang_nest.core.errors import InvalidValue, NotAllowed, WrongState
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.notifications.services import notify

refuse_as("uq_app_user_phone_hash", InvalidValue, _l("这个手机号已经有账号了。"))
refuse_as("uq_role_grant_live", WrongState, _l("这个人已经有这个角色了。"))


def create_user(*, name: str, phone: str | None, actor: Actor) -> User:
    """A person known by a normalised mobile number (unique)."""
    user = User(name=name, phone=phone)
    db.session.add(user)
    db.session.flush()
    audit.record(actor=actor, action="accounts.create_user", entity="app_user", entity_id=user.id)
    return user


def grant_role(*, user: User, role: Role, scope: str, actor: Actor) -> RoleGrant:
    """Give a role over a scope (see ``Actor.scope``). It counts from the next sign-in or switch."""
    grant = RoleGrant(
        user_id=user.id, role=role.value, scope=check_scope(role, scope), granted_by=actor.user_id
    )
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


def become_villager(*, user: User, actor: Actor) -> RoleGrant:
    """Both statements of 土地管理法 art. 62 are confirmed; which household it is, is for the clerk to say."""
    grant = grant_role(user=user, role=Role.VILLAGER, scope=str(user.id), actor=actor)
    audit.record(
        actor=actor,
        action="accounts.confirm_letting_statements",
        entity="app_user",
        entity_id=user.id,
        changes={"no_new_homestead": True, "of_own_will": True},
    )
    return grant


def grant_office_role(*, user: User, role: Role, scope: str, actor: Actor) -> RoleGrant:
    """What a security administrator gives: offices and administrators, never to oneself.

    Ends the person's sessions, so that the next sign-in asks for the second factor.
    Raises NotAllowed, InvalidValue.
    """
    if role not in GRANTED_ROLES:
        raise InvalidValue(_("这个角色不能在这里授予。"))
    if user.id == actor.user_id:
        raise NotAllowed(_("不能给自己授角色，请另一位安全管理员来办。"))
    if user.disabled_at is not None:
        raise InvalidValue(_("%(name)s 的账号已停用，先恢复再授角色。", name=user.name))
    held = set(
        db.session.scalars(
            select(RoleGrant.role).where(
                RoleGrant.user_id == user.id,
                RoleGrant.revoked_at.is_(None),
                RoleGrant.role.in_([admin.value for admin in ADMIN_ROLES]),
            )
        )
    )
    if role in ADMIN_ROLES and held - {role.value}:
        raise InvalidValue(_("系统、安全、审计三种管理员要由三个人分别担任。"))
    grant = grant_role(user=user, role=role, scope=scope, actor=actor)
    end_sessions(user_id=user.id)
    notify(
        user_id=user.id,
        kind="accounts.role_granted",
        params={"role": str(ROLE_LABELS[role])},
        url="/account",
    )
    return grant


def revoke_role(*, grant: RoleGrant, now: datetime, actor: Actor) -> None:
    """End a role; every session of the person ends with it. Raises WrongState if it has ended."""
    if grant.revoked_at is not None:
        raise WrongState(_("这个角色已经收回了。"))
    grant.revoked_at = now
    end_sessions(user_id=grant.user_id)
    audit.record(
        actor=actor,
        action="accounts.revoke_role",
        entity="role_grant",
        entity_id=grant.id,
        changes={"user_id": grant.user_id, "role": grant.role, "scope": grant.scope},
    )


def disable_user(*, user: User, now: datetime, actor: Actor) -> None:
    """Nobody signs in by this account until it is enabled again. Raises NotAllowed for one's own."""
    if user.id == actor.user_id:
        raise NotAllowed(_("不能停用自己的账号。"))
    user.disabled_at = user.disabled_at or now
    end_sessions(user_id=user.id)
    audit.record(actor=actor, action="accounts.disable_user", entity="app_user", entity_id=user.id)


def enable_user(*, user: User, actor: Actor) -> None:
    """Let the person sign in again."""
    user.disabled_at = None
    audit.record(actor=actor, action="accounts.enable_user", entity="app_user", entity_id=user.id)


def change_own_details(*, user: User, name: str, locale: str | None, large_type: bool, actor: Actor) -> None:
    """The person's own name, language and type size."""
    user.name, user.locale, user.large_type = name, locale, large_type
    audit.record(actor=actor, action="accounts.change_own_details", entity="app_user", entity_id=user.id)


def change_phone(*, user: User, phone: str, keep_session_id: int | None, actor: Actor) -> None:
    """Put a proven number in the place of the old one; other sessions end. Raises InvalidValue if taken."""
    user.phone = phone
    db.session.flush()
    end_sessions(user_id=user.id, keep_id=keep_session_id)
    audit.record(actor=actor, action="accounts.change_phone", entity="app_user", entity_id=user.id)
