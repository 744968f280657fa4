"""Taking rooms off the market for one employer: whole or not at all, whatever the others do meanwhile."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, text

from qiantang_nest.bookings.models import Hold
from qiantang_nest.bookings.queries.rooms import candidates, free_among, names_of_rooms, villages_of_rooms
from qiantang_nest.bookings.queries.waiting import ANYBODY_WAITS_SQL
from qiantang_nest.bookings.rules import (
    Ask,
    FreeRoom,
    OnRefusal,
    Times,
    candidates_wanted,
    check_ask,
    check_period,
    choose_rooms,
    digest,
)
from qiantang_nest.bookings.services.taking_rooms import HeldBlock, add_rooms, ask_owners
from qiantang_nest.bookings.services.waiting import serve_waiting
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.clock import business_date
from qiantang_nest.core.db import db, lock_villages, refuse_as
from qiantang_nest.core.errors import DomainError, InvalidValue, NotAllowed
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.core.money import format_yuan
from qiantang_nest.core.period import Period
from qiantang_nest.enterprises.models import Enterprise, Worksite


class NotEnoughRooms(DomainError):
    """Fewer rooms (or beds) are left than asked for; ``left`` says how many."""

    def __init__(self, message: str, left: int) -> None:
        super().__init__(message)
        self.left = left


class RoomsGone(DomainError):
    """Rooms picked by hand are no longer free; ``room_ids`` are those."""

    def __init__(self, message: str, room_ids: Sequence[int]) -> None:
        super().__init__(message)
        self.room_ids = list(room_ids)


class DearerThanShown(DomainError):
    """What is left costs more than the page said; ``rent_fen`` is the new sum a month."""

    def __init__(self, message: str, rent_fen: int) -> None:
        super().__init__(message)
        self.rent_fen = rent_fen


class KeyReused(DomainError):
    """The form was sent before, asking for something else."""

    status = 422


refuse_as("uq_hold_request_key", KeyReused, _l("这张表刚才已经交过一次。请回到找房页重新填写。"))


def hold_rooms(
    *,
    enterprise: Enterprise,
    ask: Ask,
    period: Period,
    on_refusal: OnRefusal,
    worksite: Worksite | None,
    request_key: uuid.UUID,
    shown_rent_fen: int | None,
    times: Times,
    actor: Actor,
    now: datetime,
) -> int:
    """Take the rooms for ``times.hold_hours`` from ``now``; returns the hold's id.

    The same key with the same request again returns the hold it made before.

    ``shown_rent_fen`` is the rent a month that the confirmation page stated: the hold never costs more. The
    villages are locked in one statement of their own, then looked at, then written to; the number of
    statements does not depend on the number of rooms.

    Raises:
        NotAllowed: the employer is not verified.
        InvalidValue: the request or the period makes no sense.
        NotEnoughRooms, RoomsGone: somebody was faster; nothing was taken.
        DearerThanShown: only dearer rooms are left; nothing was taken.
        KeyReused: the key belongs to another request.
    """
    if enterprise.state != "verified":
        raise NotAllowed(_("街道还没有核验贵司的资料，核验通过后才能锁房。"))
    check_ask(ask)
    check_period(period, business_date(now))
    if period.ends_on is None:
        raise InvalidValue(_("请写住到哪天。"))
    asked = digest(ask, period=period, on_refusal=on_refusal, worksite_id=worksite.id if worksite else None)

    # What needs no lock comes before it: every statement under the lock is time that others wait.
    villages = ask.area.village_codes if not ask.room_ids else villages_of_rooms(ask.room_ids)
    expires_at = now + timedelta(hours=times.hold_hours)
    inserted = db.session.execute(
        _INSERT_HOLD,
        {
            "enterprise_id": enterprise.id,
            "worksite_id": worksite.id if worksite else None,
            "starts_on": period.starts_on,
            "ends_on": period.ends_on,
            "expires_at": expires_at,
            "on_refusal": on_refusal.value,
            "request_key": request_key,
            "request_digest": asked,
            "created_by": actor.user_id,
            "now": now,
        },
    ).one_or_none()
    if inserted is None:
        return _hold_of_key(enterprise, request_key, asked)
    hold_id, somebody_waits = inserted
    lock_villages(villages)
    if somebody_waits:
        serve_waiting(village_codes=villages, times=times, now=now, apart_from=enterprise.id)
    rooms = _choose(ask, period, now)
    rent_fen = sum(room.rent_fen for room in rooms)
    if shown_rent_fen is not None and rent_fen > shown_rent_fen:
        raise DearerThanShown(
            _(
                "刚才看到的房有的被订走了，剩下的每月共 %(now)s 元，比页面上多 %(more)s 元。请看过再锁定。",
                now=format_yuan(rent_fen),
                more=format_yuan(rent_fen - shown_rent_fen),
            ),
            rent_fen,
        )
    block = HeldBlock.asked_at(now, times, hold_id, period.starts_on, period.ends_on, expires_at)
    add_rooms(block, rooms, now=now)
    audit.record(
        actor=actor,
        action="bookings.hold_rooms",
        entity="hold",
        entity_id=hold_id,
        changes={
            "rooms": len(rooms),
            "beds": sum(room.beds for room in rooms),
            "rent_fen": rent_fen,
            "starts_on": period.starts_on.isoformat(),
            "ends_on": period.ends_on.isoformat(),
        },
    )
    ask_owners(block, enterprise.name, rooms)
    return int(hold_id)


_INSERT_HOLD = text(
    "INSERT INTO hold (enterprise_id, worksite_id, starts_on, ends_on, expires_at, on_refusal, request_key,"
    " request_digest, created_by, created_at)"
    " VALUES (:enterprise_id, :worksite_id, :starts_on, :ends_on, :expires_at, :on_refusal, :request_key,"
    " :request_digest, :created_by, :now)"
    f" ON CONFLICT (enterprise_id, request_key) DO NOTHING RETURNING id, {ANYBODY_WAITS_SQL}"
)
"""The same key twice at once: the second waits for the first, then finds it.

