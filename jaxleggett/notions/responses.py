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
from ..sphere import fibonacci_directions

MOST_TRIED = 22
"""Most settings of a party all of whose 2^n responses are tried."""

NO_MARGINALS = 1e-12
"""Marginals below this are rounding."""


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
        return fibonacci_directions(number) @ np.linalg.qr(rng.normal(size=(3, 3)))[0].T


def is_local(party: Responses) -> bool:
    """Whether each setting has a coordinate of its own."""
    return isinstance(party, Deterministic)


@dataclass(frozen=True, eq=False)
class Situation:
    """Who measures what: distinct settings of either party (n, 3), the pairs by their numbers, and responses.

    `alice` and `bob` are the indices (N,) of the settings of the pairs.
    """

    a: np.ndarray
    b: np.ndarray
    alice: np.ndarray
    bob: np.ndarray
    A: Responses
    B: Responses

    @property
    def exact(self) -> bool:
        """Whether all responses of one party can be tried."""
        return min(tries(self.A), tries(self.B)) <= MOST_TRIED


def tries(party: Responses) -> float:
    """How many outcomes there are to try, in powers of two: infinite for a qubit."""
    return party.number if isinstance(party, Deterministic) else np.inf


def has_marginals(M_A: np.ndarray, M_B: np.ndarray) -> bool:
    """Whether marginals are more than rounding; else a model is averaged with the opposites of all its outcomes."""
    return bool(max(np.abs(M_A).max(), np.abs(M_B).max()) > NO_MARGINALS)
