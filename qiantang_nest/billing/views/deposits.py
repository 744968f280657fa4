"""A room's deposit: what is held, what the household wants to keep, what goes back."""

from flask import Response, abort, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as WerkzeugResponse

from qiantang_nest.accounts.rules import Permission, may
from qiantang_nest.billing.forms import (
    METHOD_LABELS,
    CaseDecisionForm,
    CaseReplyForm,
    DepositCaseForm,
    DepositReturnForm,
)
from qiantang_nest.billing.models import DepositCase
from qiantang_nest.billing.queries.deposits import cases_visible_to, deposit_of
from qiantang_nest.billing.rules import CaseKind, case_kind_label, kept_for
from qiantang_nest.billing.services import deposits as services
from qiantang_nest.billing.views import blueprint
from qiantang_nest.billing.views.bills import layout
from qiantang_nest.core import clock, media
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import DomainError, InvalidValue, told_at
from qiantang_nest.core.forms import BaseForm, given
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor
from qiantang_nest.housing.queries import live_consent
from qiantang_nest.occupancy.models import LeaseRoom
from qiantang_nest.occupancy.queries.handovers import lease_rooms_visible_to

Answer = WerkzeugResponse | str | tuple[str, int]


def _load_room(lease_room_id: int) -> LeaseRoom:
    found: LeaseRoom | None = db.session.execute(
        lease_rooms_visible_to(actor()).where(LeaseRoom.id == lease_room_id)
    ).scalar_one_or_none()
    if found is None:
        abort(404)
    return found


def _load_case(case_id: int) -> DepositCase:
    found: DepositCase | None = db.session.execute(
        cases_visible_to(actor()).where(DepositCase.id == case_id)
    ).scalar_one_or_none()
    if found is None:
        abort(404)
    return found


@blueprint.get("/lease-rooms/<int:lease_room_id>/deposit")
@requires(Permission.DEPOSIT_READ)
def deposit(lease_room_id: int) -> str:
    """The deposit of one room, from held to gone back."""
    room, who, today = _load_room(lease_room_id), actor(), clock.today()
    found = deposit_of(room, today)
    return render_template(
        "billing/deposit.html",
        layout=layout(),
        room=room,
        lease=room.lease,
        deposit=found,
        live=found.sheet is not None and found.returned is None and found.held_fen > 0,
        may_claim=may(who.role, Permission.DEPOSIT_CLAIM),
        may_reply=may(who.role, Permission.DEPOSIT_REPLY),
        may_decide=may(who.role, Permission.DEPOSIT_DECIDE),
        kept_for=lambda case: kept_for(case, today),
        kind_label=lambda kind: case_kind_label(CaseKind(kind)),
        methods=METHOD_LABELS,
        today=today,
    )


def _step(room: LeaseRoom, title: str, form: BaseForm, submit: str, case: DepositCase | None = None) -> str:
    """One thing to say about a deposit."""
    who = actor()
    return render_template(
        "billing/deposit_step.html",
        layout=layout(),
        room=room,
        lease=room.lease,
        title=title,
        form=form,
        submit=submit,
        case=case,
        deposit=deposit_of(room, clock.today()),
        kind_label=lambda kind: case_kind_label(CaseKind(kind)),
        by_proxy=who.is_office,
        consent=live_consent(room.lease.owner_id) if who.is_office else None,
    )


def _done(room_id: int, words: str) -> WerkzeugResponse:
    flash(words, "done")
    return redirect(url_for("billing.deposit", lease_room_id=room_id), 303)


