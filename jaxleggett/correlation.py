"""Correlations with two outcomes a side: P <-> (M^A, M^B, C), and the bounds on C that P >= 0 implies.

[B13] is C. Branciard, "Not all entangled states violate Leggett's crypto-nonlocality" (2013), a reply
to arXiv:1303.5124v2; its equation numbers are used throughout the package.
"""

# JAX's own types are incomplete; what is made of them here is annotated.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp

from ._numerics import as_float, in_double

if TYPE_CHECKING:
    from ._shapes import AnyArray, Array, ArrayLike, Float

OUTCOMES = ((1, 1), (1, -1), (-1, 1), (-1, -1))
"""The pairs (alpha, beta), in the order in which every probability array holds them."""


@in_double
def probabilities(M_A: ArrayLike, M_B: ArrayLike, C: ArrayLike) -> Float[Array, "*n 4"]:
    """P(alpha, beta) = (1 + alpha M^A + beta M^B + alpha beta C) / 4.   [B13 (4)]

    The marginals `M_A` and `M_B` and the correlator `C` are numbers or arrays that broadcast against each other to a
    shape (...). The result has shape (..., 4), outcomes in the order ++, +-, -+, --. Negative values are returned as
    they are: they show that no correlation has these moments.

    >>> import jaxleggett as jl
    >>> jl.probabilities(0.0, 0.0, -1.0).tolist()  # the singlet, measured along one axis
    [0.0, 0.5, 0.5, 0.0]
    """
    alice, bob, both = as_float(M_A), as_float(M_B), as_float(C)
    return jnp.stack([(1 + x * alice + y * bob + x * y * both) / 4 for x, y in OUTCOMES], axis=-1)


@in_double
def moments(P: ArrayLike) -> tuple[Float[Array, "*n"], Float[Array, "*n"], Float[Array, "*n"]]:
    """(M^A, M^B, C) = sum over outcomes of (alpha, beta, alpha beta) P(alpha, beta): inverts [B13 (4)].

    `P` has shape (..., 4), outcomes in the order ++, +-, -+, --; the results have shape (...).
    """
    pp, pm, mp, mm = jnp.moveaxis(as_float(P), -1, 0)
    return pp + pm - mp - mm, pp - pm + mp - mm, pp - pm - mp + mm


@in_double
def correlation_bounds(M_A: ArrayLike, M_B: ArrayLike) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
    """-1 + |M^A + M^B| <= C <= 1 - |M^A - M^B|: equivalent to P >= 0.   [B13 (5)]

    `M_A` and `M_B` are the marginals, numbers or arrays that broadcast against each other. Returns (lower, upper),
    each of their common shape. lower > upper only where a marginal lies outside [-1, 1].

    >>> import jaxleggett as jl
    >>> lower, upper = jl.correlation_bounds(0.5, -0.25)
    >>> float(lower), float(upper)
    (-0.75, 0.25)
    """
    alice, bob = as_float(M_A), as_float(M_B)
    return -1 + jnp.abs(alice + bob), 1 - jnp.abs(alice - bob)


def smallest_probability(M_A: ArrayLike, M_B: ArrayLike, C: Float[AnyArray, "..."]) -> Float[Array, "..."]:
    """The smallest of the four probabilities, which is `margin`/4.   [B13 (4)]"""
    return margin(M_A, M_B, C) / 4


def margin(M_A: ArrayLike, M_B: ArrayLike, C: Float[AnyArray, "..."]) -> Float[Array, "..."]:
    """The distance of C from the nearer of its bounds, min(C - lower, upper - C); negative outside.   [B13 (5)]

    It equals `4 * probabilities(...).min(-1)` with a quarter of the arithmetic, for the inner loop of the sampler.
    `jnp.minimum` would take twice the time of `jnp.where`, because it has to propagate NaN.
    """
    lower, upper = correlation_bounds(M_A, M_B)
    return jnp.where(C - lower < upper - C, C - lower, upper - C)
