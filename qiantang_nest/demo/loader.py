"""COPY into tables, with ids given out beforehand so that rows can refer to each other."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from sqlalchemy import text

from qiantang_nest.core.db import db



class Loader:
    """One transaction's bulk loads; close it with ``finish`` so that the id sequences follow."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def ids(self, table: str, count: int) -> range:
        """``count`` fresh ids of a table whose key is ``id``."""
        if table not in self._next:
            top = db.session.execute(text(f"SELECT coalesce(max(id), 0) FROM {table}")).scalar_one()
            self._next[table] = top + 1
        first = self._next[table]
        self._next[table] = first + count
        return range(first, first + count)

    def id(self, table: str) -> int:
        """One fresh id."""
        return self.ids(table, 1)[0]

    def copy(self, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
        """Load rows whose values stand in the order of ``columns`` (comma-separated)."""
        cursor = cast(Any, db.session.connection().connection.driver_connection).cursor()
        with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.close()

    def finish(self) -> None:
        """Let the sequences go on after the highest id given out."""
        for table, following in self._next.items():
            db.session.execute(
                text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :last)"),
                {"table": table, "last": max(following - 1, 1)},
            )
