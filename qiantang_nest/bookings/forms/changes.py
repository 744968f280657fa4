"""What changes of a signed lease ask for, and the other side's answer."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from wtforms import Field, HiddenField, RadioField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, Optional, ValidationError

from qiantang_nest.bookings.forms import ChecksField
from qiantang_nest.bookings.queries.change_effects import RoomNearby
from qiantang_nest.bookings.rules.changes import (
    ChangeKind,
    LeaseFacts,
    OtherRoom,
    Wanted,
    earliest_by_notice,
)
from qiantang_nest.core.forms import BaseForm, CheckedField, DayField, SelectChoice, YuanField, given
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.core.identifiers import check_uscc
from qiantang_nest.core.money import format_yuan
from qiantang_nest.core.period import add_months

LOWEST_RENT_FEN, HIGHEST_RENT_FEN = 100, 10_000_000
"""A room and month: from 1 yuan to 100,000; the rulebook bounds no rent."""


class ChangeForm(BaseForm):
    """What every change of a lease has: why, and the digest of what the page said it does.

    ``kind`` says which change; ``offer`` fills choices and, when the page is opened, what is most likely.
    """

    kind: ChangeKind
    reason = TextAreaField(_l("为什么"), [Optional(), Length(max=200)])
    shown = HiddenField()

    @property
    def day_field(self) -> Field:
        """Where a refusal of the change is shown."""
        raise NotImplementedError

    def wanted(self) -> Wanted:
        """What is asked, of a validated form."""
        raise NotImplementedError


class RoomsForm(ChangeForm):
    """Some rooms of a lease, and a last day for them."""

    rooms = ChecksField(_l("哪几间"), [DataRequired(_l("请至少选一间房。"))], coerce=int, choices=[])
    last_on = DayField(_l("最后一天"), [InputRequired(_l("请写最后一天。"))])

    def offer(self, facts: LeaseFacts, today: date) -> None:
        """All rooms are chosen until somebody takes one out."""
        self.rooms.choices = [
            SelectChoice(
                room.lease_room_id,
                _(
                    "%(room)s，租到 %(day)s",
                    room=room.name,
                    day=(room.ends_on - timedelta(days=1)).isoformat(),
                ),
            )
            for room in facts.rooms
        ]
        if not self.is_submitted():
            self.rooms.data = [room.lease_room_id for room in facts.rooms]
            self.last_on.data = self._likely(facts, today)

    def _likely(self, facts: LeaseFacts, today: date) -> date:
        raise NotImplementedError

    @property
    def day_field(self) -> Field:
        """The last day."""
        return self.last_on

    def wanted(self) -> Wanted:
        """The rooms and the day."""
        return Wanted(self.kind, tuple(given(self.rooms)), given(self.last_on))


class EndLeaseForm(RoomsForm):
    """Rooms that go back before their time."""

    kind = ChangeKind.END

    def _likely(self, facts: LeaseFacts, today: date) -> date:
        return earliest_by_notice(facts, today)


class ExtendLeaseForm(RoomsForm):
    """Rooms that are let longer, each at the rent it has or another; ``extend_form`` adds a field a room."""

    kind = ChangeKind.EXTEND
    rent_of: Mapping[int, int] = {}
    """lease room id → what it costs a month at its end, in fen."""

    def offer(self, facts: LeaseFacts, today: date) -> None:
        """The rents stay as they are until somebody writes another."""
        super().offer(facts, today)
        if not self.is_submitted():
            for lease_room_id, rent_fen in self.rent_of.items():
                self.rent_field(lease_room_id).data = rent_fen

    def _likely(self, facts: LeaseFacts, today: date) -> date:
        return add_months(facts.ends_on, 3) - timedelta(days=1)

    def rent_field(self, lease_room_id: int) -> Field:
        """Where the rent of the added time is written."""
        field: Field = self[f"rent_{lease_room_id}"]
        return field

    def wanted(self) -> Wanted:
        """The rooms, the day, and the rents that are other ones."""
        chosen = given(self.rooms)
        written = {one: self.rent_field(one).data for one in chosen if one in self.rent_of}
        rents = tuple((one, fen) for one, fen in written.items() if fen not in (None, self.rent_of[one]))
        return Wanted(self.kind, tuple(chosen), given(self.last_on), rents=rents)


def extend_form(facts: LeaseFacts) -> ExtendLeaseForm:
    """The form for the rooms of a lease."""
    rent_of = {room.lease_room_id: room.rent_on(room.ends_on - timedelta(days=1)) for room in facts.rooms}
    fields = {
        f"rent_{room.lease_room_id}": YuanField(
            _("%(room)s 续租后的月租", room=room.name),
            [Optional()],
            low_fen=LOWEST_RENT_FEN,
            high_fen=HIGHEST_RENT_FEN,
        )
        for room in facts.rooms
    }
    made: ExtendLeaseForm = type("ExtendLeaseForm", (ExtendLeaseForm,), {**fields, "rent_of": rent_of})()
    return made


class ReleaseRoomsForm(ChangeForm):
    """Rooms that are given up before the first day."""

    kind = ChangeKind.RELEASE
    rooms = ChecksField(_l("哪几间不要了"), [DataRequired(_l("请至少选一间房。"))], coerce=int, choices=[])
    first_on: date

    def offer(self, facts: LeaseFacts, _today: date) -> None:
        """No room is chosen: it may be one or all."""
        self.first_on = facts.period.starts_on
        self.rooms.choices = [
            SelectChoice(
                room.lease_room_id,
                _("%(room)s，每月 %(rent)s 元", room=room.name, rent=format_yuan(room.rent_fen)),
            )
            for room in facts.rooms
        ]

    @property
    def day_field(self) -> Field:
        """The rooms: there is no day to choose."""
        return self.rooms

    def wanted(self) -> Wanted:
        """The rooms, from the first day on."""
        return Wanted(self.kind, tuple(given(self.rooms)), self.first_on)


class SwapRoomForm(ChangeForm):
    """One room for another."""

    kind = ChangeKind.SWAP
    room = RadioField(_l("哪一间要换"), [InputRequired(_l("请选要换的房。"))], coerce=int, choices=[])
    other = RadioField(_l("换到哪一间"), [InputRequired(_l("请选换去的房。"))], coerce=int, choices=[])
    first_on = DayField(_l("从哪天起住新的一间"), [InputRequired(_l("请写从哪天起。"))])

    def offer(self, facts: LeaseFacts, today: date) -> None:
        """The first room and the first day are chosen until somebody says otherwise."""
        self.room.choices = [
            SelectChoice(
                room.lease_room_id,
                _("%(room)s，每月 %(rent)s 元", room=room.name, rent=format_yuan(room.rent_fen)),
            )
            for room in facts.rooms
        ]
        if not self.is_submitted():
            self.room.data = facts.rooms[0].lease_room_id if facts.rooms else None
            self.first_on.data = max(today, facts.period.starts_on + timedelta(days=1))

    def offer_others(self, others: Sequence[OtherRoom]) -> None:
        """The rooms that are free for those days."""
        self.other.choices = [
            SelectChoice(
                one.room_id,
                _(
                    "%(room)s，%(beds)s 张床，每月 %(rent)s 元",
                    room=one.name,
                    beds=one.beds,
                    rent=format_yuan(one.rent_fen),
                ),
            )
            for one in others
        ]
        if not self.is_submitted() and others:
            self.other.data = others[0].room_id

    @property
    def day_field(self) -> Field:
        """The first day in the other room."""
        return self.first_on

    def wanted(self) -> Wanted:
        """Both rooms and the day."""
        return Wanted(self.kind, (given(self.room),), given(self.first_on), room_id=given(self.other))


class RelocateForm(SwapRoomForm):
    """One room for another of another household of the village."""

    kind = ChangeKind.RELOCATE

    def offer_nearby(self, found: Sequence[RoomNearby]) -> None:
        """The rooms that are free for those days, nearest first."""
        self.other.choices = [
            SelectChoice(
                one.room.room_id,
                _(
                    "%(room)s，%(beds)s 张床，%(size)s ㎡，每月 %(rent)s 元，离原来约 %(metres)s 米",
                    room=one.room.name,
                    beds=one.room.beds,
                    size=f"{one.usable_m2:g}",
                    rent=format_yuan(one.room.rent_fen),
                    metres=one.metres,
                ),
            )
            for one in found
        ]
        if not self.is_submitted() and found:
            self.other.data = found[0].room.room_id


class TransferLeaseForm(ChangeForm):
    """The firm that takes over, by its code, and from when."""

    kind = ChangeKind.TRANSFER
    uscc = CheckedField(
        _l("接手企业的统一社会信用代码"),
        [DataRequired(_l("请填 18 位统一社会信用代码。"))],
        checker=check_uscc,
    )
    first_on = DayField(_l("从哪天起转"), [InputRequired(_l("请写从哪天起。"))])
    enterprise_id: int | None = None
    taker_name = ""
    room_ids: tuple[int, ...] = ()

    def validate_uscc(self, _field: Field) -> None:
        """The code of a verified firm; the view looks it up."""
        if self.enterprise_id is None:
            raise ValidationError(_("没有找到街道核验过的这家企业，请核对信用代码。"))

    def offer(self, facts: LeaseFacts, today: date) -> None:
        """All rooms go over; the first day is likely the first of the next month."""
        self.room_ids = tuple(room.lease_room_id for room in facts.rooms)
        if not self.is_submitted():
            self.first_on.data = add_months(today.replace(day=1), 1)

    @property
    def day_field(self) -> Field:
        """The first day with the other firm."""
        return self.first_on

    def wanted(self) -> Wanted:
        """The firm and the day."""
        return Wanted(self.kind, self.room_ids, given(self.first_on), enterprise_id=self.enterprise_id)


class AnswerChangeForm(BaseForm):
    """The other side's yes or no to a change."""

    answer = RadioField(
        _l("同意吗"),
        [InputRequired(_l("请选同意或不同意。"))],
        choices=[SelectChoice("yes", _l("同意，照这样改")), SelectChoice("no", _l("不同意"))],
    )
    reason = TextAreaField(_l("说一句为什么"), [Optional(), Length(max=200)])
    shown = HiddenField()
