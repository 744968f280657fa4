"""A whole village from one Excel file: template, look first, then all or nothing."""

from hashlib import sha256
from typing import Any

from flask import flash, redirect, render_template, request, session, url_for
from flask_wtf.file import FileField
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import clock, media
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import BadRows, DomainError, NotFound, RowProblem
from qiantang_nest.core.forms import BaseForm
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.core.web import actor, download
from qiantang_nest.core.workbook import Column, Table, read_workbook, write_workbook
from qiantang_nest.geography.models import Village
from qiantang_nest.geography.queries import village_by_code
from qiantang_nest.housing.queries import capacity_on, people_by_id
from qiantang_nest.spreadsheets import queries
from qiantang_nest.spreadsheets.rules.village import (
    COLUMNS,
    PROBLEM_LABEL,
    Terms,
    VillageSheet,
    read_village,
)
from qiantang_nest.spreadsheets.services import village as services
from qiantang_nest.spreadsheets.views import blueprint

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHOWN_PROBLEMS = 200
_KEY = "village_import"


class ImportForm(BaseForm):
    """The file."""

    file: Any = FileField(_l("填好的 Excel 文件"))


def _village() -> Village:
    found = village_by_code(actor().scope)
    if found is None:
        raise NotFound(_("没有找到这个村，或者它不归您管。"))
    return found


def _read(data: bytes, village: Village) -> VillageSheet:
    today = clock.today()
    rule = capacity_on(today)
    return read_village(read_workbook(data), Terms(village.name, today, rule.cap, rule.m2_per_person))


def _download(data: bytes, name: str) -> Response:
    return download(data, name=name, mimetype=XLSX)


def _kept() -> tuple[bytes, str]:
    """The upload this browser last sent; nobody else's."""
    kept = session.get(_KEY)
    try:
        if not kept or kept["user_id"] != actor().user_id:
            raise FileNotFoundError
        return media.read_media(kept["name"]), kept["file_name"]
    except FileNotFoundError:
        raise NotFound(_("刚才的文件已经不在了，请再传一次。")) from None


def _keep(data: bytes, file_name: str) -> None:
    _forget()
    session[_KEY] = {
        "name": media.store_bytes(data, "xlsx"),
        "file_name": file_name[:200],
        "user_id": actor().user_id,
    }


def _forget() -> None:
    kept = session.pop(_KEY, None)
    if kept:
        media.discard(kept["name"])


@blueprint.get("/import-village/template.xlsx")
@requires(Permission.HOUSE_MANAGE)
def village_template() -> Response:
    """The empty workbook with an example row, and what each column wants."""
    rooms = Table(
        sheet="房源",
        columns=[
            Column(column.label + ("*" if column.required else ""), width=column.width) for column in COLUMNS
        ],
        rows=[[column.example for column in COLUMNS]],
    )
    hints = Table(
        sheet="填写说明",
        columns=[Column("列", width=14), Column("必填", width=8), Column("怎么填", width=80)],
        rows=[
            *[[column.label, "必填" if column.required else "可不填", column.hint] for column in COLUMNS],
            [
                "整张表",
                "",
                "一间房填一行。户号以“示例”开头的行不会导入。先核对，没有问题才会导入；有一处问题就都不导入。",
            ],
        ],
    )
    return _download(write_workbook([rooms, hints]), f"{_village().name}房源模板.xlsx")


@blueprint.route("/import-village", methods=["GET", "POST"])
@requires(Permission.HOUSE_MANAGE)
def import_village() -> str | tuple[str, int]:
    """Upload; the answer is what the file would add, or every row to mend."""
    village = _village()
    form = ImportForm()
    if form.validate_on_submit():
        try:
            return _look(village, form)
        except DomainError as error:
            form.refuse(form.file, error)
    page = _page(village, form)
    return (page, 422) if form.errors else page


