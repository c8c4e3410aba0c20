"""What is a Leggett model, seen at a few hidden vectors: asked before a long run is spent on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from ._checks import UNIT_TOLERANCE, InputError
from ._numerics import double_precision
from .correlation import moments
from .kernels import one_point
from .models import LeggettModel
from .sphere import sample_sphere


def model_name(model: Any) -> str:
    """What a model calls itself, or the name of its class."""
    return getattr(model, "name", type(model).__name__)


def inspect_model(model: Any, V: np.ndarray | None, ends: Sequence[Any]) -> None:
    """Refuse what is no Leggett model, seen at a few hidden vectors: one clear sentence before a long run."""
    name = model_name(ends[0])
    with double_precision():
        key = jax.random.key(0)
        a, b = np.asarray(sample_sphere(jax.random.fold_in(key, 1), (2, 64)))
        drawn = []
        for end in ends:
            try:
                u, v = (np.asarray(x) for x in end.sample(key, 64))
            except (TypeError, ValueError) as error:
                raise InputError(f"sample of the model {name} must return (u, v), but fails: {error}") from None
            for x in (u, v):
                if x.shape != (64, 3) or not (np.abs(np.linalg.norm(x, axis=1) - 1) <= UNIT_TOLERANCE).all():
                    raise InputError(f"sample of the model {name} must return unit vectors of shape (num, 3)")
            if hasattr(end, "atoms"):
                weights = np.asarray(end.atoms()[0])
                if not (weights >= 0).all() or not abs(weights.sum() - 1) <= 1e-9:
                    raise InputError(f"weights of the model {name} must be non-negative and sum to 1")
            drawn.append((u, v))
    (u, v), last = drawn[0], drawn[-1]
    if not np.array_equal([u, v], last):
        raise InputError(f"hidden vectors of the model {name} must not depend on the visibility")

    def probed(one: Any) -> np.ndarray:
        try:
            P = one_point(one, u, v, a, b)
        except (TypeError, ValueError) as error:  # JAX's own errors are among these
            first = str(error).splitlines()[0]
            raise InputError(f"correlator of the model {name} must be a scalar function in JAX: {first}") from None
        if P.shape != (64, 4) or not np.isfinite(P).all():
            raise InputError(f"correlator of the model {name} must return one finite number")
        return P

    at_ends = np.stack([probed(end) for end in ends])
    if V is not None and len(V) > 2:
        middle = float(np.sort(V)[len(V) // 2])
        if not np.allclose(probed(model(middle)), at_visibility(V, middle, at_ends), atol=1e-9):
            raise InputError(f"correlator of the model {name} must be affine in the visibility, but is not")


def offers(model: Any, name: str, base: str) -> bool:
    """Whether `model` has the method `name`, and no class below the one it comes from overrides `base`.

    A subclass that changes only how hidden vectors are sampled has no use for the lattice it inherits.
    """

    def depth(method: str) -> float:
        if method in vars(model) if hasattr(model, "__dict__") else False:
            return -1
        return next((i for i, c in enumerate(type(model).__mro__) if method in vars(c)), np.inf)

    return hasattr(model, name) and depth(name) <= depth(base)


def has_even_correlator(model: LeggettModel) -> bool:
    """Whether C_{-u,-v} = C_{u,v}, seen at 64 random hidden vectors and setting pairs."""
    with double_precision():
        a, b = sample_sphere(jax.random.key(0), (2, 64))
        u, v = model.sample(jax.random.key(1), 64)
        there, back = (moments(one_point(model, s * u, s * v, a, b))[2] for s in (1, -1))
        return bool(np.allclose(there, back, rtol=0, atol=1e-9))


def at_visibility(V: np.ndarray | None, visibility: float | None, ends: np.ndarray) -> np.ndarray:
    """What is affine in the visibility, at `visibility`, from its values (E, ...) at the ends of the scan `V`.

    Elementwise rather than a matrix product, so that the ends themselves come back to the bit.
    """
    if V is None or visibility is None:
        return ends[0]
    low, high = V.min(), V.max()
    share = 0.0 if high == low else (visibility - low) / (high - low)
    return (1 - share) * ends[0] + share * ends[-1]
