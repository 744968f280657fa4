"""Sixteen clients want ten rooms each, again and again, until the last five hundred of a street are gone."""

import http.client
import re
import statistics
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import psycopg

from bench import bare
from bench.district import District
from bench.holds import PERIOD, Connection, Undo, binds, first_gate, take, villages_with
from bench.measure import Result
from bench.people import person
from bench.web import serving
from qiantang_nest.accounts.rules import Role
from qiantang_nest.geography.rules import LatLon

CLIENTS, BLOCK, LEFT, ROUNDS = 16, 10, 500, 7
TARGET = 2.0

Said = Counter[str]

_CLOSE_THE_REST = f"""
INSERT INTO room_claim (room_id, village_code, starts_on, ends_on, state, reason)
SELECT r.id, r.village_code, %(starts_on)s, %(ends_on)s, 'closed', 'bench'
FROM room AS r JOIN house AS h ON h.id = r.house_id JOIN listing AS l ON l.room_id = r.id
WHERE r.village_code = ANY(%(villages)s) AND {bare.TAKEABLE}
ORDER BY r.id OFFSET {LEFT}
"""

_OVERLAPS = """
SELECT count(*) FROM room_claim AS a JOIN room_claim AS b ON b.room_id = a.room_id AND b.id > a.id
WHERE a.id > %(last)s AND a.state <> 'released' AND b.state <> 'released'
  AND a.starts_on < b.ends_on AND b.starts_on < a.ends_on
"""


def measure_race(district: District) -> tuple[Result, dict[str, Any]]:
    """The result, and what was said and sold: every round has to sell all and refuse for two reasons only."""
    with psycopg.connect(district.owner_url, autocommit=True) as owner, serving(district) as server:
        everything_back = Undo(owner)
        villages = villages_with(owner, LEFT)
        _firm, gate = first_gate(owner)
        owner.execute(_CLOSE_THE_REST, {**binds(), "villages": villages})
        undo = Undo(owner)
        last = owner.execute("SELECT max(id) FROM room_claim").fetchall()[0][0]
        browsers = [_Browser(district, owner, server.port, villages, at) for at in range(CLIENTS)]
        bare_clients = [psycopg.connect(district.app_url, autocommit=True) for _client in range(CLIENTS)]
        times: dict[str, list[float]] = {"ours": [], "bare": []}
        said: Said = Counter()
        sold: list[int] = []
        for _round in range(-1, ROUNDS):
            for way in ("ours", "bare"):
                if way == "ours":
                    took, heard = _at_once([browser.buy_all for browser in browsers])
                else:
                    took, heard = _at_once([_bare_client(one, villages, gate) for one in bare_clients])
                rooms = owner.execute("SELECT count(*) FROM room_claim WHERE id > %s", [last]).fetchall()[0][
                    0
                ]
                overlaps = owner.execute(_OVERLAPS, {"last": last}).fetchall()[0][0]
                assert overlaps == 0, "a room was sold twice"
                if way == "ours":
                    said += heard
                    sold.append(rooms)
                undo()
                if _round >= 0:
                    times[way].append(took)
        for client in bare_clients:
            client.close()
        everything_back()
        owner.execute("VACUUM room_claim")
    ours_ms, bare_ms = (statistics.median(times[way]) * 1000 for way in ("ours", "bare"))
    report = {
        "scale": district.scale,
        "rooms_left": LEFT,
        "sold_each_round": sold,
        "answers": dict(said),
        "good": set(sold) == {LEFT} and set(said) <= {"held", "gone", "busy"},
    }
    return Result("race", district.scale, ours_ms, bare_ms, TARGET), report


def _at_once(clients: list[Callable[[], Said]]) -> tuple[float, Said]:
    """Let all begin together; returns seconds until the last is through, and what all of them heard."""
    gate = threading.Barrier(len(clients) + 1)
    heard: list[Said] = []

    def run(client: Callable[[], Said]) -> None:
        gate.wait()
        heard.append(client())

    threads = [threading.Thread(target=run, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    gate.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    assert len(heard) == len(clients), "a client died"
    return took, sum(heard, Counter())


def _bare_client(connection: Connection, villages: list[str], gate: LatLon) -> Callable[[], Said]:
    def buy_all() -> Said:
        while take(connection, villages, gate, BLOCK) == BLOCK:
            pass
        return Counter()

    return buy_all


class _Browser:
    """One employer's browser with the form before it, as a person has it who is about to press the button."""

    def __init__(
        self, district: District, owner: Connection, port: int, villages: list[str], number: int
    ) -> None:
        rows = owner.execute("SELECT id FROM enterprise ORDER BY id").fetchall()
        self._cookie = person(district.app, Role.EMPLOYER_STAFF, str(rows[number % len(rows)][0])).cookie
        assert PERIOD.ends_on is not None
        asked = {
            "starts_on": PERIOD.starts_on,
            "last_on": PERIOD.ends_on - timedelta(days=1),
            "village": villages,
            "count": BLOCK,
            "count_of": "rooms",
        }
        self._path = "/rooms/hold?" + urlencode(asked, doseq=True)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.request("GET", self._path, headers={"Cookie": self._cookie})
        answer = self._connection.getresponse()
        page = answer.read().decode()
        assert answer.status == 200, page[:2000]
        self._cookie = answer.headers["Set-Cookie"].split(";")[0]
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token is not None
        self._token = token[1]

    def buy_all(self) -> Said:
        """Press the button until nothing is left."""
        self._connection.close()  # the server has long closed it; the next request opens another
        said: Said = Counter()
        while not said["gone"] and len(said) < 4:
            said[self._buy()] += 1
        return said

    def _buy(self) -> str:
        body = urlencode({"csrf_token": self._token, "request_key": str(uuid.uuid4()), "on_refusal": "drop"})
        headers = {"Cookie": self._cookie, "Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", self._path, body, headers)
        answer = self._connection.getresponse()
        answer.read()
        words = {303: "held", 409: "gone", 503: "busy"}
        return words.get(answer.status, f"status {answer.status}")
