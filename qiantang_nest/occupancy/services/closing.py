"""A household or the village takes a room off the market for a time: repair, own use."""

from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, lock_villages
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.housing.models import Room
from qiantang_nest.occupancy.models import RoomClaim, RoomTaken
from qiantang_nest.occupancy.services.claims import expire_stale_holds

REASON_LENGTH = 40
LONGEST_DAYS = 5 * 366


def close_room(
    *,
    room: Room,
    starts_on: date,
    ends_on: date,
    reason: str,
    actor: Actor,
    today: date,
    now: datetime,
    on_behalf_of: int | None = None,
) -> RoomClaim:
    """Close a room for ``[starts_on, ends_on)``; the claim says why.

    Raises:
        InvalidValue: no reason, a day in the past, or longer than five years.
        RoomTaken: it is held, let or closed on one of the days.
    """
    reason = reason.strip()
    if not reason or len(reason) > REASON_LENGTH:
        raise InvalidValue(_("请写明为什么停用，最多 %(most)s 个字。", most=REASON_LENGTH))
    if starts_on < today:
        raise InvalidValue(_("开始日期 %(day)s 已经过去了，请从今天或以后算起。", day=starts_on.isoformat()))
    if not 0 < (ends_on - starts_on).days <= LONGEST_DAYS:
        raise InvalidValue(_("停用的最后一天应不早于开始那天，最长 5 年。"))
    lock_villages([room.village_code])
    expire_stale_holds(room_ids=[room.id], now=now)
    _refuse_overlap(room, starts_on, ends_on)
    claim = RoomClaim(
        room_id=room.id,
        village_code=room.village_code,
        starts_on=starts_on,
        ends_on=ends_on,
        state="closed",
        reason=reason,
        closed_by=actor.user_id,
        on_behalf_of=on_behalf_of,
    )
    db.session.add(claim)
    db.session.flush()
    _record(claim, "occupancy.close_room", actor, on_behalf_of)
    return claim


def _refuse_overlap(room: Room, starts_on: date, ends_on: date) -> None:
    taken = (
        db.session.execute(
            select(RoomClaim)
            .where(
                RoomClaim.room_id == room.id,
                RoomClaim.state != "released",
                RoomClaim.starts_on < ends_on,
                RoomClaim.ends_on > starts_on,
            )
            .order_by(RoomClaim.starts_on)
            .limit(1)
        )
        .scalars()
        .one_or_none()
    )
    if taken is None:
        return
    first, last = taken.starts_on.isoformat(), (taken.ends_on - timedelta(days=1)).isoformat()
    sentences = {
        "held": _(
            "%(room)s 在 %(first)s 到 %(last)s 被企业锁定了，等答复以后再停用，或改日期。",
            room=room.label,
            first=first,
            last=last,
        ),
        "leased": _(
            "%(room)s 在 %(first)s 到 %(last)s 已经租出去了，不能停用，请改日期。",
            room=room.label,
            first=first,
            last=last,
        ),
        "closed": _(
            "%(room)s 在 %(first)s 到 %(last)s 已经停用了，请改日期。",
            room=room.label,
            first=first,
            last=last,
        ),
    }
    raise RoomTaken(sentences[taken.state])


def reopen_room(*, claim: RoomClaim, actor: Actor, today: date, on_behalf_of: int | None = None) -> None:
    """End a closing today: the room is free again from today on. Freeing needs no lock.

    Raises WrongState if the room is not closed any more.
    """
    claim = db.session.execute(
        select(RoomClaim)
        .options(joinedload(RoomClaim.room))
        .where(RoomClaim.id == claim.id)
        .with_for_update(of=RoomClaim)
        .execution_options(populate_existing=True)
    ).scalar_one()
    if claim.state != "closed" or claim.ends_on <= today:
        raise WrongState(_("这间房现在没有停用，不用恢复。"))
    if claim.starts_on >= today:
        claim.state = "released"
    else:
        claim.ends_on = today
    db.session.flush()
    _record(claim, "occupancy.reopen_room", actor, on_behalf_of)


def _record(claim: RoomClaim, action: str, actor: Actor, on_behalf_of: int | None) -> None:
    audit.record(
        actor=actor,
        action=action,
        entity="room_claim",
        entity_id=claim.id,
        on_behalf_of=on_behalf_of,
        changes={
            "room_id": claim.room_id,
            "state": claim.state,
            "starts_on": claim.starts_on.isoformat(),
            "ends_on": claim.ends_on.isoformat(),
        },
    )
