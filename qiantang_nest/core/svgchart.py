"""Geometry of the small charts that pages draw as inline SVG: numbers in, coordinates out.

Values start at zero, so that lengths can be compared; a month without a value leaves a gap and prints —.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

Number = int | float

WIDTH = 640
TOP, BOTTOM = 16, 30
MARKS = ("circle", "square", "triangle", "diamond", "cross")
"""One per series; colour and dash come from the stylesheet by position."""


class Point(NamedTuple):
    """A drawn value."""

    x: float
    y: float
    label: str
    value: Number


class Tick(NamedTuple):
    """A grid line and what is written at it; ``value`` is 0 on the axis of labels."""

    at: float
    text: str
    value: Number = 0


@dataclass(frozen=True)
class Line:
    """One series: ``path`` may have gaps; the name stands at ``name_y`` right of the last point."""

    name: str
    mark: str
    path: str
    points: list[Point]
    name_y: float


@dataclass(frozen=True)
class LineChart:
    """Everything the macro draws, in units of the view box."""

    width: int
    height: int
    left: float
    right: float
    base_y: float
    lines: list[Line]
    y_ticks: list[Tick]
    x_ticks: list[Tick]


class Bar(NamedTuple):
    """A horizontal bar; ``inner`` is the filled part of it."""

    label: str
    text: str
    y: float
    length: float
    inner: float


@dataclass(frozen=True)
class BarChart:
    """Horizontal bars from zero, one row each."""

    width: int
    height: int
    left: int
    row: int
    bars: list[Bar]


def nice_ceiling(largest: Number) -> Number:
    """The next of 1, 2, 2.5, 5 × 10ⁿ at or above ``largest``, so that quarter lines are round numbers."""
    if largest <= 0:
        return 1
    step: Number = 1
    while step * 10 <= largest:
        step *= 10
    while step > largest:
        step = step / 10
    for factor in (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10):
        if step * factor >= largest:
            top = step * factor
            return int(top) if float(top).is_integer() else top
    return step * 10


def short_number(value: Number) -> str:
    """12,000 is 12,000; trailing zeros of fractions are cut."""
    text = f"{value:,.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value:,}"
    return text or "0"


def spread(wanted: Sequence[float], gap: float, lowest: float, highest: float) -> list[float]:
    """Move positions apart until neighbours are ``gap`` away, as near to the wanted ones as order allows."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed = [0.0] * len(wanted)
    previous = lowest - gap
    for index in order:
        placed[index] = previous = max(wanted[index], previous + gap)
    ceiling = highest + gap
    for index in reversed(order):
        placed[index] = ceiling = min(placed[index], ceiling - gap)
    return placed


def line_chart(
    labels: Sequence[str],
    series: Sequence[tuple[str, Sequence[Number | None]]],
    height: int = 220,
    ceiling: Number | None = None,
    width: int = WIDTH,
) -> LineChart:
    """Lay out up to five series over the same labels (twelve months, usually); ``width`` 340 is for phones.

    Raises ValueError for more than five series or series of another length than ``labels``.
    """
    if len(series) > len(MARKS):
        raise ValueError("a chart shows at most five series")
    if any(len(values) != len(labels) for _, values in series):
        raise ValueError("each series needs one value per label")
    font = 14 if width >= WIDTH else 16
    longest_name = max((len(name) for name, _ in series), default=0)
    base_y = height - BOTTOM
    known = [value for _, values in series for value in values if value is not None]
    top = ceiling if ceiling is not None else nice_ceiling(max(known, default=0))
    left = 8 + font * 0.6 * max(len(short_number(top)), 4)
    right = width - 20 - font * min(longest_name, 8)
    step = (right - left - 12) / max(len(labels) - 1, 1)

    def x_of(index: int) -> float:
        return round(left + 12 + index * step, 1)

    def y_of(value: Number) -> float:
        return round(base_y - (base_y - TOP) * float(value) / float(top), 1)

    drawn = []
    for _, values in series:
        drawn.append(
            [
                None if value is None else Point(x_of(index), y_of(value), labels[index], value)
                for index, value in enumerate(values)
            ]
        )
    ends = [next((p.y for p in reversed(points) if p is not None), base_y) for points in drawn]
    name_ys = spread(ends, font + 4, TOP, base_y)
    lines = [
        Line(
            name=name,
            mark=MARKS[number],
            path=_path(drawn[number]),
            points=[point for point in drawn[number] if point is not None],
            name_y=round(name_ys[number], 1),
        )
        for number, (name, _) in enumerate(series)
    ]
    every = max(1, -(-len(labels) // (6 if width >= WIDTH else 3)))
    last = len(labels) - 1
    x_ticks = [Tick(x_of(i), label) for i, label in enumerate(labels) if (last - i) % every == 0]
    quarter = float(top) / 4
    y_ticks = [
        Tick(y_of(value), short_number(int(value) if value.is_integer() else value), value)
        for value in (quarter * n for n in (0, 1, 2, 3, 4))
    ]
    return LineChart(width, height, round(left, 1), right, base_y, lines, y_ticks, x_ticks)


def _path(points: Sequence[Point | None]) -> str:
    commands = []
    pen_down = False
    for point in points:
        if point is None:
            pen_down = False
            continue
        commands.append(f"{'L' if pen_down else 'M'}{point.x} {point.y}")
        pen_down = True
    return "".join(commands)


def bar_chart(
    rows: Sequence[tuple[str, Number | None, Number | None, str]],
    ceiling: Number | None = None,
    width: int = WIDTH,
) -> BarChart:
    """Lay out rows of (label, whole, part, text): the outline is the whole, the filling the part.

    A ``part`` of None fills the whole bar; a ``whole`` of None draws nothing. ``text`` stands at the right.
    """
    row = 30
    font = 14 if width >= WIDTH else 16
    left = 14 + font * max((len(label) for label, *_ in rows), default=0)
    room = width - left - 12 - font * max((len(text) for *_, text in rows), default=0) * 0.7
    top = ceiling if ceiling is not None else max((whole or 0 for _, whole, _, _ in rows), default=0)
    bars = []
    for index, (label, whole, part, text) in enumerate(rows):
        length = _share(whole, top, room)
        inner = length if part is None else min(_share(part, top, room), length)
        bars.append(Bar(label, text, index * row + 4, length, inner))
    return BarChart(width, len(rows) * row + 4, left, row, bars)


def _share(value: Number | None, top: Number, room: float) -> float:
    return round(room * float(value) / float(top), 1) if value and top else 0.0
