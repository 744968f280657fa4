"""Bookings: the list, and one with its leases, rooms, signatures awaited and changes made since."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission, may
from qiantang_nest.billing.queries.bills import billed_until
from qiantang_nest.bookings.forms import AddRoomsForm, WithdrawLeaseForm
from qiantang_nest.bookings.models import Booking
from qiantang_nest.bookings.queries.bookings import (
    area_of_booking,
    bookings_visible_to,
    leases_of_booking,
    waiting_holds_of,
)
from qiantang_nest.bookings.queries.bookings import (
    booking_of_lease as find_booking_of_lease,
)
from qiantang_nest.bookings.queries.holds import times_on
from qiantang_nest.bookings.rules import Ask, FreeRoom, OnRefusal, booking_stage
from qiantang_nest.bookings.services.add_rooms_to_booking import add_rooms_to_booking as hold_more
from qiantang_nest.bookings.services.hold_rooms import (
    DearerThanShown,
    KeyReused,
    NotEnoughRooms,
    RoomsGone,
    preview,
)
from qiantang_nest.bookings.services.withdraw_booking import withdraw_booking as take_back
from qiantang_nest.bookings.views import blueprint
from qiantang_nest.bookings.views.changes import frame
from qiantang_nest.bookings.views.taking import request_key
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.templating import last_day
from qiantang_nest.core.web import actor, paginate
from qiantang_nest.geography.models import Village
from qiantang_nest.occupancy.forms.leases import CHANGE_WORDS
from qiantang_nest.occupancy.models import Lease, LeaseChange, RoomTaken
from qiantang_nest.occupancy.queries.handovers import handed_over
from qiantang_nest.occupancy.queries.lease_changes import later_rents
from qiantang_nest.occupancy.queries.leases import (
    lease_sums,
    leases_visible_to,
    rooms_of_leases,
    signed_sides,
    withdrawals_of,
)
from qiantang_nest.occupancy.rules import has_lapsed
from qiantang_nest.occupancy.services.signing import LESSEE
from qiantang_nest.occupancy.views.leases import lease_chip


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the leases of a booking, with their rooms, beds and rent a month in fen."""

    leases: Sequence[Lease]
    rooms: int
    beds: int
    rent_fen: int

    @classmethod
    def of(cls, leases: Sequence[Lease], sums: dict[int, tuple[int, int, int]]) -> "Part":
        rooms, beds, rent_fen = (sum(sums[lease.id][at] for lease in leases) for at in range(3))
        return cls(leases, rooms, beds, rent_fen)


@dataclass(frozen=True, slots=True)
class Parts:
    """A booking in three: signed by both, waiting for a signature, come to nothing."""

    signed: Part
    waiting: Part
    lost: Part


def _parts(leases: Sequence[Lease]) -> Parts:
    now = clock.now()
    sums = lease_sums([lease.id for lease in leases], clock.today())
    signed = [lease for lease in leases if lease.state in ("signed", "ended")]
    waiting = [
        lease
        for lease in leases
        if lease.state == "drafted" and not has_lapsed(lease.state, lease.sign_until, now)
    ]
    lost = [lease for lease in leases if lease not in signed and lease not in waiting]
    return Parts(Part.of(signed, sums), Part.of(waiting, sums), Part.of(lost, sums))


@blueprint.get("/bookings")
@requires(Permission.LEASE_READ)
def bookings() -> str:
    """The bookings in scope, newest first."""
    page = paginate(bookings_visible_to(actor()).order_by(Booking.starts_on.desc(), Booking.id.desc()))
    return render_template("bookings/bookings.html", page=page, layout=frame())


def load_booking(booking_id: int) -> Booking:
    """A booking in the actor's scope, or 404."""
    found: Booking | None = db.session.execute(
        bookings_visible_to(actor()).where(Booking.id == booking_id)
    ).scalar_one_or_none()
    if found is None:
        abort(404)
    return found


@blueprint.get("/bookings/<int:booking_id>")
@requires(Permission.LEASE_READ)
def booking(booking_id: int) -> str:
    """One booking: its leases with their rooms, sums, and every change."""
    found = load_booking(booking_id)
    leases = leases_of_booking(found.id, actor())
    ids = [lease.id for lease in leases]
    signed, today, now = signed_sides(ids), clock.today(), clock.now()
    parts, rooms = _parts(leases), rooms_of_leases(ids)
    room_ids = [room.id for of_lease in rooms.values() for room in of_lease]
    changes = (
        db.session.execute(
            select(LeaseChange).where(LeaseChange.lease_id.in_(ids)).order_by(LeaseChange.id.desc())
        )
        .scalars()
        .all()
    )
    return render_template(
        "bookings/booking.html",
        layout=frame(),
        booking=found,
        leases=leases,
        later_rents=later_rents(room_ids),
        actual=handed_over(room_ids),
        billed=billed_until(ids),
        numbers={lease.id: lease.number for lease in leases},
        sums=lease_sums(ids, today),
        rooms=rooms,
        villages=_village_names({one.village_code for one in leases}),
        adding=waiting_holds_of(found.id, now),
        changes=changes,
        change_words=CHANGE_WORDS,
        chips={lease.id: lease_chip(lease, signed[lease.id], now) for lease in leases},
        stage=booking_stage(waiting=len(parts.waiting.leases), signed=len(parts.signed.leases)),
        parts=parts,
        withdrawals=withdrawals_of(ids),
        to_sign=[lease for lease in parts.waiting.leases if LESSEE not in signed[lease.id]],
        may_sign=may(actor().role, Permission.LEASE_SIGN) and actor().enterprise_id is not None,
        may_withdraw=may(actor().role, Permission.BOOKING_CONFIRM),
        ends_on=max((lease.ends_on for lease in leases), default=found.ends_on),
        today=today,
        may_add=may(actor().role, Permission.HOLD),
    )


