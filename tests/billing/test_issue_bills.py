"""The bill run: what it issues is what the rules say, once each."""

from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from qiantang_nest.billing import rules
from qiantang_nest.billing.models import Bill, BillLine, RemarkCode
from qiantang_nest.billing.services import issue_bills, issue_due_bills, run_bills
from qiantang_nest.billing.services.issue_bills import Issued, plan_batches
from qiantang_nest.core.actor import SYSTEM
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db
from qiantang_nest.core.identifiers import check_remark_code
from qiantang_nest.core.money import split_largest_remainder
from qiantang_nest.core.period import Period
from qiantang_nest.ledger import services as ledger
from qiantang_nest.ledger.queries import balance
from qiantang_nest.occupancy.models import Lease, LeaseRoom, LeaseRoomRent
from tests import factories as make
from tests.run_folder import TestDatabase

pytestmark = pytest.mark.usefixtures("db_session")


def lease_of(*rents: int, first: date, end: date, **fields: Any) -> Lease:
    """A signed lease of one room a rent."""
    owner = make.make_owner()
    house = make.make_house(owner)
    rooms = [make.make_room(house) for _ in rents]
    values = {"deposit_fen": 0, "signed_on": first, **fields}
    lease = make.make_lease(make.make_enterprise(), rooms, first, end, **values)
    for room, rent in zip(rooms_of(lease), rents, strict=True):
        room.rent_fen = rent
    db.session.flush()
    return lease


def rooms_of(lease: Lease) -> list[LeaseRoom]:
    query = select(LeaseRoom).where(LeaseRoom.lease_id == lease.id).order_by(LeaseRoom.id)
    return list(db.session.execute(query).scalars())


def bills_of(lease: Lease) -> list[Bill]:
    query = select(Bill).where(Bill.lease_id == lease.id).order_by(Bill.kind, Bill.seq)
    return list(db.session.execute(query).scalars())


def lines_of(bill: Bill) -> list[BillLine]:
    query = select(BillLine).where(BillLine.bill_id == bill.id).order_by(BillLine.id)
    return list(db.session.execute(query).scalars())


def run_all(until: date, today: date | None = None) -> Issued:
    batches = plan_batches(until=until)
    return sum(
        (run_bills(batch=batch, until=until, today=today or until, actor=SYSTEM) for batch in batches),
        Issued(),
    )


@pytest.mark.parametrize(
    ("first", "end", "proration", "amounts"),
    [
        (date(2026, 3, 10), date(2026, 4, 1), "actual", [42581]),
        (date(2026, 3, 10), date(2026, 4, 1), "30", [44000]),
        (date(2027, 2, 1), date(2027, 2, 11), "actual", [21429]),
        (date(2027, 2, 1), date(2027, 2, 11), "30", [20000]),
        (date(2026, 3, 1), date(2026, 4, 1), "30", [60000]),
        (date(2026, 3, 10), date(2026, 5, 10), "actual", [42581, 60000, 17419]),
    ],
)
def test_calendar_months(first: date, end: date, proration: str, amounts: list[int]) -> None:
    lease = lease_of(60_000, first=first, end=end, convention="calendar", proration=proration)
    run_all(end)
    assert [bill.amount_fen for bill in bills_of(lease)] == amounts


def test_an_anchor_on_the_31st_comes_back_after_february() -> None:
    lease = lease_of(60_000, first=date(2026, 1, 31), end=date(2026, 5, 31))
    run_all(date(2026, 5, 31))
    assert [(bill.starts_on, bill.ends_on, bill.amount_fen) for bill in bills_of(lease)] == [
        (date(2026, 1, 31), date(2026, 2, 28), 60_000),
        (date(2026, 2, 28), date(2026, 3, 31), 60_000),
        (date(2026, 3, 31), date(2026, 4, 30), 60_000),
        (date(2026, 4, 30), date(2026, 5, 31), 60_000),
    ]


