"""Writes on people, roles, sessions, codes and throttles, split by use case."""

from qiantang_nest.accounts.services.codes import drop_old_codes, send_code, use_code
from qiantang_nest.accounts.services.people import (
    create_user,
    end_sessions,
    grant_role,
    revoke_role,
    start_session,
)
from qiantang_nest.accounts.services.throttles import (
    count_hit,
    drop_old_throttles,
    hits_of,
    is_throttled,
    throttle,
    throttle_key,
)

__all__ = [
    "count_hit",
    "create_user",
    "drop_old_codes",
    "drop_old_throttles",
    "end_sessions",
    "grant_role",
    "hits_of",
    "is_throttled",
    "revoke_role",
    "send_code",
    "start_session",
    "throttle",
    "throttle_key",
    "use_code",
]
