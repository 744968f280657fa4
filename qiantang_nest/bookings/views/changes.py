"""Changing a signed lease: asked for with everything it does on the page, answered by the other side."""

from collections.abc import Callable
from datetime import date
from typing import TypeVar

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission, Role, may
from qiantang_nest.bookings.forms.changes import (
    AnswerChangeForm,
    ChangeForm,
    EndLeaseForm,
    ReleaseRoomsForm,
    RelocateForm,
    RoomsForm,
    SwapRoomForm,
    TransferLeaseForm,
    extend_form,
)
from qiantang_nest.bookings.queries.change_effects import (
    effect_of,
    rooms_to_relocate_to,
    rooms_to_swap_for,
)
from qiantang_nest.bookings.queries.lease_facts import lease_facts
from qiantang_nest.bookings.rules.changes import ChangeEffect, ChangeKind, LeaseFacts, LetRoom, Wanted
from qiantang_nest.bookings.services.change_booking import (
    DiffersFromShown,
    ask_change,
    side_of_change,
)
from qiantang_nest.bookings.services.change_booking import answer_change as answer
from qiantang_nest.bookings.services.change_booking import take_lease as take
from qiantang_nest.bookings.services.change_booking import withdraw_change as withdraw
from qiantang_nest.bookings.views import blueprint
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import DomainError, InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.enterprises.queries import verified_enterprise
from qiantang_nest.housing.queries import live_consent, people_by_id
from qiantang_nest.occupancy.forms.leases import CHANGE_WORDS
from qiantang_nest.occupancy.models import Lease, LeaseChange, RoomTaken
from qiantang_nest.occupancy.queries.lease_changes import changes_visible_to
from qiantang_nest.occupancy.queries.leases import leases_visible_to
from qiantang_nest.occupancy.rules import has_lapsed
from qiantang_nest.occupancy.services.lease_rooms import refuse_unless_signed

AnyForm = TypeVar("AnyForm", bound=ChangeForm)


def frame() -> str:
    """Villagers hold a phone."""
    return "layouts/phone.html" if actor().role == Role.VILLAGER else "layouts/desk.html"


def load_signed_lease(lease_id: int) -> Lease:
    """A lease in the actor's scope that is in force, or 404. Raises WrongState if it is not."""
    found: Lease | None = db.session.execute(
        leases_visible_to(actor()).where(Lease.id == lease_id)
    ).scalar_one_or_none()
    if found is None:
        abort(404)
    refuse_unless_signed(found)
    return found


@blueprint.route("/leases/<int:lease_id>/end", methods=["GET", "POST"])
@requires(Permission.LEASE_CHANGE)
def end_lease(lease_id: int) -> Response | str | tuple[str, int]:
    """Give rooms back earlier, some or all: by notice, or sooner with the other side's yes."""
    return _ask(lease_id, _fresh(EndLeaseForm), "bookings/end_lease.html", _offer_rooms)


@blueprint.route("/leases/<int:lease_id>/extend", methods=["GET", "POST"])
@requires(Permission.LEASE_CHANGE)
def extend_lease(lease_id: int) -> Response | str | tuple[str, int]:
    """Let rooms longer, at the rent they have or another."""
    return _ask(lease_id, extend_form, "bookings/extend_lease.html", _offer_rooms)


@blueprint.route("/leases/<int:lease_id>/release", methods=["GET", "POST"])
@requires(Permission.LEASE_CHANGE)
def release_rooms(lease_id: int) -> Response | str | tuple[str, int]:
    """Give rooms up before the lease begins, some or all: by notice, or sooner with the other side's yes."""
    return _ask(lease_id, _fresh(ReleaseRoomsForm), "bookings/release_rooms.html", _offer_rooms)


@blueprint.route("/leases/<int:lease_id>/swap", methods=["GET", "POST"])
@requires(Permission.LEASE_CHANGE)
def swap_room(lease_id: int) -> Response | str | tuple[str, int]:
    """One room for another of the same lessor."""
    return _ask(lease_id, _fresh(SwapRoomForm), "bookings/swap_room.html", _offer_swap)


@blueprint.route("/leases/<int:lease_id>/relocate", methods=["GET", "POST"])
@requires(Permission.LEASE_TRANSFER)
def relocate(lease_id: int) -> Response | str | tuple[str, int]:
    """One room for another of another household, made when both have signed its lease."""
    return _ask(lease_id, _fresh(RelocateForm), "bookings/relocate.html", _offer_relocate)


