"""Searches for states with an axis of symmetry: over three angles, by Newton's method.

Kernels are averaged over turns about the axis. So a point, which is a pair of unit vectors, is described by their polar
angles and by the difference of their azimuths.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.tree_util import register_dataclass

from .._clock import late
from ..joint_rotations import axial_mean, axial_wave, derivatives_of_wave
from .canonical_form import CanonicalForm
from .worst_points import Found, distinct, filled, tight_pairs

QUICK = 96
"""Number of starts of a search; a hard one has four times as many."""

SAME = 40
"""Number of hidden vectors u = v that the pool begins with: evenly spread over a meridian, with eight more near the
poles."""

LEAST = 1024
"""Smallest number of points of an objective; fewer are filled up, since to compile for another number takes longer."""

BLOCK = 32
"""Number of starts that Newton's method takes together."""


@register_dataclass
@dataclass(frozen=True, eq=False)
class _Objective:
    """sign sum_k w_k K(x_k, z) + sum_j s_j z_j z_{j+3} - F.z, which is minimised over points z = (p, q).

    `points` (N, 6) are all images of x_k under the discrete symmetries, with `weights` (N,).
    """

    points: Array | np.ndarray
    weights: Array | np.ndarray
    sign: Array | float
    s: Array | np.ndarray
    F: Array | np.ndarray

    def at(self, angles: Array) -> Array:
        """Its value at three angles (3,)."""
        z = _vectors(angles)
        return self.sign * (axial_mean(jnp.asarray(self.points), z) @ self.weights) + self._rest(z)

    def expansion(self, angles: Array) -> tuple[Array, Array]:
        """Gradient (3,) and second derivatives (3, 3) at three angles, by the chain rule.

        The derivatives of the sum over the points are written out, because automatic differentiation takes several
        times as long. They are simple, since p, e and o of `axial_wave` are linear in z.
        """
        points, z, ways = jnp.asarray(self.points), _vectors(angles), jax.jacfwd(_vectors)(angles).T
        p, e, o = axial_wave(points, z)
        # Derivatives of p, e, o, and of S = e^2 + o^2, in the directions in which the three angles move z: (3, N).
        p_way, e_way, o_way = axial_wave(points, ways[:, None])
        S_way = 2 * (e * e_way + o * o_way)
        f_p, f_S, f_pp, f_pS, f_SS = (self.sign * self.weights * x for x in derivatives_of_wave(p, e * e + o * o))
        left = jnp.stack([p_way, S_way, e_way, o_way])
        right = jnp.stack([f_pp * p_way + f_pS * S_way, f_pS * p_way + f_SS * S_way, 2 * f_S * e_way, 2 * f_S * o_way])
        second = jnp.einsum("kin,kjn->ij", left, right)
        # The gradient in z: `axial_wave` is linear in z with coefficients from the points.
        by_p, by_e, by_o = jnp.stack([f_p, 2 * f_S * e, 2 * f_S * o]) @ points
        gradient = jnp.stack(
            [
                *(by_e[0] + by_o[1], by_e[1] - by_o[0], by_p[2]),
                *(by_e[3] + by_o[4], by_e[4] - by_o[3], by_p[5]),
            ]
        ) + jax.grad(self._rest)(z)
        bend = jax.jacfwd(jax.jacfwd(_vectors))(angles)
        second = second + ways @ jax.hessian(self._rest)(z) @ ways.T + jnp.einsum("c,cij->ij", gradient, bend)
        return ways @ gradient, second

    def _rest(self, z: Array) -> Array:
        """The terms that are no sum over the points."""
        return jnp.sum(z[:3] * self.s * z[3:]) - z @ self.F


