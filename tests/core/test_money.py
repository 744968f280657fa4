from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.money import (
    MAX_FEN,
    format_money,
    format_yuan,
    in_words,
    parse_yuan,
    round_half_up,
    split_largest_remainder,
)


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("320", 32000),
        ("0", 0),
        ("0.5", 50),
        ("12.34", 1234),
        ("1,234.50", 123450),
        ("1，234.50", 123450),
        ("¥1,234.50", 123450),
        ("￥ 1,234.50 元", 123450),
        ("１２００", 120000),
        ("１２．５元", 1250),
        ("\u200b600\u202c", 60000),
        ("12.", 1200),
        ("007", 700),
        ("-0", 0),
        ("999,999,999,999.99", MAX_FEN),
    ],
)
def test_sums_as_people_type_them(text: str, fen: int) -> None:
    assert parse_yuan(text) == fen


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("三百二", "“三百二”不是数字，请写 320"),
        ("三百零二", "“三百零二”不是数字，请写 302"),
        ("六百五十元", "“六百五十元”不是数字，请写 650"),
        ("十五", "“十五”不是数字，请写 15"),
        ("一千二", "“一千二”不是数字，请写 1200"),
        ("两万三", "“两万三”不是数字，请写 23000"),
        ("三二", "“三二”不是数字，请用数字写金额，例如 320 或 1,234.50"),
        ("", "请填写金额，例如 320 或 1,234.50"),
        (" \u200b ", "请填写金额，例如 320 或 1,234.50"),
        ("12.345", "“12.345”有 3 位小数，金额最多写到分，也就是两位小数"),
        ("12,34", "“12,34”的逗号位置不对，请去掉逗号再写一次"),
        ("-3", "“-3”是负数，请写大于或等于 0 的金额"),
        ("1e9", "“1e9”不是数字，请用数字写金额，例如 320 或 1,234.50"),
        ("1000000000000", "“1000000000000”太大了，请核对金额，单位是元"),
        ("1 2 x", "“1 2 x”不是数字，请用数字写金额，例如 320 或 1,234.50"),
        ("٣٢٠", "“٣٢٠”不是数字，请用数字写金额，例如 320 或 1,234.50"),
        ("¥", "“¥”不是数字，请用数字写金额，例如 320 或 1,234.50"),
    ],
)
def test_what_is_no_sum_is_refused_with_the_way_out(text: str, sentence: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_yuan(text)
    assert refused.value.message == sentence


@pytest.mark.parametrize(
    "text", ["1\x00", "1\ud800", "abc" * 10**5, "9" * 10**5, "," * 10**5, "NaN", "∞", ".5", "--1"]
)
def test_hostile_text_is_refused_in_a_short_sentence(text: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_yuan(text)
    assert len(refused.value.message) < 80


@given(st.integers(-MAX_FEN, MAX_FEN))
def test_what_is_shown_reads_back(fen: int) -> None:
    assert parse_yuan(format_money(fen), allow_negative=True) == fen
    assert parse_yuan(format_yuan(fen), allow_negative=True) == fen


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidValue):
        assert 0 <= parse_yuan(text) <= MAX_FEN


def test_showing() -> None:
    assert format_yuan(123450) == "1,234.50"
    assert format_money(123450) == "¥1,234.50"
    assert format_money(-5) == "−¥0.05"
    assert format_yuan(-5) == "−0.05"
    assert format_money(0) == "¥0.00"


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [
        (1, 2, 1),
        (3, 2, 2),
        (-1, 2, -1),
        (-3, 2, -2),
        (1, 3, 0),
        (2, 3, 1),
        (0, 7, 0),
        (5, -2, -3),
        (42581, 1, 42581),
    ],
)
def test_halves_go_away_from_zero(numerator: int, denominator: int, rounded: int) -> None:
    assert round_half_up(numerator, denominator) == rounded


@given(st.fractions())
def test_rounding_is_within_half_and_mirrors(value: Fraction) -> None:
    assert abs(round_half_up(value) - value) <= Fraction(1, 2)
    assert round_half_up(-value) == -round_half_up(value)


