"""Accounts, roles, logs, colleagues, the own account and messages."""

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import select

from qiantang_nest.accounts import services
from qiantang_nest.accounts.models import RoleGrant, User, UserSession
from qiantang_nest.accounts.queries import users_visible_to
from qiantang_nest.accounts.rules import Role
from qiantang_nest.core import clock
from qiantang_nest.core.actor import SYSTEM
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, NotAllowed
from qiantang_nest.notifications.models import Message, OutboxItem
from qiantang_nest.notifications.services import notify
from tests.conftest import sign_in
from tests.factories import NOW, VILLAGE, make_actor, make_clerk, make_employer, make_user, make_village
from tests.forms import submit

pytestmark = pytest.mark.usefixtures("at_now")


@pytest.fixture
def as_role(client):
    def enter(role, scope=""):
        make_village()
        actor = make_actor(role, scope)
        sign_in(client, actor)
        return actor

    return enter


def grants_of(user):
    db.session.expire_all()
    return db.session.scalars(
        select(RoleGrant).where(RoleGrant.user_id == user.id, RoleGrant.revoked_at.is_(None))
    ).all()


def the_code(phone):
    db.session.expire_all()
    items = db.session.scalars(select(OutboxItem).order_by(OutboxItem.id.desc())).all()
    return next(re.search(r"\d{6}", item.body)[0] for item in items if item.to == phone)


@pytest.mark.parametrize(
    ("page", "role"),
    [
        ("/users", Role.SYSTEM_ADMIN),
        ("/roles", Role.SECURITY_ADMIN),
        ("/security-events", Role.SECURITY_ADMIN),
        ("/security-events", Role.AUDIT_ADMIN),
        ("/audit-log", Role.AUDIT_ADMIN),
    ],
)
def test_each_administrator_has_pages_of_its_own(client, as_role, page, role):
    assert client.get(page).location.startswith("/sign-in")
    as_role(role)
    answer = client.get(page)
    assert answer.status_code == 200
    assert answer.text.count("<h1") == 1


@pytest.mark.parametrize(
    ("page", "role"),
    [
        ("/users", Role.SECURITY_ADMIN),
        ("/roles", Role.SYSTEM_ADMIN),
        ("/roles/1", Role.SYSTEM_ADMIN),
        ("/audit-log", Role.SECURITY_ADMIN),
        ("/audit-log", Role.SYSTEM_ADMIN),
        ("/users/1/disable", Role.AUDIT_ADMIN),
    ],
)
def test_and_not_each_others(client, as_role, page, role):
    as_role(role)
    assert client.get(page).status_code == 403


def test_an_account_is_made_without_a_role(client, as_role):
    as_role(Role.SYSTEM_ADMIN)
    assert submit(client, "/users", name="新同事", phone="138 0013 8000").status_code == 303
    user = db.session.scalars(select(User).where(User.name == "新同事")).one()
    assert grants_of(user) == []
    page = client.get("/users").text
    assert "新同事" in page
    assert "138****8000" in page
    assert "13800138000" not in page
    again = submit(client, "/users", name="又一个", phone="13800138000")
    assert again.status_code == 422
    assert "已经有账号" in again.text
    assert submit(client, "/users", name="", phone="1").status_code == 422


def test_the_list_leaves_out_villagers_and_employers(client, as_role):
    actor, _enterprise = make_employer()
    user = db.session.get_one(User, actor.user_id)
    user.name = "企业里的人"
    as_role(Role.SYSTEM_ADMIN)
    assert "企业里的人" not in client.get("/users").text
    assert "企业里的人" not in client.get("/users?q=企业").text
    assert "企业里的人" in client.get(f"/users?q={user.phone}").text
    assert "没有找到" in client.get("/users?q=查无此人").text


