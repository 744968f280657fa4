"""COPY into tables, with ids taken beforehand so that rows can refer to each other."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from sqlalchemy import text

from qiantang_nest.core.db import db

_BLOCK = 5000


class Loader:
    """Bulk loads in the caller's transaction."""

    def __init__(self) -> None:
        self._blocks: dict[str, range] = {}

    def ids(self, table: str, count: int) -> range:
        """``count`` consecutive fresh ids of a table whose key is ``id``."""
        block = self._blocks.get(table, range(0))
        if len(block) < count:
            block = self._take(table, max(count, _BLOCK))
        self._blocks[table] = block[count:]
        return block[:count]

    def id(self, table: str) -> int:
        """One fresh id."""
        return self.ids(table, 1)[0]

    def _take(self, table: str, count: int) -> range:
        first, last = db.session.execute(
            text(
                "SELECT min(id), max(id) FROM (SELECT nextval(pg_get_serial_sequence(:table, 'id')) AS id"
                " FROM generate_series(1, :count)) AS taken"
            ),
            {"table": table, "count": count},
        ).one()
        # Somebody else took some in between: their ids are not ours, so take a block again.
        return range(first, last + 1) if last - first + 1 == count else self._take(table, count)

    def copy(self, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
        """Load rows whose values stand in the order of ``columns`` (comma-separated)."""
        cursor = cast(Any, db.session.connection().connection.driver_connection).cursor()
        with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.close()
