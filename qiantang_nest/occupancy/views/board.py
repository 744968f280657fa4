"""The room board of a village: rooms as rows, days as columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import render_template, request

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.i18n import _, ngettext
from qiantang_nest.core.templating import link_to
from qiantang_nest.core.web import actor, paginate
from qiantang_nest.geography.queries import area_name
from qiantang_nest.housing.models import House, Room
from qiantang_nest.occupancy.queries import board as queries
from qiantang_nest.occupancy.queries.board import Bar, BoardHouse
from qiantang_nest.occupancy.rules import RoomState, room_state_label
from qiantang_nest.occupancy.views import blueprint
from qiantang_nest.occupancy.views.stays import ids_from

DAYS, DAYS_OF_ONE_HOUSE = 30, 7
DAYS_BEFORE_TODAY = 3
HOUSES_A_PAGE = 10

CHIP_OF_STATE = {
    RoomState.OCCUPIED: "room.occupied",
    RoomState.LEASED: "room.leased",
    RoomState.HELD: "room.held",
    RoomState.CLOSED: "room.closed",
    RoomState.LISTED: "room.idle",
    RoomState.UNLISTED: "room.unlisted",
}


@dataclass(frozen=True)
class ShownBar:
    """A bar in words: what the cell prints, what a screen reader says, where it leads."""

    kind: str
    days: int
    words: str
    label: str
    href: str | None
    flags: list[tuple[str, str]]
    ends: str | None


@dataclass(frozen=True)
class ShownRoom:
    """A row of the board in words."""

    room: Room
    bars: list[ShownBar]


@blueprint.get("/board")
@requires(Permission.HOUSE_MANAGE)
def board() -> str:
    """Ten houses and 30 days, or one house and seven days for a phone."""
    who, today, now = actor(), clock.today(), clock.now()
    one_house = next(iter(ids_from([request.args.get("house", "")])), None)
    days = DAYS_OF_ONE_HOUSE if one_house is not None else DAYS
    first = _first_day(today, days)
    text = request.args.get("q", "").strip()[:40]
    state = next((one for one in RoomState if one == request.args.get("state")), None)
    statement = queries.houses(who, text, state, today, now)
    if one_house is not None:
        statement = statement.where(House.id == one_house)
    page = paginate(statement, per_page=HOUSES_A_PAGE)
    shown = queries.board(page.items, first, days, today, now)
    sums = queries.rooms_by_state(who, today, now)
    return render_template(
        "occupancy/board.html",
        village=area_name(who.scope),
        page=page,
        houses=[(one.house, _rows(one, first, days, today, now)) for one in shown],
        one_house=one_house,
        days=[first + timedelta(days=number) for number in range(days)],
        first=first,
        before=first - timedelta(days=days),
        after=first + timedelta(days=days),
        today=today,
        text=text,
        state=state,
        states=[(one, room_state_label(one)) for one in RoomState],
        sums=[(CHIP_OF_STATE[one], room_state_label(one), sums[one]) for one in CHIP_OF_STATE],
    )


def _first_day(today: date, days: int) -> date:
    """The day the address asks for, within ten years of today; else three days ago, today for a week."""
    default = today if days == DAYS_OF_ONE_HOUSE else today - timedelta(days=DAYS_BEFORE_TODAY)
    try:
        wanted = date.fromisoformat(request.args.get("from", ""))
    except ValueError:
        return default
    return wanted if abs((wanted - today).days) < 3660 else default


def _rows(house: BoardHouse, first: date, days: int, today: date, now: datetime) -> Sequence[ShownRoom]:
    return [
        ShownRoom(
            one.room,
            [_shown(bar, one.room, first, first + timedelta(days=days), today, now) for bar in one.bars],
        )
        for one in house.rooms
    ]


def _shown(bar: Bar, room: Room, first: date, last: date, today: date, now: datetime) -> ShownBar:
    words = str(_words(bar, room, today, now))
    flags = _flags(bar, room, today)
    period = _("%(first)s 至 %(last)s", first=bar.starts_on, last=bar.ends_on - timedelta(days=1))
    ends = None
    if bar.kind in ("occupied", "conflict") and bar.claim is not None and bar.claim.ends_on < last:
        ends = _("%(day)s 退房", day=bar.claim.ends_on.strftime("%m-%d"))
    spoken = [_("%(room)s 房", room=room.label), period, words, *(text for _kind, text in flags)]
    return ShownBar(bar.kind, bar.days, words, _("，").join(spoken), _href(bar, room, first), flags, ends)


def _words(bar: Bar, room: Room, today: date, now: datetime) -> Any:
    claim = bar.claim
    beds = min(room.beds, room.capacity)
    if bar.overstayed:
        return ngettext("%(num)s 人到期没办退房，要核对", "%(num)s 人到期没办退房，要核对", bar.overstayed)
    if claim is None:
        if bar.kind == "unlisted":
            return _("未上架")
        return ngettext("空 %(num)s 天", "空 %(num)s 天", bar.days)
    if claim.state == "closed":
        reason = claim.reason or _("停用")
        return _(
            "%(reason)s，到 %(day)s", reason=reason, day=(claim.ends_on - timedelta(days=1)).strftime("%m-%d")
        )
    if claim.state == "held":
        left = int((claim.held_until - now).total_seconds() // 3600) if claim.held_until else 0
        return ngettext("锁定，剩 %(num)s 小时", "锁定，剩 %(num)s 小时", max(left, 0))
    name = claim.enterprise or _("已租")
    if bar.kind == "occupied":
        if bar.couple:
            return _("%(name)s 夫妻", name=name)
        return _("%(name)s %(heads)s/%(beds)s", name=name, heads=bar.heads, beds=beds)
    if bar.expected:
        return ngettext(
            "%(name)s，%(num)s 人等着入住", "%(name)s，%(num)s 人等着入住", bar.expected, name=name
        )
    if claim.starts_on > today:
        return _("%(name)s %(day)s 起租", name=name, day=claim.starts_on.strftime("%m-%d"))
    return _("%(name)s 已租，没有人住", name=name)


def _flags(bar: Bar, room: Room, today: date) -> list[tuple[str, str]]:
    flags: list[tuple[str, Any]] = []
    if bar.open_reports:
        flags.append(("registration", ngettext("待登记 %(num)s 条", "待登记 %(num)s 条", bar.open_reports)))
    free = min(room.beds, room.capacity) - bar.heads
    if bar.kind == "occupied" and not bar.couple and free > 0:
        flags.append(("beds", ngettext("空 %(num)s 床", "空 %(num)s 床", free)))
    if bar.kind == "idle" and bar.idle_since is not None and bar.starts_on <= today < bar.ends_on:
        idle = (today - bar.idle_since).days
        if idle >= queries.LONG_IDLE_DAYS:
            flags.append(("long_idle", ngettext("空了 %(num)s 天", "空了 %(num)s 天", idle)))
    return flags


def _href(bar: Bar, room: Room, first: date) -> str | None:
    if bar.claim is None:
        return link_to("occupancy.close_room", room_id=room.id)
    if bar.claim.state == "closed":
        return link_to("occupancy.reopen_room", claim_id=bar.claim.id)
    if bar.claim.lease_id is not None:
        return link_to("occupancy.lease", lease_id=bar.claim.lease_id)
    return None
