"""What each kind of message says, and how long a failed sending waits.

A message is stored as its kind and parameters; the sentence is made when it is shown, in the reader's
language. Parameters ending in ``_fen`` are sums, those ending in ``_on`` dates as ``2026-11-30``.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from qiantang_nest.core.i18n import _, _l
from qiantang_nest.core.money import format_yuan

MESSAGES = {
    "accounts.many_failures": _l("有人多次用错密码登录您的账号。不是您的话，请改一个密码。"),
    "accounts.role_granted": _l("您有了新的身份：%(role)s。重新登录后可以选它。"),
    "enterprises.submitted": _l("%(name)s 交来了企业资料，等您核验。"),
    "enterprises.verified": _l("%(name)s 已通过核验，可以订房了。"),
    "bookings.answer_wanted": _l("%(enterprise)s 想租您 %(rooms)s 间房，每月 %(rent_fen)s 元，等您答复。"),
    "bookings.held_directly": _l(
        "%(enterprise)s 订了您 %(rooms)s 间房，每月 %(rent_fen)s 元，等企业来签合同。"
    ),
    "bookings.answer_due": _l("%(enterprise)s 想租您 %(rooms)s 间房，快到答复时限了，请看一下。"),
    "bookings.owner_silent": _l(
        "%(owner)s还没有答复 %(enterprise)s（%(rooms)s 间房），请联系户主，或者替他答复。"
    ),
    "bookings.hold_ends_soon": _l("锁定的 %(rooms)s 间房快到时了，请在到时以前预订，或者延长一次。"),
    "bookings.hold_lengthened": _l("%(enterprise)s 多留您的房 %(hours)s 小时：%(reason)s"),
    "bookings.rooms_offered": _l("候补的房有了：%(rooms)s 间 %(beds)s 张床，留到 %(until)s，请看看要不要。"),
    "bookings.hold_released": _l("%(enterprise)s 不租您的房了，您不用再答复。"),
    "bookings.rooms_refused": _l(
        "有户主不租 %(rooms)s 间房：换好了 %(replaced)s 间，去掉了 %(dropped)s 间。请看一下。"
    ),
    "bookings.all_answered": _l("户主都答复了，%(rooms)s 间房可以预订。请在锁定到时以前预订。"),
    "bookings.lease_to_sign": _l(
        "%(enterprise)s 订了您 %(rooms)s 间房，合同 %(number)s 等您签字，最晚 %(last_on)s 签。"
    ),
    "bookings.lease_signed": _l("合同 %(number)s 两边都签好了。"),
    "bookings.lease_half_signed": _l("合同 %(number)s 对方签好了，等您这边签字，最晚 %(last_on)s 签。"),
    "bookings.lease_withdrawn": _l(
        "%(enterprise)s 撤回了合同 %(number)s，不租您的 %(rooms)s 间房了：%(reason)s。您不用再签字。"
    ),
    "bookings.lease_declined": _l("户主不签合同 %(number)s 了，%(rooms)s 间房放开了：%(reason)s。"),
    "bookings.lease_cancelled": _l("合同 %(number)s 取消了，%(rooms)s 间房放开了：%(reason)s。"),
    "bookings.house_dangerous": _l(
        "%(village)s 有一座房子被鉴定为危房，贵司锁定的 %(held)s 间已经放开，"
        "租着的 %(leased)s 间请尽快安排搬出。"
    ),
    "bookings.change_asked": _l("合同 %(number)s 对方提出了变更，等您答复。"),
    "bookings.take_asked": _l("%(name)s 想把合同 %(number)s 转给贵司，等您答应。"),
    "bookings.change_done": _l("合同 %(number)s 的变更办好了，账单也跟着改了，请看一下。"),
    "bookings.room_given_notice": _l(
        "合同 %(number)s 有一间 %(day)s 起不租了，对方按合同提前说的；新房签好才算数。"
    ),
    "bookings.relocation_agreed": _l("合同 %(number)s 的户主答应放那间房了，新合同两边签好就换。"),
    "bookings.change_refused": _l("合同 %(number)s 的变更对方没有同意：%(reason)s"),
    "enterprises.returned": _l("%(name)s 的资料被退回：%(reason)s。改好再交一次就行。"),
    "housing.listing_approved": _l("%(house)s的 %(room)s 房可以出租了，已经上架。"),
    "housing.listing_returned": _l("%(house)s的 %(room)s 房还要补一下：%(reason)s。"),
    "housing.listing_waits": _l("%(owner)s交来一间房等您看：%(house)s %(room)s。"),
    "housing.help_wanted": _l("%(owner)s上架 %(house)s 时想请村里帮忙。"),
    "housing.link_wanted": _l("%(name)s 说自己是村里的房东，等您核对是哪一户。"),
    "housing.household_linked": _l("村里已经把 %(number)s 户绑定给您，现在就可以登记空房。"),
    "housing.household_refused": _l("村里没有对上您是哪一户：%(reason)s。改好再交一次就行。"),
    "billing.payment_claimed": _l("%(name)s 说 %(paid_on)s 付了您 %(amount_fen)s 元，请看看到没到。"),
    "billing.payment_confirmed": _l("%(name)s 确认收到您付的 %(amount_fen)s 元，收据 %(receipt)s。"),
    "billing.payment_rejected": _l("%(name)s 说没收到您登记的 %(amount_fen)s 元：%(reason)s"),
}
"""kind → sentence; ``<package>.<what happened>``."""

MOST_ATTEMPTS = 8
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(hours=1)


def message_text(kind: str, params: Mapping[str, Any]) -> str:
    """The sentence of a message. Raises KeyError for an unknown kind or a missing parameter."""
    return str(MESSAGES[kind]) % {name: _shown(name, value) for name, value in params.items()}


def shown_text(kind: str, params: Mapping[str, Any]) -> str:
    """The sentence for a page; a message of a kind that is no longer known still shows."""
    try:
        return message_text(kind, params)
    except KeyError:
        return str(_("有一条旧通知，内容已经看不到了。"))


def _shown(name: str, value: Any) -> str:
    return format_yuan(value) if name.endswith("_fen") else str(value)


def wait_after(attempts: int) -> timedelta:
    """How long to wait after the ``attempts``-th failure: doubling from 30 s, at most an hour."""
    doublings = min(attempts - 1, 10)
    return min(_FIRST_WAIT * (1 << doublings), _LONGEST_WAIT)
