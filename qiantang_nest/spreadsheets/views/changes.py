"""Pages where a factory's weekly headcount file comes in: proposals to accept or strike, then all at once."""

from collections.abc import Collection, Sequence
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask_wtf.file import FileField
from werkzeug.wrappers import Response as WerkzeugResponse

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import clock, media
from qiantang_nest.core.access import requires
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import DomainError, RowProblem
from qiantang_nest.core.forms import BaseForm
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.core.web import actor
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.occupancy.services.carry_out import NotPossible
from qiantang_nest.spreadsheets.rules.changes import (
    CHANGE_COLUMNS,
    CHANGE_NEEDED,
    SHEET,
    ChangeKind,
    changes_template,
)
from qiantang_nest.spreadsheets.rules.roster import (
    RawRow,
    error_workbook,
    read_rows,
    seal_plain,
    seal_rows,
    unseal_plain,
    unseal_rows,
)
from qiantang_nest.spreadsheets.services.changes import (
    Step,
    carry_out_changes,
    plan_changes,
    steps_from_plain,
    steps_to_plain,
)
from qiantang_nest.spreadsheets.views import blueprint
from qiantang_nest.spreadsheets.views.rosters import SHOWN_PROBLEMS, merged_problems, workbook_response

KIND_LABELS = {
    ChangeKind.JOINED: _l("新来"),
    ChangeKind.LEFT: _l("离开"),
    ChangeKind.CHANGED: _l("调整"),
}


class ChangesForm(BaseForm):
    """The file; between looking and doing, rows and proposals travel sealed in the page."""

    file: Any = FileField(_l("人员变动表（.xlsx）"))


def _context(who: Actor, what: str) -> str:
    return f"changes-{what}:{who.user_id}:{who.scope}"


def _enterprise(who: Actor) -> Enterprise:
    return db.session.get_one(Enterprise, who.enterprise_id)


@blueprint.get("/changes/template.xlsx")
@requires(Permission.ROSTER_KEEP)
def changes_template_file() -> Response:
    """An empty weekly file to fill."""
    return workbook_response(changes_template(), "changes.xlsx")


@blueprint.route("/changes/import", methods=["GET", "POST"])
@requires(Permission.ROSTER_KEEP)
def import_changes() -> str | tuple[str, int]:
    """Choose a file and see what would be done; nothing is written."""
    form = ChangesForm()
    if not form.validate_on_submit():
        body = render_template("spreadsheets/import_changes.html", form=form)
        return (body, 422) if form.is_submitted() else body
    uploads = media.uploaded_bytes("file")
    try:
        rows, lost = read_rows(uploads[0] if uploads else b"", CHANGE_COLUMNS, CHANGE_NEEDED)
    except DomainError as error:
        form.refuse(form.file, error)
        return render_template("spreadsheets/import_changes.html", form=form), 422
    return _proposed(form, rows, actor(), lost=lost)


def _proposed(
    form: ChangesForm,
    rows: list[RawRow],
    who: Actor,
    *,
    struck: Collection[int] = (),
    lost: Sequence[RowProblem] = (),
    status: int = 200,
) -> str | tuple[str, int]:
    """The proposals as things stand now, with what was struck; or what is to be mended."""
    plan = plan_changes(
        rows=rows,
        struck=struck,
        enterprise=_enterprise(who),
        actor=who,
        today=clock.today(),
        now=clock.now(),
    )
    problems = merged_problems(list(lost), plan.problems)
    body = render_template(
        "spreadsheets/check_changes.html",
        form=form,
        plan=plan,
        problems=problems[:SHOWN_PROBLEMS],
        problem_count=len(problems),
        counts={
            kind: sum(step.kind == kind and not step.struck for step in plan.steps) for kind in ChangeKind
        },
        kinds=ChangeKind,
        kind_labels=KIND_LABELS,
        sealed=seal_rows(rows, _context(who, "rows")),
        sealed_steps=seal_plain(steps_to_plain(plan.steps), _context(who, "steps")),
    )
    return (body, 422) if problems else (body, status)


@blueprint.post("/changes/carry-out")
@requires(Permission.ROSTER_KEEP)
def carry_out_changes_file() -> str | tuple[str, int] | WerkzeugResponse:
    """Do what was accepted, all at once; or propose anew around what was struck."""
    who, form = actor(), ChangesForm()
    try:
        rows = unseal_rows(request.form.get("sealed", ""), _context(who, "rows"))
        steps = steps_from_plain(unseal_plain(request.form.get("steps", ""), _context(who, "steps")))
    except DomainError as error:
        form.refuse(form.file, error)
        return render_template("spreadsheets/import_changes.html", form=form), 422
    ticked = set(request.form.getlist("accept"))
    accepted = {step.row for step in steps if str(step.row) in ticked}
    struck = {step.row for step in steps} - accepted
    if any(step.struck and step.row in accepted for step in steps) and request.form.get("step") != "again":
        form.form_errors.append(_("您又勾上了刚才划掉的，下面重新排了一遍，请再看看。"))
        return _proposed(form, rows, who, struck=struck, status=422)
    if request.form.get("step") == "again" or not accepted:
        if not accepted:
            form.form_errors.append(_("一条都没有勾，没有办任何事。"))
        return _proposed(form, rows, who, struck=struck, status=200 if accepted else 422)
    try:
        with transaction():
            done = carry_out_changes(
                rows=rows,
                steps=steps,
                accepted=accepted,
                enterprise=_enterprise(who),
                actor=who,
                today=clock.today(),
                now=clock.now(),
            )
    except DomainError as error:
        form.form_errors.append(str(error.message))
        if isinstance(error, NotPossible):
            form.form_errors += [
                _("第 %(row)s 行：%(why)s", row=row, why=sentence) for row, sentence in error.problems
            ]
        form.form_errors.append(_("什么都没有改动。下面是按现在的情况重新排的，您划掉的还是划掉的。"))
        return _proposed(form, rows, who, struck=struck, status=409)
    flash(_told(done), "done")
    return redirect(url_for("occupancy.stays"), 303)


def _told(done: Sequence[Step]) -> str:
    counts = {kind: sum(step.kind == kind for step in done) for kind in ChangeKind}
    return str(
        _(
            "办好了：新来 %(joined)s 人，离开 %(left)s 人，调整 %(changed)s 人。",
            joined=counts[ChangeKind.JOINED],
            left=counts[ChangeKind.LEFT],
            changed=counts[ChangeKind.CHANGED],
        )
    )


@blueprint.post("/changes/errors.xlsx")
@requires(Permission.ROSTER_KEEP)
def changes_errors() -> Response | tuple[str, int]:
    """The file that was just looked at with what is to be mended beside each row."""
    who = actor()
    try:
        rows = unseal_rows(request.form.get("sealed", ""), _context(who, "rows"))
    except DomainError as error:
        form = ChangesForm()
        form.refuse(form.file, error)
        return render_template("spreadsheets/import_changes.html", form=form), 422
    plan = plan_changes(
        rows=rows, enterprise=_enterprise(who), actor=who, today=clock.today(), now=clock.now()
    )
    data = error_workbook(rows, plan.problems, CHANGE_COLUMNS, SHEET)
    return workbook_response(data, "changes-to-mend.xlsx")