def test_a_bill_is_issued_seven_days_before_its_period_and_not_earlier() -> None:
    lease = lease_of(60_000, first=date(2026, 11, 23), end=date(2027, 11, 23))
    run_all(date(2026, 12, 15))
    assert [bill.seq for bill in bills_of(lease)] == [1]
    run_all(date(2026, 12, 16))
    assert [(bill.seq, bill.issued_on) for bill in bills_of(lease)] == [
        (1, date(2026, 12, 15)),
        (2, date(2026, 12, 16)),
    ]


def test_due_days_move_to_the_next_workday() -> None:
    # 2026-02-15 + 5 days falls into the Spring Festival, 15 to 23 February 2026.
    lease = lease_of(60_000, first=date(2026, 2, 15), end=date(2026, 3, 15))
    run_all(date(2026, 2, 15))
    assert bills_of(lease)[0].due_on == date(2026, 2, 24)


def test_a_deposit_is_a_bill_of_its_own_due_after_start_and_signing() -> None:
    lease = lease_of(
        62_000, 48_000, 48_000, first=date(2026, 11, 2), end=date(2027, 5, 2), deposit_fen=100_000,
        signed_on=date(2026, 11, 20),
    )  # fmt: skip
    run_all(date(2026, 11, 20))
    deposit, rent = bills_of(lease)
    assert (deposit.kind, deposit.seq, deposit.amount_fen) == ("deposit", 0, 100_000)
    assert deposit.due_on == date(2026, 11, 25)
    assert (rent.kind, rent.seq, rent.amount_fen) == ("rent", 1, 158_000)
    parts = [line.amount_fen for line in lines_of(deposit)]
    assert parts == split_largest_remainder(100_000, [62_000, 48_000, 48_000])
    assert balance(payer_id=lease.enterprise_id, payee_id=lease.owner_id, account="deposit_due") == 100_000
    assert balance(payer_id=lease.enterprise_id, payee_id=lease.owner_id, account="receivable") == 158_000
    assert balance(payer_id=lease.enterprise_id, payee_id=lease.owner_id, account="rent_income") == -158_000


def test_a_room_that_went_back_early_pays_its_days_only() -> None:
    lease = lease_of(60_000, 60_000, first=date(2026, 11, 1), end=date(2027, 2, 1))
    rooms_of(lease)[1].ends_on = date(2026, 11, 16)
    run_all(date(2026, 12, 1))
    first, second = bills_of(lease)
    assert [line.amount_fen for line in lines_of(first)] == [60_000, 30_000]
    assert [line.whole for line in lines_of(first)] == [True, False]
    assert [line.lease_room_id for line in lines_of(second)] == [rooms_of(lease)[0].id]


def test_only_signed_leases_are_billed() -> None:
    drafted = lease_of(60_000, first=make.TODAY, end=date(2027, 5, 23), state="drafted", signed_on=None)
    cancelled = lease_of(60_000, first=make.TODAY, end=date(2027, 5, 23), state="cancelled")
    run_all(date(2027, 1, 1))
    assert bills_of(drafted) == bills_of(cancelled) == []


def test_a_second_run_does_nothing() -> None:
    lease = lease_of(60_000, 61_000, first=date(2026, 9, 1), end=date(2027, 9, 1), deposit_fen=121_000)
    first = run_all(make.TODAY)
    assert first == Issued(4, 8, 121_000 * 4)
    before = db.session.execute(text("SELECT last FROM number_series WHERE name = 'ZD-202611'")).scalar_one()
    assert run_all(make.TODAY) == Issued()
    after = db.session.execute(text("SELECT last FROM number_series WHERE name = 'ZD-202611'")).scalar_one()
    assert before == after
    assert len(bills_of(lease)) == 4
    numbers = sorted(bill.number for bill in bills_of(lease))
    assert numbers == [f"ZD-202611-{n:06d}" for n in range(before - 3, before + 1)]


