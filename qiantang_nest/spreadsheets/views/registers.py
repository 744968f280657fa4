"""The page from which the register of occupants goes out."""

from datetime import timedelta

from flask import Response, render_template
from wtforms import RadioField, SelectField
from wtforms.validators import InputRequired, Optional

from qiantang_nest.accounts.rules import Permission, may
from qiantang_nest.core import clock
from qiantang_nest.core.access import requires
from qiantang_nest.core.db import transaction
from qiantang_nest.core.errors import DomainError, NotAllowed
from qiantang_nest.core.forms import BaseForm, DayField, SelectChoice, given
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.core.web import actor
from qiantang_nest.geography.queries import area_name
from qiantang_nest.occupancy.forms.stays import REVEAL_PURPOSES
from qiantang_nest.occupancy.queries.registrations import MOST_UNMASKED_ROWS
from qiantang_nest.occupancy.queries.stays import villages_of_stays
from qiantang_nest.spreadsheets.services.register import register_workbook
from qiantang_nest.spreadsheets.views import blueprint
from qiantang_nest.spreadsheets.views.rosters import workbook_response


class RegisterForm(BaseForm):
    """Which days and village, and whether numbers are shown in full."""

    first = DayField(_l("从哪天"), [InputRequired(_l("请填写从哪天"))])
    last = DayField(_l("到哪天"), [InputRequired(_l("请填写到哪天"))])
    village = SelectField(_l("村"))
    numbers = RadioField(
        _l("证件号和手机"),
        choices=[
            SelectChoice("masked", _l("隐去中间几位")),
            SelectChoice("full", _l("完整号码，写明用途")),
        ],
        default="masked",
    )
    purpose = SelectField(
        _l("用途"), [Optional()], choices=[SelectChoice("", _l("不需要完整号码")), *REVEAL_PURPOSES]
    )


@blueprint.route("/register/export", methods=["GET", "POST"])
@requires(Permission.STAY_READ)
def export_register() -> str | tuple[str, int] | Response:
    """The register of occupants as a file; with full numbers only for a purpose, up to 1,000 people."""
    who, today, now = actor(), clock.today(), clock.now()
    form = RegisterForm()
    form.village.choices = [
        SelectChoice("", _("全部")),
        *(SelectChoice(*one) for one in villages_of_stays(who)),
    ]
    can_open = may(who.role, Permission.WORKER_REVEAL)
    if not form.is_submitted():
        form.first.data, form.last.data = today - timedelta(days=29), today
    if form.validate_on_submit():
        unit = area_name(who.scope) if who.is_office else who.name
        try:
            with transaction():
                data = register_workbook(
                    first=given(form.first),
                    last=given(form.last),
                    village_code=form.village.data or "",
                    purpose=form.purpose.data or "",
                    unmasked=form.numbers.data == "full",
                    actor=who,
                    unit=unit,
                    now=now,
                )
            return workbook_response(data, f"register-{given(form.last).isoformat()}.xlsx")
        except NotAllowed:
            raise
        except DomainError as error:
            form.refuse(
                form.purpose if form.numbers.data == "full" and not form.purpose.data else form.first, error
            )
    body = render_template(
        "spreadsheets/export_register.html",
        layout="layouts/phone.html" if who.role == "villager" else "layouts/desk.html",
        form=form,
        can_open=can_open,
        most=MOST_UNMASKED_ROWS,
    )
    return (body, 422) if form.is_submitted() else body
