"""The form base and the fields whose values need care: money, phones, dates, identifiers."""

import unicodedata
from collections.abc import Callable
from datetime import date
from functools import cache
from gettext import GNUTranslations, NullTranslations, translation
from typing import Any

from flask import current_app, request
from flask_babel import get_locale
from flask_wtf import FlaskForm
from flask_wtf.form import _Auto
from wtforms import DateField, Field, FieldList, FormField, StringField
from wtforms.fields.choices import SelectChoice as SelectChoice  # type: ignore[attr-defined]  # newer than the stubs
from wtforms.i18n import messages_path
from wtforms.validators import ValidationError
from wtforms.widgets import TextInput

from qiantang_nest.core.errors import DomainError
from qiantang_nest.core.i18n import _
from qiantang_nest.core.money import format_yuan, parse_yuan

_ZERO_WIDTH = dict.fromkeys(
    (0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0xFEFF)
)


def clean_text(value: str) -> str:
    """Trim, drop zero-width and direction marks; leave the rest as typed.

    Raises ValidationError for NUL and lone surrogates, which no person types and PostgreSQL refuses.
    """
    cleaned = unicodedata.normalize("NFC", value.translate(_ZERO_WIDTH)).strip()
    if "\x00" in cleaned or any("\ud800" <= char <= "\udfff" for char in cleaned):
        raise ValidationError(_("里面有看不见的坏字符，请删掉重新填写。"))
    return cleaned


class BaseForm(FlaskForm):
    """Text arrives cleaned; each field tells one thing at a time; ``refuse`` shows a service's refusal."""

    class Meta(FlaskForm.Meta):
        def bind_field(self, form: Any, unbound_field: Any, options: dict[str, Any]) -> Any:
            if issubclass(unbound_field.field_class, StringField):
                unbound_field.kwargs.setdefault("filters", [])
                filters = [*unbound_field.kwargs["filters"]]
                if _strip not in filters:
                    filters.append(_strip)
                unbound_field.kwargs["filters"] = filters
            return unbound_field.bind(form=form, **options)

        def get_translations(self, form: Any) -> GNUTranslations | NullTranslations:
            """WTForms' own words; its Flask extension would read their file anew for every request."""
            spoken = get_locale() if "babel" in current_app.extensions else None
            return _wtforms_words(str(spoken))

        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            """Forms are forms: Flask-WTF would read a JSON body as well, of whatever shape."""
            if formdata is _Auto and not (request.form or request.files):
                return None
            return super().wrap_formdata(form, formdata)

    def validate(self, extra_validators: Any = None) -> bool:
        """Refuses a name sent twice, as nobody can say which was meant; a field tells its first error."""
        if self._sent_twice():
            self.form_errors.append(_("这张表里有一项交了两次，不知道算哪一次。请重新打开这一页再填。"))
            return False
        valid = bool(super().validate(extra_validators))
        for field in self:
            if not isinstance(field, FormField | FieldList):
                field.errors = field.errors[:1]
        return valid

    def refuse(self, field: Field | None, error: DomainError) -> None:
        """Put the sentence of a refusal where the form is shown again as typed.

        That is the field the error names if the form has it, else ``field``, else the form as a whole.
        """
        named = self._fields.get(getattr(error, "field", None) or "", field)
        if named is None:
            self.form_errors.append(str(error.message))
        else:
            named.errors = [*named.errors, str(error.message)]

    def _sent_twice(self) -> bool:
        """Whether a name came more than once though its field takes one value."""
        single = [name for name, field in self._fields.items() if not isinstance(field.data, list | tuple)]
        return request.method == "POST" and any(
            len(request.form.getlist(self._prefix + name)) > 1 for name in single
        )


@cache
def _wtforms_words(locale: str) -> GNUTranslations | NullTranslations:
    return translation("wtforms", messages_path(), [locale], fallback=True)


def given(field: Field) -> Any:
    """The value of a field that a validated form requires; typed loosely, since WTForms cannot know."""
    return field.data


def _strip(value: Any) -> Any:
    return clean_text(value) if isinstance(value, str) else value


class CheckedField(StringField):
    """Text that a checker normalises; the checker raises DomainError with the sentence to show."""

    def __init__(self, *args: Any, checker: Callable[[str], str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._checker = checker

    def post_validate(self, form: Any, validation_stopped: bool) -> None:
        if validation_stopped or not self.data:
            return
        try:
            self.data = self._checker(self.data)
        except DomainError as error:
            raise ValidationError(str(error.message)) from error


class YuanField(Field):
    """A sum typed in yuan, kept in fen (``data: int | None``)."""

    widget = TextInput()

    def __init__(
        self,
        label: Any = None,
        validators: list[Any] | None = None,
        *,
        low_fen: int = 1,
        high_fen: int = 10**11,
        **kwargs: Any,
    ) -> None:
        super().__init__(label, validators, **kwargs)
        self.low_fen, self.high_fen = low_fen, high_fen

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else format_yuan(self.data).replace(",", "")

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        if valuelist and valuelist[0].strip():
            try:
                self.data = parse_yuan(clean_text(valuelist[0]))
            except DomainError as error:
                raise ValueError(str(error.message)) from error

    def post_validate(self, form: Any, validation_stopped: bool) -> None:
        if validation_stopped or self.data is None:
            return
        if not self.low_fen <= self.data <= self.high_fen:
            raise ValidationError(
                _(
                    "%(value)s 元不在 %(low)s 到 %(high)s 元之间，请核对。",
                    value=format_yuan(self.data),
                    low=format_yuan(self.low_fen),
                    high=format_yuan(self.high_fen),
                )
            )


class DayField(DateField):
    """A date within living memory, with a sentence that names the value."""

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        if not valuelist or not valuelist[0].strip():
            return
        value = clean_text(valuelist[0])
        try:
            self.data = date.fromisoformat(value)
        except ValueError:
            raise ValueError(
                _("“%(value)s”不是一个日期，请写成 2026-11-30 这样。", value=value[:20])
            ) from None
        if not 1900 <= self.data.year <= 2099:
            raise ValueError(_("%(value)s 太远了，请核对年份。", value=value))
