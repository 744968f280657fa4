"""Outbox rows, written in the caller's transaction and sent later, and messages people read."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import func

from qiantang_nest.core.crypto import HasSealed, SealedText, sealed_column
from qiantang_nest.core.db import Base


class OutboxItem(HasSealed, Base):
    """One thing to send. ``key`` makes it once; a handler may still run twice."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_due", "due_at", postgresql_where=text("sent_at IS NULL AND given_up_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    channel: Mapped[str]
    """``sms`` for now."""
    to_sealed: Mapped[bytes | None] = sealed_column()
    to = SealedText()
    body_sealed: Mapped[bytes | None] = sealed_column()
    body = SealedText()
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_at: Mapped[datetime] = mapped_column(server_default=text("'1970-01-01 00:00:00+00'"))
    """Not before this instant; new rows are due at once, whatever clock the sender keeps."""
    useless_at: Mapped[datetime | None]
    """From here on sending helps nobody (a code that no longer opens anything)."""
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    sent_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


class Message(Base):
    """One line in a person's message centre. Text is made when shown: ``kind`` and ``params``."""

    __tablename__ = "message"
    __table_args__ = (Index("ix_message_user_id_created_at", "user_id", "created_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    kind: Mapped[str]
    params: Mapped[dict[str, Any]] = mapped_column(JSONB)
    url: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    read_at: Mapped[datetime | None]
