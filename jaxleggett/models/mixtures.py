"""The note's other models: mixtures of finitely many pairs of hidden vectors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import jax.numpy as jnp
import numpy as np
from jax.tree_util import register_dataclass

from .._checks import InputError, quoted, unit_vectors
from .._numerics import ByValue, dot, in_double
from ..settings import SettingPairs
from ..sphere import (
    orthogonal_axes,
)
from ..states import TwoQubitState, werner
from .finite import FiniteModel

if TYPE_CHECKING:
    from .._shapes import AnyArray, Array, ArrayLike, Float


@register_dataclass
@dataclass(frozen=True, eq=False)
class GreatCircleModel(FiniteModel, ByValue):
    """The singlet with all settings on one great circle: u = v = +-normal, so all marginals vanish.

    C = -a.b then needs no restraint. Off the circle the marginals return and break positivity.

    >>> import jaxleggett as jl
    >>> circle = jl.verify(jl.GreatCircleModel(), "equatorial:4", method="exact")
    >>> circle.reproduces, jl.verify(jl.GreatCircleModel(), "random:4", method="exact").reproduces
    (True, False)
    """

    normal: ArrayLike = field(default_factory=lambda: np.array([0.0, 0.0, 1.0]))

    name: ClassVar[str] = "great-circle"

    def atoms(self) -> tuple[AnyArray, AnyArray, AnyArray]:
        """The two signs of the normal, equally often."""
        u = jnp.stack([jnp.asarray(self.normal), -jnp.asarray(self.normal)])
        return jnp.full(2, 0.5), u, u

    @in_double
    def correlator(self, u: object, v: object, a: Float[AnyArray, "*n 3"], b: Float[AnyArray, "*n 3"]) -> AnyArray:
        """C = -a.b, that of the singlet, whatever the hidden vectors are."""
        return -dot(a, b)

    @property
    def target(self) -> TwoQubitState:
        """The singlet."""
        return werner(1.0)


@register_dataclass
@dataclass(frozen=True, eq=False)
class PRBoxModel(FiniteModel, ByValue):
    """The PR box P = (1 + alpha beta (-1)^{ij})/4 at two settings a side, `alice` and `bob` of shape (2, 3).

    u is orthogonal to both of Alice's settings and v to both of Bob's, so all marginals vanish. Any
    two different settings do; the default ones are z and x on both sides.

    >>> import jaxleggett as jl
    >>> box = jl.PRBoxModel()
    >>> jl.verify(box, box.pairs, method="exact").reproduces
    True
    """

    alice: np.ndarray = field(default_factory=lambda: np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))
    bob: np.ndarray = field(default_factory=lambda: np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))

    name: ClassVar[str] = "pr-box"

    @classmethod
    def at(cls, pairs: SettingPairs) -> PRBoxModel:
        """The box whose settings are those of `pairs`, in their order; InputError unless two a side."""
        sides = []
        for party, vectors in (("Alice", pairs.a), ("Bob", pairs.b)):
            distinct = [vectors[0]]
            for vector in vectors[1:]:
                if min(np.abs(vector - known).max() for known in distinct) > 1e-9:
                    distinct.append(vector)
                if len(distinct) > 2:
                    break
            if len(distinct) != 2:
                found = "more" if len(distinct) > 2 else "one"
                raise InputError(f"settings of the pr-box must be two for {party}, but are {found}")
            sides.append(np.array(distinct))
        return cls(*sides)

    @property
    def pairs(self) -> SettingPairs:
        """Its four setting pairs, (i, j) = 00, 01, 10, 11."""
        return SettingPairs.product(self.alice, self.bob)

    def atoms(self) -> tuple[AnyArray, AnyArray, AnyArray]:
        """Both signs of both normals, equally often."""
        n_A, n_B = _normal_to(self.alice), _normal_to(self.bob)
        return jnp.full(4, 0.25), jnp.stack([n_A, n_A, -n_A, -n_A]), jnp.stack([n_B, -n_B, n_B, -n_B])

    @in_double
    def correlator(self, u: object, v: object, a: Float[AnyArray, "*n 3"], b: Float[AnyArray, "*n 3"]) -> AnyArray:
        """C = (-1)^{ij}, i and j the numbers of the box's own settings nearest to a and b."""
        return 1 - 2.0 * (_second(a, self.alice) & _second(b, self.bob))

    def correlation(self, a: ArrayLike, b: ArrayLike) -> tuple[AnyArray, AnyArray, AnyArray]:
        """(0, 0, (-1)^{ij}): what the box itself shows."""
        C = self.correlator(None, None, jnp.asarray(a), jnp.asarray(b))
        return jnp.zeros_like(C), jnp.zeros_like(C), C

    @property
    def target(self) -> PRBoxModel:
        """The PR box is no quantum state: it is its own target."""
        return self


