"""The time-based one-time code (RFC 6238) of offices and administrators: each step opens once."""

import hmac
from datetime import datetime

import pyotp
from sqlalchemy import update

from qiantang_nest.accounts.models import User, UserSession
from qiantang_nest.accounts.services.sessions import end_sessions, renew_token
from qiantang_nest.accounts.services.throttles import count_hit, is_throttled, throttle_key
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.text import normalise, without_spaces

ISSUER = "钱塘巢"
_STEP_SECONDS = 30


def begin_second_factor(*, user: User) -> str:
    """The secret to set up with, the same until it is confirmed; base32, 160 bit."""
    if user.totp_secret is None:
        user.totp_secret = pyotp.random_base32()
    secret: str = user.totp_secret
    return secret


def setup_address(*, user: User) -> str:
    """The ``otpauth://`` address for the QR code; names the person, holds no phone number."""
    return str(pyotp.TOTP(user.totp_secret).provisioning_uri(name=user.name, issuer_name=ISSUER))


def pass_second_factor(
    *, user: User, session: UserSession, code: str, address: str, now: datetime, actor: Actor
) -> str:
    """Take the code; returns the session's new token. Confirms the set-up if it was the first.

    Raises InvalidValue, always with the same sentence.
    """
    limits = (
        (throttle_key("totp", str(user.id), address), 5, 300),
        (throttle_key("totp-hour", str(user.id)), 20, 3600),
    )
    shut = any(
        is_throttled(key=key, limit=limit, window_seconds=seconds, now=now) for key, limit, seconds in limits
    )
    step = _matching_step(user, without_spaces(normalise(code)), now)
    if shut or step is None or not _spend(user, step):
        for key, _limit, seconds in limits:
            count_hit(key=key, window_seconds=seconds, now=now)
        raise InvalidValue(_("动态码不对，或者刚用过、试得太多次。等换了下一个码再填，试多了请过 5 分钟。"))
    if not user.totp_confirmed:
        user.totp_confirmed = True
        audit.record(
            actor=actor, action="accounts.set_up_second_factor", entity="app_user", entity_id=user.id
        )
    session.second_factor_at = now
    audit.record(actor=actor, action="accounts.pass_second_factor", entity="app_user", entity_id=user.id)
    return renew_token(session=session)


def reset_second_factor(*, user: User, reason: str, actor: Actor) -> None:
    """For someone who lost the device: the next sign-in sets up a new one. Raises InvalidValue."""
    if user.id == actor.user_id:
        raise InvalidValue(_("不能重置自己的动态码，请另一位安全管理员来办。"))
    if not reason.strip():
        raise InvalidValue(_("请写明怎么核实的本人，为什么重置。"))
    user.totp_secret, user.totp_confirmed, user.totp_last_step = None, False, 0
    end_sessions(user_id=user.id)
    audit.record(
        actor=actor,
        action="accounts.reset_second_factor",
        entity="app_user",
        entity_id=user.id,
        changes={"reason": reason.strip()},
    )


def _matching_step(user: User, code: str, now: datetime) -> int | None:
    """The step the code belongs to: this one, or one before or after for slow hands and clocks."""
    if user.totp_secret is None:
        return None
    totp = pyotp.TOTP(user.totp_secret)
    this_step = int(now.timestamp()) // _STEP_SECONDS
    found = None
    for step in (this_step - 1, this_step, this_step + 1):
        if hmac.compare_digest(totp.at(step * _STEP_SECONDS), code.encode("ascii", "replace").decode()):
            found = step
    return found


def _spend(user: User, step: int) -> bool:
    """Mark the step as used; False if it, or a later one, already was (two requests at once included)."""
    spent = db.session.execute(
        update(User)
        .where(User.id == user.id, User.totp_last_step < step)
        .values(totp_last_step=step)
        .returning(User.id)
        .execution_options(synchronize_session="fetch")
    ).scalar_one_or_none()
    return spent is not None
