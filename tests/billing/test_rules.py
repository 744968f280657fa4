from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiantang_nest.billing.rules import (
    Allocated,
    Convention,
    Debt,
    LeaseTerms,
    Proration,
    allocate,
    cycle_on,
    cycle_pieces,
    explain,
    explain_deposit,
    overdue_days,
    receipt_number,
    schedule,
)
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.period import Period, anchor_periods, calendar_periods
from qiantang_nest.core.workdays import is_workday


def d(text: str) -> date:
    return date.fromisoformat(text)


def terms(first: str, last: str, rent: int = 60000, **changes: object) -> LeaseTerms:
    return replace(LeaseTerms(rent, Period.through(d(first), d(last))), **changes)  # type: ignore[arg-type]


CALENDAR = {"convention": Convention.CALENDAR}


@pytest.mark.parametrize(
    ("first", "last", "by_days", "by_thirty"),
    [
        ("2026-03-10", "2026-03-31", 42581, 44000),
        ("2027-02-01", "2027-02-10", 21429, 20000),
        ("2026-03-01", "2026-03-31", 60000, 60000),
        ("2027-02-01", "2027-02-28", 60000, 60000),
        ("2026-03-02", "2026-03-31", 58065, 60000),
        ("2026-03-10", "2026-03-10", 1935, 2000),
    ],
)
def test_parts_of_a_calendar_month(first: str, last: str, by_days: int, by_thirty: int) -> None:
    (line,) = schedule(terms(first, last, **CALENDAR))
    assert line.amount_fen == by_days
    (line,) = schedule(terms(first, last, **CALENDAR, proration=Proration.THIRTY))
    assert line.amount_fen == by_thirty


def test_anchor_months_are_whole_whatever_their_length() -> None:
    lines = schedule(terms("2026-01-31", "2026-05-30"))
    assert [line.amount_fen for line in lines] == [60000] * 4
    assert [line.days for line in lines] == [28, 31, 30, 31]
    assert [line.base_days for line in lines] == [28, 31, 30, 31]


def test_a_part_of_an_anchor_month_divides_by_that_anchor_month() -> None:
    *_, last = schedule(terms("2026-01-10", "2026-02-19"))
    # 10 of the 28 days from 10 February to 9 March.
    assert (last.days, last.base_days, last.amount_fen) == (10, 28, 21429)
    *_, last = schedule(terms("2026-01-10", "2026-02-19", proration=Proration.THIRTY))
    assert (last.days, last.base_days, last.amount_fen) == (10, 30, 20000)


def test_a_year_by_calendar_months() -> None:
    lines = schedule(terms("2026-03-10", "2027-03-09", **CALENDAR))
    assert len(lines) == 13
    assert [line.whole for line in lines] == [False] + [True] * 11 + [False]
    assert lines[0].amount_fen + lines[-1].amount_fen == 42581 + 17419
    assert [line.seq for line in lines] == list(range(1, 14))


def test_issue_and_due_days() -> None:
    first, second, *_ = schedule(terms("2026-02-15", "2026-12-14"))
    assert first.issue_on == d("2026-02-08")
    # 20 February 2026 lies in the Spring Festival holiday.
    assert first.due_on == d("2026-02-24")
    assert second.issue_on == d("2026-03-08")
    assert second.due_on == d("2026-03-20")
    first, second, *_ = schedule(
        terms("2026-03-10", "2026-12-31", **CALENDAR, grace_days=0, bill_lead_days=3)
    )
    assert (first.issue_on, first.due_on) == (d("2026-03-07"), d("2026-03-10"))
    assert (second.issue_on, second.due_on) == (d("2026-03-29"), d("2026-04-01"))


def test_a_quarter_is_billed_in_months_on_one_day() -> None:
    lines = schedule(terms("2026-03-10", "2026-10-09", cycle_months=3))
    assert [line.seq for line in lines] == [1, 1, 1, 2, 2, 2, 3]
    assert {line.due_on for line in lines[:3]} == {d("2026-03-16")}
    assert {line.issue_on for line in lines[3:6]} == {d("2026-06-03")}
    lines = schedule(terms("2026-03-10", "2026-10-09", cycle_months=3, **CALENDAR))
    assert [line.seq for line in lines] == [1, 1, 1, 2, 2, 2, 3, 3]
    assert {line.issue_on for line in lines[3:6]} == {d("2026-05-25")}


def test_a_room_that_joins_later_falls_into_the_lease_s_bills() -> None:
    whole = schedule(terms("2026-01-10", "2026-04-09"))
    joined = schedule(terms("2026-02-20", "2026-04-09", anchor_on=d("2026-01-10")))
    assert [line.seq for line in joined] == [2, 3]
    assert not joined[0].whole
    assert joined[0].amount_fen == 38571
    assert joined[0].due_on == d("2026-02-25")
    assert (joined[1].issue_on, joined[1].due_on) == (whole[2].issue_on, whole[2].due_on)


