"""The people of the browser story, each with a browser of their own: what they click and type."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pyotp
import xlsxwriter
from playwright.sync_api import Locator, Page, expect
from python_calamine import CalamineWorkbook
from sqlalchemy import select

from qiantang_nest.core.db import db
from qiantang_nest.notifications.models import OutboxItem
from tests.live_server import LiveServer

PASSWORD = "河庄 新庄 甘露 亭子"


@dataclass
class Person:
    """Somebody with a name, a mobile phone and a browser."""

    server: LiveServer
    page: Page
    name: str
    phone: str

    # --- small words --------------------------------------------------------------------------------------

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str, within: Locator | None = None) -> None:
        """Click a link; a name that is a part of the link's will do."""
        (within or self.page).get_by_role("link", name=name).first.click()

    def open(self, item: str) -> None:
        """Choose from the bar: the desk's on top, the phone's at the bottom."""
        self.page.get_by_role("navigation", name="主导航").get_by_role("link", name=item, exact=True).click()

    def fill(self, label: str, value: object) -> None:
        self.page.get_by_label(label).fill(str(value))

    def tick(self, label: str) -> None:
        """A box or one of several choices: the whole line is clicked, as a finger does."""
        self.page.get_by_role("main").locator("label").filter(has_text=label).click()

    def sees(self, *texts: str) -> None:
        """Wait until the page says each of these."""
        for text in texts:
            expect(self.page.get_by_role("main")).to_contain_text(text)

    def heading(self, text: str) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(text)

    def download(self, link: str) -> bytes:
        """What a link saves to the disk."""
        with self.page.expect_download() as saved:
            self.follow(link)
        return Path(saved.value.path()).read_bytes()

    # --- coming in ----------------------------------------------------------------------------------------

    def newest_code(self) -> str:
        """The six digits last sent to this phone, from the outbox: no worker runs that would send them."""
        with self.server.app.app_context():
            items = db.session.scalars(select(OutboxItem).order_by(OutboxItem.id.desc())).all()
            body = next(item.body or "" for item in items if item.to == self.phone)
        found = re.search(r"\d{6}", body)
        assert found, body
        return found[0]

    def sign_up(self, kind: str) -> None:
        """Phone, code, name, and what brings one here."""
        self.page.goto("/sign-in")
        self.page.get_by_label("手机号").first.fill(self.phone)
        self.press("发验证码给我")
        self.heading("填验证码")
        self.fill("短信验证码", self.newest_code())
        self.press("登录")
        self.fill("您的姓名", self.name)
        self.tick(kind)
        self.tick("我看过隐私说明")
        self.press("下一步")

    def sign_lease(self, number: str) -> None:
        """Open a contract from the list and sign it."""
        self.follow(number)
        self.follow("去签字")
        self.sign()

    def sign(self) -> None:
        """Have a code sent to the own phone, sign the contract that is shown with it."""
        self.press("看过了，发签字码到我的手机")
        self.sees("签字码发到您的手机了")
        self.fill("手机收到的 6 位签字码", self.newest_code())
        self.press("签字，同意这份合同")
        self.sees("签好了。")


class Official(Person):
    """A clerk or an officer: made by command, signs in with a password and a time-based code."""

    def appointed(self, role: str, scope: str) -> None:
        """What whoever installs the system does for the first of them."""
        made = self.server.app.test_cli_runner().invoke(
            args=[
                "create-user",
                f"--phone={self.phone}",
                f"--name={self.name}",
                f"--role={role}",
                f"--scope={scope}",
                "--password-stdin",
            ],
            input=PASSWORD + "\n",
        )
        assert made.exit_code == 0, made.output

    def sign_in(self) -> None:
        """The first time: the authenticator takes its secret from the page."""
        self.page.goto("/sign-in")
        self.page.get_by_label("手机号").last.fill(self.phone)
        self.fill("密码", PASSWORD)
        self.press("登录")
        self.heading("绑定动态码")
        secret = self.page.locator(".code").inner_text().replace(" ", "")
        self.fill("动态码", pyotp.TOTP(secret).now())
        self.press("绑定并进入")


