"""What every kernel needs: operations on 3-vectors, double precision, random keys, and dataclasses equal by value."""

# JAX's own types are incomplete; what is made of them here is annotated.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Generator
from dataclasses import fields
from typing import TYPE_CHECKING, ParamSpec, TypeVar, overload

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

if TYPE_CHECKING:
    from ._shapes import AnyArray, Array, ArrayLike, Float

P = ParamSpec("P")
R = TypeVar("R")


@overload
def dot(p: Array, q: AnyArray) -> Array: ...
@overload
def dot(p: AnyArray, q: Array) -> Array: ...
@overload
def dot(p: np.ndarray, q: np.ndarray) -> np.ndarray: ...
def dot(p: Float[AnyArray, "... 3"], q: Float[AnyArray, "... 3"]) -> AnyArray:
    """Scalar product of 3-vectors along the last axis, shapes (..., 3) -> (...).

    Written out, because XLA makes a matrix product of a batched `jnp.dot` of 3-vectors, into which it fuses no
    elementwise operations. The three products below stay in registers.
    """
    return p[..., 0] * q[..., 0] + p[..., 1] * q[..., 1] + p[..., 2] * q[..., 2]


def tangents(u: Float[AnyArray, "3"]) -> tuple[Float[Array, "3"], Float[Array, "3"]]:
    """Two unit vectors orthogonal to `u` and to each other."""
    helper = jnp.eye(3)[jnp.argmin(jnp.abs(u))]
    p = normalised(jnp.cross(u, helper))
    return p, jnp.cross(u, p)


def normalised(x: Float[AnyArray, "*n 3"]) -> Float[Array, "*n 3"]:
    """`x` (..., 3) divided by its length."""
    return jnp.asarray(x) / jnp.sqrt(dot(x, x))[..., None]


def shape_for(rows: int) -> int:
    """The length, at least `rows`, to which an array is padded: 64, 256, or a multiple of 1024.

    Each shape is compiled anew, which takes longer than the added rows.
    """
    return next((size for size in (64, 256) if rows <= size), -(-rows // 1024) * 1024)


@contextlib.contextmanager
def double_precision() -> Generator[None]:
    """A context with 64-bit types, and with JAX's default type promotion and random bits.

    Afterwards the caller's configuration is as it was.
    """
    types = jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow")
    with contextlib.ExitStack() as stack:
        for setting in (*types, jax.threefry_partitionable(True)):
            stack.enter_context(setting)
        yield


def random_key(seed: int) -> Array:
    """The key of a seed from 0 to 2^64 - 1, for the generator Threefry-2x32.

    It is the key of `jax.random.key(seed)` in JAX's default configuration with 64-bit types. The caller's
    `jax_default_prng_impl` and `jax_random_seed_offset` have no influence: the seed alone fixes the bits.
    """
    data = jnp.asarray(np.array([seed >> 32, seed % 2**32], np.uint32))
    return jax.random.wrap_key_data(data, impl="threefry2x32")


def in_double(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, run in `double_precision`, whatever the caller's configuration.

    It returns JAX arrays where a JAX array is among its arguments, NumPy arrays otherwise. Inside a caller's own
    trace (jit, vmap, grad) nothing is changed: the caller's dtypes hold there.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        leaves = jax.tree.leaves((args, kwargs))
        if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
            return function(*args, **kwargs)
        with double_precision():
            result = function(*args, **kwargs)
        if any(isinstance(leaf, jax.Array) for leaf in (*leaves, *_tracers(result))):
            return result
        return jax.tree.map(np.asarray, result)

    return wrapper


def _tracers(result: object) -> list[object]:
    """The tracers among the leaves of a result: what is computed inside a caller's trace has no values yet."""
    return [leaf for leaf in jax.tree.leaves(result) if isinstance(leaf, jax.core.Tracer)]


def as_float(x: ArrayLike) -> Float[Array, "..."]:
    """`x` as a JAX array of floating-point numbers; integers, and lists of numbers, get JAX's default float."""
    array = jnp.asarray(x)
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)


class ByValue:
    """Equality and hash by the values of all fields, arrays included, for a dataclass with `frozen=True, eq=False`."""

    def _values(self) -> tuple[object, ...]:
        arrays = (np.asarray(getattr(self, field.name)) for field in fields(self))  # type: ignore[arg-type]
        return tuple((x.shape, *x.ravel().tolist()) for x in arrays)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ByValue) or type(other) is not type(self):
            return NotImplemented
        return self is other or self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), self._values()))
