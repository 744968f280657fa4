"""Two changes at once, and an extension against a rival's hold: exactly one is made.

Each thread has a connection of its own and commits. The last test takes the guards away and must see the room
taken twice: it shows that the others would have noticed.
"""

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import create_engine, select, text

from qiantang_nest.billing.services import issue_due_bills
from qiantang_nest.bookings.queries.change_effects import effect_of
from qiantang_nest.bookings.rules import Area, Ask, OnRefusal, Times
from qiantang_nest.bookings.rules.changes import ChangeKind, Wanted
from qiantang_nest.bookings.services import hold_rooms as holding
from qiantang_nest.bookings.services import taking_rooms as taking
from qiantang_nest.bookings.services.change_booking import answer_change, ask_change
from qiantang_nest.bookings.services.hold_rooms import RoomsGone, hold_rooms
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import Busy, InvalidValue, WrongState
from qiantang_nest.core.invariants import broken_invariants
from qiantang_nest.core.period import Period
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.geography.rules import LatLon
from qiantang_nest.occupancy.models import Lease, LeaseChange, LeaseRoom, RoomTaken
from qiantang_nest.occupancy.services import lease_rooms
from tests import factories as make
from tests.factories import NOW, TODAY
from tests.race.test_hold_rooms_race import OVERLAPS

BEGAN, ENDS = date(2026, 9, 10), date(2027, 3, 10)


def at_once(app: Flask, jobs: list[Callable[[], str]]) -> Counter[str]:
    """Run jobs in threads that start together; what they say, counted."""
    gate = threading.Barrier(len(jobs))
    said: list[str] = []

    def client(job: Callable[[], str]) -> None:
        with app.app_context():
            gate.wait()
            try:
                said.append(job())
            except Exception as error:
                said.append(f"unforeseen {type(error).__name__}: {error}")

    threads = [threading.Thread(target=client, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    return Counter(said)


class Scene:
    """A let room with one person in it, and a rival who wants it from the day the lease ends."""

    def __init__(self) -> None:
        with transaction():
            self.villager, owner = make.make_villager()
            self.manager, enterprise = make.make_employer()
            self.rival, rival = make.make_employer()
            room = make.make_room(make.make_house(owner))
            make.make_listing(room)
            lease = make.make_lease(enterprise, [room], BEGAN, ENDS, notice_days=5)
            lease_room = db.session.execute(
                select(LeaseRoom).where(LeaseRoom.lease_id == lease.id)
            ).scalar_one()
            make.make_stay(make.make_worker(enterprise, is_local=True), lease_room)
            db.session.flush()
            issue_due_bills(lease=lease, today=TODAY, actor=SYSTEM)
            self.lease_id, self.room_id, self.lease_room_id = lease.id, room.id, lease_room.id
            self.rival_id = rival.id

    def digest(self, wanted: Wanted, actor: Actor) -> str:
        lease = db.session.get_one(Lease, self.lease_id)
        found = effect_of(lease, wanted, actor=actor, today=TODAY, now=NOW).digest()
        db.session.rollback()
        return found

    def ask(self, wanted: Wanted, actor: Actor, digest: str) -> str:
        try:
            with transaction():
                change = ask_change(
                    lease=db.session.get_one(Lease, self.lease_id),
                    wanted=wanted,
                    reason="少几个人",
                    shown_digest=digest,
                    actor=actor,
                    today=TODAY,
                    now=NOW,
                )
                return change.state
        except (RoomTaken, WrongState, InvalidValue):  # whoever wanted a later end finds an earlier one made
            return "refused"
        except Busy:
            return "busy"

    def answer(self, digest: str) -> str:
        try:
            with transaction():
                answer_change(
                    change=db.session.execute(select(LeaseChange)).scalar_one(),
                    yes=True,
                    reason="",
                    shown_digest=digest,
                    actor=self.villager,
                    today=TODAY,
                    now=NOW,
                )
        except RoomTaken:
            return "refused"
        return "extended"

    def hold(self) -> str:
        try:
            with transaction():
                hold_rooms(
                    enterprise=db.session.get_one(Enterprise, self.rival_id),
                    ask=Ask(Area(LatLon(30.301, 120.462)), room_ids=(self.room_id,)),
                    period=Period(ENDS, ENDS + timedelta(days=90)),
                    on_refusal=OnRefusal.DROP,
                    worksite=None,
                    request_key=uuid.uuid4(),
                    shown_rent_fen=None,
                    times=Times(),
                    actor=self.rival,
                    now=NOW,
                )
        except RoomsGone:
            return "gone"
        return "held"


def test_two_changes_at_once_and_one_is_made(fresh_app: Flask) -> None:
    """Different days asked by both sides, each by notice: the second sees that the page no longer holds."""
    with fresh_app.app_context():
        scene = Scene()
        jobs = []
        for number in range(8):
            wanted = Wanted(ChangeKind.END, (scene.lease_room_id,), date(2026, 12, 1 + number))
            actor = (scene.manager, scene.villager)[number % 2]
            digest = scene.digest(wanted, actor)
            jobs.append(lambda w=wanted, a=actor, d=digest: scene.ask(w, a, d))
    said = at_once(fresh_app, jobs)
    assert said == {"done": 1, "refused": 7}
    with fresh_app.app_context():
        assert broken_invariants(db.session.connection(), now=NOW) == []


def extension(scene: Scene) -> str:
    """An extension is asked; returns the digest the lessor has before him."""
    wanted = Wanted(ChangeKind.EXTEND, (scene.lease_room_id,), ENDS + timedelta(days=60))
    assert scene.ask(wanted, scene.manager, scene.digest(wanted, scene.manager)) == "asked"
    return scene.digest(wanted, scene.villager)


@pytest.mark.parametrize("turn", range(3))
def test_an_extension_and_a_rivals_hold_at_once(fresh_app: Flask, turn: int) -> None:
    with fresh_app.app_context():
        scene = Scene()
        digest = extension(scene)
    said = at_once(fresh_app, [lambda: scene.answer(digest), scene.hold])
    assert said in ({"extended": 1, "gone": 1}, {"refused": 1, "held": 1}), said
    with fresh_app.app_context():
        assert db.session.execute(OVERLAPS).scalar_one() == 0
        assert broken_invariants(db.session.connection(), now=NOW) == []


def test_without_guards_the_room_is_taken_twice(fresh_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: both look before either writes, and nothing keeps them apart."""
    with fresh_app.app_context():
        scene = Scene()
        digest = extension(scene)
    owner = create_engine(fresh_app.extensions["settings"].database_owner_url)
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE room_claim DROP CONSTRAINT room_claim_no_overlap"))
    owner.dispose()
    both_looked = threading.Barrier(2, timeout=30)
    for module in (lease_rooms, holding):
        monkeypatch.setattr(module, "lock_villages", lambda codes: None)
    for module in (lease_rooms, taking):
        monkeypatch.setattr(module, "expire_stale_holds", lambda *, room_ids, now: both_looked.wait())
    said = at_once(fresh_app, [lambda: scene.answer(digest), scene.hold])
    assert said == {"extended": 1, "held": 1}, said
    with fresh_app.app_context():
        assert db.session.execute(OVERLAPS).scalar_one() == 1
