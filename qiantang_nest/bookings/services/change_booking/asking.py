"""Asking for a change of a lease, answering it, taking the question back.

Each locks first (rooms, lease, money), then reads what the change does, then writes. What it would do is
compared with what the page showed by ``ChangeEffect.digest``: if anything differs nothing is made.
"""

from datetime import date, datetime

from sqlalchemy import select

from qiantang_nest.accounts.rules import Role
from qiantang_nest.billing.services.money_lock import lock_money
from qiantang_nest.bookings.queries.change_effects import effect_of
from qiantang_nest.bookings.rules.changes import ChangeEffect, ChangeKind, Side, Wanted
from qiantang_nest.bookings.services.change_booking.making import (
    make_change,
    refuse_unmakeable,
    villages_of,
)
from qiantang_nest.bookings.services.change_booking.relocating import draft_new_lease, drop_draft
from qiantang_nest.bookings.services.change_booking.telling import (
    tell_agreed,
    tell_asked,
    tell_done,
    tell_refused,
    tell_relocation,
    tell_taker,
)
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, NotAllowed, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.housing.services import proxy_for
from qiantang_nest.occupancy.models import Lease, LeaseChange
from qiantang_nest.occupancy.queries.lease_changes import lapsed
from qiantang_nest.occupancy.services.lease_rooms import lock_lease

REASON_LENGTH = 200


class DiffersFromShown(WrongState):
    """Between the page and the click something changed, so the change would do something else."""


def side_of_change(actor: Actor) -> Side:
    """The party an actor who sees the lease speaks for. Raises NotAllowed."""
    match actor.role:
        case Role.VILLAGER | Role.VILLAGE_CLERK:
            return Side.LESSOR
        case Role.EMPLOYER_MANAGER:
            return Side.LESSEE
        case _:
            raise NotAllowed(_("合同由户主（或受托的村管理员）和企业负责人来改。"))


def ask_change(
    *,
    lease: Lease,
    wanted: Wanted,
    reason: str,
    shown_digest: str,
    actor: Actor,
    today: date,
    now: datetime,
) -> LeaseChange:
    """Make the change, or ask the other side for its yes where it needs one.

    Nothing is taken or freed until then: a question keeps no room.

    Raises:
        NotAllowed: this role changes no lease, or the household has not let the village act for it.
        InvalidValue: the change cannot be made, or gives no reason.
        RoomTaken: somebody has one of the rooms on one of the days.
        DiffersFromShown: it would do something else than the page said.
        WrongState: the lease is not in force, or another change of it waits for an answer.
    """
    side = side_of_change(actor)
    asked_for = proxy_for(owner=lease.owner, actor=actor)
    if not reason.strip() or len(reason) > REASON_LENGTH:
        raise InvalidValue(_("请写一句原因，最多 %(most)s 个字，对方看得到。", most=REASON_LENGTH))
    _refuse_taker(wanted, side, lease)
    _lock(lease, wanted)
    _end_lapsed(lease, actor, now)
    effect = _effect_as_shown(lease, wanted, shown_digest, actor, today, now)
    draft = None
    if wanted.kind is ChangeKind.RELOCATE:
        draft = draft_new_lease(lease=lease, effect=effect, today=today, actor=actor, now=now)
    change = LeaseChange(
        lease_id=lease.id,
        kind=wanted.kind.value,
        effective_on=effect.effective_on,
        reason=reason.strip(),
        terms=wanted.as_terms(),
        facts=effect.facts(),
        asked_side=side.value,
        asked_by=actor.user_id,
        asked_for=asked_for,
        asked_at=now,
        taker_id=wanted.enterprise_id,
        new_lease_id=draft.id if draft else None,
    )
    db.session.add(change)
    db.session.flush()
    _record(change, "bookings.ask_change", actor, asked_for)
    if draft is not None:
        # Made by the second signature under the new lease, however long the notice.
        tell_relocation(lease, change, needs_yes=effect.needs_yes)
    elif effect.needs_yes:
        # A question that could not be made is not asked: the rooms are looked at as in earnest.
        refuse_unmakeable(lease, wanted, now)
        if change.taker_id is None:
            tell_asked(lease, change)
        else:
            tell_taker(lease, change)
    else:
        _make(lease, change, wanted, effect, actor, today, now)
    return change


