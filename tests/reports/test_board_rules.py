"""The bars of the room board: they cover every day once, and say what holds."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from qiantang_nest.reports.queries.board import House
from qiantang_nest.reports.rules.board import Bar, Barred, Beds, Claim, Look, Room, bars_of, short_name
from qiantang_nest.reports.views.board_words import BoardWords, ShownBar

TODAY = date(2026, 11, 23)
DAY = timedelta(days=1)
FIRST, LAST = TODAY - 3 * DAY, TODAY + 28 * DAY
NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)
ALWAYS = [(TODAY - 300 * DAY, TODAY + 300 * DAY)]
EMPTY = Room(
    id=7,
    house_id=1,
    label="201",
    floor=2,
    beds=4,
    look=Look.IDLE,
    heads=0,
    leaving=0,
    leaves_on=None,
    overstayed=0,
    owing_since=None,
    owes_rent=False,
    reports=0,
    notes=0,
    idle_since=None,
    barred=None,
    safe_until=TODAY + 300 * DAY,
    offers=ALWAYS,
)


def claim(state: str, begin: int, end: int, **fields: Any) -> Claim:
    """A claim from ``begin`` to ``end`` days from today."""
    values: dict[str, Any] = {
        "id": 1,
        "room_id": 7,
        "held_until": NOW + timedelta(hours=31) if state == "held" else None,
        "reason": "换热水器" if state == "closed" else None,
        "lease_id": 5 if state == "leased" else None,
        "lease_state": "signed" if state == "leased" else None,
        "hold_id": 6 if state == "held" else None,
        "enterprise": None if state == "closed" else "杭州海川精密有限公司",
        "heads": 0,
        "couple": False,
        "expected": 0,
        **fields,
    }
    return Claim(state=state, starts_on=TODAY + begin * DAY, ends_on=TODAY + end * DAY, **values)


def bars(room: Room = EMPTY, *claims: Claim) -> list[Bar]:
    return bars_of(room, claims, first=FIRST, last=LAST, today=TODAY)


def looks(room: Room = EMPTY, *claims: Claim) -> list[tuple[str, int]]:
    return [(bar.look.value, bar.days) for bar in bars(room, *claims)]


def test_an_offered_room_is_idle_and_any_other_unlisted() -> None:
    assert looks() == [("idle", 31)]
    assert looks(replace(EMPTY, offers=[])) == [("unlisted", 31)]
    offer = [(TODAY, TODAY + 10 * DAY), (TODAY + 20 * DAY, TODAY + 300 * DAY)]
    assert looks(replace(EMPTY, offers=offer)) == [
        ("unlisted", 3),
        ("idle", 10),
        ("unlisted", 10),
        ("idle", 8),
    ]


def test_a_house_that_may_not_be_let_offers_nothing() -> None:
    assert looks(replace(EMPTY, barred=Barred.HAZARD)) == [("unlisted", 31)]
    assert looks(replace(EMPTY, safe_until=TODAY + 5 * DAY)) == [("idle", 8), ("unlisted", 23)]


def test_claims_cut_the_days() -> None:
    assert looks(EMPTY, claim("closed", -9, 2), claim("held", 5, 9), claim("leased", 9, 300)) == [
        ("closed", 5),
        ("idle", 3),
        ("held", 4),
        ("leased", 19),
    ]


def test_a_lease_is_occupied_where_somebody_sleeps() -> None:
    let = claim("leased", -9, 300)
    assert looks(EMPTY, let) == [("leased", 31)]
    assert looks(replace(EMPTY, heads=2), let) == [("occupied", 31)]
    past = claim("leased", -9, -1, heads=3)
    assert looks(EMPTY, past) == [("occupied", 2), ("idle", 29)]


def test_who_has_not_left_is_told_today_whatever_the_claim() -> None:
    stayed = replace(EMPTY, overstayed=1)
    assert looks(stayed) == [("conflict", 31)]
    assert looks(stayed, claim("leased", -1, 300)) == [("idle", 2), ("conflict", 29)]
    assert looks(stayed, claim("closed", 2, 300)) == [("conflict", 5), ("closed", 26)]


PERIODS = st.lists(st.integers(-40, 60), min_size=0, max_size=12, unique=True).map(sorted)


@given(PERIODS, PERIODS, st.sampled_from(["held", "leased", "closed"]), st.integers(-10, 60))
def test_bars_cover_each_day_once(taken: list[int], offered: list[int], state: str, safe: int) -> None:
    claims = [claim(state, begin, end) for begin, end in zip(taken[::2], taken[1::2], strict=False)]
    claims = [one for one in claims if one.starts_on < LAST and one.ends_on > FIRST]
    offers = [
        (TODAY + begin * DAY, TODAY + end * DAY)
        for begin, end in zip(offered[::2], offered[1::2], strict=False)
    ]
    room = replace(EMPTY, offers=offers, safe_until=TODAY + safe * DAY)
    found = bars(room, *claims)
    assert found[0].starts_on == FIRST
    assert found[-1].ends_on == LAST
    assert all(one.ends_on == other.starts_on for one, other in pairwise(found))
    assert all(bar.days > 0 for bar in found)
    assert sum(bar.is_today for bar in found) == 1
    for bar in found:
        for number in range(bar.days):
            day = bar.starts_on + number * DAY
            holding = [one for one in claims if one.starts_on <= day < one.ends_on]
            on_offer = any(begin <= day < end for begin, end in offers) and day < TODAY + safe * DAY
            expected = state if holding else "idle" if on_offer else "unlisted"
            assert bar.look.value == expected, day


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("杭州海川精密制造有限公司", "海川精密制造"),
        ("浙江省宏岳机电股份有限公司", "宏岳机电"),
        ("东启食品集团有限责任公司杭州分公司", "东启食品"),
        ("杭州有限公司", "杭州有限公司"),
        ("Haichuan", "Haichuan"),
    ],
)
def test_a_company_is_called_as_people_say(name: str, short: str) -> None:
    assert short_name(name) == short


def test_beds_add_up() -> None:
    beds = Beds(total=20, free=4, held=2, let=3, occupied=9)
    assert beds.out == 2


# --- in words -------------------------------------------------------------------------------------


@pytest.fixture
def said(app: Flask) -> Any:
    """The bars of a room in Chinese."""

    def say(room: Room, *claims: Claim) -> list[ShownBar]:
        with app.test_request_context():
            words = BoardWords(today=TODAY, now=NOW, last=LAST, room_path="/board/rooms/")
            return [words.bar(bar, room) for bar in bars(room, *claims)]

    return say


@pytest.mark.parametrize(
    ("room", "claims", "words"),
    [
        ({}, [], "空 31 天"),
        ({"offers": []}, [], "未上架"),
        ({"barred": Barred.DANGER}, [], "不能租：危房"),
        ({"barred": Barred.CHECK}, [], "不能租：没有有效的安全检查"),
        ({}, [claim("held", -9, 300)], "海川精密 锁到 11-24 16:00"),
        ({}, [claim("closed", -9, 30)], "换热水器，到 12-22"),
        ({}, [claim("closed", -9, 30, reason=None)], "停用，到 12-22"),
        ({}, [claim("leased", -9, 300)], "海川精密 已租，没有人住"),
        ({}, [claim("leased", -9, 300, expected=3)], "海川精密，3 人等着入住"),
        ({}, [claim("leased", -9, 300, lease_state="drafted")], "海川精密，等签合同"),
        ({"heads": 2}, [claim("leased", -9, 300)], "海川精密"),
        ({"overstayed": 1}, [], "1 人到期没退房"),
        ({"overstayed": 1}, [claim("leased", -9, 300)], "1 人到期没退房，海川精密 租着"),
    ],
)
def test_a_bar_says_what_it_is(said: Any, room: dict[str, Any], claims: list[Claim], words: str) -> None:
    assert [bar.words for bar in said(replace(EMPTY, **room), *claims)] == [words]


def test_what_comes_says_from_when(said: Any) -> None:
    free, let = said(EMPTY, claim("leased", 8, 300))
    assert (free.words, let.words) == ("空 11 天", "海川精密 12-01 起租")
    _idle, unsafe = said(replace(EMPTY, safe_until=TODAY + 5 * DAY))
    assert unsafe.words == "不能租：没有有效的安全检查"


def test_heads_of_beds_and_when_they_leave(said: Any) -> None:
    let = claim("leased", -9, 13)
    (bar, _after) = said(replace(EMPTY, heads=3), let)
    assert (bar.count, bar.ends, bar.flags) == ("3/4", "12-06 退房", [("beds", "空 1 床")])
    assert bar.label == "201，2026-11-20 至 2026-12-05，海川精密 3/4，空 1 床，12-06 退房"
    (bar, _after) = said(replace(EMPTY, heads=2), claim("leased", -9, 13, couple=True))
    assert (bar.count, bar.flags) == ("夫妻", [])


def test_flags_of_today_stand_on_the_bar_of_today_alone(said: Any) -> None:
    room = replace(
        EMPTY,
        heads=4,
        leaving=2,
        leaves_on=TODAY + 3 * DAY,
        owing_since=TODAY - 5 * DAY,
        owes_rent=True,
        reports=1,
        notes=2,
    )
    past, bar, later = said(room, claim("leased", -1, 20), claim("leased", 20, 90))
    assert bar.flags == [
        ("arrears", "欠租 5 天"),
        ("registration", "待登记 1 条"),
        ("leaving", "2 人 11-26 退房"),
        ("note", "记事 2 条"),
    ]
    assert past.flags == later.flags == []
    (bar,) = said(replace(room, owes_rent=False), claim("leased", -9, 90))
    assert ("arrears", "欠押金 5 天") in bar.flags


def test_all_who_leave_with_the_lease_are_told_once(said: Any) -> None:
    room = replace(EMPTY, heads=4, leaving=4, leaves_on=TODAY + 3 * DAY)
    bar, _free = said(room, claim("leased", -9, 3))
    assert (bar.ends, bar.flags) == ("11-26 退房", [])


def test_a_room_idle_for_long_is_marked(said: Any) -> None:
    (bar,) = said(replace(EMPTY, idle_since=TODAY - 96 * DAY))
    assert bar.flags == [("long_idle", "空了 96 天")]
    (bar,) = said(replace(EMPTY, idle_since=TODAY - 29 * DAY))
    assert bar.flags == []


def test_a_bar_leads_to_its_room_on_its_day(said: Any) -> None:
    now, later = said(EMPTY, claim("held", 8, 300))
    assert now.href == "/board/rooms/7"
    assert later.href == "/board/rooms/7?on=2026-12-01"


def test_a_house_is_summed_up_for_a_phone(app: Flask) -> None:
    house = House(1, 3, "3组18号", "沈桂珍", "3", 2, None)
    house.rooms.extend((replace(EMPTY, id=number), bars()) for number in (1, 2))
    with app.test_request_context():
        shown = BoardWords(today=TODAY, now=NOW, last=LAST, room_path="/").house(house)
    assert (shown.size, shown.hazard, shown.summary) == ("2 间", "隐患 2 处", [("idle", "2 间")])
    assert [room.pick for room in shown.rooms] == ["选 3组18号 201"] * 2
