"""Finding rooms: the list, the map with counts per village, one room. Open to everybody."""

from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from flask import abort, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission, may
from qiantang_nest.bookings.forms import TakeForm
from qiantang_nest.bookings.queries.holds import times_on
from qiantang_nest.bookings.queries.rooms import (
    FoundRoom,
    VillageCount,
    count_by_village,
    find_rooms,
    room_on_market,
    taken_periods,
)
from qiantang_nest.bookings.rules import MAX_ROOMS_A_HOLD
from qiantang_nest.bookings.views import blueprint
from qiantang_nest.bookings.views.question import Question, place_names, read_question, search_form
from qiantang_nest.core import clock, svgmap
from qiantang_nest.core.access import public
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor_or_none, number_from_query
from qiantang_nest.geography.queries import VillagePoint, outline_geojson, village_by_code
from qiantang_nest.geography.rules import LatLon, Way
from qiantang_nest.housing.queries import photos_of

ROOMS_A_PAGE = 20
VILLAGES_A_PAGE = 6
MOST_VILLAGES_COUNTED = 24
"""A count of a village costs 2 ms: looking stops after so many, however many have nothing free."""
MOST_PAGES = 50
MOST_PICKED = 200
_FILTERS = ("area", "village", "place", "within", "beds", "max_rent", "features")


@dataclass(frozen=True)
class RoomLine:
    """A room of the list with how far it is and how one gets to work from there."""

    room: FoundRoom
    village: str
    metres: float
    way: Way | None
    picked: bool


@dataclass(frozen=True)
class VillageLine:
    """A village beside the map with its free rooms that fit."""

    village: VillagePoint
    count: VillageCount
    way: Way | None


@dataclass(frozen=True)
class VillagesAround:
    """The next villages with free rooms, from the ``first``-th village on; looked at up to ``upto``."""

    lines: list[VillageLine]
    first: int
    upto: int

    @property
    def without(self) -> int:
        """Villages looked at that have nothing free."""
        return self.upto - self.first - len(self.lines)


def layout() -> str:
    """Employers and offices keep their bar; everybody else sees the public frame."""
    who = actor_or_none()
    return "layouts/desk.html" if who is not None and who.role != "villager" else "layouts/public.html"


def may_hold() -> bool:
    """Whether the person may take rooms."""
    who = actor_or_none()
    return who is not None and may(who.role, Permission.HOLD)


@blueprint.get("/rooms")
@public
def search() -> str | tuple[str, int]:
    """Rooms free for the wanted days, nearest first, with the villages around."""
    form = search_form()
    question = read_question(form)
    if question is None:
        return render_template(
            "bookings/search.html", form=form, question=None, layout=layout(), places=place_names()
        ), 422
    picked = picked_rooms()
    page = number_from_query("page", 1, 1, MOST_PAGES)
    asked = days(question)
    rooms = find_rooms(
        question.area,
        question.wants,
        starts_on=asked["starts_on"],
        ends_on=asked["ends_on"],
        now=clock.now(),
        limit=ROOMS_A_PAGE + 1,
        offset=(page - 1) * ROOMS_A_PAGE,
    )
    around = _villages_around(question)
    nothing = not rooms and page == 1
    return render_template(
        "bookings/search.html",
        form=form,
        question=question,
        layout=layout(),
        places=place_names(),
        lines=[_room_line(question, room, picked) for room in rooms[:ROOMS_A_PAGE]],
        page=page,
        more=len(rooms) > ROOMS_A_PAGE and page < MOST_PAGES,
        quickest=_quickest_room(question) if nothing else None,
        around=around,
        maps=_maps(question, around) if question.villages else None,
        picked=picked,
        most_picked=MOST_PICKED,
        may_hold=may_hold(),
        take=TakeForm(request.args),
        most_rooms=MAX_ROOMS_A_HOLD,
        kept=kept_values(),
        filtered=bool(
            {"area", "place", "within", "beds", "max_rent", "features", "village"} & set(request.args)
        ),
    )


def days(question: Question) -> dict[str, date]:
    """The days of a question as queries take them."""
    if question.period.ends_on is None:
        raise ValueError("a search has a last day")
    return {"starts_on": question.period.starts_on, "ends_on": question.period.ends_on}


def kept_values() -> list[tuple[str, str]]:
    """What every link and button of a search carries on: all of the address but where it stands."""
    dropped = {"page", "vfrom", "pick", "shown", "picked", "rooms", "count", "unit_of_count", "request_key"}
    return [(name, value) for name, value in request.args.items(multi=True) if name not in dropped and value]


def picked_rooms(values: MultiDict[str, str] | None = None) -> list[int]:
    """Rooms ticked so far: those carried in ``picked``, less those on the page left, plus its ticked ones."""
    values = request.args if values is None else values
    carried = _ids(values.get("picked", ""))
    shown = set(_ids(values.get("shown", "")))
    ticked = [int(one) for one in values.getlist("pick") if one.isascii() and one.isdigit() and len(one) < 16]
    return list(dict.fromkeys([*(one for one in carried if one not in shown), *ticked]))[:MOST_PICKED]


