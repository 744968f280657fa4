"""Reads of beds: which are free over a time, who is where, and a placing to show before it is saved."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import Select, false, func, select
from sqlalchemy.orm import contains_eager

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import Sex
from qiantang_nest.enterprises.models import Worker
from qiantang_nest.enterprises.rules import Shift
from qiantang_nest.geography.models import Village
from qiantang_nest.geography.queries import in_area
from qiantang_nest.housing.models import Hazard, House, Room
from qiantang_nest.occupancy.models import LET, Lease, LeaseRoom, Stay
from qiantang_nest.occupancy.rules import (
    COUPLE_KEYS_FROM,
    Bed,
    FreeRoom,
    Placement,
    Sleeper,
    Unplaced,
    assign_beds,
)

FAR = date(2199, 12, 31)
GROUND_FLOOR = 1
MOST_MOVABLE = 60
"""So many people are asked to move at most in one suggestion."""


def sleeper(worker: Worker, shift: str | None = None) -> Sleeper:
    """A worker as the rules of placing see one; ``shift`` if it is going to be another one."""
    return Sleeper(
        worker.id,
        Sex(worker.sex),
        worker.couple_with_id,
        night=(shift or worker.shift) == Shift.NIGHT,
        wish=worker.wish_group,
        ground_floor=worker.ground_floor,
    )


def lease_rooms_visible_to(actor: Actor) -> Select[LeaseRoom]:
    """Rooms under signed leases whose beds the actor gives out or changes, with room, house and lease.

    An employer's own; a clerk's village, for changes on the spot; nobody else's.
    """
    statement = (
        select(LeaseRoom)
        .join(LeaseRoom.lease)
        .join(LeaseRoom.room)
        .join(Room.house)
        .options(
            contains_eager(LeaseRoom.lease),
            contains_eager(LeaseRoom.room).contains_eager(Room.house),
        )
        .where(Lease.state == "signed", LET)
        .order_by(LeaseRoom.starts_on, House.village_code, House.id, Room.label)
    )
    if actor.role == Role.VILLAGE_CLERK:
        return statement.where(in_area(Lease.village_code, actor.scope))
    if actor.enterprise_id is None:
        return statement.where(false())
    return statement.where(Lease.enterprise_id == actor.enterprise_id)


def workers_visible_to(actor: Actor) -> Select[Worker]:
    """The actor's enterprise's workers; nobody else keeps a roster."""
    if actor.enterprise_id is None:
        return select(Worker).where(false())
    return select(Worker).where(Worker.enterprise_id == actor.enterprise_id)


def unhoused(actor: Actor, on: date) -> Select[Worker]:
    """The enterprise's workers who have no bed on or after a day, oldest entry first."""
    housed = (
        select(Stay.id)
        .where(Stay.worker_id == Worker.id, Stay.cancelled_at.is_(None), Stay.ends_on > on)
        .correlate(Worker)
        .exists()
    )
    return workers_visible_to(actor).where(~housed).order_by(Worker.id)


@dataclass(frozen=True)
class BedRow:
    """A leased room with its beds over a time: who lies in which, which are free for all of it."""

    lease_room: LeaseRoom
    free_beds: tuple[int, ...]
    companion_key: int | None
    mixed_over_time: bool
    """People of different keys are booked one after the other: no one fits for the whole time."""
    wishes: frozenset[str] = frozenset()
    """Names of wishes to be together that people there have."""

    @property
    def beds(self) -> int:
        """Beds that may be slept in."""
        return min(self.lease_room.room.beds, self.lease_room.room.capacity)

    def as_free_room(self) -> FreeRoom:
        """As the rules of placing see it; a room's id there is its lease room's."""
        return FreeRoom(
            self.lease_room.id,
            self.lease_room.room.house_id,
            () if self.mixed_over_time else self.free_beds,
            self.lease_room.room.capacity,
            self.companion_key,
            self.lease_room.room.floor == GROUND_FLOOR,
            self.wishes,
            self.lease_room.ends_on,
        )


