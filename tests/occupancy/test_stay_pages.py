"""Pages of stays, rosters, reports and closing: who may, whose rows, bad and good input."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from qiantang_nest.accounts.rules import Permission, Role, may
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.db import db
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.housing.models import Hazard
from qiantang_nest.occupancy.models import LeaseRoom, Registration, RoomClaim, Stay
from tests.conftest import QueryLog, sign_in
from tests.factories import (
    NEIGHBOUR_VILLAGE,
    TODAY,
    add,
    make_actor,
    make_claim,
    make_clerk,
    make_district_officer,
    make_employer,
    make_enterprise,
    make_house,
    make_lease,
    make_owner,
    make_report,
    make_room,
    make_stay,
    make_street_officer,
    make_villager,
    make_worker,
)
from tests.occupancy.test_beds import leased_rooms

pytestmark = pytest.mark.usefixtures("db_session", "at_now")

DAY = timedelta(days=1)


class Scene:
    """One village: a villager's house let to an employer, one worker living there, one expected."""

    def __init__(self) -> None:
        self.villager, self.owner = make_villager()
        self.employer, self.enterprise = make_employer()
        self.house = make_house(self.owner)
        self.first, self.second = leased_rooms(self.enterprise, 2, house=self.house)
        self.present = make_stay(make_worker(self.enterprise, name="王大山"), self.first, 1)
        self.planned = make_stay(
            make_worker(self.enterprise, "F", name="李小花"), self.second, 1, arrived_on=None
        )
        self.report = make_report(self.present)
        self.free_room = make_room(self.house)
        self.closed = make_claim(
            self.free_room, TODAY + 20 * DAY, TODAY + 60 * DAY, "closed", reason="自己住"
        )
        db.session.flush()

    def urls(self) -> dict[str, str]:
        stay = f"/stays/{self.present.id}"
        return {
            "occupancy.stays": "/stays",
            "occupancy.stay": stay,
            "occupancy.reveal_worker": f"{stay}/reveal",
            "occupancy.check_in": "/stays/check-in",
            "occupancy.check_out": f"{stay}/check-out",
            "occupancy.cancel_stay": f"/stays/{self.planned.id}/cancel",
            "occupancy.move_stay": f"{stay}/move",
            "occupancy.swap_beds": f"{stay}/swap",
            "occupancy.assign_beds": "/beds/assign",
            "occupancy.rooms": "/beds",
            "occupancy.registrations": "/registrations",
            "occupancy.close_room": f"/rooms/{self.free_room.id}/close",
            "occupancy.reopen_room": f"/closings/{self.closed.id}/reopen",
        }


PERMISSION_OF = {
    "occupancy.stays": Permission.STAY_READ,
    "occupancy.stay": Permission.STAY_READ,
    "occupancy.reveal_worker": Permission.WORKER_REVEAL,
    "occupancy.check_in": Permission.STAY_MANAGE,
    "occupancy.check_out": Permission.STAY_MANAGE,
    "occupancy.cancel_stay": Permission.STAY_MANAGE,
    "occupancy.move_stay": Permission.STAY_MANAGE,
    "occupancy.swap_beds": Permission.STAY_MANAGE,
    "occupancy.assign_beds": Permission.ROSTER_KEEP,
    "occupancy.rooms": Permission.ROSTER_KEEP,
    "occupancy.registrations": Permission.STAY_READ,
    "occupancy.close_room": Permission.ROOM_CLOSE,
    "occupancy.reopen_room": Permission.ROOM_CLOSE,
}


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture(autouse=True)
def without_csrf(client: FlaskClient) -> Any:
    client.application.config["WTF_CSRF_ENABLED"] = False
    yield
    client.application.config["WTF_CSRF_ENABLED"] = True


def rows_of(kind: Any) -> list[Any]:
    db.session.expire_all()
    return list(db.session.execute(select(kind).order_by(kind.id)).scalars())


# --- who may, and whose ---------------------------------------------------------------------------


def test_strangers_are_asked_to_sign_in(client: FlaskClient, scene: Scene) -> None:
    db.session.commit()
    for url in scene.urls().values():
        answer = client.get(url)
        assert answer.status_code in (302, 303), url
        assert "sign-in" in answer.location
    assert client.post("/registrations").status_code in (302, 303)


