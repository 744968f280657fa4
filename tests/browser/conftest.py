"""Fixtures for tests in Chromium: `live_server`, `browser`, `page` (desktop) and `phone_page`."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from tests import chromium
from tests.live_server import LiveServer, serving
from tests.run_folder import TestDatabase

ROOT = Path(__file__).resolve().parents[2]
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for each worker."""
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright, tmp_path_factory.mktemp("chromium"))
        yield browser
        browser.close()


@pytest.fixture
def live_server(fresh_app: Flask, fresh_database: TestDatabase, tmp_path: Path) -> Iterator[LiveServer]:
    """gunicorn over a database of this test's own."""
    with serving(fresh_app, fresh_database, tmp_path) as server:
        yield server


class Visit:
    """What a browser complained of during a test; anything left in `complaints` fails it."""

    def __init__(self) -> None:
        self.complaints: list[str] = []

    def ignore(self, pattern: str) -> None:
        """Take out complaints that the test provokes on purpose."""
        self.complaints = [text for text in self.complaints if not re.search(pattern, text)]

    def watch(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(f"script error: {error.error}"))
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        # Chromium asks for this by itself when what it shows is not a page of ours (JSON, a PDF).
        if message.location.get("url", "").endswith("/favicon.ico"):
            return
        if message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https") and parts.hostname != "127.0.0.1":
            self.complaints.append(f"asked another machine: {request.url}")


@pytest.fixture
def visit() -> Iterator[Visit]:
    """Fails the test on console errors, script errors, CSP violations and requests to other machines."""
    visit = Visit()
    yield visit
    assert visit.complaints == []


@pytest.fixture
def open_page(
    browser: Browser, live_server: LiveServer, visit: Visit, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Page]]:
    """Open a page of a visitor's own (separate cookies): `open_page()`, `open_page(PHONE)`."""
    contexts: list[BrowserContext] = []

    def open_page(device: dict[str, Any] = DESKTOP, **options: Any) -> Page:
        context = browser.new_context(
            base_url=live_server.url, locale="zh-CN", timezone_id="Asia/Shanghai", **{**device, **options}
        )
        context.set_default_timeout(10_000)
        visit.watch(context)
        contexts.append(context)
        return context.new_page()

    failed_before = request.session.testsfailed
    yield open_page
    for context in contexts:
        if request.session.testsfailed > failed_before:
            _picture(context, request.node.name)
        context.close()


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """A desktop visitor without a session; addresses may be relative: `page.goto("/")`."""
    return open_page()


@pytest.fixture
def phone_page(open_page: Callable[..., Page]) -> Page:
    """A phone of 360 pixels."""
    return open_page(PHONE)


def _picture(context: BrowserContext, name: str) -> None:
    folder = ROOT / "test-results"
    folder.mkdir(exist_ok=True)
    plain = re.sub(r"[^\w-]+", "_", name)
    for number, page in enumerate(context.pages):
        page.screenshot(path=folder / f"{plain}-{number}.png", full_page=True)
