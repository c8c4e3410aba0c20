"""One reduction over hidden vectors whose results are made of other numbers than what it is given.

A GPU should evaluate a model where it adds up, so that no array of pairs x hidden vectors is ever in memory. XLA fuses
an array into the reduction that uses it or leaves it in memory as a model of costs has it, which depends on the shape,
and which counts the work anew for every use: u.a, of which everything is made, has many. So the reduction itself is
given u.a and the like, each used once, and its computation makes of them what is kept. What comes in and what is kept
take turns in the same places; a flag says which it is. The flag is a constant where hidden vectors come in, so that the
compiler leaves no trace of it there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from jax import lax

from .lanes import filled

if TYPE_CHECKING:
    from .._shapes import Array, DTypeLike, Float

EVEN = 64
"""Hidden vectors come in multiples of this, for which the compiler loads and unrolls evenly; 3125, as in 10^6
samples, would take more instructions each."""

Numbers = Sequence["Array"]
"""Scalars, while a reduction is traced."""


def components(
    u: Float[Array, "n 3"], v: Float[Array, "n 3"], weights: Float[Array, "n"], dtype: DTypeLike
) -> tuple[tuple[Float[Array, "m"], ...], tuple[Float[Array, "m"], ...], Float[Array, "m"]]:
    """Those of u and of v, and the weights, each in one piece of memory; filled up to a multiple of `EVEN`."""
    u, v, weights = filled(u, v, weights, -(-len(u) // EVEN) * EVEN)
    # Behind a barrier, or they would be picked from (m, 3) float64, and converted, once a pair.
    x = lax.optimization_barrier([x.astype(dtype) for x in (*u.T, *v.T, weights)])
    return tuple(x[:3]), tuple(x[3:6]), x[6]


def folded(
    incoming: Sequence[Float[Array, "#P n"]],
    start: Sequence[float],
    add: Callable[[Numbers, Numbers], Numbers],
    merge: Callable[[Numbers, Numbers], Numbers],
) -> list[Float[Array, "P"]]:
    """What is kept of all n: from `start`, by add(kept, incoming) and merge(kept, kept), all scalars of one dtype.

    In whatever order the device likes. An array that broadcasts to (P, n) is enough; n is at least 2, for XLA takes a
    single element for the result.
    """
    shape, dtype = jnp.broadcast_shapes(*(x.shape for x in incoming)), incoming[0].dtype
    places = max(len(incoming), len(start))

    def fill(x: Sequence[Array], like: tuple[int, ...]) -> list[Array]:
        return [*(jnp.broadcast_to(y, like) for y in x), *[jnp.zeros(like, dtype)] * (places - len(x))]

    # Constants of NumPy: JAX allows a reduction no arrays of its own from outside.
    begin = [np.asarray(x, dtype) for x in start]

    def join(x: Numbers, y: Numbers) -> Numbers:
        (x_comes, *x), (y_comes, *y) = x, y
        pick = [jnp.where(x_comes, number, kept) for number, kept in zip(begin, x, strict=False)]
        both = zip(add(pick, y[: len(incoming)]), merge(pick, y[: len(start)]), strict=True)
        kept = [jnp.where(y_comes, added, merged) for added, merged in both]
        kept = [jnp.where(x_comes, *z) for z in zip(add(kept, x[: len(incoming)]), kept, strict=True)]
        return (jnp.zeros((), bool), *fill(kept, ()))

    operands = jnp.ones(shape, bool), *fill(incoming, shape)
    initial = jnp.zeros((), bool), *fill([jnp.asarray(x) for x in begin], ())
    return list(lax.reduce(operands, initial, join, (1,))[1 : len(start) + 1])
