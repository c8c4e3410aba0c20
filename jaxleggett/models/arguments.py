"""Models as arguments of jitted functions, and a check that their hidden vectors are unit vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import register_dataclass, register_static

from .._checks import UNIT_TOLERANCE, InputError
from .._numerics import dot
from .interface import CompleteModel, LeggettModel

if TYPE_CHECKING:
    from .._shapes import AnyArray, Array, ArrayLike, DTypeLike, Float


@register_static
@dataclass(frozen=True, eq=False)
class _Opaque:
    """A model that is no pytree. It is compiled into the kernel, again for each object of this class."""

    model: LeggettModel


@register_dataclass
@dataclass(frozen=True)
class _Typed:
    """A model that is a pytree, with the types of its nodes.

    JAX takes two registered dataclasses with equally many fields for the same structure. Usually their hashes differ;
    but if, by chance, they have the same hash in a process, JAX runs for one class what was compiled for the other.
    The types prevent that.
    """

    model: Any
    """A model, or another pytree: `of_each` of `verification.admission` also packs what a model should reproduce."""
    types: tuple[object, ...] = field(metadata={"static": True})


Packed = _Opaque | _Typed
"""A model as jitted functions accept it."""


def _types(structure: Any) -> tuple[object, ...]:
    """The types of the nodes of a pytree's structure, nested as the nodes are."""
    node = structure.node_data()
    return node and node[0], *map(_types, structure.children())


def as_pytree(model: Any) -> Packed:
    """`model` in a form that jitted functions accept as an argument; `unpacked` gives the model back.

    >>> from jaxleggett.models import WernerModel
    >>> (model,) = unpacked([as_pytree(WernerModel(0.5))], "float32")
    >>> model.visibility.dtype
    dtype('float32')
    """
    if isinstance(model, _Opaque | _Typed):
        return model
    structure = jax.tree.structure(model)
    # To JAX a model that is no pytree is a leaf, but only arrays and numbers may be leaves of an argument.
    return _Opaque(model) if structure == jax.tree.structure(0) else _Typed(model, _types(structure))


def unpacked(models: Sequence[LeggettModel | Packed], dtype: DTypeLike) -> list[CompleteModel]:
    """The models that `as_pytree` packed, with their floating-point parameters in `dtype`.

    `offers` tells which of the optional methods each of them has.
    """

    def cast(leaf: ArrayLike) -> jax.Array:
        leaf = jnp.asarray(leaf)
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    found: list[Any] = []
    for model in map(as_pytree, models):
        found.append(model.model if isinstance(model, _Opaque) else jax.tree.map(cast, model.model))
    return found


def off_unit(u: Float[AnyArray, "n 3"], v: Float[AnyArray, "n 3"]) -> Float[Array, ""]:
    """The largest difference between 1 and the norm of any of these hidden vectors (n, 3); NaN where one is NaN."""
    return jnp.max(jnp.abs(jnp.sqrt(jnp.stack([dot(u, u), dot(v, v)])) - 1)).astype(float)


def unit_to_rounding(off: jax.Array | np.floating | float) -> None:
    """InputError where `off`, the result of `off_unit`, is NaN or above `UNIT_TOLERANCE`."""
    if not float(off) <= UNIT_TOLERANCE:
        raise InputError(
            f"hidden vectors of a model must be unit vectors (to {UNIT_TOLERANCE:g}), "
            f"but the norm of one misses 1 by {float(off):.3g}"
        )