def test_an_account_is_disabled_and_enabled(client, as_role):
    user = make_user()
    admin = as_role(Role.SYSTEM_ADMIN)
    assert client.get(f"/users/{user.id}/disable").status_code == 200
    submit(client, f"/users/{user.id}/disable")
    db.session.expire_all()
    assert user.disabled_at is not None
    submit(client, f"/users/{user.id}/enable")
    db.session.expire_all()
    assert user.disabled_at is None
    assert submit(client, f"/users/{admin.user_id}/disable").status_code == 403
    assert client.get("/users/999999/disable").status_code == 404


def test_a_role_is_given_over_a_place_and_taken(client, as_role):
    user = make_user()
    as_role(Role.SECURITY_ADMIN)
    address = f"/roles/{user.id}"
    assert "同一村" in client.get(address).text
    assert submit(client, address, role="village_clerk", scope="").status_code == 422
    assert submit(client, address, role="village_clerk", scope=VILLAGE[:9]).status_code == 422
    assert submit(client, address, role="village_clerk", scope="330114999999").status_code == 422
    assert submit(client, address, role="villager", scope="1").status_code == 422
    assert submit(client, address, role="village_clerk", scope=VILLAGE).status_code == 303
    (grant,) = grants_of(user)
    assert (grant.role, grant.scope) == ("village_clerk", VILLAGE)
    assert submit(client, address, role="village_clerk", scope=VILLAGE).status_code == 422
    assert client.get(f"{address}/{grant.id}/revoke").status_code == 200
    assert submit(client, f"{address}/{grant.id}/revoke").status_code == 303
    assert grants_of(user) == []
    assert submit(client, f"{address}/{grant.id}/revoke").status_code == 404


def test_nobody_gives_to_themselves_and_admin_powers_stay_apart(app, client, as_role):
    admin = as_role(Role.SECURITY_ADMIN)
    other = make_actor(Role.AUDIT_ADMIN, "")
    with app.test_request_context():
        with pytest.raises(NotAllowed):
            services.grant_office_role(
                user=db.session.get_one(User, admin.user_id),
                role=Role.STREET_OFFICER,
                scope=VILLAGE[:9],
                actor=admin,
            )
        with pytest.raises(InvalidValue, match="三个人"):
            services.grant_office_role(
                user=db.session.get_one(User, other.user_id), role=Role.SYSTEM_ADMIN, scope="", actor=admin
            )
        with pytest.raises(InvalidValue, match="不能在这里"):
            services.grant_office_role(user=make_user(), role=Role.EMPLOYER_MANAGER, scope="1", actor=admin)


def test_a_live_role_is_held_once(app, db_session):
    user = make_user()
    with app.test_request_context():
        services.grant_role(user=user, role=Role.VILLAGER, scope=str(user.id), actor=SYSTEM)
        with pytest.raises(Exception, match="uq_role_grant_live"):
            services.grant_role(user=user, role=Role.VILLAGER, scope=str(user.id), actor=SYSTEM)


def test_the_audit_log_filters_and_pages(client, as_role):
    admin = as_role(Role.AUDIT_ADMIN)
    for number in range(60):
        db.session.add(
            AuditEvent(
                actor_user_id=7 if number % 2 else 8,
                actor_role="system",
                actor_scope="330114",
                action=f"accounts.test_{number}",
                entity="thing",
                entity_id=number,
                changes={"state": ["a", "b"]},
                request_id="r",
            )
        )
    db.session.commit()
    page = client.get("/audit-log?entity=thing").text
    assert "accounts.test_59" in page
    assert "accounts.test_10<" in page
    assert "accounts.test_9<" not in page
    older = re.search(r'href="([^"]*before=\d+)"', page)[1].replace("&amp;", "&")
    rest = client.get(older).text
    assert "accounts.test_9<" in rest
    assert "accounts.test_59" not in rest
    one = client.get("/audit-log?entity=thing&entity_id=5").text
    assert "accounts.test_5<" in one
    assert "accounts.test_6<" not in one
    assert "accounts.test_6<" not in client.get("/audit-log?user_id=7&action=accounts.test").text
    assert "没有这样的记录" in client.get("/audit-log?first_day=2099-01-01").text
    assert client.get("/audit-log?first_day=nonsense").status_code == 422
    assert client.get("/audit-log?last_day=2099-01-01").status_code == 200
    assert db.session.get_one(User, admin.user_id).name not in client.get("/audit-log").text.split("<main")[1]


