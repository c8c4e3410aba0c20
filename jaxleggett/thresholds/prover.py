"""Both ends of a bracket at all settings, proved by the checker (docs/CERTIFICATES.md)."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass

import numpy as np

from .._clock import OutOfTime, late
from ..proofs.checker import claims
from ..proofs.checker.certificate import Certificate
from ..proofs.checker.search import Bound, bounded
from ..proofs.checker.symmetry import IDENTITY
from ..states import TwoQubitState
from .canonical_form import CanonicalForm
from .certificates import PAD, claimed_state
from .everywhere import Above, Below, balanced

KEPT = 1e-4
"""Weights and prices below this, relative to the largest, are left out of what is proved for all settings."""

EXCESS_SHARE, BOUND_SHARE = 0.07, 0.15
"""How closely the excess and the bound are proved, relative to the tolerance of the bracket. Either end of the bracket
then moves by about a quarter of the tolerance."""

ALIGNED = 1e-6
"""Components below this are set to 0, and v to u where they are closer than ten times this: then fewer terms differ."""

MOST_PROOFS = 8
"""Proofs without a narrower bracket after which no further ones are tried."""


@dataclass(frozen=True, eq=False)
class ProvedBelow:
    """A model `found`, the `claim` made of it, the proved bound on its excess, and the visibility that it reaches."""

    found: Below
    claim: claims.Model
    excess: float
    visibility: float


@dataclass(frozen=True, eq=False)
class ProvedAbove:
    """An inequality `found`, the `claim` that is made of it, its proved bound, and the visibility that breaks it."""

    found: Above
    claim: claims.Inequality
    bound: float
    visibility: float


class Prover:
    """Proves models and inequalities for a state of canonical form `form` at all settings, and keeps the best."""

    def __init__(self, state: TwoQubitState, form: CanonicalForm, tolerance: float, deadline: float | None) -> None:
        self.own, self.form, self.tolerance = _in_frames(state, form), form, tolerance
        self.deadline = deadline
        self.below: ProvedBelow | None = None
        self.above: ProvedAbove | None = None
        self.gaps: list[float] = []
        self.given_up = False

    @property
    def lower(self) -> float:
        """The largest visibility that a model is proved to reach."""
        return 0.0 if self.below is None else self.below.visibility

    @property
    def upper(self) -> float:
        """The smallest visibility above which an inequality is proved to be broken; 1 without one."""
        return 1.0 if self.above is None else self.above.visibility

    @property
    def futile(self) -> bool:
        """Whether a proof was given up, or the last `MOST_PROOFS` did not make the bracket narrower."""
        last, before = self.gaps[-MOST_PROOFS:], self.gaps[:-MOST_PROOFS]
        return self.given_up or (len(before) > 0 and min(last) >= min(before))

    def prove(self, below: Below | None, above: Above | None) -> tuple[np.ndarray, np.ndarray]:
        """Prove both, except what is proved already; the worst pairs and the worst hidden vectors met, (n, 6) each.

        The lower end takes at most half of the time that is left. Raises OutOfTime and KeyboardInterrupt; what was
        proved before is kept.
        """
        y = x = np.zeros((0, 6))
        in_time = True
        if below is not None and (self.below is None or below is not self.below.found):
            shown = self._prove_below(below, self._halfway())
            y, in_time = self._place(shown), shown.outcome != "out of time"
        if above is not None and (self.above is None or above is not self.above.found):
            shown = self._prove_above(above, self.deadline)
            x, in_time = self._place(shown), in_time and shown.outcome != "out of time"
        if not in_time:
            raise OutOfTime
        self.gaps.append(self.upper - self.lower)
        return y, x

    def _halfway(self) -> float | None:
        return None if self.deadline is None else (time.monotonic() + self.deadline) / 2

    def _prove_below(self, found: Below, deadline: float | None) -> Bound:
        own = self.own
        marginals = np.concatenate([own.frame_A.T @ own.r_A, own.frame_B.T @ own.r_B])
        model = _model(self.form, marginals, found)
        shown = _until(deadline)(model.problem(own.S), tolerance=EXCESS_SHARE * self.tolerance)
        excess = shown.bound + PAD
        visibility = min(claims.lower(model, own, excess) * (1 - PAD), 1.0)
        if self.below is None or visibility > self.lower:
            self.below = ProvedBelow(found, model, excess, visibility)
        return shown

    def _prove_above(self, found: Above, deadline: float | None) -> Bound:
        inequality = _cut(self.form, found)
        shown = claims.ceiling(inequality, _until(deadline), tolerance=BOUND_SHARE * self.tolerance)
        visibility = min(claims.upper(inequality, self.own, shown.bound) * (1 + PAD), 1.0)
        if self.above is None or visibility < self.upper:
            self.above = ProvedAbove(found, inequality, shown.bound, visibility)
        return shown

    def _place(self, shown: Bound) -> np.ndarray:
        """The place (1, 6) of the largest value that a proof met; raises KeyboardInterrupt if it was interrupted."""
        self.given_up |= shown.outcome == "given up"
        if shown.outcome == "interrupted":
            raise KeyboardInterrupt
        return shown.place.reshape(1, 6)

    def certificate(self) -> Certificate:
        """The certificate of the best bounds that are proved."""
        model, excess = (None, 0.0) if self.below is None else (self.below.claim, self.below.excess)
        cut, bound = (None, 0.0) if self.above is None else (self.above.claim, self.above.bound)
        cut = None if self.upper == 1 else cut
        return Certificate(self.own, self.lower, self.upper, model, excess, cut, bound, None)


def _until(deadline: float | None) -> claims.Effort:
    """Branch and bound that stops at a deadline."""
    return functools.partial(bounded, late=lambda: late(deadline))


def _in_frames(state: TwoQubitState, form: CanonicalForm) -> claims.State:
    """The state in the frames of its canonical form. S is diagonal, with equal elements where the form has an axis."""
    s = form.s.copy()
    if form.kind == "O(2)":
        s[1] = s[0]
    own = claimed_state(state)
    return claims.State(own.r_A, own.r_B, own.T, form.frame_A, form.frame_B, np.diag(s))


def _symmetry(form: CanonicalForm) -> claims.Symmetry:
    """The symmetry of the form. O(2) has the mirror, so of two images that it maps to each other one is left out."""
    axial = form.kind == "O(2)"
    plain = [G for G in form.group if not axial or G[0, 0] + G[0, 3] == G[1, 1] + G[1, 4]]
    return claims.Symmetry(np.array(plain), axial)


def _aligned(form: CanonicalForm, points: np.ndarray) -> np.ndarray:
    """Points (n, 6) moved by about `ALIGNED`, so that images that nearly coincide are equal."""
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
        # The marginals come from the weights alone, so that even the smallest ones are needed.
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
