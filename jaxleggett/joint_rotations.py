"""Averages of |u.a + v.b| over joint rotations of the hidden vectors u and v: about an axis, or over all of SO(3).

By [B13 (5)] a Leggett model has E|u.a + v.b| <= 1 + C(a, b). Where a symmetry of a state leaves all C(a, b) as they
are, the hidden vectors may be averaged over it, and so may |u.a + v.b|.

- About an axis (`Axis`, O(2)): u.a + v.b is p + q cos(x) with a uniform angle x, and `mean_of_wave` is the mean
  of its modulus.
- SO(3), for Werner states, C = -V a.b: only the angle theta between u and w := -v matters, and the condition is

      integral F(theta, phi) dmu(theta) <= 1 - V cos(phi),     F(theta, phi) = E_R |(R u).a - (R w).b|,

  for settings at every angle phi and a probability measure mu of theta; `isotropic_mean` is F. From this,
  docs/WERNER.md proves that V_c = (1 + 1/sqrt 2)/2 is the largest visibility for all projective measurements.
"""

# JAX's own types are incomplete; what is made of them here is annotated.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import decimal
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import jax.numpy as jnp
import numpy as np
from jax.tree_util import register_dataclass

from ._numerics import as_float, dot, in_double

if TYPE_CHECKING:
    from ._shapes import AnyArray, Array, ArrayLike, Float, Shaped

CRITICAL_ANGLE = 2 * float(np.arcsin(1 - np.sqrt(0.5)))
"""phi*, with sin(phi*/2) = 1 - 1/sqrt 2: settings at this one angle already exclude every V > V_c (docs/WERNER.md)."""


@in_double
def isotropic_mean(theta: ArrayLike, phi: ArrayLike, order: int = 24) -> Float[Array, "*n"]:
    """F(theta, phi) = E_R |(R u).a - (R w).b| for u, w at angle theta and a, b at angle phi.

    `theta` and `phi` are angles in [0, pi] that broadcast against each other. The error is 1e-14 in double precision.
    Derivation: a u^T - b w^T has the singular values s1 = 2 sin(phi/2) cos(theta/2), s2 = 2 cos(phi/2) sin(theta/2)
    and 0, so F = E|s1 R11 + s2 R22|. With the Euler angles alpha, beta and gamma of R this is

        F = E |A t cos x + B (1 - t) cos y|,   A = s1 + s2,  B = |s1 - s2|,

    where t = (1 + cos beta)/2 is uniform on [0, 1], and x = alpha + gamma and y = alpha - gamma are uniform angles,
    all independent. Let P be the larger and Q the smaller of the amplitudes A t and
    B (1 - t), and m = Q^2/P^2. The mean over x and y (a Weber-Schafheitlin integral) is

        (2 P/pi) 2F1(-1/2, -1/2; 1; m) = (4 P/pi^2) (2 E(m) - (1 - m) K(m))

    with the complete elliptic integrals K and E. It has a logarithm at P = Q, that is at t = B/(A + B); so the mean
    over t is taken by Gauss-Legendre quadrature with `order` nodes on either side of this t.
    """
    between_hidden, between_settings = jnp.broadcast_arrays(as_float(theta), as_float(phi))
    s1 = 2 * jnp.sin(between_settings / 2) * jnp.cos(between_hidden / 2)
    s2 = 2 * jnp.cos(between_settings / 2) * jnp.sin(between_hidden / 2)
    A, B = (s1 + s2)[..., None], jnp.abs(s1 - s2)[..., None]
    x, w = np.polynomial.legendre.leggauss(order)
    # s -> s^4 moves the nodes towards P = Q, so that a term (P - Q)^2 log(P - Q) costs no accuracy.
    s, w = (x + 1) / 2, w / 2
    crowded, w = (z.astype(A.dtype) for z in (s**4, 4 * s**3 * w))
    split = B / jnp.where(A + B > 0, A + B, 1)
    tiny = float(np.finfo(A.dtype).tiny)

    def mean(t: Array, gap: Array) -> Array:
        # gap = |P - Q| is an argument, because P - Q computed here would lose digits by cancellation.
        P, Q = A * t, B * (1 - t)
        high, low = jnp.maximum(P, Q), jnp.minimum(P, Q)
        # rest = 1 - m = (P - Q)(P + Q)/P^2, kept above 0; as it goes to 0, rest K goes to 0 too.
        rest = jnp.maximum(gap * (high + low) / jnp.maximum(high, tiny**0.5) ** 2, tiny)
        K, E = elliptic_integrals(rest)
        return 4 / np.pi**2 * high * (2 * E - rest * K)

    below, above = split * (1 - crowded), split + (1 - split) * crowded
    left = (mean(below, (A + B) * split * crowded) * w).sum(-1) * split[..., 0]
    right = (mean(above, (A + B) * (1 - split) * crowded) * w).sum(-1) * (1 - split[..., 0])
    return left + right


