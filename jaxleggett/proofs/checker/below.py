"""The excess of a model: the largest amount by which it breaks the condition (P) at any settings, from above.

A model is given by hidden vectors x_k = (u_k, v_k) with weights w_k, in frames where the state has C(a, b) = a.S b.
With

    h(a, b) = sum_k w_k |u_k.a + v_k.b|,      f(a, b) = h(a, b) - 1 - V a.S b,

the interpolated correlator over these hidden vectors is a Leggett model for V S iff f <= 0 for all unit a, b. With the
symmetry O(2) about the third axis, h is averaged over joint turns about it and over the mirror y -> -y.
docs/CERTIFICATES.md has the proof of the majorant below.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from . import circle
from .cells import HALF, QUARTER, SPHERE, Cells
from .symmetry import IDENTITY

BLOCK = 2**16
"""Numbers that are worked on together where each takes many steps: what a cache holds."""

STEPS = 12
"""Steps by which the centres of the majorant are sought; any centres give a bound."""


@dataclass(frozen=True, eq=False)
class Excess:
    """f, to be bounded from above: a `search.Problem`. x (n, 6), w (n,) of sum 1, S (3, 3), V.

    `maps` (group, 3, 3) are symmetries of f, whose `defect` bounds by how much f may change under them.
    """

    x: np.ndarray
    w: np.ndarray
    S: np.ndarray
    V: float
    maps: np.ndarray = field(default_factory=lambda: IDENTITY)
    defect: float = 0.0

    first = second = SPHERE

    @property
    def rounding(self) -> float:
        """More than what f is off by, and what the symmetries may change."""
        return 64 * (len(self.w) + 40) * 2.0**-53 + self.defect

    @property
    def work(self) -> int:
        """Numbers a box takes."""
        return 8 * len(self.w) + 300

    @property
    def trivial(self) -> float:
        """h <= 2."""
        return self.rounding + 1 + self.V * float(np.abs(self.S).sum())

    def mean(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """h (n,) at pairs a, b (n, 3)."""
        y, h = np.concatenate([a, b], axis=1), np.empty(len(a))
        for part in np.array_split(np.arange(len(y)), 1 + len(y) * len(self.x) // BLOCK):
            h[part] = np.abs(y[part] @ self.x.T) @ self.w
        return h

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """E[u u^T] and E[v v^T], (3, 3)."""
        u, v = self.x[:, :3], self.x[:, 3:]
        return (u.T * self.w) @ u, (v.T * self.w) @ v

    def bounds(self, a: Cells, b: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Upper bounds of f, its largest values at corners, and these."""
        h = self._at_corners(a.corners, b.corners)
        f = h - 1 - self.V * (a.corners @ self.S) @ b.corners.transpose(0, 2, 1)
        least = np.maximum(h.min((1, 2)) - circle.SLACK, 0)
        # E|u.a| is at most the root of E(u.a)^2, which is convex too: largest at a corner.
        A, B = (
            np.sqrt(((cells.corners @ M) * cells.corners).sum(2).max(1) + self.rounding)
            for cells, M in zip((a, b), self.moments(), strict=True)
        )
        # The two cases of docs/CERTIFICATES.md (M), as rows: the coefficients of rho_a and of rho_b.
        alice = np.maximum([1 - least + A, 1 - B], 0) / (1 + a.narrowness)
        bob = np.maximum([1 - A, 1 - least + B], 0) / (1 + b.narrowness)
        highest = _majorant(f, alice, bob, a, b)
        highest = np.where(highest > 0, highest / (a.narrowness * b.narrowness), highest)
        i, j = np.divmod(f.reshape(len(f), -1).argmax(1), f.shape[2])
        rows = np.arange(len(f))
        places = np.stack([a.corners[rows, i], b.corners[rows, j]], axis=1)
        return highest + self.rounding, f.max((1, 2)), places

    def _at_corners(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """h of all pairs of corners a (n, i, 3), b (n, j, 3): (n, i, j). Boxes share them; each pair is done once."""
        shape = len(a), a.shape[1], b.shape[1]
        pairs = np.concatenate(
            [np.broadcast_to(a[:, :, None], (*shape, 3)), np.broadcast_to(b[:, None], (*shape, 3))], axis=3
        ).reshape(-1, 6)
        _, first, place = np.unique(pairs.view("V48").ravel(), return_index=True, return_inverse=True)
        return self.mean(pairs[first, :3], pairs[first, 3:])[place].reshape(shape)


@dataclass(frozen=True, eq=False)
class AxialExcess(Excess):
    """The same with h averaged over O(2)."""

    first, second = QUARTER, HALF

    @property
    def work(self) -> int:
        """Numbers a box takes."""
        return 40 * len(self.w)

    def mean(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """As above, averaged."""
        x, w = circle.mirrored(self.x, self.w)
        along, inward, across = circle.turned(x)
        y, h = np.concatenate([a, b], axis=1), np.empty(len(a))
        for part in np.array_split(np.arange(len(y)), 1 + len(y) * len(x) // BLOCK):
            z = y[part]
            re, im = z @ inward.T, z @ across.T
            h[part] = circle.mean_modulus(z @ along.T, np.sqrt(re * re + im * im)) @ w
        return h

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """As above, averaged."""
        first, second = super().moments()
        return _turned(first), _turned(second)


def _turned(M: np.ndarray) -> np.ndarray:
    """A matrix of moments averaged over turns about the third axis, and its mirror."""
    across = (M[0, 0] + M[1, 1]) / 2
    return np.diag([across, across, M[2, 2]])


def _majorant(f: np.ndarray, alice: np.ndarray, bob: np.ndarray, a: Cells, b: Cells) -> np.ndarray:
    """The largest f_ij + alice |a_i - c|^2 + bob |b_j - d|^2 over corners and cases, at the best c, d that are met.

    The centres go towards the corners that are highest, which a softmax with a falling temperature weighs.
    """
    c, d = a.corners.mean(1), b.corners.mean(1)
    best = np.full(len(f), np.inf)
    for step in range(STEPS):
        near = ((a.corners - c[:, None]) ** 2).sum(2), ((b.corners - d[:, None]) ** 2).sum(2)
        values = f + (alice[:, :, None, None] * near[0][:, :, None] + bob[:, :, None, None] * near[1][:, None]).max(0)
        top = values.max((1, 2))
        best = np.fmin(best, top)
        temperature = 0.5 * 0.7**step * (top - values.min((1, 2))) + 1e-15
        shares = np.exp((values - top[:, None, None]) / temperature[:, None, None])
        shares /= shares.sum((1, 2), keepdims=True)
        c = (c + (shares.sum(2)[:, None] @ a.corners)[:, 0]) / 2
        d = (d + (shares.sum(1)[:, None] @ b.corners)[:, 0]) / 2
    return best
