"""The models that linear programmes find: finitely many hidden vectors, correlators between the bounds of [B13 (5)].

The averages of the bounds of [B13 (5)] over hidden vectors are -1 + E|u.a + v.b| and 1 - E|u.a - v.b|. A correlator
within the bounds that averages to C(a, b) exists if and only if C(a, b) lies between these averages:

    E|u.a + v.b| <= 1 + C(a, b),      E|u.a - v.b| <= 1 - C(a, b).                                            (P)

Then one such correlator is a mixture of the two bounds, with weights that depend on a and b alone, as in [B13 (9)].
Symmetries: `InterpolatedModel` has its hidden vectors written out, `AxialModel` averages them over turns about an
axis, and `IsotropicModel` over all rotations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import register_dataclass

from .._numerics import dot, in_double
from ..joint_rotations import Axis, Symmetry, isotropic_mean
from ..sphere import GOLDEN, icosahedron_axes, rotation_matrix, turned
from ..states import TwoQubitState
from .finite import FiniteModel, opposite
from .interface import interpolated, marginals

if TYPE_CHECKING:
    from .._shapes import AnyArray, Array, ArrayLike, Float

NOISE_MEAN = 0.72
"""An upper bound of E|u.a + v.b| for u and v independent and uniform on the vertices of an icosahedron.

