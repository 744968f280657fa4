"""The room board against rows made at random: SQL and bars say the same of today, and sums add up."""

from collections import Counter
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from qiantang_nest.billing.models import Bill
from qiantang_nest.billing.services import issue_due_bills, record_payment
from qiantang_nest.core.actor import SYSTEM, Actor
from qiantang_nest.core.db import db
from qiantang_nest.core.period import Period
from qiantang_nest.enterprises.models import Enterprise
from qiantang_nest.housing.models import Hazard, House, RoomNote
from qiantang_nest.occupancy.models import LeaseRoom, RoomClaim, Stay
from qiantang_nest.occupancy.rules import ClaimState, RoomState, room_state
from qiantang_nest.reports.queries.board import Board, Place, Wanted, board, groups
from qiantang_nest.reports.rules.board import Bar, Barred, Beds, Look, Room
from tests.conftest import QueryLog
from tests.factories import (
    NEIGHBOUR_VILLAGE,
    NOW,
    TODAY,
    add,
    make_claim,
    make_clerk,
    make_district_officer,
    make_employer,
    make_enterprise,
    make_hold,
    make_house,
    make_lease,
    make_listing,
    make_owner,
    make_report,
    make_room,
    make_stay,
    make_street_officer,
    make_villager,
    make_worker,
)

pytestmark = pytest.mark.usefixtures("db_session")

DAY = timedelta(days=1)
FIRST, DAYS = TODAY - 3 * DAY, 31
EVERYTHING = Place(500)


def shown(who: Actor, wanted: Wanted | None = None, place: Place = EVERYTHING, days: int = DAYS) -> Board:
    return board(who, wanted or Wanted(), place, first=FIRST, days=days, today=TODAY, now=NOW)


def rooms_in(found: Board) -> dict[int, tuple[Room, list[Bar]]]:
    return {room.id: (room, bars) for house in found.houses for room, bars in house.rooms}


def only(who: Actor) -> tuple[Room, list[Bar]]:
    """The one room of the village."""
    (pair,) = rooms_in(shown(who)).values()
    return pair


def lease_room_of(enterprise: Enterprise, room: Any, begin: int, end: int, **fields: Any) -> LeaseRoom:
    lease = make_lease(enterprise, [room], TODAY + begin * DAY, TODAY + end * DAY, **fields)
    return db.session.execute(select(LeaseRoom).where(LeaseRoom.lease_id == lease.id)).scalar_one()