def test_one_audit_row_a_village_and_one_code_a_pair_and_month() -> None:
    lease = lease_of(60_000, first=date(2026, 10, 1), end=date(2027, 9, 1), deposit_fen=60_000)
    run_all(make.TODAY)
    events = db.session.execute(select(AuditEvent).where(AuditEvent.action == "billing.run_bills")).scalars()
    assert [(event.entity_id, event.changes["bills"]) for event in events] == [(int(make.VILLAGE), 3)]
    codes = db.session.execute(select(RemarkCode).order_by(RemarkCode.month)).scalars().all()
    assert [(code.enterprise_id, code.owner_id, code.month) for code in codes] == [
        (lease.enterprise_id, lease.owner_id, date(2026, 10, 1)),
        (lease.enterprise_id, lease.owner_id, date(2026, 11, 1)),
    ]
    assert all(check_remark_code(code.code) == code.code for code in codes)


def test_a_voided_bill_is_issued_again_with_a_new_number() -> None:
    lease = lease_of(60_000, first=date(2026, 9, 1), end=date(2026, 12, 1))
    run_all(make.TODAY)
    second = bills_of(lease)[1]
    db.session.execute(text("UPDATE bill SET voided_at = now() WHERE id = :id"), {"id": second.id})
    ledger.reverse(booked_on=make.TODAY, source="bill", source_ids=[second.id])
    assert run_all(make.TODAY).bills == 1
    again = [bill for bill in bills_of(lease) if bill.seq == 2]
    assert len({bill.number for bill in again}) == 2


def test_bills_of_one_lease_on_signing() -> None:
    lease = lease_of(60_000, first=make.TODAY, end=date(2027, 5, 23), deposit_fen=60_000)
    other = lease_of(60_000, first=make.TODAY, end=date(2027, 5, 23))
    assert issue_due_bills(lease=lease, today=make.TODAY, actor=SYSTEM) == Issued(2, 2, 120_000)
    assert issue_due_bills(lease=lease, today=make.TODAY, actor=SYSTEM) == Issued()
    assert bills_of(other) == []


def test_an_advance_run_dates_bills_today() -> None:
    lease = lease_of(60_000, first=date(2026, 11, 1), end=date(2027, 11, 1))
    run_all(date(2026, 12, 31), today=make.TODAY)
    assert [bill.issued_on for bill in bills_of(lease)] == [make.TODAY] * 3


def test_batches_keep_villages_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    lease_of(60_000, first=make.TODAY, end=date(2027, 11, 1))
    house = make.make_house(make.make_owner(make.NEIGHBOUR_VILLAGE))
    make.make_lease(make.make_enterprise(), [make.make_room(house)])
    far = make.make_house(make.make_owner(make.OTHER_STREET_VILLAGE))
    make.make_lease(make.make_enterprise(), [make.make_room(far)])
    assert [batch.villages for batch in plan_batches(until=make.TODAY)] == [
        (make.VILLAGE, make.NEIGHBOUR_VILLAGE),
        (make.OTHER_STREET_VILLAGE,),
    ]
    assert len(plan_batches(until=make.TODAY, village_code=make.NEIGHBOUR_VILLAGE)) == 1
    monkeypatch.setattr(issue_bills, "BATCH_LEASES", 1)
    assert len(plan_batches(until=make.TODAY)) == 3


def rent_by_rent(data: st.DataObject, room: LeaseRoom) -> list[rules.RentedRoom]:
    """Give the room up to two later rents; returns its days at each."""
    length = (room.ends_on - room.starts_on).days
    steps = sorted(data.draw(st.sets(st.integers(1, length), max_size=2)) - {length})
    later = [
        (room.starts_on + timedelta(days=step), data.draw(st.integers(10_000, 300_000))) for step in steps
    ]
    db.session.add_all(
        LeaseRoomRent(lease_room_id=room.id, starts_on=day, rent_fen=fen) for day, fen in later
    )
    return rules.rent_by_rent(room.id, Period(room.starts_on, room.ends_on), room.rent_fen, later)