def test_terms_that_make_no_schedule() -> None:
    for changes in (
        {"period": Period(d("2026-01-01"))},
        {"rent_fen": -1},
        {"cycle_months": 0},
        {"grace_days": -1},
        {"bill_lead_days": -1},
        {"anchor_on": d("2026-01-02")},
    ):
        with pytest.raises(ValueError, match=r"end|negative|anchor"):
            terms("2026-01-01", "2026-12-31", **changes)


@st.composite
def any_terms(draw: st.DrawFn) -> LeaseTerms:
    start = draw(st.dates(d("2020-01-01"), d("2030-12-31")))
    return LeaseTerms(
        rent_fen=draw(st.integers(100, 10**7)),
        period=Period(start, start + timedelta(days=draw(st.integers(1, 1200)))),
        convention=draw(st.sampled_from(Convention)),
        proration=draw(st.sampled_from(Proration)),
        cycle_months=draw(st.integers(1, 12)),
        bill_lead_days=draw(st.integers(0, 30)),
        grace_days=draw(st.integers(0, 30)),
        anchor_on=draw(st.none() | st.just(start - timedelta(days=draw(st.integers(0, 400))))),
    )


@given(any_terms())
def test_a_schedule_tiles_the_lease_and_never_overcharges(given_terms: LeaseTerms) -> None:
    lines = schedule(given_terms)
    assert lines[0].starts_on == given_terms.period.starts_on
    assert lines[-1].ends_on == given_terms.period.ends_on
    assert sum(line.days for line in lines) == given_terms.period.days
    for before, after in pairwise(lines):
        assert before.ends_on == after.starts_on
        assert before.seq <= after.seq <= before.seq + 1
        assert before.due_on <= after.due_on
        if before.seq == after.seq:
            assert (before.issue_on, before.due_on) == (after.issue_on, after.due_on)
    for line in lines:
        assert 0 <= line.amount_fen <= given_terms.rent_fen
        assert line.whole <= (line.amount_fen == given_terms.rent_fen)
        assert is_workday(line.due_on)
        assert line.issue_on <= line.starts_on
        assert explain(line)
    assert all(line.whole for line in lines[1:-1])


@given(any_terms())
def test_a_schedule_cuts_where_the_calendar_does(given_terms: LeaseTerms) -> None:
    if given_terms.convention is Convention.CALENDAR:
        expected = list(calendar_periods(given_terms.period))
    else:
        expected = list(anchor_periods(given_terms.period, anchor=given_terms.lease_starts_on))
    lines = schedule(given_terms)
    assert [(line.period, line.whole) for line in lines] == [(cut.period, cut.whole) for cut in expected]
    for line in lines:
        assert cycle_on(given_terms, line.starts_on) == line.seq
        assert cycle_on(given_terms, line.ends_on - timedelta(days=1)) == line.seq
        assert line in cycle_pieces(given_terms, line.seq)


def test_bills_beside_the_lease() -> None:
    lease = terms("2026-03-10", "2026-12-09")
    assert cycle_pieces(lease, 10) == []
    with pytest.raises(ValueError, match="from 1"):
        cycle_pieces(lease, 0)
    with pytest.raises(ValueError, match="before the lease"):
        cycle_on(lease, d("2026-03-09"))


# --- words


def test_a_part_explains_itself() -> None:
    (line,) = schedule(terms("2026-11-09", "2026-11-30", rent=62000, **CALENDAR))
    assert explain(line) == "¥620.00 × 22 天 ÷ 30 天 = ¥454.67，11 月 9 日到 11 月 30 日"
    assert explain(line, this_year=2026) == explain(line)
    assert explain(line, this_year=2027).endswith("，2026 年 11 月 9 日到 2026 年 11 月 30 日")


def test_a_whole_month_explains_itself() -> None:
    (line,) = schedule(terms("2026-11-01", "2026-11-30", rent=62000))
    assert explain(line) == "整月 ¥620.00，11 月 1 日到 11 月 30 日"
    (line,) = schedule(terms("2026-12-15", "2027-01-14", rent=62000))
    assert explain(line) == "整月 ¥620.00，2026 年 12 月 15 日到 2027 年 1 月 14 日"


def test_one_day_is_no_span() -> None:
    (line,) = schedule(terms("2026-11-09", "2026-11-09", rent=62000, **CALENDAR))
    assert explain(line) == "¥620.00 × 1 天 ÷ 30 天 = ¥20.67，11 月 9 日"


def test_deposits_explain_themselves() -> None:
    assert explain_deposit(62000, 62000) == "押金 ¥620.00，等于 1 个月租金"
    assert explain_deposit(50000, 62000) == "押金 ¥500.00"
    assert explain_deposit(50000, 0) == "押金 ¥500.00"


# --- allocation

ON = d("2026-11-23")


