"""Finitely many settings: the linear programme over hidden vectors, by column generation.

A target (M^A, M^B, C) at setting pairs (a_i, b_i) has a Leggett model iff one probability measure
rho(u, v) has E[u.a] = M^A, E[v.b] = M^B and, from [B13 (5)] averaged,

    E|u.a + v.b| <= 1 + C(a, b),      E|u.a - v.b| <= 1 - C(a, b)      for every pair.        (P)

With a state's correlations scaled by V, the largest V is a linear programme in rho and V. The restricted
programme over a pool of atoms, which are pairs (u, v), gives a model and so a lower bound. Its prices are a Leggett
inequality, whose bound comes from the cheapest atoms outside the pool, and so an upper bound. Those atoms
join the pool until the two bounds meet (`jaxleggett.lp.column_generation`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np

from .._doubles import unit
from .._numerics import double_precision, random_key
from ..inequalities.inequality import Correlated, LeggettInequality
from ..inequalities.worst_vectors import THOROUGH, Prices, search
from ..lp.column_generation import Bracket, generate
from ..lp.restricted_programme import RestrictedProgramme, Solution
from ..models.interpolated import InterpolatedModel
from ..runs import Progress
from ..settings import SettingPairs
from ..sphere import sample_sphere
from ..states import TwoQubitState

MARGIN = 1e-9
"""What is added to the bound of an inequality, relative to its coefficients: more than solver and search are off by."""

DEPENDENT = 1e-9
"""Singular values of the settings below this, relative to the largest, count as 0. Marginals in such directions are not
rows of the programme, because the coefficients of an inequality would be larger by the inverse."""


@dataclass(frozen=True)
class Options:
    """How the pool of atoms grows."""

    pool: int = 500
    """How many atoms of each of three kinds (independent, v = -u, in between) the pool begins with."""
    new_atoms: int = 100
    """Largest number of atoms that join in one round."""
    no_gain: float = 1e-11
    """An atom joins if its price is below that of the pool's atoms by more than this."""
    searches_again: int = 2
    """Number of further searches, from other lattices and with more steps, before an inequality is reported."""


DEFAULT = Options()


def solve(
    state: TwoQubitState,
    pairs: SettingPairs,
    tolerance: float,
    deadline: float | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    spans: tuple[np.ndarray, np.ndarray] | None = None,
    options: Options = DEFAULT,
    table: Correlated | None = None,
) -> Bracket:
    """Bracket the largest V for which V (r_A, r_B, T) has a Leggett model at `pairs`.

    Ends as `converged` when upper - lower <= `tolerance`, as `stalled` when no search finds an atom
    that would improve the model (at about 1e-8), as `time_limit` past `deadline` (seconds of
    `time.monotonic`), as `interrupted` on Ctrl-C; the bounds hold in every case. `lower` is what the model reaches
    after the rounding errors of the solver are corrected; `upper` rests on searches from many starts, which are no
    proof. Raises SolverError where the linear programme fails before there are bounds.

    spans       orthonormal rows for either party: the directions in which the model has the marginals V r_A and V r_B;
                by default those that the settings span to rounding
    table       correlators at the pairs in place of the state's; its marginals have to be the state's
    """
    with double_precision():
        question = _FiniteSettings(state, pairs, deadline, seed, spans, options, table or state)
        ending = generate(question, tolerance, progress)
    return Bracket(question.lower, question.upper, question.model, question.inequality, ending)


