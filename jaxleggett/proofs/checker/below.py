"""The excess of a model, from above: the largest amount by which it breaks the condition f <= 0 at any settings.

A model is given by hidden vectors x_k = (u_k, v_k) with weights w_k, in frames where the state has C(a, b) = a.S b.
With

    h(a, b) = sum_k w_k |u_k.a + v_k.b|,      f(a, b) = h(a, b) - 1 - V a.S b,

the interpolated correlator [B13 (5), (9)] of these hidden vectors is a Leggett model for V S if and only if f <= 0 for
all unit vectors a, b. With the symmetry O(2) about the third axis, h is averaged over joint turns about it and over the
mirror y -> -y. docs/CERTIFICATES.md proves the upper bound (M) that is used here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from . import circle
from .cells import HALF, QUARTER, SPHERE, Cells
from .symmetry import IDENTITY

BLOCK = 2**16
"""How many numbers are worked on together where each takes many steps: about what a processor's cache holds."""

STEPS = 12
"""Steps of the search for the centres in (M); any centres give a bound."""


@dataclass(frozen=True, eq=False)
class Excess:
    """f, to be bounded from above: a `search.Problem`. x (n, 6), w (n,) of sum 1, S (3, 3), V.

    `maps` (group, 3, 3) are symmetries of f, to a `defect`, which is added to the bounds.
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
        """More than the rounding error of a bound and the defect of the symmetries together."""
        return 64 * (len(self.w) + 40) * 2.0**-53 + self.defect

    @property
    def work(self) -> int:
        """How many numbers are in use for one box."""
        return 8 * len(self.w) + 300

    @property
    def trivial(self) -> float:
        """f <= 1 + V sum |S_ij|, because h <= 2."""
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
        """Upper bounds of f on boxes by (M), its largest values at the corners of boxes, and those corners."""
        h = self._at_corners(a.corners, b.corners)
        f = h - 1 - self.V * (a.corners @ self.S) @ b.corners.transpose(0, 2, 1)
        least = np.maximum(h.min((1, 2)) - circle.SLACK, 0)
        # alpha and beta of (M). E|u.a| is at most the root of E(u.a)^2, which is convex in a: largest at a corner.
        A, B = (
            np.sqrt(((cells.corners @ M) * cells.corners).sum(2).max(1) + self.rounding)
            for cells, M in zip((a, b), self.moments(), strict=True)
        )
        # kappa_a and kappa_b of (M), with a row for each of its two cases.
        alice = np.maximum([1 - least + A, 1 - B], 0) / (1 + a.narrowness)
        bob = np.maximum([1 - A, 1 - least + B], 0) / (1 + b.narrowness)
        highest = _majorant(f, alice, bob, a, b)
        highest = np.where(highest > 0, highest / (a.narrowness * b.narrowness), highest)
        i, j = np.divmod(f.reshape(len(f), -1).argmax(1), f.shape[2])
        rows = np.arange(len(f))
        places = np.stack([a.corners[rows, i], b.corners[rows, j]], axis=1)
        return highest + self.rounding, f.max((1, 2)), places

    def _at_corners(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """h (n, i, j) of all pairs of corners a (n, i, 3), b (n, j, 3). Pairs that boxes share are computed once."""
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
        """How many numbers are in use for one box."""
        return 40 * len(self.w)

    def mean(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """h (n,) at pairs a, b (n, 3), averaged over O(2)."""
        x, w = circle.mirrored(self.x, self.w)
        along, inward, across = circle.turned(x)
        y, h = np.concatenate([a, b], axis=1), np.empty(len(a))
        for part in np.array_split(np.arange(len(y)), 1 + len(y) * len(x) // BLOCK):
            z = y[part]
            re, im = z @ inward.T, z @ across.T
            h[part] = circle.mean_modulus(z @ along.T, np.sqrt(re * re + im * im)) @ w
        return h

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """E[u u^T] and E[v v^T], (3, 3), averaged over O(2)."""
        first, second = super().moments()
        return _turned(first), _turned(second)


def _turned(M: np.ndarray) -> np.ndarray:
    """A matrix of moments averaged over turns about the third axis and over the mirror y -> -y."""
    across = (M[0, 0] + M[1, 1]) / 2
    return np.diag([across, across, M[2, 2]])


def _majorant(f: np.ndarray, alice: np.ndarray, bob: np.ndarray, a: Cells, b: Cells) -> np.ndarray:
    """The largest f_ij + alice |a_i - c|^2 + bob |b_j - d|^2 over corners and cases (rows), for the best c, d found.

    In every step the centres c and d move towards the corners with the largest values, weighted by a softmax whose
    temperature falls.
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