def test_security_events_show_security_only(client, as_role):
    as_role(Role.SECURITY_ADMIN)
    db.session.add(
        AuditEvent(
            actor_role="system",
            actor_scope="",
            action="bookings.hold_rooms",
            entity="hold",
            entity_id=1,
            changes={},
            request_id="r",
        )
    )
    db.session.commit()
    page = client.get("/security-events").text
    assert "accounts.sign_in" in page
    assert "bookings.hold_rooms" not in page


def test_a_colleague_is_invited_and_removed(client):
    actor, enterprise = make_employer()
    sign_in(client, actor)
    data = {"phone": "13800138000", "name": "新同事", "role": "employer_staff"}
    assert submit(client, "/members", **data).status_code == 303
    user = db.session.scalars(select(User).where(User.name == "新同事")).one()
    (grant,) = grants_of(user)
    assert (grant.role, grant.scope) == ("employer_staff", str(enterprise.id))
    item = db.session.scalars(select(OutboxItem)).one()
    assert enterprise.name in item.body
    again = submit(client, "/members", **data)
    assert again.status_code == 422
    assert "已经是同事" in again.text
    assert submit(client, "/members", phone="1", name="", role="village_clerk").status_code == 422
    page = client.get("/members").text
    assert "新同事" in page
    assert "13800138000" not in page
    assert client.get(f"/members/{grant.id}/remove").status_code == 200
    assert submit(client, f"/members/{grant.id}/remove").status_code == 303
    assert grants_of(user) == []


def test_the_last_manager_stays(client):
    actor, _enterprise = make_employer()
    sign_in(client, actor)
    grant = db.session.scalars(select(RoleGrant)).one()
    answer = submit(client, f"/members/{grant.id}/remove")
    assert answer.status_code == 409
    assert "至少要留一位" in answer.text


@pytest.fixture
def me(client):
    actor, _enterprise = make_employer()
    sign_in(client, actor)
    return db.session.get_one(User, actor.user_id)


def test_own_details_are_kept(client, me):
    assert me.phone not in client.get("/account").text
    answer = submit(client, "/account", name="新名字", locale="en", large_type="y")
    assert answer.status_code == 303
    db.session.expire_all()
    assert (me.name, me.locale, me.large_type) == ("新名字", "en", True)
    assert 'class="large"' in client.get("/account").text
    assert submit(client, "/account", name="").status_code == 422


def test_a_password_is_set_with_a_code(app, client, me):
    submit(client, "/account/password/code")
    code = the_code(me.phone)
    weak = submit(client, "/account/password", code=code, password="1234567890", again="1234567890")
    assert weak.status_code == 422
    assert "太容易猜" in weak.text
    differ = submit(client, "/account/password", code=code, password="a quiet river", again="a loud river")
    assert "不一样" in differ.text
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    answer = submit(client, "/account/password", code=wrong, password="a quiet river", again="a quiet river")
    assert "还可以试 4 次" in answer.text
    own = submit(client, "/account/password", code=code, password=f"{me.phone}xy", again=f"{me.phone}xy")
    assert own.status_code == 422
    answer = submit(client, "/account/password", code=code, password="a quiet river", again="a quiet river")
    assert answer.status_code == 303
    db.session.expire_all()
    assert me.password_hash.startswith("$argon2id$")
    assert submit(client, "/account/password/code").location == "/account"


def test_a_phone_changes_with_both_codes(client, me):
    old = me.phone
    assert submit(client, "/account/phone", phone=old).status_code == 422
    assert submit(client, "/account/phone", phone="12").status_code == 422
    page = submit(client, "/account/phone", phone="13800138000")
    assert page.status_code == 200
    codes = {"old_code": the_code(old), "new_code": the_code("13800138000")}
    stolen = submit(
        client, "/account/phone/change", phone="13800138000", old_code="000000", new_code=codes["new_code"]
    )
    assert stolen.status_code == 422
    assert submit(client, "/account/phone/change", phone="13800138000", **codes).status_code == 303
    db.session.expire_all()
    assert me.phone == "13800138000"


