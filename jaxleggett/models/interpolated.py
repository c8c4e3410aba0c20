"""The models that linear programmes find: finitely many hidden vectors, correlators between the bounds of [B13 (5)].

Any hidden vectors that obey condition (P) of docs/CERTIFICATES.md at a pair of settings,

    E|u.a + v.b| <= 1 + C(a, b),      E|u.a - v.b| <= 1 - C(a, b),

have a correlator that averages to C(a, b): a mixture of the two bounds of [B13 (5)], in the way of [B13 (9)].
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import register_dataclass

from .._numerics import dot, in_double
from ..correlation import correlation_bounds
from ..joint_rotations import Axis, Symmetry, twirled_bound
from ..sphere import GOLDEN, icosahedron_axes, rotation_matrix, turned
from ..states import TwoQubitState
from .finite import FiniteModel
from .interface import marginals

if TYPE_CHECKING:
    from .._shapes import AnyArray, Array, ArrayLike, Float

NOISE_MEAN = 0.72
"""More than E|u.a + v.b| for u, v independent on the vertices of an icosahedron, at any a, b (at most 0.685)."""

UNIT_ROUNDOFF = 2.0**-53

ARC_ORDER = 16
"""Gauss-Legendre nodes on an arc on which |u.a + v.b| and |u.a - v.b| are smooth: a sine wave, exact to rounding."""

M = TypeVar("M", bound="InterpolatedModel")


@register_dataclass
@dataclass(frozen=True, eq=False)
class InterpolatedModel(FiniteModel):
    """Hidden vectors u, v (K, 3) with weights (K,), and the correlator that reproduces `target` with them.

    C_{u,v}(a, b) = p^- [-1 + |u.a + v.b|] + p^+ [1 - |u.a - v.b|], with weights p^+- = 1 - p^-+ that depend on a and
    b alone, so that C averages to that of the target. They lie in [0, 1], and all probabilities are non-negative,
    wherever the hidden vectors obey (P); elsewhere negative probabilities appear.

    A state and hidden vectors with its marginals are enough for a model, here opposite ones in the directions of an
    icosahedron's vertices and of a random sample:

    >>> import jax
    >>> import numpy as np
    >>> import jaxleggett as jl
    >>> from jaxleggett.models import InterpolatedModel
    >>> half = np.concatenate([jl.sample_sphere(jax.random.key(0), 400), np.eye(3)])
    >>> u = np.concatenate([half, -half])
    >>> model = InterpolatedModel(np.full(len(u), 1 / len(u)), u, -u, jl.werner(0.8))
    >>> jl.verify(model, "random:20", target=jl.werner(0.8), method="exact").rows[0].verdict.value
    'reproduces'
    """

    weights: np.ndarray
    u: np.ndarray
    v: np.ndarray
    target: TwoQubitState

    name: ClassVar[str] = "interpolated"

    def atoms(self) -> tuple[AnyArray, AnyArray, AnyArray]:
        """The hidden vectors and their weights."""
        return self.weights, self.u, self.v

    def mean(self, a: Float[AnyArray, "3"], b: Float[AnyArray, "3"]) -> Float[Array, ""]:
        """E|u.a + v.b| at one pair of settings, (3,) each."""
        return jnp.sum(self.weights * jnp.abs(dot(self.u, a) + dot(self.v, b)))

    @in_double
    def interpolation(self, a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
        """(p^-, p^+) at one pair of settings: they sum to 1 and weigh the averaged bounds so that C is the target's.

        Where the averaged bounds coincide, any weights do: (1/2, 1/2).
        """
        a, b = jnp.asarray(a), jnp.asarray(b)
        lower, upper = -1 + self.mean(a, b), 1 - self.mean(a, -b)
        width = upper - lower
        C = self.target.correlation(a, b)[2]
        share = jnp.where(width > 0, (C - lower) / jnp.where(width > 0, width, 1), 0.5)
        return 1 - share, share

    @in_double
    def correlator(self, u: AnyArray, v: AnyArray, a: AnyArray, b: AnyArray) -> Array:
        """C_{u,v}(a, b) = p^- [-1 + |u.a + v.b|] + p^+ [1 - |u.a - v.b|]."""
        p_minus, p_plus = self.interpolation(a, b)
        lower, upper = correlation_bounds(*marginals(*(jnp.asarray(x) for x in (u, v, a, b))))
        return p_minus * lower + p_plus * upper

    def with_noise(self: M, share: float) -> M:
        """The same mixed with a share of independent u and v on the vertices of an icosahedron.

        For them E|u.a + v.b| < NOISE_MEAN at any a, b: the mixture serves the target at 1 - share times the visibility.
        """
        vertices = np.concatenate([icosahedron_axes(), -icosahedron_axes()])
        i, j = (k.ravel() for k in np.indices((12, 12)))
        return self._mixed(share, np.full(144, 1 / 144), vertices[i], vertices[j])

    def corrected(self: M, breach: float, miss_A: np.ndarray, miss_B: np.ndarray) -> tuple[M, float]:
        """The model mixed with a little of others until it obeys (P), with the marginals of its target to rounding.

        breach          by how much (P) is breached at worst
        miss_A, miss_B  E[u] and E[v] less the Bloch vectors of the target, (3,) each

        Returns the model and the share s that was mixed in: its target is the old one at 1 - s times the visibility.
        Opposite vectors along the misses are given weights that make up for them; for these E|u.a + v.b| is at most
        2, which as much noise makes up for as brings the mixture below 1 + (1 - s) C(a, b) again.
        """
        longest = max(float(np.linalg.norm(miss)) for miss in (miss_A, miss_B))
        turned, noise = correction(breach, longest, len(self.weights))
        if turned:
            # The means of these are so that those of the mixture are right; half of what they can be at most.
            kept = 1 - turned - noise
            (p, x), (q, y) = (_opposite(-kept * miss / turned) for miss in (miss_A, miss_B))
            pair = np.repeat([0, 1], 2), np.tile([0, 1], 2)
            mixed = self._mixed(turned / (1 - noise), p[pair[0]] * q[pair[1]], x[pair[0]], y[pair[1]])
        else:
            mixed = self
        return mixed.with_noise(noise), turned + noise

    def _mixed(self: M, share: float, weights: np.ndarray, u: np.ndarray, v: np.ndarray) -> M:
        """The same mixed with a share of other atoms; the target is the old one at 1 - share times the visibility."""
        return replace(
            self,
            weights=np.concatenate([(1 - share) * self.weights, share * weights]),
            u=np.concatenate([self.u, u]),
            v=np.concatenate([self.v, v]),
            target=self.target.with_visibility(1 - share),
        )


def correction(breach: float, miss: float, atoms: int) -> tuple[float, float]:
    """The shares of opposite vectors and of noise that `corrected` mixes in, for a worst breach and a longest miss.

    With shares t and n, (1 - t - n) (1 + breach) + 2 t + NOISE_MEAN n <= 1, rounding of `atoms` terms included.
    """
    rounding = 4 * (atoms + 40) * UNIT_ROUNDOFF
    turned = min(2 * miss, 0.5) if miss > UNIT_ROUNDOFF else 0.0
    noise = min((max(breach, 0.0) + turned + rounding) / (1 - NOISE_MEAN), 1 - turned)
    return turned, noise


def _opposite(mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two opposite unit vectors (2, 3) and weights (2,) for which the mean vector is `mean`, of length at most 1."""
    length = float(np.linalg.norm(mean))
    n = mean / length if length > 0 else np.array([0.0, 0.0, 1.0])
    return np.array([1 + length, 1 - length]) / 2, np.stack([n, -n])


