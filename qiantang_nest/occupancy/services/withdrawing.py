"""Taking a lease back before both sides have signed: its rooms are free at once, the reason stays to be read.

Whoever is first decides: signing and taking back both lock the lease's row, so the later one is refused.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, NotAllowed
from qiantang_nest.core.i18n import _
from qiantang_nest.housing.services import proxy_for
from qiantang_nest.occupancy.models import Lease, LeaseChange, LeaseRoom, LeaseWithdrawal
from qiantang_nest.occupancy.services.claims import release_claims
from qiantang_nest.occupancy.services.signing import LESSOR, refuse_unless_open, side_of

OFFICE = "office"
REASON_LENGTH = 100


def withdraw_lease(*, lease: Lease, reason: str, actor: Actor, now: datetime) -> str:
    """The employer no longer wants it, or the household (or the clerk as its proxy) will not sign.

    Returns the side that took it back.

    Raises:
        InvalidValue: no reason, or one too long for a text message.
        NotAllowed: this role signs no lease, or the household has not let the village act for it.
        WrongState: both have signed, it was taken back already, or its time to sign is over.
    """
    side = side_of(actor)
    on_behalf_of = proxy_for(owner=lease.owner, actor=actor) if side == LESSOR else None
    _lock(lease)
    refuse_unless_open(lease, now)
    cancel_drafts(leases=[lease], side=side, reason=reason, actor=actor, now=now, on_behalf_of=on_behalf_of)
    return side


def _lock(lease: Lease) -> None:
    """Nobody signs it until this transaction ends; whoever did before is seen."""
    db.session.refresh(lease, with_for_update=True)


def cancel_drafts(
    *,
    leases: Sequence[Lease],
    side: str,
    reason: str,
    actor: Actor,
    now: datetime,
    on_behalf_of: int | None = None,
    user_id: int | None = None,
) -> None:
    """Cancel unsigned leases whose rows the caller has locked and looked at; frees their rooms.

    A relocation that asked for one of them is over with it. ``user_id`` is whose word is taken back, if it is
    not the actor's.

    Raises:
        InvalidValue: no reason, or one too long for a text message.
        NotAllowed: nobody in particular does it.
    """
    reason = reason.strip()
    if not reason or len(reason) > REASON_LENGTH:
        raise InvalidValue(_("请写一句原因，最多 %(most)s 个字，对方看得到。", most=REASON_LENGTH))
    if actor.user_id is None:
        raise NotAllowed(_("合同要由本人撤回。"))
    for lease in leases:
        lease.state = "cancelled"
        db.session.add(
            LeaseWithdrawal(
                lease_id=lease.id,
                side=side,
                user_id=user_id or actor.user_id,
                on_behalf_of=on_behalf_of,
                reason=reason,
                withdrawn_at=now,
            )
        )
        audit.record(
            actor=actor,
            action="occupancy.withdraw_lease",
            entity="lease",
            entity_id=lease.id,
            changes={"side": side, "reason": reason, "state": "cancelled"},
            on_behalf_of=on_behalf_of,
        )
    db.session.execute(
        update(LeaseChange)
        .where(LeaseChange.new_lease_id.in_([lease.id for lease in leases]), LeaseChange.state == "asked")
        .values(state="withdrawn", decided_by=actor.user_id, decided_at=now)
    )
    db.session.flush()
    claims = select(LeaseRoom.claim_id).where(LeaseRoom.lease_id.in_([lease.id for lease in leases]))
    release_claims(claim_ids=db.session.execute(claims).scalars().all())
