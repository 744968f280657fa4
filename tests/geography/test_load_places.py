"""The official divisions, loaded and loaded again, and a village moved by its staff."""

from typing import Any

import pytest
from sqlalchemy import func, select

from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.geography import queries, services
from qiantang_nest.geography.models import DivisionUnit, Street, Village
from qiantang_nest.geography.rules import LatLon, inside
from tests.factories import NOW, make_clerk


def count(model: type[Any]) -> int:
    return int(db.session.execute(select(func.count()).select_from(model)).scalar_one())


def test_the_files_hold_seven_streets_and_fifty_nine_villages(db_session: Any) -> None:
    assert services.load_places() == services.LoadedPlaces(7, 59, 68)
    assert (count(Street), count(Village), count(DivisionUnit)) == (7, 59, 68)
    assert len(queries.village_codes_in("330114")) == 59
    assert {street.code: len(queries.village_codes_in(street.code)) for street in queries.streets()} == {
        "330114001": 0,
        "330114002": 0,
        "330114003": 20,
        "330114004": 22,
        "330114005": 12,
        "330114006": 2,
        "330114007": 3,
    }


def test_linjiang_village_belongs_to_qianjin_street(db_session: Any) -> None:
    services.load_places()
    village = queries.village_by_code("330114007200")
    assert village is not None
    assert (village.name, village.street.name) == ("临江村", "前进街道")


def test_villages_lie_inside_the_district_and_apart(db_session: Any) -> None:
    services.load_places()
    villages = queries.villages_in("330114")
    assert all(inside(queries.outline(), LatLon(v.lat, v.lon)) for v in villages)
    assert len({(v.lat, v.lon) for v in villages}) == 59
    assert {v.geo_precision for v in villages} == {"street"}


def test_loading_again_changes_nothing_and_leaves_moved_villages(db_session: Any) -> None:
    services.load_places()
    before = {v.code: (v.lat, v.lon) for v in queries.villages_in("330114")}
    moved = queries.villages_in("330114")[0]
    services.place_village(village=moved, point=LatLon(30.31, 120.47), now=NOW, actor=make_clerk(moved.code))
    db.session.flush()
    services.load_places()
    db.session.expire_all()
    after = {v.code: (v.lat, v.lon) for v in queries.villages_in("330114")}
    assert after == {**before, moved.code: (30.31, 120.47)}
    assert moved.geo_precision == "village"
    action = db.session.execute(select(AuditEvent.action).order_by(AuditEvent.id.desc()).limit(1))
    assert action.scalar_one() == "geography.place_village"


def test_a_village_stays_in_the_district(db_session: Any) -> None:
    services.load_places()
    village = queries.villages_in("330114")[0]
    with pytest.raises(InvalidValue, match="不在钱塘区"):
        services.place_village(
            village=village, point=LatLon(30.2, 120.2), now=NOW, actor=make_clerk(village.code)
        )


def test_areas_have_names_and_odd_scopes_hold_nothing(db_session: Any) -> None:
    services.load_places()
    assert [queries.area_name(s) for s in ("330114", "330114003", "330114007200", "", "17")] == [
        "钱塘区",
        "河庄街道",
        "临江村",
        "",
        "",
    ]
    for scope in ("", "17", "3301140", "33011400320"):
        assert queries.village_codes_in(scope) == []
        assert db.session.execute(select(Village).where(queries.in_area(Village.code, scope))).all() == []


def test_the_command_prints_what_it_loaded(app: Any, db_session: Any) -> None:
    result = app.test_cli_runner().invoke(args=["load-places"])
    assert result.exit_code == 0
    assert "7 streets, 59 villages, 68 other units" in result.output
