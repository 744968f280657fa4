"""Pages of the reports to the police that each arrival and departure asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission, may
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import DomainError
from qiantang_nest.core.forms import SelectChoice, given
from qiantang_nest.core.i18n import _, ngettext
from qiantang_nest.core.web import actor, ids_from, paginate
from qiantang_nest.core.workdays import calendar_known
from qiantang_nest.occupancy.forms.registrations import RecordForm, RegistrationFilterForm
from qiantang_nest.occupancy.models import Registration
from qiantang_nest.occupancy.queries import beds as bed_queries
from qiantang_nest.occupancy.queries import registrations as queries
from qiantang_nest.occupancy.queries import stays as stay_queries
from qiantang_nest.occupancy.queries.registrations import ReportState
from qiantang_nest.occupancy.queries.stays import Person
from qiantang_nest.occupancy.services import registrations as services
from qiantang_nest.occupancy.services.registrations import SHORT_STAY
from qiantang_nest.occupancy.views import blueprint
from qiantang_nest.occupancy.views.stays import layout

MOST_AT_ONCE = 200


@dataclass(frozen=True)
class ReportRow:
    """One report as the list shows it."""

    report: Registration
    person: Person
    village: str
    today: date

    @property
    def chip(self) -> str:
        if self.report.done_on is not None:
            return "registration.done"
        return "registration.overdue" if self.report.due_on < self.today else "registration.due"

    @property
    def word(self) -> str:
        late = (self.today - self.report.due_on).days
        if self.report.done_on is not None:
            return str(_("已登记"))
        if late > 0:
            return str(ngettext("超期 %(num)s 天", "超期 %(num)s 天", late))
        return str(_("今天到期") if late == 0 else _("待登记"))

    @property
    def short_stay(self) -> bool:
        return self.report.reference == SHORT_STAY

    @property
    def by_weekends_only(self) -> bool:
        """The holidays of the due day's year are not published yet."""
        return not calendar_known(self.report.due_on.year)


@blueprint.get("/registrations")
@requires(Permission.STAY_READ)
def registrations() -> str:
    """Reports to make, overdue first; whoever may record them ticks them here."""
    return _list(RecordForm(done_on=clock.today()), set())


def _list(record: RecordForm, ticked: set[int]) -> str:
    who, today = actor(), clock.today()
    state = next((one for one in ReportState if one == request.args.get("state")), ReportState.OPEN)
    form = RegistrationFilterForm(request.args)
    villages = stay_queries.villages_of_stays(who)
    form.village.choices = [SelectChoice("", _("全部")), *(SelectChoice(*one) for one in villages)]
    form.validate()
    kind = form.kind.data if form.kind.data in ("arrival", "departure") else ""
    village = next((code for code, _name in villages if code == form.village.data), "")
    text = form.q.data or "" if not form.q.errors else ""
    page = paginate(queries.registrations(who, state, kind, village, text, today), per_page=50)
    return render_template(
        "occupancy/registrations.html",
        layout=layout(who),
        form=form,
        filtered=bool(kind or village or text),
        record=record,
        ticked=ticked,
        page=page,
        rows=_rows(page.items, who, today),
        counts=queries.counts(who, today),
        state=state,
        states=[(one, str(label)) for one, label in queries.STATE_LABELS.items()],
        several_villages=len(villages) > 1,
        can_record=may(who.role, Permission.REGISTRATION_RECORD),
    )


def _rows(reports: Sequence[Registration], who: Actor, today: date) -> list[ReportRow]:
    names = bed_queries.village_names({one.village_code for one in reports})
    return [
        ReportRow(one, stay_queries.person(one.stay.worker, who), names.get(one.village_code, ""), today)
        for one in reports
    ]


@blueprint.post("/registrations")
@requires(Permission.REGISTRATION_RECORD)
def record_registrations() -> tuple[str, int] | Response:
    """The ticked reports have been made."""
    who, today = actor(), clock.today()
    form = RecordForm()
    ids = ids_from(request.form.getlist("registration"))[:MOST_AT_ONCE]
    if form.validate_on_submit():
        chosen = queries.registrations_by_ids(who, ids)
        if not chosen:
            form.form_errors.append(_("还没有勾选哪几个人登记好了。"))
        else:
            try:
                with transaction():
                    count = services.record_registrations(
                        registrations=chosen,
                        reference=form.reference.data or "",
                        done_on=given(form.done_on),
                        actor=who,
                        today=today,
                    )
            except DomainError as error:
                form.refuse(form.done_on, error)
            else:
                flash(ngettext("记下了，%(num)s 条登记好了。", "记下了，%(num)s 条登记好了。", count), "done")
                return redirect(url_for("occupancy.registrations", state=request.args.get("state")), 303)
    return _list(form, set(ids)), 422