def _ids(text: str) -> list[int]:
    return [int(one) for one in text.split(".") if one.isascii() and one.isdigit() and len(one) < 16]


def _room_line(question: Question, room: FoundRoom, picked: list[int]) -> RoomLine:
    metres = question.metres_to(room.place)
    name = question.names.get(room.village_code)
    if name is None:
        village = village_by_code(room.village_code)
        name = village.name if village else ""
    way = question.way.from_house(room.village_code, room.place, pinned=room.pinned)
    return RoomLine(room, name, metres, way, room.id in picked)


def _quickest_room(question: Question) -> RoomLine | None:
    """The free room with the fewest minutes, where none has as few as were asked for."""
    if question.wider is None:
        return None
    asked = days(question)
    rooms = find_rooms(
        question.wider,
        question.wants,
        starts_on=asked["starts_on"],
        ends_on=asked["ends_on"],
        now=clock.now(),
        limit=1,
    )
    return _room_line(question, rooms[0], []) if rooms else None


def _villages_around(question: Question) -> VillagesAround:
    """The next few villages with free rooms, in the search's order; counted a handful at a time.

    Of villages that lie beyond its reach few houses are near enough to be looked at: those are one handful.
    """
    first = number_from_query("vfrom", 0, 0, max(0, len(question.villages) - 1))
    asked, upto = days(question), first
    last = min(len(question.villages), first + MOST_VILLAGES_COUNTED)
    lines: list[VillageLine] = []
    while upto < last and len(lines) < VILLAGES_A_PAGE:
        size = VILLAGES_A_PAGE if upto < question.inside else last
        batch = question.villages[upto : min(upto + size, last)]
        counts = count_by_village(
            [village.code for village in batch],
            question.area,
            question.wants,
            starts_on=asked["starts_on"],
            ends_on=asked["ends_on"],
            now=clock.now(),
        )
        for village in batch:
            upto += 1
            if village.code in counts:
                way = question.way.from_village(village.code, LatLon(village.lat, village.lon))
                lines.append(VillageLine(village, counts[village.code], way))
            if len(lines) == VILLAGES_A_PAGE:
                break
    return VillagesAround(lines, first, upto)


def _maps(question: Question, villages: VillagesAround) -> dict[str, svgmap.Map]:
    """The district for a desk and for a phone; only the villages of the list are drawn large and named."""
    rings = svgmap.rings_of(outline_geojson())
    counted = {line.village.code: line for line in villages.lines}
    spots = []
    for village in question.villages:
        line = counted.get(village.code)
        beds = line.count.beds if line else 0
        spots.append(
            svgmap.Spot(
                village.name,
                village.lon,
                village.lat,
                size=beds,
                label=f"{village.name} {beds}" if line else "",
                detail=_("%(beds)s 张空床", beds=beds) if line else "",
                href=village_url(village.code) if line else "",
                chosen=line is not None,
            )
        )
    near = (question.area.near.lon, question.area.near.lat)
    around = [(line.village.lon, line.village.lat) for line in villages.lines]
    places = list(
        {
            village.street.code: svgmap.Place(
                village.street.name.removesuffix("街道"), village.street.lon, village.street.lat
            )
            for village in question.villages
        }.values()
    )
    reach, reached = question.area.reach_m, _circles(question)
    return {
        "desk": svgmap.draw(rings, spots, pin=near, reach_m=reach, circles=reached, places=places),
        "phone": svgmap.draw(
            rings, spots, phone=True, pin=near, reach_m=reach, circles=reached, around=around
        ),
    }


def _circles(question: Question) -> list[svgmap.Circle]:
    """Where houses count by where they stand: round the gate, or round each stop within reach."""
    within = question.area.within
    if within is None:
        return []
    names = {boarding.point: boarding.name for boarding in question.way.boardings}
    return [
        svgmap.Circle(one.centre.lon, one.centre.lat, one.reach_m, names[one.centre])
        for one in within.circles
    ]


def village_url(code: str) -> str:
    """This search narrowed to one village."""
    values = MultiDict([pair for pair in kept_values() if pair[0] not in ("area", "village")])
    values["area"] = code
    return f"{request.path}?{_encode(values)}#list"


def _encode(values: MultiDict[str, str]) -> str:
    return urlencode(list(values.items(multi=True)))


@blueprint.get("/rooms/free/<int:room_id>")
@public
def room(room_id: int) -> str | Response:
    """One room anybody may look at: pictures, rent, what is in it; no household, no door number."""
    found = room_on_market(room_id, clock.today())
    if found is None:
        abort(404)
    shown, listing = found
    village = village_by_code(shown.village_code)
    return render_template(
        "bookings/room.html",
        room=shown,
        listing=listing,
        village=village,
        layout=layout(),
        photos=[photo for photo in photos_of([shown.house_id]) if photo.room_id in (None, shown.id)],
        times=times_on(clock.today()),
        taken=taken_periods(shown.id, clock.today(), clock.now()),
        may_hold=may_hold(),
    )
