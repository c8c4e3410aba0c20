"""Whether a model is a Leggett model, checked at a few hidden vectors before a long run is spent on it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike

from .._checks import UNIT_TOLERANCE, InputError, quoted
from .._numerics import double_precision, random_key
from ..correlation import moments, probabilities
from ..kernels.chunks import interpolations
from ..kernels.points import one_point
from ..models.arguments import Packed, as_pytree, unpacked
from ..models.finite import FiniteModel
from ..models.interface import CompleteModel, LeggettModel, marginals, model_name, offers
from ..sphere import sample_sphere

TOGETHER = 1024
"""Most visibilities at which models are looked at in one call."""

ROUNDING = 1e-12
"""By how much a correlator may miss what is asked of it: a straight line between the ends of a scan, or evenness."""


def lattice_error(model: CompleteModel, num: int) -> float:
    """The `lattice_error` of a model for `num` points; InputError unless it is a number from 0 up."""
    given = model.lattice_error(num)
    try:
        error = float(given)
    except (TypeError, ValueError):
        error = math.nan
    if not error >= 0:
        raise InputError(f"lattice_error of the model {model_name(model)} must be at least 0, but is {quoted(given)}")
    return error


def inspect_model(models: Sequence[LeggettModel], V: np.ndarray | None, ends: Sequence[LeggettModel]) -> None:
    """Raise InputError for what is seen at a few hidden vectors to be no Leggett model.

    `models` are those at the visibilities `V`, or one model where V is None; `ends` are those at the lowest and at the
    highest visibility.
    """
    name = model_name(ends[0])
    with double_precision():
        key = random_key(0)
        a, b = np.asarray(sample_sphere(jax.random.fold_in(key, 1), (2, 64)))
        for end in ends:
            _inspect_hidden_vectors(end, name, key)
        u, v = (np.asarray(x) for x in ends[0].sample(key, 64))
        # With their opposites, which show whether a correlator is even.
        points = [np.concatenate(pair) for pair in ((u, -u), (v, -v), (a, a), (b, b))]
        at_ends = np.stack([_inspect_correlator(end, name, *points) for end in ends])
        if V is None:
            return
        for first in range(0, len(V), TOGETHER):
            part = slice(first, first + TOGETHER)
            hidden = of_each(_hidden_vectors, models[part], TOGETHER, key)
            if not np.allclose(hidden, [u, v], rtol=0, atol=ROUNDING):
                raise InputError(f"hidden vectors of the model {name} must not depend on the visibility")
            P = of_each(_probabilities, models[part], TOGETHER, *points)
            line = between(shares(V, V[part]), at_ends)
            # Written so that a NaN is off, too.
            off = np.flatnonzero(~(np.abs(P - line).max((1, 2)) <= ROUNDING))
            if len(off):
                raise InputError(
                    f"correlator of the model {name} must be affine in the visibility, "
                    f"but is not at {V[part][off[0]]:.17g}"
                )


def _inspect_hidden_vectors(model: LeggettModel, name: str, key: jax.Array) -> None:
    """Raise InputError unless `sample` returns unit vectors and the weights of atoms are probabilities."""
    try:
        u, v = (np.asarray(x) for x in model.sample(key, 64))
    except (TypeError, ValueError) as error:
        raise InputError(f"sample of the model {name} must return (u, v), but fails: {error}") from None
    for x in (u, v):
        if x.shape != (64, 3) or not (np.abs(np.linalg.norm(x, axis=1) - 1) <= UNIT_TOLERANCE).all():
            raise InputError(f"sample of the model {name} must return unit vectors of shape (num, 3)")
    if isinstance(model, FiniteModel) and offers(model, "atoms"):
        weights = np.asarray(model.atoms()[0])
        if not (weights >= 0).all() or not abs(weights.sum() - 1) <= 1e-9:
            raise InputError(f"weights of the model {name} must be non-negative and sum to 1")


def _inspect_correlator(
    model: LeggettModel, name: str, u: np.ndarray, v: np.ndarray, a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """P (n, 4) at hidden vectors and settings (n, 3), where the second half of u and v is opposite to the first.

    Raises InputError unless C is one finite number, is what a model's `interpolation` says, and is even in (u, v)
    where the model has a `half_lattice`.
    """
    try:
        P = one_point(model, u, v, a, b)
    except (TypeError, ValueError) as error:  # JAX's own errors are among these
        first = str(error).splitlines()[0]
        raise InputError(f"correlator of the model {name} must be a scalar function in JAX: {first}") from None
    if P.shape != (len(u), 4) or not np.isfinite(P).all():
        raise InputError(f"correlator of the model {name} must return one finite number")
    C = np.asarray(moments(P)[2])
    if offers(model, "interpolation"):
        p_minus, p_plus = (np.asarray(p) for p in _shares(as_pytree(model), a.T, b.T))
        M_A, M_B = marginals(u, v, a, b)
        between_bounds = p_minus * (np.abs(M_A + M_B) - 1) + p_plus * (1 - np.abs(M_A - M_B))
        # Written so that a NaN is off, too.
        if not (np.abs([p_minus + p_plus - 1, between_bounds - C]) <= ROUNDING).all():
            raise InputError(
                f"interpolation of the model {name} must be weights of sum 1 that give what its correlator says"
            )
    there, back = np.split(C, 2)
    if offers(model, "half_lattice") and not np.allclose(there, back, rtol=0, atol=ROUNDING):
        raise InputError(f"correlator of the model {name} must be even in (u, v), since it has a half_lattice")
    return P


@jax.jit
def _shares(model: Packed, a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """p^- and p^+ (n,) of a model that interpolates, at settings (3, n)."""
    (found,) = interpolations(unpacked((model,), float), a, b)
    assert found is not None
    return found


def _hidden_vectors(model: LeggettModel, key: jax.Array) -> jax.Array:
    """u and v (2, 64, 3): those that `inspect_model` compares."""
    return jax.numpy.stack(model.sample(key, 64))


def _probabilities(model: LeggettModel, u: jax.Array, v: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    """P (n, 4) at n hidden vectors and as many settings, by the model's `correlator`."""
    return probabilities(*marginals(u, v, a, b), jax.vmap(model.correlator)(u, v, a, b))


