"""The village workbook: its columns, and its rows as households, houses and rooms, or as problems.

One row is one room. What a household or a house says on several rows has to agree; it need not be repeated.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from qiantang_nest.core.errors import DomainError, InvalidValue, RowProblem
from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import check_id_number, check_personal_card, check_phone
from qiantang_nest.core.money import format_yuan, parse_yuan
from qiantang_nest.core.text import normalise, shown
from qiantang_nest.core.workbook import Cell, Sheet
from qiantang_nest.housing.rules import Feature, RoomKind, check_beds, room_capacity
from qiantang_nest.spreadsheets.rules.cells import (
    day_of,
    digits_of,
    is_empty,
    number_of,
    text_of,
    whole_of,
)

HEAD_WITHIN = 5
EXAMPLE = "示例"
LOWEST_RENT_FEN, HIGHEST_RENT_FEN = 5_000, 2_000_000

# The words of the workbook are Chinese whatever language the page speaks: it is the village's own file.
KINDS = {
    "卧室": RoomKind.BEDROOM,
    "起居室": RoomKind.LIVING_ROOM,
    "客厅": RoomKind.LIVING_ROOM,
    "餐厅": RoomKind.DINING_ROOM,
    "厨房": RoomKind.KITCHEN,
    "卫生间": RoomKind.BATHROOM,
    "阳台": RoomKind.BALCONY,
    "过道厅堂": RoomKind.HALL,
    "储藏间": RoomKind.STORE,
    "地下室": RoomKind.BASEMENT,
}
FEATURE_WORDS = {
    "独立卫生间": Feature.PRIVATE_BATHROOM,
    "空调": Feature.AIR_CONDITIONING,
    "热水": Feature.HOT_WATER,
    "宽带": Feature.WIFI,
    "可做饭": Feature.KITCHEN,
    "洗衣机": Feature.WASHING_MACHINE,
    "衣柜": Feature.WARDROBE,
    "阳台": Feature.BALCONY,
    "独立电表": Feature.OWN_METER,
    "智能门锁": Feature.SMART_LOCK,
    "电动车充电": Feature.EBIKE_CHARGING,
    "停车位": Feature.PARKING,
}
PAPERS = {"不动产权证": "title", "建房审批": "permit", "房屋安全鉴定报告": "appraisal"}
CONSENTS = {"书面": "paper", "电话": "phone", "当面": "in_person"}


@dataclass(frozen=True)
class Terms:
    """What reading depends on: the village, the day, and the capacity rule in force."""

    village_name: str
    today: date
    cap: int
    m2_per_person: Decimal


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """One column of the workbook; ``of`` says whether the value belongs to household, house or room."""

    label: str
    name: str
    of: str
    read: Callable[[Cell, Terms], Any]
    example: str
    hint: str
    required: bool = False
    width: int = 12


def _text(most: int) -> Callable[[Cell, Terms], str]:
    return lambda cell, terms: text_of(cell, most=most)


def _word(words: dict[str, Any]) -> Callable[[Cell, Terms], Any]:
    def read(cell: Cell, terms: Terms) -> Any:
        typed = text_of(cell, most=40)
        if typed not in words:
            raise InvalidValue(
                _("没有“%(value)s”，请填：%(words)s", value=shown(typed), words="、".join(words))
            )
        return words[typed]

    return read


def _features(cell: Cell, terms: Terms) -> list[str]:
    typed = text_of(cell, most=200)
    found = []
    for word in typed.replace(",", "、").replace(";", "、").replace(" ", "、").split("、"):
        if word and word not in FEATURE_WORDS:
            raise InvalidValue(
                _("没有“%(value)s”，请填：%(words)s", value=shown(word), words="、".join(FEATURE_WORDS))
            )
        if word:
            found.append(FEATURE_WORDS[word])
    return [feature.value for feature in Feature if feature in found]


def _village(cell: Cell, terms: Terms) -> str:
    typed = text_of(cell, most=20)
    if typed.removesuffix("村") != terms.village_name.removesuffix("村"):
        raise InvalidValue(_("这一行写的不是%(village)s，您只能导入自己村的房子", village=terms.village_name))
    return typed


def _area(cell: Cell, terms: Terms) -> Decimal:
    value = number_of(cell)
    if not Decimal(1) <= value <= Decimal(200) or value != value.quantize(Decimal("0.1")):
        raise InvalidValue(_("“%(value)s”应是 1 到 200 平方米，最多一位小数", value=shown(str(cell))))
    return value


def _rent(cell: Cell, terms: Terms) -> int:
    fen = parse_yuan(str(cell))
    if not LOWEST_RENT_FEN <= fen <= HIGHEST_RENT_FEN:
        raise InvalidValue(
            _(
                "%(value)s 元不在 %(low)s 到 %(high)s 元之间，请核对",
                value=format_yuan(fen),
                low=format_yuan(LOWEST_RENT_FEN),
                high=format_yuan(HIGHEST_RENT_FEN),
            )
        )
    return fen


COLUMNS = (
    ColumnRule("村", "village", "household", _village, "", "可不填；填了要是自己的村"),
    ColumnRule(
        "户号", "household_no", "household", _text(20), "示例-001", "村里自己的编号，同一户每行一样", True
    ),
    ColumnRule("户主", "owner_name", "household", _text(30), "沈桂珍", "户主姓名", True),
    ColumnRule("小组", "group_no", "household", _text(10), "3", "村民小组"),
    ColumnRule(
        "电话",
        "phone",
        "household",
        lambda cell, terms: check_phone(digits_of(cell)),
        "13900001234",
        "没有就空着",
        width=14,
    ),
    ColumnRule(
        "身份证号",
        "id_number",
        "household",
        lambda cell, terms: check_id_number(digits_of(cell), today=terms.today),
        "33012119900307019X",
        "可不填；列要设为文本",
        width=22,
    ),
    ColumnRule(
        "开户行", "account_bank", "household", _text(60), "杭州联合银行河庄支行", "收租金的银行", width=24
    ),
    ColumnRule(
        "账号",
        "account_number",
        "household",
        lambda cell, terms: check_personal_card(digits_of(cell)),
        "6228580000123456781",
        "户主本人的银行卡；列要设为文本",
        width=24,
    ),
    ColumnRule("门牌", "address", "house", _text(60), "3组18号", "同一座房子每行一样", True, 16),
    ColumnRule(
        "层数",
        "floors",
        "house",
        lambda cell, terms: whole_of(cell, low=1, high=9),
        "3",
        "房子一共几层",
        True,
    ),
    ColumnRule("证明种类", "paper_kind", "house", _word(PAPERS), "建房审批", "、".join(PAPERS), width=16),
    ColumnRule("证明编号", "paper_number", "house", _text(60), "建字第1号", "和证明种类一起填", width=18),
    ColumnRule(
        "检查日期",
        "inspected_on",
        "house",
        lambda cell, terms: day_of(cell),
        "2026-11-01",
        "最近一次合格的安全检查",
    ),
    ColumnRule(
        "检查有效到",
        "checked_until",
        "house",
        lambda cell, terms: day_of(cell),
        "2027-10-31",
        "到这一天为止都有效",
    ),
    ColumnRule("房号", "label", "room", _text(20), "201", "同一座房子里不能重", True),
    ColumnRule(
        "楼层", "floor", "room", lambda cell, terms: whole_of(cell, low=1, high=9), "2", "这间房在几楼", True
    ),
    ColumnRule("用途", "kind", "room", _word(KINDS), "卧室", "空着当卧室；只有卧室、起居室能住人"),
    ColumnRule("使用面积", "usable_m2", "room", _area, "18", "平方米，最多一位小数", True),
    ColumnRule(
        "床位",
        "beds",
        "room",
        lambda cell, terms: whole_of(cell, low=0, high=20),
        "2",
        "空着就按能住的人数",
    ),
    ColumnRule(
        "设施",
        "features",
        "room",
        _features,
        "独立卫生间、空调",
        "用顿号隔开：" + "、".join(FEATURE_WORDS),
        width=26,
    ),
    ColumnRule("月租", "rent_fen", "room", _rent, "620", "元；填了就交审上架，空着只登记"),
    ColumnRule(
        "起租日", "starts_on", "room", lambda cell, terms: day_of(cell), "2026-12-01", "空着就从导入那天起"
    ),
    ColumnRule("租到", "last_day", "room", lambda cell, terms: day_of(cell), "2027-11-30", "空着就是一年"),
    ColumnRule(
        "同意方式",
        "consent_how",
        "household",
        _word(CONSENTS),
        "书面",
        "填了月租就要写户主怎么同意的：" + "、".join(CONSENTS),
    ),
    ColumnRule("见证人", "consent_witness", "household", _text(30), "组长周建国", "和同意方式一起填"),
    ColumnRule(
        "同意日期",
        "consent_on",
        "household",
        lambda cell, terms: day_of(cell),
        "2026-11-01",
        "和同意方式一起填",
    ),
)
BY_LABEL = {column.label: column for column in COLUMNS}
PROBLEM_LABEL = "问题"
"""The column that the file of problems adds; ignored when it comes back."""


@dataclass
class HouseholdRow:
    """One household, as its rows together say."""

    row: int
    household_no: str
    owner_name: str
    group_no: str | None = None
    phone: str | None = None
    id_number: str | None = None
    account_bank: str | None = None
    account_number: str | None = None
    consent_how: str | None = None
    consent_witness: str | None = None
    consent_on: date | None = None


@dataclass
class HouseRow:
    """One house of a household."""

    row: int
    household_no: str
    address: str
    floors: int
    paper_kind: str | None = None
    paper_number: str | None = None
    inspected_on: date | None = None
    checked_until: date | None = None


@dataclass
class RoomRow:
    """One room; ``ends_on`` is half-open."""

    row: int
    household_no: str
    address: str
    label: str
    floor: int
    usable_m2: Decimal
    kind: RoomKind = RoomKind.BEDROOM
    capacity: int = 0
    beds: int = 0
    features: list[str] = field(default_factory=list)
    rent_fen: int | None = None
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass
class VillageSheet:
    """What a workbook says; nothing of it counts while there is a problem."""

    head_row: int = 0
    labels: list[str] = field(default_factory=list)
    body: list[tuple[int, list[Cell]]] = field(default_factory=list)
    households: dict[str, HouseholdRow] = field(default_factory=dict)
    houses: dict[tuple[str, str], HouseRow] = field(default_factory=dict)
    rooms: dict[tuple[str, str, str], RoomRow] = field(default_factory=dict)
    problems: list[RowProblem] = field(default_factory=list)

    def wrong(self, row: int, column: str, reason: str) -> None:
        """Note a problem; ``row`` counts as Excel does."""
        self.problems.append(RowProblem(row, column, reason))


def read_village(sheet: Sheet, terms: Terms) -> VillageSheet:
    """Read every row and collect every problem; the first mistake does not hide the others."""
    found = VillageSheet()
    if not _find_head(sheet, found):
        return found
    for row in sheet.merged:
        if row > found.head_row:
            found.wrong(row, "", _("这里有合并单元格，请取消合并，每一格都填上"))
    for number, cells in enumerate(sheet.rows[found.head_row :], start=found.head_row + 1):
        if all(is_empty(cell) for cell in cells):
            continue
        found.body.append((number, cells))
        values = _read_row(found, number, cells, terms)
        if values is not None:
            _take_row(found, number, values, terms)
    _check_households(found, terms)
    if not found.body:
        found.wrong(found.head_row + 1, "", _("表头下面没有内容，请从第二行起一间房填一行"))
    found.problems.sort(key=lambda problem: problem.row)
    return found


def _find_head(sheet: Sheet, found: VillageSheet) -> bool:
    for number, cells in enumerate(sheet.rows[:HEAD_WITHIN], start=1):
        labels = [
            normalise(cell).removesuffix("*").strip() if isinstance(cell, str) else "" for cell in cells
        ]
        if "户号" not in labels and "房号" not in labels:
            continue
        found.head_row, found.labels = number, labels
        missing = [column.label for column in COLUMNS if column.required and column.label not in labels]
        unknown = [label for label in labels if label and label not in BY_LABEL and label != PROBLEM_LABEL]
        for label in missing:
            found.wrong(
                number,
                label,
                _("缺少这一列。%(unknown)s请用下载的模板，不要改表头", unknown=_not_known(unknown)),
            )
        for label in sorted({label for label in labels if label and labels.count(label) > 1}):
            found.wrong(number, label, _("这一列出现了两次，请删掉一列"))
        return not found.problems
    found.wrong(1, "", _("没有找到表头（户号、户主、门牌、房号……）。请用下载的模板，不要改表头"))
    return False


def _not_known(labels: list[str]) -> str:
    return _("多了“%(labels)s”，是不是改了名？", labels="、".join(labels)) if labels else ""


def _read_row(found: VillageSheet, number: int, cells: list[Cell], terms: Terms) -> dict[str, Any] | None:
    """The values of one row, or None for an example or a row with problems."""
    values: dict[str, Any] = {}
    before = len(found.problems)
    for label, cell in zip(found.labels, cells, strict=False):
        column = BY_LABEL.get(label)
        if column is None or is_empty(cell):
            continue
        try:
            values[column.name] = column.read(cell, terms)
        except DomainError as error:
            found.wrong(number, label, str(error.message).rstrip("。"))
        if column.name == "household_no" and str(values.get("household_no", "")).startswith(EXAMPLE):
            del found.problems[before:]
            found.body.pop()
            return None
    for column in COLUMNS:
        wrong_here = any(p.row == number and p.column == column.label for p in found.problems[before:])
        if column.required and column.name not in values and not wrong_here:
            found.wrong(number, column.label, _("没有填"))
    return values if len(found.problems) == before else None


def _take_row(found: VillageSheet, number: int, values: dict[str, Any], terms: Terms) -> None:
    number_key, address = values["household_no"], values["address"]
    household = found.households.get(number_key)
    if household is None:
        household = found.households[number_key] = HouseholdRow(number, number_key, values["owner_name"])
    _merge(found, household, "household", number, values)
    house = found.houses.get((number_key, address))
    if house is None:
        house = found.houses[number_key, address] = HouseRow(number, number_key, address, values["floors"])
    _merge(found, house, "house", number, values)
    _take_room(found, number, values, house, terms)


def _merge(
    found: VillageSheet, known: HouseholdRow | HouseRow, of: str, number: int, values: dict[str, Any]
) -> None:
    """Fill in what earlier rows left open; another value than theirs is a problem."""
    names = {item.name for item in fields(known)}
    for column in COLUMNS:
        if column.of != of or column.name not in values or column.name not in names:
            continue
        before = getattr(known, column.name)
        if before is None:
            setattr(known, column.name, values[column.name])
        elif before != values[column.name]:
            found.wrong(
                number,
                column.label,
                _("和第 %(row)s 行写的不一样，同一户、同一座房子要写得一样", row=known.row),
            )


def _take_room(
    found: VillageSheet, number: int, values: dict[str, Any], house: HouseRow, terms: Terms
) -> None:
    key = (house.household_no, house.address, values["label"])
    if key in found.rooms:
        found.wrong(number, "房号", _("和第 %(row)s 行是同一间房，请删掉一行", row=found.rooms[key].row))
        return
    if values["floor"] > house.floors:
        found.wrong(number, "楼层", _("房子只有 %(floors)s 层", floors=house.floors))
        return
    room = RoomRow(number, *key, floor=values["floor"], usable_m2=values["usable_m2"])
    room.kind = values.get("kind", RoomKind.BEDROOM)
    room.capacity = room_capacity(room.kind, room.usable_m2, terms.cap, terms.m2_per_person)
    room.beds = values.get("beds", room.capacity)
    room.features = values.get("features", [])
    try:
        if room.beds:
            check_beds(room.beds, room.capacity)
    except InvalidValue as error:
        found.wrong(number, "床位", str(error.message))
    if "rent_fen" in values:
        if room.beds == 0:
            found.wrong(number, "月租", _("这间房不能住人或没有床位，不能出租，请把月租空着"))
        room.rent_fen = values["rent_fen"]
        room.starts_on = values.get("starts_on", terms.today)
        last_day = values.get("last_day", room.starts_on + timedelta(days=364))
        room.ends_on = last_day + timedelta(days=1)
        if room.ends_on <= max(room.starts_on, terms.today) or last_day.year > room.starts_on.year + 10:
            found.wrong(number, "租到", _("要晚于起租日和今天，最多十年"))
    found.rooms[key] = room


def _check_households(found: VillageSheet, terms: Terms) -> None:
    """What only the rows together can tell."""
    for household in found.households.values():
        given = (household.consent_how, household.consent_witness, household.consent_on)
        if any(given) and not all(given):
            found.wrong(household.row, "同意方式", _("同意方式、见证人、同意日期要一起填"))
        if household.consent_on and household.consent_on > terms.today:
            found.wrong(household.row, "同意日期", _("还没有到这一天"))
        if (household.account_number is None) != (household.account_bank is None):
            found.wrong(household.row, "账号", _("开户行和账号要一起填"))
    for house in found.houses.values():
        if (house.paper_kind is None) != (house.paper_number is None):
            found.wrong(house.row, "证明编号", _("证明种类和编号要一起填"))
        if (house.inspected_on is None) != (house.checked_until is None):
            found.wrong(house.row, "检查有效到", _("检查日期和有效到要一起填"))
        elif house.inspected_on is not None and house.checked_until is not None:
            if house.inspected_on > terms.today:
                found.wrong(house.row, "检查日期", _("还没有到这一天"))
            if house.checked_until < house.inspected_on:
                found.wrong(house.row, "检查有效到", _("要晚于检查日期"))
            elif house.checked_until.year > house.inspected_on.year + 5:
                found.wrong(house.row, "检查有效到", _("一次检查最多管 5 年，请核对年份"))
