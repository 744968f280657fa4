"""A factory's weekly headcount file: what it proposes, what is struck, and doing the rest at once."""

import io
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import DomainError
from qiantang_nest.core.invariants import broken_invariants
from qiantang_nest.core.workbook import read_workbook
from qiantang_nest.enterprises.models import Enterprise, Worker
from qiantang_nest.occupancy.models import LeaseRoom, Registration, Stay
from qiantang_nest.occupancy.services.carry_out import NotPossible
from qiantang_nest.spreadsheets.rules.changes import (
    CHANGE,
    CHANGE_COLUMNS,
    CHANGE_NEEDED,
    DAY,
    changes_template,
)
from qiantang_nest.spreadsheets.rules.roster import (
    COUPLE,
    GROUND,
    NAME,
    NUMBER,
    PHONE,
    PROBLEM,
    SEX,
    SHIFT,
    WISH,
    read_rows,
)
from qiantang_nest.spreadsheets.services.changes import Plan, Step, carry_out_changes, plan_changes
from tests.conftest import sign_in
from tests.factories import (
    NOW,
    TODAY,
    make_employer,
    make_house,
    make_id_number,
    make_lease,
    make_room,
    make_stay,
    make_worker,
)
from tests.spreadsheets.test_roster import workbook

pytestmark = pytest.mark.usefixtures("at_now")

NIGHT = timedelta(days=1)


class Factory:
    """An employer with rooms of two beds leased for a month already, and people in them."""

    def __init__(self, rooms: int = 2, beds: int = 2) -> None:
        self.actor: Actor
        self.actor, self.enterprise = make_employer()
        house = make_house()
        lease = make_lease(
            self.enterprise,
            [make_room(house, beds=beds, capacity=beds, floor=number + 1) for number in range(rooms)],
            TODAY - 30 * NIGHT,
        )
        self.rooms = list(
            db.session.scalars(select(LeaseRoom).where(LeaseRoom.lease_id == lease.id).order_by(LeaseRoom.id))
        )

    def lives(self, name: str, room: int, bed: int, sex: str = "M", **fields: Any) -> Stay:
        worker = make_worker(self.enterprise, sex, name=name, is_local=True, **fields)
        return make_stay(worker, self.rooms[room], bed)

    def plan(self, rows: list[dict[str, Any]], struck: tuple[int, ...] = ()) -> Plan:
        return plan_changes(rows=self.read(rows), struck=struck, **self.common())

    def do(
        self, rows: list[dict[str, Any]], steps: list[Step], accepted: set[int] | None = None
    ) -> list[Step]:
        chosen = {step.row for step in steps} if accepted is None else accepted
        return carry_out_changes(rows=self.read(rows), steps=steps, accepted=chosen, **self.common())

    def common(self) -> dict[str, Any]:
        return {"enterprise": self.enterprise, "actor": self.actor, "today": TODAY, "now": NOW}

    def read(self, rows: list[dict[str, Any]]) -> Any:
        raw, lost = read_rows(workbook(rows, CHANGE_COLUMNS), CHANGE_COLUMNS, CHANGE_NEEDED)
        assert lost == []
        return raw


def joined(name: str = "新人", day: date = TODAY, sex: str = "M", **fields: Any) -> dict[str, Any]:
    number = make_id_number(sex)
    return {CHANGE: "新来", NAME: name, NUMBER: number, DAY: day, PHONE: "13912345678", **fields}


def left(stay: Stay, last_night: date = TODAY - NIGHT) -> dict[str, Any]:
    worker = stay.worker
    return {CHANGE: "离开", NAME: worker.name, NUMBER: worker.id_number, DAY: last_night}


def changed(stay: Stay, **fields: Any) -> dict[str, Any]:
    return {CHANGE: "调整", NAME: stay.worker.name, NUMBER: stay.worker.id_number, **fields}


@pytest.fixture
def factory(db_session: Any) -> Factory:
    return Factory()


