"""The district's figures for heads a room: what they are, what a change would do, and the change."""

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.dated_rules import rules_set
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import DomainError
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor, paginate
from qiantang_nest.housing import queries, services
from qiantang_nest.housing.forms.desk import CapacityForm
from qiantang_nest.housing.models import CapacityRule
from qiantang_nest.housing.views import blueprint


@blueprint.route("/capacity", methods=["GET", "POST"])
@requires(Permission.CAPACITY_SET)
def capacity() -> Response | str | tuple[str, int]:
    """Fill in, see the effect, confirm. The first press shows, the second one sets."""
    today = clock.today()
    rule = queries.capacity_on(today)
    form = CapacityForm(data={"cap": rule.cap, "m2_per_person": rule.m2_per_person, "effective_on": today})
    effect = losing = None
    if form.validate_on_submit():
        figures = (form.cap.data, form.m2_per_person.data)
        if request.form.get("confirmed"):
            try:
                with transaction():
                    services.set_capacity_rule(
                        cap=form.cap.data,
                        m2_per_person=form.m2_per_person.data,
                        basis=form.basis.data,
                        effective_on=form.effective_on.data,
                        today=today,
                        actor=actor(),
                    )
                flash(_("人数标准定好了，从 %(day)s 起用。", day=form.effective_on.data.isoformat()), "done")
                return redirect(url_for("housing.capacity"), 303)
            except DomainError as error:
                form.refuse(form.effective_on, error)
        effect = queries.capacity_effect(*figures)
        losing = paginate(queries.rooms_losing_beds(*figures), scalars=False)
    rules = rules_set(CapacityRule)
    page = render_template(
        "housing/capacity.html",
        form=form,
        rule=rule,
        rules=rules,
        effect=effect,
        losing=losing,
        people=queries.people_by_id([row.set_by for row in rules]),
        today=today,
    )
    return (page, 422) if form.errors else page
