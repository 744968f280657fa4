"""Signing up in Chromium, and what every test of pages there needs."""

import re

from axe_playwright_python.sync_playwright import Axe
from sqlalchemy import select

from qiantang_nest.accounts import services
from qiantang_nest.accounts.models import RoleGrant, User
from qiantang_nest.core import clock
from qiantang_nest.core.db import db, transaction
from qiantang_nest.notifications.models import OutboxItem
from tests.browser.conftest import PHONE


def check(page, size):
    """Nothing serious for axe, one h1, no sideways scrolling."""
    found = Axe().run(page).response["violations"]
    serious = [
        (one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")
    ]
    assert serious == [], (page.url, size)
    assert page.locator("h1").count() == 1, page.url
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (page.url, size)


def enter(page, server, actor):
    """Put a session of the actor into the browser, second factor passed."""
    with server.app.app_context(), transaction():
        grant = db.session.scalars(
            select(RoleGrant).where(RoleGrant.user_id == actor.user_id, RoleGrant.role == actor.role)
        ).one()
        user = db.session.get_one(User, actor.user_id)
        token = services.start_session(
            user=user, grant=grant, address="127.0.0.1", agent="Chromium", now=clock.now()
        )
    serializer = server.app.session_interface.get_signing_serializer(server.app)
    value = serializer.dumps({"_user_id": token, "_fresh": True})
    page.context.add_cookies([{"name": "qiantang", "value": value, "url": server.url}])


def test_a_villager_signs_up_on_a_phone(live_server, phone_page, visit):
    page = phone_page
    page.goto("/sign-in")
    page.get_by_label("手机号").first.fill("13900139000")
    page.get_by_role("button", name="发验证码给我").click()
    page.get_by_role("heading", name="填验证码").wait_for()
    check(page, PHONE)
    with live_server.app.app_context():
        body = db.session.scalars(select(OutboxItem)).one().body
    page.get_by_label("短信验证码").fill(re.search(r"\d{6}", body)[0])
    page.get_by_role("button", name="登录").click()
    page.get_by_label("您的姓名").fill("沈桂珍")
    page.get_by_text("我是村民，有空房要租").click()
    page.get_by_text("我看过隐私说明").click()
    check(page, PHONE)
    page.get_by_role("button", name="下一步").click()
    page.get_by_role("heading", name="出租前要知道的两件事").wait_for()
    check(page, PHONE)
    page.get_by_role("button", name="知道了，下一步").click()
    page.get_by_role("alert").wait_for()
    visit.ignore("422")
    check(page, PHONE)
    page.get_by_text("我知道：房子出租以后").last.click()
    page.get_by_text("我出租是自愿的").last.click()
    with page.expect_response(lambda answer: answer.request.method == "POST") as posted:
        page.get_by_role("button", name="知道了，下一步").click()
    assert posted.value.status == 303
    page.wait_for_load_state()
    visit.ignore("404")
