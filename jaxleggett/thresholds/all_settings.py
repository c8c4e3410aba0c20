"""All projective measurements on a state: hidden vectors and setting pairs generated together.

With x = (u, v) and y = (a, b) in the frames of `CanonicalForm`, and K the kernel averaged over the state's
symmetries, condition (P) of `finite_settings` is

    E_rho K(x, y) <= 1 + V C(y)   for every y,          E_rho L.x = V L.r   for the invariant marginals L.

The linear programme over finite pools of x and y is no bound by itself: its weights may breach (P) at
pairs outside the pool, its prices may ignore hidden vectors outside. So both pools grow, by the pairs that
are breached most and the hidden vectors that are cheapest, and in every round

  - a model whose worst breach is d becomes one that obeys (P) everywhere when mixed with independent,
    evenly spread u and v (`noise`, for which E|x.y| <= NOISE_MEAN): at visibility V / (1 + d/(1 - NOISE_MEAN));
  - prices whose cheapest hidden vectors cost m are the inequality -sum prices C + F.E[x] <= sum prices - m.

Both are taken from averages over the rounds, which lie deeper inside than the corners that the
simplex method ends in, and make new pairs and hidden vectors that serve for longer.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from .._clock import OutOfTime, late
from .._numerics import double_precision, random_key
from ..inequalities.inequality import LeggettInequality
from ..lp.column_generation import Bracket
from ..lp.restricted_programme import Master
from ..models.finite import NOISE_MEAN, Model
from .all_settings_search import AT_ONCE, AxialSearch, FullSearch, filled
from .canonical_form import CanonicalForm, Kind, averaged_kernel

MARGIN = 1e-7
"""What searches may have missed, of a breach and relative to the prices."""

MEMORY = 0.4
"""Share of the average of earlier rounds in the point that a round looks at."""

PATIENCE = 25
"""Rounds without a closer bracket after which it is given up."""

CLOSE = 4
"""Rounds with the bracket as close as asked for after which it is reported, if it is not twice as close before."""

HARDER = 4
"""How much longer a hard search takes than a quick one, about."""

COMPILING = 2.0
"""Seconds kept for what has to be compiled for that, about."""

RESERVED = 0.3
"""Most of a time limit that is kept for searching again what is going to be reported."""

NEGLIGIBLE = 1e-4
"""Weights and prices below this, relative to the largest, are left out."""


def solve_everywhere(
    form: CanonicalForm,
    tolerance: float,
    deadline: float | None = None,
    seed: int = 0,
    progress: Callable[[float, float], None] | None = None,
) -> Bracket:
    """Bracket the largest V for which the state has a Leggett model at all settings.

    Ends as `converged`, `time_limit`, `interrupted`, or as `stalled` where rounds no longer help. Both
    bounds rest on searches from many starts, which are no proof. Raises SolverError.
    """
    with double_precision():
        return _Generation(form, deadline, seed).run(tolerance, progress)


class _Generation:
    """The two pools, their programme, and what the best rounds have shown."""

    def __init__(self, form: CanonicalForm, deadline: float | None, seed: int) -> None:
        self.form, self.key = form, random_key(seed)
        self.deadline, self.reserved = deadline, 0.0 if deadline is None else RESERVED * (deadline - time.monotonic())
        self.searcher = (AxialSearch if form.kind == "O(2)" else FullSearch)(form, deadline)
        self.L = form.invariants
        self.master = Master(self.L @ form.marginals)
        self.x, self.y = self.searcher.first(self.key)
        if min(lengths := [np.linalg.norm(r) for r in (form.r_A, form.r_B)]) > 0:
            # The only hidden vectors of a product state, which no grid has.
            own = np.concatenate([form.r_A / lengths[0], form.r_B / lengths[1]])
            self.x = np.concatenate([self.x, own[None]])
        self.master.add_pairs(np.zeros((len(self.y), 0)), form.correlator(self.y))
        self.master.add_hidden(self._kernel(self.x, self.y), self.L @ self.x.T)
        self.lower, self.upper = 0.0, 1.0
        # What shows them: hidden vectors, weights, V and noise; pairs, prices, F and bound.
        self.best_below: tuple[np.ndarray, np.ndarray, float, float] | None = None
        self.best_above: tuple[np.ndarray, np.ndarray, np.ndarray, float] | None = None

    def _kernel(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """K (M, K) of pairs y (M, 6) and hidden vectors x (K, 6)."""
        all_x, all_y = filled(x)[0], filled(y)[0]
        return np.asarray(_matrix(self.form.kind, self.form.group, all_x, all_y))[: len(y), : len(x)]

    def run(self, tolerance: float, progress: Callable[[float, float], None] | None) -> Bracket:
        """Grow both pools until the bounds meet."""
        status = "time_limit"
        centre: list[np.ndarray] = []
        gaps: list[float] = []
        close = 0
        reserve = self.reserved
        known_x = known_y = np.zeros((0, 6))
        try:
            for round_ in range(1, 10**6):
                generating = None if self.deadline is None else self.deadline - reserve
                V, weights, prices, _, linear = self.master.solve(generating)
                solved = time.monotonic()
                scale = max(prices.sum() + np.abs(linear).sum(), 1e-300)
                now = [np.array([V]), weights, prices / scale, linear / scale]
                centre = _averaged(centre, now) if centre else now
                key = jax.random.fold_in(self.key, round_)
                known_x, known_y = self.x[_heaviest(weights)], self.y[_heaviest(prices)]
                new_y = self._below(key, float(centre[0][0]), centre[1], known_y)
                if late(generating):
                    break
                new_x = self._above(key, centre[2], centre[3], known_x)
                reserve = min(self.reserved, COMPILING + HARDER * (time.monotonic() - solved))
                if progress:
                    progress(self.lower, self.upper)
                close += self.upper - self.lower <= tolerance
                if self.upper - self.lower <= tolerance / 2 or close == CLOSE:
                    # What is going to be reported is searched again, and harder, which may open the bracket again.
                    close = 0
                    again = jax.random.fold_in(key, 1)
                    new_y = np.concatenate([new_y, self._settle_below(again, known_y)])
                    new_x = np.concatenate([new_x, self._settle_above(again, known_x)])
                    if self.upper - self.lower <= tolerance:
                        return self._bracket("converged")
                gaps.append(self.upper - self.lower)
                if len(gaps) > PATIENCE and gaps[-1] == gaps[-PATIENCE]:
                    status = "stalled"
                    break
                self._grow(new_x, new_y)
        except OutOfTime:
            pass
        except KeyboardInterrupt:
            # What it rests on is still searched again, once.
            status, self.searcher.deadline = "interrupted", time.monotonic()
        return self._unfinished(status, known_x, known_y)

    def _unfinished(self, status: str, known_x: np.ndarray, known_y: np.ndarray) -> Bracket:
        """The bracket of a run that did not converge, its ends searched again, or given up where time is over."""
        key = jax.random.fold_in(self.key, 0)
        below = above = False
        try:
            if len(known_x):
                if status == "time_limit" and self.deadline is not None:
                    # The search for a bound takes several times as long as that for breaches.
                    self.searcher.deadline = time.monotonic() + (self.deadline - time.monotonic()) / 4
                self._settle_below(key, known_y)
                below = True
                if status == "time_limit":
                    self.searcher.deadline = self.deadline
                if status != "time_limit" or not late(self.deadline):
                    self._settle_above(key, known_x)
                    above = True
        except KeyboardInterrupt:
            status = "interrupted"
        if not below:
            self.lower, self.best_below = 0.0, None
        if not above:
            self.upper, self.best_above = 1.0, None
        return self._bracket(status)

    def _bracket(self, status: str) -> Bracket:
        """The bounds, with what shows them."""
        model = inequality = None
        if self.best_below is not None:
            x, weights, _, noise = self.best_below
            model = _model(self.form, x, weights, noise)
        if self.best_above is not None:
            inequality = _inequality(self.form, *self.best_above)
        return Bracket(self.lower, self.upper, model, inequality, status)

    def _below(self, key: jax.Array, V: float, weights: np.ndarray, known: np.ndarray) -> np.ndarray:
        """The model of these weights, mixed with noise until it obeys (P) everywhere; pairs at which it did not."""
        # With marginals every weight counts, or the averages would miss them.
        used = np.flatnonzero(weights > (0.0 if len(self.L) else NEGLIGIBLE * weights.max()))
        x, weights = self.x[used], weights[used] / weights[used].sum()
        y, breach = self.searcher.breaches(key, x, weights, V, known)
        # A model that reaches beyond V = 1 is brought back to it.
        noise = max(_noise(breach), 1 - 1 / V if V > 1 else 0.0)
        lower = min(V * (1 - noise), 1.0)
        if lower > self.lower:
            self.lower, self.best_below = lower, (x, weights, V, noise)
        return y

    def _above(self, key: jax.Array, prices: np.ndarray, linear: np.ndarray, known: np.ndarray) -> np.ndarray:
        """The inequality of these prices; the hidden vectors that bound it."""
        F = -self.L.T @ linear
        if prices.max() <= 0 and np.abs(F).max() <= 0:
            # V = 1, and nothing in the way: no inequality to look for.
            return self.x[:0]
        used = np.flatnonzero(prices >= NEGLIGIBLE * prices.max())
        y, prices = self.y[used], prices[used]
        x, cost = self.searcher.cheapest(key, y, prices, F, known)
        upper, bound = self._threshold(y, prices, F, cost)
        if upper < self.upper:
            self.upper, self.best_above = upper, (y, prices, F, bound)
        return x

    def _threshold(self, y: np.ndarray, prices: np.ndarray, F: np.ndarray, cost: np.ndarray) -> tuple[float, float]:
        """The visibility at which the state reaches the inequality of these prices, and its bound."""
        bound = float(prices.sum() - cost[0] + MARGIN * (prices.sum() + np.abs(F).sum()))
        value = float(F @ self.form.marginals - prices @ self.form.correlator(y))
        return (bound / value if value > 0 else np.inf), bound

    def _settle_below(self, key: jax.Array, known: np.ndarray) -> np.ndarray:
        """Search the best model's breaches again and harder, and correct its visibility; the pairs that were found."""
        if self.best_below is None:
            return known[:0]
        x, weights, V, noise = self.best_below
        y, breach = self.searcher.breaches(key, x, weights, V, known, hard=True)
        noise = max(noise, _noise(breach))
        self.lower, self.best_below = min(V * (1 - noise), 1.0), (x, weights, V, noise)
        return y

    def _settle_above(self, key: jax.Array, known: np.ndarray) -> np.ndarray:
        """Search the best inequality's bound again and harder, and correct it; the hidden vectors that were found."""
        if self.best_above is None:
            return known[:0]
        y, prices, F, _ = self.best_above
        x, cost = self.searcher.cheapest(key, y, prices, F, known, hard=True)
        upper, bound = self._threshold(y, prices, F, cost)
        if upper > self.upper:
            self.upper, self.best_above = min(upper, 1.0), (y, prices, F, bound) if upper < 1 else None
        return x

    def _grow(self, x: np.ndarray, y: np.ndarray) -> None:
        """Put hidden vectors and pairs into the pools."""
        self.master.add_pairs(self._kernel(self.x, y), self.form.correlator(y))
        self.y = np.concatenate([self.y, y])
        if len(x):
            self.master.add_hidden(self._kernel(x, self.y), self.L @ x.T)
            self.x = np.concatenate([self.x, x])


