"""Can Alice steer Bob's qubit? All of her projective measurements, for any two-qubit state.

If she cannot, Bob's qubit is in a state with a Bloch vector y, whose distribution does not depend on what she measures,
and her outcome may depend on y. With her mean outcomes -1 <= g(a, y) <= 1, a state (r_A, r_B, T) has such a model at
visibility V where

    E[g(a, y)] = V r_A.a,      E[g(a, y) y] = V T^T a      for all a,      E[y] = V r_B.        (S)

The vectors (E g, E[g y]) of all functions g are a convex set with the support function E|z0 + z.y|. So there is a g for
every a if and only if for all numbers z0 and vectors z

    V |z0 r_A + T z|  <=  E|z0 + z.y|,                                                          (S')

because |z0 r_A + T z| is the largest of z0 r_A.a + z.T^T a over unit vectors a. Together with E[y] = V r_B this is a
linear programme over the distribution of y. Its prices p_j >= 0 at (z0_j, z_j) are the steering inequality

    sum_j p_j [z0_j M^A(a_j) + |z_j| C(a_j, b_j)] + h.r_B <= max over unit y of sum_j p_j |z0_j + z_j.y| + h.y,

with a_j along z0_j r_A + T z_j and b_j along z_j. Without marginals both bounds are equal and known in closed form:

    V = 1 / (2 E|T m|), m uniform on the sphere.                                                (T)

The upper bound is the mean of (S') over z = m at z0 = 0, as E|m.y| = 1/2 for every y. The lower bound is reached by
the model of `models.TurnedHiddenStates` (S. Jevtic et al., J. Opt. Soc. Am. B 32, A40, 2015); that it is optimal was
shown by H. C. Nguyen and T. Vu, EPL 115, 10003, 2016. E|T m| is Carlson's R_G of the squares of the singular values.
"""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .._clock import OutOfTime, late
from .._doubles import unit
from ..inequalities.inequality import LinearInequality
from ..lp.column_generation import generate
from ..lp.restricted_programme import CENTRAL, RestrictedProgramme
from ..runs import Ending, Progress
from ..sphere import fibonacci_directions as fibonacci
from ..states import TwoQubitState
from .models import Found, HiddenStates, TurnedHiddenStates
from .responses import has_marginals

POINTS = 1000
"""Points of the lattice that stands for the sphere in the inequality of a state without marginals."""

TURNS = 50
"""Turns of the search for that inequality's bound; they are enough for its value to stop growing."""

FIRST = 2000
"""Random starts of a search in every round."""

AGAIN = 4
"""How many times as many starts the search has before bounds are reported."""

STEPS = 30
"""Steps of a search. Moves become shorter after a step in which no more than half of the points improved."""

TRIES = 12
"""Random moves that are tried at each point in a step."""

NEW = 200
"""Most hidden states, and most (z0, z), that join the programme in one round."""

PRICED = 1e-7
"""Prices below this, relative to the largest, count as 0."""

MARGIN = 1e-9
"""What is added to a bound that is searched for, relative to it."""

NOISE = 200
"""Points that, with their opposites, stand for uniformly distributed hidden states."""

UNIFORM = 0.49
"""A lower bound of the mean of |z0 + z.y| over these points y, for z0^2 + |z|^2 = 1; over the sphere it is 1/2."""

ROUNDING = 1e-12
"""More than the rounding of singular values, relative to the largest, and of a sum of moduli, relative to it."""


def mean_length(T: np.ndarray) -> tuple[float, float]:
    """Two bounds of E|T m|, m uniform on the sphere: Carlson's R_G(s1^2, s2^2, s3^2) of the singular values s, by Arb.

    It grows with each of them. The bounds are proved where T is diagonal, so that its singular values are exact.
    """
    from flint import acb, arb, ctx

    diagonal = (T == np.diag(np.diag(T))).all()
    s = np.abs(np.diag(T)) if diagonal else np.linalg.svd(T)[1]
    radius = 0.0 if diagonal else ROUNDING * float(s.max())
    before = ctx.prec
    try:
        ctx.prec = 120
        low, high = (
            acb.elliptic_rg(*(acb(arb(float(x)) ** 2) for x in ends)).real
            for ends in (np.maximum(s - radius, 0), s + radius)
        )
        return _down(low.lower()), _up(high.upper())
    finally:
        ctx.prec = before


def _down(x: object) -> float:
    """A double below an Arb number."""
    return math.nextafter(float(x), -math.inf)  # type: ignore[arg-type]


def _up(x: object) -> float:
    """A double above an Arb number."""
    return math.nextafter(float(x), math.inf)  # type: ignore[arg-type]


def without_marginals(T: np.ndarray) -> tuple[float, float, bool]:
    """Two bounds of the largest visibility of (0, 0, T) by equation (T), at most 1, and whether they are proved."""
    low, high = mean_length(T)
    lower = min(_down(0.5 / high), 1.0) if high > 0 else 1.0
    upper = min(_up(0.5 / low), 1.0) if low > 0 else 1.0
    return lower, upper, bool((T == np.diag(np.diag(T))).all())


