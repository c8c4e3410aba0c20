"""The note's models with finitely many pairs of hidden vectors: great circle, PR box, separable states."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import jax.numpy as jnp
import numpy as np
from jax.tree_util import register_dataclass

from .._checks import InputError, quoted, real_array
from .._numerics import ByValue, dot, in_double
from ..settings import SettingPairs
from ..sphere import orthogonal_axes
from ..states import TwoQubitState, werner
from .finite import FiniteModel, opposite

if TYPE_CHECKING:
    from .._shapes import AnyArray, Array, ArrayLike, Bool, Float


@register_dataclass
@dataclass(frozen=True, eq=False)
class GreatCircleModel(FiniteModel, ByValue):
    """The singlet with all settings on one great circle: u = v = +-`normal`, so all marginals vanish.

    Then [B13 (5)] allows any correlator, and C = -a.b is that of the singlet. At settings off the circle the marginals
    do not vanish, and some probabilities are negative. `normal` is a unit vector (3,), z unless given.

    >>> import jaxleggett as jl
    >>> circle = jl.verify(jl.GreatCircleModel(), "equatorial:4", method="exact")
    >>> circle.reproduces, jl.verify(jl.GreatCircleModel(), "random:4", method="exact").reproduces
    (True, False)
    """

    normal: ArrayLike = field(default_factory=lambda: np.array([0.0, 0.0, 1.0]))

    name: ClassVar[str] = "great-circle"

    def atoms(self) -> tuple[AnyArray, AnyArray, AnyArray]:
        """u = v = normal and u = v = -normal, with equal weights."""
        u = jnp.stack([jnp.asarray(self.normal), -jnp.asarray(self.normal)])
        return jnp.full(2, 0.5), u, u

    @in_double
    def correlator(self, u: object, v: object, a: Float[AnyArray, "*n 3"], b: Float[AnyArray, "*n 3"]) -> AnyArray:
        """C = -a.b, that of the singlet, for all hidden vectors."""
        return -dot(a, b)

    @property
    def target(self) -> TwoQubitState:
        """The singlet."""
        return werner(1.0)


@register_dataclass
@dataclass(frozen=True, eq=False)
class PRBoxModel(FiniteModel, ByValue):
    """The PR box P = (1 + alpha beta (-1)^{ij})/4 at two settings a side, `alice` and `bob` of shape (2, 3).

    u is orthogonal to both of Alice's settings and v to both of Bob's, so all marginals vanish. Each side may have any
    two different unit vectors; unless given, they are z and x.

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
        """The box with the settings of `pairs`, in the order of their first use.

        Raises InputError unless each party has exactly two, where settings that differ by less than 1e-9 are the same.
        """
        sides = []
        for party, vectors in (("Alice", pairs.a), ("Bob", pairs.b)):
            others = vectors[_differ(vectors, vectors[0])]
            if len(others) == 0 or _differ(others, others[0]).any():
                found = "more" if len(others) else "one"
                raise InputError(f"settings of the pr-box must be two for {party}, but are {found}")
            sides.append(np.stack([vectors[0], others[0]]))
        return cls(*sides)

    @property
    def pairs(self) -> SettingPairs:
        """The four setting pairs (i, j) of the box, in the order 00, 01, 10, 11."""
        return SettingPairs.product(self.alice, self.bob)

    def atoms(self) -> tuple[AnyArray, AnyArray, AnyArray]:
        """u and v are unit vectors normal to Alice's and to Bob's settings, with all four signs, equally weighted."""
        n_A, n_B = _normal_to(self.alice), _normal_to(self.bob)
        return jnp.full(4, 0.25), jnp.stack([n_A, n_A, -n_A, -n_A]), jnp.stack([n_B, -n_B, n_B, -n_B])

    @in_double
    def correlator(self, u: object, v: object, a: Float[AnyArray, "*n 3"], b: Float[AnyArray, "*n 3"]) -> AnyArray:
        """C = (-1)^{ij}, where i and j number the settings of the box that are nearest to a and b."""
        return 1 - 2.0 * (_second(a, self.alice) & _second(b, self.bob))

    @in_double
    def correlation(self, a: ArrayLike, b: ArrayLike) -> tuple[AnyArray, AnyArray, AnyArray]:
        """(M^A, M^B, C) = (0, 0, (-1)^{ij}) at settings of shape (..., 3)."""
        C = self.correlator(None, None, jnp.asarray(a), jnp.asarray(b))
        return jnp.zeros_like(C), jnp.zeros_like(C), C

    @property
    def target(self) -> PRBoxModel:
        """The box itself, since it is no quantum state."""
        return self