class Clerk(Official):
    """The village's own: keeps its houses, decides what is listed, acts for those without a phone."""

    def import_village(self, rows: Sequence[dict[str, Any]], file: Path) -> None:
        """Fill the downloaded template, have it looked at, take it in."""
        self.open("房源")
        self.follow("用 Excel 导入")
        fill_template(self.download("下载模板"), rows, file)
        self.page.get_by_label("填好的 Excel 文件").set_input_files(file)
        self.press("先核对，不导入")
        self.sees("核对好了，没有问题")
        self.press(f"导入这 {len(rows)} 间房")
        self.sees("导入好了")

    def link_villager(self, villager: str, household: str) -> None:
        """Say which household somebody who signed up belongs to."""
        self.open("房源")
        self.follow("等绑定的村民")
        self.sees(villager)
        self.follow("找是哪一户")
        self.page.get_by_label("户主、户号或手机号").fill(household)
        self.press("找")
        self.press(f"就是{household}户")
        self.sees(f"绑定好了，已经告诉{villager}")

    def record_papers(self, address: str, inspected_on: date) -> None:
        """The building permit seen, the safety check passed."""
        self.open("房源")
        self.follow(address)
        self.follow("登记证明")
        self.tick("建房审批")
        self.fill("编号", "河建字第 2016-118 号")
        self.press("登记这份证明")
        self.sees("河建字第 2016-118 号")
        self.follow("登记检查结果")
        self.fill("检查日期", inspected_on)
        self.page.get_by_role("radio", name="合格", exact=True).check()
        self.fill("有效到", inspected_on + timedelta(days=365))
        self.press("登记检查结果")
        self.sees("检查结果登记好了")

    def approve_listings(self, count: int) -> None:
        """All that lack nothing, at once."""
        self.open("上架审核")
        self.heading(f"{count} 间房等您看")
        self.press("打勾的都上架")
        self.sees(f"{count} 间上架了")

    def answer_for(self, owner: str) -> None:
        """Say yes for a household that has let the village act for it."""
        self.open("代为答复")
        self.follow(owner)
        self.sees("户主", "同意村里代办")
        self.press("对，租给他们")
        self.sees("答应了，等企业来签合同")

    def sign_for(self, owners: Sequence[str]) -> None:
        """Sign each household's contract on its behalf."""
        for owner in owners:
            self.open("租约")
            row = self.page.get_by_role("row").filter(has_text=owner)
            self.sign_lease(row.get_by_role("link").first.inner_text())

    def sees_registrations_due(self, heads: int) -> None:
        """Each arrival is to be reported to the police within three working days."""
        self.open("登记")
        expect(self.page.get_by_role("main").get_by_role("rowheader")).to_have_count(heads)


class StreetOfficer(Official):
    """Verifies employers and looks at the villages' figures."""

    def verify(self, enterprise: str) -> None:
        self.open("企业审核")
        self.follow(enterprise)
        self.sees("和执照对过了？")
        self.tick("和执照一致，通过")
        self.press("办这家")
        self.sees(f"{enterprise} 通过了")

    def occupancy_of(self, village: str) -> dict[str, str]:
        """The figures of a village as the page shows them, by their heads."""
        with self.page.expect_navigation():  # it may be the page that is already open
            self.open("入住统计")
        row = self.page.get_by_role("row").filter(has=self.page.get_by_role("rowheader", name=village))
        cells = row.locator("td")
        return {str(cell.get_attribute("data-label")): cell.inner_text().strip() for cell in cells.all()}


