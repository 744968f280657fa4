"""Every page of houses and rooms: who may open it, who finds it missing, what a good and a bad answer do."""

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from qiantang_nest.accounts.rules import Role
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.audit import AuditEvent
from qiantang_nest.core.clock import frozen_at
from qiantang_nest.core.db import db
from qiantang_nest.geography.services import load_places
from qiantang_nest.housing import services
from qiantang_nest.housing.models import (
    CapacityRule,
    Hazard,
    House,
    HouseDocument,
    HouseholdLink,
    Listing,
    Owner,
    Photo,
    Room,
)
from qiantang_nest.housing.rules import Severity
from qiantang_nest.notifications.models import Message, OutboxItem
from tests.conftest import sign_in
from tests.factories import (
    NEIGHBOUR_VILLAGE,
    NOW,
    OTHER_STREET_VILLAGE,
    TODAY,
    add,
    make_actor,
    make_clerk,
    make_district_officer,
    make_employer,
    make_house,
    make_listing,
    make_owner,
    make_room,
    make_street_officer,
    make_user,
    make_villager,
)

pytestmark = pytest.mark.usefixtures("at_now")


def picture() -> io.BytesIO:
    out = io.BytesIO()
    Image.new("RGB", (900, 600), "teal").save(out, "JPEG")
    out.seek(0)
    return out


def post(client: Any, url: str, data: dict[str, Any] | None = None, **kwargs: Any) -> Any:
    return client.post(url, data=data or {}, **kwargs)


@pytest.fixture(autouse=True)
def _no_csrf(app: Any) -> Any:
    """Tokens have their own tests; here what is posted counts."""
    app.config["WTF_CSRF_ENABLED"] = False
    yield
    app.config["WTF_CSRF_ENABLED"] = True


class World:
    """One household with everything, and what its pages are called."""

    def __init__(self) -> None:
        load_places()
        self.villager, self.owner = make_villager()
        self.house = make_house(self.owner)
        self.room = make_room(self.house, label="201")
        self.waiting = make_listing(self.room, state="submitted", submitted_by=self.villager.user_id)
        self.idle_room = make_room(self.house, label="301")
        self.hazard = services.record_hazard(
            house=self.house,
            severity=Severity.MINOR,
            what="灭火器过期",
            found_on=TODAY,
            today=TODAY,
            actor=make_clerk(),
        )
        person = make_user("沈大龙")
        self.link = add(
            HouseholdLink(user_id=person.id, village_code=self.owner.village_code, note="3组18号")
        )
        self.document = db.session.execute(
            select(HouseDocument).where(HouseDocument.house_id == self.house.id)
        ).scalar_one()
        db.session.commit()

    def url(self, pattern: str) -> str:
        return pattern.format(
            owner=self.owner.id,
            house=self.house.id,
            room=self.room.id,
            idle=self.idle_room.id,
            listing=self.waiting.id,
            hazard=self.hazard.id,
            link=self.link.id,
            document=self.document.id,
            village=self.owner.village_code,
        )


@pytest.fixture
def world(db_session: Any) -> World:
    return World()


