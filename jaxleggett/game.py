"""Finitely many settings: the linear programme over hidden vectors, by column generation.

A target (M^A, M^B, C) at setting pairs (a_i, b_i) has a Leggett model iff one probability measure
rho(u, v) has E[u.a] = M^A, E[v.b] = M^B and, from [B13 (5)] averaged,

    E|u.a + v.b| <= 1 + C(a, b),      E|u.a - v.b| <= 1 - C(a, b)      for every pair.        (P)

With a state's correlations scaled by V, the largest V is a linear programme in rho and V. A master
programme over a pool of atoms (u, v) gives a model, so a lower bound; its dual prices are a Leggett
inequality, whose bound comes from the best atoms outside the pool, so an upper bound. Those atoms
join the pool until the two meet.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from ._numerics import double_precision
from .inequality import LeggettInequality, descend
from .settings import SettingPairs
from .sphere import sample_sphere
from .states import TwoQubitState

POOL = 500
"""Atoms of each of three kinds (independent, v = -u, their mixture) to begin with."""

STARTS = 512
"""Starts of each search for new atoms: half at atoms the model uses, the rest cheap or random ones."""

SCREENED = 20_000
"""Random atoms from which the starts of a search are picked by their price."""

MARGIN = 1e-9
"""What is added to a bound, relative to its coefficients: the solver and the search end well within it."""

NEW_ATOMS = 100
"""Most atoms that join the pool in one round."""


class SolverError(RuntimeError):
    """The linear programming solver gave no optimum."""


@dataclass(frozen=True)
class Bracket:
    """The two bounds, and what they rest on: atoms with weights, and an inequality (None for upper = 1)."""

    lower: float
    upper: float
    weights: np.ndarray
    u: np.ndarray
    v: np.ndarray
    inequality: LeggettInequality | None
    status: str


class _Master:
    """max V over weights of atoms, under (P): HiGHS, kept warm between rounds."""

    def __init__(self, state: TwoQubitState, pairs: SettingPairs) -> None:
        from highspy import Highs, kHighsInf

        M_A, M_B, C = (np.asarray(x) for x in state.correlation(pairs.a, pairs.b))
        marginals = max(np.abs(M_A).max(), np.abs(M_B).max()) > 1e-12
        self.pairs, self.infinity = pairs, kHighsInf
        # E[u.a] = M^A at all settings is E[u] = V r_A on their span: at most three rows a side.
        # Without marginals rho and its image under (u, v) -> (-u, -v) can be averaged: no rows.
        self.basis_a = _span(pairs.a) if marginals else np.zeros((0, 3))
        self.basis_b = _span(pairs.b) if marginals else np.zeros((0, 3))
        self.rows = 2 * len(pairs) + 1 + len(self.basis_a) + len(self.basis_b)
        with _no_banner():
            self.solver = Highs()
        self.solver.setOptionValue("output_flag", False)
        self.solver.setOptionValue("primal_feasibility_tolerance", 1e-10)
        self.solver.setOptionValue("dual_feasibility_tolerance", 1e-10)
        for i in range(self.rows):
            high = 1.0 if i <= 2 * len(pairs) else 0.0
            low = high if i >= 2 * len(pairs) else -kHighsInf
            self.solver.addRow(low, high, 0, np.empty(0, np.int32), np.empty(0))
        r_A, r_B = np.asarray(state.r_A), np.asarray(state.r_B)
        column = np.concatenate([-C, C, [0.0], -self.basis_a @ r_A, -self.basis_b @ r_B])
        self.solver.addCol(-1.0, 0.0, 1.0, self.rows, np.arange(self.rows, dtype=np.int32), column)
        self.u, self.v = np.zeros((0, 3)), np.zeros((0, 3))

    def add(self, u: np.ndarray, v: np.ndarray) -> None:
        """Put atoms into the pool."""
        x, y = u @ self.pairs.a.T, v @ self.pairs.b.T
        parts = [np.abs(x + y), np.abs(x - y), np.ones((len(u), 1)), u @ self.basis_a.T, v @ self.basis_b.T]
        columns = np.concatenate(parts, axis=1)
        num, zero = len(u), np.zeros(len(u))
        starts = np.arange(0, columns.size, self.rows, dtype=np.int32)
        index = np.tile(np.arange(self.rows, dtype=np.int32), num)
        self.solver.addCols(num, zero, zero, np.full(num, self.infinity), columns.size, starts, index, columns.ravel())
        self.u, self.v = np.concatenate([self.u, u]), np.concatenate([self.v, v])

    def solve(self) -> tuple[float, np.ndarray, np.ndarray]:
        """V, the weights of the atoms, and the prices of the rows."""
        from highspy import HighsModelStatus

        self.solver.run()
        status = self.solver.getModelStatus()
        if status != HighsModelStatus.kOptimal:
            raise SolverError(f"the linear programme ended as {self.solver.modelStatusToString(status)}")
        solution = self.solver.getSolution()
        values = np.array(solution.col_value)
        weights = np.maximum(values[1:], 0)
        return float(values[0]), weights / weights.sum(), -np.array(solution.row_dual)


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


def _span(vectors: np.ndarray) -> np.ndarray:
    """Orthonormal rows that span the rows of `vectors`."""
    _, lengths, rows = np.linalg.svd(vectors, full_matrices=False)
    return rows[lengths > 1e-9 * lengths[0]]


def solve(
    state: TwoQubitState,
    pairs: SettingPairs,
    tolerance: float,
    deadline: float | None = None,
    seed: int = 0,
    progress: Callable[[float, float], None] | None = None,
) -> Bracket:
    """Bracket the largest V for which V (r_A, r_B, T) has a Leggett model at `pairs`.

    Ends as `converged` when upper - lower <= `tolerance`, as `stalled` when no search finds an atom
    that would improve the model (at about 1e-8), as `time_limit` past `deadline` (seconds of
    `time.monotonic`), as `interrupted` on Ctrl-C; the bounds hold in every case. `upper` rests on a
    search from many starts, which is no proof. Raises SolverError.
    """
    num = len(pairs)
    with double_precision():
        key = jax.random.key(seed)
        master = _Master(state, pairs)
        u, v = (np.asarray(x) for x in sample_sphere(key, (2, POOL)))
        master.add(np.concatenate([u, u, u]), np.concatenate([v, -u, -_rolled(u, v)]))
        lower, upper, inequality = 0.0, 1.0, None
        weights = np.full(len(master.u), 1 / len(master.u))
        status = "time_limit"
        try:
            for round_ in range(10**6):
                if deadline is not None and time.monotonic() > deadline:
                    break
                lower, weights, prices = master.solve()
                plus, minus = np.maximum(prices[:num], 0), np.maximum(prices[num : 2 * num], 0)
                ranks = len(master.basis_a)
                F = -prices[2 * num + 1 : 2 * num + 1 + ranks] @ master.basis_a
                H = -prices[2 * num + 1 + ranks :] @ master.basis_b
                new_u, new_v, least = _price(
                    jax.random.fold_in(key, round_ + 1), plus, minus, F, H, pairs, master.u, master.v, weights
                )
                cut = _inequality(plus, minus, F, H, pairs, float(least.min()), new_u, new_v)
                threshold = cut.threshold(state)
                if threshold < upper:
                    upper, inequality = threshold, cut
                if progress:
                    progress(lower, upper)
                if upper - lower <= tolerance:
                    status = "converged"
                    break
                # The master's own atoms cost minus the price of normalisation.
                if least.min() > -prices[2 * num] - 1e-11:
                    status = "stalled"
                    break
                chosen = _distinct(new_u, new_v, least)
                master.add(new_u[chosen], new_v[chosen])
        except KeyboardInterrupt:
            status = "interrupted"
    used = np.flatnonzero(weights > 0)
    u, v, weights = master.u[used], master.v[used], weights[used]
    if not len(master.basis_a) and not len(master.basis_b):
        u, v, weights = np.concatenate([u, -u]), np.concatenate([v, -v]), np.concatenate([weights, weights]) / 2
    return Bracket(lower, upper, weights, u, v, inequality, status)


def _rolled(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Unit vectors between u and v: atoms whose parts are neither opposite nor independent."""
    middle = u + v / 2
    return middle / np.linalg.norm(middle, axis=1, keepdims=True)


