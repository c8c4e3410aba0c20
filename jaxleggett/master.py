"""The linear programme of both games: weights of hidden vectors, and the largest visibility, by HiGHS.

    max V   over weights w_k >= 0, sum_k w_k = 1, and 0 <= V <= 1, with
    sum_k K_ik w_k - V C_i <= 1         for every setting pair i,                                          (P)
    sum_k L_rk w_k - V m_r  = 0         for every component r of the marginals,

where K_ik = |u_k.a_i + v_k.b_i|, perhaps averaged over a symmetry group (the other half of (P) is the
pair (a, -b)), and C_i the state's correlator at visibility 1. Pairs and hidden vectors can be added
between solutions; the simplex method then goes on from where it was.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .finite_model import Model
from .inequality import LeggettInequality

TOLERANCE = 1e-10
"""Feasibility tolerance of the solver, primal and dual."""


@dataclass(frozen=True)
class Bracket:
    """Two bounds on the largest compatible visibility, what shows them (None for 0 and 1), and how the search ended."""

    lower: float
    upper: float
    model: Model | None
    inequality: LeggettInequality | None
    status: str


class SolverError(RuntimeError):
    """The linear programming solver gave no optimum."""


class Master:
    """The programme above; `linear` (R,) holds m, the state's marginals at visibility 1."""

    def __init__(self, linear: np.ndarray) -> None:
        from highspy import Highs, kHighsInf

        self.infinity, self.fixed = kHighsInf, 1 + len(linear)
        with _no_banner():
            self.solver = Highs()
        for option, value in (
            ("output_flag", False),
            ("primal_feasibility_tolerance", TOLERANCE),
            ("dual_feasibility_tolerance", TOLERANCE),
        ):
            self.solver.setOptionValue(option, value)
        for bound in (1.0, *np.zeros(len(linear))):
            self.solver.addRow(bound, bound, 0, np.empty(0, np.int32), np.empty(0))
        column = np.concatenate([[0.0], -np.asarray(linear)])
        self.solver.addCol(-1.0, 0.0, 1.0, self.fixed, np.arange(self.fixed, dtype=np.int32), column)

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

    def solve(self) -> tuple[float, np.ndarray, np.ndarray, float, np.ndarray]:
        """V; the weights (K,); the prices (M,) >= 0 of the pairs; those of normalisation and of the marginals (R,).

        In these signs a hidden vector outside the programme improves it iff its price,
        sum_i price_i K_i + sum_r linear_r L_r, is below minus the price of normalisation.
        """
        from highspy import HighsModelStatus

        self.solver.run()
        if self.solver.getModelStatus() != HighsModelStatus.kOptimal:
            # Seldom the simplex method fails from where it was: once more, from nothing.
            self.solver.clearSolver()
            self.solver.run()
        status = self.solver.getModelStatus()
        if status != HighsModelStatus.kOptimal:
            raise SolverError(f"the linear programme ended as {self.solver.modelStatusToString(status)}")
        solution = self.solver.getSolution()
        values, prices = np.array(solution.col_value), -np.array(solution.row_dual)
        weights = np.maximum(values[1:], 0)
        pairs = np.maximum(prices[self.fixed :], 0)
        return float(values[0]), weights / weights.sum(), pairs, float(prices[0]), prices[1 : self.fixed]


@contextlib.contextmanager
def _no_banner() -> Iterator[None]:
    """Nothing reaches the process's stdout: HiGHS prints a banner before it can be told not to."""
    stdout = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 1)
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)
        os.close(null)
