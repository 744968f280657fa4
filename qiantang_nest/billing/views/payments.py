"""Payments: recording one, saying whether it arrived, taking a wrong one back."""

import uuid

from flask import Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as WerkzeugResponse
from wtforms import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.billing import rules, services
from qiantang_nest.billing.forms import PAID_BY_LABELS, PaymentForm, ReasonForm
from qiantang_nest.billing.models import Bill, Payment, SerialTaken
from qiantang_nest.billing.queries import bills as queries
from qiantang_nest.billing.services.payments import PaidInFuture
from qiantang_nest.billing.views import blueprint
from qiantang_nest.billing.views.bills import layout
from qiantang_nest.core import clock, media
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import DomainError, InvalidValue, NotFound
from qiantang_nest.core.i18n import _
from qiantang_nest.core.money import format_money
from qiantang_nest.core.web import actor


@blueprint.route("/payments/new/<int:enterprise_id>/<int:owner_id>", methods=["GET", "POST"])
@requires(Permission.PAYMENT_RECORD)
def record_payment(enterprise_id: int, owner_id: int) -> str | tuple[str, int] | WerkzeugResponse:
    """Record a payment that was made outside the platform, from one employer to one lessor."""
    who = actor()
    enterprise, owner = queries.pair_visible_to(who, enterprise_id, owner_id)
    open_bills = queries.open_bills_of_pair(enterprise_id=enterprise.id, owner_id=owner.id)
    form = PaymentForm()
    form.chosen.choices = [SelectChoice(bill.id, _say_bill(bill)) for bill in open_bills]
    if request.method == "GET":
        form.request_key.data = str(uuid.uuid4())
        form.paid_on.data = clock.today()
        wanted = request.args.get("bill", type=int)
        chosen = [bill for bill in open_bills if wanted is None or bill.id == wanted]
        form.amount.data = sum(bill.amount_fen - bill.paid_fen for bill in chosen) or None
        form.chosen.data = [wanted] if wanted and chosen else []
    if form.validate_on_submit() and form.amount.data and form.paid_on.data:
        slip: str | None = None
        try:
            uploads = media.uploaded_bytes("slip")
            slip = media.store_document(uploads[0]) if uploads else None
        except (InvalidValue, media.TooLarge) as error:
            form.refuse(form.slip, error)
        else:
            try:
                with transaction():
                    payment = services.record_payment(
                        enterprise=enterprise,
                        owner=owner,
                        amount_fen=form.amount.data,
                        paid_on=form.paid_on.data,
                        method=form.method.data,
                        serial=form.serial.data or "",
                        note=form.note.data or "",
                        slip_media_name=slip,
                        chosen_bill_ids=form.chosen.data or [],
                        request_key=uuid.UUID(form.request_key.data),
                        actor=who,
                        now=clock.now(),
                    )
            except DomainError as error:
                if slip is not None:
                    media.discard(slip)
                field = {SerialTaken: form.serial, PaidInFuture: form.paid_on}.get(type(error))
                if field is None:
                    raise
                form.refuse(field, error)
                enterprise, owner = queries.pair_visible_to(who, enterprise_id, owner_id)
                open_bills = queries.open_bills_of_pair(enterprise_id=enterprise_id, owner_id=owner_id)
            else:
                if slip is not None and payment.slip_media_name != slip:
                    media.discard(slip)
                flash(_said(payment), "done")
                return redirect(url_for("billing.payment", payment_id=payment.id), 303)
    page = render_template(
        "billing/record_payment.html",
        layout=layout(),
        form=form,
        enterprise=enterprise,
        owner=owner,
        open_bills=open_bills,
        left_fen=sum(bill.amount_fen - bill.paid_fen for bill in open_bills),
        by_employer=who.enterprise_id is not None,
        by_clerk=who.role == "village_clerk",
        today=clock.today(),
    )
    return (page, 422) if form.errors else page


def _say_bill(bill: Bill) -> str:
    left = format_money(bill.amount_fen - bill.paid_fen)
    if bill.kind == "deposit":
        return str(_("押金，还差 %(left)s", left=left))
    return str(
        _(
            "%(year)s 年 %(month)s 月房租，还差 %(left)s",
            year=bill.starts_on.year,
            month=bill.starts_on.month,
            left=left,
        )
    )


