"""What each role finds in its bar, in the order of use."""

from dataclasses import dataclass

from flask import Flask, request, url_for

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.i18n import _l
from qiantang_nest.core.web import actor_or_none


@dataclass(frozen=True)
class Item:
    """One link of the bar."""

    label: str
    url: str
    icon: str
    active: bool
    count: int = 0


_EMPLOYER = [
    ("reports.home", _l("首页"), "home"),
    ("bookings.search", _l("找房"), "search"),
    ("bookings.demands", _l("需求与方案"), "megaphone"),
    ("bookings.holds", _l("锁定与预订"), "clock"),
    ("occupancy.leases", _l("租约"), "file-text"),
    ("occupancy.stays", _l("员工住宿"), "bed"),
    ("billing.statement", _l("月账单"), "receipt"),
    ("enterprises.mine", _l("企业资料"), "factory"),
]

NAVIGATION = {
    Role.VILLAGER: [
        ("reports.home", _l("要办"), "flag"),
        ("housing.my_rooms", _l("我的房"), "house"),
        ("billing.my_rent", _l("租金"), "yen"),
        ("reports.my_village", _l("找村里"), "phone"),
    ],
    Role.EMPLOYER_MANAGER: [*_EMPLOYER, ("accounts.members", _l("同事"), "users")],
    Role.EMPLOYER_STAFF: _EMPLOYER,
    Role.VILLAGE_CLERK: [
        ("reports.home", _l("今天要办"), "flag"),
        ("reports.board", _l("房态图"), "calendar"),
        ("housing.houses", _l("房源"), "house"),
        ("housing.listings_waiting", _l("上架审核"), "check"),
        ("bookings.answers", _l("代为答复"), "clock"),
        ("occupancy.leases", _l("租约"), "file-text"),
        ("occupancy.stays", _l("入住"), "bed"),
        ("occupancy.registrations", _l("登记"), "card"),
        ("billing.village_bills", _l("收租"), "receipt"),
        ("reports.occupancy", _l("入住统计"), "chart"),
    ],
    Role.STREET_OFFICER: [
        ("reports.occupancy", _l("入住统计"), "chart"),
        ("housing.houses", _l("房源"), "house"),
        ("housing.hazards", _l("隐患"), "warning"),
        ("enterprises.to_verify", _l("企业审核"), "factory"),
        ("bookings.demands", _l("用房需求"), "search"),
        ("occupancy.registrations", _l("登记"), "card"),
        ("billing.arrears", _l("欠租"), "receipt"),
    ],
    Role.DISTRICT_OFFICER: [
        ("reports.occupancy", _l("入住统计"), "chart"),
        ("housing.houses", _l("房源"), "house"),
        ("enterprises.index", _l("企业"), "factory"),
        ("bookings.demands", _l("用房需求"), "search"),
        ("billing.arrears", _l("欠租"), "receipt"),
        ("reports.income_spread", _l("租金分布"), "chart"),
        ("housing.capacity", _l("人数标准"), "users"),
        ("bookings.times", _l("锁定时限"), "clock"),
        ("bookings.fairness", _l("照顾标准"), "users"),
        ("geography.commute", _l("路程标准"), "bike"),
    ],
    Role.SYSTEM_ADMIN: [("accounts.users", _l("账号"), "users")],
    Role.SECURITY_ADMIN: [
        ("accounts.roles", _l("角色"), "users"),
        ("accounts.security_events", _l("安全日志"), "file-text"),
    ],
    Role.AUDIT_ADMIN: [("accounts.audit_log", _l("审计日志"), "file-text")],
}
"""role → (endpoint, label, icon of the sprite)."""

VISITOR = [
    ("reports.home", _l("首页"), "home"),
    ("bookings.search", _l("找房"), "search"),
    ("reports.village_phones", _l("各村电话"), "phone"),
    ("reports.about", _l("办事说明"), "info"),
]
FOOTER = [
    ("reports.about", _l("办事说明")),
    ("reports.village_phones", _l("各村电话")),
    ("reports.accessibility", _l("无障碍说明")),
    ("accounts.privacy", _l("隐私说明")),
]


def items(role: str | None) -> list[Item]:
    """A role's links, or a visitor's; the one of the present page marked."""
    here = request.endpoint or ""
    return [
        Item(str(label), url_for(endpoint), icon, active=here == endpoint)
        for endpoint, label, icon in (NAVIGATION[Role(role)] if role else VISITOR)
    ]


def register(app: Flask) -> None:
    """Offer the layouts ``nav`` (desk and public bar), ``phone_tabs``, the footer and the way home."""

    @app.context_processor
    def offer_navigation() -> dict[str, object]:
        who = actor_or_none()
        links = items(who.role if who else None)
        on_phone = who is not None and who.role == Role.VILLAGER
        home = url_for("reports.home")
        return {
            "nav": [] if on_phone else links,
            "phone_tabs": links if on_phone else [],
            "footer_links": [{"label": str(label), "url": url_for(endpoint)} for endpoint, label in FOOTER],
            "home_url": home,
            "public_home_url": home,
        }