def solve(
    state: TwoQubitState,
    tolerance: float,
    deadline: float | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[Found, bool]:
    """Bracket the largest V up to which Alice cannot steer Bob by any projective measurements; and is that proved?

    States without marginals are answered by equation (T). The inequality that is returned then is its upper half at
    `POINTS` points, which shows a visibility larger by about a thousandth. States with marginals are answered by
    column generation, of hidden states and of (z0, z); both bounds then rest on searches from many starts. Past
    `deadline` and after Ctrl-C the bounds found so far are returned, and the status says so. Raises SolverError where
    the linear programme fails.
    """
    r_A, r_B, T = (np.asarray(x, np.float64) for x in (state.r_A, state.r_B, state.T))
    if not has_marginals(r_A, r_B):
        lower, upper, proved = without_marginals(T)
        model = TurnedHiddenStates(lower * T)
        inequality = _sphere_inequality(T) if upper < 1 else None
        return Found(lower, upper, model, inequality, Ending.CONVERGED), proved and not (r_A.any() or r_B.any())
    question = _Steering(r_A, r_B, T, deadline, seed)
    ending = generate(question, tolerance, progress)
    return Found(question.lower, question.upper, question.model, question.inequality, ending), False


def _sphere_inequality(T: np.ndarray) -> LinearInequality:
    """sum_j C(a_j, m_j) <= max over unit y of sum_j |m_j.y|, with a_j along T m_j, for m_j on a Fibonacci lattice.

    The maximum is searched for from many starts: in turn, s_j is the sign of m_j.y, and y is along sum_j s_j m_j.
    """
    m = fibonacci(POINTS)
    y = fibonacci(2 * POINTS)
    for _ in range(TURNS):
        y = unit(np.where(y @ m.T < 0, -1.0, 1.0) @ m)
    largest = float(np.abs(y @ m.T).sum(1).max())
    zero, image = np.zeros(POINTS), m @ T.T
    # Where T m = 0 the correlator is 0 at any setting of Alice.
    a = unit(np.where((np.linalg.norm(image, axis=1) > ROUNDING)[:, None], image, m))
    return LinearInequality(np.ones(POINTS), a, m, zero, zero, largest * (1 + ROUNDING))


class _Steering:
    """The linear programme over the hidden states y and the (z0, z) on S^3 found so far.

    It is a `Question` of column generation. An array z (M, 4) holds z0 first.
    """

    def __init__(self, r_A: np.ndarray, r_B: np.ndarray, T: np.ndarray, deadline: float | None, seed: int) -> None:
        self.r_A, self.r_B, self.T, self.deadline = r_A, r_B, T, deadline
        self.rng = np.random.default_rng(seed)
        self.lower, self.upper = 0.0, 1.0
        self.model: HiddenStates | None = None
        self.inequality: LinearInequality | None = None
        self.y, self.z = np.zeros((0, 3)), np.zeros((0, 4))
        self.programme = RestrictedProgramme(r_B, CENTRAL)
        self._add(fibonacci(500), unit(self.rng.normal(size=(800, 4))))

    def _add(self, y: np.ndarray, z: np.ndarray) -> None:
        self.programme.add_pairs(1 - self._moduli(self.y, z), -self._lengths(z))
        self.z = np.concatenate([self.z, z])
        self.programme.add_hidden(1 - self._moduli(y, self.z), y.T)
        self.y = np.concatenate([self.y, y])

    def _moduli(self, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """|z0 + z.y| (M, K), for z (M, 4) and y (K, 3)."""
        return np.abs(z[:, :1] + z[:, 1:] @ y.T)

    def _lengths(self, z: np.ndarray) -> np.ndarray:
        """|z0 r_A + T z| (M,), the left side of (S') at V = 1."""
        return np.linalg.norm(z[:, :1] * self.r_A + z[:, 1:] @ self.T.T, axis=1)

    def solve(self) -> None:
        """Solve the programme."""
        self.solution = self.programme.solve(self.deadline)

    def find_worst(self, number: int) -> None:
        """Find where (S') is broken most, and the best hidden states for the prices; keep the bounds that follow."""
        self._find(FIRST)

    def _find(self, effort: int) -> None:
        found = self.solution
        used, priced = found.weights > 0, found.pairs > PRICED * found.pairs.max(initial=0.0)
        w, y = found.weights[used], self.y[used]
        p, z, F = found.pairs[priced], self.z[priced], found.linear

        def excess(at: np.ndarray) -> np.ndarray:
            return found.V * self._lengths(at) - self._moduli(y, at) @ w

        def gain(at: np.ndarray) -> np.ndarray:
            return p @ self._moduli(at, z) - at @ F

        self.new_z, breaches = self._highest(excess, z, 4, effort)
        self.new_y, gains = self._highest(gain, y, 3, effort)
        self.below = w, y, max(float(breaches.max()), 0.0)
        self.above = p, z, F, float(gains.max()) * (1 + MARGIN)
        self._keep()

    def _keep(self) -> None:
        """Keep the model and the inequality of this round, if they are better than those before."""
        w, y, breach = self.below
        model, lower = self._model(w, y, breach)
        if lower > self.lower:
            self.lower, self.model = lower, model
        p, z, F, bound = self.above
        value = float(p @ self._lengths(z) - F @ self.r_B)
        if value > 0 and bound / value < self.upper:
            self.upper, self.inequality = bound / value, self._inequality(p, z, F, bound)

    def _highest(
        self, function: Callable[[np.ndarray], np.ndarray], known: np.ndarray, dimension: int, effort: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Points of the unit sphere where a function is large, largest first, and its values: a random local search.

        It starts at the points that are `known` and at `effort` random ones.
        """
        starts = np.concatenate([known, unit(self.rng.normal(size=(effort, dimension)))])
        values = function(starts)
        order = np.argsort(-values)[: effort // 20]
        points, values, size = starts[order], values[order], 0.1
        for _ in range(STEPS):
            if late(self.deadline):
                raise OutOfTime
            moved = unit(points[:, None] + size * self.rng.normal(size=(len(points), TRIES, dimension)))
            tried = function(moved.reshape(-1, dimension)).reshape(len(points), TRIES)
            best = tried.argmax(1)
            rows = np.arange(len(points))
            better = tried[rows, best] > values
            points = np.where(better[:, None], moved[rows, best], points)
            values = np.where(better, tried[rows, best], values)
            size *= 1.0 if better.mean() > 0.5 else 0.6
        _, first = np.unique(np.round(points, 3), axis=0, return_index=True)
        first = first[np.argsort(-values[first])]
        return points[first], values[first]

    def _model(self, w: np.ndarray, y: np.ndarray, breach: float) -> tuple[HiddenStates, float]:
        """A model that satisfies (S) at a visibility, and this visibility, from weights w of hidden states y.

        The weights miss Bob's marginal by rounding; a share of a hidden state in the opposite direction corrects that.
        They break (S') by at most `breach`, at unit (z0, z). A share of uniform hidden states corrects that, whose
        E|z0 + z.y| is at least `UNIFORM` there.
        """
        miss = w @ y - self.solution.V * self.r_B
        length = float(np.linalg.norm(miss))
        share = length / (1 + length)
        noise = breach / (UNIFORM + breach)
        V = self.solution.V * (1 - share) * (1 - noise)
        if V > 1:
            noise += (1 - noise) * (1 - 1 / V)
            V = 1.0
        grid = fibonacci(NOISE)
        parts = [(1 - noise) * (1 - share) * w, [(1 - noise) * share], np.full(2 * NOISE, noise / (2 * NOISE))]
        opposite = -miss / length if length > 0 else grid[0]
        return HiddenStates(np.concatenate(parts), np.concatenate([y, opposite[None], grid, -grid])), V

    def _inequality(self, p: np.ndarray, z: np.ndarray, F: np.ndarray, bound: float) -> LinearInequality:
        """The steering inequality of prices p at (z0, z) and F of Bob's marginal, whose h is -F."""
        lengths = np.linalg.norm(z[:, 1:], axis=1)
        image = z[:, :1] * self.r_A + z[:, 1:] @ self.T.T
        axes, zero = np.eye(3), np.zeros(3)
        # Where one of them vanishes, its setting plays no part.
        a = unit(np.where((np.linalg.norm(image, axis=1) > ROUNDING)[:, None], image, axes[2]))
        b = unit(np.where((lengths > ROUNDING)[:, None], z[:, 1:], axes[2]))
        return LinearInequality(
            np.concatenate([p * lengths, zero]),
            np.concatenate([a, axes]),
            np.concatenate([b, axes]),
            np.concatenate([p * z[:, 0], zero]),
            np.concatenate([0 * p, -F]),
            bound,
        )

    def to_be_reported(self, tolerance: float) -> bool:
        """Whether the bracket is as narrow as asked for."""
        return self.upper - self.lower <= tolerance

    def search_again(self, number: int) -> None:
        """Search again, from more starts, and replace the bounds by those of this round; not if this is ended early."""
        before = self.lower, self.upper, self.model, self.inequality
        self.lower, self.upper, self.model, self.inequality = 0.0, 1.0, None, None
        try:
            self._find(AGAIN * FIRST)
        except (OutOfTime, KeyboardInterrupt):
            self.lower, self.upper, self.model, self.inequality = before
            raise

    def grow(self) -> bool:
        """Add what was found to the programme."""
        self._add(self.new_y[:NEW], self.new_z[:NEW])
        return True