V, C, S, D = "villager", "clerk", "street", "district"
PAGES = [
    ("/my-rooms", {V}),
    ("/owners/{owner}/list-house", {V}),
    ("/owners/{owner}/list-house?new=1", {V}),
    ("/houses/{house}/list-room", {V}),
    ("/rooms/{idle}/list/kind", {V}),
    ("/rooms/{idle}/list/beds", {V}),
    ("/rooms/{idle}/list/features", {V}),
    ("/rooms/{idle}/list/rent", {V}),
    ("/rooms/{idle}/list/photos", {V}),
    ("/rooms/{room}", {V, C, S, D}),
    ("/rooms/{room}/price", {V, C}),
    ("/rooms/{room}/pause", {V, C}),
    ("/rooms/{idle}/edit", {V, C}),
    ("/rooms/{idle}/remove", {V, C}),
    ("/houses", {C, S, D}),
    ("/houses/{house}", {V, C, S, D}),
    ("/houses/{house}/edit", {C}),
    ("/houses/{house}/place", {C}),
    ("/houses/{house}/rooms/new", {C}),
    ("/houses/{house}/documents/new", {C}),
    ("/houses/{house}/inspections/new", {C, S}),
    ("/houses/{house}/hazards/new", {C, S}),
    ("/houses/{house}/safe-again", {C, S}),
    ("/hazards/{hazard}/close", {C, S}),
    ("/hazards", {C, S}),
    ("/owners/new", {C}),
    ("/owners/{owner}", {V, C, S}),
    ("/owners/{owner}/edit", {C}),
    ("/owners/{owner}/account", {V, C}),
    ("/owners/{owner}/consent", {C}),
    ("/owners/{owner}/reveal", {C}),
    ("/owners/{owner}/houses/new", {C}),
    ("/household-links", {C}),
    ("/household-links/{link}", {C}),
    ("/listings-waiting", {C}),
    ("/listings/{listing}", {C}),
    ("/villages", {C, S}),
    ("/villages/{village}/place", {C, S}),
    ("/villages/{village}/phone", {C, S}),
    ("/capacity", {D}),
]


def people(world: World) -> dict[str, Actor]:
    return {
        V: world.villager,
        C: make_clerk(),
        S: make_street_officer(),
        D: make_district_officer(),
        "employer": make_employer()[0],
        "audit": make_actor(Role.AUDIT_ADMIN, ""),
    }


def check_page(answer: Any) -> None:
    body = answer.text
    assert len(re.findall(r"<h1[ >]", body)) == 1
    assert "style=" not in body
    ids = re.findall(r'\bid="([^"]+)"', body)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("pattern", "allowed"), PAGES)
def test_each_page_opens_for_its_roles_only(
    world: World, client: Any, pattern: str, allowed: set[str]
) -> None:
    url = world.url(pattern)
    answer = client.get(url)
    assert answer.status_code == 302
    assert "/sign-in" in answer.location
    for name, actor in people(world).items():
        status = sign_in(client, actor).get(url).status_code
        at_home = name == V and url == "/houses"  # led to the page of their own
        assert status == (200 if name in allowed else 303 if at_home else 403), (name, status)
        if name in allowed:
            check_page(client.get(url))


SCOPED = [(pattern, roles) for pattern, roles in PAGES if "{" in pattern]


@pytest.mark.parametrize(("pattern", "allowed"), SCOPED)
def test_foreign_rows_are_not_found(world: World, client: Any, pattern: str, allowed: set[str]) -> None:
    strangers = {
        V: make_villager()[0],
        C: make_clerk(NEIGHBOUR_VILLAGE),
        S: make_street_officer(OTHER_STREET_VILLAGE[:9]),
    }
    for name, actor in strangers.items():
        if name in allowed:
            assert sign_in(client, actor).get(world.url(pattern)).status_code == 404, name
    missing = re.sub(r"\{\w+\}", "999999999", pattern)
    allowed_actor = next(actor for name, actor in people(world).items() if name in allowed)
    assert sign_in(client, allowed_actor).get(missing).status_code == 404


# --- the villager's way ---------------------------------------------------------------------------


def test_a_villager_lists_a_room_in_seven_questions(client: Any, db_session: Any) -> None:
    load_places()
    villager, owner = make_villager()
    sign_in(client, villager)
    first = client.get("/list-house")
    assert first.location.endswith(f"/owners/{owner.id}/list-house")
    answer = post(client, first.location, {"address": "3组18号", "floors": "3"})
    assert answer.status_code == 303
    house = db_session.execute(select(House)).scalar_one()
    answer = post(client, answer.location, {"floor": "2", "label": "201", "usable_m2": "１８ 平方米"})
    assert answer.status_code == 303
    room = db_session.execute(select(Room)).scalar_one()
    assert (room.house_id, room.capacity, room.beds) == (house.id, 2, 2)
    answers = [
        {"kind": "bedroom"},
        {"beds": "2"},
        {"features": ["wifi", "private_bathroom"]},
        {"rent_fen": "620"},
        {"photos": [(picture(), "a.jpg"), (picture(), "b.jpg")]},
    ]
    for data in answers:
        page = client.get(answer.location)
        assert page.status_code == 200
        check_page(page)
        answer = post(client, answer.location, data, content_type="multipart/form-data")
        assert answer.status_code == 303, answer.text
    summary = client.get(answer.location)
    assert "620" in summary.text
    assert summary.text.count("/photos/small/") == 2
    answer = post(
        client,
        answer.location,
        {"starts_on": "2026-12-01", "last_day": "2027-11-30", "knows": "y"},
    )
    assert answer.status_code == 303
    db_session.expire_all()
    listing = db_session.execute(select(Listing).where(Listing.state == "submitted")).scalar_one()
    assert (listing.rent_fen, listing.starts_on.isoformat(), listing.ends_on.isoformat()) == (
        62_000,
        "2026-12-01",
        "2027-12-01",
    )
    assert listing.on_behalf_of is None
    assert db_session.execute(select(Room)).scalar_one().features == ["private_bathroom", "wifi"]
    assert "审核中" in client.get("/my-rooms").text


