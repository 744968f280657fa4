"""Shifts, wishes, hand-made placements, and suggestions that would move people."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction, translate
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.invariants import broken_invariants
from qiantang_nest.enterprises.models import Enterprise, Worker
from qiantang_nest.occupancy.models import LeaseRoom, MixedRoom, Registration, Stay
from qiantang_nest.occupancy.queries.beds import movable_stays, propose_beds
from qiantang_nest.occupancy.services.bed_checks import BedChoice
from qiantang_nest.occupancy.services.beds import assign_beds, change_shift, move_stay
from qiantang_nest.occupancy.services.carry_out import Come, Leave, Move, NotPossible, carry_out
from tests.conftest import sign_in
from tests.factories import NOW, TODAY, make_employer, make_house, make_stay, make_worker
from tests.occupancy.test_beds import couple, leased_rooms

DAY = timedelta(days=1)


@pytest.fixture
def employer(db_session: Any) -> tuple[Actor, Enterprise]:
    return make_employer()


def local(enterprise: Enterprise, sex: str = "M", **fields: Any) -> Worker:
    """A worker from here: on the register, but with no report to make."""
    return make_worker(enterprise, sex, is_local=True, **fields)


def live_stays() -> list[Stay]:
    db.session.expire_all()
    return list(
        db.session.execute(
            select(Stay).where(Stay.cancelled_at.is_(None), Stay.left_on.is_(None)).order_by(Stay.id)
        ).scalars()
    )


def changed(stay: Stay, room: LeaseRoom, bed_no: int, actor: Actor) -> Stay:
    return change_shift(
        stay=stay, lease_room=room, bed_no=bed_no, changes_on=TODAY, actor=actor, today=TODAY, now=NOW
    )


# --- shifts ---------------------------------------------------------------------------------------


def test_nights_and_days_do_not_share_a_room(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    (room,) = leased_rooms(enterprise)
    make_stay(local(enterprise), room, 1)
    night = local(enterprise, shift="night")
    with pytest.raises(MixedRoom, match="白班夜班不能混住"):
        assign_beds(choices=[BedChoice(night, room, 2, TODAY)], actor=actor, today=TODAY)
    with pytest.raises(IntegrityError, match="stay_no_mixed_room"):
        make_stay(night, room, 2)


def test_the_key_of_a_bed_is_of_the_workers_shift(employer: tuple[Actor, Enterprise]) -> None:
    """Neither a bed with another key nor another shift with the same bed gets past the database."""
    _actor, enterprise = employer
    (room,) = leased_rooms(enterprise)
    with pytest.raises(IntegrityError) as caught, db.session.begin_nested():
        make_stay(local(enterprise, shift="night"), room, 1, companion_key=1)
    assert isinstance(translate(caught.value), InvalidValue)
    housed = make_stay(local(enterprise), room, 1)
    turned = update(Worker).where(Worker.id == housed.worker_id).values(shift="night")
    with pytest.raises(IntegrityError, match="shift") as caught, db.session.begin_nested():
        db.session.execute(turned)
    assert "换班" in str(translate(caught.value))
    db.session.expire_all()
    housed.ends_on = housed.left_on = TODAY + DAY
    db.session.flush()
    housed.worker.shift = "night"
    db.session.flush()
    assert broken_invariants(db.session.connection(), now=NOW) == []


def test_changing_shift_takes_another_bed_with_it(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    first, second = leased_rooms(enterprise, 2)
    stay = make_stay(local(enterprise), first, 1, starts_on=TODAY - DAY, arrived_on=TODAY - DAY)
    make_stay(local(enterprise), first, 2)
    with pytest.raises(MixedRoom):
        changed(stay, first, 1, actor)
    moved = changed(stay, second, 1, actor)
    assert (moved.room_id, moved.companion_key, moved.starts_on) == (second.room_id, 3, TODAY)
    assert (stay.left_on, stay.companion_key, stay.worker.shift) == (TODAY, 1, "night")


def test_alone_in_the_room_nobody_has_to_move(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    (room,) = leased_rooms(enterprise)
    stay = make_stay(local(enterprise), room, 2, starts_on=TODAY - DAY, arrived_on=TODAY - DAY)
    same = changed(stay, room, 2, actor)
    assert (same.bed_no, same.companion_key, same.worker.shift) == (2, 3, "night")
    back = changed(same, room, 2, actor)
    assert (back.id, back.companion_key, back.worker.shift) == (same.id, 1, "day")


def beds_of_the_wrong_shift(app: Flask) -> int:
    """Give workers a bed and another shift at the same moment; how often both went through."""
    with app.app_context(), transaction():
        actor, enterprise = make_employer()
        pairs = [(local(enterprise).id, room.id) for room in leased_rooms(enterprise, 12)]
    barrier = threading.Barrier(2)

    def house(pair: tuple[int, int]) -> None:
        worker, room = db.session.get_one(Worker, pair[0]), db.session.get_one(LeaseRoom, pair[1])
        barrier.wait()
        assign_beds(choices=[BedChoice(worker, room, 1, TODAY)], actor=actor, today=TODAY)

    def turn(pair: tuple[int, int]) -> None:
        barrier.wait()
        db.session.execute(update(Worker).where(Worker.id == pair[0]).values(shift="night"))

    def attempt(work: Callable[[tuple[int, int]], None], pair: tuple[int, int]) -> None:
        with app.app_context(), suppress(InvalidValue), transaction():
            work(pair)

    with ThreadPoolExecutor(2) as pool:
        for pair in pairs:
            for done in [pool.submit(attempt, work, pair) for work in (house, turn)]:
                done.result()
    with app.app_context():
        wrong = db.session.execute(
            text(
                "SELECT count(*) FROM stay s JOIN worker w ON w.id = s.worker_id"
                " WHERE (s.companion_key IN (3, 4)) <> (w.shift = 'night')"
            )
        ).scalar_one()
        db.session.remove()
    return int(wrong)


def test_a_change_of_shift_and_a_new_bed_at_the_same_moment(fresh_app: Flask) -> None:
    """Whoever comes second sees the first: never a night worker in a bed of the day."""
    assert beds_of_the_wrong_shift(fresh_app) == 0


def test_without_the_guard_shift_and_bed_part(fresh_app: Flask, fresh_database: Any) -> None:
    """The control: the test above would notice."""
    fresh_database.sql("ALTER TABLE worker DISABLE TRIGGER shift_fits_stays")
    fresh_database.sql("ALTER TABLE stay DISABLE TRIGGER stay_fits_shift")
    assert beds_of_the_wrong_shift(fresh_app) > 0


# --- wishes and hands -----------------------------------------------------------------------------


def test_a_bed_chosen_by_hand_is_known_and_never_moved(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    house = make_house()
    (upper,) = leased_rooms(enterprise, house=house, floor=2, beds=1)
    (lower,) = leased_rooms(enterprise, house=house, floor=1, beds=1)
    stay = make_stay(local(enterprise, ground_floor=True), upper, starts_on=TODAY, arrived_on=TODAY)
    rooms = [upper, lower]
    found = propose_beds(
        workers=[],
        lease_rooms=rooms,
        starts_on=TODAY,
        ends_on=None,
        movable=movable_stays(actor, rooms, TODAY),
    )
    assert [(one.stay.id, one.lease_room.id, one.reason) for one in found.moves] == [
        (stay.id, lower.id, "要住一楼")
    ]
    move_stay(stay=stay, lease_room=lower, bed_no=1, moves_on=TODAY, actor=actor, today=TODAY, now=NOW)
    move_stay(stay=stay, lease_room=upper, bed_no=1, moves_on=TODAY, actor=actor, today=TODAY, now=NOW)
    assert stay.by_hand
    assert movable_stays(actor, rooms, TODAY) == []


def test_friends_are_brought_together_and_each_move_says_why(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    rooms = leased_rooms(enterprise, 2)
    friend = make_stay(local(enterprise, name="老王", wish_group="老乡"), rooms[0], 1)
    make_stay(local(enterprise, name="小陈"), rooms[0], 2)
    other = make_stay(local(enterprise, name="老李", wish_group="老乡"), rooms[1], 1, by_hand=True)
    found = propose_beds(
        workers=[],
        lease_rooms=rooms,
        starts_on=TODAY,
        ends_on=None,
        movable=movable_stays(actor, rooms, TODAY),
    )
    (move,) = found.moves
    assert (move.stay.id, move.lease_room.id, move.bed_no) == (friend.id, rooms[1].id, 2)
    assert other.id not in {one.stay.id for one in found.moves}


def test_another_employers_people_are_never_asked(employer: tuple[Actor, Enterprise]) -> None:
    _actor, enterprise = employer
    rooms = leased_rooms(enterprise)
    make_stay(local(enterprise), rooms[0])
    stranger, _enterprise = make_employer()
    assert movable_stays(stranger, rooms, TODAY) == []


PEOPLE = st.lists(
    st.tuples(st.sampled_from("MMFC"), st.booleans(), st.sampled_from(["", "", "甲", "乙"]), st.booleans()),
    min_size=1,
    max_size=6,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=PEOPLE,
    second=PEOPLE,
    beds=st.lists(st.integers(0, 2), min_size=1, max_size=4),
    hand=st.integers(0, 3),
)
def test_suggestions_saved_whole_keep_every_rule(
    employer: tuple[Actor, Enterprise],
    first: list[tuple[str, bool, str, bool]],
    second: list[tuple[str, bool, str, bool]],
    beds: list[int],
    hand: int,
) -> None:
    """Two waves; in the second, people of the first may be asked to move, but those placed by hand."""
    actor, enterprise = employer
    savepoint = db.session.begin_nested()
    house = make_house()
    rooms = [
        room
        for floor, count in enumerate(beds, start=1)
        for room in leased_rooms(enterprise, house=house, beds=count, floor=floor)
    ]
    for wave in (first, second):
        workers = [worker for one in wave for worker in people_like(enterprise, *one)]
        before = {stay.id: (stay.room_id, stay.bed_no) for stay in live_stays() if stay.by_hand}
        found = propose_beds(
            workers=workers,
            lease_rooms=rooms,
            starts_on=TODAY,
            ends_on=None,
            movable=movable_stays(actor, rooms, TODAY),
        )
        by_id, by_room = {one.id: one for one in workers}, {one.id: one for one in rooms}
        carry_out(
            moves=[
                Move(
                    n,
                    one.stay,
                    BedChoice(one.stay.worker, one.lease_room, one.bed_no, TODAY, one.stay.ends_on),
                )
                for n, one in enumerate(found.moves)
            ],
            comes=[
                Come(100 + n, BedChoice(by_id[one.worker_id], by_room[one.room_id], one.bed_no, TODAY))
                for n, one in enumerate(found.placements)
            ],
            actor=actor,
            today=TODAY,
            now=NOW,
        )
        live = live_stays()
        assert {s.id: (s.room_id, s.bed_no) for s in live if s.id in before} == before
        assert len({(stay.room_id, stay.bed_no) for stay in live}) == len(live)
        assert len({stay.worker_id for stay in live}) == len(live)
        for stay in live[:hand]:
            stay.by_hand = True
        db.session.flush()
        assert broken_invariants(db.session.connection(), now=NOW) == []
    savepoint.rollback()


def people_like(enterprise: Enterprise, kind: str, night: bool, wish: str, ground: bool) -> list[Worker]:
    if kind == "C":
        return list(couple(enterprise))
    shift = "night" if night else "day"
    return [local(enterprise, kind, shift=shift, wish_group=wish, ground_floor=ground)]


# --- all at once ----------------------------------------------------------------------------------


def test_a_bed_goes_on_without_a_gap(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    (room,) = leased_rooms(enterprise, beds=1, capacity=1)
    leaver = make_stay(make_worker(enterprise), room, starts_on=TODAY - 9 * DAY, arrived_on=TODAY - 9 * DAY)
    joiner = make_worker(enterprise)
    carry_out(
        leaves=[Leave(2, leaver, TODAY)],
        comes=[Come(3, BedChoice(joiner, room, 1, TODAY), arrived=True)],
        actor=actor,
        today=TODAY,
        now=NOW,
    )
    stays = db.session.execute(select(Stay).order_by(Stay.id)).scalars().all()
    assert [(s.worker_id, s.starts_on, s.ends_on, s.left_on) for s in stays] == [
        (leaver.worker_id, TODAY - 9 * DAY, TODAY, TODAY),
        (joiner.id, TODAY, room.ends_on, None),
    ]
    kinds = db.session.execute(select(Registration.kind, Registration.stay_id)).all()
    assert {("departure", stays[0].id), ("arrival", stays[1].id)} <= {tuple(row) for row in kinds}


def test_who_leaves_later_is_expected_to(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    (room,) = leased_rooms(enterprise, beds=1, capacity=1)
    stay = make_stay(local(enterprise), room)
    later = TODAY + 5 * DAY
    carry_out(
        leaves=[Leave(2, stay, later)],
        comes=[Come(3, BedChoice(local(enterprise), room, 1, later))],
        actor=actor,
        today=TODAY,
        now=NOW,
    )
    assert (stay.ends_on, stay.left_on) == (later, None)
    assert broken_invariants(db.session.connection(), now=NOW) == []


def test_all_that_is_in_the_way_is_named_and_nothing_done(employer: tuple[Actor, Enterprise]) -> None:
    actor, enterprise = employer
    room, other = leased_rooms(enterprise, 2)
    before = {"starts_on": TODAY - DAY, "arrived_on": TODAY - DAY, "ends_on": TODAY, "left_on": TODAY}
    gone = make_stay(local(enterprise, name="早走了"), room, 1, **before)
    make_stay(local(enterprise), room, 2)
    woman = local(enterprise, "F", name="女工")
    with pytest.raises(NotPossible) as caught:
        carry_out(
            leaves=[Leave(2, gone, TODAY)],
            comes=[
                Come(3, BedChoice(woman, room, 1, TODAY)),
                Come(4, BedChoice(local(enterprise), other, 1, TODAY)),
            ],
            actor=actor,
            today=TODAY,
            now=NOW,
        )
    assert [line for line, _sentence in caught.value.problems] == [2, 3]
    assert "2 条" in str(caught.value)
    assert len(live_stays()) == 1


# --- the page -------------------------------------------------------------------------------------


@pytest.fixture
def signed_in(client: FlaskClient, employer: tuple[Actor, Enterprise], at_now: None) -> Iterator[FlaskClient]:
    client.application.config["WTF_CSRF_ENABLED"] = False
    sign_in(client, employer[0])
    yield client
    client.application.config["WTF_CSRF_ENABLED"] = True


def test_a_struck_move_is_not_made(signed_in: FlaskClient, employer: tuple[Actor, Enterprise]) -> None:
    _actor, enterprise = employer
    first, second = leased_rooms(enterprise, 2)
    one = make_stay(local(enterprise, name="甲一"), first, 1)
    two = make_stay(local(enterprise, name="乙二"), second, 1)
    woman = local(enterprise, "F", name="丙三")
    asked = {"worker": [str(woman.id)], "starts_on": TODAY.isoformat(), "village": "", "may_move": "y"}
    page = signed_in.post("/beds/assign", data=asked).text
    moved, stays = (one, two) if f'value="{one.id}:' in page else (two, one)
    assert "请 1 人换床" in page
    assert "把床让给 丙三" in page
    target = stays.lease_room_id
    place = f"{woman.id}:{moved.lease_room_id}:1"
    refused = signed_in.post(
        "/beds/assign",
        data=asked | {"step": "save", "place": place, "offered": str(moved.id)},
    )
    assert refused.status_code == 422
    assert "一条都没有办" in refused.text
    assert len(live_stays()) == 2
    other = signed_in.post("/beds/assign", data=asked | {"step": "again", "offered": str(moved.id)}).text
    assert f'name="struck" value="{moved.id}"' in other
    assert f'value="{stays.id}:' in other
    saved = signed_in.post(
        "/beds/assign",
        data=asked
        | {"step": "save", "place": place, "move": f"{moved.id}:{target}:2", "offered": str(moved.id)},
    )
    assert saved.status_code == 303
    assert len(live_stays()) == 3
    moved.by_hand = True
    db.session.commit()
    late = signed_in.post("/beds/assign", data=asked | {"step": "save", "move": f"{moved.id}:{target}:2"})
    assert late.status_code == 422
    assert "有人的床位刚才变了" in late.text
    assert broken_invariants(db.session.connection(), now=NOW) == []


def test_nobody_is_moved_in_the_past(signed_in: FlaskClient, employer: tuple[Actor, Enterprise]) -> None:
    leased_rooms(employer[1])
    worker = local(employer[1])
    answer = signed_in.post(
        "/beds/assign",
        data={
            "worker": str(worker.id),
            "starts_on": (TODAY - DAY).isoformat(),
            "village": "",
            "may_move": "y",
        },
    )
    assert answer.status_code == 422
    assert "只能从今天起" in answer.text


def test_the_page_of_changing_shift(signed_in: FlaskClient, employer: tuple[Actor, Enterprise]) -> None:
    _actor, enterprise = employer
    first, second = leased_rooms(enterprise, 2)
    stay = make_stay(local(enterprise), first, 1)
    make_stay(local(enterprise), first, 2)
    page = signed_in.get(f"/stays/{stay.id}/shift").text
    assert f'value="{second.id}:1"' in page
    assert f'value="{first.id}:1"' not in page
    answer = signed_in.post(
        f"/stays/{stay.id}/shift", data={"changes_on": TODAY.isoformat(), "bed": f"{second.id}:1"}
    )
    assert answer.status_code == 303
    assert [s.worker.shift for s in live_stays() if s.worker_id == stay.worker_id] == ["night"]


def test_the_list_of_workers_does_not_turn_a_shift_behind_the_bed(
    signed_in: FlaskClient, employer: tuple[Actor, Enterprise]
) -> None:
    _actor, enterprise = employer
    (room,) = leased_rooms(enterprise)
    stay = make_stay(local(enterprise, name="张换班"), room)
    fields = {"name": "张换班", "id_kind": "resident", "is_local": "y", "shift": "night"}
    answer = signed_in.post(f"/enterprises/workers/{stay.worker_id}", data=fields)
    assert answer.status_code == 422
    assert "办“换班”" in answer.text
    assert [one.worker.shift for one in live_stays()] == ["day"]
    free = local(enterprise, name="李没床")
    changed_form = {**fields, "name": "李没床", "wish_group": "老乡", "ground_floor": "y"}
    assert signed_in.post(f"/enterprises/workers/{free.id}", data=changed_form).status_code == 303
    db.session.expire_all()
    assert (free.shift, free.wish_group, free.ground_floor) == ("night", "老乡", True)
