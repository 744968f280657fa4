"""Leases in an actor's scope."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, or_, select
from sqlalchemy.orm import contains_eager

from qiantang_nest.accounts.models import User
from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.db import db
from qiantang_nest.geography.queries import in_area
from qiantang_nest.housing.models import House, Owner, ProxyConsent, Room
from qiantang_nest.occupancy.models import (
    LET,
    Lease,
    LeaseRoom,
    LeaseRoomRent,
    LeaseSignature,
    LeaseWithdrawal,
)


def leases_visible_to(actor: Actor) -> Select[Lease]:
    """Leases with lessor and lessee loaded: the parties' own, and those of a village or street's area."""
    statement = (
        select(Lease)
        .join(Lease.owner)
        .join(Lease.enterprise)
        .options(contains_eager(Lease.owner), contains_eager(Lease.enterprise))
    )
    match actor.role:
        case Role.VILLAGER:
            return statement.where(Owner.user_id == actor.user_id)
        case Role.EMPLOYER_MANAGER | Role.EMPLOYER_STAFF:
            return statement.where(Lease.enterprise_id == actor.enterprise_id)
        case Role.VILLAGE_CLERK | Role.STREET_OFFICER | SYSTEM.role:
            return statement.where(in_area(Lease.village_code, actor.scope))
        case _:
            return statement.where(false())


def awaits_signature(now: datetime) -> ColumnElement[bool]:
    """Leases that both sides have yet to sign and still may."""
    return and_(Lease.state == "drafted", Lease.sign_until > now)


def came_to_nothing(now: datetime) -> ColumnElement[bool]:
    """Leases taken back before both had signed, and those not signed in time."""
    return or_(Lease.state == "cancelled", and_(Lease.state == "drafted", Lease.sign_until <= now))


def leases_to_sign(actor: Actor, now: datetime) -> Select[Lease]:
    """Leases that wait for the actor's own signature and still may get it, the one due first on top.

    A clerk signs for households that have let the village act for them; an employer's staff signs nothing.
    """
    match actor.role:
        case Role.VILLAGER | Role.VILLAGE_CLERK:
            side = "lessor"
        case Role.EMPLOYER_MANAGER:
            side = "lessee"
        case _:
            return select(Lease).where(false())
    signed = exists().where(LeaseSignature.lease_id == Lease.id, LeaseSignature.side == side)
    statement = (
        leases_visible_to(actor).where(awaits_signature(now), ~signed).order_by(Lease.sign_until, Lease.id)
    )
    if actor.role == Role.VILLAGE_CLERK:
        statement = statement.where(
            exists().where(ProxyConsent.owner_id == Lease.owner_id, ProxyConsent.withdrawn_on.is_(None))
        )
    return statement


def signatures_due(actor: Actor, now: datetime) -> tuple[int, datetime | None]:
    """How many leases wait for the actor's signature, and when the first of them can no longer be signed."""
    waiting = leases_to_sign(actor, now).with_only_columns(Lease.sign_until).order_by(None).subquery()
    row = db.session.execute(select(func.count(), func.min(waiting.c.sign_until)).select_from(waiting)).one()
    return int(row[0]), row[1]


def lease_sums(lease_ids: Sequence[int], on: date) -> dict[int, tuple[int, int, int]]:
    """lease id → rooms, beds they may hold, rent a month in fen, of the rooms that have not ended by a day.

    Of a lease that is over: as it was on its last day.
    """
    day = func.least(on, Lease.ends_on - 1)
    later = (
        select(LeaseRoomRent.rent_fen)
        .where(LeaseRoomRent.lease_room_id == LeaseRoom.id, LeaseRoomRent.starts_on <= day)
        .order_by(LeaseRoomRent.starts_on.desc())
        .limit(1)
        .scalar_subquery()
    )
    rent = func.sum(func.coalesce(later, LeaseRoom.rent_fen))
    rows = db.session.execute(
        select(LeaseRoom.lease_id, func.count(), func.sum(Room.beds), rent)
        .join(Room, Room.id == LeaseRoom.room_id)
        .join(Lease, Lease.id == LeaseRoom.lease_id)
        .where(LeaseRoom.lease_id.in_(lease_ids), LET, LeaseRoom.ends_on > day)
        .group_by(LeaseRoom.lease_id)
    )
    return {lease_id: (int(rooms), int(beds), int(rent)) for lease_id, rooms, beds, rent in rows}


def signed_sides(lease_ids: Sequence[int]) -> dict[int, set[str]]:
    """lease id → the sides that have signed."""
    found: dict[int, set[str]] = {lease_id: set() for lease_id in lease_ids}
    rows = db.session.execute(
        select(LeaseSignature.lease_id, LeaseSignature.side).where(LeaseSignature.lease_id.in_(lease_ids))
    )
    for lease_id, side in rows:
        found[lease_id].add(side)
    return found


def withdrawals_of(lease_ids: Sequence[int]) -> dict[int, tuple[LeaseWithdrawal, str]]:
    """lease id → who took it back and why, with that person's name."""
    rows = db.session.execute(
        select(LeaseWithdrawal, User.name)
        .join(User, User.id == LeaseWithdrawal.user_id)
        .where(LeaseWithdrawal.lease_id.in_(lease_ids))
    )
    return {withdrawal.lease_id: (withdrawal, name) for withdrawal, name in rows}


def rooms_of_lease(lease_id: int) -> Sequence[LeaseRoom]:
    """The rooms of a lease with room and house, in the order of the contract."""
    return rooms_of_leases([lease_id])[lease_id]


def rooms_of_leases(lease_ids: Sequence[int]) -> dict[int, list[LeaseRoom]]:
    """lease id → its rooms with room and house, in the order of the contract."""
    found: dict[int, list[LeaseRoom]] = {lease_id: [] for lease_id in lease_ids}
    rows = db.session.execute(
        select(LeaseRoom)
        .join(LeaseRoom.room)
        .join(Room.house)
        .options(contains_eager(LeaseRoom.room).contains_eager(Room.house))
        .where(LeaseRoom.lease_id.in_(lease_ids), LET)
        .order_by(House.address, Room.floor, Room.label, LeaseRoom.id)
    ).scalars()
    for room in rows:
        found[room.lease_id].append(room)
    return found


def signatures_with_names(lease_id: int) -> Sequence[tuple[LeaseSignature, str]]:
    """The signatures of a lease with the signers' names, first to last."""
    rows = db.session.execute(
        select(LeaseSignature, User.name)
        .join(User, User.id == LeaseSignature.user_id)
        .where(LeaseSignature.lease_id == lease_id)
        .order_by(LeaseSignature.signed_at, LeaseSignature.id)
    )
    return [(signature, name) for signature, name in rows]
