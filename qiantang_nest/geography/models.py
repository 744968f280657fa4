"""The official divisions, where villages lie, and how fast one gets from there to work."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from qiantang_nest.accounts.models import User
from qiantang_nest.core.dated_rules import DatedRule
from qiantang_nest.core.db import Base, refuse_as
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _l


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


class CommuteSetting(DatedRule, Base):
    """What the district reckons the way to work by; without a row ``rules.CommuteRule`` has the figures."""

    __tablename__ = "commute_setting"
    __table_args__ = (
        CheckConstraint("detour BETWEEN 1 AND 3", name="detour_sensible"),
        CheckConstraint("walk_kmh BETWEEN 2 AND 8", name="walk_sensible"),
        CheckConstraint("ebike_kmh BETWEEN 5 AND 40", name="ebike_sensible"),
        CheckConstraint("shuttle_kmh BETWEEN 10 AND 80", name="shuttle_sensible"),
        CheckConstraint("btrim(basis) <> ''", name="basis_given"),
    )

    detour: Mapped[Decimal] = mapped_column(Numeric(3, 2))
    walk_kmh: Mapped[Decimal] = mapped_column(Numeric(3, 1))
    ebike_kmh: Mapped[Decimal] = mapped_column(Numeric(3, 1))
    shuttle_kmh: Mapped[Decimal] = mapped_column(Numeric(3, 1))

    setter: Mapped[User | None] = relationship()


refuse_as(
    "uq_commute_setting_effective_on",
    InvalidValue,
    _l("这一天刚才已经定过一次标准，请看过再定，或者换一天。"),
)
