"""Registration, verification, worksites and workers on the real database."""

from datetime import date

import pytest
from sqlalchemy import select

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.core.identifiers import Sex
from qiantang_nest.enterprises import services
from qiantang_nest.enterprises.models import Worker, Worksite
from qiantang_nest.enterprises.rules import check_worker
from qiantang_nest.enterprises.services.registration import CodeTaken
from qiantang_nest.notifications.models import Message
from tests.factories import (
    NOW,
    TODAY,
    VILLAGE,
    make_actor,
    make_employer,
    make_enterprise,
    make_id_number,
    make_phone,
    make_street_officer,
    make_uscc,
    make_user,
    make_village,
    make_worker,
)


@pytest.fixture(autouse=True)
def _request(app, db_session):
    with app.test_request_context():
        yield


def register(uscc=None, **changes):
    make_village()
    user = make_user()
    values = {
        "uscc": uscc or make_uscc(),
        "name": "海川精密有限公司",
        "street_code": VILLAGE[:9],
        "contact_name": "李经理",
        "contact_phone": make_phone(),
        "worksite_name": "江东厂区",
        "worksite_address": "青六北路 1 号",
        "lat": 30.3265,
        "lon": 120.49,
        **changes,
    }
    actor = make_actor(Role.VILLAGER, str(user.id), user=user)
    return services.register_enterprise(user=user, actor=actor, **values)


def messages_of(actor):
    return [
        message.kind
        for message in db.session.execute(select(Message).where(Message.user_id == actor.user_id)).scalars()
    ]


def test_registration_makes_a_manager_a_worksite_and_work_for_the_street():
    officer = make_street_officer()
    enterprise, grant = register()
    assert enterprise.state == "submitted"
    assert (grant.role, grant.scope) == ("employer_manager", str(enterprise.id))
    assert db.session.execute(select(Worksite.name)).scalars().all() == ["江东厂区"]
    assert messages_of(officer) == ["enterprises.submitted"]


def test_a_code_registers_once():
    enterprise, _grant = register()
    with pytest.raises(CodeTaken, match=enterprise.uscc):
        register(uscc=enterprise.uscc)


def test_the_database_refuses_a_second_row_of_a_code():
    enterprise = make_enterprise()
    with pytest.raises(CodeTaken), transaction():
        make_enterprise(uscc=enterprise.uscc)


def test_a_returned_enterprise_is_corrected_and_verified():
    officer = make_street_officer()
    manager, enterprise = make_employer(make_enterprise(state="submitted"))
    with pytest.raises(InvalidValue):
        services.return_enterprise(enterprise=enterprise, reason=" ", now=NOW, actor=officer)
    services.return_enterprise(enterprise=enterprise, reason="名称与执照不一致", now=NOW, actor=officer)
    assert (enterprise.state, enterprise.return_reason) == ("returned", "名称与执照不一致")
    services.correct_enterprise(
        enterprise=enterprise,
        uscc=enterprise.uscc,
        name="海川精密制造有限公司",
        street_code=enterprise.street_code,
        contact_name="李经理",
        contact_phone="13800138000",
        actor=manager,
    )
    assert (enterprise.state, enterprise.return_reason) == ("submitted", None)
    services.verify_enterprise(enterprise=enterprise, now=NOW, actor=officer)
    assert enterprise.state == "verified"
    assert messages_of(manager) == ["enterprises.returned", "enterprises.verified"]
    with pytest.raises(WrongState):
        services.verify_enterprise(enterprise=enterprise, now=NOW, actor=officer)


def test_a_verified_enterprise_keeps_its_state_when_only_the_contact_changes():
    manager, enterprise = make_employer()
    values = {
        "uscc": enterprise.uscc,
        "name": enterprise.name,
        "street_code": enterprise.street_code,
        "contact_phone": "13800138000",
    }
    services.correct_enterprise(enterprise=enterprise, contact_name="王经理", actor=manager, **values)
    assert enterprise.state == "verified"
    values["name"] = "别的名字有限公司"
    services.correct_enterprise(enterprise=enterprise, contact_name="王经理", actor=manager, **values)
    assert enterprise.state == "submitted"


def test_worksites_are_added_moved_and_closed():
    manager, enterprise = make_employer()
    place = {"name": "一厂", "address": "路 1 号", "lat": 30.3, "lon": 120.4, "shifts": "8:00-20:00"}
    worksite = services.add_worksite(enterprise=enterprise, actor=manager, **place)
    services.move_worksite(worksite=worksite, actor=manager, **{**place, "lat": 30.31})
    assert worksite.lat == 30.31
    services.close_worksite(worksite=worksite, now=NOW, actor=manager)
    with pytest.raises(WrongState):
        services.close_worksite(worksite=worksite, now=NOW, actor=manager)


def row(sex="M", number=None, name="张三丰", couple=""):
    return check_worker(
        name=name,
        sex="",
        id_kind="resident",
        id_number=number or make_id_number(sex),
        phone="13800138000",
        today=TODAY,
        couple_id_number=couple,
    )


