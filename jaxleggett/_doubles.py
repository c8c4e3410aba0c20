"""Unit vectors, and exact scaling by powers of two, for doubles in NumPy. Proofs use it, which run without JAX."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def unit(x: np.ndarray) -> np.ndarray:
    """`x` (..., 3) divided by its length."""
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def tangent_frames(x: np.ndarray) -> np.ndarray:
    """Two unit vectors orthogonal to every row of `x` (K, 3) and to each other, as columns (K, 3, 2)."""
    # The cross product with the coordinate axis that makes the largest angle with the row: nothing cancels.
    first = unit(np.cross(x, np.eye(3)[np.abs(x).argmin(1)]))
    return np.stack([first, np.cross(x, first)], axis=-1)


def exponent(*parts: ArrayLike) -> int:
    """The k for which the sum of the moduli of all `parts` lies in [2^k, 2^(k+1)); 0 where the sum is 0."""
    moduli = [np.abs(np.asarray(x, np.float64)) for x in parts]
    # Scaled by the largest modulus first, so that the sum cannot overflow.
    largest = int(np.frexp(max(float(x.max(initial=0.0)) for x in moduli))[1])
    total = sum(float(np.ldexp(x, -largest).sum()) for x in moduli)
    return largest + int(np.frexp(total)[1]) - 1 if total else 0


def scaled_up(x: float, exponent: int) -> float:
    """x 2^exponent, rounded up; it is exact unless the result is subnormal (below 2^-1022)."""
    scaled = float(np.ldexp(x, exponent))
    return scaled if np.ldexp(scaled, -exponent) >= x else float(np.nextafter(scaled, np.inf))
