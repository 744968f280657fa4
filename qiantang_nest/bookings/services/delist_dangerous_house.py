"""A house found dangerous: off the market at once, out of every hold, and its employers told."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select, update

from qiantang_nest.bookings.models import Hold, HoldRoom
from qiantang_nest.bookings.rules import Answer
from qiantang_nest.bookings.services.telling import tell_enterprise, tell_withdrawn
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.geography.models import Village
from qiantang_nest.housing.models import House
from qiantang_nest.housing.services import mark_dangerous
from qiantang_nest.notifications.services import Sms, send_sms_many
from qiantang_nest.occupancy.models import Lease, LeaseRoom, RoomClaim
from qiantang_nest.occupancy.queries.leases import awaits_signature
from qiantang_nest.occupancy.services.claims import release_claims
from qiantang_nest.occupancy.services.withdrawing import OFFICE, cancel_drafts

REASON = "房屋被鉴定为危房"


@dataclass(frozen=True, slots=True)
class Delisted:
    """How many rooms were taken out of holds and unsigned leases; how many are let and have to be left."""

    held: int
    leased: int
    employers: int


def delist_dangerous_house(
    *, house: House, reason: str, today: date, now: datetime, actor: Actor
) -> Delisted:
    """Mark the house dangerous, release its held rooms, tell by message and SMS who held or rents there.

    An unsigned lease with a room of it can never be signed: it is cancelled, and both sides are told. Signed
    ones are not ended here: who lives there has to be moved first (浙江省房屋使用安全管理条例 art. 33).

    Raises:
        WrongState: it is marked already.
    """
    room_ids = [
        room.id for room in mark_dangerous(house=house, reason=reason, today=today, now=now, actor=actor)
    ]
    held = db.session.execute(
        select(HoldRoom.id, HoldRoom.claim_id, Hold.id.label("hold_id"), Hold.enterprise_id)
        .join(Hold, Hold.id == HoldRoom.hold_id)
        .join(RoomClaim, RoomClaim.id == HoldRoom.claim_id)
        .where(
            HoldRoom.room_id.in_(room_ids),
            Hold.state == "active",
            Hold.expires_at > now,
            RoomClaim.state == "held",
        )
    ).all()
    release_claims(claim_ids=[row.claim_id for row in held])
    db.session.execute(
        update(HoldRoom)
        .where(HoldRoom.id.in_([row.id for row in held]))
        .values(
            answer=Answer.DECLINED.value,
            answer_reason=REASON,
            answered_by=actor.user_id,
            answered_at=now,
        )
    )
    let = db.session.execute(
        select(Lease.enterprise_id)
        .join(LeaseRoom, LeaseRoom.lease_id == Lease.id)
        .where(LeaseRoom.room_id.in_(room_ids), Lease.state == "signed", LeaseRoom.ends_on > today)
    ).scalars()
    held_by, let_to = Counter(row.enterprise_id for row in held), Counter(let)
    held_by += _cancel_unsigned(room_ids, now, actor)
    _tell(house, held_by, let_to)
    return Delisted(held_by.total(), let_to.total(), len(held_by | let_to))


def _cancel_unsigned(room_ids: Sequence[int], now: datetime, actor: Actor) -> Counter[int]:
    """Cancel the leases with one of the rooms that wait for a signature; enterprise id → rooms of these."""
    concerned = select(LeaseRoom.lease_id).where(LeaseRoom.room_id.in_(room_ids))
    unsigned = list(
        db.session.execute(
            select(Lease)
            .where(Lease.id.in_(concerned), awaits_signature(now))
            .order_by(Lease.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).scalars()
    )
    if not unsigned:
        return Counter()
    cancel_drafts(leases=unsigned, side=OFFICE, reason=REASON, actor=actor, now=now)
    tell_withdrawn(unsigned, side=OFFICE, reason=REASON)
    freed = db.session.execute(
        select(Lease.enterprise_id)
        .join(LeaseRoom, LeaseRoom.lease_id == Lease.id)
        .where(Lease.id.in_([lease.id for lease in unsigned]), LeaseRoom.room_id.in_(room_ids))
    )
    return Counter(freed.scalars())


def _tell(house: House, held_by: Counter[int], let_to: Counter[int]) -> None:
    village = db.session.get_one(Village, house.village_code).name
    enterprises = db.session.execute(
        select(Enterprise).where(Enterprise.id.in_(held_by | let_to)).order_by(Enterprise.id)
    ).scalars()
    texts = []
    for enterprise in enterprises:
        held, leased = held_by[enterprise.id], let_to[enterprise.id]
        tell_enterprise(
            enterprise.id,
            kind="bookings.house_dangerous",
            params={"village": village, "held": held, "leased": leased},
            url="/leases" if leased else "/holds",
        )
        if enterprise.contact_phone:
            texts.append(
                Sms(
                    f"dangerous:{house.id}:{house.dangerous_since}:{enterprise.id}",
                    enterprise.contact_phone,
                    f"【钱塘巢】{village}有一座房子被鉴定为危房：贵司锁定的 {held} 间已放开，"
                    f"租着的 {leased} 间请尽快安排员工搬出，并联系村管理员换房。",
                )
            )
    send_sms_many(texts)
