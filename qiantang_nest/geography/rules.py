"""Coordinates, distances and travel times; where a village without a known point is drawn.

Everything stored is WGS-84. GCJ-02 (高德, 腾讯) and BD-09 (百度) exist only at the edge: what a picker sends,
what a tile layer wants. In Qiantang the three lie 500 to 900 m apart, so a mix-up lands in the next village.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Any

from geopy.distance import geodesic

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.core.text import normalise, shown


class Crs(StrEnum):
    """Coordinate systems in use in China."""

    WGS84 = "wgs84"
    GCJ02 = "gcj02"
    BD09 = "bd09"


@dataclass(frozen=True, slots=True)
class LatLon:
    """A place in degrees, north and east positive; WGS-84 unless a name says otherwise."""

    lat: float
    lon: float


# --- WGS-84, GCJ-02, BD-09 ------------------------------------------------------------------------

_AXIS_M = 6378245.0
_ECCENTRICITY_SQUARED = 0.00669342162296594323
_BD_PI = math.pi * 3000 / 180
_BD_LAT, _BD_LON = 0.006, 0.0065
_CONVERGED_DEGREES = 1e-11
_MOST_ROUNDS = 30


def convert(point: LatLon, source: Crs, target: Crs) -> LatLon:
    """Return ``point`` of the system ``source`` in the system ``target``.

    Inverse directions are iterated until they close within 1e-11 degrees; outside China nothing is shifted.
    """
    if source is target:
        return point
    gcj = {Crs.WGS84: _wgs_to_gcj, Crs.BD09: _bd_to_gcj, Crs.GCJ02: _same}[source](point)
    return {Crs.WGS84: _gcj_to_wgs, Crs.BD09: _gcj_to_bd, Crs.GCJ02: _same}[target](gcj)


def _same(point: LatLon) -> LatLon:
    return point


def _shifted_in(point: LatLon) -> bool:
    """Say whether GCJ-02 shifts here; the bounding box is part of the published transformation."""
    return 72.004 <= point.lon <= 137.8347 and 0.8293 <= point.lat <= 55.8271


def _wgs_to_gcj(point: LatLon) -> LatLon:
    if not _shifted_in(point):
        return point
    x, y = point.lon - 105.0, point.lat - 35.0
    root = math.sqrt(abs(x))
    ripple = 20.0 * math.sin(6.0 * x * math.pi) + 20.0 * math.sin(2.0 * x * math.pi)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north += (ripple + _waves(y, 20.0, 40.0) + _long_waves(y, 160.0, 320.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east += (ripple + _waves(x, 20.0, 40.0) + _long_waves(x, 150.0, 300.0)) * 2.0 / 3.0
    latitude = math.radians(point.lat)
    bulge = 1 - _ECCENTRICITY_SQUARED * math.sin(latitude) ** 2
    meridian = _AXIS_M * (1 - _ECCENTRICITY_SQUARED) / (bulge * math.sqrt(bulge))
    parallel = _AXIS_M / math.sqrt(bulge) * math.cos(latitude)
    return LatLon(point.lat + math.degrees(north / meridian), point.lon + math.degrees(east / parallel))


def _waves(value: float, short: float, long: float) -> float:
    return short * math.sin(value * math.pi) + long * math.sin(value / 3.0 * math.pi)


def _long_waves(value: float, near: float, far: float) -> float:
    return near * math.sin(value / 12.0 * math.pi) + far * math.sin(value / 30.0 * math.pi)


def _gcj_to_wgs(point: LatLon) -> LatLon:
    if not _shifted_in(point):
        return point
    return _invert(_wgs_to_gcj, point)


def _gcj_to_bd(point: LatLon) -> LatLon:
    radius = math.hypot(point.lon, point.lat) + 0.00002 * math.sin(point.lat * _BD_PI)
    angle = math.atan2(point.lat, point.lon) + 0.000003 * math.cos(point.lon * _BD_PI)
    return LatLon(radius * math.sin(angle) + _BD_LAT, radius * math.cos(angle) + _BD_LON)


def _bd_to_gcj(point: LatLon) -> LatLon:
    return _invert(_gcj_to_bd, point)


def _invert(forward: Callable[[LatLon], LatLon], target: LatLon) -> LatLon:
    """Find the point that ``forward`` maps to ``target``: its shift is small and smooth, so steps close."""
    guess = target
    for _round in range(_MOST_ROUNDS):
        reached = forward(guess)
        north, east = target.lat - reached.lat, target.lon - reached.lon
        guess = LatLon(guess.lat + north, guess.lon + east)
        if abs(north) < _CONVERGED_DEGREES and abs(east) < _CONVERGED_DEGREES:
            break
    return guess


_NUMBER = r"[+-]?[0-9]{1,3}(?:\.[0-9]+)?"
_PAIR = re.compile(
    rf"(?P<one>{_NUMBER})°?(?P<one_side>[NE]?)[,;\s]\s*(?P<other>{_NUMBER})°?(?P<other_side>[NE]?)"
)
_POINT_LABELS = re.compile(r"(北纬|东经|纬度|经度|坐标)[::]?")


def check_degrees(text: str) -> str:
    """One number of a place as typed, cleaned for ``parse_point``. Raises InvalidValue."""
    cleaned = _cleaned(text)
    if re.fullmatch(rf"{_NUMBER}°?[NE]?", cleaned) is None:
        raise InvalidValue(_("“%(value)s”不是经度或纬度，请填一个数，例如 30.30015", value=shown(cleaned)))
    return cleaned


def _cleaned(text: str) -> str:
    return _POINT_LABELS.sub("", normalise(text)).strip().upper().replace("、", ",")


def parse_point(text: str, crs: Crs) -> LatLon:
    """Read two numbers typed or pasted from a map and return the place in WGS-84.

    Takes ``30.30015, 120.46107`` and ``120.46107,30.30015`` alike: map pickers disagree on the order, and
    here a longitude is above 90 and a latitude is not.

    Raises:
        InvalidValue: not two numbers, out of range, or their order cannot be told.
    """
    cleaned = _cleaned(text)
    match = _PAIR.fullmatch(cleaned)
    if match is None:
        raise InvalidValue(
            _("“%(value)s”不是一个位置，请填两个数，例如 30.30015, 120.46107", value=shown(cleaned))
        )
    one, other = float(match["one"]), float(match["other"])
    if match["one_side"] == "E" or match["other_side"] == "N" or abs(one) > 90 >= abs(other):
        one, other = other, one
    elif match["one_side"] != "N" and match["other_side"] != "E" and abs(other) <= 90:
        raise InvalidValue(
            _(
                "“%(value)s”看不出哪个是经度，本区的经度在 120 上下、纬度在 30 上下，请核对",
                value=shown(cleaned),
            )
        )
    if abs(one) > 90 or abs(other) > 180:
        raise InvalidValue(_("“%(value)s”不在地球上，请核对经度和纬度", value=shown(cleaned)))
    return convert(LatLon(one, other), crs, Crs.WGS84)


# --- distance and time ----------------------------------------------------------------------------


class TravelMode(StrEnum):
    """How a worker gets to the gate."""

    WALK = "walk"
    EBIKE = "ebike"
    SHUTTLE = "shuttle"


_MODE_LABELS = {
    TravelMode.WALK: _l("走路"),
    TravelMode.EBIKE: _l("电动车"),
    TravelMode.SHUTTLE: _l("班车"),
}


def mode_label(mode: TravelMode) -> str:
    """Return the word for a mode, as in ``电动车 12 分钟``."""
    return str(_MODE_LABELS[mode])


@dataclass(frozen=True, slots=True)
class CommuteRule:
    """The district's figures for the way to work; as they stand here where it has set none.

    Roads are ``detour`` times as long as the straight line, speeds are in km/h (domain rulebook 5).
    """

    detour: float = 1.3
    walk_kmh: float = 4.8
    ebike_kmh: float = 15.0
    shuttle_kmh: float = 30.0
    basis: str = ""
    """Empty for the figures of the rulebook itself."""
    effective_on: date | None = None

    def kmh(self, mode: TravelMode) -> float:
        """Return the speed of a mode."""
        return {
            TravelMode.WALK: self.walk_kmh,
            TravelMode.EBIKE: self.ebike_kmh,
            TravelMode.SHUTTLE: self.shuttle_kmh,
        }[mode]


DEFAULT_COMMUTE = CommuteRule()


@lru_cache(maxsize=5_000)
def geodesic_m(one: LatLon, other: LatLon) -> float:
    """Return the straight distance in metres on the WGS-84 ellipsoid.

    Dear, a tenth of a millisecond: what has been asked is kept, as rooms of a house, pages of a list and
    searches from a gate ask the same again.
    """
    return float(geodesic((one.lat, one.lon), (other.lat, other.lon)).m)


def flat_m(one: LatLon, other: LatLon) -> float:
    """Return about the straight metres: within 0.5 % inside the district.

    At a hundredth of what ``geodesic_m`` costs the first time it is asked. For putting places in order and
    for minutes, whose other figures are rougher. It is the measure of ``House.place`` as well, so that what
    an index finds within some minutes is also said to be.
    """
    return math.hypot(one.lat - other.lat, (one.lon - other.lon) * _SQUEEZE) * _METRES_PER_DEGREE


_SQUEEZE, _METRES_PER_DEGREE = 0.8635, 111_200
"""cos 30.3°, as in ``House.place``."""


def commute_minutes(straight_m: float, mode: TravelMode, rule: CommuteRule) -> int:
    """Return the whole minutes, rounded up, to travel a straight distance in metres over real roads.

    Raises:
        ValueError: the distance is negative or not a number.
    """
    if not straight_m >= 0:
        raise ValueError("a distance is not negative")
    return math.ceil(round(straight_m * rule.detour * 60 / (rule.kmh(mode) * 1000), 9))


def reach_m(minutes: float, mode: TravelMode, rule: CommuteRule) -> float:
    """Return the straight metres that are reached within ``minutes``; inverse of ``commute_minutes``."""
    return minutes * rule.kmh(mode) * 1000 / (60 * rule.detour)


# --- the way to one gate --------------------------------------------------------------------------


@dataclass(frozen=True)
class Boarding:
    """Where the way on one's own ends: at the gate, or at a shuttle's stop with a ride still to come."""

    point: LatLon
    name: str = ""
    ride_minutes: int = 0
    routed: Mapping[str, int] = field(default_factory=dict)
    """Village code → minutes from the village's point to here, of which a routing service has told."""


