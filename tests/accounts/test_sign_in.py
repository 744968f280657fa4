"""Signing in by password or code: what works, what is refused, and that refusals tell nothing."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from qiantang_nest.accounts import services
from qiantang_nest.accounts.models import RoleGrant, User, UserSession
from qiantang_nest.accounts.rules import Role
from qiantang_nest.accounts.services import VISITOR
from qiantang_nest.core import clock
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db
from qiantang_nest.notifications.models import Message, OutboxItem
from tests.factories import NOW, make_actor, make_employer, make_user, make_village, make_villager
from tests.forms import submit

PASSWORD = "correct horse battery"


pytestmark = pytest.mark.usefixtures("at_now")


def make_member(phone="13800138000", password=PASSWORD, **fields):
    """An employer's colleague with a password."""
    make_village()
    user = make_user(phone=phone, **fields)
    actor, _enterprise = make_employer()
    grant = db.session.execute(select(RoleGrant).where(RoleGrant.user_id == actor.user_id)).scalar_one()
    grant.user_id = user.id
    if password:
        services.set_password(user=user, password=password, keep_session_id=None, actor=VISITOR)
    db.session.commit()
    return user


def try_password(client, phone="13800138000", password=PASSWORD, address="203.0.113.1", **data):
    client.environ_base = {**client.environ_base, "REMOTE_ADDR": address}
    return submit(client, "/sign-in", phone=phone, password=password, **data)


def sessions():
    db.session.expire_all()
    return db.session.scalars(select(UserSession)).all()


def body(response):
    return re.sub(r'value="[^"]*"', "", response.text)


def the_code(phone):
    db.session.expire_all()
    items = db.session.scalars(select(OutboxItem).order_by(OutboxItem.id.desc())).all()
    return next(re.search(r"\d{6}", item.body)[0] for item in items if item.to == phone)


def test_the_page_offers_both_ways(client):
    page = client.get("/sign-in")
    assert page.status_code == 200
    assert page.text.count("<h1") == 1
    assert 'action="/sign-in/code"' in page.text
    assert 'action="/sign-in"' in page.text


def test_a_password_signs_in_and_the_cookie_is_a_new_one(client):
    make_member()
    with client.session_transaction() as session:
        session["planted"] = "by a stranger"
    answer = try_password(client, next="/messages")
    assert answer.status_code == 303
    assert answer.location == "/messages"
    (row,) = sessions()
    assert row.grant.role == "employer_manager"
    assert row.expires_at == NOW + timedelta(hours=12)
    with client.session_transaction() as session:
        assert "planted" not in session
    assert client.get("/account").status_code == 200


def test_whatever_is_wrong_the_answer_is_the_same(client):
    make_member()
    make_member(phone="13800138001", disabled_at=NOW)
    make_member(phone="13800138002", password=None)
    make_member(phone="13800138003")
    for _try in range(10):
        try_password(client, "13800138003", "wrong wrong wrong", address="203.0.113.9")
    wrong = try_password(client, "13800138000", "wrong wrong wrong")
    unknown = try_password(client, "13900139000", PASSWORD)
    disabled = try_password(client, "13800138001", PASSWORD)
    without = try_password(client, "13800138002", PASSWORD)
    locked = try_password(client, "13800138003", PASSWORD, address="203.0.113.9")
    assert {answer.status_code for answer in (wrong, unknown, disabled, without, locked)} == {422}
    assert "手机号或密码不对" in wrong.text
    assert len({body(answer) for answer in (wrong, unknown, disabled, without, locked)}) == 1
    assert sessions() == []


def test_unknown_numbers_cost_the_same_work(client, monkeypatch):
    """The expensive part, the password hash, is computed once whoever is asked for."""
    make_member()
    asked = []
    real = services.sign_in._hasher.verify.__func__
    monkeypatch.setattr(
        type(services.sign_in._hasher),
        "verify",
        lambda self, stored, given: asked.append(stored) or real(self, stored, given),
    )
    for phone in ("13800138000", "13900139000"):
        asked.clear()
        try_password(client, phone, "wrong wrong wrong")
        assert len(asked) == 1
        assert asked[0].split("$")[3] == "m=19456,t=2,p=1"


def test_ten_failures_lock_the_account_for_that_address_only(client):
    make_member()
    for _try in range(10):
        try_password(client, password="wrong wrong wrong")
    assert try_password(client).status_code == 422
    # The victim, elsewhere, gets in: nobody can lock anybody out from afar.
    assert try_password(client, address="198.51.100.7").status_code == 303


def test_nine_failures_do_not_and_success_is_not_counted(client):
    make_member()
    for _try in range(9):
        try_password(client, password="wrong wrong wrong")
    for _try in range(3):
        assert try_password(client).status_code == 303
        client.delete_cookie("qiantang")


