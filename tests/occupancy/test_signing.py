"""Signing as a service: two sides in the same moment, a house found dangerous in between."""

import re
import threading
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import NotAllowed, WrongState
from qiantang_nest.housing.models import House
from qiantang_nest.notifications.models import OutboxItem
from qiantang_nest.occupancy.models import Lease, LeaseSignature
from qiantang_nest.occupancy.services.signing import request_code, side_of, sign_lease
from tests import factories
from tests.factories import NOW, TODAY


def drafted() -> tuple[int, Actor, Actor]:
    """A lease nobody has signed, its household and its employer."""
    villager, owner = factories.make_villager()
    employer, enterprise = factories.make_employer()
    room = factories.make_room(factories.make_house(owner))
    lease = factories.make_lease(enterprise, [room], date(2026, 12, 1), state="drafted", signed_on=None)
    return lease.id, villager, employer


def code_for(lease_id: int, actor: Actor) -> str:
    """Ask for a code and read it in the outbox."""
    request_code(lease=db.session.get_one(Lease, lease_id), actor=actor, now=NOW)
    db.session.flush()
    newest = select(OutboxItem).where(OutboxItem.key.startswith("code:")).order_by(OutboxItem.id.desc())
    found = re.search(r"\d{6}", db.session.execute(newest.limit(1)).scalar_one().body)
    assert found
    return found[0]


def sign(lease_id: int, actor: Actor, code: str) -> None:
    lease = db.session.get_one(Lease, lease_id)
    sign_lease(
        lease=lease, shown_sha256=lease.document_sha256 or "", code=code, actor=actor, now=NOW, today=TODAY
    )


def test_both_sides_in_the_same_moment_make_it_valid(fresh_app: Flask) -> None:
    with fresh_app.app_context(), transaction():
        lease_id, villager, employer = drafted()
    with fresh_app.app_context(), transaction():
        codes = {actor.user_id: code_for(lease_id, actor) for actor in (villager, employer)}
    failed: list[Exception] = []

    def the_other_side() -> None:
        try:
            with fresh_app.app_context(), transaction():
                sign(lease_id, employer, codes[employer.user_id])
        except Exception as error:
            failed.append(error)

    other = threading.Thread(target=the_other_side)
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with fresh_app.app_context():
        with transaction():
            sign(lease_id, villager, codes[villager.user_id])
            other.start()
            for _look in range(200):
                if db.session.execute(waiting).scalar_one() or not other.is_alive():
                    break
                other.join(0.01)
        other.join(10)
        assert failed == []
        db.session.expire_all()
        assert db.session.execute(select(func.count(LeaseSignature.id))).scalar_one() == 2
        assert db.session.get_one(Lease, lease_id).state == "signed"


def test_a_lease_of_a_dangerous_house_is_not_signed(db_session: Any) -> None:
    lease_id, villager, employer = drafted()
    code = code_for(lease_id, villager)
    db.session.execute(select(House)).scalars().one().dangerous_since = TODAY
    with pytest.raises(WrongState, match="危房"):
        sign(lease_id, villager, code)
    with pytest.raises(WrongState, match="危房"):
        request_code(lease=db.session.get_one(Lease, lease_id), actor=employer, now=NOW)


@pytest.mark.parametrize("role", [Role.EMPLOYER_STAFF, Role.STREET_OFFICER, Role.DISTRICT_OFFICER])
def test_whoever_is_no_party_has_no_side(role: Role) -> None:
    with pytest.raises(NotAllowed):
        side_of(Actor(user_id=1, role=role.value, scope="1"))
