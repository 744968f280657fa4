"""What the address of a search asks for, in the words of the rules: where, what, when, from which gate."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from flask import g, request
from werkzeug.datastructures import MultiDict

from qiantang_nest.bookings.forms import SearchForm, usual_dates
from qiantang_nest.bookings.rules import (
    DEFAULT_MINUTES,
    DEFAULT_REACH_M,
    DISTRICT_CENTRE,
    MOST_REACH_M,
    PLACES,
    Area,
    Wants,
    area_within,
)
from qiantang_nest.bookings.rules.limits import MOST_MINUTES
from qiantang_nest.core import clock
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.forms import SelectChoice
from qiantang_nest.core.i18n import _
from qiantang_nest.core.period import Period
from qiantang_nest.core.web import actor_or_none
from qiantang_nest.enterprises.models import Worksite
from qiantang_nest.enterprises.queries import open_worksites, way_to_work
from qiantang_nest.geography.queries import VillagePoint, commute_rule_on, village_points
from qiantang_nest.geography.rules import (
    Boarding,
    CommuteRule,
    Crs,
    LatLon,
    TravelMode,
    WayToWork,
    flat_m,
    geodesic_m,
    mode_label,
    parse_point,
)

_MODES = frozenset(mode.value for mode in TravelMode)
_VILLAGE_SPREAD_M = 3_000
"""How far houses may lie from the village's point: villages that near to a circle may have houses inside."""


@dataclass(frozen=True)
class Question:
    """One search: ``villages`` nearest first are those that may have rooms in the area.

    The first ``inside`` of them lie in it themselves, of the others only some houses may.
    """

    area: Area
    wants: Wants
    period: Period
    near_name: str
    worksite: Worksite | None
    villages: Sequence[VillagePoint]
    inside: int
    way: WayToWork
    minutes: int | None
    """The most that the way may take, where that was asked for; else the area is told in kilometres."""
    wider: Area | None
    """The same within as many minutes as may be asked for, to say what would do where nothing is found."""

    @property
    def mode_word(self) -> str:
        """How the way is made, in a word."""
        return mode_label(self.way.mode)

    @cached_property
    def names(self) -> dict[str, str]:
        """Village code → name."""
        return {village.code: village.name for village in self.villages}

    def metres_to(self, place: LatLon) -> float:
        """The straight distance from the gate."""
        return geodesic_m(self.area.near, place)


def all_villages() -> Sequence[VillagePoint]:
    """The district's villages; a request that needs them again reads them once."""
    if "villages" not in g:
        g.villages = village_points()
    found: Sequence[VillagePoint] = g.villages
    return found


def own_worksites() -> Sequence[Worksite]:
    """The gates of the employer who asks, none for anybody else; read once a request."""
    if "worksites" not in g:
        who = actor_or_none()
        g.worksites = open_worksites(who.enterprise_id) if who and who.enterprise_id else []
    found: Sequence[Worksite] = g.worksites
    return found


def search_form() -> SearchForm:
    """The form as the address has it; usual dates where it says nothing."""
    today = clock.today()
    values = MultiDict(request.args)
    starts_on, last_on = usual_dates(today)
    if "starts_on" not in values and "last_on" not in values:
        values["starts_on"], values["last_on"] = starts_on.isoformat(), last_on.isoformat()
    form = SearchForm(values, today=today)
    villages = all_villages()
    streets = {village.street.code: village.street.name for village in villages}
    form.area.choices = [
        SelectChoice("", _("全区")),
        *(SelectChoice(code, name) for code, name in streets.items()),
        *(SelectChoice(village.code, f"{village.street.name} {village.name}") for village in villages),
    ]
    sites = own_worksites()
    if not sites:
        form.leave_out_shuttle()
    form.worksite.choices = [
        *(SelectChoice(str(site.id), site.name) for site in sites),
        SelectChoice("", _("不按厂区")),
    ]
    if "worksite" not in values and "place" not in values and sites:
        form.worksite.data = str(sites[0].id)
    return form


def read_question(form: SearchForm) -> Question | None:
    """The search a form asks for; None, with the trouble shown at its field, if it makes no sense."""
    if not form.validate():
        return None
    everywhere = all_villages()
    chosen = [village for village in everywhere if village.code in set(request.args.getlist("village"))]
    if not chosen and form.area.data:
        chosen = [village for village in everywhere if village.code.startswith(form.area.data)]
    try:
        near, near_name, worksite = _near(form, everywhere, chosen)
    except InvalidValue as error:
        form.refuse(form.place, error)
        return None
    try:
        way = _way(form, near, worksite, commute_rule_on(form.period().starts_on))
    except InvalidValue as error:
        form.refuse(form.unit, error)
        return None
    _show_limit(form, chosen)
    minutes, wider = form.within.data if form.unit.data in _MODES else None, None
    if minutes is None:
        area = Area(near, reach_m=_metres(form))
    elif minutes < way.least_minutes:
        form.refuse(form.within, _too_few(minutes, way))
        return None
    else:
        area = area_within(way, minutes)
        wider = area_within(way, MOST_MINUTES, tuple(village.code for village in chosen))
    villages, inside = _villages_of(area, chosen or everywhere, way, minutes)
    codes = tuple(village.code for village in villages) if chosen else ()
    if chosen and not codes:  # chosen villages, all out of reach
        codes = (chosen[0].code,)
    area = replace(area, village_codes=codes)
    return Question(
        area, form.wants(), form.period(), near_name, worksite, villages, inside, way, minutes, wider
    )