@blueprint.route("/lease-rooms/<int:lease_room_id>/deposit/case", methods=["GET", "POST"])
@requires(Permission.DEPOSIT_CLAIM)
def open_deposit_case(lease_room_id: int) -> Answer:
    """The household wants to keep a sum."""
    room = _load_room(lease_room_id)
    form = DepositCaseForm()
    form.say_kinds(rent_open=bool(deposit_of(room, clock.today()).open_rent))
    if form.validate_on_submit():
        stored: str | None = None
        try:
            with told_at("evidence"):
                uploads = media.uploaded_bytes("evidence")
                stored = media.store_document(uploads[0]) if uploads else None
            with transaction():
                services.open_case(
                    lease_room=room,
                    kind=CaseKind(form.kind.data),
                    amount_fen=given(form.amount),
                    what=form.what.data or "",
                    evidence_media=stored,
                    actor=actor(),
                    today=clock.today(),
                    now=clock.now(),
                )
            return _done(lease_room_id, _("记下了，等企业答复。"))
        except DomainError as error:
            if stored is not None:
                media.discard(stored)
            if not isinstance(error, InvalidValue | media.TooLarge):
                raise
            form.refuse(form.evidence if isinstance(error, media.TooLarge) else form.amount, error)
            room = _load_room(lease_room_id)
    page = _step(room, _("从押金里扣一笔"), form, _("请企业答复"))
    return (page, 422) if form.errors else page


@blueprint.route("/deposit-cases/<int:case_id>/reply", methods=["GET", "POST"])
@requires(Permission.DEPOSIT_REPLY)
def reply_deposit_case(case_id: int) -> Answer:
    """The employer agrees, or wants the village to settle it."""
    case = _load_case(case_id)
    form = CaseReplyForm()
    if form.validate_on_submit():
        try:
            with transaction():
                services.reply_to_case(
                    case=case,
                    agrees=form.agrees.data == "yes",
                    reply=form.reply.data or "",
                    actor=actor(),
                    today=clock.today(),
                    now=clock.now(),
                )
            return _done(case.lease_room_id, _("答复了。"))
        except InvalidValue as error:
            form.refuse(form.reply, error)
            case = _load_case(case_id)
    page = _step(_load_room(case.lease_room_id), _("户主要从押金里扣"), form, _("答复这一笔"), case)
    return (page, 422) if form.errors else page


@blueprint.route("/deposit-cases/<int:case_id>/decide", methods=["GET", "POST"])
@requires(Permission.DEPOSIT_DECIDE)
def decide_deposit_case(case_id: int) -> Answer:
    """The village settles a dispute."""
    case = _load_case(case_id)
    form = CaseDecisionForm()
    if form.validate_on_submit():
        try:
            with transaction():
                services.decide_case(
                    case=case,
                    decided_fen=given(form.amount),
                    decision=form.decision.data or "",
                    actor=actor(),
                    now=clock.now(),
                )
            return _done(case.lease_room_id, _("记下了，两边都看得到。"))
        except InvalidValue as error:
            form.refuse(form.amount, error)
            case = _load_case(case_id)
    page = _step(_load_room(case.lease_room_id), _("调解押金"), form, _("记下调解结果"), case)
    return (page, 422) if form.errors else page


@blueprint.route("/lease-rooms/<int:lease_room_id>/deposit/return", methods=["GET", "POST"])
@requires(Permission.DEPOSIT_CLAIM)
def return_deposit(lease_room_id: int) -> Answer:
    """The rest went back."""
    room = _load_room(lease_room_id)
    form = DepositReturnForm()
    if form.validate_on_submit():
        try:
            with transaction():
                services.return_deposit(
                    lease_room=room,
                    shown_fen=form.shown_fen,
                    paid_on=given(form.paid_on),
                    method=form.method.data,
                    serial=form.serial.data or "",
                    actor=actor(),
                    today=clock.today(),
                    now=clock.now(),
                )
            return _done(lease_room_id, _("登记好了，押金两清。"))
        except InvalidValue as error:
            form.refuse(form.paid_on, error)
            room = _load_room(lease_room_id)
    elif not form.is_submitted():
        form.paid_on.data = clock.today()
        form.shown.data = str(deposit_of(room, clock.today()).back_fen)
    page = _step(room, _("登记退押金"), form, _("退了这么多"))
    return (page, 422) if form.errors else page


@blueprint.get("/deposit-cases/<int:case_id>/evidence")
@requires(Permission.DEPOSIT_READ)
def deposit_evidence(case_id: int) -> Response:
    """The photograph or receipt of a case."""
    case = _load_case(case_id)
    if case.evidence_media is None:
        abort(404)
    return media.open_media(case.evidence_media)
