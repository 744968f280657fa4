"""Forms of employers: registration, worksites, workers, and the street's answer."""

from datetime import date
from typing import Any

from wtforms import (
    BooleanField,
    FloatField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional
from wtforms.widgets import TelInput

from qiantang_nest.core.forms import BaseForm, CheckedField, DayField, SelectChoice, given
from qiantang_nest.core.i18n import _l
from qiantang_nest.core.identifiers import IdKind, check_phone, check_uscc
from qiantang_nest.enterprises.rules import LONGEST_WISH, Shift, WorkerRow, check_worker
from qiantang_nest.geography.rules import LatLon


def _text(label: Any, message: Any, most: int, *, least: int = 2, **attributes: Any) -> StringField:
    return StringField(
        label,
        [InputRequired(message), Length(least, most)],
        render_kw={"maxlength": most, **attributes},
    )


class _PhoneField(CheckedField):
    widget: Any = TelInput()


_NORTH = NumberRange(30, 31, _l("钱塘区在北纬 30 到 31 度之间，请核对"))
_EAST = NumberRange(120, 121, _l("钱塘区在东经 120 到 121 度之间，请核对"))


def _latitude() -> FloatField:
    return FloatField(
        _l("纬度"),
        [
            InputRequired(_l("请填写纬度，或者在图上放图钉")),
            NumberRange(30, 31, _l("钱塘区在北纬 30 到 31 度之间，请核对")),
        ],
        render_kw={"inputmode": "decimal"},
    )


def _longitude() -> FloatField:
    return FloatField(
        _l("经度"),
        [
            InputRequired(_l("请填写经度，或者在图上放图钉")),
            NumberRange(120, 121, _l("钱塘区在东经 120 到 121 度之间，请核对")),
        ],
        render_kw={"inputmode": "decimal"},
    )


class EnterpriseForm(BaseForm):
    """What the street compares with the licence, and who to call."""

    uscc = CheckedField(
        _l("统一社会信用代码"),
        [InputRequired(_l("请填写 18 位统一社会信用代码，在营业执照上")), Length(max=60)],
        checker=check_uscc,
        render_kw={"autocomplete": "off", "maxlength": 60},
    )
    name = _text(_l("单位名称"), _l("请填写单位名称，和执照上一样"), 100, autocomplete="organization")
    street_code = SelectField(_l("所在街道"), [InputRequired(_l("请选街道"))])
    contact_name = _text(_l("联系人"), _l("请填写联系人姓名"), 40, autocomplete="name")
    contact_phone = _PhoneField(
        _l("联系电话"),
        [InputRequired(_l("请填写联系电话")), Length(max=40)],
        checker=check_phone,
        render_kw={"autocomplete": "tel"},
    )


class RegisterForm(EnterpriseForm):
    """The same, with the first worksite."""

    worksite_name = _text(_l("厂区名称"), _l("请给厂区起个名，比如江东厂区"), 60)
    worksite_address = _text(_l("厂区地址"), _l("请填写厂区地址"), 200)
    lat = _latitude()
    lon = _longitude()


class WorksiteForm(BaseForm):
    """A gate workers walk to."""

    name = _text(_l("厂区名称"), _l("请给厂区起个名，比如江东厂区"), 60)
    address = _text(_l("厂区地址"), _l("请填写厂区地址"), 200)
    lat = _latitude()
    lon = _longitude()
    shifts = StringField(_l("班次"), [Length(max=100)], render_kw={"maxlength": 100})


class StopForm(BaseForm):
    """Where a shuttle calls, and how long it takes from there."""

    name = _text(_l("站点名称"), _l("请给站点起个名，比如同一村村口"), 30)
    lat = _latitude()
    lon = _longitude()
    ride_minutes = IntegerField(
        _l("坐到厂门口几分钟"),
        [Optional(), NumberRange(1, 120, _l("请写 1 到 120 之间的分钟数，不清楚就空着"))],
        render_kw={"inputmode": "numeric"},
    )

    @property
    def point(self) -> LatLon:
        """The stop's place; call it on a valid form."""
        return LatLon(given(self.lat), given(self.lon))


class WorkerForm(BaseForm):
    """One worker; what only an ID card tells is read from its number."""

    name = _text(_l("姓名"), _l("请填写姓名"), 40, autocomplete="off")
    id_kind = SelectField(
        _l("证件"),
        [InputRequired()],
        choices=[
            SelectChoice(IdKind.RESIDENT.value, _l("居民身份证")),
            SelectChoice(IdKind.PASSPORT.value, _l("护照")),
            SelectChoice(IdKind.PERMANENT.value, _l("外国人永久居留证")),
        ],
    )
    id_number = StringField(
        _l("证件号"), [InputRequired(_l("请填写证件号")), Length(max=60)], render_kw={"autocomplete": "off"}
    )
    sex = RadioField(
        _l("性别"),
        [Optional()],
        choices=[SelectChoice("", _l("按身份证")), SelectChoice("M", _l("男")), SelectChoice("F", _l("女"))],
        default="",
    )
    born_on = DayField(_l("出生日期"), [Optional()])
    phone = StringField(_l("手机号"), [Length(max=40)], render_kw={"autocomplete": "off", "inputmode": "tel"})
    home_address = StringField(_l("户籍地址"), [Length(max=200)], render_kw={"autocomplete": "off"})
    is_local = BooleanField(_l("本地户籍，不用报流动人口登记"))
    couple_id_number = StringField(_l("配偶的证件号"), [Length(max=60)], render_kw={"autocomplete": "off"})

    shift = RadioField(
        _l("班次"),
        choices=[SelectChoice(Shift.DAY.value, _l("白班")), SelectChoice(Shift.NIGHT.value, _l("夜班"))],
        default=Shift.DAY.value,
    )
    wish_group = StringField(_l("同住组"), [Length(max=LONGEST_WISH)])
    ground_floor = BooleanField(_l("要住一楼"))
    no_couple = BooleanField(_l("不再按夫妻安排"))

    def row(self, today: date) -> WorkerRow:
        """The checked row. Raises InvalidValue."""
        return check_worker(
            name=self.name.data or "",
            sex=self.sex.data or "",
            id_kind=self.id_kind.data,
            id_number=self.id_number.data or "",
            phone=self.phone.data or "",
            today=today,
            home_address=self.home_address.data or "",
            born_on=self.born_on.data,
            is_local=self.is_local.data,
            couple_id_number=self.couple_id_number.data or "",
            shift=Shift(self.shift.data),
            wish_group=self.wish_group.data or "",
            ground_floor=self.ground_floor.data,
        )


class PurposeForm(BaseForm):
    """What personal data is looked at for."""

    purpose = StringField(
        _l("查看的用途"),
        [InputRequired(_l("请写明用途，会记进日志")), Length(2, 200)],
        render_kw={"maxlength": 200},
    )


class DecisionForm(BaseForm):
    """The street's answer."""

    decision = RadioField(
        _l("核验结果"),
        [InputRequired(_l("请选一个"))],
        choices=[SelectChoice("verify", _l("和执照一致，通过")), SelectChoice("return", _l("退回修改"))],
    )
    reason = TextAreaField(_l("退回的原因"), [Length(max=500)])


class EnterpriseFilterForm(BaseForm):
    """Search among employers."""

    class Meta(BaseForm.Meta):
        csrf = False

    q = StringField(_l("单位名称或信用代码"), [Length(max=100)])
    state = SelectField(
        _l("状态"),
        choices=[
            SelectChoice("", _l("全部")),
            SelectChoice("submitted", _l("核验中")),
            SelectChoice("returned", _l("退回修改")),
            SelectChoice("verified", _l("已核验")),
        ],
        validate_choice=False,
    )


class WorkerFilterForm(BaseForm):
    """Search among one's own workers: a part of a name, or a whole ID or phone number."""

    class Meta(BaseForm.Meta):
        csrf = False

    q = StringField(_l("姓名，或完整证件号、手机号"), [Length(max=60)])
