"""Two ways to the same answer, timed in turn: medians of many rounds, so that both meet the same machine."""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

Work = Callable[[], object]


@dataclass(frozen=True)
class Result:
    """One line of the table. ``target`` is the largest ratio that is good enough."""

    name: str
    scale: float
    ours_ms: float
    bare_ms: float
    target: float

    @property
    def ratio(self) -> float:
        """How many times the bare way takes."""
        return self.ours_ms / self.bare_ms


def seconds(work: Work) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def interleaved(
    ours: Work, bare: Work, *, rounds: int, warm_up: int = 3, after_each: Work | None = None
) -> tuple[float, float]:
    """Medians in milliseconds of ``ours`` and ``bare``; ``after_each`` puts things back, untimed.

    Who goes first alternates: the first of a pair finds the caches as the other left them.
    """
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(-warm_up, rounds):
        for is_ours in (True, False) if number % 2 else (False, True):
            gc.collect()
            took = seconds(ours if is_ours else bare)
            if after_each is not None:
                after_each()
            if number >= 0:
                times[is_ours].append(took)
    return statistics.median(times[True]) * 1000, statistics.median(times[False]) * 1000
