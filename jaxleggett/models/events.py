"""Single detection events of a Leggett model."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._checks import MAX_SAMPLES, InputError, integer
from .._numerics import double_precision, in_double
from ..correlation import probabilities
from ..settings import SettingPairs
from .arguments import as_pytree, off_unit, opened, unit_to_rounding
from .interface import LeggettModel, correlator_at, marginals


@in_double
def outcomes(lam: Any, P: Any) -> tuple[jax.Array, jax.Array]:
    """The detection event (alpha, beta) of the lower-level hidden variable lambda.   [B13, footnote 2]

    A deterministic splitting of P_{u,v}: lambda in [0, 1) falls into one of four intervals of
    lengths P(++), P(+-), P(-+), P(--), so uniform lambda give back `P` of shape (..., 4). For a
    single lambda the outcome of one party may depend on the other's setting: it is signalling.
    """
    bounds = jnp.cumsum(jnp.asarray(P), axis=-1)[..., :3]
    outcome = jnp.sum(jnp.asarray(lam)[..., None] >= bounds, axis=-1)
    return 1 - 2 * (outcome // 2), 1 - 2 * (outcome % 2)


EVENTS = 1024
"""Detection events per pair and chunk of `simulate_counts`."""

PAIRS = 4096
"""Pairs of a chunk."""


@functools.partial(jax.jit, static_argnames="num")
def _chunk_counts(key: jax.Array, models: Sequence[Any], a: Any, b: Any, num: int) -> tuple[Any, ...]:
    """Outcome counts (P, 4) of `num` events at each pair of a (3, P), b (3, P), the smallest P, and `off_unit`."""
    (model,) = opened(models, float)

    def one_pair(number: Any, a: Any, b: Any) -> tuple[Any, ...]:
        hidden_key, lambda_key = jax.random.split(jax.random.fold_in(key, number))
        u, v = model.sample(hidden_key, num)
        P = probabilities(*marginals(u, v, a, b), correlator_at(model, a, b)(u, v))
        alpha, beta = outcomes(jax.random.uniform(lambda_key, (num,), float), P)
        number = (1 - alpha) + (1 - beta) // 2
        return jnp.bincount(number, length=4), P.min(), off_unit(u, v)

    return jax.vmap(one_pair, in_axes=(0, 1, 1))(jnp.arange(a.shape[1]), a, b)


def simulate_counts(key: jax.Array, model: LeggettModel, a: np.ndarray, b: np.ndarray, counts: int) -> np.ndarray:
    """Simulated counts (P, 4) of `counts` detection events at each pair, outcomes ++, +-, -+, --.

    Every event draws its own hidden vectors and its own lower-level lambda [B13, footnote 2].
    Raises InputError for settings or counts that are none, and if the model's probabilities turn
    negative or NaN, or its hidden vectors are no unit vectors: such a model shows no events.
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
