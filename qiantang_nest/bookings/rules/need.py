"""Who has to sleep where: the groups of a need, the rooms that may answer it, and what no block may break.

Pure. ``faults_of`` knows nothing of the solver: it looks at a finished block with fresh eyes, and tests break
blocks on purpose to see that it finds each fault.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

COUPLE_BEDS = 2
LEAST_LET_DAYS = 90
"""A household whose rooms were let no more than these days each in the last 12 months counts as let least."""


class Group(StrEnum):
    """People who may share a room. Night workers sleep by day, so they sleep apart from those who do not."""

    DAY_MEN = "day_men"
    DAY_WOMEN = "day_women"
    NIGHT_MEN = "night_men"
    NIGHT_WOMEN = "night_women"
    COUPLE = "couple"
    """One pair; a room of at least two beds of its own."""


SINGLES = (Group.DAY_MEN, Group.DAY_WOMEN, Group.NIGHT_MEN, Group.NIGHT_WOMEN)


class Wish(StrEnum):
    """What a plan is best at."""

    COST = "cost"
    WAY = "way"
    HOUSES = "houses"


@dataclass(frozen=True, slots=True)
class Need:
    """What a block must offer. ``heads`` are people by group, of couples the number of pairs.

    ``spare_percent`` is asked of each group of singles: a spare bed in a men's room helps no woman.
    """

    heads: Mapping[Group, int]
    spare_percent: int = 0
    ground_beds: int = 0
    """At least so many beds on the ground floor."""
    same_village: bool = False
    """As few villages as possible, before anything else is weighed."""

    @property
    def people(self) -> int:
        """Everybody, a couple as two."""
        return sum(
            count * (COUPLE_BEDS if group is Group.COUPLE else 1) for group, count in self.heads.items()
        )

    def spare(self, group: Group) -> int:
        """Spare beds of a group, rounded up; couples share theirs with nobody."""
        if group is Group.COUPLE:
            return 0
        return -(-self.heads.get(group, 0) * self.spare_percent // 100)

    def wanted(self, group: Group) -> int:
        """Beds of a group with its spare ones; of couples, rooms."""
        return self.heads.get(group, 0) + self.spare(group)

    @property
    def beds(self) -> int:
        """All beds wanted."""
        return self.people + sum(self.spare(group) for group in SINGLES)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A room that can be taken. ``minutes`` is the way to the gate.

    ``let_days``: of how many days of the last 365 the rooms of its household were let, a room on average.
    """

    room_id: int
    house_id: int
    owner_id: int
    village_code: str
    beds: int
    rent_fen: int
    minutes: int
    let_days: int = 0
    ground: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A room of a block and who sleeps in it."""

    room: Candidate
    group: Group


@dataclass(frozen=True, slots=True)
class Shortage:
    """What a block lacks: people by group (pairs, of couples), spare beds and ground-floor beds."""

    heads: Mapping[Group, int] = field(default_factory=dict)
    spare: int = 0
    ground_beds: int = 0

    @property
    def people(self) -> int:
        """How many people have no bed."""
        return sum(
            count * (COUPLE_BEDS if group is Group.COUPLE else 1) for group, count in self.heads.items()
        )

    def __bool__(self) -> bool:
        return bool(self.people or self.spare or self.ground_beds)


class Fault(StrEnum):
    """What may be wrong with a block of rooms."""

    ROOM_TWICE = "room_twice"
    ROOM_NOT_OFFERED = "room_not_offered"
    ROOM_STRUCK = "room_struck"
    PIN_MISSING = "pin_missing"
    GROUP_SHORT = "group_short"
    GROUP_NOT_WANTED = "group_not_wanted"
    COUPLE_BED = "couple_bed"
    GROUND_SHORT = "ground_short"


def faults_of(
    placed: Sequence[Placed],
    need: Need,
    offered: Iterable[Candidate],
    *,
    pinned: Collection[int] = (),
    struck: Collection[int] = (),
    lacking: Shortage | None = None,
) -> set[Fault]:
    """What breaks a rule in a block that claims to answer ``need`` but for what is ``lacking``.

    One sex and one shift to a room holds by form, since a room has one group; what can go wrong is counted
    here. ``offered`` are the rooms that pass the gate, are free and within the limits, as they were read.
    """
    lacking = lacking or Shortage()
    faults: set[Fault] = set()
    known = {room.room_id: room for room in offered}
    ids = [place.room.room_id for place in placed]
    if len(set(ids)) < len(ids):
        faults.add(Fault.ROOM_TWICE)
    if any(known.get(place.room.room_id) != place.room for place in placed):
        faults.add(Fault.ROOM_NOT_OFFERED)
    if set(ids) & set(struck):
        faults.add(Fault.ROOM_STRUCK)
    if set(pinned) & set(known) - set(struck) - set(ids):
        faults.add(Fault.PIN_MISSING)
    beds: Counter[Group] = Counter()
    for place in placed:
        beds[place.group] += 1 if place.group is Group.COUPLE else place.room.beds
        if place.group is Group.COUPLE and place.room.beds < COUPLE_BEDS:
            faults.add(Fault.COUPLE_BED)
        if not need.heads.get(place.group):
            faults.add(Fault.GROUP_NOT_WANTED)
    spare_left = lacking.spare
    for group in Group:
        short = need.wanted(group) - lacking.heads.get(group, 0) - beds[group]
        if short > 0:
            allowed = min(short, spare_left, need.spare(group))
            spare_left -= allowed
            if short > allowed:
                faults.add(Fault.GROUP_SHORT)
    ground = sum(place.room.beds for place in placed if place.room.ground)
    if ground < need.ground_beds - lacking.ground_beds:
        faults.add(Fault.GROUND_SHORT)
    return faults
