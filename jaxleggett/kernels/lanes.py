"""What the kernels of a chunk share: even steps, values side by side, extrema that pass over NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

if TYPE_CHECKING:
    from .._shapes import Array, Float

CENTRE = 16
"""Most hidden vectors whose mean is taken off the sums of a chunk: a rough mean is enough to keep the terms small."""


def a_few(number: int) -> slice:
    """At most `CENTRE` of a `number` of hidden vectors, spread over all."""
    return slice(None, None, -(-number // CENTRE))


def filled(
    u: Float[Array, "n 3"], v: Float[Array, "n 3"], weights: Float[Array, "n"], size: int
) -> tuple[Float[Array, "m 3"], Float[Array, "m 3"], Float[Array, "m"]]:
    """`size` hidden vectors: these, and copies of the last one without weight."""
    if size == len(u):
        return u, v, weights
    rows = np.minimum(np.arange(size), len(u) - 1)
    return u[rows], v[rows], jnp.where(np.arange(size) < len(u), weights[rows], 0.0)


def in_steps(
    u: Float[Array, "n 3"], v: Float[Array, "n 3"], weights: Float[Array, "n"], most: int, groups: int = 1
) -> tuple[int, int, Float[Array, "m 3"], Float[Array, "m 3"], Float[Array, "m"]]:
    """The numbers of steps and of hidden vectors in each, at most `most` for each group, and vectors that fill them."""
    steps = -(-len(u) // (most * groups))
    unroll = -(-len(u) // (steps * groups))
    return steps, unroll, *filled(u, v, weights, steps * unroll * groups)


def interleaved(rows: Sequence[Array]) -> Array:
    """(..., E) from E arrays (...), by selection: XLA compiles a concatenation to one pass for each of its parts."""
    joined = rows[0][..., None]
    for i, row in enumerate(rows[1:], 1):
        joined = jnp.where(jnp.arange(len(rows)) == i, row[..., None], joined)
    return joined


def smaller(x: Array, y: Array) -> Array:
    """The smaller of two; `x` where `y` is NaN, so what is compared first must not be."""
    return jnp.where(y < x, y, x)


def larger(x: Array, y: Array) -> Array:
    """The larger of two; `x` where `y` is NaN."""
    return jnp.where(x < y, y, x)
