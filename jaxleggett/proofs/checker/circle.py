"""Averages over O(2): the mean of |p + q cos x| over all angles x, with + - * / and square roots alone.

For q >= 0 it is F(p, q) = |p| where |p| >= q, and else

    F(p, q) = (2/pi) (p t + q cos t)   with sin t = p/q,   |t| <= pi/2,                                            (C)

convex in p and q, with derivatives (2 t/pi, (2/pi) cos t): the means of sigma and of sigma cos x, sigma being the sign
of p + q cos x. For any other angle t these are the means for another sigma in [-1, 1], so that

    F(p, q) >= g p + h q,     g = 2 t/pi,     0 <= h <= (2/pi) cos t,     for all p and all q >= 0,                (D)

and F(p, 1) changes no faster than p. The arc sine below may be wrong: (C) and (D) are used for the angle that it
gives, with the sine and the cosine of that angle from their series, which alternate with terms that fall from the
second on where |t| <= pi/2, so that the last term taken bounds the error.
"""

from __future__ import annotations

import math

import numpy as np

HALF_PI = 1.5707963267948966
"""pi/2 = 1.57079632679489661923..., rounded down, so that no |t| exceeds it."""

INVERSE = 0.6366197723675813
"""2/pi = 0.636619772367581343..., rounded."""

ERROR = 1e-13
"""More than what `cosine` and `sine` are off by: the last term that is taken, and rounding."""

SLACK = 4e-13
"""More than what F is off by, relative to q."""

MIRROR = np.array([1.0, -1, 1, 1, -1, 1])
"""The mirror of O(2), on pairs of vectors."""


def angle(sine: np.ndarray) -> np.ndarray:
    """About the arc sine of numbers, which are clipped to [-1, 1]; within [-pi/2, pi/2] whatever it is; 0 for NaN."""
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
    """F(p, q) for q >= 0, rounded up."""
    ratio = p / np.maximum(q, 1e-300)
    t = angle(ratio)
    s = sine(t)
    inside = q * (INVERSE * (t * s + cosine(t)) + np.abs(ratio - s) + SLACK)
    return np.where(np.abs(p) >= q, np.abs(p), inside)


def slopes(p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """g and h of (D), with which the right side comes close to F at p, q; rounded into what (D) allows."""
    t = angle(p / np.maximum(q, 1e-300))
    return INVERSE * t * (1 - 2.0**-50), np.maximum(INVERSE * cosine(t) - ERROR, 0)


def mirrored(points: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 6) and their mirror images, with half the weight each; those in the plane y = 0 are their own."""
    flat = (points[:, [1, 4]] == 0).all(1)
    images = points[~flat] * MIRROR
    return np.concatenate([points, images]), np.concatenate([np.where(flat, weights, weights / 2), weights[~flat] / 2])


def turned(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three arrays of rows with which x.(R y), R turning by t, is p + re cos t + im sin t."""
    ax, ay, az, bx, by, bz = y.T
    zero = 0 * ax
    return (
        np.stack([zero, zero, az, zero, zero, bz], axis=1),
        np.stack([ax, ay, zero, bx, by, zero], axis=1),
        np.stack([-ay, ax, zero, -by, bx, zero], axis=1),
    )
