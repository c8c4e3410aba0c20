"""What is computed on doubles in NumPy, without JAX: proofs use it, and so does what goes on between kernels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def unit(x: np.ndarray) -> np.ndarray:
    """`x` (..., 3) divided by its length."""
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def tangent_frames(x: np.ndarray) -> np.ndarray:
    """Two unit vectors orthogonal to every row of `x` (K, 3) and to each other, as columns (K, 3, 2)."""
    # Crossed with the axis that is farthest from the row, so that nothing cancels.
    first = unit(np.cross(x, np.eye(3)[np.abs(x).argmin(1)]))
    return np.stack([first, np.cross(x, first)], axis=-1)


def exponent(*parts: ArrayLike) -> int:
    """The k for which the sum of all moduli, divided by 2^k, lies in [1, 2); 0 where all are 0."""
    moduli = [np.abs(np.asarray(x, np.float64)) for x in parts]
    # By the largest first, so that the sum cannot overflow.
    largest = int(np.frexp(max(float(x.max(initial=0.0)) for x in moduli))[1])
    total = sum(float(np.ldexp(x, -largest).sum()) for x in moduli)
    return largest + int(np.frexp(total)[1]) - 1 if total else 0


def scaled_up(x: float, exponent: int) -> float:
    """x 2^exponent: exact, but where it is subnormal the next double above."""
    scaled = float(np.ldexp(x, exponent))
    return scaled if np.ldexp(scaled, -exponent) >= x else float(np.nextafter(scaled, np.inf))