def _look(village: Village, form: ImportForm) -> str | tuple[str, int]:
    uploads = media.uploaded_bytes("file")
    if not uploads:
        form.file.errors = [_("请先选填好的 Excel 文件。")]
        return _page(village, form), 422
    data, file_name = uploads[0], request.files["file"].filename or "xlsx"
    earlier = queries.imported_before(village.code, sha256(data).hexdigest())
    if earlier is not None:
        return _page(village, form, earlier=earlier)
    sheet = _read(data, village)
    counts, problems = services.dry_run(village=village, sheet=sheet)
    _keep(data, file_name)
    page = _page(village, form, counts=counts, problems=problems, file_name=file_name)
    return (page, 422) if problems else page


def _page(village: Village, form: ImportForm, **found: Any) -> str:
    imports = queries.imports_of(village.code)
    values: dict[str, Any] = {"counts": None, "problems": [], "earlier": None, "file_name": "", **found}
    values["problem_count"] = len(values["problems"])
    values["problems"] = values["problems"][:SHOWN_PROBLEMS]
    people = people_by_id([row.imported_by for row in imports])
    return render_template(
        "spreadsheets/import_village.html",
        village=village,
        form=form,
        imports=imports,
        people=people,
        columns=COLUMNS,
        **values,
    )


@blueprint.get("/import-village/problems.xlsx")
@requires(Permission.HOUSE_MANAGE)
def village_problems() -> Response:
    """The uploaded rows with what is wrong beside each: mend it there and send it again."""
    village = _village()
    data, _name = _kept()
    sheet = _read(data, village)
    _counts, problems = services.dry_run(village=village, sheet=sheet)
    return _download(write_workbook([_problem_table(sheet, problems)]), f"{village.name}要改的行.xlsx")


def _problem_table(sheet: VillageSheet, problems: list[RowProblem]) -> Table:
    of_row: dict[int, list[str]] = {}
    for problem in problems:
        words = f"{problem.column}：{problem.reason}" if problem.column else problem.reason
        of_row.setdefault(problem.row, []).append(words)
    labels = [label or f"列{place}" for place, label in enumerate(sheet.labels, start=1)]
    rows = []
    for number, cells in sheet.body:
        padded = [*cells, *[None] * (len(labels) - len(cells))][: len(labels)]
        plain = ["" if cell is None else str(cell) for cell in padded]
        rows.append([*plain, "；".join(of_row.pop(number, []))])
    for left in of_row.values():  # of the head, or of rows that are not there
        rows.insert(0, [*[""] * len(labels), "；".join(left)])
    keep = [place for place, label in enumerate(labels) if label != PROBLEM_LABEL]
    return Table(
        sheet="房源",
        columns=[*[Column(labels[place]) for place in keep], Column(PROBLEM_LABEL, width=60)],
        rows=[[*[row[place] for place in keep], row[-1]] for row in rows],
    )


@blueprint.post("/import-village/confirm")
@requires(Permission.HOUSE_MANAGE)
def confirm_village_import() -> Response | tuple[str, int]:
    """Take in what was looked at, whole or not at all."""
    village = _village()
    data, file_name = _kept()
    sheet = _read(data, village)
    try:
        with transaction():
            counts = services.import_village(
                village=village,
                sheet=sheet,
                sha256=sha256(data).hexdigest(),
                file_name=file_name,
                today=clock.today(),
                now=clock.now(),
                actor=actor(),
            )
    except BadRows as error:
        village = _village()
        return _page(village, ImportForm(), problems=error.problems, file_name=file_name), 422
    _forget()
    flash(
        _(
            "导入好了：新增 %(households)s 户、%(houses)s 座房子、%(rooms)s 间房，"
            "其中 %(offered)s 间等审核上架。",
            households=counts.households,
            houses=counts.houses,
            rooms=counts.rooms,
            offered=counts.offered,
        ),
        "done",
    )
    target = "housing.listings_waiting" if counts.offered else "housing.houses"
    return redirect(url_for(target), 303)
