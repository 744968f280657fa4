import json
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.geography.rules import (
    DEFAULT_COMMUTE,
    Boarding,
    Circle,
    CommuteRule,
    Crs,
    LatLon,
    Reach,
    TravelMode,
    Way,
    WayToWork,
    commute_minutes,
    convert,
    flat_m,
    geodesic_m,
    inside,
    offset_point,
    outline_from_geojson,
    parse_point,
    reach_m,
    village_points,
)

HEZHUANG = LatLon(30.30015, 120.46107)
YIPENG = LatLon(30.26158, 120.48884)
XINWAN = LatLon(30.27889, 120.53857)

# The district's outline, (longitude, latitude).
OUTLINE = outline_from_geojson(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {
                    "type": "MultiPolygon",
                    "coordinates": json.loads(
                        """[[[[120.72549, 30.299437], [120.702871, 30.280665], [120.688122, 30.261981],
                        [120.683015, 30.275571], [120.615748, 30.268093], [120.601215, 30.258807],
                        [120.602643, 30.236211], [120.567428, 30.232791], [120.555425, 30.260193],
                        [120.51153, 30.256163], [120.505183, 30.243714], [120.487568, 30.248413],
                        [120.477002, 30.263339], [120.464425, 30.257876], [120.45519, 30.259397],
                        [120.452226, 30.278885], [120.439889, 30.279942], [120.435692, 30.295482],
                        [120.428093, 30.295752], [120.419027, 30.288231], [120.394873, 30.28876],
                        [120.375442, 30.262178], [120.355292, 30.252901], [120.336719, 30.260303],
                        [120.31393, 30.280296], [120.289036, 30.291967], [120.289278, 30.317514],
                        [120.294941, 30.317856], [120.295702, 30.327395], [120.289101, 30.327518],
                        [120.296312, 30.349987], [120.32196, 30.357299], [120.340234, 30.370085],
                        [120.395342, 30.386253], [120.396194, 30.375272], [120.38331, 30.372598],
                        [120.373061, 30.347126], [120.408358, 30.318838], [120.434106, 30.376121],
                        [120.44115, 30.382382], [120.502378, 30.392518], [120.636348, 30.3895],
                        [120.675744, 30.375304], [120.702018, 30.356449], [120.72549, 30.299437]]]]"""
                    ),
                },
            }
        ],
    }
)


def near(point: LatLon, lat: float, lon: float, within: float) -> bool:
    return abs(point.lat - lat) <= within and abs(point.lon - lon) <= within


def test_the_published_vectors() -> None:
    beijing = LatLon(39.915, 116.404)
    gcj = convert(beijing, Crs.WGS84, Crs.GCJ02)
    assert near(gcj, 39.91640428150164, 116.41024449916938, 1e-12)
    assert near(convert(beijing, Crs.GCJ02, Crs.BD09), 39.92133699351021, 116.41036949371029, 1e-12)
    # The published inverse is one step; the iterated one lies within its error.
    assert near(convert(beijing, Crs.BD09, Crs.GCJ02), 39.90865673957631, 116.39762729119315, 1e-6)
    assert near(convert(beijing, Crs.GCJ02, Crs.WGS84), 39.91359624, 116.39775575, 1e-8)
    assert near(convert(LatLon(45, 123), Crs.GCJ02, Crs.WGS84), 44.99804071, 122.99395597, 1e-5)


@pytest.mark.parametrize(
    ("wgs", "gcj"),
    [
        (HEZHUANG, (30.297812, 120.465547)),
        (YIPENG, (30.259163, 120.493214)),
        (XINWAN, (30.276333, 120.542763)),
    ],
)
def test_streets_of_the_district(wgs: LatLon, gcj: tuple[float, float]) -> None:
    assert near(convert(wgs, Crs.WGS84, Crs.GCJ02), *gcj, 6e-7)


