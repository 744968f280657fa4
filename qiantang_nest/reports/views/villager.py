"""A villager's home: what is to be done, this month's rent, the rooms."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import render_template, url_for

from qiantang_nest.billing.queries.rent import RentNow, rent_now
from qiantang_nest.billing.rules import overdue_days
from qiantang_nest.bookings.queries.holds import waiting_answers
from qiantang_nest.core import clock
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.i18n import _
from qiantang_nest.core.templating import day, day_time, last_day, yuan
from qiantang_nest.housing.models import Listing
from qiantang_nest.housing.queries import current_listings, latest_link
from qiantang_nest.occupancy.forms.leases import CHANGE_WORDS
from qiantang_nest.occupancy.queries.handovers import rooms_in_words
from qiantang_nest.occupancy.queries.lease_changes import changes_to_answer
from qiantang_nest.occupancy.queries.leases import leases_to_sign
from qiantang_nest.occupancy.queries.rooms import RoomToday, rooms_today
from qiantang_nest.occupancy.rules import RoomState
from qiantang_nest.reports.queries.home import households_of
from qiantang_nest.reports.views.tasks import Todo

_CHIPS = {
    RoomState.OCCUPIED: "room.occupied",
    RoomState.LEASED: "room.leased",
    RoomState.HELD: "room.held",
    RoomState.CLOSED: "room.closed",
    RoomState.LISTED: "room.idle",
}
_LISTING_CHIPS = {
    "draft": "listing.draft",
    "submitted": "listing.in_review",
    "returned": "listing.returned",
}


@dataclass(frozen=True)
class RoomLine:
    """A room with its state in a chip (``label`` None is the chip's own word) and one line of text."""

    room_id: int
    name: str
    chip: str
    label: str | None
    text: str


def villager_home(who: Actor) -> str:
    """Nine queries, or ten before the household is known."""
    today, now = clock.today(), clock.now()
    households = households_of(who)
    rooms = rooms_today(who, today, now)
    listings = current_listings([one.room.id for one in rooms])
    rent = rent_now(who, today)
    states = [one.state for one in rooms]
    return render_template(
        "reports/villager_home.html",
        households=households,
        link=latest_link(who.user_id) if not households and who.user_id is not None else None,
        phone=next((one.village.office_phone for one in households if one.village.office_phone), ""),
        todos=_todos(who, rooms, listings, rent, now),
        rent=rent,
        next_due=rent.open_bills[0].due_on if rent.open_bills else None,
        late=max((overdue_days(bill.due_on, today) for bill in rent.open_bills), default=0),
        overdue_days=overdue_days,
        lines=[_line(one, listings.get(one.room.id), several=_several_houses(rooms)) for one in rooms],
        lived_in=states.count(RoomState.OCCUPIED),
        vacant=states.count(RoomState.LISTED),
        today=today,
    )


def _several_houses(rooms: list[RoomToday]) -> bool:
    return len({one.room.house_id for one in rooms}) > 1


def _todos(
    who: Actor, rooms: list[RoomToday], listings: dict[int, Listing], rent: RentNow, now: datetime
) -> list[Todo]:
    """What has an end comes first."""
    found = [_answer(row) for row in db.session.execute(waiting_answers(who, now))]
    found += [
        Todo(
            _("和%(name)s的合同等您签字", name=lease.enterprise.name),
            _("%(first)s 起租，看过再签", first=day(lease.starts_on)),
            url_for("bookings.sign_lease", lease_id=lease.id),
            _("看合同，再签字"),
            by=_("最晚 %(day)s签", day=day(lease.sign_by)),
        )
        for lease in db.session.execute(leases_to_sign(who, now)).scalars()
    ]
    found += [
        Todo(
            _(
                "%(what)s：%(name)s等您答复",
                what=CHANGE_WORDS[change.kind],
                name=change.lease.enterprise.name,
            ),
            change.reason,
            url_for("bookings.lease_change", change_id=change.id),
            _("看一看，再答复"),
        )
        for change in db.session.execute(changes_to_answer(who)).scalars()
    ]
    in_words = rooms_in_words(who, clock.business_date(now))
    found += [
        Todo(
            _("%(house)s %(room)s 房的交割单等您确认", house=sheet.house, room=sheet.room),
            _("企业填好了，看过没错就确认"),
            url_for("occupancy.handover", lease_room_id=sheet.lease_room_id, moment=sheet.moment),
            _("看一看，再确认"),
        )
        for sheet in in_words
        if sheet.moment is not None
    ]
    found += [
        Todo(
            _("%(house)s %(room)s 房到期没交还", house=held.house, room=held.room),
            _("接着租就续租，走了就收房"),
            url_for("occupancy.rooms_due_back"),
            _("看一看怎么办"),
        )
        for held in in_words
        if held.moment is None
    ]
    found += [
        Todo(
            _("%(name)s说付了您 %(amount)s", name=payment.enterprise.name, amount=yuan(payment.amount_fen)),
            _("%(day)s付的，请看看卡里到没到", day=day(payment.paid_on)),
            url_for("billing.confirm_payment", payment_id=payment.id),
            _("看一看，再答复"),
        )
        for payment in rent.claimed
    ]
    for one in rooms:
        listing = listings.get(one.room.id)
        if listing is not None and listing.state == "returned":
            found.append(
                Todo(
                    _("%(room)s 房要改一改，改好才能租", room=one.room.label),
                    listing.reason or "",
                    url_for("housing.room", room_id=one.room.id),
                    _("去改 %(room)s 房", room=one.room.label),
                )
            )
    return found


def _answer(row: Any) -> Todo:
    return Todo(
        _("%(name)s想租您 %(rooms)s 间房", name=row.enterprise, rooms=row.rooms),
        _(
            "从 %(first)s到 %(last)s，每月一共 %(rent)s",
            first=day(row.starts_on),
            last=day(last_day(row.ends_on)),
            rent=yuan(row.rent_fen),
        ),
        url_for("bookings.answer", hold_id=row.hold_id, owner_id=row.owner_id),
        _("看一看，再答复"),
        by=_("%(when)s前答复", when=day_time(row.expires_at)),
    )


def _line(one: RoomToday, listing: Listing | None, *, several: bool) -> RoomLine:
    chip, label, text = _CHIPS.get(one.state, "room.unlisted"), None, ""
    if one.state is RoomState.OCCUPIED:
        label = _("住着 %(heads)s 人", heads=one.heads)
    if one.state is RoomState.UNLISTED:
        chip = _LISTING_CHIPS.get(listing.state, chip) if listing else chip
        text = _("接着登记就能租") if listing is None or listing.state in ("draft", "withdrawn") else ""
        text = _("改好才能租") if listing and listing.state == "returned" else text
    elif one.taken_until is not None:
        text = _until(one.state, one.taken_until)
    elif listing is not None:
        text = _("每月 %(rent)s", rent=yuan(listing.rent_fen))
    name = f"{one.room.house.address} {one.room.label}" if several else one.room.label
    return RoomLine(one.room.id, name, chip, label, text)


def _until(state: RoomState, ends_on: date) -> str:
    last = day(last_day(ends_on))
    if state is RoomState.HELD:
        words = _("有企业锁着")
    elif state is RoomState.CLOSED:
        words = _("停到 %(day)s", day=last)
    else:
        words = _("租到 %(day)s", day=last)
    return str(words)
