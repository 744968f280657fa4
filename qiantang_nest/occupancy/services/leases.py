"""Leases: making them from held rooms, filing them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

from qiantang_nest.core import audit, numbering
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.occupancy.models import Lease, LeaseRoom
from qiantang_nest.occupancy.services.claims import hold_claims_until


@dataclass(frozen=True, slots=True)
class Terms:
    """What employer and lessors agree on beside rooms and rent; defaults are those of the trade.

    Deposit in months of rent; late fee in 1/10,000 of the unpaid principal a day (domain rulebook 4).
    """

    convention: str = "anchor"
    proration: str = "actual"
    bill_lead_days: int = 7
    grace_days: int = 5
    deposit_months: int = 1
    deposit_return_days: int = 7
    late_fee_permyriad: int = 5
    notice_days: int = 30
    utilities_by: str = "lessee"


@dataclass(frozen=True, slots=True)
class HeldRoom:
    """A room that becomes part of a lease: its held claim, whose it is, what it costs a month."""

    claim_id: int
    room_id: int
    owner_id: int
    village_code: str
    rent_fen: int


def draft_leases(
    *,
    enterprise_id: int,
    rooms: Sequence[HeldRoom],
    starts_on: date,
    ends_on: date,
    terms: Terms,
    sign_until: datetime,
    today: date,
    actor: Actor,
) -> list[Lease]:
    """One unsigned lease per lessor for the rooms, which stay held until ``sign_until``.

    Under the villages' locks.
    """
    of_owner: dict[int, list[HeldRoom]] = defaultdict(list)
    for room in rooms:
        of_owner[room.owner_id].append(room)
    values = asdict(terms)
    months = values.pop("deposit_months")
    series = f"HT-{today:%Y}"
    first = numbering.reserve(series, len(of_owner))
    leases = [
        Lease(
            number=f"{series}-{number:06d}",
            owner_id=owner_id,
            enterprise_id=enterprise_id,
            village_code=mine[0].village_code,
            starts_on=starts_on,
            ends_on=ends_on,
            deposit_fen=months * sum(room.rent_fen for room in mine),
            state="drafted",
            sign_until=sign_until,
            **values,
        )
        for number, (owner_id, mine) in enumerate(sorted(of_owner.items()), start=first)
    ]
    db.session.add_all(leases)
    db.session.flush()
    db.session.add_all(
        LeaseRoom(
            lease_id=lease.id,
            claim_id=room.claim_id,
            room_id=room.room_id,
            rent_fen=room.rent_fen,
            starts_on=starts_on,
            ends_on=ends_on,
        )
        for lease in leases
        for room in of_owner[lease.owner_id]
    )
    hold_claims_until(claim_ids=[room.claim_id for room in rooms], held_until=sign_until)
    for lease in leases:
        audit.record(
            actor=actor,
            action="occupancy.draft_lease",
            entity="lease",
            entity_id=lease.id,
            changes={
                "number": lease.number,
                "rooms": [room.room_id for room in of_owner[lease.owner_id]],
                "rent_fen": sum(room.rent_fen for room in of_owner[lease.owner_id]),
                "deposit_fen": lease.deposit_fen,
                "sign_until": sign_until.isoformat(),
            },
        )
    return leases


FILING_STEPS = {
    "none": ("submitted",),
    "submitted": ("filed", "returned"),
    "returned": ("submitted",),
    "filed": (),
}
"""Where the filing of a lease with the housing authority may go from each state (住房租赁条例 art. 8)."""


def file_lease(*, lease: Lease, state: str, number: str, today: date, actor: Actor) -> None:
    """Note how the filing stands; ``number`` is the authority's, needed once it is filed.

    Raises:
        WrongState: the lease is not signed, or this is not the next step.
        InvalidValue: filed without a number.
    """
    db.session.refresh(lease, with_for_update=True)
    if lease.state not in ("signed", "ended"):
        raise WrongState(_("合同还没有两边签好，签好后再备案。"))
    if state not in FILING_STEPS[lease.filing_state]:
        raise WrongState(_("备案状态已经变了，请刷新后再看。"))
    if state == "filed" and not number:
        raise InvalidValue(_("请写备案号。"))
    before = lease.filing_state
    lease.filing_state, lease.filed_by = state, actor.user_id
    lease.filing_number = number or None
    lease.filed_on = today if state == "filed" else None
    audit.record(
        actor=actor,
        action="occupancy.file_lease",
        entity="lease",
        entity_id=lease.id,
        changes={"from": before, "to": state, "number": number},
    )
