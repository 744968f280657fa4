"""What the figures may be asked for."""

from collections.abc import Sequence
from datetime import date

from wtforms import SelectField
from wtforms.validators import Optional

from qiantang_nest.core.forms import BaseForm, DayField, SelectChoice
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.geography.models import Village


class OccupancyForm(BaseForm):
    """A day and an area; kept in the address."""

    class Meta(BaseForm.Meta):
        csrf = False

    day = DayField(_l("哪一天"), validators=[Optional()])
    area = SelectField(_l("哪里"), validators=[Optional()], validate_choice=False)

    def offer(self, villages: Sequence[Village], whole: tuple[str, str]) -> None:
        """Let the person choose the whole (code, name), a street if there are several, or a village."""
        choices = [SelectChoice(*whole)]
        streets = {village.street.code: village.street.name for village in villages}
        if len(streets) > 1:
            choices += [SelectChoice(code, name) for code, name in streets.items()]
        choices += [
            SelectChoice(
                village.code, _("%(street)s · %(village)s", street=village.street.name, village=village.name)
            )
            for village in villages
            if village.code != whole[0]
        ]
        self.area.choices = choices

    def day_or(self, today: date) -> date:
        """The day asked for, at most ``today``; today when none or an odd one was typed."""
        return today if self.day.errors or self.day.data is None else min(self.day.data, today)
