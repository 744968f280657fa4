"""The time-based code: set up once, asked at each sign-in, each step once, and reset."""

import re
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select

from qiantang_nest.accounts import services
from qiantang_nest.accounts.models import User, UserSession
from qiantang_nest.accounts.rules import Role
from qiantang_nest.accounts.services import VISITOR
from qiantang_nest.core import clock
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db
from tests.conftest import sign_in
from tests.factories import NOW, make_actor, make_clerk, make_village
from tests.forms import submit

PASSWORD = "correct horse battery"


pytestmark = pytest.mark.usefixtures("at_now")


@pytest.fixture
def officer(client):
    """A clerk with a password and no second factor yet, signed in by the password."""
    make_village()
    user = db.session.get_one(User, make_clerk().user_id)
    services.set_password(user=user, password=PASSWORD, keep_session_id=None, actor=VISITOR)
    db.session.commit()
    return user


def enter(client, user):
    client.delete_cookie("qiantang")
    phone = db.session.get_one(User, user.id).phone
    return submit(client, "/sign-in", phone=phone, password=PASSWORD, next="/messages")


def code_of(user, at=NOW):
    db.session.expire_all()
    return pyotp.TOTP(db.session.get_one(User, user.id).totp_secret).at(at)


def set_up(client, user):
    client.get(enter(client, user).location)
    return submit(client, "/second-factor", code=code_of(user))


def acting_role():
    db.session.expire_all()
    row = db.session.scalars(select(UserSession).order_by(UserSession.id.desc())).first()
    return row.grant.role if row.grant else None


def test_the_first_sign_in_sets_it_up(client, officer):
    answer = enter(client, officer)
    assert answer.location.startswith("/second-factor?")
    page = client.get(answer.location)
    assert "<svg" in page.text
    db.session.expire_all()
    secret = db.session.get_one(User, officer.id).totp_secret
    assert secret in page.text.replace(" ", "")
    assert acting_role() is None
    answer = submit(client, answer.location, code=code_of(officer), next="/messages")
    assert answer.location == "/messages"
    assert acting_role() == "village_clerk"
    assert client.get("/account").status_code == 200


def test_before_it_no_role_acts_and_no_own_page_opens(client, officer):
    set_up(client, officer)
    enter(client, officer)
    assert client.get("/enterprises").location.startswith("/choose-role")
    for page in ("/account", "/account/password", "/account/phone", "/messages"):
        assert client.get(page).location.startswith("/second-factor")
    page = client.get("/second-factor")
    assert "<h1>填动态码</h1>" in page.text
    assert db.session.get_one(User, officer.id).totp_secret not in page.text.replace(" ", "")


def test_it_is_asked_again_and_a_code_is_used_once(client, officer):
    set_up(client, officer)
    used = code_of(officer)
    enter(client, officer)
    replay = submit(client, "/second-factor", code=used)
    assert replay.status_code == 422
    assert acting_role() is None
    later = NOW + timedelta(seconds=60)
    with clock.frozen_at(later):
        assert submit(client, "/second-factor", code=code_of(officer, later)).status_code == 303
    assert acting_role() == "village_clerk"


def test_without_the_kept_step_a_replay_would_pass(client, officer):
    """Negative control of the replay."""
    set_up(client, officer)
    used = code_of(officer)
    db.session.get_one(User, officer.id).totp_last_step = 0
    db.session.commit()
    enter(client, officer)
    assert submit(client, "/second-factor", code=used).status_code == 303


def test_passing_it_changes_the_token(client, officer):
    enter(client, officer)
    with client.session_transaction() as session:
        before = session["_user_id"]
    client.get("/second-factor")
    submit(client, "/second-factor", code=code_of(officer))
    with client.session_transaction() as session:
        assert session["_user_id"] != before
        session["_user_id"] = before
    assert client.get("/account").location.startswith("/sign-in")


@pytest.mark.parametrize("code", ["", "abc", "12345", "１２３４５６", "é"])
def test_odd_codes_are_refused(client, officer, code):
    enter(client, officer)
    client.get("/second-factor")
    assert submit(client, "/second-factor", code=code).status_code == 422


def test_five_wrong_codes_shut_it_for_five_minutes(client, officer):
    enter(client, officer)
    client.get("/second-factor")
    wrong = f"{(int(code_of(officer)) + 1) % 10**6:06d}"
    for _try in range(5):
        assert submit(client, "/second-factor", code=wrong).status_code == 422
    assert submit(client, "/second-factor", code=code_of(officer)).status_code == 422
    later = NOW + timedelta(minutes=6)
    with clock.frozen_at(later):
        assert submit(client, "/second-factor", code=code_of(officer, later)).status_code == 303


def test_the_security_administrator_resets_it(app, client, officer):
    set_up(client, officer)
    admin = app.test_client()
    sign_in(admin, make_actor(Role.SECURITY_ADMIN, ""))
    address = f"/roles/{officer.id}/reset-second-factor"
    assert admin.get(address).status_code == 200
    assert submit(admin, address, reason="").status_code == 422
    assert submit(admin, address, reason="电话核实本人，手机丢了").status_code == 303
    assert client.get("/account").location.startswith("/sign-in")
    db.session.expire_all()
    assert db.session.get_one(User, officer.id).totp_secret is None
    event = db.session.scalars(
        select(AuditEvent).where(AuditEvent.action == "accounts.reset_second_factor")
    ).one()
    assert event.changes == {"reason": "电话核实本人，手机丢了"}
    assert re.search("绑定动态码", client.get(enter(client, officer).location).text)


def test_nobody_resets_their_own(client):
    admin = make_actor(Role.SECURITY_ADMIN, "")
    sign_in(client, admin)
    answer = submit(client, f"/roles/{admin.user_id}/reset-second-factor", reason="换手机")
    assert answer.status_code == 422
    assert "不能重置自己" in answer.text


def test_the_setup_address_names_no_phone(officer, db_session):
    services.begin_second_factor(user=officer)
    assert officer.phone not in services.setup_address(user=officer)
