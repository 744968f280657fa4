"""The settable clock and the business date of Hangzhou."""

from datetime import UTC, date, datetime, timedelta

import pytest

from qiantang_nest.core import clock

LATE_EVENING_UTC = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)


def test_the_business_date_changes_at_midnight_in_hangzhou():
    assert clock.business_date(LATE_EVENING_UTC) == date(2026, 11, 24)
    assert clock.business_date(LATE_EVENING_UTC - timedelta(hours=1)) == date(2026, 11, 23)


def test_it_stands_still_inside_the_block_only():
    with clock.frozen_at(LATE_EVENING_UTC):
        assert clock.now() == LATE_EVENING_UTC
        assert clock.today() == date(2026, 11, 24)
    assert clock.now() != LATE_EVENING_UTC


def test_it_refuses_an_instant_without_a_zone():
    with pytest.raises(ValueError, match="aware"), clock.frozen_at(datetime(2026, 11, 23)):  # noqa: DTZ001
        pass


def test_a_process_may_start_at_another_instant():
    try:
        clock.start_at(LATE_EVENING_UTC)
        assert timedelta(0) <= clock.now() - LATE_EVENING_UTC < timedelta(minutes=1)
    finally:
        clock.start_at(None)
