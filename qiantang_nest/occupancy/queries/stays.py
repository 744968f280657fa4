"""Reads of stays: who sleeps where, narrowed to what the actor may see, and how much of each person is shown.

An employer sees its own people by name; everybody else sees a surname. Identity and phone numbers are masked
for all: opening them is ``enterprises.services.record_reveal`` with a purpose.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, true
from sqlalchemy.orm import contains_eager

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.crypto import lookup_hash
from qiantang_nest.core.db import db
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.core.identifiers import mask_document, mask_name, mask_phone
from qiantang_nest.core.text import without_spaces
from qiantang_nest.enterprises.models import Worker
from qiantang_nest.geography.models import Village
from qiantang_nest.geography.queries import in_area
from qiantang_nest.housing.models import House, Owner, Room
from qiantang_nest.occupancy.models import Lease, LeaseRoom, Registration, Stay


class StayState(StrEnum):
    """What a stay is on a day; told by its dates, never stored."""

    PLANNED = "planned"
    """A bed is kept, the worker has not come."""
    PRESENT = "present"
    OVERSTAYED = "overstayed"
    """The stay's end has come and nobody has recorded that the worker left."""
    LEFT = "left"
    CANCELLED = "cancelled"
    """Did not come."""


STATE_LABELS = {
    StayState.PLANNED: _l("待入住"),
    StayState.PRESENT: _l("住着"),
    StayState.OVERSTAYED: _l("到期没办退房"),
    StayState.LEFT: _l("已退房"),
    StayState.CANCELLED: _l("没来"),
}


def stay_state(stay: Stay, today: date) -> StayState:
    """The state of one stay on a day."""
    if stay.left_on is not None:
        return StayState.LEFT
    if stay.cancelled_at is not None:
        return StayState.CANCELLED
    if stay.arrived_on is None:
        return StayState.PLANNED
    return StayState.PRESENT if stay.ends_on > today else StayState.OVERSTAYED


def in_state(state: StayState, today: date) -> ColumnElement[bool]:
    """The same as a condition."""
    alive = and_(Stay.left_on.is_(None), Stay.cancelled_at.is_(None))
    return {
        StayState.LEFT: Stay.left_on.is_not(None),
        StayState.CANCELLED: and_(Stay.cancelled_at.is_not(None), Stay.left_on.is_(None)),
        StayState.PLANNED: and_(alive, Stay.arrived_on.is_(None)),
        StayState.PRESENT: and_(alive, Stay.arrived_on.is_not(None), Stay.ends_on > today),
        StayState.OVERSTAYED: and_(alive, Stay.arrived_on.is_not(None), Stay.ends_on <= today),
    }[state]


def visible(actor: Actor) -> ColumnElement[bool]:
    """The condition a stay meets for the actor; ``Owner`` has to be in the select. Fails closed.

    An employer's own people; a village clerk's and a street's area; the people in a villager's own houses.
    The district sees counts only, which are reports.
    """
    if actor.enterprise_id is not None:
        return Stay.enterprise_id == actor.enterprise_id
    if actor.role == Role.VILLAGER:
        return Owner.user_id == actor.user_id if actor.user_id is not None else false()
    if actor.role in (Role.VILLAGE_CLERK, Role.STREET_OFFICER):
        return in_area(Stay.village_code, actor.scope)
    return true() if actor.role == "system" else false()


def stays_visible_to(actor: Actor) -> Select[Stay]:
    """Stays with worker, employer, room, house and lease room loaded."""
    return (
        select(Stay)
        .join(Stay.worker)
        .join(Worker.enterprise)
        .join(Stay.room)
        .join(Room.house)
        .join(House.owner)
        .join(Stay.lease_room)
        .options(
            contains_eager(Stay.worker).contains_eager(Worker.enterprise),
            contains_eager(Stay.room).contains_eager(Room.house).contains_eager(House.owner),
            contains_eager(Stay.lease_room),
        )
        .where(visible(actor))
    )


def matching(text: str) -> ColumnElement[bool]:
    """The condition that a worker has a name like ``text``, or exactly that identity number."""
    wanted = without_spaces(text)
    number = wanted.upper()
    by_number = Worker.id_number_hash == lookup_hash(number, "id_number")
    escaped = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return or_(by_number, Worker.name.ilike(f"%{escaped}%"))


@dataclass(frozen=True)
class StayFilter:
    """What the list page was asked for; None and "" ask for nothing."""

    state: StayState | None = None
    village_code: str = ""
    lease_id: int | None = None
    text: str = ""

    def apply(self, statement: Select[Stay], today: date) -> Select[Stay]:
        """Narrow a select of ``stays_visible_to``."""
        if self.state is not None:
            statement = statement.where(in_state(self.state, today))
        if self.village_code:
            statement = statement.where(Stay.village_code == self.village_code)
        if self.lease_id is not None:
            statement = statement.where(LeaseRoom.lease_id == self.lease_id)
        if self.text:
            statement = statement.where(matching(self.text))
        return statement