Whoever begins to wait after this came later than the hold, so the question need not be asked under the lock.
"""


def _hold_of_key(enterprise: Enterprise, request_key: uuid.UUID, asked: str) -> int:
    """The hold this key made before. Raises KeyReused if it was asked for something else."""
    hold_id, made_for = db.session.execute(
        select(Hold.id, Hold.request_digest).where(
            Hold.enterprise_id == enterprise.id, Hold.request_key == request_key
        )
    ).one()
    if made_for != asked:
        raise KeyReused(_("这张表刚才已经交过一次，内容不一样。请回到找房页重新填写。"))
    return int(hold_id)


def _choose(ask: Ask, period: Period, now: datetime) -> list[FreeRoom]:
    if period.ends_on is None:
        raise ValueError("rooms are held for a period with an end")
    days = {"starts_on": period.starts_on, "ends_on": period.ends_on}
    if ask.room_ids:
        free = free_among(ask.room_ids, ask.area.near, now=now, **days)
        gone = sorted(set(ask.room_ids) - {room.room_id for room in free})
        if gone:
            names = names_of_rooms(gone)
            raise RoomsGone(
                _(
                    "手慢了：%(names)s 刚被订走或下架，这一单没有锁任何房。去掉它们再锁定其余的。",
                    names=_("、").join(names.get(room_id, f"#{room_id}") for room_id in gone[:10]),
                ),
                gone,
            )
        return free
    wanted = ask.rooms or ask.beds or 0
    free = _candidates(ask, wanted, period, now)
    rooms = choose_rooms(free, rooms=ask.rooms, beds=ask.beds)
    if ask.rooms is not None and len(rooms) < ask.rooms:
        raise NotEnoughRooms(
            _("这里合适的空房只剩 %(left)s 间，不够 %(asked)s 间。", left=len(rooms), asked=ask.rooms),
            len(rooms),
        )
    beds = sum(room.beds for room in rooms)
    if ask.beds is not None and beds < ask.beds:
        raise NotEnoughRooms(
            _("这里合适的空房只剩 %(left)s 张床，不够 %(asked)s 张。", left=beds, asked=ask.beds), beds
        )
    return rooms


def _candidates(ask: Ask, wanted: int, period: Period, now: datetime) -> list[FreeRoom]:
    """The nearest free rooms; those of the nearest village alone if it has enough.

    A block in one village is easier to look after.
    """
    if period.ends_on is None:
        raise ValueError("rooms are held for a period with an end")
    free = candidates(
        *(ask.area, ask.wants),
        starts_on=period.starts_on,
        ends_on=period.ends_on,
        now=now,
        limit=candidates_wanted(wanted),
    )
    nearest = [room for room in free if room.village_code in ask.area.village_codes[:1]]
    given = len(nearest) if ask.rooms is not None else sum(room.beds for room in nearest)
    return nearest if given >= wanted else free


def preview(ask: Ask, period: Period, now: datetime) -> list[FreeRoom]:
    """The rooms a hold would take at this moment; takes nothing. Raises what ``hold_rooms`` raises."""
    check_ask(ask)
    check_period(period, business_date(now))
    return _choose(ask, period, now)
