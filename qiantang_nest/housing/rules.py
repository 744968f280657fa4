"""What may be let: kinds of rooms, legal capacity, and what a room still lacks before it is offered.

Sources: 住房租赁条例 art. 7 and 39; 杭州市居住房屋出租安全管理若干规定 (below: 若干规定) art. 13–14;
浙江省房屋使用安全管理条例 art. 15(5) and 33. Figures that the district may change arrive as arguments.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _, _l

DEFAULT_CAP = 2
"""Heads a room at most (若干规定 art. 14)."""
DEFAULT_M2_PER_PERSON = Decimal("4")
"""Usable square metres a head at least (若干规定 art. 14)."""


class RoomKind(StrEnum):
    """What a room was built as; only the first two may ever be slept in."""

    BEDROOM = "bedroom"
    LIVING_ROOM = "living_room"
    DINING_ROOM = "dining_room"
    KITCHEN = "kitchen"
    BATHROOM = "bathroom"
    BALCONY = "balcony"
    HALL = "hall"
    STORE = "store"
    BASEMENT = "basement"


HABITABLE = frozenset((RoomKind.BEDROOM, RoomKind.LIVING_ROOM))


_ROOM_KIND_LABELS = {
    RoomKind.BEDROOM: _l("卧室"),
    RoomKind.LIVING_ROOM: _l("起居室"),
    RoomKind.DINING_ROOM: _l("餐厅"),
    RoomKind.KITCHEN: _l("厨房"),
    RoomKind.BATHROOM: _l("卫生间"),
    RoomKind.BALCONY: _l("阳台"),
    RoomKind.HALL: _l("过道厅堂"),
    RoomKind.STORE: _l("储藏间"),
    RoomKind.BASEMENT: _l("地下室"),
}


def room_kind_label(kind: RoomKind) -> str:
    """Return the word for a kind of room."""
    return str(_ROOM_KIND_LABELS[kind])


class Feature(StrEnum):
    """What a room offers beside beds; the order is that of pages."""

    PRIVATE_BATHROOM = "private_bathroom"
    AIR_CONDITIONING = "air_conditioning"
    HOT_WATER = "hot_water"
    WIFI = "wifi"
    KITCHEN = "kitchen"
    WASHING_MACHINE = "washing_machine"
    WARDROBE = "wardrobe"
    BALCONY = "balcony"
    OWN_METER = "own_meter"
    SMART_LOCK = "smart_lock"
    EBIKE_CHARGING = "ebike_charging"
    PARKING = "parking"


FEATURES: tuple[str, ...] = tuple(feature.value for feature in Feature)
"""The codes that ``Room.features`` may hold."""


_FEATURE_LABELS = {
    Feature.PRIVATE_BATHROOM: _l("独立卫生间"),
    Feature.AIR_CONDITIONING: _l("空调"),
    Feature.HOT_WATER: _l("热水"),
    Feature.WIFI: _l("宽带"),
    Feature.KITCHEN: _l("可做饭"),
    Feature.WASHING_MACHINE: _l("洗衣机"),
    Feature.WARDROBE: _l("衣柜"),
    Feature.BALCONY: _l("阳台"),
    Feature.OWN_METER: _l("独立电表"),
    Feature.SMART_LOCK: _l("智能门锁"),
    Feature.EBIKE_CHARGING: _l("电动车充电"),
    Feature.PARKING: _l("停车位"),
}


def feature_label(feature: Feature) -> str:
    """Return the word for a feature."""
    return str(_FEATURE_LABELS[feature])


# --- capacity -------------------------------------------------------------------------------------


def legal_capacity(
    usable_m2: Decimal, cap: int = DEFAULT_CAP, m2_per_person: Decimal = DEFAULT_M2_PER_PERSON
) -> int:
    """Return how many may sleep in a habitable room of ``usable_m2`` square metres.

    ``min(cap, floor(usable_m2 / m2_per_person))``: 7.9 → 1, 8.0 → 2, 20.0 → 2, 3.9 → 0 (若干规定 art. 14).

    Raises:
        InvalidValue: the area is not a number above 0.
        ValueError: the rule itself makes no sense (no head allowed, or no area a head).
    """
    if cap < 1 or not m2_per_person > 0:
        raise ValueError("a capacity rule needs at least one head and some area a head")
    if not usable_m2.is_finite() or usable_m2 <= 0:
        raise InvalidValue(_("使用面积应大于 0 平方米，例如 12.5"))
    return min(cap, int(usable_m2 // m2_per_person))


def room_capacity(
    kind: RoomKind,
    usable_m2: Decimal,
    cap: int = DEFAULT_CAP,
    m2_per_person: Decimal = DEFAULT_M2_PER_PERSON,
) -> int:
    """Return the legal capacity of a room of ``kind``: 0 for kitchens and the like, whatever their size.

    Raises:
        InvalidValue, ValueError: as ``legal_capacity``.
    """
    capacity = legal_capacity(usable_m2, cap, m2_per_person)
    return capacity if kind in HABITABLE else 0


def check_beds(beds: int, capacity: int) -> int:
    """Return ``beds`` if a room of ``capacity`` may hold them.

    Raises:
        InvalidValue: fewer than one bed, or more beds than the law lets people sleep there.
    """
    if beds < 1:
        raise InvalidValue(_("床位数至少是 1"))
    if beds > capacity:
        if capacity == 0:
            raise InvalidValue(_("这间房按规定不能住人，不能放床位"))
        raise InvalidValue(
            _(
                "您填了 %(beds)s 张床，这间房按规定最多住 %(capacity)s 人，请改少",
                beds=beds,
                capacity=capacity,
            )
        )
    return beds


MANAGED_FROM_ROOMS = 10
MANAGED_FROM_BEDS = 10


def needs_management(rooms: int, beds: int) -> bool:
    """Say whether rooms let together count as a place of public activity: 10 rooms or 10 beds.

    Such a house or lessor needs a manager and a register filed with the police (若干规定; rulebook 2.2).
    """
    return rooms >= MANAGED_FROM_ROOMS or beds >= MANAGED_FROM_BEDS


# --- listing gate ---------------------------------------------------------------------------------


class DocumentKind(StrEnum):
    """Papers that show a house may be let; any one of them opens the gate."""

    TITLE = "title"
    PERMIT = "permit"
    APPRAISAL = "appraisal"


def document_kind_label(kind: DocumentKind) -> str:
    """Return the name of a paper."""
    labels: dict[DocumentKind, str] = {
        DocumentKind.TITLE: _("不动产权证"),
        DocumentKind.PERMIT: _("建房审批"),
        DocumentKind.APPRAISAL: _("房屋安全鉴定报告"),
    }
    return labels[kind]


class GateLack(StrEnum):
    """One thing that keeps a room from being offered; the order is that of pages, hardest first."""

    DANGEROUS_HOUSE = "dangerous_house"
    ROOM_NOT_HABITABLE = "room_not_habitable"
    ROOM_TOO_SMALL = "room_too_small"
    NO_BED = "no_bed"
    NO_DOCUMENT = "no_document"
    NO_SAFETY_CHECK = "no_safety_check"
    SAFETY_CHECK_EXPIRED = "safety_check_expired"
    MAJOR_HAZARD_OPEN = "major_hazard_open"


def gate_lack_label(lack: GateLack) -> str:
    """Return the sentence for what is missing and who can mend it."""
    labels: dict[GateLack, str] = {
        GateLack.DANGEROUS_HOUSE: _("房屋被鉴定为危房，不能出租，修好并重新鉴定后再上架"),
        GateLack.ROOM_NOT_HABITABLE: _("这间房不是卧室或起居室，不能单独出租住人"),
        GateLack.ROOM_TOO_SMALL: _("使用面积太小，按规定一个人也不能住"),
        GateLack.NO_BED: _("还没有床位，请先填写放几张床"),
        GateLack.NO_DOCUMENT: _("缺房屋证明：不动产权证、建房审批或房屋安全鉴定报告，有一样就行"),
        GateLack.NO_SAFETY_CHECK: _("还没有合格的安全检查，请联系村里上门检查"),
        GateLack.SAFETY_CHECK_EXPIRED: _("安全检查在上架那天已过期，请联系村里重新检查"),
        GateLack.MAJOR_HAZARD_OPEN: _("有重大隐患没有整改完，整改并复查后再上架"),
    }
    return labels[lack]


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What the gate looks at. ``safe_until`` is the first day the passed check no longer covers."""

    room_kind: RoomKind
    capacity: int
    beds: int
    documents: Collection[DocumentKind]
    safe_until: date | None
    open_major_hazards: int
    dangerous: bool
    offered_from: date