@register_dataclass
@dataclass(frozen=True, eq=False)
class AxialModel(InterpolatedModel):
    """The same with its hidden vectors averaged over joint turns about an axis of each party, O(2).

    The angle of the turn is part of the hidden variable: it is drawn afresh for every pair of hidden vectors.
    """

    axis: Axis

    name: ClassVar[str] = "axial"

    @property
    def symmetry(self) -> Symmetry:  # type: ignore[override]
        """Turns about the axis."""
        return self.axis

    def mean(self, a: Float[AnyArray, "3"], b: Float[AnyArray, "3"]) -> Float[Array, ""]:
        """E|u.a + v.b|, in closed form."""
        return jnp.sum(self.weights * self.axis.mean(self.u, self.v, a, b))

    @in_double
    def sample(self, key: Array, num: int) -> tuple[Array, Array]:
        """`num` independent draws of an atom and of an angle."""
        level, angle = jax.random.uniform(key, (2, num), float)
        return self.axis.turned(2 * jnp.pi * angle, *self._at(level))

    @in_double
    def lattice(self, key: Array, index: Array, num: int) -> tuple[Array, Array]:
        """Systematic sampling of the atoms, and golden-ratio turns, both shifted at random."""
        shift_key, turn_key = jax.random.split(key)
        angle = (jnp.asarray(index) * GOLDEN + jax.random.uniform(turn_key, (), float)) % 1
        return self.axis.turned(2 * jnp.pi * angle, *super().lattice(shift_key, index, num))

    def quadrature(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        """Gauss-Legendre on the arcs of angles between which |u.a + v.b| and |u.a - v.b| are smooth.

        u.a +- v.b = p + q cos(angle - first) vanishes where the angle is first +- arccos(-p/q), if anywhere: at most
        four angles an atom. They are nodes too, of weight 0, because probabilities may be least there.
        """
        x, w = np.polynomial.legendre.leggauss(ARC_ORDER)
        ends = []
        for second in (b, -b):
            p, c, s = self.axis.wave(self.u, self.v, a, second)
            q = jnp.sqrt(c * c + s * s)
            crossing = jnp.arccos(jnp.clip(-p / jnp.where(q > 0, q, 1), -1, 1))
            first = jnp.arctan2(s, c)
            ends += [first + crossing, first - crossing]
        start = jnp.sort(jnp.stack(ends) % (2 * jnp.pi), axis=0)
        length = jnp.diff(start, axis=0, append=start[:1] + 2 * jnp.pi)
        angle = jnp.concatenate([start[..., None] + length[..., None] * (x + 1) / 2, start[..., None]], axis=-1)
        weights = self.weights[:, None] * length[..., None] * np.append(w, 0.0) / (4 * jnp.pi)
        u, v = self.axis.turned(angle, self.u[:, None], self.v[:, None])
        return u.reshape(-1, 3), v.reshape(-1, 3), jnp.ravel(weights)


@register_dataclass
@dataclass(frozen=True, eq=False)
class IsotropicModel(InterpolatedModel):
    """The same with its hidden vectors averaged over all joint rotations, SO(3): the models of Werner states.

    The rotation is part of the hidden variable: it is drawn afresh for every pair of hidden vectors. `turn` (3, 3) is
    the rotation that takes Bob's frame to Alice's: for Werner states, T = -V 1, the identity; for T = -V Q it is Q.
    """

    turn: np.ndarray

    name: ClassVar[str] = "isotropic"

    symmetry: ClassVar[Symmetry] = "SO(3)"

    quadrature = None  # type: ignore[assignment]
    """There is none: the corners of |u.a + v.b| are surfaces in the space of rotations."""

    def mean(self, a: Float[AnyArray, "3"], b: Float[AnyArray, "3"]) -> Float[Array, ""]:
        """E|u.a + v.b| = F(theta, phi), theta the angle between u and -v, phi that between a and b."""
        theta, phi = _angle(self.u, -turned(self.turn, self.v)), _angle(a, turned(self.turn, b))
        return jnp.sum(self.weights * twirled_bound(theta, phi))

    @in_double
    def sample(self, key: Array, num: int) -> tuple[Array, Array]:
        """`num` independent draws of an atom and of a rotation."""
        level, *point = jax.random.uniform(key, (4, num), float)
        return self._turned(jnp.stack(point, axis=-1), *self._at(level))

    @in_double
    def lattice(self, key: Array, index: Array, num: int) -> tuple[Array, Array]:
        """Systematic sampling of the atoms, and rotations on a Kronecker lattice, both shifted at random.

        The steps are the powers of the root of x^4 = x + 1, which extends the golden ratio to three
        dimensions (M. Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018).
        """
        shift_key, turn_key = jax.random.split(key)
        step = 1.2207440846057596 ** -np.arange(1.0, 4.0)
        point = (jnp.asarray(index).astype(float)[:, None] * step + jax.random.uniform(turn_key, (3,), float)) % 1
        return self._turned(point, *super().lattice(shift_key, index, num))

    def _turned(self, point: Array, u: Array, v: Array) -> tuple[Array, Array]:
        rotation = rotation_matrix(point)
        back = jnp.asarray(self.turn).T
        return turned(rotation, u), turned(back, turned(rotation, turned(self.turn, v)))


def _angle(x: Float[AnyArray, "*n 3"], y: Float[AnyArray, "*n 3"]) -> Float[Array, "*n"]:
    """The angle between unit vectors (..., 3), exact where it is small or nearly pi."""
    return 2 * jnp.arctan2(jnp.sqrt(dot(x - y, x - y)), jnp.sqrt(dot(x + y, x + y)))