def stays() -> list[Stay]:
    db.session.expire_all()
    return list(db.session.scalars(select(Stay).where(Stay.cancelled_at.is_(None)).order_by(Stay.id)))


# --- what is proposed -----------------------------------------------------------------------------


def test_a_leavers_bed_goes_to_who_comes_the_next_day_without_a_gap(db_session: Any) -> None:
    factory = Factory(rooms=1, beds=1)
    leaver = factory.lives("走的人", 0, 1)
    rows = [joined("来的人"), left(leaver)]
    plan = factory.plan(rows)
    assert plan.problems == []
    assert [(step.row, step.kind, step.before) for step in plan.steps] == [
        (2, "joined", 3),
        (3, "left", None),
    ]
    assert len(stays()) == 1, "a proposal writes nothing"
    factory.do(rows, plan.steps)
    old, new = stays()
    assert (old.ends_on, old.left_on) == (TODAY, TODAY)
    assert (new.starts_on, new.arrived_on, new.bed_no) == (TODAY, TODAY, 1)
    assert db.session.scalars(select(Registration.kind).where(Registration.stay_id == new.id)).all() == [
        "arrival"
    ]
    assert broken_invariants(db.session.connection(), now=NOW) == []


def test_both_stay_on_the_register(factory: Factory) -> None:
    leaver = factory.lives("走的人", 0, 1)
    leaver.worker.is_local = False
    db.session.add(
        Registration(
            stay_id=leaver.id,
            village_code=leaver.village_code,
            kind="arrival",
            happened_on=leaver.starts_on,
            due_on=leaver.starts_on + 3 * NIGHT,
            done_on=leaver.starts_on,
        )
    )
    db.session.flush()
    rows = [left(leaver), joined()]
    factory.do(rows, factory.plan(rows).steps)
    kinds = db.session.scalars(select(Registration.kind).order_by(Registration.id)).all()
    assert sorted(kinds) == ["arrival", "arrival", "departure"]


def test_who_leaves_and_comes_later_is_planned(factory: Factory) -> None:
    leaver = factory.lives("走的人", 0, 1)
    factory.lives("留的人", 0, 2)
    later = TODAY + 5 * NIGHT
    rows = [left(leaver, later), joined(day=later + NIGHT)]
    plan = factory.plan(rows)
    assert [step.before for step in plan.steps] == [None, 2]
    factory.do(rows, plan.steps)
    assert next((s.ends_on, s.left_on, s.arrived_on) for s in stays()) == (
        later + NIGHT,
        None,
        TODAY - 30 * NIGHT,
    )
    assert (stays()[-1].starts_on, stays()[-1].arrived_on) == (later + NIGHT, None)
    assert factory.plan(rows).steps == []


def test_the_same_file_again_does_nothing_and_says_so(factory: Factory) -> None:
    leaver, mover = factory.lives("走的人", 0, 1), factory.lives("换的人", 0, 2)
    rows = [left(leaver), joined(), changed(mover, **{PHONE: "13800001111", WISH: "老乡", SHIFT: "夜班"})]
    plan = factory.plan(rows)
    assert {step.row for step in plan.steps} == {2, 3, 4}
    factory.do(rows, plan.steps)
    before = [(s.id, s.starts_on, s.ends_on, s.room_id) for s in stays()]
    again = factory.plan(rows)
    assert (again.steps, again.problems) == ([], [])
    assert [row for row, _name, _why in again.settled] == [2, 3, 4]
    assert [(s.id, s.starts_on, s.ends_on, s.room_id) for s in stays()] == before


def test_changing_shift_changes_the_bed(factory: Factory) -> None:
    stay = factory.lives("换班人", 0, 1)
    factory.lives("同屋", 0, 2)
    rows = [changed(stay, **{SHIFT: "夜班"})]
    (step,) = factory.plan(rows).steps
    assert (step.lease_room_id, step.note) == (factory.rooms[1].id, "换成夜班")
    factory.do(rows, [step])
    assert (stays()[-1].companion_key, stays()[-1].worker.shift) == (3, "night")
    assert broken_invariants(db.session.connection(), now=NOW) == []


