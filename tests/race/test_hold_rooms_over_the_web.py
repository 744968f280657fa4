"""The last rooms through the real web server: sixty-four people of four employers press at the same moment.

Twenty times in a row a few rooms come on the market. Everybody has the real form before them, with its token
and a key of its own, and sends it; whoever reads «busy, try again» does. The second test takes lock and
constraint out of the database and must see rooms sold twice: it shows that the first one would have noticed.
"""

import http.client
import re
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from flask import Flask
from sqlalchemy import select

from qiantang_nest.accounts.models import RoleGrant, User
from qiantang_nest.accounts.services import start_session
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction
from tests import factories as make
from tests.factories import NOW, VILLAGE
from tests.live_server import LiveServer, serving
from tests.race.test_hold_rooms_race import held_rooms
from tests.run_folder import TestDatabase

CLIENTS, EMPLOYERS, ROUNDS, ROOMS_A_ROUND = 64, 4, 20, 6
ADDRESS = "/rooms/hold?" + urlencode(
    {"starts_on": "2026-12-01", "last_on": "2027-05-31", "area": VILLAGE, "count": "1", "count_of": "rooms"}
)
SAID = {303: "held", 409: "gone", 503: "busy"}


@dataclass
class Client:
    """Somebody signed in who has the form before them."""

    server: LiveServer
    cookie: str
    token: str = ""
    rent_fen: str = ""

    def ask(self, method: str, data: dict[str, str] | None = None) -> tuple[int, str]:
        """One request on a connection of its own; status and page."""
        headers = {"Cookie": self.cookie}
        if data is not None:
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": self.server.url,
                "Referer": self.server.url + ADDRESS,
            }
        with closing(http.client.HTTPConnection(urlsplit(self.server.url).netloc, timeout=60)) as wire:
            wire.request(method, ADDRESS, urlencode(data) if data else None, headers)
            answer = wire.getresponse()
            page = answer.read().decode()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie" and value.startswith("qiantang="):
                    self.cookie = value.partition(";")[0]
        return answer.status, page

    def open_form(self) -> None:
        status, page = self.ask("GET")
        assert status == 200, page
        self.token, self.rent_fen = (
            found[1]
            for name in ("csrf_token", "shown_rent_fen")
            if (found := re.search(rf'name="{name}"[^>]*value="([^"]+)"', page))
        )

    def send(self) -> str:
        """Press; whoever is told to try again in a moment does, with the same form."""
        form = {
            "csrf_token": self.token,
            "request_key": str(uuid.uuid4()),
            "shown_rent_fen": self.rent_fen,
            "on_refusal": "drop",
        }
        for _time in range(20):
            status, page = self.ask("POST", form)
            if status != 503:
                return SAID.get(status, f"{status}: {page}")
        return "busy"


def new_rooms(count: int) -> None:
    with transaction():
        house = make.make_house()
        for _room in range(count):
            make.make_listing(make.make_room(house))


def people(server: LiveServer) -> list[Client]:
    """Managers of several employers, all with sessions."""
    signer = server.app.session_interface.get_signing_serializer(server.app)  # type: ignore[attr-defined]
    clients = []
    with transaction():
        firms = [make.make_enterprise() for _firm in range(EMPLOYERS)]
        for number in range(CLIENTS):
            actor, _firm = make.make_employer(firms[number % EMPLOYERS])
            clients.append(Client(server, f"qiantang={signer.dumps({'_user_id': session_of(actor)})}"))
    return clients


def session_of(actor: Actor) -> str:
    grant = db.session.scalars(select(RoleGrant).where(RoleGrant.user_id == actor.user_id)).one()
    user = db.session.get_one(User, actor.user_id)
    return start_session(user=user, grant=grant, address="test", agent="test", now=NOW)


def press_at_once(clients: list[Client]) -> Counter[str]:
    """Everybody sends the form at the same moment; what they are told, counted."""
    gate = threading.Barrier(len(clients))
    said: list[str] = []

    def press(client: Client) -> None:
        gate.wait()
        try:
            said.append(client.send())
        except Exception as error:
            said.append(f"unforeseen {type(error).__name__}: {error}")

    threads = [threading.Thread(target=press, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads)
    return Counter(said)


@contextmanager
def at_the_last_rooms(app: Flask, database: TestDatabase, folder: Path) -> Iterator[list[Client]]:
    """The server as in production, and everybody with the form of the first rooms open."""
    with (
        app.app_context(),
        serving(
            app, database, folder, processes=2, threads=8, variables={"CLOCK_START": NOW.isoformat()}
        ) as server,
    ):
        new_rooms(ROOMS_A_ROUND)
        clients = people(server)
        for client in clients:
            client.open_form()
        yield clients


def test_the_last_rooms_go_once_each_and_all_of_them(
    fresh_app: Flask, fresh_database: TestDatabase, tmp_path: Path
) -> None:
    with at_the_last_rooms(fresh_app, fresh_database, tmp_path) as clients:
        for number in range(1, ROUNDS + 1):
            said = press_at_once(clients)
            assert said == {"held": ROOMS_A_ROUND, "gone": CLIENTS - ROOMS_A_ROUND}, said
            sold = number * ROOMS_A_ROUND
            assert held_rooms() == (sold, sold, 0)
            new_rooms(ROOMS_A_ROUND)
    fought = fresh_database.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert fought.strip() == "0"
    assert "Traceback" not in (tmp_path / "gunicorn.log").read_text()


LOCKS_OFF = """
    ALTER TABLE room_claim DROP CONSTRAINT room_claim_no_overlap;
    CREATE SCHEMA no_lock;
    CREATE FUNCTION no_lock.pg_advisory_xact_lock(bigint) RETURNS void LANGUAGE sql AS 'SELECT';
    GRANT USAGE ON SCHEMA no_lock TO PUBLIC;
    DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET search_path = no_lock, public, pg_catalog', current_database());
    END $$
"""
"""For this test's own database: its lock locks nothing, and a room may be taken twice."""


@pytest.mark.breaks_invariants("shows what the guards are for")
def test_without_guards_the_last_rooms_are_sold_twice(
    fresh_app: Flask, fresh_database: TestDatabase, tmp_path: Path
) -> None:
    fresh_database.sql(LOCKS_OFF)
    with at_the_last_rooms(fresh_app, fresh_database, tmp_path) as clients:
        for _round in range(ROUNDS):
            press_at_once(clients)
            if held_rooms()[2]:
                break
            new_rooms(ROOMS_A_ROUND)
        assert held_rooms()[2] > 0
