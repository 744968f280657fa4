"""The district's times of the ladder: a hold's length, answers, lengthening, offers, signatures."""

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.bookings.forms import TimesForm
from qiantang_nest.bookings.models import BookingRule
from qiantang_nest.bookings.queries.holds import times_on
from qiantang_nest.bookings.services.set_times import set_times
from qiantang_nest.bookings.views import blueprint
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.dated_rules import rules_set
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import DomainError
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor


@blueprint.route("/holds/times", methods=["GET", "POST"])
@requires(Permission.BOOKING_RULE_SET)
def times() -> Response | str | tuple[str, int]:
    """The hours in force, those of before, and new ones from a day on."""
    today = clock.today()
    now_in_force = times_on(today)
    form = TimesForm(
        data={
            "hold_hours": now_in_force.hold_hours,
            "answer_hours": now_in_force.answer_hours,
            "lengthen_hours": now_in_force.lengthen_hours,
            "offer_hours": now_in_force.offer_hours,
            "sign_days": now_in_force.sign_days,
            "effective_on": today,
        }
    )
    effective_on = form.effective_on.data
    if form.validate_on_submit() and effective_on is not None:
        try:
            with transaction():
                set_times(
                    times=form.times(),
                    basis=form.basis.data or "",
                    effective_on=effective_on,
                    today=today,
                    actor=actor(),
                )
            flash(_("定好了，从 %(day)s 起用；已经锁着的不变。", day=effective_on.isoformat()), "done")
            return redirect(url_for("bookings.times"), 303)
        except DomainError as error:
            form.refuse(form.effective_on, error)
    page = render_template("bookings/times.html", form=form, times=now_in_force, rules=rules_set(BookingRule))
    return (page, 422) if form.errors else page
