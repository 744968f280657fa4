"""Employers, their blocks of rooms over the last year and more, and the people who slept there.

Demand follows the season of the trade: peaks after the Spring Festival, in June–July and in
September–October, a trough in the four weeks before the festival.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from qiantang_nest.bookings.rules import Times
from qiantang_nest.core.identifiers import Sex
from qiantang_nest.core.period import add_months
from qiantang_nest.core.workdays import add_workdays
from qiantang_nest.demo.loader import Loader
from qiantang_nest.demo.people import People, seal
from qiantang_nest.demo.supply import DemoHouse, DemoRoom
from qiantang_nest.occupancy.rules import companion_key

# Anchors of the factory zones (WGS-84) and how many of the firms stand there.
ZONES = (
    ("江东", "330114003", 30.3265, 120.490, 0.40),
    ("前进", "330114007", 30.312, 120.575, 0.22),
    ("临江", "330114006", 30.272, 120.620, 0.18),
    ("下沙", "330114001", 30.305, 120.370, 0.20),
)
_SEASON = (0.7, 0.9, 2.1, 1.0, 0.8, 1.3, 1.2, 0.8, 1.3, 1.1, 0.7, 0.45)
SMALL = 5000
"""Up to so many rooms a year the district counts as small."""
_NIGHTS, _FRIENDS, _LAME, _BY_HAND = 0.25, 0.1, 0.02, 0.06
"""Shares of rooms for night workers and of friends, of people who need the ground floor, of beds by hand."""
_FESTIVALS = (date(2025, 1, 29), date(2026, 2, 17), date(2027, 2, 6), date(2028, 1, 26))


@dataclass
class Firm:
    """An employer with one worksite, and the workers it has housed by kind of room: (free from, id)."""

    id: int
    name: str
    street_code: str
    worksite_id: int
    lat: float
    lon: float
    size: float
    bench: dict[tuple[str, bool], list[tuple[date, int]]] = field(default_factory=lambda: defaultdict(list))


class Letting:
    """Builds employers, bookings, leases, stays and registrations of one district."""

    def __init__(
        self,
        loader: Loader,
        rng: Random,
        people: People,
        today: date,
        since: date,
        last_numbers: dict[str, int],
    ) -> None:
        self._loader, self._rng, self._people = loader, rng, people
        self._today, self._since = today, since
        self._due: dict[date, date] = {}
        self._rows: dict[str, list[tuple[object, ...]]] = {"room_claim": []}
        self._last_numbers = last_numbers

    def firms(self, count: int, shift: tuple[float, float], streets: dict[str, str]) -> list[Firm]:
        """Verified employers near the zone anchors; ``streets`` maps the official codes to those in use."""
        rng, people = self._rng, self._people
        enterprises, worksites, firms = [], [], []
        zones = rng.choices(ZONES, [zone[4] for zone in ZONES], k=count)
        if count >= len(ZONES):
            zones[: len(ZONES)] = ZONES
        for number, (zone, enterprise_id, worksite_id) in enumerate(
            zip(
                zones, self._loader.ids("enterprise", count), self._loader.ids("worksite", count), strict=True
            )
        ):
            zone_name, street, lat, lon, _share = zone
            key = people.key()
            name = people.firm_name(enterprise_id - 1)
            phone = seal("enterprise", "contact_phone", "phone", people.phone(), key).sealed
            enterprises.append(
                (
                    enterprise_id,
                    people.uscc(),
                    name,
                    streets[street],
                    people.worker_name("F"),
                    phone,
                    "verified",
                    datetime.combine(self._since, time(2), UTC),
                    key,
                )
            )
            lat = round(lat + shift[0] + rng.uniform(-0.012, 0.012), 6)
            lon = round(lon + shift[1] + rng.uniform(-0.018, 0.018), 6)
            worksites.append(
                (
                    worksite_id,
                    enterprise_id,
                    f"{zone_name}厂区",
                    f"{zone_name}工业区{number + 1}号",
                    lat,
                    lon,
                    "白班 08:00–20:00，夜班 20:00–08:00",
                )
            )
            firms.append(
                Firm(enterprise_id, name, streets[street], worksite_id, lat, lon, rng.paretovariate(1.3))
            )
        self._loader.copy(
            "enterprise",
            "id, uscc, name, street_code, contact_name, contact_phone_sealed, state, decided_at, seal_key",
            enterprises,
        )
        self._loader.copy("worksite", "id, enterprise_id, name, address, lat, lon, shifts", worksites)
        return firms

    def build(self, firms: list[Firm], market: list[DemoHouse], rooms_a_year: float) -> None:
        """Let blocks day by day from ``since`` to a month from today, and house people in them."""
        villages: dict[str, list[DemoHouse]] = {}
        for house in market:
            villages.setdefault(house.village_code, []).append(house)
        order = {firm.id: self._nearest(firm, villages) for firm in firms}
        sizes = [firm.size for firm in firms]
        for day, rooms in self._days(rooms_a_year):
            while rooms > 0:
                firm = self._rng.choices(firms, sizes)[0]
                wanted = min(rooms, self._block_size(rooms_a_year))
                months = self._rng.choices((3, 6, 12), (25, 45, 30))[0]
                # Too little within reach: part of the need stays unmet, as in life.
                self._book(firm, villages, order[firm.id], day, add_months(day, months), wanted)
                rooms -= wanted
        self._write()

    def _block_size(self, rooms_a_year: float) -> int:
        largest = 60 if rooms_a_year > SMALL else 12
        return max(2, min(largest, int(self._rng.lognormvariate(2.6 if largest == 60 else 1.6, 0.7))))

    def _days(self, rooms_a_year: float) -> Iterator[tuple[date, int]]:
        """Days on which blocks begin, and for how many rooms in all."""
        day, owed = self._since, 0.0
        last = self._today + timedelta(days=30)
        mean = sum(_SEASON) / 12
        while day < last:
            weight = _SEASON[day.month - 1] / mean
            for festival in _FESTIVALS:
                gap = (festival - day).days
                if 0 <= gap <= 28:
                    weight = 0.15
                elif -24 <= gap <= -5:
                    weight *= 1.9
            # The first weeks fill the district to where it stood before the records begin.
            if (day - self._since).days < 60:
                weight = max(weight, 1.0) * 1.8
            if day > self._today:
                weight *= 0.35
            owed += rooms_a_year / 365 * weight
            # A small district still books in blocks: fewer of them.
            if owed >= (2 if rooms_a_year > SMALL else 8):
                yield day, int(owed)
                owed -= int(owed)
            day += timedelta(days=1)

    def _nearest(self, firm: Firm, villages: dict[str, list[DemoHouse]]) -> list[str]:
        def far(code: str) -> float:
            house = villages[code][0]
            return (house.lat - firm.lat) ** 2 + ((house.lon - firm.lon) * 0.8635) ** 2

        return sorted(villages, key=far)[:28]

    def _book(
        self,
        firm: Firm,
        villages: dict[str, list[DemoHouse]],
        near: list[str],
        starts_on: date,
        ends_on: date,
        wanted: int,
    ) -> None:
        rng = self._rng
        close = rng.choice((4, 6, 10, 16))
        reach = near[:close]
        rng.shuffle(reach)
        # Near first; further away only for what the near villages lack.
        reach += near[close:]
        taken: list[tuple[DemoHouse, list[DemoRoom]]] = []
        missing = wanted
        for code in reach:
            houses = villages[code]
            turn = rng.randrange(len(houses))
            for house in houses[turn:] + houses[:turn]:
                free = [room for room in house.rooms if room.free_from <= starts_on][:missing]
                if free:
                    taken.append((house, free))
                    missing -= len(free)
                if missing == 0:
                    break
            if missing == 0:
                break
        if taken:
            self._sign(firm, taken, starts_on, ends_on)

    def _number(self, kind: str, at: datetime) -> str:
        """The next contract or booking number of a year."""
        series = f"{kind}-{at:%Y}"
        self._last_numbers[series] = self._last_numbers.get(series, 0) + 1
        return f"{series}-{self._last_numbers[series]:06d}"

    def _add(self, table: str, *row: object) -> None:
        self._rows.setdefault(table, []).append(row)

    def _sign(
        self, firm: Firm, taken: list[tuple[DemoHouse, list[DemoRoom]]], starts_on: date, ends_on: date
    ) -> None:
        loader, rng = self._loader, self._rng
        decided = datetime.combine(min(starts_on, self._today) - timedelta(days=9), time(3), UTC)
        hold_id, booking_id = loader.id("hold"), loader.id("booking")
        self._add(
            "hold",
            hold_id,
            firm.id,
            firm.worksite_id,
            starts_on,
            ends_on,
            decided + timedelta(hours=48),
            "booked",
            uuid.UUID(int=rng.getrandbits(128), version=4),
            "",
            decided,
        )
        self._add(
            "booking",
            booking_id,
            self._number("YD", decided),
            hold_id,
            firm.id,
            firm.worksite_id,
            starts_on,
            ends_on,
            decided + timedelta(days=1),
        )
        for house, rooms in taken:
            lease_id = loader.id("lease")
            signed_on = (decided + timedelta(days=2)).date()
            filed = rng.random() < 0.8
            self._add(
                "lease",
                lease_id,
                self._number("HT", decided),
                house.owner_id,
                firm.id,
                house.village_code,
                starts_on,
                ends_on,
                rng.choice(("anchor", "anchor", "calendar")),
                sum(room.rent_fen for room in rooms),
                "signed",
                signed_on,
                "filed" if filed else "none",
                f"备{lease_id:08d}" if filed else None,
                min(signed_on + timedelta(days=3), self._today) if filed else None,
            )
            self._add("booking_lease", lease_id, booking_id)
            for room in rooms:
                claim_id, lease_room_id = loader.id("room_claim"), loader.id("lease_room")
                self._add(
                    "room_claim", claim_id, room.id, house.village_code, starts_on, ends_on, "leased", decided
                )
                self._add(
                    "hold_room",
                    hold_id,
                    claim_id,
                    room.listing_id,
                    room.id,
                    house.owner_id,
                    house.village_code,
                    room.rent_fen,
                    "accepted",
                    decided + timedelta(hours=rng.randint(1, 40)),
                    decided + timedelta(hours=Times().answer_hours),
                )
                self._add(
                    "lease_room",
                    lease_room_id,
                    lease_id,
                    claim_id,
                    room.id,
                    room.rent_fen,
                    starts_on,
                    ends_on,
                )
                room.free_from = ends_on + timedelta(days=rng.choice((0, 0, 1, 3, 10, 25)))
                self._house_people(firm, house, room, lease_room_id, starts_on, ends_on)
        if len(self._rows["room_claim"]) > 20_000:
            self._write()

    def _house_people(
        self, firm: Firm, house: DemoHouse, room: DemoRoom, lease_room_id: int, starts_on: date, ends_on: date
    ) -> None:
        rng = self._rng
        if starts_on > self._today or rng.random() < 0.06:
            return
        kind = ("M" if rng.random() < 0.62 else "F", rng.random() < _NIGHTS)
        wish = f"老乡{room.id}" if rng.random() < _FRIENDS else ""
        for bed in range(1, room.capacity + 1):
            if bed > 1 and rng.random() < 0.16:
                continue
            arrive = starts_on + timedelta(days=rng.choice((0, 0, 0, 1, 2, 4)))
            while arrive < min(ends_on, self._today + timedelta(days=1)):
                leave = ends_on
                if rng.random() < 0.35:
                    leave = min(ends_on, arrive + timedelta(days=rng.randint(20, 150)))
                if leave > self._today:
                    # Still here: the plan reaches to the end of the lease.
                    leave = ends_on if ends_on > self._today else leave
                worker_id, local = self._worker(firm, kind, wish, arrive, leave)
                self._stay(firm, house, room, lease_room_id, bed, kind, worker_id, local, arrive, leave)
                arrive = leave + timedelta(days=rng.randint(1, 12))

    def _stay(
        self,
        firm: Firm,
        house: DemoHouse,
        room: DemoRoom,
        lease_room_id: int,
        bed: int,
        kind: tuple[str, bool],
        worker_id: int,
        local: bool,
        arrive: date,
        leave: date,
    ) -> None:
        rng, today = self._rng, self._today
        stay_id = self._loader.id("stay")
        left = leave if leave <= today else None
        self._add(
            "stay",
            stay_id,
            worker_id,
            firm.id,
            house.village_code,
            room.id,
            lease_room_id,
            bed,
            companion_key(Sex(kind[0]), night=kind[1]),
            arrive,
            leave,
            arrive,
            left,
            rng.random() < _BY_HAND,
        )
        if local:
            return
        for report, day in (("arrival", arrive), ("departure", left)):
            if day is None:
                continue
            due = self._due.setdefault(day, add_workdays(day, 3))
            reported = day + timedelta(days=rng.choices((0, 1, 2, 5), (45, 35, 14, 6))[0])
            open_still = reported > today or ((today - day).days < 20 and rng.random() < 0.12)
            done = None if open_still else reported
            self._add(
                "registration",
                stay_id,
                house.village_code,
                report,
                day,
                due,
                done,
                "" if done is None else f"LD{stay_id:09d}",
            )

    def _worker(
        self, firm: Firm, kind: tuple[str, bool], wish: str, arrive: date, leave: date
    ) -> tuple[int, bool]:
        sex, night = kind
        bench = firm.bench[kind]
        if bench and bench[0][0] < arrive and self._rng.random() < 0.5:
            _free, worker_id = bench.pop(0)
            bench.append((leave + timedelta(days=1), worker_id))
            return worker_id, False
        people = self._people
        worker_id, key = self._loader.id("worker"), people.key()
        number, born, home = people.id_number(sex, self._since)
        sealed = seal("worker", "id_number", "id_number", number, key)
        phone = seal("worker", "phone", "phone", people.phone(), key)
        local = self._rng.random() < 0.04
        self._add(
            "worker",
            worker_id,
            firm.id,
            people.worker_name(sex),
            sex,
            sealed.sealed,
            sealed.hash,
            phone.sealed,
            phone.hash,
            home,
            born,
            local,
            "night" if night else "day",
            wish,
            self._rng.random() < _LAME,
            key,
        )
        if not local:
            bench.append((leave + timedelta(days=1), worker_id))
        return worker_id, local

    def _write(self) -> None:
        for table, columns in _COLUMNS.items():
            self._loader.copy(table, columns, self._rows.pop(table, []))
        self._rows["room_claim"] = []


_COLUMNS = {
    "worker": "id, enterprise_id, name, sex, id_number_sealed, id_number_hash, phone_sealed, phone_hash,"
    " home_address, born_on, is_local, shift, wish_group, ground_floor, seal_key",
    "room_claim": "id, room_id, village_code, starts_on, ends_on, state, created_at",
    "hold": "id, enterprise_id, worksite_id, starts_on, ends_on, expires_at, state, request_key,"
    " request_digest, created_at",
    "hold_room": "hold_id, claim_id, listing_id, room_id, owner_id, village_code, rent_fen, answer,"
    " answered_at, answer_due_at",
    "booking": "id, number, hold_id, enterprise_id, worksite_id, starts_on, ends_on, created_at",
    "lease": "id, number, owner_id, enterprise_id, village_code, starts_on, ends_on, convention, deposit_fen,"
    " state, signed_on, filing_state, filing_number, filed_on",
    "booking_lease": "lease_id, booking_id",
    "lease_room": "id, lease_id, claim_id, room_id, rent_fen, starts_on, ends_on",
    "stay": "id, worker_id, enterprise_id, village_code, room_id, lease_room_id, bed_no, companion_key,"
    " starts_on, ends_on, arrived_on, left_on, by_hand",
    "registration": "stay_id, village_code, kind, happened_on, due_on, done_on, reference",
}
"""In the order of their foreign keys."""
