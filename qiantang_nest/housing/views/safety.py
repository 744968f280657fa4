"""Papers, checks and hazards of a house."""

from datetime import date, timedelta

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import audit, clock, media
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import DomainError, InvalidValue, NotFound
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor, paginate
from qiantang_nest.geography.queries import area_name, villages_in
from qiantang_nest.housing import queries, services
from qiantang_nest.housing.forms.desk import DocumentForm, HazardForm, InspectionForm
from qiantang_nest.housing.forms.offers import ReasonForm
from qiantang_nest.housing.rules import DocumentKind, Severity, severity_label
from qiantang_nest.housing.views import blueprint
from qiantang_nest.housing.views.loading import load_hazard, load_house


@blueprint.route("/houses/<int:house_id>/documents/new", methods=["GET", "POST"])
@requires(Permission.HOUSE_MANAGE)
def record_document(house_id: int) -> Response | str | tuple[str, int]:
    """A paper the clerk has seen, with a scan if there is one."""
    house = load_house(house_id)
    form = DocumentForm()
    if form.validate_on_submit():
        stored = None
        try:
            scans = media.uploaded_bytes("scan")
            stored = media.store_document(scans[0]) if scans else None
            with transaction():
                services.record_document(
                    house=house,
                    kind=DocumentKind(form.kind.data),
                    number=form.number.data,
                    media_name=stored,
                    actor=actor(),
                )
            flash(_("证明登记好了。"), "done")
            return redirect(url_for("housing.house", house_id=house_id), 303)
        except DomainError as error:
            if stored:
                media.discard(stored)
            house = load_house(house_id)
            form.refuse(form.scan, error)
    page = render_template("housing/record_document.html", form=form, house=house)
    return (page, 422) if form.errors else page


@blueprint.get("/documents/<int:document_id>/file")
@requires(Permission.HOUSE_MANAGE, Permission.SAFETY_RECORD)
def document_file(document_id: int) -> Response:
    """The scan of a paper; each look is audited and nothing keeps a copy."""
    document = queries.document_in_scope(actor(), document_id)
    if document is None or document.media_name is None:
        raise NotFound(_("没有找到这份证明的照片。"))
    name = document.media_name
    with transaction():
        audit.record(
            actor=actor(),
            action="housing.read_document",
            entity="house_document",
            entity_id=document.id,
        )
    response = media.open_media(name)
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.route("/houses/<int:house_id>/inspections/new", methods=["GET", "POST"])
@requires(Permission.SAFETY_RECORD)
def record_inspection(house_id: int) -> Response | str | tuple[str, int]:
    """A safety check; passed ones say until when they hold."""
    house = load_house(house_id)
    today = clock.today()
    form = InspectionForm(data={"inspected_on": today, "last_day": _year_on(today)})
    if form.validate_on_submit():
        try:
            with transaction():
                services.record_inspection(
                    house=house,
                    inspected_on=form.inspected_on.data,
                    passed=form.result.data == "passed",
                    valid_until=form.last_day.data + timedelta(days=1) if form.last_day.data else None,
                    note=form.note.data or "",
                    today=today,
                    actor=actor(),
                )
            flash(_("检查结果登记好了。"), "done")
            return redirect(url_for("housing.house", house_id=house_id), 303)
        except InvalidValue as error:
            house = load_house(house_id)
            wrong = form.inspected_on if form.inspected_on.data > today else form.last_day
            form.refuse(wrong, error)
    page = render_template("housing/record_inspection.html", form=form, house=house)
    return (page, 422) if form.errors else page


def _year_on(day: date) -> date:
    return day + timedelta(days=364)


@blueprint.route("/houses/<int:house_id>/hazards/new", methods=["GET", "POST"])
@requires(Permission.SAFETY_RECORD)
def record_hazard(house_id: int) -> Response | str | tuple[str, int]:
    """A safety finding; its deadline follows from how bad it is."""
    house = load_house(house_id)
    form = HazardForm(data={"found_on": clock.today()})
    if form.validate_on_submit():
        try:
            with transaction():
                hazard = services.record_hazard(
                    house=house,
                    severity=Severity(form.severity.data),
                    what=form.what.data,
                    found_on=form.found_on.data,
                    today=clock.today(),
                    actor=actor(),
                )
            flash(_("隐患登记好了，要在 %(day)s 前整改完。", day=hazard.due_on.isoformat()), "todo")
            return redirect(url_for("housing.house", house_id=house_id), 303)
        except InvalidValue as error:
            house = load_house(house_id)
            form.refuse(form.found_on, error)
    page = render_template("housing/record_hazard.html", form=form, house=house)
    return (page, 422) if form.errors else page


@blueprint.route("/hazards/<int:hazard_id>/close", methods=["GET", "POST"])
@requires(Permission.SAFETY_RECORD)
def close_hazard(hazard_id: int) -> Response | str:
    """Somebody has looked again: it is mended. Asked first."""
    hazard, house = load_hazard(hazard_id)
    if request.method == "POST":
        house_id = house.id
        with transaction():
            services.close_hazard(hazard=hazard, today=clock.today(), actor=actor())
        flash(_("隐患销号了。"), "done")
        return redirect(url_for("housing.house", house_id=house_id), 303)
    return render_template(
        "housing/close_hazard.html",
        hazard=hazard,
        house=house,
        severity=severity_label(Severity(hazard.severity)),
    )


@blueprint.route("/houses/<int:house_id>/safe-again", methods=["GET", "POST"])
@requires(Permission.SAFETY_RECORD)
def clear_danger(house_id: int) -> Response | str | tuple[str, int]:
    """A dangerous house was repaired and graded again."""
    house = load_house(house_id)
    form = ReasonForm()
    if form.validate_on_submit():
        with transaction():
            services.clear_danger(house=house, reason=form.reason.data, actor=actor())
        flash(_("危房标记去掉了。房间要重新上架。"), "done")
        return redirect(url_for("housing.house", house_id=house_id), 303)
    page = render_template("housing/clear_danger.html", form=form, house=house)
    return (page, 422) if form.errors else page


@blueprint.get("/hazards")
@requires(Permission.SAFETY_RECORD)
def hazards() -> str:
    """Open hazards of the area, the one due first on top."""
    today, who = clock.today(), actor()
    severity = request.args.get("severity", "")
    only_late = request.args.get("late") == "1"
    page = paginate(
        queries.open_hazards(who, severity=severity, only_late=only_late, today=today), scalars=False
    )
    return render_template(
        "housing/hazards.html",
        page=page,
        severity=severity,
        only_late=only_late,
        today=today,
        area=area_name(who.scope),
        severity_labels={item.value: severity_label(item) for item in Severity},
        village_names={village.code: village.name for village in villages_in(who.scope)},
    )
