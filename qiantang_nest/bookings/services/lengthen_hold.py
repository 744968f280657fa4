"""A hold lasts longer, once: the households keep their rooms for it a while more and read why."""

from datetime import datetime, timedelta

from qiantang_nest.bookings.models import Hold
from qiantang_nest.bookings.rules import Times
from qiantang_nest.bookings.services.hold_lock import lock_active_hold
from qiantang_nest.bookings.services.telling import OwnerNotice, tell_owners
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.clock import SHANGHAI
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.occupancy.services.claims import hold_claims_until


def lengthen_hold(*, hold: Hold, reason: str, times: Times, actor: Actor, now: datetime) -> None:
    """Move the end of a hold by ``times.lengthen_hours``.

    Raises:
        WrongState: the hold no longer counts, was lengthened before, or the district allows it for none.
        InvalidValue: no reason is given.
    """
    if not reason:
        raise InvalidValue(_("请写一句为什么要多留，户主看得到。"))
    locked = lock_active_hold(hold, now)
    if hold.lengthened_at is not None:
        raise WrongState(_("这一单已经延长过一次，不能再延。到时没订就放开。"))
    if not times.lengthen_hours:
        raise WrongState(_("区里规定锁定不能延长。"))
    before = hold.expires_at
    hold.expires_at = before + timedelta(hours=times.lengthen_hours)
    hold.lengthened_at, hold.lengthen_reason, hold.warned_at = now, reason, None
    hold_claims_until(claim_ids=[room.claim_id for room in locked.rooms], held_until=hold.expires_at)
    audit.record(
        actor=actor,
        action="bookings.lengthen_hold",
        entity="hold",
        entity_id=hold.id,
        changes={"from": before.isoformat(), "to": hold.expires_at.isoformat(), "reason": reason},
    )
    name, until = hold.enterprise.name, hold.expires_at.astimezone(SHANGHAI)
    tell_owners(
        [
            OwnerNotice(
                owner_id=owner_id,
                key=f"hold-lengthened:{hold.id}:{owner_id}",
                sms=f"{name}把您的房多留到 {until.month} 月 {until.day} 日 {until:%H:%M}：{reason}",
                kind="bookings.hold_lengthened",
                params={"enterprise": name, "hours": times.lengthen_hours, "reason": reason},
                url=f"/holds/{hold.id}/answers/{owner_id}",
            )
            for owner_id in sorted({room.owner_id for room in locked.rooms})
        ]
    )
