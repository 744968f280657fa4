"""After every test that wrote: nothing that must never be false is false (tests/invariants.sql)."""

import re
from datetime import datetime
from typing import Any

import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.pool import NullPool

from qiantang_nest.core import clock
from qiantang_nest.core.db import db
from qiantang_nest.core.invariants import broken_invariants, read_checks
from tests.factories import NOW
from tests.run_folder import TestDatabase

MARK = "breaks_invariants"
"""``@pytest.mark.breaks_invariants("why")``: for a test that breaks one on purpose."""

_WRITE = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM|MERGE INTO)\s+(\w+)", re.IGNORECASE)
_ANY_BROKEN = " OR ".join(f"EXISTS (\n{statement}\n)" for statement in read_checks().values())
_WORDS = set(re.findall(r"\w+", _ANY_BROKEN))


class Writes:
    """The tables that a connection has written to."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.tables: set[str] = set()
        self.at = NOW
        """When the last of them was written, as far as the test lets the clock stand."""
        event.listen(connection, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if written := _WRITE.findall(statement):
            self.tables.update(written)
            self.at = clock._frozen.get() or NOW

    def concern_promises(self) -> bool:
        """Whether a check reads one of the tables."""
        return not self.tables.isdisjoint(_WORDS)

    def refused(self) -> bool:
        """Whether the database wants a rollback before it answers again."""
        state = self.connection.connection.dbapi_connection.info.transaction_status
        return bool(state == TransactionStatus.INERROR)


def assert_kept(connection: Connection, now: datetime = NOW) -> None:
    """Fail with the rows of every check that does not hold."""
    # All at once: each check alone would cost a test more than the test itself.
    if connection.execute(text(f"SELECT {_ANY_BROKEN}"), {"now": now}).scalar_one():
        broken = broken_invariants(connection, now=now)
        pytest.fail("\n".join(f"{rule.name}: {', '.join(rule.rows)}" for rule in broken), pytrace=False)


def assert_kept_in(database: TestDatabase) -> None:
    """The same for what was committed to a database of the test's own."""
    with create_engine(database.owner_url, poolclass=NullPool).connect() as connection:
        assert_kept(connection)


def assert_kept_after(writes: Writes) -> None:
    """The same for what was just written on a connection, committed or not; costs nothing if nothing was."""
    if writes.concern_promises():
        if writes.refused():
            db.session.rollback()
        assert_kept(writes.connection, writes.at)


def breaks_on_purpose(request: pytest.FixtureRequest) -> bool:
    mark = request.node.get_closest_marker(MARK)
    assert mark is None or mark.args, f"{MARK} needs the reason"
    return mark is not None
