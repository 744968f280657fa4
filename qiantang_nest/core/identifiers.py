"""Identifiers people type: checking, normalising and masking them.

Checkers return the one written form that is stored. They check form and check digits only; that the number
belongs to the person or the company is for people to verify. Vectors: domain rulebook 3.1–3.4 and 4.
"""

import re
from datetime import date
from enum import StrEnum

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.text import normalise, shown, visible, without_spaces

_DASHES = re.compile(r"[-‐‑‒–—―−－]")
_ASCII_DIGITS = re.compile(r"[0-9]+")


def _compact(text: str) -> str:
    """Normalise and drop spaces and hyphens; upper-case."""
    return _DASHES.sub("", without_spaces(normalise(text))).upper()


# --- 统一社会信用代码, GB 32100-2015 ----------------------------------------------------------------------

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_VALUE = {char: value for value, char in enumerate(USCC_ALPHABET)}
_USCC_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
_USCC_LABEL = re.compile(r"^(统一)?社会信用代码(证号|号)?[::]?")
_USCC_HEADS = frozenset(
    ("11", "12", "51", "52", "53", "54", "55", "81", "91", "92", "93", "A1", "N1", "N2", "N3", "Y1")
)


def _mod31_check(body: str) -> str:
    """Return the check character of GB 32100-2015 for ``body`` (any length up to 17)."""
    total = sum(_USCC_VALUE[char] * weight for char, weight in zip(body, _USCC_WEIGHTS, strict=False))
    return USCC_ALPHABET[-total % 31]


def check_uscc(text: str) -> str:
    """Return the unified social credit code in ``text``: 18 upper-case characters.

    A leading «统一社会信用代码：», spaces, hyphens, full-width and zero-width characters are dropped.
    Letters are never guessed: O is not read as 0.

    Raises:
        InvalidValue: wrong length, a character outside the alphabet, all zeros, wrong check character.
    """
    code = _compact(_USCC_LABEL.sub("", without_spaces(normalise(text))))
    if not code:
        raise InvalidValue(_("请填写 18 位统一社会信用代码，在营业执照上"))
    for place, char in enumerate(code[:18], start=1):
        if char not in _USCC_VALUE:
            raise InvalidValue(
                _(
                    "统一社会信用代码第 %(place)s 位不会是“%(char)s”："
                    "只用数字和大写字母，没有 I、O、S、V、Z，请对照营业执照",
                    place=place,
                    char=char,
                )
            )
    if len(code) != 18:
        raise InvalidValue(
            _("统一社会信用代码应为 18 位，您填了 %(count)s 位，请对照营业执照", count=len(code))
        )
    if code == "0" * 18:
        raise InvalidValue(_("统一社会信用代码不会全是 0，请对照营业执照"))
    if _mod31_check(code[:17]) != code[17]:
        raise InvalidValue(_("统一社会信用代码第 18 位校验不符，请对照营业执照逐位核对"))
    return code


def uscc_warnings(code: str) -> list[str]:
    """Say what a person should look at in a code that ``check_uscc`` accepted; empty if nothing.

    Unknown registration heads and letters in the region digits occur in genuine codes, so they never refuse.
    """
    warnings = []
    if code[:2] not in _USCC_HEADS:
        warnings.append(_("代码开头“%(head)s”不常见，请对照执照原件", head=code[:2]))
    if not _ASCII_DIGITS.fullmatch(code[2:8]):
        warnings.append(_("代码第 3 到 8 位通常是数字，这里是“%(region)s”，请对照执照原件", region=code[2:8]))
    return warnings


# --- 居民身份证, GB 11643-1999 -------------------------------------------------------------------------


class Sex(StrEnum):
    """Sex as the ID card states it."""

    MALE = "M"
    FEMALE = "F"


class IdKind(StrEnum):
    """Kinds of identity documents that a worker may show."""

    RESIDENT = "resident"
    """居民身份证, and residence permits of Hong Kong, Macao and Taiwan people (81, 82, 83)."""
    PASSPORT = "passport"
    """Passport, or another travel document of letters and digits."""
    PERMANENT = "permanent"
    """外国人永久居留身份证."""


_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECK = "10X98765432"
_PROVINCES = frozenset(
    str(code)
    for first, last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
    for code in range(first, last + 1)
)
EARLIEST_BIRTH_YEAR = 1900


