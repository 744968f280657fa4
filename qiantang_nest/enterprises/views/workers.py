"""An employer's workers: masked in lists; the whole number only with a purpose, and on record."""

from flask import flash, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response
from wtforms import Field

from qiantang_nest.accounts.rules import Permission, may
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.forms import given
from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import mask_document, mask_phone
from qiantang_nest.core.web import actor, paginate
from qiantang_nest.enterprises import queries, services
from qiantang_nest.enterprises.forms import PurposeForm, WorkerFilterForm, WorkerForm
from qiantang_nest.enterprises.models import Worker
from qiantang_nest.enterprises.views.base import answer, blueprint


@blueprint.get("/enterprises/workers")
@requires(Permission.ROSTER_KEEP)
def workers() -> str:
    """The list, masked."""
    enterprise = queries.enterprise_of(actor())
    form = WorkerFilterForm(request.args)
    search = (form.q.data or "") if form.validate() else ""
    page = paginate(queries.find_workers(actor(), search).order_by(Worker.id.desc()))
    return render_template(
        "enterprises/workers.html",
        enterprise=enterprise,
        form=form,
        page=page,
        search=search,
        mask_document=mask_document,
        mask_phone=mask_phone,
        may_reveal=may(actor().role, Permission.OWN_WORKER_REVEAL),
        couples=queries.names_of([row.couple_with_id for row in page.items if row.couple_with_id]),
    )


@blueprint.route("/enterprises/workers/add", methods=["GET", "POST"])
@requires(Permission.ROSTER_KEEP)
def add_worker() -> Response | str:
    """One worker by hand; whole lists come in by the roster of a booking."""
    enterprise = queries.enterprise_of(actor())
    form = WorkerForm()
    if form.validate_on_submit():
        try:
            with transaction():
                worker = services.add_worker(
                    enterprise=enterprise, row=form.row(clock.today()), actor=actor()
                )
        except InvalidValue as error:
            form.refuse(None, error)
        else:
            flash(_("%(name)s 加好了。", name=worker.name), "done")
            return redirect(url_for("enterprises.workers"), 303)
    return answer(render_template("enterprises/worker.html", form=form, worker=None), form.errors)


@blueprint.route("/enterprises/workers/<int:worker_id>", methods=["GET", "POST"])
@requires(Permission.ROSTER_KEEP)
def change_worker(worker_id: int) -> Response | str:
    """Correct a worker. The number is not shown again: left empty it stays as it is."""
    worker = _own_worker(worker_id)
    form = WorkerForm(obj=None, data=_shown_values(worker))
    if request.method == "POST":
        kept = _keep_what_is_masked(form, worker)
        if form.validate():
            try:
                with transaction():
                    services.add_worker(
                        enterprise=queries.enterprise_of(actor()),
                        row=form.row(clock.today()),
                        actor=actor(),
                        worker=worker,
                    )
            except InvalidValue as error:
                form.refuse(None, error)
            else:
                flash(_("存好了。"), "done")
                return redirect(url_for("enterprises.workers"), 303)
        for field in kept:
            field.data = ""
    page = render_template("enterprises/worker.html", form=form, worker=worker)
    return answer(page, form.errors)


@blueprint.route("/enterprises/workers/<int:worker_id>/reveal", methods=["GET", "POST"])
@requires(Permission.OWN_WORKER_REVEAL)
def reveal_worker(worker_id: int) -> Response | str:
    """The whole number and phone, once the purpose is said; the page is not kept by the browser."""
    worker = _own_worker(worker_id)
    form = PurposeForm()
    revealed = False
    if form.validate_on_submit():
        try:
            with transaction():
                services.record_reveal(worker=worker, purpose=given(form.purpose), actor=actor())
        except InvalidValue as error:
            form.refuse(form.purpose, error)
        else:
            revealed = True
    page = render_template("enterprises/reveal_worker.html", form=form, worker=worker, revealed=revealed)
    return answer(page, form.errors)


def _own_worker(worker_id: int) -> Worker:
    found = db.session.scalars(
        queries.workers_visible_to(actor()).where(Worker.id == worker_id)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def _shown_values(worker: Worker) -> dict[str, object]:
    return {
        "name": worker.name,
        "id_kind": worker.id_kind,
        "sex": worker.sex,
        "born_on": worker.born_on,
        "home_address": worker.home_address,
        "is_local": worker.is_local,
        "shift": worker.shift,
        "wish_group": worker.wish_group,
        "ground_floor": worker.ground_floor,
    }


def _keep_what_is_masked(form: WorkerForm, worker: Worker) -> list[Field]:
    """An empty box of a masked value means «as before»; returns the boxes filled in so."""
    before = [(form.id_number, worker.id_number), (form.phone, worker.phone)]
    if worker.couple_with_id and not form.no_couple.data:
        before.append((form.couple_id_number, db.session.get_one(Worker, worker.couple_with_id).id_number))
    kept: list[Field] = []
    for field, value in before:
        if not field.data and value:
            field.data, field.raw_data = value, [value]
            kept.append(field)
    return kept
