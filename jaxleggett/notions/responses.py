"""The responses of one party: its mean outcome at each of its settings, given a hidden variable.

They are a linear function, `frame` @ x, of a vector x of coordinates:

    Deterministic   x in {-1, 1}^n: an outcome for each of n settings, fixed in advance (J. S. Bell 1964)
    Qubit           x a unit vector, the Bloch vector of a pure qubit: mean outcome x.a at setting a

A hidden variable of a local model is a response of Alice and a response of Bob, and the correlator is the product of
their mean outcomes. In Bell's notion both are deterministic; in steering (H. M. Wiseman, S. J. Jones, A. C. Doherty,
Phys. Rev. Lett. 98, 140402, 2007) Alice's is deterministic and Bob's is a qubit; for separable states both are qubits.
A hidden variable of Leggett's notion has the marginals of two qubits, but its correlator need not be their product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .._doubles import unit
from ..sphere import fibonacci_directions

MOST_TRIED = 22
"""Most settings of a deterministic party for which all of its 2^n responses are tried."""

NO_MARGINALS = 1e-12
"""Marginals up to this count as 0: they are rounding."""


class Responses(Protocol):
    """All responses of one party at n settings, each given by d coordinates."""

    @property
    def frame(self) -> np.ndarray:
        """The matrix (n, d) that takes coordinates to mean outcomes."""
        ...

    def best(self, gain: np.ndarray) -> np.ndarray:
        """For each row of `gain` (K, d), the coordinates whose scalar product with it is largest: (K, d)."""
        ...

    def largest(self, gain: np.ndarray) -> np.ndarray:
        """Those largest scalar products (K,)."""
        ...

    def some(self, number: int, rng: np.random.Generator) -> np.ndarray:
        """The coordinates (number, d) of responses spread over all there are, to begin searches with."""
        ...


@dataclass(frozen=True, eq=False)
class Deterministic:
    """Outcomes +-1 at `number` settings, fixed in advance."""

    number: int

    @property
    def frame(self) -> np.ndarray:
        """The identity: the coordinates are the outcomes."""
        return np.eye(self.number)

    def best(self, gain: np.ndarray) -> np.ndarray:
        """The signs of `gain`; +1 where it is 0."""
        return np.where(gain < 0, -1.0, 1.0)

    def largest(self, gain: np.ndarray) -> np.ndarray:
        """The sum of the moduli of each row."""
        return np.abs(gain).sum(-1)

    def some(self, number: int, rng: np.random.Generator) -> np.ndarray:
        """Independent random outcomes."""
        return rng.choice([-1.0, 1.0], (number, self.number))


@dataclass(frozen=True, eq=False)
class Qubit:
    """A pure qubit, whose coordinates are its Bloch vector."""

    frame: np.ndarray
    """The settings (n, 3)."""

    def best(self, gain: np.ndarray) -> np.ndarray:
        """The directions of the rows; +z where a row is 0."""
        return unit(np.where((gain == 0).all(-1, keepdims=True), [0.0, 0.0, 1.0], gain))

    def largest(self, gain: np.ndarray) -> np.ndarray:
        """The length of each row."""
        return np.linalg.norm(gain, axis=-1)

    def some(self, number: int, rng: np.random.Generator) -> np.ndarray:
        """A Fibonacci lattice in a random orthogonal frame."""
        return fibonacci_directions(number) @ np.linalg.qr(rng.normal(size=(3, 3)))[0].T


def is_deterministic(party: Responses) -> bool:
    """Whether a party's outcomes are fixed in advance, so that each setting has a coordinate of its own."""
    return isinstance(party, Deterministic)


@dataclass(frozen=True, eq=False)
class Situation:
    """Which settings are measured together, and which responses both parties have.

    `a` (m, 3) and `b` (n, 3) are the different settings of Alice and Bob, `A` and `B` the responses at them. Pair i
    consists of the settings a[alice[i]] and b[bob[i]]: `alice` and `bob` are indices (N,).
    """

    a: np.ndarray
    b: np.ndarray
    alice: np.ndarray
    bob: np.ndarray
    A: Responses
    B: Responses

    @property
    def exact(self) -> bool:
        """Whether one party has so few responses that all of them are tried."""
        return min(log2_responses(self.A), log2_responses(self.B)) <= MOST_TRIED


def log2_responses(party: Responses) -> float:
    """The binary logarithm of the number of responses: n for outcomes at n settings, infinite for a qubit."""
    return party.number if isinstance(party, Deterministic) else np.inf


def has_marginals(M_A: np.ndarray, M_B: np.ndarray) -> bool:
    """Whether any marginal is more than rounding.

    If none is, a model may be averaged with the one whose outcomes are all opposite, and no equation is needed for
    marginals.
    """
    return bool(max(np.abs(M_A).max(), np.abs(M_B).max()) > NO_MARGINALS)
