"""What is kept of a deposit and what goes back: listed cases, a reply window, a decision, the money.

The platform moves no money: what went back is recorded as it was paid outside.
"""

from datetime import date, datetime, timedelta

from sqlalchemy import select

from qiantang_nest.billing.models import DepositCase, DepositReturn, Payment
from qiantang_nest.billing.queries.deposits import RoomDeposit, deposit_of, rent_claimed_elsewhere
from qiantang_nest.billing.rules import REPLY_DAYS, CaseKind
from qiantang_nest.billing.services.money_lock import lock_money
from qiantang_nest.billing.services.payments import record_payment
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, NotAllowed, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.core.money import format_money
from qiantang_nest.housing.services import proxy_for
from qiantang_nest.ledger import services as ledger
from qiantang_nest.occupancy.models import LeaseRoom


def open_case(
    *,
    lease_room: LeaseRoom,
    kind: CaseKind,
    amount_fen: int,
    what: str,
    evidence_media: str | None,
    actor: Actor,
    today: date,
    now: datetime,
) -> DepositCase:
    """The household says what it wants to keep, for which case, with what evidence.

    Unpaid rent is kept by its bills, which the deposit pays when it is settled.

    Raises:
        NotAllowed: an employer opens it, or the household has not let the village act for it.
        WrongState: the room is not given back yet, or its deposit has gone back.
        InvalidValue: more than is held, beside the other cases; or than the lease owes of rent.
    """
    if actor.enterprise_id is not None:
        raise NotAllowed(_("要扣押金由户主提出。"))
    opened_for = proxy_for(owner=lease_room.lease.owner, actor=actor)
    deposit = _locked(lease_room, today)
    if deposit.claimed_fen + amount_fen > deposit.held_fen:
        raise InvalidValue(
            _(
                "最多还能扣 %(left)s，押金一共 %(held)s。超出的另外要。",
                left=format_money(max(deposit.held_fen - deposit.claimed_fen, 0)),
                held=format_money(deposit.held_fen),
            )
        )
    if kind is CaseKind.RENT:
        _refuse_more_than_owed(lease_room, deposit, amount_fen, today)
    case = DepositCase(
        lease_room_id=lease_room.id,
        village_code=lease_room.room.village_code,
        kind=kind.value,
        amount_fen=amount_fen,
        what=what,
        evidence_media=evidence_media,
        opened_by=actor.user_id,
        opened_for=opened_for,
        opened_at=now,
        reply_by=today + timedelta(days=REPLY_DAYS),
    )
    db.session.add(case)
    db.session.flush()
    _record(case, "billing.open_deposit_case", actor, opened_for)
    return case


def reply_to_case(
    *, case: DepositCase, agrees: bool, reply: str, actor: Actor, today: date, now: datetime
) -> None:
    """The employer agrees or disputes, up to the last day.

    Raises NotAllowed for anybody else, InvalidValue for a dispute without a reason, WrongState when it is
    answered or the last day has passed.
    """
    if actor.enterprise_id is None:
        raise NotAllowed(_("扣押金由企业答复。"))
    if not agrees and not reply.strip():
        raise InvalidValue(_("请写一句为什么不同意，户主看得到。"))
    _lock_case(case)
    if case.state != "open" or today > case.reply_by:
        raise WrongState(_("这一笔已经过了答复的日子，或者有结果了。"))
    case.state = "agreed" if agrees else "disputed"
    case.reply, case.replied_by, case.replied_at = reply.strip() or None, actor.user_id, now
    db.session.flush()
    _record(case, "billing.reply_deposit_case", actor, None)


def decide_case(*, case: DepositCase, decided_fen: int, decision: str, actor: Actor, now: datetime) -> None:
    """The village settles a dispute: how much is kept, and why. Both may still go to court.

    Raises NotAllowed for anybody else, InvalidValue for more than was asked, WrongState when it is not in
    dispute.
    """
    if not actor.is_office:
        raise NotAllowed(_("有争议的由村里调解。"))
    _lock_case(case)
    if case.state != "disputed":
        raise WrongState(_("这一笔没有争议，不用调解。"))
    if not 0 <= decided_fen <= case.amount_fen:
        raise InvalidValue(_("调解的金额在 0 到 %(most)s 之间。", most=format_money(case.amount_fen)))
    case.state, case.decided_fen, case.decision = "decided", decided_fen, decision
    case.decided_by, case.decided_at = actor.user_id, now
    db.session.flush()
    _record(case, "billing.decide_deposit_case", actor, None)