def test_two_may_take_each_others_beds_and_shifts(db_session: Any) -> None:
    factory = Factory(rooms=2, beds=1)
    day, night = factory.lives("白班", 0, 1), factory.lives("夜班", 1, 1, shift="night")
    rows = [changed(day, **{SHIFT: "夜班"}), changed(night, **{SHIFT: "白班"})]
    plan = factory.plan(rows)
    assert len(plan.steps) == 2
    factory.do(rows, plan.steps)
    assert broken_invariants(db.session.connection(), now=NOW) == []


def test_no_bed_for_the_other_shift_is_said_and_changes_nothing(db_session: Any) -> None:
    factory = Factory(rooms=1)
    stay = factory.lives("换班人", 0, 1)
    factory.lives("同屋", 0, 2)
    plan = factory.plan([changed(stay, **{SHIFT: "夜班"})])
    assert (plan.steps, plan.problems) == ([], [])
    assert "没有夜班男员工能住的空床" in plan.settled[0][2]


def test_who_asks_for_the_ground_floor_gets_it_if_it_is_free(factory: Factory) -> None:
    stay = factory.lives("腿伤", 1, 1)
    rows = [changed(stay, **{GROUND: "是"})]
    (step,) = factory.plan(rows).steps
    assert (step.lease_room_id, step.note) == (factory.rooms[0].id, "要住一楼")
    stay.by_hand = True
    db.session.flush()
    (step,) = factory.plan(rows).steps
    assert step.lease_room_id is None


def test_who_finds_no_bed_is_put_on_the_list(db_session: Any) -> None:
    factory = Factory(rooms=1, beds=1)
    factory.lives("住着", 0, 1)
    rows = [joined("等床")]
    (step,) = factory.plan(rows).steps
    assert "先没有床" in step.note
    factory.do(rows, [step])
    assert db.session.scalars(select(Worker.name).where(Worker.name == "等床")).all() == ["等床"]
    again = factory.plan(rows)
    assert again.steps == []
    assert "还没有床" in again.settled[0][2]


# --- what is wrong --------------------------------------------------------------------------------


def test_every_bad_cell_is_named(factory: Factory) -> None:
    stay = factory.lives("在住", 0, 1)
    short = factory.lives("到期", 0, 2)
    short.ends_on = TODAY + 2 * NIGHT
    db.session.flush()
    rows = [
        {CHANGE: "搬家", NAME: "某某", NUMBER: make_id_number(), DAY: TODAY},
        {CHANGE: "离开", NAME: "没有的人", NUMBER: make_id_number(), DAY: TODAY},
        left(stay) | {NAME: "写错名"},
        {CHANGE: "新来", NAME: "没日期", NUMBER: make_id_number()},
        changed(stay),
        left(short, TODAY + 9 * NIGHT),
        joined(**{SHIFT: "中班"}),
        joined(**{SEX: "女"}),
    ]
    plan = factory.plan(rows)
    assert [(one.row, one.column) for one in plan.problems] == [
        (2, CHANGE),
        (3, NUMBER),
        (4, NAME),
        (5, DAY),
        (6, CHANGE),
        (7, DAY),
        (8, SHIFT),
        (9, SEX),
    ]


def test_one_person_has_one_row(factory: Factory) -> None:
    stay = factory.lives("在住", 0, 1)
    plan = factory.plan([left(stay), changed(stay, **{PHONE: "13800001111"})])
    assert [(one.row, one.column) for one in plan.problems] == [(3, NUMBER)]


def test_another_employers_worker_is_not_known(factory: Factory) -> None:
    _actor, other = make_employer()
    stranger = make_worker(other, name="别家人")
    rows = [{CHANGE: "离开", NAME: "别家人", NUMBER: stranger.id_number, DAY: TODAY}]
    assert [(one.row, one.column) for one in factory.plan(rows).problems] == [(2, NUMBER)]


# --- struck, and meanwhile impossible -------------------------------------------------------------


