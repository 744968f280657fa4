"""The bars of the room board in words. Pure but for the language of the request."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from flask_babel import get_locale

from qiantang_nest.core import clock
from qiantang_nest.core.i18n import _
from qiantang_nest.reports.queries.board import House
from qiantang_nest.reports.rules.board import (
    LONG_IDLE_DAYS,
    Bar,
    Barred,
    Claim,
    Flag,
    Look,
    Room,
    short_name,
)


def look_labels() -> dict[Look, str]:
    """The words for what a room is today."""
    return {
        Look.OCCUPIED: _("住着"),
        Look.LEASED: _("已租待住"),
        Look.HELD: _("锁定"),
        Look.IDLE: _("空闲"),
        Look.CLOSED: _("停用"),
        Look.UNLISTED: _("未上架"),
        Look.CONFLICT: _("到期没退房"),
    }


def flag_labels() -> dict[Flag, str]:
    """The words for what else is said of a room."""
    return {
        Flag.ARREARS: _("欠租"),
        Flag.HAZARD: _("有隐患"),
        Flag.REGISTRATION: _("待登记"),
        Flag.LEAVING: _("7 天内有人退房"),
        Flag.BEDS: _("有空床"),
        Flag.LONG_IDLE: _("空了很久"),
        Flag.NOTE: _("有记事"),
    }


@dataclass(frozen=True, slots=True)
class ShownBar:
    """A bar in words: what the cell prints, what a screen reader says, where it leads."""

    look: str
    days: int
    words: str
    count: str
    """Heads of beds; stays whole where the words are cut."""
    label: str
    href: str
    flags: list[tuple[str, str]]
    ends: str


@dataclass(frozen=True, slots=True)
class ShownRoom:
    """A row of the board in words."""

    id: int
    label: str
    beds: str
    pick: str
    """What ticking the room is called."""
    bars: list[ShownBar]


@dataclass(frozen=True, slots=True)
class ShownHouse:
    """The rows of a house in words."""

    id: int
    number: int
    owner: str
    address: str
    size: str
    hazard: str
    summary: list[tuple[str, str]]
    """(look, «3 间») of today, for the list on a phone."""
    rooms: list[ShownRoom]


@cache
def _sentences(_locale: str) -> tuple[dict[str, str], dict[Barred, str]]:
    """The sentences of a board in the language of the request, looked up once a language."""
    sentences: dict[str, str] = {
        "comma": _("，"),
        "spoken": _("%(room)s，%(first)s 至 %(last)s，%(words)s"),
        "rooms": _("%(n)s 间"),
        "beds": _("%(n)s床"),
        "pick": _("选 %(house)s %(room)s"),
        "hazards": _("隐患 %(n)s 处"),
        "idle": _("空 %(n)s 天"),
        "unlisted": _("未上架"),
        "closed": _("%(reason)s，到 %(day)s"),
        "no_reason": _("停用"),
        "held": _("%(name)s 锁到 %(when)s"),
        "somebody": _("企业"),
        "expected": _("%(name)s，%(n)s 人等着入住"),
        "drafted": _("%(name)s，等签合同"),
        "starts": _("%(name)s %(day)s 起租"),
        "nobody": _("%(name)s 已租，没有人住"),
        "couple": _("夫妻"),
        "overstayed": _("%(n)s 人到期没退房"),
        "overstayed_let": _("%(n)s 人到期没退房，%(name)s 租着"),
        "ends": _("%(day)s 退房"),
        "owes_rent": _("欠租 %(n)s 天"),
        "owes_deposit": _("欠押金 %(n)s 天"),
        "reports": _("待登记 %(n)s 条"),
        "leaving": _("%(n)s 人 %(day)s 退房"),
        "free_beds": _("空 %(n)s 床"),
        "long_idle": _("空了 %(n)s 天"),
        "notes": _("记事 %(n)s 条"),
    }
    barred: dict[Barred, str] = {
        Barred.DANGER: _("不能租：危房"),
        Barred.HAZARD: _("不能租：重大隐患没消除"),
        Barred.CHECK: _("不能租：没有有效的安全检查"),
        Barred.PAPERS: _("不能租：没有房屋证明"),
    }
    return sentences, barred


class BoardWords:
    """Puts a board into words; it says the same sentences a thousand times."""

    def __init__(self, *, today: date, now: datetime, last: date, room_path: str) -> None:
        """``last`` is the day after the last one shown; a room's address is ``room_path`` and its id."""
        self._today, self._now, self._last, self._room_path = today, now, last, room_path
        self._say, self._barred = _sentences(str(get_locale()))

    def house(self, house: House) -> ShownHouse:
        """A house with its rows."""
        looks = Counter(room.look.value for room, _bars in house.rooms)
        hazard = self._say["hazards"] % {"n": house.hazards} if house.hazards else ""
        return ShownHouse(
            house.id,
            house.number,
            house.owner,
            house.address,
            self._say["rooms"] % {"n": len(house.rooms)},
            self._barred[Barred.DANGER] if house.barred is Barred.DANGER else hazard,
            [(look, self._say["rooms"] % {"n": count}) for look, count in looks.items()],
            [self._room(house, room, bars) for room, bars in house.rooms],
        )

    def _room(self, house: House, room: Room, bars: Sequence[Bar]) -> ShownRoom:
        return ShownRoom(
            room.id,
            room.label,
            self._say["beds"] % {"n": room.beds},
            self._say["pick"] % {"house": house.address, "room": room.label},
            [self.bar(bar, room) for bar in bars],
        )

    def bar(self, bar: Bar, room: Room) -> ShownBar:
        """One bar of a room."""
        claim = bar.claim
        heads = room.heads if bar.is_today else claim.heads if claim is not None else 0
        words, count = self._words(bar, room), ""
        if bar.look is Look.OCCUPIED and claim is not None:
            count = self._say["couple"] if claim.couple else f"{heads}/{room.beds}"
        ends = ""
        if bar.look in (Look.OCCUPIED, Look.CONFLICT) and claim is not None and claim.ends_on < self._last:
            ends = self._say["ends"] % {"day": claim.ends_on.strftime("%m-%d")}
        flags = self._flags(bar, room, bool(ends)) if bar.is_today else []
        said = [f"{words} {count}" if count else words, *(text for _flag, text in flags)]
        label = self._say["spoken"] % {
            "room": room.label,
            "first": bar.starts_on.isoformat(),
            "last": (bar.ends_on - timedelta(days=1)).isoformat(),
            "words": self._say["comma"].join([*said, ends] if ends else said),
        }
        href = f"{self._room_path}{room.id}?on={bar.starts_on.isoformat()}"
        if bar.is_today:
            href = f"{self._room_path}{room.id}"
        return ShownBar(bar.look.value, bar.days, words, count, label, href, flags, ends)

    def _words(self, bar: Bar, room: Room) -> str:
        claim, look = bar.claim, bar.look
        name = (
            short_name(claim.enterprise) if claim is not None and claim.enterprise else self._say["somebody"]
        )
        if look is Look.CONFLICT:
            let = claim is not None and claim.state == "leased"
            return (self._say["overstayed_let"] if let else self._say["overstayed"]) % {
                "n": room.overstayed,
                "name": name,
            }
        if claim is None:
            if look is Look.IDLE:
                return self._say["idle"] % {"n": bar.days}
            return self._why_unlisted(bar, room)
        if look is Look.CLOSED:
            day = (claim.ends_on - timedelta(days=1)).strftime("%m-%d")
            return self._say["closed"] % {"reason": claim.reason or self._say["no_reason"], "day": day}
        if look is Look.HELD:
            until = claim.held_until or self._now
            return self._say["held"] % {
                "name": name,
                "when": until.astimezone(clock.SHANGHAI).strftime("%m-%d %H:%M"),
            }
        return name if look is Look.OCCUPIED else self._leased(claim, name)

    def _why_unlisted(self, bar: Bar, room: Room) -> str:
        if room.barred is not None:
            return self._barred[room.barred]
        if room.offers and room.safe_until is not None and room.safe_until <= bar.starts_on:
            return self._barred[Barred.CHECK]
        return self._say["unlisted"]

    def _leased(self, claim: Claim, name: str) -> str:
        if claim.lease_state == "drafted":
            return self._say["drafted"] % {"name": name}
        if claim.expected:
            return self._say["expected"] % {"name": name, "n": claim.expected}
        if claim.starts_on > self._today:
            return self._say["starts"] % {"name": name, "day": claim.starts_on.strftime("%m-%d")}
        return self._say["nobody"] % {"name": name}

    def _flags(self, bar: Bar, room: Room, ends_told: bool) -> list[tuple[str, str]]:
        """What is said of the room today, gravest first."""
        flags: list[tuple[str, str]] = []
        if room.owing_since is not None:
            owed = self._say["owes_rent"] if room.owes_rent else self._say["owes_deposit"]
            flags.append((Flag.ARREARS, owed % {"n": (self._today - room.owing_since).days}))
        if room.reports:
            flags.append((Flag.REGISTRATION, self._say["reports"] % {"n": room.reports}))
        claim = bar.claim
        if room.leaving and room.leaves_on is not None:
            all_with_the_lease = ends_told and claim is not None and claim.ends_on == room.leaves_on
            if not all_with_the_lease:
                day = room.leaves_on.strftime("%m-%d")
                flags.append((Flag.LEAVING, self._say["leaving"] % {"n": room.leaving, "day": day}))
        if bar.look is Look.OCCUPIED and claim is not None and not claim.couple and room.heads < room.beds:
            flags.append((Flag.BEDS, self._say["free_beds"] % {"n": room.beds - room.heads}))
        if room.idle_since is not None and (self._today - room.idle_since).days >= LONG_IDLE_DAYS:
            flags.append(
                (Flag.LONG_IDLE, self._say["long_idle"] % {"n": (self._today - room.idle_since).days})
            )
        if room.notes:
            flags.append((Flag.NOTE, self._say["notes"] % {"n": room.notes}))
        return flags
