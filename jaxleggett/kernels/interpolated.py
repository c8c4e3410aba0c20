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
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
from jax import lax

from .lanes import a_few, in_steps, interleaved, smaller
from .plan import UNROLL

if TYPE_CHECKING:
    from .._shapes import Array, Float

LANES = 2**14
"""Lanes of the loop on a CPU: pairs, times groups of hidden vectors where the pairs are fewer. So many that the cores,
which meet after every step, have work in between."""

Components = tuple["Array", "Array", "Array"]
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
    hidden vectors is done in the dtype of the settings, on sums from which a rough mean is taken.
    """
    few = a_few(len(u))
    s, d = _moduli(_rows(u[few].T, a), _rows(v[few].T, a), _columns(a), _columns(b))
    centre = s.mean(axis=1), d.mean(axis=1)
    sums, ends = lax.platform_dependent(u, v, weights, a, b, *centre, cpu=stream_moduli, default=moduli_at_once)
    total = weights.astype(a.dtype).astype(float).sum()
    S, D = (sums[k] + total * centre[k].astype(float) for k in range(2))
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
    centre_s: Float[Array, "P"],
    centre_d: Float[Array, "P"],
) -> tuple[Float[Array, "2 P"], Float[Array, "2 P"]]:
    """Sums of w (s - centre) and w (d - centre), and the smallest and the largest t, for CPUs: as `chunks.stream`.

    With few pairs, several groups of hidden vectors go past them side by side, as further lanes of the loop.
    """
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
        total = w[:, 0].sum(axis=0)
        sums = [
            functools.reduce(operator.add, [w[k, 0] * x[k] for k in range(unroll)]) - total * centre
            for x, centre in ((s, centre_s), (d, centre_d))
        ]
        t = [x + y for x, y in zip(s, d, strict=True)]
        # What all are compared with first, so that what is not a number is the second of two and not chosen.
        ends = [functools.reduce(smaller, values, inf) for values in (t, [-x for x in t])]
        return lax.complex(found.real + interleaved(sums), smaller(found.imag, interleaved(ends)))

    start = lax.complex(jnp.zeros((*shape, 2), a.dtype), jnp.full((*shape, 2), jnp.inf, a.dtype))
    found = lax.fori_loop(0, steps, step, start)
    smallest, largest = found.imag.min(axis=0).T.astype(float)
    return found.real.astype(float).sum(axis=0).T, jnp.stack([smallest, -largest])


def moduli_at_once(
    u: Float[Array, "n 3"],
    v: Float[Array, "n 3"],
    weights: Float[Array, "n"],
    a: Float[Array, "3 P"],
    b: Float[Array, "3 P"],
    centre_s: Float[Array, "P"],
    centre_d: Float[Array, "P"],
) -> tuple[Float[Array, "2 P"], Float[Array, "2 P"]]:
    """The same elsewhere: one reduction of all hidden vectors at all pairs, as `chunks.at_once`.

    scripts/compile_for_gpu.py looks whether XLA leaves an array of pairs x hidden vectors in memory. It does where
    s + d stands in the place of 2 max(|x|, |y|), which is the same, and where NaN is kept out of the minima; hidden
    vectors with a NaN are refused anyway.
    """
    x, y = _projections(_rows(u.T, a), _rows(v.T, a), _columns(a), _columns(b))
    w, zero, inf = weights.astype(a.dtype), jnp.zeros((), a.dtype), jnp.full((), jnp.inf, a.dtype)
    terms = [w * (z - centre[:, None]) for z, centre in ((jnp.abs(x - y), centre_s), (jnp.abs(x + y), centre_d))]
    half_t = jnp.maximum(jnp.abs(x), jnp.abs(y))

    def join(x: Sequence[Array], y: Sequence[Array]) -> tuple[Array, ...]:
        return x[0] + y[0], x[1] + y[1], jnp.minimum(x[2], y[2]), jnp.maximum(x[3], y[3])

    found = lax.reduce((*terms, half_t, half_t), (zero, zero, inf, -inf), join, (1,))
    return jnp.stack(found[:2]).astype(float), 2 * jnp.stack(found[2:]).astype(float)
