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


def tell_signed(lease: Lease, side: str) -> None:
    """After a signature: the other side is asked to sign, or both learn that it is done."""
    url = f"/leases/{lease.id}"
    params = {"number": lease.number}
    done = lease.state == "signed"
    kind = "bookings.lease_signed" if done else "bookings.lease_half_signed"
    if side == "lessor" or done:
        tell_enterprise(lease.enterprise_id, kind=kind, params=params, url=url)
    if side == "lessee" or done:
        sms = (
            f"合同 {lease.number} 两边都签好了。"
            if done
            else f"合同 {lease.number} 企业签好了，等您签字。不会弄就找村管理员。"
        )
        key = f"lease:{lease.id}:{lease.state}"
        tell_owners([OwnerNotice(lease.owner_id, key, sms, kind, params, url)])
