"""A house found dangerous: off the market at once, out of every hold, and its employers told."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select, update

from qiantang_nest.bookings.models import Hold, HoldRoom
from qiantang_nest.bookings.rules import Answer
from qiantang_nest.bookings.services.telling import tell_enterprise
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.geography.models import Village
from qiantang_nest.housing.models import House
from qiantang_nest.housing.services import mark_dangerous
from qiantang_nest.notifications.services import Sms, send_sms_many
from qiantang_nest.occupancy.models import Lease, LeaseRoom, RoomClaim
from qiantang_nest.occupancy.services.claims import release_claims


@dataclass(frozen=True, slots=True)
class Delisted:
    """How many rooms were taken out of holds, and how many are let and have to be left."""

    held: int
    leased: int
    employers: int


def delist_dangerous_house(
    *, house: House, reason: str, today: date, now: datetime, actor: Actor
) -> Delisted:
    """Mark the house dangerous, release its held rooms, tell by message and SMS who held or rents there.

    Leases are not ended here: who lives there has to be moved first (浙江省房屋使用安全管理条例 art. 33).

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
            answer_reason="房屋被鉴定为危房",
            answered_by=actor.user_id,
            answered_at=now,
        )
    )
    let = db.session.execute(
        select(Lease.enterprise_id)
        .join(LeaseRoom, LeaseRoom.lease_id == Lease.id)
        .where(
            LeaseRoom.room_id.in_(room_ids),
            Lease.state.in_(("drafted", "signed")),
            LeaseRoom.ends_on > today,
        )
    ).scalars()
    held_by, let_to = Counter(row.enterprise_id for row in held), Counter(let)
    _tell(house, held_by, let_to)
    return Delisted(held_by.total(), let_to.total(), len(held_by | let_to))


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
