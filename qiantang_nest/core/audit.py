"""One row per state change, in the same transaction as the change; never updated or deleted (trigger).

Values are what an auditor needs to follow the change, without personal data: ids, states, sums, dates.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import func

from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import Base, db


class AuditEvent(Base):
    """Who did what to which row, for whom, and what changed."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_entity", "entity", "entity_id"),
        Index("ix_audit_event_actor_user_id_at", "actor_user_id", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor_user_id: Mapped[int | None]
    actor_role: Mapped[str]
    actor_scope: Mapped[str]
    on_behalf_of: Mapped[int | None]
    """The owner for whom a clerk acted as proxy."""
    action: Mapped[str]
    entity: Mapped[str]
    entity_id: Mapped[int]
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    request_id: Mapped[str]


def record(
    *,
    actor: Actor,
    action: str,
    entity: str,
    entity_id: int,
    changes: Mapping[str, Any] | None = None,
    on_behalf_of: int | None = None,
) -> None:
    """Add the audit row of one change.

    ``action`` is ``package.verb`` (``bookings.hold_rooms``), ``entity`` a table name, ``changes`` what was
    set (JSON-ready, no personal data). ``on_behalf_of`` names the owner a clerk acted for.
    """
    db.session.add(
        AuditEvent(
            actor_user_id=actor.user_id,
            actor_role=actor.role,
            actor_scope=actor.scope,
            on_behalf_of=on_behalf_of,
            action=action,
            entity=entity,
            entity_id=entity_id,
            changes=dict(changes or {}),
            request_id=actor.request_id,
        )
    )
