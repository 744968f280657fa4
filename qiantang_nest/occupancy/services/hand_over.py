"""房屋交割单: what a room was like and what its meters read, when given and given back; both sides agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core import audit
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue, NotAllowed, WrongState
from qiantang_nest.core.i18n import _
from qiantang_nest.housing.services import proxy_for
from qiantang_nest.occupancy.models import LET, Handover, HandoverPhoto, LeaseRoom
from qiantang_nest.occupancy.queries.handovers import people_inside, sheets_of
from qiantang_nest.occupancy.rules import Moment

MOST_PHOTOS = 12


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is written on a sheet."""

    happened_on: date
    electric_kwh: Decimal | None
    water_m3: Decimal | None
    gas_m3: Decimal | None
    keys: int
    inventory: Mapping[str, str]
    note: str


def write_sheet(
    *,
    lease_room: LeaseRoom,
    moment: Moment,
    sheet: Sheet,
    photo_names: Sequence[str],
    seen_version: int,
    actor: Actor,
    today: date,
    now: datetime,
) -> Handover:
    """Write a room's sheet, or write it anew; the other side is asked to say yes to it.

    ``seen_version`` is the version the writer had before them, 0 for none. Photographs are added.

    Raises:
        NotAllowed: neither party, or the household has not let the village act for it.
        InvalidValue: a day in the future or before the room is let, a reading below that at the start, or
            too many photographs.
        WrongState: both have agreed to it, it was written anew meanwhile, people are still in the room, or
            the lease is not signed.
    """
    _refuse_if_unsigned(lease_room)
    found = _locked(lease_room, moment)
    if (found.version if found else 0) != seen_version:
        raise WrongState(_("对方刚才也填了这张交割单，请刷新看过再改。"))
    if found is not None and found.agreed:
        raise WrongState(_("这张交割单两边都确认了，不能再改。"))
    _check(lease_room, moment, sheet, today)
    handover = found or Handover(
        lease_room_id=lease_room.id, village_code=lease_room.room.village_code, moment=moment.value, version=0
    )
    for one in fields(Sheet):
        setattr(handover, one.name, getattr(sheet, one.name))
    handover.inventory = dict(sheet.inventory)
    handover.version += 1
    handover.lessor_by = handover.lessor_for = handover.lessor_at = None
    handover.lessee_by = handover.lessee_at = None
    with db.session.no_autoflush:  # between the old yes and the new one the row says that nobody wrote it
        on_behalf_of = _say_yes(handover, lease_room, actor, now)
    db.session.add(handover)
    db.session.flush()
    db.session.add_all(
        HandoverPhoto(handover_id=handover.id, media_name=name, added_by=actor.user_id)
        for name in photo_names
    )
    db.session.flush()
    count = db.session.execute(
        select(HandoverPhoto.id).where(HandoverPhoto.handover_id == handover.id)
    ).scalars()
    if len(count.all()) > MOST_PHOTOS:
        raise InvalidValue(_("一张交割单最多 %(most)s 张照片。", most=MOST_PHOTOS))
    _record(handover, "occupancy.write_handover", actor, on_behalf_of)
    return handover


def confirm_sheet(*, handover: Handover, seen_version: int, actor: Actor, now: datetime) -> None:
    """The other side says yes to the sheet it has seen. With it the room's actual day is set.

    When the last room of a lease that is over is given back the lease has ended.

    Raises: as ``write_sheet``.
    """
    lease_room = handover.lease_room
    _locked(lease_room, Moment(handover.moment))
    if handover.version != seen_version:
        raise WrongState(_("对方刚才改了这张交割单，请看过新的再确认。"))
    if handover.agreed:
        raise WrongState(_("这张交割单两边都确认过了。"))
    if handover.moment == Moment.END:
        _refuse_people(lease_room)
    on_behalf_of = _say_yes(handover, lease_room, actor, now)
    db.session.flush()
    if handover.moment == Moment.END and handover.agreed:
        _end_lease_if_all_back(lease_room, handover.happened_on)
    _record(handover, "occupancy.confirm_handover", actor, on_behalf_of)