def test_to_baidu_and_identity() -> None:
    assert near(convert(HEZHUANG, Crs.WGS84, Crs.BD09), 30.304076, 120.471983, 6e-7)
    assert convert(HEZHUANG, Crs.GCJ02, Crs.GCJ02) == HEZHUANG


def test_nothing_is_shifted_outside_china() -> None:
    paris = LatLon(48.8566, 2.3522)
    assert convert(paris, Crs.WGS84, Crs.GCJ02) == convert(paris, Crs.GCJ02, Crs.WGS84) == paris


@given(st.floats(18.5, 53.0), st.floats(74.0, 135.0), st.sampled_from([Crs.GCJ02, Crs.BD09]))
def test_there_and_back(lat: float, lon: float, crs: Crs) -> None:
    point = LatLon(lat, lon)
    assert near(convert(convert(point, Crs.WGS84, crs), crs, Crs.WGS84), lat, lon, 1e-8)


@pytest.mark.parametrize(
    "text",
    [
        "30.30015,120.46107",
        "120.46107, 30.30015",
        "120.46107，30.30015",
        "30.30015 120.46107",
        "３０．３００１５，１２０．４６１０７",
        "北纬30.30015，东经120.46107",
        "120.46107°E, 30.30015°N",
        "\u200b30.30015、120.46107",
    ],
)
def test_points_as_maps_give_them(text: str) -> None:
    assert parse_point(text, Crs.WGS84) == HEZHUANG


def test_points_of_other_systems_become_wgs() -> None:
    assert near(parse_point("120.465547,30.297812", Crs.GCJ02), 30.30015, 120.46107, 2e-6)
    assert near(parse_point("120.471983,30.304076", Crs.BD09), 30.30015, 120.46107, 2e-6)
    assert parse_point("45°N, 88°E", Crs.WGS84) == LatLon(45, 88)
    assert parse_point("88E, 45N", Crs.WGS84) == LatLon(45, 88)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "不是一个位置"),
        ("30.3", "不是一个位置"),
        ("30.3, 一百二", "不是一个位置"),
        ("1e1,120", "不是一个位置"),
        ("nan,inf", "不是一个位置"),
        ("45, 88", "看不出哪个是经度"),
        ("30, 200", "不在地球上"),
        ("120, 130", "不在地球上"),
    ],
)
def test_what_is_no_point(text: str, says: str) -> None:
    with pytest.raises(InvalidValue, match=says):
        parse_point(text, Crs.WGS84)


def test_distances() -> None:
    assert geodesic_m(HEZHUANG, YIPENG) == pytest.approx(5050, abs=15)
    assert geodesic_m(HEZHUANG, HEZHUANG) == 0


def test_flat_distance_is_close_enough_to_order_by() -> None:
    corners = [LatLon(lat, lon) for lat in (30.19, 30.3, 30.42) for lon in (120.26, 120.45, 120.68)]
    for one, other in combinations([*corners, HEZHUANG, YIPENG], 2):
        assert flat_m(one, other) == pytest.approx(geodesic_m(one, other), rel=0.005)


def test_travel_times() -> None:
    assert commute_minutes(0, TravelMode.WALK, DEFAULT_COMMUTE) == 0
    assert commute_minutes(1000, TravelMode.WALK, DEFAULT_COMMUTE) == 17
    assert commute_minutes(5050, TravelMode.EBIKE, DEFAULT_COMMUTE) == 27
    assert commute_minutes(5050, TravelMode.SHUTTLE, DEFAULT_COMMUTE) == 14
    for distance in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="distance"):
            commute_minutes(distance, TravelMode.WALK, DEFAULT_COMMUTE)


def test_between_the_centres_of_two_streets() -> None:
    """The rulebook's vector: 河庄 to 义蓬, 5,050 m straight."""
    straight = flat_m(HEZHUANG, YIPENG)
    assert straight == pytest.approx(5050, abs=1)
    assert [commute_minutes(straight, mode, DEFAULT_COMMUTE) for mode in TravelMode] == [83, 27, 14]
    slower = CommuteRule(detour=1.5, walk_kmh=4, ebike_kmh=20, shuttle_kmh=25)
    assert [commute_minutes(straight, mode, slower) for mode in TravelMode] == [114, 23, 19]


