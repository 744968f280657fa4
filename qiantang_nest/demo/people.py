"""Invented people and firms: names, valid but fictional numbers."""

import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from qiantang_nest.core.crypto import keyring
from qiantang_nest.core.identifiers import USCC_ALPHABET

_SURNAMES_HERE = "沈陈王张徐周吴金俞许高倪朱施方蒋马何胡孙"
_SURNAMES_AWAY = "李王张刘陈杨赵黄吴周徐孙马朱胡林郭何高罗郑梁谢宋唐许韩冯邓曹彭曾田董袁潘蒋蔡余杜"
_GIVEN_OLD_F = ("桂珍", "阿凤", "水仙", "美娟", "彩英", "爱芬", "银花", "菊仙", "雅琴", "玉兰")
_GIVEN_OLD_M = ("阿根", "水林", "关兴", "建国", "国庆", "金海", "利民", "永法", "志明", "柏松")
_GIVEN_M = ("伟", "强", "磊", "军", "勇", "杰", "涛", "超", "明", "刚", "浩", "鹏", "志强", "建华", "文龙")
_GIVEN_F = ("芳", "娜", "敏", "静", "丽", "艳", "娟", "霞", "燕", "玲", "婷", "雪梅", "小红", "春花", "海燕")
_HOMES = (
    ("341226", "安徽省颍上县"),
    ("411481", "河南省永城市"),
    ("522425", "贵州省织金县"),
    ("362330", "江西省鄱阳县"),
    ("513021", "四川省达县"),
    ("420683", "湖北省枣阳市"),
    ("430523", "湖南省邵阳县"),
    ("530381", "云南省宣威市"),
)
_FIRM_HEADS = (
    "海川",
    "钱江",
    "恒泰",
    "瑞丰",
    "东升",
    "华远",
    "正浩",
    "新锐",
    "江东",
    "启航",
    "天润",
    "宏业",
    "盛达",
    "朗成",
)
_FIRM_KINDS = (
    "精密制造",
    "汽车零部件",
    "电器",
    "新材料",
    "生物医药",
    "机械",
    "电子科技",
    "食品",
    "纺织",
    "包装",
)
_AGE_DAYS = 12_045  # 33 years; 7919 is prime to it
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_USCC_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))


@dataclass(frozen=True)
class Sealed:
    """Ciphertext and look-up hash of one value."""

    sealed: bytes
    hash: bytes


def seal(table: str, column: str, kind: str, value: str, seal_key: uuid.UUID) -> Sealed:
    """What ``core.crypto.SealedText`` would store for the row."""
    keys = keyring()
    return Sealed(keys.seal(value, f"{table}.{column}:{seal_key}"), keys.hash(value, kind))


class People:
    """A source of invented people; numbers never repeat."""

    def __init__(self, rng: Random, first: int = 0) -> None:
        self._rng = rng
        self._serial = first

    def _count(self) -> int:
        self._serial += 1
        return self._serial

    def key(self) -> uuid.UUID:
        """A row's seal key."""
        return uuid.UUID(int=self._rng.getrandbits(128), version=4)

    def villager_name(self) -> str:
        """The head of a household here."""
        given = _GIVEN_OLD_F if self._rng.random() < 0.4 else _GIVEN_OLD_M
        return self._rng.choice(_SURNAMES_HERE) + self._rng.choice(given)

    def worker_name(self, sex: str) -> str:
        """Somebody from elsewhere."""
        return self._rng.choice(_SURNAMES_AWAY) + self._rng.choice(_GIVEN_M if sex == "M" else _GIVEN_F)

    def phone(self) -> str:
        """A number of a range that no operator gives out: 19900000000 upwards."""
        return f"199{self._count() % 10**8:08d}"

    def id_number(self, sex: str, today: date) -> tuple[str, date, str]:
        """Number, birthday, home address; a counter spread over ages and regions, so no two are equal."""
        turn, serial = divmod(self._count(), 499)
        rounds, day = divmod(turn, _AGE_DAYS)
        region, home = _HOMES[(rounds + turn) % len(_HOMES)]
        born = today - timedelta(days=19 * 366 + day * 7919 % _AGE_DAYS)
        body = f"{region}{born:%Y%m%d}{serial * 2 + (1 if sex == 'M' else 0):03d}"
        total = sum(int(c) * w for c, w in zip(body, _ID_WEIGHTS, strict=True))
        return body + "10X98765432"[total % 11], born, home

    def uscc(self) -> str:
        """A valid, fictional 统一社会信用代码 of the district."""
        body = f"91330114MA{self._count() % 10**7:07d}"
        total = sum(USCC_ALPHABET.index(c) * w for c, w in zip(body, _USCC_WEIGHTS, strict=True))
        return body + USCC_ALPHABET[(31 - total % 31) % 31]

    def firm_name(self, number: int) -> str:
        """A fictional firm."""
        head = _FIRM_HEADS[number % len(_FIRM_HEADS)]
        kind = _FIRM_KINDS[(number // len(_FIRM_HEADS) + number) % len(_FIRM_KINDS)]
        round_ = number // (len(_FIRM_HEADS) * len(_FIRM_KINDS))
        return f"杭州{head}{kind}{'' if round_ == 0 else f'（{round_ + 1}厂）'}有限公司"

    def card(self) -> str:
        """A rural bank card number that passes Luhn."""
        body = f"622858{self._count():012d}"
        total = 0
        for place, char in enumerate(reversed(body)):
            digit = int(char)
            if place % 2 == 0:
                digit = digit * 2 - 9 if digit > 4 else digit * 2
            total += digit
        return body + str(-total % 10)