def return_deposit(
    *,
    lease_room: LeaseRoom,
    shown_fen: int,
    paid_on: date,
    method: str,
    serial: str,
    actor: Actor,
    today: date,
    now: datetime,
) -> DepositReturn:
    """Record that the rest of a room's deposit went back; what is kept is booked with it.

    Open rent that is kept is paid by it: the bills get that part, both sides a receipt. ``shown_fen`` is what
    the page said goes back.

    Raises:
        NotAllowed: an employer records it, or the household has not let the village act for it.
        WrongState: the room is not given back, a case is not settled, or the sum differs from the page's.
        InvalidValue: paid in the future.
    """
    if actor.enterprise_id is not None:
        raise NotAllowed(_("退押金由户主登记。"))
    on_behalf_of = proxy_for(owner=lease_room.lease.owner, actor=actor)
    if paid_on > today:
        raise InvalidValue(_("%(day)s 还没到。请填钱实际退回的那一天。", day=paid_on.isoformat()))
    deposit = _locked(lease_room, today)
    if deposit.unsettled:
        raise WrongState(_("还有 %(n)s 笔扣款没有结果，等有结果再退。", n=deposit.unsettled))
    if deposit.back_fen != shown_fen or deposit.due_on is None:
        raise WrongState(_("要退的金额刚才变了，请看过新的再登记。"))
    lease = lease_room.lease
    rent_payment = _pay_rent(deposit, lease_room, paid_on, actor, now) if deposit.rent_fen else None
    made = DepositReturn(
        lease_room_id=lease_room.id,
        enterprise_id=lease.enterprise_id,
        owner_id=lease.owner_id,
        village_code=lease.village_code,
        held_fen=deposit.held_fen,
        deducted_fen=deposit.held_fen - deposit.rent_fen - deposit.back_fen,
        rent_fen=deposit.rent_fen,
        rent_payment_id=rent_payment.id if rent_payment else None,
        paid_fen=deposit.back_fen,
        due_on=deposit.due_on,
        paid_on=paid_on,
        method=method,
        serial=serial,
        recorded_by=actor.user_id,
        on_behalf_of=on_behalf_of,
        recorded_at=now,
    )
    db.session.add(made)
    db.session.flush()
    for account, fen in (("bank", made.paid_fen), ("deducted", made.deducted_fen)):
        if fen:
            ledger.post(
                booked_on=today,
                payer_id=made.enterprise_id,
                payee_id=made.owner_id,
                debit="deposit_held",
                credit=account,
                amount_fen=fen,
                source="deposit_return",
                source_id=made.id,
            )
    audit.record(
        actor=actor,
        action="billing.return_deposit",
        entity="deposit_return",
        entity_id=made.id,
        on_behalf_of=on_behalf_of,
        changes={
            "lease_room_id": lease_room.id,
            "paid_fen": made.paid_fen,
            "deducted_fen": made.deducted_fen,
            "rent_fen": made.rent_fen,
        },
    )
    return made


def _refuse_more_than_owed(lease_room: LeaseRoom, deposit: RoomDeposit, amount_fen: int, today: date) -> None:
    """Raise InvalidValue if a case for rent asks for more than the lease owes beside its other cases."""
    left = deposit.open_rent_fen - deposit.rent_claimed_fen - rent_claimed_elsewhere(lease_room, today)
    if amount_fen > left:
        raise InvalidValue(
            _(
                "这份合同的账单一共还欠 %(owed)s 租金，最多还能从押金里抵 %(left)s。",
                owed=format_money(deposit.open_rent_fen),
                left=format_money(max(left, 0)),
            )
        )


def _pay_rent(
    deposit: RoomDeposit, lease_room: LeaseRoom, paid_on: date, actor: Actor, now: datetime
) -> Payment:
    """Settle the lease's open rent bills, earliest due first, from what the household holds."""
    return record_payment(
        enterprise=lease_room.lease.enterprise,
        owner=lease_room.lease.owner,
        amount_fen=deposit.rent_fen,
        paid_on=paid_on,
        method="deposit",
        chosen_bill_ids=[bill.id for bill in deposit.open_rent],
        actor=actor,
        now=now,
    )


def _locked(lease_room: LeaseRoom, today: date) -> RoomDeposit:
    """The deposit under the money lock, if it can still be spoken about. Raises WrongState."""
    lock_money([lease_room.lease.village_code])
    deposit = deposit_of(lease_room, today)
    if deposit.sheet is None:
        raise WrongState(_("退房交割单两边确认以后，才能说押金怎么退。"))
    if deposit.returned is not None:
        raise WrongState(_("这间房的押金已经登记退过了，不用再记。"))
    if not deposit.held_fen:
        raise WrongState(_("这间房没有收到押金，没有要退的。"))
    return deposit


def _lock_case(case: DepositCase) -> None:
    db.session.execute(
        select(DepositCase)
        .where(DepositCase.id == case.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one()


def _record(case: DepositCase, action: str, actor: Actor, on_behalf_of: int | None) -> None:
    audit.record(
        actor=actor,
        action=action,
        entity="deposit_case",
        entity_id=case.id,
        on_behalf_of=on_behalf_of,
        changes={
            "lease_room_id": case.lease_room_id,
            "kind": case.kind,
            "amount_fen": case.amount_fen,
            "state": case.state,
            "decided_fen": case.decided_fen,
        },
    )