def answer_change(
    *,
    change: LeaseChange,
    yes: bool,
    reason: str,
    shown_digest: str,
    actor: Actor,
    today: date,
    now: datetime,
) -> None:
    """The other side's yes makes the change as it is now shown; its no ends the question.

    Raises:
        NotAllowed: somebody who speaks for neither side.
        InvalidValue: a no without a reason; or the change can no longer be made.
        WrongState: the asker answers, or it is answered already.
        RoomTaken, DiffersFromShown: as ``ask_change``.
    """
    side = side_of_change(actor)
    lease = change.lease
    decided_for = proxy_for(owner=lease.owner, actor=actor)
    if not yes and not reason.strip():
        raise InvalidValue(_("请写一句不同意的原因，对方看得到。"))
    wanted = Wanted.from_terms(change.kind, change.terms)
    if yes:
        _lock(lease, wanted)
    _lock_open(change)
    if side == change.asked_side:
        raise WrongState(_("这是您这一方提出的，要等对方答复。"))
    if yes and change.taker_id is not None and change.taken_at is None:
        raise WrongState(_("接手的企业还没有答应，等它答应了您再答复。"))
    if wanted.kind is ChangeKind.RELOCATE:
        _refuse_answered_relocation(change)
    change.decided_for, change.answer_reason = decided_for, reason.strip() or None
    if yes:
        effect = _effect_as_shown(lease, wanted, shown_digest, actor, today, now, change)
        if wanted.kind is ChangeKind.RELOCATE:
            _let_go(change, actor, decided_for, now)
            return
        change.facts, change.effective_on = effect.facts(), effect.effective_on
        _make(lease, change, wanted, effect, actor, today, now)
        return
    change.state, change.decided_by, change.decided_at = "refused", actor.user_id, now
    db.session.flush()
    _record(change, "bookings.refuse_change", actor, decided_for)
    if change.kind == ChangeKind.RELOCATE:
        drop_draft(change=change, reason=_("换房没有谈成，原来那户没有答应"), actor=actor, now=now)
    tell_refused(lease, change)


def take_lease(*, change: LeaseChange, actor: Actor, now: datetime) -> None:
    """The firm that is to take the lease over says yes; then the lessor is asked.

    Raises NotAllowed for anybody else, WrongState when the question is over or answered.
    """
    if actor.role != Role.EMPLOYER_MANAGER or change.taker_id != actor.enterprise_id:
        raise NotAllowed(_("由接手企业的负责人答应。"))
    _lock_open(change)
    if change.taken_at is not None:
        raise WrongState(_("贵司已经答应了，等户主答复。"))
    change.taken_by, change.taken_at = actor.user_id, now
    db.session.flush()
    _record(change, "bookings.take_lease", actor, None)
    tell_asked(change.lease, change)


def withdraw_change(*, change: LeaseChange, actor: Actor, now: datetime) -> None:
    """The asking side takes its question back.

    Raises WrongState if it is answered already or the other side's, NotAllowed as ``ask_change``.
    """
    side = side_of_change(actor)
    on_behalf_of = proxy_for(owner=change.lease.owner, actor=actor)
    _lock_open(change)
    if side != change.asked_side or actor.enterprise_id not in (None, change.lease.enterprise_id):
        raise WrongState(_("这是对方提出的，您可以答复同意或不同意。"))
    change.state, change.decided_by, change.decided_at = "withdrawn", actor.user_id, now
    db.session.flush()
    _record(change, "bookings.withdraw_change", actor, on_behalf_of)
    if change.kind == ChangeKind.RELOCATE:
        drop_draft(change=change, reason=_("企业不换房了"), actor=actor, now=now)


