"""Notes of the village's staff about a room."""

from collections.abc import Sequence

from sqlalchemy import Select, false, select
from sqlalchemy.orm import contains_eager

from qiantang_nest.accounts.models import User
from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.geography.queries import in_area
from qiantang_nest.housing.models import Room, RoomNote


def notes_visible_to(actor: Actor) -> Select[RoomNote]:
    """Notes that were not struck off, with their rooms: a clerk's village, nobody else's."""
    allowed = in_area(Room.village_code, actor.scope) if actor.role == Role.VILLAGE_CLERK else false()
    return (
        select(RoomNote)
        .join(RoomNote.room)
        .options(contains_eager(RoomNote.room))
        .where(RoomNote.removed_at.is_(None), Room.removed_at.is_(None), allowed)
    )


def notes_of(actor: Actor, room_id: int) -> Sequence[tuple[RoomNote, str]]:
    """The notes of one room with who wrote them, newest first."""
    rows = db.session.execute(
        notes_visible_to(actor)
        .join(User, User.id == RoomNote.noted_by)
        .add_columns(User.name)
        .where(RoomNote.room_id == room_id)
        .order_by(RoomNote.noted_at.desc(), RoomNote.id.desc())
    )
    return [(note, name) for note, name in rows]