def check_id_number(text: str, *, today: date) -> str:
    """Return the resident ID number in ``text``: 18 characters, a 15-digit one converted.

    Checks length, characters, province (first two digits), birth date (from 1900, not after ``today``) and
    the check digit. Region tables are not consulted: they change, and the person's number does not.

    Raises:
        InvalidValue: any of these fails; the sentence never repeats the whole number.
    """
    code = _compact(text)
    if not code:
        raise InvalidValue(_("请填写身份证号"))
    if len(code) == 15 and _ASCII_DIGITS.fullmatch(code):
        code = f"{code[:6]}19{code[6:]}"
        code += _id_check(code)
    if len(code) != 18:
        raise InvalidValue(_("身份证号应为 18 位，您填了 %(count)s 位，请核对", count=len(code)))
    for place, char in enumerate(code, start=1):
        if not (char.isascii() and char.isdigit()) and not (place == 18 and char == "X"):
            raise InvalidValue(
                _(
                    "身份证号第 %(place)s 位不会是“%(char)s”，前 17 位是数字，最后一位是数字或 X，请核对",
                    place=place,
                    char=char,
                )
            )
    if code[:2] not in _PROVINCES:
        raise InvalidValue(_("身份证号开头“%(head)s”不是任何省份，请核对前两位", head=code[:2]))
    birth = _date_or_none(code[6:14])
    if birth is None or birth.year < EARLIEST_BIRTH_YEAR:
        raise InvalidValue(
            _("身份证号第 7 到 14 位应是出生日期，“%(value)s”不是一天，请核对", value=code[6:14])
        )
    if birth > today:
        raise InvalidValue(
            _("身份证号里的出生日期 %(birth)s 还没有到，请核对第 7 到 14 位", birth=birth.isoformat())
        )
    if _id_check(code[:17]) != code[17]:
        raise InvalidValue(_("身份证号第 18 位校验不符，请核对"))
    return code


def _id_check(body: str) -> str:
    """Return the check character of 17 digits (ISO 7064 MOD 11-2)."""
    return _ID_CHECK[sum(int(digit) * weight for digit, weight in zip(body, _ID_WEIGHTS, strict=True)) % 11]


def _date_or_none(digits: str) -> date | None:
    """Read YYYYMMDD; None if there is no such day."""
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


def id_birth_date(code: str) -> date:
    """Return the birth date in an ID number that ``check_id_number`` accepted."""
    return date(int(code[6:10]), int(code[10:12]), int(code[12:14]))


def id_sex(code: str) -> Sex:
    """Return the sex in an ID number that ``check_id_number`` accepted (17th digit odd: male)."""
    return Sex.MALE if int(code[16]) % 2 else Sex.FEMALE


def age_on(birth: date, day: date) -> int:
    """Return the age in full years on ``day``; someone born on 29 February turns on 1 March in other years.

    Raises:
        ValueError: ``day`` is before the birth.
    """
    if day < birth:
        raise ValueError("no age before birth")
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def check_document_number(kind: IdKind, text: str, *, today: date) -> str:
    """Return the number of an identity document of ``kind`` in the one form that is stored.

    Documents other than the ID card are checked for shape only: their issuers publish no check to rely on
    (passport 5–20 letters and digits; permanent residence 18 characters starting with 9, or the older
    3 letters with 12 digits).

    Raises:
        InvalidValue: the number has not the shape of its kind.
    """
    if kind is IdKind.RESIDENT:
        return check_id_number(text, today=today)
    code = _compact(text)
    if kind is IdKind.PASSPORT:
        if not re.fullmatch(r"[A-Z0-9]{5,20}", code):
            raise InvalidValue(_("护照号是 5 到 20 位字母和数字，请照资料页填写"))
    elif not re.fullmatch(r"[A-Z]{3}[0-9]{12}|9[0-9]{16}[0-9X]", code):
        raise InvalidValue(
            _("外国人永久居留身份证号是 18 位、以 9 开头，旧证是 3 个字母加 12 位数字，请对照证件")
        )
    return code


# --- phones ---------------------------------------------------------------------------------------

_BRACKETS = re.compile(r"[()\[\]{}【】〔〕]")
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_LANDLINE = re.compile(
    r"(?P<area>0(?:10|2[0-9]|[3-9][0-9]{2}))-?(?P<head>[2-9][0-9]{2,3})-?(?P<tail>[0-9]{4})(?:-(?P<ext>[0-9]{1,6}))?"
)


def _phone_form(text: str) -> str:
    """Normalise a phone number: no spaces or brackets, one kind of hyphen, no country code."""
    number = _BRACKETS.sub("", without_spaces(normalise(text)))
    number = _DASHES.sub("-", number.replace("转", "-")).strip("-")
    for prefix in ("+86", "0086"):
        if number.startswith(prefix):
            rest = number.removeprefix(prefix).lstrip("-")
            break
    else:
        if not number.startswith("86") or sum(map(str.isdigit, number)) < 12:
            return number
        rest = number.removeprefix("86").lstrip("-")
    is_mobile = _MOBILE.fullmatch(rest.replace("-", "")) is not None
    return rest if is_mobile or rest.startswith("0") else "0" + rest


