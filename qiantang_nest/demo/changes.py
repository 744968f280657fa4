"""What happens to leases after they are signed: ended early, asked to go on, given back, held over."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Select, delete, select

from qiantang_nest.billing.queries.deposits import deposits_held
from qiantang_nest.billing.rules import CaseKind
from qiantang_nest.billing.services.deposits import open_case
from qiantang_nest.bookings.queries.change_effects import effect_of
from qiantang_nest.bookings.queries.lease_facts import lease_facts
from qiantang_nest.bookings.rules.changes import ChangeKind, Wanted, earliest_by_notice
from qiantang_nest.bookings.services.change_booking import ask_change
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import DomainError
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.housing.models import ProxyConsent
from qiantang_nest.housing.queries import live_consent
from qiantang_nest.occupancy.models import Lease, LeaseRoom, Registration, Stay
from qiantang_nest.occupancy.rules import THINGS, Moment
from qiantang_nest.occupancy.services.hand_over import Sheet, confirm_sheet, write_sheet


def change_leases(
    *, enterprise: Enterprise, manager: Actor, clerk: Actor, today: date, now: datetime
) -> None:
    """One lease ends early, one is asked to go on, a room is given back with a case, one is held over.

    Each as far as the employer's leases allow: a small district may lack one kind.
    """
    running = _leases(enterprise).where(Lease.starts_on < today, Lease.ends_on > today + timedelta(days=60))
    leases = db.session.execute(running.limit(12)).scalars().all()
    rest = [lease for lease in leases if not _ask(ChangeKind.END, lease, manager, today, now)]
    for lease in rest:
        if _ask(ChangeKind.EXTEND, lease, manager, today, now):
            break
    over = _leases(enterprise).where(Lease.ends_on <= today).order_by(None).order_by(Lease.ends_on.desc())
    ended = db.session.execute(over.limit(12)).scalars().all()
    _give_back(ended, manager, clerk, today, now)
    _hold_over(ended)


def _leases(enterprise: Enterprise) -> Select[Lease]:
    return (
        select(Lease).where(Lease.enterprise_id == enterprise.id, Lease.state == "signed").order_by(Lease.id)
    )


def _ask(kind: ChangeKind, lease: Lease, manager: Actor, today: date, now: datetime) -> bool:
    """Ask for a change if the lease is one in three and nothing is in the way."""
    if kind is ChangeKind.END and lease.id % 3:
        return False
    facts = lease_facts(lease, manager, today)
    last_on = (
        earliest_by_notice(facts, today) if kind is ChangeKind.END else lease.ends_on + timedelta(days=29)
    )
    rooms = tuple(room.lease_room_id for room in facts.rooms)
    wanted = Wanted(kind, rooms[:1] if kind is ChangeKind.END else rooms, last_on)
    # Refused where somebody has the room later: then another lease is tried.
    with suppress(DomainError), db.session.begin_nested():
        ask_change(
            lease=lease,
            wanted=wanted,
            reason="春节前订单少" if kind is ChangeKind.END else "订单多，想再住一个月",
            shown_digest=effect_of(lease, wanted, actor=manager, today=today, now=now).digest(),
            actor=manager,
            today=today,
            now=now,
        )
        return True
    return False


def _give_back(leases: Sequence[Lease], manager: Actor, clerk: Actor, today: date, now: datetime) -> None:
    """The newest ended lease whose deposit is held: its room is given back, the remote control is gone."""
    for lease in leases:
        held = deposits_held(lease.id)
        room = db.session.execute(
            select(LeaseRoom).where(LeaseRoom.lease_id == lease.id, LeaseRoom.id.in_(held)).limit(1)
        ).scalar_one_or_none()
        if room is None:
            continue
        if live_consent(lease.owner_id) is None:
            db.session.add(
                ProxyConsent(
                    owner_id=lease.owner_id,
                    given_on=today - timedelta(days=90),
                    how="paper",
                    witness="村民小组长",
                    recorded_by=clerk.user_id,
                )
            )
            db.session.flush()
        for moment, day, kwh in (
            (Moment.START, room.starts_on, Decimal("1520.0")),
            (Moment.END, room.ends_on - timedelta(days=1), Decimal("1846.5")),
        ):
            sheet = write_sheet(
                lease_room=room,
                moment=moment,
                sheet=Sheet(
                    day,
                    kwh,
                    Decimal("88.0"),
                    None,
                    2,
                    dict.fromkeys(THINGS, "good")
                    | ({"air_conditioner": "broken"} if moment is Moment.END else {}),
                    "空调遥控器不见了" if moment is Moment.END else "",
                ),
                photo_names=[],
                seen_version=0,
                actor=clerk,
                today=today,
                now=now,
            )
            confirm_sheet(handover=sheet, seen_version=1, actor=manager, now=now)
        open_case(
            lease_room=room,
            kind=CaseKind.DAMAGE,
            amount_fen=6_000,
            what="空调遥控器不见了，换新 60 元",
            evidence_media=None,
            actor=clerk,
            today=today,
            now=now,
        )
        return


def _hold_over(leases: Sequence[Lease]) -> None:
    """Somebody of an ended lease that was not given back is still there."""
    stay = db.session.execute(
        select(Stay)
        .join(LeaseRoom, LeaseRoom.id == Stay.lease_room_id)
        .join(Lease, Lease.id == LeaseRoom.lease_id)
        .where(
            Lease.id.in_([lease.id for lease in leases]),
            Lease.state == "signed",
            Stay.left_on == LeaseRoom.ends_on,
            Stay.ends_on == LeaseRoom.ends_on,
            Stay.cancelled_at.is_(None),
        )
        .order_by(Stay.ends_on.desc(), Stay.id)
        .limit(1)
    ).scalar_one_or_none()
    if stay is not None:
        stay.left_on = None
        db.session.execute(
            delete(Registration).where(Registration.stay_id == stay.id, Registration.kind == "departure")
        )
