"""Both ends of a bracket at finitely many settings proved, as docs/CERTIFICATES.md describes."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np

from ..inequalities.inequality import LeggettInequality
from ..lp.column_generation import Bracket
from ..models.interpolated import UNIT_ROUNDOFF, InterpolatedModel
from ..runs import Ending
from ..settings import SettingPairs
from ..states import TwoQubitState, correlation_in_numpy
from .finite_settings import exact_span, solve


def certified_bracket(
    state: TwoQubitState, pairs: SettingPairs, found: Bracket, tolerance: float, deadline: float | None, seed: int
) -> Bracket:
    """The bracket with both ends proved, as docs/CERTIFICATES.md describes."""
    lower, best, status = repaired(state, pairs, found), found, found.status
    if found.lower - lower > tolerance / 4:
        # The model knows nothing of directions that only the last digits of settings have: one that does.
        again = solve(state, pairs, tolerance / 2, deadline, seed, exact=True)
        status = again.status
        if (other := repaired(state, pairs, again)) > lower:
            lower, best = other, again
    model = best.model
    if isinstance(model, InterpolatedModel) and lower > 0:
        # The model that the proof speaks of: a little more noise.
        model = model.with_noise(1 - lower / best.lower)
    cut, upper = None, 1.0
    if found.inequality is not None and status != Ending.INTERRUPTED:
        cut, upper, status = proved(found.inequality, state, tolerance / 4, deadline)
    return Bracket(lower, min(upper, 1.0), model, cut if upper < 1 else None, status)


def repaired(state: TwoQubitState, pairs: SettingPairs, found: Bracket) -> float:
    """The visibility that the model of a bracket reaches once it is mixed with what makes it obey (P) exactly."""
    model = found.model
    if model is None:
        return 0.0
    rounding = 4 * (len(model.atoms()[0]) + 40) * UNIT_ROUNDOFF
    breach, miss = max(model.excess(state, found.lower, pairs), 0.0), 0.0
    weights, u, v = model.atoms()
    for vectors, r, settings in ((u, state.r_A, pairs.a), (v, state.r_B, pairs.b)):
        # Only the part in the span of the settings is ever measured.
        off = exact_span(settings) @ (weights @ vectors - found.lower * np.asarray(r))
        miss = max(miss, float(np.linalg.norm(off)))
    miss += rounding
    return max(0.0, found.lower * (1 - 3 * (breach + rounding + miss) - miss))


def proved(
    inequality: LeggettInequality, state: TwoQubitState, tolerance: float, deadline: float | None
) -> tuple[LeggettInequality, float, Ending]:
    """The inequality with a proved bound, and a visibility above which the state is proved to break it.

    Infinite if the state never breaks it. Last, how it ended: `converged` within `tolerance` of the best.
    """
    from ..proofs.branch_and_bound import enclose

    scaled, k = inequality.normalised()
    total = sum(np.abs(x).sum() for x in (scaled.coefficients, scaled.alice, scaled.bob))
    M_A, M_B, C = correlation_in_numpy(state, scaled.a, scaled.b)
    # A sum of N terms of three products: off by less than this.
    rounding = 4 * (len(C) + 10) * UNIT_ROUNDOFF * total
    value = float(scaled.coefficients @ C + scaled.alice @ M_A + scaled.bob @ M_B - rounding)
    limit = None if deadline is None else max(deadline - time.monotonic(), 0.0)
    # Of zeros, the total is 0.
    found = enclose(inequality, tolerance * max(value / max(total, 1.0), 1e-3), time_limit=limit)
    upper = math.nextafter(math.ldexp(found.bound, -k) / value, math.inf) if value > 0 else math.inf
    return replace(inequality, bound=found.bound), upper, Ending(found.status)
