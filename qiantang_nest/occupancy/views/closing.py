"""Pages where a household or the village closes rooms for a time and opens them again."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta

from flask import flash, redirect, render_template, request, session, url_for
from sqlalchemy import select
from sqlalchemy.orm import contains_eager
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission, Role
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import DomainError, NotFound
from qiantang_nest.core.forms import given
from qiantang_nest.core.i18n import _, ngettext
from qiantang_nest.core.templating import link_to
from qiantang_nest.core.web import actor, ids_from
from qiantang_nest.housing.models import House, Room
from qiantang_nest.housing.queries import rooms_visible_to
from qiantang_nest.occupancy.forms.registrations import CloseRoomForm
from qiantang_nest.occupancy.models import RoomClaim
from qiantang_nest.occupancy.services import closing as services
from qiantang_nest.occupancy.services.closing import RoomsTaken
from qiantang_nest.occupancy.views import blueprint
from qiantang_nest.occupancy.views.stays import layout

MOST_AT_ONCE = 100
_UNDO = "closed_just_now"


@blueprint.route("/rooms/<int:room_id>/close", methods=["GET", "POST"])
@requires(Permission.ROOM_CLOSE)
def close_room(room_id: int) -> str | tuple[str, int] | Response:
    """One room, from a day to a day."""
    return _close([room_id])


@blueprint.route("/rooms/close", methods=["GET", "POST"])
@requires(Permission.ROOM_CLOSE)
def close_rooms() -> str | tuple[str, int] | Response:
    """The rooms ticked on the board, from a day to a day, all or none."""
    # A form is sent to the address it was asked for with: only what is still ticked counts.
    chosen = request.form if request.method == "POST" else request.args
    return _close(ids_from(chosen.getlist("room")))


def _close(room_ids: Sequence[int]) -> str | tuple[str, int] | Response:
    who, today, now = actor(), clock.today(), clock.now()
    if refused := _odd_number(who, room_ids):
        return refused
    rooms = _find_rooms(who, room_ids)
    form = CloseRoomForm()
    in_the_way: Collection[int] = ()
    if not form.is_submitted():
        form.starts_on.data = max(_day("from", today), today)
        form.last_day.data = form.starts_on.data + timedelta(days=6)
    if form.validate_on_submit():
        try:
            with transaction():
                claims = services.close_rooms(
                    rooms=rooms,
                    starts_on=given(form.starts_on),
                    ends_on=given(form.last_day) + timedelta(days=1),
                    reason=form.reason(),
                    actor=who,
                    today=today,
                    now=now,
                    as_proxy=_is_proxy(who),
                )
                closed, house_id = [claim.id for claim in claims], rooms[0].house_id
        except RoomsTaken as error:
            in_the_way = error.in_the_way
            form.form_errors.append(str(error.message))
            rooms = _find_rooms(who, room_ids)
        except DomainError as error:
            form.refuse(form.starts_on, error)
            rooms = _find_rooms(who, room_ids)
        else:
            flash(
                ngettext(
                    "停用了 %(num)s 间，这几天不会租出去。",
                    "停用了 %(num)s 间，这几天不会租出去。",
                    len(closed),
                ),
                "done",
            )
            if _is_proxy(who):
                session[_UNDO] = {"user": who.user_id, "claims": closed}
            return redirect(_after(who, house_id), 303)
    body = render_template(
        "occupancy/close_rooms.html",
        layout=layout(who),
        form=form,
        rooms=rooms,
        in_the_way=in_the_way,
        back=_after(who, rooms[0].house_id),
    )
    return (body, 422) if form.is_submitted() else body


@blueprint.route("/closings/<int:claim_id>/reopen", methods=["GET", "POST"])
@requires(Permission.ROOM_CLOSE)
def reopen_room(claim_id: int) -> str | Response:
    """One room can be let again, from today."""
    who = actor()
    claims = _closings(who, claim_ids=[claim_id])
    if not claims:
        raise NotFound(_("没有找到这次停用，可能已经恢复了，或者它不归您管。"))
    return _reopen(who, claims)


@blueprint.route("/closings/reopen", methods=["GET", "POST"])
@requires(Permission.ROOM_CLOSE)
def reopen_rooms() -> str | Response:
    """The rooms ticked on the board, or those closed a moment ago, can be let again, all or none."""
    who = actor()
    if request.method == "POST":
        ids = ids_from(request.form.getlist("claim"))
        if refused := _odd_number(who, ids):
            return refused
        claims = _closings(who, claim_ids=ids)
        if len(claims) != len(set(ids)):
            raise NotFound(_("没有找到这次停用，可能已经恢复了，或者它不归您管。"))
        return _reopen(who, claims)
    room_ids = ids_from(request.args.getlist("room"))
    if refused := _odd_number(who, room_ids):
        return refused
    rooms = _find_rooms(who, room_ids)
    claims = _closings(who, room_ids=[room.id for room in rooms])
    if not claims:
        flash(_("选的房现在都没有停用，不用恢复。"), "todo")
        return redirect(_after(who, rooms[0].house_id), 303)
    return _reopen(who, claims)


def _reopen(who: Actor, claims: Sequence[RoomClaim]) -> str | Response:
    """Ask, then end the closings."""
    house_id = claims[0].room.house_id
    if request.method == "POST":
        count = len(claims)
        with transaction():
            services.reopen_rooms(claims=claims, actor=who, today=clock.today(), as_proxy=_is_proxy(who))
        flash(
            ngettext(
                "恢复了 %(num)s 间，从今天起又可以出租。", "恢复了 %(num)s 间，从今天起又可以出租。", count
            ),
            "done",
        )
        return redirect(_after(who, house_id), 303)
    return render_template(
        "occupancy/reopen_rooms.html", layout=layout(who), claims=claims, back=_after(who, house_id)
    )


def closed_just_now() -> list[int]:
    """The closings the clerk made with the last click, told once: the board offers to undo them."""
    kept = session.pop(_UNDO, None) or {}
    return list(kept["claims"]) if kept.get("user") == actor().user_id else []


def _odd_number(who: Actor, chosen: Sequence[int]) -> Response | None:
    """Back to where rooms are ticked when none is, or more than one page can answer for."""
    if chosen and len(chosen) <= MOST_AT_ONCE:
        return None
    words = (
        _("一次最多选 %(most)s 间，请分几次办。", most=MOST_AT_ONCE)
        if chosen
        else _("还没有选房间：先在房号前打勾。")
    )
    flash(words, "todo")
    return redirect(_after(who), 303)


def _find_rooms(who: Actor, room_ids: Sequence[int]) -> Sequence[Room]:
    """The rooms of the address, by house and name. Raises NotFound if one is absent or another's."""
    rooms = (
        db.session.execute(
            rooms_visible_to(who)
            .where(Room.id.in_(room_ids))
            .order_by(House.address, House.id, Room.floor, Room.label)
        )
        .scalars()
        .all()
    )
    if len(rooms) != len(set(room_ids)):
        raise NotFound(_("没有找到这间房，或者它不归您管。"))
    return rooms


