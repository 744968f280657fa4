from datetime import date, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql import Range

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.period import Period, add_months, anchor_periods, calendar_periods

days = st.dates(date(1950, 1, 1), date(2150, 12, 31))


@st.composite
def periods(draw: st.DrawFn, open_ended: bool = True) -> Period:
    start = draw(days)
    length = draw(st.integers(1, 1500))
    if open_ended and draw(st.integers(0, 9)) == 0:
        return Period(start)
    return Period(start, start + timedelta(days=length))


def d(text: str) -> date:
    return date.fromisoformat(text)


def test_the_last_day_is_outside() -> None:
    march = Period(d("2026-03-10"), d("2026-04-01"))
    assert march.days == 22
    assert march.inclusive_end == d("2026-03-31")
    assert march.contains(d("2026-03-10"))
    assert not march.contains(d("2026-04-01"))
    assert march == Period.through(d("2026-03-10"), d("2026-03-31"))


@pytest.mark.parametrize(
    ("start", "end", "sentence"),
    [
        ("2026-12-01", "2026-12-01", "结束日期 2026-12-01 应晚于开始日期 2026-12-01，请改晚一点"),
        ("2026-12-01", "2026-11-30", "结束日期 2026-11-30 应晚于开始日期 2026-12-01，请改晚一点"),
        ("0001-01-01", "2026-11-30", "日期 0001-01-01 不对，请核对年份"),
        ("2026-01-01", "9999-12-31", "日期 9999-12-31 不对，请核对年份"),
    ],
)
def test_impossible_bounds_are_refused(start: str, end: str, sentence: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Period(d(start), d(end))
    assert refused.value.message == sentence


def test_through_refuses_as_the_page_shows_it() -> None:
    with pytest.raises(InvalidValue, match="最后一天 2026-11-29 早于第一天 2026-11-30"):
        Period.through(d("2026-11-30"), d("2026-11-29"))
    with pytest.raises(InvalidValue, match="核对年份"):
        Period.through(d("2026-11-30"), date.max)


def test_instants_are_no_dates() -> None:
    with pytest.raises(TypeError):
        Period(datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test


def test_without_end() -> None:
    forever = Period(d("2026-03-10"))
    assert forever.inclusive_end is None
    assert forever.contains(d("2100-01-01"))
    assert forever.covers(Period(d("2026-03-11")))
    assert not Period(d("2026-03-10"), d("2027-01-01")).covers(forever)
    with pytest.raises(ValueError, match="without end"):
        _ = forever.days


def test_periods_that_touch_do_not_overlap() -> None:
    first = Period(d("2026-01-01"), d("2026-02-01"))
    second = Period(d("2026-02-01"), d("2026-03-01"))
    assert not first.overlaps(second)
    assert first.intersect(second) is None


@given(periods(), periods(), days)
def test_intersection_holds_exactly_the_common_days(one: Period, other: Period, day: date) -> None:
    common = one.intersect(other)
    assert one.overlaps(other) == other.overlaps(one) == (common is not None)
    assert (common is not None and common.contains(day)) == (one.contains(day) and other.contains(day))
    if common is not None:
        assert one.covers(common)
        assert other.covers(common)
    assert one.covers(other) == (common == other)


@given(periods())
def test_the_database_range_reads_back(period: Period) -> None:
    assert Period.from_range(period.to_range()) == period
    assert period.to_range().bounds == "[)"


def test_other_bounds_are_read_and_empty_ranges_refused() -> None:
    assert Period.from_range(Range(d("2026-01-01"), d("2026-01-31"), bounds="[]")) == Period(
        d("2026-01-01"), d("2026-02-01")
    )
    assert Period.from_range(Range(d("2025-12-31"), d("2026-02-01"), bounds="()")) == Period(
        d("2026-01-01"), d("2026-02-01")
    )
    empty: Range[date] = Range(empty=True)
    for value in (empty, Range(None, d("2026-01-01"))):
        with pytest.raises(ValueError, match="not a period"):
            Period.from_range(value)


def inclusive(period: Period) -> str:
    return f"{period.starts_on:%m-%d}..{period.inclusive_end:%m-%d}"


def test_months_from_the_31st_step_from_the_anchor() -> None:
    pieces = list(anchor_periods(Period(d("2026-01-31"), d("2026-05-31"))))
    assert [inclusive(piece.period) for piece in pieces] == [
        "01-31..02-27",
        "02-28..03-30",
        "03-31..04-29",
        "04-30..05-30",
    ]
    assert all(piece.whole for piece in pieces)


def test_quarters_from_the_10th() -> None:
    pieces = islice(anchor_periods(Period(d("2026-03-10")), months=3), 4)
    assert [piece.period.inclusive_end for piece in pieces] == [
        d("2026-06-09"),
        d("2026-09-09"),
        d("2026-12-09"),
        d("2027-03-09"),
    ]


def test_a_short_last_anchor_month_keeps_its_base() -> None:
    last = list(anchor_periods(Period(d("2026-01-10"), d("2026-02-20"))))[-1]
    assert not last.whole
    assert last.period == Period(d("2026-02-10"), d("2026-02-20"))
    assert last.base == Period(d("2026-02-10"), d("2026-03-10"))


def test_a_room_that_joins_a_running_lease_keeps_the_lease_s_months() -> None:
    first, second = anchor_periods(Period(d("2026-02-20"), d("2026-03-20")), anchor=d("2026-01-10"))
    assert (first.period, first.whole) == (Period(d("2026-02-20"), d("2026-03-10")), False)
    assert first.base == Period(d("2026-02-10"), d("2026-03-10"))
    assert second.base == Period(d("2026-03-10"), d("2026-04-10"))
    with pytest.raises(ValueError, match="anchor"):
        next(anchor_periods(Period(d("2026-02-20")), anchor=d("2026-02-21")))


def test_calendar_months_cut_both_ends() -> None:
    pieces = list(calendar_periods(Period(d("2026-03-10"), d("2026-05-11"))))
    assert [(inclusive(piece.period), piece.whole, piece.base.days) for piece in pieces] == [
        ("03-10..03-31", False, 31),
        ("04-01..04-30", True, 30),
        ("05-01..05-10", False, 31),
    ]


def test_a_stay_inside_one_month_is_one_part() -> None:
    (piece,) = calendar_periods(Period(d("2026-03-10"), d("2026-03-12")))
    assert not piece.whole
    assert piece.base.days == 31


def test_pieces_without_end_stop_where_dates_do() -> None:
    assert sum(1 for _ in anchor_periods(Period(d("2190-01-31")))) == 119
    assert sum(1 for _ in calendar_periods(Period(d("2190-01-31")))) == 119


def test_a_cycle_needs_a_month() -> None:
    with pytest.raises(ValueError, match="at least one month"):
        next(anchor_periods(Period(d("2026-01-01")), 0))


@pytest.mark.parametrize(
    ("anchor", "months", "result"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-01-31", -2, "2025-11-30"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2026-05-05", 0, "2026-05-05"),
    ],
)
def test_adding_months(anchor: str, months: int, result: str) -> None:
    assert add_months(d(anchor), months) == d(result)


@given(periods(open_ended=False), st.integers(1, 12), st.booleans())
def test_pieces_tile_the_period(period: Period, months: int, by_calendar: bool) -> None:
    pieces = list(calendar_periods(period) if by_calendar else anchor_periods(period, months))
    assert pieces[0].period.starts_on == period.starts_on
    assert pieces[-1].period.ends_on == period.ends_on
    for before, after in pairwise(pieces):
        assert before.period.ends_on == after.period.starts_on
    for piece in pieces:
        assert piece.base.covers(piece.period)
        assert piece.whole == (piece.base == piece.period)
    inner = pieces[1:-1] if by_calendar else pieces[:-1]
    assert all(piece.whole for piece in inner)
