"""Households, houses, rooms, and what must be true before a room is offered."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, Numeric, UniqueConstraint, column, text
from sqlalchemy.dialects.postgresql import ARRAY, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.sql import func
from sqlalchemy.types import Text, UserDefinedType

from qiantang_nest.core.crypto import HasSealed, SealedText, hash_column, sealed_column
from qiantang_nest.core.dated_rules import DatedRule
from qiantang_nest.core.db import Base, refuse_as
from qiantang_nest.core.errors import DomainError
from qiantang_nest.core.i18n import _l


class Point(UserDefinedType[str]):
    """PostgreSQL ``point``; only indexed and ordered by, never read."""

    cache_ok = True

    def get_col_spec(self, **kw: object) -> str:
        return "POINT"


class HouseholdExists(DomainError):
    """The village already has a household of this number."""


class HouseExists(DomainError):
    """The household already has a house at this address."""


class RoomExists(DomainError):
    """The house already has a room of this name."""


class AlreadyOffered(DomainError):
    """The room is already offered, or waits for the clerk, on one of the days."""


class CapacityRule(DatedRule, Base):
    """How many may sleep in a room (杭州市居住房屋出租安全管理若干规定 art. 14 by default)."""

    __tablename__ = "capacity_rule"
    __table_args__ = (
        CheckConstraint("cap BETWEEN 1 AND 20", name="cap_sensible"),
        CheckConstraint("m2_per_person BETWEEN 1 AND 50", name="area_sensible"),
        CheckConstraint("btrim(basis) <> ''", name="basis_given"),
    )

    cap: Mapped[int]
    m2_per_person: Mapped[Decimal] = mapped_column(Numeric(4, 1))


class Owner(HasSealed, Base):
    """A household (or, later, a village collective) that lets rooms and is paid for them."""

    __tablename__ = "owner"
    __table_args__ = (
        UniqueConstraint("village_code", "household_no", name="uq_owner_village_household"),
        CheckConstraint("kind IN ('household', 'collective')", name="kind_known"),
        CheckConstraint("account_kind IN ('personal', 'corporate')", name="account_kind_known"),
        Index("ix_owner_name_trgm", "name", postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"}),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"))
    household_no: Mapped[str]
    """The village's own number of the household, e.g. ``3-018`` (group 3, door 18)."""
    kind: Mapped[str] = mapped_column(server_default=text("'household'"))
    name: Mapped[str]
    """Head of the household."""
    group_no: Mapped[str] = mapped_column(server_default=text("''"))
    phone_sealed: Mapped[bytes | None] = sealed_column()
    phone_hash: Mapped[bytes | None] = hash_column()
    phone = SealedText(kind="phone")
    id_number_sealed: Mapped[bytes | None] = sealed_column()
    id_number_hash: Mapped[bytes | None] = hash_column()
    id_number = SealedText(kind="id_number")
    account_kind: Mapped[str] = mapped_column(server_default=text("'personal'"))
    account_name: Mapped[str] = mapped_column(server_default=text("''"))
    account_bank: Mapped[str] = mapped_column(server_default=text("''"))
    account_number_sealed: Mapped[bytes | None] = sealed_column()
    account_number = SealedText()
    user_id: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ProxyConsent(Base):
    """A household's recorded word that the village may act for it; ends when withdrawn."""

    __tablename__ = "proxy_consent"
    __table_args__ = (CheckConstraint("how IN ('paper', 'phone', 'in_person')", name="how_known"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"), index=True)
    given_on: Mapped[date]
    how: Mapped[str]
    """``rules.ConsentHow``."""
    witness: Mapped[str]
    recorded_by: Mapped[int] = mapped_column(ForeignKey("app_user.id"))
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())
    withdrawn_on: Mapped[date | None]


class HouseholdLink(Base):
    """A signed-up villager asks to be linked to a household; the clerk decides."""

    __tablename__ = "household_link"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'linked', 'refused')", name="state_known"),
        Index(
            "uq_household_link_waiting", "user_id", unique=True, postgresql_where=text("state = 'waiting'")
        ),
        Index("ix_household_link_village_code_state", "village_code", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("app_user.id"))
    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"))
    note: Mapped[str]
    """What the villager wrote to be recognised by: group, door number."""
    state: Mapped[str] = mapped_column(server_default=text("'waiting'"))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    reason: Mapped[str | None]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    decided_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class House(Base):
    """A farmhouse of one household. WGS-84."""

    __tablename__ = "house"
    __table_args__ = (
        UniqueConstraint("owner_id", "address", name="uq_house_owner_address"),
        CheckConstraint("floors BETWEEN 1 AND 9", name="floors_sensible"),
        CheckConstraint("geo_precision IN ('street', 'village', 'house')", name="geo_precision_known"),
        Index("ix_house_place", "place", postgresql_using="gist"),
        Index(
            "ix_house_address_trgm",
            "address",
            postgresql_using="gin",
            postgresql_ops={"address": "gin_trgm_ops"},
        ),
        Index("ix_house_village_code", "village_code"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"))
    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"))
    address: Mapped[str]
    """Inside the village, e.g. 3组18号."""
    floors: Mapped[int] = mapped_column(server_default=text("1"))
    lat: Mapped[float]
    lon: Mapped[float]
    geo_precision: Mapped[str] = mapped_column(server_default=text("'village'"))
    place: Mapped[str] = mapped_column(Point, Computed("point(lon * 0.8635, lat)", persisted=True))
    """Scaled by cos 30.3° so that ``<->`` orders by true distance; 1 unit ≈ 111.2 km."""
    dangerous_since: Mapped[date | None]
    """Graded C or D: must not be let (浙江省房屋使用安全管理条例 art. 33)."""
    dangerous_reason: Mapped[str | None]
    safe_until: Mapped[date | None]
    """First day the latest passed safety check no longer covers; None if the latest failed or none exists."""
    added_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    on_behalf_of: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    """Set when the clerk entered it as the household's proxy."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    owner: Mapped[Owner] = relationship(foreign_keys=[owner_id])


class HouseDocument(Base):
    """Title, building permit, or the safety appraisal that stands in for a permit (art. 15(5))."""

    __tablename__ = "house_document"
    __table_args__ = (
        CheckConstraint("kind IN ('title', 'permit', 'appraisal')", name="kind_known"),
        UniqueConstraint("house_id", "kind", "number", name="uq_house_document_number"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    house_id: Mapped[int] = mapped_column(ForeignKey("house.id"))
    kind: Mapped[str]
    number: Mapped[str]
    media_name: Mapped[str | None]
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Inspection(Base):
    """A safety check of a house on a day; a passed one has an end."""

    __tablename__ = "inspection"
    __table_args__ = (
        CheckConstraint("passed = (valid_until IS NOT NULL)", name="passed_has_end"),
        CheckConstraint("valid_until > inspected_on", name="end_after_check"),
        Index("ix_inspection_house_id_inspected_on", "house_id", "inspected_on"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    house_id: Mapped[int] = mapped_column(ForeignKey("house.id"))
    inspected_on: Mapped[date]
    passed: Mapped[bool]
    valid_until: Mapped[date | None]
    note: Mapped[str] = mapped_column(server_default=text("''"))
    inspected_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))


class Hazard(Base):
    """A safety finding, open until closed; an open major one keeps the house off the market."""

    __tablename__ = "hazard"
    __table_args__ = (
        CheckConstraint("severity IN ('minor', 'major')", name="severity_known"),
        Index("ix_hazard_open", "house_id", "severity", postgresql_where=text("closed_on IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    house_id: Mapped[int] = mapped_column(ForeignKey("house.id"))
    severity: Mapped[str]
    what: Mapped[str]
    found_on: Mapped[date]
    due_on: Mapped[date]
    closed_on: Mapped[date | None]
    found_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    closed_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))


class Room(Base):
    """A room of a house; its beds are numbered from 1."""

    __tablename__ = "room"
    __table_args__ = (
        UniqueConstraint("house_id", "label", name="uq_room_house_label"),
        CheckConstraint("usable_m2 > 0 AND usable_m2 < 1000", name="area_sensible"),
        CheckConstraint("beds BETWEEN 0 AND capacity", name="beds_within_capacity"),
        CheckConstraint(
            "kind IN ('bedroom', 'living_room', 'dining_room', 'kitchen', 'bathroom', 'balcony', 'hall',"
            " 'store', 'basement')",
            name="kind_known",
        ),
        CheckConstraint("kind IN ('bedroom', 'living_room') OR capacity = 0", name="only_habitable_sleeps"),
        Index("ix_room_village_code_id", "village_code", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    house_id: Mapped[int] = mapped_column(ForeignKey("house.id"))
    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"))
    label: Mapped[str]
    floor: Mapped[int] = mapped_column(server_default=text("1"))
    kind: Mapped[str] = mapped_column(server_default=text("'bedroom'"))
    usable_m2: Mapped[Decimal] = mapped_column(Numeric(5, 1))
    capacity: Mapped[int]
    """Legal head cap by the capacity rule in force; recomputed when the rule changes."""
    beds: Mapped[int]
    features: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    """Codes of ``housing.rules.FEATURES``."""
    added_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    on_behalf_of: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    """Set when the clerk entered it as the household's proxy."""
    removed_at: Mapped[datetime | None]

    house: Mapped[House] = relationship()


class Photo(Base):
    """A photograph of a house or of one room; the file lies in the media store."""

    __tablename__ = "photo"

    id: Mapped[int] = mapped_column(primary_key=True)
    house_id: Mapped[int] = mapped_column(ForeignKey("house.id"), index=True)
    room_id: Mapped[int | None] = mapped_column(ForeignKey("room.id"), index=True)
    media_name: Mapped[str] = mapped_column(unique=True)
    width: Mapped[int]
    height: Mapped[int]
    added_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())


class RoomNote(Base):
    """A line the village's staff keep about a room, until it is struck off; nobody else reads it."""

    __tablename__ = "room_note"
    __table_args__ = (
        CheckConstraint("btrim(words) <> '' AND length(words) <= 120", name="words_short"),
        CheckConstraint("(removed_at IS NULL) = (removed_by IS NULL)", name="removed_by_somebody"),
        Index("ix_room_note_live", "room_id", postgresql_where=text("removed_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("room.id"))
    words: Mapped[str]
    noted_by: Mapped[int] = mapped_column(ForeignKey("app_user.id"))
    noted_at: Mapped[datetime] = mapped_column(server_default=func.now())
    removed_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    removed_at: Mapped[datetime | None]

    room: Mapped[Room] = relationship()


class Listing(Base):
    """A room offered for a while at a rent. At most one live listing per room and day."""

    __tablename__ = "listing"
    __table_args__ = (
        CheckConstraint(
            "state IN ('draft', 'submitted', 'returned', 'approved', 'withdrawn')", name="state_known"
        ),
        CheckConstraint("rent_fen BETWEEN 100 AND 10000000", name="rent_sensible"),
        CheckConstraint("ends_on > starts_on", name="period_forward"),
        ExcludeConstraint(
            (column("room_id"), "="),
            (text("daterange(starts_on, ends_on)"), "&&"),
            name="listing_no_overlap",
            using="gist",
            where=text("state IN ('submitted', 'approved')"),
        ),
        Index("ix_listing_room_id_approved", "room_id", postgresql_where=text("state = 'approved'")),
        Index("ix_listing_waiting", "id", postgresql_where=text("state = 'submitted'")),
        Index("uq_listing_draft", "room_id", unique=True, postgresql_where=text("state = 'draft'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("room.id"), index=True)
    rent_fen: Mapped[int]
    """A month, for the whole room."""
    direct: Mapped[bool] = mapped_column(server_default=text("false"))
    """The household need not be asked: whoever holds the room has its yes."""
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    conditions: Mapped[str] = mapped_column(server_default=text("''"))
    state: Mapped[str] = mapped_column(server_default=text("'submitted'"))
    reason: Mapped[str | None]
    """Why it was returned or withdrawn."""
    submitted_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    on_behalf_of: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    """Set when the clerk offered it as the household's proxy."""
    submitted_at: Mapped[datetime] = mapped_column(server_default=func.now())
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("app_user.id"))
    decided_at: Mapped[datetime | None]

    room: Mapped[Room] = relationship()


class ImportedFile(Base):
    """A village workbook that was taken in: the same bytes again add nothing."""

    __tablename__ = "imported_file"
    __table_args__ = (UniqueConstraint("village_code", "sha256", name="uq_imported_file_once"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    village_code: Mapped[str] = mapped_column(ForeignKey("village.code"))
    sha256: Mapped[str]
    file_name: Mapped[str]
    rows: Mapped[int]
    imported_by: Mapped[int] = mapped_column(ForeignKey("app_user.id"))
    imported_at: Mapped[datetime] = mapped_column(server_default=func.now())


refuse_as(
    "uq_owner_village_household",
    HouseholdExists,
    _l("村里已经有这个户号。请核对户号，或者打开那一户来改。"),
)
refuse_as("uq_house_owner_address", HouseExists, _l("这一户已经登记过这个地址的房子，不用再登记一次。"))
refuse_as("uq_room_house_label", RoomExists, _l("这座房子里已经有叫这个名字的房间，请换一个房号。"))
refuse_as(
    "listing_no_overlap",
    AlreadyOffered,
    _l("这间房在这几天已经上架或正在审核，不用再交一次。想改价就直接改原来那一条。"),
)
