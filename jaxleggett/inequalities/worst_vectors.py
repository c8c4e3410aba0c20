"""Worst hidden vectors: minimise a piecewise linear function over S^2 x S^2, from many starts at once.

Two questions are of this form: which hidden vectors a linear programme over hidden vectors still lacks, and at which
ones a Leggett inequality reaches its bound. Given prices plus_i, minus_i >= 0 of setting pairs, and vectors F and H,

    minimise over unit u, v:   sum_i plus_i |u.a_i + v.b_i| + minus_i |u.a_i - v.b_i| - F.u - H.v.

The function is convex in (u, v). The spheres are not convex, so that there are many local minima. The search is

1. *multi-start*: the function is evaluated on a lattice over both spheres, whose best points are the starts;
2. *Newton's method* from every start, in the tangent planes of the two spheres (Riemannian Newton: P.-A. Absil,
   R. Mahony, R. Sepulchre, "Optimization Algorithms on Matrix Manifolds", 2008), with the moduli of the Hessian's
   eigenvalues, so that it goes downhill, and with steps of bounded length;
3. on a *smoothed* function, sqrt(x^2 + eps^2) in place of |x|, while eps falls to 1e-11 (a continuation method:
   A. Blake, A. Zisserman, "Visual Reconstruction", 1987, call it graduated non-convexity). So a start ends in a
   corner of the piecewise linear function, to rounding.

An `Effort` says how much of each is done. What is found is a value that the function takes. That it is the least one
is not proved here; `jaxleggett.proofs.branch_and_bound` proves such bounds.
"""

# JAX's own types are incomplete; what is made of them here is annotated.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, overload

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import register_dataclass

from .._clock import OutOfTime, late
from .._doubles import exponent, scaled_up
from .._numerics import dot, double_precision, normalised, random_key, shape_for, tangents
from ..settings import SettingPairs
from ..sphere import fibonacci, fibonacci_directions, random_rotation
from .inequality import LeggettInequality

if TYPE_CHECKING:
    from .._shapes import AnyArray, Array, ArrayLike, Float, Number

    Found = tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"], Float[np.ndarray, "n"]]
    Descent = tuple[Array, Array, Array, Array, Array]


@dataclass(frozen=True)
class Effort:
    """How thoroughly worst hidden vectors are searched for."""

    lattice: int = 800
    """Directions on each sphere of the lattice on which starts are looked for."""
    starts: int = 512
    """Starts of Newton's method."""
    steps: int = 48
    """Newton steps from each start, and twice as many again from the best eighth of them: enough to end in a corner, to
    rounding."""
    screened: int = 800**2 * 1024
    """Most terms (pairs of directions times prices) that are evaluated on the lattice, which takes about a second.
    Where they would be more, the lattice is made coarser."""
    together: int = 2**19
    """Most terms (starts times prices) that descend in one call. Where they would be more, each call takes a quarter of
    this number; that takes seconds, and the clock is looked at before each call."""


QUICK = Effort()
"""The effort for the rounds of column generation: what one round misses, a later one finds."""

THOROUGH = Effort(steps=200)
"""The effort for a bound that is to be reported: between nearly parallel settings the valleys are narrow and long."""

SMOOTHING = (0.1, 0.03, 0.03, 0.01)
"""The first eps; the starts take these four by turns. With a much larger one, a function of many pairs would have few
minima left, and all starts would end in the same ones."""


@register_dataclass
@dataclass(frozen=True, eq=False)
class Prices:
    """The function at the head of this module: `plus`, `minus` >= 0 of setting pairs `a`, `b`, and vectors `F`, `H`."""

    plus: Float[AnyArray, "n"]
    minus: Float[AnyArray, "n"]
    F: Float[AnyArray, "3"]
    H: Float[AnyArray, "3"]
    a: Float[AnyArray, "n 3"]
    b: Float[AnyArray, "n 3"]

    @overload
    def at(self, u: np.ndarray, v: np.ndarray) -> np.ndarray: ...
    @overload
    def at(self, u: Array, v: Array) -> Array: ...
    def at(self, u: Float[AnyArray, "*k 3"], v: Float[AnyArray, "*k 3"]) -> AnyArray:
        """The function at u, v of shape (..., 3): (...)."""
        x, y = u @ self.a.T, v @ self.b.T
        return abs(x + y) @ self.plus + abs(x - y) @ self.minus - u @ self.F - v @ self.H

    def scaled(self, k: int) -> Prices:
        """2^k times the function."""
        plus, minus, F, H = (np.ldexp(x, k) for x in (self.plus, self.minus, self.F, self.H))
        return Prices(plus, minus, F, H, self.a, self.b)

    def padded(self) -> Prices:
        """The same function with pairs of price 0 added: code is compiled anew for every number of pairs."""
        short = shape_for(len(self.plus)) - len(self.plus)
        plus, minus = (np.concatenate([x, np.zeros(short)]) for x in (self.plus, self.minus))
        a, b = (np.concatenate([x, np.broadcast_to(x[:1], (short, 3))]) for x in (self.a, self.b))
        return Prices(plus, minus, self.F, self.H, a, b)


