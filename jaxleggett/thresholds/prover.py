"""Both ends of a bracket at all settings, proved by the checker as docs/CERTIFICATES.md describes."""

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
"""Weights and prices below this, relative to the largest, are no part of what is proved for all settings."""

EXCESS_SHARE, BOUND_SHARE = 0.07, 0.15
"""How close the excess and the bound are proved, relative to the tolerance: a quarter of it at either end."""

ALIGNED = 1e-6
"""Components below this become 0, and u and v that are closer than ten times this one vector: fewer terms to prove."""


MOST_PROOFS = 8
"""Proofs without a closer bracket after which more of them are no use."""


@dataclass(frozen=True, eq=False)
class ProvedBelow:
    """What is proved of `found`: its claim, whose excess is at most this, reaches a visibility."""

    found: Below
    claim: claims.Model
    excess: float
    visibility: float


@dataclass(frozen=True, eq=False)
class ProvedAbove:
    """What is proved of `found`: its claim, which holds with this bound, is broken above a visibility."""

    found: Above
    claim: claims.Inequality
    bound: float
    visibility: float


class Prover:
    """Proves what a programme over all settings finds for a state of canonical form `form`, and keeps the best."""

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
        """The least visibility above which an inequality is proved to be broken; 1 without one."""
        return 1.0 if self.above is None else self.above.visibility

    @property
    def futile(self) -> bool:
        """Whether a proof was given up, or the last ones brought nothing closer."""
        last, before = self.gaps[-MOST_PROOFS:], self.gaps[:-MOST_PROOFS]
        return self.given_up or (len(before) > 0 and min(last) >= min(before))

    def prove(self, below: Below | None, above: Above | None) -> tuple[np.ndarray, np.ndarray]:
        """Prove both, unless they are the best already; where they are nearly reached, pairs and hidden vectors (n, 6).

        The lower end takes half of the time that is left at most. Raises OutOfTime and KeyboardInterrupt; what is
        proved until then is kept.
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
        """Where a bound is nearly reached."""
        self.given_up |= shown.outcome == "given up"
        if shown.outcome == "interrupted":
            raise KeyboardInterrupt
        return shown.place.reshape(1, 6)

    def certificate(self) -> Certificate:
        """The best of both ends, for a file; without one, 0 or 1."""
        model, excess = (None, 0.0) if self.below is None else (self.below.claim, self.below.excess)
        cut, bound = (None, 0.0) if self.above is None else (self.above.claim, self.above.bound)
        cut = None if self.upper == 1 else cut
        return Certificate(self.own, self.lower, self.upper, model, excess, cut, bound, None)


def _until(deadline: float | None) -> claims.Effort:
    """Branch and bound that stops at a deadline."""
    return functools.partial(bounded, late=lambda: late(deadline))


def _in_frames(state: TwoQubitState, form: CanonicalForm) -> claims.State:
    """The state, and the frames of its canonical form, where T is diagonal, exactly as symmetric as the form says."""
    s = form.s.copy()
    if form.kind == "O(2)":
        s[1] = s[0]
    own = claimed_state(state)
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
