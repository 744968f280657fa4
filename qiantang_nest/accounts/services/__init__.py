"""Writes on people, roles, sessions, codes and throttles, split by use case."""

from qiantang_nest.accounts.services.codes import drop_old_codes, send_code, use_code
from qiantang_nest.accounts.services.members import invite_member, remove_member
from qiantang_nest.accounts.services.people import (
    become_villager,
    change_own_details,
    change_phone,
    create_user,
    disable_user,
    enable_user,
    grant_office_role,
    grant_role,
    revoke_role,
)
from qiantang_nest.accounts.services.second_factor import (
    begin_second_factor,
    pass_second_factor,
    reset_second_factor,
    setup_address,
)
from qiantang_nest.accounts.services.sessions import (
    SEEN_EVERY,
    SecondFactorNeeded,
    SessionTooOld,
    act_as,
    drop_old_sessions,
    end_session,
    end_sessions,
    needs_second_factor,
    start_session,
    touch_session,
)
from qiantang_nest.accounts.services.sign_in import VISITOR, set_password, sign_in_with_password
from qiantang_nest.accounts.services.throttles import (
    count_hit,
    drop_old_throttles,
    hits_of,
    is_throttled,
    throttle,
    throttle_key,
)

__all__ = [
    "SEEN_EVERY",
    "VISITOR",
    "SecondFactorNeeded",
    "SessionTooOld",
    "act_as",
    "become_villager",
    "begin_second_factor",
    "change_own_details",
    "change_phone",
    "count_hit",
    "create_user",
    "disable_user",
    "drop_old_codes",
    "drop_old_sessions",
    "drop_old_throttles",
    "enable_user",
    "end_session",
    "end_sessions",
    "grant_office_role",
    "grant_role",
    "hits_of",
    "invite_member",
    "is_throttled",
    "needs_second_factor",
    "pass_second_factor",
    "remove_member",
    "reset_second_factor",
    "revoke_role",
    "send_code",
    "set_password",
    "setup_address",
    "sign_in_with_password",
    "start_session",
    "throttle",
    "throttle_key",
    "touch_session",
    "use_code",
]
