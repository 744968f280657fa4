"""Form controls say what they need to assistive technology, and the summary finds every error."""

import pytest
from flask import Flask
from wtforms import Field, FieldList, Form, FormField, HiddenField, IntegerField, StringField, TelField
from wtforms.validators import InputRequired

from qiantang_nest.core.controls import control_attributes, control_kind, form_problems, is_required
from qiantang_nest.core.forms import YuanField
from qiantang_nest.core.style_page import DemandForm


class Bed(Form):
    number = IntegerField("床号", [InputRequired()])


class Room(Form):
    name = StringField("房号", [InputRequired()], render_kw={"class": "control-short", "autocomplete": "off"})
    rent = YuanField("月租")
    phone = TelField("电话")
    token = HiddenField()
    bed = FormField(Bed)
    more = FieldList(FormField(Bed))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("heads", "input"), ("shift", "radio"), ("features", "checks"), ("other", "textarea"),
     ("agreed", "checkbox"), ("worksite", "select"), ("budget", "money")],
)  # fmt: skip
def test_kinds(name: str, kind: str) -> None:
    app = Flask("x")
    app.secret_key = "for tests"
    with app.test_request_context():
        field: Field = DemandForm()[name]
        assert control_kind(field) == kind


def test_attributes_name_hint_and_error() -> None:
    form = Room()
    form.name.errors = ["请填写房号"]
    attributes = control_attributes(form.name, hinted=True, extra={"class_": "wide", "autocomplete": "on"})
    assert attributes == {
        "class_": "control control-short wide",
        "autocomplete": "on",
        "aria_describedby": "name-hint name-error",
        "aria_invalid": "true",
    }
    assert control_attributes(form.rent, hinted=False, extra={})["inputmode"] == "decimal"
    assert control_attributes(form.phone, hinted=False, extra={})["inputmode"] == "tel"
    assert is_required(form.name)
    assert not is_required(form.rent)


def test_the_summary_finds_errors_of_nested_forms() -> None:
    form = Room(data={"more": [{"number": None}]})
    form.name.errors = ["请填写房号"]
    form.token.errors = ["这一页开得太久了"]
    form.bed.form.number.errors = ["请填写床号"]
    form.more.entries[0].form.number.errors = ["床号重了"]
    form.form_errors = ["两张床不能同号"]
    assert form_problems(form) == [
        (None, None, "两张床不能同号"),
        ("name", "房号", "请填写房号"),
        (None, None, "这一页开得太久了"),
        ("bed-number", "床号", "请填写床号"),
        ("more-0-number", "床号", "床号重了"),
    ]
    assert form_problems(None) == []
