"""``python -m bench``: build the districts, measure, print the table, write bench.json.

SCALE (1, at most 10) is the larger of two districts, the other is a tenth of it. KEEP=1 keeps the districts
for the next run, ONLY=race,memory measures some rows alone (pages, holds, plans, race, bills, memory). Exits
with 1 if a target is missed.
"""

import json
import logging
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.bills import measure_bills
from bench.district import District, district, running_server
from bench.holds import measure_holds
from bench.measure import Result
from bench.memory import Memory, measure_memory
from bench.pages import measure_pages
from bench.plans import measure_plans
from bench.race import measure_race

GROWTH = {"search", "commute", "village-counts", "occupancy-street", "occupancy-year"}
"""Reads that show as much at any scale, so that they may grow by ``GROWTH_LIMIT`` at most."""
GROWTH_LIMIT = 1.5


def main() -> int:
    scale = float(os.environ.get("SCALE") or "1")
    if not 1 <= scale <= 10:
        print("SCALE is from 1 to 10: a tenth of it is measured as well")
        return 2
    began = time.monotonic()
    results: list[Result] = []
    races: list[dict[str, Any]] = []
    memory: list[Memory] = []
    with running_server(keep=os.environ.get("KEEP") == "1") as (server, folder):
        for size in (scale / 10, scale):
            print(f"\nDistrict of scale {size:g}", flush=True)
            with district(server, folder, size) as built:
                logging.getLogger("qiantang_nest").handlers[:] = [logging.NullHandler()]
                _measure(built, results, races)
                if size == scale and _wanted("memory"):
                    memory = measure_memory(built)
    growth = _growth(results, scale)
    good = _print_verdict(results, races, memory, growth)
    report = {
        "results": [{**asdict(result), "ratio": round(result.ratio, 2)} for result in results],
        "race": races,
        "memory": [asdict(line) for line in memory],
        "growth": growth,
        "seconds": round(time.monotonic() - began),
    }
    Path("bench.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    print(f"\n{time.monotonic() - began:.0f} s in all; figures in bench.json")
    return 0 if good else 1


def _wanted(name: str) -> bool:
    only = os.environ.get("ONLY", "")
    return not only or name in only.split(",")


def _measure(built: District, results: list[Result], races: list[dict[str, Any]]) -> None:
    def add(result: Result) -> None:
        results.append(result)
        print(_line(result), flush=True)

    print(_HEAD)
    if _wanted("pages"):
        for result in measure_pages(built):
            add(result)
    if _wanted("holds"):
        for result in measure_holds(built):
            add(result)
    if _wanted("plans"):
        for result in measure_plans(built):
            add(result)
    if _wanted("race"):
        result, report = measure_race(built)
        races.append(report)
        add(result)
    if _wanted("bills"):
        add(measure_bills(built))


_HEAD = f"{'':18} {'ours':>10} {'bare':>10} {'ratio':>7} {'target':>7}"


def _line(result: Result) -> str:
    met = "" if result.ratio <= result.target else "  MISSED"
    return (
        f"{result.name:18} {result.ours_ms:7.2f} ms {result.bare_ms:7.2f} ms {result.ratio:6.2f}x"
        f" {result.target:6.1f}x{met}"
    )


def _growth(results: list[Result], scale: float) -> list[dict[str, Any]]:
    """How much slower the same reads are in ten districts beside each other than in one."""
    if scale <= 1:
        return []  # below 1 a district is thinner, not smaller
    of = {(result.name, result.scale): result.ours_ms for result in results}
    return [
        {
            "name": name,
            "from": scale / 10,
            "to": scale,
            "times": round(after / before, 2),
            "limit": GROWTH_LIMIT,
        }
        for name in sorted(GROWTH)
        if (before := of.get((name, scale / 10))) and (after := of.get((name, scale)))
    ]


def _print_verdict(
    results: list[Result], races: list[dict[str, Any]], memory: list[Memory], growth: list[dict[str, Any]]
) -> bool:
    print(f"\n{'':18} {'scale':>6}" + _HEAD[18:])
    for result in results:
        print(f"{result.name:18} {result.scale:6g}" + _line(result)[18:])
    missed = [result.name for result in results if result.ratio > result.target]
    for race in races:
        sold, left = race["sold_each_round"], race["rooms_left"]
        print(f"race at {race['scale']:g}: sold {sold} of {left}, {race['answers']}")
        if not race["good"]:
            missed.append("race (rooms or answers)")
    for line in memory:
        print(f"memory of {line.name} at {line.scale:g}: {line.mb:.0f} MB, limit {line.limit_mb:.0f}")
        if line.mb >= line.limit_mb:
            missed.append(f"memory of {line.name}")
    for step in growth:
        sizes = f"from {step['from']:g} to {step['to']:g}"
        print(f"{step['name']} {sizes}: {step['times']} times, limit {step['limit']}")
        if step["times"] > step["limit"]:
            missed.append(f"growth of {step['name']}")
    print("All targets are met." if not missed else f"Missed: {', '.join(missed)}")
    return not missed


if __name__ == "__main__":
    sys.exit(main())
