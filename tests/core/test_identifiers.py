from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.identifiers import (
    REMARK_CODES,
    USCC_ALPHABET,
    IdKind,
    Sex,
    age_on,
    card_warnings,
    check_bank_number,
    check_corporate_account,
    check_document_number,
    check_id_number,
    check_mobile,
    check_personal_card,
    check_phone,
    check_remark_code,
    check_uscc,
    find_remark_codes,
    id_birth_date,
    id_sex,
    luhn_holds,
    make_remark_code,
    mask_account,
    mask_document,
    mask_name,
    mask_phone,
    remark_body,
    uscc_warnings,
)

TODAY = date(2026, 11, 23)

# --- unified social credit code

VALID_USCC = [
    "91350100M000100Y43",
    "91110108551385082Q",
    "91110000600037341L",
    "N2330114MF0000001J",
    "54330114ME0000001U",
    "92330114MA00000A10",
    "91330114MA2T000280",
    "91330114MA2T00018Y",
]


@pytest.mark.parametrize("code", VALID_USCC)
def test_codes_of_companies_and_village_cooperatives(code: str) -> None:
    assert check_uscc(code) == code
    assert uscc_warnings(code) == []


@pytest.mark.parametrize(
    "text",
    [
        " 91350100m000100y43 ",
        "9135-0100-M000-100Y-43",
        "91350100 M000100Y43",
        "９１３５０１００Ｍ０００１００Ｙ４３",
        "统一社会信用代码：91350100M000100Y43",
        "\u200b91350100M0\u200d00100Y43\ufeff",
    ],
)
def test_codes_as_people_paste_them(text: str) -> None:
    assert check_uscc(text) == "91350100M000100Y43"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "请填写 18 位统一社会信用代码，在营业执照上"),
        ("91350100M000100Y4A", "统一社会信用代码第 18 位校验不符，请对照营业执照逐位核对"),
        ("91350100M000100Y4", "统一社会信用代码应为 18 位，您填了 17 位，请对照营业执照"),
        ("91350100M000100Y433", "统一社会信用代码应为 18 位，您填了 19 位，请对照营业执照"),
        (
            "9135O100M000100Y43",
            "统一社会信用代码第 5 位不会是“O”：只用数字和大写字母，没有 I、O、S、V、Z，请对照营业执照",
        ),
        ("0" * 18, "统一社会信用代码不会全是 0，请对照营业执照"),
    ],
)
def test_wrong_codes(text: str, sentence: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        check_uscc(text)
    assert refused.value.message == sentence


@pytest.mark.parametrize("char", "IOSVZ")
def test_letters_outside_the_alphabet(char: str) -> None:
    with pytest.raises(InvalidValue, match=f"“{char}”"):
        check_uscc(f"9135{char}100M000100Y43")


def test_odd_heads_and_regions_warn_a_person() -> None:
    assert len(uscc_warnings("ZZAB01140000000000")) == 2


@given(st.sampled_from(VALID_USCC), st.integers(0, 17), st.sampled_from(USCC_ALPHABET))
def test_one_wrong_character_never_passes(code: str, place: int, char: str) -> None:
    wrong = code[:place] + char + code[place + 1 :]
    if wrong != code:
        with pytest.raises(InvalidValue):
            check_uscc(wrong)


# --- ID number


@pytest.mark.parametrize(
    ("code", "sex", "birth"),
    [
        ("11010519491231002X", Sex.FEMALE, date(1949, 12, 31)),
        ("440524188001010014", None, None),
        ("41272819960229002X", Sex.FEMALE, date(1996, 2, 29)),
        ("33012119900307019X", Sex.MALE, date(1990, 3, 7)),
        ("330181198802290019", Sex.MALE, date(1988, 2, 29)),
        ("341226199512310024", Sex.FEMALE, date(1995, 12, 31)),
        ("522425199901010032", Sex.MALE, date(1999, 1, 1)),
    ],
)
def test_id_numbers(code: str, sex: Sex | None, birth: date | None) -> None:
    if birth is None:
        # The check digit holds, but no one living was born in 1880.
        with pytest.raises(InvalidValue, match="出生日期"):
            check_id_number(code, today=TODAY)
        return
    assert check_id_number(code, today=TODAY) == code
    assert id_sex(code) is sex
    assert id_birth_date(code) == birth


def test_old_and_loosely_typed_id_numbers() -> None:
    assert check_id_number("110105491231002", today=TODAY) == "11010519491231002X"
    assert check_id_number(" 330121 19900307 019x ", today=TODAY) == "33012119900307019X"
    assert check_id_number("３３０１２１１９９００３０７０１９Ｘ", today=TODAY) == "33012119900307019X"
    assert check_id_number("\u200e330121199003070\u200b19X", today=TODAY) == "33012119900307019X"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "请填写身份证号"),
        ("330121199003070190", "身份证号第 18 位校验不符，请核对"),
        ("3301211990030701", "身份证号应为 18 位，您填了 16 位，请核对"),
        ("33012119970229019X", "身份证号第 7 到 14 位应是出生日期，“19970229”不是一天，请核对"),
        ("33012120270101001X", "身份证号里的出生日期 2027-01-01 还没有到，请核对第 7 到 14 位"),
        ("99012119900307019X", "身份证号开头“99”不是任何省份，请核对前两位"),
        (
            "3301211990O307019X",
            "身份证号第 11 位不会是“O”，前 17 位是数字，最后一位是数字或 X，请核对",
        ),
        ("٣٣٠١٢١١٩٩٠٠٣٠٧٠١٩X", "身份证号第 1 位不会是“٣”，前 17 位是数字，最后一位是数字或 X，请核对"),
    ],
)
def test_wrong_id_numbers(text: str, sentence: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        check_id_number(text, today=TODAY)
    assert refused.value.message == sentence


@pytest.mark.parametrize(
    "check", [check_uscc, check_mobile, check_phone, check_personal_card, check_remark_code]
)
@pytest.mark.parametrize("text", ["\x00", "91350100M000100Y43\x00", "1380000\ud8005678"])
def test_nul_and_lone_surrogates_are_refused_everywhere(check, text: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidValue, match="无法保存的字符"):
        check(text)


@pytest.mark.parametrize(
    ("birth", "day", "age"),
    [
        (date(2010, 11, 23), date(2026, 11, 22), 15),
        (date(2010, 11, 23), date(2026, 11, 23), 16),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
    ],
)
def test_age(birth: date, day: date, age: int) -> None:
    assert age_on(birth, day) == age


def test_no_age_before_birth() -> None:
    with pytest.raises(ValueError, match="before birth"):
        age_on(date(2026, 1, 1), date(2025, 1, 1))


@pytest.mark.parametrize(
    ("kind", "text", "number"),
    [
        (IdKind.RESIDENT, "33012119900307019x", "33012119900307019X"),
        (IdKind.PASSPORT, "e 1234 5678", "E12345678"),
        (IdKind.PASSPORT, "h12345678", "H12345678"),
        (IdKind.PERMANENT, "usa310012345678", "USA310012345678"),
        (IdKind.PERMANENT, "911124198108030024", "911124198108030024"),
    ],
)
def test_other_documents(kind: IdKind, text: str, number: str) -> None:
    assert check_document_number(kind, text, today=TODAY) == number


@pytest.mark.parametrize("kind", list(IdKind))
@pytest.mark.parametrize("text", ["", "12", "E1234567890123456789012", "护照"])
def test_wrong_other_documents(kind: IdKind, text: str) -> None:
    with pytest.raises(InvalidValue):
        check_document_number(kind, text, today=TODAY)


# --- phones


@pytest.mark.parametrize(
    "text",
    [
        "13800005678",
        "138 0000 5678",
        "138-0000-5678",
        "+86 138 0000 5678",
        "008613800005678",
        "8613800005678",
        "１３８００００５６７８",
    ],
)
def test_mobiles(text: str) -> None:
    assert check_mobile(text) == check_phone(text) == "13800005678"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "请填写手机号"),
        ("1380000567", "手机号应为 11 位，您填了 10 位，请核对"),
        ("12800005678", "手机号以 13 到 19 开头，您填的以 12 开头，请核对"),
        ("1380000567O", "手机号只有数字，“1380000567O”里有别的字，请核对"),
    ],
)
def test_wrong_mobiles(text: str, sentence: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        check_mobile(text)
    assert refused.value.message == sentence


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0571-82345678", "0571-82345678"),
        ("057182345678", "0571-82345678"),
        ("(0571)8234 5678", "0571-82345678"),
        ("（0571）82345678转123", "0571-82345678-123"),
        ("+86 571 8234 5678", "0571-82345678"),
        ("+86 (0)571 8234-5678", "0571-82345678"),
        ("86-571-82345678", "0571-82345678"),
        ("0571—82345678—01", "0571-82345678-01"),
        ("010-62345678", "010-62345678"),
        ("+86 10 6234 5678", "010-62345678"),
        ("0312-8234567", "0312-8234567"),
        ("03128234567", "0312-8234567"),
    ],
)
def test_landlines(text: str, number: str) -> None:
    assert check_phone(text) == number


