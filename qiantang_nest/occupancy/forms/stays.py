"""Forms about workers, their beds, their coming and leaving."""

from wtforms import BooleanField, RadioField, SelectField, StringField, TelField
from wtforms.validators import InputRequired, Length, Optional

from qiantang_nest.core.forms import BaseForm, DayField, SelectChoice
from qiantang_nest.core.i18n import _l

ID_KINDS = [
    SelectChoice("resident", _l("居民身份证（含港澳台居民居住证）")),
    SelectChoice("passport", _l("护照")),
    SelectChoice("permanent", _l("外国人永久居留身份证")),
]
SEXES = [SelectChoice("M", _l("男")), SelectChoice("F", _l("女"))]
REVEAL_PURPOSES = [
    SelectChoice("registration", _l("报送流动人口登记")),
    SelectChoice("contact", _l("联系本人")),
    SelectChoice("identity", _l("核对身份")),
    SelectChoice("safety", _l("安全检查或突发事件")),
]
ANY = ""


class StayFilterForm(BaseForm):
    """What the list of stays is narrowed to; lives in the address."""

    class Meta(BaseForm.Meta):
        csrf = False

    q = StringField(_l("姓名或证件号"), [Optional(), Length(max=40)])
    state = SelectField(_l("状态"))
    village = SelectField(_l("村"))
    lease = SelectField(_l("租约"))


class WorkerForm(BaseForm):
    """One worker of the enterprise; the checks are ``enterprises.rules.check_worker``."""

    name = StringField(_l("姓名"), [InputRequired(_l("请填写姓名")), Length(max=60)])
    id_kind = SelectField(_l("证件类型"), choices=ID_KINDS, default="resident")
    id_number = StringField(_l("证件号码"), [InputRequired(_l("请填写证件号码")), Length(max=40)])
    sex = RadioField(_l("性别"), [Optional()], choices=SEXES)
    born_on = DayField(_l("出生日期"), [Optional()])
    phone = TelField(_l("手机"), [Optional(), Length(max=30)])
    home_address = StringField(_l("户籍地址"), [Optional(), Length(max=200)])
    is_local = BooleanField(_l("户籍在钱塘区"))
    couple_id_number = StringField(_l("配偶的证件号码"), [Optional(), Length(max=40)])


class AssignForm(BaseForm):
    """Who gets a bed where and from when; ``workers`` and ``place`` are lists read beside it."""

    starts_on = DayField(_l("从哪天住"), [InputRequired(_l("请填写从哪天住"))])
    last_day = DayField(_l("住到哪天"), [Optional()])
    village = SelectField(_l("住在哪个村"))


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


class SwapForm(BaseForm):
    """Two change beds from a day on."""

    moves_on = DayField(_l("从哪天对换"), [InputRequired(_l("请填写从哪天对换"))])
    other = SelectField(_l("和谁对换"))


class RevealForm(BaseForm):
    """What the full identity is needed for."""

    purpose = RadioField(_l("查看的用途"), [InputRequired(_l("请选择查看的用途"))], choices=REVEAL_PURPOSES)
