"""Serving photographs to whoever may look, and taking them down."""

from flask import redirect, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from qiantang_nest.core import clock, media
from qiantang_nest.core.access import public, requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import NotFound
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor, actor_or_none, is_local_url
from qiantang_nest.housing import queries, services
from qiantang_nest.housing.models import House, Photo
from qiantang_nest.housing.views import blueprint
from qiantang_nest.housing.views.loading import load_house
from qiantang_nest.housing.views.steps import OWN_OR_PROXY


def _serve(name: str, *, thumbnail: bool) -> Response:
    shown = queries.photo_by_name(name)
    if shown is not None:
        is_public = queries.is_public_photo(shown, clock.today())
        if is_public or _in_scope(shown):
            return media.open_media(name, thumbnail=thumbnail, public=is_public)
    raise NotFound(_("没有找到这张照片。"))


def _in_scope(shown: Photo) -> bool:
    who = actor_or_none()
    if who is None:
        return False
    found = queries.houses_visible_to(who).where(House.id == shown.house_id).with_only_columns(House.id)
    return db.session.execute(select(found.exists())).scalar_one()


@blueprint.get("/photos/<name>")
@public
def photo(name: str) -> Response:
    """A photograph; anyone may see those of rooms on the market, others only within their scope."""
    return _serve(name, thumbnail=False)


@blueprint.get("/photos/small/<name>")
@public
def photo_small(name: str) -> Response:
    """Its thumbnail, under the same rule."""
    return _serve(name, thumbnail=True)


@blueprint.post("/photos/<name>/remove")
@requires(*OWN_OR_PROXY)
def remove_photo(name: str) -> Response:
    """Take one down; back to where the person was."""
    shown = queries.photo_by_name(name)
    if shown is None or not _in_scope(shown):
        raise NotFound(_("没有找到这张照片。"))
    house = load_house(shown.house_id)
    room_id = shown.room_id
    with transaction():
        gone = services.remove_photo(photo=shown, house=house, actor=actor())
    media.discard(gone)
    target = request.form.get("next")
    if target and is_local_url(target):
        return redirect(target, 303)
    if room_id is not None:
        return redirect(url_for("housing.list_step", room_id=room_id, step="photos"), 303)
    return redirect(url_for("housing.house", house_id=house.id), 303)
