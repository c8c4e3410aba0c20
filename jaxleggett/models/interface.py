"""Leggett models: hidden unit vectors u, v, and a correlator C_{u,v}(a, b).

A Leggett model is a mixture of correlations P_{u,v} [B13 (1)] whose marginals are those of the pure
qubits u and v, M^A = u.a [B13 (2)] and M^B = v.b [B13 (3)]. So a model is two functions:

    sample(key, num) -> (u, v)            num independent pairs of hidden vectors, each (num, 3)
    correlator(u, v, a, b) -> C           for single vectors of shape (3,), free within [B13 (5)]

and any object that has both can be passed to `verify`. Five more make it faster or exact:

    lattice(key, index, num) -> (u, v)    points `index` of a randomised num-point rule: method rqmc
    half_lattice(key, index, num) -> (u, v, weights)
                                          the same where C_{-u,-v} = C_{u,v}: every point also stands
                                          for its opposite, at which the marginals change sign
    lattice_error(num)                    bound on what the scatter over rotations of num points does
                                          not show of their error, where it is below the general one
    quadrature(a, b) -> (u, v, weights)   nodes for one pair of settings: method exact
    interpolation(a, b) -> (p^-, p^+)     for a correlator that is the same mean of the two bounds of
                                          [B13 (5)] at all hidden vectors, as in [B13 (9)]:
                                          C = p^- (-1 + |u.a + v.b|) + p^+ (1 - |u.a - v.b|)

The weights p^- and p^+ depend on the pair of settings alone. A model that states them is spared the
work of finding them again at every hidden vector: kernels evaluate `interpolation` once for a pair
of settings, and use it in place of `correlator`. That matters most where they are dear, as in models
that a linear programme found, whose weights are sums over all of their hidden vectors.

Each counts only where it belongs to the rest: `interpolation` comes from the class of `correlator`,
the others from that of `sample`, and but for `lattice` from that of `correlator` too, or from a
class below. A method marked `for_any_correlator` is kept by a subclass with another correlator.

A model that knows what it should reproduce says so in `target`, an object with
`correlation(a, b) -> (M^A, M^B, C)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from .._numerics import dot
from ..correlation import correlation_bounds

if TYPE_CHECKING:
    from .._shapes import AnyArray, ArrayLike, Float

F = TypeVar("F", bound=Callable[..., Any])


def for_any_correlator(method: F) -> F:
    """Mark a `method` (quadrature, half_lattice or lattice_error) that holds whatever the correlator is.

    >>> class Uniform:
    ...     @for_any_correlator
    ...     def lattice_error(self, num):
    ...         return num**-1.25
    >>> Uniform.lattice_error.for_any_correlator
    True
    """
    method.for_any_correlator = True  # type: ignore[attr-defined]
    return method


class LeggettModel(Protocol):
    """What `verify` needs of a model; see the head of this module for the optional rest."""

    def sample(self, key: jax.Array, num: int, /) -> tuple[jax.Array, jax.Array]:
        """`num` independent pairs of hidden vectors, u and v of shape (num, 3)."""
        ...

    def correlator(self, u: jax.Array, v: jax.Array, a: jax.Array, b: jax.Array, /) -> ArrayLike:
        """C_{u,v}(a, b) for single vectors of shape (3,)."""
        ...


class CompleteModel(LeggettModel, Protocol):
    """A model with all of the optional methods; which of them a model has, and may use, `offers` says."""

    def lattice(self, key: jax.Array, index: jax.Array, num: int, /) -> tuple[jax.Array, jax.Array]:
        """Points `index` of a randomised rule of `num` points."""
        ...

    def half_lattice(self, key: jax.Array, index: jax.Array, num: int, /) -> tuple[jax.Array, jax.Array, jax.Array]:
        """The same with weights, where every point also stands for its opposite."""
        ...

    def lattice_error(self, num: int, /) -> float:
        """What the scatter over rotations does not show of an error."""
        ...

    def quadrature(self, a: jax.Array, b: jax.Array, /) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Nodes u, v and weights for one pair of settings."""
        ...

    def interpolation(self, a: jax.Array, b: jax.Array, /) -> tuple[ArrayLike, ArrayLike]:
        """The weights of the two bounds for one pair of settings."""
        ...

    def atoms(self) -> tuple[ArrayLike, ArrayLike, ArrayLike]:
        """Weights, u and v of a model with finitely many hidden vectors."""
        ...


