"""The questions of listing a house, one form a screen, and what the clerk decides."""

from decimal import Decimal
from typing import Any

from flask_wtf.file import MultipleFileField
from wtforms import (
    BooleanField,
    IntegerField,
    RadioField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from qiantang_nest.core.forms import BaseForm, DayField, YuanField
from qiantang_nest.core.i18n import _l
from qiantang_nest.housing.forms.fields import AreaField, choices
from qiantang_nest.housing.rules import Feature, RoomKind, feature_label, room_kind_label

LOWEST_RENT_FEN, HIGHEST_RENT_FEN = 5_000, 2_000_000


DIRECT_LABEL = _l("价钱合适就租，企业可以直接订，不用先问我")


class HouseStep(BaseForm):
    """Where in the village the house stands."""

    address: Any = StringField(
        _l("门牌，比如 3组18号"), [InputRequired(_l("请写门牌，比如 3组18号")), Length(max=60)]
    )
    floors: Any = IntegerField(
        _l("一共几层"),
        [InputRequired(_l("请写几层")), NumberRange(1, 9, _l("农房是 1 到 9 层，请核对"))],
        default=3,
    )


class RoomStep(BaseForm):
    """Which room, and how large."""

    floor: Any = IntegerField(
        _l("在几楼"),
        [InputRequired(_l("请写几楼")), NumberRange(1, 9, _l("楼层是 1 到 9，请核对"))],
        default=1,
    )
    label: Any = StringField(
        _l("叫几号房，比如 201"), [InputRequired(_l("请写房号，比如 201")), Length(max=20)]
    )
    usable_m2: Any = AreaField(
        _l("里面能用的面积"),
        [InputRequired(_l("请写面积，长乘宽就行"))],
        low=Decimal("1"),
        high=Decimal("200"),
    )


class KindStep(BaseForm):
    """What the room was built as."""

    kind: Any = RadioField(_l("这间房原来是做什么用的"), [InputRequired(_l("请选一样"))])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind.choices = choices((kind.value, room_kind_label(kind)) for kind in RoomKind)


class BedsStep(BaseForm):
    """How many beds."""

    beds: Any = IntegerField(_l("放几张床"), [InputRequired(_l("请写放几张床")), NumberRange(1, 20)])


class FeaturesStep(BaseForm):
    """What is in it."""

    features: Any = SelectMultipleField(
        _l("房里有什么，有的都点上"),
        [Optional()],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.features.choices = choices((item.value, feature_label(item)) for item in Feature)


class RentStep(BaseForm):
    """Rent a month for the whole room."""

    rent_fen: Any = YuanField(
        _l("一个月租金"),
        [InputRequired(_l("请写一个月多少钱"))],
        low_fen=LOWEST_RENT_FEN,
        high_fen=HIGHEST_RENT_FEN,
    )


class PhotosStep(BaseForm):
    """Pictures from the camera."""

    photos: Any = MultipleFileField(_l("拍 2 到 6 张：门口、床、窗户、卫生间"))


class OfferForm(BaseForm):
    """From when to when, and the two things an owner has to know (土地管理法 art. 62)."""

    starts_on: Any = DayField(_l("从哪天起可以住"), [InputRequired(_l("请写日期"))])
    last_day: Any = DayField(_l("最晚租到哪天"), [InputRequired(_l("请写日期"))])
    conditions: Any = StringField(_l("还有什么要说的，比如不能养狗"), [Optional(), Length(max=200)])
    direct: Any = BooleanField(DIRECT_LABEL)
    knows: Any = BooleanField(
        _l("我知道：房子出租以后，不能再申请新的宅基地；租不租是我自己愿意的"),
        [InputRequired(_l("请先看这一句，同意再打勾"))],
    )


class ChangeOfferForm(BaseForm):
    """A new price or period."""

    rent_fen: Any = YuanField(
        _l("一个月租金"),
        [InputRequired(_l("请写一个月多少钱"))],
        low_fen=LOWEST_RENT_FEN,
        high_fen=HIGHEST_RENT_FEN,
    )
    starts_on: Any = DayField(_l("从哪天起可以住"), [InputRequired(_l("请写日期"))])
    last_day: Any = DayField(_l("最晚租到哪天"), [InputRequired(_l("请写日期"))])
    direct: Any = BooleanField(DIRECT_LABEL)


class ReasonForm(BaseForm):
    """One sentence the other side, or the record, will read."""

    reason: Any = TextAreaField(
        _l("原因"),
        [InputRequired(_l("请写一句原因")), Length(min=2, max=200, message=_l("请写 2 到 200 个字"))],
    )


class LinkRequestForm(BaseForm):
    """Which household the villager says is theirs."""

    village_code: Any = RadioField(_l("您家在哪个村"), [InputRequired(_l("请选村"))])
    note: Any = StringField(
        _l("几组几号，户主叫什么"),
        [InputRequired(_l("写一句村里就能认出来，比如 3组18号 沈桂珍家")), Length(max=100)],
    )
