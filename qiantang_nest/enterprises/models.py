"""Employers, their worksites and their workers."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.sql import func

from qiantang_nest.core.crypto import HasSealed, SealedText, hash_column, sealed_column
from qiantang_nest.core.db import Base


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

    id: Mapped[int] = mapped_column(primary_key=True)
    enterprise_id: Mapped[int] = mapped_column(ForeignKey("enterprise.id"), index=True)
    name: Mapped[str]
    address: Mapped[str]
    lat: Mapped[float]
    lon: Mapped[float]
    shifts: Mapped[str] = mapped_column(server_default=text("''"))
    closed_at: Mapped[datetime | None]

    enterprise: Mapped[Enterprise] = relationship()


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
