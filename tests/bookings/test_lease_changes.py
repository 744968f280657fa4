"""Changes of signed leases: rooms, people, bills and the ledger, in money terms to the fen."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from qiantang_nest.billing.models import Bill, BillLine, Payment
from qiantang_nest.billing.services import issue_due_bills, record_payment, reverse_payment
from qiantang_nest.bookings.queries.bookings import booking_of_lease
from qiantang_nest.bookings.queries.change_effects import effect_of
from qiantang_nest.bookings.rules.changes import ChangeEffect, ChangeKind, Fate, Wanted
from qiantang_nest.bookings.services.change_booking import (
    DiffersFromShown,
    answer_change,
    ask_change,
    finish_relocation,
    take_lease,
    withdraw_change,
)
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.clock import business_date
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import DomainError, InvalidValue, NotAllowed, WrongState
from qiantang_nest.core.period import Period
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.notifications.models import OutboxItem
from qiantang_nest.occupancy.models import (
    Lease,
    LeaseChange,
    LeaseRoom,
    LeaseRoomRent,
    RoomClaim,
    RoomTaken,
    Stay,
)
from qiantang_nest.occupancy.queries.lease_changes import open_change_of
from qiantang_nest.occupancy.queries.leases import lease_sums, rooms_of_lease, withdrawals_of
from qiantang_nest.occupancy.services.contract import ensure_document
from qiantang_nest.occupancy.services.signing import request_code, sign_lease, signatures_of
from qiantang_nest.occupancy.services.withdrawing import withdraw_lease
from tests import factories as make
from tests.factories import NOW, TODAY

BEGAN = date(2026, 9, 10)
"""Anchor months: the present one is 10 November to 9 December, 30 days."""
ENDS = date(2027, 9, 10)


@dataclass
class Let:
    """A lease of two rooms of 600 yuan with one worker in each, billed up to today and paid."""

    lease: Lease
    rooms: list[LeaseRoom]
    stays: list[Stay]
    manager: Actor
    villager: Actor

    def wanted(self, kind: ChangeKind, day: date, *places: int, **more: Any) -> Wanted:
        rooms = [self.rooms[place] for place in places] or self.rooms
        return Wanted(kind, tuple(room.id for room in rooms), day, **more)

    def bills(self) -> list[Bill]:
        return list(
            make.db.session.execute(
                select(Bill).where(Bill.lease_id == self.lease.id, Bill.kind == "rent").order_by(Bill.id)
            ).scalars()
        )

    def standing(self) -> dict[int, int]:
        return {bill.seq: bill.amount_fen for bill in self.bills() if bill.voided_at is None}


def let(*, paid: bool = True, people: bool = True, **fields: Any) -> Let:
    villager, owner = make.make_villager()
    manager, enterprise = make.make_employer()
    house = make.make_house(owner)
    lease = make.make_lease(enterprise, [make.make_room(house), make.make_room(house)], BEGAN, ENDS, **fields)
    rooms = list(
        make.db.session.execute(
            select(LeaseRoom).where(LeaseRoom.lease_id == lease.id).order_by(LeaseRoom.id)
        ).scalars()
    )
    stays = []
    if people:
        for room in rooms:
            worker = make.make_worker(enterprise, is_local=True)
            stays.append(make.make_stay(worker, room))
    issue_due_bills(lease=lease, today=TODAY, actor=SYSTEM)
    found = Let(lease, rooms, stays, manager, villager)
    if paid:
        record_payment(
            enterprise=enterprise,
            owner=owner,
            amount_fen=sum(found.standing().values()) + lease.deposit_fen,
            paid_on=TODAY,
            method="bank",
            actor=villager,
            now=NOW,
        )
    make.db.session.commit()
    return found


def shown(one: Let, wanted: Wanted, actor: Actor | None = None) -> ChangeEffect:
    return effect_of(one.lease, wanted, actor=actor or one.manager, today=TODAY, now=NOW)


def ask(one: Let, wanted: Wanted, actor: Actor | None = None, digest: str | None = None) -> LeaseChange:
    actor = actor or one.manager
    with transaction():
        return ask_change(
            lease=one.lease,
            wanted=wanted,
            reason="订单少了",
            shown_digest=digest or shown(one, wanted, actor).digest(),
            actor=actor,
            today=TODAY,
            now=NOW,
        )


def answer(one: Let, change: LeaseChange, actor: Actor, *, yes: bool = True, reason: str = "") -> None:
    wanted = Wanted.from_terms(change.kind, change.terms)
    digest = shown(one, wanted, actor).digest() if yes else ""
    with transaction():
        answer_change(
            change=change, yes=yes, reason=reason, shown_digest=digest, actor=actor, today=TODAY, now=NOW
        )


def claim_of(room: LeaseRoom) -> RoomClaim:
    return make.db.session.get_one(RoomClaim, room.claim_id)


# --- ending -------------------------------------------------------------------------------------------


def test_with_notice_the_lease_ends_at_once_and_the_bill_is_issued_anew(db_session: Any) -> None:
    one = let()
    change = ask(one, one.wanted(ChangeKind.END, TODAY + timedelta(days=30)))
    last = date(2026, 12, 24)
    assert change.state == "done"
    assert one.lease.ends_on == last
    for room in one.rooms:
        assert (room.ends_on, claim_of(room).ends_on, claim_of(room).state) == (last, last, "leased")
    assert {stay.ends_on for stay in one.stays} == {last}
    assert all(stay.left_on is None for stay in one.stays)
    # The months billed by today run to 9 December: none of them is touched.
    assert one.standing() == {1: 120_000, 2: 120_000, 3: 120_000}
    assert issue_due_bills(lease=one.lease, today=date(2026, 12, 3), actor=SYSTEM).amount_fen == 2 * 27_097


def test_a_bill_past_the_new_end_is_voided_and_issued_for_the_days_that_stay(db_session: Any) -> None:
    one = let(notice_days=5)
    effect = shown(one, one.wanted(ChangeKind.END, date(2026, 11, 29)))
    (bill,) = effect.bills
    assert (bill.before_fen, bill.paid_fen, bill.after_fen) == (120_000, 120_000, 80_000)
    assert effect.credit_fen == 40_000
    ask(one, one.wanted(ChangeKind.END, date(2026, 11, 29)))
    old, new = one.bills()[2:]
    assert (old.seq, old.paid_fen, old.void_reason) == (3, 0, "提前退房，按退房日重新出账")
    assert old.voided_at == NOW
    assert (new.seq, new.amount_fen, new.paid_fen, new.replaces_id) == (3, 80_000, 80_000, old.id)
    assert (new.starts_on, new.ends_on, new.due_on) == (old.starts_on, date(2026, 11, 30), old.due_on)
    payment = make.db.session.execute(select(Payment)).scalar_one()
    assert payment.unallocated_fen == 40_000


def test_a_payment_is_taken_back_after_its_bill_was_voided(db_session: Any) -> None:
    one = let(notice_days=5)
    ask(one, one.wanted(ChangeKind.END, date(2026, 11, 29)))
    payment = make.db.session.execute(select(Payment)).scalar_one()
    with transaction():
        reverse_payment(payment=payment, reason="记错了", actor=one.villager, now=NOW)
    assert {bill.paid_fen for bill in one.bills()} == {0}


def test_one_room_goes_back_and_the_other_stays(db_session: Any) -> None:
    one = let(notice_days=5)
    ask(one, one.wanted(ChangeKind.END, date(2026, 11, 29), 0))
    assert one.lease.ends_on == ENDS
    assert [room.ends_on for room in one.rooms] == [date(2026, 11, 30), ENDS]
    assert one.stays[1].ends_on == ENDS
    assert one.standing()[3] == 100_000
    free = make.make_claim(one.rooms[0].room, date(2026, 11, 30), ENDS, "held", held_until=NOW)
    assert free.id


def test_sooner_than_notice_waits_for_the_other_sides_yes(db_session: Any) -> None:
    one = let()
    change = ask(one, one.wanted(ChangeKind.END, TODAY + timedelta(days=29)))
    assert (change.state, change.asked_side, one.lease.ends_on) == ("asked", "lessee", ENDS)
    with pytest.raises(WrongState):
        answer(one, change, one.manager)
    answer(one, change, one.villager)
    assert (change.state, one.lease.ends_on) == ("done", TODAY + timedelta(days=30))
    with pytest.raises(WrongState):
        answer(one, change, one.villager, yes=False, reason="不行")


def test_a_no_and_a_withdrawal_change_nothing(db_session: Any) -> None:
    one = let()
    wanted = one.wanted(ChangeKind.END, TODAY + timedelta(days=3))
    change = ask(one, wanted, one.villager)
    with pytest.raises(InvalidValue):
        answer(one, change, one.manager, yes=False)
    answer(one, change, one.manager, yes=False, reason="还要住")
    assert (change.state, one.lease.ends_on) == ("refused", ENDS)
    change = ask(one, wanted, one.villager)
    with pytest.raises(WrongState), transaction():
        withdraw_change(change=change, actor=one.manager, now=NOW)
    with transaction():
        withdraw_change(change=change, actor=one.villager, now=NOW)
    assert change.state == "withdrawn"


def test_one_question_at_a_time(db_session: Any) -> None:
    one = let()
    ask(one, one.wanted(ChangeKind.END, TODAY + timedelta(days=3)))
    with pytest.raises(WrongState, match="等对方答复"):
        ask(one, one.wanted(ChangeKind.END, TODAY + timedelta(days=4)), one.villager)


def test_what_differs_from_the_page_is_not_made(db_session: Any) -> None:
    one = let(paid=False, notice_days=5)
    wanted = one.wanted(ChangeKind.END, date(2026, 11, 29))
    digest = shown(one, wanted).digest()
    with transaction():
        record_payment(
            enterprise=one.lease.enterprise,
            owner=one.lease.owner,
            amount_fen=500_000,
            paid_on=TODAY,
            method="cash",
            actor=one.villager,
            now=NOW,
        )
    with pytest.raises(DiffersFromShown):
        ask(one, wanted, digest=digest)
    assert one.lease.ends_on == ENDS
    ask(one, wanted)


def test_nobody_is_left_in_a_room_that_ends(db_session: Any) -> None:
    one = let()
    with pytest.raises(InvalidValue, match="还有 2 人住着"):
        shown(one, one.wanted(ChangeKind.END, TODAY - timedelta(days=1)))


def test_a_plan_after_the_end_is_dropped(db_session: Any) -> None:
    one = let(people=False, notice_days=5)
    worker = make.make_worker(one.lease.enterprise)
    plan = make.make_stay(worker, one.rooms[0], starts_on=date(2026, 12, 5), arrived_on=None)
    make.db.session.commit()
    effect = shown(one, one.wanted(ChangeKind.END, date(2026, 11, 29)))
    assert [stay.fate for stay in effect.stays] == [Fate.CANCELLED]
    ask(one, one.wanted(ChangeKind.END, date(2026, 11, 29)))
    assert plan.cancelled_at == NOW


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2026, 11, 21), "已经过去"),
        (ENDS - timedelta(days=1), "本来就租到"),
        (ENDS, "本来就租到"),
    ],
)
def test_days_that_cannot_be(db_session: Any, day: date, words: str) -> None:
    one = let()
    with pytest.raises(InvalidValue, match=words):
        shown(one, one.wanted(ChangeKind.END, day))


def test_who_may_not_change_a_lease(db_session: Any) -> None:
    one = let()
    wanted = one.wanted(ChangeKind.END, TODAY + timedelta(days=30))
    staff = make.make_actor(make.Role.EMPLOYER_STAFF, one.manager.scope)
    clerk = make.make_clerk()
    make.db.session.commit()
    for actor in (staff, clerk):
        with pytest.raises(NotAllowed):
            ask(one, wanted, actor)
    make.make_consent(one.lease.owner)
    change = ask(one, wanted, clerk)
    assert (change.state, change.asked_for) == ("done", one.lease.owner_id)


# --- extending ----------------------------------------------------------------------------------------


def test_an_extension_takes_the_days_after_the_lessors_yes(db_session: Any) -> None:
    one = let()
    change = ask(one, one.wanted(ChangeKind.EXTEND, date(2027, 12, 31)))
    assert (change.state, claim_of(one.rooms[0]).ends_on) == ("asked", ENDS)
    answer(one, change, one.villager)
    end = date(2028, 1, 1)
    assert one.lease.ends_on == end
    assert {room.ends_on for room in one.rooms} == {end}
    assert {claim_of(room).ends_on for room in one.rooms} == {end}
    assert {stay.ends_on for stay in one.stays} == {end}


def ending(ends_on: date) -> Let:
    """A lease of one room of 600 yuan that ends on another day, with one worker in it, nothing paid."""
    manager, enterprise = make.make_employer()
    villager, owner = make.make_villager()
    lease = make.make_lease(enterprise, [make.make_room(make.make_house(owner))], BEGAN, ends_on)
    room = make.db.session.execute(select(LeaseRoom).where(LeaseRoom.lease_id == lease.id)).scalar_one()
    stay = make.make_stay(make.make_worker(enterprise, is_local=True), room)
    issue_due_bills(lease=lease, today=TODAY, actor=SYSTEM)
    make.db.session.commit()
    return Let(lease, [room], [stay], manager, villager)


def test_a_part_month_billed_at_the_end_becomes_whole(db_session: Any) -> None:
    """Ends 20 November within an anchor month; a week later people are still in: it goes on without a gap."""
    one = ending(date(2026, 11, 20))
    (stay,) = one.stays
    assert one.standing()[3] == 20_000
    change = ask(one, one.wanted(ChangeKind.EXTEND, date(2026, 12, 31)))
    answer(one, change, one.villager)
    assert one.standing() == {1: 60_000, 2: 60_000, 3: 60_000}
    new = one.bills()[-1]
    # Asked for only today: the days of grace count from now.
    assert new.due_on == date(2026, 11, 30)
    assert stay.ends_on == date(2027, 1, 1)


@pytest.mark.parametrize(
    ("state", "fields", "words"),
    [
        ("held", {"held_until": NOW + timedelta(hours=1)}, "锁定"),
        ("leased", {}, "已经租给别家"),
        ("closed", {"reason": "维修"}, "停用"),
    ],
)
def test_a_room_that_is_taken_is_named(db_session: Any, state: str, fields: Any, words: str) -> None:
    one = let()
    make.make_claim(one.rooms[1].room, ENDS + timedelta(days=5), ENDS + timedelta(days=50), state, **fields)
    make.db.session.commit()
    with pytest.raises(RoomTaken, match=words) as refusal:
        ask(one, one.wanted(ChangeKind.EXTEND, date(2027, 12, 31)))
    assert one.rooms[1].room.label in refusal.value.message
    assert "2027-09-15" in refusal.value.message


def test_an_expired_hold_is_not_in_the_way(db_session: Any) -> None:
    one = let()
    stale = make.make_claim(
        one.rooms[0].room, ENDS, ENDS + timedelta(days=50), "held", held_until=NOW - timedelta(minutes=1)
    )
    make.db.session.commit()
    change = ask(one, one.wanted(ChangeKind.EXTEND, date(2027, 12, 31)))
    answer(one, change, one.villager)
    assert (change.state, stale.state) == ("done", "released")


def test_who_has_a_bed_elsewhere_later_stays_only_until_then(db_session: Any) -> None:
    one = let()
    other = let(people=False)
    worker = one.stays[0].worker
    make.make_stay(worker, other.rooms[0], starts_on=ENDS, ends_on=ENDS, cancelled_at=NOW, arrived_on=None)
    other_lease = make.make_lease(one.lease.enterprise, [make.make_room()], ENDS, date(2028, 9, 10))
    later = make.db.session.execute(
        select(LeaseRoom).where(LeaseRoom.lease_id == other_lease.id)
    ).scalar_one()
    make.make_stay(worker, later, starts_on=ENDS + timedelta(days=10), arrived_on=None)
    make.db.session.commit()
    effect = shown(one, one.wanted(ChangeKind.EXTEND, date(2027, 12, 31)))
    assert [stay.ends_on for stay in effect.stays] == [ENDS + timedelta(days=10), date(2028, 1, 1)]


def test_an_extension_is_bounded(db_session: Any) -> None:
    one = let()
    with pytest.raises(InvalidValue, match="20 年"):
        shown(one, one.wanted(ChangeKind.EXTEND, date(2046, 9, 10)))
    with pytest.raises(InvalidValue, match="更晚"):
        shown(one, one.wanted(ChangeKind.EXTEND, ENDS - timedelta(days=1)))
    one.rooms[0].room.house.dangerous_since = TODAY
    make.db.session.commit()
    with pytest.raises(InvalidValue, match="危房"):
        ask(one, one.wanted(ChangeKind.EXTEND, date(2027, 12, 31)))


# --- swapping -----------------------------------------------------------------------------------------


def other_room(one: Let, rent_fen: int = 70_000, **fields: Any) -> int:
    room = make.make_room(one.rooms[0].room.house, **fields)
    make.make_listing(room, rent_fen=rent_fen, ends_on=date(2028, 1, 1))
    one.rooms[0].room.house.safe_until = date(2028, 1, 1)
    make.db.session.commit()
    return int(room.id)


def test_a_swap_moves_people_today_and_bills_follow(db_session: Any) -> None:
    one = let()
    wanted = one.wanted(ChangeKind.SWAP, TODAY, 0, room_id=other_room(one))
    effect = shown(one, wanted)
    assert (effect.rent_before_fen, effect.rent_after_fen) == (120_000, 130_000)
    change = ask(one, wanted)
    answer(one, change, one.villager)
    new = make.db.session.execute(
        select(LeaseRoom).where(LeaseRoom.follows_id == one.rooms[0].id)
    ).scalar_one()
    assert (one.rooms[0].ends_on, new.starts_on, new.ends_on, new.rent_fen) == (TODAY, TODAY, ENDS, 70_000)
    assert (one.stays[0].left_on, one.stays[0].ends_on) == (TODAY, TODAY)
    moved = make.db.session.execute(select(Stay).where(Stay.lease_room_id == new.id)).scalar_one()
    assert (moved.arrived_on, moved.ends_on, moved.bed_no) == (TODAY, ENDS, 1)
    # 13 of 30 days in the old room, 17 in the new one, and the other room whole.
    assert one.standing()[3] == 26_000 + 39_667 + 60_000


def test_a_swap_for_a_later_day_plans_the_move(db_session: Any) -> None:
    one = let()
    day = TODAY + timedelta(days=10)
    change = ask(one, one.wanted(ChangeKind.SWAP, day, 0, room_id=other_room(one)))
    answer(one, change, one.villager)
    plan = make.db.session.execute(
        select(Stay).where(Stay.worker_id == one.stays[0].worker_id, Stay.id != one.stays[0].id)
    ).scalar_one()
    assert (one.stays[0].ends_on, one.stays[0].left_on) == (day, None)
    assert (plan.starts_on, plan.arrived_on, plan.ends_on) == (day, None, ENDS)


def test_the_deposit_goes_on_with_the_room_that_follows(db_session: Any) -> None:
    one = let(notice_days=5)
    change = ask(one, one.wanted(ChangeKind.SWAP, TODAY, 0, room_id=other_room(one)))
    answer(one, change, one.villager)
    new = make.db.session.execute(
        select(LeaseRoom).where(LeaseRoom.follows_id == one.rooms[0].id)
    ).scalar_one()
    effect = shown(one, Wanted(ChangeKind.END, (new.id,), TODAY + timedelta(days=6)))
    assert effect.deposit_back_fen == 60_000


def test_a_room_that_is_too_small_or_taken_is_no_swap(db_session: Any) -> None:
    one = let()
    one.stays[0].bed_no = 2
    small = other_room(one, beds=1, capacity=1)
    with pytest.raises(InvalidValue, match="只有 1 张床"):
        shown(one, one.wanted(ChangeKind.SWAP, TODAY, 0, room_id=small))
    taken = other_room(one)
    make.make_claim(make.db.session.get_one(make.Room, taken), TODAY, ENDS, "closed", reason="维修")
    with pytest.raises(InvalidValue, match="另选一间"):
        shown(one, one.wanted(ChangeKind.SWAP, TODAY, 0, room_id=taken))


def test_a_change_of_a_lease_that_is_not_in_force(db_session: Any) -> None:
    one = let()
    for state in ("drafted", "ended"):
        one.lease.state = state
        one.lease.signed_on = None if state == "drafted" else BEGAN
        one.lease.sign_until = make.SIGN_UNTIL if state == "drafted" else None
        make.db.session.commit()
        with pytest.raises(DomainError):
            ask(one, one.wanted(ChangeKind.END, TODAY + timedelta(days=30)))
    assert Period(BEGAN, ENDS).days == 365


# --- another firm -------------------------------------------------------------------------------------


def passed_on(one: Let, day: date) -> tuple[LeaseChange, Actor]:
    """The transfer to a sister firm is asked; returns it and the sister's manager."""
    sister, firm = make.make_employer()
    make.db.session.commit()
    wanted = one.wanted(ChangeKind.TRANSFER, day, enterprise_id=firm.id)
    return ask(one, wanted), sister


