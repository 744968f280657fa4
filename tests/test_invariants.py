"""Every check of ``tests/invariants.sql`` finds what it is there to find: each has an example that breaks it.

One district in which all kinds of rows are as they should be; then, with triggers, foreign keys and the
constraints in the way switched off, one row is made false at a time, and the check of that name must say so.
"""

import uuid
from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import select

from qiantang_nest.billing.services import record_payment, reverse_payment
from qiantang_nest.bookings.models import Demand, Hold, HoldRoom, Plan
from qiantang_nest.bookings.rules import DISTRICT_CENTRE, Answer, Area, Ask, OnRefusal, Times
from qiantang_nest.bookings.services.add_rooms_to_booking import add_rooms_to_booking
from qiantang_nest.bookings.services.answer_hold import answer_hold
from qiantang_nest.bookings.services.confirm_booking import confirm_booking
from qiantang_nest.bookings.services.hold_plan import hold_plan
from qiantang_nest.bookings.services.hold_rooms import hold_rooms
from qiantang_nest.bookings.services.plans import read_for_plans, record_plans, solve_plans
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.invariants import read_checks
from qiantang_nest.core.period import Period
from qiantang_nest.enterprises.models import Enterprise, RoutedMinutes, Worker
from qiantang_nest.housing.models import Owner
from qiantang_nest.occupancy.models import Lease, LeaseRoom, LeaseSignature
from qiantang_nest.occupancy.services.bed_checks import BedChoice
from qiantang_nest.occupancy.services.beds import assign_beds
from qiantang_nest.occupancy.services.leases import Terms
from qiantang_nest.occupancy.services.stays import check_in
from tests import factories as make
from tests import run_folder
from tests.billing.test_deposits import Ended
from tests.conftest import make_app
from tests.factories import NOW, TODAY
from tests.lives.world import World, build
from tests.run_folder import TestDatabase

CHECKS = read_checks()

_SECOND_STAY = """
    ALTER TABLE stay DROP CONSTRAINT stay_one_worker_a_bed, DROP CONSTRAINT stay_one_bed_a_worker;
    INSERT INTO stay (worker_id, enterprise_id, village_code, room_id, lease_room_id, bed_no, companion_key,
                      starts_on, ends_on)
    SELECT worker_id, enterprise_id, village_code, room_id, lease_room_id, bed_no, companion_key,
           starts_on, ends_on
    FROM stay WHERE cancelled_at IS NULL"""

