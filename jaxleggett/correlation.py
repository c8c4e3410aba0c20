"""Binary-outcome correlations: P <-> (M^A, M^B, C), and what non-negativity leaves of C.

[B13] is C. Branciard, "Not all entangled states violate Leggett's crypto-nonlocality" (2013), a reply
to arXiv:1303.5124v2; its equation numbers are used throughout the package.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ._numerics import as_float, in_double

OUTCOMES = ((1, 1), (1, -1), (-1, 1), (-1, -1))
"""The pairs (alpha, beta), in the order in which every probability array holds them."""


@in_double
def probabilities(M_A: Any, M_B: Any, C: Any) -> jax.Array:
    """P(alpha, beta) = (1 + alpha M^A + beta M^B + alpha beta C) / 4.   [B13 (4)]

    `M_A`, `M_B`, `C` broadcast against each other to a shape (...); the result has shape (..., 4),
    outcomes in the order ++, +-, -+, --. Negative values are returned as they are.
    """
    M_A, M_B, C = as_float(M_A), as_float(M_B), as_float(C)
    return jnp.stack([(1 + x * M_A + y * M_B + x * y * C) / 4 for x, y in OUTCOMES], axis=-1)


@in_double
def moments(P: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(M^A, M^B, C) = sum over outcomes of (alpha, beta, alpha beta) P(alpha, beta): inverts [B13 (4)].

    `P` has shape (..., 4), outcomes in the order ++, +-, -+, --; the results have shape (...).
    """
    pp, pm, mp, mm = jnp.moveaxis(as_float(P), -1, 0)
    return pp + pm - mp - mm, pp - pm + mp - mm, pp - pm - mp + mm


@in_double
def correlation_bounds(M_A: Any, M_B: Any) -> tuple[jax.Array, jax.Array]:
    """-1 + |M^A + M^B| <= C <= 1 - |M^A - M^B|: all that P >= 0 asks of C.   [B13 (5)]

    Returns (lower, upper), each of the broadcast shape of the marginals. The interval is empty
    only where a marginal leaves [-1, 1].
    """
    M_A, M_B = as_float(M_A), as_float(M_B)
    return -1 + jnp.abs(M_A + M_B), 1 - jnp.abs(M_A - M_B)


def smallest_probability(M_A: Any, M_B: Any, C: Any) -> jax.Array:
    """Smallest of the four probabilities, a quarter of the `margin`.   [B13 (4)]"""
    return margin(M_A, M_B, C) / 4


def margin(M_A: Any, M_B: Any, C: Any) -> jax.Array:
    """How far C keeps from the nearer of its bounds, min(C - lower, upper - C); negative outside.   [B13 (5)]

    A quarter of the arithmetic of `4 * probabilities(...).min(-1)`, for the inner loop of the sampler.
    `jnp.where` rather than `jnp.minimum`: the latter must propagate NaN, which costs a factor of two.
    """
    lower, upper = correlation_bounds(M_A, M_B)
    return jnp.where(C - lower < upper - C, C - lower, upper - C)