def test_each_role_reaches_what_its_permissions_say(client: FlaskClient, scene: Scene) -> None:
    actors = {
        Role.VILLAGER: scene.villager,
        Role.EMPLOYER_MANAGER: scene.employer,
        Role.EMPLOYER_STAFF: make_actor(Role.EMPLOYER_STAFF, str(scene.enterprise.id)),
        Role.VILLAGE_CLERK: make_clerk(),
        Role.STREET_OFFICER: make_street_officer(),
        Role.DISTRICT_OFFICER: make_district_officer(),
        Role.SYSTEM_ADMIN: make_actor(Role.SYSTEM_ADMIN, ""),
        Role.SECURITY_ADMIN: make_actor(Role.SECURITY_ADMIN, ""),
        Role.AUDIT_ADMIN: make_actor(Role.AUDIT_ADMIN, ""),
    }
    for role, who in actors.items():
        sign_in(client, who)
        for endpoint, url in scene.urls().items():
            expected = 200 if may(role, PERMISSION_OF[endpoint]) else 403
            answer = client.get(url)
            assert answer.status_code == expected, (role, endpoint)
            assert answer.get_data(as_text=True).count("<h1") == 1, (role, endpoint)


def foreigners() -> list[Actor]:
    other_villager, _owner = make_villager(make_owner(NEIGHBOUR_VILLAGE))
    other_employer, _enterprise = make_employer()
    return [
        other_villager,
        other_employer,
        make_clerk(NEIGHBOUR_VILLAGE),
        make_street_officer("330114004"),
    ]


def test_foreign_rows_are_not_there(client: FlaskClient, scene: Scene) -> None:
    make_owner("330114004203")
    for who in foreigners():
        sign_in(client, who)
        for endpoint, url in scene.urls().items():
            if "/stays/" in url + "/" or "/rooms/" in url or "/closings/" in url:
                if not any(char.isdigit() for char in url):
                    continue
                expected = 404 if may(who.role, PERMISSION_OF[endpoint]) else 403
                assert client.get(url).status_code == expected, (who.role, endpoint)
                if endpoint not in ("occupancy.stay",):
                    assert client.post(url).status_code == expected, (who.role, endpoint)
        body = client.get("/stays").get_data(as_text=True) + client.get("/registrations").get_data(
            as_text=True
        )
        assert "王" not in body
        assert scene.house.address not in body
    assert rows_of(Stay)[0].left_on is None


def test_names_and_numbers_are_masked_for_all_but_the_employer(client: FlaskClient, scene: Scene) -> None:
    number = scene.present.worker.id_number
    for who in (scene.villager, make_clerk(), make_street_officer()):
        sign_in(client, who)
        for url in ("/stays", f"/stays/{scene.present.id}", "/registrations"):
            body = client.get(url).get_data(as_text=True)
            assert "王**" in body, (who.role, url)
            assert "王大山" not in body
            assert number not in body
    sign_in(client, scene.employer)
    body = client.get("/stays").get_data(as_text=True)
    assert "王大山" in body
    assert number not in body


def test_a_villager_sees_only_the_people_in_the_own_house(client: FlaskClient, scene: Scene) -> None:
    (elsewhere,) = leased_rooms(scene.enterprise)
    make_stay(make_worker(scene.enterprise, name="赵外人"), elsewhere)
    sign_in(client, scene.villager)
    body = client.get("/stays").get_data(as_text=True)
    assert "王**" in body
    assert "赵**" not in body


# --- lists ----------------------------------------------------------------------------------------


def test_list_is_filtered_and_searched(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.employer)
    number = scene.present.worker.id_number

    def body(query: str) -> str:
        return client.get(f"/stays?{query}").get_data(as_text=True)

    assert "王大山" in body("state=present")
    assert "李小花" not in body("state=present")
    assert "李小花" in body("state=planned")
    assert "王大山" in body(f"q={number.lower()}")
    assert "王大山" in body("q=大山")
    assert "王大山" not in body("q=%25")
    assert "李小花" not in body(f"q={number}")
    assert "王大山" in body(f"village={scene.present.village_code}&lease={scene.first.lease_id}")
    assert "field-error" not in body("") + body("state=present")
    for odd in ("state=nonsense", "lease=abc", "village=1", "page=-3", "per_page=99999"):
        assert client.get(f"/stays?{odd}").status_code == 200, odd


