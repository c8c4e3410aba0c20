"""The inequality that a search improves: weights on generating pairs, whose orbits are its setting pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .._doubles import tangent_frames, unit
from ..inequalities.worst_vectors import Prices

LEAST_VALUE = 1e-6
"""A value at the singlet below this, relative to the weights, counts as none: dividing by it would only scale noise."""


@dataclass(frozen=True, eq=False)
class Generators:
    """The inequality  -sum_i p_i C(a_i, b_i) <= bound  over the orbits of J generating pairs; the bound is not kept.

    Each weight is spread evenly over the orbit of its pair: over all images (R a, R b) under the group.

    Fields:
        rotations: the group (G, 3, 3); the identity alone where there is no symmetry.
        p: weights (J,), none below 0.
        a, b: generating pairs (J, 3), unit vectors.
        axes: (J, 3), a unit vector for every pair that stays orthogonal to a two-fold axis of the group (so
            that its orbit has half the size), and 0 for the others.
    """

    rotations: np.ndarray
    p: np.ndarray
    a: np.ndarray
    b: np.ndarray
    axes: np.ndarray

    @property
    def value(self) -> float:
        """The left side at the singlet, sum p a.b."""
        return float(self.p @ (self.a * self.b).sum(1))

    @property
    def empty(self) -> bool:
        """Whether the value is none, relative to the weights: then there is nothing to scale."""
        return not self.value > LEAST_VALUE * self.p.sum()

    def scaled(self) -> Generators:
        """The same inequality with value 1 at the singlet; it must not be empty."""
        return replace(self, p=self.p / self.value)

    @property
    def prices(self) -> Prices:
        """What the inequality charges hidden vectors for: all pairs of the orbits, generator by generator."""
        number = len(self.rotations)
        a, b = (np.einsum("gij,nj->ngi", self.rotations, x).reshape(-1, 3) for x in (self.a, self.b))
        p = np.repeat(self.p, number) / number
        return Prices(p, np.zeros_like(p), np.zeros(3), np.zeros(3), a, b)

    def frames(self) -> tuple[np.ndarray, np.ndarray]:
        """Two tangents at every setting, as columns: (J, 3, 2) of Alice and of Bob; with an axis, the second along it.

        So a pair that is to stay orthogonal to its axis may move along its first tangent only.
        """
        bound = self.axes.any(1)
        sides = []
        for x in (self.a, self.b):
            frame = tangent_frames(x)
            frame[bound] = np.stack([np.cross(self.axes, x), self.axes], axis=-1)[bound]
            sides.append(frame)
        return sides[0], sides[1]

    def moved(self, p: np.ndarray, x: np.ndarray, y: np.ndarray) -> Generators:
        """With p (J,) added to the weights and settings moved by x, y (J, 2) along their tangents; scaled."""
        A, B = self.frames()
        a, b = (s + np.einsum("jcx,jx->jc", frame, z) for s, frame, z in ((self.a, A, x), (self.b, B, y)))
        return replace(self, p=np.maximum(self.p + p, 0), a=unit(a), b=unit(b)).scaled()
