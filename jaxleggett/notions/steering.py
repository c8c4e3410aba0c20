"""Can Alice steer Bob's qubit? All of her projective measurements, for any two-qubit state.

Bob's qubit is in a state with the Bloch vector y, whose distribution Alice cannot change; her outcome may depend on it.
With means -1 <= g(a, y) <= 1 of her outcomes, the correlations of a state (r_A, r_B, T) at visibility V ask for

    E[g(a, y)] = V r_A.a,      E[g(a, y) y] = V T^T a      for all a,      E[y] = V r_B.        (S)

The vectors (E g, E[g y]) that some g reaches are a convex set whose support function is E|z0 + z.y|. So g exists for
all a iff for all z0 and z

    V |z0 r_A + T z|  <=  E|z0 + z.y|,                                                          (S')

the left side being the largest over a of V (z0 r_A.a + z.T^T a). That is a linear programme over the distribution of y;
its prices p_j >= 0 at (z0_j, z_j) are the steering inequality

    sum_j p_j [z0_j M^A(a_j) + |z_j| C(a_j, b_j)] + h.r_B <= max over unit y of sum_j p_j |z0_j + z_j.y| + h.y,

with a_j along z0_j r_A + T z_j and b_j along z_j. Without marginals both ends meet in closed form:

    V = 1 / (2 E|T m|), m uniform on the sphere.                                                (T)

Above: z0 = 0, m = z uniform, E|m.y| = 1/2 for every y. Below: the distribution of `models.TurnedHiddenStates`
(S. Jevtic et al., J. Opt. Soc. Am. B 32, A40, 2015; that nothing does better: H. C. Nguyen and T. Vu, EPL 115, 10003,
2016). E|T m| is Carlson's R_G of the squares of the singular values.
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

TURNS = 50
"""Turns after which the largest sum of moduli no longer grows."""

FIRST = 2000
"""Starts of a search in every round."""

AGAIN = 4
"""How many times as many there are for what is going to be reported."""

HALVINGS = 30
"""Steps of a search, each with smaller moves."""

TRIES = 12
"""Moves that are tried at each step."""

NEW = 200
"""Most hidden states, and most (z0, z), that join in one round."""

PRICED = 1e-7
"""Prices below this, relative to the largest, are none."""

MARGIN = 1e-9
"""What is added to a bound, relative to it."""

NOISE = 200
"""Points, with their opposites, that stand for a uniform hidden state."""

UNIFORM = 0.49
"""Less than the mean of |z0 + z.y| over them, at unit (z0, z)."""


ROUNDING = 1e-12
"""How far singular values, relative to the largest, can be off by rounding; far more than they are."""


def mean_length(T: np.ndarray) -> tuple[float, float]:
    """E|T m|, m uniform on the sphere, enclosed: Carlson's R_G(s1^2, s2^2, s3^2) of the singular values, by Arb.

    Proved where T is diagonal, so that its singular values are exact.
    """
    from flint import acb, arb, ctx

    diagonal = (T == np.diag(np.diag(T))).all()
    s = np.abs(np.diag(T)) if diagonal else np.linalg.svd(T)[1]
    radius = 0.0 if diagonal else ROUNDING * float(s.max())
    before = ctx.prec
    try:
        ctx.prec = 120
        balls = [arb(float(x), radius) for x in s]
        value = acb.elliptic_rg(*(acb(x * x) for x in balls)).real
        return _down(value.lower()), _up(value.upper())
    finally:
        ctx.prec = before


def _down(x: object) -> float:
    """A double below an Arb number."""
    return math.nextafter(float(x), -math.inf)  # type: ignore[arg-type]


def _up(x: object) -> float:
    return math.nextafter(float(x), math.inf)  # type: ignore[arg-type]


def without_marginals(T: np.ndarray) -> tuple[float, float, bool]:
    """(T): the largest visibility of (0, 0, T) from both sides, at most 1, and whether it is proved."""
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
    """Bracket the largest V up to which Alice cannot steer Bob by any projective measurements; whether it is proved.

    States with marginals are answered by column generation over hidden states and (z0, z) alike, numerically: both
    ends rest on searches from many starts.
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


