"""How values are written on pages, and the helpers that the component macros stand on.

``register`` is called once by the application factory. Texts that need a whole sentence live in templates;
here are only numbers, dates and addresses.
"""

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from babel.dates import format_date, format_time
from flask import Flask, current_app, g, request, url_for
from flask_babel import get_locale
from jinja2 import StrictUndefined

from qiantang_nest.core import clock
from qiantang_nest.core.chips import CHIPS
from qiantang_nest.core.controls import (
    control_attributes,
    control_kind,
    error_id,
    form_problems,
    hint_id,
    is_required,
)
from qiantang_nest.core.money import MINUS, format_money, format_yuan
from qiantang_nest.core.svgchart import bar_chart, line_chart

NOTHING = "—"


class MoneyParts(NamedTuple):
    """A sum cut for large type: ``sign`` is empty or a minus, ``fraction`` is empty or ``.50``."""

    sign: str
    yuan: str
    fraction: str


def money_parts(fen: int, whole: bool = False) -> MoneyParts:
    """Cut a sum in fen; ``whole`` leaves ``.00`` away."""
    yuan, fraction = format_yuan(abs(fen)).split(".")
    return MoneyParts(MINUS if fen < 0 else "", yuan, "" if whole and fraction == "00" else f".{fraction}")


def money(fen: int | None) -> str:
    """``¥1,234.50``, ``−¥45.33``; no sum is a dash."""
    return NOTHING if fen is None else format_money(fen)


def amount(fen: int | None) -> str:
    """``1,234.50``, for columns whose head names the unit."""
    return NOTHING if fen is None else format_yuan(fen)


def yuan(fen: int | None) -> str:
    """``¥620``, with decimals only if there are fen; for pages of villagers and workers."""
    if fen is None:
        return NOTHING
    sign, whole, fraction = money_parts(fen, whole=True)
    return f"{sign}¥{whole}{fraction}"


def number(value: int | float | None) -> str:
    """``12,345``."""
    return NOTHING if value is None else f"{value:,}".replace("-", MINUS)


def percent(rate: float | None, digits: int = 1) -> str:
    """A rate of 0.763 as ``76.3%``; a rate without a base is a dash."""
    return NOTHING if rate is None else f"{rate:.{digits}%}".replace("-", MINUS)


def _as_date(value: date | datetime) -> date:
    return clock.business_date(value) if isinstance(value, datetime) else value


def iso_date(value: date | datetime | None) -> str:
    """``2026-11-30``, the Shanghai date of an instant; for tables."""
    return NOTHING if value is None else _as_date(value).isoformat()


def last_day(ends_on: date) -> date:
    """The last day inside a half-open period that ends before ``ends_on``."""
    return ends_on - timedelta(days=1)


def day(value: date | datetime | None) -> str:
    """``11 月 30 日``, with the year when it is not this one; for sentences."""
    if value is None:
        return NOTHING
    on = _as_date(value)
    this_year = on.year == clock.today().year
    if _is_chinese():
        spoken = f"{on.month} 月 {on.day} 日"
        return spoken if this_year else f"{on.year} 年 {spoken}"
    return format_date(on, "d MMM" if this_year else "d MMM y", locale="en")


def weekday(value: date) -> str:
    """``一`` to ``日``, ``Mo`` to ``Su``; for heads of narrow columns."""
    return (
        format_date(value, "EEEEE", locale="zh")
        if _is_chinese()
        else format_date(value, "EEEEEE", locale="en")
    )


def moment(value: datetime | None) -> str:
    """``2026-11-25 08:46`` in Shanghai; for desks."""
    return NOTHING if value is None else value.astimezone(clock.SHANGHAI).strftime("%Y-%m-%d %H:%M")


def hour_minute(value: datetime | None) -> str:
    """``17:00`` in Shanghai."""
    return NOTHING if value is None else value.astimezone(clock.SHANGHAI).strftime("%H:%M")


def day_time(value: datetime | None) -> str:
    """``11 月 24 日下午 5 点``; for villagers and workers."""
    if value is None:
        return NOTHING
    local = value.astimezone(clock.SHANGHAI)
    if not _is_chinese():
        return f"{day(value)}, {format_time(local.time(), 'h:mm a', locale='en')}"
    part = next(
        name
        for before, name in ((6, "凌晨"), (12, "上午"), (13, "中午"), (18, "下午"), (24, "晚上"))
        if local.hour < before
    )
    hour = local.hour - 12 if local.hour > 12 else local.hour
    minutes = {0: "", 30: "半"}.get(local.minute, f" {local.minute} 分")
    return f"{day(value)}{part} {hour} 点{minutes}"


def _is_chinese() -> bool:
    locale = get_locale()
    return locale is None or locale.language == "zh"


def url_with(**changes: Any) -> str:
    """The address of this page with some query values replaced; None takes one out."""
    values = request.args.to_dict(flat=False)
    for name, value in changes.items():
        if value is None:
            values.pop(name, None)
        else:
            values[name] = [str(value)]
    query = urlencode(values, doseq=True)
    return f"{request.path}?{query}" if query else request.path


def sprite_url() -> str:
    """The address of the icon sprite, built once per request: a board prints it a thousand times."""
    if "sprite_url" not in g:
        g.sprite_url = url_for("static", filename="icons.svg")
    return str(g.sprite_url)


def link_to(endpoint: str, **values: Any) -> str | None:
    """The address of an endpoint, or None where this application does not have it."""
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else None


def register(app: Flask) -> None:
    """Set the template rules of the application: strict names, trimmed blocks, filters and globals."""
    environment = app.jinja_env
    environment.undefined = StrictUndefined
    environment.trim_blocks = True
    environment.lstrip_blocks = True
    environment.filters.update(
        money=money,
        amount=amount,
        yuan=yuan,
        number=number,
        percent=percent,
        date=iso_date,
        day=day,
        weekday=weekday,
        moment=moment,
        hour_minute=hour_minute,
        day_time=day_time,
    )
    environment.globals.update(
        CHIPS=CHIPS,
        money_parts=money_parts,
        last_day=last_day,
        sprite_url=sprite_url,
        url_with=url_with,
        link_to=link_to,
        control_kind=control_kind,
        control_attributes=control_attributes,
        is_required=is_required,
        hint_id=hint_id,
        error_id=error_id,
        form_problems=form_problems,
        svg_line_chart=line_chart,
        svg_bar_chart=bar_chart,
    )
