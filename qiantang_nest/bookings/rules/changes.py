"""What a change of a signed lease does: rooms, stays, bills, deposit, before and after. Pure.

Three kinds of days are kept apart: agreed (a room's and a lease's ``ends_on``), actual (the handover sheet, a
stay's arrival and leaving), billed (what bills cover). A change moves agreed days; bills follow; actual days
are never written by it. Periods are half-open: a room agreed to its last day is free from the next.

Who must agree follows the contract (clause 8) and domain rulebook 4 and 5: either side ends rooms by notice
of the lease's days; sooner, and for anything else, it needs the other side's yes.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, Self

from qiantang_nest.billing.rules import (
    BillChange,
    BillingTerms,
    RentedRoom,
    StandingBill,
    bill_changes,
    rent_by_rent,
)
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.money import split_largest_remainder
from qiantang_nest.core.period import Period, add_months

MOST_DAYS_BACK = 60
"""How long after the end of a lease it can still be extended without a gap (holding over)."""
LONGEST_MONTHS = 240
"""20 years, Civil Code art. 705."""


class ChangeKind(StrEnum):
    """What is changed."""

    END = "end"
    """Some rooms or all of them end earlier."""
    EXTEND = "extend"
    SWAP = "swap"
    """One room for another of the same lessor."""
    TRANSFER = "transfer"
    """Another firm takes over the lease (Civil Code art. 555)."""
    RELEASE = "release"
    """Some rooms or all of them are given up before the first day."""
    RELOCATE = "relocate"
    """One room for another of another household, under a lease of its own."""


class Side(StrEnum):
    """The two parties of a lease."""

    LESSOR = "lessor"
    LESSEE = "lessee"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked: ``day`` is the last day to end or go on to, the first day of any other change.

    ``room_id`` is the other room of a swap or relocation, ``enterprise_id`` the firm that takes over.
    ``rents`` (lease room id, fen) is what rooms cost a month for the time that is added; others as before.
    """

    kind: ChangeKind
    lease_room_ids: tuple[int, ...]
    day: date
    room_id: int | None = None
    enterprise_id: int | None = None
    rents: tuple[tuple[int, int], ...] = ()

    def as_terms(self) -> dict[str, Any]:
        """As kept with the change."""
        return {
            "lease_room_ids": sorted(self.lease_room_ids),
            "day": self.day.isoformat(),
            "room_id": self.room_id,
            "enterprise_id": self.enterprise_id,
            "rents": [list(rent) for rent in sorted(self.rents)],
        }

    @classmethod
    def from_terms(cls, kind: str, terms: Mapping[str, Any]) -> Self:
        """What a kept change asked."""
        return cls(
            ChangeKind(kind),
            tuple(terms["lease_room_ids"]),
            date.fromisoformat(terms["day"]),
            terms["room_id"],
            terms["enterprise_id"],
            # Changes asked before rents could be agreed have none.
            tuple((lease_room_id, fen) for lease_room_id, fen in terms.get("rents", ())),
        )


# --- what is known ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LetRoom:
    """A room of the lease that has not ended before today; ``deposit_fen`` is the part of it that is held.

    ``rent_fen`` a month from its first day on, ``later_rents`` from theirs; ``follows_id`` is the room in
    whose place it came.
    """

    lease_room_id: int
    room_id: int
    name: str
    rent_fen: int
    period: Period
    deposit_fen: int
    later_rents: tuple[tuple[date, int], ...] = ()
    follows_id: int | None = None

    def rent_on(self, day: date) -> int:
        """What it costs a month on a day; before its first day and after its last, what it costs on that."""
        return max((one for one in self.later_rents if one[0] <= day), default=(day, self.rent_fen))[1]

    def by_rent(self, period: Period, *more: tuple[date, int]) -> list[RentedRoom]:
        """Its days at each rent if it were let for a period, with further rents beside its own."""
        return rent_by_rent(self.lease_room_id, period, self.rent_fen, (*self.later_rents, *more))

    @property
    def ends_on(self) -> date:
        """The day after the last."""
        if self.period.ends_on is None:
            raise ValueError("a room is let for a period with an end")
        return self.period.ends_on


@dataclass(frozen=True, slots=True)
class Sleeper:
    """A stay that is not over: planned, or arrived and not checked out. ``name`` as the actor may see it."""

    stay_id: int
    lease_room_id: int
    bed_no: int
    companion_key: int
    starts_on: date
    ends_on: date
    arrived: bool
    name: str
    elsewhere_from: date | None = None
    """The first day after this stay on which the person has another bed."""


