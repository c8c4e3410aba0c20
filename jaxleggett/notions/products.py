"""Local models at finitely many settings: mixtures of products of responses, by column generation.

A correlation (M^A, M^B, C) at pairs of settings, scaled by V, is a mixture of products iff

    sum_k w_k x_k(a) y_k(b) = V C(a, b),    sum_k w_k x_k(a) = V M^A(a),    sum_k w_k y_k(b) = V M^B(b)

for weights w >= 0 of sum 1 and responses x_k, y_k of the two parties (`responses`). The largest V is a linear
programme. Its prices are an inequality sum g C + f M^A + h M^B <= beta, where beta is the largest value of a product:
for given x the best y is known in closed form. Where one party is deterministic with few settings, all of its responses
are tried and beta is exact to rounding. Otherwise beta is searched for: from many starts, each party in turn is given
its best response to the other's.
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
from .responses import Responses, Situation, has_marginals, is_deterministic, log2_responses

STARTS = 500
"""Starts of the search in which the parties respond to each other in turn."""

TURNS = 200
"""Most turns of that search; nearly always a handful is enough."""

POLISHED = 10
"""How many of the best products a quasi-Newton method improves further, where both parties are qubits."""

NEW = 100
"""Most products that join the programme in one round."""

NO_GAIN = 1e-10
"""By how much a product has to be better than those of the programme to be added."""

EXACT = 1e-13
"""What is added to a bound that is exact to rounding, relative to the sum of the coefficients' moduli."""

MARGIN = 1e-9
"""What is added to a bound that is searched for, relative to the same sum."""


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
        """The same functional with Alice and Bob exchanged."""
        return Functional(self.G.T, self.H, self.F)


