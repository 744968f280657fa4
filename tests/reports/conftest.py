"""What every test of the figures needs."""

import pytest

from qiantang_nest.reports.views.public import forget_free_rooms


@pytest.fixture(autouse=True)
def _count_anew() -> None:
    """The public home keeps its count for a minute, and the clock of tests stands still."""
    forget_free_rooms()
