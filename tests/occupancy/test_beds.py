"""Placing, moving and swapping, and the constraints behind them."""

from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from qiantang_nest.core.actor import Actor
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db, translate
from qiantang_nest.core.errors import InvalidValue, NotFound, WrongState
from qiantang_nest.core.invariants import broken_invariants
from qiantang_nest.enterprises.models import Enterprise, Worker
from qiantang_nest.housing.models import Hazard
from qiantang_nest.occupancy.models import (
    BedTaken,
    LeaseRoom,
    MixedRoom,
    Registration,
    Stay,
    WorkerHoused,
)
from qiantang_nest.occupancy.queries.beds import propose_beds
from qiantang_nest.occupancy.rules import UnplacedReason
from qiantang_nest.occupancy.services.bed_checks import BedChoice, HouseBarred
from qiantang_nest.occupancy.services.beds import assign_beds, move_stay, swap_beds
from tests.factories import (
    NEIGHBOUR_VILLAGE,
    NOW,
    SIGN_UNTIL,
    TODAY,
    add,
    make_employer,
    make_enterprise,
    make_house,
    make_lease,
    make_owner,
    make_room,
    make_stay,
    make_worker,
)

pytestmark = pytest.mark.usefixtures("db_session")

END = date(2027, 11, 23)


def leased_rooms(enterprise: Enterprise, count: int = 1, **fields: Any) -> list[LeaseRoom]:
    house = fields.pop("house", None) or make_house()
    lease = make_lease(enterprise, [make_room(house, **fields) for _ in range(count)])
    return list(
        db.session.execute(
            select(LeaseRoom).where(LeaseRoom.lease_id == lease.id).order_by(LeaseRoom.id)
        ).scalars()
    )


def choose(worker: Worker, lease_room: LeaseRoom, bed_no: int = 1, starts_on: date = TODAY) -> BedChoice:
    return BedChoice(worker, lease_room, bed_no, starts_on)


def couple(enterprise: Enterprise) -> tuple[Worker, Worker]:
    him, her = make_worker(enterprise, "M"), make_worker(enterprise, "F")
    him.couple_with_id, her.couple_with_id = her.id, him.id
    db.session.flush()
    return him, her


@pytest.fixture
def employer() -> tuple[Actor, Enterprise]:
    return make_employer()


