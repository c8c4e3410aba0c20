"""Searches for states without an axis of symmetry, over both unit vectors; discrete symmetries are written out."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._clock import late
from .._doubles import unit
from ..inequalities.worst_vectors import Effort, Prices, search
from ..sphere import fibonacci_directions, sample_sphere
from .canonical_form import CanonicalForm
from .worst_points import AT_ONCE, Found, distinct, filled, tight_pairs

AGAIN = 6
"""Number of searches, each from other starts, that a hard search consists of."""

HIDDEN, PAIRS = 200, 200
"""Number of hidden vectors, and of pairs, of each kind that the pools begin with."""


class FullSearch:
    """The search for states without an axis; see `worst_points.Search` for the methods."""

    def __init__(self, form: CanonicalForm, deadline: float | None) -> None:
        self.form, self.deadline = form, deadline

    def first(self, key: Array) -> tuple[np.ndarray, np.ndarray]:
        """Hidden vectors u = v and others near and far; the pairs that are tight for those, and random ones."""
        u = fibonacci_directions(HIDDEN)
        near, far = (np.asarray(z) for z in sample_sphere(jax.random.fold_in(key, 1), (2, HIDDEN)))
        x = np.concatenate([np.hstack([u, u]), np.hstack([u, unit(u + near)]), np.hstack([u, far])])
        a, far = (np.asarray(z) for z in sample_sphere(jax.random.fold_in(key, 2), (2, PAIRS)))
        pairs = [tight_pairs(self.form.s, fibonacci_directions(PAIRS)[: PAIRS // 2], V) for V in (0.85, 0.95)]
        return x, np.concatenate([*pairs, np.hstack([a, far])])

    def breaches(
        self, key: Array, x: np.ndarray, weights: np.ndarray, V: float, known: np.ndarray, hard: bool = False
    ) -> Found:
        """Pairs y at which E K(x, y) - V C(y) - 1 is locally largest, and these values, largest first."""
        number = len(self.form.group)
        x, weights = filled(self.form.images(x), np.tile(weights, number) / number)
        steps = 200 if hard else 60
        y, value = self._repeated(hard, key, lambda key: _climb(key, known, x, weights, V * self.form.s, steps))
        y, value = distinct(self.form, y, -value)
        return y, -value - 1

    def cheapest(
        self, key: Array, y: np.ndarray, prices: np.ndarray, F: np.ndarray, known: np.ndarray, hard: bool = False
    ) -> Found:
        """Hidden vectors x at which sum prices K(x, y) - F.x is locally least, and these values, least first."""
        number = len(self.form.group)
        y, prices = self.form.images(y), np.tile(prices, number) / number
        asked = Prices(prices, np.zeros_like(prices), F[:3], F[3:], y[:, :3], y[:, 3:])
        effort = Effort(lattice=400, starts=2 * AT_ONCE, steps=48 if hard else 24)

        def once(key: Array) -> tuple[np.ndarray, np.ndarray]:
            u, v, least = search(key, asked, known[:, :3], known[:, 3:], effort=effort)
            return np.hstack([u, v]), least

        return distinct(self.form, *self._repeated(hard, key, once))

    def _repeated(
        self, hard: bool, key: Array, once: Callable[[Array], tuple[Array | np.ndarray, Array | np.ndarray]]
    ) -> Found:
        """The points and values that one search finds, or for a hard one `AGAIN` searches, as far as there is time."""
        found = [once(key)]
        for i in range(1, AGAIN if hard else 1):
            if late(self.deadline):
                break
            found.append(once(jax.random.fold_in(key, i)))
        points, values = (np.concatenate([np.asarray(x) for x in column]) for column in zip(*found, strict=True))
        return points, values


@functools.partial(jax.jit, static_argnames=("starts", "tries"))
def _climb(
    key: Array, known: Array, x: Array, weights: Array, s: Array, steps: int, starts: int = 256, tries: int = 8192
) -> tuple[Array, Array]:
    """Local maxima over pairs y = (a, b) of sum weights |x.y| - sum s a b, from `known`, and from the best of many.

    In one party's setting alone the function is convex. So a step to the unit vector along its gradient never lowers
    it. Each step does this for one party after the other.
    """
    a, b = sample_sphere(key, (2, tries))
    U, W = x[:, :3], x[:, 3:]

    def value(y: Array) -> Array:
        return weights @ jnp.abs(x @ y) - jnp.sum(y[:3] * s * y[3:])

    def one(y: Array) -> tuple[Array, Array]:
        def step(_: int, y: Array) -> Array:
            a = _along(U.T @ (weights * jnp.sign(x @ y)) - s * y[3:])
            y = jnp.concatenate([a, y[3:]])
            b = _along(W.T @ (weights * jnp.sign(x @ y)) - s * a)
            return jnp.concatenate([a, b])

        y = jax.lax.fori_loop(0, steps, step, y)
        return y, value(y)

    random = jnp.concatenate([a, b], axis=1)
    best = jnp.argsort(-jax.lax.map(value, random, batch_size=256))[: starts - len(known)]
    return jax.lax.map(one, jnp.concatenate([known, random[best]]), batch_size=64)


def _along(z: Array) -> Array:
    return z / jnp.sqrt(jnp.sum(z * z))
