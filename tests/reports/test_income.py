"""How rent spreads over households."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from qiantang_nest.billing.models import Bill
from qiantang_nest.reports.queries.income import spread_by_village, spread_of
from qiantang_nest.reports.rules.income import gini, lorenz
from tests import factories
from tests.bookings.test_block import text_of
from tests.conftest import sign_in
from tests.factories import OTHER_STREET_VILLAGE, TODAY, VILLAGE

YEAR = TODAY - timedelta(days=365)


def of(incomes: list[int]) -> float | None:
    order = sorted(incomes)
    return gini(len(order), sum(order), sum(rank * own for rank, own in enumerate(order, 1)))


def test_known_values() -> None:
    assert of([]) is None
    assert of([0, 0]) is None
    assert of([5, 5, 5, 5]) == pytest.approx(0)
    assert of([0, 0, 0, 100]) == pytest.approx(0.75)
    assert of([1, 2, 3, 4]) == pytest.approx(0.25)
    assert lorenz([(1, 0), (1, 100)]) == [(0.0, 0.0), (0.5, 0.0), (1.0, 1.0)]


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=50))
def test_between_nothing_and_one_and_the_curve_never_above_the_diagonal(incomes: list[int]) -> None:
    value = of(incomes)
    assert value is None or -1e-9 <= value < 1
    curve = lorenz((1, own) for own in sorted(incomes))
    assert all(rent <= share + 1e-9 for share, rent in curve)


BARE = pytest.mark.breaks_invariants("bills of round sums, without lines and ledger: only they are added up")


def household(village: str, rent_fen: int, enterprise: Any, **bill: Any) -> None:
    owner = factories.make_owner(village)
    room = factories.make_room(factories.make_house(owner))
    factories.make_listing(room)
    lease = factories.make_lease(enterprise, [room])
    if rent_fen:
        values: dict[str, Any] = {"kind": "rent", "seq": 1, "starts_on": TODAY - timedelta(days=60), **bill}
        factories.add(
            Bill(
                number=f"ZD-{lease.id}",
                lease_id=lease.id,
                owner_id=owner.id,
                enterprise_id=enterprise.id,
                village_code=village,
                amount_fen=rent_fen,
                ends_on=TODAY - timedelta(days=30),
                issued_on=TODAY - timedelta(days=60),
                due_on=TODAY - timedelta(days=50),
                **values,
            )
        )


@BARE
def test_only_households_on_offer_and_rent_of_the_year_count(db_session: Any) -> None:
    enterprise = factories.make_enterprise()
    household(VILLAGE, 10_000, enterprise)
    household(VILLAGE, 30_000, enterprise)
    household(VILLAGE, 0, enterprise)
    household(VILLAGE, 99_000, enterprise, kind="deposit", seq=0)
    household(OTHER_STREET_VILLAGE, 7_000, enterprise)
    factories.make_owner(VILLAGE)
    here, there = spread_by_village("330114", YEAR, TODAY)
    assert (here.households, here.rent_fen, here.without) == (4, 40_000, 2)
    assert here.gini == pytest.approx(of([0, 0, 10_000, 30_000]))
    assert (there.households, there.gini) == (1, pytest.approx(0))
    whole = spread_of("330114", YEAR, TODAY)
    assert (whole.households, whole.rent_fen) == (5, 47_000)
    assert whole.gini == pytest.approx(of([0, 0, 7_000, 10_000, 30_000]))


@BARE
def test_the_page_of_a_district_and_of_a_street(client: FlaskClient, at_now: None) -> None:
    enterprise = factories.make_enterprise()
    household(VILLAGE, 10_000, enterprise)
    household(OTHER_STREET_VILLAGE, 20_000, enterprise)
    sign_in(client, factories.make_district_officer())
    shown = text_of(client.get("/income-spread"))
    assert "洛伦兹曲线" in shown
    assert "义蓬村" in shown
    sign_in(client, factories.make_street_officer())
    assert "义蓬村" not in text_of(client.get("/income-spread"))
    assert client.get(f"/income-spread?village={OTHER_STREET_VILLAGE}").status_code == 404
    assert client.get(f"/income-spread?village={VILLAGE}").status_code == 200
