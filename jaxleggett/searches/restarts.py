"""Multistart: a search for inequalities from many random beginnings, batch by batch, and the best so far.

Every batch goes through two stages: all of its restarts descend together (`gradient_descent`), then the few best of
them are polished one by one (`sequential_lp`). In the end the best of all batches is polished further.

The search is made in portions, each of which can be given up in the middle (`interruptible`): then the `Standing` after
the portion before is what the search has found.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from .._clock import OutOfTime, late
from .._doubles import unit
from .._numerics import random_key
from ..inequalities.worst_vectors import THOROUGH, compile_search
from ..joint_rotations import CRITICAL_ANGLE
from ..runs import Ending, Progress
from . import gradient_descent, sequential_lp
from .generators import Beginning, Generators
from .gradient_descent import DescentOptions, Restart
from .interruptible import interruptible
from .orbits import Layout
from .sequential_lp import PolishOptions, effort_of, polish, threshold_of
from .sharing import Sharing, reweighed

Way = Layout | Sharing
"""How the pairs of an inequality are made."""

LAST_PART = 0.95
"""Share of the work, for a progress bar, that is done before the best of all is polished further."""

CALL = 0.3
"""Seconds that a call for steps of the first stage should take."""


@dataclass(frozen=True)
class SearchOptions:
    """How a search for inequalities is made. The defaults are for the best thresholds, not for the shortest time."""

    batch: int = 64
    """Restarts that descend together."""

    polished: int = 4
    """Restarts of a batch, the best ones, that are polished."""

    finishes: int = 5
    """Most further polishes of the best of all: along a bent valley, each linear programme leads a short way only."""

    worth: float = 1e-6
    """By how much a further polish has to lower the threshold for another one to follow."""

    spread: float = 0.3
    """Standard deviation of the angles between a and b at the beginning, relative to their mean, the critical angle."""

    perturbation: float = 0.1
    """Standard deviation of the settings, in radians, where restarts begin near a given inequality."""

    fewest: int = 16
    """Least number of restarts for each way of making pairs of orbits, where there are several ways."""

    proof_share: float = 0.2
    """Share of the time limit that is kept for the proof, where one is asked for."""

    bound_share: float = 0.1
    """Share of the time limit that is kept for the numerical bound, where no proof is asked for."""

    certified_to: float = 1e-6
    """Distance of a certified threshold from the one that the search found."""

    descent: DescentOptions = gradient_descent.DEFAULT
    """The first stage."""

    polish: PolishOptions = sequential_lp.DEFAULT
    """The second stage."""


DEFAULT = SearchOptions()


@dataclass(frozen=True)
class Standing:
    """What a search has found so far.

    Fields:
        best: the inequality with the lowest threshold, scaled; None before the first that excludes the singlet.
        threshold: the threshold of `best`, as far as a search for hidden vectors sees; 1 where `best` is None.
        under_way: an inequality that is being improved and has not been compared with `best` yet, or None.
        finished: restarts of the batches that went through both stages.
        history: thresholds of all inequalities that were compared with the best, in that order.
    """

    best: Generators | None = None
    threshold: float = 1.0
    under_way: Generators | None = None
    finished: int = 0
    history: tuple[float, ...] = ()


class MultiStart:
    """A search from many beginnings, which can be stopped at any time.

    Attributes:
        ways: the ways of making the pairs among which the restarts are divided.
        given: an inequality near which all restarts begin, or None: then they begin at random.
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
        self.standing = Standing()
        # Steps of the next call. At first nobody knows how long one takes: a hundred, with many pairs, take minutes.
        self.steps = 1

    def run(self, progress: Callable[[Progress], None] | None) -> tuple[Standing, Ending]:
        """Do all of the work, or as much as there is time for; what was found, and how it ended."""
        portions = self._in_portions()

        def portion() -> tuple[float, Standing] | None:
            share = next(portions, None)
            return None if share is None else (share, self.standing)

        found = self.standing
        try:
            while after := interruptible(portion, self.deadline):
                share, found = after
                if progress:
                    progress(Progress(share, upper=found.threshold))
        except OutOfTime:
            return found, Ending.TIME_LIMIT
        except KeyboardInterrupt:
            return found, Ending.INTERRUPTED
        return self.standing, Ending.COMPLETE

    def compile_searches(self) -> None:
        """Compile the searches for hidden vectors, which the second stage needs."""
        way = self.ways[0]
        start = self._beginning(way, self.key)
        compile_search(len(start.raw) * len(way.rotations), effort_of(self.options.polish))

    def compared(self, found: Standing, deadline: float | None) -> Standing:
        """What was found, after what is under way has been compared with the best; as it was where time is over.

        Stopped in the middle of a polish, say, a search has reached something that counts, too.
        """
        try:
            return interruptible(lambda: self._compared(found, found.under_way), deadline)
        except (OutOfTime, KeyboardInterrupt):
            return found

    def _in_portions(self) -> Iterator[float]:
        """Do the whole search in portions of seconds at most; `self.standing` is what was found after each.

        The share of the work that is done is yielded after each portion, from 0 to 1.
        """
        if self.given is not None:
            self._consider(self.given)
            yield 0.0
            yield from (0.0 for _ in self._polish(self.key, self.given))
        for way, numbers in self._batches():
            for share in self._batch(way, numbers):
                yield LAST_PART * (self.standing.finished + share * len(numbers)) / self.restarts
            self.standing = replace(self.standing, finished=self.standing.finished + len(numbers))
        last = 1 - LAST_PART
        for number in range(self.options.finishes):
            before = self.standing
            if before.best is None:
                break
            for share in self._polish(jax.random.fold_in(self.key, 2**31 + number), before.best):
                yield LAST_PART + last * (number + share) / self.options.finishes
            best = self.standing.best
            if best is not None and best.pairing is not None and not late(self.deadline):
                self._consider(reweighed(best, self.deadline))
            if self.standing.threshold > before.threshold - self.options.worth:
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
        done = first
        while done < options.steps:
            number = min(self.steps, options.steps - done)
            began = time.monotonic()
            states = gradient_descent.advance(all_keys, way.rotations, states, done, options, way.pairing, number)
            self._under_way(self._leading(way, states, 1)[0])
            done += number
            # A coarse clock may see no time pass.
            took = max(time.monotonic() - began, 1e-3)
            self.steps = min(options.segment, max(1, int(number * CALL / took)))
            yield 0.5 * done / options.steps
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
                self._under_way(polished)
                yield number / allowed
            self._consider(self.standing.under_way)

    def _under_way(self, found: Generators) -> None:
        self.standing = replace(self.standing, under_way=found)

    def _consider(self, found: Generators | None) -> None:
        self.standing = self._compared(self.standing, found)

    def _compared(self, before: Standing, found: Generators | None) -> Standing:
        """The standing with an inequality kept if it excludes more than all before; nothing is under way after that."""
        before = replace(before, under_way=None)
        if found is None or found.empty:
            return before
        found = found.scaled()
        # The same thorough search for all, so that none is preferred because its hidden vectors were missed.
        key = jax.random.fold_in(self.key, 2**30)
        V, _ = threshold_of(key, found, steps=THOROUGH.steps, options=self.options.polish)
        best = {"threshold": V, "best": found} if V < before.threshold else {}
        return replace(before, history=(*before.history, V), **best)