@pytest.mark.parametrize(
    "text", ["", "82345678", "0571-12345678", "0571-02345678", "0571-823456", "95588", "110", "电话"]
)
def test_wrong_phones(text: str) -> None:
    with pytest.raises(InvalidValue):
        check_phone(text)


@given(st.text(max_size=25))
def test_a_phone_that_is_read_reads_again(text: str) -> None:
    with suppress(InvalidValue):
        assert check_phone(check_phone(text)) == check_phone(text)


# --- bank accounts


@pytest.mark.parametrize(
    "number", ["6222021202001234567", "6228480320123456784", "6217001540001234564", "6228580000123456781"]
)
def test_personal_cards(number: str) -> None:
    assert check_personal_card(f"{number[:4]} {number[4:8]}-{number[8:]}") == number
    assert card_warnings(number) == []
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert check_personal_card(wrong) == wrong
    assert len(card_warnings(wrong)) == 1


def test_wrong_accounts() -> None:
    with pytest.raises(InvalidValue, match="您填了 15 位，个人银行卡号是 16 到 19 位"):
        check_personal_card("622202120200123")
    with pytest.raises(InvalidValue, match="只有数字"):
        check_personal_card("6222021202001234 56A")
    with pytest.raises(InvalidValue, match="请填写账号"):
        check_corporate_account(" ")
    with pytest.raises(InvalidValue, match="8 到 32 位"):
        check_corporate_account("1234567")
    with pytest.raises(InvalidValue, match="12 位数字"):
        check_bank_number("1033310")


