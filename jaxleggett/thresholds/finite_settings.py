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

from collections.abc import Callable
from fractions import Fraction

import jax
import numpy as np

from .._clock import OutOfTime
from .._doubles import unit
from .._numerics import double_precision, random_key
from ..inequalities.inequality import LeggettInequality
from ..inequalities.worst_vectors import THOROUGH, Prices, search
from ..lp.column_generation import Bracket
from ..lp.restricted_programme import Master
from ..models.finite import Model
from ..settings import SettingPairs
from ..sphere import sample_sphere
from ..states import TwoQubitState

POOL = 500
"""Atoms of each of three kinds (independent, v = -u, their mixture) to begin with."""

MARGIN = 1e-9
"""What is added to a bound, relative to its coefficients: the solver and the search end well within it."""

NEW_ATOMS = 100
"""Most atoms that join the pool in one round."""

NO_GAIN = 1e-11
"""An atom has to be cheaper by this than those of the pool to be worth adding."""

DEPENDENT = 1e-9
"""Directions that settings have below this, relative to the largest, are no rows: prices for them would be as large."""

SEARCHES_AGAIN = 2
"""Further searches, from other lattices and thorough, before an inequality is reported."""


class _Pool:
    """The atoms found so far, and the master programme over them."""

    def __init__(self, state: TwoQubitState, pairs: SettingPairs, exact: bool = False) -> None:
        _, _, C = (np.asarray(x) for x in state.correlation(pairs.a, pairs.b))
        # E[u.a] = M^A at all settings is E[u] = V r_A on their span: at most three rows a side.
        self.basis_a, self.basis_b = (exact_span(x) if exact else span(x) for x in (pairs.a, pairs.b))
        linear = np.concatenate([self.basis_a @ np.asarray(state.r_A), self.basis_b @ np.asarray(state.r_B)])
        self.has_marginals = bool(np.abs(linear).max() > 1e-12)
        if not self.has_marginals:
            # rho and its image under (u, v) -> (-u, -v) can be averaged: no rows.
            self.basis_a, self.basis_b, linear = np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0)
        self.pairs = pairs
        self.master = Master(linear)
        self.master.add_pairs(np.zeros((2 * len(pairs), 0)), np.concatenate([C, -C]))
        self.u, self.v = np.zeros((0, 3)), np.zeros((0, 3))

    def add(self, u: np.ndarray, v: np.ndarray) -> None:
        """Put atoms into the pool."""
        x, y = self.pairs.a @ u.T, self.pairs.b @ v.T
        linear = np.concatenate([self.basis_a @ u.T, self.basis_b @ v.T])
        self.master.add_hidden(np.abs(np.concatenate([x + y, x - y])), linear)
        self.u, self.v = np.concatenate([self.u, u]), np.concatenate([self.v, v])

    def solve(self, deadline: float | None) -> tuple[float, np.ndarray, Prices, float]:
        """V, the weights, the prices, and the price that a new atom has to fall below."""
        V, weights, prices, normalisation, linear = self.master.solve(deadline)
        num, rank = len(self.pairs), len(self.basis_a)
        F, H = -linear[:rank] @ self.basis_a, -linear[rank:] @ self.basis_b
        return V, weights, Prices(prices[:num], prices[num:], F, H, self.pairs.a, self.pairs.b), -normalisation

    def model(self, weights: np.ndarray, V: float) -> Model:
        """The atoms in use, with their opposites where that makes marginals vanish; above V = 1 brought back to it."""
        used = np.flatnonzero(weights > 0)
        u, v, weights = self.u[used], self.v[used], weights[used]
        if not self.has_marginals:
            u, v, weights = np.concatenate([u, -u]), np.concatenate([v, -v]), np.concatenate([weights, weights]) / 2
        model = Model(weights, u, v)
        return model.with_noise(1 - 1 / V) if V > 1 else model


def span(vectors: np.ndarray) -> np.ndarray:
    """Orthonormal rows that span the rows of `vectors`, but for what is below `DEPENDENT` relative to the largest."""
    _, lengths, rows = np.linalg.svd(vectors, full_matrices=False)
    return rows[lengths > DEPENDENT * lengths[0]]


def exact_span(vectors: np.ndarray) -> np.ndarray:
    """Orthonormal rows, right to rounding, that span the rows of `vectors` (N, 3), none of them 0, as they stand.

    Doubles are fractions, so nothing is rounded to find the rank; in a plane the rows are tangents of
    its normal, the product of two rows.
    """
    rows = np.unique(vectors, axis=0).tolist()
    first = [Fraction(x) for x in rows[0]]
    normals = (_cross(first, [Fraction(x) for x in row]) for row in rows)
    normal = next((n for n in normals if any(n)), None)
    if normal is None:
        return unit(vectors[:1])
    if any(sum(n * Fraction(x) for n, x in zip(normal, row, strict=True)) for row in rows):
        return np.eye(3)
    largest = max(map(abs, normal))
    n = unit(np.array([float(x / largest) for x in normal]))
    p = unit(np.cross(n, np.eye(3)[np.abs(n).argmin()]))
    return np.stack([p, np.cross(n, p)])


def _cross(x: list[Fraction], y: list[Fraction]) -> list[Fraction]:
    return [x[i - 2] * y[i - 1] - x[i - 1] * y[i - 2] for i in range(3)]


