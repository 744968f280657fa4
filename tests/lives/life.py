"""A life of the district: every use case from a need to the rent, in any order, against the paper board.

Each step goes through the real services on the real database. Before it the model says whether it can be
done, after it what must stand on the board; a refusal is an answer only where the model has one too.
"""

import re
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar, TypeVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import select

from qiantang_nest.billing.models import Payment
from qiantang_nest.billing.services import (
    confirm_payment,
    issue_due_bills,
    record_payment,
    reject_payment,
    reverse_payment,
)
from qiantang_nest.billing.services.issue_bills import plan_batches, run_bills
from qiantang_nest.bookings.models import (
    Booking,
    BookingLease,
    Demand,
    Hold,
    Plan,
    PlanRoom,
    PlanRound,
    Waiting,
)
from qiantang_nest.bookings.queries.change_effects import effect_of
from qiantang_nest.bookings.queries.rooms import free_among
from qiantang_nest.bookings.rules import DISTRICT_CENTRE, Answer, Area, Ask, OnRefusal, Times, Wants
from qiantang_nest.bookings.rules.changes import ChangeKind
from qiantang_nest.bookings.rules.changes import Wanted as WantedChange
from qiantang_nest.bookings.rules.need import Group
from qiantang_nest.bookings.services import waiting as waiting_list
from qiantang_nest.bookings.services.answer_hold import answer_hold
from qiantang_nest.bookings.services.change_booking import answer_change, ask_change, withdraw_change
from qiantang_nest.bookings.services.confirm_booking import confirm_booking
from qiantang_nest.bookings.services.demands import Wanted, post_demand, withdraw_demand
from qiantang_nest.bookings.services.hold_jobs import HOLD_JOBS
from qiantang_nest.bookings.services.hold_plan import hold_plan, look_at_plan
from qiantang_nest.bookings.services.hold_rooms import NotEnoughRooms, RoomsGone, hold_rooms
from qiantang_nest.bookings.services.lengthen_hold import lengthen_hold
from qiantang_nest.bookings.services.plans import read_for_plans, record_plans, solve_plans
from qiantang_nest.bookings.services.release_hold import release_hold, release_rooms
from qiantang_nest.bookings.services.withdraw_booking import withdraw_booking
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.db import db, lock_villages, transaction
from qiantang_nest.core.errors import DomainError, InvalidValue, WrongState
from qiantang_nest.core.period import Period
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.enterprises.models import Worker as WorkerRow
from qiantang_nest.housing.models import Owner, Room
from qiantang_nest.notifications.models import OutboxItem
from qiantang_nest.occupancy.models import (
    BedTaken,
    Lease,
    LeaseChange,
    LeaseRoom,
    MixedRoom,
    RoomClaim,
    RoomTaken,
    Stay,
    WorkerHoused,
)
from qiantang_nest.occupancy.services.bed_checks import BedChoice
from qiantang_nest.occupancy.services.beds import assign_beds, move_stay
from qiantang_nest.occupancy.services.closing import close_rooms, reopen_rooms
from qiantang_nest.occupancy.services.leases import Terms
from qiantang_nest.occupancy.services.signing import request_code, sign_lease
from qiantang_nest.occupancy.services.stays import cancel_stay, check_in, check_out
from qiantang_nest.occupancy.services.withdrawing import withdraw_lease
from tests.lives import model as board
from tests.lives.seen import Seen, SeenStay, look
from tests.lives.world import VILLAGES, World

TIMES = Times()
TERMS = Terms()
BED_REFUSALS = (BedTaken, MixedRoom, WorkerHoused, InvalidValue, WrongState)
CHANGE_REFUSALS = (InvalidValue, WrongState, RoomTaken)

PICK = st.integers(0, 63)
"""Which of those at hand; the last sixth picks among all there ever were, so that late clicks happen too."""
LATE_FROM = 54
WHO = st.integers(0, 1)
FIRST = st.sampled_from((0, 1, 7, 30))
DAYS = st.sampled_from((30, 92, 181))
MINUTE = timedelta(minutes=1)
T = TypeVar("T")


def some(fresh: Sequence[T], ever: Sequence[T], pick: int) -> T:
    """One of those that can be acted on, now and then one that no longer can."""
    pool = fresh if fresh and pick < LATE_FROM else ever
    return pool[pick % len(pool)]


@dataclass
class Outcome:
    """What a step came to."""

    value: Any = None
    error: DomainError | None = None


