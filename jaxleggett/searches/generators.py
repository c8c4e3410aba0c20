"""The inequality that a search improves: weights on generating pairs, whose orbits are its setting pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .._doubles import tangent_frames, unit
from ..inequalities.worst_vectors import Prices

LEAST_VALUE = 1e-6
"""A value at the singlet that is below this times the sum of the weights counts as 0: it is mostly rounding."""


class Pairing(NamedTuple):
    """Which of the settings every pair is made of, where pairs share them: pair j is (alice[j] @ a, bob[j] @ b).

    `alice` (J, m) has a 1 in every row, `bob` (J, n) a 1 or a -1: the pair is (a_i, b_k), or (a_i, -b_k).
    """

    alice: np.ndarray
    bob: np.ndarray


class Beginning(NamedTuple):
    """Where a restart begins: the weights are softplus(raw), `raw` (J,); settings a (m, 3), b (n, 3), and axes."""

    raw: np.ndarray
    a: np.ndarray
    b: np.ndarray
    axes: np.ndarray


@dataclass(frozen=True, eq=False)
class Generators:
    """The inequality  -sum_i p_i C(a_i, b_i) <= bound  over the orbits of J generating pairs, without its bound.

    The weight of a generating pair is divided evenly among its images (R a, R b) under the group.

    Fields:
        rotations: the group (G, 3, 3); the identity alone where there is no symmetry.
        p: weights (J,), none below 0.
        a, b: settings (m, 3) and (n, 3), unit vectors; without a pairing m = n = J, and pair j is (a_j, b_j).
        axes: (J, 3), a unit vector for every pair that stays orthogonal to a two-fold axis of the group (so
            that its orbit has half the size), and 0 for the others; (1, 3) and 0 where pairs share settings.
        pairing: which settings make a pair, where pairs share them.
    """

    rotations: np.ndarray
    p: np.ndarray
    a: np.ndarray
    b: np.ndarray
    axes: np.ndarray
    pairing: Pairing | None = None

    @property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """The settings of all generating pairs, (J, 3) each."""
        return (self.a, self.b) if self.pairing is None else (self.pairing.alice @ self.a, self.pairing.bob @ self.b)

    @property
    def value(self) -> float:
        """The left side at the singlet, sum p a.b."""
        a, b = self.pairs
        return float(self.p @ (a * b).sum(1))

    @property
    def empty(self) -> bool:
        """Whether the value counts as 0 beside the weights, or is below 0: then it cannot be scaled to 1."""
        return not self.value > LEAST_VALUE * self.p.sum()

    def scaled(self) -> Generators:
        """The same inequality with value 1 at the singlet; it must not be empty."""
        return replace(self, p=self.p / self.value)

    @property
    def prices(self) -> Prices:
        """The prices of the inequality: of all pairs of the orbits, generator by generator."""
        number = len(self.rotations)
        a, b = (np.einsum("gij,nj->ngi", self.rotations, x).reshape(-1, 3) for x in self.pairs)
        p = np.repeat(self.p, number) / number
        return Prices(p, np.zeros_like(p), np.zeros(3), np.zeros(3), a, b)

    def frames(self) -> tuple[np.ndarray, np.ndarray]:
        """Two tangents at every setting, as columns: (m, 3, 2) of Alice, (n, 3, 2) of Bob.

        Where a pair is to stay orthogonal to an axis, the second tangent points along that axis, so that the settings
        may move along the first one only.
        """
        bound = np.any(self.axes, axis=1, keepdims=True)[..., None]
        A, B = (
            np.where(bound, np.stack([np.cross(self.axes, x), np.broadcast_to(self.axes, x.shape)], axis=-1), frame)
            for x, frame in ((self.a, tangent_frames(self.a)), (self.b, tangent_frames(self.b)))
        )
        return A, B

    def along_tangents(self, by_a: np.ndarray, by_b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives by the settings of all pairs, (K, J, 3) each, as those along the tangents of the settings.

        They are (K, 2 m) and (K, 2 n). Derivatives are added up over all pairs that share a setting.
        """
        if self.pairing is not None:
            matrices = self.pairing.alice, self.pairing.bob
            by_a, by_b = (np.einsum("js,kjc->ksc", M, d) for M, d in zip(matrices, (by_a, by_b), strict=True))
        A, B = self.frames()
        along_a, along_b = (
            np.einsum("ksc,scx->ksx", d, frame).reshape(len(d), -1) for d, frame in ((by_a, A), (by_b, B))
        )
        return along_a, along_b

    def moved(self, p: np.ndarray, x: np.ndarray, y: np.ndarray) -> Generators:
        """With p (J,) added to the weights and settings moved by x (m, 2), y (n, 2) along their tangents; scaled."""
        A, B = self.frames()
        a, b = (s + np.einsum("jcx,jx->jc", frame, z) for s, frame, z in ((self.a, A, x), (self.b, B, y)))
        return replace(self, p=np.maximum(self.p + p, 0), a=unit(a), b=unit(b)).scaled()
