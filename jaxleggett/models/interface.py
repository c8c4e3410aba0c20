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
from typing import Any, Protocol, TypeVar

import jax
import numpy as np

from .._numerics import dot
from ..correlation import correlation_bounds

F = TypeVar("F", bound=Callable[..., Any])


def for_any_correlator(method: F) -> F:
    """Mark a `quadrature`, `half_lattice` or `lattice_error` that holds whatever the correlator is."""
    method.for_any_correlator = True  # type: ignore[attr-defined]
    return method


class LeggettModel(Protocol):
    """What `verify` needs of a model; see the head of this module for the optional rest."""

    def sample(self, key: jax.Array, num: int) -> tuple[Any, Any]:
        """`num` independent pairs of hidden vectors, u and v of shape (num, 3)."""
        ...

    def correlator(self, u: Any, v: Any, a: Any, b: Any) -> Any:
        """C_{u,v}(a, b) for single vectors of shape (3,)."""
        ...


def marginals(u: Any, v: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """M^A = u.a and M^B = v.b: locally pure qubits, Malus' law.   [B13 (2)] [B13 (3)]"""
    return dot(u, a), dot(v, b)


def interpolated(p_minus: Any, p_plus: Any, M_A: Any, M_B: Any) -> Any:
    """C = p^- (-1 + |M^A + M^B|) + p^+ (1 - |M^A - M^B|): between the bounds of [B13 (5)], if the weights are."""
    lower, upper = correlation_bounds(M_A, M_B)
    return p_minus * lower + p_plus * upper


def correlator_at(model: Any, a: Any, b: Any) -> Callable[[Any, Any], Any]:
    """C as a function of hidden vectors u, v of shape (n, 3), at one pair of settings (3,): (n,)."""
    if offers(model, "interpolation"):
        p_minus, p_plus = model.interpolation(a, b)
        return lambda u, v: interpolated(p_minus, p_plus, *marginals(u, v, a, b))
    return lambda u, v: jax.vmap(model.correlator, in_axes=(0, 0, None, None))(u, v, a, b)


BELONGS_TO = {
    "atoms": ("sample",),
    "lattice": ("sample",),
    "half_lattice": ("sample", "lattice", "correlator"),
    "lattice_error": ("sample", "lattice", "half_lattice", "correlator"),
    "quadrature": ("sample", "correlator"),
    "interpolation": ("correlator",),
}
"""The methods that each shortcut of a model is made for."""


def model_name(model: Any) -> str:
    """What a model calls itself, or the name of its class."""
    return getattr(model, "name", type(model).__name__)


def offers(model: Any, name: str) -> bool:
    """Whether `model` has the method `name`, and no class below the one it comes from changes what it is made for.

    A subclass that changes only how hidden vectors are sampled has no use for the lattice it inherits,
    nor one with another correlator for its quadrature, unless that is marked `for_any_correlator`.
    Attributes of the object itself come below all classes.
    """

    def height(method: str) -> float:
        if method in getattr(model, "__dict__", {}):
            return -1
        return next((i for i, c in enumerate(type(model).__mro__) if method in vars(c)), np.inf)

    shortcut = getattr(model, name, None)
    if shortcut is None:
        return False
    free = {"correlator"} if getattr(shortcut, "for_any_correlator", False) else set()
    return all(height(name) <= height(other) for other in BELONGS_TO[name] if other not in free)
