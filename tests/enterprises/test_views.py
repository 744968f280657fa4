"""Each page of employers: anonymous, wrong role, foreign scope, bad input, good input."""

import pytest
from sqlalchemy import select

from qiantang_nest.accounts.models import RoleGrant
from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db
from qiantang_nest.enterprises import queries
from qiantang_nest.enterprises.models import Enterprise, Worker, Worksite
from tests.conftest import sign_in
from tests.factories import (
    OTHER_STREET_VILLAGE,
    VILLAGE,
    make_actor,
    make_clerk,
    make_district_officer,
    make_employer,
    make_enterprise,
    make_id_number,
    make_street_officer,
    make_uscc,
    make_village,
    make_villager,
    make_worker,
    make_worksite,
)
from tests.forms import submit

pytestmark = pytest.mark.usefixtures("at_now")

OWN_PAGES = [
    "/enterprises/mine",
    "/enterprises/mine/correct",
    "/enterprises/mine/worksites/add",
    "/enterprises/workers",
    "/enterprises/workers/add",
]
PLACE = {"name": "江东厂区", "address": "青六北路 1 号", "lat": "30.3265", "lon": "120.49", "shifts": ""}


@pytest.fixture
def employer(client):
    """A manager signed in, with the enterprise."""
    actor, enterprise = make_employer()
    sign_in(client, actor)
    return enterprise


def record(**changes):
    return {
        "uscc": make_uscc(),
        "name": "海川精密有限公司",
        "street_code": VILLAGE[:9],
        "contact_name": "李经理",
        "contact_phone": "13800138000",
        **changes,
    }


def registration(**changes):
    return record(
        **{
            "worksite_name": "江东厂区",
            "worksite_address": "青六北路 1 号",
            "lat": "30.3265",
            "lon": "120.49",
        }
        | changes
    )


def one(statement):
    db.session.expire_all()
    return db.session.scalars(statement).one()


@pytest.mark.parametrize(
    "page", [*OWN_PAGES, "/enterprises", "/enterprises/to-verify", "/enterprises/register", "/messages"]
)
def test_a_visitor_is_asked_to_sign_in(client, page):
    assert client.get(page).location.startswith("/sign-in?next=")


@pytest.mark.parametrize("page", OWN_PAGES)
def test_other_roles_are_refused(client, page):
    make_village()
    sign_in(client, make_street_officer())
    assert client.get(page).status_code == 403


@pytest.mark.parametrize("page", OWN_PAGES)
def test_the_own_pages_open(client, employer, page):
    make_worksite(employer)
    make_worker(employer)
    db.session.commit()
    answer = client.get(page)
    assert answer.status_code == 200
    assert answer.text.count("<h1") == 1


def test_staff_read_and_do_not_manage(client):
    actor, enterprise = make_employer(role=Role.EMPLOYER_STAFF)
    worker = make_worker(enterprise)
    sign_in(client, actor)
    assert client.get("/enterprises/mine").status_code == 200
    assert client.get("/enterprises/workers").status_code == 200
    assert client.get("/enterprises/mine/correct").status_code == 403
    assert client.get("/members").status_code == 403
    assert client.get(f"/enterprises/workers/{worker.id}/reveal").status_code == 403


def test_a_villager_registers_an_enterprise_and_acts_for_it(client):
    actor, _owner = make_villager()
    sign_in(client, actor)
    answer = submit(client, "/enterprises/register", **registration())
    assert answer.location == "/enterprises/mine"
    enterprise = one(select(Enterprise))
    assert enterprise.state == "submitted"
    page = client.get("/enterprises/mine")
    assert "街道正在核对执照" in page.text
    assert enterprise.uscc in page.text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"uscc": "91350100M000100Y4A"}, "91350100M000100Y4A"),
        ({"uscc": ""}, "18 位统一社会信用代码"),
        ({"name": ""}, "请填写单位名称"),
        ({"street_code": "330114999"}, "street_code-error"),
        ({"contact_phone": "12"}, "contact_phone-error"),
        ({"lat": "39.9"}, "北纬 30 到 31 度"),
        ({"lon": "abc"}, "lon-error"),
        ({"worksite_address": ""}, "请填写厂区地址"),
    ],
)
def test_a_bad_registration_names_the_field(client, changes, sentence):
    actor, _owner = make_villager()
    sign_in(client, actor)
    answer = submit(client, "/enterprises/register", **registration(**changes))
    assert answer.status_code == 422
    assert sentence in answer.text
    assert db.session.scalars(select(Enterprise)).all() == []


def test_a_code_is_registered_once(client):
    taken = make_enterprise()
    actor, _owner = make_villager()
    sign_in(client, actor)
    answer = submit(client, "/enterprises/register", **registration(uscc=taken.uscc))
    assert answer.status_code == 422
    assert "已经登记过了" in answer.text


