"""Makes the published instances: every number follows from the instance's own number alone.

``python -m tests.bookings.instances.generate`` prints ``known.csv`` anew, solving each for minutes instead of
a second; do that only when the model or the generator changes, and say why in the commit.
"""

import csv
import sys
from dataclasses import dataclass
from random import Random

from qiantang_nest.bookings.rules.need import Candidate, Group, Need, Wish
from qiantang_nest.bookings.rules.solver import best_block

SIZES = (
    5,
    8,
    12,
    16,
    20,
    25,
    30,
    40,
    50,
    50,
    60,
    70,
    80,
    90,
    100,
    110,
    120,
    140,
    160,
    180,
    200,
    220,
    250,
    280,
)
SIZES += (300, 350, 400, 450, 500, 500)


@dataclass(frozen=True)
class Instance:
    """One question: rooms that can be taken, and who is to sleep in them."""

    number: int
    people: int
    rooms: tuple[Candidate, ...]
    need: Need


def instance(number: int) -> Instance:
    """The instance of a number from 0 to 29; about ten candidate beds or more for each person wanted."""
    rng = Random(20260000 + number)
    people = SIZES[number]
    count = min(5_000, max(60, people * 10))
    return Instance(number, people, tuple(candidates(rng, count)), need_of(rng, people, number))


def candidates(rng: Random, count: int) -> list[Candidate]:
    """Rooms of farmhouses: one to six of one to four beds in a house, rents by village, size and whim."""
    rooms: list[Candidate] = []
    villages = [(f"330114{at:06d}", rng.randint(4, 35), rng.randint(-40, 60)) for at in range(12)]
    house = 0
    while len(rooms) < count:
        house += 1
        code, minutes, dearer = rng.choice(villages)
        away = max(1, minutes + rng.randint(-3, 3))
        let_days = rng.choice((0, 0, 30, 120, 200, 300, 365))
        for _ in range(rng.randint(1, 6)):
            beds = rng.choice((1, 2, 2, 2, 3, 3, 4))
            rent = (240 + dearer + rng.randint(-6, 6) * 10) * beds + rng.choice((0, 50, 80))
            rooms.append(
                Candidate(
                    room_id=len(rooms) + 1,
                    house_id=house,
                    owner_id=house,
                    village_code=code,
                    beds=beds,
                    rent_fen=rent * 100,
                    minutes=away,
                    let_days=let_days,
                    ground=rng.random() < 0.35,
                )
            )
    return rooms[:count]


def need_of(rng: Random, people: int, number: int) -> Need:
    """Who comes: mostly men, some women, a night shift in every second instance, a few couples."""
    couples = people // 20 if number % 3 else 0
    singles = people - 2 * couples
    women = singles * rng.randint(15, 45) // 100
    night = singles * 30 // 100 if number % 2 else 0
    night_women = min(women, night // 3)
    heads = {
        Group.DAY_MEN: singles - women - (night - night_women),
        Group.DAY_WOMEN: women - night_women,
        Group.NIGHT_MEN: night - night_women,
        Group.NIGHT_WOMEN: night_women,
        Group.COUPLE: couples,
    }
    return Need(
        {group: heads_of for group, heads_of in heads.items() if heads_of > 0},
        spare_percent=(0, 0, 3, 5, 10)[number % 5],
        ground_beds=people // 10 if number % 7 == 3 else 0,
        same_village=number % 10 == 4,
    )


def main() -> None:
    """Solve each with minutes to spare and print what is known of it."""
    out = csv.writer(sys.stdout)
    out.writerow(["number", "people", "rooms", "wish", "aim", "bound"])
    for number in range(len(SIZES)):
        case = instance(number)
        for wish in Wish:
            block = best_block(case.rooms, case.need, wish, fairness_permille=0, seconds=60)
            aim = aim_of(block.placed, wish)
            bound = aim - round(block.gap * aim)
            out.writerow([number, case.people, len(case.rooms), wish.value, aim, bound])
            sys.stdout.flush()


def aim_of(placed: tuple[object, ...], wish: Wish) -> int:
    """What a plan is best at, as a number: rent in fen, minutes over all beds, or houses."""
    rooms = [place.room for place in placed]  # type: ignore[attr-defined]
    match wish:
        case Wish.COST:
            return sum(room.rent_fen for room in rooms)
        case Wish.WAY:
            return sum(room.minutes * room.beds for room in rooms)
        case Wish.HOUSES:
            return len({room.house_id for room in rooms})


if __name__ == "__main__":
    main()
