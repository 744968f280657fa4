"""Pages where an employer's roster comes in: looked at first, then taken in whole or not at all."""

from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask_wtf.file import FileField
from werkzeug.wrappers import Response as WerkzeugResponse

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import clock, media
from qiantang_nest.core.access import requires
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import BadRows, DomainError, RowProblem
from qiantang_nest.core.forms import BaseForm
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.core.web import actor
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.spreadsheets.rules.roster import (
    RawRow,
    error_workbook,
    read_rows,
    seal_rows,
    template_workbook,
    unseal_rows,
)
from qiantang_nest.spreadsheets.services.roster import Outcome, import_roster, try_roster
from qiantang_nest.spreadsheets.views import blueprint

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHOWN_PROBLEMS = 200


class RosterForm(BaseForm):
    """The file; between looking and saving it travels sealed in the page."""

    file: Any = FileField(_l("花名册文件（.xlsx）"))


def workbook_response(data: bytes, name: str) -> Response:
    """A workbook to save under a name."""
    answer = Response(data, mimetype=XLSX)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _context(who: Actor) -> str:
    return f"{who.user_id}:{who.scope}"


@blueprint.get("/roster/template.xlsx")
@requires(Permission.ROSTER_KEEP)
def roster_template() -> Response:
    """An empty roster to fill."""
    return workbook_response(template_workbook(), "roster.xlsx")


@blueprint.route("/roster/import", methods=["GET", "POST"], endpoint="import_roster")
@requires(Permission.ROSTER_KEEP)
def import_roster_file() -> str | tuple[str, int]:
    """Choose a file and see what it would do; nothing is written."""
    who, today = actor(), clock.today()
    form = RosterForm()
    if not form.validate_on_submit():
        body = render_template("spreadsheets/import_roster.html", form=form)
        return (body, 422) if form.is_submitted() else body
    uploads = media.uploaded_bytes("file")
    try:
        rows, problems = read_rows(uploads[0] if uploads else b"")
    except DomainError as error:
        form.refuse(form.file, error)
        return render_template("spreadsheets/import_roster.html", form=form), 422
    outcome, found = try_roster(rows=rows, enterprise=_enterprise(who), actor=who, today=today)
    problems = merged_problems(problems, found)
    body = _checked(form, rows, problems, outcome, who)
    return (body, 422) if problems else body


def merged_problems(lost: list[RowProblem], found: list[RowProblem]) -> list[RowProblem]:
    """Problems by row; a cell whose text Excel has lost is not also reported as empty."""
    known = {(problem.row, problem.column) for problem in lost}
    rest = [problem for problem in found if (problem.row, problem.column) not in known]
    return sorted([*lost, *rest], key=lambda problem: problem.row)


def _checked(
    form: RosterForm, rows: list[RawRow], problems: list[RowProblem], outcome: Outcome, who: Actor
) -> str:
    return render_template(
        "spreadsheets/check_roster.html",
        form=form,
        people=len(rows),
        problems=problems[:SHOWN_PROBLEMS],
        problem_count=len(problems),
        outcome=outcome,
        sealed=seal_rows(rows, _context(who)),
    )


def _enterprise(who: Actor) -> Enterprise:
    return db.session.get_one(Enterprise, who.enterprise_id)


@blueprint.post("/roster/save")
@requires(Permission.ROSTER_KEEP)
def save_roster() -> str | tuple[str, int] | WerkzeugResponse:
    """Take the roster in that was just looked at, all or nothing."""
    who, today = actor(), clock.today()
    form = RosterForm()
    try:
        rows = unseal_rows(request.form.get("sealed", ""), _context(who))
    except DomainError as error:
        form.refuse(form.file, error)
        return render_template("spreadsheets/import_roster.html", form=form), 422
    try:
        with transaction():
            outcome = import_roster(rows=rows, enterprise=_enterprise(who), actor=who, today=today)
    except BadRows as error:
        outcome, found = try_roster(rows=rows, enterprise=_enterprise(who), actor=who, today=today)
        return _checked(form, rows, found or error.problems, outcome, who), 422
    except DomainError as error:
        form.refuse(form.file, error)
        return render_template("spreadsheets/import_roster.html", form=form), 422
    if outcome.nothing:
        flash(_("这份名单已经导入过，没有要改的。"), "doing")
    else:
        flash(
            _(
                "导入好了：新增 %(added)s 人，更新 %(changed)s 人，排了 %(placed)s 张床。",
                added=outcome.added,
                changed=outcome.changed,
                placed=outcome.placed,
            ),
            "done",
        )
    return redirect(
        url_for("occupancy.stays" if outcome.placed and not outcome.added else "occupancy.assign_beds"), 303
    )


@blueprint.post("/roster/errors.xlsx")
@requires(Permission.ROSTER_KEEP)
def roster_errors() -> Response | tuple[str, int]:
    """The roster that was just looked at with what is to be mended beside each row."""
    who, today = actor(), clock.today()
    try:
        rows = unseal_rows(request.form.get("sealed", ""), _context(who))
    except DomainError as error:
        form = RosterForm()
        form.refuse(form.file, error)
        return render_template("spreadsheets/import_roster.html", form=form), 422
    _outcome, problems = try_roster(rows=rows, enterprise=_enterprise(who), actor=who, today=today)
    return workbook_response(error_workbook(rows, problems), "roster-to-mend.xlsx")
