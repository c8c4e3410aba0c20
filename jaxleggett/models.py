"""Leggett models: hidden unit vectors u, v, and a correlator C_{u,v}(a, b).

A Leggett model is a mixture of correlations P_{u,v} [B13 (1)] whose marginals are those of the pure
qubits u and v, M^A = u.a [B13 (2)] and M^B = v.b [B13 (3)]. So a model is two functions:

    sample(key, num) -> (u, v)            num independent pairs of hidden vectors, each (num, 3)
    correlator(u, v, a, b) -> C           for single vectors of shape (3,), free within [B13 (5)]

and any object that has both can be passed to `verify`. Four more make it faster or exact:

    lattice(key, index, num) -> (u, v)    points `index` of a randomised num-point rule: method rqmc
    half_lattice(key, index, num) -> (u, v, weights)
                                          the same where C_{-u,-v} = C_{u,v}: every point also stands
                                          for its opposite, at which the marginals change sign
    lattice_error(num)                    bound on what the scatter over rotations of num points does
                                          not show of their error, where it is below the general one
    quadrature(a, b) -> (u, v, weights)   nodes for one pair of settings: method exact

Each counts only where it belongs to the rest: it comes from the class of `sample`, and but for
`lattice` from that of `correlator`, or from a class below. A method marked `for_any_correlator` is
kept by a subclass with another correlator.

A model that knows what it should reproduce says so in `target`, an object with
`correlation(a, b) -> (M^A, M^B, C)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import register_dataclass

from ._checks import InputError, quoted, unit_vectors
from ._numerics import ByValue, dot, in_double
from .correlation import correlation_bounds
from .settings import SettingPairs
from .sphere import (
    cylinder_to_sphere,
    octant_rule,
    orthogonal_axes,
    rotated_fibonacci,
    rotated_half_fibonacci,
    sample_sphere,
)
from .states import TwoQubitState, werner

CRITICAL_VISIBILITY = (1 + 1 / np.sqrt(2)) / 2
"""V_c: the model of [B13 (9)] is non-negative for 0 <= V <= V_c."""


F = TypeVar("F", bound=Callable[..., Any])


def for_any_correlator(method: F) -> F:
    """Mark a `quadrature`, `half_lattice` or `lattice_error` that holds whatever the correlator is."""
    method.for_any_correlator = True  # type: ignore[attr-defined]
    return method


class LeggettModel(Protocol):
    """What `verify` needs of a model; see the head of this module for the optional rest."""

    def sample(self, key: jax.Array, num: int) -> tuple[Any, Any]:
        """`num` independent pairs of hidden vectors, u and v of shape (num, 3)."""
        ...

    def correlator(self, u: Any, v: Any, a: Any, b: Any) -> Any:
        """C_{u,v}(a, b) for single vectors of shape (3,)."""
        ...


def marginals(u: Any, v: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """M^A = u.a and M^B = v.b: locally pure qubits, Malus' law.   [B13 (2)] [B13 (3)]"""
    return dot(u, a), dot(v, b)


@in_double
def averaged_bounds(a: Any, b: Any) -> tuple[jax.Array, jax.Array]:
    """-1 + sqrt((1 - a.b)/2) <= C(a, b) <= 1 - sqrt((1 + a.b)/2).   [B13 (8)]

    The bounds of [B13 (7)] averaged over uniform u: what a model with v = -u can reach. Settings of
    shape (..., 3), results (...). The roots are computed as |a - b|/2 and |a + b|/2, which equals
    them for unit vectors and keeps its digits where a = +-b.
    """
    a, b = jnp.asarray(a), jnp.asarray(b)
    return -1 + _norm(a - b) / 2, 1 - _norm(a + b) / 2


def _norm(x: jax.Array) -> jax.Array:
    """|x|, with gradient 0 where x = 0."""
    square = dot(x, x)
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)


@in_double
def werner_weights(V: Any, a: Any, b: Any) -> tuple[jax.Array, jax.Array]:
    """(p^-, p^+) of [B13 (9)]: p^+- = (1 - sqrt((1 -+ a.b)/2) -+ V a.b) / (2 - sqrt(..) - sqrt(..)).

    They sum to 1 and weigh the two bounds of [B13 (7)] so that C averages to -V a.b [B13 (6)]. For
    0 <= V <= V_c both are non-negative for all settings; outside, negative values are returned.
    """
    a, b = jnp.asarray(a), jnp.asarray(b)
    lower, upper = averaged_bounds(a, b)
    target = -V * dot(a, b)
    return (upper - target) / (upper - lower), (target - lower) / (upper - lower)


