"""The one permission page: which role may do what. Which rows it may do it to is ``visible_to``."""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _, _l


class Role(StrEnum):
    """The roles of design §1; a person may hold several and acts in one at a time."""

    VILLAGER = "villager"
    EMPLOYER_MANAGER = "employer_manager"
    EMPLOYER_STAFF = "employer_staff"
    VILLAGE_CLERK = "village_clerk"
    STREET_OFFICER = "street_officer"
    DISTRICT_OFFICER = "district_officer"
    SYSTEM_ADMIN = "system_admin"
    SECURITY_ADMIN = "security_admin"
    AUDIT_ADMIN = "audit_admin"


ROLE_LABELS = {
    Role.VILLAGER: _l("村民"),
    Role.EMPLOYER_MANAGER: _l("企业负责人"),
    Role.EMPLOYER_STAFF: _l("企业经办"),
    Role.VILLAGE_CLERK: _l("村管理员"),
    Role.STREET_OFFICER: _l("街道"),
    Role.DISTRICT_OFFICER: _l("区"),
    Role.SYSTEM_ADMIN: _l("系统管理员"),
    Role.SECURITY_ADMIN: _l("安全管理员"),
    Role.AUDIT_ADMIN: _l("审计管理员"),
}

SECOND_FACTOR_ROLES = frozenset(
    {
        Role.VILLAGE_CLERK,
        Role.STREET_OFFICER,
        Role.DISTRICT_OFFICER,
        Role.SYSTEM_ADMIN,
        Role.SECURITY_ADMIN,
        Role.AUDIT_ADMIN,
    }
)
"""Roles that must pass a time-based one-time code (等保 2.0 level 3, 8.1.4.1)."""

ADMIN_ROLES = (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN)
"""Three separate powers: nobody holds two of them."""
GRANTED_ROLES = (Role.VILLAGE_CLERK, Role.STREET_OFFICER, Role.DISTRICT_OFFICER, *ADMIN_ROLES)
"""What a security administrator gives; villagers and employers get theirs by signing up or invitation."""
EMPLOYER_ROLES = (Role.EMPLOYER_MANAGER, Role.EMPLOYER_STAFF)

_SCOPES = {
    Role.VILLAGE_CLERK: re.compile(r"330114[0-9]{6}"),
    Role.STREET_OFFICER: re.compile(r"330114[0-9]{3}"),
    Role.DISTRICT_OFFICER: re.compile(r"330114"),
    Role.VILLAGER: re.compile(r"[1-9][0-9]*"),
    Role.EMPLOYER_MANAGER: re.compile(r"[1-9][0-9]*"),
    Role.EMPLOYER_STAFF: re.compile(r"[1-9][0-9]*"),
}
_SCOPE_WORDS = {
    Role.VILLAGE_CLERK: _l("村管理员要选一个村。"),
    Role.STREET_OFFICER: _l("街道的角色要选一个街道。"),
    Role.DISTRICT_OFFICER: _l("区的角色请选全区。"),
}


def check_scope(role: Role, scope: str) -> str:
    """The scope if it has the shape that the role needs (``Actor.scope``); raises InvalidValue."""
    pattern = _SCOPES.get(role)
    if pattern is None:
        if scope:
            raise InvalidValue(_("管理员不分地方，地方请留空。"))
    elif not pattern.fullmatch(scope):
        raise InvalidValue(str(_SCOPE_WORDS.get(role, _l("这个角色的范围不对。"))))
    return scope


@dataclass(frozen=True)
class SessionLimits:
    """How long a session lives without a click, and at most."""

    idle: timedelta
    absolute: timedelta


_OFFICE_LIMITS = SessionLimits(timedelta(minutes=30), timedelta(hours=12))
_EMPLOYER_LIMITS = SessionLimits(timedelta(hours=3), timedelta(hours=12))
_VILLAGER_LIMITS = SessionLimits(timedelta(days=30), timedelta(days=30))


def session_limits(role: str | None) -> SessionLimits:
    """By acting role; offices' strict ones while no role is taken on yet."""
    if role == Role.VILLAGER:
        return _VILLAGER_LIMITS
    return _EMPLOYER_LIMITS if role in EMPLOYER_ROLES else _OFFICE_LIMITS


SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 128
_COMMON = (
    "password",
    "qwerty",
    "123456",
    "111111",
    "000000",
    "abcdef",
    "iloveyou",
    "woaini",
    "admin",
    "qiantang",
)