def gate_lacks(facts: GateFacts) -> list[GateLack]:
    """Return everything that keeps a room from being offered, hardest first; empty means it may be.

    Papers: title, building permit, or the appraisal that a house without a permit must pass before it is
    let. The safety check must cover the first day offered. Reported all at once, so that nobody comes twice.
    """
    found = {
        GateLack.DANGEROUS_HOUSE: facts.dangerous,
        GateLack.ROOM_NOT_HABITABLE: facts.room_kind not in HABITABLE,
        GateLack.ROOM_TOO_SMALL: facts.room_kind in HABITABLE and facts.capacity < 1,
        GateLack.NO_BED: facts.room_kind in HABITABLE and facts.capacity >= 1 and facts.beds < 1,
        GateLack.NO_DOCUMENT: not facts.documents,
        GateLack.NO_SAFETY_CHECK: facts.safe_until is None,
        GateLack.SAFETY_CHECK_EXPIRED: facts.safe_until is not None
        and facts.safe_until <= facts.offered_from,
        GateLack.MAJOR_HAZARD_OPEN: facts.open_major_hazards > 0,
    }
    return [lack for lack in GateLack if found[lack]]


# --- consent --------------------------------------------------------------------------------------


class ConsentHow(StrEnum):
    """How a household let the village act for it."""

    PAPER = "paper"
    PHONE = "phone"
    IN_PERSON = "in_person"


def consent_how_label(how: ConsentHow) -> str:
    """Return the words for a way of consenting."""
    labels: dict[ConsentHow, str] = {
        ConsentHow.PAPER: _("签了书面授权"),
        ConsentHow.PHONE: _("电话里同意，有人见证"),
        ConsentHow.IN_PERSON: _("当面口头同意，有人见证"),
    }
    return labels[how]


# --- hazards --------------------------------------------------------------------------------------


class Severity(StrEnum):
    """How bad a safety finding is; an open major one keeps the whole house off the market."""

    MINOR = "minor"
    MAJOR = "major"


def severity_label(severity: Severity) -> str:
    """Return the word for a severity."""
    labels: dict[Severity, str] = {Severity.MINOR: _("一般隐患"), Severity.MAJOR: _("重大隐患")}
    return labels[severity]


_DAYS_TO_MEND = {Severity.MINOR: 15, Severity.MAJOR: 3}


def hazard_due(severity: Severity, found_on: date) -> date:
    """Return the day by which a hazard is to be mended: 72 hours for major ones, 15 days for others."""
    return found_on + timedelta(days=_DAYS_TO_MEND[severity])