def fen_of(result: tuple[list[Allocated], int]) -> tuple[list[tuple[int, int]], int]:
    return [(part.debt_id, part.fen) for part in result[0]], result[1]


def test_due_debts_first_then_the_earliest() -> None:
    debts = [Debt(1, d("2026-12-05"), 1000), Debt(2, d("2026-10-05"), 1000), Debt(3, d("2026-11-05"), 1000)]
    assert fen_of(allocate(1500, debts, on=ON)) == ([(2, 1000), (3, 500)], 0)
    assert fen_of(allocate(5000, debts, on=ON)) == ([(2, 1000), (3, 1000), (1, 1000)], 2000)


def test_the_debtor_s_choice_comes_before_all() -> None:
    debts = [Debt(1, d("2026-10-05"), 1000), Debt(2, d("2026-12-05"), 1000)]
    assert fen_of(allocate(1200, debts, on=ON, chosen=[2])) == ([(2, 1000), (1, 200)], 0)
    with pytest.raises(ValueError, match="unknown"):
        allocate(1, debts, on=ON, chosen=[7])


def test_least_secured_then_heaviest_before_earliest() -> None:
    debts = [
        Debt(1, d("2026-08-05"), 1000, security=1),
        Debt(2, d("2026-09-05"), 1000),
        Debt(3, d("2026-10-05"), 1000, burden=5),
    ]
    assert [part.debt_id for part in allocate(3000, debts, on=ON)[0]] == [3, 2, 1]


def test_equals_share_pro_rata_with_the_odd_fen_to_the_earlier() -> None:
    debts = [Debt(1, d("2026-10-05"), 100), Debt(2, d("2026-10-05"), 100), Debt(3, d("2026-10-05"), 100)]
    assert fen_of(allocate(100, debts, on=ON)) == ([(1, 34), (2, 33), (3, 33)], 0)


def test_costs_then_interest_then_principal() -> None:
    debt = Debt(1, d("2026-10-05"), principal_fen=1000, interest_fen=30, costs_fen=20)
    assert allocate(40, [debt], on=ON) == ([Allocated(1, 40, 20, 20, 0)], 0)
    assert allocate(100, [debt], on=ON) == ([Allocated(1, 100, 20, 30, 50)], 0)


def test_what_cannot_be_allocated() -> None:
    for amount in (0, -5):
        with pytest.raises(InvalidValue, match="大于 0"):
            allocate(amount, [], on=ON)
    assert allocate(5, [], on=ON) == ([], 5)
    assert allocate(5, [Debt(1, ON, 0)], on=ON) == ([], 5)
    for debts in ([Debt(1, ON, 5), Debt(1, ON, 5)], [Debt(1, ON, -5)]):
        with pytest.raises(ValueError, match="each debt once"):
            allocate(5, debts, on=ON)


amounts = st.integers(0, 5000)


@given(
    st.integers(1, 20000),
    st.lists(st.tuples(amounts, amounts, amounts, st.integers(-40, 40), st.integers(0, 1)), max_size=8),
    st.data(),
)
def test_every_fen_goes_somewhere_and_no_debt_is_overpaid(
    amount: int, rows: list[tuple[int, int, int, int, int]], data: st.DataObject
) -> None:
    debts = [
        Debt(number, ON + timedelta(days=days), principal, interest, costs, security)
        for number, (principal, interest, costs, days, security) in enumerate(rows)
    ]
    ids = [debt.id for debt in debts]
    chosen = data.draw(st.lists(st.sampled_from(ids), unique=True) if ids else st.just([]))
    parts, left = allocate(amount, debts, on=ON, chosen=chosen)
    assert sum(part.fen for part in parts) + left == amount
    assert len({part.debt_id for part in parts}) == len(parts)
    owed = {debt.id: debt for debt in debts}
    for part in parts:
        debt = owed[part.debt_id]
        assert part.fen == part.costs_fen + part.interest_fen + part.principal_fen > 0
        assert part.principal_fen <= debt.principal_fen
        # Principal is touched only when interest is settled, interest only when costs are.
        assert part.principal_fen == 0 or part.interest_fen == debt.interest_fen
        assert part.interest_fen == 0 or part.costs_fen == debt.costs_fen
    if left:
        assert sum(part.fen for part in parts) == sum(debt.owed_fen for debt in debts)


# --- lateness and receipts


@pytest.mark.parametrize(("days", "late"), [(-3, 0), (0, 0), (1, 1), (91, 91)])
def test_days_late(days: int, late: int) -> None:
    assert overdue_days(ON, ON + timedelta(days=days)) == late


def test_receipt_numbers() -> None:
    assert receipt_number(d("2026-03-09"), 1) == "SJ-202603-000001"
    assert receipt_number(d("2026-03-09"), 1234567) == "SJ-202603-1234567"
    with pytest.raises(ValueError, match="from 1"):
        receipt_number(d("2026-03-09"), 0)
