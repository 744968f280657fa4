"""Occupancy per village: a day as table, map and trend; the rooms behind each number; Excel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from flask import Response, abort, render_template, request, url_for

from qiantang_nest.accounts.rules import Permission, Role, may
from qiantang_nest.core import clock, svgmap
from qiantang_nest.core.access import requires
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.i18n import _
from qiantang_nest.core.web import Page, actor, number_from_query
from qiantang_nest.core.workbook import Column, Table, write_workbook
from qiantang_nest.geography.models import Village
from qiantang_nest.geography.queries import DISTRICT, area_name, outline_geojson, villages_in
from qiantang_nest.reports.forms import OccupancyForm
from qiantang_nest.reports.queries.occupancy import (
    Area,
    area_of,
    counts_by_village,
    own_village_codes,
    rooms_behind,
    trend_by_month,
)
from qiantang_nest.reports.rules import FIGURE_LABELS, LOW_RATE, Counts, Figure, first_of_trend
from qiantang_nest.reports.views import blueprint

EMPTIEST_SHOWN = 6


@dataclass(frozen=True)
class Asked:
    """The day and the villages of one request, already narrowed to what the actor may see."""

    form: OccupancyForm
    day: date
    scope: str
    name: str
    villages: Sequence[Village]
    area: Area


def _asked(who: Actor) -> Asked:
    """Read the address. 404 for an area that is not the actor's."""
    today = clock.today()
    form = OccupancyForm(request.args)
    form.validate()
    if who.is_office:
        own, whole = villages_in(who.scope), (who.scope, area_name(who.scope))
    else:
        codes = set(own_village_codes(who))
        own = [village for village in villages_in(DISTRICT) if village.code in codes]
        whole = ("", _("我的房") if who.role == Role.VILLAGER else _("本企业"))
    form.offer(own, whole)
    scope = form.area.data or whole[0]
    streets = {village.street_code for village in own}
    if scope not in {whole[0], *(village.code for village in own), *(streets if len(streets) > 1 else ())}:
        abort(404)
    villages = [village for village in own if village.code.startswith(scope)]
    form.area.data = scope
    form.day.data = form.day_or(today) if not form.day.errors else form.day.data
    name = whole[1] if scope == whole[0] else area_name(scope)
    return Asked(
        form, form.day_or(today), scope, name, villages, area_of(who, [village.code for village in villages])
    )


@blueprint.get("/occupancy")
@requires(Permission.OCCUPANCY_READ)
def occupancy() -> str:
    """One day of the actor's area, by street and village, and the twelve months up to it."""
    who = actor()
    asked = _asked(who)
    counts = counts_by_village(asked.area, asked.day, clock.now())
    trend = []
    if who.is_office:
        first_day = first_of_trend(asked.day)
        trend = trend_by_month(asked.area.village_codes, first_day, asked.day, known=counts)
    return render_template(
        "reports/occupancy.html",
        asked=asked,
        streets=_by_street(asked.villages, counts),
        total=Counts.total(counts.values()),
        emptiest=_emptiest(asked.villages, counts),
        trend=trend,
        map=_map(asked, counts, phone=False),
        phone_map=_map(asked, counts, phone=True),
        link=lambda figure, scope: url_for(
            "reports.occupancy_rooms", figure=figure, area=scope, day=asked.day.isoformat()
        ),
        may_export=may(who.role, Permission.OCCUPANCY_EXPORT),
        is_office=who.is_office,
        is_today=asked.day == clock.today(),
        now=clock.now(),
        layout="layouts/phone.html" if who.role == "villager" else "layouts/desk.html",
    )


@dataclass(frozen=True)
class StreetRows:
    """A street's villages with their counts, and its sum."""

    code: str
    name: str
    villages: list[tuple[Village, Counts]]
    total: Counts


def _by_street(villages: Sequence[Village], counts: dict[str, Counts]) -> list[StreetRows]:
    streets: dict[str, list[Village]] = {}
    for village in villages:
        streets.setdefault(village.street_code, []).append(village)
    return [
        StreetRows(
            code,
            of_street[0].street.name,
            [(village, counts.get(village.code, Counts())) for village in of_street],
            Counts.total(counts.get(village.code, Counts()) for village in of_street),
        )
        for code, of_street in streets.items()
    ]