def _way(form: SearchForm, near: LatLon, worksite: Worksite | None, rule: CommuteRule) -> WayToWork:
    """How people come to the gate; by e-bike where kilometres are asked for.

    Raises InvalidValue where no shuttle runs.
    """
    mode = TravelMode(form.unit.data) if form.unit.data in _MODES else TravelMode.EBIKE
    if worksite is not None:
        way = way_to_work(worksite, mode, rule)
        if not way.boardings:
            raise InvalidValue(
                _(
                    "%(name)s还没有登记班车站点。请在企业资料里给它加站点，或者改按电动车、走路找。",
                    name=worksite.name,
                )
            )
        return way
    if mode is TravelMode.SHUTTLE:
        raise InvalidValue(
            _("班车只开到厂区。请在“从哪个厂区算”里选一个厂区、清掉“或者从哪里算”，或者改按电动车、走路找。")
        )
    return WayToWork(near, mode, rule, (Boarding(near),))


def _too_few(minutes: int, way: WayToWork) -> InvalidValue:
    return InvalidValue(
        _(
            "%(minutes)s 分钟坐班车到不了：从最近的一站也要坐 %(least)s 分钟。请写 %(least)s 以上。",
            minutes=minutes,
            least=way.least_minutes,
        )
    )


def _show_limit(form: SearchForm, chosen: Sequence[VillagePoint]) -> None:
    """A limit that nobody typed is shown where it can be changed."""
    if form.within.data is not None or (chosen and form.unit.data not in _MODES):
        return
    if form.unit.data in _MODES:
        form.within.data = DEFAULT_MINUTES
    else:
        form.within.data, form.unit.data = DEFAULT_REACH_M // 1000, "km"
    form.within.raw_data = None


def _metres(form: SearchForm) -> float | None:
    return None if form.within.data is None else float(min(form.within.data * 1000, MOST_REACH_M))


def _villages_of(
    area: Area, villages: Sequence[VillagePoint], way: WayToWork, minutes: int | None
) -> tuple[list[VillagePoint], int]:
    """Those that may have houses in the area, and how many of them, the first, lie inside themselves.

    The fewest minutes first where minutes are asked for, else the nearest.
    """
    away: dict[str, tuple[int, float]] = {}
    inside = 0
    for village in villages:
        point = LatLon(village.lat, village.lon)
        far = flat_m(area.near, point)
        if not _may_hold(area, village.code, point, far):
            continue
        taken = way.from_village(village.code, point) if minutes is not None else None
        away[village.code] = (taken.minutes if taken else 0, far)
        if minutes is not None:
            inside += away[village.code][0] <= minutes
        else:
            inside += area.reach_m is None or far <= area.reach_m
    found = [village for village in villages if village.code in away]
    return sorted(found, key=lambda village: away[village.code]), inside


def _may_hold(area: Area, code: str, point: LatLon, far: float) -> bool:
    """Whether the area may have houses of a village."""
    if area.within is None:
        return area.reach_m is None or far <= area.reach_m + _VILLAGE_SPREAD_M
    return any(
        flat_m(circle.centre, point) <= circle.reach_m + _VILLAGE_SPREAD_M for circle in area.within.circles
    ) or any(code == inside for inside, _metres in area.within.villages)


def _near(
    form: SearchForm, villages: Sequence[VillagePoint], chosen: Sequence[VillagePoint]
) -> tuple[LatLon, str, Worksite | None]:
    """Where distances are counted from: the place typed, else the worksite, else the area's middle."""
    if form.place.data:
        point, name = _named_place(form.place.data, villages)
        return point, name, None
    if form.worksite.data:
        site = next((one for one in own_worksites() if str(one.id) == form.worksite.data), None)
        if site is not None:
            return LatLon(site.lat, site.lon), site.name, site
    if chosen:
        lat = sum(village.lat for village in chosen) / len(chosen)
        lon = sum(village.lon for village in chosen) / len(chosen)
        return LatLon(lat, lon), _("所选村的中间"), None
    return DISTRICT_CENTRE, _("钱塘中心"), None


def _named_place(text: str, villages: Sequence[VillagePoint]) -> tuple[LatLon, str]:
    """A point by its name or its coordinates. Raises InvalidValue with the nearest guesses."""
    places = {village.street.name: LatLon(village.street.lat, village.street.lon) for village in villages}
    places |= {village.name: LatLon(village.lat, village.lon) for village in villages}
    places |= PLACES
    for name in (text, text + "村", text + "街道", text + "站"):
        if name in places:
            return places[name], name
    if any(char.isdigit() for char in text):
        return parse_point(text, Crs.WGS84), text
    guesses = difflib.get_close_matches(text, places, n=3, cutoff=0.3) or list(PLACES)[:3]
    raise InvalidValue(
        _(
            "没有找到“%(text)s”。您要找的是不是：%(guesses)s？也可以写村名、街道名，或地图上的经纬度。",
            text=text[:20],
            guesses=_("、").join(guesses),
        )
    )


def place_names() -> list[str]:
    """What the place box suggests."""
    villages = all_villages()
    streets = list(dict.fromkeys(village.street.name for village in villages))
    return [*PLACES, *streets, *(village.name for village in villages)]