def check_mobile(text: str) -> str:
    """Return the mobile number in ``text``: 11 digits, without +86, spaces and hyphens.

    Raises:
        InvalidValue: not a mobile number of the mainland.
    """
    number = _phone_form(text).replace("-", "")
    if not number:
        raise InvalidValue(_("请填写手机号"))
    if not _ASCII_DIGITS.fullmatch(number):
        raise InvalidValue(_("手机号只有数字，“%(value)s”里有别的字，请核对", value=shown(number)))
    if len(number) != 11:
        raise InvalidValue(_("手机号应为 11 位，您填了 %(count)s 位，请核对", count=len(number)))
    if not _MOBILE.fullmatch(number):
        raise InvalidValue(_("手机号以 13 到 19 开头，您填的以 %(head)s 开头，请核对", head=number[:2]))
    return number


def check_phone(text: str) -> str:
    """Return the mobile or landline number in ``text``; landlines as ``0571-82345678`` or ``…-123``.

    Raises:
        InvalidValue: neither; landlines need their area code.
    """
    number = _phone_form(text)
    if _MOBILE.fullmatch(number.replace("-", "")):
        return number.replace("-", "")
    match = _LANDLINE.fullmatch(number)
    if match:
        extension = f"-{match['ext']}" if match["ext"] else ""
        return f"{match['area']}-{match['head']}{match['tail']}{extension}"
    if not number:
        raise InvalidValue(_("请填写电话号码"))
    raise InvalidValue(
        _(
            "“%(value)s”不是电话号码，请填 11 位手机号，或带区号的座机，例如 0571-82345678",
            value=shown(number),
        )
    )


# --- bank accounts --------------------------------------------------------------------------------


def check_personal_card(text: str) -> str:
    """Return the number of a personal bank card in ``text``: 16 to 19 digits.

    The check digit is not required here, see ``card_warnings``.

    Raises:
        InvalidValue: other characters than digits, or another length.
    """
    number = _account_digits(text)
    if not 16 <= len(number) <= 19:
        raise InvalidValue(
            _("您填了 %(count)s 位，个人银行卡号是 16 到 19 位，请对着卡再看一遍", count=len(number))
        )
    return number


def card_warnings(number: str) -> list[str]:
    """Say what to look at in a personal card number; a wrong Luhn digit warns and never refuses."""
    if not luhn_holds(number):
        return [_("卡号最后一位校验不符，多半是有一位填错了，请对着卡核对；确认无误也可以继续")]
    return []