def _emptiest(villages: Sequence[Village], counts: dict[str, Counts]) -> list[tuple[Village, Counts]]:
    """Where most beds of a hundred stand empty: what an office looks for on the map."""
    with_beds = [(village, counts[village.code]) for village in villages if village.code in counts]
    rated = [(village, of_village) for village, of_village in with_beds if of_village.bed_rate is not None]
    return sorted(rated, key=lambda one: (one[1].bed_rate or 0, one[0].code))[:EMPTIEST_SHOWN]


def _map(asked: Asked, counts: dict[str, Counts], *, phone: bool) -> svgmap.Map:
    spots = []
    for village in asked.villages:
        of_village = counts.get(village.code, Counts())
        rate = of_village.bed_rate
        percent = "—" if rate is None else f"{rate:.0%}"
        spots.append(
            svgmap.Spot(
                village.name,
                village.lon,
                village.lat,
                size=of_village.beds,
                share=rate,
                label=f"{village.name} {percent}",
                detail=_("%(heads)s 人 ÷ %(beds)s 床", heads=of_village.heads, beds=of_village.beds),
                href=url_for("reports.occupancy", area=village.code, day=asked.day.isoformat()),
                low=rate is not None and rate < LOW_RATE,
            )
        )
    return svgmap.draw(svgmap.rings_of(outline_geojson()), spots, phone=phone)


@blueprint.get("/occupancy/rooms")
@requires(Permission.OCCUPANCY_READ)
def occupancy_rooms() -> str:
    """Exactly the rooms that one number counts."""
    who = actor()
    asked = _asked(who)
    try:
        figure = Figure(request.args.get("figure", ""))
    except ValueError:
        abort(404)
    per_page = number_from_query("per_page", 25, 1, 200)
    number = number_from_query("page", 1, 1, 100_000)
    rooms, total = rooms_behind(
        asked.area, figure, asked.day, clock.now(), limit=per_page, offset=(number - 1) * per_page
    )
    return render_template(
        "reports/occupancy_rooms.html",
        asked=asked,
        figure=figure,
        figure_label=FIGURE_LABELS[figure],
        page=Page(rooms, number, per_page, total),
        layout="layouts/phone.html" if who.role == "villager" else "layouts/desk.html",
    )


@blueprint.get("/occupancy.xlsx")
@requires(Permission.OCCUPANCY_EXPORT)
def export_occupancy() -> Response:
    """The same table as a workbook, with what an office's form needs at its head."""
    who = actor()
    asked = _asked(who)
    counts = counts_by_village(asked.area, asked.day, clock.now())
    streets = _by_street(asked.villages, counts)
    rows = [
        _row(street.name, village.name, village.code, of_village)
        for street in streets
        for village, of_village in street.villages
    ]
    rows += [
        _row(street.name, _("小计"), street.code, street.total) for street in streets if len(streets) > 1
    ]
    rows.append(_row(asked.name, _("合计"), asked.scope, Counts.total(counts.values())))
    table = Table(
        sheet=_("入住统计"),
        title=_("%(area)s农房租住情况统计表", area=asked.name),
        facts=[
            (_("填报单位"), asked.name),
            (_("统计期"), _("%(day)s 24:00", day=asked.day.isoformat())),
            (_("单位"), _("间、张、人")),
            (_("制表人"), who.name),
            (_("审核人"), ""),
        ],
        columns=_columns(),
        rows=rows,
    )
    response = Response(
        write_workbook([table]),
        mimetype="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )
    name = f"occupancy-{asked.scope}-{asked.day.isoformat()}.xlsx"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _columns() -> list[Column]:
    numbers = (
        _("登记房间"), _("在架"), _("锁定"), _("已租"), _("停用"), _("有人住"), _("空着可租"),
        _("空着的床"), _("床位"), _("住着的人"),
    )  # fmt: skip
    return [
        Column(_("街道"), width=12),
        Column(_("村"), width=12),
        Column(_("区划代码"), width=15),
        *(Column(name, "number", width=10) for name in numbers),
        Column(_("出租率"), "percent", width=9),
        Column(_("入住率"), "percent", width=9),
    ]


def _row(street: str, village: str, code: str, c: Counts) -> list[object]:
    return [
        street, village, code, c.registered, c.listed, c.held, c.let, c.closed, c.occupied, c.empty,
        c.empty_beds, c.beds, c.heads, "—" if c.let_rate is None else c.let_rate,
        "—" if c.bed_rate is None else c.bed_rate,
    ]  # fmt: skip