def elliptic_integrals(rest: Float[Array, "*n"]) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
    """The complete elliptic integrals K(m) and E(m) of the parameter m = 1 - `rest`, for 0 < rest <= 1.

    By the arithmetic-geometric mean of 1 and sqrt(rest): NIST Digital Library of Mathematical Functions, 19.8(i).
    """
    a, b, total = jnp.ones_like(rest), jnp.sqrt(rest), (1 - rest) / 2
    # With the smallest doubles the first half of the steps makes a and b comparable; each later step then doubles
    # the number of correct digits.
    for step in range(14):
        c = (a - b) / 2
        a, b = (a + b) / 2, jnp.sqrt(a * b)
        total = total + 2.0**step * c * c
    K = jnp.pi / (2 * a)
    return K, K * (1 - total)


@register_dataclass
@dataclass(frozen=True, eq=False)
class Axis:
    """Joint turns: by the same angle about the unit vector `alice` (3,) for Alice, and `bob` (3,) for Bob."""

    alice: Float[AnyArray, "3"]
    bob: Float[AnyArray, "3"]

    def turned(self, angle: AnyArray, u: AnyArray, v: AnyArray) -> tuple[Float[Array, "*n 3"], Float[Array, "*n 3"]]:
        """`u` turned about Alice's axis and `v` about Bob's, (..., 3), by each `angle` (...) in radians, in JAX."""
        return _about(self.alice, angle, u), _about(self.bob, angle, v)

    def wave(
        self, u: AnyArray, v: AnyArray, a: AnyArray, b: AnyArray
    ) -> tuple[Float[Array, "*n"], Float[Array, "*n"], Float[Array, "*n"]]:
        """p, c and s for which hidden vectors turned by an angle x have u.a + v.b = p + c cos(x) + s sin(x), in JAX."""
        p, c, s = jnp.zeros(()), jnp.zeros(()), jnp.zeros(())
        for n, hidden, setting in ((self.alice, u, a), (self.bob, v, b)):
            along = dot(hidden, n) * dot(setting, n)
            p, c, s = p + along, c + dot(hidden, setting) - along, s + dot(jnp.cross(n, hidden), setting)
        return p, c, s

    def mean(self, u: AnyArray, v: AnyArray, a: AnyArray, b: AnyArray) -> Float[Array, "*n"]:
        """E|u.a + v.b| over all turns, for vectors (..., 3) that broadcast against each other, in JAX."""
        p, c, s = self.wave(u, v, a, b)
        return mean_of_wave(p, c * c + s * s)

    def __str__(self) -> str:
        alice, bob = (f"({', '.join(f'{x + 0.0:.12g}' for x in np.round(n, 12))})" for n in (self.alice, self.bob))
        if alice != bob:
            return f"O(2) about {alice} for Alice and {bob} for Bob"
        plain = {"(1, 0, 0)": "x", "(0, 1, 0)": "y", "(0, 0, 1)": "z"}
        return f"O(2) about {plain.get(alice, alice)}"


