"""Why a household's room was passed over, in words it can act on."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from qiantang_nest.bookings.rules.limits import Limits, Offered, PlannedAround, RentUnit, passed_over_reason
from qiantang_nest.bookings.rules.need import Candidate
from qiantang_nest.core.period import Period
from tests import factories
from tests.bookings.test_block import text_of
from tests.bookings.test_plans import make_demand, plan_for
from tests.conftest import sign_in

PERIOD = Period(date(2026, 12, 1), date(2027, 6, 1))
OWN = Offered(
    Candidate(1, 1, 1, "330114003201", 2, 60_000, 12, let_days=20),
    floor=2,
    features=(),
    listing_id=1,
    offered_from=date(2026, 1, 1),
    offered_to=date(2028, 1, 1),
    safe_until=date(2027, 11, 1),
)
PLANS = PlannedAround(PERIOD, Limits(), people=40, dearest_bed_fen=30_000, longest_minutes=15)


def room(**values: Any) -> Offered:
    return replace(OWN, room=replace(OWN.room, **values))


@pytest.mark.parametrize(
    ("offered", "plans", "words"),
    [
        (replace(OWN, offered_to=date(2027, 3, 1)), PLANS, "没有全部上架"),
        (replace(OWN, safe_until=date(2026, 12, 1)), PLANS, "安全检查已经过期"),
        (replace(OWN, taken=((date(2027, 5, 31), date(2027, 7, 1)),)), PLANS, "已经租出去"),
        (OWN, replace(PLANS, limits=Limits(area_code="330114004")), "别的街道"),
        (OWN, replace(PLANS, limits=Limits(max_minutes=11)), "要 12 分钟，企业最多要 11 分钟"),
        (OWN, replace(PLANS, limits=Limits(max_rent_fen=29_900)), "每床每月 300.00 元，企业最多出 299.00 元"),
        (
            OWN,
            replace(PLANS, limits=Limits(50_000, RentUnit.ROOM)),
            "每月 600.00 元，企业一间最多出 500.00 元",
        ),
        (OWN, replace(PLANS, limits=Limits(max_floor=1)), "在 2 楼"),
        (OWN, replace(PLANS, limits=Limits(features=("private_bathroom",))), "还没有"),
        (OWN, replace(PLANS, struck=True), "自己划掉"),
        (room(rent_fen=62_000), PLANS, "您这间合 310.00 元"),
        (room(let_days=200), PLANS, "平均租出 200 天"),
        (room(minutes=16), PLANS, "您这间 16 分钟"),
        (OWN, PLANS, "够住 40 人"),
    ],
)
def test_each_reason_says_the_numbers(offered: Offered, plans: PlannedAround, words: str) -> None:
    assert words in passed_over_reason(offered, plans)


def test_a_villager_reads_it_on_the_room(client: FlaskClient, at_now: None) -> None:
    actor, enterprise = factories.make_employer()
    villager, owner = factories.make_villager()
    mine = factories.make_listing(factories.make_room(factories.make_house(owner)), rent_fen=90_000)
    factories.make_listing(rent_fen=60_000)
    demand = make_demand(enterprise, day_men=2)
    plan_for(demand, actor)
    sign_in(client, villager)
    page = f"/rooms/{mine.room_id}"
    assert "为什么没被选上" in text_of(client.get(page))
    assert "您这间合 450.00 元" in text_of(client.get(f"{page}/passed-over"))
    sign_in(client, factories.make_villager()[0])
    assert client.get(f"{page}/passed-over").status_code == 404


def test_plans_a_month_ago_are_no_longer_told(client: FlaskClient, at_now: None) -> None:
    actor, enterprise = factories.make_employer()
    villager, owner = factories.make_villager()
    mine = factories.make_listing(factories.make_room(factories.make_house(owner)), rent_fen=90_000)
    factories.make_listing()
    plan = plan_for(make_demand(enterprise, day_men=2), actor)[0]
    plan.round.made_at -= timedelta(days=31)
    factories.db.session.commit()
    sign_in(client, villager)
    assert "没有漏掉您" in text_of(client.get(f"/rooms/{mine.room_id}/passed-over"))