class Target(Protocol):
    """What a model should reproduce."""

    def correlation(self, a: ArrayLike, b: ArrayLike, /) -> tuple[ArrayLike, ArrayLike, ArrayLike]:
        """(M^A, M^B, C) at settings of shape (..., 3)."""
        ...


class TargetedModel(LeggettModel, Protocol):
    """A model that knows what it should reproduce."""

    @property
    def target(self) -> Target:
        """What it should reproduce."""
        ...


def marginals(
    u: Float[AnyArray, "... 3"], v: Float[AnyArray, "... 3"], a: Float[AnyArray, "... 3"], b: Float[AnyArray, "... 3"]
) -> tuple[AnyArray, AnyArray]:
    """M^A = u.a and M^B = v.b: locally pure qubits, Malus' law.   [B13 (2)] [B13 (3)]

    Vectors of shape (..., 3) that broadcast against each other; the results have shape (...).

    >>> import numpy as np
    >>> marginals(np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.6, 0.8]), np.eye(3)[2], np.eye(3)[1])
    (np.float64(1.0), np.float64(0.6))
    """
    return dot(u, a), dot(v, b)


def interpolated(p_minus: ArrayLike, p_plus: ArrayLike, M_A: ArrayLike, M_B: ArrayLike) -> jax.Array:
    """C = p^- (-1 + |M^A + M^B|) + p^+ (1 - |M^A - M^B|), all of one shape (...).

    Within the bounds of [B13 (5)] where the weights are non-negative and sum to 1.
    """
    lower, upper = correlation_bounds(M_A, M_B)
    return jnp.asarray(p_minus) * lower + jnp.asarray(p_plus) * upper


def correlator_at(model: LeggettModel, a: jax.Array, b: jax.Array) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """C as a function of hidden vectors u, v of shape (n, 3), at one pair of settings (3,): (n,)."""
    if offers(model, "interpolation"):
        p_minus, p_plus = model.interpolation(a, b)
        return lambda u, v: interpolated(p_minus, p_plus, *marginals(u, v, a, b))
    return lambda u, v: jnp.asarray(jax.vmap(model.correlator, in_axes=(0, 0, None, None))(u, v, a, b))


BELONGS_TO = {
    "atoms": ("sample",),
    "lattice": ("sample",),
    "half_lattice": ("sample", "lattice", "correlator"),
    "lattice_error": ("sample", "lattice", "half_lattice", "correlator"),
    "quadrature": ("sample", "correlator"),
    "interpolation": ("correlator",),
}
"""The methods that each shortcut of a model is made for."""


def model_name(model: object) -> str:
    """What a model calls itself, or the name of its class."""
    return getattr(model, "name", type(model).__name__)


def offers(model: object, name: str) -> TypeGuard[CompleteModel]:
    """Whether `model` has the method `name`, and no class below the one it comes from changes what it is made for.

    A subclass that changes only how hidden vectors are sampled has no use for the lattice it inherits,
    nor one with another correlator for its quadrature, unless that is marked `for_any_correlator`.
    Attributes of the object itself come below all classes.
    """

    def height(method: str) -> float:
        """How far up the classes a method comes from: 0 is the class of the object."""
        if method in getattr(model, "__dict__", {}):
            return -1
        return next((i for i, c in enumerate(type(model).__mro__) if method in vars(c)), np.inf)

    shortcut = getattr(model, name, None)
    if shortcut is None:
        return False
    free = {"correlator"} if getattr(shortcut, "for_any_correlator", False) else set()
    return all(height(name) <= height(other) for other in BELONGS_TO[name] if other not in free)
