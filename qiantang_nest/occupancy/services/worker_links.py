"""Personal links of workers: made on demand, one good at a time, void with a new one or by hand.

Whether a stay still runs is asked when the page is opened (``queries.worker_pages``); nothing has to end it.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.occupancy.models import Stay, WorkerLink

TOKEN_BYTES = 18
"""144 bits: 24 characters, still a QR code that a cheap phone reads from paper."""


def give_links(*, stays: Sequence[Stay], actor: Actor) -> int:
    """Make a link for each worker who has none; returns how many are new."""
    workers = {stay.worker_id for stay in stays}
    have = set(
        db.session.execute(
            select(WorkerLink.worker_id).where(
                WorkerLink.worker_id.in_(workers), WorkerLink.revoked_at.is_(None)
            )
        ).scalars()
    )
    fresh = sorted(workers - have)
    for worker_id in fresh:
        _make(worker_id, actor)
    db.session.flush()
    return len(fresh)


def renew_link(*, stay: Stay, actor: Actor, now: datetime) -> None:
    """Make the worker's link void and a new one: a slip was lost, or somebody else has seen it."""
    revoke_link(stay=stay, actor=actor, now=now)
    _make(stay.worker_id, actor)
    db.session.flush()


def revoke_link(*, stay: Stay, actor: Actor, now: datetime) -> None:
    """Make the worker's link void; without one nothing happens."""
    voided = db.session.execute(
        update(WorkerLink)
        .where(WorkerLink.worker_id == stay.worker_id, WorkerLink.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(WorkerLink.id)
    ).scalar_one_or_none()
    if voided is not None:
        _record(stay.worker_id, "occupancy.revoke_link", actor)


def _make(worker_id: int, actor: Actor) -> None:
    db.session.add(
        WorkerLink(worker_id=worker_id, token=secrets.token_urlsafe(TOKEN_BYTES), created_by=actor.user_id)
    )
    _record(worker_id, "occupancy.give_link", actor)


def _record(worker_id: int, action: str, actor: Actor) -> None:
    audit.record(actor=actor, action=action, entity="worker", entity_id=worker_id, changes={})
