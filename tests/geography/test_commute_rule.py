"""The district's figures for the way to work: from which day, by whom, and the page they are set on."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db, transaction
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.geography.models import CommuteSetting
from qiantang_nest.geography.queries import commute_rule_on, commute_settings
from qiantang_nest.geography.rules import DEFAULT_COMMUTE
from qiantang_nest.geography.services import set_commute_rule
from tests.conftest import sign_in
from tests.factories import TODAY, add, make_clerk, make_district_officer, make_employer, make_street_officer
from tests.forms import submit

pytestmark = pytest.mark.usefixtures("at_now")

FIGURES = {"detour": "1.45", "walk_kmh": "4.5", "ebike_kmh": "18", "shuttle_kmh": "25"}
BASIS = "2026 年 11 月实测 20 条路线"
FILLED = {**FIGURES, "basis": BASIS, "effective_on": TODAY.isoformat()}


def set_from(day: date, **figures: str) -> CommuteSetting:
    values: dict[str, Any] = {name: Decimal(value) for name, value in {**FIGURES, **figures}.items()}
    return set_commute_rule(
        **values, basis=BASIS, effective_on=day, today=TODAY, actor=make_district_officer()
    )


def settings() -> list[CommuteSetting]:
    db.session.expire_all()
    return list(commute_settings())


def test_without_a_setting_the_rulebook_counts(db_session: Any) -> None:
    rule = commute_rule_on(TODAY)
    assert rule == DEFAULT_COMMUTE
    assert (rule.detour, rule.walk_kmh, rule.ebike_kmh, rule.shuttle_kmh) == (1.3, 4.8, 15.0, 30.0)


def test_the_newest_whose_day_has_come_counts(db_session: Any) -> None:
    with transaction():
        set_from(TODAY, ebike_kmh="16")
        set_from(TODAY + timedelta(days=10), ebike_kmh="17.5")
    assert commute_rule_on(TODAY - timedelta(days=1)) == DEFAULT_COMMUTE
    assert commute_rule_on(TODAY).ebike_kmh == 16
    assert commute_rule_on(TODAY + timedelta(days=9)).ebike_kmh == 16
    later = commute_rule_on(TODAY + timedelta(days=10))
    assert (later.detour, later.ebike_kmh, later.basis) == (1.45, 17.5, BASIS)
    recorded = db.session.scalars(
        select(AuditEvent).where(AuditEvent.action == "geography.set_commute_rule")
    ).all()
    assert [event.changes["ebike_kmh"] for event in recorded] == ["16", "17.5"]


def test_no_day_in_the_past_and_none_twice(db_session: Any) -> None:
    with pytest.raises(InvalidValue, match="不能倒回 2026-11-22"), transaction():
        set_from(TODAY - timedelta(days=1))
    with transaction():
        set_from(TODAY)
    with pytest.raises(InvalidValue, match="已经定过一次标准"), transaction():
        set_from(TODAY)


def test_two_at_once_for_a_day_are_refused_by_the_database(db_session: Any) -> None:
    def row() -> CommuteSetting:
        figures = {name: Decimal(value) for name, value in FIGURES.items()}
        return CommuteSetting(**figures, basis=BASIS, effective_on=TODAY)

    with transaction():
        add(row())
    with pytest.raises(InvalidValue, match="刚才已经定过一次标准"), transaction():
        add(row())


def test_a_visitor_is_asked_to_sign_in(client: FlaskClient) -> None:
    assert client.get("/commute").location.startswith("/sign-in?next=")


def test_only_the_district_sets_them(client: FlaskClient) -> None:
    for actor in (make_clerk(), make_street_officer(), make_employer()[0]):
        sign_in(client, actor)
        assert client.get("/commute").status_code == 403
        assert submit(client, "/commute", **FILLED, confirmed="1").status_code == 403
    assert settings() == []


def test_the_page_says_what_counts_now(client: FlaskClient) -> None:
    sign_in(client, make_district_officer())
    page = client.get("/commute").text
    assert "直线 ×1.3，走路 4.8、电动车 15、班车 30 公里/小时" in page
    assert "从一开始" in page
    assert "路程标准" in client.get("/occupancy").text, "the bar leads there"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"detour": ""}, "请写倍数"),
        ({"detour": "一点三"}, "“一点三”不是数字"),
        ({"detour": "0.9"}, "0.9 不合适，请写 1 到 3 之间的数"),
        ({"detour": "1.333"}, "最小写到 0.01"),
        ({"walk_kmh": "48"}, "48 不合适，请写 2 到 8 之间的数"),
        ({"ebike_kmh": "nan"}, "不是数字"),
        ({"shuttle_kmh": "1e99"}, "不合适"),
        ({"basis": ""}, "请写依据"),
        ({"effective_on": "2026-11-22", "confirmed": "1"}, "不能倒回 2026-11-22"),
        ({"effective_on": ""}, "请写日期"),
    ],
)
def test_odd_figures_are_named_at_their_field(
    client: FlaskClient, changes: dict[str, str], sentence: str
) -> None:
    sign_in(client, make_district_officer())
    answer = submit(client, "/commute", **{**FILLED, **changes})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert settings() == []


def test_the_first_press_shows_and_the_second_sets(client: FlaskClient) -> None:
    officer = make_district_officer()
    sign_in(client, officer)
    shown = submit(client, "/commute", **{**FILLED, "detour": "１.４５"})
    assert shown.status_code == 200
    assert "16 改成 15" in shown.text, "three kilometres by e-bike"
    assert settings() == []
    done = submit(client, "/commute", **FILLED, confirmed="1")
    assert done.location == "/commute"
    assert [(float(one.detour), one.set_by) for one in settings()] == [(1.45, officer.user_id)]
    page = client.get("/commute").text
    assert "从 2026-11-23 起用" in page
    assert "直线 ×1.45，走路 4.5、电动车 18、班车 25 公里/小时" in page
    assert BASIS in page
