"""Who is told what: the household in its message centre and by SMS, the village's clerks in theirs."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from qiantang_nest.accounts.models import RoleGrant
from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.db import db
from qiantang_nest.core.i18n import _
from qiantang_nest.housing.models import HouseholdLink, Listing, Owner, Room
from qiantang_nest.notifications.services import notify, send_sms

MY_ROOMS = "/my-rooms"


def tell_owner(listing: Listing) -> None:
    """What the village decided on an offer, in the deciding transaction."""
    room = listing.room
    owner = room.house.owner
    approved = listing.state == "approved"
    params = {"room": room.label, "house": room.house.address}
    if not approved:
        params["reason"] = listing.reason or ""
    if owner.user_id is not None:
        kind = "housing.listing_approved" if approved else "housing.listing_returned"
        notify(user_id=owner.user_id, kind=kind, params=params, url=MY_ROOMS)
    if owner.phone is not None:
        body = (
            _("【钱塘巢】%(house)s的 %(room)s 房可以出租了，已经上架。", **params)
            if approved
            else _("【钱塘巢】%(house)s的 %(room)s 房还要补一下：%(reason)s。不清楚就问村里。", **params)
        )
        decided = listing.decided_at.isoformat() if listing.decided_at else ""
        send_sms(key=f"listing:{listing.id}:{listing.state}:{decided}", to=owner.phone, body=body)


def tell_linked(link: HouseholdLink, owner: Owner | None) -> None:
    """The villager learns that the household is theirs, or why not yet."""
    if owner is not None:
        kind, params = "housing.household_linked", {"number": owner.household_no}
    else:
        kind, params = "housing.household_refused", {"reason": link.reason or ""}
    notify(user_id=link.user_id, kind=kind, params=params, url=MY_ROOMS)


def tell_clerks(*, village_code: str, kind: str, params: Mapping[str, Any], url: str) -> None:
    """Every clerk of the village."""
    clerks = db.session.execute(
        select(RoleGrant.user_id).where(
            RoleGrant.role == Role.VILLAGE_CLERK.value,
            RoleGrant.scope == village_code,
            RoleGrant.revoked_at.is_(None),
        )
    ).scalars()
    for user_id in clerks:
        notify(user_id=user_id, kind=kind, params=params, url=url)


def ask_for_help(*, room: Room) -> None:
    """The household would like the village to finish the offer with it."""
    owner = room.house.owner
    tell_clerks(
        village_code=room.village_code,
        kind="housing.help_wanted",
        params={"owner": owner.name, "house": f"{room.house.address} {room.label}"},
        url=f"/houses/{room.house_id}",
    )
