"""Pages of billing: who may, whose rows, bad input, good input."""

import io
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select
from werkzeug.test import TestResponse

from qiantang_nest.billing.models import Bill, Payment, Receipt
from qiantang_nest.billing.services import confirm_payment, issue_due_bills, record_payment, reverse_payment
from qiantang_nest.core import clock
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db
from qiantang_nest.notifications.models import Message
from tests import factories as make
from tests.conftest import QueryLog, sign_in


class Scene:
    """A lease since September with deposit and three months billed; everyone who looks at it."""

    def __init__(self) -> None:
        self.villager, self.owner = make.make_villager()
        self.manager, self.enterprise = make.make_employer()
        self.clerk = make.make_clerk()
        make.make_consent(self.owner)
        room = make.make_room(make.make_house(self.owner))
        lease = make.make_lease(self.enterprise, [room], date(2026, 9, 10), date(2027, 9, 10))
        issue_due_bills(lease=lease, today=make.TODAY, actor=SYSTEM)
        self.bill = db.session.execute(select(Bill).where(Bill.seq == 1)).scalar_one()
        db.session.commit()

    @property
    def record_url(self) -> str:
        return f"/payments/new/{self.enterprise.id}/{self.owner.id}"

    def claim(self, fen: int = 60_000) -> Payment:
        payment = record_payment(
            enterprise=self.enterprise,
            owner=self.owner,
            amount_fen=fen,
            paid_on=make.TODAY,
            method="bank",
            actor=self.manager,
            now=make.NOW,
        )
        db.session.commit()
        return payment


def post(client: FlaskClient, url: str, data: dict[str, Any] | None = None) -> TestResponse:
    """Send a form with the token that the person's own pages carry."""
    pages = (client.get(page) for page in ("/my-rent", "/statement", "/village-bills"))
    own = next(page for page in pages if page.status_code == 200)
    token = re.search(r'<meta name="csrf-token" content="([^"]+)"', own.text)
    assert token is not None
    return client.post(url, data={**(data or {}), "csrf_token": token[1]})


@pytest.fixture
def scene(client: FlaskClient) -> Scene:
    return Scene()


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with clock.frozen_at(make.NOW):
        yield


def actor_named(scene: Scene, name: str) -> Actor:
    return {
        "villager": lambda: scene.villager,
        "manager": lambda: scene.manager,
        "clerk": lambda: scene.clerk,
        "street": make.make_street_officer,
        "district": make.make_district_officer,
        "other villager": lambda: make.make_villager()[0],
        "other manager": lambda: make.make_employer()[0],
        "other clerk": lambda: make.make_clerk(make.make_village(make.NEIGHBOUR_VILLAGE).code),
    }[name]()


PAGES = {
    "/statement": {"manager"},
    "/statement/print": {"manager"},
    "/statement.pdf": {"manager"},
    "/my-rent": {"villager"},
    "/village-bills": {"clerk"},
    "/arrears": {"clerk", "street", "district"},
    "/bills/{bill}": {"manager", "villager", "clerk"},
    "/payments/{payment}": {"manager", "villager", "clerk"},
    "/payments/{payment}/confirm": {"villager", "clerk"},
    "/payments/{payment}/reject": {"villager", "clerk"},
    "/payments/{payment}/reverse": {"villager", "clerk"},
    "/payments/new/{enterprise}/{owner}": {"manager", "villager", "clerk"},
}


@pytest.mark.parametrize("page", PAGES)
def test_who_may_open_a_page(client: FlaskClient, scene: Scene, page: str) -> None:
    payment = scene.claim()
    url = page.format(
        bill=scene.bill.id, payment=payment.id, enterprise=scene.enterprise.id, owner=scene.owner.id
    )
    asked = client.get(url)
    assert asked.status_code == 302
    assert asked.location.startswith("/sign-in")
    may = PAGES[page]
    for name in ("manager", "villager", "clerk", "street", "district"):
        sign_in(client, actor_named(scene, name))
        assert client.get(url).status_code == (200 if name in may else 403), name
    if "{" in page:
        for name in ("other villager", "other manager", "other clerk"):
            sign_in(client, actor_named(scene, name))
            expected = 403 if name == "other manager" and "manager" not in may else 404
            assert client.get(url).status_code == expected, name


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_statement_explains_every_line(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.manager)
    page = text_of(client.get("/statement?month=2026-09").text)
    assert "2026 年 9 月账单" in page
    assert "¥ 1,200 .00" in page
    assert "整月 ¥600.00，9 月 10 日到 10 月 9 日" in page
    assert "押金 ¥600.00，等于 1 个月租金" in page
    assert "平台不经手" in page
    assert re.search(r"附言 QT[0-9A-Z]{8}", page)
    assert "尾号 6781" in page
    assert "6228580000123456781" not in page
    assert "没有账单" in client.get("/statement?month=2020-01").text
    assert client.get("/statement?month=abc").status_code == 200


