"""The district as inline SVG without tiles: projection, marks, labels that do not cover one another.

Points are (longitude, latitude) in WGS-84 degrees, as in GeoJSON. The projection is equirectangular at the
middle latitude; over 45 km of one district that is true to less than a thousandth.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from math import cos, pi, radians, sin, sqrt
from typing import NamedTuple

LonLat = tuple[float, float]
Ring = Sequence[LonLat]

METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True)
class Frame:
    """A rectangle of the earth drawn into ``width`` × ``height`` units."""

    west: float
    north: float
    units_per_degree: float
    squeeze: float
    width: float
    height: float

    def xy(self, point: LonLat) -> tuple[float, float]:
        """Where a point is drawn."""
        lon, lat = point
        return (
            round((lon - self.west) * self.squeeze * self.units_per_degree, 1),
            round((self.north - lat) * self.units_per_degree, 1),
        )

    def units(self, metres: float) -> float:
        """How long a distance on the ground is on the drawing."""
        return round(metres / METRES_PER_DEGREE * self.units_per_degree, 1)


class Place(NamedTuple):
    """A name written on the map, such as a street's."""

    name: str
    lon: float
    lat: float


class Circle(NamedTuple):
    """A dashed ring with what is ``reach_m`` around a point; one with a name has a sign in its middle."""

    lon: float
    lat: float
    reach_m: float
    name: str = ""


class Reach(NamedTuple):
    """A circle with its place on the drawing."""

    x: float
    y: float
    r: float
    name: str


@dataclass(frozen=True)
class Spot:
    """A village to draw. ``size`` decides the circle's area; ``share`` (0 to 1) fills it as a pie.

    ``low`` draws it in gold; ``chosen`` marks it as listed; ``label`` is written beside it if there is room.
    """

    name: str
    lon: float
    lat: float
    size: float
    share: float | None = None
    label: str = ""
    detail: str = ""
    href: str = ""
    chosen: bool = False
    low: bool = False


@dataclass(frozen=True)
class Mark:
    """A spot with its place on the drawing; ``anchor`` is the text-anchor of the label."""

    spot: Spot
    x: float
    y: float
    r: float
    pie: str
    label_x: float
    label_y: float
    anchor: str
    labelled: bool


@dataclass(frozen=True)
class Map:
    """Everything the macro draws."""

    width: float
    height: float
    land: str
    fields: str
    marks: list[Mark]
    places: list[tuple[str, float, float]]
    pin: tuple[float, float] | None
    reaches: list[Reach]


def rings_of(geojson: dict[str, object]) -> list[Ring]:
    """The outer rings of all polygons in a FeatureCollection, Feature or bare geometry.

    Raises ValueError for anything else.
    """
    kind = geojson.get("type")
    if kind == "FeatureCollection":
        features = geojson["features"]
        assert isinstance(features, list)  # noqa: S101 - narrows the type for mypy
        return [ring for feature in features for ring in rings_of(feature)]
    if kind == "Feature":
        geometry = geojson["geometry"]
        assert isinstance(geometry, dict)  # noqa: S101
        return rings_of(geometry)
    coordinates = geojson.get("coordinates")
    if kind == "Polygon" and isinstance(coordinates, list):
        return [[(float(lon), float(lat)) for lon, lat, *_ in coordinates[0]]]
    if kind == "MultiPolygon" and isinstance(coordinates, list):
        return [[(float(lon), float(lat)) for lon, lat, *_ in polygon[0]] for polygon in coordinates]
    raise ValueError(f"no polygons in GeoJSON of type {kind!r}")


def fit(points: Iterable[LonLat], width: float, height: float, padding: float = 16) -> Frame:
    """The frame that shows all points, centred, keeping shapes true.

    Raises ValueError when there is no point.
    """
    lons, lats = zip(*points, strict=True)
    west, east, south, north = min(lons), max(lons), min(lats), max(lats)
    squeeze = cos(radians((south + north) / 2))
    span_x, span_y = (east - west) * squeeze, north - south
    # Never closer than about a kilometre, so that one village alone still lies in its surroundings.
    scale = min((width - 2 * padding) / max(span_x, 0.01), (height - 2 * padding) / max(span_y, 0.01))
    spare_x = (width / scale - span_x) / 2
    spare_y = (height / scale - span_y) / 2
    return Frame(west - spare_x / squeeze, north + spare_y, scale, squeeze, width, height)


def project(points: Iterable[LonLat], frame: Frame) -> list[tuple[float, float]]:
    """Where the points are drawn, in their order."""
    return [frame.xy(point) for point in points]


def path_of(rings: Iterable[Ring], frame: Frame) -> str:
    """One SVG path of closed rings."""
    parts = []
    for ring in rings:
        corners = " ".join(f"{x} {y}" for x, y in project(ring, frame))
        parts.append(f"M{corners}Z")
    return "".join(parts)


def radius(size: float, largest: float, smallest_r: float = 4.0, largest_r: float = 11.0) -> float:
    """A radius whose circle area grows with ``size``, never too small to see."""
    if largest <= 0 or size <= 0:
        return smallest_r
    return round(max(smallest_r, largest_r * sqrt(min(size / largest, 1))), 1)


def pie_path(share: float, x: float, y: float, r: float) -> str:
    """The filled sector of a pie from twelve o'clock; a share of 1 is left to the caller's circle."""
    share = min(max(share, 0.0), 1.0)
    if share <= 0:
        return ""
    if share >= 1:
        return f"M{x} {y - r}a{r} {r} 0 1 1 0 {2 * r}a{r} {r} 0 1 1 0 {-2 * r}Z"
    angle = 2 * pi * share
    end_x, end_y = round(x + r * sin(angle), 1), round(y - r * cos(angle), 1)
    return f"M{x} {y}V{round(y - r, 1)}A{r} {r} 0 {int(share > 0.5)} 1 {end_x} {end_y}Z"


