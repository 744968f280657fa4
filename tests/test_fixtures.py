"""The ground the other tests stand on: isolation, real commits where asked for, no way out."""

import socket
import threading
from typing import Any

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from qiantang_nest.core.db import db, transaction
from tests import factories as make
from tests import promises
from tests.conftest import QueryLog
from tests.run_folder import TestDatabase
from tests.socket_guard import OutsideRefusedError

INSERT = text("INSERT INTO street (code, name, lon, lat) VALUES ('330114999', '试街道', 120.5, 30.3)")
COUNT = text("SELECT count(*) FROM street WHERE code = '330114999'")


@pytest.mark.breaks_invariants("shows that it is noticed")
def test_what_must_never_be_false_is_looked_at_after_a_write(db_session: Any) -> None:
    writes = promises.Writes(db_session.connection())
    promises.assert_kept_after(writes)
    make.make_lease(make.make_enterprise(), [make.make_room()])
    promises.assert_kept_after(writes)
    db_session.execute(text("UPDATE room_claim SET state = 'released'"))
    with pytest.raises(pytest.fail.Exception, match="B6 a lease in force has let its rooms"):
        promises.assert_kept_after(writes)
    with pytest.raises(DBAPIError):
        db_session.execute(text("SELECT 1/0"))
    assert writes.refused()


@pytest.mark.breaks_invariants("shows that it is noticed")
def test_what_must_never_be_false_is_looked_at_in_a_fresh_database(
    fresh_app: Flask, fresh_database: TestDatabase
) -> None:
    with fresh_app.app_context(), transaction():
        make.make_lease(make.make_enterprise(), [make.make_room()])
    promises.assert_kept_in(fresh_database)
    fresh_database.sql("UPDATE room_claim SET state = 'released'")
    with pytest.raises(pytest.fail.Exception, match="B6"):
        promises.assert_kept_in(fresh_database)


@pytest.mark.parametrize("turn", [1, 2])
def test_what_a_test_commits_is_gone_in_the_next(db_session: object, turn: int) -> None:
    with transaction():
        assert db.session.scalar(COUNT) == 0
        db.session.execute(INSERT)
    assert db.session.scalar(COUNT) == 1


def test_a_rolled_back_transaction_leaves_the_earlier_commit(db_session: object) -> None:
    with transaction():
        db.session.execute(INSERT)
    with pytest.raises(DBAPIError), transaction():
        db.session.execute(text("DELETE FROM street WHERE code = '330114999' RETURNING 1/0"))
    assert db.session.scalar(COUNT) == 1


def test_requests_see_the_test_s_rows_in_a_context_of_their_own(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, bool]] = []

    def look(*_args: object) -> None:
        seen.append((db.session.scalar(COUNT), hasattr(g, "left_over")))
        g.left_over = True

    monkeypatch.setitem(app.before_request_funcs, None, [*app.before_request_funcs.get(None, []), look])
    with transaction():
        db.session.execute(INSERT)
    client.get("/healthz")
    client.get("/healthz")
    assert seen == [(1, False), (1, False)]
    assert db.session.scalar(COUNT) == 1


def test_a_fresh_database_is_committed_to_by_threads(fresh_app: Flask, fresh_database: TestDatabase) -> None:
    def insert(code: str) -> None:
        with fresh_app.app_context(), transaction():
            sql = "INSERT INTO street (code, name, lon, lat) VALUES (:code, :code, 120.5, 30.3)"
            db.session.execute(text(sql), {"code": code})

    threads = [threading.Thread(target=insert, args=(f"33011490{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fresh_database.sql("SELECT count(*) FROM street WHERE code LIKE '33011490%'") == "4"


def test_the_application_s_role_may_not_alter_tables(fresh_database: TestDatabase) -> None:
    owners = fresh_database.sql("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert owners == "qiantang_owner"


def test_statements_are_logged(db_session: object, query_log: QueryLog) -> None:
    query_log.clear()
    db.session.scalar(COUNT)
    assert [sql for sql in query_log if sql.startswith("SELECT count")] == [COUNT.text]


def test_no_other_machine_can_be_reached() -> None:
    with socket.socket() as away, pytest.raises(OutsideRefusedError):
        away.connect(("192.0.2.1", 80))
    with socket.socket(type=socket.SOCK_DGRAM) as away, pytest.raises(OutsideRefusedError):
        away.sendto(b"?", ("192.0.2.1", 53))
    with pytest.raises(OutsideRefusedError):
        socket.create_connection(("example.com", 80))
