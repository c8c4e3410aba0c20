"""How far are measured correlators from the Leggett set, and which part of them is inside?

Correlators C_i at N pairs (no condition on marginals) have a Leggett model iff one distribution of hidden vectors has

    E|u.a_i + v.b_i| <= 1 + C_i,      E|u.a_i - v.b_i| <= 1 - C_i      for every pair.                       (P)

The C that have one are a convex set, the Leggett set. Two linear programmes over the weights of a pool of hidden
vectors ask for

    visibility   the largest V <= 1 for which V C is in the set,
    distance     the smallest t >= 0 for which the set has correlators that differ from C_i by at most t at every pair.

The dual prices of a programme say which hidden vectors the pool lacks. These are searched for and join the pool, until
none is found that would improve the answer. A search may miss some, so the answers are not proved; the verdict of
`analyze` does not rest on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import jax
import numpy as np
from scipy.optimize import linprog

from .._clock import OutOfTime, late
from .._numerics import double_precision, random_key
from ..inequalities.worst_vectors import Prices, search
from ..settings import SettingPairs
from ..sphere import sample_sphere
from .counts import Counts

if TYPE_CHECKING:
    from .._shapes import Float

    Kind = Literal["visibility", "distance"]

FIRST = 300
"""Half of the hidden vectors that the pool begins with: so many independent u and v, and so many with v = -u."""

NEW = 60
"""Most hidden vectors that join it at once."""

GAIN = 1e-7
"""By how much its price has to be below the limit for a hidden vector to join the pool."""

ROUNDS = 60
"""Most rounds for one answer."""

LEVEL = 0.95
"""Level of the bootstrap's intervals."""


class LeggettSet:
    """The correlators at `pairs` that have a Leggett model, over a pool of hidden vectors that grows.

    `seed` turns the lattices of the searches. Past `deadline` (seconds of `time.monotonic`) the pool stays as it is.
    """

    def __init__(self, pairs: SettingPairs, seed: int = 0, deadline: float | None = None) -> None:
        self.pairs, self.deadline, self.complete = pairs, deadline, True
        self.key = random_key(seed)
        with double_precision():
            u, v = (np.asarray(x) for x in sample_sphere(self.key, (2, FIRST)))
        self.u, self.v = np.concatenate([u, u]), np.concatenate([v, -u])
        self.rounds = 0

    def visibility(self, C: Float[np.ndarray, "n"]) -> float:
        """The largest V <= 1 for which V C, C of shape (N,), is in the set."""
        return min(1.0, self._answer(C, "visibility"))

    def distance(self, C: Float[np.ndarray, "n"]) -> float:
        """The smallest t for which the set has correlators within t of C, of shape (N,), at every pair."""
        return max(0.0, self._answer(C, "distance"))

    def _answer(self, C: Float[np.ndarray, "n"], kind: Kind) -> float:
        """The optimum of a programme, for which the pool grows until no new hidden vector improves it."""
        value = 0.0
        with double_precision():
            for _ in range(ROUNDS):
                value, plus, minus, level = self.solved(C, kind)
                # The correlators are inside: more hidden vectors would change nothing.
                if value >= 1 if kind == "visibility" else value <= 0:
                    return value
                if late(self.deadline):
                    self.complete = False
                    return value
                self.rounds += 1
                key = jax.random.fold_in(self.key, self.rounds)
                prices = Prices(plus, minus, np.zeros(3), np.zeros(3), self.pairs.a, self.pairs.b)
                try:
                    u, v, price = search(key, prices, deadline=self.deadline)
                except OutOfTime:
                    self.complete = False
                    return value
                helps = price < level - GAIN
                if not helps.any():
                    return value
                u, v = u[helps], v[helps]
                different = np.unique(np.round(np.concatenate([u, v], axis=1), 5), axis=0, return_index=True)[1]
                chosen = np.sort(different)[:NEW]
                self.u, self.v = np.concatenate([self.u, u[chosen]]), np.concatenate([self.v, v[chosen]])
        self.complete = False
        return value

    def solved(
        self, C: Float[np.ndarray, "n"], kind: Kind
    ) -> tuple[float, Float[np.ndarray, "n"], Float[np.ndarray, "n"], float]:
        """The optimum over the pool as it is, the dual prices of both halves of (P), and that of the sum of weights.

        A hidden vector improves the optimum where sum_i (plus_i |u.a_i + v.b_i| + minus_i |u.a_i - v.b_i|), its price,
        is below the last number.
        """
        x, y = self.pairs.a @ self.u.T, self.pairs.b @ self.v.T
        K, both = np.abs(np.concatenate([x + y, x - y])), np.concatenate([C, -C])
        last = -both if kind == "visibility" else -np.ones(len(both))
        room = np.ones(len(both)) if kind == "visibility" else 1 + both
        found = linprog(
            np.concatenate([np.zeros(K.shape[1]), [-1.0 if kind == "visibility" else 1.0]]),
            A_ub=np.concatenate([K, last[:, None]], axis=1),
            b_ub=room,
            A_eq=np.concatenate([np.ones(K.shape[1]), [0.0]])[None],
            b_eq=[1.0],
            bounds=[(0, None)] * K.shape[1] + [(0, 2)],
            method="highs-ds",
        )
        if found.status != 0:
            raise ArithmeticError(f"the linear programme of the {kind} failed: {found.message}")
        prices = np.maximum(-found.ineqlin.marginals, 0)
        plus, minus = np.split(prices, 2)
        return float(found.x[-1]), plus, minus, float(found.eqlin.marginals[0])


@dataclass(frozen=True)
class Compatibility:
    """Where the measured correlators are relative to the Leggett set, with intervals of a bootstrap at level 0.95.

    visibility            the largest V <= 1 for which V times the correlators have a Leggett model
    distance              the least t for which correlators within t of the measured ones, at each pair, have one
    visibility_interval   percentiles over resampled counts; None without a bootstrap
    distance_interval     likewise
    resamples             how often counts were resampled
    complete              whether no hidden vector was found that would change the answers
    """

    visibility: float
    distance: float
    visibility_interval: tuple[float, float] | None
    distance_interval: tuple[float, float] | None
    resamples: int
    complete: bool


def compatibility(
    counts: Counts,
    resamples: int,
    seed: int = 0,
    deadline: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> Compatibility:
    """Both answers for measured `counts`, and their scatter over `resamples` multinomial resamples of the counts.

    For the resamples, the pool of hidden vectors stays as the counts themselves needed it. No resample is begun after
    `deadline` (seconds of `time.monotonic`). `progress` is called with the share of the resamples that is done.
    """
    inside = LeggettSet(counts.pairs, seed, deadline)
    V, t = inside.visibility(counts.C), inside.distance(counts.C)
    random = np.random.default_rng(seed)
    events = counts.events.sum(axis=1)
    shares = counts.events / events[:, None]
    found: list[tuple[float, float]] = []
    for number in range(resamples):
        if late(deadline):
            break
        C = random.multinomial(events, shares) @ np.array([1, -1, -1, 1]) / events
        found.append((min(1.0, inside.solved(C, "visibility")[0]), max(0.0, inside.solved(C, "distance")[0])))
        if progress:
            progress((number + 1) / resamples)
    intervals: list[tuple[float, float] | None] = [None, None]
    if found:
        low, high = np.quantile(np.array(found), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        intervals = [(float(low[k]), float(high[k])) for k in range(2)]
    return Compatibility(V, t, intervals[0], intervals[1], len(found), inside.complete)
