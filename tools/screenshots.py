"""Take the pictures of docs/pictures from a demo district that is built for it and thrown away.

    .venv/bin/python -m tools.screenshots [name …]

Without names all are taken. They need Chromium (`make test` installs it) and a few minutes.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from config import Config
from qiantang_nest.accounts.rules import Role
from qiantang_nest.app import create_app
from qiantang_nest.core import clock
from qiantang_nest.core.postgres_server import database_url_from_instance
from qiantang_nest.demo.logins import Login, logins
from tests import chromium

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
SCALE = "0.05"
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 880}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
MOST_BYTES = 150_000
COLOURS = (256, 128, 64, 32)


@dataclass(frozen=True)
class Picture:
    """One page as one person sees it; ``go`` leads there from the home page."""

    name: str
    role: Role | None
    device: dict[str, Any]
    go: Callable[[Page], None]


def stay(page: Page) -> None:
    """The home page itself."""


def search(page: Page) -> None:
    look_for_rooms(page, within_km="30")


def look_for_rooms(page: Page, *, within_km: str) -> None:
    page.get_by_role("link", name="找房", exact=True).click()
    page.get_by_label("最多多远").fill(within_km)
    page.get_by_role("button", name="看看哪些村有房").click()
    page.get_by_role("heading", name="空房，近的在前").wait_for()


def hold(page: Page) -> None:
    look_for_rooms(page, within_km="30")
    page.get_by_label("要多少").fill("12")
    page.get_by_role("button", name="看看是哪些房，再锁定").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("锁定 12 间房")


def statement(page: Page) -> None:
    page.get_by_role("link", name="月账单", exact=True).click()
    page.get_by_role("heading", name="账单").wait_for()


def occupancy(page: Page) -> None:
    page.goto("/occupancy")
    page.get_by_role("heading", name="入住统计").wait_for()


def board(page: Page) -> None:
    page.get_by_role("link", name="房态图", exact=True).click()
    page.locator(".board").wait_for()


def listing_step(page: Page) -> None:
    """The fifth question: how much the room is to cost."""
    page.get_by_role("link", name="我的房", exact=True).click()
    page.get_by_role("link", name="这座房子再租一间").first.click()
    page.get_by_label("在几楼").fill("2")
    page.get_by_label("叫几号房，比如 201").fill("216")
    page.get_by_label("里面能用的面积").fill("18")
    page.get_by_role("button", name="是这间，下一题").click()
    page.get_by_role("main").locator("label").filter(has_text="卧室").click()
    page.get_by_role("button", name="选好了，下一题").click()
    page.get_by_role("button", name="就这么多，下一题").click()
    page.get_by_role("button", name="点好了，下一题").click()
    page.get_by_role("heading", name="一个月想租多少钱").wait_for()


ALL = (
    Picture("public-home", None, DESK, stay),
    Picture("villager-home", Role.VILLAGER, PHONE, stay),
    Picture("listing-step", Role.VILLAGER, PHONE, listing_step),
    Picture("search", Role.EMPLOYER_MANAGER, DESK, search),
    Picture("hold", Role.EMPLOYER_MANAGER, DESK, hold),
    Picture("statement", Role.EMPLOYER_MANAGER, DESK, statement),
    Picture("board", Role.VILLAGE_CLERK, DESK, board),
    Picture("occupancy", Role.DISTRICT_OFFICER, DESK, occupancy),
)


def main(names: list[str]) -> int:
    wanted = [picture for picture in ALL if not names or picture.name in names]
    unknown = set(names) - {picture.name for picture in ALL}
    if unknown:
        print(f"No such picture: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="qiantang-pictures-") as folder:
        place = Path(folder)
        with served(place) as url, sync_playwright() as playwright:
            browser = chromium.launch(playwright, place)
            for picture in wanted:
                take(browser, picture, url, place / "instance")
            browser.close()
    return 0


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """A demo district under `make run`'s own program, in a folder of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.run"],
        cwd=ROOT,
        env={
            **environment,
            "PORT": str(port),
            "INSTANCE_PATH": str(folder / "instance"),
            "DEMO_SCALE": SCALE,
        },
        stdout=subprocess.DEVNULL,  # each request is a line
    )
    try:
        wait_for(url, process)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def wait_for(url: str, process: "subprocess.Popen[bytes]", seconds: float = 900) -> None:
    deadline = time.monotonic() + seconds
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            opener.open(f"{url}/healthz", timeout=5).close()
            return
        except (OSError, urllib.error.URLError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("The demo was not served; «make run» says why.") from None
        time.sleep(0.5)


def take(browser: Browser, picture: Picture, url: str, instance: Path) -> None:
    context = browser.new_context(
        base_url=url, locale="zh-CN", timezone_id="Asia/Shanghai", reduced_motion="reduce", **picture.device
    )
    page = context.new_page()
    if picture.role is None:
        page.goto("/")
    else:
        sign_in(page, login_of(picture.role, instance))
    picture.go(page)
    page.wait_for_load_state("networkidle")
    page.evaluate("() => { document.activeElement?.blur(); window.scrollTo(0, 0); }")
    data = squeezed(page.screenshot(animations="disabled"))
    (PICTURES / f"{picture.name}.png").write_bytes(data)
    print(f"{picture.name}.png  {len(data) // 1000} KB", flush=True)
    context.close()


def login_of(role: Role, instance: Path) -> Login:
    """Read each time: the codes of offices live half a minute, and each opens once."""
    app = create_app(
        Config.from_env(
            {
                "INSTANCE_PATH": str(instance),
                "DATABASE_URL": database_url_from_instance(instance, owner=False),
            }
        )
    )
    with app.app_context():
        return next(one for one in logins(instance_path=instance, now=clock.now()) if one.role == role)


def sign_in(page: Page, login: Login) -> None:
    page.goto("/sign-in")
    page.get_by_label("手机号").last.fill(login.phone)
    page.get_by_label("密码").fill(login.password)
    page.get_by_role("button", name="登录", exact=True).click()
    if login.code:
        page.get_by_label("动态码").fill(login.code)
        page.get_by_role("button", name="进入").click()
    page.wait_for_url(lambda address: "sign-in" not in address and "second-factor" not in address)


def squeezed(data: bytes) -> bytes:
    """With a palette: as many colours as fit into the size."""
    with Image.open(BytesIO(data)) as image:
        whole = image.convert("RGB")
    for colours in COLOURS:
        out = BytesIO()
        whole.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() <= MOST_BYTES:
            break
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