def stays(actor: Actor, wanted: StayFilter, today: date) -> Select[Stay]:
    """The list page's rows, in the order of house, room and bed; by default those who are or will be here."""
    statement = wanted.apply(stays_visible_to(actor), today)
    if wanted.state is None and not wanted.text:
        statement = statement.where(Stay.left_on.is_(None), Stay.cancelled_at.is_(None))
    return statement.order_by(Stay.village_code, House.id, Room.label, Stay.bed_no, Stay.starts_on, Stay.id)


def counts_by_state(actor: Actor, today: date) -> dict[StayState, int]:
    """How many of the stays the actor sees are in each state; one query."""
    states = list(StayState)
    statement = stays_visible_to(actor).with_only_columns(
        *(func.count().filter(in_state(state, today)) for state in states)
    )
    row = db.session.execute(statement).one()
    return dict(zip(states, row, strict=True))


def stay_for(actor: Actor, stay_id: int) -> Stay | None:
    """One stay the actor may see, or None."""
    return db.session.execute(stays_visible_to(actor).where(Stay.id == stay_id)).scalar_one_or_none()


def stays_by_ids(actor: Actor, ids: Sequence[int]) -> Sequence[Stay]:
    """Those of the stays that the actor may see, by house, room and bed."""
    return (
        db.session.execute(
            stays_visible_to(actor)
            .where(Stay.id.in_(ids))
            .order_by(Stay.village_code, House.id, Room.label, Stay.bed_no)
        )
        .scalars()
        .all()
    )


def history_of(stay: Stay, actor: Actor) -> Sequence[Stay]:
    """The worker's other beds the actor may see, newest first; at most ten."""
    return (
        db.session.execute(
            stays_visible_to(actor)
            .where(Stay.worker_id == stay.worker_id, Stay.id != stay.id)
            .order_by(Stay.starts_on.desc(), Stay.id.desc())
            .limit(10)
        )
        .scalars()
        .all()
    )


def registrations_of(stay: Stay) -> Sequence[Registration]:
    """The reports of a stay, arrival first."""
    return (
        db.session.execute(
            select(Registration).where(Registration.stay_id == stay.id).order_by(Registration.kind)
        )
        .scalars()
        .all()
    )


def swap_partners(stay: Stay, actor: Actor, today: date) -> Sequence[Stay]:
    """Who could change beds with someone: the same enterprise's people with a live bed, other rooms first."""
    return (
        db.session.execute(
            stays_visible_to(actor)
            .where(
                Stay.enterprise_id == stay.enterprise_id,
                Stay.id != stay.id,
                Stay.cancelled_at.is_(None),
                Stay.left_on.is_(None),
                Stay.ends_on > today,
            )
            .order_by(Stay.village_code, House.id, Room.label, Stay.bed_no)
            .limit(500)
        )
        .scalars()
        .all()
    )


def villages_of_stays(actor: Actor) -> list[tuple[str, str]]:
    """(code, name) of the villages the actor has people in, for a filter."""
    codes = stays_visible_to(actor).with_only_columns(Stay.village_code).distinct()
    rows = db.session.execute(
        select(Village.code, Village.name).where(Village.code.in_(codes)).order_by(Village.code)
    )
    return [(code, name) for code, name in rows]


def leases_of_stays(actor: Actor) -> list[tuple[int, str]]:
    """(id, number) of the leases the actor has people under, newest first, for a filter."""
    ids = stays_visible_to(actor).with_only_columns(LeaseRoom.lease_id).distinct()
    rows = db.session.execute(
        select(Lease.id, Lease.number).where(Lease.id.in_(ids)).order_by(Lease.id.desc()).limit(200)
    )
    return [(lease_id, number) for lease_id, number in rows]


# --- how much of a person is shown ----------------------------------------------------------------


@dataclass(frozen=True)
class Person:
    """A worker as a page may show one: name and numbers masked unless opened."""

    name: str
    sex: str
    id_kind: str
    id_number: str
    phone: str
    home_address: str


def called(worker: Worker, actor: Actor) -> str:
    """The worker's name as ``actor`` may read it in a sentence: whole for the own employer, else masked."""
    return worker.name if actor.enterprise_id == worker.enterprise_id else mask_name(worker.name)


def person(worker: Worker, actor: Actor, *, opened: bool = False) -> Person:
    """What ``actor`` sees of a worker; ``opened`` only right after a recorded reveal.

    Someone's own employer reads the name; addresses are cut to the province for others.
    """
    number, phone = worker.id_number or "", worker.phone or ""
    return Person(
        name=worker.name if opened else called(worker, actor),
        sex=_("男") if worker.sex == "M" else _("女"),
        id_kind=id_kind_label(worker.id_kind),
        id_number=number if opened else mask_document(number),
        phone=phone if opened else mask_phone(phone),
        home_address=worker.home_address if opened else mask_address(worker.home_address),
    )


def id_kind_label(kind: str) -> str:
    """The word for a kind of document."""
    labels: dict[str, str] = {
        "resident": _("居民身份证"),
        "passport": _("护照"),
        "permanent": _("外国人永久居留身份证"),
    }
    return labels[kind]


def mask_address(address: str) -> str:
    """A home address cut after the county: ``安徽省阜阳市颍上县****``."""
    for end in "县区市":
        at = address.rfind(end, 0, 14)
        if at > 0:
            return address[: at + 1] + "****" if len(address) > at + 1 else address
    return address[:3] + "****" if len(address) > 3 else address
