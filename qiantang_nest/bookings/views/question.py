"""What the address of a search asks for, in the words of the rules: where, what, when, from which gate."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from flask import g, request
from werkzeug.datastructures import MultiDict

from qiantang_nest.bookings.forms import SearchForm, usual_dates
from qiantang_nest.bookings.rules import DEFAULT_REACH_M, DISTRICT_CENTRE, MOST_REACH_M, PLACES, Area, Wants
from qiantang_nest.core import clock
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.forms import SelectChoice
from qiantang_nest.core.i18n import _
from qiantang_nest.core.period import Period
from qiantang_nest.core.web import actor_or_none
from qiantang_nest.enterprises.models import Worksite
from qiantang_nest.enterprises.queries import open_worksites
from qiantang_nest.geography.models import Village
from qiantang_nest.geography.queries import DISTRICT, villages_in
from qiantang_nest.geography.rules import Crs, LatLon, TravelMode, flat_m, geodesic_m, parse_point, reach_m
from qiantang_nest.geography.views import commute_rule

_VILLAGE_SPREAD_M = 3_000
"""How far houses may lie from the village's point: villages that near to a circle may have houses inside."""


@dataclass(frozen=True)
class Question:
    """One search: ``villages`` nearest first are those that may have rooms in the area."""

    area: Area
    wants: Wants
    period: Period
    near_name: str
    worksite: Worksite | None
    villages: Sequence[Village]

    @property
    def names(self) -> dict[str, str]:
        """Village code → name."""
        return {village.code: village.name for village in self.villages}

    def metres_to(self, place: LatLon) -> float:
        """The straight distance from the gate."""
        return geodesic_m(self.area.near, place)


def all_villages() -> Sequence[Village]:
    """The district's villages; a request that needs them again reads them once."""
    if "villages" not in g:
        g.villages = villages_in(DISTRICT)
    found: Sequence[Village] = g.villages
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
    reach = _reach(form)
    if reach is None and not chosen:
        reach = float(DEFAULT_REACH_M)
        # A limit that nobody typed is shown where it can be changed.
        form.within.data, form.within.raw_data = DEFAULT_REACH_M // 1000, None
        form.unit.data = "km"
    far = {village.code: flat_m(near, LatLon(village.lat, village.lon)) for village in chosen or everywhere}
    villages = sorted(chosen or everywhere, key=lambda village: far[village.code])
    if reach is not None:
        villages = [village for village in villages if far[village.code] <= reach + _VILLAGE_SPREAD_M]
    codes = tuple(village.code for village in villages) if chosen else ()
    if chosen and not codes:  # chosen villages, all out of reach
        codes = (chosen[0].code,)
    return Question(Area(near, codes, reach), form.wants(), form.period(), near_name, worksite, villages)


def _reach(form: SearchForm) -> float | None:
    if form.within.data is None:
        return None
    unit = form.unit.data or "km"
    metres = (
        form.within.data * 1000.0
        if unit == "km"
        else reach_m(form.within.data, TravelMode(unit), commute_rule())
    )
    return min(metres, float(MOST_REACH_M))


def _near(
    form: SearchForm, villages: Sequence[Village], chosen: Sequence[Village]
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


def _named_place(text: str, villages: Sequence[Village]) -> tuple[LatLon, str]:
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
