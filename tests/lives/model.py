"""What a careful clerk with a paper board would know: who has which room on which days, and until when.

Plain Python, small enough to be read as true. It knows no SQL and calls nothing of the product.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tests.factories import NOW
from tests.lives.world import BEGAN, ENDS, NOTICE_DAYS, World

HANGZHOU = ZoneInfo("Asia/Shanghai")
HOLD, LENGTHENED, OFFER = timedelta(hours=48), timedelta(hours=48), timedelta(hours=12)
SIGN_DAYS = 7
HOLDING_OVER = timedelta(days=60)


@dataclass(eq=False)
class Claim:
    """One line on the board; ``until`` is when it goes by itself."""

    room: int
    starts: date
    ends: date
    state: str
    until: datetime | None = None

    def counts(self, now: datetime) -> bool:
        """Whether the room is taken by it."""
        return self.state != "released" and (self.until is None or self.until > now)


@dataclass(eq=False)
class HeldRoom:
    """A room of a hold and its household's word."""

    id: int
    claim: Claim
    answer: str


@dataclass(eq=False)
class Hold:
    """Rooms kept for an employer (index ``firm``)."""

    id: int
    firm: int
    starts: date
    ends: date
    expires: datetime
    state: str
    replace: bool
    rooms: list[HeldRoom]
    demand: "Demand | None" = None
    waiting: "Waiting | None" = None
    unmet: int = 0
    """People whom the plan it takes leaves out."""
    lengthened: bool = False

    def live(self, now: datetime) -> bool:
        """Whether it still counts."""
        return self.state in ("active", "offered") and self.expires > now

    def having(self, *answers: str) -> list[HeldRoom]:
        """Its rooms with such an answer."""
        return [room for room in self.rooms if room.answer in answers]

    @property
    def kept(self) -> list[HeldRoom]:
        """The rooms it has not given back."""
        return self.having("waiting", "accepted")


@dataclass(eq=False)
class Demand:
    """A need of beds."""

    id: int
    firm: int
    starts: date
    ends: date
    beds: int
    state: str = "open"
    plans: list[tuple[int, tuple[int, ...], int]] = field(default_factory=list)
    """Plan, its rooms, people it leaves out."""


@dataclass(eq=False)
class Waiting:
    """A turn in the waiting list."""

    id: int
    demand: Demand
    least_beds: int
    left: bool = False


@dataclass(eq=False)
class LeaseRoom:
    """A room of a lease; its days are its claim's."""

    id: int
    claim: Claim
    starts: date
    ends: date


@dataclass(eq=False)
class Lease:
    """A contract, drafted or in force."""

    id: int
    firm: int
    owner: int
    state: str
    ends: date
    notice_days: int
    sign_until: datetime | None
    rooms: list[LeaseRoom]
    booking: int | None = None
    signed_by: set[str] = field(default_factory=set)
    change: "Change | None" = None

    def open(self, now: datetime) -> bool:
        """Whether it waits for a signature."""
        return self.state == "drafted" and self.sign_until is not None and self.sign_until > now


@dataclass(eq=False)
class Change:
    """A question on a lease that waits for the other side."""

    id: int
    kind: str
    side: str
    room: LeaseRoom
    day: date
    other: int | None


@dataclass(eq=False)
class Payment:
    """Money that somebody says was paid."""

    id: int
    firm: int
    owner: int
    amount_fen: int
    state: str