def test_many_get_beds_in_one_insert(employer: tuple[Actor, Enterprise], query_log: list[str]) -> None:
    actor, enterprise = employer
    rooms = leased_rooms(enterprise, 10)
    workers = [make_worker(enterprise) for _ in range(20)]
    choices = [choose(worker, rooms[at // 2], at % 2 + 1) for at, worker in enumerate(workers)]
    query_log.clear()
    stays = assign_beds(choices=choices, actor=actor, today=TODAY)
    db.session.flush()
    assert len(stays) == 20
    assert {stay.ends_on for stay in stays} == {END}
    assert all(stay.arrived_on is None for stay in stays)
    assert sum(sql.startswith("INSERT INTO stay") for sql in query_log) == 1
    assert len(query_log) <= 8
    events = db.session.execute(
        select(AuditEvent).where(AuditEvent.action == "occupancy.assign_beds")
    ).scalars()
    assert {event.entity_id for event in events} == {stay.id for stay in stays}


def test_proposal_keeps_sexes_apart_and_couples_alone(employer: tuple[Actor, Enterprise]) -> None:
    _actor, enterprise = employer
    rooms = leased_rooms(enterprise, 3)
    him, her = couple(enterprise)
    people = [make_worker(enterprise, "M"), make_worker(enterprise, "F"), him, her]
    proposal = propose_beds(workers=people, lease_rooms=rooms, starts_on=TODAY, ends_on=None)
    rooms_of = {placement.worker_id: placement.room_id for placement in proposal.placements}
    assert not proposal.unplaced
    assert rooms_of[him.id] == rooms_of[her.id]
    assert len(set(rooms_of.values())) == 3


def test_proposal_leaves_barred_houses_out(employer: tuple[Actor, Enterprise]) -> None:
    _actor, enterprise = employer
    rooms = leased_rooms(enterprise)
    add(Hazard(house_id=rooms[0].room.house_id, severity="major", what="电线", found_on=TODAY, due_on=TODAY))
    worker = make_worker(enterprise)
    proposal = propose_beds(workers=[worker], lease_rooms=rooms, starts_on=TODAY, ends_on=None)
    assert proposal.barred_houses == {rooms[0].room.house_id}
    assert [one.reason for one in proposal.unplaced] == [UnplacedReason.NO_BED_FOR_MEN]


def test_room_promised_to_men_then_women_has_no_bed_for_the_whole_time(
    employer: tuple[Actor, Enterprise],
) -> None:
    _actor, enterprise = employer
    (room,) = leased_rooms(enterprise)
    make_stay(make_worker(enterprise), room, 1, ends_on=TODAY + timedelta(days=9))
    make_stay(make_worker(enterprise, "F"), room, 1, starts_on=TODAY + timedelta(days=9), arrived_on=None)
    proposal = propose_beds(
        workers=[make_worker(enterprise)], lease_rooms=[room], starts_on=TODAY, ends_on=None
    )
    assert proposal.rows[0].mixed_over_time
    assert not proposal.placements
    until = TODAY + timedelta(days=5)
    assert propose_beds(
        workers=[make_worker(enterprise)], lease_rooms=[room], starts_on=TODAY, ends_on=until
    ).placements


def test_assigning_refuses_what_is_unlawful_or_taken(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    house = make_house()
    first, second = leased_rooms(enterprise, 2, house=house)
    (foreign,) = leased_rooms(make_enterprise())
    make_stay(make_worker(enterprise), first, 1)
    him, _her = couple(enterprise)
    young = make_worker(enterprise, born_on=TODAY - timedelta(days=365 * 15))
    twin = make_worker(enterprise)
    cases = [
        (BedTaken, [choose(make_worker(enterprise), first, 1)]),
        (MixedRoom, [choose(make_worker(enterprise, "F"), first, 2)]),
        (MixedRoom, [choose(him, first, 2)]),
        (
            MixedRoom,
            [choose(make_worker(enterprise), second, 1), choose(make_worker(enterprise, "F"), second, 2)],
        ),
        (BedTaken, [choose(make_worker(enterprise), second, 1), choose(make_worker(enterprise), second, 1)]),
        (WorkerHoused, [choose(twin, second, 1), choose(twin, second, 2)]),
        (InvalidValue, [choose(make_worker(enterprise), second, 3)]),
        (InvalidValue, [choose(make_worker(enterprise), second, 1, END)]),
        (InvalidValue, [choose(make_worker(enterprise), second, 1, TODAY - timedelta(days=1))]),
        (InvalidValue, [choose(make_worker(enterprise), second, 1, TODAY - timedelta(days=90))]),
        (InvalidValue, [choose(young, second, 1)]),
        (NotFound, [choose(make_worker(enterprise), foreign, 1)]),
    ]
    for error, choices in cases:
        with pytest.raises(error):
            assign_beds(choices=choices, actor=actor, today=TODAY)
    assert len(db.session.execute(select(Stay)).scalars().all()) == 1


def test_beds_never_exceed_the_legal_capacity(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    (room,) = leased_rooms(enterprise, capacity=2, beds=1)
    with pytest.raises(InvalidValue):
        assign_beds(choices=[choose(make_worker(enterprise), room, 2)], actor=actor, today=TODAY)


def test_unsigned_lease_houses_nobody(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    (room,) = leased_rooms(enterprise)
    room.lease.state, room.lease.signed_on, room.lease.sign_until = "drafted", None, SIGN_UNTIL
    db.session.flush()
    with pytest.raises(WrongState):
        assign_beds(choices=[choose(make_worker(enterprise), room)], actor=actor, today=TODAY)


def test_same_person_of_another_enterprise_is_refused_without_saying_which(
    employer: tuple[Actor, Enterprise],
) -> None:
    actor, enterprise = employer
    other = make_enterprise()
    (there,) = leased_rooms(other)
    (here,) = leased_rooms(enterprise)
    worker = make_worker(other)
    make_stay(worker, there)
    same = make_worker(enterprise, id_number=worker.id_number)
    with pytest.raises(WorkerHoused) as caught:
        assign_beds(choices=[choose(same, here)], actor=actor, today=TODAY)
    assert other.name not in caught.value.message


def test_moving_cuts_the_old_stay_and_opens_a_new_one(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    first, second = leased_rooms(enterprise, 2)
    stay = make_stay(make_worker(enterprise), first)
    later = TODAY + timedelta(days=7)
    new = move_stay(stay=stay, lease_room=second, bed_no=2, moves_on=later, actor=actor, today=later, now=NOW)
    assert (stay.ends_on, stay.left_on) == (later, later)
    assert (new.room_id, new.bed_no, new.starts_on, new.arrived_on) == (second.room_id, 2, later, later)
    assert new.ends_on == END
    # The same house: nothing to report.
    assert db.session.execute(select(Registration)).scalars().all() == []


def test_moving_to_another_house_reports_both(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    (first,) = leased_rooms(enterprise)
    (second,) = leased_rooms(enterprise, house=make_house(make_owner(NEIGHBOUR_VILLAGE)))
    stay = make_stay(make_worker(enterprise), first)
    later = TODAY + timedelta(days=7)
    new = move_stay(stay=stay, lease_room=second, bed_no=1, moves_on=later, actor=actor, today=later, now=NOW)
    rows = db.session.execute(select(Registration).order_by(Registration.kind)).scalars().all()
    assert [(row.kind, row.stay_id, row.village_code) for row in rows] == [
        ("arrival", new.id, NEIGHBOUR_VILLAGE),
        ("departure", stay.id, first.room.village_code),
    ]


def test_a_plan_is_changed_in_place(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    first, second = leased_rooms(enterprise, 2)
    stay = make_stay(make_worker(enterprise), first, arrived_on=None)
    new = move_stay(stay=stay, lease_room=second, bed_no=1, moves_on=TODAY, actor=actor, today=TODAY, now=NOW)
    assert new is stay
    assert (stay.room_id, stay.cancelled_at, stay.left_on) == (second.room_id, None, None)
    assert len(db.session.execute(select(Stay)).scalars().all()) == 1


def test_moves_are_refused_with_a_reason(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    first, second = leased_rooms(enterprise, 2)
    stay = make_stay(make_worker(enterprise), first)
    gone = make_stay(
        make_worker(enterprise),
        first,
        2,
        ends_on=TODAY + timedelta(days=1),
        left_on=TODAY + timedelta(days=1),
    )
    later = TODAY + timedelta(days=3)

    def move(who: Stay, room: LeaseRoom, bed_no: int, on: date, today: date = later) -> None:
        move_stay(stay=who, lease_room=room, bed_no=bed_no, moves_on=on, actor=actor, today=today, now=NOW)

    with pytest.raises(InvalidValue):  # the same bed
        move(stay, first, 1, later)
    with pytest.raises(InvalidValue):  # tomorrow's move
        move(stay, second, 1, later, today=TODAY)
    with pytest.raises(InvalidValue):  # before the arrival
        move(stay, second, 1, TODAY - timedelta(days=1))
    with pytest.raises(WrongState):
        move(gone, second, 1, later)
    add(Hazard(house_id=second.room.house_id, severity="major", what="电线", found_on=TODAY, due_on=TODAY))
    with pytest.raises(HouseBarred):
        move(stay, second, 1, later)


@pytest.mark.parametrize("arrived", [True, False])
def test_two_change_beds(employer: tuple[Actor, Enterprise], arrived: bool) -> None:
    actor, enterprise = employer
    first, second = leased_rooms(enterprise, 2)
    fields = {} if arrived else {"arrived_on": None}
    one = make_stay(make_worker(enterprise), first, 1, **fields)
    other = make_stay(make_worker(enterprise, "F"), second, 2, **fields)
    later = TODAY + timedelta(days=7)
    new_one, new_other = swap_beds(first=one, second=other, moves_on=later, actor=actor, today=later, now=NOW)
    assert (new_one.worker_id, new_one.room_id, new_one.bed_no) == (one.worker_id, second.room_id, 2)
    assert (new_other.worker_id, new_other.room_id, new_other.bed_no) == (other.worker_id, first.room_id, 1)
    assert (new_one is one) is not arrived


def test_swap_into_a_mixed_room_is_refused(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    first, second = leased_rooms(enterprise, 2)
    one = make_stay(make_worker(enterprise), first, 1)
    make_stay(make_worker(enterprise), first, 2)
    other = make_stay(make_worker(enterprise, "F"), second, 1)
    with pytest.raises(MixedRoom):
        swap_beds(first=one, second=other, moves_on=TODAY, actor=actor, today=TODAY, now=NOW)
    with pytest.raises(InvalidValue):
        swap_beds(first=one, second=one, moves_on=TODAY, actor=actor, today=TODAY, now=NOW)


# --- the last guards ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constraint", "error"),
    [
        ("stay_one_worker_a_bed", BedTaken),
        ("stay_one_bed_a_worker", WorkerHoused),
        ("stay_no_mixed_room", MixedRoom),
    ],
)
def test_constraints_refuse_what_no_service_would_write(
    employer: tuple[Actor, Enterprise], constraint: str, error: type[Exception]
) -> None:
    _actor, enterprise = employer
    first, second = leased_rooms(enterprise, 2)
    worker = make_worker(enterprise)
    make_stay(worker, first, 1)
    breaking = {
        "stay_one_worker_a_bed": (make_worker(enterprise), first, 1),
        "stay_one_bed_a_worker": (worker, second, 1),
        "stay_no_mixed_room": (make_worker(enterprise, "F"), first, 2),
    }
    with pytest.raises(IntegrityError) as caught:
        make_stay(*breaking[constraint])
    assert f'"{constraint}"' in str(caught.value.orig)
    assert isinstance(translate(caught.value), error)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"ends_on": TODAY}, "ck_stay_period_forward"),
        ({"bed_no": 0}, "ck_stay_bed_no_sensible"),
        ({"arrived_on": None, "left_on": END}, "ck_stay_left"),
        ({"arrived_on": TODAY + timedelta(days=1)}, "ck_stay_arrived_at_start"),
    ],
)
def test_checks_refuse_odd_rows(
    employer: tuple[Actor, Enterprise], fields: dict[str, Any], name: str
) -> None:
    _actor, enterprise = employer
    (room,) = leased_rooms(enterprise)
    with pytest.raises(IntegrityError, match=name):
        make_stay(make_worker(enterprise), room, **fields)


def test_beds_touch_without_overlap(employer: tuple[Actor, Enterprise]) -> None:
    _actor, enterprise = employer
    (room,) = leased_rooms(enterprise)
    middle = TODAY + timedelta(days=30)
    make_stay(make_worker(enterprise), room, 1, ends_on=middle, left_on=middle)
    make_stay(make_worker(enterprise, "F"), room, 1, starts_on=middle, arrived_on=middle)


PEOPLE = st.lists(st.sampled_from("MFC"), min_size=1, max_size=9)
ROOMS = st.lists(st.integers(0, 2), min_size=1, max_size=5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=PEOPLE, beds=ROOMS, gone=st.integers(0, 8), second_wave=PEOPLE)
def test_whatever_comes_the_rules_of_sleeping_hold(
    employer: tuple[Actor, Enterprise], kinds: list[str], beds: list[int], gone: int, second_wave: list[str]
) -> None:
    """Two waves of people, some of the first leaving between them, are placed by rule and saved."""
    actor, enterprise = employer
    savepoint = db.session.begin_nested()
    house = make_house()
    lease = make_lease(enterprise, [make_room(house, beds=count) for count in beds])
    rooms = list(db.session.execute(select(LeaseRoom).where(LeaseRoom.lease_id == lease.id)).scalars())
    first = place_all(actor, enterprise, rooms, kinds, TODAY)
    for stay in first[:gone]:
        stay.cancelled_at = NOW
    db.session.flush()
    place_all(actor, enterprise, rooms, second_wave, TODAY + timedelta(days=3))

    live = db.session.execute(select(Stay).where(Stay.cancelled_at.is_(None))).scalars().all()
    by_room: dict[int, list[Stay]] = defaultdict(list)
    for stay in live:
        by_room[stay.room_id].append(stay)
        assert stay.lease_room.starts_on <= stay.starts_on < stay.ends_on <= stay.lease_room.ends_on
    for there in by_room.values():
        room = there[0].room
        assert len({stay.companion_key for stay in there}) == 1
        assert len({stay.bed_no for stay in there}) == len(there) <= min(room.beds, room.capacity)
        sexes = Counter(stay.worker.sex for stay in there)
        if len(sexes) == 2:
            assert sexes == {"M": 1, "F": 1}
            assert there[0].worker.couple_with_id == there[1].worker_id
    assert len({stay.worker_id for stay in live}) == len(live)
    assert broken_invariants(db.session.connection(), now=NOW) == []
    savepoint.rollback()


def place_all(
    actor: Actor, enterprise: Enterprise, rooms: list[LeaseRoom], kinds: list[str], starts_on: date
) -> list[Stay]:
    workers: list[Worker] = []
    for kind in kinds:
        workers += couple(enterprise) if kind == "C" else [make_worker(enterprise, kind)]
    proposal = propose_beds(workers=workers, lease_rooms=rooms, starts_on=starts_on, ends_on=None)
    assert len(proposal.placements) + len(proposal.unplaced) == len(workers)
    by_worker = {worker.id: worker for worker in workers}
    by_room = {room.id: room for room in rooms}
    return assign_beds(
        choices=[
            BedChoice(by_worker[one.worker_id], by_room[one.room_id], one.bed_no, starts_on)
            for one in proposal.placements
        ],
        actor=actor,
        today=TODAY,
    )