def test_a_lease_goes_to_another_firm_with_its_people(db_session: Any) -> None:
    one = let()
    change, sister = passed_on(one, TODAY)
    with pytest.raises(WrongState, match="接手的企业"):
        answer(one, change, one.villager)
    with pytest.raises(NotAllowed), transaction():
        take_lease(change=change, actor=one.manager, now=NOW)
    with transaction():
        take_lease(change=change, actor=sister, now=NOW)
    answer(one, change, one.villager)
    new = make.db.session.get_one(Lease, change.new_lease_id)
    assert (new.state, new.starts_on, new.ends_on, new.deposit_fen) == ("signed", TODAY, ENDS, 120_000)
    assert one.lease.ends_on == TODAY
    # 13 of 30 days stay with the old firm, whose 680.00 are credit; the new one is billed from today.
    assert one.standing()[3] == 52_000
    assert {stay.left_on for stay in one.stays} == {TODAY}
    followers = list(
        make.db.session.execute(select(Stay).where(Stay.enterprise_id == new.enterprise_id)).scalars()
    )
    assert {(stay.arrived_on, stay.ends_on) for stay in followers} == {(TODAY, ENDS)}
    assert {stay.worker.name for stay in followers} == {stay.worker.name for stay in one.stays}
    bills = select(Bill.kind, Bill.amount_fen).where(Bill.lease_id == new.id).order_by(Bill.seq)
    assert [tuple(row) for row in make.db.session.execute(bills)] == [("deposit", 120_000), ("rent", 120_000)]


