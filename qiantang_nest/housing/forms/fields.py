"""Small pieces that several forms use."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from wtforms import Field, SelectChoice  # type: ignore[attr-defined]
from wtforms.validators import ValidationError
from wtforms.widgets import TextInput

from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.i18n import _
from qiantang_nest.core.text import normalise, shown


def choices(pairs: Iterable[tuple[str, Any]]) -> list[SelectChoice]:
    """Value and label, as WTForms wants them."""
    return [SelectChoice(value, str(label)) for value, label in pairs]


class AreaField(Field):
    """Square metres with at most one decimal; full-width digits, ``㎡`` and 平方米 are understood."""

    widget = TextInput()
    places = 1

    def __init__(self, *args: Any, low: Decimal, high: Decimal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.low, self.high = low, high

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else f"{self.data:f}"

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        if valuelist and valuelist[0].strip():
            self.data = parse_area(valuelist[0])

    def post_validate(self, form: Any, validation_stopped: bool) -> None:
        if validation_stopped or self.data is None or self.low <= self.data <= self.high:
            return
        raise ValidationError(
            _(
                "%(value)s 平方米不在 %(low)s 到 %(high)s 之间，请核对。",
                value=self.data,
                low=self.low,
                high=self.high,
            )
        )


def parse_area(text: str) -> Decimal:
    """Square metres from what was typed. Raises ValueError with a sentence."""
    try:
        cleaned = normalise(text)
    except InvalidValue as error:
        raise ValueError(error.message) from error
    for unit in ("平方米", "平方", "平米", "平", "m2", "㎡"):
        cleaned = cleaned.removesuffix(unit).strip()
    try:
        value = Decimal(cleaned)
        rounded = value.quantize(Decimal("0.1"))
    except InvalidOperation:  # no number, or one with more digits than a Decimal rounds
        value = rounded = Decimal("NaN")
    if not value.is_finite():
        raise ValueError(_("“%(value)s”不是面积，请写数字，例如 12.5", value=shown(cleaned)))
    if value != rounded:
        raise ValueError(_("%(value)s 的小数太多，面积写到一位小数就行，例如 12.5", value=shown(cleaned)))
    return rounded
