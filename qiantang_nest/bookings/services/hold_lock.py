"""Holding a hold still: its villages' locks first, then its row, always in this order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from qiantang_nest.bookings.models import Hold, HoldRoom
from qiantang_nest.bookings.rules import HoldStage, hold_stage
from qiantang_nest.core.db import db, lock_villages
from qiantang_nest.core.errors import WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.occupancy.models import RoomClaim


@dataclass(frozen=True, slots=True)
class LockedHold:
    """A hold nobody else changes until the transaction ends, and the rooms it still has."""

    hold: Hold
    rooms: Sequence[HoldRoom]

    def with_answer(self, answer: str) -> list[HoldRoom]:
        """Its rooms with this answer."""
        return [room for room in self.rooms if room.answer == answer]


def lock_active_hold(hold: Hold, now: datetime) -> LockedHold:
    """Lock a hold that still counts.

    Raises:
        WrongState: it has run out, was released, is booked already, or only offered.
    """
    lock_hold(hold)
    refuse_unless_active(hold, now)
    return LockedHold(hold, rooms_held(hold))


def lock_hold(hold: Hold) -> None:
    """Lock the villages of a hold, then its row, which is read anew."""
    villages = select(HoldRoom.village_code).where(HoldRoom.hold_id == hold.id).distinct()
    lock_villages(db.session.execute(villages).scalars())
    db.session.execute(
        select(Hold)
        .where(Hold.id == hold.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).scalar_one()


def rooms_held(hold: Hold) -> Sequence[HoldRoom]:
    """The rooms it still has."""
    rooms = db.session.execute(
        select(HoldRoom)
        .join(RoomClaim, RoomClaim.id == HoldRoom.claim_id)
        .where(HoldRoom.hold_id == hold.id, RoomClaim.state == "held")
        .order_by(HoldRoom.id)
        .execution_options(populate_existing=True)
    )
    return rooms.scalars().all()


def refuse_unless_active(hold: Hold, now: datetime) -> None:
    """Raises WrongState unless the hold counts at ``now``."""
    match hold_stage(hold.state, hold.expires_at, now):
        case HoldStage.EXPIRED:
            raise WrongState(_("锁定已经到时放开，这些房别人也能订了。请重新找房。"))
        case HoldStage.RELEASED:
            raise WrongState(_("这一单已经放开了。"))
        case HoldStage.BOOKED:
            raise WrongState(_("这一单已经预订好了，请到租约里看。"))
        case HoldStage.OFFERED:
            raise WrongState(_("这几间房是候补到的，要先点“要这些房”。"))
        case HoldStage.ACTIVE:
            return
