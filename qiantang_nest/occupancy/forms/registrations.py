"""Forms about reports to the police and about closing rooms."""

from typing import Any

from wtforms import RadioField, SelectField, StringField, ValidationError
from wtforms.validators import InputRequired, Length, Optional

from qiantang_nest.core.forms import BaseForm, DayField, SelectChoice
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.occupancy.services.closing import REASON_LENGTH
from qiantang_nest.occupancy.services.registrations import REFERENCE_LENGTH


class RegistrationFilterForm(BaseForm):
    """What the list of reports is narrowed to; lives in the address."""

    class Meta(BaseForm.Meta):
        csrf = False

    q = StringField(_l("姓名或证件号"), [Optional(), Length(max=40)])
    kind = SelectField(
        _l("来还是走"),
        validate_choice=False,
        default="",
        choices=[
            SelectChoice("", _l("全部")),
            SelectChoice("arrival", _l("入住")),
            SelectChoice("departure", _l("离开")),
        ],
    )
    village = SelectField(_l("村"), validate_choice=False, default="")


class RecordForm(BaseForm):
    """The police station has the report."""

    done_on = DayField(_l("登记日期"), [InputRequired(_l("请填写登记日期"))])
    reference = StringField(_l("派出所回执编号"), [Optional(), Length(max=REFERENCE_LENGTH)])


class CloseRoomForm(BaseForm):
    """Why and how long a room is not to be let."""

    kind = RadioField(
        _l("为什么停用"),
        [InputRequired(_l("请选择为什么停用"))],
        choices=[
            SelectChoice("repair", _l("维修")),
            SelectChoice("own_use", _l("自己住")),
            SelectChoice("festival", _l("过节")),
            SelectChoice("other", _l("别的原因")),
        ],
    )
    note = StringField(_l("说一句"), [Length(max=REASON_LENGTH - 4)])
    starts_on = DayField(_l("从哪天起"), [InputRequired(_l("请填写从哪天起"))])
    last_day = DayField(_l("到哪天为止"), [InputRequired(_l("请填写到哪天为止"))])

    def validate_note(self, field: Any) -> None:
        """«Something else» says nothing by itself."""
        if self.kind.data == "other" and not field.data:
            raise ValidationError(_("请写明为什么停用"))

    def reason(self) -> str:
        """What the claim says, in the language the village reads."""
        words = {"repair": "维修", "own_use": "自己住", "festival": "过节", "other": ""}
        return "：".join(part for part in (words[self.kind.data], self.note.data) if part)
