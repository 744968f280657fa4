"""What an employer's record may do next, and what a worker's row must hold."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from qiantang_nest.core.errors import InvalidValue, told_at
from qiantang_nest.core.i18n import _
from qiantang_nest.core.identifiers import (
    IdKind,
    Sex,
    age_on,
    check_document_number,
    check_mobile,
    id_birth_date,
    id_sex,
)
from qiantang_nest.core.text import normalise

WORKING_AGE = 16
LONGEST_NAME = 40
LONGEST_WISH = 20


class Shift(StrEnum):
    """When somebody works; who works at night sleeps by day."""

    DAY = "day"
    NIGHT = "night"


def shift_label(shift: str) -> str:
    """The word for a shift."""
    return str(_("夜班") if shift == Shift.NIGHT else _("白班"))


@dataclass(frozen=True)
class WorkerRow:
    """One worker as given by a form or a sheet, checked by ``check_worker``."""

    name: str
    sex: Sex
    id_kind: IdKind
    id_number: str
    phone: str | None
    home_address: str = ""
    born_on: date | None = None
    is_local: bool = False
    couple_id_number: str | None = None
    """The ID number of husband or wife, if they may share a room; both rows must name each other."""
    shift: Shift | None = None
    """None leaves shift, wish and ground floor as they are, for somebody new by day and without wishes."""
    wish_group: str | None = None
    ground_floor: bool | None = None


def check_worker(
    *,
    name: str,
    sex: str,
    id_kind: str,
    id_number: str,
    phone: str,
    today: date,
    home_address: str = "",
    born_on: date | None = None,
    is_local: bool = False,
    couple_id_number: str = "",
    shift: Shift | None = None,
    wish_group: str | None = None,
    ground_floor: bool | None = None,
) -> WorkerRow:
    """Normalise and check what was typed. Raises InvalidValue with the sentence for the person.

    Sex and birth date of an ID card come from its number; a sex that contradicts it is refused. Nobody under
    16 (劳动法 art. 15).
    """
    kind = IdKind(id_kind)
    with told_at("id_number"):
        number = check_document_number(kind, id_number, today=today)
    with told_at("name"):
        clean_name = check_person_name(name)
    with told_at("phone"):
        mobile = check_mobile(phone) if phone.strip() else None
    if kind is IdKind.RESIDENT:
        read = id_sex(number)
        if sex and sex != read:
            raise InvalidValue(_("填的性别和身份证号对不上，请核对其中一个"), field="sex")
        sex, born_on = read, id_birth_date(number)
    if sex not in (Sex.MALE, Sex.FEMALE):
        raise InvalidValue(_("请选择男或女"), field="sex")
    if born_on is None:
        raise InvalidValue(_("请填写出生日期"), field="born_on")
    if born_on > today:
        raise InvalidValue(_("出生日期 %(day)s 还没到，请核对", day=born_on.isoformat()), field="born_on")
    if age_on(born_on, today) < WORKING_AGE:
        raise InvalidValue(_("未满 %(age)s 周岁，不能作为员工登记", age=WORKING_AGE))
    with told_at("couple_id_number"):
        couple = _couple_number(couple_id_number, today) if couple_id_number.strip() else None
        if couple == number:
            raise InvalidValue(_("配偶的身份证号不能是本人的"))
    return WorkerRow(
        name=clean_name,
        sex=Sex(sex),
        id_kind=kind,
        id_number=number,
        phone=mobile,
        home_address=normalise(home_address)[:200],
        born_on=born_on,
        is_local=is_local,
        couple_id_number=couple,
        shift=shift,
        wish_group=None if wish_group is None else check_wish(wish_group),
        ground_floor=ground_floor,
    )


def _couple_number(text: str, today: date) -> str:
    """Husband's or wife's number: of an ID card by its length, else of a passport."""
    resident = sum(char.isalnum() for char in normalise(text)) in (15, 18)
    return check_document_number(IdKind.RESIDENT if resident else IdKind.PASSPORT, text, today=today)


def check_wish(text: str) -> str:
    """The name of a wish to be together as stored. Raises InvalidValue."""
    wish = " ".join(normalise(text).split())
    if len(wish) > LONGEST_WISH:
        raise InvalidValue(_("同住组的名字最多 %(most)s 个字", most=LONGEST_WISH))
    return wish


def check_person_name(text: str) -> str:
    """A person's name as stored: trimmed, inner runs of spaces single, 2 to 40 characters."""
    name = " ".join(normalise(text).split())
    if not 2 <= len(name) <= LONGEST_NAME:
        raise InvalidValue(_("姓名应为 2 到 %(most)s 个字", most=LONGEST_NAME))
    return name
