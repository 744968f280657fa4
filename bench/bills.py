"""A month's bills of the whole district: the run with numbers, due days, codes, ledger and audit, batch by
batch, against one bare INSERT … SELECT of bills and lines."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg

from bench import bare
from bench.district import TODAY, District
from bench.holds import Connection
from bench.measure import Result, interleaved
from qiantang_nest.billing.services import run_bills
from qiantang_nest.billing.services.issue_bills import plan_batches
from qiantang_nest.core.actor import SYSTEM
from qiantang_nest.core.db import transaction

UNTIL = TODAY + timedelta(days=30)
TARGET = 3.0

_KEPT = ("bill", "bill_line", "ledger_entry", "audit_event")
_NEW = "SELECT count(*), coalesce(sum(amount_fen), 0) FROM {table} WHERE id > {last}"


@contextmanager
def bills_taken_back(district: District) -> Iterator["TakeBack"]:
    """What is issued inside goes away: bills never change, so only the superuser of this server can do it."""
    with psycopg.connect(district.superuser_url, autocommit=True) as connection:
        yield TakeBack(connection)


class TakeBack:
    """Knows where the tables ended, tells what is new, and takes it back."""

    def __init__(self, connection: Connection) -> None:
        self._sql = connection
        connection.execute("SET session_replication_role = replica")  # no triggers, no foreign keys
        connection.execute("CREATE TEMP TABLE kept_code AS SELECT code FROM remark_code")
        connection.execute("CREATE TEMP TABLE kept_series AS SELECT * FROM number_series")
        self._last = {table: self._one(f"SELECT coalesce(max(id), 0) FROM {table}") for table in _KEPT}

    def _one(self, sql: str) -> int:
        return int(self._sql.execute(sql).fetchall()[0][0])

    def new(self) -> tuple[int, ...]:
        """Bills, their sum, lines, their sum."""
        found: list[int] = []
        for table in ("bill", "bill_line"):
            found += self._sql.execute(_NEW.format(table=table, last=self._last[table])).fetchall()[0]
        return tuple(int(value) for value in found)

    def __call__(self) -> None:
        for table, last in self._last.items():
            self._sql.execute(f"DELETE FROM {table} WHERE id > {last}")
        self._sql.execute(
            "DELETE FROM remark_code AS c WHERE NOT EXISTS (SELECT FROM kept_code AS k WHERE k.code = c.code)"
        )
        self._sql.execute("DELETE FROM number_series")
        self._sql.execute("INSERT INTO number_series SELECT * FROM kept_series")
        self._sql.execute(f"VACUUM {', '.join(_KEPT)}, remark_code, number_series")


def measure_bills(district: District) -> Result:
    """Everything that comes due in the next month."""
    with (
        psycopg.connect(district.app_url, autocommit=True) as connection,
        bills_taken_back(district) as take_back,
        district.app.app_context(),
    ):
        connection.execute("SET statement_timeout = 0")
        seen: set[tuple[int, ...]] = set()

        def run() -> None:
            with transaction():
                batches = plan_batches(until=UNTIL)
            for batch in batches:
                with transaction():
                    run_bills(batch=batch, until=UNTIL, today=TODAY, actor=SYSTEM)

        def issue() -> None:
            connection.execute(bare.BILLS, {"since": TODAY, "until": UNTIL, "today": TODAY})

        def look_and_take_back() -> None:
            seen.add(take_back.new())
            take_back()

        rounds = 5 if district.scale <= 1 else 3
        ours_ms, bare_ms = interleaved(run, issue, rounds=rounds, warm_up=1, after_each=look_and_take_back)
        assert len(seen) == 1, f"both ways issue the same bills: {seen}"
    return Result("bill-run", district.scale, ours_ms, bare_ms, TARGET)