def solve(
    state: TwoQubitState,
    pairs: SettingPairs,
    tolerance: float,
    deadline: float | None = None,
    seed: int = 0,
    progress: Callable[[float, float], None] | None = None,
    exact: bool = False,
) -> Bracket:
    """Bracket the largest V for which V (r_A, r_B, T) has a Leggett model at `pairs`.

    Ends as `converged` when upper - lower <= `tolerance`, as `stalled` when no search finds an atom
    that would improve the model (at about 1e-8), as `time_limit` past `deadline` (seconds of
    `time.monotonic`), as `interrupted` on Ctrl-C; the bounds hold in every case. `upper` rests on
    searches from many starts, which are no proof. Raises SolverError.

    With `exact` the model has the marginals V r_A, V r_B in every direction that the settings span as
    they stand, even where only their last digits do. The inequalities are no better for it.
    """
    with double_precision():
        key = random_key(seed)
        pool = _Pool(state, pairs, exact)
        u, v = (np.asarray(x) for x in sample_sphere(key, (2, POOL)))
        pool.add(np.concatenate([u, u, u]), np.concatenate([v, -u, -_between(u, v)]))
        cuts = _Cuts(state)
        V, lower, weights = 0.0, 0.0, np.zeros(0)
        status = "time_limit"
        try:
            for round_ in range(10**6):
                V, weights, prices, level = pool.solve(deadline)
                lower = min(V, 1.0)
                if lower == 1:
                    status = "converged"
                    break
                heaviest = np.argsort(-weights)[: np.count_nonzero(weights)]
                step = jax.random.fold_in(key, round_ + 1)
                u, v, least = search(step, prices, pool.u[heaviest], pool.v[heaviest], deadline=deadline)
                cuts.add(prices, least[0])
                if cuts.upper - lower <= tolerance or least[0] > level - NO_GAIN:
                    # What is going to be reported is searched again; what that finds is news to the pool.
                    more_u, more_v = cuts.search_again(step, deadline)
                    u, v = np.concatenate([more_u, u]), np.concatenate([more_v, v])
                if progress:
                    progress(lower, cuts.upper)
                if cuts.upper - lower <= tolerance:
                    status = "converged"
                    break
                if prices.at(u, v).min() > level - NO_GAIN:
                    status = "stalled"
                    break
                pool.add(*_distinct(u, v))
        except OutOfTime:
            pass
        except KeyboardInterrupt:
            status = "interrupted"
    return Bracket(lower, cuts.upper, pool.model(weights, V) if lower > 0 else None, cuts.inequality, status)


class _Cuts:
    """The inequalities found on the way, strongest first."""

    def __init__(self, state: TwoQubitState) -> None:
        self.state = state
        self.found: list[tuple[float, Prices, LeggettInequality]] = []

    def add(self, prices: Prices, least: float) -> None:
        """The inequality of the prices, with the bound that the cheapest atom gives it."""
        cut = _inequality(prices, least)
        self.found.append((cut.threshold(self.state), prices, cut))
        self.found.sort(key=lambda entry: entry[0])

    @property
    def upper(self) -> float:
        """The lowest threshold, at most 1."""
        return min(self.found[0][0], 1.0) if self.found else 1.0

    @property
    def inequality(self) -> LeggettInequality | None:
        """The inequality that has it; None where no inequality excludes V = 1."""
        return self.found[0][2] if self.upper < 1 else None

    def search_again(self, key: jax.Array, deadline: float | None) -> tuple[np.ndarray, np.ndarray]:
        """Search for the bound of the strongest inequality anew, until one stands; the worst atoms of all that did."""
        u, v = np.zeros((0, 3)), np.zeros((0, 3))
        while self.upper < 1:
            _, prices, cut = self.found[0]
            keys = (jax.random.fold_in(key, i) for i in range(1, SEARCHES_AGAIN + 1))
            tries = [search(one, prices, steps=THOROUGH, deadline=deadline) for one in keys]
            best = min(tries, key=lambda found: found[2][0])
            u, v = np.concatenate([u, best[0][:10]]), np.concatenate([v, best[1][:10]])
            again = _inequality(prices, best[2][0])
            if again.bound <= cut.bound:
                break
            self.found[0] = (again.threshold(self.state), prices, again)
            self.found.sort(key=lambda entry: entry[0])
        return u, v


def _between(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Unit vectors between u and v: atoms whose parts are neither opposite nor independent."""
    return unit(u + v / 2)


def _inequality(prices: Prices, least: float) -> LeggettInequality:
    """The Leggett inequality of the prices: sum (minus - plus) C + F.E[u] + H.E[v] <= sum (plus + minus) - least.

    What settings do not give of F and H is no part of it, but of its bound: hidden vectors are unit vectors.
    """
    f = np.linalg.lstsq(prices.a.T, prices.F, rcond=DEPENDENT)[0]
    h = np.linalg.lstsq(prices.b.T, prices.H, rcond=DEPENDENT)[0]
    missing = np.linalg.norm(prices.F - f @ prices.a) + np.linalg.norm(prices.H - h @ prices.b)
    scale = float((prices.plus + prices.minus).sum())
    bound = scale - float(least) + MARGIN * scale + float(missing)
    return LeggettInequality(prices.minus - prices.plus, prices.a, prices.b, f, h, bound)


def _distinct(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first atoms, none twice."""
    first = np.unique(np.round(np.concatenate([u, v], axis=1), 5), axis=0, return_index=True)[1]
    chosen = np.sort(first)[:NEW_ATOMS]
    return u[chosen], v[chosen]