@blueprint.route("/bookings/<int:booking_id>/withdraw", methods=["GET", "POST"])
@requires(Permission.BOOKING_CONFIRM)
def withdraw_booking(booking_id: int) -> Response | str | tuple[str, int]:
    """«Give up what is not signed?», with the reason that the households read."""
    found = load_booking(booking_id)
    form = WithdrawLeaseForm()
    if request.method == "POST" and form.validate():
        try:
            with transaction():
                taken_back = take_back(
                    booking=found, reason=form.reason.data or "", actor=actor(), now=clock.now()
                )
                count = len(taken_back)
            flash(_("撤回了 %(count)s 份合同，房都放开了，户主会收到消息。", count=count), "done")
            return redirect(url_for("bookings.booking", booking_id=booking_id), 303)
        except InvalidValue as error:
            form.refuse(form.reason, error)
    parts = _parts(leases_of_booking(found.id, actor()))
    if not parts.waiting.leases:
        return redirect(url_for("bookings.booking", booking_id=booking_id), 303)
    return render_template("bookings/withdraw_booking.html", booking=found, parts=parts, form=form), (
        422 if form.errors else 200
    )


@blueprint.get("/leases/<int:lease_id>/booking")
@requires(Permission.LEASE_READ)
def booking_of_lease(lease_id: int) -> Response:
    """From a lease to the booking it belongs to."""
    lease = db.session.execute(leases_visible_to(actor()).where(Lease.id == lease_id)).scalar_one_or_none()
    found = find_booking_of_lease(lease_id) if lease is not None else None
    if found is None:
        abort(404)
    return redirect(url_for("bookings.booking", booking_id=found.id), 303)


@blueprint.route("/bookings/<int:booking_id>/add-rooms", methods=["GET", "POST"])
@requires(Permission.HOLD)
def add_rooms(booking_id: int) -> Response | str | tuple[str, int]:
    """More rooms in the villages of the booking: what would be held, then holding it."""
    found = load_booking(booking_id)
    form = AddRoomsForm()
    today, now = clock.today(), clock.now()
    sent, sure = request.method == "POST", "show" not in request.form
    if not sent:
        ends_on = max(lease.ends_on for lease in leases_of_booking(found.id, actor()))
        form.starts_on.data = max(today, found.starts_on)
        form.last_on.data = max(last_day(ends_on), today + timedelta(days=30))
        form.request_key.data = str(uuid.uuid4())
    status, problem = 200, ""
    rooms: list[FreeRoom] = []
    if sent and not form.validate():
        status = 422
    else:
        try:
            ask = Ask(area_of_booking(found.id, actor()), rooms=form.count.data)
            if sent and sure:
                with transaction():
                    hold_id = hold_more(
                        booking=found,
                        ask=ask,
                        period=form.period(),
                        on_refusal=OnRefusal(form.on_refusal.data),
                        request_key=request_key(form),
                        shown_rent_fen=form.shown_rent_fen.data,
                        times=times_on(today),
                        actor=actor(),
                        now=now,
                    )
                flash(_("锁好了。户主答复以后预订，合同就加进这个预订里。"), "done")
                return redirect(url_for("bookings.hold", hold_id=hold_id), 303)
            rooms = preview(ask, form.period(), now)
        except InvalidValue as error:
            status = error.status
            form.refuse(form.starts_on, error)
        except (NotEnoughRooms, RoomsGone, DearerThanShown, RoomTaken, KeyReused) as error:
            status, problem = error.status, error.message
    form.shown_rent_fen.data = sum(room.rent_fen for room in rooms)
    form.shown_rent_fen.raw_data = None
    return render_template(
        "bookings/add_rooms.html",
        booking=found,
        form=form,
        rooms=rooms,
        villages=_village_names({room.village_code for room in rooms}),
        beds=sum(room.beds for room in rooms),
        rent_fen=sum(room.rent_fen for room in rooms),
        owners=len({room.owner_id for room in rooms}),
        problem=problem,
        times=times_on(today),
    ), status


def _village_names(codes: Collection[str]) -> dict[str, str]:
    rows = db.session.execute(select(Village.code, Village.name).where(Village.code.in_(codes)))
    return {row.code: row.name for row in rows}
