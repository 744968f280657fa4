"""What the street verifies, and what the offices see of employers."""

from flask import flash, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission, Role
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import uscc_warnings
from qiantang_nest.core.web import actor, paginate, sort_from_query
from qiantang_nest.enterprises import queries, services
from qiantang_nest.enterprises.forms import DecisionForm, EnterpriseFilterForm
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.enterprises.views.base import CHIP_OF_STATE, answer, blueprint

_SORTS = {"name": Enterprise.name, "created": Enterprise.created_at}


@blueprint.get("/enterprises/to-verify")
@requires(Permission.ENTERPRISE_VERIFY)
def to_verify() -> str:
    """What waits for the street, the oldest first."""
    waiting = queries.enterprises_visible_to(actor()).where(Enterprise.state == "submitted")
    page = paginate(waiting.order_by(Enterprise.created_at, Enterprise.id))
    return render_template("enterprises/to_verify.html", page=page)


@blueprint.route("/enterprises/<int:enterprise_id>/verify", methods=["GET", "POST"])
@requires(Permission.ENTERPRISE_VERIFY)
def verify(enterprise_id: int) -> Response | str:
    """One employer's record, to be compared with the licence; passed, or returned with a reason."""
    enterprise = db.session.scalars(
        queries.enterprises_visible_to(actor()).where(Enterprise.id == enterprise_id)
    ).one_or_none()
    if enterprise is None:
        raise NotFound
    form = DecisionForm()
    if form.validate_on_submit():
        try:
            with transaction():
                if form.decision.data == "verify":
                    services.verify_enterprise(enterprise=enterprise, now=clock.now(), actor=actor())
                else:
                    services.return_enterprise(
                        enterprise=enterprise, reason=form.reason.data or "", now=clock.now(), actor=actor()
                    )
        except InvalidValue as error:
            form.refuse(form.reason, error)
        except WrongState as error:
            flash(str(error.message), "failed")
            return redirect(url_for("enterprises.verify", enterprise_id=enterprise.id), 303)
        else:
            passed = enterprise.state == "verified"
            flash(
                _("%(name)s 通过了，可以订房了。", name=enterprise.name)
                if passed
                else _("退回了，%(name)s 会看到您写的原因。", name=enterprise.name),
                "done",
            )
            return redirect(url_for("enterprises.to_verify"), 303)
    page = render_template(
        "enterprises/verify.html",
        enterprise=enterprise,
        chip_kind=CHIP_OF_STATE[enterprise.state],
        form=form,
        worksites=queries.open_worksites(enterprise.id),
        warnings=uscc_warnings(enterprise.uscc),
    )
    return answer(page, form.errors)


@blueprint.get("/enterprises")
@requires(Permission.ENTERPRISE_READ)
def index() -> str:
    """Employers of the area: the district sees how many and which, nobody's name or number."""
    who = actor()
    form = EnterpriseFilterForm(request.args)
    statement = queries.enterprises_visible_to(who)
    search, state = "", ""
    if form.validate():
        search, state = form.q.data or "", form.state.data or ""
    statement = queries.narrow_enterprises(statement, search, state)
    page = paginate(statement.order_by(sort_from_query(_SORTS, "name"), Enterprise.id))
    return render_template(
        "enterprises/index.html",
        form=form,
        page=page,
        filtered=bool(search or state),
        sort=request.args.get("sort", "name"),
        counts=queries.counts_by_street(who) if who.role == Role.DISTRICT_OFFICER else [],
        streets=dict(queries.street_choices()),
        chip_of_state=CHIP_OF_STATE,
    )
