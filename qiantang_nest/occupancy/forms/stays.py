"""Forms about workers, their beds, their coming and leaving."""

from wtforms import BooleanField, RadioField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from qiantang_nest.core.forms import BaseForm, DayField, SelectChoice
from qiantang_nest.core.i18n import _l

REVEAL_PURPOSES = [
    SelectChoice("registration", _l("报送流动人口登记")),
    SelectChoice("contact", _l("联系本人")),
    SelectChoice("identity", _l("核对身份")),
    SelectChoice("safety", _l("安全检查或突发事件")),
]


class StayFilterForm(BaseForm):
    """What the list of stays is narrowed to; lives in the address."""

    class Meta(BaseForm.Meta):
        csrf = False

    q = StringField(_l("姓名或证件号"), [Optional(), Length(max=40)])
    # What the address may hold is decided by the view, which knows no odd values.
    state = SelectField(_l("状态"), validate_choice=False, default="")
    village = SelectField(_l("村"), validate_choice=False, default="")
    lease = SelectField(_l("租约"), validate_choice=False, default="")


class AssignForm(BaseForm):
    """Who gets a bed where and from when; ``workers`` and ``place`` are lists read beside it."""

    starts_on = DayField(_l("从哪天住"), [InputRequired(_l("请填写从哪天住"))])
    last_day = DayField(_l("住到哪天"), [Optional()])
    village = SelectField(_l("住在哪个村"))
    may_move = BooleanField(_l("也可以请已经住下的人换床，换谁、换到哪先给我看"))


class ArriveForm(BaseForm):
    """The day some have come."""

    arrived_on = DayField(_l("入住日期"), [InputRequired(_l("请填写入住日期"))])


class LeaveForm(BaseForm):
    """The day one has left, and who takes the bed."""

    left_on = DayField(_l("退房日期"), [InputRequired(_l("请填写退房日期"))])
    replacement = SelectField(_l("接替住这张床的员工"))


class MoveForm(BaseForm):
    """Another bed from a day on."""

    moves_on = DayField(_l("从哪天换"), [InputRequired(_l("请填写从哪天换"))])
    bed = SelectField(_l("换到哪张床"))


class ShiftForm(BaseForm):
    """The other shift from a day on, in a bed among such people."""

    changes_on = DayField(_l("从哪天换班"), [InputRequired(_l("请填写从哪天换班"))])
    bed = SelectField(_l("住哪张床"))


class SwapForm(BaseForm):
    """Two change beds from a day on."""

    moves_on = DayField(_l("从哪天对换"), [InputRequired(_l("请填写从哪天对换"))])
    other = SelectField(_l("和谁对换"))


class RevealForm(BaseForm):
    """What the full identity is needed for."""

    purpose = RadioField(_l("查看的用途"), [InputRequired(_l("请选择查看的用途"))], choices=REVEAL_PURPOSES)