@blueprint.route("/leases/<int:lease_id>/transfer", methods=["GET", "POST"])
@requires(Permission.LEASE_TRANSFER)
def transfer_lease(lease_id: int) -> Response | str | tuple[str, int]:
    """Another firm takes the lease over; it and the lessor say yes."""
    return _ask(lease_id, _fresh(TransferLeaseForm), "bookings/transfer_lease.html", _offer_transfer)


def _offer_transfer(form: TransferLeaseForm, lease: Lease, facts: LeaseFacts) -> None:
    form.offer(facts, clock.today())
    taker = verified_enterprise(form.uscc.data or "")
    form.enterprise_id = taker.id if taker is not None and taker.id != lease.enterprise_id else None
    form.taker_name = taker.name if taker is not None else ""


def _fresh(form: type[AnyForm]) -> Callable[[LeaseFacts], AnyForm]:
    """A form that is the same for every lease."""
    return lambda _facts: form()


def _offer_rooms(form: RoomsForm | ReleaseRoomsForm, _lease: Lease, facts: LeaseFacts) -> None:
    form.offer(facts, clock.today())


def _offer_swap(form: SwapRoomForm, lease: Lease, facts: LeaseFacts) -> None:
    form.offer(facts, clock.today())
    left = _room_and_day(form, facts)
    form.offer_others(rooms_to_swap_for(lease, left[1], left[0].ends_on, clock.now()) if left else [])


def _offer_relocate(form: RelocateForm, lease: Lease, facts: LeaseFacts) -> None:
    form.offer(facts, clock.today())
    left = _room_and_day(form, facts)
    form.offer_nearby(
        rooms_to_relocate_to(lease, left[0].room_id, left[1], left[0].ends_on, clock.now()) if left else []
    )


def _room_and_day(form: SwapRoomForm, facts: LeaseFacts) -> tuple[LetRoom, date] | None:
    """Which room is left, and when: a day that cannot be is refused at the day, not at what is free then."""
    room = next((one for one in facts.rooms if one.lease_room_id == form.room.data), None)
    if room is None:
        return None
    day = form.first_on.data
    return room, day if day and clock.today() <= day < room.ends_on else clock.today()


def _ask(
    lease_id: int,
    make_form: Callable[[LeaseFacts], AnyForm],
    template: str,
    offer: Callable[[AnyForm, Lease, LeaseFacts], None],
) -> Response | str | tuple[str, int]:
    """Show what the change does; made or asked only if the page that was sent said exactly that."""
    lease = load_signed_lease(lease_id)
    who, today, now = actor(), clock.today(), clock.now()
    facts = lease_facts(lease, who, today)
    form = make_form(facts)
    offer(form, lease, facts)
    sent, sure = request.method == "POST", "show" not in request.form
    effect: ChangeEffect | None = None
    differs = ""
    valid = form.validate() if sent else True
    if valid and sent and sure and not form.reason.data:
        form.reason.errors = [*form.reason.errors, _("请写一句原因，对方看得到。")]
        valid = False
    if valid and sent and sure:
        try:
            with transaction():
                change = ask_change(
                    lease=lease,
                    wanted=form.wanted(),
                    reason=form.reason.data or "",
                    shown_digest=form.shown.data or "",
                    actor=who,
                    today=today,
                    now=now,
                )
                number, done = change.id, change.state == "done"
            if change.kind == ChangeKind.RELOCATE:
                flash(_("新房先留着了。新合同两边签好，就照这样换。"), "doing")
            else:
                flash(_("改好了。") if done else _("已经告诉对方，等对方答复。"), "done" if done else "doing")
            return redirect(url_for("bookings.lease_change", change_id=number), 303)
        except DiffersFromShown as error:
            differs = error.message
        except (InvalidValue, RoomTaken) as error:
            form.refuse(form.day_field, error)
    if _has_what_it_needs(form) and not form.errors.keys() - {"reason"}:
        try:
            effect = effect_of(lease, form.wanted(), actor=who, today=today, now=now)
            form.shown.data = effect.digest()
        except InvalidValue as error:
            form.refuse(form.day_field, error)
    facts = lease_facts(lease, who, today)
    body = render_template(
        template,
        layout=frame(),
        lease=lease,
        facts_now=facts,
        form=form,
        effect=effect,
        differs=differs,
        by_proxy=who.is_office,
        consent=live_consent(lease.owner_id) if who.is_office else None,
    )
    if differs:
        return body, DiffersFromShown.status
    return (body, 422) if sent and form.errors else body


def _has_what_it_needs(form: ChangeForm) -> bool:
    return all(field.data for field in form if field.flags.required)


