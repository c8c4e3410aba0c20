"""What the kernels of a chunk share: even steps of a loop, values side by side, and extrema that ignore NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

if TYPE_CHECKING:
    from .._shapes import Array, Float

CENTRE = 16
"""Most hidden vectors from which the rough mean is taken that is subtracted from all terms of a sum."""


def a_few(number: int) -> slice:
    """A slice that takes at most `CENTRE` of `number` hidden vectors, evenly spread over them."""
    return slice(None, None, -(-number // CENTRE))


def filled(
    u: Float[Array, "n 3"], v: Float[Array, "n 3"], weights: Float[Array, "n"], size: int
) -> tuple[Float[Array, "m 3"], Float[Array, "m 3"], Float[Array, "m"]]:
    """`size` hidden vectors: these, then copies of the last one with weight 0."""
    if size == len(u):
        return u, v, weights
    rows = np.minimum(np.arange(size), len(u) - 1)
    return u[rows], v[rows], jnp.where(np.arange(size) < len(u), weights[rows], 0.0)


def in_steps(
    u: Float[Array, "n 3"], v: Float[Array, "n 3"], weights: Float[Array, "n"], most: int, groups: int = 1
) -> tuple[int, int, Float[Array, "m 3"], Float[Array, "m 3"], Float[Array, "m"]]:
    """The numbers of steps and of hidden vectors per step and group (at most `most`), and vectors to fill all steps."""
    steps = -(-len(u) // (most * groups))
    unroll = -(-len(u) // (steps * groups))
    return steps, unroll, *filled(u, v, weights, steps * unroll * groups)


def interleaved(rows: Sequence[Array]) -> Array:
    """E arrays (...) stacked to (..., E), by selection: XLA would make a separate pass for each part of a stack."""
    joined = rows[0][..., None]
    for i, row in enumerate(rows[1:], 1):
        joined = jnp.where(jnp.arange(len(rows)) == i, row[..., None], joined)
    return joined


def smaller(x: Array, y: Array) -> Array:
    """The smaller of two, or `x` where `y` is NaN; `x` must not be NaN."""
    return jnp.where(y < x, y, x)


def larger(x: Array, y: Array) -> Array:
    """The larger of two, or `x` where `y` is NaN; `x` must not be NaN."""
    return jnp.where(x < y, y, x)
