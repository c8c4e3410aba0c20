"""A reduction over hidden vectors whose inputs differ from the numbers that it accumulates, for GPUs.

On a GPU the model should be evaluated inside the reduction, so that no array of pairs x hidden vectors is written to
memory. Whether XLA fuses such an array into the reduction is decided by its cost model: it depends on the shape, and it
counts the work once for every use of the array. u.a, from which everything is computed, is used many times.

Therefore the inputs of the reduction are u.a and the like, each of which is used once, and the function that joins two
elements evaluates the model. But `lax.reduce` has one type of element: an element is either an input or a result so
far. Both are stored in the same numbers, with a flag that tells which. The flag of an input is a constant, so that the
compiler can remove the case distinction where an input is added.
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
"""Hidden vectors are filled up to a multiple of this, so that the compiler loads and unrolls evenly. For a number such
as 3125 (from 10^6 samples) it would use more instructions for each hidden vector."""

Numbers = Sequence["Array"]
"""Scalars, as the functions of a reduction get and return them while it is traced."""


def components(
    u: Float[Array, "n 3"], v: Float[Array, "n 3"], weights: Float[Array, "n"], dtype: DTypeLike
) -> tuple[tuple[Float[Array, "m"], ...], tuple[Float[Array, "m"], ...], Float[Array, "m"]]:
    """The components of u and of v, and the weights, each an array of its own, filled up to a multiple of `EVEN`."""
    u, v, weights = filled(u, v, weights, -(-len(u) // EVEN) * EVEN)
    # Behind a barrier: XLA would otherwise pick and convert them from (m, 3) float64 again for every pair.
    x = lax.optimization_barrier([x.astype(dtype) for x in (*u.T, *v.T, weights)])
    return tuple(x[:3]), tuple(x[3:6]), x[6]


def folded(
    incoming: Sequence[Float[Array, "#P n"]],
    start: Sequence[float],
    add: Callable[[Numbers, Numbers], Numbers],
    merge: Callable[[Numbers, Numbers], Numbers],
) -> list[Float[Array, "P"]]:
    """The results of a reduction over the last axis of `incoming`, in an order that the device chooses.

    incoming    arrays of one dtype that broadcast to (P, n), n >= 2; of a single element XLA would make no result
    start       the results of no elements
    add         (results so far, numbers of one element) -> results with this element
    merge       (results of some elements, results of others) -> results of both

    The results are arrays (P,), as many as `start` has numbers.
    """
    shape, dtype = jnp.broadcast_shapes(*(x.shape for x in incoming)), incoming[0].dtype
    places = max(len(incoming), len(start))

    def fill(x: Sequence[Array], like: tuple[int, ...]) -> list[Array]:
        return [*(jnp.broadcast_to(y, like) for y in x), *[jnp.zeros(like, dtype)] * (places - len(x))]

    # Constants of NumPy: the function of a reduction must not close over JAX arrays.
    begin = [np.asarray(x, dtype) for x in start]

    def join(x: Numbers, y: Numbers) -> Numbers:
        (x_comes, *x), (y_comes, *y) = x, y
        # First y is joined to x, or to the results of no elements if x is an input; then x is added if it is one.
        pick = [jnp.where(x_comes, number, kept) for number, kept in zip(begin, x, strict=False)]
        both = zip(add(pick, y[: len(incoming)]), merge(pick, y[: len(start)]), strict=True)
        kept = [jnp.where(y_comes, added, merged) for added, merged in both]
        kept = [jnp.where(x_comes, *z) for z in zip(add(kept, x[: len(incoming)]), kept, strict=True)]
        return (jnp.zeros((), bool), *fill(kept, ()))

    operands = jnp.ones(shape, bool), *fill(incoming, shape)
    initial = jnp.zeros((), bool), *fill([jnp.asarray(x) for x in begin], ())
    return list(lax.reduce(operands, initial, join, (1,))[1 : len(start) + 1])
