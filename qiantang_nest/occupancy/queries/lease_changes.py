"""Changes of leases: what was asked, what was made, what waits for a word, what is in the way."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, and_, exists, false, not_, or_, select
from sqlalchemy.orm import contains_eager, joinedload

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.housing.models import ProxyConsent, Room
from qiantang_nest.occupancy.models import (
    LET,
    Lease,
    LeaseChange,
    LeaseRoom,
    LeaseRoomRent,
    RoomClaim,
    Stay,
)
from qiantang_nest.occupancy.queries.leases import leases_visible_to


def changes_visible_to(actor: Actor) -> Select[LeaseChange]:
    """Changes of the leases an actor may see or is asked to take over, lease and lessee loaded."""
    leases = leases_visible_to(actor).with_only_columns(Lease.id)
    return (
        select(LeaseChange)
        .join(LeaseChange.lease)
        .join(Lease.enterprise)
        .options(contains_eager(LeaseChange.lease).contains_eager(Lease.enterprise))
        .where(or_(LeaseChange.lease_id.in_(leases), _taken_by(actor)))
    )


def _waits_for_lessor() -> ColumnElement[bool]:
    """A relocation sooner than by notice, to which the lessor has said nothing yet."""
    return and_(LeaseChange.facts["needs_yes"].as_boolean(), LeaseChange.agreed_at.is_(None))


def _taken_by(actor: Actor) -> ColumnElement[bool]:
    """What a firm is asked to take over, it may read before it has it."""
    if actor.enterprise_id is None:
        return false()
    return LeaseChange.taker_id == actor.enterprise_id


def relocation_to(new_lease_id: int) -> LeaseChange | None:
    """The relocation that waits for the signatures under a lease."""
    return db.session.execute(
        select(LeaseChange)
        .where(
            LeaseChange.new_lease_id == new_lease_id,
            LeaseChange.kind == "relocate",
            LeaseChange.state == "asked",
        )
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()


def lapsed(now: datetime) -> ColumnElement[bool]:
    """Relocations that are over: their lease was not signed in time. Computed, nothing has to end them."""
    late = select(Lease.id).where(Lease.state == "drafted", Lease.sign_until <= now)
    return and_(LeaseChange.kind == "relocate", LeaseChange.new_lease_id.in_(late))


def open_change_of(lease_id: int, now: datetime) -> LeaseChange | None:
    """The change of a lease that still waits for a word."""
    return db.session.execute(
        select(LeaseChange).where(
            LeaseChange.lease_id == lease_id, LeaseChange.state == "asked", not_(lapsed(now))
        )
    ).scalar_one_or_none()


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
            mine = and_(
                LeaseChange.asked_side == "lessee",
                or_(LeaseChange.kind != "relocate", _waits_for_lessor()),
                or_(LeaseChange.taker_id.is_(None), LeaseChange.taken_at.is_not(None)),
            )
        case Role.EMPLOYER_MANAGER:
            mine = or_(
                LeaseChange.asked_side == "lessor", and_(_taken_by(actor), LeaseChange.taken_at.is_(None))
            )
        case _:
            return select(LeaseChange).where(false())
    statement = changes_visible_to(actor).where(LeaseChange.state == "asked", mine)
    if actor.role == Role.VILLAGE_CLERK:
        statement = statement.where(
            exists().where(ProxyConsent.owner_id == Lease.owner_id, ProxyConsent.withdrawn_on.is_(None))
        )
    return statement.order_by(LeaseChange.id)


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


def later_rents(lease_room_ids: Sequence[int]) -> dict[int, list[tuple[date, int]]]:
    """lease room id → from when which other rent a month (fen) was agreed, in order; others are absent."""
    found: dict[int, list[tuple[date, int]]] = {}
    rows = db.session.execute(
        select(LeaseRoomRent)
        .where(LeaseRoomRent.lease_room_id.in_(lease_room_ids))
        .order_by(LeaseRoomRent.starts_on)
        .execution_options(populate_existing=True)
    ).scalars()
    for row in rows:
        found.setdefault(row.lease_room_id, []).append((row.starts_on, row.rent_fen))
    return found


def rooms_ever_of(lease_id: int) -> Sequence[LeaseRoom]:
    """Every room a lease has or had for a day, room and house loaded, in the order of joining."""
    return (
        db.session.execute(
            select(LeaseRoom)
            .options(joinedload(LeaseRoom.room).joinedload(Room.house))
            .where(LeaseRoom.lease_id == lease_id, LET)
            .order_by(LeaseRoom.id)
        )
        .scalars()
        .all()
    )
