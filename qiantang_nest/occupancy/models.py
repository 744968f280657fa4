"""THE row that says a room is taken, the leases behind it, and who sleeps where."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, UniqueConstraint, column, text
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.sql import func

from qiantang_nest.core.crypto import HasSealed, SealedText, hash_column, sealed_column
from qiantang_nest.core.db import Base, refuse_as
from qiantang_nest.core.errors import DomainError, InvalidValue, WrongState
from qiantang_nest.core.i18n import _l
from qiantang_nest.enterprises.models import Enterprise, Worker
from qiantang_nest.housing.models import Owner, Room
from qiantang_nest.occupancy.rules import last_day_to_sign

ACTIVE_CLAIM = "state IN ('held', 'leased', 'closed')"


class RoomTaken(DomainError):
    """Somebody else took the room for one of the days."""


class BedTaken(DomainError):
    """Another worker has the bed on one of the days."""


class WorkerHoused(DomainError):
    """The worker already has a bed on one of the days."""


class MixedRoom(DomainError):
    """Men and women, or a couple and others, would share a room."""


class RoomClaim(Base):
    """A room is taken from ``starts_on`` up to, not including, ``ends_on``.

    ``held`` until ``held_until`` (an expired hold is free whether or not anything has swept it), first by the
    hold, then by the lease that both sides have yet to sign; ``leased`` once they have; ``closed`` (repair,
    own use); ``released`` (history; blocks nothing).
    """

    __tablename__ = "room_claim"
    __table_args__ = (
        CheckConstraint("state IN ('held', 'leased', 'closed', 'released')", name="state_known"),
        CheckConstraint("ends_on > starts_on", name="period_forward"),
        CheckConstraint("(state = 'held') <= (held_until IS NOT NULL)", name="hold_has_end"),
        # The search looks at held_until alone: what is let or closed must never seem to run out.
        CheckConstraint("state NOT IN ('leased', 'closed') OR held_until IS NULL", name="only_holds_end"),
        ExcludeConstraint(
            (column("room_id"), "="),
            (text("daterange(starts_on, ends_on)"), "&&"),
            name="room_claim_no_overlap",
            using="gist",
            where=text(ACTIVE_CLAIM),
        ),
        # The probe of the search: live claims of a room never overlap, so the last one that starts before
        # the wanted end is the only one that can reach past the wanted start.
        Index(
            "ix_room_claim_probe",
            "room_id",
            "starts_on",
            postgresql_include=["ends_on", "held_until"],
            postgresql_where=text(ACTIVE_CLAIM),
        ),
        Index("ix_room_claim_held_until", "held_until", postgresql_where=text("state = 'held'")),
        # Occupancy of a village over time, without touching the table.
        Index(
            "ix_room_claim_village",
            "village_code",
            "starts_on",
            postgresql_include=["ends_on", "state", "room_id"],
            postgresql_where=text(ACTIVE_CLAIM),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("room.id"))
    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    state: Mapped[str]
    held_until: Mapped[datetime | None]
    reason: Mapped[str | None]
    """Why a room is closed."""
    closed_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    on_behalf_of: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    """Set when the clerk closed it as the household's proxy."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    room: Mapped[Room] = relationship()


