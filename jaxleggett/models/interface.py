"""Leggett models: hidden unit vectors u, v, and a correlator C_{u,v}(a, b).

A Leggett model is a mixture of correlations P_{u,v} [B13 (1)] whose marginals are those of the pure
qubits u and v, M^A = u.a [B13 (2)] and M^B = v.b [B13 (3)]. So a model is two functions:

    sample(key, num) -> (u, v)            num independent pairs of hidden vectors, each (num, 3)
    correlator(u, v, a, b) -> C           for single vectors of shape (3,), free within [B13 (5)]

and any object that has both can be passed to `verify`. These optional methods make it faster or exact:

    lattice(key, index, num) -> (u, v)    points `index` of a randomised rule of num points: method rqmc
    half_lattice(key, index, num) -> (u, v, weights)
                                          the same for a model with C_{-u,-v} = C_{u,v}: each point also
                                          stands for its opposite, at which the marginals change sign
    lattice_error(num)                    an upper bound of the error of a rule of num points that its
                                          scatter over rotations may not show; used where it is less
                                          than what `verify` allows for any model
    quadrature(a, b) -> (u, v, weights)   nodes and weights for one pair of settings: method exact
    interpolation(a, b) -> (p^-, p^+)     for a correlator that is a mixture of the two bounds of
                                          [B13 (5)], with the same weights for all hidden vectors, as in
                                          [B13 (9)]: C = p^- (-1 + |u.a + v.b|) + p^+ (1 - |u.a - v.b|)
    atoms() -> (weights, u, v)            all hidden vectors, where there are finitely many

The weights p^- and p^+ depend on the pair of settings alone. The kernels evaluate `interpolation` once
for each pair of settings and use it in place of `correlator`. That saves most time where the weights
take long to compute: for a model that a linear programme found, they are sums over all its atoms.

A subclass may replace one method and inherit the others, which then may not fit. So an optional method
is used only where no class further down, and no attribute of the object, replaces a method that it
was made for (`BELONGS_TO`): for `interpolation` that is `correlator`; for `lattice` and `atoms` it is
`sample`; for the others both, and the lattices that they refer to. A method that is marked
`for_any_correlator` does not depend on the correlator.

A model that knows what it should reproduce has a `target`, an object with
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
    """Mark a `method` (quadrature, half_lattice or lattice_error) that is right for any correlator.

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
    """What `verify` needs of a model; `jaxleggett.models.interface` lists the optional methods."""

    def sample(self, key: jax.Array, num: int, /) -> tuple[jax.Array, jax.Array]:
        """`num` independent pairs of hidden vectors, u and v of shape (num, 3)."""
        ...

    def correlator(self, u: jax.Array, v: jax.Array, a: jax.Array, b: jax.Array, /) -> ArrayLike:
        """C_{u,v}(a, b) for single vectors of shape (3,)."""
        ...


class CompleteModel(LeggettModel, Protocol):
    """A model with all of the optional methods; `offers` tells which of them a given model has and may use."""

    def lattice(self, key: jax.Array, index: jax.Array, num: int, /) -> tuple[jax.Array, jax.Array]:
        """Points `index` of a randomised rule of `num` points: u and v, each (len(index), 3)."""
        ...

    def half_lattice(self, key: jax.Array, index: jax.Array, num: int, /) -> tuple[jax.Array, jax.Array, jax.Array]:
        """The same with weights, for a rule in which each point also stands for its opposite."""
        ...

    def lattice_error(self, num: int, /) -> float:
        """An upper bound of the error of a rule of `num` points that its scatter over rotations may not show."""
        ...

    def quadrature(self, a: jax.Array, b: jax.Array, /) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Nodes u, v (n, 3) and weights (n,) for one pair of settings (3,)."""
        ...

    def interpolation(self, a: jax.Array, b: jax.Array, /) -> tuple[ArrayLike, ArrayLike]:
        """(p^-, p^+), the weights of the two bounds of [B13 (5)] for one pair of settings (3,)."""
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
        """The correlation that it should reproduce."""
        ...


def marginals(
    u: Float[AnyArray, "... 3"], v: Float[AnyArray, "... 3"], a: Float[AnyArray, "... 3"], b: Float[AnyArray, "... 3"]
) -> tuple[AnyArray, AnyArray]:
    """M^A = u.a and M^B = v.b, the marginals of pure qubits with the Bloch vectors u and v.   [B13 (2)] [B13 (3)]

    The vectors have shape (..., 3) and broadcast against each other; the results have shape (...).

    >>> import numpy as np
    >>> marginals(np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.6, 0.8]), np.eye(3)[2], np.eye(3)[1])
    (np.float64(1.0), np.float64(0.6))
    """
    return dot(u, a), dot(v, b)


def interpolated(p_minus: ArrayLike, p_plus: ArrayLike, M_A: ArrayLike, M_B: ArrayLike) -> jax.Array:
    """C = p^- (-1 + |M^A + M^B|) + p^+ (1 - |M^A - M^B|), for numbers or arrays that broadcast against each other.

    C is within the bounds of [B13 (5)] where the weights p^- and p^+ are non-negative and sum to 1.
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
"""Optional method of a model -> the methods that it is made for."""


def model_name(model: object) -> str:
    """The `name` of a model, or the name of its class where it has none."""
    return getattr(model, "name", type(model).__name__)


def offers(model: object, name: str) -> TypeGuard[CompleteModel]:
    """Whether `model` has the optional method `name`, and it fits the other methods of the model.

    It does not fit where a class further down than its own, or an attribute of the object, replaces one of the methods
    that `BELONGS_TO` lists for it. So a subclass that changes how hidden vectors are sampled does not use the lattice
    that it inherits, and one with another correlator does not use the quadrature, unless that is marked
    `for_any_correlator`.
    """

    def height(method: str) -> float:
        """How many classes above that of the object a method is defined; -1 for an attribute of the object."""
        if method in getattr(model, "__dict__", {}):
            return -1
        return next((i for i, c in enumerate(type(model).__mro__) if method in vars(c)), np.inf)

    shortcut = getattr(model, name, None)
    if shortcut is None:
        return False
    free = {"correlator"} if getattr(shortcut, "for_any_correlator", False) else set()
    return all(height(name) <= height(other) for other in BELONGS_TO[name] if other not in free)