class _FiniteSettings:
    """The pool of atoms at some setting pairs; a `Question` of column generation."""

    def __init__(
        self,
        state: TwoQubitState,
        pairs: SettingPairs,
        deadline: float | None,
        seed: int,
        spans: tuple[np.ndarray, np.ndarray] | None,
        options: Options,
        target: Correlated,
    ) -> None:
        self.state, self.pairs, self.deadline, self.options = state, pairs, deadline, options
        self.key = random_key(seed)
        self.lower = 0.0
        self.model: InterpolatedModel | None = None
        self.cuts = _Cuts(target, options)
        self.C = np.asarray(target.correlation(pairs.a, pairs.b)[2], np.float64)
        # E[u.a] = M^A at all settings is E[u] = V r_A on their span: at most three rows a side.
        self.basis_a, self.basis_b = (span(pairs.a), span(pairs.b)) if spans is None else spans
        linear = np.concatenate([self.basis_a @ np.asarray(state.r_A), self.basis_b @ np.asarray(state.r_B)])
        self.has_marginals = bool(np.abs(linear).max() > 1e-12)
        if not self.has_marginals:
            # Averaged over (u, v) -> (-u, -v), every model has vanishing marginals: they need no rows.
            self.basis_a, self.basis_b, linear = np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0)
        self.programme = RestrictedProgramme(linear)
        self.programme.add_pairs(np.zeros((2 * len(pairs), 0)), np.concatenate([self.C, -self.C]))
        self.u, self.v = np.zeros((0, 3)), np.zeros((0, 3))
        u, v = (np.asarray(x) for x in sample_sphere(self.key, (2, options.pool)))
        self._add(np.concatenate([u, u, u]), np.concatenate([v, -u, -_between(u, v)]))

    @property
    def upper(self) -> float:
        """The lowest threshold of an inequality, at most 1."""
        return self.cuts.upper

    @property
    def inequality(self) -> LeggettInequality | None:
        """The inequality with this threshold; None without one below 1."""
        return self.cuts.inequality

    def solve(self) -> None:
        """Solve the programme over the pool; keep its model where that reaches further than the last."""
        self.solution = self.programme.solve(self.deadline)
        model, lower = self._model(self.solution)
        if lower > self.lower:
            self.lower, self.model = lower, model

    def find_worst(self, number: int) -> None:
        """Find the cheapest atoms for the prices, and the inequality that they bound."""
        self.step = jax.random.fold_in(self.key, number)
        self.prices = self._prices(self.solution)
        heaviest = np.argsort(-self.solution.weights)[: np.count_nonzero(self.solution.weights)]
        known = self.u[heaviest], self.v[heaviest]
        u, v, least = search(self.step, self.prices, *known, deadline=self.deadline)
        self.found, self.least = (u, v), float(least[0])
        self.cuts.add(self.prices, self.least)

    def to_be_reported(self, tolerance: float) -> bool:
        """Whether the bracket is as narrow as asked for, or no atom was found that would make it narrower."""
        return self.upper - self.lower <= tolerance or not self._helps(self.least)

    def search_again(self, number: int) -> None:
        """Search for the bound of the strongest inequality again; the atoms that are found may join, too."""
        u, v = self.cuts.search_again(self.step, self.deadline)
        self.found = np.concatenate([u, self.found[0]]), np.concatenate([v, self.found[1]])

    def grow(self) -> bool:
        """Put the atoms that were found into the pool, unless none is cheaper than those it has."""
        u, v = self.found
        if not self._helps(float(self.prices.at(u, v).min())):
            return False
        first = np.unique(np.round(np.concatenate([u, v], axis=1), 5), axis=0, return_index=True)[1]
        chosen = np.sort(first)[: self.options.new_atoms]
        self._add(u[chosen], v[chosen])
        return True

    def _helps(self, price: float) -> bool:
        return price <= self.solution.level - self.options.no_gain

    def _add(self, u: np.ndarray, v: np.ndarray) -> None:
        x, y = self.pairs.a @ u.T, self.pairs.b @ v.T
        linear = np.concatenate([self.basis_a @ u.T, self.basis_b @ v.T])
        self.programme.add_hidden(np.abs(np.concatenate([x + y, x - y])), linear)
        self.u, self.v = np.concatenate([self.u, u]), np.concatenate([self.v, v])

    def _prices(self, solution: Solution) -> Prices:
        plus, minus = np.split(solution.pairs, 2)
        rank = len(self.basis_a)
        F, H = -solution.linear[:rank] @ self.basis_a, -solution.linear[rank:] @ self.basis_b
        return Prices(plus, minus, F, H, self.pairs.a, self.pairs.b)

    def _model(self, solution: Solution) -> tuple[InterpolatedModel, float]:
        """The model of the atoms in use, and the visibility that it reaches.

        The solver's rounding errors are corrected. For a state without marginals, the opposites of the atoms are added.
        A model that reaches beyond V = 1 is mixed with noise until it reaches 1.
        """
        used = np.flatnonzero(solution.weights > 0)
        u, v, weights = self.u[used], self.v[used], solution.weights[used]
        if not self.has_marginals:
            u, v, weights = np.concatenate([u, -u]), np.concatenate([v, -v]), np.concatenate([weights, weights]) / 2
        V = solution.V
        model = InterpolatedModel(weights, u, v, self.state.with_visibility(V))
        # Only the part of the marginals that the settings span is ever measured.
        miss = [
            basis.T @ (basis @ (weights @ x - V * np.asarray(r)))
            for basis, x, r in ((self.basis_a, u, self.state.r_A), (self.basis_b, v, self.state.r_B))
        ]
        x, y, C = u @ self.pairs.a.T, v @ self.pairs.b.T, V * self.C
        breach = max(float((weights @ np.abs(x + y) - 1 - C).max()), float((weights @ np.abs(x - y) - 1 + C).max()))
        model, share = model.corrected(breach, *miss)
        lower = V * (1 - share)
        return (model, lower) if lower <= 1 else (model.with_noise(1 - 1 / lower), 1.0)


