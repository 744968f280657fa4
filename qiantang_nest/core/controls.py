"""What a WTForms field needs to become a form control: its kind, its HTML attributes, its errors.

Lengths, bounds and ``required`` are printed by WTForms itself from the validators; this adds what it does
not know: names for assistive technology, keyboards of phones, error marks.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from wtforms import Field, FieldList, FormField, widgets
from wtforms.form import BaseForm

MONEY_FIELDS = {"MoneyField", "YuanField", "FenField"}
"""Class names of fields whose box carries a ¥."""


class Problem(NamedTuple):
    """One line of the error summary; ``anchor`` is the id of the control, None for the form as a whole."""

    anchor: str | None
    label: str | None
    message: str


def control_kind(field: Field) -> str:
    """One of checkbox, radio, checks, select, textarea, file, hidden, money, input."""
    widget = field.widget
    if isinstance(widget, widgets.HiddenInput):
        return "hidden"
    if isinstance(widget, widgets.CheckboxInput):
        return "checkbox"
    if isinstance(widget, widgets.FileInput):
        return "file"
    if isinstance(widget, widgets.Select):
        return "select"
    if isinstance(widget, widgets.TextArea):
        return "textarea"
    option_widget = getattr(field, "option_widget", None)
    if isinstance(option_widget, widgets.RadioInput):
        return "radio"
    if isinstance(option_widget, widgets.CheckboxInput):
        return "checks"
    if any(cls.__name__ in MONEY_FIELDS for cls in type(field).__mro__):
        return "money"
    return "input"


def is_required(field: Field) -> bool:
    """True if the validators refuse an empty answer."""
    return bool(getattr(field.flags, "required", False))


def hint_id(field: Field) -> str:
    """The id of the sentence below the label."""
    return f"{field.id}-hint"


def error_id(field: Field) -> str:
    """The id of the field's error sentence."""
    return f"{field.id}-error"


def control_attributes(field: Field, *, hinted: bool, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes for ``field(**attributes)``; ``extra`` wins over what is derived."""
    kind = control_kind(field)
    attributes: dict[str, Any] = {"class_": "" if kind in ("checkbox", "radio", "checks") else "control"}
    number_of_decimals = getattr(field, "places", None)
    if kind == "money" or type(field).__name__ == "DecimalField":
        attributes["inputmode"] = "decimal"
    elif isinstance(field.widget, widgets.NumberInput):
        attributes["inputmode"] = "numeric" if number_of_decimals is None else "decimal"
    elif isinstance(field.widget, widgets.TelInput):
        attributes["inputmode"] = "tel"
    if kind == "money":
        attributes["autocomplete"] = "off"
    described = [hint_id(field)] if hinted else []
    if field.errors:
        described.append(error_id(field))
        attributes["aria_invalid"] = "true"
    if described:
        attributes["aria_describedby"] = " ".join(described)
    for given in (field.render_kw or {}, extra):
        for name, value in given.items():
            if name in ("class", "class_"):
                attributes["class_"] = f"{attributes['class_']} {value}".strip()
            else:
                attributes[name] = value
    if not attributes["class_"]:
        del attributes["class_"]
    return attributes


def anchor_of(field: Field) -> str:
    """The id that a link in the error summary jumps to: the first option of a choice, else the control."""
    if control_kind(field) in ("radio", "checks"):
        return f"{field.id}-0"
    return str(field.id)


def form_problems(form: BaseForm | None) -> list[Problem]:
    """Every error of a form in the order of its fields, nested forms and lists included."""
    if form is None:
        return []
    problems = [Problem(None, None, str(message)) for message in getattr(form, "form_errors", ())]
    for field in form:
        problems.extend(_field_problems(field))
    return problems


def _field_problems(field: Field) -> Iterator[Problem]:
    if isinstance(field, FormField):
        yield from form_problems(field.form)
        return
    if isinstance(field, FieldList):
        for entry in field.entries:
            yield from _field_problems(entry)
        for message in field.errors:
            if isinstance(message, str):
                yield Problem(str(field.id), str(field.label.text), message)
        return
    for message in field.errors:
        hidden = control_kind(field) == "hidden"
        yield Problem(
            None if hidden else anchor_of(field), None if hidden else str(field.label.text), str(message)
        )
