"""Households, houses, rooms, safety, listings: what stands in the villages."""

import math
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from qiantang_nest.demo.loader import Loader
from qiantang_nest.demo.people import People, seal
from qiantang_nest.housing.rules import Feature

CLERK_VILLAGE = "330114003201"
"""同一村 in 河庄街道, where the first pilot of the real scheme stands: the demo's clerk works here."""

_DOCUMENT_HEADS = {"title": "浙2019钱塘不动产权", "permit": "钱村建字", "appraisal": "鉴字"}
_FEATURES = [feature.value for feature in Feature]


_Rows = list[tuple[Any, ...]]


@dataclass
class DemoRoom:
    """What letting needs to know of a room."""

    id: int
    capacity: int
    rent_fen: int
    listing_id: int
    free_from: date


@dataclass
class DemoHouse:
    """What letting needs to know of a house."""

    id: int
    owner_id: int
    village_code: str
    lat: float
    lon: float
    rooms: list[DemoRoom] = field(default_factory=list)
    """Rooms with an approved listing, on a house that passes the gate."""


@dataclass(frozen=True)
class DemoVillage:
    """A village and where it lies."""

    code: str
    lat: float
    lon: float


class Supply:
    """Builds the supply of one district."""

    def __init__(self, loader: Loader, rng: Random, people: People, today: date, since: date) -> None:
        self._loader, self._rng, self._people = loader, rng, people
        self._today, self._since = today, since
        self.by_proxy: list[int] = []
        """Households without a phone of their own, for whom the village acts."""

    def build(self, villages: list[DemoVillage], houses: int) -> list[DemoHouse]:
        """Spread about ``houses`` houses over the villages; returns those on the market."""
        weights = [self._rng.uniform(0.6, 1.6) for _ in villages]
        total = sum(weights)
        built: list[DemoHouse] = []
        for village, weight in zip(villages, weights, strict=True):
            least = 8 if village.code == CLERK_VILLAGE else 1
            count = max(least, round(houses * weight / total))
            built.extend(self._village(village, count))
        return built

    def _village(self, village: DemoVillage, count: int) -> list[DemoHouse]:
        rng, people, today = self._rng, self._people, self._today
        owners: _Rows = []
        houses: _Rows = []
        documents: _Rows = []
        inspections: _Rows = []
        hazards: _Rows = []
        rooms: _Rows = []
        listings: _Rows = []
        consents: list[int] = []
        market: list[DemoHouse] = []
        rent_level = rng.uniform(0.85, 1.2)
        for number, owner_id, house_id in zip(
            range(1, count + 1),
            self._loader.ids("owner", count),
            self._loader.ids("house", count),
            strict=True,
        ):
            group, door = number % 12 + 1, number // 12 + 1
            name, key = people.villager_name(), people.key()
            phone = seal("owner", "phone", "phone", people.phone(), key)
            card = seal("owner", "account_number", "account", people.card(), key).sealed
            owners.append(
                (
                    owner_id,
                    village.code,
                    f"{group}-{door:03d}",
                    name,
                    str(group),
                    phone.sealed,
                    phone.hash,
                    name,
                    rng.choice(("浙江农信", "农业银行", "工商银行", "邮储银行")),
                    card,
                    key,
                )
            )
            angle, distance = rng.uniform(0, 2 * math.pi), rng.uniform(20, 520)
            lat = village.lat + distance * math.sin(angle) / 111_200
            lon = village.lon + distance * math.cos(angle) / 96_000
            fate = rng.random()
            checked = today - timedelta(days=rng.randint(5, 330))
            safe_until = None
            dangerous = today - timedelta(days=40) if fate > 0.992 else None
            if fate < 0.955:
                safe_until = checked + timedelta(days=365)
            elif fate < 0.97:  # expired some weeks ago
                checked = today - timedelta(days=390)
                safe_until = today - timedelta(days=25)
            houses.append(
                (
                    house_id,
                    owner_id,
                    village.code,
                    f"{group}组{door}号",
                    rng.choice((2, 3, 3, 4)),
                    round(lat, 6),
                    round(lon, 6),
                    "house",
                    dangerous,
                    safe_until,
                )
            )
            kind = "title" if fate < 0.3 else "permit" if fate < 0.85 else "appraisal"
            documents.append(
                (
                    house_id,
                    kind,
                    f"{_DOCUMENT_HEADS[kind]}{house_id:07d}",
                )
            )
            if safe_until is not None:
                # One passed check a year, so that every past lease stood on a valid one.
                day = checked
                while day > self._since - timedelta(days=365):
                    inspections.append((house_id, day, True, day + timedelta(days=365)))
                    day -= timedelta(days=350)
            elif dangerous is None:
                inspections.append((house_id, checked, False, None))
            major = 0.97 <= fate < 0.975
            if major or rng.random() < 0.05:
                found = today - timedelta(days=rng.randint(1, 20))
                closed = None if major or rng.random() < 0.5 else found + timedelta(days=2)
                hazards.append(
                    (
                        house_id,
                        "major" if major else "minor",
                        rng.choice(
                            (
                                "楼道堆放杂物",
                                "灭火器过期",
                                "电线未穿管",
                                "窗户防盗栏打不开",
                                "电动车停在楼梯间",
                            )
                        ),
                        found,
                        found + timedelta(days=3 if major else 15),
                        closed,
                    )
                )
            if rng.random() < 0.15:
                consents.append(owner_id)
            house = DemoHouse(house_id, owner_id, village.code, lat, lon)
            sellable = safe_until is not None and safe_until > today and dangerous is None and not major
            for index in range(rng.choices((2, 3, 4, 5, 6), (15, 36, 32, 11, 6))[0]):
                self._room(house, index, sellable, rent_level, rooms, listings)
            if sellable and house.rooms:
                market.append(house)
        load = self._loader.copy
        load(
            "owner",
            "id, village_code, household_no, name, group_no, phone_sealed, phone_hash,"
            " account_name, account_bank, account_number_sealed, seal_key",
            owners,
        )
        load(
            "house",
            "id, owner_id, village_code, address, floors, lat, lon, geo_precision,"
            " dangerous_since, safe_until",
            houses,
        )
        load("house_document", "house_id, kind, number", documents)
        load("inspection", "house_id, inspected_on, passed, valid_until", inspections)
        load("hazard", "house_id, severity, what, found_on, due_on, closed_on", hazards)
        load(
            "room",
            "id, house_id, village_code, label, floor, kind, usable_m2, capacity, beds, features",
            rooms,
        )
        load(
            "listing",
            "id, room_id, rent_fen, starts_on, ends_on, state, reason, submitted_at, decided_at",
            listings,
        )
        self.by_proxy.extend(consents)
        return market

    def _room(
        self, house: DemoHouse, index: int, sellable: bool, rent_level: float, rooms: _Rows, listings: _Rows
    ) -> None:
        rng, today = self._rng, self._today
        room_id = self._loader.id("room")
        floor = index // 2 + 1
        area = Decimal(rng.randint(62, 240)) / 10
        capacity = min(2, int(area / 4))
        features = sorted(rng.sample(_FEATURES, k=rng.randint(1, min(5, len(_FEATURES)))))
        rooms.append(
            (
                room_id,
                house.id,
                house.village_code,
                f"{floor}0{index % 2 + 1}",
                floor,
                "bedroom",
                area,
                capacity,
                capacity,
                features,
            )
        )
        base = 380 + int(area) * 9 + (120 if "private_bathroom" in features else 0)
        rent_fen = round(base * rent_level / 10) * 1000
        fate = rng.random()
        listing_id = self._loader.id("listing")
        starts = self._since - timedelta(days=60)
        state, reason = "approved", None
        if fate > 0.975:
            state, starts = "submitted", today - timedelta(days=rng.randint(0, 5))
        elif fate > 0.965:
            state, reason = "returned", "照片看不清窗户，请重拍一张"
        elif fate > 0.93:
            state, reason = "withdrawn", "自家住"
        submitted = starts - timedelta(days=4)
        listings.append(
            (
                listing_id,
                room_id,
                rent_fen,
                starts,
                today + timedelta(days=900),
                state,
                reason,
                submitted,
                submitted + timedelta(days=2) if state != "submitted" else None,
            )
        )
        # In the clerk's village some rooms stay free, so that there is something to let by hand.
        kept_free = house.village_code == CLERK_VILLAGE and room_id % 3 == 0
        if sellable and state == "approved" and not kept_free:
            house.rooms.append(DemoRoom(room_id, capacity, rent_fen, listing_id, starts))