class Life(RuleBasedStateMachine):
    """One run; whatever it wrote is gone when it is over."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        db.session.remove()
        self.connection: Any = db.engines[None]  # the fixture has put the test's one connection there
        self.savepoint = self.connection.begin_nested()
        self.model = board.Model(self.world)
        self.seen: Seen = look(self.connection, self.model.now)
        self.probe = 0

    def teardown(self) -> None:
        db.session.remove()
        self.savepoint.rollback()

    # --- the frame of a step -------------------------------------------------------------------------------

    def do(
        self, what: str, act: Callable[[], Any], *, may: bool, refusals: tuple[type[DomainError], ...] = ()
    ) -> Outcome:
        """Act in a transaction of its own. ``may``: whether the model says that it can be done."""
        outcome = self.attempt(what, act, refusals)
        if may and outcome.error is not None:
            raise AssertionError(f"refused without need: {what}") from outcome.error
        assert may or outcome.error is not None, f"done, and could not be: {what}"
        return outcome

    def attempt(self, what: str, act: Callable[[], Any], refusals: tuple[type[DomainError], ...]) -> Outcome:
        """Act, and look at what came of it; the caller judges."""
        db.session.remove()
        outcome = Outcome()
        try:
            with transaction():
                outcome.value = act()
        except refusals as error:
            outcome.error = error
        note(f"{self.model.now:%m-%d %H:%M} {what}: {outcome.error or 'done'}")
        self.seen = look(self.connection, self.model.now)
        return outcome

    def tick(self) -> None:
        """A minute goes by before anybody does anything."""
        self.model.now += MINUTE
        self.now, self.today = self.model.now, self.model.today

    def manager(self, firm: int) -> Actor:
        return self.world.managers[firm]

    def villager(self, owner: int) -> Actor:
        return self.world.villagers[owner]

    def period(self, first: int, days: int) -> Period:
        starts_on = self.today + timedelta(days=first)
        return Period(starts_on, starts_on + timedelta(days=days))

    # --- after every step ----------------------------------------------------------------------------------

    @invariant()
    def the_database_says_what_the_board_says(self) -> None:
        model, seen = self.model, self.seen
        assert seen.claims == model.board()
        holds = {
            hold.id: (
                self.world.enterprise_ids[hold.firm],
                hold.state,
                hold.expires,
                hold.lengthened,
                [(room.id, room.claim.room, room.answer) for room in hold.rooms],
            )
            for hold in model.holds
        }
        assert holds == {
            hold.id: (
                hold.enterprise_id,
                hold.state,
                hold.expires_at,
                hold.lengthened,
                [(room.id, room.room_id, room.answer) for room in hold.rooms],
            )
            for hold in seen.holds.values()
        }
        leases = {
            lease.id: (
                lease.state,
                lease.ends,
                lease.sign_until,
                [(room.id, room.claim.room, room.starts, room.ends) for room in lease.rooms],
            )
            for lease in model.leases
        }
        assert leases == seen.leases
        open_changes = {lease.change.id for lease in model.leases if lease.change is not None}
        assert open_changes == {id_ for id_, state in seen.changes.items() if state == "asked"}
        assert seen.demands == {demand.id: demand.state for demand in model.demands}
        assert seen.waits == {waiting.id: not waiting.left for waiting in model.waits}
        assert seen.living == model.living
        paid = self.in_ids(model.arrived())
        assert paid == seen.arrived
        assert paid == {pair: fen for pair, fen in seen.kept.items() if fen}

    @invariant()
    def the_search_finds_the_rooms_that_are_free(self) -> None:
        self.probe += 1
        starts = self.model.today + timedelta(days=(0, 3, 20, 100)[self.probe % 4])
        ends = starts + timedelta(days=(1, 40, 200)[self.probe % 3])
        found = free_among(
            [*self.model.rooms], DISTRICT_CENTRE, starts_on=starts, ends_on=ends, now=self.model.now
        )
        assert {room.room_id for room in found} == self.model.free(starts, ends)
        db.session.commit()

    def in_ids(self, sums: dict[tuple[int, int], int]) -> dict[tuple[int, int], int]:
        """(index, index) → fen as (employer's id, household's id) → fen."""
        world = self.world
        return {
            (world.enterprise_ids[firm], world.owner_ids[owner]): fen
            for (firm, owner), fen in sums.items()
            if fen
        }

    # --- the clock and the jobs ----------------------------------------------------------------------------

    @rule(
        by=st.sampled_from(
            [timedelta(hours=hours) for hours in (1, 11, 13, 25, 49)]
            + [timedelta(days=days) for days in (3, 8, 31)]
        )
    )
    def time_goes_by(self, by: timedelta) -> None:
        """No job has run: whatever has expired is free all the same."""
        self.model.now += by
        note(f"{self.model.now:%m-%d %H:%M} time goes by")
        self.seen = look(self.connection, self.model.now)

    @rule(what=st.sampled_from(("jobs", "waiting list", "waiting list", "bills")))
    def work_is_done(self, what: str) -> None:
        self.tick()
        match what:
            case "jobs":
                self.do("jobs run", lambda: [job(now=self.now) for job in HOLD_JOBS], may=True)
            case "bills":
                self.issue_bills()
            case _:
                self.serve_waiting()

    def serve_waiting(self) -> None:
        def serve() -> int:
            lock_villages(VILLAGES)
            return waiting_list.serve_waiting(village_codes=VILLAGES, times=TIMES, now=self.now)

        self.do("the waiting list is served", serve, may=True)
        self.note_offers(VILLAGES, apart_from=None)

    # --- demands, plans, the waiting list ------------------------------------------------------------------

    @rule(
        who=WHO,
        first=FIRST,
        days=DAYS,
        men=st.integers(1, 5),
        women=st.integers(0, 3),
        then=st.sampled_from(("nothing", "plans", "held", "held", "waits", "waits")),
    )
    def a_need_is_posted(self, who: int, first: int, days: int, men: int, women: int, then: str) -> None:
        self.tick()
        period = self.period(first, days)
        wanted = Wanted(None, period, {Group.DAY_MEN: men, Group.DAY_WOMEN: women})

        def post() -> int:
            enterprise = db.session.get_one(Enterprise, self.world.enterprise_ids[who])
            actor = self.manager(who)
            return post_demand(enterprise=enterprise, wanted=wanted, today=self.today, actor=actor).id

        posted = self.do(f"firm {who} needs {men + women} beds", post, may=True)
        assert period.ends_on
        demand = board.Demand(posted.value, who, period.starts_on, period.ends_on, men + women)
        self.model.demands.append(demand)
        match then:
            case "waits":
                self.wait(demand, least=1)
            case "plans" | "held":
                self.make_plans(demand)
                if then == "held" and demand.plans:
                    self.hold_plan(demand, *demand.plans[-1], replace=True, stand_ins=False)

    @precondition(lambda self: self.model.demands)
    @rule(pick=PICK)
    def a_need_is_withdrawn(self, pick: int) -> None:
        self.tick()
        demand = some([], self.model.demands, pick)
        self.do(
            f"demand {demand.id} is withdrawn",
            lambda: withdraw_demand(
                demand=db.session.get_one(Demand, demand.id),
                reason="不招人了",
                actor=self.manager(demand.firm),
            ),
            may=demand.state == "open",
            refusals=(WrongState,),
        )
        if demand.state == "open":
            demand.state = "withdrawn"

    @precondition(lambda self: any(demand.state == "open" for demand in self.model.demands))
    @rule(pick=PICK)
    def plans_are_made(self, pick: int) -> None:
        self.make_plans(some(self.model.open_demands(), self.model.demands, pick))

    def make_plans(self, demand: board.Demand) -> None:
        self.tick()

        def make() -> int:
            found = read_for_plans(demand=db.session.get_one(Demand, demand.id), now=self.now)
            return record_plans(found=found, made=solve_plans(found), actor=self.manager(demand.firm))

        made = self.do(
            f"plans for demand {demand.id}",
            make,
            may=demand in self.model.open_demands(),
            refusals=(WrongState,),
        )
        if made.error is not None:
            return
        unmet = db.session.execute(
            select(PlanRound.unmet_people).where(PlanRound.id == made.value)
        ).scalar_one()
        rows = db.session.execute(
            select(Plan.id, PlanRoom.room_id)
            .join(PlanRoom, PlanRoom.plan_id == Plan.id)
            .where(Plan.round_id == made.value)
            .order_by(Plan.id, PlanRoom.room_id)
        ).all()
        rooms: dict[int, list[int]] = {}
        for plan_id, room_id in rows:
            rooms.setdefault(plan_id, []).append(room_id)
        free = self.model.free(demand.starts, demand.ends)
        for plan_id, of_plan in rooms.items():
            assert set(of_plan) <= free, "a plan of rooms that are taken"
            assert 2 * len(of_plan) >= demand.beds - unmet
            demand.plans.append((plan_id, tuple(of_plan), unmet))
        # A man and a woman do not share a room: an odd one of each may go without in the last one.
        assert not unmet or 2 * len(free) < demand.beds + 2

    @precondition(lambda self: any(demand.plans for demand in self.model.demands))
    @rule(pick=PICK, replace=st.booleans(), stand_ins=st.booleans())
    def a_plan_is_held(self, pick: int, replace: bool, stand_ins: bool) -> None:
        planned = [demand for demand in self.model.demands if demand.plans]
        demand = some([one for one in planned if one in self.model.open_demands()], planned, pick)
        plan = demand.plans[-1 - pick % min(3, len(demand.plans))]
        self.hold_plan(demand, *plan, replace=replace, stand_ins=stand_ins)

    def hold_plan(
        self,
        demand: board.Demand,
        plan_id: int,
        rooms: tuple[int, ...],
        unmet: int,
        *,
        replace: bool,
        stand_ins: bool,
    ) -> None:
        self.tick()
        is_open = demand in self.model.open_demands()
        wanted = set(rooms)
        free = self.model.free(demand.starts, demand.ends)
        agreed: dict[int, int] = {}
        if stand_ins and is_open and not wanted <= free:
            db.session.remove()
            look_now = look_at_plan(
                plan=db.session.get_one(Plan, plan_id),
                demand=db.session.get_one(Demand, demand.id),
                agreed={},
                now=self.now,
            )
            assert {swap.gone.room_id for swap in look_now.swaps} == wanted - free
            agreed = {
                swap.gone.room_id: swap.new.room.room_id for swap in look_now.swaps if swap.new is not None
            }
            db.session.rollback()
            assert set(agreed.values()) <= free - wanted
            wanted = (wanted - set(agreed)) | set(agreed.values())

        def hold() -> int:
            return hold_plan(
                plan=db.session.get_one(Plan, plan_id),
                demand=db.session.get_one(Demand, demand.id),
                agreed=agreed,
                on_refusal=OnRefusal.REPLACE if replace else OnRefusal.DROP,
                request_key=uuid.uuid4(),
                shown_rent_fen=None,
                times=TIMES,
                actor=self.manager(demand.firm),
                now=self.now,
            )

        held = self.attempt(f"plan {plan_id}, rooms {sorted(wanted)}", hold, (RoomsGone, WrongState))
        self.judge_hold(held, demand.firm, possible=wanted <= free and is_open)
        if held.error is None:
            taken = self.note_hold(held.value, demand.firm, replace=replace, demand=demand, unmet=unmet)
            assert taken == wanted

    @precondition(lambda self: self.model.demands)
    @rule(pick=PICK, least=st.integers(1, 2))
    def an_employer_waits(self, pick: int, least: int) -> None:
        self.wait(some(self.model.open_demands(), self.model.demands, pick), least)

    def wait(self, demand: board.Demand, least: int) -> None:
        self.tick()
        model = self.model
        lacking = demand.beds - model.beds_of(demand)

        def join() -> int:
            return waiting_list.join_waiting(
                demand=db.session.get_one(Demand, demand.id),
                least_beds=least,
                actor=self.manager(demand.firm),
                now=self.now,
            ).id

        joined = self.do(
            f"demand {demand.id} waits for {least} beds",
            join,
            may=demand in model.open_demands() and least <= lacking and model.turn_of(demand) is None,
            refusals=(WrongState, InvalidValue),
        )
        if joined.error is None:
            for earlier in model.waits:
                earlier.left |= earlier.demand is demand
            model.waits.append(board.Waiting(joined.value, demand, least))

    @precondition(lambda self: self.model.waits)
    @rule(pick=PICK)
    def an_employer_waits_no_more(self, pick: int) -> None:
        self.tick()
        waiting = some([one for one in self.model.waits if not one.left], self.model.waits, pick)
        self.do(
            f"turn {waiting.id} is given up",
            lambda: waiting_list.leave_waiting(
                waiting=db.session.get_one(Waiting, waiting.id),
                actor=self.manager(waiting.demand.firm),
                now=self.now,
            ),
            may=not waiting.left,
            refusals=(WrongState,),
        )
        waiting.left = True

    @precondition(lambda self: any(hold.state == "offered" for hold in self.model.holds))
    @rule(pick=PICK, yes=st.booleans(), keep_waiting=st.booleans())
    def an_offer_is_answered(self, pick: int, yes: bool, keep_waiting: bool) -> None:
        self.tick()
        offers = [hold for hold in self.model.holds if hold.waiting]
        fresh = [hold for hold in offers if hold.state == "offered" and hold.live(self.now)]
        hold = some(fresh, offers, pick)
        actor = self.manager(hold.firm)

        def answer() -> None:
            row = db.session.get_one(Hold, hold.id)
            if yes:
                waiting_list.accept_offer(hold=row, times=TIMES, actor=actor, now=self.now)
            else:
                waiting_list.decline_offer(hold=row, keep_waiting=keep_waiting, actor=actor, now=self.now)

        answered = self.do(f"offer {hold.id}: {yes}", answer, may=hold in fresh, refusals=(WrongState,))
        if answered.error is not None:
            return
        if yes:
            hold.state, hold.expires = "active", self.now + board.HOLD
            for room in hold.rooms:
                room.claim.until = hold.expires
        else:
            hold.state = "released"
            self.model.give_back(hold.rooms)
            assert hold.waiting
            hold.waiting.left |= not keep_waiting

    def note_offers(self, villages: Collection[str], apart_from: int | None) -> None:
        """Write offers that were made to the board: each to somebody who waits, of free rooms.

        Of what is left in the villages nobody who waits could have had enough.
        """
        known = {hold.id for hold in self.model.holds}
        for seen in self.seen.holds.values():
            if seen.id in known or seen.state != "offered":
                continue
            turn = next(one for one in self.model.queue(apart_from) if one.id == seen.waiting_id)
            demand = turn.demand
            lacking = demand.beds - self.model.beds_of(demand)
            before = self.model.offered_before(turn)
            taken = self.note_hold(
                seen.id,
                demand.firm,
                replace=True,
                demand=demand,
                waiting=turn,
                expires=self.now + board.OFFER,
            )
            assert not taken & before, "asked twice about a room"
            assert min(turn.least_beds, lacking) <= 2 * len(taken) <= lacking + 1
        for turn in self.model.queue(apart_from):
            demand = turn.demand
            lacking = demand.beds - self.model.beds_of(demand)
            free = self.model.free(demand.starts, demand.ends) - self.model.offered_before(turn)
            left = [room for room in free if self.model.rooms[room].village in villages]
            assert lacking <= 0 or 2 * len(left) < min(turn.least_beds, lacking), "rooms, and nobody was told"

    # --- holds ---------------------------------------------------------------------------------------------

    @rule(
        who=WHO,
        first=FIRST,
        days=DAYS,
        picks=st.lists(st.integers(0, 11), min_size=1, max_size=3, unique=True),
        replace=st.booleans(),
        twice=st.booleans(),
    )
    def picked_rooms_are_held(
        self, who: int, first: int, days: int, picks: list[int], replace: bool, twice: bool
    ) -> None:
        self.tick()
        room_ids = tuple(self.world.rooms[pick].id for pick in picks)
        period = self.period(first, days)
        assert period.ends_on
        free = self.model.free(period.starts_on, period.ends_on)
        held = self.hold(who, Ask(Area(DISTRICT_CENTRE), room_ids=room_ids), period, replace, twice)
        self.judge_hold(held, who, possible=set(room_ids) <= free)
        if held.error is None:
            assert self.note_hold(held.value, who, replace=replace) == set(room_ids)

    @rule(
        who=WHO,
        first=FIRST,
        days=DAYS,
        rooms=st.integers(1, 4),
        villages=st.sampled_from((VILLAGES[:1], VILLAGES[1:], VILLAGES)),
        replace=st.booleans(),
    )
    def rooms_of_an_area_are_held(
        self, who: int, first: int, days: int, rooms: int, villages: tuple[str, ...], replace: bool
    ) -> None:
        self.tick()
        period = self.period(first, days)
        assert period.ends_on
        free = {
            room
            for room in self.model.free(period.starts_on, period.ends_on)
            if self.model.rooms[room].village in villages
        }
        held = self.hold(
            who, Ask(Area(DISTRICT_CENTRE, villages), Wants(), rooms=rooms), period, replace, False
        )
        self.judge_hold(held, who, possible=rooms <= len(free), villages=villages)
        if held.error is None:
            taken = self.note_hold(held.value, who, replace=replace)
            assert len(taken) == rooms
            assert taken <= free

    def hold(self, who: int, ask: Ask, period: Period, replace: bool, twice: bool) -> Outcome:
        key = uuid.uuid4()

        def take() -> int:
            return hold_rooms(
                enterprise=db.session.get_one(Enterprise, self.world.enterprise_ids[who]),
                ask=ask,
                period=period,
                on_refusal=OnRefusal.REPLACE if replace else OnRefusal.DROP,
                worksite=None,
                request_key=key,
                shown_rent_fen=None,
                times=TIMES,
                actor=self.manager(who),
                now=self.now,
            )

        what = f"firm {who} holds {ask.rooms or ask.room_ids} {period.starts_on} to {period.ends_on}"
        held = self.attempt(what, take, (RoomsGone, NotEnoughRooms))
        if twice and held.error is None:
            again = self.attempt("the same click again", take, ())
            assert again.value == held.value
        return held

    def judge_hold(
        self, held: Outcome, who: int, *, possible: bool, villages: Collection[str] | None = None
    ) -> None:
        """Refused only if the rooms are taken, or go first to somebody who waits.

        ``villages`` are those that were looked at; of picked rooms, those of the rooms.
        """
        if held.error is None:
            assert possible, "held, and the board says they are taken"
            rooms = self.seen.holds[held.value].rooms
            asked = villages or {self.model.rooms[room.room_id].village for room in rooms}
            self.note_offers(asked, apart_from=who)
        else:
            assert not possible or self.model.queue(apart_from=who), f"refused without need: {held.error}"

    def note_hold(
        self,
        hold_id: int,
        firm: int,
        *,
        replace: bool,
        demand: board.Demand | None = None,
        waiting: board.Waiting | None = None,
        expires: Any = None,
        unmet: int = 0,
    ) -> set[int]:
        """Write a hold to the board; every room of it must be free there. Returns the rooms."""
        seen = self.seen.holds[hold_id]
        hold = board.Hold(
            hold_id,
            firm,
            seen.starts_on,
            seen.ends_on,
            expires or self.now + board.HOLD,
            "offered" if waiting else "active",
            replace,
            [],
            demand,
            waiting,
            unmet,
        )
        for room in seen.rooms:
            self.note_room(hold, room.id, room.room_id)
        self.model.holds.append(hold)
        return {room.room_id for room in seen.rooms}

    def note_room(self, hold: board.Hold, id_: int, room: int) -> None:
        claim = self.model.claim(room, hold.starts, hold.ends, "held", hold.expires)
        answer = "accepted" if self.model.rooms[room].direct else "waiting"
        hold.rooms.append(board.HeldRoom(id_, claim, answer))

    def a_hold(self, pick: int, *answers: str) -> board.Hold:
        fresh = [hold for hold in self.model.active() if not answers or hold.having(*answers)]
        return some(fresh, self.model.holds, pick)

    def is_active(self, hold: board.Hold) -> bool:
        return hold in self.model.active()

    @precondition(lambda self: any(hold.having("waiting") for hold in self.model.active()))
    @rule(pick=PICK, yes=st.integers(0, 2))
    def a_household_answers(self, pick: int, yes: int) -> None:
        """Yes twice as often as no, so that bookings come about."""
        hold = self.a_hold(pick, "waiting")
        rooms = hold.having("waiting") or hold.rooms
        self.answer(hold, self.model.rooms[rooms[pick % len(rooms)].claim.room].owner, bool(yes))

    def answer(self, hold: board.Hold, owner: int, yes: bool) -> None:
        self.tick()
        waiting = hold.having("waiting")
        asked = [room for room in waiting or hold.rooms if self.model.rooms[room.claim.room].owner == owner]

        def answer() -> None:
            answer_hold(
                hold=db.session.get_one(Hold, hold.id),
                owner=db.session.get_one(Owner, self.world.owner_ids[owner]),
                hold_room_ids=[room.id for room in asked],
                answer=Answer.ACCEPTED if yes else Answer.DECLINED,
                reason="自己要住",
                times=TIMES,
                actor=self.villager(owner),
                now=self.now,
            )

        answered = self.do(
            f"household {owner} answers {yes} to hold {hold.id}",
            answer,
            may=self.is_active(hold) and bool(waiting),
            refusals=(WrongState,),
        )
        if answered.error is not None:
            return
        for room in asked:
            room.answer = "accepted" if yes else "declined"
        if not yes:
            self.model.give_back(asked)
            self.note_replacements(hold, asked, owner)

    def note_replacements(self, hold: board.Hold, refused: list[board.HeldRoom], owner: int) -> None:
        """A room that stands in is as good and no dearer; if none does, there was none."""
        facts = self.model.rooms
        stands_in = {
            seen.replaces_id: seen
            for seen in self.seen.holds[hold.id].rooms
            if seen.id not in {room.id for room in hold.rooms}
        }
        assert hold.replace or not stands_in

        def would_do(old: int, new: int) -> bool:
            return (
                facts[new].village == facts[old].village
                and facts[new].owner != owner
                and facts[new].rent_fen <= facts[old].rent_fen
            )

        for room in refused:
            new = stands_in.get(room.id)
            if new is not None:
                assert would_do(room.claim.room, new.room_id)
                self.note_room(hold, new.id, new.room_id)
        if hold.replace:
            left = self.model.free(hold.starts, hold.ends)
            for room in refused:
                if room.id not in stands_in:
                    assert not any(would_do(room.claim.room, one) for one in left), "a room stood by"

    @precondition(lambda self: self.model.active())
    @rule(pick=PICK)
    def a_hold_is_lengthened(self, pick: int) -> None:
        self.tick()
        hold = self.a_hold(pick)
        lengthened = self.do(
            f"hold {hold.id} is lengthened",
            lambda: lengthen_hold(
                hold=db.session.get_one(Hold, hold.id),
                reason="等体检",
                times=TIMES,
                actor=self.manager(hold.firm),
                now=self.now,
            ),
            may=self.is_active(hold) and not hold.lengthened,
            refusals=(WrongState,),
        )
        if lengthened.error is None:
            hold.expires += board.LENGTHENED
            hold.lengthened = True
            for room in hold.kept:
                room.claim.until = hold.expires

    @precondition(lambda self: self.model.active())
    @rule(pick=PICK, part=st.booleans())
    def rooms_of_a_hold_are_released(self, pick: int, part: bool) -> None:
        self.tick()
        hold = self.a_hold(pick)
        chosen = hold.kept[:1] if part else hold.kept

        def release() -> None:
            row, actor = db.session.get_one(Hold, hold.id), self.manager(hold.firm)
            if part:
                ids = [room.id for room in chosen]
                release_rooms(hold=row, hold_room_ids=ids, actor=actor, now=self.now)
            else:
                release_hold(hold=row, actor=actor, now=self.now)

        released = self.do(
            f"hold {hold.id}: {len(chosen)} rooms go back",
            release,
            may=self.is_active(hold) and not (part and len(hold.kept) < 2),
            refusals=(WrongState, InvalidValue),
        )
        if released.error is not None:
            return
        self.model.give_back(chosen)
        if part:
            for room in chosen:
                room.answer = "released"
        else:
            hold.state = "released"

    # --- bookings and leases -------------------------------------------------------------------------------

    @precondition(lambda self: any(hold.having("accepted") for hold in self.model.active()))
    @rule(pick=PICK, drop_waiting=st.booleans())
    def a_hold_is_booked(self, pick: int, drop_waiting: bool) -> None:
        self.book(self.a_hold(pick, "accepted"), drop_waiting)

    def book(self, hold: board.Hold, drop_waiting: bool) -> None:
        self.tick()
        accepted, waiting = hold.having("accepted"), hold.having("waiting")

        def book() -> int:
            return confirm_booking(
                hold=db.session.get_one(Hold, hold.id),
                terms=TERMS,
                drop_waiting=drop_waiting,
                sign_days=TIMES.sign_days,
                actor=self.manager(hold.firm),
                now=self.now,
            ).id

        booked = self.do(
            f"hold {hold.id} is booked",
            book,
            may=self.is_active(hold) and bool(accepted) and (drop_waiting or not waiting),
            refusals=(WrongState,),
        )
        if booked.error is not None:
            return
        hold.state = "booked"
        self.model.give_back(waiting)
        until = self.model.last_moment_to_sign(hold.starts)
        of_owner: dict[int, list[board.Claim]] = {}
        for room in accepted:
            room.claim.until = until
            of_owner.setdefault(self.model.rooms[room.claim.room].owner, []).append(room.claim)
        rows = db.session.execute(
            select(Lease.id, Lease.owner_id)
            .join(BookingLease, BookingLease.lease_id == Lease.id)
            .where(BookingLease.booking_id == booked.value)
            .order_by(Lease.id)
        ).all()
        assert {owner_id for _id, owner_id in rows} == {self.world.owner_ids[owner] for owner in of_owner}
        for lease_id, owner_id in rows:
            owner = self.world.owner_ids.index(owner_id)
            claims = {claim.room: claim for claim in of_owner[owner]}
            rooms = [
                board.LeaseRoom(id_, claims[room], starts, ends)
                for id_, room, starts, ends in self.seen.leases[lease_id][3]
            ]
            assert len(rooms) == len(claims)
            self.model.leases.append(
                board.Lease(
                    lease_id,
                    hold.firm,
                    owner,
                    "drafted",
                    hold.ends,
                    TERMS.notice_days,
                    until,
                    rooms,
                    booked.value,
                )
            )
        demand = hold.demand
        if demand and demand.state == "open" and not hold.unmet:
            demand.state = "met" if self.model.beds_of(demand) >= demand.beds else "open"

    @rule(
        who=WHO,
        first=FIRST,
        days=DAYS,
        rooms=st.integers(1, 3),
        villages=st.sampled_from((VILLAGES[:1], VILLAGES[1:], VILLAGES)),
        signed=st.booleans(),
    )
    def a_block_is_taken(
        self, who: int, first: int, days: int, rooms: int, villages: tuple[str, ...], signed: bool
    ) -> None:
        """The whole way at once, so that there are leases to live with."""
        known = len(self.model.holds), len(self.model.leases)
        self.rooms_of_an_area_are_held(who, first, days, rooms, villages, replace=True)
        for hold in self.model.holds[known[0] :]:
            if hold.state != "active":
                continue
            for owner in sorted({self.model.rooms[room.claim.room].owner for room in hold.having("waiting")}):
                self.answer(hold, owner, yes=True)
            self.the_database_says_what_the_board_says()
            self.book(hold, drop_waiting=False)
        for lease in self.model.leases[known[1] :] if signed else ():
            self.sign(lease, "lessor")
            self.the_database_says_what_the_board_says()
            self.sign(lease, "lessee")

    @precondition(lambda self: any(lease.state == "drafted" for lease in self.model.leases))
    @rule(pick=PICK, both=st.booleans())
    def a_lease_is_signed(self, pick: int, both: bool) -> None:
        fresh = [lease for lease in self.model.leases if lease.open(self.model.now)]
        lease = some(fresh, self.model.leases, pick)
        sides = sorted({"lessor", "lessee"} - lease.signed_by) or ["lessor"]
        for side in sides if both else sides[pick % len(sides) :][:1]:
            self.sign(lease, side)

    def sign(self, lease: board.Lease, side: str) -> None:
        self.tick()
        actor = self.villager(lease.owner) if side == "lessor" else self.manager(lease.firm)

        def sign() -> None:
            row = db.session.get_one(Lease, lease.id)
            request_code(lease=row, actor=actor, now=self.now)
            db.session.flush()
            newest = select(OutboxItem).where(OutboxItem.key.startswith("code:"))
            told = db.session.execute(newest.order_by(OutboxItem.id.desc()).limit(1)).scalar_one()
            code = re.search(r"\d{6}", told.body)
            assert code
            sign_lease(
                lease=row,
                shown_sha256=row.document_sha256 or "",
                code=code[0],
                actor=actor,
                now=self.now,
                today=self.today,
            )
            issue_due_bills(lease=row, today=self.today, actor=actor)

        signed = self.do(
            f"the {side} signs lease {lease.id}",
            sign,
            may=lease.open(self.now) and side not in lease.signed_by,
            refusals=(WrongState,),
        )
        if signed.error is not None:
            return
        lease.signed_by.add(side)
        if len(lease.signed_by) == 2:
            lease.state = "signed"
            for room in lease.rooms:
                room.claim.state, room.claim.until = "leased", None

    @precondition(lambda self: any(lease.state == "drafted" for lease in self.model.leases))
    @rule(pick=PICK, by=st.sampled_from(("lessor", "lessee", "booking")))
    def what_is_not_signed_is_withdrawn(self, pick: int, by: str) -> None:
        self.tick()
        booked = [lease for lease in self.model.leases if lease.booking is not None]
        lease = some([one for one in booked if one.open(self.now)], booked, pick)
        ending = [one for one in booked if one.booking == lease.booking] if by == "booking" else [lease]
        ending = [one for one in ending if one.open(self.now)]
        actor = self.villager(lease.owner) if by == "lessor" else self.manager(lease.firm)

        def withdraw() -> None:
            if by == "booking":
                row = db.session.get_one(Booking, lease.booking)
                withdraw_booking(booking=row, reason="不来了", actor=actor, now=self.now)
            else:
                row = db.session.get_one(Lease, lease.id)
                withdraw_lease(lease=row, reason="不租了", actor=actor, now=self.now)

        self.do(f"the {by} takes lease {lease.id} back", withdraw, may=bool(ending), refusals=(WrongState,))
        for one in ending:
            one.state = "cancelled"
            for room in one.rooms:
                room.claim.state = "released"

    # --- changes of leases ---------------------------------------------------------------------------------

    @rule(
        pick=PICK,
        kind=st.sampled_from(("end", "extend", "swap")),
        by=st.sampled_from(("lessor", "lessee")),
        days=st.sampled_from((-1, 0, 3, 20, 40)),
        other=PICK,
        answered=st.booleans(),
    )
    def a_change_is_asked(self, pick: int, kind: str, by: str, days: int, other: int, answered: bool) -> None:
        """Ending by notice is made at once; the rest waits for the other side's word."""
        self.tick()
        model = self.model
        signed = [lease for lease in model.leases if lease.state == "signed"]
        fresh = [one for one in signed if model.rooms_running(one) and one.change is None]
        lease = some(fresh, signed, pick)
        rooms = model.rooms_running(lease) or lease.rooms
        room = rooms[pick % len(rooms)]
        day = (room.ends if kind == "extend" else self.today) + timedelta(days=days)
        same_owner = [one.id for one in self.world.rooms if one.owner == lease.owner]
        free = [one for one in same_owner if not model.taken(one, day, room.ends)]
        other_room = some(free, same_owner, other) if kind == "swap" else None
        actor = self.villager(lease.owner) if by == "lessor" else self.manager(lease.firm)
        wanted = WantedChange(ChangeKind(kind), (room.id,), day, other_room)

        def ask() -> tuple[int, str]:
            row = db.session.get_one(Lease, lease.id)
            effect = effect_of(row, wanted, actor=actor, today=self.today, now=self.now)
            change = ask_change(
                lease=row,
                wanted=wanted,
                reason="人少了",
                shown_digest=effect.digest(),
                actor=actor,
                today=self.today,
                now=self.now,
            )
            return change.id, change.state

        may = model.may_change(lease, kind, room, day, other_room, self.inside(room))
        asked = self.do(
            f"the {by} asks to {kind} room {room.claim.room} of lease {lease.id} on {day}",
            ask,
            may=may and lease.change is None,
            refusals=CHANGE_REFUSALS,
        )
        if asked.error is not None:
            return
        change_id, state = asked.value
        by_notice = kind == "end" and (day - self.today).days >= lease.notice_days
        assert (state == "done") == by_notice
        change = board.Change(change_id, kind, by, room, day, other_room)
        if by_notice:
            self.note_change(lease, change)
            return
        lease.change = change
        if answered:
            self.the_database_says_what_the_board_says()
            self.answer_change(lease, "yes", by_asker=False)

    @precondition(lambda self: any(lease.change for lease in self.model.leases))
    @rule(pick=PICK, say=st.sampled_from(("yes", "yes", "no", "back")), as_asker=st.integers(0, 5))
    def a_change_is_answered(self, pick: int, say: str, as_asker: int) -> None:
        lease = some([], [one for one in self.model.leases if one.change], pick)
        self.answer_change(lease, say, by_asker=(say == "back") != (as_asker == 0))

    def answer_change(self, lease: board.Lease, say: str, *, by_asker: bool) -> None:
        self.tick()
        model, change = self.model, lease.change
        assert change
        lessor = (change.side == "lessor") == by_asker
        actor = self.villager(lease.owner) if lessor else self.manager(lease.firm)

        def answer() -> None:
            row = db.session.get_one(LeaseChange, change.id)
            if say == "back":
                withdraw_change(change=row, actor=actor, now=self.now)
                return
            digest = ""
            if say == "yes":
                wanted = WantedChange.from_terms(row.kind, row.terms)
                effect = effect_of(row.lease, wanted, actor=actor, today=self.today, now=self.now)
                digest = effect.digest()
            answer_change(
                change=row,
                yes=say == "yes",
                reason="不行",
                shown_digest=digest,
                actor=actor,
                today=self.today,
                now=self.now,
            )

        may = by_asker == (say == "back")
        if say == "yes":
            may = may and model.may_change(
                lease, change.kind, change.room, change.day, change.other, self.inside(change.room)
            )
        answered = self.do(
            f"change {change.id} of lease {lease.id}: {say}", answer, may=may, refusals=CHANGE_REFUSALS
        )
        if answered.error is not None:
            return
        lease.change = None
        if say == "yes":
            self.note_change(lease, change)

    def note_change(self, lease: board.Lease, change: board.Change) -> None:
        room = change.room
        until = room.ends
        self.model.change(lease, change.kind, room, change.day)
        if change.other is not None:
            claim = self.model.claim(change.other, change.day, until, "leased")
            (new,) = {row[0] for row in self.seen.leases[lease.id][3]} - {one.id for one in lease.rooms}
            lease.rooms.append(board.LeaseRoom(new, claim, change.day, until))
            lease.ends = max(one.ends for one in lease.rooms)

    def inside(self, room: board.LeaseRoom) -> bool:
        """Whether somebody lives in a leased room."""
        return any(
            stay.lease_room_id == room.id and stay.arrived and not stay.left for stay in self.seen.stays
        )

    # --- beds ----------------------------------------------------------------------------------------------

    def leased_rooms(self, firm: int) -> list[tuple[board.Lease, board.LeaseRoom]]:
        return [
            (lease, room)
            for lease in self.model.leases
            if lease.firm == firm and lease.state == "signed"
            for room in lease.rooms
        ]

    def bed_is_free(
        self,
        room: board.LeaseRoom,
        bed_no: int,
        worker_id: int,
        key: int,
        starts: date,
        ends: date,
        but: SeenStay | None = None,
    ) -> bool:
        """Whether a worker can sleep there: a bed of the room, inside its days, with nobody in the way."""
        if not room.starts <= starts < ends:
            return False
        for stay in self.seen.stays:
            if stay == but or stay.ends_on <= starts or ends <= stay.starts_on:
                continue
            if stay.worker_id == worker_id:
                return False
            if stay.room_id == room.claim.room and (stay.bed_no == bed_no or stay.key != key):
                return False
        return True

    @rule(who=WHO, pick=PICK, bed=st.integers(1, 2), first=st.sampled_from((0, 0, 5)))
    def a_bed_is_given(self, who: int, pick: int, bed: int, first: int) -> None:
        self.tick()
        rooms = self.leased_rooms(who)
        if not rooms:
            return
        worker = self.world.workers[who][pick % len(self.world.workers[who])]
        _lease, room = rooms[pick % len(rooms)]
        starts = self.today + timedelta(days=first)

        def give() -> None:
            choice = BedChoice(
                db.session.get_one(WorkerRow, worker.id),
                db.session.get_one(LeaseRoom, room.id),
                bed,
                starts,
                by_hand=True,
            )
            assign_beds(choices=[choice], actor=self.manager(who), today=self.today)

        self.do(
            f"worker {worker.id} gets bed {bed} of room {room.claim.room} from {starts}",
            give,
            may=self.bed_is_free(room, bed, worker.id, worker.key, starts, room.ends),
            refusals=BED_REFUSALS,
        )

    def stays(self, *, arrived: bool) -> list[SeenStay]:
        """Who lives somewhere, or is to come."""
        return [stay for stay in self.seen.stays if stay.arrived == arrived and not stay.left]

    def a_stay(self, pick: int, *, arrived: bool) -> SeenStay:
        return some(self.stays(arrived=arrived), self.seen.stays, pick)

    def room_of(self, stay: SeenStay) -> tuple[board.Lease, board.LeaseRoom]:
        return next(
            (lease, room)
            for lease in self.model.leases
            for room in lease.rooms
            if room.id == stay.lease_room_id
        )

    @precondition(lambda self: self.stays(arrived=False))
    @rule(pick=PICK)
    def somebody_comes(self, pick: int) -> None:
        self.tick()
        stay = self.a_stay(pick, arrived=False)
        lease, room = self.room_of(stay)
        until = min(stay.ends_on, room.ends)
        came = self.do(
            f"worker {stay.worker_id} comes",
            lambda: check_in(
                stays=[db.session.get_one(Stay, stay.id)],
                arrived_on=self.today,
                actor=self.manager(lease.firm),
                today=self.today,
            ),
            may=not stay.arrived
            and self.bed_is_free(room, stay.bed_no, stay.worker_id, stay.key, self.today, until, but=stay),
            refusals=BED_REFUSALS,
        )
        if came.error is None:
            self.model.living[stay.worker_id] += 1

    @precondition(lambda self: self.stays(arrived=True))
    @rule(pick=PICK)
    def somebody_leaves(self, pick: int) -> None:
        self.tick()
        stay = self.a_stay(pick, arrived=True)
        lease, _room = self.room_of(stay)
        left_on = min(self.today, stay.ends_on)
        left = self.do(
            f"worker {stay.worker_id} leaves",
            lambda: check_out(
                stays=[db.session.get_one(Stay, stay.id)],
                left_on=left_on,
                actor=self.manager(lease.firm),
                today=self.today,
                now=self.now,
            ),
            may=stay.arrived and not stay.left and stay.starts_on <= left_on,
            refusals=(InvalidValue, WrongState),
        )
        if left.error is None:
            self.model.living[stay.worker_id] -= 1
            self.model.living += type(self.model.living)()

    @precondition(lambda self: self.stays(arrived=False))
    @rule(pick=PICK)
    def somebody_does_not_come(self, pick: int) -> None:
        self.tick()
        stay = self.a_stay(pick, arrived=False)
        lease, _room = self.room_of(stay)
        self.do(
            f"worker {stay.worker_id} does not come",
            lambda: cancel_stay(
                stay=db.session.get_one(Stay, stay.id), actor=self.manager(lease.firm), now=self.now
            ),
            may=not stay.arrived and not stay.left,
            refusals=(WrongState,),
        )

    @precondition(lambda self: self.seen.stays)
    @rule(pick=PICK, to=PICK, bed=st.integers(1, 2))
    def somebody_moves(self, pick: int, to: int, bed: int) -> None:
        self.tick()
        stay = self.a_stay(pick, arrived=pick % 4 != 0)
        lease, _room = self.room_of(stay)
        rooms = self.leased_rooms(lease.firm)
        _lease, room = rooms[to % len(rooms)]
        starts = self.today if stay.arrived else stay.starts_on
        until = min(stay.ends_on, room.ends)
        gone = stay.left or (stay.arrived and stay.ends_on <= self.today)
        same = (room.id, bed) == (stay.lease_room_id, stay.bed_no)
        self.do(
            f"worker {stay.worker_id} moves to bed {bed} of room {room.claim.room}",
            lambda: move_stay(
                stay=db.session.get_one(Stay, stay.id),
                lease_room=db.session.get_one(LeaseRoom, room.id),
                bed_no=bed,
                moves_on=self.today,
                actor=self.manager(lease.firm),
                today=self.today,
                now=self.now,
            ),
            may=not gone
            and not same
            and stay.starts_on <= starts
            and self.bed_is_free(room, bed, stay.worker_id, stay.key, starts, until, but=stay),
            refusals=BED_REFUSALS,
        )

    # --- closing rooms -------------------------------------------------------------------------------------

    @rule(pick=st.integers(0, 11), first=FIRST, days=st.sampled_from((3, 30)))
    def a_room_is_closed(self, pick: int, first: int, days: int) -> None:
        self.tick()
        room = self.world.rooms[pick]
        starts = self.today + timedelta(days=first)
        ends = starts + timedelta(days=days)

        def close() -> int:
            (claim,) = close_rooms(
                rooms=[db.session.get_one(Room, room.id)],
                starts_on=starts,
                ends_on=ends,
                reason="修屋顶",
                actor=self.villager(room.owner),
                today=self.today,
                now=self.now,
            )
            return claim.id

        closed = self.do(
            f"room {room.id} is closed from {starts} to {ends}",
            close,
            may=not self.model.taken(room.id, starts, ends),
            refusals=(RoomTaken,),
        )
        if closed.error is None:
            self.model.closings.append((closed.value, self.model.claim(room.id, starts, ends, "closed")))

    @precondition(lambda self: self.model.closings)
    @rule(pick=PICK)
    def a_room_is_opened_again(self, pick: int) -> None:
        self.tick()
        claim_id, claim = self.model.closings[pick % len(self.model.closings)]
        owner = self.model.rooms[claim.room].owner
        opened = self.do(
            f"room {claim.room} is opened again",
            lambda: reopen_rooms(
                claims=[db.session.get_one(RoomClaim, claim_id)], actor=self.villager(owner), today=self.today
            ),
            may=claim.state == "closed" and claim.ends > self.today,
            refusals=(WrongState,),
        )
        if opened.error is None:
            if claim.starts >= self.today:
                claim.state = "released"
            else:
                claim.ends = self.today

    # --- money ---------------------------------------------------------------------------------------------

    def issue_bills(self) -> None:
        """What is due is issued, once: a second run finds nothing."""
        before = sum(self.seen.open.values())

        def run() -> int:
            return sum(
                run_bills(batch=batch, until=self.today, today=self.today, actor=SYSTEM).bills
                for batch in plan_batches(until=self.today)
            )

        issued = self.do("bills are issued", run, may=True)
        assert sum(self.seen.open.values()) >= before or issued.value
        assert self.do("bills are issued again", run, may=True).value == 0

    @rule(pick=PICK, size=st.sampled_from(("part", "all", "over")), by_payer=st.booleans())
    def rent_is_paid(self, pick: int, size: str, by_payer: bool) -> None:
        self.tick()
        signed = [lease for lease in self.model.leases if lease.state == "signed"]
        lease = signed[pick % len(signed)]
        pair = (self.world.enterprise_ids[lease.firm], self.world.owner_ids[lease.owner])
        owed = self.seen.open.get(pair, 0)
        amount = {"part": owed // 2, "all": owed, "over": owed + 12_345}[size] or 1_000
        actor = self.manager(lease.firm) if by_payer else self.villager(lease.owner)

        def pay() -> int:
            return record_payment(
                enterprise=db.session.get_one(Enterprise, pair[0]),
                owner=db.session.get_one(Owner, pair[1]),
                amount_fen=amount,
                paid_on=self.today,
                method="bank",
                actor=actor,
                now=self.now,
            ).id

        paid = self.do(f"{amount} fen for lease {lease.id}", pay, may=True)
        state = "claimed" if by_payer else "confirmed"
        self.model.payments.append(board.Payment(paid.value, lease.firm, lease.owner, amount, state))

    @precondition(lambda self: self.model.payments)
    @rule(pick=PICK, say=st.sampled_from(("confirm", "confirm", "reject", "reverse")))
    def a_payment_is_decided(self, pick: int, say: str) -> None:
        self.tick()
        before, after = {
            "confirm": ("claimed", "confirmed"),
            "reject": ("claimed", "rejected"),
            "reverse": ("confirmed", "reversed"),
        }[say]
        payments = self.model.payments
        payment = some([one for one in payments if one.state == before], payments, pick)
        actor = self.villager(payment.owner)

        def decide() -> None:
            row = db.session.get_one(Payment, payment.id)
            match say:
                case "confirm":
                    confirm_payment(payment=row, actor=actor, now=self.now)
                case "reject":
                    reject_payment(payment=row, reason="没到账", actor=actor, now=self.now)
                case _:
                    reverse_payment(payment=row, reason="记错了", actor=actor, now=self.now)

        decided = self.do(
            f"{say} payment {payment.id}", decide, may=payment.state == before, refusals=(WrongState,)
        )
        if decided.error is None:
            payment.state = after
