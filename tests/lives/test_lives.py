"""Many lives of a small district (``life.py``), and that they notice when a guard is off."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from qiantang_nest.billing.services import payments
from qiantang_nest.bookings.services import answer_hold, hold_rooms, lengthen_hold, taking_rooms
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import DomainError
from qiantang_nest.occupancy.services import closing, lease_rooms
from tests.lives.life import Life
from tests.lives.seen import QUESTION
from tests.lives.world import World, build
from tests.run_folder import TestDatabase

LIVES = int(os.environ.get("LIVES", "200"))
SEED = int(os.environ.get("LIVES_SEED", "1"))
LIVES_A_PART = 10
"""Parts spread over the processes of the run; with more in one, Hypothesis tells most lives twice."""
STEPS = 50
PARTS = range(SEED * 100_000, SEED * 100_000 + -(-LIVES // LIVES_A_PART))


@pytest.fixture
def stage(fresh_app: Flask, fresh_database: TestDatabase) -> Iterator[None]:
    """As ``db_session``, in a database of its own that knows the question asked after each step."""
    fresh_database.sql(QUESTION)
    with fresh_app.app_context():
        engine = db.engines[None]
        with engine.connect() as connection:
            outer = connection.begin()
            db.engines[None] = connection
            yield
            db.session.remove()
            db.engines[None] = engine
            outer.rollback()


def play(world: World, number: int, *phases: Phase) -> None:
    """Play some lives in a district; the same number plays the same ones."""
    run_state_machine_as_test(
        seed(number)(type("DistrictLife", (Life,), {"world": world})),
        settings=settings(
            max_examples=LIVES_A_PART,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        ),
    )


@pytest.mark.parametrize("part", PARTS)
def test_nothing_is_lost_and_nothing_is_given_twice(stage: None, part: int) -> None:
    play(build(), part, Phase.generate, Phase.shrink)


# --- would it have been noticed? ----------------------------------------------------------------------------


def play_all() -> None:
    """As many lives as above, without looking for the shortest that shows a fault."""
    world = build()
    for part in PARTS:
        play(world, part, Phase.generate)


def nothing(**_given: Any) -> int:
    return 0


def expired_holds_block(patch: pytest.MonkeyPatch) -> None:
    """The guard cannot read a clock: whoever takes a room releases what has expired, or should."""
    for module in (taking_rooms, closing, lease_rooms):
        patch.setattr(module, "expire_stale_holds", nothing)


def refused_rooms_stay_held(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(answer_hold, "release_claims", nothing)


def lengthening_forgets_the_rooms(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lengthen_hold, "hold_claims_until", nothing)


def whoever_waits_is_overtaken(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(hold_rooms, "serve_waiting", nothing)


def what_is_reversed_still_settles(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(payments, "take_back", nothing)


GUARDS_OFF = {
    expired_holds_block: "手慢了",
    refused_rooms_stay_held: "B6 what was refused",
    lengthening_forgets_the_rooms: "B3 a hold that counts",
    whoever_waits_is_overtaken: "nobody was told",
    what_is_reversed_still_settles: "L6 what is paid on a bill",
}
"""A guard that is off → what is said when a life comes upon it."""
FOUND = (AssertionError, DomainError, pytest.fail.Exception)


@pytest.mark.parametrize("guard_off", GUARDS_OFF, ids=lambda guard: guard.__name__)
def test_a_guard_that_is_off_is_noticed(
    stage: None, monkeypatch: pytest.MonkeyPatch, guard_off: Callable[[pytest.MonkeyPatch], None]
) -> None:
    guard_off(monkeypatch)
    with pytest.raises(FOUND, match=GUARDS_OFF[guard_off]):
        play_all()


def test_a_room_taken_twice_is_noticed(
    stage: None, fresh_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in the database forbids it, and two services do not look."""
    fresh_database.sql("ALTER TABLE room_claim DROP CONSTRAINT room_claim_no_overlap")
    monkeypatch.setattr(closing, "_refuse_overlap", lambda *_given: None)
    monkeypatch.setattr(lease_rooms, "refuse_if_taken", lambda *_given, **_more: None)
    with pytest.raises(FOUND, match="B1 a room has one taker"):
        play_all()