def _said(payment: Payment) -> str:
    """What happens next."""
    amount = format_money(payment.amount_fen)
    if payment.state == "claimed":
        return str(_("记下了 %(amount)s。等 %(name)s 确认到账。", amount=amount, name=payment.owner.name))
    if payment.unallocated_fen:
        return str(
            _(
                "记下了 %(amount)s，收据开好了。多出的 %(credit)s 会抵下一张账单。",
                amount=amount,
                credit=format_money(payment.unallocated_fen),
            )
        )
    return str(_("记下了 %(amount)s，收据开好了。", amount=amount))


@blueprint.get("/payments/<int:payment_id>")
@requires(Permission.BILL_READ)
def payment(payment_id: int) -> str:
    """One payment: who, when, how, what it settled, its receipt."""
    found = queries.payment_visible_to(actor(), payment_id)
    return render_template(
        "billing/payment.html",
        layout=layout(),
        payment=found,
        allocations=queries.settles(found.id),
        receipts=queries.receipts_of(found.id),
        recorded_by=queries.person_name(found.recorded_by),
        methods=PAID_BY_LABELS,
        may_decide=may_decide(),
    )


def may_decide() -> bool:
    """Whether the reader is on the payee's side."""
    return actor().role in ("villager", "village_clerk")


@blueprint.get("/payments/<int:payment_id>/slip")
@requires(Permission.BILL_READ)
def slip(payment_id: int) -> Response:
    """The picture of the bank slip."""
    found = queries.payment_visible_to(actor(), payment_id)
    if found.slip_media_name is None:
        raise NotFound(_("这笔付款没有附回单。"))
    return media.open_media(found.slip_media_name)


@blueprint.route("/payments/<int:payment_id>/confirm", methods=["GET", "POST"])
@requires(Permission.PAYMENT_CONFIRM)
def confirm_payment(payment_id: int) -> str | WerkzeugResponse:
    """The payee's side says that it has arrived."""
    who = actor()
    found = queries.payment_visible_to(who, payment_id)
    if request.method == "POST":
        with transaction():
            receipt = services.confirm_payment(payment=found, actor=who, now=clock.now())
        flash(_("确认了，钱到了。收据 %(number)s 开好了。", number=receipt.number), "done")
        return redirect(url_for("billing.payment", payment_id=found.id), 303)
    if found.state != "claimed":
        return redirect(url_for("billing.payment", payment_id=found.id), 303)
    return render_template(
        "billing/confirm_payment.html",
        layout=layout(),
        payment=found,
        methods=PAID_BY_LABELS,
        open_bills=queries.open_bills_of_pair(enterprise_id=found.enterprise_id, owner_id=found.owner_id),
        overdue_days=rules.overdue_days,
    )


@blueprint.route("/payments/<int:payment_id>/reject", methods=["GET", "POST"])
@requires(Permission.PAYMENT_CONFIRM)
def reject_payment(payment_id: int) -> str | tuple[str, int] | WerkzeugResponse:
    """The payee's side says that it has not arrived, and why they think so."""
    who = actor()
    found = queries.payment_visible_to(who, payment_id)
    form = ReasonForm()
    if form.validate_on_submit() and form.reason.data:
        with transaction():
            services.reject_payment(payment=found, reason=form.reason.data, actor=who, now=clock.now())
        flash(_("回了：没收到。%(name)s 会看到您写的原因。", name=found.enterprise.name), "done")
        return redirect(url_for("billing.payment", payment_id=found.id), 303)
    page = render_template(
        "billing/reject_payment.html", layout=layout(), payment=found, form=form, methods=PAID_BY_LABELS
    )
    return (page, 422) if form.errors else page


@blueprint.route("/payments/<int:payment_id>/reverse", methods=["GET", "POST"])
@requires(Permission.PAYMENT_CONFIRM)
def reverse_payment(payment_id: int) -> str | tuple[str, int] | WerkzeugResponse:
    """Take back a payment that was recorded or confirmed by mistake."""
    who = actor()
    found = queries.payment_visible_to(who, payment_id)
    form = ReasonForm()
    if form.validate_on_submit() and form.reason.data:
        with transaction():
            services.reverse_payment(payment=found, reason=form.reason.data, actor=who, now=clock.now())
        flash(_("冲回了。它抵过的账单又变成没付，收据作废，记录都留着。"), "done")
        return redirect(url_for("billing.payment", payment_id=found.id), 303)
    page = render_template(
        "billing/reverse_payment.html",
        layout=layout(),
        payment=found,
        form=form,
        allocations=queries.settles(found.id),
        methods=PAID_BY_LABELS,
    )
    return (page, 422) if form.errors else page
