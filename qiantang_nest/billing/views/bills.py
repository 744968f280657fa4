"""Bills: an employer's month, a villager's rent, a village's list, one bill, and who is late."""

from datetime import date

from flask import Response, make_response, render_template, request
from sqlalchemy import Select

from qiantang_nest.accounts.rules import Permission, Role, may
from qiantang_nest.billing import rules
from qiantang_nest.billing.forms import PAID_BY_LABELS, BillFilterForm
from qiantang_nest.billing.models import Bill
from qiantang_nest.billing.queries import arrears as arrears_queries
from qiantang_nest.billing.queries import bills as queries
from qiantang_nest.billing.queries.rent import rent_of
from qiantang_nest.billing.queries.statement import Statement, months_with_bills, statement_of
from qiantang_nest.billing.services.papers import explain_line, print_statement
from qiantang_nest.billing.views import blueprint
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.web import actor, paginate, sort_from_query
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.geography.queries import area_name


def _month_from_query() -> date | None:
    """``?month=2026-11``; None if absent or odd."""
    try:
        year, month = request.args.get("month", "").split("-")
        found = date(int(year), int(month), 1)
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2099 else None


def _chosen_statement() -> tuple[Statement, list[date]]:
    """The month asked for, else the newest with bills up to this one, else this one."""
    months = months_with_bills(actor())
    this_month = clock.today().replace(day=1)
    newest = next((month for month in months if month <= this_month), months[0] if months else this_month)
    chosen = _month_from_query() or newest
    return statement_of(actor(), chosen), sorted({*months, chosen}, reverse=True)


@blueprint.get("/statement")
@requires(Permission.STATEMENT_READ)
def statement() -> str:
    """One employer, one month: what to pay to whom, and how each sum came about."""
    found, months = _chosen_statement()
    return render_template(
        "billing/statement.html",
        statement=found,
        months=months,
        may_record=may(actor().role, Permission.PAYMENT_RECORD),
        today=clock.today(),
        explain_line=explain_line,
        state_of=_payee_chip,
    )


@blueprint.get("/statement/print")
@requires(Permission.STATEMENT_READ)
def statement_print() -> str:
    """The same on paper, accounts masked."""
    found, _months = _chosen_statement()
    return render_template(
        "billing/statement_print.html",
        statement=found,
        enterprise=db.session.get_one(Enterprise, actor().enterprise_id),
        today=clock.today(),
        explain_line=explain_line,
    )


@blueprint.get("/statement.pdf")
@requires(Permission.STATEMENT_READ)
def statement_pdf() -> Response:
    """The same as PDF. A manager gets whole account numbers, which leaves an audit row; staff do not."""
    found, _months = _chosen_statement()
    who = actor()
    with transaction():
        data = print_statement(
            statement=found,
            enterprise=db.session.get_one(Enterprise, who.enterprise_id),
            full_accounts=who.role == Role.EMPLOYER_MANAGER,
            today=clock.today(),
            actor=who,
        )
    return pdf_response(data, f"statement-{found.month:%Y-%m}.pdf")


def pdf_response(data: bytes, name: str) -> Response:
    """A PDF to save; never kept by caches."""
    response = make_response(data)
    response.headers["Content-Type"] = "application/pdf"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _payee_chip(state: rules.BillState) -> str:
    return f"bill.{state.value}"


@blueprint.get("/my-rent")
@requires(Permission.RENT_READ)
def my_rent() -> str:
    """A villager's rent: arrived, still open, and what waits for a word."""
    return render_template(
        "billing/my_rent.html",
        rent=rent_of(actor(), clock.today()),
        today=clock.today(),
        bill_state=rules.bill_state,
        overdue_days=rules.overdue_days,
        explain_line=explain_line,
    )


@blueprint.get("/bills/<int:bill_id>")
@requires(Permission.BILL_READ)
def bill(bill_id: int) -> str:
    """One bill, its lines, and what settled it."""
    found = queries.bill_visible_to(actor(), bill_id)
    stood_before, stands_in = queries.instead_of(found)
    return render_template(
        "billing/bill.html",
        layout=layout(),
        bill=found,
        stood_before=stood_before,
        stands_in=stands_in,
        may_record=may(actor().role, Permission.PAYMENT_RECORD),
        lines=queries.lines_of_bills([found.id])[found.id],
        allocations=queries.settled_by(found.id),
        code=queries.remark_code(
            enterprise_id=found.enterprise_id, owner_id=found.owner_id, month=found.starts_on
        ),
        state=rules.bill_state(found, clock.today()),
        late=rules.overdue_days(found.due_on, clock.today()),
        explain_line=explain_line,
        methods=PAID_BY_LABELS,
    )


def layout() -> str:
    """Villagers read on the phone frame, everybody else on the desk's."""
    return "layouts/phone.html" if actor().role == Role.VILLAGER else "layouts/desk.html"


BILL_SORT = {"due": Bill.due_on, "amount": Bill.amount_fen, "number": Bill.number}


@blueprint.get("/village-bills")
@requires(Permission.VILLAGE_BILLS_READ)
def village_bills() -> str:
    """A clerk's list: what is open in the village, and what employers say they paid."""
    form = BillFilterForm(request.args)
    form.validate()
    state = form.state.data if form.state.data in ("open", "late", "paid", "all") else "open"
    statement: Select[Bill] = queries.bills_for_list(
        actor(), state=state, search=(form.q.data or "")[:40], month=_month_from_query(), today=clock.today()
    )
    amount_fen, paid_fen = queries.sums_of(statement)
    return render_template(
        "billing/village_bills.html",
        form=form,
        filtered=bool(form.q.data or state != "open" or _month_from_query()),
        page=paginate(statement.order_by(sort_from_query(BILL_SORT, "due"), Bill.id)),
        amount_fen=amount_fen,
        paid_fen=paid_fen,
        claimed=queries.claimed_payments(actor()),
        today=clock.today(),
        bill_state=rules.bill_state,
        overdue_days=rules.overdue_days,
    )


@blueprint.get("/arrears")
@requires(Permission.ARREARS_READ)
def arrears() -> str:
    """Who is late, by age, in the office's area."""
    rows = arrears_queries.arrears_visible_to(actor(), clock.today())
    return render_template(
        "billing/arrears.html",
        rows=rows,
        total=arrears_queries.totals(rows),
        role=actor().role,
        place=area_name(actor().scope),
        today=clock.today(),
    )
