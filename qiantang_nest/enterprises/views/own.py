"""An employer registers, and keeps its record and its worksites."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts import services as accounts
from qiantang_nest.accounts.rules import Permission
from qiantang_nest.accounts.views import person, person_session
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires, signed_in
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import WrongState
from qiantang_nest.core.forms import SelectChoice, given
from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import mask_phone, uscc_warnings
from qiantang_nest.core.web import actor
from qiantang_nest.enterprises import queries, services
from qiantang_nest.enterprises.forms import EnterpriseForm, RegisterForm, WorksiteForm
from qiantang_nest.enterprises.models import Worksite
from qiantang_nest.enterprises.services.registration import CodeTaken
from qiantang_nest.enterprises.views.base import CHIP_OF_STATE, answer, blueprint, own_worksite


@blueprint.route("/enterprises/register", methods=["GET", "POST"])
@signed_in
def register() -> Response | str:
    """A signed-in person registers an employer and becomes its manager."""
    row = person_session()
    form = RegisterForm(data={"contact_name": row.user.name, "contact_phone": row.user.phone})
    form.street_code.choices = [SelectChoice(code, name) for code, name in queries.street_choices()]
    if form.validate_on_submit():
        try:
            with transaction():
                who = person()
                _enterprise, grant = services.register_enterprise(
                    user=row.user,
                    uscc=given(form.uscc),
                    name=given(form.name),
                    street_code=given(form.street_code),
                    contact_name=given(form.contact_name),
                    contact_phone=given(form.contact_phone),
                    worksite_name=given(form.worksite_name),
                    worksite_address=given(form.worksite_address),
                    lat=given(form.lat),
                    lon=given(form.lon),
                    actor=who,
                )
                accounts.act_as(session=row, grant=grant, now=clock.now(), actor=who)
        except CodeTaken as error:
            form.refuse(form.uscc, error)
        else:
            _warn(given(form.uscc))
            flash(_("交上去了。街道核对执照后会告诉您，一般一两个工作日；这之前可以先看房。"), "done")
            return redirect(url_for("enterprises.mine"), 303)
    return answer(render_template("enterprises/register.html", form=form), form.errors)


@blueprint.get("/enterprises/mine")
@requires(Permission.ENTERPRISE_MANAGE, Permission.HOLD)
def mine() -> str:
    """The employer's own record, its worksites, and where the verification stands."""
    enterprise = queries.enterprise_of(actor())
    worksites = db.session.scalars(
        queries.worksites_visible_to(actor()).order_by(Worksite.closed_at.isnot(None), Worksite.id)
    ).all()
    return render_template(
        "enterprises/mine.html",
        enterprise=enterprise,
        chip_kind=CHIP_OF_STATE[enterprise.state],
        street=dict(queries.street_choices()).get(enterprise.street_code, ""),
        phone=mask_phone(enterprise.contact_phone or ""),
        worksites=worksites,
        workers=queries.worker_count(actor()),
    )


@blueprint.route("/enterprises/mine/correct", methods=["GET", "POST"])
@requires(Permission.ENTERPRISE_MANAGE)
def correct_enterprise() -> Response | str:
    """Change the record; a returned one is handed in again."""
    enterprise = queries.enterprise_of(actor())
    form = EnterpriseForm(obj=enterprise)
    form.street_code.choices = [SelectChoice(code, name) for code, name in queries.street_choices()]
    if form.validate_on_submit():
        try:
            with transaction():
                services.correct_enterprise(
                    enterprise=enterprise,
                    uscc=given(form.uscc),
                    name=given(form.name),
                    street_code=given(form.street_code),
                    contact_name=given(form.contact_name),
                    contact_phone=given(form.contact_phone),
                    actor=actor(),
                )
        except CodeTaken as error:
            form.refuse(form.uscc, error)
        else:
            _warn(given(form.uscc))
            handed_in = enterprise.state == "submitted"
            flash(_("存好了，已交给街道核验。") if handed_in else _("存好了。"), "done")
            return redirect(url_for("enterprises.mine"), 303)
    page = render_template("enterprises/correct_enterprise.html", form=form, enterprise=enterprise)
    return answer(page, form.errors)


@blueprint.route("/enterprises/mine/worksites/add", methods=["GET", "POST"])
@requires(Permission.ENTERPRISE_MANAGE)
def add_worksite() -> Response | str:
    """A further worksite."""
    form = WorksiteForm()
    if form.validate_on_submit():
        with transaction():
            services.add_worksite(
                enterprise=queries.enterprise_of(actor()), actor=actor(), **_worksite_values(form)
            )
        flash(_("厂区加好了。"), "done")
        return redirect(url_for("enterprises.mine"), 303)
    return answer(render_template("enterprises/worksite.html", form=form, worksite=None), form.errors)


@blueprint.route("/enterprises/mine/worksites/<int:worksite_id>", methods=["GET", "POST"])
@requires(Permission.ENTERPRISE_MANAGE)
def move_worksite(worksite_id: int) -> Response | str:
    """Correct a worksite."""
    worksite = own_worksite(worksite_id)
    form = WorksiteForm(obj=worksite)
    if form.validate_on_submit():
        with transaction():
            services.move_worksite(worksite=worksite, actor=actor(), **_worksite_values(form))
        flash(_("存好了。"), "done")
        return redirect(url_for("enterprises.mine"), 303)
    page = render_template(
        "enterprises/worksite.html", form=form, worksite=worksite, stops=queries.stops_of(worksite.id)
    )
    return answer(page, form.errors)


@blueprint.route("/enterprises/mine/worksites/<int:worksite_id>/close", methods=["GET", "POST"])
@requires(Permission.ENTERPRISE_MANAGE)
def close_worksite(worksite_id: int) -> Response | str:
    """Take a worksite out of use, after asking."""
    worksite = own_worksite(worksite_id)
    if request.method == "POST":
        try:
            with transaction():
                services.close_worksite(worksite=worksite, now=clock.now(), actor=actor())
        except WrongState as error:
            flash(str(error.message), "failed")
        else:
            flash(_("%(name)s 停用了。", name=worksite.name), "done")
        return redirect(url_for("enterprises.mine"), 303)
    return render_template("enterprises/close_worksite.html", worksite=worksite)


def _worksite_values(form: WorksiteForm) -> dict[str, Any]:
    return {
        "name": given(form.name),
        "address": given(form.address),
        "lat": given(form.lat),
        "lon": given(form.lon),
        "shifts": form.shifts.data or "",
    }


def _warn(uscc: str) -> None:
    for warning in uscc_warnings(uscc):
        flash(warning, "todo")
