"""What must never be false, as one SQL a rule: each returns the rows that break it, so none is good.

The rules stand in ``tests/invariants.sql``, which ships with the source; tests that write run them too.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, text

FILE = Path(__file__).resolve().parents[2] / "tests" / "invariants.sql"
_NAME = re.compile(r"^-- name: (?P<name>.+)$", re.MULTILINE)
SHOWN_ROWS = 10


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that does not hold, and the first rows that break it."""

    name: str
    rows: tuple[str, ...]


def read_checks(file: Path = FILE) -> dict[str, str]:
    """The checks of a file: name → SELECT. Each starts with ``-- name: L4 …`` and ends with a semicolon.

    Raises:
        ValueError: two checks have one name, or one has no statement.
    """
    parts = _NAME.split(file.read_text(encoding="utf-8"))
    checks: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        statement = body.partition(";")[0].strip()
        if name in checks or not statement:
            raise ValueError(f"{file.name}: {name!r} stands twice or has no statement")
        checks[name] = statement
    return checks


def broken_invariants(connection: Connection, *, now: datetime) -> list[Broken]:
    """The rules that do not hold at ``now``, as the connection sees it; reads only."""
    found = []
    for name, statement in read_checks().items():
        rows = connection.execute(text(statement), {"now": now}).fetchmany(SHOWN_ROWS)
        if rows:
            found.append(Broken(name, tuple(str(tuple(row)) for row in rows)))
    return found