def test_only_a_managers_pdf_has_whole_accounts(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.manager)
    answer = client.get("/statement.pdf?month=2026-09")
    assert answer.mimetype == "application/pdf"
    assert answer.data.startswith(b"%PDF-")
    revealed = select(AuditEvent).where(AuditEvent.action == "billing.reveal_accounts")
    assert len(db.session.execute(revealed).all()) == 1
    staff, _firm = make.make_employer(scene.enterprise, make.Role.EMPLOYER_STAFF)
    sign_in(client, staff)
    assert client.get("/statement.pdf?month=2026-09").data.startswith(b"%PDF-")
    assert len(db.session.execute(revealed).all()) == 1


def test_a_statement_of_many_payees_asks_few_questions(
    client: FlaskClient, scene: Scene, query_log: QueryLog
) -> None:
    for _ in range(8):
        room = make.make_room(make.make_house(make.make_owner()))
        lease = make.make_lease(scene.enterprise, [room], date(2026, 9, 10), date(2027, 9, 10))
        issue_due_bills(lease=lease, today=make.TODAY, actor=SYSTEM)
    sign_in(client, scene.manager)
    db.session.expire_all()
    query_log.clear()
    assert client.get("/statement?month=2026-09").status_code == 200
    assert len([query for query in query_log if query.startswith("SELECT")]) <= 10


def test_recording_by_form(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.villager)
    url = scene.record_url
    key = re.search(r'name="request_key"[^>]*value="([^"]+)"', client.get(url).text)
    assert key is not None
    good = {"amount": "600", "paid_on": "2026-11-20", "method": "cash", "request_key": key[1]}
    for field, value, sentence in (
        ("amount", "六百", "不是数字"),
        ("amount", "", "请填写金额"),
        ("paid_on", "2026-11-24", "还没到"),
        ("paid_on", "昨天", "不是一个日期"),
        ("method", "gold", ""),
        ("request_key", "x", ""),
    ):
        answer = post(client, url, {**good, field: value})
        assert answer.status_code == 422, field
        assert sentence in answer.text
    assert post(client, url, good).status_code == 303
    assert post(client, url, good).status_code == 303
    payment = db.session.execute(select(Payment)).scalar_one()
    assert (payment.amount_fen, payment.state, payment.method) == (60_000, "confirmed", "cash")


def test_a_slip_is_kept_and_shown_to_both_sides_only(client: FlaskClient, scene: Scene) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (40, 40), "white").save(picture, "PNG")
    sign_in(client, scene.manager)
    key = re.search(r'name="request_key"[^>]*value="([^"]+)"', client.get(scene.record_url).text)
    assert key is not None
    data = {"amount": "600", "paid_on": "2026-11-20", "method": "bank", "serial": "A1", "request_key": key[1]}
    bad = post(client, scene.record_url, {**data, "slip": (io.BytesIO(b"no picture"), "a.png")})
    assert bad.status_code == 422
    assert "不是照片" in bad.text
    picture.seek(0)
    assert post(client, scene.record_url, {**data, "slip": (picture, "a.png")}).status_code == 303
    payment = db.session.execute(select(Payment)).scalar_one()
    assert payment.state == "claimed"
    with client.get(f"/payments/{payment.id}/slip") as slip:
        assert slip.mimetype == "image/jpeg"
    told = db.session.execute(select(Message).where(Message.user_id == scene.villager.user_id)).scalar_one()
    assert told.url == f"/payments/{payment.id}/confirm"
    sign_in(client, make.make_villager()[0])
    assert client.get(f"/payments/{payment.id}/slip").status_code == 404


def test_a_serial_twice_is_refused_at_its_field(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.villager)
    for expected in (303, 422):
        key = re.search(r'name="request_key"[^>]*value="([^"]+)"', client.get(scene.record_url).text)
        assert key is not None
        answer = post(
            client,
            scene.record_url,
            {
                "amount": "100",
                "paid_on": "2026-11-20",
                "method": "bank",
                "serial": "A1",
                "request_key": key[1],
            },
        )
        assert answer.status_code == expected
    assert "已经记过一笔收款" in answer.text
    assert 'value="A1"' in answer.text