def check_password(password: str, *, phone: str | None) -> str:
    """The password if it is long enough and not among the first guesses; raises InvalidValue.

    No rule of composition: length protects (NIST SP 800-63B 5.1.1.2).
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidValue(
            _(
                "密码要 %(low)s 到 %(high)s 位，几个不相干的词连起来最好记。",
                low=SHORTEST_PASSWORD,
                high=LONGEST_PASSWORD,
            )
        )
    lowered = password.lower()
    rest = lowered
    for word in _COMMON:
        rest = rest.replace(word, "")
    if (
        len(rest) < 5
        or len(set(lowered)) < 5
        or lowered in "01234567890123456789"
        or (phone and phone in password)
    ):
        raise InvalidValue(_("这个密码太容易猜，请换一个，不要用手机号、连着的数字或常见的词。"))
    return password


class CodePurpose(StrEnum):
    """What a code sent by SMS is good for; a code for one never opens another."""

    SIGN_IN = "sign_in"
    """Signing in, and signing up when the phone is not known yet."""
    SIGN_LEASE = "sign_lease"
    SET_PASSWORD = "set_password"  # noqa: S105
    CHANGE_PHONE = "change_phone"


class Permission(StrEnum):
    """Verbs. ``<package>.<verb>``; reading and writing are apart."""

    # housing
    HOUSE_LIST_OWN = "housing.list_own"
    """List and edit the actor's own houses and rooms."""
    HOUSE_READ = "housing.read"
    OWNER_READ = "housing.read_owner"
    """Who lives there: more than the house, so not for the district."""
    HOUSE_MANAGE = "housing.manage"
    """Keep the houses of a village: households, houses, rooms, documents, proxy work, Excel import."""
    LISTING_DECIDE = "housing.decide_listing"
    SAFETY_RECORD = "housing.record_safety"
    """Record inspections, hazards and danger."""
    CAPACITY_SET = "housing.set_capacity"
    OWNER_REVEAL = "housing.reveal_owner"
    # enterprises
    ENTERPRISE_READ = "enterprises.read"
    ENTERPRISE_MANAGE = "enterprises.manage"
    ENTERPRISE_VERIFY = "enterprises.verify"
    OWN_WORKER_REVEAL = "enterprises.reveal_worker"
    """Open the identity of somebody on the own list; offices open it at the stay."""
    # bookings
    HOLD = "bookings.hold"
    HOLD_ANSWER = "bookings.answer"
    BOOKING_CONFIRM = "bookings.confirm"
    DEMAND_READ = "bookings.read_demands"
    BOOKING_RULE_SET = "bookings.set_times"
    """Set the district's hours for holds, answers and offers."""
    DEMAND_SIGNAL_READ = "bookings.read_demand_signal"
    """What is wanted and unmet by street and month, without who wants it."""
    FAIRNESS_SET = "bookings.set_fairness"
    # occupancy
    LEASE_READ = "occupancy.read_lease"
    LEASE_SIGN = "occupancy.sign_lease"
    LEASE_FILE = "occupancy.file_lease"
    LEASE_CHANGE = "occupancy.change_lease"
    """Ask for changes of a signed lease, and answer what the other side asks."""
    LEASE_TRANSFER = "occupancy.transfer_lease"
    """Give a lease to another firm, or take one over."""
    HAND_OVER = "occupancy.hand_over"
    """Write and confirm the handover sheets of let rooms."""
    STAY_READ = "occupancy.read_stays"
    STAY_MANAGE = "occupancy.manage_stays"
    ROSTER_KEEP = "occupancy.keep_roster"
    """Keep an enterprise's workers and give out its beds."""
    WORKER_REVEAL = "occupancy.reveal_worker"
    REGISTRATION_RECORD = "occupancy.record_registration"
    ROOM_CLOSE = "occupancy.close_room"
    # billing
    BILL_READ = "billing.read"
    STATEMENT_READ = "billing.read_statement"
    """An employer's consolidated month."""
    RENT_READ = "billing.read_own_rent"
    """A villager's own rent page."""
    VILLAGE_BILLS_READ = "billing.read_village_bills"
    PAYMENT_RECORD = "billing.record_payment"
    PAYMENT_CONFIRM = "billing.confirm_payment"
    ARREARS_READ = "billing.read_arrears"
    DEPOSIT_READ = "billing.read_deposit"
    DEPOSIT_CLAIM = "billing.claim_deposit"
    """For the household: say what is kept of a deposit, record what went back."""
    DEPOSIT_REPLY = "billing.reply_deposit"
    """For the employer: answer what the household wants to keep."""
    DEPOSIT_DECIDE = "billing.decide_deposit"
    """Settle a dispute about it."""
    # reports and geography
    OCCUPANCY_READ = "reports.read_occupancy"
    OCCUPANCY_EXPORT = "reports.export_occupancy"
    INCOME_SPREAD_READ = "reports.read_income_spread"
    """How rent spreads over households, by village and without names."""
    VILLAGE_PLACE = "geography.place_village"
    COMMUTE_SET = "geography.set_commute"
    # accounts
    MEMBERS_MANAGE = "accounts.manage_members"
    """Invite and remove colleagues of one's own enterprise."""
    ACCOUNTS_CREATE = "accounts.create"
    ROLES_GRANT = "accounts.grant_roles"
    SECURITY_READ = "accounts.read_security"
    AUDIT_READ = "accounts.read_audit"


