"""The pages of the world as a browser reads them: parsed strictly, with their forms."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import Element

import html5lib
from werkzeug.exceptions import HTTPException

from tests.access.conftest import Site, matrix
from tests.access.world import ROLES

NOT_PAGES = {"static", "core.style_page", "preferences.set_locale", "preferences.set_large_type"}
TYPED = ("text", "search", "tel", "email", "number", "date", "password", "url", "")


@dataclass
class Field:
    """One named control: what it starts with, what it may be, and whether pressing the button sends it."""

    name: str
    kind: str
    value: str
    options: list[str] = field(default_factory=list)
    sent: bool = True


@dataclass
class Form:
    """A form of a page, as a person who only presses the button would send it."""

    role: str
    method: str
    page: str
    action: str
    endpoint: str
    fields: list[Field]

    def values(self, typed: Mapping[str, Any] | None = None) -> list[tuple[str, Any]]:
        """What is sent after something was typed into some fields: name → value, or a list of values."""
        typed = typed or {}
        left = [
            (one.name, one.value)
            for one in self.fields
            if one.sent and not one.name.endswith("csrf_token") and one.name not in typed
        ]
        return left + [
            (name, one)
            for name, value in typed.items()
            for one in (value if isinstance(value, list) else [value])
        ]

    @property
    def typed(self) -> list[Field]:
        """The boxes a person writes into."""
        return [one for one in self.fields if one.kind in (*TYPED, "textarea")]


def parse(text: str) -> Element:
    """The tree of a page. Raises html5lib.html5parser.ParseError for what no browser should have to mend."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    tree: Element = parser.parse(text)
    return tree


def first_with(role: str, endpoints: Callable[[str], list[str]]) -> list[str]:
    """Of a role's endpoints those that no earlier role has on pages of the same frame, phone or desk."""
    earlier = [one for one in ROLES[: ROLES.index(role)] if one != "villager"]
    had = {endpoint for one in earlier for endpoint in endpoints(one)}
    return [endpoint for endpoint in endpoints(role) if endpoint not in had]


def page_cells(role: str) -> list[str]:
    """The endpoints whose GET the role may open."""
    return [
        row["endpoint"]
        for row in matrix()
        if row["method"] == "GET" and row[role] in ("yes", "public") and row["endpoint"] not in NOT_PAGES
    ]


@cache
def pages(site: Site, role: str, locale: str | None = None) -> list[tuple[str, str, str]]:
    """(endpoint, address, text) of each HTML page a role may open."""
    found = []
    for endpoint in page_cells(role):
        for address in addresses(site, role, endpoint):
            answer = site.open(role, "GET", address, locale=locale)
            if answer.status_code == 200 and answer.mimetype == "text/html":
                found.append((endpoint, address, answer.text))
    return found


def addresses(site: Site, role: str, endpoint: str) -> list[str]:
    """The addresses under which an endpoint shows different pages."""
    if endpoint == "housing.list_step":
        steps = ("kind", "beds", "features", "rent", "photos")
        return [site.url(role, endpoint, step=step) for step in steps]
    if endpoint == "housing.list_at_house":
        return [site.url(role, endpoint), site.url(role, endpoint, new="1")]
    if endpoint == "bookings.lease_change":
        taken_over = site.world.sides[0].ids["bookings.take_lease.change_id"]
        return [site.url(role, endpoint), site.url(role, endpoint, change_id=taken_over)]
    if endpoint == "bookings.wait":
        waits = site.world.sides[0].ids["bookings.leave_waiting.demand_id"]
        return [site.url(role, endpoint), site.url(role, endpoint, demand_id=waits)]
    return [site.url(role, endpoint)]


@cache
def forms(site: Site, role: str) -> list[Form]:
    """Every form of a role's pages, once a method, endpoint and set of fields."""
    found: dict[tuple[str, str, tuple[str, ...]], Form] = {}
    for _endpoint, address, text in pages(site, role):
        for form in forms_in(site, role, address, text):
            names = tuple(sorted({one.name for one in form.fields}))
            found.setdefault((form.method, form.endpoint, names), form)
    return list(found.values())


def forms_in(site: Site, role: str, address: str, text: str) -> list[Form]:
    """The forms of one page."""
    return [_form(site, role, address, element) for element in parse(text).iter("form")]


def _form(site: Site, role: str, address: str, element: Element) -> Form:
    action = urljoin(f"http://localhost{address}", element.get("action") or address)
    parts = urlsplit(action)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    method = element.get("method", "get").upper()
    adapter = site.app.url_map.bind("localhost")
    try:
        endpoint, _values = adapter.match(parts.path, method=method)
    except HTTPException:
        endpoint = f"no endpoint: {target}"
    return Form(role, method, address, target, endpoint, list(_fields(element)))


def _fields(form: Element) -> Iterator[Field]:
    for element in form.iter():
        name = element.get("name")
        if not name or element.get("disabled") is not None:
            continue
        if element.tag == "textarea":
            yield Field(name, "textarea", (element.text or "").removeprefix("\n"))
        elif element.tag == "select":
            options = list(element.iter("option"))
            chosen = [one for one in options if one.get("selected") is not None] or options[:1]
            values = [one.get("value", "") for one in options]
            yield Field(name, "select", chosen[0].get("value", "") if chosen else "", values)
        elif element.tag == "input":
            kind = element.get("type", "text").lower()
            unticked = kind in ("radio", "checkbox") and element.get("checked") is None
            sent = not unticked and kind not in ("submit", "image", "button", "file")
            yield Field(name, kind, element.get("value", "on" if kind == "checkbox" else ""), sent=sent)
        elif element.tag == "button" and element.get("type", "submit") == "submit":
            yield Field(name, "submit", element.get("value", ""), sent=False)
