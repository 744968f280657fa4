"""The style page: every component once, with invented data, so that a change of look can be seen at a glance.

Served in development only.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Flask, render_template
from wtforms import (
    BooleanField,
    IntegerField,
    RadioField,
    SearchField,
    SelectField,
    SelectMultipleField,
    TextAreaField,
    widgets,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from qiantang_nest.core.access import public
from qiantang_nest.core.forms import BaseForm, DayField, SelectChoice, YuanField
from qiantang_nest.core.svgmap import Place, Spot, draw
from qiantang_nest.core.web import Page

OUTLINE = [
    [
        (120.289, 30.292), (120.336, 30.260), (120.375, 30.262), (120.395, 30.289), (120.452, 30.279),
        (120.488, 30.248), (120.512, 30.256), (120.567, 30.233), (120.616, 30.268), (120.688, 30.262),
        (120.725, 30.299), (120.676, 30.375), (120.502, 30.393), (120.434, 30.376), (120.408, 30.319),
        (120.395, 30.386), (120.296, 30.350),
    ]
]  # fmt: skip
TODAY = date(2026, 11, 23)


class DemandForm(BaseForm):
    """One field of each kind."""

    heads = IntegerField("总人数", [InputRequired(), NumberRange(1, 5000)])
    men = IntegerField("男", [InputRequired(), NumberRange(0, 5000)])
    women = IntegerField("女", [InputRequired(), NumberRange(0, 5000)])
    couples = IntegerField("夫妻", [InputRequired(), NumberRange(0, 500)])
    starts_on = DayField("入住日期", [InputRequired()])
    ends_on = DayField("退租日期", [InputRequired()])
    worksite = SelectField(
        "厂区",
        [InputRequired()],
        choices=[SelectChoice("1", "江东厂区北门"), SelectChoice("2", "江东厂区南门")],
    )
    budget = YuanField("每床每月预算", [Optional()])
    rent = YuanField("月租", [InputRequired()])
    shift = RadioField(
        "班次",
        [InputRequired()],
        choices=[SelectChoice("day", "白班"), SelectChoice("night", "夜班"), SelectChoice("both", "两班倒")],
    )
    features = SelectMultipleField(
        "要有什么",
        [Optional()],
        choices=[
            SelectChoice("bath", "独立卫生间"),
            SelectChoice("air", "空调"),
            SelectChoice("hot", "热水"),
            SelectChoice("park", "停车"),
        ],
        option_widget=widgets.CheckboxInput(),
        widget=widgets.ListWidget(),
    )
    other = TextAreaField("其他要求", [Optional(), Length(max=300)])
    agreed = BooleanField("我已和户主说过", [Optional()])


class RoomFilter(BaseForm):
    """Three boxes over a list."""

    class Meta(BaseForm.Meta):
        csrf = False

    q = SearchField("户主、房号", [Length(max=20)])
    state = SelectField("状态", choices=[SelectChoice("", "全部"), SelectChoice("idle", "空闲")])
    group = SelectField("村组", choices=[SelectChoice("", "全部"), SelectChoice("3", "3 组")])


@dataclass(frozen=True)
class RoomRow:
    """A line of the example list."""

    room: str
    owner: str
    state: str
    area: str
    rent_fen: int


def sample() -> dict[str, Any]:
    """All that ``style.html`` shows."""
    form = DemandForm(
        data={
            "heads": 120, "men": 82, "women": 28, "couples": 3, "worksite": "1", "shift": "day",
            "starts_on": date(2026, 12, 1), "ends_on": date(2026, 11, 30), "rent": 62000,
            "features": ["bath"],
        }
    )  # fmt: skip
    form.heads.errors = ["男、女、夫妻加起来是 116 人，您写的总数是 120 人"]
    form.ends_on.errors = ["2026-11-30 早于入住日期 2026-12-01，请改晚一点"]
    form.budget.errors = ["“三百二”不是数字，请写 320"]
    form.shift.errors = ["请选一个班次"]
    states = ["room.idle", "room.held", "room.occupied", "room.conflict", "room.idle"]
    rows = [
        RoomRow(f"{n}01 房", "沈桂珍，3 组 18 号", state, "18.0", 62000 + n * 1000)
        for n, state in enumerate(states, 1)
    ]
    spots = [
        Spot(
            name=f"第 {n} 村",
            lon=120.31 + (n * 37 % 29) * 0.012,
            lat=30.285 + (n * 53 % 17) * 0.0045,
            size=20 + n * 71 % 190,
            share=(n * 13 % 10) / 10 if n % 2 else None,
            low=n % 10 == 1,
            detail="3 张空床",
            href="#s-map",
        )
        for n in range(1, 31)
    ]
    nearest = [("向红村", 5, 135), ("新和村", 10, 54), ("同一村", 10, 186), ("建设村", 11, 212)]
    spots += [
        Spot(
            name, 120.385 + n * 0.017, 30.295 + n % 2 * 0.02, beds,
            label=f"{name} {beds}", detail=f"{beds} 张空床", href="#s-map", chosen=True,
        )
        for n, (name, _, beds) in enumerate(nearest)
    ]  # fmt: skip
    places = [Place("河庄", 120.33, 30.335), Place("前进", 120.55, 30.36), Place("临江", 120.66, 30.31)]
    pin = (120.42, 30.312)
    near = [(spot.lon, spot.lat) for spot in spots if spot.chosen]
    return {
        "starts_on": date(2026, 12, 1),
        "ends_on": date(2027, 6, 1),
        "form": form,
        "filter": RoomFilter(),
        "page": Page(rows, 1, 5, 312),
        "days": [TODAY + timedelta(days=offset) for offset in range(-3, 27)],
        "today": TODAY,
        "months": ["去年 12 月", *[f"{month} 月" for month in range(1, 12)]],
        "series": [
            ("可租", [67000, 69000, 66500, 69000, 73000, 76000, 79000, 80000, 84000, 90000, 96000, 98000]),
            ("要的", [58000, 72000, 84000, 77000, 73000, 78000, 85000, 76000, 83000, 91000, 90000, 84000]),
            ("入住", [50000, None, 52000, 51000, 53000, 56000, 60000, 61000, 63000, 64000, 70000, 72000]),
        ],
        "bars": [
            ("河庄街道", 30000, 24450, "81.5%"),
            ("义蓬街道", 32000, 24640, "77.0%"),
            ("新湾街道", 14000, 9800, "70.1%"),
            ("临江街道", 0, 0, "—"),
        ],
        "map": draw(OUTLINE, spots, places=places, pin=pin, reach_m=4500),
        "phone_map": draw(OUTLINE, spots, phone=True, places=places, pin=pin, reach_m=4500, around=near),
        "nearest": nearest,
    }


@public
def style_page() -> str:
    """GET /style."""
    return render_template("style.html", sample=sample())


def register(app: Flask) -> None:
    """Serve the page; the application factory calls this outside production."""
    app.add_url_rule("/style", "core.style_page", style_page)
