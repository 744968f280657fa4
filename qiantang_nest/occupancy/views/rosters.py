"""Pages where an employer gives out the beds it leases."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import DomainError, InvalidValue, WrongState
from qiantang_nest.core.forms import SelectChoice, given
from qiantang_nest.core.i18n import _, ngettext
from qiantang_nest.core.identifiers import mask_document
from qiantang_nest.core.web import actor, ids_from, paginate_list
from qiantang_nest.enterprises.models import Worker
from qiantang_nest.occupancy.forms.stays import AssignForm
from qiantang_nest.occupancy.models import LeaseRoom
from qiantang_nest.occupancy.queries import beds as queries
from qiantang_nest.occupancy.rules import unplaced_reason_label
from qiantang_nest.occupancy.services.bed_checks import BedChoice
from qiantang_nest.occupancy.services.carry_out import Come, Move, NotPossible, carry_out
from qiantang_nest.occupancy.views import blueprint
from qiantang_nest.occupancy.views.stays import MOST_AT_ONCE, last_day_to_end


@dataclass(frozen=True)
class Place:
    """One line of a proposal."""

    worker: Worker
    lease_room: LeaseRoom
    bed_no: int
    village: str

    @property
    def value(self) -> str:
        """What the form sends back."""
        return f"{self.worker.id}:{self.lease_room.id}:{self.bed_no}"


@blueprint.route("/beds/assign", methods=["GET", "POST"])
@requires(Permission.ROSTER_KEEP)
def assign_beds() -> str | tuple[str, int] | Response:
    """Choose people, date and village; look at the proposal; save it as it stands."""
    who, today = actor(), clock.today()
    rooms, people = _rooms_and_people(who, today)
    names = queries.village_names({room.room.village_code for room in rooms})
    form = AssignForm()
    form.village.choices = [
        SelectChoice("", _("都可以，系统来挑")),
        *(SelectChoice(code, name) for code, name in sorted(names.items())),
    ]
    if not form.is_submitted():
        form.starts_on.data = max(today, min((room.starts_on for room in rooms), default=today))
        form.may_move.data = "suggest" in request.args
    ids = set(ids_from(request.form.getlist("worker")))
    struck = _struck()
    proposal = None
    if form.validate_on_submit() and _moves_from_today(form, today):
        chosen = [worker for worker in people if worker.id in ids]
        if request.form.get("step") == "save":
            places, moves = _choices(form, people, rooms), _moves(who, _offered(form, rooms), today)
            try:
                with transaction():
                    _refuse_lost(moves)
                    carry_out(
                        moves=moves,
                        comes=[Come(one.worker.id, one) for one in places],
                        actor=who,
                        today=today,
                        now=clock.now(),
                    )
            except DomainError as error:
                form.form_errors.append(str(error.message))
                if isinstance(error, NotPossible):
                    form.form_errors += [sentence for _line, sentence in error.problems]
                form.form_errors.append(_("下面是按现在的空床重新排的，划掉的人不动，请再看一遍。"))
                rooms, people = _rooms_and_people(who, today)
                chosen = [worker for worker in people if worker.id in ids]
            else:
                flash(_done(len(places), len(moves)), "done")
                return redirect(url_for("occupancy.stays"), 303)
        if chosen or form.may_move.data:
            offered = _offered(form, rooms)
            proposal = queries.propose_beds(
                workers=chosen,
                lease_rooms=offered,
                starts_on=today if form.may_move.data else given(form.starts_on),
                ends_on=last_day_to_end(form.last_day.data),
                movable=[stay for stay in queries.movable_stays(who, offered, today) if stay.id not in struck]
                if form.may_move.data
                else [],
            )
        else:
            form.form_errors.append(_("还没有勾选要排床位的员工。"))
    by_worker = {worker.id: worker for worker in people}
    by_room = {room.id: room for room in rooms}
    body = render_template(
        "occupancy/assign_beds.html",
        form=form,
        people=people,
        masked_numbers={worker.id: mask_document(worker.id_number or "") for worker in people},
        ticked=ids if form.is_submitted() else {worker.id for worker in people},
        rooms=rooms,
        proposal=proposal,
        struck=struck,
        struck_workers=ids - {int(value.partition(":")[0]) for value in _ticked("place")}
        if "step" in request.form
        else set(),
        suggest=form.may_move.data or form.is_submitted(),
        places=[
            Place(
                by_worker[one.worker_id],
                by_room[one.room_id],
                one.bed_no,
                names[by_room[one.room_id].room.village_code],
            )
            for one in (proposal.placements if proposal else [])
        ],
        left_over=[
            (by_worker[one.worker_id], unplaced_reason_label(one.reason))
            for one in (proposal.unplaced if proposal else [])
        ],
    )
    return (body, 422) if form.errors else body


def _ticked(name: str) -> list[str]:
    """Values of a repeated control that are whole numbers joined by colons."""
    return [value for value in request.form.getlist(name) if len(ids_from(value.split(":"))) == 3]


def _struck() -> set[int]:
    """Stays whose move was offered and struck now or on an earlier page; they stay where they are."""
    kept = {int(value.partition(":")[0]) for value in _ticked("move")}
    return set(ids_from(request.form.getlist("offered"))) - kept | set(
        ids_from(request.form.getlist("struck"))
    )


def _moves_from_today(form: AssignForm, today: date) -> bool:
    """Nobody who lives here changes beds in the past."""
    if not form.may_move.data or given(form.starts_on) >= today:
        return True
    form.refuse(form.starts_on, InvalidValue(_("请住下的人换床只能从今天起，请填今天或以后，或者不动他们。")))
    return False


def _offered(form: AssignForm, rooms: Sequence[LeaseRoom]) -> list[LeaseRoom]:
    """The rooms of the village chosen, or all."""
    return [room for room in rooms if form.village.data in ("", room.room.village_code)]


def _refuse_lost(moves: Sequence[Move]) -> None:
    """Raise WrongState if somebody who was to move may not be moved any more, or is out of reach."""
    if len(moves) < len(_ticked("move")):
        raise WrongState(_("要换床的人里，有人的床位刚才变了，一张床都没有动。"))


def _done(places: int, moves: int) -> str:
    """What was saved."""
    if not moves:
        return str(ngettext("排好了 %(num)s 张床。", "排好了 %(num)s 张床。", places))
    return str(_("排好了 %(places)s 张床，%(moves)s 人换了床。", places=places, moves=moves))


def _moves(who: Actor, rooms: Sequence[LeaseRoom], today: date) -> list[Move]:
    """The moves that came back ticked; those out of reach are left out."""
    by_room = {room.id: room for room in rooms}
    stays = {stay.id: stay for stay in queries.movable_stays(who, rooms, today)}
    found = []
    for value in _ticked("move"):
        stay_id, room_id, bed_no = ids_from(value.split(":"))
        if stay_id in stays and room_id in by_room:
            stay = stays[stay_id]
            starts_on = today if stay.arrived_on is not None else stay.starts_on
            choice = BedChoice(stay.worker, by_room[room_id], bed_no, starts_on, stay.ends_on)
            found.append(Move(stay.worker_id, stay, choice))
    return found


def _rooms_and_people(who: Actor, today: date) -> tuple[Sequence[LeaseRoom], Sequence[Worker]]:
    rooms = db.session.execute(queries.lease_rooms_visible_to(who).where(LeaseRoom.ends_on > today))
    people = db.session.execute(queries.unhoused(who, today).limit(MOST_AT_ONCE))
    return rooms.scalars().all(), people.scalars().all()


def _choices(form: AssignForm, people: Sequence[Worker], rooms: Sequence[LeaseRoom]) -> list[BedChoice]:
    """The lines of the proposal that came back; those of people or rooms out of reach are left out."""
    by_worker = {worker.id: worker for worker in people}
    by_room = {room.id: room for room in rooms}
    found = []
    for value in request.form.getlist("place"):
        parts = ids_from(value.split(":"))
        if len(parts) == 3 and parts[0] in by_worker and parts[1] in by_room:
            found.append(
                BedChoice(
                    by_worker[parts[0]],
                    by_room[parts[1]],
                    parts[2],
                    given(form.starts_on),
                    last_day_to_end(form.last_day.data),
                )
            )
    return found


@dataclass(frozen=True)
class MyRoom:
    """A leased room with its beds as an employer sees them."""

    lease_room: LeaseRoom
    present: int
    planned: int

    @property
    def beds(self) -> int:
        return min(self.lease_room.room.beds, self.lease_room.room.capacity)

    @property
    def free(self) -> int:
        return max(self.beds - self.present - self.planned, 0)


@blueprint.get("/beds")
@requires(Permission.ROSTER_KEEP)
def rooms() -> str:
    """The rooms an employer leases now or soon, house by house, with the beds filled and free."""
    who, today = actor(), clock.today()
    leased = (
        db.session.execute(queries.lease_rooms_visible_to(who).where(LeaseRoom.ends_on > today))
        .scalars()
        .all()
    )
    heads = queries.heads_by_lease_room([one.id for one in leased], today)
    mine = sorted(
        (MyRoom(one, *heads.get(one.id, (0, 0))) for one in leased),
        key=lambda one: (
            one.lease_room.room.village_code,
            one.lease_room.room.house_id,
            one.lease_room.room.label,
        ),
    )
    houses = [list(group) for _id, group in groupby(mine, key=lambda one: one.lease_room.room.house_id)]
    names = queries.village_names({one.lease_room.room.village_code for one in mine})
    return render_template(
        "occupancy/rooms.html",
        page=paginate_list(houses, per_page=20),
        names=names,
        beds=sum(one.beds for one in mine),
        present=sum(one.present for one in mine),
        planned=sum(one.planned for one in mine),
        free=sum(one.free for one in mine),
        barred=queries.barred_houses({one.lease_room.room.house_id for one in mine}),
    )
