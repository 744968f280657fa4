"""One-time codes by SMS: six digits, five tries, five minutes, once, for one phone, purpose and subject."""

import hmac
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from qiantang_nest.accounts.models import SmsCode
from qiantang_nest.accounts.rules import CodePurpose
from qiantang_nest.accounts.services.throttles import throttle, throttle_key
from qiantang_nest.core.crypto import lookup_hash
from qiantang_nest.core.db import db, keep_if_refused
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.core.text import normalise, without_spaces
from qiantang_nest.notifications.services import send_sms

CODE_MINUTES = 5
CODE_TRIES = 5

_BODIES = {
    CodePurpose.SIGN_IN: _l("【钱塘巢】验证码 %(code)s，用来登录，5 分钟内有效。谁来问都不要告诉。"),
    CodePurpose.SIGN_LEASE: _l("【钱塘巢】签字码 %(code)s，填了就是您同意签这份租约，5 分钟内有效。"),
    CodePurpose.SET_PASSWORD: _l(
        "【钱塘巢】验证码 %(code)s，用来改登录密码，5 分钟内有效。谁来问都不要告诉。"
    ),
    CodePurpose.CHANGE_PHONE: _l("【钱塘巢】验证码 %(code)s，用来换手机号，5 分钟内有效。谁来问都不要告诉。"),
}

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_PER_PHONE = ((1, _MINUTE), (10, _DAY))
# Signatures are asked for by signed-in people who may have a whole block of leases before them.
_PER_PHONE_SIGNING = ((4, _MINUTE), (200, _DAY))
_PER_ADDRESS = (60, _HOUR)


def send_code(
    *, phone: str, purpose: CodePurpose | str, subject: str, now: datetime, address: str | None = None
) -> None:
    """Put a fresh code for a normalised mobile number into the outbox; earlier ones no longer open.

    ``subject`` is what the code is good for: the browser at sign-in, the document's SHA-256 for a signature.
    ``address`` is the caller's, for pages that anyone may call. Raises TooMany.
    """
    purpose = CodePurpose(purpose)
    signing = purpose is CodePurpose.SIGN_LEASE
    for limit, seconds in _PER_PHONE_SIGNING if signing else _PER_PHONE:
        key = throttle_key(f"sms{seconds}{'sign' if signing else ''}", phone)
        throttle(key=key, limit=limit, window_seconds=seconds, now=now)
    if address is not None:
        limit, seconds = _PER_ADDRESS
        throttle(key=throttle_key("sms-address", address), limit=limit, window_seconds=seconds, now=now)
    code = f"{secrets.randbelow(10**6):06d}"
    row = SmsCode(
        phone_hash=lookup_hash(phone, "phone"),
        purpose=purpose.value,
        subject=subject,
        code_hash=_code_hash(phone, purpose, subject, code),
        tries_left=CODE_TRIES,
        created_at=now,
        expires_at=now + timedelta(minutes=CODE_MINUTES),
    )
    db.session.add(row)
    db.session.flush()
    send_sms(
        key=f"code:{row.id}", to=phone, body=str(_BODIES[purpose]) % {"code": code}, useless_at=row.expires_at
    )


def use_code(*, phone: str, purpose: CodePurpose | str, subject: str, code: str, now: datetime) -> SmsCode:
    """Take the newest code of a phone, purpose and subject, once.

    Raises InvalidValue with the tries left; a wrong try counts although the refusal undoes the rest.
    """
    purpose = CodePurpose(purpose)
    row = db.session.execute(
        select(SmsCode)
        .where(
            SmsCode.phone_hash == lookup_hash(phone, "phone"),
            SmsCode.purpose == purpose.value,
            SmsCode.subject == subject,
        )
        .order_by(SmsCode.id.desc())
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if row is None or row.used_at is not None or row.expires_at <= now or row.tries_left <= 0:
        raise InvalidValue(_("这个验证码已经用不了了，请重新获取一个。"))
    typed = without_spaces(normalise(code))
    if not hmac.compare_digest(row.code_hash, _code_hash(phone, purpose, subject, typed)):
        tries_left = row.tries_left - 1
        keep_if_refused(
            update(SmsCode)
            .where(SmsCode.id == row.id, SmsCode.tries_left > 0)
            .values(tries_left=SmsCode.tries_left - 1)
            .execution_options(synchronize_session=False)
        )
        if tries_left == 0:
            raise InvalidValue(_("验证码不对，这个码已经作废，请重新获取一个。"))
        raise InvalidValue(_("验证码不对，还可以试 %(count)s 次。", count=tries_left))
    row.used_at = now
    db.session.flush()
    return row


def drop_old_codes(*, now: datetime) -> None:
    """Forget codes a day after they ended."""
    db.session.execute(delete(SmsCode).where(SmsCode.expires_at < now - timedelta(days=1)))


def _code_hash(phone: str, purpose: CodePurpose, subject: str, code: str) -> bytes:
    return lookup_hash(chr(31).join((phone, purpose.value, subject, code)), "sms_code")
