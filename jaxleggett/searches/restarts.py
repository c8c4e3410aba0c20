"""Restarts of a search, batch by batch, and the best so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._clock import late
from .._doubles import unit
from .._numerics import random_key
from ..inequalities.worst_vectors import THOROUGH
from ..joint_rotations import CRITICAL_ANGLE
from ..runs import Ending, Progress
from . import gradient_descent
from .orbits import Layout
from .sequential_lp import Generators, polish, threshold_of

BATCH = 64
"""Restarts that run together."""

POLISHED = 4
"""Restarts of a batch, the best, that are polished."""

POLISH_STEPS = 60
"""Linear programmes of a polish."""

FINISHES = 5
"""Further polishes of the best of all, as long as they help: valleys are long and bent."""

WORTH = 1e-6
"""What a further polish has to gain for another."""

SPREAD = 0.3
"""Of the angles that restarts begin with, relative to the critical angle."""

PERTURBATION = 0.1
"""Of the settings, in radians, where restarts begin near a given inequality."""

FEWEST = 16
"""Restarts that a way of making pairs of orbits has at least, where there are several."""

LAST_PART = 0.95
"""Share of the work that is done when only the best of all is polished further."""


class _Work:
    """Restarts batch by batch, and the best so far."""

    def __init__(
        self, ways: list[Layout], given: Generators | None, restarts: int, seed: int, deadline: float | None
    ) -> None:
        self.given, self.restarts, self.deadline = given, restarts, deadline
        # Few ways with many restarts each, the first and the last among them, run better than many with few.
        most = max(1, restarts // FEWEST)
        chosen = np.unique(np.linspace(0, len(ways) - 1, min(len(ways), most)).round().astype(int))
        self.ways = [ways[i] for i in chosen]
        self.key = random_key(seed)
        self.best: Generators | None = None
        self.threshold = 1.0
        self.under_way: Generators | None = None
        self.finished = 0
        self.history: list[float] = []

    def run(self, progress: Callable[[Progress], None] | None) -> Ending:
        """All of it, or as much as there is time for; how it ended."""
        status = Ending.COMPLETE
        try:
            for share in self._all():
                if progress:
                    progress(Progress(share, upper=self.threshold))
                if late(self.deadline):
                    status = Ending.TIME_LIMIT
                    break
        except KeyboardInterrupt:
            status = Ending.INTERRUPTED
        if self.under_way is not None:
            self._consider(self.under_way)
        return status

    def _all(self) -> Iterator[float]:
        """The share that is done, now and then."""
        if self.given is not None:
            self._consider(self.given)
            yield from (0.0 for _ in self._polish(self.key, self.given))
        for way, numbers in self._batches():
            for share in self._batch(way, numbers):
                yield LAST_PART * (self.finished + share * len(numbers)) / self.restarts
            self.finished += len(numbers)
        for number in range(FINISHES):
            if self.best is None:
                break
            before = self.threshold
            yield from (LAST_PART for _ in self._polish(jax.random.fold_in(self.key, 2**31 + number), self.best))
            if self.threshold > before - WORTH:
                break

    def _batches(self) -> Iterator[tuple[Layout, np.ndarray]]:
        """Numbers of restarts that share a layout."""
        for i, way in enumerate(self.ways):
            numbers = np.arange(i, self.restarts, len(self.ways))
            for part in np.split(numbers, range(BATCH, len(numbers), BATCH)):
                if len(part):
                    yield way, part

    def _batch(self, way: Layout, numbers: np.ndarray) -> Iterator[float]:
        """Anneal the restarts and polish the best; the share that is done, now and then."""
        keys = [jax.random.fold_in(self.key, int(number)) for number in numbers]
        starts = [self._start(way, jax.random.fold_in(key, 0)) for key in keys]
        all_keys = jnp.stack(keys)
        states: Any = jax.vmap(gradient_descent.begin)(
            all_keys, *(jnp.asarray(np.stack(x)) for x in zip(*starts, strict=True))
        )

        def ahead(number: int) -> list[Generators]:
            p = np.asarray(jax.vmap(gradient_descent.weights_of)(states["parameters"]))
            a, b = (np.asarray(states["parameters"][name]) for name in "ab")
            order = np.argsort(np.asarray(states["threshold"]), kind="stable")[:number]
            return [Generators(way.rotations, p[i], a[i], b[i], starts[i][3]) for i in order]

        # What begins near something good is not to be led far away from it.
        first = 0 if self.given is None else gradient_descent.STEPS // 2
        for done in range(first, gradient_descent.STEPS, gradient_descent.SEGMENT):
            states = gradient_descent.advance(all_keys, way.rotations, states, done)
            (self.under_way,) = ahead(1)
            yield 0.5 * (done + gradient_descent.SEGMENT) / gradient_descent.STEPS
        for number, found in enumerate(ahead(POLISHED), 1):
            polishing = self._polish(jax.random.fold_in(keys[0], number), found)
            yield from (0.5 + 0.5 * number / POLISHED for _ in polishing)

    def _start(self, way: Layout, key: jax.Array) -> tuple[np.ndarray, ...]:
        """What softplus makes the weights of, a, b and axes of one restart."""
        if self.given is None:
            a, b, axes = way.start(key, CRITICAL_ANGLE, SPREAD)
            return np.zeros(len(a)), a, b, axes
        shift = PERTURBATION * np.asarray(jax.random.normal(key, (2, len(self.given.p), 3)))
        a, b = unit(np.stack([self.given.a, self.given.b]) + shift)
        p = np.maximum(self.given.p / self.given.p.mean(), 1e-3)
        return p + np.log(-np.expm1(-p)), a, b, self.given.axes

    def _polish(self, key: jax.Array, found: Generators) -> Iterator[None]:
        """Polish, a programme at a time, and see whether it is the best."""
        if not found.empty:
            for self.under_way in polish(key, found, POLISH_STEPS):
                yield
            self._consider(self.under_way)

    def _consider(self, found: Generators | None) -> None:
        """Keep what excludes more than all before."""
        self.under_way = None
        if found is not None and not found.empty:
            found = found.scaled()
            # The same thorough search for all, so that none is preferred because its hidden vectors were missed.
            V, _ = threshold_of(jax.random.fold_in(self.key, 2**30), found, steps=THOROUGH)
            self.history.append(V)
            if V < self.threshold:
                self.threshold, self.best = V, found
