"""Listing a house, one question a screen: every answer is kept at once, going back loses nothing.

A villager answers for the own household; a clerk walks the same screens for one that has agreed to it.
"""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import clock, media
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import DomainError, InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor
from qiantang_nest.housing import queries, services
from qiantang_nest.housing.forms.offers import (
    BedsStep,
    FeaturesStep,
    HouseStep,
    KindStep,
    OfferForm,
    PhotosStep,
    RentStep,
    RoomStep,
)
from qiantang_nest.housing.models import House, Listing, Owner, Room
from qiantang_nest.housing.rules import HABITABLE, Feature, RoomKind
from qiantang_nest.housing.views import blueprint
from qiantang_nest.housing.views.loading import load_house, load_owner, load_room

STEPS = ("kind", "beds", "features", "rent", "photos")
TOTAL = 7
NEXT_OF = dict(pairwise(STEPS))
USUAL_RENT_FEN = 60_000
USUAL_DAYS = 365

FORMS: dict[str, type[Any]] = {
    "kind": KindStep,
    "beds": BedsStep,
    "features": FeaturesStep,
    "rent": RentStep,
    "photos": PhotosStep,
}
OWN_OR_PROXY = (Permission.HOUSE_LIST_OWN, Permission.HOUSE_MANAGE)


def own_households() -> list[Owner]:
    """The signed-in villager's households."""
    return list(db.session.execute(queries.owners_visible_to(actor()).order_by(Owner.id)).scalars())


@blueprint.get("/list-house")
@requires(Permission.HOUSE_LIST_OWN)
def list_house() -> Response | str:
    """Where a villager begins: the household is known, or has to be asked for."""
    owners = own_households()
    if not owners:
        return redirect(url_for("housing.ask_link"), 303)
    if len(owners) == 1:
        return redirect(url_for("housing.list_at_house", owner_id=owners[0].id), 303)
    return render_template("housing/list_house.html", owners=owners)


@blueprint.route("/owners/<int:owner_id>/list-house", methods=["GET", "POST"])
@requires(*OWN_OR_PROXY)
def list_at_house(owner_id: int) -> Response | str | tuple[str, int]:
    """Question 1: which house; one that is known, or a new one."""
    owner = load_owner(owner_id)
    services.proxy_for(owner=owner, actor=actor())
    houses = list(
        db.session.execute(
            queries.houses_visible_to(actor()).where(House.owner_id == owner.id).order_by(House.id)
        ).scalars()
    )
    form = HouseStep()
    if form.validate_on_submit():
        try:
            with transaction():
                house = services.add_house(
                    owner=owner, address=form.address.data, floors=form.floors.data, actor=actor()
                )
            return redirect(url_for("housing.list_room", house_id=house.id), 303)
        except DomainError as error:
            owner = load_owner(owner_id)
            form.refuse(form.address, error)
    asks_new = request.method == "POST" or not houses or request.args.get("new") == "1"
    page = render_template(
        "housing/list_at_house.html", owner=owner, houses=houses, form=form, asks_new=asks_new
    )
    return (page, 422) if form.errors else page


@blueprint.route("/houses/<int:house_id>/list-room", methods=["GET", "POST"])
@requires(*OWN_OR_PROXY)
def list_room(house_id: int) -> Response | str | tuple[str, int]:
    """Question 2: which room, and how large. From here on every answer is a row."""
    house = load_house(house_id)
    services.proxy_for(owner=house.owner, actor=actor())
    rooms = queries.rooms_of([house.id])
    offered = {
        room_id
        for room_id, listing in queries.current_listings([room.id for room in rooms]).items()
        if listing.state in ("submitted", "approved")
    }
    form = RoomStep()
    if form.validate_on_submit():
        try:
            with transaction():
                room = services.add_room(
                    house=house,
                    label=form.label.data,
                    floor=form.floor.data,
                    usable_m2=form.usable_m2.data,
                    today=clock.today(),
                    actor=actor(),
                )
            return redirect(url_for("housing.list_step", room_id=room.id, step="kind"), 303)
        except DomainError as error:
            house, rooms = load_house(house_id), queries.rooms_of([house_id])
            form.refuse(form.floor if isinstance(error, InvalidValue) else form.label, error)
    page = render_template(
        "housing/list_room.html",
        house=house,
        form=form,
        unfinished=[room for room in rooms if room.id not in offered],
    )
    return (page, 422) if form.errors else page


