"""Papers, safety checks, hazards, and houses that must not be let."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, lock_villages
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.housing.models import Hazard, House, HouseDocument, Inspection, Listing, Room
from qiantang_nest.housing.queries import rooms_of
from qiantang_nest.housing.rules import DocumentKind, Severity, hazard_due

MOST_YEARS_A_CHECK_HOLDS = 5


def record_document(
    *, house: House, kind: DocumentKind, number: str, media_name: str | None = None, actor: Actor
) -> HouseDocument:
    """A paper the clerk has seen. The same number again only adds the scan."""
    document = db.session.execute(
        select(HouseDocument).where(
            HouseDocument.house_id == house.id,
            HouseDocument.kind == kind.value,
            HouseDocument.number == number,
        )
    ).scalar_one_or_none()
    if document is None:
        document = HouseDocument(house_id=house.id, kind=kind.value, number=number, recorded_by=actor.user_id)
        db.session.add(document)
    document.media_name = media_name or document.media_name
    db.session.flush()
    audit.record(
        actor=actor,
        action="housing.record_document",
        entity="house_document",
        entity_id=document.id,
        changes={"house_id": house.id, "kind": kind.value, "scan": media_name is not None},
    )
    return document


def record_inspection(
    *,
    house: House,
    inspected_on: date,
    passed: bool,
    valid_until: date | None,
    note: str = "",
    today: date,
    actor: Actor,
) -> Inspection:
    """A safety check; the latest one by day decides. ``valid_until`` is the first day not covered.

    Raises:
        InvalidValue: in the future, passed without an end, an end before the check or over five years on.
    """
    if inspected_on > today:
        raise InvalidValue(_("检查日期 %(day)s 还没有到，请核对。", day=inspected_on.isoformat()))
    if passed:
        if valid_until is None:
            raise InvalidValue(_("检查合格要写明有效到哪一天。"))
        if valid_until <= inspected_on:
            raise InvalidValue(_("有效期要晚于检查日期 %(day)s。", day=inspected_on.isoformat()))
        if valid_until.year - inspected_on.year > MOST_YEARS_A_CHECK_HOLDS:
            raise InvalidValue(
                _("一次检查最多管 %(years)s 年，请核对有效期的年份。", years=MOST_YEARS_A_CHECK_HOLDS)
            )
    inspection = Inspection(
        house_id=house.id,
        inspected_on=inspected_on,
        passed=passed,
        valid_until=valid_until if passed else None,
        note=note,
        inspected_by=actor.user_id,
    )
    db.session.add(inspection)
    db.session.flush()
    latest = db.session.execute(
        select(Inspection)
        .where(Inspection.house_id == house.id)
        .order_by(Inspection.inspected_on.desc(), Inspection.id.desc())
        .limit(1)
    ).scalar_one()
    house.safe_until = latest.valid_until
    audit.record(
        actor=actor,
        action="housing.record_inspection",
        entity="inspection",
        entity_id=inspection.id,
        changes={
            "house_id": house.id,
            "passed": passed,
            "inspected_on": inspected_on.isoformat(),
            "safe_until": house.safe_until.isoformat() if house.safe_until else None,
        },
    )
    return inspection


def record_hazard(
    *, house: House, severity: Severity, what: str, found_on: date, today: date, actor: Actor
) -> Hazard:
    """A safety finding with its legal deadline; a major one takes the house off the market until closed.

    Raises InvalidValue for a day in the future.
    """
    if found_on > today:
        raise InvalidValue(_("发现日期 %(day)s 还没有到，请核对。", day=found_on.isoformat()))
    hazard = Hazard(
        house_id=house.id,
        severity=severity.value,
        what=what,
        found_on=found_on,
        due_on=hazard_due(severity, found_on),
        found_by=actor.user_id,
    )
    db.session.add(hazard)
    db.session.flush()
    audit.record(
        actor=actor,
        action="housing.record_hazard",
        entity="hazard",
        entity_id=hazard.id,
        changes={
            "house_id": house.id,
            "severity": severity.value,
            "found_on": found_on.isoformat(),
            "due_on": hazard.due_on.isoformat(),
        },
    )
    return hazard


def close_hazard(*, hazard: Hazard, today: date, actor: Actor) -> None:
    """Somebody has looked again and it is mended. Raises WrongState if closed already."""
    if hazard.closed_on is not None:
        raise WrongState(_("这条隐患已经销号了。"))
    hazard.closed_on, hazard.closed_by = today, actor.user_id
    audit.record(
        actor=actor,
        action="housing.close_hazard",
        entity="hazard",
        entity_id=hazard.id,
        changes={"house_id": hazard.house_id},
    )


def mark_dangerous(*, house: House, reason: str, today: date, now: datetime, actor: Actor) -> Sequence[Room]:
    """Grade C or D: off the market at once, every listing withdrawn. Returns the house's rooms.

    Who has booked them is told by ``bookings``. Takes the village's lock, so that no hold slips through.

    Raises:
        WrongState: it is marked already.
    """
    lock_villages([house.village_code])
    db.session.refresh(house)
    if house.dangerous_since is not None:
        raise WrongState(_("这座房子已经标为危房了。"))
    house.dangerous_since, house.dangerous_reason = today, reason
    rooms = rooms_of([house.id])
    listings = db.session.execute(
        select(Listing).where(
            Listing.room_id.in_([room.id for room in rooms]),
            Listing.state.in_(("draft", "submitted", "approved")),
        )
    ).scalars()
    withdrawn = []
    for listing in listings:
        listing.state, listing.reason = "withdrawn", reason
        listing.decided_by, listing.decided_at = actor.user_id, now
        withdrawn.append(listing.id)
    audit.record(
        actor=actor,
        action="housing.mark_dangerous",
        entity="house",
        entity_id=house.id,
        changes={"reason": reason, "withdrawn_listings": withdrawn},
    )
    return rooms


def clear_danger(*, house: House, reason: str, actor: Actor) -> None:
    """The house was repaired and graded again; its rooms have to be offered anew.

    Raises WrongState if it is not marked.
    """
    if house.dangerous_since is None:
        raise WrongState(_("这座房子没有标为危房。"))
    since = house.dangerous_since
    house.dangerous_since = house.dangerous_reason = None
    audit.record(
        actor=actor,
        action="housing.clear_danger",
        entity="house",
        entity_id=house.id,
        changes={"since": since.isoformat(), "reason": reason},
    )