days = st.dates(date(2025, 1, 1), date(2027, 12, 31))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_sql_and_rules_agree(data: st.DataObject) -> None:
    """Random leases, rooms that come late, go early or change their rent, conventions and bases."""
    first = data.draw(days)
    length = data.draw(st.integers(1, 420))
    convention = data.draw(st.sampled_from(["anchor", "calendar"]))
    proration = data.draw(st.sampled_from(["actual", "30"]))
    lead, grace = data.draw(st.integers(0, 40)), data.draw(st.integers(0, 40))
    rents = data.draw(st.lists(st.integers(10_000, 300_000), min_size=1, max_size=3))
    until = data.draw(st.dates(first, first + timedelta(days=500)))
    end = first + timedelta(days=length)
    with db.session.begin_nested() as savepoint:
        lease = lease_of(
            *rents, first=first, end=end, convention=convention, proration=proration, bill_lead_days=lead,
            grace_days=grace,
        )  # fmt: skip
        for room in rooms_of(lease):
            room.starts_on = first + timedelta(days=data.draw(st.integers(0, length - 1)))
            room.ends_on = end - timedelta(days=data.draw(st.integers(0, (end - room.starts_on).days - 1)))
        parts = {room.id: rent_by_rent(data, room) for room in rooms_of(lease)}
        db.session.flush()
        issue_due_bills(lease=lease, today=until, actor=SYSTEM)
        # A month is due for the bill as a whole: the first of its rooms decides.
        expected: dict[int, list[tuple[int, rules.ScheduledPiece]]] = {}
        for room_id, part in ((room_id, part) for room_id, of_room in parts.items() for part in of_room):
            terms = rules.LeaseTerms(
                rent_fen=part.rent_fen,
                period=part.period,
                convention=rules.Convention(convention),
                proration=rules.Proration(proration),
                bill_lead_days=lead,
                grace_days=grace,
                anchor_on=first,
            )
            for piece in rules.schedule(terms):
                expected.setdefault(piece.seq, []).append((room_id, piece))
        due = {seq: pieces for seq, pieces in expected.items() if min(p.issue_on for _, p in pieces) <= until}
        issued = {bill.seq: bill for bill in bills_of(lease)}
        assert issued.keys() == due.keys()
        for seq, pieces in due.items():
            bill = issued[seq]
            assert bill.due_on == min(piece.due_on for _, piece in pieces)
            assert bill.amount_fen == sum(piece.amount_fen for _, piece in pieces)
            assert [
                (
                    x.lease_room_id, x.starts_on, x.ends_on, x.days, x.base_days, x.whole, x.rate_fen,
                    x.amount_fen,
                )
                for x in sorted(lines_of(bill), key=lambda line: (line.lease_room_id, line.starts_on))
            ] == [
                (
                    room_id, p.starts_on, p.ends_on, p.days, p.base_days, p.whole, p.rate_fen, p.amount_fen,
                )
                for room_id, p in sorted(pieces, key=lambda pair: (pair[0], pair[1].starts_on))
            ]  # fmt: skip
        savepoint.rollback()


def test_issued_bills_and_entries_never_change(fresh_app: Flask, fresh_database: TestDatabase) -> None:
    """Neither by the application's role, nor, where a trigger stands, by the owner of the tables."""
    with fresh_app.app_context():
        lease_of(60_000, first=make.TODAY, end=date(2027, 5, 23))
        run_all(make.TODAY)
        db.session.commit()
    for url in (fresh_database.app_url, fresh_database.owner_url):
        for change in (
            "UPDATE bill SET amount_fen = amount_fen + 1",
            "UPDATE bill SET due_on = due_on + 1",
            "DELETE FROM bill_line",
            "UPDATE bill_line SET amount_fen = 1",
            "DELETE FROM bill",
            "UPDATE ledger_entry SET amount_fen = 1",
            "DELETE FROM ledger_entry",
        ):
            with (
                psycopg.connect(url) as connection,
                pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.CheckViolation)),
            ):
                connection.execute(change)


def test_uq_bill_once() -> None:
    lease = lease_of(60_000, first=make.TODAY, end=date(2027, 5, 23))
    run_all(make.TODAY)
    bill = bills_of(lease)[0]
    copy = {c.name: getattr(bill, c.name) for c in Bill.__table__.columns if c.name != "id"}
    with pytest.raises(IntegrityError, match="uq_bill_once"), db.session.begin_nested():
        db.session.execute(Bill.__table__.insert().values({**copy, "number": "ZD-1"}))
