"""A household says yes or no to rooms of a hold; what it refuses is replaced or dropped, as was chosen."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select

from qiantang_nest.bookings.models import Hold, HoldRoom
from qiantang_nest.bookings.queries.rooms import candidates
from qiantang_nest.bookings.rules import (
    Answer,
    Area,
    FreeRoom,
    OnRefusal,
    Times,
    Wants,
    better_replacement,
    candidates_wanted,
)
from qiantang_nest.bookings.services.hold_lock import LockedHold, lock_active_hold
from qiantang_nest.bookings.services.taking_rooms import HeldBlock, add_rooms, ask_owners
from qiantang_nest.bookings.services.telling import tell_enterprise
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.geography.rules import LatLon
from qiantang_nest.housing.models import House, Owner, Room
from qiantang_nest.housing.services import proxy_for
from qiantang_nest.occupancy.services.claims import release_claims

BATHROOM = "private_bathroom"


@dataclass(slots=True)
class Answered:
    """What an answer led to: rooms said yes to, refused rooms with what stands in for them, dropped ones."""

    accepted: int = 0
    replaced: list[tuple[HoldRoom, FreeRoom]] = field(default_factory=list)
    dropped: int = 0


def answer_hold(
    *,
    hold: Hold,
    owner: Owner,
    hold_room_ids: Collection[int],
    answer: Answer,
    reason: str,
    times: Times,
    actor: Actor,
    now: datetime,
) -> Answered:
    """Record a household's answer to rooms of a hold that wait for it.

    The clerk answers with the household's recorded consent and is named beside it. A refused room is free at
    once; under ``replace`` the nearest room of the same village that is as good and costs no more takes its
    place, and its household is asked.

    Raises:
        NotAllowed: the village acts for a household that has not agreed.
        WrongState: the hold is over, or a room is answered already.
        InvalidValue: no room is named, or a refusal gives no reason.
    """
    on_behalf_of = proxy_for(owner=owner, actor=actor)
    if answer is Answer.DECLINED and not reason:
        raise InvalidValue(_("请写一句不租的原因，企业看得到。"))
    locked = lock_active_hold(hold, now)
    waiting = [
        room
        for room in locked.with_answer(Answer.WAITING)
        if room.owner_id == owner.id and room.id in hold_room_ids
    ]
    if not hold_room_ids:
        raise InvalidValue(_("请至少勾一间房。"))
    if len(waiting) < len(set(hold_room_ids)):
        raise WrongState(_("这几间房里有的已经答复过了，或者不在这一单里了。"))
    for room in waiting:
        room.answer, room.answer_reason = answer.value, reason or None
        room.answered_by, room.on_behalf_of, room.answered_at = actor.user_id, on_behalf_of, now
    result = Answered()
    if answer is Answer.ACCEPTED:
        result.accepted = len(waiting)
    else:
        _give_back(locked, waiting, result, times, now)
    audit.record(
        actor=actor,
        action="bookings.answer_hold",
        entity="hold",
        entity_id=hold.id,
        changes={
            "owner_id": owner.id,
            "answer": answer.value,
            "rooms": [room.room_id for room in waiting],
            "replaced_by": [new.room_id for _old, new in result.replaced],
            "dropped": result.dropped,
        },
        on_behalf_of=on_behalf_of,
    )
    _tell_employer(locked, waiting, result)
    return result


def _give_back(
    locked: LockedHold, refused: Sequence[HoldRoom], result: Answered, times: Times, now: datetime
) -> None:
    hold = locked.hold
    db.session.flush()
    release_claims(claim_ids=[room.claim_id for room in refused])
    if hold.on_refusal == OnRefusal.DROP:
        result.dropped = len(refused)
        return
    block = HeldBlock.asked_at(now, times, hold.id, hold.starts_on, hold.ends_on, hold.expires_at)
    for old, new in _replacements(hold, refused, now):
        if new is None:
            result.dropped += 1
            continue
        add_rooms(block, [new], now=now, replaces_id=old.id)
        result.replaced.append((old, new))
    if result.replaced:
        ask_owners(block, hold.enterprise.name, [new for _old, new in result.replaced])


def _replacements(
    hold: Hold, refused: Sequence[HoldRoom], now: datetime
) -> list[tuple[HoldRoom, FreeRoom | None]]:
    """For each refused room the one that takes its place; at most two looks, with and without bathrooms."""
    facts = {
        room.id: (room, house)
        for room, house in db.session.execute(
            select(Room, House)
            .join(House, House.id == Room.house_id)
            .where(Room.id.in_([one.room_id for one in refused]))
        )
    }
    free: dict[bool, list[FreeRoom]] = {}
    found: list[tuple[HoldRoom, FreeRoom | None]] = []
    taken: set[int] = set()
    for old in refused:
        room, house = facts[old.room_id]
        bathroom = BATHROOM in room.features
        if bathroom not in free:
            free[bathroom] = candidates(
                Area(LatLon(house.lat, house.lon), (old.village_code,)),
                Wants(
                    max_rent_fen=max(one.rent_fen for one in refused),
                    features=(BATHROOM,) if bathroom else (),
                ),
                starts_on=hold.starts_on,
                ends_on=hold.ends_on,
                now=now,
                limit=candidates_wanted(20 * len(refused)),
            )
        fitting = [one for one in free[bathroom] if one.room_id not in taken and one.owner_id != old.owner_id]
        new = better_replacement(fitting, rent_fen=old.rent_fen, beds=room.beds)
        if new is not None:
            taken.add(new.room_id)
        found.append((old, new))
    return found


def _tell_employer(locked: LockedHold, answered: Sequence[HoldRoom], result: Answered) -> None:
    """The employer hears of every refusal at once, of the yeses when the last answer is in."""
    hold = locked.hold
    left = len(locked.with_answer(Answer.WAITING)) + len(result.replaced)
    if result.replaced or result.dropped:
        tell_enterprise(
            hold.enterprise_id,
            kind="bookings.rooms_refused",
            params={
                "rooms": len(answered),
                "replaced": len(result.replaced),
                "dropped": result.dropped,
            },
            url=f"/holds/{hold.id}",
        )
    elif not left:
        tell_enterprise(
            hold.enterprise_id,
            kind="bookings.all_answered",
            params={"rooms": len(locked.with_answer(Answer.ACCEPTED))},
            url=f"/holds/{hold.id}",
        )