def test_lists_cost_the_same_however_long(client: FlaskClient, scene: Scene, query_log: QueryLog) -> None:
    clerk = make_clerk()
    for who, url in (
        (scene.employer, "/stays"),
        (scene.employer, "/stays/check-in"),
        (scene.employer, "/beds"),
        (scene.employer, "/beds/assign"),
        (clerk, "/registrations"),
        (clerk, "/stays"),
    ):
        sign_in(client, who)
        query_log.clear()
        assert client.get(url).status_code == 200
        few = len(query_log)
        more_people(scene)
        db.session.commit()
        db.session.expire_all()
        query_log.clear()
        assert client.get(url).status_code == 200
        assert len(query_log) <= few, (url, few, len(query_log))
        assert few <= 16, (url, few)


def more_people(scene: Scene) -> None:
    for room in leased_rooms(scene.enterprise, 3):
        make_report(make_stay(make_worker(scene.enterprise), room))
        make_stay(make_worker(scene.enterprise), room, 2, arrived_on=None)
        make_worker(scene.enterprise)


# --- revealing ------------------------------------------------------------------------------------


def test_opening_an_identity_asks_why_and_is_written_down(client: FlaskClient, scene: Scene) -> None:
    number = scene.present.worker.id_number
    for who in (make_clerk(), make_street_officer(), scene.employer):
        sign_in(client, who)
        url = f"/stays/{scene.present.id}/reveal"
        assert number not in client.get(url).get_data(as_text=True)
        bad = client.post(url, data={"purpose": "好奇"})
        assert bad.status_code == 422
        assert number not in bad.get_data(as_text=True)
        good = client.post(url, data={"purpose": "registration"})
        assert number in good.get_data(as_text=True)
        assert good.headers["Cache-Control"] == "no-store"
    events = [event for event in rows_of(AuditEvent) if event.action == "enterprises.reveal_worker"]
    assert [event.changes["purpose"] for event in events] == ["registration"] * 3


# --- workers and beds -----------------------------------------------------------------------------


def test_beds_are_proposed_then_saved(client: FlaskClient, scene: Scene) -> None:
    man, woman = make_worker(scene.enterprise, name="孙甲"), make_worker(scene.enterprise, "F", name="孙乙")
    sign_in(client, scene.employer)
    assert client.post("/beds/assign", data={"starts_on": "", "village": ""}).status_code == 422
    assert client.post("/beds/assign", data={"starts_on": "2026-11-23", "village": ""}).status_code == 422
    form = {"starts_on": "2026-11-23", "village": "", "worker": [man.id, woman.id]}
    shown = client.post("/beds/assign", data=form)
    assert shown.status_code == 200
    body = shown.get_data(as_text=True)
    places = [f"{man.id}:{scene.first.id}:2", f"{woman.id}:{scene.second.id}:2"]
    assert all(f'value="{place}"' in body for place in places)
    assert len(rows_of(Stay)) == 2
    saved = client.post("/beds/assign", data={**form, "step": "save", "place": places})
    assert (saved.status_code, saved.location) == (303, "/stays")
    assert [(stay.worker.name, stay.bed_no) for stay in rows_of(Stay)[2:]] == [("孙甲", 2), ("孙乙", 2)]


def test_a_proposal_overtaken_by_others_is_shown_anew(client: FlaskClient, scene: Scene) -> None:
    man = make_worker(scene.enterprise, name="孙甲")
    make_stay(make_worker(scene.enterprise), scene.first, 2)
    sign_in(client, scene.employer)
    answer = client.post(
        "/beds/assign",
        data={
            "starts_on": "2026-11-23",
            "village": "",
            "worker": [man.id],
            "step": "save",
            "place": [f"{man.id}:{scene.first.id}:2"],
        },
    )
    assert answer.status_code == 422
    assert "已经有人" in answer.get_data(as_text=True)
    assert len(rows_of(Stay)) == 3


def test_places_of_other_peoples_workers_and_rooms_are_ignored(client: FlaskClient, scene: Scene) -> None:
    other = make_enterprise()
    (foreign_room,) = leased_rooms(other)
    foreign_worker, mine = make_worker(other), make_worker(scene.enterprise)
    sign_in(client, scene.employer)
    client.post(
        "/beds/assign",
        data={
            "starts_on": "2026-11-23",
            "village": "",
            "worker": [mine.id],
            "step": "save",
            "place": [
                f"{foreign_worker.id}:{scene.first.id}:2",
                f"{mine.id}:{foreign_room.id}:1",
                "x:y:z",
                "1:2",
                f"{mine.id}:{scene.first.id}:99999999999999999999",
            ],
        },
    )
    assert len(rows_of(Stay)) == 2