class Village:
    """Rooms of three groups whose days were thrown with dice."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.clerk = make_clerk()
        self.enterprise = make_enterprise()
        for group in ("1", "2", "10"):
            for _house in range(3):
                house = make_house(
                    make_owner(group_no=group),
                    sellable=self.rng.random() < 0.8,
                    dangerous_since=TODAY if self.rng.random() < 0.1 else None,
                )
                if self.rng.random() < 0.2:
                    severity = self.rng.choice(("minor", "major"))
                    add(
                        Hazard(
                            house_id=house.id, severity=severity, what="电线", found_on=TODAY, due_on=TODAY
                        )
                    )
                for _room in range(3):
                    self.room(house)
        db.session.flush()

    def room(self, house: House) -> None:
        rng = self.rng
        room = make_room(house, capacity=3, beds=rng.randint(1, 3))
        if rng.random() < 0.7:
            begin = rng.randint(-90, 5)
            make_listing(room, starts_on=TODAY + begin * DAY, ends_on=TODAY + (begin + 100) * DAY)
        cuts = sorted(rng.sample(range(-60, 60), 4))
        for begin, end in ((cuts[0], cuts[1]), (cuts[2], cuts[3])):
            state = rng.choice(("held", "leased", "leased", "closed", "none"))
            if state == "held":
                until = NOW + timedelta(hours=rng.choice((-1, 20)))
                make_claim(room, TODAY + begin * DAY, TODAY + end * DAY, state, held_until=until)
            elif state == "closed":
                make_claim(room, TODAY + begin * DAY, TODAY + end * DAY, state, reason="过节")
            elif state == "leased":
                self.people(lease_room_of(self.enterprise, room, begin, end), room.beds)

    def people(self, place: LeaseRoom, beds: int) -> None:
        for bed in range(1, beds + 1):
            fate = self.rng.choice(("none", "planned", "here", "left"))
            if fate == "none":
                continue
            stay = make_stay(make_worker(self.enterprise), place, bed)
            if fate == "planned" or place.starts_on > TODAY:
                stay.arrived_on = None
            elif fate == "left":
                stay.ends_on = stay.left_on = min(place.ends_on, TODAY)
                make_report(stay, "departure", done_on=stay.left_on)

    def state_of(self, room_id: int) -> tuple[RoomState, int]:
        """What the rule says of a room today, and how many have not left in time; from rows alone."""
        claims = db.session.scalars(select(RoomClaim).where(RoomClaim.room_id == room_id)).all()
        stays = db.session.scalars(
            select(Stay).where(Stay.room_id == room_id, Stay.arrived_on.is_not(None))
        ).all()
        state = room_state(
            TODAY,
            claims=[
                (ClaimState(one.state), Period(one.starts_on, one.ends_on))
                for one in claims
                if one.held_until is None or one.held_until > NOW
            ],
            stays=[Period(one.starts_on, one.ends_on) for one in stays if one.ends_on > one.starts_on],
            listings=[],
        )
        return state, sum(one.left_on is None and one.ends_on <= TODAY for one in stays)


@pytest.mark.parametrize("seed", range(6))
def test_sql_bars_and_the_rule_say_the_same_of_today(seed: int) -> None:
    village = Village(seed)
    found = rooms_in(shown(village.clerk))
    assert len(found) == 27
    for room, bars in found.values():
        (today,) = [bar for bar in bars if bar.is_today]
        assert room.look is today.look, room
        state, overstayed = village.state_of(room.id)
        assert room.overstayed == overstayed
        expected = {
            RoomState.OCCUPIED: {Look.OCCUPIED},
            RoomState.LEASED: {Look.LEASED},
            RoomState.HELD: {Look.HELD},
            RoomState.CLOSED: {Look.CLOSED},
            RoomState.UNLISTED: {Look.IDLE, Look.UNLISTED},
        }
        assert room.look in ({Look.CONFLICT} if overstayed else expected[state]), room


@pytest.mark.parametrize("seed", range(3))
def test_groups_are_sums_of_the_rooms(seed: int) -> None:
    village = Village(seed)
    rooms = rooms_in(shown(village.clerk)).values()
    found = groups(village.clerk, TODAY, NOW)
    assert [group.name for group in found] == ["1", "2", "10"]
    assert sum(group.rooms for group in found) == len(rooms) == 27
    looks = Counter(room.look for room, _bars in rooms)
    for look in Look:
        assert sum(group.looks[look] for group in found) == looks[look], look
    for group in found:
        beds = group.beds
        assert min(beds.free, beds.held, beds.let, beds.occupied, beds.out) >= 0
        assert (group.houses, group.rooms) == (3, 9)
    assert sum(group.beds.total for group in found) == sum(room.beds for room, _bars in rooms)
    assert sum(group.beds.free for group in found) == sum(
        room.beds for room, _bars in rooms if room.look is Look.IDLE
    )


def test_a_filter_gives_as_many_rooms_as_the_sum_says() -> None:
    village = Village(11)
    found = groups(village.clerk, TODAY, NOW)
    for look in Look:
        rooms = rooms_in(shown(village.clerk, Wanted(state=look)))
        assert len(rooms) == sum(group.looks[look] for group in found), look
        assert all(room.look is look for room, _bars in rooms.values())
    for group in found:
        assert len(rooms_in(shown(village.clerk, Wanted(group=group.name)))) == group.rooms
        assert len(rooms_in(shown(village.clerk, Wanted(group=group.name, state="todo")))) == group.todo


def test_beds_of_a_group_by_what_becomes_of_them() -> None:
    clerk, enterprise = make_clerk(), make_enterprise()
    house = make_house()
    lived_in, let, held, free, closed = (make_room(house, beds=2) for _number in range(5))
    make_stay(make_worker(enterprise), lease_room_of(enterprise, lived_in, -9, 90))
    lease_room_of(enterprise, let, -9, 90)
    make_hold(enterprise, [make_listing(held)], TODAY, TODAY + 90 * DAY)
    make_hold(enterprise, [make_listing(free)], TODAY + 5 * DAY, TODAY + 90 * DAY)
    make_claim(closed, TODAY, TODAY + DAY, "closed", reason="维修")
    (group,) = groups(clerk, TODAY, NOW)
    assert group.beds == Beds(total=10, free=2, held=2, let=3, occupied=1)
    assert (group.beds.out, group.held_later, group.todo) == (2, 1, 0)


# --- facts of a room ------------------------------------------------------------------------------


def test_who_leaves_within_a_week_is_counted() -> None:
    clerk, enterprise = make_clerk(), make_enterprise()
    place = lease_room_of(enterprise, make_room(capacity=4, beds=4), -90, 90)
    for bed, days in enumerate((7, 8, 3), 1):
        make_stay(make_worker(enterprise), place, bed, ends_on=TODAY + days * DAY)
    room, _bars = only(clerk)
    assert (room.heads, room.leaving, room.leaves_on) == (3, 2, TODAY + 3 * DAY)
    assert rooms_in(shown(clerk, Wanted(state="leaving")))


def test_who_has_not_left_in_time_is_told_even_under_another_lease() -> None:
    clerk, enterprise = make_clerk(), make_enterprise()
    room = make_room()
    make_stay(make_worker(enterprise), lease_room_of(enterprise, room, -90, -2))
    found, bars = only(clerk)
    assert (found.look, found.overstayed, bars[-1].look) == (Look.CONFLICT, 1, Look.CONFLICT)
    lease_room_of(make_enterprise(), room, -2, 60)
    assert only(clerk)[0].look is Look.CONFLICT


def test_rent_or_a_deposit_that_is_late_is_owed() -> None:
    clerk, enterprise = make_clerk(), make_enterprise()
    place = lease_room_of(enterprise, make_room(), -45, 300)
    assert only(clerk)[0].owing_since is None
    issue_due_bills(lease=place.lease, today=TODAY, actor=SYSTEM)
    room, _bars = only(clerk)
    assert room.owing_since is not None
    assert room.owing_since < TODAY
    assert room.owes_rent
    rent = db.session.scalars(select(Bill).where(Bill.kind == "rent")).all()
    villager, owner = make_villager(place.lease.owner)
    record_payment(
        enterprise=enterprise,
        owner=owner,
        amount_fen=sum(bill.amount_fen for bill in rent),
        paid_on=TODAY,
        method="bank",
        chosen_bill_ids=[bill.id for bill in rent],
        actor=villager,
        now=NOW,
    )
    assert only(clerk)[0].owes_rent is False
    assert rooms_in(shown(clerk, Wanted(state="arrears")))


def test_an_idle_room_counts_from_its_offer_or_its_last_lease() -> None:
    clerk, enterprise = make_clerk(), make_enterprise()
    room = make_room()
    make_listing(room, starts_on=TODAY - 50 * DAY)
    assert only(clerk)[0].idle_since == TODAY - 50 * DAY
    assert rooms_in(shown(clerk, Wanted(state="long_idle")))
    lease_room_of(enterprise, room, -40, -10)
    assert only(clerk)[0].idle_since == TODAY - 10 * DAY
    assert not rooms_in(shown(clerk, Wanted(state="long_idle")))


@pytest.mark.parametrize(
    ("fields", "barred"),
    [
        ({"dangerous_since": TODAY}, Barred.DANGER),
        ({"safe_until": TODAY}, Barred.CHECK),
        ({"sellable": False, "safe_until": TODAY + DAY}, Barred.PAPERS),
        ({"safe_until": TODAY + DAY}, None),
    ],
)
def test_a_house_that_may_not_be_let_says_why(fields: dict[str, Any], barred: Barred | None) -> None:
    clerk = make_clerk()
    make_listing(make_room(make_house(**fields)))
    room, _bars = only(clerk)
    assert (room.barred, room.look) == (barred, Look.UNLISTED if barred else Look.IDLE)


def test_an_open_major_hazard_bars_a_minor_one_is_told() -> None:
    clerk = make_clerk()
    house = make_house()
    make_listing(make_room(house))
    hazard = add(Hazard(house_id=house.id, severity="minor", what="杂物", found_on=TODAY, due_on=TODAY))
    found = shown(clerk)
    assert (found.houses[0].hazards, only(clerk)[0].look) == (1, Look.IDLE)
    hazard.severity = "major"
    assert only(clerk)[0].barred is Barred.HAZARD
    hazard.closed_on = TODAY
    assert (shown(clerk).houses[0].hazards, only(clerk)[0].look) == (0, Look.IDLE)


def test_reports_and_notes_are_counted() -> None:
    clerk, enterprise = make_clerk(), make_enterprise()
    room = make_room()
    stay = make_stay(make_worker(enterprise), lease_room_of(enterprise, room, -9, 90))
    make_report(stay, "arrival", due_on=TODAY)
    make_report(stay, "departure", happened_on=TODAY, done_on=TODAY)
    for struck_off in (None, NOW):
        add(
            RoomNote(
                room_id=room.id,
                words="钥匙在儿子家",
                noted_by=clerk.user_id,
                removed_at=struck_off,
                removed_by=clerk.user_id if struck_off else None,
            )
        )
    found, _bars = only(clerk)
    assert (found.reports, found.notes) == (1, 1)
    for state in ("registration", "note", "todo"):
        assert rooms_in(shown(clerk, Wanted(state=state))), state


def test_an_expired_hold_is_free_and_a_live_one_names_who_holds() -> None:
    clerk, enterprise = make_clerk(), make_enterprise()
    room = make_room()
    listing = make_listing(room)
    hold = make_hold(enterprise, [listing], TODAY, TODAY + 90 * DAY)
    found, (_before, bar) = only(clerk)
    assert found.look is Look.HELD
    assert bar.claim is not None
    assert (bar.claim.enterprise, bar.claim.hold_id) == (enterprise.name, hold.id)
    hold.expires_at = NOW
    for claim in db.session.scalars(select(RoomClaim)).all():
        claim.held_until = NOW
    assert only(clerk)[0].look is Look.IDLE


def test_rooms_nobody_sleeps_in_are_no_rows() -> None:
    clerk = make_clerk()
    house = make_house()
    make_room(house, kind="kitchen", capacity=0, beds=0)
    make_room(house, removed_at=NOW)
    assert shown(clerk).houses == []
    assert groups(clerk, TODAY, NOW) == []


# --- which houses ---------------------------------------------------------------------------------


def test_houses_come_by_group_and_door_as_people_count() -> None:
    clerk = make_clerk()
    for group, address in (("10", "10组1号"), ("2", "2组11号"), ("2", "2组3号"), ("", "村口")):
        make_room(make_house(make_owner(group_no=group), address=address))
    assert [house.address for house in shown(clerk).houses] == ["村口", "2组3号", "2组11号", "10组1号"]
    assert [house.address for house in shown(clerk, Wanted(group="")).houses] == ["村口"]


def test_a_page_holds_so_many_houses_and_one_past_the_end_is_the_last() -> None:
    clerk = make_clerk()
    houses = [make_house(address=f"3组{number}号") for number in range(1, 8)]
    for house in houses:
        make_room(house)
    numbers = [[house.number for house in shown(clerk, place=Place(3, page)).houses] for page in (1, 2, 3, 9)]
    assert numbers == [[1, 2, 3], [4, 5, 6], [7], [7]]
    found = shown(clerk, place=Place(3, house_id=houses[4].id))
    assert ([house.number for house in found.houses], found.total) == ([4, 5, 6], 7)
    assert shown(clerk, place=Place(3, house_id=0)).houses[0].number == 1
    one = shown(clerk, place=Place(1, house_id=houses[4].id))
    assert [house.id for house in one.houses] == [houses[4].id]


def test_a_text_finds_households_doors_rooms_and_firms() -> None:
    clerk, enterprise = make_clerk(), make_enterprise(name="杭州百分%之_一有限公司")
    room = make_room(make_house(make_owner(name="俞水仙"), address="5组6号"), label="阁楼")
    other = make_room(make_house(make_owner(name="倪关林"), address="5组9号"), label="101")
    lease_room_of(enterprise, room, -9, 9)
    make_hold(make_enterprise(name="宏岳机电"), [make_listing(other)], TODAY + 9 * DAY, TODAY + 99 * DAY)
    for text, expected in (
        ("水仙", {room.id}),
        ("6号", {room.id}),
        ("阁", {room.id}),
        ("分%之_一", {room.id}),
        ("%", {room.id}),
        ("宏岳", {other.id}),
        ("5组", {room.id, other.id}),
        ("\\", set()),
    ):
        assert set(rooms_in(shown(clerk, Wanted(text=text)))) == expected, text


def test_only_a_clerk_sees_rooms_and_only_of_the_own_village() -> None:
    room = make_room(make_house(make_owner()))
    make_room(make_house(make_owner(NEIGHBOUR_VILLAGE)))
    assert set(rooms_in(shown(make_clerk()))) == {room.id}
    others = [make_street_officer(), make_district_officer(), make_villager()[0], make_employer()[0]]
    for who in (*others, SYSTEM):
        assert shown(who).houses == []
        assert groups(who, TODAY, NOW) == []


def test_three_reads_for_a_page_and_two_for_more_of_it_whatever_the_size(query_log: QueryLog) -> None:
    village = Village(3)
    for days, place in ((14, Place(2)), (93, EVERYTHING)):
        query_log.clear()
        groups(village.clerk, TODAY, NOW)
        shown(village.clerk, place=place, days=days)
        assert len(query_log) == 3, (days, place)
        query_log.clear()
        shown(village.clerk, Wanted(state="todo", text="组"), place=place, days=days)
        assert len(query_log) == 2


def test_a_month_long_past_shows_who_slept_then() -> None:
    clerk, enterprise = make_clerk(), make_enterprise()
    place = lease_room_of(enterprise, make_room(), -200, -100)
    begin: date = TODAY - 190 * DAY
    make_stay(make_worker(enterprise), place, ends_on=TODAY - 150 * DAY, left_on=TODAY - 150 * DAY)
    found = board(clerk, Wanted(), EVERYTHING, first=begin, days=31, today=TODAY, now=NOW)
    ((_room, (bar,)),) = found.houses[0].rooms
    assert bar.claim is not None
    assert (bar.look, bar.claim.heads, bar.is_today) == (Look.OCCUPIED, 1, False)
