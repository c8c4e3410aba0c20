"""Leggett inequalities found by search: settings and coefficients with the lowest threshold for Werner states."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import annealing
from ._checks import MAX_RESTARTS, MAX_SEARCHED_PAIRS, MAX_SEED, InputError, integer, quoted
from ._numerics import double_precision
from .inequality import LeggettInequality
from .models import CRITICAL_VISIBILITY
from .orbits import Layout, layouts, written_out
from .polishing import Generators, polish, threshold_of
from .states import werner
from .thresholds import prove
from .twirl import CRITICAL_ANGLE

BATCH = 64
"""Restarts that run together."""

POLISHED = 4
"""Restarts of a batch, the best, that are polished."""

POLISH_STEPS = 60
"""Linear programmes of a polish."""

SPREAD = 0.3
"""Of the angles that restarts begin with, relative to the critical angle."""

PERTURBATION = 0.1
"""Of the settings that a search starts from, in all restarts but the first."""

CERTIFIED_TO = 1e-6
"""Distance of a certified threshold from the search's."""


@dataclass(frozen=True, eq=False)
class Search:
    """The best inequality found, scaled to the value 1 at the singlet, and its threshold for Werner states.

    `inequality` is None, and `visibility_threshold` 1, where none was found that excludes the singlet.
    `certified` says whether its bound is proved (docs/CERTIFICATES.md) or numerical. `status` is `complete`,
    `time_limit` or `interrupted`; `restarts` counts those that were finished. `history` has the best
    threshold after every batch of them.
    """

    num_pairs: int
    visibility_threshold: float
    certified: bool
    inequality: LeggettInequality | None
    restarts: int
    status: str
    seconds: float
    history: tuple[tuple[int, float], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The fields of the command line's JSON answer."""
        return {
            "num_pairs": self.num_pairs,
            "visibility_threshold": self.visibility_threshold,
            "certified": self.certified,
            "inequality": self.inequality and self.inequality.to_json(),
            "num_settings": None if self.inequality is None else list(count_settings(self.inequality)),
            "restarts": self.restarts,
            "status": self.status,
            "seconds": self.seconds,
        }

    def __str__(self) -> str:
        head = f"Leggett inequalities with {self.num_pairs} setting pairs, {self.restarts} restarts ({self.status})"
        if self.inequality is None:
            return f"{head}\n  none was found that excludes any Werner state: threshold 1"
        alice, bob = count_settings(self.inequality)
        proved = "proved, rounding included" if self.certified else "numerical"
        return (
            f"{head}\n"
            f"  threshold   {self.visibility_threshold:.9f} for Werner states, {proved}"
            f" (all settings: {CRITICAL_VISIBILITY:.9f})\n"
            f"  settings    {alice} of Alice, {bob} of Bob\n"
            f"  time        {self.seconds:.1f} s"
        )


def search(
    pairs: int | None = None,
    *,
    restarts: int = BATCH,
    seed: int = 0,
    symmetry: str = "none",
    start: LeggettInequality | None = None,
    time_limit: float | None = None,
    certify: bool = False,
    progress: Callable[[float, float], None] | None = None,
) -> Search:
    """Look for the Leggett inequality of `pairs` setting pairs that excludes Werner states from the lowest V on.

    pairs       number of pairs (a_i, b_i): 6, or that of `start`
    restarts    random beginnings; they run in batches of 64, and the best of each batch are polished
    symmetry    none, or T, O, I, Dn: the pairs are orbits of that rotation group
    start       an inequality to begin with, as it is and perturbed (its marginal terms are left out: they
                are of no use for Werner states)
    time_limit  seconds after which the best so far is returned; the same seed then need not give the same
    certify     prove the bound, to 1e-6
    progress    is called with the share that is done and the best threshold so far

    Ctrl-C returns the best so far. Raises InputError for bad arguments, ArithmeticError if a bound
    comes out below what a model reaches at all settings, (1 + 1/sqrt 2)/2.
    """
    started = time.monotonic()
    restarts = integer("restarts", restarts, 1, MAX_RESTARTS)
    seed = integer("seed", seed, 0, MAX_SEED)
    if time_limit is not None and not time_limit > 0:
        raise InputError(f"time_limit must be a number of seconds above 0, but is {quoted(time_limit)}")
    given = None if start is None else _given(start, pairs, symmetry)
    pairs = 6 if pairs is None and given is None else len(given.p) if given is not None else pairs
    pairs = integer("pairs", pairs, 1, MAX_SEARCHED_PAIRS)
    work = _Work(layouts(pairs, symmetry), given, restarts, seed, None if time_limit is None else started + time_limit)
    with double_precision():
        status = work.run(progress)
        inequality, threshold = None, 1.0
        if work.best is not None:
            p, a, b = written_out(work.best.rotations, work.best.p, work.best.a, work.best.b)
            if len(p) > pairs:
                raise ArithmeticError(f"{pairs} pairs were asked for, but the best orbits have {len(p)}")
            zero = np.zeros(len(p))
            found = LeggettInequality(-p, a, b, zero, zero, bound=0.0)
            proof = prove(found, werner(), tolerance=CERTIFIED_TO, certify=certify, seed=seed)
            inequality, threshold = proof.inequality, proof.upper
    if threshold < CRITICAL_VISIBILITY - 1e-9:
        raise ArithmeticError(f"the threshold {threshold!r} is below what a Leggett model reaches at all settings")
    return Search(
        num_pairs=pairs,
        visibility_threshold=threshold,
        certified=certify and inequality is not None,
        inequality=inequality,
        restarts=work.finished,
        status=status,
        seconds=time.monotonic() - started,
        history=tuple(work.history),
    )


def _given(start: LeggettInequality, pairs: int | None, symmetry: str) -> Generators:
    """The inequality to begin with: coefficients below 0, b turned around where they were above."""
    if symmetry != "none":
        raise InputError(f"symmetry must be none with a start, but is {quoted(symmetry)}")
    if pairs is not None and pairs != len(start.a):
        raise InputError(f"start must have {pairs} pairs, but has {len(start.a)}")
    g = start.coefficients
    b = np.where(g[:, None] > 0, -start.b, start.b)
    value = float(np.abs(g) @ (start.a * b).sum(1))
    if not value > 0:
        raise InputError(f"start must have a positive value at the singlet, but has {value:.6g}")
    return Generators(np.eye(3)[None], np.abs(g), start.a, b, np.zeros((len(g), 3)))


class _Work:
    """Restarts batch by batch, and the best so far."""

    def __init__(
        self, ways: list[Layout], given: Generators | None, restarts: int, seed: int, deadline: float | None
    ) -> None:
        self.given, self.restarts, self.deadline = given, restarts, deadline
        self.ways = ways
        self.key = jax.random.key(seed)
        self.best: Generators | None = None
        self.threshold = 1.0
        self.finished = 0
        self.history: list[tuple[int, float]] = []

    def run(self, progress: Callable[[float, float], None] | None) -> str:
        """All batches; how it ended."""
        try:
            if self.given is not None:
                self._consider(*polish(self.key, self.given, POLISH_STEPS))
            for way, numbers in self._batches():
                for share in self._batch(way, numbers):
                    if progress:
                        progress((self.finished + share * len(numbers)) / self.restarts, self.threshold)
                    if self.deadline is not None and time.monotonic() > self.deadline:
                        return "time_limit"
                self.finished += len(numbers)
                self.history.append((self.finished, self.threshold))
        except KeyboardInterrupt:
            return "interrupted"
        return "complete"

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
        starts = [self._start(way, key) for key in keys]
        all_keys = jnp.stack(keys)
        stacked = (jnp.asarray(np.stack(x)) for x in zip(*starts, strict=True))
        states: Any = jax.vmap(annealing.begin)(all_keys, *stacked)
        for done in range(0, annealing.STEPS, annealing.SEGMENT):
            states = annealing.advance(all_keys, way.rotations, states, done)
            jax.block_until_ready(states)
            yield 0.5 * (done + annealing.SEGMENT) / annealing.STEPS
        p = np.asarray(jax.vmap(annealing.weights_of)(states["parameters"]))
        a, b = (np.asarray(states["parameters"][name]) for name in "ab")
        ahead = np.argsort(np.asarray(states["threshold"]), kind="stable")[:POLISHED]
        for number, i in enumerate(ahead, 1):
            found = Generators(way.rotations, p[i], a[i], b[i], starts[i][3])
            self._consider(*polish(jax.random.fold_in(keys[i], 1), found, POLISH_STEPS))
            yield 0.5 + 0.5 * number / len(ahead)

    def _start(self, way: Layout, key: jax.Array) -> tuple[np.ndarray, ...]:
        """Logarithmic weights, a, b and axes of one restart."""
        if self.given is None:
            a, b, axes = way.start(key, CRITICAL_ANGLE, SPREAD)
            return np.zeros(len(a)), a, b, axes
        shift = PERTURBATION * np.asarray(jax.random.normal(key, (2, len(self.given.p), 3)))
        a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in np.stack([self.given.a, self.given.b]) + shift)
        p = np.maximum(self.given.p / self.given.p.mean(), 1e-3)
        return p + np.log(-np.expm1(-p)), a, b, self.given.axes

    def _consider(self, V: float, found: Generators) -> None:
        """Keep what excludes more than all before, after another search for its bound."""
        if V < self.threshold:
            again, _ = threshold_of(jax.random.fold_in(self.key, 2**31 - 1), found)
            if max(V, again) < self.threshold:
                self.threshold, self.best = max(V, again), found


def count_settings(inequality: LeggettInequality) -> tuple[int, int]:
    """How many different settings Alice and Bob have, to 1e-6 (a and -a are one measurement)."""
    used = inequality.coefficients != 0
    same = (np.abs(x[used] @ x[used].T) > 1 - 1e-12 for x in (inequality.a, inequality.b))
    alice, bob = (int((np.triu(x).sum(0) == 1).sum()) for x in same)
    return alice, bob