def bed_rows(
    lease_rooms: Sequence[LeaseRoom],
    starts_on: date,
    ends_on: date | None = None,
    *,
    ignoring: Collection[int] = (),
    first: Collection[tuple[int, int]] = (),
) -> list[BedRow]:
    """What is free in each room from ``starts_on`` to ``ends_on`` (else the lease room's end); one query.

    Rooms that do not cover ``starts_on`` are left out; stays in ``ignoring`` count as gone. The (room, bed)
    of ``first`` are given out before the others.
    """
    wanted = [one for one in lease_rooms if one.starts_on <= starts_on < one.ends_on]
    taken: dict[int, list[tuple[int, int, date, str]]] = defaultdict(list)
    if wanted:
        rows = db.session.execute(
            select(Stay, Worker.wish_group)
            .join(Stay.worker)
            .where(
                Stay.room_id.in_({one.room_id for one in wanted}),
                Stay.cancelled_at.is_(None),
                Stay.ends_on > starts_on,
                Stay.id.not_in(ignoring),
            )
            .order_by(Stay.room_id, Stay.bed_no)
        )
        for stay, wish in rows:
            taken[stay.room_id].append((stay.bed_no, stay.companion_key, stay.starts_on, wish))
    found = []
    for one in wanted:
        until = min(one.ends_on, ends_on or FAR)
        there = [(bed_no, key, wish) for bed_no, key, from_on, wish in taken[one.room_id] if from_on < until]
        busy = {bed_no for bed_no, _key, _wish in there}
        keys = {key for _bed, key, _wish in there}
        beds = sorted(
            range(1, min(one.room.beds, one.room.capacity) + 1),
            key=lambda bed, room_id=one.room_id: ((room_id, bed) not in first, bed),  # type: ignore[misc]
        )
        found.append(
            BedRow(
                one,
                tuple(bed for bed in beds if bed not in busy),
                next(iter(keys)) if len(keys) == 1 else None,
                len(keys) > 1,
                frozenset(wish for _bed, _key, wish in there if wish),
            )
        )
    return found


@dataclass(frozen=True)
class ProposedMove:
    """Somebody who has a bed would get another, and why."""

    stay: Stay
    lease_room: LeaseRoom
    bed_no: int
    reason: str


@dataclass(frozen=True)
class Proposal:
    """A placing to look at: who would sleep where, who is left over, and what every room has free."""

    placements: list[Placement]
    moves: list[ProposedMove]
    unplaced: list[Unplaced]
    rows: list[BedRow]
    barred_houses: set[int]
    """Houses left out because of an open major hazard or danger."""


def movable_stays(actor: Actor, lease_rooms: Collection[LeaseRoom], today: date) -> Sequence[Stay]:
    """People a suggestion may ask to change beds: single, not placed by hand; last come, first asked."""
    return (
        db.session.execute(
            select(Stay)
            .join(Stay.worker)
            .options(contains_eager(Stay.worker))
            .where(
                Stay.lease_room_id.in_({one.id for one in lease_rooms}),
                Stay.worker_id.in_(workers_visible_to(actor).with_only_columns(Worker.id)),
                Stay.cancelled_at.is_(None),
                Stay.left_on.is_(None),
                Stay.ends_on > today,
                Stay.companion_key < COUPLE_KEYS_FROM,
                Worker.couple_with_id.is_(None),
                ~Stay.by_hand,
            )
            .order_by(Stay.starts_on.desc(), Stay.id)
            .limit(MOST_MOVABLE)
        )
        .scalars()
        .all()
    )


def propose_beds(
    *,
    workers: Sequence[Worker],
    lease_rooms: Sequence[LeaseRoom],
    starts_on: date,
    ends_on: date | None,
    movable: Sequence[Stay] = (),
    first: Collection[tuple[int, int]] = (),
) -> Proposal:
    """Place workers by rule in what is free, without saving anything; a placement's room is a lease room.

    Those of ``movable`` may get another bed too, if that gives more people a bed or fulfils more wishes.
    """
    barred = barred_houses({one.room.house_id for one in lease_rooms})
    safe = [one for one in lease_rooms if one.room.house_id not in barred]
    ids = {one.id for one in safe if one.starts_on <= starts_on < one.ends_on}
    stays = {stay.worker_id: stay for stay in movable if stay.lease_room_id in ids}
    rows = bed_rows(safe, starts_on, ends_on, ignoring=[one.id for one in stays.values()], first=first)
    placements, unplaced = assign_beds(
        [
            *(sleeper(worker) for worker in workers),
            *(
                replace(sleeper(stay.worker), at=Bed(stay.lease_room_id, stay.bed_no), until=stay.ends_on)
                for stay in stays.values()
            ),
        ],
        [row.as_free_room() for row in rows],
    )
    homes = {one.worker_id: one for one in placements}
    by_id = {row.lease_room.id: row.lease_room for row in rows}
    people = {worker.id: worker for worker in workers} | {one.worker_id: one.worker for one in stays.values()}
    moves = [
        ProposedMove(
            stay,
            by_id[homes[worker_id].room_id],
            homes[worker_id].bed_no,
            _why_moved(stay, by_id[homes[worker_id].room_id], homes, people),
        )
        for worker_id, stay in stays.items()
        if homes[worker_id].room_id != stay.lease_room_id
    ]
    fresh = [one for one in placements if one.worker_id not in stays]
    return Proposal(fresh, moves, unplaced, rows, barred)


