"""Local models at finitely many settings: mixtures of products of responses, by column generation.

A correlation (M^A, M^B, C) at pairs of settings, scaled by V, is a mixture of products iff

    sum_k w_k x_k(a) y_k(b) = V C(a, b),    sum_k w_k x_k(a) = V M^A(a),    sum_k w_k y_k(b) = V M^B(b)

for weights w >= 0 of sum 1 and responses x_k, y_k of the two parties (`responses`). The largest V is a linear
programme. Its prices are an inequality sum g C + f M^A + h M^B <= beta, where beta is the largest value of a product:
for given x the best y is known in closed form, so that with a deterministic party of few settings all of its responses
can be tried and beta is exact; otherwise either party's best response to the other is taken in turn, from many starts.
"""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .._clock import OutOfTime, late
from .._doubles import unit
from ..inequalities.inequality import LinearInequality
from ..lp.column_generation import generate
from ..lp.restricted_programme import RestrictedProgramme
from ..runs import Ending, Progress
from ..sphere import fibonacci_directions as fibonacci
from .equations import DEPENDENT, Independent, OrbitRows, Rows
from .models import Found, Products
from .responses import Responses, Situation, has_marginals, is_local, tries

STARTS = 500
"""Starts of the search by turns, where they are not."""

TURNS = 200
"""Most turns of it; nearly always a handful is enough."""

POLISHED = 10
"""How many of the best are followed to the end, where both parties are qubits."""

NEW = 100
"""Most products that join the programme in one round."""

NO_GAIN = 1e-10
"""By how much a product has to be better than those of the programme, to be worth adding."""

FIRST = 1
"""Products of either kind to begin with, times equations."""

EXACT = 1e-13
"""What is added to a bound that is known but for rounding, relative to its coefficients."""

MARGIN = 1e-9
"""The same where it is searched for."""


@dataclass(frozen=True, eq=False)
class Functional:
    """x G y + F.x + H.y for coordinates x (d_A,), y (d_B,) of the two parties."""

    G: np.ndarray
    F: np.ndarray
    H: np.ndarray

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Its values at x (K, d_A), y (K, d_B)."""
        return ((x @ self.G + self.H) * y).sum(1) + x @ self.F

    def exchanged(self) -> Functional:
        """The same for exchanged parties."""
        return Functional(self.G.T, self.H, self.F)


def highest(
    functional: Functional, situation: Situation, number: int, rng: np.random.Generator, deadline: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Products with the largest values, best first: coordinates x (K, d_A), y (K, d_B), K <= `number`.

    The first is the best of all where `situation.exact`, otherwise the best that was found. Raises OutOfTime.
    """
    A, B = situation.A, situation.B
    if not situation.exact:
        x, y = _by_turns(functional, A, B, rng, deadline)
    elif tries(A) <= tries(B):
        x, y = _tried(functional, int(tries(A)), B, number, deadline)
    else:
        y, x = _tried(functional.exchanged(), int(tries(B)), A, number, deadline)
    order = np.argsort(-functional.at(x, y), kind="stable")[:number]
    return x[order], y[order]


