"""Notes of the village's staff about a room: who may, what they say, and what the record keeps."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.actor import SYSTEM
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, NotAllowed, WrongState
from qiantang_nest.housing.models import RoomNote
from qiantang_nest.housing.queries.notes import notes_of
from qiantang_nest.housing.services.notes import NOTE_LENGTH, note_room, remove_note
from tests.conftest import sign_in
from tests.factories import (
    NEIGHBOUR_VILLAGE,
    NOW,
    add,
    make_actor,
    make_clerk,
    make_district_officer,
    make_employer,
    make_house,
    make_owner,
    make_room,
    make_street_officer,
    make_villager,
)
from tests.forms import submit

pytestmark = pytest.mark.usefixtures("db_session", "at_now")


def test_a_note_is_signed_dated_and_struck_off() -> None:
    clerk, room = make_clerk(), make_room()
    note = note_room(room=room, words=" 钥匙在儿子家 ", actor=clerk, now=NOW)
    assert [(one.words, who) for one, who in notes_of(clerk, room.id)] == [("钥匙在儿子家", "周管理")]
    assert (note.noted_at, note.noted_by) == (NOW, clerk.user_id)
    remove_note(note=note, actor=clerk, now=NOW)
    assert notes_of(clerk, room.id) == []
    with pytest.raises(WrongState):
        remove_note(note=note, actor=clerk, now=NOW)


def test_the_audit_says_that_there_is_a_note_and_not_what_it_says() -> None:
    clerk, room = make_clerk(), make_room()
    note = note_room(room=room, words="跟户主说好了", actor=clerk, now=NOW)
    remove_note(note=note, actor=clerk, now=NOW)
    events = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [(event.action, event.changes) for event in events] == [
        ("housing.note_room", {"room_id": room.id}),
        ("housing.remove_note", {"room_id": room.id}),
    ]


@pytest.mark.parametrize(
    "words", ["", "  ", "长" * (NOTE_LENGTH + 1), "电话 139 0000 1111", "身份证341226199003071234"]
)
def test_nothing_too_much_and_a_persons_number_are_refused(words: str) -> None:
    with pytest.raises(InvalidValue):
        note_room(room=make_room(), words=words, actor=make_clerk(), now=NOW)


def test_a_note_needs_somebody_who_signs() -> None:
    with pytest.raises(NotAllowed):
        note_room(room=make_room(), words="自动", actor=SYSTEM, now=NOW)


@pytest.mark.parametrize(
    "fields", [{"words": " "}, {"words": "长" * (NOTE_LENGTH + 1)}, {"removed_at": NOW}, {"removed_by": 1}]
)
def test_the_database_refuses_what_a_service_would(fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        add(
            RoomNote(**{"room_id": make_room().id, "words": "好", "noted_by": make_clerk().user_id, **fields})
        )


# --- pages ----------------------------------------------------------------------------------------


def addresses() -> tuple[str, str, RoomNote]:
    room = make_room()
    note = add(RoomNote(room_id=room.id, words="钥匙在儿子家", noted_by=make_clerk().user_id))
    return f"/rooms/{room.id}/notes/new", f"/room-notes/{note.id}/remove", note


def test_strangers_are_asked_to_sign_in(client: FlaskClient) -> None:
    new, remove, _note = addresses()
    db.session.commit()
    for answer in (client.get(new), submit(client, new, words="好"), submit(client, remove)):
        assert answer.status_code == 302
        assert "sign-in" in answer.location


def test_only_the_clerk_keeps_notes(client: FlaskClient) -> None:
    new, remove, _note = addresses()
    for who in (
        make_villager()[0],
        make_employer()[0],
        make_street_officer(),
        make_district_officer(),
        make_actor(Role.AUDIT_ADMIN, ""),
    ):
        sign_in(client, who)
        for answer in (client.get(new), submit(client, new, words="好"), submit(client, remove)):
            assert answer.status_code == 403, who.role


def test_notes_of_another_village_are_not_there(client: FlaskClient) -> None:
    new, remove, note = addresses()
    foreign = make_room(make_house(make_owner(NEIGHBOUR_VILLAGE)))
    sign_in(client, make_clerk(NEIGHBOUR_VILLAGE))
    assert client.get(new).status_code == 404
    assert submit(client, new, words="好").status_code == 404
    assert submit(client, remove).status_code == 404
    assert client.get(f"/rooms/{foreign.id}/notes/new").status_code == 200
    db.session.expire_all()
    assert note.removed_at is None
    assert len(db.session.scalars(select(RoomNote)).all()) == 1


def test_a_bad_note_is_shown_again_with_the_reason(client: FlaskClient) -> None:
    new, _remove, _note = addresses()
    sign_in(client, make_clerk())
    for words, sentence in (
        ("", "请写一句话"),
        ("长" * 121, "error-summary"),
        ("13900001111", "不要写在记事里"),
    ):
        answer = submit(client, new, words=words)
        assert answer.status_code == 422, words
        assert sentence in answer.get_data(as_text=True), words


def test_a_note_is_written_and_struck_off(client: FlaskClient) -> None:
    new, remove, note = addresses()
    sign_in(client, make_clerk())
    assert client.get(new).status_code == 200
    answer = submit(client, new, words="跟户主说好了")
    assert answer.status_code == 303
    assert answer.location == f"/board/rooms/{note.room_id}"
    body = client.get(answer.location).get_data(as_text=True)
    assert "跟户主说好了" in body
    assert submit(client, remove).status_code == 303
    assert submit(client, remove).status_code == 404
    db.session.expire_all()
    assert note.removed_at == NOW
