"""A search by minutes is answered from indexes: its statements look at what lies within reach, no more."""

from collections import Counter
from datetime import timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, event, text

from qiantang_nest.core import clock
from qiantang_nest.core.db import db
from qiantang_nest.geography.rules import TravelMode
from tests import factories
from tests.bookings.test_search_by_minutes import DATES, GATE, minutes_said, place
from tests.conftest import sign_in
from tests.factories import NOW, OTHER_STREET_VILLAGE, TODAY, VILLAGE
from tests.run_folder import TestDatabase

WITHIN_REACH = 100


def test_pages_read_as_much_however_large_the_district_is(
    fresh_app: Flask, fresh_database: TestDatabase
) -> None:
    """A hundred houses within reach, then ten times as many beyond, then a hundred times."""
    with fresh_app.app_context(), clock.frozen_at(NOW):
        employer, enterprise = factories.make_employer()
        place(factories.make_village(VILLAGE), 0)
        place(factories.make_village(OTHER_STREET_VILLAGE), 25_000)
        gate = factories.make_worksite(enterprise, lat=GATE.lat, lon=GATE.lon)
        factories.make_stop(gate, lat=GATE.lat, lon=GATE.lon, ride_minutes=1)
        build(factories.make_owner(VILLAGE), range(WITHIN_REACH))
        beyond = factories.make_owner(OTHER_STREET_VILLAGE)
        client = sign_in(fresh_app.test_client(), employer)
        build(beyond, range(20_000, 21_000))
        look_over(fresh_database)
        small = {mode: rows_read(client, mode) for mode in TravelMode}
        build(beyond, range(21_000, 30_000))
        look_over(fresh_database)
        for mode in TravelMode:
            large = rows_read(client, mode)
            assert large.keys() == {"house", "room", "listing"}
            for table, rows in large.items():
                assert rows <= 2 * WITHIN_REACH, f"{mode}: {table}, once for the list and once to count"
                assert rows <= 1.2 * small[mode][table], f"{mode}: {table}"


def build(owner: Any, metres: range) -> None:
    """Pinned houses with an offered room each, one at each of so many metres north of the gate."""
    db.session.execute(
        text(
            """
            WITH built AS (
                INSERT INTO house
                    (owner_id, village_code, address, floors, lat, lon, geo_precision, safe_until)
                SELECT :owner, :village, metre || '号', 2, :lat + metre / 111200.0, :lon, 'house', :until
                FROM generate_series(CAST(:first AS int), :last) AS metre RETURNING id
            ), papers AS (
                INSERT INTO house_document (house_id, kind, number)
                SELECT id, 'permit', '建-' || id FROM built
            ), rooms AS (
                INSERT INTO room (house_id, village_code, label, floor, usable_m2, capacity, beds)
                SELECT id, :village, '甲', 1, 12, 2, 2 FROM built RETURNING id
            )
            INSERT INTO listing (room_id, rent_fen, starts_on, ends_on, state)
            SELECT id, 60000, :since, :until, 'approved' FROM rooms
            """
        ),
        {
            "owner": owner.id,
            "village": owner.village_code,
            "lat": GATE.lat,
            "lon": GATE.lon,
            "first": metres[0],
            "last": metres[-1],
            "since": TODAY,
            "until": TODAY + timedelta(days=700),
        },
    )
    db.session.commit()


def look_over(database: TestDatabase) -> None:
    """As autovacuum would some time after so many rows came."""
    engine = create_engine(database.owner_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()


def rows_read(client: FlaskClient, mode: TravelMode) -> Counter[str]:
    """Table → rows that the page's statements looked at, by what the database says of each."""
    engine = db.engine
    sent: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if "FROM house" in statement:
            sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    answer = client.get("/rooms", query_string={**DATES, "within": "15", "unit": mode.value})
    event.remove(engine, "before_cursor_execute", note)
    shown = answer.get_data(as_text=True)
    assert len(minutes_said(shown)) == 20
    assert "再看 20 间" in shown
    read: Counter[str] = Counter()
    for statement, parameters in sent:
        explained = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}"
        nodes = [db.session.connection().exec_driver_sql(explained, parameters).scalar_one()[0]["Plan"]]
        while nodes:
            node = nodes.pop()
            nodes += node.get("Plans", [])
            table = node.get("Relation Name")
            if table in {"house", "room", "listing"}:
                assert node["Node Type"] != "Seq Scan", f"{table} is read from end to end"
                lost = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
                read[table] += round(node["Actual Loops"] * (node["Actual Rows"] + lost))
    return read
