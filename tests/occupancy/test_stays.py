"""Coming, not coming, leaving, being replaced; and the reports that follow."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from qiantang_nest.core.actor import Actor
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.core.invariants import broken_invariants
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.housing.models import Hazard
from qiantang_nest.occupancy.models import BedTaken, MixedRoom, Registration, Stay
from qiantang_nest.occupancy.queries.stays import StayState, in_state, stay_state
from qiantang_nest.occupancy.services.bed_checks import BedChoice, HouseBarred
from qiantang_nest.occupancy.services.beds import assign_beds, move_stay, swap_beds
from qiantang_nest.occupancy.services.registrations import SHORT_STAY, record_registrations
from qiantang_nest.occupancy.services.stays import cancel_stay, check_in, check_out, replace_worker
from tests.factories import (
    NEIGHBOUR_VILLAGE,
    NOW,
    TODAY,
    add,
    make_clerk,
    make_employer,
    make_enterprise,
    make_house,
    make_owner,
    make_stay,
    make_worker,
)
from tests.occupancy.test_beds import leased_rooms

pytestmark = pytest.mark.usefixtures("db_session")

FRIDAY_BEFORE_FESTIVAL = date(2026, 2, 13)


@pytest.fixture
def employer() -> tuple[Actor, Enterprise]:
    return make_employer()


def planned(enterprise: Enterprise, **fields: Any) -> Stay:
    (room,) = leased_rooms(enterprise)
    return make_stay(make_worker(enterprise), room, arrived_on=None, **fields)


def reports() -> list[Registration]:
    return list(db.session.execute(select(Registration).order_by(Registration.kind)).scalars())


def test_arrival_is_reported_in_three_working_days(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    stay = planned(enterprise)
    # The festival of 2026: the 14th is worked, the 15th to the 23rd are not.
    stay.lease_room.starts_on = stay.starts_on = FRIDAY_BEFORE_FESTIVAL
    db.session.flush()
    check_in(stays=[stay], arrived_on=FRIDAY_BEFORE_FESTIVAL, actor=actor, today=TODAY)
    (report,) = reports()
    assert (report.kind, report.happened_on, report.due_on) == (
        "arrival",
        FRIDAY_BEFORE_FESTIVAL,
        date(2026, 2, 25),
    )
    assert (stay.arrived_on, stay.starts_on) == (FRIDAY_BEFORE_FESTIVAL, FRIDAY_BEFORE_FESTIVAL)


def test_locals_are_on_the_register_without_a_report(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    stay = planned(enterprise)
    stay.worker.is_local = True
    later = TODAY + timedelta(days=30)
    check_in(stays=[stay], arrived_on=TODAY, actor=actor, today=TODAY)
    check_out(stays=[stay], left_on=later, actor=actor, today=later, now=NOW)
    assert reports() == []
    assert stay.left_on == later


def test_all_have_come_at_once(employer: tuple[Actor, Enterprise], query_log: list[str]) -> None:
    actor, enterprise = employer
    rooms = leased_rooms(enterprise, 10)
    stays = [
        make_stay(make_worker(enterprise), room, bed, arrived_on=None) for room in rooms for bed in (1, 2)
    ]
    query_log.clear()
    check_in(stays=stays, arrived_on=TODAY, actor=actor, today=TODAY)
    db.session.flush()
    assert len(reports()) == 20
    assert sum(sql.startswith("INSERT INTO registration") for sql in query_log) == 1
    assert len(query_log) <= 20
    events = db.session.execute(select(AuditEvent).where(AuditEvent.action == "occupancy.check_in")).scalars()
    assert {event.entity_id for event in events} == {stay.id for stay in stays}


def test_coming_late_or_early_moves_the_start(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    late = planned(enterprise)
    check_in(stays=[late], arrived_on=TODAY + timedelta(days=2), actor=actor, today=TODAY + timedelta(days=2))
    assert late.starts_on == TODAY + timedelta(days=2)
    early = planned(enterprise, starts_on=TODAY + timedelta(days=5))
    check_in(stays=[early], arrived_on=TODAY, actor=actor, today=TODAY)
    assert early.starts_on == TODAY


def test_coming_early_into_somebody_elses_bed_is_refused(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    (room,) = leased_rooms(enterprise)
    middle = TODAY + timedelta(days=5)
    make_stay(make_worker(enterprise), room, ends_on=middle)
    early = make_stay(make_worker(enterprise), room, starts_on=middle, arrived_on=None)
    with pytest.raises(BedTaken):
        check_in(stays=[early], arrived_on=TODAY, actor=actor, today=TODAY)


def test_check_in_refusals(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    tomorrow = TODAY + timedelta(days=1)
    stay = planned(enterprise)
    with pytest.raises(InvalidValue):
        check_in(stays=[stay], arrived_on=tomorrow, actor=actor, today=TODAY)
    with pytest.raises(InvalidValue):
        check_in(stays=[stay], arrived_on=TODAY - timedelta(days=1), actor=actor, today=TODAY)
    stay.worker.born_on = TODAY - timedelta(days=365 * 15)
    with pytest.raises(InvalidValue):
        check_in(stays=[stay], arrived_on=TODAY, actor=actor, today=TODAY)
    stay.worker.born_on = None
    hazard = add(
        Hazard(house_id=stay.room.house_id, severity="major", what="电线", found_on=TODAY, due_on=TODAY)
    )
    with pytest.raises(HouseBarred):
        check_in(stays=[stay], arrived_on=TODAY, actor=actor, today=TODAY)
    hazard.closed_on = TODAY
    db.session.flush()
    check_in(stays=[stay], arrived_on=TODAY, actor=actor, today=TODAY)
    with pytest.raises(WrongState):
        check_in(stays=[stay], arrived_on=TODAY, actor=actor, today=TODAY)


def test_one_who_cannot_come_stops_the_whole_list(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    good, bad = planned(enterprise), planned(enterprise)
    bad.room.house.dangerous_since = TODAY
    db.session.flush()
    with pytest.raises(HouseBarred):
        check_in(stays=[good, bad], arrived_on=TODAY, actor=actor, today=TODAY)
    assert good.arrived_on is None


def test_leaving_frees_the_bed_at_once_and_is_reported(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    (room,) = leased_rooms(enterprise)
    stay = make_stay(make_worker(enterprise), room)
    left_on = TODAY + timedelta(days=30)
    check_out(stays=[stay], left_on=left_on, actor=actor, today=left_on, now=NOW)
    assert (stay.ends_on, stay.left_on) == (left_on, left_on)
    (report,) = reports()
    assert (report.kind, report.happened_on, report.done_on) == ("departure", left_on, None)
    make_stay(make_worker(enterprise, "F"), room, starts_on=left_on, arrived_on=left_on)


def test_a_short_stay_closes_both_reports_together(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    stay = planned(enterprise)
    check_in(stays=[stay], arrived_on=TODAY, actor=actor, today=TODAY)
    left_on = TODAY + timedelta(days=2)
    check_out(stays=[stay], left_on=left_on, actor=actor, today=left_on, now=NOW)
    arrival, departure = reports()
    assert (arrival.kind, departure.kind) == ("arrival", "departure")
    assert arrival.done_on == departure.done_on == left_on
    assert arrival.reference == departure.reference == SHORT_STAY


def test_a_short_stay_already_reported_is_reported_again_on_leaving(
    employer: tuple[Actor, Enterprise],
) -> None:
    actor, enterprise = employer
    stay = planned(enterprise)
    check_in(stays=[stay], arrived_on=TODAY, actor=actor, today=TODAY)
    record_registrations(
        registrations=reports(), reference="HZ-1", done_on=TODAY, actor=make_clerk(), today=TODAY
    )
    left_on = TODAY + timedelta(days=1)
    check_out(stays=[stay], left_on=left_on, actor=actor, today=left_on, now=NOW)
    assert [report.done_on for report in reports()] == [TODAY, None]


def test_after_a_change_of_bed_the_arrival_is_still_found(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    first, second = leased_rooms(enterprise, 2)
    stay = make_stay(make_worker(enterprise), first, arrived_on=None)
    check_in(stays=[stay], arrived_on=TODAY, actor=actor, today=TODAY)
    next_day = TODAY + timedelta(days=1)
    moved = move_stay(
        stay=stay, lease_room=second, bed_no=1, moves_on=next_day, actor=actor, today=next_day, now=NOW
    )
    left_on = TODAY + timedelta(days=2)
    check_out(stays=[moved], left_on=left_on, actor=actor, today=left_on, now=NOW)
    assert [(report.kind, report.reference) for report in reports()] == [
        ("arrival", SHORT_STAY),
        ("departure", SHORT_STAY),
    ]


def test_leaving_on_the_day_of_arrival_voids_the_stay(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    stay = planned(enterprise)
    check_in(stays=[stay], arrived_on=TODAY, actor=actor, today=TODAY)
    check_out(stays=[stay], left_on=TODAY, actor=actor, today=TODAY, now=NOW)
    assert (stay.left_on, stay.cancelled_at) == (TODAY, NOW)
    assert stay_state(stay, TODAY) is StayState.LEFT
    assert {report.reference for report in reports()} == {SHORT_STAY}


def test_check_out_refusals(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    stay = planned(enterprise)
    tomorrow = TODAY + timedelta(days=1)

    def leave(on: date, today: date = TODAY) -> None:
        check_out(stays=[stay], left_on=on, actor=actor, today=today, now=NOW)

    with pytest.raises(WrongState):
        leave(TODAY)
    check_in(stays=[stay], arrived_on=TODAY, actor=actor, today=TODAY)
    with pytest.raises(InvalidValue):
        leave(tomorrow)
    with pytest.raises(InvalidValue):
        leave(TODAY - timedelta(days=1))
    with pytest.raises(InvalidValue):
        leave(stay.ends_on + timedelta(days=1), stay.ends_on + timedelta(days=1))
    leave(tomorrow, tomorrow)
    with pytest.raises(WrongState):
        leave(tomorrow, tomorrow)


def test_not_coming_frees_the_bed(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    stay = planned(enterprise)
    cancel_stay(stay=stay, actor=actor, now=NOW)
    make_stay(make_worker(enterprise), stay.lease_room, stay.bed_no)
    with pytest.raises(WrongState):
        cancel_stay(stay=stay, actor=actor, now=NOW)
    with pytest.raises(WrongState):
        check_in(stays=[stay], arrived_on=TODAY, actor=actor, today=TODAY)
    assert reports() == []


def test_who_has_come_is_not_cancelled(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    (room,) = leased_rooms(enterprise)
    with pytest.raises(WrongState):
        cancel_stay(stay=make_stay(make_worker(enterprise), room), actor=actor, now=NOW)


def test_replacement_takes_the_bed_without_a_gap(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    (room,) = leased_rooms(enterprise)
    stay, end = make_stay(make_worker(enterprise), room), room.ends_on
    left_on = TODAY + timedelta(days=10)
    fresh = make_worker(enterprise)
    plan = replace_worker(stay=stay, worker=fresh, left_on=left_on, actor=actor, today=left_on, now=NOW)
    assert stay.ends_on == plan.starts_on == left_on
    assert (plan.room_id, plan.bed_no, plan.ends_on) == (stay.room_id, stay.bed_no, end)
    assert plan.arrived_on is None


def test_replacement_must_fit_the_room(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    (room,) = leased_rooms(enterprise)
    stay = make_stay(make_worker(enterprise), room, 1)
    make_stay(make_worker(enterprise), room, 2)
    with pytest.raises(MixedRoom):
        replace_worker(
            stay=stay, worker=make_worker(enterprise, "F"), left_on=TODAY, actor=actor, today=TODAY, now=NOW
        )
    with pytest.raises(InvalidValue):
        replace_worker(
            stay=stay,
            worker=make_worker(enterprise),
            left_on=room.ends_on,
            actor=actor,
            today=room.ends_on,
            now=NOW,
        )


def test_states_in_words_and_in_sql_agree(employer: tuple[Actor, Enterprise]) -> None:
    _actor, enterprise = employer
    tomorrow = TODAY + timedelta(days=1)
    rooms = leased_rooms(enterprise, 6)
    rows = {
        StayState.PLANNED: make_stay(make_worker(enterprise), rooms[0], arrived_on=None),
        StayState.PRESENT: make_stay(make_worker(enterprise), rooms[1]),
        StayState.OVERSTAYED: make_stay(make_worker(enterprise), rooms[2], ends_on=tomorrow),
        StayState.LEFT: make_stay(make_worker(enterprise), rooms[3], ends_on=tomorrow, left_on=tomorrow),
        StayState.CANCELLED: make_stay(make_worker(enterprise), rooms[4], arrived_on=None, cancelled_at=NOW),
    }
    voided = make_stay(make_worker(enterprise), rooms[5], ends_on=TODAY, left_on=TODAY, cancelled_at=NOW)
    for state, stay in rows.items():
        assert stay_state(stay, tomorrow) is state
        found = set(db.session.execute(select(Stay.id).where(in_state(state, tomorrow))).scalars())
        assert found == ({stay.id, voided.id} if state is StayState.LEFT else {stay.id})


# --- reports --------------------------------------------------------------------------------------


def make_report(enterprise: Enterprise, **fields: Any) -> Registration:
    (room,) = leased_rooms(enterprise)
    stay = make_stay(make_worker(enterprise), room)
    values = {"kind": "arrival", "happened_on": TODAY, "due_on": TODAY + timedelta(days=3), **fields}
    return add(Registration(stay_id=stay.id, village_code=stay.village_code, reference="", **values))


def test_reports_are_marked_together_and_only_once(employer: tuple[Actor, Enterprise]) -> None:
    _actor, enterprise = employer
    clerk = make_clerk()
    rows = [make_report(enterprise) for _ in range(3)]
    assert (
        record_registrations(
            registrations=rows[:2], reference=" 杭公－１ ", done_on=TODAY, actor=clerk, today=TODAY
        )
        == 2
    )
    assert (
        record_registrations(registrations=rows, reference="后来的", done_on=TODAY, actor=clerk, today=TODAY)
        == 1
    )
    assert [row.reference for row in rows] == ["杭公-1", "杭公-1", "后来的"]
    assert {row.done_by for row in rows} == {clerk.user_id}


def test_report_day_is_between_the_event_and_today(employer: tuple[Actor, Enterprise]) -> None:
    _actor, enterprise = employer
    rows = [make_report(enterprise)]
    for done_on, reference in (
        (TODAY + timedelta(days=1), ""),
        (TODAY - timedelta(days=1), ""),
        (TODAY, "长" * 41),
    ):
        with pytest.raises(InvalidValue):
            record_registrations(
                registrations=rows, reference=reference, done_on=done_on, actor=make_clerk(), today=TODAY
            )


def test_one_report_of_a_kind_a_stay(employer: tuple[Actor, Enterprise]) -> None:
    _actor, enterprise = employer
    row = make_report(enterprise)
    with pytest.raises(IntegrityError, match="uq_registration_once"):
        add(
            Registration(
                stay_id=row.stay_id,
                village_code=row.village_code,
                kind="arrival",
                happened_on=TODAY,
                due_on=TODAY,
                reference="",
            )
        )


# --- the rules as SQL -----------------------------------------------------------------------------


def test_a_whole_life_breaks_no_rule(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    here = leased_rooms(enterprise, 2)
    (there,) = leased_rooms(enterprise, house=make_house(make_owner(NEIGHBOUR_VILLAGE)))
    people = [make_worker(enterprise) for _ in range(3)]
    days = [TODAY + timedelta(days=number) for number in range(0, 50, 10)]
    stays = assign_beds(
        choices=[
            BedChoice(worker, here[0], bed, TODAY) for worker, bed in zip(people[:2], (1, 2), strict=True)
        ],
        actor=actor,
        today=TODAY,
    )
    check_in(stays=stays, arrived_on=TODAY, actor=actor, today=TODAY)
    first, second = stays
    first = move_stay(
        stay=first, lease_room=here[1], bed_no=1, moves_on=days[1], actor=actor, today=days[1], now=NOW
    )
    first = move_stay(
        stay=first, lease_room=there, bed_no=2, moves_on=days[2], actor=actor, today=days[2], now=NOW
    )
    first, second = swap_beds(
        first=first, second=second, moves_on=days[3], actor=actor, today=days[3], now=NOW
    )
    plan = replace_worker(stay=second, worker=people[2], left_on=days[4], actor=actor, today=days[4], now=NOW)
    check_in(stays=[plan], arrived_on=days[4], actor=actor, today=days[4])
    check_out(
        stays=[first, plan],
        left_on=days[4] + timedelta(days=9),
        actor=actor,
        today=days[4] + timedelta(days=9),
        now=NOW,
    )
    assert broken_invariants(db.session.connection(), now=NOW) == []


def test_the_rules_as_sql_find_what_breaks_them(employer: tuple[Actor, Enterprise]) -> None:
    _actor, enterprise = employer
    first, second, third = leased_rooms(enterprise, 3)
    worker = make_worker(enterprise)
    make_stay(worker, first, ends_on=first.ends_on + timedelta(days=1))
    other = make_enterprise()
    (theirs,) = leased_rooms(other)
    make_stay(make_worker(other, id_number=worker.id_number), theirs)
    make_stay(make_worker(enterprise), second, 3, ends_on=date(2099, 1, 1))
    make_stay(make_worker(enterprise, "M"), third, 1)
    make_stay(make_worker(enterprise, "F"), third, 2, companion_key=1)
    assert {one.name[:2] for one in broken_invariants(db.session.connection(), now=NOW)} == {"B2", "B4", "S2"}
    assert sum(one.name.startswith("B4") for one in broken_invariants(db.session.connection(), now=NOW)) == 3
