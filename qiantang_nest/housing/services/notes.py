"""The village's staff keep a line about a room, and strike it off when it is done with."""

import re
from datetime import datetime

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, NotAllowed, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.core.text import without_spaces
from qiantang_nest.housing.models import Room, RoomNote

NOTE_LENGTH = 120
_A_PERSONS_NUMBER = re.compile(r"\d{11}")
"""A telephone, identity or card number: those are kept sealed, where each look at them is recorded."""


def note_room(*, room: Room, words: str, actor: Actor, now: datetime) -> RoomNote:
    """Write a note down. The audit says that there is one and not what it says: it may name a person.

    Raises InvalidValue if it is empty, longer than ``NOTE_LENGTH``, or holds a person's number.
    """
    if actor.user_id is None:
        raise NotAllowed(_("记事要有人署名。"))
    words = words.strip()
    if not words or len(words) > NOTE_LENGTH:
        raise InvalidValue(_("请写一句话，最多 %(most)s 个字。", most=NOTE_LENGTH))
    if _A_PERSONS_NUMBER.search(without_spaces(words)):
        raise InvalidValue(_("里面好像有电话、证件号或卡号。这些请填在户主或员工的资料里，不要写在记事里。"))
    note = RoomNote(room_id=room.id, words=words, noted_by=actor.user_id, noted_at=now)
    db.session.add(note)
    db.session.flush()
    _record("housing.note_room", note, actor)
    return note


def remove_note(*, note: RoomNote, actor: Actor, now: datetime) -> None:
    """Strike a note off; it stays on record. Raises WrongState if it was struck off before."""
    db.session.refresh(note, with_for_update=True)
    if note.removed_at is not None:
        raise WrongState(_("这条记事刚才已经划掉了。"))
    note.removed_at, note.removed_by = now, actor.user_id
    _record("housing.remove_note", note, actor)


def _record(action: str, note: RoomNote, actor: Actor) -> None:
    audit.record(
        actor=actor,
        action=action,
        entity="room_note",
        entity_id=note.id,
        changes={"room_id": note.room_id},
    )
