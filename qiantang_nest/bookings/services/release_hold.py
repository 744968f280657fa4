"""The employer gives rooms of a hold back before their time: all of them, or those it does not take."""

from collections.abc import Collection, Sequence
from datetime import datetime

from qiantang_nest.bookings.models import Hold, HoldRoom
from qiantang_nest.bookings.rules import Answer
from qiantang_nest.bookings.services.hold_lock import lock_active_hold
from qiantang_nest.bookings.services.telling import OwnerNotice, tell_owners
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.core.i18n import _
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
    _tell_owners(hold, locked.rooms)


def release_rooms(*, hold: Hold, hold_room_ids: Collection[int], actor: Actor, now: datetime) -> int:
    """Free some rooms of the hold; returns how many. Giving all back is ``release_hold``.

    Raises:
        WrongState: the hold no longer counts, or a room is no longer in it.
        InvalidValue: no room is named, or all that are left.
    """
    locked = lock_active_hold(hold, now)
    chosen = [room for room in locked.rooms if room.id in hold_room_ids]
    if not hold_room_ids:
        raise InvalidValue(_("请勾上要放开的房间。"))
    if len(chosen) < len(set(hold_room_ids)):
        raise WrongState(_("勾的房间里有的已经不在这一单里了，请刷新后再看。"))
    if len(chosen) == len(locked.rooms):
        raise InvalidValue(_("这一单的房全勾上了：都不要的话，请点“全部放开”。"))
    release_claims(claim_ids=[room.claim_id for room in chosen])
    for room in chosen:
        room.answer = Answer.RELEASED.value
    audit.record(
        actor=actor,
        action="bookings.release_rooms",
        entity="hold",
        entity_id=hold.id,
        changes={"rooms": [room.room_id for room in chosen]},
    )
    _tell_owners(hold, chosen)
    return len(chosen)


def _tell_owners(hold: Hold, rooms: Sequence[HoldRoom]) -> None:
    name = hold.enterprise.name
    of_owner: dict[int, list[HoldRoom]] = {}
    for room in rooms:
        of_owner.setdefault(room.owner_id, []).append(room)
    tell_owners(
        [
            OwnerNotice(
                owner_id=owner_id,
                key=f"hold-released:{hold.id}:{owner_id}:{min(room.id for room in mine)}",
                sms=f"{name}不租您的 {len(mine)} 间房了，房又空出来，别家可以订。您不用再答复。",
                kind="bookings.hold_released",
                params={"enterprise": name, "rooms": len(mine)},
                url=f"/holds/{hold.id}/answers/{owner_id}",
            )
            for owner_id, mine in sorted(of_owner.items())
        ]
    )
