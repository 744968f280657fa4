"""Forms of leases."""

from typing import Any

from wtforms import SelectField, StringField
from wtforms.validators import DataRequired, Length, Optional

from qiantang_nest.core.forms import BaseForm, SelectChoice
from qiantang_nest.core.i18n import _l
from qiantang_nest.occupancy.services.leases import FILING_STEPS

FILING_LABELS = {
    "none": _l("未备案"),
    "submitted": _l("已提交"),
    "filed": _l("已备案"),
    "returned": _l("退回"),
}


CHANGE_WORDS = {
    "end": _l("提前退房"),
    "extend": _l("续租"),
    "swap": _l("换房"),
    "transfer": _l("转给别的企业"),
    "release": _l("起租前退掉"),
    "relocate": _l("换到别家"),
}
"""What each kind of change of a lease is called."""


class FilingForm(BaseForm):
    """The next step of a filing with the housing authority."""

    state = SelectField(_l("现在到哪一步"), [DataRequired(_l("请选一步。"))], choices=[])
    number = StringField(_l("备案号"), [Optional(), Length(max=60)])

    def __init__(self, *args: Any, before: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.state.choices = [SelectChoice(step, FILING_LABELS[step]) for step in FILING_STEPS[before]]
