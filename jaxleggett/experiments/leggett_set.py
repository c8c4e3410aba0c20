"""How far are measured correlators from the Leggett set, and which part of them is inside?

Correlators C_i at N pairs (no condition on marginals) have a Leggett model iff one distribution of hidden vectors has

    E|u.a_i + v.b_i| <= 1 + C_i,      E|u.a_i - v.b_i| <= 1 - C_i      for every pair,                       (P)

a convex set. Two linear programmes over the weights of a pool of hidden vectors ask

    visibility   the largest V <= 1 for which V C is inside,
    distance     the smallest t >= 0 so that correlators which differ from C by t at most, each, are inside.

Hidden vectors that the pool lacks are found by the prices of the programme, and join it, until none would help: then
both answers are those of the whole set, as far as the searches see. That is no proof; the verdict of `analyze` does not
rest on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import jax
import numpy as np
from scipy.optimize import linprog

from .._clock import late
from .._numerics import double_precision, random_key
from ..inequalities.worst_vectors import Prices, search
from ..settings import SettingPairs
from ..sphere import sample_sphere
from .counts import Counts

if TYPE_CHECKING:
    from .._shapes import Float

    Kind = Literal["visibility", "distance"]

FIRST = 300
"""Hidden vectors, independent and opposite ones each, that the pool begins with."""

NEW = 60
"""Most hidden vectors that join it at once."""

GAIN = 1e-7
"""What a new one has to gain."""

ROUNDS = 60
"""Most rounds for one answer."""

LEVEL = 0.95
"""Of the bootstrap's intervals."""


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
        """The largest V <= 1 for which V C is inside."""
        return min(1.0, self._answer(C, "visibility"))

    def distance(self, C: Float[np.ndarray, "n"]) -> float:
        """The smallest t for which correlators within t of C are inside."""
        return max(0.0, self._answer(C, "distance"))

    def _answer(self, C: Float[np.ndarray, "n"], kind: Kind) -> float:
        """The answer of a programme, for which the pool grows until nothing helps."""
        value = 0.0
        with double_precision():
            for _ in range(ROUNDS):
                value, plus, minus, level = self.solved(C, kind)
                # A state that is inside needs no further hidden vectors.
                if value >= 1 if kind == "visibility" else value <= 0:
                    return value
                if late(self.deadline):
                    self.complete = False
                    return value
                self.rounds += 1
                key = jax.random.fold_in(self.key, self.rounds)
                u, v, price = search(key, Prices(plus, minus, np.zeros(3), np.zeros(3), self.pairs.a, self.pairs.b))
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
        """The optimum over the pool as it is, the prices of both halves of (P), and what a hidden vector may cost."""
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
    """How the measured correlators lie to the Leggett set, with intervals at the level 0.95 of a bootstrap.

    visibility            the largest V <= 1 for which V times the correlators have a Leggett model
    distance              by how much every correlator would have to be off at least, for a Leggett model
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
    """The answers for measured `counts`, and how they scatter over `resamples` multinomial resamples of them.

    The resamples are answered over the pool of hidden vectors that the counts themselves needed. Past `deadline` there
    are no further ones. `progress` is called with the share that is done.
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