class AxialSearch:
    """The search for states with an axis; see `worst_points.Search` for the methods."""

    def __init__(self, form: CanonicalForm, deadline: float | None) -> None:
        self.form, self.deadline = form, deadline

    def first(self, key: jax.Array) -> tuple[np.ndarray, np.ndarray]:
        """A coarse grid of all angles, for both pools; hidden vectors u = v, and the pairs that are tight for them."""
        polar, between = ((np.arange(num) + 0.5) / num * np.pi for num in (8, 5))
        angles = np.stack(np.meshgrid(polar, polar, between, indexing="ij"), -1)
        points = np.asarray(_vectors(angles.reshape(-1, 3)))
        angle = _polar(SAME, 0.5)
        n = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1)
        pairs = [tight_pairs(self.form.s, n, V) for V in (0.8, 0.9, 0.97, 0.993)]
        return np.concatenate([np.hstack([n, n]), points]), np.concatenate([*pairs, points])

    def breaches(
        self, key: jax.Array, x: np.ndarray, weights: np.ndarray, V: float, known: np.ndarray, hard: bool = False
    ) -> Found:
        """Pairs y at which E K(x, y) - V C(y) - 1 is locally largest, and these values, largest first."""
        y, value = self._least(key, x, weights, -1.0, V * self.form.s, np.zeros(6), known, hard)
        return y, -value - 1

    def cheapest(
        self, key: jax.Array, y: np.ndarray, prices: np.ndarray, F: np.ndarray, known: np.ndarray, hard: bool = False
    ) -> Found:
        """Hidden vectors x at which sum prices K(x, y) - F.x is locally least, and these values, least first."""
        return self._least(key, y, prices, 1.0, np.zeros(3), F, known, hard)

    def _images(self, points: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The images of points (K, 6) under the discrete symmetries, turned to one azimuth, and their weights.

        Images that coincide are listed once, with the sum of their weights.
        """
        number = len(self.form.group)
        images, shares = self.form.gauged(self.form.images(points)), np.tile(weights, number) / number
        _, first, place = np.unique(images.round(9) + 0.0, axis=0, return_index=True, return_inverse=True)
        return images[first], np.bincount(place.ravel(), shares)

    def _least(
        self,
        key: jax.Array,
        points: np.ndarray,
        weights: np.ndarray,
        sign: float,
        s: np.ndarray,
        F: np.ndarray,
        known: np.ndarray,
        hard: bool,
    ) -> Found:
        objective = _Objective(*filled(*self._images(points, weights), at_least=LEAST), sign, s, F)
        # The grids are shifted in every round, so that what one grid misses may be found in another round.
        shift = np.asarray(jax.random.uniform(key, (6,)))
        polar, azimuth, planar = (40, 17, 152) if hard else (20, 11, 52)
        between = (np.arange(azimuth) + shift[0]) / azimuth * np.pi
        # Many minima are where both vectors are in one plane with the axis, in valleys that the first grid misses.
        grids = [_angles(polar, shift[0], shift[1], between)]
        grids += [
            _angles(planar, shift[2], shift[3], np.zeros(1)),
            _angles(planar, shift[4], shift[5], np.full(1, np.pi)),
        ]
        if not F.any():
            # The objective is the same at -z, so half of the polar angles of the first vector are enough. One more is
            # kept for the comparison with neighbours.
            grids = [g[: len(g) // 2 + 1] for g in grids]
        grid = np.concatenate([g.reshape(-1, 3) for g in grids])
        (value,) = _in_blocks(functools.partial(_values, objective), grid, 4096)
        # The starts are known points, then all local minima on a grid, then the best of the other grid points.
        parts = np.split(value, np.cumsum([g.size // 3 for g in grids])[:-1])
        local = np.concatenate(
            [_local_minima(v.reshape(g.shape[:-1])).ravel() for v, g in zip(parts, grids, strict=True)]
        )
        starts = np.concatenate([_three_angles(known[: QUICK // 3]), grid[np.lexsort((value, ~local))]])
        if not hard:
            found, value = _descend(starts[:QUICK], objective, 12)
        else:
            # A few steps show which starts lead far down. The last digits take many steps where the kernel has kinks.
            found, value = _descend(starts[: 4 * QUICK], objective, 6, self.deadline)
            found, value = _descend(found[np.argsort(value)[:QUICK]], objective, 14, self.deadline)
            last = _descend(found[np.argsort(value)[:BLOCK]], objective, 100)
            found, value = (np.concatenate(parts) for parts in zip((found, value), last, strict=True))
        return distinct(self.form, np.asarray(_vectors(found)), value)


def _polar(num: int, shift: float) -> np.ndarray:
    """Polar angles: `num` evenly spread ones, and four more near either pole, each half as far from it as the last.

    For states that are nearly products the worst points are close to the poles, at distances of all sizes.
    """
    even = (np.arange(num) + shift) / num * np.pi
    near = np.pi / num * 0.5 ** (np.arange(1, 5) + shift)
    return np.sort(np.concatenate([near, even, np.pi - near]))


def _angles(polar: int, first: float, second: float, between: np.ndarray) -> np.ndarray:
    """A grid of polar angles of two vectors, shifted by `first` and `second`, and of angles (Q,) between azimuths.

    Shape (P, P, Q, 3).
    """
    return np.stack(np.meshgrid(_polar(polar, first), _polar(polar, second), between, indexing="ij"), -1)


def _local_minima(values: np.ndarray) -> np.ndarray:
    """Where a value on a grid is at most as large as those of all neighbours."""
    from scipy.ndimage import minimum_filter

    return values == minimum_filter(values, [min(3, n) for n in values.shape])


def _vectors(angles: Array | np.ndarray) -> Array:
    """Two unit vectors, stacked (..., 6), at polar angles and an azimuth between them (..., 3)."""
    p, q, azimuth = jnp.moveaxis(jnp.asarray(angles), -1, 0)
    zero = jnp.zeros_like(p)
    parts = (jnp.sin(p), zero, jnp.cos(p), jnp.sin(q) * jnp.cos(azimuth), jnp.sin(q) * jnp.sin(azimuth), jnp.cos(q))
    return jnp.stack(parts, axis=-1)


def _three_angles(points: np.ndarray) -> np.ndarray:
    """The angles of points (N, 6)."""
    first, second = points[:, :3], points[:, 3:]
    azimuth = np.arctan2(second[:, 1], second[:, 0]) - np.arctan2(first[:, 1], first[:, 0])
    polar = (np.arctan2(np.hypot(z[:, 0], z[:, 1]), z[:, 2]) for z in (first, second))
    return np.stack([*polar, azimuth], axis=1)


@jax.jit
def _values(objective: _Objective, angles: Array) -> tuple[Array]:
    return (jax.lax.map(objective.at, angles, batch_size=64),)


def _descend(starts: np.ndarray, objective: _Objective, steps: int, deadline: float | None = None) -> Found:
    """Where `steps` of Newton's method lead from angles (S, 3), and the values there; fewer of them past a deadline."""
    angles, values = _in_blocks(functools.partial(_newton, objective, steps), starts, BLOCK, deadline)
    return angles, values


def _in_blocks(
    function: Callable[[np.ndarray], tuple[Array, ...]], rows: np.ndarray, block: int, deadline: float | None = None
) -> tuple[np.ndarray, ...]:
    """The arrays that `function` returns for all rows; it takes `block` rows at once, and is compiled for that number.

    Past a deadline, the arrays are those of the first rows only, of at least one block.
    """
    found: list[list[np.ndarray]] = []
    for first in range(0, len(rows), block):
        if found and late(deadline):
            rows = rows[:first]
            break
        part = rows[np.minimum(np.arange(first, first + block), len(rows) - 1)]
        found.append([np.asarray(x) for x in function(part)])
    return tuple(np.concatenate(column)[: len(rows)] for column in zip(*found, strict=True))


_State = tuple[Array, Array, Array, Array]
"""A point, the value there, the damping of Newton's step and the rate of the gradient's."""


@jax.jit
def _newton(objective: _Objective, steps: int, angles: Array) -> tuple[Array, Array]:
    """Local minima from every start: in every step the better of a damped Newton step and a step down the gradient.

    Newton's step uses the moduli of the curvatures. Either kind of step becomes longer where it succeeds, and shorter
    where it fails. The kernel is differentiable only once: where a curvature is infinite, Newton's step does not move,
    and the gradient's does.
    """

    function = objective.at

    def one(z: Array) -> tuple[Array, Array]:
        def step(_: int, state: _State) -> _State:
            z, value, damping, rate = state
            gradient, second = objective.expansion(z)
            curvature, axes = jnp.linalg.eigh(second)
            newton = -axes @ ((axes.T @ gradient) / (jnp.abs(curvature) + damping))
            newton = newton * jnp.minimum(1, 0.3 / jnp.maximum(jnp.linalg.norm(newton), 1e-300))
            down = -rate * gradient
            by_newton, by_gradient = function(z + newton), function(z + down)
            move = jnp.where(by_newton < by_gradient, newton, down)
            there = jnp.minimum(by_newton, by_gradient)
            return (
                jnp.where(there < value, z + move, z),
                jnp.minimum(there, value),
                damping * jnp.where(by_newton < value, 0.25, 8),
                rate * jnp.where(by_gradient < value, 2, 0.25),
            )

        return jax.lax.fori_loop(0, steps, step, (z, function(z), jnp.array(1e-2), jnp.array(0.3)))[:2]

    return jax.vmap(one)(angles)