def _tried(
    functional: Functional, n: int, other: Responses, number: int, deadline: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """All 2^n outcomes of one party with the best response of the other: about `number` of the best."""
    G, F, H = functional.G, functional.F, functional.H
    low = _outcomes(min(n, 12))
    high = _outcomes(n - low.shape[1])
    split = low.shape[1]
    base, alone = low @ G[:split] + H, low @ F[:split]
    values = np.empty((len(high), len(low)))
    for i, row in enumerate(high):
        if late(deadline):
            raise OutOfTime
        values[i] = other.largest(base + row @ G[split:]) + alone + row @ F[split:]
    flat = values.ravel()
    best = np.argpartition(-flat, min(number, flat.size) - 1)[:number]
    x = np.concatenate([low[best % len(low)], high[best // len(low)]], axis=1)
    return x, other.best(x @ G + H)


def _outcomes(n: int) -> np.ndarray:
    """All (2^n, n) sequences of +-1."""
    return 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)


def _by_turns(
    functional: Functional, A: Responses, B: Responses, rng: np.random.Generator, deadline: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Each party answers the other with its best response, from many starts, until the values no longer grow."""
    x, y = A.some(STARTS, rng), B.some(STARTS, rng)
    before = np.full(STARTS, -np.inf)
    for _ in range(TURNS):
        if late(deadline):
            raise OutOfTime
        y = B.best(x @ functional.G + functional.H)
        x = A.best(y @ functional.G.T + functional.F)
        values = functional.at(x, y)
        if (values <= before + 1e-13 * np.abs(values)).all():
            break
        before = values
    if not (is_local(A) or is_local(B)):
        x = _uphill(functional, x[np.argsort(-functional.at(x, y))[:POLISHED]])
    y = B.best(x @ functional.G + functional.H)
    _, first = np.unique(np.round(np.concatenate([x, y], axis=1), 6), axis=0, return_index=True)
    return x[first], y[first]


def _uphill(functional: Functional, x: np.ndarray) -> np.ndarray:
    """Unit vectors x (K, 3) further up F.x + |x G + H|, by the quasi-Newton method BFGS: turns may gain ever less."""
    from scipy.optimize import minimize

    def downhill(z: np.ndarray) -> tuple[float, np.ndarray]:
        length = float(np.linalg.norm(z))
        u = z / length
        answer = u @ functional.G + functional.H
        size = float(np.linalg.norm(answer))
        slope = functional.F + (functional.G @ answer / size if size > 0 else 0)
        return -float(functional.F @ u) - size, -(slope - (slope @ u) * u) / length

    ends = [minimize(downhill, one, jac=True, method="BFGS", options={"gtol": 1e-12}).x for one in x]
    return np.concatenate([x, unit(np.array(ends))])


def solve(
    situation: Situation,
    correlation: tuple[np.ndarray, np.ndarray, np.ndarray],
    tolerance: float,
    deadline: float | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    orbits: tuple[np.ndarray, np.ndarray] | None = None,
) -> Found:
    """Bracket the largest V at which V (M^A, M^B, C), (N,) each, is a mixture of products.

    The lower end is what the mixture reaches with the solver's rounding corrected; the upper one is exact to rounding
    where `situation.exact`, otherwise it rests on a search from many starts. With `orbits` (see `OrbitRows`) the
    mixture has the correlators only when it is averaged. Raises SolverError.
    """
    question = _Mixture(situation, correlation, deadline, seed, orbits)
    if question.impossible is not None:
        return Found(0.0, 0.0, None, question.impossible, Ending.CONVERGED)
    ending = generate(question, tolerance, progress)
    return Found(question.lower, question.upper, question.products, question.inequality, ending)


class _Mixture:
    """The pool of products; a `Question` of column generation."""

    def __init__(
        self,
        situation: Situation,
        correlation: tuple[np.ndarray, np.ndarray, np.ndarray],
        deadline: float | None,
        seed: int,
        orbits: tuple[np.ndarray, np.ndarray] | None,
    ) -> None:
        self.situation, self.deadline = situation, deadline
        self.rng = np.random.default_rng(seed)
        s, (M_A, M_B, C) = situation, correlation
        self.M_A, self.M_B, self.C = M_A, M_B, C
        self.rows: Rows | OrbitRows = Rows(s, C) if orbits is None else OrbitRows(s, C, *orbits)
        self.has_marginals = has_marginals(M_A, M_B)
        # Without marginals every product can be averaged with that of both parties' opposite outcomes: no rows.
        self.sides = (
            [Independent.of(s.A.frame[s.alice], M_A), Independent.of(s.B.frame[s.bob], M_B)]
            if self.has_marginals
            else []
        )
        self.impossible = self._impossible()
        linear = np.concatenate([self.rows.targets, *(side.targets for side in self.sides)])
        self.linear = linear
        self.programme = RestrictedProgramme(linear)
        self.lower, self.upper = 0.0, 1.0
        self.products: Products | None = None
        self.inequality: LinearInequality | None = None
        self.x, self.y = np.zeros((0, s.A.frame.shape[1])), np.zeros((0, s.B.frame.shape[1]))
        # Alice as a vector would have it, Bob's best answer to that; with all flips V = 0 has a mixture.
        vectors = fibonacci(FIRST * len(linear))
        x = s.A.best(vectors @ s.a.T @ np.linalg.pinv(s.A.frame).T)
        y = s.B.best(x @ self.rows.functional(self.rows.targets))
        x, y = np.concatenate([x, s.A.some(len(x), self.rng)]), np.concatenate([y, s.B.some(len(x), self.rng)])
        self._add(np.concatenate([x, x, -x, -x]), np.concatenate([y, -y, y, -y]))

    def _impossible(self) -> LinearInequality | None:
        """An equation between the numbers of all products that the correlation breaks at every visibility."""
        s, zero = self.situation, np.zeros(len(self.C))
        missed = [self.rows.missed, *(side.missed for side in self.sides)]
        missed += (3 - len(missed)) * [zero]
        if max(np.abs(x).max() for x in missed) < DEPENDENT:
            return None
        g, f, h = missed
        return LinearInequality(g, s.a[s.alice], s.b[s.bob], f, h, 0.0)

    def _columns(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        parts = [side.rows @ z.T for side, z in zip(self.sides, (x, y), strict=bool(self.sides))]
        return np.concatenate([self.rows.at(x, y), *parts])

    def _add(self, x: np.ndarray, y: np.ndarray) -> None:
        self.programme.add_hidden(np.zeros((0, len(x))), self._columns(x, y))
        self.x, self.y = np.concatenate([self.x, x]), np.concatenate([self.y, y])

    def solve(self) -> None:
        """Solve the programme; keep its mixture where that reaches further than the last."""
        self.solution = found = self.programme.solve(self.deadline)
        used = found.weights > 0
        mixture = Products(found.weights[used], self.x[used], self.y[used])
        miss = np.abs(self._columns(mixture.x, mixture.y) @ mixture.weights - found.V * self.linear).sum()
        # A mixture of products has any numbers whose moduli add up to 1 (docs/NOTIONS.md); of two qubits, to 1/sqrt 3.
        share = miss * (1 if any(map(is_local, (self.situation.A, self.situation.B))) else np.sqrt(3))
        lower = float(found.V / (1 + share))
        if lower > self.lower:
            if lower > 1:
                mixture, lower = mixture.mixed_with_flips(1 - 1 / lower, self.has_marginals), 1.0
            self.lower, self.products = lower, mixture

    def find_worst(self, number: int) -> None:
        """Find the best products for the prices, and the inequality that they bound."""
        split = np.cumsum([len(self.rows.targets), *(len(side.targets) for side in self.sides)])[:-1]
        prices = np.split(-self.solution.linear, split)
        F, H = [side.rows.T @ p for side, p in zip(self.sides, prices[1:], strict=True)] or [
            np.zeros(n) for n in self.rows.shape
        ]
        self.functional = Functional(self.rows.functional(prices[0]), F, H)
        self.found = highest(self.functional, self.situation, NEW, self.rng, self.deadline)
        self.best = float(self.functional.at(self.found[0][:1], self.found[1][:1])[0])
        self.prices = prices
        self._cut()

    def _cut(self) -> None:
        """The inequality of the prices, where it is the strongest so far."""
        first, *others = self.prices
        g = self.rows.coefficients(first)
        f, h = [side.back @ p for side, p in zip(self.sides, others, strict=True)] or [0 * g, 0 * g]
        margin = EXACT if self.situation.exact else MARGIN
        bound = self.best + margin * float(np.abs([g, f, h]).sum())
        value = g @ self.C + f @ self.M_A + h @ self.M_B
        if value > 0 and bound / value < self.upper:
            s = self.situation
            self.upper = float(bound / value)
            self.inequality = LinearInequality(g, s.a[s.alice], s.b[s.bob], f, h, bound)

    def to_be_reported(self, tolerance: float) -> bool:
        """Whether the bracket is as narrow as asked for."""
        return bool(self.upper - self.lower <= tolerance)

    def search_again(self, number: int) -> None:
        """What was found by trying all responses stands; another search from many starts is made otherwise."""
        if not self.situation.exact:
            x, y = highest(self.functional, self.situation, NEW, self.rng, self.deadline)
            again = float(self.functional.at(x[:1], y[:1])[0])
            if again > self.best + MARGIN * abs(self.best):
                self.best, self.found = again, (x, y)
                self.upper, self.inequality = 1.0, None
                self._cut()

    def grow(self) -> bool:
        """Put the products that were found into the pool, unless none is better than those it has."""
        if self.best <= -self.solution.level + NO_GAIN:
            return False
        x, y = self.found
        better = self.functional.at(x, y) > -self.solution.level + NO_GAIN
        x, y = x[better], y[better]
        flips = [(1, 1), (-1, -1)] if self.has_marginals else [(1, 1)]
        self._add(np.concatenate([s * x for s, _ in flips]), np.concatenate([t * y for _, t in flips]))
        return True