class Villager(Person):
    """On a phone of 360 pixels, one question a screen."""

    def ask_to_be_linked(self, village: str, note: str) -> None:
        """Two things to know before letting, then which household."""
        self.heading("出租前要知道的两件事")
        self.tick("我知道：房子出租以后")
        self.tick("我出租是自愿的")
        self.press("知道了，下一步")
        self.heading("您是哪个村、哪一户？")
        self.tick(village)
        self.fill("几组几号，户主叫什么", note)
        self.press("告诉村里")
        self.sees("村里正在核对您是哪一户")

    def begin_house(self, address: str) -> None:
        """A house that the village has not registered."""
        self.open("我的房")
        self.follow("登记另一座房子")
        self.follow("另外一座房子")
        self.fill("门牌，比如 3组18号", address)
        self.press("是这里，下一题")

    def list_room(
        self, label: str, *, floor: int, square_metres: float, rent: int, photos: Sequence[Path]
    ) -> None:
        """Questions 2 to 7 and handing it over."""
        self.heading("是哪一间房，有多大？")
        self.fill("在几楼", floor)
        self.fill("叫几号房，比如 201", label)
        self.fill("里面能用的面积", square_metres)
        self.press("是这间，下一题")
        self.tick("卧室")
        self.press("选好了，下一题")
        self.press("就这么多，下一题")
        self.tick("空调")
        self.tick("热水")
        self.press("点好了，下一题")
        self.fill("一个月租金", rent)
        self.press("就这个价，下一题")
        self.page.get_by_label("拍 2 到 6 张").set_input_files(photos)
        self.press("照片好了，看一遍")
        self.heading("看一遍，对的话就交给村里")
        self.sees(f"{len(photos)} 张")
        self.tick("我知道：房子出租以后")
        self.press("对，交给村里")
        self.sees("交给村里了")

    def open_message(self, text: str) -> None:
        """The newest message that says so, and the page it leads to."""
        self.follow("消息")
        message = self.page.get_by_role("listitem").filter(has_text=text)
        message.first.get_by_role("button", name="去看").click()

    def list_another(self, address: str) -> None:
        """One more room of a house that is known."""
        self.open("我的房")
        house = self.page.locator("section").filter(has=self.page.get_by_role("heading", name=address))
        self.follow("这座房子再租一间", within=house)

    def fill_in_account(self, bank: str, number: str) -> None:
        """Where employers pay the rent to."""
        self.open("我的房")
        self.follow("家的资料和收款账户")
        self.follow("填收款账户")
        self.fill("开户行", bank)
        self.page.get_by_role("textbox", name="账号").fill(number)
        self.press("存下收款账户")
        self.sees(f"付到尾号 {number[-4:]}")

    def accept(self, rooms: int) -> None:
        """Answer the employer's question."""
        self.open("要办")
        self.sees(f"想租您 {rooms} 间房")
        self.follow("看一看，再答复")
        self.heading(f"把 {rooms} 间房租给")
        self.press("对，租给他们")
        self.sees("答应了，等企业来签合同")

    def sign_own_lease(self) -> None:
        self.open("要办")
        self.sees("合同等您签字")
        self.follow("看合同，再签字")
        self.sign()

    def confirm_payment(self, amount: str) -> None:
        """Say that the money is on the account."""
        self.open("要办")
        self.sees(f"说付了您 {amount}")
        self.follow("看一看，再答复")
        self.press("到账了，开收据")
        self.sees("已到账")


