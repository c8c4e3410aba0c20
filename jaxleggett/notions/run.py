"""The largest visibility of a state that is compatible with a notion, Leggett's or another: `threshold`."""

# Letters are those of the equations, capitals too.
# pyright: reportConstantRedefinition=false

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .._checks import MAX_SEED, InputError, integer, quoted
from .._clock import late
from ..inequalities.inequality import LinearInequality
from ..proofs import bell as exact
from ..runs import Ending, Progress
from ..settings import SettingPairs
from ..states import TwoQubitState, as_state, correlation_in_numpy
from ..thresholds import Threshold
from ..thresholds import threshold as leggett_threshold
from ..thresholds.run import check_effort, ending_of
from ..thresholds.separable import proved_separable
from . import bell, separability, steering
from .models import Found, LocalModel, Products
from .products import solve
from .responses import Deterministic, Qubit, Situation, has_marginals
from .result import NotionThreshold

if TYPE_CHECKING:
    from .._shapes import ArrayLike

NOTIONS = ("leggett", "bell", "steering", "separable", "navascues")

MOST_SETTINGS = 1000
"""Most different settings of a party: the linear programme for two deterministic parties has an equation a pair."""


def threshold(
    state: TwoQubitState | str | ArrayLike,
    settings: SettingPairs | str = "all",
    *,
    notion: str = "leggett",
    tolerance: float = 1e-4,
    time_limit: float | None = None,
    seed: int = 0,
    certify: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Threshold | NotionThreshold:
    """Bracket the largest V for which V (r_A, r_B, T) is compatible with a notion at `settings`.

    state       a two-qubit state, its name as on the command line, or its density matrix (4, 4)
    settings    setting pairs, a name that `SettingPairs.parse` knows, or `all` projective measurements
    notion      `leggett`: a Leggett model; the answer is that of `thresholds.threshold`
                `bell`: local hidden variables (J. S. Bell 1964)
                `steering`: Alice cannot steer Bob, whose hidden states are qubits (Wiseman, Jones, Doherty 2007)
                `separable`: a mixture of product states
                `navascues`: a Leggett model in which the hidden polarisations are real (docs/NOTIONS.md), which is a
                mixture of product states, too
    tolerance   upper - lower to reach, above 0
    time_limit  seconds after which the bracket is returned as it is
    seed        of named settings `random:N`, and of searches
    certify     prove both bounds: always for `leggett` (docs/CERTIFICATES.md); for `bell` in exact arithmetic at
                finitely many settings, at most 24 of them of one party; without effect in the other cases
    progress    is called with a `Progress` after every round

    At all settings, the bounds for `separable` and `navascues`, for `steering` of states without marginals whose T is
    diagonal, and of separable states are proved in any case; the result says so. docs/NOTIONS.md says how each notion
    is answered. After Ctrl-C the bracket is returned as it is. Raises InputError for bad arguments, and SolverError
    where a linear programme fails.

    >>> import jaxleggett as jl
    >>> found = jl.threshold(jl.werner(), notion="separable")
    >>> found.certified, round(found.lower, 9), round(found.upper, 9)
    (True, 0.333333333, 0.333333333)
    """
    if notion not in NOTIONS:
        raise InputError(f"notion must be one of {', '.join(NOTIONS)}, but is {quoted(notion)}")
    if not isinstance(settings, SettingPairs | str):
        raise InputError(f"settings must be SettingPairs or a name, but are {quoted(settings)}")
    state = as_state(state)
    if notion == "leggett":
        return leggett_threshold(
            state,
            settings,
            tolerance=tolerance,
            time_limit=time_limit,
            seed=seed,
            certify=certify,
            progress=progress,
        )
    started = time.monotonic()
    seed = integer("seed", seed, 0, MAX_SEED)
    check_effort(tolerance, time_limit)
    deadline = None if time_limit is None else started + time_limit
    everywhere = isinstance(settings, str) and settings == "all"
    pairs = None if everywhere else SettingPairs.parse(settings, seed) if isinstance(settings, str) else settings
    searched = False
    try:
        if pairs is None:
            found, certified, searched = _everywhere(notion, state, tolerance, deadline, seed, progress)
        else:
            situation = situation_of(notion, pairs)
            searched = not situation.exact
            correlation = correlation_in_numpy(state, pairs.a, pairs.b)
            found = solve(situation, correlation, tolerance, deadline, seed, progress)
            found, certified = _proved(found, situation, state, pairs, deadline) if certify else (found, False)
            if isinstance(found.model, Products):
                found = replace(found, model=_model(found.model, situation, correlation))
    except KeyboardInterrupt:
        found, certified = Found(0.0, 1.0, None, None, Ending.INTERRUPTED), False
    return NotionThreshold(
        state=state,
        settings=pairs,
        notion=notion,
        lower=found.lower,
        upper=found.upper,
        model=None if isinstance(found.model, Products) else found.model,
        inequality=found.inequality if found.upper < 1 else None,
        status=ending_of(found.upper - found.lower, found.status, tolerance, deadline),
        certified=certified,
        searched=searched,
        seconds=time.monotonic() - started,
    )


def situation_of(notion: str, pairs: SettingPairs) -> Situation:
    """The different settings of some pairs, with the parties' responses at them in a notion.

    Raises InputError for more than `MOST_SETTINGS` settings of a party.
    """
    (a, i), (b, j) = (np.unique(x, axis=0, return_inverse=True) for x in (pairs.a, pairs.b))
    for name, x in (("Alice", a), ("Bob", b)):
        if len(x) > MOST_SETTINGS:
            raise InputError(
                f"settings must be at most {MOST_SETTINGS} different ones a party, but {name} has {len(x)}"
            )
    A = Deterministic(len(a)) if notion in ("bell", "steering") else Qubit(a)
    B = Deterministic(len(b)) if notion == "bell" else Qubit(b)
    return Situation(a, b, i.ravel(), j.ravel(), A, B)


def _model(products: Products, s: Situation, correlation: tuple[np.ndarray, ...]) -> LocalModel:
    """The mixture as a model; where there are no marginals, averaged with the one whose outcomes are all opposite."""
    if not has_marginals(correlation[0], correlation[1]):
        products = Products(
            np.tile(products.weights / 2, 2),
            np.concatenate([products.x, -products.x]),
            np.concatenate([products.y, -products.y]),
        )
    a, b = (z if isinstance(party, Deterministic) else None for z, party in ((s.a, s.A), (s.b, s.B)))
    return LocalModel(products.weights, products.x, products.y, a, b)


def _everywhere(
    notion: str,
    state: TwoQubitState,
    tolerance: float,
    deadline: float | None,
    seed: int,
    progress: Callable[[Progress], None] | None,
) -> tuple[Found, bool, bool]:
    """The answer for all projective measurements; is it proved, and does its upper bound rest on a search?"""
    if notion in ("bell", "steering") and proved_separable(state):
        # Its decomposition is a model for both notions.
        return separability.solve(state)[0], True, False
    if notion == "bell":
        return bell.solve(state, tolerance, deadline, seed, progress), False, False
    if notion == "steering":
        found, proved = steering.solve(state, tolerance, deadline, seed, progress)
        return found, proved, has_marginals(np.asarray(state.r_A), np.asarray(state.r_B))
    return *separability.solve(state), False


def _proved(
    found: Found, s: Situation, state: TwoQubitState, pairs: SettingPairs, deadline: float | None
) -> tuple[Found, bool]:
    """The bracket with both bounds proved, and whether they are.

    They are proved in exact arithmetic for Bell's notion, where one party has at most `exact.MOST` settings. Otherwise,
    and after Ctrl-C, the bracket stays as it is.
    """
    if not isinstance(s.B, Deterministic) or min(len(s.a), len(s.b)) > exact.MOST:
        return found, False
    if found.status == Ending.INTERRUPTED:
        return found, False
    try:
        return _exactly(found, s, state, pairs, deadline), True
    except KeyboardInterrupt:
        return replace(found, status=Ending.INTERRUPTED), False


def _exactly(found: Found, s: Situation, state: TwoQubitState, pairs: SettingPairs, deadline: float | None) -> Found:
    """The bracket of Bell's notion in exact arithmetic; the upper bound is 1 where `deadline` ends its proof."""
    r_A, r_B, T = (np.asarray(x, np.float64) for x in (state.r_A, state.r_B, state.T))
    numbers = exact.exact_correlation(r_A, r_B, T, pairs.a, pairs.b)
    marginals = has_marginals(*correlation_in_numpy(state, pairs.a, pairs.b)[:2])
    lower = 0.0
    if isinstance(p := found.model, Products):
        lower = exact.local_visibility(p.weights, p.x, p.y, s.alice, s.bob, numbers, found.lower, marginals)
    upper, cut = 1.0, found.inequality
    if cut is not None and found.upper < 1:
        f, h, g = exact.whole(cut.alice, cut.bob, cut.coefficients)
        G = np.zeros((len(s.a), len(s.b)), np.int64)
        F, H = np.zeros(len(s.a), np.int64), np.zeros(len(s.b), np.int64)
        for target, index, column in ((G, (s.alice, s.bob), g), (F, s.alice, f), (H, s.bob, h)):
            np.add.at(target, index, column)
        bound = exact.local_bound(G, F, H, lambda: late(deadline))
        if bound is not None:
            upper = exact.broken_above((f, h, g), numbers, bound)
            cut = LinearInequality(g.astype(float), cut.a, cut.b, f.astype(float), h.astype(float), float(bound))
    return replace(found, lower=min(lower, 1.0), upper=upper, inequality=cut)