@blueprint.route(
    "/rooms/<int:room_id>/list/<any(kind,beds,features,rent,photos):step>",
    methods=["GET", "POST"],
)
@requires(*OWN_OR_PROXY)
def list_step(room_id: int, step: str) -> Response | str | tuple[str, int]:
    """Questions 3 to 7 of one room."""
    room = load_room(room_id)
    services.proxy_for(owner=room.house.owner, actor=actor())
    listing = queries.current_listings([room.id]).get(room.id)
    form = FORMS[step](data=_answers(room, listing, step))
    if form.validate_on_submit():
        try:
            _keep(room, listing, step, form)
            return redirect(_after(room, step), 303)
        except DomainError as error:
            room = load_room(room_id)
            form.refuse(next(field for field in form if field.type != "CSRFTokenField"), error)
    page = render_template(
        f"housing/step_{step}.html", room=room, form=form, **_beside(room, step, form), **_frame(room, step)
    )
    return (page, 422) if form.errors else page


def _frame(room: Room, step: str) -> dict[str, Any]:
    place = STEPS.index(step)
    back = (
        url_for("housing.list_step", room_id=room.id, step=STEPS[place - 1])
        if place
        else url_for("housing.room", room_id=room.id)
    )
    return {"number": place + 3, "total": TOTAL, "back_url": back}


def _after(room: Room, step: str) -> str:
    if step == "photos" and request.form.get("more"):
        return url_for("housing.list_step", room_id=room.id, step="photos")
    if step in NEXT_OF:
        return url_for("housing.list_step", room_id=room.id, step=NEXT_OF[step])
    return url_for("housing.offer_room", room_id=room.id)


def _answers(room: Room, listing: Listing | None, step: str) -> dict[str, Any]:
    """What is known already, shown as the answer."""
    answers: dict[str, dict[str, Any]] = {
        "kind": {"kind": room.kind},
        "beds": {"beds": room.beds or None},
        "features": {"features": room.features},
        "rent": {"rent_fen": listing.rent_fen if listing else None},
        "photos": {},
    }
    return answers[step]


def _beside(room: Room, step: str, form: Any) -> dict[str, Any]:
    """What stands beside the question so that it can be answered."""
    today = clock.today()
    if step in ("kind", "beds"):
        return {"rule": queries.capacity_on(today)}
    if step == "rent":
        bathroom = Feature.PRIVATE_BATHROOM in room.features
        levels = queries.neighbours_rent(room.village_code, today, private_bathroom=bathroom)
        if form.rent_fen.data is None and not form.is_submitted():
            form.rent_fen.data = levels.median_fen if levels else USUAL_RENT_FEN
        return {"levels": levels, "bathroom": bathroom}
    if step == "photos":
        return {"photos": [p for p in queries.photos_of([room.house_id]) if p.room_id == room.id]}
    return {}


def _keep(room: Room, listing: Listing | None, step: str, form: Any) -> None:
    """Write one answer."""
    who, today = actor(), clock.today()
    if step == "photos":
        _keep_photos(room)
        return
    with transaction():
        if step == "kind":
            services.edit_room(room=room, kind=RoomKind(form.kind.data), today=today, actor=who)
            if room.capacity == 0:
                raise InvalidValue(_unlivable(room))
        elif step == "beds":
            services.edit_room(room=room, beds=form.beds.data, today=today, actor=who)
        elif step == "features":
            services.edit_room(room=room, features=form.features.data, today=today, actor=who)
        elif listing is not None and listing.state in ("submitted", "approved"):
            services.change_offer(
                listing=listing,
                rent_fen=form.rent_fen.data,
                starts_on=listing.starts_on,
                ends_on=listing.ends_on,
                direct=listing.direct,
                today=today,
                actor=who,
            )
        else:
            starts_on, ends_on = usual_period(listing, today)
            services.draft_offer(
                room=room,
                rent_fen=form.rent_fen.data,
                starts_on=starts_on,
                ends_on=ends_on,
                conditions=listing.conditions if listing else "",
                direct=listing.direct if listing else False,
                today=today,
                actor=who,
            )


