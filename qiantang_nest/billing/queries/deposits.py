"""Deposits by room: what is held, what is claimed of it, what is to go back and by when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import joinedload

from qiantang_nest.billing import rules
from qiantang_nest.billing.models import Bill, BillLine, DepositCase, DepositReturn
from qiantang_nest.billing.queries.bills import OPEN
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


def open_rent_of(lease_id: int) -> Sequence[Bill]:
    """The rent bills of a lease that are not paid in full, earliest due first."""
    return (
        db.session.execute(
            select(Bill)
            .where(Bill.lease_id == lease_id, Bill.kind == "rent", OPEN)
            .order_by(Bill.due_on, Bill.id)
            .execution_options(populate_existing=True)
        )
        .scalars()
        .all()
    )


def rent_claimed_elsewhere(lease_room: LeaseRoom, today: date) -> int:
    """What other rooms of the lease are to pay of its open rent out of deposits not settled yet, in fen."""
    cases = db.session.execute(
        select(DepositCase)
        .join(LeaseRoom, LeaseRoom.id == DepositCase.lease_room_id)
        .where(
            LeaseRoom.lease_id == lease_room.lease_id,
            LeaseRoom.id != lease_room.id,
            DepositCase.kind == rules.CaseKind.RENT.value,
            ~exists().where(DepositReturn.lease_room_id == DepositCase.lease_room_id),
        )
        .execution_options(populate_existing=True)
    ).scalars()
    return sum(_most_of(case, today) for case in cases)


def _most_of(case: DepositCase, today: date) -> int:
    """What a case takes, or may still take while it is not settled."""
    kept = rules.kept_for(case, today)
    return case.amount_fen if kept is None else kept


@dataclass(frozen=True, slots=True)
class RoomDeposit:
    """A room's deposit on a day; sums in fen."""

    held_fen: int
    sheet: Handover | None
    """The sheet of giving back, once both sides have agreed to it."""
    cases: Sequence[DepositCase]
    kept_fen: int
    """For damage and utilities, of the cases that are settled."""
    rent_fen: int
    """Open rent that it pays, of the cases that are settled; less when some of it was paid meanwhile."""
    open_rent: Sequence[Bill]
    """The lease's rent bills that are not paid in full, earliest due first."""
    claimed_fen: int
    """Of all cases, settled or not."""
    rent_claimed_fen: int
    """Of the cases for rent."""
    unsettled: int
    due_on: date | None
    returned: DepositReturn | None

    @property
    def back_fen(self) -> int:
        """What goes back."""
        return max(self.held_fen - self.kept_fen - self.rent_fen, 0)

    @property
    def open_rent_fen(self) -> int:
        """What the lease still owes of rent that is billed."""
        return sum(bill.amount_fen - bill.paid_fen for bill in self.open_rent)


def deposit_of(lease_room: LeaseRoom, today: date) -> RoomDeposit:
    """How the deposit of a room stands; five queries."""
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
    kept = [(case.kind, rules.kept_for(case, today)) for case in cases]
    held_fen = deposits_held(lease_room.lease_id).get(lease_room.id, 0)
    rent = rules.CaseKind.RENT.value
    kept_fen = sum(fen or 0 for kind, fen in kept if kind != rent)
    open_rent = open_rent_of(lease_room.lease_id)
    return RoomDeposit(
        held_fen=held_fen,
        sheet=agreed,
        cases=cases,
        kept_fen=kept_fen,
        rent_fen=min(
            sum(fen or 0 for kind, fen in kept if kind == rent),
            sum(bill.amount_fen - bill.paid_fen for bill in open_rent),
            max(held_fen - kept_fen, 0),
        ),
        open_rent=open_rent,
        claimed_fen=sum(_most_of(case, today) for case in cases),
        rent_claimed_fen=sum(_most_of(case, today) for case in cases if case.kind == rent),
        unsettled=sum(fen is None for _kind, fen in kept),
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