def test_a_transfer_for_a_later_day_plans_the_people(db_session: Any) -> None:
    one = let()
    day = TODAY + timedelta(days=8)
    change, sister = passed_on(one, day)
    with transaction():
        take_lease(change=change, actor=sister, now=NOW)
    answer(one, change, one.villager)
    assert {(stay.ends_on, stay.left_on) for stay in one.stays} == {(day, None)}


def test_who_may_take_and_who_may_pass_on(db_session: Any) -> None:
    one = let()
    raw = make.make_enterprise(state="submitted")
    make.db.session.commit()
    for taker in (raw.id, one.lease.enterprise_id, 987_654):
        with pytest.raises(InvalidValue, match="核验过"):
            ask(one, one.wanted(ChangeKind.TRANSFER, TODAY, enterprise_id=taker))
    change, sister = passed_on(one, TODAY)
    with pytest.raises(WrongState), transaction():
        withdraw_change(change=change, actor=sister, now=NOW)


def test_couples_shifts_and_wishes_go_over_with_the_people(db_session: Any) -> None:
    one = let(people=False)
    firm = one.lease.enterprise
    wife = make.make_worker(firm, "F", is_local=True, wish_group="三车间", ground_floor=True)
    husband = make.make_worker(firm, is_local=True, couple_with_id=wife.id)
    wife.couple_with_id = husband.id
    night = make.make_worker(firm, is_local=True, shift="night", wish_group="夜班组")
    key = 1000 + min(wife.id, husband.id)
    for bed, worker in enumerate((wife, husband), start=1):
        make.make_stay(worker, one.rooms[0], bed, companion_key=key)
    make.make_stay(night, one.rooms[1], by_hand=True)
    make.db.session.commit()
    change, sister = passed_on(one, TODAY)
    # Known there already, with a wish of the sister firm's own: that one stays.
    known = make.make_worker(
        make.db.session.get_one(Enterprise, sister.enterprise_id),
        id_number=night.id_number,
        wish_group="二楼",
    )
    with transaction():
        take_lease(change=change, actor=sister, now=NOW)
    answer(one, change, one.villager)
    stays = {
        stay.worker.name: stay
        for stay in make.db.session.execute(
            select(Stay).where(Stay.enterprise_id == sister.enterprise_id)
        ).scalars()
    }
    she, he, guard = (stays[worker.name] for worker in (wife, husband, known))
    assert (she.worker.couple_with_id, he.worker.couple_with_id) == (he.worker_id, she.worker_id)
    assert she.companion_key == he.companion_key == 1000 + min(she.worker_id, he.worker_id)
    assert (she.worker.wish_group, she.worker.ground_floor) == ("三车间", True)
    assert (guard.worker_id, guard.worker.shift, guard.worker.wish_group) == (known.id, "night", "二楼")
    assert guard.by_hand