BROKEN_BY = {
    "L1 a reversing entry mirrors the one it reverses": (
        "UPDATE ledger_entry SET amount_fen = amount_fen + 1 WHERE reverses_id IS NOT NULL"
    ),
    "L1 every bill stands in the ledger once, with its sum, and a voided one is taken back": (
        "DELETE FROM ledger_entry WHERE source = 'bill'"
    ),
    "L3 the ledger's balance of each pair is what its open bills and credits say": (
        "UPDATE ledger_entry SET amount_fen = amount_fen + 1 WHERE source = 'payment_allocation'"
    ),
    "L4 bill total equals its lines": "UPDATE bill_line SET amount_fen = amount_fen + 1",
    "L4 a rent line is its days times its rate by the one rounding rule": (
        "UPDATE bill_line SET amount_fen = amount_fen + 1"
    ),
    "L4 a line charges the room of its lease at the rent of the lease": (
        "UPDATE bill_line SET rate_fen = rate_fen + 1"
    ),
    "L4 another rent begins within its room's days": (
        "INSERT INTO lease_room_rent (lease_room_id, starts_on, rent_fen)"
        " SELECT id, ends_on, rent_fen FROM lease_room"
    ),
    "L5 nothing is billed beyond the days of a room": (
        "UPDATE lease_room SET ends_on = starts_on + 1 WHERE ends_on > starts_on"
    ),
    "L5 no day of a room is charged twice": (
        "INSERT INTO bill_line (bill_id, lease_room_id, room_id, starts_on, ends_on, days, base_days, whole,"
        " rate_fen, amount_fen) SELECT bill_id, lease_room_id, room_id, starts_on, ends_on, days, base_days,"
        " whole, rate_fen, amount_fen FROM bill_line"
    ),
    "L5 no day between two charged days of a room is left out": (
        "UPDATE bill_line SET ends_on = ends_on - 1, days = days - 1"
    ),
    "L6 what is paid on a bill is the sum of its allocations": (
        "UPDATE bill SET paid_fen = paid_fen - 1 WHERE paid_fen > 0"
    ),
    "L7 a confirmed payment is its allocations and its credit, any other settles nothing": (
        "UPDATE payment SET unallocated_fen = unallocated_fen + 1 WHERE state = 'confirmed'"
    ),
    "L7 what is released settles a voided bill, and a bill stands in only for a voided one of its months": (
        "UPDATE payment_allocation SET released_at = now()"
    ),
    "L7 a payment settles bills of its own payer and payee only": (
        "UPDATE payment SET owner_id = (SELECT max(id) FROM owner)"
    ),
    "L7 no credit stands beside an open bill of the same pair": (
        "UPDATE bill SET paid_fen = 0 WHERE paid_fen > 0"
    ),
    "L8 a confirmed payment has one valid receipt, any other none": (
        "UPDATE receipt SET voided_at = now(), void_reason = 'lost'"
    ),
    "L8 receipt and bill numbers have no gap": (
        "UPDATE bill SET number = left(number, 10) || '000999' WHERE id = (SELECT min(id) FROM bill)"
    ),
    "L12 a deposit that is held never exceeds what was agreed": (
        "UPDATE lease SET deposit_fen = deposit_fen - 1"
    ),
    "L12 what was kept and given back of a pair's deposits never exceeds what was paid of them": (
        "UPDATE deposit_return SET held_fen = held_fen + 1, paid_fen = paid_fen + 1"
    ),
    "L12 every deposit that went back stands in the ledger with its sum": (
        "DELETE FROM ledger_entry WHERE source = 'deposit_return'"
    ),
    "L12 rent set off against a deposit is a payment of that sum and pair, by a settled deposit alone": (
        "UPDATE payment SET method = 'deposit' WHERE state = 'confirmed'"
    ),
    "L12 a deposit goes back after both agreed on the room, and keeps only what cases say": (
        "UPDATE handover SET lessee_at = NULL, lessee_by = NULL"
    ),
    "L5 every bill of a pair and month has its remark code": "DELETE FROM remark_code",
    "B1 a bed has one sleeper on any day": _SECOND_STAY,
    "B2 a person sleeps in one bed on any day, whoever employs them": _SECOND_STAY,
    "B4 a stay lies inside its room's lease, in a bed that the law allows": (
        "UPDATE stay SET ends_on = ends_on + 1 WHERE left_on IS NULL"
    ),
    "B4 nobody lives in a bed beyond the room's beds and its legal capacity": (
        "UPDATE stay SET bed_no = bed_no + 8"
    ),
    "B4 those who share a room on a day are of one sex or one couple": (
        "UPDATE worker SET sex = 'F' WHERE id = (SELECT min(worker_id) FROM stay WHERE bed_no = 2)"
    ),
    "B4 who sleeps by day has a bed among such, who sleeps by night another": (
        "UPDATE worker SET shift = 'night'"
    ),
    "S2 every arrival and departure of an outsider has its report": "DELETE FROM registration",
    "B1 a room has one taker on any day": (
        "ALTER TABLE room_claim DROP CONSTRAINT room_claim_no_overlap;"
        " INSERT INTO room_claim (room_id, village_code, starts_on, ends_on, state)"
        " SELECT room_id, village_code, starts_on, ends_on, 'closed' FROM room_claim"
    ),
    "B3 a hold that counts holds every room it still has, for the whole time": (
        "UPDATE room_claim SET ends_on = ends_on - 1 WHERE state = 'held'"
    ),
    "B4 a held room was offered at its rent for the whole time": (
        "UPDATE listing SET ends_on = DATE '2026-12-02'"
    ),
    "B6 what was refused, released or booked holds nothing": (
        "UPDATE hold SET state = 'released' WHERE state = 'active'"
    ),
    "B6 a lease in force has let its rooms, one that waits for signatures holds them until it lapses": (
        "UPDATE room_claim SET state = 'released' WHERE state = 'leased'"
    ),
    "B6 a lease that came to nothing, and a room given up before its first day, let and hold nothing": (
        "UPDATE lease SET state = 'cancelled' WHERE state = 'drafted'"
    ),
    "S1 a relocation waits for a lease that is not signed, and is done with one that was": (
        "INSERT INTO lease_change (lease_id, kind, effective_on, reason, terms, facts, asked_side, asked_at,"
        " new_lease_id) SELECT id, 'relocate', starts_on, '', '{}', '{}', 'lessee', now(), id"
        " FROM lease WHERE state = 'signed'"
    ),
    "S1 a cancelled lease says who took it back, and no other does": (
        "UPDATE lease SET state = 'cancelled' WHERE state = 'drafted'"
    ),
    "B4 nobody who has not left lives in a room that both agreed was given back": (
        "UPDATE stay SET lease_room_id = (SELECT min(lease_room_id) FROM handover)"
    ),
    "B6 the rooms added to a booking are its own employer's, and their leases are in it": (
        "UPDATE booking SET enterprise_id = (SELECT max(id) FROM enterprise)"
    ),
    "S1 whoever signed a lease signed its own document, and two signatures make it valid": (
        "UPDATE lease_signature SET document_sha256 = 'another'"
    ),
    "P1 a plan's figures are the sums of its rooms": "UPDATE plan SET beds = beds + 1",
    "P2 a couple has a room of two beds or more": "UPDATE plan_room SET sleepers = 'couple', beds = 1",
    "P3 a hold of a plan is for the plan's own demand and its employer": (
        "UPDATE hold SET demand_id = NULL WHERE plan_id IS NOT NULL"
    ),
    "W1 a way that was told to a stop is kept with the stop's own worksite": (
        "UPDATE routed_minutes SET worksite_id = worksite_id + 1"
    ),
}
"""Check → what makes it false."""


