"""Pages where a worker gets another bed, or changes beds with someone."""

from datetime import date

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import DomainError, InvalidValue
from qiantang_nest.core.forms import SelectChoice, given
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor
from qiantang_nest.enterprises.rules import Shift, shift_label
from qiantang_nest.occupancy.forms.stays import MoveForm, ShiftForm, SwapForm
from qiantang_nest.occupancy.models import Lease, LeaseRoom, Stay
from qiantang_nest.occupancy.queries import beds as bed_queries
from qiantang_nest.occupancy.queries import stays as queries
from qiantang_nest.occupancy.rules import COUPLE_KEYS_FROM
from qiantang_nest.occupancy.services import beds as services
from qiantang_nest.occupancy.services.bed_checks import room_name
from qiantang_nest.occupancy.views import blueprint
from qiantang_nest.occupancy.views.stays import find_stay, rows_of


@blueprint.route("/stays/<int:stay_id>/move", methods=["GET", "POST"])
@requires(Permission.STAY_MANAGE)
def move_stay(stay_id: int) -> str | tuple[str, int] | Response:
    """Another bed among those the same enterprise leases and that suit the worker."""
    who, today, now = actor(), clock.today(), clock.now()
    found = find_stay(stay_id)
    form = MoveForm()
    if not form.is_submitted():
        form.moves_on.data = found.starts_on if found.arrived_on is None else today
    day = _sensible_day(found, form.moves_on.data, today)
    beds = _beds_for(found, who, day, bed_queries.sleeper(found.worker).key)
    form.bed.choices = [SelectChoice(value, label, optgroup=group) for value, label, group, _room in beds]
    if form.validate_on_submit():
        lease_room = next(room for value, _label, _group, room in beds if value == form.bed.data)
        try:
            with transaction():
                moved = services.move_stay(
                    stay=found,
                    lease_room=lease_room,
                    bed_no=int(form.bed.data.partition(":")[2]),
                    moves_on=given(form.moves_on),
                    actor=who,
                    today=today,
                    now=now,
                )
                moved_id = moved.id
        except DomainError as error:
            form.refuse(form.bed, error)
            found = find_stay(stay_id)
        else:
            flash(_("换好了。"), "done")
            return redirect(url_for("occupancy.stay", stay_id=moved_id), 303)
    body = render_template("occupancy/move_stay.html", form=form, row=rows_of([found], who, today)[0])
    return (body, 422) if form.is_submitted() else body


@blueprint.route("/stays/<int:stay_id>/shift", methods=["GET", "POST"])
@requires(Permission.STAY_MANAGE)
def change_shift(stay_id: int) -> str | tuple[str, int] | Response:
    """Day to night or back, with a bed among people of that shift; the same one if nobody else is there."""
    who, today, now = actor(), clock.today(), clock.now()
    found = find_stay(stay_id)
    form = ShiftForm()
    if not form.is_submitted():
        form.changes_on.data = found.starts_on if found.arrived_on is None else today
    shift = Shift.DAY if found.worker.shift == Shift.NIGHT else Shift.NIGHT
    key = bed_queries.sleeper(found.worker, shift).key
    beds = _beds_for(found, who, _sensible_day(found, form.changes_on.data, today), key)
    form.bed.choices = [SelectChoice(value, label, optgroup=group) for value, label, group, _room in beds]
    if form.validate_on_submit():
        lease_room = next(room for value, _label, _group, room in beds if value == form.bed.data)
        try:
            with transaction():
                changed = services.change_shift(
                    stay=found,
                    lease_room=lease_room,
                    bed_no=int(form.bed.data.partition(":")[2]),
                    changes_on=given(form.changes_on),
                    actor=who,
                    today=today,
                    now=now,
                )
                changed_id = changed.id
        except DomainError as error:
            of_day = isinstance(error, InvalidValue) and error.field == "moves_on"
            form.refuse(form.changes_on if of_day else form.bed, error)
            found = find_stay(stay_id)
        else:
            flash(_("换好了，从这天起是%(shift)s。", shift=shift_label(shift)), "done")
            return redirect(url_for("occupancy.stay", stay_id=changed_id), 303)
    body = render_template(
        "occupancy/change_shift.html",
        form=form,
        row=rows_of([found], who, today)[0],
        couple=found.companion_key >= COUPLE_KEYS_FROM,
        shift=shift_label(shift),
        before=shift_label(found.worker.shift),
    )
    return (body, 422) if form.is_submitted() else body


def _sensible_day(stay: Stay, typed: date | None, today: date) -> date:
    """The day if it can be: one that cannot is refused by itself, not at the beds that are free on it."""
    return typed if typed and stay.starts_on <= typed <= today else today


def _beds_for(stay: Stay, who: Actor, moves_on: date, key: int) -> list[tuple[str, str, str, LeaseRoom]]:
    """(value, label, house, leased room) of each bed free from a day on for somebody of a key.

    The bed the worker has is among them if only the key is another one.
    """
    rooms = (
        db.session.execute(
            bed_queries.lease_rooms_visible_to(who).where(Lease.enterprise_id == stay.enterprise_id)
        )
        .scalars()
        .all()
    )
    barred = bed_queries.barred_houses({room.room.house_id for room in rooms})
    names = bed_queries.village_names({room.room.village_code for room in rooms})
    starts_on = stay.starts_on if stay.arrived_on is None else moves_on
    found = []
    for row in bed_queries.bed_rows(rooms, starts_on, stay.ends_on, ignoring=[stay.id]):
        room = row.lease_room.room
        if room.house_id in barred or row.mixed_over_time or row.companion_key not in (None, key):
            continue
        for bed in row.free_beds:
            if (row.lease_room.id, bed, key) != (stay.lease_room_id, stay.bed_no, stay.companion_key):
                found.append(
                    (
                        f"{row.lease_room.id}:{bed}",
                        _("%(room)s %(bed)s 号床", room=room.label, bed=bed),
                        f"{names.get(room.village_code, '')} {room.house.address}",
                        row.lease_room,
                    )
                )
    return found


@blueprint.route("/stays/<int:stay_id>/swap", methods=["GET", "POST"])
@requires(Permission.STAY_MANAGE)
def swap_beds(stay_id: int) -> str | tuple[str, int] | Response:
    """Two of the same enterprise change beds."""
    who, today, now = actor(), clock.today(), clock.now()
    found = find_stay(stay_id)
    form = SwapForm()
    if not form.is_submitted():
        form.moves_on.data = found.starts_on if found.arrived_on is None else today
    partners = {str(one.id): one for one in queries.swap_partners(found, who, today)}
    form.other.choices = [
        SelectChoice(
            one_id,
            _(
                "%(name)s，%(room)s %(bed)s 号床",
                name=queries.called(one.worker, who),
                room=room_name(one.room),
                bed=one.bed_no,
            ),
        )
        for one_id, one in partners.items()
    ]
    if form.validate_on_submit():
        try:
            with transaction():
                mine, _other = services.swap_beds(
                    first=found,
                    second=partners[form.other.data],
                    moves_on=given(form.moves_on),
                    actor=who,
                    today=today,
                    now=now,
                )
                mine_id = mine.id
        except DomainError as error:
            form.refuse(form.other, error)
            found = find_stay(stay_id)
        else:
            flash(_("两人换好了。"), "done")
            return redirect(url_for("occupancy.stay", stay_id=mine_id), 303)
    body = render_template("occupancy/swap_beds.html", form=form, row=rows_of([found], who, today)[0])
    return (body, 422) if form.is_submitted() else body
