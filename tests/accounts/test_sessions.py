"""Sessions end: by idleness, by age, with a role, with a password, with an account."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from qiantang_nest.accounts import services
from qiantang_nest.accounts.models import RoleGrant, User, UserSession
from qiantang_nest.accounts.rules import Role
from qiantang_nest.core import clock
from qiantang_nest.core.actor import SYSTEM
from qiantang_nest.core.db import db
from tests.conftest import sign_in
from tests.factories import NOW, make_actor, make_clerk, make_employer, make_village

INSIDE, OUT = 200, 302


pytestmark = pytest.mark.usefixtures("at_now")


def visit(client, after=timedelta(0)):
    with clock.frozen_at(NOW + after):
        return client.get("/account").status_code


def test_an_office_is_signed_out_after_half_an_idle_hour(client):
    make_village()
    sign_in(client, make_clerk())
    assert visit(client, timedelta(minutes=29)) == INSIDE
    assert visit(client, timedelta(minutes=58)) == INSIDE
    assert visit(client, timedelta(minutes=89)) == OUT


def test_an_employer_after_three(client):
    actor, _enterprise = make_employer()
    sign_in(client, actor)
    assert visit(client, timedelta(hours=2, minutes=59)) == INSIDE
    assert visit(client, timedelta(hours=6)) == OUT


def test_an_office_after_twelve_hours_however_busy(client):
    make_village()
    sign_in(client, make_clerk())
    for quarter in range(1, 48):
        assert visit(client, timedelta(minutes=15 * quarter)) == INSIDE
    assert visit(client, timedelta(hours=12)) == OUT


def test_clicks_within_five_minutes_write_nothing(client, query_log):
    actor, _enterprise = make_employer()
    sign_in(client, actor)
    query_log.clear()
    visit(client, timedelta(minutes=4))
    assert not [statement for statement in query_log if statement.startswith("UPDATE user_session")]
    visit(client, timedelta(minutes=6))
    assert [statement for statement in query_log if statement.startswith("UPDATE user_session")]


def test_a_revoked_role_ends_its_sessions_at_once(client):
    make_village()
    actor = make_clerk()
    sign_in(client, actor)
    assert visit(client) == INSIDE
    grant = db.session.scalars(select(RoleGrant).where(RoleGrant.user_id == actor.user_id)).one()
    services.revoke_role(grant=grant, now=NOW, actor=SYSTEM)
    db.session.commit()
    assert visit(client) == OUT


def test_a_disabled_account_ends_them(client):
    actor, _enterprise = make_employer()
    sign_in(client, actor)
    user = db.session.get_one(User, actor.user_id)
    services.disable_user(user=user, now=NOW, actor=SYSTEM)
    db.session.commit()
    assert visit(client) == OUT


def test_a_new_password_ends_all_others(app, client):
    actor, _enterprise = make_employer()
    other = app.test_client()
    sign_in(client, actor)
    sign_in(other, actor)
    mine = db.session.scalars(select(UserSession.id).order_by(UserSession.id)).first()
    user = db.session.get_one(User, actor.user_id)
    services.set_password(user=user, password="a long enough one", keep_session_id=mine, actor=SYSTEM)
    db.session.commit()
    assert visit(client) == INSIDE
    assert visit(other) == OUT


def test_an_office_role_given_ends_sessions_too(app, client):
    make_village()
    actor, _enterprise = make_employer()
    sign_in(client, actor)
    admin = make_actor(Role.SECURITY_ADMIN, "")
    user = db.session.get_one(User, actor.user_id)
    with app.test_request_context():
        services.grant_office_role(user=user, role=Role.STREET_OFFICER, scope="330114003", actor=admin)
    db.session.commit()
    assert visit(client) == OUT


def test_ended_sessions_are_swept(client):
    actor, _enterprise = make_employer()
    sign_in(client, actor)
    services.drop_old_sessions(now=NOW + timedelta(days=1))
    assert db.session.scalars(select(UserSession)).all() == []
