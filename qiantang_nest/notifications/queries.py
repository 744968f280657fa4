"""Reads of a person's messages."""

from sqlalchemy import Select, select

from qiantang_nest.core.actor import Actor
from qiantang_nest.notifications.models import Message


def messages_visible_to(actor: Actor) -> Select[Message]:
    """The actor's own messages, whatever the role."""
    return select(Message).where(Message.user_id == actor.user_id)
