"""Who may call what: every endpoint, method and role of matrix.csv against the running application."""

import pytest
from werkzeug.test import TestResponse

from tests.access.conftest import Site, matrix
from tests.access.world import GONE, ROLES

ALLOWED, REFUSED, TO_SIGN_IN, TO_A_ROLE, PUBLIC = "yes", "no", "in", "pick", "public"


def cells_of(site: Site) -> set[tuple[str, str]]:
    """Every endpoint with each of its methods."""
    return {
        (rule.endpoint, method)
        for rule in site.rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def said(answer: TestResponse) -> str:
    """What an answer means in the words of the matrix."""
    target = answer.headers.get("Location", "")
    if answer.status_code == 403:
        return REFUSED
    if answer.status_code == 302 and target.startswith("/sign-in"):
        return TO_SIGN_IN
    if answer.status_code == 302 and target.startswith("/choose-role"):
        return TO_A_ROLE
    return ALLOWED if answer.status_code < 500 and answer.status_code != 404 else str(answer.status_code)


def test_every_endpoint_stands_in_the_matrix_once(site: Site) -> None:
    rows = [(row["endpoint"], row["method"]) for row in matrix()]
    assert len(rows) == len(set(rows))
    missing, stale = cells_of(site) - set(rows), set(rows) - cells_of(site)
    assert not missing, f"matrix.csv: give each a reviewed row: {sorted(missing)}"
    assert not stale, f"matrix.csv: no such endpoint any more: {sorted(stale)}"


def test_every_cell_holds_a_word() -> None:
    allowed = {
        "visitor": {TO_SIGN_IN},
        "person": {ALLOWED, TO_A_ROLE},
        **{role: {ALLOWED, REFUSED} for role in ROLES[2:]},
    }
    for row in matrix():
        if row["visitor"] == PUBLIC:
            assert {row[role] for role in ROLES} == {PUBLIC}, row
            continue
        for role, words in allowed.items():
            assert row[role] in words, row


def red(site: Site, role: str, row: dict[str, str]) -> str | None:
    """What is wrong with the cell of a role, None if the application does what it says."""
    expected = row[role]
    if role == "person" and row["endpoint"] == "accounts.switch_role":
        return None  # nobody's roles but one's own are found, and this person has none
    answer = site.open(role, row["method"], site.url(role, row["endpoint"]))
    # A public page that is the answer to another leads to signing in by itself; the home asks for a role.
    right = (ALLOWED, TO_SIGN_IN, TO_A_ROLE) if expected == PUBLIC else (expected,)
    if said(answer) in right:
        return None
    return f"{row['endpoint']} {row['method']}: {expected}, but {answer.status}"


@pytest.mark.parametrize("role", ROLES)
def test_the_role_gets_what_the_matrix_says(site: Site, role: str) -> None:
    wrong = [found for row in matrix() if (found := red(site, role, row))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("role", GONE)
def test_an_ended_session_opens_nothing(site: Site, role: str) -> None:
    """Disabled, role taken away a second ago, signed out: to them all is as to a visitor."""
    wrong = []
    for row in matrix():
        if row["visitor"] == TO_SIGN_IN:
            answer = site.open(role, row["method"], site.url("clerk", row["endpoint"]))
            if said(answer) != TO_SIGN_IN:
                wrong.append(f"{row['endpoint']} {row['method']}: {answer.status}")
    assert not wrong, "\n".join(wrong)