def test_a_villager_confirms_and_both_have_the_receipt(client: FlaskClient, scene: Scene) -> None:
    payment = scene.claim()
    sign_in(client, scene.villager)
    assert "说付了您 ¥600" in client.get("/my-rent").text
    assert post(client, f"/payments/{payment.id}/confirm").status_code == 303
    assert post(client, f"/payments/{payment.id}/confirm").status_code == 409
    receipt = db.session.execute(select(Receipt)).scalar_one()
    for who in (scene.villager, scene.manager, scene.clerk):
        sign_in(client, who)
        page = client.get(f"/receipts/{receipt.id}").text
        assert "人民币陆佰元整" in page
        assert "非税务发票" in page
        assert client.get(f"/receipts/{receipt.id}.pdf").data.startswith(b"%PDF-")
    sign_in(client, make.make_employer()[0])
    assert client.get(f"/receipts/{receipt.id}").status_code == 404
    assert client.get(f"/receipts/{receipt.id}.pdf").status_code == 404


def test_a_rejection_needs_a_reason_and_tells_the_employer(client: FlaskClient, scene: Scene) -> None:
    payment = scene.claim()
    sign_in(client, scene.villager)
    empty = post(client, f"/payments/{payment.id}/reject", {"reason": ""})
    assert empty.status_code == 422
    assert "请写一句原因" in empty.text
    assert post(client, f"/payments/{payment.id}/reject", {"reason": "卡里没有"}).status_code == 303
    sign_in(client, scene.manager)
    assert "卡里没有" in client.get(f"/payments/{payment.id}").text
    told = db.session.execute(select(Message).where(Message.user_id == scene.manager.user_id)).scalar_one()
    assert told.kind == "billing.payment_rejected"


def test_reversing_by_form_voids_the_receipt_visibly(client: FlaskClient, scene: Scene) -> None:
    payment = scene.claim()
    confirm_payment(payment=payment, actor=scene.villager, now=make.NOW)
    sign_in(client, scene.clerk)
    url = f"/payments/{payment.id}/reverse"
    assert post(client, url, {"reason": ""}).status_code == 422
    assert post(client, url, {"reason": "记成别家"}).status_code == 303
    assert post(client, url, {"reason": "记成别家"}).status_code == 409
    page = client.get(f"/payments/{payment.id}").text
    assert "已作废" in page
    receipt = db.session.execute(select(Receipt)).scalar_one()
    assert "收据（已作废）" in client.get(f"/receipts/{receipt.id}").text
    assert client.get(f"/receipts/{receipt.id}.pdf").status_code == 200


def test_a_clerks_list_filters(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.clerk)
    everything = client.get("/village-bills").text
    assert everything.count("ZD-202611-") >= 4
    assert "没有这样的账单" in client.get("/village-bills?q=查无此人").text
    assert scene.owner.name in client.get(f"/village-bills?q={scene.owner.name}&state=late").text
    assert "没有这样的账单" in client.get("/village-bills?state=paid").text
    assert client.get("/village-bills?state=nonsense&sort=zzz&page=999&month=x").status_code == 200


def test_arrears_by_age_for_each_office(client: FlaskClient, scene: Scene) -> None:
    # Due 15 September (two bills), 15 October, 16 November 2026.
    for who, name in (
        (scene.clerk, scene.enterprise.name),
        (make.make_street_officer(), scene.enterprise.name),
        (make.make_district_officer(), "河庄街道"),
    ):
        sign_in(client, who)
        page = text_of(client.get("/arrears").text)
        assert name in page
        assert "600.00 600.00 1,200.00 0.00 2,400.00" in page, page
    sign_in(client, make.make_street_officer(make.make_village(make.OTHER_STREET_VILLAGE).street_code))
    assert "没有晚付的租金" in client.get("/arrears").text


def test_my_rent_when_nothing_is_open(client: FlaskClient, scene: Scene) -> None:
    payment = record_payment(
        enterprise=scene.enterprise,
        owner=scene.owner,
        amount_fen=300_000,
        paid_on=make.TODAY,
        method="cash",
        actor=scene.villager,
        now=make.NOW,
    )
    db.session.commit()
    sign_in(client, scene.villager)
    page = text_of(client.get("/my-rent").text)
    assert "没有还差的租金" in page
    assert "会抵下一张账单" in page
    reverse_payment(payment=payment, reason="错了", actor=scene.villager, now=make.NOW)
    db.session.commit()
    assert "晚了" in client.get("/my-rent").text


def test_a_villager_without_household_sees_an_empty_page(client: FlaskClient, db_session: object) -> None:
    user = make.make_user()
    sign_in(client, make.make_actor(make.Role.VILLAGER, str(user.id), user=user))
    assert client.get("/my-rent").status_code == 200


def test_a_bill_shows_what_settled_it(client: FlaskClient, scene: Scene) -> None:
    payment = scene.claim()
    confirm_payment(payment=payment, actor=scene.villager, now=make.NOW + timedelta(hours=1))
    db.session.commit()
    sign_in(client, scene.manager)
    page = text_of(client.get(f"/bills/{scene.bill.id}").text)
    assert "到账的钱 ¥300.00 2026-11-23 银行转账" in page
    assert "晚了 69 天" in page
