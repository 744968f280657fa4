"""Pages where an employer's needs come in by Excel: looked at first, then taken in whole or not at all."""

from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask_wtf.file import FileField
from werkzeug.wrappers import Response as WerkzeugResponse

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import clock, media
from qiantang_nest.core.access import requires
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import BadRows, DomainError
from qiantang_nest.core.forms import BaseForm
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.core.web import actor
from qiantang_nest.enterprises.queries import enterprise_of, open_worksites
from qiantang_nest.spreadsheets.rules.demands import (
    error_workbook,
    read_rows,
    template_workbook,
)
from qiantang_nest.spreadsheets.rules.roster import RawRow, seal_rows, unseal_rows
from qiantang_nest.spreadsheets.services.demands import import_demands as take_in
from qiantang_nest.spreadsheets.services.demands import try_demands
from qiantang_nest.spreadsheets.views import blueprint
from qiantang_nest.spreadsheets.views.rosters import workbook_response


class DemandsForm(BaseForm):
    """The file; between looking and saving it travels sealed in the page."""

    file: Any = FileField(_l("需求表（.xlsx）"))


def _context(who: Actor) -> str:
    return f"demands:{who.user_id}:{who.scope}"


@blueprint.get("/demands/template.xlsx")
@requires(Permission.HOLD)
def demand_template() -> Response:
    """A sheet to fill, one line for each worksite."""
    sites = [site.name for site in open_worksites(actor().enterprise_id or 0)]
    return workbook_response(template_workbook(sites), "demands.xlsx")


@blueprint.route("/demands/import", methods=["GET", "POST"], endpoint="import_demands")
@requires(Permission.HOLD)
def import_demands_file() -> str | tuple[str, int]:
    """Choose a file and see what it would do; nothing is written."""
    form = DemandsForm()
    if not form.validate_on_submit():
        body = render_template("spreadsheets/import_demands.html", form=form)
        return (body, 422) if form.is_submitted() else body
    uploads = media.uploaded_bytes("file")
    try:
        rows = read_rows(uploads[0] if uploads else b"")
    except DomainError as error:
        form.refuse(form.file, error)
        return render_template("spreadsheets/import_demands.html", form=form), 422
    return _checked(form, rows, 200)


def _checked(form: DemandsForm, rows: list[RawRow], status: int) -> tuple[str, int]:
    who = actor()
    outcome, problems = try_demands(rows=rows, enterprise=enterprise_of(who), today=clock.today())
    return render_template(
        "spreadsheets/check_demands.html",
        form=form,
        rows=rows,
        problems=problems,
        outcome=outcome,
        sealed=seal_rows(rows, _context(who)),
    ), (422 if problems else status)


@blueprint.post("/demands/import/save")
@requires(Permission.HOLD)
def save_demands() -> tuple[str, int] | WerkzeugResponse:
    """Take the rows in that were just looked at, all or nothing."""
    who = actor()
    form = DemandsForm()
    try:
        rows = unseal_rows(request.form.get("sealed", ""), _context(who))
        with transaction():
            outcome = take_in(rows=rows, enterprise=enterprise_of(who), actor=who, today=clock.today())
    except BadRows:
        return _checked(form, rows, 422)
    except DomainError as error:
        form.refuse(form.file, error)
        return render_template("spreadsheets/import_demands.html", form=form), 422
    if outcome.added:
        flash(_("登记好了 %(added)s 条，打开一条就能算方案。", added=outcome.added), "done")
    else:
        flash(_("这份表已经登记过，没有再登记一次。"), "doing")
    return redirect(url_for("bookings.demands"), 303)


@blueprint.post("/demands/import/errors.xlsx")
@requires(Permission.HOLD)
def demand_errors() -> Response | tuple[str, int]:
    """The sheet that was just looked at with what is to be mended beside each row."""
    who = actor()
    try:
        rows = unseal_rows(request.form.get("sealed", ""), _context(who))
    except DomainError as error:
        form = DemandsForm()
        form.refuse(form.file, error)
        return render_template("spreadsheets/import_demands.html", form=form), 422
    _outcome, problems = try_demands(rows=rows, enterprise=enterprise_of(who), today=clock.today())
    return workbook_response(error_workbook(rows, problems), "demands-to-mend.xlsx")