def _normal_to(two: Float[AnyArray, "2 3"]) -> Float[Array, "3"]:
    """A unit vector orthogonal to both rows; where these are opposite, any such vector."""
    return orthogonal_axes(jnp.asarray(two[0]), jnp.asarray(two[1]))[2]


def _differ(vectors: Float[np.ndarray, "n 3"], known: Float[np.ndarray, "3"]) -> Bool[np.ndarray, "n"]:
    """Which of these vectors are another one than `known`, by more than 1e-9."""
    return np.abs(vectors - known).max(axis=1) > 1e-9


def _second(setting: Float[AnyArray, "*n 3"], two: Float[AnyArray, "2 3"]) -> AnyArray:
    """Whether `setting` is nearer to the second row of `two` than to the first."""
    return dot(setting, two[1]) > dot(setting, two[0])


@register_dataclass
@dataclass(frozen=True, eq=False)
class SeparableModel(FiniteModel, ByValue):
    """A separable state: the hidden vectors are those of its decomposition into pure product states, C = (u.a)(v.b).

    `weights` (K,) are to be non-negative with the sum 1; `u` and `v` (K, 3) are unit vectors, the Bloch vectors of the
    factors. Unless given, they are those of the Werner state V = 1/3 as an equal mixture of the six products with
    u = -v = +-x, +-y, +-z.

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
        """The model of the state sum_k w_k rho(r_A,k) x rho(r_B,k), by its `weights` (K,) and Bloch vectors (K, 3).

        A mixed factor is split into the two pure states along its Bloch vector. Raises InputError for weights that are
        not non-negative numbers with the sum 1, and for Bloch vectors of another shape or of a norm above 1, each to
        within 1e-9.
        """
        w = _numbers("weights", weights)
        if w.ndim != 1 or not (w >= 0).all() or not abs(w.sum() - 1) <= 1e-9:
            raise InputError(f"weights must be non-negative and sum to 1, but are {quoted(w.tolist())}")
        (p, u), (q, v) = (opposite(_bloch_vectors(name, r, len(w))) for name, r in (("r_A", r_A), ("r_B", r_B)))
        joint = w[:, None, None] * p[:, :, None] * q[:, None, :]
        shape = (len(w), 2, 2, 3)
        return cls(
            weights=joint.ravel() / joint.sum(),
            u=np.broadcast_to(u[:, :, None], shape).reshape(-1, 3),
            v=np.broadcast_to(v[:, None, :], shape).reshape(-1, 3),
        )

    def atoms(self) -> tuple[AnyArray, AnyArray, AnyArray]:
        """The decomposition into pure product states."""
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
        """The separable state: r_A = sum_k w_k u_k, r_B = sum_k w_k v_k, T = sum_k w_k u_k v_k^T."""
        w, u, v = np.asarray(self.weights), np.asarray(self.u), np.asarray(self.v)
        return TwoQubitState(r_A=w @ u, r_B=w @ v, T=np.einsum("k,ki,kj->ij", w, u, v))


def _bloch_vectors(name: str, value: ArrayLike, num: int) -> Float[np.ndarray, "num 3"]:
    """`value` as Bloch vectors (num, 3) of norm at most 1; InputError for anything else."""
    r = _numbers(name, value)
    if r.shape != (num, 3):
        raise InputError(f"{name} must have shape ({num}, 3), one row a weight, but has {r.shape}")
    length = np.linalg.norm(r, axis=1)
    if not (length <= 1 + 1e-9).all():
        raise InputError(f"{name} must hold Bloch vectors of norm at most 1, but one has {length.max():.9g}")
    return r


def _numbers(name: str, value: ArrayLike) -> Float[np.ndarray, "..."]:
    """`value` as a float64 array; InputError where it is none."""
    try:
        return real_array(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} must be an array of numbers, but is {quoted(value)}") from None