def _why_moved(
    stay: Stay, to: LeaseRoom, homes: Mapping[int, Placement], people: Mapping[int, Worker]
) -> str:
    """The sentence for a move: one's own wish, or who gets the bed."""
    worker = stay.worker
    if worker.ground_floor and to.room.floor == GROUND_FLOOR != stay.lease_room.room.floor:
        return str(_("要住一楼"))

    def comers(room_id: int) -> list[Worker]:
        return [people[one.worker_id] for one in homes.values() if one.room_id == room_id]

    friends = [one for one in comers(to.id) if one.wish_group == worker.wish_group and one.id != worker.id]
    if worker.wish_group and friends:
        return str(_("想和 %(name)s 住在一起", name=friends[0].name))
    followers = comers(stay.lease_room_id)
    if followers:
        return str(_("把床让给 %(name)s", name=followers[0].name))
    return str(_("空出一间房"))


def barred_houses(house_ids: Collection[int]) -> set[int]:
    """Which of the houses nobody may move into: an open major hazard, or graded dangerous."""
    if not house_ids:
        return set()
    open_hazard = (
        select(Hazard.id)
        .where(Hazard.house_id == House.id, Hazard.severity == "major", Hazard.closed_on.is_(None))
        .correlate(House)
        .exists()
    )
    return set(
        db.session.execute(
            select(House.id).where(House.id.in_(house_ids), open_hazard | House.dangerous_since.is_not(None))
        ).scalars()
    )


def heads_by_lease_room(lease_room_ids: Collection[int], on: date) -> dict[int, tuple[int, int]]:
    """(present, planned) of each lease room: who sleeps there on a day, and who is expected later."""
    if not lease_room_ids:
        return {}
    present = (Stay.arrived_on.is_not(None)) & (Stay.starts_on <= on)
    rows = db.session.execute(
        select(
            Stay.lease_room_id,
            func.count().filter(present),
            func.count().filter(~present),
        )
        .where(Stay.lease_room_id.in_(lease_room_ids), Stay.cancelled_at.is_(None), Stay.ends_on > on)
        .group_by(Stay.lease_room_id)
    )
    return {lease_room_id: (here, later) for lease_room_id, here, later in rows}


def village_names(codes: Collection[str]) -> dict[str, str]:
    """Names of villages by code."""
    if not codes:
        return {}
    rows = db.session.execute(select(Village.code, Village.name).where(Village.code.in_(set(codes))))
    return {row.code: row.name for row in rows}


@dataclass(frozen=True, slots=True)
class BedsToday:
    """An employer's beds on a day: rooms and beds under signed leases, and people who have arrived."""

    rooms: int
    beds: int
    heads: int

    @property
    def empty(self) -> int:
        """Beds nobody sleeps in."""
        return max(self.beds - self.heads, 0)


def beds_today(actor: Actor, today: date) -> BedsToday:
    """The beds the actor gives out today, and how many are slept in; one query."""
    let = (
        lease_rooms_visible_to(actor)
        .where(LeaseRoom.starts_on <= today, LeaseRoom.ends_on > today)
        .order_by(None)
        .with_only_columns(LeaseRoom.id, func.least(Room.beds, Room.capacity).label("beds"))
        .subquery()
    )
    heads = (
        select(func.count())
        .where(
            Stay.lease_room_id.in_(select(let.c.id)),
            Stay.cancelled_at.is_(None),
            Stay.arrived_on.is_not(None),
            Stay.starts_on <= today,
            Stay.ends_on > today,
        )
        .scalar_subquery()
    )
    row = db.session.execute(select(func.count(), func.coalesce(func.sum(let.c.beds), 0), heads)).one()
    return BedsToday(int(row[0]), int(row[1]), int(row[2]))
