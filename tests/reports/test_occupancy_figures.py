"""Every figure recounted by another way: day by day, room by room, in plain Python over the rows."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import pytest
from sqlalchemy import select

from qiantang_nest.core.db import db
from qiantang_nest.housing.models import Hazard, House, Inspection, Listing, Room
from qiantang_nest.occupancy.models import LeaseRoom, RoomClaim, Stay
from qiantang_nest.reports.queries.occupancy import (
    Area,
    counts_by_village,
    days_from_rows,
    missing_from,
    rooms_behind,
    trend_by_month,
)
from qiantang_nest.reports.rules import Counts, Figure
from qiantang_nest.reports.services import refresh_days
from tests.factories import (
    NEIGHBOUR_VILLAGE,
    NOW,
    OTHER_STREET_VILLAGE,
    TODAY,
    VILLAGE,
    add,
    make_claim,
    make_enterprise,
    make_house,
    make_lease,
    make_listing,
    make_owner,
    make_report,
    make_room,
    make_stay,
    make_worker,
)

VILLAGES = [VILLAGE, NEIGHBOUR_VILLAGE, OTHER_STREET_VILLAGE]
SINCE = TODAY - timedelta(days=70)


def day_at(offset: int) -> date:
    return SINCE + timedelta(days=offset)


@dataclass
class World:
    """What was made, for changing it later."""

    rng: Random
    rooms: list[Room]


@pytest.fixture(params=[1, 2, 3])
def world(request, db_session) -> World:
    """Houses with checks, hazards and danger at random; rooms offered, closed, held, let; people coming."""
    rng = Random(request.param)
    enterprise = make_enterprise()
    rooms = []
    for village in VILLAGES:
        for _house in range(4):
            house = make_house(make_owner(village), sellable=False)
            day = day_at(rng.randint(-120, 10))
            for _check in range(rng.randint(1, 3)):
                passed = rng.random() < 0.75
                until = day + timedelta(days=rng.randint(90, 500)) if passed else None
                add(Inspection(house_id=house.id, inspected_on=day, passed=passed, valid_until=until))
                day += timedelta(days=rng.randint(0, 60))
            if rng.random() < 0.5:
                found = day_at(rng.randint(-5, 60))
                closed = found + timedelta(days=rng.randint(0, 20)) if rng.random() < 0.7 else None
                severity = rng.choice(["major", "minor"])
                add(
                    Hazard(
                        house_id=house.id,
                        severity=severity,
                        what="x",
                        found_on=found,
                        due_on=found,
                        closed_on=closed,
                    )
                )
            if rng.random() < 0.25:
                house.dangerous_since = day_at(rng.randint(0, 60))
            for _room in range(3):
                rooms.append(_make_room(rng, house, enterprise))
    db_session.flush()
    return World(rng, rooms)


def _make_room(rng: Random, house: House, enterprise) -> Room:
    kind = "kitchen" if rng.random() < 0.1 else "bedroom"
    beds = 0 if kind == "kitchen" else rng.choice([1, 2])
    room = make_room(house, kind=kind, beds=beds, capacity=beds)
    if rng.random() < 0.1:
        room.removed_at = datetime.combine(day_at(rng.randint(0, 75)), time(rng.choice([3, 17])), UTC)
    start = day_at(rng.randint(-20, 10))
    for _offer in range(rng.randint(1, 3)):
        end = start + timedelta(days=rng.randint(5, 60))
        state = rng.choice(["approved", "approved", "approved", "submitted", "withdrawn"])
        make_listing(room, starts_on=start, ends_on=end, state=state)
        start = end + timedelta(days=rng.randint(0, 10))
    start = day_at(rng.randint(-20, 20))
    for _claim in range(rng.randint(0, 4)):
        end = start + timedelta(days=rng.randint(1, 40))
        what = rng.choice(["lease", "lease", "closed", "held", "expired", "released"])
        if what == "lease":
            lease = make_lease(enterprise, [room], start, end)
            _house_people(rng, lease.id, enterprise, start, end, beds)
        elif what in ("held", "expired"):
            until = NOW + timedelta(hours=5 if what == "held" else -5)
            make_claim(room, start, end, "held", held_until=until)
        else:
            make_claim(room, start, end, what)
        start = end + timedelta(days=rng.randint(0, 9))
    return room


def _house_people(rng: Random, lease_id: int, enterprise, start: date, end: date, beds: int) -> None:
    lease_room = db.session.execute(select(LeaseRoom).where(LeaseRoom.lease_id == lease_id)).scalar_one()
    for bed in range(1, beds + 1):
        arrive = start + timedelta(days=rng.randint(0, 4))
        leave = min(end, arrive + timedelta(days=rng.randint(1, 30)))
        if arrive >= leave:
            continue
        fate = rng.random()
        extra = {}
        if fate < 0.15:
            extra = {"arrived_on": None}
        elif fate < 0.25:
            extra = {"arrived_on": None, "cancelled_at": NOW}
        make_stay(
            make_worker(enterprise),
            lease_room,
            bed,
            starts_on=arrive,
            **{"arrived_on": arrive, **extra},
            ends_on=leave,
        )


def recount(session, day: date) -> dict[str, Counts]:
    """The figures of a day from loaded rows, without SQL's help."""

    def all_of(model):
        return session.execute(select(model)).scalars().all()

    houses = {house.id: house for house in all_of(House)}
    checks, hazards, listings, claims, stays = (defaultdict(list) for _ in range(5))
    for row in all_of(Inspection):
        checks[row.house_id].append(row)
    for row in all_of(Hazard):
        hazards[row.house_id].append(row)
    for row in all_of(Listing):
        listings[row.room_id].append(row)
    for row in all_of(RoomClaim):
        claims[row.room_id].append(row)
    for row in all_of(Stay):
        stays[row.room_id].append(row)
    totals: dict[str, Counts] = {}
    for room in all_of(Room):
        if room.kind not in ("bedroom", "living_room"):
            continue
        if room.removed_at is not None and (room.removed_at + timedelta(hours=8)).date() <= day:
            continue
        house = houses[room.house_id]
        done = sorted(
            (c for c in checks[house.id] if c.inspected_on <= day), key=lambda c: (c.inspected_on, c.id)
        )
        safe = bool(done) and done[-1].passed and done[-1].valid_until > day
        hazard = any(
            z.severity == "major" and z.found_on <= day and (z.closed_on is None or z.closed_on > day)
            for z in hazards[house.id]
        )
        danger = house.dangerous_since is not None and house.dangerous_since <= day
        offered = any(o.state == "approved" and o.starts_on <= day < o.ends_on for o in listings[room.id])
        listed = offered and safe and not hazard and not danger
        states = {
            c.state
            for c in claims[room.id]
            if c.starts_on <= day < c.ends_on
            and c.state != "released"
            and (c.held_until is None or c.held_until > NOW)
        }
        heads = sum(
            s.starts_on <= day < s.ends_on and s.arrived_on is not None and s.cancelled_at is None
            for s in stays[room.id]
        )
        let, held, closed = "leased" in states, "held" in states, "closed" in states
        market = listed or let
        empty = listed and not states
        totals[room.village_code] = totals.get(room.village_code, Counts()) + Counts(
            registered=1,
            listed=listed,
            held=held,
            let=let,
            closed=closed,
            occupied=heads > 0,
            empty=empty,
            empty_beds=room.beds * empty,
            market=market,
            beds=room.beds * (market and not closed),
            heads=heads,
        )
    return totals


