"""Both ends of a bracket proved by the checker, as docs/CERTIFICATES.md describes."""

from __future__ import annotations

import functools
import math
import time
from dataclasses import dataclass, replace

import numpy as np

from .._clock import late
from ..inequalities.inequality import LeggettInequality
from ..lp.column_generation import Bracket
from ..models.interpolated import InterpolatedModel
from ..proofs.branch_and_bound import enclose
from ..proofs.checker import claims
from ..proofs.checker.certificate import Certificate
from ..proofs.checker.search import Outcome, bounded
from ..proofs.checker.symmetry import IDENTITY
from ..runs import Ending
from ..settings import SettingPairs
from ..states import TwoQubitState
from .canonical_form import CanonicalForm
from .everywhere import Above, Below, balanced
from .finite_settings import solve

KEPT = 1e-4
"""Weights and prices below this, relative to the largest, are no part of what is proved for all settings."""

EXCESS_SHARE, BOUND_SHARE = 0.07, 0.15
"""How close the excess and the bound are proved, relative to the tolerance: a quarter of it at either end."""

PAD = 1e-13
"""By how much more than what is proved here is left, so that a machine whose sums round otherwise proves it too."""

ALIGNED = 1e-6
"""Components below this become 0, and u and v that are closer than ten times this one vector: fewer terms to prove."""


def certified_bracket(
    state: TwoQubitState, pairs: SettingPairs, found: Bracket, tolerance: float, deadline: float | None, seed: int
) -> tuple[Bracket, Certificate]:
    """The bracket at finitely many settings with both ends proved, and the certificate."""
    lower, best, status = reached(state, pairs, found), found, found.status
    if found.lower - lower > tolerance / 4:
        # The model knows nothing of directions that only the last digits of settings have: one that does.
        again = solve(state, pairs, tolerance / 2, deadline, seed, spans=(claims.span(pairs.a), claims.span(pairs.b)))
        status = again.status
        if (other := reached(state, pairs, again)) > lower:
            lower, best = other, again
    claim = None if best.model is None else _claimed(best)
    model = best.model
    if isinstance(model, InterpolatedModel) and lower > 0:
        # The model that the proof speaks of: a little more noise.
        model = model.with_noise(1 - lower / best.lower)
    certificate = Certificate(_own(state), lower, 1.0, claim, 0.0, None, 0.0, (pairs.a, pairs.b))
    if found.inequality is None or status == Ending.INTERRUPTED:
        return Bracket(lower, 1.0, model, None, status), certificate
    shown = proved(found.inequality, state, tolerance / 4, deadline)
    if shown.upper >= 1:
        return Bracket(lower, 1.0, model, None, shown.status), certificate
    certificate = replace(certificate, upper=shown.upper, inequality=shown.claim, bound=shown.bound)
    return Bracket(lower, shown.upper, model, shown.inequality, shown.status), certificate


def _own(state: TwoQubitState) -> claims.State:
    return claims.State.own(*(np.asarray(x, np.float64) for x in (state.r_A, state.r_B, state.T)))


def _claimed(found: Bracket) -> claims.Model:
    """The model of a bracket as the checker takes it."""
    assert found.model is not None
    weights, u, v = (np.asarray(x, np.float64) for x in found.model.atoms())
    return claims.Model(np.concatenate([u, v], axis=1), weights, found.lower, np.ones(len(weights)))


def reached(state: TwoQubitState, pairs: SettingPairs, found: Bracket) -> float:
    """The visibility that the model of a bracket is proved to reach, mixed with what makes it obey (P) exactly."""
    return 0.0 if found.model is None else claims.at_pairs(_claimed(found), _own(state), pairs.a, pairs.b) * (1 - PAD)


@dataclass(frozen=True, eq=False)
class Proved:
    """An inequality with a proved bound, and a visibility above which the state is proved to break it.

    `upper` is infinite if the state never breaks it; `status` says how it ended. `claim` and `bound` are the same for
    the checker, scaled by a power of two.
    """

    inequality: LeggettInequality
    upper: float
    status: Ending
    claim: claims.Inequality
    bound: float

    def certificate(self, state: TwoQubitState) -> Certificate:
        """What the inequality alone shows about the state."""
        upper = min(self.upper, 1.0)
        return Certificate(_own(state), 0.0, upper, None, 0.0, self.claim if upper < 1 else None, self.bound, None)


def proved(inequality: LeggettInequality, state: TwoQubitState, tolerance: float, deadline: float | None) -> Proved:
    """Prove a bound within `tolerance` of the best, relative to the state's value, or as far as time allows."""
    scaled, k = inequality.normalised()
    claim = claims.Inequality.of(scaled.coefficients, scaled.a, scaled.b, scaled.alice, scaled.bob)
    own = _own(state)
    # Of zeros, the scale is 0.
    share = max(claims.value(claim, own) / max(claim.scale, 1.0), 1e-3)
    limit = None if deadline is None else max(deadline - time.monotonic(), 0.0)
    found = enclose(inequality, tolerance * share, time_limit=limit)
    bound = math.ldexp(found.bound, -k)
    upper = claims.upper(claim, own, bound) * (1 + PAD)
    return Proved(replace(inequality, bound=found.bound), upper, found.status, replace(claim, maps=found.maps), bound)


