"""A village clerk's home: today's work, each kind with its number and the page where it is done."""

from flask import render_template, url_for

from qiantang_nest.billing.queries.bills import MoneyWork, money_work
from qiantang_nest.bookings.queries.holds import answers_due
from qiantang_nest.core import clock
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.i18n import _
from qiantang_nest.core.templating import day, moment, money
from qiantang_nest.geography.queries import village_by_code
from qiantang_nest.housing.queries import SOON_DAYS, HousingWork, housing_work
from qiantang_nest.occupancy.queries import registrations, stays
from qiantang_nest.occupancy.queries.handovers import rooms_work
from qiantang_nest.occupancy.queries.leases import signatures_due
from qiantang_nest.occupancy.queries.registrations import ReportState
from qiantang_nest.occupancy.queries.stays import StayState
from qiantang_nest.occupancy.rules import last_day_to_sign
from qiantang_nest.reports.views.tasks import Task


def clerk_home(who: Actor) -> str:
    """Seven counting queries, however much there is to do."""
    today = clock.today()
    housing, money_todo = housing_work(who, today), money_work(who, today)
    tasks = [
        _answers(who),
        *_safety_of_people(who),
        Task(
            _("上架等审核的房间"),
            housing.listings,
            url_for("housing.listings_waiting"),
            _("合格的可以一起通过"),
        ),
        _signatures(who),
        Task(_("村民等着认领是哪一户"), housing.links, url_for("housing.links"), _("核对好了才能登记空房")),
        *_money(money_todo),
        *_houses(housing),
    ]
    return render_template(
        "reports/clerk_home.html",
        village=village_by_code(who.scope),
        open_tasks=[task for task in tasks if task.count],
        done=[task.title for task in tasks if not task.count],
        begun=housing.houses > 0,
        today=today,
        now=clock.now(),
    )


def _answers(who: Actor) -> Task:
    count, first_until = answers_due(who, clock.now())
    return Task(
        _("还没答复企业的户"),
        count,
        url_for("bookings.answers"),
        _("最早的锁到 %(when)s，过了就放开", when=moment(first_until)) if first_until else "",
    )


def _signatures(who: Actor) -> Task:
    count, first_until = signatures_due(who, clock.now())
    return Task(
        _("受托代签的合同"),
        count,
        url_for("occupancy.leases", state="drafted"),
        _("最早的 %(day)s截止，过了房间就放开", day=day(last_day_to_sign(first_until)))
        if first_until
        else "",
    )


def _safety_of_people(who: Actor) -> list[Task]:
    reports = registrations.counts(who, clock.today())
    overdue = reports[ReportState.OVERDUE]
    rooms = rooms_work(who, clock.today())
    return [
        Task(
            _("入住和退房要登记"),
            reports[ReportState.OPEN],
            url_for("occupancy.registrations"),
            _("入住、退房后 3 个工作日内报"),
            late=_("超期 %(n)s 条", n=overdue) if overdue else "",
        ),
        Task(
            _("到期没办退房的人"),
            stays.counts_by_state(who, clock.today())[StayState.OVERSTAYED],
            url_for("occupancy.stays", state=StayState.OVERSTAYED.value),
            _("走了就办退房，没走就问企业要不要续"),
        ),
        Task(
            _("到期没交还的房"),
            rooms.held_over,
            url_for("occupancy.rooms_due_back"),
            _("问清楚：续租、退房还是交还"),
        ),
        Task(
            _("受托要确认的交割单"),
            rooms.sheets,
            url_for("occupancy.rooms_due_back"),
            _("企业填好了，等户主这边确认"),
        ),
        Task(
            _("受托要答复的合同变更"),
            rooms.changes,
            url_for("occupancy.leases", state="changing"),
            _("企业提出续租、换房、退房，等户主这边答复"),
        ),
    ]


def _money(work: MoneyWork) -> list[Task]:
    return [
        Task(
            _("企业说付了、等确认的钱"),
            work.claimed,
            url_for("billing.village_bills"),
            _("和户主核对到账"),
        ),
        Task(
            _("晚了的账单"),
            work.late_bills,
            url_for("billing.village_bills", state="late"),
            _("帮户主催一催"),
            late=_("还差 %(sum)s", sum=money(work.late_fen)) if work.late_bills else "",
        ),
    ]


def _houses(work: HousingWork) -> list[Task]:
    return [
        Task(
            _("没消除的隐患"),
            work.hazards,
            url_for("housing.hazards"),
            _("消除了就记上"),
            late=_("超期 %(n)s 条", n=work.hazards_late) if work.hazards_late else "",
        ),
        Task(
            _("%(days)s 天内检查到期的房子", days=SOON_DAYS),
            work.checks_ending,
            url_for("housing.houses", state="expiring"),
            _("到期前再查一次，不然要下架"),
        ),
    ]
