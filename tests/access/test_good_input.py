"""A form filled as it should be does its work: each endpoint that takes a POST, for each role that may."""

import re

import pytest
from werkzeug.test import TestResponse

from tests.access.conftest import Site
from tests.access.good_input import cases, posts_of, send
from tests.access.world import ROLES

ONLY_SHOW = {
    "spreadsheets.changes_errors": "a file",
    "spreadsheets.demand_errors": "a file",
    "spreadsheets.import_changes": "what would be done",
    "spreadsheets.import_demands": "what would be done",
    "spreadsheets.import_roster": "what would be done",
    "spreadsheets.import_village": "what would be done",
    "spreadsheets.roster_errors": "a file",
}
"""Endpoints that write nothing when all is well, and what they answer instead."""


def told(answer: TestResponse) -> str:
    """Why a form was not taken, as the page says it: its headline and its summary of errors."""
    said = re.findall(r"<h1[^>]*>(.*?)</h1>|data-error-summary>(.*?)</div>", answer.text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>|\s+", " ", "".join(one)).strip() for one in said)


@pytest.mark.parametrize("role", ROLES)
def test_good_input_is_taken(site: Site, role: str) -> None:
    wrong = []
    for endpoint in posts_of(role):
        ways = cases(site, role, endpoint)
        if not ways:
            wrong.append(f"{endpoint}: no page of this role has its form; see tests/access/good_input.py")
        written = []
        for way in ways:
            with site.visit(role) as visit:
                answer = send(visit, way(visit))
                if answer.status_code >= 400 or b"data-error-summary" in answer.data:
                    wrong.append(f"{endpoint}: {answer.status} {told(answer)}")
                written += visit.written()
        if not written and endpoint not in ONLY_SHOW:
            wrong.append(f"{endpoint}: taken, but nothing was written")
    assert not wrong, "\n".join(wrong)
