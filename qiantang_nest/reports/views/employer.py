"""An employer's home: what is held, to sign, to pay; how the beds are used."""

from dataclasses import dataclass

from flask import render_template, url_for

from qiantang_nest.accounts.rules import Permission, may
from qiantang_nest.billing.queries.bills import MoneyWork, money_work, month_sums
from qiantang_nest.bookings.models import Hold
from qiantang_nest.bookings.queries.holds import HoldSum, active_holds, hold_sums, open_demand
from qiantang_nest.core import clock
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.i18n import _
from qiantang_nest.core.templating import day, moment, money
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.enterprises.queries import enterprise_of
from qiantang_nest.occupancy.queries import stays
from qiantang_nest.occupancy.queries.beds import beds_today
from qiantang_nest.occupancy.queries.handovers import rooms_work
from qiantang_nest.occupancy.queries.leases import signatures_due
from qiantang_nest.occupancy.queries.stays import StayState
from qiantang_nest.occupancy.rules import last_day_to_sign
from qiantang_nest.reports.views.tasks import Todo


@dataclass(frozen=True)
class HeldRooms:
    """A hold that still counts, with its sums."""

    hold: Hold
    sums: HoldSum

    @property
    def answered(self) -> bool:
        """All have answered and something is left to book."""
        return self.sums.rooms > 0 and not self.sums.waiting


def employer_home(who: Actor) -> str:
    """Nine counting queries, however much there is."""
    today = clock.today()
    month = today.replace(day=1)
    enterprise = enterprise_of(who)
    found = active_holds(who, clock.now())
    sums = hold_sums([hold.id for hold in found])
    holds = [HeldRooms(hold, sums[hold.id]) for hold in found]
    beds = beds_today(who, today)
    people = stays.counts_by_state(who, today)
    to_pay = money_work(who, today)
    billed_fen, paid_fen = month_sums(who, month)
    demands, demanded_beds = open_demand(who, today)
    return render_template(
        "reports/employer_home.html",
        enterprise=enterprise,
        holds=holds,
        todos=_todos(who, enterprise, holds, to_pay, people[StayState.OVERSTAYED]),
        beds=beds,
        people=people,
        planned=StayState.PLANNED,
        to_pay=to_pay,
        month=month,
        billed_fen=billed_fen,
        left_fen=billed_fen - paid_fen,
        demands=demands,
        demanded_beds=demanded_beds,
        manages=may(who.role, Permission.ENTERPRISE_MANAGE),
        begun=bool(holds or beds.rooms or billed_fen or to_pay.open_bills),
        now=clock.now(),
    )


def _todos(
    who: Actor, enterprise: Enterprise, holds: list[HeldRooms], to_pay: MoneyWork, overstayed: int
) -> list[Todo]:
    found = []
    if enterprise.state == "returned" and may(who.role, Permission.ENTERPRISE_MANAGE):
        found.append(
            Todo(
                _("街道退回了企业资料"),
                enterprise.return_reason or "",
                url_for("enterprises.correct_enterprise"),
                _("改好，再交一次"),
            )
        )
    if may(who.role, Permission.BOOKING_CONFIRM):
        found += [
            Todo(
                _("户主都答复了，答应 %(rooms)s 间", rooms=one.sums.rooms),
                _("确认预订，就按户出合同"),
                url_for("bookings.hold", hold_id=one.hold.id),
                _("看一看，再预订"),
                by=_("锁到 %(when)s，过了就放开", when=moment(one.hold.expires_at)),
            )
            for one in holds
            if one.answered
        ]
    to_sign, sign_until = signatures_due(who, clock.now())
    if sign_until is not None:
        found.append(
            Todo(
                _("%(n)s 份合同等贵司签字", n=to_sign),
                _("两边都签了，租约才算数"),
                url_for("occupancy.leases", state="drafted"),
                _("去签 %(n)s 份合同", n=to_sign),
                by=_("最早的 %(day)s截止，过了房间就放开", day=day(last_day_to_sign(sign_until))),
            )
        )
    if to_pay.late_bills:
        found.append(
            Todo(
                _("%(n)s 张账单过了付款日", n=to_pay.late_bills),
                _("还差 %(sum)s，村里和街道看得到", sum=money(to_pay.late_fen)),
                url_for("billing.statement"),
                _("看账单，去付款"),
            )
        )
    found += _rooms(who)
    if overstayed:
        found.append(
            Todo(
                _("%(n)s 人到期没办退房", n=overstayed),
                _("走了就办退房，没走就和户主续租"),
                url_for("occupancy.stays", state=StayState.OVERSTAYED.value),
                _("看是哪 %(n)s 人", n=overstayed),
            )
        )
    return found


def _rooms(who: Actor) -> list[Todo]:
    """Rooms past their end, sheets to confirm, changes the other side asks for."""
    found = []
    work = rooms_work(who, clock.today())
    held, sheets, changes = work.held_over, work.sheets, work.changes
    if held:
        found.append(
            Todo(
                _("到期没交还的房 %(n)s 间", n=held),
                _("续租、办退房，或者把房交还"),
                url_for("occupancy.rooms_due_back"),
                _("看是哪 %(n)s 间", n=held),
            )
        )
    if sheets:
        found.append(
            Todo(
                _("%(n)s 张交割单等确认", n=sheets),
                _("户主填好了，看过没错就确认"),
                url_for("occupancy.rooms_due_back"),
                _("去确认 %(n)s 张", n=sheets),
            )
        )
    if changes:
        found.append(
            Todo(
                _("%(n)s 份合同有变更等答复", n=changes),
                _("户主提出来的，同意了才算数"),
                url_for("occupancy.leases", state="changing"),
                _("看是哪 %(n)s 份", n=changes),
            )
        )
    return found
