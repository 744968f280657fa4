"""One story from an empty database to rent received, in Chromium, by everybody who has a part in it."""

from collections.abc import Callable
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from qiantang_nest.core import clock
from qiantang_nest.core.invariants import broken_invariants
from tests import factories
from tests.browser.conftest import PHONE
from tests.browser.people import Clerk, Employer, StreetOfficer, Villager
from tests.live_server import LiveServer

STREET, STREET_NAME = "330114003", "河庄街道"
VILLAGE, VILLAGE_NAME = "330114003202", "同二村"
COMPANY = "杭州海川电子有限公司"
OTHERS = ("周阿土", "陈金花", "王水根")
"""Households without a phone, for whom the clerk acts."""


def village_rows(today: date) -> list[dict[str, Any]]:
    """Ten rooms of three households that have agreed to let, and one of 沈桂珍 that is not offered."""
    rows = []
    for number, owner, rooms in (("1-001", "周阿土", 4), ("1-002", "陈金花", 3), ("2-007", "王水根", 3)):
        rows += [
            {
                "户号": number,
                "户主": owner,
                "开户行": "杭州联合银行河庄支行",
                "账号": f"62285800001234567{rooms}{number[-1]}",
                "门牌": f"{number[0]}组{number[-1]}号",
                "层数": 3,
                "证明种类": "不动产权证",
                "证明编号": f"浙（2019）萧山区不动产权第 00{number[-3:]} 号",
                "检查日期": today - timedelta(days=30),
                "检查有效到": today + timedelta(days=335),
                "房号": f"20{room}",
                "楼层": 2,
                "使用面积": 16.5,
                "床位": 2,
                "设施": "空调、热水、独立卫生间",
                "月租": 600,
                "同意方式": "书面",
                "见证人": "组长周建国",
                "同意日期": today - timedelta(days=2),
            }
            for room in range(1, rooms + 1)
        ]
    own = {
        "户号": "3-018",
        "户主": "沈桂珍",
        "门牌": "3组18号",
        "层数": 3,
        "房号": "101",
        "楼层": 1,
        "使用面积": 12,
    }
    return [*rows, own]


def photo(file: Path, colour: tuple[int, int, int]) -> Path:
    """A picture as a phone takes it, with the place where it was taken."""
    exif = Image.Exif()
    exif[0x0110] = "Made-up phone"
    exif[0x8825] = {1: "N", 2: (30.0, 18.0, 3.0), 3: "E", 4: (120.0, 27.0, 43.0)}
    Image.new("RGB", (1600, 1200), colour).save(file, exif=exif)
    return file


def roster() -> list[dict[str, Any]]:
    """Three men and two women."""
    named = (("李强", "M"), ("王芳", "F"), ("张伟", "M"), ("刘洋", "M"), ("赵敏", "F"))
    return [
        {"姓名": name, "证件号码": factories.make_id_number(sex), "手机": factories.make_phone()}
        for name, sex in named
    ]


def command(server: LiveServer, *words: str) -> str:
    """What `flask ...` prints."""
    done = server.app.test_cli_runner().invoke(args=list(words))
    assert done.exit_code == 0, done.output
    return str(done.output)