@register_dataclass
@dataclass(frozen=True, eq=False)
class WernerModel(ByValue):
    """The explicit model of [B13 (9)] for a Werner state of visibility V: v = -u, u uniform on S^2.

    Non-negative for 0 <= V <= (1 + 1/sqrt 2)/2 and all settings. For other V it still averages to
    the Werner correlations, with negative probabilities at some settings.
    """

    visibility: Any

    name: ClassVar[str] = "werner"

    @in_double
    def sample(self, key: jax.Array, num: int) -> tuple[jax.Array, jax.Array]:
        """`num` uniform u, and v = -u."""
        u = sample_sphere(key, num)
        return u, -u

    @in_double
    def lattice(self, key: jax.Array, index: jax.Array, num: int) -> tuple[jax.Array, jax.Array]:
        """Points of a randomly rotated Fibonacci lattice, and v = -u."""
        u = rotated_fibonacci(key, index, num)
        return u, -u

    @in_double
    def half_lattice(self, key: jax.Array, index: jax.Array, num: int) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Points of a randomly rotated lattice on half the sphere, v = -u, and weights."""
        u, weights = rotated_half_fibonacci(key, index, num)
        return u, -u, weights

    def lattice_error(self, num: int) -> float:
        """1/num^2: P vanishes on half the sphere at some settings, so very few points may all miss it."""
        return 1 / num**2

    def quadrature(self, a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Octants between a - b, a + b and a x b, where the model is smooth: exact to rounding.

        Five nodes of weight 0 stand where probabilities are extreme: a, b, -b and +-(a x b).
        """
        nodes, weights = octant_rule()
        axes = orthogonal_axes(a, b)
        u = jnp.stack([dot(axes.T[i], nodes) for i in range(3)], axis=-1)
        u = jnp.concatenate([u, jnp.stack([a, b, -b, axes[2], -axes[2]])])
        return u, -u, jnp.concatenate([weights, np.zeros(5)])

    @in_double
    def correlator(self, u: Any, v: Any, a: Any, b: Any) -> jax.Array:
        """C_{u,-u}(a, b) = p^- [-1 + |u.(a - b)|] + p^+ [1 - |u.(a + b)|].   [B13 (9)]

        The brackets are the bounds of [B13 (7)], computed as those of [B13 (5)] from u and v = -u.
        """
        p_minus, p_plus = werner_weights(self.visibility, a, b)
        lower, upper = correlation_bounds(*marginals(jnp.asarray(u), jnp.asarray(v), jnp.asarray(a), jnp.asarray(b)))
        return p_minus * lower + p_plus * upper

    @property
    def target(self) -> TwoQubitState:
        """The Werner state of this visibility."""
        return werner(self.visibility)


