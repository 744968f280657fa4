"""Whose rows: foreign things are not found, exactly as things that never were, and leak nowhere.

The world marks every text of a side (``world.py``), so each answer is searched whole: headers, page, the
cells of
a workbook, the words of a PDF.
"""

import re
from urllib.parse import quote

import pytest
from werkzeug.test import TestResponse

from tests.access.conftest import Site, everything_in, matrix, plain
from tests.access.world import (
    FOREIGN,
    OWNER_SURNAMES,
    ROLES,
    STAFF_SURNAMES,
    WORKER_SURNAMES,
)

NOT_A_THING = {"step", "locale", "moment", "on", "filename"}
"""Variables of addresses that name no row."""
NO_OTHERS = {
    "accounts.disable_user",
    "accounts.enable_user",
    "accounts.grant_role",
    "accounts.reset_second_factor",
    "accounts.revoke_role",
    "bookings.room",
    "occupancy.worker_page",
}
"""Every account is the administrators' business, every published room everybody's; a personal link is its own
permission (``test_a_personal_link_shows_its_own_side_alone``)."""
ABSENT = {"name": "0" * 32 + ".jpg", "code": "330114009999"}
EVERY_EMPLOYER = re.compile(r"ZZS\d-企业")
MAY_NAME_EMPLOYERS = {
    ("clerk", "enterprises.index"),
    ("district", "enterprises.index"),
}
"""Pages that list verified employers of the whole district by name (see matrix.csv)."""


def cases(site: Site, role: str) -> list[tuple[str, str]]:
    """Endpoints and methods the role may use and whose address names a row."""
    return [
        (row["endpoint"], row["method"])
        for row in matrix()
        if row[role] in ("yes", "public")
        and row["endpoint"] not in NO_OTHERS
        and set(site.rule(row["endpoint"]).arguments) - NOT_A_THING
    ]


def foreign_value(site: Site, role: str, endpoint: str, variable: str, side: int) -> object:
    """What a variable is for another side; photographs on the market are nobody's secret."""
    other = site.world.sides[side]
    if endpoint in ("housing.photo", "housing.photo_small"):
        return other.ids["private_photo"]
    if variable in ("message_id", "session_id"):
        return site.world.persons["system" if role == "audit" else "audit"][variable]
    return other.value(endpoint, variable)


def foreign_values(site: Site, role: str, endpoint: str, side: int) -> list[dict[str, object]]:
    """The variables of an address: all of another side, and each of them among one's own."""
    names = set(site.rule(endpoint).arguments) - NOT_A_THING
    every = {name: foreign_value(site, role, endpoint, name, side) for name in names}
    return [every, *({name: every[name]} for name in names if len(names) > 1)]


def leaks(role: str, endpoint: str, answer: TestResponse, sides: tuple[int, ...]) -> set[str]:
    """Marks of the sides found anywhere in an answer, and first characters of their people's names."""
    text = everything_in(answer)
    if (role, endpoint) in MAY_NAME_EMPLOYERS:
        text = EVERY_EMPLOYER.sub("", text)
    surnames = "".join(OWNER_SURNAMES[n] + WORKER_SURNAMES[n] + STAFF_SURNAMES[n] for n in sides)
    marks = "".join(map(str, sides))
    pattern = re.compile(f'ZZS[{marks}][^\\s<>"&]*|[{surnames}]') if sides else None
    found = set(pattern.findall(text)) if pattern else set()
    if role == "district":  # counts and addresses, but nobody's name, not even a surname
        found |= set(re.findall(f"[{OWNER_SURNAMES}{WORKER_SURNAMES}{STAFF_SURNAMES}]", text))
    return found


@pytest.mark.parametrize("role", [role for role in ROLES if FOREIGN[role]])
def test_foreign_is_not_found_as_if_it_never_was(site: Site, role: str) -> None:
    """404 with the same page for another's row and for no row; nothing written, nothing told."""
    wrong = []
    for endpoint, method in cases(site, role):
        names = set(site.rule(endpoint).arguments) - NOT_A_THING
        absent = {name: ABSENT.get(name, 987_654_321) for name in names}
        never = site.open(role, method, site.url(role, endpoint, **absent))
        if never.status_code != 404:
            wrong.append(f"{endpoint} {method}: {never.status} for what never was")
        for side in FOREIGN[role]:
            for values in foreign_values(site, role, endpoint, side):
                url = site.url(role, endpoint, **values)
                with site.visit(role, url) as visit:
                    answer, changed = visit.open(method, url), visit.changed()
                if changed:
                    wrong.append(f"{endpoint} {method} of side {side} wrote {changed}")
                if answer.status_code != 404:
                    wrong.append(f"{endpoint} {method} of side {side} ({', '.join(values)}): {answer.status}")
                elif plain(answer) != plain(never):
                    wrong.append(f"{endpoint} {method} of side {side}: another page than for what never was")
                if found := leaks(role, endpoint, answer, FOREIGN[role]):
                    wrong.append(f"{endpoint} {method} of side {side} tells {found}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("role", ROLES)
def test_no_page_shows_what_is_foreign(site: Site, role: str) -> None:
    """Every page, file and list a role may open, whole and searched for a foreign person's number."""
    wrong = []
    for row in matrix():
        if row["method"] != "GET" or row[role] not in ("yes", "public"):
            continue
        endpoint = row["endpoint"]
        if endpoint == "occupancy.worker_page":
            continue
        address = site.url(role, endpoint)
        joint = "&" if "?" in address else "?"
        addresses = [address, f"{address}{joint}per_page=200&state=all"]
        if not site.rule(endpoint).arguments:
            for side in {*FOREIGN[role][:1], *FOREIGN[role][-1:]}:
                for words in site.world.sides[side].texts.values():
                    addresses.append(f"{address}{joint}q={quote(words)}&state=all")
        for one in addresses:
            answer = site.open(role, "GET", one)
            if answer.status_code >= 500:
                wrong.append(f"{endpoint} {one}: {answer.status}")
            if found := leaks(role, endpoint, answer, FOREIGN[role]):
                wrong.append(f"{endpoint} {one} tells {found}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("side", range(4))
def test_a_personal_link_shows_its_own_side_alone(site: Site, side: int) -> None:
    """Whoever opens it sees the bed and the house; no whole name, no number, nothing of others."""
    own = site.world.sides[side]
    answer = site.open("visitor", "GET", site.url("visitor", "occupancy.worker_page", side))
    assert answer.status_code == 200
    others = tuple(number for number in range(4) if number != side)
    assert leaks("visitor", "occupancy.worker_page", answer, others) == set()
    assert f"{WORKER_SURNAMES[side]}师傅" in answer.text
    for secret in (f"{WORKER_SURNAMES[side]}ZZS", OWNER_SURNAMES[side], STAFF_SURNAMES[side], "籍贯", "139"):
        assert secret not in answer.text
    assert own.texts["worker_id_number"] not in answer.text
    never = site.open("visitor", "GET", site.url("visitor", "occupancy.worker_page", token="x" * 24))
    assert never.status_code == 404


GONE_THINGS = [
    ("villager", "housing.room", "room_id"),
    ("clerk", "housing.edit_room", "room_id"),
    ("clerk", "occupancy.close_room", "room_id"),
    ("visitor", "bookings.room", "room_id"),
    ("clerk", "occupancy.reopen_room", "claim_id"),
]


@pytest.mark.parametrize(("role", "endpoint", "variable"), GONE_THINGS)
def test_what_was_removed_is_not_found(site: Site, role: str, endpoint: str, variable: str) -> None:
    gone = site.open(role, "GET", site.url(role, endpoint, **{variable: site.world.removed[variable]}))
    never = site.open(role, "GET", site.url(role, endpoint, **{variable: 987_654_321}))
    assert gone.status_code == 404
    assert plain(gone) == plain(never)


def smuggled(site: Site, role: str, side: int) -> list[tuple[str, dict[str, object], dict[str, str]]]:
    """(endpoint, form, address query) of own pages that are sent a foreign id in the body."""
    own, ids = site.world.sides[0].ids, site.world.sides[side].ids
    common = {
        "villager": [("bookings.answer", {"answer": "accepted", "rooms": ids["hold_id"]}, {})],
        "clerk": [
            ("housing.approve_listings", {"listing": ids["listing_id"]}, {}),
            ("housing.decide_link", {"owner_id": ids["owner_id"]}, {}),
            (
                "occupancy.record_registrations",
                {"registration": ids["registration_id"], "done_on": "2026-11-23", "reference": "回执"},
                {},
            ),
            ("occupancy.check_in", {"stay": ids["planned_stay_id"], "arrived_on": "2026-11-23"}, {}),
            ("occupancy.swap_beds", {"other": ids["other_stay_id"], "moves_on": "2026-11-23"}, {}),
            ("occupancy.move_stay", {"bed": f"{ids['lease_room_id']}:2", "moves_on": "2026-11-23"}, {}),
            (
                "occupancy.close_rooms",
                {
                    "room": [own["room_id"], ids["room_id"]],
                    "kind": "repair",
                    "starts_on": "2026-11-23",
                    "last_day": "2026-11-24",
                },
                {},
            ),
            ("occupancy.reopen_rooms", {"claim": [own["claim_id"], ids["claim_id"]]}, {}),
        ],
        "manager": [
            (
                "occupancy.assign_beds",
                {
                    "worker": ids["worker_id"],
                    "place": f"{ids['worker_id']}:{ids['lease_room_id']}:2",
                    "starts_on": "2026-11-24",
                    "step": "save",
                },
                {},
            ),
            ("occupancy.check_in", {"stay": ids["planned_stay_id"], "arrived_on": "2026-11-23"}, {}),
            ("occupancy.check_out", {"replacement": ids["worker_id"], "left_on": "2026-11-23"}, {}),
            ("occupancy.swap_beds", {"other": ids["other_stay_id"], "moves_on": "2026-11-23"}, {}),
            ("occupancy.move_stay", {"bed": f"{ids['lease_room_id']}:2", "moves_on": "2026-11-23"}, {}),
            (
                "bookings.demands",
                {
                    "worksite": ids["worksite_id"],
                    "beds": "10",
                    "starts_on": "2026-12-01",
                    "last_on": "2027-02-01",
                },
                {},
            ),
            (
                "billing.record_payment",
                {
                    "chosen": ids["bill_id"],
                    "amount": "10",
                    "paid_on": "2026-11-23",
                    "method": "bank",
                    "request_key": "00000000-0000-4000-8000-000000000000",
                },
                {},
            ),
            ("bookings.hold_rooms", {"on_refusal": "drop"}, {"worksite": str(ids["worksite_id"])}),
        ],
    }
    return common[role]


@pytest.mark.parametrize("role", ["villager", "clerk", "manager"])
def test_a_foreign_id_in_a_form_does_nothing(site: Site, role: str) -> None:
    wrong = []
    for side in FOREIGN[role]:
        for endpoint, form, query in smuggled(site, role, side):
            with site.visit(role) as visit:
                answer = visit.open("POST", site.url(role, endpoint, **query), form)
                changed = visit.changed()
            if answer.status_code >= 500:
                wrong.append(f"{endpoint}: {answer.status}")
            if found := leaks(role, endpoint, answer, FOREIGN[role]):
                wrong.append(f"{endpoint} tells {found}")
            if changed:
                wrong.append(f"{endpoint} of side {side} wrote {changed}: {answer.status}")
    assert not wrong, "\n".join(wrong)
