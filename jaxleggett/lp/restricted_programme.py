"""The restricted programme: weights of hidden vectors, and the largest visibility, by HiGHS.

    max V   over weights w_k >= 0, sum_k w_k = 1, and 0 <= V <= 2, with
    sum_k K_ik w_k - V C_i <= 1         for every setting pair i,                                          (P)
    sum_k L_rk w_k - V m_r  = 0         for every component r of the marginals,

where K_ik = |u_k.a_i + v_k.b_i|, perhaps averaged over a symmetry group (the other half of (P) belongs to the
pair (a, -b)), and C_i is the state's correlator at visibility 1. Pairs and hidden vectors can be added and
removed between solutions; the simplex method then continues from its last basis.

V = 1 is the state itself, but the programme allows V up to 2. With V <= 1, every model of a compatible state would be
an optimum whose prices vanish, and the dual simplex method was seen to go round among these for ever.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._clock import OutOfTime

SIMPLEX_FIRST: tuple[dict[str, str], ...] = (
    {"solver": "simplex"},
    {"solver": "simplex", "presolve": "on"},
    {"solver": "ipm", "presolve": "on", "run_crossover": "on"},
)
"""The simplex method from its last basis, the simplex method from the beginning, the interior-point method."""


@dataclass(frozen=True)
class SolverOptions:
    """How HiGHS is run."""

    tolerance: float = 1e-10
    """Feasibility tolerance, primal and dual."""
    iterations: int = 10
    """The next way is tried after this many simplex iterations, times the number of rows and columns."""
    ways: tuple[dict[str, str], ...] = SIMPLEX_FIRST
    """HiGHS options, tried one after another. Only the simplex method as the first of them keeps its last basis."""


DEFAULT = SolverOptions()
CENTRAL = SolverOptions(1e-6, ways=({"solver": "ipm", "presolve": "off", "run_crossover": "off"}, *SIMPLEX_FIRST[1:]))
"""The interior-point method with a loose tolerance. It ends near an optimum, but not in a corner as the simplex method
does. Weights and prices are then spread over all columns and rows that matter nearly alike, and change less from round
to round: J. Gondzio, P. Gonzalez-Brevis and P. Munari, Eur. J. Oper. Res. 224, 41 (2013)."""

MOST = 2.0
"""The largest V of the programme, which is unbounded otherwise for states that are compatible at every visibility."""


@dataclass(frozen=True, eq=False)
class Solution:
    """An optimum of the programme and its prices (dual values), with the sign for which prices of pairs are >= 0.

    A hidden vector outside the programme can improve the optimum only if its own price, sum_i pairs_i K_i + sum_r
    linear_r L_r, is below `level`.
    """

    V: float
    """The largest visibility of the programme, in [0, 2]."""
    weights: np.ndarray
    """(K,): weights of the hidden vectors, >= 0, of sum 1."""
    pairs: np.ndarray
    """(M,): prices of the setting pairs, >= 0."""
    linear: np.ndarray
    """(R,): prices of the components of the marginals."""
    level: float
    """The price that a new hidden vector has to fall below: minus the price of normalisation."""


class SolverError(RuntimeError):
    """The linear programming solver gave no optimum."""


class RestrictedProgramme:
    """The programme above; `linear` (R,) holds m, the state's marginals at visibility 1."""

    def __init__(self, linear: np.ndarray, options: SolverOptions = DEFAULT) -> None:
        from highspy import Highs, kHighsInf

        self.options = options
        self.infinity, self.fixed = kHighsInf, 1 + len(linear)
        with _no_banner():
            self.solver = Highs()
        for option, value in (
            ("output_flag", False),
            ("primal_feasibility_tolerance", options.tolerance),
            ("dual_feasibility_tolerance", options.tolerance),
            ("ipm_optimality_tolerance", options.tolerance),
        ):
            self.solver.setOptionValue(option, value)
        # Its own threads share a lock between all solvers, which an interruption can leave locked.
        self.unwanted = False
        self.solver.cbSimplexInterrupt += self._look_up
        self.solver.cbIpmInterrupt += self._look_up
        for bound in (1.0, *np.zeros(len(linear))):
            self.solver.addRow(bound, bound, 0, np.empty(0, np.int32), np.empty(0))
        column = np.concatenate([[0.0], -np.asarray(linear)])
        self.solver.addCol(-1.0, 0.0, MOST, self.fixed, np.arange(self.fixed, dtype=np.int32), column)

    def add_pairs(self, kernel: np.ndarray, C: np.ndarray) -> None:
        """Rows for setting pairs: `kernel` (M, K) at the hidden vectors known so far, `C` (M,)."""
        rows = np.concatenate([-np.asarray(C)[:, None], kernel], axis=1)
        num, columns = rows.shape
        index = np.tile(np.arange(columns, dtype=np.int32), num)
        starts = np.arange(0, rows.size, columns, dtype=np.int32)
        low, high = np.full(num, -self.infinity), np.ones(num)
        self.solver.addRows(num, low, high, rows.size, starts, index, rows.ravel())

    def add_hidden(self, kernel: np.ndarray, linear: np.ndarray) -> None:
        """Columns for hidden vectors: `kernel` (M, K) at the setting pairs known so far, `linear` (R, K)."""
        columns = np.concatenate([np.ones((1, kernel.shape[1])), linear, kernel]).T
        num, rows = columns.shape
        index = np.tile(np.arange(rows, dtype=np.int32), num)
        starts = np.arange(0, columns.size, rows, dtype=np.int32)
        zero, high = np.zeros(num), np.full(num, self.infinity)
        self.solver.addCols(num, zero, zero, high, columns.size, starts, index, columns.ravel())

    def keep(self, pairs: np.ndarray, hidden: np.ndarray) -> None:
        """Remove all setting pairs and hidden vectors but these: boolean arrays (M,) and (K,)."""
        rows = self.fixed + np.flatnonzero(~pairs).astype(np.int32)
        columns = 1 + np.flatnonzero(~hidden).astype(np.int32)
        self.solver.deleteRows(len(rows), rows)
        self.solver.deleteCols(len(columns), columns)

    def solve(self, deadline: float | None = None) -> Solution:
        """The optimum and its prices.

        Raises OutOfTime past `deadline` (seconds of `time.monotonic`), and SolverError where HiGHS fails in every way.
        """
        self._optimise(deadline)
        solution = self.solver.getSolution()
        values, prices = np.array(solution.col_value), -np.array(solution.row_dual)
        weights = np.maximum(values[1:], 0)
        return Solution(
            V=float(values[0]),
            weights=weights / weights.sum(),
            pairs=np.maximum(prices[self.fixed :], 0),
            linear=prices[1 : self.fixed],
            level=-float(prices[0]),
        )

    def _optimise(self, deadline: float | None) -> None:
        """Run the solver in one way after the other, until it has an optimum."""
        from highspy import HighsModelStatus

        size = self.solver.getNumRow() + self.solver.getNumCol()
        self.solver.setOptionValue("simplex_iteration_limit", self.options.iterations * size)
        status = HighsModelStatus.kNotset
        for number, way in enumerate(self.options.ways):
            if number > 0 or way["solver"] != "simplex":
                self.solver.clearSolver()
            for option, value in way.items():
                self.solver.setOptionValue(option, value)
            left = self.infinity if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise OutOfTime
            # The solver's clock runs on from one run to the next.
            self.solver.setOptionValue("time_limit", self.solver.getRunTime() + left)
            self._run()
            status = self.solver.getModelStatus()
            if status == HighsModelStatus.kOptimal:
                return
            if status == HighsModelStatus.kTimeLimit:
                raise OutOfTime
        raise SolverError(f"the linear programme ended as {self.solver.modelStatusToString(status)}")

    def _run(self) -> None:
        """One run of the solver, in a thread of its own, so that Ctrl-C reaches this thread and stops the solver."""
        done = threading.Event()

        def work() -> None:
            try:
                self.solver.run()
            finally:
                done.set()

        threading.Thread(target=work, daemon=True).start()
        try:
            while not done.wait(1.0):
                pass
        except KeyboardInterrupt:
            self.unwanted = True
            done.wait()
            raise

    def _look_up(self, event: Any) -> None:
        """Stop the solver after Ctrl-C; the solver calls this between iterations."""
        if self.unwanted:
            event.interrupt()


@contextlib.contextmanager
def _no_banner() -> Iterator[None]:
    """Nothing reaches the process's stdout: HiGHS prints a banner before it can be told not to."""
    try:
        stdout = os.dup(1)
    except OSError:  # closed: nothing can reach it
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 1)
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)
        os.close(null)
