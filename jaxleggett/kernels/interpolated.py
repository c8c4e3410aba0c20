"""Sums over a chunk where all correlators interpolate: from four numbers a pair, however many models there are.

With x = u.a, y = v.b, s = |x - y|, d = |x + y| the bounds of [B13 (5)] are L = d - 1 and U = 1 - s. Where
C = p^- L + p^+ U with weights of sum 1 that depend on the pair of settings alone, as in [B13 (9)],

    sum w C = p^- (sum w d - sum w) + p^+ (sum w - sum w s),
    min(1 + C - d, 1 - C - s) = min(p^-, p^+) (2 - t),        t = s + d,

so that the sums of w s and w d and the smallest and largest t are enough: the margin is least at the largest t, or at
the smallest where one of the weights is negative. Nothing is evaluated for a visibility, or for a model.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
from jax import lax

from .folding import Numbers, components, folded
from .lanes import a_few, in_steps, interleaved, larger, smaller
from .plan import UNROLL

if TYPE_CHECKING:
    from .._shapes import Array, Float

LANES = 2**14
"""Lanes of the loop on a CPU: pairs, times groups of hidden vectors where the pairs are fewer. So many that the cores,
which meet after every step, have work in between."""

ROWS = 4
"""Pairs of a thread on a GPU. With one, seven numbers would be loaded for about twenty operations."""

Components = Sequence["Array"]
"""Those of many vectors, each an array of its own, or rows of one."""


def interpolated_sums(
    shares: Sequence[tuple[Float[Array, "P"], Float[Array, "P"]]],
    u: Float[Array, "n 3"],
    v: Float[Array, "n 3"],
    weights: Float[Array, "n"],
    a: Float[Array, "3 P"],
    b: Float[Array, "3 P"],
) -> tuple[Float[Array, "E P"], Float[Array, "E P"]]:
    """Weighted sum of C and smallest probability over hidden vectors u, v (n, 3), for settings a, b (3, P).

    `shares` are (p^-, p^+) of E models; p^- is taken to be 1 - p^+. Both results are float64; the arithmetic at the
    hidden vectors is done in the dtype of the settings.
    """
    (S, D), ends = lax.platform_dependent(u, v, weights, a, b, cpu=stream_moduli, default=moduli_at_once)
    total = weights.astype(a.dtype).astype(float).sum()
    C, least = [], []
    for _, share in shares:
        p_plus = share.astype(float)
        p_minus = 1 - p_plus
        C.append(p_minus * (D - total) + p_plus * (total - S))
        q = jnp.minimum(p_minus, p_plus)
        least.append(q * (2 - jnp.where(q < 0, ends[0], ends[1])) / 4)
    return jnp.stack(C), jnp.stack(least)


def _rows(h: Array, like: Array) -> Components:
    """Components (1, n) of hidden vectors (3, n), in another's dtype."""
    x, y, z = h.astype(like.dtype)[:, None]
    return x, y, z


def _columns(settings: Array) -> Components:
    """Components (P, 1) of settings (3, P)."""
    x, y, z = settings[..., None]
    return x, y, z


def _projections(u: Components, v: Components, a: Components, b: Components) -> tuple[Array, Array]:
    """x = u.a and y = v.b, of components that broadcast against each other."""
    x, y = (h[0] * z[0] + h[1] * z[1] + h[2] * z[2] for h, z in ((u, a), (v, b)))
    return x, y


def _moduli(u: Components, v: Components, a: Components, b: Components) -> tuple[Array, Array]:
    """s = |x - y| and d = |x + y|."""
    x, y = _projections(u, v, a, b)
    return jnp.abs(x - y), jnp.abs(x + y)


def stream_moduli(
    u: Float[Array, "n 3"],
    v: Float[Array, "n 3"],
    weights: Float[Array, "n"],
    a: Float[Array, "3 P"],
    b: Float[Array, "3 P"],
) -> tuple[Float[Array, "2 P"], Float[Array, "2 P"]]:
    """Sums of w s and w d, and the smallest and the largest t, float64, for CPUs: as `chunks.stream`.

    With few pairs, several groups of hidden vectors go past them side by side, as further lanes of the loop. What is
    added up is w (s - centre), the centre a rough mean.
    """
    few = a_few(len(u))
    s, d = _moduli(_rows(u[few].T, a), _rows(v[few].T, a), _columns(a), _columns(b))
    centre_s, centre_d = s.mean(axis=1), d.mean(axis=1)
    total = weights.astype(a.dtype).astype(float).sum()
    groups = max(1, min(LANES // a.shape[1], len(u) // UNROLL))
    steps, unroll, u, v, weights = in_steps(u, v, weights, groups)

    def stepwise(x: Array) -> Array:
        """(steps, unroll, components, groups, 1): what a step reads lies together."""
        return jnp.moveaxis(x.astype(a.dtype).reshape(steps, unroll, groups, -1), 3, 2)[..., None]

    hidden = [stepwise(x) for x in (u, v, weights)]
    (ax, ay, az), (bx, by, bz) = a[:, None], b[:, None]
    shape = groups, a.shape[1]
    inf = jnp.full(shape, jnp.inf, a.dtype)

    def step(i: Array, found: Array) -> Array:
        u, v, w = (lax.dynamic_index_in_dim(x, i, keepdims=False) for x in hidden)
        s, d = zip(*(_moduli(u[k], v[k], (ax, ay, az), (bx, by, bz)) for k in range(unroll)), strict=True)
        sum_w = w[:, 0].sum(axis=0)
        sums = [
            functools.reduce(operator.add, [w[k, 0] * x[k] for k in range(unroll)]) - sum_w * centre
            for x, centre in ((s, centre_s), (d, centre_d))
        ]
        t = [x + y for x, y in zip(s, d, strict=True)]
        # What all are compared with first, so that what is not a number is the second of two and not chosen.
        ends = [functools.reduce(smaller, values, inf) for values in (t, [-x for x in t])]
        return lax.complex(found.real + interleaved(sums), smaller(found.imag, interleaved(ends)))

    start = lax.complex(jnp.zeros((*shape, 2), a.dtype), jnp.full((*shape, 2), jnp.inf, a.dtype))
    found = lax.fori_loop(0, steps, step, start)
    smallest, largest = found.imag.min(axis=0).T.astype(float)
    sums = found.real.astype(float).sum(axis=0).T
    return sums + total * jnp.stack([centre_s, centre_d]).astype(float), jnp.stack([smallest, -largest])


def moduli_at_once(
    u: Float[Array, "n 3"],
    v: Float[Array, "n 3"],
    weights: Float[Array, "n"],
    a: Float[Array, "3 P"],
    b: Float[Array, "3 P"],
) -> tuple[Float[Array, "2 P"], Float[Array, "2 P"]]:
    """The same elsewhere: one reduction of all hidden vectors at all pairs, as `chunks.at_once`.

    Kept are sums of w m and w d, where m = max(|x|, |y|) = t/2 is one operation less than t, and s = 2 m - d. Each
    thread takes `ROWS` pairs, which share the hidden vector that it loads.
    """
    # Single precision has one instruction for either, that of NaN; in double precision, where there is none, the
    # handling of NaN would take most of the time. Hidden vectors with a NaN are refused anyway.
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