class _Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "_Box") -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def inside(self, other: "_Box") -> bool:
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.top >= other.top
            and self.bottom <= other.bottom
        )


def text_width(text: str, font_size: float) -> float:
    """About how wide a text is: a Chinese character is one em, anything else a little over half."""
    return sum(font_size if ord(letter) > 0x2E7F else font_size * 0.58 for letter in text)


def draw(
    outline: Sequence[Ring],
    spots: Sequence[Spot],
    *,
    phone: bool = False,
    places: Sequence[Place] = (),
    pin: LonLat | None = None,
    reach_m: float | None = None,
    circles: Sequence[Circle] = (),
    around: Sequence[LonLat] = (),
) -> Map:
    """Lay the map out, 720 × 400 for a desk, 360 × 300 with larger letters for a phone.

    ``around`` narrows it to these points and the pin (say, the nearest villages), else the whole outline is
    shown; villages outside the frame are left to the list. ``pin`` is the factory, ``reach_m`` the radius of
    the dashed ring round it, ``circles`` are rings round other points. Larger spots are drawn first, so that
    small ones stay visible; a label that fits nowhere is left to the list as well.
    """
    width, height, font_size, largest_r = (360.0, 300.0, 16.0, 9.0) if phone else (720.0, 400.0, 13.0, 11.0)
    shown = [*around, *([pin] if pin else [])] if around else [point for ring in outline for point in ring]
    frame = fit(shown, width, height, padding=40 if around else 16)
    reached = [*([] if pin is None or reach_m is None else [Circle(*pin, reach_m)]), *circles]
    largest = max((spot.size for spot in spots), default=0)
    placed = []
    for spot in sorted(spots, key=lambda one: (one.chosen, -one.size, one.name)):
        x, y = frame.xy((spot.lon, spot.lat))
        if 0 <= x <= width and 0 <= y <= height:
            placed.append((spot, x, y, radius(spot.size, largest, largest_r=largest_r)))
    pin_xy = None if pin is None else frame.xy(pin)
    bubbles = [_Box(x - r, y - r, x + r, y + r) for _, x, y, r in placed]
    pin_box = [] if pin_xy is None else [_Box(pin_xy[0] - 14, pin_xy[1] - 36, pin_xy[0] + 14, pin_xy[1] + 2)]
    # First look for places free of everything; a listed village may then lie over a mark that is not listed,
    # which its halo keeps readable.
    free_of_all = [*bubbles, *pin_box]
    free_of_listed = [
        *(box for box, (spot, *_) in zip(bubbles, placed, strict=True) if spot.chosen),
        *pin_box,
    ]
    edge = _Box(0, 0, width, height)
    labels: dict[int, _Label] = {}
    boxes: list[_Box] = []
    for index in sorted(range(len(placed)), key=lambda i: (not placed[i][0].chosen, -placed[i][0].size)):
        spot, x, y, r = placed[index]
        if not spot.label:
            continue
        for obstacles in (free_of_all, free_of_listed) if spot.chosen else (free_of_all,):
            around_it = [box for box in obstacles if box is not bubbles[index]]
            found = _label_place(spot.label, x, y, r, font_size, [*around_it, *boxes], edge)
            if found is not None:
                boxes.append(found.box)
                labels[index] = found
                break
    marks = []
    for index, (spot, x, y, r) in enumerate(placed):
        label = labels.get(index) or _Label(_Box(x, y, x, y), x, y, "start")
        pie = "" if spot.share is None else pie_path(spot.share, x, y, r)
        marks.append(Mark(spot, x, y, r, pie, label.x, label.y, label.anchor, index in labels))
    return Map(
        width=width,
        height=height,
        land=path_of(outline, frame),
        fields=_field_lines(width, height),
        marks=marks,
        places=[
            (place.name, x, y)
            for place in places
            for x, y in [frame.xy((place.lon, place.lat))]
            if 30 <= x <= width - 30 and 16 <= y <= height - 8
        ],
        pin=pin_xy,
        reaches=[Reach(*frame.xy((one.lon, one.lat)), frame.units(one.reach_m), one.name) for one in reached],
    )


class _Label(NamedTuple):
    box: _Box
    x: float
    y: float
    anchor: str


def _label_place(
    text: str, x: float, y: float, r: float, size: float, taken: Sequence[_Box], edge: _Box
) -> _Label | None:
    """The first free place right, left, below, above of a mark, or None."""
    wide, high, gap = text_width(text, size), size * 1.2, 4
    middle = round(y + size * 0.36, 1)
    right, left, below, above = x + r + gap, x - r - gap, y + r + 2, y - r - 2
    candidates = [
        _Label(_Box(right, y - high / 2, right + wide, y + high / 2), right, middle, "start"),
        _Label(_Box(left - wide, y - high / 2, left, y + high / 2), left, middle, "end"),
        _Label(_Box(x - wide / 2, below, x + wide / 2, below + high), x, below + size, "middle"),
        _Label(_Box(x - wide / 2, above - high, x + wide / 2, above), x, above - 3, "middle"),
    ]
    for label in candidates:
        if label.box.inside(edge) and not any(label.box.meets(other) for other in taken):
            return label._replace(x=round(label.x, 1), y=round(label.y, 1))
    return None


@cache
def _field_lines(width: float, height: float) -> str:
    """Faint slanting lines, the fields of the plain; clipped to the land by the macro."""
    lines = []
    y = -width * 0.18
    while y < height + width * 0.18:
        lines.append(f"M0 {round(y + width * 0.18, 1)}L{width} {round(y - width * 0.18, 1)}")
        y += 11
    return "".join(lines)