@register_dataclass
@dataclass(frozen=True, eq=False)
class WhiteNoiseModel(ByValue):
    """The product model of the fully random correlation: u, v independent and uniform, C = (u.a)(v.b)."""

    name: ClassVar[str] = "white-noise"

    @in_double
    def sample(self, key: jax.Array, num: int) -> tuple[jax.Array, jax.Array]:
        """`num` independent pairs of uniform directions."""
        u, v = sample_sphere(key, (2, num))
        return u, v

    @in_double
    def lattice(self, key: jax.Array, index: jax.Array, num: int) -> tuple[jax.Array, jax.Array]:
        """A Kronecker lattice on S^2 x S^2, shifted at random.

        The steps are the powers of the root of x^5 = x + 1, which extends the golden ratio to four
        dimensions (M. Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018).
        """
        shift = jax.random.uniform(key, (4,), float)
        step = 1.1673039782614187 ** -np.arange(1.0, 5.0)
        point = (index.astype(float)[:, None] * step + shift) % 1
        return cylinder_to_sphere(point[:, 0], point[:, 1]), cylinder_to_sphere(point[:, 2], point[:, 3])

    def quadrature(self, a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """u = +-a and v = +-b: P is linear in u.a and v.b, so their means are all that matters."""
        u, v = jnp.stack([a, a, -a, -a]), jnp.stack([b, -b, b, -b])
        return u, v, jnp.full(4, 0.25)

    @in_double
    def correlator(self, u: Any, v: Any, a: Any, b: Any) -> Any:
        """C = (u.a)(v.b): the product of the marginals."""
        return dot(u, a) * dot(v, b)

    @property
    def target(self) -> TwoQubitState:
        """P = 1/4 for all settings."""
        return werner(0.0)


class AtomicModel:
    """Sampling and exact averages of a model with finitely many pairs of hidden vectors (atoms)."""

    def atoms(self) -> tuple[Any, Any, Any]:
        """Weights (K,), u (K, 3) and v (K, 3)."""
        raise NotImplementedError

    @in_double
    def sample(self, key: jax.Array, num: int) -> tuple[jax.Array, jax.Array]:
        """`num` independent draws of an atom."""
        return self._at(jax.random.uniform(key, (num,), float))

    @in_double
    def lattice(self, key: jax.Array, index: jax.Array, num: int) -> tuple[jax.Array, jax.Array]:
        """Systematic sampling: equally spaced levels of the cumulative weights, shifted at random.

        The atoms stand in an order of their own in every rotation, or those that are rare and equally
        spaced would be met or missed together.
        """
        shift_key, order_key = jax.random.split(key)
        shift = jax.random.uniform(shift_key, (), float)
        order = jax.random.permutation(order_key, len(self.atoms()[0]))
        return self._at((jnp.asarray(index).astype(float) + shift) / num, order)

    @for_any_correlator
    def lattice_error(self, num: int) -> float:
        """(1/2 num) sum_k max(phi_k, 1 - phi_k), phi_k the fraction of num w_k, over the atoms where it is not 0.

        Systematic sampling draws an atom of weight w either floor(num w) or ceil(num w) times; these
        errors add up to 0, and P is in [0, 1].
        """
        weights = np.asarray(self.atoms()[0], dtype=np.float64)
        expected = num * weights
        short = np.abs(expected - np.round(expected))
        # A whole number of draws may be reached but for the rounding of the cumulative weights.
        uneven = short > 4 * np.finfo(float).eps * num * len(weights)
        return float((1 - short)[uneven].sum()) / (2 * num)

    @for_any_correlator
    def quadrature(self, a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """The atoms themselves."""
        weights, u, v = self.atoms()
        return jnp.asarray(u), jnp.asarray(v), jnp.asarray(weights)

    def _at(self, level: jax.Array, order: Any = slice(None)) -> tuple[jax.Array, jax.Array]:
        weights, u, v = (jnp.asarray(x)[order] for x in self.atoms())
        # The last bound is left out, so that rounding cannot point beyond the last atom.
        atom = jnp.searchsorted(jnp.cumsum(weights.astype(float))[:-1], level, side="right")
        return u[atom], v[atom]


@register_dataclass
@dataclass(frozen=True, eq=False)
class GreatCircleModel(AtomicModel, ByValue):
    """The singlet with all settings on one great circle: u = v = +-normal, so all marginals vanish.

    C = -a.b then needs no restraint. Off the circle the marginals return and break positivity.
    """

    normal: Any = field(default_factory=lambda: np.array([0.0, 0.0, 1.0]))

    name: ClassVar[str] = "great-circle"

    def atoms(self) -> tuple[Any, Any, Any]:
        """The two signs of the normal, equally often."""
        u = jnp.stack([jnp.asarray(self.normal), -jnp.asarray(self.normal)])
        return jnp.full(2, 0.5), u, u

    @in_double
    def correlator(self, u: Any, v: Any, a: Any, b: Any) -> Any:
        """C = -a.b, that of the singlet."""
        return -dot(a, b)

    @property
    def target(self) -> TwoQubitState:
        """The singlet."""
        return werner(1.0)


@register_dataclass
@dataclass(frozen=True, eq=False)
class PRBoxModel(AtomicModel, ByValue):
    """The PR box P = (1 + alpha beta (-1)^{ij})/4 at two settings a side, `alice` and `bob` of shape (2, 3).

    u is orthogonal to both of Alice's settings and v to both of Bob's, so all marginals vanish. Any
    two different settings do; the default ones are z and x on both sides.
    """

    alice: Any = field(default_factory=lambda: np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))
    bob: Any = field(default_factory=lambda: np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))

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

    def atoms(self) -> tuple[Any, Any, Any]:
        """Both signs of both normals, equally often."""
        n_A, n_B = _normal_to(self.alice), _normal_to(self.bob)
        return jnp.full(4, 0.25), jnp.stack([n_A, n_A, -n_A, -n_A]), jnp.stack([n_B, -n_B, n_B, -n_B])

    @in_double
    def correlator(self, u: Any, v: Any, a: Any, b: Any) -> Any:
        """C = (-1)^{ij}, i and j the numbers of the box's own settings nearest to a and b."""
        return 1 - 2.0 * (_second(a, self.alice) & _second(b, self.bob))

    def correlation(self, a: Any, b: Any) -> tuple[Any, Any, Any]:
        """(0, 0, (-1)^{ij}): what the box itself shows."""
        C = self.correlator(None, None, jnp.asarray(a), jnp.asarray(b))
        return jnp.zeros_like(C), jnp.zeros_like(C), C

    @property
    def target(self) -> PRBoxModel:
        """The PR box is no quantum state: it is its own target."""
        return self