@dataclass(frozen=True, slots=True)
class LeaseFacts:
    """A signed lease as it is now."""

    lease_id: int
    period: Period
    notice_days: int
    deposit_return_days: int
    terms: BillingTerms
    rooms: tuple[LetRoom, ...]
    sleepers: tuple[Sleeper, ...]
    bills: tuple[StandingBill, ...]
    gone: tuple[RentedRoom, ...]
    """Rooms that have ended: no change touches them, their days stay on the bills."""
    deposit_fen: int
    """As agreed."""
    deposit_bill: StandingBill | None
    deposit_months: int
    """Months of rent that were agreed as deposit."""

    @property
    def ends_on(self) -> date:
        """The day after the last."""
        if self.period.ends_on is None:
            raise ValueError("a lease is for a period with an end")
        return self.period.ends_on

    def chosen(self, lease_room_ids: Collection[int]) -> list[LetRoom]:
        """The rooms asked for.

        Raises:
            InvalidValue: none, or one that is not (any more) a room of the lease.
        """
        found = [room for room in self.rooms if room.lease_room_id in lease_room_ids]
        if not found or len(found) != len(set(lease_room_ids)):
            raise InvalidValue(_("请至少选一间还在租的房。"))
        return found


# --- what changes ---------------------------------------------------------------------------------------


class Fate(StrEnum):
    """What becomes of a stay."""

    ENDS = "ends"
    """Its planned end comes earlier."""
    CANCELLED = "cancelled"
    """A plan that no longer has a room."""
    GOES_ON = "goes_on"
    """Its planned end comes later."""
    MOVES = "moves"
    """Into a bed of another room, or the same bed under another lease."""


@dataclass(frozen=True, slots=True)
class RoomChange:
    """A room's agreed days, before (None for one that joins) and after (None for one that is given up).

    Rents a month: ``rent_fen`` up to the change, ``rent_after_fen`` from then on.
    """

    lease_room_id: int
    room_id: int
    name: str
    rent_fen: int
    before: Period | None
    after: Period | None
    rent_after_fen: int


@dataclass(frozen=True, slots=True)
class StayChange:
    """One person's bed."""

    stay_id: int
    name: str
    room: str
    fate: Fate
    ends_on: date
    """The day after the planned last night, after the change; when moving: the day of the move."""
    bed_no: int = 0
    """The bed in the other room, for ``MOVES``."""


@dataclass(frozen=True, slots=True)
class NewLease:
    """The lease of its own under which another household's room comes, in force when both have signed it.

    Sums in fen, rent a month; ``sign_by`` is the last day to sign.
    """

    room_id: int
    owner_id: int
    name: str
    period: Period
    rent_fen: int
    deposit_fen: int
    sign_by: date


@dataclass(frozen=True, slots=True)
class ChangeEffect:
    """Everything a change does. Sums in fen; rents a month."""

    kind: ChangeKind
    effective_on: date
    ends_before: date
    ends_after: date
    rooms: tuple[RoomChange, ...]
    stays: tuple[StayChange, ...]
    bills: tuple[BillChange, ...]
    rent_before_fen: int
    rent_after_fen: int
    deposit_back_fen: int
    deposit_due_on: date | None
    needs_yes: bool
    deposit_after_fen: int
    """What is agreed as deposit of the lease afterwards."""
    new_lease: NewLease | None = None

    @property
    def cancels(self) -> bool:
        """Nothing is left of the lease: all its rooms are given up before the first day."""
        return self.kind is ChangeKind.RELEASE and not self.rent_after_fen

    @property
    def credit_fen(self) -> int:
        """What was paid beyond what is billed now, over all the bills concerned."""
        return max(sum(bill.paid_fen - bill.after_fen for bill in self.bills), 0)

    @property
    def billed_before_fen(self) -> int:
        """The sum of the bills that are voided."""
        return sum(bill.before_fen for bill in self.bills)

    @property
    def billed_after_fen(self) -> int:
        """The sum of the bills issued in their place."""
        return sum(bill.after_fen for bill in self.bills)

    def digest(self) -> str:
        """SHA-256 of what is done, whoever looks: only what was shown is made."""
        body = asdict(self)
        for stay in body["stays"]:
            del stay["name"]
        return sha256(json.dumps(_plain(body), sort_keys=True).encode()).hexdigest()

    def facts(self) -> dict[str, Any]:
        """The effect as kept with the change: days, sums and ids, nobody's name."""
        body = asdict(self)
        for stay in body["stays"]:
            del stay["name"]
        plain = _plain(body)
        if not isinstance(plain, dict):
            raise TypeError("an effect is a mapping")
        return plain


