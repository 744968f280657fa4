"""Offering a room: draft, to the village, decided, changed, paused."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import DomainError, InvalidValue, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.housing.models import Listing, Room
from qiantang_nest.housing.queries import lacks_of
from qiantang_nest.housing.rules import GateLack, gate_lack_label
from qiantang_nest.housing.services.households import proxy_for
from qiantang_nest.housing.services.telling import tell_clerks, tell_owner

MOST_YEARS_OFFERED = 10


class NotListable(DomainError):
    """The gate holds: ``lacks`` says everything that is missing."""

    def __init__(self, lacks: list[GateLack]) -> None:
        super().__init__(_("；").join(gate_lack_label(lack) for lack in lacks) + _("。"))
        self.lacks = lacks


def _check_period(starts_on: date, ends_on: date, today: date) -> None:
    if ends_on <= starts_on:
        raise InvalidValue(
            _(
                "租到 %(end)s 不晚于起租 %(start)s，请改晚一点。",
                end=ends_on.isoformat(),
                start=starts_on.isoformat(),
            )
        )
    if ends_on <= today:
        raise InvalidValue(_("租到的日子 %(end)s 已经过了，请改晚一点。", end=ends_on.isoformat()))
    if ends_on.year - starts_on.year > MOST_YEARS_OFFERED:
        raise InvalidValue(_("一次最多上架 %(years)s 年，请核对租到哪一年。", years=MOST_YEARS_OFFERED))


def _terms(listing: Listing) -> dict[str, Any]:
    return {
        "room_id": listing.room_id,
        "rent_fen": listing.rent_fen,
        "starts_on": listing.starts_on.isoformat(),
        "ends_on": listing.ends_on.isoformat(),
        "direct": listing.direct,
    }


def draft_offer(
    *,
    room: Room,
    rent_fen: int,
    starts_on: date,
    ends_on: date,
    conditions: str = "",
    direct: bool = False,
    today: date,
    actor: Actor,
) -> Listing:
    """Keep what the household has answered so far; one draft a room, nobody else sees it.

    Raises InvalidValue for a period that cannot be.
    """
    _check_period(starts_on, ends_on, today)
    on_behalf_of = proxy_for(owner=room.house.owner, actor=actor)
    listing = db.session.execute(
        select(Listing).where(Listing.room_id == room.id, Listing.state == "draft")
    ).scalar_one_or_none()
    if listing is None:
        listing = Listing(room_id=room.id, room=room, state="draft")
        db.session.add(listing)
    listing.rent_fen, listing.starts_on, listing.ends_on = rent_fen, starts_on, ends_on
    listing.conditions, listing.direct, listing.on_behalf_of = conditions, direct, on_behalf_of
    listing.submitted_by = actor.user_id
    db.session.flush()
    audit.record(
        actor=actor,
        action="housing.draft_offer",
        entity="listing",
        entity_id=listing.id,
        changes=_terms(listing),
        on_behalf_of=on_behalf_of,
    )
    return listing


def submit_draft(*, listing: Listing, today: date, now: datetime, actor: Actor) -> None:
    """Hand a draft to the village.

    Raises:
        WrongState: it is no draft any more. InvalidValue: its period has passed.
        NotListable: the room can never be offered as it is (kind, size, no bed, dangerous house).
        AlreadyOffered: at the flush, if the room is offered on one of the days.
    """
    if listing.state != "draft":
        raise WrongState(_("这间房已经交给村里了，不用再交一次。"))
    _check_period(listing.starts_on, listing.ends_on, today)
    _refuse_hopeless(listing, today)
    on_behalf_of = proxy_for(owner=listing.room.house.owner, actor=actor)
    listing.state, listing.submitted_by, listing.submitted_at = "submitted", actor.user_id, now
    listing.on_behalf_of = on_behalf_of
    db.session.flush()
    audit.record(
        actor=actor,
        action="housing.submit_listing",
        entity="listing",
        entity_id=listing.id,
        changes=_terms(listing),
        on_behalf_of=on_behalf_of,
    )
    if on_behalf_of is None:
        room = listing.room
        tell_clerks(
            village_code=room.village_code,
            kind="housing.listing_waits",
            params={"owner": room.house.owner.name, "house": room.house.address, "room": room.label},
            url="/listings-waiting",
        )


_HOPELESS = (
    GateLack.DANGEROUS_HOUSE,
    GateLack.ROOM_NOT_HABITABLE,
    GateLack.ROOM_TOO_SMALL,
    GateLack.NO_BED,
)


def _refuse_hopeless(listing: Listing, today: date) -> None:
    """Papers and checks the village sees to; what it cannot mend is said before it waits."""
    lacks = [lack for lack in lacks_of([listing], today)[listing.id] if lack in _HOPELESS]
    if lacks:
        raise NotListable(lacks)


def submit_listing(
    *,
    room: Room,
    rent_fen: int,
    starts_on: date,
    ends_on: date,
    conditions: str = "",
    direct: bool = False,
    today: date,
    now: datetime,
    actor: Actor,
) -> Listing:
    """Draft and hand in at one go. Raises as both."""
    listing = draft_offer(
        room=room,
        rent_fen=rent_fen,
        starts_on=starts_on,
        ends_on=ends_on,
        conditions=conditions,
        direct=direct,
        today=today,
        actor=actor,
    )
    submit_draft(listing=listing, today=today, now=now, actor=actor)
    return listing


def approve_listing(*, listing: Listing, today: date, now: datetime, actor: Actor) -> None:
    """Let a waiting room onto the market.

    Raises:
        WrongState: it does not wait. NotListable: with everything the gate misses.
    """
    if listing.state != "submitted":
        raise WrongState(_("这一条已经有人办过了。"))
    lacks = lacks_of([listing], today)[listing.id]
    if lacks:
        raise NotListable(lacks)
    listing.state, listing.reason = "approved", None
    listing.decided_by, listing.decided_at = actor.user_id, now
    audit.record(
        actor=actor,
        action="housing.approve_listing",
        entity="listing",
        entity_id=listing.id,
        changes=_terms(listing),
    )
    tell_owner(listing)


def return_listing(*, listing: Listing, reason: str, now: datetime, actor: Actor) -> None:
    """Send a waiting room back with a reason the owner reads. Raises WrongState if it does not wait."""
    if listing.state != "submitted":
        raise WrongState(_("这一条已经有人办过了。"))
    listing.state, listing.reason = "returned", reason
    listing.decided_by, listing.decided_at = actor.user_id, now
    audit.record(
        actor=actor,
        action="housing.return_listing",
        entity="listing",
        entity_id=listing.id,
        changes={"reason": reason},
    )
    tell_owner(listing)


def withdraw_listing(*, listing: Listing, reason: str, now: datetime, actor: Actor) -> None:
    """Pause: no new employer can take the room. Holds and leases that exist stay as they are.

    Raises WrongState unless it is offered or waits.
    """
    if listing.state not in ("draft", "submitted", "approved"):
        raise WrongState(_("这间房现在没有上架。"))
    on_behalf_of = proxy_for(owner=listing.room.house.owner, actor=actor)
    listing.state, listing.reason = "withdrawn", reason
    listing.decided_by, listing.decided_at = actor.user_id, now
    audit.record(
        actor=actor,
        action="housing.withdraw_listing",
        entity="listing",
        entity_id=listing.id,
        changes={"reason": reason},
        on_behalf_of=on_behalf_of,
    )


def change_offer(
    *,
    listing: Listing,
    rent_fen: int,
    starts_on: date,
    ends_on: date,
    direct: bool,
    today: date,
    actor: Actor,
) -> None:
    """A new price, period or way of asking for an offer; what is held or let keeps the price it was taken at.

    Raises:
        WrongState: neither offered nor waiting. InvalidValue: the period.
        AlreadyOffered: at the flush, if it runs into another offer of the room.
    """
    if listing.state not in ("submitted", "approved"):
        raise WrongState(_("这间房现在没有上架。"))
    _check_period(starts_on, ends_on, today)
    on_behalf_of = proxy_for(owner=listing.room.house.owner, actor=actor)
    before = _terms(listing)
    listing.rent_fen, listing.starts_on, listing.ends_on = rent_fen, starts_on, ends_on
    listing.direct = direct
    db.session.flush()
    audit.record(
        actor=actor,
        action="housing.change_offer",
        entity="listing",
        entity_id=listing.id,
        changes={"before": before, "after": _terms(listing)},
        on_behalf_of=on_behalf_of,
    )
