"""What both kernels of a chunk share: even steps, values side by side, minima that pass over NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

from .plan import UNROLL

if TYPE_CHECKING:
    from .._shapes import Array, Float

CENTRE = 32
"""Most hidden vectors whose mean is taken off the sums of a chunk: a rough mean is enough to keep the terms small."""


def a_few(number: int) -> slice:
    """At most `CENTRE` of a `number` of hidden vectors, spread over all."""
    return slice(None, None, -(-number // CENTRE))


def in_steps(
    u: Float[Array, "n 3"], v: Float[Array, "n 3"], weights: Float[Array, "n"], groups: int = 1
) -> tuple[int, int, Float[Array, "m 3"], Float[Array, "m 3"], Float[Array, "m"]]:
    """The numbers of steps and of hidden vectors in each (for each of the groups), and vectors that fill them all.

    What the last step lacks are copies without weight, so that every number of hidden vectors goes in even steps.
    """
    steps = -(-len(u) // (UNROLL * groups))
    unroll = -(-len(u) // (steps * groups))
    rows = np.minimum(np.arange(steps * unroll * groups), len(u) - 1)
    return steps, unroll, u[rows], v[rows], jnp.where(np.arange(len(rows)) < len(u), weights[rows], 0.0)


def interleaved(rows: Sequence[Array]) -> Array:
    """(..., E) from E arrays (...), by selection: XLA compiles a concatenation to one pass for each of its parts."""
    joined = rows[0][..., None]
    for i, row in enumerate(rows[1:], 1):
        joined = jnp.where(jnp.arange(len(rows)) == i, row[..., None], joined)
    return joined


def smaller(x: Array, y: Array) -> Array:
    """The smaller of two; `x` where `y` is NaN, so what is compared first must not be."""
    return jnp.where(y < x, y, x)
