"""Handover sheets: one room at one end of its days, written by one side and confirmed by the other."""

from collections.abc import Sequence

from flask import Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as WerkzeugResponse

from qiantang_nest.accounts.rules import Permission, Role, may
from qiantang_nest.core import clock, media
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue, NotAllowed, WrongState, told_at
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor, paginate
from qiantang_nest.housing.queries import live_consent, people_by_id
from qiantang_nest.occupancy.forms.handovers import HandoverForm, sheet_form
from qiantang_nest.occupancy.models import Handover, HandoverPhoto, LeaseRoom
from qiantang_nest.occupancy.queries.handovers import (
    handovers_visible_to,
    held_over,
    lease_rooms_visible_to,
    people_inside,
    photos_of_sheet,
    sheets_of,
    sheets_to_confirm,
)
from qiantang_nest.occupancy.rules import (
    THINGS,
    Condition,
    Moment,
    condition_label,
    thing_label,
    worse_since,
)
from qiantang_nest.occupancy.services.hand_over import confirm_sheet, write_sheet
from qiantang_nest.occupancy.views import blueprint
from qiantang_nest.occupancy.views.stays import layout


def load_lease_room(lease_room_id: int) -> LeaseRoom:
    """A room of a lease in the actor's scope, or 404."""
    found: LeaseRoom | None = db.session.execute(
        lease_rooms_visible_to(actor()).where(LeaseRoom.id == lease_room_id)
    ).scalar_one_or_none()
    if found is None:
        abort(404)
    return found


@blueprint.route(
    "/lease-rooms/<int:lease_room_id>/handover/<any(start, end):moment>", methods=["GET", "POST"]
)
@requires(Permission.HAND_OVER)
def handover(lease_room_id: int, moment: str) -> WerkzeugResponse | str | tuple[str, int]:
    """The sheet of a room: read, written, written anew until both have said yes."""
    room = load_lease_room(lease_room_id)
    sheet = sheets_of([room.id]).get((room.id, moment))
    form = sheet_form()
    if request.method == "GET":
        if sheet is not None:
            form.show(sheet)
        else:
            form.happened_on.data = clock.today()
        return _page(room, Moment(moment), sheet, form)
    stored: list[str] = []
    if form.validate():
        try:
            with told_at("photos"):
                stored = [media.store_photo(data).name for data in media.uploaded_bytes("photos")]
            with transaction():
                write_sheet(
                    lease_room=room,
                    moment=Moment(moment),
                    sheet=form.sheet(),
                    photo_names=stored,
                    seen_version=form.seen_version,
                    actor=actor(),
                    today=clock.today(),
                    now=clock.now(),
                )
            flash(_("交割单写好了，等对方确认。"), "done")
            return redirect(url_for("occupancy.handover", lease_room_id=room.id, moment=moment), 303)
        except (InvalidValue, WrongState, NotAllowed, media.TooLarge) as error:
            _discard(stored)
            room = load_lease_room(lease_room_id)
            form.refuse(form.happened_on, error)
            return _page(
                room, Moment(moment), sheets_of([room.id]).get((room.id, moment)), form
            ), error.status
    return _page(room, Moment(moment), sheet, form), 422


def _discard(names: Sequence[str]) -> None:
    for name in names:
        media.discard(name)


def _page(room: LeaseRoom, moment: Moment, sheet: Handover | None, form: HandoverForm) -> str:
    who = actor()
    sheets = sheets_of([room.id])
    start = sheets.get((room.id, Moment.START.value))
    mine = None
    if sheet is not None:
        mine = sheet.lessee_at if who.enterprise_id is not None else sheet.lessor_at
    return render_template(
        "occupancy/handover.html",
        layout=layout(who),
        room=room,
        lease=room.lease,
        moment=moment.value,
        sheet=sheet,
        other=sheets.get((room.id, "end" if moment is Moment.START else "start")),
        start=start,
        photos=photos_of_sheet(sheet.id) if sheet else [],
        people=people_by_id([sheet.lessor_by, sheet.lessee_by]) if sheet else {},
        inside=people_inside([room.id]).get(room.id, 0),
        worse=worse_since(start.inventory, sheet.inventory)
        if moment is Moment.END and start and sheet
        else [],
        things=THINGS,
        thing_label=thing_label,
        condition_label=lambda word: condition_label(Condition(word)),
        form=form if sheet is None or not sheet.agreed else None,
        may_confirm=sheet is not None and not sheet.agreed and mine is None,
        may_deposit=may(who.role, Permission.BILL_READ),
        by_proxy=who.is_office,
        consent=live_consent(room.lease.owner_id) if who.is_office else None,
    )


def _load_handover(handover_id: int) -> Handover:
    found: Handover | None = db.session.execute(
        handovers_visible_to(actor()).where(Handover.id == handover_id)
    ).scalar_one_or_none()
    if found is None:
        abort(404)
    return found


@blueprint.post("/handovers/<int:handover_id>/confirm")
@requires(Permission.HAND_OVER)
def confirm_handover(handover_id: int) -> WerkzeugResponse:
    """The other side says yes to what it has seen."""
    sheet = _load_handover(handover_id)
    typed = request.form.get("seen", "")
    target = url_for("occupancy.handover", lease_room_id=sheet.lease_room_id, moment=sheet.moment)
    try:
        with transaction():
            confirm_sheet(
                handover=sheet,
                seen_version=int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 7 else -1,
                actor=actor(),
                now=clock.now(),
            )
        flash(_("确认了，两边都有这张交割单。"), "done")
    except WrongState as error:
        flash(error.message, "failed")
    return redirect(target, 303)


@blueprint.get("/handovers/<int:handover_id>/photos/<name>")
@requires(Permission.HAND_OVER)
def handover_photo(handover_id: int, name: str) -> Response:
    """A photograph of a sheet, for those who see the sheet."""
    sheet = _load_handover(handover_id)
    found = db.session.execute(
        select(HandoverPhoto.media_name).where(
            HandoverPhoto.handover_id == sheet.id, HandoverPhoto.media_name == name
        )
    ).scalar_one_or_none()
    if found is None:
        abort(404)
    return media.open_media(found)


@blueprint.get("/rooms-due-back")
@requires(Permission.HAND_OVER)
def rooms_due_back() -> str:
    """Rooms past their agreed end with people in them or not given back: extend, check out, or hand over."""
    who, today = actor(), clock.today()
    page = paginate(held_over(who, today))
    ids = [room.id for room in page.items]
    return render_template(
        "occupancy/rooms_due_back.html",
        layout=layout(who),
        page=page,
        inside=people_inside(ids),
        today=today,
        may_extend=may(who.role, Permission.LEASE_CHANGE),
        to_confirm=db.session.execute(sheets_to_confirm(who).limit(50)).scalars().all(),
        villager=who.role == Role.VILLAGER,
    )