def test_who_goes_over_without_a_partner_is_no_couple_there(db_session: Any) -> None:
    one = let(people=False)
    wife = make.make_worker(one.lease.enterprise, "F", is_local=True)
    husband = make.make_worker(one.lease.enterprise, is_local=True, couple_with_id=wife.id)
    wife.couple_with_id = husband.id
    make.make_stay(wife, one.rooms[0], companion_key=1000 + wife.id)
    change, sister = passed_on(one, TODAY)
    with transaction():
        take_lease(change=change, actor=sister, now=NOW)
    answer(one, change, one.villager)
    stay = make.db.session.execute(
        select(Stay).where(Stay.enterprise_id == sister.enterprise_id)
    ).scalar_one()
    assert stay.worker.couple_with_id is None


# --- another rent ---------------------------------------------------------------------------------------


def test_an_extension_at_another_rent_leaves_the_time_before_as_it_was(db_session: Any) -> None:
    """Ends 20 November, within an anchor month: it is billed in two parts, each at its rent and days."""
    one = ending(date(2026, 11, 20))
    assert one.standing()[3] == 20_000
    wanted = one.wanted(ChangeKind.EXTEND, date(2026, 12, 31), rents=((one.rooms[0].id, 75_000),))
    effect = shown(one, wanted)
    (room,) = effect.rooms
    assert (room.rent_fen, room.rent_after_fen, effect.rent_after_fen) == (60_000, 75_000, 75_000)
    (bill,) = effect.bills
    # 10 of 30 days at 600.00, 20 at 750.00.
    assert (bill.before_fen, bill.after_fen) == (20_000, 20_000 + 50_000)
    change = ask(one, wanted)
    answer(one, change, one.villager)
    assert one.standing() == {1: 60_000, 2: 60_000, 3: 70_000}
    lines = make.db.session.execute(
        select(BillLine.starts_on, BillLine.ends_on, BillLine.rate_fen, BillLine.amount_fen)
        .join(Bill)
        .where(Bill.lease_id == one.lease.id, Bill.seq == 3, Bill.voided_at.is_(None))
        .order_by(BillLine.starts_on)
    ).all()
    assert [tuple(line) for line in lines] == [
        (date(2026, 11, 10), date(2026, 11, 20), 60_000, 20_000),
        (date(2026, 11, 20), date(2026, 12, 10), 75_000, 50_000),
    ]
    sums = [lease_sums([one.lease.id], day)[one.lease.id][2] for day in (date(2026, 11, 19), TODAY)]
    assert sums == [60_000, 75_000]
    assert issue_due_bills(lease=one.lease, today=date(2026, 12, 10), actor=SYSTEM).amount_fen == 53_226


