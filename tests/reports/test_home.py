"""Everybody's home: what is to be done, of the own scope only, in a handful of questions."""

import re
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from qiantang_nest.accounts.models import User
from qiantang_nest.accounts.rules import Role
from qiantang_nest.accounts.services import start_session
from qiantang_nest.billing.services import issue_due_bills, record_payment
from qiantang_nest.bookings.models import HoldRoom
from qiantang_nest.core import clock
from qiantang_nest.core.actor import SYSTEM
from qiantang_nest.core.db import db
from qiantang_nest.housing.models import Hazard, HouseholdLink
from qiantang_nest.occupancy.models import LeaseRoom, LeaseSignature
from tests import factories as make
from tests.conftest import sign_in

pytestmark = pytest.mark.usefixtures("at_now")

LATER, LATEST = date(2026, 12, 1), date(2027, 6, 1)


def words(response) -> str:
    assert response.status_code == 200, response.status_code
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text))


def offered(owner, **fields):
    room = make.make_room(make.make_house(owner), **fields)
    make.make_listing(room)
    return room


def held(owner, enterprise, **fields):
    listing = make.make_listing(make.make_room(make.make_house(owner)))
    return make.make_hold(enterprise, [listing], LATER, LATEST, **fields)


def drafted(owner, enterprise, **fields):
    room = make.make_room(make.make_house(owner))
    return make.make_lease(enterprise, [room], LATER, LATEST, state="drafted", signed_on=None, **fields)


def billed(owner, enterprise, starts_on=date(2026, 9, 10)):
    """A lease since September: a deposit and three months are issued, all past their day."""
    lease = make.make_lease(
        enterprise, [make.make_room(make.make_house(owner))], starts_on, date(2027, 9, 10)
    )
    issue_due_bills(lease=lease, today=make.TODAY, actor=SYSTEM)
    return lease


def stay_of(lease, **fields):
    lease_room = db.session.execute(select(LeaseRoom).where(LeaseRoom.lease_id == lease.id)).scalar_one()
    return make.make_stay(make.make_worker(lease.enterprise), lease_room, **fields)


def reads(query_log) -> list[str]:
    return [sql for sql in query_log if sql.lstrip().startswith(("SELECT", "WITH"))]


# --- where people land ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "scope", "path"),
    [
        (Role.STREET_OFFICER, make.VILLAGE[:9], "/occupancy"),
        (Role.DISTRICT_OFFICER, "330114", "/occupancy"),
        (Role.SYSTEM_ADMIN, "", "/users"),
        (Role.SECURITY_ADMIN, "", "/roles"),
        (Role.AUDIT_ADMIN, "", "/audit-log"),
    ],
)
def test_offices_land_on_their_first_page(client, db_session, role, scope, path):
    make.make_village()
    sign_in(client, make.make_actor(role, scope))
    answer = client.get("/")
    assert (answer.status_code, answer.location) == (302, path)
    assert client.get(path).status_code == 200


def test_a_person_without_a_role_is_led_to_choose_one(client, db_session):
    token = start_session(user=make.make_user(), grant=None, address="t", agent="t", now=clock.now())
    db_session.commit()
    with client.session_transaction() as session:
        session["_user_id"] = token
    assert client.get("/").location == "/choose-role"


# --- villagers ------------------------------------------------------------------------------------


def test_a_villager_sees_what_waits_for_an_answer(client, db_session):
    villager, owner = make.make_villager()
    enterprise = make.make_enterprise(name="海川精密")
    hold = held(owner, enterprise)
    drafted(owner, make.make_enterprise(name="宏岳机电"))
    returned = make.make_room(make.make_house(owner), label="203")
    make.make_listing(returned, state="returned", reason="窗户没拍清楚")
    sign_in(client, villager)
    page = client.get("/")
    said = words(page)
    assert "要您办的 3 件事" in said
    assert "海川精密想租您 1 间房" in said
    assert "11 月 25 日上午 9 点前答复" in said
    assert f'href="/holds/{hold.id}/answers/{owner.id}"' in page.text
    assert "和宏岳机电的合同等您签字" in said
    assert "203 房要改一改" in said
    assert "窗户没拍清楚" in said
    assert page.text.count("<h1") == 1
    assert "style=" not in page.text