def _normal_to(two: Float[AnyArray, "2 3"]) -> Float[Array, "3"]:
    """A unit vector orthogonal to both rows (along +-row 0 one is completed freely)."""
    return orthogonal_axes(jnp.asarray(two[0]), jnp.asarray(two[1]))[2]


def _second(setting: Float[AnyArray, "*n 3"], two: Float[AnyArray, "2 3"]) -> AnyArray:
    """Whether `setting` is nearer to the second row of `two` than to the first."""
    return dot(setting, two[1]) > dot(setting, two[0])


@register_dataclass
@dataclass(frozen=True, eq=False)
class SeparableModel(FiniteModel, ByValue):
    """A separable state: rho is its decomposition into pure product states, C = (u.a)(v.b).

    `weights` (K,) are non-negative and sum to 1; `u`, `v` (K, 3) are the Bloch vectors. The default
    is the Werner state V = 1/3 as an equal mixture of the six products u = -v = +-x, +-y, +-z.

    >>> import jaxleggett as jl
    >>> jl.verify(jl.SeparableModel(), "random:8", method="exact").reproduces
    True
    """

    weights: np.ndarray = field(default_factory=lambda: np.full(6, 1 / 6))
    u: np.ndarray = field(default_factory=lambda: np.concatenate([np.eye(3), -np.eye(3)]))
    v: np.ndarray = field(default_factory=lambda: np.concatenate([-np.eye(3), np.eye(3)]))

    name: ClassVar[str] = "separable"

    @classmethod
    def mixture(cls, weights: ArrayLike, r_A: ArrayLike, r_B: ArrayLike) -> SeparableModel:
        """The model of sum_k w_k rho(r_A,k) x rho(r_B,k), with Bloch vectors (K, 3) of norm at most 1.

        A mixed factor is split into the two pure states along its Bloch vector. Raises InputError
        for weights that are no probabilities and for Bloch vectors that are too long.
        """
        w = np.asarray(weights, dtype=np.float64)
        if w.ndim != 1 or not (w >= 0).all() or not abs(w.sum() - 1) <= 1e-9:
            raise InputError(f"weights must be non-negative and sum to 1, but are {quoted(w.tolist())}")
        (up, u), (vp, v) = _split("r_A", r_A, len(w)), _split("r_B", r_B, len(w))
        joint = w[:, None, None] * up[:, :, None] * vp[:, None, :]
        shape = (len(w), 2, 2, 3)
        return cls(
            weights=joint.ravel() / joint.sum(),
            u=np.broadcast_to(u[:, :, None], shape).reshape(-1, 3),
            v=np.broadcast_to(v[:, None, :], shape).reshape(-1, 3),
        )

    def atoms(self) -> tuple[AnyArray, AnyArray, AnyArray]:
        """The decomposition."""
        return self.weights, self.u, self.v

    @in_double
    def correlator(
        self,
        u: Float[AnyArray, "*n 3"],
        v: Float[AnyArray, "*n 3"],
        a: Float[AnyArray, "*#n 3"],
        b: Float[AnyArray, "*#n 3"],
    ) -> AnyArray:
        """C = (u.a)(v.b): that of a product state."""
        return dot(u, a) * dot(v, b)

    @property
    def target(self) -> TwoQubitState:
        """The mixture itself: r_A = sum w u, r_B = sum w v, T = sum w u v^T."""
        w, u, v = np.asarray(self.weights), np.asarray(self.u), np.asarray(self.v)
        return TwoQubitState(r_A=w @ u, r_B=w @ v, T=np.einsum("k,ki,kj->ij", w, u, v))


def _split(name: str, bloch: ArrayLike, num: int) -> tuple[Float[np.ndarray, "num 2"], Float[np.ndarray, "num 2 3"]]:
    """rho(r) = (1 + |r|)/2 rho(r/|r|) + (1 - |r|)/2 rho(-r/|r|): weights (K, 2), unit vectors (K, 2, 3)."""
    r = np.asarray(bloch, dtype=np.float64)
    if r.shape != (num, 3):
        raise InputError(f"{name} must have shape ({num}, 3), one row a weight, but has {r.shape}")
    length = np.linalg.norm(r, axis=1, keepdims=True)
    if not (length <= 1 + 1e-9).all():
        raise InputError(f"{name} must hold Bloch vectors of norm at most 1, but one has {length.max():.9g}")
    direction = np.where(length > 0, r / np.where(length > 0, length, 1), [0.0, 0.0, 1.0])
    direction = unit_vectors(name, direction)
    weights = np.clip(np.concatenate([1 + length, 1 - length], axis=1) / 2, 0, 1)
    return weights, np.stack([direction, -direction], axis=1)