Symmetry = Axis | Literal["SO(3)"] | None
"""The group over which hidden vectors, or setting pairs, are averaged: turns about an axis, SO(3), or none."""


def mean_modulus(
    u: Float[np.ndarray, "k 3"],
    v: Float[np.ndarray, "k 3"],
    a: Float[np.ndarray, "n 3"],
    b: Float[np.ndarray, "n 3"],
    axis: Axis | None,
) -> Float[np.ndarray, "k n"]:
    """E|u.a + v.b| over the turns about `axis`, for hidden vectors `u`, `v` and settings `a`, `b`, in NumPy.

    With u.a + v.b = p + q cos(x + const) this is |p| for q <= |p|. Otherwise the wave changes sign at
    x_0 = arccos(-p/q), and the mean is (p (2 x_0 - pi) + 2 q sin x_0)/pi: the formula of `mean_of_wave`, since
    x_0 = pi/2 + asin(p/q). Without an axis it is |u.a + v.b| itself.
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


def axial_mean(x: Float[AnyArray, "*k 6"], y: Float[AnyArray, "*n 6"]) -> Float[Array, "..."]:
    """E|u.a + v.b| over joint turns about the third axis, for x = (u, v) and y = (a, b) of shape (..., 6).

    They broadcast against each other. The same as `Axis.mean` with both axes along z.
    """
    p, even, odd = axial_wave(x, y)
    return mean_of_wave(p, even * even + odd * odd)


def axial_wave(
    x: Float[AnyArray, "*k 6"], y: Float[AnyArray, "*n 6"]
) -> tuple[Float[Array, "..."], Float[Array, "..."], Float[Array, "..."]]:
    """p, e and o for which settings turned by an angle x about the third axis have u.a + v.b = p + e cos(x) + o sin(x).

    The arguments are x = (u, v) and y = (a, b) of shape (..., 6), which broadcast against each other. All three are
    linear in x and in y. Turning the hidden vectors instead changes the sign of o.
    """
    u_x, u_y, u_z, v_x, v_y, v_z = jnp.moveaxis(x, -1, 0)
    a_x, a_y, a_z, b_x, b_y, b_z = jnp.moveaxis(y, -1, 0)
    p = u_z * a_z + v_z * b_z
    even = u_x * a_x + u_y * a_y + v_x * b_x + v_y * b_y
    odd = u_y * a_x - u_x * a_y + v_y * b_x - v_x * b_y
    return p, even, odd


def mean_of_wave(p: Float[Array, "*n"], square: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """The mean of |p + q cos x| over all angles x, with q^2 = `square`.

    It is |p| for |p| >= q, else (2/pi) (p asin(p/q) + sqrt(q^2 - p^2)). JAX can differentiate it twice almost
    everywhere.
    """
    crossing, q, sine, cosine = _crossing(p, square)
    return jnp.where(crossing, (2 / jnp.pi) * q * (sine * _arcsine(sine, cosine) + cosine), jnp.abs(p))


def derivatives_of_wave(p: Float[Array, "*n"], square: Float[Array, "*n"]) -> tuple[Float[Array, "*n"], ...]:
    """The partial derivatives f_p, f_S, f_pp, f_pS and f_SS of f(p, S) = `mean_of_wave`, S = q^2 = `square`.

    With r = sqrt(S - p^2): f_p = (2/pi) asin(p/q), f_S = r/(pi S), f_pp = 2/(pi r), f_pS = -p/(pi S r) and
    f_SS = (1/(2 r) - r/S)/(pi S). Where |p| >= q, f_p is the sign of p and the others vanish.
    """
    crossing, q, sine, cosine = _crossing(p, square)
    over = 1 / (jnp.pi * q)
    others = (
        cosine * over,
        2 * over / cosine,
        -sine * over / (q * cosine),
        (0.5 / cosine - cosine) * over / (q * q),
    )
    along = jnp.where(crossing, (2 / jnp.pi) * _arcsine(sine, cosine), jnp.sign(p))
    return along, *(jnp.where(crossing, x, 0) for x in others)


def _crossing(
    p: Float[Array, "*n"], square: Float[Array, "*n"]
) -> tuple[Shaped[Array, "*n"], Float[Array, "*n"], Float[Array, "*n"], Float[Array, "*n"]]:
    """Whether p + q cos x changes sign, and q, the sine p/q and the cosine sqrt(1 - p^2/q^2).

    Where it does not change sign, the last three have values that nothing depends on, but whose roots are not at 0:
    so gradients are finite there too.
    """
    crossing = square > p * p * (1 + 1e-14) + 1e-30
    q = jnp.sqrt(jnp.where(crossing, square, 1.0))
    sine = jnp.clip(jnp.where(crossing, p, 0.5) / q, -1 + 1e-14, 1 - 1e-14)
    return crossing, q, sine, jnp.sqrt(1 - sine * sine)


def _arcsine(sine: Float[Array, "*n"], cosine: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """asin(sine) to 5e-16, for a cosine >= 0: by asin(x)/x as a polynomial, x the smaller of |sine| and cosine.

    With XLA's own arc sine, that would take most of the time of `mean_of_wave` on a CPU.
    """
    below = jnp.abs(sine) <= cosine
    x = jnp.where(below, jnp.abs(sine), cosine)
    angle = x * jnp.polyval(jnp.asarray(_arcsine_series(), x.dtype), x * x, unroll=TERMS)
    return jnp.copysign(jnp.where(below, angle, jnp.pi / 2 - angle), sine)


TERMS = 19
"""Number of coefficients of the polynomial in `_arcsine`: its error is then below the rounding of the arithmetic."""


@functools.cache
def _arcsine_series() -> Float[np.ndarray, "k"]:
    """The coefficients of a polynomial in y = x^2, 0 <= y <= 1/2, for asin(x)/x; that of the highest power is first.

    Newton's interpolation at the Chebyshev nodes, with values from the power series of asin. It is computed with 50
    decimal digits, because in double precision the coefficients would lose a digit by cancellation.
    """
    with decimal.localcontext(prec=50):
        # The roots of the Chebyshev polynomial, mapped from [-1, 1] to [0, 1/2].
        nodes = [decimal.Decimal(x) / 4 for x in 1 + np.cos(np.pi * (np.arange(TERMS) + 0.5) / TERMS)]
        differences: list[decimal.Decimal] = []
        for y in nodes:
            term, value = decimal.Decimal(1), decimal.Decimal(0)
            for k in range(160):
                value += term / (2 * k + 1)
                term *= y * (2 * k + 1) / (2 * k + 2)
            differences.append(value)
        for k in range(1, TERMS):
            for i in range(TERMS - 1, k - 1, -1):
                differences[i] = (differences[i] - differences[i - 1]) / (nodes[i] - nodes[i - k])
        series = [differences[-1]]
        for node, difference in zip(nodes[-2::-1], differences[-2::-1], strict=True):
            # Horner's scheme: multiply by (y - node), add the divided difference.
            higher = [*series, decimal.Decimal(0)]
            series = [x - node * y for x, y in zip(higher, [decimal.Decimal(0), *series], strict=True)]
            series[-1] += difference
        return np.array([float(x) for x in series])


def _about(n: AnyArray, angle: AnyArray, x: AnyArray) -> Float[Array, "*n 3"]:
    """Vectors x (..., 3) turned about the unit vector n by angles (...), by Rodrigues' formula."""
    x, n = jnp.asarray(x), jnp.asarray(n)
    along = dot(x, n)[..., None] * n
    cosine, sine = jnp.cos(angle)[..., None], jnp.sin(angle)[..., None]
    return along + cosine * (x - along) + sine * jnp.cross(n, x)
