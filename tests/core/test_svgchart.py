"""Charts start at zero, keep gaps, and keep names apart."""

from itertools import pairwise
from math import isclose

import pytest

from qiantang_nest.core.svgchart import bar_chart, line_chart, nice_ceiling, spread

MONTHS = ["1 月", "2 月", "3 月"]


@pytest.mark.parametrize(
    ("largest", "top"), [(0, 1), (7, 8), (98_000, 100_000), (101_000, 120_000), (0.7, 0.8), (1, 1)]
)
def test_the_scale_ends_at_a_round_number(largest: float, top: float) -> None:
    assert isclose(nice_ceiling(largest), top)


def test_values_start_at_zero() -> None:
    chart = line_chart(MONTHS, [("可租", [0, 50, 100])])
    assert chart.lines[0].points[0].y == chart.base_y
    assert chart.lines[0].points[2].y == 16
    assert [tick.text for tick in chart.y_ticks] == ["0", "25", "50", "75", "100"]


def test_a_missing_month_leaves_a_gap() -> None:
    chart = line_chart(MONTHS, [("可租", [10, None, 30])])
    assert chart.lines[0].path.count("M") == 2
    assert len(chart.lines[0].points) == 2


def test_a_chart_of_nothing_still_draws() -> None:
    chart = line_chart(MONTHS, [("可租", [None, None, None])])
    assert chart.lines[0].path == ""
    assert line_chart([], []).lines == []


def test_names_at_the_line_end_do_not_touch() -> None:
    chart = line_chart(MONTHS, [(name, [5, 5, 5]) for name in "甲乙丙丁戊"])
    heights = sorted(line.name_y for line in chart.lines)
    assert all(after - before >= 16.9 for before, after in pairwise(heights))


def test_spreading_keeps_the_order_and_the_room() -> None:
    assert spread([10, 11, 50], 10, 0, 55) == [10, 20, 50]
    assert spread([54, 55], 10, 0, 55) == [45, 55]


def test_more_than_five_series_are_refused() -> None:
    with pytest.raises(ValueError, match="five"):
        line_chart(MONTHS, [(str(n), [1, 2, 3]) for n in range(6)])
    with pytest.raises(ValueError, match="per label"):
        line_chart(MONTHS, [("可租", [1, 2])])


def test_bars_share_one_scale() -> None:
    chart = bar_chart(
        [("甲", 100, 50, "50%"), ("乙", 50, None, "50"), ("丙", 0, 0, "—"), ("丁", None, None, "—")]
    )
    first, second, third, fourth = chart.bars
    assert isclose(first.inner * 2, first.length)
    assert isclose(second.length * 2, first.length)
    assert second.inner == second.length
    assert third.length == fourth.length == 0


def test_a_part_never_sticks_out() -> None:
    bar = bar_chart([("甲", 100, 130, "130%")]).bars[0]
    assert bar.inner == bar.length