def luhn_holds(digits: str) -> bool:
    """Say whether a string of digits passes the Luhn check."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def check_corporate_account(text: str) -> str:
    """Return the corporate account number in ``text``: 8 to 32 digits, no check digit.

    Raises:
        InvalidValue: other characters than digits, or another length.
    """
    number = _account_digits(text)
    if not 8 <= len(number) <= 32:
        raise InvalidValue(
            _("您填了 %(count)s 位，对公账号是 8 到 32 位，请对照开户许可或回单", count=len(number))
        )
    return number


def check_bank_number(text: str) -> str:
    """Return the CNAPS number of a bank branch (联行号) in ``text``: 12 digits.

    Raises:
        InvalidValue: other characters than digits, or another length.
    """
    number = _account_digits(text)
    if len(number) != 12:
        raise InvalidValue(_("联行号是 12 位数字，您填了 %(count)s 位，请核对", count=len(number)))
    return number


def _account_digits(text: str) -> str:
    number = _compact(text)
    if not number:
        raise InvalidValue(_("请填写账号"))
    if not _ASCII_DIGITS.fullmatch(number):
        raise InvalidValue(_("账号只有数字，请去掉其他的字再填一次"))
    return number


# --- remark codes of transfers --------------------------------------------------------------------

REMARK_PREFIX = "QT"
REMARK_BODY_LENGTH = 7
REMARK_CODES = 31**REMARK_BODY_LENGTH
# Prime and far from small multiples of 31, so that neighbouring numbers differ in most characters.
_REMARK_SPREAD = 17_003_729_981
_REMARK_CODE = re.compile(r"(?=(QT[0-9A-HJ-NP-RTUWXY]{8}))")
_REMARK_FILLERS = re.compile(r"[\s\-‐‑‒–—―−_.·]+")


def remark_body(number: int) -> str:
    """Return the 7 characters for the ``number``-th code: different numbers, different bodies.

    Neighbouring numbers get bodies that differ in most places, so that one slip of the pen does not turn one
    open bill's code into another's.

    Raises:
        ValueError: ``number`` is outside 0 … 31^7 − 1.
    """
    if not 0 <= number < REMARK_CODES:
        raise ValueError("remark codes are numbered from 0 to 31^7 - 1")
    spread = number * _REMARK_SPREAD % REMARK_CODES
    body = ""
    for _place in range(REMARK_BODY_LENGTH):
        spread, value = divmod(spread, 31)
        body += USCC_ALPHABET[value]
    return body


def make_remark_code(body: str) -> str:
    """Return the code an employer writes in a transfer's remark: ``QT`` + 7 characters + check character.

    ``make_remark_code("2603A7K")`` → ``QT2603A7KX`` (domain rulebook 4).

    Raises:
        ValueError: the body is not 7 characters of the alphabet of GB 32100.
    """
    if len(body) != REMARK_BODY_LENGTH or any(char not in _USCC_VALUE for char in body):
        raise ValueError(f"not a remark body: {body!r}")
    return REMARK_PREFIX + body + _mod31_check(body)


def check_remark_code(text: str) -> str:
    """Return the remark code in ``text`` typed by a person.

    Raises:
        InvalidValue: not a remark code, or its check character does not hold.
    """
    code = _REMARK_FILLERS.sub("", normalise(text)).upper()
    if not re.fullmatch(r"QT[0-9A-HJ-NP-RTUWXY]{8}", code):
        raise InvalidValue(
            _("“%(value)s”不是转账附言码，它以 QT 开头、共 10 位，例如 QT2603A7KX", value=shown(code))
        )
    if not _remark_check_holds(code):
        raise InvalidValue(_("附言码“%(value)s”最后一位校验不符，请对照账单核对", value=code))
    return code


def find_remark_codes(text: str) -> list[str]:
    """Return the remark codes in a bank's text, each once, in order; unreadable text holds none.

    About 1 in 31 random strings of the shape passes: a caller counts a code only if it belongs to an open
    bill (domain rulebook 9).
    """
    cleaned = _REMARK_FILLERS.sub("", _lenient(text)).upper()
    found = (match.group(1) for match in _REMARK_CODE.finditer(cleaned))
    return list(dict.fromkeys(code for code in found if _remark_check_holds(code)))


def _lenient(text: str) -> str:
    """Normalise text that no one can be asked to retype."""
    return normalise(
        "".join(char for char in visible(text) if char != "\x00" and not "\ud800" <= char <= "\udfff")
    )


def _remark_check_holds(code: str) -> bool:
    return _mod31_check(code[2:9]) == code[9]


# --- masks ----------------------------------------------------------------------------------------

_COMPOUND_SURNAMES = frozenset(
    "欧阳 司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 令狐 司徒 司空 夏侯 端木 独孤 南宫 西门 轩辕 长孙 "
    "宇文 闻人 钟离 澹台 淳于 单于 太史 申屠 仲孙 公羊 赫连 濮阳 宗政 公冶 太叔 东郭 南门 呼延 "
    "第五 完颜 纳兰 拓跋".split()
)


def mask_name(name: str) -> str:
    """Mask a name but for its surname: ``张*``, ``欧阳**``; the dots of minority names stay."""
    name = name.strip()
    if len(name) < 2:
        return "*" * len(name)
    kept = 2 if len(name) > 2 and name[:2] in _COMPOUND_SURNAMES else 1
    masked = name[:kept] + "".join(char if char in "·• " else "*" for char in name[kept:])
    return masked if "*" in masked else "*" * len(name)


def mask_document(number: str) -> str:
    """Mask an identity number: 6 + 4 of an ID number (``330121********190X``), 2 + 2 of any other."""
    if len(number) == 18:
        return f"{number[:6]}{'*' * 8}{number[14:]}"
    if len(number) < 6:
        return "*" * len(number)
    return number[:2] + "*" * (len(number) - 4) + number[-2:]


def mask_phone(number: str) -> str:
    """Mask a phone number as stored: ``138****5678``, ``0571-****5678``."""
    if re.fullmatch(r"[0-9]{11}", number):
        return f"{number[:3]}****{number[7:]}"
    area, hyphen, rest = number.partition("-")
    if hyphen and rest:
        subscriber = rest.split("-")[0]
        return (
            f"{area}-{'*' * max(len(subscriber) - 4, 0)}{subscriber[-4:] if len(subscriber) > 4 else '****'}"
        )
    return "*" * len(number)


def mask_account(number: str) -> str:
    """Mask a bank account but for its last four digits: ``**** **** **** 4567``."""
    return f"**** **** **** {number[-4:]}" if len(number) >= 8 else "*" * len(number)