@dataclass(frozen=True, slots=True)
class Way:
    """How one place is left for the gate: the minutes in all, and the stop if a shuttle is taken."""

    minutes: int
    stop: str = ""


@dataclass(frozen=True, slots=True)
class Circle:
    """All that lies within ``reach_m`` straight metres of a point.

    ``ahead_m`` is what the ride from there would be worth on one's own, so that places in circles with
    different rides can be put in order of their minutes.
    """

    centre: LatLon
    reach_m: float
    ahead_m: float = 0.0


@dataclass(frozen=True, slots=True)
class Reach:
    """What is within some minutes of a gate: circles, and villages that a routing service has told of.

    Of the ``routed`` villages only houses with a pin of their own count by the circles; the others count by
    ``villages``, those within reach, each with the straight metres that its minutes are worth.
    """

    circles: tuple[Circle, ...]
    routed: tuple[str, ...] = ()
    villages: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class WayToWork:
    """How people come to one gate by one mode under the rule of a day.

    What a routing service has told holds for a village's point: a house pinned where it stands counts by its
    own point and the straight line.
    """

    gate: LatLon
    mode: TravelMode
    rule: CommuteRule
    boardings: tuple[Boarding, ...]
    """The gate itself, or for a shuttle its stops; empty where no shuttle runs."""

    @property
    def own_mode(self) -> TravelMode:
        """How one gets to where one boards: to a stop on foot."""
        return TravelMode.WALK if self.mode is TravelMode.SHUTTLE else self.mode

    @property
    def least_minutes(self) -> int:
        """What the way takes from the best place there is: the shortest ride, 0 where nobody rides."""
        return min((one.ride_minutes for one in self.boardings), default=0)

    def from_point(self, point: LatLon) -> Way | None:
        """Return the quickest way from a point; None where no shuttle runs."""
        return _quickest(
            (one, commute_minutes(flat_m(point, one.point), self.own_mode, self.rule))
            for one in self.boardings
        )

    def from_village(self, code: str, point: LatLon) -> Way | None:
        """Return the way from a village: as routed where a service has told of it, else from its point."""
        told = _quickest((one, one.routed[code]) for one in self.boardings if code in one.routed)
        return told or self.from_point(point)

    def from_house(self, village_code: str, point: LatLon, *, pinned: bool) -> Way | None:
        """Return the way from a house: from its own pin, else as from its village."""
        return self.from_point(point) if pinned else self.from_village(village_code, point)

    def within(self, minutes: int) -> Reach:
        """Return what is within ``minutes``: a house is inside exactly if ``from_house`` says no more."""
        rides = [one for one in self.boardings if one.ride_minutes <= minutes]
        circles = (
            Circle(
                one.point,
                reach_m(minutes - one.ride_minutes, self.own_mode, self.rule),
                reach_m(one.ride_minutes, self.own_mode, self.rule),
            )
            for one in rides
        )
        needed: dict[str, int] = {}
        for one in self.boardings:
            for code, routed in one.routed.items():
                needed[code] = min(routed + one.ride_minutes, needed.get(code, routed + one.ride_minutes))
        return Reach(
            tuple(circles),
            tuple(sorted(needed)),
            tuple(
                (code, reach_m(needed[code], self.own_mode, self.rule))
                for code in sorted(needed)
                if needed[code] <= minutes
            ),
        )


