"""Forms of bookings: what is searched, what is held, answers, terms, signatures, demands."""

from datetime import date, timedelta
from typing import Any

from wtforms import (
    BooleanField,
    DecimalField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, ValidationError
from wtforms.widgets import CheckboxInput, HiddenInput, ListWidget, TextInput

from qiantang_nest.bookings.rules import OnRefusal, Times, Wants
from qiantang_nest.bookings.rules.limits import RentUnit
from qiantang_nest.bookings.rules.need import Group
from qiantang_nest.bookings.services.demands import MOST_HEADS, Wanted
from qiantang_nest.core.errors import InvalidValue
from qiantang_nest.core.forms import BaseForm, DayField, SelectChoice, YuanField
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.core.period import Period
from qiantang_nest.enterprises.models import Worksite
from qiantang_nest.geography.rules import TravelMode
from qiantang_nest.housing.rules import FEATURES, Feature, feature_label
from qiantang_nest.occupancy.services.leases import Terms
from qiantang_nest.occupancy.services.withdrawing import REASON_LENGTH


class ChecksField(SelectMultipleField):
    """Several choices as boxes to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class WholeNumberField(IntegerField):
    """A whole number typed in digits; a text box, so that what is no number stays to be seen."""

    widget = TextInput()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("render_kw", {"inputmode": "numeric"})
        super().__init__(*args, **kwargs)

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        typed = valuelist[0].strip() if valuelist else ""
        if not typed:
            return
        if not (typed.isascii() and typed.isdigit()) or len(typed) > 9:
            raise ValueError(_("“%(value)s”不是整数，请写 12 这样的数字。", value=typed[:20]))
        self.data = int(typed)


class Between:
    """A number within bounds; what is no number has its own sentence already."""

    def __init__(self, low: int, high: int, message: Any = None) -> None:
        self.low, self.high = low, high
        self.message = message or _l("请写 %(low)s 到 %(high)s 之间的数。", low=low, high=high)

    def __call__(self, form: Any, field: Any) -> None:
        if field.data is not None and not self.low <= field.data <= self.high:
            raise ValidationError(str(self.message))


class Offered:
    """One of the field's choices, refused in words of its own; the field is not to check it as well."""

    def __init__(self, message: Any) -> None:
        self.message = message

    def __call__(self, form: Any, field: Any) -> None:
        if field.data not in {choice.value for choice in field.choices}:
            raise ValidationError(str(self.message))


class DatesForm(BaseForm):
    """From when to when; the last day is one of them."""

    starts_on = DayField(_l("哪天入住"), [InputRequired(_l("请写哪天入住。"))])
    last_on = DayField(_l("住到哪天"), [InputRequired(_l("请写住到哪天。"))])

    def validate_last_on(self, field: DayField) -> None:
        if self.starts_on.data is None or field.data is None:
            return
        try:
            Period.through(self.starts_on.data, field.data)
        except InvalidValue as error:
            raise ValidationError(str(error.message)) from error

    def period(self) -> Period:
        """The days asked for; call it on a valid form."""
        if self.starts_on.data is None or self.last_on.data is None:
            raise ValueError("a form without days was not validated")
        return Period.through(self.starts_on.data, self.last_on.data)


_UNITS = [
    SelectChoice("km", _l("公里")),
    SelectChoice("ebike", _l("分钟，电动车")),
    SelectChoice("walk", _l("分钟，走路")),
    SelectChoice("shuttle", _l("分钟，班车")),
]


class SearchForm(DatesForm):
    """What rooms to show. Everything stands in the address."""

    class Meta(BaseForm.Meta):
        csrf = False

    worksite = SelectField(
        _l("从哪个厂区算"),
        [Optional(), Offered(_l("这不是贵公司在用的厂区，请在列表里重新选一个。"))],
        choices=[],
        default="",
        validate_choice=False,
    )
    place = StringField(_l("或者从哪里算"), [Optional(), Length(max=60)])
    within = WholeNumberField(
        _l("最多多远"), [Optional(), Between(1, 120, _l("路程请写 1 到 120 之间的数。"))]
    )
    unit = SelectField(
        _l("怎么走"),
        [
            Optional(),
            Offered(_l("没有这种走法，请在列表里重新选一种。班车要企业登录以后，从自己的厂区算。")),
        ],
        choices=_UNITS,
        default="km",
        validate_choice=False,
    )
    area = SelectField(_l("只看哪里"), [Optional()], choices=[], default="")
    beds = WholeNumberField(
        _l("每间至少几张床"), [Optional(), Between(1, 20, _l("床数请写 1 到 20 之间的数。"))]
    )
    max_rent = YuanField(_l("每间每月最多"), [Optional()], low_fen=100, high_fen=10_000_000)
    features = ChecksField(_l("要有"), [Optional()], choices=[])

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.features.choices = [SelectChoice(code, feature_label(Feature(code))) for code in FEATURES]
        self.today = today

    def validate_starts_on(self, field: DayField) -> None:
        if field.data is not None and field.data < self.today:
            raise ValidationError(
                _("入住日期 %(day)s 已经过去，请改成今天或以后。", day=field.data.isoformat())
            )

    def leave_out_shuttle(self) -> None:
        """For those who have no gate that one could run to."""
        self.unit.choices = [choice for choice in _UNITS if choice.value != "shuttle"]

    def wants(self) -> Wants:
        """What each room must be."""
        return Wants(
            beds_at_least=self.beds.data or 1,
            max_rent_fen=self.max_rent.data,
            features=tuple(sorted(self.features.data or ())),
        )


def usual_dates(today: date) -> tuple[date, date]:
    """What is searched when nobody said: a week from now, for half a year."""
    starts_on = today + timedelta(days=7)
    return starts_on, starts_on + timedelta(days=181)


class TakeForm(BaseForm):
    """How many rooms or beds to hold in the area of a search; it stands in the address too."""

    class Meta(BaseForm.Meta):
        csrf = False

    count = WholeNumberField(_l("要多少"), [Optional()])
    count_of = SelectField(
        _l("间还是床"),
        [Optional()],
        choices=[SelectChoice("rooms", _l("间房")), SelectChoice("beds", _l("张床"))],
        default="rooms",
    )


class HoldForm(BaseForm):
    """The answer to «hold these rooms?»; what is to be held stands in the address."""

    on_refusal = RadioField(
        _l("有户主不租怎么办"),
        [DataRequired(_l("请选一种。"))],
        choices=[
            SelectChoice(OnRefusal.REPLACE.value, _l("在同村换一间一样好、不更贵的")),
            SelectChoice(OnRefusal.DROP.value, _l("不要那间，不换")),
        ],
        default=OnRefusal.REPLACE.value,
    )
    request_key = HiddenField(validators=[DataRequired(_l("这张表不完整，请回到找房页重新锁定。"))])
    shown_rent_fen = WholeNumberField(validators=[Optional()], widget=HiddenInput())


class ReleaseForm(BaseForm):
    """Which rooms of a hold are given back."""

    rooms = ChecksField(_l("放开哪几间"), choices=[], coerce=int)


class LengthenForm(BaseForm):
    """Why a hold must last longer."""

    reason = TextAreaField(
        _l("为什么要多留"),
        [
            DataRequired(_l("请写一句为什么要多留，户主看得到。")),
            Length(max=100, message=_l("原因请写短一点。")),
        ],
    )


class WaitForm(BaseForm):
    """From how many beds at a time on an offer is worth it."""

    least_beds = WholeNumberField(
        _l("一次至少几张床"),
        [InputRequired(_l("请写几张床。")), Between(1, 1000, _l("请写 1 到 1000 之间的数。"))],
    )


class TimesForm(BaseForm):
    """The district's times for holds, answers and signatures."""

    hold_hours = WholeNumberField(
        _l("锁定几小时"), [InputRequired(_l("请写几小时。")), Between(1, 168, _l("锁定请写 1 到 168 小时。"))]
    )
    answer_hours = WholeNumberField(
        _l("户主几小时内答复"),
        [InputRequired(_l("请写几小时。")), Between(1, 168, _l("答复请写 1 到 168 小时。"))],
    )
    lengthen_hours = WholeNumberField(
        _l("延长一次加几小时"),
        [InputRequired(_l("请写几小时，不许延长写 0。")), Between(0, 168, _l("延长请写 0 到 168 小时。"))],
    )
    offer_hours = WholeNumberField(
        _l("候补的房留几小时"),
        [InputRequired(_l("请写几小时。")), Between(1, 72, _l("候补请写 1 到 72 小时。"))],
    )
    sign_days = WholeNumberField(
        _l("预订后几天内签好合同"),
        [InputRequired(_l("请写几天。")), Between(1, 30, _l("签合同请写 1 到 30 天。"))],
    )
    basis = TextAreaField(
        _l("依据的文件和条款"), [DataRequired(_l("请写依据，比如 区住建局〔2027〕3 号。")), Length(max=300)]
    )
    effective_on = DayField(_l("哪天起用"), [InputRequired(_l("请写日期。"))])

    def validate_answer_hours(self, field: WholeNumberField) -> None:
        if field.data is not None and self.hold_hours.data is not None and field.data > self.hold_hours.data:
            raise ValidationError(
                _(
                    "答复 %(answer)s 小时比锁定 %(hold)s 小时长，请改短。",
                    answer=field.data,
                    hold=self.hold_hours.data,
                )
            )

    def times(self) -> Times:
        """The times as typed; call it on a valid form."""
        return Times(
            hold_hours=self.hold_hours.data or 0,
            answer_hours=self.answer_hours.data or 0,
            lengthen_hours=self.lengthen_hours.data or 0,
            offer_hours=self.offer_hours.data or 0,
            sign_days=self.sign_days.data or 0,
        )


class AddRoomsForm(DatesForm, HoldForm):
    """How many more rooms a booking gets, and for which days."""

    count = WholeNumberField(
        _l("再要几间房"), [InputRequired(_l("请写要几间房。")), Between(1, 500)], default=1
    )


class AnswerForm(BaseForm):
    """A household's answer; the rooms are ticked."""

    rooms = ChecksField(_l("哪几间"), choices=[], coerce=int)
    reason = TextAreaField(_l("不租的原因"), [Optional(), Length(max=200, message=_l("原因请写短一点。"))])


class TermsForm(BaseForm):
    """The terms of all leases of a booking, with the usual ones filled in."""

    convention = RadioField(
        _l("每月从哪天起算"),
        choices=[
            SelectChoice("anchor", _l("从入住那天起，每满一个月算一期")),
            SelectChoice("calendar", _l("按自然月，头尾不满一个月的按天算")),
        ],
        default="anchor",
    )
    proration = RadioField(
        _l("不满一个月怎么折算"),
        choices=[
            SelectChoice("actual", _l("按那个月的实际天数")),
            SelectChoice("30", _l("按一个月 30 天")),
        ],
        default="actual",
    )
    grace_days = WholeNumberField(
        _l("每期第一天后几天内付"), [InputRequired(_l("请写几天。")), Between(0, 60)], default=5
    )
    deposit_months = WholeNumberField(
        _l("押金几个月"),
        [InputRequired(_l("请写几个月，不收押金写 0。")), Between(0, 3, _l("押金最多 3 个月。"))],
        default=1,
    )
    deposit_return_days = WholeNumberField(
        _l("退房后几天内退押金"), [InputRequired(_l("请写几天。")), Between(0, 60)], default=7
    )
    utilities_by = RadioField(
        _l("水电燃气谁付"),
        choices=[SelectChoice("lessee", _l("企业按表付")), SelectChoice("lessor", _l("户主付"))],
        default="lessee",
    )
    late_fee_permyriad = WholeNumberField(
        _l("逾期违约金（每天万分之几）"),
        [InputRequired(_l("请写数字，不收写 0。")), Between(0, 10, _l("每天最多万分之十。"))],
        default=5,
    )
    notice_days = WholeNumberField(
        _l("提前退租要提前几天说"), [InputRequired(_l("请写几天。")), Between(0, 180)], default=30
    )
    drop_waiting = BooleanField(_l("不等了，没答复的几间不要"))

    def terms(self) -> Terms:
        """The terms as typed."""
        return Terms(
            convention=self.convention.data,
            proration=self.proration.data,
            grace_days=self.grace_days.data or 0,
            deposit_months=self.deposit_months.data or 0,
            deposit_return_days=self.deposit_return_days.data or 0,
            utilities_by=self.utilities_by.data,
            late_fee_permyriad=self.late_fee_permyriad.data or 0,
            notice_days=self.notice_days.data or 0,
        )


class SignForm(BaseForm):
    """The code from the signer's phone, and the document it is for."""

    code = StringField(
        _l("手机收到的 6 位签字码"), [DataRequired(_l("请填手机收到的 6 位签字码。")), Length(max=20)]
    )
    document = HiddenField(validators=[DataRequired(_l("请重新打开合同看过再签。"))])


class WithdrawLeaseForm(BaseForm):
    """Why a lease that is not signed yet is given up."""

    reason = TextAreaField(
        _l("原因"),
        [
            DataRequired(_l("请写一句原因，对方看得到。")),
            Length(max=REASON_LENGTH, message=_l("原因最多写 %(max)d 个字。")),
        ],
    )


class DangerForm(BaseForm):
    """Why a house may not be let any longer."""

    reason = TextAreaField(
        _l("鉴定结论和依据"), [DataRequired(_l("请写鉴定等级和报告编号。")), Length(max=300)]
    )


_HEADS = Between(0, MOST_HEADS, _l("人数请写 0 到 %(most)s 之间的数。", most=MOST_HEADS))


class DemandForm(DatesForm):
    """A need of beds, in the order in which a person thinks of it: who, where, when, how much, what else."""

    day_men = WholeNumberField(_l("白班男"), [Optional(), _HEADS])
    day_women = WholeNumberField(_l("白班女"), [Optional(), _HEADS])
    night_men = WholeNumberField(_l("夜班男（白天睡）"), [Optional(), _HEADS])
    night_women = WholeNumberField(_l("夜班女（白天睡）"), [Optional(), _HEADS])
    couples = WholeNumberField(_l("夫妻（对）"), [Optional(), _HEADS])
    worksite = SelectField(_l("在哪个厂区上班"), [Optional()], choices=[], default="")
    shifts = StringField(_l("班次时间"), [Optional(), Length(max=60)])
    max_minutes = WholeNumberField(
        _l("到厂门口最多几分钟"), [Optional(), Between(1, 120, _l("路程请写 1 到 120 之间的数。"))]
    )
    travel_mode = SelectField(
        _l("怎么去"),
        choices=[
            SelectChoice(TravelMode.EBIKE.value, _l("电动车")),
            SelectChoice(TravelMode.WALK.value, _l("走路")),
            SelectChoice(TravelMode.SHUTTLE.value, _l("班车")),
        ],
        default=TravelMode.EBIKE.value,
    )
    area = SelectField(_l("只要哪里的房"), [Optional()], choices=[], default="")
    max_rent = YuanField(_l("每月租金最多"), [Optional()], low_fen=100, high_fen=10_000_000)
    rent_unit = SelectField(
        _l("按床还是按间"),
        choices=[
            SelectChoice(RentUnit.BED.value, _l("每张床")),
            SelectChoice(RentUnit.ROOM.value, _l("每间房")),
        ],
        default=RentUnit.BED.value,
    )
    utilities_by = RadioField(
        _l("水电燃气谁付"),
        choices=[SelectChoice("lessee", _l("企业按表付")), SelectChoice("lessor", _l("户主付"))],
        default="lessee",
    )
    features = ChecksField(_l("每间要有"), [Optional()], choices=[])
    max_floor = WholeNumberField(
        _l("最高住到几楼"), [Optional(), Between(1, 10, _l("楼层请写 1 到 10 之间的数。"))]
    )
    ground_beds = WholeNumberField(_l("至少几张床在一楼"), [Optional(), _HEADS])
    spare_percent = WholeNumberField(
        _l("多备几成床（百分比）"), [Optional(), Between(0, 50, _l("备用床请写 0 到 50 之间的数。"))]
    )
    same_village = BooleanField(_l("最好都在一个村"))
    note = TextAreaField(_l("还有什么要求"), [Optional(), Length(max=300)])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.features.choices = [SelectChoice(code, feature_label(Feature(code))) for code in FEATURES]

    def wanted(self, worksite: Worksite | None) -> Wanted:
        """What the form says, with the worksite found for its choice; call it on a valid form."""
        return Wanted(
            worksite=worksite,
            period=self.period(),
            heads={
                Group.DAY_MEN: self.day_men.data or 0,
                Group.DAY_WOMEN: self.day_women.data or 0,
                Group.NIGHT_MEN: self.night_men.data or 0,
                Group.NIGHT_WOMEN: self.night_women.data or 0,
                Group.COUPLE: self.couples.data or 0,
            },
            shifts=self.shifts.data or "",
            max_rent_fen=self.max_rent.data,
            rent_unit=RentUnit(self.rent_unit.data),
            max_minutes=self.max_minutes.data,
            travel_mode=TravelMode(self.travel_mode.data),
            area_code=self.area.data or None,
            max_floor=self.max_floor.data,
            ground_beds=self.ground_beds.data or 0,
            features=tuple(sorted(self.features.data or ())),
            utilities_by=self.utilities_by.data,
            same_village=bool(self.same_village.data),
            spare_percent=self.spare_percent.data or 0,
            note=self.note.data or "",
        )

    def show(self, wanted: Wanted) -> None:
        """Fill the form with what a demand says."""
        for name, group in (
            ("day_men", Group.DAY_MEN),
            ("day_women", Group.DAY_WOMEN),
            ("night_men", Group.NIGHT_MEN),
            ("night_women", Group.NIGHT_WOMEN),
            ("couples", Group.COUPLE),
        ):
            self[name].data = wanted.heads.get(group) or None
        self.worksite.data = str(wanted.worksite.id) if wanted.worksite else ""
        self.starts_on.data, self.last_on.data = wanted.period.starts_on, wanted.period.inclusive_end
        self.max_rent.data, self.rent_unit.data = wanted.max_rent_fen, wanted.rent_unit.value
        self.travel_mode.data, self.area.data = wanted.travel_mode.value, wanted.area_code or ""
        self.features.data = list(wanted.features)
        self.ground_beds.data, self.spare_percent.data = (
            wanted.ground_beds or None,
            wanted.spare_percent or None,
        )
        for name in ("shifts", "max_minutes", "max_floor", "utilities_by", "same_village", "note"):
            self[name].data = getattr(wanted, name)


class WithdrawForm(BaseForm):
    """Why the beds are no longer wanted."""

    reason = TextAreaField(
        _l("为什么不要了"), [DataRequired(_l("请写一句原因，街道和区里看得到。")), Length(max=200)]
    )


class ChoiceForm(BaseForm):
    """A room or a house to pin, to strike, or to leave to the planner again."""

    kind = SelectField(
        choices=[SelectChoice("pin", ""), SelectChoice("strike", ""), SelectChoice("clear", "")],
        validators=[DataRequired()],
    )
    room = WholeNumberField(validators=[Optional()])
    house = WholeNumberField(validators=[Optional()])


class ChangeForm(BaseForm):
    """Which of the proposed changes is to be made."""

    number = WholeNumberField(validators=[InputRequired()])


class HoldPlanForm(HoldForm):
    """The answer to «hold this plan?»; ``swaps`` are the stand-ins seen, ``gone:new`` with commas between."""

    swaps = HiddenField(validators=[Optional(), Length(max=20_000)])

    def agreed(self) -> dict[int, int]:
        """Room that went → its stand-in. Raises InvalidValue for what the page did not write."""
        try:
            pairs = [pair.split(":") for pair in (self.swaps.data or "").split(",") if pair]
            return {int(gone): int(new) for gone, new in pairs}
        except ValueError as error:
            raise InvalidValue(_("这张表不完整，请回到方案重新锁定。")) from error


class FairnessForm(BaseForm):
    """The district's bound: how much dearer a plan may be for the sake of households let least."""

    percent = DecimalField(
        _l("方案最多可以贵百分之几"),
        [InputRequired(_l("请写百分之几，不照顾写 0。")), NumberRange(0, 20, _l("请写 0 到 20 之间的数。"))],
        places=1,
    )
    basis = StringField(_l("依据"), [DataRequired(_l("请写依据的文件或会议。")), Length(max=200)])
    effective_on = DayField(_l("从哪天起用"), [InputRequired(_l("请写从哪天起用。"))])
