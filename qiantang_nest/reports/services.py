"""Keeps ``occupancy_day`` in step with the rows. Losing or rebuilding it changes no figure, only its cost."""

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import text

from qiantang_nest.core.db import db, lock_villages
from qiantang_nest.reports.queries.occupancy import days_from_rows, missing_from

KEPT_DAYS = 400
"""A year of trend and a month to spare."""


def refresh_days(*, codes: Sequence[str], today: date, first_day: date | None = None) -> int:
    """Store the days up to yesterday that are missing or no longer agree; returns how many rows were written.

    With ``first_day`` everything from there on is rebuilt. The villages are locked, so that no claim can be
    committed between the reading and the writing unseen.
    """
    lock_villages(codes)
    begin = first_day or today - timedelta(days=KEPT_DAYS)
    from_days = dict.fromkeys(codes, begin) if first_day else missing_from(codes, begin)
    last_day = today - timedelta(days=1)
    binds = {"codes": list(from_days), "from_days": list(from_days.values())}
    # Days before the wanted ones that do not agree either go as well, so that no gap is left.
    db.session.execute(
        text(
            "DELETE FROM occupancy_day AS o"
            " USING unnest(CAST(:codes AS text[]), CAST(:from_days AS date[])) AS s(code, from_day)"
            " LEFT JOIN occupancy_dirty AS d ON d.village_code = s.code"
            " WHERE o.village_code = s.code AND (o.day >= s.from_day OR d.from_day < s.from_day)"
        ),
        binds,
    )
    db.session.execute(text("DELETE FROM occupancy_dirty WHERE village_code = ANY(:codes)"), binds)
    written = 0
    for begin_day in sorted(set(from_days.values())):
        rows = days_from_rows([c for c, d in from_days.items() if d == begin_day], begin_day, last_day)
        if rows:
            db.session.execute(
                text(
                    "INSERT INTO occupancy_day"
                    " (village_code, day, listed, let, market, occupied, beds, heads)"
                    " VALUES (:village_code, :day, :listed, :let, :market, :occupied, :beds, :heads)"
                ),
                rows,
            )
        written += len(rows)
    return written