def _quickest(ways: Iterable[tuple[Boarding, int]]) -> Way | None:
    return min(
        (Way(minutes + boarding.ride_minutes, boarding.name) for boarding, minutes in ways),
        key=lambda way: way.minutes,
        default=None,
    )


# --- outlines -------------------------------------------------------------------------------------

Ring = Sequence[tuple[float, float]]
"""Vertices as (longitude, latitude), the order of GeoJSON; closed or not."""
Outline = Sequence[Sequence[Ring]]
"""Polygons, each its outer ring and then its holes."""


def outline_from_geojson(document: Mapping[str, Any]) -> Outline:
    """Return the outline in a GeoJSON geometry, feature or feature collection.

    Raises:
        ValueError: a geometry is neither Polygon nor MultiPolygon.
    """
    kind = document.get("type")
    if kind == "FeatureCollection":
        return [polygon for feature in document["features"] for polygon in outline_from_geojson(feature)]
    if kind == "Feature":
        return outline_from_geojson(document["geometry"])
    if kind == "Polygon":
        polygons = [document["coordinates"]]
    elif kind == "MultiPolygon":
        polygons = document["coordinates"]
    else:
        raise ValueError(f"no outline in a {kind}")
    return [[[(float(at[0]), float(at[1])) for at in ring] for ring in polygon] for polygon in polygons]


