from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.housing.rules import (
    FEATURES,
    HABITABLE,
    DocumentKind,
    Feature,
    GateFacts,
    GateLack,
    RoomKind,
    check_beds,
    document_kind_label,
    feature_label,
    gate_lack_label,
    gate_lacks,
    legal_capacity,
    needs_management,
    room_capacity,
    room_kind_label,
)


@pytest.mark.parametrize(
    ("area", "heads"), [("7.9", 1), ("8.0", 2), ("20.0", 2), ("3.9", 0), ("4", 1), ("0.1", 0)]
)
def test_legal_capacity(area: str, heads: int) -> None:
    assert legal_capacity(Decimal(area)) == heads


def test_the_district_may_set_other_figures() -> None:
    assert legal_capacity(Decimal("20"), cap=6, m2_per_person=Decimal("6")) == 3
    assert legal_capacity(Decimal("11.9"), m2_per_person=Decimal("6")) == 1
    for cap, area in ((0, "4"), (2, "0"), (2, "-1")):
        with pytest.raises(ValueError, match="capacity rule"):
            legal_capacity(Decimal("8"), cap, Decimal(area))


@pytest.mark.parametrize("area", ["0", "-3", "NaN", "Infinity", "-Infinity"])
def test_an_area_is_a_number_above_nothing(area: str) -> None:
    with pytest.raises(InvalidValue, match="使用面积应大于 0"):
        legal_capacity(Decimal(area))


@given(
    st.decimals(Decimal("0.1"), Decimal("999"), places=1),
    st.integers(1, 20),
    st.decimals(Decimal(1), Decimal(50), places=1),
)
def test_nobody_ever_gets_less_than_the_area_of_the_rule(area: Decimal, cap: int, each: Decimal) -> None:
    heads = legal_capacity(area, cap, each)
    assert 0 <= heads <= cap
    assert heads * each <= area
    assert heads == cap or (heads + 1) * each > area


def test_only_bedrooms_and_living_rooms_sleep_anyone() -> None:
    assert {kind for kind in RoomKind if room_capacity(kind, Decimal("30"))} == HABITABLE
    assert HABITABLE == {RoomKind.BEDROOM, RoomKind.LIVING_ROOM}


def test_beds_within_capacity() -> None:
    assert check_beds(2, 2) == 2
    with pytest.raises(InvalidValue, match="您填了 3 张床，这间房按规定最多住 2 人，请改少"):
        check_beds(3, 2)
    with pytest.raises(InvalidValue, match="不能住人"):
        check_beds(1, 0)
    with pytest.raises(InvalidValue, match="至少是 1"):
        check_beds(0, 2)


@pytest.mark.parametrize(
    ("rooms", "beds", "flag"), [(9, 9, False), (10, 5, True), (5, 10, True), (0, 0, False)]
)
def test_ten_rooms_or_ten_beds_need_a_manager(rooms: int, beds: int, flag: bool) -> None:
    assert needs_management(rooms, beds) is flag


READY = GateFacts(
    room_kind=RoomKind.BEDROOM,
    capacity=2,
    beds=2,
    documents=(DocumentKind.PERMIT,),
    safe_until=date(2027, 3, 1),
    open_major_hazards=0,
    dangerous=False,
    offered_from=date(2026, 12, 1),
)


@pytest.mark.parametrize(
    ("facts", "lacks"),
    [
        (READY, []),
        (replace(READY, documents=(DocumentKind.APPRAISAL,)), []),
        (replace(READY, documents=(DocumentKind.TITLE,)), []),
        (replace(READY, documents=()), [GateLack.NO_DOCUMENT]),
        (replace(READY, safe_until=None), [GateLack.NO_SAFETY_CHECK]),
        (replace(READY, safe_until=date(2026, 12, 2)), []),
        (replace(READY, safe_until=date(2026, 12, 1)), [GateLack.SAFETY_CHECK_EXPIRED]),
        (replace(READY, open_major_hazards=1), [GateLack.MAJOR_HAZARD_OPEN]),
        (replace(READY, dangerous=True), [GateLack.DANGEROUS_HOUSE]),
        (replace(READY, room_kind=RoomKind.KITCHEN, capacity=0, beds=0), [GateLack.ROOM_NOT_HABITABLE]),
        (replace(READY, capacity=0, beds=0), [GateLack.ROOM_TOO_SMALL]),
        (replace(READY, beds=0), [GateLack.NO_BED]),
        (
            replace(READY, dangerous=True, documents=(), safe_until=None, open_major_hazards=2),
            [
                GateLack.DANGEROUS_HOUSE,
                GateLack.NO_DOCUMENT,
                GateLack.NO_SAFETY_CHECK,
                GateLack.MAJOR_HAZARD_OPEN,
            ],
        ),
    ],
)
def test_the_gate_names_everything_that_is_missing(facts: GateFacts, lacks: list[GateLack]) -> None:
    assert gate_lacks(facts) == lacks


def test_everything_has_its_own_words() -> None:
    for words in (
        [room_kind_label(kind) for kind in RoomKind],
        [feature_label(feature) for feature in Feature],
        [document_kind_label(kind) for kind in DocumentKind],
        [gate_lack_label(lack) for lack in GateLack],
    ):
        assert all(words)
        assert len(set(words)) == len(words)
    assert len(FEATURES) == len(Feature)
