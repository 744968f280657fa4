"""The outbox: once per key, at least once sent, tried again with growing waits, given up in the end."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from qiantang_nest.core.db import db, transaction
from qiantang_nest.notifications import services
from qiantang_nest.notifications.gateways import ConsoleGateway, SmsRefused
from qiantang_nest.notifications.models import OutboxItem
from qiantang_nest.notifications.rules import wait_after
from tests.factories import NOW


class Carrier:
    """Keeps what it is given; refuses while ``error`` is set."""

    def __init__(self, error=None):
        self.error, self.sent = error, []

    def send(self, *, key, to, body):
        if self.error:
            raise self.error
        assert not db.session.info.get("in_transaction_block")
        self.sent.append((key, to, body))


def enqueue(key="k1", **fields):
    with transaction():
        services.send_sms(key=key, to="13800138000", body="码 123456", **fields)


def the_item():
    db.session.expire_all()
    return db.session.execute(select(OutboxItem)).scalar_one()


def test_a_key_is_sent_once(db_session):
    enqueue()
    enqueue()
    carrier = Carrier()
    assert services.send_due(now=NOW, gateway=carrier) == 1
    assert services.send_due(now=NOW, gateway=carrier) == 0
    assert carrier.sent == [("k1", "13800138000", "码 123456")]
    item = the_item()
    assert item.sent_at == NOW
    assert item.to is None
    assert item.body is None


def test_a_failure_waits_longer_each_time_and_is_given_up_after_eight(db_session):
    enqueue()
    now = NOW
    for attempt in range(1, 9):
        assert services.send_due(now=now, gateway=Carrier(SmsRefused("no credit"))) == 1
        item = the_item()
        assert item.attempts == attempt
        assert item.last_error == "no credit"
        if attempt < 8:
            assert item.due_at == now + wait_after(attempt)
            assert services.send_due(now=item.due_at - timedelta(seconds=1), gateway=Carrier()) == 0
        now = item.due_at
    assert the_item().given_up_at is not None
    assert services.send_due(now=now + timedelta(days=9), gateway=Carrier()) == 0


def test_waits_double_up_to_an_hour():
    assert [wait_after(n).total_seconds() for n in (1, 2, 3, 8, 20)] == [30, 60, 120, 3600, 3600]


def test_an_unforeseen_error_leaves_no_personal_data(db_session):
    enqueue()
    services.send_due(now=NOW, gateway=Carrier(ValueError("13800138000 unreachable")))
    assert the_item().last_error == "ValueError"


def test_what_is_too_late_is_not_sent(db_session):
    enqueue(useless_at=NOW)
    assert services.send_due(now=NOW, gateway=Carrier()) == 0
    assert the_item().last_error == "too late"


def test_a_claim_of_a_dead_sender_is_taken_up_again(db_session):
    enqueue()

    class Dies:
        def send(self, **_):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        services.send_due(now=NOW, gateway=Dies())
    carrier = Carrier()
    assert services.send_due(now=NOW, gateway=carrier) == 0
    assert services.send_due(now=NOW + timedelta(minutes=5), gateway=carrier) == 1
    assert len(carrier.sent) == 1


def test_old_items_go(db_session):
    enqueue()
    services.send_due(now=NOW, gateway=Carrier())
    services.drop_old_items(now=NOW + timedelta(days=89))
    assert the_item()
    services.drop_old_items(now=NOW + timedelta(days=91))
    assert db.session.execute(select(func.count()).select_from(OutboxItem)).scalar_one() == 0


def test_two_senders_share_the_work(fresh_app):
    with fresh_app.app_context():
        with transaction():
            for number in range(40):
                services.send_sms(key=f"k{number}", to="13800138000", body="x")
    carrier = Carrier()
    together = threading.Barrier(4)

    def work():
        with fresh_app.app_context():
            together.wait()
            for _round in range(4):
                services.send_due(now=NOW, gateway=carrier, limit=5)

    threads = [threading.Thread(target=work) for _n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with fresh_app.app_context():
        while services.send_due(now=NOW, gateway=carrier):
            pass
    assert sorted(key for key, *_ in carrier.sent) == sorted(f"k{number}" for number in range(40))


def test_the_console_gateway_prints_the_message(caplog):
    with caplog.at_level("INFO", "qiantang_nest.sms"):
        ConsoleGateway().send(key="k", to="13800138000", body="验证码 123456")
    assert "123456" in caplog.text
