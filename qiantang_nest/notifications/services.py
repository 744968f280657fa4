"""Outbox rows and messages, written in the caller's transaction; and sending what is due.

``send_due`` is the one service that opens transactions of its own: the call to the carrier must stand
outside of any, between the claim and its result.
"""

import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from qiantang_nest.core.db import array_literal, db, transaction
from qiantang_nest.notifications.gateways import SmsGateway, SmsRefused
from qiantang_nest.notifications.models import Message, OutboxItem
from qiantang_nest.notifications.rules import MOST_ATTEMPTS, message_text, wait_after

log = logging.getLogger("qiantang_nest")

BATCH = 20
CLAIM_MINUTES = 5
"""A claim whose sender died is free again after this long."""


def send_sms(*, key: str, to: str, body: str, useless_at: datetime | None = None) -> None:
    """Have an SMS sent once per ``key``; a second row of the same key is dropped silently.

    After ``useless_at`` it is no longer tried.
    """
    item = OutboxItem(key=key, channel="sms", useless_at=useless_at)
    item.to, item.body = to, body
    db.session.execute(
        insert(OutboxItem)
        .values(
            key=item.key,
            channel=item.channel,
            useless_at=item.useless_at,
            seal_key=item.seal_key,
            to_sealed=item.to_sealed,
            body_sealed=item.body_sealed,
        )
        .on_conflict_do_nothing(index_elements=[OutboxItem.key])
    )


def notify(*, user_id: int, kind: str, params: Mapping[str, Any], url: str) -> None:
    """Put a line into a person's message centre; ``url`` is local. Raises KeyError for an unknown kind."""
    message_text(kind, params)
    db.session.add(Message(user_id=user_id, kind=kind, params=dict(params), url=url))


@dataclass(frozen=True, slots=True)
class Sms:
    """One SMS of ``send_sms_many``."""

    key: str
    to: str
    body: str


@dataclass(frozen=True, slots=True)
class MessageLine:
    """One line of ``notify_many``."""

    user_id: int
    kind: str
    params: Mapping[str, Any]
    url: str


def send_sms_many(messages: Sequence[Sms]) -> None:
    """``send_sms`` for many people in one statement."""
    if not messages:
        return
    keys = [uuid.uuid4() for _message in messages]
    db.session.execute(
        text(
            "INSERT INTO outbox (key, channel, seal_key, to_sealed, body_sealed)"
            " SELECT key, 'sms', seal_key, decode(to_sealed, 'hex'), decode(body_sealed, 'hex')"
            " FROM unnest(CAST(:keys AS text[]), CAST(:seal_keys AS uuid[]), CAST(:tos AS text[]),"
            " CAST(:bodies AS text[])) AS row (key, seal_key, to_sealed, body_sealed)"
            " ON CONFLICT (key) DO NOTHING"
        ),
        {
            "keys": array_literal(message.key for message in messages),
            "seal_keys": array_literal(map(str, keys)),
            "tos": array_literal(
                OutboxItem.to.seal_for(OutboxItem, key, message.to).hex()
                for key, message in zip(keys, messages, strict=True)
            ),
            "bodies": array_literal(
                OutboxItem.body.seal_for(OutboxItem, key, message.body).hex()
                for key, message in zip(keys, messages, strict=True)
            ),
        },
    )


def notify_many(lines: Sequence[MessageLine]) -> None:
    """``notify`` for many people in one statement. Raises KeyError for an unknown kind."""
    if not lines:
        return
    for line in lines:
        message_text(line.kind, line.params)
    db.session.execute(
        text(
            "INSERT INTO message (user_id, kind, params, url)"
            " SELECT user_id, kind, CAST(params AS jsonb), url"
            " FROM unnest(CAST(:users AS bigint[]), CAST(:kinds AS text[]), CAST(:params AS text[]),"
            " CAST(:urls AS text[])) AS row (user_id, kind, params, url)"
        ),
        {
            "users": [line.user_id for line in lines],
            "kinds": [line.kind for line in lines],
            "params": [json.dumps(dict(line.params), ensure_ascii=False) for line in lines],
            "urls": [line.url for line in lines],
        },
    )


def mark_read(*, message: Message, now: datetime) -> None:
    """The person has seen it."""
    message.read_at = message.read_at or now


def mark_all_read(*, user_id: int, now: datetime) -> None:
    """The person has seen them all."""
    db.session.execute(
        update(Message).where(Message.user_id == user_id, Message.read_at.is_(None)).values(read_at=now)
    )


@dataclass(frozen=True)
class _Claimed:
    id: int
    key: str
    to: str
    body: str
    attempts: int


def send_due(*, now: datetime, gateway: SmsGateway, limit: int = BATCH) -> int:
    """Send what is due, at most ``limit``; returns how many were tried.

    Claims in one transaction (several senders share the work by SKIP LOCKED), calls the carrier in none,
    writes each result in one of its own. At least once: a sender that dies after the call and before the
    result sends again, under the same key.
    """
    with transaction():
        claimed = _claim(now, limit)
    for item in claimed:
        try:
            gateway.send(key=item.key, to=item.to, body=item.body)
        except Exception as error:
            # The text of an unforeseen error may hold what was sent; its type may not.
            reason = error.reason if isinstance(error, SmsRefused) else type(error).__name__
            log.warning("sms not sent: %s", reason)
            with transaction():
                _mark_failed(item, now, reason)
        else:
            with transaction():
                _mark_sent(item, now)
    return len(claimed)


def _claim(now: datetime, limit: int) -> list[_Claimed]:
    waiting = (OutboxItem.sent_at.is_(None), OutboxItem.given_up_at.is_(None))
    db.session.execute(
        update(OutboxItem)
        .where(*waiting, OutboxItem.useless_at <= now)
        .values(given_up_at=now, last_error="too late", to_sealed=None, body_sealed=None)
        .execution_options(synchronize_session=False)
    )
    due = (
        select(OutboxItem.id)
        .where(*waiting, OutboxItem.due_at <= now)
        .order_by(OutboxItem.due_at, OutboxItem.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = (
        db.session.execute(
            update(OutboxItem)
            .where(OutboxItem.id.in_(due.scalar_subquery()))
            .values(attempts=OutboxItem.attempts + 1, due_at=now + timedelta(minutes=CLAIM_MINUTES))
            .returning(OutboxItem)
            .execution_options(synchronize_session=False, populate_existing=True)
        )
        .scalars()
        .all()
    )
    return [
        _Claimed(row.id, row.key, row.to, row.body, row.attempts) for row in sorted(rows, key=lambda r: r.id)
    ]


def _mark_sent(item: _Claimed, now: datetime) -> None:
    """What was sent is no longer needed here: text and number go, the fact stays."""
    db.session.execute(
        update(OutboxItem)
        .where(OutboxItem.id == item.id)
        .values(sent_at=now, to_sealed=None, body_sealed=None, last_error=None)
        .execution_options(synchronize_session=False)
    )


def _mark_failed(item: _Claimed, now: datetime, reason: str) -> None:
    given_up = item.attempts >= MOST_ATTEMPTS
    db.session.execute(
        update(OutboxItem)
        .where(OutboxItem.id == item.id)
        .values(
            last_error=reason[:200],
            given_up_at=now if given_up else None,
            due_at=now + wait_after(item.attempts),
        )
        .execution_options(synchronize_session=False)
    )


def drop_old_items(*, now: datetime) -> None:
    """Forget what was sent or given up three months ago."""
    ended = func.coalesce(OutboxItem.sent_at, OutboxItem.given_up_at)
    db.session.execute(delete(OutboxItem).where(ended < now - timedelta(days=90)))
