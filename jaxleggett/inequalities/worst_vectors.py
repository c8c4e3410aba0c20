"""Worst hidden vectors: minimise a piecewise linear function over S^2 x S^2, from many starts at once.

For prices on setting pairs, the search for the hidden vectors that a linear programme lacks, and for
those at which a Leggett inequality reaches its bound, is

    least over unit u, v of   sum_i plus_i |u.a_i + v.b_i| + minus_i |u.a_i - v.b_i| - F.u - H.v.

It is convex in (u, v), and hard only because the spheres are not. What is found is a value that is
reached; that nothing lies below it is no proof (`jaxleggett.proofs.branch_and_bound` gives one).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import register_dataclass

from .._clock import OutOfTime, late
from .._doubles import exponent, scaled_up
from .._numerics import dot, double_precision, normalised, random_key, shape_for, tangents
from ..sphere import fibonacci, fibonacci_directions, random_rotation
from .inequality import LeggettInequality

STARTS = 512
"""Starts of a search."""

STEPS = 48
"""Newton steps from each start, twice as many from the best: enough to end in a corner to rounding."""

THOROUGH = 200
"""Newton steps where a bound is to be reported: between nearly parallel settings the valleys are narrow and long."""

LATTICE = 800
"""Directions on each sphere of the lattice on which starts are looked for."""

SCREENED = LATTICE**2 * 1024
"""Most terms, pairs of directions times prices, that are looked at for starts: about a second."""

TOGETHER = 2**19
"""Most terms, starts times prices, that descend together; a quarter of it where they are more: seconds at most."""


@register_dataclass
@dataclass(frozen=True, eq=False)
class Prices:
    """plus, minus (N,) >= 0 on setting pairs a, b (N, 3), and F, H (3,): the function at the head of this module."""

    plus: Any
    minus: Any
    F: Any
    H: Any
    a: Any
    b: Any

    def at(self, u: Any, v: Any) -> Any:
        """The function at u, v of shape (..., 3): (...)."""
        x, y = u @ self.a.T, v @ self.b.T
        return abs(x + y) @ self.plus + abs(x - y) @ self.minus - u @ self.F - v @ self.H

    def scaled(self, k: int) -> Prices:
        """2^k times the function."""
        plus, minus, F, H = (np.ldexp(x, k) for x in (self.plus, self.minus, self.F, self.H))
        return Prices(plus, minus, F, H, self.a, self.b)

    def padded(self) -> Prices:
        """The same function with rows of price 0 added."""
        short = shape_for(len(self.plus)) - len(self.plus)
        plus, minus = (np.concatenate([x, np.zeros(short)]) for x in (self.plus, self.minus))
        a, b = (np.concatenate([x, np.broadcast_to(x[:1], (short, 3))]) for x in (self.a, self.b))
        return Prices(plus, minus, self.F, self.H, a, b)


def search(
    key: jax.Array,
    prices: Prices,
    u: np.ndarray | None = None,
    v: np.ndarray | None = None,
    *,
    lattice: int = LATTICE,
    starts: int = STARTS,
    steps: int = STEPS,
    deadline: float | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hidden vectors u, v (`starts`, 3) where the function is locally least, and its values, cheapest first.

    Starts are the rows of `u`, `v` (the hidden vectors a model already uses, at most a quarter), then
    the local minima over one randomly turned lattice of the least value over another, for either
    party, then the cheapest others: a start in every basin rather than many in the deepest. Prices
    may be of any size: they are divided by a power of two first. With thousands of prices the lattice
    is coarser, and past `deadline` (seconds of `time.monotonic`) OutOfTime is raised.
    """
    k = exponent(prices.plus, prices.minus, prices.F, prices.H)
    with double_precision():
        prices = prices.scaled(-k).padded()
        lattice = min(lattice, math.isqrt(SCREENED // len(prices.plus)))
        lattice_u, lattice_v, price = (np.asarray(x) for x in _screen(key, prices, lattice))
        near = _neighbours(lattice)
        local = np.concatenate([p <= p[near].min(1) for p in np.split(price, 2)])
        known = 0 if u is None else min(len(u), starts // 4)
        chosen = np.lexsort((price, ~local))[: starts - known]
        first_u, first_v = lattice_u[chosen], lattice_v[chosen]
        if u is not None and v is not None and known:
            first_u, first_v = np.concatenate([u[:known], first_u]), np.concatenate([v[:known], first_v])
        found = _cheapest_first(_descend_in_time(prices, first_u, first_v, steps, deadline))
        # Where several corners nearly meet, the way to the cheapest takes more steps: the best go it again.
        best_u, best_v = (x[: starts // 8] for x in found[:2])
        again = _descend_in_time(prices, best_u, best_v, 2 * steps, deadline)
        found = [np.concatenate(x) for x in zip(again, (x[starts // 8 :] for x in found), strict=True)]
        u, v, least = _cheapest_first(found)
        return u, v, np.ldexp(least, k)


def _descend_in_time(prices: Prices, u: Any, v: Any, steps: int, deadline: float | None) -> Any:
    """`descend`; with thousands of prices a few starts at a time. OutOfTime past the deadline."""
    if len(prices.plus) * len(u) <= TOGETHER:
        return descend(prices, u, v, steps)
    few = max(1, TOGETHER // 4 // len(prices.plus))
    found = []
    for first in range(0, len(u), few):
        if late(deadline):
            raise OutOfTime
        rows = np.minimum(np.arange(first, first + few), len(u) - 1)
        found.append([np.asarray(x) for x in descend(prices, u[rows], v[rows], steps)])
    return [np.concatenate(column)[: len(u)] for column in zip(*found, strict=True)]


def _cheapest_first(found: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    u, v, least = (np.asarray(x) for x in found)
    order = np.argsort(least)
    return u[order], v[order], least[order]


@functools.lru_cache
def _neighbours(num: int) -> np.ndarray:
    """The seven nearest points of every point of a Fibonacci lattice, (num, 7)."""
    points = fibonacci_directions(num)
    return np.argsort(-(points @ points.T), axis=1)[:, 1:8]


@functools.partial(jax.jit, static_argnames="num")
def _screen(key: jax.Array, prices: Prices, num: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """For every u of a lattice the cheapest v of another, and the other way round: u, v (2 num, 3), prices (2 num,).

    In single precision: it only chooses starts.
    """
    turns = [random_rotation(k) for k in jax.random.split(key)]
    U, W = (fibonacci(jnp.arange(num), num) @ turn.T for turn in turns)
    every = U @ prices.a.T, W @ prices.b.T, U @ prices.F, W @ prices.H, prices.plus, prices.minus
    x, y, on_u, on_v, plus, minus = (z.astype(jnp.float32) for z in every)

    def row(i: Any) -> Any:
        return jnp.abs(x[i] + y) @ plus + jnp.abs(x[i] - y) @ minus - on_u[i] - on_v

    price = jax.lax.map(row, jnp.arange(num), batch_size=8)
    v, u = jnp.argmin(price, axis=1), jnp.argmin(price, axis=0)
    return (
        jnp.concatenate([U, U[u]]),
        jnp.concatenate([W[v], W]),
        jnp.concatenate([price.min(1), price.min(0)]),
    )


SMOOTHING = (0.1, 0.03, 0.03, 0.01)
"""Width over which the corners are rounded at first, start by start. Rounded much wider, a function of
many pairs has few minima left, and all starts would end in the same ones."""


@jax.jit
def descend(prices: Prices, u: Any, v: Any, steps: Any = STEPS) -> tuple[Any, Any, Any]:
    """Local minima of the function over S^2 x S^2.

    From every start in u, v of shape (S, 3), in parallel: Newton steps in the tangent planes on
    sqrt(x^2 + eps^2) in place of |x|, damped, while eps falls from `SMOOTHING` to 1e-11, so that a
    start ends in a corner of the piecewise linear function to rounding. Returns u, v (S, 3) and the
    values (S,) of the function itself.
    """
    a, b, F, H = prices.a, prices.b, prices.F, prices.H

    def one(u: Any, v: Any, smoothing: Any) -> tuple[Any, Any, Any]:
        def step(i: Any, state: Any) -> Any:
            u, v, best_u, best_v, best = state
            eps = smoothing * (1e-11 / smoothing) ** (i / steps)
            (p, q), (r, s) = tangents(u), tangents(v)
            rows_a = jnp.stack([a @ p, a @ q], axis=1)
            rows_b = jnp.stack([b @ r, b @ s], axis=1)
            gradient, hessian = jnp.zeros(4), jnp.zeros((4, 4))
            radial_u, radial_v = -dot(F, u), -dot(H, v)
            x, y = a @ u, b @ v
            for weight, sign in ((prices.plus, 1), (prices.minus, -1)):
                z = x + sign * y
                root = jnp.sqrt(z * z + eps * eps)
                rows = jnp.concatenate([rows_a, sign * rows_b], axis=1)
                slope = weight * z / root
                gradient += slope @ rows
                hessian += (rows * (weight * eps * eps / root**3)[:, None]).T @ rows
                radial_u += slope @ x
                radial_v += sign * slope @ y
            gradient -= jnp.stack([dot(F, p), dot(F, q), dot(H, r), dot(H, s)])
            # Curvature of the sphere: moving by d shortens the vector itself by d^2/2.
            hessian -= jnp.diag(jnp.stack([radial_u, radial_u, radial_v, radial_v]))
            values, axes = jnp.linalg.eigh(hessian)
            move = -axes @ ((axes.T @ gradient) / jnp.maximum(jnp.abs(values), 1e-12))
            # No further than the scale on which the smoothed function is quadratic.
            move = move * jnp.minimum(1.0, 4 * eps / jnp.maximum(jnp.linalg.norm(move), 1e-300))
            u = normalised(u + move[0] * p + move[1] * q)
            v = normalised(v + move[2] * r + move[3] * s)
            now = prices.at(u, v)
            better = now < best
            return (
                u,
                v,
                jnp.where(better, u, best_u),
                jnp.where(better, v, best_v),
                jnp.where(better, now, best),
            )

        start = (u, v, u, v, prices.at(u, v))
        _, _, u, v, best = jax.lax.fori_loop(0, steps, step, start)
        return u, v, best

    return jax.vmap(one)(u, v, jnp.resize(jnp.array(SMOOTHING), (len(u),)))


def prices_of(inequality: LeggettInequality) -> Prices:
    """What an inequality charges hidden vectors for: its left side is sum_i |g_i| less the function of these prices."""
    g = inequality.coefficients
    F, H = inequality.alice @ inequality.a, inequality.bob @ inequality.b
    return Prices(np.maximum(-g, 0), np.maximum(g, 0), F, H, inequality.a, inequality.b)


def worst_vectors(
    inequality: LeggettInequality, seed: int = 0, deadline: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Hidden vectors u, v (3,) at which the left side is largest, as far as a search from many starts sees."""
    u, v, _ = search(random_key(seed), prices_of(inequality), steps=THOROUGH, deadline=deadline)
    return u[0], v[0]


def bounded_inequality(
    coefficients: Any,
    a: Any,
    b: Any,
    alice: Any = None,
    bob: Any = None,
    seed: int = 0,
    deadline: float | None = None,
) -> LeggettInequality:
    """The inequality with these coefficients and the least bound that a search from many starts finds.

    The search is not exhaustive, so the bound is numerical and no proof. Past `deadline` (seconds of
    `time.monotonic`) the search of an inequality with thousands of pairs raises `_clock.OutOfTime`.
    """
    f, h = (np.zeros(np.shape(coefficients)) if x is None else x for x in (alice, bob))
    inequality = LeggettInequality(coefficients, a, b, f, h, bound=0.0)
    u, v = worst_vectors(inequality, seed, deadline)
    scaled, k = inequality.normalised()
    return replace(inequality, bound=scaled_up(float(scaled.at(u[None], v[None])[0]), k))