def of_each(function: Callable[..., jax.Array], items: Sequence[object], most: int, *rest: ArrayLike) -> np.ndarray:
    """`function(item, *rest)` for each of at most `most` items: (len(items), ...), float64.

    In one call where the items are pytrees of one form and `function` can be traced through them.
    `function` is one that a module defines, not one made for this call: what is compiled is kept with it.
    """
    with double_precision():
        try:
            size = min(most, 1 << (len(items) - 1).bit_length())  # few sizes, since each is compiled
            padded = [*items, *[items[-1]] * (size - len(items))]
            stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *map(as_pytree, padded))
            return np.asarray(_mapped(function, stacked, *rest))[: len(items)]
        except Exception:
            # One by one; if something is wrong with an item, the same error is raised here.
            return np.stack([function(item, *rest) for item in items])


@functools.partial(jax.jit, static_argnums=0)
def _mapped(function: Callable[..., jax.Array], items: Any, *rest: ArrayLike) -> jax.Array:
    """`function` of all items, which are given as one pytree whose leaves have one axis more."""
    return jax.vmap(lambda item: function(item.model, *rest))(items)


def shares(scan: np.ndarray | None, V: np.ndarray | None) -> np.ndarray:
    """How far each of `V` is on the way from the lowest to the highest of the `scan`: (len(V), 1, 1)."""
    if scan is None or V is None or scan.min() == scan.max():
        return np.zeros((1 if V is None else len(V), 1, 1))
    low, high = scan.min(), scan.max()
    return ((V - low) / (high - low))[:, None, None]


def between(share: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The values (B, ...) of what is affine in the visibility, from those at the ends of a scan, (E, ...).

    `share` (B, 1, 1) are the `shares` of B visibilities. Computed elementwise rather than as a matrix product, so that
    at the ends the values are those given, bit by bit.
    """
    return (1 - share) * ends[0] + share * ends[-1]
