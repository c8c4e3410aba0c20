"""The explicit model of [B13 (9)] for Werner states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import register_dataclass

from .._numerics import ByValue, dot, in_double
from ..sphere import octant_rule, orthogonal_axes, rotated_fibonacci, rotated_half_fibonacci, sample_sphere
from ..states import TwoQubitState, werner
from .interface import interpolated, marginals

if TYPE_CHECKING:
    from .._shapes import Array, ArrayLike, Float, Number

CRITICAL_VISIBILITY = (1 + 1 / np.sqrt(2)) / 2
"""V_c: for 0 <= V <= V_c the model of [B13 (9)] has no negative probability. No model goes beyond (docs/WERNER.md)."""


@in_double
def averaged_bounds(a: ArrayLike, b: ArrayLike) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
    """-1 + sqrt((1 - a.b)/2) <= C(a, b) <= 1 - sqrt((1 + a.b)/2).   [B13 (8)]

    These are the bounds of [B13 (7)] averaged over uniform u: what a model with v = -u can reach. The settings `a` and
    `b` have shape (..., 3), the results shape (...). The roots are computed as |a - b|/2 and |a + b|/2, which is equal
    for unit vectors and loses no digits near a = +-b.

    >>> import numpy as np
    >>> lower, upper = averaged_bounds(np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0]))
    >>> float(lower), float(upper)
    (-1.0, 0.0)
    """
    alice, bob = jnp.asarray(a), jnp.asarray(b)
    return -1 + _norm(alice - bob) / 2, 1 - _norm(alice + bob) / 2


def _norm(x: Float[Array, "*n 3"]) -> Float[Array, "*n"]:
    """|x|, with gradient 0 where x = 0."""
    square = dot(x, x)
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)


@in_double
def werner_weights(V: Number, a: ArrayLike, b: ArrayLike) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
    """(p^-, p^+) of [B13 (9)]: p^+- = (1 - sqrt((1 -+ a.b)/2) -+ V a.b) / (2 - sqrt(..) - sqrt(..)).

    They sum to 1, and the bounds of [B13 (7)] with these weights average to -V a.b [B13 (6)]. For a visibility `V` in
    [0, V_c] both are non-negative at all settings; outside, one is negative at some settings. The settings `a` and `b`
    have shape (..., 3), the results shape (...).

    >>> import numpy as np
    >>> p_minus, p_plus = werner_weights(0.5, np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]))
    >>> float(p_minus), float(p_plus)
    (0.5, 0.5)
    """
    alice, bob = jnp.asarray(a), jnp.asarray(b)
    lower, upper = averaged_bounds(alice, bob)
    target = cast("Array", -V * dot(alice, bob))
    return (upper - target) / (upper - lower), (target - lower) / (upper - lower)


@register_dataclass
@dataclass(frozen=True, eq=False)
class WernerModel(ByValue):
    """The explicit model of [B13 (9)] for a Werner state of visibility V: v = -u, u uniform on S^2.

    For 0 <= V <= (1 + 1/sqrt 2)/2 all probabilities are non-negative. For other V it still averages to the correlations
    of the Werner state, but has negative probabilities at some settings.

    >>> import jaxleggett as jl
    >>> jl.verify(jl.WernerModel, "random:8", 0.5, method="exact").reproduces
    True
    """

    visibility: Number
    """V."""

    name: ClassVar[str] = "werner"

    @in_double
    def sample(self, key: jax.Array, num: int) -> tuple[jax.Array, jax.Array]:
        """`num` independent uniform u, and v = -u, each (num, 3)."""
        u = sample_sphere(key, num)
        return u, -u

    @in_double
    def lattice(self, key: jax.Array, index: jax.Array, num: int) -> tuple[jax.Array, jax.Array]:
        """Points of a randomly rotated Fibonacci lattice, and v = -u."""
        u = rotated_fibonacci(key, index, num)
        return u, -u

    @in_double
    def half_lattice(self, key: jax.Array, index: jax.Array, num: int) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Points of a randomly rotated lattice on half the sphere, v = -u, and weights."""
        u, weights = rotated_half_fibonacci(key, index, num)
        return u, -u, weights

    def lattice_error(self, num: int) -> float:
        """1/num^2, for very few points: at some settings P is 0 on half of the sphere, where all of them may lie."""
        return 1 / num**2

    def quadrature(self, a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Quadrature in the octants between a - b, a + b and a x b, where the model is smooth: exact to rounding.

        Five more nodes, with weight 0, are where probabilities can be smallest: a, b, -b and +-(a x b).
        """
        nodes, weights = octant_rule()
        axes = orthogonal_axes(a, b)
        u = jnp.stack([dot(axes.T[i], nodes) for i in range(3)], axis=-1)
        u = jnp.concatenate([u, jnp.stack([a, b, -b, axes[2], -axes[2]])])
        return u, -u, jnp.concatenate([weights, np.zeros(5)])

    @in_double
    def interpolation(self, a: ArrayLike, b: ArrayLike) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
        """(p^-, p^+), the weights of the two bounds.   [B13 (9)]"""
        return werner_weights(self.visibility, jnp.asarray(a), jnp.asarray(b))

    @in_double
    def correlator(self, u: ArrayLike, v: ArrayLike, a: ArrayLike, b: ArrayLike) -> Float[Array, "*n"]:
        """C_{u,-u}(a, b) = p^- [-1 + |u.(a - b)|] + p^+ [1 - |u.(a + b)|].   [B13 (9)]

        The brackets are the bounds of [B13 (7)], computed as those of [B13 (5)] with v = -u.
        """
        M_A, M_B = marginals(*(jnp.asarray(x) for x in (u, v, a, b)))
        return interpolated(*self.interpolation(a, b), M_A, M_B)

    @property
    def target(self) -> TwoQubitState:
        """The Werner state of this visibility."""
        return werner(self.visibility)