def test_a_day_equals_its_recount(world, db_session):
    area = Area(tuple(VILLAGES))
    for offset in range(0, 76, 3):
        day = day_at(offset)
        assert counts_by_village(area, day, NOW) == recount(db_session, day), day


def test_each_number_opens_exactly_the_rooms_it_counts(world, db_session):
    for offset in (5, 30, 55):
        for village in VILLAGES:
            area = Area((village,))
            counts = counts_by_village(area, day_at(offset), NOW).get(village, Counts())
            for figure in Figure:
                rooms, total = rooms_behind(area, figure, day_at(offset), NOW, limit=200, offset=0)
                assert total == len(rooms) == len({room.id for room in rooms})
                assert total == getattr(counts, figure.value)


def test_the_days_of_a_span_equal_their_recount(world, db_session):
    rows = {(r["village_code"], r["day"]): r for r in days_from_rows(VILLAGES, SINCE, TODAY)}
    assert len(rows) == 3 * 71
    for offset in range(0, 71, 2):
        day = day_at(offset)
        counted = recount(db_session, day)
        for village in VILLAGES:
            row, wanted = rows[village, day], counted.get(village, Counts())
            for name in ("listed", "let", "market", "occupied", "beds", "heads"):
                assert row[name] == getattr(wanted, name), (village, day, name)


def months_by_hand(session, last: date) -> dict[str, tuple[float | None, float | None]]:
    sums = defaultdict(Counts)
    for offset in range((last - SINCE).days + 1):
        day = day_at(offset)
        sums[f"{day:%Y-%m}"] += Counts.total(recount(session, day).values())
    return {month: (total.let_rate, total.bed_rate) for month, total in sums.items()}


