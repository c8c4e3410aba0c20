"""The bound of an inequality, from above: a lower bound on m, the smallest value of a function of the hidden vectors.

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
"""Over how much of a box's radius a sign changes from -1 to 1. Both are tried: a large width is better where many terms
change their sign in the box, a small one where few do. Any width gives a bound."""


@dataclass(frozen=True, eq=False)
class LeftOver:
    """The function whose smallest value is m, with its sign changed: a `search.Problem`, bounded from above by -m.

    y (n, 6) are pairs of unit vectors, w (n,), F (6,). Rounding is relative to `scale`, at least sum w and |F|.
    `maps` (group, 3, 3) are symmetries of the function, to a `defect`, which is added to the bounds.
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
        """More than the rounding error of a bound and the defect of the symmetries together."""
        return 64 * (len(self.w) + 20) * 2.0**-53 * self.scale + self.defect

    @property
    def work(self) -> int:
        """How many numbers are in use for one box."""
        return 2 * len(self.w) + 30

    @property
    def trivial(self) -> float:
        """-m <= |F_u| + |F_v|, by sigma = 0."""
        return self.rounding + sum(float(np.linalg.norm(part)) for part in self.F.reshape(2, 3))

    def bounds(self, a: Cells, b: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Upper bounds on boxes, values at their centres, and the centres.

        For any sigma_i in [-1, 1], |x.y_i| >= sigma_i x.y_i. So the sum is at least G.x, G = sum_i w_i sigma_i y_i - F.
        """
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
    """The same with each |x.y_i| averaged over O(2). Both parts of F must be along the third axis."""

    @property
    def first(self) -> np.ndarray:
        """Turns bring every vector to the half circle y = 0, x >= 0; without F the function is even: half of that."""
        return MERIDIAN if self.F.any() else QUARTER

    second = HALF

    def bounds(self, a: Cells, b: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As above, with the linear function of `circle` (D) and |z| >= Re(conj(zeta) z), |zeta| <= 1, for sigma."""
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
    """The centres x (n, 6) of boxes, and the sum of the radii of their two cells (n,)."""
    first, second = (np.sqrt(np.maximum(2 - 2 * cells.narrowness, 0)) for cells in (a, b))
    return np.concatenate([a.centres, b.centres], axis=1), first + second


def _least(G: np.ndarray, a: Cells, b: Cells) -> np.ndarray:
    """A lower bound on G.x on each box.

    A unit vector of a cell is an average of its corners, times a number between 1 and 1 / narrowness: so the smallest
    value at a corner is a bound where it is not negative, and divided by the narrowness where it is.
    """
    return _least_on(G[:, :3], a) + _least_on(G[:, 3:], b)


def _least_on(G: np.ndarray, cells: Cells) -> np.ndarray:
    least: np.ndarray = (cells.corners @ G[:, :, None])[:, :, 0].min(1)
    return np.where(least < 0, least / cells.narrowness, least)