def _unlivable(room: Room) -> str:
    if RoomKind(room.kind) in HABITABLE:
        return str(
            _(
                "%(area)s 平方米太小，按规定一个人也不能住，这间不能出租。面积量错了就去改面积。",
                area=room.usable_m2,
            )
        )
    return str(_("按规定只有卧室和起居室能租给人住，这间不能出租。选错了就改选。"))


def _keep_photos(room: Room) -> None:
    stored = [media.store_photo(data) for data in media.uploaded_bytes("photos")]
    try:
        with transaction():
            for photo in stored:
                services.add_photo(house=room.house, room=room, stored=photo, actor=actor())
    except BaseException:
        for photo in stored:
            media.discard(photo.name)
        raise


def usual_period(listing: Listing | None, today: date) -> tuple[date, date]:
    """The period already answered while it can still be, else a year from today."""
    if listing is not None and listing.ends_on > today and listing.state in ("draft", "returned"):
        return listing.starts_on, listing.ends_on
    return today, today + timedelta(days=USUAL_DAYS)


@blueprint.route("/rooms/<int:room_id>/offer", methods=["GET", "POST"])
@requires(*OWN_OR_PROXY)
def offer_room(room_id: int) -> Response | str | tuple[str, int]:
    """Everything on one page, the days, and over to the village."""
    room = load_room(room_id)
    services.proxy_for(owner=room.house.owner, actor=actor())
    today = clock.today()
    listing = queries.current_listings([room.id]).get(room.id)
    if listing is None:
        return redirect(url_for("housing.list_step", room_id=room.id, step="rent"), 303)
    if listing.state in ("submitted", "approved"):
        return redirect(url_for("housing.room", room_id=room.id), 303)
    starts_on, ends_on = usual_period(listing, today)
    form = OfferForm(
        data={
            "starts_on": starts_on,
            "last_day": ends_on - timedelta(days=1),
            "conditions": listing.conditions,
            "direct": listing.direct,
        }
    )
    if form.validate_on_submit():
        try:
            with transaction():
                services.submit_listing(
                    room=room,
                    rent_fen=listing.rent_fen,
                    starts_on=form.starts_on.data,
                    ends_on=form.last_day.data + timedelta(days=1),
                    conditions=form.conditions.data or "",
                    direct=form.direct.data,
                    today=today,
                    now=clock.now(),
                    actor=actor(),
                )
            flash(_("交给村里了，3 天内给您答复。"), "done")
            return redirect(url_for("housing.room", room_id=room.id), 303)
        except DomainError as error:
            room = load_room(room_id)
            listing = queries.current_listings([room.id])[room.id]
            form.refuse(form.last_day, error)
    page = render_template(
        "housing/offer_room.html",
        room=room,
        listing=listing,
        form=form,
        photos=[p for p in queries.photos_of([room.house_id]) if p.room_id == room.id],
    )
    return (page, 422) if form.errors else page


@blueprint.post("/rooms/<int:room_id>/help")
@requires(Permission.HOUSE_LIST_OWN)
def ask_for_help(room_id: int) -> Response:
    """请村里帮我: the clerk is told which room; what was answered is kept."""
    room = load_room(room_id)
    with transaction():
        services.ask_for_help(room=room)
    flash(_("已经告诉村里了，村管理员会来找您。您答过的都存好了。"), "done")
    return redirect(url_for("housing.room", room_id=room.id), 303)
