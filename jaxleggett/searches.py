"""Leggett inequalities found by search: settings and coefficients with the lowest threshold for Werner states."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import _checks, annealing
from ._checks import MAX_RESTARTS, MAX_SEARCHED_PAIRS, MAX_SEED, InputError, integer, quoted
from ._numerics import double_precision, random_key, unit
from .inequality import LeggettInequality
from .models import CRITICAL_VISIBILITY
from .orbits import Layout, layouts, rotation_group, written_out
from .polishing import Generators, polish, threshold_of
from .pricing import THOROUGH
from .states import werner
from .thresholds import prove
from .twirl import CRITICAL_ANGLE

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

PROOF_SHARE = 0.2
"""Of the time limit, kept for the proof where one is asked for."""

CERTIFIED_TO = 1e-6
"""Distance of a certified threshold from the search's."""


@dataclass(frozen=True, eq=False)
class Search:
    """The best inequality found, scaled to the value 1 at the singlet, and its threshold for Werner states.

    `inequality` is None, and `visibility_threshold` 1, where none was found that excludes the singlet.
    `certified` says whether its bound is proved (docs/CERTIFICATES.md) or numerical. `status` is `complete`,
    `time_limit` or `interrupted`; `restarts` counts those that were finished. `history` has the thresholds of
    all that were weighed against each other, most of them polished, in that order, as far as a search saw.
    """

    num_pairs: int
    visibility_threshold: float
    certified: bool
    inequality: LeggettInequality | None
    restarts: int
    status: str
    seconds: float
    history: tuple[float, ...] = ()

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
            f"  threshold   {rounded_up(self.visibility_threshold, 9)} for Werner states, {proved}"
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

    pairs       number of pairs (a_i, b_i): 6, or that of `start`, or that of one orbit
    restarts    random beginnings; they run in batches of 64, and the best of each batch are polished
    symmetry    none, or T, O, I, Dn: the pairs are orbits of that rotation group
    start       an inequality to begin with: it is polished as it is, and restarts begin near it (its marginal
                terms are left out: they are of no use for Werner states)
    time_limit  seconds after which the best so far is returned; the same seed then need not give the same
    certify     prove the bound, to 1e-6
    progress    is called with the share that is done and the best threshold so far

    Ctrl-C returns the best so far. Raises InputError for bad arguments, ArithmeticError if a bound
    comes out below what a model reaches at all settings, (1 + 1/sqrt 2)/2.
    """
    started = time.monotonic()
    restarts = integer("restarts", restarts, 1, MAX_RESTARTS)
    seed = integer("seed", seed, 0, MAX_SEED)
    _checks.time_limit(time_limit)
    deadline = None if time_limit is None else started + time_limit
    order = len(rotation_group(symmetry))
    default = len(start.coefficients) if isinstance(start, LeggettInequality) else 6 if order == 1 else order
    pairs = integer("pairs", default if pairs is None else pairs, 1, MAX_SEARCHED_PAIRS)
    given = None if start is None else _given(start, pairs, symmetry)
    with double_precision():
        ends = deadline if deadline is None or not certify else deadline - PROOF_SHARE * (deadline - started)
        work = _Work(layouts(pairs, symmetry), given, restarts, seed, ends)
        status = work.run(progress)
        proof = None
        if work.best is not None:
            found = _inequality(work.best, pairs)
            try:
                # After Ctrl-C the answer is wanted, not a proof; a limit has to be above 0.
                proved = certify and status != "interrupted"
                left = None if deadline is None else max(deadline - time.monotonic(), 1e-3)
                proof = prove(found, werner(), tolerance=CERTIFIED_TO, time_limit=left, certify=proved, seed=seed)
                if proof.status == "interrupted":
                    raise KeyboardInterrupt
                status = status if proof.status == "converged" else "time_limit"
            except KeyboardInterrupt:
                status, proof = "interrupted", prove(found, werner(), certify=False, seed=seed)
    threshold = 1.0 if proof is None else proof.upper
    if threshold < CRITICAL_VISIBILITY:
        raise ArithmeticError(f"the threshold {threshold!r} is below what a Leggett model reaches at all settings")
    return Search(
        num_pairs=pairs,
        visibility_threshold=threshold,
        certified=proof is not None and proof.certified and proof.inequality is not None,
        inequality=None if proof is None else proof.inequality,
        restarts=work.finished,
        status=status,
        seconds=time.monotonic() - started,
        history=tuple(work.history),
    )


def _inequality(best: Generators, pairs: int) -> LeggettInequality:
    """The inequality of generators, written out; its bound is still to be found."""
    p, a, b = written_out(best.rotations, best.p, best.a, best.b)
    if len(p) > pairs:
        raise ArithmeticError(f"{pairs} pairs were asked for, but the best orbits have {len(p)}")
    return LeggettInequality(-p, a, b, np.zeros(len(p)), np.zeros(len(p)), bound=0.0)


def _given(start: Any, pairs: int, symmetry: str) -> Generators:
    """The inequality to begin with: coefficients below 0, b turned around where they were above."""
    if not isinstance(start, LeggettInequality):
        raise InputError(f"start must be a LeggettInequality, but is {quoted(start)}")
    if symmetry != "none":
        raise InputError(f"symmetry must be none with a start, but is {quoted(symmetry)}")
    if pairs != len(start.a):
        raise InputError(f"start must have {pairs} pairs, but has {len(start.a)}")
    p = np.abs(start.coefficients)
    p = p / max(p.max(), np.finfo(float).tiny)
    b = np.where(start.coefficients[:, None] > 0, -start.b, start.b)
    found = Generators(np.eye(3)[None], p, start.a, b, np.zeros((len(p), 3)))
    if found.empty:
        raise InputError(f"start must have a positive value at the singlet, but has {found.value:.6g}")
    return found


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

    def run(self, progress: Callable[[float, float], None] | None) -> str:
        """All of it, or as much as there is time for; how it ended."""
        status = "complete"
        try:
            for share in self._all():
                if progress:
                    progress(share, self.threshold)
                if self.deadline is not None and time.monotonic() > self.deadline:
                    status = "time_limit"
                    break
        except KeyboardInterrupt:
            status = "interrupted"
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
        states: Any = jax.vmap(annealing.begin)(
            all_keys, *(jnp.asarray(np.stack(x)) for x in zip(*starts, strict=True))
        )

        def ahead(number: int) -> list[Generators]:
            p = np.asarray(jax.vmap(annealing.weights_of)(states["parameters"]))
            a, b = (np.asarray(states["parameters"][name]) for name in "ab")
            order = np.argsort(np.asarray(states["threshold"]), kind="stable")[:number]
            return [Generators(way.rotations, p[i], a[i], b[i], starts[i][3]) for i in order]

        # What begins near something good is not to be led far away from it.
        first = 0 if self.given is None else annealing.STEPS // 2
        for done in range(first, annealing.STEPS, annealing.SEGMENT):
            states = annealing.advance(all_keys, way.rotations, states, done)
            (self.under_way,) = ahead(1)
            yield 0.5 * (done + annealing.SEGMENT) / annealing.STEPS
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


def count_settings(inequality: LeggettInequality) -> tuple[int, int]:
    """How many different settings Alice and Bob have, to 1e-6 (a and -a are one measurement)."""
    used = inequality.coefficients != 0
    same = (np.abs(x[used] @ x[used].T) > 1 - 1e-12 for x in (inequality.a, inequality.b))
    alice, bob = (int((np.triu(x).sum(0) == 1).sum()) for x in same)
    return alice, bob


def rounded_up(threshold: float, digits: int) -> str:
    """A threshold in decimals that is none too low: what is proved of it is proved of these, too."""
    return str(Decimal(threshold).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_CEILING))