def highest(
    functional: Functional, situation: Situation, number: int, rng: np.random.Generator, deadline: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Products with the largest values, best first: coordinates x (K, d_A), y (K, d_B), K <= `number`.

    The first is the best of all products where `situation.exact` holds, otherwise the best that was found. Raises
    OutOfTime past `deadline`.
    """
    A, B = situation.A, situation.B
    if not situation.exact:
        x, y = _by_turns(functional, A, B, rng, deadline)
    elif log2_responses(A) <= log2_responses(B):
        x, y = _tried(functional, int(log2_responses(A)), B, number, deadline)
    else:
        y, x = _tried(functional.exchanged(), int(log2_responses(B)), A, number, deadline)
    order = np.argsort(-functional.at(x, y), kind="stable")[:number]
    return x[order], y[order]


def _tried(
    functional: Functional, n: int, other: Responses, number: int, deadline: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """The best of all 2^n outcomes of a deterministic party at n settings, each with the other's best response.

    At most `number` are returned, in no particular order.
    """
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
    """Products from many starts: each party in turn is given its best response, until no value grows any more."""
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
    if not (is_deterministic(A) or is_deterministic(B)):
        x = _uphill(functional, x[np.argsort(-functional.at(x, y))[:POLISHED]])
    y = B.best(x @ functional.G + functional.H)
    _, first = np.unique(np.round(np.concatenate([x, y], axis=1), 6), axis=0, return_index=True)
    return x[first], y[first]


def _uphill(functional: Functional, x: np.ndarray) -> np.ndarray:
    """The given unit vectors x (K, 3), and where the quasi-Newton method BFGS takes them: (2K, 3).

    It maximises F.x + |x G + H|, the value with Bob's best response. Turns alone may converge too slowly.
    """
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

    situation    the settings, and the responses of both parties there
    correlation  (M^A, M^B, C) at the pairs of the situation
    tolerance    upper - lower to reach
    deadline     seconds of `time.monotonic`
    seed         of the responses that searches begin with
    progress     is called with a `Progress` after every round
    orbits       `orbit` and `sign` of `OrbitRows`, where the correlation has symmetries; the mixture that is returned
                 has the correlators only after it has been averaged over them

    The lower end is what the mixture reaches, the solver's rounding accounted for; the upper end is exact to rounding
    where `situation.exact` holds, otherwise it rests on a search from many starts. Past the deadline and after Ctrl-C
    the bounds found so far are returned, and the status says so. Raises SolverError where the linear programme fails.
    """
    question = _Mixture(situation, correlation, deadline, seed, orbits)
    if question.impossible is not None:
        return Found(0.0, 0.0, None, question.impossible, Ending.CONVERGED)
    ending = generate(question, tolerance, progress)
    return Found(question.lower, question.upper, question.products, question.inequality, ending)


class _Mixture:
    """The linear programme over the products found so far; a `Question` of column generation."""

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
        self.targets = np.concatenate([self.rows.targets, *(side.targets for side in self.sides)])
        self.programme = RestrictedProgramme(self.targets)
        self.lower, self.upper = 0.0, 1.0
        self.products: Products | None = None
        self.inequality: LinearInequality | None = None
        self.strongest: tuple[Functional, list[np.ndarray], float] | None = None
        self.x, self.y = np.zeros((0, s.A.frame.shape[1])), np.zeros((0, s.B.frame.shape[1]))
        # To begin with, as many products as there are equations in which Alice's response is nearest to that of a
        # vector and Bob's is the best for the targets, and as many random ones. Each is taken with both signs of
        # either party, so that a mixture of them reaches V = 0.
        vectors = fibonacci(len(self.targets))
        x = s.A.best(vectors @ s.a.T @ np.linalg.pinv(s.A.frame).T)
        y = s.B.best(x @ self.rows.functional(self.rows.targets))
        x, y = np.concatenate([x, s.A.some(len(x), self.rng)]), np.concatenate([y, s.B.some(len(x), self.rng)])
        self._add(np.concatenate([x, x, -x, -x]), np.concatenate([y, -y, y, -y]))

    def _impossible(self) -> LinearInequality | None:
        """An equation that all products obey and the correlation breaks at every V > 0, as an inequality with bound 0.

        None where there is no such equation.
        """
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
        miss = np.abs(self._columns(mixture.x, mixture.y) @ mixture.weights - found.V * self.targets).sum()
        # Any numbers whose moduli have a sum of at most 1 (of two qubits: 1/sqrt 3) belong to a mixture of products
        # (docs/NOTIONS.md). Enough of that mixture is added to make up for the miss.
        share = miss * (1 if any(map(is_deterministic, (self.situation.A, self.situation.B))) else np.sqrt(3))
        lower = float(found.V / (1 + share))
        if lower > self.lower:
            if lower > 1:
                mixture, lower = mixture.mixed_with_flips(1 - 1 / lower, self.has_marginals), 1.0
            self.lower, self.products = lower, mixture

    def find_worst(self, number: int) -> None:
        """Find the best products for the prices, and the inequality whose bound they give."""
        split = np.cumsum([len(self.rows.targets), *(len(side.targets) for side in self.sides)])[:-1]
        prices = np.split(-self.solution.linear, split)
        F, H = [side.rows.T @ p for side, p in zip(self.sides, prices[1:], strict=True)] or [
            np.zeros(n) for n in self.rows.shape
        ]
        self.functional = Functional(self.rows.functional(prices[0]), F, H)
        self.found = highest(self.functional, self.situation, NEW, self.rng, self.deadline)
        self.best = self._value(self.functional, self.found)
        self.prices = prices
        self._cut(self.functional, prices, self.best)

    @staticmethod
    def _value(functional: Functional, products: tuple[np.ndarray, np.ndarray]) -> float:
        """The value of the first of some products."""
        x, y = products
        return float(functional.at(x[:1], y[:1])[0])

    def _cut(self, functional: Functional, prices: list[np.ndarray], best: float) -> None:
        """Keep the inequality of these prices, whose left side is `best` at most, if it is the strongest so far."""
        first, *others = prices
        g = self.rows.coefficients(first)
        f, h = [side.back @ p for side, p in zip(self.sides, others, strict=True)] or [0 * g, 0 * g]
        margin = EXACT if self.situation.exact else MARGIN
        bound = best + margin * float(np.abs([g, f, h]).sum())
        value = g @ self.C + f @ self.M_A + h @ self.M_B
        if value > 0 and bound / value < self.upper:
            s = self.situation
            self.upper = float(bound / value)
            self.inequality = LinearInequality(g, s.a[s.alice], s.b[s.bob], f, h, bound)
            self.strongest = functional, prices, best

    def to_be_reported(self, tolerance: float) -> bool:
        """Whether the bracket is as narrow as asked for."""
        return bool(self.upper - self.lower <= tolerance)

    def search_again(self, number: int) -> None:
        """Search again, from other starts, for the bound of the strongest inequality, unless it is exact.

        The inequality may be that of an earlier round. If its bound was too low, its own products join the pool.
        """
        if self.situation.exact or self.strongest is None:
            return
        functional, prices, best = self.strongest
        found = highest(functional, self.situation, NEW, self.rng, self.deadline)
        again = self._value(functional, found)
        if again > best + MARGIN * abs(best):
            self.found = np.concatenate([found[0], self.found[0]]), np.concatenate([found[1], self.found[1]])
            self.best = max(self.best, float(self.functional.at(*found).max()))
            self.upper, self.inequality, self.strongest = 1.0, None, None
            self._cut(functional, prices, again)
            self._cut(self.functional, self.prices, self.best)

    def grow(self) -> bool:
        """Add the products that were found to the programme, unless none would improve it."""
        if self.best <= -self.solution.level + NO_GAIN:
            return False
        x, y = self.found
        better = self.functional.at(x, y) > -self.solution.level + NO_GAIN
        x, y = x[better], y[better]
        flips = [(1, 1), (-1, -1)] if self.has_marginals else [(1, 1)]
        self._add(np.concatenate([s * x for s, _ in flips]), np.concatenate([t * y for _, t in flips]))
        return True