def at_now(sql: str) -> str:
    """A check as it is asked at the moment that the rows are made for."""
    return sql.replace(":now", f"TIMESTAMPTZ '{NOW.isoformat()}'")


@pytest.fixture(scope="module")
def district(template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestDatabase]:
    """A database in which every kind of row that a check speaks of is there, as it should be."""
    with run_folder.cloned_database(f"invariants_{uuid.uuid4().hex}", template_database) as database:
        app = make_app(database, tmp_path_factory.mktemp("invariants"))
        with app.app_context():
            Ended().given_back().give_back(60_000)
            world = build()
            money(world)
            sleepers(world)
            block(world)
            plan(world)
            way_to_work(world)
            db.session.remove()
            db.engine.dispose()
        yield database


def money(world: World) -> None:
    """One payment that was taken back, and one that left credit."""
    for amount_fen in (1_000, 500_000):
        with transaction():
            payment = record_payment(
                enterprise=db.session.get_one(Enterprise, world.enterprise_ids[0]),
                owner=db.session.get_one(Owner, world.owner_ids[0]),
                amount_fen=amount_fen,
                paid_on=TODAY,
                method="bank",
                actor=world.villagers[0],
                now=NOW,
            )
            if amount_fen == 1_000:
                reverse_payment(payment=payment, reason="记错了", actor=world.villagers[0], now=NOW)


def sleepers(world: World) -> None:
    """An outsider comes to share a room."""
    with transaction():
        choice = BedChoice(
            db.session.get_one(Worker, world.workers[0][0].id),
            db.session.get_one(LeaseRoom, world.lease_room_ids[0]),
            2,
            TODAY,
        )
        stays = assign_beds(choices=[choice], actor=world.managers[0], today=TODAY)
        check_in(stays=stays, arrived_on=TODAY, actor=world.managers[0], today=TODAY)


PERIOD = Period(date(2026, 12, 10), date(2027, 6, 10))


