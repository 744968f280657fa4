"""Reads of a person's messages."""

from sqlalchemy import Select, func, select

from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.notifications.models import Message


def messages_visible_to(actor: Actor) -> Select[Message]:
    """The actor's own messages, whatever the role."""
    return select(Message).where(Message.user_id == actor.user_id)


def unread_count(user_id: int) -> int:
    """How many messages a person has not read."""
    return db.session.execute(
        select(func.count()).select_from(Message).where(Message.user_id == user_id, Message.read_at.is_(None))
    ).scalar_one()