def inside(outline: Outline, point: LatLon) -> bool:
    """Say whether ``point`` lies inside ``outline``, not in a hole; on an edge either answer may come."""
    return any(
        _inside_ring(polygon[0], point) and not any(_inside_ring(hole, point) for hole in polygon[1:])
        for polygon in outline
        if polygon
    )


def _inside_ring(ring: Ring, point: LatLon) -> bool:
    """Count the edges that a ray to the east crosses."""
    crossings = 0
    for index, (lon, lat) in enumerate(ring):
        before_lon, before_lat = ring[index - 1]
        if (lat > point.lat) == (before_lat > point.lat):
            continue
        crossing = lon + (point.lat - lat) / (before_lat - lat) * (before_lon - lon)
        crossings += point.lon < crossing
    return crossings % 2 == 1


# --- villages without a known point ---------------------------------------------------------------

OFFSET_M = 2000.0
MIN_SPACING_M = 150.0
_TRIES = 400
_CHOICES = 24


def offset_point(code: str, centre: LatLon, outline: Outline, others: Sequence[LatLon] = ()) -> LatLon:
    """Return where the village ``code`` is drawn until its staff moves the pin.

    At most 2 km from ``centre`` (the street's seat), inside ``outline``, as far from ``others`` as a few
    candidates allow. Depends on nothing but the arguments. If no candidate falls inside, the centre itself.
    """
    best, best_gap, choices = centre, -1.0, 0
    for attempt in range(_TRIES):
        candidate = _candidate(code, attempt, centre)
        if not inside(outline, candidate):
            continue
        gap = min((_flat_m(candidate, other) for other in others), default=math.inf)
        if gap > best_gap:
            best, best_gap = candidate, gap
        choices += 1
        if choices >= _CHOICES and best_gap >= MIN_SPACING_M:
            break
    return best


def village_points(codes: Iterable[str], centre: LatLon, outline: Outline) -> dict[str, LatLon]:
    """Return a point for each village of one street, spread about its centre.

    Villages are placed in the order of their codes, each away from those before it, so that the result is a
    function of the set of codes alone and a new last code moves none of the others.
    """
    points: dict[str, LatLon] = {}
    for code in sorted(set(codes)):
        points[code] = offset_point(code, centre, outline, tuple(points.values()))
    return points


def _candidate(code: str, attempt: int, centre: LatLon) -> LatLon:
    """Return the ``attempt``-th pseudo-random place, even over the disc about ``centre``."""
    digest = sha256(f"{code}:{attempt}".encode()).digest()
    angle = int.from_bytes(digest[:8], "big") / 2**64 * 2 * math.pi
    # 1% inside the limit: the metres below are those of a sphere.
    radius = 0.99 * OFFSET_M * math.sqrt(int.from_bytes(digest[8:16], "big") / 2**64)
    north, east = radius * math.cos(angle), radius * math.sin(angle)
    lat = centre.lat + math.degrees(north / _AXIS_M)
    lon = centre.lon + math.degrees(east / (_AXIS_M * math.cos(math.radians(centre.lat))))
    return LatLon(round(lat, 6), round(lon, 6))


def _flat_m(one: LatLon, other: LatLon) -> float:
    """Distance in metres on a plane, good for a few kilometres."""
    north = math.radians(one.lat - other.lat)
    east = math.radians(one.lon - other.lon) * math.cos(math.radians((one.lat + other.lat) / 2))
    return _AXIS_M * math.hypot(north, east)
