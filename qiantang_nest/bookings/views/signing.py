"""Signing a lease on one's own phone, or taking it back before both have."""

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission, Role
from qiantang_nest.billing.services import issue_due_bills
from qiantang_nest.bookings.forms import SignForm, WithdrawLeaseForm
from qiantang_nest.bookings.services.change_booking import finish_relocation
from qiantang_nest.bookings.services.telling import tell_signed, tell_withdrawn
from qiantang_nest.bookings.views import blueprint
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor
from qiantang_nest.housing.queries import live_consent
from qiantang_nest.occupancy.models import Lease
from qiantang_nest.occupancy.queries.lease_changes import relocation_to
from qiantang_nest.occupancy.queries.leases import (
    lease_sums,
    leases_visible_to,
    rooms_of_lease,
    signatures_with_names,
)
from qiantang_nest.occupancy.rules import has_lapsed
from qiantang_nest.occupancy.services.contract import ensure_document
from qiantang_nest.occupancy.services.signing import request_code, side_of
from qiantang_nest.occupancy.services.signing import sign_lease as sign
from qiantang_nest.occupancy.services.withdrawing import withdraw_lease as withdraw


def _load(lease_id: int) -> Lease:
    found: Lease | None = db.session.execute(
        leases_visible_to(actor()).where(Lease.id == lease_id)
    ).scalar_one_or_none()
    if found is None:
        abort(404)
    return found


def _layout() -> str:
    return "layouts/phone.html" if actor().role == Role.VILLAGER else "layouts/desk.html"


@blueprint.route("/leases/<int:lease_id>/sign", methods=["GET", "POST"])
@requires(Permission.LEASE_SIGN)
def sign_lease(lease_id: int) -> Response | str | tuple[str, int]:
    """The terms, the contract, a code to the signer's phone; the second signature issues the bills due."""
    lease = _load(lease_id)
    form = SignForm()
    status = 200
    if request.method == "POST" and "send" in request.form:
        with transaction():
            request_code(lease=lease, actor=actor(), now=clock.now())
        flash(_("签字码发到您的手机了，5 分钟内有效。"), "doing")
        return redirect(url_for("bookings.sign_lease", lease_id=lease_id, sent=1), 303)
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                with transaction():
                    sign(
                        lease=lease,
                        shown_sha256=form.document.data or "",
                        code=form.code.data or "",
                        actor=actor(),
                        now=clock.now(),
                        today=clock.today(),
                    )
                    tell_signed(lease, side_of(actor()))
                    if lease.state == "signed":
                        finish_relocation(
                            new_lease=lease, actor=actor(), today=clock.today(), now=clock.now()
                        )
                        issue_due_bills(lease=lease, today=clock.today(), actor=actor())
                flash(_("签好了。"), "done")
                return redirect(url_for("occupancy.lease", lease_id=lease_id), 303)
            except InvalidValue as error:
                form.refuse(form.code, error)
    with transaction():
        document = ensure_document(lease)
    form.document.data = document
    signed = signatures_with_names(lease.id)
    side = side_of(actor())
    relocation = relocation_to(lease.id)
    return render_template(
        "bookings/sign_lease.html",
        lease=lease,
        sums=lease_sums([lease.id], clock.today())[lease.id],
        form=form,
        document=document,
        movers=len(relocation.facts["stays"]) if relocation is not None else None,
        signatures=signed,
        side=side,
        mine=any(signature.side == side for signature, _name in signed),
        lapsed=has_lapsed(lease.state, lease.sign_until, clock.now()),
        sent="sent" in request.args or request.method == "POST",
        layout=_layout(),
        proxy=actor().is_office,
        consent=live_consent(lease.owner_id) if actor().is_office else None,
    ), status


@blueprint.route("/leases/<int:lease_id>/withdraw", methods=["GET", "POST"])
@requires(Permission.LEASE_SIGN)
def withdraw_lease(lease_id: int) -> Response | str | tuple[str, int]:
    """«Not sign after all?»: either side may until both have, with the reason that the other side reads."""
    lease = _load(lease_id)
    form = WithdrawLeaseForm()
    if request.method == "POST" and form.validate():
        try:
            with transaction():
                reason = form.reason.data or ""
                side = withdraw(lease=lease, reason=reason, actor=actor(), now=clock.now())
                tell_withdrawn([lease], side=side, reason=reason)
            flash(_("这份合同取消了，房间放开了，对方会收到消息。"), "done")
            return redirect(url_for("occupancy.lease", lease_id=lease_id), 303)
        except InvalidValue as error:
            form.refuse(form.reason, error)
    if lease.state != "drafted" or has_lapsed(lease.state, lease.sign_until, clock.now()):
        return redirect(url_for("occupancy.lease", lease_id=lease_id), 303)
    return render_template(
        "bookings/withdraw_lease.html",
        lease=lease,
        rooms=rooms_of_lease(lease.id),
        sums=lease_sums([lease.id], clock.today())[lease.id],
        form=form,
        side=side_of(actor()),
        signatures=signatures_with_names(lease.id),
        layout=_layout(),
        proxy=actor().is_office,
        consent=live_consent(lease.owner_id) if actor().is_office else None,
    ), (422 if form.errors else 200)