def block(world: World) -> None:
    """A booking, its lease signed by one side, and more rooms held for it."""
    room, more = (next(one for one in world.rooms if one.owner == owner) for owner in (1, 2))
    held = {
        "on_refusal": OnRefusal.DROP,
        "shown_rent_fen": None,
        "times": Times(),
        "actor": world.managers[0],
        "now": NOW,
    }
    with transaction():
        hold_id = hold_rooms(
            enterprise=db.session.get_one(Enterprise, world.enterprise_ids[0]),
            ask=Ask(Area(DISTRICT_CENTRE), room_ids=(room.id,)),
            period=PERIOD,
            worksite=None,
            request_key=uuid.uuid4(),
            **held,
        )
        hold = db.session.get_one(Hold, hold_id)
        answer_hold(
            hold=hold,
            owner=db.session.get_one(Owner, world.owner_ids[room.owner]),
            hold_room_ids=list(db.session.scalars(select(HoldRoom.id).where(HoldRoom.hold_id == hold_id))),
            answer=Answer.ACCEPTED,
            reason="",
            times=Times(),
            actor=world.villagers[room.owner],
            now=NOW,
        )
        booking = confirm_booking(
            hold=hold, terms=Terms(), drop_waiting=False, sign_days=7, actor=world.managers[0], now=NOW
        )
        lease = db.session.scalars(select(Lease).where(Lease.state == "drafted")).one()
        lease.document_sha256, lease.document_media = "0" * 64, "0" * 32 + ".pdf"
        make.add(
            LeaseSignature(
                lease_id=lease.id,
                side="lessor",
                user_id=world.villagers[room.owner].user_id,
                document_sha256=lease.document_sha256,
                signed_at=NOW,
            )
        )
        add_rooms_to_booking(
            booking=booking,
            ask=Ask(Area(DISTRICT_CENTRE), room_ids=(more.id,)),
            period=PERIOD,
            request_key=uuid.uuid4(),
            **held,
        )


def plan(world: World) -> None:
    """A plan that is held."""
    with transaction():
        demand = make.add(
            Demand(
                enterprise_id=world.enterprise_ids[1],
                day_men=2,
                starts_on=PERIOD.starts_on,
                ends_on=PERIOD.ends_on,
            )
        )
        found = read_for_plans(demand=demand, now=NOW)
        record_plans(found=found, made=solve_plans(found), actor=world.managers[1])
        hold_plan(
            plan=db.session.scalars(select(Plan).order_by(Plan.id)).first(),
            demand=demand,
            agreed={},
            on_refusal=OnRefusal.DROP,
            request_key=uuid.uuid4(),
            shown_rent_fen=None,
            times=Times(),
            actor=world.managers[1],
            now=NOW,
        )


def way_to_work(world: World) -> None:
    """What a routing service told of a way to a stop."""
    with transaction():
        worksite = make.make_worksite(db.session.get_one(Enterprise, world.enterprise_ids[0]))
        make.add(
            RoutedMinutes(
                worksite_id=worksite.id,
                stop_id=make.make_stop(worksite).id,
                mode="walk",
                village_code=make.VILLAGE,
                minutes=7,
                village_lat=30.301,
                village_lon=120.462,
                told_at=NOW,
            )
        )


def test_every_check_has_an_example_that_breaks_it() -> None:
    assert set(BROKEN_BY) == set(CHECKS)


def test_nothing_is_broken_before_it_is_broken(district: TestDatabase) -> None:
    said = district.sql("".join(f"{at_now(check)};\n" for check in CHECKS.values()))
    assert said.strip() == ""


@pytest.mark.parametrize("name", BROKEN_BY)
def test_what_breaks_a_check_is_found(district: TestDatabase, name: str) -> None:
    said = district.sql(
        f"""
        BEGIN;
        SET LOCAL session_replication_role = replica;  -- neither triggers nor foreign keys
        {BROKEN_BY[name]};
        SELECT 'what it finds:';
        {at_now(CHECKS[name])};
        ROLLBACK;
        """
    )
    assert said.partition("what it finds:")[2].strip()
