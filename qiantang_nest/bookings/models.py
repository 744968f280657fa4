"""Demand, plan, hold, booking: how a block of rooms of many owners becomes leases."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.sql import func

from qiantang_nest.core.dated_rules import DatedRule
from qiantang_nest.core.db import Base
from qiantang_nest.enterprises.models import Enterprise, Worksite
from qiantang_nest.housing.models import Listing, Owner, Room
from qiantang_nest.occupancy.models import Lease, RoomClaim


class FairnessRule(DatedRule, Base):
    """How much dearer a plan may be so that households let least come first (共富), in thousandths."""

    __tablename__ = "fairness_rule"
    __table_args__ = (
        CheckConstraint("permille BETWEEN 0 AND 200", name="permille_sensible"),
        CheckConstraint("btrim(basis) <> ''", name="basis_given"),
    )

    permille: Mapped[int]


_HEADS = "day_men + day_women + night_men + night_women + 2 * couples"


class Demand(Base):
    """An employer's need of beds: who, where, when, within which limits. Plans answer it.

    ``open`` and past its end means over: computed, never stored.
    """

    __tablename__ = "demand"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'met', 'withdrawn')", name="state_known"),
        CheckConstraint("beds BETWEEN 1 AND 100000", name="beds_sensible"),
        CheckConstraint(
            "least(day_men, day_women, night_men, night_women, couples) >= 0", name="heads_not_negative"
        ),
        CheckConstraint("ends_on > starts_on", name="period_forward"),
        CheckConstraint("rent_unit IN ('bed', 'room')", name="rent_unit_known"),
        CheckConstraint("travel_mode IN ('walk', 'ebike', 'shuttle')", name="travel_mode_known"),
        CheckConstraint("utilities_by IN ('lessee', 'lessor')", name="utilities_by_known"),
        CheckConstraint("spare_percent BETWEEN 0 AND 50", name="spare_sensible"),
        CheckConstraint("ground_beds BETWEEN 0 AND 100000", name="ground_beds_sensible"),
        CheckConstraint("(state = 'withdrawn') = (withdraw_reason IS NOT NULL)", name="withdrawn_has_reason"),
        UniqueConstraint("enterprise_id", "source_digest", name="uq_demand_source"),
        Index("ix_demand_open", "starts_on", postgresql_where=text("state = 'open'")),
        Index("ix_demand_enterprise_id", "enterprise_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id"))
    worksite_id: Mapped[int | None] = mapped_column(ForeignKey("worksite.id"))
    shifts: Mapped[str] = mapped_column(server_default=text("''"))
    """When they work, in words."""
    day_men: Mapped[int] = mapped_column(server_default=text("0"))
    day_women: Mapped[int] = mapped_column(server_default=text("0"))
    night_men: Mapped[int] = mapped_column(server_default=text("0"))
    """Work by night and sleep by day."""
    night_women: Mapped[int] = mapped_column(server_default=text("0"))
    couples: Mapped[int] = mapped_column(server_default=text("0"))
    """Pairs; each gets a room of its own."""
    beds: Mapped[int] = mapped_column(Computed(_HEADS, persisted=True))
    """A bed for everybody, without spare ones."""
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    max_rent_fen: Mapped[int | None]
    """Most the employer pays a month, for what ``rent_unit`` says."""
    rent_unit: Mapped[str] = mapped_column(server_default=text("'bed'"))
    max_minutes: Mapped[int | None]
    travel_mode: Mapped[str] = mapped_column(server_default=text("'ebike'"))
    area_code: Mapped[str | None]
    """Only this street (9 digits) or village (12)."""
    max_floor: Mapped[int | None]
    ground_beds: Mapped[int] = mapped_column(server_default=text("0"))
    """At least so many beds on the ground floor."""
    features: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    """What each room must have, codes of ``housing.rules.FEATURES``."""
    utilities_by: Mapped[str] = mapped_column(server_default=text("'lessee'"))
    same_village: Mapped[bool] = mapped_column(server_default=text("false"))
    """All in one village, if one can hold all."""
    spare_percent: Mapped[int] = mapped_column(server_default=text("0"))
    note: Mapped[str] = mapped_column(server_default=text("''"))
    state: Mapped[str] = mapped_column(server_default=text("'open'"))
    withdraw_reason: Mapped[str | None]
    source_digest: Mapped[str | None]
    """Of the row of a workbook it came from: the same row again adds nothing."""
    created_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    enterprise: Mapped[Enterprise] = relationship()
    worksite: Mapped[Worksite | None] = relationship()


class BookingRule(DatedRule, Base):
    """The district's times of the ladder from a need to a signed lease (``rules.Times``)."""

    __tablename__ = "booking_rule"
    __table_args__ = (
        CheckConstraint("hold_hours BETWEEN 1 AND 168", name="hold_sensible"),
        CheckConstraint("answer_hours BETWEEN 1 AND hold_hours", name="answer_within_hold"),
        CheckConstraint("lengthen_hours BETWEEN 0 AND 168", name="lengthen_sensible"),
        CheckConstraint("offer_hours BETWEEN 1 AND 72", name="offer_sensible"),
        CheckConstraint("sign_days BETWEEN 1 AND 30", name="sign_sensible"),
        CheckConstraint("btrim(basis) <> ''", name="basis_given"),
    )

    hold_hours: Mapped[int]
    answer_hours: Mapped[int]
    lengthen_hours: Mapped[int]
    offer_hours: Mapped[int]
    sign_days: Mapped[int]