def test_a_returned_record_shows_the_reason_and_is_handed_in_again(client):
    actor, enterprise = make_employer(make_enterprise(state="returned", return_reason="名称与执照不符"))
    sign_in(client, actor)
    assert "名称与执照不符" in client.get("/enterprises/mine").text
    answer = submit(client, "/enterprises/mine/correct", **record(uscc=enterprise.uscc, name="对的名字公司"))
    assert answer.status_code == 303
    assert one(select(Enterprise)).state == "submitted"


def test_worksites(client, employer):
    assert submit(client, "/enterprises/mine/worksites/add", **PLACE).status_code == 303
    worksite = one(select(Worksite))
    address = f"/enterprises/mine/worksites/{worksite.id}"
    assert submit(client, address, **{**PLACE, "lat": "31.5"}).status_code == 422
    assert submit(client, address, **{**PLACE, "lat": "30.33"}).status_code == 303
    assert one(select(Worksite)).lat == 30.33
    assert client.get(address + "/close").status_code == 200
    assert submit(client, address + "/close").status_code == 303
    assert one(select(Worksite)).closed_at is not None
    assert submit(client, address + "/close").status_code == 303


def test_what_belongs_to_a_rival_is_not_found(client, employer):
    _rival, other = make_employer()
    worksite, worker = make_worksite(other), make_worker(other)
    member = db.session.scalars(select(RoleGrant).where(RoleGrant.scope == str(other.id))).one()
    db.session.commit()
    for address in (
        f"/enterprises/mine/worksites/{worksite.id}",
        f"/enterprises/mine/worksites/{worksite.id}/close",
        f"/enterprises/workers/{worker.id}",
        f"/enterprises/workers/{worker.id}/reveal",
        f"/members/{member.id}/remove",
        "/enterprises/workers/999999999",
    ):
        assert client.get(address).status_code == 404, address
        assert submit(client, address, **PLACE, purpose="看看").status_code == 404, address


def test_workers_are_masked_and_found_by_the_whole_number(client, employer):
    worker = make_worker(employer, name="赵钱孙")
    make_worker(employer, name="周吴郑")
    _rival, other = make_employer()
    make_worker(other, name="冯陈褚")
    db.session.commit()
    page = client.get("/enterprises/workers").text
    assert worker.id_number not in page
    assert worker.phone not in page
    assert worker.id_number[:6] + "********" in page
    assert "冯陈褚" not in page
    for search in ("钱", worker.id_number, worker.phone):
        found = client.get("/enterprises/workers", query_string={"q": search}).text
        assert "赵钱孙" in found
        assert "周吴郑" not in found
    assert "没有找到" in client.get("/enterprises/workers?q=没有的").text


def test_a_list_of_workers_costs_the_same_however_long(client, employer, query_log):
    make_worker(employer)
    db.session.commit()
    query_log.clear()
    client.get("/enterprises/workers")
    short = len(query_log)
    for _number in range(20):
        make_worker(employer)
    db.session.commit()
    query_log.clear()
    client.get("/enterprises/workers")
    assert len(query_log) <= short <= 10


def test_a_worker_is_added_and_changed_without_showing_the_number(client, employer):
    number = make_id_number("M")
    data = {"name": "赵钱孙", "id_kind": "resident", "id_number": number, "phone": "13800138000"}
    assert submit(client, "/enterprises/workers/add", **data).status_code == 303
    worker = one(select(Worker))
    address = f"/enterprises/workers/{worker.id}"
    assert number not in client.get(address).text
    wrong = submit(client, address, name="赵", id_kind="resident", sex="M")
    assert wrong.status_code == 422
    assert number not in wrong.text
    assert submit(client, address, name="赵钱李", id_kind="resident", sex="M").status_code == 303
    worker = one(select(Worker))
    assert (worker.name, worker.id_number, worker.phone) == ("赵钱李", number, "13800138000")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({"id_number": "330121199003071901"}, "校验"), ({"name": ""}, "请填写姓名"), ({"sex": "F"}, "对不上")],
)
def test_a_bad_worker_says_what_is_wrong(client, employer, changes, sentence):
    data = {"name": "赵钱孙", "id_kind": "resident", "id_number": make_id_number("M"), **changes}
    answer = submit(client, "/enterprises/workers/add", **data)
    assert answer.status_code == 422
    assert sentence in answer.text


def test_couples_are_parted_on_request(client, employer):
    he, she = make_worker(employer), make_worker(employer, "F")
    he.couple_with_id, she.couple_with_id = she.id, he.id
    db.session.commit()
    address = f"/enterprises/workers/{he.id}"
    data = {"name": he.name, "id_kind": "resident", "sex": "M"}
    submit(client, address, **data)
    db.session.expire_all()
    assert (he.couple_with_id, she.couple_with_id) == (she.id, he.id)
    submit(client, address, **data, no_couple="y")
    db.session.expire_all()
    assert (he.couple_with_id, she.couple_with_id) == (None, None)


