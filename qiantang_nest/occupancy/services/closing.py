"""Households or the village take rooms off the market for a time: repair, own use, a festival."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, lock_villages
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.housing.models import House, Room
from qiantang_nest.occupancy.models import RoomClaim, RoomTaken
from qiantang_nest.occupancy.services.claims import expire_stale_holds

REASON_LENGTH = 40
LONGEST_DAYS = 5 * 366
ROOMS_NAMED = 5
"""So many rooms in the way are named in one sentence; the page marks them all."""


class RoomsTaken(RoomTaken):
    """Some of the rooms are taken on one of the days; ``in_the_way`` says room id → which, when, by what."""

    def __init__(self, in_the_way: Mapping[int, str]) -> None:
        sentences = list(in_the_way.values())
        message = _("；").join(sentences[:ROOMS_NAMED])
        if len(sentences) > ROOMS_NAMED:
            message = _("%(rooms)s，等 %(count)s 间", rooms=message, count=len(sentences))
        super().__init__(
            _("%(rooms)s。请改日期，或不选这间再办；现在什么都没有改动。", rooms=message)
            if len(sentences) == 1
            else _("%(rooms)s。请改日期，或不选这几间再办；现在什么都没有改动。", rooms=message)
        )
        self.in_the_way = in_the_way


def close_rooms(
    *,
    rooms: Sequence[Room],
    starts_on: date,
    ends_on: date,
    reason: str,
    actor: Actor,
    today: date,
    now: datetime,
    as_proxy: bool = False,
) -> list[RoomClaim]:
    """Close rooms for ``[starts_on, ends_on)``, all or nothing; the claims say why.

    ``as_proxy``: a clerk does it for the households.

    Raises:
        InvalidValue: no reason, a day in the past, or longer than five years.
        RoomsTaken: one is held, let or closed on one of the days.
    """
    reason = reason.strip()
    if not reason or len(reason) > REASON_LENGTH:
        raise InvalidValue(_("请写明为什么停用，最多 %(most)s 个字。", most=REASON_LENGTH))
    if starts_on < today:
        raise InvalidValue(_("开始日期 %(day)s 已经过去了，请从今天或以后算起。", day=starts_on.isoformat()))
    if not 0 < (ends_on - starts_on).days <= LONGEST_DAYS:
        raise InvalidValue(_("停用的最后一天应不早于开始那天，最长 5 年。"))
    lock_villages({room.village_code for room in rooms})
    expire_stale_holds(room_ids=[room.id for room in rooms], now=now)
    _refuse_overlap(rooms, starts_on, ends_on)
    claims = [
        RoomClaim(
            room=room,
            village_code=room.village_code,
            starts_on=starts_on,
            ends_on=ends_on,
            state="closed",
            reason=reason,
            closed_by=actor.user_id,
            on_behalf_of=room.house.owner_id if as_proxy else None,
        )
        for room in rooms
    ]
    db.session.add_all(claims)
    db.session.flush()
    for claim in claims:
        _record(claim, "occupancy.close_rooms", actor, as_proxy)
    return claims


def _refuse_overlap(rooms: Sequence[Room], starts_on: date, ends_on: date) -> None:
    taken = db.session.execute(
        select(RoomClaim)
        .join(RoomClaim.room)
        .join(Room.house)
        .options(joinedload(RoomClaim.room).joinedload(Room.house))
        .where(
            RoomClaim.room_id.in_([room.id for room in rooms]),
            RoomClaim.state != "released",
            RoomClaim.starts_on < ends_on,
            RoomClaim.ends_on > starts_on,
        )
        .order_by(House.address, Room.label, RoomClaim.room_id, RoomClaim.starts_on.desc())
    ).scalars()
    # Of several claims of a room the first one in time is told.
    in_the_way = {claim.room_id: _in_the_way(claim) for claim in taken}
    if in_the_way:
        raise RoomsTaken(in_the_way)


def _in_the_way(claim: RoomClaim) -> str:
    sentences: dict[str, str] = {
        "held": _("%(house)s %(room)s 在 %(first)s 到 %(last)s 被企业锁定了，要等答复", **_named(claim)),
        "leased": _("%(house)s %(room)s 在 %(first)s 到 %(last)s 已经租出去了", **_named(claim)),
        "closed": _("%(house)s %(room)s 在 %(first)s 到 %(last)s 已经停用了", **_named(claim)),
    }
    return sentences[claim.state]


def _named(claim: RoomClaim) -> dict[str, str]:
    return {
        "house": claim.room.house.address,
        "room": claim.room.label,
        "first": claim.starts_on.isoformat(),
        "last": (claim.ends_on - timedelta(days=1)).isoformat(),
    }


def reopen_rooms(*, claims: Sequence[RoomClaim], actor: Actor, today: date, as_proxy: bool = False) -> None:
    """End closings today, all or nothing: the rooms are free again from today on. Freeing needs no lock.

    Raises WrongState, naming the room, if one of them is not closed any more.
    """
    fresh = (
        db.session.execute(
            select(RoomClaim)
            .options(joinedload(RoomClaim.room).joinedload(Room.house))
            .where(RoomClaim.id.in_([claim.id for claim in claims]))
            .order_by(RoomClaim.id)
            .with_for_update(of=RoomClaim)
            .execution_options(populate_existing=True)
        )
        .scalars()
        .all()
    )
    for claim in fresh:
        if claim.state != "closed" or claim.ends_on <= today:
            raise WrongState(
                _(
                    "%(house)s %(room)s 现在没有停用，不用恢复；别的房也没有改动。",
                    house=claim.room.house.address,
                    room=claim.room.label,
                )
            )
        if claim.starts_on >= today:
            claim.state = "released"
        else:
            claim.ends_on = today
    db.session.flush()
    for claim in fresh:
        _record(claim, "occupancy.reopen_rooms", actor, as_proxy)


def _record(claim: RoomClaim, action: str, actor: Actor, as_proxy: bool) -> None:
    audit.record(
        actor=actor,
        action=action,
        entity="room_claim",
        entity_id=claim.id,
        on_behalf_of=claim.room.house.owner_id if as_proxy else None,
        changes={
            "room_id": claim.room_id,
            "state": claim.state,
            "starts_on": claim.starts_on.isoformat(),
            "ends_on": claim.ends_on.isoformat(),
        },
    )
