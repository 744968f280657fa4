"""Money as integer fen: reading, showing, rounding, splitting, writing in words.

Nothing here knows a currency other than the yuan, and nothing anywhere uses a float for money.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.text import normalise, shown, without_spaces

MAX_FEN = 10**14 - 1
"""The largest sum that can be typed: 999,999,999,999.99 yuan. Far above any bill, far below bigint."""

MINUS = "−"

_PLAIN = re.compile(r"(?P<sign>-?)(?P<yuan>[0-9]+)(?:\.(?P<cents>[0-9]*))?")
_GROUPED = re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")


def parse_yuan(text: str, *, allow_negative: bool = False) -> int:
    """Read a sum in yuan as typed by a person and return it in fen.

    Accepts thousands separators in their place, ``¥`` in front, ``元`` behind, full-width forms, at most two
    decimals (domain rulebook 3.6). Never guesses: what does not read as one number is refused.

    Raises:
        InvalidValue: not a number, more than two decimals, negative where not allowed, too large.
    """
    cleaned = without_spaces(normalise(text)).replace("−", "-").replace("–", "-")
    if not cleaned:
        raise InvalidValue(_("请填写金额，例如 320 或 1,234.50"))
    number = cleaned.removesuffix("元")
    if number.startswith("-¥"):
        number = "-" + number.removeprefix("-¥")
    number = number.removeprefix("¥")
    if "," in number:
        if not _GROUPED.fullmatch(number):
            raise _not_a_sum(text, number)
        number = number.replace(",", "")
    match = _PLAIN.fullmatch(number)
    if match is None:
        raise _not_a_sum(text, number)
    cents = match["cents"]
    if cents is not None and len(cents) > 2:
        raise InvalidValue(
            _(
                "“%(value)s”有 %(count)s 位小数，金额最多写到分，也就是两位小数",
                value=shown(cleaned),
                count=len(cents),
            )
        )
    yuan = match["yuan"].lstrip("0") or "0"
    if len(yuan) > 12:
        raise InvalidValue(_("“%(value)s”太大了，请核对金额，单位是元", value=shown(cleaned)))
    fen = int(yuan) * 100 + int(((cents or "") + "00")[:2])
    if match["sign"]:
        if not allow_negative and fen:
            raise InvalidValue(_("“%(value)s”是负数，请写大于或等于 0 的金额", value=shown(cleaned)))
        return -fen
    return fen


def _not_a_sum(text: str, number: str) -> InvalidValue:
    """The sentence for text that is no sum, with the number it seems to mean if there is one."""
    value = shown(normalise(text))
    meant = _read_chinese_number(number)
    if meant is None and re.fullmatch(r"-?[0-9,]+(\.[0-9]{1,2})?", number):
        return InvalidValue(_("“%(value)s”的逗号位置不对，请去掉逗号再写一次", value=value))
    if meant is None:
        return InvalidValue(_("“%(value)s”不是数字，请用数字写金额，例如 320 或 1,234.50", value=value))
    return InvalidValue(_("“%(value)s”不是数字，请写 %(example)s", value=value, example=str(meant)))


_CHINESE_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
    **{char: value for value, char in enumerate("零壹贰叁肆伍陆柒捌玖")},
}
_CHINESE_UNITS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000, "万": 10000}


def _read_chinese_number(text: str) -> int | None:
    """Guess what a spoken number means, to show it as an example («三百二» → 320); None if unclear.

    Only ever used inside a refusal, never to accept a value.
    """
    if not 1 < len(text) <= 12 or any(c not in _CHINESE_DIGITS and c not in _CHINESE_UNITS for c in text):
        return None
    total = section = 0
    digit: int | None = None
    last_unit = 1
    for char in text:
        if char in _CHINESE_DIGITS:
            if digit:
                return None
            digit = _CHINESE_DIGITS[char]
            if digit == 0:
                last_unit = 1
            continue
        unit = _CHINESE_UNITS[char]
        if unit == 10000:
            total, section = (section + (digit or 0)) * unit, 0
        else:
            section += (1 if digit is None else digit) * unit
        digit, last_unit = None, unit
    # A digit left hanging after a unit counts in tenths of that unit: 三百二 is 320, 三百零二 is 302.
    tail = (digit or 0) * (last_unit // 10 if last_unit >= 100 else 1)
    return total + section + tail or None


def format_yuan(fen: int) -> str:
    """Show fen as yuan without a sign of currency: ``123450`` → ``1,234.50``, negative with ``−``."""
    yuan, cents = divmod(abs(fen), 100)
    return f"{MINUS if fen < 0 else ''}{yuan:,}.{cents:02d}"


def format_money(fen: int) -> str:
    """Show fen as a sum of money: ``123450`` → ``¥1,234.50``, ``-50`` → ``−¥0.50``."""
    return f"{MINUS if fen < 0 else ''}¥{format_yuan(abs(fen))}"


def round_half_up(numerator: int | Fraction, denominator: int | Fraction = 1) -> int:
    """Return ``numerator / denominator`` rounded to an integer, halves away from zero.

    Away from zero, so that a reversal of a line is the line with the other sign. Exact: no float takes part.

    Raises:
        ZeroDivisionError: the denominator is 0.
    """
    value = Fraction(numerator) / Fraction(denominator)
    doubled = 2 * abs(value.numerator) + value.denominator
    rounded = doubled // (2 * value.denominator)
    return -rounded if value < 0 else rounded


def split_largest_remainder(total_fen: int, weights: Iterable[int | Fraction | Decimal]) -> list[int]:
    """Split ``total_fen`` in proportion to ``weights`` so that the parts add up to it exactly.

    Each part is its exact share cut to the fen; the fen left over go one by one to the largest remainders,
    ties to the earlier part (domain rulebook 3.6). A negative total is the mirror of the positive one.

    Raises:
        ValueError: a weight is negative, or all are 0 while there is something to split.
    """
    shares = [Fraction(weight) for weight in weights]
    if any(share < 0 for share in shares):
        raise ValueError("a weight must not be negative")
    if total_fen < 0:
        return [-part for part in split_largest_remainder(-total_fen, shares)]
    if total_fen == 0:
        return [0] * len(shares)
    whole = sum(shares)
    if whole == 0:
        raise ValueError("nothing to split by: all weights are 0")
    exact = [total_fen * share / whole for share in shares]
    parts = [value.numerator // value.denominator for value in exact]
    left_over = total_fen - sum(parts)
    by_remainder = sorted(range(len(parts)), key=lambda index: (parts[index] - exact[index], index))
    for index in by_remainder[:left_over]:
        parts[index] += 1
    return parts


_WORDS = "零壹贰叁肆伍陆柒捌玖"


def in_words(fen: int, *, prefix: bool = False) -> str:
    """Write a sum in the capital numerals of receipts and contracts (domain rulebook 3.7).

    ``10100`` → ``壹佰零壹元整``; with ``prefix`` ``人民币壹佰零壹元整``; a negative sum starts with 负.

    Raises:
        ValueError: 10^16 yuan or more, for which the numerals are ambiguous.
    """
    yuan, cents = divmod(abs(fen), 100)
    if yuan >= 10**16:
        raise ValueError("no agreed numerals for 10^16 yuan and more")
    jiao, odd_fen = divmod(cents, 10)
    words = f"{_integer_in_words(yuan)}元" if yuan or not cents else ""
    if not cents:
        words += "整"
    if jiao:
        words += f"{_WORDS[jiao]}角"
    if odd_fen:
        if yuan and not jiao:
            words += "零"
        words += f"{_WORDS[odd_fen]}分"
    return f"{'人民币' if prefix else ''}{'负' if fen < 0 else ''}{words}"


def _integer_in_words(number: int) -> str:
    """Write an integer, section by section of four digits; 零 joins a section below 1000 or after a gap."""
    if number < 10**4:
        return _section_in_words(number)
    for size, unit in ((10**8, "亿"), (10**4, "万")):
        if number >= size:
            high, low = divmod(number, size)
            joint = "零" if low < size // 10 else ""
            return _integer_in_words(high) + unit + (joint + _integer_in_words(low) if low else "")
    raise AssertionError("unreachable")


def _section_in_words(number: int) -> str:
    """Write 0–9999; inner zeros once, none at the end."""
    if number == 0:
        return _WORDS[0]
    words = ""
    gap = False
    for size, unit in ((1000, "仟"), (100, "佰"), (10, "拾"), (1, "")):
        digit = number // size % 10
        if digit:
            words += ("零" if gap and words else "") + _WORDS[digit] + unit
        gap = digit == 0
    return words