def test_a_reveal_asks_for_the_purpose_and_is_on_record(client, employer):
    worker = make_worker(employer)
    db.session.commit()
    address = f"/enterprises/workers/{worker.id}/reveal"
    assert worker.id_number not in client.get(address).text
    assert submit(client, address, purpose="").status_code == 422
    answer = submit(client, address, purpose="办居住证")
    assert worker.id_number in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    event = one(select(AuditEvent).where(AuditEvent.action == "enterprises.reveal_worker"))
    assert event.entity_id == worker.id


@pytest.fixture
def officer(client):
    make_village()
    actor = make_street_officer()
    sign_in(client, actor)
    return actor


def test_the_street_verifies(client, officer):
    enterprise = make_enterprise(state="submitted")
    db.session.commit()
    assert enterprise.name in client.get("/enterprises/to-verify").text
    address = f"/enterprises/{enterprise.id}/verify"
    assert enterprise.uscc in client.get(address).text
    assert submit(client, address).status_code == 422
    assert submit(client, address, decision="return", reason=" ").status_code == 422
    assert submit(client, address, decision="verify").status_code == 303
    assert one(select(Enterprise)).state == "verified"
    late = submit(client, address, decision="return", reason="晚了")
    assert late.location == address
    assert one(select(Enterprise)).state == "verified"
    assert "都办完了" in client.get("/enterprises/to-verify").text


def test_the_street_returns_with_a_reason(client, officer):
    enterprise = make_enterprise(state="submitted")
    db.session.commit()
    address = f"/enterprises/{enterprise.id}/verify"
    assert submit(client, address, decision="return", reason="执照过期").status_code == 303
    assert one(select(Enterprise)).return_reason == "执照过期"


def test_another_streets_enterprise_is_not_found(client, officer):
    make_village(OTHER_STREET_VILLAGE)
    enterprise = make_enterprise(state="submitted", street_code=OTHER_STREET_VILLAGE[:9], name="别街道公司")
    db.session.commit()
    address = f"/enterprises/{enterprise.id}/verify"
    assert client.get(address).status_code == 404
    assert submit(client, address, decision="verify").status_code == 404
    for page in ("/enterprises", "/enterprises/to-verify"):
        assert "别街道公司" not in client.get(page).text


def test_employers_do_not_verify(client, employer):
    assert client.get(f"/enterprises/{employer.id}/verify").status_code == 403
    assert client.get("/enterprises/to-verify").status_code == 403


def test_the_district_sees_counts_and_no_personal_data(client):
    enterprise = make_enterprise(contact_name="保密人")
    make_enterprise(state="submitted")
    sign_in(client, make_district_officer())
    page = client.get("/enterprises").text
    assert "各街道的企业" in page
    assert enterprise.name in page
    assert "保密人" not in page
    assert enterprise.contact_phone not in page
    filtered = client.get("/enterprises?state=submitted&sort=-name").text
    assert enterprise.name not in filtered
    assert client.get("/enterprises?q=没有的&sort=nonsense").status_code == 200


@pytest.mark.parametrize(
    ("role", "scope", "own", "rival"),
    [
        (Role.VILLAGER, "1", 0, 0),
        (Role.SYSTEM_ADMIN, "", 0, 0),
        (Role.AUDIT_ADMIN, "", 0, 0),
        (Role.DISTRICT_OFFICER, "330114", 1, 1),
        (Role.VILLAGE_CLERK, VILLAGE, 1, 1),
        (Role.STREET_OFFICER, VILLAGE[:9], 1, 1),
        (Role.STREET_OFFICER, OTHER_STREET_VILLAGE[:9], 0, 0),
    ],
)
def test_who_sees_which_enterprises(db_session, role, scope, own, rival):
    make_enterprise()
    make_enterprise()
    actor = make_actor(role, scope)
    assert len(db.session.scalars(queries.enterprises_visible_to(actor)).all()) == own + rival
    assert db.session.scalars(queries.workers_visible_to(actor)).all() == []


def test_employers_see_their_own_only(db_session):
    actor, enterprise = make_employer()
    _rival, other = make_employer()
    make_worksite(other)
    make_worker(other)
    worker = make_worker(enterprise)
    assert db.session.scalars(queries.enterprises_visible_to(actor)).all() == [enterprise]
    assert db.session.scalars(queries.worksites_visible_to(actor)).all() == []
    assert db.session.scalars(queries.workers_visible_to(actor)).all() == [worker]


def test_a_clerk_sees_no_worker_list(client):
    make_village()
    sign_in(client, make_clerk())
    assert client.get("/enterprises/workers").status_code == 403
