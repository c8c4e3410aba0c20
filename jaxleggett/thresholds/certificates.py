"""Both ends of a bracket at finitely many settings, proved by the checker (docs/CERTIFICATES.md)."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np

from ..inequalities.inequality import LeggettInequality
from ..lp.column_generation import Bracket
from ..models.interpolated import InterpolatedModel
from ..proofs.branch_and_bound import enclose
from ..proofs.checker import claims
from ..proofs.checker.certificate import Certificate
from ..runs import Ending
from ..settings import SettingPairs
from ..states import TwoQubitState
from .finite_settings import solve

PAD = 1e-13
"""Ends that are written down are this much weaker, relatively, so that a machine whose sums round otherwise proves them
too."""


def certified_bracket(
    state: TwoQubitState, pairs: SettingPairs, found: Bracket, tolerance: float, deadline: float | None, seed: int
) -> tuple[Bracket, Certificate]:
    """The bracket at finitely many settings with both ends proved, and the certificate."""
    lower, best, status = reached(state, pairs, found), found, found.status
    if found.lower - lower > tolerance / 4:
        # The programme ignores directions that the settings span by their last digits only. The proof does not, so that
        # a model is needed that has the marginals of those directions, too.
        again = solve(state, pairs, tolerance / 2, deadline, seed, spans=(claims.span(pairs.a), claims.span(pairs.b)))
        status = again.status
        if (other := reached(state, pairs, again)) > lower:
            lower, best = other, again
    claim = None if best.model is None else _claimed(best)
    model = best.model
    if isinstance(model, InterpolatedModel) and lower > 0:
        # The model that is proved has a little more noise.
        model = model.with_noise(1 - lower / best.lower)
    certificate = Certificate(claimed_state(state), lower, 1.0, claim, 0.0, None, 0.0, (pairs.a, pairs.b))
    if found.inequality is None or status == Ending.INTERRUPTED:
        return Bracket(lower, 1.0, model, None, status), certificate
    shown = proved(found.inequality, state, tolerance / 4, deadline)
    # At settings in a plane, F may have a component out of the plane by rounding.
    rest = claims.require_about(shown.claim, pairs.a, pairs.b)
    upper = claims.upper(shown.claim, claimed_state(state), shown.bound, rest) * (1 + PAD)
    if upper >= 1:
        return Bracket(lower, 1.0, model, None, shown.status), certificate
    certificate = replace(certificate, upper=upper, inequality=shown.claim, bound=shown.bound)
    return Bracket(lower, upper, model, shown.inequality, shown.status), certificate


def claimed_state(state: TwoQubitState) -> claims.State:
    """The state in its own frames, as the checker takes it."""
    return claims.State.own(*(np.asarray(x, np.float64) for x in (state.r_A, state.r_B, state.T)))


def _claimed(found: Bracket) -> claims.Model:
    """The model of a bracket as the checker takes it."""
    assert found.model is not None
    weights, u, v = (np.asarray(x, np.float64) for x in found.model.atoms())
    return claims.Model(np.concatenate([u, v], axis=1), weights, found.lower, np.ones(len(weights)))


def reached(state: TwoQubitState, pairs: SettingPairs, found: Bracket) -> float:
    """The visibility that the model of a bracket, mended, is proved to reach; 0 without a model."""
    return (
        0.0
        if found.model is None
        else claims.at_pairs(_claimed(found), claimed_state(state), pairs.a, pairs.b) * (1 - PAD)
    )


@dataclass(frozen=True, eq=False)
class Proved:
    """An inequality with a proved bound, and a visibility `upper` above which the state is proved to break it.

    `upper` is infinite where nothing is proved. `status` says how the proof ended. `claim` and `bound` are the same
    inequality for the checker, divided by a power of two.
    """

    inequality: LeggettInequality
    upper: float
    status: Ending
    claim: claims.Inequality
    bound: float

    def certificate(self, state: TwoQubitState) -> Certificate:
        """The certificate with this upper end and the lower end 0, for all settings."""
        upper = min(self.upper, 1.0)
        return Certificate(
            claimed_state(state), 0.0, upper, None, 0.0, self.claim if upper < 1 else None, self.bound, None
        )


def proved(inequality: LeggettInequality, state: TwoQubitState, tolerance: float, deadline: float | None) -> Proved:
    """Prove a bound on `inequality` that is within `tolerance` of the best, relative to the state's value.

    The tolerance is relative to a thousandth of the coefficients' moduli where the value is smaller. Past `deadline`
    the bound is larger, but proved.
    """
    scaled, k = inequality.normalised()
    claim = claims.Inequality.of(scaled.coefficients, scaled.a, scaled.b, scaled.alice, scaled.bob)
    own = claimed_state(state)
    # The scale is 0 for an inequality of zeros, and at least 1 for any other.
    share = max(claims.value(claim, own) / max(claim.scale, 1.0), 1e-3)
    limit = None if deadline is None else max(deadline - time.monotonic(), 0.0)
    found = enclose(inequality, tolerance * share, time_limit=limit)
    bound = math.ldexp(found.bound, -k)
    upper = claims.upper(claim, own, bound) * (1 + PAD)
    return Proved(replace(inequality, bound=found.bound), upper, found.status, replace(claim, maps=found.maps), bound)