def _plain(value: Any) -> Any:
    """Dates as ISO text, the rest as JSON has it."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


# --- ending rooms ---------------------------------------------------------------------------------------


def earliest_by_notice(facts: LeaseFacts, today: date) -> date:
    """The first last day that one side alone may set: ``notice_days`` after today, within the lease."""
    last = facts.ends_on - timedelta(days=1)
    return min(max(today + timedelta(days=facts.notice_days), facts.period.starts_on), last)


def end_effect(
    facts: LeaseFacts, *, lease_room_ids: Collection[int], last_on: date, today: date
) -> ChangeEffect:
    """End rooms with ``last_on`` as the day they are handed back; they are free from the next day.

    People who live there leave by that day; who would only come later loses the plan.

    Raises:
        InvalidValue: the day has passed, is before a room's first or not before its agreed last day; or
            people live in a room that would be free from today.
    """
    rooms = facts.chosen(lease_room_ids)
    ends_on = last_on + timedelta(days=1)
    if last_on < today - timedelta(days=1):
        raise InvalidValue(_("%(day)s 已经过去，最早填昨天。", day=last_on.isoformat()))
    for room in rooms:
        if last_on < room.period.starts_on:
            raise InvalidValue(
                _(
                    "%(room)s 从 %(day)s 才起租，最后一天不能比它早。",
                    room=room.name,
                    day=room.period.starts_on.isoformat(),
                )
            )
        if ends_on >= room.ends_on:
            raise InvalidValue(
                _(
                    "%(room)s 本来就租到 %(day)s，要提前退请填更早的一天。",
                    room=room.name,
                    day=(room.ends_on - timedelta(days=1)).isoformat(),
                )
            )
    ending = {room.lease_room_id for room in rooms}
    inside = sum(one.arrived and one.lease_room_id in ending for one in facts.sleepers)
    if ends_on <= today and inside:
        raise InvalidValue(_("还有 %(people)s 人住着，请先办退房或换到别的房，再把房退掉。", people=inside))
    changed = tuple(_let_until(room, ends_on) for room in rooms)
    return _effect(
        facts,
        ChangeKind.END,
        effective_on=ends_on,
        rooms=changed,
        stays=_cut_stays(facts, ending, ends_on),
        today=today,
        deposit_back_fen=sum(room.deposit_fen for room in rooms),
        needs_yes=(last_on - today).days < facts.notice_days,
    )


def _cut_stays(facts: LeaseFacts, lease_room_ids: Collection[int], ends_on: date) -> list[StayChange]:
    names = {room.lease_room_id: room.name for room in facts.rooms}
    found = []
    for sleeper in facts.sleepers:
        if sleeper.lease_room_id not in lease_room_ids or sleeper.ends_on <= ends_on:
            continue
        lost = not sleeper.arrived and sleeper.starts_on >= ends_on
        found.append(
            StayChange(
                sleeper.stay_id,
                sleeper.name,
                names[sleeper.lease_room_id],
                Fate.CANCELLED if lost else Fate.ENDS,
                ends_on,
            )
        )
    return found


# --- extending ------------------------------------------------------------------------------------------


def extend_effect(
    facts: LeaseFacts,
    *,
    lease_room_ids: Collection[int],
    last_on: date,
    today: date,
    rents: Sequence[tuple[int, int]] = (),
) -> ChangeEffect:
    """Let rooms go on to ``last_on``; whoever was to stay to the end stays on.

    ``rents`` (lease room id, fen) are agreed for the time that is added; the time before keeps its rent, and
    so does the deposit.

    A lease that ended up to ``MOST_DAYS_BACK`` days ago goes on without a gap. Whether the rooms are free
    is for the caller to look, under the lock.

    Raises:
        InvalidValue: the day is not after a room's agreed last day, or makes more than 20 years; or the
            lease ended too long ago.
    """
    rooms = facts.chosen(lease_room_ids)
    ends_on = last_on + timedelta(days=1)
    if ends_on > add_months(facts.period.starts_on, LONGEST_MONTHS):
        raise InvalidValue(_("连同已经租的，最长 20 年，请把最后一天改早。"))
    for room in rooms:
        last = room.ends_on - timedelta(days=1)
        if ends_on <= room.ends_on:
            raise InvalidValue(
                _("%(room)s 现在租到 %(day)s，续租请填更晚的一天。", room=room.name, day=last.isoformat())
            )
        if room.ends_on < today - timedelta(days=MOST_DAYS_BACK):
            raise InvalidValue(
                _(
                    "%(room)s 在 %(day)s 就到期了，超过 %(most)s 天不能再续，请重新订。",
                    room=room.name,
                    day=last.isoformat(),
                    most=MOST_DAYS_BACK,
                )
            )
    going_on = {room.lease_room_id: room for room in rooms}
    stays = [
        StayChange(
            sleeper.stay_id,
            sleeper.name,
            going_on[sleeper.lease_room_id].name,
            Fate.GOES_ON,
            min(ends_on, sleeper.elsewhere_from or ends_on),
        )
        for sleeper in facts.sleepers
        if sleeper.lease_room_id in going_on
        and sleeper.ends_on == going_on[sleeper.lease_room_id].ends_on
        and (sleeper.elsewhere_from is None or sleeper.elsewhere_from > sleeper.ends_on)
    ]
    changed = tuple(_let_until(room, ends_on, dict(rents).get(room.lease_room_id)) for room in rooms)
    return _effect(
        facts,
        ChangeKind.EXTEND,
        effective_on=min(room.ends_on for room in rooms),
        rooms=changed,
        stays=stays,
        today=today,
        deposit_back_fen=0,
        needs_yes=True,
    )


# --- swapping a room ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OtherRoom:
    """A room, of the same lessor or another, that can take another's place."""

    room_id: int
    name: str
    beds: int
    rent_fen: int
    owner_id: int = 0