def test_what_is_struck_is_not_done_and_frees_no_bed(db_session: Any) -> None:
    factory = Factory(rooms=1, beds=1)
    leaver = factory.lives("走的人", 0, 1)
    rows = [left(leaver), joined("来的人")]
    plan = factory.plan(rows)
    with pytest.raises(NotPossible) as caught:
        factory.do(rows, plan.steps, {3})
    assert caught.value.problems == [(3, "来的人 要住的床还没空：您划掉了第 2 行 走的人 的离开")]
    again = factory.plan(rows, struck=(2,))
    assert [(step.row, step.struck, step.lease_room_id) for step in again.steps] == [
        (2, True, None),
        (3, False, None),
    ]


def test_what_has_become_impossible_is_named_and_nothing_done(factory: Factory) -> None:
    leaver = factory.lives("走的人", 0, 1)
    rows = [left(leaver), joined("来的人"), joined("女工", sex="F")]
    plan = factory.plan(rows)
    taken = next(step for step in plan.steps if step.name == "女工")
    room = next(one for one in factory.rooms if one.id == taken.lease_room_id)
    make_stay(make_worker(factory.enterprise, name="抢先", is_local=True), room, 1)
    point = db.session.begin_nested()
    with pytest.raises(NotPossible) as caught:
        factory.do(rows, plan.steps)
    point.rollback()
    assert {line for line, _why in caught.value.problems} == {4}
    assert [stay.left_on for stay in stays()] == [None, None]


def test_half_a_couple_is_refused(factory: Factory) -> None:
    him, her = joined("郑先生"), joined("王女士", sex="F")
    rows = [him | {COUPLE: her[NUMBER]}, her | {COUPLE: him[NUMBER]}]
    plan = factory.plan(rows)
    assert len({step.lease_room_id for step in plan.steps}) == 1
    factory.do(rows, plan.steps)
    assert {stay.companion_key >= 1000 for stay in stays()} == {True}


# --- the pages ------------------------------------------------------------------------------------


@pytest.fixture
def signed_in(client: FlaskClient, factory: Factory) -> Iterator[FlaskClient]:
    client.application.config["WTF_CSRF_ENABLED"] = False
    sign_in(client, factory.actor)
    yield client
    client.application.config["WTF_CSRF_ENABLED"] = True


def upload(client: FlaskClient, rows: list[dict[str, Any]]) -> Any:
    data = io.BytesIO(workbook(rows, CHANGE_COLUMNS))
    return client.post("/changes/import", data={"file": (data, "变动.xlsx")})


def sealed(page: str) -> dict[str, str]:
    return {
        name: re.search(f'name="{name}" value="([^"]*)"', page)[1]  # type: ignore[index]
        for name in ("sealed", "steps")
    }


def test_the_way_through_the_pages(signed_in: FlaskClient, factory: Factory) -> None:
    leaver, stays_on = factory.lives("走的人", 0, 1), factory.lives("不走了", 0, 2)
    rows = [left(leaver), joined("来的人"), left(stays_on)]
    page = upload(signed_in, rows)
    assert page.status_code == 200
    assert "接第 2 行空出的床" in page.text
    hidden = sealed(page.text)
    again = signed_in.post("/changes/carry-out", data=hidden | {"accept": ["2", "3"], "step": "again"}).text
    assert 'id="step-4" aria-label' in again
    assert 'id="step-2" checked' in again
    done = signed_in.post("/changes/carry-out", data=sealed(again) | {"accept": ["2", "3"], "step": "save"})
    assert done.status_code == 303
    assert [stay.left_on for stay in stays()] == [TODAY, None, None]
    second = upload(signed_in, rows[:2])
    assert "这张表已经办过了" in second.text


