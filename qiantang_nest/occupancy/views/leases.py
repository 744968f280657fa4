"""Pages of leases: the list, one lease, its document, its filing."""

from datetime import datetime, timedelta

from flask import Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import or_, select
from werkzeug.wrappers import Response as WerkzeugResponse

from qiantang_nest.accounts.rules import Permission, Role, may
from qiantang_nest.core import clock, media
from qiantang_nest.core.access import requires
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor, paginate, sort_from_query
from qiantang_nest.geography.models import Village
from qiantang_nest.housing.models import Owner
from qiantang_nest.occupancy.forms.leases import CHANGE_WORDS, FILING_LABELS, FilingForm
from qiantang_nest.occupancy.models import Lease, LeaseChange, LeaseRoom
from qiantang_nest.occupancy.queries.handovers import handed_over, held_over
from qiantang_nest.occupancy.queries.lease_changes import changes_of, later_rents, open_change_of
from qiantang_nest.occupancy.queries.leases import (
    awaits_signature,
    came_to_nothing,
    lease_sums,
    leases_visible_to,
    rooms_of_lease,
    signatures_with_names,
    signed_sides,
    withdrawals_of,
)
from qiantang_nest.occupancy.rules import has_lapsed
from qiantang_nest.occupancy.services.contract import ensure_document
from qiantang_nest.occupancy.services.leases import FILING_STEPS
from qiantang_nest.occupancy.services.leases import file_lease as note_filing
from qiantang_nest.occupancy.views import blueprint

_SORTS = {"number": Lease.number, "starts_on": Lease.starts_on, "ends_on": Lease.ends_on, "id": Lease.id}
ENDING_DAYS = 30


def lease_chip(lease: Lease, signed: set[str], now: datetime) -> str:
    """Which chip says how a lease stands."""
    today = clock.business_date(now)
    match lease.state:
        case "drafted":
            if has_lapsed(lease.state, lease.sign_until, now):
                return "lease.lapsed"
            return "lease.half_signed" if signed else "lease.signing"
        case "cancelled":
            return "lease.cancelled"
        case "ended":
            return "lease.ended"
    if lease.ends_on <= today:
        return "lease.ended"
    if lease.starts_on > today:
        return "lease.signed"
    return "lease.ending" if lease.ends_on <= today + timedelta(days=ENDING_DAYS) else "lease.active"


def _frame() -> str:
    return "layouts/phone.html" if actor().role == Role.VILLAGER else "layouts/desk.html"


@blueprint.get("/leases")
@requires(Permission.LEASE_READ)
def leases() -> str:
    """The leases in scope; those to be signed can be shown alone."""
    today, now = clock.today(), clock.now()
    statement = leases_visible_to(actor())
    state = request.args.get("state", "")
    match state:
        case "drafted":
            statement = statement.where(awaits_signature(now))
        case "cancelled":
            statement = statement.where(came_to_nothing(now))
        case "running":
            statement = statement.where(Lease.state == "signed", Lease.ends_on > today)
        case "changing":
            statement = statement.where(
                Lease.id.in_(select(LeaseChange.lease_id).where(LeaseChange.state == "asked"))
            )
        case "unfiled":
            statement = statement.where(
                Lease.state == "signed", Lease.filing_state != "filed", Lease.ends_on > today
            )
        case "ended":
            statement = statement.where(
                or_(Lease.state == "ended", (Lease.state == "signed") & (Lease.ends_on <= today))
            )
        case _:
            state = ""
    wanted = request.args.get("q", "").strip()[:40]
    if wanted:
        statement = statement.where(or_(Lease.number.icontains(wanted), Owner.name.icontains(wanted)))
    page = paginate(statement.order_by(sort_from_query(_SORTS, "-id"), Lease.id.desc()))
    ids = [lease.id for lease in page.items]
    signed = signed_sides(ids)
    return render_template(
        "occupancy/leases.html",
        page=page,
        layout=_frame(),
        state=state,
        wanted=wanted,
        sums=lease_sums(ids, today),
        chips={lease.id: lease_chip(lease, signed[lease.id], now) for lease in page.items},
        withdrawals=withdrawals_of(ids),
        filing=FILING_LABELS,
    )