def swap_effect(
    facts: LeaseFacts, *, lease_room_id: int, other: OtherRoom, starts_on: date, today: date
) -> ChangeEffect:
    """Give ``other`` for a room from ``starts_on`` on: the old room's last night is the one before.

    People move with it, bed for bed, and as long as they were to stay. The deposit stays as it is.

    Raises:
        InvalidValue: the day has passed or the old room is not let on the day before it and on it; or the
            other room has too few beds.
    """
    room = _room_to_leave(facts, lease_room_id, starts_on, today)
    stays = _moving(facts, lease_room_id, other, starts_on)
    changed = (
        _let_until(room, starts_on),
        RoomChange(
            0,
            other.room_id,
            other.name,
            other.rent_fen,
            None,
            Period(starts_on, room.ends_on),
            other.rent_fen,
        ),
    )
    return _effect(
        facts,
        ChangeKind.SWAP,
        effective_on=starts_on,
        rooms=changed,
        stays=stays,
        today=today,
        deposit_back_fen=0,
        needs_yes=True,
    )


def _room_to_leave(facts: LeaseFacts, lease_room_id: int, starts_on: date, today: date) -> LetRoom:
    """The room that is left on ``starts_on``. Raises InvalidValue for a day that cannot be."""
    (room,) = facts.chosen([lease_room_id])
    if starts_on < today:
        raise InvalidValue(_("%(day)s 已经过去，最早从今天换。", day=starts_on.isoformat()))
    if not room.period.starts_on < starts_on < room.ends_on:
        raise InvalidValue(
            _(
                "%(room)s 租到 %(last)s，换房要在起租之后、到期之前。",
                room=room.name,
                last=(room.ends_on - timedelta(days=1)).isoformat(),
            )
        )
    return room


def _moving(facts: LeaseFacts, lease_room_id: int, other: OtherRoom, starts_on: date) -> list[StayChange]:
    """Who moves into the other room, bed for bed. Raises InvalidValue if it has too few."""
    stays = []
    for sleeper in sorted(facts.sleepers, key=lambda one: (one.bed_no, one.starts_on)):
        if sleeper.lease_room_id != lease_room_id or sleeper.ends_on <= starts_on:
            continue
        if sleeper.bed_no > other.beds:
            raise InvalidValue(
                _(
                    "%(room)s 只有 %(beds)s 张床，住不下现在的人。请换一间，或先把人换到别处。",
                    room=other.name,
                    beds=other.beds,
                )
            )
        stays.append(
            StayChange(
                sleeper.stay_id, sleeper.name, other.name, Fate.MOVES, starts_on, bed_no=sleeper.bed_no
            )
        )
    return stays


