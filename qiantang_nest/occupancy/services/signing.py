"""Signing a lease: a code sent to the signer's own phone, good for this document alone, then a row.

Until both have signed its rooms are only held. The second signature lets them, under the village's lock.
"""

from datetime import date, datetime

from sqlalchemy import select

from qiantang_nest.accounts.models import User
from qiantang_nest.accounts.rules import CodePurpose, Role
from qiantang_nest.accounts.services import send_code, use_code
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, lock_villages
from qiantang_nest.core.errors import NotAllowed, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.housing.models import House, Room
from qiantang_nest.housing.services import proxy_for
from qiantang_nest.occupancy.models import Lease, LeaseRoom, LeaseSignature
from qiantang_nest.occupancy.rules import has_lapsed
from qiantang_nest.occupancy.services.claims import claims_to_leased
from qiantang_nest.occupancy.services.contract import ensure_document

LESSOR, LESSEE = "lessor", "lessee"


def side_of(actor: Actor) -> str:
    """The side for which an actor who sees the lease may sign. Raises NotAllowed."""
    match actor.role:
        case Role.VILLAGER | Role.VILLAGE_CLERK:
            return LESSOR
        case Role.EMPLOYER_MANAGER:
            return LESSEE
        case _:
            raise NotAllowed(_("合同由户主（或受托的村管理员）和企业负责人签。"))


def signatures_of(lease: Lease) -> list[LeaseSignature]:
    """Who has signed, first to last."""
    return list(
        db.session.execute(
            select(LeaseSignature)
            .where(LeaseSignature.lease_id == lease.id)
            .order_by(LeaseSignature.signed_at, LeaseSignature.id)
        ).scalars()
    )


def request_code(*, lease: Lease, actor: Actor, now: datetime) -> None:
    """Send the signer a code for this lease's document.

    Raises:
        NotAllowed: this role signs no lease, or the household has not let the village act for it.
        WrongState: the lease waits for no signature of this side, its time to sign is over, or a house of it
            is dangerous.
        TooMany: codes were asked for too often.
    """
    side = _signable_side(lease, actor, now)
    send_code(
        phone=_phone(actor),
        purpose=CodePurpose.SIGN_LEASE,
        subject=_subject(ensure_document(lease), side),
        now=now,
    )


def sign_lease(
    *, lease: Lease, shown_sha256: str, code: str, actor: Actor, now: datetime, today: date
) -> LeaseSignature:
    """Sign with the code; the second signature makes the lease valid and lets its rooms.

    ``shown_sha256`` is the document the signer had before them.

    Raises:
        InvalidValue: the code is wrong, used or too old; says how many tries are left.
        NotAllowed: this role signs no lease, nobody has agreed to a proxy, or one person signs both sides.
        WrongState: the document is another one, this side has signed, the lease was taken back or its time to
            sign is over, or a house of it is dangerous.
        RoomTaken: in the very moment in which the time ran out somebody else took a room of it.
    """
    lock_villages([lease.village_code])
    document = ensure_document(lease)  # locks the lease: of two sides at once the later sees the earlier
    side = _signable_side(lease, actor, now)
    if document != shown_sha256:
        raise WrongState(_("合同文本和您看的不是同一份，请重新打开看过再签。"))
    if actor.user_id is None:
        raise NotAllowed(_("合同要由本人签。"))
    earlier = signatures_of(lease)
    if any(signature.user_id == actor.user_id for signature in earlier):
        raise NotAllowed(_("同一个人不能替两边签字。"))
    used = use_code(
        phone=_phone(actor),
        purpose=CodePurpose.SIGN_LEASE,
        subject=_subject(document, side),
        code=code,
        now=now,
    )
    signature = LeaseSignature(
        lease_id=lease.id,
        side=side,
        user_id=actor.user_id,
        on_behalf_of=proxy_for(owner=lease.owner, actor=actor) if side == LESSOR else None,
        document_sha256=document,
        sms_code_id=used.id,
        signed_at=now,
    )
    db.session.add(signature)
    if earlier:
        lease.state, lease.signed_on = "signed", today
        claims = db.session.execute(select(LeaseRoom.claim_id).where(LeaseRoom.lease_id == lease.id))
        claims_to_leased(claim_ids=claims.scalars().all())
    db.session.flush()
    audit.record(
        actor=actor,
        action="occupancy.sign_lease",
        entity="lease",
        entity_id=lease.id,
        changes={"side": side, "document_sha256": document, "state": lease.state},
        on_behalf_of=signature.on_behalf_of,
    )
    return signature


def refuse_unless_open(lease: Lease, now: datetime) -> None:
    """Raises WrongState unless the lease still waits for a signature at ``now``."""
    if lease.state == "cancelled":
        raise WrongState(_("这份合同已经取消了，房间也放开了。还想租，请重新找房、锁定。"))
    if lease.state != "drafted":
        raise WrongState(_("这份合同两边都签好了，不用再签，也不能撤回。"))
    if has_lapsed(lease.state, lease.sign_until, now):
        raise WrongState(
            _(
                "这份合同最晚 %(day)s 签，已经过了这天，房间放开了，别家也能订。还想租，请重新找房、锁定。",
                day=lease.sign_by,
            )
        )


def _signable_side(lease: Lease, actor: Actor, now: datetime) -> str:
    side = side_of(actor)
    if side == LESSOR:
        proxy_for(owner=lease.owner, actor=actor)
    refuse_unless_open(lease, now)
    if any(signature.side == side for signature in signatures_of(lease)):
        raise WrongState(_("您这一方已经签好，等对方签字。"))
    if _is_dangerous(lease):
        raise WrongState(_("合同里有房子被鉴定为危房，不能签。请和村管理员商量换房。"))
    return side


def _is_dangerous(lease: Lease) -> bool:
    """Whether a house of the lease has been found dangerous since it was drafted."""
    found = db.session.execute(
        select(House.id)
        .join(Room, Room.house_id == House.id)
        .join(LeaseRoom, LeaseRoom.room_id == Room.id)
        .where(LeaseRoom.lease_id == lease.id, House.dangerous_since.is_not(None))
        .limit(1)
    )
    return found.first() is not None


def _subject(document: str, side: str) -> str:
    return f"{document}:{side}"


def _phone(actor: Actor) -> str:
    phone = db.session.get_one(User, actor.user_id).phone
    if phone is None:
        raise NotAllowed(_("您的账号没有手机号，收不到签字码。"))
    return str(phone)
