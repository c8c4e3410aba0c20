"""Averages over joint rotations: what is left of a Leggett model of a Werner state.

Averaging a model over joint rotations of all its settings keeps Werner statistics, and then only the
angle theta between u and w := -v matters. For settings at angle phi, [B13 (5)] becomes

    integral F(theta, phi) dmu(theta) <= 1 - V cos(phi),     F(theta, phi) = E_R |(R u).a - (R w).b|,

for a probability mu over theta. docs/WERNER.md proves from it that V_c = (1 + 1/sqrt 2)/2 is the
largest visibility, for all projective measurements together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

CRITICAL_ANGLE = 2 * float(np.arcsin(1 - np.sqrt(0.5)))
"""phi*: the angle between the two settings that alone excludes every V > V_c; sin(phi*/2) = 1 - 1/sqrt 2."""


def twirled_bound(theta: Any, phi: Any, order: int = 24) -> np.ndarray:
    """F(theta, phi) = E_R |(R u).a - (R w).b| for u, w at angle theta and a, b at angle phi.

    Angles in [0, pi], broadcast against each other; float64, to 1e-14. With the singular values
    s1 = 2 sin(phi/2) cos(theta/2), s2 = 2 cos(phi/2) sin(theta/2) of a u^T - b w^T, and Euler angles,

        F = E |A t cos x + B (1 - t) cos y|,   A = s1 + s2,  B = |s1 - s2|,  t uniform on [0, 1].

    The mean over x and y is (2 P/pi) 2F1(-1/2, -1/2; 1; Q^2/P^2) for the larger and the smaller
    amplitude P and Q (a Weber-Schafheitlin integral), 2F1 a sum of complete elliptic integrals; the
    mean over t is Gauss-Legendre on both sides of P = Q, where that function has a logarithm.
    """
    from scipy.special import ellipe, ellipkm1

    theta, phi = np.broadcast_arrays(np.asarray(theta, float), np.asarray(phi, float))
    s1 = 2 * np.sin(phi / 2) * np.cos(theta / 2)
    s2 = 2 * np.cos(phi / 2) * np.sin(theta / 2)
    A, B = (s1 + s2)[..., None], np.abs(s1 - s2)[..., None]
    x, w = np.polynomial.legendre.leggauss(order)
    # s -> s^4 crowds the nodes at P = Q, so that (P - Q)^2 log(P - Q) costs no accuracy.
    s, w = (x + 1) / 2, w / 2
    crowded, w = s**4, 4 * s**3 * w
    split = B / np.where(A + B > 0, A + B, 1)

    def mean(t: np.ndarray, gap: np.ndarray) -> np.ndarray:
        # gap = |P - Q|, given because the difference of P and Q would lose its digits.
        P, Q = A * t, B * (1 - t)
        high, low = np.maximum(P, Q), np.minimum(P, Q)
        # 1 - Q^2/P^2, kept off 0, where x K(1 - x) goes to 0 too
        rest = np.maximum(gap * (high + low) / np.maximum(high, 1e-150) ** 2, 1e-300)
        return 4 / np.pi**2 * high * (2 * ellipe(1 - rest) - rest * ellipkm1(rest))

    below, above = split * (1 - crowded), split + (1 - split) * crowded
    left = (mean(below, (A + B) * split * crowded) * w).sum(-1) * split[..., 0]
    right = (mean(above, (A + B) * (1 - split) * crowded) * w).sum(-1) * (1 - split[..., 0])
    return left + right
