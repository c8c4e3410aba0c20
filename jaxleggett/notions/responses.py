"""What one party may do, given a hidden variable: the responses of which local models are products.

The mean outcomes of a party at its settings are a linear image, `frame` @ x, of a vector x of coordinates:

    Deterministic   x in {-1, 1}^n: an outcome for each of n settings, fixed in advance (J. S. Bell 1964)
    Qubit           x a unit vector: Malus' law x.a of a pure qubit, at settings a

A hidden variable of a local model is a pair of responses. Bell: two deterministic ones; steering (H. M. Wiseman,
S. J. Jones, A. C. Doherty, Phys. Rev. Lett. 98, 140402, 2007): a deterministic one of Alice, a qubit of Bob; separable
states: two qubits. Leggett's hidden variables have two qubits' marginals, but no product of them as the correlator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .._doubles import unit
from ..sphere import GOLDEN


class Responses(Protocol):
    """All responses of one party at n settings."""

    @property
    def frame(self) -> np.ndarray:
        """(n, d): from coordinates to mean outcomes."""
        ...

    def best(self, gain: np.ndarray) -> np.ndarray:
        """The coordinates (K, d) that have the largest product with each row of `gain` (K, d)."""
        ...

    def largest(self, gain: np.ndarray) -> np.ndarray:
        """Those products (K,)."""
        ...

    def some(self, number: int, rng: np.random.Generator) -> np.ndarray:
        """Coordinates (number, d), all over the place."""
        ...


@dataclass(frozen=True, eq=False)
class Deterministic:
    """Outcomes +-1 at `number` settings."""

    number: int

    @property
    def frame(self) -> np.ndarray:
        """Coordinates are the outcomes themselves."""
        return np.eye(self.number)

    def best(self, gain: np.ndarray) -> np.ndarray:
        """The signs; +1 where either will do."""
        return np.where(gain < 0, -1.0, 1.0)

    def largest(self, gain: np.ndarray) -> np.ndarray:
        """Sums of moduli."""
        return np.abs(gain).sum(-1)

    def some(self, number: int, rng: np.random.Generator) -> np.ndarray:
        """Random outcomes."""
        return rng.choice([-1.0, 1.0], (number, self.number))


@dataclass(frozen=True, eq=False)
class Qubit:
    """A pure qubit at settings (n, 3): its coordinates are its Bloch vector."""

    frame: np.ndarray

    def best(self, gain: np.ndarray) -> np.ndarray:
        """The directions; +z where all will do."""
        return unit(np.where((gain == 0).all(-1, keepdims=True), [0.0, 0.0, 1.0], gain))

    def largest(self, gain: np.ndarray) -> np.ndarray:
        """Lengths."""
        return np.linalg.norm(gain, axis=-1)

    def some(self, number: int, rng: np.random.Generator) -> np.ndarray:
        """A Fibonacci lattice, turned at random."""
        z = 1 - (2 * np.arange(number) + 1) / number
        angle = 2 * np.pi * (np.arange(number) * GOLDEN)
        points = np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], axis=1)
        return points @ np.linalg.qr(rng.normal(size=(3, 3)))[0].T
