"""Leggett models with finitely many hidden vectors, as the linear programmes find them, and their symmetry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .settings import SettingPairs
from .sphere import icosahedron_axes
from .states import TwoQubitState

NOISE_MEAN = 0.72
"""More than E|u.a + v.b| for u, v independent on the vertices of an icosahedron, at any a, b (at most 0.685)."""


@dataclass(frozen=True, eq=False)
class Axis:
    """Joint turns of both parties by one angle, about `alice` (3,) for Alice and `bob` (3,) for Bob."""

    alice: np.ndarray
    bob: np.ndarray

    def __str__(self) -> str:
        alice, bob = (f"({', '.join(f'{x + 0.0:.12g}' for x in np.round(n, 12))})" for n in (self.alice, self.bob))
        if alice != bob:
            return f"O(2) about {alice} for Alice and {bob} for Bob"
        plain = {"(1, 0, 0)": "x", "(0, 1, 0)": "y", "(0, 0, 1)": "z"}
        return f"O(2) about {plain.get(alice, alice)}"


Symmetry = Axis | Literal["SO(3)"] | None
"""What hidden vectors, or setting pairs, are averaged over: turns about an axis, all joint rotations, or nothing."""


def mean_modulus(u: np.ndarray, v: np.ndarray, a: np.ndarray, b: np.ndarray, axis: Axis | None) -> np.ndarray:
    """E|u.a + v.b| over the turns about `axis`, for hidden vectors (K, 3) and settings (N, 3): (K, N).

    With u.a + v.b = p + q cos(x + const) and x_0 = arccos(-p/q): (p (2 x_0 - pi) + 2 q sin x_0) / pi, |p| for q < |p|.
    """
    if axis is None:
        return np.abs(u @ a.T + v @ b.T)
    p, wave = np.zeros((len(u), len(a))), np.zeros((len(u), len(a)), complex)
    for hidden, setting, n in ((u, a, axis.alice), (v, b, axis.bob)):
        along_u, along_a = hidden @ n, setting @ n
        p += np.outer(along_u, along_a)
        rest = hidden - np.outer(along_u, n)
        wave += rest @ setting.T + 1j * (np.cross(n, rest) @ setting.T)
    q = np.abs(wave)
    crossing = np.arccos(np.clip(-p / np.where(q > 0, q, 1), -1, 1))
    return np.where(q > np.abs(p), (p * (2 * crossing - np.pi) + 2 * q * np.sin(crossing)) / np.pi, np.abs(p))


def correlation(state: TwoQubitState, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(M^A, M^B, C) = (r_A.a, r_B.b, a.T b) at settings a, b (N, 3), in NumPy: proofs are not left to a compiler."""
    r_A, r_B, T = (np.asarray(x, np.float64) for x in (state.r_A, state.r_B, state.T))
    return a @ r_A, b @ r_B, ((a @ T) * b).sum(1)


@dataclass(frozen=True, eq=False)
class Model:
    """A finite Leggett model: weights (K,), hidden vectors u, v (K, 3), averaged over a `symmetry`.

    The correlator at settings (a, b) interpolates between the two bounds of [B13 (5)].
    """

    weights: np.ndarray
    u: np.ndarray
    v: np.ndarray
    symmetry: Symmetry = None

    def to_json(self) -> dict[str, Any]:
        """As plain lists."""
        symmetry = None if self.symmetry is None else str(self.symmetry)
        return {"weights": self.weights.tolist(), "u": self.u.tolist(), "v": self.v.tolist(), "symmetry": symmetry}

    def with_noise(self, share: float) -> Model:
        """The same mixed with a share of independent u and v on the vertices of an icosahedron.

        For them E|u.a + v.b| < NOISE_MEAN at any a, b: the mixture serves the state at 1 - share times the visibility.
        """
        vertices = np.concatenate([icosahedron_axes(), -icosahedron_axes()])
        i, j = (k.ravel() for k in np.indices((12, 12)))
        weights = np.concatenate([(1 - share) * self.weights, np.full(144, share / 144)])
        u, v = np.concatenate([self.u, vertices[i]]), np.concatenate([self.v, vertices[j]])
        return Model(weights, u, v, self.symmetry)

    def excess(self, state: TwoQubitState, V: float, pairs: SettingPairs) -> float:
        """By how much the model misses the state at visibility V: the largest breach of (P) in `jaxleggett.game`.

        Zero or rounding where it reproduces all correlations at `pairs` with non-negative probabilities.
        """
        M_A, M_B, C = (V * x for x in correlation(state, pairs.a, pairs.b))
        axis = self.symmetry if isinstance(self.symmetry, Axis) else None
        bloch = [self.weights @ self.u, self.weights @ self.v]
        if axis is not None:
            bloch = [(r @ n) * n for r, n in zip(bloch, (axis.alice, axis.bob), strict=True)]
        breaches = (
            np.abs(pairs.a @ bloch[0] - M_A),
            np.abs(pairs.b @ bloch[1] - M_B),
            self.weights @ mean_modulus(self.u, self.v, pairs.a, pairs.b, axis) - 1 - C,
            self.weights @ mean_modulus(self.u, self.v, pairs.a, -pairs.b, axis) - 1 + C,
        )
        return float(max(np.max(breach) for breach in breaches))
