"""`simulate`: counts and trials of a simulated source, quantum or of a Leggett model."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from .._checks import MAX_COUNTS, MAX_SEED, MAX_TRIALS, InputError, integer, quoted
from .._numerics import random_key
from ..models.events import simulate_counts
from ..models.interface import LeggettModel
from ..runs import Ending
from ..settings import SettingPairs
from ..states import TwoQubitState, correlation_in_numpy
from ..thresholds import Threshold, threshold
from .counts import ALPHA, BETA, BOTH, Counts
from .trials import Trials, checked_probabilities

if TYPE_CHECKING:
    from .._shapes import ArrayLike, Float, Int

BOUNDARY = 1e-6
"""Tolerance of the threshold whose model stands at the boundary of the Leggett set."""

MOST_EVENTS = 10**9
"""Most events of a Leggett model: each is drawn by itself."""


def quantum_probabilities(state: TwoQubitState, pairs: SettingPairs) -> Float[np.ndarray, "n 4"]:
    """P(alpha, beta) = (1 + alpha M^A + beta M^B + alpha beta C)/4 of a state at `pairs`, [B13 (4)]: (N, 4)."""
    M_A, M_B, C = (x[:, None] for x in correlation_in_numpy(state, pairs.a, pairs.b))
    alpha, beta = ALPHA[:BOTH], BETA[:BOTH]
    P = np.maximum(1 + alpha * M_A + beta * M_B + alpha * beta * C, 0) / 4
    return P / P.sum(axis=1, keepdims=True)


def simulate(source: TwoQubitState | LeggettModel, pairs: SettingPairs, counts: int, seed: int = 0) -> Counts:
    """Counts of `counts` events at each of the `pairs`.

    source    a two-qubit state, whose events are drawn from its quantum statistics; or a Leggett model, such as that of
              a threshold (`jl.threshold(...).model`), each of whose events has hidden vectors of its own
    seed      the same seed gives the same counts

    Raises InputError for a number of events or a seed that is out of range, for more than 10^9 events of a Leggett
    model, and for a model that has negative probabilities.

    >>> import jaxleggett as jl
    >>> from jaxleggett.experiments import simulate
    >>> z = [[0.0, 0.0, 1.0]]
    >>> simulate(jl.werner(), jl.SettingPairs(z, z), 100).C.tolist()
    [-1.0]
    """
    seed = integer("seed", seed, 0, MAX_SEED)
    counts = integer("counts", counts, 1, MAX_COUNTS)
    if isinstance(source, TwoQubitState):
        P = quantum_probabilities(source, pairs)
        return Counts(pairs, np.random.default_rng(seed).multinomial(np.full(len(pairs), counts), P))
    return Counts(pairs, _model_counts(source, pairs, counts, seed))


def _model_counts(model: LeggettModel, pairs: SettingPairs, counts: int, seed: int) -> Int[np.ndarray, "n 4"]:
    """Counts of a Leggett model, (N, 4), each event drawn by itself; InputError where they are too many."""
    if counts * len(pairs) > MOST_EVENTS:
        raise InputError(
            f"counts of a Leggett model must be at most {MOST_EVENTS:,} events in all, but are {counts * len(pairs):,}"
        )
    return simulate_counts(random_key(seed), model, pairs.a, pairs.b, counts)


def simulate_trials(
    source: TwoQubitState | LeggettModel,
    pairs: SettingPairs,
    number: int,
    probabilities: ArrayLike | None = None,
    seed: int = 0,
) -> Trials:
    """`number` trials at `pairs` that are drawn with `probabilities` (N,) [all equal].

    `source`, `seed` and the errors raised are those of `simulate`; the probabilities have to be those of `Trials`.

    >>> import jaxleggett as jl
    >>> from jaxleggett.experiments import simulate_trials
    >>> trials = simulate_trials(jl.werner(), jl.SettingPairs.random(3), 100, [0.5, 0.25, 0.25])
    >>> len(trials), bool((trials.pair < 3).all())
    (100, True)
    """
    seed = integer("seed", seed, 0, MAX_SEED)
    number = integer("trials", number, 1, MAX_TRIALS)
    even = np.full(len(pairs), 1 / len(pairs))
    q = checked_probabilities(even if probabilities is None else probabilities, len(pairs))
    random = np.random.default_rng(seed)
    pair = random.choice(len(pairs), size=number, p=q)
    drawn = np.bincount(pair, minlength=len(pairs))
    column = np.empty(number, np.int64)
    if isinstance(source, TwoQubitState):
        P = quantum_probabilities(source, pairs).cumsum(axis=1)
        column = np.minimum((random.random(number)[:, None] >= P[pair]).sum(axis=1), BOTH - 1)
    else:
        # Every pair gets as many events as the one with the most trials. The events of a pair are independent and of
        # one distribution, so any of them may be taken, in random order.
        seen = _model_counts(source, pairs, int(drawn.max()), seed)
        for i in np.flatnonzero(drawn):
            column[pair == i] = random.permutation(np.repeat(np.arange(BOTH), seen[i]))[: drawn[i]]
    return Trials(pairs, q, pair, ALPHA[column], BETA[column])


def source_of(
    state: TwoQubitState, visibility: float, pairs: SettingPairs, model: str, seed: int = 0
) -> tuple[TwoQubitState | LeggettModel, float]:
    """What `simulate` draws from, and its visibility: the `state` itself, or a Leggett model of it at `pairs`.

    visibility    of the state, from 0 to 1
    model         `quantum`, or `leggett`: a model of the state at this visibility, as `jl.threshold` finds it; where
                  the visibility is above the threshold at these settings, the model at the threshold
    seed          of the search for the model

    Returns the source and its visibility. Raises InputError for a visibility outside [0, 1], and for another `model`.

    >>> import jaxleggett as jl
    >>> from jaxleggett.experiments import source_of
    >>> source, V = source_of(jl.werner(), 0.9, jl.SettingPairs.random(3), "quantum")
    >>> source == jl.werner(0.9), V
    (True, 0.9)
    """
    if not (isinstance(visibility, Real) and 0 <= visibility <= 1):
        raise InputError(f"visibility must lie in [0, 1], but is {quoted(visibility)}")
    V = float(visibility)
    if model == "quantum":
        return state.with_visibility(V), V
    if model != "leggett":
        raise InputError(f"model must be one of quantum, leggett, but is {quoted(model)}")
    boundary = _bracketed(state, pairs, seed)
    if V >= boundary.lower:
        return _model(boundary), boundary.lower
    inside = _bracketed(state.with_visibility(V), pairs, seed)
    return _model(inside), V * inside.lower


def _bracketed(state: TwoQubitState, pairs: SettingPairs, seed: int) -> Threshold:
    """The threshold; KeyboardInterrupt where Ctrl-C ended it, since its model may be far below the boundary."""
    found = threshold(state, pairs, tolerance=BOUNDARY, seed=seed)
    if found.status == Ending.INTERRUPTED:
        raise KeyboardInterrupt
    return found


def _model(found: Threshold) -> LeggettModel:
    if found.model is None:
        raise ArithmeticError("no Leggett model was found at these settings")
    return found.model
