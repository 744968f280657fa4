"""Forms of ``billing``."""

import uuid

from flask_wtf.file import FileField
from wtforms import (  # type: ignore[attr-defined]  # SelectChoice is newer than the stubs
    HiddenField,
    RadioField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    widgets,
)
from wtforms.validators import InputRequired, Length, Optional, ValidationError

from qiantang_nest.billing.rules import CaseKind, case_kind_label
from qiantang_nest.core.forms import BaseForm, DayField, YuanField
from qiantang_nest.core.i18n import _, _l

METHOD_LABELS = {
    "bank": _l("银行转账"),
    "cash": _l("现金"),
    "alipay": _l("支付宝"),
    "wechat": _l("微信"),
    "other": _l("其他"),
}
"""How money may have gone from hand to hand."""
PAID_BY_LABELS = {**METHOD_LABELS, "deposit": _l("从押金里抵")}
"""How a payment was made."""


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


class DepositCaseForm(BaseForm):
    """What a household wants to keep of a deposit."""

    kind = RadioField(_l("扣哪一项"), [InputRequired(_l("请选一项。"))], choices=[])
    amount = YuanField(_l("扣多少"), [InputRequired(_l("请填写金额，例如 120"))])
    what = StringField(_l("具体是什么"), [InputRequired(_l("请写清楚是什么。")), Length(max=200)])
    evidence = FileField(_l("照片或票据"))

    def say_kinds(self, *, rent_open: bool) -> None:
        """The contract's cases, in the language of the page; unpaid rent only while there is some."""
        self.kind.choices = [
            SelectChoice(kind.value, case_kind_label(kind))
            for kind in CaseKind
            if rent_open or kind is not CaseKind.RENT
        ]


class CaseReplyForm(BaseForm):
    """The employer's word on it."""

    agrees = RadioField(
        _l("同意扣吗"),
        [InputRequired(_l("请选同意或不同意。"))],
        choices=[SelectChoice("yes", _l("同意扣")), SelectChoice("no", _l("不同意，请村里调解"))],
    )
    reply = StringField(_l("说一句为什么"), [Optional(), Length(max=200)])


class CaseDecisionForm(BaseForm):
    """What the village settles on."""

    amount = YuanField(_l("调解下来扣多少"), [InputRequired(_l("请填写金额，不扣写 0。"))], low_fen=0)
    decision = StringField(_l("怎么谈的"), [InputRequired(_l("请写一句结果。")), Length(max=200)])


class DepositReturnForm(BaseForm):
    """The deposit that went back outside the platform."""

    paid_on = DayField(_l("哪天退的"), [InputRequired(_l("请选退款的那一天"))])
    method = SelectField(
        _l("怎么退的"), choices=[SelectChoice(value, label) for value, label in METHOD_LABELS.items()]
    )
    serial = StringField(_l("银行流水号"), [Optional(), Length(max=60)])
    shown = HiddenField()

    @property
    def shown_fen(self) -> int:
        """What the page said goes back; -1 if it is none of ours."""
        typed = self.shown.data or ""
        return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 13 else -1
