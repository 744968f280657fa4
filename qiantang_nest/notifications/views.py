"""The message centre: a person's own messages, whatever the acting role."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_login import current_user
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from qiantang_nest.core import clock
from qiantang_nest.core.access import signed_in
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import is_local_url, paginate
from qiantang_nest.notifications import services
from qiantang_nest.notifications.models import Message
from qiantang_nest.notifications.queries import messages_visible_to
from qiantang_nest.notifications.rules import shown_text

blueprint = Blueprint("notifications", __name__)


def _reader() -> Actor:
    return Actor(user_id=current_user.row.user_id, role="person", scope="")


@blueprint.get("/messages")
@signed_in
def messages() -> str:
    """What happened, newest first."""
    page = paginate(messages_visible_to(_reader()).order_by(Message.id.desc()))
    return render_template("notifications/messages.html", page=page, shown_text=shown_text)


@blueprint.post("/messages/<int:message_id>/open")
@signed_in
def open_message(message_id: int) -> Response:
    """Mark it as read and go where it leads."""
    message = db.session.scalars(messages_visible_to(_reader()).where(Message.id == message_id)).one_or_none()
    if message is None:
        raise NotFound
    target = message.url if is_local_url(message.url) else url_for("notifications.messages")
    with transaction():
        services.mark_read(message=message, now=clock.now())
    return redirect(target, 303)


@blueprint.post("/messages/read")
@signed_in
def read_all() -> Response:
    """Mark all as read."""
    with transaction():
        services.mark_all_read(user_id=current_user.row.user_id, now=clock.now())
    flash(_("都标成看过了。"), "done")
    return redirect(url_for("notifications.messages"), 303)