def test_areas_tell_at_once_how_many_may_live_there(client: Any, db_session: Any) -> None:
    villager, owner = make_villager()
    house = make_house(owner)
    sign_in(client, villager)
    for area, words in (("7.9", "最多住 1 人"), ("8.0", "最多住 2 人")):
        answer = post(
            client,
            f"/houses/{house.id}/list-room",
            {"floor": "1", "label": f"房{area}", "usable_m2": area},
        )
        room_id = re.search(r"/rooms/(\d+)/", answer.location).group(1)  # type: ignore[union-attr]
        assert words in client.get(f"/rooms/{room_id}/list/beds").text
    answer = post(
        client, f"/houses/{house.id}/list-room", {"floor": "1", "label": "小间", "usable_m2": "3.9"}
    )
    refused = post(client, answer.location, {"kind": "bedroom"})
    assert refused.status_code == 422
    assert "一个人也不能住" in refused.text


@pytest.mark.parametrize(
    ("path", "data", "words"),
    [
        ("/owners/{owner}/list-house", {"address": "", "floors": "3"}, "请写门牌"),
        ("/owners/{owner}/list-house", {"address": "4组1号", "floors": "12"}, "1 到 9 层"),
        ("/houses/{house}/list-room", {"floor": "9", "label": "901", "usable_m2": "12"}, "没有 9 楼"),
        ("/houses/{house}/list-room", {"floor": "2", "label": "201", "usable_m2": "12"}, "已经有叫这个名字"),
        ("/houses/{house}/list-room", {"floor": "1", "label": "1", "usable_m2": "很大"}, "不是面积"),
        ("/houses/{house}/list-room", {"floor": "1", "label": "1", "usable_m2": "12.55"}, "一位小数"),
        ("/houses/{house}/list-room", {"floor": "1", "label": "1", "usable_m2": "900"}, "1 到 200"),
        ("/houses/{house}/list-room", {"floor": "1", "label": "a\x00b", "usable_m2": "12"}, "坏字符"),
        ("/rooms/{idle}/list/kind", {"kind": "kitchen"}, "不能出租"),
        ("/rooms/{idle}/list/kind", {"kind": "castle"}, "error-summary"),
        ("/rooms/{idle}/list/beds", {"beds": "3"}, "最多住 2 人"),
        ("/rooms/{idle}/list/beds", {"beds": "x"}, "error-summary"),
        ("/rooms/{idle}/list/features", {"features": ["helipad"]}, "error-summary"),
        ("/rooms/{idle}/list/rent", {"rent_fen": "三百二"}, "三百二"),
        ("/rooms/{idle}/list/rent", {"rent_fen": "-5"}, "error-summary"),
        ("/rooms/{idle}/list/rent", {"rent_fen": "1000000"}, "之间"),
        ("/rooms/{idle}/list/photos", {"photos": (io.BytesIO(b"<svg/>"), "a.jpg")}, "不是照片"),
        (
            "/rooms/{room}/price",
            {"rent_fen": "700", "starts_on": "2027-01-01", "last_day": "2026-12-01"},
            "不晚于起租",
        ),
        ("/rooms/{room}/pause", {"reason": ""}, "请写一句原因"),
    ],
)
def test_bad_answers_are_shown_at_their_field(
    world: World, client: Any, path: str, data: dict[str, Any], words: str
) -> None:
    sign_in(client, world.villager)
    answer = post(client, world.url(path), data, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert words in answer.text
    check_page(answer)


def test_an_offer_is_paused_and_taken_up_again(world: World, client: Any) -> None:
    world.waiting.state = "approved"
    db.session.commit()
    sign_in(client, world.villager)
    answer = post(
        client,
        world.url("/rooms/{room}/price"),
        {"rent_fen": "700", "starts_on": "2026-11-23", "last_day": "2027-11-22"},
    )
    assert answer.status_code == 303
    answer = post(
        client,
        world.url("/rooms/{room}/edit"),
        {"label": "201", "floor": "1", "kind": "bedroom", "usable_m2": "15", "beds": "2"},
    )
    assert answer.status_code == 422
    assert "先暂停出租" in answer.text
    assert post(client, world.url("/rooms/{room}/pause"), {"reason": "儿子回来住"}).status_code == 303
    assert "再上架" in client.get(world.url("/rooms/{room}")).text
    answer = post(client, world.url("/rooms/{room}/list/rent"), {"rent_fen": "720"})
    assert answer.status_code == 303
    page = client.get(world.url("/rooms/{room}/offer"))
    assert page.status_code == 200
    db.session.expire_all()
    assert {row.state for row in db.session.execute(select(Listing)).scalars()} == {"withdrawn", "draft"}


def test_rooms_on_record_stay_and_mistakes_go(world: World, client: Any) -> None:
    sign_in(client, world.villager)
    assert post(client, world.url("/rooms/{room}/remove")).status_code == 409
    assert post(client, world.url("/rooms/{idle}/remove")).status_code == 303
    assert client.get(world.url("/rooms/{idle}")).status_code == 404


def test_help_from_the_village_is_asked_for(world: World, client: Any) -> None:
    clerk = make_clerk()
    sign_in(client, world.villager)
    assert post(client, world.url("/rooms/{idle}/help")).status_code == 303
    message = db.session.execute(select(Message).where(Message.user_id == clerk.user_id)).scalar_one()
    assert message.kind == "housing.help_wanted"


# --- who is who -----------------------------------------------------------------------------------


def test_a_villager_is_linked_to_a_household(client: Any, db_session: Any) -> None:
    load_places()
    owner = make_owner(phone=None)
    user = make_user("沈大龙")
    villager = make_actor(Role.VILLAGER, str(user.id), user=user)
    sign_in(client, villager)
    assert client.get("/list-house").location.endswith("/my-household")
    assert post(client, "/my-household", {"village_code": "", "note": ""}).status_code == 422
    data = {"village_code": owner.village_code, "note": "3组18号 沈桂珍家"}
    assert post(client, "/my-household", data).status_code == 303
    assert "正在核对" in client.get("/my-rooms").text
    link = db_session.execute(select(HouseholdLink)).scalar_one()
    sign_in(client, make_clerk())
    assert "沈大龙" in client.get("/household-links").text
    found = client.get(f"/household-links/{link.id}?q=沈桂珍")
    assert owner.household_no in found.text
    assert post(client, f"/household-links/{link.id}", {"owner_id": str(owner.id)}).status_code == 303
    db_session.expire_all()
    linked = db_session.get_one(Owner, owner.id)
    assert (linked.user_id, linked.phone) == (user.id, user.phone)
    assert client.get("/household-links").text.count("没有人在等") == 1


def test_a_wrong_villager_is_refused_with_a_reason(world: World, client: Any) -> None:
    sign_in(client, make_clerk())
    assert post(client, world.url("/household-links/{link}"), {"reason": ""}).status_code == 422
    taken = post(client, world.url("/household-links/{link}"), {"owner_id": str(world.owner.id)})
    assert taken.status_code == 409
    assert post(client, world.url("/household-links/{link}"), {"reason": "没有这一户"}).status_code == 303
    message = db.session.execute(select(Message).where(Message.user_id == world.link.user_id)).scalar_one()
    assert message.params == {"reason": "没有这一户"}


def test_a_clerk_registers_a_household_and_acts_for_it(client: Any, db_session: Any) -> None:
    load_places()
    clerk = make_clerk()
    sign_in(client, clerk)
    bad = post(client, "/owners/new", {"household_no": "3-018", "name": "沈桂珍", "phone": "139"})
    assert bad.status_code == 422
    answer = post(client, "/owners/new", {"household_no": "3-018", "name": "沈桂珍", "group_no": "3"})
    assert answer.status_code == 303
    twice = post(client, "/owners/new", {"household_no": "3-018", "name": "别人"})
    assert twice.status_code == 422
    assert "已经有这个户号" in twice.text
    owner = db_session.execute(select(Owner)).scalar_one()
    base = f"/owners/{owner.id}"
    answer = post(client, f"{base}/houses/new", {"address": "3组18号", "floors": "3"})
    house_url = answer.location
    assert (
        post(
            client,
            f"{house_url}/rooms/new",
            {"label": "201", "floor": "2", "kind": "bedroom", "usable_m2": "12", "beds": "3"},
        ).status_code
        == 422
    )
    assert (
        post(
            client,
            f"{house_url}/rooms/new",
            {"label": "201", "floor": "2", "kind": "bedroom", "usable_m2": "12"},
        ).status_code
        == 303
    )
    room = db_session.execute(select(Room)).scalar_one()
    refused = client.get(f"/rooms/{room.id}/list/rent")
    assert refused.status_code == 403
    assert "还没有同意" in refused.text
    bad = post(client, f"{base}/consent", {"how": "phone", "given_on": "2027-01-01", "witness": "周建国"})
    assert bad.status_code == 422
    good = {"how": "phone", "given_on": "2026-11-23", "witness": "周建国"}
    assert post(client, f"{base}/consent", good).status_code == 303
    page = client.get(f"/rooms/{room.id}/list/rent")
    assert "代沈桂珍家办理" in page.text
    assert post(client, f"/rooms/{room.id}/list/rent", {"rent_fen": "600"}).status_code == 303
    data = {"starts_on": "2026-12-01", "last_day": "2027-11-30", "knows": "y"}
    assert post(client, f"/rooms/{room.id}/offer", data).status_code == 303
    assert "由村管理员周管理代办" in client.get(f"/rooms/{room.id}").text
    assert post(client, f"{base}/consent/withdraw").status_code == 303
    assert post(client, f"{base}/consent/withdraw").status_code == 404


def test_numbers_are_masked_and_a_look_leaves_its_purpose(world: World, client: Any) -> None:
    phone, account = world.owner.phone, world.owner.account_number
    for actor in people(world).values():
        if actor.role in ("villager", "village_clerk", "street_officer", "district_officer"):
            sign_in(client, actor)
            for url in ("/owners/{owner}", "/houses/{house}", "/rooms/{room}", "/houses"):
                body = client.get(world.url(url), follow_redirects=True).text
                assert phone not in body
                assert account not in body
                if actor.role in ("street_officer", "district_officer"):
                    assert "沈桂珍" not in body
    sign_in(client, make_clerk())
    assert post(client, world.url("/owners/{owner}/reveal"), {"purpose": ""}).status_code == 422
    shown = post(client, world.url("/owners/{owner}/reveal"), {"purpose": "约安全检查"})
    assert phone in shown.text
    assert account in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    event = db.session.execute(
        select(AuditEvent).where(AuditEvent.action == "housing.reveal_owner")
    ).scalar_one()
    assert event.changes == {"purpose": "约安全检查"}


def test_an_account_is_checked_and_a_doubtful_digit_only_warns(world: World, client: Any) -> None:
    sign_in(client, world.villager)
    url = world.url("/owners/{owner}/account")
    data = {"account_kind": "personal", "account_name": "沈桂珍", "account_bank": "浙江农信"}
    short = post(client, url, {**data, "account_number": "6228 4803"})
    assert short.status_code == 422
    assert "您填了 8 位" in short.text
    good = post(client, url, {**data, "account_number": "6222 0212 0200 1234 568"}, follow_redirects=True)
    assert "尾号 4568" in good.text
    assert "多半是有一位填错了" in good.text


# --- safety and decisions -------------------------------------------------------------------------


def test_papers_checks_and_hazards_are_recorded(world: World, client: Any) -> None:
    sign_in(client, make_clerk())
    url = world.url("/houses/{house}")
    bad = post(
        client,
        f"{url}/documents/new",
        {"kind": "title", "number": "浙2026", "scan": (io.BytesIO(b"MZ"), "a.pdf")},
        content_type="multipart/form-data",
    )
    assert bad.status_code == 422
    good = post(
        client,
        f"{url}/documents/new",
        {"kind": "title", "number": "浙2026", "scan": (picture(), "a.jpg")},
        content_type="multipart/form-data",
    )
    assert good.status_code == 303
    document = db.session.execute(select(HouseDocument).where(HouseDocument.kind == "title")).scalar_one()
    scan = client.get(f"/documents/{document.id}/file", buffered=True)
    assert (scan.status_code, scan.mimetype, scan.headers["Cache-Control"]) == (200, "image/jpeg", "no-store")
    sign_in(client, make_clerk(NEIGHBOUR_VILLAGE))
    assert client.get(f"/documents/{document.id}/file").status_code == 404
    sign_in(client, make_street_officer())
    late = {"inspected_on": "2026-11-20", "result": "passed", "last_day": "2026-11-01"}
    assert post(client, f"{url}/inspections/new", late).status_code == 422
    assert post(client, f"{url}/inspections/new", {**late, "last_day": "2027-11-19"}).status_code == 303
    assert (
        post(
            client, f"{url}/hazards/new", {"severity": "major", "what": "", "found_on": "2026-11-23"}
        ).status_code
        == 422
    )
    assert (
        post(
            client, f"{url}/hazards/new", {"severity": "major", "what": "电线裸露", "found_on": "2026-11-23"}
        ).status_code
        == 303
    )
    hazard = db.session.execute(select(Hazard).where(Hazard.severity == "major")).scalar_one()
    assert hazard.due_on == TODAY + timedelta(days=3)
    assert "电线裸露" in client.get("/hazards?severity=major").text
    assert "电线裸露" not in client.get("/hazards?late=1").text
    assert post(client, f"/hazards/{hazard.id}/close").status_code == 303
    assert post(client, f"/hazards/{hazard.id}/close").status_code == 409


def test_one_offer_is_approved_or_says_what_is_missing(world: World, client: Any) -> None:
    world.house.safe_until = None
    db.session.commit()
    sign_in(client, make_clerk())
    url = world.url("/listings/{listing}")
    refused = post(client, f"{url}/approve")
    assert refused.status_code == 422
    assert "还没有合格的安全检查" in refused.text
    world.house = db.session.get_one(House, world.house.id)
    world.house.safe_until = TODAY + timedelta(days=100)
    db.session.commit()
    assert post(client, f"{url}/approve").status_code == 303
    assert post(client, f"{url}/approve").status_code == 409
    kinds = [m.kind for m in db.session.execute(select(Message)).scalars()]
    assert kinds == ["housing.listing_approved"]
    sent = db.session.execute(select(OutboxItem)).scalars().all()
    assert "201 房可以出租了" in sent[0].body


def test_an_offer_goes_back_with_a_reason(world: World, client: Any) -> None:
    sign_in(client, make_clerk())
    url = world.url("/listings/{listing}/return")
    assert post(client, url, {"reason": ""}).status_code == 422
    assert post(client, url, {"reason": "照片看不清窗户"}).status_code == 303
    sign_in(client, world.villager)
    assert "照片看不清窗户" in client.get("/my-rooms").text


def test_all_that_pass_are_approved_at_once_and_the_rest_stay(world: World, client: Any) -> None:
    unsafe = make_listing(make_room(make_house(sellable=False)), state="submitted")
    foreign = make_listing(make_room(make_house(make_owner(NEIGHBOUR_VILLAGE))), state="submitted")
    sign_in(client, make_clerk())
    page = client.get("/listings-waiting")
    assert page.text.count('name="listing"') == 1
    ids = [str(world.waiting.id), str(unsafe.id), str(foreign.id), "x"]
    answer = post(client, "/listings-waiting/approve", {"listing": ids}, follow_redirects=True)
    assert "1 间上架了" in answer.text
    assert "还有 1 间差材料" in answer.text
    db.session.expire_all()
    assert [world.waiting.state, unsafe.state, foreign.state] == ["approved", "submitted", "submitted"]
    assert "没有选中" in post(client, "/listings-waiting/approve", {}, follow_redirects=True).text


# --- lists ----------------------------------------------------------------------------------------


def test_houses_are_found_by_name_door_number_and_phone(world: World, client: Any) -> None:
    make_house(make_owner(name="李阿毛"), address="9组9号")
    sign_in(client, make_clerk())
    for text in ("桂珍", world.house.address, world.owner.household_no, world.owner.phone):
        body = client.get("/houses", query_string={"q": text}).text
        assert world.house.address in body, text
        assert "9组9号" not in body
    assert "没有找到这样的房子" in client.get("/houses?q=%25").text
    for state, seen in (("waiting", True), ("offered", False), ("unsafe", True), ("dangerous", False)):
        assert (world.house.address in client.get(f"/houses?state={state}").text) is seen, state
    for sort in ("owner", "-safe", "village", "nonsense"):
        assert client.get(f"/houses?sort={sort}").status_code == 200


def test_a_long_list_costs_a_handful_of_queries(world: World, client: Any, query_log: Any) -> None:
    for _number in range(30):
        make_listing(make_room(make_house()), state="submitted")
    sign_in(client, make_clerk())
    for url, most in (("/houses", 14), ("/listings-waiting", 12)):
        query_log.clear()
        assert client.get(url).status_code == 200
        assert len(query_log) <= most, (url, query_log)


def test_ten_rooms_or_beds_need_a_manager(client: Any, db_session: Any) -> None:
    house = make_house()
    for _number in range(5):
        make_room(house)
    sign_in(client, make_clerk())
    assert "派出所备案" in client.get(f"/houses/{house.id}").text
    assert house.address in client.get("/houses?state=managed").text


# --- photographs ----------------------------------------------------------------------------------


def test_photographs_are_public_only_while_the_room_is_offered(world: World, client: Any) -> None:
    sign_in(client, world.villager)
    url = world.url("/rooms/{room}/list/photos")
    assert (
        post(client, url, {"photos": (picture(), "a.jpg")}, content_type="multipart/form-data").status_code
        == 303
    )
    photo = db.session.execute(select(Photo)).scalar_one()
    small = f"/photos/small/{photo.media_name}"
    own = client.get(small, buffered=True)
    assert (own.status_code, own.headers["Cache-Control"][:7]) == (200, "private")
    visitor = client.application.test_client()
    assert visitor.get(small).status_code == 404
    world.waiting.state = "approved"
    db.session.commit()
    seen = visitor.get(f"/photos/{photo.media_name}", buffered=True)
    assert (seen.status_code, seen.headers["Cache-Control"][:6]) == (200, "public")
    assert seen.headers["X-Content-Type-Options"] == "nosniff"
    assert visitor.get("/photos/" + "0" * 32 + ".jpg").status_code == 404
    assert visitor.post(f"/photos/{photo.media_name}/remove").status_code == 302
    sign_in(client, make_villager()[0])
    assert post(client, f"/photos/{photo.media_name}/remove").status_code == 404
    sign_in(client, world.villager)
    assert post(client, f"/photos/{photo.media_name}/remove").status_code == 303
    assert client.get(small).status_code == 404


def test_a_house_has_thirty_photographs_at_most(world: World, client: Any) -> None:
    for number in range(30):
        add(Photo(house_id=world.house.id, media_name=f"{number:032d}.jpg", width=1, height=1))
    sign_in(client, world.villager)
    url = world.url("/rooms/{room}/list/photos")
    answer = post(client, url, {"photos": (picture(), "a.jpg")}, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "已有 30 张照片" in answer.text


# --- figures and places ---------------------------------------------------------------------------


def test_the_district_sees_the_effect_before_it_sets_the_figures(world: World, client: Any) -> None:
    sign_in(client, make_district_officer())
    data = {
        "cap": "2",
        "m2_per_person": "6.5",
        "basis": "杭政办〔2027〕3 号第五条",
        "effective_on": "2026-11-23",
    }
    assert post(client, "/capacity", {**data, "basis": ""}).status_code == 422
    shown = post(client, "/capacity", data)
    assert shown.status_code == 200
    assert "要撤的床" in shown.text
    assert db.session.execute(select(CapacityRule)).all() == []
    assert post(client, "/capacity", {**data, "confirmed": "1"}).status_code == 303
    db.session.expire_all()
    room = db.session.get_one(Room, world.room.id)
    assert (room.capacity, room.beds) == (1, 1)
    event = db.session.execute(
        select(AuditEvent).where(
            AuditEvent.action == "housing.apply_capacity_rule", AuditEvent.entity_id == room.id
        )
    ).scalar_one()
    assert event.changes == {"capacity": [2, 1], "beds": [2, 1]}
    again = post(client, "/capacity", {**data, "confirmed": "1"})
    assert again.status_code == 422
    assert "已经定过一次标准" in again.text


def test_a_rule_of_a_later_day_waits_for_its_command(world: World, client: Any, app: Any) -> None:
    sign_in(client, make_district_officer())
    data = {
        "cap": "1",
        "m2_per_person": "4",
        "basis": "杭政办〔2027〕3 号",
        "effective_on": "2026-11-24",
        "confirmed": "1",
    }
    assert post(client, "/capacity", data).status_code == 303
    db.session.expire_all()
    assert db.session.get_one(Room, world.room.id).capacity == 2
    run = app.test_cli_runner().invoke
    assert run(args=["apply-capacity-rule"]).output == "0 rooms changed\n"
    with frozen_at(NOW + timedelta(days=1)):
        assert run(args=["apply-capacity-rule"]).output == "2 rooms changed\n"
        assert run(args=["apply-capacity-rule"]).output == "0 rooms changed\n"


def test_a_village_is_placed_by_its_staff_and_its_houses_come_along(world: World, client: Any) -> None:
    pinned = make_house(lat=30.3, lon=120.46, geo_precision="house")
    sign_in(client, make_clerk())
    url = world.url("/villages/{village}/place")
    outside = post(client, url, {"latitude": "30.1", "longitude": "120.1", "crs": "wgs84"})
    assert outside.status_code == 422
    assert "不在钱塘区" in outside.text
    assert post(client, url, {"latitude": "x", "longitude": "y", "crs": "wgs84"}).status_code == 422
    gaode = {"latitude": "30.297812", "longitude": "120.465547", "crs": "gcj02"}
    assert post(client, url, gaode).status_code == 303
    db.session.expire_all()
    house = db.session.get_one(House, world.house.id)
    assert (house.lat, house.lon) == (pytest.approx(30.30015, abs=2e-5), pytest.approx(120.46107, abs=2e-5))
    assert house.geo_precision == "village"
    assert db.session.get_one(House, pinned.id).lat == 30.3
    answer = post(
        client, f"/houses/{pinned.id}/place", {"latitude": "30.305", "longitude": "120.47", "crs": "wgs84"}
    )
    assert answer.status_code == 303


def test_a_village_writes_the_telephone_that_people_call(world: World, client: Any) -> None:
    sign_in(client, make_clerk())
    url = world.url("/villages/{village}/phone")
    wrong = post(client, url, {"phone": "八百"})
    assert wrong.status_code == 422
    assert "八百" in wrong.text
    assert post(client, url, {"phone": "0571 8234 5678"}).status_code == 303
    assert "0571-82345678" in client.get("/villages").text
    assert post(client, url, {"phone": ""}).status_code == 303
    assert "还没写电话" in client.get("/villages").text


def test_the_outline_is_served_to_anyone(client: Any) -> None:
    answer = client.get("/outline.geojson")
    assert answer.mimetype == "application/geo+json"
    assert answer.json["type"] == "FeatureCollection"
