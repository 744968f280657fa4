"""The one transaction: whole or absent, never nested, refusals translated."""

import threading
from contextlib import suppress
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from qiantang_nest.core.db import array_literal, db, lock_villages, transaction
from qiantang_nest.core.errors import Busy
from qiantang_nest.occupancy.models import RoomClaim, RoomTaken
from tests.factories import TODAY, VILLAGE, make_claim, make_room, make_village


def claims() -> int:
    return db.session.execute(select(func.count(RoomClaim.id))).scalar_one()


def test_it_commits_whole_or_not_at_all(db_session):
    room = make_room()
    db_session.commit()
    with suppress(ZeroDivisionError), transaction():
        make_claim(room, TODAY, TODAY + timedelta(days=1))
        raise ZeroDivisionError
    assert claims() == 0
    with transaction():
        make_claim(room, TODAY, TODAY + timedelta(days=1))
    db_session.rollback()
    assert claims() == 1


def test_it_does_not_nest(db_session):
    with transaction(), pytest.raises(RuntimeError, match="does not nest"), transaction():
        pass


def test_a_named_constraint_becomes_its_refusal(db_session):
    room = make_room()
    make_claim(room, date(2026, 12, 1), date(2026, 12, 31))
    db_session.commit()
    with pytest.raises(RoomTaken, match="手慢了"), transaction():
        make_claim(room, date(2026, 12, 30), date(2027, 1, 5))
    with transaction():
        make_claim(room, date(2026, 12, 31), date(2027, 1, 5))


def test_an_unnamed_refusal_stays_a_bug(db_session):
    with pytest.raises(IntegrityError), transaction():
        make_room(usable_m2=0)


def test_a_lock_somebody_holds_is_busy_after_three_seconds(fresh_app):
    with fresh_app.app_context():
        make_village()
        db.session.commit()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with fresh_app.app_context(), transaction():
            lock_villages([VILLAGE])
            held.set()
            done.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(10)
        with fresh_app.app_context(), pytest.raises(Busy, match="请过几秒再试"), transaction():
            lock_villages([VILLAGE])
    finally:
        done.set()
        holder.join(10)


def test_locks_are_taken_in_ascending_order(db_session):
    codes = ["330114004203", "330114003202", "330114003201"]
    lock_villages(codes)
    held = db_session.execute(
        text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            " AND (classid::bigint << 32) + objid::bigint = ANY(:keys)"
        ),
        {"keys": [int(code) for code in codes]},
    ).scalar_one()
    assert held == 3


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, -2, 3_000_000_000], "bigint"),
        (["330114003201", "hold:7:12"], "text"),
        (["a4b8f2c0-0000-4000-8000-00000000000f"], "uuid"),
        ([True, False], "boolean"),
        (["", "a b", "a,b", '"', "{", "}", "\\", "NULL,1", "空", " a ", "a\nb"], "text"),
        *[(["fine", odd], "text") for odd in ("", "null", "NULL", "-", ",", "\\", '\\"')],
        ([""], "text"),
        ([], "bigint"),
    ],
)
def test_an_array_literal_arrives_as_it_was(db_session, values, kind):
    asked = text(
        f"SELECT x::text FROM unnest(CAST(:values AS {kind}[])) WITH ORDINALITY AS t (x, n) ORDER BY n"
    )
    found = db_session.execute(asked, {"values": array_literal(values)}).scalars()
    spelled = [str(value).lower() if kind == "boolean" else str(value) for value in values]
    assert found.all() == spelled
