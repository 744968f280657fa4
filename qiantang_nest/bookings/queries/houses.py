"""Houses of an area in their order: where the search, a hold and the planner look up rooms from.

Houses come out of the GiST index nearest first, inside a subquery that the planner does not tear apart
(OFFSET 0), so that who asks for twenty rooms reads a few houses more than they stand in. Where minutes need
more than one circle, as many houses as lie within reach are put in order first (10 ms for two thousand).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Double,
    Select,
    Subquery,
    TableValuedAlias,
    Text,
    all_,
    and_,
    any_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
    true,
    union_all,
)

from qiantang_nest.bookings.rules import Area
from qiantang_nest.geography.rules import Reach
from qiantang_nest.housing.models import House

_SQUEEZE = 0.8635
_METRES_PER_UNIT = 111_200
"""``House.place`` is scaled so that one unit is as long in every direction."""


@dataclass(frozen=True, slots=True)
class AreaShape:
    """Which conditions an area has; their values are bound, so that a statement is built once a shape."""

    villages: bool = False
    circle: bool = False
    within: bool = False

    @classmethod
    def of(cls, area: Area) -> Self:
        """The shape of an area."""
        return cls(
            villages=bool(area.village_codes),
            circle=area.reach_m is not None and area.within is None,
            within=area.within is not None,
        )


_NEAR = func.point(bindparam("near_x"), bindparam("near_y"))
FAR: ColumnElement[Any] = House.place.op("<->")(_NEAR)
"""How far a row of House lies from the bound ``near``, in units of ``House.place``."""

_PINNED = House.geo_precision == literal_column("'house'")
_COLUMNS: tuple[Any, ...] = (
    House.id,
    House.owner_id,
    House.village_code,
    House.lat,
    House.lon,
    House.safe_until,
    _PINNED.label("pinned"),
)

_FLOATS: ARRAY[float] = ARRAY(Double)
_CENTRE_XS: BindParameter[Sequence[float]] = bindparam("centre_xs", type_=_FLOATS)
_CENTRE_YS: BindParameter[Sequence[float]] = bindparam("centre_ys", type_=_FLOATS)
_REACHES: BindParameter[Sequence[float]] = bindparam("reaches", type_=_FLOATS)
_AHEADS: BindParameter[Sequence[float]] = bindparam("aheads", type_=_FLOATS)
_ROUTED_WITHIN: BindParameter[Sequence[str]] = bindparam("routed_within", type_=ARRAY(Text))
_ROUTED_FARS: BindParameter[Sequence[float]] = bindparam("routed_fars", type_=_FLOATS)
_NOWHERE = Reach(())


def area_values(area: Area) -> dict[str, Any]:
    """What the statements here bind."""
    reach = area.within or _NOWHERE
    return {
        "near_x": area.near.lon * _SQUEEZE,
        "near_y": area.near.lat,
        "area_villages": list(area.village_codes),
        "reach": (area.reach_m or 0) / _METRES_PER_UNIT,
        "centre_xs": [one.centre.lon * _SQUEEZE for one in reach.circles],
        "centre_ys": [one.centre.lat for one in reach.circles],
        "reaches": [one.reach_m / _METRES_PER_UNIT for one in reach.circles],
        "aheads": [one.ahead_m / _METRES_PER_UNIT for one in reach.circles],
        "routed": list(reach.routed),
        "routed_within": [code for code, _metres in reach.villages],
        "routed_fars": [metres / _METRES_PER_UNIT for _code, metres in reach.villages],
    }


def near_houses(shape: AreaShape, usable: ColumnElement[bool]) -> Subquery:
    """Houses of the area that are usable, the nearest or the quickest first; ``far`` is what orders them."""
    houses = _within(shape, usable) if shape.within else _around(shape, usable)
    return houses.order_by(text("far")).offset(literal_column("0")).subquery("near_house")


def houses_inside(shape: AreaShape, usable: ColumnElement[bool]) -> Subquery:
    """The same houses in no order, for counting in a few villages: those lead, each house is looked at."""
    return select(*_COLUMNS).where(_inside(shape), usable).subquery("house_inside")


def _around(shape: AreaShape, usable: ColumnElement[bool]) -> Select[Any]:
    return select(*_COLUMNS, FAR.label("far")).where(_inside(shape), usable)


def _within(shape: AreaShape, usable: ColumnElement[bool]) -> Select[Any]:
    """Houses within a ``Reach``, each with the least distance that its ways to work are worth.

    Each circle is one look into the index; a house in two of them counts from where it is quicker. As many
    houses are put in order as lie within reach, however many the district has.
    """
    circle = _rows("circle", x=_CENTRE_XS, y=_CENTRE_YS, reach=_REACHES, ahead=_AHEADS)
    centre = func.point(circle.c.x, circle.c.y)
    in_circle = (
        select(*_COLUMNS, (House.place.op("<->")(centre) + circle.c.ahead).label("far"))
        .join_from(circle, House, _stands_in(func.circle(centre, circle.c.reach)))
        .where(_by_circle(), _in_villages(shape), usable)
    )
    village = _rows("routed_village", code=_ROUTED_WITHIN, far=_ROUTED_FARS)
    in_village = (
        select(*_COLUMNS, village.c.far)
        .join_from(village, House, House.village_code == village.c.code)
        .where(~_PINNED, _in_villages(shape), usable)
    )
    reached = union_all(in_circle, in_village).subquery("reached")
    *columns, far = reached.c
    return select(*columns, func.min(far).label("far")).group_by(*columns)


def _inside(shape: AreaShape) -> ColumnElement[bool]:
    conditions = [_in_villages(shape)]
    if shape.circle:
        conditions.append(_stands_in(func.circle(_NEAR, bindparam("reach"))))
    if shape.within:
        circle = _rows("circle", x=_CENTRE_XS, y=_CENTRE_YS, reach=_REACHES)
        held = _stands_in(func.circle(func.point(circle.c.x, circle.c.y), circle.c.reach))
        conditions.append(
            or_(
                and_(_by_circle(), select(literal_column("1")).select_from(circle).where(held).exists()),
                and_(~_PINNED, House.village_code == any_(_ROUTED_WITHIN)),
            )
        )
    return and_(*conditions)


def _rows(name: str, **columns: BindParameter[Any]) -> TableValuedAlias:
    """Lists of one length as a table."""
    return func.unnest(*columns.values()).table_valued(*columns, name=name).render_derived()


def _in_villages(shape: AreaShape) -> ColumnElement[bool]:
    if not shape.villages:
        return true()
    return House.village_code == any_(bindparam("area_villages", type_=ARRAY(Text)))


def _by_circle() -> ColumnElement[bool]:
    """Whether a house counts by where it stands, not by what is known of its village."""
    return or_(_PINNED, House.village_code != all_(bindparam("routed", type_=ARRAY(Text))))


def _stands_in(circle: ColumnElement[Any]) -> ColumnElement[bool]:
    return House.place.op("<@", is_comparison=True)(circle)
