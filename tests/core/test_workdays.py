from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiantang_nest.core.workdays import (
    add_workdays,
    calendar_known,
    calendar_known_between,
    is_workday,
    next_workday_on_or_after,
)

days = st.dates(date(2003, 1, 1), date(2040, 12, 31))


def test_registration_over_spring_festival() -> None:
    # Saturday the 14th is a make-up workday, the 15th to the 23rd are holidays.
    assert add_workdays(date(2026, 2, 13), 3) == date(2026, 2, 25)


def test_a_due_day_in_the_holiday_moves_behind_it() -> None:
    assert next_workday_on_or_after(date(2026, 2, 20)) == date(2026, 2, 24)
    assert next_workday_on_or_after(date(2026, 2, 24)) == date(2026, 2, 24)


def test_kinds_of_days() -> None:
    assert is_workday(date(2026, 2, 14))
    assert not is_workday(date(2026, 2, 17))
    assert not is_workday(date(2026, 11, 28))
    assert is_workday(date(2026, 11, 30))


def test_years_without_a_calendar_count_by_week_ends() -> None:
    assert calendar_known(2026)
    assert not calendar_known(2099)
    assert not calendar_known(2003)
    assert is_workday(date(2099, 10, 1))
    assert not is_workday(date(2099, 10, 3))
    assert calendar_known_between(date(2025, 12, 31), date(2026, 1, 2))
    assert not calendar_known_between(date(2026, 12, 31), date(2099, 1, 1))


def test_counting_goes_forwards() -> None:
    assert add_workdays(date(2026, 2, 17), 0) == date(2026, 2, 17)
    with pytest.raises(ValueError, match="forwards"):
        add_workdays(date(2026, 2, 17), -1)


@given(days, st.integers(1, 30))
def test_exactly_count_workdays_lie_between(day: date, count: int) -> None:
    result = add_workdays(day, count)
    between = [day + timedelta(days=step) for step in range(1, (result - day).days + 1)]
    assert sum(map(is_workday, between)) == count
    assert is_workday(result)


@given(days)
def test_the_next_workday_is_near(day: date) -> None:
    result = next_workday_on_or_after(day)
    assert is_workday(result)
    assert day <= result <= day + timedelta(days=15)