class Lease(Base):
    """One contract between one lessor and one employer for rooms of one booking.

    ``drafted`` until both have signed, then ``signed``; ``cancelled`` if one side took its word back before
    that, or all rooms were given up before the first day (``LeaseWithdrawal``). Drafted and past
    ``sign_until`` means lapsed: computed, never stored.

    Terms follow 住房租赁条例 art. 10 and the SAMR model lease; sums in fen, ``late_fee_permyriad`` is
    1/10,000 of the unpaid principal a day.
    """

    __tablename__ = "lease"
    __table_args__ = (
        CheckConstraint("mode IN ('direct', 'sublet', 'mandate')", name="mode_known"),
        CheckConstraint("state IN ('drafted', 'signed', 'cancelled', 'ended')", name="state_known"),
        CheckConstraint("convention IN ('anchor', 'calendar')", name="convention_known"),
        CheckConstraint("proration IN ('actual', '30')", name="proration_known"),
        CheckConstraint("filing_state IN ('none', 'submitted', 'filed', 'returned')", name="filing_known"),
        CheckConstraint("utilities_by IN ('lessee', 'lessor')", name="utilities_known"),
        # Civil Code art. 705: at most 20 years.
        CheckConstraint(
            "ends_on > starts_on AND ends_on <= starts_on + interval '20 years'", name="term_lawful"
        ),
        CheckConstraint("(state = 'drafted') <= (signed_on IS NULL)", name="draft_unsigned"),
        CheckConstraint("(state = 'drafted') <= (sign_until IS NOT NULL)", name="draft_has_end"),
        CheckConstraint("(document_sha256 IS NULL) = (document_media IS NULL)", name="document_whole"),
        Index("ix_lease_owner_id", "owner_id"),
        Index("ix_lease_enterprise_id", "enterprise_id"),
        Index("ix_lease_village_code_state", "village_code", "state"),
        Index("ix_lease_running", "starts_on", "ends_on", postgresql_where=text("state = 'signed'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    mode: Mapped[str] = mapped_column(server_default=text("'direct'"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"))
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id"))
    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    convention: Mapped[str] = mapped_column(server_default=text("'anchor'"))
    proration: Mapped[str] = mapped_column(server_default=text("'actual'"))
    bill_lead_days: Mapped[int] = mapped_column(server_default=text("7"))
    grace_days: Mapped[int] = mapped_column(server_default=text("5"))
    deposit_fen: Mapped[int]
    deposit_return_days: Mapped[int] = mapped_column(server_default=text("7"))
    late_fee_permyriad: Mapped[int] = mapped_column(server_default=text("5"))
    notice_days: Mapped[int] = mapped_column(server_default=text("30"))
    utilities_by: Mapped[str] = mapped_column(server_default=text("'lessee'"))
    state: Mapped[str] = mapped_column(server_default=text("'drafted'"))
    document_sha256: Mapped[str | None]
    """Of the PDF both sides sign, drawn when it is first looked at; from then on it never changes."""
    document_media: Mapped[str | None]
    """Its name in the media store."""
    sign_until: Mapped[datetime | None]
    """From then on it cannot be signed and its rooms are free; None for leases taken over from paper."""
    signed_on: Mapped[date | None]
    ended_on: Mapped[date | None]
    end_reason: Mapped[str | None]
    filing_state: Mapped[str] = mapped_column(server_default=text("'none'"))
    filing_number: Mapped[str | None]
    filed_on: Mapped[date | None]
    filed_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    owner: Mapped[Owner] = relationship()
    enterprise: Mapped[Enterprise] = relationship()

    @property
    def sign_by(self) -> date | None:
        """The last day on which it may be signed."""
        return None if self.sign_until is None else last_day_to_sign(self.sign_until)


class LeaseRoom(Base):
    """One room of a lease, its rent a month and its days; ends early when the room goes back early.

    A room that was given up before its first day has no days: it ends on the day it starts, and is no room of
    the lease any more (``LET``).
    """

    __tablename__ = "lease_room"
    __table_args__ = (
        CheckConstraint("ends_on >= starts_on", name="period_forward"),
        CheckConstraint("rent_fen > 0", name="rent_positive"),
        Index("ix_lease_room_lease_id", "lease_id"),
        Index("ix_lease_room_room_id", "room_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lease_id: Mapped[int] = mapped_column(ForeignKey("lease.id"))
    claim_id: Mapped[int] = mapped_column(ForeignKey("room_claim.id"), unique=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("room.id"))
    rent_fen: Mapped[int]
    """From the first day on; ``LeaseRoomRent`` has what was agreed for later days."""
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    follows_id: Mapped[int | None] = mapped_column(ForeignKey("lease_room.id"), unique=True)
    """The room in whose place it came (swap); its part of the deposit goes on with this one."""

    lease: Mapped[Lease] = relationship()
    room: Mapped[Room] = relationship()


LET = LeaseRoom.ends_on > LeaseRoom.starts_on
"""Rooms that have days, as every lease had when it was signed."""


class LeaseRoomRent(Base):
    """Another rent a month of a room from a day on: agreed with the extension that begins on it."""

    __tablename__ = "lease_room_rent"
    __table_args__ = (CheckConstraint("rent_fen > 0", name="rent_positive"),)

    lease_room_id: Mapped[int] = mapped_column(
        ForeignKey("lease_room.id"), primary_key=True, autoincrement=False
    )
    starts_on: Mapped[date] = mapped_column(primary_key=True)
    rent_fen: Mapped[int]


class LeaseSignature(Base):
    """One side's signature: who, when, over which document, by a code sent to which phone."""

    __tablename__ = "lease_signature"
    __table_args__ = (
        UniqueConstraint("lease_id", "side", name="uq_lease_signature_side"),
        CheckConstraint("side IN ('lessor', 'lessee')", name="side_known"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lease_id: Mapped[int] = mapped_column(ForeignKey("lease.id"))
    side: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("app_user.id"))
    on_behalf_of: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    """Set when the clerk signs as the household's proxy."""
    document_sha256: Mapped[str]
    sms_code_id: Mapped[int | None] = mapped_column(ForeignKey("sms_code.id"), unique=True)
    """The used code, bound to phone, purpose and document; None only for leases taken over from paper."""
    signed_at: Mapped[datetime]


class LeaseWithdrawal(Base):
    """Why a lease came to nothing: who took it back before both had signed or gave up all its rooms before
    the first day, and the reason the others read.

    ``office`` when a house of it was found dangerous. Signatures given before stay as they are.
    """

    __tablename__ = "lease_withdrawal"
    __table_args__ = (
        CheckConstraint("side IN ('lessor', 'lessee', 'office')", name="side_known"),
        CheckConstraint("btrim(reason) <> ''", name="reason_given"),
    )

    lease_id: Mapped[int] = mapped_column(ForeignKey("lease.id"), primary_key=True, autoincrement=False)
    side: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("app_user.id"))
    on_behalf_of: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    """Set when the clerk wrote it as the household's proxy."""
    reason: Mapped[str]
    withdrawn_at: Mapped[datetime]


class LeaseChange(Base):
    """One change of a signed lease: asked by one side, made at once or after the other side's yes.

    What was asked (``terms``) never changes; ``facts`` is what the page showed, before and after, as it was
    made. A row that is no longer ``asked`` never changes (trigger): together they are a lease's history.
    """

    __tablename__ = "lease_change"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('end', 'extend', 'swap', 'transfer', 'release', 'relocate')", name="kind_known"
        ),
        CheckConstraint("state IN ('asked', 'done', 'refused', 'withdrawn')", name="state_known"),
        CheckConstraint("asked_side IN ('lessor', 'lessee')", name="side_known"),
        CheckConstraint("(state = 'asked') = (decided_at IS NULL)", name="decided"),
        CheckConstraint("(kind = 'transfer') = (taker_id IS NOT NULL)", name="taker_of_transfer"),
        CheckConstraint(
            "kind <> 'transfer' OR state <> 'done' OR taken_at IS NOT NULL", name="taken_before_done"
        ),
        CheckConstraint("kind <> 'relocate' OR new_lease_id IS NOT NULL", name="relocated_to_a_lease"),
        CheckConstraint(
            "agreed_at IS NULL OR (kind = 'relocate' AND agreed_by IS NOT NULL)", name="agreed_to_relocate"
        ),
        # Of two open questions on one lease the second would be asked of facts the first may change.
        Index("uq_lease_change_open", "lease_id", unique=True, postgresql_where=text("state = 'asked'")),
        Index("ix_lease_change_lease_id", "lease_id"),
        Index(
            "uq_lease_change_new_lease_id",
            "new_lease_id",
            unique=True,
            postgresql_where=text("new_lease_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lease_id: Mapped[int] = mapped_column(ForeignKey("lease.id"))
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'asked'"))
    effective_on: Mapped[date]
    """The first day on which things are as they are after the change."""
    reason: Mapped[str]
    terms: Mapped[dict[str, Any]] = mapped_column(JSONB)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    asked_side: Mapped[str]
    asked_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    asked_for: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    """Set when the clerk asked as the household's proxy."""
    asked_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    decided_for: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    """Set when the clerk answered as the household's proxy."""
    decided_at: Mapped[datetime | None]
    answer_reason: Mapped[str | None]
    taker_id: Mapped[int | None] = mapped_column(ForeignKey("enterprise.id"))
    """The firm that is to take the lease over; it says yes before the lessor is asked."""
    taken_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    taken_at: Mapped[datetime | None]
    new_lease_id: Mapped[int | None] = mapped_column(ForeignKey("lease.id"))
    """The lease that goes on with the rooms, when it is another firm's; of a relocation, that of the room to
    come, drafted with the question and signed before it is made."""
    agreed_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    agreed_for: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    """Set when the clerk agreed as the household's proxy."""
    agreed_at: Mapped[datetime | None]
    """When the lessor let the room of a relocation go sooner than by notice."""

    lease: Mapped[Lease] = relationship(foreign_keys=[lease_id])


class Handover(Base):
    """房屋交割单: a room given to the employer (``start``) or back to the household (``end``).

    Whoever writes it has said yes to it; the other side says yes to that ``version`` or writes it anew,
    which asks the first again. With both it never changes (trigger), and ``happened_on`` is the actual day.
    """

    __tablename__ = "handover"
    __table_args__ = (
        UniqueConstraint("lease_room_id", "moment", name="uq_handover_moment"),
        CheckConstraint("moment IN ('start', 'end')", name="moment_known"),
        CheckConstraint(
            "coalesce(electric_kwh, 0) >= 0 AND coalesce(water_m3, 0) >= 0 AND coalesce(gas_m3, 0) >= 0",
            name="readings_not_negative",
        ),
        CheckConstraint("keys BETWEEN 0 AND 99", name="keys_sensible"),
        CheckConstraint("lessor_at IS NOT NULL OR lessee_at IS NOT NULL", name="written_by_a_side"),
        CheckConstraint(
            "(lessor_at IS NULL) = (lessor_by IS NULL) AND (lessee_at IS NULL) = (lessee_by IS NULL)",
            name="who_and_when",
        ),
        Index(
            "ix_handover_open",
            "village_code",
            postgresql_where=text("lessor_at IS NULL OR lessee_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lease_room_id: Mapped[int] = mapped_column(ForeignKey("lease_room.id"))
    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"))
    moment: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    happened_on: Mapped[date]
    electric_kwh: Mapped[Decimal | None] = mapped_column(Numeric(10, 1))
    water_m3: Mapped[Decimal | None] = mapped_column(Numeric(10, 1))
    gas_m3: Mapped[Decimal | None] = mapped_column(Numeric(10, 1))
    keys: Mapped[int]
    inventory: Mapped[dict[str, str]] = mapped_column(JSONB)
    """thing → condition, of ``rules.THINGS`` and ``rules.CONDITIONS``."""
    note: Mapped[str] = mapped_column(server_default=text("''"))
    lessor_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    lessor_for: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    """Set when the clerk stood in for the household."""
    lessor_at: Mapped[datetime | None]
    lessee_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    lessee_at: Mapped[datetime | None]

    lease_room: Mapped[LeaseRoom] = relationship()

    @property
    def agreed(self) -> bool:
        """Both sides have said yes to it as it is."""
        return self.lessor_at is not None and self.lessee_at is not None


class HandoverPhoto(Base):
    """A photograph that belongs to a handover sheet."""

    __tablename__ = "handover_photo"
    __table_args__ = (Index("ix_handover_photo_handover_id", "handover_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    handover_id: Mapped[int] = mapped_column(ForeignKey("handover.id"))
    media_name: Mapped[str] = mapped_column(unique=True)
    added_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())

    handover: Mapped[Handover] = relationship()


class Stay(Base):
    """One worker in one bed from ``starts_on`` up to, not including, ``ends_on``.

    Until arrival it is a plan; ``arrived_on`` is set at check-in, ``left_on`` at check-out, which also
    shortens ``ends_on``. ``companion_key`` is 1 for men, 2 for women, 3 and 4 for those on night shift,
    1000 + a couple's key for couples: all who share a room on a day have the same one.
    """

    __tablename__ = "stay"
    __table_args__ = (
        CheckConstraint("ends_on > starts_on OR cancelled_at IS NOT NULL", name="period_forward"),
        CheckConstraint("bed_no BETWEEN 1 AND 20", name="bed_no_sensible"),
        CheckConstraint("left_on IS NULL OR (arrived_on IS NOT NULL AND left_on = ends_on)", name="left"),
        CheckConstraint("arrived_on IS NULL OR arrived_on = starts_on", name="arrived_at_start"),
        ExcludeConstraint(
            (column("room_id"), "="),
            (column("bed_no"), "="),
            (text("daterange(starts_on, ends_on)"), "&&"),
            name="stay_one_worker_a_bed",
            using="gist",
            where=text("cancelled_at IS NULL"),
        ),
        ExcludeConstraint(
            (column("worker_id"), "="),
            (text("daterange(starts_on, ends_on)"), "&&"),
            name="stay_one_bed_a_worker",
            using="gist",
            where=text("cancelled_at IS NULL"),
        ),
        ExcludeConstraint(
            (column("room_id"), "="),
            (column("companion_key"), "<>"),
            (text("daterange(starts_on, ends_on)"), "&&"),
            name="stay_no_mixed_room",
            using="gist",
            where=text("cancelled_at IS NULL"),
        ),
        Index("ix_stay_lease_room_id", "lease_room_id"),
        Index("ix_stay_enterprise_id_ends_on", "enterprise_id", "ends_on"),
        Index(
            "ix_stay_village",
            "village_code",
            "starts_on",
            postgresql_include=["ends_on", "room_id"],
            postgresql_where=text("cancelled_at IS NULL AND arrived_on IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"))
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id"))
    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"))
    room_id: Mapped[int] = mapped_column(ForeignKey("room.id"))
    lease_room_id: Mapped[int] = mapped_column(ForeignKey("lease_room.id"))
    bed_no: Mapped[int]
    companion_key: Mapped[int]
    by_hand: Mapped[bool] = mapped_column(server_default=text("false"))
    """A person chose this bed: no suggestion moves it."""
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    arrived_on: Mapped[date | None]
    left_on: Mapped[date | None]
    cancelled_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    worker: Mapped[Worker] = relationship()
    room: Mapped[Room] = relationship()
    lease_room: Mapped[LeaseRoom] = relationship()


class WorkerLink(HasSealed, Base):
    """The personal link of a worker: whoever has it sees the worker's own page, as long as the stay lasts.

    The token is sealed, so that the same slip can be printed again, and found by its hash. One link of a
    worker is good at a time; a new one takes the old one's place.
    """

    __tablename__ = "worker_link"
    __table_args__ = (
        Index("uq_worker_link_live", "worker_id", unique=True, postgresql_where=text("revoked_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"))
    token_sealed: Mapped[bytes | None] = sealed_column()
    token_hash: Mapped[bytes | None] = hash_column(unique=True)
    token = SealedText(kind="worker_link")
    created_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revoked_at: Mapped[datetime | None]

    worker: Mapped[Worker] = relationship()


class Registration(Base):
    """The report to the police of one arrival or departure, due in three working days.

    浙江省流动人口居住登记条例 art. 8–9; days counted by ``core.workdays``.
    """

    __tablename__ = "registration"
    __table_args__ = (
        UniqueConstraint("stay_id", "kind", name="uq_registration_once"),
        CheckConstraint("kind IN ('arrival', 'departure')", name="kind_known"),
        Index("ix_registration_open", "village_code", "due_on", postgresql_where=text("done_on IS NULL")),
        Index("ix_registration_village_code_happened_on", "village_code", "happened_on"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    stay_id: Mapped[int] = mapped_column(ForeignKey("stay.id"))
    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"))
    kind: Mapped[str]
    happened_on: Mapped[date]
    due_on: Mapped[date]
    done_on: Mapped[date | None]
    reference: Mapped[str] = mapped_column(server_default=text("''"))
    done_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))

    stay: Mapped[Stay] = relationship()


refuse_as(
    "room_claim_no_overlap",
    RoomTaken,
    _l("手慢了：其中有房间刚被别家订走，这一单没有改动任何东西。请重新看看还有哪些空房。"),
)
refuse_as("stay_one_worker_a_bed", BedTaken, _l("这张床在这几天已经有人住，请换一张床或改日期。"))
refuse_as("stay_one_bed_a_worker", WorkerHoused, _l("这位员工在这几天已经安排了床位，请先办退房或改日期。"))
refuse_as(
    "stay_no_mixed_room",
    MixedRoom,
    _l("同一间房不能男女混住，白班夜班不能混住，夫妻房也不能安排别人。请换一间房。"),
)
refuse_as(
    "worker_shift_fits_bed",
    InvalidValue,
    _l("住着的人改班次要连床一起换，白班夜班不住一间。请在“员工住宿”里打开这个人，办“换班”。"),
)
refuse_as("uq_worker_link_live", WrongState, _l("这位员工的入住条刚才已经有人做好了，请刷新后再看。"))
refuse_as("uq_handover_moment", WrongState, _l("对方刚才也填了这张交割单，请刷新看过再改。"))
refuse_as(
    "uq_lease_change_open",
    WrongState,
    _l("这份合同还有一个变更在等对方答复，先等答复或撤回，再提新的。"),
)
refuse_as("uq_lease_signature_side", WrongState, _l("这一方刚才已经签好了。"))
refuse_as("pk_lease_withdrawal", WrongState, _l("这份合同刚才已经取消了。"))