def test_a_phone_of_somebody_else_is_not_taken_over(client, me):
    make_user(phone="13800138000")
    db.session.commit()
    submit(client, "/account/phone", phone="13800138000")
    codes = {"old_code": the_code(me.phone), "new_code": the_code("13800138000")}
    answer = submit(client, "/account/phone/change", phone="13800138000", **codes)
    assert answer.status_code == 422
    assert "已经有账号" in answer.text


def test_other_sessions_are_listed_and_ended(app, client, me):
    other = app.test_client()
    actor = db.session.scalars(select(RoleGrant).where(RoleGrant.user_id == me.id)).one()
    token = services.start_session(user=me, grant=actor, address="198.51.100.7", agent="Other", now=NOW)
    stranger, _enterprise = make_employer()
    foreign = app.test_client()
    sign_in(foreign, stranger)
    with other.session_transaction() as session:
        session["_user_id"] = token
    assert other.get("/account").status_code == 200
    assert "198.51.100.7" in client.get("/account").text
    theirs = db.session.scalars(select(UserSession.id).where(UserSession.user_id == stranger.user_id)).one()
    assert submit(client, f"/account/sessions/{theirs}/end").status_code == 404
    assert submit(client, "/account/sign-out-others").status_code == 303
    assert other.get("/account").status_code == 302
    assert client.get("/account").status_code == 200
    assert foreign.get("/account").status_code == 200


def test_messages_are_ones_own(app, client, me):
    stranger = make_user()
    with app.test_request_context():
        notify(user_id=me.id, kind="enterprises.verified", params={"name": "海川"}, url="/enterprises/mine")
        notify(user_id=stranger.id, kind="enterprises.verified", params={"name": "别家"}, url="/")
        with pytest.raises(KeyError):
            notify(user_id=me.id, kind="no.such_kind", params={}, url="/")
        with pytest.raises(KeyError):
            notify(user_id=me.id, kind="enterprises.verified", params={}, url="/")
    db.session.add(Message(user_id=me.id, kind="gone.kind", params={}, url="//evil.example"))
    db.session.commit()
    mine, foreign, odd = db.session.scalars(select(Message.id).order_by(Message.id)).all()
    page = client.get("/messages").text
    assert "海川 已通过核验" in page
    assert "别家" not in page
    assert "有一条旧通知" in page
    assert submit(client, f"/messages/{mine}/open").location == "/enterprises/mine"
    assert submit(client, f"/messages/{odd}/open").location == "/messages"
    assert submit(client, f"/messages/{foreign}/open").status_code == 404
    assert submit(client, "/messages/read").status_code == 303
    assert "没看过" not in client.get("/messages").text
    with clock.frozen_at(NOW + timedelta(days=1)):
        assert client.get("/messages").status_code == 302


def test_pages_stay_within_ten_statements(client, query_log):
    make_village()
    sign_in(client, make_actor(Role.SECURITY_ADMIN, ""))
    for _number in range(30):
        make_clerk()
    db.session.commit()
    query_log.clear()
    client.get("/roles")
    assert len([one for one in query_log if "SAVEPOINT" not in one]) <= 10


def test_larger_type_leads_back_to_the_same_search(client, db_session):
    asked = "/rooms?within=5&unit=km"
    link = re.search(r'href="(/preferences/large-type/1[^"]*)"', client.get(asked).text)
    assert link is not None
    assert client.get(unescape(link[1])).location == asked


def test_accounts_are_the_two_administrators_business_alone(db_session):
    make_user()
    for role in Role:
        seen = db.session.scalars(users_visible_to(make_actor(role, ""))).all()
        assert bool(seen) == (role in (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN)), role