def test_split_of_a_meter_line_by_person_days() -> None:
    assert split_largest_remainder(10000, [30, 30, 12]) == [4167, 4167, 1666]


def test_odd_fen_go_to_the_earlier_of_equals() -> None:
    assert split_largest_remainder(100, [1, 1, 1]) == [34, 33, 33]
    assert split_largest_remainder(-100, [1, 1, 1]) == [-34, -33, -33]


def test_a_split_needs_something_to_split_by() -> None:
    assert split_largest_remainder(0, [0, 0]) == [0, 0]
    with pytest.raises(ValueError, match="all weights"):
        split_largest_remainder(5, [0, 0])
    with pytest.raises(ValueError, match="negative"):
        split_largest_remainder(5, [2, -1])


@given(st.integers(-(10**10), 10**10), st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any))
def test_parts_add_up_and_stay_within_a_fen_of_their_share(total: int, weights: list[int]) -> None:
    parts = split_largest_remainder(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1


@pytest.mark.parametrize(
    ("yuan", "words"),
    [
        ("0", "零元整"),
        ("0.01", "壹分"),
        ("0.10", "壹角"),
        ("10.05", "壹拾元零伍分"),
        ("20.50", "贰拾元伍角"),
        ("101", "壹佰零壹元整"),
        ("1010", "壹仟零壹拾元整"),
        ("1409.50", "壹仟肆佰零玖元伍角"),
        ("6007.14", "陆仟零柒元壹角肆分"),
        ("10001", "壹万零壹元整"),
        ("10100", "壹万零壹佰元整"),
        ("16409.02", "壹万陆仟肆佰零玖元零贰分"),
        ("100001", "壹拾万零壹元整"),
        ("107000.53", "壹拾万柒仟元伍角叁分"),
        ("325.04", "叁佰贰拾伍元零肆分"),
        ("10001000", "壹仟万壹仟元整"),
        ("100000001", "壹亿零壹元整"),
        ("100010000", "壹亿零壹万元整"),
        ("1000100.01", "壹佰万零壹佰元零壹分"),
        ("12345678.90", "壹仟贰佰叁拾肆万伍仟陆佰柒拾捌元玖角"),
        ("1680.32", "壹仟陆佰捌拾元叁角贰分"),
        ("100001000", "壹亿零壹仟元整"),
        ("100000000000", "壹仟亿元整"),
        ("0.11", "壹角壹分"),
    ],
)
def test_sums_in_words(yuan: str, words: str) -> None:
    assert in_words(parse_yuan(yuan)) == words
    assert in_words(parse_yuan(yuan), prefix=True) == f"人民币{words}"


def test_refunds_and_enormous_sums_in_words() -> None:
    assert in_words(-10100, prefix=True) == "人民币负壹佰零壹元整"
    assert in_words(10**14) == "壹万亿元整"
    with pytest.raises(ValueError, match="numerals"):
        in_words(10**18)


def read_words(words: str) -> int:
    """Read capital numerals back, written apart from the writer: by place values, ignoring 零 and 整."""
    digits = {char: value for value, char in enumerate("零壹贰叁肆伍陆柒捌玖")}
    total = section = hundredths = digit = 0
    for char in words:
        if char in digits:
            digit = digits[char]
        elif char in "拾佰仟":
            section, digit = section + digit * {"拾": 10, "佰": 100, "仟": 1000}[char], 0
        elif char == "万":
            total, section, digit = total + (section + digit) * 10**4, 0, 0
        elif char == "亿":
            total, section, digit = (total + section + digit) * 10**8, 0, 0
        elif char == "元":
            total, section, digit = total + section + digit, 0, 0
        elif char in "角分":
            hundredths, digit = hundredths + digit * (10 if char == "角" else 1), 0
    return total * 100 + hundredths


@given(st.integers(0, 10**18 - 1))
def test_words_read_back_and_have_no_doubled_zero(fen: int) -> None:
    words = in_words(fen)
    assert read_words(words) == fen
    assert "零零" not in words
    assert words.endswith("整") == (fen % 100 == 0)
    assert "零元" not in words or words == "零元整"