At any a and b that mean is at most 0.685.
"""

UNIT_ROUNDOFF = 2.0**-53
"""The largest relative error of one rounding in double precision."""

ARC_ORDER = 16
"""Gauss-Legendre nodes on an arc on which |u.a + v.b| and |u.a - v.b| are sine waves: exact to rounding."""

M = TypeVar("M", bound="InterpolatedModel")


@register_dataclass
@dataclass(frozen=True, eq=False)
class InterpolatedModel(FiniteModel):
    """Hidden vectors u, v (K, 3) with weights (K,), and the correlator that reproduces that of `target` with them.

    C_{u,v}(a, b) = p^- [-1 + |u.a + v.b|] + p^+ [1 - |u.a - v.b|]. The weights p^- and p^+ sum to 1 and depend on a and
    b alone; they are those for which C averages to the target's correlator. At settings where the hidden vectors obey
    (P), both lie in [0, 1] and all probabilities are non-negative; at others some probabilities are negative. The
    marginals are those of the target only if E[u] and E[v] are its Bloch vectors.

    An example, with v = -u and the directions of a random sample, of the axes, and of their opposites:

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
        """The weights and the hidden vectors."""
        return self.weights, self.u, self.v

    def mean(self, a: Float[AnyArray, "3"], b: Float[AnyArray, "3"]) -> Float[Array, ""]:
        """E|u.a + v.b| at one pair of settings, (3,) each."""
        return jnp.sum(self.weights * jnp.abs(dot(self.u, a) + dot(self.v, b)))

    @in_double
    def interpolation(self, a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
        """(p^-, p^+) at one pair of settings: with these weights the averaged bounds give the target's correlator.

        They sum to 1. Where the averaged bounds coincide, any weights would do, and these are (1/2, 1/2).
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
        M_A, M_B = marginals(*(jnp.asarray(x) for x in (u, v, a, b)))
        return interpolated(*self.interpolation(a, b), M_A, M_B)

    def with_noise(self: M, share: float) -> M:
        """This model mixed with a `share` of noise: u and v independent and uniform on the vertices of an icosahedron.

        The target of the mixture is the old one at 1 - share times the visibility. The noise has E[u] = E[v] = 0 and
        E|u.a + v.b| < NOISE_MEAN at all a, b, so it brings the mixture closer to (P).
        """
        vertices = np.concatenate([icosahedron_axes(), -icosahedron_axes()])
        i, j = (k.ravel() for k in np.indices((12, 12)))
        return self._mixed(share, np.full(144, 1 / 144), vertices[i], vertices[j])

    def corrected(self: M, breach: float, miss_A: np.ndarray, miss_B: np.ndarray) -> tuple[M, float]:
        """This model mixed with other hidden vectors, so that it obeys (P) and has its target's marginals to rounding.

        breach          the largest amount by which a condition of (P) is broken
        miss_A, miss_B  E[u] and E[v] minus the Bloch vectors of the target, (3,) each

        Returns the mixture, whose target is the old one at 1 - s times the visibility, and the share s that was mixed
        in. It has two parts, with the shares of `correction`. First, opposite vectors along each miss, with weights
        that correct the marginals; for these E|u.a + v.b| may be as large as 2. Second, noise, for which it is below
        NOISE_MEAN: as much as is needed for E|u.a + v.b| <= 1 + (1 - s) C(a, b) in the mixture.
        """
        longest = max(float(np.linalg.norm(miss)) for miss in (miss_A, miss_B))
        opposed, noise = correction(breach, longest, len(self.weights))
        mixed = self
        if opposed:
            # kept (r + miss) + opposed mean = kept r for a Bloch vector r of the target; so |mean| is at most 1/2.
            kept = 1 - opposed - noise
            (p, x), (q, y) = (opposite(-kept * miss / opposed) for miss in (miss_A, miss_B))
            i, j = np.repeat([0, 1], 2), np.tile([0, 1], 2)
            mixed = self._mixed(opposed / (1 - noise), p[i] * q[j], x[i], y[j])
        return mixed.with_noise(noise), opposed + noise

    def _mixed(self: M, share: float, weights: np.ndarray, u: np.ndarray, v: np.ndarray) -> M:
        """This model mixed with a `share` of other atoms, its target at 1 - share times the old visibility."""
        return replace(
            self,
            weights=np.concatenate([(1 - share) * self.weights, share * weights]),
            u=np.concatenate([self.u, u]),
            v=np.concatenate([self.v, v]),
            target=self.target.with_visibility(1 - share),
        )


def correction(breach: float, miss: float, atoms: int) -> tuple[float, float]:
    """The shares t of opposite vectors and n of noise that `InterpolatedModel.corrected` mixes in.

    breach      the largest amount by which a condition of (P) is broken
    miss        the length of the longer of the two misses
    atoms       the number of atoms of the model, whose sums are rounded

    (1 - t - n) (1 + breach) + 2 t + NOISE_MEAN n <= 1, also with rounding errors. Where the n that this needs is above
    1 - t, it is 1 - t, and nothing of the model is left.
    """
    rounding = 4 * (atoms + 40) * UNIT_ROUNDOFF
    opposed = min(2 * miss, 0.5) if miss > UNIT_ROUNDOFF else 0.0
    noise = min((max(breach, 0.0) + opposed + rounding) / (1 - NOISE_MEAN), 1 - opposed)
    return opposed, noise


@register_dataclass
@dataclass(frozen=True, eq=False)
class AxialModel(InterpolatedModel):
    """An `InterpolatedModel` whose hidden vectors are averaged over joint turns about an axis of each party, O(2).

    The angle of the turn is part of the hidden variable: each sample has its own, uniformly distributed.
    """

    axis: Axis

    name: ClassVar[str] = "axial"

    @property
    def symmetry(self) -> Symmetry:  # type: ignore[override]
        """The turns about the axis."""
        return self.axis

    def mean(self, a: Float[AnyArray, "3"], b: Float[AnyArray, "3"]) -> Float[Array, ""]:
        """E|u.a + v.b| at one pair of settings, with the mean over turns in closed form (`Axis.mean`)."""
        return jnp.sum(self.weights * self.axis.mean(self.u, self.v, a, b))

    @in_double
    def sample(self, key: Array, num: int) -> tuple[Array, Array]:
        """`num` independent draws of an atom and of an angle: u and v, each (num, 3)."""
        level, angle = jax.random.uniform(key, (2, num), float)
        return self.axis.turned(2 * jnp.pi * angle, *self._at(level))

    @in_double
    def lattice(self, key: Array, index: Array, num: int) -> tuple[Array, Array]:
        """Systematic sampling of the atoms, and angles in steps of the golden ratio, both shifted at random."""
        shift_key, turn_key = jax.random.split(key)
        angle = (jnp.asarray(index) * GOLDEN + jax.random.uniform(turn_key, (), float)) % 1
        return self.axis.turned(2 * jnp.pi * angle, *super().lattice(shift_key, index, num))

    def quadrature(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        """Gauss-Legendre quadrature on the arcs of angles on which |u.a + v.b| and |u.a - v.b| are smooth.

        Each of u.a +- v.b is p + q cos(angle - first), which can change sign only at the angles
        first +- arccos(-p/q). So each atom has at most four arcs. Their ends are nodes, too, with weight 0, because
        a probability may be smallest there.
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
    """An `InterpolatedModel` whose hidden vectors are averaged over all joint rotations, SO(3), for T = -V Q.

    Q, a rotation matrix, is `turn` (3, 3), which takes Bob's frame to Alice's; Werner states have Q = 1. The joint
    rotation R is part of the hidden variable: each sample has its own, with R u for Alice and Q^T R Q v for Bob.
    """

    turn: np.ndarray

    name: ClassVar[str] = "isotropic"

    symmetry: ClassVar[Symmetry] = "SO(3)"

    quadrature = None  # type: ignore[assignment]
    """None is offered: in the space of rotations, |u.a + v.b| has its kinks on surfaces."""

    def mean(self, a: Float[AnyArray, "3"], b: Float[AnyArray, "3"]) -> Float[Array, ""]:
        """E|u.a + v.b| at one pair of settings: the mean of F(theta, phi) of `isotropic_mean`.

        theta is the angle between u and -Q v, phi that between a and Q b.
        """
        theta, phi = _angle(self.u, -turned(self.turn, self.v)), _angle(a, turned(self.turn, b))
        return jnp.sum(self.weights * isotropic_mean(theta, phi))

    @in_double
    def sample(self, key: Array, num: int) -> tuple[Array, Array]:
        """`num` independent draws of an atom and of a rotation: u and v, each (num, 3)."""
        level, *point = jax.random.uniform(key, (4, num), float)
        return self._turned(jnp.stack(point, axis=-1), *self._at(level))

    @in_double
    def lattice(self, key: Array, index: Array, num: int) -> tuple[Array, Array]:
        """Systematic sampling of the atoms, and rotations on a Kronecker lattice, both shifted at random.

        Its steps in the three dimensions are x^-1 to x^-3 with the root x > 1 of x^4 = x + 1. In one dimension the
        equation would be x^2 = x + 1, with the golden ratio (M. Roberts, "The unreasonable effectiveness of
        quasirandom sequences", 2018).
        """
        shift_key, turn_key = jax.random.split(key)
        step = 1.2207440846057596 ** -np.arange(1.0, 4.0)
        point = (jnp.asarray(index).astype(float)[:, None] * step + jax.random.uniform(turn_key, (3,), float)) % 1
        return self._turned(point, *super().lattice(shift_key, index, num))

    def _turned(self, point: Array, u: Array, v: Array) -> tuple[Array, Array]:
        """R u and Q^T R Q v for the rotations R that belong to points of [0, 1]^3."""
        rotation = rotation_matrix(point)
        back = jnp.asarray(self.turn).T
        return turned(rotation, u), turned(back, turned(rotation, turned(self.turn, v)))


def _angle(x: Float[AnyArray, "*n 3"], y: Float[AnyArray, "*n 3"]) -> Float[Array, "*n"]:
    """The angle between unit vectors (..., 3), without loss of digits where it is near 0 or pi."""
    return 2 * jnp.arctan2(jnp.sqrt(dot(x - y, x - y)), jnp.sqrt(dot(x + y, x + y)))