def search(
    key: Array,
    prices: Prices,
    u: Float[np.ndarray, "k 3"] | None = None,
    v: Float[np.ndarray, "k 3"] | None = None,
    *,
    effort: Effort = QUICK,
    deadline: float | None = None,
) -> Found:
    """Local minima of the function of `prices`: hidden vectors u, v (K, 3) and its values (K,), cheapest first.

    There is one for every start, `effort.starts` or less; many may be the same. The random `key` turns the lattices.
    Hidden vectors `u`, `v` that are known already (those of a model, say) are the first starts. Prices may be of any
    size: they are divided by a power of two first. `deadline` (seconds of `time.monotonic`) is looked at only where
    there are thousands of prices; past it OutOfTime is raised.
    """
    k = exponent(prices.plus, prices.minus, prices.F, prices.H)
    with double_precision():
        prices = prices.scaled(-k).padded()
        starts = _starts(key, prices, u, v, effort)
        found = _cheapest_first(*_descend_in_time(prices, *starts, effort.steps, effort, deadline))
        # Where several corners nearly meet, the way to the cheapest takes more steps: the best starts descend again.
        best = effort.starts // 8
        again = _descend_in_time(prices, found[0][:best], found[1][:best], 2 * effort.steps, effort, deadline)
        every = [np.concatenate([x, y[best:]]) for x, y in zip(again, found, strict=True)]
        u, v, least = _cheapest_first(*every)
        return u, v, np.ldexp(least, k)


@functools.cache
def compile_search(number: int, effort: Effort) -> None:
    """Compile what `search` needs for so many prices, by a search of one step that finds nothing."""
    z, zero = np.tile([0.0, 0.0, 1.0], (number, 1)), np.zeros(number)
    search(random_key(0), Prices(zero, zero, np.zeros(3), np.zeros(3), z, z), effort=replace(effort, steps=1))


