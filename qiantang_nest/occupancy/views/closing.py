"""Pages where a household or the village closes a room for a time and opens it again."""

from datetime import timedelta

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission, Role
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import DomainError, NotFound
from qiantang_nest.core.forms import given
from qiantang_nest.core.i18n import _
from qiantang_nest.core.templating import link_to
from qiantang_nest.core.web import actor
from qiantang_nest.housing.models import Room
from qiantang_nest.housing.queries import rooms_visible_to
from qiantang_nest.occupancy.forms.registrations import CloseRoomForm
from qiantang_nest.occupancy.models import RoomClaim
from qiantang_nest.occupancy.services import closing as services
from qiantang_nest.occupancy.views import blueprint
from qiantang_nest.occupancy.views.stays import layout


def _find_room(room_id: int) -> Room:
    found: Room | None = db.session.execute(
        rooms_visible_to(actor()).where(Room.id == room_id)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound(_("没有找到这间房，或者它不归您管。"))
    return found


def _behalf(who: Actor, room: Room) -> int | None:
    """The household a clerk acts for."""
    return None if who.role == Role.VILLAGER else room.house.owner_id


def _after(who: Actor) -> str:
    """Where the person came from: the board, or the own rooms."""
    if who.role == Role.VILLAGE_CLERK:
        return url_for("occupancy.board")
    return link_to("housing.my_rooms") or url_for("occupancy.stays")


@blueprint.route("/rooms/<int:room_id>/close", methods=["GET", "POST"])
@requires(Permission.ROOM_CLOSE)
def close_room(room_id: int) -> str | tuple[str, int] | Response:
    """Repair or own use, from a day to a day."""
    who, today, now = actor(), clock.today(), clock.now()
    room = _find_room(room_id)
    form = CloseRoomForm()
    if not form.is_submitted():
        form.starts_on.data, form.last_day.data = today, today + timedelta(days=6)
    if form.kind.data == "other" and form.is_submitted() and not form.note.data:
        form.validate()
        form.note.errors = [*form.note.errors, _("请写明为什么停用")]
    elif form.validate_on_submit():
        words = {"repair": _("维修"), "own_use": _("自己住"), "other": ""}
        reason = "：".join(part for part in (words[form.kind.data], form.note.data) if part)
        try:
            with transaction():
                services.close_room(
                    room=room,
                    starts_on=given(form.starts_on),
                    ends_on=given(form.last_day) + timedelta(days=1),
                    reason=reason,
                    actor=who,
                    today=today,
                    now=now,
                    on_behalf_of=_behalf(who, room),
                )
        except DomainError as error:
            form.refuse(form.starts_on, error)
            room = _find_room(room_id)
        else:
            flash(_("停用了，这几天不会租出去。"), "done")
            return redirect(_after(who), 303)
    body = render_template(
        "occupancy/close_room.html", layout=layout(who), form=form, room=room, back=_after(who)
    )
    return (body, 422) if form.is_submitted() else body


@blueprint.route("/closings/<int:claim_id>/reopen", methods=["GET", "POST"])
@requires(Permission.ROOM_CLOSE)
def reopen_room(claim_id: int) -> str | Response:
    """The room can be let again, from today."""
    who, today = actor(), clock.today()
    rooms = rooms_visible_to(who).with_only_columns(Room.id)
    claim = db.session.execute(
        select(RoomClaim).where(
            RoomClaim.id == claim_id, RoomClaim.state == "closed", RoomClaim.room_id.in_(rooms)
        )
    ).scalar_one_or_none()
    if claim is None:
        raise NotFound(_("没有找到这次停用，可能已经恢复了，或者它不归您管。"))
    room = _find_room(claim.room_id)
    if request.method == "POST":
        with transaction():
            services.reopen_room(claim=claim, actor=who, today=today, on_behalf_of=_behalf(who, room))
        flash(_("恢复了，从今天起又可以出租。"), "done")
        return redirect(_after(who), 303)
    return render_template(
        "occupancy/reopen_room.html", layout=layout(who), claim=claim, room=room, back=_after(who)
    )
