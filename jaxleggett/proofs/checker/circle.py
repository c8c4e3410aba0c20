"""Averages over O(2): the mean of |p + q cos x| over all angles x, with + - * / and square roots alone.

For q >= 0 it is F(p, q) = |p| where |p| >= q, and else

    F(p, q) = (2/pi) (p t + q cos t)   with sin t = p/q,   |t| <= pi/2,                                            (C)

which is convex in p and q. Its derivatives 2 t/pi and (2/pi) cos t are the means of sigma and of sigma cos x, where
sigma is the sign of p + q cos x. For another angle t they are the means for another sigma in [-1, 1], so that

    F(p, q) >= g p + h q,     g = 2 t/pi,     0 <= h <= (2/pi) cos t,     for all p and all q >= 0,                (D)

and |F(p, q) - F(p', q)| <= |p - p'|. The arc sine below may be wrong: (C) and (D) are used for whatever angle it gives.
The sine and the cosine of that angle come from their series. For |t| <= pi/2 these alternate with terms that fall from
the second on, so that the last term that is taken bounds the error.
"""

from __future__ import annotations

import math

import numpy as np

HALF_PI = 1.5707963267948966
"""pi/2 = 1.57079632679489661923..., rounded down, so that no |t| exceeds it."""

INVERSE = 0.6366197723675813
"""2/pi = 0.636619772367581343..., rounded."""

ERROR = 1e-13
"""More than the error of `cosine` and of `sine`: the last term that is taken, and rounding."""

SLACK = 4e-13
"""More than the error of F as `mean_modulus` computes it, relative to q; it is added there."""

MIRROR = np.array([1.0, -1, 1, 1, -1, 1])
"""The mirror y -> -y, which belongs to O(2), as it acts on pairs of vectors."""


def angle(sine: np.ndarray) -> np.ndarray:
    """Roughly the arc sine of numbers, which are clipped to [-1, 1]; always within [-pi/2, pi/2], and 0 for NaN."""
    return np.nan_to_num(np.clip(np.arcsin(np.clip(sine, -1, 1)), -HALF_PI, HALF_PI))


def cosine(t: np.ndarray) -> np.ndarray:
    """cos t for |t| <= pi/2, to `ERROR`: the series up to t^20 / 20!."""
    return _series(t * t, [(-1) ** n / math.factorial(2 * n) for n in range(11)])


def sine(t: np.ndarray) -> np.ndarray:
    """sin t for |t| <= pi/2, to `ERROR`: the series up to t^19 / 19!."""
    return t * _series(t * t, [(-1) ** n / math.factorial(2 * n + 1) for n in range(10)])


def _series(square: np.ndarray, coefficients: list[float]) -> np.ndarray:
    total = np.full_like(square, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total *= square
        total += coefficient
    return total


def mean_modulus(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """F(p, q) for q >= 0, or a little more."""
    ratio = p / np.maximum(q, 1e-300)
    t = angle(ratio)
    s = sine(t)
    inside = q * (INVERSE * (t * s + cosine(t)) + np.abs(ratio - s) + SLACK)
    return np.where(np.abs(p) >= q, np.abs(p), inside)


def slopes(p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """g and h for which (D) holds everywhere, and for which its right side is close to F(p, q) at the given p, q."""
    t = angle(p / np.maximum(q, 1e-300))
    return INVERSE * t * (1 - 2.0**-50), np.maximum(INVERSE * cosine(t) - ERROR, 0)


def mirrored(points: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 6) and their mirror images, with half the weight each; points in the plane y = 0 are taken once."""
    flat = (points[:, [1, 4]] == 0).all(1)
    images = points[~flat] * MIRROR
    return np.concatenate([points, images]), np.concatenate([np.where(flat, weights, weights / 2), weights[~flat] / 2])


def turned(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arrays P, Q, R (n, 6) with x.(y turned by t about the third axis) = x.P + x.Q cos t + x.R sin t, for y (n, 6)."""
    ax, ay, az, bx, by, bz = y.T
    zero = 0 * ax
    return (
        np.stack([zero, zero, az, zero, zero, bz], axis=1),
        np.stack([ax, ay, zero, bx, by, zero], axis=1),
        np.stack([-ay, ax, zero, -by, bx, zero], axis=1),
    )
