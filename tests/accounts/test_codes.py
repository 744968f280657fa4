"""Codes by SMS: once, five minutes, five tries, bound to phone, purpose and subject; and the throttles."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from qiantang_nest.accounts import services
from qiantang_nest.accounts.models import SmsCode, Throttle
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue, TooMany
from qiantang_nest.notifications.models import OutboxItem
from tests.factories import NOW, make_phone

PHONE = "13800138000"


@pytest.fixture(autouse=True)
def _request(app, db_session):
    with app.test_request_context():
        yield


def send(phone=PHONE, purpose="sign_in", subject="browser", now=NOW):
    with transaction():
        services.send_code(phone=phone, purpose=purpose, subject=subject, now=now)
    item = db.session.execute(select(OutboxItem).order_by(OutboxItem.id.desc()).limit(1)).scalar_one()
    assert item.to == phone
    return re.search(r"\d{6}", item.body)[0]


def use(code, phone=PHONE, purpose="sign_in", subject="browser", now=NOW):
    with transaction():
        return services.use_code(phone=phone, purpose=purpose, subject=subject, code=code, now=now)


def test_a_code_opens_once():
    code = send()
    assert use(f" {code[:3]} {code[3:]} ").used_at == NOW
    with pytest.raises(InvalidValue, match="用不了"):
        use(code)


@pytest.mark.parametrize(
    "other",
    [{"phone": "13800138001"}, {"purpose": "sign_lease"}, {"subject": "another browser"}],
)
def test_a_code_opens_nothing_else(other):
    code = send()
    with pytest.raises(InvalidValue, match="用不了"):
        use(code, **other)


def test_a_code_ends_after_five_minutes():
    code = send()
    with pytest.raises(InvalidValue, match="用不了"):
        use(code, now=NOW + timedelta(minutes=5))
    assert use(code, now=NOW + timedelta(minutes=4, seconds=59))


def test_wrong_tries_count_though_each_is_refused():
    code = send()
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for left in (4, 3, 2, 1):
        with pytest.raises(InvalidValue, match=f"还可以试 {left} 次"):
            use(wrong)
    with pytest.raises(InvalidValue, match="已经作废"):
        use(wrong)
    with pytest.raises(InvalidValue, match="用不了"):
        use(code)


def test_without_keeping_refused_writes_tries_would_never_run_out(monkeypatch):
    """Negative control of the test above."""
    monkeypatch.setattr("qiantang_nest.core.db._write_kept", lambda: None)
    code = send()
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for _try in range(8):
        with pytest.raises(InvalidValue, match="还可以试 4 次"):
            use(wrong)
    assert use(code)


def test_only_the_newest_code_opens():
    first = send()
    second = send(now=NOW + timedelta(seconds=61))
    if first != second:
        with pytest.raises(InvalidValue):
            use(first, now=NOW + timedelta(seconds=62))
    assert use(second, now=NOW + timedelta(seconds=62))


def test_one_a_minute_and_ten_a_day_for_a_phone():
    send()
    with pytest.raises(TooMany) as refused:
        send(now=NOW + timedelta(seconds=59))
    assert refused.value.retry_after_seconds == 1
    for minute in range(1, 10):
        send(now=NOW + timedelta(seconds=61 * minute))
    with pytest.raises(TooMany):
        send(now=NOW + timedelta(hours=3))
    assert send(now=NOW + timedelta(hours=25))
    assert send(phone=make_phone())


def test_signing_has_a_limit_of_its_own():
    for second in range(4):
        send(purpose="sign_lease", subject=f"document {second}", now=NOW + timedelta(seconds=second))
    with pytest.raises(TooMany):
        send(purpose="sign_lease", subject="document 5", now=NOW + timedelta(seconds=5))
    assert send()


def test_an_address_cannot_pump_messages():
    for number in range(60):
        services.send_code(
            phone=f"1390000{number:04d}", purpose="sign_in", subject="b", now=NOW, address="203.0.113.5"
        )
    with pytest.raises(TooMany):
        services.send_code(
            phone="13900009999", purpose="sign_in", subject="b", now=NOW, address="203.0.113.5"
        )
    services.send_code(
        phone="13900009999",
        purpose="sign_in",
        subject="b",
        now=NOW + timedelta(minutes=2),
        address="203.0.113.6",
    )


def test_what_is_kept_tells_neither_phone_nor_code():
    code = send()
    row = db.session.execute(select(SmsCode)).scalar_one()
    assert code.encode() not in row.code_hash
    assert all(PHONE not in key for key in db.session.execute(select(Throttle.key)).scalars())


def test_old_codes_and_windows_go():
    send()
    services.drop_old_codes(now=NOW + timedelta(days=2))
    services.drop_old_throttles(now=NOW + timedelta(days=2))
    assert db.session.execute(select(SmsCode)).first() is None
    assert db.session.execute(select(Throttle)).first() is None


def test_throttle_counts_in_windows():
    for _hit in range(3):
        services.throttle(key="k", limit=3, window_seconds=60, now=NOW)
    assert services.is_throttled(key="k", limit=3, window_seconds=60, now=NOW)
    with pytest.raises(TooMany):
        services.throttle(key="k", limit=3, window_seconds=60, now=NOW)
    later = NOW + timedelta(seconds=60)
    assert not services.is_throttled(key="k", limit=3, window_seconds=60, now=later)
    services.throttle(key="k", limit=3, window_seconds=60, now=later)