class Model:
    """The paper board. Owners, employers and households are indices into the world."""

    def __init__(self, world: World) -> None:
        self.now = NOW
        self.rooms = {room.id: room for room in world.rooms}
        self.holds: list[Hold] = []
        self.demands: list[Demand] = []
        self.waits: list[Waiting] = []
        self.payments: list[Payment] = []
        self.closings: list[tuple[int, Claim]] = []
        self.claims = [Claim(room.id, BEGAN, ENDS, "leased") for room in world.rooms[:2]]
        lease_rooms = [
            LeaseRoom(id_, claim, BEGAN, ENDS)
            for id_, claim in zip(world.lease_room_ids, self.claims, strict=True)
        ]
        self.leases = [Lease(world.lease_id, 0, 0, "signed", ENDS, NOTICE_DAYS, None, lease_rooms)]
        self.living: Counter[int] = Counter({world.workers[0][-1].id: 1})

    @property
    def today(self) -> date:
        """In Hangzhou."""
        return self.now.astimezone(HANGZHOU).date()

    # --- rooms ---------------------------------------------------------------------------------------------

    def taken(self, room: int, starts: date, ends: date, but: Claim | None = None) -> bool:
        """Whether somebody has the room on one of the days."""
        return any(
            claim.room == room
            and claim is not but
            and claim.counts(self.now)
            and claim.starts < ends
            and starts < claim.ends
            for claim in self.claims
        )

    def free(self, starts: date, ends: date) -> set[int]:
        """The rooms that nobody has on any of the days."""
        return {room for room in self.rooms if not self.taken(room, starts, ends)}

    def claim(self, room: int, starts: date, ends: date, state: str, until: datetime | None = None) -> Claim:
        """Take a room, which must be free."""
        assert not self.taken(room, starts, ends), f"room {room} is given away from {starts} to {ends}, twice"
        claim = Claim(room, starts, ends, state, until)
        self.claims.append(claim)
        return claim

    def board(self) -> list[tuple[int, date, date, str, datetime | None]]:
        """The lines that count."""
        lines = [
            (claim.room, claim.starts, claim.ends, claim.state, claim.until)
            for claim in self.claims
            if claim.counts(self.now)
        ]
        return sorted(lines, key=lambda line: line[:2])

    @staticmethod
    def give_back(rooms: Iterable[HeldRoom]) -> None:
        """Their days are free again."""
        for room in rooms:
            room.claim.state = "released"

    def active(self) -> list[Hold]:
        """Holds that count and are nobody's mere offer."""
        return [hold for hold in self.holds if hold.state == "active" and hold.live(self.now)]

    # --- demands -------------------------------------------------------------------------------------------

    def open_demands(self) -> list[Demand]:
        """Those that may be planned for."""
        return [demand for demand in self.demands if demand.state == "open" and demand.starts >= self.today]

    def beds_of(self, demand: Demand) -> int:
        """Beds that are kept for a demand, or let to it."""
        return sum(
            2
            for hold in self.holds
            if hold.demand is demand and hold.state in ("offered", "active", "booked")
            for room in hold.kept
            if room.claim.counts(self.now)
        )

    def turn_of(self, demand: Demand) -> Waiting | None:
        """Its place in the waiting list; an offer that ran out ends the turn."""
        if demand.state != "open" or demand.starts < self.today:
            return None
        for waiting in self.waits:
            ran_out = any(
                hold.waiting is waiting and hold.state == "offered" and hold.expires <= self.now
                for hold in self.holds
            )
            if waiting.demand is demand and not waiting.left and not ran_out:
                return waiting
        return None

    def queue(self, apart_from: int | None = None) -> list[Waiting]:
        """Who waits, but one employer."""
        turns = [self.turn_of(demand) for demand in self.demands if demand.firm != apart_from]
        return sorted((turn for turn in turns if turn is not None), key=lambda turn: turn.id)

    def offered_before(self, waiting: Waiting) -> set[int]:
        """Rooms nobody is asked about twice in one turn."""
        return {room.claim.room for hold in self.holds if hold.waiting is waiting for room in hold.rooms}

    # --- leases --------------------------------------------------------------------------------------------

    def last_moment_to_sign(self, starts: date) -> datetime:
        """The end of the seventh day, or of the first day of the lease; at least the whole of tomorrow."""
        last = max(min(self.today + timedelta(days=SIGN_DAYS), starts), self.today + timedelta(days=1))
        return datetime.combine(last + timedelta(days=1), time(), HANGZHOU)

    def rooms_running(self, lease: Lease) -> list[LeaseRoom]:
        """Those whose last day has not passed."""
        return [room for room in lease.rooms if room.ends > self.today]

    def may_change(
        self, lease: Lease, kind: str, room: LeaseRoom, day: date, other: int | None, inside: bool
    ) -> bool:
        """Whether a lease can be changed so today. ``inside``: somebody lives in the room."""
        today, after = self.today, day + timedelta(days=1)
        if lease.state != "signed":
            return False
        running = room.ends > today
        held_over = room.ends >= today - HOLDING_OVER and (room.ends == lease.ends or inside)
        if not running and not held_over:
            return False
        match kind:
            case "end":
                in_time = day >= today - timedelta(days=1) and room.starts <= day and after < room.ends
                return in_time and not (after <= today and inside)
            case "extend":
                return after > room.ends and not self.taken(room.claim.room, room.ends, after, but=room.claim)
            case _:
                assert other is not None
                fits = today <= day < room.ends and room.starts < day
                same_owner = self.rooms[other].owner == lease.owner
                return fits and same_owner and not self.taken(other, day, room.ends)

    def change(self, lease: Lease, kind: str, room: LeaseRoom, day: date) -> None:
        """End or extend a room; the lease runs as long as its last one."""
        end = day if kind == "swap" else day + timedelta(days=1)
        room.ends = room.claim.ends = end
        lease.ends = max(one.ends for one in lease.rooms)

    # --- money ---------------------------------------------------------------------------------------------

    def arrived(self) -> Counter[tuple[int, int]]:
        """(employer, household) → what has been paid and not taken back."""
        found: Counter[tuple[int, int]] = Counter()
        for payment in self.payments:
            if payment.state == "confirmed":
                found[payment.firm, payment.owner] += payment.amount_fen
        return found
