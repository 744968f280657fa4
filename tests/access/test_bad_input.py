"""What a form must stand: nothing, nonsense, too much, what no keyboard types, what the page never offered.

Every form is sent once a value that may be wrong in one of its fields, while the others hold what is right
(``good_input.py``). Refused means: one of the statuses below, nothing written, and for what a person typed
the same page again that names the field and still holds everything.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from markupsafe import escape
from werkzeug.test import TestResponse

from tests.access.conftest import Site, Visit
from tests.access.good_input import cases, posts_of
from tests.access.pages import Field, Form, first_with
from tests.access.world import ROLES

SEEMLY = {200, 302, 303, 400, 404, 409, 413, 415, 422, 429}
BIG, HUGE = "9" * 25, "9" * 5000
"""More than a bigint holds, and more digits than Python reads."""

TEXT = ("", "坏\x00字", "长" * 20_000, "-1", "1e40", "NaN")
NUMBERS = ("", "１２", "-1", "0", "1e9", "1.005", "NaN", BIG, HUGE)
DAYS = ("", "2026-02-31", "0001-01-01", "9999-12-31", "1900-01-01", "2099-12-31", "2026-11-2\x00")
CHOICES = ("", "\x00", BIG)
FILES = ((b"", "空.jpg"), (b"MZ" + bytes(500), "照片.jpg"), (b"PK\x03\x04" + bytes(300), "表.xlsx"), "文字")
VALUES: dict[str, tuple[Any, ...]] = {
    "number": NUMBERS,
    "date": DAYS,
    "file": FILES,
    **dict.fromkeys(("select", "radio", "checkbox", "hidden", "submit"), CHOICES),
}
"""Kind of field → what is sent in it; any other kind is a text."""
TYPED = ("text", "tel", "textarea", "password", "email", "search", "number", "date")
BY_HAND = (*TYPED, "file", "radio", "checkbox")
"""What a person fills in; anything else that is wrong was not done with our page."""
COUNTS_TRIES = {"sms_code"}
"""What a refusal does write."""
SAYS_NO_FIELD = {
    ("accounts.sign_in_by_password", "password"): "nor which of the two was wrong",
    ("occupancy.check_in", "stay"): "boxes in the rows of a table: none is ticked",
    ("occupancy.record_registrations", "registration"): "boxes in the rows of a table: none is ticked",
    ("spreadsheets.carry_out_changes_file", "accept"): "boxes in the rows of a table: none is ticked",
}
"""What is told of the form as a whole, and why."""
NEVER_OFFERED = {"id": "1", "role": "audit_admin", "owner_id": HUGE, "state": "approved", "paid_fen": "1"}


@dataclass
class Bad:
    """One bad way to send a form; ``field`` is what is wrong if it is one, ``answer`` the one that is due."""

    what: str
    sent: list[tuple[str, Any]]
    field: Field | None = None
    csrf: bool = True
    answer: int | None = None


def bad_ways(form: Form, typed: dict[str, Any]) -> Iterator[Bad]:
    """Each field wrong by itself, then the whole form."""
    fields = {one.name: one for one in reversed(form.fields) if not one.name.endswith("csrf_token")}
    for name, one in fields.items():
        for value in VALUES.get(one.kind, TEXT):
            yield Bad(f"{name}={str(value)[:20]!r}", form.values({**typed, name: value}), one)
    good = form.values(typed)
    yield Bad("no token", good, csrf=False, answer=400)
    yield Bad("nothing at all", [])
    yield Bad("all empty", [(name, "") for name in fields])
    # Boxes and files may come several times, and what a button carries is nobody's to type.
    typed_once = any(one.kind in TYPED for one in fields.values())
    yield Bad("everything twice", [*good, *good], answer=422 if typed_once else None)
    yield Bad("fields that it has not", [*good, *NEVER_OFFERED.items()])
    texts = {name for name, one in fields.items() if one.kind in ("text", "textarea")}
    has_file = any(isinstance(value, tuple) for _name, value in good)
    # Half of a character cannot be sent beside a file.
    for what in ("𠮷😀", "\u200b\u202e\u2060", "0.005", "９" * 30, *(() if has_file else ("半\ud800字",))):
        yield Bad(f"{what!r} in every text", form.values({**typed, **dict.fromkeys(texts, what)}))
    days = [name for name, one in fields.items() if one.kind == "date"]
    if len(days) > 1:
        backwards = dict(zip(days, ("2026-12-01", "2026-11-24"), strict=False))
        yield Bad("the end before the start", form.values({**typed, **backwards}))


def troubles(visit: Visit, form: Form, bad: Bad, answer: TestResponse) -> Iterator[str]:
    """What is wrong with the answer to a form that was sent badly."""
    refused = answer.status_code >= 400
    if answer.status_code not in SEEMLY:
        yield "not an answer to a person"
    if refused and (changed := set(visit.changed()) - COUNTS_TRIES):
        yield f"refused, but {changed} changed"
    if bad.answer and answer.status_code != bad.answer:
        yield f"not {bad.answer}"
    if bad.field and bad.field.kind in BY_HAND and refused:
        if answer.status_code != 422:
            yield "an error page: what was typed is gone"
        elif not named(answer) & may_be_named(form, bad.field):
            yield f"names {named(answer) or 'nothing'}"
    if answer.status_code == 422:
        gone = [name for name, value in kept_by_hand(form, bad) if str(escape(value)) not in answer.text]
        if gone:
            yield f"no longer holds {gone}"


def may_be_named(form: Form, wrong: Field) -> set[str | None]:
    """The field itself; of two days or two coordinates also the other one, as they are refused together."""
    if (form.endpoint, wrong.name) in SAYS_NO_FIELD:
        return {None, wrong.name}
    pair = [one.name for one in form.fields if one.kind == wrong.kind == "date"]
    return {wrong.name, *pair, *({"latitude"} if wrong.name == "longitude" else ())}


def named(answer: TestResponse) -> set[str | None]:
    """The fields that the summary of errors leads to, a choice by its first option; None: the whole form."""
    summary = re.search(r"data-error-summary>(.*?)</div>", answer.text, re.DOTALL)
    anchors = re.findall(r'<li>(?:<a href="#([\w-]+)">)?', summary[1] if summary else "")
    return {anchor.removesuffix("-0") or None for anchor in anchors}


def kept_by_hand(form: Form, bad: Bad) -> Iterator[tuple[str, str]]:
    """What a page that is shown again has to hold: all that was typed and can be drawn."""
    kinds = {one.name: one.kind for one in form.fields}
    for name, value in dict(reversed(bad.sent)).items():
        if kinds.get(name) in TYPED and kinds[name] != "password" and value.isprintable():
            yield name, value.strip()


@pytest.mark.parametrize("role", ROLES)
def test_a_form_stands_bad_input(site: Site, role: str) -> None:
    wrong = []
    for endpoint in first_with(role, posts_of):
        for way in cases(site, role, endpoint):
            with site.visit(role) as visit:
                form, typed = way(visit)
                visit.start_here()
                for bad in bad_ways(form, typed):
                    with visit.attempt():
                        answer = visit.open("POST", form.action, bad.sent, csrf=bad.csrf)
                        for trouble in troubles(visit, form, bad, answer):
                            wrong.append(f"{endpoint}, {bad.what}: {answer.status_code} {trouble}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("role", ROLES)
def test_what_is_no_form_is_refused(site: Site, role: str) -> None:
    wrong = []
    for endpoint in first_with(role, posts_of):
        with site.visit(role) as visit:
            answer = visit.client.post(
                site.url(role, endpoint), json=[1, {"a": 2}], headers={"X-CSRFToken": site.token}
            )
            if answer.status_code not in SEEMLY:
                wrong.append(f"{endpoint}: {answer.status}")
    assert not wrong, "\n".join(wrong)


def test_more_than_a_form_may_hold_is_refused_unread(site: Site) -> None:
    answer = site.open(
        "clerk", "POST", site.url("clerk", "housing.register_owner"), {"name": "长" * 1_000_000}
    )
    assert answer.status_code == 413