def _price(
    key: Any,
    plus: np.ndarray,
    minus: np.ndarray,
    F: np.ndarray,
    H: np.ndarray,
    pairs: SettingPairs,
    pool_u: np.ndarray,
    pool_v: np.ndarray,
    weights: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Atoms of least price sum_i plus|u.a + v.b| + minus|u.a - v.b| - F.u - H.v, and those prices."""
    heaviest = np.argsort(-weights)[: STARTS // 2]
    # The cheapest of many random atoms, and as many taken as they come.
    random_u, random_v = (np.asarray(x) for x in sample_sphere(key, (2, SCREENED)))
    x, y = random_u @ pairs.a.T, random_v @ pairs.b.T
    price = np.abs(x + y) @ plus + np.abs(x - y) @ minus - random_u @ F - random_v @ H
    others = STARTS - len(heaviest)
    chosen = np.concatenate([np.argsort(price)[: others // 2], np.arange(others - others // 2)])
    u, v = np.concatenate([pool_u[heaviest], random_u[chosen]]), np.concatenate([pool_v[heaviest], random_v[chosen]])
    u, v, least = (np.asarray(x) for x in descend(plus, minus, F, H, pairs.a, pairs.b, u, v))
    return u, v, least


def _inequality(
    plus: np.ndarray,
    minus: np.ndarray,
    F: np.ndarray,
    H: np.ndarray,
    pairs: SettingPairs,
    least: float,
    u: np.ndarray,
    v: np.ndarray,
) -> LeggettInequality:
    """The Leggett inequality of the prices: sum (minus - plus) C + F.E[u] + H.E[v] <= sum (plus + minus) - least."""
    f = np.linalg.lstsq(pairs.a.T, F, rcond=None)[0]
    h = np.linalg.lstsq(pairs.b.T, H, rcond=None)[0]
    scale = float((plus + minus).sum())
    bound = scale - least + MARGIN * scale
    return LeggettInequality(minus - plus, pairs.a, pairs.b, f, h, bound)


def _distinct(u: np.ndarray, v: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Numbers of the cheapest atoms, none twice."""
    order = np.argsort(least)
    rounded = np.round(np.concatenate([u, v], axis=1)[order], 5)
    first = np.unique(rounded, axis=0, return_index=True)[1]
    return order[np.sort(first)[:NEW_ATOMS]]
