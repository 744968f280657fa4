"""Telling the people of a hold or booking: messages for those with an account, SMS for all, in bulk.

Three statements whatever the number of households. An SMS is written in Chinese, whatever language the page
of whoever caused it is in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, select

from qiantang_nest.accounts.models import RoleGrant
from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.db import db
from qiantang_nest.housing.models import Owner
from qiantang_nest.notifications.services import MessageLine, Sms, notify_many, send_sms_many
from qiantang_nest.occupancy.models import Lease
from qiantang_nest.occupancy.queries.leases import lease_sums
from qiantang_nest.occupancy.services.signing import LESSEE, LESSOR


@dataclass(frozen=True, slots=True)
class OwnerNotice:
    """What one household is told. ``key`` makes the SMS go once."""

    owner_id: int
    key: str
    sms: str
    kind: str
    params: Mapping[str, Any]
    url: str


# One array, not a list of binds: the same text whatever the number, so the server keeps the plan.
_OWNERS = select(Owner.id, Owner.user_id, Owner.seal_key, Owner.phone_sealed).where(
    Owner.id == any_(bindparam("ids", type_=ARRAY(BigInteger)))
)


def tell_owners(notices: Sequence[OwnerNotice]) -> None:
    """An SMS to the phone of each household that has one, a message to each that has signed up."""
    rows = db.session.execute(_OWNERS, {"ids": [notice.owner_id for notice in notices]})
    found = {row.id: row for row in rows}
    lines, texts = [], []
    for notice in notices:
        owner = found[notice.owner_id]
        if owner.user_id is not None:
            lines.append(MessageLine(owner.user_id, notice.kind, notice.params, notice.url))
        phone = Owner.phone.unseal_for(Owner, owner.seal_key, owner.phone_sealed)
        if phone is not None:
            texts.append(Sms(notice.key, phone, f"【钱塘巢】{notice.sms}"))
    notify_many(lines)
    send_sms_many(texts)


def tell_enterprise(enterprise_id: int, *, kind: str, params: Mapping[str, Any], url: str) -> None:
    """A message to everybody who acts for an employer."""
    users = db.session.execute(
        select(RoleGrant.user_id)
        .where(
            RoleGrant.scope == str(enterprise_id),
            RoleGrant.role.in_((Role.EMPLOYER_MANAGER, Role.EMPLOYER_STAFF)),
            RoleGrant.revoked_at.is_(None),
        )
        .distinct()
    ).scalars()
    notify_many([MessageLine(user_id, kind, params, url) for user_id in users])


def ask_to_sign(enterprise: str, leases: Sequence[tuple[Lease, int]]) -> None:
    """After a booking: each household is asked to sign, and told by when; with each lease its rooms."""
    tell_owners(
        [
            OwnerNotice(
                owner_id=lease.owner_id,
                key=f"lease:{lease.id}:to-sign",
                sms=(
                    f"{enterprise}订了您 {rooms} 间房，合同 {lease.number} 等您签字，{_sign_by(lease)}。"
                    "不会弄就找村管理员。"
                ),
                kind="bookings.lease_to_sign",
                params={
                    "enterprise": enterprise,
                    "rooms": rooms,
                    "number": lease.number,
                    "last_on": str(lease.sign_by),
                },
                url=f"/leases/{lease.id}/sign",
            )
            for lease, rooms in leases
        ]
    )


def _sign_by(lease: Lease) -> str:
    last = lease.sign_by
    return f"最晚 {last.month} 月 {last.day} 日签，过了房间就放开" if last else "请尽快签"


def tell_signed(lease: Lease, side: str) -> None:
    """After a signature: the other side is asked to sign, or both learn that it is done."""
    url = f"/leases/{lease.id}"
    done = lease.state == "signed"
    params = {"number": lease.number} if done else {"number": lease.number, "last_on": str(lease.sign_by)}
    kind = "bookings.lease_signed" if done else "bookings.lease_half_signed"
    if side == LESSOR or done:
        tell_enterprise(lease.enterprise_id, kind=kind, params=params, url=url)
    if side == LESSEE or done:
        sms = (
            f"合同 {lease.number} 两边都签好了。"
            if done
            else f"合同 {lease.number} 企业签好了，等您签字，{_sign_by(lease)}。不会弄就找村管理员。"
        )
        key = f"lease:{lease.id}:{lease.state}"
        tell_owners([OwnerNotice(lease.owner_id, key, sms, kind, params, url)])


def tell_withdrawn(leases: Sequence[Lease], *, side: str, reason: str) -> None:
    """After leases were taken back by a side, or by an office: whoever did not do it reads why it is over."""
    first_day = min(lease.starts_on for lease in leases)
    sums = lease_sums([lease.id for lease in leases], first_day)
    rooms = {lease_id: of_lease[0] for lease_id, of_lease in sums.items()}
    if side != LESSOR:
        tell_owners([_over_for_owner(lease, rooms[lease.id], side, reason) for lease in leases])
    if side != LESSEE:
        for lease in leases:
            _tell_lessee_over(lease, rooms[lease.id], side, reason)


def _over_for_owner(lease: Lease, rooms: int, side: str, reason: str) -> OwnerNotice:
    params: dict[str, Any] = {"number": lease.number, "rooms": rooms, "reason": reason}
    if side == LESSEE:
        name = lease.enterprise.name
        kind, params["enterprise"] = "bookings.lease_withdrawn", name
        sms = f"{name}撤回了合同 {lease.number}，不租您的 {rooms} 间房了：{reason}。您不用再签字。"
    else:
        kind = "bookings.lease_cancelled"
        sms = f"合同 {lease.number} 取消了，{rooms} 间房放开了：{reason}。您不用再签字。"
    return OwnerNotice(lease.owner_id, _over_key(lease), sms, kind, params, f"/leases/{lease.id}")


def _tell_lessee_over(lease: Lease, rooms: int, side: str, reason: str) -> None:
    tell_enterprise(
        lease.enterprise_id,
        kind="bookings.lease_declined" if side == LESSOR else "bookings.lease_cancelled",
        params={"number": lease.number, "rooms": rooms, "reason": reason},
        url=f"/leases/{lease.id}",
    )
    phone = lease.enterprise.contact_phone
    if phone:
        what = f"户主不签合同 {lease.number} 了" if side == LESSOR else f"合同 {lease.number} 取消了"
        body = f"【钱塘巢】{what}，{rooms} 间房放开了：{reason}。要补房请重新找房。"
        send_sms_many([Sms(f"{_over_key(lease)}:lessee", phone, body)])


def _over_key(lease: Lease) -> str:
    return f"lease:{lease.id}:withdrawn"