RULES = st.builds(
    CommuteRule,
    detour=st.floats(1, 3),
    walk_kmh=st.floats(2, 8),
    ebike_kmh=st.floats(5, 40),
    shuttle_kmh=st.floats(10, 80),
)


@given(st.integers(0, 240), st.sampled_from(TravelMode), RULES)
def test_what_is_within_reach_takes_no_longer(minutes: int, mode: TravelMode, rule: CommuteRule) -> None:
    assert commute_minutes(reach_m(minutes, mode, rule), mode, rule) == minutes
    assert commute_minutes(reach_m(minutes, mode, rule) + 5, mode, rule) == minutes + 1


# --- the way to one gate --------------------------------------------------------------------------


def north_of(point: LatLon, metres: float) -> LatLon:
    return LatLon(point.lat + metres / 111_200, point.lon)


NEAR_STOP = Boarding(north_of(HEZHUANG, 3000), "北站", 6, {"330114003201": 9})
FAR_STOP = Boarding(north_of(HEZHUANG, 6000), "远站", 12)
BY_SHUTTLE = WayToWork(HEZHUANG, TravelMode.SHUTTLE, DEFAULT_COMMUTE, (NEAR_STOP, FAR_STOP))
BY_EBIKE = WayToWork(HEZHUANG, TravelMode.EBIKE, DEFAULT_COMMUTE, (Boarding(HEZHUANG),))


def test_a_shuttle_is_boarded_where_walking_and_riding_take_least() -> None:
    assert BY_SHUTTLE.from_point(north_of(HEZHUANG, 3000 + 480)) == Way(6 + 8, "北站")
    assert BY_SHUTTLE.from_point(north_of(HEZHUANG, 6000)) == Way(12, "远站")
    between = BY_SHUTTLE.from_point(north_of(HEZHUANG, 4500))
    assert between == Way(6 + 25, "北站"), (
        "the nearer of two stops equally far is the one with the shorter ride"
    )
    assert BY_SHUTTLE.least_minutes == 6
    nobody = WayToWork(HEZHUANG, TravelMode.SHUTTLE, DEFAULT_COMMUTE, ())
    assert nobody.from_point(HEZHUANG) is None
    assert nobody.from_house("330114003201", HEZHUANG, pinned=False) is None


def test_only_a_house_without_a_pin_counts_as_its_village() -> None:
    at_stop = NEAR_STOP.point
    assert BY_SHUTTLE.from_house("330114003201", at_stop, pinned=True) == Way(6, "北站")
    assert BY_SHUTTLE.from_house("330114003201", at_stop, pinned=False) == Way(15, "北站")
    assert BY_SHUTTLE.from_house("330114003202", at_stop, pinned=False) == Way(6, "北站")


def test_a_reach_is_circles_and_villages() -> None:
    assert BY_EBIKE.within(15) == Reach((Circle(HEZHUANG, reach_m(15, TravelMode.EBIKE, DEFAULT_COMMUTE)),))
    by_shuttle = BY_SHUTTLE.within(10)
    assert [circle.centre for circle in by_shuttle.circles] == [NEAR_STOP.point], (
        "12 minutes of riding are more"
    )
    assert by_shuttle.routed == ("330114003201",)
    assert by_shuttle.villages == ()
    assert [code for code, _metres in BY_SHUTTLE.within(15).villages] == ["330114003201"]
    assert BY_SHUTTLE.within(5).circles == ()


BOARDINGS = st.lists(
    st.builds(
        Boarding,
        st.builds(LatLon, st.floats(30.25, 30.35), st.floats(120.4, 120.6)),
        st.just("站"),
        st.integers(0, 30),
        st.dictionaries(st.sampled_from(["330114003201", "330114003202"]), st.integers(0, 60)),
    ),
    max_size=4,
)