def test_what_is_settled_or_anothers_is_not_shown(client, db_session):
    villager, owner = make.make_villager()
    other = make.make_owner()
    enterprise = make.make_enterprise(name="海川精密")
    held(other, enterprise)
    drafted(other, enterprise)
    billed(other, enterprise)
    held(owner, enterprise, expires_at=make.NOW)
    signed = drafted(owner, enterprise, document_sha256="0" * 64, document_media="0" * 32 + ".pdf")
    make.add(
        LeaseSignature(
            lease_id=signed.id,
            side="lessor",
            user_id=villager.user_id,
            document_sha256="0" * 64,
            signed_at=make.NOW,
        )
    )
    sign_in(client, villager)
    said = words(client.get("/"))
    assert "没有要您办的" in said
    assert "海川精密" not in said
    assert "这个月没有租金" in said


def test_a_villager_sees_rent_and_rooms(client, db_session):
    villager, owner = make.make_villager()
    manager, enterprise = make.make_employer()
    lease = billed(owner, enterprise)
    stay_of(lease)
    offered(owner, label="501")
    record_payment(
        enterprise=enterprise, owner=owner, amount_fen=60_000, paid_on=make.TODAY, method="bank",
        actor=villager, now=make.NOW,
    )  # fmt: skip
    record_payment(
        enterprise=enterprise, owner=owner, amount_fen=30_000, paid_on=make.TODAY, method="bank",
        actor=manager, now=make.NOW,
    )  # fmt: skip
    sign_in(client, villager)
    said = words(client.get("/"))
    assert f"{enterprise.name}说付了您 ¥300" in said
    assert "11 月到账 ¥600 还差 ¥1,800" in re.sub(r"¥ ", "¥", said)
    assert "村里帮您催" in said
    assert "住着 1 人" in said
    assert "租到 2027 年 9 月 9 日" in said
    assert "空闲" in said
    assert "每月 ¥600" in said


def test_the_sums_are_those_of_the_rent_page(client, db_session):
    villager, owner = make.make_villager()
    billed(owner, make.make_enterprise())
    sign_in(client, villager)
    sums = re.compile(r"还差</span><br>(.*?)</p>", re.DOTALL)
    assert sums.search(client.get("/").text)[1] == sums.search(client.get("/my-rent").text)[1]


def test_large_type_shows_one_task_two_doors_and_the_telephone(client, db_session):
    villager, owner = make.make_villager()
    make.make_village().office_phone = "0571-82345678"
    enterprise = make.make_enterprise()
    held(owner, enterprise)
    drafted(owner, enterprise)
    sign_in(client, villager)
    client.set_cookie("large_type", "1")
    page = client.get("/")
    assert page.text.count('class="todo"') == 1
    assert "等您签字" in page.text
    assert 'href="tel:0571-82345678"' in page.text
    assert "再租一间房" not in page.text


def test_a_villager_who_is_not_linked_yet_is_told_how(client, db_session):
    user = make.make_user("新来的")
    villager = make.make_actor(Role.VILLAGER, str(user.id), user=user)
    make.make_village()
    sign_in(client, villager)
    assert "告诉村里我是哪一户" in words(client.get("/"))
    assert "告诉村里我是哪一户" in words(client.get("/my-village"))
    make.add(HouseholdLink(user_id=user.id, village_code=make.VILLAGE, note="3组18号"))
    db_session.commit()
    assert "3组18号" in words(client.get("/"))
    assert "村里正在核对您是哪一户" in words(client.get("/my-village"))


def test_a_villager_finds_whom_to_call(client, db_session):
    villager, _owner = make.make_villager()
    make.make_village().office_phone = "0571-82345678"
    make.make_clerk()
    make.make_actor(Role.VILLAGE_CLERK, make.NEIGHBOUR_VILLAGE, "别村的人")
    sign_in(client, villager)
    page = client.get("/my-village")
    assert "周管理" in page.text
    assert "别村的人" not in page.text
    assert 'href="tel:0571-82345678"' in page.text


def test_my_village_is_for_villagers(client, db_session):
    assert "/sign-in" in client.get("/my-village").location
    make.make_village()
    sign_in(client, make.make_clerk())
    assert client.get("/my-village").status_code == 403


