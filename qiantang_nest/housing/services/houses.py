"""Houses, rooms, their places and photographs."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import func, select, update

from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.core.media import StoredPhoto
from qiantang_nest.geography import services as geography
from qiantang_nest.geography.models import Village
from qiantang_nest.geography.queries import outline
from qiantang_nest.geography.rules import LatLon, inside
from qiantang_nest.housing.models import House, Listing, Owner, Photo, Room
from qiantang_nest.housing.queries import capacity_on
from qiantang_nest.housing.rules import FEATURES, RoomKind, check_beds, room_capacity

PHOTOS_A_HOUSE = 30


def _proxy_id(owner_id: int, actor: Actor) -> int | None:
    return owner_id if actor.is_office else None


def add_house(*, owner: Owner, address: str, floors: int, point: LatLon | None = None, actor: Actor) -> House:
    """A house of a household; without a point (WGS-84) it stands at its village's.

    Raises:
        HouseExists: at the flush, if the household has one at this address.
    """
    village = db.session.get_one(Village, owner.village_code)
    house = House(
        owner_id=owner.id,
        owner=owner,
        village_code=owner.village_code,
        address=address,
        floors=floors,
        lat=point.lat if point else village.lat,
        lon=point.lon if point else village.lon,
        geo_precision="house" if point else village.geo_precision,
        added_by=actor.user_id,
        on_behalf_of=_proxy_id(owner.id, actor),
    )
    db.session.add(house)
    db.session.flush()
    audit.record(
        actor=actor,
        action="housing.add_house",
        entity="house",
        entity_id=house.id,
        changes={"owner_id": owner.id, "floors": floors},
        on_behalf_of=_proxy_id(owner.id, actor),
    )
    return house


def edit_house(*, house: House, address: str, floors: int, actor: Actor) -> None:
    """Correct address and floors. Raises HouseExists at the flush."""
    changes = {"floors": [house.floors, floors], "address_changed": house.address != address}
    house.address, house.floors = address, floors
    db.session.flush()
    audit.record(
        actor=actor,
        action="housing.edit_house",
        entity="house",
        entity_id=house.id,
        changes=changes,
        on_behalf_of=_proxy_id(house.owner_id, actor),
    )


def place_house(*, house: House, point: LatLon, actor: Actor) -> None:
    """Pin a house where it really stands (WGS-84). Raises InvalidValue outside the district."""
    if not inside(outline(), point):
        raise InvalidValue(_("这个位置不在钱塘区里，请核对两个数字和坐标系。"))
    before = (house.lat, house.lon)
    house.lat, house.lon, house.geo_precision = round(point.lat, 6), round(point.lon, 6), "house"
    audit.record(
        actor=actor,
        action="housing.place_house",
        entity="house",
        entity_id=house.id,
        changes={"from": before, "to": (house.lat, house.lon)},
    )


def place_village(*, village: Village, point: LatLon, now: datetime, actor: Actor) -> None:
    """Move a village's point, and with it every house that was not pinned itself.

    Raises InvalidValue as ``geography.services.place_village``.
    """
    geography.place_village(village=village, point=point, now=now, actor=actor)
    db.session.execute(
        update(House)
        .where(House.village_code == village.code, House.geo_precision != "house")
        .values(lat=village.lat, lon=village.lon, geo_precision="village")
    )


def _checked_features(features: Sequence[str]) -> list[str]:
    unknown = sorted(set(features) - set(FEATURES))
    if unknown:
        raise InvalidValue(_("没有“%(value)s”这一样，请从列出的里面选。", value=unknown[0]), field="features")
    return [feature for feature in FEATURES if feature in features]


def add_room(
    *,
    house: House,
    label: str,
    floor: int,
    usable_m2: Decimal,
    kind: RoomKind = RoomKind.BEDROOM,
    beds: int | None = None,
    features: Sequence[str] = (),
    today: date,
    actor: Actor,
) -> Room:
    """A room with its legal capacity by the rule in force; ``beds`` None means as many as it may hold.

    Raises:
        InvalidValue: more beds than the law allows, no area, a floor the house has not.
        RoomExists: at the flush, if the house has a room of this name.
    """
    rule = capacity_on(today)
    capacity = room_capacity(kind, usable_m2, rule.cap, rule.m2_per_person)
    if beds is None:
        beds = capacity
    elif beds > 0 or capacity > 0:
        check_beds(beds, capacity)
    _check_floor(house, floor)
    room = Room(
        house_id=house.id,
        house=house,
        village_code=house.village_code,
        label=label,
        floor=floor,
        kind=kind.value,
        usable_m2=usable_m2,
        capacity=capacity,
        beds=beds,
        features=_checked_features(features),
        added_by=actor.user_id,
        on_behalf_of=_proxy_id(house.owner_id, actor),
    )
    db.session.add(room)
    db.session.flush()
    audit.record(
        actor=actor,
        action="housing.add_room",
        entity="room",
        entity_id=room.id,
        changes={"house_id": house.id, "usable_m2": str(usable_m2), "capacity": capacity, "beds": beds},
        on_behalf_of=_proxy_id(house.owner_id, actor),
    )
    return room


def _check_floor(house: House, floor: int) -> None:
    if not 1 <= floor <= house.floors:
        raise InvalidValue(
            _("这座房子有 %(floors)s 层，没有 %(floor)s 楼，请核对。", floors=house.floors, floor=floor),
            field="floor",
        )


def edit_room(
    *,
    room: Room,
    label: str | None = None,
    floor: int | None = None,
    kind: RoomKind | None = None,
    usable_m2: Decimal | None = None,
    beds: int | None = None,
    features: Sequence[str] | None = None,
    today: date,
    actor: Actor,
) -> None:
    """Change what is given; capacity follows kind and area, and beds never exceed it.

    Kind, area and beds of a room on offer stay as the clerk approved them: pause the offer first.

    Raises:
        WrongState: kind, area or beds of a room that is on offer.
        InvalidValue: as ``add_room``. RoomExists: at the flush.
    """
    new_kind = kind or RoomKind(room.kind)
    new_area = room.usable_m2 if usable_m2 is None else usable_m2
    size_changes = new_kind != room.kind or new_area != room.usable_m2
    if (size_changes or (beds is not None and beds != room.beds)) and _is_offered(room):
        raise WrongState(_("这间房正在出租或审核，面积和床位先不能改。请先暂停出租，改好再重新上架。"))
    before = {"kind": room.kind, "usable_m2": str(room.usable_m2), "beds": room.beds}
    if size_changes:
        rule = capacity_on(today)
        room.capacity = room_capacity(new_kind, new_area, rule.cap, rule.m2_per_person)
        room.kind, room.usable_m2 = new_kind.value, new_area
        room.beds = room.capacity if room.beds == 0 else min(room.beds, room.capacity)
    if beds is not None:
        room.beds = check_beds(beds, room.capacity)
    if floor is not None:
        _check_floor(room.house, floor)
        room.floor = floor
    room.label = room.label if label is None else label
    room.features = room.features if features is None else _checked_features(features)
    db.session.flush()
    audit.record(
        actor=actor,
        action="housing.edit_room",
        entity="room",
        entity_id=room.id,
        changes={
            "before": before,
            "after": {"kind": room.kind, "usable_m2": str(room.usable_m2), "beds": room.beds},
        },
        on_behalf_of=_proxy_id(room.house.owner_id, actor),
    )


def _is_offered(room: Room) -> bool:
    return (
        db.session.execute(
            select(Listing.id)
            .where(Listing.room_id == room.id, Listing.state.in_(("submitted", "approved")))
            .limit(1)
        ).scalar_one_or_none()
        is not None
    )


def remove_room(*, room: Room, now: datetime, actor: Actor) -> None:
    """Take a room that was entered by mistake off the books; its history stays.

    Raises:
        WrongState: it is on offer, or was once approved.
    """
    once = db.session.execute(
        select(Listing.id)
        .where(Listing.room_id == room.id, Listing.state.in_(("submitted", "approved", "withdrawn")))
        .limit(1)
    ).scalar_one_or_none()
    if once is not None:
        raise WrongState(_("这间房上过架，记录要留着，不能删掉。不想租了就暂停出租。"))
    room.removed_at = now
    # The name is free again for the room that was meant.
    room.label = f"{room.label}#{room.id}"
    audit.record(
        actor=actor,
        action="housing.remove_room",
        entity="room",
        entity_id=room.id,
        on_behalf_of=_proxy_id(room.house.owner_id, actor),
    )


def add_photo(*, house: House, room: Room | None, stored: StoredPhoto, actor: Actor) -> Photo:
    """Hang a stored photograph on a house or one of its rooms.

    Raises:
        WrongState: the house has its 30 photographs.
    """
    # The house row is the lock under which its photographs are counted.
    db.session.execute(select(House.id).where(House.id == house.id).with_for_update())
    count = db.session.execute(
        select(func.count()).select_from(Photo).where(Photo.house_id == house.id)
    ).scalar_one()
    if count >= PHOTOS_A_HOUSE:
        raise WrongState(
            _("这座房子已有 %(count)s 张照片，够多了。先删掉旧的再加新的。", count=PHOTOS_A_HOUSE)
        )
    photo = Photo(
        house_id=house.id,
        room_id=room.id if room else None,
        media_name=stored.name,
        width=stored.width,
        height=stored.height,
        added_by=actor.user_id,
    )
    db.session.add(photo)
    db.session.flush()
    audit.record(
        actor=actor,
        action="housing.add_photo",
        entity="photo",
        entity_id=photo.id,
        changes={"house_id": house.id, "room_id": photo.room_id},
        on_behalf_of=_proxy_id(house.owner_id, actor),
    )
    return photo


def remove_photo(*, photo: Photo, house: House, actor: Actor) -> str:
    """Take a photograph down; returns the media name, for the view to discard after the commit."""
    audit.record(
        actor=actor,
        action="housing.remove_photo",
        entity="photo",
        entity_id=photo.id,
        changes={"house_id": house.id},
        on_behalf_of=_proxy_id(house.owner_id, actor),
    )
    db.session.delete(photo)
    return photo.media_name
