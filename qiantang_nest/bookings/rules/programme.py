"""A small mixed-integer programme for HiGHS: whole columns, rows, one aim after another.

Pure, and all that the rest of the code knows of the solver. One thread and a fixed seed: the same question
gives the same answer unless the time runs out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import highspy
import numpy as np

_Solver: Any = highspy.Highs.__base__
"""The solver itself: the modelling layer on top of it starts callbacks and greets on the standard output."""
_SAME = 0.5
"""Aims are whole numbers: half a unit over a reached aim is still the aim."""
_FRACTION = 1e-6
GOOD_ENOUGH = 0.002
"""An answer proven this near to the optimum is not improved upon."""
_TOO_LATE = 0.05
_DOUBTFUL = 150
"""Columns that are searched when an answer is refined; more make it slower and hardly better."""
MANY = 10_000
"""From this bound on a column counts rooms of a group, not of a kind, and is never fixed."""


def _sum(costs: Mapping[int, int], values: Sequence[int]) -> int:
    return sum(cost * values[column] for column, cost in costs.items())


@dataclass(frozen=True, slots=True)
class Found:
    """The best values found for an aim, what they amount to, and what no answer can be below."""

    values: Sequence[int]
    aim: int
    bound: float

    @property
    def gap(self) -> float:
        """How far the aim may be above the optimum, as a share of the aim; 0 is proven optimal."""
        # The aim is a sum of whole numbers, so the bound may be rounded up.
        bound = max(0, int(np.ceil(self.bound - 1e-6)))
        return max(0.0, (self.aim - bound) / self.aim) if self.aim else 0.0


class Programme:
    """Whole columns between bounds, and rows over them."""

    def __init__(self) -> None:
        self._highest: list[int] = []
        self._lowest: list[int] = []
        self._starts: list[int] = [0]
        self._columns: list[int] = []
        self._factors: list[int] = []
        self._row_low: list[float] = []
        self._row_high: list[float] = []

    def column(self, highest: int, lowest: int = 0) -> int:
        """Add a column that takes whole numbers from ``lowest`` to ``highest``; returns its index."""
        self._highest.append(highest)
        self._lowest.append(lowest)
        return len(self._highest) - 1

    def row(
        self, terms: Iterable[tuple[int, int]], *, at_least: float | None = None, at_most: float | None = None
    ) -> None:
        """Add Σ factor × column between two bounds."""
        for column, factor in terms:
            self._columns.append(column)
            self._factors.append(factor)
        self._starts.append(len(self._columns))
        self._row_low.append(-highspy.kHighsInf if at_least is None else at_least)
        self._row_high.append(highspy.kHighsInf if at_most is None else at_most)

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return len(self._highest)

    def keep(self, costs: Mapping[int, int], at_most: int) -> None:
        """Let no later answer be worse than ``at_most`` in an aim already reached."""
        self.row(costs.items(), at_most=at_most + _SAME)

    def minimise(
        self, costs: Mapping[int, int], *, seconds: float, start: Sequence[int] | None = None
    ) -> Found | None:
        """The least Σ cost × column found within the time; None if there is none or none was found.

        ``start`` is an answer to begin from; it comes back if nothing better is found.
        """
        began = perf_counter()
        near = self.refine(costs, seconds=seconds, start=start)
        left = seconds - (perf_counter() - began)
        if near is not None and (near.gap <= GOOD_ENOUGH or left < _TOO_LATE):
            return near
        solver = self._loaded(costs, max(left, _TOO_LATE))
        if near is not None:
            solution = highspy.HighsSolution()
            solution.col_value = [float(value) for value in near.values]
            solver.setSolution(solution)
        solver.run()
        info = solver.getInfo()
        bound = float(info.mip_dual_bound)
        if near is not None:
            bound = max(bound, near.bound) if np.isfinite(bound) else near.bound
        if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
            values = [round(value) for value in solver.getSolution().col_value]
            return Found(values, _sum(costs, values), bound if np.isfinite(bound) else 0.0)
        return None if near is None else Found(near.values, near.aim, bound)

    def relaxed_aim(self, costs: Mapping[int, int]) -> float:
        """What no answer can be below, from the linear relaxation; infinite if there is no answer."""
        solver = self._loaded(costs, _TOO_LATE, whole=False)
        solver.run()
        if solver.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
            return highspy.kHighsInf
        return float(solver.getInfo().objective_function_value)

    def refine(
        self, costs: Mapping[int, int], *, seconds: float, start: Sequence[int] | None = None
    ) -> Found | None:
        """A small Σ cost × column, quickly: near where the linear relaxation has its optimum.

        A row that limits an aim reached before holds every column, and cuts on it take HiGHS seconds. The
        relaxation takes milliseconds and is almost whole already: what it is sure of stays as it says, and
        only the columns it is least sure of are searched. Its optimum is the bound. ``start`` comes back if
        nothing better is near.
        """
        relaxed = self._loaded(costs, seconds, whole=False)
        relaxed.run()
        known = None if start is None else Found(list(start), _sum(costs, start), 0.0)
        if relaxed.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return known
        bound = float(relaxed.getInfo().objective_function_value)
        solution = relaxed.getSolution()
        values, duals = np.array(solution.col_value), np.abs(np.array(solution.col_dual))
        doubt = np.where(np.abs(values - np.round(values)) > _FRACTION, -1.0, duals)
        sure = np.argsort(doubt, kind="stable")[_DOUBTFUL:]
        sure = sure[np.array(self._highest)[sure] < MANY]
        solver = self._loaded(costs, seconds)
        fixed = np.round(values[sure])
        solver.changeColsBounds(len(sure), sure.astype(np.int32), fixed, fixed)
        solver.run()
        if solver.getInfo().primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
            found = [round(value) for value in solver.getSolution().col_value]
            if known is None or _sum(costs, found) < known.aim:
                return Found(found, _sum(costs, found), bound)
        return None if known is None else replace(known, bound=bound)

    def _loaded(self, costs: Mapping[int, int], seconds: float, *, whole: bool = True) -> Any:
        lp = highspy.HighsLp()
        count = len(self._highest)
        lp.num_col_, lp.num_row_ = count, len(self._row_low)
        weights = np.zeros(count)
        for column, cost in costs.items():
            weights[column] = cost
        lp.col_cost_ = weights
        lp.col_lower_ = np.array(self._lowest, dtype=float)
        lp.col_upper_ = np.array(self._highest, dtype=float)
        lp.row_lower_ = np.array(self._row_low)
        lp.row_upper_ = np.array(self._row_high)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.array(self._starts, dtype=np.int32)
        lp.a_matrix_.index_ = np.array(self._columns, dtype=np.int32)
        lp.a_matrix_.value_ = np.array(self._factors, dtype=float)
        if whole:
            lp.integrality_ = [highspy.HighsVarType.kInteger] * count
        solver = _Solver()
        for option, value in (
            ("output_flag", False),
            ("threads", 1),
            ("parallel", "off"),
            ("random_seed", 0),
            ("time_limit", max(0.01, seconds)),
            ("mip_rel_gap", GOOD_ENOUGH),
        ):
            solver.setOptionValue(option, value)
        solver.passModel(lp)
        return solver