# --- coming, leaving, changing --------------------------------------------------------------------


def test_all_have_come(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.employer)
    body = client.get("/stays/check-in").get_data(as_text=True)
    assert "李小花" in body
    assert " checked" in body
    assert client.post("/stays/check-in", data={"arrived_on": "2026-11-23"}).status_code == 422
    form = {"arrived_on": "2026-11-24", "stay": [scene.planned.id]}
    late = client.post("/stays/check-in", data=form)
    assert late.status_code == 422
    assert "2026-11-24" in late.get_data(as_text=True)
    assert client.post("/stays/check-in", data={**form, "arrived_on": "昨天"}).status_code == 422
    form["arrived_on"] = "2026-11-23"
    add(Hazard(house_id=scene.house.id, severity="major", what="电线", found_on=TODAY, due_on=TODAY))
    db.session.commit()
    barred = client.post("/stays/check-in", data=form)
    assert barred.status_code == 422
    assert "重大隐患" in barred.get_data(as_text=True)
    rows_of(Hazard)[0].closed_on = TODAY
    db.session.commit()
    assert client.post("/stays/check-in", data=form).status_code == 303
    assert rows_of(Stay)[1].arrived_on == TODAY


def test_one_leaves_and_another_follows(client: FlaskClient, scene: Scene) -> None:
    fresh = make_worker(scene.enterprise, name="周后来")
    sign_in(client, scene.employer)
    url = f"/stays/{scene.present.id}/check-out"
    assert client.post(url, data={"left_on": "2026-11-24", "replacement": ""}).status_code == 422
    assert client.post(url, data={"left_on": "2026-11-23", "replacement": "99"}).status_code == 422
    answer = client.post(url, data={"left_on": "2026-11-23", "replacement": str(fresh.id)})
    assert answer.status_code == 303
    left, _planned, plan = rows_of(Stay)
    assert left.left_on == TODAY
    assert (plan.worker_id, plan.bed_no, plan.starts_on) == (fresh.id, left.bed_no, TODAY)
    again = client.post(url, data={"left_on": "2026-11-23", "replacement": ""})
    assert again.status_code == 422


def test_a_clerk_checks_out_on_the_spot(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, make_clerk())
    answer = client.post(
        f"/stays/{scene.present.id}/check-out", data={"left_on": "2026-11-23", "replacement": ""}
    )
    assert answer.status_code == 303
    assert rows_of(Stay)[0].left_on == TODAY


def test_one_does_not_come(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.employer)
    url = f"/stays/{scene.planned.id}/cancel"
    assert client.post(url).status_code == 303
    assert rows_of(Stay)[1].cancelled_at is not None
    assert client.post(url).status_code == 409
    assert client.post(f"/stays/{scene.present.id}/cancel").status_code == 409


def test_a_bed_is_changed(client: FlaskClient, scene: Scene) -> None:
    for who in (scene.employer, make_clerk()):
        sign_in(client, who)
        url = f"/stays/{rows_of(Stay)[-1].id}/move"
        body = client.get(url).get_data(as_text=True)
        assert "<option" in body
        assert client.post(url, data={"moves_on": "2026-11-23", "bed": "1:1:1"}).status_code == 422
        free = f"{scene.second.id}:2" if who is scene.employer else f"{scene.second.id}:1"
        answer = client.post(url, data={"moves_on": "2026-11-23", "bed": free})
        assert answer.status_code == 303, answer.get_data(as_text=True)


def test_two_change_beds(client: FlaskClient, scene: Scene) -> None:
    other = make_stay(make_worker(scene.enterprise), scene.first, 2)
    sign_in(client, scene.employer)
    url = f"/stays/{scene.present.id}/swap"
    assert client.post(url, data={"moves_on": "2026-11-23", "other": "0"}).status_code == 422
    refused = client.post(url, data={"moves_on": "2026-11-24", "other": str(other.id)})
    assert refused.status_code == 422
    assert client.post(url, data={"moves_on": "2026-11-23", "other": str(other.id)}).status_code == 303
    assert [stay.bed_no for stay in rows_of(Stay)] == [2, 1, 1]


# --- reports --------------------------------------------------------------------------------------


