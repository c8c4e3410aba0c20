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
"""Most different settings of a party: a programme has an equation for every pair."""


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
    """The largest V for which V (r_A, r_B, T) is compatible with a notion at `settings`, bracketed.

    state       a two-qubit state, its name as on the command line, or its density matrix (4, 4)
    notion      `leggett`: a Leggett model, see `thresholds.threshold`, which answers then
                `bell`: local hidden variables (J. S. Bell 1964)
                `steering`: Alice cannot steer Bob, whose hidden states are qubits (Wiseman, Jones, Doherty 2007)
                `separable`: a mixture of product states
                `navascues`: a Leggett model in which the hidden polarisations are real, see docs/NOTIONS.md; that is
                a mixture of product states, too
    settings    setting pairs, a name that `SettingPairs.parse` knows, or `all` projective measurements
    tolerance   upper - lower to reach, above 0
    time_limit  seconds after which the bracket is returned as it is
    seed        of named settings `random:N`, and of searches
    certify     prove both ends; for `leggett` everywhere (docs/CERTIFICATES.md), for `bell` at finitely many settings,
                24 of one party at most, in exact arithmetic
    progress    is called with a `Progress` after every round

    For `separable` and `navascues` at all settings, and for `steering` of states without marginals whose T is diagonal,
    both ends are proved in any case; what is left is numerical. docs/NOTIONS.md says how each is answered. Raises
    InputError for bad arguments.

    >>> import jaxleggett as jl
    >>> found = jl.threshold(jl.werner(), notion="separable")
    >>> found.certified, round(found.lower, 9), round(found.upper, 9)
    (True, 0.333333333, 0.333333333)
    """
    if notion not in NOTIONS:
        raise InputError(f"notion must be one of {', '.join(NOTIONS)}, but is {quoted(notion)}")
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
    """The parties' responses in a notion, at the different settings of some pairs; InputError for too many of them."""
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
    """The mixture, with the opposites of all outcomes where there are no marginals."""
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
    """The answer for all projective measurements; whether it is proved, and whether the upper end is searched for."""
    if notion in ("bell", "steering") and proved_separable(state):
        # Its decomposition is a model of either.
        return separability.solve(state)[0], True, False
    if notion == "bell":
        return bell.solve(state, tolerance, deadline, seed, progress), False, False
    if notion == "steering":
        found, proved = steering.solve(state, tolerance, deadline, seed, progress)
        return found, proved, not proved
    return *separability.solve(state), False


def _proved(
    found: Found, s: Situation, state: TwoQubitState, pairs: SettingPairs, deadline: float | None
) -> tuple[Found, bool]:
    """Both ends for local deterministic strategies, proved in exact arithmetic; as they are for other notions."""
    if not isinstance(s.B, Deterministic) or min(len(s.a), len(s.b)) > exact.MOST:
        return found, False
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
    return replace(found, lower=min(lower, 1.0), upper=upper, inequality=cut), True