def _sphere_inequality(T: np.ndarray, number: int = 1000) -> LinearInequality:
    """The inequality above (T) at `number` points m of a Fibonacci lattice, which show nearly as much as all do.

    Its bound is the largest of sum_j |m_j.y|, by turns: y along sum_j s_j m_j, the signs s_j those of m_j.y.
    """
    m = fibonacci(number)
    y = fibonacci(2 * number)
    for _ in range(TURNS):
        y = unit(np.where(y @ m.T < 0, -1.0, 1.0) @ m)
    largest = float(np.abs(y @ m.T).sum(1).max())
    zero, image = np.zeros(number), m @ T.T
    # Where T m = 0 any setting of Alice will do.
    x = unit(np.where((np.linalg.norm(image, axis=1) > ROUNDING)[:, None], image, m))
    return LinearInequality(np.ones(number), x, m, zero, zero, largest * (1 + ROUNDING))


class _Steering:
    """The pools of hidden states y and of (z0, z) on S^3; a `Question` of column generation."""

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
        self.programme.add_pairs(1 - self._moduli(self.y, z), -self._most(z))
        self.z = np.concatenate([self.z, z])
        self.programme.add_hidden(1 - self._moduli(y, self.z), y.T)
        self.y = np.concatenate([self.y, y])

    def _moduli(self, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """|z0 + z.y| (M, K)."""
        return np.abs(z[:, :1] + z[:, 1:] @ y.T)

    def _most(self, z: np.ndarray) -> np.ndarray:
        """|z0 r_A + T z| (M,)."""
        return np.linalg.norm(z[:, :1] * self.r_A + z[:, 1:] @ self.T.T, axis=1)

    def solve(self) -> None:
        """Solve the programme over both pools."""
        self.solution = self.programme.solve(self.deadline)

    def find_worst(self, number: int) -> None:
        """Find where the weights breach (S') most, and the best hidden states for the prices; keep what they bound."""
        self._find(FIRST)

    def _find(self, effort: int) -> None:
        found = self.solution
        used, priced = found.weights > 0, found.pairs > PRICED * found.pairs.max(initial=0.0)
        w, y = found.weights[used], self.y[used]
        p, z, F = found.pairs[priced], self.z[priced], found.linear

        def excess(at: np.ndarray) -> np.ndarray:
            return found.V * self._most(at) - self._moduli(y, at) @ w

        def gain(at: np.ndarray) -> np.ndarray:
            return p @ self._moduli(at, z) - at @ F

        self.new_z, breaches = self._highest(excess, z, 4, effort)
        self.new_y, gains = self._highest(gain, y, 3, effort)
        self.below = w, y, max(float(breaches.max()), 0.0)
        self.above = p, z, F, float(gains.max()) * (1 + MARGIN)
        self._keep()

    def _keep(self) -> None:
        """The model and the inequality of this round, where they are the best."""
        w, y, breach = self.below
        model, lower = self._model(w, y, breach)
        if lower > self.lower:
            self.lower, self.model = lower, model
        p, z, F, bound = self.above
        value = float(p @ self._most(z) - F @ self.r_B)
        if value > 0 and bound / value < self.upper:
            self.upper, self.inequality = bound / value, self._inequality(p, z, F, bound)

    def _highest(
        self, function: Callable[[np.ndarray], np.ndarray], known: np.ndarray, dimension: int, effort: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Points of the unit sphere where a function is large, from many starts, each moved ever less."""
        starts = np.concatenate([known, unit(self.rng.normal(size=(effort, dimension)))])
        values = function(starts)
        order = np.argsort(-values)[: effort // 20]
        points, values, size = starts[order], values[order], 0.1
        for _ in range(HALVINGS):
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
        """Weights that obey (S'), and the visibility that they reach.

        A state opposite to the miss of the marginal makes up for it. Of uniform y, E|z0 + z.y| >= 1/2 at unit (z0, z);
        a share of them makes up for the breach.
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
        """The inequality of prices p at (z0, z), with Bob's marginal term -F, at settings along what it is about."""
        lengths = np.linalg.norm(z[:, 1:], axis=1)
        image = z[:, :1] * self.r_A + z[:, 1:] @ self.T.T
        axes, zero = np.eye(3), np.zeros(3)
        # Where either vanishes any setting will do.
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
        """Search again, from more starts; what was best is forgotten, unless there is no time for that."""
        before = self.lower, self.upper, self.model, self.inequality
        self.lower, self.upper, self.model, self.inequality = 0.0, 1.0, None, None
        try:
            self._find(AGAIN * FIRST)
        except OutOfTime:
            self.lower, self.upper, self.model, self.inequality = before
            raise

    def grow(self) -> bool:
        """Put what was found into both pools."""
        self._add(self.new_y[:NEW], self.new_z[:NEW])
        return True