class DemandChoice(Base):
    """A room or a whole house that the employer wants in every plan, or in none."""

    __tablename__ = "demand_choice"
    __table_args__ = (
        CheckConstraint("kind IN ('pin', 'strike')", name="kind_known"),
        CheckConstraint("(room_id IS NULL) <> (house_id IS NULL)", name="room_or_house"),
        UniqueConstraint("demand_id", "room_id", name="uq_demand_choice_room"),
        UniqueConstraint("demand_id", "house_id", name="uq_demand_choice_house"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    demand_id: Mapped[int] = mapped_column(ForeignKey("demand.id"))
    kind: Mapped[str]
    room_id: Mapped[int | None] = mapped_column(ForeignKey("room.id"))
    house_id: Mapped[int | None] = mapped_column(ForeignKey("house.id"))


class PlanRound(Base):
    """One asking for plans: what could be had at that moment, and what stayed unmet.

    The unmet heads of each demand's latest round are the district's demand signal.
    """

    __tablename__ = "plan_round"
    __table_args__ = (
        CheckConstraint(
            "least(unmet_day_men, unmet_day_women, unmet_night_men, unmet_night_women, unmet_couples,"
            " unmet_spare, unmet_ground) >= 0",
            name="unmet_not_negative",
        ),
        Index("ix_plan_round_demand_id_made_at", "demand_id", "made_at"),
        Index("ix_plan_round_made_at", "made_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    demand_id: Mapped[int] = mapped_column(ForeignKey("demand.id"))
    made_at: Mapped[datetime]
    made_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    candidates: Mapped[int]
    """Rooms that could be taken and fit the limits."""
    preselected: Mapped[bool] = mapped_column(server_default=text("false"))
    """There were more: only the nearest were looked at."""
    fairness_permille: Mapped[int]
    unmet_day_men: Mapped[int] = mapped_column(server_default=text("0"))
    unmet_day_women: Mapped[int] = mapped_column(server_default=text("0"))
    unmet_night_men: Mapped[int] = mapped_column(server_default=text("0"))
    unmet_night_women: Mapped[int] = mapped_column(server_default=text("0"))
    unmet_couples: Mapped[int] = mapped_column(server_default=text("0"))
    unmet_people: Mapped[int] = mapped_column(
        Computed(
            "unmet_day_men + unmet_day_women + unmet_night_men + unmet_night_women + 2 * unmet_couples",
            persisted=True,
        )
    )
    unmet_spare: Mapped[int] = mapped_column(server_default=text("0"))
    unmet_ground: Mapped[int] = mapped_column(server_default=text("0"))
    changes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    """What would meet it, each solved: ``rules.changes.Change`` as kind and value."""

    demand: Mapped[Demand] = relationship()


class Plan(Base):
    """One answer to a demand, as it was when made; holds nothing."""

    __tablename__ = "plan"
    __table_args__ = (
        CheckConstraint("kind IN ('cost', 'way', 'houses')", name="kind_known"),
        UniqueConstraint("round_id", "kind", name="uq_plan_round_kind"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    round_id: Mapped[int] = mapped_column(ForeignKey("plan_round.id"))
    kind: Mapped[str]
    rent_fen: Mapped[int]
    """Of all rooms a month; the deposit is a month's rent."""
    beds: Mapped[int]
    spare_beds: Mapped[int]
    """Beds nobody of the demand sleeps in."""
    rooms: Mapped[int]
    houses: Mapped[int]
    owners: Mapped[int]
    villages: Mapped[int]
    median_minutes: Mapped[int]
    longest_minutes: Mapped[int]
    recheck_rooms: Mapped[int]
    """Rooms whose house has to pass its next safety check during the stay."""
    gap_permyriad: Mapped[int]
    """How far its aim may at most be above the optimum."""
    milliseconds: Mapped[int]
    plain_rent_fen: Mapped[int]
    """What it would cost without the fairness rule."""
    least_let: Mapped[int]
    plain_least_let: Mapped[int]
    """Rooms of households let least, with the rule and without."""

    round: Mapped[PlanRound] = relationship()


class PlanRoom(Base):
    """One room of a plan, and who is to sleep in it."""

    __tablename__ = "plan_room"
    __table_args__ = (
        CheckConstraint(
            "sleepers IN ('day_men', 'day_women', 'night_men', 'night_women', 'couple')",
            name="sleepers_known",
        ),
        Index("ix_plan_room_room_id", "room_id"),
        Index("ix_plan_room_village_code_plan_id", "village_code", "plan_id"),
    )

    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"), primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("room.id"), primary_key=True)
    house_id: Mapped[int] = mapped_column(ForeignKey("house.id"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"))
    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"))
    listing_id: Mapped[int] = mapped_column(ForeignKey("listing.id"))
    beds: Mapped[int]
    rent_fen: Mapped[int]
    minutes: Mapped[int]
    let_days: Mapped[int]
    sleepers: Mapped[str]

    plan: Mapped[Plan] = relationship()
    room: Mapped[Room] = relationship()
    owner: Mapped[Owner] = relationship()


class Waiting(Base):
    """An employer waits for rooms for a demand that could not be met; whoever joined first is offered first.

    It ends when the employer leaves, when the demand closes, and when an offer runs out unanswered: the last
    two are read from the rows, never stored.
    """

    __tablename__ = "waiting"
    __table_args__ = (
        CheckConstraint("least_beds BETWEEN 1 AND 1000", name="least_beds_sensible"),
        Index("uq_waiting_demand", "demand_id", unique=True, postgresql_where=text("left_at IS NULL")),
        Index("ix_waiting_queue", "joined_at", "id", postgresql_where=text("left_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    demand_id: Mapped[int] = mapped_column(ForeignKey("demand.id"))
    least_beds: Mapped[int]
    """Fewer free beds at a time are not worth an offer."""
    joined_at: Mapped[datetime]
    joined_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    left_at: Mapped[datetime | None]

    demand: Mapped[Demand] = relationship()


class Hold(Base):
    """Rooms taken off the market for one employer until ``expires_at``; whole or not at all.

    ``offered`` while it is kept for somebody on the waiting list who has yet to say yes. ``active`` or
    ``offered`` and past its end means expired: computed, never stored.
    """

    __tablename__ = "hold"
    __table_args__ = (
        CheckConstraint("state IN ('offered', 'active', 'booked', 'released')", name="state_known"),
        CheckConstraint("on_refusal IN ('replace', 'drop')", name="on_refusal_known"),
        CheckConstraint("ends_on > starts_on", name="period_forward"),
        CheckConstraint("(state = 'offered') <= (waiting_id IS NOT NULL)", name="offered_to_whoever_waits"),
        CheckConstraint("(lengthened_at IS NULL) = (lengthen_reason IS NULL)", name="lengthened_with_reason"),
        UniqueConstraint("enterprise_id", "request_key", name="uq_hold_request_key"),
        Index("ix_hold_enterprise_id_created_at", "enterprise_id", "created_at"),
        Index("ix_hold_active", "expires_at", postgresql_where=text("state = 'active'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id"))
    worksite_id: Mapped[int | None] = mapped_column(ForeignKey("worksite.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    demand_id: Mapped[int | None] = mapped_column(ForeignKey("demand.id"), index=True)
    waiting_id: Mapped[int | None] = mapped_column(ForeignKey("waiting.id"), index=True)
    """Whose turn on the waiting list it came from."""
    plan_id: Mapped[int | None] = mapped_column(ForeignKey("plan.id"))
    """The plan it takes, with what was replaced since."""
    expires_at: Mapped[datetime]
    on_refusal: Mapped[str] = mapped_column(server_default=text("'replace'"))
    state: Mapped[str] = mapped_column(server_default=text("'active'"))
    request_key: Mapped[uuid.UUID]
    """Made when the form was drawn: the same click twice, or a retry, gives one hold."""
    request_digest: Mapped[str]
    """Of what was asked, so that the same key with another request is refused."""
    lengthened_at: Mapped[datetime | None]
    """A hold is lengthened once at most, with a reason that the households read."""
    lengthen_reason: Mapped[str | None]
    warned_at: Mapped[datetime | None]
    """When the employer was reminded that it ends soon."""
    created_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[datetime]

    enterprise: Mapped[Enterprise] = relationship()
    worksite: Mapped[Worksite | None] = relationship()


class HoldRoom(Base):
    """One room of a hold, at the rent shown then, and the owner's answer."""

    __tablename__ = "hold_room"
    __table_args__ = (
        CheckConstraint("answer IN ('waiting', 'accepted', 'declined', 'released')", name="answer_known"),
        Index("ix_hold_room_hold_id", "hold_id"),
        Index("ix_hold_room_owner_waiting", "owner_id", postgresql_where=text("answer = 'waiting'")),
        Index("ix_hold_room_village_waiting", "village_code", postgresql_where=text("answer = 'waiting'")),
        Index("ix_hold_room_answer_due_at", "answer_due_at", postgresql_where=text("answer = 'waiting'")),
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
    answer_due_at: Mapped[datetime]
    """By when the household should answer; a later answer counts as long as the hold does."""
    reminded_at: Mapped[datetime | None]
    """When the household was reminded, once."""
    chased_at: Mapped[datetime | None]
    """When the village's clerk was asked to see to the silent household, once."""
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