def _say_yes(handover: Handover, lease_room: LeaseRoom, actor: Actor, now: datetime) -> int | None:
    """Set the yes of the actor's side; returns the household a clerk stands in for."""
    match actor.role:
        case Role.VILLAGER | Role.VILLAGE_CLERK:
            on_behalf_of = proxy_for(owner=lease_room.lease.owner, actor=actor)
            if handover.lessor_at is not None:
                raise WrongState(_("您这一方已经确认了，等对方确认。"))
            handover.lessor_by, handover.lessor_for, handover.lessor_at = actor.user_id, on_behalf_of, now
            return on_behalf_of
        case Role.EMPLOYER_MANAGER | Role.EMPLOYER_STAFF:
            if handover.lessee_at is not None:
                raise WrongState(_("您这一方已经确认了，等对方确认。"))
            handover.lessee_by, handover.lessee_at = actor.user_id, now
            return None
        case _:
            raise NotAllowed(_("交割单由户主（或受托的村管理员）和企业一起填。"))


def _locked(lease_room: LeaseRoom, moment: Moment) -> Handover | None:
    """Lock the room's lease row entry, so that one sheet is written at a time; returns it read afresh."""
    db.session.execute(
        select(LeaseRoom.id).where(LeaseRoom.id == lease_room.id).with_for_update()
    ).scalar_one()
    return db.session.execute(
        select(Handover)
        .where(Handover.lease_room_id == lease_room.id, Handover.moment == moment.value)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()


def _check(lease_room: LeaseRoom, moment: Moment, sheet: Sheet, today: date) -> None:
    if sheet.happened_on > today:
        raise InvalidValue(_("%(day)s 还没有到，交接那天再填。", day=sheet.happened_on.isoformat()))
    if moment is Moment.END:
        _refuse_people(lease_room)
        if sheet.happened_on < lease_room.starts_on:
            raise InvalidValue(_("退房不能早于起租日 %(day)s。", day=lease_room.starts_on.isoformat()))
        start = sheets_of([lease_room.id]).get((lease_room.id, Moment.START.value))
        for name, label in (("electric_kwh", _("电表")), ("water_m3", _("水表")), ("gas_m3", _("燃气表"))):
            before, after = (getattr(start, name) if start else None), getattr(sheet, name)
            if before is not None and after is not None and after < before:
                raise InvalidValue(
                    _(
                        "%(meter)s交房时是 %(before)s，您填 %(after)s，变小了。换过表就留空，写在备注里。",
                        meter=label,
                        before=before,
                        after=after,
                    )
                )


def _refuse_if_unsigned(lease_room: LeaseRoom) -> None:
    if lease_room.lease.state not in ("signed", "ended"):
        raise WrongState(_("合同还没有两边签好，签好后再交房。"))


def _refuse_people(lease_room: LeaseRoom) -> None:
    inside = people_inside([lease_room.id]).get(lease_room.id, 0)
    if inside:
        raise WrongState(_("还有 %(people)s 人住着，先办退房，再交还房间。", people=inside))


def _end_lease_if_all_back(lease_room: LeaseRoom, day: date) -> None:
    """The lease has ended when every room it had at its end has been given back."""
    lease = lease_room.lease
    rooms = db.session.execute(
        select(LeaseRoom.id, LeaseRoom.ends_on).where(LeaseRoom.lease_id == lease.id, LET)
    ).all()
    followed = set(
        db.session.execute(
            select(LeaseRoom.follows_id).where(
                LeaseRoom.lease_id == lease.id, LeaseRoom.follows_id.is_not(None)
            )
        ).scalars()
    )
    sheets = sheets_of([room.id for room in rooms])
    back = {
        room_id: sheet.happened_on
        for (room_id, moment), sheet in sheets.items()
        if moment == Moment.END and sheet.agreed
    }
    over = all(room.id in back or room.id in followed for room in rooms)
    if over and lease.state == "signed" and lease.ends_on <= max(back.values()) + timedelta(days=1):
        lease.state, lease.ended_on = "ended", max(back.values())
        db.session.flush()


def _record(handover: Handover, action: str, actor: Actor, on_behalf_of: int | None) -> None:
    audit.record(
        actor=actor,
        action=action,
        entity="handover",
        entity_id=handover.id,
        on_behalf_of=on_behalf_of,
        changes={
            "lease_room_id": handover.lease_room_id,
            "moment": handover.moment,
            "version": handover.version,
            "happened_on": handover.happened_on.isoformat(),
            "agreed": handover.agreed,
        },
    )
