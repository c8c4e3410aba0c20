"""Single detection events of a Leggett model."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from .._checks import MAX_SAMPLES, InputError, integer
from .._numerics import double_precision, in_double
from ..correlation import probabilities
from ..settings import SettingPairs
from .arguments import Packed, as_pytree, off_unit, unit_to_rounding, unpacked
from .interface import LeggettModel, correlator_at, marginals

if TYPE_CHECKING:
    from .._shapes import Array, ArrayLike, Float, Int


@in_double
def outcomes(lam: ArrayLike, P: ArrayLike) -> tuple[Int[Array, "*n"], Int[Array, "*n"]]:
    """The detection event (alpha, beta) for values of the lower-level hidden variable lambda.   [B13, footnote 2]

    >>> import numpy as np
    >>> alpha, beta = outcomes(np.array([0.1, 0.6]), np.array([0.0, 0.5, 0.5, 0.0]))
    >>> alpha.tolist(), beta.tolist()
    ([1, -1], [-1, 1])

    P_{u,v} becomes deterministic: lambda (`lam`, in [0, 1)) lies in one of four intervals with the lengths P(++),
    P(+-), P(-+), P(--), which is the event. So uniformly distributed lambda reproduce `P`, of shape (..., 4). For a
    single lambda, the outcome of one party may depend on the other's setting: that is signalling.
    """
    bounds = jnp.cumsum(jnp.asarray(P), axis=-1)[..., :3]
    outcome = jnp.sum(jnp.asarray(lam)[..., None] >= bounds, axis=-1)
    return 1 - 2 * (outcome // 2), 1 - 2 * (outcome % 2)


EVENTS = 1024
"""Detection events of a pair in one chunk of `simulate_counts`. Another number would use other keys: other counts."""

PAIRS = 4096
"""Pairs in one chunk: their events take 0.5 GB of memory. Another number would use other keys, too."""


@functools.partial(jax.jit, static_argnames="num")
def _chunk_counts(
    key: Array, models: Sequence[Packed], a: Float[Array, "3 P"], b: Float[Array, "3 P"], num: int
) -> tuple[Int[Array, "P 4"], Float[Array, "P"], Float[Array, "P"]]:
    """Counts (P, 4) of `num` events at each pair of settings a, b (3, P), the smallest probability, and `off_unit`."""
    (model,) = unpacked(models, float)

    def one_pair(number: Array, a: Array, b: Array) -> tuple[Array, Array, Array]:
        hidden_key, lambda_key = jax.random.split(jax.random.fold_in(key, number))
        u, v = model.sample(hidden_key, num)
        P = probabilities(*marginals(u, v, a, b), correlator_at(model, a, b)(u, v))
        alpha, beta = outcomes(jax.random.uniform(lambda_key, (num,), float), P)
        outcome = (1 - alpha) + (1 - beta) // 2
        return jnp.bincount(outcome, length=4), P.min(), off_unit(u, v)

    return jax.vmap(one_pair, in_axes=(0, 1, 1))(jnp.arange(a.shape[1]), a, b)


def simulate_counts(key: jax.Array, model: LeggettModel, a: np.ndarray, b: np.ndarray, counts: int) -> np.ndarray:
    """Simulated counts (P, 4) of `counts` detection events at each pair, outcomes ++, +-, -+, --.

    key         a key of `jax.random`: the same gives the same counts
    model       an object with `sample` and `correlator`
    a, b        settings (P, 3), unit vectors to 1e-6
    counts      number of events at each pair, from 0 up

    Every event draws its own hidden vectors and its own lower-level lambda [B13, footnote 2].

    >>> import jax
    >>> import numpy as np
    >>> import jaxleggett as jl
    >>> z = np.array([[0.0, 0.0, 1.0]])
    >>> counts = jl.simulate_counts(jax.random.key(0), jl.WernerModel(0.5), z, z, 1000)
    >>> counts.shape, int(counts.sum())
    ((1, 4), 1000)

    Raises InputError for settings that are no unit vectors, for `counts` that is no integer in range, and for a model
    with hidden vectors that are no unit vectors, or with probabilities that are negative or NaN.
    """
    pairs = SettingPairs(a, b)
    a, b, counts = pairs.a, pairs.b, integer("counts", counts, 0, MAX_SAMPLES)
    with double_precision():
        total = np.zeros((len(a), 4), np.int64)
        tree = (as_pytree(model),)
        for chunk in range(math.ceil(counts / EVENTS)):
            num = min(EVENTS, counts - chunk * EVENTS)
            for first in range(0, len(a), PAIRS):
                rows = slice(first, first + PAIRS)
                block_key = jax.random.fold_in(jax.random.fold_in(key, chunk), first)
                seen, smallest, off = _chunk_counts(block_key, tree, a[rows].T, b[rows].T, num)
                unit_to_rounding(np.max(off))
                lowest = float(np.min(smallest))
                if not lowest >= -1e-12:
                    kind = "negative probabilities" if lowest < 0 else "probabilities that are NaN"
                    raise InputError(f"a model with {kind} ({lowest:.3g}) shows no events")
                total[rows] += np.asarray(seen)
    return total
