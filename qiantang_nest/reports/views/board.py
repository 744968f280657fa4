"""The room board (房态图) of a village: groups, then rooms as rows and days as columns, then one room's beds.

What one asked for stands in the address and is remembered in the session, so that whoever comes back from a
room, a check-out or a closing finds the board as it was.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import redirect, render_template, request, session, url_for
from sqlalchemy import or_
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, NotFound
from qiantang_nest.core.i18n import _
from qiantang_nest.core.text import normalise
from qiantang_nest.core.web import Page, actor, ids_from, number_from_query
from qiantang_nest.housing.models import Room
from qiantang_nest.housing.queries import rooms_visible_to
from qiantang_nest.housing.queries.notes import notes_of
from qiantang_nest.occupancy.models import Stay
from qiantang_nest.occupancy.queries.stays import StayState, stays_visible_to
from qiantang_nest.occupancy.views.closing import closed_just_now
from qiantang_nest.occupancy.views.stays import Row, rows_of
from qiantang_nest.reports.queries import board as queries
from qiantang_nest.reports.queries.board import STATES, TODO, Board, Group, Place, Wanted
from qiantang_nest.reports.rules.board import Look
from qiantang_nest.reports.views import blueprint
from qiantang_nest.reports.views.board_words import BoardWords, ShownHouse, flag_labels, look_labels

ZOOMS = (14, 31, 62, 93)
WEEK = 7
"""Of one house, for a phone."""
DAYS_BEFORE_TODAY = 3
HOUSES_A_PAGE, MOST_HOUSES = 12, 500
ROOM_DAYS = 366
KEPT = ("group", "state", "q", "from", "days")
"""What is remembered of an address."""
_SESSION = "board"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for."""

    wanted: Wanted
    first: date
    days: int
    size: int

    @property
    def last(self) -> date:
        """The day after the last one shown."""
        return self.first + timedelta(days=self.days)

    @property
    def is_narrowed(self) -> bool:
        """Whether any room may be left out."""
        return self.wanted != Wanted()

    @property
    def is_week(self) -> bool:
        """One house and seven days, as a phone shows it."""
        return self.size == 1


@blueprint.get("/board")
@requires(Permission.HOUSE_MANAGE)
def board() -> str | Response:
    """Groups of houses, then the houses of a page; more houses alone for a page that is open already."""
    who, today, now = actor(), clock.today(), clock.now()
    known = _remembered(who, request.args.get("house"))
    if known and not any(name in request.args for name in (*KEPT, "per_page")):
        return redirect(_address({**known, **_given("house", "page")}))
    asked = _asked(today)
    _remember(who, asked)
    house = None if "page" in request.args else request.args.get("house", "")
    place = Place(
        asked.size, number_from_query("page", 1, 1, 100_000), next(iter(ids_from([house or ""])), None)
    )
    found = queries.board(who, asked.wanted, place, first=asked.first, days=asked.days, today=today, now=now)
    houses = _in_words(found, asked)
    page = _page(found, asked)
    if request.headers.get("HX-Request"):
        return render_template(
            "reports/_board_rows.html", asked=asked, houses=houses, page=page, more_url=_more_url(page)
        )
    groups = queries.groups(who, today, now)
    return render_template(
        "reports/board.html",
        **_frame(asked),
        houses=houses,
        page=page,
        more_url=_more_url(page),
        groups=groups,
        sums=_sums(groups),
        held_later=sum(group.held_later for group in groups),
        states=_states(),
        zooms=ZOOMS,
        print_url=_address(_given(*KEPT), "reports.board_print"),
        closed_just_now=closed_just_now(),
    )


@blueprint.get("/board/print")
@requires(Permission.HOUSE_MANAGE)
def board_print() -> str:
    """All houses that are asked for, on paper: A3, patterns instead of fills."""
    who, today, now = actor(), clock.today(), clock.now()
    asked = _asked(today)
    found = queries.board(
        who, asked.wanted, Place(MOST_HOUSES), first=asked.first, days=asked.days, today=today, now=now
    )
    return render_template(
        "reports/board_print.html",
        **_frame(asked),
        houses=_in_words(found, asked),
        total=found.total,
        now=now,
    )


@blueprint.get("/board/rooms/<int:room_id>")
@requires(Permission.HOUSE_MANAGE)
def board_room(room_id: int) -> str:
    """One room on a day: its beds and who is in them, its days a year ahead, notes, and what can be done."""
    who, today, now = actor(), clock.today(), clock.now()
    day = _day("on", today)
    first = min(day, today)
    room = db.session.execute(rooms_visible_to(who).where(Room.id == room_id)).scalar_one_or_none()
    found = queries.board(
        who,
        Wanted(room_id=room_id),
        Place(1),
        first=first,
        days=(max(day, today) - first).days + ROOM_DAYS,
        today=today,
        now=now,
    )
    if room is None or not found.houses:
        raise NotFound(_("没有找到这间房，或者它不归您管。"))
    house = found.houses[0]
    facts, bars = house.rooms[0]
    told = _words(max(day, today) + timedelta(days=ROOM_DAYS)).house(house)
    pairs = list(zip(bars, told.rooms[0].bars, strict=True))
    shown, said = next(pair for pair in pairs if pair[0].starts_on <= day < pair[0].ends_on)
    stays = _stays_of(who, room_id, day)
    return render_template(
        "reports/board_room.html",
        room=room,
        house=house,
        facts=facts,
        hazard=told.hazard,
        bars=pairs,
        shown=shown,
        said=said,
        day=day,
        today=today,
        beds=_beds(rows_of(stays, who, today), max(facts.beds, *(stay.bed_no for stay in stays), 0)),
        states=StayState,
        looks=Look,
        notes=notes_of(who, room_id),
        back=_back(who, room.house_id) + f"#room-{room_id}",
    )


