"""How rent spreads over households. Pure."""

from collections.abc import Iterable


def gini(households: int, total: int, ranked_total: int) -> float | None:
    """The Gini coefficient of incomes in ascending order: 0 all alike, near 1 one has it all; None if nobody.

    ``ranked_total`` is the sum of rank × income, ranks from 1.
    """
    if households == 0 or total == 0:
        return None
    return 2 * ranked_total / (households * total) - (households + 1) / households


def lorenz(groups: Iterable[tuple[int, int]]) -> list[tuple[float, float]]:
    """(share of households, share of rent) after each group of households, poorest first, from nothing on.

    ``groups``: how many households, and what they have together.
    """
    parts = list(groups)
    households, total = sum(count for count, _sum in parts), sum(own for _count, own in parts)
    points, so_far, have = [(0.0, 0.0)], 0, 0
    for count, own in parts:
        so_far, have = so_far + count, have + own
        points.append((so_far / households if households else 0.0, have / total if total else 0.0))
    return points
