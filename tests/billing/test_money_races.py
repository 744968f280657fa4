"""Runs and payments at once, on a database of their own."""

import threading
from collections.abc import Callable
from datetime import date

import pytest
from flask import Flask
from sqlalchemy import func, select

from qiantang_nest.accounts.models import User
from qiantang_nest.billing.models import Bill, Payment, Receipt
from qiantang_nest.billing.services import (
    confirm_payment,
    issue_bills,
    issue_due_bills,
    record_payment,
    run_bills,
)
from qiantang_nest.billing.services.issue_bills import plan_batches
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import WrongState
from qiantang_nest.core.invariants import broken_invariants
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.housing.models import Owner
from qiantang_nest.occupancy.models import Lease
from tests import factories as make


def at_once(app: Flask, jobs: list[Callable[[], object]]) -> list[object]:
    """Run jobs in threads that start together; what each returned or raised."""
    barrier = threading.Barrier(len(jobs))
    results: list[object] = [None] * len(jobs)

    def work(place: int) -> None:
        with app.app_context():
            barrier.wait()
            try:
                results[place] = jobs[place]()
            except Exception as error:
                results[place] = error

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def count(model: type) -> int:
    return db.session.execute(select(func.count()).select_from(model)).scalar_one()


def build(leases: int) -> tuple[int, int]:
    """Leases of one employer with one owner; returns their ids."""
    enterprise = make.make_enterprise()
    owner = make.make_owner()
    house = make.make_house(owner)
    for _ in range(leases):
        make.make_lease(enterprise, [make.make_room(house)], date(2026, 10, 1), date(2027, 10, 1))
    db.session.commit()
    return enterprise.id, owner.id


def run_everything() -> int:
    """The command's loop."""
    bills = 0
    with transaction():
        batches = plan_batches(until=make.TODAY)
    for batch in batches:
        with transaction():
            bills += run_bills(batch=batch, until=make.TODAY, today=make.TODAY, actor=SYSTEM).bills
    return bills


def test_two_runs_and_a_signing_at_once_bill_once(fresh_app: Flask) -> None:
    with fresh_app.app_context():
        build(20)

    def sign() -> int:
        with transaction():
            lease = db.session.execute(select(Lease).order_by(Lease.id).limit(1)).scalar_one()
            return issue_due_bills(lease=lease, today=make.TODAY, actor=SYSTEM).bills

    results = at_once(fresh_app, [run_everything, run_everything, sign])
    assert sum(result for result in results if isinstance(result, int)) == 60, results
    with fresh_app.app_context():
        assert count(Bill) == 60
        assert broken_invariants(db.session.connection(), now=make.NOW) == []


def test_a_run_that_is_stopped_is_finished_by_the_next(
    fresh_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issue_bills, "BATCH_LEASES", 1)
    with fresh_app.app_context():
        build(2)
        far = make.make_house(make.make_owner(make.OTHER_STREET_VILLAGE))
        make.make_lease(make.make_enterprise(), [make.make_room(far)], date(2026, 10, 1), date(2027, 10, 1))
        db.session.commit()
        batches = plan_batches(until=make.TODAY)
        db.session.rollback()
        assert len(batches) == 2
        with transaction():
            run_bills(batch=batches[0], until=make.TODAY, today=make.TODAY, actor=SYSTEM)
        with pytest.raises(KeyboardInterrupt):
            stop_in_the_middle(batches[1])
        assert count(Bill) == 6
        db.session.rollback()
        assert run_everything() == 3
        assert broken_invariants(db.session.connection(), now=make.NOW) == []


def test_two_confirm_at_once(fresh_app: Flask) -> None:
    with fresh_app.app_context():
        enterprise_id, owner_id = build(1)
        run_everything()
        villager = villager_of(owner_id)
        with transaction():
            payment = record_payment(
                enterprise=db.session.get_one(Enterprise, enterprise_id),
                owner=db.session.get_one(Owner, owner_id),
                amount_fen=60_000,
                paid_on=make.TODAY,
                method="bank",
                actor=make.make_employer(db.session.get_one(Enterprise, enterprise_id))[0],
                now=make.NOW,
            )
        payment_id = payment.id

    def confirm() -> str:
        with transaction():
            payment = db.session.get_one(Payment, payment_id)
            return confirm_payment(payment=payment, actor=villager, now=make.NOW).number

    results = at_once(fresh_app, [confirm] * 4)
    assert sum(isinstance(result, str) for result in results) == 1, results
    assert sum(isinstance(result, WrongState) for result in results) == 3, results
    with fresh_app.app_context():
        assert count(Receipt) == 1
        assert db.session.execute(select(func.sum(Bill.paid_fen))).scalar_one() == 60_000
        assert broken_invariants(db.session.connection(), now=make.NOW) == []


def test_paying_while_the_run_bills(fresh_app: Flask) -> None:
    """Whoever comes first, no credit stays beside an open bill."""
    with fresh_app.app_context():
        enterprise_id, owner_id = build(3)
        villager = villager_of(owner_id)

    def pay() -> int:
        with transaction():
            return record_payment(
                enterprise=db.session.get_one(Enterprise, enterprise_id),
                owner=db.session.get_one(Owner, owner_id),
                amount_fen=50_000,
                paid_on=make.TODAY,
                method="cash",
                actor=villager,
                now=make.NOW,
            ).amount_fen

    results = at_once(fresh_app, [pay, run_everything, pay, pay])
    assert not [result for result in results if isinstance(result, Exception)]
    with fresh_app.app_context():
        assert db.session.execute(select(func.sum(Bill.paid_fen))).scalar_one() == 150_000
        assert broken_invariants(db.session.connection(), now=make.NOW) == []


def stop_in_the_middle(batch: issue_bills.Batch) -> None:
    with transaction():
        run_bills(batch=batch, until=make.TODAY, today=make.TODAY, actor=SYSTEM)
        raise KeyboardInterrupt


def villager_of(owner_id: int) -> Actor:
    """The household's own account."""
    owner = db.session.get_one(Owner, owner_id)
    actor, _owner = make.make_villager(owner)
    db.session.commit()
    assert db.session.get_one(User, actor.user_id).name == owner.name
    return actor
