"""What an address must stand: ids of nothing, and any value behind each name that a page asks by."""

import re
from html import unescape
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import pytest
from werkzeug.routing import IntegerConverter

from tests.access.conftest import Site
from tests.access.pages import addresses, first_with, forms, page_cells, pages
from tests.access.test_bad_input import BIG, HUGE, SEEMLY
from tests.access.world import ROLES

ODD = ("", "坏\x00字", "半\ud800字", "-1", "NaN", "2026-02-31", "9999-12-31", BIG, HUGE)
"""What may stand in an address instead of what a page put there."""


def questions(site: Site, role: str) -> dict[str, set[str]]:
    """path → names that the links and search forms of the role's pages put behind its question mark."""
    found: dict[str, set[str]] = {}
    for _endpoint, address, text in pages(site, role):
        for link in re.findall(r'href="([^"#]*\?[^"#]*)"', text):
            parts = urlsplit(urljoin(address, unescape(link)))
            found.setdefault(parts.path, set()).update(name for name, _value in parse_qsl(parts.query))
    for form in forms(site, role):
        if form.method == "GET":
            found.setdefault(urlsplit(form.action).path, set()).update(one.name for one in form.fields)
    return found


@pytest.mark.parametrize("role", ROLES)
def test_an_address_stands_anything(site: Site, role: str) -> None:
    """A page is shown, or said not to be there, whatever stands before and behind the question mark."""
    wrong = []
    asked_for = questions(site, role)
    for endpoint in first_with(role, page_cells):
        kinds = site.rule(endpoint)._converters
        numbers = [name for name, kind in kinds.items() if isinstance(kind, IntegerConverter)]
        if numbers:
            answer = site.open(role, "GET", site.url(role, endpoint, **dict.fromkeys(numbers, BIG)))
            if answer.status_code != 404:
                wrong.append(f"{endpoint} {numbers} {BIG}: {answer.status}")
        for address in addresses(site, role, endpoint):
            path = urlsplit(address).path
            names = sorted({"page", "per_page", "sort", *asked_for.get(path, ())})
            # Each name meets each value; where nothing is asked, once is enough.
            for turn in range(len(ODD) if path in asked_for else 1):
                asked = {name: ODD[(turn + place) % len(ODD)] for place, name in enumerate(names)}
                answer = site.open(role, "GET", f"{path}?{urlencode(asked, errors='surrogatepass')}")
                if answer.status_code not in SEEMLY:
                    wrong.append(f"{path} {asked}: {answer.status}".replace(HUGE, "HUGE"))
    assert not wrong, "\n".join(wrong)
