"""Households answer: on their own phone, or through the clerk who is named as their proxy."""

from dataclasses import dataclass
from datetime import datetime

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission, Role
from qiantang_nest.bookings.forms import AnswerForm
from qiantang_nest.bookings.models import HoldRoom
from qiantang_nest.bookings.queries.holds import rooms_of_hold, times_on, waiting_answers
from qiantang_nest.bookings.rules import Answer, HoldStage, hold_stage
from qiantang_nest.bookings.services.answer_hold import answer_hold
from qiantang_nest.bookings.views import blueprint
from qiantang_nest.bookings.views.holds import load_hold
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.forms import SelectChoice
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor, paginate
from qiantang_nest.housing.models import Owner
from qiantang_nest.housing.queries import live_consent, owners_visible_to
from qiantang_nest.housing.rules import ConsentHow, consent_how_label


@dataclass(frozen=True)
class Household:
    """One household's part of a hold."""

    owner: Owner
    rooms: list[HoldRoom]

    @property
    def waiting(self) -> list[HoldRoom]:
        """Rooms that still wait for an answer and are still held."""
        return [room for room in self.rooms if room.answer == Answer.WAITING and room.claim.state == "held"]

    @property
    def answer_due_at(self) -> datetime:
        """When the answer for the rooms that wait is due."""
        return min(room.answer_due_at for room in self.waiting)

    @property
    def accepted(self) -> list[HoldRoom]:
        """Rooms the household has said yes for."""
        return [room for room in self.rooms if room.answer == Answer.ACCEPTED]


@blueprint.get("/answers")
@requires(Permission.HOLD_ANSWER)
def answers() -> str:
    """Households of the scope that have not answered, most urgent first."""
    page = paginate(waiting_answers(actor(), clock.now()), scalars=False)
    return render_template("bookings/answers.html", page=page, layout=frame(), now=clock.now())


def frame() -> str:
    """Villagers hold a phone."""
    return "layouts/phone.html" if actor().role == Role.VILLAGER else "layouts/desk.html"


@blueprint.route("/holds/<int:hold_id>/answers/<int:owner_id>", methods=["GET", "POST"])
@requires(Permission.HOLD_ANSWER)
def answer(hold_id: int, owner_id: int) -> Response | str | tuple[str, int]:
    """«Let these rooms to them?»: yes, or no with a reason; all rooms at once, or those ticked."""
    hold = load_hold(hold_id)
    owner: Owner | None = db.session.execute(
        owners_visible_to(actor()).where(Owner.id == owner_id)
    ).scalar_one_or_none()
    if owner is None:
        abort(404)
    household = Household(owner, [room for room in rooms_of_hold(hold, actor()) if room.owner_id == owner.id])
    if not household.rooms:
        abort(404)
    stage = hold_stage(hold.state, hold.expires_at, clock.now())
    form = AnswerForm()
    form.rooms.choices = [
        SelectChoice(room.id, _("%(label)s 房", label=room.room.label)) for room in household.waiting
    ]
    status = 200
    if request.method == "GET":
        form.rooms.data = [room.id for room in household.waiting]
    else:
        status = 422
        said = Answer.DECLINED if request.form.get("answer") == Answer.DECLINED else Answer.ACCEPTED
        if form.validate():
            try:
                with transaction():
                    answer_hold(
                        hold=hold,
                        owner=owner,
                        hold_room_ids=form.rooms.data or [],
                        answer=said,
                        reason=form.reason.data or "",
                        times=times_on(clock.today()),
                        actor=actor(),
                        now=clock.now(),
                    )
                flash(
                    _("答应了，等企业来签合同。") if said is Answer.ACCEPTED else _("已经回复企业，不租了。"),
                    "done",
                )
                return redirect(url_for("bookings.answer", hold_id=hold_id, owner_id=owner_id), 303)
            except InvalidValue as error:
                form.refuse(form.rooms if not form.rooms.data else form.reason, error)
    consent = live_consent(owner.id) if actor().is_office else None
    still_open = stage is HoldStage.ACTIVE and bool(household.waiting)
    return render_template(
        "bookings/answer.html",
        hold=hold,
        stage=stage,
        open=still_open,
        household=household,
        rent_fen=sum(room.rent_fen for room in (household.waiting if still_open else household.accepted)),
        form=form,
        layout=frame(),
        proxy=actor().is_office,
        consent=consent,
        consent_how=consent_how_label(ConsentHow(consent.how)) if consent else "",
    ), status
