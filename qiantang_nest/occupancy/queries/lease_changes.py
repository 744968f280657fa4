"""Changes of leases: what was asked, what was made, what waits for a word, what is in the way."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Select, exists, false, func, or_, select
from sqlalchemy.orm import contains_eager, joinedload

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.housing.models import ProxyConsent, Room
from qiantang_nest.occupancy.models import Lease, LeaseChange, LeaseRoom, RoomClaim, Stay
from qiantang_nest.occupancy.queries.leases import leases_visible_to


def changes_visible_to(actor: Actor) -> Select[LeaseChange]:
    """Changes of the leases an actor may see, the lease loaded."""
    leases = leases_visible_to(actor).with_only_columns(Lease.id)
    return (
        select(LeaseChange)
        .join(LeaseChange.lease)
        .options(contains_eager(LeaseChange.lease))
        .where(LeaseChange.lease_id.in_(leases))
    )


def changes_of(lease_id: int) -> Sequence[LeaseChange]:
    """The history of a lease, newest first."""
    return (
        db.session.execute(
            select(LeaseChange).where(LeaseChange.lease_id == lease_id).order_by(LeaseChange.id.desc())
        )
        .scalars()
        .all()
    )


def changes_to_answer(actor: Actor) -> Select[LeaseChange]:
    """What the other side asked and the actor has to say yes or no to, oldest first."""
    match actor.role:
        case Role.VILLAGER | Role.VILLAGE_CLERK:
            asked_by = "lessee"
        case Role.EMPLOYER_MANAGER:
            asked_by = "lessor"
        case _:
            return select(LeaseChange).where(false())
    statement = changes_visible_to(actor).where(
        LeaseChange.state == "asked", LeaseChange.asked_side == asked_by
    )
    if actor.role == Role.VILLAGE_CLERK:
        statement = statement.where(
            exists().where(ProxyConsent.owner_id == Lease.owner_id, ProxyConsent.withdrawn_on.is_(None))
        )
    return statement.order_by(LeaseChange.id)


def count_changes_to_answer(actor: Actor) -> int:
    """How many wait for the actor."""
    waiting = changes_to_answer(actor).with_only_columns(LeaseChange.id).order_by(None).subquery()
    return db.session.execute(select(func.count()).select_from(waiting)).scalar_one()


def taker_of(
    room_ids: Sequence[int], starts_on: date, ends_on: date, now: datetime, *, but: Sequence[int] = ()
) -> RoomClaim | None:
    """The first claim that takes one of the rooms on one of the days, room and house loaded.

    Expired holds take nothing; ``but`` are claims that do not count.
    """
    return (
        db.session.execute(
            select(RoomClaim)
            .options(joinedload(RoomClaim.room).joinedload(Room.house))
            .where(
                RoomClaim.room_id.in_(room_ids),
                RoomClaim.id.not_in(but),
                RoomClaim.state.in_(("held", "leased", "closed")),
                or_(RoomClaim.held_until.is_(None), RoomClaim.held_until > now),
                RoomClaim.starts_on < ends_on,
                RoomClaim.ends_on > starts_on,
            )
            .order_by(RoomClaim.starts_on, RoomClaim.id)
            .limit(1)
        )
        .scalars()
        .one_or_none()
    )


def stays_not_over(lease_room_ids: Sequence[int]) -> Sequence[Stay]:
    """Planned stays and those nobody has checked out, worker loaded, in the order of beds."""
    return (
        db.session.execute(
            select(Stay)
            .options(joinedload(Stay.worker))
            .where(
                Stay.lease_room_id.in_(lease_room_ids), Stay.cancelled_at.is_(None), Stay.left_on.is_(None)
            )
            .order_by(Stay.room_id, Stay.bed_no, Stay.starts_on)
        )
        .scalars()
        .all()
    )


def rooms_ever_of(lease_id: int) -> Sequence[LeaseRoom]:
    """Every room a lease has or had, room and house loaded, in the order of joining."""
    return (
        db.session.execute(
            select(LeaseRoom)
            .options(joinedload(LeaseRoom.room).joinedload(Room.house))
            .where(LeaseRoom.lease_id == lease_id)
            .order_by(LeaseRoom.id)
        )
        .scalars()
        .all()
    )
