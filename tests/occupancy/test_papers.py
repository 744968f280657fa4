"""Door sheets, rosters, slips, and the worker's own page behind the link."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from qiantang_nest.core.actor import Actor
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db, transaction
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.geography.models import Village
from qiantang_nest.occupancy.models import Stay, WorkerLink
from qiantang_nest.occupancy.queries.worker_pages import tokens_of, worker_page
from qiantang_nest.occupancy.services.worker_links import give_links, renew_link, revoke_link
from tests.conftest import sign_in
from tests.factories import (
    NOW,
    TODAY,
    VILLAGE,
    add,
    make_clerk,
    make_employer,
    make_stay,
    make_villager,
    make_worker,
    make_worksite,
)
from tests.occupancy.test_beds import leased_rooms

pytestmark = pytest.mark.usefixtures("db_session", "at_now")

DAY = timedelta(days=1)


class Scene:
    """Three in a room of four beds, one of them with a link."""

    def __init__(self) -> None:
        self.actor: Actor
        self.enterprise: Enterprise
        self.actor, self.enterprise = make_employer()
        make_worksite(self.enterprise)
        (self.room,) = leased_rooms(self.enterprise, beds=4, capacity=4, since=TODAY - 9 * DAY)
        self.stay = self._lives("周大强", 2, shift="night")
        self.mate = self._lives("李小明", 1, shift="night")
        self.foreigner = self._lives("Smith John", 3, shift="night", id_kind="passport", id_number="E1234567")
        self.village = db.session.get_one(Village, VILLAGE)
        self.village.office_phone = "0571-22223201"
        give_links(stays=[self.stay], actor=self.actor)
        db.session.flush()

    def _lives(self, name: str, bed: int, **fields: Any) -> Stay:
        return make_stay(make_worker(self.enterprise, name=name, is_local=True, **fields), self.room, bed)

    @property
    def token(self) -> str:
        return tokens_of([self.stay.worker_id])[self.stay.worker_id]


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def signed_in(client: FlaskClient, scene: Scene) -> Iterator[FlaskClient]:
    client.application.config["WTF_CSRF_ENABLED"] = False
    sign_in(client, scene.actor)
    yield client
    client.application.config["WTF_CSRF_ENABLED"] = True


# --- links ----------------------------------------------------------------------------------------


def test_a_link_is_kept_sealed_and_found_by_its_hash(scene: Scene) -> None:
    (link,) = db.session.scalars(select(WorkerLink)).all()
    assert len(link.token) == 24
    assert link.token.encode() not in (link.token_sealed or b"")
    found = worker_page(link.token, TODAY)
    assert found is not None
    assert found.stay.id == scene.stay.id


def test_asked_for_again_the_same_link_is_printed(scene: Scene) -> None:
    before = scene.token
    assert give_links(stays=[scene.stay, scene.mate], actor=scene.actor) == 1
    assert scene.token == before
    assert tokens_of([scene.mate.worker_id])[scene.mate.worker_id] != before


def test_a_new_link_makes_the_old_one_void(scene: Scene) -> None:
    old = scene.token
    renew_link(stay=scene.stay, actor=scene.actor, now=NOW)
    assert worker_page(old, TODAY) is None
    assert worker_page(scene.token, TODAY) is not None
    revoke_link(stay=scene.stay, actor=scene.actor, now=NOW)
    revoke_link(stay=scene.stay, actor=scene.actor, now=NOW)
    assert tokens_of([scene.stay.worker_id]) == {}
    actions = db.session.scalars(select(AuditEvent.action).where(AuditEvent.entity == "worker")).all()
    assert [actions.count(f"occupancy.{name}_link") for name in ("give", "revoke")] == [2, 2]


def test_one_good_link_a_worker(scene: Scene) -> None:
    with pytest.raises(IntegrityError, match="uq_worker_link_live"):
        add(WorkerLink(worker_id=scene.stay.worker_id, token="another"))


@pytest.mark.parametrize(
    "change",
    [
        {"cancelled_at": NOW},
        {"left_on": TODAY + DAY, "ends_on": TODAY + DAY},
        {"ends_on": TODAY},
    ],
)
def test_the_link_ends_with_the_stay(scene: Scene, change: dict[str, Any]) -> None:
    token = scene.token
    for name, value in change.items():
        setattr(scene.stay, name, value)
    db.session.flush()
    assert worker_page(token, TODAY) is None


def test_odd_links_are_not_found(scene: Scene, client: FlaskClient) -> None:
    for token in ("x", "x" * 24, "x" * 5000, scene.token[:-1], scene.token.swapcase(), "%00", "…"):
        assert client.get(f"/w/{token}").status_code == 404


# --- the page -------------------------------------------------------------------------------------


def test_the_page_says_where_the_bed_is_and_no_more(scene: Scene, client: FlaskClient) -> None:
    answer = client.get(f"/w/{scene.token}")
    page = re.sub(r"\s+", " ", answer.text)
    assert answer.status_code == 200
    for words in (
        "周师傅",
        "李师傅",
        "Smith师傅",
        "您的床",
        "空着",
        scene.room.room.house.address,
        "0571-22223201",
    ):
        assert words in page
    assert "到江东厂区门口：电动车约" in page
    for secret in (
        "周大强",
        "李小明",
        "John",
        "E1234567",
        scene.stay.worker.id_number,
        scene.stay.worker.phone,
    ):
        assert secret not in page
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_guessing_is_slowed_down(scene: Scene, client: FlaskClient) -> None:
    for number in range(20):
        assert client.get(f"/w/guess-{number}").status_code == 404
    answer = client.get(f"/w/{scene.token}")
    assert answer.status_code == 429
    assert "Retry-After" in answer.headers


def test_one_link_is_not_opened_without_end(scene: Scene, client: FlaskClient) -> None:
    statuses = [client.get(f"/w/{scene.token}").status_code for _time in range(121)]
    assert statuses == [200] * 120 + [429]


# --- papers ---------------------------------------------------------------------------------------


def test_door_sheets_name_nobody(signed_in: FlaskClient, scene: Scene) -> None:
    page = signed_in.get("/papers/doors").text
    assert "夜班房：白天有人睡觉" in page
    assert scene.enterprise.name in page
    assert "0571-22223201" in page
    assert "<svg" in page
    for name in ("周大强", "李小明", "Smith"):
        assert name not in page
    scene.village.office_phone = ""
    db.session.commit()
    assert "找村里电话" in signed_in.get(f"/papers/doors?house={scene.room.room.house_id}").text


def test_the_roster_names_own_people_and_masks_them_for_others(signed_in: FlaskClient, scene: Scene) -> None:
    assert "周大强" in signed_in.get("/papers/roster").text
    sign_in(signed_in, make_clerk())
    page = signed_in.get(f"/papers/roster?house={scene.room.room.house_id}").text
    assert "周大强" not in page
    assert "周**" in page
    other, _enterprise = make_employer()
    sign_in(signed_in, other)
    for path in ("/papers/roster", "/papers/slips", "/papers/doors"):
        assert scene.room.room.house.address not in signed_in.get(path).text


def test_slips_are_made_for_a_house_at_once(signed_in: FlaskClient, scene: Scene) -> None:
    answer = signed_in.post("/papers/slips/make", data={"house": str(scene.room.room.house_id)})
    assert answer.status_code == 303
    page = signed_in.get(answer.headers["Location"]).text
    tokens = tokens_of([one.worker_id for one in (scene.stay, scene.mate, scene.foreigner)])
    assert len(tokens) == 3
    assert all(f"/w/{token}" in page for token in tokens.values())
    assert page.count("<svg") >= 3


def test_a_lost_slip_is_replaced_and_taken_back(signed_in: FlaskClient, scene: Scene) -> None:
    old = scene.token
    assert signed_in.post(f"/stays/{scene.stay.id}/slip").status_code == 303
    assert scene.token == old
    signed_in.post(f"/stays/{scene.stay.id}/slip", data={"renew": "1"})
    assert scene.token != old
    assert signed_in.get(f"/w/{old}").status_code == 404
    assert "马上不能用" in signed_in.get(f"/stays/{scene.stay.id}/revoke-link").text
    assert signed_in.post(f"/stays/{scene.stay.id}/revoke-link").status_code == 303
    assert tokens_of([scene.stay.worker_id]) == {}


def test_villagers_print_nothing(client: FlaskClient, scene: Scene) -> None:
    with transaction():
        villager, _owner = make_villager()
    sign_in(client, villager)
    for path in ("/papers", "/papers/doors", "/papers/roster", "/papers/slips"):
        assert client.get(path).status_code == 403


def test_the_list_of_papers(signed_in: FlaskClient, scene: Scene, query_log: list[str]) -> None:
    query_log.clear()
    page = signed_in.get("/papers").text
    assert scene.room.room.house.address in page
    assert len(query_log) < 20
