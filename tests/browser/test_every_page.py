"""Every page of every role in Chromium, over the world of ``tests/access``: axe and layout at both widths.

A new page is looked at by itself as soon as it stands in ``tests/access/matrix.csv``. Roles share most pages:
a page made of exactly the same elements and classes as one looked at for an earlier role is left out, so each
distinct page of each role is looked at once, in both widths.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from qiantang_nest.core import clock
from qiantang_nest.core.db import db
from tests import run_folder
from tests.access.conftest import Site, sign_all
from tests.access.pages import addresses, page_cells
from tests.access.world import ROLES, build
from tests.browser.conftest import Visit
from tests.conftest import make_app
from tests.factories import NOW
from tests.live_server import LiveServer, serving

WIDTHS = {"desk": (1280, 800), "phone": (360, 740)}
AXE = Axe().axe_script
"""Once a page, not once a width: it is half a megabyte."""
ASK_AXE = "axe.run({resultTypes: ['violations']}).then(found => found.violations)"
STATES = {
    "manager": ["/stays?state=left", "/stays?q=无此人", "/search?beds=x"],
    "clerk": [
        "/houses?q=无此人",
        "/registrations?state=done",
        "/registrations?state=overdue",
        "/board?house=1",
    ],
}
"""Pages that look otherwise with something behind the question mark."""


@dataclass
class Served:
    """The world behind gunicorn, and which addresses each role has to look at."""

    server: LiveServer
    cookies: dict[str, str]
    addresses: dict[str, list[str]]


@pytest.fixture(scope="session")
def served(template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Once a worker; the server's clock goes on from the moment the world was made for."""
    folder = tmp_path_factory.mktemp("world")
    with run_folder.cloned_database(f"world_{uuid.uuid4().hex}", template_database) as database:
        app = make_app(database, folder)
        with clock.frozen_at(NOW):
            world = build(app)
            cookies, token = sign_all(app, world)
            site = Site(app, world, None, cookies, token, None, {})  # type: ignore[arg-type]
            found = distinct_pages(site)
        with serving(app, database, folder, variables={"CLOCK_START": NOW.isoformat()}) as server:
            yield Served(server, cookies, found)
        with app.app_context():
            db.engine.dispose()


def distinct_pages(site: Site) -> dict[str, list[str]]:
    """role → addresses of its pages, without those made of nothing but what an earlier page is made of."""
    seen: set[frozenset[tuple[str, str]]] = set()
    found: dict[str, list[str]] = {}
    for role in ROLES:
        client = site.app.test_client()
        if role in site.cookies:
            client.set_cookie("qiantang", site.cookies[role])
        every = [one for endpoint in page_cells(role) for one in addresses(site, role, endpoint)]
        found[role] = []
        for address in [*every, *STATES.get(role, [])]:
            answer = client.get(address, buffered=True)
            if answer.status_code != 200 or answer.mimetype != "text/html":
                continue
            parts = frozenset(re.findall(r'<([a-z0-9]+)(?:[^>]*? class="([^"]*)")?', answer.text))
            if parts not in seen:
                seen.add(parts)
                found[role].append(address)
    return found


@pytest.mark.parametrize("role", ROLES)
def test_every_page_can_be_used(browser: Browser, served: Served, visit: Visit, role: str) -> None:
    context = browser.new_context(
        base_url=served.server.url, locale="zh-CN", timezone_id="Asia/Shanghai", reduced_motion="reduce"
    )
    if role in served.cookies:
        context.add_cookies([{"name": "qiantang", "value": served.cookies[role], "url": served.server.url}])
    visit.watch(context)
    page = context.new_page()
    troubles = [trouble for address in served.addresses[role] for trouble in look_at(page, address)]
    context.close()
    assert not troubles, "\n".join(troubles)


def look_at(page: Page, address: str) -> Iterator[str]:
    """What is wrong with a page at either width."""
    answer = page.goto(address)
    if answer is None or answer.status != 200:
        yield f"{address}: {answer and answer.status}"
        return
    page.evaluate(AXE)
    for name, (width, height) in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        for found in page.evaluate(ASK_AXE):
            if found["impact"] in ("serious", "critical"):
                yield f"{address} {name}: {found['id']} {found['nodes'][0]['html'][:200]}"
        if not page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"):
            yield f"{address} {name}: scrolls sideways"
