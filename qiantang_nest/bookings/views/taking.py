"""«Hold these rooms?»: what, until when, for how much; then it is done, or said what has changed."""

import uuid
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.bookings.forms import HoldForm
from qiantang_nest.bookings.queries.commute import minutes_of_houses
from qiantang_nest.bookings.queries.holds import times_on
from qiantang_nest.bookings.rules import Area, Ask, FreeRoom, OnRefusal
from qiantang_nest.bookings.services.hold_rooms import (
    DearerThanShown,
    KeyReused,
    NotEnoughRooms,
    RoomsGone,
    preview,
)
from qiantang_nest.bookings.services.hold_rooms import (
    hold_rooms as take_rooms,
)
from qiantang_nest.bookings.views import blueprint
from qiantang_nest.bookings.views.question import Question, read_question, search_form
from qiantang_nest.bookings.views.search import kept_values, picked_rooms
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import DomainError, InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor
from qiantang_nest.enterprises.queries import enterprise_of
from qiantang_nest.occupancy.models import RoomTaken


@blueprint.route("/rooms/hold", methods=["GET", "POST"])
@requires(Permission.HOLD)
def hold_rooms() -> Response | str | tuple[str, int]:
    """Show what a hold would take; on POST take it. What is wanted stands in the address, both times."""
    question = read_question(search_form())
    if question is None:
        return redirect(url_for("bookings.search", **_back()), 303)
    enterprise = enterprise_of(actor())
    form = HoldForm()
    if request.method == "GET":
        form.request_key.data = str(uuid.uuid4())
    try:
        ask = read_ask(question)
    except InvalidValue as error:
        flash(str(error.message), "failed")
        return redirect(url_for("bookings.search", **_back()), 303)
    changes: list[str] = []
    if request.method == "POST":
        if not form.validate():
            return _page(question, ask, form, [], 422)
        try:
            with transaction():
                hold_id = take_rooms(
                    enterprise=enterprise,
                    ask=ask,
                    period=question.period,
                    on_refusal=OnRefusal(form.on_refusal.data),
                    worksite=question.worksite,
                    request_key=request_key(form),
                    shown_rent_fen=form.shown_rent_fen.data,
                    times=times_on(clock.today()),
                    actor=actor(),
                    now=clock.now(),
                )
        except (NotEnoughRooms, RoomsGone, DearerThanShown, RoomTaken, InvalidValue) as error:
            changes.append(str(error.message))
            return _page(question, ask, form, changes, error.status, refused=error)
        except KeyReused as error:
            flash(str(error.message), "failed")
            return redirect(url_for("bookings.search", **_back()), 303)
        flash(_("锁好了。户主会收到消息，答复了这里会写出来。"), "done")
        return redirect(url_for("bookings.hold", hold_id=hold_id), 303)
    return _page(question, ask, form, changes, 200)


def read_ask(question: Question) -> Ask:
    """What the address wants of the area: so many rooms or beds, or the rooms ticked."""
    picked = picked_rooms()
    if picked:
        return Ask(Area(question.area.near), room_ids=tuple(sorted(picked)))
    area = replace(question.area, village_codes=tuple(village.code for village in question.villages))
    typed = request.args.get("count", "").strip()
    if not (typed.isascii() and typed.isdigit() and len(typed) < 7):
        raise InvalidValue(
            _("“%(value)s”不是数字，请写要几间房或几张床。", value=typed[:20])
            if typed
            else _("请写要几间房或几张床，或者在清单里勾选房间。")
        )
    if request.args.get("count_of") == "beds":
        return Ask(area, question.wants, beds=int(typed))
    return Ask(area, question.wants, rooms=int(typed))


def request_key(form: HoldForm) -> uuid.UUID:
    """What makes the same click twice one hold. Raises InvalidValue if the form lacks it."""
    try:
        return uuid.UUID(form.request_key.data or "")
    except ValueError as error:
        raise InvalidValue(_("这张表不完整，请回到找房页重新锁定。")) from error


def _back() -> dict[str, Any]:
    """The search this came from, with what was ticked."""
    values: dict[str, Any] = {}
    for name, value in kept_values():
        values.setdefault(name, []).append(value)
    picked = picked_rooms()
    if picked:
        values["picked"] = ".".join(map(str, picked))
    return values


def _page(
    question: Question,
    ask: Ask,
    form: HoldForm,
    changes: list[str],
    status: int,
    refused: DomainError | None = None,
) -> tuple[str, int]:
    """What a hold would take, or why it would take nothing. What is gone is not looked for a second time."""
    rooms: list[FreeRoom] = []
    way_out: dict[str, Any] | None = None
    try:
        if isinstance(refused, NotEnoughRooms | RoomsGone):
            raise refused
        rooms = preview(ask, question.period, clock.now())
    except NotEnoughRooms as error:
        changes = changes or [str(error.message)]
        status = 409 if status == 200 else status
        if error.left:
            way_out = {**_back(), "count": error.left, "count_of": request.args.get("count_of", "rooms")}
    except RoomsGone as error:
        changes = changes or [str(error.message)]
        status = 409 if status == 200 else status
        left = [room_id for room_id in ask.room_ids if room_id not in error.room_ids]
        if left:
            way_out = {**_back(), "picked": ".".join(map(str, left))}
    except DomainError as error:
        changes = changes or [str(error.message)]
        status = error.status
    form.shown_rent_fen.data = sum(room.rent_fen for room in rooms)
    form.shown_rent_fen.raw_data = None
    per_village = Counter(room.village_code for room in rooms)
    owners = {code: len({r.owner_id for r in rooms if r.village_code == code}) for code in per_village}
    names, times = question.names, times_on(clock.today())
    return render_template(
        "bookings/hold_rooms.html",
        question=question,
        form=form,
        rooms=rooms,
        beds=sum(room.beds for room in rooms),
        rent_fen=sum(room.rent_fen for room in rooms),
        owners=len({room.owner_id for room in rooms}),
        villages=[(names.get(code, code), owners[code], count) for code, count in per_village.most_common()],
        names=names,
        minutes=max(
            minutes_of_houses(question.way, list({room.house_id for room in rooms})).values(), default=None
        ),
        expires_at=clock.now() + timedelta(hours=times.hold_hours),
        times=times,
        direct=sum(room.direct for room in rooms),
        enterprise=enterprise_of(actor()),
        changes=changes,
        way_out=None if way_out is None else url_for("bookings.hold_rooms", **way_out),
        back_url=url_for("bookings.search", **_back()),
    ), status
