"""The symmetry of a two-qubit state, and |u.a + v.b| averaged over it.

Pairs (u, v) and (a, b) are stacked to 6-vectors x and y, so that u.a + v.b = x.y and a symmetry is a
6x6 orthogonal matrix G. Condition (P) of `finite_settings`, at all settings, is E|x.y| <= 1 + V C(y)
for every y; an orthogonal G that keeps the state's marginals and correlator maps models to models,
improper ones and the exchange of the parties included. So a model may be averaged over all of them, and
(P) is then E K(x, y) <= 1 + V C(y) with the averaged kernel K(x, y) = mean over G of |y.G x|.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jax import Array

from ..joint_rotations import Axis, Symmetry, axial_mean
from ..states import TwoQubitState

EQUAL = 1e-9
"""Components of a state that differ by less than this are taken as equal, and as 0 if they are smaller."""

Kind = Literal["SO(3)", "O(2)", "finite"]


@dataclass(frozen=True, eq=False)
class CanonicalForm:
    """A state in frames where T is diagonal: T = frame_A diag(s) frame_B^T with s >= 0.

    The frames are orthogonal matrices, improper where that makes s >= 0. `r_A`, `r_B` are the Bloch
    vectors in them. `kind` is the continuous symmetry: `SO(3)` for s proportional to (1, 1, 1) without marginals,
    `O(2)` for joint turns about the third axis, otherwise `finite`. `group` (n, 6, 6) are the discrete symmetries
    beyond that, the identity first; of G and -G only one is listed.
    """

    frame_A: np.ndarray
    frame_B: np.ndarray
    s: np.ndarray
    r_A: np.ndarray
    r_B: np.ndarray
    kind: Kind
    group: np.ndarray

    @classmethod
    def of(cls, state: TwoQubitState) -> CanonicalForm:
        """The canonical form of a state."""
        T, r_A, r_B = (np.asarray(x, dtype=np.float64) for x in (state.T, state.r_A, state.r_B))
        A, s, Bt = np.linalg.svd(T)
        B = Bt.T
        if s[0] - s[2] < EQUAL and s[0] > EQUAL:
            # T is diagonal in every frame of Alice's. With its third axis along a Bloch vector there may be O(2).
            along = r_A if np.linalg.norm(r_A) > EQUAL else T @ r_B
            A = _frame(along) if np.linalg.norm(along) > EQUAL else np.eye(3)
            B = T.T @ A / s[0]
        elif s[1] - s[2] < EQUAL:
            # The value that differs from the other two goes last, since its direction is the axis of O(2).
            A, B, s = A[:, [2, 1, 0]], B[:, [2, 1, 0]], s[[2, 1, 0]]
        r_A, r_B = A.T @ r_A, B.T @ r_B
        flat = max(np.abs(r_A).max(), np.abs(r_B).max()) < EQUAL
        axial = s[0] - s[1] < EQUAL and max(np.abs(r_A[:2]).max(), np.abs(r_B[:2]).max()) < EQUAL
        kind: Kind = "SO(3)" if flat and s.max() - s.min() < EQUAL else "O(2)" if axial else "finite"
        return cls(A, B, s, r_A, r_B, kind, _discrete(r_A, r_B, axial))

    def without_marginals(self) -> CanonicalForm:
        """The form of the state with the same T and no Bloch vectors, in the same frames, at least as symmetric."""
        zero = np.zeros(3)
        axial = bool(self.s[0] - self.s[1] < EQUAL)
        kind: Kind = "SO(3)" if self.s.max() - self.s.min() < EQUAL else "O(2)" if axial else "finite"
        return replace(self, r_A=zero, r_B=zero, kind=kind, group=_discrete(zero, zero, axial))

    @property
    def marginals(self) -> np.ndarray:
        """(r_A, r_B) stacked, (6,)."""
        return np.concatenate([self.r_A, self.r_B])

    @property
    def invariants(self) -> np.ndarray:
        """Orthonormal rows (R, 6): the linear functions of x that the symmetries leave as they are."""
        mean = self.group.mean(0)
        if self.kind != "finite":
            keep = np.diag([0.0, 0, 1, 0, 0, 1])
            mean = keep @ mean @ keep
        if np.abs(self.marginals).max() < EQUAL:
            # Without marginals a model is averaged over x -> -x too, which leaves none.
            mean = np.zeros((6, 6))
        _, lengths, rows = np.linalg.svd(mean)
        return rows[lengths > 0.5]

    def correlator(self, y: np.ndarray) -> np.ndarray:
        """C at visibility 1 of setting pairs y (..., 6) in these frames."""
        return (y[..., :3] * self.s * y[..., 3:]).sum(-1)

    def gauged(self, x: np.ndarray) -> np.ndarray:
        """x (K, 6) turned about the axis, if there is one, until Alice's vector has no second component."""
        if self.kind != "O(2)":
            return x
        azimuth = np.arctan2(x[:, 1], x[:, 0])
        c, s, zero, one = np.cos(azimuth), np.sin(azimuth), np.zeros(len(x)), np.ones(len(x))
        turn = np.array([[c, s, zero], [-s, c, zero], [zero, zero, one]])
        return np.concatenate([np.einsum("ijk,kj->ki", turn, part) for part in (x[:, :3], x[:, 3:])], axis=1)

    def images(self, x: np.ndarray) -> np.ndarray:
        """Every x (K, 6) with its images under the discrete symmetries, (n K, 6), image by image."""
        return np.concatenate([x @ G.T for G in self.group])

    def outside(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x (K, 6) in the state's own frames: two arrays of unit vectors (K, 3)."""
        return x[:, :3] @ self.frame_A.T, x[:, 3:] @ self.frame_B.T

    @property
    def symmetry(self) -> Symmetry:
        """The continuous symmetry in the state's own frames; None for a finite one."""
        if self.kind != "O(2)":
            return "SO(3)" if self.kind == "SO(3)" else None
        axes = np.stack([np.linalg.det(frame) * frame[:, 2] for frame in (self.frame_A, self.frame_B)])
        # About the opposite axes both ways is the same group.
        return Axis(*(axes * np.sign(axes[0][np.argmax(np.abs(axes[0]))])))


def _frame(axis: np.ndarray) -> np.ndarray:
    """A rotation matrix whose third column is along `axis`."""
    Q = np.linalg.qr(np.column_stack([axis, np.eye(3)[np.argmin(np.abs(axis))], np.eye(3)[np.argmax(np.abs(axis))]]))[0]
    Q = np.column_stack([np.cross(Q[:, 1], Q[:, 0]), Q[:, 1], Q[:, 0] * np.sign(Q[:, 0] @ axis)])
    return Q * np.array([np.sign(np.linalg.det(Q)), 1, 1])


def _discrete(r_A: np.ndarray, r_B: np.ndarray, axial: bool) -> np.ndarray:
    """The discrete symmetries (n, 6, 6): joint changes of sign, and the exchange of the parties."""
    if axial:
        # The change of the first two signs is a turn. All others are products of a turn, the mirror and -1.
        flips = [np.ones(3), np.array([1.0, -1, 1])]
    else:
        signs = np.array(np.meshgrid([1.0, -1], [1.0, -1], [1.0, -1], indexing="ij")).reshape(3, -1).T
        kept = [g for g in signs if max(np.abs(g * r_A - r_A).max(), np.abs(g * r_B - r_B).max()) < EQUAL]
        flips = [g for g in kept if np.prod(g) > 0 or not any(np.array_equal(-g, h) for h in kept)]
    zero = np.zeros((3, 3))
    group = [np.block([[np.diag(g), zero], [zero, np.diag(g)]]) for g in flips]
    for sign in (1, -1):
        if np.abs(r_A - sign * r_B).max() < EQUAL:
            group += [sign * np.block([[zero, np.diag(g)], [np.diag(g), zero]]) for g in flips]
            break
    return np.array(group)


def averaged_kernel(kind: Kind, group: Array | np.ndarray, x: Array, y: Array) -> Array:
    """K(x, y) of a `CanonicalForm` of this kind and group, for x, y (..., 6) that broadcast; in JAX."""
    function = axial_mean if kind == "O(2)" else _modulus
    return sum((function(x, y @ G) for G in group), jnp.zeros(())) / len(group)


def _modulus(x: Array, y: Array) -> Array:
    return jnp.abs((x * y).sum(-1))