def load_lease(lease_id: int) -> Lease:
    """A lease in the actor's scope, or 404."""
    found: Lease | None = db.session.execute(
        leases_visible_to(actor()).where(Lease.id == lease_id)
    ).scalar_one_or_none()
    if found is None:
        abort(404)
    return found


@blueprint.get("/leases/<int:lease_id>")
@requires(Permission.LEASE_READ)
def lease(lease_id: int) -> str:
    """One lease: rooms, terms, who has signed, how its filing stands."""
    return _lease_page(load_lease(lease_id), None)


def _lease_page(found: Lease, form: FilingForm | None) -> str:
    now = clock.now()
    signatures = signatures_with_names(found.id)
    sides = {signature.side for signature, _name in signatures}
    who, changes, rooms = actor(), changes_of(found.id), rooms_of_lease(found.id)
    still_open = found.state == "drafted" and not has_lapsed(found.state, found.sign_until, now)
    side = {Role.VILLAGER: "lessor", Role.VILLAGE_CLERK: "lessor", Role.EMPLOYER_MANAGER: "lessee"}
    if form is None and may(who.role, Permission.LEASE_FILE) and FILING_STEPS[found.filing_state]:
        form = FilingForm(before=found.filing_state)
    return render_template(
        "occupancy/lease.html",
        lease=found,
        layout=_frame(),
        rooms=rooms,
        actual=handed_over([room.id for room in rooms]),
        held_over=_held_over(found, who),
        later_rents=later_rents([room.id for room in rooms]),
        today=clock.today(),
        sums=lease_sums([found.id], clock.today()).get(found.id, (0, 0, 0)),
        village=db.session.get_one(Village, found.village_code),
        signatures=signatures,
        chip_kind=lease_chip(found, sides, now),
        still_open=still_open,
        withdrawal=withdrawals_of([found.id]).get(found.id),
        may_sign=(
            still_open and may(who.role, Permission.LEASE_SIGN) and side.get(Role(who.role)) not in sides
        ),
        may_withdraw=still_open and may(who.role, Permission.LEASE_SIGN),
        changes=changes,
        open_change=open_change_of(found.id, now),
        may_change=may(who.role, Permission.LEASE_CHANGE) and found.state == "signed",
        may_transfer=may(who.role, Permission.LEASE_TRANSFER),
        may_hand_over=may(who.role, Permission.HAND_OVER),
        change_words=CHANGE_WORDS,
        form=form if found.state in ("signed", "ended") else None,
        filing=FILING_LABELS,
    )


def _held_over(found: Lease, who: Actor) -> list[str]:
    """The names of the rooms of a lease that were to be given back by now; none for who only reads."""
    if found.state != "signed" or not may(who.role, Permission.HAND_OVER):
        return []
    rooms = db.session.execute(held_over(who, clock.today()).where(LeaseRoom.lease_id == found.id)).scalars()
    return [f"{room.room.house.address} {room.room.label}" for room in rooms]


@blueprint.get("/leases/<int:lease_id>/contract.pdf")
@requires(Permission.LEASE_READ)
def lease_pdf(lease_id: int) -> Response:
    """The contract as PDF; drawn when it is first asked for, the same bytes from then on."""
    found = load_lease(lease_id)
    if found.document_media is None:
        with transaction():
            ensure_document(found)
    response = media.open_media(found.document_media or "", attachment=f"{found.number}.pdf")
    # Names, numbers and accounts of people: kept by nobody on the way.
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/leases/<int:lease_id>/filing")
@requires(Permission.LEASE_FILE)
def file_lease(lease_id: int) -> WerkzeugResponse | tuple[str, int]:
    """Note the next step of the filing."""
    found = load_lease(lease_id)
    form = FilingForm(before=found.filing_state)
    if form.validate():
        try:
            with transaction():
                note_filing(
                    lease=found,
                    state=form.state.data,
                    number=form.number.data or "",
                    today=clock.today(),
                    actor=actor(),
                )
            flash(_("记下了。"), "done")
            return redirect(url_for("occupancy.lease", lease_id=lease_id), 303)
        except InvalidValue as error:
            form.refuse(form.number, error)
    return _lease_page(found, form), 422
