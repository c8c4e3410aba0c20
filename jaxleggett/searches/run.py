"""Leggett inequalities found by search: settings and coefficients with the lowest threshold for Werner states."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .. import _checks
from .._checks import MAX_RESTARTS, MAX_SEARCHED_PAIRS, MAX_SEED, InputError, counted, integer, quoted
from .._clock import OutOfTime
from .._numerics import double_precision
from ..inequalities.inequality import LeggettInequality
from ..inequalities.worst_vectors import THOROUGH, compile_search
from ..models.werner import CRITICAL_VISIBILITY
from ..runs import Ending, Progress
from ..states import werner
from ..thresholds.run import prove
from .generators import Generators
from .interruptible import ahead, interruptible
from .orbits import layouts, rotation_group, written_out
from .restarts import DEFAULT, MultiStart, SearchOptions, Standing, Way
from .result import Search
from .sharing import Sharing, netted, shared

RESTARTS = 64
"""Random beginnings where the caller names no number."""

PATIENCE = 1.0
"""Seconds that each of the two last computations, a comparison and a bound, may take after Ctrl-C."""


def search(
    pairs: int | None = None,
    *,
    sides: tuple[int, int] | str | None = None,
    restarts: int = RESTARTS,
    seed: int = 0,
    symmetry: str = "none",
    start: LeggettInequality | None = None,
    time_limit: float | None = None,
    certify: bool = False,
    progress: Callable[[Progress], None] | None = None,
    options: SearchOptions = DEFAULT,
) -> Search:
    """Look for the Leggett inequality of `pairs` setting pairs that excludes Werner states from the lowest V on.

    pairs       number of pairs (a_i, b_i) [6, or that of `start`, or that of one orbit]
    sides       (m, n): Alice has m settings and Bob n, and the pairs are any of the m n that they make; `pairs`,
                `symmetry` and `start` are then left out
    restarts    number of random beginnings; they run in batches, and the best of each batch are polished
    seed        an integer from 0 to 2^63 - 1
    symmetry    none, or T, O, I, Dn: the pairs are orbits of that rotation group
    start       an inequality to begin with: it is polished as it is, and restarts begin near it (its marginal
                terms are left out, because Werner states have no marginals)
    time_limit  seconds after which the best so far is returned; the answer then depends on the machine's speed
    certify     whether to prove the bound, to 1e-6
    progress    is called now and then with a `Progress`: its `upper` is the lowest threshold so far
    options     how the search is made (docs/SEARCH.md); the defaults are for the best thresholds

    Returned is a `Search`: the inequality, its threshold, and how the search ended. Ctrl-C, too, returns the best so
    far; where nothing has been found yet, there is no inequality and the threshold is 1. Raises InputError for
    arguments outside of what is described here, and ArithmeticError if a threshold comes out below what a model
    reaches at all settings, (1 + 1/sqrt 2)/2: that would be an error of this program.

    >>> import jaxleggett as jl
    >>> from jaxleggett.searches import DescentOptions, PolishOptions, SearchOptions
    >>> short = SearchOptions(descent=DescentOptions(steps=200), polish=PolishOptions(programmes=5), finishes=0)
    >>> found = jl.search(6, restarts=1, options=short)
    >>> found.num_pairs, found.status.value, bool(0.85 < found.visibility_threshold < 0.95)
    (6, 'complete', True)
    """
    started = time.monotonic()
    restarts = integer("restarts", restarts, 1, MAX_RESTARTS)
    seed = integer("seed", seed, 0, MAX_SEED)
    _checks.time_limit(time_limit)
    deadline = None if time_limit is None else started + time_limit
    ways, given, most = _question(pairs, sides, symmetry, start)
    kept = options.proof_share if certify else options.bound_share
    ends = None if deadline is None else deadline - kept * (deadline - started)
    found, status = Standing(), Ending.INTERRUPTED
    with contextlib.suppress(KeyboardInterrupt):  # also while the search is set up
        with double_precision():
            work = MultiStart(ways, given, restarts, seed, ends, options)

        def compile_searches() -> None:
            work.compile_searches()
            compile_search(most, THOROUGH)

        # Compiled only when they are needed, they would keep the answer waiting after Ctrl-C and when time is over.
        ahead(compile_searches)
        found, status = work.run(progress)
        # The first inequality of all is worth waiting for after Ctrl-C; another Ctrl-C gives it up, too.
        found = work.compared(found, deadline if found.best is None else _in_time(deadline, status))
    answer = _Answer(None, 1.0, False, status)
    if found.best is not None:
        cut = _inequality(found.best, most, bound=found.threshold)
        answer = _bounded(cut, status, deadline, certify, seed, options)
    threshold, cut, way = answer.threshold, answer.inequality, ways[0]
    if threshold < CRITICAL_VISIBILITY:
        raise ArithmeticError(f"the threshold {threshold!r} is below what a Leggett model reaches at all settings")
    return Search(
        num_pairs=most if sides is None or cut is None else len(cut.a),
        visibility_threshold=threshold,
        certified=answer.certified,
        inequality=cut,
        restarts=found.finished,
        status=answer.status,
        seconds=time.monotonic() - started,
        history=found.history,
        sides=(way.alice, way.bob) if isinstance(way, Sharing) else None,
    )


class _Answer(NamedTuple):
    """An inequality, or None; its threshold, and whether that is proved; how the search ended."""

    inequality: LeggettInequality | None
    threshold: float
    certified: bool
    status: Ending


def _bounded(
    cut: LeggettInequality, status: Ending, deadline: float | None, certify: bool, seed: int, options: SearchOptions
) -> _Answer:
    """The inequality with a bound that is proved, or found by a thorough search, where there is time for one of these.

    Otherwise it keeps the bound that it has. After Ctrl-C nothing is proved: an answer is wanted.
    """
    if certify and status != Ending.INTERRUPTED:
        # A limit has to be above 0.
        left = None if deadline is None else max(deadline - time.monotonic(), 1e-3)
        to = options.certified_to
        try:
            proof = prove(cut, werner(), tolerance=to, time_limit=left, certify=True, seed=seed)
            if proof.status == Ending.INTERRUPTED:
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            status = Ending.INTERRUPTED
        else:
            status = status if proof.status == Ending.CONVERGED else proof.status
            # A proof that had hardly any time shows nothing, though the inequality excludes the singlet.
            if proof.inequality is not None or proof.status != Ending.TIME_LIMIT:
                return _Answer(proof.inequality, proof.upper, proof.inequality is not None, status)
    search_again = functools.partial(prove, cut, werner(), certify=False, seed=seed)
    try:
        proof = interruptible(search_again, _in_time(deadline, status))
    except OutOfTime:
        status = status if status == Ending.INTERRUPTED else Ending.TIME_LIMIT
    except KeyboardInterrupt:
        status = Ending.INTERRUPTED
    else:
        return _Answer(proof.inequality, proof.upper, False, status)
    return _Answer(cut, cut.bound, False, status)


def _in_time(deadline: float | None, status: Ending) -> float | None:
    """When to give up what is computed last: after Ctrl-C, at the latest after `PATIENCE`."""
    if status != Ending.INTERRUPTED:
        return deadline
    soon = time.monotonic() + PATIENCE
    return soon if deadline is None else min(soon, deadline)


def _question(
    pairs: int | None, sides: tuple[int, int] | str | None, symmetry: str, start: LeggettInequality | None
) -> tuple[Sequence[Way], Generators | None, int]:
    """The ways of making pairs that are to be tried, the inequality to begin with, and the most pairs of the answer."""
    order = len(rotation_group(symmetry))
    if sides is not None:
        way = shared(sides)
        if pairs is not None or start is not None:
            raise InputError(f"{'start' if pairs is None else 'pairs'} must be left out with sides {way}")
        if order > 1:
            raise InputError(f"symmetry must be none with sides {way}, but is {quoted(symmetry)}")
        return [way], None, way.alice * way.bob
    default = len(start.coefficients) if isinstance(start, LeggettInequality) else 6 if order == 1 else order
    pairs = integer("pairs", default if pairs is None else pairs, 1, MAX_SEARCHED_PAIRS)
    given = None if start is None else _given(start, pairs, symmetry)
    return layouts(pairs, symmetry), given, pairs


def _inequality(best: Generators, most: int, bound: float) -> LeggettInequality:
    """The inequality of generators, written out, with a bound."""
    if best.pairing is None:
        p, a, b = written_out(best.rotations, best.p, best.a, best.b)
        g = -p
    else:
        g, a, b = netted(best)
    if len(g) > most:
        raise ArithmeticError(
            f"the best orbits have {counted(len(g), 'pair')}, more than the {most} that were asked for"
        )
    return LeggettInequality(g, a, b, np.zeros(len(g)), np.zeros(len(g)), bound)


def _given(start: object, pairs: int, symmetry: str) -> Generators:
    """The inequality to begin with: coefficients below 0, b turned around where they were above."""
    if not isinstance(start, LeggettInequality):
        raise InputError(f"start must be a LeggettInequality, but is {quoted(start)}")
    if symmetry != "none":
        raise InputError(f"symmetry must be none with start, but is {quoted(symmetry)}")
    if pairs != len(start.a):
        raise InputError(f"start must have {counted(pairs, 'pair')}, but has {len(start.a)}")
    p = np.abs(start.coefficients)
    p = p / max(p.max(), np.finfo(float).tiny)
    b = np.where(start.coefficients[:, None] > 0, -start.b, start.b)
    found = Generators(np.eye(3)[None], p, start.a, b, np.zeros((len(p), 3)))
    if found.empty:
        raise InputError(f"start must have a positive value at the singlet, but has {found.value:.6g}")
    return found
