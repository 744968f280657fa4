"""Forms of ``billing``."""

import uuid

from flask_wtf.file import FileField
from wtforms import (  # type: ignore[attr-defined]  # SelectChoice is newer than the stubs
    HiddenField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    widgets,
)
from wtforms.validators import InputRequired, Length, Optional, ValidationError

from qiantang_nest.core.forms import BaseForm, DayField, YuanField
from qiantang_nest.core.i18n import _, _l

METHOD_LABELS = {
    "bank": _l("银行转账"),
    "cash": _l("现金"),
    "alipay": _l("支付宝"),
    "wechat": _l("微信"),
    "other": _l("其他"),
}


class PaymentForm(BaseForm):
    """One payment that was made outside the platform."""

    amount = YuanField(_l("金额"), [InputRequired(_l("请填写金额，例如 600"))])
    paid_on = DayField(_l("哪天付的"), [InputRequired(_l("请选付款的那一天"))])
    method = SelectField(
        _l("怎么付的"), choices=[SelectChoice(value, label) for value, label in METHOD_LABELS.items()]
    )
    serial = StringField(_l("银行流水号"), [Optional(), Length(max=60, message=_l("流水号最多 60 个字符"))])
    chosen = SelectMultipleField(
        _l("先抵哪几张账单"),
        coerce=int,
        option_widget=widgets.CheckboxInput(),
        widget=widgets.ListWidget(prefix_label=False),
        validate_choice=True,
    )
    slip = FileField(_l("回单照片"))
    note = StringField(_l("备注"), [Optional(), Length(max=200, message=_l("备注最多 200 个字"))])
    request_key = HiddenField()

    def validate_request_key(self, field: HiddenField) -> None:
        """Made when the page was drawn; one that is not ours is a page that was tampered with."""
        try:
            uuid.UUID(field.data or "")
        except ValueError:
            raise ValidationError(_("这一页过期了，请重新打开登记页。")) from None


class ReasonForm(BaseForm):
    """Why; the other side reads it."""

    reason = TextAreaField(
        _l("原因"),
        [InputRequired(_l("请写一句原因，对方看得到")), Length(max=200, message=_l("原因最多 200 个字"))],
    )


class BillFilterForm(BaseForm):
    """Filters over a village's bills; by GET."""

    class Meta(BaseForm.Meta):
        csrf = False

    state = SelectField(
        _l("状态"),
        choices=[
            SelectChoice("open", _l("还没付清")),
            SelectChoice("late", _l("晚了的")),
            SelectChoice("paid", _l("已到账")),
            SelectChoice("all", _l("全部")),
        ],
        default="open",
    )
    q = StringField(_l("户主、企业或账单号"))
