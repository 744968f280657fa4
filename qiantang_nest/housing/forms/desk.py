"""What clerks and officers fill in at a desk: households, houses, papers, checks, hazards, figures."""

from decimal import Decimal
from typing import Any

from flask_wtf.file import FileField
from wtforms import IntegerField, RadioField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from qiantang_nest.core.forms import BaseForm, CheckedField, DayField
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.core.identifiers import check_phone
from qiantang_nest.geography.rules import Crs, check_degrees
from qiantang_nest.housing.forms.fields import AreaField, choices
from qiantang_nest.housing.queries import HOUSE_STATES
from qiantang_nest.housing.rules import (
    ConsentHow,
    DocumentKind,
    Feature,
    RoomKind,
    Severity,
    consent_how_label,
    document_kind_label,
    feature_label,
    room_kind_label,
    severity_label,
)
from qiantang_nest.housing.services.notes import NOTE_LENGTH


def house_state_labels() -> dict[str, str]:
    """The words of the filter over houses."""
    labels = {
        "offered": _("有房上架"),
        "waiting": _("有房待审"),
        "idle": _("有房没上架"),
        "unsafe": _("检查不合格或有隐患"),
        "expiring": _("检查 30 天内到期"),
        "dangerous": _("危房"),
        "managed": _("10 间或 10 床以上"),
    }
    return {state: labels[state] for state in HOUSE_STATES}


class HouseSearch(BaseForm):
    """Filters of the list of houses; sent by GET."""

    class Meta(BaseForm.Meta):
        csrf = False

    q: Any = StringField(_l("户主、门牌、户号或手机号"), [Optional(), Length(max=40)])
    village: Any = SelectField(_l("村"), [Optional()])
    state: Any = SelectField(_l("状态"), [Optional()])

    def offer(self, villages: list[tuple[str, str]]) -> None:
        """Fill the choices; a clerk has one village and no choice."""
        self.village.choices = choices([("", _("全部")), *villages])
        self.state.choices = choices([("", _("全部")), *house_state_labels().items()])
        if len(villages) <= 1:
            del self.village


class OwnerForm(BaseForm):
    """A household."""

    household_no: Any = StringField(_l("户号"), [InputRequired(_l("请写户号，比如 3-018")), Length(max=20)])
    name: Any = StringField(_l("户主姓名"), [InputRequired(_l("请写户主姓名")), Length(max=30)])
    group_no: Any = StringField(_l("村民小组"), [Optional(), Length(max=10)])
    phone: Any = CheckedField(_l("电话"), [Optional()], checker=check_phone)


class EditOwnerForm(BaseForm):
    """The same without the number, which stays."""

    name: Any = StringField(_l("户主姓名"), [InputRequired(_l("请写户主姓名")), Length(max=30)])
    group_no: Any = StringField(_l("村民小组"), [Optional(), Length(max=10)])
    phone: Any = CheckedField(_l("电话"), [Optional()], checker=check_phone)


class AccountForm(BaseForm):
    """The bank account employers pay to."""

    account_kind: Any = RadioField(_l("账户种类"), [InputRequired(_l("请选一样"))], default="personal")
    account_name: Any = StringField(
        _l("户名"), [InputRequired(_l("请写户名，要和银行卡上一样")), Length(max=60)]
    )
    account_bank: Any = StringField(
        _l("开户行"), [InputRequired(_l("请写开户行，比如 杭州联合银行河庄支行")), Length(max=60)]
    )
    account_number: Any = StringField(_l("账号"), [InputRequired(_l("请写账号")), Length(max=50)])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account_kind.choices = choices([("personal", _("个人银行卡")), ("corporate", _("单位账户"))])