def _noise(breach: np.ndarray) -> float:
    """The share of noise that makes up for a breach of (P)."""
    worst = max(0.0, float(breach[0])) + MARGIN
    return worst / (1 - NOISE_MEAN + worst)


def _averaged(centre: list[np.ndarray], now: list[np.ndarray]) -> list[np.ndarray]:
    """The running averages; entries that are new in this round were 0 before."""
    longer = [np.concatenate([c, np.zeros(len(n) - len(c))]) for c, n in zip(centre, now, strict=True)]
    return [MEMORY * c + (1 - MEMORY) * n for c, n in zip(longer, now, strict=True)]


def _heaviest(weights: np.ndarray) -> np.ndarray:
    """Numbers of the heaviest entries in use, over and over until they are `AT_ONCE`."""
    return np.resize(np.argsort(-weights)[: max(1, np.count_nonzero(weights))], AT_ONCE)


@functools.partial(jax.jit, static_argnames="kind")
def _matrix(kind: Kind, group: Any, x: Any, y: Any) -> jax.Array:
    return jax.lax.map(lambda one: averaged_kernel(kind, group, x, one), y, batch_size=16)


def _model(form: CanonicalForm, x: np.ndarray, weights: np.ndarray, noise: float) -> Model:
    """The model in the state's own frames, discrete symmetries and noise written out."""
    number = len(form.group)
    x, weights = form.images(x), np.tile(weights, number) / number
    if len(form.invariants) == 0:
        x, weights = np.concatenate([x, -x]), np.tile(weights, 2) / 2
    return Model(weights, *form.outside(x), symmetry=form.symmetry).with_noise(noise)


def _inequality(
    form: CanonicalForm, y: np.ndarray, prices: np.ndarray, F: np.ndarray, bound: float
) -> LeggettInequality:
    """The inequality of the prices in the state's own frames, discrete symmetries written out.

    -sum prices C + F.(E[u], E[v]) <= bound, where F is spread over the pairs' own settings.
    """
    number = len(form.group)
    y, prices = form.images(y), np.tile(prices, number) / number
    bloch = np.zeros((6, 2 * len(y)))
    bloch[:3, : len(y)], bloch[3:, len(y) :] = y[:, :3].T, y[:, 3:].T
    shares = np.linalg.lstsq(form.invariants @ bloch, form.invariants @ F, rcond=None)[0]
    a, b = form.outside(y)
    alice, bob = np.split(shares, 2)
    return LeggettInequality(-prices, a, b, alice, bob, bound)