def test_a_rent_that_was_to_begin_is_forgotten_with_an_early_end(db_session: Any) -> None:
    """Agreed 750.00 from September; ended in June; extended again at the old rent: no 750.00 comes back."""
    one = let()
    rents = ((one.rooms[0].id, 75_000), (one.rooms[1].id, 60_000))
    change = ask(one, one.wanted(ChangeKind.EXTEND, date(2027, 12, 31), rents=rents))
    answer(one, change, one.villager)
    kept = make.db.session.execute(select(LeaseRoomRent)).scalars().all()
    assert [(rent.lease_room_id, rent.starts_on, rent.rent_fen) for rent in kept] == [
        (one.rooms[0].id, ENDS, 75_000)
    ]
    ask(one, one.wanted(ChangeKind.END, date(2027, 6, 30)))
    assert make.db.session.execute(select(LeaseRoomRent)).first() is None
    change = ask(one, one.wanted(ChangeKind.EXTEND, date(2027, 12, 31)))
    answer(one, change, one.villager)
    assert shown(one, one.wanted(ChangeKind.END, date(2027, 10, 31))).rent_before_fen == 120_000


def test_a_transfer_takes_the_rents_along(db_session: Any) -> None:
    one = ending(date(2026, 12, 10))
    day = date(2026, 12, 31)
    wanted = one.wanted(ChangeKind.EXTEND, day, rents=((one.rooms[0].id, 75_000),))
    answer(one, ask(one, wanted), one.villager)
    change, sister = passed_on(one, TODAY)
    with transaction():
        take_lease(change=change, actor=sister, now=NOW)
    answer(one, change, one.villager)
    room = make.db.session.execute(
        select(LeaseRoom).where(LeaseRoom.lease_id == change.new_lease_id)
    ).scalar_one()
    rent = make.db.session.execute(
        select(LeaseRoomRent).where(LeaseRoomRent.lease_room_id == room.id)
    ).scalar_one()
    assert (room.rent_fen, rent.starts_on, rent.rent_fen) == (60_000, date(2026, 12, 10), 75_000)


