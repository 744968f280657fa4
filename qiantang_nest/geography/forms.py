"""The form of the district's figures for the way to work."""

from decimal import Decimal, InvalidOperation
from typing import Any

from wtforms import Field, TextAreaField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import TextInput

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.forms import BaseForm, DayField
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.core.text import normalise, shown


class FigureField(Field):
    """A number with few decimals within bounds, kept as ``Decimal``; full-width digits are understood."""

    widget = TextInput()

    def __init__(self, *args: Any, low: str, high: str, places: int = 1, **kwargs: Any) -> None:
        kwargs.setdefault("render_kw", {"inputmode": "decimal"})
        super().__init__(*args, **kwargs)
        self.low, self.high, self.step = Decimal(low), Decimal(high), Decimal(1).scaleb(-places)

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else f"{float(self.data):g}"

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        if not valuelist or not valuelist[0].strip():
            return
        try:
            typed = normalise(valuelist[0])
        except InvalidValue as error:
            raise ValueError(str(error.message)) from error
        try:
            value = Decimal(typed)
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite():
            raise ValueError(_("“%(value)s”不是数字，请写 4.8 这样的数。", value=shown(typed)))
        if not self.low <= value <= self.high or value != value.quantize(self.step):
            raise ValueError(
                _(
                    "%(value)s 不合适，请写 %(low)s 到 %(high)s 之间的数，最小写到 %(step)s。",
                    value=shown(typed),
                    low=self.low,
                    high=self.high,
                    step=self.step,
                )
            )
        self.data = value.quantize(self.step)


class CommuteForm(BaseForm):
    """Detour and speeds, with what they rest on."""

    detour = FigureField(
        _l("路比直线长几倍"), [InputRequired(_l("请写倍数，比如 1.3"))], low="1", high="3", places=2
    )
    walk_kmh = FigureField(_l("走路"), [InputRequired(_l("请写走路的速度"))], low="2", high="8")
    ebike_kmh = FigureField(_l("电动车"), [InputRequired(_l("请写电动车的速度"))], low="5", high="40")
    shuttle_kmh = FigureField(_l("班车"), [InputRequired(_l("请写班车的速度"))], low="10", high="80")
    basis = TextAreaField(
        _l("依据"), [InputRequired(_l("请写依据，比如 2027 年 3 月实测 20 条路线")), Length(min=4, max=300)]
    )
    effective_on = DayField(_l("哪天起用"), [InputRequired(_l("请写日期"))])
