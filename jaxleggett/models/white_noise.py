"""The product model of the fully random correlation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import register_dataclass

from .._numerics import ByValue, dot, in_double
from ..sphere import cylinder_to_sphere, sample_sphere
from ..states import TwoQubitState, werner

if TYPE_CHECKING:
    from .._shapes import AnyArray, Float


@register_dataclass
@dataclass(frozen=True, eq=False)
class WhiteNoiseModel(ByValue):
    """The product model of the fully random correlation: u, v independent and uniform, C = (u.a)(v.b).

    >>> import jaxleggett as jl
    >>> jl.verify(jl.WhiteNoiseModel(), "random:8", method="exact").reproduces
    True
    """

    name: ClassVar[str] = "white-noise"

    @in_double
    def sample(self, key: jax.Array, num: int) -> tuple[jax.Array, jax.Array]:
        """`num` independent pairs of independent uniform directions."""
        u, v = sample_sphere(key, (2, num))
        return u, v

    @in_double
    def lattice(self, key: jax.Array, index: jax.Array, num: int) -> tuple[jax.Array, jax.Array]:
        """A Kronecker lattice on S^2 x S^2, shifted at random.

        Its steps in the four dimensions are x^-1 to x^-4 with the root x > 1 of x^5 = x + 1. In one dimension the
        equation would be x^2 = x + 1, with the golden ratio (M. Roberts, "The unreasonable effectiveness of
        quasirandom sequences", 2018).
        """
        shift = jax.random.uniform(key, (4,), float)
        step = 1.1673039782614187 ** -np.arange(1.0, 5.0)
        point = (index.astype(float)[:, None] * step + shift) % 1
        return cylinder_to_sphere(point[:, 0], point[:, 1]), cylinder_to_sphere(point[:, 2], point[:, 3])

    def quadrature(self, a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """u = +-a and v = +-b with equal weights: there u.a, v.b and (u.a)(v.b) have the mean 0, as they should."""
        u, v = jnp.stack([a, a, -a, -a]), jnp.stack([b, -b, b, -b])
        return u, v, jnp.full(4, 0.25)

    @in_double
    def correlator(
        self,
        u: Float[AnyArray, "*n 3"],
        v: Float[AnyArray, "*n 3"],
        a: Float[AnyArray, "*#n 3"],
        b: Float[AnyArray, "*#n 3"],
    ) -> AnyArray:
        """C = (u.a)(v.b): the product of the marginals."""
        return dot(u, a) * dot(v, b)

    @property
    def target(self) -> TwoQubitState:
        """White noise: P = 1/4 for all outcomes and settings."""
        return werner(0.0)
