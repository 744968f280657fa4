"""A signed lease as the rules of changes need it: rooms, rents, people, bills, deposit; six queries."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import or_, select

from qiantang_nest.billing.models import Bill, BillLine
from qiantang_nest.billing.queries.deposits import deposits_held
from qiantang_nest.billing.rules import (
    BillingTerms,
    Convention,
    LineFigures,
    Proration,
    StandingBill,
    rent_by_rent,
)
from qiantang_nest.bookings.rules.changes import MOST_DAYS_BACK, LeaseFacts, LetRoom, Sleeper
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.period import Period
from qiantang_nest.enterprises.models import Worker
from qiantang_nest.occupancy.models import Lease, Stay
from qiantang_nest.occupancy.queries.lease_changes import later_rents, rooms_ever_of, stays_not_over
from qiantang_nest.occupancy.queries.stays import called


def lease_facts(lease: Lease, actor: Actor, today: date) -> LeaseFacts:
    """What a change starts from. People are called as the actor may see them.

    A room that ended within ``MOST_DAYS_BACK`` days still counts as one of the lease as long as it is the
    lease's last day or somebody is in it: it may be extended. Others are gone.
    """
    rooms = rooms_ever_of(lease.id)
    stays = stays_not_over([room.id for room in rooms])
    inside = {stay.lease_room_id for stay in stays if stay.arrived_on is not None}
    held = deposits_held(lease.id)
    later = later_rents([room.id for room in rooms])
    current, gone = [], []
    for room in rooms:
        period = Period(room.starts_on, room.ends_on)
        over_for = (today - room.ends_on).days
        if room.ends_on > today or (
            over_for <= MOST_DAYS_BACK and (room.ends_on == lease.ends_on or room.id in inside)
        ):
            name = f"{room.room.house.address} {room.room.label}"
            current.append(
                LetRoom(
                    lease_room_id=room.id,
                    room_id=room.room_id,
                    name=name,
                    rent_fen=room.rent_fen,
                    period=period,
                    deposit_fen=held.get(room.id, 0),
                    later_rents=tuple(later.get(room.id, ())),
                    follows_id=room.follows_id,
                )
            )
        else:
            gone += rent_by_rent(room.id, period, room.rent_fen, later.get(room.id, ()))
    standing = _standing_bills(lease.id)
    agreed_fen = sum(room.rent_fen for room in rooms if room.follows_id is None)
    return LeaseFacts(
        lease_id=lease.id,
        period=Period(lease.starts_on, lease.ends_on),
        notice_days=lease.notice_days,
        deposit_return_days=lease.deposit_return_days,
        terms=BillingTerms(
            lease.starts_on,
            Convention(lease.convention),
            Proration(lease.proration),
            lease.bill_lead_days,
            lease.grace_days,
        ),
        rooms=tuple(current),
        sleepers=tuple(_sleepers(stays, actor)),
        bills=tuple(bill for bill in standing if bill.seq),
        gone=tuple(gone),
        deposit_fen=lease.deposit_fen,
        deposit_bill=next((bill for bill in standing if not bill.seq), None),
        deposit_months=(lease.deposit_fen + agreed_fen // 2) // agreed_fen if agreed_fen else 0,
    )


def _sleepers(stays: Sequence[Stay], actor: Actor) -> list[Sleeper]:
    elsewhere = _elsewhere(stays)
    return [
        Sleeper(
            stay_id=stay.id,
            lease_room_id=stay.lease_room_id,
            bed_no=stay.bed_no,
            companion_key=stay.companion_key,
            starts_on=stay.starts_on,
            ends_on=stay.ends_on,
            arrived=stay.arrived_on is not None,
            name=called(stay.worker, actor),
            elsewhere_from=elsewhere.get(stay.id),
        )
        for stay in stays
    ]


def _elsewhere(stays: Sequence[Stay]) -> dict[int, date]:
    """stay id → when the same person, whoever employs them, has the next bed."""
    if not stays:
        return {}
    by_person: dict[bytes | None, Stay] = {
        stay.worker.id_number_hash: stay for stay in stays if stay.worker.id_number_hash is not None
    }
    by_worker = {stay.worker_id: stay for stay in stays}
    rows = db.session.execute(
        select(Stay.id, Stay.worker_id, Worker.id_number_hash, Stay.starts_on)
        .join(Worker, Worker.id == Stay.worker_id)
        .where(
            or_(Stay.worker_id.in_(by_worker), Worker.id_number_hash.in_(by_person)),
            Stay.cancelled_at.is_(None),
        )
        .order_by(Stay.starts_on.desc())
    )
    found: dict[int, date] = {}
    for stay_id, worker_id, person, starts_on in rows:
        stay = by_worker.get(worker_id) or by_person[person]
        if stay_id != stay.id and starts_on >= stay.ends_on:
            found[stay.id] = starts_on
    return found


def _standing_bills(lease_id: int) -> list[StandingBill]:
    """The bills that are not voided, the deposit's (number 0) first."""
    lines: dict[int, list[LineFigures]] = {}
    bills = (
        db.session.execute(
            select(Bill)
            .where(Bill.lease_id == lease_id, Bill.voided_at.is_(None))
            .order_by(Bill.seq)
            .execution_options(populate_existing=True)
        )
        .scalars()
        .all()
    )
    for line in db.session.execute(
        select(BillLine).where(BillLine.bill_id.in_([bill.id for bill in bills])).order_by(BillLine.id)
    ).scalars():
        lines.setdefault(line.bill_id, []).append(
            LineFigures(
                line.lease_room_id, line.starts_on, line.ends_on, line.whole, line.rate_fen, line.amount_fen
            )
        )
    return [
        StandingBill(
            bill.id, bill.number, bill.seq, bill.amount_fen, bill.paid_fen, tuple(lines.get(bill.id, ()))
        )
        for bill in bills
    ]
