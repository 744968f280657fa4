"""Payments as people record them. The platform moves no money: these rows say what moved outside it."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select

from qiantang_nest.billing import rules
from qiantang_nest.billing.models import Payment, Receipt
from qiantang_nest.billing.services.money_lock import lock_money
from qiantang_nest.billing.services.settle import settle_payment, take_back, use_credit
from qiantang_nest.core import audit, numbering
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.clock import business_date
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import DomainError, InvalidValue, NotAllowed, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.core.money import format_money
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.housing.models import Owner
from qiantang_nest.housing.queries import live_consent
from qiantang_nest.notifications.services import notify


class ConsentMissing(DomainError):
    """A clerk acts for a household that has not said so."""


class PaidInFuture(InvalidValue):
    """A payment is dated after today."""


def record_payment(
    *,
    enterprise: Enterprise,
    owner: Owner,
    amount_fen: int,
    paid_on: date,
    method: str,
    actor: Actor,
    now: datetime,
    serial: str = "",
    note: str = "",
    slip_media_name: str | None = None,
    chosen_bill_ids: Sequence[int] = (),
    request_key: uuid.UUID | None = None,
) -> Payment:
    """Record that ``amount_fen`` went from an employer to a lessor.

    Recorded by the payee, or by the clerk for the payee (who must have the household's consent), it counts
    at once and gets a receipt; recorded by the employer it waits for the payee. The same ``request_key``
    again returns the payment it made; with another sum it is refused. ``chosen_bill_ids`` are settled
    first, in that order (Civil Code 560).

    Raises:
        PaidInFuture: ``paid_on`` is after today.
        ConsentMissing: a clerk acts without the household's recorded word.
        SerialTaken (through ``transaction``): the payee has a payment with this serial.
        WrongState: the request key belongs to another payment.
    """
    today = business_date(now)
    if paid_on > today:
        raise PaidInFuture(_("%(day)s 还没到。请填钱实际付出或收到的那一天。", day=paid_on.isoformat()))
    by_employer = actor.enterprise_id is not None
    if by_employer and actor.enterprise_id != enterprise.id:
        raise NotAllowed(_("只能登记本企业付的款。"))
    on_behalf_of = None if by_employer else _proxy_for(owner, actor)
    lock_money([owner.village_code])
    known = _by_request_key(request_key)
    if known is not None:
        if (known.enterprise_id, known.owner_id, known.amount_fen, known.paid_on, known.serial) != (
            enterprise.id,
            owner.id,
            amount_fen,
            paid_on,
            serial,
        ):
            raise WrongState(_("这一页已经记过一笔款。要再记一笔，请重新打开登记页。"))
        return known
    payment = Payment(
        enterprise_id=enterprise.id,
        owner_id=owner.id,
        village_code=owner.village_code,
        amount_fen=amount_fen,
        unallocated_fen=0,
        paid_on=paid_on,
        method=method,
        serial=serial,
        note=note,
        slip_media_name=slip_media_name,
        chosen_bill_ids=list(chosen_bill_ids),
        request_key=request_key,
        state="claimed",
        recorded_by=actor.user_id,
        recorded_role=actor.role,
        recorded_at=now,
        on_behalf_of=on_behalf_of,
    )
    db.session.add(payment)
    db.session.flush()
    audit.record(
        actor=actor,
        action="billing.record_payment",
        entity="payment",
        entity_id=payment.id,
        changes={"state": "claimed", "amount_fen": amount_fen, "paid_on": paid_on.isoformat()},
        on_behalf_of=on_behalf_of,
    )
    if not by_employer:
        _count(payment, actor=actor, now=now, on_behalf_of=on_behalf_of)
    elif owner.user_id is not None:
        notify(
            user_id=owner.user_id,
            kind="billing.payment_claimed",
            params={"name": enterprise.name, "amount_fen": amount_fen, "paid_on": paid_on.isoformat()},
            url=f"/payments/{payment.id}/confirm",
        )
    return payment


def confirm_payment(*, payment: Payment, actor: Actor, now: datetime) -> Receipt:
    """The payee, or the clerk for the payee, says that what the employer recorded has arrived.

    Raises:
        WrongState: somebody has already confirmed, rejected or reversed it.
        ConsentMissing: a clerk acts without the household's recorded word.
    """
    on_behalf_of = _proxy_for(payment.owner, actor)
    _lock(payment, expected="claimed")
    receipt = _count(payment, actor=actor, now=now, on_behalf_of=on_behalf_of)
    _tell_recorder(payment, "billing.payment_confirmed", receipt=receipt.number)
    return receipt


def reject_payment(*, payment: Payment, reason: str, actor: Actor, now: datetime) -> None:
    """The payee, or the clerk for the payee, says that it has not arrived; the employer reads ``reason``.

    Raises: as ``confirm_payment``.
    """
    on_behalf_of = _proxy_for(payment.owner, actor)
    _lock(payment, expected="claimed")
    payment.state = "rejected"
    payment.reject_reason = reason
    payment.decided_by = actor.user_id
    payment.decided_at = now
    audit.record(
        actor=actor,
        action="billing.reject_payment",
        entity="payment",
        entity_id=payment.id,
        changes={"state": "rejected"},
        on_behalf_of=on_behalf_of,
    )
    _tell_recorder(payment, "billing.payment_rejected", reason=reason)


def reverse_payment(*, payment: Payment, reason: str, actor: Actor, now: datetime) -> None:
    """Take back a payment that was confirmed by mistake: its bills are open again, its receipt is void.

    Nothing is erased: payment, allocations, receipt and ledger entries stay, each with its counterpart.
    Credit of the same pair is spent on what reopened.

    Raises:
        WrongState: it is not a confirmed payment (any more), or was set off against a settled deposit.
        ConsentMissing: a clerk acts without the household's recorded word.
    """
    if payment.method == "deposit":
        raise WrongState(_("这笔是结押金时从押金里抵的，押金已经两清，不能冲回。"))
    on_behalf_of = _proxy_for(payment.owner, actor)
    _lock(payment, expected="confirmed")
    today = business_date(now)
    take_back(payment=payment, booked_on=today)
    payment.state = "reversed"
    payment.reversed_at = now
    payment.reverse_reason = reason
    receipt = db.session.execute(
        select(Receipt).where(Receipt.payment_id == payment.id, Receipt.voided_at.is_(None))
    ).scalar_one()
    receipt.voided_at = now
    receipt.void_reason = reason
    audit.record(
        actor=actor,
        action="billing.reverse_payment",
        entity="payment",
        entity_id=payment.id,
        changes={"state": "reversed", "receipt": receipt.number},
        on_behalf_of=on_behalf_of,
    )
    db.session.flush()
    use_credit(
        villages=[payment.village_code],
        booked_on=today,
        actor=actor,
        pair=(payment.enterprise_id, payment.owner_id),
    )


def _count(payment: Payment, *, actor: Actor, now: datetime, on_behalf_of: int | None) -> Receipt:
    """Let a payment settle bills, and give its receipt."""
    today = business_date(now)
    payment.state = "confirmed"
    payment.decided_by = actor.user_id
    payment.decided_at = now
    allocations = settle_payment(payment=payment, booked_on=today)
    receipt = Receipt(
        number=rules.receipt_number(today, numbering.reserve(rules.receipt_series(today))),
        payment_id=payment.id,
        issued_on=today,
        issued_by=actor.user_id,
    )
    db.session.add(receipt)
    audit.record(
        actor=actor,
        action="billing.confirm_payment",
        entity="payment",
        entity_id=payment.id,
        changes={
            "state": "confirmed",
            "receipt": receipt.number,
            "bills": [allocation.bill_id for allocation in allocations],
            "credit_fen": payment.unallocated_fen,
        },
        on_behalf_of=on_behalf_of,
    )
    db.session.flush()
    return receipt


def _tell_recorder(payment: Payment, kind: str, **params: str) -> None:
    """A line in the message centre of the employer's person who recorded it."""
    if payment.recorded_by is not None:
        notify(
            user_id=payment.recorded_by,
            kind=kind,
            params={"name": payment.owner.name, "amount_fen": payment.amount_fen, **params},
            url=f"/payments/{payment.id}",
        )


def _proxy_for(owner: Owner, actor: Actor) -> int | None:
    """The owner's id if a clerk acts for the household, None if the household acts itself."""
    if actor.role != "village_clerk":
        return None
    if live_consent(owner.id) is None:
        raise ConsentMissing(
            _("%(name)s 还没有委托村里代办。请先在户主页登记委托，再来记这笔款。", name=owner.name)
        )
    return owner.id


def _by_request_key(request_key: uuid.UUID | None) -> Payment | None:
    if request_key is None:
        return None
    return db.session.execute(select(Payment).where(Payment.request_key == request_key)).scalar_one_or_none()


def _lock(payment: Payment, *, expected: str) -> None:
    """Take the locks, read the payment afresh, and see that nobody was faster."""
    lock_money([payment.village_code])
    db.session.execute(
        select(Payment)
        .where(Payment.id == payment.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one()
    if payment.state != expected:
        already = {
            "claimed": _("这笔 %(amount)s 还在等收款人确认。", amount=format_money(payment.amount_fen)),
            "confirmed": _(
                "这笔 %(amount)s 已经确认到账，不用再点。", amount=format_money(payment.amount_fen)
            ),
            "rejected": _("这笔 %(amount)s 已经回了“没收到”。", amount=format_money(payment.amount_fen)),
            "reversed": _("这笔 %(amount)s 已经冲回。", amount=format_money(payment.amount_fen)),
        }
        raise WrongState(already[payment.state])
