"""Bookings: the list, and one with its leases, rooms and what was changed since."""

from flask import abort, redirect, render_template, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission, may
from qiantang_nest.bookings.models import Booking
from qiantang_nest.bookings.queries.bookings import (
    booking_of_lease as find_booking_of_lease,
)
from qiantang_nest.bookings.queries.bookings import bookings_visible_to, leases_of_booking
from qiantang_nest.bookings.views import blueprint
from qiantang_nest.bookings.views.changes import frame
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db
from qiantang_nest.core.web import actor, paginate
from qiantang_nest.geography.models import Village
from qiantang_nest.occupancy.forms.leases import CHANGE_WORDS
from qiantang_nest.occupancy.models import Lease, LeaseChange
from qiantang_nest.occupancy.queries.leases import (
    lease_sums,
    leases_visible_to,
    rooms_of_leases,
    signed_sides,
)
from qiantang_nest.occupancy.views.leases import lease_chip


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
    signed, today = signed_sides(ids), clock.today()
    villages = {
        row.code: row.name
        for row in db.session.execute(
            select(Village.code, Village.name).where(Village.code.in_({one.village_code for one in leases}))
        )
    }
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
        numbers={lease.id: lease.number for lease in leases},
        sums=lease_sums(ids, today),
        rooms=rooms_of_leases(ids),
        villages=villages,
        changes=changes,
        change_words=CHANGE_WORDS,
        chips={lease.id: lease_chip(lease, signed[lease.id], today) for lease in leases},
        ends_on=max((lease.ends_on for lease in leases), default=found.ends_on),
        today=today,
        may_add=may(actor().role, Permission.HOLD),
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