def test_without_the_throttle_the_eleventh_try_would_get_in(client, monkeypatch):
    """Negative control of the lock."""
    monkeypatch.setattr("qiantang_nest.accounts.services.sign_in.is_throttled", lambda **_: False)
    make_member()
    for _try in range(10):
        try_password(client, password="wrong wrong wrong")
    assert try_password(client).status_code == 303


def test_one_address_cannot_try_many_accounts(client):
    make_member()
    for number in range(10):
        try_password(client, f"1390000{number:04d}", "wrong wrong wrong")
    assert try_password(client).status_code == 422
    with clock.frozen_at(NOW + timedelta(minutes=5)):
        assert try_password(client).status_code == 303


def test_failures_from_many_addresses_warn_and_never_block(client):
    user = make_member()
    for number in range(25):
        try_password(client, password="wrong wrong wrong", address=f"198.51.100.{number}")
    kinds = db.session.scalars(select(Message.kind).where(Message.user_id == user.id)).all()
    assert kinds == ["accounts.many_failures"]
    assert try_password(client).status_code == 303


def test_failures_are_on_record_without_the_whole_address(client):
    user = make_member()
    try_password(client, password="wrong wrong wrong", address="203.0.113.77")
    event = db.session.execute(
        select(AuditEvent).where(AuditEvent.action == "accounts.sign_in_failed")
    ).scalar_one()
    assert event.entity_id == user.id
    assert event.changes == {"network": "203.0.113.*", "limit_reached": False, "many": False}


def test_an_old_hash_is_brought_up_to_date(client):
    user = make_member()
    weak = services.sign_in.PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)
    user.password_hash = weak.hash(PASSWORD)
    db.session.commit()
    assert try_password(client).status_code == 303
    db.session.expire_all()
    assert "m=19456,t=2,p=1" in db.session.get_one(User, user.id).password_hash


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:1"]
)
def test_next_stays_on_this_site(client, target):
    make_member()
    assert try_password(client, next=target).location == "/"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [({"phone": "12345"}, "手机号"), ({"phone": ""}, "请填写手机号"), ({"password": ""}, "请填写密码")],
)
def test_bad_input_names_the_field(client, data, sentence):
    answer = try_password(client, **data)
    assert answer.status_code == 422
    assert sentence in answer.text


def test_without_the_token_nothing_is_posted(client):
    assert client.post("/sign-in", data={"phone": "13800138000", "password": PASSWORD}).status_code == 400


def test_a_code_signs_a_known_person_in(client):
    make_member(password=None)
    page = submit(client, "/sign-in/code", **{"code-phone": "138 0013 8000", "code-next": "/account"})
    assert page.status_code == 200
    assert "138****8000" in page.text
    answer = submit(
        client, "/sign-in/code/check", phone="13800138000", code=the_code("13800138000"), next="/account"
    )
    assert (answer.status_code, answer.location) == (303, "/account")
    assert len(sessions()) == 1


def test_a_code_opens_only_in_the_browser_that_asked(app, client):
    make_member(password=None)
    submit(client, "/sign-in/code", **{"code-phone": "13800138000"})
    other = app.test_client()
    answer = submit(other, "/sign-in/code/check", phone="13800138000", code=the_code("13800138000"))
    assert answer.status_code == 422
    assert sessions() == []


def test_asking_for_a_code_tells_nothing_and_is_throttled(client):
    make_member(password=None)
    known = submit(client, "/sign-in/code", **{"code-phone": "13800138000"})
    unknown = submit(client, "/sign-in/code", **{"code-phone": "13900139000"})
    assert body(known).replace("138****8000", "") == body(unknown).replace("139****9000", "")
    again = submit(client, "/sign-in/code", **{"code-phone": "13900139000"})
    assert again.status_code == 422
    assert "太频繁" in again.text


def test_a_disabled_person_does_not_get_in_by_code(client):
    make_member(password=None, disabled_at=NOW)
    submit(client, "/sign-in/code", **{"code-phone": "13800138000"})
    answer = submit(client, "/sign-in/code/check", phone="13800138000", code=the_code("13800138000"))
    assert answer.status_code == 422
    assert sessions() == []


def test_an_unknown_phone_signs_up(client):
    make_village()
    db.session.commit()
    submit(client, "/sign-in/code", **{"code-phone": "13900139000"})
    answer = submit(client, "/sign-in/code/check", phone="13900139000", code=the_code("13900139000"))
    assert answer.location == "/sign-up"
    page = client.get("/sign-up")
    assert "139****9000" in page.text
    refused = submit(client, "/sign-up", name="王", kind="employer")
    assert refused.status_code == 422
    assert "2 到 40 个字" in refused.text
    assert "看过并同意" in refused.text
    answer = submit(client, "/sign-up", name="王大力", kind="employer", consent="y")
    assert answer.location == "/enterprises/register"
    user = db.session.scalars(select(User).where(User.name == "王大力")).one()
    assert user.phone == "13900139000"
    actions = db.session.scalars(select(AuditEvent.action).where(AuditEvent.entity_id == user.id)).all()
    assert "accounts.agree_to_privacy_notice" in actions
    assert client.get("/enterprises/register").status_code == 200


