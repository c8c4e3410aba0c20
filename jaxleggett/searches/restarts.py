"""Multistart: a search for inequalities from many random beginnings, batch by batch, and the best so far.

Every batch goes through two stages: all of its restarts descend together (`gradient_descent`), then the few best of
them are polished one by one (`sequential_lp`). In the end the best of all batches is polished further.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from .._clock import late
from .._doubles import unit
from .._numerics import random_key
from ..inequalities.worst_vectors import THOROUGH
from ..joint_rotations import CRITICAL_ANGLE
from ..runs import Ending, Progress
from . import gradient_descent, sequential_lp
from .compiling import compile_interruptibly
from .generators import Beginning, Generators
from .gradient_descent import DescentOptions, Restart
from .orbits import Layout
from .sequential_lp import PolishOptions, polish, threshold_of
from .sharing import Sharing, reweighed

Way = Layout | Sharing
"""How the pairs of an inequality are made."""

LAST_PART = 0.95
"""Share of the work that is done, for a progress bar, when only the best of all is polished further."""


@dataclass(frozen=True)
class SearchOptions:
    """How a search for inequalities is made. The defaults are for the best thresholds, not for the shortest time."""

    batch: int = 64
    """Restarts that descend together."""

    polished: int = 4
    """Restarts of a batch, the best ones, that are polished."""

    finishes: int = 5
    """Further polishes of the best of all, at most: the way along a bent valley is long to first order."""

    worth: float = 1e-6
    """What a further polish has to gain for another one to follow."""

    spread: float = 0.3
    """Scatter of the angles between a and b at the beginning, relative to the critical angle about which they lie."""

    perturbation: float = 0.1
    """Scatter of the settings, in radians, where restarts begin near a given inequality."""

    fewest: int = 16
    """Restarts of each way of making pairs of orbits, at least, where there are several ways."""

    proof_share: float = 0.2
    """Share of the time limit that is kept for the proof, where one is asked for."""

    certified_to: float = 1e-6
    """Distance of a certified threshold from the one that the search found."""

    descent: DescentOptions = gradient_descent.DEFAULT
    """The first stage."""

    polish: PolishOptions = sequential_lp.DEFAULT
    """The second stage."""


DEFAULT = SearchOptions()


class MultiStart:
    """A search from many beginnings, and what it has found so far; it can be stopped at any time.

    Attributes:
        ways: the ways of making the pairs among which the restarts are divided.
        given: an inequality near which all restarts begin, or None: then they begin at random.
        best: the inequality with the lowest threshold so far, scaled; None before the first that excludes the singlet.
        threshold: the threshold of `best`, as far as a search for hidden vectors sees; 1 where `best` is None.
        under_way: an inequality that is being improved and has not been compared with `best` yet, or None.
        finished: restarts of the batches that went through both stages.
        history: thresholds of all inequalities that were compared with the best, in that order.
    """

    def __init__(
        self,
        ways: Sequence[Way],
        given: Generators | None,
        restarts: int,
        seed: int,
        deadline: float | None,
        options: SearchOptions = DEFAULT,
    ) -> None:
        self.given, self.restarts, self.deadline, self.options = given, restarts, deadline, options
        # Few ways with many restarts each, the first and the last among them, run better than many with few.
        most = max(1, restarts // options.fewest)
        chosen = np.unique(np.linspace(0, len(ways) - 1, min(len(ways), most)).round().astype(int))
        self.ways = [ways[i] for i in chosen]
        self.key = random_key(seed)
        self.best: Generators | None = None
        self.threshold = 1.0
        self.under_way: Generators | None = None
        self.finished = 0
        self.history: list[float] = []

    def run(self, progress: Callable[[Progress], None] | None) -> Ending:
        """Do all of the work, or as much as there is time for, and say how it ended."""
        status = Ending.COMPLETE
        try:
            for share in self._in_portions():
                if progress:
                    progress(Progress(share, upper=self.threshold))
                if late(self.deadline):
                    status = Ending.TIME_LIMIT
                    break
        except KeyboardInterrupt:
            status = Ending.INTERRUPTED
        # Stopped in the middle of a polish, say: what it has reached counts.
        if self.under_way is not None:
            self._consider(self.under_way)
        return status

    def _in_portions(self) -> Iterator[float]:
        """Do the whole search in portions of seconds at most.

        After each portion the share of the work that is done is yielded, from 0 to 1. Whoever iterates can
        then report it, look at the clock, or stop.
        """
        if self.given is not None:
            self._consider(self.given)
            yield from (0.0 for _ in self._polish(self.key, self.given))
        for way, numbers in self._batches():
            for share in self._batch(way, numbers):
                yield LAST_PART * (self.finished + share * len(numbers)) / self.restarts
            self.finished += len(numbers)
        last = 1 - LAST_PART
        for number in range(self.options.finishes):
            if self.best is None:
                break
            before = self.threshold
            for share in self._polish(jax.random.fold_in(self.key, 2**31 + number), self.best):
                yield LAST_PART + last * (number + share) / self.options.finishes
            if self.best.pairing is not None and not late(self.deadline):
                self._consider(reweighed(self.best, self.deadline))
            if self.threshold > before - self.options.worth:
                break

    def _batches(self) -> Iterator[tuple[Way, np.ndarray]]:
        """The batches: a way of making pairs of orbits, and the numbers of the restarts that share it."""
        size = self.options.batch
        for i, way in enumerate(self.ways):
            numbers = np.arange(i, self.restarts, len(self.ways))
            for part in np.split(numbers, range(size, len(numbers), size)):
                if len(part):
                    yield way, part

    def _batch(self, way: Way, numbers: np.ndarray) -> Iterator[float]:
        """Both stages of one batch, in portions; after each the share of the batch that is done is yielded."""
        options = self.options.descent
        keys = [jax.random.fold_in(self.key, int(number)) for number in numbers]
        beginnings = [self._beginning(way, jax.random.fold_in(key, 0)) for key in keys]
        raw, a, b, axes = (jnp.asarray(np.stack(x)) for x in zip(*beginnings, strict=True))
        all_keys = jnp.stack(keys)
        begin = functools.partial(gradient_descent.begin, options=options)
        states = jax.vmap(begin)(all_keys, raw, a, b, axes)
        # What begins near something good is not to be led far away from it: the second half has the shorter steps.
        first = 0 if self.given is None else options.steps // 2
        compile_interruptibly(gradient_descent.advance, all_keys, way.rotations, states, first, options, way.pairing)
        for done in range(first, options.steps, options.segment):
            states = gradient_descent.advance(all_keys, way.rotations, states, done, options, way.pairing)
            (self.under_way,) = self._leading(way, states, 1)
            yield 0.5 * (done + options.segment) / options.steps
        leading = self._leading(way, states, self.options.polished)
        for number, found in enumerate(leading):
            for share in self._polish(jax.random.fold_in(keys[0], number + 1), found):
                yield 0.5 + 0.5 * (number + share) / len(leading)

    def _leading(self, way: Way, states: Restart, number: int) -> list[Generators]:
        """The restarts of a batch whose thresholds seem to be the lowest."""
        options = self.options.descent
        weights_of = functools.partial(gradient_descent.weights_of, options=options, pairing=way.pairing)
        p = np.asarray(jax.vmap(weights_of)(states.parameters))
        a, b, axes = (np.asarray(x) for x in (states.parameters.a, states.parameters.b, states.axes))
        order = np.argsort(np.asarray(states.threshold), kind="stable")[:number]
        return [Generators(way.rotations, p[i], a[i], b[i], axes[i], way.pairing) for i in order]

    def _beginning(self, way: Way, key: jax.Array) -> Beginning:
        """Where one restart begins: at random, or near the given inequality."""
        if self.given is None:
            return way.start(key, CRITICAL_ANGLE, self.options.spread)
        shift = self.options.perturbation * np.asarray(jax.random.normal(key, (2, len(self.given.p), 3)))
        a, b = unit(np.stack([self.given.a, self.given.b]) + shift)
        # At weights of 0, where the inverse of softplus is not finite, Adam could not begin.
        p = np.maximum(self.given.p / self.given.p.mean(), 1e-3)
        return Beginning(p + np.log(-np.expm1(-p)), a, b, self.given.axes)

    def _polish(self, key: jax.Array, found: Generators) -> Iterator[float]:
        """Polish an inequality, one linear programme a portion, and compare it with the best in the end.

        After each programme the share is yielded that the programmes so far are of all that are allowed, below 1.
        """
        if not found.empty:
            allowed = self.options.polish.programmes + 1
            for number, polished in enumerate(polish(key, found, self.deadline, self.options.polish)):
                self.under_way = polished
                yield number / allowed
            self._consider(self.under_way)

    def _consider(self, found: Generators | None) -> None:
        """Keep an inequality if it excludes more than all before; nothing is under way after that."""
        self.under_way = None
        if found is not None and not found.empty:
            found = found.scaled()
            # The same thorough search for all, so that none is preferred because its hidden vectors were missed.
            key = jax.random.fold_in(self.key, 2**30)
            V, _ = threshold_of(key, found, steps=THOROUGH.steps, options=self.options.polish)
            self.history.append(V)
            if V < self.threshold:
                self.threshold, self.best = V, found