# --- what is asked for ----------------------------------------------------------------------------


def _asked(today: date) -> Asked:
    size = number_from_query("per_page", HOUSES_A_PAGE, 1, MOST_HOUSES)
    days = number_from_query("days", WEEK if size == 1 else ZOOMS[1], WEEK, ZOOMS[-1])
    state, group = request.args.get("state", ""), _typed("group")
    return Asked(
        Wanted(
            group=None if not group else "" if group == NO_GROUP else group,
            state=state if state in STATES else "",
            text=_typed("q"),
        ),
        first=_day("from", today if size == 1 else today - timedelta(days=DAYS_BEFORE_TODAY)),
        days=days,
        size=size,
    )


NO_GROUP = "-"
"""The group of households that have none, in an address."""


def _given(*names: str) -> dict[str, str]:
    """What the address says for these names, to be said again in another."""
    return {name: request.args[name] for name in names if name in request.args}


def _typed(name: str) -> str:
    """A text of the address; one that no keyboard types asks for nothing."""
    try:
        return normalise(request.args.get(name, "")[:40])
    except InvalidValue:
        return ""


def _day(name: str, default: date) -> date:
    """The day of the address if it lies within ten years of the default, else the default."""
    try:
        wanted = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return default
    return wanted if abs((wanted - default).days) < 3660 else default


def _remember(who: Actor, asked: Asked) -> None:
    """Keep what was asked for with the session; another person on the same machine does not get it."""
    kept = KEPT[:3] if asked.is_week else KEPT
    query = {name: value for name in kept if (value := request.args.get(name, "")[:40])}
    kept_now = {"user": who.user_id, "query": query, "week": asked.is_week}
    if session.get(_SESSION) != kept_now:
        session[_SESSION] = kept_now


def _remembered(who: Actor, house: str | None) -> dict[str, str]:
    """What was asked for last; at a house, the same way of showing it."""
    kept = session.get(_SESSION) or {}
    if kept.get("user") != who.user_id:
        return {}
    week = {"per_page": "1"} if house and kept["week"] else {}
    return {**kept["query"], **week}


def _back(who: Actor, house_id: int) -> str:
    """The board as it was left, at a house."""
    return _address({**_remembered(who, str(house_id)), "house": house_id})


def _address(query: dict[str, Any], endpoint: str = "reports.board") -> str:
    return url_for(endpoint, **query)


# --- what is shown --------------------------------------------------------------------------------


def _frame(asked: Asked) -> dict[str, Any]:
    """What the screen and the paper share."""
    return {
        "asked": asked,
        "days": [asked.first + timedelta(days=number) for number in range(asked.days)],
        "before": asked.first - timedelta(days=asked.days),
        "today": clock.today(),
    }


def _words(last: date) -> BoardWords:
    # One address is built and the ids of the rooms are hung on it: a board has hundreds.
    room_path = url_for("reports.board_room", room_id=0).removesuffix("0")
    return BoardWords(today=clock.today(), now=clock.now(), last=last, room_path=room_path)


def _in_words(found: Board, asked: Asked) -> list[ShownHouse]:
    words = _words(asked.last)
    return [words.house(house) for house in found.houses]


def _page(found: Board, asked: Asked) -> Page:
    number = (found.houses[0].number - 1) // asked.size + 1 if found.houses else 1
    return Page(found.houses, number, asked.size, found.total)


def _more_url(page: Page) -> str | None:
    """The address of the next houses; one shown alone is not followed by others."""
    if page.page >= page.pages or page.per_page == 1:
        return None
    return _address({**_given(*KEPT, "per_page"), "page": page.page + 1})


def _sums(groups: list[Group]) -> list[tuple[Look, str, int]]:
    """(look, word, rooms) of the village today; together they are all rooms. What is in order comes first."""
    counts = {look: sum(group.looks[look] for group in groups) for look in Look}
    return [
        (look, word, counts[look])
        for look, word in look_labels().items()
        if counts[look] or look is not Look.CONFLICT
    ]


def _states() -> list[tuple[str, list[tuple[str, str]]]]:
    """The choices of the filter in two groups."""
    looks = [(look.value, word) for look, word in look_labels().items()]
    flags = [(TODO, _("要办的")), *((flag.value, word) for flag, word in flag_labels().items())]
    return [(_("今天是"), looks), (_("还要看"), flags)]


def _stays_of(who: Actor, room_id: int, day: date) -> list[Stay]:
    """Who is or will be in the room's beds from a day on, and who has not left though the days are over."""
    here = Stay.arrived_on.is_not(None) & Stay.left_on.is_(None)
    statement = stays_visible_to(who).where(
        Stay.room_id == room_id, Stay.cancelled_at.is_(None), or_(Stay.ends_on > day, here)
    )
    return list(db.session.execute(statement.order_by(Stay.bed_no, Stay.starts_on)).scalars())


def _beds(rows: list[Row], beds: int) -> list[tuple[int, list[Row]]]:
    """Each bed with who is or comes into it, in the order of coming."""
    return [(number, [row for row in rows if row.stay.bed_no == number]) for number in range(1, beds + 1)]
