"""What each state looks like on a page: colour, sign and word, never colour alone.

A page names a state as ``family.state``; the word given here is used unless the page passes a better one
(晚了 3 天 rather than 晚了). Brick means late, failed or destroying; gold waits for a hand; indigo is in
other hands; river and grey are normal.
"""

from dataclasses import dataclass

from flask_babel import LazyString

from qiantang_nest.core.i18n import _l


@dataclass(frozen=True)
class Chip:
    """``sign`` is a name in the icon sprite, ``look`` the suffix of a ``chip-*`` class."""

    sign: str
    look: str
    label: LazyString


CHIPS: dict[str, Chip] = {
    # rooms
    "room.idle": Chip("circle", "outline", _l("空闲")),
    "room.held": Chip("clock", "dashed", _l("锁定")),
    "room.leased": Chip("diamond", "hatch", _l("已租待住")),
    "room.occupied": Chip("user", "edge", _l("住着")),
    "room.closed": Chip("wrench", "grey", _l("停用")),
    "room.unlisted": Chip("minus", "plain", _l("未上架")),
    "room.conflict": Chip("triangle-alert", "gold", _l("到期没退房")),
    # flags on a room
    "flag.arrears": Chip("circle-yen", "brick-outline", _l("欠租")),
    "flag.registration": Chip("id-card", "rice", _l("待登记")),
    "flag.hazard": Chip("triangle-alert", "brick-outline", _l("隐患")),
    "flag.beds": Chip("bed-single", "outline", _l("空床")),
    "flag.leaving": Chip("arrow-right", "plain", _l("7 天内退房")),
    "flag.long_idle": Chip("flag", "rice", _l("空了很久")),
    "flag.note": Chip("message-square", "plain", _l("记事")),
    # bills
    "bill.draft": Chip("clock", "plain", _l("待出账")),
    "bill.due": Chip("clock", "dashed", _l("等付款")),
    "bill.part_paid": Chip("circle-yen", "gold", _l("付了一部分")),
    "bill.paid": Chip("check", "leaf", _l("已到账")),
    "bill.overdue": Chip("triangle-alert", "brick", _l("晚了")),
    "bill.voided": Chip("x", "grey", _l("已作废")),
    "bill.credited": Chip("x", "grey", _l("已红冲")),
    # payments
    "payment.claimed": Chip("clock", "indigo", _l("等收款人确认")),
    "payment.confirmed": Chip("check", "leaf", _l("已到账")),
    "payment.rejected": Chip("triangle-alert", "brick", _l("收款人说没到")),
    "payment.reversed": Chip("undo-2", "grey", _l("已冲回")),
    # listings
    "listing.draft": Chip("pencil", "plain", _l("还没交")),
    "listing.incomplete": Chip("camera", "gold", _l("还差材料")),
    "listing.in_review": Chip("clock", "indigo", _l("审核中")),
    "listing.approved": Chip("check", "leaf", _l("可以上架")),
    "listing.listed": Chip("check", "leaf", _l("已上架")),
    "listing.direct": Chip("check", "outline", _l("可直接订")),
    "listing.returned": Chip("arrow-left", "brick", _l("退回修改")),
    "listing.delisted": Chip("ban", "grey", _l("已下架")),
    # holds
    "hold.silent": Chip("triangle-alert", "brick", _l("过了时限")),
    "hold.waiting": Chip("clock", "dashed", _l("等户主答复")),
    "hold.offered": Chip("flag", "gold", _l("候补到了")),
    "hold.active": Chip("lock", "dashed", _l("锁定中")),
    "hold.accepted": Chip("check", "leaf", _l("户主答应了")),
    "hold.declined": Chip("arrow-left", "brick", _l("户主不租")),
    "hold.replaced": Chip("refresh-cw", "indigo", _l("已换房")),
    "hold.expired": Chip("x", "grey", _l("到时放开了")),
    "hold.released": Chip("lock-open", "grey", _l("已放开")),
    "hold.booked": Chip("check", "leaf", _l("已预订")),
    # bookings
    "booking.signing": Chip("pencil", "dashed", _l("等签约")),
    "booking.confirmed": Chip("check", "leaf", _l("已预订")),
    "booking.cancelled": Chip("x", "grey", _l("已取消")),
    "booking.ended": Chip("minus", "plain", _l("已结束")),
    # leases
    "lease.draft": Chip("pencil", "plain", _l("起草中")),
    "lease.signing": Chip("pencil", "dashed", _l("等签字")),
    "lease.half_signed": Chip("pencil", "indigo", _l("等对方签字")),
    "lease.cancelled": Chip("x", "grey", _l("已取消")),
    "lease.lapsed": Chip("x", "grey", _l("到时没签")),
    "lease.signed": Chip("diamond", "hatch", _l("已签，没到期初")),
    "lease.active": Chip("check", "edge", _l("租着")),
    "lease.ending": Chip("clock", "gold", _l("快到期")),
    "lease.ended": Chip("minus", "plain", _l("已到期")),
    "lease.terminated": Chip("x", "grey", _l("提前解约")),
    "lease.filed": Chip("file-check", "leaf", _l("已备案")),
    "lease.unfiled": Chip("file-text", "gold", _l("待备案")),
    # changes of leases
    "change.asked": Chip("clock", "dashed", _l("等答复")),
    "change.done": Chip("check", "leaf", _l("改好了")),
    "change.refused": Chip("arrow-left", "brick", _l("对方不同意")),
    "change.withdrawn": Chip("undo-2", "grey", _l("撤回了")),
    # registrations
    "registration.due": Chip("id-card", "gold", _l("待登记")),
    "registration.done": Chip("check", "leaf", _l("已登记")),
    "registration.overdue": Chip("triangle-alert", "brick", _l("登记超期")),
    # safety findings, repairs and complaints
    "hazard.open": Chip("flag", "gold", _l("待整改")),
    "hazard.major": Chip("triangle-alert", "brick", _l("重大隐患")),
    "hazard.assigned": Chip("wrench", "indigo", _l("已派工")),
    "hazard.fixed": Chip("check", "leaf", _l("办好了")),
    "hazard.overdue": Chip("triangle-alert", "brick", _l("超期")),
    "ticket.open": Chip("flag", "gold", _l("待派工")),
    "ticket.assigned": Chip("wrench", "indigo", _l("已派工")),
    "ticket.done": Chip("check", "leaf", _l("办好了")),
    "ticket.overdue": Chip("triangle-alert", "brick", _l("超期")),
    # companies and people
    "enterprise.pending": Chip("clock", "indigo", _l("核验中")),
    "enterprise.verified": Chip("check", "leaf", _l("已核验")),
    "enterprise.returned": Chip("arrow-left", "brick", _l("退回修改")),
    "enterprise.suspended": Chip("ban", "grey", _l("已停用")),
    "person.active": Chip("check", "leaf", _l("在用")),
    "person.pending": Chip("clock", "gold", _l("待认领")),
    "person.blocked": Chip("ban", "grey", _l("已停用")),
    # demands
    "demand.open": Chip("search", "gold", _l("在找房")),
    "demand.held": Chip("lock", "dashed", _l("已锁定")),
    "demand.met": Chip("check", "leaf", _l("够了")),
    "demand.short": Chip("flag", "gold", _l("还差")),
    "demand.over": Chip("minus", "plain", _l("日子过了")),
    "demand.closed": Chip("minus", "plain", _l("已关闭")),
    # anything else
    "state.todo": Chip("flag", "gold", _l("要办")),
    "state.waiting": Chip("clock", "dashed", _l("等着")),
    "state.doing": Chip("clock", "indigo", _l("正在办")),
    "state.done": Chip("check", "leaf", _l("办好了")),
    "state.bad": Chip("triangle-alert", "brick", _l("没办成")),
    "state.late": Chip("triangle-alert", "brick", _l("超期")),
    "state.off": Chip("minus", "plain", _l("没有")),
    "state.closed": Chip("x", "grey", _l("已关闭")),
    "state.best": Chip("star", "river", _l("最好")),
    "state.note": Chip("info", "river", _l("说明")),
}
