"""The handover sheet as a form: meters, keys, things and their condition, photographs."""

from decimal import Decimal
from typing import Any

from flask_wtf.file import MultipleFileField
from wtforms import DecimalField, HiddenField, IntegerField, SelectField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange, Optional
from wtforms.widgets import TextInput

from qiantang_nest.core.forms import BaseForm, DayField, SelectChoice, given
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.occupancy.models import Handover
from qiantang_nest.occupancy.rules import THINGS, Condition, condition_label, thing_label
from qiantang_nest.occupancy.services.hand_over import Sheet

_READING = [Optional(), NumberRange(0, 999_999_999, _l("读数请写 0 以上的数，最多一位小数。"))]


class ReadingField(DecimalField):
    """What a meter shows, one decimal."""

    widget = TextInput()

    def __init__(self, label: Any, **kwargs: Any) -> None:
        super().__init__(label, list(_READING), places=1, **kwargs)

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        typed = valuelist[0].strip() if valuelist else ""
        if not typed:
            return
        whole, _dot, part = typed.partition(".")
        if not (typed.isascii() and whole.isdigit() and len(whole) <= 9 and (not part or part.isdigit())):
            raise ValueError(_("“%(value)s”不是读数，请写 1234.5 这样的数字。", value=typed[:20]))
        self.data = Decimal(f"{whole}.{part or 0}").quantize(Decimal("0.1"))


class HandoverForm(BaseForm):
    """One room, one moment."""

    happened_on = DayField(_l("哪天交接的"), [InputRequired(_l("请写哪天交接。"))])
    electric_kwh = ReadingField(_l("电表读数"))
    water_m3 = ReadingField(_l("水表读数"))
    gas_m3 = ReadingField(_l("燃气表读数"))
    keys = IntegerField(
        _l("钥匙几把"), [InputRequired(_l("请写几把。")), NumberRange(0, 99, _l("请写 0 到 99。"))], default=1
    )
    note = TextAreaField(_l("还有什么要写明"), [Optional(), Length(max=500)])
    photos = MultipleFileField(_l("拍几张照片"))
    seen = HiddenField(default="0")

    def show(self, handover: Handover) -> None:
        """Fill in what is written."""
        for name in ("happened_on", "electric_kwh", "water_m3", "gas_m3", "keys", "note"):
            self[name].data = getattr(handover, name)
        for thing in THINGS:
            self[thing].data = handover.inventory.get(thing, Condition.GOOD.value)
        self.seen.data = str(handover.version)

    def sheet(self) -> Sheet:
        """What was typed, of a validated form."""
        return Sheet(
            happened_on=given(self.happened_on),
            electric_kwh=self.electric_kwh.data,
            water_m3=self.water_m3.data,
            gas_m3=self.gas_m3.data,
            keys=given(self.keys),
            inventory={thing: self[thing].data for thing in THINGS},
            note=self.note.data or "",
        )

    @property
    def seen_version(self) -> int:
        """The version the page showed; -1 if it is none of ours."""
        typed = self.seen.data or ""
        return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 7 else -1


def _add_things() -> None:
    for thing in THINGS:
        field = SelectField(default=Condition.GOOD.value, choices=[])
        setattr(HandoverForm, thing, field)


_add_things()


def sheet_form() -> HandoverForm:
    """The form with its words in the language of the page."""
    form = HandoverForm()
    for thing in THINGS:
        form[thing].label.text = thing_label(thing)
        form[thing].choices = [SelectChoice(one.value, condition_label(one)) for one in Condition]
    return form