def _end_lapsed(lease: Lease, actor: Actor, now: datetime) -> None:
    """A relocation whose lease was not signed in time asks nothing any more, and is not in the way."""
    over = db.session.execute(
        select(LeaseChange).where(LeaseChange.lease_id == lease.id, LeaseChange.state == "asked", lapsed(now))
    ).scalar_one_or_none()
    if over is not None:
        over.state, over.decided_at = "withdrawn", now
        db.session.flush()
        _record(over, "bookings.end_lapsed_change", actor, None)


def _refuse_answered_relocation(change: LeaseChange) -> None:
    """Raise WrongState unless a relocation waits for the word of the lessor whose room is left."""
    if change.agreed_at is not None:
        raise WrongState(_("您已经答应放这间房了，等新合同两边签好。"))
    if not change.facts["needs_yes"]:
        raise WrongState(_("对方按合同提前说了，不用您答复。"))


def _let_go(change: LeaseChange, actor: Actor, decided_for: int | None, now: datetime) -> None:
    """The lessor lets the room go sooner than by notice; the signatures under the new lease make it."""
    change.agreed_by, change.agreed_for, change.agreed_at = actor.user_id, decided_for, now
    change.decided_for = None
    db.session.flush()
    _record(change, "bookings.agree_to_relocate", actor, decided_for)
    tell_agreed(change.lease, change)


def _refuse_taker(wanted: Wanted, side: Side, lease: Lease) -> None:
    """Raise unless the firm that has the lease asks to pass it on, and to another that is verified."""
    if wanted.kind is ChangeKind.RELOCATE and side is not Side.LESSEE:
        raise WrongState(_("换到别家由租着的企业提出。"))
    if wanted.kind is not ChangeKind.TRANSFER:
        return
    if side is not Side.LESSEE:
        raise WrongState(_("转给别的企业由租着的企业提出。"))
    taker = db.session.get(Enterprise, wanted.enterprise_id)
    if taker is None or taker.state != "verified" or taker.id == lease.enterprise_id:
        raise InvalidValue(_("接手的要是另一家街道核验过的企业，请核对信用代码。"))
    if lease.enterprise.state != "verified":
        raise WrongState(_("贵司的资料还没有核验通过，不能转。"))


def _lock(lease: Lease, wanted: Wanted) -> None:
    """Rooms, then the lease, then money: always in this order."""
    lock_lease(lease, villages=villages_of(wanted))
    lock_money([lease.village_code])


def _effect_as_shown(
    lease: Lease,
    wanted: Wanted,
    shown_digest: str,
    actor: Actor,
    today: date,
    now: datetime,
    asked: LeaseChange | None = None,
) -> ChangeEffect:
    effect = effect_of(lease, wanted, actor=actor, today=today, now=now, asked=asked)
    if effect.digest() != shown_digest:
        raise DiffersFromShown(_("刚才房间、账单或住的人有变动，结果和您看到的不一样。请看过新的再确认。"))
    return effect


def _lock_open(change: LeaseChange) -> None:
    db.session.execute(
        select(LeaseChange)
        .where(LeaseChange.id == change.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one()
    if change.state != "asked":
        raise WrongState(_("这个变更已经有结果了，请刷新后再看。"))


def _make(
    lease: Lease,
    change: LeaseChange,
    wanted: Wanted,
    effect: ChangeEffect,
    actor: Actor,
    today: date,
    now: datetime,
) -> None:
    new_lease = make_change(change=change, wanted=wanted, effect=effect, actor=actor, today=today, now=now)
    change.state, change.decided_by, change.decided_at = "done", actor.user_id, now
    change.new_lease_id = new_lease.id if new_lease else None
    db.session.flush()
    _record(change, "bookings.make_change", actor, change.decided_for or change.asked_for)
    tell_done(lease, change)


def _record(change: LeaseChange, action: str, actor: Actor, on_behalf_of: int | None) -> None:
    audit.record(
        actor=actor,
        action=action,
        entity="lease_change",
        entity_id=change.id,
        on_behalf_of=on_behalf_of,
        changes={
            "lease_id": change.lease_id,
            "kind": change.kind,
            "state": change.state,
            "effective_on": change.effective_on.isoformat(),
            "terms": change.terms,
        },
    )
