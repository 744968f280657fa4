"""One cell as a value, or a sentence that says what to do about it. Excel's own damage is named as such."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.text import normalise, shown
from qiantang_nest.core.workbook import Cell

EXCEL_EPOCH = date(1899, 12, 30)
_EXACT_DIGITS = 15
"""Excel keeps 15 digits of a number; the rest of a longer one are lost."""
_DAY = re.compile(r"([0-9]{4})[-./年]([0-9]{1,2})[-./月]([0-9]{1,2})日?")


def is_empty(cell: Cell) -> bool:
    """Nothing, or only white space."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def text_of(cell: Cell, *, most: int) -> str:
    """Short text; a whole number is written out. Raises InvalidValue."""
    if cell is None:
        return ""
    if isinstance(cell, bool | float) or (isinstance(cell, int) and len(str(abs(cell))) > _EXACT_DIGITS):
        raise InvalidValue(
            _("“%(value)s”被 Excel 存成了数字，请把这一列设为文本再填", value=shown(str(cell)))
        )
    if isinstance(cell, date):
        raise InvalidValue(
            _("被 Excel 改成了日期 %(value)s，请把这一列设为文本再填", value=cell.isoformat()[:10])
        )
    value = normalise(str(cell))
    if len(value) > most:
        raise InvalidValue(_("太长了，最多 %(most)s 个字", most=most))
    return value


def digits_of(cell: Cell) -> str:
    """A number that is really text: card, phone, account. Raises InvalidValue if Excel ate digits."""
    if isinstance(cell, float) or (
        isinstance(cell, int) and not isinstance(cell, bool) and len(str(abs(cell))) > _EXACT_DIGITS
    ):
        raise InvalidValue(_("被 Excel 存成数字，末位已丢失，请把这一列设为文本，照原件重新填"))
    return text_of(cell, most=40)


def number_of(cell: Cell) -> Decimal:
    """A number, typed as one or as text. Raises InvalidValue."""
    if isinstance(cell, bool) or isinstance(cell, date):
        raise InvalidValue(_("“%(value)s”不是数字", value=shown(str(cell))))
    try:
        value = Decimal(normalise(str(cell)))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise InvalidValue(_("“%(value)s”不是数字", value=shown(str(cell))))
    return value


def whole_of(cell: Cell, *, low: int, high: int) -> int:
    """A whole number between two bounds. Raises InvalidValue."""
    value = number_of(cell)
    if value != value.to_integral_value() or not low <= value <= high:
        raise InvalidValue(
            _("“%(value)s”应是 %(low)s 到 %(high)s 的整数", value=shown(str(cell)), low=low, high=high)
        )
    return int(value)


def day_of(cell: Cell) -> date:
    """A date: Excel's own, its serial number, or text such as 2026.3.1. Raises InvalidValue."""
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    wrong = InvalidValue(_("“%(value)s”不是日期，请写成 2026-03-01", value=shown(str(cell))))
    if isinstance(cell, int) and not isinstance(cell, bool) and 30_000 <= cell <= 60_000:
        return EXCEL_EPOCH + timedelta(days=cell)
    match = _DAY.fullmatch(normalise(cell)) if isinstance(cell, str) else None
    if match is None:
        raise wrong
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        raise wrong from None