def test_a_district_from_nothing_to_rent_received(
    live_server: LiveServer, open_page: Callable[..., Page], tmp_path: Path
) -> None:
    today = clock.today()
    moves_in, last_day = today, today + timedelta(days=181)
    command(live_server, "load-places")

    clerk = Clerk(live_server, open_page(), "周建国", "13900000001")
    clerk.appointed("village_clerk", VILLAGE)
    clerk.sign_in()
    clerk.import_village(village_rows(today), tmp_path / "village.xlsx")

    villager = Villager(live_server, open_page(PHONE), "沈桂珍", "13900000018")
    villager.sign_up("我是村民")
    villager.ask_to_be_linked(VILLAGE_NAME, "3组18号，户主沈桂珍")
    clerk.link_villager("沈桂珍", "3-018")
    pictures = [photo(tmp_path / f"{n}.jpg", (180, 160 - 40 * n, 120)) for n in range(2)]
    villager.begin_house("3组19号")
    villager.list_room("201", floor=2, square_metres=18, rent=620, photos=pictures)
    assert_served_without_place(villager, count=2)
    villager.list_another("3组19号")
    villager.list_room("202", floor=2, square_metres=18, rent=620, photos=pictures[:1])
    villager.fill_in_account("杭州联合银行河庄支行", "6228580000123456781")

    clerk.record_papers("3组19号", inspected_on=today - timedelta(days=1))
    clerk.approve_listings(12)

    employer = Employer(live_server, open_page(), "胡明", "13900000005")
    employer.sign_up("我是企业的")
    employer.register(
        uscc=factories.make_uscc(),
        company=COMPANY,
        street=STREET_NAME,
        worksite="江东厂区",
        lat=30.3,
        lon=120.47,
    )
    officer = StreetOfficer(live_server, open_page(), "韩秀英", "13900000003")
    officer.appointed("street_officer", STREET)
    officer.sign_in()
    officer.verify(COMPANY)
    before = officer.occupancy_of(VILLAGE_NAME)
    assert before["登记房间"] == "13"
    assert (before["空着可租"], before["已租"], before["人 / 床"]) == ("12", "0", "0 / 24")

    employer.hold(12, starts_on=moves_in, last_on=last_day)
    villager.accept(2)
    for owner in OTHERS:
        clerk.answer_for(owner)
    contracts = employer.book(12, leases=4)
    employer.sign_all(contracts)
    clerk.sign_for(OTHERS)
    villager.sign_own_lease()

    employer.import_roster(roster(), tmp_path / "roster.xlsx")
    employer.assign_beds(5)
    employer.check_in(5)
    clerk.sees_registrations_due(5)

    # Deposits and the first month came with the signatures; the run brings the second month, once.
    assert "0 bills" in command(live_server, "bill-run")
    second_month = (moves_in + timedelta(days=31)).isoformat()
    assert "4 bills, 12 lines, ¥7,240.00" in command(live_server, "bill-run", f"--until={second_month}")
    assert "0 bills" in command(live_server, "bill-run", f"--until={second_month}")

    employer.record_payment("沈桂珍", amount="2480", serial="2026112400000001", slip=pictures[0])
    villager.confirm_payment("¥2,480")
    assert_receipt(villager, payer=COMPANY, in_words="贰仟肆佰捌拾元整")

    after = officer.occupancy_of(VILLAGE_NAME)
    assert (after["空着可租"], after["已租"], after["人 / 床"]) == ("0", "12", "5 / 24")
    assert (after["出租率"], after["入住率"]) == ("100.0%", "20.8%")
    with live_server.app.app_context():
        assert broken_invariants(factories.db.session.connection(), now=factories.NOW) == []


def assert_served_without_place(villager: Villager, count: int) -> None:
    """Pictures are shown in proportion, and say neither where nor with what they were taken."""
    links = villager.page.locator(".photos a")
    expect(links).to_have_count(count)
    for link in links.all():
        shown = link.get_by_role("img").bounding_box()
        assert shown is not None
        assert shown["height"] < shown["width"] <= 360
        for address in (link.get_attribute("href"), link.get_by_role("img").get_attribute("src")):
            served = villager.page.request.get(str(address)).body()
            with Image.open(BytesIO(served)) as picture:
                assert picture.format == "JPEG"
                assert not picture.getexif()
            assert b"Made-up phone" not in served


def assert_receipt(villager: Villager, *, payer: str, in_words: str) -> None:
    """The receipt as a page and as a PDF say the same."""
    villager.follow("SJ-")
    villager.sees(payer, in_words, "非税务发票")
    pdf = PdfReader(BytesIO(villager.download("下载 PDF")))
    text = "".join(page.extract_text() for page in pdf.pages).replace("\n", "")
    for words in (payer, "沈桂珍", "¥2,480.00", in_words, "平台不经手"):
        assert words in text, words
