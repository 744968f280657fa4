"""Bills, what was paid on them, and receipts. Issued bills never change (trigger) but for ``paid_fen``."""

import uuid
from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.sql import func

from qiantang_nest.core.db import Base, refuse_as
from qiantang_nest.core.errors import DomainError, WrongState
from qiantang_nest.core.i18n import _l
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.housing.models import Owner, Room
from qiantang_nest.occupancy.models import Lease, LeaseRoom


class SerialTaken(DomainError):
    """The payee already has a payment with this bank serial."""


class Bill(Base):
    """What one employer owes one lessor under one lease: a rent period, or the deposit (``seq`` 0)."""

    __tablename__ = "bill"
    __table_args__ = (
        CheckConstraint("kind IN ('rent', 'deposit')", name="kind_known"),
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        CheckConstraint("paid_fen BETWEEN 0 AND amount_fen", name="paid_within_amount"),
        CheckConstraint("ends_on > starts_on", name="period_forward"),
        CheckConstraint("voided_at IS NULL OR paid_fen = 0", name="void_unpaid"),
        Index(
            "uq_bill_once", "lease_id", "kind", "seq", unique=True, postgresql_where=text("voided_at IS NULL")
        ),
        Index("ix_bill_enterprise_id_starts_on", "enterprise_id", "starts_on"),
        Index("ix_bill_owner_id_starts_on", "owner_id", "starts_on"),
        # Which bill the one issued anew for the same months stands in for.
        Index("ix_bill_voided", "lease_id", "kind", "seq", postgresql_where=text("voided_at IS NOT NULL")),
        Index(
            "ix_bill_open",
            "village_code",
            "due_on",
            postgresql_where=text("voided_at IS NULL AND paid_fen < amount_fen"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    lease_id: Mapped[int] = mapped_column(ForeignKey("lease.id"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"))
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id"))
    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"))
    kind: Mapped[str]
    seq: Mapped[int]
    """Number of the period in the lease, from 1; 0 for the deposit."""
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    issued_on: Mapped[date]
    due_on: Mapped[date]
    amount_fen: Mapped[int]
    paid_fen: Mapped[int] = mapped_column(server_default=text("0"))
    """Sum of the allocations; kept here so that open bills can be found by index."""
    voided_at: Mapped[datetime | None]
    void_reason: Mapped[str | None]
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("bill.id"), unique=True)
    """The voided bill of the same months in whose place this one was issued."""

    lease: Mapped[Lease] = relationship()
    owner: Mapped[Owner] = relationship()
    enterprise: Mapped[Enterprise] = relationship()


class BillLine(Base):
    """One room's share of a bill; says itself how the sum came about (``billing.rules.explain``)."""

    __tablename__ = "bill_line"
    __table_args__ = (
        CheckConstraint("amount_fen >= 0", name="amount_not_negative"),
        CheckConstraint("ends_on > starts_on AND days = ends_on - starts_on", name="days_of_period"),
        Index("ix_bill_line_bill_id", "bill_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    bill_id: Mapped[int] = mapped_column(ForeignKey("bill.id"))
    lease_room_id: Mapped[int] = mapped_column(ForeignKey("lease_room.id"))
    room_id: Mapped[int] = mapped_column(ForeignKey("room.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    days: Mapped[int]
    base_days: Mapped[int]
    """Days the month's rent is divided by; equal to ``days`` for a whole period."""
    whole: Mapped[bool]
    rate_fen: Mapped[int]
    """Rent of the room a month (deposit: the month's rent it equals)."""
    amount_fen: Mapped[int]

    bill: Mapped[Bill] = relationship()
    room: Mapped[Room] = relationship()
    lease_room: Mapped[LeaseRoom] = relationship()


class RemarkCode(Base):
    """The code an employer writes into the transfer of one month to one payee."""

    __tablename__ = "remark_code"
    __table_args__ = (
        UniqueConstraint("enterprise_id", "owner_id", "month", name="uq_remark_code_payee_month"),
        CheckConstraint("extract(day from month) = 1", name="first_of_month"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"))
    month: Mapped[date]


class Payment(Base):
    """Money that went from an employer to a lessor outside the platform, as somebody recorded it.

    What the payee (or the clerk for the payee) records counts at once; what the employer records counts when
    the payee confirms it. A payment recorded by mistake is reversed: the row, its allocations and its voided
    receipt stay. By ``deposit`` nothing arrives: open rent is set off against a deposit that is settled, and
    the ``DepositReturn`` names the payment.
    """

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint("state IN ('claimed', 'confirmed', 'rejected', 'reversed')", name="state_known"),
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        CheckConstraint(
            "method IN ('bank', 'cash', 'alipay', 'wechat', 'other', 'deposit')", name="method_known"
        ),
        CheckConstraint("unallocated_fen BETWEEN 0 AND amount_fen", name="unallocated_within_amount"),
        Index(
            "uq_payment_serial",
            "owner_id",
            "method",
            "serial",
            unique=True,
            postgresql_where=text("serial <> '' AND state IN ('claimed', 'confirmed')"),
        ),
        Index(
            "ix_payment_credit",
            "village_code",
            "enterprise_id",
            "owner_id",
            postgresql_where=text("unallocated_fen > 0 AND state = 'confirmed'"),
        ),
        Index("ix_payment_enterprise_id_paid_on", "enterprise_id", "paid_on"),
        Index("ix_payment_owner_id_paid_on", "owner_id", "paid_on"),
        Index("ix_payment_village_claimed", "village_code", postgresql_where=text("state = 'claimed'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"))
    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"))
    amount_fen: Mapped[int]
    unallocated_fen: Mapped[int]
    """Over-payment: credit that the next bill of the same pair uses up."""
    paid_on: Mapped[date]
    method: Mapped[str]
    serial: Mapped[str] = mapped_column(server_default=text("''"))
    note: Mapped[str] = mapped_column(server_default=text("''"))
    slip_media_name: Mapped[str | None]
    chosen_bill_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default=text("'{}'"))
    """Bills the debtor wants settled first (Civil Code 560), in that order."""
    request_key: Mapped[uuid.UUID | None] = mapped_column(unique=True)
    """Made when the form was drawn: the same click twice gives one payment."""
    state: Mapped[str]
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    recorded_role: Mapped[str]
    on_behalf_of: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    decided_at: Mapped[datetime | None]
    reject_reason: Mapped[str | None]
    reversed_at: Mapped[datetime | None]
    reverse_reason: Mapped[str | None]

    owner: Mapped[Owner] = relationship(foreign_keys=[owner_id])
    enterprise: Mapped[Enterprise] = relationship()


class PaymentAllocation(Base):
    """The part of a payment that settles (part of) a bill; released when that bill is voided."""

    __tablename__ = "payment_allocation"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        UniqueConstraint("payment_id", "bill_id", name="uq_payment_allocation_pair"),
        Index("ix_payment_allocation_bill_id", "bill_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payment.id"))
    bill_id: Mapped[int] = mapped_column(ForeignKey("bill.id"))
    amount_fen: Mapped[int]
    allocated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    released_at: Mapped[datetime | None]
    """From then on it settles nothing: its bill was voided and the sum is credit again."""

    payment: Mapped[Payment] = relationship()
    bill: Mapped[Bill] = relationship()


class Receipt(Base):
    """收据 for a confirmed payment; not a tax invoice. Voided ones stay visible."""

    __tablename__ = "receipt"
    __table_args__ = (
        Index("uq_receipt_live", "payment_id", unique=True, postgresql_where=text("voided_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payment.id"))
    issued_on: Mapped[date]
    issued_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    voided_at: Mapped[datetime | None]
    void_reason: Mapped[str | None]

    payment: Mapped[Payment] = relationship()


class DepositCase(Base):
    """A sum a lessor wants to keep of a room's deposit, for one of the contract's cases (条例 art. 10).

    The employer agrees or disputes within ``reply_by``; a disputed one is decided by the village. Silence
    past ``reply_by`` is agreement: computed, never stored.
    """

    __tablename__ = "deposit_case"
    __table_args__ = (
        CheckConstraint("kind IN ('rent', 'utilities', 'damage')", name="kind_known"),
        CheckConstraint(
            "state IN ('open', 'agreed', 'disputed', 'decided', 'withdrawn')", name="state_known"
        ),
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        CheckConstraint("decided_fen BETWEEN 0 AND amount_fen", name="decided_within_amount"),
        CheckConstraint("(state = 'decided') = (decided_fen IS NOT NULL)", name="decided_sum"),
        Index("ix_deposit_case_lease_room_id", "lease_room_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lease_room_id: Mapped[int] = mapped_column(ForeignKey("lease_room.id"))
    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"))
    kind: Mapped[str]
    amount_fen: Mapped[int]
    what: Mapped[str]
    evidence_media: Mapped[str | None]
    opened_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    opened_for: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    opened_at: Mapped[datetime]
    reply_by: Mapped[date]
    """The last day on which the employer may answer."""
    state: Mapped[str] = mapped_column(server_default=text("'open'"))
    reply: Mapped[str | None]
    replied_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    replied_at: Mapped[datetime | None]
    decided_fen: Mapped[int | None]
    decision: Mapped[str | None]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    decided_at: Mapped[datetime | None]

    lease_room: Mapped[LeaseRoom] = relationship()


class DepositReturn(Base):
    """The end of a room's deposit: so much was kept, so much paid open rent, so much went back outside."""

    __tablename__ = "deposit_return"
    __table_args__ = (
        CheckConstraint(
            "held_fen > 0 AND deducted_fen >= 0 AND rent_fen >= 0 AND paid_fen >= 0", name="sums_not_negative"
        ),
        CheckConstraint("deducted_fen + rent_fen + paid_fen = held_fen", name="whole_deposit"),
        CheckConstraint("(rent_fen > 0) = (rent_payment_id IS NOT NULL)", name="rent_by_payment"),
        CheckConstraint("method IN ('bank', 'cash', 'alipay', 'wechat', 'other')", name="method_known"),
        Index("ix_deposit_return_pair", "enterprise_id", "owner_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lease_room_id: Mapped[int] = mapped_column(ForeignKey("lease_room.id"), unique=True)
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"))
    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"))
    held_fen: Mapped[int]
    deducted_fen: Mapped[int]
    """Kept for damage and utilities."""
    rent_fen: Mapped[int] = mapped_column(server_default=text("0"))
    """Set off against open rent."""
    rent_payment_id: Mapped[int | None] = mapped_column(ForeignKey("payment.id"), unique=True)
    """The payment by ``deposit`` that settled it."""
    paid_fen: Mapped[int]
    due_on: Mapped[date]
    paid_on: Mapped[date]
    method: Mapped[str]
    serial: Mapped[str] = mapped_column(server_default=text("''"))
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    on_behalf_of: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    recorded_at: Mapped[datetime]

    lease_room: Mapped[LeaseRoom] = relationship()


refuse_as(
    "uq_deposit_return_lease_room_id",
    WrongState,
    _l("这间房的押金已经登记退过了，不用再记。"),
)
refuse_as(
    "uq_payment_serial",
    SerialTaken,
    _l("这个流水号已经记过一笔收款，不用再记。请核对流水号，或者先看看收款记录。"),
)
