"""Forms of signing in, of the own account, of colleagues and of the administrators."""

from typing import Any

from wtforms import (
    BooleanField,
    HiddenField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional
from wtforms.widgets import TelInput

from qiantang_nest.accounts.rules import (
    GRANTED_ROLES,
    LONGEST_PASSWORD,
    ROLE_LABELS,
    Role,
    check_password,
)
from qiantang_nest.core.errors import DomainError
from qiantang_nest.core.forms import BaseForm, CheckedField, DayField, SelectChoice
from qiantang_nest.core.i18n import LOCALES, _, _l
from qiantang_nest.core.identifiers import check_mobile
from qiantang_nest.core.text import normalise


class PhoneField(CheckedField):
    """A mobile number, normalised."""

    widget: Any = TelInput()

    def __init__(self, label: Any = None, **kwargs: Any) -> None:
        required = kwargs.pop("required", True)
        validators = [InputRequired(_l("请填写手机号")) if required else Optional(), Length(max=40)]
        super().__init__(label, validators, checker=check_mobile, **kwargs)


def name_field(label: Any, hint: str = "name") -> Any:
    """A person's name, 2 to 40 characters."""
    return CheckedField(
        label,
        [InputRequired(_l("请填写姓名"))],
        checker=check_person_name,
        render_kw={"autocomplete": hint, "maxlength": 40},
    )


def check_person_name(text: str) -> str:
    """Trimmed, inner spaces single. Raises ValidationError through the field."""
    name = " ".join(normalise(text).split())
    if not 2 <= len(name) <= 40:
        raise ValidationError(_("姓名应为 2 到 40 个字"))
    return name


def _code_field(label: Any) -> StringField:
    return StringField(
        label,
        [InputRequired(_l("请填写 6 位数字")), Length(max=20)],
        render_kw={"inputmode": "numeric", "autocomplete": "one-time-code", "maxlength": 12},
    )


class SignInForm(BaseForm):
    """Phone and password."""

    next = HiddenField()
    phone = PhoneField(_l("手机号"), render_kw={"autocomplete": "username"})
    password = PasswordField(
        _l("密码"),
        [InputRequired(_l("请填写密码")), Length(max=LONGEST_PASSWORD)],
        render_kw={"autocomplete": "current-password"},
    )


class SendCodeForm(BaseForm):
    """The other way in: a code to the phone."""

    next = HiddenField()
    phone = PhoneField(_l("手机号"), render_kw={"autocomplete": "tel"})


class CodeForm(BaseForm):
    """The code that came."""

    next = HiddenField()
    phone = HiddenField()
    code = _code_field(_l("短信验证码"))


class SignUpForm(BaseForm):
    """Who the person behind a proven phone is."""

    name = name_field(_l("您的姓名"))
    kind = RadioField(
        _l("您来办什么"),
        [InputRequired(_l("请选一个"))],
        choices=[
            SelectChoice("villager", _l("我是村民，有空房要租")),
            SelectChoice("employer", _l("我是企业的，要给员工找住处")),
        ],
    )
    consent = BooleanField(
        _l("我看过隐私说明，同意按它处理我的信息"), [InputRequired(_l("看过并同意隐私说明才能开账号"))]
    )


class VillagerForm(BaseForm):
    """What the law asks a villager to know before letting (土地管理法 art. 62)."""

    no_new_homestead = BooleanField(
        _l("我知道：房子出租以后，再申请宅基地不会批准"), [InputRequired(_l("请看过再打勾"))]
    )
    of_own_will = BooleanField(
        _l("我出租是自愿的，没有人强迫，房子还是我家的"), [InputRequired(_l("请看过再打勾"))]
    )


class SecondFactorForm(BaseForm):
    """The time-based code."""

    next = HiddenField()
    grant = HiddenField()
    code = _code_field(_l("动态码"))


class AccountForm(BaseForm):
    """Own name, language, type size."""

    name = name_field(_l("姓名"))
    locale = SelectField(
        _l("语言"),
        choices=[
            SelectChoice("", _l("跟浏览器走")),
            *(SelectChoice(code, name) for code, name in LOCALES.items()),
        ],
    )
    large_type = BooleanField(_l("用大字"))


class PasswordForm(BaseForm):
    """A new password, with a code sent to the own phone."""

    code = _code_field(_l("短信验证码"))
    password = PasswordField(
        _l("新密码"),
        [InputRequired(_l("请填写新密码")), Length(max=LONGEST_PASSWORD)],
        render_kw={"autocomplete": "new-password"},
    )
    again = PasswordField(
        _l("新密码，再填一次"),
        [InputRequired(_l("请把新密码再填一次"))],
        render_kw={"autocomplete": "new-password"},
    )

    def validate_password(self, field: PasswordField) -> None:
        try:
            check_password(field.data or "", phone=None)
        except DomainError as error:
            raise ValidationError(str(error.message)) from error

    def validate_again(self, field: PasswordField) -> None:
        if field.data != self.password.data:
            raise ValidationError(_("两次填的密码不一样，请再填一次"))


class NewPhoneForm(BaseForm):
    """The number to change to."""

    phone = PhoneField(_l("新手机号"), render_kw={"autocomplete": "tel"})


class ChangePhoneForm(BaseForm):
    """Both codes: the old phone agrees, the new one is there."""

    phone = HiddenField()
    old_code = _code_field(_l("旧手机收到的验证码"))
    new_code = _code_field(_l("新手机收到的验证码"))


class InviteForm(BaseForm):
    """A colleague."""

    phone = PhoneField(_l("同事的手机号"), render_kw={"autocomplete": "off"})
    name = name_field(_l("同事的姓名"), "off")
    role = SelectField(
        _l("角色"),
        [InputRequired()],
        choices=[
            SelectChoice(role.value, ROLE_LABELS[role])
            for role in (Role.EMPLOYER_STAFF, Role.EMPLOYER_MANAGER)
        ],
    )


class NewUserForm(BaseForm):
    """An account for someone of an office; a security administrator gives the roles."""

    name = name_field(_l("姓名"), "off")
    phone = PhoneField(_l("手机号"), render_kw={"autocomplete": "off"})


class UserSearchForm(BaseForm):
    """A part of a name, or a whole phone number."""

    class Meta(BaseForm.Meta):
        csrf = False

    q = StringField(_l("姓名或完整手机号"), [Length(max=40)])


class GrantForm(BaseForm):
    """A role over a place."""

    role = SelectField(
        _l("角色"),
        [InputRequired()],
        choices=[SelectChoice(role.value, ROLE_LABELS[role]) for role in GRANTED_ROLES],
    )
    scope = SelectField(_l("地方"))


class ReasonForm(BaseForm):
    """Why something that cannot be taken back is done."""

    reason = TextAreaField(_l("原因"), [InputRequired(_l("请写明原因")), Length(max=500)])


class AuditFilterForm(BaseForm):
    """What an auditor looks for."""

    class Meta(BaseForm.Meta):
        csrf = False

    user_id = IntegerField(_l("谁（账号编号）"), [Optional(), NumberRange(1, 2**62)])
    action = StringField(_l("动作，开头几个字母也行"), [Length(max=60)])
    entity = StringField(_l("对象（表名）"), [Length(max=60)])
    entity_id = IntegerField(_l("对象编号"), [Optional(), NumberRange(0, 2**62)])
    first_day = DayField(_l("从哪天"), [Optional()])
    last_day = DayField(_l("到哪天"), [Optional()])
