"""The employer gives rooms back before their time."""

from datetime import datetime

from qiantang_nest.bookings.models import Hold
from qiantang_nest.bookings.services.hold_lock import lock_active_hold
from qiantang_nest.bookings.services.telling import OwnerNotice, tell_owners
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.occupancy.services.claims import release_claims


def release_hold(*, hold: Hold, actor: Actor, now: datetime) -> None:
    """Free every room of the hold and tell the households. Raises WrongState if it no longer counts."""
    locked = lock_active_hold(hold, now)
    release_claims(claim_ids=[room.claim_id for room in locked.rooms])
    hold.state = "released"
    audit.record(
        actor=actor,
        action="bookings.release_hold",
        entity="hold",
        entity_id=hold.id,
        changes={"rooms": len(locked.rooms)},
    )
    name = hold.enterprise.name
    tell_owners(
        [
            OwnerNotice(
                owner_id=owner_id,
                key=f"hold-released:{hold.id}:{owner_id}",
                sms=f"{name}不租您的房了，您的房又空出来，别家可以订。您不用再答复。",
                kind="bookings.hold_released",
                params={"enterprise": name},
                url=f"/holds/{hold.id}/answers/{owner_id}",
            )
            for owner_id in sorted({room.owner_id for room in locked.rooms})
        ]
    )