P = Permission

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VILLAGER: frozenset(
        {
            P.HOUSE_LIST_OWN,
            P.HOUSE_READ,
            P.OWNER_READ,
            P.HOLD_ANSWER,
            P.LEASE_READ,
            P.HAND_OVER,
            P.LEASE_SIGN,
            P.LEASE_CHANGE,
            P.STAY_READ,
            P.ROOM_CLOSE,
            P.BILL_READ,
            P.DEPOSIT_READ,
            P.DEPOSIT_CLAIM,
            P.RENT_READ,
            P.PAYMENT_RECORD,
            P.PAYMENT_CONFIRM,
            P.OCCUPANCY_READ,
        }
    ),
    Role.EMPLOYER_MANAGER: frozenset(
        {
            P.DEMAND_READ,
            P.ENTERPRISE_READ,
            P.ENTERPRISE_MANAGE,
            P.HOLD,
            P.BOOKING_CONFIRM,
            P.LEASE_READ,
            P.HAND_OVER,
            P.LEASE_SIGN,
            P.LEASE_CHANGE,
            P.LEASE_TRANSFER,
            P.STAY_READ,
            P.ROSTER_KEEP,
            P.STAY_MANAGE,
            P.WORKER_REVEAL,
            P.OWN_WORKER_REVEAL,
            P.BILL_READ,
            P.DEPOSIT_READ,
            P.DEPOSIT_REPLY,
            P.STATEMENT_READ,
            P.PAYMENT_RECORD,
            P.OCCUPANCY_READ,
            P.MEMBERS_MANAGE,
        }
    ),
    Role.EMPLOYER_STAFF: frozenset(
        {
            P.DEMAND_READ,
            P.ENTERPRISE_READ,
            P.HOLD,
            P.LEASE_READ,
            P.HAND_OVER,
            P.STAY_READ,
            P.ROSTER_KEEP,
            P.STAY_MANAGE,
            P.BILL_READ,
            P.DEPOSIT_READ,
            P.STATEMENT_READ,
            P.OCCUPANCY_READ,
        }
    ),
    Role.VILLAGE_CLERK: frozenset(
        {
            P.HOUSE_READ,
            P.OWNER_READ,
            P.HOUSE_MANAGE,
            P.LISTING_DECIDE,
            P.SAFETY_RECORD,
            P.OWNER_REVEAL,
            P.ENTERPRISE_READ,
            P.HOLD_ANSWER,
            P.LEASE_READ,
            P.HAND_OVER,
            P.LEASE_SIGN,
            P.LEASE_CHANGE,
            P.LEASE_FILE,
            P.STAY_READ,
            P.STAY_MANAGE,
            P.WORKER_REVEAL,
            P.REGISTRATION_RECORD,
            P.ROOM_CLOSE,
            P.BILL_READ,
            P.DEPOSIT_READ,
            P.DEPOSIT_CLAIM,
            P.DEPOSIT_DECIDE,
            P.VILLAGE_BILLS_READ,
            P.PAYMENT_RECORD,
            P.PAYMENT_CONFIRM,
            P.ARREARS_READ,
            P.OCCUPANCY_READ,
            P.OCCUPANCY_EXPORT,
            P.VILLAGE_PLACE,
        }
    ),
    Role.STREET_OFFICER: frozenset(
        {
            P.DEMAND_READ,
            P.DEMAND_SIGNAL_READ,
            P.HOUSE_READ,
            P.OWNER_READ,
            P.SAFETY_RECORD,
            P.ENTERPRISE_READ,
            P.ENTERPRISE_VERIFY,
            P.LEASE_READ,
            P.STAY_READ,
            P.WORKER_REVEAL,
            P.ARREARS_READ,
            P.OCCUPANCY_READ,
            P.OCCUPANCY_EXPORT,
            P.INCOME_SPREAD_READ,
            P.VILLAGE_PLACE,
        }
    ),
    Role.DISTRICT_OFFICER: frozenset(
        {
            P.DEMAND_READ,
            P.DEMAND_SIGNAL_READ,
            P.FAIRNESS_SET,
            P.HOUSE_READ,
            P.ENTERPRISE_READ,
            P.CAPACITY_SET,
            P.BOOKING_RULE_SET,
            P.COMMUTE_SET,
            P.ARREARS_READ,
            P.OCCUPANCY_READ,
            P.OCCUPANCY_EXPORT,
            P.INCOME_SPREAD_READ,
        }
    ),
    Role.SYSTEM_ADMIN: frozenset({P.ACCOUNTS_CREATE}),
    Role.SECURITY_ADMIN: frozenset({P.ROLES_GRANT, P.SECURITY_READ}),
    Role.AUDIT_ADMIN: frozenset({P.AUDIT_READ, P.SECURITY_READ}),
}


def may(role: str, permission: str) -> bool:
    """Whether a role holds a permission; unknown roles hold none."""
    return role in ROLE_PERMISSIONS and permission in ROLE_PERMISSIONS[Role(role)]
