"""The map is true to shape, its marks stay inside, its labels do not cover one another."""

from math import isclose

import pytest

from qiantang_nest.core.svgmap import Circle, Spot, draw, fit, path_of, pie_path, project, radius, rings_of

SQUARE = [(120.0, 30.0), (120.1, 30.0), (120.1, 30.1), (120.0, 30.1)]


def test_a_frame_keeps_shapes_and_north_up() -> None:
    frame = fit(SQUARE, 400, 400, padding=0)
    (west, south), (east, _), (_, north), _ = project(SQUARE, frame)
    assert (south, north) == (400.0, 0.0)
    # A tenth of a degree of longitude is cos(30.05°) of one of latitude.
    assert isclose((east - west) / (south - north), 0.8656, abs_tol=0.001)
    assert isclose(west, 400 - east, abs_tol=0.2)


def test_metres_become_units() -> None:
    frame = fit(SQUARE, 400, 400, padding=0)
    assert isclose(frame.units(11_132), 400, abs_tol=1)


def test_no_point_is_refused() -> None:
    with pytest.raises(ValueError, match="unpack"):
        fit([], 100, 100)


def test_one_point_is_drawn_in_the_middle() -> None:
    frame = fit([(120.0, 30.0)], 100, 60)
    assert project([(120.0, 30.0)], frame) == [pytest.approx((50.0, 30.0), abs=0.2)]


def test_outer_rings_of_geojson() -> None:
    polygon = {
        "type": "Polygon",
        "coordinates": [[[120.0, 30.0], [120.1, 30.0], [120.1, 30.1], [120.0, 30.0]]],
    }
    collection = {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": polygon}]}
    multi = {"type": "MultiPolygon", "coordinates": [polygon["coordinates"], polygon["coordinates"]]}
    assert len(rings_of(polygon)) == 1
    assert rings_of(collection) == rings_of(polygon)
    assert len(rings_of(multi)) == 2
    with pytest.raises(ValueError, match="Point"):
        rings_of({"type": "Point", "coordinates": [1, 2]})


def test_paths_close() -> None:
    path = path_of([SQUARE], fit(SQUARE, 100, 100))
    assert path.startswith("M")
    assert path.endswith("Z")


def test_area_not_radius_follows_size() -> None:
    assert radius(100, 100, largest_r=16) == 16
    assert radius(25, 100, largest_r=16) == 8
    assert radius(0, 100) == 4
    assert radius(1, 0) == 4


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0, ""), (0.25, "M50 50V40A10 10 0 0 1 60 50Z"), (0.75, "M50 50V40A10 10 0 1 1 40 50Z")],
)
def test_a_pie_starts_at_twelve(share: float, expected: str) -> None:
    # 50.0 and 50 are the same to SVG.
    assert pie_path(share, 50, 50, 10).replace(".0", "") == expected


def test_a_full_pie_is_a_whole_circle() -> None:
    assert pie_path(1, 50, 50, 10).count("a10 10") == 2
    assert pie_path(1.7, 50, 50, 10) == pie_path(1, 50, 50, 10)


def test_labels_of_neighbours_do_not_overlap() -> None:
    spots = [
        Spot(f"村{n}", 120.05 + n * 0.0004, 30.05, 10, label=f"同一村{n} 186", chosen=True) for n in range(4)
    ]
    drawn = draw([SQUARE], spots)
    labelled = [mark for mark in drawn.marks if mark.labelled]
    assert labelled
    places = {(mark.label_x, mark.label_y, mark.anchor) for mark in labelled}
    assert len(places) == len(labelled)


def test_no_label_leaves_the_drawing() -> None:
    edge = [
        Spot("边", 120.1, 30.1, 5, label="很长很长的名字村 100"),
        Spot("角", 120.0, 30.0, 5, label="另一个村 9"),
    ]
    for mark in draw([SQUARE], edge).marks:
        assert 0 <= mark.label_x <= 720
        assert 0 <= mark.label_y <= 400


def test_chosen_villages_are_drawn_over_the_rest() -> None:
    spots = [Spot("甲", 120.05, 30.05, 1, chosen=True), Spot("乙", 120.05, 30.05, 100)]
    assert [mark.spot.name for mark in draw([SQUARE], spots).marks] == ["乙", "甲"]


def test_a_narrowed_map_leaves_far_villages_out() -> None:
    spots = [Spot("近", 120.01, 30.01, 5), Spot("远", 120.09, 30.09, 5)]
    drawn = draw([SQUARE], spots, phone=True, around=[(120.01, 30.01)], pin=(120.012, 30.012), reach_m=200)
    assert [mark.spot.name for mark in drawn.marks] == ["近"]
    assert (drawn.width, drawn.height) == (360, 300)
    assert drawn.pin is not None
    assert [(one.x, one.y) for one in drawn.reaches] == [drawn.pin]


def test_circles_round_other_points_are_rings_with_a_sign() -> None:
    stop = Circle(120.012, 30.012, 200, "村口")
    drawn = draw([SQUARE], [], pin=(120.01, 30.01), circles=[stop])
    assert [(one.name, one.r > 0) for one in drawn.reaches] == [("村口", True)]
    both = draw([SQUARE], [], pin=(120.01, 30.01), reach_m=400, circles=[stop])
    assert [one.name for one in both.reaches] == ["", "村口"]
    assert both.reaches[0].r == 2 * both.reaches[1].r
