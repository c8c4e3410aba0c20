"""Averages over joint rotations: what is left of a Leggett model of a Werner state.

Averaging a model over joint rotations of all its settings keeps Werner statistics, and then only the
angle theta between u and w := -v matters. For settings at angle phi, [B13 (5)] becomes

    integral F(theta, phi) dmu(theta) <= 1 - V cos(phi),     F(theta, phi) = E_R |(R u).a - (R w).b|,

for a probability mu over theta. docs/WERNER.md proves from it that V_c = (1 + 1/sqrt 2)/2 is the
largest visibility, for all projective measurements together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

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


@dataclass(frozen=True, eq=False)
class Axis:
    """Joint turns of both parties by one angle, about `alice` (3,) for Alice and `bob` (3,) for Bob."""

    alice: np.ndarray
    bob: np.ndarray

    def __str__(self) -> str:
        alice, bob = (f"({', '.join(f'{x + 0.0:.12g}' for x in np.round(n, 12))})" for n in (self.alice, self.bob))
        if alice != bob:
            return f"O(2) about {alice} for Alice and {bob} for Bob"
        plain = {"(1, 0, 0)": "x", "(0, 1, 0)": "y", "(0, 0, 1)": "z"}
        return f"O(2) about {plain.get(alice, alice)}"


Symmetry = Axis | Literal["SO(3)"] | None
"""What hidden vectors, or setting pairs, are averaged over: turns about an axis, all joint rotations, or nothing."""


def mean_modulus(u: np.ndarray, v: np.ndarray, a: np.ndarray, b: np.ndarray, axis: Axis | None) -> np.ndarray:
    """E|u.a + v.b| over the turns about `axis`, for hidden vectors (K, 3) and settings (N, 3): (K, N).

    With u.a + v.b = p + q cos(x + const) and x_0 = arccos(-p/q): (p (2 x_0 - pi) + 2 q sin x_0) / pi, |p| for q < |p|.
    """
    if axis is None:
        return np.abs(u @ a.T + v @ b.T)
    p, wave = np.zeros((len(u), len(a))), np.zeros((len(u), len(a)), complex)
    for hidden, setting, n in ((u, a, axis.alice), (v, b, axis.bob)):
        along_u, along_a = hidden @ n, setting @ n
        p += np.outer(along_u, along_a)
        rest = hidden - np.outer(along_u, n)
        wave += rest @ setting.T + 1j * (np.cross(n, rest) @ setting.T)
    q = np.abs(wave)
    crossing = np.arccos(np.clip(-p / np.where(q > 0, q, 1), -1, 1))
    return np.where(q > np.abs(p), (p * (2 * crossing - np.pi) + 2 * q * np.sin(crossing)) / np.pi, np.abs(p))


def axial_mean(x: Any, y: Any) -> Any:
    """Mean of |u.a + v.b| over joint turns of u and v about the third axis, for x = (u, v), y = (a, b) (..., 6).

    u.a + v.b = p + q cos(angle + const) with p = u_z a_z + v_z b_z, and the mean of |p + q cos| is |p| for
    |p| >= q, else (2/pi) (p asin(p/q) + sqrt(q^2 - p^2)). Differentiable twice almost everywhere.
    """
    import jax.numpy as jnp  # here: proofs use the rest of this module, and import no JAX

    u_x, u_y, u_z, v_x, v_y, v_z = jnp.moveaxis(x, -1, 0)
    a_x, a_y, a_z, b_x, b_y, b_z = jnp.moveaxis(y, -1, 0)
    p = u_z * a_z + v_z * b_z
    even = u_x * a_x + u_y * a_y + v_x * b_x + v_y * b_y
    odd = u_y * a_x - u_x * a_y + v_y * b_x - v_x * b_y
    square = even * even + odd * odd
    crossing = square > p * p * (1 + 1e-14) + 1e-30
    # Where the branch is not taken its roots are kept away from 0, so that gradients stay finite.
    q = jnp.sqrt(jnp.where(crossing, square, 1.0))
    ratio = jnp.clip(jnp.where(crossing, p, 0.5) / q, -1 + 1e-14, 1 - 1e-14)
    return jnp.where(crossing, (2 / jnp.pi) * q * (ratio * jnp.arcsin(ratio) + jnp.sqrt(1 - ratio * ratio)), jnp.abs(p))