def _starts(
    key: Array, prices: Prices, u: np.ndarray | None, v: np.ndarray | None, effort: Effort
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]]:
    """Where to begin: at hidden vectors that are known, at most a quarter, then at the best points of a lattice.

    For every u of a randomly turned lattice the cheapest v of another one is taken, and for every v the cheapest u.
    First come the points that are no dearer than their seven neighbours, then the cheapest of the others. If they were
    chosen by price alone, all starts might lie in the basin of one minimum.
    """
    lattice = min(effort.lattice, math.isqrt(effort.screened // len(prices.plus)))
    lattice_u, lattice_v, price = (np.asarray(x) for x in _screen(key, prices, lattice))
    near = _neighbours(lattice)
    local = np.concatenate([p <= p[near].min(1) for p in np.split(price, 2)])
    known = 0 if u is None else min(len(u), effort.starts // 4)
    chosen = np.lexsort((price, ~local))[: effort.starts - known]
    first_u, first_v = lattice_u[chosen], lattice_v[chosen]
    if u is not None and v is not None and known:
        first_u, first_v = np.concatenate([u[:known], first_u]), np.concatenate([v[:known], first_v])
    return first_u, first_v


def _descend_in_time(
    prices: Prices, u: np.ndarray, v: np.ndarray, steps: int, effort: Effort, deadline: float | None
) -> Found:
    """`descend`, with thousands of prices a few starts at a time; raises OutOfTime past the deadline."""
    if len(prices.plus) * len(u) <= effort.together:
        u, v, least = (np.asarray(x) for x in descend(prices, u, v, steps))
        return u, v, least
    few = max(1, effort.together // 4 // len(prices.plus))
    found: list[list[np.ndarray]] = []
    for first in range(0, len(u), few):
        if late(deadline):
            raise OutOfTime
        # The last call is filled up with the last start, so that all have one shape.
        rows = np.minimum(np.arange(first, first + few), len(u) - 1)
        found.append([np.asarray(x) for x in descend(prices, u[rows], v[rows], steps)])
    u, v, least = (np.concatenate(column)[: len(u)] for column in zip(*found, strict=True))
    return u, v, least


def _cheapest_first(u: np.ndarray, v: np.ndarray, least: np.ndarray) -> Found:
    order = np.argsort(least)
    return u[order], v[order], least[order]


@functools.lru_cache
def _neighbours(num: int) -> np.ndarray:
    """The seven nearest points of every point of a Fibonacci lattice, (num, 7)."""
    points = fibonacci_directions(num)
    return np.argsort(-(points @ points.T), axis=1)[:, 1:8]


@functools.partial(jax.jit, static_argnames="num")
def _screen(
    key: Array, prices: Prices, num: int
) -> tuple[Float[Array, "twice 3"], Float[Array, "twice 3"], Float[Array, "twice"]]:
    """For every u of a lattice the cheapest v of another, and the other way round: u, v and prices, 2 `num` of each.

    In single precision: it only chooses starts.
    """
    turns = [random_rotation(k) for k in jax.random.split(key)]
    U, W = (fibonacci(jnp.arange(num), num) @ turn.T for turn in turns)
    every = U @ prices.a.T, W @ prices.b.T, U @ prices.F, W @ prices.H, prices.plus, prices.minus
    x, y, on_u, on_v, plus, minus = (z.astype(jnp.float32) for z in every)

    def row(i: Array) -> Array:
        return jnp.abs(x[i] + y) @ plus + jnp.abs(x[i] - y) @ minus - on_u[i] - on_v

    # Row by row: all pairs of directions times all prices would not fit into memory.
    price = jax.lax.map(row, jnp.arange(num), batch_size=8)
    v, u = jnp.argmin(price, axis=1), jnp.argmin(price, axis=0)
    return (
        jnp.concatenate([U, U[u]]),
        jnp.concatenate([W[v], W]),
        jnp.concatenate([price.min(1), price.min(0)]),
    )


@jax.jit
def descend(
    prices: Prices, u: Float[AnyArray, "starts 3"], v: Float[AnyArray, "starts 3"], steps: Number = QUICK.steps
) -> tuple[Float[Array, "starts 3"], Float[Array, "starts 3"], Float[Array, "starts"]]:
    """Local minima of the function of `prices` over S^2 x S^2, from the starts `u`, `v`, all in parallel.

    There are `steps` Newton steps on the smoothed function, while its eps falls from `SMOOTHING` to 1e-11 (see the head
    of this module). Returned are, for each start, the u, v on its way at which the function itself was least, and that
    value.
    """
    a, b, F, H = (jnp.asarray(x) for x in (prices.a, prices.b, prices.F, prices.H))

    def one(u: Array, v: Array, smoothing: Array) -> tuple[Array, Array, Array]:
        def step(i: Array, now_and_best: Descent) -> Descent:
            u, v, best_u, best_v, best = now_and_best
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
            # Where the curvature is negative, a plain Newton step would go up; with its modulus the step goes down.
            values, axes = jnp.linalg.eigh(hessian)
            move = -axes @ ((axes.T @ gradient) / jnp.maximum(jnp.abs(values), 1e-12))
            # No further than the scale on which the smoothed function is quadratic.
            move = move * jnp.minimum(1.0, 4 * eps / jnp.maximum(jnp.linalg.norm(move), 1e-300))
            u = normalised(u + move[0] * p + move[1] * q)
            v = normalised(v + move[2] * r + move[3] * s)
            # A step down on the smoothed function may go up on the function itself, so the best place is kept.
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

    return jax.vmap(one)(jnp.asarray(u), jnp.asarray(v), jnp.resize(jnp.array(SMOOTHING), (len(u),)))


def prices_of(inequality: LeggettInequality) -> Prices:
    """The prices of an inequality: its largest left side at hidden vectors is sum_i |g_i| minus their function."""
    g = inequality.coefficients
    F, H = inequality.alice @ inequality.a, inequality.bob @ inequality.b
    return Prices(np.maximum(-g, 0), np.maximum(g, 0), F, H, inequality.a, inequality.b)


def worst_vectors(
    inequality: LeggettInequality, seed: int = 0, deadline: float | None = None
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Hidden vectors u, v at which the left side of `inequality` is largest, as far as a thorough search sees.

    `seed` turns the lattices of starts. With thousands of pairs the search raises `_clock.OutOfTime` past `deadline`
    (seconds of `time.monotonic`); with fewer it does not look at the clock.
    """
    u, v, _ = search(random_key(seed), prices_of(inequality), effort=THOROUGH, deadline=deadline)
    return u[0], v[0]


def bounded_inequality(
    coefficients: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    alice: ArrayLike | None = None,
    bob: ArrayLike | None = None,
    seed: int = 0,
    deadline: float | None = None,
) -> LeggettInequality:
    """The inequality with these coefficients and the least bound that a search from many starts finds.

    `coefficients`, `alice` and `bob` are g, f and h of `LeggettInequality`, N numbers each (f and h are 0 unless
    given), on the setting pairs `a`, `b` of shape (N, 3). `seed` turns the lattices of starts. The search is not
    exhaustive, so the bound is numerical and not proved. Raises InputError as `LeggettInequality` does, and with
    thousands of pairs `_clock.OutOfTime` past `deadline` (seconds of `time.monotonic`).

    >>> import numpy as np
    >>> from jaxleggett.inequalities.worst_vectors import bounded_inequality
    >>> round(bounded_inequality([-1.0], [[0, 0, 1]], [[0, 0, 1]]).bound, 9)  # -C <= 1: true of all correlations
    1.0
    """
    pairs = SettingPairs(a, b)
    f, h = (np.zeros(len(pairs)) if x is None else x for x in (alice, bob))
    inequality = LeggettInequality(coefficients, pairs.a, pairs.b, f, h, bound=0.0)
    u, v = worst_vectors(inequality, seed, deadline)
    scaled, k = inequality.normalised()
    return replace(inequality, bound=scaled_up(float(scaled.at(u[None], v[None])[0]), k))