def span(vectors: np.ndarray) -> np.ndarray:
    """Orthonormal rows (R, 3) that span the rows of `vectors` (n, 3), without singular values below `DEPENDENT`."""
    _, lengths, rows = np.linalg.svd(vectors, full_matrices=False)
    return rows[lengths > DEPENDENT * lengths[0]]


class _Cuts:
    """The inequalities that were found so far, called cuts, with their thresholds and prices, the strongest first."""

    def __init__(self, state: Correlated, options: Options) -> None:
        self.state, self.options = state, options
        self.found: list[tuple[float, Prices, LeggettInequality]] = []

    def add(self, prices: Prices, least: float) -> None:
        """The inequality of the prices, with the bound that the cheapest atom gives it."""
        cut = inequality_of(prices, least)
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
        """Search for the bound of the strongest inequality again, until its bound is confirmed; the worst atoms found.

        Where a search finds a larger bound, it replaces the old one, and another inequality may be the strongest then.
        """
        u, v = np.zeros((0, 3)), np.zeros((0, 3))
        while self.upper < 1:
            _, prices, cut = self.found[0]
            keys = (jax.random.fold_in(key, i) for i in range(1, self.options.searches_again + 1))
            tries = [search(one, prices, effort=THOROUGH, deadline=deadline) for one in keys]
            best = min(tries, key=lambda found: found[2][0])
            u, v = np.concatenate([u, best[0][:10]]), np.concatenate([v, best[1][:10]])
            again = inequality_of(prices, best[2][0])
            if again.bound <= cut.bound:
                break
            self.found[0] = (again.threshold(self.state), prices, again)
            self.found.sort(key=lambda entry: entry[0])
        return u, v


def _between(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Unit vectors along u + v/2, for atoms whose two vectors are neither opposite nor independent."""
    return unit(u + v / 2)


def inequality_of(prices: Prices, least: float) -> LeggettInequality:
    """The Leggett inequality of the prices: sum (minus - plus) C + F.E[u] + H.E[v] <= sum (plus + minus) - least.

    F and H are written as combinations of the settings. What is left of them is dropped, and its length is added to the
    bound, which is enough because |E[u]| and |E[v]| are at most 1.
    """
    f = np.linalg.lstsq(prices.a.T, prices.F, rcond=DEPENDENT)[0]
    h = np.linalg.lstsq(prices.b.T, prices.H, rcond=DEPENDENT)[0]
    missing = np.linalg.norm(prices.F - f @ prices.a) + np.linalg.norm(prices.H - h @ prices.b)
    scale = float((prices.plus + prices.minus).sum())
    bound = scale - float(least) + MARGIN * scale + float(missing)
    return LeggettInequality(prices.minus - prices.plus, prices.a, prices.b, f, h, bound)
