"""The bound of an inequality: the least value over all hidden vectors of what it leaves over, from below.

An inequality is given by terms y_i = (a_i, b_i) with weights w_i > 0 and a vector F: every Leggett model has

    -sum_i w_i C(a_i, b_i) + F.E[x]  <=  sum_i w_i - m,     m = min over x = (u, v) of sum_i w_i |x.y_i| - F.x.

(A term g C(a, b) with g > 0 is -g C(a, -b).) With the symmetry O(2) about the third axis, each |x.y_i| is averaged over
joint turns about it and over the mirror y -> -y.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from . import circle
from .cells import HALF, MERIDIAN, QUARTER, SPHERE, Cells
from .symmetry import IDENTITY

WIDTHS = (0.7, 0.25)
"""Widths, in radii of a box, over which the signs of x.y_i are rounded: one for many terms in it, one for few."""


@dataclass(frozen=True, eq=False)
class LeftOver:
    """m, to be bounded from below: a `search.Problem` for -m. y (n, 6) with unit vectors, w (n,), F (6,).

    `scale` is what rounding is relative to, at least sum w and |F|. `maps` (group, 3, 3) are symmetries of m, whose
    `defect` bounds by how much m may change under them.
    """

    y: np.ndarray
    w: np.ndarray
    F: np.ndarray
    scale: float
    maps: np.ndarray = field(default_factory=lambda: IDENTITY)
    defect: float = 0.0

    first = second = SPHERE

    @property
    def rounding(self) -> float:
        """More than what bounds are off by, and what the symmetries may change."""
        return 64 * (len(self.w) + 20) * 2.0**-53 * self.scale + self.defect

    @property
    def work(self) -> int:
        """Numbers a box takes."""
        return 2 * len(self.w) + 30

    @property
    def trivial(self) -> float:
        """-m <= |F_u| + |F_v|, without any sigma."""
        return self.rounding + sum(float(np.linalg.norm(part)) for part in self.F.reshape(2, 3))

    def bounds(self, a: Cells, b: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Upper bounds of -m, values at the centres, and these. By signs sigma_i in [-1, 1], m >= G.x."""
        x, radius = _centre(a, b)
        products = x @ self.y.T
        best = np.full(len(x), -np.inf)
        for width in WIDTHS:
            sigma = np.clip(products / (width * radius)[:, None], -1, 1)
            best = np.fmax(best, _least(sigma @ (self.w[:, None] * self.y) - self.F, a, b))
        values = np.abs(products) @ self.w - x @ self.F
        return self.rounding - best, -values, x.reshape(-1, 2, 3)


@dataclass(frozen=True, eq=False)
class AxialLeftOver(LeftOver):
    """The same with |x.y_i| averaged over O(2); F along the axis."""

    @property
    def first(self) -> np.ndarray:
        """Turned to the half circle; without F, m is even and half of that will do."""
        return MERIDIAN if self.F.any() else QUARTER

    second = HALF

    def bounds(self, a: Cells, b: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As above; the slopes of (D) with a unit vector zeta take the place of sigma."""
        y, w = circle.mirrored(self.y, self.w)
        along, inward, across = circle.turned(y)
        x, radius = _centre(a, b)
        p, re, im = x @ along.T, x @ inward.T, x @ across.T
        q = np.sqrt(re * re + im * im)
        best = np.full(len(x), -np.inf)
        for width in WIDTHS:
            size = np.maximum(q, (width * radius)[:, None])
            g, h = circle.slopes(p, size)
            h *= w * (1 - 2.0**-49) / size
            best = np.fmax(best, _least((w * g) @ along + (h * re) @ inward + (h * im) @ across - self.F, a, b))
        values = circle.mean_modulus(p, q) @ w - x @ self.F
        return self.rounding - best, -values, x.reshape(-1, 2, 3)


def _centre(a: Cells, b: Cells) -> tuple[np.ndarray, np.ndarray]:
    """The centres x (n, 6) of boxes, and the sum of the radii of both cells."""
    first, second = (np.sqrt(np.maximum(2 - 2 * cells.narrowness, 0)) for cells in (a, b))
    return np.concatenate([a.centres, b.centres], axis=1), first + second


def _least(G: np.ndarray, a: Cells, b: Cells) -> np.ndarray:
    """The least G.x on each box: at the corners, or where that is negative, up to 1 / narrowness as far below 0."""
    return _least_on(G[:, :3], a) + _least_on(G[:, 3:], b)


def _least_on(G: np.ndarray, cells: Cells) -> np.ndarray:
    least: np.ndarray = (cells.corners @ G[:, :, None])[:, :, 0].min(1)
    return np.where(least < 0, least / cells.narrowness, least)