def test_workers_are_known_again_by_number():
    manager, enterprise = make_employer()
    first, second = row(), row("F")
    services.add_workers(enterprise=enterprise, rows=[first, second], actor=manager)
    again = row(number=first.id_number, name="张三疯")
    added = services.add_workers(enterprise=enterprise, rows=[row(), again], actor=manager)
    assert added[1].name == "张三疯"
    assert len(db.session.execute(select(Worker)).scalars().all()) == 3
    changes = db.session.execute(
        select(AuditEvent.changes)
        .where(AuditEvent.action == "enterprises.add_workers")
        .order_by(AuditEvent.id)
    ).scalars()
    assert list(changes) == [{"added": 2, "changed": 0}, {"added": 1, "changed": 1}]


def test_the_same_person_may_work_for_two_enterprises():
    manager, enterprise = make_employer()
    rival, other = make_employer()
    person = row()
    services.add_workers(enterprise=enterprise, rows=[person], actor=manager)
    services.add_workers(enterprise=other, rows=[person], actor=rival)
    assert len(db.session.execute(select(Worker)).scalars().all()) == 2


def test_couples_name_each_other():
    manager, enterprise = make_employer()
    his, hers = make_id_number("M"), make_id_number("F")
    he, she = services.add_workers(
        enterprise=enterprise,
        rows=[row(number=his, couple=hers), row("F", number=hers, couple=his)],
        actor=manager,
    )
    assert (he.couple_with_id, she.couple_with_id) == (she.id, he.id)
    services.add_worker(enterprise=enterprise, row=row(number=his), actor=manager, worker=he)
    assert (he.couple_with_id, she.couple_with_id) == (None, None)


def test_one_sided_couples_in_one_list_are_refused():
    manager, enterprise = make_employer()
    his, hers = make_id_number("M"), make_id_number("F")
    with pytest.raises(InvalidValue, match="没有填回来"):
        services.add_workers(
            enterprise=enterprise, rows=[row(number=his, couple=hers), row("F", number=hers)], actor=manager
        )
    with pytest.raises(InvalidValue, match="不在本单位名单"):
        services.add_workers(enterprise=enterprise, rows=[row(couple=make_id_number("F"))], actor=manager)


def test_one_by_one_a_couple_holds_when_both_have_named():
    manager, enterprise = make_employer()
    his, hers = make_id_number("M"), make_id_number("F")
    he = services.add_worker(enterprise=enterprise, row=row(number=his), actor=manager)
    she = services.add_worker(enterprise=enterprise, row=row("F", number=hers, couple=his), actor=manager)
    assert (he.couple_with_id, she.couple_with_id) == (None, he.id)
    services.add_worker(enterprise=enterprise, row=row(number=his, couple=hers), actor=manager, worker=he)
    assert he.couple_with_id == she.id


def test_a_number_twice_in_a_list_or_taken_by_another_is_refused():
    manager, enterprise = make_employer()
    person = row()
    with pytest.raises(InvalidValue, match="同一个证件号"):
        services.add_workers(enterprise=enterprise, rows=[person, person], actor=manager)
    one = services.add_worker(enterprise=enterprise, row=person, actor=manager)
    other = services.add_worker(enterprise=enterprise, row=row(), actor=manager)
    assert one.id != other.id
    with pytest.raises(InvalidValue, match="已经有这个证件号"):
        services.add_worker(enterprise=enterprise, row=person, actor=manager, worker=other)


def test_the_database_refuses_a_number_twice_in_an_enterprise():
    enterprise = make_enterprise()
    number = make_id_number()
    make_worker(enterprise, id_number=number)
    with pytest.raises(InvalidValue, match="已经有这个证件号"), transaction():
        make_worker(enterprise, id_number=number)


def test_a_reveal_needs_a_purpose_and_leaves_a_row():
    manager, enterprise = make_employer()
    worker = make_worker(enterprise)
    with pytest.raises(InvalidValue):
        services.record_reveal(worker=worker, purpose=" ", actor=manager)
    services.record_reveal(worker=worker, purpose="办居住证", actor=manager)
    db.session.flush()
    row = db.session.execute(
        select(AuditEvent).where(AuditEvent.action == "enterprises.reveal_worker")
    ).scalar_one()
    assert (row.entity_id, row.changes) == (worker.id, {"purpose": "办居住证"})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"id_number": "330121199003071901"}, "校验"),
        ({"sex": "F"}, "对不上"),
        ({"name": "张"}, "姓名"),
        ({"id_kind": "passport", "id_number": "E12345678", "sex": "M"}, "出生日期"),
        ({"id_kind": "passport", "id_number": "E12345678", "born_on": date(1990, 1, 1), "sex": ""}, "男或女"),
        ({"id_number": "", "born_on": None}, "身份证号"),
    ],
)
def test_a_worker_row_says_what_is_wrong(changes, sentence):
    values = {
        "name": "张三丰",
        "sex": "M",
        "id_kind": "resident",
        "id_number": make_id_number("M"),
        "phone": "13800138000",
        "today": TODAY,
        **changes,
    }
    with pytest.raises(InvalidValue, match=sentence):
        check_worker(**values)


def test_nobody_under_sixteen():
    number = make_id_number("M", date(2010, 11, 24))
    with pytest.raises(InvalidValue, match="16 周岁"):
        row(number=number)
    assert row(number=make_id_number("M", date(2010, 11, 23))).sex is Sex.MALE