def _load_change(change_id: int) -> LeaseChange:
    """A change of a lease in the actor's scope, or 404."""
    found: LeaseChange | None = db.session.execute(
        changes_visible_to(actor()).where(LeaseChange.id == change_id)
    ).scalar_one_or_none()
    if found is None:
        abort(404)
    return found


@blueprint.get("/lease-changes/<int:change_id>")
@requires(Permission.LEASE_READ)
def lease_change(change_id: int) -> str:
    """One change: who asked what and why, what it did or would do, what came of it."""
    return _change_page(_load_change(change_id), AnswerChangeForm())


def _change_page(change: LeaseChange, form: AnswerChangeForm, differs: str = "") -> str:
    who = actor()
    effect: ChangeEffect | None = None
    trouble = ""
    taking = change.taker_id is not None and change.taker_id == who.enterprise_id
    side = None if taking else _side_or_none()
    if change.state == "asked":
        try:
            wanted = Wanted.from_terms(change.kind, change.terms)
            effect = effect_of(
                change.lease, wanted, actor=who, today=clock.today(), now=clock.now(), asked=change
            )
            form.shown.data = effect.digest()
        except DomainError as error:
            trouble = error.message
    new_lease = db.session.get(Lease, change.new_lease_id) if change.new_lease_id is not None else None
    answers = side not in (None, change.asked_side)
    if change.kind == ChangeKind.RELOCATE:
        answers = answers and change.agreed_at is None and bool(change.facts["needs_yes"])
    return render_template(
        "bookings/lease_change.html",
        layout=frame(),
        change=change,
        lease=change.lease,
        label=CHANGE_WORDS[change.kind],
        effect=effect,
        trouble=trouble,
        differs=differs,
        form=form if change.state == "asked" and answers else None,
        new_lease=new_lease,
        new_lapsed=new_lease is not None and has_lapsed(new_lease.state, new_lease.sign_until, clock.now()),
        taker=db.session.get(Enterprise, change.taker_id) if change.taker_id is not None else None,
        may_take=taking
        and change.state == "asked"
        and change.taken_at is None
        and may(who.role, Permission.LEASE_TRANSFER),
        may_withdraw=change.state == "asked" and side == change.asked_side,
        people=people_by_id([change.asked_by, change.decided_by]),
        by_proxy=who.is_office,
        consent=live_consent(change.lease.owner_id) if who.is_office else None,
    )


def _side_or_none() -> str | None:
    try:
        return side_of_change(actor())
    except DomainError:
        return None


@blueprint.post("/lease-changes/<int:change_id>/answer")
@requires(Permission.LEASE_CHANGE)
def answer_change(change_id: int) -> Response | str | tuple[str, int]:
    """The other side says yes, and it is made; or no."""
    change = _load_change(change_id)
    form = AnswerChangeForm()
    if not form.validate():
        return _change_page(change, form), 422
    yes = form.answer.data == "yes"
    try:
        with transaction():
            answer(
                change=change,
                yes=yes,
                reason=form.reason.data or "",
                shown_digest=form.shown.data or "",
                actor=actor(),
                today=clock.today(),
                now=clock.now(),
            )
        flash(_said(yes, change), "done")
        return redirect(url_for("bookings.lease_change", change_id=change_id), 303)
    except DiffersFromShown as error:
        return _change_page(_load_change(change_id), form, error.message), error.status
    except (InvalidValue, RoomTaken) as error:
        form.refuse(form.answer if yes else form.reason, error)
        return _change_page(_load_change(change_id), form), 422


def _said(yes: bool, change: LeaseChange) -> str:
    if not yes:
        return str(_("已经告诉对方您不同意。"))
    if change.state == "asked":
        return str(_("答应了。新合同两边签好，就照这样换。"))
    return str(_("改好了，对方会收到消息。"))


@blueprint.post("/lease-changes/<int:change_id>/take")
@requires(Permission.LEASE_TRANSFER)
def take_lease(change_id: int) -> Response:
    """The firm that is to take a lease over says yes."""
    change = _load_change(change_id)
    with transaction():
        take(change=change, actor=actor(), now=clock.now())
    flash(_("答应了，等户主答复。"), "done")
    return redirect(url_for("bookings.lease_change", change_id=change_id), 303)


@blueprint.post("/lease-changes/<int:change_id>/withdraw")
@requires(Permission.LEASE_CHANGE)
def withdraw_change(change_id: int) -> Response:
    """The asking side takes the question back."""
    change = _load_change(change_id)
    with transaction():
        withdraw(change=change, actor=actor(), now=clock.now())
    flash(_("撤回了，合同没有变。"), "done")
    return redirect(url_for("occupancy.lease", lease_id=change.lease_id), 303)
