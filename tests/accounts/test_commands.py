"""The commands: first administrators, sending once, and the worker that stops when told."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from qiantang_nest.accounts.models import RoleGrant, Throttle, User
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db, transaction
from qiantang_nest.notifications.models import OutboxItem
from qiantang_nest.notifications.services import send_sms
from tests.factories import NOW

ROOT = Path(__file__).resolve().parents[2]


def create_user(app, *options, **kwargs):
    return app.test_cli_runner().invoke(args=["create-user", *options], **kwargs)


def test_create_user_makes_the_first_administrator(app, db_session):
    answer = create_user(
        app,
        "--phone=138 0013 8000",
        "--name=安全员",
        "--role=security_admin",
        "--password-stdin",
        input="a quiet river\n",
    )
    assert answer.exit_code == 0, answer.output
    user = db.session.scalars(select(User)).one()
    assert user.phone == "13800138000"
    assert user.password_hash.startswith("$argon2id$")
    assert db.session.scalars(select(RoleGrant.role)).one() == "security_admin"
    assert set(db.session.scalars(select(AuditEvent.actor_role))) == {"system"}
    second = create_user(
        app, "--phone=13800138000", "--name=x", "--role=village_clerk", "--scope=330114003201"
    )
    assert second.exit_code == 0
    assert len(db.session.scalars(select(User)).all()) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--phone=12", "--name=x", "--role=system_admin"], "手机号"),
        (["--phone=13800138000", "--name=x", "--role=village_clerk", "--scope=330114003"], "选一个村"),
        (["--phone=13800138000", "--name=x", "--role=system_admin", "--scope=330114"], "不分地方"),
        (["--phone=13800138000", "--name=x", "--role=king"], "Invalid value"),
    ],
)
def test_create_user_refuses_what_is_odd(app, db_session, options, sentence):
    answer = create_user(app, *options)
    assert answer.exit_code != 0
    assert sentence in answer.output
    assert db.session.scalars(select(User)).all() == []


def test_a_weak_password_makes_no_account(app, db_session):
    answer = create_user(
        app, "--phone=13800138000", "--name=x", "--role=system_admin", "--password-stdin", input="123456\n"
    )
    assert answer.exit_code != 0
    assert db.session.scalars(select(User)).all() == []


def test_send_outbox_sends_once(app, db_session):
    with transaction():
        send_sms(key="k", to="13800138000", body="码 123456")
    assert "1 messages tried" in app.test_cli_runner().invoke(args=["send-outbox"]).output
    assert "0 messages tried" in app.test_cli_runner().invoke(args=["send-outbox"]).output


def test_the_worker_sends_tidies_and_stops_when_told(fresh_app, fresh_database, tmp_path):
    with fresh_app.app_context(), transaction():
        send_sms(key="k", to="13800138000", body="码 123456")
        db.session.add(Throttle(key="old", window_starts_at=NOW.replace(year=2020), hits=1))
    environment = {
        **os.environ,
        "DATABASE_URL": fresh_database.app_url,
        "INSTANCE_PATH": str(tmp_path),
        "FIELD_KEYS": "1:" + (b"f" * 32).hex(),
        "HASH_KEY": (b"h" * 32).hex(),
        "SECRET_KEY": "tests-only",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "worker"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        for _wait in range(100):
            with fresh_app.app_context():
                if db.session.scalars(select(OutboxItem.sent_at)).one() is not None:
                    break
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        output, _none = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, output
    assert re.search("123456", output)
    with fresh_app.app_context():
        assert db.session.scalars(select(OutboxItem.sent_at)).one() is not None
        assert db.session.scalars(select(Throttle)).all() == []