def test_what_was_struck_is_still_struck_after_a_refusal(signed_in: FlaskClient, factory: Factory) -> None:
    leaver, other = factory.lives("走的人", 0, 1), factory.lives("别划我", 0, 2)
    page = upload(signed_in, [left(leaver), left(other)]).text
    leaver.ends_on = leaver.left_on = TODAY - 3 * NIGHT
    db.session.flush()
    refused = signed_in.post("/changes/carry-out", data=sealed(page) | {"accept": ["2"], "step": "save"})
    assert refused.status_code == 409
    assert "第 2 行：走的人" in refused.text
    assert 'id="step-3" aria-label' in refused.text
    ticked = signed_in.post(
        "/changes/carry-out", data=sealed(refused.text) | {"accept": ["3"], "step": "save"}
    )
    assert ticked.status_code == 422
    assert "又勾上了" in ticked.text


def test_nothing_accepted_does_nothing(signed_in: FlaskClient, factory: Factory) -> None:
    page = upload(signed_in, [left(factory.lives("走的人", 0, 1))]).text
    answer = signed_in.post("/changes/carry-out", data=sealed(page) | {"step": "save"})
    assert answer.status_code == 422
    assert "没有办任何事" in answer.text


def test_proposals_are_sealed_to_the_person(signed_in: FlaskClient, factory: Factory) -> None:
    page = upload(signed_in, [left(factory.lives("走的人", 0, 1))]).text
    other, _enterprise = make_employer()
    sign_in(signed_in, other)
    answer = signed_in.post("/changes/carry-out", data=sealed(page) | {"accept": "2", "step": "save"})
    assert answer.status_code == 422
    swapped = {"sealed": sealed(page)["steps"], "steps": sealed(page)["sealed"]}
    sign_in(signed_in, factory.actor)
    assert signed_in.post("/changes/carry-out", data=swapped | {"accept": "2"}).status_code == 422
    assert [stay.left_on for stay in stays()] == [None]


def test_the_file_to_mend_says_what_beside_each_row(signed_in: FlaskClient, factory: Factory) -> None:
    rows = [{CHANGE: "离开", NAME: "没有的人", NUMBER: make_id_number(), DAY: TODAY}]
    page = upload(signed_in, rows)
    assert page.status_code == 422
    assert "整张表都没有办" in page.text
    token = re.search('name="sealed" value="([^"]*)"', page.text)[1]  # type: ignore[index]
    answer = signed_in.post("/changes/errors.xlsx", data={"sealed": token})
    sheet = read_workbook(answer.data)
    assert sheet.rows[0][-1] == PROBLEM
    assert "名单里没有" in str(sheet.rows[1][-1])


def test_the_template_can_be_read_back(signed_in: FlaskClient) -> None:
    assert read_workbook(changes_template()).rows[0] == list(CHANGE_COLUMNS)
    assert signed_in.get("/changes/template.xlsx").status_code == 200
    assert signed_in.get("/changes/import").status_code == 200
    assert signed_in.post("/changes/import").status_code == 422
    assert signed_in.post("/changes/errors.xlsx").status_code == 422
    assert signed_in.post("/changes/carry-out").status_code == 422


def test_the_same_acceptance_twice_at_one_moment_is_done_once(fresh_app: Flask) -> None:
    """Two browsers press the button together: one does it, the other is told what is in the way."""
    with fresh_app.app_context(), transaction():
        factory = Factory(rooms=1, beds=1)
        leaver = factory.lives("走的人", 0, 1)
        rows = [left(leaver), joined("来的人")]
        raw = factory.read(rows)
        actor, enterprise_id = factory.actor, factory.enterprise.id
        steps = factory.plan(rows).steps
    barrier = threading.Barrier(2)

    def press(_time: int) -> str:
        with fresh_app.app_context():
            barrier.wait()
            try:
                with transaction():
                    carry_out_changes(
                        rows=raw,
                        steps=steps,
                        accepted={2, 3},
                        enterprise=db.session.get_one(Enterprise, enterprise_id),
                        actor=actor,
                        today=TODAY,
                        now=NOW,
                    )
            except DomainError as error:
                return type(error).__name__
            return "done"

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(press, range(2)))
    with fresh_app.app_context():
        count = len(stays())
        db.session.remove()
    assert said[1] == "done"
    assert said[0] in ("NotPossible", "InvalidValue")
    assert count == 2