# --- a room of another household ------------------------------------------------------------------------


def relocate_effect(
    facts: LeaseFacts,
    *,
    lease_room_id: int,
    other: OtherRoom,
    starts_on: date,
    sign_by: date,
    asked_on: date,
    today: date,
) -> ChangeEffect:
    """Leave a room on ``starts_on`` for one of another household: a repair that takes long, or a quarrel.

    The old room goes back like one that is ended early; the notice counts from ``asked_on``. The new one
    comes under a lease of its own, on the terms of this one, for as long as the old room was let; people move
    with it, bed for bed. Nothing is done before both have signed that lease.

    Raises:
        InvalidValue: as ``swap_effect``.
    """
    room = _room_to_leave(facts, lease_room_id, starts_on, today)
    return _effect(
        facts,
        ChangeKind.RELOCATE,
        effective_on=starts_on,
        rooms=(_let_until(room, starts_on),),
        stays=_moving(facts, lease_room_id, other, starts_on),
        today=today,
        deposit_back_fen=room.deposit_fen,
        needs_yes=(starts_on - timedelta(days=1) - asked_on).days < facts.notice_days,
        new_lease=NewLease(
            room_id=other.room_id,
            owner_id=other.owner_id,
            name=other.name,
            period=Period(starts_on, room.ends_on),
            rent_fen=other.rent_fen,
            deposit_fen=facts.deposit_months * other.rent_fen,
            sign_by=sign_by,
        ),
    )


# --- giving up before the first day -----------------------------------------------------------------------


def release_effect(facts: LeaseFacts, *, lease_room_ids: Collection[int], today: date) -> ChangeEffect:
    """Give rooms up before the lease begins: no day of them is billed, their part of the deposit is not due.

    With the last room the lease comes to nothing. By notice it costs nothing (contract clause 8); with less
    time than that left it needs the other side's yes.

    Raises:
        InvalidValue: the lease has begun, or the room in whose place another is to come goes without it.
    """
    rooms = facts.chosen(lease_room_ids)
    first = facts.period.starts_on
    if first <= today:
        raise InvalidValue(_("%(day)s 已经起租了，要退请办提前退房。", day=first.isoformat()))
    going = {room.lease_room_id for room in rooms}
    for room in facts.rooms:
        if room.follows_id is not None and (room.lease_room_id in going) != (room.follows_id in going):
            raise InvalidValue(_("%(room)s 是说好换来的，要和原来那间一起退掉。", room=room.name))
    left = [room for room in facts.rooms if room.lease_room_id not in going and room.follows_id is None]
    agreed = [room for room in facts.rooms if room.follows_id is None]
    shares = split_largest_remainder(facts.deposit_fen, [room.rent_fen for room in agreed])
    deposit_fen = sum(fen for room, fen in zip(agreed, shares, strict=True) if room in left)
    return _effect(
        facts,
        ChangeKind.RELEASE,
        effective_on=first,
        rooms=[
            RoomChange(room.lease_room_id, room.room_id, room.name, room.rent_fen, room.period, None, 0)
            for room in rooms
        ],
        stays=[
            StayChange(
                sleeper.stay_id,
                sleeper.name,
                next(room.name for room in rooms if room.lease_room_id == sleeper.lease_room_id),
                Fate.CANCELLED,
                first,
            )
            for sleeper in facts.sleepers
            if sleeper.lease_room_id in going
        ],
        today=today,
        deposit_back_fen=0,
        needs_yes=(first - timedelta(days=1) - today).days < facts.notice_days,
        deposit_after_fen=deposit_fen,
    )


# --- another firm ---------------------------------------------------------------------------------------


