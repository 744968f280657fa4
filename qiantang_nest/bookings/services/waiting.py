"""The waiting list: rooms that become free are offered to whoever waits for such rooms, in order.

``serve_waiting`` runs wherever rooms are taken, under the same villages' locks and before the look, so nobody
overtakes whoever waits; the worker calls it as well, so that an offer does not wait for somebody to come by.
An offer is a hold in state ``offered``: its claims keep the rooms until its end, and free them by the clock.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from qiantang_nest.bookings.models import Demand, Hold, HoldRoom, Waiting
from qiantang_nest.bookings.queries.planning import choices_of, question_of, rooms_for
from qiantang_nest.bookings.queries.waiting import (
    beds_taken,
    place_in_queue,
    queue,
    rooms_offered_before,
)
from qiantang_nest.bookings.rules import FreeRoom, HoldStage, OnRefusal, Times, choose_rooms, hold_stage
from qiantang_nest.bookings.rules.limits import Offered, miss_of
from qiantang_nest.bookings.services.hold_lock import lock_hold, rooms_held
from qiantang_nest.bookings.services.taking_rooms import HeldBlock, add_rooms, ask_owners
from qiantang_nest.bookings.services.telling import tell_enterprise
from qiantang_nest.core import audit
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.clock import SHANGHAI, business_date
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.housing.models import Listing, Room
from qiantang_nest.notifications.services import Sms, send_sms_many
from qiantang_nest.occupancy.services.claims import hold_claims_until, release_claims

MOST_BEDS_AT_ONCE = 1000


def join_waiting(*, demand: Demand, least_beds: int, actor: Actor, now: datetime) -> Waiting:
    """Wait for rooms for a demand; fewer than ``least_beds`` at a time are not offered.

    Raises:
        WrongState: the demand is closed or over, has its beds, or waits already.
        InvalidValue: ``least_beds`` is not between 1 and what the demand lacks.
    """
    db.session.refresh(demand, with_for_update={"of": Demand})
    if demand.state != "open" or demand.starts_on < business_date(now):
        raise WrongState(_("这条需求已经关闭了，不能候补。"))
    lacking = demand.beds - beds_taken(demand.id, now)
    if lacking <= 0:
        raise WrongState(_("这条需求的床已经够了，不用候补。"))
    if not 1 <= least_beds <= lacking:
        raise InvalidValue(_("还差 %(lacking)s 张床，请写 1 到 %(lacking)s 之间的数。", lacking=lacking))
    if place_in_queue(demand.id, now, business_date(now)) is not None:
        raise WrongState(_("这条需求已经在候补了。"))
    earlier = db.session.execute(
        select(Waiting).where(Waiting.demand_id == demand.id, Waiting.left_at.is_(None))
    ).scalar_one_or_none()
    if earlier is not None:
        # Its offer ran out: the turn is over, and a new one begins at the end of the queue.
        earlier.left_at = now
        db.session.flush()
    waiting = Waiting(demand_id=demand.id, least_beds=least_beds, joined_at=now, joined_by=actor.user_id)
    db.session.add(waiting)
    db.session.flush()
    _record(waiting, "bookings.join_waiting", actor, least_beds=least_beds)
    return waiting


def leave_waiting(*, waiting: Waiting, actor: Actor, now: datetime) -> None:
    """Wait no more; an offer that is open stays until it is answered. Raises WrongState if left already."""
    db.session.refresh(waiting, with_for_update={"of": Waiting})
    if waiting.left_at is not None:
        raise WrongState(_("已经不在候补了。"))
    waiting.left_at = now
    _record(waiting, "bookings.leave_waiting", actor)


def serve_waiting(
    *, village_codes: Sequence[str], times: Times, now: datetime, apart_from: int | None = None
) -> int:
    """Offer the free rooms of the villages to whoever waits for such rooms, in order; returns how often.

    Under the villages' locks. ``apart_from``: an employer that is taking rooms itself.
    """
    entries = db.session.execute(
        queue(now, business_date(now)).with_for_update(of=Waiting).execution_options(populate_existing=True)
    ).scalars()
    made = 0
    for waiting in entries.all():
        demand = waiting.demand
        if demand.enterprise_id == apart_from:
            continue
        lacking = demand.beds - beds_taken(demand.id, now)
        if lacking <= 0:
            continue
        rooms = choose_rooms(_fitting(waiting, village_codes, now), beds=lacking)
        if sum(room.beds for room in rooms) >= min(waiting.least_beds, lacking):
            _offer(waiting, rooms, times, now)
            made += 1
    return made


def _fitting(waiting: Waiting, village_codes: Sequence[str], now: datetime) -> list[FreeRoom]:
    """The free rooms that the demand could use and has not been offered in this turn, nearest first."""
    question = question_of(waiting.demand)
    offered, _more = rooms_for(question, now, village_codes)
    struck = choices_of(waiting.demand_id).struck(one.room for one in offered)
    refused = rooms_offered_before(waiting.id)
    fitting = [
        one
        for one in offered
        if one.room.room_id not in struck | refused and miss_of(one, question.limits, question.period) is None
    ]
    labels = _labels([one.room.room_id for one in fitting])
    return [_free_room(one, *labels[one.room.room_id]) for one in fitting]


def _labels(room_ids: Collection[int]) -> dict[int, tuple[str, dict[int, bool]]]:
    """room id → its name, and for each of its offers whether the household need not be asked."""
    found: dict[int, tuple[str, dict[int, bool]]] = {}
    rows = db.session.execute(
        select(Room.id, Room.label, Listing.id, Listing.direct)
        .join(Listing, Listing.room_id == Room.id)
        .where(Room.id.in_(room_ids), Listing.state == "approved")
    )
    for room_id, label, listing_id, direct in rows:
        found.setdefault(room_id, (label, {}))[1][listing_id] = direct
    return found


def _free_room(offered: Offered, label: str, direct: dict[int, bool]) -> FreeRoom:
    room = offered.room
    return FreeRoom(
        room_id=room.room_id,
        house_id=room.house_id,
        owner_id=room.owner_id,
        village_code=room.village_code,
        label=label,
        beds=room.beds,
        listing_id=offered.listing_id,
        rent_fen=room.rent_fen,
        direct=direct[offered.listing_id],
        far=room.minutes,
    )


def _offer(waiting: Waiting, rooms: Sequence[FreeRoom], times: Times, now: datetime) -> None:
    demand = waiting.demand
    until = now + timedelta(hours=times.offer_hours)
    hold = Hold(
        enterprise_id=demand.enterprise_id,
        worksite_id=demand.worksite_id,
        starts_on=demand.starts_on,
        ends_on=demand.ends_on,
        demand_id=demand.id,
        waiting_id=waiting.id,
        expires_at=until,
        on_refusal=OnRefusal.REPLACE.value,
        state="offered",
        request_key=uuid.uuid4(),
        request_digest=f"waiting:{waiting.id}",
        created_at=now,
    )
    db.session.add(hold)
    db.session.flush()
    add_rooms(HeldBlock(hold.id, hold.starts_on, hold.ends_on, until, until), rooms, now=now)
    beds = sum(room.beds for room in rooms)
    audit.record(
        actor=SYSTEM,
        action="bookings.offer_rooms",
        entity="hold",
        entity_id=hold.id,
        changes={"waiting_id": waiting.id, "rooms": [room.room_id for room in rooms], "beds": beds},
    )
    local = until.astimezone(SHANGHAI)
    tell_enterprise(
        demand.enterprise_id,
        kind="bookings.rooms_offered",
        params={"rooms": len(rooms), "beds": beds, "until": f"{local:%Y-%m-%d %H:%M}"},
        url=f"/offers/{hold.id}",
    )
    phone = demand.enterprise.contact_phone
    if phone:
        body = (
            f"【钱塘巢】贵司候补的房有了：{len(rooms)} 间 {beds} 张床，留到 {local.month} 月 {local.day} 日"
            f" {local:%H:%M}，请登录看看要不要。"
        )
        send_sms_many([Sms(f"offer:{hold.id}", phone, body)])


def accept_offer(*, hold: Hold, times: Times, actor: Actor, now: datetime) -> None:
    """Take the offered rooms: from now on it is a hold like any other, and the households are asked.

    Raises WrongState if the offer was answered already or has run out.
    """
    _lock_offer(hold, now)
    rooms = rooms_held(hold)
    hold.state = "active"
    hold.expires_at = now + timedelta(hours=times.hold_hours)
    hold.created_by = actor.user_id
    hold_claims_until(claim_ids=[room.claim_id for room in rooms], held_until=hold.expires_at)
    block = HeldBlock.asked_at(now, times, hold.id, hold.starts_on, hold.ends_on, hold.expires_at)
    for room in rooms:
        room.answer_due_at = block.answer_due_at
    audit.record(
        actor=actor,
        action="bookings.accept_offer",
        entity="hold",
        entity_id=hold.id,
        changes={"rooms": len(rooms), "until": hold.expires_at.isoformat()},
    )
    ask_owners(block, hold.enterprise.name, [_as_free(room) for room in rooms])


def _as_free(room: HoldRoom) -> FreeRoom:
    return FreeRoom(
        room_id=room.room_id,
        house_id=room.room.house_id,
        owner_id=room.owner_id,
        village_code=room.village_code,
        label=room.room.label,
        beds=room.room.beds,
        listing_id=room.listing_id,
        rent_fen=room.rent_fen,
        direct=room.answer == "accepted",
        far=0,
    )


def decline_offer(*, hold: Hold, keep_waiting: bool, actor: Actor, now: datetime) -> None:
    """Let the offered rooms go; they are free, or the next one's, at once. Raises as ``accept_offer``."""
    _lock_offer(hold, now)
    rooms = rooms_held(hold)
    release_claims(claim_ids=[room.claim_id for room in rooms])
    hold.state = "released"
    audit.record(
        actor=actor,
        action="bookings.decline_offer",
        entity="hold",
        entity_id=hold.id,
        changes={"rooms": len(rooms), "keep_waiting": keep_waiting},
    )
    waiting = db.session.get_one(Waiting, hold.waiting_id)
    if not keep_waiting and waiting.left_at is None:
        leave_waiting(waiting=waiting, actor=actor, now=now)


def _lock_offer(hold: Hold, now: datetime) -> None:
    lock_hold(hold)
    match hold_stage(hold.state, hold.expires_at, now):
        case HoldStage.OFFERED:
            return
        case HoldStage.EXPIRED:
            raise WrongState(_("留房的时间过了，这几间轮到下一家了。还想要，可以再候补。"))
        case _:
            raise WrongState(_("这几间房已经答复过了。"))


def _record(waiting: Waiting, action: str, actor: Actor, **changes: int) -> None:
    audit.record(
        actor=actor,
        action=action,
        entity="waiting",
        entity_id=waiting.id,
        changes={"demand_id": waiting.demand_id, **changes},
    )
