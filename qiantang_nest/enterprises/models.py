"""Employers, their worksites with the shuttles to them, and their workers."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.sql import func

from qiantang_nest.core.crypto import HasSealed, SealedText, hash_column, sealed_column
from qiantang_nest.core.db import Base, refuse_as
from qiantang_nest.core.errors import DomainError
from qiantang_nest.core.i18n import _l


class StopExists(DomainError):
    """The worksite already has a stop of this name."""


class Enterprise(HasSealed, Base):
    """An employer, known by its 统一社会信用代码; books only once ``verified``."""

    __tablename__ = "enterprise"
    __table_args__ = (
        CheckConstraint("state IN ('submitted', 'returned', 'verified')", name="state_known"),
        CheckConstraint("uscc ~ '^[0-9A-HJ-NPQRTUWXY]{18}$'", name="uscc_shape"),
        Index("ix_enterprise_street_code_state", "street_code", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uscc: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    street_code: Mapped[str] = mapped_column(ForeignKey("street.code"))
    """The street whose officer verifies it."""
    contact_name: Mapped[str]
    contact_phone_sealed: Mapped[bytes | None] = sealed_column()
    contact_phone = SealedText()
    state: Mapped[str] = mapped_column(server_default=text("'submitted'"))
    return_reason: Mapped[str | None]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    decided_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Worksite(Base):
    """A gate workers walk to. WGS-84."""

    __tablename__ = "worksite"
    __table_args__ = (
        Index("ix_worksite_routes_due", "routes_due_at", postgresql_where=text("closed_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id"), index=True)
    name: Mapped[str]
    address: Mapped[str]
    lat: Mapped[float]
    lon: Mapped[float]
    shifts: Mapped[str] = mapped_column(server_default=text("''"))
    closed_at: Mapped[datetime | None]
    routes_due_at: Mapped[datetime] = mapped_column(server_default=text("'1970-01-01 00:00:00+00'"))
    """When a routing service, if there is one, is to be asked for the ways here; a new worksite at once."""
    routes_attempts: Mapped[int] = mapped_column(server_default=text("0"))
    """How often it has been asked in vain since."""

    enterprise: Mapped[Enterprise] = relationship()


class ShuttleStop(Base):
    """Where the employer's bus to a worksite picks people up. WGS-84."""

    __tablename__ = "shuttle_stop"
    __table_args__ = (
        UniqueConstraint("worksite_id", "name", name="uq_shuttle_stop_worksite_name"),
        CheckConstraint("ride_minutes BETWEEN 1 AND 120", name="ride_sensible"),
        CheckConstraint("lat BETWEEN 30 AND 31 AND lon BETWEEN 120 AND 121", name="near_district"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    worksite_id: Mapped[int] = mapped_column(ForeignKey("worksite.id"))
    name: Mapped[str]
    lat: Mapped[float]
    lon: Mapped[float]
    ride_minutes: Mapped[int | None]
    """From here to the gate by the timetable; None: reckoned at the district's speed."""

    worksite: Mapped[Worksite] = relationship()


class RoutedMinutes(Base):
    """What a routing service told of the way from a village's point to a gate, or on foot to a stop.

    Without a row the straight line counts. A row counts while the village lies where it lay when asked; rows
    go when the gate or the stop moves.
    """

    __tablename__ = "routed_minutes"
    __table_args__ = (
        UniqueConstraint(
            "worksite_id",
            "stop_id",
            "mode",
            "village_code",
            name="uq_routed_minutes_way",
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("mode = 'walk' OR (mode = 'ebike' AND stop_id IS NULL)", name="mode_known"),
        CheckConstraint("minutes BETWEEN 0 AND 1440", name="minutes_sensible"),
        Index("ix_routed_minutes_stop_id", "stop_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    worksite_id: Mapped[int] = mapped_column(ForeignKey("worksite.id"))
    stop_id: Mapped[int | None] = mapped_column(ForeignKey("shuttle_stop.id"))
    mode: Mapped[str]
    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"))
    minutes: Mapped[int]
    village_lat: Mapped[float]
    village_lon: Mapped[float]
    told_at: Mapped[datetime]


class Worker(HasSealed, Base):
    """A person an employer houses."""

    __tablename__ = "worker"
    __table_args__ = (
        CheckConstraint("sex IN ('M', 'F')", name="sex_known"),
        CheckConstraint("id_kind IN ('resident', 'passport', 'permanent')", name="id_kind_known"),
        UniqueConstraint("enterprise_id", "id_number_hash", name="uq_worker_enterprise_id_number"),
        CheckConstraint("couple_with_id <> id", name="couple_of_two"),
        CheckConstraint("shift IN ('day', 'night')", name="shift_known"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id"))
    name: Mapped[str]
    sex: Mapped[str]
    id_kind: Mapped[str] = mapped_column(server_default=text("'resident'"))
    id_number_sealed: Mapped[bytes | None] = sealed_column()
    id_number_hash: Mapped[bytes | None] = hash_column()
    id_number = SealedText(kind="id_number")
    phone_sealed: Mapped[bytes | None] = sealed_column()
    phone_hash: Mapped[bytes | None] = hash_column(index=False)
    phone = SealedText(kind="phone")
    home_address: Mapped[str] = mapped_column(server_default=text("''"))
    """户籍地址, for the register."""
    born_on: Mapped[date | None]
    is_local: Mapped[bool] = mapped_column(server_default=text("false"))
    """Local 户籍: on the register, but no outsider report."""
    couple_with_id: Mapped[int | None] = mapped_column(ForeignKey("worker.id"))
    shift: Mapped[str] = mapped_column(server_default=text("'day'"))
    """Who works at night sleeps by day, in rooms of such; trigger ``worker_shift_fits_bed`` sees to it."""
    wish_group: Mapped[str] = mapped_column(server_default=text("''"))
    """The name that those who want to be together have in common; a wish, not a right."""
    ground_floor: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    enterprise: Mapped[Enterprise] = relationship()


refuse_as(
    "uq_shuttle_stop_worksite_name",
    StopExists,
    _l("这个厂区已经有同名的站点，请换一个名字，或者去改原来那个。"),
)
