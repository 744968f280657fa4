"""Every page a role may open is a page: valid, named once, with labels; and every template is used."""

import re
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from html5lib.html5parser import ParseError

from tests.access.conftest import UNSAFE, Site, matrix
from tests.access.pages import forms, pages, parse
from tests.access.world import ROLES

ROOT = Path(__file__).resolve().parents[2]
NAMED_IN_CODE = re.compile(r"\"([a-z_/0-9]+\.html)\"")
NAMED_IN_TEMPLATE = re.compile(r"(?:extends|include|import|from)\s+['\"]([a-z_/0-9]+\.html)['\"]")
NO_FORM = {
    "accounts.change_phone",
    "accounts.sign_in_by_code",
    "accounts.sign_up",
    "housing.ask_link",
    "spreadsheets.carry_out_changes_file",
    "spreadsheets.changes_errors",
    "spreadsheets.confirm_village_import",
    "spreadsheets.roster_errors",
    "spreadsheets.save_roster",
    "spreadsheets.save_demands",
    "spreadsheets.demand_errors",
}
"""Forms that stand on pages which only a POST or another state of the world shows."""


def troubles(text: str) -> list[str]:
    """What is wrong with a page."""
    try:
        tree = parse(text)
    except ParseError as error:
        return [f"not valid: {error}"]
    found = []
    if len(list(tree.iter("h1"))) != 1:
        found.append(f"{len(list(tree.iter('h1')))} h1")
    title = next(tree.iter("title"), None)
    if title is None or not (title.text or "").split("·")[0].strip():
        found.append("no title")
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    found += [f"id {one} twice" for one in sorted({one for one in ids if ids.count(one) > 1} - {None})]
    known = set(ids)
    for element in tree.iter():
        for attribute in ("for", "aria-labelledby", "aria-describedby"):
            for wanted in (element.get(attribute) or "").split():
                if wanted not in known:
                    found.append(f"{attribute} names {wanted}, which is not there")
    return found + unlabelled(tree)


def unlabelled(tree: Element) -> list[str]:
    """Controls that a screen reader would call nothing."""
    labelled = {element.get("for") for element in tree.iter("label")}
    inside = {id(element) for label in tree.iter("label") for element in label.iter()}
    return [
        f"{element.tag} {element.get('name')} has no label"
        for element in tree.iter()
        if element.tag in ("input", "select", "textarea")
        and element.get("type") not in ("hidden", "submit", "button")
        and element.get("id") not in labelled
        and id(element) not in inside
        and not element.get("aria-label")
        and not element.get("aria-labelledby")
    ]


@pytest.mark.parametrize("role", ROLES)
def test_every_page_is_valid_and_named(site: Site, role: str) -> None:
    wrong = [
        f"{address}: {trouble}"
        for _endpoint, address, text in pages(site, role)
        for trouble in troubles(text)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_form_leads_somewhere_and_every_post_has_a_form(site: Site) -> None:
    every = [form for role in ROLES for form in forms(site, role) if form.method == "POST"]
    lost = sorted({form.endpoint for form in every if form.endpoint.startswith("no endpoint")})
    assert not lost
    posted = {row["endpoint"] for row in matrix() if row["method"] in UNSAFE}
    without = posted - {form.endpoint for form in every}
    assert without == NO_FORM, f"no page offers these: {sorted(without - NO_FORM)}"


def test_every_template_parses_and_is_used(site: Site) -> None:
    environment = site.app.jinja_env
    templates = {path.relative_to(ROOT / "templates").as_posix() for path in ROOT.glob("templates/**/*.html")}
    named = {f"errors/{status}.html" for status in (400, 403, 404, 409, 413, 429, 500, 503)}
    named |= {f"housing/step_{step}.html" for step in ("kind", "beds", "features", "rent", "photos")}
    for name in templates:
        environment.get_template(name)
        named |= set(NAMED_IN_TEMPLATE.findall((ROOT / "templates" / name).read_text()))
    for path in (ROOT / "qiantang_nest").rglob("*.py"):
        named |= set(NAMED_IN_CODE.findall(path.read_text()))
    assert named - templates == set(), "templates that are not there"
    assert templates - named == set(), "templates that nothing shows"