@dataclass(frozen=True, eq=False)
class Shown:
    """What the checker says of one end at all settings: `visibility` is proved, however the proof ended.

    `amount` is the model's excess or the inequality's bound, and `place` (6,) is where it is nearly reached.
    """

    visibility: float
    claim: claims.Model | claims.Inequality
    amount: float
    place: np.ndarray
    outcome: Outcome


class Prover:
    """Proves what a programme over all settings finds for a state of canonical form `form`, whatever found it."""

    def __init__(self, state: TwoQubitState, form: CanonicalForm, tolerance: float, deadline: float | None) -> None:
        self.own, self.form, self.tolerance = _in_frames(state, form), form, tolerance
        self.effort = functools.partial(bounded, late=lambda: late(deadline))

    def below(self, found: Below) -> Shown:
        """A visibility that the model, mixed with what makes it obey (P), is proved to reach."""
        own = self.own
        marginals = np.concatenate([own.frame_A.T @ own.r_A, own.frame_B.T @ own.r_B])
        model = _model(self.form, marginals, found)
        bound = self.effort(model.problem(own.S), tolerance=EXCESS_SHARE * self.tolerance)
        excess = bound.bound + PAD
        visibility = min(claims.lower(model, own, excess) * (1 - PAD), 1.0)
        return Shown(visibility, model, excess, bound.place.reshape(6), bound.outcome)

    def above(self, found: Above) -> Shown:
        """A visibility above which the inequality is proved to be broken; 1 where that says nothing."""
        inequality = _cut(self.form, found)
        bound = claims.ceiling(inequality, self.effort, tolerance=BOUND_SHARE * self.tolerance)
        visibility = min(claims.upper(inequality, self.own, bound.bound) * (1 + PAD), 1.0)
        return Shown(visibility, inequality, bound.bound, bound.place.reshape(6), bound.outcome)

    def certificate(self, below: Shown | None, above: Shown | None) -> Certificate:
        """Both ends, for a file; without one, 0 or 1."""
        lower, model, excess = (0.0, None, 0.0) if below is None else (below.visibility, below.claim, below.amount)
        upper, cut, bound = (1.0, None, 0.0) if above is None else (above.visibility, above.claim, above.amount)
        assert not isinstance(model, claims.Inequality)
        assert not isinstance(cut, claims.Model)
        return Certificate(self.own, lower, upper, model, excess, None if upper == 1 else cut, bound, None)


def _in_frames(state: TwoQubitState, form: CanonicalForm) -> claims.State:
    """The state, and the frames of its canonical form, where T is diagonal, exactly as symmetric as the form says."""
    s = form.s.copy()
    if form.kind == "O(2)":
        s[1] = s[0]
    own = _own(state)
    return claims.State(own.r_A, own.r_B, own.T, form.frame_A, form.frame_B, np.diag(s))


def _symmetry(form: CanonicalForm) -> claims.Symmetry:
    """That of the form. O(2) has its mirror already, so that of images that it takes to one another one is left."""
    axial = form.kind == "O(2)"
    plain = [G for G in form.group if not axial or G[0, 0] + G[0, 3] == G[1, 1] + G[1, 4]]
    return claims.Symmetry(np.array(plain), axial)


def _aligned(form: CanonicalForm, points: np.ndarray) -> np.ndarray:
    """Points (n, 6) moved by hardly anything, so that their images coincide where they nearly do."""
    points = form.gauged(points)
    points = np.where(np.abs(points) < ALIGNED, 0.0, points).reshape(-1, 2, 3)
    points /= np.linalg.norm(points, axis=2, keepdims=True)
    same = np.linalg.norm(points[:, 0] - points[:, 1], axis=1) < 10 * ALIGNED
    points[same, 1] = points[same, 0]
    return points.reshape(-1, 6)


def _model(form: CanonicalForm, marginals: np.ndarray, below: Below) -> claims.Model:
    """The model of a numerical answer, for the checker; `marginals` (6,) are the state's, in the form's frames."""
    symmetry = _symmetry(form)
    if below.balance is None:
        # The weights alone give the marginals, and every one counts.
        return claims.Model(below.x, below.weights, below.V, np.ones(len(symmetry.images) * len(below.x)), symmetry)
    kept = below.weights > KEPT * below.weights.max()
    x, w = _aligned(form, below.x[kept]), below.weights[kept] / below.weights[kept].sum()
    balance = balanced(*symmetry.applied(x, w), below.V * marginals, symmetry.axial)
    return claims.Model(
        x, w, below.V, np.zeros(len(symmetry.images) * len(x)) if balance is None else balance, symmetry
    )


def _cut(form: CanonicalForm, above: Above) -> claims.Inequality:
    """The inequality of a numerical answer, for the checker."""
    symmetry = _symmetry(form)
    kept = above.prices > KEPT * above.prices.max()
    y, w = _aligned(form, above.y[kept]), above.prices[kept]
    maps = IDENTITY
    if not symmetry.axial and not above.F.any():
        signs = np.array(np.meshgrid([1.0, -1], [1.0, -1], [1.0])).reshape(3, -1).T
        maps = np.array([np.diag(sign) for sign in signs])
    return claims.Inequality(y, w, above.F, float(w.sum() + np.abs(above.F).sum()), maps, symmetry)