class ConsentForm(BaseForm):
    """The household's word that the village may act for it."""

    how: Any = RadioField(_l("怎么同意的"), [InputRequired(_l("请选一样"))])
    given_on: Any = DayField(_l("哪天同意的"), [InputRequired(_l("请写日期"))])
    witness: Any = StringField(
        _l("见证人"), [InputRequired(_l("请写见证人，比如 组长周建国")), Length(min=2, max=30)]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.how.choices = choices((how.value, consent_how_label(how)) for how in ConsentHow)


class RevealForm(BaseForm):
    """Why whole numbers are needed."""

    purpose: Any = StringField(
        _l("用途"), [InputRequired(_l("请写用途，比如 打电话约安全检查")), Length(min=2, max=100)]
    )


class HouseForm(BaseForm):
    """A house of a household."""

    address: Any = StringField(_l("门牌"), [InputRequired(_l("请写门牌，比如 3组18号")), Length(max=60)])
    floors: Any = IntegerField(
        _l("层数"),
        [InputRequired(_l("请写几层")), NumberRange(1, 9, _l("农房是 1 到 9 层，请核对"))],
        default=3,
    )


class RoomForm(BaseForm):
    """A room on one page."""

    label: Any = StringField(_l("房号"), [InputRequired(_l("请写房号，比如 201")), Length(max=20)])
    floor: Any = IntegerField(
        _l("楼层"), [InputRequired(_l("请写几楼")), NumberRange(1, 9, _l("楼层是 1 到 9，请核对"))], default=1
    )
    kind: Any = SelectField(_l("用途"), [InputRequired(_l("请选一样"))])
    usable_m2: Any = AreaField(
        _l("使用面积"), [InputRequired(_l("请写面积"))], low=Decimal("1"), high=Decimal("200")
    )
    beds: Any = IntegerField(_l("床位"), [Optional(), NumberRange(0, 20, _l("床位是 0 到 20，请核对"))])
    features: Any = SelectMultipleField(
        _l("设施"), [Optional()], widget=ListWidget(prefix_label=False), option_widget=CheckboxInput()
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind.choices = choices((kind.value, room_kind_label(kind)) for kind in RoomKind)
        self.features.choices = choices((item.value, feature_label(item)) for item in Feature)


class PlaceForm(BaseForm):
    """Two numbers and which map they come from."""

    latitude: Any = CheckedField(
        _l("纬度"), [InputRequired(_l("请写纬度，30 上下")), Length(max=30)], checker=check_degrees
    )
    longitude: Any = CheckedField(
        _l("经度"), [InputRequired(_l("请写经度，120 上下")), Length(max=30)], checker=check_degrees
    )
    crs: Any = SelectField(_l("数字来自"), [InputRequired()], default=Crs.WGS84.value)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.crs.choices = choices(
            [
                (Crs.WGS84.value, _("手机定位、这张图、天地图（WGS-84）")),
                (Crs.GCJ02.value, _("高德、腾讯地图（GCJ-02）")),
                (Crs.BD09.value, _("百度地图（BD-09）")),
            ]
        )


class OfficePhoneForm(BaseForm):
    """The number on the village's door."""

    phone: Any = StringField(_l("村里的电话"), [Length(max=30)])


class DocumentForm(BaseForm):
    """A paper the clerk has seen."""

    kind: Any = RadioField(_l("哪一种"), [InputRequired(_l("请选一样"))])
    number: Any = StringField(_l("编号"), [InputRequired(_l("请写证件或报告的编号")), Length(max=60)])
    scan: Any = FileField(_l("照片或 PDF"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind.choices = choices((kind.value, document_kind_label(kind)) for kind in DocumentKind)


class InspectionForm(BaseForm):
    """A safety check."""

    inspected_on: Any = DayField(_l("检查日期"), [InputRequired(_l("请写日期"))])
    result: Any = RadioField(_l("结果"), [InputRequired(_l("请选一样"))])
    last_day: Any = DayField(_l("有效到"), [Optional()])
    note: Any = TextAreaField(_l("说明"), [Optional(), Length(max=500)])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.result.choices = choices([("passed", _("合格")), ("failed", _("不合格"))])


class HazardForm(BaseForm):
    """A safety finding."""

    severity: Any = RadioField(_l("轻重"), [InputRequired(_l("请选一样"))])
    what: Any = TextAreaField(
        _l("是什么，在哪里"), [InputRequired(_l("请写清楚是什么、在哪里")), Length(min=2, max=300)]
    )
    found_on: Any = DayField(_l("发现日期"), [InputRequired(_l("请写日期"))])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.severity.choices = choices((item.value, severity_label(item)) for item in Severity)


class CapacityForm(BaseForm):
    """Heads a room and square metres a head, with the law they rest on."""

    cap: Any = IntegerField(
        _l("一间最多住几人"), [InputRequired(_l("请写人数")), NumberRange(1, 20, _l("请写 1 到 20"))]
    )
    m2_per_person: Any = AreaField(
        _l("每人至少多少平方米"), [InputRequired(_l("请写面积"))], low=Decimal("1"), high=Decimal("50")
    )
    basis: Any = TextAreaField(
        _l("依据的文件和条款"),
        [InputRequired(_l("请写依据，比如 杭政办〔2027〕3 号第五条")), Length(min=4, max=300)],
    )
    effective_on: Any = DayField(_l("哪天起用"), [InputRequired(_l("请写日期"))])


class NoteForm(BaseForm):
    """A line for colleagues."""

    words: Any = StringField(_l("写什么"), [InputRequired(_l("请写一句话")), Length(max=NOTE_LENGTH)])
