"""Averages over hidden vectors by quadrature, and probabilities at single hidden vectors."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._numerics import double_precision
from ..correlation import probabilities, smallest_probability
from ..models.arguments import Packed, as_pytree, off_unit, unpacked
from ..models.interface import LeggettModel, correlator_at, marginals

if TYPE_CHECKING:
    from .._shapes import AnyArray, Array, Float


@functools.partial(jax.jit, static_argnames="batch_size")
def quadrature_averages(
    models: Sequence[LeggettModel | Packed], a: Float[Array, "3 P"], b: Float[Array, "3 P"], batch_size: int = 64
) -> tuple[Float[Array, "E 4 P"], Float[Array, "E P"], Float[Array, "E P 2 3"], Float[Array, ""]]:
    """Averages of P by each model's own quadrature, for E models at settings a, b of shape (3, P).

    Returns the mean (E, 4, P), the smallest probability at any node (E, P), the hidden vectors of that node
    (E, P, 2, 3), and `off_unit` of all nodes, (). The arithmetic is done in the dtype of the settings, the averages
    are taken in float64. `batch_size` pairs are evaluated together.
    """
    complete = unpacked(models, a.dtype)

    def one(pair: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
        a, b = pair
        means, least, hidden, off = [], [], [], []
        for model in complete:
            u, v, weights = model.quadrature(a, b)
            off.append(off_unit(u, v))
            u, v = u.astype(a.dtype), v.astype(a.dtype)
            M_A, M_B = marginals(u, v, a, b)
            C = correlator_at(model, a, b)(u, v)
            P = probabilities(M_A, M_B, C)
            smallest = smallest_probability(M_A, M_B, C)
            best = jnp.nanargmin(smallest)
            means.append(weights.astype(float) @ P.astype(float))
            least.append(smallest[best])
            hidden.append(jnp.stack([u[best], v[best]]))
        return jnp.stack(means), jnp.stack(least), jnp.stack(hidden), jnp.stack(off)

    mean, smallest, hidden, off = lax.map(one, (a.T, b.T), batch_size=batch_size)
    smallest, hidden = smallest.astype(float), hidden.astype(float)
    return jnp.moveaxis(mean, 0, -1), smallest.T, jnp.moveaxis(hidden, 0, 1), off.max()


def one_point(
    model: LeggettModel | Packed,
    u: Float[AnyArray, "N 3"],
    v: Float[AnyArray, "N 3"],
    a: Float[AnyArray, "N 3"],
    b: Float[AnyArray, "N 3"],
) -> Float[np.ndarray, "N 4"]:
    """P(alpha, beta) of a model, (N, 4) in float64, at N hidden vectors and as many settings of shape (N, 3)."""
    with double_precision():
        return np.asarray(_one_point((as_pytree(model),), u, v, a, b))


@jax.jit
def _one_point(models: Sequence[Packed], u: jax.Array, v: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    (model,) = unpacked(models, float)
    C = jnp.asarray(jax.vmap(model.correlator)(u, v, a, b))
    return probabilities(*marginals(u, v, a, b), C)
