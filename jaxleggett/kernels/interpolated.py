"""Sums over a chunk for models with an `interpolation`: from four numbers for each pair, for any number of models.

With x = u.a, y = v.b, s = |x - y|, d = |x + y|, the bounds of [B13 (5)] are L = d - 1 and U = 1 - s. Where, as in
[B13 (9)], C = p^- L + p^+ U with p^- + p^+ = 1 that depend on the pair of settings alone, the sum of w C with the
weights w of the hidden vectors, and the margin, which is four times the smallest probability, are

    sum w C = p^- (sum w d - sum w) + p^+ (sum w - sum w s),
    min(C - L, U - C) = min(p^-, p^+) (U - L) = min(p^-, p^+) (2 - t),        t = s + d.

So the sums of w s and of w d, and the smallest and the largest t, are enough. The margin is smallest at the largest t
or, where one of p^- and p^+ is negative, at the smallest t. Nothing is evaluated for each visibility or model.

The kernels compute m = max(|x|, |y|) in place of s and t, with one operation less: t = 2 m, and s = 2 m - d.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
from jax import lax

from .folding import Numbers, components, folded
from .lanes import a_few, in_steps, interleaved, larger, smaller

if TYPE_CHECKING:
    from .._shapes import Array, Float

STEP = 16
"""Most hidden vectors in one step of the loop on a CPU; a step loads and stores the numbers of a pair once for all of
them. With more, they would not fit into the registers."""

LANES = 2**14
"""Lanes of the loop on a CPU: the number of pairs times that of groups of hidden vectors, which are as many as fit. The
cores wait for one another after every step; with so many lanes they have enough work in between."""

ROWS = 4
"""Pairs for each thread on a GPU. With a single one, seven numbers would be loaded for about twenty operations."""

Components = Sequence["Array"]
"""The three components of many vectors, as three arrays or as the rows of one."""


def interpolated_sums(
    shares: Sequence[tuple[Float[Array, "P"], Float[Array, "P"]]],
    u: Float[Array, "n 3"],
    v: Float[Array, "n 3"],
    weights: Float[Array, "n"],
    a: Float[Array, "3 P"],
    b: Float[Array, "3 P"],
) -> tuple[Float[Array, "E P"], Float[Array, "E P"]]:
    """Weighted sum of C and smallest probability over hidden vectors u, v (n, 3), for settings a, b (3, P).

    `shares` are p^- and p^+ of E models, of which only p^+ is read: p^- = 1 - p^+. Both results are (E, P) in float64;
    the arithmetic at the hidden vectors is done in the dtype of the settings.
    """
    (S, D), (smallest_t, largest_t) = lax.platform_dependent(
        u, v, weights, a, b, cpu=stream_moduli, default=moduli_at_once
    )
    total = weights.astype(a.dtype).astype(float).sum()
    C, least = [], []
    for _, share in shares:
        p_plus = share.astype(float)
        p_minus = 1 - p_plus
        C.append(p_minus * (D - total) + p_plus * (total - S))
        q = jnp.minimum(p_minus, p_plus)
        least.append(q * (2 - jnp.where(q < 0, smallest_t, largest_t)) / 4)
    return jnp.stack(C), jnp.stack(least)


def _projections(u: Components, v: Components, a: Components, b: Components) -> tuple[Array, Array]:
    """x = u.a and y = v.b, for components that broadcast against each other."""
    x, y = (h[0] * z[0] + h[1] * z[1] + h[2] * z[2] for h, z in ((u, a), (v, b)))
    return x, y


def _moduli(u: Components, v: Components, a: Components, b: Components) -> tuple[Array, Array]:
    """m = max(|x|, |y|) and d = |x + y|."""
    x, y = _projections(u, v, a, b)
    return larger(jnp.abs(x), jnp.abs(y)), jnp.abs(x + y)


def stream_moduli(
    u: Float[Array, "n 3"],
    v: Float[Array, "n 3"],
    weights: Float[Array, "n"],
    a: Float[Array, "3 P"],
    b: Float[Array, "3 P"],
) -> tuple[Float[Array, "2 P"], Float[Array, "2 P"]]:
    """The sums of w s and of w d, and the smallest and the largest t, in float64, for CPUs; a loop as `chunks.stream`.

    With few pairs, several groups of hidden vectors are treated side by side, as further lanes of the loop. The sums
    are those of w (m - centre) and w (d - centre), where each centre is a rough mean; it is added at the end.
    """
    settings = tuple(a[:, None]), tuple(b[:, None])

    def at(u: Array, v: Array) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """m and d, each a tuple of k arrays (groups, P), of hidden vectors of shape (k, 3, groups, 1)."""
        m, d = zip(*(_moduli(tuple(x), tuple(y), *settings) for x, y in zip(u, v, strict=True)), strict=True)
        return m, d

    few = a_few(len(u))
    centres = [
        functools.reduce(operator.add, x) / len(x) for x in at(*(h[few, :, None, None].astype(a.dtype) for h in (u, v)))
    ]
    total = weights.astype(a.dtype).astype(float).sum()
    groups = max(1, min(LANES // a.shape[1], len(u) // STEP))
    steps, unroll, u, v, weights = in_steps(u, v, weights, STEP, groups)

    def stepwise(x: Array) -> Array:
        """The hidden vectors as (steps, unroll, components, groups, 1), so that each step reads contiguous memory."""
        return jnp.moveaxis(x.astype(a.dtype).reshape(steps, unroll, groups, -1), 3, 2)[..., None]

    hidden = [stepwise(x) for x in (u, v, weights)]
    shape = groups, a.shape[1], 2

    def step(i: Array, found: Array) -> Array:
        u, v, w = (lax.dynamic_index_in_dim(x, i, keepdims=False) for x in hidden)
        m, d = at(u, v)
        sums = [
            _joined(operator.add, [w[k, 0] * x[k] for k in range(unroll)]) - w[:, 0].sum(axis=0) * centre
            for x, centre in zip((m, d), centres, strict=True)
        ]
        ends = _joined(smaller, m), -_joined(larger, m)
        return lax.complex(found.real + interleaved(sums), smaller(found.imag, interleaved(ends)))

    start = lax.complex(jnp.zeros(shape, a.dtype), jnp.full(shape, jnp.inf, a.dtype))
    found = lax.fori_loop(0, steps, step, start)
    smallest, largest = found.imag.min(axis=0).T.astype(float)
    M, D = found.real.astype(float).sum(axis=0).T + total * jnp.concatenate(centres).astype(float)
    return jnp.stack([2 * M - D, D]), 2 * jnp.stack([smallest, -largest])


def _joined(join: Callable[[Array, Array], Array], values: Sequence[Array]) -> Array:
    """All values joined, those at even and at odd places separately: a processor can work on both chains at once."""
    return functools.reduce(join, [functools.reduce(join, values[k::2]) for k in range(min(2, len(values)))])


def moduli_at_once(
    u: Float[Array, "n 3"],
    v: Float[Array, "n 3"],
    weights: Float[Array, "n"],
    a: Float[Array, "3 P"],
    b: Float[Array, "3 P"],
) -> tuple[Float[Array, "2 P"], Float[Array, "2 P"]]:
    """The same as `stream_moduli` for GPUs: one reduction over all hidden vectors, as `chunks.at_once`.

    Each thread takes `ROWS` pairs, for which it loads a hidden vector once.
    """
    # In single precision a GPU has instructions for the minimum and maximum that propagate NaN. In double precision it
    # has none, and propagating NaN would take most of the time. Hidden vectors with a NaN are refused in any case.
    least, most = (jnp.minimum, jnp.maximum) if a.dtype == jnp.float32 else (smaller, larger)

    def add(kept: Numbers, incoming: Numbers) -> Numbers:
        w, *projections = incoming
        found: list[Array] = []
        for k in range(ROWS):
            x, y = projections[2 * k : 2 * k + 2]
            m = most(jnp.abs(x), jnp.abs(y))
            M, D, low, high = kept[4 * k : 4 * k + 4]
            found += [M + w * m, D + w * jnp.abs(x + y), least(low, m), most(high, m)]
        return found

    def merge(one: Numbers, other: Numbers) -> Numbers:
        joins = [operator.add, operator.add, least, most] * ROWS
        return [join(x, y) for join, x, y in zip(joins, one, other, strict=True)]

    pairs = a.shape[1]
    u_parts, v_parts, w = components(u, v, weights, a.dtype)
    # (3, ROWS, P/ROWS, 1), filled up with copies of the last pair.
    alice, bob = (jnp.pad(x, ((0, 0), (0, -pairs % ROWS)), mode="edge").reshape(3, ROWS, -1, 1) for x in (a, b))
    rows = (_projections(u_parts, v_parts, tuple(alice[:, k]), tuple(bob[:, k])) for k in range(ROWS))
    found = folded([w[None], *itertools.chain(*rows)], [0.0, 0.0, math.inf, -math.inf] * ROWS, add, merge)
    M, D, low, high = (jnp.concatenate(found[k::4])[:pairs].astype(float) for k in range(4))
    return jnp.stack([2 * M - D, D]), 2 * jnp.stack([low, high])
