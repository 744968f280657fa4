"""Free rooms become rooms of a hold, and their households are asked; whoever holds them has chosen them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self

from sqlalchemy import text

from qiantang_nest.bookings.rules import FreeRoom, Times
from qiantang_nest.bookings.services.telling import OwnerNotice, tell_owners
from qiantang_nest.core.clock import SHANGHAI
from qiantang_nest.core.db import array_literal, db
from qiantang_nest.core.money import format_yuan
from qiantang_nest.occupancy.services.claims import HELD_CLAIMS_SQL, expire_stale_holds


@dataclass(frozen=True, slots=True)
class HeldBlock:
    """What of a hold its rooms depend on."""

    hold_id: int
    starts_on: date
    ends_on: date
    expires_at: datetime
    answer_due_at: datetime

    @classmethod
    def asked_at(
        cls,
        now: datetime,
        times: Times,
        hold_id: int,
        starts_on: date,
        ends_on: date,
        expires_at: datetime,
    ) -> Self:
        """A block whose households are asked at ``now``: answers are due before the hold's end."""
        due = min(now + timedelta(hours=times.answer_hours), expires_at)
        return cls(hold_id, starts_on, ends_on, expires_at, due)


_INSERT_ROOMS = text(
    f"""
    WITH taken AS ({HELD_CLAIMS_SQL})
    INSERT INTO hold_room
        (hold_id, claim_id, listing_id, room_id, owner_id, village_code, rent_fen, replaces_id, answer,
         answered_at, answer_due_at)
    SELECT :hold_id, taken.id, chosen.listing_id, chosen.room_id, chosen.owner_id, chosen.village_code,
           chosen.rent_fen, CAST(:replaces_id AS bigint),
           CASE WHEN chosen.direct THEN 'accepted' ELSE 'waiting' END,
           CASE WHEN chosen.direct THEN CAST(:now AS timestamptz) END, :answer_due_at
    FROM taken JOIN unnest(
        CAST(:listing_ids AS bigint[]), CAST(:room_ids AS bigint[]), CAST(:owner_ids AS bigint[]),
        CAST(:village_codes AS text[]), CAST(:rents AS bigint[]), CAST(:directs AS boolean[])
    ) AS chosen (listing_id, room_id, owner_id, village_code, rent_fen, direct)
        ON chosen.room_id = taken.room_id
    """
)


def add_rooms(
    block: HeldBlock, rooms: Sequence[FreeRoom], *, now: datetime, replaces_id: int | None = None
) -> None:
    """Claim free rooms for a hold; those offered directly have their household's yes with it.

    Under the lock of their villages, after looking; two statements.
    """
    room_ids = [room.room_id for room in rooms]
    expire_stale_holds(room_ids=room_ids, now=now)
    db.session.execute(
        _INSERT_ROOMS,
        {
            "hold_id": block.hold_id,
            "starts_on": block.starts_on,
            "ends_on": block.ends_on,
            "held_until": block.expires_at,
            "replaces_id": replaces_id,
            "room_ids": array_literal(room_ids),
            "listing_ids": array_literal(room.listing_id for room in rooms),
            "owner_ids": array_literal(room.owner_id for room in rooms),
            "village_codes": array_literal(room.village_code for room in rooms),
            "rents": array_literal(room.rent_fen for room in rooms),
            "directs": array_literal(room.direct for room in rooms),
            "now": now,
            "answer_due_at": block.answer_due_at,
        },
    )


def ask_owners(block: HeldBlock, enterprise: str, rooms: Sequence[FreeRoom]) -> None:
    """Ask each household for its answer, tell those who offer directly; all of them in three statements."""
    of_owner: dict[tuple[int, bool], list[FreeRoom]] = defaultdict(list)
    for room in rooms:
        of_owner[room.owner_id, room.direct].append(room)
    due = block.answer_due_at.astimezone(SHANGHAI)
    notices = []
    for (owner_id, direct), mine in of_owner.items():
        rent_fen = sum(room.rent_fen for room in mine)
        said = (
            f"{enterprise}订了您 {len(mine)} 间房（您说过可以直接订），{block.starts_on:%Y-%m-%d} 起，"
            f"每月 {format_yuan(rent_fen)} 元。等企业来签合同，您不用答复。"
            if direct
            else f"{enterprise}想租您 {len(mine)} 间房，{block.starts_on:%Y-%m-%d} 起，"
            f"每月 {format_yuan(rent_fen)} 元。请在 {due.month} 月 {due.day} 日 {due:%H:%M} 前答复，"
            "不会弄就找村管理员。"
        )
        notices.append(
            OwnerNotice(
                owner_id=owner_id,
                # A replacement may ask the same household again: the rooms tell the two apart.
                key=f"hold:{block.hold_id}:{owner_id}:{min(room.room_id for room in mine)}",
                sms=said,
                kind="bookings.held_directly" if direct else "bookings.answer_wanted",
                params={"enterprise": enterprise, "rooms": len(mine), "rent_fen": rent_fen},
                url=f"/holds/{block.hold_id}/answers/{owner_id}",
            )
        )
    tell_owners(notices)
