"""Lower bounds of what an inequality leaves over, on pairs of spherical caps, in closed form.

The left side of an inequality at hidden vectors u, v is at most sum |g_i| - m(u, v), where

    m(u, v) = sum_i |g_i| |u.a_i - sgn(g_i) v.b_i| - F.u - H.v,     F = sum f_i a_i,  H = sum h_i b_i,

is convex. So any sigma_i in [-1, 1] give a linear function below it (a minorant),

    m(u, v) >= G_u.u + G_v.v,   G_u = sum |g_i| sigma_i a_i - F,   G_v = -sum g_i sigma_i b_i - H,

whose minimum over a pair of caps is known in closed form. docs/CERTIFICATES.md has the proof, with the rounding: it is
about operations that are done in double precision in the order written here, so all of this is NumPy, and no compiler
decides how often a sigma is computed.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._doubles import unit
from ..inequalities.inequality import LeggettInequality

if TYPE_CHECKING:
    from .._shapes import Float, Float32

WIDTHS = (4.0, 2.0, 1.0, 1.0, 0.5, 0.5, 0.25)
"""Widths, in radii of the caps, over which |x| is rounded to choose sigma, step by step."""

DAMPING = 0.03
"""Added to the curvature of the rounded m, relative to the largest that it may have."""


@dataclass(frozen=True, eq=False)
class Terms:
    """What m is made of: the settings a, b of the terms, and `numbers` with the columns g, f, h."""

    numbers: Float[np.ndarray, "n 3"]
    a: Float[np.ndarray, "n 3"]
    b: Float[np.ndarray, "n 3"]

    @classmethod
    def of(cls, inequality: LeggettInequality) -> Terms:
        """The terms that do not vanish; of an inequality of zeros, one."""
        numbers = np.stack([inequality.coefficients, inequality.alice, inequality.bob], axis=1)
        used = np.asarray(numbers.any(1))
        used[0] |= not used.any()
        return cls(numbers[used], inequality.a[used], inequality.b[used])

    @functools.cached_property
    def total(self) -> float:
        """S = sum |g_i| + |f_i| + |h_i|."""
        return float(np.abs(self.numbers).sum())

    @functools.cached_property
    def size(self) -> Float[np.ndarray, "n"]:
        """|g_i|."""
        return np.abs(self.numbers[:, 0])

    @functools.cached_property
    def rows(self) -> Float[np.ndarray, "n 6"]:
        """(a_i, -sgn(g_i) b_i): m is sum |g_i| |x.row_i| - x.(F, H) at x = (u, v)."""
        sign = np.where(self.numbers[:, 0] < 0, 1.0, -1.0)
        return np.concatenate([self.a, sign[:, None] * self.b], axis=1)

    @functools.cached_property
    def linear(self) -> Float[np.ndarray, "6"]:
        """(F, H)."""
        return np.concatenate([self.numbers[:, 1] @ self.a, self.numbers[:, 2] @ self.b])

    @functools.cached_property
    def squares(self) -> Float32[np.ndarray, "n 36"]:
        """|g_i| row_i row_i^T, in single precision: they only choose where Newton steps go."""
        squares = self.size[:, None, None] * self.rows[:, :, None] * self.rows[:, None]
        return squares.reshape(-1, 36).astype(np.float32)

    def at(self, x: Float[np.ndarray, "*boxes 6"]) -> np.ndarray:
        """m at each x = (u, v)."""
        return np.abs(x @ self.rows.T) @ self.size - x @ self.linear


def bounds_on_caps(
    terms: Terms,
    u: Float[np.ndarray, "boxes 3"],
    r: Float[np.ndarray, "boxes"],
    v: Float[np.ndarray, "boxes 3"],
    q: Float[np.ndarray, "boxes"],
) -> tuple[Float[np.ndarray, "boxes"], Float[np.ndarray, "boxes"]]:
    """The best bounds of m, over several sigma, on caps about u with radius r times caps about v with radius q.

    And values of m in them. sigma_i = clip(x_i / width) at points that Newton steps lead to the minimum of the rounded
    m inside the caps: there the tangential parts of G are small, and the bound falls short by order r^2 only. Whatever
    the steps do, NaN included, the bounds hold: sigma is clipped, and `fmax` passes over NaN.
    """
    tangents = np.zeros((len(u), 6, 4))
    tangents[:, :3, :2], tangents[:, 3:, 2:] = _tangents(u), _tangents(v)
    across = tangents.transpose(0, 2, 1)
    centre = np.concatenate([u, v], axis=1)
    point, z = centre, np.zeros((len(u), 4, 1))
    weighted = terms.size[:, None] * terms.rows
    best = np.full(len(u), -np.inf)
    for width in WIDTHS:
        rounded = width * (r + q)
        x = (point @ terms.rows.T) / rounded[:, None]
        corners = np.abs(x) < 1
        sigma = np.clip(x, -1, 1, out=x)
        G = sigma @ weighted - terms.linear
        best = np.fmax(best, least_on_cap(G[:, :3], u, r) + least_on_cap(G[:, 3:], v, q))
        squares = (corners.astype(np.float32) @ terms.squares).reshape(-1, 6, 6)
        curvature = (across @ squares @ tangents + DAMPING * np.eye(4)) / rounded[:, None, None]
        z = z - np.linalg.solve(curvature, across @ G[:, :, None])
        z = np.concatenate([_within(z[:, :2], r), _within(z[:, 2:], q)], axis=1)
        point = centre + (tangents @ z)[:, :, 0]
    return best, terms.at(np.concatenate([unit(point[:, :3]), unit(point[:, 3:])], axis=1))


def least_on_cap(
    G: Float[np.ndarray, "boxes 3"], centre: Float[np.ndarray, "boxes 3"], radius: Float[np.ndarray, "boxes"]
) -> Float[np.ndarray, "boxes"]:
    """The least G.u over caps: -|G| cos of the angle by which -G lies outside."""
    along, across = (G * centre).sum(1), np.linalg.norm(np.cross(G, centre), axis=1)
    outside = np.maximum(np.arctan2(across, -along) - radius, 0)
    return -np.sqrt(along**2 + across**2) * np.cos(outside)


def _within(z: Float[np.ndarray, "boxes 2 1"], radius: Float[np.ndarray, "boxes"]) -> Float[np.ndarray, "boxes 2 1"]:
    """Steps z in tangent planes, shortened to the radius where they are longer."""
    length = np.linalg.norm(z, axis=1, keepdims=True)
    return z * (radius[:, None, None] / np.maximum(length, radius[:, None, None]))


def _tangents(u: Float[np.ndarray, "boxes 3"]) -> Float[np.ndarray, "boxes 3 2"]:
    """Two unit vectors orthogonal to each u and to each other, as columns."""
    p = unit(np.cross(u, np.eye(3)[np.abs(u).argmin(1)]))
    return np.stack([p, np.cross(u, p)], axis=2)
