"""Phone and password. Whatever is wrong, the answer, the work and so the time are the same.

Failures are counted, successes are not (a factory's people share one address): 10 in 5 minutes per address,
10 in an hour and 20 in a day per account *and* address. So a stranger elsewhere cannot lock anybody out.
"""

from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from qiantang_nest.accounts import queries
from qiantang_nest.accounts.models import User
from qiantang_nest.accounts.rules import check_password
from qiantang_nest.accounts.services.sessions import end_sessions, network_of
from qiantang_nest.accounts.services.throttles import count_hit, hits_of, is_throttled, throttle_key
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.notifications.services import notify

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODYS_HASH = _hasher.hash("the password of nobody")

_MINUTES_5, _HOUR, _DAY = 300, 3600, 86400
_MANY_FAILURES = 20
"""From so many in a day, whatever the address, the person is told."""


def sign_in_with_password(*, phone: str, password: str, address: str, now: datetime) -> User | None:
    """The person, if phone and password fit, the account is open and the limits hold; else None.

    Counts the failure and writes its audit row; never says which of the reasons it was.
    """
    limits = (
        (throttle_key("password-hour", phone, address), 10, _HOUR),
        (throttle_key("password-day", phone, address), 20, _DAY),
        (throttle_key("password-address", address), 10, _MINUTES_5),
    )
    shut = [
        is_throttled(key=key, limit=limit, window_seconds=seconds, now=now) for key, limit, seconds in limits
    ]
    user = queries.user_by_phone(phone)
    stored = user.password_hash if user is not None and user.password_hash else None
    fits = _fits(stored or _NOBODYS_HASH, password)
    if user is not None and stored is not None and fits and not any(shut) and user.disabled_at is None:
        if _hasher.check_needs_rehash(stored):
            user.password_hash = _hasher.hash(password)
        return user
    for key, _limit, seconds in limits:
        count_hit(key=key, window_seconds=seconds, now=now)
    _note_failure(user, phone, address, any(shut), now)
    return None


def _note_failure(user: User | None, phone: str, address: str, shut: bool, now: datetime) -> None:
    everywhere = throttle_key("password-all", phone)
    count_hit(key=everywhere, window_seconds=_DAY, now=now)
    many = hits_of(key=everywhere) == _MANY_FAILURES
    audit.record(
        actor=VISITOR,
        action="accounts.sign_in_failed",
        entity="app_user",
        entity_id=user.id if user is not None else 0,
        changes={"network": network_of(address), "limit_reached": shut, "many": many},
    )
    if many and user is not None:
        notify(user_id=user.id, kind="accounts.many_failures", params={}, url="/account")


VISITOR = Actor(user_id=None, role="visitor", scope="")
"""Nobody yet."""


def set_password(*, user: User, password: str, keep_session_id: int | None, actor: Actor) -> None:
    """Keep a new password; every other session of the person ends. Raises InvalidValue."""
    user.password_hash = _hasher.hash(check_password(password, phone=user.phone))
    end_sessions(user_id=user.id, keep_id=keep_session_id)
    audit.record(actor=actor, action="accounts.set_password", entity="app_user", entity_id=user.id)


def _fits(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
