"""An employer's booking: which of its leases are signed, which wait and until when, which came to nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission, may
from qiantang_nest.bookings.forms import WithdrawLeaseForm
from qiantang_nest.bookings.models import Booking
from qiantang_nest.bookings.queries.bookings import bookings_visible_to, leases_of_booking
from qiantang_nest.bookings.rules import booking_stage
from qiantang_nest.bookings.services.withdraw_booking import withdraw_booking as take_back
from qiantang_nest.bookings.views import blueprint
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor
from qiantang_nest.occupancy.models import Lease
from qiantang_nest.occupancy.queries.beds import village_names
from qiantang_nest.occupancy.queries.leases import lease_sums, signed_sides, withdrawals_of
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
    sums = lease_sums([lease.id for lease in leases])
    signed = [lease for lease in leases if lease.state in ("signed", "ended")]
    waiting = [
        lease
        for lease in leases
        if lease.state == "drafted" and not has_lapsed(lease.state, lease.sign_until, now)
    ]
    lost = [lease for lease in leases if lease not in signed and lease not in waiting]
    return Parts(Part.of(signed, sums), Part.of(waiting, sums), Part.of(lost, sums))


def load_booking(booking_id: int) -> Booking:
    """A booking in the actor's scope, or 404."""
    found: Booking | None = db.session.execute(
        bookings_visible_to(actor()).where(Booking.id == booking_id)
    ).scalar_one_or_none()
    if found is None:
        abort(404)
    return found


@blueprint.get("/bookings/<int:booking_id>")
@requires(Permission.HOLD)
def booking(booking_id: int) -> str:
    """One booking: what is left of it, what is to be signed by when, and every lease with its state."""
    found = load_booking(booking_id)
    leases, now = leases_of_booking(found.id), clock.now()
    ids = [lease.id for lease in leases]
    parts, sides = _parts(leases), signed_sides(ids)
    return render_template(
        "bookings/booking.html",
        booking=found,
        stage=booking_stage(waiting=len(parts.waiting.leases), signed=len(parts.signed.leases)),
        parts=parts,
        leases=leases,
        sums=lease_sums(ids),
        chips={lease.id: lease_chip(lease, sides[lease.id], now) for lease in leases},
        withdrawals=withdrawals_of(ids),
        villages=village_names([lease.village_code for lease in leases]),
        to_sign=[lease for lease in parts.waiting.leases if LESSEE not in sides[lease.id]],
        may_sign=may(actor().role, Permission.LEASE_SIGN),
        may_withdraw=may(actor().role, Permission.BOOKING_CONFIRM),
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
    parts = _parts(leases_of_booking(found.id))
    if not parts.waiting.leases:
        return redirect(url_for("bookings.booking", booking_id=booking_id), 303)
    return render_template("bookings/withdraw_booking.html", booking=found, parts=parts, form=form), (
        422 if form.errors else 200
    )