def test_the_trend_is_the_same_stored_or_not_and_after_changes(world, db_session):
    wanted = months_by_hand(db_session, TODAY)

    def trend(last: date = TODAY):
        known = counts_by_village(Area(tuple(VILLAGES)), last, NOW)
        found = trend_by_month(VILLAGES, SINCE, last)
        assert trend_by_month(VILLAGES, SINCE, last, known=known) == found
        return {m.month: (m.let_rate, m.bed_rate) for m in found}

    assert trend() == wanted
    refresh_days(codes=VILLAGES, today=TODAY)
    assert trend(day_at(40)) == months_by_hand(db_session, day_at(40)), "stored days after it do not count"
    assert set(missing_from(VILLAGES, SINCE).values()) == {TODAY}
    assert trend() == wanted
    _change_the_past(world, db_session)
    assert min(missing_from(VILLAGES, SINCE).values()) < TODAY
    changed = months_by_hand(db_session, TODAY)
    assert changed != wanted
    assert trend() == changed
    assert refresh_days(codes=VILLAGES, today=TODAY) > 0
    assert set(missing_from(VILLAGES, SINCE).values()) == {TODAY}
    assert trend() == changed


def _change_the_past(world: World, session) -> None:
    """A late check-out, a withdrawn offer, a failed check, a hazard, a smaller room: each in the past."""
    rng = world.rng
    stay = next(
        s
        for s in session.execute(select(Stay)).scalars()
        if s.arrived_on and (s.ends_on - s.starts_on).days > 3
    )
    stay.ends_on = stay.left_on = stay.starts_on + timedelta(days=2)
    make_report(stay, "departure")
    listing = rng.choice(session.execute(select(Listing).where(Listing.state == "approved")).scalars().all())
    listing.state = "withdrawn"
    house = world.rooms[-1].house
    add(Inspection(house_id=house.id, inspected_on=day_at(20), passed=False))
    add(
        Hazard(
            house_id=world.rooms[0].house_id,
            severity="major",
            what="x",
            found_on=day_at(15),
            due_on=day_at(18),
        )
    )
    room = next(room for room in world.rooms if room.beds == 2)
    room.beds = room.capacity = 1
    session.flush()


@pytest.mark.parametrize("table", ["room_claim", "stay", "listing", "inspection", "hazard", "house", "room"])
def test_without_its_trigger_a_change_would_go_unseen(table, world, db_session):
    """Each watched table marks its village by itself."""
    refresh_days(codes=VILLAGES, today=TODAY)
    rows = {
        "room_claim": lambda: setattr(
            next(
                c
                for c in db_session.execute(
                    select(RoomClaim).where(RoomClaim.state == "closed", RoomClaim.starts_on < TODAY)
                ).scalars()
            ),
            "state",
            "released",
        ),
        "stay": lambda: setattr(
            next(
                s for s in db_session.execute(select(Stay)).scalars() if s.arrived_on and s.arrived_on < TODAY
            ),
            "cancelled_at",
            NOW,
        ),
        "listing": lambda: setattr(
            next(
                o
                for o in db_session.execute(
                    select(Listing).where(Listing.state == "approved", Listing.starts_on < TODAY)
                ).scalars()
            ),
            "state",
            "withdrawn",
        ),
        "inspection": lambda: add(
            Inspection(house_id=world.rooms[0].house_id, inspected_on=day_at(3), passed=False)
        ),
        "hazard": lambda: add(
            Hazard(
                house_id=world.rooms[0].house_id,
                severity="major",
                what="x",
                found_on=day_at(3),
                due_on=day_at(6),
            )
        ),
        "house": lambda: setattr(world.rooms[0].house, "dangerous_since", day_at(2)),
        "room": lambda: setattr(world.rooms[0], "removed_at", datetime.combine(day_at(4), time(3), UTC)),
    }
    rows[table]()
    db_session.flush()
    assert min(missing_from(VILLAGES, SINCE).values()) < TODAY


def test_what_begins_today_leaves_stored_days_alone(world, db_session):
    refresh_days(codes=VILLAGES, today=TODAY)
    room = make_room(world.rooms[0].house)
    make_lease(make_enterprise(), [room], TODAY, TODAY + timedelta(days=30))
    assert set(missing_from(VILLAGES, SINCE).values()) == {TODAY}


def test_an_area_without_rooms_has_no_rate():
    assert Counts().let_rate is None
    assert Counts().bed_rate is None


def test_the_made_world_has_something_to_count(world, db_session):
    whole = Counts.total(
        Counts.total(recount(db_session, day_at(offset)).values()) for offset in range(0, 70, 5)
    )
    for name in ("listed", "held", "let", "closed", "occupied", "empty", "heads"):
        assert getattr(whole, name) > 0, name
    assert whole.market > whole.let