# --- before the first day ---------------------------------------------------------------------------------


def coming(first: date, *, notice_days: int = 30) -> Let:
    """A lease of two rooms that begins later, its deposit and, if due, first month billed and paid."""
    manager, enterprise = make.make_employer()
    villager, owner = make.make_villager()
    house = make.make_house(owner)
    rooms = [make.make_room(house), make.make_room(house)]
    lease = make.make_lease(
        enterprise, rooms, first, date(2027, 9, 10), signed_on=TODAY, notice_days=notice_days
    )
    lease_rooms = list(
        make.db.session.execute(
            select(LeaseRoom).where(LeaseRoom.lease_id == lease.id).order_by(LeaseRoom.id)
        ).scalars()
    )
    stays = [
        make.make_stay(make.make_worker(enterprise, is_local=True), room, arrived_on=None)
        for room in lease_rooms
    ]
    issue_due_bills(lease=lease, today=TODAY, actor=SYSTEM)
    one = Let(lease, lease_rooms, stays, manager, villager)
    record_payment(
        enterprise=enterprise,
        owner=owner,
        amount_fen=lease.deposit_fen + sum(one.standing().values()),
        paid_on=TODAY,
        method="bank",
        actor=villager,
        now=NOW,
    )
    make.db.session.commit()
    return one


def deposit_bills(one: Let) -> list[Bill]:
    return list(
        make.db.session.execute(
            select(Bill).where(Bill.lease_id == one.lease.id, Bill.kind == "deposit").order_by(Bill.id)
        ).scalars()
    )


def test_one_room_given_up_before_the_first_day_costs_nothing(db_session: Any) -> None:
    one = coming(TODAY + timedelta(days=5), notice_days=3)
    effect = shown(one, one.wanted(ChangeKind.RELEASE, one.lease.starts_on, 0))
    assert [(bill.seq, bill.before_fen, bill.after_fen) for bill in effect.bills] == [
        (0, 120_000, 60_000),
        (1, 120_000, 60_000),
    ]
    assert (effect.needs_yes, effect.cancels, effect.credit_fen) == (False, False, 120_000)
    ask(one, one.wanted(ChangeKind.RELEASE, one.lease.starts_on, 0))
    assert (one.lease.state, one.lease.deposit_fen) == ("signed", 60_000)
    assert [claim_of(room).state for room in one.rooms] == ["released", "leased"]
    assert [stay.cancelled_at for stay in one.stays] == [NOW, None]
    old, new = deposit_bills(one)
    assert (old.voided_at, new.amount_fen, new.paid_fen, new.replaces_id) == (NOW, 60_000, 60_000, old.id)
    assert one.standing() == {1: 60_000}
    # It is as if the room had never been of the lease: no bed, no sheet, not one more bill.
    assert [room.id for room in rooms_of_lease(one.lease.id)] == [one.rooms[1].id]
    assert lease_sums([one.lease.id], TODAY)[one.lease.id][0] == 1
    assert make.make_claim(one.rooms[0].room, one.lease.starts_on, ENDS, "closed", reason="自用").id
    with pytest.raises(InvalidValue, match="还在租"):
        shown(one, one.wanted(ChangeKind.RELEASE, one.lease.starts_on, 0))
    run = issue_due_bills(lease=one.lease, today=ENDS, actor=SYSTEM)
    assert run.amount_fen == run.bills * 60_000 - (60_000 - one.standing()[max(one.standing())])


def test_the_whole_lease_given_up_leaves_no_bill(db_session: Any) -> None:
    one = coming(TODAY + timedelta(days=5), notice_days=3)
    effect = shown(one, one.wanted(ChangeKind.RELEASE, one.lease.starts_on))
    assert (effect.cancels, effect.credit_fen, effect.deposit_after_fen) == (True, 240_000, 0)
    change = ask(one, one.wanted(ChangeKind.RELEASE, one.lease.starts_on))
    assert (change.state, one.lease.state) == ("done", "cancelled")
    assert {claim_of(room).state for room in one.rooms} == {"released"}
    assert {stay.cancelled_at for stay in one.stays} == {NOW}
    assert all(bill.voided_at for bill in [*one.bills(), *deposit_bills(one)])
    payment = make.db.session.execute(select(Payment)).scalar_one()
    assert payment.unallocated_fen == payment.amount_fen == 240_000
    assert issue_due_bills(lease=one.lease, today=ENDS, actor=SYSTEM).bills == 0