class Employer(Person):
    """Whoever finds beds for a factory."""

    def register(
        self, *, uscc: str, company: str, street: str, worksite: str, lat: float, lon: float
    ) -> None:
        self.heading("登记企业")
        self.fill("统一社会信用代码", uscc)
        self.fill("单位名称", company)
        self.page.get_by_label("所在街道").select_option(label=street)
        self.fill("联系人", self.name)
        self.fill("联系电话", self.phone)
        self.fill("厂区名称", worksite)
        self.fill("厂区地址", "河庄街道江东一路 88 号")
        self.fill("纬度", lat)
        self.fill("经度", lon)
        self.press("交给街道核验")
        self.sees("交上去了")

    def hold(self, rooms: int, *, starts_on: date, last_on: date) -> None:
        """Search from the gate, take the nearest rooms of whichever owners."""
        self.open("找房")
        self.fill("哪天入住", starts_on)
        self.fill("住到哪天", last_on)
        self.press("看看哪些村有房")
        self.fill("要多少", rooms)
        self.press("看看是哪些房，再锁定")
        self.heading(f"锁定 {rooms} 间房")
        self.press(f"锁定这 {rooms} 间房")
        self.sees("锁好了")

    def book(self, rooms: int, leases: int) -> list[str]:
        """Confirm what the owners have agreed to; the numbers of the contracts."""
        self.open("锁定与预订")
        self.page.get_by_role("row").filter(has_text="锁定中").get_by_role("link").click()
        self.follow(f"预订答应的 {rooms} 间")
        self.heading(f"预订 {rooms} 间房，{leases} 份合同")
        self.press("预订，每户出一份合同")
        self.sees("订好了")
        links = self.page.get_by_role("main").get_by_role("link", name="HT-").all_inner_texts()
        numbers = [link.removeprefix("合同 ") for link in links]
        assert len(numbers) == leases
        return numbers

    def sign_all(self, numbers: Sequence[str]) -> None:
        for number in numbers:
            self.open("租约")
            self.sign_lease(number)

    def import_roster(self, rows: Sequence[dict[str, Any]], file: Path) -> None:
        """The roster's own template, filled, looked at and taken in."""
        self.open("员工住宿")
        self.follow("导入花名册")
        fill_template(self.download("下载模板"), rows, file)
        self.page.get_by_label("花名册文件（.xlsx）").set_input_files(file)
        self.press("核对这份花名册")
        self.heading("核对好了，可以导入")
        self.press(f"导入这 {len(rows)} 人")
        self.sees(f"新增 {len(rows)} 人")

    def assign_beds(self, heads: int) -> None:
        """Let the rule propose, look, save."""
        self.heading("排床位")
        self.press("看看怎么住")
        self.sees(f"{heads} 人这样住")
        self.press("就这样住，保存")
        self.sees(f"排好了 {heads} 张床")

    def check_in(self, heads: int) -> None:
        """All whose day is today have come."""
        self.open("员工住宿")
        self.follow("待入住")
        self.heading("谁到了？")
        self.press("勾选的都到了，办入住")
        self.sees(f"{heads} 人")

    def record_payment(self, owner: str, *, amount: str, serial: str, slip: Path) -> None:
        """What was paid outside, with the bank's number and a picture of the slip."""
        self.open("月账单")
        self.follow(f"付给 {owner}")
        self.fill("金额", amount)
        self.fill("银行流水号", serial)
        self.page.get_by_label("回单照片").set_input_files(slip)
        self.press("登记，等对方确认")
        self.heading("付的 ¥")
        self.sees(serial)


# --- files --------------------------------------------------------------------------------------------------


def fill_template(template: bytes, rows: Sequence[dict[str, Any]], file: Path) -> None:
    """Write rows under the heads of a downloaded workbook, as a person would in Excel."""
    heads = CalamineWorkbook.from_filelike(BytesIO(template)).get_sheet_by_index(0).to_python()[0]
    with xlsxwriter.Workbook(file) as workbook:
        sheet = workbook.add_worksheet("房源")
        day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        for column, head in enumerate(heads):
            sheet.write(0, column, head)
            for number, row in enumerate(rows, start=1):
                value = row.get(str(head).rstrip("*"))
                if isinstance(value, date):
                    sheet.write_datetime(number, column, value, day)
                elif isinstance(value, str):
                    sheet.write_string(number, column, value)
                elif value is not None:
                    sheet.write(number, column, value)
        unknown = {key for row in rows for key in row} - {str(head).rstrip("*") for head in heads}
    assert not unknown, f"the template has no column {unknown}"