def _closings(
    who: Actor, *, claim_ids: Sequence[int] = (), room_ids: Sequence[int] = ()
) -> Sequence[RoomClaim]:
    """Closings that are not over, in scope, by number or of some rooms; room and house loaded."""
    wanted = RoomClaim.id.in_(claim_ids) if claim_ids else RoomClaim.room_id.in_(room_ids)
    return (
        db.session.execute(
            select(RoomClaim)
            .join(RoomClaim.room)
            .join(Room.house)
            .options(contains_eager(RoomClaim.room).contains_eager(Room.house))
            .where(
                wanted,
                RoomClaim.state == "closed",
                RoomClaim.ends_on > clock.today(),
                RoomClaim.room_id.in_(rooms_visible_to(who).with_only_columns(Room.id)),
            )
            .order_by(House.address, House.id, Room.floor, Room.label, RoomClaim.starts_on)
        )
        .scalars()
        .all()
    )


def _is_proxy(who: Actor) -> bool:
    """Whether a clerk acts for the household."""
    return who.role != Role.VILLAGER


def _day(name: str, default: date) -> date:
    """A day of the address, or the default for none or an odd one."""
    try:
        day = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return default
    return day if 1900 <= day.year <= 2099 else default


def _after(who: Actor, house_id: int | None = None) -> str:
    """Where the person came from: the board, at the house, or the own rooms."""
    if who.role == Role.VILLAGE_CLERK:
        return link_to("reports.board", house=house_id) or url_for("occupancy.stays")
    return link_to("housing.my_rooms") or url_for("occupancy.stays")