def test_a_villager_confirms_both_statements(client):
    submit(client, "/sign-in/code", **{"code-phone": "13900139000"})
    submit(client, "/sign-in/code/check", phone="13900139000", code=the_code("13900139000"))
    answer = submit(client, "/sign-up", name="沈桂珍", kind="villager", consent="y")
    assert answer.location == "/become-villager"
    assert client.get("/become-villager").status_code == 200
    half = submit(client, "/become-villager", of_own_will="y")
    assert half.status_code == 422
    assert "no_new_homestead-error" in half.text
    answer = submit(client, "/become-villager", of_own_will="y", no_new_homestead="y")
    assert answer.status_code == 303
    assert "Expires" in answer.headers["Set-Cookie"]
    (row,) = sessions()
    assert (row.grant.role, row.grant.scope) == ("villager", str(row.user_id))
    assert row.expires_at == NOW + timedelta(days=30)
    actions = db.session.scalars(select(AuditEvent.action).where(AuditEvent.entity_id == row.user_id)).all()
    assert "accounts.confirm_letting_statements" in actions
    assert submit(client, "/become-villager", of_own_will="y", no_new_homestead="y").status_code == 303
    assert len(db.session.scalars(select(RoleGrant)).all()) == 1


def test_nobody_signs_up_without_a_proven_phone(client):
    assert client.get("/sign-up").location == "/sign-in"
    assert submit(client, "/sign-up", name="王大力", kind="employer", consent="y").location == "/sign-in"
    with client.session_transaction() as session:
        session["proof"] = "00" * 40
    assert client.get("/sign-up").location == "/sign-in"


def test_a_proof_ends_after_half_an_hour(client):
    submit(client, "/sign-in/code", **{"code-phone": "13900139000"})
    submit(client, "/sign-in/code/check", phone="13900139000", code=the_code("13900139000"))
    with clock.frozen_at(NOW + timedelta(minutes=31)):
        assert client.get("/sign-up").location == "/sign-in"


def test_a_villager_stays_signed_in_for_a_month(client):
    actor, _owner = make_villager()
    user = db.session.get_one(User, actor.user_id)
    services.set_password(user=user, password=PASSWORD, keep_session_id=None, actor=VISITOR)
    db.session.commit()
    answer = try_password(client, user.phone)
    assert "Expires" in answer.headers["Set-Cookie"]
    with clock.frozen_at(NOW + timedelta(days=29)):
        assert client.get("/account").status_code == 200
    with clock.frozen_at(NOW + timedelta(days=31)):
        assert client.get("/account").location.startswith("/sign-in")


def test_with_several_roles_one_is_chosen(client):
    user = make_member()
    make_actor(Role.VILLAGER, str(user.id), user=user)
    db.session.commit()
    answer = try_password(client, next="/messages")
    assert answer.location == "/choose-role?next=/messages"
    page = client.get(answer.location)
    assert "村民" in page.text
    assert "企业负责人" in page.text
    villager = db.session.execute(select(RoleGrant.id).where(RoleGrant.role == "villager")).scalar_one()
    assert submit(client, f"/choose-role/{villager}", next="/messages").location == "/messages"
    assert sessions()[0].grant.role == "villager"
    assert "换成 企业负责人" in client.get("/account").text


def test_a_role_of_somebody_else_is_not_found(client):
    make_member()
    other = make_actor(Role.VILLAGER, "77")
    db.session.commit()
    try_password(client)
    foreign = db.session.execute(select(RoleGrant.id).where(RoleGrant.user_id == other.user_id)).scalar_one()
    assert submit(client, f"/choose-role/{foreign}").status_code == 404


def test_signing_out_ends_the_session(client):
    make_member()
    try_password(client)
    with client.session_transaction() as session:
        kept = dict(session)
    assert submit(client, "/sign-out").location == "/sign-in"
    assert sessions() == []
    with client.session_transaction() as session:
        session.update(kept)
    assert client.get("/account").location.startswith("/sign-in")


def test_the_privacy_notice_is_open_to_all(client):
    assert client.get("/privacy").status_code == 200


@pytest.mark.parametrize("page", ["/sign-in", "/privacy"])
def test_english_pages_hold_no_chinese(client, page):
    text = client.get(page, headers={"Accept-Language": "en"}).text
    left = re.sub(r"<[^>]*>|中文|钱塘巢", "", text)
    assert not re.findall(r"[\u4e00-\u9fff]+", left)
