"""Models as arguments of jitted functions, and what is asked of their hidden vectors."""

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
    """A model that is no pytree: compiled into the kernel, anew for every run that makes a wrapper."""

    model: LeggettModel


@register_dataclass
@dataclass(frozen=True)
class _Typed:
    """A model that is a pytree, with the types of its nodes.

    JAX holds two registered dataclasses for one where they have equally many fields: their hashes
    differ, but where these fall together, in one process of some, the code that was compiled for
    one class runs for the other. The types tell them apart.
    """

    model: Any
    """Of any class: a model, but `of_each` of `verification.admission` packs what a model should reproduce too."""
    types: tuple[object, ...] = field(metadata={"static": True})


Packed = _Opaque | _Typed
"""A model as jitted functions accept it."""


def _types(structure: Any) -> tuple[object, ...]:
    """The types of the nodes of a pytree's structure, nested as they are."""
    node = structure.node_data()
    return node and node[0], *map(_types, structure.children())


def as_pytree(model: Any) -> Packed:
    """`model` in a form that jitted functions accept as an argument: `opened` is the way back.

    >>> from jaxleggett.models import WernerModel
    >>> (model,) = opened([as_pytree(WernerModel(0.5))], "float32")
    >>> model.visibility.dtype
    dtype('float32')
    """
    if isinstance(model, _Opaque | _Typed):
        return model
    structure = jax.tree.structure(model)
    # What is a leaf to JAX is no pytree, and may be no array either.
    return _Opaque(model) if structure == jax.tree.structure(0) else _Typed(model, _types(structure))


def opened(models: Sequence[LeggettModel | Packed], dtype: DTypeLike) -> list[CompleteModel]:
    """The models themselves, out of `as_pytree`, their floating-point parameters in `dtype`.

    Which of the optional methods they have, `offers` says.
    """

    def cast(leaf: ArrayLike) -> jax.Array:
        leaf = jnp.asarray(leaf)
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    found: list[Any] = []
    for model in map(as_pytree, models):
        found.append(model.model if isinstance(model, _Opaque) else jax.tree.map(cast, model.model))
    return found


def off_unit(u: Float[AnyArray, "n 3"], v: Float[AnyArray, "n 3"]) -> Float[Array, ""]:
    """By how much the norm of the worst of these hidden vectors (n, 3) misses 1; NaN where one is NaN."""
    return jnp.max(jnp.abs(jnp.sqrt(jnp.stack([dot(u, u), dot(v, v)])) - 1)).astype(float)


def unit_to_rounding(off: jax.Array | np.floating | float) -> None:
    """InputError where the norm of a hidden vector misses 1 by `off`, and that is NaN or more than rounding."""
    if not float(off) <= UNIT_TOLERANCE:
        raise InputError(
            f"hidden vectors of a model must be unit vectors (to {UNIT_TOLERANCE:g}), "
            f"but the norm of one misses 1 by {float(off):.3g}"
        )
