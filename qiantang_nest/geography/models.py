"""The official divisions, and where villages lie."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from qiantang_nest.core.db import Base


class Street(Base):
    """One of the seven streets (街道), 9-digit code."""

    __tablename__ = "street"
    __table_args__ = (CheckConstraint("code ~ '^330114[0-9]{3}$'", name="code_shape"),)

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    lat: Mapped[float]
    lon: Mapped[float]


class Village(Base):
    """One of the 59 administrative villages (行政村), 12-digit code. WGS-84."""

    __tablename__ = "village"
    __table_args__ = (
        CheckConstraint("code ~ '^330114[0-9]{6}$' AND left(code, 9) = street_code", name="code_shape"),
        CheckConstraint("geo_precision IN ('street', 'village')", name="geo_precision_known"),
        CheckConstraint("lat BETWEEN 30 AND 31 AND lon BETWEEN 120 AND 121", name="near_district"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    street_code: Mapped[str] = mapped_column(ForeignKey("street.code"), index=True)
    name: Mapped[str]
    official_name: Mapped[str]
    lat: Mapped[float]
    lon: Mapped[float]
    geo_precision: Mapped[str] = mapped_column(server_default=text("'street'"))
    """``street``: computed near the street's centre; ``village``: set by village staff."""
    moved_at: Mapped[datetime | None]
    office_phone: Mapped[str] = mapped_column(server_default=text("''"))
    """Of the village's service desk, for anyone to call; empty until its staff has written it."""

    street: Mapped[Street] = relationship()


class DivisionUnit(Base):
    """Communities and other village-level units: kept for addresses, never counted as villages."""

    __tablename__ = "division_unit"
    __table_args__ = (
        CheckConstraint("kind IN ('community', 'other')", name="kind_known"),
        Index("ix_division_unit_street_code", "street_code"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    street_code: Mapped[str] = mapped_column(ForeignKey("street.code"))
    kind: Mapped[str]
    name: Mapped[str]
    official_name: Mapped[str]
