"""Papers to print for a house, slips for workers, and the page a slip leads to."""

from dataclasses import dataclass
from datetime import date
from itertools import groupby

import segno
from flask import make_response, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from qiantang_nest.accounts.rules import Permission
from qiantang_nest.accounts.services import count_hit, is_throttled, throttle, throttle_key
from qiantang_nest.core import clock
from qiantang_nest.core.access import public, requires
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import NotFound, TooMany
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import actor, ids_from
from qiantang_nest.housing.models import House
from qiantang_nest.occupancy.models import Registration, Stay
from qiantang_nest.occupancy.queries import worker_pages as queries
from qiantang_nest.occupancy.queries.stays import called
from qiantang_nest.occupancy.services import worker_links as services
from qiantang_nest.occupancy.views import blueprint
from qiantang_nest.occupancy.views.stays import find_stay

MISSES, MISS_SECONDS = 20, 600
OPENINGS, OPENING_SECONDS = 120, 600
"""Wrong links from one address, and openings of one link, in ten minutes."""


@dataclass(frozen=True)
class HousePapers:
    """A house in the list of papers."""

    house: House
    village: str
    rooms: int
    heads: int


def _house() -> int | None:
    return next(iter(ids_from([request.values.get("house", "")])), None)


@blueprint.get("/papers")
@requires(Permission.STAY_MANAGE)
def papers() -> str:
    """Houses with people or rooms under lease, each with what can be printed for it."""
    who, today = actor(), clock.today()
    rooms = queries.rooms_for_papers(who, today)
    stays = queries.stays_for_papers(who, today)
    villages = queries.villages_of({one.room.village_code for one in rooms})
    heads: dict[int, int] = {}
    for stay in stays:
        heads[stay.room.house_id] = heads.get(stay.room.house_id, 0) + 1
    return render_template(
        "occupancy/papers.html",
        houses=[
            HousePapers(
                found[0].room.house,
                villages[found[0].room.village_code].name,
                len(found),
                heads.get(house_id, 0),
            )
            for house_id, found in (
                (house_id, list(group))
                for house_id, group in groupby(rooms, key=lambda one: one.room.house_id)
            )
        ],
        more=len(rooms) == queries.MOST_PAPERS,
    )


@blueprint.get("/papers/doors")
@requires(Permission.STAY_MANAGE)
def door_sheets() -> str:
    """A sheet for each room's door, A5. No name stands on it."""
    today = clock.today()
    rooms = queries.rooms_for_papers(actor(), today, _house())
    sheets = queries.door_sheets(rooms, today)
    return render_template(
        "occupancy/door_sheets.html",
        sheets=[(sheet, qr(_call(sheet.village.code, sheet.village.office_phone))) for sheet in sheets],
    )


def _call(code: str, phone: str) -> str:
    """What the code on a door leads to: the village's desk on the phone, else all villages' numbers."""
    return f"tel:{phone}" if phone else url_for("reports.village_phones", _anchor=code, _external=True)


@blueprint.get("/papers/roster")
@requires(Permission.STAY_MANAGE)
def house_roster() -> str:
    """Who sleeps in which bed, house by house, A4."""
    who, today = actor(), clock.today()
    stays = queries.stays_for_papers(who, today, house_id=_house())
    arrivals = queries.arrivals_of([stay.id for stay in stays])
    villages = queries.villages_of({stay.village_code for stay in stays})
    return render_template(
        "occupancy/house_roster.html",
        houses=[
            (group[0].room.house, villages[group[0].village_code], group)
            for group in (list(found) for _id, found in groupby(stays, key=lambda stay: stay.room.house_id))
        ],
        names={stay.id: called(stay.worker, who) for stay in stays},
        registration={stay.id: registration_state(stay, arrivals.get(stay.id), today) for stay in stays},
        today=today,
    )


def registration_state(stay: Stay, arrival: Registration | None, today: date) -> tuple[str, str]:
    """(chip, words) for the report of an arrival, as the worker and the house may read it."""
    if stay.worker.is_local:
        return "registration.done", str(_("本地户籍，不用登记"))
    if arrival is None:
        return "state.waiting", str(_("入住后登记"))
    if arrival.done_on is not None:
        return "registration.done", str(_("%(day)s 已登记", day=arrival.done_on.isoformat()))
    if arrival.due_on < today:
        return "registration.overdue", str(_("应在 %(day)s 前登记", day=arrival.due_on.isoformat()))
    return "registration.due", str(_("最晚 %(day)s 登记", day=arrival.due_on.isoformat()))