def test_late_it_needs_the_other_sides_yes_and_after_the_first_day_it_is_no_release(db_session: Any) -> None:
    one = coming(TODAY + timedelta(days=30))
    change = ask(one, one.wanted(ChangeKind.RELEASE, one.lease.starts_on))
    assert (change.state, one.lease.state) == ("asked", "signed")
    answer(one, change, one.villager)
    assert one.lease.state == "cancelled"
    by_notice = coming(TODAY + timedelta(days=31))
    change = ask(
        by_notice, by_notice.wanted(ChangeKind.RELEASE, by_notice.lease.starts_on), by_notice.villager
    )
    assert (change.state, by_notice.lease.state) == ("done", "cancelled")
    running = let()
    with pytest.raises(InvalidValue, match="已经起租"):
        shown(running, running.wanted(ChangeKind.RELEASE, BEGAN))


def test_a_room_agreed_in_anothers_place_goes_with_it(db_session: Any) -> None:
    one = coming(TODAY + timedelta(days=5), notice_days=3)
    swap = one.wanted(ChangeKind.SWAP, TODAY + timedelta(days=9), 0, room_id=other_room(one))
    answer(one, ask(one, swap), one.villager)
    new = make.db.session.execute(
        select(LeaseRoom).where(LeaseRoom.follows_id == one.rooms[0].id)
    ).scalar_one()
    with pytest.raises(InvalidValue, match="一起退"):
        shown(one, one.wanted(ChangeKind.RELEASE, one.lease.starts_on, 0))
    ask(one, Wanted(ChangeKind.RELEASE, (one.rooms[0].id, new.id), one.lease.starts_on))
    assert (one.lease.deposit_fen, one.standing()) == (60_000, {1: 60_000})


# --- a room of another household ------------------------------------------------------------------------


def last_code() -> str:
    newest = select(OutboxItem).where(OutboxItem.key.startswith("code:")).order_by(OutboxItem.id.desc())
    item = make.db.session.execute(newest.limit(1)).scalar_one()
    return re.findall(r"\d{6}", item.body)[0]


@dataclass
class Moving:
    """A worker is to move from the first room to one of another household, ten days from now."""

    one: Let
    neighbour: Actor
    change: LeaseChange

    @property
    def draft(self) -> Lease:
        found = make.db.session.get_one(Lease, self.change.new_lease_id)
        return found

    @property
    def new_room(self) -> LeaseRoom:
        return make.db.session.execute(
            select(LeaseRoom).where(LeaseRoom.lease_id == self.draft.id)
        ).scalar_one()

    def sign(self, actor: Actor, now: datetime = NOW) -> None:
        with transaction():
            request_code(lease=self.draft, actor=actor, now=now)
        with transaction():
            sign_lease(
                lease=self.draft,
                shown_sha256=ensure_document(self.draft),
                code=last_code(),
                actor=actor,
                now=now,
                today=business_date(now),
            )
            if self.draft.state == "signed":
                finish_relocation(new_lease=self.draft, actor=actor, today=business_date(now), now=now)
                issue_due_bills(lease=self.draft, today=business_date(now), actor=actor)


def elsewhere(rent_fen: int = 70_000, **fields: Any) -> tuple[Actor, int]:
    """Another household of the village with a room on the market; returns who speaks for it and the room."""
    neighbour, owner = make.make_villager()
    listing = make.make_listing(
        make.make_room(make.make_house(owner), **fields), rent_fen=rent_fen, ends_on=date(2028, 1, 1)
    )
    listing.room.house.safe_until = date(2028, 1, 1)
    make.db.session.commit()
    return neighbour, int(listing.room_id)


def moving(day: date = TODAY + timedelta(days=10), **fields: Any) -> Moving:
    one = let(**fields)
    neighbour, room_id = elsewhere()
    change = ask(one, one.wanted(ChangeKind.RELOCATE, day, 0, room_id=room_id))
    return Moving(one, neighbour, change)


def test_a_relocation_shows_both_leases_and_holds_the_room_at_once(db_session: Any) -> None:
    one = let()
    neighbour, room_id = elsewhere()
    wanted = one.wanted(ChangeKind.RELOCATE, TODAY + timedelta(days=10), 0, room_id=room_id)
    effect = shown(one, wanted)
    assert effect.new_lease is not None
    assert (effect.new_lease.rent_fen, effect.new_lease.deposit_fen) == (70_000, 70_000)
    assert effect.new_lease.period == Period(wanted.day, ENDS)
    assert effect.new_lease.sign_by == TODAY + timedelta(days=7)
    assert (effect.needs_yes, effect.deposit_back_fen, effect.rent_after_fen) == (True, 60_000, 60_000)
    # 23 of 30 days of the room that is left, and the other room whole.
    assert [(bill.seq, bill.after_fen) for bill in effect.bills] == [(3, 46_000 + 60_000)]
    change = ask(one, wanted)
    made = Moving(one, neighbour, change)
    assert (change.state, made.draft.state, made.draft.owner_id != one.lease.owner_id) == (
        "asked",
        "drafted",
        True,
    )
    claim = claim_of(made.new_room)
    assert (claim.state, claim.starts_on, claim.ends_on) == ("held", wanted.day, ENDS)
    assert claim.held_until == made.draft.sign_until
    assert booking_of_lease(made.draft.id) == booking_of_lease(one.lease.id)
    assert (one.rooms[0].ends_on, one.stays[0].ends_on) == (ENDS, ENDS)
    # The room is no longer to be had, for this question either.
    with pytest.raises(InvalidValue, match="另选一间"):
        shown(one, wanted)


