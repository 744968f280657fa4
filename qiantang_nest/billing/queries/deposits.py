"""Deposits by room: what is held, what is claimed of it, what is to go back and by when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload

from qiantang_nest.billing import rules
from qiantang_nest.billing.models import Bill, BillLine, DepositCase, DepositReturn
from qiantang_nest.core.actor import Actor
from qiantang_nest.core.db import db
from qiantang_nest.occupancy.models import Handover, LeaseRoom
from qiantang_nest.occupancy.queries.handovers import lease_rooms_visible_to, sheets_of
from qiantang_nest.occupancy.queries.lease_changes import rooms_ever_of
from qiantang_nest.occupancy.rules import Moment


def deposits_held(lease_id: int) -> dict[int, int]:
    """lease room id → its part of the deposit in fen, once that is paid in full and until it went back.

    A room that came in another's place has that one's part instead.
    """
    rows = db.session.execute(
        select(BillLine.lease_room_id, func.sum(BillLine.amount_fen))
        .join(Bill, Bill.id == BillLine.bill_id)
        .where(
            Bill.lease_id == lease_id,
            Bill.kind == "deposit",
            Bill.voided_at.is_(None),
            Bill.paid_fen == Bill.amount_fen,
        )
        .group_by(BillLine.lease_room_id)
    )
    held = {lease_room_id: int(fen) for lease_room_id, fen in rows}
    rooms = rooms_ever_of(lease_id)  # ids ascend by joining
    for room in rooms:
        if room.follows_id is not None:
            held[room.id] = held.get(room.id, 0) + held.pop(room.follows_id, 0)
    back = db.session.execute(
        select(DepositReturn.lease_room_id).where(
            DepositReturn.lease_room_id.in_([room.id for room in rooms])
        )
    ).scalars()
    for lease_room_id in back:
        held.pop(lease_room_id, None)
    return held


@dataclass(frozen=True, slots=True)
class RoomDeposit:
    """A room's deposit on a day; sums in fen."""

    held_fen: int
    sheet: Handover | None
    """The sheet of giving back, once both sides have agreed to it."""
    cases: Sequence[DepositCase]
    kept_fen: int
    """Of the cases that are settled."""
    unsettled: int
    due_on: date | None
    returned: DepositReturn | None

    @property
    def back_fen(self) -> int:
        """What goes back."""
        return max(self.held_fen - self.kept_fen, 0)


def deposit_of(lease_room: LeaseRoom, today: date) -> RoomDeposit:
    """How the deposit of a room stands; four queries."""
    sheet = sheets_of([lease_room.id]).get((lease_room.id, Moment.END.value))
    agreed = sheet if sheet is not None and sheet.agreed else None
    cases = (
        db.session.execute(
            select(DepositCase)
            .where(DepositCase.lease_room_id == lease_room.id)
            .order_by(DepositCase.id)
            .execution_options(populate_existing=True)
        )
        .scalars()
        .all()
    )
    kept = [rules.kept_for(case, today) for case in cases]
    return RoomDeposit(
        held_fen=deposits_held(lease_room.lease_id).get(lease_room.id, 0),
        sheet=agreed,
        cases=cases,
        kept_fen=sum(fen for fen in kept if fen is not None),
        unsettled=kept.count(None),
        due_on=(
            agreed.happened_on + timedelta(days=lease_room.lease.deposit_return_days) if agreed else None
        ),
        returned=db.session.execute(
            select(DepositReturn).where(DepositReturn.lease_room_id == lease_room.id)
        ).scalar_one_or_none(),
    )


def cases_visible_to(actor: Actor) -> Select[DepositCase]:
    """Cases of the rooms an actor may see."""
    rooms = lease_rooms_visible_to(actor).with_only_columns(LeaseRoom.id)
    return (
        select(DepositCase)
        .options(joinedload(DepositCase.lease_room).joinedload(LeaseRoom.lease))
        .where(DepositCase.lease_room_id.in_(rooms))
    )