@blueprint.get("/papers/slips")
@requires(Permission.STAY_MANAGE)
def worker_slips() -> str:
    """Slips to cut and hand out, for those who have a link."""
    who, today = actor(), clock.today()
    stay_id = next(iter(ids_from([request.args.get("stay", "")])), None)
    stays = queries.stays_for_papers(who, today, house_id=_house(), stay_id=stay_id)
    tokens = queries.tokens_of({stay.worker_id for stay in stays})
    villages = queries.villages_of({stay.village_code for stay in stays})
    return render_template(
        "occupancy/worker_slips.html",
        slips=[
            (
                stay,
                called(stay.worker, who),
                villages[stay.village_code],
                _own_page(tokens[stay.worker_id]),
                qr(_own_page(tokens[stay.worker_id])),
            )
            for stay in stays
            if stay.worker_id in tokens
        ],
    )


def _own_page(token: str) -> str:
    return url_for("occupancy.worker_page", token=token, _external=True)


def qr(text: str) -> Markup:
    """A code as SVG: shapes only, no text of anybody's."""
    return Markup(segno.make(text, error="m", micro=False).svg_inline(scale=4, border=2))  # noqa: S704


@blueprint.post("/papers/slips/make")
@requires(Permission.STAY_MANAGE)
def make_slips() -> Response:
    """Give a link to everybody of a house who has none, then show the slips."""
    who, house_id = actor(), _house()
    with transaction():
        services.give_links(stays=queries.stays_for_papers(who, clock.today(), house_id=house_id), actor=who)
    return redirect(url_for("occupancy.worker_slips", house=house_id), 303)


@blueprint.post("/stays/<int:stay_id>/slip")
@requires(Permission.STAY_MANAGE)
def make_slip(stay_id: int) -> Response:
    """The slip of one worker; ``renew`` makes an earlier one void."""
    who, found = actor(), find_stay(stay_id)
    with transaction():
        if request.form.get("renew"):
            services.renew_link(stay=found, actor=who, now=clock.now())
        else:
            services.give_links(stays=[found], actor=who)
    return redirect(url_for("occupancy.worker_slips", stay=stay_id), 303)


@blueprint.route("/stays/<int:stay_id>/revoke-link", methods=["GET", "POST"])
@requires(Permission.STAY_MANAGE)
def revoke_link(stay_id: int) -> str | Response:
    """Make the worker's link void, asked on a page of its own."""
    who, found = actor(), find_stay(stay_id)
    if request.method == "POST":
        with transaction():
            services.revoke_link(stay=found, actor=who, now=clock.now())
        return redirect(url_for("occupancy.stay", stay_id=stay_id), 303)
    return render_template("occupancy/revoke_link.html", stay=found, name=called(found.worker, who))


@blueprint.get("/w/<token>")
@public
def worker_page(token: str) -> Response:
    """The worker's own page. The link is the permission; a wrong one is as one that never was."""
    now, today = clock.now(), clock.today()
    misses = throttle_key("worker-link-miss", request.remote_addr or "")
    if is_throttled(key=misses, limit=MISSES, window_seconds=MISS_SECONDS, now=now):
        raise TooMany(_("打错的链接太多了，请过十分钟再扫一次。"), MISS_SECONDS)
    found = queries.worker_page(token, today)
    with transaction():
        if found is None:
            count_hit(key=misses, window_seconds=MISS_SECONDS, now=now)
        else:
            throttle(
                key=throttle_key("worker-link", token),
                limit=OPENINGS,
                window_seconds=OPENING_SECONDS,
                now=now,
            )
    if found is None:
        raise NotFound(_("这个链接不能用了。请向村里或单位要一张新的入住条。"))
    answer = make_response(
        render_template(
            "occupancy/worker_page.html",
            found=found,
            registration=registration_state(found.stay, found.registration, today),
        )
    )
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer
