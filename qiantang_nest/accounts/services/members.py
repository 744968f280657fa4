"""An employer's colleagues: its manager asks them in by phone and takes them out again."""

from datetime import datetime

from sqlalchemy import func, select

from qiantang_nest.accounts import queries
from qiantang_nest.accounts.models import RoleGrant
from qiantang_nest.accounts.rules import EMPLOYER_ROLES, Role
from qiantang_nest.accounts.services.people import create_user, grant_role, revoke_role
from qiantang_nest.accounts.services.throttles import throttle, throttle_key
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.notifications.services import send_sms

_A_DAY = (30, 86400)


def invite_member(
    *, phone: str, name: str, role: Role, enterprise_name: str, now: datetime, actor: Actor
) -> RoleGrant:
    """Give a colleague a role in the actor's enterprise; an SMS tells how to sign in.

    A person already known keeps the own name. Raises InvalidValue, TooMany.
    """
    if role not in EMPLOYER_ROLES:
        raise InvalidValue(_("只能加企业负责人或企业经办。"))
    limit, seconds = _A_DAY
    throttle(key=throttle_key("invite", actor.scope), limit=limit, window_seconds=seconds, now=now)
    user = queries.user_by_phone(phone)
    if user is not None and queries.holds_any(user.id, EMPLOYER_ROLES, actor.scope):
        raise InvalidValue(_("这个手机号已经是同事了。要换角色，先移出再加。"))
    if user is None:
        user = create_user(name=name, phone=phone, actor=actor)
    grant = grant_role(user=user, role=role, scope=actor.scope, actor=actor)
    send_sms(
        key=f"invite:{grant.id}",
        to=phone,
        body=str(
            _(
                "【钱塘巢】%(inviter)s 请您一起办 %(enterprise)s 的住宿。"
                "打开网站，用这个手机号收验证码就能登录。",
                inviter=actor.name,
                enterprise=enterprise_name,
            )
        ),
    )
    return grant


def remove_member(*, grant: RoleGrant, now: datetime, actor: Actor) -> None:
    """Take a colleague's role away, at once. The last manager stays. Raises WrongState."""
    if grant.role == Role.EMPLOYER_MANAGER:
        managers = select(func.count()).where(
            RoleGrant.role == Role.EMPLOYER_MANAGER.value,
            RoleGrant.scope == grant.scope,
            RoleGrant.revoked_at.is_(None),
        )
        # Two managers who remove each other at once would leave none: look at the rows under lock.
        db.session.execute(
            select(RoleGrant.id)
            .where(RoleGrant.role == Role.EMPLOYER_MANAGER.value, RoleGrant.scope == grant.scope)
            .order_by(RoleGrant.id)
            .with_for_update()
        )
        if db.session.execute(managers).scalar_one() < 2:
            raise WrongState(_("单位里至少要留一位企业负责人。先加一位，再移出这一位。"))
    revoke_role(grant=grant, now=now, actor=actor)