def test_the_second_signature_moves_the_people_and_ends_the_room(db_session: Any) -> None:
    it = moving()
    it.sign(it.one.manager)
    with pytest.raises(WrongState, match="还没答应"):
        it.sign(it.neighbour)
    assert (it.draft.state, len(signatures_of(it.draft))) == ("drafted", 1)
    answer_relocation(it)
    assert (it.change.state, it.change.agreed_at) == ("asked", NOW)
    with pytest.raises(WrongState, match="已经答应"):
        answer_relocation(it)
    it.sign(it.neighbour, NOW + timedelta(minutes=5))
    day = TODAY + timedelta(days=10)
    assert (it.change.state, it.draft.state) == ("done", "signed")
    assert [room.ends_on for room in it.one.rooms] == [day, ENDS]
    assert (it.one.stays[0].ends_on, it.one.stays[0].left_on) == (day, None)
    plan = make.db.session.execute(select(Stay).where(Stay.lease_room_id == it.new_room.id)).scalar_one()
    assert (plan.worker_id, plan.starts_on, plan.ends_on) == (it.one.stays[0].worker_id, day, ENDS)
    assert it.one.standing()[3] == 106_000
    assert claim_of(it.new_room).state == "leased"
    assert deposit_of_draft(it) == 70_000


def answer_relocation(it: Moving, *, yes: bool = True, reason: str = "") -> None:
    wanted = Wanted.from_terms(it.change.kind, it.change.terms)
    effect = effect_of(it.one.lease, wanted, actor=it.one.villager, today=TODAY, now=NOW, asked=it.change)
    with transaction():
        answer_change(
            change=it.change,
            yes=yes,
            reason=reason,
            shown_digest=effect.digest(),
            actor=it.one.villager,
            today=TODAY,
            now=NOW,
        )


def deposit_of_draft(it: Moving) -> int:
    return make.db.session.execute(
        select(Bill.amount_fen).where(Bill.lease_id == it.draft.id, Bill.kind == "deposit")
    ).scalar_one()


def test_today_everybody_moves_at_once_and_by_notice_nobody_is_asked(db_session: Any) -> None:
    it = moving(TODAY)
    answer_relocation(it)
    it.sign(it.neighbour)
    it.sign(it.one.manager)
    assert it.one.stays[0].left_on == TODAY
    stay = make.db.session.execute(select(Stay).where(Stay.lease_room_id == it.new_room.id)).scalar_one()
    assert stay.arrived_on == TODAY
    by_notice = moving(TODAY + timedelta(days=31))
    assert not by_notice.change.facts["needs_yes"]
    with pytest.raises(WrongState, match="不用您答复"):
        answer_relocation(by_notice)
    # The notice counts from the day it was given, not from the signature.
    later = NOW + timedelta(days=5)
    by_notice.sign(by_notice.neighbour, later)
    by_notice.sign(by_notice.one.manager, later)
    assert by_notice.change.state == "done"


def test_a_no_a_withdrawal_and_a_refused_signature_leave_nothing(db_session: Any) -> None:
    refused = moving()
    answer_relocation(refused, yes=False, reason="说好住满一年")
    taken_back = moving()
    with transaction():
        withdraw_change(change=taken_back.change, actor=taken_back.one.manager, now=NOW)
    unsigned = moving()
    with transaction():
        withdraw_lease(lease=unsigned.draft, reason="亲戚要住", actor=unsigned.neighbour, now=NOW)
    make.db.session.expire_all()
    assert [it.change.state for it in (refused, taken_back, unsigned)] == [
        "refused",
        "withdrawn",
        "withdrawn",
    ]
    for it in (refused, taken_back, unsigned):
        assert (it.draft.state, claim_of(it.new_room).state) == ("cancelled", "released")
        assert it.one.rooms[0].ends_on == ENDS
    assert withdrawals_of([refused.draft.id])[refused.draft.id][0].user_id == refused.one.manager.user_id


def test_a_lapsed_relocation_is_not_in_the_way(db_session: Any) -> None:
    it = moving()
    it.draft.sign_until = NOW - timedelta(hours=1)
    claim_of(it.new_room).held_until = it.draft.sign_until
    make.db.session.commit()
    assert open_change_of(it.one.lease.id, NOW) is None
    change = ask(it.one, it.one.wanted(ChangeKind.END, TODAY + timedelta(days=30)))
    assert (it.change.state, change.state) == ("withdrawn", "done")


def test_what_is_no_relocation(db_session: Any) -> None:
    one = let()
    _neighbour, room_id = elsewhere()
    own = other_room(one)
    for other in (own, 987_654):
        with pytest.raises(InvalidValue, match="另选一间"):
            shown(one, one.wanted(ChangeKind.RELOCATE, TODAY, 0, room_id=other))
    wanted = one.wanted(ChangeKind.RELOCATE, TODAY, 0, room_id=room_id)
    with pytest.raises(WrongState, match="由租着的企业"):
        ask(one, wanted, one.villager)
    with pytest.raises(InvalidValue, match="已经过去"):
        shown(one, one.wanted(ChangeKind.RELOCATE, TODAY - timedelta(days=1), 0, room_id=room_id))
    one.stays[0].bed_no = 2
    _neighbour, small = elsewhere(beds=1, capacity=1)
    with pytest.raises(InvalidValue, match="只有 1 张床"):
        shown(one, one.wanted(ChangeKind.RELOCATE, TODAY, 0, room_id=small))