def test_a_villagers_home_asks_few_questions(client, db_session, query_log):
    villager, owner = make.make_villager()
    for _number in range(4):
        enterprise = make.make_enterprise()
        held(owner, enterprise)
        drafted(owner, enterprise)
        stay_of(billed(owner, enterprise))
        offered(owner)
    sign_in(client, villager)
    db.session.expire_all()
    query_log.clear()
    assert client.get("/").status_code == 200
    assert len(reads(query_log)) <= 10, reads(query_log)


# --- clerks ---------------------------------------------------------------------------------------


def work_in(village):
    """One of everything in a village, two of what can be counted wrongly."""
    owner = make.make_owner(village)
    make.make_consent(owner)
    silent = make.make_owner(village)
    enterprise = make.make_enterprise()
    held(owner, enterprise)
    make.make_listing(make.make_room(make.make_house(owner)), state="submitted")
    drafted(owner, enterprise)
    drafted(silent, enterprise)  # signs alone
    lease = billed(owner, enterprise)
    stay = stay_of(
        lease, starts_on=date(2026, 11, 1), ends_on=date(2026, 11, 20), arrived_on=date(2026, 11, 1)
    )
    for kind, due in (("arrival", date(2026, 11, 4)), ("departure", date(2026, 11, 25))):
        make.make_report(stay, kind, happened_on=make.TODAY, due_on=due)
    record_payment(
        enterprise=enterprise, owner=owner, amount_fen=30_000, paid_on=make.TODAY, method="bank",
        actor=make.make_employer(enterprise)[0], now=make.NOW,
    )  # fmt: skip
    make.add(HouseholdLink(user_id=make.make_user().id, village_code=village, note="3组"))
    house = make.make_house(owner, safe_until=make.TODAY + timedelta(days=20))
    for due in (make.TODAY - timedelta(days=1), make.TODAY + timedelta(days=5)):
        make.add(
            Hazard(house_id=house.id, severity="minor", what="灭火器过期", found_on=make.TODAY, due_on=due)
        )


TASKS = {
    "还没答复企业的户": ("/answers", 1),
    "入住和退房要登记": ("/registrations", 2),
    "到期没办退房的人": ("/stays?state=overstayed", 1),
    "上架等审核的房间": ("/listings-waiting", 1),
    "受托代签的合同": ("/leases?state=drafted", 1),
    "村民等着认领是哪一户": ("/household-links", 1),
    "企业说付了、等确认的钱": ("/village-bills", 1),
    "晚了的账单": ("/village-bills?state=late", 4),
    "没消除的隐患": ("/hazards", 2),
    "30 天内检查到期的房子": ("/houses?state=expiring", 1),
}


def test_a_clerk_sees_todays_work_of_the_own_village(client, db_session):
    work_in(make.VILLAGE)
    work_in(make.NEIGHBOUR_VILLAGE)
    sign_in(client, make.make_clerk())
    page = client.get("/")
    said = words(page)
    for title, (path, count) in TASKS.items():
        assert f"{count} {title}" in said, (title, said)
        assert f'href="{path}"' in page.text
        assert client.get(path).status_code == 200
    assert "超期 1 条" in said
    assert page.text.count("<h1") == 1
    assert "style=" not in page.text


def test_a_clerks_home_asks_few_questions(client, db_session, query_log):
    work_in(make.VILLAGE)
    work_in(make.VILLAGE)
    sign_in(client, make.make_clerk())
    db.session.expire_all()
    query_log.clear()
    assert client.get("/").status_code == 200
    assert len(reads(query_log)) <= 9, reads(query_log)


def test_a_village_that_has_not_begun_is_shown_how(client, db_session):
    make.make_village()
    sign_in(client, make.make_clerk())
    page = client.get("/")
    assert "同一村还没有一间房" in page.text
    assert 'href="/owners/new"' in page.text
    assert f'href="/villages/{make.VILLAGE}/phone"' in page.text


def test_a_clerk_with_nothing_to_do_is_told_so(client, db_session):
    make.make_house()
    make.make_village().office_phone = "0571-82345678"
    sign_in(client, make.make_clerk())
    page = client.get("/")
    assert "今天要办的都办完了" in page.text
    assert "电话还没写" not in page.text


# --- employers ------------------------------------------------------------------------------------