def test_reports_are_ticked_off(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, make_clerk())
    assert "王**" in client.get("/registrations").get_data(as_text=True)
    form = {"registration": [scene.report.id], "done_on": "2026-11-23", "reference": "杭公 1"}
    assert client.post("/registrations", data={**form, "registration": []}).status_code == 422
    bad = client.post("/registrations", data={**form, "done_on": "2026-11-24"})
    assert bad.status_code == 422
    assert "杭公 1" in bad.get_data(as_text=True)
    assert client.post("/registrations", data={**form, "reference": "长" * 41}).status_code == 422
    assert client.post("/registrations", data=form).status_code == 303
    (report,) = rows_of(Registration)
    assert (report.done_on, report.reference) == (TODAY, "杭公 1")
    assert "王**" not in client.get("/registrations").get_data(as_text=True)
    assert "杭公 1" in client.get("/registrations?state=done").get_data(as_text=True)


def test_only_the_villages_clerk_ticks_them_off(client: FlaskClient, scene: Scene) -> None:
    form = {"registration": [scene.report.id], "done_on": "2026-11-23", "reference": ""}
    for who, status in (
        (scene.employer, 403),
        (scene.villager, 403),
        (make_street_officer(), 403),
        (make_clerk(NEIGHBOUR_VILLAGE), 422),
    ):
        sign_in(client, who)
        assert client.post("/registrations", data=form).status_code == status
    assert rows_of(Registration)[0].done_on is None


def test_overdue_reports_come_first_and_say_how_late(client: FlaskClient, scene: Scene) -> None:
    scene.report.due_on = TODAY - 3 * DAY
    sign_in(client, make_clerk())
    body = client.get("/registrations?state=overdue").get_data(as_text=True)
    assert "超期 3 天" in body


# --- closing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["villager", "clerk"])
def test_a_room_is_closed_and_opened_again(client: FlaskClient, scene: Scene, role: str) -> None:
    sign_in(client, scene.villager if role == "villager" else make_clerk())
    url = f"/rooms/{scene.free_room.id}/close"
    form = {"kind": "repair", "note": "换热水器", "starts_on": "2026-11-23", "last_day": "2026-11-25"}
    for change in (
        {"kind": ""},
        {"kind": "other", "note": ""},
        {"last_day": "2026-11-22"},
        {"starts_on": "2026-11-22"},
        {"last_day": "2026-12-20"},
        {"starts_on": "31 Feb"},
    ):
        bad = client.post(url, data={**form, **change})
        assert bad.status_code == 422, change
        assert "error-summary" in bad.get_data(as_text=True), change
    assert client.post(url, data=form).status_code == 303
    claim = rows_of(RoomClaim)[-1]
    assert (claim.reason, claim.starts_on, claim.ends_on) == ("维修：换热水器", TODAY, TODAY + 3 * DAY)
    event = rows_of(AuditEvent)[-1]
    assert event.on_behalf_of == (None if role == "villager" else scene.owner.id)
    assert client.post(f"/closings/{claim.id}/reopen").status_code == 303
    assert rows_of(RoomClaim)[-1].state == "released"
    assert client.post(f"/closings/{claim.id}/reopen").status_code == 404


def test_a_let_room_is_not_closed(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.villager)
    answer = client.post(
        f"/rooms/{scene.first.room_id}/close",
        data={"kind": "own_use", "note": "", "starts_on": "2026-11-23", "last_day": "2026-11-30"},
    )
    assert answer.status_code == 422
    assert "已经租出去了" in answer.get_data(as_text=True)


def test_rooms_of_an_employer_count_beds(client: FlaskClient, scene: Scene) -> None:
    sign_in(client, scene.employer)
    body = client.get("/beds").get_data(as_text=True)
    assert "1/2" in body
    assert scene.house.address in body
    enterprise: Enterprise = make_enterprise()
    nobody, _enterprise = make_employer(enterprise)
    sign_in(client, nobody)
    assert "还没有租到房" in client.get("/beds").get_data(as_text=True)


def test_unsigned_leases_show_no_beds(client: FlaskClient, scene: Scene) -> None:
    lease = make_lease(
        scene.enterprise, [make_room(make_house(address="9组9号"))], state="drafted", signed_on=None
    )
    assert db.session.execute(select(LeaseRoom).where(LeaseRoom.lease_id == lease.id)).scalar_one()
    sign_in(client, scene.employer)
    assert "9组9号" not in client.get("/beds").get_data(as_text=True)