@given(
    BOARDINGS,
    st.sampled_from(TravelMode),
    RULES,
    st.integers(1, 60),
    st.builds(LatLon, st.floats(30.25, 30.35), st.floats(120.4, 120.6)),
    st.sampled_from(["330114003201", "330114003203"]),
    st.booleans(),
)
def test_a_house_is_in_reach_exactly_if_its_way_is_as_short(
    boardings: list[Boarding],
    mode: TravelMode,
    rule: CommuteRule,
    minutes: int,
    point: LatLon,
    village: str,
    pinned: bool,
) -> None:
    """What the index looks for, against what is said of each house; and the order is that of the minutes."""
    way = WayToWork(HEZHUANG, mode, rule, tuple(boardings))
    reach = way.within(minutes)
    if not pinned and village in reach.routed:
        worth = [metres for code, metres in reach.villages if code == village]
    else:
        worth = [
            flat_m(circle.centre, point) + circle.ahead_m
            for circle in reach.circles
            if flat_m(circle.centre, point) <= circle.reach_m
        ]
    said = way.from_house(village, point, pinned=pinned)
    assert bool(worth) == (said is not None and said.minutes <= minutes)
    if worth and said:
        assert commute_minutes(min(worth), way.own_mode, rule) == said.minutes


@pytest.mark.parametrize(
    ("lat", "lon", "expected"),
    [
        (30.31023, 120.31718, True),
        (30.308, 120.375, True),
        (30.30015, 120.46107, True),
        (30.26158, 120.48884, True),
        (30.27889, 120.53857, True),
        (30.272, 120.62, True),
        (30.312, 120.575, True),
        (30.32525, 120.48945, True),
        (30.25, 120.17, False),
        (30.22, 120.60, False),
        (30.45, 120.50, False),
    ],
)
def test_the_district_holds_its_own_places(lat: float, lon: float, expected: bool) -> None:
    assert inside(OUTLINE, LatLon(lat, lon)) is expected


def test_holes_and_kinds_of_geometry() -> None:
    square = [[0, 0], [10, 0], [10, 10], [0, 10]]
    hole = [[4, 4], [6, 4], [6, 6], [4, 6], [4, 4]]
    outline = outline_from_geojson({"type": "Polygon", "coordinates": [square, hole]})
    assert inside(outline, LatLon(2, 2))
    assert not inside(outline, LatLon(5, 5))
    assert not inside(outline, LatLon(11, 5))
    with pytest.raises(ValueError, match="no outline in a Point"):
        outline_from_geojson({"type": "Point", "coordinates": [0, 0]})


@pytest.mark.parametrize(
    ("street", "count", "centre"),
    [
        ("330114003", 20, HEZHUANG),
        ("330114004", 22, YIPENG),
        ("330114005", 12, XINWAN),
        ("330114006", 2, LatLon(30.272, 120.62)),
        ("330114007", 3, LatLon(30.312, 120.575)),
    ],
)
def test_villages_spread_inside_the_district(street: str, count: int, centre: LatLon) -> None:
    codes = [f"{street}{200 + number}" for number in range(count)]
    points = village_points(reversed(codes), centre, OUTLINE)
    assert list(points) == codes
    for point in points.values():
        assert inside(OUTLINE, point)
        assert geodesic_m(point, centre) <= 2000
    assert all(geodesic_m(one, other) >= 150 for one, other in combinations(points.values(), 2))
    assert village_points(codes, centre, OUTLINE) == points
    assert village_points(codes[:-1], centre, OUTLINE) == dict(list(points.items())[:-1])


def test_a_centre_outside_keeps_the_pin_at_the_centre() -> None:
    beijing = LatLon(39.9, 116.4)
    assert offset_point("330114003200", beijing, OUTLINE) == beijing