def test_an_employer_sees_holds_signatures_beds_and_bills(client, db_session):
    manager, enterprise = make.make_employer()
    owner = make.make_owner()
    hold = held(owner, enterprise)
    drafted(owner, enterprise)
    stay_of(billed(owner, enterprise))
    sign_in(client, manager)
    page = client.get("/")
    said = words(page)
    assert "要贵司办的 2 件事" in said
    assert "1 份合同等贵司签字" in said
    assert "4 张账单过了付款日" in said
    assert f'href="/holds/{hold.id}"' in page.text
    assert "2026-11-25 09:00" in said
    assert "答应 0，等 1，不租 0" in said
    assert "租着的房 1" in said
    assert "住着的人 1 共 2 张床" in said
    assert "空着的床 1" in said
    assert "11 月账单 ¥ 600" in said
    assert page.text.count("<h1") == 1
    assert "style=" not in page.text
    for path in re.findall(r'class="stat[^"]*" href="([^"]+)"', page.text):
        assert client.get(path.replace("&amp;", "&")).status_code == 200, path


def test_a_hold_that_all_have_answered_is_to_be_booked(client, db_session):
    manager, enterprise = make.make_employer()
    hold = held(make.make_owner(), enterprise)
    db.session.execute(select(HoldRoom).where(HoldRoom.hold_id == hold.id)).scalar_one().answer = "accepted"
    sign_in(client, manager)
    assert "户主都答复了，答应 1 间" in words(client.get("/"))


def test_another_employers_rows_are_not_counted(client, db_session):
    _manager, enterprise = make.make_employer()
    owner = make.make_owner()
    held(owner, enterprise)
    drafted(owner, enterprise)
    stay_of(billed(owner, enterprise))
    rival, _enterprise = make.make_employer()
    sign_in(client, rival)
    said = words(client.get("/"))
    assert "执照核对过了，可以找房了" in said
    assert "要贵司办的" not in said
    assert "锁着的房" not in said


def test_staff_is_not_asked_to_sign_or_book(client, db_session):
    staff, enterprise = make.make_employer(role=Role.EMPLOYER_STAFF)
    drafted(make.make_owner(), enterprise)
    sign_in(client, staff)
    assert "等贵司签字" not in words(client.get("/"))


@pytest.mark.parametrize(
    ("state", "sentence"),
    [("submitted", "街道正在核对执照"), ("returned", "街道退回了企业资料"), ("verified", "可以找房了")],
)
def test_a_new_employer_is_told_the_next_step(client, db_session, state, sentence):
    enterprise = make.make_enterprise(
        state=state, return_reason="执照看不清" if state == "returned" else None
    )
    sign_in(client, make.make_employer(enterprise)[0])
    said = words(client.get("/"))
    assert sentence in said
    assert ("执照看不清" in said) == (state == "returned")


def test_an_employers_home_asks_few_questions(client, db_session, query_log):
    manager, enterprise = make.make_employer()
    owner = make.make_owner()
    for _number in range(4):
        held(owner, enterprise)
        drafted(owner, enterprise)
        stay_of(billed(owner, enterprise))
    sign_in(client, manager)
    db.session.expire_all()
    query_log.clear()
    assert client.get("/").status_code == 200
    assert len(reads(query_log)) <= 12, reads(query_log)


# --- English --------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["villager", "clerk", "employer"])
@pytest.mark.parametrize("large", ["0", "1"])
def test_english_homes_hold_no_chinese_but_names(client, db_session, who, large):
    village = make.make_village(name="Tongyi", office_phone="0571-82345678")
    villager, owner = make.make_villager(make.make_owner(name="Shen"))
    manager, enterprise = make.make_employer(make.make_enterprise(name="Haichuan"))
    for actor in (villager, manager):
        db.session.get_one(User, actor.user_id).name = "Li"
    work_in(village.code)
    held(owner, enterprise)
    drafted(owner, enterprise)
    stay_of(billed(owner, enterprise))
    clerk = make.make_actor(Role.VILLAGE_CLERK, village.code, "Zhou")
    sign_in(client, {"villager": villager, "clerk": clerk, "employer": manager}[who])
    client.set_cookie("locale", "en")
    client.set_cookie("large_type", large)
    for path in ("/", "/my-village") if who == "villager" else ("/",):
        page = client.get(path).text
        page = re.sub(r"<a[^>]*lang=\"zh-Hans\".*?</a>", "", page, flags=re.DOTALL)
        page = re.sub(r"\d+组\d+号", "", page)  # where a house stands
        assert not re.findall(r"[\u4e00-\u9fff]+", page), path
