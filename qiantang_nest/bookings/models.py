"""Demand, hold, booking: how a block of rooms of many owners becomes leases."""

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.sql import func

from qiantang_nest.core.db import Base
from qiantang_nest.enterprises.models import Enterprise, Worksite
from qiantang_nest.housing.models import Listing, Owner, Room
from qiantang_nest.occupancy.models import Lease, RoomClaim


class Demand(Base):
    """An employer's announced need of beds; the district's view of what is coming."""

    __tablename__ = "demand"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'met', 'withdrawn')", name="state_known"),
        CheckConstraint("beds BETWEEN 1 AND 100000", name="beds_sensible"),
        CheckConstraint("ends_on > starts_on", name="period_forward"),
        Index("ix_demand_open", "starts_on", postgresql_where=text("state = 'open'")),
        Index("ix_demand_enterprise_id", "enterprise_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id"))
    worksite_id: Mapped[int | None] = mapped_column(ForeignKey("worksite.id"))
    beds: Mapped[int]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    max_rent_fen: Mapped[int | None]
    """Most the employer pays a bed a month."""
    max_km: Mapped[int | None]
    note: Mapped[str] = mapped_column(server_default=text("''"))
    state: Mapped[str] = mapped_column(server_default=text("'open'"))
    created_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    enterprise: Mapped[Enterprise] = relationship()
    worksite: Mapped[Worksite | None] = relationship()


class Hold(Base):
    """Rooms taken off the market for one employer until ``expires_at``; whole or not at all.

    ``active`` and past its end means expired: computed, never stored.
    """

    __tablename__ = "hold"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'booked', 'released')", name="state_known"),
        CheckConstraint("on_refusal IN ('replace', 'drop')", name="on_refusal_known"),
        CheckConstraint("ends_on > starts_on", name="period_forward"),
        UniqueConstraint("enterprise_id", "request_key", name="uq_hold_request_key"),
        Index("ix_hold_enterprise_id_created_at", "enterprise_id", "created_at"),
        Index("ix_hold_active", "expires_at", postgresql_where=text("state = 'active'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id"))
    worksite_id: Mapped[int | None] = mapped_column(ForeignKey("worksite.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    expires_at: Mapped[datetime]
    on_refusal: Mapped[str] = mapped_column(server_default=text("'replace'"))
    state: Mapped[str] = mapped_column(server_default=text("'active'"))
    request_key: Mapped[uuid.UUID]
    """Made when the form was drawn: the same click twice, or a retry, gives one hold."""
    request_digest: Mapped[str]
    """Of what was asked, so that the same key with another request is refused."""
    created_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[datetime]

    enterprise: Mapped[Enterprise] = relationship()
    worksite: Mapped[Worksite | None] = relationship()


class HoldRoom(Base):
    """One room of a hold, at the rent shown then, and the owner's answer."""

    __tablename__ = "hold_room"
    __table_args__ = (
        CheckConstraint("answer IN ('waiting', 'accepted', 'declined')", name="answer_known"),
        Index("ix_hold_room_hold_id", "hold_id"),
        Index("ix_hold_room_owner_waiting", "owner_id", postgresql_where=text("answer = 'waiting'")),
        Index("ix_hold_room_village_waiting", "village_code", postgresql_where=text("answer = 'waiting'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    hold_id: Mapped[int] = mapped_column(ForeignKey("hold.id"))
    claim_id: Mapped[int] = mapped_column(ForeignKey("room_claim.id"), unique=True)
    listing_id: Mapped[int] = mapped_column(ForeignKey("listing.id"))
    room_id: Mapped[int] = mapped_column(ForeignKey("room.id"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"))
    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"))
    rent_fen: Mapped[int]
    answer: Mapped[str] = mapped_column(server_default=text("'waiting'"))
    answer_reason: Mapped[str | None]
    answered_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    on_behalf_of: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    """Set when the clerk answered for the household."""
    answered_at: Mapped[datetime | None]
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("hold_room.id"))

    hold: Mapped[Hold] = relationship()
    claim: Mapped[RoomClaim] = relationship()
    listing: Mapped[Listing] = relationship()
    room: Mapped[Room] = relationship()
    owner: Mapped[Owner] = relationship(foreign_keys=[owner_id])


class Booking(Base):
    """A confirmed block: rooms of several owners for one employer, one lease per owner."""

    __tablename__ = "booking"
    __table_args__ = (
        CheckConstraint("ends_on > starts_on", name="period_forward"),
        Index("ix_booking_enterprise_id_starts_on", "enterprise_id", "starts_on"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    hold_id: Mapped[int | None] = mapped_column(ForeignKey("hold.id"), unique=True)
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id"))
    worksite_id: Mapped[int | None] = mapped_column(ForeignKey("worksite.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    enterprise: Mapped[Enterprise] = relationship()
    worksite: Mapped[Worksite | None] = relationship()


class BookingLease(Base):
    """Which leases a booking made."""

    __tablename__ = "booking_lease"

    lease_id: Mapped[int] = mapped_column(ForeignKey("lease.id"), primary_key=True)
    booking_id: Mapped[int] = mapped_column(ForeignKey("booking.id"), index=True)

    lease: Mapped[Lease] = relationship()
    booking: Mapped[Booking] = relationship()


class BookingHold(Base):
    """A hold that adds rooms to a booking: its leases join it when the hold is confirmed."""

    __tablename__ = "booking_hold"

    hold_id: Mapped[int] = mapped_column(ForeignKey("hold.id"), primary_key=True)
    booking_id: Mapped[int] = mapped_column(ForeignKey("booking.id"), index=True)

    hold: Mapped[Hold] = relationship()
    booking: Mapped[Booking] = relationship()