def _normal_to(two: Any) -> jax.Array:
    """A unit vector orthogonal to both rows (along +-row 0 one is completed freely)."""
    return orthogonal_axes(jnp.asarray(two[0]), jnp.asarray(two[1]))[2]


def _second(setting: Any, two: Any) -> Any:
    """Whether `setting` is nearer to the second row of `two` than to the first."""
    return dot(setting, two[1]) > dot(setting, two[0])


@register_dataclass
@dataclass(frozen=True, eq=False)
class SeparableModel(AtomicModel, ByValue):
    """A separable state: rho is its decomposition into pure product states, C = (u.a)(v.b).

    `weights` (K,) are non-negative and sum to 1; `u`, `v` (K, 3) are the Bloch vectors. The default
    is the Werner state V = 1/3 as an equal mixture of the six products u = -v = +-x, +-y, +-z.
    """

    weights: Any = field(default_factory=lambda: np.full(6, 1 / 6))
    u: Any = field(default_factory=lambda: np.concatenate([np.eye(3), -np.eye(3)]))
    v: Any = field(default_factory=lambda: np.concatenate([-np.eye(3), np.eye(3)]))

    name: ClassVar[str] = "separable"

    @classmethod
    def mixture(cls, weights: Any, r_A: Any, r_B: Any) -> SeparableModel:
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

    def atoms(self) -> tuple[Any, Any, Any]:
        """The decomposition."""
        return self.weights, self.u, self.v

    @in_double
    def correlator(self, u: Any, v: Any, a: Any, b: Any) -> Any:
        """C = (u.a)(v.b): that of a product state."""
        return dot(u, a) * dot(v, b)

    @property
    def target(self) -> TwoQubitState:
        """The mixture itself: r_A = sum w u, r_B = sum w v, T = sum w u v^T."""
        w, u, v = np.asarray(self.weights), np.asarray(self.u), np.asarray(self.v)
        return TwoQubitState(r_A=w @ u, r_B=w @ v, T=np.einsum("k,ki,kj->ij", w, u, v))


def _split(name: str, bloch: Any, num: int) -> tuple[np.ndarray, np.ndarray]:
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


@in_double
def outcomes(lam: Any, P: Any) -> tuple[jax.Array, jax.Array]:
    """The detection event (alpha, beta) of the lower-level hidden variable lambda.   [B13, footnote 2]

    A deterministic splitting of P_{u,v}: lambda in [0, 1) falls into one of four intervals of
    lengths P(++), P(+-), P(-+), P(--), so uniform lambda give back `P` of shape (..., 4). For a
    single lambda the outcome of one party may depend on the other's setting: it is signalling.
    """
    bounds = jnp.cumsum(jnp.asarray(P), axis=-1)[..., :3]
    outcome = jnp.sum(jnp.asarray(lam)[..., None] >= bounds, axis=-1)
    return 1 - 2 * (outcome // 2), 1 - 2 * (outcome % 2)
