"""What a plan amounts to, what stands in for a room that has gone, and what speaks against a plan. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median_low
from typing import Protocol

from qiantang_nest.bookings.rules.limits import Offered
from qiantang_nest.bookings.rules.need import Group, Need, Wish
from qiantang_nest.bookings.rules.solver import Block
from qiantang_nest.core.i18n import _, _l
from qiantang_nest.core.money import format_yuan

GROUP_WORDS = {
    Group.DAY_MEN: _l("白班男"),
    Group.DAY_WOMEN: _l("白班女"),
    Group.NIGHT_MEN: _l("夜班男"),
    Group.NIGHT_WOMEN: _l("夜班女"),
    Group.COUPLE: _l("夫妻"),
}
WISH_WORDS = {Wish.COST: _l("最省钱"), Wish.WAY: _l("路最近"), Wish.HOUSES: _l("最好管")}


class PlanFigures(Protocol):
    """The figures of a plan, stored or not."""

    kind: str
    rent_fen: int
    spare_beds: int
    houses: int
    villages: int
    longest_minutes: int
    recheck_rooms: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What a block amounts to; the names are those of ``models.Plan``."""

    rent_fen: int
    beds: int
    spare_beds: int
    rooms: int
    houses: int
    owners: int
    villages: int
    median_minutes: int
    longest_minutes: int
    recheck_rooms: int
    gap_permyriad: int
    milliseconds: int
    plain_rent_fen: int
    least_let: int
    plain_least_let: int


def figures_of(block: Block, need: Need, offered: Collection[Offered], ends_on: date) -> Figures:
    """The figures of a block; minutes are weighed by beds, as people go the way and not rooms."""
    rooms = [place.room for place in block.placed]
    of_beds = sorted(room.minutes for room in rooms for _bed in range(room.beds))
    safe = {one.room.room_id: one.safe_until for one in offered}
    beds = sum(room.beds for room in rooms)
    return Figures(
        rent_fen=block.rent_fen,
        beds=beds,
        spare_beds=beds - need.people + block.lacking.people,
        rooms=len(rooms),
        houses=len({room.house_id for room in rooms}),
        owners=len({room.owner_id for room in rooms}),
        villages=len({room.village_code for room in rooms}),
        median_minutes=median_low(of_beds) if of_beds else 0,
        longest_minutes=max(of_beds, default=0),
        recheck_rooms=sum(safe[room.room_id] < ends_on for room in rooms),
        gap_permyriad=-int(-block.gap * 10_000 // 1),
        milliseconds=round(block.seconds * 1000),
        plain_rent_fen=block.plain_rent_fen,
        least_let=block.least_let,
        plain_least_let=block.plain_least_let,
    )


def weak_point(plan: PlanFigures, others: Sequence[PlanFigures]) -> str:
    """What speaks most against a plan beside the others, in words; every plan has its fault stated."""
    beside = [other for other in others if other is not plan]
    cheapest = min((other.rent_fen for other in beside), default=plan.rent_fen)
    if plan.rent_fen > cheapest * 1.02:
        return str(_("每月比最省的多 %(sum)s 元", sum=format_yuan(plan.rent_fen - cheapest)))
    nearest = min((other.longest_minutes for other in beside), default=plan.longest_minutes)
    if plan.longest_minutes > nearest + 2:
        return str(
            _(
                "最远要 %(minutes)s 分钟，比最近的多 %(more)s 分钟",
                minutes=plan.longest_minutes,
                more=plan.longest_minutes - nearest,
            )
        )
    fewest = min((other.houses for other in beside), default=plan.houses)
    if plan.houses > fewest:
        return str(
            _(
                "分在 %(villages)s 个村 %(houses)s 座房子，管起来散",
                villages=plan.villages,
                houses=plan.houses,
            )
        )
    if plan.recheck_rooms:
        return str(_("%(rooms)s 间的安全检查住到一半要复查", rooms=plan.recheck_rooms))
    if plan.spare_beds == 0:
        return str(_("没有一张备用床，来人多了要另找"))
    return str(_("多出 %(beds)s 张床，也要付租金", beds=plan.spare_beds))


@dataclass(frozen=True, slots=True)
class Gone:
    """A room of a plan that can no longer be taken, and who was to sleep there."""

    room_id: int
    beds: int
    rent_fen: int
    minutes: int
    group: Group


def stand_in(gone: Gone, free: Sequence[Offered], taken: Collection[int]) -> Offered | None:
    """The room that replaces one: as many beds, the least dearer, the least farther; None if there is none.

    A room with more beds costs more for nothing, so of two as good the one with fewer beds is taken.
    """
    fitting = [one for one in free if one.room.beds >= gone.beds and one.room.room_id not in taken]
    return min(
        fitting,
        key=lambda one: (
            max(0, one.room.rent_fen - gone.rent_fen),
            max(0, one.room.minutes - gone.minutes),
            one.room.beds,
            one.room.rent_fen,
            one.room.room_id,
        ),
        default=None,
    )
