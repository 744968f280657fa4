"""The browser fixtures themselves: the real server answers, and complaints are noticed."""

from playwright.sync_api import Page

from tests.browser.conftest import Visit
from tests.live_server import LiveServer


def test_the_real_server_answers_a_browser(page: Page, live_server: LiveServer) -> None:
    answer = page.goto("/healthz")
    assert answer is not None
    assert answer.status == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")


def test_a_phone_is_360_pixels_wide(phone_page: Page) -> None:
    phone_page.goto("/healthz")
    assert phone_page.viewport_size == {"width": 360, "height": 740}


def test_what_the_policy_forbids_is_noticed(page: Page, visit: Visit) -> None:
    page.goto("/healthz")
    page.evaluate("fetch('http://192.0.2.1/x').catch(() => 0)")
    assert any("Content Security Policy" in text for text in visit.complaints)
    visit.ignore("192.0.2.1")


def test_a_request_to_another_machine_is_noticed(page: Page, visit: Visit) -> None:
    page.goto("data:text/html,<img src='http://192.0.2.1/x.png'>")
    assert "asked another machine: http://192.0.2.1/x.png" in visit.complaints
    visit.ignore("192.0.2.1|ERR_")