def transfer_effect(facts: LeaseFacts, *, starts_on: date, today: date) -> ChangeEffect:
    """Another firm takes the lease over from ``starts_on``: bills up to the day before stay with the old.

    The deposit is asked of the new firm and goes back to the old one.

    Raises:
        InvalidValue: the day has passed, or the lease does not run on it and on the day before.
    """
    if starts_on < today:
        raise InvalidValue(_("%(day)s 已经过去，最早从今天转。", day=starts_on.isoformat()))
    rooms = [room for room in facts.rooms if room.ends_on > starts_on]
    if not rooms or any(room.period.starts_on >= starts_on for room in rooms):
        raise InvalidValue(
            _(
                "合同租到 %(last)s，转给别的企业要在起租之后、到期之前。",
                last=(facts.ends_on - timedelta(days=1)).isoformat(),
            )
        )
    names = {room.lease_room_id: room.name for room in rooms}
    stays = [
        StayChange(
            sleeper.stay_id,
            sleeper.name,
            names[sleeper.lease_room_id],
            Fate.MOVES,
            starts_on,
            bed_no=sleeper.bed_no,
        )
        for sleeper in facts.sleepers
        if sleeper.lease_room_id in names and sleeper.ends_on > starts_on
    ]
    changed = tuple(_let_until(room, starts_on) for room in rooms)
    return _effect(
        facts,
        ChangeKind.TRANSFER,
        effective_on=starts_on,
        rooms=changed,
        stays=stays,
        today=today,
        deposit_back_fen=sum(room.deposit_fen for room in rooms),
        needs_yes=True,
    )


# --- what they have in common ---------------------------------------------------------------------------


def _let_until(room: LetRoom, ends_on: date, rent_after_fen: int | None = None) -> RoomChange:
    """The room with another end; ``rent_after_fen`` from its present end on."""
    last = min(ends_on, room.ends_on) - timedelta(days=1)
    rent_fen = room.rent_on(last)
    return RoomChange(
        room.lease_room_id,
        room.room_id,
        room.name,
        rent_fen,
        room.period,
        Period(room.period.starts_on, ends_on),
        rent_fen if rent_after_fen is None else rent_after_fen,
    )


def _effect(
    facts: LeaseFacts,
    kind: ChangeKind,
    *,
    effective_on: date,
    rooms: Sequence[RoomChange],
    stays: Sequence[StayChange],
    today: date,
    deposit_back_fen: int,
    needs_yes: bool,
    deposit_after_fen: int | None = None,
    new_lease: NewLease | None = None,
) -> ChangeEffect:
    changed = {room.lease_room_id: room for room in rooms}
    before = [part for room in facts.rooms for part in room.by_rent(room.period)]
    after = list(facts.gone)
    for room in facts.rooms:
        change = changed.get(room.lease_room_id)
        if change is None:
            after += room.by_rent(room.period)
        elif change.after is not None:
            agreed = (
                [(room.ends_on, change.rent_after_fen)] if change.rent_after_fen != change.rent_fen else []
            )
            after += room.by_rent(change.after, *agreed)
    after += [
        RentedRoom(0, room.rent_fen, room.after)
        for room in rooms
        if room.before is None and room.after is not None
    ]
    ends = [room.period.ends_on for room in after if room.period.ends_on is not None]
    bills = bill_changes(facts.bills, after, facts.terms, today)
    deposit_after = facts.deposit_fen if deposit_after_fen is None else deposit_after_fen
    if facts.deposit_bill is not None and deposit_after != facts.deposit_fen:
        bills.insert(0, _deposit_change(facts.deposit_bill, facts.period, deposit_after, today))
    return ChangeEffect(
        kind=kind,
        effective_on=effective_on,
        ends_before=facts.ends_on,
        ends_after=max(ends, default=facts.ends_on),
        rooms=tuple(rooms),
        stays=tuple(stays),
        bills=tuple(bills),
        # What is given up before it begins costs nothing on the day before either way.
        rent_before_fen=_rent_on(
            before, effective_on if kind is ChangeKind.RELEASE else effective_on - timedelta(days=1)
        ),
        rent_after_fen=_rent_on(after, effective_on),
        deposit_back_fen=deposit_back_fen,
        deposit_due_on=(
            effective_on - timedelta(days=1) + timedelta(days=facts.deposit_return_days)
            if deposit_back_fen
            else None
        ),
        needs_yes=needs_yes,
        deposit_after_fen=deposit_after,
        new_lease=new_lease,
    )


def _deposit_change(bill: StandingBill, period: Period, after_fen: int, today: date) -> BillChange:
    """The bill of the deposit for the rooms that are left."""
    return BillChange(
        bill_id=bill.id,
        number=bill.number,
        seq=bill.seq,
        starts_on=period.starts_on,
        ends_on=period.ends_on or period.starts_on,
        before_fen=bill.amount_fen,
        paid_fen=bill.paid_fen,
        after_fen=after_fen,
        issue_on=today if after_fen else None,
    )


def _rent_on(rooms: Sequence[RentedRoom], day: date) -> int:
    return sum(room.rent_fen for room in rooms if room.period.contains(day))
