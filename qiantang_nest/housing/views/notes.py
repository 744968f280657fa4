"""Pages of the village's notes about a room; they are read on the room's page of the board."""

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue, NotFound
from qiantang_nest.core.i18n import _
from qiantang_nest.core.templating import link_to
from qiantang_nest.core.web import actor
from qiantang_nest.housing.forms.desk import NoteForm
from qiantang_nest.housing.models import RoomNote
from qiantang_nest.housing.queries.notes import notes_visible_to
from qiantang_nest.housing.services import notes as services
from qiantang_nest.housing.views import blueprint
from qiantang_nest.housing.views.loading import load_room


@blueprint.route("/rooms/<int:room_id>/notes/new", methods=["GET", "POST"])
@requires(Permission.HOUSE_MANAGE)
def note_room(room_id: int) -> Response | str | tuple[str, int]:
    """A line for colleagues: «the owner's son has the key»."""
    room = load_room(room_id)
    form = NoteForm()
    if form.validate_on_submit():
        try:
            with transaction():
                services.note_room(room=room, words=form.words.data, actor=actor(), now=clock.now())
            flash(_("记下了，只有村里看得到。"), "done")
            return redirect(_back(room_id), 303)
        except InvalidValue as error:
            room = load_room(room_id)
            form.refuse(form.words, error)
    page = render_template("housing/note_room.html", form=form, room=room, back=_back(room_id))
    return (page, 422) if form.errors else page


@blueprint.post("/room-notes/<int:note_id>/remove")
@requires(Permission.HOUSE_MANAGE)
def remove_note(note_id: int) -> Response:
    """The note is done with."""
    note: RoomNote | None = db.session.execute(
        notes_visible_to(actor()).where(RoomNote.id == note_id)
    ).scalar_one_or_none()
    if note is None:
        raise NotFound(_("没有找到这条记事，可能已经划掉了，或者它不归您管。"))
    room_id = note.room_id
    with transaction():
        services.remove_note(note=note, actor=actor(), now=clock.now())
    flash(_("划掉了。"), "done")
    return redirect(_back(room_id), 303)


def _back(room_id: int) -> str:
    return link_to("reports.board_room", room_id=room_id) or url_for("housing.room", room_id=room_id)