def test_corporate_accounts_have_no_check_digit() -> None:
    assert check_corporate_account("1202-0212 0990 0123") == "1202021209900123"
    assert check_bank_number("103331012345") == "103331012345"


@given(st.text("0123456789", min_size=15, max_size=18))
def test_exactly_one_last_digit_satisfies_luhn(body: str) -> None:
    assert sum(luhn_holds(body + last) for last in "0123456789") == 1


# --- remark codes


def test_remark_codes_of_the_rulebook() -> None:
    assert make_remark_code("2603A7K") == "QT2603A7KX"
    assert make_remark_code("2611B02") == "QT2611B02D"
    assert check_remark_code(" qt 2603 a7kx ") == "QT2603A7KX"


@pytest.mark.parametrize("text", ["", "QT2603A7KY", "QT2603A7K", "AB2603A7KX", "QT2603A7KXX", "QTO603A7KX"])
def test_wrong_remark_codes(text: str) -> None:
    with pytest.raises(InvalidValue):
        check_remark_code(text)


def test_a_body_outside_the_alphabet_is_a_mistake_of_ours() -> None:
    for body in ("2603A7", "2603A7O"):
        with pytest.raises(ValueError, match="not a remark body"):
            make_remark_code(body)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("11月房租 QT2603A7KX", ["QT2603A7KX"]),
        ("房租ＱＴ２６０３Ａ７ＫＸ海川", ["QT2603A7KX"]),
        ("qt2603 a7kx，QT-2611-B02D", ["QT2603A7KX", "QT2611B02D"]),
        ("QTQT2611B02D", ["QT2611B02D"]),
        ("QT2603A7KXQT2603A7KX", ["QT2603A7KX"]),
        ("QT2603A7KY", []),
        ("\x00QT2603\u200bA7KX\ud800", ["QT2603A7KX"]),
        ("", []),
    ],
)
def test_codes_are_found_in_what_banks_write(text: str, codes: list[str]) -> None:
    assert find_remark_codes(text) == codes


@given(st.integers(0, REMARK_CODES - 2))
def test_neighbouring_codes_differ_in_more_than_a_slip(number: int) -> None:
    one, other = make_remark_code(remark_body(number)), make_remark_code(remark_body(number + 1))
    assert check_remark_code(one) == one
    assert find_remark_codes(f"付 {one}、{other} 房租") == [one, other]
    assert sum(a != b for a, b in zip(one, other, strict=True)) >= 3


def test_code_numbers_end() -> None:
    assert len({remark_body(number) for number in range(5000)}) == 5000
    for number in (-1, REMARK_CODES):
        with pytest.raises(ValueError, match="numbered"):
            remark_body(number)


# --- masks


def test_masks() -> None:
    assert mask_name("张三") == "张*"
    assert mask_name("欧阳娜娜") == "欧阳**"
    assert mask_name("欧阳") == "欧*"
    assert mask_name("𠮷田一") == "𠮷**"
    assert mask_name("阿依古丽·买买提") == "阿***·***"
    assert mask_name("张") == "*"
    assert mask_document("33012119900307190X") == "330121********190X"
    assert mask_document("E12345678") == "E1*****78"
    assert mask_document("E123") == "****"
    assert mask_phone("13800005678") == "138****5678"
    assert mask_phone("0571-82345678") == "0571-****5678"
    assert mask_phone("0571-82345678-12") == "0571-****5678"
    assert mask_account("6222021202001234567") == "**** **** **** 4567"


@given(st.text(max_size=30))
def test_masks_never_fail_and_never_show_all(text: str) -> None:
    for mask in (mask_name, mask_document, mask_phone, mask_account):
        masked = mask(text)
        assert "*" in masked or not text.strip()
