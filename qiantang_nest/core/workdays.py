"""Working days of the PRC: public holidays and make-up workdays.

The State Council publishes a year's holidays late in the year before. A year that the calendar does not
hold yet is counted by week-ends alone; ``calendar_known`` tells, and pages that show such a day say so.
"""

from datetime import date, timedelta

import chinese_calendar

_HOLIDAYS: frozenset[date] = frozenset(chinese_calendar.holidays)
_MAKE_UP_WORKDAYS: frozenset[date] = frozenset(chinese_calendar.workdays)
# A year is known when its own National Day is: the last days of December can belong to next year's holiday.
_KNOWN_YEARS: frozenset[int] = frozenset(day.year for day in _HOLIDAYS if (day.month, day.day) == (10, 1))

SATURDAY = 5


def calendar_known(year: int) -> bool:
    """Say whether the holidays of ``year`` are loaded, or its days are counted by week-ends alone."""
    return year in _KNOWN_YEARS


def calendar_known_between(first: date, last: date) -> bool:
    """Say whether the holidays of every year from ``first`` to ``last`` are loaded."""
    return all(calendar_known(year) for year in range(first.year, last.year + 1))


def is_workday(day: date) -> bool:
    """Say whether people work on ``day``: make-up workdays count as work, holidays and week-ends do not."""
    if day in _MAKE_UP_WORKDAYS:
        return True
    return day.weekday() < SATURDAY and day not in _HOLIDAYS


def add_workdays(day: date, count: int) -> date:
    """Return the ``count``-th workday after ``day``; ``day`` itself is not counted (Civil Code 201).

    ``add_workdays(arrival, 3)`` is the last day to register an arrival: Friday 2026-02-13 → 2026-02-25.
    With 0 the day itself.

    Raises:
        ValueError: ``count`` is negative.
    """
    if count < 0:
        raise ValueError("workdays are counted forwards")
    while count:
        day += timedelta(days=1)
        if is_workday(day):
            count -= 1
    return day


def next_workday_on_or_after(day: date) -> date:
    """Return ``day`` if it is a workday, else the first one after it (Civil Code 203): 2026-02-20 → 02-24."""
    while not is_workday(day):
        day += timedelta(days=1)
    return day
